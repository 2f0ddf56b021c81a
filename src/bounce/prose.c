/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounce/prose.h"

#include "base/ascii.h"
#include "bounce/dsn.h"
#include "bounce/notice.h"
#include "bounce/paragraph.h"
#include "bounce/sentences.h"
#include "bounce/words.h"
#include "mail/address.h"
#include "mail/charset.h"

/* A recipient while its notice is being read. */
struct mention {
	struct span address;
	struct span note;	/* the lines about it, absent: none yet */
	struct span before;	/* the line right above it */
	struct span earlier;	/* an earlier note, if there is another */
	bool labelled;		/* "Recipient: name@domain" */
	struct span answer;	/* what its server said in a transcript */
	struct span server;
};

struct reader {
	struct arena *arena;
	const struct limits *limits;
	struct span text;	/* the notice without the returned message */
	struct mention *mentions;
	size_t n, capacity;
	size_t current;		/* whose note is being read; n: nobody's */
	size_t indent;		/* of the line where that note began */
	struct span above;	/* the line before, absent: an empty one */
	struct span lead;	/* the last line before that is not empty */
	bool bracketed;		/* the first address line was in < > */
	struct span commanded;	/* address of the last RCPT TO */
	struct span server;	/* who is being talked to */
	struct span answer;	/* the last answer, to whatever command */
};

static struct mention *
find_mention(struct reader *reader, struct span address)
{
	for (size_t i = 0; i < reader->n; i++)
		if (span_equal_nocase(reader->mentions[i].address, address))
			return &reader->mentions[i];
	return NULL;
}

/* Returns the mention of an address, made if need be; NULL at the limit. */
static struct mention *
mention(struct reader *reader, struct span address)
{
	struct mention *found = find_mention(reader, address), *v;

	if (found != NULL)
		return found;
	if (reader->n >= reader->limits->recipients)
		return NULL;
	v = arena_array(reader->arena, reader->mentions, reader->n,
	    &reader->capacity, sizeof(*v));
	if (v == NULL)
		return NULL;
	reader->mentions = v;
	v[reader->n] = (struct mention){ .address = address };
	return &v[reader->n++];
}

static bool
is_other_label(struct span line)
{
	return words_at_start(line, other_labels, nother_labels) != NULL;
}

/*
 * Can what follows an address at the start of a line belong to the failed
 * recipient: nothing, a colon, dots, a reason in brackets or behind blanks?
 */
static bool
follows_recipient(struct span after)
{
	struct span trimmed = span_trim(after);

	if (trimmed.len == 0)
		return true;
	if (after.p[0] == ':' || after.p[0] == '(' || after.p[0] == ',' ||
	    after.p[0] == ';' || after.p[0] == '[' || after.p[0] == '<')
		return true;
	if (span_starts_nocase(after, SPAN("...")))
		return true;
	if (!ascii_is_blank(after.p[0]))
		return false;
	return !span_starts_nocase(trimmed, SPAN("wrote")) &&
	    !span_starts_nocase(trimmed, SPAN("schrieb"));
}

/* Ends the note that is being read at p. */
static void
end_note(struct reader *reader, const char *p)
{
	struct mention *m;

	if (reader->current >= reader->n)
		return;
	m = &reader->mentions[reader->current];
	if (m->note.p != NULL && p > m->note.p)
		m->note.len = (size_t)(p - m->note.p);
	reader->current = reader->limits->recipients;
}

/*
 * Begins the note of an address at p, whose line starts at line. A second
 * note replaces one without a code: Exchange names each recipient twice.
 */
static void
begin_note(struct reader *reader, struct span address, const char *line,
    const char *p)
{
	struct mention *m;
	int code;

	end_note(reader, line);
	m = mention(reader, address);
	if (m == NULL)
		return;
	if (m->note.p != NULL && reply_find(m->note, &code) != SPAN_NONE)
		return;
	if (m->earlier.p == NULL)
		m->earlier = m->note;
	m->note = (struct span){ p, 0 };
	m->before = reader->above;
	reader->indent = SPAN_NONE;
	reader->current = (size_t)(m - reader->mentions);
}

/*
 * The same where more addresses may follow: "a@example.org, b@example.org".
 * They share what is said of the last.
 */
