/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Character classes of mail: ASCII only, whatever the locale says.
 */
#ifndef BASE_ASCII_H
#define BASE_ASCII_H

#include <stdbool.h>

static inline bool
ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
ascii_is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool
ascii_is_alnum(char c)
{
	return ascii_is_digit(c) || ascii_is_alpha(c);
}

/* Space and tab: the blanks inside a line. */
static inline bool
ascii_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Blanks and line ends. */
static inline bool
ascii_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Controls of C0 and DEL; tab and line ends are among them. */
static inline bool
ascii_is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

/* What can be seen: neither blanks nor controls, nor 8-bit bytes. */
static inline bool
ascii_is_graph(char c)
{
	return c > ' ' && c < 0x7f;
}

static inline bool
ascii_is_8bit(char c)
{
	return (unsigned char)c >= 0x80;
}

static inline char
ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* Returns the value of a hexadecimal digit, -1 for anything else. */
static inline int
ascii_hex_value(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
