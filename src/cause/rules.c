/* SPDX-License-Identifier: BSD-2-Clause */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "cause/rules.h"

#include <pcre2.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/ascii.h"
#include "cause/prefilter.h"
#include "mail/charset.h"

const char *const fix_names[] = {
	"sender", "recipient", "sender-admin", "recipient-admin", "admins",
	"list-owner", "nobody"
};

const char *const again_names[] = {
	"useless", "after-fix", "later", "once", "automatic"
};

const char *const stop_names[] = {
	"you", "our-server", "way", "their-server", "mailbox"
};

const char *const rule_parameter_names[RULE_PARAMETERS] = {
	"list", "ip", "limit", "size", "domain", "address", "time"
};

struct compiled {
	const struct cause *cause;	/* NULL: the rule is out of force */
	_Atomic(pcre2_code *) code;	/* compiled when first needed */
	enum rule_level level;
};

struct ruleset {
	const struct rule_book *book;
	struct compiled *compiled;	/* one for each rule of the book */
	struct prefilter *prefilter;
	size_t *by_level[RULE_LEVELS];	/* numbers of the rules of a level */
	size_t level_count[RULE_LEVELS];
};

const struct cause *
cause_by_id(const struct cause *causes, size_t ncauses, const char *id)
{
	for (size_t i = 0; i < ncauses; i++)
		if (strcmp(causes[i].id, id) == 0)
			return &causes[i];
	return NULL;
}

static enum rule_level
level_of(const struct rule *rule)
{
	if (rule->text != NULL)
		return RULES_WITH_TEXT;
	if (rule->status == NULL)
		return RULES_WITH_CODE;
	return rule->from != NULL ? RULES_WITH_STATUS_AND_SERVER :
	    RULES_WITH_STATUS;
}

/* Compiles a pattern; on failure error (may be NULL) says why. */
static pcre2_code *
compile(const char *pattern, char *error, size_t size)
{
	int number;
	PCRE2_SIZE offset;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern,
	    PCRE2_ZERO_TERMINATED,
	    PCRE2_CASELESS | PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &number,
	    &offset, NULL);

	if (code == NULL && error != NULL)
		pcre2_get_error_message(number, (PCRE2_UCHAR *)error, size);
	return code;
}

/* Returns the compiled pattern of a rule, NULL if it cannot be compiled. */
static const pcre2_code *
code_of(const struct ruleset *set, size_t number)
{
	struct compiled *compiled = &set->compiled[number];
	pcre2_code *code = atomic_load(&compiled->code), *none = NULL;

	if (code != NULL)
		return code;
	code = compile(set->book->rules[number].text, NULL, 0);
	if (code == NULL)
		return NULL;
	if (atomic_compare_exchange_strong(&compiled->code, &none, code))
		return code;
	pcre2_code_free(code);		/* another thread was faster */
	return none;
}

/* Returns the parameter that a group's name stands for, NULL if none. */
static const char *
parameter_name(const char *group)
{
	for (size_t i = 0; i < RULE_PARAMETERS; i++)
		if (strcmp(rule_parameter_names[i], group) == 0)
			return rule_parameter_names[i];
	return NULL;
}

/* A pattern's table of named groups. */
struct group_table {
	PCRE2_SPTR entry;
	uint32_t count;
	uint32_t size;
};

static struct group_table
group_table(const pcre2_code *code)
{
	struct group_table table = { NULL, 0, 0 };

	pcre2_pattern_info(code, PCRE2_INFO_NAMECOUNT, &table.count);
	pcre2_pattern_info(code, PCRE2_INFO_NAMEENTRYSIZE, &table.size);
	pcre2_pattern_info(code, PCRE2_INFO_NAMETABLE, &table.entry);
	return table;
}

/* Checks what only a compiled pattern shows; returns what is wrong. */
static const char *
pattern_fault(const struct rule *rule, pcre2_code **code, char *error,
    size_t size)
{
	struct group_table table;

	*code = compile(rule->text, error, size);
	if (*code == NULL)
		return error;
	table = group_table(*code);
	for (uint32_t i = 0; i < table.count; i++)
		if (parameter_name((const char *)table.entry +
		    i * table.size + 2) == NULL)
			return "a named group is none of list, ip, limit, "
			    "size, domain, address, time";
	return NULL;
}

