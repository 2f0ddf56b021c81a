/* SPDX-License-Identifier: BSD-2-Clause */
#include "unittest.h"

#include "bounce/returned.h"

static int
setup(void **state)
{
	static struct arena arena;

	arena_init(&arena, (size_t)1 << 22);
	*state = &arena;
	return 0;
}

static int
teardown(void **state)
{
	arena_release(*state);
	return 0;
}

static void
test_texts(void **state)
{
	static const struct {
		const char *text;
		const char *subject;	/* NULL: no message */
	} cases[] = {
		{ "From: a@example.org\nSubject: x\n\nbody\n", "x" },
		{ "\r\n\r\nFrom: a@example.org\r\nSubject: x\r\n\r\nbody\r\n",
		    "x" },
		{ "Received: by mail.example.org\n\tfor b\nSubject: x\n",
		    "x" },
		{ "Subject: x\n", "x" },
		/* Fields, but none that tells a message. */
		{ "Host: example.org\nPort: 25\n", NULL },
		{ "Note: one\nSubject: x\nOther: two\n", NULL },
		{ "Just words.\n", NULL },
		{ "\n\n", NULL },
		{ "", NULL },
	};
	const struct limits limits = LIMITS_DEFAULT;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct returned returned = { { NULL, 0 } };
		bool found = returned_read_text(&returned, *state,
		    span_of(cases[i].text), &limits);

		if (found != (cases[i].subject != NULL))
			fail_msg("case %zu: %s", i, cases[i].text);
		if (!found) {
			assert_int_equal(returned.headers.n, 0);
			continue;
		}
		assert_span(span_trim(header_value(&returned.headers,
		    "Subject")), cases[i].subject);
	}
}

#define TOP "Subject: bounce\nContent-Type: multipart/report; boundary=b\n\n" \
	"--b\n\nwords\n"

static void
test_parts(void **state)
{
	static const struct {
		const char *mail;
		const char *subject;	/* NULL: nothing came back */
	} cases[] = {
		{ TOP "--b\nContent-Type: message/rfc822\n\n"
		    "From: a@example.org\nSubject: x\n\nbody\n--b--\n", "x" },
		{ TOP "--b\nContent-Type: text/rfc822-headers\n\n"
		    "From: a@example.org\nSubject: x\n--b--\n", "x" },
		{ TOP "--b\nContent-Type: Message/Global\n\n"
		    "From: a@example.org\nSubject: x\n--b--\n", "x" },
		{ TOP "--b\nContent-Type: message/rfc822-headers\n\n"
		    "From: a@example.org\nSubject: x\n", "x" },
		{ TOP "--b\nContent-Type: text/rfc822-headers\n"
		    "Content-Transfer-Encoding: base64\n\n"
		    "RnJvbTogYUBleGFtcGxlLm9yZwpTdWJqZWN0OiB4Cgo=\n--b--\n",
		    "x" },
		{ TOP "--b\nContent-Type: message/rfc822\n"
		    "Content-Transfer-Encoding: quoted-printable\n\n"
		    "From: a=40example.org\nSubject: x\n\n--b--\n", "x" },
		/* The first that is a message. */
		{ TOP "--b\nContent-Type: text/rfc822-headers\n\nnothing\n"
		    "--b\nContent-Type: message/rfc822\n\n"
		    "From: a@example.org\nSubject: x\n\n--b--\n", "x" },
		/* One multipart deeper. */
		{ TOP "--b\nContent-Type: multipart/mixed; boundary=c\n\n"
		    "--c\nContent-Type: message/rfc822\n\n"
		    "From: a@example.org\nSubject: x\n\n--c--\n--b--\n", "x" },
		{ TOP "--b\nContent-Type: text/plain\n\n"
		    "From: a@example.org\nSubject: x\n--b--\n", NULL },
		{ TOP "--b--\n", NULL },
		{ "Subject: bounce\nContent-Type: message/rfc822\n\n"
		    "From: a@example.org\nSubject: x\n", NULL },
	};
	const struct limits limits = LIMITS_DEFAULT;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct returned returned = { { NULL, 0 } };
		struct message message;

		assert_true(message_parse(&message, *state,
		    span_of(cases[i].mail), &limits));
		returned_read_part(&returned, &message, &limits);
		if ((returned.headers.n > 0) != (cases[i].subject != NULL))
			fail_msg("case %zu: %s", i, cases[i].mail);
		if (cases[i].subject != NULL)
			assert_span(span_trim(header_value(
			    &returned.headers, "Subject")), cases[i].subject);
	}
}

