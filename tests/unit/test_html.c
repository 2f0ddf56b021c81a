/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "base/ascii.h"
#include "builtin.h"
#include "explain/explain.h"
#include "explain/html.h"
#include "mail/charset.h"

#define DEPTH 32

/*
 * A reader of markup as strict as no mail program is: each element closed in
 * its turn, each attribute known and quoted, each '&' a reference. It stops
 * at the first fault.
 */
struct markup {
	struct span rest;
	struct span open[DEPTH];
	size_t depth;
	size_t elements;
	const char *fault;
};

static void
refuse(struct markup *m, const char *fault)
{
	if (m->fault == NULL)
		m->fault = fault;
}

static bool
takes(struct markup *m, const char *string)
{
	size_t len = strlen(string);

	if (m->rest.len < len || memcmp(m->rest.p, string, len) != 0)
		return false;
	m->rest = span_from(m->rest, len);
	return true;
}

/* Takes it, or is at fault. */
static void
expect(struct markup *m, const char *string, const char *fault)
{
	if (!takes(m, string))
		refuse(m, fault);
}

static struct span
take_name(struct markup *m)
{
	size_t len = 0;
	struct span name;

	while (len < m->rest.len && (ascii_is_alnum(m->rest.p[len]) ||
	    m->rest.p[len] == '-'))
		len++;
	name = span_first(m->rest, len);
	m->rest = span_from(m->rest, len);
	return name;
}

static void
skip_space(struct markup *m)
{
	while (m->rest.len > 0 && ascii_is_space(m->rest.p[0]))
		m->rest = span_from(m->rest, 1);
}

/* A byte of text, or a reference: one of those that escaping needs. */
static void
take_text(struct markup *m)
{
	char c = m->rest.p[0];

	if (c == '&') {
		static const char *const references[] = {
			"&lt;", "&gt;", "&amp;", "&quot;", "&#39;",
			"&#8230;", "&#8592;", "&#8594;", "&#10003;",
			"&#10005;"
		};

		for (size_t i = 0; i < COUNT(references); i++)
			if (takes(m, references[i]))
				return;
		refuse(m, "a bare &");
		return;
	}
	if (c == '<' || c == '>')
		refuse(m, "a bare < or >");
	if (ascii_is_control(c) && !ascii_is_space(c))
		refuse(m, "a control");
	m->rest = span_from(m->rest, 1);
}

static const char *const known_elements[] = {
	"html", "head", "meta", "title", "body", "div", "h2", "h3", "p",
	"span", "ul", "ol", "li", "pre", "wbr", "br"
};
static const char *const known_attributes[] = {
	"lang", "dir", "style", "title", "charset", "name", "content"
};

static bool
is_in(struct span name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (span_equal(name, span_of(names[i])))
			return true;
	return false;
}

/* Returns the name of the attribute. */
static struct span
take_attribute(struct markup *m)
{
	struct span name = take_name(m);

	if (!is_in(name, known_attributes, COUNT(known_attributes)))
		refuse(m, "an attribute that is not needed");
	expect(m, "=\"", "an attribute without a quoted value");
	while (m->fault == NULL && m->rest.len > 0 && m->rest.p[0] != '"')
		take_text(m);
	expect(m, "\"", "a value without an end");
	return name;
}

static void
take_end_tag(struct markup *m)
{
	struct span name = take_name(m);

	if (m->depth == 0 || !span_equal(m->open[--m->depth], name))
		refuse(m, "an end out of turn");
	expect(m, ">", "an end tag without an end");
}

static void
take_start_tag(struct markup *m)
{
	struct span name = take_name(m), seen[COUNT(known_attributes)];
	bool has_language = false;
	size_t n = 0;

	if (!is_in(name, known_elements, COUNT(known_elements)))
		refuse(m, "an element that is not needed");
	for (skip_space(m); m->fault == NULL && !takes(m, ">");
	    skip_space(m)) {
		struct span attribute = take_attribute(m);

		for (size_t i = 0; i < n; i++)
			if (span_equal(seen[i], attribute))
				refuse(m, "an attribute twice");
		if (m->fault == NULL)
			seen[n++] = attribute;
		if (span_equal(attribute, SPAN("lang")))
			has_language = true;
	}
	m->elements++;
	if (span_equal(name, SPAN("meta")) || span_equal(name, SPAN("wbr")) ||
	    span_equal(name, SPAN("br")))
		return;
	if (m->depth == 0 && !has_language)
		refuse(m, "no language");
	if (m->depth == DEPTH)
		refuse(m, "too deep");
	else
		m->open[m->depth++] = name;
}

