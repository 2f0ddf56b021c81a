/* SPDX-License-Identifier: BSD-2-Clause */
#include "mail/header.h"

#include <string.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "mail/charset.h"

/* Splits a line at the colon behind a field name; false if there is none. */
static bool
split_field(struct span line, struct header *field)
{
	size_t end = 0, colon;

	/* A delimiter may hold a colon; it never begins a field. */
	if (line.len >= 2 && line.p[0] == '-' && line.p[1] == '-')
		return false;
	while (end < line.len && ascii_is_graph(line.p[end]) &&
	    line.p[end] != ':')
		end++;
	/* RFC 5322 section 4.5.8 lets blanks stand before the colon. */
	colon = end;
	while (colon < line.len && ascii_is_blank(line.p[colon]))
		colon++;
	if (end == 0 || colon == line.len || line.p[colon] != ':')
		return false;
	field->name = span_first(line, end);
	field->value = span_from(line, colon + 1);
	return true;
}

enum header_item
header_read(struct span *rest, struct header *field)
{
	struct span line, next;
	bool ok;

	if (!span_next_line(rest, &line))
		return HEADER_END;
	if (line.len == 0)
		return HEADER_EMPTY_LINE;
	*field = (struct header){ span_first(line, 0), line };
	ok = split_field(line, field);
	next = *rest;
	while (next.len > 0 && ascii_is_blank(next.p[0])) {
		span_next_line(&next, &line);
		field->value.len = (size_t)(line.p + line.len -
		    field->value.p);
		*rest = next;
	}
	return ok ? HEADER_FIELD : HEADER_NO_FIELD;
}

size_t
header_parse(struct arena *arena, struct span s, const struct limits *limits,
    struct header_list *list, unsigned *flags)
{
	struct span rest = s;
	size_t capacity = 0;
	struct header field, *v;

	*list = (struct header_list){ NULL, 0 };
	*flags = 0;
	for (;;) {
		size_t at = (size_t)(rest.p - s.p);
		enum header_item item = header_read(&rest, &field);

		if (item == HEADER_END)
			*flags |= HEADER_UNENDED;
		if (item == HEADER_END || item == HEADER_EMPTY_LINE)
			return s.len - rest.len;
		if (item == HEADER_NO_FIELD) {
			*flags |= HEADER_BAD_LINE;
			return at;
		}
		if (*flags & HEADER_OVERFLOW)
			continue;
		v = NULL;
		if (list->n < limits->fields &&
		    (size_t)(rest.p - s.p) <= limits->header)
			v = arena_array(arena, list->v, list->n, &capacity,
			    sizeof(*v));
		if (v == NULL) {
			*flags |= HEADER_OVERFLOW;
			continue;
		}
		list->v = v;
		v[list->n++] = field;
	}
}

const struct header *
header_next(const struct header_list *list, const char *name,
    const struct header *previous)
{
	size_t i = previous == NULL ? 0 : (size_t)(previous - list->v) + 1;
	struct span wanted = span_of(name);

	for (; i < list->n; i++)
		if (list->v[i].name.len == wanted.len &&
		    span_equal_nocase(list->v[i].name, wanted))
			return &list->v[i];
	return NULL;
}

struct span
header_value(const struct header_list *list, const char *name)
{
	const struct header *header = header_next(list, name, NULL);

	return header == NULL ? SPAN_ABSENT : header->value;
}

unsigned
header_count(const struct header_list *list, const char *name)
{
	const struct header *field = NULL;
	unsigned n = 0;

	while ((field = header_next(list, name, field)) != NULL)
		n++;
	return n;
}

struct span
header_unfold(struct arena *arena, struct span value)
{
	struct buf out;
	struct span rest, line;

	value = span_trim(value);
	if (span_find_char(value, '\n') == SPAN_NONE)
		return value;
	buf_init(&out, arena);
	buf_reserve(&out, value.len);
	rest = value;
	while (span_next_line(&rest, &line)) {
		line = span_trim(line);
		if (line.len == 0)
			continue;
		if (out.len > 0)
			buf_add_char(&out, ' ');
		buf_add_span(&out, line);
	}
	return buf_span(&out);
}

/* Returns where the quoted string that opens at i ends, behind its quote. */
static size_t
quoted_string_end(struct span s, size_t i)
{
	for (i++; i < s.len && s.p[i] != '"'; i++)
		if (s.p[i] == '\\')
			i++;
	return i < s.len ? i + 1 : s.len;
}

/* Returns where the comment that opens at i ends. */
static size_t
comment_end(struct span s, size_t i)
{
	size_t depth = 0;

	for (; i < s.len; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '(')
			depth++;
		else if (s.p[i] == ')' && --depth == 0)
			return i + 1;
	}
	return s.len;
}

struct span
header_uncomment(struct arena *arena, struct span value)
{
	struct buf out;
	size_t i = 0, end;

	value = header_unfold(arena, value);
	if (span_find_char(value, '(') == SPAN_NONE)
		return value;
	buf_init(&out, arena);
	buf_reserve(&out, value.len);
	while (i < value.len) {
		if (value.p[i] == '(') {
			i = comment_end(value, i);
			continue;
		}
		end = value.p[i] == '"' ? quoted_string_end(value, i) : i + 1;
		buf_add(&out, value.p + i, end - i);
		i = end;
	}
	return span_trim(buf_span(&out));
}

