/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <unicase.h>
#include <unistr.h>

#include "app/defaults.h"
#include "bounce/reply.h"
#include "cause/matcher.h"
#include "cause/prefilter.h"
#include "cause/trie.h"
#include "unittest.h"

/* Writes a set of literals, "|" between them, "%" for 8-bit. */
static void
print_set(const struct prefilter_set *set, char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < set->n; i++) {
		assert_true(len + PREFILTER_LITERAL + 2 < size);
		if (i > 0)
			text[len++] = '|';
		if (set->v[i].bytes[0] == (char)0x80) {
			text[len++] = '%';
		} else {
			memcpy(text + len, set->v[i].bytes, set->v[i].len);
			len += set->v[i].len;
		}
		text[len] = '\0';
	}
}

/* Writes the best set of a pattern's literals. */
static void
literals_of(const char *pattern, char *text, size_t size)
{
	struct prefilter_set sets[PREFILTER_SETS];
	const struct prefilter_set *best = &sets[0];

	prefilter_literals(pattern, sets);
	for (size_t i = 1; i < PREFILTER_SETS; i++)
		if (best->n == 0 || (sets[i].n > 0 &&
		    sets[i].shortest > best->shortest))
			best = &sets[i];
	print_set(best, text, size);
}

static void
test_literals(void **state)
{
	static const struct {
		const char *pattern;
		const char *literals;
	} cases[] = {
		{ "mailbox full", "mailbox full" },
		{ "User Unknown", "user unknown" },
		{ "0123456789abcdefghijklmnopqrstuvwxyz",
		  "0123456789abcdefghijklmnopqrstuv" },
		{ "", "" },
		{ "ab", "" },
		{ ".*", "" },
		{ "a.b.c", "" },

		/* The longest run counts, then the rarer of two sets. */
		{ "no such (?:user|account) here", "no such " },
		{ "\\d{3} quota", " quota" },
		{ "foo|bar", "foo|bar" },
		{ "foo|ba", "" },
		{ "foo|", "" },
		{ "(?:foo|bar)", "foo|bar" },
		{ "(?:full|quota) exceeded", " exceeded" },
		{ "(?:exceeded|over) the", "exceeded|over" },
		{ "(?:foo|x)bar", "bar" },

		/* What may be missing, or be there more than once. */
		{ "colou?r", "colo" },
		{ "fo+bar", "bar" },
		{ "abc*def", "def" },
		{ "ab{0,2}cde", "cde" },
		{ "abc{2}d", "abc" },
		{ "abc{1,}de", "abc" },
		{ "(?:mailbox)? full", " full" },
		{ "(?:mailbox)* full", " full" },
		{ "(?:mailbox)+ full", "mailbox" },
		{ "(?:mailbox){0,1} full", " full" },
		{ "mail.*?box", "mail" },
		{ "mai++lbox", "lbox" },

		/* Classes and escapes. */
		{ "[abc]def", "def" },
		{ "[]abc]def", "def" },
		{ "[^]abc]def", "def" },
		{ "[[:alpha:]]def", "def" },
		{ "[a\\]b]def", "def" },
		{ "\\bspf\\b", "spf" },
		{ "\\.example\\.", ".example." },
		{ "\\x41bc", "abc" },
		{ "\\x{263a}abc", "abc" },
		{ "\\p{Lu}abc", "abc" },
		{ "ab\\scd", "" },
		{ "^abc$", "abc" },
		{ "\\Qa.c\\E", "" },

		/* Groups that look around take no part. */
		{ "(?=foo)bar", "bar" },
		{ "(?!foo)bar", "bar" },
		{ "(?<=foo)bar", "bar" },
		{ "(?<!foo)bar", "bar" },
		{ "(?<list>zen)", "zen" },
		{ "(?P<list>zen)", "zen" },
		{ "(?>zen)", "zen" },
		{ "(?i)zen", "zen" },
		{ "(?i:zen)", "zen" },
		{ "(?|zen|cbl)", "zen|cbl" },
		{ "((((abc))))", "abc" },

		/* What has no case, and letters whose bytes are near. */
		{ "\303\251t\303\251", "\303\251t\303\251" },
		{ "bo\303\256te aux lettres", "bo\303\256te aux lettres" },
		{ "\351\202\256\347\256\261", "\351\202\256\347\256\261" },
		{ "\352\260\200?\355\225\234", "\355\225\234" },
		{ "\320\275\320\265 \321\201", "\320\275\320\265 " },
		{ "(?:\303\251)?abc", "abc" },

		/* Of others any byte beyond ASCII will do. */
		{ "\320\276\321\202", "%" },
		{ "\305\231", "%" },
		{ "mail|\321\201", "mail|%" },
		{ "ab\305\231cd", "%" },
		{ "gr\303\266\303\237er", "gr\303\266" },
		{ "\303\245r", "%" },
		{ "(?:\321\201)?abc", "abc" },
	};
	char text[PREFILTER_LITERALS * (PREFILTER_LITERAL + 2)];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		literals_of(cases[i].pattern, text, sizeof(text));
		if (strcmp(text, cases[i].literals) != 0)
			fail_msg("\"%s\": got \"%s\", want \"%s\"",
			    cases[i].pattern, text, cases[i].literals);
	}
}

