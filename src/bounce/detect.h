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

/* Bytes of a subject and of a Content-Type that are looked at. */
#define DETECT_SUBJECT ((size_t)1000)
#define DETECT_TYPE ((size_t)4000)

/* What header fields alone tell. */
enum header_verdict {
	HEADER_IS_OTHER,	/* a receipt (RFC 8098), a complaint (RFC
				 * 5965), an auto-reply: certainly no bounce */
	HEADER_IS_LIST,		/* mail of a list: only if it is structured */
	HEADER_MAY_BE_BOUNCE
};

enum header_verdict detect_header(const struct header_list *headers,
    struct arena *arena);

/*
 * Returns the delivery-status part that makes the message a report, NULL if
 * it has none where one counts: in a multipart/report, or right below the
 * top of a message that a mail system sent.
 */
const struct part *detect_status_part(const struct message *message,
    const struct envelope *envelope);

/* Who sent a message, as far as its header and envelope tell. */
enum origin {
	ORIGIN_OTHER,		/* a person, or anybody */
	ORIGIN_ROBOT,		/* a program: no-reply, a list's owner */
	ORIGIN_NULL_SENDER,	/* the null sender, under any name: vacation
				 * replies come so, too */
	ORIGIN_MAIL_SYSTEM,	/* a daemon's name */
	ORIGIN_DAEMON		/* a daemon's name and the null sender */
};

/*
 * Returns who sent the message. The less it looks like a mail system, the less
 * doubt may the words leave.
 */
enum origin detect_origin(const struct message *message,
    const struct envelope *envelope);

#endif
