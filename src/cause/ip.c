/* SPDX-License-Identifier: BSD-2-Clause */
#include "cause/ip.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

#include "base/ascii.h"

struct address {
	struct in6_addr bytes;	/* an IPv4 address in its last four */
	struct span text;
};

static bool
is_address_char(char c)
{
	return c == '.' || c == ':' || ascii_hex_value(c) >= 0;
}

/* Is what stands beside such a character part of a longer word? */
static bool
joins(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '_' || c == '.' ||
	    c == '@';
}

/* Takes off the punctuation behind an address, and a port. */
static struct span
without_punctuation(struct span text)
{
	size_t colon;

	while (text.len > 0 && (text.p[text.len - 1] == '.' ||
	    text.p[text.len - 1] == ':'))
		text.len--;
	colon = span_find_char(text, ':');
	return span_find_char(text, '.') < colon ? span_first(text, colon) :
	    text;
}

/* Reads an address; false if it is none, or the host's own. */
static bool
read_address(struct span text, struct address *address)
{
	char string[INET6_ADDRSTRLEN];
	unsigned char *last = address->bytes.s6_addr + 12;

	text = without_punctuation(text);
	if (text.len < 2 || text.len >= sizeof(string))
		return false;
	memcpy(string, text.p, text.len);
	string[text.len] = '\0';
	memset(&address->bytes, 0, sizeof(address->bytes));
	address->text = text;
	if (inet_pton(AF_INET, string, last) == 1)
		return last[0] != 127;
	return inet_pton(AF_INET6, string, &address->bytes) == 1 &&
	    !IN6_IS_ADDR_LOOPBACK(&address->bytes) &&
	    !IN6_IS_ADDR_UNSPECIFIED(&address->bytes);
}

/* Returns the length of what may stand right before an address: the tag of
 * RFC 5321 section 4.1.3, or the colon behind a word. */
static size_t
label_length(struct span text)
{
	if (text.p[0] == ':')
		return text.len == 1 || text.p[1] != ':';
	return ascii_lower(text.p[0]) == 'i' &&
	    span_starts_nocase(text, SPAN("IPv6:")) ? 5 : 0;
}

/* Finds the next address at or after *at, which comes to stand behind it. */
static bool
next_address(struct span text, size_t *at, struct address *address)
{
	bool joined = *at > 0 && joins(text.p[*at - 1]);

	while (*at < text.len) {
		size_t start = *at;

		*at += label_length(span_from(text, start));
		if (*at > start) {
			joined = false;
			continue;
		}
		while (*at < text.len && is_address_char(text.p[*at]))
			++*at;
		if (*at == start) {
			joined = joins(text.p[(*at)++]);
			continue;
		}
		if (!joined && (*at == text.len || !joins(text.p[*at])) &&
		    read_address(span_first(span_from(text, start),
		    *at - start), address))
			return true;
		joined = true;
	}
	return false;
}

struct span
ip_alone(struct span text)
{
	struct address first, other;
	size_t at = 0;

	if (!next_address(text, &at, &first))
		return SPAN_ABSENT;
	while (next_address(text, &at, &other))
		if (memcmp(&first.bytes, &other.bytes,
		    sizeof(first.bytes)) != 0)
			return SPAN_ABSENT;
	return first.text;
}
