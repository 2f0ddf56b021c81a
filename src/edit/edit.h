/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is to be changed in a message: fields of its top header, and byte
 * ranges of its body. Nothing is changed before the list is whole; then it
 * goes to a milter (daemon/milter.c) or to bytes (here).
 */
#ifndef EDIT_EDIT_H
#define EDIT_EDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "mail/message.h"

enum header_operation { HEADER_DELETE, HEADER_REPLACE, HEADER_INSERT };

/*
 * One change of a top header field. Values are ASCII, folded with LF and a
 * blank, without a line end. name is a C string for libmilter's sake.
 */
struct header_edit {
	enum header_operation operation;
	const char *name;
	unsigned nth;		/* 1-based among equal names; insert: 0 */
	struct span value;	/* delete: absent */
};

/* Bytes [from, to) of message->bytes become text. */
struct body_edit {
	size_t from;
	size_t to;
	struct span text;
};

struct edit_list {
	/* In the order they are made: deletions and replacements with the
	 * highest nth first; insertions as they are to stand on top. */
	struct header_edit *headers;
	size_t nheaders;
	size_t header_capacity;
	/* In the order of the bytes, not overlapping, all in the body. */
	struct body_edit *body;
	size_t nbody;
	size_t body_capacity;
};

/* Append to a list whose arrays live in the arena. */
void edit_add_header(struct edit_list *list, struct arena *arena,
    struct header_edit edit);
void edit_add_body(struct edit_list *list, struct arena *arena, size_t from,
    size_t to, struct span text);

/* True if the list changes nothing. */
bool edit_is_empty(const struct edit_list *list);

/* Takes a piece of output; returns false to stop. */
typedef bool edit_write_fn(void *context, struct span piece);

/* Writes the new body piece by piece, without copying what stays. */
bool edit_write_body(const struct edit_list *list,
    const struct message *message, edit_write_fn *write, void *context);

/*
 * Writes the whole changed message: inserted fields come first, with the
 * line ends of the message. Returns false if write did.
 */
bool edit_write(const struct edit_list *list, const struct message *message,
    edit_write_fn *write, void *context);

#endif
