/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An arena holds everything that is made from one message and gives it back
 * in one call. It never hands out more than its limit; when it cannot, it
 * returns NULL and stays failed, so that a stage may ask once at its end.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

struct arena_block;

struct arena {
	struct arena_block *blocks;
	char *next;			/* free bytes of the newest block */
	size_t left;
	size_t used;			/* bytes taken from the system */
	size_t limit;			/* bytes it may take at most */
	bool failed;			/* an allocation was refused */
};

/* Prepares an arena that may take limit bytes; takes none yet. */
void arena_init(struct arena *arena, size_t limit);

/* Gives everything back; the arena must be initialised again before use. */
void arena_release(struct arena *arena);

/*
 * Returns size bytes, zeroed and aligned for any type, that live as long as
 * the arena. Returns NULL, and marks the arena failed, if memory or the
 * limit is used up.
 */
void *arena_alloc(struct arena *arena, size_t size);

/*
 * Returns room for new_size bytes with the first old_size bytes of p kept;
 * p must come from this arena, or be NULL with old_size 0. Grows in place
 * where p was the last allocation. The added bytes are not cleared. Returns
 * NULL as arena_alloc() does.
 */
void *arena_grow(struct arena *arena, void *p, size_t old_size,
    size_t new_size);

/*
 * Makes room for one more element in an array of count elements of the given
 * size and returns the array, moved perhaps; *capacity is kept by the
 * function and starts at 0 with array NULL. Returns NULL as arena_alloc().
 */
void *arena_array(struct arena *arena, void *array, size_t count,
    size_t *capacity, size_t size);

/* Returns a copy of s in the arena; absent if that failed or s is absent. */
struct span arena_copy(struct arena *arena, struct span s);

#endif
