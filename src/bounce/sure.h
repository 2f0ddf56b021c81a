/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How sure is it that words alone make a message a bounce? Words, replies, the
 * subject and the sender are weighed against each other.
 */
#ifndef BOUNCE_SURE_H
#define BOUNCE_SURE_H

#include <stdbool.h>

#include "bounce/detect.h"
#include "bounce/prose.h"
#include "bounce/report.h"
#include "mail/message.h"

/* What a subject tells. */
struct subject {
	bool fits;		/* it has words of a bounce */
	bool begins;		/* with them */
	bool answers;		/* "Re:", "Fwd:" */
	enum action action;
};

/* Reads the Subject field of a message. */
struct subject subject_read(const struct message *message);

/*
 * True only if it is sure that the words read from a notice, and the report
 * made of them, are those of a bounce. failed holds the addresses of an
 * X-Failed-Recipients field (absent: none); others: it names somebody else
 * than those who send and get the notice.
 */
bool words_are_sure(const struct prose *prose, const struct report *report,
    enum origin origin, struct span failed, bool others,
    const struct subject *subject);

#endif
