/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/catalog.h"

#include <string.h>

#include "base/ascii.h"
#include "mail/charset.h"

/* The layout: gettext manual, "The Format of GNU MO Files". */
#define MAGIC 0x950412deU
#define MAGIC_SWAPPED 0xde120495U
#define HEADER_SIZE 20
#define ENTRY_SIZE 8

static uint32_t
number_at(const struct catalog *catalog, size_t offset)
{
	unsigned char b[4];
	uint32_t number;

	memcpy(b, catalog->bytes.p + offset, sizeof(b));
	memcpy(&number, b, sizeof(number));
	if (catalog->swapped)
		number = number >> 24 | (number >> 8 & 0xff00) |
		    (number & 0xff00) << 8 | number << 24;
	return number;
}

/* Returns entry i of a table; the catalogue was checked. */
static struct span
entry(const struct catalog *catalog, uint32_t table, uint32_t i)
{
	size_t at = (size_t)table + (size_t)i * ENTRY_SIZE;

	return (struct span){
	    catalog->bytes.p + number_at(catalog, at + 4),
	    number_at(catalog, at) };
}

/* A control would break a header field, or the look of a text. */
static bool
has_controls(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (ascii_is_control(text.p[i]) && text.p[i] != '\n')
			return true;
	return false;
}

/* Does the string of entry i lie inside the bytes, with its NUL, as text? */
static bool
entry_is_sound(const struct catalog *catalog, uint32_t table, uint32_t i)
{
	size_t at = (size_t)table + (size_t)i * ENTRY_SIZE;
	size_t len = number_at(catalog, at);
	size_t start = number_at(catalog, at + 4);
	struct span text;

	if (start >= catalog->bytes.len || len >= catalog->bytes.len - start)
		return false;
	text = (struct span){ catalog->bytes.p + start, len };
	return text.p[len] == '\0' && !has_controls(text) &&
	    charset_is_utf8(text);
}

/* Reads where the tables are, and checks that they lie inside the bytes. */
static const char *
read_head(struct catalog *catalog)
{
	size_t size = catalog->bytes.len;

	if (size < HEADER_SIZE)
		return "it is too short";
	catalog->swapped = number_at(catalog, 0) == MAGIC_SWAPPED;
	if (number_at(catalog, 0) != MAGIC)
		return "it is no compiled catalogue (.mo)";
	if (number_at(catalog, 4) >> 16 > 1)
		return "its revision is not known";
	catalog->n = number_at(catalog, 8);
	catalog->keys = number_at(catalog, 12);
	catalog->texts = number_at(catalog, 16);
	if (catalog->keys > size || catalog->texts > size ||
	    catalog->n > (size - catalog->keys) / ENTRY_SIZE ||
	    catalog->n > (size - catalog->texts) / ENTRY_SIZE)
		return "a table ends outside the file";
	return NULL;
}

static const char *
check_strings(const struct catalog *catalog)
{
	for (uint32_t i = 0; i < catalog->n; i++) {
		if (!entry_is_sound(catalog, catalog->keys, i) ||
		    !entry_is_sound(catalog, catalog->texts, i))
			return "a string ends outside the file, "
			    "is no UTF-8 or holds a control character";
		if (i > 0 && strcmp(entry(catalog, catalog->keys, i - 1).p,
		    entry(catalog, catalog->keys, i).p) >= 0)
			return "its keys are not sorted";
	}
	return NULL;
}

const char *
catalog_open(struct catalog *catalog, struct span bytes, bool check)
{
	const char *fault;

	*catalog = (struct catalog){ .bytes = bytes };
	fault = read_head(catalog);
	if (fault == NULL && check)
		fault = check_strings(catalog);
	if (fault != NULL)
		*catalog = (struct catalog){ .n = 0 };
	return fault;
}

struct span
catalog_text(const struct catalog *catalog, const char *key)
{
	uint32_t low = 0, high = catalog->n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = strcmp(key,
		    entry(catalog, catalog->keys, middle).p);

		if (order == 0) {
			struct span text = entry(catalog, catalog->texts,
			    middle);

			return text.len > 0 ? text : SPAN_ABSENT;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return SPAN_ABSENT;
}
