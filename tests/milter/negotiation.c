/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Negotiation: whatever the MTA offers, what is left of the work is done.
 */
#include "milter_tests.h"

#include <stdlib.h>

#define OURS (SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_CHGBODY)

/* What an MTA of that protocol version knows. */
static struct milter_options
all_of(uint32_t version)
{
	struct milter_options all = MILTER_OFFER_ALL;

	all.version = version;
	if (version == 2) {
		all.actions &= SMFI_V2_ACTS;
		all.steps &= SMFI_V2_PROT;
	}
	return all;
}

/* One connection with this offer: the mail must become what is wanted. */
static void
assert_offer(const struct milter_options *offer,
    const struct milter_message *in, const struct milter_message *want)
{
	struct milter_client *c = client_open(offer);
	struct milter_envelope env;
	const char *what;

	assert_int_equal(milter_client_agreed(c)->actions &
	    ~(uint32_t)(OURS | SMFIF_SETSYMLIST), 0);
	envelope_init(&env);
	what = send_fault(c, &env, in, want);
	if (what != NULL)
		print_error("offer: version %lu, actions %lx, steps %lx\n",
		    (unsigned long)offer->version,
		    (unsigned long)offer->actions,
		    (unsigned long)offer->steps);
	assert_no_fault(what, __FILE__, __LINE__);
	milter_client_free(c);
}

static void
every_step(void)
{
	struct milter_message in, want;
	struct milter_envelope env;
	struct milter_options offer;

	envelope_init(&env);
	mail_read(&in, "postfix-unknown");
	filter_mail(&want, &in, &env);
	for (uint32_t version = 2; version <= SMFI_PROT_VERSION; version++) {
		uint32_t all = all_of(version).steps;

		offer = all_of(version);
		assert_offer(&offer, &in, &want);
		for (uint32_t bit = 1; bit <= all; bit <<= 1) {
			offer.steps = all & ~bit;
			assert_offer(&offer, &in, &want);
			offer.steps = all & bit;
			assert_offer(&offer, &in, &want);
		}
	}
	milter_message_release(&in);
	milter_message_release(&want);
}

/* The mail as it becomes when only these actions are allowed; whole: with
 * all of them. body: may the body be edited then? */
static void
make_partial(struct milter_message *mail, const struct milter_message *in,
    const struct milter_message *whole, uint32_t actions, bool body)
{
	mail_copy(mail, in);
	if (actions & SMFIF_CHGHDRS)
		mail_strip(mail);
	for (size_t i = 0; i < whole->nheaders && (actions & SMFIF_ADDHDRS) &&
	    is_ours(&whole->headers[i]); i++)
		mail_add_field(mail, i, whole->headers[i].name,
		    whole->headers[i].value);
	if (!body)
		return;
	mail->body = realloc(mail->body, whole->body_len);
	assert_non_null(mail->body);
	memcpy(mail->body, whole->body, whole->body_len);
	mail->body_len = whole->body_len;
}

/*
 * With only these actions, and with the means to ask for macros or not. There
 * is always one in the offer: none at all means the first version's to
 * libmilter.
 */
static void
assert_actions(uint32_t actions, const struct milter_message *in,
    const struct milter_message *want)
{
	struct milter_options offer = all_of(SMFI_PROT_VERSION);

	offer.actions = actions | SMFIF_SETSYMLIST;
	assert_offer(&offer, in, want);
	offer.actions = actions | SMFIF_ADDRCPT;
	assert_offer(&offer, in, want);
	/* Things that are of no use here do not help. */
	offer.actions = SMFI_CURR_ACTS & ~(uint32_t)(OURS & ~actions);
	assert_offer(&offer, in, want);
	offer = all_of(2);
	offer.actions = actions | SMFIF_ADDRCPT;
	assert_offer(&offer, in, want);
}

static void
every_action(void)
{
	struct milter_message in, whole, want;
	struct milter_envelope env;

	envelope_init(&env);
	mail_read(&in, "postfix-unknown");
	mail_add_field(&in, 4, "bounce-cause", " mailbox-full; by=mx.example");
	mail_add_field(&in, 1, "Bounce-Explanation", " Click here");
	filter_mail(&whole, &in, &env);
	for (unsigned set = 0; set < 8; set++) {
		uint32_t actions = (set & 1 ? SMFIF_ADDHDRS : 0) |
		    (set & 2 ? SMFIF_CHGHDRS : 0) |
		    (set & 4 ? SMFIF_CHGBODY : 0);

		/* The mark in the header keeps it from happening twice. */
		make_partial(&want, &in, &whole, actions,
		    (actions & SMFIF_CHGBODY) && (actions & SMFIF_ADDHDRS));
		assert_actions(actions, &in, &want);
		milter_message_release(&want);
	}
	milter_message_release(&in);
	milter_message_release(&whole);
}

/*
 * Czech needs another charset, and so a body that agrees with its
 * Content-Type: without leave to change one of them neither is changed.
 */
static void
body_with_its_fields(void)
{
	struct milter_message in, whole, want;
	struct milter_envelope env;

	with_settings("languages = {\"* = cs\"}\n");
	envelope_init(&env);
	mail_read(&in, "qmail-unknown");
	mail_add_field(&in, 2, "MIME-Version", " 1.0");
	mail_add_field(&in, 3, "Content-Type",
	    " text/plain; charset=us-ascii");
	mail_add_field(&in, 4, "Content-Transfer-Encoding", " 7bit");
	filter_mail(&whole, &in, &env);
	assert_string_not_equal(mail_field(&whole, "Content-Type", 1),
	    mail_field(&in, "Content-Type", 1));
	assert_actions(OURS, &in, &whole);
	make_partial(&want, &in, &whole, SMFIF_ADDHDRS, false);
	assert_actions(SMFIF_ADDHDRS, &in, &want);
	assert_actions(SMFIF_ADDHDRS | SMFIF_CHGHDRS, &in, &want);
	assert_actions(SMFIF_ADDHDRS | SMFIF_CHGBODY, &in, &want);
	assert_actions(SMFIF_CHGBODY, &in, &in);
	milter_message_release(&in);
	milter_message_release(&whole);
	milter_message_release(&want);
}

/* Macros that the daemon asks for come by stage; those it does not, by all. */
static void
asks_for_macros(void)
{
	struct milter_client *c = client_open(NULL);
	const char *names = milter_client_symlist(c, SMFIM_EOM);

	assert_non_null(names);
	assert_non_null(strstr(names, "i"));
	assert_non_null(strstr(names, "{client_addr}"));
	assert_true(milter_client_agreed(c)->steps & SMFIP_NOCONNECT);
	assert_true(milter_client_agreed(c)->steps & SMFIP_NOHELO);
	assert_true(milter_client_agreed(c)->steps & SMFIP_NODATA);
	assert_true(milter_client_agreed(c)->steps & SMFIP_NR_RCPT);
	assert_true(milter_client_agreed(c)->steps & SMFIP_NR_HDR);
	assert_true(milter_client_agreed(c)->steps & SMFIP_NOEOH);
	assert_true(milter_client_agreed(c)->steps & SMFIP_NR_BODY);
	milter_client_free(c);
}

const struct test negotiation_tests[] = {
	{ "negotiation: asks for what it needs, and for no more",
	    asks_for_macros },
	{ "negotiation: every version, every set of steps", every_step },
	{ "negotiation: without some actions does the rest", every_action },
	{ "negotiation: a body is never changed without its Content-Type",
	    body_with_its_fields },
	{ .name = NULL }
};
