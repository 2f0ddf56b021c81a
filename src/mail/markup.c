/* SPDX-License-Identifier: BSD-2-Clause */
#include "mail/markup.h"

#include <stdbool.h>

#include "base/ascii.h"
#include "base/buf.h"

/* Elements that begin a new line of the text. */
static const struct span blocks[] = {
	SPAN_INIT("br"), SPAN_INIT("p"), SPAN_INIT("div"), SPAN_INIT("tr"),
	SPAN_INIT("li"), SPAN_INIT("ul"), SPAN_INIT("ol"), SPAN_INIT("table"),
	SPAN_INIT("h1"), SPAN_INIT("h2"), SPAN_INIT("h3"), SPAN_INIT("h4"),
	SPAN_INIT("h5"), SPAN_INIT("h6"), SPAN_INIT("pre"),
	SPAN_INIT("blockquote"), SPAN_INIT("hr"), SPAN_INIT("body"),
	SPAN_INIT("dt"), SPAN_INIT("dd")
};

static const struct {
	struct span name;
	const char *text;
} references[] = {
	{ SPAN_INIT("lt;"), "<" },
	{ SPAN_INIT("gt;"), ">" },
	{ SPAN_INIT("amp;"), "&" },
	{ SPAN_INIT("quot;"), "\"" },
	{ SPAN_INIT("apos;"), "'" },
	{ SPAN_INIT("nbsp;"), " " },
};

/* A tag, or what stands in its place: a comment, a document type. */
struct tag {
	struct span name;	/* without the slash */
	bool closing;
};

/* Returns the length of the tag or comment at the start of s, 0 if none. */
static size_t
tag_at(struct span s, struct tag *tag)
{
	size_t at = 1, end;

	*tag = (struct tag){ SPAN_ABSENT, false };
	if (span_starts_nocase(s, SPAN("<!--"))) {
		end = span_find(s, SPAN("-->"));
		return end == SPAN_NONE ? s.len : end + 3;
	}
	if (s.len < 2 || s.p[0] != '<')
		return 0;
	if (s.p[at] == '/') {
		tag->closing = true;
		at++;
	}
	if (at == s.len || (!ascii_is_alpha(s.p[at]) && s.p[at] != '!' &&
	    s.p[at] != '?'))
		return 0;
	tag->name.p = s.p + at;
	while (at < s.len && (ascii_is_alnum(s.p[at]) || s.p[at] == '!' ||
	    s.p[at] == ':' || s.p[at] == '-'))
		at++;
	tag->name.len = (size_t)(s.p + at - tag->name.p);
	/* "<name@example.org>" is an address that nobody escaped. */
	if (at < s.len && !ascii_is_space(s.p[at]) && s.p[at] != '>' &&
	    s.p[at] != '/' && tag->name.p[0] != '!' && tag->name.p[0] != '?')
		return 0;
	while (at < s.len && s.p[at] != '>') {
		/* "title=don't": only the first character is a quote. */
		if ((s.p[at] == '"' || s.p[at] == '\'') &&
		    s.p[at - 1] == '=') {
			end = span_find_char(span_from(s, at + 1), s.p[at]);
			if (end == SPAN_NONE)
				return s.len;
			at += end + 1;
		}
		at++;
	}
	return at < s.len ? at + 1 : s.len;
}

static bool
is_block(struct span name)
{
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
		if (span_equal_nocase(name, blocks[i]))
			return true;
	return false;
}

/* Two cells of a row are two words at least. */
static bool
is_cell(struct span name)
{
	return span_equal_nocase(name, SPAN("td")) ||
	    span_equal_nocase(name, SPAN("th"));
}

/* Does it open an element whose content nobody sees in a mail? */
static bool
is_raw(const struct tag *tag)
{
	return !tag->closing && (span_equal_nocase(tag->name, SPAN("script"))
	    || span_equal_nocase(tag->name, SPAN("style")) ||
	    span_equal_nocase(tag->name, SPAN("title")));
}

