/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "cause/matcher.h"

/* Commands and replies of the milter protocol (libmilter/mfdef.h). */
enum {
	COMMAND_NEGOTIATE = 'O', COMMAND_MAIL = 'M', COMMAND_RCPT = 'R',
	COMMAND_HEADER = 'L', COMMAND_END_OF_HEADER = 'N',
	COMMAND_BODY = 'B', COMMAND_END_OF_BODY = 'E', COMMAND_QUIT = 'Q',
	REPLY_CONTINUE = 'c', REPLY_ACCEPT = 'a', REPLY_SKIP = 's',
	REPLY_INSERT_HEADER = 'i', REPLY_CHANGE_HEADER = 'm',
	REPLY_REPLACE_BODY = 'b', REPLY_PROGRESS = 'p'
};

/* What we offer: protocol 6, all actions, and steps that may be skipped. */
#define VERSION_OFFERED 6
#define ACTIONS_OFFERED 0x1ff
#define STEPS_OFFERED 0x1fffff

/* Of these steps the milter may say that it does not want the command, or
 * gives no reply to it. */
static const struct step {
	char command;
	uint32_t unwanted;
	uint32_t no_reply;
} steps[] = {
	{ COMMAND_MAIL, 0x4, 0x4000 }, { COMMAND_RCPT, 0x8, 0x8000 },
	{ COMMAND_HEADER, 0x20, 0x80 },
	{ COMMAND_END_OF_HEADER, 0x40, 0x40000 },
	{ COMMAND_BODY, 0x10, 0x80000 },
};

#define LARGEST_PACKET 65536

static const char *const fields[][2] = {
	{ "From", "MAILER-DAEMON@doctor.example.org (Mail Delivery System)" },
	{ "To", "nobody@example.org" },
	{ "Subject", "Undelivered Mail Returned to Sender" },
	{ "MIME-Version", "1.0" },
	{ "Content-Type", "multipart/report; report-type=delivery-status;"
	    " boundary=\"doctor\"" },
};

static const char body[] =
    "--doctor\r\nContent-Type: text/plain\r\n\r\n"
    "A test by whybounce doctor.\r\n\r\n"
    "--doctor\r\nContent-Type: message/delivery-status\r\n\r\n"
    "Reporting-MTA: dns; doctor.example.org\r\n\r\n"
    "Final-Recipient: rfc822; nobody@example.com\r\nAction: failed\r\n"
    "Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 User unknown\r\n\r\n"
    "--doctor--\r\n";

static void __attribute__((format(printf, 2, 3)))
fail(struct probe *probe, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(probe->error, sizeof(probe->error), format, ap);
	va_end(ap);
}

static int
dial_unix(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address,
	    sizeof(address)) != 0) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

/* Dials "port@host"; no host is this machine. */
static int
dial_inet(const char *where)
{
	const char *at = strchr(where, '@');
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list, *a;
	char port[32];
	int fd = -1, yes = 1;

	snprintf(port, sizeof(port), "%.*s",
	    (int)(at != NULL ? (size_t)(at - where) : strlen(where)), where);
	if (getaddrinfo(at != NULL ? at + 1 : "localhost", port, &hints,
	    &list) != 0) {
		errno = EHOSTUNREACH;
		return -1;
	}
	for (a = list; a != NULL && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	/* Small packets would wait for each other's receipt. */
	if (fd >= 0)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	return fd;
}

static int
dial(const char *where, int timeout)
{
	struct timeval limit = { .tv_sec = timeout };
	const char *colon = strchr(where, ':');
	int fd;

	if (colon == NULL) {
		errno = EINVAL;
		return -1;
	}
	fd = where[0] == 'i' ? dial_inet(colon + 1) : dial_unix(colon + 1);
	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	}
	return fd;
}

