/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An explanation as plain text.
 */
#ifndef EXPLAIN_TEXT_H
#define EXPLAIN_TEXT_H

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
 * Appends text wrapped to TEXT_COLUMNS columns, the first line after what
 * stands there already (column), the others indented by indent spaces; ends
 * with LF. Breaks where Unicode allows it (UAX 14), never inside an address
 * or a link.
 */
void text_wrap(struct buf *out, struct span text, size_t column,
    size_t indent);

#endif
