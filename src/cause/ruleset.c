/* SPDX-License-Identifier: BSD-2-Clause */
#include "cause/ruleset.h"

#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "bounce/words.h"
#include "cause/trie.h"

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

const pcre2_code *
ruleset_code(const struct ruleset *set, size_t alternative)
{
	_Atomic(pcre2_code *) *place = &set->codes[alternative];
	pcre2_code *code = atomic_load(place), *none = NULL;

	if (code != NULL)
		return code;
	code = compile(set->index->alternatives[alternative].pattern, NULL, 0);
	if (code == NULL)
		return NULL;
	if (atomic_compare_exchange_strong(place, &none, code))
		return code;
	pcre2_code_free(code);		/* another thread was faster */
	return none;
}

const char *
ruleset_parameter(const char *group)
{
	for (size_t i = 0; i < RULE_PARAMETERS; i++)
		if (strcmp(rule_parameter_names[i], group) == 0)
			return rule_parameter_names[i];
	return NULL;
}

struct group_table
ruleset_groups(const pcre2_code *code)
{
	struct group_table table = { NULL, 0, 0 };

	pcre2_pattern_info(code, PCRE2_INFO_NAMECOUNT, &table.count);
	pcre2_pattern_info(code, PCRE2_INFO_NAMEENTRYSIZE, &table.size);
	pcre2_pattern_info(code, PCRE2_INFO_NAMETABLE, &table.entry);
	return table;
}

