/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The session with the other server, as Sendmail, Courier and others put it
 * into their notices: what was said to it, and its answers.
 */
#ifndef BOUNCE_TRANSCRIPT_H
#define BOUNCE_TRANSCRIPT_H

#include <stdbool.h>

#include "bounce/mentions.h"

/* Where in a session the reader is; all absent before the first line. */
struct transcript {
	struct span commanded;	/* address of the last RCPT TO */
	struct span server;	/* who is being talked to */
	bool judged;		/* a verdict on all followed the last answer */
};

/*
 * Reads a line of a transcript: mentions those named to the server and gives
 * them its answers. Returns false if the line is none.
 */
bool transcript_read_line(struct transcript *transcript,
    struct mentions *mentions, struct span line);

/*
 * Reads Sendmail's verdict at the end of a session, which begins the note of
 * its address: "550 5.1.1 <name@domain>... User unknown". Returns false if the
 * line is none.
 */
bool transcript_read_verdict(const struct transcript *transcript,
    struct mentions *mentions, struct span line);

/*
 * Returns the whole of a reply of which a report or a note gives the first
 * line alone, by the lines behind "<<<" in the notice; absent if it is nowhere
 * there, or the arena failed.
 */
struct span transcript_whole_reply(struct arena *arena, struct span notice,
    struct span first);

#endif
