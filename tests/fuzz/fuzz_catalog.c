/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Catalogues: any bytes are refused or sound. Input that is no .mo file is
 * taken for lines "key=text", of which a good one is made. An explanation is
 * written with whatever is sound.
 */
#include "fuzz_annotator.h"

#include "base/ascii.h"
#include "base/buf.h"
#include "explain/explain.h"
#include "explain/html.h"
#include "explain/text.h"

#define ENTRIES 64

struct entry {
	struct span key;
	struct span text;
};

static int
compare_entries(const void *a, const void *b)
{
	const struct entry *one = a, *other = b;
	size_t len = one->key.len < other->key.len ? one->key.len :
	    other->key.len;
	int order = memcmp(one->key.p, other->key.p, len);

	if (order != 0)
		return order;
	return one->key.len < other->key.len ? -1 :
	    one->key.len > other->key.len;
}

static bool
is_text(struct span line)
{
	for (size_t i = 0; i < line.len; i++)
		if (ascii_is_control(line.p[i]))
			return false;
	return charset_is_utf8(line);
}

/* Reads the lines, sorted and without doubles. */
static size_t
read_entries(struct span bytes, struct entry *entries)
{
	struct span line;
	size_t n = 0, kept = 0;

	while (n < ENTRIES && span_next_line(&bytes, &line)) {
		size_t equals = span_find_char(line, '=');

		if (equals == SPAN_NONE || !is_text(line))
			continue;
		entries[n].key = span_first(line, equals);
		entries[n++].text = span_from(line, equals + 1);
	}
	if (n > 0)
		qsort(entries, n, sizeof(entries[0]), compare_entries);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || compare_entries(&entries[i - 1], &entries[i]) !=
		    0)
			entries[kept++] = entries[i];
	return kept;
}

static void
add_number(struct buf *out, size_t number)
{
	uint32_t n = (uint32_t)number;

	buf_add(out, &n, sizeof(n));
}

/* Makes a .mo file: header, two tables, strings. */
static struct span
make_catalog(struct arena *arena, const struct entry *entries, size_t n)
{
	size_t at = 20 + n * 16;
	struct buf out;

	buf_init(&out, arena);
	add_number(&out, 0x950412de);
	add_number(&out, 0);
	add_number(&out, n);
	add_number(&out, 20);
	add_number(&out, 20 + n * 8);
	for (size_t table = 0; table < 2; table++)
		for (size_t i = 0; i < n; i++) {
			size_t len = table == 0 ? entries[i].key.len :
			    entries[i].text.len;

			add_number(&out, len);
			add_number(&out, at);
			at += len + 1;
		}
	for (size_t table = 0; table < 2; table++)
		for (size_t i = 0; i < n; i++) {
			buf_add_span(&out, table == 0 ? entries[i].key :
			    entries[i].text);
			buf_add_char(&out, '\0');
		}
	return buf_span(&out);
}

static void
check_made(struct arena *arena, struct span bytes)
{
	struct entry entries[ENTRIES];
	size_t n = read_entries(bytes, entries);
	struct catalog catalog;

	CHECK(catalog_open(&catalog, make_catalog(arena, entries, n), true) ==
	    NULL);
	CHECK(catalog.n == n);
	for (size_t i = 0; i < n; i++) {
		char *key = arena_alloc(arena, entries[i].key.len + 1);
		struct span text;

		CHECK(key != NULL);
		memcpy(key, entries[i].key.p, entries[i].key.len);
		text = catalog_text(&catalog, key);
		CHECK(entries[i].text.len == 0 ? text.p == NULL :
		    span_equal(text, entries[i].text));
	}
}

/* A report of a few kinds at once, with a value for each placeholder. */
static void
check_told(struct arena *arena, const struct languages *languages,
    const struct language *language)
{
	static const enum action actions[] = {
		ACTION_FAILED, ACTION_FAILED, ACTION_DELAYED,
		ACTION_DELIVERED, ACTION_RELAYED
	};
	const struct annotator *annotator = &fuzz_settings()->annotator;
	struct recipient recipients[5];
	struct finding findings[5];
	struct report report = { .kind = REPORT_PROSE, .n = 5,
	    .recipients = recipients };
	struct explain_options options = { .languages = languages,
	    .language = language, .host = span_of(FUZZ_HOST),
	    .helpdesk = span_of("tel. 1234"), .spell_at = true,
	    .backscatter = true };
	struct explanation explanation;
	struct span title;

	for (size_t i = 0; i < 5; i++) {
		recipients[i] = (struct recipient){
			.address = span_of("anna@example.com"),
			.original = span_of("team@example.net"),
			.action = actions[i], .code = 550,
			.retry_until = span_of(
			    "Tue, 3 Jun 2025 14:02:00 +0200")
		};
		findings[i] = (struct finding){
			.cause = &annotator->causes[(i * 7) %
			    annotator->ncauses],
			.timed_out = i == 1,
			.suggestion = span_of("gmail.com")
		};
		for (size_t k = 0; k < RULE_PARAMETERS; k++)
			findings[i].parameters[findings[i].n++] =
			    (struct parameter){ rule_parameter_names[k],
			    span_of("26214400") };
	}
	if (!explain(&explanation, arena, &report, findings, &options)) {
		CHECK(arena->failed);
		return;
	}
	title = field_explanation(arena, explanation.title);
	if (title.len > 0)
		fuzz_check_field(title, true);
	text_render(arena, &explanation);
	fuzz_check_html(html_render(arena, &explanation));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct annotator *annotator = &fuzz_settings()->annotator;
	struct span bytes = fuzz_input(data, size);
	struct language language[2] = { annotator->languages.v[0],
	    { .tag = "pl-PL" } };
	struct languages languages;
	struct entry entries[ENTRIES];
	struct arena arena;
	const char *fault;

	arena_init(&arena, size * 64 + (4 << 20));
	check_made(&arena, bytes);
	/* The head of a .mo file, in either byte order. */
	if (size < 4 || (memcmp(data, "\xde\x12\x04\x95", 4) != 0 &&
	    memcmp(data, "\x95\x04\x12\xde", 4) != 0))
		bytes = make_catalog(&arena, entries, read_entries(bytes,
		    entries));
	fault = catalog_open(&language[1].catalog, bytes, true);
	CHECK(fault == NULL || language[1].catalog.n == 0);
	CHECK(catalog_text(&language[1].catalog, "").len <= bytes.len);
	languages_init(&languages, language, 2);
	check_told(&arena, &languages, &language[1]);
	/* No language at all that has every text. */
	language[0].catalog = language[1].catalog;
	check_told(&arena, &languages, &language[0]);
	CHECK(arena.used <= arena.limit);
	arena_release(&arena);
	return 0;
}
