/* SPDX-License-Identifier: BSD-2-Clause */
#include "cause/prefilter.h"

#include <string.h>

#include "base/ascii.h"

/* Returns the child of state for a symbol; 0: it has none. */
static uint32_t
next_state(const struct prefilter_state *state, unsigned symbol)
{
	uint32_t bit = (uint32_t)1 << symbol;

	return (state->symbols & bit) == 0 ? 0 : state->child +
	    (uint32_t)__builtin_popcount(state->symbols & (bit - 1));
}

/* Sets the bits of each literal that goes on from state at with text. */
static void
search_here(const struct prefilter *prefilter, uint32_t at, struct span text,
    uint64_t *words)
{
	while (at != 0) {
		const struct prefilter_state *state = &prefilter->states[at];

		for (uint32_t i = state->tail; i < state[1].tail; i++) {
			if (text.len == 0 ||
			    PREFILTER_SYMBOL(text.p[0]) != prefilter->tails[i])
				return;
			text = span_from(text, 1);
		}
		for (uint32_t i = state->bit; i < state[1].bit; i++)
			prefilter_set_bit(words, prefilter->bits[i]);
		if (text.len == 0)
			return;
		at = next_state(state, PREFILTER_SYMBOL(text.p[0]));
		text = span_from(text, 1);
	}
}

void
prefilter_search(const struct prefilter *prefilter, struct span text,
    uint64_t *words)
{
	size_t n = prefilter->words, triple = 0;
	bool eight_bit = false;

	memcpy(words, prefilter->always, 2 * n * sizeof(*words));
	for (size_t i = 0; i < text.len; i++) {
		eight_bit = eight_bit || ascii_is_8bit(text.p[i]);
		triple = prefilter_triple(triple, text.p[i]);
		if (i + 1 >= PREFILTER_TRIPLE && prefilter->starts[triple] != 0)
			search_here(prefilter, prefilter->starts[triple],
			    span_from(text, i + 1), words);
	}
	for (size_t i = 0; eight_bit && i < 2 * n; i++)
		words[i] |= prefilter->eight_bit[i];
	for (size_t i = 0; i < n; i++)
		words[i] &= words[n + i];
}
