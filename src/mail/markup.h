/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTML for those who need only its words, or a place in it.
 */
#ifndef MAIL_MARKUP_H
#define MAIL_MARKUP_H

#include <stddef.h>

#include "base/arena.h"
#include "base/span.h"

/*
 * Returns the words of an HTML text: tags go, those that start a block
 * become line ends, script and style go whole, the common character
 * references are resolved. Input and output are UTF-8. Absent if the arena
 * failed.
 */
struct span markup_to_text(struct arena *arena, struct span html);

/*
 * Returns where the content of the body begins: behind "<body …>", or, where
 * text is seen before that, behind "<html …>" or a document type, else 0.
 * Comments are passed over.
 */
size_t markup_body_start(struct span html);

#endif
