/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lines of a notice that name a failed recipient: those that begin with an
 * address or a label, those whose words lead to one, and transcripts.
 */
#ifndef BOUNCE_LINES_H
#define BOUNCE_LINES_H

#include "base/span.h"
#include "bounce/mentions.h"

/*
 * Walks over the lines of text, a notice without the returned message, and
 * adds to mentions whom they name, with the lines about each. What follows a
 * signature does not count.
 */
void lines_read(struct mentions *mentions, struct span text);

#endif
