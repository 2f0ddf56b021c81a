/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounce/prose.h"

#include "bounce/dsn.h"
#include "bounce/lines.h"
#include "bounce/names.h"
#include "bounce/notice.h"
#include "bounce/paragraph.h"
#include "bounce/reason.h"
#include "bounce/sentences.h"
#include "mail/address.h"
#include "mail/charset.h"

/* What prose_read() goes through. */
struct reader {
	struct report *report;
	struct arena *arena;
	const struct limits *limits;
	struct span notice;	/* the text without the returned message */
	struct mentions mentions;	/* whom it names */
};

/* X.4.7: the queue time ran out. */
static bool
is_expiry(struct status status)
{
	return status.subject == 4 && status.detail == 7;
}

/* A reply no longer than this is a number or so: "X-Unix; 67". */
#define WORDLESS 8

/* "5.1.0 - Unknown address 550-'No such user'": the status stands first. */
static struct status
status_before(struct span note, const struct reply *reply)
{
	struct status status = { 0, 0, 0 };
	int code = 0;
	size_t at = reply_find(note, &code);

	if (at != SPAN_NONE && code == reply->code)
		status = status_find(span_first(note, at));
	return status.class * 100 == code - code % 100 ? status :
	    (struct status){ 0, 0, 0 };
}

/*
 * Clears what a status part says of a recipient where the reply in the words
 * says it better.
 */
static void
prefer_words(struct recipient *recipient, const struct reply *reply)
{
	/* A status part that knows no reason: the words may. */
	if (is_expiry(recipient->status) && reply->status.class != 0 &&
	    !is_expiry(reply->status)) {
		recipient->reply = SPAN_ABSENT;
		recipient->status = reply->status;
		recipient->code = reply->code;
	}
	/* Of a longer reply the status part has only the first line. */
	if (recipient->reply_cut && span_starts_nocase(reply->text,
	    recipient->reply)) {
		recipient->reply = SPAN_ABSENT;
		recipient->reply_cut = false;
	}
	/* The same words, with what stands around them in the notice. */
	if (recipient->code == 0 && recipient->reply.len > WORDLESS &&
	    span_find(reply->text, recipient->reply) != SPAN_NONE)
		recipient->reply = SPAN_ABSENT;
}

/* Does a reply say that all went well, of a recipient for whom it did not? */
static bool
is_of_success(const struct recipient *recipient, const struct reply *reply)
{
	return recipient->action <= ACTION_DELAYED &&
	    reply->status.class == 2;
}

static void
fill_reply(struct recipient *recipient, const struct reply *reply)
{
	if (recipient->reply.len == 0)
		recipient->reply = reason_without_command(reply->text);
	if (recipient->code == 0)
		recipient->code = reply->code;
	if (!is_of_success(recipient, reply) &&
	    (recipient->status.class == 0 || (recipient->status.subject == 0 &&
	    reply->status.class != 0)))
		recipient->status = reply->status;
}

static void
fill_names(struct recipient *recipient, const struct mention *m,
    struct arena *arena)
{
	if (recipient->original.len == 0)
		recipient->original = origin_in(m->note);
	if (recipient->original.len == 0)
		recipient->original = origin_in(m->earlier);
	if (span_equal_nocase(recipient->original, recipient->address))
		recipient->original = SPAN_ABSENT;
	if (recipient->remote.len == 0)
		recipient->remote = m->server.len > 0 ? m->server :
		    server_in(arena, m->note);
}

/* Gives a recipient what its mention says and it has not yet. */
static void
fill_recipient(const struct reader *reader, struct recipient *recipient,
    const struct mention *m)
{
	struct span reason = reason_of(m, &reader->mentions, reader->notice);
	struct reply reply;

	reply_read(reader->arena, reason, &reply);
	if (reply.status.class == 0 && reply.code != 0)
		reply.status = status_before(m->note, &reply);
	prefer_words(recipient, &reply);
	fill_reply(recipient, &reply);
	fill_names(recipient, m, reader->arena);
	if (recipient->evidence.len == 0)
		recipient->evidence = reason;
}

static struct recipient *
find_recipient(struct report *report, struct span address)
{
	for (size_t i = 0; i < report->n; i++)
		if (span_equal_nocase(report->recipients[i].address,
		    address) || span_equal_nocase(
		    report->recipients[i].original, address))
			return &report->recipients[i];
	return NULL;
}

/*
 * A status part that names a local part alone, has an X.400 address, or the
 * program that the words name right above the address: they have the other.
 */
static struct recipient *
find_bare_name(struct report *report, const struct mention *m, bool alone)
{
	size_t at = span_find_char(m->address, '@');

	for (size_t i = 0; i < report->n && at != SPAN_NONE; i++) {
		struct recipient *recipient = &report->recipients[i];
		struct span name = recipient->address;

		if (span_find_char(name, '@') != SPAN_NONE ||
		    !((report->n == 1 && (alone || span_equal_nocase(name,
		    span_first(m->address, at)))) || (name.len > 0 &&
		    span_ends_nocase(m->before, name))))
			continue;
		recipient->address = m->address;
		return recipient;
	}
	return NULL;
}

