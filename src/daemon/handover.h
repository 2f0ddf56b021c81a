/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handing the changes to a mail over to libmilter. What was handed over cannot
 * be taken back: all memory is taken before the first call.
 */
#ifndef DAEMON_HANDOVER_H
#define DAEMON_HANDOVER_H

#include <libmilter/mfapi.h>
#include <stdbool.h>

#include "edit/annotate.h"

/* The fields that we add; copies from elsewhere are deleted. */
#define OUR_FIELDS 2
extern const char *const our_fields[OUR_FIELDS];

/* May the body be changed, with what the header says of it, where the mail
 * server allows these actions (SMFIF_*)? True if nothing in it would be. */
bool handover_may_change_body(const struct edit_list *edits,
    unsigned long actions);

/*
 * Asks libmilter for the changes of an annotation, those of the header first,
 * the body last and whole; to be called at the end of the mail. ours counts
 * each of our fields in the mail, read or not. Returns why not all was taken,
 * or NULL.
 */
const char *hand_over(SMFICTX *ctx, unsigned long actions,
    const unsigned *ours, const struct message *message,
    const struct annotation *annotation);

#endif
