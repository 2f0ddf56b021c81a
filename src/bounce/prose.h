/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bounces in words: one reader for all the systems that send no status part.
 * It knows the shapes: where the notice ends (notice.c), the lines that name a
 * recipient (lines.c, transcript.c), the reason near it (reason.c). What each
 * system writes around them is in words.c.
 */
#ifndef BOUNCE_PROSE_H
#define BOUNCE_PROSE_H

#include "bounce/report.h"
#include "mail/limits.h"

/* What the words of a notice gave. */
struct prose {
	const char *system;	/* NULL: not known */
	enum action action;	/* ACTION_NONE: not said */
	unsigned weight;	/* how sure the words are of a bounce */
	bool other;		/* they say that it is none */
	bool named;		/* lines of theirs name recipients */
	struct span notice;	/* the text without the returned message */
	struct span copy;	/* the returned message in the text, if any */
};

/* The weight from which words alone make a bounce. */
#define PROSE_SURE 3
/* The weight of words that make one even if a program of any name sends it. */
#define PROSE_ANYBODY 4

/*
 * Reads the text of a notice (UTF-8): adds the recipients it names to the
 * report, or fills what those that are there lack, and says in prose what
 * else was found. failed holds the addresses of an X-Failed-Recipients field
 * (absent: none); with them, no others count. Only the first PROSE_TEXT
 * bytes are read.
 */
#define PROSE_TEXT ((size_t)64 * 1024)
void prose_read(struct prose *prose, struct report *report,
    struct arena *arena, struct span text, struct span failed,
    const struct limits *limits);

#endif
