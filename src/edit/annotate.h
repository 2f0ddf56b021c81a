/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole line: from the bytes of a message to what is to be changed in it.
 */
#ifndef EDIT_ANNOTATE_H
#define EDIT_ANNOTATE_H

#include <stdbool.h>

#include "bounce/report.h"
#include "bounce/returned.h"
#include "cause/cause.h"
#include "cause/domains.h"
#include "edit/edit.h"
#include "explain/language.h"

/*
 * What a bounce may get. Whatever is added, the header goes with it: it is the
 * mark that keeps the next run from adding the rest once more.
 */
enum {
	ANNOTATE_HEADER = 1,
	ANNOTATE_TEXT = 2,
	ANNOTATE_HTML = 4
};

/* The language of readers whose address matches a glob. */
struct language_choice {
	const char *reader;	/* "*@example.pl", "*.pl" */
	const struct language *language;
};

/*
 * Everything that does not change from mail to mail: read only, shared by any
 * number of threads. Lists of globs end with an absent span and may be NULL.
 */
struct annotator {
	struct span host;	/* our name: who is speaking */
	struct span helpdesk;
	struct site_names site;
	unsigned annotate;	/* ANNOTATE_… */
	bool edit_signed;	/* also the text of a DKIM-signed bounce */
	size_t max_body;	/* bytes; of larger mails the header only */
	const struct span *exempt;	/* readers that are programs */
	struct languages languages;
	const struct language *language;	/* the default */
	const struct language_choice *choices;
	size_t nchoices;
	const struct cause *causes;
	size_t ncauses;
	const struct ruleset *const *rules;	/* in this order */
	size_t nrules;
	struct known_domains domains;
	struct limits limits;
	double time_limit;	/* seconds for one mail */
};

/* What is known of a mail besides its bytes. */
struct delivery {
	struct envelope envelope;
	const struct span *readers;	/* envelope recipients */
	size_t nreaders;
	bool trusted;		/* from a host of ours: believe its mark */
};

/* What was found and decided. */
struct annotation {
	struct report report;
	struct finding *findings;	/* one for each recipient */
	const struct language *language;
	bool foreign;		/* backscatter: it never passed this site */
	bool marked;		/* annotated before, left as it is */
	unsigned added;		/* ANNOTATE_… */
	const char *why;	/* why the body was left alone, or NULL */
	struct edit_list edits;
};

/*
 * Reads the report in a message and names the causes; edits nothing. Returns
 * false if the arena failed.
 */
bool annotate_read(struct annotation *annotation,
    const struct annotator *annotator, const struct message *message,
    const struct delivery *delivery);

/*
 * Does annotate_read() and then decides the edits, for a message that is no
 * bounce too: there only forged fields of ours are deleted. Returns false if
 * the arena failed: then nothing must be changed.
 */
bool annotate(struct annotation *annotation,
    const struct annotator *annotator, const struct message *message,
    const struct delivery *delivery);

/* Returns the language for a reader of this report. */
const struct language *annotate_language(const struct annotator *annotator,
    struct arena *arena, const struct report *report,
    const struct delivery *delivery);

#endif
