/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mails as the MTA has them: headers with their values, and a body.
 */
#include "milter_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

#define READ_SIZE	((size_t)16 * 1024)

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
