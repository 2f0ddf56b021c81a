/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Annotation: the daemon does what the command line does, and knows what the
 * command line cannot: who handed the mail in.
 */
#include "milter_tests.h"

#include <dirent.h>
#include <stdlib.h>

/* A mail each of the forms that are edited in different ways. */
static const char *const forms[] = {
	"postfix-unknown", "postfix-several", "qmail-unknown", "html-only",
	"exchange-2016", "gmail-related", "eight-bit-undeclared",
	"encoded-shift-jis", "encoded-format-flowed", "postfix-success",
	"truncated-in-status", "barracuda", "postfix-dkim-signed",
	"postfix-smime-signed", "not-ordinary"
};

/* Is it annotated as the command line does it? Names the mail. */
static void
assert_form(struct milter_client *c, const struct milter_envelope *env,
    const struct milter_message *mail, const char *name)
{
	const char *what = filter_fault(c, env, mail);

	if (what != NULL)
		print_error("%s:\n", name);
	assert_no_fault(what, __FILE__, __LINE__);
}

static void
assert_forms_like_filter(const char *settings)
{
	struct milter_client *c;
	struct milter_envelope env;
	struct milter_message mail;

	with_settings(settings);
	c = client_open(NULL);
	envelope_init(&env);
	for (size_t i = 0; i < COUNT(forms); i++) {
		mail_read(&mail, forms[i]);
		assert_form(c, &env, &mail, forms[i]);
		milter_message_release(&mail);
	}
	milter_client_free(c);
}

/*
 * All test mails
 */

static int
is_mail(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 4 && strcmp(entry->d_name + len - 4, ".eml") == 0;
}

static bool
is_like_filter(struct milter_client *c, const char *file)
{
	struct milter_message mail;
	struct milter_envelope env;
	const char *what;
	char name[256];

	envelope_init(&env);
	snprintf(name, sizeof name, "%.*s", (int)strlen(file) - 4, file);
	mail_read(&mail, name);
	what = filter_fault(c, &env, &mail);
	if (what != NULL)
		print_error("%s: %s\n", name, what);
	milter_message_release(&mail);
	return what == NULL;
}

static void
all_mails(void)
{
	struct milter_client *c = client_open(NULL);
	struct dirent **files;
	int n = scandir(suite.corpus, &files, is_mail, alphasort), bad = 0;

	assert_true(n >= 100);
	for (int i = 0; i < n; i++) {
		bad += !is_like_filter(c, files[i]->d_name);
		free(files[i]);
	}
	free(files);
	milter_client_free(c);
	if (bad > 0)
		fail_msg("%d of %d mails differ", bad, n);
}

static void
chunks(void)
{
	struct milter_client *c = client_open(NULL);
	struct milter_message mail, want;
	struct milter_envelope env;

	envelope_init(&env);
	for (size_t i = 0; i < 4; i++) {
		mail_read(&mail, forms[i]);
		filter_mail(&want, &mail, &env);
		env.chunk = 1;
		assert_sends(c, &env, &mail, &want);
		/* The first chunk ends between a CR and its LF. */
		for (size_t at = 0; at < mail.body_len; at++) {
			env.chunk = at + 1;
			if (mail.body[at] == '\r')
				assert_sends(c, &env, &mail, &want);
		}
		milter_message_release(&mail);
		milter_message_release(&want);
	}
	milter_client_free(c);
}

/* A header field that stands first and is folded has an LF of its own. */
static void
first_field_folded(void)
{
	struct milter_client *c = client_open(NULL);
	struct milter_envelope env;
	struct milter_message mail;

	envelope_init(&env);
	for (size_t i = 0; i < COUNT(forms); i++) {
		mail_read(&mail, forms[i]);
		mail_add_field(&mail, 0, "Received",
		    " from mx.example.com (mx.example.com [192.0.2.1])\n"
		    "\tby mail.example.org (Postfix) with ESMTP id 4XyZ1");
		assert_form(c, &env, &mail, forms[i]);
		milter_message_release(&mail);
	}
	milter_client_free(c);
}

/*
 * Fields of ours that are not from us
 */

