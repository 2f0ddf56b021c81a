/* SPDX-License-Identifier: BSD-2-Clause */
#include "unittest.h"

#include "bounce/dsn.h"
#include "bounce/prose.h"

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

/* One recipient as it should be read; NULL and 0 stand for nothing. */
struct wanted {
	const char *address;
	const char *reply;
	const char *status;
	int code;
	const char *original;
	const char *remote;
};

#define WANTED 3

static const struct {
	const char *name;
	const char *text;
	const char *system;
	enum action action;
	unsigned weight;
	struct wanted recipients[WANTED];
} notices[] = {
	{ "postfix",
	    "This is the mail system at host mail.example.org.\n"
	    "\n"
	    "I'm sorry to have to inform you that your message could not\n"
	    "be delivered to one or more recipients. It's attached below.\n"
	    "\n"
	    "For further assistance, please send mail to postmaster.\n"
	    "\n"
	    "                   The mail system\n"
	    "\n"
	    "<anna@example.com>: host mx.example.com[192.0.2.1] said: 550 "
	    "5.1.1\n"
	    "    <anna@example.com>: User unknown (in reply to RCPT TO "
	    "command)\n"
	    "\n"
	    "<b@example.net> (expanded from\n    <box@example.org>): host "
	    "mx.example.net[192.0.2.2]\n"
	    "    said: 452 4.2.2 Mailbox full (in reply to RCPT TO "
	    "command)\n",
	    "postfix", ACTION_FAILED, PROSE_SURE, {
	    { "anna@example.com", "550 5.1.1 <anna@example.com>: User unknown",
	    "5.1.1", 550, NULL, "mx.example.com" },
	    { "b@example.net", "452 4.2.2 Mailbox full", "4.2.2", 452,
	    "box@example.org", "mx.example.net" } } },
	{ "postfix, delayed",
	    "This is the mail system at host mail.example.org.\n"
	    "\n"
	    "####################################################\n"
	    "# THIS IS A WARNING ONLY.  YOU DO NOT NEED TO RESEND YOUR "
	    "MESSAGE. #\n"
	    "####################################################\n"
	    "\n"
	    "Your message could not be delivered for more than 1 hour(s).\n"
	    "It will be retried until it is 5 day(s) old.\n"
	    "\n"
	    "<anna@example.com>: connect to mx.example.com[192.0.2.1]:25:\n"
	    "    Connection timed out\n",
	    "postfix", ACTION_DELAYED, PROSE_SURE, {
	    { "anna@example.com",
	    "connect to mx.example.com[192.0.2.1]:25: Connection timed out",
	    NULL, 0, NULL, "mx.example.com" } } },
	{ "qmail",
	    "Hi. This is the qmail-send program at example.org.\n"
	    "I'm afraid I wasn't able to deliver your message to the "
	    "following addresses.\n"
	    "This is a permanent error; I've given up. Sorry it didn't work "
	    "out.\n"
	    "\n"
	    "<anna@example.com>:\n"
	    "192.0.2.1 does not like recipient.\n"
	    "Remote host said: 550 5.1.1 No such mailbox\n"
	    "Giving up on 192.0.2.1.\n"
	    "\n"
	    "<b@example.net>:\n"
	    "Sorry, I couldn't find any host named example.net. (#5.1.2)\n"
	    "\n"
	    "--- Below this line is a copy of the message.\n"
	    "\n"
	    "Return-Path: <tom@example.org>\n"
	    "To: c@example.net\n",
	    "qmail", ACTION_FAILED, PROSE_SURE, {
	    { "anna@example.com", "550 5.1.1 No such mailbox", "5.1.1", 550,
	    NULL, NULL },
	    { "b@example.net",
	    "Sorry, I couldn't find any host named example.net. (#5.1.2)",
	    "5.1.2", 0, NULL, NULL } } },
	{ "exim",
	    "This message was created automatically by mail delivery "
	    "software.\n"
	    "\n"
	    "A message that you sent could not be delivered to one or more "
	    "of its\n"
	    "recipients. This is a permanent error. The following "
	    "address(es) failed:\n"
	    "\n"
	    "  anna@example.com\n"
	    "    (generated from box@example.org)\n"
	    "    SMTP error from remote mail server after RCPT "
	    "TO:<anna@example.com>:\n"
	    "    host mx.example.com [192.0.2.1]: 550 5.1.1 unknown\n"
	    "\n"
	    "------ This is a copy of the message, including all the "
	    "headers. ------\n"
	    "\n"
	    "Received: from x by y\n",
	    "exim", ACTION_FAILED, PROSE_SURE, {
	    { "anna@example.com", "550 5.1.1 unknown", "5.1.1", 550,
	    "box@example.org", "mx.example.com" } } },
	{ "sendmail",
	    "   ----- The following addresses had permanent fatal errors "
	    "-----\n"
	    "<anna@example.com>\n"
	    "\n"
	    "   ----- Transcript of session follows -----\n"
	    "... while talking to mx.example.com.:\n"
	    ">>> RCPT To:<anna@example.com>\n"
	    "<<< 550 5.7.1 Denied by policy\n"
	    "550 5.1.1 <anna@example.com>... User unknown\n"
	    "\n"
	    "   ----- Original message follows -----\n",
	    "sendmail", ACTION_FAILED, PROSE_SURE, {
	    { "anna@example.com", "550 5.7.1 Denied by policy", "5.7.1", 550,
	    NULL, "mx.example.com" } } },
	{ "exchange",
	    "Delivery has failed to these recipients or distribution "
	    "lists:\n"
	    "\n"
	    "anna@example.com<mailto:anna@example.com>\n"
	    "The recipient's mailbox is full.\n"
	    "\n"
	    "Diagnostic information for administrators:\n"
	    "\n"
	    "Generating server: mail.example.org\n"
	    "\n"
	    "anna@example.com\n"
	    "mx.example.com #552 5.2.2 over quota ##\n",
	    "exchange", ACTION_FAILED, PROSE_SURE, {
	    { "anna@example.com", "552 5.2.2 over quota ##", "5.2.2", 552,
	    NULL, NULL } } },
	{ "addresses in a row share a reason",
	    "Delivery to the following recipients failed.\n"
	    "\n"
	    "       a@example.com\n"
	    "       b@example.com\n",
	    NULL, ACTION_FAILED, PROSE_SURE, {
	    { "a@example.com", NULL, NULL, 0, NULL, NULL },
	    { "b@example.com", NULL, NULL, 0, NULL, NULL } } },
	{ "a label",
	    "Your message could not be delivered.\n"
	    "\n"
	    "Recipient: <anna@example.com>\n"
	    "Reason: 550 5.1.1 no such user\n",
	    NULL, ACTION_FAILED, PROSE_SURE, {
	    { "anna@example.com", "550 5.1.1 no such user", "5.1.1", 550,
	    NULL, NULL } } },
	{ "labels of the message are no recipients",
	    "Your message could not be delivered.\n"
	    "\n"
	    "From: tom@example.org\n"
	    "To: list@example.org\n"
	    "Subject: anna@example.net\n"
	    "Message-ID: <1@example.org>\n"
	    "\n"
	    "<anna@example.com>: 550 no\n",
	    NULL, ACTION_FAILED, PROSE_SURE, {
	    { "anna@example.com", "550 no", NULL, 550, NULL, NULL } } },
	{ "a word of a person",
	    "Hello, the mail to anna@example.com was delivered, see you.\n",
	    NULL, ACTION_NONE, 0, {
	    { "anna@example.com", NULL, NULL, 0, NULL, NULL } } },
	{ "words between others, capitals, no marks",
	    "MENSAGEM ENVIADA ONTEM N\303\203O FOI ENTREGUE. x\n",
	    NULL, ACTION_FAILED, PROSE_SURE, { { NULL } } },
	{ "words of two sentences",
	    "Your message is here. It is not late. Delivered today.\n",
	    NULL, ACTION_NONE, 0, { { NULL } } },
	{ "nobody is named",
	    "Undeliverable.\n", NULL, ACTION_FAILED, 1, { { NULL } } },
	{ "a status before the code; a mail of whom",
	    "Your mail to some was refused: it is from <me@example.org>.\n\n"
	    "The following message to <anna@example.com> was undeliverable.\n"
	    "The reason for the problem:\n"
	    "5.3.0 - Other mail system problem 554-'Transaction failed'\n",
	    "ironport", ACTION_FAILED, 3, {
	    { "anna@example.com", "554 'Transaction failed'", "5.3.0", 554,
	      NULL, NULL } } },
	{ "a status and no code, a reason before the address",
	    "This Message was undeliverable due to the following reason:\n\n"
	    "The user is away for good.\n\n<anna@example.com>\n\n"
	    "Please reply to <chief@example.net>\n", "intermail",
	    ACTION_FAILED, 3, {
	    { "anna@example.com", "The user is away for good.", "", 0, NULL,
	      NULL } } },
	{ "two sentences about two recipients",
	    "Unknown user: anna@example.com\n\n"
	    "User mailbox exceeds allowed size: b@example.com\n", "imail",
	    ACTION_FAILED, 3, {
	    { "anna@example.com", NULL, "", 0, NULL, NULL },
	    { "b@example.com", NULL, "", 0, NULL, NULL } } },
	{ "addresses in a row",
	    "Unable to deliver mail to anna@example.com, <b@example.com>;c@"
	    "example.com\n\n550 5.1.1 unknown\n", NULL, ACTION_FAILED, 3, {
	    { "anna@example.com", NULL, "5.1.1", 550, NULL, NULL },
	    { "b@example.com", NULL, "5.1.1", 550, NULL, NULL },
	    { "c@example.com", NULL, "5.1.1", 550, NULL, NULL } } },
	{ "addresses of others",
	    "A message from\nme@example.org\ncould not be delivered to\n"
	    "anna@example.com\n    host mx said: 550 5.1.1\n"
	    "    <robert@example.net>: Unknown, ask\nchief@example.com\n\n"
	    "Should you have questions, contact:\n\n  help@example.net\n"
	    "-- \ninfo@example.net\n", NULL, ACTION_FAILED, 3, {
	    { "anna@example.com", "550 5.1.1 <robert@example.net>: Unknown, "
	      "ask chief@example.com", "5.1.1", 550, NULL, NULL } } },
	{ "a reply that speaks of help, and the next recipient",
	    "<anna@example.com>: 550 5.7.1 blocked, write for help:\n\n"
	    "<b@example.com>: 550 5.1.1 unknown\n", NULL, ACTION_NONE, 0, {
	    { "anna@example.com", NULL, "5.7.1", 550, NULL, NULL },
	    { "b@example.com", NULL, "5.1.1", 550, NULL, NULL } } },
	{ "a reply in front of all",
	    "Your message could not be delivered because of\n\n"
	    "550 5.1.1 no such mailboxes\n\nThese were affected:\n"
	    "    anna@example.com\n    b@example.com\n\n"
	    "Additional Information\n======\nserver: mx\n", NULL,
	    ACTION_FAILED, 3, {
	    { "anna@example.com", "550 5.1.1 no such mailboxes", "5.1.1", 550,
	      NULL, NULL },
	    { "b@example.com", "550 5.1.1 no such mailboxes", "5.1.1", 550,
	      NULL, NULL } } },
	{ "an answer that quotes a notice",
	    "I am away.\n\n> Your message could not be delivered to:\n>\n"
	    "> anna@example.com\n> 550 5.1.1 unknown\n", NULL, ACTION_NONE,
	    0, { { NULL } } },
	{ "an answer behind the verdicts",
	    "   ----- Transcript of session follows -----\n>>> DATA\n"
	    "<<< 550 5.1.1 unknown\n"
	    "550 5.1.1 <anna@example.com>... User unknown\n"
	    "550 5.1.1 <b@example.com>... User unknown\n"
	    "<<< 503 5.5.1 No valid recipients\n", "sendmail", ACTION_FAILED,
	    3, {
	    { "anna@example.com", "550 5.1.1 unknown", "5.1.1", 550, NULL,
	      NULL },
	    { "b@example.com", "550 5.1.1 <b@example.com>... User unknown",
	      "5.1.1", 550, NULL, NULL } } },
	{ "an address named twice",
	    "   ----- The following addresses had permanent fatal errors -----"
	    "\nanna@example.com\n    (expanded from: <box@example.net>)\n\n"
	    "   ----- Transcript of session follows -----\n"
	    "550 anna@example.com... User unknown\n", "sendmail",
	    ACTION_FAILED, 3, {
	    { "anna@example.com", NULL, "", 550, "box@example.net", NULL } } },
	{ "nothing", "", NULL, ACTION_NONE, 0, { { NULL } } },
};

