/* SPDX-License-Identifier: BSD-2-Clause */
#include "milter_client.h"

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
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BODY_CHUNK	65535			/* of Postfix and Sendmail */
#define FLUSH_AT	((size_t)256 * 1024)	/* do not gather more */
#define READ_SIZE	((size_t)16 * 1024)
#define MAX_PACKET	((size_t)64 * 1024 * 1024)
#define DEFAULT_TIMEOUT	60000
#define NSYMLISTS	(SMFIM_EOH + 1)

/*
 * Bytes that grow. Out of memory is remembered in `failed`, to be tested once
 * before the bytes are used.
 */
struct bytes {
	char *data;
	size_t len, size;
	bool failed;
};

/* Makes `used + more` elements fit; returns the array, or NULL (it stays). */
static void *
array_grow(void *array, size_t *size, size_t used, size_t more, size_t element)
{
	size_t want = *size ? *size : 16;
	void *grown;

	if (more <= *size - used)
		return array;
	while (want - used < more) {
		if (want > SIZE_MAX / 2 / element)
			return NULL;
		want *= 2;
	}
	grown = realloc(array, want * element);
	if (grown != NULL)
		*size = want;
	return grown;
}

static bool
bytes_reserve(struct bytes *b, size_t more)
{
	char *grown = array_grow(b->data, &b->size, b->len, more, 1);

	if (grown == NULL)
		b->failed = true;
	else
		b->data = grown;
	return !b->failed;
}

