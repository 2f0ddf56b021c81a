/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounce/returned.h"

#include "base/ascii.h"
#include "mail/address.h"

static const char *const returned_types[] = {
	"message/rfc822", "text/rfc822-headers", "message/rfc822-headers",
	"message/global", "message/global-headers", "message/partial"
};

static bool
is_returned(const struct part *part)
{
	for (size_t i = 0; i < sizeof(returned_types) /
	    sizeof(returned_types[0]); i++)
		if (part_is(part, returned_types[i]))
			return true;
	return false;
}

/* Fields of which one shows that a header block is a message's. */
static const char *const telling_fields[] = {
	"Received", "From", "Subject", "Date", "To", "Message-ID",
	"Return-Path"
};

bool
returned_read_text(struct returned *returned, struct arena *arena,
    struct span text, const struct limits *limits)
{
	struct header_list headers;
	size_t telling = 0;
	unsigned flags;

	while (text.len > 0 && ascii_is_space(text.p[0]))
		text = span_from(text, 1);
	header_parse(arena, text, limits, &headers, &flags);
	for (size_t i = 0; i < sizeof(telling_fields) /
	    sizeof(telling_fields[0]); i++)
		if (header_value(&headers, telling_fields[i]).p != NULL)
			telling++;
	if (telling < 2 && headers.n > 2)
		return false;
	if (telling == 0)
		return false;
	returned->headers = headers;
	return true;
}

void
returned_read_part(struct returned *returned, const struct message *message,
    const struct limits *limits)
{
	const struct part *part = message->root->first_child;

	for (; part != NULL; part = part_after(part)) {
		if (!is_returned(part))
			continue;
		if (returned_read_text(returned, message->arena,
		    encoding_decode(message->arena, part->encoding,
		    span_first(part->body, limits->header)), limits))
			return;
	}
}

bool
name_is_listed(struct span name, const struct span *globs)
{
	if (name.len > 0 && name.p[name.len - 1] == '.')
		name.len--;
	for (; globs != NULL && globs->p != NULL; globs++)
		if (name.len > 0 && span_glob(*globs, name))
			return true;
	return false;
}

/* Returns the name behind "by " in a Received value, absent if none. */
static struct span
received_by(struct span value)
{
	size_t at = 0, len = 0;

	if (!span_starts_nocase(value, SPAN("by "))) {
		at = span_find_nocase(value, SPAN(" by "));
		if (at == SPAN_NONE)
			return SPAN_ABSENT;
		at++;
	}
	value = span_trim(span_from(value, at + 3));
	while (len < value.len && !ascii_is_space(value.p[len]) &&
	    value.p[len] != ';' && value.p[len] != '(')
		len++;
	return span_first(value, len);
}

/*
 * Does a Received value name a host of ours as the one that it was from? Some
 * sites take out the fields that they write themselves. Anybody can claim the
 * name, so this proves nothing, and takes the proof of the contrary away.
 */
static bool
is_from_ours(struct span value, const struct span *hosts)
{
	size_t by = span_find_nocase(value, SPAN(" by "));
	size_t len;

	value = span_first(value, by == SPAN_NONE ? 0 : by);
	for (; value.len > 0; value = span_from(value, len + 1)) {
		for (len = 0; len < value.len && span_find_char(
		    SPAN(" ()[]="), value.p[len]) == SPAN_NONE; len++)
			;
		if (name_is_listed(span_first(value, len), hosts))
			return true;
	}
	return false;
}

/* Is the domain listed itself or below one that is? */
static bool
domain_is_ours(struct span domain, const struct site_names *site)
{
	while (domain.len > 0) {
		size_t dot = span_find_char(domain, '.');

		if (name_is_listed(domain, site->domains) ||
		    name_is_listed(domain, site->hosts))
			return true;
		if (dot == SPAN_NONE)
			return false;
		domain = span_from(domain, dot + 1);
	}
	return false;
}

bool
returned_is_foreign(const struct returned *returned, struct arena *arena,
    struct span reporting_mta, const struct site_names *site)
{
	const struct header *field = NULL;
	bool received = false;

	/* Only a list of hosts lets Received fields be judged. */
	if (site->hosts == NULL || site->hosts[0].p == NULL ||
	    name_is_listed(reporting_mta, site->hosts))
		return false;
	while ((field = header_next(&returned->headers, "Received",
	    field)) != NULL) {
		struct span by = received_by(header_uncomment(arena,
		    field->value));

		if (by.len == 0)
			continue;
		if (domain_is_ours(by, site) || is_from_ours(header_unfold(
		    arena, field->value), site->hosts))
			return false;
		received = true;
	}
	return received && !domain_is_ours(address_domain(address_bare(
	    header_unfold(arena, header_value(&returned->headers,
	    "Message-ID")))), site);
}
