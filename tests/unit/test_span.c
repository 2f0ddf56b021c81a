/* SPDX-License-Identifier: BSD-2-Clause */
#include "unittest.h"

static void
test_lines(void **state)
{
	struct span rest = SPAN("one\r\ntwo\n\nlast"), line;

	(void)state;
	assert_true(span_next_line(&rest, &line));
	assert_span(line, "one");
	assert_true(span_next_line(&rest, &line));
	assert_span(line, "two");
	assert_true(span_next_line(&rest, &line));
	assert_span(line, "");
	assert_true(span_next_line(&rest, &line));
	assert_span(line, "last");
	assert_false(span_next_line(&rest, &line));
	assert_span(line, "last");
}

static void
test_globs(void **state)
{
	static const struct {
		const char *pattern;
		const char *text;
		bool matches;
	} cases[] = {
		{ "*", "", true },
		{ "*", "anything", true },
		{ "", "", true },
		{ "", "x", false },
		{ "*.example.org", "mx.EXAMPLE.org", true },
		{ "*.example.org", "example.org", false },
		{ "*-bounces@*", "list-bounces@example.org", true },
		{ "m?.example.org", "mx.example.org", true },
		{ "m?.example.org", "mxx.example.org", false },
		{ "a*b*c", "axxbyyc", true },
		{ "a*b*c", "axxbyy", false },
		{ "**x**", "x", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (span_glob(span_of(cases[i].pattern),
		    span_of(cases[i].text)) != cases[i].matches)
			fail_msg("\"%s\" on \"%s\"", cases[i].pattern,
			    cases[i].text);
}

/* A pattern of many stars must not cost more than pattern times text. */
static void
test_glob_is_not_exponential(void **state)
{
	char text[4000];

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_false(span_glob(SPAN("*a*a*a*a*a*a*a*a*a*a*a*a*b"),
	    (struct span){ text, sizeof(text) }));
}

static void
test_find(void **state)
{
	const struct span text = SPAN("The Mailbox is full");

	(void)state;
	assert_int_equal(span_find(text, SPAN("Mailbox")), 4);
	assert_int_equal(span_find(text, SPAN("mailbox")), SPAN_NONE);
	assert_int_equal(span_find_nocase(text, SPAN("mailbox")), 4);
	assert_int_equal(span_find(text, SPAN("full")), 15);
	assert_int_equal(span_find(text, SPAN("fuller")), SPAN_NONE);
	assert_int_equal(span_find(SPAN_ABSENT, SPAN("x")), SPAN_NONE);
	assert_int_equal(span_find_char(text, 'i'), 6);
	assert_int_equal(span_find_last_char(text, 'i'), 12);
	assert_int_equal(span_find_char(SPAN_ABSENT, 'x'), SPAN_NONE);
}

static void
test_cutting(void **state)
{
	(void)state;
	assert_span(span_trim(SPAN(" \t\r\n x y \n")), "x y");
	assert_span(span_from(SPAN("abc"), 1), "bc");
	assert_span(span_from(SPAN("abc"), 9), "");
	assert_span(span_first(SPAN("abc"), 2), "ab");
	assert_span(span_first(SPAN("abc"), 9), "abc");
	assert_absent(span_from(SPAN_ABSENT, 3));
	assert_absent(span_of(NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_globs),
		cmocka_unit_test(test_glob_is_not_exponential),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_cutting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
