/* SPDX-License-Identifier: BSD-2-Clause */
#include "unittest.h"

#include "bounce/dsn.h"

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
read_text(struct report *report, struct arena *arena, const char *text)
{
	const struct limits limits = LIMITS_DEFAULT;

	*report = (struct report){ .kind = REPORT_DSN };
	dsn_read_text(report, arena, span_of(text), &limits);
}

static void
test_addresses(void **state)
{
	static const struct {
		const char *value;
		const char *address;
	} cases[] = {
		{ "rfc822; anna@example.org", "anna@example.org" },
		{ "rfc822;anna@example.org", "anna@example.org" },
		{ "RFC822 ; <anna@example.org>", "anna@example.org" },
		{ "rfc822;\n anna@example.org", "anna@example.org" },
		{ "anna@example.org", "anna@example.org" },
		{ "rfc822; anna@example.org (Anna; the first)",
		    "anna@example.org" },
		{ "rfc822;\"anna@example.org\"", "anna@example.org" },
		{ "rfc822; <rfc822;anna@example.org>", "anna@example.org" },
		{ "rfc822;@relay.example:anna@example.org",
		    "anna@example.org" },
		{ "rfc822; \"anna b\"@example.org", "\"anna b\"@example.org" },
		/* xtext that somebody forgot to undo (RFC 3461 section 4). */
		{ "rfc822;anna+40example.org", "anna@example.org" },
		{ "rfc822;anna+2Bb+40example.org", "anna+b@example.org" },
		{ "rfc822;anna+2B@example.org", "anna+2B@example.org" },
		/* RFC 6533 section 3. */
		{ "utf-8; j\303\263zef@example.org",
		    "j\303\263zef@example.org" },
		{ "utf-8; j\\x{F3}zef@example.org",
		    "j\303\263zef@example.org" },
		{ "utf-8; \\x{20AC}@example.org",
		    "\342\202\254@example.org" },
		{ "utf-8; \\x{}a@example.org", "\\x{}a@example.org" },
		{ "rfc822; j\\x{F3}zef@example.org",
		    "j\\x{F3}zef@example.org" },
		/* Bytes of no charset are taken for windows-1252. */
		{ "rfc822; j\363zef@example.org",
		    "j\303\263zef@example.org" },
		{ "x-local; somebody", "somebody" },
		{ "rfc822;", "" },
		{ "", "" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span address = dsn_address(*state,
		    span_of(cases[i].value));

		if (!span_equal(address, span_of(cases[i].address)))
			print_error("\"%s\":\n", cases[i].value);
		assert_span(address, cases[i].address);
	}
}

static void
test_fields(void **state)
{
	struct recipient recipient = { .action = ACTION_NONE };

	assert_true(dsn_set_field(&recipient, *state,
	    SPAN("final-recipient"), SPAN("rfc822; anna@example.org")));
	assert_true(dsn_set_field(&recipient, *state,
	    SPAN("ORIGINAL-RECIPIENT"), SPAN("rfc822; ann@example.org")));
	assert_true(dsn_set_field(&recipient, *state,
	    SPAN("Action"), SPAN(" Failed (at last)")));
	assert_true(dsn_set_field(&recipient, *state,
	    SPAN("Status"), SPAN("5.2.2 (mailbox full)")));
	assert_true(dsn_set_field(&recipient, *state,
	    SPAN("Remote-MTA"), SPAN("dns; mx.example.org (192.0.2.1)")));
	assert_true(dsn_set_field(&recipient, *state,
	    SPAN("Diagnostic-Code"),
	    SPAN("smtp; 552-5.2.2 The mailbox\n\t552 5.2.2 is full")));
	assert_true(dsn_set_field(&recipient, *state,
	    SPAN("Last-Attempt-Date"),
	    SPAN("Tue, 3 Jun 2025 14:02:00 +0200")));
	assert_true(dsn_set_field(&recipient, *state,
	    SPAN("Will-Retry-Until"),
	    SPAN("Sun, 8 Jun\n 2025 14:02:00 +0200")));
	assert_false(dsn_set_field(&recipient, *state,
	    SPAN("X-Notes"), SPAN("none of ours")));
	assert_false(dsn_set_field(&recipient, *state,
	    SPAN("Reporting-MTA"), SPAN("dns; mail.example.org")));
	assert_span(recipient.address, "anna@example.org");
	assert_span(recipient.original, "ann@example.org");
	assert_int_equal(recipient.action, ACTION_FAILED);
	assert_int_equal(recipient.status.class, 5);
	assert_int_equal(recipient.status.subject, 2);
	assert_int_equal(recipient.status.detail, 2);
	assert_span(recipient.remote, "mx.example.org");
	assert_int_equal(recipient.code, 552);
	assert_span(recipient.reply, "552 5.2.2 The mailbox is full");
	assert_span(recipient.last_attempt, "Tue, 3 Jun 2025 14:02:00 +0200");
	assert_span(recipient.retry_until, "Sun, 8 Jun 2025 14:02:00 +0200");
}

static void
test_actions(void **state)
{
	static const struct {
		const char *value;
		enum action action;
	} cases[] = {
		{ "failed", ACTION_FAILED },
		{ "FAILED", ACTION_FAILED },
		{ "failure", ACTION_FAILED },
		{ "undeliverable", ACTION_FAILED },
		{ "deliverable", ACTION_DELIVERED },
		{ "delayed", ACTION_DELAYED },
		{ "deferred", ACTION_DELAYED },
		{ "delivered (to mailbox)", ACTION_DELIVERED },
		{ "relayed", ACTION_RELAYED },
		{ "expanded", ACTION_EXPANDED },
		{ "(a comment) failed", ACTION_FAILED },
		{ "lost", ACTION_NONE },
		{ "", ACTION_NONE },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct recipient recipient = { .action = ACTION_NONE };

		dsn_set_field(&recipient, *state, SPAN("Action"),
		    span_of(cases[i].value));
		if (recipient.action != cases[i].action)
			fail_msg("\"%s\": %d", cases[i].value,
			    (int)recipient.action);
	}
}

/* What a Diagnostic-Code says of code, status and reply. */
static void
test_replies(void **state)
{
	static const struct {
		const char *status;	/* of the Status field, NULL: none */
		const char *value;
		int code;
		const char *wanted;
		const char *reply;
	} cases[] = {
		{ "5.1.1", "smtp; 550 5.1.1 unknown", 550, "5.1.1",
		    "550 5.1.1 unknown" },
		/* The other server's status counts more. */
		{ "5.0.0", "smtp; 550 5.1.1 unknown", 550, "5.1.1",
		    "550 5.1.1 unknown" },
		{ "5.1.1", "smtp; 550 5.0.0 no", 550, "5.1.1",
		    "550 5.0.0 no" },
		{ "5.2.1", "smtp; 550 no", 550, "5.2.1", "550 no" },
		{ NULL, "smtp; 550 no", 550, "", "550 no" },
		/* A type in front of the type, and none. */
		{ NULL, "X-Postfix; unknown user: \"anna\"", 0, "",
		    "unknown user: \"anna\"" },
		{ NULL, "550 5.7.1 no", 550, "5.7.1", "550 5.7.1 no" },
		{ NULL, "smtp;550-5.1.1 a\n 550 5.1.1 b", 550, "5.1.1",
		    "550 5.1.1 a b" },
		/* A semicolon in the words is no type. */
		{ NULL, "550 no such user; see example.org", 550, "",
		    "550 no such user; see example.org" },
		{ "5.1.1", "smtp;", 0, "5.1.1", NULL },
		{ NULL, "smtp; 550 \303\251t\303\251", 550, "",
		    "550 \303\251t\303\251" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		/* Fields may stand in either order. */
		for (int order = 0; order < 2; order++) {
			struct recipient recipient = { .action = ACTION_NONE };
			char status[STATUS_TEXT];

			if (order == 0 && cases[i].status != NULL)
				dsn_set_field(&recipient, *state,
				    SPAN("Status"), span_of(cases[i].status));
			dsn_set_field(&recipient, *state,
			    SPAN("Diagnostic-Code"), span_of(cases[i].value));
			if (order == 1 && cases[i].status != NULL)
				dsn_set_field(&recipient, *state,
				    SPAN("Status"), span_of(cases[i].status));
			status_text(recipient.status, status);
			if (recipient.code != cases[i].code ||
			    strcmp(status, cases[i].wanted) != 0)
				fail_msg("\"%s\", order %d: %d \"%s\"",
				    cases[i].value, order, recipient.code,
				    status);
			if (cases[i].reply == NULL)
				assert_int_equal(recipient.reply.len, 0);
			else
				assert_span(recipient.reply, cases[i].reply);
		}
	}
}

static void
test_blocks(void **state)
{
	struct report report;

	read_text(&report, *state,
	    "Reporting-MTA: dns; mail.example.org\n"
	    "Arrival-Date: Tue, 3 Jun 2025 14:02:00 +0200\n"
	    "\n"
	    "Original-Recipient: rfc822;first@example.com\n"
	    "Final-Recipient: rfc822; a@example.com\n"
	    "Action: failed\n"
	    "Status: 5.1.1\n"
	    "\n"
	    "Final-Recipient: rfc822; b@example.com\n"
	    "Action: delayed\n"
	    "Status: 4.4.1\n"
	    "Will-Retry-Until: Sun, 8 Jun 2025 14:02:00 +0200\n");
	assert_int_equal(report.n, 2);
	assert_span(report.reporting_mta, "mail.example.org");
	assert_span(report.recipients[0].address, "a@example.com");
	assert_span(report.recipients[0].original, "first@example.com");
	assert_int_equal(report.recipients[0].action, ACTION_FAILED);
	assert_span(report.recipients[1].address, "b@example.com");
	assert_absent(report.recipients[1].original);
	assert_int_equal(report.recipients[1].action, ACTION_DELAYED);
	assert_span(report.recipients[1].retry_until,
	    "Sun, 8 Jun 2025 14:02:00 +0200");
	assert_int_equal(report.flags, 0);
	assert_true(span_find(report.recipients[1].evidence,
	    SPAN("b@example.com")) != SPAN_NONE);
	assert_true(span_find(report.recipients[1].evidence,
	    SPAN("a@example.com")) == SPAN_NONE);
}

/* Recipients, their actions and their addresses in parts that are odd. */
static void
test_odd_blocks(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		const char *address;	/* of the last one */
		const char *original;	/* NULL: absent */
		enum action action;
	} cases[] = {
		/* No empty line between the message's fields and the rest. */
		{ "Reporting-MTA: dns; mail.example.org\n"
		    "Final-Recipient: rfc822; a@example.com\nAction: failed\n",
		    1, "a@example.com", NULL, ACTION_FAILED },
		/* No empty line between two recipients. */
		{ "Final-Recipient: rfc822; a@example.com\nAction: failed\n"
		    "Final-Recipient: rfc822; b@example.com\nAction: delayed\n",
		    2, "b@example.com", NULL, ACTION_DELAYED },
		{ "Original-Recipient: rfc822; x@example.com\n"
		    "Final-Recipient: rfc822; a@example.com\nAction: failed\n"
		    "Original-Recipient: rfc822; y@example.com\n"
		    "Final-Recipient: rfc822; b@example.com\n",
		    2, "b@example.com", "y@example.com", ACTION_FAILED },
		/* The same block twice. */
		{ "Final-Recipient: rfc822; a@example.com\nAction: failed\n\n"
		    "Final-Recipient: rfc822; A@example.com\nAction: failed\n"
		    "\nFinal-Recipient: rfc822; A@example.com\n"
		    "Action: delayed\n", 2, "A@example.com", NULL,
		    ACTION_DELAYED },
		/* Recipients before the message's own fields; CRLF. */
		{ "Final-Recipient: rfc822; a@example.com\r\n"
		    "Status: 4.0.0\r\n\r\nReporting-MTA: dns; mail\r\n", 1,
		    "a@example.com", NULL, ACTION_DELAYED },
		/* Only the original address. */
		{ "Original-Recipient: rfc822;a@example.com\nStatus: 2.0.0\n",
		    1, "a@example.com", NULL, ACTION_DELIVERED },
		/* The same address twice is said once. */
		{ "Original-Recipient: rfc822;A@example.com\n"
		    "Final-Recipient: rfc822;a@example.com\n", 1,
		    "a@example.com", NULL, ACTION_FAILED },
		{ "Final-Recipient: rfc822;a@example.com\n"
		    "X-Actual-Recipient: rfc822; b@example.com\n", 1,
		    "b@example.com", "a@example.com", ACTION_FAILED },
		{ "Final-Recipient: rfc822;a@example.com\n"
		    "X-Actual-Recipient: X-Unix; |/bin/filter\n", 1,
		    "a@example.com", NULL, ACTION_FAILED },
		/* Other lines among the fields. */
		{ "what is this\nFinal-Recipient: rfc822;a@example.com\n"
		    "and this\nAction: relayed\n", 1, "a@example.com", NULL,
		    ACTION_RELAYED },
		/* Many empty lines, and an end in the middle of a field. */
		{ "\n\n\nFinal-Recipient: rfc822;a@example.com\n\n\n\nSta", 1,
		    "a@example.com", NULL, ACTION_FAILED },
		{ "Reporting-MTA: dns; mail.example.org\nAction: failed\n", 0,
		    NULL, NULL, ACTION_NONE },
		{ "", 0, NULL, NULL, ACTION_NONE },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct report report;
		const struct recipient *last;

		read_text(&report, *state, cases[i].text);
		if (report.n != cases[i].n)
			fail_msg("case %zu: %zu recipients", i, report.n);
		if (report.n == 0)
			continue;
		last = &report.recipients[report.n - 1];
		assert_span(last->address, cases[i].address);
		if (cases[i].original == NULL)
			assert_absent(last->original);
		else
			assert_span(last->original, cases[i].original);
		assert_int_equal(last->action, cases[i].action);
	}
}

/* Parts that are encoded, which RFC 3464 forbids, are met all the same. */
static void
test_encoded_parts(void **state)
{
	static const struct {
		enum encoding encoding;
		const char *body;
	} cases[] = {
		{ ENCODING_7BIT, "Final-Recipient: rfc822; a@example.com\n" },
		{ ENCODING_QUOTED_PRINTABLE,
		    "Final-Recipient: rfc822; a=40exam=\nple.com\n" },
		{ ENCODING_BASE64, "RmluYWwtUmVjaXBpZW50OiByZmM4MjI7IGFAZXhhb"
		    "XBsZS5jb20K\n" },
	};
	const struct limits limits = LIMITS_DEFAULT;

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct part part = { .encoding = cases[i].encoding,
		    .body = span_of(cases[i].body) };
		struct report report = { .kind = REPORT_DSN };

		dsn_read(&report, *state, &part, &limits);
		assert_int_equal(report.n, 1);
		assert_span(report.recipients[0].address, "a@example.com");
	}
}

