/* SPDX-License-Identifier: BSD-2-Clause */
#include "builtin.h"
#include "explain/quantity.h"

static void
test_sizes(void **state)
{
	static const struct {
		const char *tag;
		const char *value;
		const char *size;
	} cases[] = {
		/* Of the header's own words. */
		{ "en", "26214400", "25 MB" },
		{ "en", "25600 KB", "25 MB" },
		{ "en", "25MB", "25 MB" },

		{ "en", "26,214,400 bytes", "25 MB" },
		{ "en", "26214400 octets", "25 MB" },
		{ "en", " 25 MiB ", "25 MB" },
		{ "en", "25 megabytes", "25 MB" },
		{ "en", "25M", "25 MB" },
		{ "en", "10240k", "10 MB" },
		{ "en", "1.5 GB", "1.5 GB" },
		{ "en", "1,5 GB", "1.5 GB" },
		{ "en", "1024", "1 kB" },
		{ "en", "1536", "1.5 kB" },
		{ "en", "35882577", "34.2 MB" },
		{ "en", "20 MB", "20 MB" },
		{ "en", "157286400", "150 MB" },
		{ "en", "1073741824", "1 GB" },
		{ "en", "0.5 MB", "512 kB" },

		/* Too small or too large to be one, or none at all. */
		{ "en", "25", "25" },
		{ "en", "0", "0" },
		{ "en", "999", "999" },
		{ "en", "", "" },
		{ "en", "many", "many" },
		{ "en", "25 apples", "25 apples" },
		{ "en", "-5 MB", "-5 MB" },
		{ "en", "MB", "MB" },
		{ "en", "99999999999999999999999", "99999999999999999999999" },
		{ "en", "150/150 (100%)", "150/150 (100%)" },
	};
	struct builtin *b = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct phrases phrases = builtin_phrases(b, cases[i].tag);
		struct span size = quantity_size(&phrases,
		    span_of(cases[i].value));

		if (!span_equal(size, span_of(cases[i].size)))
			fail_msg("%s: \"%s\": got \"%.*s\", want \"%s\"",
			    cases[i].tag, cases[i].value, (int)size.len,
			    size.p != NULL ? size.p : "", cases[i].size);
		builtin_clear(b);
	}
}

/* The sign of the decimals is the language's. */
static void
test_decimals(void **state)
{
	struct builtin *b = *state;
	struct phrases phrases = builtin_phrases(b, "pl");
	struct span size = quantity_size(&phrases, SPAN("1.5 GB"));

	assert_int_equal(span_find(size, SPAN("1,5")), 0);
	assert_true(span_ends_nocase(size, SPAN("GB")));
	builtin_clear(b);
}

/* Any number of bytes comes out as a short number and a unit. */
static void
test_sizes_stay_short(void **state)
{
	struct builtin *b = *state;
	struct phrases phrases = builtin_phrases(b, "en");

	for (double size = 1000; size < 1e14; size *= 1.01) {
		char value[32];
		struct span shown;

		snprintf(value, sizeof(value), "%.0f", size);
		shown = quantity_size(&phrases, span_of(value));
		if (shown.len < 4 || shown.len > 9 ||
		    !span_ends_nocase(shown, SPAN("B")))
			fail_msg("%s: got \"%.*s\"", value, (int)shown.len,
			    shown.p != NULL ? shown.p : "");
		builtin_clear(b);
	}
}

static void
test_times(void **state)
{
	static const struct {
		const char *value;
		const char *time;	/* NULL: no time */
	} cases[] = {
		/* Of the header's own words. */
		{ "300 seconds", "5 min" },
		{ "5m", "5 min" },
		{ "0:05:00", "5 min" },

		{ "00:05:00", "5 min" },
		{ "1:30:00", "90 min" },
		{ "24:00:00", "24 h" },
		{ "0:00:59", "59 s" },
		{ "59 seconds", "59 s" },
		{ "90 secs", "90 s" },
		{ "241 seconds", "5 min" },
		{ "299s", "5 min" },
		{ "60 Seconds", "1 min" },
		{ "5 minutes", "5 min" },
		{ "1 minute", "1 min" },
		{ "10 mins", "10 min" },
		{ "1 hour", "1 h" },
		{ "3600 s", "1 h" },
		{ "1.5 hours", "90 min" },
		{ "2 hrs", "2 h" },
		{ "20000 seconds", "6 h" },
		{ "2 days", "48 h" },

		{ "300", NULL },
		{ "0 seconds", NULL },
		{ "", NULL },
		{ "soon", NULL },
		{ "5 mails", NULL },
		{ "5 months", NULL },
		{ "5 minutesque", NULL },
		{ "-5 minutes", NULL },
		{ "05:00", NULL },
		{ "1:02:03:04", NULL },
		{ "1::3", NULL },
		{ ":::", NULL },
		{ "a:b:c", NULL },
		{ "99999 days", NULL },
		{ "99999999999999999999999 s", NULL },
	};
	struct builtin *b = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct phrases phrases = builtin_phrases(b, "en");
		struct span time = quantity_time(&phrases,
		    span_of(cases[i].value));

		if (!span_equal(time, span_of(cases[i].time)))
			fail_msg("\"%s\": got \"%.*s\", want \"%s\"",
			    cases[i].value, (int)time.len,
			    time.p != NULL ? time.p : "(absent)",
			    cases[i].time != NULL ? cases[i].time :
			    "(absent)");
		builtin_clear(b);
	}
}

/* Every language has its units, and nothing is left to fill. */
static void
test_times_of_all_languages(void **state)
{
	static const char *const values[] = { "30 s", "5 min", "2 h" };
	struct builtin *b = *state;

	for (size_t i = 0; i < b->languages.n; i++)
		for (size_t k = 0; k < COUNT(values); k++) {
			struct phrases phrases = builtin_phrases(b,
			    b->languages.v[i].tag);
			struct span time = quantity_time(&phrases,
			    span_of(values[k]));

			assert_int_equal(time.p[0], values[k][0]);
			assert_true(time.len >= 2);
			assert_int_equal(span_find_char(time, '{'),
			    SPAN_NONE);
			builtin_clear(b);
		}
}

/* Without memory there is no text, and no crash. */
static void
test_without_memory(void **state)
{
	struct builtin *b = *state;
	struct phrases phrases = builtin_phrases(b, "en");

	arena_release(&b->arena);
	arena_init(&b->arena, 0);
	assert_absent(quantity_size(&phrases, SPAN("26214400")));
	assert_absent(quantity_time(&phrases, SPAN("5 min")));
	assert_true(b->arena.failed);
	builtin_clear(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_decimals),
		cmocka_unit_test(test_sizes_stay_short),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_times_of_all_languages),
		cmocka_unit_test(test_without_memory),
	};

	return cmocka_run_group_tests(tests, builtin_setup,
	    builtin_teardown);
}