/* Returns the length up to and with the end tag of a raw element. */
static size_t
raw_element_end(struct span s, struct span name)
{
	size_t at = 0, end;

	while ((end = span_find(span_from(s, at), SPAN("</"))) != SPAN_NONE) {
		at += end + 2;
		if (span_starts_nocase(span_from(s, at), name)) {
			end = span_find_char(span_from(s, at), '>');
			return end == SPAN_NONE ? s.len : at + end + 1;
		}
	}
	return s.len;
}

/* Appends what the reference at the start of s ("&lt;") stands for; returns
 * its length, 0 if it is none. */
static size_t
add_reference(struct buf *out, struct span s)
{
	struct span name = span_from(s, 1);
	size_t at = 1;
	unsigned long c = 0;
	bool hex;

	for (size_t i = 0; i < sizeof(references) / sizeof(references[0]); i++)
		if (span_starts_nocase(name, references[i].name)) {
			buf_add_string(out, references[i].text);
			return 1 + references[i].name.len;
		}
	if (name.len < 2 || name.p[0] != '#')
		return 0;
	hex = ascii_lower(name.p[1]) == 'x';
	for (at = hex ? 2 : 1; at < name.len && at < 10; at++) {
		int digit = ascii_hex_value(name.p[at]);

		if (digit < 0 || (!hex && digit > 9))
			break;
		c = c * (hex ? 16 : 10) + (unsigned long)digit;
	}
	if (at >= name.len || name.p[at] != ';')
		return 0;
	if (c >= ' ')
		buf_add_codepoint(out, c);
	return 1 + at + 1;
}

/* Appends a blank or a line end, never two of a kind in a row. */
static void
add_break(struct buf *out, char c)
{
	while (c == '\n' && out->len > 0 && out->p[out->len - 1] == ' ')
		out->len--;
	if (out->len == 0 || out->p[out->len - 1] == '\n')
		return;
	if (c == ' ' && out->p[out->len - 1] == ' ')
		return;
	buf_add_char(out, c);
}

/* Appends a line end of preformatted text: one empty line may stay. */
static void
add_line_end(struct buf *out)
{
	size_t len = out->len;

	if (len < 2 || out->p[len - 1] != '\n')
		add_break(out, '\n');
	else if (out->p[len - 2] != '\n')
		buf_add_char(out, '\n');
}

struct span
markup_to_text(struct arena *arena, struct span html)
{
	struct buf out;
	struct tag tag;
	size_t len;
	bool preformatted = false;

	buf_init(&out, arena);
	while (html.len > 0 && !out.failed) {
		len = 0;
		if (html.p[0] == '<' && (len = tag_at(html, &tag)) > 0) {
			if (is_raw(&tag))
				len = raw_element_end(html, tag.name);
			else if (is_block(tag.name))
				add_break(&out, '\n');
			else if (is_cell(tag.name))
				add_break(&out, ' ');
			if (span_equal_nocase(tag.name, SPAN("pre")))
				preformatted = !tag.closing;
		} else if (html.p[0] == '&') {
			len = add_reference(&out, html);
		} else if (ascii_is_space(html.p[0])) {
			if (preformatted && html.p[0] == '\n')
				add_line_end(&out);
			else
				add_break(&out, ' ');
			len = 1;
		}
		if (len == 0) {
			buf_add_char(&out, html.p[0]);
			len = 1;
		}
		html = span_from(html, len);
	}
	return buf_span(&out);
}

size_t
markup_body_start(struct span html)
{
	struct span rest = html;
	size_t start = 0, len;
	struct tag tag;

	while (rest.len > 0) {
		size_t skip = span_find_char(rest, '<');

		/* Where text is seen, browsers begin the body. */
		if (skip == SPAN_NONE ||
		    span_trim(span_first(rest, skip)).len > 0)
			break;
		rest = span_from(rest, skip);
		len = tag_at(rest, &tag);
		if (len == 0)
			break;
		if (is_raw(&tag))
			len = raw_element_end(rest, tag.name);
		rest = span_from(rest, len);
		if (tag.closing)
			continue;
		if (span_equal_nocase(tag.name, SPAN("body")))
			return html.len - rest.len;
		if (span_equal_nocase(tag.name, SPAN("html")) ||
		    span_equal_nocase(tag.name, SPAN("!doctype")))
			start = html.len - rest.len;
	}
	return start;
}
