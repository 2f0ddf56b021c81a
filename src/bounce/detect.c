/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounce/detect.h"

#include "bounce/sentences.h"
#include "bounce/words.h"
#include "mail/address.h"
#include "mail/codec.h"

/* Does a mail system send from this local part or address? */
static bool
is_machine(struct span address)
{
	size_t at = span_find_last_char(address, '@');

	if (at != SPAN_NONE)
		address = span_first(address, at);
	/* "@example.org" is Courier's name. */
	return at == 0 || words_at_start(&machine_names, address) != NULL;
}

bool
detect_sender(struct span sender)
{
	sender = address_bare(sender);
	return sender.len == 0 || is_machine(sender);
}

/* Reports of other kinds (RFC 8098, 5965, 8460), and their second parts. */
static const struct span other_reports[] = {
	SPAN_INIT("disposition-notification"), SPAN_INIT("feedback-report"),
	SPAN_INIT("tlsrpt"), SPAN_INIT("dmarc"),
};

/* Field names that only answering machines use, and only lists. */
static const char *const answer_fields[] = {
	"X-Autoreply", "X-Autorespond", "X-Vacation"
};
static const char *const list_fields[] = { "List-Id", "List-Post" };

static bool
has_any(const struct header_list *headers, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (header_value(headers, names[i]).p != NULL)
			return true;
	return false;
}

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* "Automatic reply: …", but not "Undeliverable: Automatic reply: …". */
static bool
is_answer(struct span subject, struct arena *arena)
{
	size_t at;

	if (words_inside(&answers, subject, &at) == NULL)
		return false;
	subject = sentence_fold(arena, span_first(subject, at));
	for (size_t i = 0; i < nsubjects; i++)
		if (span_find(subject, subjects[i].words) != SPAN_NONE)
			return false;
	return true;
}

enum header_verdict
detect_header(const struct header_list *headers, struct arena *arena)
{
	struct span type = header_parameter(arena, span_first(header_value(
	    headers, "Content-Type"), DETECT_TYPE), "report-type");
	struct span subject = encoded_words_decode(arena,
	    span_first(header_value(headers, "Subject"), DETECT_SUBJECT));

	for (size_t i = 0; i < COUNT(other_reports); i++)
		if (span_equal_nocase(type, other_reports[i]))
			return HEADER_IS_OTHER;
	/* A report may have the subject of the mail that came back. */
	if (has_any(headers, answer_fields, COUNT(answer_fields)) ||
	    (!span_equal_nocase(type, SPAN("delivery-status")) &&
	    is_answer(subject, arena)))
		return HEADER_IS_OTHER;
	return has_any(headers, list_fields, COUNT(list_fields)) ?
	    HEADER_IS_LIST : HEADER_MAY_BE_BOUNCE;
}

static bool
is_status_part(const struct part *part)
{
	return part_is(part, "message/delivery-status") ||
	    part_is(part, "message/global-delivery-status");
}

static enum origin
origin_of(struct span address, bool null_sender)
{
	size_t at = span_find_last_char(address, '@');
	struct span local = at == SPAN_NONE ? address :
	    span_first(address, at);

	/* People, and what reports to them, use the name postmaster too. */
	if (is_machine(address))
		return null_sender && !span_starts_nocase(address,
		    SPAN("post")) ? ORIGIN_DAEMON : ORIGIN_MAIL_SYSTEM;
	if (null_sender)
		return address.len > 0 ? ORIGIN_NULL_SENDER : ORIGIN_DAEMON;
	if (words_at_start(&robot_names, local) != NULL ||
	    span_ends_nocase(local, SPAN("-admin")) ||
	    span_ends_nocase(local, SPAN("-owner")))
		return ORIGIN_ROBOT;
	return ORIGIN_OTHER;
}

/* Does the header tell that nobody is to answer this message? */
static bool
has_null_sender(const struct header_list *headers, struct arena *arena)
{
	struct span path = header_unfold(arena,
	    header_value(headers, "Return-Path"));

	/* Exim, and others after it, say so in their bounces alone. */
	if (header_value(headers, "X-Failed-Recipients").p != NULL)
		return true;
	return span_trim(path).len > 0 && detect_sender(path);
}

/* A mail that was saved without its envelope: nobody sends under the name of
 * a mailer-daemon but mail systems. */
static bool
may_have_null_sender(const struct header_list *headers, struct span address)
{
	return header_value(headers, "Return-Path").p == NULL &&
	    is_machine(address);
}

enum origin
detect_origin(const struct message *message, const struct envelope *envelope)
{
	const struct header_list *headers = &message->root->headers;
	struct span from = header_unfold(message->arena,
	    header_value(headers, "From"));
	enum origin origin;
	struct span address;
	size_t len, at;

	/* "postmaster@example.org" <name@example.com>: the latter. */
	address = address_bare(from);
	if (address_find(address, &address, &len) == SPAN_NONE &&
	    (address.len == 0 || span_find_char(from, '<') == SPAN_NONE))
		address = from;		/* "MAILER-DAEMON <>" */
	if (envelope->known && address_bare(envelope->sender).len > 0)
		return origin_of(envelope->sender, false);
	address = span_trim(address);
	origin = origin_of(address, envelope->known ||
	    has_null_sender(headers, message->arena) ||
	    may_have_null_sender(headers, address));
	if ((origin == ORIGIN_OTHER || origin == ORIGIN_NULL_SENDER) &&
	    words_inside(&machine_titles, from, &at) != NULL)
		origin = origin == ORIGIN_OTHER ? ORIGIN_ROBOT :
		    ORIGIN_MAIL_SYSTEM;
	return origin;
}

/* Returns the status part right below a multipart, NULL if it has none. */
static const struct part *
status_part_of(const struct part *multipart)
{
	const struct part *part = multipart->first_child;

	while (part != NULL && !is_status_part(part))
		part = part->next;
	return part;
}

/*
 * The same for a report that a gateway has put into a multipart of its own,
 * perhaps behind words of its own.
 */
static const struct part *
status_part_below(const struct part *multipart)
{
	const struct part *part = multipart->first_child, *status = NULL;

	for (; part != NULL && status == NULL; part = part->next)
		if (part_is(part, "multipart/report"))
			status = status_part_of(part);
	return status;
}

const struct part *
detect_status_part(const struct message *message,
    const struct envelope *envelope)
{
	const struct part *top = message->root, *part;
	struct span type;

	if (is_status_part(top))
		return top;
	part = status_part_of(top);
	if (part != NULL) {
		type = part_parameter(message->arena, top, "report-type");
		if (part_is(top, "multipart/report") && (type.len == 0 ||
		    span_equal_nocase(type, SPAN("delivery-status"))))
			return part;
	} else {
		part = status_part_below(top);
	}
	return part != NULL && detect_origin(message, envelope) >=
	    ORIGIN_NULL_SENDER ? part : NULL;
}
