/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole line: the bytes of a mail, annotate(), the bytes that come out.
 * Checked are the promises of edit/ and of the settings: only the part that
 * people read changes, and its old text is still there; fields are fit for
 * a header; a second run changes nothing; memory stays within its limit.
 *
 * The last byte chooses the settings; a line end means the defaults.
 */
#include "fuzz_annotator.h"

#include "base/buf.h"
#include "edit/annotate.h"

enum {
	CHOOSE_ANNOTATE = 3, CHOOSE_SIGNED = 4, CHOOSE_TRUSTED = 8,
	CHOOSE_SMALL = 16, CHOOSE_MAX_BODY = 32, CHOOSE_LANGUAGE = 64,
	CHOOSE_EXEMPT = 128
};

static const struct limits small_limits = {
	.message = 3000, .header = 600, .fields = 12, .type = 100, .parts = 6,
	.depth = 3, .text = 400, .lines = 9, .recipients = 3
};

/* One run over one mail. */
struct run {
	struct arena arena;
	struct message message;
	struct annotation annotation;
	bool done;		/* else out of memory */
};

static void
run_start(struct run *run, const struct annotator *annotator,
    struct span bytes, const struct delivery *delivery, size_t memory)
{
	arena_init(&run->arena, memory);
	run->done = message_parse(&run->message, &run->arena, bytes,
	    &annotator->limits) && annotate(&run->annotation, annotator,
	    &run->message, delivery);
	CHECK(run->done != run->arena.failed);
	CHECK(run->arena.used <= memory);
}

static bool
add_piece(void *context, struct span piece)
{
	CHECK(piece.len > 0);
	buf_add_span(context, piece);
	return true;
}

static struct span
run_output(struct run *run, struct arena *scratch)
{
	struct buf out;

	buf_init(&out, scratch);
	CHECK(edit_write(&run->annotation.edits, &run->message, add_piece,
	    &out));
	CHECK(!out.failed);
	return buf_span(&out);
}

static size_t
count_fields(const struct message *message, const char *name)
{
	const struct header *field = NULL;
	size_t n = 0;

	while ((field = header_next(&message->root->headers, name, field)) !=
	    NULL)
		n++;
	return n;
}

