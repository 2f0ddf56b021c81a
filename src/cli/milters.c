/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/milters.h"

#include <stdio.h>
#include <string.h>

#define ACTION "default_action"

static const char separators[] = " ,\t";

/* Drops leading bytes that are any of these. */
static struct span
skip(struct span text, const char *any)
{
	size_t n = 0;

	while (n < text.len && strchr(any, text.p[n]) != NULL)
		n++;
	return span_from(text, n);
}

/* Returns the text up to the first byte that is any of these. */
static struct span
until(struct span text, const char *any)
{
	size_t n = 0;

	while (n < text.len && strchr(any, text.p[n]) == NULL)
		n++;
	return span_first(text, n);
}

bool
milters_next(struct span *rest, struct span *entry)
{
	struct span text = skip(*rest, separators);
	size_t depth = 0, n = 0;

	if (text.len == 0)
		return false;
	*entry = until(text, separators);
	if (text.p[0] == '{') {
		/* Options with blanks stand in braces of their own. */
		do {
			depth += text.p[n] == '{';
			depth -= text.p[n] == '}';
		} while (++n < text.len && depth > 0);
		*entry = span_first(text, n);
	}
	*rest = span_from(text, entry->len);
	return true;
}

struct span
milter_address(struct span entry)
{
	return until(skip(entry, "{ \t"), " ,\t}");
}

struct span
milter_action(struct span entry)
{
	size_t at = span_find(entry, SPAN(ACTION));

	if (at == SPAN_NONE)
		return SPAN_ABSENT;
	entry = span_from(entry, at + sizeof(ACTION) - 1);
	return until(skip(entry, " \t="), " \t,}");
}

bool
milter_is_signer(struct span entry)
{
	return span_find_nocase(entry, SPAN("dkim")) != SPAN_NONE ||
	    span_find_nocase(entry, SPAN(":8891")) != SPAN_NONE ||
	    span_find_nocase(entry, SPAN(":12301")) != SPAN_NONE;
}

void
milter_accepting(char *text, size_t size, struct span entry)
{
	struct span action = milter_action(entry);
	struct span address = milter_address(entry), options = SPAN("");

	if (action.len > 0) {
		milters_replace(text, size, entry, action, "accept");
		return;
	}
	if (entry.p[0] == '{') {
		options = span_from(entry,
		    (size_t)(address.p + address.len - entry.p));
		if (options.len > 0)
			options.len--;	/* the brace that closes */
		options = span_trim(skip(options, separators));
	}
	snprintf(text, size, "{ %.*s, %.*s%s" ACTION "=accept }",
	    (int)address.len, address.p, (int)options.len, options.p,
	    options.len > 0 ? ", " : "");
}

void
milters_replace(char *text, size_t size, struct span list,
    struct span entry, const char *by)
{
	size_t before = (size_t)(entry.p - list.p);
	struct span after = span_from(list, before + entry.len);

	snprintf(text, size, "%.*s%s%.*s", (int)before, list.p, by,
	    (int)after.len, after.p);
}

void
milters_move_first(char *text, size_t size, struct span list,
    struct span entry)
{
	struct span rest = list, other;
	int len = snprintf(text, size, "%.*s", (int)entry.len, entry.p);

	while (milters_next(&rest, &other))
		if (other.p != entry.p && (size_t)len < size)
			len += snprintf(text + len, size - (size_t)len,
			    ", %.*s", (int)other.len, other.p);
}
