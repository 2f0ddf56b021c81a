/* SPDX-License-Identifier: BSD-2-Clause */
#include "hostile.h"

#include "base/buf.h"
#include "mail/message.h"

static struct arena arena;

static int
release(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static struct message
parse(struct span bytes)
{
	const struct limits limits = LIMITS_DEFAULT;
	struct message message;

	assert_true(message_parse(&message, &arena, bytes, &limits));
	assert_non_null(message.root);
	return message;
}

/* Describes the tree: each part's type and body, a line for one. */
static struct span
tree(const struct message *message)
{
	const struct part *part;
	struct buf out;

	buf_init(&out, &arena);
	for (part = message->root; part != NULL; part = part_after(part)) {
		buf_add_number(&out, part->depth);
		buf_add_char(&out, ' ');
		buf_add_span(&out, part->type);
		if (part->first_child == NULL) {
			buf_add_string(&out, " [");
			buf_add_span(&out, part->body);
			buf_add_char(&out, ']');
		}
		buf_add_char(&out, '\n');
	}
	return buf_span(&out);
}

static void
test_plain(void **state)
{
	struct message message;

	(void)state;
	message = parse(SPAN("Subject: a\nContent-Type: Text/Plain; a=b\n\n"
	    "body\n\nmore\n"));
	assert_int_equal(message.flags, 0);
	assert_string_equal(message.eol, "\n");
	assert_span(message.root->head,
	    "Subject: a\nContent-Type: Text/Plain; a=b\n\n");
	assert_span(message.root->body, "body\n\nmore\n");
	assert_span(message.root->type, "Text/Plain");
	assert_absent(message.root->boundary);
	assert_int_equal(message.root->headers.n, 2);
	assert_int_equal(message.root->encoding, ENCODING_7BIT);
	assert_int_equal(message.root->depth, 0);
	assert_null(message.root->parent);
	assert_null(message.root->first_child);
	assert_null(message.root->next);
	assert_null(part_after(message.root));
	assert_true(part_is(message.root, "text/plain"));
	assert_false(part_is(message.root, "text"));
	assert_false(part_is_multipart(message.root));
}

static void
test_line_ends(void **state)
{
	struct message message;

	(void)state;
	message = parse(SPAN("A: b\r\nContent-Transfer-Encoding: BASE64\r\n"
	    "\r\nQQ==\r\n"));
	assert_string_equal(message.eol, "\r\n");
	assert_span(message.root->body, "QQ==\r\n");
	assert_int_equal(message.root->encoding, ENCODING_BASE64);
	/* The end of the header decides: folds may have LF alone. */
	message = parse(SPAN("A: b\r\n\nbody\r\n"));
	assert_string_equal(message.eol, "\n");
	message = parse(SPAN("A: b\n c\n\r\nbody\r\n"));
	assert_string_equal(message.eol, "\r\n");
	assert_span(message.root->body, "body\r\n");
	message = parse(SPAN("A: b"));
	assert_string_equal(message.eol, "\n");
}

static void
test_odd_shapes(void **state)
{
	static const struct {
		const char *bytes;
		const char *head;
		const char *body;
		unsigned flags;
	} cases[] = {
		{ "", "", "", 0 },
		{ "\n", "\n", "", 0 },
		{ "\nA: b\n", "\n", "A: b\n", 0 },
		{ "A: b", "A: b", "", 0 },
		{ "A: b\n", "A: b\n", "", 0 },
		{ "A: b\n\n", "A: b\n\n", "", 0 },
		{ "no field\n\nbody", "", "no field\n\nbody",
		    MESSAGE_BAD_HEADER },
		{ "A: b\nno field\n\nbody", "A: b\n", "no field\n\nbody",
		    MESSAGE_BAD_HEADER },
		{ " A: b\n\nbody", "", " A: b\n\nbody", MESSAGE_BAD_HEADER },
		{ "A: b\n\n\303\241", "A: b\n\n", "\303\241", MESSAGE_8BIT },
	};
	struct message message;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		message = parse(span_of(cases[i].bytes));
		assert_span(message.root->head, cases[i].head);
		assert_span(message.root->body, cases[i].body);
		assert_int_equal(message.flags, cases[i].flags);
		assert_int_equal(message.root->broken,
		    (cases[i].flags & MESSAGE_BAD_HEADER) != 0);
	}
	message = parse(SPAN("A: b\n\n\0"));
	assert_int_equal(message.flags, MESSAGE_NULS);
	message = parse(SPAN_ABSENT);
	assert_int_equal(message.root->body.len, 0);
}

