/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Putting text into a leaf without harm to what stands there: the leaf keeps
 * its encoding where the new text fits into it, and becomes UTF-8 in quoted-
 * printable where it does not.
 */
#ifndef EDIT_LEAF_H
#define EDIT_LEAF_H

#include <stdbool.h>

#include "edit/edit.h"
#include "mail/message.h"

/*
 * Adds the edits that put text (UTF-8, LF) in front of the text of a
 * text/plain leaf. Returns NULL if that can be done, else why not, and adds
 * nothing.
 */
const char *leaf_insert_text(struct edit_list *list,
    const struct message *message, const struct part *leaf,
    struct span text);

/* The same for an HTML fragment, which goes to the start of the body of a
 * text/html leaf. */
const char *leaf_insert_html(struct edit_list *list,
    const struct message *message, const struct part *leaf,
    struct span html);

/*
 * Adds the edits that make a text/plain leaf the first of two alternatives:
 * its own text with text (may be empty) in front, and html, a whole document.
 * The leaf must not be the top of the message.
 */
const char *leaf_make_alternative(struct edit_list *list,
    const struct message *message, const struct part *leaf,
    struct span text, struct span html);

#endif
