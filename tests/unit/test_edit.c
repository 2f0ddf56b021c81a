/* SPDX-License-Identifier: BSD-2-Clause */
#include "unittest.h"

#include "base/buf.h"
#include "edit/edit.h"

static int
setup(void **state)
{
	static struct arena arena;

	arena_init(&arena, (size_t)1 << 22);
	*state = &arena;
	return 0;
}

static int
teardown(void **state)
{
	arena_release(*state);
	return 0;
}

static bool
collect(void *context, struct span piece)
{
	buf_add_span(context, piece);
	return true;
}

#define EDITS 4

/* Header edits end with a NULL name, body edits with to 0. */
static const struct {
	const char *name;
	const char *mail;
	struct header_edit headers[EDITS];
	struct body_edit body[EDITS];	/* offsets in the body here */
	const char *wanted;
} cases[] = {
	{ .name = "nothing", .mail = "A: 1\nB: 2\n\nbody\n",
	    .wanted = "A: 1\nB: 2\n\nbody\n" },
	{ .name = "insertions stand on top, in their order",
	    .mail = "A: 1\n\nbody\n", .headers = {
	    { HEADER_INSERT, "X", 0, SPAN_INIT("one") },
	    { HEADER_INSERT, "Y", 0, SPAN_INIT("two\n\tthree") } },
	    .wanted = "X: one\nY: two\n\tthree\nA: 1\n\nbody\n" },
	{ .name = "folds get the line ends of the message",
	    .mail = "A: 1\r\n\r\nbody\r\n", .headers = {
	    { HEADER_INSERT, "X", 0, SPAN_INIT("one\n two") } },
	    .wanted = "X: one\r\n two\r\nA: 1\r\n\r\nbody\r\n" },
	{ .name = "deletion of the second of two",
	    .mail = "A: 1\nB: 2\na: 3\nC: 4\n\nbody\n", .headers = {
	    { HEADER_DELETE, "A", 2, { NULL, 0 } } },
	    .wanted = "A: 1\nB: 2\nC: 4\n\nbody\n" },
	{ .name = "deletion of all, folded ones too",
	    .mail = "A: 1\n\tmore\nB: 2\nA: 3\n  more\n\nbody\n", .headers = {
	    { HEADER_DELETE, "a", 2, { NULL, 0 } },
	    { HEADER_DELETE, "a", 1, { NULL, 0 } } },
	    .wanted = "B: 2\n\nbody\n" },
	{ .name = "deletion of every field there is",
	    .mail = "A: 1\r\nA: 2\r\n\r\nbody", .headers = {
	    { HEADER_DELETE, "A", 2, { NULL, 0 } },
	    { HEADER_DELETE, "A", 1, { NULL, 0 } } },
	    .wanted = "\r\nbody" },
	{ .name = "replacement, of the last field",
	    .mail = "A: 1\nB: 2\n more\n\nbody\n", .headers = {
	    { HEADER_REPLACE, "B", 1, SPAN_INIT("new\n\tvalue") } },
	    .wanted = "A: 1\nB: new\n\tvalue\n\nbody\n" },
	{ .name = "replacement, of the first of two",
	    .mail = "a: 1\r\nA: 2\r\n\r\n", .headers = {
	    { HEADER_REPLACE, "A", 1, SPAN_INIT("new") } },
	    .wanted = "A: new\r\nA: 2\r\n\r\n" },
	{ .name = "deletion without a body",
	    .mail = "A: 1\nB: 2\n", .headers = {
	    { HEADER_DELETE, "B", 1, { NULL, 0 } } },
	    .wanted = "A: 1\n" },
	{ .name = "deletion at an end without a line end",
	    .mail = "A: 1\nB: 2", .headers = {
	    { HEADER_DELETE, "B", 1, { NULL, 0 } } },
	    .wanted = "A: 1\n" },
	{ .name = "a header that a line ends which is no field",
	    .mail = "A: 1\nB: 2\nno field\n", .headers = {
	    { HEADER_DELETE, "B", 1, { NULL, 0 } } },
	    .wanted = "A: 1\nno field\n" },
	{ .name = "changes of the body", .mail = "A: 1\n\n0123456789",
	    .body = { { 0, 0, SPAN_INIT("<") }, { 2, 4, SPAN_INIT("") },
	    { 4, 4, SPAN_INIT("x") }, { 5, 10, SPAN_INIT("end") } },
	    .wanted = "A: 1\n\n<01x4end" },
	{ .name = "an addition at the end of the body",
	    .mail = "A: 1\n\nbody", .body = { { 4, 4, SPAN_INIT("!") } },
	    .wanted = "A: 1\n\nbody!" },
	{ .name = "all at once", .mail = "A: 1\nB: 2\n\nbody\n", .headers = {
	    { HEADER_DELETE, "A", 1, { NULL, 0 } },
	    { HEADER_REPLACE, "B", 1, SPAN_INIT("3") },
	    { HEADER_INSERT, "C", 0, SPAN_INIT("4") } },
	    .body = { { 0, 4, SPAN_INIT("text") } },
	    .wanted = "C: 4\nB: 3\n\ntext\n" },
	/* The line is not of the message (mail/message.h). */
	{ .name = "an mbox line",
	    .mail = "From x Tue Jun  3 14:02:00 2025\nA: 1\n\nbody\n",
	    .headers = { { HEADER_INSERT, "X", 0, SPAN_INIT("one") } },
	    .wanted = "X: one\nA: 1\n\nbody\n" },
	{ .name = "nothing at all", .mail = "", .headers = {
	    { HEADER_INSERT, "X", 0, SPAN_INIT("one") } },
	    .wanted = "X: one\n" },
};

