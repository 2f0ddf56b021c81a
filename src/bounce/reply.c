/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounce/reply.h"


#include "base/ascii.h"
#include "base/buf.h"
#include "mail/charset.h"

size_t
reply_code_at(struct span s, int *code)
{
	if (s.len < 3 || s.p[0] < '2' || s.p[0] > '5' ||
	    !ascii_is_digit(s.p[1]) || !ascii_is_digit(s.p[2]))
		return 0;
	if (s.len > 3 && (ascii_is_alnum(s.p[3]) || s.p[3] == '.' ||
	    s.p[3] == '/'))
		return 0;
	*code = (s.p[0] - '0') * 100 + (s.p[1] - '0') * 10 + (s.p[2] - '0');
	return 3;
}

/* Returns the length of a number of one to three digits, 0 if none. */
static size_t
number_at(struct span s, unsigned short *number)
{
	size_t len = 0;

	*number = 0;
	while (len < s.len && len < 4 && ascii_is_digit(s.p[len])) {
		*number = (unsigned short)(*number * 10 + (s.p[len] - '0'));
		len++;
	}
	if (len == 0 || len > 3 || (len > 1 && s.p[0] == '0'))
		return 0;
	return len;
}

size_t
status_at(struct span s, struct status *status)
{
	size_t len = 2, digits;

	if (s.len < 5 || (s.p[0] != '2' && s.p[0] != '4' && s.p[0] != '5') ||
	    s.p[1] != '.')
		return 0;
	status->class = (unsigned short)(s.p[0] - '0');
	digits = number_at(span_from(s, len), &status->subject);
	len += digits;
	if (digits == 0 || len == s.len || s.p[len] != '.')
		return 0;
	len++;
	digits = number_at(span_from(s, len), &status->detail);
	len += digits;
	if (digits == 0)
		return 0;
	if (len < s.len && (ascii_is_alnum(s.p[len]) || (s.p[len] == '.' &&
	    len + 1 < s.len && ascii_is_digit(s.p[len + 1]))))
		return 0;
	return len;
}

bool
status_equal(struct status a, struct status b)
{
	return a.class == b.class && a.subject == b.subject &&
	    a.detail == b.detail;
}

const char *
status_text(struct status status, char text[STATUS_TEXT])
{
	const unsigned numbers[] = { status.class % 10u,
	    status.subject % 1000u, status.detail % 1000u };
	char *p = text;

	for (size_t i = 0; status.class != 0 && i < 3; i++) {
		if (i > 0)
			*p++ = '.';
		if (numbers[i] >= 100)
			*p++ = (char)('0' + numbers[i] / 100);
		if (numbers[i] >= 10)
			*p++ = (char)('0' + numbers[i] / 10 % 10);
		*p++ = (char)('0' + numbers[i] % 10);
	}
	*p = '\0';
	return text;
}

/* Is the colon at the end of s inside an IPv6 address: "2001:db8::"? */
static bool
ends_in_address(struct span s)
{
	size_t i = s.len - 1;

	while (i > 0 && s.len - i < 6 && ascii_hex_value(s.p[i - 1]) >= 0)
		i--;
	return i > 0 && s.p[i - 1] == ':';
}

/* Can a code begin behind the last byte of s? */
static bool
opens_word(struct span s)
{
	char c = s.p[s.len - 1];

	if (c == ':' && ends_in_address(s))
		return false;
	if (ascii_is_8bit(c))		/* a wide colon */
		return span_ends_nocase(s, SPAN("\357\274\232"));
	return !ascii_is_alnum(c) && c != '.' && c != '@' && c != '/' &&
	    c != '=' && c != '_' && c != '-' && c != '%';
}

struct status
status_find(struct span s)
{
	struct status status;

	for (size_t at = 0; at + 5 <= s.len; at++)
		if (s.p[at + 1] == '.' && (at == 0 ||
		    opens_word(span_first(s, at)) || s.p[at - 1] == '-') &&
		    status_at(span_from(s, at), &status) > 0)
			return status;
	return (struct status){ 0, 0, 0 };
}

