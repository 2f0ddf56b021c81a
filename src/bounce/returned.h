/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The returned message: what a bounce gives back of the mail that it is
 * about.
 */
#ifndef BOUNCE_RETURNED_H
#define BOUNCE_RETURNED_H

#include <stdbool.h>

#include "bounce/report.h"

/*
 * Finds the returned message or its header among the parts after the first
 * and reads its header fields. Leaves returned alone if there is none.
 */
void returned_read_part(struct returned *returned,
    const struct message *message, const struct limits *limits);

/*
 * Reads the header fields at the start of text, as they stand in a notice
 * that has the returned message in its own text. Returns false, and leaves
 * returned alone, if text does not start with fields of a message.
 */
bool returned_read_text(struct returned *returned, struct arena *arena,
    struct span text, const struct limits *limits);

/* What a site is known by. Lists end with an absent span, may be NULL. */
struct site_names {
	const struct span *hosts;	/* globs for its mail servers */
	const struct span *domains;	/* domains its users write from */
};

/*
 * True only if the returned header shows that the message was sent past this
 * site: hosts are set, the header has its Received fields, none of them names
 * a host of ours as the one that wrote it or handed the message over, and the
 * Message-ID is not ours. Where the header cannot tell, or reporting_mta (who
 * made the report) is one of our hosts, it is false.
 */
bool returned_is_foreign(const struct returned *returned,
    struct arena *arena, struct span reporting_mta,
    const struct site_names *site);

/*
 * True if name matches one of a list of globs, which ends with an absent one;
 * false for a NULL list.
 */
bool name_is_listed(struct span name, const struct span *globs);

#endif
