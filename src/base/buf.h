/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A growing run of bytes inside an arena. Appending cannot be checked each
 * time: a buffer whose arena gave out drops what is added and is failed.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/span.h"

struct buf {
	struct arena *arena;
	char *p;
	size_t len;
	size_t capacity;
	bool failed;
};

/* Prepares an empty buffer; the arena owns all it will hold. */
void buf_init(struct buf *buf, struct arena *arena);

/* Append n equal bytes, a number. */
void buf_add_chars(struct buf *buf, char c, size_t n);
void buf_add_number(struct buf *buf, unsigned long number);

/* Appends a Unicode code point as UTF-8; nothing if it is none (surrogates,
 * beyond U+10FFFF). */
void buf_add_codepoint(struct buf *buf, unsigned long codepoint);

/* Makes room for len more bytes now, to spare growing later; a lot of them in
 * an empty buffer is just as many. */
void buf_reserve(struct buf *buf, size_t len);

/* Append bytes, a span, a C string, one byte; here because they are called
 * for every few bytes. */
static inline void
buf_add(struct buf *buf, const void *bytes, size_t len)
{
	if (len > buf->capacity - buf->len)
		buf_reserve(buf, len);
	if (buf->failed || len == 0)
		return;
	memcpy(buf->p + buf->len, bytes, len);
	buf->len += len;
}

static inline void
buf_add_span(struct buf *buf, struct span s)
{
	buf_add(buf, s.p, s.len);
}

static inline void
buf_add_string(struct buf *buf, const char *string)
{
	buf_add(buf, string, strlen(string));
}

static inline void
buf_add_char(struct buf *buf, char c)
{
	if (buf->len < buf->capacity)
		buf->p[buf->len++] = c;
	else
		buf_add(buf, &c, 1);
}

/*
 * Returns what the buffer holds, absent if it failed. The span stays valid
 * as long as the arena and until the buffer is appended to again.
 */
struct span buf_span(const struct buf *buf);

#endif
