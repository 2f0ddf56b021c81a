/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * null_replace SOCKET - the least that a milter can do to edit a mail: it takes
 * headers and body without replies and replaces the whole body by the same
 * bytes. The floor for what an annotated bounce may cost. Stops on SIGTERM.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmilter/mfapi.h>

/* The body so far; one for each connection. */
struct mail {
	unsigned char *body;
	size_t len, size;
	int failed;
};

/* The connection's mail; NULL when out of memory. */
static struct mail *
mail_get(SMFICTX *ctx)
{
	struct mail *mail = smfi_getpriv(ctx);

	if (mail == NULL) {
		mail = calloc(1, sizeof *mail);
		if (mail != NULL)
			smfi_setpriv(ctx, mail);
	}
	return mail;
}

static void
mail_append(struct mail *mail, const unsigned char *bytes, size_t len)
{
	size_t size = mail->size ? mail->size : 65536;
	unsigned char *body;

	while (size - mail->len < len)
		size *= 2;
	if (size != mail->size) {
		body = realloc(mail->body, size);
		if (body == NULL) {
			mail->failed = 1;
			return;
		}
		mail->body = body;
		mail->size = size;
	}
	memcpy(mail->body + mail->len, bytes, len);
	mail->len += len;
}

static sfsistat
on_mail(SMFICTX *ctx, char **args)
{
	struct mail *mail = mail_get(ctx);

	(void)args;
	if (mail == NULL)
		return SMFIS_ACCEPT;
	mail->len = 0;
	mail->failed = 0;
	return SMFIS_CONTINUE;
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	(void)ctx;
	(void)name;
	(void)value;
	return SMFIS_NOREPLY;
}

static sfsistat
on_body(SMFICTX *ctx, unsigned char *bytes, size_t len)
{
	mail_append(smfi_getpriv(ctx), bytes, len);
	return SMFIS_NOREPLY;
}

static sfsistat
on_eom(SMFICTX *ctx)
{
	struct mail *mail = smfi_getpriv(ctx);

	if (mail->failed)
		return SMFIS_ACCEPT;
	if (mail->len > 0 &&
	    smfi_replacebody(ctx, mail->body, (int)mail->len) != MI_SUCCESS)
		return SMFIS_TEMPFAIL;
	return SMFIS_ACCEPT;
}

static sfsistat
on_close(SMFICTX *ctx)
{
	struct mail *mail = smfi_getpriv(ctx);

	if (mail != NULL) {
		free(mail->body);
		free(mail);
		smfi_setpriv(ctx, NULL);
	}
	return SMFIS_CONTINUE;
}

static sfsistat
on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps,
    unsigned long unused2, unsigned long unused3, unsigned long *want_actions,
    unsigned long *want_steps, unsigned long *want2, unsigned long *want3)
{
	(void)ctx;
	(void)unused2;
	(void)unused3;
	*want_actions = actions & SMFIF_CHGBODY;
	*want_steps = steps & (SMFIP_NOCONNECT | SMFIP_NOHELO | SMFIP_NORCPT |
	    SMFIP_NODATA | SMFIP_NOUNKNOWN | SMFIP_NOEOH | SMFIP_NR_HDR |
	    SMFIP_NR_BODY);
	*want2 = *want3 = 0;
	return SMFIS_CONTINUE;
}

/*
 * Without this a TCP connection stalls 40 ms between the body and the reply
 * that follows it, which no good milter should be compared with. Connections
 * inherit it from the listening socket, whose number libmilter does not tell.
 */
static void
set_nodelay(void)
{
	int fd, one = 1, listens;
	socklen_t size;

	for (fd = 3; fd < 32; fd++) {
		size = sizeof listens;
		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens,
		    &size) == 0 && listens)
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
			    sizeof one);
	}
}

int
main(int argc, char **argv)
{
	char name[] = "null_replace";
	struct smfiDesc desc = {
		.xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
		.xxfi_flags = SMFIF_CHGBODY,
		.xxfi_envfrom = on_mail,
		.xxfi_header = on_header,
		.xxfi_body = on_body,
		.xxfi_eom = on_eom,
		.xxfi_close = on_close,
		.xxfi_negotiate = on_negotiate,
	};

	if (argc != 2) {
		fprintf(stderr, "usage: null_replace SOCKET\n");
		return 2;
	}
	if (smfi_setconn(argv[1]) != MI_SUCCESS ||
	    smfi_register(desc) != MI_SUCCESS ||
	    smfi_setbacklog(512) != MI_SUCCESS ||
	    smfi_opensocket(1) != MI_SUCCESS) {
		perror(argv[1]);
		return 2;
	}
	set_nodelay();
	return smfi_main() == MI_SUCCESS ? 0 : 1;
}
