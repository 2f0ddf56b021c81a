/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "explain/sanitize.h"
#include "mail/charset.h"
#include "unittest.h"

#define MAX 20

/* UTF-8 of what is hard to see in a source. */
#define BOM "\357\273\277"
#define LRO "\342\200\255"
#define RLO "\342\200\256"
#define PDF "\342\200\254"
#define RLI "\342\201\247"
#define PDI "\342\201\251"
#define RLM "\342\200\217"
#define ALM "\330\234"
#define ZWSP "\342\200\213"
#define ZWJ "\342\200\215"
#define WJ "\342\201\240"
#define NBSP "\302\240"
#define NEL "\302\205"
#define CSI "\302\233"
#define SHY "\302\255"
#define LSEP "\342\200\250"
#define PSEP "\342\200\251"
#define IDEOGRAPHIC_SPACE "\343\200\200"
#define TAG_A "\363\240\201\201"
#define PRIVATE "\356\200\200"
#define REPLACEMENT "\357\277\275"
#define E_ACUTE "\303\251"
#define HIRAGANA_A "\343\201\202"

static void
test_values(void **state)
{
	static const struct {
		const char *value;
		const char *clean;
	} cases[] = {
		{ "bob@example.org", "bob@example.org" },
		{ "", "" },
		{ E_ACUTE "t" E_ACUTE " " HIRAGANA_A,
		  E_ACUTE "t" E_ACUTE " " HIRAGANA_A },

		/* Line ends and other space: one space between words. */
		{ "a\r\nb", "a b" },
		{ "a\nb", "a b" },
		{ "a\rb", "a b" },
		{ "a\r\n\r\n\t b", "a b" },
		{ " a ", "a" },
		{ "\r\n a", "a" },
		{ "a\r\n", "a" },
		{ "a" NBSP "b", "a b" },
		{ "a" NEL "b", "a b" },
		{ "a" LSEP "b" PSEP "c", "a b c" },
		{ "a" IDEOGRAPHIC_SPACE "b", "a b" },
		{ "a\v\fb", "a b" },

		/* Controls, also those of terminals. */
		{ "a\001b\177c", "abc" },
		{ "a\033[31mb", "a[31mb" },
		{ "a" CSI "31mb", "a31mb" },
		{ "a\b\b\bb", "ab" },

		/* What turns text around. */
		{ RLO "gpj.exe" PDF, "gpj.exe" },
		{ LRO "a" PDF, "a" },
		{ RLI "a" PDI, "a" },
		{ "a" RLM "b" ALM "c", "abc" },

		/* What is not seen. */
		{ "pay" ZWSP "pal" ZWJ WJ SHY BOM, "paypal" },
		{ "a" TAG_A "b" PRIVATE "c", "abc" },
		{ RLO ZWSP "\001", "" },

		/* It can stand in a sentence, so the rest may stay. */
		{ "--boundary", "--boundary" },
		{ ".", "." },
		{ "<script>&\"'", "<script>&\"'" },
		{ "{address}", "{address}" },
	};
	struct arena arena;

	(void)state;
	arena_init(&arena, (size_t)1 << 20);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span clean = sanitize_value(&arena,
		    span_of(cases[i].value), MAX, false);

		if (!span_equal(clean, span_of(cases[i].clean)))
			fail_msg("case %zu: got \"%.*s\"", i, (int)clean.len,
			    clean.p != NULL ? clean.p : "");
	}
	assert_span(sanitize_value(&arena, SPAN("a\0b\0"), MAX, false), "ab");
	arena_release(&arena);
}

static void
test_what_is_no_utf8(void **state)
{
	static const struct {
		const char *value;
		const char *clean;
	} cases[] = {
		{ "caf\351", "caf" REPLACEMENT },
		{ "a\303", "a" REPLACEMENT },
		{ E_ACUTE "\351" E_ACUTE, E_ACUTE REPLACEMENT E_ACUTE },
		{ "\300\257", REPLACEMENT REPLACEMENT },
		{ "\355\240\200", REPLACEMENT REPLACEMENT REPLACEMENT },
	};
	size_t wrong = 0;
	struct arena arena;

	(void)state;
	arena_init(&arena, (size_t)1 << 20);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span clean = sanitize_value(&arena,
		    span_of(cases[i].value), MAX, false);

		if (span_equal(clean, span_of(cases[i].clean)))
			continue;
		print_error("case %zu: got \"%.*s\", want \"%s\"\n", i,
		    (int)clean.len, clean.p != NULL ? clean.p : "",
		    cases[i].clean);
		wrong++;
	}
	arena_release(&arena);
	assert_int_equal(wrong, 0);
}

