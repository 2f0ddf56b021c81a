/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lines and paragraphs of a notice, without what is drawn around them.
 */
#ifndef BOUNCE_PARAGRAPH_H
#define BOUNCE_PARAGRAPH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

/* Returns a line without what draws it: blanks, bullets, quote marks. */
struct span line_bare(struct span line);

/* Returns how many blanks a line begins with. */
size_t line_indent(struct span line);

/* Does the line hold a letter, a digit, or anything beyond ASCII? */
bool line_has_words(struct span line);

/* Returns the last sentence of a line, as far as ". " tells. */
struct span line_last_sentence(struct span line);

/* Returns the first lines of text up to an empty line or a trailer. */
struct span paragraph_first(struct span text);

/* Returns text from the beginning of the paragraph in which at stands. */
struct span paragraph_around(struct span text, size_t at);

#endif
