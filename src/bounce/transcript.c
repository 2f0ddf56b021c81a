/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounce/transcript.h"

#include "base/buf.h"
#include "bounce/names.h"
#include "bounce/paragraph.h"
#include "bounce/reply.h"
#include "bounce/words.h"
#include "mail/address.h"

/*
 * The delivery program's own words, which stand above such a verdict:
 * "mail.local: unknown user". Returns them with the verdict, or nothing.
 */
static struct span
program_words(struct span above, struct span verdict, struct span words)
{
	size_t colon = span_find(above, SPAN(": "));
	int code;

	if (words_at_start(&empty_verdicts, words) == NULL ||
	    colon == SPAN_NONE ||
	    span_find_char(above, ' ') != colon + 1 ||
	    reply_code_at(above, &code) > 0)
		return SPAN_ABSENT;
	return (struct span){ above.p,
	    (size_t)(verdict.p + verdict.len - above.p) };
}

/*
 * Sendmail's verdict on an address, at the end of a session: the server's
 * own answer counts more than it, if there was one, and a reply in it more
 * than the code in front ("554 <name@domain>... 550 Host unknown").
 */
static void
take_verdict(const struct transcript *transcript, struct mentions *mentions,
    struct span address, struct span line, struct span verdict,
    struct span words)
{
	struct mention *m;
	int code;

	words = span_trim(words);
	mentions_begin_note(mentions, address, line,
	    reply_code_at(words, &code) > 0 ? words.p : verdict.p);
	m = mentions_find(mentions, address);
	if (m == NULL || m->answer.len > 0)
		return;
	if (mentions->answer.len == 0 || transcript->judged) {
		m->answer = program_words(mentions->above, verdict, words);
		return;
	}
	m->answer = mentions->answer;
	m->server = transcript->server;
	mentions->answer = SPAN_ABSENT;
}

bool
transcript_read_verdict(const struct transcript *transcript,
    struct mentions *mentions, struct span line)
{
	struct span verdict = line_bare(line), rest = verdict, address;
	struct status status;
	size_t len;
	int code;

	len = reply_code_at(rest, &code);
	if (len == 0 || code < 400)
		return false;
	rest = span_trim(span_from(rest, len));
	len = status_at(rest, &status);
	rest = span_trim(span_from(rest, len));
	len = address_dressed_at(rest, &address);
	if (len == 0 || !span_starts_nocase(span_from(rest, len),
	    SPAN("...")))
		return false;
	take_verdict(transcript, mentions, address, line, verdict,
	    span_from(rest, len + 3));
	return true;
}

/* A command of ours; the answer to a RCPT TO is about its address. */
static void
take_command(struct transcript *transcript, struct mentions *mentions,
    struct span command)
{
	struct span address;
	size_t len;

	command = span_trim(command);
	transcript->commanded = SPAN_ABSENT;
	if (span_starts_nocase(command, SPAN("RCPT TO:")) &&
	    address_find(command, &address, &len) != SPAN_NONE &&
	    mentions_add(mentions, address) != NULL)
		transcript->commanded = address;
}

/* Cuts the next line of an answer off rest; absent if another comes. */
static struct span
answer_line(struct span *rest, struct span code)
{
	const struct span *mark;
	struct span line;

	if (!span_next_line(rest, &line))
		return SPAN_ABSENT;
	line = span_trim(line);
	mark = words_at_start(&said_by_them, line);
	if (mark == NULL)
		return SPAN_ABSENT;
	line = span_from(line, mark->len);
	return span_starts_nocase(line, code) ? line : SPAN_ABSENT;
}

/* Is answer a further line of the one that first begins? */
static bool
is_continued(struct span first, struct span answer)
{
	struct span rest, line;

	if (first.len < 4 || first.p[3] != '-' || answer.p < first.p)
		return false;
	rest = (struct span){ first.p,
	    (size_t)(answer.p + answer.len - first.p) };
	span_next_line(&rest, &line);
	do
		line = answer_line(&rest, span_first(first, 3));
	while (line.p != NULL && line.p < answer.p);
	return line.p == answer.p;
}

