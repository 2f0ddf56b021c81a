/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Header fields as RFC 5322 section 2.2 defines them, and the parts of their
 * values that every reader of mail needs: unfolding, comments, parameters.
 */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/span.h"
#include "mail/limits.h"

/* One field. The value is raw: still folded, without the last line end. */
struct header {
	struct span name;
	struct span value;
};

struct header_list {
	struct header *v;
	size_t n;
};

/* What header_read() came upon. */
enum header_item {
	HEADER_END,		/* no bytes are left */
	HEADER_EMPTY_LINE,	/* the line that ends a block */
	HEADER_FIELD,		/* a field with its continuation lines */
	HEADER_NO_FIELD		/* a line that is none; field->value holds it */
};

/*
 * Cuts the next field, empty line or other line off rest. A line that begins
 * with a blank continues what stands before it.
 */
enum header_item header_read(struct span *rest, struct header *field);

/* What header_parse() found wrong with a block. */
enum {
	HEADER_BAD_LINE = 1,	/* a line that is no field ended the block */
	HEADER_OVERFLOW = 2,	/* a limit was reached; later ones are missing */
	HEADER_UNENDED = 4	/* the bytes ended before the empty line */
};

/*
 * Reads the header block at the beginning of s into list, whose array lives
 * in the arena and points into s. Returns the length of the block with the
 * empty line that ends it: what follows is the body. A line that is neither
 * field nor continuation ends the block before it (HEADER_BAD_LINE). *flags
 * gets the flags above.
 */
size_t header_parse(struct arena *arena, struct span s,
    const struct limits *limits, struct header_list *list, unsigned *flags);

/* Returns the value of the first field of that name, absent if none. */
struct span header_value(const struct header_list *list, const char *name);

/* Returns the field of that name after previous (NULL: the first) or NULL. */
const struct header *header_next(const struct header_list *list,
    const char *name, const struct header *previous);

/* Returns how many fields of that name there are. */
unsigned header_count(const struct header_list *list, const char *name);

/*
 * Returns the value on one line: folds become single spaces, blanks at both
 * ends go. Copies only where there is a fold. Absent if the arena failed.
 */
struct span header_unfold(struct arena *arena, struct span value);

/*
 * Returns the value unfolded and without comments in parentheses, nested
 * ones too (RFC 5322 section 3.2.2); quoted strings stay as they are.
 */
struct span header_uncomment(struct arena *arena, struct span value);

/*
 * Returns what stands before the first ';' of a structured value such as
 * Content-Type, without comments and blanks: "text/plain".
 */
struct span header_main_value(struct arena *arena, struct span value);

/*
 * Returns the value of a parameter of a structured field as UTF-8, without
 * quotes; with the charset, percent encoding and continuations of RFC 2231
 * undone. Absent if there is none.
 */
struct span header_parameter(struct arena *arena, struct span value,
    const char *name);

/*
 * The same two for a value that header_uncomment() returned: where several
 * things are asked of one field, it need not be copied for each.
 */
struct span value_main(struct span value);
struct span value_parameter(struct arena *arena, struct span value,
    const char *name);

#endif
