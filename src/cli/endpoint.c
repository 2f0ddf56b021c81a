/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/endpoint.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LONGEST 8192		/* queue directory and path */

const char *
endpoint_path(const char *socket)
{
	const char *colon = strchr(socket, ':');

	return colon != NULL && (strncmp(socket, "unix:", 5) == 0 ||
	    strncmp(socket, "local:", 6) == 0) ? colon + 1 : NULL;
}

const char *
endpoint_below(const char *queue, const char *path)
{
	size_t len = strlen(queue);

	if (len == 0 || strncmp(path, queue, len) != 0 || path[len] != '/')
		return NULL;
	return path + len + 1;
}

void
endpoint_name(char *name, size_t size, const char *socket, const char *queue)
{
	const char *path = endpoint_path(socket), *at, *below;
	const char *port = strchr(socket, ':') + 1;

	if (path != NULL) {
		below = endpoint_below(queue, path);
		snprintf(name, size, "unix:%s", below != NULL ? below : path);
		return;
	}
	at = strchr(port, '@');
	if (at == NULL)
		snprintf(name, size, "inet:localhost:%s", port);
	else
		snprintf(name, size, "inet:%s:%.*s", at + 1,
		    (int)(at - port), port);
}

static bool
is_loopback(struct span host)
{
	return span_equal_nocase(host, SPAN("localhost")) ||
	    span_equal(host, SPAN("127.0.0.1")) ||
	    span_equal(host, SPAN("::1")) || span_equal(host, SPAN("[::1]"));
}

/* Is "host:port" our "port@host"? A socket without host is on all of them. */
static bool
is_our_port(struct span name, struct span ours)
{
	struct span port = ours, host = SPAN_ABSENT;
	size_t colon = name.len, at = 0;

	while (at < ours.len && ours.p[at] != '@')
		at++;
	if (at < ours.len) {
		port = span_first(ours, at);
		host = span_from(ours, at + 1);
	}
	while (colon > 0 && name.p[colon - 1] != ':')
		colon--;
	if (colon == 0 || !span_equal(span_from(name, colon), port))
		return false;
	name = span_first(name, colon - 1);
	return host.len == 0 || span_equal(host, SPAN("0.0.0.0")) ||
	    span_equal_nocase(host, name) ||
	    (is_loopback(host) && is_loopback(name));
}

/*
 * Writes a path of main.cf as it is from outside: what does not begin with a
 * slash, or is named in a chroot, counts from the queue directory.
 */
static void
path_in_queue(char path[LONGEST], const char *queue, struct span name)
{
	snprintf(path, LONGEST, "%s%s%.*s", queue,
	    name.len > 0 && name.p[0] == '/' ? "" : "/", (int)name.len,
	    name.p);
}

bool
endpoint_is(struct span name, const char *socket, const char *queue)
{
	const char *path = endpoint_path(socket);
	char full[LONGEST];

	if (path == NULL)
		return span_starts_nocase(name, SPAN("inet:")) &&
		    is_our_port(span_from(name, 5),
		    span_of(strchr(socket, ':') + 1));
	if (!span_starts_nocase(name, SPAN("unix:")))
		return false;
	name = span_from(name, 5);
	if (span_equal(name, span_of(path)))
		return true;
	path_in_queue(full, queue, name);
	return strcmp(full, path) == 0;
}

void
endpoint_socket(char *socket, size_t size, struct span name,
    const char *queue)
{
	bool inet = span_starts_nocase(name, SPAN("inet:"));
	char path[LONGEST];
	struct span port;
	struct stat st;
	size_t colon;

	name = span_from(name, 5);
	if (!inet) {
		path_in_queue(path, queue, name);
		if (name.len > 0 && name.p[0] == '/' && stat(path, &st) != 0)
			snprintf(path, sizeof(path), "%.*s", (int)name.len,
			    name.p);
		snprintf(socket, size, "unix:%s", path);
		return;
	}
	for (colon = name.len; colon > 0 && name.p[colon - 1] != ':';)
		colon--;
	port = span_from(name, colon);
	name = span_first(name, colon > 0 ? colon - 1 : 0);
	if (name.len > 1 && name.p[0] == '[')
		name = span_first(span_from(name, 1), name.len - 2);
	snprintf(socket, size, "inet:%.*s@%.*s", (int)port.len, port.p,
	    (int)name.len, name.p);
}