static void
forge(struct milter_message *mail)
{
	static const struct {
		const char *name, *value;
	} fields[] = {
		{ "bounce-cause", " mailbox-full; by=" DAEMON_HOST },
		{ "BOUNCE-EXPLANATION", " Click\n\there" },
		{ "Bounce-Cause", "" }, { "Bounce-Explanation", "\tnow" },
		{ "X-Bounce-Cause", " stays" }, { "Bounce-Causes", " stays" }
	};
	size_t n = mail->nheaders;

	for (size_t i = 0; i < 6 * COUNT(fields); i++)
		mail_add_field(mail, i * 5 % (n + i + 1),
		    fields[i % COUNT(fields)].name,
		    fields[i % COUNT(fields)].value);
}

static void
forged(void)
{
	struct milter_client *c = client_open(NULL);
	struct milter_message mail, clean, want;
	struct milter_envelope env;

	envelope_init(&env);
	for (size_t i = 0; i < COUNT(forms); i++) {
		mail_read(&mail, forms[i]);
		forge(&mail);
		mail_copy(&clean, &mail);
		mail_strip(&clean);
		filter_mail(&want, &clean, &env);
		assert_int_equal(mail_fields(&want, "X-Bounce-Cause"), 6);
		assert_sends(c, &env, &mail, &want);
		milter_message_release(&mail);
		milter_message_release(&clean);
		milter_message_release(&want);
	}
	milter_client_free(c);
}

/* Also in a mail that would not be looked at any further. */
static void
forged_in_others(void)
{
	static const char *const names[] = {
		"not-mdn", "not-arf", "not-vacation", "not-list-post",
		"not-spam-null-sender"
	};
	struct milter_client *c = client_open(NULL);
	struct milter_message mail, want;
	struct milter_envelope env;

	envelope_init(&env);
	for (size_t i = 0; i < COUNT(names); i++) {
		mail_read(&mail, names[i]);
		mail_copy(&want, &mail);
		mail_add_field(&mail, 3, "bounce-Cause", " mailbox-full");
		assert_sends(c, &env, &mail, &want);
		milter_message_release(&mail);
		milter_message_release(&want);
	}
	milter_client_free(c);
}

/* More fields than are looked at otherwise. */
static void
forged_far_down(void)
{
	struct milter_client *c = client_open(NULL);
	struct milter_message mail;
	struct milter_envelope env;

	envelope_init(&env);
	mail_read(&mail, "postfix-unknown");
	for (int i = 0; i < 3000; i++)
		mail_add_field(&mail, mail.nheaders, "X-Filler", " x");
	mail_add_field(&mail, mail.nheaders, "Bounce-Cause",
	    " mailbox-full; by=" DAEMON_HOST);
	for (int i = 0; i < 2; i++) {
		struct milter_message out;

		deliver(c, &env, &mail, &out);
		for (size_t n = mail_fields(&out, "Bounce-Cause"); n > 0; n--)
			assert_null(strstr(mail_field(&out, "Bounce-Cause",
			    n), "mailbox-full"));
		milter_message_release(&out);
		mail_add_field(&mail, 0, "Bounce-Cause", " mailbox-full");
	}
	milter_message_release(&mail);
	milter_client_free(c);
}

/*
 * Our own mark
 */

/* Who hands the mail in, in the macros. */
static void
from_client(struct milter_envelope *env, struct milter_macro macros[2],
    const char *address, const char *name)
{
	macros[0] = (struct milter_macro){ "{client_addr}", address };
	macros[1] = (struct milter_macro){ "{client_name}", name };
	env->macros = macros;
	env->nmacros = 2;
}

/* A bounce that has been annotated by that host; and what becomes of it
 * where that is not believed. */
static void
make_marked(struct milter_message *mail, struct milter_message *anew,
    const char *host)
{
	struct milter_envelope env;
	struct milter_message bounce, stripped;
	char mark[128];

	envelope_init(&env);
	mail_read(&bounce, "postfix-unknown");
	filter_mail(mail, &bounce, &env);
	snprintf(mark, sizeof mark, " mailbox-unknown; by=%s", host);
	for (size_t i = 0; i < mail->nheaders; i++) {
		if (strcmp(mail->headers[i].name, "Bounce-Cause") != 0)
			continue;
		free(mail->headers[i].value);
		mail->headers[i].value = strdup(mark);
	}
	mail_copy(&stripped, mail);
	mail_strip(&stripped);
	filter_mail(anew, &stripped, &env);
	milter_message_release(&bounce);
	milter_message_release(&stripped);
}