/* Of one sequence the sets that tell most, in the order of the pattern. */
static void
test_sets(void **state)
{
	static const struct {
		const char *pattern;
		const char *sets;	/* with '/' behind each */
	} cases[] = {
		{ "(?:full|quota) exceeded", "/full|quota/ exceeded/" },
		{ "(?:quota|limit) (?:full|over)", "/quota|limit/full|over/" },
		{ "user \\d+ is unknown", "/user / is unknown/" },
		{ "full", "//full/" },
		{ "full \\d o", "//full /" },
		{ "full|over quota", "//full|over quota/" },
		{ "mailbox(?: is)? full", "/mailbox/ full/" },
		{ "mailbox \303\251t\303\251",
		  "//mailbox \303\251t\303\251/" },
		{ "mailbox \305\231t", "/mailbox /%/" },
		{ "the .*mailbox .*is .*full", "the /mailbox /full/" },
		{ "mailbox .*user .*is .*quota", "mailbox /user /quota/" },
		{ "abc.*def.*ghi.*jkl", "abc/def/ghi/" },
		{ "abc.*def.*ghi.*jklm", "def/ghi/jklm/" },
		{ "ab.*cd", "///" },
	};
	char text[PREFILTER_SETS * 100];
	struct prefilter_set sets[PREFILTER_SETS];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t len = 0;

		prefilter_literals(cases[i].pattern, sets);
		for (size_t k = 0; k < PREFILTER_SETS; k++) {
			print_set(&sets[k], text + len, 100);
			len += strlen(text + len);
			text[len++] = '/';
		}
		text[len] = '\0';
		assert_string_equal(text, cases[i].sets);
	}
}

/* Is the character its own literal, behind two letters? */
static bool
is_literal(const char *character)
{
	char pattern[16], text[PREFILTER_LITERALS * (PREFILTER_LITERAL + 2)];

	snprintf(pattern, sizeof(pattern), "ab%s", character);
	literals_of(pattern, text, sizeof(text));
	return strcmp(pattern, text) == 0;
}

static size_t
put_character(char *text, ucs4_t c)
{
	int len = u8_uctomb((uint8_t *)text, c, 6);

	text[len > 0 ? len : 0] = '\0';
	return len > 0 ? (size_t)len : 0;
}

static bool
have_same_symbols(const char *a, size_t a_len, const char *b, size_t b_len)
{
	for (size_t i = 0; i < a_len && i < b_len; i++)
		if (PREFILTER_SYMBOL(a[i]) != PREFILTER_SYMBOL(b[i]))
			return false;
	return a_len == b_len;
}

/* Checks that what PCRE2 takes for a case of c has the symbols of c. */
static void
check_cases(ucs4_t c, struct span literals)
{
	char pattern[8];
	size_t len = put_character(pattern, c), at = 0;
	int error;
	PCRE2_SIZE offset;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, len,
	    PCRE2_CASELESS | PCRE2_UTF, &error, &offset, NULL);
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);

	assert_non_null(code);
	while (pcre2_match(code, (PCRE2_SPTR)literals.p, literals.len, at,
	    PCRE2_NO_UTF_CHECK, data, NULL) > 0) {
		const PCRE2_SIZE *found = pcre2_get_ovector_pointer(data);

		if (!have_same_symbols(pattern, len, literals.p + found[0],
		    found[1] - found[0]))
			fail_msg("U+%04X is a case of a literal \"%.*s\"",
			    (unsigned)c, (int)(found[1] - found[0]),
			    literals.p + found[0]);
		at = found[1];
	}
	pcre2_match_data_free(data);
	pcre2_code_free(code);
}

