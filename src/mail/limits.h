/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a message may cost. Parsers stop at a limit, say so by a flag, and
 * what was read until then stands.
 */
#ifndef MAIL_LIMITS_H
#define MAIL_LIMITS_H

#include <stddef.h>

struct limits {
	size_t message;		/* bytes of a message that are looked at */
	size_t header;		/* bytes of one header block */
	size_t fields;		/* header fields in one block */
	size_t type;		/* bytes of one Content-Type */
	size_t parts;		/* parts in the whole tree */
	size_t depth;		/* multiparts inside each other */
	size_t text;		/* bytes of one decoded text */
	size_t lines;		/* lines of a notice that are read */
	size_t recipients;	/* recipients read from one report */
};

/* Generous for any bounce ever seen, and cheap for the worst. */
#define LIMITS_DEFAULT ((struct limits){ \
	.message = (size_t)64 << 20, .header = 512 << 10, .fields = 2000, \
	.type = 32 << 10, .parts = 500, .depth = 16, .text = 256 << 10, \
	.lines = 5000, .recipients = 200 })

#endif
