/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounce/report.h"

#include "bounce/detect.h"
#include "bounce/dsn.h"
#include "bounce/guess.h"
#include "bounce/notice.h"
#include "bounce/prose.h"
#include "bounce/returned.h"
#include "bounce/sentences.h"
#include "bounce/sure.h"
#include "mail/charset.h"
#include "mail/markup.h"

/* What report_read() goes through. */
struct reading {
	struct report *report;
	const struct message *message;
	const struct envelope *envelope;
	const struct preface *preface;
	const struct limits *limits;
	enum origin origin;
	bool wrapped;		/* inside another notice */
};

/* Is it text to be read, not a file that somebody attached? */
static bool
is_shown_text(const struct part *part)
{
	return part_is(part, "text/plain") && !part_is_attachment(part);
}

/* Returns the text right before a status part, NULL if it is not so plain. What
 * a gateway puts in front of the notice or around it stands before that. */
static const struct part *
text_before(const struct part *status)
{
	const struct part *part, *text = NULL;

	if (status == NULL || status->parent == NULL)
		return NULL;
	for (part = status->parent->first_child; part != status;
	    part = part->next)
		text = part;
	return text != NULL && is_shown_text(text) ? text : NULL;
}

/* Returns the words of the notice: the text before its status part (NULL: it
 * has none), or the first leaf that is text. */
static struct span
notice_text(const struct reading *reading, const struct part *status)
{
	struct arena *arena = reading->message->arena;
	const struct part *part = text_before(status), *html = NULL;

	if (part != NULL)
		return part_text(arena, part, reading->limits->text);
	for (part = reading->message->root; part != NULL;
	    part = part_after(part)) {
		if (part->first_child != NULL)
			continue;
		if (part->type.len == 0 || part_is(part, "text/plain"))
			return part_text(arena, part, reading->limits->text);
		if (html == NULL && part_is(part, "text/html"))
			html = part;
		else if (!part_is(part, "text/html"))
			break;
	}
	if (html != NULL)
		return markup_to_text(arena, part_text(arena, html,
		    reading->limits->text));
	/* A multipart that has no parts, or text of some other kind. */
	part = reading->message->root;
	if (part->first_child != NULL && part_is_multipart(part->first_child))
		part = part->first_child;
	if (part->first_child == NULL && (part_is_multipart(part) ||
	    span_starts_nocase(part->type, SPAN("text"))))
		return part_text(arena, part, reading->limits->text);
	return SPAN("");
}

/* The first lines of a text: each costs, however short it is. */
static struct span
first_lines(struct span text, size_t lines)
{
	struct span rest = text, line;

	if (text.len <= lines)		/* a line has a byte at least */
		return text;
	while (lines-- > 0 && span_next_line(&rest, &line))
		;
	return span_first(text, text.len - rest.len);
}

/* Returns the part right below the top that follows the first one. */
static const struct part *
second_part(const struct reading *reading)
{
	const struct part *part = reading->message->root->first_child;

	return part != NULL ? part->next : NULL;
}

static struct span
second_text(const struct reading *reading)
{
	const struct part *part = second_part(reading);

	if (part == NULL || !is_shown_text(part))
		return SPAN("");
	return part_text(reading->message->arena, part, reading->limits->text);
}

/* Gives every recipient an action. */
static void
settle_actions(struct report *report, enum action action)
{
	for (size_t i = 0; i < report->n; i++) {
		struct recipient *recipient = &report->recipients[i];

		if (recipient->action == ACTION_NONE)
			recipient->action = action != ACTION_NONE ? action :
			    ACTION_FAILED;
	}
}

/* Does the status part say all that words could add? */
static bool
is_complete(const struct report *report)
{
	for (size_t i = 0; i < report->n; i++) {
		const struct recipient *recipient = &report->recipients[i];

		if (recipient->action == ACTION_NONE || recipient->code == 0 ||
		    recipient->status.subject == 0 || recipient->reply_cut ||
		    span_find_char(recipient->address, '@') == SPAN_NONE ||
		    (recipient->status.subject == 4 &&
		    recipient->status.detail == 7))
			return false;
	}
	return report->n > 0;
}

/* So far into a part its first fields are looked for. */
#define STATUS_TEXT_MAX ((size_t)8 * 1024)
#define FIELD SPAN("\nFinal-Recipient:")

/* Does a line of text begin as the field does, be it the first? */
static bool
has_fields(struct span text)
{
	return span_starts_nocase(text, span_from(FIELD, 1)) ||
	    span_find_nocase(text, FIELD) != SPAN_NONE;
}

/* Is it a status part that its writer calls text, or a file? */
static bool
may_be_status(const struct part *part)
{
	return part_is(part, "text/plain") && has_fields(span_first(
	    part->body, STATUS_TEXT_MAX)) && (is_shown_text(part) ||
	    span_starts_nocase(span_trim(part->body),
	    SPAN("Reporting-MTA:")));
}

/*
 * Some write the fields of a status part into the notice itself, some into a
 * part that they call text.
 */
static void
read_fields_in_text(const struct reading *reading, struct span notice)
{
	struct arena *arena = reading->message->arena;
	const struct part *part = second_part(reading);

	if (has_fields(notice))
		notice_cut(&notice);
	if (!has_fields(notice)) {
		while (part != NULL && !may_be_status(part))
			part = part->next;
		if (part == NULL)
			return;
		notice = part_text(arena, part, reading->limits->text);
	}
	dsn_read_text(reading->report, arena, notice, reading->limits);
}

