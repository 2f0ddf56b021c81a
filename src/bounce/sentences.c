/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounce/sentences.h"

#include <stdint.h>
#include <string.h>

#include "base/ascii.h"
#include "bounce/words.h"

/* The letters U+00C0 to U+017F without their marks, in lower case. */
static const char latin[] =
    "aaaaaaaceeeeiiiidnooooo*ouuuuytsaaaaaaaceeeeiiiidnooooo/ouuuuyty"
    "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkklllllll"
    "lllnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

/*
 * Folds the letter of two bytes at p to lower case, without marks where it is
 * Latin; many write without them. Returns how many bytes it has then.
 */
static size_t
fold_letter(const char *p, char *out)
{
	unsigned c = ((unsigned char)p[0] & 0x1fu) << 6 |
	    ((unsigned char)p[1] & 0x3fu);

	if (c >= 0xc0 && c < 0xc0 + sizeof(latin) - 1) {
		out[0] = latin[c - 0xc0];
		return 1;
	}
	if (c >= 0x410 && c < 0x430)		/* Cyrillic capitals */
		c += 0x20;
	out[0] = (char)(0xc0 | c >> 6);
	out[1] = (char)(0x80 | (c & 0x3f));
	return 2;
}

struct span
sentence_fold(struct arena *arena, struct span text)
{
	char *out = arena_alloc(arena, text.len);
	size_t len = 0;

	if (out == NULL)
		return SPAN_ABSENT;
	for (size_t i = 0; i < text.len; i++) {
		if (ascii_is_space(text.p[i])) {
			if (len > 0 && out[len - 1] != ' ')
				out[len++] = ' ';
		} else if (ascii_is_8bit(text.p[i]) && i + 1 < text.len &&
		    ((unsigned char)text.p[i] & 0xe0) == 0xc0) {
			len += fold_letter(text.p + i++, out + len);
		} else {
			out[len++] = ascii_lower(text.p[i]);
		}
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

/* So far behind one piece of a sentence the next one may stand. */
#define SENTENCE_GAP 60

/* Do the pieces of words, with '*' between them, follow in one sentence? */
static bool
goes_on(struct span text, struct span words)
{
	while (words.len > 0) {
		size_t star = span_find_char(words, '*');
		struct span piece = span_first(words, star);
		size_t at = span_find(span_first(text, SENTENCE_GAP), piece);

		if (at == SPAN_NONE || span_find(span_first(text, at),
		    SPAN(". ")) != SPAN_NONE)
			return false;
		text = span_from(text, at + piece.len);
		words = span_from(words, star == SPAN_NONE ? words.len :
		    star + 1);
	}
	return true;
}

/* Does text begin with the sentence that has this head? */
static bool
begins_with(struct span text, const struct sentence_head *head)
{
	struct span words = sentences[head->sentence].words;

	return text.len >= head->len && text.p[head->len - 1] == head->last &&
	    memcmp(text.p, words.p, head->len) == 0 &&
	    (head->len == words.len || goes_on(span_from(text, head->len),
	    span_from(words, head->len + 1)));
}

/* Marks the sentences that text begins with. */
static void
find_here(struct span text, struct found *found)
{
	const uint16_t *first = &sentence_index.first[sentence_chain(text.p)];

	for (size_t i = first[0]; i < first[1]; i++) {
		const struct sentence_head *head = &sentence_index.heads[i];

		if (begins_with(text, head))
			found->words[head->sentence / 64] |= (uint64_t)1 <<
			    head->sentence % 64;
	}
}

void
sentences_weigh(struct prose *prose, struct arena *arena, struct span text)
{
	struct found found = { { 0 } };
	bool in_word = false;

	text = sentence_fold(arena, span_first(text, SENTENCES_TEXT));
	for (; text.len >= SENTENCE_KEY; text.p++, text.len--) {
		bool alnum = ascii_is_alnum(*text.p);

		if (alnum ? !in_word : is_lead_byte(*text.p))
			find_here(text, &found);
		in_word = alnum;
	}
	for (size_t i = 0; i < SENTENCES_MAX / 64 + 1; i++)
		for (uint64_t bits = found.words[i]; bits != 0;
		    bits &= bits - 1)
			take_sentence(prose, &sentences[i * 64 +
			    (size_t)__builtin_ctzll(bits)]);
}

/* Most systems give themselves away in the first lines, all of them early. */
#define FIRST_LINES 300
#define EARLY 4000

const char *
sentences_system(struct arena *arena, struct span text)
{
	struct prose prose = { .action = ACTION_NONE };

	sentences_weigh(&prose, arena, span_first(text, FIRST_LINES));
	if (prose.system == NULL && text.len > FIRST_LINES)
		sentences_weigh(&prose, arena, span_first(text, EARLY));
	return prose.system;
}
