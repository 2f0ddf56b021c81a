/* SPDX-License-Identifier: BSD-2-Clause */
#include "unittest.h"

#include "bounce/report.h"

static int
setup(void **state)
{
	static struct arena arena;

	arena_init(&arena, (size_t)1 << 24);
	*state = &arena;
	return 0;
}

static int
teardown(void **state)
{
	arena_release(*state);
	return 0;
}

static const struct envelope unknown = { { NULL, 0 }, false };
static const struct envelope null_sender = { { "", 0 }, true };

static struct report
read_mail(struct arena *arena, struct span mail,
    const struct envelope *envelope)
{
	const struct limits limits = LIMITS_DEFAULT;
	struct message message;
	struct report report;

	assert_true(message_parse(&message, arena, mail, &limits));
	assert_true(report_read(&report, &message, envelope, NULL,
	    &limits));
	return report;
}

#define SYSTEM "Return-Path: <>\n" \
	"From: MAILER-DAEMON@mail.example.org\nTo: tom@example.org\n"
#define REPORT "MIME-Version: 1.0\n" \
	"Content-Type: multipart/report; report-type=delivery-status;\n" \
	"\tboundary=b\n\npreamble\n\n"
#define NOTICE "--b\nContent-Type: text/plain\n\n" \
	"This is the mail system at host mail.example.org.\n\n" \
	"<a@example.com>: host mx.example.com[192.0.2.1] said: 550 5.1.1 " \
	"User\n    unknown (in reply to RCPT TO command)\n\n"
#define STATUS(fields) "--b\nContent-Type: message/delivery-status\n\n" \
	"Reporting-MTA: dns; mail.example.org\n\n" fields "\n"
#define RETURNED "--b\nContent-Type: message/rfc822\n\n" \
	"From: tom@example.org\nTo: a@example.com\nSubject: Invoice\n" \
	"Message-ID: <1@example.org>\n\nbody\n--b--\n"

static void
test_structured(void **state)
{
	struct report report = read_mail(*state, SPAN(SYSTEM REPORT NOTICE
	    STATUS("Final-Recipient: rfc822; a@example.com\n"
	    "Action: failed\nStatus: 5.1.1\n"
	    "Diagnostic-Code: smtp; 550 5.1.1 User unknown\n"
	    "Remote-MTA: dns; mx.example.com\n") RETURNED), &unknown);

	assert_int_equal(report.kind, REPORT_DSN);
	assert_string_equal(report.system, "postfix");
	assert_span(report.reporting_mta, "mail.example.org");
	assert_int_equal(report.n, 1);
	assert_span(report.recipients[0].address, "a@example.com");
	assert_absent(report.recipients[0].original);
	assert_int_equal(report.recipients[0].action, ACTION_FAILED);
	assert_int_equal(report.recipients[0].code, 550);
	assert_span(report.recipients[0].reply, "550 5.1.1 User unknown");
	assert_span(report.recipients[0].remote, "mx.example.com");
	assert_span(span_trim(header_value(&report.returned.headers,
	    "Subject")), "Invoice");
}

/* The status part comes first, words fill what it lacks. */
static void
test_words_fill(void **state)
{
	struct report report = read_mail(*state, SPAN(SYSTEM REPORT NOTICE
	    STATUS("Final-Recipient: rfc822; a@example.com\n"
	    "Action: failed\nStatus: 5.0.0\n") RETURNED), &unknown);

	assert_int_equal(report.n, 1);
	assert_int_equal(report.recipients[0].code, 550);
	assert_int_equal(report.recipients[0].status.subject, 1);
	assert_span(report.recipients[0].reply, "550 5.1.1 User unknown");
	assert_span(report.recipients[0].remote, "mx.example.com");
}

/* A report that names nobody has one recipient without an address. */
static void
test_nobody_named(void **state)
{
	struct report report = read_mail(*state, SPAN(SYSTEM REPORT
	    "--b\n\nIt failed.\n" STATUS("Action: failed\n")), &unknown);

	assert_int_equal(report.kind, REPORT_DSN);
	assert_int_equal(report.n, 1);
	assert_int_equal(report.recipients[0].address.len, 0);
	assert_int_equal(report.recipients[0].action, ACTION_FAILED);
}

