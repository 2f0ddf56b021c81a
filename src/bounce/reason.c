/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounce/reason.h"

#include "base/ascii.h"
#include "bounce/paragraph.h"
#include "bounce/reply.h"
#include "bounce/transcript.h"
#include "bounce/words.h"
#include "mail/address.h"

/* "(…)", but not "(…) (…)". */
static bool
is_in_parentheses(struct span s)
{
	size_t depth = 0, i = 0;

	if (s.len < 2 || s.p[0] != '(')
		return false;
	do {
		depth += s.p[i] == '(';
		depth -= s.p[i] == ')';
	} while (depth > 0 && ++i < s.len);
	return i == s.len - 1;
}

static size_t
count_char(struct span s, char c)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += s.p[i] == c;
	return n;
}

/* "(reason: …)", "returned '…'": takes off what closes and opened before. */
static struct span
without_closing(struct span reply)
{
	char last = reply.len > 0 ? reply.p[reply.len - 1] : '\0';

	if ((last == ')' && count_char(reply, '(') == 0) ||
	    ((last == '\'' || last == '"') && count_char(reply, last) == 1))
		reply.len--;
	return reply;
}

struct span
reason_without_command(struct span reply)
{
	size_t at = span_find_nocase(reply, SPAN("(in reply to"));

	if (at != SPAN_NONE && at > 0)
		reply = span_trim(span_first(reply, at));
	if (is_in_parentheses(reply))
		reply = span_first(span_from(reply, 1), reply.len - 2);
	return without_closing(reply);
}

/* Returns the words behind "Reason:" or the like, absent if there are none. */
static struct span
marked_reason(struct span text)
{
	size_t at;
	const struct span *mark = words_inside(&reason_marks, text, &at);
	struct span reason;

	if (mark == NULL)
		return SPAN_ABSENT;
	reason = paragraph_first(span_from(text, at + mark->len));
	return reason.len > 0 ? reason : SPAN_ABSENT;
}

/* Returns what begins with a status at the start of a line: "5.7.1 - No". */
static struct span
status_line(struct span text)
{
	struct span rest = text, line;
	struct status status;

	while (span_next_line(&rest, &line)) {
		line = line_bare(line);
		if (line.len > 0 && line.p[0] == '(')
			line = span_from(line, 1);
		if (status_at(line, &status) > 0)
			return paragraph_first((struct span){ line.p,
			    (size_t)(text.p + text.len - line.p) });
	}
	return SPAN_ABSENT;
}

/* Exchange Online's notices explain a code before they tell the reply. */
static struct span
reported_error(struct span notice)
{
	static const struct span mark = SPAN_INIT("Reported error:");
	size_t at = span_find_nocase(notice, mark);
	struct span reason;
	int code;

	if (at == SPAN_NONE)
		return SPAN_ABSENT;
	reason = span_trim(span_from(notice, at + mark.len));
	return reply_code_at(reason, &code) > 0 ? paragraph_first(reason) :
	    SPAN_ABSENT;
}

/* Finds the reason in a note: the reply if there is one, else the words. */
static struct span
reason_in(struct span note)
{
	size_t at;
	struct span reason;
	int code;

	at = reply_find(note, &code);
	if (at != SPAN_NONE) {
		reason = paragraph_first(span_from(note, at));
		/* "mailbox is full, error 552": the words stand before it. */
		return reason.len > 4 ? reason : paragraph_around(note, at);
	}
	reason = status_line(note);
	return reason.len > 0 ? reason : marked_reason(note);
}

/* Returns the paragraph that the line in front of a note begins. */
static struct span
paragraph_before(const struct mention *m)
{
	return paragraph_first((struct span){ m->before.p,
	    (size_t)(m->note.p + m->note.len - m->before.p) });
}

/* The line above an address, if it says something: not another address. */
static struct span
words_above(const struct mention *m)
{
	struct span address, line = line_bare(m->before);

	return line.len > 0 && address_dressed_at(line, &address) == line.len ?
	    SPAN_ABSENT : m->before;
}

/*
 * The words about a recipient when there is no reply: what follows the
 * address; if that is nothing, the words in front of it; both, where they
 * stand in one paragraph.
 */
static struct span
words_about(const struct mention *m)
{
	struct span rest = m->note, line, words;
	bool led_in = m->before.p != NULL && m->note.p >= m->before.p &&
	    m->note.p <= m->before.p + m->before.len;

	if (!span_next_line(&rest, &line))
		return words_above(m);
	if (line_has_words(line) && !led_in) {
		rest = m->note;
		while (rest.len > 0 && (rest.p[0] == ':' ||
		    rest.p[0] == ',' || ascii_is_blank(rest.p[0])))
			rest = span_from(rest, 1);
		return paragraph_first(rest);
	}
	if (line_has_words(line))
		return paragraph_before(m);
	words = paragraph_first(rest);
	/* "…: <name@domain>" and its next line are one paragraph. */
	if (led_in && words.p == span_trim(rest).p && rest.len > 0 &&
	    rest.p[0] != '\n' && rest.p[0] != '\r')
		return paragraph_before(m);
	if (words.len == 0 && !m->labelled)
		words = words_above(m);
	return words;
}

struct span
reason_of(const struct mention *m, const struct mentions *mentions,
    struct span notice)
{
	struct span reason = m->answer;
	int code;

	if (reason.len == 0 && mentions->n == 1)
		reason = reported_error(notice);
	if (reason.len == 0)
		reason = reason_in(m->note);
	/* One recipient, one reason: it may stand before the address. */
	if (reason.len == 0 && mentions->n == 1)
		reason = marked_reason(notice);
	if (reason.len == 0)
		reason = words_about(m);
	if (reason.len == 0 && mentions->n > 1)
		reason = words_above(m);
	if (reason.len == 0 || (mentions->n == 1 &&
	    mentions->answer.len > 0 && reply_code_at(reason, &code) == 0))
		reason = mentions->answer;
	if (reply_is_first_line(reason)) {
		struct span whole = transcript_whole_reply(
		    mentions->arena, notice, reason);

		if (whole.len > 0)
			reason = whole;
	}
	/* "<name@example.org>: unknown user", "<name@example.org>... Deferred":
	 * what follows the address. */
	if (span_starts_nocase(reason, SPAN("...")))
		reason = span_from(reason, 3);
	while (reason.len > 0 && (reason.p[0] == ':' || reason.p[0] == ',' ||
	    ascii_is_space(reason.p[0])))
		reason = span_from(reason, 1);
	return reason;
}
