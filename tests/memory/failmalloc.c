/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * failmalloc - to be preloaded (LD_PRELOAD): counts the allocations of a
 * program and lets chosen ones fail, as if memory were used up just then.
 *
 * FAIL_AT=N     allocation N fails, counted from 1 at the start of the program
 * FAIL_FROM=N   N and all later ones fail
 * FAIL_FILE     holds struct tally while the program runs and afterwards, even
 *               if it crashed; who maps it too can set at and from meanwhile
 *
 * Needs glibc, whose own functions it calls.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct tally {
	_Atomic uint64_t count;		/* allocations asked for */
	_Atomic uint64_t at;		/* the one to fail; 0: none */
	_Atomic uint64_t from;		/* the first of those to fail; 0 */
	_Atomic uint64_t failed;	/* how many did */
	_Atomic int64_t live;		/* blocks not given back */
};

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);
void *memalign(size_t, size_t);

static struct tally here;		/* until the file is mapped, or without */
static struct tally *tally = &here;

static uint64_t
number(const char *name)
{
	const char *value = getenv(name);

	return value != NULL ? strtoull(value, NULL, 10) : 0;
}

/* Runs before the program has threads. */
static void __attribute__((constructor))
start(void)
{
	const char *path = getenv("FAIL_FILE");
	struct tally *mapped;
	int fd;

	if (path != NULL) {
		fd = open(path, O_RDWR | O_CREAT, 0666);
		if (fd < 0 || ftruncate(fd, sizeof(*mapped)) != 0)
			_exit(125);
		mapped = mmap(NULL, sizeof(*mapped), PROT_READ | PROT_WRITE,
		    MAP_SHARED, fd, 0);
		if (mapped == MAP_FAILED)
			_exit(125);
		close(fd);
		atomic_store(&mapped->live, atomic_load(&here.live));
		atomic_store(&mapped->failed, 0);
		tally = mapped;
	}
	atomic_store(&tally->count, 0);
	atomic_store(&tally->at, number("FAIL_AT"));
	atomic_store(&tally->from, number("FAIL_FROM"));
}

/* Counts an allocation; false if it is one that fails. */
static bool
granted(void)
{
	uint64_t n = atomic_fetch_add(&tally->count, 1) + 1;
	uint64_t from = atomic_load(&tally->from);

	if (n != atomic_load(&tally->at) && (from == 0 || n < from))
		return true;
	atomic_fetch_add(&tally->failed, 1);
	errno = ENOMEM;
	return false;
}

static void *
counted(void *p)
{
	if (p != NULL)
		atomic_fetch_add(&tally->live, 1);
	return p;
}

void *
malloc(size_t size)
{
	return granted() ? counted(__libc_malloc(size)) : NULL;
}

void *
calloc(size_t n, size_t size)
{
	return granted() ? counted(__libc_calloc(n, size)) : NULL;
}

void *
realloc(void *p, size_t size)
{
	if (p == NULL)
		return malloc(size);
	if (size == 0) {
		free(p);
		return NULL;
	}
	return granted() ? __libc_realloc(p, size) : NULL;
}

void *
memalign(size_t alignment, size_t size)
{
	return granted() ? counted(__libc_memalign(alignment, size)) : NULL;
}

void *
aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

int
posix_memalign(void **p, size_t alignment, size_t size)
{
	int saved = errno;
	void *block = memalign(alignment, size);

	errno = saved;
	if (block == NULL)
		return ENOMEM;
	*p = block;
	return 0;
}

void
free(void *p)
{
	int saved = errno;

	if (p == NULL)
		return;
	atomic_fetch_sub(&tally->live, 1);
	__libc_free(p);
	errno = saved;
}
