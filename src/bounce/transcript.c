/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounce/transcript.h"

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
	if (mentions->answer.len == 0) {
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

static void
take_answer(const struct transcript *transcript, struct mentions *mentions,
    struct span answer)
{
	struct span last = mentions->answer;
	struct mention *m;
	int code;

	if (reply_code_at(answer, &code) == 0 || code < 400)
		return;
	/* "Need RCPT": each was refused before, and that is the reason. */
	if (code == 503 && span_find_nocase(answer, SPAN("rcpt")) != SPAN_NONE)
		return;
	/* Continuation lines of an answer grow it. */
	if (last.p != NULL && transcript->commanded.p == NULL &&
	    answer.p < last.p + last.len + 16)
		answer = (struct span){ last.p,
		    (size_t)(answer.p + answer.len - last.p) };
	m = transcript->commanded.p != NULL ?
	    mentions_find(mentions, transcript->commanded) : NULL;
	if (m != NULL) {
		m->answer = answer;
		m->server = transcript->server;
	} else {
		mentions->answer = answer;
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
		return true;
	}
	mark = words_at_start(&said_by_them, line);
	if (mark == NULL)
		return false;
	/* Courier writes the answer right below the address; what follows
	 * Sendmail's verdict on one is none about it: "503 No recipients". */
	if (current != NULL && transcript->commanded.p == NULL &&
	    !is_judged(current->note, line.p))
		transcript->commanded = current->address;
	mentions_end_note(mentions, line.p);
	take_answer(transcript, mentions, span_from(line, mark->len));
	return true;
}
