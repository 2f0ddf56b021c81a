/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounce/detect.h"

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
	return words_at_start(address, machine_names, nmachine_names) != NULL;
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

/* Field names that only mail of lists and answering machines has. */
static const char *const other_fields[] = {
	"List-Id", "List-Post", "X-Autoreply", "X-Autorespond",
	"X-Auto-Response-Suppress-Reply", "X-Vacation"
};

static const struct span answers[] = {
	SPAN_INIT("out of office"), SPAN_INIT("out of the office"),
	SPAN_INIT("autoreply"), SPAN_INIT("auto-reply"),
	SPAN_INIT("automatic reply"), SPAN_INIT("auto reply"),
	SPAN_INIT("vacation"), SPAN_INIT("abwesen"),
	SPAN_INIT("automatische antwort"), SPAN_INIT("autorespon"),
	SPAN_INIT("absence"), SPAN_INIT("nieobecno"),
};

bool
detect_header(const struct header_list *headers, struct arena *arena)
{
	struct span type = header_parameter(arena,
	    header_value(headers, "Content-Type"), "report-type");
	struct span subject = encoded_words_decode(arena,
	    header_value(headers, "Subject"));
	size_t at;

	for (size_t i = 0; i < sizeof(other_reports) /
	    sizeof(other_reports[0]); i++)
		if (span_equal_nocase(type, other_reports[i]))
			return false;
	for (size_t i = 0; i < sizeof(other_fields) /
	    sizeof(other_fields[0]); i++)
		if (header_value(headers, other_fields[i]).p != NULL)
			return false;
	return words_inside(subject, answers,
	    sizeof(answers) / sizeof(answers[0]), &at) == NULL;
}

static bool
is_status_part(const struct part *part)
{
	return part_is(part, "message/delivery-status") ||
	    part_is(part, "message/global-delivery-status");
}

bool
detect_machine(const struct message *message, const struct envelope *envelope)
{
	const struct header_list *headers = &message->root->headers;
	struct span path = header_value(headers, "Return-Path");
	struct span from = header_unfold(message->arena,
	    header_value(headers, "From"));
	struct span address;
	size_t len;

	if (envelope->known && !detect_sender(envelope->sender))
		return false;
	if (envelope->known && address_bare(envelope->sender).len == 0)
		return true;
	if (path.p != NULL && span_trim(path).len > 0 &&
	    address_bare(header_unfold(message->arena, path)).len == 0)
		return true;
	if (address_find(from, &address, &len) != SPAN_NONE)
		return is_machine(address);
	return is_machine(address_bare(from));
}

const struct part *
detect_status_part(const struct message *message,
    const struct envelope *envelope)
{
	const struct part *root = message->root, *part;
	struct span type;

	for (part = root->first_child; part != NULL; part = part->next)
		if (is_status_part(part))
			break;
	if (part == NULL && is_status_part(root))
		part = root;
	if (part == NULL)
		return NULL;
	type = part_parameter(message->arena, root, "report-type");
	if (part_is(root, "multipart/report") &&
	    (type.len == 0 || span_equal_nocase(type,
	    SPAN("delivery-status"))))
		return part;
	return detect_machine(message, envelope) ? part : NULL;
}
