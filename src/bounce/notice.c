/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounce/notice.h"

#include <stdbool.h>

#include "bounce/paragraph.h"
#include "bounce/words.h"
#include "mail/address.h"
#include "mail/header.h"

/* Fields of which two show that a message begins. */
static const struct span first_fields[] = {
	SPAN_INIT("Received: "), SPAN_INIT("Return-Path: "),
	SPAN_INIT("From MAILER-DAEMON"),
};

/* Fields that a notice may quote, too: only the first of a paragraph. */
static const struct span quoted_fields[] = {
	SPAN_INIT("From: "), SPAN_INIT("To: "), SPAN_INIT("Date: "),
	SPAN_INIT("Subject: "), SPAN_INIT("Message-ID: "),
	SPAN_INIT("MIME-Version: "), SPAN_INIT("Content-Type: "),
	SPAN_INIT("Delivered-To: "),
};

/* Fields that no notice quotes without the message. */
static const struct span inner_fields[] = {
	SPAN_INIT("Received"), SPAN_INIT("MIME-Version"),
	SPAN_INIT("Content-Type"),
};

#define ENTRIES(table) (sizeof(table) / sizeof((table)[0]))

/* Does the returned message begin with this line, unannounced? */
static bool
begins_header(struct span line, struct span rest, bool first)
{
	bool quoted = first && words_at_start(line, quoted_fields,
	    ENTRIES(quoted_fields)) != NULL;
	bool inner = !quoted;
	struct header field;
	size_t fields = 0;

	if (!quoted && words_at_start(line, first_fields,
	    ENTRIES(first_fields)) == NULL)
		return false;
	while (fields < (quoted ? 12 : 2) && header_read(&rest, &field) ==
	    HEADER_FIELD) {
		inner |= words_at_start(field.name, inner_fields,
		    ENTRIES(inner_fields)) != NULL;
		fields++;
	}
	return inner && fields >= 2;
}

/* A run of lines that begin with '>'. */
struct quotation {
	const char *start;
	size_t lines;		/* of words; "> name@domain" is MDaemon's too */
};

static void
read_quotation(struct quotation *quotation, struct span line)
{
	struct span address;

	if (line.len == 0 || line.p[0] != '>' ||
	    span_starts_nocase(line, SPAN(">>>"))) {
		*quotation = (struct quotation){ NULL, 0 };
		return;
	}
	if (quotation->start == NULL)
		quotation->start = line.p;
	if (address_dressed_at(span_trim(span_from(line, 1)), &address) == 0)
		quotation->lines++;
}

/* So many lines in a row make a quotation. */
#define QUOTATION 3

struct span
notice_cut(struct span *text)
{
	struct span rest = *text, line;
	struct quotation quotation = { NULL, 0 };
	const char *start = text->p;
	struct word_index ends;
	bool first = true;

	word_index_make(&ends, endings, nendings);
	while (span_next_line(&rest, &line)) {
		struct span words = line_bare(line);

		if (word_index_at_start(&ends, words) != NULL) {
			text->len = (size_t)(line.p - start);
			return rest;
		}
		if (begins_header(line, rest, first)) {
			text->len = (size_t)(line.p - start);
			return (struct span){ line.p,
			    (size_t)(rest.p + rest.len - line.p) };
		}
		first = words.len == 0;
		read_quotation(&quotation, line);
		if (quotation.lines == QUOTATION) {
			text->len = (size_t)(quotation.start - start);
			return SPAN_ABSENT;
		}
	}
	return SPAN_ABSENT;
}