static void
read_words(const struct reading *reading, struct span text,
    struct span failed, struct prose *prose)
{
	struct report *report = reading->report;
	struct arena *arena = reading->message->arena;

	if (reading->preface != NULL)
		text = reading->preface->cut(reading->preface->context, text);
	text = first_lines(text, reading->limits->lines);
	if (report->n == 0)
		read_fields_in_text(reading, text);
	*prose = (struct prose){ .action = ACTION_NONE };
	if (is_complete(report))
		prose->system = sentences_system(arena, text);
	else
		prose_read(prose, report, arena, text, failed,
		    reading->limits);
	if (report->returned.headers.n == 0 && prose->copy.len > 0)
		returned_read_text(&report->returned, arena, prose->copy,
		    reading->limits);
	if (report->system == NULL)
		report->system = prose->system;
}

static bool
read_structured(const struct reading *reading, const struct part *status)
{
	struct report *report = reading->report;
	struct prose prose;

	report->kind = REPORT_DSN;
	dsn_read(report, reading->message->arena, status, reading->limits);
	read_words(reading, notice_text(reading, status), SPAN_ABSENT, &prose);
	if (report->n == 0)
		report_add_recipient(report, reading->message->arena,
		    reading->limits);
	settle_actions(report, prose.action);
	return !reading->message->arena->failed;
}

static bool read_message(const struct reading *reading);

/* Some gateways wrap a bounce into a notice of their own that names nobody:
 * then the bounce that came back is read. */
static void
read_wrapped(const struct reading *reading, struct span bytes)
{
	struct message inner;
	struct report report = { .kind = REPORT_NONE };
	const struct envelope envelope = { .known = false };
	struct reading within = { &report, &inner, &envelope,
	    reading->preface, reading->limits, ORIGIN_OTHER, true };

	if (reading->wrapped || bytes.len == 0 || !message_parse(&inner,
	    reading->message->arena, bytes, reading->limits))
		return;
	within.origin = detect_origin(&inner, &envelope);
	if (read_message(&within) && report.kind != REPORT_NONE)
		*reading->report = report;
}

/* Returns the bytes of the first returned message, absent if there is none. */
static struct span
returned_bytes(const struct message *message, const struct prose *prose)
{
	const struct part *part = part_find(message->root, "message/rfc822");
	struct span copy = prose->copy;

	if (part != NULL && part != message->root)
		return part->body;
	while (copy.len > 0 && (copy.p[0] == '\n' || copy.p[0] == '\r'))
		copy = span_from(copy, 1);
	return copy;
}

/* Finds the recipients of a notice whose words name none. */
static void
look_elsewhere(const struct reading *reading, const struct prose *prose)
{
	struct report *report = reading->report;

	read_wrapped(reading, returned_bytes(reading->message, prose));
	if (report->n == 0 && reading->origin >= ORIGIN_MAIL_SYSTEM)
		guess_lone_address(report, reading->message, prose->notice,
		    reading->limits);
	if (report->n == 0)
		guess_returned_recipient(report, reading->message,
		    prose->notice, reading->limits);
}

static bool
read_prose(const struct reading *reading)
{
	struct report *report = reading->report;
	struct arena *arena = reading->message->arena;
	struct span failed = charset_to_utf8(arena, SPAN_ABSENT,
	    header_unfold(arena, header_value(&reading->message->root->headers,
	    "X-Failed-Recipients")), NULL);
	struct subject subject = { .action = ACTION_NONE };
	struct prose prose;

	read_words(reading, notice_text(reading, NULL), failed, &prose);
	/* A gateway's words may stand in a part in front of the notice. */
	if (report->n == 0 && prose.weight == 0 && second_part(reading) != NULL)
		read_words(reading, second_text(reading), failed, &prose);
	if (report->n > 1 && failed.len == 0)
		guess_drop_bystanders(report, reading->message);
	if (reading->origin < ORIGIN_DAEMON || prose.weight < PROSE_SURE ||
	    prose.action == ACTION_NONE)
		subject = subject_read(reading->message);
	if (report->n == 0 && (prose.weight > 0 || (subject.fits &&
	    !subject.answers) || reading->origin == ORIGIN_DAEMON))
		look_elsewhere(reading, &prose);
	if (report->n == 0 || !words_are_sure(&prose, report,
	    reading->origin, failed, guess_names_others(report,
	    reading->message), &subject)) {
		*report = (struct report){ .kind = REPORT_NONE };
		return !arena->failed;
	}
	report->kind = REPORT_PROSE;
	settle_actions(report, prose.action != ACTION_NONE ? prose.action :
	    subject.action);
	return !arena->failed;
}

static bool
read_message(const struct reading *reading)
{
	const struct message *message = reading->message;
	enum header_verdict verdict = detect_header(&message->root->headers,
	    message->arena);
	const struct part *status;

	if (verdict == HEADER_IS_OTHER)
		return !message->arena->failed;
	status = detect_status_part(message, reading->envelope);
	if (status == NULL && (reading->origin == ORIGIN_OTHER ||
	    verdict == HEADER_IS_LIST))
		return !message->arena->failed;
	returned_read_part(&reading->report->returned, message,
	    reading->limits);
	return status != NULL ? read_structured(reading, status) :
	    read_prose(reading);
}

bool
report_read(struct report *report, const struct message *message,
    const struct envelope *envelope, const struct preface *preface,
    const struct limits *limits)
{
	const struct reading reading = { report, message, envelope, preface,
	    limits, detect_origin(message, envelope), false };

	*report = (struct report){ .kind = REPORT_NONE };
	return read_message(&reading);
}
