/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of bounces without a status part, as data: what mail systems
 * write around addresses and replies. A new format is most often a row here.
 */
#ifndef BOUNCE_WORDS_H
#define BOUNCE_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "bounce/lookup.h"
#include "bounce/report.h"

/* A sentence that shows what kind of notice this is. */
struct sentence {
	struct span words;	/* lower case, with single spaces, no marks
				 * on Latin letters; '*': anything within
				 * SENTENCE_GAP bytes and one sentence */
	const char *system;	/* who writes it; NULL: many do */
	enum action action;	/* ACTION_NONE: it does not say */
	unsigned weight;	/* 4: only bounces have it; 3: the same, but
				 * other programs quote it; 1: it fits one;
				 * SENTENCE_OTHER: what has it is no bounce */
};
#define SENTENCE_OTHER 9u

extern const struct sentence sentences[];
extern const size_t nsentences;

/*
 * The sentences by their first bytes. What a text is compared with first
 * stands close together here: the sentences themselves lie far apart. A build
 * with more of them fails.
 */
#define SENTENCES_MAX 1000
#define SENTENCE_CHAINS 4096
#define SENTENCE_KEY 6	/* so many bytes tell the chain */
struct sentence_head {
	uint16_t sentence;
	uint16_t len;		/* bytes before the first '*' */
	char last;		/* the last one of them */
};
struct sentence_index {
	/* Chain i: the heads from first[i] to before first[i + 1]. */
	uint16_t first[SENTENCE_CHAINS + 1];
	struct sentence_head heads[SENTENCES_MAX];
};
extern const struct sentence_index sentence_index;

/* The chain of what begins with the SENTENCE_KEY bytes at p. */
static inline size_t
sentence_chain(const char *p)
{
	const unsigned char *b = (const unsigned char *)p;
	uint64_t key = (uint64_t)b[0] | (uint64_t)b[1] << 8 |
	    (uint64_t)b[2] << 16 | (uint64_t)b[3] << 24 |
	    (uint64_t)b[4] << 32 | (uint64_t)b[5] << 40;

	return key * 0x9e3779b97f4a7c15U >> 52;
}

/* Subjects of bounces, in the same form. */
extern const struct sentence subjects[];
extern const size_t nsubjects;

/* A table of words in lower case, and (made of it by mkwords, when the
 * program is built) what they are looked up in. */
#define WORDS(table) \
	extern const struct span table##_list[]; \
	extern const size_t table##_count; \
	extern const struct words table

/*
 * Lines with which the notice ends and the returned message begins; compared
 * with the line after its leading dashes, stars and blanks.
 */
WORDS(endings);

/* Words in a line that stand before the address of a failed recipient. */
WORDS(lead_ins);

/* Words behind which the reason stands, in the line or the next one. */
WORDS(reason_marks);

/* Lines that are no part of a reason: they end it. */
WORDS(trailers);

/* Beginnings of the words that close a notice: they are about nobody. */
WORDS(closings);

/* How Exim names a program or a file in a recipient's place; the recipient is
 * in the next line. */
WORDS(local_deliveries);

/* Labels at the start of a line whose address is not a failed recipient. */
WORDS(other_labels);

/* Words in a line that leads to the address of somebody to ask; and words in
 * one that leads to failed recipients all the same. */
WORDS(contact_words);
WORDS(failure_words);

/* Words before the name of the server that answered. */
WORDS(server_marks);

/* Local parts that mail systems send from. */
WORDS(machine_names);

/* Words in the names that mail systems give themselves; people, too. */
WORDS(machine_titles);

/* Local parts of programs that are no mail systems, but may bounce. */
WORDS(robot_names);

/* Labels at the start of a line behind which a failed recipient stands. */
WORDS(recipient_labels);

/* Words in any label that does the same. */
WORDS(label_words);

/* What mail programs put before the subject of what they answer or pass on. */
WORDS(answer_marks);

/* Words of subjects that answering machines write. */
WORDS(answers);

/* Words behind which the address stands that was passed on to this one. */
WORDS(origin_marks);

/* Verdicts by which Sendmail says only that a program of its own failed. */
WORDS(empty_verdicts);

/* The marks of a transcript: what we said, what the other server said. */
WORDS(said_by_us);
WORDS(said_by_them);

/* Fields of which two show that a message begins. */
WORDS(first_fields);

/* Fields that a notice may quote, too: only the first of a paragraph. */
WORDS(quoted_fields);

/* Fields that no notice quotes without the message. */
WORDS(inner_fields);

#endif
