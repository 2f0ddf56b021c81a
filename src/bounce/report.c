/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounce/report.h"

#include "bounce/detect.h"
#include "bounce/dsn.h"
#include "bounce/prose.h"
#include "bounce/returned.h"
#include "bounce/words.h"
#include "mail/codec.h"
#include "mail/markup.h"

/* What report_read() goes through. */
struct reading {
	struct report *report;
	const struct message *message;
	const struct envelope *envelope;
	const struct limits *limits;
};

/* Returns the words of the notice: the first leaf that is text. */
static struct span
notice_text(const struct reading *reading)
{
	struct arena *arena = reading->message->arena;
	const struct part *part, *html = NULL;

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
	/* Any other text at the top, or nothing. */
	part = reading->message->root;
	if (part->first_child == NULL && span_starts_nocase(part->type,
	    SPAN("text")))
		return part_text(arena, part, reading->limits->text);
	return SPAN("");
}

static unsigned
subject_weight(const struct reading *reading, enum action *action)
{
	struct span subject = encoded_words_decode(reading->message->arena,
	    header_value(&reading->message->root->headers, "Subject"));

	for (size_t i = 0; i < nsubjects; i++)
		if (span_find_nocase(subject, subjects[i].words) !=
		    SPAN_NONE) {
			*action = subjects[i].action;
			return 1;
		}
	return 0;
}

/* How sure is it that words alone make this a bounce? */
static unsigned
weigh(const struct reading *reading, const struct prose *prose,
    struct span failed, enum action *said)
{
	unsigned weight = prose->weight + subject_weight(reading, said);
	const struct report *report = reading->report;

	if (failed.len > 0)
		weight += 3;
	for (size_t i = 0; i < report->n; i++)
		if (report->recipients[i].code >= 400) {
			weight++;
			break;
		}
	if (report->returned.headers.n > 0)
		weight++;
	return weight;
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

static void
read_words(const struct reading *reading, struct span failed,
    struct prose *prose)
{
	struct report *report = reading->report;
	struct arena *arena = reading->message->arena;

	prose_read(prose, report, arena, notice_text(reading), failed,
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
	read_words(reading, SPAN_ABSENT, &prose);
	settle_actions(report, prose.action);
	if (report->n == 0)
		report_add_recipient(report, reading->message->arena,
		    reading->limits);
	settle_actions(report, prose.action);
	return !reading->message->arena->failed;
}

static bool
read_prose(const struct reading *reading)
{
	struct report *report = reading->report;
	struct arena *arena = reading->message->arena;
	struct span failed = header_unfold(arena, header_value(
	    &reading->message->root->headers, "X-Failed-Recipients"));
	enum action said = ACTION_NONE;
	struct prose prose;

	read_words(reading, failed, &prose);
	if (report->n == 0 ||
	    weigh(reading, &prose, failed, &said) < PROSE_SURE) {
		*report = (struct report){ .kind = REPORT_NONE };
		return !arena->failed;
	}
	report->kind = REPORT_PROSE;
	settle_actions(report, prose.action != ACTION_NONE ? prose.action :
	    said);
	return !arena->failed;
}

bool
report_read(struct report *report, const struct message *message,
    const struct envelope *envelope, const struct limits *limits)
{
	const struct reading reading = { report, message, envelope, limits };
	const struct part *status;

	*report = (struct report){ .kind = REPORT_NONE };
	if (!detect_header(&message->root->headers, message->arena))
		return !message->arena->failed;
	status = detect_status_part(message, envelope);
	if (status == NULL && !detect_machine(message, envelope))
		return !message->arena->failed;
	returned_read_part(&report->returned, message, limits);
	if (status != NULL)
		return read_structured(&reading, status);
	return read_prose(&reading);
}