static void
test_prose(void **state)
{
	struct report report = read_mail(*state, SPAN(SYSTEM
	    "Subject: failure notice\n\n"
	    "Hi. This is the qmail-send program at example.org.\n\n"
	    "<a@example.com>:\n192.0.2.1 does not like recipient.\n"
	    "Remote host said: 550 5.1.1 unknown\n"
	    "Giving up on 192.0.2.1.\n\n"
	    "--- Below this line is a copy of the message.\n\n"
	    "From: tom@example.org\nSubject: Invoice\n\nbody\n"), &unknown);

	assert_int_equal(report.kind, REPORT_PROSE);
	assert_string_equal(report.system, "qmail");
	assert_int_equal(report.n, 1);
	assert_span(report.recipients[0].address, "a@example.com");
	assert_int_equal(report.recipients[0].action, ACTION_FAILED);
	assert_span(report.recipients[0].reply, "550 5.1.1 unknown");
	assert_span(span_trim(header_value(&report.returned.headers,
	    "Subject")), "Invoice");
}

/* The words of a notice that is HTML, and of one in another charset. */
static void
test_other_texts(void **state)
{
	static const char *const mails[] = {
		SYSTEM "MIME-Version: 1.0\nContent-Type: text/html\n\n"
		    "<html><body><p>Your message could not be delivered.</p>\n"
		    "<p>&lt;a@example.com&gt;: 550 5.1.1 unknown</p></body>"
		    "</html>\n",
		SYSTEM "MIME-Version: 1.0\n"
		    "Content-Type: multipart/alternative; boundary=b\n\n"
		    "--b\nContent-Type: text/html\n\n<p>nothing</p>\n"
		    "--b\nContent-Type: text/plain\n\n"
		    "Your message could not be delivered.\n\n"
		    "<a@example.com>: 550 5.1.1 unknown\n--b--\n",
		SYSTEM "MIME-Version: 1.0\n"
		    "Content-Type: text/plain; charset=iso-8859-2\n"
		    "Content-Transfer-Encoding: quoted-printable\n\n"
		    "Wiadomo=B6=E6 nie zosta=B3a dostarczona.\n\n"
		    "<a@example.com>: 550 5.1.1 unknown\n",
		SYSTEM "MIME-Version: 1.0\n"
		    "Content-Type: text/plain; charset=utf-8\n"
		    "Content-Transfer-Encoding: base64\n\n"
		    "WW91ciBtZXNzYWdlIGNvdWxkIG5vdCBiZSBkZWxpdmVyZWQuCgo8YUB"
		    "leGFtcGxlLmNvbT46\nIDU1MCA1LjEuMSB1bmtub3duCg==\n",
	};

	for (size_t i = 0; i < COUNT(mails); i++) {
		struct report report = read_mail(*state, span_of(mails[i]),
		    &unknown);

		if (report.kind != REPORT_PROSE || report.n != 1)
			fail_msg("mail %zu: kind %d, %zu recipients", i,
			    (int)report.kind, report.n);
		assert_span(report.recipients[0].address, "a@example.com");
		assert_int_equal(report.recipients[0].code, 550);
	}
}

/* A notice that names nobody is about the one recipient that came back. */
static void
test_recipient_of_the_returned(void **state)
{
	struct report report = read_mail(*state, SPAN(SYSTEM
	    "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
	    "--b\n\nYour message could not be delivered.\n" RETURNED),
	    &unknown);

	assert_int_equal(report.kind, REPORT_PROSE);
	assert_int_equal(report.n, 1);
	assert_span(report.recipients[0].address, "a@example.com");

	report = read_mail(*state, SPAN(SYSTEM
	    "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
	    "--b\n\nYour message could not be delivered.\n"
	    "--b\nContent-Type: message/rfc822\n\nFrom: tom@example.org\n"
	    "To: a@example.com, b@example.com\n\nbody\n--b--\n"), &unknown);
	assert_int_equal(report.kind, REPORT_NONE);
}

