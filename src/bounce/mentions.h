/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is mentioned in a notice, and with which words: the note about each.
 * They are gathered while the notice is read line by line.
 */
#ifndef BOUNCE_MENTIONS_H
#define BOUNCE_MENTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/span.h"

/* A recipient while its notice is being read. */
struct mention {
	struct span address;
	struct span note;	/* the lines about it, absent: none yet */
	struct span before;	/* the line right above it */
	struct span earlier;	/* an earlier note, if there is another */
	bool labelled;		/* "Recipient: name@domain" */
	struct span answer;	/* what its server said in a transcript */
	struct span server;
};

struct mentions {
	struct arena *arena;
	struct mention *list;
	size_t n, capacity;
	size_t limit;		/* of n */
	bool overflow;		/* more were mentioned */
	size_t current;		/* whose note is being read; n: nobody's */
	size_t indent;		/* of the line where that note began */
	struct span above;	/* the line before, absent: an empty one */
	struct span answer;	/* the last one that is about nobody known */
};

/* Prepares a list of at most limit mentions in the arena. */
void mentions_init(struct mentions *mentions, struct arena *arena,
    size_t limit);

/* Returns the mention of an address, NULL if there is none. */
struct mention *mentions_find(const struct mentions *mentions,
    struct span address);

/*
 * Returns the mention of an address, made if need be; NULL at the limit, with
 * overflow.
 */
struct mention *mentions_add(struct mentions *mentions, struct span address);

/* Returns the mention whose note is being read, NULL if there is none. */
struct mention *mentions_current(const struct mentions *mentions);

/*
 * Begins the note of an address at p in line. A second note replaces one
 * without a code: Exchange names each recipient twice.
 */
void mentions_begin_note(struct mentions *mentions, struct span address,
    struct span line, const char *p);

/* Ends the note that is being read at p. */
void mentions_end_note(struct mentions *mentions, const char *p);

/* Recipients named in a row share the note of the last of them. */
void mentions_share_notes(struct mentions *mentions);

#endif
