/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/html.h"

#include <string.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "explain/sanitize.h"
#include "explain/text.h"

/*
 * Text and background are both named wherever one is, so that a program with
 * dark colours converts both; each pair has a contrast of 4.5:1 or more. Each
 * element that holds text names them, and its size, since the card may stand
 * in a notice whose own style speaks of all paragraphs.
 */
#define INK "color:#1c2430;background-color:#ffffff"
#define ITEM "font-size:1em;" INK
#define CARD "max-width:42em;margin:0 0 1em 0;padding:.8em 1.2em 1em 1.2em;" \
    "border:1px solid #c4c9d2;border-left:6px solid %;" \
    INK ";text-align:start;" \
    "font-family:sans-serif;font-size:16px;line-height:1.5;" \
    "overflow-wrap:anywhere"
#define RESULT "margin:.2em 0 .6em 0;font-size:1.25em;line-height:1.3;" \
    "color:%;background-color:#ffffff"
#define HEADING "margin:1em 0 .2em 0;" ITEM
#define PARAGRAPH "margin:0 0 .6em 0;" ITEM
#define LIST "margin:0 0 .6em 0;padding:0 1.6em;" ITEM
#define ADDRESSES "margin:0 0 .6em 0;padding:0 1.2em;" ITEM
#define ADDRESS "margin:.2em 0;" ITEM
#define BELOW "font-size:.9em;color:#4a5462;background-color:#ffffff"
#define STATION "display:inline-block;margin:.15em 0;padding:.1em .6em;" \
    "border:1px solid #5a6575;border-radius:3px;" ITEM
#define STATION_HERE "display:inline-block;margin:.15em 0;" \
    "padding:.1em .6em;border:1px solid %;border-radius:3px;" \
    "font-size:1em;font-weight:bold;color:#ffffff;background-color:%"
#define STATION_LATER "display:inline-block;margin:.15em 0;" \
    "padding:.1em .6em;border:1px dashed #5a6575;border-radius:3px;" \
    "font-size:1em;color:#4a5462;background-color:#ffffff"
#define SMALL "margin:1em 0 0 0;font-size:.9em;color:#4a5462;" \
    "background-color:#ffffff"
#define NOTICE "white-space:pre-wrap;overflow-wrap:anywhere;" \
    "font-family:monospace;font-size:14px"

#define RED "#b3261e"
#define AMBER "#8a5300"
#define GREEN "#1e6b34"

/* What stands for a byte in HTML, NULL if it does itself. */
static const char *
escape_of(char c)
{
	switch (c) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	}
	return ascii_is_control(c) && !ascii_is_space(c) ? "" : NULL;
}

static void
add_escaped(struct buf *out, struct span text)
{
	size_t from = 0;

	for (size_t i = 0; i < text.len; i++) {
		const char *escape = escape_of(text.p[i]);

		if (escape == NULL)
			continue;
		buf_add(out, text.p + from, i - from);
		buf_add_string(out, escape);
		from = i + 1;
	}
	buf_add_span(out, span_from(text, from));
}

/* Appends ` style="…"`, each % of it replaced by a colour. */
static void
add_style(struct buf *out, const char *style, const char *colour)
{
	buf_add_string(out, " style=\"");
	while (*style != '\0') {
		size_t run = strcspn(style, "%");

		buf_add(out, style, run);
		style += run;
		if (*style == '%') {
			buf_add_string(out, colour);
			style++;
		}
	}
	buf_add_char(out, '"');
}

/*
 * Appends text escaped, in lines that no mail program cuts. Where no blank
 * stands (Japanese), the line ends inside a tag, or it would be seen as one.
 */
static void
add_text(struct buf *out, struct span text)
{
	struct text_lines lines;
	struct span line;
	bool spaced, first = true;

	if (!text_lines_init(&lines, out->arena, text, 0, 0)) {
		out->failed = true;
		return;
	}
	for (; text_lines_next(&lines, &line, &spaced); first = false) {
		if (!first)
			buf_add_string(out, spaced ? "\n" : "<wbr\n>");
		add_escaped(out, line);
	}
}

