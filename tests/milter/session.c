/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sessions: which mails are looked at, and mails one after another on one
 * connection, broken off anywhere, or put together wrongly.
 */
#include "milter_tests.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * Who is looked at
 */

/* Sends a mail from that sender; `command` must answer it with ACCEPT. */
static void
assert_accepted_at(struct milter_client *c, const char *sender,
    const struct milter_message *mail, int command)
{
	struct milter_envelope env;
	struct milter_outcome outcome;

	envelope_init(&env);
	env.sender = sender;
	if (milter_transact(c, &env, mail, &outcome) != 0)
		fail_msg("%s: %s", sender, milter_client_error(c));
	if (outcome.reply != SMFIR_ACCEPT || outcome.command != command)
		fail_msg("\"%s\": %s at %s", sender,
		    milter_reply_name(outcome.reply),
		    milter_command_name(outcome.command));
}

static void
ordinary_senders(void)
{
	static const char *const senders[] = {
		"<anna@example.com>", "anna@example.com",
		"<post@example.com>", "<anna+postmaster@example.com>",
		"<list-bounces@example.com>", "<\"\"@example.com>"
	};
	struct milter_client *c = client_open(NULL);
	struct milter_message bounce;

	mail_read(&bounce, "postfix-unknown");
	for (size_t i = 0; i < COUNT(senders); i++)
		assert_accepted_at(c, senders[i], &bounce, SMFIC_MAIL);
	/* Without the word that the mail is over, too. */
	for (size_t i = 0; i < COUNT(senders); i++)
		assert_int_equal(milter_client_mail(c, senders[i], NULL),
		    SMFIR_ACCEPT);
	milter_message_release(&bounce);
	milter_client_free(c);
}

static void
mail_systems(void)
{
	static const char *const senders[] = {
		"<>", "", "<MAILER-DAEMON@mx.example.com>",
		"<mailer-daemon@mx.example.com>", "<MAILER-DAEMON>",
		"MAILER-DAEMON@mx.example.com", "<postmaster@example.com>",
		"<Postmaster@example.com>", "<MailerDaemon@example.com>",
		"<double-bounce@mx.example.com>"
	};
	struct milter_client *c = client_open(NULL);
	struct milter_message bounce, want;
	struct milter_envelope env;

	envelope_init(&env);
	mail_read(&bounce, "postfix-unknown");
	filter_mail(&want, &bounce, &env);
	for (size_t i = 0; i < COUNT(senders); i++) {
		env.sender = senders[i];
		assert_sends(c, &env, &bounce, &want);
	}
	milter_message_release(&bounce);
	milter_message_release(&want);
	milter_client_free(c);
}

static void
seen_by_header(void)
{
	static const char *const names[] = {
		"not-mdn", "not-arf", "not-tls-report", "not-vacation"
	};
	struct milter_client *c = client_open(NULL);
	struct milter_message mail;

	for (size_t i = 0; i < COUNT(names); i++) {
		mail_read(&mail, names[i]);
		assert_accepted_at(c, "<>", &mail, SMFIC_BODYEOB);
		assert_int_equal(milter_client_changes(c)->n, 0);
		milter_message_release(&mail);
	}
	milter_client_free(c);
}

/*
 * Mails that are not sent to their end
 */

#define CHUNK 1000	/* bytes of body in a command */

static void
assert_goes_on(struct milter_client *c, int reply)
{
	if (reply != SMFIR_CONTINUE && reply != MILTER_NO_REPLY)
		fail_msg("%s %s", milter_reply_name(reply),
		    milter_client_error(c));
}

/*
 * Sends the first n commands of a mail, up to the end of its body. Returns
 * false when there are not so many.
 */
static bool
send_some(struct milter_client *c, const struct milter_envelope *env,
    const struct milter_message *mail, size_t n)
{
	if (n-- == 0)
		return true;
	assert_goes_on(c, milter_client_mail(c, env->sender, NULL));
	for (size_t i = 0; i < env->nrecipients; i++) {
		if (n-- == 0)
			return true;
		assert_goes_on(c, milter_client_rcpt(c, env->recipients[i],
		    NULL));
	}
	if (n-- == 0)
		return true;
	assert_goes_on(c, milter_client_data(c));
	for (size_t i = 0; i < mail->nheaders; i++) {
		if (n-- == 0)
			return true;
		assert_goes_on(c, milter_client_header(c, &mail->headers[i]));
	}
	for (size_t at = 0; at < mail->body_len; at += CHUNK) {
		if (n-- == 0)
			return true;
		assert_goes_on(c, milter_client_body(c, mail->body + at,
		    mail->body_len - at < CHUNK ? mail->body_len - at : CHUNK,
		    0));
	}
	return n == 0;
}

