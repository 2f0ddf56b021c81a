/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounce/mentions.h"

#include "base/ascii.h"
#include "bounce/paragraph.h"
#include "bounce/reply.h"

void
mentions_init(struct mentions *mentions, struct arena *arena, size_t limit)
{
	*mentions = (struct mentions){ .arena = arena, .limit = limit,
	    .current = limit };
}

struct mention *
mentions_find(const struct mentions *mentions, struct span address)
{
	for (size_t i = 0; i < mentions->n; i++)
		if (span_equal_nocase(mentions->list[i].address, address))
			return &mentions->list[i];
	return NULL;
}

struct mention *
mentions_add(struct mentions *mentions, struct span address)
{
	struct mention *found = mentions_find(mentions, address), *list;

	if (found != NULL)
		return found;
	if (mentions->n >= mentions->limit) {
		mentions->overflow = true;
		return NULL;
	}
	list = arena_array(mentions->arena, mentions->list, mentions->n,
	    &mentions->capacity, sizeof(*list));
	if (list == NULL)
		return NULL;
	mentions->list = list;
	list[mentions->n] = (struct mention){ .address = address };
	return &list[mentions->n++];
}

struct mention *
mentions_current(const struct mentions *mentions)
{
	return mentions->current < mentions->n ?
	    &mentions->list[mentions->current] : NULL;
}

/* Can the line above an address be its reason, and no lead to it? */
static bool
has_reason_above(const struct mention *m)
{
	return m->before.len > 0 &&
	    span_find_char(m->before, ':') == SPAN_NONE &&
	    span_find_char(m->before, '@') == SPAN_NONE;
}

/* How deep a line is set in that holds p, in a text that begins at start. */
static size_t
indent_at(const char *start, const char *p)
{
	size_t n = 0;

	while (p > start && ascii_is_blank(p[-1])) {
		p--;
		n++;
	}
	return n;
}

/*
 * Where the note before ends when another begins at line: above that, if the
 * reasons stand right above the addresses ("User unknown\nname@domain"), from
 * the first on. A reason that is set in deeper belongs to what is above it.
 */
static const char *
end_of_note(const struct mentions *mentions, struct span line)
{
	const struct mention *m = mentions_current(mentions);
	struct span above = mentions->above;

	if (m == NULL || !has_reason_above(m) ||
	    !has_reason_above(&mentions->list[0]) || above.len == 0 ||
	    above.p >= line.p || above.p <= m->note.p ||
	    line_has_words((struct span){ m->note.p,
	    (size_t)(above.p - m->note.p) }) ||
	    indent_at(m->note.p, above.p) > line_indent(line))
		return line.p;
	return above.p;
}

void
mentions_begin_note(struct mentions *mentions, struct span address,
    struct span line, const char *p)
{
	struct mention *m;
	int code;

	mentions_end_note(mentions, end_of_note(mentions, line));
	m = mentions_add(mentions, address);
	if (m == NULL)
		return;
	if (m->note.p != NULL && reply_find(m->note, &code) != SPAN_NONE)
		return;
	if (m->earlier.p == NULL)
		m->earlier = m->note;
	m->note = (struct span){ p, 0 };
	m->before = mentions->above;
	mentions->indent = SPAN_NONE;
	mentions->current = (size_t)(m - mentions->list);
}

void
mentions_end_note(struct mentions *mentions, const char *p)
{
	struct mention *m = mentions_current(mentions);

	if (m == NULL)
		return;
	if (m->note.p != NULL && p > m->note.p)
		m->note.len = (size_t)(p - m->note.p);
	mentions->current = mentions->limit;
}

void
mentions_share_notes(struct mentions *mentions)
{
	for (size_t i = mentions->n; i > 1; i--) {
		struct mention *m = &mentions->list[i - 2];
		const struct mention *next = &mentions->list[i - 1];

		if (span_trim(m->note).len <= 1 && m->answer.len == 0) {
			m->note = next->note;
			m->answer = next->answer;
		}
	}
}
