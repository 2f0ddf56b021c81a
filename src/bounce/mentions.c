/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounce/mentions.h"

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

/*
 * Where the note before ends when another begins at line: above that, if the
 * reasons stand right above the addresses ("User unknown\nname@domain").
 */
static const char *
end_of_note(const struct mentions *mentions, const char *line)
{
	const struct mention *m = mentions_current(mentions);
	struct span above = mentions->above;

	if (m == NULL || m->before.len == 0 || above.len == 0 ||
	    above.p >= line || above.p <= m->note.p ||
	    span_find_char(m->before, ':') != SPAN_NONE ||
	    span_find_char(m->before, '@') != SPAN_NONE ||
	    line_has_words((struct span){ m->note.p,
	    (size_t)(above.p - m->note.p) }))
		return line;
	return above.p;
}

void
mentions_begin_note(struct mentions *mentions, struct span address,
    const char *line, const char *p)
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
