/* SPDX-License-Identifier: BSD-2-Clause */
#include "hostile.h"

#include "mail/date.h"

static void
test_dates(void **state)
{
	static const struct {
		const char *value;
		const char *date;	/* year-month-day hour:minute */
	} cases[] = {
		{ "Tue, 3 Jun 2025 14:02:00 +0200", "2025-6-3 14:2" },
		{ " Tue,  3 Jun 2025 14:02:00 +0200 (CEST)\r\n",
		    "2025-6-3 14:2" },
		{ "Tue,\r\n 03\tJun\r\n\t2025 14:02", "2025-6-3 14:2" },
		{ "3 Jun 2025 14:02", "2025-6-3 14:2" },
		{ "3 Jun 2025 4:02:59 GMT", "2025-6-3 4:2" },
		{ "Tue,3 Jun 2025 14:02", "2025-6-3 14:2" },
		{ "Wednesday, 31 December 2025 23:59:60 -0000",
		    "2025-12-31 23:59" },
		{ "tue, 3 JUN 2025 00:00", "2025-6-3 0:0" },
		{ "29 Feb 2024 12:00", "2024-2-29 12:0" },
		{ "1 Jan 1970 00:00:00", "1970-1-1 0:0" },
		{ "31 Dec 9999 23:59", "9999-12-31 23:59" },
		/* Two and three digits: RFC 5322 section 4.3. */
		{ "3 Jun 25 14:02 EST", "2025-6-3 14:2" },
		{ "3 Jun 49 14:02", "2049-6-3 14:2" },
		{ "3 Jun 70 14:02", "1970-6-3 14:2" },
		{ "3 Jun 99 14:02", "1999-6-3 14:2" },
		{ "3 Jun 125 14:02", "2025-6-3 14:2" },
		{ "(sent) Tue, 3 (three \\( (III)) Jun 2025 14 (h) :02",
		    "2025-6-3 14:2" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct date date;
		char text[80];

		if (!date_parse(span_of(cases[i].value), &date))
			fail_msg("\"%s\" is a date", cases[i].value);
		snprintf(text, sizeof(text), "%u-%u-%u %u:%u", date.year,
		    date.month, date.day, date.hour, date.minute);
		assert_string_equal(text, cases[i].date);
	}
}

static void
test_months(void **state)
{
	static const char *const months[] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun",
		"Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
	};

	(void)state;
	for (size_t i = 0; i < COUNT(months); i++) {
		struct date date;
		char text[40];

		snprintf(text, sizeof(text), "1 %s 2025 00:00", months[i]);
		assert_true(date_parse(span_of(text), &date));
		assert_int_equal(date.month, i + 1);
	}
}

static void
test_no_dates(void **state)
{
	static const char *const cases[] = {
		"",
		" ",
		",",
		"Tue,",
		"yesterday",
		"(3 Jun 2025 14:02",
		")3 Jun 2025 14:02",
		"3",
		"3 Jun",
		"3 Jun 2025",
		"3 Jun 2025 14",
		"3 Jun 2025 14:",
		"3 Jun 2025 14:2",
		"3 Jun 2025 :02",
		"3 Jun 2025 14.02",
		"3 Jun 2025 24:00",
		"3 Jun 2025 14:60",
		"3 Jun 2025 -1:00",
		"0 Jun 2025 14:02",
		"32 Jun 2025 14:02",
		"333 Jun 2025 14:02",
		"-3 Jun 2025 14:02",
		"3 Jux 2025 14:02",
		"3 Ju 2025 14:02",
		"3 6 2025 14:02",
		"Jun 3 2025 14:02",
		"2025-06-03 14:02",
		"3 Jun 5 14:02",
		"3 Jun 1969 14:02",
		"3 Jun 60 14:02",
		"3 Jun 0000 14:02",
		"3 Jun 20250 14:02",
		"3 Jun 99999999999999999999 14:02",
		"99999999999999999999 Jun 2025 14:02",
		"3 Jun 2025 99999999999999999999:02",
		"3\240Jun 2025 14:02",
	};
	struct date date;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (date_parse(span_of(cases[i]), &date))
			fail_msg("\"%s\" is no date", cases[i]);
	assert_false(date_parse(SPAN_ABSENT, &date));
	assert_false(date_parse(SPAN("3\0Jun 2025 14:02"), &date));
	assert_false(date_parse(SPAN("3 Jun 2025 14:0\0"), &date));
}

/* Whatever is taken for a date lies in the ranges that date.h names. */
static void
check_ranges(struct arena *arena, struct span text)
{
	struct date date;

	(void)arena;
	if (!date_parse(text, &date))
		return;
	assert_in_range(date.year, 1970, 9999);
	assert_in_range(date.month, 1, 12);
	assert_in_range(date.day, 1, 31);
	assert_in_range(date.hour, 0, 23);
	assert_in_range(date.minute, 0, 59);
}

static void
test_hostile(void **state)
{
	struct arena arena;
	struct date date;

	(void)state;
	hostile_text(SPAN("Wednesday, 31 December 2025 23:59:60 -0000 (x)"),
	    check_ranges);
	hostile_text(SPAN("3 Jun 125 14:02"), check_ranges);
	arena_init(&arena, (size_t)1 << 20);
	assert_false(date_parse(hostile_repeat(&arena, SPAN("9"), 100000),
	    &date));
	assert_false(date_parse(hostile_repeat(&arena, SPAN("3 Jun "),
	    100000), &date));
	assert_false(date_parse(hostile_repeat(&arena, SPAN(" "), 100000),
	    &date));
	arena_release(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_months),
		cmocka_unit_test(test_no_dates),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
