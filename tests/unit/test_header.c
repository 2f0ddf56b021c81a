/* SPDX-License-Identifier: BSD-2-Clause */
#include "hostile.h"

#include "mail/header.h"

static struct arena arena;

static int
release(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static void
test_read(void **state)
{
	struct span rest = SPAN("Subject: a\r\n b\r\n\tc\r\nX:\n"
	    "To : d\n\nbody");
	struct header field;

	(void)state;
	assert_int_equal(header_read(&rest, &field), HEADER_FIELD);
	assert_span(field.name, "Subject");
	assert_span(field.value, " a\r\n b\r\n\tc");
	assert_int_equal(header_read(&rest, &field), HEADER_FIELD);
	assert_span(field.name, "X");
	assert_span(field.value, "");
	assert_int_equal(header_read(&rest, &field), HEADER_FIELD);
	assert_span(field.name, "To");
	assert_span(field.value, " d");
	assert_int_equal(header_read(&rest, &field), HEADER_EMPTY_LINE);
	assert_int_equal(header_read(&rest, &field), HEADER_NO_FIELD);
	assert_span(field.value, "body");
	assert_int_equal(header_read(&rest, &field), HEADER_END);
	assert_int_equal(header_read(&rest, &field), HEADER_END);
}

static void
test_read_one(void **state)
{
	static const struct {
		struct span text;
		enum header_item item;
		const char *name;
		const char *value;
	} cases[] = {
		{ SPAN_INIT("A:b"), HEADER_FIELD, "A", "b" },
		{ SPAN_INIT("A \t:b"), HEADER_FIELD, "A", "b" },
		{ SPAN_INIT("A:b:c"), HEADER_FIELD, "A", "b:c" },
		{ SPAN_INIT("A: "), HEADER_FIELD, "A", " " },
		{ SPAN_INIT("A:\r\n"), HEADER_FIELD, "A", "" },
		{ SPAN_INIT("A:\n b"), HEADER_FIELD, "A", "\n b" },
		{ SPAN_INIT("A:b\n \n c\n"), HEADER_FIELD, "A", "b\n \n c" },
		{ SPAN_INIT("-A: b"), HEADER_FIELD, "-A", " b" },
		{ SPAN_INIT("!#$%&'*+.^_`|~{}=@(),;<>?[]/\\\": x"),
		    HEADER_FIELD, "!#$%&'*+.^_`|~{}=@(),;<>?[]/\\\"", " x" },
		/* A line of blanks ends nothing (RFC 5322 section 2.2.3). */
		{ SPAN_INIT("A:b\n\t\n"), HEADER_FIELD, "A", "b\n\t" },
		{ SPAN_INIT(":"), HEADER_NO_FIELD, "", ":" },
		{ SPAN_INIT(": b"), HEADER_NO_FIELD, "", ": b" },
		{ SPAN_INIT("A"), HEADER_NO_FIELD, "", "A" },
		{ SPAN_INIT("A b: c"), HEADER_NO_FIELD, "", "A b: c" },
		{ SPAN_INIT(" A: b"), HEADER_NO_FIELD, "", " A: b" },
		{ SPAN_INIT("A\n b: c"), HEADER_NO_FIELD, "", "A\n b: c" },
		{ SPAN_INIT("--A: b"), HEADER_NO_FIELD, "", "--A: b" },
		{ SPAN_INIT("From a@b 14:02"), HEADER_NO_FIELD, "",
		    "From a@b 14:02" },
		{ SPAN_INIT(">From: b"), HEADER_FIELD, ">From", " b" },
		{ SPAN_INIT("A\001: b"), HEADER_NO_FIELD, "", "A\001: b" },
		{ SPAN_INIT("A\177: b"), HEADER_NO_FIELD, "", "A\177: b" },
		{ SPAN_INIT("\303\241: b"), HEADER_NO_FIELD, "",
		    "\303\241: b" },
		{ SPAN_INIT("\n"), HEADER_EMPTY_LINE, NULL, NULL },
		{ SPAN_INIT("\r\n"), HEADER_EMPTY_LINE, NULL, NULL },
		{ SPAN_INIT("\r"), HEADER_EMPTY_LINE, NULL, NULL },
		{ SPAN_INIT(""), HEADER_END, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span rest = cases[i].text;
		struct header field;

		assert_int_equal(header_read(&rest, &field), cases[i].item);
		assert_int_equal(rest.len, 0);
		if (cases[i].name == NULL)
			continue;
		assert_span(field.name, cases[i].name);
		assert_span(field.value, cases[i].value);
	}
}

static void
test_parse(void **state)
{
	static const struct {
		const char *block;
		const char *body;
		size_t fields;
		unsigned flags;
	} cases[] = {
		{ "A: 1\nB: 2\n\n", "body\n", 2, 0 },
		{ "A: 1\r\nB: 2\r\n\r\n", "body\r\n", 2, 0 },
		{ "A: 1\n\n", "", 1, 0 },
		{ "\n", "A: 1\n", 0, 0 },
		{ "A: 1\n", "", 1, HEADER_UNENDED },
		{ "A: 1", "", 1, HEADER_UNENDED },
		{ "", "", 0, HEADER_UNENDED },
		{ "A: 1\n", "no field\nB: 2\n\n", 1, HEADER_BAD_LINE },
		{ "A: 1\n", "--boundary\n", 1, HEADER_BAD_LINE },
		{ "", "no field\n more\n\n", 0, HEADER_BAD_LINE },
		{ "", " A: 1\n\n", 0, HEADER_BAD_LINE },
		{ "A: 1\n \n B: 2\n\n", "body", 1, 0 },
	};
	const struct limits limits = LIMITS_DEFAULT;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct header_list list;
		char text[200];
		unsigned flags;
		size_t len;

		snprintf(text, sizeof(text), "%s%s", cases[i].block,
		    cases[i].body);
		len = header_parse(&arena, span_of(text), &limits, &list,
		    &flags);
		assert_span(span_first(span_of(text), len), cases[i].block);
		assert_int_equal(list.n, cases[i].fields);
		assert_int_equal(flags, cases[i].flags);
	}
}

/* Past a limit the block is still read to its end, so the body is found. */
static void
test_parse_limits(void **state)
{
	static const struct span text =
	    SPAN_INIT("A: 1\nB: 2\nC: 3\nD: 4\n\nbody");
	struct limits limits = LIMITS_DEFAULT;
	struct header_list list;
	struct arena small;
	unsigned flags;

	(void)state;
	limits.fields = 3;
	assert_int_equal(header_parse(&arena, text, &limits, &list, &flags),
	    21);
	assert_int_equal(list.n, 3);
	assert_span(list.v[2].name, "C");
	assert_int_equal(flags, HEADER_OVERFLOW);

	limits.fields = 4;
	header_parse(&arena, text, &limits, &list, &flags);
	assert_int_equal(list.n, 4);
	assert_int_equal(flags, 0);

	limits.fields = 0;
	assert_int_equal(header_parse(&arena, text, &limits, &list, &flags),
	    21);
	assert_int_equal(list.n, 0);
	assert_int_equal(flags, HEADER_OVERFLOW);

	limits.fields = 100;
	limits.header = 9;
	assert_int_equal(header_parse(&arena, text, &limits, &list, &flags),
	    21);
	assert_true(list.n < 4);
	assert_int_equal(flags, HEADER_OVERFLOW);

	limits.header = 100;
	arena_init(&small, 0);
	assert_int_equal(header_parse(&small, text, &limits, &list, &flags),
	    21);
	assert_int_equal(list.n, 0);
	assert_int_equal(flags, HEADER_OVERFLOW);
	arena_release(&small);
}

static void
test_lookup(void **state)
{
	const struct limits limits = LIMITS_DEFAULT;
	const struct header *header;
	struct header_list list;
	unsigned flags;

	(void)state;
	header_parse(&arena, SPAN("Received: 1\nTo: 2\nRECEIVED: 3\n"
	    "Received-SPF: 4\nEmpty:\nreceived: 5\nReceived: 6\n\n"),
	    &limits, &list, &flags);
	assert_span(header_value(&list, "received"), " 1");
	assert_span(header_value(&list, "TO"), " 2");
	assert_span(header_value(&list, "Empty"), "");
	assert_absent(header_value(&list, "Receive"));
	assert_absent(header_value(&list, ""));
	header = header_next(&list, "Received", NULL);
	assert_ptr_equal(header, &list.v[0]);
	header = header_next(&list, "Received", header);
	assert_ptr_equal(header, &list.v[2]);
	header = header_next(&list, "Received", header);
	assert_ptr_equal(header, &list.v[5]);
	header = header_next(&list, "Received", header);
	assert_ptr_equal(header, &list.v[6]);
	assert_null(header_next(&list, "Received", header));
	assert_null(header_next(&list, "To", header));

	header_parse(&arena, SPAN("\n"), &limits, &list, &flags);
	assert_null(header_next(&list, "To", NULL));
	assert_absent(header_value(&list, "To"));
}

static void
test_unfold(void **state)
{
	static const struct {
		const char *value;
		const char *line;
	} cases[] = {
		{ " a b ", "a b" },
		{ "a\r\n b", "a b" },
		{ "a \n\t  b\n c\n", "a b c" },
		{ "\n a", "a" },
		{ "a\n \n\t\n b", "a b" },
		{ "a  b\n c", "a  b c" },
		{ " \r\n ", "" },
		{ "", "" },
	};
	struct span plain = SPAN(" no fold");

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_span(header_unfold(&arena, span_of(cases[i].value)),
		    cases[i].line);
	assert_ptr_equal(header_unfold(&arena, plain).p, plain.p + 1);
	assert_absent(header_unfold(&arena, SPAN_ABSENT));
}

static void
test_uncomment(void **state)
{
	static const struct {
		const char *value;
		const char *rest;
	} cases[] = {
		{ "a", "a" },
		{ "a (b)", "a" },
		{ "(b) a", "a" },
		{ "a(b)/c", "a/c" },
		{ "a (b (c) d) e", "a  e" },
		{ "a (b\r\n c) e", "a  e" },
		{ "a (b \\) c) e", "a  e" },
		{ "a (b \\( c) e", "a  e" },
		{ "a (\"b)\" c", "a \" c" },
		{ "\"a (b)\" (c)", "\"a (b)\"" },
		{ "\"a \\\" (b)\" (c)", "\"a \\\" (b)\"" },
		{ "a ) b", "a ) b" },
		{ "a ) (b) c", "a )  c" },
		{ "(a", "" },
		{ "a (b (c) d", "a" },
		{ "a (\\", "a" },
		{ "(b)\"a", "\"a" },
		{ "(b)\"a\\", "\"a\\" },
		{ "()", "" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_span(header_uncomment(&arena,
		    span_of(cases[i].value)), cases[i].rest);
	assert_absent(header_uncomment(&arena, SPAN_ABSENT));
}

static void
test_main_value(void **state)
{
	static const struct {
		const char *value;
		const char *main;
	} cases[] = {
		{ " text/plain; charset=utf-8", "text/plain" },
		{ " text/plain", "text/plain" },
		{ " (x;y) Text/Plain (z) ;a", "Text/Plain" },
		{ "\r\n text/plain\r\n ; charset=utf-8", "text/plain" },
		/* Some forget the ';'. */
		{ " text/plain charset=utf-8", "text/plain" },
		{ " text/plain\r\n charset=utf-8", "text/plain" },
		{ ";charset=utf-8", "" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_span(header_main_value(&arena,
		    span_of(cases[i].value)), cases[i].main);
	assert_absent(header_main_value(&arena, SPAN_ABSENT));
}

static void
test_parameter(void **state)
{
	static const struct {
		const char *value;
		const char *parameter;	/* NULL: absent */
	} cases[] = {
		{ "a/b; name=c", "c" },
		{ "a/b;name=c;d=e", "c" },
		{ "a/b; d=e ; NAME = c ; f=g", "c" },
		{ "a/b;\r\n\tname=\"c d\"", "c d" },
		{ "a/b; name=\"c;d=e\"; f", "c;d=e" },
		{ "a/b; name=\"c\\\"d\\\\e\"", "c\"d\\e" },
		{ "a/b; name=c=d", "c=d" },
		{ "a/b; name=\"\"", "" },
		{ "a/b; name=", "" },
		{ "a/b; (x; name=no) name=c(y)", "c" },
		{ "a/b; x=\"; name=no\"; name=c", "c" },
		{ "a/b; name=c; name=d", "c" },
		{ "a/b;; ;name=c", "c" },
		{ "a/b;;name=c", "c" },
		{ "; name=c", "c" },
		{ "a/b; name=\"c", "c" },
		{ "a/b; name=\"c\\", "c\\" },
		{ "a/b; name=\"c\\d", "cd" },
		{ "a/b; name='c'", "'c'" },
		{ "a/b; xname=c", NULL },
		{ "a/b; namex=c", NULL },
		{ "a/b; name", NULL },
		{ "name=c", NULL },
		{ "a/b; x=\"name=c\"", NULL },
		{ "a/b", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span value = header_parameter(&arena,
		    span_of(cases[i].value), "name");

		if (cases[i].parameter != NULL)
			assert_span(value, cases[i].parameter);
		else
			assert_absent(value);
	}
	assert_absent(header_parameter(&arena, SPAN_ABSENT, "name"));
}

/* RFC 2231: charset and percent encoding, values in numbered pieces. */
static void
test_parameter_encoded(void **state)
{
	static const struct {
		const char *value;
		const char *parameter;	/* NULL: absent */
	} cases[] = {
		{ "a/b; name*=utf-8'en'%C3%A1%c3%a1", "\303\241\303\241" },
		{ "a/b; name*=iso-8859-2''%B9x", "\305\241x" },
		{ "a/b; NAME*=us-ascii'en-us'c%20d", "c d" },
		{ "a/b; name*=''c", "c" },
		{ "a/b; name*=c", "c" },
		{ "a/b; name*=utf-8'c", "utf-8'c" },
		{ "a/b; name*=utf-8''%", "%" },
		{ "a/b; name*=utf-8''%4", "%4" },
		{ "a/b; name*=utf-8''%4g%41", "%4gA" },
		{ "a/b; name*=us-ascii''c%09d", "c\td" },
		{ "a/b; name*0=c; name*1=d; name*2=\"e f\"", "cde f" },
		{ "a/b; name*1=d; name*0=c", "cd" },
		{ "a/b; name*0=c; name*2=e", "c" },
		{ "a/b; name*1=d", NULL },
		{ "a/b; name*0*=utf-8''%C3; name*1*=%A1", "\303\241" },
		{ "a/b; name*0*=utf-8''c%20; name*1=d%20", "c d%20" },
		{ "a/b; name*0=%41; name*1*=%41", "%41A" },
		{ "a/b; name*0=c'd'e; name*1*=%41", "c'd'eA" },
		{ "a/b; name*x=c", NULL },
		{ "a/b; name**=c", NULL },
		{ "a/b; name*0*0=c", NULL },
		{ "a/b; name*0=c; name*01=d; name*1=e", "ce" },
		{ "a/b; name*0=c; name*=d", "d" },
		{ "a/b; name*0=c; name*0=d", "c" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span value = header_parameter(&arena,
		    span_of(cases[i].value), "name");

		if (cases[i].parameter != NULL)
			assert_span(value, cases[i].parameter);
		else
			assert_absent(value);
	}
}

/* As many pieces as there are places, in any order; then no more. */
static void
test_parameter_in_pieces(void **state)
{
	char text[4000], want[400];
	size_t len;

	(void)state;
	for (int pieces = 99; pieces <= 101; pieces++) {
		len = (size_t)snprintf(text, sizeof(text), "a/b");
		for (int i = pieces - 1; i >= 0; i--)
			len += (size_t)snprintf(text + len, sizeof(text) -
			    len, "; name*%d=%c", i, 'a' + i % 26);
		len = 0;
		for (int i = 0; i < pieces && i < 100; i++)
			want[len++] = (char)('a' + i % 26);
		want[len] = '\0';
		assert_span(header_parameter(&arena, span_of(text), "name"),
		    want);
	}
}

/* Comments a hundred thousand deep must cost no stack. */
static void
test_deep_comments(void **state)
{
	const size_t depth = 100000;
	char *p = arena_alloc(&arena, 2 * depth + 4);

	(void)state;
	assert_non_null(p);
	memset(p, '(', depth);
	memset(p + depth, ')', depth);
	memcpy(p + 2 * depth, " a;b", 4);
	assert_span(header_main_value(&arena,
	    (struct span){ p, 2 * depth + 4 }), "a");
	assert_span(header_uncomment(&arena,
	    (struct span){ p, 2 * depth - 1 }), "");
}

static void
check_values(struct arena *into, struct span text)
{
	const struct limits limits = LIMITS_DEFAULT;
	struct header_list list;
	unsigned flags;
	size_t len;

	len = header_parse(into, text, &limits, &list, &flags);
	assert_true(len <= text.len);
	for (size_t i = 0; i < list.n; i++) {
		assert_true(list.v[i].name.len > 0);
		assert_true(list.v[i].name.p >= text.p);
		assert_true(list.v[i].value.p + list.v[i].value.len <=
		    text.p + len);
	}
	header_unfold(into, text);
	header_uncomment(into, text);
	header_main_value(into, text);
	header_parameter(into, text, "name");
}

static void
test_hostile(void **state)
{
	static const struct span units[] = {
		SPAN_INIT("("), SPAN_INIT("()"), SPAN_INIT("\""),
		SPAN_INIT("\\"), SPAN_INIT("\"\\"), SPAN_INIT("(\\"),
		SPAN_INIT(";"), SPAN_INIT("="), SPAN_INIT(";name*0="),
		SPAN_INIT(";name*=a''%"), SPAN_INIT("\n "), SPAN_INIT("a:\n"),
		SPAN_INIT("a:b\n c\n"), SPAN_INIT(":"), SPAN_INIT("\0"),
		SPAN_INIT("\r"), SPAN_INIT("\n"), SPAN_INIT("a\n ;"),
	};

	(void)state;
	hostile_text(SPAN("A: b (c (\\) d)) \"e\\\"\"; name*0*=utf-8'f'%C3;\r\n"
	    "\tname*1=\"g\\\\\"; name*2*=%A1\r\nname : ; name=\"h\r\n i\"\r\n"
	    "j\r\n\r\n"), check_values);
	hostile_text(SPAN("a/b; name*=utf-8'f'%C3%A1"), check_values);
	hostile_text(SPAN("a/b; name=\"c\\\"d\""), check_values);
	for (size_t i = 0; i < COUNT(units); i++)
		check_values(&arena, hostile_repeat(&arena, units[i],
		    100000));
}

static void
test_limit_of_one_long_field(void **state)
{
	struct limits limits = LIMITS_DEFAULT;
	struct header_list list;
	unsigned flags;

	(void)state;
	limits.header = 10;
	header_parse(&arena, SPAN("A: 0123456789012345678901234567890\n\n"),
	    &limits, &list, &flags);
	assert_int_equal(flags, HEADER_OVERFLOW);
}

static void
test_parameter_quoted_and_encoded(void **state)
{
	(void)state;
	assert_span(header_parameter(&arena,
	    SPAN("a/b; name*=\"utf-8''%C3%A1\""), "name"), "\303\241");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_read_one),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_limits),
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_unfold),
		cmocka_unit_test(test_uncomment),
		cmocka_unit_test(test_main_value),
		cmocka_unit_test(test_parameter),
		cmocka_unit_test(test_parameter_encoded),
		cmocka_unit_test(test_deep_comments),
		cmocka_unit_test(test_limit_of_one_long_field),
		cmocka_unit_test(test_parameter_quoted_and_encoded),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_parameter_in_pieces),
	};

	arena_init(&arena, (size_t)64 << 20);
	return cmocka_run_group_tests(tests, NULL, release);
}
