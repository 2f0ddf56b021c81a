/* SPDX-License-Identifier: BSD-2-Clause */
#include "builtin.h"
#include "explain/phrase.h"

static void
test_dates(void **state)
{
	static const struct {
		const char *value;
		const char *date;	/* NULL: no date */
	} cases[] = {
		{ "Tue, 3 Jun 2025 14:02:11 +0200", "3 June 2025, 14:02" },
		{ "3 Jun 2025 14:02 GMT", "3 June 2025, 14:02" },
		{ "Tue, 03 Jun 2025 09:05:00 -0700 (PDT)",
		  "3 June 2025, 9:05" },
		{ "Wed, 31 Dec 97 00:00:00 +0000",
		  "31 December 1997, 0:00" },
		{ "", NULL },
		{ "yesterday", NULL },
		{ "Tue, 32 Jun 2025 14:02:11", NULL },
		{ "Tue, 3 Jux 2025 14:02:11", NULL },
		{ "Tue, 3 Jun 2025 25:02:11", NULL },
		{ "Tue, 3 Jun 2025", NULL },
		{ "<script>", NULL },
	};
	struct builtin *b = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct phrases phrases = builtin_phrases(b, "en");
		struct span date = phrase_date(&phrases,
		    span_of(cases[i].value));

		if (cases[i].date == NULL)
			assert_absent(date);
		else
			assert_span(date, cases[i].date);
		builtin_clear(b);
	}
}

/* Each language has its own order of day, month and year. */
static void
test_dates_as_written_there(void **state)
{
	static const struct {
		const char *tag;
		const char *part;
	} cases[] = {
		{ "en", "3 June 2025" },
		{ "pl", "3 czerwca 2025" },
		{ "de", "3. Juni 2025" },
		{ "ja", "2025\345\271\2646\346\234\2103\346\227\245" },
	};
	struct builtin *b = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct phrases phrases = builtin_phrases(b, cases[i].tag);
		struct span date = phrase_date(&phrases,
		    SPAN("Tue, 3 Jun 2025 14:02:11 +0200"));

		if (span_find(date, span_of(cases[i].part)) == SPAN_NONE)
			fail_msg("%s: got %.*s", cases[i].tag, (int)date.len,
			    date.p != NULL ? date.p : "(absent)");
		builtin_clear(b);
	}
}

/* French counts the first day of a month in another way. */
static void
test_first_of_a_month(void **state)
{
	struct builtin *b = *state;
	struct phrases french = builtin_phrases(b, "fr");
	struct phrases english = builtin_phrases(b, "en");
	struct span date = phrase_date(&french,
	    SPAN("Thu, 1 May 2025 14:02:11 +0200"));

	assert_int_equal(span_find(date, SPAN("1er mai 2025")), 0);
	assert_span(phrase_date(&english,
	    SPAN("Thu, 1 May 2025 14:02:11 +0200")), "1 May 2025, 14:02");
	builtin_clear(b);
}

/* Every month in every language, with nothing left to fill. */
static void
test_dates_of_all_languages(void **state)
{
	static const char *const months[] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug",
		"Sep", "Oct", "Nov", "Dec"
	};
	struct builtin *b = *state;

	for (size_t i = 0; i < b->languages.n; i++)
		for (size_t k = 0; k < COUNT(months); k++) {
			struct phrases phrases = builtin_phrases(b,
			    b->languages.v[i].tag);
			char value[64];
			struct span date;

			snprintf(value, sizeof(value),
			    "17 %s 2025 23:59:00 +0000", months[k]);
			date = phrase_date(&phrases, span_of(value));
			assert_true(span_find(date, SPAN("17")) !=
			    SPAN_NONE);
			assert_true(span_find(date, SPAN("2025")) !=
			    SPAN_NONE);
			assert_true(span_find(date, SPAN("23:59")) !=
			    SPAN_NONE);
			assert_int_equal(span_find_char(date, '{'),
			    SPAN_NONE);
			builtin_clear(b);
		}
}

static void
test_fill(void **state)
{
	static const struct filler fillers[] = {
		{ "address", SPAN_INIT("bob@example.org") },
		{ "empty", SPAN_INIT("") },
		{ "braces", SPAN_INIT("{address}") },
		{ "lost", { NULL, 0 } },
	};
	static const struct {
		const char *template;
		const char *text;
	} cases[] = {
		{ "", "" },
		{ "No place.", "No place." },
		{ "To {address}.", "To bob@example.org." },
		{ "{address}", "bob@example.org" },
		{ "{address}{address}", "bob@example.orgbob@example.org" },
		{ "({empty})", "()" },
		{ "({lost})", "()" },
		/* What a mail says is never a template. */
		{ "{braces} {address}", "{address} bob@example.org" },
		/* What is not known stays. */
		{ "{nobody} {address}", "{nobody} bob@example.org" },
		{ "{Address}", "{Address}" },
		{ "{address", "{address" },
		{ "address}", "address}" },
		{ "{}", "{}" },
		{ "{", "{" },
		{ "}", "}" },
	};
	struct builtin *b = *state;
	struct phrases phrases = builtin_phrases(b, "en");

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span text = phrase_fill(&phrases,
		    span_of(cases[i].template), fillers, COUNT(fillers));

		/* Of an empty template nothing need be made. */
		if (!span_equal(text, span_of(cases[i].text)))
			fail_msg("\"%s\": got \"%.*s\"", cases[i].template,
			    (int)text.len, text.p != NULL ? text.p : "");
	}
	assert_absent(phrase_fill(&phrases, SPAN_ABSENT, fillers, 1));
	assert_span(phrase_fill(&phrases, SPAN("{address}"), NULL, 0),
	    "{address}");
	builtin_clear(b);
}

static void
test_keys(void **state)
{
	struct builtin *b = *state;
	struct phrases phrases = builtin_phrases(b, "en");
	struct span why = phrase(&phrases, "mailbox-full.why");

	assert_true(why.len > 0);
	assert_true(span_equal(phrase_of(&phrases, "mailbox-full", ".why",
	    ""), why));
	assert_true(span_equal(phrase_of(&phrases, "mailbox", "-full",
	    ".why"), why));
	assert_absent(phrase(&phrases, "no.such.key"));
	/* A key of any length is no key. */
	assert_absent(phrase_of(&phrases, "mailbox-full", ".why.............."
	    "..............................................................",
	    "......................................................"));
	builtin_clear(b);
}

/* Without memory there is no text, and no crash. */
static void
test_without_memory(void **state)
{
	struct builtin *b = *state;
	struct phrases phrases = builtin_phrases(b, "en");
	const struct filler filler = { "address", SPAN_INIT("bob") };

	arena_release(&b->arena);
	arena_init(&b->arena, 0);
	assert_absent(phrase_fill(&phrases, SPAN("To {address}"), &filler,
	    1));
	assert_true(b->arena.failed);
	phrase_date(&phrases, SPAN("3 Jun 2025 14:02:00"));
	builtin_clear(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_dates_as_written_there),
		cmocka_unit_test(test_first_of_a_month),
		cmocka_unit_test(test_dates_of_all_languages),
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_without_memory),
	};

	return cmocka_run_group_tests(tests, builtin_setup,
	    builtin_teardown);
}
