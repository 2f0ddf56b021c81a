/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SMTP replies (RFC 5321 section 4.2) and enhanced status codes (RFC 3463)
 * as they stand in bounces: whole, folded, or somewhere in a sentence.
 */
#ifndef BOUNCE_REPLY_H
#define BOUNCE_REPLY_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/span.h"

/* class.subject.detail; class 0 means that there is none. */
struct status {
	unsigned short class;
	unsigned short subject;
	unsigned short detail;
};

struct reply {
	int code;		/* 0: none */
	struct status status;
	struct span text;	/* one line, code and status included */
};

/* Longest reply text that is kept, in bytes. */
#define REPLY_LENGTH 2000

/*
 * Returns the length of the basic code (200 to 599) at the start of s, 3, or
 * 0 if there is none or a digit, letter or '.' follows. *code gets the value.
 */
size_t reply_code_at(struct span s, int *code);

/*
 * Returns the length of the enhanced status code at the start of s, 0 if
 * there is none: class 2, 4 or 5, subject and detail of one to three digits,
 * no further digit or '.'-and-digit behind it.
 */
size_t status_at(struct span s, struct status *status);

/* True if both are the same code. */
bool status_equal(struct status a, struct status b);

/*
 * Writes "5.1.1" (or nothing for class 0) into text, terminated, and returns
 * it: at most 12 bytes.
 */
#define STATUS_TEXT 16
const char *status_text(struct status status, char text[STATUS_TEXT]);

/* Finds the first enhanced status code in s that stands as a word, also as
 * "#5.1.1" and "(5.1.1)". Class 0 if none. */
struct status status_find(struct span s);

/*
 * Finds the first basic code of class 4 or 5 in s that stands as a word where
 * a reply can begin: at the start, or behind blank, ':', '"' or the like, and
 * followed by a blank, '-', '#' or the end; no telephone number. Returns its
 * offset, SPAN_NONE if there is none.
 */
size_t reply_find(struct span s, int *code);

/*
 * Reads a reply of any number of lines: joins them with single spaces, drops
 * the codes that continuation lines repeat ("550-5.1.1 The\n550 5.1.1 user"
 * becomes "550 5.1.1 The user", also where somebody has put all on one line),
 * folds white space, cuts at REPLY_LENGTH. code and status are taken from its
 * beginning, else from the first place in it where they stand. text is absent
 * if the arena failed, empty if raw is.
 */
void reply_read(struct arena *arena, struct span raw, struct reply *reply);

/* True if it is only the first line of a reply that has more: "550-5.7.1 …",
 * and no line behind it. */
bool reply_is_first_line(struct span reply);

#endif
