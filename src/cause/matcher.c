/* SPDX-License-Identifier: BSD-2-Clause */
#include "cause/matcher.h"

#include <string.h>
#include <time.h>

#include "mail/charset.h"

double
matcher_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool
is_late(struct matcher *matcher)
{
	if (matcher->deadline > 0 && !matcher->late &&
	    matcher_clock() > matcher->deadline)
		matcher->late = true;
	return matcher->late;
}

static bool
prepare(struct matcher *matcher)
{
	if (matcher->match_data != NULL)
		return true;
	matcher->match_data = pcre2_match_data_create(RULE_PARAMETERS * 2 + 8,
	    NULL);
	matcher->match_context = pcre2_match_context_create(NULL);
	if (matcher->match_data == NULL || matcher->match_context == NULL) {
		matcher_release(matcher);
		matcher->arena->failed = true;
		return false;
	}
	pcre2_set_match_limit(matcher->match_context, MATCH_LIMIT);
	return true;
}

void
matcher_release(struct matcher *matcher)
{
	pcre2_match_data_free(matcher->match_data);
	pcre2_match_context_free(matcher->match_context);
	matcher->match_data = matcher->match_context = NULL;
}

static bool
server_matches(const struct rule *rule, struct span server)
{
	if (rule->from == NULL)
		return true;
	for (size_t i = 0; rule->from[i] != NULL; i++)
		if (server.len > 0 && span_glob(span_of(rule->from[i]), server))
			return true;
	return false;
}

static bool
system_matches(const struct rule *rule, const char *system)
{
	return rule->system == NULL ||
	    (system != NULL && strcmp(rule->system, system) == 0);
}

static bool
code_matches(const struct rule *rule, int code)
{
	if (rule->code == NULL)
		return true;
	for (size_t i = 0; rule->code[i] != 0; i++)
		if (rule->code[i] == code)
			return true;
	return false;
}

static bool
status_matches(const struct rule *rule, struct status status)
{
	char text[STATUS_TEXT];

	if (rule->status == NULL)
		return true;
	if (status.class == 0)
		return false;
	status_text(status, text);
	for (size_t i = 0; rule->status[i] != NULL; i++)
		if (span_glob(span_of(rule->status[i]), span_of(text)))
			return true;
	return false;
}

static bool
conditions_match(const struct rule *rule, const struct evidence *evidence)
{
	return system_matches(rule, evidence->system) &&
	    code_matches(rule, evidence->code) &&
	    status_matches(rule, evidence->status) &&
	    server_matches(rule, evidence->server);
}

static void
take_rule(struct match *match, const struct ruleset *set, size_t number)
{
	match->rule = &set->book->rules[number];
	match->cause = set->causes[number];
	match->set = set;
	match->n = 0;
}

/* Copies what the named groups of the pattern caught into the match. */
static void
collect_parameters(struct matcher *matcher, const pcre2_code *code,
    struct span text, struct match *match)
{
	const PCRE2_SIZE *ovector =
	    pcre2_get_ovector_pointer(matcher->match_data);
	uint32_t pairs = pcre2_get_ovector_count(matcher->match_data);
	struct group_table table = ruleset_groups(code);

	for (uint32_t i = 0; i < table.count; i++) {
		PCRE2_SPTR entry = table.entry + i * table.size;
		uint32_t group = (uint32_t)entry[0] << 8 | entry[1];
		const char *name = ruleset_parameter((const char *)entry + 2);
		PCRE2_SIZE start, end;

		if (name == NULL || group >= pairs ||
		    match->n == RULE_PARAMETERS)
			continue;
		start = ovector[2 * group];
		end = ovector[2 * group + 1];
		if (start == PCRE2_UNSET || start >= end || end > text.len)
			continue;
		match->parameters[match->n++] = (struct parameter){ name,
		    span_first(span_from(text, start), end - start) };
	}
}

/* What patterns see of a reply; absent if it is not UTF-8. */
static struct span
text_of(const struct evidence *evidence)
{
	struct span text = charset_cut(evidence->text, TEXT_LIMIT);

	return charset_is_utf8(text) ? text : SPAN_ABSENT;
}

/* Tries one alternative on a text that is known to be UTF-8. */
static bool
try_alternative(struct matcher *matcher, const struct ruleset *set,
    size_t alternative, const struct evidence *evidence, struct span text,
    struct match *match)
{
	size_t rule = set->index->alternatives[alternative].rule;
	const pcre2_code *code;
	int result;

	if (!conditions_match(&set->book->rules[rule], evidence) ||
	    is_late(matcher) || !prepare(matcher))
		return false;
	code = ruleset_code(set, alternative);
	/* A rule in force compiles: without a code, memory ran out. */
	if (code == NULL) {
		matcher->arena->failed = true;
		return false;
	}
	result = pcre2_match(code, (PCRE2_SPTR)text.p, text.len, 0,
	    PCRE2_NO_UTF_CHECK, matcher->match_data, matcher->match_context);
	if (result == PCRE2_ERROR_NOMEMORY)
		matcher->arena->failed = true;
	if (result < 0)
		return false;
	take_rule(match, set, rule);
	collect_parameters(matcher, code, text, match);
	return true;
}

