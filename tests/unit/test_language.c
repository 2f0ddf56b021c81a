/* SPDX-License-Identifier: BSD-2-Clause */
#include "builtin.h"

static const struct language four[] = {
	{ .tag = "en" }, { .tag = "pl" }, { .tag = "pt-BR" }, { .tag = "pt" },
};
static const struct languages languages = { four, COUNT(four) };

static const char *
tag_of(const struct language *language)
{
	return language != NULL ? language->tag : "";
}

static void
test_find(void **state)
{
	static const struct {
		const char *tag;
		const char *found;
	} cases[] = {
		{ "pl", "pl" },
		{ "PL", "pl" },
		{ "pl-PL", "pl" },
		{ "pl_PL.UTF-8", "pl" },
		{ "pl@euro", "pl" },
		{ " pl ", "pl" },
		{ "pt-br", "pt-BR" },
		{ "pt-PT", "pt" },
		{ "en-GB-oed", "en" },
		{ "de", "" },
		{ "p", "" },
		{ "pll", "" },
		{ "plx-PL", "" },
		{ "*", "" },
		{ "-pl", "" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *found = tag_of(language_find(&languages,
		    span_of(cases[i].tag)));

		if (strcmp(found, cases[i].found) != 0)
			fail_msg("\"%s\": got \"%s\"", cases[i].tag, found);
	}
	assert_null(language_find(&languages, SPAN_ABSENT));
}

static void
test_wanted(void **state)
{
	static const struct {
		const char *value;
		const char *found;
	} cases[] = {
		{ "pl", "pl" },
		{ "de, pl", "pl" },
		{ "pl, en", "pl" },
		{ "en, pl", "en" },
		{ "en;q=0.5, pl;q=0.9", "pl" },
		{ "en;q=0.9, pl;q=0.5", "en" },
		{ "en;q=0.5, pl", "pl" },
		{ "en; q=0.5 , pl ; q=0.6", "pl" },
		{ "EN;Q=0.5, PL;Q=0.6", "pl" },
		{ "en;q=0.123, pl;q=0.124", "pl" },
		{ "en;q=0.9, pl;q=1.0", "pl" },
		{ "en;q=0.9, pl;q=1", "pl" },
		/* The first of equals; more than 1 is 1. */
		{ "en;q=0.5, pl;q=0.5", "en" },
		{ "en, pl;q=9", "en" },
		/* Zero means: not this one. */
		{ "pl;q=0", "" },
		{ "pl;q=0.000, en;q=0.1", "en" },
		{ "pl-PL,pl;q=0.9,en-US;q=0.8,en;q=0.7", "pl" },
		{ "de-DE, *;q=0.1", "" },
		/* Odd ones. */
		{ "", "" },
		{ ",,,", "" },
		{ ",pl,", "pl" },
		{ ";q=1", "" },
		{ "pl;q=", "" },
		{ "pl;q=x", "" },
		{ "pl;level=1", "pl" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *found = tag_of(language_wanted(&languages,
		    span_of(cases[i].value)));

		if (strcmp(found, cases[i].found) != 0)
			fail_msg("\"%s\": got \"%s\"", cases[i].value, found);
	}
	assert_null(language_wanted(&languages, SPAN_ABSENT));
}

/* A value of any length costs little, and its beginning counts. */
static void
test_long_value(void **state)
{
	static char value[1000000];

	(void)state;
	memset(value, ',', sizeof(value));
	assert_null(language_wanted(&languages,
	    (struct span){ value, sizeof(value) }));
	memcpy(value, "pl", 2);
	assert_string_equal(tag_of(language_wanted(&languages,
	    (struct span){ value, sizeof(value) })), "pl");
}

static void
test_no_languages(void **state)
{
	const struct languages none = { NULL, 0 };

	(void)state;
	assert_null(language_find(&none, SPAN("en")));
	assert_null(language_wanted(&none, SPAN("en")));
}

/* What a language lacks is said in the reference, a text at a time. */
static void
test_texts_fall_back(void **state)
{
	struct builtin *b = *state;
	const struct language empty = { .tag = "xx" };
	const struct language *pl = builtin_language(b, "pl");
	const struct language *en = &b->languages.v[0];
	struct span text;

	assert_string_equal(en->tag, "en");
	text = language_text(&b->languages, &empty, "heading.happened");
	assert_true(span_equal(text, catalog_text(&en->catalog,
	    "heading.happened")));
	assert_true(text.len > 0);
	text = language_text(&b->languages, pl, "heading.happened");
	assert_true(span_equal(text, catalog_text(&pl->catalog,
	    "heading.happened")));
	assert_false(span_equal(text, catalog_text(&en->catalog,
	    "heading.happened")));
	assert_absent(language_text(&b->languages, pl, "no.such.key"));
}

/* What a catalogue lacks is first looked up in the one below it. */
static void
test_catalogue_below(void **state)
{
	struct builtin *b = *state;
	const struct language *pl = builtin_language(b, "pl");
	const struct language *de = builtin_language(b, "de");
	const struct language below = { .tag = "xx", .below = pl->catalog };
	const struct language above = { .tag = "xx", .catalog = de->catalog,
	    .below = pl->catalog };
	const struct language empty = { .tag = "xx" };
	const char *key = "heading.happened";

	assert_true(span_equal(language_text(&b->languages, &below, key),
	    catalog_text(&pl->catalog, key)));
	assert_true(span_equal(language_text(&b->languages, &above, key),
	    catalog_text(&de->catalog, key)));
	assert_true(span_equal(language_own_text(&below, key),
	    catalog_text(&pl->catalog, key)));
	assert_absent(language_own_text(&empty, key));
	assert_absent(language_own_text(&below, "no.such.key"));
}

static void
test_direction(void **state)
{
	static const struct {
		const char *tag;
		bool right_to_left;
	} cases[] = {
		{ "ar", true }, { "he-IL", true }, { "FA", true },
		{ "ur_PK", true }, { "en", false }, { "pl", false },
		{ "arn", false }, { "ja", false }, { "", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct language language = { .tag = cases[i].tag };

		if (language_is_right_to_left(&language) !=
		    cases[i].right_to_left)
			fail_msg("%s", cases[i].tag);
	}
}

/* Every built-in language is found by its own tag. */
static void
test_builtin_tags(void **state)
{
	struct builtin *b = *state;

	for (size_t i = 0; i < b->languages.n; i++)
		assert_ptr_equal(language_find(&b->languages,
		    span_of(b->languages.v[i].tag)), &b->languages.v[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_wanted),
		cmocka_unit_test(test_long_value),
		cmocka_unit_test(test_no_languages),
		cmocka_unit_test(test_texts_fall_back),
		cmocka_unit_test(test_catalogue_below),
		cmocka_unit_test(test_direction),
		cmocka_unit_test(test_builtin_tags),
	};

	return cmocka_run_group_tests(tests, builtin_setup,
	    builtin_teardown);
}
