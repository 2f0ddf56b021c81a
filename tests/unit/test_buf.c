/* SPDX-License-Identifier: BSD-2-Clause */
#include <limits.h>

#include "unittest.h"

#include "base/buf.h"

static struct arena arena;

static int
release(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static void
test_empty(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, &arena);
	assert_span(buf_span(&buf), "");
	buf_add(&buf, NULL, 0);
	buf_add_span(&buf, SPAN_ABSENT);
	buf_add_string(&buf, "");
	buf_add_chars(&buf, 'x', 0);
	buf_reserve(&buf, 0);
	assert_span(buf_span(&buf), "");
}

static void
test_appending(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, &arena);
	buf_add(&buf, "bytes", 5);
	buf_add_char(&buf, ' ');
	buf_add_span(&buf, span_first(SPAN("spanning"), 4));
	buf_add_string(&buf, " string");
	buf_add_chars(&buf, '.', 3);
	buf_add_number(&buf, 0);
	buf_add_char(&buf, ',');
	buf_add_number(&buf, 1020);
	assert_span(buf_span(&buf), "bytes span string...0,1020");
}

static void
test_numbers(void **state)
{
	static const unsigned long numbers[] = {
		0, 1, 9, 10, 99, 100, 4294967295UL, ULONG_MAX
	};

	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		char expected[32];
		struct buf buf;

		snprintf(expected, sizeof(expected), "%lu", numbers[i]);
		buf_init(&buf, &arena);
		buf_add_number(&buf, numbers[i]);
		assert_span(buf_span(&buf), expected);
	}
}

static void
test_codepoints(void **state)
{
	static const struct {
		unsigned long codepoint;
		const char *utf8;
	} cases[] = {
		{ 0x01, "\001" },
		{ 0x7f, "\177" },
		{ 0x80, "\302\200" },
		{ 0x7ff, "\337\277" },
		{ 0x800, "\340\240\200" },
		{ 0xd7ff, "\355\237\277" },
		{ 0xd800, "" },
		{ 0xdfff, "" },
		{ 0xe000, "\356\200\200" },
		{ 0xfffd, "\357\277\275" },
		{ 0xffff, "\357\277\277" },
		{ 0x10000, "\360\220\200\200" },
		{ 0x1f600, "\360\237\230\200" },
		{ 0x10ffff, "\364\217\277\277" },
		{ 0x110000, "" },
		{ 0xffffffffUL, "" },
		{ ULONG_MAX, "" },
	};
	struct buf nul;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf buf;

		buf_init(&buf, &arena);
		buf_add_codepoint(&buf, cases[i].codepoint);
		assert_span(buf_span(&buf), cases[i].utf8);
	}
	buf_init(&nul, &arena);
	buf_add_codepoint(&nul, 0);
	assert_int_equal(buf_span(&nul).len, 1);
	assert_int_equal(buf_span(&nul).p[0], '\0');
}

/* Two buffers that grow in turn, byte by byte, past several blocks. */
static void
test_growing_in_turn(void **state)
{
	struct buf a, b;

	(void)state;
	buf_init(&a, &arena);
	buf_init(&b, &arena);
	for (size_t i = 0; i < 50000; i++) {
		buf_add_char(&a, (char)(i % 251));
		buf_add_char(&b, (char)(i % 241));
	}
	assert_int_equal(buf_span(&a).len, 50000);
	assert_int_equal(buf_span(&b).len, 50000);
	for (size_t i = 0; i < 50000; i++) {
		assert_int_equal(a.p[i], (char)(i % 251));
		assert_int_equal(b.p[i], (char)(i % 241));
	}
}

static void
test_reserve(void **state)
{
	struct buf buf;
	const char *p;

	(void)state;
	buf_init(&buf, &arena);
	buf_add_string(&buf, "kept");
	buf_reserve(&buf, 30000);
	p = buf.p;
	assert_span(buf_span(&buf), "kept");
	assert_non_null(arena_alloc(&arena, 1));
	buf_add_chars(&buf, 'x', 30000);
	assert_ptr_equal(buf.p, p);
	assert_int_equal(buf_span(&buf).len, 30004);
}

static void
test_failing(void **state)
{
	struct arena small;
	struct buf buf, other;

	(void)state;
	arena_init(&small, 1000);
	buf_init(&buf, &small);
	buf_init(&other, &small);
	buf_add_string(&other, "whole");
	buf_add_chars(&buf, 'x', 2000);
	assert_absent(buf_span(&buf));
	assert_int_equal(buf.len, 0);
	buf_add_char(&buf, 'y');	/* would fit, but a part is missing */
	buf_add_string(&buf, "z");
	buf_add_codepoint(&buf, 0x1f600);
	buf_add_number(&buf, 7);
	buf_reserve(&buf, 1);
	assert_absent(buf_span(&buf));
	assert_span(buf_span(&other), "whole");
	arena_release(&small);
}

static void
test_lengths_that_overflow(void **state)
{
	static const size_t huge[] = {
		SIZE_MAX, SIZE_MAX - 4, SIZE_MAX / 2 + 1, SIZE_MAX / 2
	};

	(void)state;
	for (size_t i = 0; i < COUNT(huge); i++) {
		struct arena large;
		struct buf buf;

		arena_init(&large, (size_t)1 << 20);
		buf_init(&buf, &large);
		buf_add_string(&buf, "text");
		buf_reserve(&buf, huge[i]);
		assert_absent(buf_span(&buf));
		arena_release(&large);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_appending),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_codepoints),
		cmocka_unit_test(test_growing_in_turn),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_failing),
		cmocka_unit_test(test_lengths_that_overflow),
	};

	arena_init(&arena, (size_t)1 << 20);
	return cmocka_run_group_tests(tests, NULL, release);
}