static void
test_names(void **state)
{
	static const struct span globs[] = {
		SPAN_INIT("mail.example.org"), SPAN_INIT("*.mx.example.org"),
		{ NULL, 0 }
	};
	static const struct {
		const char *name;
		bool listed;
	} cases[] = {
		{ "mail.example.org", true },
		{ "MAIL.example.org", true },
		{ "mail.example.org.", true },
		{ "a.mx.example.org", true },
		{ "mx.example.org", false },
		{ "mail.example.org.example.com", false },
		{ "", false },
		{ ".", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (name_is_listed(span_of(cases[i].name), globs) !=
		    cases[i].listed)
			fail_msg("\"%s\"", cases[i].name);
	assert_false(name_is_listed(SPAN("x"), NULL));
	assert_false(name_is_listed(SPAN_ABSENT, globs));
}

#define BY(host) "Received: from x (y [192.0.2.1])\n\tby " host \
	" with ESMTP id 1;\n\tTue, 3 Jun 2025 14:02:00 +0200\n"

static void
test_backscatter(void **state)
{
	static const struct span hosts[] = {
		SPAN_INIT("*.example.org"), { NULL, 0 }
	};
	static const struct span domains[] = {
		SPAN_INIT("example.org"), { NULL, 0 }
	};
	static const struct {
		const char *header;
		const char *reporter;
		bool foreign;
	} cases[] = {
		{ BY("mx.example.net") "Message-ID: <1@example.net>\n",
		    "mx.example.net", true },
		{ BY("mx.example.net") BY("mx.example.com"), "mx.example.net",
		    true },
		/* It passed one of ours. */
		{ BY("mx.example.net") BY("mail.example.org"),
		    "mx.example.net", false },
		{ BY("mx.example.net") BY("(comment) mail.example.org"),
		    "mx.example.net", false },
		{ BY("example.org"), "mx.example.net", false },
		{ BY("deep.mail.example.org"), "mx.example.net", false },
		/* It was handed over by one of ours, which does not say so. */
		{ "Received: from mail.example.org (mail.example.org "
		    "[192.0.2.1])\n\tby mx.example.net; x\n",
		    "mx.example.net", false },
		{ "Received: from x (HELO x) (mail.example.org [192.0.2.1])"
		    "\n\tby mx.example.net; x\n", "mx.example.net", false },
		{ "Received: from mail.example.org.example.com (x "
		    "[192.0.2.1])\n\tby mx.example.net for "
		    "<a@mail.example.org>; x\n", "mx.example.net", true },
		/* A server of ours said so itself. */
		{ BY("mx.example.net"), "mail.example.org", false },
		/* The Message-ID is ours. */
		{ BY("mx.example.net") "Message-ID: <1@example.org>\n",
		    "mx.example.net", false },
		{ BY("mx.example.net") "Message-ID: <1@pc.example.org>\n",
		    "mx.example.net", false },
		/* A name that only ends like ours. */
		{ BY("mx.badexample.org.example.net"), "mx.example.net",
		    true },
		/* Nothing can be told without Received fields. */
		{ "Subject: x\n", "mx.example.net", false },
		{ "Received: (qmail 1 invoked by uid 2); 3 Jun 2025\n",
		    "mx.example.net", false },
		{ "", "mx.example.net", false },
	};
	const struct limits limits = LIMITS_DEFAULT;
	const struct site_names site = { hosts, domains };
	const struct site_names nothing = { NULL, NULL };
	const struct site_names only_domains = { NULL, domains };

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct returned returned = { { NULL, 0 } };
		unsigned flags;

		header_parse(*state, span_of(cases[i].header), &limits,
		    &returned.headers, &flags);
		if (returned_is_foreign(&returned, *state,
		    span_of(cases[i].reporter), &site) != cases[i].foreign)
			fail_msg("case %zu: %s", i, cases[i].header);
		assert_false(returned_is_foreign(&returned, *state,
		    span_of(cases[i].reporter), &nothing));
		assert_false(returned_is_foreign(&returned, *state,
		    span_of(cases[i].reporter), &only_domains));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_texts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_parts, setup, teardown),
		cmocka_unit_test(test_names),
		cmocka_unit_test_setup_teardown(test_backscatter, setup,
		    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
