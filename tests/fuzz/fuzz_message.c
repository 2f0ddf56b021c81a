/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree of a message: every range inside the input, children inside their
 * parents, in order, none upon another, and no limit passed.
 */
#include "fuzz.h"

#include "mail/message.h"

static void
check_headers(const struct part *part, const struct limits *limits)
{
	const char *at = part->head.p;

	CHECK(part->headers.n <= limits->fields);
	for (size_t i = 0; i < part->headers.n; i++) {
		const struct header *field = &part->headers.v[i];

		CHECK(fuzz_inside(field->name, part->head));
		CHECK(fuzz_inside(field->value, part->head));
		CHECK(field->name.len > 0 && field->name.p >= at);
		CHECK(field->value.p > field->name.p + field->name.len);
		at = field->value.p + field->value.len;
	}
}

/* Checks one part against the bytes it may lie in. */
static void
check_part(const struct message *message, const struct part *part,
    struct span room, const struct limits *limits)
{
	const char *at;

	CHECK(fuzz_inside(part->head, room));
	CHECK(fuzz_inside(part->body, room));
	CHECK(part->head.p + part->head.len <= part->body.p);
	CHECK(part->depth <= limits->depth + 1);
	CHECK(part->encoding <= ENCODING_UNKNOWN);
	CHECK(part->parent == NULL ? part == message->root :
	    part->depth == part->parent->depth + 1);
	CHECK(part->boundary.p == NULL || part_is_multipart(part));
	CHECK(part->first_child == NULL || part->boundary.len > 0);
	check_headers(part, limits);
	at = part->body.p;
	for (const struct part *child = part->first_child; child != NULL;
	    child = child->next) {
		CHECK(child->parent == part);
		CHECK(child->head.p > at);	/* a delimiter is between */
		CHECK(fuzz_inside(child->head, part->body));
		at = child->body.p + child->body.len;
	}
}

static void
check_tree(struct arena *arena, struct span bytes,
    const struct limits *limits)
{
	struct message message;
	size_t n = 0;

	if (!message_parse(&message, arena, bytes, limits)) {
		CHECK(arena->failed);
		return;
	}
	CHECK(!arena->failed);
	CHECK(fuzz_inside(message.bytes, bytes));
	CHECK(message.root != NULL);
	CHECK(strcmp(message.eol, "\n") == 0 ||
	    strcmp(message.eol, "\r\n") == 0);
	CHECK(message.root->head.p == message.bytes.p);
	for (const struct part *part = message.root; part != NULL;
	    part = part_after(part)) {
		check_part(&message, part, part->parent == NULL ?
		    message.bytes : part->parent->body, limits);
		n++;
	}
	CHECK(n <= limits->parts);
	for (const struct part *part = message.root; part != NULL;
	    part = part_after(part)) {
		CHECK(part_find(part, "text/plain") == NULL ||
		    part_is(part_find(part, "text/plain"), "text/plain"));
		if (part->first_child == NULL)
			CHECK(fuzz_is_text(part_text(arena, part,
			    limits->text)));
		part_parameter(arena, part, "charset");
	}
	CHECK(arena->used <= arena->limit);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct limits small = {
		.message = 4096, .header = 256, .fields = 5, .type = 60, .parts = 7,
		.depth = 3, .text = 100, .recipients = 3
	};
	struct span bytes = fuzz_input(data, size);
	struct limits limits = LIMITS_DEFAULT;
	struct arena arena;

	arena_init(&arena, size * 16 + (1 << 20));
	check_tree(&arena, bytes, &limits);
	CHECK(!arena.failed);
	arena_release(&arena);
	arena_init(&arena, size * 16 + (1 << 20));
	check_tree(&arena, bytes, &small);
	arena_release(&arena);
	/* Too little memory at all times: that may fail, and no more. */
	arena_init(&arena, size % 1500);
	check_tree(&arena, bytes, &limits);
	arena_release(&arena);
	return 0;
}