/* Case is not lost where characters beyond ASCII are literals. */
static void
test_cases_of_literals(void **state)
{
	char *literals = malloc(0x10000 * 3 + 1);
	size_t len = 0, cased = 0;

	(void)state;
	assert_non_null(literals);
	for (ucs4_t c = 0x80; c < 0x10000; c++) {
		char character[8];
		size_t n = put_character(character, c);

		if (n > 0 && is_literal(character)) {
			memcpy(literals + len, character, n);
			len += n;
		}
	}
	assert_true(len > 90000);
	for (ucs4_t c = 0x80; c < 0x20000; c++)
		if (uc_tolower(c) != c || uc_toupper(c) != c) {
			check_cases(c, (struct span){ literals, len });
			cased++;
		}
	assert_true(cased > 2500);
	free(literals);
}

/* Words with a bar between them. */
static void
make_words(char *pattern, size_t size, unsigned n)
{
	size_t len = 0;

	for (unsigned i = 0; i < n; i++)
		len += (size_t)snprintf(pattern + len, size - len,
		    "%sword%u", i > 0 ? "|" : "", i);
}

/* A pattern of more literals than there is room for has none. */
static void
test_too_many_literals(void **state)
{
	struct prefilter_set sets[PREFILTER_SETS];
	char pattern[8 * 100];

	(void)state;
	make_words(pattern, sizeof(pattern), PREFILTER_LITERALS);
	prefilter_literals(pattern, sets);
	assert_int_equal(sets[PREFILTER_SETS - 1].n, PREFILTER_LITERALS);
	make_words(pattern, sizeof(pattern), PREFILTER_LITERALS + 1);
	prefilter_literals(pattern, sets);
	assert_int_equal(sets[PREFILTER_SETS - 1].n, 0);
}

static void
test_deep_nesting(void **state)
{
	struct prefilter_set sets[PREFILTER_SETS];
	char pattern[5000];

	(void)state;
	memset(pattern, '(', 2000);
	memcpy(pattern + 2000, "abc", 3);
	memset(pattern + 2003, ')', 2000);
	pattern[4003] = '\0';
	prefilter_literals(pattern, sets);
	for (size_t i = 0; i < PREFILTER_SETS; i++)
		assert_int_equal(sets[i].n, 0);
}

/* Patterns that do not compile must not be read beyond their end. */
static void
test_broken_patterns(void **state)
{
	static const char *const patterns[] = {
		"\\", "abc\\", "[", "[^", "[]", "[abc", "[[:", "[[:alpha",
		"[\\", "(", "(?", "(?<", "(?<list", "(?P<", "(?=", "(((",
		"abc{", "abc{1", "abc{1,", "\\x", "\\x4", "\\x{", "\\p{",
		"\\k{", ")", "abc)def", "a|", "|", "*", "+abc", "?", "{2}",
		"\303", "abc\303", "(?<list>", "(?:abc|", "\\Q", "(?i",
	};
	struct prefilter_set sets[PREFILTER_SETS];

	(void)state;
	for (size_t i = 0; i < COUNT(patterns); i++) {
		/* On the heap, so that a sanitizer sees the end. */
		size_t size = strlen(patterns[i]) + 1;
		char *copy = malloc(size);

		assert_non_null(copy);
		memcpy(copy, patterns[i], size);
		prefilter_literals(copy, sets);
		prefilter_split(copy);
		free(copy);
	}
}

