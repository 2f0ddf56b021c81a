/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules: patterns over replies, each naming a cause. A rule set is compiled
 * once and only read from then on, by any number of threads.
 */
#ifndef CAUSE_RULES_H
#define CAUSE_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/span.h"
#include "bounce/reply.h"

/* Who can mend it. */
enum fix {
	FIX_SENDER, FIX_RECIPIENT, FIX_SENDER_ADMIN, FIX_RECIPIENT_ADMIN,
	FIX_ADMINS, FIX_LIST_OWNER, FIX_NOBODY
};

/* What sending the message again does. */
enum again {
	AGAIN_USELESS, AGAIN_AFTER_FIX, AGAIN_LATER, AGAIN_ONCE,
	AGAIN_AUTOMATIC
};

/* Where on its way the message stopped. */
enum stop {
	STOP_YOU, STOP_OUR_SERVER, STOP_WAY, STOP_THEIR_SERVER, STOP_MAILBOX
};

/* Their names in causes.conf, in the order of the enumerations. */
extern const char *const fix_names[];
extern const char *const again_names[];
extern const char *const stop_names[];
#define FIX_COUNT (FIX_NOBODY + 1)
#define AGAIN_COUNT (AGAIN_AUTOMATIC + 1)
#define STOP_COUNT (STOP_MAILBOX + 1)

struct cause {
	const char *id;		/* "mailbox-full" */
	enum fix fix;
	enum again again;
	enum stop stop;
};

/*
 * One rule, as its file has it. Lists end with NULL (codes with 0) and are
 * NULL where the rule has none. What a rule does not ask for it takes.
 */
struct rule {
	const char *name;
	const char *file;
	unsigned line;
	int priority;			/* smaller is tried first */
	const char *text;		/* PCRE2 pattern, caseless */
	const char *const *from;	/* globs for the answering server */
	const char *const *status;	/* "5.7.1", "*.7.25" */
	const int *code;
	const char *system;		/* who wrote the notice: "exim" */
	const char *cause;		/* id */
	const char *blocklist;		/* name of a blocklist section */
	const char *const *example;	/* replies that it must match */
	const char *server;		/* who answers the examples */
};

/* A public block list. */
struct blocklist {
	const char *name;		/* of the section */
	const char *const *match;	/* suffixes of its DNS zones */
	const char *title;		/* as people know it */
	const char *url;		/* its look-up page */
};

/* All that one source (the built-in files, an administrator's) defines. */
struct rule_book {
	const struct cause *causes;
	size_t ncauses;
	const struct rule *rules;	/* in the order they are tried */
	size_t nrules;
	const struct blocklist *blocklists;
	size_t nblocklists;
};

/* The parameters that a pattern may capture. */
#define RULE_PARAMETERS 7
extern const char *const rule_parameter_names[RULE_PARAMETERS];

struct parameter {
	const char *name;	/* one of rule_parameter_names */
	struct span value;
};

/* Told of each rule that cannot be used; the others are in force. */
typedef void rule_fault_fn(void *context, const struct rule *rule,
    const char *what);

struct ruleset;

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

/* Returns the cause of that id, NULL if there is none. */
const struct cause *cause_by_id(const struct cause *causes, size_t ncauses,
    const char *id);

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

/* Which rules a search looks at. */
enum rule_level {
	RULES_WITH_TEXT,
	RULES_WITH_STATUS_AND_SERVER,
	RULES_WITH_STATUS,
	RULES_WITH_CODE,	/* or only with a system */
	RULE_LEVELS
};

/* A rule that matched. */
struct match {
	const struct rule *rule;
	const struct cause *cause;
	const struct ruleset *set;
	struct parameter parameters[RULE_PARAMETERS];
	size_t n;
};

/*
 * Finds the first rule of a level that matches and whose cause is not skip
 * (NULL: any). Returns false if there is none. Captured values point into
 * the evidence.
 */
bool matcher_find(struct matcher *matcher, const struct evidence *evidence,
    enum rule_level level, const struct cause *skip, struct match *match);

/* True if some text rule of that cause matches. */
bool matcher_matches_cause(struct matcher *matcher,
    const struct evidence *evidence, const struct cause *cause);

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
