/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An administrator's rule file: read, told about, compiled, tried. The file
 * lies in a folder of its own below TMPDIR.
 */
#include "fuzz_annotator.h"

#include <unistd.h>

#include "app/book.h"

static char folder[256];
static char path[300];

static void
remove_folder(void)
{
	unlink(path);
	rmdir(folder);
}

static void
write_file(const uint8_t *data, size_t size)
{
	FILE *file;

	if (folder[0] == '\0') {
		const char *below = getenv("TMPDIR");

		snprintf(folder, sizeof(folder), "%s/fuzz-rules.XXXXXX",
		    below != NULL ? below : "/tmp");
		CHECK(mkdtemp(folder) != NULL);
		snprintf(path, sizeof(path), "%s/a.conf", folder);
		atexit(remove_folder);
	}
	file = fopen(path, "w");
	CHECK(file != NULL);
	CHECK(fwrite(data, 1, size, file) == size);
	fclose(file);
}

static void
take_fault(void *context, const char *file, unsigned line, const char *what)
{
	CHECK(context == NULL);
	CHECK(file != NULL && line < 100000);
	CHECK(what != NULL && what[0] != '\0');
}

static void
take_rule_fault(void *context, const struct rule *rule, const char *what)
{
	CHECK(context == NULL);
	CHECK(rule != NULL && rule->name != NULL && rule->file != NULL);
	CHECK(what != NULL && what[0] != '\0');
}

static void
check_order(const struct rule_book *book)
{
	for (size_t i = 0; i < book->nrules; i++) {
		CHECK(book->rules[i].name != NULL);
		CHECK(book->rules[i].cause != NULL);
		CHECK(i == 0 || book->rules[i - 1].priority <=
		    book->rules[i].priority);
	}
	for (size_t i = 0; i < book->nblocklists; i++)
		CHECK(book->blocklists[i].name != NULL &&
		    book->blocklists[i].match != NULL &&
		    book->blocklists[i].title != NULL);
}

static void
check_matches(struct arena *arena, const struct ruleset *set,
    struct span text)
{
	const struct annotator *annotator = &fuzz_settings()->annotator;
	const struct rule_book *book = ruleset_book(set);
	struct matcher matcher = { .arena = arena, .sets = &set, .nsets = 1,
	    .causes = annotator->causes, .ncauses = annotator->ncauses };
	struct evidence evidence = { .text = text,
	    .server = span_of("mx.example.com"), .status = { 5, 1, 1 },
	    .code = 550, .system = "exim" };
	struct match match;

	for (int level = 0; level < RULE_LEVELS; level++) {
		if (!matcher_find(&matcher, &evidence,
		    (enum rule_level)level, NULL, &match))
			continue;
		CHECK(match.rule != NULL && match.cause != NULL);
		CHECK(match.n <= RULE_PARAMETERS);
		for (size_t i = 0; i < match.n; i++)
			CHECK(fuzz_inside(match.parameters[i].value, text));
		matcher_blocklist(&matcher, &match, text);
	}
	for (size_t i = 0; i < book->nrules; i++) {
		const char *const *example = book->rules[i].example;

		evidence.server = span_of(book->rules[i].server);
		for (size_t k = 0; example != NULL && example[k] != NULL;
		    k++) {
			bool found, alone;

			evidence.text = span_of(example[k]);
			found = matcher_find(&matcher, &evidence,
			    RULES_WITH_TEXT, NULL, &match);
			alone = matcher_rule_matches(&matcher, set,
			    &book->rules[i], &evidence);
			/* The prefilter loses none that matches alone. */
			CHECK(found || !alone || book->rules[i].text == NULL ||
			    arena->failed);
		}
	}
	matcher_release(&matcher);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct annotator *annotator = &fuzz_settings()->annotator;
	struct span bytes = fuzz_input(data, size), line = SPAN_ABSENT;
	struct faults faults = { .tell = take_fault };
	struct ruleset *set;
	struct arena arena;
	struct book book;
	bool good;

	write_file(data, size);
	book_init(&book);
	conf_lock();
	good = book_read_rules(&book, size % 2 ? path : folder, NULL,
	    &faults);
	conf_unlock();
	CHECK(good == (faults.n == 0));
	check_order(&book.rules);
	for (int check = 0; check < 2; check++) {
		set = ruleset_new(&book.rules, annotator->causes,
		    annotator->ncauses, check, take_rule_fault, NULL);
		CHECK(set != NULL);
		span_next_line(&bytes, &line);
		arena_init(&arena, 4 << 20);
		check_matches(&arena, set, line);
		/* A pattern nobody looked at may fail when it is needed. */
		CHECK(!arena.failed || check == 0);
		arena_release(&arena);
		ruleset_free(set);
	}
	conf_lock();
	book_read_causes(&book, path, &faults);
	conf_unlock();
	book_release(&book);
	return 0;
}