/* Alternatives, or the whole where one alone could mean something else. */
static void
test_split(void **state)
{
	static const struct {
		const char *pattern;
		const char *pieces;	/* with '/' between them */
	} cases[] = {
		{ "", "" },
		{ "full", "full" },
		{ "full|over quota", "full/over quota" },
		{ "|full|", "/full/" },
		{ "(?:a|b) c|d", "(?:a|b) c/d" },
		{ "[|]|\\||\\Ba|(?<list>a|b)", "[|]/\\|/\\Ba/(?<list>a|b)" },
		{ "(?:(?i)a|b)|c", "(?:(?i)a|b)|c" },
		{ "(?i)a|b", "(?i)a|b" },
		{ "(?i:a)|b", "(?i:a)/b" },
		{ "a|\\Qb|c\\E", "a|\\Qb|c\\E" },
		{ "(a)|b\\1", "(a)|b\\1" },
		{ "(?<list>a)|b\\k<list>", "(?<list>a)|b\\k<list>" },
		{ "a|b)", "a|b)" },
		{ "a|(*FAIL)|b", "a|(*FAIL)|b" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t len = strlen(cases[i].pattern), n;
		char *copy = strdup(cases[i].pattern);

		assert_non_null(copy);
		n = prefilter_split(copy);
		for (size_t k = 0; k < len; k++)
			if (copy[k] == '\0') {
				copy[k] = '/';
				n--;
			}
		assert_string_equal(copy, cases[i].pieces);
		assert_int_equal(n, 1);
		free(copy);
	}
}

/* Each alternative of the built-in rules stands by itself. */
static void
test_alternatives_compile(void **state)
{
	struct ruleset *set = ruleset_new(&default_book, default_book.causes,
	    default_book.ncauses, false, NULL, NULL);

	(void)state;
	assert_non_null(set);
	assert_ptr_equal(set->index, default_book.index);
	assert_true(set->index->n > default_book.nrules);
	for (size_t i = 0; i < set->index->n; i++)
		if (ruleset_code(set, i) == NULL)
			fail_msg("\"%s\" of rule %s",
			    set->index->alternatives[i].pattern,
			    default_book.rules[set->index->alternatives[i].rule]
			    .name);
	ruleset_free(set);
}

#define EQUAL_TABLES(a, b, table, n) \
	assert_memory_equal((a)->table, (b)->table, (n) * sizeof(*(a)->table))

/* The index from the build is the one that the rules would get now. */
static void
test_builtin_index(void **state)
{
	struct rule_book book = default_book;
	const struct rule_index *built = default_book.index, *made;
	const struct prefilter *a = built->prefilter, *b;
	struct ruleset *set;

	(void)state;
	book.index = NULL;
	set = ruleset_new(&book, book.causes, book.ncauses, false, NULL, NULL);
	assert_non_null(set);
	made = set->index;
	assert_int_equal(made->n, built->n);
	for (size_t i = 0; i < made->n; i++) {
		assert_string_equal(made->alternatives[i].pattern,
		    built->alternatives[i].pattern);
		assert_int_equal(made->alternatives[i].rule,
		    built->alternatives[i].rule);
	}
	b = made->prefilter;
	assert_int_equal(a->words, b->words);
	assert_int_equal(a->nstates, b->nstates);
	assert_int_equal(a->nbits, b->nbits);
	EQUAL_TABLES(a, b, always, PREFILTER_RUNS * a->words);
	EQUAL_TABLES(a, b, eight_bit, PREFILTER_RUNS * a->words);
	EQUAL_TABLES(a, b, starts, PREFILTER_PAIRS);
	EQUAL_TABLES(a, b, states, a->nstates + 1);
	EQUAL_TABLES(a, b, bits, a->nbits);
	ruleset_free(set);
}

/* A book of which a rule is out of force gets an index of its own. */
static void
test_index_without_a_cause(void **state)
{
	struct ruleset *set = ruleset_new(&default_book, default_book.causes,
	    1, false, NULL, NULL);

	(void)state;
	assert_non_null(set);
	assert_ptr_not_equal(set->index, default_book.index);
	assert_true(set->index->n < default_book.index->n);
	for (size_t i = 0; i < set->index->n; i++)
		assert_non_null(
		    set->causes[set->index->alternatives[i].rule]);
	ruleset_free(set);
}

#define WORDS 40	/* for the prefilters of tests */

static bool
is_candidate(const uint64_t *words, size_t number)
{
	return (words[number / 64] >> number % 64 & 1) != 0;
}

/* A prefilter of patterns, ready, in an arena that begins with it. */
static struct prefilter
prefilter_of(struct arena *arena, const char *const *patterns, size_t n)
{
	struct trie *trie = trie_new(n);
	struct prefilter prefilter;

	arena_init(arena, (size_t)1 << 24);
	assert_non_null(trie);
	for (size_t i = 0; i < n; i++)
		assert_true(trie_add(trie, i, patterns[i]));
	assert_true(trie_finish(trie, &prefilter, arena));
	assert_true(PREFILTER_RUNS * prefilter.words <= WORDS);
	trie_free(trie);
	return prefilter;
}

static void
test_search(void **state)
{
	static const char *const patterns[] = {
		"mailbox full", "box", "full", ".*", "x full",
		"\320\277\320\276\321\207\321\202\320\260", "quota|full",
		"mail.* box.* full", "\305\231.*quota",
	};
	static const struct {
		const char *text;
		const char *candidates;	/* a digit each */
	} cases[] = {
		{ "", "3" },
		{ "nothing here", "3" },
		{ "The MAILBOX FULL of it", "012346" },
		{ "boxx full", "12346" },
		{ "mailbox", "13" },
		{ "over quota", "36" },
		{ "\320\237", "35" },
		{ "bo\303\256te full", "2356" },
		{ "mail, box, full", "12367" },
		{ "box, mail, full", "1236" },
		{ "full, box, mail", "1236" },
		{ "quota \305\231", "3568" },
	};
	struct arena arena;
	struct prefilter prefilter = prefilter_of(&arena, patterns,
	    COUNT(patterns));
	uint64_t words[WORDS];
	const uint64_t *found;

	(void)state;
	assert_int_equal(prefilter.words, 1);
	for (size_t i = 0; i < COUNT(cases); i++) {
		memset(words, 0xff, sizeof(words));
		found = prefilter_search(&prefilter, span_of(cases[i].text),
		    words);
		for (size_t k = 0; k < COUNT(patterns); k++)
			if (is_candidate(found, k) !=
			    (strchr(cases[i].candidates, (char)('0' + k)) !=
			    NULL))
				fail_msg("\"%s\" on \"%s\"", patterns[k],
				    cases[i].text);
		assert_int_equal(found[0] >> COUNT(patterns), 0);
	}
	arena_release(&arena);
}

static void
test_empty_prefilter(void **state)
{
	struct arena arena;
	struct prefilter prefilter = prefilter_of(&arena, NULL, 0);
	uint64_t words[1] = { 5 };

	(void)state;
	assert_int_equal(prefilter.words, 0);
	prefilter_search(&prefilter, SPAN("text"), words);
	assert_int_equal(words[0], 5);
	arena_release(&arena);
	trie_free(NULL);
}

/* A NUL is a byte like any other. */
static void
test_nul_in_text(void **state)
{
	static const char *const patterns[] = { "full", "mailbox" };
	struct arena arena;
	struct prefilter prefilter = prefilter_of(&arena, patterns, 2);
	uint64_t words[WORDS];
	const uint64_t *found;

	(void)state;
	found = prefilter_search(&prefilter, SPAN("mail\0box\0full"), words);
	assert_true(is_candidate(found, 0));
	assert_false(is_candidate(found, 1));
	arena_release(&arena);
}

static unsigned long
next_random(unsigned long *seed)
{
	*seed = (*seed * 1103515245 + 12345) & 0x7fffffff;
	return *seed >> 8;
}

/* Fills text with n letters of a small alphabet, so that much overlaps. */
static void
random_letters(unsigned long *seed, char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		text[i] = (char)('a' + next_random(seed) % 3);
	text[n] = '\0';
}

/* Do two words stand in text, the second one not before (or behind) the
 * first? Without a second word only the first need be there. */
static bool
has_in_order(const char *text, const char *first, const char *second,
    bool behind)
{
	const char *at = strstr(text, first);

	return at != NULL && (second[0] == '\0' ||
	    strstr(at + (behind ? 1 : 0), second) != NULL);
}

/* The trie finds just what a plain search finds, of one word or two. */
static void
test_search_against_plain_search(void **state)
{
	char first[100][16], second[100][16], both[100][64], text[200];
	const char *patterns[100];
	uint64_t words[WORDS];
	unsigned long seed = 1;

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct prefilter prefilter;
		struct arena arena;
		const uint64_t *found;

		for (size_t i = 0; i < COUNT(patterns); i++) {
			random_letters(&seed, first[i],
			    3 + next_random(&seed) % 12);
			random_letters(&seed, second[i], i % 2 == 0 ? 0 :
			    3 + next_random(&seed) % 6);
			snprintf(both[i], sizeof(both[i]), "%.15s%s%.15s",
			    first[i], i % 2 == 0 ? "" : ".*", second[i]);
			patterns[i] = both[i];
		}
		prefilter = prefilter_of(&arena, patterns, COUNT(patterns));
		random_letters(&seed, text, next_random(&seed) % 120);
		found = prefilter_search(&prefilter, span_of(text), words);
		for (size_t i = 0; i < COUNT(patterns); i++)
			if (is_candidate(found, i) ? !has_in_order(text,
			    first[i], second[i], false) : has_in_order(text,
			    first[i], second[i], true))
				fail_msg("\"%s\" in \"%s\"", patterns[i],
				    text);
		arena_release(&arena);
	}
}

