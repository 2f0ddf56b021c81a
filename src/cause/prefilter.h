/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The prefilter: which patterns can match a text at all? Each pattern has a
 * few sets of literals, and every match holds a literal of each set, one
 * behind the other; one pass over the text finds those that are there. It
 * only narrows the candidates, the patterns themselves decide.
 */
#ifndef CAUSE_PREFILTER_H
#define CAUSE_PREFILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/*
 * Bytes as a prefilter knows them: five bits of each, so that upper and lower
 * case are the same. What else it takes for the same costs a try of a pattern.
 */
#define PREFILTER_SYMBOL(byte) ((unsigned char)(byte) & 31u)

/* Two symbols that follow in a text: what each literal begins with. */
#define PREFILTER_PAIRS ((size_t)1 << 10)

static inline size_t
prefilter_pair(const char *bytes)
{
	return (size_t)PREFILTER_SYMBOL(bytes[0]) << 5 |
	    PREFILTER_SYMBOL(bytes[1]);
}

/* So many sets of literals are looked for of each pattern. */
#define PREFILTER_SETS 3

/*
 * The states that one symbol leads to: they stand side by side, in the order
 * of their symbols.
 */
struct prefilter_branch {
	uint32_t child;		/* the first state */
	uint32_t symbols;	/* a bit for each that leads to one */
};

/*
 * A state of the search: first its tail must follow, up to six symbols, five
 * bits each, the first one lowest, and a 1 above them. Then it sets bits, up
 * to those of the state behind it.
 */
#define PREFILTER_TAIL 6
struct prefilter_state {
	struct prefilter_branch next;
	uint32_t tail;
	uint32_t bit;		/* the first */
};

/*
 * What is searched with: tables that cause/trie.h makes, here or when the
 * program is built. Bits stand in runs of words, one bit for each pattern: a
 * first run of ones, then a run for each set, whether a literal of it is
 * there, and behind one of the set before. So the last run tells which
 * patterns are candidates.
 */
#define PREFILTER_RUNS (PREFILTER_SETS + 1)
struct prefilter {
	size_t words;			/* of a run */
	size_t nstates, nbits;		/* for who writes the tables down */
	const uint64_t *always;		/* set for every text */
	const uint64_t *eight_bit;	/* set for every text beyond ASCII */
	const struct prefilter_branch *starts;	/* of each pair */
	const struct prefilter_state *states;	/* and one behind the last */
	const uint32_t *bits;
};

/*
 * Searches a text; words has room for PREFILTER_RUNS runs. Returns the last
 * one, which has the bit of each candidate set and no other.
 */
const uint64_t *prefilter_search(const struct prefilter *prefilter,
    struct span text, uint64_t *words);

/*
 * Cuts a pattern at its outer bars: each becomes a NUL, so that the
 * alternatives stand one behind the other. Returns their number; 1, and the
 * pattern as it was, where an alternative by itself could mean something else.
 */
size_t prefilter_split(char *pattern);

/* A literal: ASCII in lower case, and characters beyond whose bytes have the
 * same symbols in either case; or the one byte 0x80, any byte beyond. */
#define PREFILTER_SHORTEST 3
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
 * Finds the sets of literals of a pattern that tell most, in the order in
 * which they stand there. Where there are fewer, n is 0 in the first ones.
 * Literals have PREFILTER_SHORTEST to PREFILTER_LITERAL bytes.
 */
void prefilter_literals(const char *pattern,
    struct prefilter_set sets[PREFILTER_SETS]);

#endif
