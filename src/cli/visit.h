/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What doctor looks at, and how it tells what it finds: a line each.
 */
#ifndef CLI_VISIT_H
#define CLI_VISIT_H

#include <stdbool.h>
#include <stddef.h>

#include "app/settings.h"

#define VISIT_TEXT 4096		/* for a value of main.cf, a path */
#define VISIT_TIMEOUT 5		/* seconds for each answer of a milter */

struct visit {
	const struct settings *settings;
	const char *postfix;	/* configuration folder, NULL: default */
	char of[VISIT_TEXT];	/* "-c FOLDER" for what is pasted */
	char queue[VISIT_TEXT];	/* Postfix's queue directory */
	char endpoint[VISIT_TEXT];	/* our socket in main.cf */
	bool elsewhere;		/* it names another that explains */
	size_t faults;
};

/* The file with the settings, or where it should be. */
const char *visit_settings_file(const struct visit *visit);

/* The user that the daemon runs as. */
const char *visit_user(const struct visit *visit);

/* Tell what is right, and what is neither right nor wrong. */
void visit_good(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
void visit_remark(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* Tells a fault; the command that mends it follows by visit_mend(). */
void visit_fault(struct visit *visit, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void visit_mend(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

#endif
