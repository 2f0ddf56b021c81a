/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The explanation: a report and the causes found, told in one language.
 * Nothing of it is laid out yet; text.h and html.h do that.
 */
#ifndef EXPLAIN_EXPLAIN_H
#define EXPLAIN_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "bounce/report.h"
#include "cause/cause.h"
#include "explain/language.h"

#define EXPLANATION_PARAGRAPHS 12

/* So many groups are told each by itself; others are told together. */
#define EXPLANATION_GROUPS 10

/* Longest values that appear in a text, in characters. */
#define EXPLAIN_ADDRESS 120
#define EXPLAIN_SUBJECT 100
#define EXPLAIN_VALUE 80

/* A list of texts, UTF-8, each one paragraph without line ends. */
struct texts {
	struct span v[EXPLANATION_PARAGRAPHS];
	size_t n;
};

/* The way of a message: the reader, our server, the network between the
 * servers (only named where it stopped there), their server, the mailbox. */
#define STATIONS (STOP_MAILBOX + 1)

/* What became of the message at one of them. */
enum station_state {
	STATION_PASSED, STATION_STOPPED, STATION_WAITING,
	STATION_NOT_REACHED, STATION_OMITTED
};

/* A line of a list of addresses, and the lines that belong below it. */
struct explained_address {
	struct span text;	/* the address that the reader wrote to */
	struct span *below;	/* "passed on to anna@example.net" */
	size_t nbelow;
};

/* Recipients to whom the same happened for the same reason. */
struct explained_group {
	enum action action;
	struct span result;	/* "Not delivered to anna@example.com" */
	struct explained_address *addresses;	/* listed if several */
	size_t naddresses;
	size_t nfirst;		/* below result; the others at the end */
	struct texts happened;
	struct texts steps;
	struct span fix;	/* absent where nobody need mend anything */
	bool has_stations;
	enum station_state stations[STATIONS];
};

struct explanation {
	const struct language *language;
	struct explained_group *groups;
	size_t n;
	struct span title;		/* one sentence for a header field */
	struct span happened_heading;
	struct span steps_heading;
	struct span fix_heading;
	struct span others_line;	/* ends a list that goes on later */
	struct span others_heading;	/* and stands above the rest of it */
	struct span unlisted;		/* more recipients; may be absent */
	struct span about;		/* the user's message; may be absent */
	struct span closing;		/* who is speaking; may be absent */
	struct span station_names[STATIONS];
	struct span state_names[STATION_OMITTED];
};

struct explain_options {
	const struct languages *languages;
	const struct language *language;
	struct span host;	/* who is speaking; absent: no closing line */
	struct span helpdesk;	/* absent: none */
	bool spell_at;		/* write addresses as "name (at) domain" */
	bool backscatter;	/* the message never passed our servers */
	bool reply_only;	/* a reply without a message: no result */
};

/*
 * Tells the report, whose findings stand in the order of its recipients.
 * Recipients of whom the same is told are a group, in the order of their
 * first. Those beyond EXPLANATION_GROUPS are a group for each action. Every
 * address that the reader wrote to stands once in its group, so nobody goes
 * untold. Returns false if the arena failed.
 */
bool explain(struct explanation *explanation, struct arena *arena,
    const struct report *report, const struct finding *findings,
    const struct explain_options *options);

#endif
