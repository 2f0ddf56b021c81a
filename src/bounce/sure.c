/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounce/sure.h"

#include "base/ascii.h"
#include "bounce/sentences.h"
#include "bounce/words.h"
#include "mail/codec.h"

struct subject
subject_read(const struct message *message)
{
	struct span text = encoded_words_decode(message->arena, span_first(
	    header_value(&message->root->headers, "Subject"),
	    DETECT_SUBJECT));
	struct subject subject = { .action = ACTION_NONE };
	struct span folded;

	while (text.len > 0 && !ascii_is_alnum(text.p[0]) &&
	    !ascii_is_8bit(text.p[0]))
		text = span_from(text, 1);
	folded = sentence_fold(message->arena, text);
	for (size_t i = 0; i < nsubjects && !subject.fits; i++) {
		size_t at = span_find(folded, subjects[i].words);

		if (at != SPAN_NONE)
			subject = (struct subject){ .fits = true,
			    .begins = at == 0, .action = subjects[i].action };
	}
	subject.answers = words_at_start(&answer_marks, text) != NULL;
	return subject;
}

/* How much does the best reply say that a recipient's server gave? */
static unsigned
reply_weight(const struct report *report, bool daemon)
{
	unsigned weight = 0;

	for (size_t i = 0; i < report->n; i++) {
		const struct recipient *recipient = &report->recipients[i];
		bool coded = recipient->code >= 400;
		bool status = recipient->status.class >= 4;

		/* An address with a reply below it is what a bounce is. */
		if (coded && status && daemon)
			return PROSE_SURE;
		if (coded || status)
			weight = 2;
	}
	return weight;
}

static bool
has_letters(struct span s)
{
	while (s.len > 0 && !ascii_is_alpha(s.p[0]) && !ascii_is_8bit(s.p[0]))
		s = span_from(s, 1);
	return s.len > 0;
}

/* A longer text is a letter, which may hold any words. */
#define NOTICE_LENGTH 4096

/*
 * What else is a mail system's way: lines that name recipients, the refusal of
 * one, the message that came back; with words that fit. A daemon needs less.
 */
static unsigned
names_weight(const struct prose *prose, const struct report *report,
    enum origin origin, const struct subject *subject)
{
	bool daemon = origin == ORIGIN_DAEMON;
	bool worded = subject->fits || prose->weight > 0;

	if (prose->notice.len > NOTICE_LENGTH)
		return 0;
	if (daemon && prose->named && worded)
		return 2;
	if (daemon && report->recipients[0].code >= 500 && !worded)
		return has_letters(report->recipients[0].reply);
	if (daemon && report->returned.headers.n > 0)
		return worded;
	return (daemon || (origin == ORIGIN_MAIL_SYSTEM && prose->named)) &&
	    subject->fits && prose->weight > 0;
}

bool
words_are_sure(const struct prose *prose, const struct report *report,
    enum origin origin, struct span failed, bool others,
    const struct subject *subject)
{
	unsigned weight = reply_weight(report, origin == ORIGIN_DAEMON);

	if (prose->other || (!others && weight == 0 && failed.len == 0 &&
	    report->returned.headers.n == 0))
		return false;
	/* People who write as the postmaster answer, and pass on. */
	if (subject->answers && origin < ORIGIN_DAEMON && prose->weight <
	    PROSE_ANYBODY && report->returned.headers.n == 0)
		return false;
	if (others)
		weight += names_weight(prose, report, origin, subject);
	weight += prose->weight;
	if (failed.len > 0)
		weight += PROSE_SURE;
	if (report->returned.headers.n > 0)
		weight++;
	if (origin == ORIGIN_ROBOT)
		/* It must say it in so many words, and all else must fit. */
		return prose->weight >= PROSE_ANYBODY ||
		    (prose->weight >= PROSE_SURE && subject->begins &&
		    weight > PROSE_SURE);
	if (subject->fits)
		weight++;
	if (origin == ORIGIN_NULL_SENDER)
		return weight > PROSE_SURE;
	return weight >= PROSE_SURE;
}
