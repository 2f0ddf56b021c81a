/* SPDX-License-Identifier: BSD-2-Clause */
#include "hostile.h"

#include "base/ascii.h"
#include "mail/charset.h"
#include "mail/codec.h"

static struct arena arena;

static int
release(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static void
test_encoding_of(void **state)
{
	static const struct {
		const char *value;	/* NULL: absent */
		enum encoding encoding;
	} cases[] = {
		{ NULL, ENCODING_7BIT },
		{ "", ENCODING_7BIT },
		{ " 7bit", ENCODING_7BIT },
		{ "8bit", ENCODING_8BIT },
		{ "BINARY\r\n", ENCODING_BINARY },
		{ " Quoted-Printable ", ENCODING_QUOTED_PRINTABLE },
		{ "\r\n BASE64", ENCODING_BASE64 },
		{ "base64 (as ever)", ENCODING_BASE64 },
		{ "(really) base64; x=y", ENCODING_BASE64 },
		{ "base-64", ENCODING_UNKNOWN },
		{ "base6", ENCODING_UNKNOWN },
		{ "x-uuencode", ENCODING_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(encoding_of(&arena,
		    span_of(cases[i].value)), cases[i].encoding);
}

static void
test_decode_dispatch(void **state)
{
	static const enum encoding plain[] = {
		ENCODING_7BIT, ENCODING_8BIT, ENCODING_BINARY,
		ENCODING_UNKNOWN
	};
	struct span body = SPAN("=41QQ");

	(void)state;
	for (size_t i = 0; i < COUNT(plain); i++)
		assert_ptr_equal(encoding_decode(&arena, plain[i], body).p,
		    body.p);
	assert_span(encoding_decode(&arena, ENCODING_QUOTED_PRINTABLE, body),
	    "AQQ");
	assert_span(encoding_decode(&arena, ENCODING_BASE64, SPAN("QUJD")),
	    "ABC");
}

static void
test_base64_decode(void **state)
{
	static const struct {
		const char *text;
		const char *bytes;
	} cases[] = {
		{ "", "" },
		{ "QQ==", "A" },
		{ "QUI=", "AB" },
		{ "QUJD", "ABC" },
		{ "QUJDRA==", "ABCD" },
		{ "QUJD\r\nRA==\r\n", "ABCD" },
		{ " Q\tU J\nD ", "ABC" },
		{ "QUI", "AB" },		/* padding left out */
		{ "QQ", "A" },
		{ "Q", "" },
		{ "====", "" },
		{ "\r\n", "" },
		{ "w6E+/w==", "\303\241>\377" },
		{ "Q-U*J\200D", "ABC" },
	};
	struct span bytes;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_span(base64_decode(&arena, span_of(cases[i].text)),
		    cases[i].bytes);
	bytes = base64_decode(&arena, SPAN("AAD/AAA="));
	assert_int_equal(bytes.len, 5);
	assert_memory_equal(bytes.p, "\0\0\377\0\0", 5);
}

/* Every digit of the alphabet: 48 bytes that count 0 to 63 in six bits. */
static void
test_base64_alphabet(void **state)
{
	struct span bytes = base64_decode(&arena,
	    SPAN("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789+/"));

	(void)state;
	assert_int_equal(bytes.len, 48);
	for (unsigned i = 0; i < 64; i++) {
		const unsigned char *p = (const unsigned char *)bytes.p +
		    i / 4 * 3;
		unsigned long three = (unsigned long)p[0] << 16 |
		    (unsigned long)p[1] << 8 | p[2];

		assert_int_equal(three >> (18 - i % 4 * 6) & 63, i);
	}
}

static void
test_quoted_printable_decode(void **state)
{
	static const struct {
		const char *text;
		const char *bytes;
	} cases[] = {
		{ "", "" },
		{ "plain\r\ntext\n", "plain\r\ntext\n" },
		{ "=41=4a=4A", "AJJ" },
		{ "=C3=A1", "\303\241" },
		{ "soft=\r\nbreak=\nhere", "softbreakhere" },
		{ "soft= \t\r\nbreak", "softbreak" },
		{ "the end=", "the end" },
		{ "blanks \t \r\ngo  ", "blanks\r\ngo" },
		{ "kept=20\r\n", "kept \r\n" },
		{ "line=0D=0Aend", "line\r\nend" },
		/* What is not encoded rightly stays. */
		{ "=", "" },
		{ "=4", "=4" },
		{ "=4\r\n", "=4\r\n" },
		{ "=zz", "=zz" },
		{ "=4z", "=4z" },
		{ "a=b", "a=b" },
		{ "==41", "=A" },
		{ "=3D41", "=41" },
		{ "\303\241", "\303\241" },
		{ "\n\n", "\n\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_span(quoted_printable_decode(&arena,
		    span_of(cases[i].text)), cases[i].bytes);
}

static struct span
quoted_printable(struct arena *into, struct span text, const char *eol)
{
	struct buf out;

	buf_init(&out, into);
	quoted_printable_encode(&out, text, eol);
	return buf_span(&out);
}

static void
test_quoted_printable_encode(void **state)
{
	static const struct {
		const char *text;
		const char *encoded;
	} cases[] = {
		{ "", "" },
		{ "plain text\n", "plain text\n" },
		{ "no end", "no end" },
		{ "CRLF\r\nalso\r\n", "CRLF\nalso\n" },
		{ "\n\n", "\n\n" },
		{ "a=b", "a=3Db" },
		{ "p\303\241", "p=C3=A1" },
		{ "tab\there", "tab\there" },
		{ "blank \nend\t\n \n", "blank=20\nend=09\n=20\n" },
		{ "blank at last ", "blank at last=20" },
		{ "a\001b\033c\177d", "a=01b=1Bc=7Fd" },
		{ "a\rb\n", "a=0Db\n" },
		{ "a\r\r\n", "a=0D\n" },
		{ ".\n", "=2E\n" },
		{ "..a\na.b\n", "=2E.a\na.b\n" },
		{ "From me\nFrom\nfrom me\n a From b\n",
		    "=46rom me\nFrom\n=66rom me\n a From b\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_span(quoted_printable(&arena,
		    span_of(cases[i].text), "\n"), cases[i].encoded);
	assert_span(quoted_printable(&arena, SPAN("a\nb\r\nc"), "\r\n"),
	    "a\r\nb\r\nc");
	assert_span(quoted_printable(&arena, SPAN("a\0b"), "\n"), "a=00b");
}

/* A line of 76 characters fits, with what is encoded counted as three. */
static void
test_quoted_printable_width(void **state)
{
	static const struct {
		size_t len;
		const char *end;
		size_t lines;
	} cases[] = {
		{ 76, "", 1 },
		{ 77, "", 2 },
		{ 73, "=", 1 },
		{ 74, "=", 2 },
		{ 73, "\t", 1 },
		{ 74, "\t", 2 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span encoded, line;
		size_t lines = 0;
		struct buf text;

		buf_init(&text, &arena);
		buf_add_chars(&text, 'x', cases[i].len);
		buf_add_string(&text, cases[i].end);
		encoded = quoted_printable(&arena, buf_span(&text), "\n");
		while (span_next_line(&encoded, &line))
			lines++;
		assert_int_equal(lines, cases[i].lines);
	}
}

/* Lines that must be broken, at each length around the limit. */
static void
test_quoted_printable_lines(void **state)
{
	static const struct span units[] = {
		SPAN_INIT("x"), SPAN_INIT("="), SPAN_INIT("x\377"),
		SPAN_INIT(" "), SPAN_INIT("."), SPAN_INIT("From "),
		SPAN_INIT("x "), SPAN_INIT("\tx="),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(units); i++)
		for (size_t len = 20; len < 240; len++) {
			struct span text = hostile_repeat(&arena, units[i],
			    len);
			struct span encoded = quoted_printable(&arena, text,
			    "\n"), line;

			assert_true(span_equal(quoted_printable_decode(
			    &arena, encoded), text));
			while (span_next_line(&encoded, &line)) {
				assert_in_range(line.len, 1, 76);
				assert_int_not_equal(line.p[0], '.');
				assert_false(span_starts_nocase(line,
				    SPAN("From ")));
				assert_false(ascii_is_blank(
				    line.p[line.len - 1]));
			}
		}
}

static void
test_words_decode(void **state)
{
	static const struct {
		const char *value;
		const char *text;
	} cases[] = {
		{ "", "" },
		{ " plain ", "plain" },
		{ "on\r\n two lines", "on two lines" },
		{ "=?utf-8?Q?a=C3=A1_b?=", "a\303\241 b" },
		{ "=?UTF-8?B?w6E=?=", "\303\241" },
		{ "=?utf-8?b?w6E?=", "\303\241" },
		{ "=?iso-8859-2?q?=B9?= x", "\305\241 x" },
		{ "=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=",
		    "\346\227\245\346\234\254" },
		{ "=?utf-8*en?q?a?=", "a" },
		{ "x =?utf-8?q?a?= y", "x a y" },
		{ "x=?utf-8?q?a?=y", "xay" },
		{ "(=?utf-8?q?a?=)", "(a)" },
		/* Blanks between words go, others stay. */
		{ "=?utf-8?q?a?= =?utf-8?q?b?=", "ab" },
		{ "=?utf-8?q?a?=\r\n  =?utf-8?q?b?=", "ab" },
		{ "=?utf-8?q?a?==?utf-8?q?b?=", "ab" },
		{ "=?utf-8?q?a_?= =?utf-8?q?b?=", "a b" },
		{ "=?utf-8?q?a?= , =?utf-8?q?b?=", "a , b" },
		{ "=?utf-8?q?a?= =?utf-8?x?b?=", "a =?utf-8?x?b?=" },
		{ "=?utf-8?q?a?= ", "a" },
		{ "=?utf-8?q?" "?= x", " x" },
		{ "=?utf-8?q?a?b?=", "a?b" },
		{ "=?utf-8?q?=3D?=", "=" },
		{ "=?utf-8?q?=4?=", "=4" },
		{ "=?utf-8?q?a=20b=09c?=", "a b\tc" },
		{ "=?utf-8?q?a b?=", "a b" },	/* wrong and common */
		/* Charsets that are none, bytes that are no text. */
		{ "=?x-unknown?q?=C3=A1?=", "\303\241" },
		{ "=?x-unknown?q?=E1?=", "\303\241" },
		{ "=?" "?q?a?=", "a" },
		{ "=?iso-2022-jp?q?a=FF?=", "a\357\277\275" },
		/* No words. */
		{ "=?", "=?" },
		{ "=?=", "=?=" },
		{ "=?utf-8", "=?utf-8" },
		{ "=?utf-8?q", "=?utf-8?q" },
		{ "=?utf-8?q?", "=?utf-8?q?" },
		{ "=?utf-8?q?a", "=?utf-8?q?a" },
		{ "=?utf-8?q?a?", "=?utf-8?q?a?" },
		{ "=?utf-8?qq?a?=", "=?utf-8?qq?a?=" },
		{ "=?utf-8?" "?a?=", "=?utf-8?" "?a?=" },
		{ "=?utf-8?z?a?=", "=?utf-8?z?a?=" },
		{ "=?a=?utf-8?q?b?=", "=?ab" },
		/* Bytes that nobody encoded. */
		{ "p\303\241", "p\303\241" },
		{ "p\341", "p\303\241" },
		{ "p\341 =?utf-8?q?=C3=A1?=", "p\303\241 \303\241" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_span(encoded_words_decode(&arena,
		    span_of(cases[i].value)), cases[i].text);
	assert_absent(encoded_words_decode(&arena, SPAN_ABSENT));
}

static struct span
encoded_words(struct arena *into, struct span text, size_t column)
{
	struct buf out;

	buf_init(&out, into);
	encoded_words_encode(&out, text, column);
	return buf_span(&out);
}

static void
test_words_encode(void **state)
{
	(void)state;
	assert_span(encoded_words(&arena, SPAN("plain"), 10), "plain");
	assert_span(encoded_words(&arena, SPAN(""), 10), "");
	assert_span(encoded_words(&arena, SPAN("p\303\241"), 10),
	    "=?UTF-8?B?cMOh?=");
	/* The text ends where its span does. */
	assert_span(encoded_words(&arena, span_first(SPAN("\303\241xyz"), 2),
	    10), "=?UTF-8?B?w6E=?=");
	assert_span(encoded_words(&arena, span_first(SPAN("ab\303\241xyz"),
	    4), 10), "=?UTF-8?B?YWLDoQ==?=");
	assert_span(encoded_words(&arena, SPAN("=?utf-8?q?a?="), 10),
	    "=?UTF-8?B?PT91dGYtOD9xP2E/PQ==?=");
	assert_span(encoded_words(&arena, SPAN("a =? b"), 10),
	    "=?UTF-8?B?YSA9PyBi?=");
}

/*
 * Each word is one of RFC 2047: 75 characters at most, whole characters
 * inside, and all of them together give the text again.
 */
static void
check_words(struct span text, size_t column)
{
	struct span value = encoded_words(&arena, text, column), line;

	assert_true(charset_is_ascii(value));
	assert_true(span_equal(encoded_words_decode(&arena, value), text));
	for (bool first = true; span_next_line(&value, &line);
	    first = false) {
		if (!first) {
			assert_int_equal(line.p[0], ' ');
			line = span_from(line, 1);
		}
		assert_in_range(line.len, 14, 75);
		assert_true(column >= 40 || !first ||
		    column + line.len <= 76);
		assert_int_equal(span_find_char(line, ' '), SPAN_NONE);
		assert_true(span_starts_nocase(line, SPAN("=?UTF-8?B?")));
		assert_true(span_ends_nocase(line, SPAN("?=")));
		assert_true(charset_is_utf8(base64_decode(&arena,
		    span_first(span_from(line, 10), line.len - 12))));
	}
}

static void
test_words_encode_long(void **state)
{
	static const struct span units[] = {
		SPAN_INIT("\303\241"), SPAN_INIT("x\303\241"),
		SPAN_INIT("\346\227\245"), SPAN_INIT("\360\237\230\200"),
		SPAN_INIT("a\360\237\230\200\303\241"), SPAN_INIT("=?\303\241"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(units); i++)
		for (size_t n = 1; n <= 60; n++)
			for (size_t column = 0; column < 60; column += 7)
				check_words(hostile_repeat(&arena, units[i],
				    n * units[i].len), column);
}

/* Bytes that are no UTF-8 come to an end as well, in ASCII. */
static void
test_words_encode_bytes(void **state)
{
	static const struct span units[] = {
		SPAN_INIT("\200"), SPAN_INIT("\377"), SPAN_INIT("\303"),
		SPAN_INIT("\0\377"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(units); i++) {
		struct span value = encoded_words(&arena,
		    hostile_repeat(&arena, units[i], 1000), 20), line;

		assert_true(charset_is_ascii(value));
		while (span_next_line(&value, &line))
			assert_true(line.len <= 76);
	}
}

static void
check_decoders(struct arena *into, struct span text)
{
	struct span plain, encoded;

	plain = base64_decode(into, text);
	assert_true(plain.len <= text.len);
	plain = quoted_printable_decode(into, text);
	assert_true(plain.len <= text.len);
	assert_true(charset_is_utf8(encoded_words_decode(into, text)));
	encoded = quoted_printable(into, text, "\n");
	assert_true(charset_is_ascii(encoded));
	encoding_of(into, text);
}

static void
test_hostile(void **state)
{
	static const struct span units[] = {
		SPAN_INIT("="), SPAN_INIT("=?"), SPAN_INIT("=?=?=?"),
		SPAN_INIT("=?a?q?"), SPAN_INIT("=?a?q?x"),
		SPAN_INIT("=?a?b?" "?="), SPAN_INIT("=?big5?b?/w==?= "),
		SPAN_INIT("=?utf-7?q?+2AA?="), SPAN_INIT("=?a?q?=20"),
		SPAN_INIT("=?\377"), SPAN_INIT("=\n"), SPAN_INIT("\r"),
		SPAN_INIT("\n"), SPAN_INIT(" \n"), SPAN_INIT("=4"),
		SPAN_INIT("\0"), SPAN_INIT("\377"), SPAN_INIT("?"),
	};

	(void)state;
	hostile_text(SPAN("=?utf-8?B?w6E=?=\r\n =?iso-8859-2*cs?Q?=B9_=?= "
	    "x =?=?x?y?= \303\241\377 =?big5?b?pKT/?= =?u?q?" "?= =41=\r\n"
	    "From =4 \t\n.=C3=?utf-8?q?=C"), check_decoders);
	for (size_t i = 0; i < COUNT(units); i++) {
		struct arena own;

		arena_init(&own, (size_t)4 << 20);
		check_decoders(&own, hostile_repeat(&own, units[i], 30000));
		assert_false(own.failed);
		arena_release(&own);
	}
}

/* What readers of mail decode in different ways is not sound. */
static void
test_sound(void **state)
{
	static const struct {
		enum encoding encoding;
		const char *body;
		bool sound;
	} cases[] = {
		{ ENCODING_BASE64, "", true },
		{ ENCODING_BASE64, "YQ==", true },
		{ ENCODING_BASE64, "YWI=\r\n", true },
		{ ENCODING_BASE64, "YWJj\nYWJj\n\n", true },
		{ ENCODING_BASE64, "YQ", false },
		{ ENCODING_BASE64, "YQ=", false },
		{ ENCODING_BASE64, "Y===", false },
		{ ENCODING_BASE64, "YQ==YQ==", false },
		{ ENCODING_BASE64, "YWJj\n-- \nfooter\n", false },
		{ ENCODING_BASE64, "Not <b>encoded</b>", false },
		{ ENCODING_QUOTED_PRINTABLE, "", true },
		{ ENCODING_QUOTED_PRINTABLE, "a=3Db=c4=85=\nc= \nd=", true },
		{ ENCODING_QUOTED_PRINTABLE, "a=\r\nb\r\n", true },
		{ ENCODING_QUOTED_PRINTABLE, "a=b", false },
		{ ENCODING_QUOTED_PRINTABLE, "a = b", false },
		{ ENCODING_QUOTED_PRINTABLE, "a=3", false },
		{ ENCODING_QUOTED_PRINTABLE, "a=3\nD", false },
		{ ENCODING_QUOTED_PRINTABLE, "a==3D", false },
		{ ENCODING_7BIT, "a=b", true },
		{ ENCODING_8BIT, "\300", true },
		{ ENCODING_BINARY, "\300", true },
		{ ENCODING_UNKNOWN, "", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (encoding_is_sound(cases[i].encoding,
		    span_of(cases[i].body)) != cases[i].sound)
			fail_msg("case %zu: \"%s\"", i, cases[i].body);
}

static void
test_base64_after_padding(void **state)
{
	(void)state;
	assert_span(base64_decode(&arena, SPAN("QQ==\nQkM=\n")), "ABC");
}

static void
test_qp_keeps_last_cr(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, &arena);
	quoted_printable_encode(&out, SPAN("x\r"), "\n");
	assert_span(buf_span(&out), "x=0D");
}

static void
test_words_hold_no_line_end(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, &arena);
	encoded_words_encode(&out, SPAN("a\nBcc: b"), 10);
	assert_int_equal(span_find_char(buf_span(&out), '\n'), SPAN_NONE);
}

static void
test_character_over_two_words(void **state)
{
	(void)state;
	assert_span(encoded_words_decode(&arena,
	    SPAN("=?utf-8?q?=C3?= =?utf-8?q?=A1?=")), "\303\241");
}

/* Words that are none, or of another charset each, cost little memory. */
static void
test_words_memory(void **state)
{
	static const struct {
		struct span unit;
		size_t times;		/* the length of the value */
	} cases[] = {
		{ SPAN_INIT("=?\377"), 4 },
		{ SPAN_INIT("\377=?"), 4 },
		{ SPAN_INIT("=?"), 4 },
		{ SPAN_INIT("=?a?q?"), 4 },
		{ SPAN_INIT("=?utf-8?q?=FF?="), 4 },
		{ SPAN_INIT("=?utf-8?b?/w==?="), 8 },
		/* Each word is converted by itself. */
		{ SPAN_INIT("=?iso-8859-2?q?=FF?==?utf-8?q?a?="), 8 },
		{ SPAN_INIT("=?x?q?\377?==?y?q?\377?="), 10 },
	};
	const size_t len = 100000;
	struct arena input;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		arena_init(&input, len * 2);
		arena_release(&arena);
		encoded_words_decode(&arena, hostile_repeat(&input,
		    cases[i].unit, len));
		if (arena.used > cases[i].times * len)
			fail_msg("case %zu: %zu", i, arena.used);
		arena_release(&input);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encoding_of),
		cmocka_unit_test(test_decode_dispatch),
		cmocka_unit_test(test_base64_decode),
		cmocka_unit_test(test_base64_alphabet),
		cmocka_unit_test(test_quoted_printable_decode),
		cmocka_unit_test(test_quoted_printable_encode),
		cmocka_unit_test(test_quoted_printable_width),
		cmocka_unit_test(test_quoted_printable_lines),
		cmocka_unit_test(test_words_decode),
		cmocka_unit_test(test_words_encode),
		cmocka_unit_test(test_words_encode_long),
		cmocka_unit_test(test_words_encode_bytes),
		cmocka_unit_test(test_sound),
		cmocka_unit_test(test_base64_after_padding),
		cmocka_unit_test(test_qp_keeps_last_cr),
		cmocka_unit_test(test_words_hold_no_line_end),
		cmocka_unit_test(test_character_over_two_words),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_words_memory),
	};

	arena_init(&arena, (size_t)64 << 20);
	return cmocka_run_group_tests(tests, NULL, release);
}
