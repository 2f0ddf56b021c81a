/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounce/lines.h"

#include "base/ascii.h"
#include "bounce/paragraph.h"
#include "bounce/transcript.h"
#include "bounce/words.h"
#include "mail/address.h"

/* The walk over the lines. */
struct reader {
	struct mentions *mentions;
	struct transcript transcript;
	struct span lead;	/* the last line before that is not empty */
	struct span led;	/* the words that led to the last recipient */
	bool bracketed;		/* the first address line was in < > */
	bool listing;		/* the lines before name people: "Name <…>" */
};

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

/*
 * Begins the note of an address at p in line. More addresses may follow:
 * "a@example.org, b@example.org". They share what is said of the last.
 */
static void
begin_notes(struct mentions *mentions, struct span address, struct span line,
    const char *p)
{
	struct span rest;
	size_t len = 1;

	do {
		mentions_begin_note(mentions, address, line, p);
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

/*
 * Inside a note, a line that begins with an address may be a reply that was
 * wrapped: "said: 550\n    <name@domain>: User unknown". It is, if it is set
 * in deeper than the note or begins with the note's own address.
 */
static bool
continues_note(const struct mentions *mentions, struct span line,
    struct span address)
{
	const struct mention *m = mentions_current(mentions);
	size_t indent = line_indent(line);

	if (m == NULL || indent == 0 || mentions->above.len == 0)
		return false;
	if (indent > mentions->indent && line_has_words((struct span){
	    m->note.p, (size_t)(line.p - m->note.p) }))
		return true;
	return span_equal_nocase(m->address, address) &&
	    m->note.p - mentions->above.p <= 400;
}

/*
 * Is the address at the beginning of a line that of somebody to ask, or of the
 * sender, as the line above it tells: "For help write to\nname@domain"?
 */
static bool
is_bystander(const struct reader *reader, bool bracketed)
{
	const struct mention *m = mentions_current(reader->mentions);
	struct span lead = reader->lead;
	size_t at;

	/* The line above is about a recipient, whatever words it has. */
	if (m != NULL && m->note.p > lead.p && m->note.p <= lead.p + lead.len)
		return false;
	if (span_ends_nocase(lead, SPAN(" sent by")))
		return true;
	if (lead.len == 0 || (bracketed && reader->bracketed) ||
	    (reader->mentions->above.len == 0 && lead.p[lead.len - 1] != ':'))
		return false;
	lead = line_last_sentence(lead);
	if (words_inside(&failure_words, lead, &at) != NULL)
		return false;
	return span_ends_nocase(lead, SPAN(" from")) ||
	    words_inside(&contact_words, lead, &at) != NULL;
}

/* A line without the number of an item: "(1) name@domain". */
static struct span
without_number(struct span line)
{
	size_t at = line.len > 0 && line.p[0] == '(', digits = at;

	while (at < line.len && ascii_is_digit(line.p[at]))
		at++;
	if (at == digits || at > digits + 2 || at == line.len ||
	    (line.p[at] != ')' && (digits > 0 || line.p[at] != '.')))
		return line;
	return span_trim(span_from(line, at + 1));
}

static bool
begins_name(char c)
{
	return (c >= 'A' && c <= 'Z') || c == '"' || ascii_is_8bit(c);
}

/* "…not delivered to:", but not "Questions to:" or "The senders:". */
static bool
leads_to_failed(struct span lead)
{
	size_t at;

	return lead.len > 0 && lead.p[lead.len - 1] == ':' &&
	    words_inside(&failure_words, lead, &at) != NULL &&
	    words_inside(&contact_words, lead, &at) == NULL;
}

/* So many bytes a name may have. */
#define NAME 64

/*
 * "Name <name@domain>" below words that lead to recipients, or below another
 * one: returns the part from '<' on, absent if it is none.
 */
static struct span
behind_name(struct reader *reader, struct span line)
{
	size_t at;

	if (!reader->listing && !leads_to_failed(reader->lead))
		return SPAN_ABSENT;
	at = span_find_char(span_first(line, NAME), '<');
	reader->listing = at != SPAN_NONE && at > 0 &&
	    line.p[at - 1] == ' ' && begins_name(line.p[0]) &&
	    span_find_char(span_first(line, at), ':') == SPAN_NONE;
	return reader->listing ? span_from(line, at) : SPAN_ABSENT;
}

/* ">>> name@domain (after RCPT TO): …": Momentum's line about a recipient; no
 * command in a transcript begins with an address. */
static struct span
without_arrows(struct span line)
{
	struct span bare = span_from(line, line_indent(line)), address;

	if (bare.len == 0 || bare.p[0] != '>' ||
	    !span_starts_nocase(bare, SPAN(">>> ")))
		return line;
	bare = span_trim(span_from(bare, 4));
	return address_dressed_at(bare, &address) > 0 ? bare : line;
}

/* Lines that begin with an address, or with Sendmail's verdict on one. */
static bool
read_address_line(struct reader *reader, struct span line)
{
	struct mentions *mentions = reader->mentions;
	struct span bare = without_number(line_bare(without_arrows(line)));
	struct span address, named;
	size_t len;

	if (mailto_at_end(bare, &address)) {
		mentions_begin_note(mentions, address, line,
		    bare.p + bare.len);
		return true;
	}
	len = address_dressed_at(bare, &address);
	if (len == 0 && (named = behind_name(reader, bare)).len > 0) {
		bare = named;
		len = address_dressed_at(bare, &address);
	}
	if (len == 0)
		return transcript_read_verdict(&reader->transcript, mentions,
		    line);
	if (continues_note(mentions, line, address) ||
	    !follows_recipient(span_from(bare, len)) ||
	    is_bystander(reader, bare.p[0] == '<'))
		return false;
	if (mentions->n == 0)
		reader->bracketed = bare.p[0] == '<';
	begin_notes(mentions, address, line, bare.p + len);
	mentions->indent = line_indent(line);
	return true;
}

/* So many bytes a label may have. */
#define LABEL 40

/* Returns what stands behind a label for a recipient, absent if none does. */
static struct span
behind_label(struct span bare)
{
	const struct span *label = words_at_start(&recipient_labels, bare);
	size_t colon, at;

	if (label != NULL)
		return span_from(bare, label->len);
	if (span_find_char(bare, '@') == SPAN_NONE)
		return SPAN_ABSENT;
	colon = span_find_char(span_first(bare, LABEL), ':');
	if (colon == SPAN_NONE || words_inside(&label_words, span_first(bare,
	    colon), &at) == NULL || span_starts_nocase(bare,
	    SPAN("original")))
		return SPAN_ABSENT;
	return span_from(bare, colon + 1);
}

/* A label with an address behind it. */
static bool
read_label(struct reader *reader, struct span line)
{
	struct mentions *mentions = reader->mentions;
	struct span bare = behind_label(line_bare(line)), address;
	struct mention *m;
	size_t start, len;

	if (bare.p == NULL)
		return false;
	start = address_find(bare, &address, &len);
	/* "said: 550 Invalid\n    recipient: <name@domain>" is one reply. */
	if (start == SPAN_NONE || continues_note(mentions, line, address))
		return false;
	mentions->above = span_trim(line);
	begin_notes(mentions, address, line, bare.p + start + len);
	m = mentions_find(mentions, address);
	if (m != NULL)
		m->labelled = true;
	return true;
}

/* Words with an address behind them; in a note, it must end a new paragraph, or
 * the same words led to the recipient before. */
static bool
read_lead_in(struct reader *reader, struct span line)
{
	struct mentions *mentions = reader->mentions;
	bool inside = mentions_current(mentions) != NULL;
	const struct span *words;
	struct span address;
	size_t at, start, len;

	if (span_find_char(line, '@') == SPAN_NONE ||
	    (inside && mentions->above.len > 0))
		return false;
	for (size_t i = 0; (words = words_inside_from(&lead_ins, i, line,
	    &at)) != NULL; i = (size_t)(words - lead_ins_list) + 1) {
		at += words->len;
		start = address_find(span_from(line, at), &address, &len);
		/* "mail to some was refused: it is from <name@domain>" */
		if (start == SPAN_NONE || span_find_nocase(span_first(
		    span_from(line, at), start), SPAN(" from ")) != SPAN_NONE)
			continue;
		if (inside && (start > 2 || span_trim(span_from(line, at +
		    start + len)).len > 0) && !span_equal(reader->led,
		    span_first(line, at)))
			continue;
		reader->led = span_first(line, at);
		mentions->above = span_trim(line);
		begin_notes(mentions, address, line, line.p + at + start + len);
		return true;
	}
	return false;
}

/* "pipe to |/usr/bin/program", and below it "generated by name@domain". */
static bool
read_local_delivery(struct mentions *mentions, struct span line)
{
	struct span address;
	size_t start, len;

	if (words_at_start(&local_deliveries, span_trim(line)) != NULL) {
		mentions_end_note(mentions, line.p);
		return true;
	}
	if (words_at_start(&local_deliveries, mentions->above) == NULL)
		return false;
	start = address_find(line, &address, &len);
	if (start == SPAN_NONE)
		return false;
	begin_notes(mentions, address, line, line.p + start + len);
	return true;
}

/* Inside a note, a line that is none of these is a part of it. */
static void
read_line(struct reader *reader, struct span line)
{
	struct mentions *mentions = reader->mentions;

	if (without_arrows(line).p != line.p) {
		read_address_line(reader, line);
		return;
	}
	if (!read_local_delivery(mentions, line) &&
	    !transcript_read_line(&reader->transcript, mentions, line) &&
	    !read_label(reader, line) && !read_address_line(reader, line))
		read_lead_in(reader, line);
}

/* "____" and below it "Name mailing list": Mailman's footer. */
static bool
begins_footer(struct span line, struct span rest)
{
	struct span next;

	return span_starts_nocase(line, SPAN("________")) &&
	    span_next_line(&rest, &next) &&
	    span_find_nocase(next, SPAN("mailing list")) != SPAN_NONE;
}

void
lines_read(struct mentions *mentions, struct span text)
{
	struct reader reader = { .mentions = mentions };
	struct span rest = text, line;

	while (span_next_line(&rest, &line)) {
		struct span trimmed = span_trim(line);

		/* The writer's signature, or what a list puts below. */
		if (mentions->n > 0 && (span_equal(trimmed, SPAN("--")) ||
		    begins_footer(trimmed, rest)))
			break;
		if (words_at_start(&closings, trimmed) != NULL)
			mentions_end_note(mentions, line.p);
		else if (trimmed.len > 0 &&
		    words_at_start(&other_labels, trimmed) == NULL)
			read_line(&reader, line);
		mentions->above = trimmed;
		if (trimmed.len > 0)
			reader.lead = trimmed;
	}
	mentions_end_note(mentions, rest.p);
}
