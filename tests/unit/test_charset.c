/* SPDX-License-Identifier: BSD-2-Clause */
#include "hostile.h"

#include "mail/charset.h"

static struct arena arena;

static int
release(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static void
test_to_utf8(void **state)
{
	static const struct {
		const char *charset;	/* NULL: absent */
		const char *text;
		const char *utf8;
		unsigned flags;
	} cases[] = {
		{ "us-ascii", "plain", "plain", 0 },
		{ "utf-8", "p\303\241", "p\303\241", 0 },
		{ " UTF-8 ", "p\303\241", "p\303\241", 0 },
		{ "utf8", "", "", 0 },
		{ "iso-8859-1", "\341 \200", "\303\241 \342\202\254", 0 },
		{ "ISO-8859-2", "\271\350\370", "\305\241\304\215\305\231",
		    0 },
		{ "iso-8859-15", "\244", "\342\202\254", 0 },
		{ "windows-1250", "\232\350\370", "\305\241\304\215\305\231",
		    0 },
		{ "windows-1251", "\317\360\350", "\320\237\321\200\320\270",
		    0 },
		{ "koi8-r", "\360\322\311", "\320\237\321\200\320\270", 0 },
		{ "cp866", "\217\340\250", "\320\237\321\200\320\270", 0 },
		{ "cp852", "\347", "\305\241", 0 },
		{ "shift_jis", "\223\372\226{", "\346\227\245\346\234\254",
		    0 },
		{ "euc-jp", "\306\374\313\334", "\346\227\245\346\234\254",
		    0 },
		{ "iso-2022-jp", "a\033$BF|K\\\033(Bb",
		    "a\346\227\245\346\234\254b", 0 },
		{ "gb2312", "\326\320", "\344\270\255", 0 },
		{ "big5", "\244\244", "\344\270\255", 0 },
		{ "euc-kr", "\307\321", "\355\225\234", 0 },
		{ "utf-7", "a+AOE-b", "a\303\241b", 0 },
		{ "unicode-1-1-utf-7", "+-", "+", 0 },
		/* Nothing named, or something unknown. */
		{ NULL, "p\303\241", "p\303\241", 0 },
		{ "", "p\303\241", "p\303\241", 0 },
		{ "x-unknown", "p\303\241", "p\303\241",
		    CHARSET_GUESSED },
		{ "x-unknown", "p", "p", 0 },
		{ NULL, "p\341", "p\303\241", CHARSET_GUESSED },
		{ "x-unknown", "p\341", "p\303\241", CHARSET_GUESSED },
		{ "us-ascii", "p\341", "p\303\241", CHARSET_GUESSED },
		{ "utf-8//translit", "p\341", "p\303\241", CHARSET_GUESSED },
		{ "../../tmp/x", "p\341", "p\303\241", CHARSET_GUESSED },
		{ NULL, "p\201", "p\357\277\275",
		    CHARSET_GUESSED | CHARSET_REPLACED },
		/* Bytes that are no text in their charset. */
		{ "iso-8859-3", "a\245b", "a\357\277\275b",
		    CHARSET_REPLACED },
		{ "iso-2022-jp", "a\377b", "a\357\277\275b",
		    CHARSET_REPLACED },
		{ "shift_jis", "a\202", "a\357\277\275", CHARSET_REPLACED },
		{ "euc-jp", "\377\377", "\357\277\275\357\277\275",
		    CHARSET_REPLACED },
		/* A lone surrogate, which iconv lets pass. */
		{ "utf-7", "a+2AA-b", "a\357\277\275b", CHARSET_REPLACED },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		unsigned flags = 99;

		assert_span(charset_to_utf8(&arena, span_of(cases[i].charset),
		    span_of(cases[i].text), &flags), cases[i].utf8);
		assert_int_equal(flags, cases[i].flags);
		assert_span(charset_to_utf8(&arena, span_of(cases[i].charset),
		    span_of(cases[i].text), NULL), cases[i].utf8);
	}
	assert_absent(charset_to_utf8(&arena, SPAN("koi8-r"), SPAN_ABSENT,
	    NULL));
}

/* A charset's name ends where its span ends, and NUL is a byte like others. */
static void
test_nul(void **state)
{
	struct span text = charset_to_utf8(&arena, SPAN("iso-8859-2"),
	    SPAN("\271\0\271"), NULL);

	(void)state;
	assert_int_equal(text.len, 5);
	assert_memory_equal(text.p, "\305\241\0\305\241", 5);
	assert_span(charset_to_utf8(&arena, SPAN("iso-8859-2\0"),
	    SPAN("\341"), NULL), "\303\241");
	assert_span(charset_to_utf8(&arena, span_first(SPAN("iso-8859-15"),
	    10), SPAN("\244"), NULL), "\302\244");
}

static void
test_no_copy(void **state)
{
	struct span text = SPAN("p\303\241");

	(void)state;
	assert_ptr_equal(charset_to_utf8(&arena, SPAN("utf-8"), text,
	    NULL).p, text.p);
	assert_ptr_equal(charset_to_utf8(&arena, SPAN_ABSENT, text, NULL).p,
	    text.p);
	assert_ptr_equal(charset_to_utf8(&arena, SPAN("x-unknown"), text,
	    NULL).p, text.p);
}

/* A text that grows threefold, longer than the first guess at its size. */
static void
test_long(void **state)
{
	struct span text = hostile_repeat(&arena, SPAN("\200"), 100000);
	unsigned flags;

	(void)state;
	text = charset_to_utf8(&arena, SPAN("windows-1252"), text, &flags);
	assert_int_equal(text.len, 300000);
	assert_int_equal(flags, 0);
	for (size_t i = 0; i < text.len; i += 3)
		assert_memory_equal(text.p + i, "\342\202\254", 3);
}

static void
test_is_ascii(void **state)
{
	(void)state;
	assert_true(charset_is_ascii(SPAN("")));
	assert_true(charset_is_ascii(SPAN_ABSENT));
	assert_true(charset_is_ascii(SPAN("a\0\001\033\177")));
	assert_false(charset_is_ascii(SPAN("\200")));
	assert_false(charset_is_ascii(SPAN("aaaaaaaaaaaaaaaaaaaaaaaa\377")));
}

static void
test_is_utf8(void **state)
{
	static const struct {
		const char *text;
		bool valid;
	} cases[] = {
		{ "", true },
		{ "a", true },
		{ "\302\200", true },
		{ "\340\240\200", true },
		{ "\355\237\277", true },
		{ "\356\200\200", true },
		{ "\360\220\200\200", true },
		{ "\364\217\277\277", true },
		{ "\200", false },			/* no lead */
		{ "\277", false },
		{ "\302", false },			/* cut off */
		{ "\340\240", false },
		{ "\360\220\200", false },
		{ "\302a", false },
		{ "\300\200", false },			/* too long a form */
		{ "\301\277", false },
		{ "\340\237\277", false },
		{ "\360\217\277\277", false },
		{ "\355\240\200", false },		/* surrogates */
		{ "\355\277\277", false },
		{ "\364\220\200\200", false },		/* past U+10FFFF */
		{ "\365\200\200\200", false },
		{ "\370\210\200\200\200", false },
		{ "\376", false },
		{ "\377", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (charset_is_utf8(span_of(cases[i].text)) !=
		    cases[i].valid)
			fail_msg("case %zu", i);
	assert_true(charset_is_utf8(SPAN_ABSENT));
	assert_true(charset_is_utf8(SPAN("a\0b")));
}

static void
test_extends_ascii(void **state)
{
	static const struct {
		const char *charset;
		bool extends;
	} cases[] = {
		{ NULL, true },
		{ "", true },
		{ " ", true },
		{ "us-ascii", true },
		{ "UTF-8", true },
		{ " iso-8859-2 ", true },
		{ "iso-2022-jp", true },
		{ "shift_jis", true },
		{ "utf-7", false },
		{ "unicode-1-1-utf-7", false },
		{ "utf-16", false },
		{ "utf-16le", false },
		{ "hz-gb-2312", false },
		{ "iso-2022-kr", false },
		{ "ebcdic-us", false },
		{ "x-unknown", false },
		{ "utf-8x", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (charset_extends_ascii(span_of(cases[i].charset)) !=
		    cases[i].extends)
			fail_msg("\"%s\"", cases[i].charset != NULL ?
			    cases[i].charset : "(absent)");
}

/* What promises that ASCII stays as it is must keep that for each byte. */
static void
test_extends_ascii_is_true(void **state)
{
	static const char *const charsets[] = {
		"us-ascii", "utf-8", "iso-8859-1", "iso-8859-2",
		"iso-8859-15", "windows-1250", "windows-1251",
		"windows-1252", "koi8-r", "koi8-u", "cp850", "cp852",
		"cp866", "tis-620", "shift_jis", "iso-2022-jp", "euc-jp",
		"euc-kr", "gb2312", "gb18030", "big5"
	};
	char text[] = "?";

	(void)state;
	for (size_t i = 0; i < COUNT(charsets); i++) {
		assert_true(charset_extends_ascii(span_of(charsets[i])));
		for (char c = ' '; c < 127; c++) {
			text[0] = c;
			assert_span(charset_to_utf8(&arena,
			    span_of(charsets[i]), span_of(text), NULL), text);
		}
	}
}

static const char *charset;

static void
check_output(struct arena *into, struct span text)
{
	struct span utf8 = charset_to_utf8(into, span_of(charset), text,
	    NULL);

	if (!into->failed)
		assert_non_null(utf8.p);
	assert_true(charset_is_utf8(utf8));
}

/* Whatever the bytes and the charset, what comes out is UTF-8. */
static void
test_hostile(void **state)
{
	static const char *const charsets[] = {
		NULL, "us-ascii", "utf-8", "utf-7", "utf-16", "utf-16le",
		"utf-16be", "iso-8859-1", "iso-8859-6", "iso-8859-8",
		"windows-1255", "windows-1258", "koi8-r", "tis-620",
		"shift_jis", "euc-jp", "iso-2022-jp", "iso-2022-jp-2",
		"iso-2022-kr", "iso-2022-cn", "euc-kr", "gb18030",
		"hz-gb-2312", "big5", "big5-hkscs", "x-unknown"
	};
	static const struct span units[] = {
		SPAN_INIT("\377"), SPAN_INIT("\200"), SPAN_INIT("\341 "),
		SPAN_INIT("\0"), SPAN_INIT("+2AD"), SPAN_INIT("\033$B"),
		SPAN_INIT("\033$B!\033"), SPAN_INIT("\033"),
		SPAN_INIT("\016\377\017"), SPAN_INIT("\330\0"),
		SPAN_INIT("\376\377"), SPAN_INIT("\210b\210"),
		SPAN_INIT("\355\240\200"), SPAN_INIT("a\314"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(charsets); i++) {
		charset = charsets[i];
		hostile_text(SPAN("\357\273\277a\303\241\271+AOE-+2AA-+\033$BF|"
		    "\033(B\033$)C\016\307\321\017\377\376\330\334\0\210\146"
		    "\244\244~{VP~}\201\060\201\060\360\237\230"),
		    check_output);
		for (size_t k = 0; k < COUNT(units); k++) {
			struct arena own;

			arena_init(&own, (size_t)4 << 20);
			check_output(&own, hostile_repeat(&own, units[k],
			    4000));
			assert_false(own.failed);
			arena_release(&own);
		}
	}
}

static void
test_last_character_is_kept(void **state)
{
	(void)state;
	assert_span(charset_to_utf8(&arena, SPAN("windows-1258"),
	    SPAN("hello"), NULL), "hello");
}

static void
test_last_character_is_kept_1255(void **state)
{
	(void)state;
	assert_span(charset_to_utf8(&arena, SPAN("windows-1255"),
	    SPAN("\371\354\345\355 \371"), NULL),
	    "\327\251\327\234\327\225\327\235 \327\251");
}

static void
test_bad_byte_in_named_utf8(void **state)
{
	unsigned flags;

	(void)state;
	assert_span(charset_to_utf8(&arena, SPAN("utf-8"),
	    SPAN("Z\303\241 \377"), &flags), "Z\303\241 \357\277\275");
	assert_int_equal(flags, CHARSET_REPLACED);
}

static void
test_no_copy_of_ascii(void **state)
{
	struct span text = SPAN("plain");

	(void)state;
	assert_ptr_equal(charset_to_utf8(&arena, SPAN("iso-8859-2"), text,
	    NULL).p, text.p);
}

static void
test_exact(void **state)
{
	unsigned flags;

	(void)state;
	assert_span(charset_to_utf8_exact(&arena, SPAN("iso-8859-2"),
	    SPAN("\271"), &flags), "\305\241");
	assert_int_equal(flags, 0);
	assert_span(charset_to_utf8_exact(&arena, SPAN_ABSENT,
	    SPAN("\344"), &flags), "\303\244");
	assert_int_equal(flags, CHARSET_GUESSED);
	assert_absent(charset_to_utf8_exact(&arena, SPAN("utf-8"),
	    SPAN("a\377"), &flags));
	assert_int_equal(flags, CHARSET_REPLACED);
	assert_absent(charset_to_utf8_exact(&arena, SPAN("iso-2022-jp"),
	    SPAN("a\377"), &flags));
	assert_int_equal(flags, CHARSET_REPLACED);
}

/* Text that is hardly in its charset costs little more than any other. */
static void
test_many_replaced(void **state)
{
	static const char *const names[] = {
		"iso-2022-jp", "utf-8", "shift_jis", "euc-kr", "utf-7",
		"gb18030", "big5", "iso-2022-kr"
	};
	const size_t len = (size_t)1 << 20;
	struct arena input;
	struct span text, out;
	unsigned flags;

	(void)state;
	arena_init(&input, len * 2);
	text = hostile_repeat(&input, SPAN("\377"), len);
	for (size_t i = 0; i < COUNT(names); i++) {
		arena_release(&arena);
		out = charset_to_utf8(&arena, span_of(names[i]), text,
		    &flags);
		assert_true(charset_is_utf8(out));
		assert_true(flags & CHARSET_REPLACED);
		/* Each byte becomes the three of U+FFFD. */
		assert_true(arena.used <= 6 * len);
		arena_release(&arena);
		assert_absent(charset_to_utf8_exact(&arena,
		    span_of(names[i]), text, &flags));
		assert_true(arena.used <= 2 * len);
	}
	arena_release(&input);
}

/* Below, at and above the number that is replaced one by one. */
static void
test_most_replaced(void **state)
{
	char text[1100], want[3300];

	(void)state;
	for (size_t n = 999; n <= 1001; n++) {
		memset(text, 0xff, n);
		strcpy(text + n, "\303\244");
		want[0] = '\0';
		for (size_t i = 0; i < n + (n < 1000 ? 2 : 0); i++)
			strcat(want, "\357\277\275");
		if (n >= 1000)
			strcat(want, "\303\244");
		assert_span(charset_to_utf8(&arena, SPAN("iso-2022-jp"),
		    span_of(text), NULL), want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_to_utf8),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_no_copy),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_is_ascii),
		cmocka_unit_test(test_is_utf8),
		cmocka_unit_test(test_extends_ascii),
		cmocka_unit_test(test_extends_ascii_is_true),
		cmocka_unit_test(test_last_character_is_kept),
		cmocka_unit_test(test_last_character_is_kept_1255),
		cmocka_unit_test(test_bad_byte_in_named_utf8),
		cmocka_unit_test(test_no_copy_of_ascii),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_exact),
		cmocka_unit_test(test_many_replaced),
		cmocka_unit_test(test_most_replaced),
	};

	arena_init(&arena, (size_t)16 << 20);
	return cmocka_run_group_tests(tests, NULL, release);
}
