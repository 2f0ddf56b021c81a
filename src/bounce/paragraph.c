/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounce/paragraph.h"

#include "base/ascii.h"
#include "bounce/words.h"

static bool
is_ornament(char c)
{
	switch (c) {
	case '*': case '-': case '=': case '+':
	case '_': case '|': case '#': case '~':
		return true;
	}
	return ascii_is_blank(c);
}

struct span
line_bare(struct span line)
{
	line = span_trim(line);
	while (line.len > 0 && is_ornament(line.p[0]))
		line = span_from(line, 1);
	return line;
}

size_t
line_indent(struct span line)
{
	size_t len = 0;

	while (len < line.len && ascii_is_blank(line.p[len]))
		len++;
	return len;
}

bool
line_has_words(struct span line)
{
	for (size_t i = 0; i < line.len; i++)
		if (ascii_is_alnum(line.p[i]) || ascii_is_8bit(line.p[i]))
			return true;
	return false;
}

struct span
line_last_sentence(struct span line)
{
	size_t at;

	while ((at = span_find(line, SPAN(". "))) != SPAN_NONE)
		line = span_from(line, at + 2);
	return line;
}

/* Is it no part of a reason? A dash or two may begin what was wrapped. */
static bool
is_trailer(struct span line, struct span trimmed)
{
	if (line_indent(line) >= 4 && span_starts_nocase(trimmed, SPAN("--")) &&
	    !span_starts_nocase(trimmed, SPAN("---")))
		return false;
	return words_at_start(&trailers, trimmed) != NULL;
}

struct span
paragraph_first(struct span text)
{
	struct span rest = text, line;
	struct span paragraph = { text.p, 0 };

	while (span_next_line(&rest, &line)) {
		struct span trimmed = span_trim(line);
		bool ends = trimmed.len == 0 || is_trailer(line, trimmed);

		if (ends && paragraph.len > 0)
			break;
		if (ends)
			paragraph.p = rest.p;
		else
			paragraph.len = (size_t)(line.p + line.len -
			    paragraph.p);
	}
	return span_trim(paragraph);
}

struct span
paragraph_around(struct span text, size_t at)
{
	size_t start = at;

	while (start > 1 && !(text.p[start - 1] == '\n' &&
	    (text.p[start - 2] == '\n' || text.p[start - 2] == '\r')))
		start--;
	return paragraph_first(span_from(text, start > 1 ? start : 0));
}