static void
bytes_add(struct bytes *b, const void *data, size_t len)
{
	if (len == 0 || b->failed || !bytes_reserve(b, len))
		return;
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

static void
bytes_add_byte(struct bytes *b, char byte)
{
	bytes_add(b, &byte, 1);
}

/* The string with the NUL at its end. */
static void
bytes_add_string(struct bytes *b, const char *string)
{
	bytes_add(b, string, strlen(string) + 1);
}

static void
bytes_clear(struct bytes *b)
{
	b->len = 0;
	b->failed = false;
}

/* The text with every line end (LF or CRLF) as LF or as CRLF. */
static void
bytes_add_lines(struct bytes *b, const char *text, size_t len, bool crlf)
{
	const char *end = text + len, *lf;
	size_t n;

	for (; text < end; text = lf + 1) {
		lf = memchr(text, '\n', (size_t)(end - text));
		if (lf == NULL) {
			bytes_add(b, text, (size_t)(end - text));
			return;
		}
		n = (size_t)(lf - text);
		if (n > 0 && text[n - 1] == '\r')
			n--;
		bytes_add(b, text, n);
		bytes_add(b, crlf ? "\r\n" : "\n", crlf ? 2 : 1);
	}
}

/*
 * Messages
 */

/* Where the line that starts at `pos` ends, its line end included. */
static size_t
line_end(const char *bytes, size_t len, size_t pos)
{
	const char *lf = memchr(bytes + pos, '\n', len - pos);

	return lf == NULL ? len : (size_t)(lf - bytes) + 1;
}

/* The length of an empty line at `pos`, 0 if it is not one. */
static size_t
empty_line(const char *bytes, size_t len, size_t pos)
{
	if (pos < len && bytes[pos] == '\n')
		return 1;
	if (len - pos >= 2 && memcmp(bytes + pos, "\r\n", 2) == 0)
		return 2;
	return 0;
}

/* The length of the header name at `pos`, 0 if no header starts there. */
static size_t
header_name(const char *bytes, size_t len, size_t pos)
{
	size_t n = 0, colon;

	while (pos + n < len && bytes[pos + n] > 32 && bytes[pos + n] < 127 &&
	    bytes[pos + n] != ':')
		n++;
	colon = pos + n;
	while (colon < len && (bytes[colon] == ' ' || bytes[colon] == '\t'))
		colon++;
	return colon < len && bytes[colon] == ':' ? n : 0;
}

/* The value as in struct milter_header; NULL when out of memory. */
static char *
header_value(const char *bytes, size_t len)
{
	char *value = malloc(len + 1);
	size_t i, n = 0;

	if (value == NULL)
		return NULL;
	for (i = 0; i < len; i++) {
		if (bytes[i] == '\0' || (bytes[i] == '\r' &&
		    i + 1 < len && bytes[i + 1] == '\n'))
			continue;
		value[n++] = bytes[i];
	}
	if (n > 0 && value[n - 1] == '\n')
		n--;
	value[n] = '\0';
	return value;
}

/* Takes the header at *pos, moves *pos behind it. */
static int
message_take_header(struct milter_message *msg, size_t *size, const char *bytes,
    size_t len, size_t *pos)
{
	struct milter_header *headers, *h;
	size_t start = *pos, end = line_end(bytes, len, *pos), colon;

	while (end < len && (bytes[end] == ' ' || bytes[end] == '\t'))
		end = line_end(bytes, len, end);
	headers = array_grow(msg->headers, size, msg->nheaders, 1,
	    sizeof *headers);
	if (headers == NULL)
		return -1;
	msg->headers = headers;
	h = &headers[msg->nheaders];
	h->name = strndup(bytes + start, header_name(bytes, len, start));
	colon = (size_t)((char *)memchr(bytes + start, ':', end - start) -
	    bytes);
	h->value = header_value(bytes + colon + 1, end - colon - 1);
	msg->nheaders++;
	*pos = end;
	return h->name != NULL && h->value != NULL ? 0 : -1;
}

int
milter_message_parse(struct milter_message *msg, const char *bytes, size_t len)
{
	size_t pos = 0, size = 0;
	struct bytes body = { 0 };

	memset(msg, 0, sizeof *msg);
	if (len >= 5 && memcmp(bytes, "From ", 5) == 0)
		pos = line_end(bytes, len, 0);
	while (pos < len && header_name(bytes, len, pos) > 0) {
		if (message_take_header(msg, &size, bytes, len, &pos) != 0) {
			milter_message_release(msg);
			return -1;
		}
	}
	if (pos < len)
		pos += empty_line(bytes, len, pos);
	bytes_add_lines(&body, bytes + pos, len - pos, true);
	msg->body = body.data;
	msg->body_len = body.len;
	if (body.failed) {
		milter_message_release(msg);
		return -1;
	}
	return 0;
}

int
milter_message_read(struct milter_message *msg, const char *path)
{
	FILE *f = fopen(path, "rb");
	struct bytes text = { 0 };
	size_t n;
	int r = -1, saved;

	if (f == NULL)
		return -1;
	while (bytes_reserve(&text, READ_SIZE) && (n = fread(text.data +
	    text.len, 1, text.size - text.len, f)) > 0)
		text.len += n;
	if (text.failed)
		errno = ENOMEM;
	else if (!ferror(f))
		r = milter_message_parse(msg, text.data, text.len);
	saved = errno;
	fclose(f);
	free(text.data);
	errno = saved;
	return r;
}

void
milter_message_release(struct milter_message *msg)
{
	size_t i;

	for (i = 0; i < msg->nheaders; i++) {
		free(msg->headers[i].name);
		free(msg->headers[i].value);
	}
	free(msg->headers);
	free(msg->body);
	memset(msg, 0, sizeof *msg);
}

char *
milter_message_format(const struct milter_message *msg, bool crlf, size_t *len)
{
	const char *eol = crlf ? "\r\n" : "\n";
	const struct milter_header *h;
	struct bytes out = { 0 };
	size_t i;

	for (i = 0; i < msg->nheaders; i++) {
		h = &msg->headers[i];
		bytes_add(&out, h->name, strlen(h->name));
		bytes_add_byte(&out, ':');
		bytes_add_lines(&out, h->value, strlen(h->value), crlf);
		bytes_add(&out, eol, strlen(eol));
	}
	bytes_add(&out, eol, strlen(eol));
	bytes_add_lines(&out, msg->body, msg->body_len, crlf);
	if (out.failed) {
		free(out.data);
		return NULL;
	}
	*len = out.len;
	return out.data;
}

bool
milter_message_equal(const struct milter_message *a,
    const struct milter_message *b)
{
	size_t i;

	if (a->nheaders != b->nheaders || a->body_len != b->body_len)
		return false;
	for (i = 0; i < a->nheaders; i++)
		if (strcmp(a->headers[i].name, b->headers[i].name) != 0 ||
		    strcmp(a->headers[i].value, b->headers[i].value) != 0)
			return false;
	return a->body_len == 0 ||
	    memcmp(a->body, b->body, a->body_len) == 0;
}

/*
 * Changes
 *
 * While they are applied, the first place of the list stands for the MTA's own
 * Received header (no name), and a header that Sendmail deleted has no value.
 */

static int
header_set(struct milter_header *h, const char *name, const char *value,
    bool leadspc)
{
	size_t len = strlen(value);

	free(h->name);
	free(h->value);
	h->name = strdup(name);
	h->value = malloc(len + 2);
	if (h->name == NULL || h->value == NULL)
		return -1;
	h->value[0] = ' ';
	memcpy(h->value + (leadspc ? 0 : 1), value, len + 1);
	return 0;
}

/* There is room in msg->headers: see milter_changes_apply(). */
static int
header_insert(struct milter_message *msg, size_t at,
    const struct milter_change *change, bool leadspc)
{
	struct milter_header *h = &msg->headers[at];

	memmove(h + 1, h, (msg->nheaders - at) * sizeof *h);
	msg->nheaders++;
	h->name = NULL;
	h->value = NULL;
	return header_set(h, change->name, change->value, leadspc);
}

static void
header_remove(struct milter_message *msg, size_t at)
{
	struct milter_header *h = &msg->headers[at];

	free(h->name);
	free(h->value);
	msg->nheaders--;
	memmove(h, h + 1, (msg->nheaders - at) * sizeof *h);
}

/* The place of the index-th header of that name; nheaders if there is none. */
static size_t
header_find(const struct milter_message *msg, const char *name, uint32_t index)
{
	size_t i;

	for (i = 0; i < msg->nheaders; i++)
		if (msg->headers[i].name != NULL &&
		    strcasecmp(msg->headers[i].name, name) == 0 && --index == 0)
			break;
	return i;
}

static int
change_add(const struct milter_change *change, enum milter_mta mta,
    bool leadspc, struct milter_message *msg)
{
	size_t at = mta == MILTER_SENDMAIL ?
	    header_find(msg, change->name, 1) : msg->nheaders;

	return header_insert(msg, at, change, leadspc);
}

static int
change_change(const struct milter_change *change, enum milter_mta mta,
    bool leadspc, struct milter_message *msg)
{
	size_t at = header_find(msg, change->name,
	    change->index == 0 ? 1 : change->index);
	bool remove = change->value[0] == '\0';

	if (at == msg->nheaders)
		return remove ? 0 : change_add(change, mta, leadspc, msg);
	if (!remove)
		return header_set(&msg->headers[at], change->name,
		    change->value, leadspc);
	if (mta == MILTER_SENDMAIL) {
		free(msg->headers[at].value);
		msg->headers[at].value = NULL;
	} else {
		header_remove(msg, at);
	}
	return 0;
}

static int
change_apply(const struct milter_change *change, enum milter_mta mta,
    bool leadspc, struct milter_message *msg)
{
	switch (change->kind) {
	case SMFIR_ADDHEADER:
		return change_add(change, mta, leadspc, msg);
	case SMFIR_INSHEADER:
		return header_insert(msg, change->index < msg->nheaders ?
		    change->index : msg->nheaders, change, leadspc);
	case SMFIR_CHGHEADER:
		return change_change(change, mta, leadspc, msg);
	default:
		return 0;
	}
}

static int
body_apply(const struct milter_changes *changes, enum milter_mta mta,
    const struct milter_message *in, struct milter_message *out)
{
	struct bytes body = { 0 };

	if (changes->body_chunks == 0) {
		bytes_add(&body, in->body, in->body_len);
	} else {
		bytes_add_lines(&body, changes->body, changes->body_len, true);
		if (mta == MILTER_POSTFIX && body.len > 0 &&
		    body.data[body.len - 1] != '\n')
			bytes_add(&body, "\r\n", 2);
	}
	out->body = body.data;
	out->body_len = body.len;
	return body.failed ? -1 : 0;
}

int
milter_changes_apply(const struct milter_changes *changes, enum milter_mta mta,
    const struct milter_message *in, struct milter_message *out)
{
	size_t i, most = 1 + in->nheaders + changes->n;
	int r = 0;

	memset(out, 0, sizeof *out);
	out->headers = calloc(most, sizeof *out->headers);
	if (out->headers == NULL)
		return -1;
	out->nheaders = 1;
	for (i = 0; i < in->nheaders && r == 0; i++)
		r = header_set(&out->headers[out->nheaders++],
		    in->headers[i].name, in->headers[i].value, true);
	for (i = 0; i < changes->n && r == 0; i++)
		r = change_apply(&changes->list[i], mta, changes->leadspc, out);
	for (i = out->nheaders; i-- > 0;)
		if (out->headers[i].value == NULL)
			header_remove(out, i);
	if (r == 0)
		r = body_apply(changes, mta, in, out);
	if (r != 0)
		milter_message_release(out);
	return r;
}

/*
 * The protocol in tables
 */

struct step {
	int command;
	const char *name;
	uint32_t not_sent;	/* SMFIP_ that rules it out */
	uint32_t not_answered;	/* SMFIP_ that saves the reply */
	uint32_t since;		/* protocol version */
	int symlist;		/* SMFIM_ of its macros; -1: has no list */
};

static const struct step steps[] = {
	{ SMFIC_CONNECT, "connect", SMFIP_NOCONNECT, SMFIP_NR_CONN, 2,
	    SMFIM_CONNECT },
	{ SMFIC_HELO, "helo", SMFIP_NOHELO, SMFIP_NR_HELO, 2, SMFIM_HELO },
	{ SMFIC_MAIL, "mail", SMFIP_NOMAIL, SMFIP_NR_MAIL, 2, SMFIM_ENVFROM },
	{ SMFIC_RCPT, "rcpt", SMFIP_NORCPT, SMFIP_NR_RCPT, 2, SMFIM_ENVRCPT },
	{ SMFIC_DATA, "data", SMFIP_NODATA, SMFIP_NR_DATA, 4, SMFIM_DATA },
	{ SMFIC_UNKNOWN, "unknown", SMFIP_NOUNKNOWN, SMFIP_NR_UNKN, 3, -1 },
	{ SMFIC_HEADER, "header", SMFIP_NOHDRS, SMFIP_NR_HDR, 2, SMFIM_EOH },
	{ SMFIC_EOH, "eoh", SMFIP_NOEOH, SMFIP_NR_EOH, 2, SMFIM_EOH },
	{ SMFIC_BODY, "body", SMFIP_NOBODY, SMFIP_NR_BODY, 2, SMFIM_EOM },
	{ SMFIC_BODYEOB, "eom", 0, 0, 2, SMFIM_EOM },
};

/* NULL if it is not one that is answered. */
static const struct step *
step_find(int command)
{
	size_t i;

	for (i = 0; i < sizeof steps / sizeof steps[0]; i++)
		if (steps[i].command == command)
			return &steps[i];
	return NULL;
}

struct edit {
	int kind;
	uint32_t action;	/* SMFIF_ that must have been agreed on */
	bool has_index;
	bool is_header;
	size_t least, most;	/* how many strings */
};

static const struct edit edits[] = {
	{ SMFIR_ADDHEADER, SMFIF_ADDHDRS, false, true, 2, 2 },
	{ SMFIR_INSHEADER, SMFIF_ADDHDRS, true, true, 2, 2 },
	{ SMFIR_CHGHEADER, SMFIF_CHGHDRS, true, true, 2, 2 },
	{ SMFIR_CHGFROM, SMFIF_CHGFROM, false, false, 1, 2 },
	{ SMFIR_ADDRCPT, SMFIF_ADDRCPT, false, false, 1, 1 },
	{ SMFIR_ADDRCPT_PAR, SMFIF_ADDRCPT_PAR, false, false, 1, 2 },
	{ SMFIR_DELRCPT, SMFIF_DELRCPT, false, false, 1, 1 },
	{ SMFIR_QUARANTINE, SMFIF_QUARANTINE, false, false, 1, 1 },
	{ SMFIR_REPLBODY, SMFIF_CHGBODY, false, false, 0, 0 },
};

/* NULL if it is no request to edit. */
static const struct edit *
edit_find(int kind)
{
	size_t i;

	for (i = 0; i < sizeof edits / sizeof edits[0]; i++)
		if (edits[i].kind == kind)
			return &edits[i];
	return NULL;
}

const char *
milter_command_name(int command)
{
	const struct step *step = step_find(command);

	return step == NULL ? "?" : step->name;
}

const char *
milter_reply_name(int reply)
{
	switch (reply) {
	case MILTER_FAILED:	return "failed";
	case MILTER_NO_REPLY:	return "none";
	case SMFIR_ACCEPT:	return "accept";
	case SMFIR_CONTINUE:	return "continue";
	case SMFIR_DISCARD:	return "discard";
	case SMFIR_REJECT:	return "reject";
	case SMFIR_TEMPFAIL:	return "tempfail";
	case SMFIR_REPLYCODE:	return "replycode";
	case SMFIR_SKIP:	return "skip";
	case SMFIR_CONN_FAIL:	return "connfail";
	case SMFIR_SHUTDOWN:	return "shutdown";
	default:		return "?";
	}
}

/*
 * Connections
 */

struct milter_client {
	int fd;				/* -1: closed */
	int timeout_ms;
	size_t pace_bytes;		/* 0: no pauses */
	int pace_us;
	struct milter_options agreed;
	char *symlists[NSYMLISTS];
	struct bytes out;		/* waits to be sent */
	struct bytes packet;		/* the one that is being made */
	struct bytes in;		/* has come, read up to in_pos */
	size_t in_pos;
	struct milter_changes changes;
	size_t changes_size;
	struct bytes body;		/* changes.body */
	struct bytes reply_text;
	char error[256];
};

static int __attribute__((format(printf, 2, 3)))
fail(struct milter_client *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(c->error, sizeof c->error, format, args);
	va_end(args);
	return MILTER_FAILED;
}

static int
fail_errno(struct milter_client *c, const char *what)
{
	char text[128] = "";

	if (strerror_r(errno, text, sizeof text) != 0)
		snprintf(text, sizeof text, "error %d", errno);
	return fail(c, "%s: %s", what, text);
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
		return fail_errno(c, "poll");
	return r > 0 ? 0 : fail(c, "timeout");
}

struct milter_client *
milter_client_new(void)
{
	struct milter_client *c = calloc(1, sizeof *c);

	if (c != NULL) {
		c->fd = -1;
		c->timeout_ms = DEFAULT_TIMEOUT;
	}
	return c;
}

static void
changes_clear(struct milter_client *c)
{
	struct milter_changes *ch = &c->changes;
	size_t i;

	for (i = 0; i < ch->n; i++) {
		free(ch->list[i].name);
		free(ch->list[i].value);
	}
	ch->n = 0;
	ch->body_len = 0;
	ch->body_chunks = 0;
	ch->body_split = false;
	ch->progress = 0;
	bytes_clear(&c->body);
	bytes_clear(&c->reply_text);
}

void
milter_client_close(struct milter_client *c)
{
	size_t i;

	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	memset(&c->agreed, 0, sizeof c->agreed);
	for (i = 0; i < NSYMLISTS; i++) {
		free(c->symlists[i]);
		c->symlists[i] = NULL;
	}
	bytes_clear(&c->out);
	bytes_clear(&c->in);
	c->in_pos = 0;
}

void
milter_client_free(struct milter_client *c)
{
	if (c == NULL)
		return;
	milter_client_close(c);
	changes_clear(c);
	free(c->changes.list);
	free(c->body.data);
	free(c->reply_text.data);
	free(c->out.data);
	free(c->packet.data);
	free(c->in.data);
	free(c);
}

const char *
milter_client_error(const struct milter_client *c)
{
	return c->error;
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
			return fail_errno(c, "connect");
		if (now_ms() >= deadline)
			return fail(c, "connect: timeout");
		sleep_us(1000);
	}
	if (wait_for(c, fd, POLLOUT, deadline) != 0)
		return MILTER_FAILED;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
		return fail_errno(c, "connect");
	errno = error;
	return error == 0 ? 0 : fail_errno(c, "connect");
}

