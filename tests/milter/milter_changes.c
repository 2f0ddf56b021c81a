/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Postfix and Sendmail make of the changes that a milter asked for. While
 * they are applied, the first place of the list stands for the MTA's own
 * Received header (no name), and a header that Sendmail deleted has no value.
 */
#include "milter_client.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bytes.h"

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
