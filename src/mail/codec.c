/* SPDX-License-Identifier: BSD-2-Clause */
#include "mail/codec.h"

#include <stdint.h>
#include <string.h>

#include "base/ascii.h"
#include "mail/charset.h"
#include "mail/header.h"

static const struct {
	struct span name;
	enum encoding encoding;
} encodings[] = {
	{ SPAN_INIT("7bit"), ENCODING_7BIT },
	{ SPAN_INIT("8bit"), ENCODING_8BIT },
	{ SPAN_INIT("binary"), ENCODING_BINARY },
	{ SPAN_INIT("quoted-printable"), ENCODING_QUOTED_PRINTABLE },
	{ SPAN_INIT("base64"), ENCODING_BASE64 },
};

enum encoding
encoding_of(struct arena *arena, struct span value)
{
	value = header_main_value(arena, value);
	if (value.len == 0)
		return ENCODING_7BIT;
	for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++)
		if (span_equal_nocase(value, encodings[i].name))
			return encodings[i].encoding;
	return ENCODING_UNKNOWN;
}

struct span
encoding_decode(struct arena *arena, enum encoding encoding, struct span body)
{
	if (encoding == ENCODING_BASE64)
		return base64_decode(arena, body);
	if (encoding == ENCODING_QUOTED_PRINTABLE)
		return quoted_printable_decode(arena, body);
	return body;
}

static const char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int
base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (ascii_is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

struct span
base64_decode(struct arena *arena, struct span text)
{
	struct buf out;
	uint32_t bits = 0;
	unsigned have = 0;

	buf_init(&out, arena);
	buf_reserve(&out, text.len / 4 * 3 + 3);
	for (size_t i = 0; i < text.len; i++) {
		int value = base64_value(text.p[i]);

		if (text.p[i] == '=')
			have = 0;	/* the end, or something appended */
		if (value < 0)
			continue;	/* line ends, junk */
		bits = bits << 6 | (uint32_t)value;
		have += 6;
		if (have >= 8) {
			have -= 8;
			buf_add_char(&out, (char)(bits >> have & 0xff));
		}
	}
	return buf_span(&out);
}

static bool
base64_is_sound(struct span text)
{
	size_t digits = 0, pads = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (ascii_is_space(text.p[i]))
			continue;
		if (text.p[i] == '=')
			pads++;
		else if (base64_value(text.p[i]) >= 0 && pads == 0)
			digits++;
		else
			return false;
	}
	return (digits + pads) % 4 == 0 && pads <= 2;
}

static bool
quoted_printable_is_sound(struct span text)
{
	struct span line;

	while (span_next_line(&text, &line)) {
		while (line.len > 0 && ascii_is_blank(line.p[line.len - 1]))
			line.len--;
		for (size_t i = 0; i + 1 < line.len; i++)
			if (line.p[i] == '=' && (i + 2 >= line.len ||
			    ascii_hex_value(line.p[i + 1]) < 0 ||
			    ascii_hex_value(line.p[i + 2]) < 0))
				return false;
	}
	return true;
}

bool
encoding_is_sound(enum encoding encoding, struct span body)
{
	if (encoding == ENCODING_BASE64)
		return base64_is_sound(body);
	if (encoding == ENCODING_QUOTED_PRINTABLE)
		return quoted_printable_is_sound(body);
	return encoding != ENCODING_UNKNOWN;
}

/* Decodes one line without its line end; returns false at a soft break. */
static bool
quoted_printable_line(struct buf *out, struct span line)
{
	while (line.len > 0 && ascii_is_blank(line.p[line.len - 1]))
		line.len--;
	while (line.len > 0) {
		size_t plain = span_find_char(line, '=');
		int high, low;

		if (plain == SPAN_NONE)
			plain = line.len;
		buf_add(out, line.p, plain);
		line = span_from(line, plain);
		if (line.len == 1)
			return false;
		if (line.len > 2 &&
		    (high = ascii_hex_value(line.p[1])) >= 0 &&
		    (low = ascii_hex_value(line.p[2])) >= 0) {
			buf_add_char(out, (char)(high << 4 | low));
			line = span_from(line, 3);
		} else if (line.len > 0) {
			buf_add_char(out, '=');
			line = span_from(line, 1);
		}
	}
	return true;
}

struct span
quoted_printable_decode(struct arena *arena, struct span text)
{
	struct span rest = text, line;
	struct buf out;

	buf_init(&out, arena);
	buf_reserve(&out, text.len);
	while (span_next_line(&rest, &line)) {
		const char *end = line.p + line.len;

		if (quoted_printable_line(&out, line) && end < rest.p)
			buf_add(&out, end, (size_t)(rest.p - end));
	}
	return buf_span(&out);
}

#define QP_LINE 76