/* Makes recipients of the mentions; or fills those that are there. */
static void
take_mentions(const struct reader *reader, bool add)
{
	struct report *report = reader->report;

	for (size_t i = 0; i < reader->mentions.n; i++) {
		const struct mention *m = &reader->mentions.list[i];
		struct recipient *recipient = find_recipient(report,
		    m->address);

		if (recipient == NULL)
			recipient = find_bare_name(report, m,
			    reader->mentions.n == 1);
		if (recipient == NULL && add) {
			recipient = report_add_recipient(report,
			    reader->arena, reader->limits);
			if (recipient == NULL)
				return;
			recipient->address = m->address;
		}
		if (recipient != NULL)
			fill_recipient(reader, recipient, m);
	}
}

/* The addresses of X-Failed-Recipients, each a recipient. */
static void
take_failed(const struct reader *reader, struct span failed)
{
	struct report *report = reader->report;

	while (failed.len > 0) {
		size_t comma = span_find_char(failed, ',');
		struct span address = address_bare(span_first(failed,
		    comma == SPAN_NONE ? failed.len : comma));
		struct recipient *recipient;

		failed = comma == SPAN_NONE ? SPAN_ABSENT :
		    span_from(failed, comma + 1);
		if (address.len == 0 || find_recipient(report, address))
			continue;
		recipient = report_add_recipient(report, reader->arena,
		    reader->limits);
		if (recipient == NULL)
			return;
		recipient->address = address;
	}
}

/* One recipient and one reason belong together, wherever they stand. */
static void
fill_lone_recipient(const struct reader *reader, bool replied, bool failed)
{
	struct report *report = reader->report;
	struct mention whole = { .note = reader->notice };
	struct recipient *recipient;
	int code;

	if (report->n != 1)
		return;
	recipient = &report->recipients[0];
	if (reader->mentions.n == 1 && recipient->reply.len == 0)
		fill_recipient(reader, recipient, &reader->mentions.list[0]);
	if (!replied && recipient->code == 0 &&
	    (reader->mentions.answer.len > 0 ||
	    reply_find(reader->notice, &code) != SPAN_NONE ||
	    (recipient->status.class == 0 &&
	    status_find(reader->notice).class != 0))) {
		if (status_find(recipient->reply).class == 0)
			recipient->reply = SPAN_ABSENT;
		fill_recipient(reader, recipient, &whole);
	}
	/* No reason stands anywhere in particular: the notice is it. Where
	 * nothing failed, there is most often none. */
	if (recipient->reply.len == 0 && failed) {
		struct reply reply;

		reply_read(reader->arena, reader->notice, &reply);
		recipient->reply = reply.text;
	}
}

/* A reply in front of several recipients, of whom none has one, is theirs. */
static void
share_reply_before(const struct reader *reader)
{
	struct report *report = reader->report;
	struct span before = reader->notice;
	struct reply reply;
	size_t at;
	int code;

	for (size_t i = 0; i < report->n; i++)
		if (report->recipients[i].code != 0 ||
		    report->recipients[i].status.class != 0)
			return;
	if (report->n < 2 || reader->mentions.n == 0 ||
	    reader->mentions.list[0].note.p == NULL)
		return;
	before.len = (size_t)(reader->mentions.list[0].note.p - before.p);
	at = reply_find(before, &code);
	if (at == SPAN_NONE)
		return;
	reply_read(reader->arena, paragraph_first(span_from(before, at)),
	    &reply);
	for (size_t i = 0; i < report->n; i++) {
		report->recipients[i].reply = reply.text;
		report->recipients[i].code = reply.code;
		report->recipients[i].status = reply.status;
	}
}

/*
 * The address in the text is the one that was tried; X-Failed-Recipients may
 * have been rewritten on the way.
 */
static void
settle_lone_address(const struct reader *reader)
{
	struct report *report = reader->report;
	struct span address;

	if (report->n != 1 || reader->mentions.n != 1)
		return;
	address = reader->mentions.list[0].address;
	if (find_recipient(report, address) == NULL)
		report->recipients[0].address = address;
}

/* Does the notice name others, beyond the limit or behind what was read? */
static bool
names_more(const struct reader *reader, const struct prose *prose,
    struct span unread)
{
	return reader->mentions.overflow || (reader->mentions.n > 1 &&
	    prose->copy.p == NULL &&
	    span_find_char(unread, '@') != SPAN_NONE);
}

void
prose_read(struct prose *prose, struct report *report, struct arena *arena,
    struct span text, struct span failed, const struct limits *limits)
{
	struct reader reader = { .report = report, .arena = arena,
	    .limits = limits };
	bool given = report->n > 0;
	/* What the report itself quotes is not looked for elsewhere. */
	bool replied = report->n == 1 &&
	    report->recipients[0].reply.len > WORDLESS;
	struct span unread = span_from(text, PROSE_TEXT);

	*prose = (struct prose){ .action = ACTION_NONE };
	if (text.p == NULL)		/* the arena failed */
		text = SPAN("");
	text = charset_cut(text, PROSE_TEXT);
	prose->copy = notice_cut(&text);
	prose->notice = reader.notice = text;
	sentences_weigh(prose, arena, text);
	mentions_init(&reader.mentions, arena, limits->recipients);
	lines_read(&reader.mentions, text);
	prose->named = reader.mentions.n > 0;
	mentions_share_notes(&reader.mentions);
	if (!given) {
		take_failed(&reader, failed);
		settle_lone_address(&reader);
	}
	take_mentions(&reader, !given && failed.len == 0);
	if (!given && failed.len == 0 && names_more(&reader, prose, unread))
		report->flags |= REPORT_OVERFLOW;
	fill_lone_recipient(&reader, replied,
	    prose->action <= ACTION_FAILED);
	if (!given)
		share_reply_before(&reader);
}
