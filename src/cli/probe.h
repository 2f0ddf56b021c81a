/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A test bounce for the running daemon, over the milter protocol.
 */
#ifndef CLI_PROBE_H
#define CLI_PROBE_H

#include <stdbool.h>

struct probe {
	int timeout;		/* seconds for each answer */
	bool connected;
	bool denied;		/* not connected: this user may not */
	bool answered;		/* a verdict came */
	bool annotated;		/* with a Bounce-Cause field */
	double seconds;		/* from connecting to the verdict */
	char error[200];	/* what went wrong, empty: nothing */
};

/*
 * Connects to a socket in libmilter's notation (unix:/path, inet:port@host),
 * sends a bounce for nobody@example.org and waits for the verdict, at most
 * timeout seconds for each answer.
 */
void probe_run(struct probe *probe, const char *socket, int timeout);

#endif
