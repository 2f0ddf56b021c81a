/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections of a milter client: bytes out and in.
 */
#include "milter_wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define READ_SIZE	((size_t)16 * 1024)
#define MAX_PACKET	((size_t)64 * 1024 * 1024)

int
wire_fail(struct milter_client *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(c->error, sizeof c->error, format, args);
	va_end(args);
	return MILTER_FAILED;
}

static int
wire_fail_errno(struct milter_client *c, const char *what)
{
	char text[128] = "";

	if (strerror_r(errno, text, sizeof text) != 0)
		snprintf(text, sizeof text, "error %d", errno);
	return wire_fail(c, "%s: %s", what, text);
}

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
sleep_us(int us)
{
	struct timespec t;

	t.tv_sec = us / 1000000;
	t.tv_nsec = (long)(us % 1000000) * 1000;
	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		;
}

/* Waits until the socket can be read or written. */
static int
wait_for(struct milter_client *c, int fd, short events, int64_t deadline)
{
	struct pollfd p;
	int64_t left;
	int r;

	p.fd = fd;
	p.events = events;
	do {
		left = deadline - now_ms();
		r = poll(&p, 1, left > 0 ? (int)left : 0);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return wire_fail_errno(c, "poll");
	return r > 0 ? 0 : wire_fail(c, "timeout");
}

void
milter_client_close(struct milter_client *c)
{
	size_t i;

	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	memset(&c->agreed, 0, sizeof c->agreed);
	for (i = 0; i < WIRE_SYMLISTS; i++) {
		free(c->symlists[i]);
		c->symlists[i] = NULL;
	}
	bytes_clear(&c->out);
	bytes_clear(&c->in);
	c->in_pos = 0;
}


void
milter_client_set_timeout(struct milter_client *c, int ms)
{
	c->timeout_ms = ms;
}

void
milter_client_set_pace(struct milter_client *c, size_t bytes, int pause_us)
{
	c->pace_bytes = bytes;
	c->pace_us = pause_us;
}

/* Connects a socket that does not block; a full unix backlog is waited out. */
static int
connect_by(struct milter_client *c, int fd, const struct sockaddr *addr,
    socklen_t len)
{
	int64_t deadline = now_ms() + c->timeout_ms;
	int error = 0;
	socklen_t size = sizeof error;

	while (connect(fd, addr, len) != 0) {
		if (errno == EINPROGRESS || errno == EINTR)
			break;
		if (errno != EAGAIN)
			return wire_fail_errno(c, "connect");
		if (now_ms() >= deadline)
			return wire_fail(c, "connect: timeout");
		sleep_us(1000);
	}
	if (wait_for(c, fd, POLLOUT, deadline) != 0)
		return MILTER_FAILED;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
		return wire_fail_errno(c, "connect");
	errno = error;
	return error == 0 ? 0 : wire_fail_errno(c, "connect");
}

/* A connected socket, or -1. */
static int
dial(struct milter_client *c, const struct sockaddr *addr, socklen_t len)
{
	int fd = socket(addr->sa_family, SOCK_STREAM, 0);
	int one = 1;

	if (fd < 0)
		return wire_fail_errno(c, "socket");
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		wire_fail_errno(c, "fcntl");
	else if (connect_by(c, fd, addr, len) == 0) {
		if (addr->sa_family != AF_UNIX)
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
			    sizeof one);
		return fd;
	}
	close(fd);
	return -1;
}

static int
dial_unix(struct milter_client *c, const char *path)
{
	struct sockaddr_un addr;

	if (strlen(path) >= sizeof addr.sun_path)
		return wire_fail(c, "socket path too long: %s", path);
	memset(&addr, 0, sizeof addr);
	addr.sun_family = AF_UNIX;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	return dial(c, (const struct sockaddr *)&addr, sizeof addr);
}

/* where: PORT or PORT@HOST */
static int
dial_inet(struct milter_client *c, const char *where, int family)
{
	struct addrinfo hints, *list, *a;
	const char *at = strchr(where, '@');
	const char *host = at ? at + 1 : "127.0.0.1";
	char port[32];
	int fd = -1, r;

	snprintf(port, sizeof port, "%.*s",
	    at ? (int)(at - where) : (int)strlen(where), where);
	memset(&hints, 0, sizeof hints);
	hints.ai_family = family;
	hints.ai_socktype = SOCK_STREAM;
	r = getaddrinfo(host, port, &hints, &list);
	if (r != 0)
		return wire_fail(c, "%s: %s", where, gai_strerror(r));
	for (a = list; a != NULL && fd < 0; a = a->ai_next)
		fd = dial(c, a->ai_addr, a->ai_addrlen);
	freeaddrinfo(list);
	return fd;
}

