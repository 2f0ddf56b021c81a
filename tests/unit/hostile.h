/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a parser meets when somebody means harm: text that stops at any byte,
 * and memory that gives out at any allocation.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stdlib.h>

#include "unittest.h"

typedef void hostile_fn(struct arena *arena, struct span text);

/*
 * Calls fn with every beginning of text, each in a block of just its size so
 * that a sanitizer sees a read behind it; then with all of it and arenas that
 * give out ever later, until one is large enough.
 */
static inline void
hostile_text(struct span text, hostile_fn *fn)
{
	struct arena arena;
	bool failed = true;

	for (size_t len = 0; len <= text.len; len++) {
		char *copy = malloc(len > 0 ? len : 1);

		assert_non_null(copy);
		memcpy(copy, text.p, len);
		arena_init(&arena, (size_t)1 << 20);
		fn(&arena, (struct span){ copy, len });
		assert_false(arena.failed);
		arena_release(&arena);
		free(copy);
	}
	for (size_t limit = 0; failed; limit += 32) {
		arena_init(&arena, limit);
		fn(&arena, text);
		failed = arena.failed;
		assert_true(arena.used <= limit);
		arena_release(&arena);
	}
}

/* Returns len bytes of unit over and over, in the arena. */
static inline struct span
hostile_repeat(struct arena *arena, struct span unit, size_t len)
{
	char *p = arena_alloc(arena, len);

	assert_non_null(p);
	for (size_t i = 0; i < len; i++)
		p[i] = unit.p[i % unit.len];
	return (struct span){ p, len };
}

#endif
