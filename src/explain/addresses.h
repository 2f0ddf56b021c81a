/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The addresses of a group: each one that the reader wrote to once, with those
 * it was passed on to below it.
 */
#ifndef EXPLAIN_ADDRESSES_H
#define EXPLAIN_ADDRESSES_H

#include "explain/teller.h"

/* Returns the address that the sender knows. */
struct span addresses_typed(const struct recipient *recipient);

/* Returns where the message went from there; absent if it did not. */
struct span addresses_behind(const struct teller *teller,
    const struct recipient *recipient);

/* Lists each address of the members once. Returns false if the arena failed. */
bool addresses_list(const struct teller *teller, struct explained_group *group,
    const struct members *members);

/*
 * Divides the list, whose lone address the result names already, into what
 * stands above and what comes at the end. Returns false if the arena failed.
 */
bool addresses_divide(const struct teller *teller,
    struct explained_group *group);

#endif