/* A search for two rules at once: one aside, and one of another cause. */
struct search {
	const struct evidence *evidence;
	struct span text;
	const struct cause *aside;
	struct match *match;
	bool found;		/* *match is a rule of another cause */
	bool found_aside;	/* some rule of the cause aside matches */
};

/* Tries an alternative, if it can still make a difference. */
static void
search_alternative(struct search *search, struct matcher *matcher,
    const struct ruleset *set, size_t alternative)
{
	bool aside = search->aside ==
	    set->causes[set->index->alternatives[alternative].rule];
	struct match match;

	if (aside ? search->found_aside : search->found)
		return;
	if (!try_alternative(matcher, set, alternative, search->evidence,
	    search->text, &match))
		return;
	if (!aside || !search->found)
		*search->match = match;
	if (aside)
		search->found_aside = true;
	else
		search->found = true;
}

static void
search_set(struct search *search, struct matcher *matcher,
    const struct ruleset *set)
{
	const struct prefilter *prefilter = set->index->prefilter;
	uint64_t *words = arena_alloc(matcher->arena,
	    PREFILTER_RUNS * prefilter->words * sizeof(*words));
	const uint64_t *candidates;

	if (words == NULL)
		return;
	candidates = prefilter_search(prefilter, search->text, words);
	for (size_t i = 0; i < prefilter->words; i++)
		for (uint64_t bits = candidates[i]; bits != 0;
		    bits &= bits - 1)
			search_alternative(search, matcher, set, i * 64 +
			    (size_t)__builtin_ctzll(bits));
}

bool
matcher_find_text(struct matcher *matcher, const struct evidence *evidence,
    const struct cause *aside, struct match *match, bool *both)
{
	struct search search = { .evidence = evidence,
	    .text = text_of(evidence), .aside = aside, .match = match,
	    .found_aside = aside == NULL };

	for (size_t i = 0; search.text.p != NULL && i < matcher->nsets; i++)
		search_set(&search, matcher, matcher->sets[i]);
	if (both != NULL)
		*both = aside != NULL && search.found && search.found_aside;
	return search.found || (aside != NULL && search.found_aside);
}

bool
matcher_find(struct matcher *matcher, const struct evidence *evidence,
    enum rule_level level, const struct cause *skip, struct match *match)
{
	if (level == RULES_WITH_TEXT)
		return matcher_find_text(matcher, evidence, NULL, match,
		    NULL);
	for (size_t s = 0; s < matcher->nsets; s++) {
		const struct ruleset *set = matcher->sets[s];

		for (size_t i = 0; i < set->level_count[level]; i++) {
			size_t number = set->by_level[level][i];

			if (set->causes[number] == skip || !conditions_match(
			    &set->book->rules[number], evidence))
				continue;
			take_rule(match, set, number);
			return true;
		}
	}
	return false;
}

bool
matcher_rule_matches(struct matcher *matcher, const struct ruleset *set,
    const struct rule *rule, const struct evidence *evidence)
{
	size_t number = (size_t)(rule - set->book->rules);
	struct span text = text_of(evidence);
	struct match match;

	if (set->causes[number] == NULL)
		return false;
	if (rule->text == NULL)
		return conditions_match(rule, evidence);
	for (size_t i = 0; text.p != NULL && i < set->index->n; i++)
		if (set->index->alternatives[i].rule == number &&
		    try_alternative(matcher, set, i, evidence, text, &match))
			return true;
	return false;
}

/* Is zone the suffix itself, or a name below it? */
static bool
zone_matches(struct span zone, struct span suffix)
{
	if (!span_ends_nocase(zone, suffix))
		return false;
	return zone.len == suffix.len ||
	    zone.p[zone.len - suffix.len - 1] == '.';
}

static const struct blocklist *
blocklist_in_book(const struct rule_book *book, const char *name,
    struct span zone)
{
	for (size_t i = 0; i < book->nblocklists; i++) {
		const struct blocklist *list = &book->blocklists[i];

		if (name != NULL && strcmp(list->name, name) == 0)
			return list;
		for (size_t k = 0; list->match[k] != NULL; k++)
			if (name == NULL &&
			    zone_matches(zone, span_of(list->match[k])))
				return list;
	}
	return NULL;
}

const struct blocklist *
matcher_blocklist(const struct matcher *matcher, const struct match *match,
    struct span zone)
{
	const char *name = match->rule->blocklist;
	const struct blocklist *list = NULL;

	if (name == NULL && zone.len == 0)
		return NULL;
	for (size_t i = 0; i < matcher->nsets && list == NULL; i++)
		list = blocklist_in_book(matcher->sets[i]->book, name, zone);
	return list;
}
