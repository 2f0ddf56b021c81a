/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The milter: libmilter's callbacks. Whatever happens in them, the mail goes
 * on: untouched, if it is not annotated.
 */
#ifndef DAEMON_MILTER_H
#define DAEMON_MILTER_H

#include <stdbool.h>

/*
 * Registers the callbacks and opens the socket ("unix:/path",
 * "inet:port@host"), removing a stale one; then sets what makes it fast.
 * Returns false after logging why not. Called once.
 */
bool milter_open(const char *socket);

/* Serves until a signal ends it (SIGTERM, SIGINT, SIGHUP); returns 0 if that
 * was in order. Then no mail is being worked on any more, or half a minute
 * passed in vain: false in *idle. */
int milter_serve(bool *idle);

#endif