static void
check_string(struct span actual, const char *wanted, const char *name)
{
	if (wanted == NULL)
		return;
	if (!span_equal(actual, span_of(wanted)))
		print_error("%s:\n", name);
	assert_span(actual, wanted);
}

static void
check_notice(struct arena *arena, size_t i, bool crlf)
{
	const struct limits limits = LIMITS_DEFAULT;
	struct report report = { .kind = REPORT_NONE };
	struct span text = span_of(notices[i].text);
	struct prose prose;
	char *bytes = arena_alloc(arena, 2 * text.len + 1);
	size_t len = 0, n = 0;

	for (size_t k = 0; k < text.len; k++) {
		if (crlf && text.p[k] == '\n')
			bytes[len++] = '\r';
		bytes[len++] = text.p[k];
	}
	prose_read(&prose, &report, arena, (struct span){ bytes, len },
	    SPAN_ABSENT, &limits);
	while (n < WANTED && notices[i].recipients[n].address != NULL)
		n++;
	if (report.n != n || prose.action != notices[i].action ||
	    prose.weight != notices[i].weight)
		fail_msg("%s: %zu recipients, action %d, weight %u",
		    notices[i].name, report.n, (int)prose.action,
		    prose.weight);
	if (notices[i].system == NULL)
		assert_null(prose.system);
	else
		assert_string_equal(prose.system, notices[i].system);
	for (size_t k = 0; k < n; k++) {
		const struct wanted *wanted = &notices[i].recipients[k];
		const struct recipient *actual = &report.recipients[k];
		char status[STATUS_TEXT];

		status_text(actual->status, status);
		check_string(actual->address, wanted->address,
		    notices[i].name);
		check_string(actual->reply, wanted->reply, notices[i].name);
		check_string(actual->original, wanted->original,
		    notices[i].name);
		check_string(actual->remote, wanted->remote, notices[i].name);
		assert_int_equal(actual->code, wanted->code);
		assert_string_equal(status,
		    wanted->status != NULL ? wanted->status : "");
	}
}

