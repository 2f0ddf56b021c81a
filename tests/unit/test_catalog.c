/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "app/defaults.h"
#include "explain/catalog.h"
#include "mail/charset.h"
#include "unittest.h"

#define ROOM 1000

/* A catalogue made by hand, with every number in sight. */
struct made {
	unsigned char bytes[ROOM];
	size_t len;
	bool swapped;
};

static void
put_number(struct made *made, size_t at, uint32_t number)
{
	unsigned char b[4] = { (unsigned char)number,
	    (unsigned char)(number >> 8), (unsigned char)(number >> 16),
	    (unsigned char)(number >> 24) };
	const uint16_t probe = 1;
	bool little = *(const unsigned char *)&probe == 1;

	for (size_t i = 0; i < 4; i++)
		made->bytes[at + i] = b[little != made->swapped ? i : 3 - i];
}

static void
put_string(struct made *made, size_t entry, const char *string)
{
	size_t len = strlen(string);

	put_number(made, entry, (uint32_t)len);
	put_number(made, entry + 4, (uint32_t)made->len);
	assert_true(made->len + len + 1 <= ROOM);
	memcpy(made->bytes + made->len, string, len + 1);
	made->len += len + 1;
}

/* Makes a catalogue of n keys and their texts. */
static void
make(struct made *made, const char *const (*pairs)[2], size_t n, bool swapped)
{
	memset(made, 0, sizeof(*made));
	made->swapped = swapped;
	put_number(made, 0, 0x950412de);
	put_number(made, 8, (uint32_t)n);
	put_number(made, 12, 28);
	put_number(made, 16, (uint32_t)(28 + n * 8));
	made->len = 28 + n * 16;
	for (size_t i = 0; i < n; i++)
		put_string(made, 28 + i * 8, pairs[i][0]);
	for (size_t i = 0; i < n; i++)
		put_string(made, 28 + (n + i) * 8, pairs[i][1]);
}

static struct span
bytes_of(const struct made *made)
{
	return (struct span){ (const char *)made->bytes, made->len };
}

static const char *const three[][2] = {
	{ "a.why", "Text A" }, { "b.why", "" }, { "c.why", "Text \303\251" },
};

static void
test_texts(void **state)
{
	(void)state;
	for (int swapped = 0; swapped < 2; swapped++) {
		struct catalog catalog;
		struct made made;

		make(&made, three, COUNT(three), swapped != 0);
		assert_null(catalog_open(&catalog, bytes_of(&made), true));
		assert_span(catalog_text(&catalog, "a.why"), "Text A");
		assert_span(catalog_text(&catalog, "c.why"),
		    "Text \303\251");
		/* What is not translated yet is not there. */
		assert_absent(catalog_text(&catalog, "b.why"));
		assert_absent(catalog_text(&catalog, ""));
		assert_absent(catalog_text(&catalog, "a"));
		assert_absent(catalog_text(&catalog, "a.why2"));
		assert_absent(catalog_text(&catalog, "z"));
	}
}

static void
test_empty_catalogue(void **state)
{
	struct catalog catalog;
	struct made made;

	(void)state;
	make(&made, NULL, 0, false);
	assert_null(catalog_open(&catalog, bytes_of(&made), true));
	assert_absent(catalog_text(&catalog, "a.why"));
}

/*
 * Opens it, in a block of just its size, and expects a fault; a faulty
 * catalogue holds no texts.
 */
static void
assert_faulty(struct span bytes)
{
	struct catalog catalog;
	char *copy = malloc(bytes.len > 0 ? bytes.len : 1);
	const char *fault;

	assert_non_null(copy);
	if (bytes.len > 0)
		memcpy(copy, bytes.p, bytes.len);
	fault = catalog_open(&catalog, (struct span){ copy, bytes.len }, true);
	assert_non_null(fault);
	assert_true(fault[0] != '\0');
	assert_absent(catalog_text(&catalog, "a.why"));
	free(copy);
}

static void
test_faults(void **state)
{
	static const char *const unsorted[][2] = {
		{ "b.why", "B" }, { "a.why", "A" },
	};
	static const char *const twice[][2] = {
		{ "a.why", "A" }, { "a.why", "B" },
	};
	static const char *const no_utf8[][2] = {
		{ "a.why", "caf\351" },
	};
	static const char *const no_utf8_key[][2] = {
		{ "a\377", "A" },
	};
	/* A number of the file, and what makes it faulty. */
	static const struct {
		size_t at;
		uint32_t number;
	} numbers[] = {
		{ 0, 0x950412df },		/* magic */
		{ 4, 2u << 16 },		/* revision */
		{ 8, 1000 }, { 8, UINT32_MAX },	/* count */
		{ 8, 0x20000000 },		/* times 8 is 0 in 32 bits */
		{ 12, ROOM }, { 12, UINT32_MAX },
		{ 16, ROOM }, { 16, UINT32_MAX - 7 },
		{ 28, 6 }, { 28, UINT32_MAX },	/* length of a key */
		{ 28, 4 },			/* ends before its NUL */
		{ 32, ROOM }, { 32, UINT32_MAX },	/* its place */
		{ 52, UINT32_MAX }, { 56, UINT32_MAX },	/* a text's */
	};
	struct made made;

	(void)state;
	assert_faulty(SPAN(""));
	assert_faulty(SPAN("msgid \"a.why\"\nmsgstr \"Text A\"\n"));
	make(&made, unsorted, 2, false);
	assert_faulty(bytes_of(&made));
	make(&made, twice, 2, false);
	assert_faulty(bytes_of(&made));
	make(&made, no_utf8, 1, false);
	assert_faulty(bytes_of(&made));
	make(&made, no_utf8_key, 1, false);
	assert_faulty(bytes_of(&made));
	/* One table alone of which only the first entry is inside. */
	for (size_t table = 0; table < 2; table++) {
		make(&made, three, COUNT(three), false);
		memcpy(made.bytes + made.len,
		    made.bytes + 28 + table * COUNT(three) * 8, 8);
		put_number(&made, 12 + table * 4, (uint32_t)made.len);
		made.len += 8;
		assert_faulty(bytes_of(&made));
	}
	for (size_t i = 0; i < COUNT(numbers); i++) {
		make(&made, three, COUNT(three), false);
		put_number(&made, numbers[i].at, numbers[i].number);
		assert_faulty(bytes_of(&made));
	}
}