/* The only address in a daemon's words is meant; of two, neither. */
static void
test_lone_address(void **state)
{
	struct report report = read_mail(*state, SPAN(SYSTEM
	    "\nYour message could not be delivered.\n"
	    "We tried it for tom@example.org: nobody called a@example.com,\n"
	    "Ann Other/Unit@ORG.\n"
	    "Ask postmaster@example.net.\n> x@example.com\n"), &unknown);

	assert_int_equal(report.kind, REPORT_PROSE);
	assert_int_equal(report.n, 1);
	assert_span(report.recipients[0].address, "a@example.com");

	report = read_mail(*state, SPAN(SYSTEM
	    "\nYour message could not be delivered.\n"
	    "We know nobody called a@example.com or b@example.com.\n"),
	    &unknown);
	assert_int_equal(report.kind, REPORT_NONE);
	report = read_mail(*state, SPAN("From: anna@example.org\n"
	    "Subject: Undelivered mail\n\n"
	    "Your message could not be delivered.\n"
	    "We know nobody called a@example.com.\n"), &null_sender);
	assert_int_equal(report.kind, REPORT_NONE);
}

/* Addresses of mail systems and of the reader, beside one that has a reply. */
static void
test_bystanders(void **state)
{
	struct report report = read_mail(*state, SPAN(SYSTEM
	    "\nYour message could not be delivered.\n\n"
	    "<a@example.com>: 550 5.1.1 unknown\n\n"
	    "<postmaster@example.net> knows.\n\n<tom@example.org> too.\n"),
	    &unknown);

	assert_int_equal(report.n, 1);
	assert_span(report.recipients[0].address, "a@example.com");

	/* Mail to oneself, and to a postmaster. */
	report = read_mail(*state, SPAN(SYSTEM
	    "\nYour message could not be delivered.\n\n"
	    "<tom@example.org>: 552 5.2.2 full\n\n"
	    "<postmaster@example.net>: 550 5.1.1 unknown\n"), &unknown);
	assert_int_equal(report.n, 2);
}

/* A notice behind a gateway's part; but not one that is attached. */
static void
test_second_text(void **state)
{
	struct report report = read_mail(*state, SPAN(SYSTEM
	    "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n"
	    "\n--b\n\nScanned.\n--b\nContent-Type: text/plain\n\n"
	    "Your message could not be delivered.\n\n"
	    "<a@example.com>: 550 5.1.1 unknown\n--b--\n"), &unknown);

	assert_int_equal(report.kind, REPORT_PROSE);
	assert_span(report.recipients[0].address, "a@example.com");

	report = read_mail(*state, SPAN(SYSTEM
	    "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n"
	    "\n--b\n\nLook.\n--b\nContent-Type: text/plain\n"
	    "Content-Disposition: attachment; filename=mail.txt\n\n"
	    "Your message could not be delivered.\n\n"
	    "<a@example.com>: 550 5.1.1 unknown\n--b--\n"), &unknown);
	assert_int_equal(report.kind, REPORT_NONE);
}

/* A status part that calls itself text. */
static void
test_fields_in_text(void **state)
{
	struct report report = read_mail(*state, SPAN(SYSTEM
	    "MIME-Version: 1.0\nContent-Type: multipart/report; boundary=b\n"
	    "\n--b\n\nYour message could not be delivered.\n"
	    "--b\nContent-Type: text/plain\n\nReporting-MTA: dns; m\n\n"
	    "Final-Recipient: rfc822; a@example.com\nAction: delayed\n"
	    "Status: 4.2.2\n--b--\n"), &unknown);

	assert_int_equal(report.kind, REPORT_PROSE);
	assert_int_equal(report.n, 1);
	assert_span(report.recipients[0].address, "a@example.com");
	assert_int_equal(report.recipients[0].action, ACTION_DELAYED);
	assert_int_equal(report.recipients[0].status.detail, 2);
}

#define SURE_WORDS "Your message could not be delivered.\n\n" \
	"<a@example.com>: 550 5.1.1 unknown\n"

