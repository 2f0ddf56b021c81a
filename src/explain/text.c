/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/text.h"

#include <string.h>
#include <unilbrk.h>

#include "base/ascii.h"
#include "explain/sanitize.h"

/* Keeps words that hold an address or a link in one piece. */
static void
prohibit_breaks(struct span text, char *overrides)
{
	size_t start = 0;

	memset(overrides, UC_BREAK_UNDEFINED, text.len);
	for (size_t i = 0; i <= text.len; i++) {
		struct span word;

		if (i < text.len && !ascii_is_space(text.p[i]))
			continue;
		word = span_first(span_from(text, start), i - start);
		if (span_find_char(word, '@') != SPAN_NONE ||
		    span_find(word, SPAN("://")) != SPAN_NONE)
			for (size_t k = start + 1; k < i; k++)
				overrides[k] = UC_BREAK_PROHIBITED;
		start = i + 1;
	}
}

void
text_wrap(struct buf *out, struct span text, size_t column, size_t indent)
{
	char *overrides, *breaks;
	size_t start = 0;

	if (text.len == 0)
		return;
	overrides = arena_alloc(out->arena, text.len * 2);
	if (overrides == NULL) {
		out->failed = true;
		return;
	}
	breaks = overrides + text.len;
	prohibit_breaks(text, overrides);
	u8_width_linebreaks((const uint8_t *)text.p, text.len,
	    (int)(TEXT_COLUMNS - indent), (int)(column - indent), 0,
	    overrides, "UTF-8", breaks);
	for (size_t i = 0; i <= text.len; i++) {
		struct span line;

		if (i < text.len && breaks[i] != UC_BREAK_POSSIBLE &&
		    breaks[i] != UC_BREAK_MANDATORY)
			continue;
		line = span_trim(span_first(span_from(text, start),
		    i - start));
		if (start > 0)
			buf_add_chars(out, ' ', indent);
		buf_add_span(out, line);
		buf_add_char(out, '\n');
		start = i;
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
add_group(struct buf *out, const struct explanation *explanation,
    const struct explained_group *group)
{
	text_wrap(out, group->result, 0, 2);
	if (group->naddresses > 1)
		for (size_t i = 0; i < group->naddresses; i++) {
			buf_add_string(out, "  ");
			buf_add_span(out, group->addresses[i]);
			buf_add_char(out, '\n');
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
	buf_add_char(out, '\n');
}

struct span
text_render(struct arena *arena, const struct explanation *explanation)
{
	struct buf out;

	buf_init(&out, arena);
	for (size_t i = 0; i < explanation->n; i++)
		add_group(&out, explanation, &explanation->groups[i]);
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
