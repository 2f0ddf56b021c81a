/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A message as a tree of byte ranges (RFC 5322, RFC 2045-2046). Nothing is
 * decoded or copied: each part knows where its header and its body stand in
 * the bytes, so that an edit can leave every other byte alone. An embedded
 * message (message/rfc822) is a leaf here.
 */
#ifndef MAIL_MESSAGE_H
#define MAIL_MESSAGE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/span.h"
#include "mail/codec.h"
#include "mail/header.h"
#include "mail/limits.h"

struct part {
	struct part *parent;
	struct part *first_child;	/* NULL for a leaf */
	struct part *next;		/* the next child of the same parent */
	struct header_list headers;
	struct span content_type;	/* without folds and comments */
	struct span type;	/* "text/plain", in the case it was written */
	struct span boundary;	/* of a multipart, else absent */
	enum encoding encoding;
	struct span head;	/* the header block with its empty line */
	struct span body;	/* without the line end before a delimiter */
	unsigned depth;		/* 0: the message itself */
	bool broken;		/* a line in its header block is no field */
	bool doubtful;		/* readers differ on its type or encoding */
	bool closed;		/* multipart: its closing delimiter was seen */
};

enum {
	MESSAGE_BAD_HEADER = 1,	/* a header block is broken */
	MESSAGE_OVERFLOW = 2,	/* a limit was reached: parts may be missing */
	MESSAGE_UNCLOSED = 4,	/* a multipart has no closing delimiter */
	MESSAGE_NULS = 8,	/* holds a NUL byte */
	MESSAGE_8BIT = 16,	/* holds bytes above 127 */
	MESSAGE_TRUNCATED = 32,	/* longer than the limit; the rest is unseen */
	MESSAGE_DOUBTFUL = 64	/* readers differ on what is a delimiter */
};

struct message {
	struct arena *arena;
	struct span bytes;	/* all of it, from the first header field on */
	struct part *root;
	const char *eol;	/* "\n" or "\r\n", as the header's end */
	unsigned flags;
};

/*
 * Reads the message in bytes, which may start with an mbox "From " line
 * (left out of message->bytes) and end lines with LF or CRLF. The tree lives
 * in the arena and points into bytes. Always gives a tree, if need be of one
 * part, with flags that say what is wrong with it; returns false only if the
 * arena failed. One pass; depth and number of parts are bounded by limits.
 */
bool message_parse(struct message *message, struct arena *arena,
    struct span bytes, const struct limits *limits);

/* True if the part's type is the given one ("text/plain"), case folded. */
bool part_is(const struct part *part, const char *type);

/* True if the part is a multipart of any subtype. */
bool part_is_multipart(const struct part *part);

/* True if the part is a file that somebody attached (RFC 2183). */
bool part_is_attachment(const struct part *part);

/* Returns the part after this one in the order of the bytes, NULL at last. */
const struct part *part_after(const struct part *part);

/* Returns the first part of that type from part on, NULL if none. */
const struct part *part_find(const struct part *part, const char *type);

/* Returns a parameter of the part's Content-Type, absent if none. */
struct span part_parameter(struct arena *arena, const struct part *part,
    const char *name);

/*
 * Returns the text of a leaf as UTF-8, decoded by its encoding and charset,
 * at most limit bytes of it; absent only if the arena failed.
 */
struct span part_text(struct arena *arena, const struct part *part,
    size_t limit);

#endif