int
milter_client_open(struct milter_client *c, const char *socket)
{
	milter_client_close(c);
	if (strncmp(socket, "unix:", 5) == 0)
		c->fd = dial_unix(c, socket + 5);
	else if (strncmp(socket, "local:", 6) == 0)
		c->fd = dial_unix(c, socket + 6);
	else if (strncmp(socket, "inet:", 5) == 0)
		c->fd = dial_inet(c, socket + 5, AF_UNSPEC);
	else if (strncmp(socket, "inet6:", 6) == 0)
		c->fd = dial_inet(c, socket + 6, AF_INET6);
	else
		return wire_fail(c, "no unix: or inet: socket: %s", socket);
	return c->fd < 0 ? -1 : 0;
}


int
milter_client_flush(struct milter_client *c)
{
	int64_t deadline = now_ms() + c->timeout_ms;
	size_t done = 0, n;
	ssize_t sent;

	if (c->fd < 0)
		return wire_fail(c, "not connected");
	if (c->out.failed)
		return wire_fail(c, "out of memory");
	while (done < c->out.len) {
		n = c->out.len - done;
		if (c->pace_bytes > 0 && n > c->pace_bytes)
			n = c->pace_bytes;
		sent = send(c->fd, c->out.data + done, n, MSG_NOSIGNAL);
		if (sent >= 0) {
			done += (size_t)sent;
			if (c->pace_bytes > 0 && done < c->out.len)
				sleep_us(c->pace_us);
			deadline = now_ms() + c->timeout_ms;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			if (wait_for(c, c->fd, POLLOUT, deadline) != 0)
				return MILTER_FAILED;
		} else if (errno != EINTR) {
			return wire_fail_errno(c, "send");
		}
	}
	bytes_clear(&c->out);
	return 0;
}

void
milter_client_send_raw(struct milter_client *c, const void *bytes, size_t len)
{
	bytes_add(&c->out, bytes, len);
}

void
milter_client_send(struct milter_client *c, int command, const void *bytes,
    size_t len)
{
	uint32_t size = htonl((uint32_t)len + 1);

	bytes_add(&c->out, &size, sizeof size);
	bytes_add_byte(&c->out, (char)command);
	bytes_add(&c->out, bytes, len);
}

/* Reads what there is. 1: something, 0: the milter closed, or failure. */
static int
receive(struct milter_client *c, size_t want, int64_t deadline)
{
	ssize_t n;

	if (!bytes_reserve(&c->in, want > READ_SIZE ? want : READ_SIZE))
		return wire_fail(c, "out of memory");
	for (;;) {
		if (wait_for(c, c->fd, POLLIN, deadline) != 0)
			return MILTER_FAILED;
		n = recv(c->fd, c->in.data + c->in.len,
		    c->in.size - c->in.len, 0);
		if (n >= 0)
			break;
		if (errno == ECONNRESET)
			return 0;
		if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK)
			return wire_fail_errno(c, "receive");
	}
	c->in.len += (size_t)n;
	return n > 0;
}

/* Makes `want` unread bytes be there; moves them. */
static int
fill(struct milter_client *c, size_t want, int64_t deadline)
{
	size_t have = c->in.len - c->in_pos;
	int r;

	if (have >= want)
		return 0;
	if (have > 0)
		memmove(c->in.data, c->in.data + c->in_pos, have);
	c->in.len = have;
	c->in_pos = 0;
	while (c->in.len < want) {
		r = receive(c, want - c->in.len, deadline);
		if (r == 0)
			return wire_fail(c, "the milter closed the connection");
		if (r < 0)
			return MILTER_FAILED;
	}
	return 0;
}

int
wire_read(struct milter_client *c, struct wire_packet *p)
{
	int64_t deadline = now_ms() + c->timeout_ms;
	uint32_t len;

	if (fill(c, sizeof len, deadline) != 0)
		return MILTER_FAILED;
	memcpy(&len, c->in.data + c->in_pos, sizeof len);
	len = ntohl(len);
	if (len < 1 || len > MAX_PACKET)
		return wire_fail(c, "packet of %lu bytes", (unsigned long)len);
	if (fill(c, sizeof len + len, deadline) != 0)
		return MILTER_FAILED;
	p->kind = (unsigned char)c->in.data[c->in_pos + sizeof len];
	p->data = c->in.data + c->in_pos + sizeof len + 1;
	p->len = len - 1;
	c->in_pos += sizeof len + len;
	return 0;
}

int
milter_client_wait_close(struct milter_client *c)
{
	int64_t deadline = now_ms() + c->timeout_ms;
	int r;

	if (c->fd < 0)
		return wire_fail(c, "not connected");
	if (c->out.len > 0 && milter_client_flush(c) != 0 &&
	    (errno == EPIPE || errno == ECONNRESET))
		return 0;
	do {
		bytes_clear(&c->in);
		c->in_pos = 0;
		r = receive(c, 1, deadline);
	} while (r > 0);
	return r;
}