static void
assert_believed(const char *host, const char *address, const char *name,
    bool believed)
{
	struct milter_client *c = client_open(NULL);
	struct milter_message mail, anew;
	struct milter_envelope env;
	struct milter_macro macros[2];
	const char *what;

	envelope_init(&env);
	from_client(&env, macros, address, name);
	make_marked(&mail, &anew, host);
	what = send_fault(c, &env, &mail, believed ? NULL : &anew);
	if (what != NULL)
		fail_msg("by=%s from %s [%s]: %s", host, name, address, what);
	milter_message_release(&mail);
	milter_message_release(&anew);
	milter_client_free(c);
}

static void
marks(void)
{
	size_t from = daemon_logged(&suite.daemon);

	assert_believed(DAEMON_HOST, "127.0.0.1", "localhost", true);
	assert_believed(DAEMON_HOST, "127.8.9.10", "unknown", true);
	assert_believed(DAEMON_HOST, "::1", "localhost", true);
	assert_believed(DAEMON_HOST, "IPv6:::1", "localhost", true);
	assert_believed("MAIL.example.ORG", "::1", "localhost", true);
	daemon_expect(&suite.daemon, from, "annotated before");
	assert_believed(DAEMON_HOST, "192.0.2.1", "client.example", false);
	assert_believed(DAEMON_HOST, "192.0.2.1", DAEMON_HOST, false);
	assert_believed(DAEMON_HOST, "192.0.2.1", "localhost", false);
	assert_believed(DAEMON_HOST, "12.127.0.0", "127.0.0.1", false);
	assert_believed(DAEMON_HOST, "2001:db8::1", "unknown", false);
	assert_believed("mx2.example.org", "127.0.0.1", "localhost", false);
	assert_believed("", "127.0.0.1", "localhost", false);
}

static void
marks_of_our_hosts(void)
{
	with_settings("our_hosts = {\"*.mx.example.org\"}\n");
	assert_believed("a.mx.example.org", "127.0.0.1", "localhost", true);
	assert_believed("a.mx.example.org", "192.0.2.1", "b.mx.example.org",
	    true);
	assert_believed(DAEMON_HOST, "192.0.2.1", "b.mx.example.org", true);
	assert_believed("a.mx.example.org", "192.0.2.1", "mx.example.net",
	    false);
	assert_believed("a.mx.example.net", "127.0.0.1", "localhost", false);
}

/* Without word of the client nothing is believed. */
static void
marks_without_macros(void)
{
	struct milter_client *c = client_open(NULL);
	struct milter_message mail, anew;
	struct milter_envelope env;

	milter_envelope_init(&env);
	make_marked(&mail, &anew, DAEMON_HOST);
	assert_sends(c, &env, &mail, &anew);
	milter_message_release(&mail);
	milter_message_release(&anew);
	milter_client_free(c);
}

/* What leaves one daemon is left alone by the next on the same host. */
static void
assert_twice(void)
{
	struct milter_client *c = client_open(NULL);
	struct milter_message mail, once;
	struct milter_envelope env;
	struct milter_macro macros[2];

	envelope_init(&env);
	from_client(&env, macros, "127.0.0.1", "localhost");
	for (size_t i = 0; i < COUNT(forms); i++) {
		mail_read(&mail, forms[i]);
		deliver(c, &env, &mail, &once);
		assert_sends(c, &env, &once, NULL);
		milter_message_release(&mail);
		milter_message_release(&once);
	}
	milter_client_free(c);
}

static void
twice(void)
{
	assert_twice();
	with_settings("signed = \"body\"\n");
	assert_twice();
}

/*
 * Settings that choose what is added
 */

static void
what_is_added(void)
{
	static const char *const sets[] = {
		"\"header\"", "\"text\"", "\"html\"", "\"header\", \"text\"",
		"\"header\", \"html\"", "\"text\", \"html\"", ""
	};
	char settings[128];

	for (size_t i = 0; i < COUNT(sets); i++) {
		snprintf(settings, sizeof settings, "annotate = {%s}\n",
		    sets[i]);
		assert_forms_like_filter(settings);
		assert_twice();
	}
}

