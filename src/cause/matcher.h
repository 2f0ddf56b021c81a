/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The matcher tries the rules on the evidence of one recipient: cheap
 * conditions first, and patterns only where the prefilter nominates them.
 */
#ifndef CAUSE_MATCHER_H
#define CAUSE_MATCHER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/span.h"
#include "bounce/reply.h"
#include "cause/ruleset.h"

/* What a rule looks at. */
struct evidence {
	struct span text;	/* one line */
	struct span server;	/* absent if not known */
	struct status status;
	int code;
	const char *system;	/* of the report, NULL if not known */
};

/* What a matcher may spend. */
#define MATCH_LIMIT 10000	/* PCRE2's match limit for one pattern */
#define TEXT_LIMIT 2000		/* bytes of a text that are looked at */

/*
 * The working memory of matching, one a message: match data in the message's
 * arena, the sets in the order they are tried, and a deadline.
 */
struct matcher {
	struct arena *arena;
	const struct ruleset *const *sets;
	size_t nsets;
	const struct cause *causes;
	size_t ncauses;
	double deadline;	/* matcher_clock() time, 0: none */
	bool late;		/* the deadline passed, some were not tried */
	void *context;		/* PCRE2's, made when first needed */
	void *match_data;
	void *match_context;
};

/* Seconds of a clock that only goes forward. */
double matcher_clock(void);

/* A rule that matched. */
struct match {
	const struct rule *rule;
	const struct cause *cause;
	const struct ruleset *set;
	struct parameter parameters[RULE_PARAMETERS];
	size_t n;
};

/*
 * Finds the first rule of a level that matches and, if the level is not that
 * of texts, whose cause is not skip (NULL: any). Returns false if there is
 * none. Captured values point into the evidence.
 */
bool matcher_find(struct matcher *matcher, const struct evidence *evidence,
    enum rule_level level, const struct cause *skip, struct match *match);

/*
 * Finds by text the first rule that matches, but one whose cause is aside
 * (NULL: none) only where no other does. *both (may be NULL) tells that
 * another did and one of aside matches as well. Returns false if none does.
 */
bool matcher_find_text(struct matcher *matcher,
    const struct evidence *evidence, const struct cause *aside,
    struct match *match, bool *both);

/* True if this rule by itself matches: what `whybounce check` asks. */
bool matcher_rule_matches(struct matcher *matcher,
    const struct ruleset *set, const struct rule *rule,
    const struct evidence *evidence);

/*
 * Returns the block list that a zone belongs to, or that a rule names; NULL
 * if it is not known.
 */
const struct blocklist *matcher_blocklist(const struct matcher *matcher,
    const struct match *match, struct span zone);

/* Releases what the matcher holds outside the arena. */
void matcher_release(struct matcher *matcher);

#endif
