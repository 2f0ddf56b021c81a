/* SPDX-License-Identifier: BSD-2-Clause */
#include "bytes.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *
array_grow(void *array, size_t *size, size_t used, size_t more, size_t element)
{
	size_t want = *size ? *size : 16;
	void *grown;

	if (more <= *size - used)
		return array;
	while (want - used < more) {
		if (want > SIZE_MAX / 2 / element)
			return NULL;
		want *= 2;
	}
	grown = realloc(array, want * element);
	if (grown != NULL)
		*size = want;
	return grown;
}

bool
bytes_reserve(struct bytes *b, size_t more)
{
	char *grown = array_grow(b->data, &b->size, b->len, more, 1);

	if (grown == NULL)
		b->failed = true;
	else
		b->data = grown;
	return !b->failed;
}

void
bytes_add(struct bytes *b, const void *data, size_t len)
{
	if (len == 0 || b->failed || !bytes_reserve(b, len))
		return;
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

void
bytes_add_byte(struct bytes *b, char byte)
{
	bytes_add(b, &byte, 1);
}

void
bytes_add_string(struct bytes *b, const char *string)
{
	bytes_add(b, string, strlen(string) + 1);
}

void
bytes_clear(struct bytes *b)
{
	b->len = 0;
	b->failed = false;
}

void
bytes_add_lines(struct bytes *b, const char *text, size_t len, bool crlf)
{
	const char *end = text + len, *lf;
	size_t n;

	for (; text < end; text = lf + 1) {
		lf = memchr(text, '\n', (size_t)(end - text));
		if (lf == NULL) {
			bytes_add(b, text, (size_t)(end - text));
			return;
		}
		n = (size_t)(lf - text);
		if (n > 0 && text[n - 1] == '\r')
			n--;
		bytes_add(b, text, n);
		bytes_add(b, crlf ? "\r\n" : "\n", crlf ? 2 : 1);
	}
}