/* Checks what only a compiled pattern shows; returns what is wrong. */
static const char *
pattern_fault(const struct rule *rule, char *error, size_t size)
{
	pcre2_code *code = compile(rule->text, error, size);
	struct group_table table;
	const char *fault = NULL;

	if (code == NULL)
		return error;
	table = ruleset_groups(code);
	for (uint32_t i = 0; i < table.count; i++)
		if (ruleset_parameter((const char *)table.entry +
		    i * table.size + 2) == NULL)
			fault = "a named group is none of list, ip, limit, "
			    "size, domain, address, time";
	pcre2_code_free(code);
	return fault;
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

/* A class that no status has ("9.1.1") would never match. */
static bool
status_pattern_has_class(const char *pattern)
{
	return pattern[1] == '.' && strchr("*245", pattern[0]) != NULL;
}

static const char *
statuses_fault(const char *const *status)
{
	for (; status != NULL && *status != NULL; status++) {
		if (!status_pattern_is_valid(*status))
			return "a status is not of the form 5.7.1 or *.7.1";
		if (!status_pattern_has_class(*status))
			return "a status begins with none of 2, 4, 5 and *";
	}
	return NULL;
}

/* Is it a mail system that notices are told by? */
static bool
system_is_known(const char *system)
{
	for (size_t i = 0; i < nsentences + nsubjects; i++) {
		const char *known = i < nsentences ? sentences[i].system :
		    subjects[i - nsentences].system;

		if (known != NULL && strcmp(known, system) == 0)
			return true;
	}
	return false;
}

/* Returns what makes a rule unusable, NULL if it is in order. */
static const char *
rule_fault(const struct rule *rule, bool check, char *error, size_t size)
{
	const char *fault = statuses_fault(rule->status);

	if (rule->text == NULL && rule->status == NULL &&
	    rule->code == NULL && rule->system == NULL)
		return "it has neither text nor status nor code nor system";
	if (rule->system != NULL && !system_is_known(rule->system))
		return "its system is not known";
	if (fault != NULL || !check || rule->text == NULL)
		return fault;
	return pattern_fault(rule, error, size);
}

/* Looks the causes up and finds the rules that cannot be used; false if there
 * are such. */
static bool
find_faults(struct ruleset *set, const struct cause *causes, size_t ncauses,
    bool check, rule_fault_fn *fault, void *context)
{
	bool all = true;

	for (size_t i = 0; i < set->book->nrules; i++) {
		const struct rule *rule = &set->book->rules[i];
		const struct cause *cause = cause_by_id(causes, ncauses,
		    rule->cause);
		char error[256];
		const char *what = cause == NULL ? "its cause is not known" :
		    rule_fault(rule, check, error, sizeof(error));

		set->causes[i] = what == NULL ? cause : NULL;
		all = all && what == NULL;
		if (what != NULL && fault != NULL)
			fault(context, rule, what);
	}
	return all;
}

static bool
pieces_compile(const char *pieces, size_t n)
{
	for (; n > 0; n--, pieces += strlen(pieces) + 1) {
		pcre2_code *code = compile(pieces, NULL, 0);

		if (code == NULL)
			return false;
		pcre2_code_free(code);
	}
	return true;
}

/*
 * Copies the pattern of a rule and cuts it; returns how many pieces it has.
 * With check, a pattern whose pieces do not compile stays whole.
 */
static size_t
cut_pattern(struct ruleset *set, const char *pattern, bool check,
    char **pieces)
{
	size_t size = strlen(pattern) + 1, n;

	*pieces = arena_alloc(&set->arena, size);
	if (*pieces == NULL)
		return 0;
	memcpy(*pieces, pattern, size);
	n = prefilter_split(*pieces);
	if (!check || pieces_compile(*pieces, n))
		return n;
	memcpy(*pieces, pattern, size);
	return 1;
}

/* Makes the alternatives of all rules in force that have a text. */
static bool
make_alternatives(struct ruleset *set, bool check, struct rule_index *index)
{
	size_t nrules = set->book->nrules, n = 0;
	char **pieces = arena_alloc(&set->arena, nrules * sizeof(*pieces));
	size_t *counts = arena_alloc(&set->arena, nrules * sizeof(*counts));
	struct alternative *alternatives;

	for (size_t i = 0; i < nrules && !set->arena.failed; i++)
		if (set->causes[i] != NULL && set->book->rules[i].text != NULL)
			n += counts[i] = cut_pattern(set,
			    set->book->rules[i].text, check, &pieces[i]);
	index->alternatives = alternatives = arena_alloc(&set->arena,
	    n * sizeof(*alternatives));
	for (size_t i = 0; i < nrules && !set->arena.failed; i++)
		for (char *piece = pieces[i]; counts[i] > 0; counts[i]--) {
			alternatives[index->n++] = (struct alternative){
			    piece, (uint32_t)i };
			piece += strlen(piece) + 1;
		}
	return !set->arena.failed;
}

static bool
make_prefilter(struct ruleset *set, struct rule_index *index)
{
	struct prefilter *prefilter = arena_alloc(&set->arena,
	    sizeof(*prefilter));
	struct trie *trie = trie_new(index->n);
	bool ok = prefilter != NULL && trie != NULL;

	for (size_t i = 0; ok && i < index->n; i++)
		ok = trie_add(trie, i, index->alternatives[i].pattern);
	ok = ok && trie_finish(trie, prefilter, &set->arena);
	trie_free(trie);
	index->prefilter = prefilter;
	return ok;
}

/* Takes the index of the book, or makes one where it has none or where not
 * all its rules are in force. */
static bool
find_index(struct ruleset *set, bool all, bool check)
{
	struct rule_index *made;

	set->index = set->book->index;
	if (!all || set->index == NULL) {
		set->index = made = arena_alloc(&set->arena, sizeof(*made));
		if (made == NULL || !make_alternatives(set, check, made) ||
		    !make_prefilter(set, made))
			return false;
	}
	set->codes = arena_alloc(&set->arena,
	    set->index->n * sizeof(*set->codes));
	return set->codes != NULL;
}

/* Sorts the rules in force into levels. */
static bool
make_levels(struct ruleset *set)
{
	size_t n = set->book->nrules;

	for (int level = 0; level < RULE_LEVELS; level++) {
		set->by_level[level] = arena_alloc(&set->arena,
		    n * sizeof(size_t));
		if (set->by_level[level] == NULL)
			return false;
	}
	for (size_t i = 0; i < n; i++) {
		enum rule_level level = level_of(&set->book->rules[i]);

		if (set->causes[i] != NULL)
			set->by_level[level][set->level_count[level]++] = i;
	}
	return true;
}

struct ruleset *
ruleset_new(const struct rule_book *book, const struct cause *causes,
    size_t ncauses, bool check, rule_fault_fn *fault, void *context)
{
	struct ruleset *set = calloc(1, sizeof(*set));
	bool all;

	if (set == NULL)
		return NULL;
	set->book = book;
	arena_init(&set->arena, SIZE_MAX);
	set->causes = arena_alloc(&set->arena,
	    book->nrules * sizeof(*set->causes));
	if (set->causes == NULL) {
		ruleset_free(set);
		return NULL;
	}
	all = find_faults(set, causes, ncauses, check, fault, context);
	if (!find_index(set, all, check) || !make_levels(set)) {
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
	for (size_t i = 0; set->codes != NULL && i < set->index->n; i++)
		pcre2_code_free(atomic_load(&set->codes[i]));
	arena_release(&set->arena);
	free(set);
}

const struct rule_book *
ruleset_book(const struct ruleset *set)
{
	return set->book;
}
