/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Domains that people write to every day, and what they type instead.
 */
#ifndef CAUSE_DOMAINS_H
#define CAUSE_DOMAINS_H

#include <stddef.h>

#include "base/arena.h"
#include "base/span.h"

/* Lists of domains in lower case. They end with an absent span; may be NULL. */
struct known_domains {
	const struct span *own;		/* the administrator's, come first */
	const struct span *common;	/* conf/domains */
};

/*
 * Returns the known domain that is one slip from this one: a letter dropped,
 * added, wrong, or two swapped; or a mistyped last label (".con", ".cmo").
 * Absent if there is none, if the domain is known itself, or if it may be one
 * of its own: another top-level domain that exists, a short name that is near
 * to many. The span points into the lists.
 */
struct span domains_meant(const struct known_domains *known,
    struct span domain);

#endif
