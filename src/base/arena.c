/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/arena.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
	struct arena_block *next;
	max_align_t data[];
};

#define ALIGNMENT sizeof(max_align_t)
#define BLOCK_SIZE ((size_t)16 * 1024)

void
arena_init(struct arena *arena, size_t limit)
{
	*arena = (struct arena){ .limit = limit };
}

void
arena_release(struct arena *arena)
{
	struct arena_block *block, *next;

	for (block = arena->blocks; block != NULL; block = next) {
		next = block->next;
		free(block);
	}
	*arena = (struct arena){ .limit = arena->limit };
}

/* Rounds up to the alignment; 0 if that would overflow. */
static size_t
aligned(size_t size)
{
	if (size > SIZE_MAX / 2)
		return 0;
	return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static bool
add_block(struct arena *arena, size_t size)
{
	struct arena_block *block;
	size_t whole, room = BLOCK_SIZE;

	if (room < size)
		room = size;
	whole = sizeof(*block) + room;
	if (whole > arena->limit - arena->used) {
		whole = sizeof(*block) + size;
		if (whole > arena->limit - arena->used)
			return false;
	}
	block = malloc(whole);
	if (block == NULL)
		return false;
	block->next = arena->blocks;
	arena->blocks = block;
	arena->used += whole;
	arena->next = (char *)block->data;
	arena->left = whole - sizeof(*block);
	return true;
}

static void *
take(struct arena *arena, size_t size)
{
	size_t need = aligned(size > 0 ? size : 1);
	char *p;

	if (need == 0 || arena->failed ||
	    (need > arena->left && !add_block(arena, need))) {
		arena->failed = true;
		return NULL;
	}
	p = arena->next;
	arena->next += need;
	arena->left -= need;
	return p;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	void *p = take(arena, size);

	if (p != NULL)
		memset(p, 0, size);
	return p;
}

void *
arena_grow(struct arena *arena, void *p, size_t old_size, size_t new_size)
{
	size_t have = aligned(old_size > 0 ? old_size : 1);
	size_t need = aligned(new_size > 0 ? new_size : 1);
	void *moved;

	if (p != NULL && need != 0 && !arena->failed && need >= have &&
	    (char *)p + have == arena->next && need - have <= arena->left) {
		arena->next += need - have;
		arena->left -= need - have;
		return p;
	}
	moved = take(arena, new_size);
	if (moved != NULL && old_size > 0)
		memcpy(moved, p, old_size < new_size ? old_size : new_size);
	return moved;
}

void *
arena_array(struct arena *arena, void *array, size_t count, size_t *capacity,
    size_t size)
{
	size_t more;

	if (count < *capacity)
		return array;
	more = *capacity > 0 ? *capacity * 2 : 8;
	if (more > SIZE_MAX / 2 / size) {
		arena->failed = true;
		return NULL;
	}
	array = arena_grow(arena, array, count * size, more * size);
	if (array != NULL)
		*capacity = more;
	return array;
}

struct span
arena_copy(struct arena *arena, struct span s)
{
	char *p;

	if (s.p == NULL)
		return s;
	p = take(arena, s.len);
	if (p == NULL)
		return SPAN_ABSENT;
	if (s.len > 0)
		memcpy(p, s.p, s.len);
	return (struct span){ p, s.len };
}
