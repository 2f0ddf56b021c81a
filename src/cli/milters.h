/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lists of milters as Postfix's main.cf has them, "$name" already filled in:
 * "unix:x, { inet:host:port, name=value }".
 */
#ifndef CLI_MILTERS_H
#define CLI_MILTERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

/* Takes the next entry off a list; false if there is none. */
bool milters_next(struct span *rest, struct span *entry);

/* The address in an entry: "unix:x", "inet:host:port". */
struct span milter_address(struct span entry);

/* What an entry of its own says about default_action; absent: nothing. */
struct span milter_action(struct span entry);

/* Does the entry look like a DKIM signer's? */
bool milter_is_signer(struct span entry);

/*
 * Writes an entry that is the same but for default_action=accept. Cut at
 * size, as snprintf() does.
 */
void milter_accepting(char *text, size_t size, struct span entry);

/* Writes a list with one entry (a part of it) replaced. */
void milters_replace(char *text, size_t size, struct span list,
    struct span entry, const char *by);

/* Writes a list with one entry (a part of it) moved to its beginning. */
void milters_move_first(char *text, size_t size, struct span list,
    struct span entry);

#endif
