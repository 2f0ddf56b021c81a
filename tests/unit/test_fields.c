/* SPDX-License-Identifier: BSD-2-Clause */
#include "unittest.h"

#include "edit/fields.h"
#include "mail/charset.h"
#include "mail/codec.h"

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

static const struct cause full = {
	"mailbox-full", FIX_RECIPIENT, AGAIN_AFTER_FIX, STOP_MAILBOX, false
};
static const struct finding finding = { .cause = &full };

/*
 * What every value must be, name included: ASCII lines of at most 998 bytes,
 * folded with LF and a blank, none empty, no end of line at the end.
 */
static void
check_folding(const char *name, struct span value)
{
	struct span rest = value, line;
	bool first = true;

	assert_non_null(value.p);
	assert_true(charset_is_ascii(value));
	assert_int_equal(span_find_char(value, '\r'), SPAN_NONE);
	assert_int_equal(span_find_char(value, '\0'), SPAN_NONE);
	while (span_next_line(&rest, &line)) {
		size_t len = line.len + (first ? strlen(name) + 2 : 0);

		assert_true(first || line.p[0] == ' ' || line.p[0] == '\t');
		assert_true(span_trim(line).len > 0);
		if (len > 998)
			fail_msg("%s: a line of %zu bytes", name, len);
		first = false;
	}
	if (value.len > 0)
		assert_int_not_equal(value.p[value.len - 1], '\n');
}

/* Longest line of the field. */
static size_t
longest_line(const char *name, struct span value)
{
	size_t longest = 0, column = strlen(name) + 2;
	struct span line;

	while (span_next_line(&value, &line)) {
		if (column + line.len > longest)
			longest = column + line.len;
		column = 0;
	}
	return longest;
}

static void
test_explanations(void **state)
{
	static const char *const titles[] = {
		"Not delivered to anna@example.com",
		"Nie dostarczono do anna@example.com: skrzynka jest "
		    "pe\305\202na",
		"\345\256\233\345\205\210\343\201\256\343\203\241\343\203\274"
		    "\343\203\253\343\203\234\343\203\203\343\202\257\343\202"
		    "\271\343\201\214\343\201\204\343\201\243\343\201\261\343"
		    "\201\204\343\201\247\343\201\231\343\200\202\345\256\233"
		    "\345\205\210\343\201\256\343\203\241\343\203\274\343\203"
		    "\253\343\203\234\343\203\203\343\202\257\343\202\271",
		"looks =?utf-8?B?like?= one",
		"",
	};

	for (size_t i = 0; i < COUNT(titles); i++) {
		struct span value = field_explanation(*state,
		    span_of(titles[i]));

		if (titles[i][0] == '\0') {
			assert_int_equal(value.len, 0);
			continue;
		}
		check_folding(FIELD_EXPLANATION, value);
		assert_span(encoded_words_decode(*state, value), titles[i]);
	}
}

/* RFC 5322 section 2.1.1: lines should have 78 bytes at most. */
static void
test_explanation_lines(void **state)
{
	static char title[400];

	for (size_t len = 1; len < sizeof(title); len += 7) {
		struct span value;

		for (size_t i = 0; i < len; i++)
			title[i] = i % 9 == 8 && i + 1 < len ? ' ' : 'x';
		value = field_explanation(*state, (struct span){ title, len });
		check_folding(FIELD_EXPLANATION, value);
		if (longest_line(FIELD_EXPLANATION, value) > 78)
			fail_msg("%zu bytes of title: a line of %zu", len,
			    longest_line(FIELD_EXPLANATION, value));
		assert_true(span_equal(header_unfold(*state, value),
		    (struct span){ title, len }));
	}
}

/* Lines must have 998 bytes at most, whatever a catalogue holds. */
static void
test_explanation_of_one_word(void **state)
{
	static char title[2000];

	memset(title, 'x', sizeof(title));
	for (size_t len = 400; len < sizeof(title); len += 100) {
		struct span value = field_explanation(*state,
		    (struct span){ title, len });

		assert_true(longest_line(FIELD_EXPLANATION, value) < 998);
	}
}