static void
test_mbox_line(void **state)
{
	struct message message;

	(void)state;
	message = parse(SPAN("From MAILER-DAEMON Tue Jun  3\nA: b\n\nbody"));
	assert_span(message.bytes, "A: b\n\nbody");
	assert_int_equal(message.flags, 0);
	assert_int_equal(message.root->headers.n, 1);
	message = parse(SPAN("From: a\n\nFrom here\n"));
	assert_span(message.bytes, "From: a\n\nFrom here\n");
	message = parse(SPAN("From x"));
	assert_span(message.bytes, "");
	message = parse(SPAN("From "));
	assert_span(message.bytes, "");
}

static void
test_multipart(void **state)
{
	struct message message = parse(SPAN(
	    "Content-Type: multipart/report; boundary=\"b 1\"\n\n"
	    "preamble\n"
	    "--b 1\n"
	    "Content-Type: text/plain\n\n"
	    "first\n\n"
	    "--b 1\n\n"
	    "second, without a type\n"
	    "--b 1\n"
	    "Content-Type: message/rfc822\n\n"
	    "Content-Type: multipart/mixed; boundary=c\n\n--c\n\nx\n--c--\n"
	    "--b 1--\n"
	    "epilogue\n"
	    "--b 1\n"));
	const struct part *root = message.root, *first = root->first_child;

	(void)state;
	assert_int_equal(message.flags, 0);
	assert_true(part_is_multipart(root));
	assert_true(root->closed);
	assert_span(root->boundary, "b 1");
	assert_span(tree(&message),
	    "0 multipart/report\n"
	    "1 text/plain [first\n]\n"
	    "1  [second, without a type]\n"
	    "1 message/rfc822 [Content-Type: multipart/mixed; boundary=c\n\n"
	    "--c\n\nx\n--c--]\n");
	assert_ptr_equal(first->parent, root);
	assert_ptr_equal(first->next->parent, root);
	assert_span(first->next->head, "\n");
	assert_absent(first->next->type);
	assert_false(part_is(first->next, "text/plain"));
	assert_null(first->next->next->next);
	assert_ptr_equal(part_find(root, "TEXT/plain"), first);
	assert_ptr_equal(part_find(root, "message/rfc822"),
	    first->next->next);
	assert_null(part_find(first->next, "text/plain"));
	assert_null(part_find(root, "message/delivery-status"));
}

static void
test_nested(void **state)
{
	struct message message = parse(SPAN(
	    "Content-Type: multipart/mixed; boundary=o\r\n\r\n"
	    "--o\r\n"
	    "Content-Type: multipart/alternative; boundary=i\r\n\r\n"
	    "--i\r\n"
	    "Content-Type: text/plain\r\n\r\n"
	    "a\r\n"
	    "--i\r\n"
	    "Content-Type: text/html\r\n\r\n"
	    "b\r\n"
	    "--i--\r\n"
	    "inner epilogue\r\n"
	    "--o\r\n"
	    "Content-Type: image/png\r\n\r\n"
	    "\r\n"
	    "--o--\r\n"));
	const struct part *inner = message.root->first_child;

	(void)state;
	assert_int_equal(message.flags, 0);
	assert_span(tree(&message),
	    "0 multipart/mixed\n"
	    "1 multipart/alternative\n"
	    "2 text/plain [a]\n"
	    "2 text/html [b]\n"
	    "1 image/png []\n");
	assert_true(inner->closed);
	assert_ptr_equal(inner->first_child->parent, inner);
	assert_ptr_equal(part_after(inner->first_child->next), inner->next);
	assert_null(part_after(inner->next));
}