static void
test_limits(void **state)
{
	struct limits limits = LIMITS_DEFAULT;
	struct report report = { .kind = REPORT_DSN };
	struct arena none;

	limits.recipients = 2;
	dsn_read_text(&report, *state, SPAN(
	    "Final-Recipient: rfc822; a@example.com\n\n"
	    "Final-Recipient: rfc822; b@example.com\n\n"
	    "Final-Recipient: rfc822; c@example.com\n\n"), &limits);
	assert_int_equal(report.n, 2);
	assert_int_equal(report.flags, REPORT_OVERFLOW);
	assert_null(report_add_recipient(&report, *state, &limits));

	/* A part that is too long to be read whole. */
	for (size_t most = 41; most < 90; most += 40) {
		const struct part part = { .body = SPAN(
		    "Final-Recipient: rfc822; a@example.com\n\n"
		    "Final-Recipient: rfc822; b@example.com\n\n") };

		limits.text = most;
		report = (struct report){ .kind = REPORT_DSN };
		dsn_read(&report, *state, &part, &limits);
		assert_int_equal(report.n, most < 80 ? 1 : 2);
		assert_int_equal(report.flags, most < 80 ? REPORT_OVERFLOW :
		    0);
	}

	/* Without memory nothing is added, and nothing breaks. */
	arena_init(&none, 0);
	report = (struct report){ .kind = REPORT_DSN };
	dsn_read_text(&report, &none, SPAN(
	    "Final-Recipient: rfc822; a (b)@example.com\n"
	    "Diagnostic-Code: smtp; 550 no\n\n"), &limits);
	assert_int_equal(report.n, 0);
	assert_true(none.failed);
	arena_release(&none);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_addresses, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_actions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_blocks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd_blocks, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_encoded_parts, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