static bool
status_pattern_is_valid(const char *pattern)
{
	size_t dots = 0, digits = 0;

	for (const char *p = pattern; *p != '\0'; p++) {
		if (*p == '.') {
			if (digits == 0)
				return false;
			digits = 0;
			dots++;
		} else if (*p != '*' && !ascii_is_digit(*p)) {
			return false;
		} else {
			digits++;
		}
	}
	return dots == 2 && digits > 0;
}

/* Returns what makes a rule unusable, NULL if it is in order. */
static const char *
rule_fault(const struct rule *rule, struct compiled *compiled, bool check,
    char *error, size_t size)
{
	pcre2_code *code = NULL;
	const char *fault;

	if (compiled->cause == NULL)
		return "its cause is not known";
	if (rule->text == NULL && rule->status == NULL &&
	    rule->code == NULL && rule->system == NULL)
		return "it has neither text nor status nor code nor system";
	for (size_t i = 0; rule->status != NULL && rule->status[i] != NULL;
	    i++)
		if (!status_pattern_is_valid(rule->status[i]))
			return "a status is not of the form 5.7.1 or *.7.1";
	if (!check || rule->text == NULL)
		return NULL;
	fault = pattern_fault(rule, &code, error, size);
	if (fault == NULL)
		atomic_store(&compiled->code, code);
	else
		pcre2_code_free(code);
	return fault;
}

/* Sorts the rules in force into levels and the prefilter. */
static bool
index_rules(struct ruleset *set)
{
	size_t n = set->book->nrules;

	for (int level = 0; level < RULE_LEVELS; level++) {
		set->by_level[level] = calloc(n + 1, sizeof(size_t));
		if (set->by_level[level] == NULL)
			return false;
	}
	for (size_t i = 0; i < n; i++) {
		enum rule_level level = set->compiled[i].level;

		if (set->compiled[i].cause == NULL)
			continue;
		set->by_level[level][set->level_count[level]++] = i;
		if (level == RULES_WITH_TEXT && !prefilter_add(
		    set->prefilter, i, set->book->rules[i].text))
			return false;
	}
	return prefilter_finish(set->prefilter);
}

struct ruleset *
ruleset_new(const struct rule_book *book, const struct cause *causes,
    size_t ncauses, bool check, rule_fault_fn *fault, void *context)
{
	struct ruleset *set = calloc(1, sizeof(*set));
	const char *what;
	char error[256];

	if (set == NULL)
		return NULL;
	set->book = book;
	set->compiled = calloc(book->nrules + 1, sizeof(*set->compiled));
	set->prefilter = prefilter_new(book->nrules);
	if (set->compiled == NULL || set->prefilter == NULL) {
		ruleset_free(set);
		return NULL;
	}
	for (size_t i = 0; i < book->nrules; i++) {
		const struct rule *rule = &book->rules[i];
		struct compiled *compiled = &set->compiled[i];

		compiled->level = level_of(rule);
		compiled->cause = cause_by_id(causes, ncauses, rule->cause);
		what = rule_fault(rule, compiled, check, error,
		    sizeof(error));
		if (what == NULL)
			continue;
		compiled->cause = NULL;
		if (fault != NULL)
			fault(context, rule, what);
	}
	if (!index_rules(set)) {
		ruleset_free(set);
		return NULL;
	}
	return set;
}

void
ruleset_free(struct ruleset *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; set->compiled != NULL && i < set->book->nrules; i++)
		pcre2_code_free(atomic_load(&set->compiled[i].code));
	for (int level = 0; level < RULE_LEVELS; level++)
		free(set->by_level[level]);
	prefilter_free(set->prefilter);
	free(set->compiled);
	free(set);
}

const struct rule_book *
ruleset_book(const struct ruleset *set)
{
	return set->book;
}

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

/* Longest text that a pattern is matched against. */
#define TEXT_LIMIT 2000

static bool
text_matches(struct matcher *matcher, const struct ruleset *set,
    size_t number, struct span text)
{
	const pcre2_code *code = code_of(set, number);

	/* A rule in force compiles: without a code, memory ran out. */
	if (code == NULL)
		matcher->arena->failed = true;
	return code != NULL && prepare(matcher) &&
	    pcre2_match(code, (PCRE2_SPTR)text.p, text.len, 0,
	    0, matcher->match_data,
	    matcher->match_context) >= 0;
}

