/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The prefilter: which patterns can match a text at all? Each pattern has
 * literals of which every match holds at least one; one pass over the text
 * finds the literals that are there (Aho and Corasick 1975). It only narrows
 * the candidates, the patterns themselves decide.
 */
#ifndef CAUSE_PREFILTER_H
#define CAUSE_PREFILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct prefilter;

/* Returns an empty prefilter for patterns numbered below n; NULL without
 * memory. Freed with prefilter_free(). */
struct prefilter *prefilter_new(size_t n);
void prefilter_free(struct prefilter *prefilter);

/*
 * Adds a pattern in PCRE2's syntax, matched caseless: finds its literals, or
 * marks it as one that is always a candidate. Returns false without memory.
 */
bool prefilter_add(struct prefilter *prefilter, size_t number,
    const char *pattern);

/* Makes the prefilter ready for searching, once all patterns are in. */
bool prefilter_finish(struct prefilter *prefilter);

/* Number of 64-bit words that a set of candidates takes. */
size_t prefilter_words(const struct prefilter *prefilter);

/* Sets the bit of each candidate for text in words, and clears the rest. */
void prefilter_search(const struct prefilter *prefilter, struct span text,
    uint64_t *words);

/*
 * Cuts a pattern at its outer bars: each becomes a NUL, so that the
 * alternatives stand one behind the other. Returns their number; 1, and the
 * pattern as it was, where an alternative by itself could mean something else.
 */
size_t prefilter_split(char *pattern);

/*
 * Finds literals of which each match of the pattern holds at least one.
 * Returns their number, at most max, each lower-case ASCII and at most
 * PREFILTER_LITERAL bytes; 0 if there are none of at least three bytes.
 */
#define PREFILTER_LITERAL 16
struct prefilter_literal {
	char bytes[PREFILTER_LITERAL];
	size_t len;
};
size_t prefilter_literals(const char *pattern,
    struct prefilter_literal *literals, size_t max);

#endif