/* Must this byte be encoded where it stands in its line? */
static bool
qp_must_encode(struct span line, size_t i, size_t column)
{
	char c = line.p[i];

	if (c == '=' || ascii_is_8bit(c))
		return true;
	if (ascii_is_control(c) && c != '\t')
		return true;
	if (ascii_is_blank(c))
		return i + 1 == line.len;
	if (column > 0)
		return false;
	/* A '.' alone ends SMTP's data; "From " is changed by mailboxes. */
	return c == '.' ||
	    span_starts_nocase(span_from(line, i), SPAN("From "));
}

/* Is nothing to be done to the line? Most lines are such. */
static bool
is_plain_line(struct span line)
{
	if (line.len > QP_LINE || (line.len > 0 &&
	    (qp_must_encode(line, 0, 0) ||
	    ascii_is_blank(line.p[line.len - 1]))))
		return false;
	for (size_t i = 0; i < line.len; i++)
		if (line.p[i] == '=' || line.p[i] < ' ' || line.p[i] > '~')
			return false;
	return true;
}

/*
 * How many bytes from i on, of as many as a line takes, stand for themselves
 * in the middle of one?
 */
static size_t
qp_plain_run(struct span line, size_t i)
{
	size_t end = i;

	for (; end < line.len && end < i + QP_LINE; end++) {
		char c = line.p[end];

		if (c < ' ' || c == '=' || c > '~' ||
		    (c == ' ' && end + 1 == line.len))
			break;
	}
	return end - i;
}

static void
qp_encode_line(struct buf *out, struct span line, const char *eol)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t column = 0;

	if (is_plain_line(line)) {
		buf_add_span(out, line);
		return;
	}
	for (size_t i = 0; i < line.len; i++) {
		bool last = i + 1 == line.len;
		size_t width = qp_must_encode(line, i, column) ? 3 : 1;
		size_t room = QP_LINE - 1 - column;
		size_t run = column > 0 && room > 1 ? qp_plain_run(line, i) :
		    0;

		if (run > 1) {
			if (run > room)
				run = room;
			buf_add(out, line.p + i, run);
			column += run;
			i += run - 1;
			continue;
		}
		if (column + width > (size_t)(last ? QP_LINE : QP_LINE - 1)) {
			buf_add_char(out, '=');
			buf_add_string(out, eol);
			column = 0;
			width = qp_must_encode(line, i, column) ? 3 : 1;
		}
		if (width == 1) {
			buf_add_char(out, line.p[i]);
		} else {
			unsigned char byte = (unsigned char)line.p[i];

			buf_add_char(out, '=');
			buf_add_char(out, hex[byte >> 4]);
			buf_add_char(out, hex[byte & 15]);
		}
		column += width;
	}
}

void
quoted_printable_encode(struct buf *out, struct span text, const char *eol)
{
	struct span rest = text, line;

	while (span_next_line(&rest, &line)) {
		bool ended = rest.p[-1] == '\n';

		if (!ended)
			line.len = (size_t)(rest.p - line.p);
		qp_encode_line(out, line, eol);
		if (ended)
			buf_add_string(out, eol);
	}
}

/* One encoded word, as found in a header value. */
struct encoded_word {
	struct span charset;
	char encoding;
	struct span text;
};

/*
 * RFC 2047 allows 75 characters; mailers write more. The bound keeps a value
 * of many openings without an end from being searched again for each.
 */
#define LONGEST_WORD 400

/* Returns the length of the encoded word at the start of s, 0 if none. */
static size_t
encoded_word_at(struct span s, struct encoded_word *word)
{
	struct span rest;
	size_t charset_end, text_end, star;

	if (!span_starts_nocase(s, SPAN("=?")))
		return 0;
	rest = span_from(span_first(s, LONGEST_WORD), 2);
	charset_end = span_find_char(rest, '?');
	if (charset_end == SPAN_NONE || charset_end + 3 > rest.len ||
	    rest.p[charset_end + 2] != '?')
		return 0;
	word->charset = span_first(rest, charset_end);
	star = span_find_char(word->charset, '*');	/* RFC 2231 section 5 */
	if (star != SPAN_NONE)
		word->charset.len = star;
	word->encoding = ascii_lower(rest.p[charset_end + 1]);
	rest = span_from(rest, charset_end + 3);
	text_end = span_find(rest, SPAN("?="));
	if (text_end == SPAN_NONE ||
	    (word->encoding != 'b' && word->encoding != 'q'))
		return 0;
	word->text = span_first(rest, text_end);
	return (size_t)(rest.p + text_end + 2 - s.p);
}