static void
take_answer(struct transcript *transcript, struct mentions *mentions,
    struct span answer)
{
	struct mention *m;
	int code;

	if (reply_code_at(answer, &code) == 0 || code < 400)
		return;
	/* "Need RCPT": each was refused before, and that is the reason. */
	if (code == 503 && span_find_nocase(answer, SPAN("rcpt")) != SPAN_NONE)
		return;
	m = transcript->commanded.p != NULL ?
	    mentions_find(mentions, transcript->commanded) : NULL;
	/* Its other lines are found again by transcript_whole_reply(). */
	if (is_continued(m != NULL ? m->answer : mentions->answer, answer))
		return;
	if (m != NULL) {
		m->answer = answer;
		m->server = transcript->server;
	} else {
		mentions->answer = answer;
		transcript->judged = false;
	}
}

/* Has the note that is being read a reply before p? */
static bool
is_judged(struct span note, const char *p)
{
	int code;

	return note.p != NULL && p > note.p && reply_find((struct span){
	    note.p, (size_t)(p - note.p) }, &code) != SPAN_NONE;
}

bool
transcript_read_line(struct transcript *transcript, struct mentions *mentions,
    struct span line)
{
	const struct mention *current = mentions_current(mentions);
	const struct span *mark;
	int code;

	line = span_trim(line);
	if (span_starts_nocase(line, SPAN("... while talking to ")) ||
	    span_starts_nocase(line, SPAN("While talking to "))) {
		mentions_end_note(mentions, line.p);
		transcript->server = server_in(mentions->arena, line);
		transcript->commanded = mentions->answer = SPAN_ABSENT;
		return true;
	}
	mark = words_at_start(&said_by_us, line);
	if (mark != NULL) {
		mentions_end_note(mentions, line.p);
		take_command(transcript, mentions, span_from(line, mark->len));
		/* Courier writes the command below the address it is for. */
		if (current != NULL && transcript->commanded.p == NULL &&
		    !is_judged(current->note, line.p))
			transcript->commanded = current->address;
		return true;
	}
	mark = words_at_start(&said_by_them, line);
	if (mark == NULL) {
		/* "554 5.0.0 Service unavailable": Sendmail's, on those it
		 * talked about; a verdict that follows is on somebody else. */
		if (reply_code_at(line, &code) > 0 && code >= 400 &&
		    span_find_char(line, '@') == SPAN_NONE)
			transcript->judged = true;
		return false;
	}
	/* Courier writes the answer right below the address; what follows
	 * Sendmail's verdict on one is none about it: "503 No recipients". */
	if (current != NULL && transcript->commanded.p == NULL &&
	    !is_judged(current->note, line.p))
		transcript->commanded = current->address;
	mentions_end_note(mentions, line.p);
	take_answer(transcript, mentions, span_from(line, mark->len));
	return true;
}

/* So many bytes tell a line: what stands further may be cut. */
#define FIRST_BYTES 24

/* Finds a line of an answer; absent if there is none. */
static struct span
find_answer(struct span notice, struct span start)
{
	size_t hit;

	/* The note itself may hold it first, without the mark. */
	while ((hit = span_find(notice, start)) != SPAN_NONE) {
		struct span before = span_first(notice, hit);

		notice = span_from(notice, hit);
		if (span_ends_nocase(before, SPAN("<<< ")))
			return notice;
		notice = span_from(notice, start.len);
	}
	return SPAN_ABSENT;
}

struct span
transcript_whole_reply(struct arena *arena, struct span notice,
    struct span first)
{
	struct span rest = find_answer(notice, span_first(first,
	    FIRST_BYTES)), line;
	struct buf out;

	if (!span_next_line(&rest, &line))
		return SPAN_ABSENT;
	buf_init(&out, arena);
	do {
		buf_add_span(&out, line);
		buf_add_char(&out, '\n');
		line = answer_line(&rest, span_first(first, 3));
	} while (line.p != NULL);
	return buf_span(&out);
}