/*
 * Does a search through the prefilter find the rule that matches by itself?
 * Fails if it does not even match by itself.
 */
static bool
finds_what_it_matches(const char *pattern, struct span text)
{
	static const struct cause cause = { "any", FIX_NOBODY, AGAIN_USELESS,
	    STOP_YOU, false };
	const struct rule rule = { .name = "rule", .text = pattern,
	    .cause = "any" };
	const struct rule_book book = { .rules = &rule, .nrules = 1 };
	struct ruleset *set = ruleset_new(&book, &cause, 1, false, NULL,
	    NULL);
	const struct ruleset *sets[] = { set };
	const struct evidence evidence = { .text = text };
	struct arena arena;
	struct matcher matcher = { .arena = &arena, .sets = sets,
	    .nsets = 1, .causes = &cause, .ncauses = 1 };
	struct match match;
	bool matches, is_found;

	assert_non_null(set);
	arena_init(&arena, (size_t)1 << 20);
	matches = matcher_rule_matches(&matcher, set, &rule, &evidence);
	is_found = matcher_find(&matcher, &evidence, RULES_WITH_TEXT, NULL,
	    &match);
	matcher_release(&matcher);
	ruleset_free(set);
	arena_release(&arena);
	if (!matches)
		fail_msg("\"%s\" does not match \"%.*s\"", pattern,
		    (int)text.len, text.p);
	return is_found;
}