/* A mail whose every trace would show in the next one. */
static void
make_tracer(struct milter_message *mail, struct milter_envelope *env)
{
	static const char *const recipients[] = {
		"<list-bounces@example.org>", "<other@example.org>"
	};

	envelope_init(env);
	env->recipients = recipients;
	env->nrecipients = COUNT(recipients);
	env->queue_id = "OTHER";
	mail_read(mail, "qmail-unknown");
	mail_add_field(mail, 1, "Bounce-Cause", " mailbox-full; by=example");
	mail_pad(mail, mail->body_len + 20000);
}

static void
aborted(void)
{
	struct milter_client *c = client_open(NULL);
	struct milter_message tracer, bounce, want;
	struct milter_envelope other, env;

	make_tracer(&tracer, &other);
	envelope_init(&env);
	mail_read(&bounce, "postfix-unknown");
	filter_mail(&want, &bounce, &env);
	for (size_t n = 1; send_some(c, &other, &tracer, n); n++) {
		milter_client_abort(c);
		assert_sends(c, &env, &bounce, &want);
	}
	milter_client_abort(c);
	milter_client_abort(c);
	assert_sends(c, &env, &bounce, &want);
	milter_message_release(&tracer);
	milter_message_release(&bounce);
	milter_message_release(&want);
	milter_client_free(c);
}

/*
 * Sessions that end after n commands; the connection is used for the next.
 * (libmilter takes QUIT_NC only after a mail that was not accepted; else it
 * passes over it, which shows where a connect follows.)
 */
static void
reuse(const struct milter_options *offer)
{
	struct milter_client *c = client_open(offer);
	struct milter_message tracer, bounce, want;
	struct milter_envelope other, env;
	struct milter_outcome outcome;

	make_tracer(&tracer, &other);
	envelope_init(&env);
	mail_read(&bounce, "postfix-unknown");
	filter_mail(&want, &bounce, &env);
	for (size_t n = 1; send_some(c, &other, &tracer, n); n++) {
		milter_client_abort(c);
		milter_client_quit_nc(c);
		if (milter_session(c, &env, &outcome) != 0)
			fail_msg("%s", milter_client_error(c));
		assert_sends(c, &env, &bounce, &want);
		if (milter_client_agreed(c)->steps & SMFIP_NOCONNECT)
			milter_client_quit_nc(c);
	}
	milter_message_release(&tracer);
	milter_message_release(&bounce);
	milter_message_release(&want);
	milter_client_free(c);
}

static void
connections_reused(void)
{
	struct milter_options offer = MILTER_OFFER_ALL;

	reuse(NULL);
	offer.actions &= ~(uint32_t)SMFIF_SETSYMLIST;	/* connect is sent */
	reuse(&offer);
	offer.steps = SMFIP_NR_HDR;
	reuse(&offer);
}

static void
mixed_mails(void)
{
	static const char *const names[] = {
		"postfix-unknown", "not-mdn", "qmail-unknown", "not-ordinary",
		"exchange-2016", "html-only", "not-spam-null-sender",
		"postfix-dkim-signed", "gmail-related", "postfix-several"
	};
	struct milter_client *c = client_open(NULL);
	struct milter_message mails[COUNT(names)], wants[COUNT(names)];
	struct milter_envelope env;

	envelope_init(&env);
	for (size_t i = 0; i < COUNT(names); i++) {
		mail_read(&mails[i], names[i]);
		filter_mail(&wants[i], &mails[i], &env);
	}
	for (size_t i = 0; i < 5 * COUNT(names); i++) {
		size_t k = i * 7 % COUNT(names);

		assert_sends(c, &env, &mails[k], &wants[k]);
		assert_accepted_at(c, "<anna@example.com>", &mails[k],
		    SMFIC_MAIL);
	}
	for (size_t i = 0; i < COUNT(names); i++) {
		milter_message_release(&mails[i]);
		milter_message_release(&wants[i]);
	}
	milter_client_free(c);
}

/*
 * Connections that break
 */

