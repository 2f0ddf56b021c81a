/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One socket by two names: libmilter's and the settings' ("unix:/path",
 * "inet:port@host") and main.cf's ("unix:path", "inet:host:port"), where a
 * path may count from Postfix's queue directory.
 */
#ifndef CLI_ENDPOINT_H
#define CLI_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

/* The path of a unix socket in the settings, NULL if it is none. */
const char *endpoint_path(const char *socket);

/* Returns what follows the queue directory in path, NULL if nothing does. */
const char *endpoint_below(const char *queue, const char *path);

/* Writes how main.cf names a socket of the settings. */
void endpoint_name(char *name, size_t size, const char *socket,
    const char *queue);

/* Does a name in main.cf mean this socket of the settings? */
bool endpoint_is(struct span name, const char *socket, const char *queue);

/* Writes a name in main.cf as the settings would have it. */
void endpoint_socket(char *socket, size_t size, struct span name,
    const char *queue);

#endif
