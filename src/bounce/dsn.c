/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounce/dsn.h"

#include "base/ascii.h"
#include "base/buf.h"
#include "mail/address.h"
#include "mail/charset.h"
#include "mail/codec.h"

struct recipient *
report_add_recipient(struct report *report, struct arena *arena,
    const struct limits *limits)
{
	struct recipient *v;

	if (report->n >= limits->recipients) {
		report->flags |= REPORT_OVERFLOW;
		return NULL;
	}
	v = arena_array(arena, report->recipients, report->n,
	    &report->capacity, sizeof(*v));
	if (v == NULL)
		return NULL;
	report->recipients = v;
	v[report->n] = (struct recipient){ .action = ACTION_NONE };
	return &v[report->n++];
}

/* Cuts "type;" off a value and returns the type, absent if there is none. */
static struct span
cut_type(struct span *value)
{
	size_t semicolon = span_find_char(*value, ';');
	struct span type;

	if (semicolon == SPAN_NONE)
		return SPAN_ABSENT;
	type = span_trim(span_first(*value, semicolon));
	for (size_t i = 0; i < type.len; i++)
		if (!ascii_is_alnum(type.p[i]) &&
		    span_find_char(SPAN("-._/"), type.p[i]) == SPAN_NONE)
			return SPAN_ABSENT;
	*value = span_trim(span_from(*value, semicolon + 1));
	return type;
}

/*
 * Reads \x{20AC} at the start of s, the escape of utf-8-addr-xtext and
 * utf-8-addr-unitext (RFC 6533 section 3). Returns its length, 0 if none.
 */
static size_t
unicode_escape_at(struct span s, unsigned long *c)
{
	size_t i;

	if (!span_starts_nocase(s, SPAN("\\x{")))
		return 0;
	*c = 0;
	for (i = 3; i < s.len && i < 9 && ascii_hex_value(s.p[i]) >= 0; i++)
		*c = *c << 4 | (unsigned long)ascii_hex_value(s.p[i]);
	if (i == 3 || i == s.len || s.p[i] != '}' || *c < 0x20)
		return 0;
	return i + 1;
}

static struct span
undo_unicode_escapes(struct arena *arena, struct span s)
{
	unsigned long c;
	struct buf out;
	size_t len;

	if (span_find_char(s, '\\') == SPAN_NONE)
		return s;
	buf_init(&out, arena);
	while (s.len > 0) {
		len = unicode_escape_at(s, &c);
		if (len > 0) {
			buf_add_codepoint(&out, c);
		} else {
			buf_add_char(&out, s.p[0]);
			len = 1;
		}
		s = span_from(s, len);
	}
	return buf_span(&out);
}

/* "+40" for '@': RFC 3461's xtext that its receiver forgot to undo. */
static struct span
undo_xtext(struct arena *arena, struct span s)
{
	struct buf out;

	if (span_find_char(s, '@') != SPAN_NONE ||
	    span_find(s, SPAN("+40")) == SPAN_NONE)
		return s;
	buf_init(&out, arena);
	for (size_t i = 0; i < s.len; i++) {
		int high, low;

		if (s.p[i] == '+' && i + 2 < s.len &&
		    (high = ascii_hex_value(s.p[i + 1])) >= 2 &&
		    (low = ascii_hex_value(s.p[i + 2])) >= 0) {
			buf_add_char(&out, (char)(high << 4 | low));
			i += 2;
		} else {
			buf_add_char(&out, s.p[i]);
		}
	}
	return charset_to_utf8(arena, SPAN("utf-8"), buf_span(&out), NULL);
}

struct span
dsn_address(struct arena *arena, struct span value)
{
	struct span type, address;

	value = header_uncomment(arena, value);
	type = cut_type(&value);
	address = address_bare(value);
	/* "rfc822;"name@domain"" */
	if (address.len > 2 && address.p[0] == '"' &&
	    address.p[address.len - 1] == '"')
		address = span_first(span_from(address, 1), address.len - 2);
	if (span_starts_nocase(address, SPAN("rfc822;")))
		cut_type(&address);	/* "rfc822; <rfc822;name@domain>" */
	if (span_starts_nocase(address, SPAN("mailto:")))
		address = span_from(address, 7);
	/* "@relay:name@domain": a route of RFC 821. */
	if (address.len > 0 && address.p[0] == '@' &&
	    span_find_char(address, ':') != SPAN_NONE)
		address = span_from(address, span_find_char(address, ':') + 1);
	address = charset_to_utf8(arena, SPAN_ABSENT, address, NULL);
	if (span_equal_nocase(type, SPAN("utf-8")))
		address = undo_unicode_escapes(arena, address);
	return undo_xtext(arena, address);
}

