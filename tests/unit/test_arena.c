/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdalign.h>

#include "unittest.h"

/* Sizes around the alignment and the size of a block. */
static const size_t sizes[] = {
	0, 1, 15, 16, 17, 31, 32, 33, 1000, 16351, 16352, 16383, 16384, 16385,
	100000
};

static void
test_allocations_do_not_overlap(void **state)
{
	unsigned char *p[COUNT(sizes)];
	struct arena arena;

	(void)state;
	arena_init(&arena, (size_t)1 << 20);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		p[i] = arena_alloc(&arena, sizes[i]);
		assert_non_null(p[i]);
		assert_int_equal((uintptr_t)p[i] % alignof(max_align_t), 0);
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(p[i][k], 0);
		memset(p[i], (int)i + 1, sizes[i]);
	}
	for (size_t i = 0; i < COUNT(sizes); i++)
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(p[i][k], i + 1);
	assert_ptr_not_equal(arena_alloc(&arena, 0), arena_alloc(&arena, 0));
	assert_false(arena.failed);
	arena_release(&arena);
}

static void
test_limit(void **state)
{
	struct arena arena;
	char *kept;

	(void)state;
	arena_init(&arena, 1000);
	assert_int_equal(arena.used, 0);
	kept = arena_alloc(&arena, 500);
	assert_non_null(kept);
	memset(kept, 'k', 500);
	assert_null(arena_alloc(&arena, 1000));
	assert_true(arena.failed);
	assert_null(arena_alloc(&arena, 1));	/* it stays failed */
	assert_null(arena_grow(&arena, kept, 500, 501));
	assert_absent(arena_copy(&arena, SPAN("x")));
	assert_true(arena.used <= 1000);
	for (size_t i = 0; i < 500; i++)
		assert_int_equal(kept[i], 'k');
	arena_release(&arena);
}

/* What just fits is given, with one byte less it is not. */
static void
test_limit_to_the_byte(void **state)
{
	static const size_t wanted[] = { 1, 32, 1000, 16384, 20000 };
	struct arena arena;

	(void)state;
	for (size_t i = 0; i < COUNT(wanted); i++) {
		size_t limit = 0;

		for (;; limit++) {
			arena_init(&arena, limit);
			if (arena_alloc(&arena, wanted[i]) != NULL)
				break;
			assert_int_equal(arena.used, 0);
			arena_release(&arena);
		}
		assert_int_equal(arena.used, limit);
		assert_true(limit >= wanted[i]);
		assert_true(limit < wanted[i] + 100);
		arena_release(&arena);
	}
}

/* Many small allocations may not creep past the limit either. */
static void
test_limit_of_many(void **state)
{
	struct arena arena;
	size_t n = 0;

	(void)state;
	arena_init(&arena, 100000);
	while (arena_alloc(&arena, 100) != NULL)
		n++;
	assert_true(arena.used <= 100000);
	assert_in_range(n, 500, 1000);
	arena_release(&arena);
	arena_init(&arena, 0);
	assert_null(arena_alloc(&arena, 0));
	assert_int_equal(arena.used, 0);
	arena_release(&arena);
}

/* Sizes that overflow when they are rounded up or a block is put around. */
static void
test_sizes_that_overflow(void **state)
{
	static const size_t huge[] = {
		SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 16, SIZE_MAX - 31,
		SIZE_MAX - 64, SIZE_MAX / 2 + 1
	};
	struct arena arena;

	(void)state;
	for (size_t i = 0; i < COUNT(huge); i++) {
		arena_init(&arena, SIZE_MAX);
		assert_null(arena_alloc(&arena, huge[i]));
		assert_true(arena.failed);
		arena_release(&arena);
		arena_init(&arena, SIZE_MAX);
		assert_null(arena_grow(&arena, arena_alloc(&arena, 8), 8,
		    huge[i]));
		assert_true(arena.failed);
		arena_release(&arena);
	}
	arena_init(&arena, (size_t)1 << 20);
	assert_null(arena_alloc(&arena, SIZE_MAX / 2));
	arena_release(&arena);
}

static void
test_release(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 100000);
	arena_release(&arena);		/* before anything was taken */
	arena_init(&arena, 100000);
	assert_non_null(arena_alloc(&arena, 50000));
	assert_null(arena_alloc(&arena, 100000));
	arena_release(&arena);
	arena_init(&arena, 100000);
	assert_false(arena.failed);
	assert_non_null(arena_alloc(&arena, 50000));
	arena_release(&arena);
	arena_release(&arena);
}

