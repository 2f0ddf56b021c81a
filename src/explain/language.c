/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/language.h"

#include "base/ascii.h"

/* Languages whose script runs from right to left. */
static const struct span right_to_left[] = {
	SPAN_INIT("ar"), SPAN_INIT("fa"), SPAN_INIT("he"), SPAN_INIT("ur"),
	SPAN_INIT("yi"), SPAN_INIT("ps"), SPAN_INIT("sd"), SPAN_INIT("ug"),
};

/* The tag without its last subtag: "pl" of "pl-PL"; empty at last. */
static struct span
shorter_tag(struct span tag)
{
	while (tag.len > 0 && ascii_is_alnum(tag.p[tag.len - 1]))
		tag.len--;
	return span_first(tag, tag.len > 0 ? tag.len - 1 : 0);
}

void
languages_init(struct languages *languages, struct language *v, size_t n)
{
	*languages = (struct languages){ v, n };
	for (size_t i = 0; i < n; i++) {
		struct span closing = language_text(languages, &v[i],
		    "closing");

		while (closing.len > 0 && ascii_is_space(closing.p[0]))
			closing = span_from(closing, 1);
		v[i].closing = closing;
	}
}

const struct language *
language_find(const struct languages *languages, struct span tag)
{
	for (tag = span_trim(tag); tag.len > 0; tag = shorter_tag(tag))
		for (size_t i = 0; i < languages->n; i++)
			if (span_equal_nocase(span_of(languages->v[i].tag),
			    tag))
				return &languages->v[i];
	return NULL;
}

/* Reads ";q=0.8" at the end of an item; 1000 stands for 1, the default. */
static int
quality(struct span parameters)
{
	size_t q = span_find_nocase(parameters, SPAN("q="));
	int value = 0, scale = 1000;

	if (q == SPAN_NONE)
		return 1000;
	parameters = span_trim(span_from(parameters, q + 2));
	if (parameters.len == 0 || !ascii_is_digit(parameters.p[0]))
		return 0;
	value = (parameters.p[0] - '0') * scale;
	for (size_t i = 2; i < parameters.len && i < 5 &&
	    ascii_is_digit(parameters.p[i]); i++) {
		scale /= 10;
		value += (parameters.p[i] - '0') * scale;
	}
	return value > 1000 ? 1000 : value;
}

const struct language *
language_wanted(const struct languages *languages, struct span value)
{
	const struct language *best = NULL;
	int best_quality = 0;

	value = span_first(value, 1000);
	while (value.len > 0) {
		size_t comma = span_find_char(value, ',');
		struct span item = span_first(value, comma == SPAN_NONE ?
		    value.len : comma);
		size_t semicolon = span_find_char(item, ';');
		const struct language *language = language_find(languages,
		    span_first(item, semicolon == SPAN_NONE ? item.len :
		    semicolon));
		int q = semicolon == SPAN_NONE ? 1000 :
		    quality(span_from(item, semicolon + 1));

		if (language != NULL && q > best_quality) {
			best = language;
			best_quality = q;
		}
		value = span_from(value, item.len + 1);
	}
	return best;
}

struct span
language_own_text(const struct language *language, const char *key)
{
	struct span text = catalog_text(&language->catalog, key);

	if (text.p == NULL && language->below.n > 0)
		text = catalog_text(&language->below, key);
	return text;
}

struct span
language_text(const struct languages *languages,
    const struct language *language, const char *key)
{
	struct span text = language_own_text(language, key);

	if (text.p == NULL)
		text = language_own_text(&languages->v[0], key);
	return text;
}

bool
language_is_right_to_left(const struct language *language)
{
	struct span tag = span_of(language->tag), base = tag;

	while (tag.len > 0) {
		base = tag;
		tag = shorter_tag(tag);
	}
	for (size_t i = 0; i < sizeof(right_to_left) /
	    sizeof(right_to_left[0]); i++)
		if (span_equal_nocase(base, right_to_left[i]))
			return true;
	return false;
}
