/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The built-in settings, for targets that need all of them, and what their
 * fields and texts must keep to.
 */
#ifndef FUZZ_ANNOTATOR_H
#define FUZZ_ANNOTATOR_H

#include "fuzz.h"

#include "app/settings.h"
#include "edit/fields.h"

#define FUZZ_HOST "mail.example.org"

static inline struct settings *
fuzz_settings(void)
{
	static struct settings *settings;
	static const struct span hosts[] = {
		SPAN_INIT("*.example.org"), { NULL, 0 }
	};
	struct faults faults = { .tell = NULL };

	if (settings != NULL)
		return settings;
	settings = settings_load(NULL, false, &faults);
	CHECK(settings != NULL);
	settings->annotator.host = span_of(FUZZ_HOST);
	settings->annotator.site.hosts = hosts;
	/* A sanitizer's slowness must not make runs differ. */
	settings->annotator.time_limit = 0;
	return settings;
}

/* A value that goes into a header field: ASCII, folded, short lines. */
static inline void
fuzz_check_field(struct span value, bool ascii)
{
	struct span rest = value, line;

	CHECK(value.len > 0 && value.p[value.len - 1] != '\n');
	CHECK(!ascii || charset_is_ascii(value));
	CHECK(span_find_char(value, '\r') == SPAN_NONE);
	CHECK(span_find_char(value, '\0') == SPAN_NONE);
	while (span_next_line(&rest, &line)) {
		CHECK(line.len + 24 < 998);
		CHECK(span_trim(line).len > 0);
		CHECK(line.p == value.p || ascii_is_blank(line.p[0]));
	}
}

/* Text of ours: lines that nothing takes for something else. */
static inline void
fuzz_check_plain(struct span text)
{
	struct span line;

	CHECK(text.p != NULL && charset_is_utf8(text));
	CHECK(span_find_char(text, '\r') == SPAN_NONE);
	while (span_next_line(&text, &line)) {
		CHECK(!fuzz_is_risky(line));
		for (size_t i = 0; i < line.len; i++)
			CHECK(!ascii_is_control(line.p[i]));
	}
}

/* HTML of ours: no elements but those it uses, none that does anything. */
static inline void
fuzz_check_html(struct span html)
{
	static const char *const names[] = {
		"!doctype", "body", "div", "h1", "h2", "h3", "head", "html",
		"li", "meta", "ol", "p", "pre", "span", "strong", "title",
		"ul", "wbr", "a", "b", "br"
	};
	size_t at;

	CHECK(html.p != NULL && charset_is_utf8(html));
	while ((at = span_find_char(html, '<')) != SPAN_NONE) {
		size_t len = 0;
		bool known = false;

		html = span_from(html, at + 1);
		if (html.len > 0 && html.p[0] == '/')
			html = span_from(html, 1);
		while (len < html.len && (ascii_is_alnum(html.p[len]) ||
		    html.p[len] == '!'))
			len++;
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			known = known || span_equal_nocase(span_first(html,
			    len), span_of(names[i]));
		CHECK(known);
	}
}

#endif