static void
test_grow(void **state)
{
	struct arena arena;
	char *p, *grown, *moved;

	(void)state;
	arena_init(&arena, (size_t)1 << 20);
	p = arena_grow(&arena, NULL, 0, 100);
	assert_non_null(p);
	memset(p, 'a', 100);
	grown = arena_grow(&arena, p, 100, 5000);
	assert_ptr_equal(grown, p);		/* the last: in place */
	memset(grown, 'a', 5000);
	assert_non_null(arena_alloc(&arena, 1));
	moved = arena_grow(&arena, grown, 5000, 6000);
	assert_ptr_not_equal(moved, grown);
	for (size_t i = 0; i < 5000; i++)
		assert_int_equal(moved[i], 'a');
	memset(moved, 'b', 6000);
	assert_int_equal(grown[4999], 'a');
	grown = arena_grow(&arena, moved, 6000, 100000);
	assert_non_null(grown);			/* into a block of its own */
	for (size_t i = 0; i < 6000; i++)
		assert_int_equal(grown[i], 'b');
	moved = arena_grow(&arena, grown, 100000, 10);
	assert_non_null(moved);
	assert_memory_equal(moved, "bbbbbbbbbb", 10);
	arena_release(&arena);
}

/* In place, growing must not run into what is allocated next. */
static void
test_grow_keeps_apart(void **state)
{
	struct arena arena;
	char *p, *next;

	(void)state;
	arena_init(&arena, (size_t)1 << 20);
	p = arena_alloc(&arena, 1);
	p = arena_grow(&arena, p, 1, 33);
	next = arena_alloc(&arena, 8);
	memset(p, 'p', 33);
	assert_memory_equal(next, "\0\0\0\0\0\0\0\0", 8);
	arena_release(&arena);
}

static void
test_array(void **state)
{
	size_t capacity = 0, n;
	struct arena arena;
	int *v = NULL;

	(void)state;
	arena_init(&arena, (size_t)1 << 20);
	for (n = 0; n < 10000; n++) {
		v = arena_array(&arena, v, n, &capacity, sizeof(*v));
		assert_non_null(v);
		assert_true(capacity > n);
		v[n] = (int)n;
	}
	for (size_t i = 0; i < n; i++)
		assert_int_equal(v[i], i);
	arena_release(&arena);
}

static void
test_array_refused(void **state)
{
	size_t capacity = 0, n = 0;
	struct arena arena;
	int *v = NULL, *more;

	(void)state;
	arena_init(&arena, 1000);
	while ((more = arena_array(&arena, v, n, &capacity,
	    sizeof(*v))) != NULL) {
		v = more;
		v[n] = (int)n;
		n++;
	}
	assert_true(arena.failed);
	assert_int_equal(n, capacity);
	assert_true(n >= 8);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(v[i], i);
	arena_release(&arena);

	/* The size in bytes does not fit its type. */
	arena_init(&arena, SIZE_MAX);
	n = capacity = SIZE_MAX / 16;
	assert_null(arena_array(&arena, NULL, n, &capacity, 16));
	assert_true(arena.failed);
	assert_int_equal(capacity, SIZE_MAX / 16);
	arena_release(&arena);
}

static void
test_copy(void **state)
{
	char bytes[] = "a\0b";
	struct arena arena;
	struct span copy;

	(void)state;
	arena_init(&arena, 100000);
	copy = arena_copy(&arena, (struct span){ bytes, 3 });
	bytes[0] = 'x';
	assert_int_equal(copy.len, 3);
	assert_memory_equal(copy.p, "a\0b", 3);
	assert_span(arena_copy(&arena, SPAN("")), "");
	assert_absent(arena_copy(&arena, SPAN_ABSENT));
	assert_false(arena.failed);
	arena_release(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allocations_do_not_overlap),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_limit_to_the_byte),
		cmocka_unit_test(test_limit_of_many),
		cmocka_unit_test(test_sizes_that_overflow),
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_grow),
		cmocka_unit_test(test_grow_keeps_apart),
		cmocka_unit_test(test_array),
		cmocka_unit_test(test_array_refused),
		cmocka_unit_test(test_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
