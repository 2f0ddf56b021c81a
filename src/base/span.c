/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/span.h"

#include "base/ascii.h"

struct span
span_trim(struct span s)
{
	while (s.len > 0 && ascii_is_space(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && ascii_is_space(s.p[s.len - 1]))
		s.len--;
	return s;
}

bool
span_equal(struct span a, struct span b)
{
	return a.len == b.len &&
	    (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static bool
equal_nocase(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (a[i] != b[i] && ascii_lower(a[i]) != ascii_lower(b[i]))
			return false;
	return true;
}

bool
span_equal_nocase(struct span a, struct span b)
{
	return a.len == b.len && equal_nocase(a.p, b.p, a.len);
}

bool
span_starts_nocase(struct span s, struct span prefix)
{
	return s.len >= prefix.len && equal_nocase(s.p, prefix.p, prefix.len);
}

bool
span_ends_nocase(struct span s, struct span suffix)
{
	return s.len >= suffix.len &&
	    equal_nocase(s.p + s.len - suffix.len, suffix.p, suffix.len);
}

size_t
span_find(struct span s, struct span needle)
{
	size_t at = 0;

	if (needle.len == 0)
		return 0;
	while (s.len - at >= needle.len && at <= s.len) {
		const char *hit = memchr(s.p + at, needle.p[0],
		    s.len - at - needle.len + 1);

		if (hit == NULL)
			return SPAN_NONE;
		if (memcmp(hit, needle.p, needle.len) == 0)
			return (size_t)(hit - s.p);
		at = (size_t)(hit - s.p) + 1;
	}
	return SPAN_NONE;
}

size_t
span_find_nocase(struct span s, struct span needle)
{
	char first;

	if (needle.len == 0)
		return 0;
	first = ascii_lower(needle.p[0]);
	for (size_t at = 0; at + needle.len <= s.len; at++) {
		if (!ascii_is_alpha(first)) {
			size_t next = span_find_char(span_from(s, at), first);

			if (next == SPAN_NONE)
				return SPAN_NONE;
			at += next;
		}
		if (at + needle.len <= s.len &&
		    ascii_lower(s.p[at]) == first &&
		    equal_nocase(s.p + at, needle.p, needle.len))
			return at;
	}
	return SPAN_NONE;
}

size_t
span_find_last_char(struct span s, char c)
{
	for (size_t at = s.len; at > 0; at--)
		if (s.p[at - 1] == c)
			return at - 1;
	return SPAN_NONE;
}

bool
span_next_line(struct span *rest, struct span *line)
{
	size_t end;

	if (rest->len == 0)
		return false;
	end = span_find_char(*rest, '\n');
	if (end == SPAN_NONE) {
		*line = *rest;
		*rest = span_from(*rest, rest->len);
	} else {
		*line = span_first(*rest, end);
		*rest = span_from(*rest, end + 1);
	}
	if (line->len > 0 && line->p[line->len - 1] == '\r')
		line->len--;
	return true;
}

bool
span_glob(struct span pattern, struct span s)
{
	size_t p = 0, i = 0, star = SPAN_NONE, resume = 0;

	while (i < s.len) {
		if (p < pattern.len && pattern.p[p] == '*') {
			star = p++;
			resume = i;
		} else if (p < pattern.len && (pattern.p[p] == '?' ||
		    ascii_lower(pattern.p[p]) == ascii_lower(s.p[i]))) {
			p++;
			i++;
		} else if (star != SPAN_NONE) {
			p = star + 1;
			i = ++resume;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.p[p] == '*')
		p++;
	return p == pattern.len;
}
