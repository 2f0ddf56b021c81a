/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limits: each below, at and above, and mails of the largest sizes.
 */
#include "milter_tests.h"

#include <stdlib.h>

/* A mail, whether it is annotated, and how. */
enum treatment { UNTOUCHED, HEADER_ONLY, WHOLE };

static enum treatment
treatment_of(struct milter_client *c, const struct milter_message *mail)
{
	struct milter_message out;
	struct milter_envelope env;
	enum treatment treatment = UNTOUCHED;

	envelope_init(&env);
	deliver(c, &env, mail, &out);
	if (mail_fields(&out, "Bounce-Cause") > 0)
		treatment = HEADER_ONLY;
	if (milter_client_changes(c)->body_chunks > 0)
		treatment = WHOLE;
	milter_message_release(&out);
	return treatment;
}

/* On a connection of its own. */
static enum treatment
treatment_alone(const struct milter_message *mail)
{
	struct milter_client *c = client_open(NULL);
	enum treatment treatment = treatment_of(c, mail);

	milter_client_free(c);
	return treatment;
}

static void
with_number(const char *option, size_t value)
{
	char settings[64];

	snprintf(settings, sizeof settings, "%s = \"%zu\"\n", option, value);
	with_settings(settings);
}

/*
 * Header
 */

static void
assert_filtered(const struct milter_message *mail)
{
	struct milter_client *c = client_open(NULL);
	struct milter_envelope env;

	envelope_init(&env);
	assert_like_filter(c, &env, mail);
	/* The next mail on the connection is none the worse. */
	assert_like_filter(c, &env, mail);
	milter_client_free(c);
}

/* A field of that length, in lines of 80 or in one. */
static void
add_long_field(struct milter_message *mail, size_t len, bool folded)
{
	char *value = malloc(len + 1);

	assert_non_null(value);
	memset(value, 'x', len);
	value[0] = ' ';
	value[len] = '\0';
	for (size_t i = 78; folded && i + 1 < len; i += 80)
		memcpy(value + i, "\n\t", 2);
	mail_add_field(mail, 2, "X-Long", value);
	free(value);
}

static void
long_field(void)
{
	static const size_t lengths[] = {
		65000, 65535, 65536, 70000, 102400, 600000
	};
	struct milter_message mail;

	for (size_t i = 0; i < 2 * COUNT(lengths); i++) {
		mail_read(&mail, "postfix-unknown");
		add_long_field(&mail, lengths[i / 2], i % 2);
		assert_filtered(&mail);
		milter_message_release(&mail);
	}
	mail_read(&mail, "postfix-unknown");
	add_long_field(&mail, 70000, true);
	assert_int_equal(treatment_alone(&mail), WHOLE);
	milter_message_release(&mail);
}

static void
too_long_field(void)
{
	struct milter_client *c = client_open(NULL);
	struct milter_message mail;
	struct milter_outcome outcome;
	struct milter_envelope env;

	envelope_init(&env);
	mail_read(&mail, "postfix-unknown");
	add_long_field(&mail, (size_t)1 << 20, true);
	/* libmilter drops the connection; the MTA does what it is told to. */
	assert_int_equal(milter_transact(c, &env, &mail, &outcome), -1);
	milter_message_release(&mail);
	milter_client_free(c);
}

static void
many_fields(void)
{
	static const size_t numbers[] = { 1000, 1980, 2000, 2020, 10000 };
	struct milter_message mail;
	char value[102];

	memset(value, 'x', sizeof value - 1);
	value[0] = ' ';
	value[sizeof value - 1] = '\0';
	for (size_t i = 0; i < COUNT(numbers); i++) {
		mail_read(&mail, "postfix-unknown");
		for (size_t k = 0; k < numbers[i]; k++)
			mail_add_field(&mail, mail.nheaders, "X-Filler",
			    value);
		assert_filtered(&mail);
		milter_message_release(&mail);
	}
}

/*
 * Envelope
 */

/* So many recipients are looked at for one that is exempt. */
#define READERS 50

static void
many_recipients(void)
{
	const char *recipients[READERS + 1];
	struct milter_client *c = client_open(NULL);
	struct milter_message mail, out;
	struct milter_envelope env;

	envelope_init(&env);
	env.recipients = recipients;
	mail_read(&mail, "postfix-unknown");
	for (size_t n = READERS - 1; n <= READERS + 1; n++) {
		for (size_t i = 0; i + 1 < n; i++)
			recipients[i] = "<anna@example.org>";
		recipients[n - 1] = "<list-bounces@example.org>";
		env.nrecipients = n;
		deliver(c, &env, &mail, &out);
		assert_int_equal(mail_says(&out, "What happened"),
		    n > READERS);
		milter_message_release(&out);
	}
	milter_message_release(&mail);
	milter_client_free(c);
}