/* Copies what the named groups of the pattern caught into the match. */
static void
collect_parameters(struct matcher *matcher, const struct ruleset *set,
    size_t number, struct span text, struct match *match)
{
	const PCRE2_SIZE *ovector =
	    pcre2_get_ovector_pointer(matcher->match_data);
	uint32_t pairs = pcre2_get_ovector_count(matcher->match_data);
	struct group_table table = group_table(code_of(set, number));

	match->n = 0;
	for (uint32_t i = 0; i < table.count; i++) {
		PCRE2_SPTR entry = table.entry + i * table.size;
		uint32_t group = (uint32_t)entry[0] << 8 | entry[1];
		const char *name = parameter_name((const char *)entry + 2);
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

/* Tries one rule, cheap conditions first. */
static bool
try_rule(struct matcher *matcher, const struct ruleset *set, size_t number,
    const struct evidence *evidence, struct match *match)
{
	const struct rule *rule = &set->book->rules[number];
	struct span text = charset_cut(evidence->text, TEXT_LIMIT);

	if (!system_matches(rule, evidence->system) ||
	    !code_matches(rule, evidence->code) ||
	    !status_matches(rule, evidence->status) ||
	    !server_matches(rule, evidence->server))
		return false;
	match->n = 0;
	if (rule->text != NULL) {
		if (is_late(matcher) ||
		    !text_matches(matcher, set, number, text))
			return false;
		collect_parameters(matcher, set, number, text, match);
	}
	match->rule = rule;
	match->cause = set->compiled[number].cause;
	match->set = set;
	return true;
}

/* Calls try_rule() for the candidates of a set in order. */
static bool
find_by_text(struct matcher *matcher, const struct ruleset *set,
    const struct evidence *evidence, const struct cause *only,
    const struct cause *skip, struct match *match)
{
	size_t words = prefilter_words(set->prefilter);
	uint64_t *candidates = arena_alloc(matcher->arena,
	    words * sizeof(*candidates));

	if (candidates == NULL)
		return false;
	prefilter_search(set->prefilter, span_first(evidence->text,
	    TEXT_LIMIT), candidates);
	for (size_t word = 0; word < words; word++)
		for (uint64_t bits = candidates[word]; bits != 0;
		    bits &= bits - 1) {
			size_t number = word * 64 +
			    (size_t)__builtin_ctzll(bits);
			const struct cause *cause =
			    set->compiled[number].cause;

			if (cause == NULL || cause == skip ||
			    (only != NULL && cause != only))
				continue;
			if (try_rule(matcher, set, number, evidence, match))
				return true;
		}
	return false;
}

static bool
find_in_set(struct matcher *matcher, const struct ruleset *set,
    const struct evidence *evidence, enum rule_level level,
    const struct cause *skip, struct match *match)
{
	if (level == RULES_WITH_TEXT)
		return find_by_text(matcher, set, evidence, NULL, skip,
		    match);
	for (size_t i = 0; i < set->level_count[level]; i++) {
		size_t number = set->by_level[level][i];

		if (set->compiled[number].cause != skip &&
		    try_rule(matcher, set, number, evidence, match))
			return true;
	}
	return false;
}

bool
matcher_find(struct matcher *matcher, const struct evidence *evidence,
    enum rule_level level, const struct cause *skip, struct match *match)
{
	for (size_t i = 0; i < matcher->nsets; i++)
		if (find_in_set(matcher, matcher->sets[i], evidence, level,
		    skip, match))
			return true;
	return false;
}

bool
matcher_matches_cause(struct matcher *matcher,
    const struct evidence *evidence, const struct cause *cause)
{
	struct match match;

	for (size_t i = 0; i < matcher->nsets; i++)
		if (find_by_text(matcher, matcher->sets[i], evidence, cause,
		    NULL, &match))
			return true;
	return false;
}

bool
matcher_rule_matches(struct matcher *matcher, const struct ruleset *set,
    const struct rule *rule, const struct evidence *evidence)
{
	size_t number = (size_t)(rule - set->book->rules);
	struct match match;

	return set->compiled[number].cause != NULL &&
	    try_rule(matcher, set, number, evidence, &match);
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