static void
begin_notes(struct reader *reader, struct span address, struct span line,
    const char *p)
{
	struct span rest;
	size_t len = 1;

	do {
		begin_note(reader, address, line.p, p);
		rest = (struct span){ p, (size_t)(line.p + line.len - p) };
		if (rest.len == 0 || (rest.p[0] != ',' && rest.p[0] != ';'))
			return;
		rest = span_trim(span_from(rest, 1));
		len = address_dressed_at(rest, &address);
		p = rest.p + len;
	} while (len > 0);
}

/* "Name<mailto:name@domain>": Exchange's way to write a recipient. */
static bool
mailto_at_end(struct span line, struct span *address)
{
	size_t at = span_find_nocase(line, SPAN("<mailto:"));

	if (at == SPAN_NONE)
		return false;
	return address_dressed_at(span_from(line, at), address) > 0;
}

/* Verdicts by which Sendmail says only that a program of its own failed. */
static const struct span empty_verdicts[] = {
	SPAN_INIT("Service unavailable"), SPAN_INIT("unknown mailer error"),
};

/*
 * The delivery program's own words, which stand above such a verdict:
 * "mail.local: unknown user". Returns them with the verdict, or nothing.
 */
static struct span
program_words(const struct reader *reader, struct span verdict,
    struct span words)
{
	struct span above = reader->above;
	size_t colon = span_find(above, SPAN(": "));
	int code;