static bool
is_one_of(const char *name, const char *const *names)
{
	for (; *names != NULL; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

static void
check_header_edits(const struct run *run)
{
	static const char *const ours[] = {
		FIELD_EXPLANATION, FIELD_CAUSE, NULL
	};
	static const char *const mime[] = {
		"Content-Type", "Content-Transfer-Encoding", "MIME-Version",
		NULL
	};
	const struct edit_list *edits = &run->annotation.edits;
	bool ascii = !(run->message.flags & MESSAGE_8BIT);

	for (size_t i = 0; i < edits->nheaders; i++) {
		const struct header_edit *edit = &edits->headers[i];

		if (edit->operation == HEADER_DELETE) {
			CHECK(is_one_of(edit->name, ours));
			CHECK(edit->value.p == NULL);
		} else {
			CHECK(is_one_of(edit->name, mime) ||
			    (edit->operation == HEADER_INSERT &&
			    is_one_of(edit->name, ours)));
			fuzz_check_field(edit->value, ascii ||
			    is_one_of(edit->name, ours));
		}
		if (edit->operation == HEADER_INSERT)
			CHECK(edit->nth == 0);
		else
			CHECK(edit->nth >= 1 && edit->nth <= count_fields(
			    &run->message, edit->name));
		/* Deleting one must not move one that is still to go. */
		for (size_t k = 0; k < i; k++)
			CHECK(edit->operation == HEADER_INSERT ||
			    edits->headers[k].operation == HEADER_INSERT ||
			    strcmp(edits->headers[k].name, edit->name) != 0 ||
			    edits->headers[k].nth > edit->nth);
	}
}

/* The bytes in which the part that people read stands. */
static struct span
first_part(const struct message *message)
{
	const struct part *root = message->root, *part = root->first_child;

	/* All the parts of an alternative are the same text. */
	if (part == NULL || part_is(root, "multipart/alternative") ||
	    part_is(root, "multipart/related"))
		return root->body;
	return (struct span){ part->head.p, (size_t)(part->body.p +
	    part->body.len - part->head.p) };
}

static void
check_body_edits(const struct run *run)
{
	const struct edit_list *edits = &run->annotation.edits;
	struct span room = first_part(&run->message);
	size_t start = (size_t)(room.p - run->message.bytes.p);
	size_t at = run->message.root->head.len;

	for (size_t i = 0; i < edits->nbody; i++) {
		const struct body_edit *edit = &edits->body[i];

		CHECK(edit->from >= at && edit->to >= edit->from);
		CHECK(edit->to <= run->message.bytes.len);
		CHECK(edit->from >= start && edit->to <= start + room.len);
		at = edit->to;
	}
}

/* Fields that stay are the same bytes in the same order. */
static void
check_fields_kept(const struct run *run, const struct message *after)
{
	const struct header_list *old = &run->message.root->headers;
	const struct header_list *new = &after->root->headers;
	const struct edit_list *edits = &run->annotation.edits;
	size_t k = 0;

	for (size_t i = 0; i < edits->nheaders; i++)
		if (edits->headers[i].operation == HEADER_INSERT) {
			CHECK(k < new->n && span_equal(new->v[k].name,
			    span_of(edits->headers[i].name)));
			k++;
		}
	for (size_t i = 0; i < old->n; i++) {
		bool deleted = false, replaced = false;
		unsigned nth = 1;

		for (size_t j = 0; j < i; j++)
			nth += span_equal_nocase(old->v[j].name,
			    old->v[i].name);
		for (size_t j = 0; j < edits->nheaders; j++) {
			const struct header_edit *edit = &edits->headers[j];

			if (edit->nth != nth || !span_equal_nocase(
			    span_of(edit->name), old->v[i].name))
				continue;
			deleted |= edit->operation == HEADER_DELETE;
			replaced |= edit->operation == HEADER_REPLACE;
		}
		if (deleted)
			continue;
		CHECK(k < new->n);
		CHECK(span_equal_nocase(old->v[i].name, new->v[k].name));
		CHECK(replaced || span_equal(old->v[i].value,
		    new->v[k].value));
		k++;
	}
	CHECK(k == new->n);
}

/* Parts after the first are the same bytes, and as many. */
static void
check_parts_kept(const struct message *before, const struct message *after)
{
	const struct part *old = before->root->first_child;
	const struct part *new = after->root->first_child;

	CHECK((old == NULL) == (new == NULL));
	/* All the parts of an alternative may change. */
	if (old == NULL || part_is(before->root, "multipart/alternative"))
		return;
	for (old = old->next, new = new->next; old != NULL && new != NULL;
	    old = old->next, new = new->next) {
		CHECK(span_equal(old->head, new->head));
		CHECK(span_equal(old->body, new->body));
	}
	CHECK(old == NULL && new == NULL);
}

static const struct part *
text_leaf(const struct message *message)
{
	const struct part *top = message->root, *end;
	const struct part *part;

	if (top->first_child != NULL && !part_is(top, "multipart/alternative")
	    && !part_is(top, "multipart/related"))
		top = top->first_child;
	for (end = top; end != NULL && end->next == NULL;)
		end = end->parent;
	for (part = top; part != NULL && (end == NULL || part != end->next);
	    part = part_after(part))
		if (part->first_child == NULL && !part_is_multipart(part) &&
		    !part_is_attachment(part) && (part->type.len == 0 ||
		    part_is(part, "text/plain")))
			return part;
	return NULL;
}

/*
 * The decoded text of a leaf, its lines ended with LF. A CR in front of a line
 * end is dropped: decoded, it cannot be told from a part of the line end.
 */
static struct span
whole_text(struct arena *arena, const struct part *leaf)
{
	struct span text = part_text(arena, leaf, SIZE_MAX), line;
	struct buf out;

	buf_init(&out, arena);
	while (span_next_line(&text, &line)) {
		bool ended = text.p[-1] == '\n';

		if (!ended)
			line.len = (size_t)(text.p - line.p);
		while (ended && line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		buf_add_span(&out, line);
		if (ended)
			buf_add_char(&out, '\n');
	}
	return buf_span(&out);
}

static void
check_text_kept(struct arena *scratch, const struct run *run,
    const struct message *after)
{
	const struct part *old = text_leaf(&run->message);
	const struct part *new = text_leaf(after);
	struct span old_text, new_text;

	if (!(run->annotation.added & ANNOTATE_TEXT))
		return;
	CHECK(old != NULL && new != NULL);
	/* An empty line must part the text from the header. */
	CHECK(!new->broken && (span_ends_nocase(new->head, SPAN("\n\n")) ||
	    span_ends_nocase(new->head, SPAN("\n\r\n")) ||
	    span_trim(new->head).len == 0));
	old_text = whole_text(scratch, old);
	new_text = whole_text(scratch, new);
	CHECK(new_text.len > old_text.len);
	CHECK(span_equal(span_from(new_text, new_text.len - old_text.len),
	    old_text));
}

/* May the output hold bytes above 127? Where the leaf says so, it may. */
static bool
may_be_8bit(const struct message *message)
{
	const struct part *leaf = text_leaf(message);

	return message->flags & (MESSAGE_8BIT | MESSAGE_TRUNCATED) ||
	    (leaf != NULL && (leaf->encoding == ENCODING_8BIT ||
	    leaf->encoding == ENCODING_BINARY));
}

/* What came out against what went in. */
static void
check_output(struct arena *scratch, const struct run *run, struct span out,
    const struct limits *limits)
{
	const struct message *before = &run->message;
	struct message after;
	unsigned unsure = MESSAGE_OVERFLOW | MESSAGE_TRUNCATED;

	CHECK(out.len <= before->bytes.len * 12 + (512 << 10));
	CHECK(may_be_8bit(before) || charset_is_ascii(out));
	CHECK(message_parse(&after, scratch, out, limits));
	/* A second line of an mbox is left out in its turn. */
	if (after.bytes.len < out.len)
		return;
	if ((before->flags | after.flags) & unsure)
		return;
	check_fields_kept(run, &after);
	check_parts_kept(before, &after);
	if (run->annotation.edits.nbody == 0)
		CHECK(span_equal(before->root->body, after.root->body));
	check_text_kept(scratch, run, &after);
}

/* A run over what came out: nothing to do. */
static void
check_again(const struct annotator *annotator, const struct run *run,
    struct span out, struct delivery delivery)
{
	struct run again;

	delivery.trusted = true;
	run_start(&again, annotator, out, &delivery, out.len * 16 +
	    (8 << 20));
	CHECK(again.done);
	CHECK(edit_is_empty(&again.annotation.edits));
	CHECK((again.annotation.report.kind == REPORT_NONE) ==
	    (run->annotation.report.kind == REPORT_NONE));
	arena_release(&again.arena);
}

static struct annotator
choose(uint8_t choice)
{
	static const unsigned annotate[] = {
		ANNOTATE_HEADER | ANNOTATE_TEXT | ANNOTATE_HTML,
		ANNOTATE_HEADER | ANNOTATE_TEXT, ANNOTATE_TEXT,
		ANNOTATE_HEADER | ANNOTATE_HTML
	};
	struct annotator annotator = fuzz_settings()->annotator;

	annotator.annotate = annotate[choice & CHOOSE_ANNOTATE];
	annotator.edit_signed = choice & CHOOSE_SIGNED;
	if (choice & CHOOSE_SMALL)
		annotator.limits = small_limits;
	if (choice & CHOOSE_MAX_BODY)
		annotator.max_body = 500;
	if (choice & CHOOSE_LANGUAGE)
		annotator.language = settings_language(fuzz_settings(), "ja");
	return annotator;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = fuzz_input(data, size), out;
	struct span readers[] = { span_of("<bob@example.org>"),
	    span_of("list-bounces@example.org") };
	struct delivery delivery = { .envelope = { SPAN(""), true },
	    .readers = readers, .nreaders = 1 };
	struct annotator annotator;
	struct arena scratch;
	struct run run;
	uint8_t choice;

	if (size < 1)
		return 0;
	choice = data[size - 1] ^ '\n';
	annotator = choose(choice);
	delivery.trusted = choice & CHOOSE_TRUSTED;
	if (choice & CHOOSE_EXEMPT)
		delivery.nreaders = 2;
	arena_init(&scratch, size * 256 + (64 << 20));
	/* The memory that the daemon gives to a mail. */
	run_start(&run, &annotator, bytes, &delivery, size * 3 + (1 << 20));
	if (run.done) {
		check_header_edits(&run);
		check_body_edits(&run);
		if (run.annotation.report.kind == REPORT_NONE)
			CHECK(run.annotation.edits.nbody == 0);
		out = run_output(&run, &scratch);
		check_output(&scratch, &run, out, &annotator.limits);
		if (annotator.annotate & ANNOTATE_HEADER &&
		    !(choice & CHOOSE_SMALL))
			check_again(&annotator, &run, out, delivery);
	}
	arena_release(&run.arena);
	/* With memory that ends somewhere on the way: all or nothing. */
	run_start(&run, &annotator, bytes, &delivery,
	    4096 + size * 7919 % 200 * 512);
	arena_release(&run.arena);
	CHECK(!scratch.failed);
	arena_release(&scratch);
	return 0;
}