/* Reads all of it; returns what is not well-formed, NULL if it is. */
static const char *
markup_fault(struct span html, struct span *where)
{
	struct markup m = { .rest = html };

	takes(&m, "<!DOCTYPE html>\n");
	while (m.fault == NULL && m.rest.len > 0) {
		if (takes(&m, "</"))
			take_end_tag(&m);
		else if (takes(&m, "<"))
			take_start_tag(&m);
		else
			take_text(&m);
	}
	if (m.depth > 0)
		refuse(&m, "an element is not closed");
	if (m.elements == 0)
		refuse(&m, "no element");
	*where = m.rest;
	return m.fault;
}

static void
check_markup(struct span html, const char *what)
{
	struct span where;
	const char *fault = markup_fault(html, &where);

	if (fault != NULL)
		fail_msg("%s: %s, before \"%.*s\"", what, fault,
		    (int)span_first(where, 60).len, where.p);
}

static bool
holds(struct span html, const char *needle)
{
	return span_find_nocase(html, span_of(needle)) != SPAN_NONE;
}

/*
 * What holds for every fragment: UTF-8, well-formed, moderate lines, none
 * that is risky in a mail, nothing that is loaded or run.
 */
static void
check_html(struct span html, const char *what)
{
	static const char *const unwanted[] = {
		"src=", "href=", "url(", "@import", "<img", "<link",
		"<script", "<style", "<iframe", "<object", "<form",
		"javascript:", "data:", "expression(", "background=",
	};
	struct span rest = html, line;

	assert_non_null(html.p);
	assert_true(charset_is_utf8(html));
	assert_true(span_ends_nocase(html, SPAN("\n")));
	check_markup(html, what);
	for (size_t i = 0; i < COUNT(unwanted); i++)
		if (holds(html, unwanted[i]))
			fail_msg("%s: there is %s", what, unwanted[i]);
	while (span_next_line(&rest, &line)) {
		/* In bytes: a mail's lines are, and these are UTF-8. */
		if (line.len > 400)
			fail_msg("%s: %zu bytes: %.*s", what, line.len,
			    (int)line.len, line.p);
		if (line.len > 0 && (line.p[0] == '.' || line.p[0] == '>' ||
		    span_find(line, SPAN("--")) == 0 ||
		    span_find(line, SPAN("From ")) == 0))
			fail_msg("%s: risky: %.*s", what, (int)line.len,
			    line.p);
	}
}

/* What explains one recipient, and can be told in two forms. */
struct telling {
	struct recipient recipient;
	struct finding finding;
	struct report report;
	struct header headers[1];
	struct explain_options options;
	struct explanation explanation;
};

static void
begin(struct builtin *b, struct telling *t, const char *reply)
{
	*t = (struct telling){ .report = { .kind = REPORT_DSN, .n = 1 } };
	t->report.recipients = &t->recipient;
	t->report.returned.headers.v = t->headers;
	t->options.languages = &b->languages;
	t->options.language = &b->languages.v[0];
	builtin_read(b, &t->recipient, reply);
	t->recipient.address = SPAN("bob@example.org");
	cause_find(&t->finding, &b->matcher, &t->recipient, &t->report);
}

static struct span
rendered(struct builtin *b, struct telling *t)
{
	assert_true(explain(&t->explanation, &b->arena, &t->report,
	    &t->finding, &t->options));
	return html_render(&b->arena, &t->explanation);
}

/* The reader of markup finds what it is there to find. */
static void
test_the_reader(void **state)
{
	static const char *const good[] = {
		"<p lang=\"en\">a</p>",
		"<div lang=\"en\" dir=\"ltr\"><p>a &amp; b</p>\n</div>",
		"<p lang=\"en\">e-<wbr\n>mail</p>",
		("<!DOCTYPE html>\n<html lang=\"en\"><head><meta "
		    "charset=\"utf-8\"></head></html>"),
	};
	static const char *const bad[] = {
		"", "text", "<p>a</p>", "<p lang=\"en\">a",
		"<p lang=\"en\">a</div>", "<p lang=\"en\">a</p></p>",
		"<div lang=\"en\"><p>a</div></p>",
		"<p lang=\"en\">a & b</p>", "<p lang=\"en\">a < b</p>",
		"<p lang=\"en\">a > b</p>", "<p lang=\"en\">a&nbsp;b</p>",
		"<p lang=en>a</p>", "<p lang='en'>a</p>",
		"<p lang=\"en>a</p>", "<p lang=\"en\" lang=\"pl\">a</p>",
		"<p lang=\"e<n\">a</p>", "<p lang=\"en\" onclick=\"\">a</p>",
		"<p lang=\"en\"><img></p>", "<script lang=\"en\"></script>",
		"<p lang=\"en\">a\001</p>", "<p lang=\"en\"", "<", "</",
		"<p lang=\"en\">a<!-- b --></p>",
	};
	struct span where;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		check_markup(span_of(good[i]), good[i]);
	for (size_t i = 0; i < COUNT(bad); i++)
		if (markup_fault(span_of(bad[i]), &where) == NULL)
			fail_msg("no fault in %s", bad[i]);
}

