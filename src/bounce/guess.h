/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whom a notice is about where its words do not say so: told from the other
 * addresses in it and from what came back. Where more than one could be meant,
 * nobody is.
 */
#ifndef BOUNCE_GUESS_H
#define BOUNCE_GUESS_H

#include "bounce/report.h"
#include "mail/limits.h"
#include "mail/message.h"

/*
 * Where others have a reply, an address without one is no recipient if it is
 * the reader's own or a mail system's: takes these out of the report.
 */
void guess_drop_bystanders(struct report *report,
    const struct message *message);

/* Is a recipient neither the notice's reader nor its sender? */
bool guess_names_others(const struct report *report,
    const struct message *message);

/*
 * A daemon's notice with a single address, in whatever words, is about that
 * one: adds it to the report, with all of notice as its reply.
 */
void guess_lone_address(struct report *report, const struct message *message,
    struct span notice, const struct limits *limits);

/*
 * A notice that names nobody is about the one recipient that the returned
 * message had; with several it cannot be told. Adds it in the same way.
 */
void guess_returned_recipient(struct report *report,
    const struct message *message, struct span notice,
    const struct limits *limits);

#endif
