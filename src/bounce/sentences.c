/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounce/sentences.h"

#include <stdint.h>
#include <string.h>

#include "base/ascii.h"
#include "bounce/words.h"

#define CHAINS 512

/* The sentences, in chains by their first four bytes; counted from 1. */
struct chains {
	uint16_t first[CHAINS];
	uint16_t next[SENTENCES_MAX + 1];
};

/* The chain of what begins with these four bytes. */
static size_t
chain_of(const char *p)
{
	uint32_t bytes;

	memcpy(&bytes, p, sizeof(bytes));
	return bytes * 2654435761U >> 23;
}

static void
make_chains(struct chains *chains)
{
	memset(chains->first, 0, sizeof(chains->first));
	for (size_t i = nsentences; i > 0; i--) {
		size_t chain = chain_of(sentences[i - 1].words.p);

		chains->next[i] = chains->first[chain];
		chains->first[chain] = (uint16_t)i;
	}
}

/* Text in lower case, with every run of blanks and line ends one space. */
static struct span
folded(struct arena *arena, struct span text)
{
	char *out = arena_alloc(arena, text.len);
	size_t len = 0;

	if (out == NULL)
		return SPAN_ABSENT;
	for (size_t i = 0; i < text.len; i++) {
		if (!ascii_is_space(text.p[i]))
			out[len++] = ascii_lower(text.p[i]);
		else if (len > 0 && out[len - 1] != ' ')
			out[len++] = ' ';
	}
	return (struct span){ out, len };
}

static void
take_sentence(struct prose *prose, const struct sentence *sentence)
{
	if (sentence->weight == SENTENCE_OTHER) {
		prose->other = true;
		return;
	}
	if (sentence->weight > prose->weight)
		prose->weight = sentence->weight;
	if (prose->system == NULL)
		prose->system = sentence->system;
	if (prose->action == ACTION_NONE)
		prose->action = sentence->action;
}

/* Marks the sentences that begin right here, in four bytes or more. */
static void
find_here(const struct chains *chains, struct span here, bool *found)
{
	for (size_t i = chains->first[chain_of(here.p)]; i > 0;
	    i = chains->next[i]) {
		struct span words = sentences[i - 1].words;

		if (here.len >= words.len &&
		    memcmp(here.p, words.p, words.len) == 0)
			found[i - 1] = true;
	}
}

void
sentences_weigh(struct prose *prose, struct arena *arena, struct span text)
{
	bool found[SENTENCES_MAX] = { false };
	bool in_word = false;
	struct chains chains;

	make_chains(&chains);
	text = folded(arena, span_first(text, SENTENCES_TEXT));
	for (; text.len >= 4; text.p++, text.len--) {
		if (!in_word || ascii_is_8bit(text.p[0]))
			find_here(&chains, text, found);
		in_word = ascii_is_alnum(text.p[0]);
	}
	for (size_t i = 0; i < nsentences; i++)
		if (found[i])
			take_sentence(prose, &sentences[i]);
}