	if (words_at_start(words, empty_verdicts, sizeof(empty_verdicts) /
	    sizeof(empty_verdicts[0])) == NULL || colon == SPAN_NONE ||
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
take_verdict(struct reader *reader, struct span address, const char *line,
    struct span verdict, struct span words)
{
	struct mention *m;
	int code;

	words = span_trim(words);
	begin_note(reader, address, line, reply_code_at(words, &code) > 0 ?
	    words.p : verdict.p);
	m = find_mention(reader, address);
	if (m == NULL || m->answer.len > 0)
		return;
	if (reader->answer.len == 0) {
		m->answer = program_words(reader, verdict, words);
		return;
	}
	m->answer = reader->answer;
	m->server = reader->server;
	reader->answer = SPAN_ABSENT;
}

static size_t
indent_of(struct span line)
{
	size_t len = 0;

	while (len < line.len && ascii_is_blank(line.p[len]))
		len++;
	return len;
}

/*
 * Inside a note, a line that begins with an address may be a reply that was
 * wrapped: "said: 550\n    <name@domain>: User unknown". It is, if it is set
 * in deeper than the note or begins with the note's own address.
 */
static bool
continues_note(const struct reader *reader, struct span line,
    struct span address)
{
	const struct mention *m;
	size_t indent = indent_of(line);

	if (reader->current >= reader->n || indent == 0 ||
	    reader->above.len == 0)
		return false;
	m = &reader->mentions[reader->current];
	if (indent > reader->indent && line_has_words((struct span){ m->note.p,
	    (size_t)(line.p - m->note.p) }))
		return true;
	return span_equal_nocase(m->address, address) &&
	    reader->above.p >= m->note.p - 400;
}

/*
 * Is the address at the beginning of a line that of somebody to ask, or of the
 * sender, as the line above it tells: "For help write to\nname@domain"?
 */
static bool
is_bystander(const struct reader *reader, bool bracketed)
{
	struct span lead = reader->lead;
	size_t at;

	if (lead.len == 0 || (bracketed && reader->bracketed) ||
	    (reader->above.len == 0 && lead.p[lead.len - 1] != ':'))
		return false;
	while ((at = span_find(lead, SPAN(". "))) != SPAN_NONE)
		lead = span_from(lead, at + 2);
	if (words_inside(lead, failure_words, nfailure_words, &at) != NULL)
		return false;
	return span_ends_nocase(lead, SPAN(" from")) ||
	    words_inside(lead, contact_words, ncontact_words, &at) != NULL;
}

/* Lines that begin with an address. */
static bool
read_address_line(struct reader *reader, struct span line)
{
	struct span bare = line_bare(line), address;
	size_t len;
	int code;

	if (mailto_at_end(bare, &address)) {
		begin_note(reader, address, line.p, bare.p + bare.len);
		return true;
	}
	len = address_dressed_at(bare, &address);
	if (len > 0 && continues_note(reader, line, address))
		return false;
	if (len == 0) {
		/* "550 5.1.1 <name@domain>... User unknown": Sendmail. */
		struct span rest = bare;
		size_t skip = reply_code_at(rest, &code);
		struct status status;

		if (skip == 0)
			return false;
		rest = span_trim(span_from(rest, skip));
		skip = status_at(rest, &status);
		rest = span_trim(span_from(rest, skip));
		len = address_dressed_at(rest, &address);
		if (len == 0 || !span_starts_nocase(span_from(rest, len),
		    SPAN("...")))
			return false;
		take_verdict(reader, address, line.p, bare,
		    span_from(rest, len + 3));
		return true;
	}
	if (!follows_recipient(span_from(bare, len)) ||
	    is_bystander(reader, bare.p[0] == '<'))
		return false;
	if (reader->n == 0)
		reader->bracketed = bare.p[0] == '<';
	begin_notes(reader, address, line, bare.p + len);
	reader->indent = indent_of(line);
	return true;
}

/* A label with an address behind it. */
static bool
read_label(struct reader *reader, struct span line)
{
	struct span bare = line_bare(line), address;
	const struct span *label = words_at_start(bare, recipient_labels,
	    nrecipient_labels);
	struct mention *m;
	size_t start, len;

	if (label == NULL)
		return false;
	bare = span_from(bare, label->len);
	start = address_find(bare, &address, &len);
	if (start == SPAN_NONE)
		return false;
	reader->above = span_trim(line);
	begin_notes(reader, address, line, bare.p + start + len);
	m = find_mention(reader, address);
	if (m != NULL)
		m->labelled = true;
	return true;
}

/* Words with an address behind them; in a note, it must end a new paragraph. */
static bool
read_lead_in(struct reader *reader, struct span line)
{
	bool inside = reader->current < reader->n;
	const struct span *words;
	struct span address;
	size_t at, start, len;

	if (span_find_char(line, '@') == SPAN_NONE ||
	    (inside && reader->above.len > 0))
		return false;
	for (size_t i = 0; (words = words_inside(line, lead_ins + i,
	    nlead_ins - i, &at)) != NULL;
	    i = (size_t)(words - lead_ins) + 1) {
		at += words->len;
		start = address_find(span_from(line, at), &address, &len);
		/* "mail to some was refused: it is from <name@domain>" */
		if (start == SPAN_NONE || span_find_nocase(span_first(
		    span_from(line, at), start), SPAN(" from ")) != SPAN_NONE)
			continue;
		if (inside && (start > 2 || span_trim(span_from(line, at +
		    start + len)).len > 0))
			continue;
		reader->above = span_trim(line);
		begin_notes(reader, address, line, line.p + at + start + len);
		return true;
	}
	return false;
}

#define SERVER_TEXT ((size_t)600)

/* Returns the name of the server that text says answered, on one line. */
static struct span
server_in(struct arena *arena, struct span text)
{
	size_t at, len = 0;
	const struct span *words;
	struct span name;
	struct reply folded;

	reply_read(arena, span_first(text, SERVER_TEXT), &folded);
	text = folded.text;
	words = words_inside(text, server_marks, nserver_marks, &at);
	if (words == NULL)
		return SPAN_ABSENT;
	name = span_trim(span_from(text, at + words->len));
	while (len < name.len && (ascii_is_alnum(name.p[len]) ||
	    name.p[len] == '.' || name.p[len] == '-' || name.p[len] == '_'))
		len++;
	while (len > 0 && name.p[len - 1] == '.')
		len--;
	name = span_first(name, len);
	/* A name has a dot: "host said" names nobody. */
	return span_find_char(name, '.') == SPAN_NONE ? SPAN_ABSENT : name;
}

/* The marks of a transcript: what we said, what the other server said. */
static const struct span said_by_us[] = {
	SPAN_INIT(">>> "), SPAN_INIT("Sent <<< "), SPAN_INIT("In: "),
};
static const struct span said_by_them[] = {
	SPAN_INIT("<<< "), SPAN_INIT("Received >>> "), SPAN_INIT("Out: "),
};

static void
take_answer(struct reader *reader, struct span answer)
{
	struct mention *m;
	int code;

	if (reply_code_at(answer, &code) == 0 || code < 400)
		return;
	/* Continuation lines of an answer grow it. */
	if (reader->answer.p != NULL && reader->commanded.p == NULL &&
	    answer.p < reader->answer.p + reader->answer.len + 16)
		answer = (struct span){ reader->answer.p,
		    (size_t)(answer.p + answer.len - reader->answer.p) };
	m = reader->commanded.p != NULL ?
	    find_mention(reader, reader->commanded) : NULL;
	if (m != NULL) {
		m->answer = answer;
		m->server = reader->server;
	} else {
		reader->answer = answer;
	}
}

/* Has the note that is being read a reply before p? */
static bool
is_judged(const struct reader *reader, const char *p)
{
	struct span note = reader->mentions[reader->current].note;
	int code;

	return note.p != NULL && p > note.p && reply_find((struct span){
	    note.p, (size_t)(p - note.p) }, &code) != SPAN_NONE;
}

static bool
read_transcript_line(struct reader *reader, struct span line)
{
	const struct span *mark;
	struct span address;
	size_t len;

	line = span_trim(line);
	if (span_starts_nocase(line, SPAN("... while talking to ")) ||
	    span_starts_nocase(line, SPAN("While talking to "))) {
		end_note(reader, line.p);
		reader->server = server_in(reader->arena, line);
		reader->answer = reader->commanded = SPAN_ABSENT;
		return true;
	}
	mark = words_at_start(line, said_by_us,
	    sizeof(said_by_us) / sizeof(said_by_us[0]));
	if (mark != NULL) {
		end_note(reader, line.p);
		line = span_trim(span_from(line, mark->len));
		reader->commanded = SPAN_ABSENT;
		if (span_starts_nocase(line, SPAN("RCPT TO:")) &&
		    address_find(line, &address, &len) != SPAN_NONE &&
		    mention(reader, address) != NULL)
			reader->commanded = address;
		return true;
	}
	mark = words_at_start(line, said_by_them,
	    sizeof(said_by_them) / sizeof(said_by_them[0]));
	if (mark == NULL)
		return false;
	/* Courier writes the answer right below the address; what follows
	 * Sendmail's verdict on one is none about it: "503 No recipients". */
	if (reader->current < reader->n && reader->commanded.p == NULL &&
	    !is_judged(reader, line.p))
		reader->commanded = reader->mentions[reader->current].address;
	end_note(reader, line.p);
	take_answer(reader, span_from(line, mark->len));
	return true;
}

static void
read_lines(struct reader *reader)
{
	struct span rest = reader->text, line;

	while (span_next_line(&rest, &line)) {
		struct span trimmed = span_trim(line);

		/* The writer's signature. */
		if (reader->n > 0 && span_equal(trimmed, SPAN("--")))
			break;
		/* Inside a note, any other line is a part of it. */
		if (trimmed.len > 0 && !is_other_label(trimmed) &&
		    !read_transcript_line(reader, line) &&
		    !read_address_line(reader, line) &&
		    !read_label(reader, line))
			read_lead_in(reader, line);
		reader->above = trimmed;
		if (trimmed.len > 0)
			reader->lead = trimmed;
	}
	end_note(reader, rest.p);
}

/* "(in reply to RCPT TO command)" is Postfix's, not the server's. */
static struct span
without_command(struct span reply)
{
	size_t at = span_find_nocase(reply, SPAN("(in reply to"));

	if (at != SPAN_NONE && at > 0)
		reply = span_trim(span_first(reply, at));
	if (reply.len > 1 && reply.p[0] == '(' && reply.p[reply.len - 1] == ')')
		reply = span_first(span_from(reply, 1), reply.len - 2);
	return reply;
}

/* Returns the words behind "Reason:" or the like, absent if there are none. */
static struct span
marked_reason(struct span text)
{
	size_t at;
	const struct span *mark = words_inside(text, reason_marks,
	    nreason_marks, &at);
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
		return m->before;
	if (line_has_words(line) && !led_in) {
		rest = m->note;
		while (rest.len > 0 && (rest.p[0] == ':' ||
		    rest.p[0] == ',' || ascii_is_blank(rest.p[0])))
			rest = span_from(rest, 1);
		return paragraph_first(rest);
	}
	if (line_has_words(line))
		return paragraph_first((struct span){ m->before.p,
		    (size_t)(m->note.p + m->note.len - m->before.p) });
	words = paragraph_first(rest);
	/* "…: <name@domain>" and its next line are one paragraph. */
	if (led_in && words.p == span_trim(rest).p && rest.len > 0 &&
	    rest.p[0] != '\n' && rest.p[0] != '\r')
		return paragraph_first((struct span){ m->before.p,
		    (size_t)(m->note.p + m->note.len - m->before.p) });
	if (words.len == 0 && !m->labelled)
		words = m->before;
	return words;
}

/* X.4.7: the queue time ran out. */
static bool
is_expiry(struct status status)
{
	return status.subject == 4 && status.detail == 7;
}

/* Words behind which the address stands that was passed on to this one. */
static const struct span origin_marks[] = {
	SPAN_INIT("generated from "), SPAN_INIT("generated by "),
	SPAN_INIT("expanded from "), SPAN_INIT("expanded from: "),
	SPAN_INIT("original address: "),
};

/* Returns the address that a note says the failed one was made from. */
static struct span
origin_in(struct span note)
{
	struct span address;
	size_t at;
	const struct span *mark = words_inside(span_first(note, 400),
	    origin_marks, sizeof(origin_marks) / sizeof(origin_marks[0]),
	    &at);

	if (mark == NULL || address_dressed_at(span_from(note,
	    at + mark->len), &address) == 0)
		return SPAN_ABSENT;
	return address;
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

/* Gives a recipient what its mention says and it has not yet. */
static void
fill_recipient(struct reader *reader, struct recipient *recipient,
    const struct mention *m)
{
	struct span reason = m->answer;
	struct reply reply;

	if (reason.len == 0)
		reason = reason_in(m->note);
	/* One recipient, one reason: it may stand before the address. */
	if (reason.len == 0 && reader->n == 1)
		reason = marked_reason(reader->text);
	if (reason.len == 0)
		reason = words_about(m);
	if (reason.len == 0 && reader->n > 1)
		reason = m->before;
	if (reason.len == 0 || (reply_code_at(reason, &reply.code) == 0 &&
	    reader->answer.len > 0))
		reason = reader->answer;
	/* "<name@example.org>: unknown user": what follows the address. */
	while (reason.len > 0 && (reason.p[0] == ':' || reason.p[0] == ',' ||
	    ascii_is_space(reason.p[0])))
		reason = span_from(reason, 1);
	reply_read(reader->arena, reason, &reply);
	if (reply.status.class == 0 && reply.code != 0)
		reply.status = status_before(m->note, &reply);
	/* A status part that knows no reason: the words may. */
	if (is_expiry(recipient->status) && reply.status.class != 0 &&
	    !is_expiry(reply.status)) {
		recipient->reply = SPAN_ABSENT;
		recipient->status = reply.status;
		recipient->code = reply.code;
	}
	/* The same words, with what stands around them in the notice. */
	if (recipient->code == 0 && recipient->reply.len > WORDLESS &&
	    span_find(reply.text, recipient->reply) != SPAN_NONE)
		recipient->reply = SPAN_ABSENT;
	if (recipient->reply.len == 0)
		recipient->reply = without_command(reply.text);
	if (recipient->code == 0)
		recipient->code = reply.code;
	if (recipient->status.class == 0 || (recipient->status.subject == 0 &&
	    reply.status.class != 0))
		recipient->status = reply.status;
	if (recipient->original.len == 0)
		recipient->original = origin_in(m->note);
	if (recipient->original.len == 0)
		recipient->original = origin_in(m->earlier);
	if (span_equal_nocase(recipient->original, recipient->address))
		recipient->original = SPAN_ABSENT;
	if (recipient->remote.len == 0)
		recipient->remote = m->server.len > 0 ? m->server :
		    server_in(reader->arena, m->note);
	if (recipient->evidence.len == 0)
		recipient->evidence = reason;
}

/* Recipients named in a row share the note of the last of them. */
static void
share_notes(struct reader *reader)
{
	for (size_t i = reader->n; i > 1; i--) {
		struct mention *m = &reader->mentions[i - 2];
		const struct mention *next = &reader->mentions[i - 1];

		if (span_trim(m->note).len <= 1 && m->answer.len == 0) {
			m->note = next->note;
			m->answer = next->answer;
		}
	}
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
 * A status part that names a local part alone, or has an X.400 address: the
 * words have the other.
 */
static struct recipient *
find_bare_name(struct report *report, struct span address, bool alone)
{
	struct recipient *recipient = &report->recipients[0];
	size_t at = span_find_char(address, '@');

	if (at == SPAN_NONE || span_find_char(recipient->address, '@') !=
	    SPAN_NONE || !(alone || span_equal_nocase(recipient->address,
	    span_first(address, at))))
		return NULL;
	recipient->address = address;
	return recipient;
}

/* Makes recipients of the mentions; or fills those that are there. */
static void
take_mentions(struct reader *reader, struct report *report, bool add)
{
	for (size_t i = 0; i < reader->n; i++) {
		const struct mention *m = &reader->mentions[i];
		struct recipient *recipient = find_recipient(report,
		    m->address);

		if (recipient == NULL && report->n == 1)
			recipient = find_bare_name(report, m->address,
			    reader->n == 1);
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
take_failed(struct reader *reader, struct report *report, struct span failed)
{
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
fill_lone_recipient(struct reader *reader, struct report *report, bool replied)
{
	struct mention whole = { .note = reader->text };
	struct recipient *recipient;
	int code;

	if (report->n != 1)
		return;
	recipient = &report->recipients[0];
	if (reader->n == 1 && recipient->reply.len == 0)
		fill_recipient(reader, recipient, &reader->mentions[0]);
	if (!replied && recipient->code == 0 && (reader->answer.len > 0 ||
	    reply_find(reader->text, &code) != SPAN_NONE)) {
		if (status_find(recipient->reply).class == 0)
			recipient->reply = SPAN_ABSENT;
		fill_recipient(reader, recipient, &whole);
	}
	/* No reason stands anywhere in particular: the notice is it. */
	if (recipient->reply.len == 0) {
		struct reply reply;

		reply_read(reader->arena, reader->text, &reply);
		recipient->reply = reply.text;
	}
}

/* A reply in front of several recipients, of whom none has one, is theirs. */
static void
share_reply_before(struct reader *reader, struct report *report)
{
	struct span before = reader->text;
	struct reply reply;
	size_t at;
	int code;

	for (size_t i = 0; i < report->n; i++)
		if (report->recipients[i].code != 0 ||
		    report->recipients[i].status.class != 0)
			return;
	if (report->n < 2 || reader->n == 0 ||
	    reader->mentions[0].note.p == NULL)
		return;
	before.len = (size_t)(reader->mentions[0].note.p - before.p);
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
settle_lone_address(struct reader *reader, struct report *report)
{
	struct span address;

	if (report->n != 1 || reader->n != 1)
		return;
	address = reader->mentions[0].address;
	if (find_recipient(report, address) == NULL)
		report->recipients[0].address = address;
}

void
prose_read(struct prose *prose, struct report *report, struct arena *arena,
    struct span text, struct span failed, const struct limits *limits)
{
	struct reader reader = { .arena = arena, .limits = limits,
	    .current = limits->recipients };
	bool given = report->n > 0;
	/* What the report itself quotes is not looked for elsewhere. */
	bool replied = report->n == 1 &&
	    report->recipients[0].reply.len > WORDLESS;

	*prose = (struct prose){ .action = ACTION_NONE };
	if (text.p == NULL)		/* the arena failed */
		text = SPAN("");
	text = charset_cut(text, PROSE_TEXT);
	prose->copy = notice_cut(&text);
	prose->notice = reader.text = text;
	sentences_weigh(prose, arena, text);
	read_lines(&reader);
	share_notes(&reader);
	if (!given) {
		take_failed(&reader, report, failed);
		settle_lone_address(&reader, report);
	}
	take_mentions(&reader, report, !given && failed.len == 0);
	fill_lone_recipient(&reader, report, replied);
	if (!given)
		share_reply_before(&reader, report);
}

void
prose_weigh(struct prose *prose, struct arena *arena, struct span text)
{
	*prose = (struct prose){ .notice = text, .action = ACTION_NONE };
	sentences_weigh(prose, arena, text);
}
