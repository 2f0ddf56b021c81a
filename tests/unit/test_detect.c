/* SPDX-License-Identifier: BSD-2-Clause */
#include "unittest.h"

#include "bounce/detect.h"

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

static struct message
parse(struct arena *arena, const char *text)
{
	const struct limits limits = LIMITS_DEFAULT;
	struct message message;

	assert_true(message_parse(&message, arena, span_of(text), &limits));
	return message;
}

static void
test_envelope_senders(void **state)
{
	static const struct {
		const char *sender;
		bool looked_at;
	} cases[] = {
		{ "<>", true },		/* Postfix's smtpd */
		{ "", true },		/* its cleanup */
		{ " ", true },
		{ "<MAILER-DAEMON>", true },
		{ "<mailer-daemon@example.org>", true },
		{ "<Postmaster@example.org>", true },
		{ "postmaster", true },
		{ "<double-bounce@mail.example.org>", true },
		{ "<MicrosoftExchange329e71ec88ae4615@example.org>", true },
		{ "<anna@example.org>", false },
		{ "<list-bounces@example.org>", false },
		{ "<no-reply@example.org>", false },
		{ "<anna@postmaster.example.org>", false },
		{ "<anna@mailer-daemon>", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (detect_sender(span_of(cases[i].sender)) !=
		    cases[i].looked_at)
			fail_msg("\"%s\"", cases[i].sender);
}

static void
test_headers(void **state)
{
	static const struct {
		const char *header;
		enum header_verdict verdict;
	} cases[] = {
		{ "Subject: Undelivered Mail Returned to Sender\n\n",
		    HEADER_MAY_BE_BOUNCE },
		{ "Content-Type: multipart/report;\n"
		    " report-type=delivery-status; boundary=b\n\n",
		    HEADER_MAY_BE_BOUNCE },
		{ "Content-Type: multipart/report; boundary=b;\n"
		    " report-type=\"disposition-notification\"\n\n",
		    HEADER_IS_OTHER },
		{ "Content-Type: multipart/report; boundary=b;\n"
		    "\treport-type=Feedback-Report\n\n", HEADER_IS_OTHER },
		{ "Content-Type: multipart/report; report-type=tlsrpt\n\n",
		    HEADER_IS_OTHER },
		{ "Subject: Out of Office: Invoice\n\n", HEADER_IS_OTHER },
		{ "Subject: Automatic reply: Invoice\n\n", HEADER_IS_OTHER },
		{ "Subject: Automatic reply: Undeliverable: Invoice\n\n",
		    HEADER_IS_OTHER },
		{ "Subject: Undeliverable: Automatic reply: Invoice\n\n",
		    HEADER_MAY_BE_BOUNCE },
		/* The subject that came back, behind words nobody knows. */
		{ "Subject: Ei toimitettu: vacation photos\n\n",
		    HEADER_IS_OTHER },
		{ "Subject: Ei toimitettu: vacation photos\n"
		    "Content-Type: multipart/report; boundary=b;\n"
		    "\treport-type=delivery-status\n\n",
		    HEADER_MAY_BE_BOUNCE },
		{ "Subject: =?utf-8?B?Tmllb2JlY25vxZvEhw==?=\n\n",
		    HEADER_IS_OTHER },
		{ "X-Autoreply: yes\n\n", HEADER_IS_OTHER },
		{ "x-vacation: yes\n\n", HEADER_IS_OTHER },
		/* Bounces have this one too. */
		{ "Auto-Submitted: auto-replied\n\n", HEADER_MAY_BE_BOUNCE },
		{ "List-Id: <list.example.org>\n\n", HEADER_IS_LIST },
		{ "List-Post: <mailto:list@example.org>\n\n",
		    HEADER_IS_LIST },
		{ "Precedence: bulk\n\n", HEADER_MAY_BE_BOUNCE },
		{ "\n", HEADER_MAY_BE_BOUNCE },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct message message = parse(*state, cases[i].header);

		if (detect_header(&message.root->headers, *state) !=
		    cases[i].verdict)
			fail_msg("\"%s\"", cases[i].header);
	}
}

static void
test_origins(void **state)
{
	static const struct {
		const char *header;
		const char *sender;	/* of the envelope, NULL: not known */
		enum origin origin;
	} cases[] = {
		{ "From: Anna <anna@example.org>\n\n", NULL, ORIGIN_OTHER },
		{ "From: MAILER-DAEMON@example.org (Mail Delivery)\n\n", NULL,
		    ORIGIN_DAEMON },
		{ "From: MAILER-DAEMON\n\n", NULL, ORIGIN_DAEMON },
		{ "From: MAILER-DAEMON <>\n\n", NULL, ORIGIN_DAEMON },
		{ "From: Courier <@mail.example.org>\n\n", NULL,
		    ORIGIN_DAEMON },
		{ "Return-Path: <anna@example.org>\n"
		    "From: MAILER-DAEMON@example.org\n\n", NULL,
		    ORIGIN_MAIL_SYSTEM },
		{ "Return-Path: <>\nFrom: Mail System <x@example.org>\n\n",
		    NULL, ORIGIN_MAIL_SYSTEM },
		{ "From: \"Mail Delivery\"\n <postmaster@example.org>\n\n",
		    NULL, ORIGIN_MAIL_SYSTEM },
		{ "From: no-reply@example.org\n\n", NULL, ORIGIN_ROBOT },
		{ "From: Mail Delivery System <mds@example.org>\n\n", NULL,
		    ORIGIN_ROBOT },
		{ "From: list-owner@example.org\n\n", NULL, ORIGIN_ROBOT },
		{ "From: \"mailer-daemon@example.org\" <a@example.com>\n\n",
		    NULL, ORIGIN_ROBOT },
		{ "From: \"b@example.org\" <mailer-daemon@example.com>\n\n",
		    NULL, ORIGIN_DAEMON },
		{ "\n", NULL, ORIGIN_OTHER },
		{ "Return-Path: <>\nFrom: anna@example.org\n\n", NULL,
		    ORIGIN_NULL_SENDER },
		{ "Return-Path: <>\nFrom: MAILER-DAEMON@example.org\n\n",
		    NULL, ORIGIN_DAEMON },
		{ "Return-Path: <MAILER-DAEMON>\nFrom: mdaemon\n\n",
		    NULL, ORIGIN_DAEMON },
		{ "Return-Path: <>\nFrom: postmaster\n\n",
		    NULL, ORIGIN_MAIL_SYSTEM },
		{ "Return-Path: <>\n\n", NULL, ORIGIN_DAEMON },
		{ "X-Failed-Recipients: anna@example.com\n"
		    "From: noreply@example.org\n\n", NULL,
		    ORIGIN_NULL_SENDER },
		{ "Return-Path: <anna@example.org>\n"
		    "From: postmaster@example.org\n\n", NULL,
		    ORIGIN_MAIL_SYSTEM },
		{ "Return-Path:\nFrom: anna@example.org\n\n", NULL,
		    ORIGIN_OTHER },
		/* The envelope, where it is known, decides alone. */
		{ "From: MAILER-DAEMON@example.org\n\n", "anna@example.org",
		    ORIGIN_OTHER },
		{ "From: anna@example.org\n\n", "", ORIGIN_NULL_SENDER },
		{ "From: anna@example.org\n\n", "<>", ORIGIN_NULL_SENDER },
		{ "From: MAILER-DAEMON\n\n", "<>", ORIGIN_DAEMON },
		{ "From: anna@example.org\n\n", "mailer-daemon@example.org",
		    ORIGIN_MAIL_SYSTEM },
		{ "Return-Path: <>\n\n", "noreply@example.org",
		    ORIGIN_ROBOT },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct message message = parse(*state, cases[i].header);
		const struct envelope envelope = {
			span_of(cases[i].sender), cases[i].sender != NULL
		};

		if (detect_origin(&message, &envelope) != cases[i].origin)
			fail_msg("\"%s\" from \"%s\"", cases[i].header,
			    cases[i].sender != NULL ? cases[i].sender : "-");
	}
}

#define STATUS(type) \
	"--b\nContent-Type: " type "\n\n" \
	"Final-Recipient: rfc822; a@example.com\n\n"
#define TEXT "--b\n\nwords\n"
#define PERSON "From: anna@example.org\n"
#define SYSTEM "From: MAILER-DAEMON@example.org\n"
#define DSN "message/delivery-status"

static void
test_status_parts(void **state)
{
	static const struct {
		const char *mail;
		bool found;
	} cases[] = {
		{ PERSON "Content-Type: multipart/report; boundary=b;\n"
		    " report-type=delivery-status\n\n"
		    TEXT STATUS(DSN) "--b--\n", true },
		{ PERSON "Content-Type: multipart/report; boundary=b\n\n"
		    TEXT STATUS(DSN), true },
		{ PERSON "Content-Type: Multipart/Report; boundary=b\n\n"
		    TEXT STATUS("Message/Delivery-Status"), true },
		{ PERSON "Content-Type: multipart/report; boundary=b\n\n"
		    TEXT STATUS("message/global-delivery-status"), true },
		/* A report of another kind that has such a part inside. */
		{ PERSON "Content-Type: multipart/report; boundary=b;\n"
		    " report-type=other\n\n" TEXT STATUS(DSN), false },
		/* A person's mail with a bounce's part attached. */
		{ PERSON "Content-Type: multipart/mixed; boundary=b\n\n"
		    TEXT STATUS(DSN), false },
		{ SYSTEM "Content-Type: multipart/mixed; boundary=b\n\n"
		    TEXT STATUS(DSN), true },
		{ SYSTEM "Content-Type: multipart/mixed; boundary=b\n\n"
		    TEXT, false },
		{ SYSTEM "Content-Type: " DSN "\n\n"
		    "Final-Recipient: rfc822; a@example.com\n", true },
		/* A whole report inside a mixed one, and deeper. */
		{ SYSTEM "Content-Type: multipart/mixed; boundary=a\n\n"
		    "--a\nContent-Type: multipart/report; boundary=b\n\n"
		    TEXT STATUS(DSN) "--b--\n--a\n\nfooter\n--a--\n", true },
		{ PERSON "Content-Type: multipart/mixed; boundary=a\n\n"
		    "--a\nContent-Type: multipart/report; boundary=b\n\n"
		    TEXT STATUS(DSN) "--b--\n--a\n\nfooter\n--a--\n", false },
		/* A forwarded bounce: it is inside another message. */
		{ SYSTEM "Content-Type: multipart/mixed; boundary=a\n\n"
		    "--a\n\nlook\n--a\nContent-Type: message/rfc822\n\n"
		    "Content-Type: multipart/report; boundary=b\n\n"
		    TEXT STATUS(DSN) "--b--\n--a--\n", false },
		{ SYSTEM "Content-Type: multipart/mixed; boundary=a\n\n"
		    "--a\n\nScanned by the gateway.\n"
		    "--a\nContent-Type: multipart/report; boundary=b\n\n"
		    TEXT STATUS(DSN) "--b--\n--a--\n", true },
		{ SYSTEM "\nwords\n", false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct message message = parse(*state, cases[i].mail);
		const struct envelope envelope = { .known = false };

		if ((detect_status_part(&message, &envelope) != NULL) !=
		    cases[i].found)
			fail_msg("case %zu: %s", i, cases[i].mail);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_envelope_senders),
		cmocka_unit_test_setup_teardown(test_headers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_origins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_status_parts, setup,
		    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
