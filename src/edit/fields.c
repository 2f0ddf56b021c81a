/* SPDX-License-Identifier: BSD-2-Clause */
#include "edit/fields.h"

#include <stdio.h>

#include "base/buf.h"
#include "explain/sanitize.h"
#include "mail/charset.h"
#include "mail/codec.h"

#define LINE 76
#define TITLE 500	/* bytes; a word may be a line of its own (RFC 5322) */

static const char *const action_names[] = {
	"failed", "failed", "delayed", "delivered", "relayed", "expanded"
};

struct span
field_explanation(struct arena *arena, struct span title)
{
	size_t column = sizeof(FIELD_EXPLANATION ": ") - 1;
	struct buf out;

	buf_init(&out, arena);
	title = span_trim(charset_cut(title, TITLE));
	while (charset_is_ascii(title) && column + title.len > LINE) {
		size_t at = LINE - column;

		while (at > 0 && title.p[at] != ' ')
			at--;
		if (at == 0)		/* a word longer than a line */
			at = span_find_char(title, ' ');
		if (at == SPAN_NONE)
			break;
		buf_add_span(&out, span_first(title, at));
		buf_add_string(&out, "\n ");
		title = span_trim(span_from(title, at));
		column = 1;
	}
	encoded_words_encode(&out, title, column);
	return buf_span(&out);
}

/* A field value in the making: parameters that fold between each other. */
struct parameters {
	struct buf out;
	size_t column;
};

/* Where a line inside text ends last; text.len if it has only one. */
static size_t
last_line_length(struct span text)
{
	size_t newline = span_find_last_char(text, '\n');

	return newline == SPAN_NONE ? text.len : text.len - newline - 1;
}

static void
add_parameter(struct parameters *parameters, struct span text)
{
	struct buf *out = &parameters->out;

	buf_add_char(out, ';');
	if (parameters->column + text.len + 2 > LINE) {
		buf_add_string(out, "\n\t");
		parameters->column = 8;
	} else {
		buf_add_char(out, ' ');
		parameters->column += 2;
	}
	buf_add_span(out, text);
	parameters->column += last_line_length(text);
}

static void
add_token(struct parameters *parameters, const char *name, const char *value)
{
	struct buf text;

	if (value[0] == '\0')
		return;
	buf_init(&text, parameters->out.arena);
	buf_add_string(&text, name);
	buf_add_char(&text, '=');
	buf_add_string(&text, value);
	add_parameter(parameters, buf_span(&text));
}

/*
 * Returns value as a quoted string has it. Programs decode encoded words in
 * there, too: what another server wrote must neither be one, nor end the
 * string when ours are decoded.
 */
static struct span
escaped(struct arena *arena, struct span value)
{
	struct buf out;

	buf_init(&out, arena);
	for (size_t i = 0; i < value.len; i++) {
		char c = value.p[i];

		if (c == '"' || c == '\\' ||
		    (c == '?' && i > 0 && value.p[i - 1] == '='))
			buf_add_char(&out, '\\');
		buf_add_char(&out, c);
	}
	return buf_span(&out);
}

/* Adds name="value", a quoted string; encoded words where it is not ASCII. */
static void
add_string(struct parameters *parameters, const char *name,
    struct span value, size_t max)
{
	struct arena *arena = parameters->out.arena;
	struct buf text;

	value = sanitize_value(arena, value, max, false);
	if (value.len == 0)
		return;
	buf_init(&text, arena);
	buf_add_string(&text, name);
	buf_add_string(&text, "=\"");
	encoded_words_encode(&text, escaped(arena, value), text.len + 8);
	buf_add_char(&text, '"');
	add_parameter(parameters, buf_span(&text));
}

struct span
field_cause(struct arena *arena, const struct recipient *recipient,
    const struct finding *finding, struct span host)
{
	struct parameters parameters = { .column = sizeof(FIELD_CAUSE) };
	char code[16] = "", status[STATUS_TEXT];

	if (recipient->code != 0)
		snprintf(code, sizeof(code), "%d", recipient->code);
	buf_init(&parameters.out, arena);
	buf_add_string(&parameters.out, finding->cause->id);
	parameters.column += parameters.out.len + 1;
	add_string(&parameters, "recipient", recipient->address, 320);
	if (recipient->original.len > 0)
		add_string(&parameters, "original", recipient->original, 320);
	add_token(&parameters, "action", action_names[recipient->action]);
	add_token(&parameters, "code", code);
	add_token(&parameters, "status", status_text(recipient->status,
	    status));
	add_string(&parameters, "reply", recipient->reply, FIELD_REPLY);
	if (recipient->action <= ACTION_DELAYED)
		add_token(&parameters, "fix", fix_names[finding->cause->fix]);
	host = arena_copy(arena, sanitize_value(arena, host, 255, false));
	if (host.len > 0) {
		struct buf text;

		buf_init(&text, arena);
		buf_add_string(&text, "by=");
		buf_add_span(&text, host);
		add_parameter(&parameters, buf_span(&text));
	}
	return buf_span(&parameters.out);
}

struct span
field_cause_host(struct arena *arena, struct span value)
{
	return header_parameter(arena, value, "by");
}