static void
test_what_is_no_bounce(void **state)
{
	static const struct {
		const char *name;
		const char *mail;
		const struct envelope *envelope;
		enum report_kind kind;
	} cases[] = {
		{ "the same words from a mail system",
		    SYSTEM "Subject: x\n\n" SURE_WORDS, &unknown,
		    REPORT_PROSE },
		{ "words from a person",
		    "From: anna@example.org\nSubject: x\n\n" SURE_WORDS,
		    &unknown, REPORT_NONE },
		{ "words from a person, by the null sender",
		    "From: anna@example.org\nSubject: x\n\n" SURE_WORDS,
		    &null_sender, REPORT_PROSE },
		{ "the same, and nothing but the words",
		    "From: anna@example.org\nSubject: x\n\n"
		    "Your message could not be delivered.\n\n"
		    "<a@example.com> is away.\n",
		    &null_sender, REPORT_NONE },
		{ "words of nobody known, with a whole reply, from a daemon",
		    SYSTEM "Subject: x\n\n<a@example.com>:\n"
		    "550 5.1.1 nema toga\n", &null_sender, REPORT_PROSE },
		{ "the same from a person",
		    "From: anna@example.org\nSubject: x\n\n"
		    "<a@example.com>:\n550 5.1.1 nema toga\n",
		    &null_sender, REPORT_NONE },
		{ "a program that quotes a bounce",
		    "From: noreply@example.org\nSubject: [#1] Undelivered\n"
		    "\nWe got:\n\n" SURE_WORDS, &unknown, REPORT_NONE },
		{ "a program that bounces",
		    "From: noreply@example.org\nSubject: Undelivered mail\n"
		    "\n" SURE_WORDS, &unknown, REPORT_PROSE },
		{ "words through a list",
		    SYSTEM "List-Id: <list.example.org>\n\n" SURE_WORDS,
		    &unknown, REPORT_NONE },
		{ "a report through a list",
		    SYSTEM "List-Id: <list.example.org>\n" REPORT NOTICE
		    STATUS("Final-Recipient: rfc822; a@example.com\n")
		    RETURNED, &unknown, REPORT_DSN },
		{ "a receipt",
		    SYSTEM "Content-Type: multipart/report; boundary=b;\n"
		    " report-type=disposition-notification\n\n"
		    "--b\n\n" SURE_WORDS
		    "--b\nContent-Type: message/disposition-notification\n\n"
		    "Final-Recipient: rfc822; a@example.com\n"
		    "Disposition: manual-action/MDN-sent-manually; displayed\n"
		    "\n--b--\n", &null_sender, REPORT_NONE },
		{ "an answer of a machine",
		    SYSTEM "Subject: Out of office: x\n\n" SURE_WORDS,
		    &null_sender, REPORT_NONE },
		{ "an address without a word of failure",
		    SYSTEM "Subject: hello\n\n<a@example.com>\n",
		    &null_sender, REPORT_NONE },
		{ "ordinary mail with the null sender",
		    SYSTEM "Subject: hello\n\nSee you on Sunday.\n",
		    &null_sender, REPORT_NONE },
		{ "a forwarded bounce",
		    "From: anna@example.org\nMIME-Version: 1.0\n"
		    "Content-Type: multipart/mixed; boundary=a\n\n"
		    "--a\n\nLook at this.\n"
		    "--a\nContent-Type: message/rfc822\n\n"
		    SYSTEM REPORT NOTICE
		    STATUS("Final-Recipient: rfc822; a@example.com\n")
		    RETURNED "--a--\n", &unknown, REPORT_NONE },
		{ "nothing", "", &null_sender, REPORT_NONE },
		{ "an empty line", "\n", &null_sender, REPORT_NONE },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct report report = read_mail(*state,
		    span_of(cases[i].mail), cases[i].envelope);

		if (report.kind != cases[i].kind)
			fail_msg("%s: %d", cases[i].name, (int)report.kind);
	}
}

/* A gateway's notice that names nobody, around a bounce. */
static void
test_wrapped_bounce(void **state)
{
	struct report report = read_mail(*state, SPAN(SYSTEM
	    "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=a\n\n"
	    "--a\n\nYour message could not be delivered.\n"
	    "--a\nContent-Type: message/rfc822\n\n"
	    SYSTEM REPORT NOTICE
	    STATUS("Final-Recipient: rfc822; a@example.com\n"
	    "Action: failed\nStatus: 5.1.1\n") RETURNED "--a--\n"), &unknown);

	assert_int_equal(report.n, 1);
	assert_span(report.recipients[0].address, "a@example.com");
	assert_int_not_equal(report.kind, REPORT_NONE);
}

