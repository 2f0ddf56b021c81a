/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Encodings and charsets: what is encoded comes back as it was, what is
 * decoded is text, and what is made fit for a sentence stays in it.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "explain/sanitize.h"
#include "mail/codec.h"
#include "mail/markup.h"

static const char *const charsets[] = {
	"utf-8", "us-ascii", "utf-7", "iso-8859-1", "iso-8859-2",
	"windows-1251", "koi8-r", "iso-2022-jp", "iso-2022-jp-2",
	"iso-2022-kr", "iso-2022-cn", "shift_jis", "euc-jp", "euc-kr",
	"gb18030", "hz-gb-2312", "big5", "utf-16", "utf-16le", "utf-16be",
	"windows-874", "iso-8859-8-i", "no-such-charset", ""
};

/* Returns text with every line end written as eol. */
static struct span
with_line_ends(struct arena *arena, struct span text, const char *eol)
{
	struct span line;
	struct buf out;

	buf_init(&out, arena);
	while (span_next_line(&text, &line)) {
		bool ended = text.p[-1] == '\n';

		buf_add(&out, line.p, ended ? line.len :
		    (size_t)(text.p - line.p));
		if (ended)
			buf_add_string(&out, eol);
	}
	return buf_span(&out);
}

static void
check_quoted_printable(struct arena *arena, struct span text,
    const char *eol)
{
	struct span encoded, rest, line;
	struct buf out;

	buf_init(&out, arena);
	quoted_printable_encode(&out, text, eol);
	encoded = buf_span(&out);
	CHECK(span_equal(quoted_printable_decode(arena, encoded),
	    with_line_ends(arena, text, eol)));
	CHECK(charset_is_ascii(encoded));
	rest = encoded;
	while (span_next_line(&rest, &line)) {
		CHECK(line.len <= 76);
		CHECK(line.len == 0 || (line.p[0] != '.' &&
		    !ascii_is_blank(line.p[line.len - 1])));
		CHECK(line.len < 5 || memcmp(line.p, "From ", 5) != 0);
		for (size_t i = 0; i < line.len; i++)
			CHECK(!ascii_is_control(line.p[i]) ||
			    line.p[i] == '\t');
	}
}

static void
check_base64(struct arena *arena, struct span bytes)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	struct buf out;
	uint32_t bits = 0;
	unsigned have = 0;

	buf_init(&out, arena);
	for (size_t i = 0; i < bytes.len; i++) {
		bits = bits << 8 | (unsigned char)bytes.p[i];
		for (have += 8; have >= 6; have -= 6)
			buf_add_char(&out, alphabet[bits >> (have - 6) & 63]);
		if (i % 57 == 56)
			buf_add_string(&out, "\r\n");
	}
	if (have > 0)
		buf_add_char(&out, alphabet[bits << (6 - have) & 63]);
	CHECK(span_equal(base64_decode(arena, buf_span(&out)), bytes));
	CHECK(base64_decode(arena, bytes).len <= bytes.len / 4 * 3 + 3);
}

/* A value that a field of ours may hold comes back from encoded words. */
static void
check_encoded_words(struct arena *arena, struct span value, size_t column)
{
	struct span encoded, rest, line;
	struct buf out;

	buf_init(&out, arena);
	encoded_words_encode(&out, value, column);
	encoded = buf_span(&out);
	CHECK(charset_is_ascii(encoded));
	CHECK(span_find_char(encoded, '\r') == SPAN_NONE);
	CHECK(span_equal(encoded_words_decode(arena, encoded), value));
	if (span_equal(encoded, value))
		return;
	rest = encoded;
	while (span_next_line(&rest, &line)) {
		CHECK(span_trim(line).len <= 75);
		CHECK(span_starts_nocase(span_trim(line),
		    SPAN("=?UTF-8?B?")));
		CHECK(span_ends_nocase(line, SPAN("?=")));
	}
}

/* Counts the characters of valid UTF-8. */
static size_t
characters(struct span text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += ((unsigned char)text.p[i] & 0xc0) != 0x80;
	return n;
}

static struct span
check_sanitize(struct arena *arena, struct span text, size_t max)
{
	struct span value = sanitize_value(arena, text, max, false);
	struct span spelt = sanitize_value(arena, text, max, true);
	struct span whole;

	/* The dots are there even where nothing else may be. */
	CHECK(charset_is_utf8(value) && characters(value) <=
	    (max < 3 ? 3 : max));
	CHECK(span_find_char(spelt, '@') == SPAN_NONE);
	for (size_t i = 0; i < value.len; i++)
		CHECK(!ascii_is_control(value.p[i]));
	CHECK(span_equal(span_trim(value), value));
	/* What is cut is the beginning of what is not. */
	whole = sanitize_value(arena, text, text.len + 1, false);
	if (charset_is_utf8(text) && !span_equal(value, whole)) {
		/* Of very many unseen characters the end is not looked at. */
		if (span_ends_nocase(value, SPAN("...")))
			value.len -= 3;
		else
			CHECK(text.len > max * 4 + 64);
		CHECK(value.len < whole.len && memcmp(value.p, whole.p,
		    value.len) == 0);
	}
	value = sanitize_value(arena, text, max, false);
	return value;
}

static void
check_lines(struct arena *arena, struct span text)
{
	struct span rest = sanitize_lines(arena, text), line;

	while (span_next_line(&rest, &line))
		CHECK(!fuzz_is_risky(line));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = fuzz_input(data, size), text;
	struct arena arena;
	unsigned flags;
	uint8_t choice;

	if (size < 1)
		return 0;
	choice = data[size - 1];
	bytes.len--;
	arena_init(&arena, size * 256 + (1 << 20));
	check_quoted_printable(&arena, bytes, choice & 1 ? "\r\n" : "\n");
	check_base64(&arena, bytes);
	CHECK(quoted_printable_decode(&arena, bytes).len <= bytes.len);
	text = charset_to_utf8(&arena, span_of(charsets[choice %
	    (sizeof(charsets) / sizeof(charsets[0]))]), bytes, &flags);
	CHECK(text.p != NULL && charset_is_utf8(text));
	CHECK(text.len <= bytes.len * 12 + 16);
	text = check_sanitize(&arena, bytes, choice);
	check_encoded_words(&arena, text, choice % 80);
	check_lines(&arena, bytes);
	text = markup_to_text(&arena, charset_to_utf8(&arena, SPAN("utf-8"),
	    bytes, NULL));
	CHECK(text.p != NULL && charset_is_utf8(text));
	CHECK(markup_body_start(bytes) <= bytes.len);
	CHECK(!arena.failed && arena.used <= arena.limit);
	arena_release(&arena);
	return 0;
}
