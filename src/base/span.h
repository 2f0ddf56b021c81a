/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A span is a range of bytes that somebody else owns: never terminated, may
 * hold NUL, must not outlive what it points into. An absent value is a span
 * whose p is NULL; an empty one has a p and no length.
 */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
	const char *p;
	size_t len;
};

/* What the searching functions return when nothing was found. */
#define SPAN_NONE ((size_t)-1)

/* A span over a string literal. */
#define SPAN(literal) ((struct span){ "" literal, sizeof(literal) - 1 })

/* The same, for static tables. */
#define SPAN_INIT(literal) { "" literal, sizeof(literal) - 1 }

/* The absent span. */
#define SPAN_ABSENT ((struct span){ NULL, 0 })

/* The smallest ones are here because everything is made of them. */

/* Returns a span over a C string; absent for NULL. */
static inline struct span
span_of(const char *string)
{
	if (string == NULL)
		return SPAN_ABSENT;
	return (struct span){ string, strlen(string) };
}

/* Returns the bytes from offset on; empty if the span is shorter. */
static inline struct span
span_from(struct span s, size_t offset)
{
	if (s.p == NULL)
		return s;
	if (offset > s.len)
		offset = s.len;
	return (struct span){ s.p + offset, s.len - offset };
}

/* Returns the first len bytes, or all if there are fewer. */
static inline struct span
span_first(struct span s, size_t len)
{
	if (s.len > len)
		s.len = len;
	return s;
}

/* Returns the span without blanks and line ends at both ends. */
struct span span_trim(struct span s);

/* Equality of bytes; the nocase form folds ASCII letters. */
bool span_equal(struct span a, struct span b);
bool span_equal_nocase(struct span a, struct span b);

/* True if s begins (ends) with the other span, ASCII letters folded. */
bool span_starts_nocase(struct span s, struct span prefix);
bool span_ends_nocase(struct span s, struct span suffix);

/* Returns where needle stands first in s, SPAN_NONE if nowhere. Linear. */
size_t span_find(struct span s, struct span needle);

/* The same, ASCII letters folded; O(s.len * needle.len) at worst. */
size_t span_find_nocase(struct span s, struct span needle);

/* Returns where c stands first (last) in s, SPAN_NONE if nowhere. */
static inline size_t
span_find_char(struct span s, char c)
{
	const char *hit = s.len > 0 ? memchr(s.p, c, s.len) : NULL;

	return hit == NULL ? SPAN_NONE : (size_t)(hit - s.p);
}
size_t span_find_last_char(struct span s, char c);

/*
 * Cuts the next line off rest into line, without its LF or CRLF. Returns
 * false, and leaves both alone, when rest is empty.
 */
bool span_next_line(struct span *rest, struct span *line);

/*
 * True if s matches the glob pattern, ASCII letters folded: '*' stands for
 * any run of bytes, '?' for one byte, anything else for itself. Linear in
 * the product of the two lengths at worst, without recursion.
 */
bool span_glob(struct span pattern, struct span s);

#endif
