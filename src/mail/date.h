/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dates of header fields: RFC 5322 section 3.3, and the older forms of its
 * section 4.3.
 */
#ifndef MAIL_DATE_H
#define MAIL_DATE_H

#include <stdbool.h>

#include "base/span.h"

/* As it stands in the field: the writer's own clock and zone. */
struct date {
	unsigned year;		/* 1970 to 9999 */
	unsigned month;		/* 1 to 12 */
	unsigned day;		/* 1 to 31 */
	unsigned hour;
	unsigned minute;
};

/* Reads a date; false, and *date undefined, if it is none. */
bool date_parse(struct span value, struct date *date);

#endif