static const struct {
	struct span name;
	enum action action;
} actions[] = {
	{ SPAN_INIT("failed"), ACTION_FAILED },
	{ SPAN_INIT("failure"), ACTION_FAILED },
	{ SPAN_INIT("undeliverable"), ACTION_FAILED },
	{ SPAN_INIT("deliverable"), ACTION_DELIVERED },
	{ SPAN_INIT("delayed"), ACTION_DELAYED },
	{ SPAN_INIT("deferred"), ACTION_DELAYED },
	{ SPAN_INIT("delivered"), ACTION_DELIVERED },
	{ SPAN_INIT("relayed"), ACTION_RELAYED },
	{ SPAN_INIT("expanded"), ACTION_EXPANDED },
};

static enum action
read_action(struct span value)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (span_starts_nocase(value, actions[i].name))
			return actions[i].action;
	return ACTION_NONE;
}

static void
set_reply(struct recipient *recipient, struct arena *arena, struct span value)
{
	struct reply reply;
	struct span type;

	value = charset_to_utf8(arena, SPAN_ABSENT, span_trim(value), NULL);
	if (span_find(value, SPAN("=?")) != SPAN_NONE)
		value = encoded_words_decode(arena, value);
	type = cut_type(&value);
	if (type.p == NULL)
		cut_type(&value);
	reply_read(arena, value, &reply);
	if (reply.text.len == 0)
		return;
	recipient->reply = reply.text;
	recipient->reply_cut = reply_is_first_line(value);
	recipient->code = reply.code;
	/*
	 * The code of the server that refused the message says more than the
	 * one that the reporting server chose for it.
	 */
	if (recipient->status.class == 0 || reply.status.subject != 0)
		recipient->status = reply.status;
}

static void
set_status(struct recipient *recipient, struct span value)
{
	struct status status = { 0, 0, 0 };

	if (status_at(value, &status) == 0)
		status = status_find(value);
	if (recipient->status.class == 0 ||
	    status_find(recipient->reply).subject == 0)
		recipient->status = status;
}

/* Returns the name in "dns; mx.example.com (192.0.2.1)". */
static struct span
host_name(struct arena *arena, struct span value)
{
	value = header_uncomment(arena, value);
	cut_type(&value);
	value = charset_to_utf8(arena, SPAN_ABSENT, span_trim(value), NULL);
	for (size_t i = 0; i < value.len; i++)
		if (ascii_is_space(value.p[i]))
			return span_first(value, i);
	return value;
}

enum field {
	FIELD_FINAL, FIELD_ORIGINAL, FIELD_ACTUAL, FIELD_ACTION, FIELD_STATUS,
	FIELD_REMOTE, FIELD_REPLY, FIELD_LAST_ATTEMPT, FIELD_RETRY_UNTIL
};

static const struct {
	struct span name;
	enum field field;
} fields[] = {
	{ SPAN_INIT("Final-Recipient"), FIELD_FINAL },
	{ SPAN_INIT("Original-Recipient"), FIELD_ORIGINAL },
	{ SPAN_INIT("X-Actual-Recipient"), FIELD_ACTUAL },
	{ SPAN_INIT("Action"), FIELD_ACTION },
	{ SPAN_INIT("Status"), FIELD_STATUS },
	{ SPAN_INIT("Remote-MTA"), FIELD_REMOTE },
	{ SPAN_INIT("Diagnostic-Code"), FIELD_REPLY },
	{ SPAN_INIT("Last-Attempt-Date"), FIELD_LAST_ATTEMPT },
	{ SPAN_INIT("Will-Retry-Until"), FIELD_RETRY_UNTIL },
};

/* The final address: X-Actual-Recipient tells more where it is an address. */
static void
set_actual(struct recipient *recipient, struct span address)
{
	if (address_at(address) != address.len)
		return;
	if (recipient->original.p == NULL && recipient->address.len > 0)
		recipient->original = recipient->address;
	recipient->address = address;
}

bool
dsn_set_field(struct recipient *recipient, struct arena *arena,
    struct span name, struct span value)
{
	size_t i = 0;

	while (i < sizeof(fields) / sizeof(fields[0]) &&
	    !span_equal_nocase(name, fields[i].name))
		i++;
	if (i == sizeof(fields) / sizeof(fields[0]))
		return false;
	switch (fields[i].field) {
	case FIELD_FINAL:
		recipient->address = dsn_address(arena, value);
		break;
	case FIELD_ORIGINAL:
		recipient->original = dsn_address(arena, value);
		break;
	case FIELD_ACTUAL:
		set_actual(recipient, dsn_address(arena, value));
		break;
	case FIELD_ACTION:
		recipient->action = read_action(
		    header_uncomment(arena, value));
		break;
	case FIELD_STATUS:
		set_status(recipient, header_unfold(arena, value));
		break;
	case FIELD_REMOTE:
		recipient->remote = host_name(arena, value);
		break;
	case FIELD_REPLY:
		set_reply(recipient, arena, value);
		break;
	case FIELD_LAST_ATTEMPT:
		recipient->last_attempt = header_unfold(arena, value);
		break;
	case FIELD_RETRY_UNTIL:
		recipient->retry_until = header_unfold(arena, value);
		break;
	}
	return true;
}