/*
 * However long a valid value is, what is kept of it is its beginning,
 * unchanged: the work is bounded without spoiling a character.
 */
static void
test_long_values_keep_their_characters(void **state)
{
	static const char *const characters[] = {
		E_ACUTE, HIRAGANA_A, "\360\237\230\200"
	};
	struct arena arena;

	(void)state;
	arena_init(&arena, (size_t)1 << 20);
	for (size_t i = 0; i < COUNT(characters); i++)
		for (size_t shift = 0; shift < 4; shift++) {
			size_t size = strlen(characters[i]);
			char value[4 + 4 * 1000];
			struct span clean;
			size_t kept;

			memset(value, 'x', shift);
			for (size_t k = 0; k < 1000; k++)
				memcpy(value + shift + k * size,
				    characters[i], size);
			clean = sanitize_value(&arena, (struct span){ value,
			    shift + 1000 * size }, MAX, false);
			kept = shift + (MAX - 3 - shift) * size;
			if (!span_equal(span_first(clean, kept),
			    (struct span){ value, kept }) ||
			    !span_equal(span_from(clean, kept), SPAN("...")))
				fail_msg("%zu x, then %s: got \"%.*s\"",
				    shift, characters[i], (int)clean.len,
				    clean.p != NULL ? clean.p : "");
		}
	/* Unseen ones are passed over until the work is enough. */
	for (size_t unseen = 80; unseen < 130; unseen++) {
		char value[200] = "a";
		struct span clean;

		memset(value + 1, 0, unseen);
		strcpy(value + 1 + unseen, E_ACUTE "b");
		clean = sanitize_value(&arena, (struct span){ value,
		    unseen + 4 }, 10, false);
		assert_true(span_equal(clean, SPAN("a")) || span_equal(clean,
		    SPAN("a" E_ACUTE)) || span_equal(clean,
		    SPAN("a" E_ACUTE "b")));
	}
	arena_release(&arena);
}

static void
test_length(void **state)
{
	static const struct {
		const char *value;
		const char *clean;
	} cases[] = {
		{ "12345678901234567890", "12345678901234567890" },
		{ "123456789012345678901", "12345678901234567..." },
		/* Counted in characters, and cut between them. */
		{ E_ACUTE E_ACUTE E_ACUTE E_ACUTE E_ACUTE E_ACUTE E_ACUTE
		  E_ACUTE E_ACUTE E_ACUTE E_ACUTE E_ACUTE E_ACUTE E_ACUTE
		  E_ACUTE E_ACUTE E_ACUTE E_ACUTE E_ACUTE E_ACUTE "x",
		  E_ACUTE E_ACUTE E_ACUTE E_ACUTE E_ACUTE E_ACUTE E_ACUTE
		  E_ACUTE E_ACUTE E_ACUTE E_ACUTE E_ACUTE E_ACUTE E_ACUTE
		  E_ACUTE E_ACUTE E_ACUTE "..." },
		/* No blank in front of the dots. */
		{ "1234567890123456 89012", "1234567890123456..." },
		/* What goes does not count. */
		{ RLO "12345678901234567890" PDF, "12345678901234567890" },
	};
	struct arena arena;

	(void)state;
	arena_init(&arena, (size_t)1 << 20);
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_span(sanitize_value(&arena, span_of(cases[i].value),
		    MAX, false), cases[i].clean);
	arena_release(&arena);
}

/* A blank between words is a character like the others. */
static void
test_blanks_count(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, (size_t)1 << 20);
	assert_span(sanitize_value(&arena, SPAN("a b c d e"), 9, false),
	    "a b c d e");
	assert_span(sanitize_value(&arena, SPAN("a b c d e f"), 9, false),
	    "a b c...");
	arena_release(&arena);
}

/* Ten kilobytes and more of anything become a short piece, at little cost. */
static void
test_ten_kilobytes(void **state)
{
	static const char *const pieces[] = {
		"a", "\r\n", "\001", E_ACUTE, HIRAGANA_A, RLO, "\377",
		"a b ", "<", "@", ("a" ZWSP), "e\314\201",
	};
	static char value[1000000];
	struct arena arena;

	(void)state;
	for (size_t i = 0; i < COUNT(pieces); i++)
		for (size_t size = 10000; size <= sizeof(value); size *= 100) {
			size_t piece = strlen(pieces[i]);
			struct span clean;

			for (size_t at = 0; at < size; at++)
				value[at] = pieces[i][at % piece];
			arena_init(&arena, (size_t)64 << 10);
			clean = sanitize_value(&arena,
			    (struct span){ value, size }, 80, true);
			assert_non_null(clean.p);
			assert_true(clean.len <= 80 * 6 + 3);
			assert_true(charset_is_utf8(clean));
			arena_release(&arena);
		}
}

