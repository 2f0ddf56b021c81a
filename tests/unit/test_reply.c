/* SPDX-License-Identifier: BSD-2-Clause */
#include "unittest.h"

#include "bounce/reply.h"
#include "mail/charset.h"

static int
setup(void **state)
{
	static struct arena arena;

	arena_init(&arena, (size_t)1 << 20);
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
test_basic_codes(void **state)
{
	static const struct {
		const char *text;
		int code;	/* 0: none */
	} cases[] = {
		{ "550", 550 },
		{ "550 no", 550 },
		{ "550-no", 550 },
		{ "250 ok", 250 },
		{ "200", 200 },
		{ "599", 599 },
		{ "452:", 452 },
		{ "199 x", 0 },
		{ "600 x", 0 },
		{ "55", 0 },
		{ "", 0 },
		{ "5500", 0 },
		{ "550a", 0 },
		{ "550.1", 0 },
		{ "5x0 ", 0 },
		{ " 550", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int code = 0;
		size_t len = reply_code_at(span_of(cases[i].text), &code);

		if (len != (cases[i].code != 0 ? 3u : 0u) ||
		    (len != 0 && code != cases[i].code))
			fail_msg("\"%s\": %d", cases[i].text, code);
	}
}

static void
test_status_codes(void **state)
{
	static const struct {
		const char *text;
		size_t len;	/* 0: none */
		const char *status;
	} cases[] = {
		{ "5.1.1", 5, "5.1.1" },
		{ "5.1.1 unknown", 5, "5.1.1" },
		{ "4.2.2)", 5, "4.2.2" },
		{ "2.0.0", 5, "2.0.0" },
		{ "5.7.509", 7, "5.7.509" },
		{ "5.7.26.", 6, "5.7.26" },
		{ "5.700.100", 9, "5.700.100" },
		{ "3.1.1", 0, "" },
		{ "1.1.1", 0, "" },
		{ "5.1", 0, "" },
		{ "5.1.", 0, "" },
		{ "5.1.x", 0, "" },
		{ "5.1.1.1", 0, "" },
		{ "5.1.1234", 0, "" },
		{ "5.1234.1", 0, "" },
		{ "5.1.1a", 0, "" },
		{ "50.1.1", 0, "" },
		{ "", 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct status status = { 0, 0, 0 };
		char text[STATUS_TEXT] = "";
		size_t len = status_at(span_of(cases[i].text), &status);

		if (len != 0)
			status_text(status, text);
		if (len != cases[i].len || strcmp(text, cases[i].status) != 0)
			fail_msg("\"%s\": %zu, \"%s\"", cases[i].text, len,
			    text);
	}
}

static void
test_status_text(void **state)
{
	char text[STATUS_TEXT];

	(void)state;
	assert_string_equal(status_text((struct status){ 0, 0, 0 }, text), "");
	assert_string_equal(status_text((struct status){ 5, 999, 999 }, text),
	    "5.999.999");
	assert_true(status_equal((struct status){ 5, 1, 1 },
	    (struct status){ 5, 1, 1 }));
	assert_false(status_equal((struct status){ 5, 1, 1 },
	    (struct status){ 4, 1, 1 }));
	assert_false(status_equal((struct status){ 5, 1, 1 },
	    (struct status){ 5, 1, 10 }));
}

static void
test_status_in_sentences(void **state)
{
	static const struct {
		const char *text;
		const char *status;
	} cases[] = {
		{ "550 5.1.1 unknown", "5.1.1" },
		{ "#5.1.1 unknown", "5.1.1" },
		{ "said: no (5.7.1)", "5.7.1" },
		{ "#< #5.2.2 smtp;>", "5.2.2" },
		{ "550-5.7.26 first", "5.7.26" },
		{ "host 192.0.2.5 said no", "" },
		{ "[5.1.1.1] said no", "" },
		{ "version 15.1.1 of it", "" },
		{ "smtp5.1.1 of it", "" },
		{ "4.4.7 and then 5.1.1", "4.4.7" },
		{ "no code", "" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[STATUS_TEXT];

		status_text(status_find(span_of(cases[i].text)), text);
		if (strcmp(text, cases[i].status) != 0)
			fail_msg("\"%s\": \"%s\"", cases[i].text, text);
	}
}

static void
test_codes_in_sentences(void **state)
{
	static const struct {
		const char *text;
		int code;	/* 0: none */
		size_t at;
	} cases[] = {
		{ "550 no", 550, 0 },
		{ "host said: 554 no", 554, 11 },
		{ "answered \"451 later\"", 451, 10 },
		{ "<421 4.4.2 timeout>", 421, 1 },
		{ "(550-no)", 550, 1 },
		{ "smtp;550#5.1.1", 550, 5 },
		{ "in the end 550", 550, 11 },
		{ "250 ok", 0, 0 },
		{ "port 587 is closed", 0, 0 },
		{ "port 443, line 550", 0, 0 },
		{ "1,500 mails", 0, 0 },
		{ "192.0.2.550 no", 0, 0 },
		{ "user550 no", 0, 0 },
		{ "example.org/550 no", 0, 0 },
		{ "5.5.500 no", 0, 0 },
		{ "4500 bytes", 0, 0 },
		{ "550kB", 0, 0 },
		{ "", 0, 0 },
		/* Telephone numbers are none, sizes and codes go on. */
		{ "call (555) 555-0100.", 0, 0 },
		{ "500 KB of 552 KB used", 0, 0 },
		{ "Failure: 550_User_unknown", 550, 9 },
		{ "call 555 1234 or 550-1234", 0, 0 },
		{ "call (555)123", 0, 0 },
		{ "550-5.1.1 no", 550, 0 },
		{ "550 554 no", 550, 0 },
		{ "full (552) 1.", 0, 0 },
		{ "full (552) now", 552, 6 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int code = 0;
		size_t at = reply_find(span_of(cases[i].text), &code);

		if (cases[i].code == 0 ? at != SPAN_NONE :
		    (at != cases[i].at || code != cases[i].code))
			fail_msg("\"%s\": %d", cases[i].text, code);
	}
}

static void
test_replies(void **state)
{
	static const struct {
		const char *raw;
		int code;
		const char *status;
		const char *text;
	} cases[] = {
		{ "550 5.1.1 User unknown", 550, "5.1.1",
		    "550 5.1.1 User unknown" },
		/* The example of reply.h. */
		{ "550-5.1.1 The\n550 5.1.1 user", 550, "5.1.1",
		    "550 5.1.1 The user" },
		{ "550-5.1.1 The\r\n550-5.1.1 user\r\n550 5.1.1 is gone",
		    550, "5.1.1", "550 5.1.1 The user is gone" },
		{ "550-No such\n550 user", 550, "", "550 No such user" },
		/* Lines that the reporting server has joined. */
		{ "host mx said: 550-5.1.1 The 550-5.1.1 user 550 5.1.1 left",
		    550, "5.1.1", "host mx said: 550-5.1.1 The user left" },
		{ "550-No 550-such 550 user", 550, "", "550 No such 550 user" },
		{ "550 5.1.1 to 550 5.1.2 and 550 - or 550",
		    550, "5.1.1", "550 5.1.1 to 550 5.1.2 and 550 - or 550" },
		{ "said: 550 5.1.1", 550, "5.1.1", "said: 550 5.1.1" },
		/* Another code in a later line is a word of it. */
		{ "550-5.1.1 The\n551 user", 550, "5.1.1",
		    "550 5.1.1 The 551 user" },
		{ "  452   4.2.2 \tMailbox\n\t full  ", 452, "4.2.2",
		    "452 4.2.2 Mailbox full" },
		{ "5.2.2 (mailbox full)", 0, "5.2.2", "5.2.2 (mailbox full)" },
		{ "550 #5.1.0 Address rejected.", 550, "5.1.0",
		    "550 #5.1.0 Address rejected." },
		{ "550 Rejected (#5.7.1)", 550, "5.7.1",
		    "550 Rejected (#5.7.1)" },
		{ "Host said: 554 5.7.1 no", 554, "5.7.1",
		    "Host said: 554 5.7.1 no" },
		{ "550-\n550 5.1.1 Late", 550, "5.1.1", "550 5.1.1 Late" },
		/* The refusal, not the greeting. */
		{ "220-mx.example.com 421 4.2.1 later", 421, "4.2.1",
		    "220 mx.example.com 421 4.2.1 later" },
		/* What kept it waiting, not that it waited. */
		{ "550 4.4.7 Message expired <452 4.2.2 Mailbox full>", 452,
		    "4.2.2",
		    "550 4.4.7 Message expired <452 4.2.2 Mailbox full>" },
		{ "554 4.4.7 Message expired", 554, "4.4.7",
		    "554 4.4.7 Message expired" },
		{ "unknown user", 0, "", "unknown user" },
		{ "", 0, "", "" },
		{ " \r\n \n", 0, "", "" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct reply reply;
		char status[STATUS_TEXT];

		reply_read(*state, span_of(cases[i].raw), &reply);
		status_text(reply.status, status);
		if (reply.code != cases[i].code ||
		    strcmp(status, cases[i].status) != 0)
			print_error("\"%s\": %d \"%s\"\n", cases[i].raw,
			    reply.code, status);
		assert_int_equal(reply.code, cases[i].code);
		assert_string_equal(status, cases[i].status);
		assert_span(reply.text, cases[i].text);
	}
}

/* A long reply is cut, never inside a character. */
static void
test_length(void **state)
{
	static char raw[5 * REPLY_LENGTH];
	struct reply reply;

	for (size_t shift = 0; shift < 4; shift++) {
		size_t len = 0;

		memcpy(raw, "550 xxx", 7);
		for (len = 4 + shift; len + 3 <= sizeof(raw); len += 3)
			memcpy(raw + len, "\342\202\254", 3);
		reply_read(*state, (struct span){ raw, len }, &reply);
		assert_true(reply.text.len <= REPLY_LENGTH);
		assert_true(reply.text.len > REPLY_LENGTH - 4);
		assert_int_equal((reply.text.len - 4 - shift) % 3, 0);
		assert_int_equal(reply.code, 550);
	}
}

/* NUL bytes and the like are blanks, and nothing is written past the end. */
/* A text that is cut inside a character, and from which codes go. */
static void
test_length_without_codes(void **state)
{
	static char raw[2 * REPLY_LENGTH];
	struct reply reply;

	for (size_t pad = 0; pad < 3; pad++) {
		size_t len = (size_t)snprintf(raw, sizeof(raw),
		    "550-5.1.1 to%.*s 550-5.1.1 you ", (int)pad, "...");

		while (len + 3 < REPLY_LENGTH + 50) {
			memcpy(raw + len, "\357\277\275", 3);
			len += 3;
		}
		reply_read(*state, (struct span){ raw, len }, &reply);
		assert_true(charset_is_utf8(reply.text));
		assert_int_equal(span_find(reply.text, SPAN("550-5")),
		    SPAN_NONE);
	}
}

static void
test_first_line(void **state)
{
	static const struct {
		const char *reply;
		bool first;
	} cases[] = {
		{ "550-5.7.1 This message is likely", true },
		{ "550-The first line", true },
		{ "550-5.7.1 The first\r\n    (expanded from: bob)", true },
		{ "550 5.7.1 The only line", false },
		{ "550-5.7.1 The first\r\n550 5.7.1 the last", false },
		{ "550-5.7.1 The first 550 5.7.1 the last", false },
		{ "550-", false },
		{ "550", false },
		{ "User unknown", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (reply_is_first_line(span_of(cases[i].reply)) !=
		    cases[i].first)
			fail_msg("\"%s\"", cases[i].reply);
	assert_false(reply_is_first_line(SPAN_ABSENT));
}

static void
test_control_bytes(void **state)
{
	struct reply reply;

	reply_read(*state, SPAN("550\0\0no\0such\vuser"), &reply);
	assert_span(reply.text, "550 no such user");
	assert_int_equal(reply.code, 550);
}

/* Without memory there is no text, and no crash. */
static void
test_no_memory(void **state)
{
	struct arena arena;
	struct reply reply;

	(void)state;
	arena_init(&arena, 0);
	reply_read(&arena, SPAN("550 5.1.1 no"), &reply);
	assert_absent(reply.text);
	assert_true(arena.failed);
	arena_release(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_basic_codes),
		cmocka_unit_test(test_status_codes),
		cmocka_unit_test(test_status_text),
		cmocka_unit_test(test_status_in_sentences),
		cmocka_unit_test(test_codes_in_sentences),
		cmocka_unit_test_setup_teardown(test_replies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_length, setup, teardown),
		cmocka_unit_test_setup_teardown(test_length_without_codes,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_control_bytes, setup,
		    teardown),
		cmocka_unit_test(test_first_line),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