/* A connected socket, or -1. */
static int
dial(struct milter_client *c, const struct sockaddr *addr, socklen_t len)
{
	int fd = socket(addr->sa_family, SOCK_STREAM, 0);
	int one = 1;

	if (fd < 0)
		return fail_errno(c, "socket");
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		fail_errno(c, "fcntl");
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
		return fail(c, "socket path too long: %s", path);
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
		return fail(c, "%s: %s", where, gai_strerror(r));
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
		return fail(c, "no unix: or inet: socket: %s", socket);
	return c->fd < 0 ? -1 : 0;
}

/*
 * Bytes out and in
 */

int
milter_client_flush(struct milter_client *c)
{
	int64_t deadline = now_ms() + c->timeout_ms;
	size_t done = 0, n;
	ssize_t sent;

	if (c->fd < 0)
		return fail(c, "not connected");
	if (c->out.failed)
		return fail(c, "out of memory");
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
			return fail_errno(c, "send");
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
		return fail(c, "out of memory");
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
			return fail_errno(c, "receive");
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
			return fail(c, "the milter closed the connection");
		if (r < 0)
			return MILTER_FAILED;
	}
	return 0;
}

struct packet {
	int kind;		/* SMFIR_ or SMFIC_OPTNEG */
	const char *data;	/* in c->in, valid until more is read */
	size_t len;
};