/* The mail gets the header and nothing else, and the log says why. */
static void
assert_header_only(const struct milter_envelope *env, const char *name,
    const char *why)
{
	struct milter_client *c = client_open(NULL);
	struct milter_message mail, out;
	size_t from = daemon_logged(&suite.daemon);

	mail_read(&mail, name);
	deliver(c, env, &mail, &out);
	assert_int_equal(out.body_len, mail.body_len);
	assert_memory_equal(out.body, mail.body, mail.body_len);
	assert_true(mail_fields(&out, "Bounce-Cause") > 0);
	assert_int_equal(mail_fields(&out, "Bounce-Explanation"), 1);
	daemon_expect(&suite.daemon, from, "added=header ");
	daemon_expect(&suite.daemon, from, why);
	assert_like_filter(c, env, &mail);
	milter_message_release(&mail);
	milter_message_release(&out);
	milter_client_free(c);
}

static void
header_only(void)
{
	struct milter_envelope env;

	envelope_init(&env);
	assert_header_only(&env, "postfix-dkim-signed", "DKIM");
	assert_header_only(&env, "postfix-smime-signed", "signed");
	with_settings("annotate = {\"header\"}\n");
	for (size_t i = 0; i < 6; i++)
		assert_header_only(&env, forms[i], "settings");
}

static void
exempt(void)
{
	static const char *const addresses[] = {
		"<list-bounces@example.org>", "list-bounce@example.org",
		"<List-Bounces+anna=example.com@example.org>",
		"<SRS0=x=y=example.com=anna@example.org>",
		"<owner-list@example.org>"
	};
	struct milter_envelope env;
	const char *recipients[2] = { "<anna@example.org>" };

	envelope_init(&env);
	env.recipients = recipients;
	env.nrecipients = COUNT(recipients);
	for (size_t i = 0; i < COUNT(addresses); i++) {
		recipients[1] = addresses[i];
		assert_header_only(&env, "postfix-unknown", "exempt");
	}
	with_settings("exempt = {\"robot@*\"}\n");
	recipients[1] = "<robot@example.org>";
	assert_header_only(&env, "postfix-unknown", "exempt");
	recipients[1] = "<list-bounces@example.org>";
	assert_forms_like_filter("exempt = {\"robot@*\"}\n");
}

static void
signatures(void)
{
	struct milter_client *c = client_open(NULL);
	struct milter_message mail, out;
	struct milter_envelope env;

	with_settings("signed = \"body\"\n");
	envelope_init(&env);
	mail_read(&mail, "postfix-dkim-signed");
	deliver(c, &env, &mail, &out);
	assert_true(mail_says(&out, "What happened"));
	assert_like_filter(c, &env, &mail);
	assert_header_only(&env, "postfix-smime-signed", "signed");
	milter_message_release(&mail);
	milter_message_release(&out);
	milter_client_free(c);
}

static void
languages(void)
{
	static const char *const recipients[] = { "<ola@example.pl>" };
	struct milter_client *c;
	struct milter_message mail, out;
	struct milter_envelope env;

	with_settings("language = \"de\"\n"
	    "languages = {\"*@example.pl = pl\", \"ola@* = fr\"}\n"
	    "helpdesk = \"helpdesk@example.org\"\n");
	c = client_open(NULL);
	envelope_init(&env);
	for (size_t i = 0; i < COUNT(forms); i++) {
		mail_read(&mail, forms[i]);
		assert_form(c, &env, &mail, forms[i]);
		env.recipients = recipients;
		assert_form(c, &env, &mail, forms[i]);
		milter_message_release(&mail);
	}
	mail_read(&mail, "postfix-unknown");
	deliver(c, &env, &mail, &out);
	assert_true(mail_says(&out, "Nie dostarczono"));
	milter_message_release(&mail);
	milter_message_release(&out);
	milter_client_free(c);
}

const struct test annotation_tests[] = {
	{ "all test mails become what the command line makes of them",
	    all_mails },
	{ "bodies in chunks of one byte, and split inside of CRLF", chunks },
	{ "a first header field that is folded", first_field_folded },
	{ "forged fields are deleted, on Postfix and on Sendmail", forged },
	{ "forged fields in mail that is no bounce", forged_in_others },
	{ "a forged field behind 3,000 others", forged_far_down },
	{ "our mark is believed from this machine only", marks },
	{ "our_hosts: their marks, and them as clients", marks_of_our_hosts },
	{ "no mark is believed of nobody", marks_without_macros },
	{ "running twice changes nothing", twice },
	{ "annotate = each set, once and twice", what_is_added },
	{ "header only: signed mail, and where the settings say so",
	    header_only },
	{ "header only: exempt recipients", exempt },
	{ "signed = body", signatures },
	{ "the language of the recipient", languages },
	{ .name = NULL }
};
