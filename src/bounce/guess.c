/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounce/guess.h"

#include "bounce/detect.h"
#include "bounce/dsn.h"
#include "bounce/paragraph.h"
#include "bounce/words.h"
#include "mail/address.h"
#include "mail/charset.h"

#define TO_TEXT ((size_t)1000)

/* The recipients of the notice itself. */
static struct span
notice_recipients(const struct message *message)
{
	return span_first(header_unfold(message->arena, header_value(
	    &message->root->headers, "To")), TO_TEXT);
}

static bool
has_reply(const struct recipient *recipient)
{
	return recipient->code != 0 || recipient->status.class != 0;
}

void
guess_drop_bystanders(struct report *report, const struct message *message)
{
	struct span to = notice_recipients(message);
	size_t n = 0;
	bool replied = false;

	for (size_t i = 0; i < report->n; i++)
		replied |= has_reply(&report->recipients[i]);
	for (size_t i = 0; replied && i < report->n; i++) {
		struct recipient *recipient = &report->recipients[i];

		if (has_reply(recipient) || !(detect_sender(
		    recipient->address) || span_find_nocase(to,
		    recipient->address) != SPAN_NONE))
			report->recipients[n++] = *recipient;
	}
	if (replied)
		report->n = n;
}

bool
guess_names_others(const struct report *report, const struct message *message)
{
	struct span to = notice_recipients(message);
	struct span from = header_unfold(message->arena, header_value(
	    &message->root->headers, "From"));

	for (size_t i = 0; i < report->n; i++) {
		struct span address = report->recipients[i].address;

		if (span_find_nocase(to, address) == SPAN_NONE &&
		    span_find_nocase(from, address) == SPAN_NONE)
			return true;
	}
	return false;
}

/* Adds a recipient whom all that the notice says is about. */
static void
add_recipient(struct report *report, struct arena *arena,
    struct span address, struct span notice, const struct limits *limits)
{
	struct recipient *recipient = report_add_recipient(report, arena,
	    limits);
	struct reply reply;

	if (recipient == NULL)
		return;
	recipient->address = address;
	reply_read(arena, notice, &reply);
	recipient->reply = reply.text;
	recipient->code = reply.code;
	recipient->status = reply.status;
}

/* Fields of the returned message that name its recipient, best first. */
static const char *const recipient_fields[] = {
	"X-Envelope-To", "Envelope-To", "X-Original-To", "Delivered-To", "To"
};

void
guess_returned_recipient(struct report *report, const struct message *message,
    struct span notice, const struct limits *limits)
{
	struct arena *arena = message->arena;
	struct span value = SPAN_ABSENT, address, other;
	size_t at, len, other_len;

	for (size_t i = 0; i < sizeof(recipient_fields) /
	    sizeof(recipient_fields[0]) && value.len == 0; i++)
		value = header_unfold(arena, header_value(
		    &report->returned.headers, recipient_fields[i]));
	at = address_find(value, &address, &len);
	if (at == SPAN_NONE || address_find(span_from(value, at + len),
	    &other, &other_len) != SPAN_NONE)
		return;
	add_recipient(report, arena, charset_to_utf8(arena, SPAN_ABSENT,
	    address, NULL), notice, limits);
}

/* "For help write to name@domain": is it such words that lead to it? */
static bool
is_contact(struct span words)
{
	size_t at;

	words = line_last_sentence(words);
	return words_inside(&contact_words, words, &at) != NULL &&
	    words_inside(&failure_words, words, &at) == NULL;
}

/*
 * Finds the only address in a line that may be the failed one: not the
 * reader's own, no mail system's. False if there is another than lone.
 */
static bool
line_has_only(struct span line, struct span to, struct span *lone)
{
	struct span address;
	size_t at, len;

	while ((at = address_find(line, &address, &len)) != SPAN_NONE) {
		bool contact = is_contact(span_first(line, at));

		line = span_from(line, at + len);
		/* "Name/Unit@ORGANISATION": what Notes calls its users. */
		if (span_find_char(address_domain(address), '.') == SPAN_NONE)
			continue;
		if (contact || detect_sender(address) ||
		    span_find_nocase(to, address) != SPAN_NONE ||
		    span_equal_nocase(address, *lone))
			continue;
		if (lone->len > 0)
			return false;
		*lone = address;
	}
	return true;
}

void
guess_lone_address(struct report *report, const struct message *message,
    struct span notice, const struct limits *limits)
{
	struct span to = notice_recipients(message);
	struct span rest = notice, line, lone = SPAN_ABSENT;

	while (span_next_line(&rest, &line))
		if ((line.len == 0 || line.p[0] != '>') &&
		    !line_has_only(line, to, &lone))
			return;
	if (lone.len > 0)
		add_recipient(report, message->arena, lone, notice, limits);
}