/* Is what follows three digits the rest of a telephone number, or the unit of
 * an amount? */
static bool
goes_on_as_number(struct span after)
{
	size_t digits = 0, least = 4;

	if (span_starts_nocase(after, SPAN(" kb")) ||
	    span_starts_nocase(after, SPAN(" mb")) ||
	    span_starts_nocase(after, SPAN(" bytes")))
		return true;
	if (after.len > 0 && after.p[0] == '-')
		least = 3;	/* "555-0100", but "550-5.1.1" */
	if (after.len > 0 && after.p[0] == ')')
		least = 1;	/* "(555) 01 00" */
	after = span_from(after, 1);
	if (least == 1 && after.len > 0 && after.p[0] == ' ')
		after = span_from(after, 1);
	while (digits < after.len && ascii_is_digit(after.p[digits]))
		digits++;
	return digits >= least && !(digits + 1 < after.len &&
	    after.p[digits] == '.' && ascii_is_digit(after.p[digits + 1]));
}

/* "line 550", "port 443": does the number count something else? */
static bool
counts_something(struct span before)
{
	return span_ends_nocase(before, SPAN("line ")) ||
	    span_ends_nocase(before, SPAN("port "));
}

size_t
reply_find(struct span s, int *code)
{
	for (size_t at = 0; at + 3 <= s.len; at++) {
		char after = at + 3 < s.len ? s.p[at + 3] : ' ';

		if (s.p[at] != '4' && s.p[at] != '5')
			continue;
		if (at > 0 && (!opens_word(span_first(s, at)) ||
		    s.p[at - 1] == ','))
			continue;
		/* Second digits are 0 to 5 (RFC 5321), 7 is met: not 587. */
		if (at + 1 < s.len && (s.p[at + 1] > '7' ||
		    s.p[at + 1] == '6'))
			continue;
		if (!ascii_is_space(after) && after != '-' && after != '#' &&
		    after != ':' && after != '"' && after != ';' &&
		    after != ',' && after != ')' &&
		    !(after == '_' && span_ends_nocase(span_first(s, at),
		    SPAN(": "))))	/* "Permanent Failure: 550_User_…" */
			continue;
		if (reply_code_at(span_from(s, at), code) > 0 &&
		    !goes_on_as_number(span_from(s, at + 3)) &&
		    !counts_something(span_first(s, at)))
			return at;
	}
	return SPAN_NONE;
}

/*
 * Cuts the code, and the status behind it, off a continuation line if they
 * are those of the first line.
 */
static struct span
without_repeated_codes(struct span line, const struct reply *first)
{
	struct status status;
	struct span rest;
	size_t len;
	int code;

	if (first->code == 0 || reply_code_at(line, &code) == 0 ||
	    code != first->code)
		return line;
	rest = span_from(line, 3);
	if (rest.len > 0 && rest.p[0] != '-' && !ascii_is_blank(rest.p[0]))
		return line;
	rest = span_trim(span_from(rest, 1));
	len = status_at(rest, &status);
	if (len > 0 && status_equal(status, first->status))
		rest = span_trim(span_from(rest, len));
	return rest;
}

/* Appends line with its white space folded and "550-" turned to "550 ". */
static void
add_line(struct buf *out, struct span line, bool first)
{
	int code;

	if (out->len > 0 && out->p[out->len - 1] != ' ')
		buf_add_char(out, ' ');
	if (first && reply_code_at(line, &code) > 0 && line.len > 3 &&
	    line.p[3] == '-') {
		buf_add(out, line.p, 3);
		buf_add_char(out, ' ');
		line = span_trim(span_from(line, 4));
	}
	for (size_t i = 0; i < line.len && out->len < REPLY_LENGTH + 4; i++) {
		bool blank = ascii_is_space(line.p[i]) || line.p[i] == '\0';

		if (blank && out->len > 0 && out->p != NULL &&
		    out->p[out->len - 1] == ' ')
			continue;
		buf_add_char(out, blank ? ' ' : line.p[i]);
	}
}

