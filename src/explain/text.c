/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/text.h"

#include <string.h>
#include <unilbrk.h>

#include "base/ascii.h"
#include "explain/sanitize.h"
#include "mail/charset.h"

/* Is this an address, a link or a domain, as far as its shape tells? */
static bool
is_one_piece(struct span word)
{
	size_t dot = span_find_char(word, '.');

	return span_find_char(word, '@') != SPAN_NONE ||
	    span_find(word, SPAN("://")) != SPAN_NONE ||
	    (dot != SPAN_NONE && dot + 1 < word.len &&
	    ascii_is_alnum(word.p[dot + 1]));
}

/* Does the hyphen at i belong to a single letter before it, as in "e-mail"? */
static bool
is_letter_hyphen(struct span text, size_t i)
{
	return text.p[i] == '-' && i > 0 && ascii_is_alpha(text.p[i - 1]) &&
	    (i == 1 || !ascii_is_alnum(text.p[i - 2]));
}

/* Keeps such words of ASCII whole, and "e-mail". */
static void
prohibit_breaks(struct span text, char *overrides)
{
	size_t start = 0;

	memset(overrides, UC_BREAK_UNDEFINED, text.len);
	for (size_t i = 0; i <= text.len; i++) {
		if (i + 1 < text.len && is_letter_hyphen(text, i))
			overrides[i + 1] = UC_BREAK_PROHIBITED;
		if (i < text.len && !ascii_is_space(text.p[i]) &&
		    !ascii_is_8bit(text.p[i]))
			continue;
		if (is_one_piece(span_first(span_from(text, start),
		    i - start)))
			for (size_t k = start + 1; k < i; k++)
				overrides[k] = UC_BREAK_PROHIBITED;
		start = i + 1;
	}
}

/* ASCII breaks at its blanks; that needs no tables of Unicode. */
static void
break_ascii(struct span text, size_t column, size_t indent, char *breaks)
{
	size_t start = 0;	/* of the line */

	while (column + (text.len - start) > TEXT_COLUMNS) {
		size_t room = column < TEXT_COLUMNS ? TEXT_COLUMNS - column :
		    1;
		size_t blank = start + room - 1, more;

		while (blank > start && text.p[blank] != ' ')
			blank--;
		if (blank == start) {	/* a word too long for a line */
			more = span_find_char(span_from(text, start + 1), ' ');
			if (more == SPAN_NONE)
				return;
			blank = start + 1 + more;
		}
		start = blank + 1;
		if (start >= text.len)
			return;
		breaks[start] = UC_BREAK_POSSIBLE;
		column = indent;
	}
}

/* The same for any text, by the rules of Unicode. */
static bool
break_unicode(struct arena *arena, struct span text, size_t column,
    size_t indent, char *breaks)
{
	char *overrides = arena_alloc(arena, text.len);

	if (overrides == NULL)
		return false;
	prohibit_breaks(text, overrides);
	u8_width_linebreaks((const uint8_t *)text.p, text.len,
	    (int)(TEXT_COLUMNS - indent), (int)(column - indent), 0,
	    overrides, "UTF-8", breaks);
	for (size_t i = 0; i < text.len; i++)
		if (breaks[i] == UC_BREAK_MANDATORY)
			breaks[i] = UC_BREAK_POSSIBLE;
	return true;
}

bool
text_lines_init(struct text_lines *lines, struct arena *arena,
    struct span text, size_t column, size_t indent)
{
	char *breaks = arena_alloc(arena, text.len);

	if (breaks == NULL)
		return false;
	*lines = (struct text_lines){ text, breaks, 0 };
	if (!charset_is_ascii(text))
		return break_unicode(arena, text, column, indent, breaks);
	break_ascii(text, column, indent, breaks);
	return true;
}

bool
text_lines_next(struct text_lines *lines, struct span *line, bool *spaced)
{
	size_t start = lines->at, end;
	struct span breaks = { lines->breaks, lines->text.len };

	if (start >= lines->text.len)
		return false;
	end = span_find_char(span_from(breaks, start + 1),
	    UC_BREAK_POSSIBLE);
	end = end == SPAN_NONE ? breaks.len : start + 1 + end;
	*spaced = start > 0 && ascii_is_space(lines->text.p[start - 1]);
	*line = span_trim(span_first(span_from(lines->text, start),
	    end - start));
	lines->at = end;
	return true;
}

void
text_wrap(struct buf *out, struct span text, size_t column, size_t indent)
{
	struct text_lines lines;
	struct span line;
	bool spaced, first = true;

	if (!text_lines_init(&lines, out->arena, text, column, indent)) {
		out->failed = true;
		return;
	}
	for (; text_lines_next(&lines, &line, &spaced); first = false) {
		if (!first)
			buf_add_chars(out, ' ', indent);
		buf_add_span(out, line);
		buf_add_char(out, '\n');
	}
}

static void
add_section(struct buf *out, struct span heading)
{
	buf_add_char(out, '\n');
	buf_add_span(out, heading);
	buf_add_char(out, '\n');
}

static void
add_steps(struct buf *out, const struct texts *steps)
{
	for (size_t i = 0; i < steps->n; i++) {
		buf_add_number(out, i + 1);
		buf_add_string(out, ". ");
		text_wrap(out, steps->v[i], 3, 3);
	}
}

static void
add_addresses(struct buf *out, const struct explained_address *addresses,
    size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_add_string(out, "  ");
		buf_add_span(out, addresses[i].text);
		buf_add_char(out, '\n');
		for (size_t k = 0; k < addresses[i].nbelow; k++) {
			buf_add_string(out, "    ");
			text_wrap(out, addresses[i].below[k], 4, 6);
		}
	}
}

static void
add_group(struct buf *out, const struct explanation *explanation,
    const struct explained_group *group)
{
	bool divided = group->nfirst < group->naddresses;

	text_wrap(out, group->result, 0, 2);
	if (group->naddresses > 1)
		add_addresses(out, group->addresses, group->nfirst);
	if (divided) {
		buf_add_string(out, "  ");
		text_wrap(out, explanation->others_line, 2, 2);
	}
	add_section(out, explanation->happened_heading);
	for (size_t i = 0; i < group->happened.n; i++) {
		if (i > 0)
			buf_add_char(out, '\n');
		text_wrap(out, group->happened.v[i], 0, 0);
	}
	if (group->steps.n > 0) {
		add_section(out, explanation->steps_heading);
		add_steps(out, &group->steps);
	}
	if (group->fix.len > 0) {
		add_section(out, explanation->fix_heading);
		text_wrap(out, group->fix, 0, 0);
	}
	if (divided) {
		add_section(out, explanation->others_heading);
		add_addresses(out, group->addresses + group->nfirst,
		    group->naddresses - group->nfirst);
	}
	buf_add_char(out, '\n');
}

struct span
text_render(struct arena *arena, const struct explanation *explanation)
{
	struct buf out;

	buf_init(&out, arena);
	for (size_t i = 0; i < explanation->n; i++)
		add_group(&out, explanation, &explanation->groups[i]);
	if (explanation->unlisted.len > 0) {
		text_wrap(&out, explanation->unlisted, 0, 0);
		buf_add_char(&out, '\n');
	}
	if (explanation->about.len > 0) {
		text_wrap(&out, explanation->about, 0, 0);
		buf_add_char(&out, '\n');
	}
	if (explanation->closing.len > 0) {
		text_wrap(&out, explanation->closing, 0, 0);
		buf_add_char(&out, '\n');
	}
	return sanitize_lines(arena, buf_span(&out));
}
