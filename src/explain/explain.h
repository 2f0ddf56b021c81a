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
#define EXPLANATION_GROUPS 30	/* recipients of later groups go untold */

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

/* Recipients to whom the same happened for the same reason. */
struct explained_group {
	enum action action;
	struct span result;	/* "Not delivered to anna@example.com" */
	struct span *addresses;	/* a line each below it, if several */
	size_t naddresses;
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
 * Recipients are grouped by action and cause, in the order of their first.
 * Returns false if the arena failed.
 */
bool explain(struct explanation *explanation, struct arena *arena,
    const struct report *report, const struct finding *findings,
    const struct explain_options *options);

#endif