/*
 * "Message expired … <421 4.4.2 Connection timed out>": behind X.4.7 there
 * may stand the reply that kept the message waiting.
 */
static void
look_behind_expiry(struct reply *reply, struct span rest)
{
	struct status inner;
	size_t at;
	int code;

	if (reply->status.subject != 4 || reply->status.detail != 7)
		return;
	inner = status_find(rest);
	if (inner.class == 0 || status_equal(inner, reply->status))
		return;
	reply->status = inner;
	at = reply_find(rest, &code);
	if (at != SPAN_NONE)
		reply->code = code;
}

/* Code and status of a text that is on one line. */
static void
read_codes(struct reply *reply)
{
	struct span rest = reply->text;
	size_t len = reply_code_at(rest, &reply->code);
	int refusal;

	/* "220-mx.example.com 421 4.2.1 …": a greeting that refuses. */
	if ((len == 0 || reply->code < 400) &&
	    reply_find(rest, &refusal) != SPAN_NONE)
		reply->code = refusal;
	rest = span_trim(span_from(rest, len));
	if (rest.len > 0 && rest.p[0] == '-')
		rest = span_trim(span_from(rest, 1));
	len = status_at(rest, &reply->status);
	if (len == 0)
		reply->status = status_find(reply->text);
	else
		look_behind_expiry(reply, span_from(rest, len));
}

/*
 * Length of a code that repeats the reply's first, with the status behind it:
 * "550-", or "550 5.1.1 " where the status is the same, too.
 */
static size_t
repeated_code_at(struct span s, const struct reply *reply)
{
	struct status status;
	size_t len, blank;
	int code;

	if (reply_code_at(s, &code) == 0 || code != reply->code ||
	    s.len < 5 || (s.p[3] != '-' && s.p[3] != ' ') || s.p[4] == ' ')
		return 0;
	len = status_at(span_from(s, 4), &status);
	if (len > 0 ? !status_equal(status, reply->status) : s.p[3] == ' ')
		return 0;
	blank = len > 0 && 4 + len < s.len && s.p[4 + len] == ' ';
	return 4 + len + blank;
}

/* Drops repeated codes of lines that somebody has already put on one, in the
 * reply's text, which is in the buffer. */
static struct span
join_lines(struct buf *buf, const struct reply *reply)
{
	struct span from = reply->text;
	size_t len = 0, first;
	char *text;
	int code;

	first = reply_find(from, &code);
	if (first == SPAN_NONE)
		return from;
	text = buf->p + (from.p - buf->p);
	for (size_t i = 0; i < from.len; i++) {
		size_t cut = i > first && from.p[i - 1] == ' ' ?
		    repeated_code_at(span_from(from, i), reply) : 0;

		if (cut > 0 && i + cut < from.len)
			i += cut;
		text[len++] = from.p[i];
	}
	return span_first(from, len);
}

void
reply_read(struct arena *arena, struct span raw, struct reply *reply)
{
	struct span rest = charset_cut(raw, 4 * REPLY_LENGTH), line;
	bool first = true;
	struct buf out;

	*reply = (struct reply){ .text = SPAN("") };
	buf_init(&out, arena);
	while (span_next_line(&rest, &line)) {
		line = span_trim(line);
		if (!first)
			line = without_repeated_codes(line, reply);
		if (line.len == 0)
			continue;
		add_line(&out, line, first);
		reply->text = buf_span(&out);
		if (first)
			read_codes(reply);
		first = false;
	}
	reply->text = span_trim(charset_cut(buf_span(&out), REPLY_LENGTH));
	read_codes(reply);
	reply->text = join_lines(&out, reply);
}

bool
reply_is_first_line(struct span reply)
{
	int code;

	return reply_code_at(reply, &code) > 0 && reply.len > 4 &&
	    reply.p[3] == '-' && span_find(span_from(reply, 4),
	    span_first(reply, 3)) == SPAN_NONE;
}