static void
test_spelled_at(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, (size_t)1 << 20);
	assert_span(sanitize_value(&arena, SPAN("anna.novak@example.com"),
	    120, true), "anna.novak (at) example.com");
	assert_span(sanitize_value(&arena, SPAN("@"), 120, true), "(at)");
	assert_span(sanitize_value(&arena, SPAN("a@b@c"), 120, true),
	    "a (at) b (at) c");
	assert_span(sanitize_value(&arena, SPAN("a@b"), 120, false), "a@b");
	arena_release(&arena);
}

static unsigned
next_random(unsigned long *seed)
{
	*seed = (*seed * 1103515245 + 12345) & 0x7fffffff;
	return (unsigned)(*seed >> 8);
}

/* Whatever comes in: one line of short, valid text without controls. */
static void
test_random_bytes(void **state)
{
	unsigned long seed = 7;
	struct arena arena;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char value[120];
		size_t len = next_random(&seed) % sizeof(value);
		bool spell_at = next_random(&seed) % 2 == 0;
		struct span clean;

		for (size_t i = 0; i < len; i++)
			value[i] = (char)next_random(&seed);
		arena_init(&arena, (size_t)64 << 10);
		clean = sanitize_value(&arena, (struct span){ value, len },
		    MAX, spell_at);
		assert_non_null(clean.p);
		assert_true(charset_is_utf8(clean));
		assert_true(clean.len <= MAX * 6 + 3);
		for (size_t i = 0; i < clean.len; i++) {
			unsigned char c = (unsigned char)clean.p[i];

			assert_true(c >= 0x20 && c != 0x7f);
			assert_true(!spell_at || c != '@');
			/* Nor a control of C1. */
			assert_false(c == 0xc2 &&
			    (unsigned char)clean.p[i + 1] < 0xa0);
		}
		/* What is clean stays as it is. */
		if (!span_ends_nocase(clean, SPAN("...")) && !spell_at)
			assert_true(span_equal(sanitize_value(&arena, clean,
			    MAX, false), clean));
		arena_release(&arena);
	}
}

static void
test_lines(void **state)
{
	static const struct {
		const char *text;
		const char *safe;
	} cases[] = {
		{ "", "" },
		{ "one\ntwo\n", "one\ntwo\n" },
		{ "one\n\ntwo\n", "one\n\ntwo\n" },
		{ "--boundary\n", " --boundary\n" },
		{ "--\n", " --\n" },
		{ "--boundary--\n", " --boundary--\n" },
		{ "- a dash\n", "- a dash\n" },
		{ ".\n", " .\n" },
		{ ".com\n", " .com\n" },
		{ "..\n", " ..\n" },
		{ "From bob\n", " From bob\n" },
		{ "From: bob\n", "From: bob\n" },
		{ "Fromage\n", "Fromage\n" },
		{ "> quoted\n", " > quoted\n" },
		{ "one\n--b\n.\n\n>x\n", "one\n --b\n .\n\n >x\n" },
		{ "a --b\na .\na From b\n", "a --b\na .\na From b\n" },
	};
	struct arena arena;

	(void)state;
	arena_init(&arena, (size_t)1 << 20);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span safe = sanitize_lines(&arena,
		    span_of(cases[i].text));

		if (!span_equal(safe, span_of(cases[i].safe)))
			fail_msg("\"%s\": got \"%.*s\"", cases[i].text,
			    (int)safe.len, safe.p != NULL ? safe.p : "");
		/* Doing it twice changes nothing more. */
		assert_true(span_equal(sanitize_lines(&arena, safe), safe));
	}
	arena_release(&arena);
}

/* A line of ours that begins with "from" is no line of an mbox. */
static void
test_harmless_lines(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, (size_t)1 << 20);
	assert_span(sanitize_lines(&arena, SPAN("from there\nFROM all\n")),
	    "from there\nFROM all\n");
	arena_release(&arena);
}

/* Without memory: absent, never half a value. */
static void
test_without_memory(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 0);
	assert_absent(sanitize_value(&arena, SPAN(" bob"), MAX, false));
	assert_absent(sanitize_lines(&arena, SPAN("bob\n")));
	assert_true(arena.failed);
	arena_release(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_what_is_no_utf8),
		cmocka_unit_test(test_long_values_keep_their_characters),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_blanks_count),
		cmocka_unit_test(test_ten_kilobytes),
		cmocka_unit_test(test_spelled_at),
		cmocka_unit_test(test_random_bytes),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_harmless_lines),
		cmocka_unit_test(test_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
