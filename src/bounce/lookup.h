/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looking words up: which of a table does a text begin with, or hold? Case
 * does not count in ASCII.
 */
#ifndef BOUNCE_LOOKUP_H
#define BOUNCE_LOOKUP_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/* A table has at most so many words. */
#define WORDS_MAX 250

/*
 * Words in lower case, none of them empty, in chains by their first byte in
 * either case; counted from 1, each chain in the table's order.
 */
struct words {
	const struct span *list;
	uint32_t second[UCHAR_MAX + 1];	/* by the first byte: a bit for each
					 * LOOKUP_BIT() that may follow */
	unsigned char first[UCHAR_MAX + 1];
	unsigned char next[WORDS_MAX + 1];
};

/* The low five bits of a letter are the same in either case. */
#define LOOKUP_BIT(byte) ((uint32_t)1 << ((byte) & 31))

/*
 * Return the first word of the table that s begins with, or that it holds
 * anywhere, and where; NULL if there is none.
 */
const struct span *words_at_start(const struct words *words, struct span s);
const struct span *words_inside(const struct words *words, struct span s,
    size_t *at);

/* The same, leaving out the first words of the table, so many. */
const struct span *words_inside_from(const struct words *words, size_t from,
    struct span s, size_t *at);

#endif