static int
read_packet(struct milter_client *c, struct packet *p)
{
	int64_t deadline = now_ms() + c->timeout_ms;
	uint32_t len;

	if (fill(c, sizeof len, deadline) != 0)
		return MILTER_FAILED;
	memcpy(&len, c->in.data + c->in_pos, sizeof len);
	len = ntohl(len);
	if (len < 1 || len > MAX_PACKET)
		return fail(c, "packet of %lu bytes", (unsigned long)len);
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
		return fail(c, "not connected");
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

/*
 * Negotiation
 */

static uint32_t
number_at(const char *data)
{
	uint32_t n;

	memcpy(&n, data, sizeof n);
	return ntohl(n);
}

/* The string at *data, which moves behind it; NULL if there is none. */
static const char *
take_string(const char **data, const char *end)
{
	const char *string = *data;
	const char *nul = *data < end ?
	    memchr(string, '\0', (size_t)(end - string)) : NULL;

	if (nul == NULL)
		return NULL;
	*data = nul + 1;
	return string;
}

/* The macro lists that follow the options. */
static int
take_symlists(struct milter_client *c, const char *data, const char *end)
{
	const char *names;
	uint32_t stage;

	while (data < end) {
		if (end - data < 4)
			return fail(c, "negotiate: half a macro list");
		stage = number_at(data);
		data += 4;
		names = take_string(&data, end);
		if (names == NULL || stage >= NSYMLISTS)
			return fail(c, "negotiate: bad macro list %lu",
			    (unsigned long)stage);
		free(c->symlists[stage]);
		c->symlists[stage] = strdup(names);
		if (c->symlists[stage] == NULL)
			return fail(c, "out of memory");
	}
	return 0;
}

static int
take_options(struct milter_client *c, const struct packet *p,
    const struct milter_options *offer)
{
	struct milter_options *o = &c->agreed;

	if (p->kind != SMFIC_OPTNEG || p->len < MILTER_OPTLEN)
		return fail(c, "negotiate: reply '%c', %zu bytes", p->kind,
		    p->len);
	o->version = number_at(p->data);
	o->actions = number_at(p->data + 4);
	o->steps = number_at(p->data + 8);
	if (o->version < 2 || o->version > offer->version)
		return fail(c, "negotiate: version %lu, offered %lu",
		    (unsigned long)o->version, (unsigned long)offer->version);
	if (o->actions & ~offer->actions)
		return fail(c, "negotiate: actions %lx were not offered",
		    (unsigned long)(o->actions & ~offer->actions));
	if (o->steps & ~offer->steps)
		return fail(c, "negotiate: steps %lx were not offered",
		    (unsigned long)(o->steps & ~offer->steps));
	c->changes.leadspc = (o->steps & SMFIP_HDR_LEADSPC) != 0;
	return take_symlists(c, p->data + MILTER_OPTLEN, p->data + p->len);
}

int
milter_client_negotiate(struct milter_client *c,
    const struct milter_options *offer)
{
	uint32_t words[3];
	struct packet p = { 0 };

	words[0] = htonl(offer->version);
	words[1] = htonl(offer->actions);
	words[2] = htonl(offer->steps);
	milter_client_send(c, SMFIC_OPTNEG, words, sizeof words);
	if (milter_client_flush(c) != 0 || read_packet(c, &p) != 0)
		return -1;
	return take_options(c, &p, offer);
}

const struct milter_options *
milter_client_agreed(const struct milter_client *c)
{
	return &c->agreed;
}

const char *
milter_client_symlist(const struct milter_client *c, int stage)
{
	return stage >= 0 && stage < NSYMLISTS ? c->symlists[stage] : NULL;
}

/*
 * Replies
 */

/* Every line after the first must be a folded one, or it is a header's own. */
static bool
is_one_header(const char *name, const char *value)
{
	const char *p;

	if (*name == '\0' || name[strcspn(name, ": \t\r\n")] != '\0')
		return false;
	for (p = value; *p != '\0'; p++)
		if (*p == '\r' || (*p == '\n' && p[1] != ' ' && p[1] != '\t'))
			return false;
	return true;
}

static int
changes_add(struct milter_client *c, const struct edit *edit, uint32_t index,
    const char *name, const char *value)
{
	struct milter_changes *ch = &c->changes;
	struct milter_change *list, *change;

	list = array_grow(ch->list, &c->changes_size, ch->n, 1, sizeof *list);
	if (list == NULL)
		return fail(c, "out of memory");
	ch->list = list;
	change = &list[ch->n++];
	change->kind = edit->kind;
	change->index = index;
	change->name = strdup(name);
	change->value = strdup(value);
	if (change->name == NULL || change->value == NULL)
		return fail(c, "out of memory");
	return 0;
}

static int
take_change(struct milter_client *c, const struct edit *edit,
    const struct packet *p)
{
	const char *data = p->data, *end = p->data + p->len;
	const char *name, *value = NULL;
	uint32_t index = 0;

	if (edit->has_index) {
		if (p->len < sizeof index)
			return fail(c, "edit '%c' has no index", edit->kind);
		index = number_at(data);
		data += sizeof index;
	}
	name = take_string(&data, end);
	if (name != NULL && edit->most > 1)
		value = take_string(&data, end);
	if (name == NULL || (value == NULL && edit->least > 1) || data != end)
		return fail(c, "edit '%c' is wrongly put together",
		    edit->kind);
	if (value == NULL)
		value = "";
	if (edit->is_header && !is_one_header(name, value))
		return fail(c, "edit '%c' is not one header: %s:%s",
		    edit->kind, name, value);
	return changes_add(c, edit, index, name, value);
}

static int
take_body(struct milter_client *c, const struct packet *p, int last_kind)
{
	struct milter_changes *ch = &c->changes;

	if (ch->body_chunks > 0 && last_kind != SMFIR_REPLBODY)
		ch->body_split = true;
	ch->body_chunks++;
	bytes_add(&c->body, p->data, p->len);
	ch->body = c->body.data;
	ch->body_len = c->body.len;
	return c->body.failed ? fail(c, "out of memory") : 0;
}

static int
take_edit(struct milter_client *c, int command, const struct edit *edit,
    const struct packet *p, int last_kind)
{
	if (command != SMFIC_BODYEOB)
		return fail(c, "%s: edit '%c' before the end of the message",
		    milter_command_name(command), p->kind);
	if (!(c->agreed.actions & edit->action))
		return fail(c, "edit '%c' was not negotiated", p->kind);
	if (p->kind == SMFIR_REPLBODY)
		return take_body(c, p, last_kind);
	return take_change(c, edit, p);
}

/* The text of a reply: "550 ..." or "550-...", NUL at its end. */
static int
take_reply_text(struct milter_client *c, const struct packet *p)
{
	const char *t = p->data;

	if (p->len < 5 || t[p->len - 1] != '\0' ||
	    strspn(t, "0123456789") != 3 || (t[0] != '4' && t[0] != '5') ||
	    (t[3] != ' ' && t[3] != '-'))
		return fail(c, "malformed reply text");
	bytes_clear(&c->reply_text);
	bytes_add(&c->reply_text, t, p->len);
	return c->reply_text.failed ? fail(c, "out of memory") : 0;
}

static int
take_reply(struct milter_client *c, int command, const struct packet *p)
{
	bool connecting = command == SMFIC_CONNECT || command == SMFIC_HELO;
	bool allowed;

	if (p->kind == SMFIR_REPLYCODE)
		return take_reply_text(c, p) == 0 ? p->kind : MILTER_FAILED;
	switch (p->kind) {
	case SMFIR_ACCEPT:
	case SMFIR_CONTINUE:
	case SMFIR_REJECT:
	case SMFIR_TEMPFAIL:
	case SMFIR_CONN_FAIL:
	case SMFIR_SHUTDOWN:
		allowed = true;
		break;
	case SMFIR_DISCARD:
		allowed = !connecting;
		break;
	case SMFIR_SKIP:
		allowed = command == SMFIC_BODY &&
		    (c->agreed.steps & SMFIP_SKIP);
		break;
	default:
		allowed = false;
	}
	if (!allowed || p->len > 0)
		return fail(c, "%s: reply '%c' with %zu bytes",
		    milter_command_name(command), p->kind, p->len);
	return p->kind;
}

int
milter_client_reply(struct milter_client *c, int command)
{
	const struct edit *edit;
	struct packet p = { 0 };
	int last_kind;

	if (milter_client_flush(c) != 0)
		return MILTER_FAILED;
	for (;;) {
		last_kind = p.kind;
		if (read_packet(c, &p) != 0)
			return MILTER_FAILED;
		edit = edit_find(p.kind);
		if (p.kind == SMFIR_PROGRESS && p.len == 0)
			c->changes.progress++;
		else if (edit == NULL)
			return take_reply(c, command, &p);
		else if (take_edit(c, command, edit, &p, last_kind) != 0)
			return MILTER_FAILED;
	}
}

const struct milter_changes *
milter_client_changes(const struct milter_client *c)
{
	return &c->changes;
}

const char *
milter_client_reply_text(const struct milter_client *c)
{
	return c->reply_text.len > 0 ? c->reply_text.data : "";
}

/*
 * Commands
 */

/* Sends a command as it was agreed on; see milter_client.h for the result. */
static int
command(struct milter_client *c, int code, const void *bytes, size_t len)
{
	const struct step *step = step_find(code);

	if (c->agreed.version < step->since ||
	    (c->agreed.steps & step->not_sent))
		return MILTER_NO_REPLY;
	if (c->in_pos < c->in.len)
		return fail(c, "%s: %zu bytes came unasked", step->name,
		    c->in.len - c->in_pos);
	milter_client_send(c, code, bytes, len);
	if (!(c->agreed.steps & step->not_answered))
		return milter_client_reply(c, code);
	if (c->out.len >= FLUSH_AT && milter_client_flush(c) != 0)
		return MILTER_FAILED;
	return MILTER_NO_REPLY;
}

/* Sends a command with c->packet as its data. */
static int
command_packet(struct milter_client *c, int code)
{
	if (c->packet.failed)
		return fail(c, "out of memory");
	return command(c, code, c->packet.data, c->packet.len);
}

/* True if the list has the name; {i} and i are the same. */
static bool
symlist_has(const char *list, const char *name)
{
	size_t n, want = strlen(name);

	if (*name == '{' && want > 2) {
		name++;
		want -= 2;
	}
	for (; *list != '\0'; list += n) {
		list += strspn(list, " ,{}");
		n = strcspn(list, " ,{}");
		if (n == want && n > 0 && memcmp(list, name, n) == 0)
			return true;
	}
	return false;
}

static void
macros_begin(struct milter_client *c, int code)
{
	bytes_clear(&c->packet);
	bytes_add_byte(&c->packet, (char)code);
}

static void
macros_add(struct milter_client *c, int code, const struct milter_macro *macro)
{
	const struct step *step = step_find(code);
	const char *list = step == NULL ? NULL :
	    milter_client_symlist(c, step->symlist);

	if (list != NULL && !symlist_has(list, macro->name))
		return;
	bytes_add_string(&c->packet, macro->name);
	bytes_add_string(&c->packet, macro->value);
}

static int
macros_end(struct milter_client *c, int code)
{
	const struct step *step = step_find(code);

	if (c->packet.failed)
		return fail(c, "out of memory");
	if (c->packet.len > 1 &&
	    (step == NULL || c->agreed.version >= step->since))
		milter_client_send(c, SMFIC_MACRO, c->packet.data,
		    c->packet.len);
	return 0;
}

int
milter_client_macros(struct milter_client *c, int code,
    const struct milter_macro *macros, size_t n)
{
	size_t i;

	macros_begin(c, code);
	for (i = 0; i < n; i++)
		macros_add(c, code, &macros[i]);
	return macros_end(c, code);
}

int
milter_client_connect(struct milter_client *c, const char *name,
    const char *address, uint16_t port)
{
	uint16_t wire_port = htons(port);
	char family = SMFIA_INET;

	changes_clear(c);
	if (address == NULL)
		family = SMFIA_UNKNOWN;
	else if (strchr(address, '/') != NULL)
		family = SMFIA_UNIX;
	else if (strchr(address, ':') != NULL)
		family = SMFIA_INET6;
	bytes_clear(&c->packet);
	bytes_add_string(&c->packet, name);
	bytes_add_byte(&c->packet, family);
	if (address != NULL) {
		bytes_add(&c->packet, &wire_port, sizeof wire_port);
		bytes_add_string(&c->packet, address);
	}
	return command_packet(c, SMFIC_CONNECT);
}

int
milter_client_helo(struct milter_client *c, const char *name)
{
	return command(c, SMFIC_HELO, name, strlen(name) + 1);
}

static int
address_command(struct milter_client *c, int code, const char *address,
    const char *const *args)
{
	bytes_clear(&c->packet);
	bytes_add_string(&c->packet, address);
	for (; args != NULL && *args != NULL; args++)
		bytes_add_string(&c->packet, *args);
	return command_packet(c, code);
}

int
milter_client_mail(struct milter_client *c, const char *sender,
    const char *const *args)
{
	changes_clear(c);
	return address_command(c, SMFIC_MAIL, sender, args);
}

int
milter_client_rcpt(struct milter_client *c, const char *recipient,
    const char *const *args)
{
	return address_command(c, SMFIC_RCPT, recipient, args);
}

int
milter_client_data(struct milter_client *c)
{
	return command(c, SMFIC_DATA, NULL, 0);
}

int
milter_client_unknown(struct milter_client *c, const char *line)
{
	return command(c, SMFIC_UNKNOWN, line, strlen(line) + 1);
}

int
milter_client_header(struct milter_client *c, const struct milter_header *h)
{
	const char *value = h->value;

	/* MTAs eat the first space, but not a tab */
	if (*value == ' ' && !c->changes.leadspc)
		value++;
	bytes_clear(&c->packet);
	bytes_add_string(&c->packet, h->name);
	bytes_add_string(&c->packet, value);
	return command_packet(c, SMFIC_HEADER);
}

int
milter_client_eoh(struct milter_client *c)
{
	return command(c, SMFIC_EOH, NULL, 0);
}

int
milter_client_body(struct milter_client *c, const char *bytes, size_t len,
    size_t chunk)
{
	int reply = MILTER_NO_REPLY;
	size_t n;

	if (chunk == 0)
		chunk = BODY_CHUNK;
	for (; len > 0; bytes += n, len -= n) {
		n = len < chunk ? len : chunk;
		reply = command(c, SMFIC_BODY, bytes, n);
		if (reply != MILTER_NO_REPLY && reply != SMFIR_CONTINUE)
			break;
	}
	return reply;
}

int
milter_client_eom(struct milter_client *c)
{
	return command(c, SMFIC_BODYEOB, NULL, 0);
}

int
milter_client_abort(struct milter_client *c)
{
	milter_client_send(c, SMFIC_ABORT, NULL, 0);
	return 0;
}

int
milter_client_quit(struct milter_client *c)
{
	int r;

	milter_client_send(c, SMFIC_QUIT, NULL, 0);
	r = milter_client_flush(c);
	milter_client_close(c);
	return r;
}

int
milter_client_quit_nc(struct milter_client *c)
{
	milter_client_send(c, SMFIC_QUIT_NC, NULL, 0);
	return 0;
}

/*
 * Whole mails
 */

void
milter_envelope_init(struct milter_envelope *env)
{
	static const char *const recipients[] = { "<user@example.org>" };

	memset(env, 0, sizeof *env);
	env->client_name = "client.example.net";
	env->client_address = "192.0.2.25";
	env->client_port = 25025;
	env->helo = "client.example.net";
	env->sender = "<>";
	env->recipients = recipients;
	env->nrecipients = 1;
	env->queue_id = "4XyZ1";
}

static bool
goes_on(int reply)
{
	return reply == MILTER_NO_REPLY || reply == SMFIR_CONTINUE ||
	    reply == SMFIR_SKIP;
}

/* Enters a stage of the outcome, with its macros. */
static int
begin(struct milter_client *c, const struct milter_envelope *env, int code,
    bool with_id, struct milter_outcome *out)
{
	struct milter_macro id = { "i", env->queue_id };
	size_t i;

	out->command = code;
	macros_begin(c, code);
	if (with_id && id.value != NULL)
		macros_add(c, code, &id);
	for (i = 0; i < env->nmacros; i++)
		macros_add(c, code, &env->macros[i]);
	return macros_end(c, code);
}

/* Turns the last reply into the outcome. */
static int
decide(struct milter_outcome *out, int reply)
{
	out->reply = goes_on(reply) ? SMFIR_CONTINUE : reply;
	return reply == MILTER_FAILED ? -1 : 0;
}

int
milter_session(struct milter_client *c, const struct milter_envelope *env,
    struct milter_outcome *out)
{
	int reply;

	out->skipped = false;
	if (begin(c, env, SMFIC_CONNECT, false, out) != 0)
		return decide(out, MILTER_FAILED);
	reply = milter_client_connect(c, env->client_name, env->client_address,
	    env->client_port);
	if (!goes_on(reply))
		return decide(out, reply);
	if (begin(c, env, SMFIC_HELO, false, out) != 0)
		return decide(out, MILTER_FAILED);
	return decide(out, milter_client_helo(c, env->helo));
}

static int
transact_recipients(struct milter_client *c, const struct milter_envelope *env,
    struct milter_outcome *out)
{
	int reply, refusal = MILTER_NO_REPLY;
	size_t i, accepted = 0;

	for (i = 0; i < env->nrecipients; i++) {
		if (begin(c, env, SMFIC_RCPT, accepted > 0, out) != 0)
			return MILTER_FAILED;
		reply = milter_client_rcpt(c, env->recipients[i], NULL);
		if (goes_on(reply))
			accepted++;
		else if (reply == SMFIR_REJECT || reply == SMFIR_TEMPFAIL ||
		    reply == SMFIR_REPLYCODE)
			refusal = reply;
		else
			return reply;
	}
	return accepted > 0 ? MILTER_NO_REPLY : refusal;
}

static int
transact_envelope(struct milter_client *c, const struct milter_envelope *env,
    struct milter_outcome *out)
{
	int reply;

	if (begin(c, env, SMFIC_MAIL, false, out) != 0)
		return MILTER_FAILED;
	reply = milter_client_mail(c, env->sender, NULL);
	if (goes_on(reply))
		reply = transact_recipients(c, env, out);
	if (!goes_on(reply))
		return reply;
	if (begin(c, env, SMFIC_DATA, true, out) != 0)
		return MILTER_FAILED;
	return milter_client_data(c);
}

static int
transact_headers(struct milter_client *c, const struct milter_envelope *env,
    const struct milter_message *msg, struct milter_outcome *out)
{
	int reply = MILTER_NO_REPLY;
	size_t i, n = msg->nheaders;

	if (c->agreed.steps & SMFIP_NOHDRS)
		n = 0;
	for (i = 0; i < n && goes_on(reply); i++) {
		if (begin(c, env, SMFIC_HEADER, true, out) != 0)
			return MILTER_FAILED;
		reply = milter_client_header(c, &msg->headers[i]);
	}
	if (!goes_on(reply) || (c->agreed.steps & SMFIP_NOEOH))
		return reply;
	if (begin(c, env, SMFIC_EOH, true, out) != 0)
		return MILTER_FAILED;
	return milter_client_eoh(c);
}

static int
transact_body(struct milter_client *c, const struct milter_envelope *env,
    const struct milter_message *msg, struct milter_outcome *out)
{
	size_t chunk = env->chunk > 0 ? env->chunk : BODY_CHUNK;
	size_t pos, n, len = msg->body_len;
	int reply = MILTER_NO_REPLY;

	if (c->agreed.steps & SMFIP_NOBODY)
		len = 0;
	for (pos = 0; pos < len && goes_on(reply) && !out->skipped; pos += n) {
		n = len - pos < chunk ? len - pos : chunk;
		if (begin(c, env, SMFIC_BODY, true, out) != 0)
			return MILTER_FAILED;
		reply = milter_client_body(c, msg->body + pos, n, n);
		out->skipped = reply == SMFIR_SKIP;
	}
	if (!goes_on(reply))
		return reply;
	if (begin(c, env, SMFIC_BODYEOB, true, out) != 0)
		return MILTER_FAILED;
	return milter_client_eom(c);
}

int
milter_transact(struct milter_client *c, const struct milter_envelope *env,
    const struct milter_message *msg, struct milter_outcome *out)
{
	int reply;

	out->skipped = false;
	reply = transact_envelope(c, env, out);
	if (goes_on(reply))
		reply = transact_headers(c, env, msg, out);
	if (goes_on(reply))
		reply = transact_body(c, env, msg, out);
	if (reply != MILTER_FAILED && out->command != SMFIC_BODYEOB)
		milter_client_abort(c);
	return decide(out, reply);
}