/*
 * Body
 */

static void
max_body(void)
{
	struct milter_message mail;
	size_t chunk = 65535;

	mail_read(&mail, "postfix-unknown");
	mail_pad(&mail, 3 * chunk);
	for (size_t len = mail.body_len; len < mail.body_len + 2; len++) {
		with_number("max_body", len);
		assert_int_equal(treatment_alone(&mail), WHOLE);
		assert_filtered(&mail);
	}
	with_number("max_body", mail.body_len - 1);
	assert_int_equal(treatment_alone(&mail), HEADER_ONLY);
	with_number("max_body", mail.body_len - 2);
	assert_int_equal(treatment_alone(&mail), HEADER_ONLY);
	/* Around the end of a chunk. */
	for (size_t len = 2 * chunk - 2; len < 2 * chunk + 2; len++) {
		with_number("max_body", len);
		assert_int_equal(treatment_alone(&mail), HEADER_ONLY);
	}
	with_number("max_body", 1);
	assert_true(treatment_alone(&mail) != WHOLE);
	milter_message_release(&mail);
}

static void
default_max_body(void)
{
	size_t from = daemon_logged(&suite.daemon);
	struct milter_message mail;

	mail_read(&mail, "postfix-unknown");
	mail_pad(&mail, (size_t)10 << 20);
	assert_int_equal(treatment_alone(&mail), WHOLE);
	mail_pad(&mail, mail.body_len + 2);
	assert_int_equal(treatment_alone(&mail), HEADER_ONLY);
	daemon_expect(&suite.daemon, from, "larger than max_body");
	milter_message_release(&mail);
}

/*
 * Memory
 */

/* The least memory_limit with which the mail is annotated. */
static size_t
least_memory(const struct milter_message *mail)
{
	size_t low = 1, high = (size_t)16 << 20;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		with_number("memory_limit", middle);
		if (treatment_alone(mail) == UNTOUCHED)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
memory_limit(void)
{
	struct milter_message mail, large;
	size_t least, from;

	mail_read(&mail, "postfix-unknown");
	mail_read(&large, "postfix-unknown");
	mail_pad(&large, (size_t)4 << 20);
	least = least_memory(&mail);
	with_number("memory_limit", least);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(treatment_alone(&mail), WHOLE);
		assert_int_equal(treatment_alone(&large), UNTOUCHED);
	}
	from = daemon_logged(&suite.daemon);
	with_number("memory_limit", least - 1);
	for (int i = 0; i < 20; i++)
		assert_int_equal(treatment_alone(&mail), UNTOUCHED);
	daemon_expect(&suite.daemon, from,
	    "passes untouched: memory_limit is used up");
	with_number("memory_limit", least + 1);
	assert_int_equal(treatment_alone(&mail), WHOLE);
	milter_message_release(&mail);
	milter_message_release(&large);
}

/* A mail for which there is not enough gets the header for its beginning. */
static void
memory_for_header(void)
{
	static const size_t little[] = { 1500000, 2000000, 4500000, 8000000,
		15000000 };
	struct milter_message mail;
	size_t from = daemon_logged(&suite.daemon);

	mail_read(&mail, "postfix-unknown");
	mail_pad(&mail, (size_t)4 << 20);
	mail_add_field(&mail, 0, "Bounce-Cause", " forged");
	for (size_t i = 0; i < COUNT(little); i++) {
		struct milter_client *c = client_open(NULL);
		struct milter_message out;
		struct milter_envelope env;

		with_number("memory_limit", little[i]);
		assert_int_equal(treatment_alone(&mail), HEADER_ONLY);
		envelope_init(&env);
		deliver(c, &env, &mail, &out);
		assert_int_equal(mail_fields(&out, "Bounce-Cause"), 1);
		assert_non_null(strstr(mail_field(&out, "Bounce-Cause", 1),
		    "mailbox-unknown"));
		milter_message_release(&out);
		milter_client_free(c);
	}
	daemon_expect(&suite.daemon, from, "its end was not read");
	with_number("memory_limit", (size_t)32 << 20);
	assert_int_equal(treatment_alone(&mail), WHOLE);
	milter_message_release(&mail);
}

/* Sends all of the mail but its end. */
static void
send_most(struct milter_client *c, const struct milter_message *mail)
{
	struct milter_envelope env;

	envelope_init(&env);
	assert_int_equal(milter_client_mail(c, env.sender, NULL),
	    SMFIR_CONTINUE);
	assert_int_equal(milter_client_rcpt(c, env.recipients[0], NULL),
	    MILTER_NO_REPLY);
	for (size_t i = 0; i < mail->nheaders; i++)
		milter_client_header(c, &mail->headers[i]);
	assert_int_equal(milter_client_body(c, mail->body, mail->body_len, 0),
	    MILTER_NO_REPLY);
	assert_int_equal(milter_client_flush(c), 0);
}

