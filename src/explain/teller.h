/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every part of an explanation is made from; for explain.c and the files
 * that it is divided into.
 */
#ifndef EXPLAIN_TELLER_H
#define EXPLAIN_TELLER_H

#include "explain/explain.h"
#include "explain/phrase.h"
#include "explain/sanitize.h"

struct teller {
	struct phrases phrases;
	const struct explain_options *options;
	const struct report *report;
	const struct finding *findings;
};

/* The recipients of a group, by their places in the report. */
struct members {
	size_t *v;
	size_t n;
	bool alike;		/* the same is told of each of them */
};

/* Returns a value from the bounce as it may stand in a text, max characters
 * at most. */
static inline struct span
teller_clean(const struct teller *teller, struct span value, size_t max)
{
	return sanitize_value(teller->phrases.arena, value, max,
	    teller->phrases.spell_at);
}

#endif
