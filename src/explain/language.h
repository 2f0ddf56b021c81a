/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Languages: their catalogues, and which of them a reader wants.
 */
#ifndef EXPLAIN_LANGUAGE_H
#define EXPLAIN_LANGUAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "explain/catalog.h"

struct language {
	const char *tag;	/* "pl", "pt-BR" (BCP 47) */
	struct catalog catalog;
	struct catalog below;	/* for what the first lacks; may be empty */
	struct span closing;	/* of languages_init(): an explanation's end,
				 * looked for in each mail */
};

/* All languages there are; the first is the reference, which has all texts. */
struct languages {
	const struct language *v;
	size_t n;
};

/* Makes languages of n with a tag and a catalogue each, the reference first;
 * v is kept. */
void languages_init(struct languages *languages, struct language *v, size_t n);

/*
 * Returns the language of a tag, case folded: the same tag ("pt-br"), else
 * the one whose tag is its beginning ("pl" for "pl-PL", "pl_PL.UTF-8"); NULL
 * if there is none.
 */
const struct language *language_find(const struct languages *languages,
    struct span tag);

/*
 * Returns the language that a Content-Language or Accept-Language value (RFC
 * 3282) wants most, by its q values and then its order; NULL if none of them
 * is there.
 */
const struct language *language_wanted(const struct languages *languages,
    struct span value);

/* Returns the text of a key in this language alone, absent if it has none. */
struct span language_own_text(const struct language *language,
    const char *key);

/*
 * Returns the text of a key in the language, else in the reference, so that
 * one missing text does not lose the others; absent if nobody has it.
 */
struct span language_text(const struct languages *languages,
    const struct language *language, const char *key);

/* True if the language is written from right to left. */
bool language_is_right_to_left(const struct language *language);

#endif