/* Q encoding: '_' is a space, "=XX" a byte; blanks at the end count. */
static void
q_decode(struct buf *out, struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		int high, low;

		if (text.p[i] == '=' && i + 2 < text.len &&
		    (high = ascii_hex_value(text.p[i + 1])) >= 0 &&
		    (low = ascii_hex_value(text.p[i + 2])) >= 0) {
			buf_add_char(out, (char)(high << 4 | low));
			i += 2;
		} else {
			buf_add_char(out, text.p[i] == '_' ? ' ' : text.p[i]);
		}
	}
}

/*
 * Bytes of one charset in a row. Words are joined before they are converted:
 * some mailers cut a character in two between them.
 */
struct run {
	struct buf *out;
	struct buf bytes;
	struct span charset;
};

static void
end_run(struct run *run)
{
	if (run->bytes.len > 0)
		buf_add_span(run->out, charset_to_utf8(run->bytes.arena,
		    run->charset, buf_span(&run->bytes), NULL));
	run->bytes.len = 0;
}

/* What follows is of that charset. */
static void
continue_run(struct run *run, struct span charset)
{
	if (!span_equal_nocase(run->charset, charset))
		end_run(run);
	run->charset = charset;
}

static void
add_word(struct run *run, const struct encoded_word *word)
{
	continue_run(run, word->charset);
	if (word->encoding == 'b')
		buf_add_span(&run->bytes, base64_decode(run->bytes.arena,
		    word->text));
	else
		q_decode(&run->bytes, word->text);
}

struct span
encoded_words_decode(struct arena *arena, struct span value)
{
	struct run run = { .charset = SPAN_ABSENT };
	struct encoded_word word;
	bool after_word = false;
	struct span plain;
	struct buf out;
	size_t len;

	value = header_unfold(arena, value);
	if (span_find(value, SPAN("=?")) == SPAN_NONE)
		return charset_to_utf8(arena, SPAN_ABSENT, value, NULL);
	buf_init(&out, arena);
	run.out = &out;
	buf_init(&run.bytes, arena);
	buf_reserve(&run.bytes, value.len);
	while (value.len > 0) {
		if (value.p[0] == '=' &&
		    (len = encoded_word_at(value, &word)) > 0) {
			add_word(&run, &word);
			after_word = true;
			value = span_from(value, len);
			continue;
		}
		len = span_find(span_from(value, 1), SPAN("=?"));
		plain = span_first(value, len == SPAN_NONE ? value.len :
		    len + 1);
		value = span_from(value, plain.len);
		if (after_word && span_trim(plain).len == 0 &&
		    encoded_word_at(value, &word) > 0)
			continue;
		continue_run(&run, SPAN_ABSENT);
		buf_add_span(&run.bytes, plain);
		after_word = false;
	}
	end_run(&run);
	return buf_span(&out);
}

static void
base64_encode(struct buf *out, struct span bytes)
{
	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t n = bytes.len - i;
		uint32_t bits = (uint32_t)(unsigned char)bytes.p[i] << 16;

		if (n > 1)
			bits |= (uint32_t)(unsigned char)bytes.p[i + 1] << 8;
		if (n > 2)
			bits |= (uint32_t)(unsigned char)bytes.p[i + 2];
		buf_add_char(out, base64_alphabet[bits >> 18]);
		buf_add_char(out, base64_alphabet[bits >> 12 & 63]);
		buf_add_char(out, n > 1 ? base64_alphabet[bits >> 6 & 63] :
		    '=');
		buf_add_char(out, n > 2 ? base64_alphabet[bits & 63] : '=');
	}
}

/* Is it ASCII, and nothing that ends a line? */
static bool
is_printable(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (ascii_is_control(text.p[i]) && text.p[i] != '\t')
			return false;
	return charset_is_ascii(text);
}

/* Bytes of text in one encoded word: "=?UTF-8?B?" + 60 + "?=" is 72. */
#define WORD_BYTES 45

void
encoded_words_encode(struct buf *out, struct span text, size_t column)
{
	if (is_printable(text) && span_find(text, SPAN("=?")) == SPAN_NONE) {
		buf_add_span(out, text);
		return;
	}
	while (text.len > 0) {
		size_t room = column < 40 ? (size_t)(76 - 12 - column) / 4 * 3 :
		    WORD_BYTES;
		size_t n = text.len;

		if (room > WORD_BYTES)
			room = WORD_BYTES;
		if (n > room) {
			n = room;
			while (n > 0 &&
			    ((unsigned char)text.p[n] & 0xc0) == 0x80)
				n--;
			if (n == 0)
				n = room;	/* no UTF-8 after all */
		}
		buf_add_string(out, "=?UTF-8?B?");
		base64_encode(out, span_first(text, n));
		buf_add_string(out, "?=");
		text = span_from(text, n);
		if (text.len > 0)
			buf_add_string(out, "\n ");
		column = 1;
	}
}
