/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/handover.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "edit/fields.h"

const char *const our_fields[OUR_FIELDS] = {
	FIELD_CAUSE, FIELD_EXPLANATION
};

static const char not_taken[] = "the mail server did not take the changes";

/* Copies a span to a terminated string in the arena, for libmilter. */
static char *
terminated(struct arena *arena, struct span s)
{
	char *copy = arena_alloc(arena, s.len + 1);

	if (copy != NULL && s.len > 0)
		memcpy(copy, s.p, s.len);
	return copy;
}

static bool
apply_header(SMFICTX *ctx, struct arena *arena,
    const struct header_edit *edit)
{
	char *name = terminated(arena, span_of(edit->name));
	char *value = edit->operation == HEADER_DELETE ? NULL :
	    terminated(arena, edit->value);

	if (name == NULL || (value == NULL &&
	    edit->operation != HEADER_DELETE))
		return false;
	/* libmilter takes memory for each call, which may be there again. */
	for (int tries = 0; tries < 2; tries++)
		if ((edit->operation == HEADER_INSERT ?
		    smfi_insheader(ctx, 1, name, value) :
		    smfi_chgheader(ctx, name, (int)edit->nth, value)) ==
		    MI_SUCCESS)
			return true;
	return false;
}

static bool
count_piece(void *context, struct span piece)
{
	size_t *len = context;

	*len += piece.len;
	return true;
}

static bool
add_piece(void *context, struct span piece)
{
	buf_add_span(context, piece);
	return true;
}

/* The body as it is to become; absent if memory is used up. */
static struct span
new_body(const struct edit_list *edits, const struct message *message)
{
	size_t len = 0;
	struct buf out;

	buf_init(&out, message->arena);
	edit_write_body(edits, message, count_piece, &len);
	buf_reserve(&out, len);
	edit_write_body(edits, message, add_piece, &out);
	return buf_span(&out);
}

/*
 * Replaces the body in one call, and then says something else at once: until
 * Postfix hears that, a broken connection would leave it with half a body,
 * and default_action=accept would take that for the mail.
 */
static bool
replace_body(SMFICTX *ctx, struct span body)
{
	/* libmilter only reads the bytes. */
	return smfi_replacebody(ctx, (unsigned char *)(uintptr_t)body.p,
	    (int)body.len) == MI_SUCCESS && smfi_progress(ctx) == MI_SUCCESS;
}

/*
 * Hands the edits of the header to libmilter: deletions, then insertions so
 * that the first comes to stand on top.
 */
static bool
apply_headers(SMFICTX *ctx, const struct edit_list *edits,
    const struct message *message, unsigned long actions)
{
	for (size_t i = 0; i < edits->nheaders && (actions & SMFIF_CHGHDRS);
	    i++)
		if (edits->headers[i].operation != HEADER_INSERT &&
		    !apply_header(ctx, message->arena, &edits->headers[i]))
			return false;
	for (size_t i = edits->nheaders; i > 0 && (actions & SMFIF_ADDHDRS);
	    i--)
		if (edits->headers[i - 1].operation == HEADER_INSERT &&
		    !apply_header(ctx, message->arena, &edits->headers[i - 1]))
			return false;
	return true;
}

/* Deletes forged fields that stand behind those that were looked at. */
static bool
delete_unseen(SMFICTX *ctx, const unsigned *ours,
    const struct message *message)
{
	for (size_t i = 0; i < OUR_FIELDS; i++) {
		struct header_edit edit = { .operation = HEADER_DELETE,
		    .name = our_fields[i], .nth = ours[i] };
		unsigned seen = header_count(&message->root->headers,
		    our_fields[i]);

		for (; edit.nth > seen; edit.nth--)
			if (!apply_header(ctx, message->arena, &edit))
				return false;
	}
	return true;
}

bool
handover_may_change_body(const struct edit_list *edits, unsigned long actions)
{
	for (size_t i = 0; i < edits->nheaders; i++)
		if (edits->headers[i].operation == HEADER_REPLACE &&
		    !(actions & SMFIF_CHGHDRS))
			return false;
	return edits->nbody == 0 || ((actions & SMFIF_CHGBODY) &&
	    (actions & SMFIF_ADDHDRS));
}

const char *
hand_over(SMFICTX *ctx, unsigned long actions, const unsigned *ours,
    const struct message *message, const struct annotation *annotation)
{
	const struct edit_list *edits = &annotation->edits;
	struct span body = SPAN("");

	if (edits->nbody > 0)
		body = new_body(edits, message);
	if (body.p == NULL || body.len > INT_MAX)
		return "out of memory";
	if (!annotation->marked && (actions & SMFIF_CHGHDRS) &&
	    !delete_unseen(ctx, ours, message))
		return not_taken;
	if (!apply_headers(ctx, edits, message, actions) ||
	    (edits->nbody > 0 && !replace_body(ctx, body)))
		return not_taken;
	return NULL;
}
