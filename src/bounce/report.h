/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a bounce says, whoever wrote it: which recipients are meant, what
 * became of the message, and the other server's own words.
 */
#ifndef BOUNCE_REPORT_H
#define BOUNCE_REPORT_H

#include <stdbool.h>

#include "base/span.h"
#include "bounce/reply.h"
#include "mail/header.h"
#include "mail/message.h"

/* RFC 3464 section 2.3.3. */
enum action {
	ACTION_NONE,		/* nothing says */
	ACTION_FAILED,
	ACTION_DELAYED,
	ACTION_DELIVERED,
	ACTION_RELAYED,
	ACTION_EXPANDED
};

enum report_kind {
	REPORT_NONE,		/* no bounce */
	REPORT_DSN,		/* has a delivery-status part */
	REPORT_PROSE		/* has not: words alone */
};

/* One recipient; spans are UTF-8, absent where nothing is said. */
struct recipient {
	struct span address;	/* the one that failed, without < > */
	struct span original;	/* the one that the sender typed */
	enum action action;
	struct status status;
	int code;		/* basic reply code, 0: none */
	struct span reply;	/* one line, the other server's words */
	bool reply_cut;		/* only the first line of a longer reply */
	struct span remote;	/* name of the server that answered */
	struct span last_attempt;	/* RFC 5322 date, as it stands */
	struct span retry_until;
	struct span evidence;	/* the text it was read from */
};

/* The returned message, or what came back of it. */
struct returned {
	struct header_list headers;	/* n is 0 if nothing came back */
};

enum {
	REPORT_OVERFLOW = 1,	/* it names more recipients than were read */
	REPORT_DAMAGED = 2	/* the report ends too early, or is garbled */
};

struct report {
	enum report_kind kind;
	const char *system;	/* "postfix", "qmail", NULL: not known */
	struct span reporting_mta;
	struct recipient *recipients;
	size_t n;
	size_t capacity;
	struct returned returned;
	unsigned flags;
};

/* The envelope sender, where it is known (a milter knows it). */
struct envelope {
	struct span sender;	/* without < >; empty: the null sender */
	bool known;
};

/*
 * What stands at the beginning of a notice and was not written by the mail
 * server: cut() returns the text behind it, or the text itself.
 */
struct preface {
	struct span (*cut)(const void *context, struct span text);
	const void *context;
};

/*
 * Reads a message: tells whether it is a bounce at all, and if so what it
 * says. The structured part is read first, words fill what it lacks; preface
 * (NULL: there is none) tells which words do not count. A
 * report whose kind is REPORT_NONE holds nothing else of use; every other
 * has at least one recipient, perhaps without an address. Spans point into
 * the message's bytes or its arena. Returns false if the arena failed.
 */
bool report_read(struct report *report, const struct message *message,
    const struct envelope *envelope, const struct preface *preface,
    const struct limits *limits);

#endif