/* Returns where the ';' at or after i stands, quoted strings passed over. */
static size_t
parameter_end(struct span s, size_t i)
{
	while (i < s.len && s.p[i] != ';')
		i = s.p[i] == '"' ? quoted_string_end(s, i) : i + 1;
	return i;
}

struct span
value_main(struct span value)
{
	size_t len = 0;

	/* Some forget the ';' before the parameters. */
	while (len < value.len && value.p[len] != ';' &&
	    !ascii_is_space(value.p[len]))
		len++;
	return span_first(value, len);
}

struct span
header_main_value(struct arena *arena, struct span value)
{
	return value_main(header_uncomment(arena, value));
}

/* Undoes the quotes of a quoted string; anything else stays. */
static struct span
unquote(struct arena *arena, struct span s)
{
	struct buf out;

	if (s.len == 0 || s.p[0] != '"')
		return s;
	buf_init(&out, arena);
	for (size_t i = 1; i < s.len && s.p[i] != '"'; i++) {
		if (s.p[i] == '\\' && i + 1 < s.len)
			i++;
		buf_add_char(&out, s.p[i]);
	}
	return buf_span(&out);
}

static void
add_percent_decoded(struct buf *out, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		int high, low;

		if (s.p[i] == '%' && i + 2 < s.len &&
		    (high = ascii_hex_value(s.p[i + 1])) >= 0 &&
		    (low = ascii_hex_value(s.p[i + 2])) >= 0) {
			buf_add_char(out, (char)(high << 4 | low));
			i += 2;
		} else {
			buf_add_char(out, s.p[i]);
		}
	}
}

/* One section of a parameter: name, name*, name*N or name*N*. */
struct section {
	bool found;
	bool encoded;
	struct span value;
};

/* RFC 2231 sets no bound; this many pieces are more than any value needs. */
#define PIECES 100

struct sections {
	struct section whole;		/* name or name* */
	struct section pieces[PIECES];	/* name*N or name*N* */
};

/* Returns where the section goes whose key ends so: "", "*0" to "*99". */
static struct section *
section_place(struct sections *sections, struct span key)
{
	size_t number = 0;

	if (key.len == 0)
		return &sections->whole;
	if (key.p[0] != '*' || key.len < 2 || key.len > 3 ||
	    (key.len == 3 && key.p[1] == '0'))
		return NULL;
	for (size_t i = 1; i < key.len; i++) {
		if (!ascii_is_digit(key.p[i]))
			return NULL;
		number = number * 10 + (size_t)(key.p[i] - '0');
	}
	return &sections->pieces[number];
}

/* Finds all sections of the parameter; the first of each counts. */
static void
find_sections(struct sections *sections, struct span value,
    struct span name)
{
	size_t at = parameter_end(value, 0);

	*sections = (struct sections){ .whole = { .found = false } };
	while (at < value.len) {
		size_t end = parameter_end(value, at + 1);
		struct span item = { value.p + at + 1, end - at - 1 };
		size_t equals = span_find_char(item, '=');
		struct section *section;
		bool encoded;
		struct span key;

		at = end;
		if (equals == SPAN_NONE)
			continue;
		key = span_trim(span_first(item, equals));
		if (!span_starts_nocase(key, name))
			continue;
		key = span_from(key, name.len);
		encoded = key.len > 0 && key.p[key.len - 1] == '*';
		section = section_place(sections, span_first(key, key.len -
		    encoded));
		if (section != NULL && !section->found)
			*section = (struct section){ true, encoded,
			    span_trim(span_from(item, equals + 1)) };
	}
}

/* Cuts "charset'language'" off an RFC 2231 value; returns the charset. */
static struct span
cut_charset(struct span *value)
{
	size_t first = span_find_char(*value, '\'');
	struct span charset;
	size_t second;

	if (first == SPAN_NONE)
		return SPAN_ABSENT;
	charset = span_first(*value, first);
	second = span_find_char(span_from(*value, first + 1), '\'');
	if (second == SPAN_NONE)
		return SPAN_ABSENT;
	*value = span_from(*value, first + 1 + second + 1);
	return charset;
}

/* Appends what a section says; the first one names the charset. */
static void
add_section(struct buf *out, struct section section, struct span *charset)
{
	/* Some quote what is percent-encoded, too. */
	struct span value = unquote(out->arena, section.value);

	if (section.encoded && charset != NULL)
		*charset = cut_charset(&value);
	if (section.encoded)
		add_percent_decoded(out, value);
	else
		buf_add_span(out, value);
}

struct span
value_parameter(struct arena *arena, struct span value, const char *name)
{
	struct span charset = SPAN_ABSENT;
	struct sections sections;
	struct buf out;

	find_sections(&sections, value, span_of(name));
	if (sections.whole.found && !sections.whole.encoded)
		return unquote(arena, sections.whole.value);
	buf_init(&out, arena);
	if (sections.whole.found)
		add_section(&out, sections.whole, &charset);
	for (size_t i = 0; i < PIECES && !sections.whole.found &&
	    sections.pieces[i].found; i++)
		add_section(&out, sections.pieces[i], i == 0 ? &charset :
		    NULL);
	if (out.len == 0 && !sections.whole.found)
		return SPAN_ABSENT;
	return charset_to_utf8(arena, charset, buf_span(&out), NULL);
}

struct span
header_parameter(struct arena *arena, struct span value, const char *name)
{
	return value_parameter(arena, header_uncomment(arena, value), name);
}
