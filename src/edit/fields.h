/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two header fields that an annotated bounce carries, for programs and
 * for postmasters.
 */
#ifndef EDIT_FIELDS_H
#define EDIT_FIELDS_H

#include "base/arena.h"
#include "base/span.h"
#include "bounce/report.h"
#include "cause/cause.h"
#include "mail/header.h"

#define FIELD_EXPLANATION "Bounce-Explanation"
#define FIELD_CAUSE "Bounce-Cause"

/* Bounce-Cause fields in one message, and characters of a reply in one. */
#define FIELD_CAUSES 50
#define FIELD_REPLY 200

/*
 * Returns the value of Bounce-Explanation: the title, ASCII, encoded words
 * where need be, folded. Absent if the arena failed.
 */
struct span field_explanation(struct arena *arena, struct span title);

/*
 * Returns the value of Bounce-Cause for a recipient, folded: the cause and
 * then parameters, those without a value left out. host is who says so.
 */
struct span field_cause(struct arena *arena,
    const struct recipient *recipient, const struct finding *finding,
    struct span host);

/*
 * Returns the host behind "by=" of a Bounce-Cause value, absent if it has
 * none.
 */
struct span field_cause_host(struct arena *arena, struct span value);

#endif
