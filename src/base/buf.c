/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/buf.h"

#include <stdint.h>
#include <string.h>

void
buf_init(struct buf *buf, struct arena *arena)
{
	*buf = (struct buf){ .arena = arena };
}

#define SMALLEST 64

void
buf_reserve(struct buf *buf, size_t len)
{
	size_t capacity = buf->capacity > 0 ? buf->capacity * 2 : SMALLEST;
	char *p;

	if (buf->failed || len <= buf->capacity - buf->len)
		return;
	if (len > SIZE_MAX / 4 || capacity > SIZE_MAX / 4) {
		buf->failed = true;
		return;
	}
	if (capacity - buf->len < len)
		capacity = buf->len + len;
	p = arena_grow(buf->arena, buf->p, buf->capacity, capacity);
	if (p == NULL) {
		buf->failed = true;
		return;
	}
	buf->p = p;
	buf->capacity = capacity;
}

void
buf_add_chars(struct buf *buf, char c, size_t n)
{
	buf_reserve(buf, n);
	if (buf->failed || n == 0)
		return;
	memset(buf->p + buf->len, c, n);
	buf->len += n;
}

void
buf_add_number(struct buf *buf, unsigned long number)
{
	char digits[24];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	buf_add(buf, digits + at, sizeof(digits) - at);
}

void
buf_add_codepoint(struct buf *buf, unsigned long c)
{
	if ((c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
		return;
	if (c < 0x80) {
		buf_add_char(buf, (char)c);
		return;
	}
	if (c < 0x800) {
		buf_add_char(buf, (char)(0xc0 | c >> 6));
	} else {
		if (c < 0x10000) {
			buf_add_char(buf, (char)(0xe0 | c >> 12));
		} else {
			buf_add_char(buf, (char)(0xf0 | c >> 18));
			buf_add_char(buf, (char)(0x80 | (c >> 12 & 0x3f)));
		}
		buf_add_char(buf, (char)(0x80 | (c >> 6 & 0x3f)));
	}
	buf_add_char(buf, (char)(0x80 | (c & 0x3f)));
}

struct span
buf_span(const struct buf *buf)
{
	if (buf->failed)
		return SPAN_ABSENT;
	return (struct span){ buf->p != NULL ? buf->p : "", buf->len };
}
