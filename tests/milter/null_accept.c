/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * null_accept SOCKET - the least that a milter can do with a mail it does not
 * want: it is sent nothing but MAIL and accepts there. The floor for what
 * ordinary mail may cost. Stops on SIGTERM.
 */
#include <stdio.h>

#include <libmilter/mfapi.h>

static sfsistat
on_mail(SMFICTX *ctx, char **args)
{
	(void)ctx;
	(void)args;
	return SMFIS_ACCEPT;
}

static sfsistat
on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps,
    unsigned long unused2, unsigned long unused3, unsigned long *want_actions,
    unsigned long *want_steps, unsigned long *want2, unsigned long *want3)
{
	(void)ctx;
	(void)actions;
	(void)unused2;
	(void)unused3;
	*want_actions = 0;
	*want_steps = steps & (SMFIP_NOCONNECT | SMFIP_NOHELO | SMFIP_NORCPT |
	    SMFIP_NODATA | SMFIP_NOUNKNOWN | SMFIP_NOHDRS | SMFIP_NOEOH |
	    SMFIP_NOBODY);
	*want2 = *want3 = 0;
	return SMFIS_CONTINUE;
}

int
main(int argc, char **argv)
{
	char name[] = "null_accept";
	struct smfiDesc desc = {
		.xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
		.xxfi_envfrom = on_mail,
		.xxfi_negotiate = on_negotiate,
	};

	if (argc != 2) {
		fprintf(stderr, "usage: null_accept SOCKET\n");
		return 2;
	}
	if (smfi_setconn(argv[1]) != MI_SUCCESS ||
	    smfi_register(desc) != MI_SUCCESS ||
	    smfi_setbacklog(512) != MI_SUCCESS ||
	    smfi_opensocket(1) != MI_SUCCESS) {
		perror(argv[1]);
		return 2;
	}
	return smfi_main() == MI_SUCCESS ? 0 : 1;
}