/* How many files the daemon has open. */
static size_t
open_files(void)
{
	char path[64];
	size_t n = 0;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%ld/fd",
	    (long)suite.daemon.pid);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

/*
 * No connection of ours stays open in the daemon, once it has taken all of
 * them. (One that ended in the middle of a packet may stay with libmilter
 * until something else happens.)
 */
static void
assert_no_more_files(size_t before)
{
	for (int i = 0; i < 20; i++) {
		assert_serves();
		for (int k = 0; k < 100; k++) {
			if (open_files() <= before)
				return;
			pause_ms(10);
		}
	}
	fail_msg("%zu open files instead of %zu", open_files(), before);
}

static void
dropped(void)
{
	static const char half[] = { 0, 0, 0, 100, SMFIC_HEADER, 'X', 0 };
	struct milter_client *c;
	struct milter_message mail;
	struct milter_envelope env;
	size_t before = open_files();
	bool more = true;

	make_tracer(&mail, &env);
	for (size_t n = 0; more; n++) {
		for (size_t cut = 0; cut <= sizeof half; cut++) {
			c = client_open(NULL);
			more = send_some(c, &env, &mail, n);
			milter_client_send_raw(c, half, cut);
			milter_client_flush(c);
			milter_client_free(c);
		}
	}
	/* With the verdict on its way. */
	for (size_t n = 0; n < 50; n++) {
		c = client_open(NULL);
		send_some(c, &env, &mail, SIZE_MAX);
		milter_client_send(c, SMFIC_BODYEOB, NULL, 0);
		milter_client_flush(c);
		milter_client_free(c);
	}
	assert_no_more_files(before);
	milter_message_release(&mail);
}

/* A connection that has not negotiated. */
static struct milter_client *
client_connect(void)
{
	struct milter_client *c = milter_client_new();

	assert_non_null(c);
	if (milter_client_open(c, suite.daemon.socket) != 0)
		fail_msg("%s", milter_client_error(c));
	return c;
}

static void
dropped_early(void)
{
	static const char offer[] = { 0, 0, 0, 13, SMFIC_OPTNEG, 0, 0, 0, 6,
	    0, 0, 1, (char)0xff, 0, 0x1f, (char)0xff, (char)0xff };
	size_t before = open_files();

	for (size_t n = 0; n <= sizeof offer; n++) {
		struct milter_client *c = client_connect();

		milter_client_send_raw(c, offer, n);
		milter_client_flush(c);
		milter_client_free(c);
	}
	assert_no_more_files(before);
}

/*
 * What no MTA would send
 */

/* The milter must end the connection by itself. */
static void
assert_closed(struct milter_client *c)
{
	if (milter_client_wait_close(c) != 0)
		fail_msg("the connection stays open");
	milter_client_free(c);
}

/* A packet that claims that length, on a connection before or in a mail. */
static struct milter_client *
send_length(const unsigned char *length, bool in_mail)
{
	struct milter_client *c = in_mail ? client_open(NULL) :
	    client_connect();

	if (in_mail)
		assert_goes_on(c, milter_client_mail(c, "<>", NULL));
	milter_client_send_raw(c, length, 4);
	milter_client_send_raw(c, "BBBB", 4);
	assert_int_equal(milter_client_flush(c), 0);
	return c;
}

static void
bad_lengths(void)
{
	static const unsigned char too_long[][4] = {
		{ 0x7f, 0xff, 0xff, 0xff }, { 0x80, 0, 0, 0 },
		{ 0x01, 0, 0, 0 }, { 0, 0x10, 0, 2 }
	};
	/* libmilter takes these for packets without data. */
	static const unsigned char empty[][4] = {
		{ 0xff, 0xff, 0xff, 0xff }, { 0, 0, 0, 0 }
	};
	size_t before = open_files();

	for (size_t i = 0; i < COUNT(too_long); i++) {
		assert_closed(send_length(too_long[i], false));
		assert_closed(send_length(too_long[i], true));
	}
	for (size_t i = 0; i < COUNT(empty); i++) {
		milter_client_free(send_length(empty[i], false));
		milter_client_free(send_length(empty[i], true));
	}
	assert_no_more_files(before);
}