static void
test_fragment(void **state)
{
	struct builtin *b = *state;
	struct telling t;
	struct span html;

	begin(b, &t, "552 5.2.2 Mailbox full");
	t.options.host = SPAN("mail.example.org");
	t.headers[0] = (struct header){ SPAN("Subject"), SPAN("Invoice") };
	t.report.returned.headers.n = 1;
	html = rendered(b, &t);
	check_html(html, "a fragment");
	assert_int_equal(span_find(html, SPAN("<div lang=\"en\" "
	    "dir=\"ltr\"")), 0);
	/* It can stand at the beginning of any body. */
	assert_false(holds(html, "<html"));
	assert_false(holds(html, "<body"));
	assert_true(holds(html, "<h2"));
	assert_true(holds(html, "<ol"));
	assert_true(holds(html, "mail.example.org"));
	assert_true(holds(html, "&quot;Invoice&quot;"));
	builtin_clear(b);
}

/* Where it stopped is told by a mark and by words, not by colour alone. */
static void
test_stations(void **state)
{
	struct builtin *b = *state;
	struct telling t;
	struct span html;
	size_t stopped;

	begin(b, &t, "552 5.2.2 Mailbox full");
	html = rendered(b, &t);
	assert_true(holds(html, "title=\"passed\">&#10003; You<"));
	stopped = span_find(html, SPAN("title=\"stopped here\">"));
	assert_true(stopped != SPAN_NONE);
	assert_true(span_find(span_from(html, stopped),
	    SPAN("&#10005; Mailbox<")) != SPAN_NONE);
	assert_false(holds(html, "not reached"));
	assert_false(holds(html, "On the way"));
	builtin_clear(b);

	begin(b, &t, "connect to mx.example.org[192.0.2.25]:25: Connection "
	    "refused");
	t.recipient.action = ACTION_DELAYED;
	html = rendered(b, &t);
	assert_true(holds(html, "title=\"waiting here\">&#8230; On the "
	    "way<"));
	assert_true(holds(html, "title=\"not reached\">Mailbox<"));
	assert_true(holds(html, "&#8594;"));
	builtin_clear(b);

	/* Where somebody else used the address there was no such way. */
	begin(b, &t, "552 5.2.2 Mailbox full");
	t.options.backscatter = true;
	html = rendered(b, &t);
	check_html(html, "backscatter");
	assert_false(holds(html, "<span"));
	builtin_clear(b);
}

static void
test_document(void **state)
{
	struct builtin *b = *state;
	struct telling t;
	struct span html, title;
	size_t start, end;

	begin(b, &t, "552 5.2.2 Mailbox full");
	rendered(b, &t);
	html = html_document(&b->arena, &t.explanation,
	    SPAN("<b>Undelivered</b> & \"returned\"\n"));
	check_html(html, "a document");
	assert_int_equal(span_find(html, SPAN("<!DOCTYPE html>\n<html "
	    "lang=\"en\" dir=\"ltr\">\n")), 0);
	assert_true(holds(html, "<meta charset=\"utf-8\">"));
	assert_true(holds(html, "&lt;b&gt;Undelivered&lt;/b&gt; &amp; "
	    "&quot;returned&quot;"));
	assert_true(holds(html, "</pre>\n</body>\n</html>\n"));
	start = span_find(html, SPAN("<title>")) + 7;
	end = span_find(html, SPAN("</title>"));
	title = span_first(span_from(html, start), end - start);
	assert_true(title.len > 0);

	/* Without a notice there is no place for one. */
	html = html_document(&b->arena, &t.explanation, SPAN_ABSENT);
	check_html(html, "a document without a notice");
	assert_false(holds(html, "<pre"));
	builtin_clear(b);
}