static void
add_element(struct buf *out, const char *name, const char *style,
    const char *colour, struct span text)
{
	if (text.len == 0)
		return;
	buf_add_char(out, '<');
	buf_add_string(out, name);
	if (style != NULL)
		add_style(out, style, colour);
	buf_add_char(out, '>');
	add_text(out, text);
	buf_add_string(out, "</");
	buf_add_string(out, name);
	buf_add_string(out, ">\n");
}

static const char *
colour_of(const struct explained_group *group)
{
	return group->action == ACTION_DELAYED ? AMBER :
	    group->action >= ACTION_DELIVERED ? GREEN : RED;
}

/*
 * Marks, so that colour is never the only sign. They are written in ASCII, so
 * that a card in English needs no encoding.
 */
static const char *const marks[] = {
	"&#10003; ",		/* check mark */
	"&#10005; ",		/* cross */
	"&#8230; ",		/* dots: it waits */
	""
};
#define ARROW_LEFT "&#8592;\n"
#define ARROW_RIGHT "&#8594;\n"

static void
add_station(struct buf *out, const struct explanation *explanation,
    const struct explained_group *group, int station)
{
	enum station_state state = group->stations[station];
	const char *style = state == STATION_PASSED ? STATION :
	    state == STATION_NOT_REACHED ? STATION_LATER : STATION_HERE;

	buf_add_string(out, "<span");
	add_style(out, style, colour_of(group));
	buf_add_string(out, "\ntitle=\"");
	add_escaped(out, explanation->state_names[state]);
	buf_add_string(out, "\">");
	buf_add_string(out, marks[state]);
	add_escaped(out, explanation->station_names[station]);
	buf_add_string(out, "</span>\n");
}

static void
add_stations(struct buf *out, const struct explanation *explanation,
    const struct explained_group *group)
{
	bool left = language_is_right_to_left(explanation->language);

	if (!group->has_stations)
		return;
	buf_add_string(out, "<p");
	add_style(out, PARAGRAPH, NULL);
	buf_add_string(out, ">\n");
	for (int i = 0; i < STATIONS; i++) {
		if (group->stations[i] == STATION_OMITTED)
			continue;
		if (i > 0)
			buf_add_string(out, left ? ARROW_LEFT : ARROW_RIGHT);
		add_station(out, explanation, group, i);
	}
	buf_add_string(out, "</p>\n");
}

static void
begin_list(struct buf *out, const char *name, const char *style)
{
	buf_add_char(out, '<');
	buf_add_string(out, name);
	add_style(out, style, NULL);
	buf_add_string(out, ">\n");
}

static void
end_list(struct buf *out, const char *name)
{
	buf_add_string(out, "</");
	buf_add_string(out, name);
	buf_add_string(out, ">\n");
}

/* Appends a list of addresses, more the last item if there is one. */
static void
add_addresses(struct buf *out, const struct explained_address *addresses,
    size_t n, struct span more)
{
	begin_list(out, "ul", ADDRESSES);
	for (size_t i = 0; i < n; i++) {
		buf_add_string(out, "<li");
		add_style(out, ADDRESS, NULL);
		buf_add_char(out, '>');
		add_text(out, addresses[i].text);
		for (size_t k = 0; k < addresses[i].nbelow; k++) {
			buf_add_string(out, "<br>\n");
			add_element(out, "span", BELOW, NULL,
			    addresses[i].below[k]);
		}
		buf_add_string(out, "</li>\n");
	}
	add_element(out, "li", ADDRESS, NULL, more);
	end_list(out, "ul");
}

static void
add_sections(struct buf *out, const struct explanation *explanation,
    const struct explained_group *group)
{
	add_element(out, "h3", HEADING, NULL, explanation->happened_heading);
	for (size_t i = 0; i < group->happened.n; i++)
		add_element(out, "p", PARAGRAPH, NULL, group->happened.v[i]);
	if (group->steps.n > 0) {
		add_element(out, "h3", HEADING, NULL,
		    explanation->steps_heading);
		begin_list(out, "ol", LIST);
		for (size_t i = 0; i < group->steps.n; i++)
			add_element(out, "li", ITEM, NULL, group->steps.v[i]);
		end_list(out, "ol");
	}
	if (group->fix.len > 0) {
		add_element(out, "h3", HEADING, NULL,
		    explanation->fix_heading);
		add_element(out, "p", PARAGRAPH, NULL, group->fix);
	}
}

