/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sizes and times to wait, read as mail servers write them and written as a
 * language writes them.
 */
#ifndef EXPLAIN_QUANTITY_H
#define EXPLAIN_QUANTITY_H

#include "base/span.h"
#include "explain/phrase.h"

/*
 * Returns a size as the language writes it: "26214400", "25600 KB" and "25MB"
 * become "25 MB". What is no size comes back as it is.
 */
struct span quantity_size(const struct phrases *phrases, struct span value);

/*
 * Returns a time as the language writes it, in whole seconds, minutes or
 * hours: "300 seconds", "5m" and "0:05:00" become "5 min". Absent if it is no
 * time, or one without a unit.
 */
struct span quantity_time(const struct phrases *phrases, struct span value);

#endif