/* What delimits "b" and what only looks like it. */
static void
test_delimiters(void **state)
{
	static const struct {
		const char *line;
		bool delimits;
	} cases[] = {
		{ "--b", true },
		{ "--b ", true },
		{ "--b \t ", true },
		{ "--b\r", true },
		{ "--b--", true },
		{ "--b--  ", true },
		{ "--B", false },
		{ "--bb", false },
		{ "--b-", false },
		{ "--b---", false },
		{ "--b --", false },
		{ "--b--x", false },
		{ "--b x", false },
		{ " --b", false },
		{ "x--b", false },
		{ "-b", false },
		{ "x-b", false },
		{ "-xb", false },
		{ "xxb", false },
		{ "---b", false },
		{ "-- b", false },
		{ "--", false },
		{ "-", false },
		{ "b", false },
		{ ">--b", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct message message;
		char bytes[200];

		snprintf(bytes, sizeof(bytes),
		    "Content-Type: multipart/mixed; boundary=b\n\n"
		    "--b\n\nbefore\n%s\n\nafter\n--b--\n", cases[i].line);
		message = parse(span_of(bytes));
		assert_non_null(message.root->first_child);
		if (span_equal(message.root->first_child->body,
		    SPAN("before")) != cases[i].delimits)
			fail_msg("\"%s\"", cases[i].line);
	}
}

/* Only the line end in front of a delimiter belongs to it. */
static void
test_line_end_of_delimiter(void **state)
{
	static const struct {
		const char *part;
		const char *body;
	} cases[] = {
		{ "\nx\n", "x" },
		{ "\nx\r\n", "x" },
		{ "\nx\n\n", "x\n" },
		{ "\nx\r\n\r\n", "x\r\n" },
		{ "\n\n", "" },
		{ "\n", "" },
		{ "A: b\n", "" },	/* the empty line is missing */
		{ "A: b\n\n", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct message message;
		char bytes[200];

		snprintf(bytes, sizeof(bytes),
		    "Content-Type: multipart/mixed; boundary=b\n\n"
		    "--b\n%s--b--\n", cases[i].part);
		message = parse(span_of(bytes));
		assert_int_equal(message.flags, 0);
		assert_non_null(message.root->first_child);
		assert_span(message.root->first_child->body, cases[i].body);
		assert_null(message.root->first_child->next);
	}
}

/* A boundary that begins like another, or is the same one again. */
static void
test_related_boundaries(void **state)
{
	struct message message;

	(void)state;
	message = parse(SPAN("Content-Type: multipart/mixed; boundary=b\n\n"
	    "--b\nContent-Type: multipart/related; boundary=bb\n\n"
	    "--bb\n\nx\n--bb--\n--b\n\ny\n--b--\n"));
	assert_int_equal(message.flags, 0);
	assert_span(tree(&message), "0 multipart/mixed\n"
	    "1 multipart/related\n2  [x]\n1  [y]\n");

	message = parse(SPAN("Content-Type: multipart/mixed; boundary=b\n\n"
	    "--b\nContent-Type: multipart/related; boundary=b--\n\n"
	    "--b--\n\nx\n--b----\n--b\n\ny\n--b--\n"));
	assert_span(tree(&message), "0 multipart/mixed\n"
	    "1 multipart/related\n2  [x]\n1  [y]\n");

	message = parse(SPAN("Content-Type: multipart/mixed; boundary=b\n\n"
	    "--b\nContent-Type: multipart/related; boundary=b\n\n"
	    "--b\n\nx\n--b--\n--b\n\ny\n--b--\n"));
	assert_span(tree(&message), "0 multipart/mixed\n"
	    "1 multipart/related\n2  [x]\n1  [y]\n");
}

static void
test_unclosed(void **state)
{
	struct message message;

	(void)state;
	message = parse(SPAN("Content-Type: multipart/mixed; boundary=b\n\n"
	    "--b\n\nx\n--b\n\ny\n"));
	assert_int_equal(message.flags, MESSAGE_UNCLOSED);
	assert_false(message.root->closed);
	assert_span(tree(&message), "0 multipart/mixed\n1  [x]\n1  [y\n]\n");

	/* The outer one goes on where the inner one was left. */
	message = parse(SPAN("Content-Type: multipart/mixed; boundary=o\n\n"
	    "--o\nContent-Type: multipart/mixed; boundary=i\n\n"
	    "--i\n\nx\n--o\n\ny\n--o--\n"));
	assert_int_equal(message.flags, MESSAGE_UNCLOSED);
	assert_true(message.root->closed);
	assert_false(message.root->first_child->closed);
	assert_span(tree(&message), "0 multipart/mixed\n1 multipart/mixed\n"
	    "2  [x]\n1  [y]\n");

	/* A multipart without any part of its own. */
	message = parse(SPAN("Content-Type: multipart/mixed; boundary=b\n\n"
	    "only a preamble\n"));
	assert_int_equal(message.flags, MESSAGE_UNCLOSED);
	assert_null(message.root->first_child);
	assert_span(message.root->body, "only a preamble\n");
}

/* Boundaries that cannot delimit make a leaf; odd ones are taken. */
static void
test_boundaries(void **state)
{
	static const struct {
		const char *parameters;
		const char *boundary;	/* NULL: a leaf */
	} cases[] = {
		{ "; boundary=b", "b" },
		{ ";\n\tboundary=\"b;c\"", "b;c" },
		{ "; BOUNDARY=\"b\\\"c\"", "b\"c" },
		{ "; boundary=\"=_b:c'()+,-./?\"", "=_b:c'()+,-./?" },
		{ "; boundary=b (comment)", "b" },
		{ "; boundary*=us-ascii''b%20c", "b c" },
		{ "; boundary*0=b; boundary*1=c", "bc" },
		{ "; report-type=delivery-status; boundary=--b", "--b" },
		{ " boundary=b", NULL },
		{ "; boundary=", NULL },
		{ "; boundary=\"\"", NULL },
		{ "; xboundary=b", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *boundary = cases[i].boundary != NULL ?
		    cases[i].boundary : "";
		struct message message;
		char bytes[300];

		snprintf(bytes, sizeof(bytes), "Content-Type: "
		    "multipart/report%s\n\n--%s\n\nx\n--%s--\n",
		    cases[i].parameters, boundary, boundary);
		message = parse(span_of(bytes));
		assert_true(part_is_multipart(message.root));
		if (cases[i].boundary == NULL) {
			assert_absent(message.root->boundary);
			assert_null(message.root->first_child);
			continue;
		}
		assert_span(message.root->boundary, boundary);
		assert_span(tree(&message), "0 multipart/report\n1  [x]\n");
	}
}

/* As long as a line may be, and one more. */
static void
test_long_boundary(void **state)
{
	(void)state;
	for (size_t len = 998; len <= 999; len++) {
		struct span boundary = hostile_repeat(&arena, SPAN("b"), len);
		struct message message;
		char bytes[4000];

		snprintf(bytes, sizeof(bytes), "Content-Type: multipart/x;"
		    " boundary=%.*s\n\n--%.*s\n\nx\n--%.*s--\n", (int)len,
		    boundary.p, (int)len, boundary.p, (int)len, boundary.p);
		message = parse(span_of(bytes));
		assert_int_equal(message.root->boundary.len,
		    len == 998 ? 998 : 0);
		assert_int_equal(message.root->closed, len == 998);
	}
}

static void
test_broken_part(void **state)
{
	struct message message = parse(SPAN(
	    "Content-Type: multipart/mixed; boundary=b\n\n"
	    "--b\nA: b\nno field\n\nx\n--b\n\ny\n--b--\n"));
	const struct part *part = message.root->first_child;

	(void)state;
	assert_int_equal(message.flags, MESSAGE_BAD_HEADER);
	assert_false(message.root->broken);
	assert_true(part->broken);
	assert_span(part->head, "A: b\n");
	assert_span(part->body, "no field\n\nx");
	assert_false(part->next->broken);
}

static void
test_limits(void **state)
{
	static const struct span bytes =
	    SPAN_INIT("Content-Type: multipart/mixed; boundary=b\n"
	    "A: b\n\n--b\n\nx\n--b\n\ny\n--b\n\nz\n--b--\n");
	struct limits limits = LIMITS_DEFAULT;
	struct message message;

	(void)state;
	limits.parts = 4;
	assert_true(message_parse(&message, &arena, bytes, &limits));
	assert_int_equal(message.flags, 0);
	limits.parts = 3;	/* its end is not looked for any more */
	assert_true(message_parse(&message, &arena, bytes, &limits));
	assert_int_equal(message.flags, MESSAGE_OVERFLOW | MESSAGE_UNCLOSED);
	assert_false(message.root->closed);
	assert_span(tree(&message), "0 multipart/mixed\n1  [x]\n1  [y]\n");

	limits = LIMITS_DEFAULT;
	limits.depth = 0;
	assert_true(message_parse(&message, &arena, bytes, &limits));
	assert_int_equal(message.flags, MESSAGE_OVERFLOW);
	assert_null(message.root->first_child);
	assert_absent(message.root->boundary);

	limits = LIMITS_DEFAULT;
	limits.fields = 1;
	assert_true(message_parse(&message, &arena, bytes, &limits));
	assert_int_equal(message.flags, MESSAGE_OVERFLOW);
	assert_int_equal(message.root->headers.n, 1);
	assert_non_null(message.root->first_child);

	limits = LIMITS_DEFAULT;
	limits.message = bytes.len;
	assert_true(message_parse(&message, &arena, bytes, &limits));
	assert_int_equal(message.flags, 0);
	limits.message = 60;
	assert_true(message_parse(&message, &arena, bytes, &limits));
	assert_int_equal(message.flags, MESSAGE_TRUNCATED | MESSAGE_UNCLOSED);
	assert_int_equal(message.bytes.len, bytes.len);
	assert_ptr_equal(message.root->body.p + message.root->body.len,
	    bytes.p + 60);
	limits.message = 0;
	assert_true(message_parse(&message, &arena, bytes, &limits));
	assert_int_equal(message.flags, MESSAGE_TRUNCATED);
}

static void
test_text(void **state)
{
	static const struct {
		const char *bytes;
		const char *text;
	} cases[] = {
		{ "\np\303\241\n", "p\303\241\n" },
		{ "Content-Type: text/plain; charset=\"iso-8859-2\"\n\n\271",
		    "\305\241" },
		{ "Content-Type: text/plain; charset=iso-8859-2\n"
		    "Content-Transfer-Encoding: quoted-printable\n\n=B9=\nx",
		    "\305\241x" },
		{ "Content-Type: text/plain; charset=utf-8\n"
		    "Content-Transfer-Encoding: base64\n\nw6E=\n",
		    "\303\241" },
		{ "Content-Transfer-Encoding: x-unknown\n\n=41", "=41" },
		{ "A: b\n\n", "" },
	};
	struct message message;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		message = parse(span_of(cases[i].bytes));
		assert_span(part_text(&arena, message.root, 1000),
		    cases[i].text);
	}
	message = parse(SPAN("A: b\n\n0123456789"));
	assert_span(part_text(&arena, message.root, 4), "0123");
	assert_span(part_text(&arena, message.root, 10), "0123456789");
	assert_span(part_text(&arena, message.root, 0), "");
}

static void
test_parameter(void **state)
{
	struct message message = parse(SPAN("content-type: text/plain;\n"
	    "\tFormat=\"flowed\"; charset=utf-8\n\n"));

	(void)state;
	assert_span(part_parameter(&arena, message.root, "format"), "flowed");
	assert_absent(part_parameter(&arena, message.root, "delsp"));
	message = parse(SPAN("A: b\n\n"));
	assert_absent(part_parameter(&arena, message.root, "format"));
}

/* Every part lies in the bytes, after the one before it, in its parent. */
static void
check_tree(struct arena *into, struct span bytes)
{
	const struct limits limits = LIMITS_DEFAULT;
	const struct part *part, *last = NULL;
	struct message message;
	size_t parts = 0;

	if (!message_parse(&message, into, bytes, &limits)) {
		assert_true(into->failed);
		return;
	}
	assert_non_null(message.root);
	for (part = message.root; part != NULL; part = part_after(part)) {
		const char *end = part->body.p + part->body.len;

		parts++;
		assert_ptr_equal(part->head.p + part->head.len, part->body.p);
		assert_true(part->head.p >= message.bytes.p);
		assert_true(end <= message.bytes.p + message.bytes.len);
		assert_true(part->depth <= limits.depth);
		if (part->parent != NULL) {
			assert_true(part->head.p >= part->parent->body.p);
			assert_true(end <= part->parent->body.p +
			    part->parent->body.len);
		}
		if (last != NULL)
			assert_true(part->head.p > last->head.p);
		if (part->first_child == NULL)
			part_text(into, part, limits.text);
		last = part;
	}
	assert_true(parts <= limits.parts);
}

/* Two thousand multiparts inside each other, each with its own boundary. */
static void
test_deep(void **state)
{
	const struct part *part;
	struct message message;
	struct buf bytes;

	(void)state;
	buf_init(&bytes, &arena);
	for (unsigned i = 0; i < 2000; i++) {
		buf_add_string(&bytes, "Content-Type: multipart/mixed; "
		    "boundary=b");
		buf_add_number(&bytes, i);
		buf_add_string(&bytes, "\n\n--b");
		buf_add_number(&bytes, i);
		buf_add_char(&bytes, '\n');
	}
	check_tree(&arena, buf_span(&bytes));
	message = parse(buf_span(&bytes));
	/* A line of "--b10" might end part "b1", too. */
	assert_int_equal(message.flags, MESSAGE_OVERFLOW | MESSAGE_UNCLOSED |
	    MESSAGE_DOUBTFUL);
	for (part = message.root; part->first_child != NULL;)
		part = part->first_child;
	assert_int_equal(part->depth, LIMITS_DEFAULT.depth);
	assert_absent(part->boundary);
	assert_null(part_after(part));
}

/* More parts, and more fields, than anybody may have. */
static void
test_storms(void **state)
{
	static const char head[] =
	    "Content-Type: multipart/mixed; boundary=b\n\n";
	const struct part *part;
	struct message message;
	struct buf bytes;
	size_t parts = 0;

	(void)state;
	buf_init(&bytes, &arena);
	buf_add_string(&bytes, head);
	for (unsigned i = 0; i < 10000; i++)
		buf_add_string(&bytes, "--b\n");
	buf_add_string(&bytes, "--b--\n");
	check_tree(&arena, buf_span(&bytes));
	message = parse(buf_span(&bytes));
	assert_int_equal(message.flags, MESSAGE_OVERFLOW | MESSAGE_UNCLOSED);
	for (part = message.root; part != NULL; part = part_after(part))
		parts++;
	assert_int_equal(parts, LIMITS_DEFAULT.parts);

	buf_init(&bytes, &arena);
	for (unsigned i = 0; i < 10000; i++)
		buf_add_string(&bytes, "A:\n");
	buf_add_string(&bytes, "\nbody");
	message = parse(buf_span(&bytes));
	assert_int_equal(message.flags, MESSAGE_OVERFLOW);
	assert_int_equal(message.root->headers.n, LIMITS_DEFAULT.fields);
	assert_span(message.root->body, "body");
}

static void
test_hostile(void **state)
{
	static const char head[] =
	    "Content-Type: multipart/mixed; boundary=b\n\n--b\n";
	static const struct span units[] = {
		SPAN_INIT("--b\n"), SPAN_INIT("--bx\n"), SPAN_INIT("--\n"),
		SPAN_INIT("--b--\n"), SPAN_INIT("\n"), SPAN_INIT("\r"),
		SPAN_INIT("--b\nContent-Type: multipart/x; boundary=b\n"),
		SPAN_INIT("--b\nContent-Type: multipart/x; boundary=c\n"
		    "--c\nContent-Type: multipart/x; boundary=b\n"),
		SPAN_INIT("Content-Type: multipart/x; boundary=\"\n"),
		SPAN_INIT("a:\n"), SPAN_INIT(" \n"), SPAN_INIT("--"),
		SPAN_INIT("\0"), SPAN_INIT("\377\n"), SPAN_INIT("-- "),
		SPAN_INIT("("), SPAN_INIT(";"),
	};

	(void)state;
	hostile_text(SPAN("From x\nContent-Type: multipart/report;\r\n"
	    " boundary*0*=''%62; boundary*1=\"o\"\r\n\r\npre\r\n--bo\n"
	    "Content-Type: multipart/mixed; boundary=i (c\\))\n\n--i\nA: b\n"
	    "--i\nContent-Type: text/plain; charset=koi8-r\n"
	    "Content-Transfer-Encoding: base64\n\n8dI=\n--i--\n--bo\r\n"
	    "no field\r\n\r\n\0\377\r\n--bo--\r\n--bo\r\n"), check_tree);
	for (size_t i = 0; i < COUNT(units); i++) {
		struct arena own;
		struct buf bytes;

		arena_init(&own, (size_t)4 << 20);
		buf_init(&bytes, &own);
		buf_add_string(&bytes, head);
		buf_add_span(&bytes, hostile_repeat(&own, units[i], 100000));
		check_tree(&own, buf_span(&bytes));
		check_tree(&own, span_from(buf_span(&bytes),
		    sizeof(head) - 1));
		assert_false(own.failed);
		arena_release(&own);
	}
}

static void
test_text_cut_inside_a_character(void **state)
{
	const struct limits limits = LIMITS_DEFAULT;
	struct message message;
	struct span text;

	(void)state;
	message_parse(&message, &arena, SPAN("Content-Type: text/plain; "
	    "charset=utf-8\n\n\303\241b\303\241"), &limits);
	text = part_text(&arena, message.root, 4);	/* amid the last */
	assert_true(span_starts_nocase(text, SPAN("\303\241b")));
}

static void
test_text_is_within_the_limit(void **state)
{
	const struct limits limits = LIMITS_DEFAULT;
	struct message message;

	(void)state;
	message_parse(&message, &arena, SPAN("Content-Type: text/plain; "
	    "charset=windows-1252\n\n\200\200\200\200"), &limits);
	assert_true(part_text(&arena, message.root, 4).len <= 4);
}

static void
test_body_of_inner_multipart(void **state)
{
	const struct limits limits = LIMITS_DEFAULT;
	struct message message;

	(void)state;
	message_parse(&message, &arena, SPAN(
	    "Content-Type: multipart/mixed; boundary=o\n\n--o\n"
	    "Content-Type: multipart/mixed; boundary=i\n\n"
	    "--i\n\nx\n--i--\n--o--\n"), &limits);
	assert_span(message.root->first_child->body, "--i\n\nx\n--i--");
}

static void
test_body_of_root_multipart(void **state)
{
	const struct limits limits = LIMITS_DEFAULT;
	struct message message;

	(void)state;
	message_parse(&message, &arena, SPAN(
	    "Content-Type: multipart/mixed; boundary=o\n\n--o\n\nx\n--o--\n"),
	    &limits);
	assert_span(message.root->body, "--o\n\nx\n--o--\n");
}

static void
test_dashes_in_header_are_broken(void **state)
{
	const struct limits limits = LIMITS_DEFAULT;
	struct message message;

	(void)state;
	message_parse(&message, &arena, SPAN("A: b\n--c\nD: e\n\nbody"),
	    &limits);
	assert_true(message.root->broken);
	assert_int_equal(message.flags, MESSAGE_BAD_HEADER);
}

static void
test_from_with_blank_is_a_field(void **state)
{
	const struct limits limits = LIMITS_DEFAULT;
	struct message message;

	(void)state;
	message_parse(&message, &arena, SPAN("From : a@b\n\nbody"), &limits);
	assert_span(message.bytes, "From : a@b\n\nbody");
}

/* Lines that some readers take for a delimiter, and others do not. */
static void
test_doubtful(void **state)
{
	static const struct {
		const char *mail;
		bool doubtful;
	} cases[] = {
		{ "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n"
		  "--b--\n", false },
		{ "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n"
		  "--bx\n--b--\n", true },
		{ "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n"
		  " --bx\n--b--\n", false },
		/* The inner one is met as itself first. */
		{ "Content-Type: multipart/mixed; boundary=b\n\n--b\n"
		  "Content-Type: multipart/mixed; boundary=bb\n\n--bb\n\nx\n"
		  "--bb--\n--b--\n", false },
		{ "Content-Type: multipart/mixed; boundary=b\n\n--b\n"
		  "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n"
		  "--b--\n--b--\n", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct message message = parse(span_of(cases[i].mail));

		if (((message.flags & MESSAGE_DOUBTFUL) != 0) !=
		    cases[i].doubtful)
			fail_msg("mail %zu", i);
	}
}

/* Parts of which readers say different things. */
static void
test_doubtful_parts(void **state)
{
	static const struct {
		const char *head;
		bool doubtful;
	} cases[] = {
		{ "", false },
		{ "Content-Type: text/plain\n", false },
		{ "content-type:TEXT/x-plain+1; a=\"b/c\"\n", false },
		{ "Content-Type: text/plain (a comment)\n", false },
		{ "Content-Type: text/plain\nContent-type: text/plain\n",
		    true },
		{ "Content-Type:\n", true },
		{ "Content-Type: text\n", true },
		{ "Content-Type: text/\n", true },
		{ "Content-Type: /plain\n", true },
		{ "Content-Type: text/plain/x\n", true },
		{ "Content-Type: text plain\n", true },
		{ "Content-Type: text/pl@in\n", true },
		{ "Content-Type: \"text/plain\"\n", true },
		{ "Content-Type: text/plain, text/html\n", true },
		{ "Content-Type: text/pl\304\205in\n", true },
		{ "Content-Type: text/plain; charset=\"utf-8\n", true },
		{ "Content-Type: text/plain; x=\"a\\\"b\"\n", false },
		{ "Content-Transfer-Encoding: 8bit\n", false },
		{ "Content-Transfer-Encoding: x-unknown\n", false },
		{ "Content-Transfer-Encoding:\n", false },
		{ "Content-Transfer-Encoding: base64; x=y\n", true },
		{ "Content-Transfer-Encoding: base64 (or so)\n", true },
		{ "Content-Transfer-Encoding: \"base64\"\n", true },
		{ "Content-Transfer-Encoding: 8bit\n"
		    "Content-Transfer-Encoding: 8bit\n", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char mail[300];

		snprintf(mail, sizeof(mail), "%s\nx\n", cases[i].head);
		if (parse(span_of(mail)).root->doubtful != cases[i].doubtful)
			fail_msg("part %zu: %s", i, cases[i].head);
		snprintf(mail, sizeof(mail), "Content-Type: multipart/mixed; "
		    "boundary=b\n\n--b\n%s\nx\n--b--\n", cases[i].head);
		if (parse(span_of(mail)).root->first_child->doubtful !=
		    cases[i].doubtful)
			fail_msg("inner part %zu: %s", i, cases[i].head);
	}
}

/* What the message below needs of each limit: one less is too little. */
static void
test_each_limit(void **state)
{
	static const struct span bytes =
	    SPAN_INIT("Content-Type: multipart/mixed; boundary=b\n"
	    "A: b\n\n--b\nContent-Type: multipart/mixed; boundary=c\n\n"
	    "--c\n\nx\n--c--\n--b\n\ny\n--b--\n");
	static const struct {
		size_t limit;	/* where it stands in the limits */
		size_t needed;
		unsigned flag;	/* if there is less */
	} cases[] = {
		{ offsetof(struct limits, message), 0, MESSAGE_TRUNCATED },
		{ offsetof(struct limits, header), 47, MESSAGE_OVERFLOW },
		{ offsetof(struct limits, fields), 2, MESSAGE_OVERFLOW },
		{ offsetof(struct limits, type), 28, MESSAGE_OVERFLOW },
		{ offsetof(struct limits, parts), 4, MESSAGE_OVERFLOW },
		{ offsetof(struct limits, depth), 2, MESSAGE_OVERFLOW },
	};
	struct message message;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (int more = -1; more <= 1; more++) {
			struct limits limits = LIMITS_DEFAULT;
			size_t needed = cases[i].needed > 0 ?
			    cases[i].needed : bytes.len;

			*(size_t *)(void *)((char *)&limits +
			    cases[i].limit) = needed + (size_t)more;
			assert_true(message_parse(&message, &arena, bytes,
			    &limits));
			if ((message.flags & cases[i].flag) !=
			    (more < 0 ? cases[i].flag : 0))
				fail_msg("limit %zu: flags %x with %+d", i,
				    message.flags, more);
		}
}

/* However much is asked of a Content-Type, it is unfolded once. */
static void
test_folds_once(void **state)
{
	static const struct span units[] = {
		SPAN_INIT("\n ;"), SPAN_INIT("\n (;"), SPAN_INIT("\n ()"),
		SPAN_INIT(";\n a*1=\""), SPAN_INIT("\n;"),
	};
	struct limits limits = LIMITS_DEFAULT;
	const size_t len = 500000;
	static const char start[] = "Content-Type: multipart/mixed";
	struct message message;
	struct arena input;

	(void)state;
	limits.type = len;
	for (size_t i = 0; i < COUNT(units); i++) {
		struct span text;

		arena_init(&input, len * 2);
		arena_release(&arena);
		text = hostile_repeat(&input, units[i], len);
		memcpy((char *)(uintptr_t)text.p, start, strlen(start));
		assert_true(message_parse(&message, &arena, text, &limits));
		for (int k = 0; k < 10; k++)
			part_parameter(&arena, message.root, "charset");
		if (arena.used > 3 * len)
			fail_msg("unit %zu: %zu", i, arena.used);
		arena_release(&input);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_line_ends),
		cmocka_unit_test(test_odd_shapes),
		cmocka_unit_test(test_mbox_line),
		cmocka_unit_test(test_multipart),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_delimiters),
		cmocka_unit_test(test_line_end_of_delimiter),
		cmocka_unit_test(test_related_boundaries),
		cmocka_unit_test(test_unclosed),
		cmocka_unit_test(test_boundaries),
		cmocka_unit_test(test_long_boundary),
		cmocka_unit_test(test_broken_part),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_parameter),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_doubtful),
		cmocka_unit_test(test_doubtful_parts),
		cmocka_unit_test(test_storms),
		cmocka_unit_test(test_text_cut_inside_a_character),
		cmocka_unit_test(test_text_is_within_the_limit),
		cmocka_unit_test(test_body_of_inner_multipart),
		cmocka_unit_test(test_body_of_root_multipart),
		cmocka_unit_test(test_dashes_in_header_are_broken),
		cmocka_unit_test(test_from_with_blank_is_a_field),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_each_limit),
		cmocka_unit_test(test_folds_once),
	};

	arena_init(&arena, (size_t)16 << 20);
	return cmocka_run_group_tests(tests, NULL, release);
}