/* Nothing that a mail says is markup. */
static void
test_escaping(void **state)
{
	static const char *const values[] = {
		"<script>alert(1)</script>",
		"\"><img src=x onerror=alert(1)>",
		"' onmouseover='alert(1)",
		"</div></body></html>",
		"<!-- --><![CDATA[ ]]>",
		"&lt;b&gt; &amp &#60; &",
		"a<b>c\"d'e&f",
		"</pre><h1>",
		"</title><script>",
		"javascript&colon;alert(1)",
		"\001\002<\033>",
		"--boundary",
		"{address}",
	};
	struct builtin *b = *state;

	for (size_t i = 0; i < COUNT(values); i++) {
		struct span value = span_of(values[i]);
		struct blocklist list = { "x", NULL, values[i], values[i] };
		struct telling t;
		struct span html;

		begin(b, &t, "554 5.7.1 Service unavailable; Client host "
		    "[192.0.2.10] blocked using zen.spamhaus.org");
		t.finding.blocklist = &list;
		t.finding.parameters[0].value = value;
		t.finding.suggestion = value;
		t.recipient.address = value;
		t.recipient.original = value;
		t.headers[0] = (struct header){ SPAN("Subject"), value };
		t.report.returned.headers.n = 1;
		t.options.host = value;
		t.options.helpdesk = value;
		html = rendered(b, &t);
		check_markup(html, values[i]);
		assert_false(holds(html, "<script"));
		assert_false(holds(html, "<img"));
		html = html_document(&b->arena, &t.explanation, value);
		check_markup(html, values[i]);
		builtin_clear(b);
	}
}

/* A notice of any bytes stays text. */
static void
test_notice_of_every_byte(void **state)
{
	struct builtin *b = *state;
	struct telling t;
	char notice[256];

	for (size_t i = 0; i < sizeof(notice); i++)
		notice[i] = (char)(i < 0x80 ? i : 'x');
	begin(b, &t, "552 5.2.2 Mailbox full");
	rendered(b, &t);
	check_markup(html_document(&b->arena, &t.explanation,
	    (struct span){ notice, sizeof(notice) }), "every byte");
	builtin_clear(b);
}

/* Every cause in every language, failed, late and good. */
static void
test_all_causes_in_all_languages(void **state)
{
	static const enum action actions[] = {
		ACTION_FAILED, ACTION_DELAYED, ACTION_DELIVERED,
		ACTION_RELAYED
	};
	struct builtin *b = *state;

	for (size_t i = 0; i < b->languages.n; i++)
		for (size_t k = 0; k < default_book.ncauses; k++)
			for (size_t a = 0; a < COUNT(actions); a++) {
				const struct cause *cause =
				    &default_book.causes[k];
				char what[120], lang[60];
				struct telling t;
				struct span html;

				begin(b, &t, "550 5.0.0 no");
				t.finding.cause = cause;
				t.finding.decided_by = DECIDED_BY_TEXT;
				t.recipient.action = actions[a];
				t.recipient.original =
				    SPAN("robert@example.net");
				t.options.language = &b->languages.v[i];
				t.options.host = SPAN("mail.example.org");
				t.options.helpdesk =
				    SPAN("help@example.com");
				snprintf(what, sizeof(what), "%s in %s",
				    cause->id, b->languages.v[i].tag);
				html = rendered(b, &t);
				check_html(html, what);
				snprintf(lang, sizeof(lang),
				    "<div lang=\"%s\" dir=\"ltr\"",
				    b->languages.v[i].tag);
				assert_int_equal(span_find(html,
				    span_of(lang)), 0);
				builtin_clear(b);
			}
}

/* From right to left: said so, and the arrows point the other way. */
static void
test_right_to_left(void **state)
{
	const struct language arabic = { .tag = "ar" };
	struct builtin *b = *state;
	struct telling t;
	struct span html;

	begin(b, &t, "552 5.2.2 Mailbox full");
	t.options.language = &arabic;
	html = rendered(b, &t);
	check_html(html, "Arabic");
	assert_int_equal(span_find(html, SPAN("<div lang=\"ar\" "
	    "dir=\"rtl\"")), 0);
	assert_true(holds(html, "&#8592;"));
	assert_false(holds(html, "&#8594;"));
	builtin_clear(b);
}

