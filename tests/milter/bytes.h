/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes that grow, for the milter client.
 */
#ifndef BYTES_H
#define BYTES_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Out of memory is remembered in `failed`, to be tested once before the bytes
 * are used. All zero is empty; data is freed by free().
 */
struct bytes {
	char *data;
	size_t len, size;
	bool failed;
};

/* Makes `used + more` elements fit; returns the array, or NULL (it stays). */
void	*array_grow(void *array, size_t *size, size_t used, size_t more,
	    size_t element);

/* Room for `more` bytes behind the len that are there. */
bool	bytes_reserve(struct bytes *, size_t more);

void	bytes_add(struct bytes *, const void *data, size_t len);
void	bytes_add_byte(struct bytes *, char byte);

/* The string with the NUL at its end. */
void	bytes_add_string(struct bytes *, const char *string);

/* The text with every line end (LF or CRLF) as LF or as CRLF. */
void	bytes_add_lines(struct bytes *, const char *text, size_t len,
	    bool crlf);

/* Empties it; the memory stays. */
void	bytes_clear(struct bytes *);

#endif
