/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An explanation as HTML: the same words as the plain text, and a row that
 * shows how far the message came. Inline styles only, nothing is loaded, no
 * element that a mail program would have to understand to show the words.
 */
#ifndef EXPLAIN_HTML_H
#define EXPLAIN_HTML_H

#include "base/arena.h"
#include "base/span.h"
#include "explain/explain.h"

/*
 * Returns the explanation as a fragment that can stand at the beginning of
 * any body, UTF-8, lines of moderate length ended by LF. Absent if the arena
 * failed.
 */
struct span html_render(struct arena *arena,
    const struct explanation *explanation);

/*
 * Returns a whole document: the fragment, and below it the text of the
 * notice as it came (UTF-8, absent: none), escaped.
 */
struct span html_document(struct arena *arena,
    const struct explanation *explanation, struct span notice);

/*
 * The same in pieces, for several explanations in one document: its head with
 * the title of the first one, an entry each, HTML_END.
 */
struct span html_head(struct arena *arena,
    const struct explanation *explanation);
struct span html_entry(struct arena *arena,
    const struct explanation *explanation, struct span notice);
#define HTML_END "</body>\n</html>\n"

#endif
