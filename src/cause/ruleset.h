/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A rule set: the rules of one book, compiled once and only read from then
 * on, by any number of threads. A pattern is cut at its outer bars, for an
 * alternative by itself is tried more rarely and fails sooner.
 */
#ifndef CAUSE_RULESET_H
#define CAUSE_RULESET_H

#define PCRE2_CODE_UNIT_WIDTH 8

#include <pcre2.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "cause/prefilter.h"
#include "cause/rules.h"

/* Which rules a search looks at. */
enum rule_level {
	RULES_WITH_TEXT,
	RULES_WITH_STATUS_AND_SERVER,
	RULES_WITH_STATUS,
	RULES_WITH_CODE,	/* or only with a system */
	RULE_LEVELS
};

/* Only for cause/matcher.c to look into. */
struct ruleset {
	const struct rule_book *book;
	const struct cause **causes;	/* of each rule, NULL: out of force */
	const struct rule_index *index;		/* the book's, or made */
	_Atomic(pcre2_code *) *codes;	/* of each alternative, when needed */
	size_t *by_level[RULE_LEVELS];	/* numbers of the rules of a level */
	size_t level_count[RULE_LEVELS];
	struct arena arena;		/* holds what was made for it */
};

/* Told of each rule that cannot be used; the others are in force. */
typedef void rule_fault_fn(void *context, const struct rule *rule,
    const char *what);

/*
 * Compiles a book, which must outlive the set. Causes of rules are looked up
 * in causes. With check, every pattern is compiled now and faults are told;
 * otherwise a pattern is compiled when it is first needed. Returns NULL only
 * without memory. The set is freed with ruleset_free().
 */
struct ruleset *ruleset_new(const struct rule_book *book,
    const struct cause *causes, size_t ncauses, bool check,
    rule_fault_fn *fault, void *context);
void ruleset_free(struct ruleset *set);

/* Returns the book that a set was compiled from. */
const struct rule_book *ruleset_book(const struct ruleset *set);

/* Returns the compiled pattern of an alternative, NULL without memory. */
const pcre2_code *ruleset_code(const struct ruleset *set, size_t alternative);

/* Returns the parameter that a group's name stands for, NULL if none. */
const char *ruleset_parameter(const char *group);

/* A pattern's table of named groups, as pcre2_pattern_info() gives it. */
struct group_table {
	PCRE2_SPTR entry;
	uint32_t count;
	uint32_t size;
};
struct group_table ruleset_groups(const pcre2_code *code);

#endif