static void
test_notices(void **state)
{
	for (size_t i = 0; i < COUNT(notices); i++)
		for (int crlf = 0; crlf < 2; crlf++)
			check_notice(*state, i, crlf);
}

/* A name stands behind its mark, on the next line too. */
static void
test_wrapped_servers(void **state)
{
	static const char *const texts[] = {
		"<anna@example.com>: host mx.example.com[192.0.2.1] said: "
		    "550 no\n",
		"<anna@example.com>: host\n    mx.example.com[192.0.2.1] "
		    "said: 550 no\n",
		"<anna@example.com>: host\r\n\tmx.example.com[192.0.2.1] "
		    "said: 550 no\r\n",
	};
	const struct limits limits = LIMITS_DEFAULT;

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct report report = { .kind = REPORT_NONE };
		struct prose prose;

		prose_read(&prose, &report, *state, span_of(texts[i]),
		    SPAN_ABSENT, &limits);
		assert_int_equal(report.n, 1);
		assert_span(report.recipients[0].remote, "mx.example.com");
	}
}

/* The notice ends where the returned message begins. */
static void
test_copies(void **state)
{
	static const struct {
		const char *text;
		const char *copy;	/* NULL: none */
	} cases[] = {
		{ "words\n--- Below this line is a copy of the message.\n\n"
		    "To: a@example.com\n", "\nTo: a@example.com\n" },
		{ "words\n   ----- Original message follows -----\n"
		    "To: a@example.com\n", "To: a@example.com\n" },
		{ "words\n\nReceived: by mail.example.org\n"
		    "To: a@example.com\nSubject: x\n",
		    "Received: by mail.example.org\nTo: a@example.com\n"
		    "Subject: x\n" },
		{ "words\n\nFrom: a@example.com\nSubject: x\n"
		    "MIME-Version: 1.0\n",
		    "From: a@example.com\nSubject: x\nMIME-Version: 1.0\n" },
		/* Some fields quoted are not the message. */
		{ "words\n\nFrom: a@example.com\nSubject: x\n"
		    "Message-ID: <1@example.com>\n\nMIME-Version: 1.0\n",
		    NULL },
		/* One field is no header. */
		{ "words\nReceived: by mail.example.org\n\nmore\n", NULL },
		{ "words\nBelow this line is a copy of the message.", "" },
		{ "words\n", NULL },
	};
	const struct limits limits = LIMITS_DEFAULT;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct report report = { .kind = REPORT_NONE };
		struct prose prose;

		prose_read(&prose, &report, *state, span_of(cases[i].text),
		    SPAN_ABSENT, &limits);
		if (cases[i].copy == NULL)
			assert_int_equal(prose.copy.len, 0);
		else if (cases[i].copy[0] != '\0')
			assert_span(prose.copy, cases[i].copy);
		assert_true(span_starts_nocase(prose.notice, SPAN("words")));
		assert_int_equal(report.n, 0);
	}
}

