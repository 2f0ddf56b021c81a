/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounce/sentences.h"

#include <stdint.h>
#include <string.h>

#include "base/ascii.h"
#include "bounce/words.h"

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

/* Does a character beyond ASCII begin here? */
static bool
is_lead_byte(char c)
{
	return (unsigned char)c >= 0xc0;
}

/* A bit for each sentence. */
struct found {
	uint64_t words[SENTENCES_MAX / 64 + 1];
};

/* Marks the sentences that begin at p. */
static void
find_here(const char *p, const char *end, struct found *found)
{
	for (size_t i = sentence_index.first[sentence_chain(p)]; i > 0;
	    i = sentence_index.next[i]) {
		struct span words = sentences[i - 1].words;

		if ((size_t)(end - p) >= words.len &&
		    memcmp(p, words.p, words.len) == 0)
			found->words[(i - 1) / 64] |= (uint64_t)1 <<
			    (i - 1) % 64;
	}
}

void
sentences_weigh(struct prose *prose, struct arena *arena, struct span text)
{
	struct found found = { { 0 } };
	bool in_word = false;
	const char *end;

	text = folded(arena, span_first(text, SENTENCES_TEXT));
	if (text.p == NULL)	/* the arena failed */
		return;
	end = text.p + text.len;
	for (const char *p = text.p; end - p >= SENTENCE_KEY; p++) {
		bool alnum = ascii_is_alnum(*p);

		if (alnum ? !in_word : is_lead_byte(*p))
			find_here(p, end, &found);
		in_word = alnum;
	}
	for (size_t i = 0; i < SENTENCES_MAX / 64 + 1; i++)
		for (uint64_t bits = found.words[i]; bits != 0;
		    bits &= bits - 1)
			take_sentence(prose, &sentences[i * 64 +
			    (size_t)__builtin_ctzll(bits)]);
}