/* The example of the contract. */
static void
test_cause(void **state)
{
	const struct recipient recipient = {
		.address = SPAN("anna.novak@example.com"),
		.action = ACTION_FAILED, .status = { 4, 2, 2 }, .code = 452,
		.reply = SPAN("452 4.2.2 Mailbox full"),
	};
	struct span value = field_cause(*state, &recipient, &finding,
	    SPAN("mail.example.org"));

	check_folding(FIELD_CAUSE, value);
	assert_span(header_unfold(*state, value),
	    "mailbox-full; recipient=\"anna.novak@example.com\"; "
	    "action=failed; code=452; status=4.2.2; "
	    "reply=\"452 4.2.2 Mailbox full\"; fix=recipient; "
	    "by=mail.example.org");
	assert_true(longest_line(FIELD_CAUSE, value) <= 78);
}

static void
test_cause_values(void **state)
{
	static const struct {
		struct recipient recipient;
		const char *value;
	} cases[] = {
		{ { .action = ACTION_NONE },
		    "mailbox-full; action=failed; fix=recipient; by=h.x" },
		{ { .address = SPAN_INIT("a@example.com"),
		    .original = SPAN_INIT("b@example.com"),
		    .action = ACTION_DELAYED },
		    "mailbox-full; recipient=\"a@example.com\"; "
		    "original=\"b@example.com\"; action=delayed; "
		    "fix=recipient; by=h.x" },
		/* Nobody need mend what was delivered. */
		{ { .address = SPAN_INIT("a@example.com"),
		    .action = ACTION_DELIVERED },
		    "mailbox-full; recipient=\"a@example.com\"; "
		    "action=delivered; by=h.x" },
		{ { .action = ACTION_RELAYED },
		    "mailbox-full; action=relayed; by=h.x" },
		{ { .action = ACTION_EXPANDED },
		    "mailbox-full; action=expanded; by=h.x" },
		/* Quotes and backslashes cannot end the value. */
		{ { .action = ACTION_FAILED,
		    .reply = SPAN_INIT("a \"b\" \\ c; by=evil.example") },
		    "mailbox-full; action=failed; reply=\"a \\\"b\\\" \\\\ c; "
		    "by=evil.example\"; fix=recipient; by=h.x" },
		/* Nor can line ends and controls. */
		{ { .action = ACTION_FAILED,
		    .reply = SPAN_INIT("a\r\nBounce-Cause: x\0y\033z") },
		    "mailbox-full; action=failed; reply=\"a Bounce-Cause: "
		    "xyz\"; fix=recipient; by=h.x" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span value = field_cause(*state, &cases[i].recipient,
		    &finding, SPAN("h.x"));

		check_folding(FIELD_CAUSE, value);
		assert_span(header_unfold(*state, value), cases[i].value);
		assert_span(field_cause_host(*state, value), "h.x");
	}
}

/*
 * Sieve, Python and others decode encoded words before they look at the
 * parameters: then, too, each must end where it ends.
 */
static void
test_cause_decoded(void **state)
{
	static const struct {
		const char *reply;
		const char *decoded;
	} cases[] = {
		{ "550 =?utf-8?q?a=22=3B_by=3Devil.example?=",
		    "550 =\\?utf-8?q?a=22=3B_by=3Devil.example?=" },
		{ "550 \305\274\"; by=evil.example; \\",
		    "550 \305\274\\\"; by=evil.example; \\\\" },
		{ "550 \305\274 =?utf-8?q?a=22?=",
		    "550 \305\274 =\\?utf-8?q?a=22?=" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct recipient recipient = { .action = ACTION_FAILED,
		    .reply = span_of(cases[i].reply) };
		struct span value = encoded_words_decode(*state, field_cause(
		    *state, &recipient, &finding, SPAN("h.x")));
		struct buf wanted;

		buf_init(&wanted, *state);
		buf_add_string(&wanted, "mailbox-full; action=failed; reply=\"");
		buf_add_string(&wanted, cases[i].decoded);
		buf_add_string(&wanted, "\"; fix=recipient; by=h.x");
		assert_true(span_equal(value, buf_span(&wanted)));
		assert_span(field_cause_host(*state, value), "h.x");
	}
}

/* Long and foreign values: capped, decodable, whole characters. */
static void
test_cause_lengths(void **state)
{
	static char reply[6000];
	struct recipient recipient = { .action = ACTION_FAILED };

	for (size_t len = 190; len < 260; len++) {
		struct span value, text;

		for (size_t i = 0; i < len; i++)
			reply[i] = i % 6 == 5 && i + 1 < len ? ' ' : 'x';
		recipient.reply = (struct span){ reply, len };
		value = field_cause(*state, &recipient, &finding, SPAN("h.x"));
		check_folding(FIELD_CAUSE, value);
		text = header_parameter(*state, value, "reply");
		if (text.len > FIELD_REPLY)
			fail_msg("a reply of %zu became one of %zu", len,
			    text.len);
		assert_true(text.len == len || len > FIELD_REPLY);
	}
	for (size_t i = 0; i + 3 <= sizeof(reply); i += 3)
		memcpy(reply + i, "\343\201\202", 3);
	recipient.reply = (struct span){ reply, sizeof(reply) };
	recipient.address = (struct span){ reply, sizeof(reply) };
	for (int i = 0; i < 2; i++) {
		struct span value, text;

		value = field_cause(*state, &recipient, &finding, SPAN("h.x"));
		check_folding(FIELD_CAUSE, value);
		text = encoded_words_decode(*state, header_parameter(*state,
		    header_unfold(*state, value), "reply"));
		assert_true(charset_is_utf8(text));
		assert_true(text.len > 500 && text.len <= 3 * FIELD_REPLY);
		assert_span(field_cause_host(*state, value), "h.x");
		/* Blanks between the characters must not matter. */
		for (size_t k = 0; k + 1 < sizeof(reply); k += 40)
			reply[k] = ' ';
	}
}

/* A line of a field that has room to fold is not longer than 998 bytes. */
static void
test_cause_of_one_word(void **state)
{
	static char word[3000];
	struct recipient recipient = { .action = ACTION_FAILED };
	struct span value;

	memset(word, 'w', sizeof(word));
	recipient.address = recipient.original = recipient.reply =
	    (struct span){ word, sizeof(word) };
	value = field_cause(*state, &recipient, &finding,
	    (struct span){ word, sizeof(word) });
	check_folding(FIELD_CAUSE, value);
}

static void
test_hosts(void **state)
{
	static const struct {
		const char *value;
		const char *host;	/* NULL: none */
	} cases[] = {
		{ " mailbox-full; by=mail.example.org", "mail.example.org" },
		{ " x; recipient=\"a@b\";\n\tBY=mail.example.org",
		    "mail.example.org" },
		{ " x; by=\"mail.example.org\"", "mail.example.org" },
		{ " x; reply=\"; by=evil.example\"; by=mail.example.org",
		    "mail.example.org" },
		{ " x; reply=\"\\\"; by=evil.example\"", NULL },
		{ " mailbox-full", NULL },
		{ " by=mail.example.org", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span host = field_cause_host(*state,
		    span_of(cases[i].value));

		if (cases[i].host == NULL)
			assert_int_equal(host.len, 0);
		else
			assert_span(host, cases[i].host);
	}
	assert_int_equal(field_cause_host(*state, SPAN_ABSENT).len, 0);
}

/* The host is ours, but a value that is odd must not forge anything. */
static void
test_odd_host(void **state)
{
	const struct recipient recipient = { .action = ACTION_FAILED };
	struct span value = field_cause(*state, &recipient, &finding,
	    SPAN_ABSENT);

	assert_span(header_unfold(*state, value),
	    "mailbox-full; action=failed; fix=recipient");
	value = field_cause(*state, &recipient, &finding, SPAN("a\r\nB: c"));
	check_folding(FIELD_CAUSE, value);
}

static void
test_no_memory(void **state)
{
	const struct recipient recipient = {
		.action = ACTION_FAILED, .reply = SPAN_INIT("550 no")
	};
	struct arena arena;

	(void)state;
	arena_init(&arena, 0);
	assert_absent(field_explanation(&arena, SPAN("title")));
	assert_absent(field_cause(&arena, &recipient, &finding, SPAN("h")));
	arena_release(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_explanations, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_explanation_lines, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_explanation_of_one_word,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_cause, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cause_values, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_cause_decoded, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_cause_lengths, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_cause_of_one_word, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_hosts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd_host, setup,
		    teardown),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