/* With X-Failed-Recipients, no others count. */
static void
test_failed_recipients(void **state)
{
	const struct limits limits = LIMITS_DEFAULT;
	struct report report = { .kind = REPORT_NONE };
	struct prose prose;

	prose_read(&prose, &report, *state, SPAN(
	    "The following address(es) failed:\n\n"
	    "  b@example.com\n    550 5.2.2 full\n\n"
	    "  other@example.com\n    550 5.1.1 unknown\n\n"),
	    SPAN("a@example.com, <b@example.com>,, b@example.com"), &limits);
	assert_int_equal(report.n, 2);
	assert_span(report.recipients[0].address, "a@example.com");
	assert_span(report.recipients[1].address, "b@example.com");
	assert_int_equal(report.recipients[1].code, 550);
	assert_int_equal(report.recipients[1].status.subject, 2);
}

/* Words fill what a status part left open, and add nobody. */
static void
test_filling(void **state)
{
	const struct limits limits = LIMITS_DEFAULT;
	struct report report = { .kind = REPORT_DSN };
	struct recipient *recipient = report_add_recipient(&report, *state,
	    &limits);
	struct prose prose;

	recipient->address = SPAN("anna@example.com");
	recipient->status = (struct status){ 5, 0, 0 };
	prose_read(&prose, &report, *state, SPAN(
	    "<anna@example.com>: host mx.example.com said: 552 5.2.2 full\n"
	    "\n<b@example.com>: 550 5.1.1 unknown\n"), SPAN_ABSENT, &limits);
	assert_int_equal(report.n, 1);
	assert_int_equal(report.recipients[0].code, 552);
	assert_int_equal(report.recipients[0].status.subject, 2);
	assert_span(report.recipients[0].reply, "552 5.2.2 full");
	assert_span(report.recipients[0].remote, "mx.example.com");

	/* What is there stays. */
	report.recipients[0].reply = SPAN("451 4.7.1 greylisted");
	report.recipients[0].code = 451;
	report.recipients[0].status = (struct status){ 4, 7, 1 };
	prose_read(&prose, &report, *state, SPAN(
	    "<anna@example.com>: host mx.example.com said: 552 5.2.2 full\n"),
	    SPAN_ABSENT, &limits);
	assert_span(report.recipients[0].reply, "451 4.7.1 greylisted");
	assert_int_equal(report.recipients[0].code, 451);
	assert_int_equal(report.recipients[0].status.subject, 7);

	/* Neither is a code taken from elsewhere in the notice. */
	report.recipients[0].reply = SPAN("Host or domain name not found");
	report.recipients[0].code = 0;
	report.recipients[0].status = (struct status){ 5, 4, 4 };
	prose_read(&prose, &report, *state, SPAN(
	    "If you read 552 5.2.2 anywhere, call us.\n\n"
	    "<anna@example.com>: Host or domain name not found\n"),
	    SPAN_ABSENT, &limits);
	assert_span(report.recipients[0].reply,
	    "Host or domain name not found");
	assert_int_equal(report.recipients[0].code, 0);
	assert_int_equal(report.recipients[0].status.detail, 4);
}

