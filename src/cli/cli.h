/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands of whybounce. Each gets its arguments with its own name first,
 * as main() does, and returns the exit status.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "app/settings.h"
#include "base/span.h"

#define EXIT_USAGE 64		/* sysexits.h: the words of the call */
#define EXIT_TEMPORARY 75	/* try again later */

int command_show(int argc, char **argv);
int command_filter(int argc, char **argv);
int command_explain(int argc, char **argv);
int command_check(int argc, char **argv);
int command_doctor(int argc, char **argv);

/* Tells a fault on standard error as "whybounce: file:line: what". */
void cli_tell_fault(void *context, const char *file, unsigned line,
    const char *what);

/* Loads the settings (-c FILE, or NULL); NULL after telling why not. */
struct settings *cli_settings(const char *path);

/*
 * Reads a file whole, "-" being standard input. The bytes are the caller's to
 * free(); NULL with errno set if that failed or it is longer than limit.
 */
char *cli_read(const char *path, size_t limit, size_t *len);

/*
 * Reads a descriptor to its end. *error becomes 0, or why that failed; what
 * was read until then is returned all the same (NULL: nothing), for free().
 */
char *cli_read_descriptor(int descriptor, size_t limit, size_t *len,
    int *error);

/* Prints how a command is called, to standard error; returns EXIT_USAGE. */
int cli_usage(const char *command);

#endif