/* A key with a NUL inside (a gettext context or plural) is not searched. */
static void
test_nul_in_a_string(void **state)
{
	struct made made;

	(void)state;
	make(&made, three, COUNT(three), false);
	made.bytes[28 + 3 * 16 + 1] = '\0';
	assert_faulty(bytes_of(&made));
}

/* Texts stand in header fields, too. */
static void
test_control_in_text(void **state)
{
	struct made made;

	(void)state;
	make(&made, three, COUNT(three), false);
	made.bytes[28 + 3 * 16 + 1] = '\r';
	assert_faulty(bytes_of(&made));
}

static struct span
builtin_bytes(size_t language)
{
	return (struct span){
	    (const char *)default_languages[language].bytes,
	    default_languages[language].len };
}

static void
test_builtin_languages(void **state)
{
	(void)state;
	assert_true(default_nlanguages > 1);
	assert_string_equal(default_languages[0].tag, "en");
	for (size_t i = 0; i < default_nlanguages; i++) {
		struct catalog catalog;
		struct span text;

		if (catalog_open(&catalog, builtin_bytes(i), true) != NULL)
			fail_msg("%s", default_languages[i].tag);
		text = catalog_text(&catalog, "heading.happened");
		assert_true(text.len > 0);
		assert_true(charset_is_utf8(text));
		assert_absent(catalog_text(&catalog, "no.such.key"));
		/* The file's own header is there, under the empty key. */
		assert_true(span_find(catalog_text(&catalog, ""),
		    SPAN("charset=UTF-8")) != SPAN_NONE);
	}
}

/* Opens bytes that may be anything, and uses what was opened. */
static void
use(struct span bytes)
{
	static const char *const keys[] = {
		"", "address-invalid.why", "heading.happened",
		"virus-found.why", "\377",
	};
	struct catalog catalog;
	const char *fault = catalog_open(&catalog, bytes, true);

	for (size_t i = 0; i < COUNT(keys); i++) {
		struct span text = catalog_text(&catalog, keys[i]);

		if (fault != NULL)
			assert_absent(text);
		else if (text.p != NULL)
			assert_true(charset_is_utf8(text));
	}
}

/*
 * Each byte of a real catalogue spoiled, one at a time: never a crash, and
 * what still opens holds UTF-8. Bytes of numbers are spoiled in several ways,
 * those of texts in one each. The copy is of its exact size, so that a
 * sanitizer sees every byte read beyond it.
 */
static void
test_each_byte_spoiled(void **state)
{
	static const unsigned char spoils[] = { 0x01, 0x80, 0xff, 0 };
	struct span bytes = builtin_bytes(0);
	char *copy = malloc(bytes.len);
	struct catalog catalog;
	size_t numbers;

	(void)state;
	assert_non_null(copy);
	assert_null(catalog_open(&catalog, bytes, true));
	numbers = (catalog.keys > catalog.texts ? catalog.keys :
	    catalog.texts) + catalog.n * 8;
	assert_true(catalog.n > 100 && numbers < bytes.len);
	memcpy(copy, bytes.p, bytes.len);
	for (size_t i = 0; i < bytes.len; i++) {
		for (size_t k = 0; k < COUNT(spoils); k++) {
			if (i >= numbers && i % COUNT(spoils) != k)
				continue;
			copy[i] = (char)(spoils[k] == 0 ? 0 :
			    bytes.p[i] ^ spoils[k]);
			use((struct span){ copy, bytes.len });
		}
		copy[i] = bytes.p[i];
	}
	assert_null(catalog_open(&catalog, (struct span){ copy, bytes.len },
	    true));
	free(copy);
}

/* Cut off anywhere: a fault, never a crash. */
static void
test_each_length(void **state)
{
	struct span bytes = builtin_bytes(0);

	(void)state;
	for (size_t len = 0; len < bytes.len; len += len < 4000 ? 1 : 61)
		assert_faulty(span_first(bytes, len));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_empty_catalogue),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_nul_in_a_string),
		cmocka_unit_test(test_control_in_text),
		cmocka_unit_test(test_builtin_languages),
		cmocka_unit_test(test_each_byte_spoiled),
		cmocka_unit_test(test_each_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
