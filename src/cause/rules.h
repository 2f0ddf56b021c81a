/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules as their files have them: patterns over replies, each naming a cause.
 * cause/ruleset.h compiles them, cause/matcher.h tries them.
 */
#ifndef CAUSE_RULES_H
#define CAUSE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

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
	bool names_sender;	/* replies give the sending server's address */
};

/* Returns the cause of that id, NULL if there is none. */
const struct cause *cause_by_id(const struct cause *causes, size_t ncauses,
    const char *id);

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

struct prefilter;

/* An alternative of a rule's pattern: what stands between its outer bars. */
struct alternative {
	const char *pattern;
	uint32_t rule;		/* number of its rule in the book */
};

/*
 * The patterns of a book, cut and ready to be searched: what takes time to
 * make. The built-in book, whose rules are all in force, has it from the
 * build.
 */
struct rule_index {
	const struct alternative *alternatives;	/* in the order of rules */
	size_t n;
	const struct prefilter *prefilter;	/* over the alternatives */
};

/* All that one source (the built-in files, an administrator's) defines. */
struct rule_book {
	const struct cause *causes;
	size_t ncauses;
	const struct rule *rules;	/* in the order they are tried */
	size_t nrules;
	const struct blocklist *blocklists;
	size_t nblocklists;
	const struct rule_index *index;	/* of just these rules; NULL:
					 * ruleset_new() makes it */
};

/* The parameters that a pattern may capture. */
#define RULE_PARAMETERS 7
extern const char *const rule_parameter_names[RULE_PARAMETERS];

struct parameter {
	const char *name;	/* one of rule_parameter_names */
	struct span value;
};

#endif
