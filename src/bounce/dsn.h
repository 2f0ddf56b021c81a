/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The delivery-status part of a report: RFC 3464, and RFC 6533 for addresses
 * beyond ASCII.
 */
#ifndef BOUNCE_DSN_H
#define BOUNCE_DSN_H

#include "bounce/report.h"
#include "mail/message.h"

/*
 * Reads a message/delivery-status or message/global-delivery-status part
 * into the report: the reporting server and a recipient for each block that
 * names one. Folded and commented fields, any case, blocks in any order, and
 * parts that are encoded against the standard are read; recipients beyond
 * the limit are left out with REPORT_OVERFLOW.
 */
void dsn_read(struct report *report, struct arena *arena,
    const struct part *part, const struct limits *limits);

/*
 * The same for fields that stand in the text of a notice, among other lines.
 */
void dsn_read_text(struct report *report, struct arena *arena,
    struct span text, const struct limits *limits);

/*
 * Sets one value of a recipient from a field of RFC 3464 ("Status",
 * "Diagnostic-Code"), as prose that copies such fields needs it too. Returns
 * false if the field is none of a recipient's.
 */
bool dsn_set_field(struct recipient *recipient, struct arena *arena,
    struct span name, struct span value);

/* Adds an empty recipient; NULL, and REPORT_OVERFLOW, beyond the limit. */
struct recipient *report_add_recipient(struct report *report,
    struct arena *arena, const struct limits *limits);

/*
 * Returns the address of a "type; address" value, without type, brackets and
 * comments, and with the escapes of its type (xtext of RFC 3461, utf-8 of
 * RFC 6533) undone. Empty if there is none.
 */
struct span dsn_address(struct arena *arena, struct span value);

#endif
