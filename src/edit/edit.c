/* SPDX-License-Identifier: BSD-2-Clause */
#include "edit/edit.h"

void
edit_add_header(struct edit_list *list, struct arena *arena,
    struct header_edit edit)
{
	struct header_edit *v = arena_array(arena, list->headers,
	    list->nheaders, &list->header_capacity, sizeof(*v));

	if (v == NULL)
		return;
	list->headers = v;
	v[list->nheaders++] = edit;
}

void
edit_add_body(struct edit_list *list, struct arena *arena, size_t from,
    size_t to, struct span text)
{
	struct body_edit *v = arena_array(arena, list->body, list->nbody,
	    &list->body_capacity, sizeof(*v));

	if (v == NULL)
		return;
	list->body = v;
	v[list->nbody++] = (struct body_edit){ from, to, text };
}

bool
edit_is_empty(const struct edit_list *list)
{
	return list->nheaders == 0 && list->nbody == 0;
}

static bool
put(edit_write_fn *write, void *context, struct span piece)
{
	return piece.len == 0 || write(context, piece);
}

bool
edit_write_body(const struct edit_list *list, const struct message *message,
    edit_write_fn *write, void *context)
{
	size_t at = message->root->head.len;

	for (size_t i = 0; i < list->nbody; i++) {
		const struct body_edit *edit = &list->body[i];
		struct span kept = { message->bytes.p + at, edit->from - at };

		if (!put(write, context, kept) ||
		    !put(write, context, edit->text))
			return false;
		at = edit->to;
	}
	return put(write, context, span_from(message->bytes, at));
}

/* Writes "Name: value", its folds with the line ends of the message. */
static bool
write_field(const struct message *message, const char *name,
    struct span value, edit_write_fn *write, void *context)
{
	struct span eol = span_of(message->eol), line;

	if (!put(write, context, span_of(name)) ||
	    !put(write, context, SPAN(": ")))
		return false;
	while (span_next_line(&value, &line))
		if (!put(write, context, line) || !put(write, context, eol))
			return false;
	return true;
}

/* Returns the edit of a field that stands in the message, NULL if none. */
static const struct header_edit *
edit_of_field(const struct edit_list *list, const struct header_list *headers,
    size_t number)
{
	unsigned nth = 0;

	for (size_t i = 0; i <= number; i++)
		if (span_equal_nocase(headers->v[i].name,
		    headers->v[number].name))
			nth++;
	for (size_t i = 0; i < list->nheaders; i++)
		if (list->headers[i].nth == nth &&
		    list->headers[i].operation != HEADER_INSERT &&
		    span_equal_nocase(span_of(list->headers[i].name),
		    headers->v[number].name))
			return &list->headers[i];
	return NULL;
}

static bool
write_old_fields(const struct edit_list *list, const struct message *message,
    edit_write_fn *write, void *context)
{
	const struct header_list *headers = &message->root->headers;
	struct span head = message->root->head;
	size_t at = 0;
	bool edited = false;

	for (size_t i = 0; i < list->nheaders; i++)
		edited = edited || list->headers[i].operation != HEADER_INSERT;
	for (size_t i = 0; edited && i < headers->n; i++) {
		const struct header_edit *edit = edit_of_field(list, headers,
		    i);
		size_t start = (size_t)(headers->v[i].name.p - head.p), end;
		struct span kept = { head.p + at, start - at };

		if (edit == NULL)
			continue;
		end = i + 1 < headers->n ?
		    (size_t)(headers->v[i + 1].name.p - head.p) :
		    (size_t)(headers->v[i].value.p + headers->v[i].value.len -
		    head.p);
		if (i + 1 == headers->n) {
			struct span rest = span_from(head, end), line;

			span_next_line(&rest, &line);
			end = head.len - rest.len;
		}
		if (!put(write, context, kept) ||
		    (edit->operation == HEADER_REPLACE && !write_field(
		    message, edit->name, edit->value, write, context)))
			return false;
		at = end;
	}
	return put(write, context, span_from(head, at));
}

bool
edit_write(const struct edit_list *list, const struct message *message,
    edit_write_fn *write, void *context)
{
	for (size_t i = 0; i < list->nheaders; i++)
		if (list->headers[i].operation == HEADER_INSERT &&
		    !write_field(message, list->headers[i].name,
		    list->headers[i].value, write, context))
			return false;
	return write_old_fields(list, message, write, context) &&
	    edit_write_body(list, message, write, context);
}
