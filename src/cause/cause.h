/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a recipient's reply to the cause that a postmaster would name.
 */
#ifndef CAUSE_CAUSE_H
#define CAUSE_CAUSE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/span.h"
#include "bounce/report.h"
#include "cause/matcher.h"

/* What decided, from the weakest evidence to the strongest. */
enum decided_by {
	DECIDED_BY_NONE,	/* nothing was there to decide by */
	DECIDED_BY_CODE,
	DECIDED_BY_STATUS,
	DECIDED_BY_TEXT
};

/* The cause found for one recipient. */
struct finding {
	const struct cause *cause;
	enum decided_by decided_by;
	const struct rule *rule;	/* NULL if no rule decided */
	const struct blocklist *blocklist;	/* NULL: none, or not known */
	struct parameter parameters[RULE_PARAMETERS];
	size_t n;
	bool timed_out;		/* the queue time ran out besides */
	struct span suggestion;	/* domain that was meant, absent if none */
};

/*
 * Names the cause for a recipient, by the order of evidence: text rules,
 * status rules (a provider's own before IANA's), code rules. Action delivered,
 * relayed or expanded needs no reply. A text that is known to name no reason
 * leaves it to the status, not to the code. A time-out of the queue gives way
 * to a concrete reason in the same reply. A code or status of success decides
 * only for a recipient of whom no action is told. report says who wrote the
 * notice. Finds reason-not-given where nothing decides. matcher is the
 * caller's, one a message.
 */
void cause_find(struct finding *finding, struct matcher *matcher,
    const struct recipient *recipient, const struct report *report);

/* Returns "text", "status", "code" or "none". */
const char *decided_by_name(enum decided_by decided_by);

/* Returns the value of a parameter, absent if the finding has none. */
struct span finding_parameter(const struct finding *finding,
    const char *name);

#endif
