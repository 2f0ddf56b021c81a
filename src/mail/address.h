/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses as they stand in the text of bounces, which is looser than
 * RFC 5322 section 3.4.1: no comments or folds inside, UTF-8 allowed (RFC
 * 6531), a bare local part only between angle brackets.
 */
#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H

#include <stdbool.h>

#include "base/span.h"

/* Longest address that is taken for one: RFC 5321's 64 + 1 + 255, and air. */
#define ADDRESS_LENGTH 512

/*
 * Returns the length of the bare address (local@domain) at the start of s, 0
 * if there is none. A dot or hyphen at the end of the domain is left out.
 */
size_t address_at(struct span s);

/*
 * Returns the length of an address at the start of s in any dress: bare,
 * <bracketed>, "quoted", 'quoted', (in parentheses), [in brackets],
 * <mailto:...>; *address gets the bare one. 0 if there is none.
 */
size_t address_dressed_at(struct span s, struct span *address);

/*
 * Finds the first address in s, dressed or bare. Returns its offset and sets
 * *address and *length (what it takes with its dress); SPAN_NONE if none.
 */
size_t address_find(struct span s, struct span *address, size_t *length);

/*
 * Returns what stands between angle brackets in s, or s itself, without
 * blanks: the address of a header field or of a delivery-status field.
 */
struct span address_bare(struct span s);

/* Returns what stands behind the last '@', absent if there is none. */
struct span address_domain(struct span address);

#endif
