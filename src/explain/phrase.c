/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/phrase.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "explain/sanitize.h"
#include "mail/date.h"

#define KEY_LENGTH 80

/* Returns text with each '@' spelt "(at)". */
static struct span
without_at(struct arena *arena, struct span text)
{
	struct buf out;

	if (span_find_char(text, '@') == SPAN_NONE)
		return text;
	buf_init(&out, arena);
	for (size_t i = 0; i < text.len; i++)
		if (text.p[i] == '@')
			buf_add_string(&out, "(at)");
		else
			buf_add_char(&out, text.p[i]);
	return buf_span(&out);
}

struct span
phrase(const struct phrases *phrases, const char *key)
{
	struct span text = language_text(phrases->languages,
	    phrases->language, key);

	return phrases->spell_at ? without_at(phrases->arena, text) : text;
}

struct span
phrase_of(const struct phrases *phrases, const char *id, const char *suffix,
    const char *more)
{
	const char *const pieces[] = { id, suffix, more };
	char key[KEY_LENGTH];
	size_t len = 0;

	/* A dozen keys a mail: snprintf() would show. */
	for (size_t i = 0; i < 3; i++) {
		size_t n = strlen(pieces[i]);

		if (n > sizeof(key) - 1 - len)
			n = sizeof(key) - 1 - len;
		memcpy(key + len, pieces[i], n);
		len += n;
	}
	key[len] = '\0';
	return phrase(phrases, key);
}

static const struct filler *
find_filler(const struct filler *fillers, size_t n, struct span name)
{
	for (size_t i = 0; i < n; i++)
		if (span_equal(name, span_of(fillers[i].name)))
			return &fillers[i];
	return NULL;
}

struct span
phrase_fill(const struct phrases *phrases, struct span template,
    const struct filler *fillers, size_t n)
{
	struct buf out;

	if (template.p == NULL)
		return template;
	buf_init(&out, phrases->arena);
	while (template.len > 0) {
		size_t open = span_find_char(template, '{');
		size_t close = span_find_char(template, '}');
		const struct filler *filler = NULL;

		if (open == SPAN_NONE || close == SPAN_NONE || close < open)
			open = close = template.len;
		else
			filler = find_filler(fillers, n, span_first(
			    span_from(template, open + 1), close - open - 1));
		if (filler == NULL && close < template.len) {
			buf_add_span(&out, span_first(template, close + 1));
		} else {
			buf_add_span(&out, span_first(template, open));
			if (filler != NULL)
				buf_add_span(&out, filler->value);
		}
		template = span_from(template, close + 1);
	}
	return buf_span(&out);
}

/* Writes a number of at most nine digits into text, at least width wide. */
static struct span
number(const struct phrases *phrases, unsigned value, int width)
{
	char text[16];

	snprintf(text, sizeof(text), "%0*u", width, value);
	return arena_copy(phrases->arena, span_of(text));
}

struct span
phrase_date(const struct phrases *phrases, struct span value)
{
	struct filler fillers[4];
	char month[16], time[16];
	struct date date;

	if (!date_parse(value, &date))
		return SPAN_ABSENT;
	snprintf(month, sizeof(month), "month.%u", date.month);
	snprintf(time, sizeof(time), "%u:%02u", date.hour % 100,
	    date.minute % 100);
	fillers[0] = (struct filler){ "day", number(phrases, date.day, 1) };
	fillers[1] = (struct filler){ "month", phrase(phrases, month) };
	fillers[2] = (struct filler){ "year", number(phrases, date.year, 1) };
	fillers[3] = (struct filler){ "time", span_of(time) };
	return phrase_fill(phrases, phrase(phrases, "date.format"), fillers,
	    4);
}

/* Units of sizes, longest first where one begins another. */
static const struct {
	struct span name;
	double bytes;
} units[] = {
	{ SPAN_INIT("kilobyte"), 1024 }, { SPAN_INIT("megabyte"), 1048576 },
	{ SPAN_INIT("gigabyte"), 1073741824 }, { SPAN_INIT("kib"), 1024 },
	{ SPAN_INIT("mib"), 1048576 }, { SPAN_INIT("gib"), 1073741824 },
	{ SPAN_INIT("kb"), 1024 }, { SPAN_INIT("mb"), 1048576 },
	{ SPAN_INIT("gb"), 1073741824 }, { SPAN_INIT("k"), 1024 },
	{ SPAN_INIT("m"), 1048576 }, { SPAN_INIT("g"), 1073741824 },
	{ SPAN_INIT("bytes"), 1 }, { SPAN_INIT("octets"), 1 },
	{ SPAN_INIT("b"), 1 },
};

/* Reads "26,214,400 bytes" or "25MB"; returns bytes, a negative if none. */
static double
read_size(struct span value)
{
	double size = 0, fraction = 0;
	size_t i = 0;

	if (value.len == 0 || !ascii_is_digit(value.p[0]))
		return -1;
	for (; i < value.len && i < 24; i++) {
		char c = value.p[i];
		bool group = (c == ',' || c == '.') && i + 3 < value.len &&
		    ascii_is_digit(value.p[i + 3]);

		if (ascii_is_digit(c)) {
			size = size * 10 + (c - '0');
			fraction *= 10;
		} else if (c == '.' || (c == ',' && !group)) {
			if (fraction > 0)
				break;
			fraction = 1;
		} else if (!group) {
			break;
		}
	}
	if (fraction > 1)
		size /= fraction;
	value = span_trim(span_from(value, i));
	if (value.len == 0)
		return size;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (span_starts_nocase(value, units[i].name))
			return size * units[i].bytes;
	return -1;
}

struct span
phrase_size(const struct phrases *phrases, struct span value)
{
	double size = read_size(span_trim(value));
	const char *key = "size.kb";
	struct filler filler = { "number", SPAN_ABSENT };
	struct buf out;
	unsigned tenths;

	if (size < 1000 || size > 1e14)
		return value;
	size /= 1024;
	if (size >= 1000) {
		size /= 1024;
		key = "size.mb";
	}
	if (size >= 1000) {
		size /= 1024;
		key = "size.gb";
	}
	tenths = (unsigned)(size * 10 + 0.5);
	buf_init(&out, phrases->arena);
	buf_add_number(&out, tenths / 10);
	if (tenths % 10 != 0 && tenths < 1000) {
		buf_add_span(&out, phrase(phrases, "number.decimal"));
		buf_add_number(&out, tenths % 10);
	}
	filler.value = buf_span(&out);
	return phrase_fill(phrases, phrase(phrases, key), &filler, 1);
}