/*
 * What a pattern matches must be its candidate, also where the pattern is
 * written in a way that the reader of literals may not understand.
 */
static void
test_no_match_is_lost(void **state)
{
	static const struct {
		const char *pattern;
		const char *text;	/* which it matches */
	} cases[] = {
		{ "(?<list>zen) is \\k<list>", "zen is zen" },
		{ "(?<list>zen) is \\k{list}", "zen is zen" },
		{ "(?<list>zen) is \\k'list'", "zen is zen" },
		{ "(?<list>zen) is \\g{list}", "zen is zen" },
		{ "(zen) is \\1", "zen is zen" },
		{ "(zen) is \\g1", "zen is zen" },
		{ "(?<list>zen) or (?&list)", "zen or zen" },
		{ "(?P<list>zen) or (?P>list)", "zen or zen" },
		{ "(?P<list>zen) is (?P=list)", "zen is zen" },
		{ "(?'list'zen)", "zen" },
		{ "(?#the mailbox: it is full)abc", "abc" },
		{ "(?x) over # a comment\n quota", "overquota" },
		{ "(*UTF)quota", "quota" },
		{ "(*ANYCRLF)quota", "quota" },
		{ "a(?(?=bcd)bcd|xyz)", "axyz" },
		{ "(abc)?(?(1)def|ghi)", "ghi" },
		{ "abc{2bar", "abc{2bar" },
		{ "\\Qa.b\\E", "a.b" },
		{ "quota\\K exceeded", "quota exceeded" },
		{ "\\141bc", "abc" },
		{ "\\o{141}bc", "abc" },
		{ "tab\\cIulator", "tab\tulator" },
		{ "\\N{U+41}bc", "abc" },
		{ "[[:alpha:]_]bcd", "abcd" },
		{ "[\\Q]\\Exyz]abc", "xabc" },
		{ "(?-i)ABC", "ABC" },
	};
	size_t lost = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (!finds_what_it_matches(cases[i].pattern,
		    span_of(cases[i].text))) {
			print_error("\"%s\" on \"%s\"\n", cases[i].pattern,
			    cases[i].text);
			lost++;
		}
	assert_int_equal(lost, 0);
}

