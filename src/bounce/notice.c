/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounce/notice.h"

#include <stdbool.h>

#include "base/ascii.h"
#include "bounce/paragraph.h"
#include "bounce/words.h"
#include "mail/address.h"
#include "mail/header.h"

/* Does the returned message begin with this line, unannounced? */
static bool
begins_header(struct span line, struct span rest, bool first)
{
	bool quoted = first && words_at_start(&quoted_fields, line) != NULL;
	bool inner = !quoted;
	struct header field;
	size_t fields = 0;

	if (!quoted && words_at_start(&first_fields, line) == NULL)
		return false;
	while (rest.len > 0 && ascii_is_blank(rest.p[0]))
		span_next_line(&rest, &line);	/* the rest of the field */
	while (fields < (quoted ? 12 : 2) && header_read(&rest, &field) ==
	    HEADER_FIELD) {
		inner |= words_at_start(&inner_fields, field.name) != NULL;
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

/* Returns text without a first line of dashes. */
static struct span
without_rule(struct span text)
{
	struct span rest = text, line;

	return span_next_line(&rest, &line) && span_trim(line).len > 0 &&
	    line_bare(line).len == 0 ? rest : text;
}

/* So many lines in a row make a quotation. */
#define QUOTATION 3

struct span
notice_cut(struct span *text)
{
	struct span rest = *text, line;
	struct quotation quotation = { NULL, 0 };
	const char *start = text->p;
	bool first = true;

	while (span_next_line(&rest, &line)) {
		struct span words = line_bare(line);

		if (words_at_start(&endings, words) != NULL) {
			text->len = (size_t)(line.p - start);
			return without_rule(rest);
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