static void
bad_offers(void)
{
	static const unsigned char versions[][4] = {
		{ 0, 0, 0, 0 }, { 0, 0, 0, 1 }, { 0xff, 0xff, 0xff, 0xff }
	};
	static const char rest[8] = { 0, 0, 1, 0x7f, 0, 0x1f, 0x7f, 0x7f };
	struct milter_client *c;
	char bytes[12];

	for (size_t i = 0; i < COUNT(versions); i++) {
		c = client_connect();
		memcpy(bytes, versions[i], 4);
		memcpy(bytes + 4, rest, 8);
		milter_client_send(c, SMFIC_OPTNEG, bytes, 12);
		milter_client_send(c, SMFIC_QUIT, NULL, 0);
		assert_closed(c);
	}
	for (size_t len = 0; len < 12; len++) {
		c = client_connect();
		milter_client_send(c, SMFIC_OPTNEG, bytes, len);
		milter_client_send(c, SMFIC_QUIT, NULL, 0);
		assert_closed(c);
	}
}

/* Each command after each, in a mail and outside, with data that is none. */
static void
out_of_order(void)
{
	static const char commands[] = {
		SMFIC_CONNECT, SMFIC_HELO, SMFIC_MAIL, SMFIC_RCPT, SMFIC_DATA,
		SMFIC_HEADER, SMFIC_EOH, SMFIC_BODY, SMFIC_BODYEOB,
		SMFIC_ABORT, SMFIC_MACRO, SMFIC_QUIT_NC, SMFIC_OPTNEG,
		SMFIC_UNKNOWN, 'z', 0
	};
	static const struct {
		const char *bytes;
		size_t len;
	} data[] = {
		{ "", 0 }, { "\0", 1 }, { "x", 1 }, { "<>\0x", 4 },
		{ "a\0b\0", 4 }, { "\0\0\0", 3 }
	};
	struct milter_client *c;

	for (size_t i = 0; i < COUNT(commands) * COUNT(commands); i++) {
		for (int in_mail = 0; in_mail < 2; in_mail++) {
			size_t a = i % COUNT(data);
			size_t b = i / COUNT(data) % COUNT(data);

			c = client_open(NULL);
			if (in_mail)
				assert_goes_on(c, milter_client_mail(c, "<>",
				    NULL));
			milter_client_send(c, commands[i / COUNT(commands)],
			    data[a].bytes, data[a].len);
			milter_client_send(c, commands[i % COUNT(commands)],
			    data[b].bytes, data[b].len);
			milter_client_send(c, SMFIC_QUIT, NULL, 0);
			assert_closed(c);
		}
	}
}

/* The same numbers in every run. */
static uint32_t
next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void
send_garbage(struct milter_client *c, uint32_t *random)
{
	static const char commands[] = "ABCDEHKLMNORTUQX";
	char bytes[600];
	size_t len;

	for (unsigned n = next_random(random) % 12; n > 0; n--) {
		len = next_random(random) % sizeof bytes;
		for (size_t i = 0; i < len; i++)
			bytes[i] = (char)(next_random(random) % 5 == 0 ? 0 :
			    next_random(random));
		if (next_random(random) % 4 == 0)
			milter_client_send_raw(c, bytes, len);
		else
			milter_client_send(c, commands[next_random(random) %
			    (sizeof commands - 1)], bytes, len);
	}
	/* It may have been closed before all was sent. */
	milter_client_flush(c);
}

static void
garbage(void)
{
	size_t before = open_files();
	uint32_t random = 20250603;

	for (int i = 0; i < 600; i++) {
		struct milter_client *c = i % 3 == 0 ? client_connect() :
		    client_open(NULL);

		if (i % 3 == 2)
			assert_goes_on(c, milter_client_mail(c, "<>", NULL));
		send_garbage(c, &random);
		milter_client_free(c);
	}
	assert_no_more_files(before);
}

const struct test session_tests[] = {
	{ "an ordinary sender is accepted at MAIL", ordinary_senders },
	{ "the null sender in both forms, and mail systems' names",
	    mail_systems },
	{ "reports of other kinds are let alone",
	    seen_by_header },
	{ "several mails of all kinds on a connection", mixed_mails },
	{ "abort between any two commands leaves nothing behind", aborted },
	{ "QUIT_NC: a connection is used again, without negotiation",
	    connections_reused },
	{ "a connection that is dropped at any point", dropped },
	{ "a connection that is dropped while negotiating", dropped_early },
	{ "lengths of packets that cannot be", bad_lengths },
	{ "offers that cannot be", bad_offers },
	{ "commands in any order, with data that is none", out_of_order },
	{ "garbage", garbage },
	{ .name = NULL }
};
