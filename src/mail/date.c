/* SPDX-License-Identifier: BSD-2-Clause */
#include "mail/date.h"

#include "base/ascii.h"

static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";

/* Skips blanks and comments, which may hold others. */
static void
skip_space(struct span *s)
{
	size_t depth = 0;

	while (s->len > 0 && (depth > 0 || s->p[0] == '(' ||
	    ascii_is_space(s->p[0]))) {
		if (s->p[0] == '\\' && s->len > 1)
			*s = span_from(*s, 1);
		else if (s->p[0] == '(')
			depth++;
		else if (s->p[0] == ')')
			depth--;
		*s = span_from(*s, 1);
	}
}

/* Reads a number of up to max digits; returns how many, 0 if none. */
static size_t
read_number(struct span *s, size_t max, unsigned *number)
{
	size_t len = 0;

	skip_space(s);
	*number = 0;
	while (len < s->len && len < max && ascii_is_digit(s->p[len])) {
		*number = *number * 10 + (unsigned)(s->p[len] - '0');
		len++;
	}
	*s = span_from(*s, len);
	return len;
}

static bool
read_month(struct span *s, unsigned *month)
{
	skip_space(s);
	for (unsigned i = 0; i < 12; i++) {
		struct span name = { months + i * 3, 3 };

		if (!span_starts_nocase(*s, name))
			continue;
		*month = i + 1;
		while (s->len > 0 && ascii_is_alpha(s->p[0]))
			*s = span_from(*s, 1);
		return true;
	}
	return false;
}

static bool
read_year(struct span *s, unsigned *year)
{
	size_t digits = read_number(s, 4, year);

	if (digits == 2)
		*year += *year < 50 ? 2000 : 1900;
	else if (digits == 3)
		*year += 1900;
	return digits >= 2 && *year >= 1970;
}

static bool
read_time(struct span *s, struct date *date)
{
	if (read_number(s, 2, &date->hour) == 0)
		return false;
	skip_space(s);
	if (s->len == 0 || s->p[0] != ':')
		return false;
	*s = span_from(*s, 1);
	return read_number(s, 2, &date->minute) == 2 && date->hour < 24 &&
	    date->minute < 60;
}

bool
date_parse(struct span value, struct date *date)
{
	struct span s = value;
	size_t comma;

	skip_space(&s);
	comma = span_find_char(span_first(s, 12), ',');
	if (comma != SPAN_NONE)		/* the day of the week */
		s = span_from(s, comma + 1);
	return read_number(&s, 2, &date->day) > 0 && date->day >= 1 &&
	    date->day <= 31 && read_month(&s, &date->month) &&
	    read_year(&s, &date->year) && read_time(&s, date);
}