/* Cut anywhere, a bounce is read as far as it goes, or is none. */
static void
test_cut_anywhere(void **state)
{
	static const char mail[] = SYSTEM REPORT NOTICE
	    STATUS("Final-Recipient: rfc822; a@example.com\nAction: failed\n"
	    "Status: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 unknown\n")
	    RETURNED;

	(void)state;
	for (size_t len = 0; len < sizeof(mail); len++) {
		struct arena arena;
		struct report report;

		arena_init(&arena, (size_t)1 << 20);
		report = read_mail(&arena, (struct span){ mail, len },
		    &null_sender);
		if (report.kind != REPORT_NONE)
			assert_true(report.n > 0);
		for (size_t i = 0; i < report.n &&
		    report.kind != REPORT_NONE; i++)
			assert_int_not_equal(report.recipients[i].action,
			    ACTION_NONE);
		arena_release(&arena);
	}
}

/* With too little memory it says so, and never breaks. */
static void
test_little_memory(void **state)
{
	static const char mail[] = SYSTEM REPORT NOTICE
	    STATUS("Final-Recipient: rfc822; a@example.com\n") RETURNED;
	const struct limits limits = LIMITS_DEFAULT;
	size_t read = 0, refused = 0;

	(void)state;
	for (size_t limit = 0; limit < 200000; limit += 977) {
		struct message message;
		struct report report;
		struct arena arena;

		arena_init(&arena, limit);
		if (message_parse(&message, &arena, (struct span){ mail,
		    sizeof(mail) - 1 }, &limits) && report_read(&report,
		    &message, &unknown, NULL, &limits)) {
			assert_false(arena.failed);
			assert_int_equal(report.kind, REPORT_DSN);
			read++;
		} else {
			refused++;
		}
		arena_release(&arena);
	}
	assert_true(read > 0);
	assert_true(refused > 0);
}

static void
test_limits(void **state)
{
	struct message message;
	struct report report;

	for (size_t most = 1; most <= 3; most++) {
		struct limits limits = LIMITS_DEFAULT;

		limits.recipients = most;
		assert_true(message_parse(&message, *state, SPAN(SYSTEM REPORT
		    NOTICE STATUS("Final-Recipient: rfc822; a@example.com\n\n"
		    "Final-Recipient: rfc822; b@example.com\n") RETURNED),
		    &limits));
		assert_true(report_read(&report, &message, &unknown, NULL,
		    &limits));
		assert_int_equal(report.n, most < 2 ? most : 2);
		assert_int_equal(report.flags & REPORT_OVERFLOW, most < 2 ?
		    REPORT_OVERFLOW : 0);
	}
	/* The address stands in the sixth line of the notice. */
	for (size_t most = 5; most <= 7; most++) {
		struct limits limits = LIMITS_DEFAULT;

		limits.lines = most;
		assert_true(message_parse(&message, *state, SPAN(SYSTEM
		    "Subject: Undeliverable mail\n\nThis is the mail system "
		    "at host mail.example.org.\n\nYour message could not be "
		    "delivered.\n\n\n<a@example.com>: 550 5.1.1 User unknown\n"),
		    &limits));
		assert_true(report_read(&report, &message, &unknown, NULL,
		    &limits));
		assert_int_equal(report.n, most < 6 ? 0 : 1);
	}
}

/* Text that is put above a notice does not change what is read in it. */
static void
test_status_fields_in_the_notice(void **state)
{
	static const struct span notices[] = {
		SPAN_INIT(SYSTEM "\nFinal-Recipient: rfc822; a@example.com\n"
		    "Action: failed\n\nNot delivered: 550 no\n"),
		SPAN_INIT(SYSTEM "\nAn explanation.\n\n"
		    "Final-Recipient: rfc822; a@example.com\n"
		    "Action: failed\n\nNot delivered: 550 no\n"),
	};
	const struct limits limits = LIMITS_DEFAULT;
	struct message message;
	struct report report;

	for (size_t i = 0; i < COUNT(notices); i++) {
		assert_true(message_parse(&message, *state, notices[i],
		    &limits));
		assert_true(report_read(&report, &message, &unknown, NULL,
		    &limits));
		assert_int_equal(report.kind, REPORT_PROSE);
		assert_int_equal(report.n, 1);
		assert_span(report.recipients[0].address, "a@example.com");
		assert_int_equal(report.recipients[0].action, ACTION_FAILED);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_structured, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_words_fill, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_nobody_named, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_prose, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_texts, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_recipient_of_the_returned,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_no_bounce, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_lone_address, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_bystanders, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_second_text, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_fields_in_text, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_wrapped_bounce, setup,
		    teardown),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_little_memory),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_status_fields_in_the_notice, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
