/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/skip.h"

#include "base/ascii.h"

/* How far an explanation may reach, and the name of a host in it. */
#define EXPLANATION_TEXT ((size_t)64 * 1024)
#define HOST_TEXT ((size_t)300)

/* First lines of explanations. */
static const char *const results[] = {
	"result.failed", "result.failed.many", "result.failed.none",
	"result.delayed", "result.delayed.many", "result.delayed.none",
	"result.delivered", "result.delivered.many", "result.delivered.none",
	"result.relayed", "result.relayed.many", "result.relayed.none",
	"result.expanded", "result.expanded.many", "result.expanded.none"
};

static struct span
without_space(struct span s)
{
	while (s.len > 0 && ascii_is_space(s.p[0]))
		s = span_from(s, 1);
	return s;
}

/*
 * Cuts words off the beginning of text, wherever lines are broken in it.
 * Returns false and leaves text alone if it does not begin with them.
 */
static bool
cut_words(struct span *text, struct span words)
{
	struct span rest = *text;

	for (words = without_space(words); words.len > 0;
	    words = without_space(span_from(words, 1))) {
		rest = without_space(rest);
		if (rest.len == 0 || rest.p[0] != words.p[0])
			return false;
		rest = span_from(rest, 1);
	}
	*text = rest;
	return true;
}

/* Splits a template at its one placeholder. */
static bool
split_template(struct span template, struct span *before, struct span *after)
{
	size_t open = span_find_char(template, '{');
	size_t close = span_find_char(template, '}');

	if (open == SPAN_NONE || close == SPAN_NONE || close < open)
		return false;
	*before = span_first(template, open);
	*after = span_from(template, close + 1);
	return before->len > 0 && after->len > 0;
}

/* Cuts the closing line of a language off text, if it begins with it. */
static bool
cut_closing(struct span *text, struct span closing)
{
	struct span before, after, rest = *text;

	if (!split_template(closing, &before, &after) ||
	    !cut_words(&rest, before))
		return false;
	for (size_t i = 1; i < HOST_TEXT && i < rest.len; i++) {
		struct span behind = span_from(rest, i);

		if (behind.p[0] == after.p[0] && cut_words(&behind, after)) {
			*text = behind;
			return true;
		}
	}
	return false;
}

/* Does text begin as an explanation in that language does? */
static bool
begins_explanation(struct span text, const struct languages *languages,
    const struct language *language)
{
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		struct span words = language_text(languages, language,
		    results[i]);
		size_t open = span_find_char(words, '{');
		struct span rest = text;

		if (words.len > 0 && cut_words(&rest, open == SPAN_NONE ?
		    words : span_first(words, open)))
			return true;
	}
	return false;
}

/* Returns text from its first line on that is not empty. */
static struct span
without_empty_lines(struct span text)
{
	struct span rest = text, line;

	while (span_next_line(&rest, &line) && without_space(line).len == 0)
		text = rest;
	return text;
}

static bool
skip_one(struct span *text, const struct languages *languages,
    const bool *begins)
{
	struct span rest = span_first(*text, EXPLANATION_TEXT), line;

	while (span_next_line(&rest, &line)) {
		line = without_space(line);
		if (line.len == 0 || !begins[(unsigned char)line.p[0]])
			continue;
		for (size_t i = 0; i < languages->n; i++) {
			struct span behind = span_from(*text,
			    (size_t)(line.p - text->p));

			if (!cut_closing(&behind, languages->v[i].closing) ||
			    !begins_explanation(*text, languages,
			    &languages->v[i]))
				continue;
			*text = without_empty_lines(behind);
			return true;
		}
	}
	return false;
}

struct span
explanation_skip(const struct languages *languages, struct span text)
{
	/* Few lines begin with the same byte. */
	bool begins[256] = { false };

	for (size_t i = 0; i < languages->n; i++)
		if (languages->v[i].closing.len > 0)
			begins[(unsigned char)languages->v[i].closing.p[0]] =
			    true;
	while (skip_one(&text, languages, begins))
		;
	return text;
}
