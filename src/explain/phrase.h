/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Texts of a catalogue with their placeholders filled.
 */
#ifndef EXPLAIN_PHRASE_H
#define EXPLAIN_PHRASE_H

#include "base/arena.h"
#include "base/span.h"
#include "explain/language.h"

/* Where phrases come from and how values are put into them. */
struct phrases {
	struct arena *arena;
	const struct languages *languages;
	const struct language *language;
	bool spell_at;		/* see sanitize_value() */
};

/* What a placeholder stands for; value must be sanitised. */
struct filler {
	const char *name;
	struct span value;
};

/* Returns the text of a key, absent if nobody has it. */
struct span phrase(const struct phrases *phrases, const char *key);

/* The same for a key made of two or three pieces ("mailbox-full", ".why"). */
struct span phrase_of(const struct phrases *phrases, const char *id,
    const char *suffix, const char *more);

/*
 * Returns template with each "{name}" replaced by the filler of that name;
 * what is not known stays. Absent if template is, or the arena failed.
 */
struct span phrase_fill(const struct phrases *phrases, struct span template,
    const struct filler *fillers, size_t n);

/* Returns a date as the language writes it; absent if it is no date. */
struct span phrase_date(const struct phrases *phrases, struct span value);

#endif
