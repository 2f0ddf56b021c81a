/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/quantity.h"

#include <stdbool.h>

#include "base/ascii.h"
#include "base/buf.h"

/* A unit and what it is worth, in bytes or in seconds. */
struct unit {
	struct span name;
	double worth;
};

#define KB 1024
#define MB (1024.0 * 1024)
#define GB (1024.0 * 1024 * 1024)
#define MINUTE 60
#define HOUR 3600
#define DAY 86400

/* Longest first where one begins another. */
static const struct unit sizes[] = {
	{ SPAN_INIT("kilobyte"), KB }, { SPAN_INIT("megabyte"), MB },
	{ SPAN_INIT("gigabyte"), GB }, { SPAN_INIT("kib"), KB },
	{ SPAN_INIT("mib"), MB }, { SPAN_INIT("gib"), GB },
	{ SPAN_INIT("kb"), KB }, { SPAN_INIT("mb"), MB },
	{ SPAN_INIT("gb"), GB }, { SPAN_INIT("k"), KB },
	{ SPAN_INIT("m"), MB }, { SPAN_INIT("g"), GB },
	{ SPAN_INIT("bytes"), 1 }, { SPAN_INIT("octets"), 1 },
	{ SPAN_INIT("b"), 1 },
};

/* Whole words, with or without an "s" behind them. */
static const struct unit times[] = {
	{ SPAN_INIT("second"), 1 }, { SPAN_INIT("sec"), 1 },
	{ SPAN_INIT("s"), 1 }, { SPAN_INIT("minute"), MINUTE },
	{ SPAN_INIT("min"), MINUTE }, { SPAN_INIT("m"), MINUTE },
	{ SPAN_INIT("hour"), HOUR }, { SPAN_INIT("hr"), HOUR },
	{ SPAN_INIT("h"), HOUR }, { SPAN_INIT("day"), DAY },
	{ SPAN_INIT("d"), DAY },
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Cuts a number off ("26,214,400", "1.5"); a negative if there is none. */
static double
take_number(struct span *value)
{
	double number = 0, fraction = 0;
	size_t i = 0;

	if (value->len == 0 || !ascii_is_digit(value->p[0]))
		return -1;
	for (; i < value->len && i < 24; i++) {
		char c = value->p[i];
		bool group = (c == ',' || c == '.') && i + 3 < value->len &&
		    ascii_is_digit(value->p[i + 3]);

		if (ascii_is_digit(c)) {
			number = number * 10 + (c - '0');
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
		number /= fraction;
	*value = span_trim(span_from(*value, i));
	return number;
}

/* Returns bytes, a negative if value is no size. */
static double
read_size(struct span value)
{
	double number = take_number(&value);

	if (value.len == 0)
		return number;
	for (size_t i = 0; number >= 0 && i < COUNT(sizes); i++)
		if (span_starts_nocase(value, sizes[i].name))
			return number * sizes[i].worth;
	return -1;
}

struct span
quantity_size(const struct phrases *phrases, struct span value)
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

/* Reads "1:05:00"; returns seconds, a negative if it is something else. */
static double
read_clock(struct span value)
{
	double seconds = 0;
	int parts = 0;

	for (; parts < 3 && value.len > 0; parts++) {
		size_t colon = span_find_char(value, ':');
		struct span part = span_first(value, colon);
		double number = take_number(&part);

		if (number < 0 || part.len > 0)
			return -1;
		seconds = seconds * 60 + number;
		value = colon == SPAN_NONE ? SPAN("") :
		    span_from(value, colon + 1);
	}
	return parts == 3 && value.len == 0 ? seconds : -1;
}

/* Returns seconds, a negative if value is no time. */
static double
read_time(struct span value)
{
	double number;

	if (span_find_char(value, ':') != SPAN_NONE)
		return read_clock(value);
	number = take_number(&value);
	for (size_t i = 0; number >= 0 && i < COUNT(times); i++) {
		struct span plural = span_first(value, value.len > 0 ?
		    value.len - 1 : 0);

		if (span_equal_nocase(value, times[i].name) ||
		    (span_ends_nocase(value, SPAN("s")) &&
		    span_equal_nocase(plural, times[i].name)))
			return number * times[i].worth;
	}
	return -1;
}

#define LONGEST (366.0 * DAY)

struct span
quantity_time(const struct phrases *phrases, struct span value)
{
	double time = read_time(span_trim(value));
	unsigned long seconds, unit = 1;
	const char *key = "time.seconds";
	struct filler filler = { "number", SPAN_ABSENT };
	struct buf out;

	if (time < 1 || time > LONGEST)
		return SPAN_ABSENT;
	seconds = (unsigned long)time;
	/* Nobody waits to the second: what is long is rounded up. */
	if (seconds % HOUR == 0 || seconds > 4 * HOUR) {
		unit = HOUR;
		key = "time.hours";
	} else if (seconds % MINUTE == 0 || seconds > 4 * MINUTE) {
		unit = MINUTE;
		key = "time.minutes";
	}
	buf_init(&out, phrases->arena);
	buf_add_number(&out, (seconds + unit - 1) / unit);
	filler.value = buf_span(&out);
	return phrase_fill(phrases, phrase(phrases, key), &filler, 1);
}
