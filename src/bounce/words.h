/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of bounces without a status part, as data: what mail systems
 * write around addresses and replies. A new format is most often a row here.
 */
#ifndef BOUNCE_WORDS_H
#define BOUNCE_WORDS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "bounce/report.h"

/* A sentence that shows what kind of notice this is. */
struct sentence {
	struct span words;	/* lower case, with single spaces */
	const char *system;	/* who writes it; NULL: many do */
	enum action action;	/* ACTION_NONE: it does not say */
	unsigned weight;	/* 4: only bounces have it; 3: the same, but
				 * other programs quote it; 1: it fits one;
				 * SENTENCE_OTHER: what has it is no bounce */
};
#define SENTENCE_OTHER 9u

extern const struct sentence sentences[];
extern const size_t nsentences;
#define SENTENCES_MAX 500	/* a build with more of them fails */

/* Subjects of bounces, in the same form. */
extern const struct sentence subjects[];
extern const size_t nsubjects;

/*
 * Lines with which the notice ends and the returned message begins; compared
 * with the line after its leading dashes, stars and blanks.
 */
extern const struct span endings[];
extern const size_t nendings;

/* Words in a line that stand before the address of a failed recipient. */
extern const struct span lead_ins[];
extern const size_t nlead_ins;

/* Words behind which the reason stands, in the line or the next one. */
extern const struct span reason_marks[];
extern const size_t nreason_marks;

/* Lines that are no part of a reason: they end it. */
extern const struct span trailers[];
extern const size_t ntrailers;

/* Labels at the start of a line whose address is not a failed recipient. */
extern const struct span other_labels[];
extern const size_t nother_labels;

/* Words in a line that leads to the address of somebody to ask; and words in
 * one that leads to failed recipients all the same. */
extern const struct span contact_words[];
extern const size_t ncontact_words;
extern const struct span failure_words[];
extern const size_t nfailure_words;

/* Words before the name of the server that answered. */
extern const struct span server_marks[];
extern const size_t nserver_marks;

/* Local parts that mail systems send from. */
extern const struct span machine_names[];
extern const size_t nmachine_names;

/* Words in the names that mail systems give themselves; people, too. */
extern const struct span machine_titles[];
extern const size_t nmachine_titles;

/* Local parts of programs that are no mail systems, but may bounce. */
extern const struct span robot_names[];
extern const size_t nrobot_names;

/* Labels at the start of a line behind which a failed recipient stands. */
extern const struct span recipient_labels[];
extern const size_t nrecipient_labels;

/* A table of at most WORDS_MAX words, in lower case, made ready to be looked
 * for in many lines: for each first byte a chain of words, counted from 1. */
#define WORDS_MAX 200
struct word_index {
	const struct span *words;
	unsigned char first[UCHAR_MAX + 1];
	unsigned char next[WORDS_MAX + 1];
};
void word_index_make(struct word_index *index, const struct span *words,
    size_t n);

/*
 * Return the first of the words that s begins with (holds, and where), NULL
 * if there is none. At most WORDS_MAX may be looked for inside.
 */
const struct span *word_index_at_start(const struct word_index *index,
    struct span s);
const struct span *words_at_start(struct span s, const struct span *words,
    size_t n);
const struct span *words_inside(struct span s, const struct span *words,
    size_t n, size_t *at);

#endif
