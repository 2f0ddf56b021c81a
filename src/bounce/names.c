/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounce/names.h"

#include "base/ascii.h"
#include "bounce/words.h"
#include "mail/address.h"

/* Returns text with every run of blanks and line ends as one space. */
static struct span
on_one_line(struct arena *arena, struct span text)
{
	char *out = arena_alloc(arena, text.len);
	size_t len = 0;

	if (out == NULL)
		return SPAN_ABSENT;
	for (size_t i = 0; i < text.len; i++) {
		if (!ascii_is_space(text.p[i]))
			out[len++] = text.p[i];
		else if (len > 0 && out[len - 1] != ' ')
			out[len++] = ' ';
	}
	return (struct span){ out, len };
}

/* So far into a text the server is looked for. */
#define SERVER_TEXT ((size_t)600)

struct span
server_in(struct arena *arena, struct span text)
{
	size_t at, len = 0;
	const struct span *words;
	struct span name;

	text = on_one_line(arena, span_trim(span_first(text, SERVER_TEXT)));
	words = words_inside(&server_marks, text, &at);
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

struct span
origin_in(struct span note)
{
	struct span address;
	size_t at;
	const struct span *mark = words_inside(&origin_marks,
	    span_first(note, 400), &at);

	if (mark == NULL)
		return SPAN_ABSENT;
	/* The line may be broken right behind the mark. */
	note = span_trim(span_from(note, at + mark->len));
	if (note.len > 0 && note.p[0] == ':')
		note = span_trim(span_from(note, 1));
	return address_dressed_at(note, &address) > 0 ? address : SPAN_ABSENT;
}