static void
add_group(struct buf *out, const struct explanation *explanation,
    const struct explained_group *group)
{
	bool divided = group->nfirst < group->naddresses;

	add_element(out, "h2", RESULT, colour_of(group), group->result);
	if (group->naddresses > 1)
		add_addresses(out, group->addresses, group->nfirst, divided ?
		    explanation->others_line : SPAN_ABSENT);
	add_stations(out, explanation, group);
	add_sections(out, explanation, group);
	if (divided) {
		add_element(out, "h3", HEADING, NULL,
		    explanation->others_heading);
		add_addresses(out, group->addresses + group->nfirst,
		    group->naddresses - group->nfirst, SPAN_ABSENT);
	}
}

static const char *
direction(const struct explanation *explanation)
{
	return language_is_right_to_left(explanation->language) ? "rtl" :
	    "ltr";
}

/* Appends ` lang="pl" dir="ltr"`. */
static void
add_language(struct buf *out, const struct explanation *explanation)
{
	buf_add_string(out, " lang=\"");
	buf_add_string(out, explanation->language->tag);
	buf_add_string(out, "\" dir=\"");
	buf_add_string(out, direction(explanation));
	buf_add_string(out, "\"");
}

static void
add_card(struct buf *out, const struct explanation *explanation)
{
	for (size_t i = 0; i < explanation->n; i++) {
		const struct explained_group *group = &explanation->groups[i];
		bool last = i + 1 == explanation->n;

		buf_add_string(out, "<div");
		add_language(out, explanation);
		add_style(out, CARD, colour_of(group));
		buf_add_string(out, ">\n");
		add_group(out, explanation, group);
		if (last) {
			add_element(out, "p", PARAGRAPH, NULL,
			    explanation->unlisted);
			add_element(out, "p", SMALL, NULL,
			    explanation->about);
			add_element(out, "p", SMALL, NULL,
			    explanation->closing);
		}
		buf_add_string(out, "</div>\n");
	}
}

struct span
html_render(struct arena *arena, const struct explanation *explanation)
{
	struct buf out;

	buf_init(&out, arena);
	add_card(&out, explanation);
	return sanitize_lines(arena, buf_span(&out));
}

static void
add_head(struct buf *out, const struct explanation *explanation)
{
	buf_add_string(out, "<!DOCTYPE html>\n<html");
	add_language(out, explanation);
	buf_add_string(out, ">\n<head>\n<meta charset=\"utf-8\">\n"
	    "<meta name=\"viewport\"\n"
	    "content=\"width=device-width, initial-scale=1\">\n<title>");
	add_escaped(out, explanation->title);
	buf_add_string(out, "</title>\n</head>\n<body>\n");
}

static void
add_entry(struct buf *out, const struct explanation *explanation,
    struct span notice)
{
	add_card(out, explanation);
	if (notice.len == 0)
		return;
	buf_add_string(out, "<pre lang=\"\" dir=\"auto\"");
	add_style(out, NOTICE, NULL);
	buf_add_string(out, ">");
	add_escaped(out, notice);
	buf_add_string(out, "</pre>\n");
}

struct span
html_document(struct arena *arena, const struct explanation *explanation,
    struct span notice)
{
	struct buf out;

	buf_init(&out, arena);
	add_head(&out, explanation);
	add_entry(&out, explanation, notice);
	buf_add_string(&out, HTML_END);
	return sanitize_lines(arena, buf_span(&out));
}

struct span
html_head(struct arena *arena, const struct explanation *explanation)
{
	struct buf out;

	buf_init(&out, arena);
	add_head(&out, explanation);
	return sanitize_lines(arena, buf_span(&out));
}

struct span
html_entry(struct arena *arena, const struct explanation *explanation,
    struct span notice)
{
	struct buf out;

	buf_init(&out, arena);
	add_entry(&out, explanation, notice);
	return sanitize_lines(arena, buf_span(&out));
}
