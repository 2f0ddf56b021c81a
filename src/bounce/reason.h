/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reason in the words about a recipient: the reply where there is one,
 * else what the notice says instead.
 */
#ifndef BOUNCE_REASON_H
#define BOUNCE_REASON_H

#include "base/span.h"
#include "bounce/mentions.h"

/*
 * Returns the reason that notice gives for one of its mentions, as it stands
 * there: the answer in a transcript, the reply in the note, what is marked as
 * the reason, the words around the address. Empty or absent if there is none.
 */
struct span reason_of(const struct mention *m,
    const struct mentions *mentions, struct span notice);

/* "(in reply to RCPT TO command)" is Postfix's, not the server's. */
struct span reason_without_command(struct span reply);

#endif