/* A long list goes on at the end of its card; what is below is in its item. */
static void
test_long_list(void **state)
{
	struct span below[] = { SPAN("passed on to <bob>@example.net") };
	struct explained_address addresses[] = {
		{ SPAN("bob@example.org"), below, 1 },
		{ SPAN("carol@example.org"), NULL, 0 },
		{ SPAN("dave@example.org"), NULL, 0 },
	};
	struct builtin *b = *state;
	struct explained_group group = {
		.result = SPAN("Not delivered to these addresses"),
		.addresses = addresses, .naddresses = 3, .nfirst = 1,
		.fix = SPAN("You."),
	};
	const struct explanation explanation = {
		.language = &b->languages.v[0], .groups = &group, .n = 1,
		.happened_heading = SPAN("What happened"),
		.fix_heading = SPAN("Who can fix it"),
		.others_line = SPAN("and others, listed further down"),
		.others_heading = SPAN("The other addresses"),
		.unlisted = SPAN("There are more."),
	};
	static const char *const order[] = {
		">bob@example.org<br>\n<span",
		">passed on to &lt;bob&gt;@example.net</span>\n</li>",
		">and others, listed further down</li>\n</ul>",
		">What happened</h3>", ">Who can fix it</h3>",
		">The other addresses</h3>\n<ul", ">carol@example.org</li>",
		">dave@example.org</li>\n</ul>", ">There are more.</p>"
	};
	struct span html = html_render(&b->arena, &explanation), rest = html;

	check_html(html, "a long list");
	for (size_t i = 0; i < COUNT(order); i++) {
		size_t at = span_find(rest, span_of(order[i]));

		if (at == SPAN_NONE)
			fail_msg("no %s in its place in\n%.*s", order[i],
			    (int)html.len, html.p);
		rest = span_from(rest, at);
	}
	builtin_clear(b);
}

/* Each group is a card; what is about all of them stands once, at the end. */
static void
test_several_groups(void **state)
{
	struct builtin *b = *state;
	struct recipient recipients[3];
	struct finding findings[3];
	const struct report report = { .kind = REPORT_DSN,
	    .recipients = recipients, .n = 3 };
	const struct explain_options options = {
		.languages = &b->languages, .language = &b->languages.v[0],
		.host = SPAN("mail.example.org") };
	static const char *const replies[] = {
		"550 5.1.1 User unknown", "552 5.2.2 Mailbox full",
		"550 5.1.1 User unknown"
	};
	struct explanation explanation;
	struct span html;
	size_t at;

	for (size_t i = 0; i < 3; i++) {
		builtin_read(b, &recipients[i], replies[i]);
		recipients[i].address = span_of(i == 0 ? "bob@example.org" :
		    i == 1 ? "carol@example.org" : "dave@example.org");
		cause_find(&findings[i], &b->matcher, &recipients[i],
		    &report);
	}
	assert_true(explain(&explanation, &b->arena, &report, findings,
	    &options));
	html = html_render(&b->arena, &explanation);
	check_html(html, "several groups");
	at = span_find(html, SPAN("mail.example.org"));
	assert_true(at != SPAN_NONE);
	assert_int_equal(span_find(span_from(html, at + 1),
	    SPAN("mail.example.org")), SPAN_NONE);
	assert_true(span_find(html, SPAN("carol@example.org")) < at);
	assert_true(holds(html, ">bob@example.org</li>"));
	assert_true(holds(html, ">dave@example.org</li>"));
	builtin_clear(b);
}

/* With memory for only a part: absent, and no crash. */
static void
test_without_memory(void **state)
{
	struct builtin *b = *state;
	struct telling t;
	bool done = false;

	begin(b, &t, "552 5.2.2 Mailbox full");
	rendered(b, &t);
	for (size_t limit = 0; !done && limit < 400000; limit += 97) {
		struct arena arena;
		struct span html;

		arena_init(&arena, limit);
		html = html_document(&arena, &t.explanation, SPAN("notice"));
		done = !arena.failed;
		if (done != (html.p != NULL))
			fail_msg("with %zu bytes: %s", limit, done ?
			    "absent" : "a text, though memory ran out");
		arena_release(&arena);
	}
	assert_true(done);
	builtin_clear(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_reader),
		cmocka_unit_test(test_fragment),
		cmocka_unit_test(test_stations),
		cmocka_unit_test(test_document),
		cmocka_unit_test(test_escaping),
		cmocka_unit_test(test_notice_of_every_byte),
		cmocka_unit_test(test_all_causes_in_all_languages),
		cmocka_unit_test(test_right_to_left),
		cmocka_unit_test(test_long_list),
		cmocka_unit_test(test_several_groups),
		cmocka_unit_test(test_without_memory),
	};

	return cmocka_run_group_tests(tests, builtin_setup,
	    builtin_teardown);
}
