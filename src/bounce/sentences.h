/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sentences of bounce/words.h in a text: all of them are looked for in
 * one pass.
 */
#ifndef BOUNCE_SENTENCES_H
#define BOUNCE_SENTENCES_H

#include "base/arena.h"
#include "base/span.h"
#include "bounce/prose.h"

/* Only so much of a text is looked at: they stand near its beginning. */
#define SENTENCES_TEXT ((size_t)8 * 1024)

/*
 * Returns text folded as the sentences and subjects of words.h are: in lower
 * case, Latin letters without marks, every run of blanks and line ends one
 * space. Absent if the arena fails.
 */
struct span sentence_fold(struct arena *arena, struct span text);

/*
 * Gives prose the greatest weight of the sentences that text (UTF-8) holds,
 * and, where it has none yet, the first system and action they tell. A
 * sentence stands at the beginning of a word; in scripts without blanks it
 * stands anywhere. Both are compared folded.
 */
void sentences_weigh(struct prose *prose, struct arena *arena,
    struct span text);

/* Returns the system that the first such sentence tells; NULL if none does. */
const char *sentences_system(struct arena *arena, struct span text);

#endif
