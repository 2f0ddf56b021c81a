/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is a message a bounce? Said only where it is sure: a missed bounce costs
 * its reader an explanation, a false one changes somebody's mail.
 */
#ifndef BOUNCE_DETECT_H
#define BOUNCE_DETECT_H

#include <stdbool.h>

#include "bounce/report.h"

/*
 * True if the envelope sender is the null sender or that of a mail system
 * (mailer-daemon, postmaster and the like); ordinary mail is not looked at
 * any further. sender is as a milter gets it: "<>", "" or "<name@domain>".
 */
bool detect_sender(struct span sender);

/*
 * False if the header fields alone show that the message is no bounce: a
 * receipt (RFC 8098), a complaint (RFC 5965), another kind of report, an
 * auto-reply, mail of a list.
 */
bool detect_header(const struct header_list *headers, struct arena *arena);

/*
 * Returns the delivery-status part that makes the message a report, NULL if
 * it has none where one counts: in a multipart/report, or right below the
 * top of a message that a mail system sent.
 */
const struct part *detect_status_part(const struct message *message,
    const struct envelope *envelope);

/*
 * True if a message without such a part may be a bounce: a mail system sent
 * it. Its words must bear that out.
 */
bool detect_machine(const struct message *message,
    const struct envelope *envelope);

#endif
