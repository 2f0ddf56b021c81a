/* SPDX-License-Identifier: BSD-2-Clause */
#include "cause/prefilter.h"

#include <string.h>

#include "mail/charset.h"

/* Returns the state that a symbol leads to; 0: none. */
static uint32_t
follow(const struct prefilter_branch *branch, unsigned symbol)
{
	uint32_t bit = (uint32_t)1 << symbol;

	return (branch->symbols & bit) == 0 ? 0 : branch->child +
	    (uint32_t)__builtin_popcount(branch->symbols & (bit - 1));
}

/* Sets the bits of each literal that goes on from state at with text. */
static void
search_here(const struct prefilter *prefilter, uint32_t at, struct span text,
    uint64_t *words)
{
	size_t n = prefilter->words;

	while (at != 0) {
		const struct prefilter_state *state = &prefilter->states[at];

		for (uint32_t tail = state->tail; tail > 1; tail >>= 5) {
			if (text.len == 0 ||
			    PREFILTER_SYMBOL(text.p[0]) != (tail & 31))
				return;
			text = span_from(text, 1);
		}
		/* A bit is set only where that of the run before is. */
		for (uint32_t i = state->bit; i < state[1].bit; i++) {
			uint32_t bit = prefilter->bits[i];

			words[bit / 64] |= words[bit / 64 - n] &
			    (uint64_t)1 << bit % 64;
		}
		if (text.len == 0)
			return;
		at = follow(&state->next, PREFILTER_SYMBOL(text.p[0]));
		text = span_from(text, 1);
	}
}

const uint64_t *
prefilter_search(const struct prefilter *prefilter, struct span text,
    uint64_t *words)
{
	size_t n = PREFILTER_RUNS * prefilter->words;

	memcpy(words, prefilter->always, n * sizeof(*words));
	if (!charset_is_ascii(text))
		for (size_t i = 0; i < n; i++)
			words[i] |= prefilter->eight_bit[i];
	for (size_t i = 2; i < text.len; i++) {
		size_t pair = prefilter_pair(text.p + i - 2);
		uint32_t at = follow(&prefilter->starts[pair],
		    PREFILTER_SYMBOL(text.p[i]));

		if (at != 0)
			search_here(prefilter, at, span_from(text, i + 1),
			    words);
	}
	return words + PREFILTER_SETS * prefilter->words;
}
