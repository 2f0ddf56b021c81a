/* SPDX-License-Identifier: BSD-2-Clause */
#include "mail/address.h"

#include <string.h>

#include "base/ascii.h"

static bool
is_local_char(char c)
{
	return ascii_is_alnum(c) || ascii_is_8bit(c) ||
	    (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~.", c) != NULL);
}

static bool
is_domain_char(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '.' || c == '_' ||
	    ascii_is_8bit(c);
}

/*
 * Does a character of a script without blanks between words begin here? Such
 * words run into what stands beside them; no name mixes them with ASCII.
 */
static bool
is_wide(char c)
{
	return (unsigned char)c >= 0xe0;
}

/* Does s end with such a character? */
static bool
ends_wide(struct span s)
{
	for (int i = 0; i < 3 && s.len > 0 &&
	    ((unsigned char)s.p[s.len - 1] & 0xc0) == 0x80; i++)
		s.len--;
	return s.len > 0 && is_wide(s.p[s.len - 1]);
}

/* Returns the length of "quoted local part" at the start of s, 0 if none. */
static size_t
quoted_local(struct span s)
{
	size_t i;

	if (s.len < 3 || s.p[0] != '"')
		return 0;
	for (i = 1; i < s.len && i < ADDRESS_LENGTH && s.p[i] != '"'; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (ascii_is_control(s.p[i]))
			return 0;
	}
	return i < s.len && s.p[i] == '"' ? i + 1 : 0;
}

/* Returns the length of the domain or [literal] at the start of s. */
static size_t
domain_at(struct span s)
{
	size_t len = 0;
	bool dotted = false;

	if (s.len > 0 && s.p[0] == '[') {
		len = span_find_char(span_first(s, 64), ']');
		return len == SPAN_NONE ? 0 : len + 1;
	}
	while (len < s.len && len < ADDRESS_LENGTH &&
	    is_domain_char(s.p[len])) {
		if (is_wide(s.p[len]) && dotted &&
		    ascii_is_alnum(s.p[len - 1]))
			break;
		dotted |= s.p[len++] == '.';
	}
	while (len > 0 && (s.p[len - 1] == '.' || s.p[len - 1] == '-'))
		len--;
	if (len > 0 && s.p[0] == '.')
		return 0;
	return len;
}

size_t
address_at(struct span s)
{
	size_t len = quoted_local(s), domain;

	if (len == 0)
		while (len < s.len && len < ADDRESS_LENGTH &&
		    is_local_char(s.p[len])) {
			if (len > 0 && is_wide(s.p[0]) &&
			    ascii_is_alnum(s.p[len]))
				return 0;
			len++;
		}
	if (len == 0 || len >= s.len || s.p[len] != '@')
		return 0;
	domain = domain_at(span_from(s, len + 1));
	return domain == 0 || len + 1 + domain > ADDRESS_LENGTH ? 0 :
	    len + 1 + domain;
}

/* The dresses of an address: what opens and what closes it. */
static const char dresses[][2] = {
	{ '<', '>' }, { '"', '"' }, { '\'', '\'' }, { '(', ')' }, { '[', ']' },
};

static struct span
undress(struct span s)
{
	if (span_starts_nocase(s, SPAN("mailto:")))
		return span_from(s, 7);
	/* "<rfc822;name@domain>", "<smtp:name@domain>" */
	if (span_starts_nocase(s, SPAN("smtp:")))
		return span_from(s, 5);
	if (span_starts_nocase(s, SPAN("rfc822;")))
		return span_from(s, 7);
	return s;
}

size_t
address_dressed_at(struct span s, struct span *address)
{
	bool apostrophe = s.len > 0 && s.p[0] == '\'';
	size_t len = apostrophe ? 0 : address_at(s);

	if (len > 0) {
		*address = span_first(s, len);
		return len;
	}
	for (size_t i = 0; i < sizeof(dresses) / sizeof(dresses[0]); i++) {
		struct span inner;
		size_t end;

		if (s.len < 3 || s.p[0] != dresses[i][0])
			continue;
		inner = span_first(span_from(s, 1), ADDRESS_LENGTH);
		end = span_find_char(inner, dresses[i][1]);
		if (end == SPAN_NONE)
			return 0;
		inner = undress(span_trim(span_first(inner, end)));
		len = address_at(inner);
		/* "<@relay:name@domain>": a route of RFC 821. */
		if (len == 0 && inner.len > 0 && inner.p[0] == '@') {
			size_t colon = span_find_char(inner, ':');

			if (colon != SPAN_NONE)
				inner = span_from(inner, colon + 1);
			len = address_at(inner);
		}
		if (len == 0 || len != inner.len)
			return 0;
		*address = inner;
		return end + 2;
	}
	return 0;
}

size_t
address_find(struct span s, struct span *address, size_t *length)
{
	size_t at = 0, sign, start;

	while ((sign = span_find_char(span_from(s, at), '@')) != SPAN_NONE) {
		sign += at;
		start = sign;
		while (start > at && is_local_char(s.p[start - 1]) &&
		    !(start < sign && ascii_is_alnum(s.p[start]) &&
		    ends_wide(span_first(s, start))))
			start--;
		if (start > at && start == sign && s.p[start - 1] == '"') {
			/* A quoted local part: back to its other quote. */
			for (start--; start > at && s.p[start - 1] != '"';)
				start--;
			if (start > at)
				start--;
		}
		/* "'name@domain'": the apostrophe is dress, not name. */
		while (start < sign && (s.p[start] == '\'' ||
		    s.p[start] == '.' || s.p[start] == '='))
			start++;
		/* "//example.org/x?u=name@domain" is no name. */
		if (span_find(span_first(span_from(s, start), sign - start),
		    SPAN("//")) != SPAN_NONE) {
			at = sign + 1;
			continue;
		}
		/* "dda:SMTP=name@domain;": X.400, as Exchange writes it. */
		if (span_starts_nocase(span_from(s, start), SPAN("SMTP=")))
			start += 5;
		if (start > at && strchr("<\"'([", s.p[start - 1]) != NULL &&
		    s.p[start - 1] != '\0' &&
		    (*length = address_dressed_at(span_from(s, start - 1),
		    address)) > 0)
			return start - 1;
		*length = address_at(span_from(s, start));
		if (*length > 0) {
			*address = span_first(span_from(s, start), *length);
			return start;
		}
		at = sign + 1;
	}
	return SPAN_NONE;
}

struct span
address_bare(struct span s)
{
	size_t open = span_find_char(s, '<');
	size_t close;

	if (open != SPAN_NONE) {
		close = span_find_last_char(s, '>');
		if (close != SPAN_NONE && close > open)
			s = span_first(span_from(s, open + 1),
			    close - open - 1);
	}
	return span_trim(s);
}

struct span
address_domain(struct span address)
{
	size_t at = span_find_last_char(address, '@');

	return at == SPAN_NONE ? SPAN_ABSENT : span_from(address, at + 1);
}