static void
make_list(struct edit_list *list, struct arena *arena,
    const struct message *message, size_t i)
{
	size_t head = message->root->head.len;

	*list = (struct edit_list){ .nheaders = 0 };
	for (size_t k = 0; k < EDITS && cases[i].headers[k].name != NULL; k++)
		edit_add_header(list, arena, cases[i].headers[k]);
	for (size_t k = 0; k < EDITS && cases[i].body[k].text.p != NULL; k++)
		edit_add_body(list, arena, head + cases[i].body[k].from,
		    head + cases[i].body[k].to, cases[i].body[k].text);
}

static void
test_writing(void **state)
{
	const struct limits limits = LIMITS_DEFAULT;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span actual, body;
		struct message message;
		struct edit_list list;
		struct buf out;

		assert_true(message_parse(&message, *state,
		    span_of(cases[i].mail), &limits));
		make_list(&list, *state, &message, i);
		buf_init(&out, *state);
		assert_true(edit_write(&list, &message, collect, &out));
		actual = out.len > 0 ? buf_span(&out) : SPAN("");
		if (!span_equal(actual, span_of(cases[i].wanted)))
			print_error("%s:\n", cases[i].name);
		assert_span(actual, cases[i].wanted);

		/* The body alone is the end of it. */
		buf_init(&out, *state);
		assert_true(edit_write_body(&list, &message, collect, &out));
		body = buf_span(&out);
		assert_true(body.len == 0 ||
		    span_ends_nocase(actual, body));
	}
}

static void
test_emptiness(void **state)
{
	struct edit_list list = { .nheaders = 0 };

	assert_true(edit_is_empty(&list));
	edit_add_body(&list, *state, 1, 1, SPAN("x"));
	assert_false(edit_is_empty(&list));
	list = (struct edit_list){ .nheaders = 0 };
	edit_add_header(&list, *state, (struct header_edit){
	    .operation = HEADER_DELETE, .name = "A", .nth = 1 });
	assert_false(edit_is_empty(&list));
}

/* Stops at the piece of that number, and counts the calls after it. */
struct stopping {
	size_t pieces;
	size_t stop;
	size_t late;
};

static bool
stop_there(void *context, struct span piece)
{
	struct stopping *stopping = context;

	(void)piece;
	if (stopping->pieces >= stopping->stop)
		stopping->late++;
	return ++stopping->pieces < stopping->stop;
}

/* Whoever stops is not called again, and is told so. */
static void
test_stopping(void **state)
{
	const struct limits limits = LIMITS_DEFAULT;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct stopping all = { 0, SIZE_MAX, 0 };
		struct message message;
		struct edit_list list;

		assert_true(message_parse(&message, *state,
		    span_of(cases[i].mail), &limits));
		make_list(&list, *state, &message, i);
		assert_true(edit_write(&list, &message, stop_there, &all));
		for (size_t stop = 1; stop <= all.pieces; stop++) {
			struct stopping stopping = { 0, stop, 0 };

			assert_false(edit_write(&list, &message, stop_there,
			    &stopping));
			assert_int_equal(stopping.late, 0);
		}
	}
}

/* Without memory edits are dropped; the arena says so. */
static void
test_no_memory(void **state)
{
	struct edit_list list = { .nheaders = 0 };
	struct arena arena;

	(void)state;
	arena_init(&arena, 0);
	edit_add_header(&list, &arena, (struct header_edit){
	    .operation = HEADER_INSERT, .name = "A", .value = SPAN("1") });
	edit_add_body(&list, &arena, 0, 0, SPAN("x"));
	assert_true(edit_is_empty(&list));
	assert_true(arena.failed);
	arena_release(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_writing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_emptiness, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_stopping, setup,
		    teardown),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