/* Words have the domain of a name that stands alone in a status part. */
static void
test_bare_name(void **state)
{
	const struct limits limits = LIMITS_DEFAULT;
	struct report report = { .kind = REPORT_DSN };
	struct recipient *recipient = report_add_recipient(&report, *state,
	    &limits);
	struct prose prose;

	recipient->address = SPAN("anna");
	prose_read(&prose, &report, *state, SPAN("<b@example.com>: 550 no\n"
	    "<anna@example.com>: 550 5.1.1 unknown\n"), SPAN_ABSENT,
	    &limits);
	assert_int_equal(report.n, 1);
	assert_span(report.recipients[0].address, "anna@example.com");

	/* So they do if a gateway names it in its own way. */
	report.recipients[0].address = SPAN("/S=anna/O=example/C=de/");
	prose_read(&prose, &report, *state, SPAN("<anna@example.com>: no\n"),
	    SPAN_ABSENT, &limits);
	assert_span(report.recipients[0].address, "anna@example.com");
}

/* Only so much is read, and only so many recipients are taken. */
static void
test_limits(void **state)
{
	static char text[2 * PROSE_TEXT];
	struct limits limits = LIMITS_DEFAULT;
	struct report report = { .kind = REPORT_NONE };
	struct prose prose;
	size_t len = 0;

	limits.recipients = 5;
	for (int i = 0; i < 9; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "<a%d@example.com>: 550 5.1.1 unknown\n\n", i);
	prose_read(&prose, &report, *state, (struct span){ text, len },
	    SPAN_ABSENT, &limits);
	assert_int_equal(report.n, 5);
	assert_int_equal(report.flags, REPORT_OVERFLOW);

	/* The ones of the field are all. */
	report = (struct report){ .kind = REPORT_NONE };
	prose_read(&prose, &report, *state, (struct span){ text, len },
	    SPAN("a1@example.com"), &limits);
	assert_int_equal(report.n, 1);
	assert_int_equal(report.flags, 0);

	/* What is not read may name others. */
	for (size_t at = 0; at < PROSE_TEXT; at += 60)
		memcpy(text + at, at < 120 ? "<a@example.com>: 550 5.1.1 no\n\n"
		    "<b@example.com>: 550 5.1.1 no\n" :
		    "This line tells nothing that anybody would want to know. "
		    "..\n", 60);
	report = (struct report){ .kind = REPORT_NONE };
	prose_read(&prose, &report, *state, (struct span){ text,
	    PROSE_TEXT }, SPAN_ABSENT, &limits);
	assert_int_equal(report.n, 2);
	assert_int_equal(report.flags, 0);
	memcpy(text + PROSE_TEXT, "\n<c@example.com>: 550 no\n", 25);
	report = (struct report){ .kind = REPORT_NONE };
	prose_read(&prose, &report, *state, (struct span){ text,
	    PROSE_TEXT + 25 }, SPAN_ABSENT, &limits);
	assert_int_equal(report.n, 2);
	assert_int_equal(report.flags, REPORT_OVERFLOW);

	memset(text, 'x', sizeof(text));
	memcpy(text + PROSE_TEXT + 10, "\n<a@example.com>: 550 no\n", 25);
	report = (struct report){ .kind = REPORT_NONE };
	prose_read(&prose, &report, *state, (struct span){ text,
	    sizeof(text) }, SPAN_ABSENT, &limits);
	assert_int_equal(report.n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_notices, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrapped_servers, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_copies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failed_recipients, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_filling, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bare_name, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