static bool
transfer(int fd, void *bytes, size_t len, bool out)
{
	char *p = bytes;

	while (len > 0) {
		ssize_t n = out ? send(fd, p, len, MSG_NOSIGNAL) :
		    recv(fd, p, len, 0);

		if (n <= 0 && !(n < 0 && errno == EINTR))
			return false;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return true;
}

static bool
send_packet(int fd, char command, const void *data, size_t len)
{
	char packet[2048];
	uint32_t size = htonl((uint32_t)len + 1);

	if (len + 5 > sizeof(packet))
		return false;
	memcpy(packet, &size, 4);
	packet[4] = command;
	if (len > 0)
		memcpy(packet + 5, data, len);
	return transfer(fd, packet, len + 5, true);
}

/* Reads a packet; returns its command, '\0' if none came. */
static char
read_packet(int fd, char *data, size_t *len)
{
	uint32_t size;

	if (!transfer(fd, &size, 4, false))
		return '\0';
	size = ntohl(size);
	if (size == 0 || size > LARGEST_PACKET ||
	    !transfer(fd, data, size, false))
		return '\0';
	*len = size - 1;
	return data[0];
}

/* Reads replies up to a verdict on the command; notes changes on the way. */
static char
read_verdict(struct probe *probe, int fd)
{
	static const char field[] = "Bounce-Cause";
	double end = matcher_clock() + probe->timeout;
	char data[LARGEST_PACKET];
	size_t len;
	char reply;

	for (;;) {
		/* "Not done yet" for ever is no answer. */
		if (matcher_clock() > end) {
			errno = EAGAIN;
			return '\0';
		}
		reply = read_packet(fd, data, &len);
		if (reply == REPLY_INSERT_HEADER &&
		    len > 4 + sizeof(field) &&
		    strncasecmp(data + 5, field, sizeof(field)) == 0)
			probe->annotated = true;
		if (reply != REPLY_INSERT_HEADER &&
		    reply != REPLY_CHANGE_HEADER &&
		    reply != REPLY_REPLACE_BODY && reply != REPLY_PROGRESS)
			return reply;
	}
}

static bool
negotiate(int fd, uint32_t *agreed)
{
	uint32_t offer[3] = { htonl(VERSION_OFFERED), htonl(ACTIONS_OFFERED),
	    htonl(STEPS_OFFERED) };
	char data[LARGEST_PACKET];
	size_t len;

	if (!send_packet(fd, COMMAND_NEGOTIATE, offer, sizeof(offer)) ||
	    read_packet(fd, data, &len) != COMMAND_NEGOTIATE || len < 12)
		return false;
	memcpy(agreed, data + 9, 4);
	*agreed = ntohl(*agreed);
	return true;
}

/* A connection and what was agreed upon for it. */
struct talk {
	struct probe *probe;
	int fd;
	uint32_t agreed;
};

/* Sends a command as agreed; false if the milter does not go on. */
static bool
take_step(const struct talk *talk, char command, const void *data, size_t len)
{
	const struct step *step = steps;
	char reply;

	while (step->command != command)
		step++;
	if (talk->agreed & step->unwanted)
		return true;
	if (!send_packet(talk->fd, command, data, len))
		return false;
	if (talk->agreed & step->no_reply)
		return true;
	reply = read_verdict(talk->probe, talk->fd);
	return reply == REPLY_CONTINUE || reply == REPLY_SKIP;
}

static bool
send_fields(const struct talk *talk)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		char data[300];
		int len = snprintf(data, sizeof(data), "%s%c%s", fields[i][0],
		    '\0', fields[i][1]) + 1;

		if (!take_step(talk, COMMAND_HEADER, data, (size_t)len))
			return false;
	}
	return true;
}

static bool
send_bounce(struct probe *probe, int fd)
{
	struct talk talk = { .probe = probe, .fd = fd };
	char verdict;

	if (!negotiate(fd, &talk.agreed))
		return false;
	if (!take_step(&talk, COMMAND_MAIL, "<>", 3) ||
	    !take_step(&talk, COMMAND_RCPT, "<nobody@example.org>", 21) ||
	    !send_fields(&talk) ||
	    !take_step(&talk, COMMAND_END_OF_HEADER, NULL, 0) ||
	    !take_step(&talk, COMMAND_BODY, body, sizeof(body) - 1) ||
	    !send_packet(fd, COMMAND_END_OF_BODY, NULL, 0))
		return false;
	verdict = read_verdict(probe, fd);
	send_packet(fd, COMMAND_QUIT, NULL, 0);
	return verdict == REPLY_ACCEPT || verdict == REPLY_CONTINUE;
}

void
probe_run(struct probe *probe, const char *socket, int timeout)
{
	double start = matcher_clock();
	int fd = dial(socket, timeout);

	*probe = (struct probe){ .timeout = timeout, .connected = fd >= 0 };
	if (fd < 0) {
		probe->denied = errno == EACCES || errno == EPERM;
		fail(probe, "%s", strerror(errno));
		return;
	}
	errno = 0;
	probe->answered = send_bounce(probe, fd);
	probe->seconds = matcher_clock() - start;
	if (!probe->answered)
		fail(probe, "%s", errno == EAGAIN || errno == EWOULDBLOCK ?
		    "no answer in time" : "the answers were not those of "
		    "whybounced");
	close(fd);
}
