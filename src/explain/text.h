/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An explanation as plain text.
 */
#ifndef EXPLAIN_TEXT_H
#define EXPLAIN_TEXT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/span.h"
#include "explain/explain.h"

/* Columns of a line; wide characters take two. */
#define TEXT_COLUMNS 72

/*
 * Returns the explanation as UTF-8 text, lines of TEXT_COLUMNS columns at
 * most (longer only where one word is) ended by LF, with an empty line at its
 * end. No line can be taken for a MIME delimiter or the like. Absent if the
 * arena failed.
 */
struct span text_render(struct arena *arena,
    const struct explanation *explanation);

/*
 * The lines of a text that is wrapped to TEXT_COLUMNS columns. Breaks stand
 * at blanks in ASCII, elsewhere where Unicode allows them (UAX 14), never
 * inside an address, a domain or a link, nor behind the first letter and the
 * hyphen of a word like "e-mail".
 */
struct text_lines {
	struct span text;
	const char *breaks;	/* one byte for each of the text */
	size_t at;
};

/*
 * Begins the lines of text: the first follows column columns that are taken
 * already, the others indent of them. False if the arena failed.
 */
bool text_lines_init(struct text_lines *lines, struct arena *arena,
    struct span text, size_t column, size_t indent);

/*
 * Gives the next line without blanks at its ends; *spaced says whether a
 * blank stood between it and the one before. False after the last.
 */
bool text_lines_next(struct text_lines *lines, struct span *line,
    bool *spaced);

/* Appends text wrapped, lines after the first indented, each ended with LF. */
void text_wrap(struct buf *out, struct span text, size_t column,
    size_t indent);

#endif
