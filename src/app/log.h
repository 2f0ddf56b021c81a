/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log: syslog for the daemon, standard error in the foreground.
 */
#ifndef APP_LOG_H
#define APP_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO };

/*
 * Opens the log under a program's name; foreground: standard error, with no
 * facility, and without name and number where that is the journal of systemd,
 * which adds them. Called before anything is logged; may be called again
 * before threads are made.
 */
void log_open(const char *name, int facility, bool foreground);

/* Writes one line of at most 2,000 bytes; line ends in it become blanks. */
void log_line(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
