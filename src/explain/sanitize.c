/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/sanitize.h"

#include <stdint.h>
#include <string.h>
#include <unistr.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "mail/charset.h"

/* Characters that are not seen, or turn what stands beside them around. */
static const struct {
	ucs4_t first;
	ucs4_t last;
} unseen[] = {
	{ 0x00, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad }, { 0x34f, 0x34f },
	{ 0x61c, 0x61c }, { 0x115f, 0x1160 }, { 0x17b4, 0x17b5 },
	{ 0x180b, 0x180f }, { 0x200b, 0x200f }, { 0x2028, 0x202e },
	{ 0x2060, 0x206f }, { 0x3164, 0x3164 }, { 0xfe00, 0xfe0f },
	{ 0xfeff, 0xfeff }, { 0xffa0, 0xffa0 }, { 0xfff0, 0xfffb },
	{ 0xe000, 0xf8ff }, { 0xe0000, 0xe0fff }, { 0xf0000, 0x10ffff },
};

static bool
is_unseen(ucs4_t c)
{
	if (c >= ' ' && c < 0x7f)
		return false;
	for (size_t i = 0; i < sizeof(unseen) / sizeof(unseen[0]); i++)
		if (c >= unseen[i].first && c <= unseen[i].last)
			return true;
	return false;
}

static bool
is_space(ucs4_t c)
{
	return (c < 0x80 && ascii_is_space((char)c)) || c == 0xa0 ||
	    c == 0x3000 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
	    c == 0x2029 || c == 0x85;
}

/* Is value what it would become? Most are; they are not copied. */
static bool
is_clean(struct span value, size_t max, bool spell_at)
{
	if (value.len == 0)
		return true;
	if (value.len > max || value.p[0] == ' ' ||
	    value.p[value.len - 1] == ' ')
		return false;
	for (size_t i = 0; i < value.len; i++) {
		char c = value.p[i];

		if (c < ' ' || c >= 0x7f || (c == '@' && spell_at) ||
		    (c == ' ' && value.p[i - 1] == ' '))
			return false;
	}
	return true;
}

#define ELLIPSIS 3	/* characters of "..." */

struct span
sanitize_value(struct arena *arena, struct span value, size_t max,
    bool spell_at)
{
	size_t characters = 0, cut = 0;
	bool space = false;
	struct buf out;

	if (is_clean(value, max, spell_at))
		return value;
	/* Four bytes a character are enough, and bound the work. */
	value = charset_to_utf8(arena, SPAN("utf-8"),
	    charset_cut(value, max * 4 + 64), NULL);
	buf_init(&out, arena);
	while (value.len > 0) {
		ucs4_t c;
		int len = u8_mbtouc(&c, (const uint8_t *)value.p, value.len);

		value = span_from(value, (size_t)len);
		if (is_space(c)) {
			space = out.len > 0;
			continue;
		}
		if (is_unseen(c))
			continue;
		/* Room for the dots, if it turns out to be too long. */
		if (characters + ELLIPSIS <= max)
			cut = out.len;
		if (space) {
			buf_add_char(&out, ' ');
			characters++;
		}
		space = false;
		if (characters >= max) {
			out.len = cut;
			buf_add_string(&out, "...");
			break;
		}
		if (c == '@' && spell_at)
			buf_add_string(&out, " (at) ");
		else
			buf_add_codepoint(&out, c);
		characters++;
	}
	return span_trim(buf_span(&out));
}

static bool
is_risky(struct span line)
{
	if (line.len == 0)
		return false;
	switch (line.p[0]) {
	case '.':
	case '>':
		return true;
	case '-':
		return line.len >= 2 && line.p[1] == '-';
	case 'F':
		return line.len >= 5 && memcmp(line.p, "From ", 5) == 0;
	}
	return false;
}

struct span
sanitize_lines(struct arena *arena, struct span text)
{
	struct span rest = text, line;
	const char *from = text.p;	/* not copied yet */
	struct buf out;

	if (text.p == NULL)
		return text;
	buf_init(&out, arena);
	buf_reserve(&out, text.len + text.len / 64 + 2);
	while (span_next_line(&rest, &line)) {
		const char *end = line.p + line.len;

		if (is_risky(line)) {
			buf_add(&out, from, (size_t)(line.p - from));
			buf_add_char(&out, ' ');
			from = line.p;
		}
		/* A line that does not end with a newline alone. */
		if (rest.p != end + 1 || *end != '\n') {
			buf_add(&out, from, (size_t)(end - from));
			buf_add_char(&out, '\n');
			from = rest.p;
		}
	}
	buf_add(&out, from, (size_t)(rest.p - from));
	return buf_span(&out);
}
