/* SPDX-License-Identifier: BSD-2-Clause */
#include "cause/domains.h"

#include <stdbool.h>

#include "base/ascii.h"

static bool
same(char a, char b)
{
	return ascii_lower(a) == ascii_lower(b);
}

/* Is one string the other after a single slip of the fingers? */
static bool
is_one_slip(struct span a, struct span b)
{
	size_t i = 0, end = 0;

	if (a.len > b.len) {
		struct span longer = a;

		a = b;
		b = longer;
	}
	if (b.len - a.len > 1)
		return false;
	while (i < a.len && same(a.p[i], b.p[i]))
		i++;
	while (end < a.len - i &&
	    same(a.p[a.len - 1 - end], b.p[b.len - 1 - end]))
		end++;
	/* What is left in the middle differs. */
	if (a.len - i - end == 0)
		return b.len - i - end == 1;
	if (a.len != b.len)
		return false;
	if (a.len - i - end == 1)
		return true;
	return a.len - i - end == 2 && same(a.p[i], b.p[i + 1]) &&
	    same(a.p[i + 1], b.p[i]);
}

/*
 * A short name is near to many others that exist: there only a slip behind
 * its first dot, two swapped letters or a doubled one say something.
 */
#define SHORT_NAME 3

static bool
is_clear_slip(struct span name, struct span domain, size_t dot)
{
	size_t i = 0;

	while (i < dot && i < domain.len && same(name.p[i], domain.p[i]))
		i++;
	if (i == dot)
		return span_find_char(domain, '.') == dot ||
		    span_find_char(domain, '.') == SPAN_NONE ||
		    same(domain.p[dot], name.p[dot - 1]);
	if (domain.len > name.len)
		return i > 0 && same(domain.p[i], domain.p[i - 1]);
	return domain.len == name.len && i + 1 < dot &&
	    same(domain.p[i], name.p[i + 1]);
}

static bool
is_likely_slip(struct span name, struct span domain)
{
	size_t dot = span_find_char(name, '.');

	if (dot == SPAN_NONE || dot < SHORT_NAME ||
	    !is_one_slip(name, domain))
		return false;
	return dot > SHORT_NAME || is_clear_slip(name, domain, dot);
}

static struct span
find_in(const char *const *list, struct span domain, bool *known)
{
	struct span found = SPAN_ABSENT;

	for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
		struct span name = span_of(list[i]);

		if (span_equal_nocase(name, domain)) {
			*known = true;
			return SPAN_ABSENT;
		}
		if (found.p == NULL && is_likely_slip(name, domain))
			found = name;
	}
	return found;
}

struct span
domains_meant(const struct known_domains *known, struct span domain)
{
	struct span own, common;
	bool is_known = false;

	while (domain.len > 0 && domain.p[domain.len - 1] == '.')
		domain.len--;
	own = find_in(known->own, domain, &is_known);
	common = find_in(known->common, domain, &is_known);
	if (is_known)
		return SPAN_ABSENT;
	return own.p != NULL ? own : common;
}
