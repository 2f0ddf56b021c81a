/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A trie of the literals of patterns: what a prefilter is made from. It takes
 * time; for the built-in rules it is done when the program is built.
 */
#ifndef CAUSE_TRIE_H
#define CAUSE_TRIE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "cause/prefilter.h"

struct trie;

/* Returns an empty trie for patterns numbered below n; NULL without memory.
 * Freed with trie_free(). */
struct trie *trie_new(size_t n);
void trie_free(struct trie *trie);

/*
 * Adds a pattern in PCRE2's syntax, matched caseless: finds its literals, or
 * marks it as one that is always a candidate. Returns false without memory.
 */
bool trie_add(struct trie *trie, size_t number, const char *pattern);

/* Makes a prefilter of all that is in the trie; its tables live in the arena.
 * Returns false without memory. */
bool trie_finish(const struct trie *trie, struct prefilter *prefilter,
    struct arena *arena);

#endif
