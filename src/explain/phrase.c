/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/phrase.h"

#include <stdio.h>
#include <string.h>

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
	fillers[0] = (struct filler){ "day", date.day == 1 ?
	    phrase(phrases, "date.first") : number(phrases, date.day, 1) };
	fillers[1] = (struct filler){ "month", phrase(phrases, month) };
	fillers[2] = (struct filler){ "year", number(phrases, date.year, 1) };
	fillers[3] = (struct filler){ "time", span_of(time) };
	return phrase_fill(phrases, phrase(phrases, "date.format"), fillers,
	    4);
}