/* What was sent may not have been read yet: nobody waits for an answer. */
static void
assert_soon_untouched(const struct milter_message *mail)
{
	for (int i = 0; i < 200; i++) {
		if (treatment_alone(mail) == UNTOUCHED)
			return;
		pause_ms(10);
	}
	fail_msg("the memory was never used up");
}

/* One mail holds what another needs; it is given back in every way to end. */
static void
memory_of_all(void)
{
	struct milter_message mail;
	size_t least;

	mail_read(&mail, "postfix-unknown");
	least = least_memory(&mail);
	for (int i = 0; i < 8; i++) {
		struct milter_client *holder = client_open(NULL);

		with_number("memory_limit", least);
		send_most(holder, &mail);
		assert_soon_untouched(&mail);
		if (i % 4 == 0) {
			assert_int_equal(milter_client_eom(holder),
			    SMFIR_ACCEPT);
			assert_true(milter_client_changes(holder)->n > 0);
		} else if (i % 4 == 1) {
			milter_client_abort(holder);
			assert_int_equal(treatment_of(holder, &mail), WHOLE);
		} else if (i % 4 == 2) {
			/* The next mail, with no word of this one's end. */
			assert_int_equal(treatment_of(holder, &mail), WHOLE);
		} else {
			milter_client_quit(holder);
			pause_ms(200);
		}
		assert_int_equal(treatment_alone(&mail), WHOLE);
		milter_client_free(holder);
	}
	milter_message_release(&mail);
}

/*
 * Time
 */

static void
assert_refused(const char *settings)
{
	size_t from = daemon_logged(&suite.daemon);

	if (daemon_reload(&suite.daemon, settings))
		fail_msg("accepted: %s", settings);
	daemon_expect(&suite.daemon, from, suite.daemon.settings);
}

static void
time_limit(void)
{
	struct milter_message mail, several;

	mail_read(&mail, "postfix-unknown");
	mail_read(&several, "postfix-several");
	assert_refused("time_limit = 0\n");
	assert_refused("time_limit = -1\n");
	assert_refused("time_limit = 300.1\n");
	with_settings("time_limit = 300\n");
	assert_filtered(&mail);
	/* No rule is tried in so little time; the codes need none. */
	with_settings("time_limit = 0.0000001\n");
	assert_int_equal(treatment_alone(&mail), WHOLE);
	assert_int_equal(treatment_alone(&several), WHOLE);
	milter_message_release(&mail);
	milter_message_release(&several);
}

/* A rule of the administrator's that never comes to an end by itself. */
static void
endless_rule(void)
{
	char path[128], settings[256];
	struct milter_message mail;
	FILE *file;

	snprintf(path, sizeof path, "%s/endless.conf", suite.daemon.folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("rule endless {\n"
	    "    text    = '((a+)+|(a|aa)+)+b'\n"
	    "    cause   = mailbox-full\n"
	    "    example = \"550 ab\"\n}\n", file);
	fclose(file);
	snprintf(settings, sizeof settings, "rules = \"%s\"\n"
	    "time_limit = 1\n", path);
	with_settings(settings);
	mail_make(&mail, "From: MAILER-DAEMON@mx.example.com\n"
	    "Subject: Undelivered Mail Returned to Sender\n"
	    "MIME-Version: 1.0\n"
	    "Content-Type: multipart/report; boundary=b;\n"
	    "\treport-type=delivery-status\n"
	    "\n"
	    "--b\n\nNot delivered.\n"
	    "--b\nContent-Type: message/delivery-status\n\n"
	    "Reporting-MTA: dns; mx.example.com\n\n"
	    "Final-Recipient: rfc822; jan@example.com\n"
	    "Action: failed\nStatus: 5.1.1\n"
	    "Diagnostic-Code: smtp; 550 5.1.1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac\n\n"
	    "--b--\n");
	for (int i = 0; i < 5; i++)
		assert_int_equal(treatment_alone(&mail), WHOLE);
	milter_message_release(&mail);
}

const struct test limit_tests[] = {
	{ "a header field of 70 kB, and around 64 kB", long_field },
	{ "a header field of 1 MB ends the connection", too_long_field },
	{ "1 MB of header fields", many_fields },
	{ "49, 50 and 51 recipients, the last of them exempt",
	    many_recipients },
	{ "max_body: below, at, above", max_body },
	{ "10 MB, and a little more", default_max_body },
	{ "memory_limit: below, at, above", memory_limit },
	{ "memory_limit: the header where there is not enough",
	    memory_for_header },
	{ "memory_limit counts all mails, and gets all back",
	    memory_of_all },
	{ "time_limit: none, little, most, too much", time_limit },
	{ "a rule that does not come to an end", endless_rule },
	{ .name = NULL }
};