/* Is an alternative of the built-in rule a candidate? */
static bool
rule_is_candidate(const uint64_t *words, size_t rule)
{
	const struct rule_index *index = default_book.index;

	for (size_t i = 0; i < index->n; i++)
		if (index->alternatives[i].rule == rule &&
		    is_candidate(words, i))
			return true;
	return false;
}

/* Returns room for a search, to be freed. */
static uint64_t *
new_words(const struct prefilter *prefilter)
{
	uint64_t *words = calloc(PREFILTER_RUNS * prefilter->words,
	    sizeof(*words));

	assert_non_null(words);
	return words;
}

/* For each built-in rule: its own examples have it among their candidates. */
static void
test_examples_are_candidates(void **state)
{
	const struct prefilter *prefilter = default_book.index->prefilter;
	uint64_t *words = new_words(prefilter);
	struct arena arena;
	size_t examples = 0, lost = 0;

	(void)state;
	arena_init(&arena, (size_t)1 << 20);
	for (size_t i = 0; i < default_book.nrules; i++) {
		const struct rule *rule = &default_book.rules[i];

		for (size_t k = 0; rule->text != NULL &&
		    rule->example[k] != NULL; k++) {
			struct reply reply;

			examples++;
			reply_read(&arena, span_of(rule->example[k]), &reply);
			if (!rule_is_candidate(prefilter_search(prefilter,
			    reply.text, words), i)) {
				print_error("%s:%u: rule %s on \"%s\"\n",
				    rule->file, rule->line, rule->name,
				    rule->example[k]);
				lost++;
			}
			arena_release(&arena);
		}
	}
	free(words);
	assert_true(examples > 1000);
	assert_int_equal(lost, 0);
}

/* It is of use: on a plain reply few rules are left to try. */
static void
test_few_candidates_are_left(void **state)
{
	static const char *const texts[] = {
		("550 5.1.1 <bob@example.org>: Recipient address rejected: "
		    "User unknown in virtual mailbox table"),
		"552 5.2.2 Mailbox full",
		"421 try later",
	};
	const struct prefilter *prefilter = default_book.index->prefilter;
	uint64_t *words = new_words(prefilter);

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		const uint64_t *found = prefilter_search(prefilter,
		    span_of(texts[i]), words);
		size_t n = 0;

		for (size_t k = 0; k < default_book.nrules; k++)
			n += rule_is_candidate(found, k);
		if (n > default_book.nrules / 50)
			fail_msg("%zu of %zu rules are candidates for \"%s\"",
			    n, default_book.nrules, texts[i]);
	}
	free(words);
}

/*
 * A pattern in which no literal is found is tried on every text: of those that
 * are built in only a handful may be so.
 */
static void
test_built_in_patterns_have_literals(void **state)
{
	const struct rule_index *index = default_book.index;
	static struct prefilter_set sets[PREFILTER_SETS];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < index->n; i++) {
		prefilter_literals(index->alternatives[i].pattern, sets);
		if (sets[PREFILTER_SETS - 1].n > 0)
			continue;
		n++;
		print_message("no literal: %s: %.60s\n", default_book.rules[
		    index->alternatives[i].rule].name,
		    index->alternatives[i].pattern);
	}
	assert_in_range(n, 0, 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_literals),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_cases_of_literals),
		cmocka_unit_test(test_too_many_literals),
		cmocka_unit_test(test_deep_nesting),
		cmocka_unit_test(test_broken_patterns),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_alternatives_compile),
		cmocka_unit_test(test_builtin_index),
		cmocka_unit_test(test_index_without_a_cause),
		cmocka_unit_test(test_search),
		cmocka_unit_test(test_empty_prefilter),
		cmocka_unit_test(test_nul_in_text),
		cmocka_unit_test(test_search_against_plain_search),
		cmocka_unit_test(test_no_match_is_lost),
		cmocka_unit_test(test_examples_are_candidates),
		cmocka_unit_test(test_few_candidates_are_left),
		cmocka_unit_test(test_built_in_patterns_have_literals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
