/* SPDX-License-Identifier: BSD-2-Clause */
#include "hostile.h"

#include "mail/charset.h"
#include "mail/markup.h"

static struct arena arena;

static int
release(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static void
test_words(void **state)
{
	static const struct {
		const char *html;
		const char *text;
	} cases[] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "a <b>bold</b> word", "a bold word" },
		{ "one<br>two<BR/>three<br />four", "one\ntwo\nthree\nfour" },
		{ "<p>one</p>\n\n<p>two</p>", "one\ntwo\n" },
		{ "<tr><td>a</td> <td>b</td></tr><tr><td>c</td></tr>",
		    "a b\nc\n" },
		{ "  a \t\r\n  b  ", "a b " },
		{ "a <br> b", "a\nb" },
		{ "<html><head><title>T</title></head><body>B", "B" },
		{ "a<!-- b -->c", "ac" },
		{ "a<!-- <b> -- > -->c", "ac" },
		{ "a<!-- never ends", "a" },
		{ "<!DOCTYPE html><?xml version='1.0'?>x", "x" },
		{ "a<style>p { color: red }</style>b", "ab" },
		{ "a<SCRIPT type='x'>if (a < b) c();</ScRiPt >b", "ab" },
		{ "a<script>'</b>' </scrip</script>b", "ab" },
		{ "a<style>never ends", "a" },
		{ "<a href=\"x>y\" title='>'>link</a>", "link" },
		{ "<o:p>x</o:p>", "x" },
		{ "<pre>a\nb</pre>c\nd", "a\nb\nc d" },
		{ "<pre>a \nb\r\nc\t\nd</pre>", "a\nb\nc\nd\n" },
		{ "<PRE>a\n\nb\r\n\r\nc\n\n\n\nd", "a\n\nb\n\nc\n\nd" },
		{ "<pre>\n\n  a", "a" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_span(markup_to_text(&arena, span_of(cases[i].html)),
		    cases[i].text);
}

/* What looks like a tag and is none stays as it stands. */
static void
test_no_tags(void **state)
{
	static const char *const cases[] = {
		"a < b", "a <", "a <= b", "a << b", "a <3", "</ b",
		"</", "<name@example.org>", "<first.last@example.org>",
		"<<name@example.org>>", "<br@example.org>",
		"<script@example.org>",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_span(markup_to_text(&arena, span_of(cases[i])),
		    cases[i]);
}

static void
test_references(void **state)
{
	static const struct {
		const char *html;
		const char *text;
	} cases[] = {
		{ "&lt;b&gt; &amp; &quot;c&quot; &apos;d&apos;",
		    "<b> & \"c\" 'd'" },
		{ "a&nbsp;b", "a b" },
		{ "&LT;", "<" },
		{ "&amp;lt;", "&lt;" },
		{ "&#65;&#x42;&#X43;&#99;", "ABCc" },
		{ "a&#32;b&#160;c", "a b\302\240c" },
		{ "&#225;&#x1F600;", "\303\241\360\237\230\200" },
		{ "&#x10FFFF;", "\364\217\277\277" },
		/* No characters of a text. */
		{ "a&#0;&#1;&#8;&#x1b;b", "ab" },
		{ "a&#xD800;&#x110000;&#xFFFFFFF;b", "ab" },
		/* No references at all. */
		{ "&", "&" },
		{ "&;", "&;" },
		{ "&#", "&#" },
		{ "&#x", "&#x" },
		{ "&#65", "&#65" },
		{ "&#6A;", "&#6A;" },
		{ "&#xG;", "&#xG;" },
		{ "&lt", "&lt" },
		{ "&unknown;", "&unknown;" },
		{ "&#99999999999999999999;", "&#99999999999999999999;" },
		{ "a&b", "a&b" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_span(markup_to_text(&arena, span_of(cases[i].html)),
		    cases[i].text);
}

static void
test_body_start(void **state)
{
	static const struct {
		const char *before;
		const char *after;
	} cases[] = {
		{ "<html><head></head><body>", "x</body></html>" },
		{ "<HTML><BODY bgcolor=\"#fff\"\r\n text='>'>", "x" },
		{ "<html>", "x</html>" },
		{ "<!DOCTYPE html>\n<html lang=en>", "<p>x" },
		{ "<!DOCTYPE html>", "\nx" },
		{ "", "x" },
		{ "", "<p>x" },
		{ "", "" },
		{ "", "a < b, <name@example.org>" },
		{ "<!-- <body> --><html><body>", "x" },
		{ "<html><!-- <body> -->\n<body>", "x" },
		{ "<html><bodyguard></body><body>", "x<body>" },
		{ "<meta content=\"<body>\"><body>", "x" },
		/* Text that is seen stands in the body already. */
		{ "<html>", "to <body@example.org><body>x" },
		{ "<html>", "<head><title>x</title></head>to\n<html><body>x" },
		{ "", "to <html>x" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char html[200];
		size_t at;

		snprintf(html, sizeof(html), "%s%s", cases[i].before,
		    cases[i].after);
		at = markup_body_start(span_of(html));
		assert_span(span_first(span_of(html), at), cases[i].before);
	}
	assert_int_equal(markup_body_start(SPAN_ABSENT), 0);
}

/* UTF-8 stays UTF-8, nothing but blanks and line ends grows, no controls
 * come from references, and a place lies inside. */
static void
check_text(struct arena *into, struct span html)
{
	struct span text = markup_to_text(into, html);

	assert_true(markup_body_start(html) <= html.len);
	if (into->failed)
		return;
	assert_non_null(text.p);
	assert_true(text.len <= html.len);
	if (charset_is_utf8(html))
		assert_true(charset_is_utf8(text));
}

static void
test_hostile(void **state)
{
	static const struct span units[] = {
		SPAN_INIT("<"), SPAN_INIT("<a"), SPAN_INIT("<a "),
		SPAN_INIT("<a '"), SPAN_INIT("<a@"), SPAN_INIT("<p>"),
		SPAN_INIT("<!--"), SPAN_INIT("<!-->"), SPAN_INIT("</"),
		SPAN_INIT("<script>"), SPAN_INIT("<script></"),
		SPAN_INIT("<style></style"), SPAN_INIT("&"),
		SPAN_INIT("&#"), SPAN_INIT("&#x9999999"), SPAN_INIT("&lt;"),
		SPAN_INIT(" <br>"), SPAN_INIT("<?"), SPAN_INIT("<!"),
		SPAN_INIT("\0<\0"), SPAN_INIT("\377<\377"),
	};

	(void)state;
	hostile_text(SPAN("<!DOCTYPE html><!-- x --><html a='b' c=\"d\"><style>"
	    "</s</style><body>\n<p>x &amp; &#x1F600;&#255; <n@o> </p><script>"
	    "</</script></body>&nbsp;\303\241<br/"), check_text);
	for (size_t i = 0; i < COUNT(units); i++)
		check_text(&arena, hostile_repeat(&arena, units[i], 100000));
}

static void
test_body_in_script(void **state)
{
	(void)state;
	assert_int_equal(markup_body_start(
	    SPAN("<script>'<body>'</script><body>x")), 31);
}

static void
test_apostrophe_in_unquoted_value(void **state)
{
	(void)state;
	assert_span(markup_to_text(&arena, SPAN("<p title=don't>text")),
	    "text");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_no_tags),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_body_start),
		cmocka_unit_test(test_body_in_script),
		cmocka_unit_test(test_apostrophe_in_unquoted_value),
		cmocka_unit_test(test_hostile),
	};

	arena_init(&arena, (size_t)16 << 20);
	return cmocka_run_group_tests(tests, NULL, release);
}
