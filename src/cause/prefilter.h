/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The prefilter: which patterns can match a text at all? Each pattern has one
 * or two sets of literals, and every match holds at least one literal of each
 * set; one pass over the text finds the literals that are there (a trie, tried
 * at each byte). It only narrows the candidates, the patterns themselves
 * decide.
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

/*
 * Sets the bit of each candidate for text in words, and clears the rest.
 * words has room for twice as many as a set of candidates takes; its second
 * half is scratch.
 */
void prefilter_search(const struct prefilter *prefilter, struct span text,
    uint64_t *words);

/*
 * Cuts a pattern at its outer bars: each becomes a NUL, so that the
 * alternatives stand one behind the other. Returns their number; 1, and the
 * pattern as it was, where an alternative by itself could mean something else.
 */
size_t prefilter_split(char *pattern);

/* A literal: lower-case ASCII; or the one byte 0x80, any beyond ASCII. */
#define PREFILTER_LITERAL 32
struct prefilter_literal {
	size_t len;
	char bytes[PREFILTER_LITERAL];
};

/* Literals of which each match holds at least one; none: nothing is known. */
#define PREFILTER_LITERALS 64
struct prefilter_set {
	size_t n;
	size_t shortest;	/* length of the shortest */
	struct prefilter_literal v[PREFILTER_LITERALS];
};

/*
 * Finds up to two sets of literals of a pattern, the one that tells more
 * first. Literals have at least three bytes and are cut at PREFILTER_LITERAL.
 */
void prefilter_literals(const char *pattern, struct prefilter_set sets[2]);

#endif
