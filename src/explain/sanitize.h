/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything taken from a mail is hostile. Here it becomes a piece of plain
 * text that can stand inside a sentence of ours and do nothing else.
 */
#ifndef EXPLAIN_SANITIZE_H
#define EXPLAIN_SANITIZE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/span.h"

/*
 * Returns value as one line of UTF-8: invalid bytes become U+FFFD, controls
 * and characters that steer the direction of text or are invisible go, white
 * space is folded, and what is longer than max characters ends in "..." and is
 * max characters long with these. With spell_at, every '@' becomes " (at) ",
 * since an address in the text of a bounce without a status part is taken by
 * other programs for a recipient. Absent if the arena failed.
 */
struct span sanitize_value(struct arena *arena, struct span value,
    size_t max, bool spell_at);

/*
 * Returns text with a space in front of every line that other programs would
 * take for something else: one that starts with "--" (a MIME delimiter), '.'
 * (SMTP), "From " (mbox) or '>' (a quote).
 */
struct span sanitize_lines(struct arena *arena, struct span text);

#endif
