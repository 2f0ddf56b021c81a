/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounce/lookup.h"

#include <stdbool.h>

/* Can a word begin here? Two bytes tell for most places. */
static bool
may_begin(const struct words *words, struct span s)
{
	uint32_t second = words->second[(unsigned char)s.p[0]];

	return s.len > 1 ? (second & LOOKUP_BIT(s.p[1])) != 0 : second != 0;
}

/* Returns the first word after from that s begins with; 0: none. */
static size_t
word_here(const struct words *words, size_t from, struct span s)
{
	size_t i = words->first[(unsigned char)s.p[0]];

	while (i > 0 && (i <= from ||
	    !span_starts_nocase(s, words->list[i - 1])))
		i = words->next[i];
	return i;
}

const struct span *
words_at_start(const struct words *words, struct span s)
{
	size_t i;

	if (s.len == 0 || !may_begin(words, s))
		return NULL;
	i = word_here(words, 0, s);
	return i > 0 ? &words->list[i - 1] : NULL;
}

const struct span *
words_inside_from(const struct words *words, size_t from, struct span s,
    size_t *at)
{
	size_t best = 0;

	/* What stands first in the table wins, wherever it stands in s. */
	for (size_t start = 0; s.len > 0; start++, s = span_from(s, 1)) {
		size_t i = may_begin(words, s) ? word_here(words, from, s) : 0;

		if (i > 0 && (best == 0 || i < best)) {
			best = i;
			*at = start;
		}
	}
	return best > 0 ? &words->list[best - 1] : NULL;
}

const struct span *
words_inside(const struct words *words, struct span s, size_t *at)
{
	return words_inside_from(words, 0, s, at);
}
