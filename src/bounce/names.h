/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names that the words about a recipient hold beside its own address.
 */
#ifndef BOUNCE_NAMES_H
#define BOUNCE_NAMES_H

#include "base/arena.h"
#include "base/span.h"

/*
 * Returns the name of the server that text says answered, in the arena;
 * absent if none with a dot in it is named near the beginning.
 */
struct span server_in(struct arena *arena, struct span text);

/* Returns the address that a note says the failed one was made from. */
struct span origin_in(struct span note);

#endif