/* Makes what one block said whole. */
static void
finish_recipient(struct recipient *recipient, struct span evidence)
{
	struct span address;
	size_t len;

	recipient->evidence = evidence;
	/* "|/bin/filter name@domain": a program that stood for an address. */
	if (recipient->address.len > 0 && (recipient->address.p[0] == '|' ||
	    recipient->address.p[0] == '/') && address_find(
	    recipient->address, &address, &len) != SPAN_NONE)
		recipient->address = address;
	if (recipient->address.len == 0) {
		recipient->address = recipient->original;
		recipient->original = SPAN_ABSENT;
	}
	if (span_equal_nocase(recipient->original, recipient->address))
		recipient->original = SPAN_ABSENT;
	if (recipient->action == ACTION_NONE)
		recipient->action = recipient->status.class == 4 ?
		    ACTION_DELAYED : recipient->status.class == 2 ?
		    ACTION_DELIVERED : ACTION_FAILED;
}

/* Some write a block twice. */
static bool
is_again(const struct report *report, const struct recipient *block)
{
	const struct recipient *last;

	if (report->n == 0)
		return false;
	last = &report->recipients[report->n - 1];
	return last->action == block->action &&
	    status_equal(last->status, block->status) &&
	    span_equal_nocase(last->address, block->address) &&
	    span_equal_nocase(last->original, block->original) &&
	    (block->reply.len == 0 || span_equal(last->reply, block->reply));
}

static bool
is_named(const struct recipient *block)
{
	return block->address.len > 0 || block->original.len > 0;
}

/* Fields behind an empty line that belong to the recipient before it. */
static void
complete_last(struct report *report, const struct recipient *block)
{
	struct recipient *last = &report->recipients[report->n - 1];

	if (last->status.class == 0 && last->reply.len == 0 &&
	    block->action != ACTION_NONE)
		last->action = block->action;
	if (last->status.class == 0 || last->status.subject == 0)
		last->status = block->status.class != 0 ? block->status :
		    last->status;
	if (last->reply.len == 0) {
		last->reply = block->reply;
		last->code = block->code;
	}
}

/*
 * Adds what a block of fields said, if it named a recipient. If none is named
 * so far it belongs to the next one.
 */
static bool
end_block(struct report *report, struct arena *arena,
    struct recipient *block, struct span evidence,
    const struct limits *limits)
{
	struct recipient *recipient;

	if (!is_named(block) && report->n == 0)
		return true;
	if (!is_named(block)) {
		complete_last(report, block);
	} else {
		finish_recipient(block, evidence);
		if (!is_again(report, block)) {
			recipient = report_add_recipient(report, arena,
			    limits);
			if (recipient == NULL)
				return false;
			*recipient = *block;
		}
	}
	*block = (struct recipient){ .action = ACTION_NONE };
	return true;
}

/* A field that a block has already begins the next one. */
static bool
begins_block(const struct recipient *block, struct span name)
{
	return block->address.len > 0 && (span_equal_nocase(name,
	    fields[FIELD_FINAL].name) || (block->original.len > 0 &&
	    span_equal_nocase(name, fields[FIELD_ORIGINAL].name)));
}

void
dsn_read_text(struct report *report, struct arena *arena, struct span text,
    const struct limits *limits)
{
	struct recipient block = { .action = ACTION_NONE };
	const char *start = text.p;
	enum header_item item;
	struct header field;

	do {
		item = header_read(&text, &field);
		if (item == HEADER_NO_FIELD)
			continue;
		if (item != HEADER_FIELD) {
			if (!end_block(report, arena, &block, (struct span){
			    start, (size_t)(text.p - start) }, limits))
				return;
			start = text.p;
			continue;
		}
		/* Other programs overlook "Action : failed". */
		if (field.name.p[field.name.len] != ':')
			report->flags |= REPORT_DAMAGED;
		/* A second recipient without an empty line before it. */
		if (begins_block(&block, field.name)) {
			if (!end_block(report, arena, &block, (struct span){
			    start, (size_t)(field.name.p - start) }, limits))
				return;
			start = field.name.p;
		}
		if (span_equal_nocase(field.name, SPAN("Reporting-MTA")))
			report->reporting_mta = host_name(arena, field.value);
		else
			dsn_set_field(&block, arena, field.name, field.value);
	} while (item != HEADER_END);
	/* A recipient whom only the words can name. */
	if (report->n == 0 && block.status.class != 0 &&
	    report_add_recipient(report, arena, limits) != NULL) {
		finish_recipient(&block, (struct span){ start,
		    (size_t)(text.p - start) });
		report->recipients[0] = block;
	}
}

void
dsn_read(struct report *report, struct arena *arena, const struct part *part,
    const struct limits *limits)
{
	struct span name = fields[FIELD_FINAL].name;
	size_t read = limits->text;

	dsn_read_text(report, arena, encoding_decode(arena, part->encoding,
	    span_first(part->body, read)), limits);
	/* The name may have been cut in two. */
	if (part->body.len > read && span_find_nocase(span_from(part->body,
	    read < name.len ? 0 : read - name.len + 1), name) != SPAN_NONE)
		report->flags |= REPORT_OVERFLOW;
}
