/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mkdefaults - write the built-in defaults as C tables
 *
 * usage: mkdefaults CAUSES RULES DOMAINS TAG=FILE.mo... > defaults.c
 *
 * Part of the build only. Any fault in the files stops the build.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/book.h"
#include "cause/ruleset.h"
#include "explain/catalog.h"

static void
tell(void *context, const char *file, unsigned line, const char *what)
{
	(void)context;
	if (line > 0)
		fprintf(stderr, "%s:%u: %s\n", file, line, what);
	else
		fprintf(stderr, "%s: %s\n", file, what);
}

static void
put_string(const char *string)
{
	if (string == NULL) {
		fputs("NULL", stdout);
		return;
	}
	putchar('"');
	for (; *string != '\0'; string++) {
		unsigned char c = (unsigned char)*string;

		if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '?')
			printf("\\%03o", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void
put_list(const char *const *list)
{
	if (list == NULL) {
		fputs("NULL", stdout);
		return;
	}
	fputs("(const char *const[]){ ", stdout);
	for (; *list != NULL; list++) {
		put_string(*list);
		fputs(", ", stdout);
	}
	fputs("NULL }", stdout);
}

static void
put_codes(const int *codes)
{
	if (codes == NULL) {
		fputs("NULL", stdout);
		return;
	}
	fputs("(const int[]){ ", stdout);
	for (; *codes != 0; codes++)
		printf("%d, ", *codes);
	fputs("0 }", stdout);
}

static void
put_rule(const struct rule *rule)
{
	fputs("\t{ .name = ", stdout);
	put_string(rule->name);
	fputs(", .file = ", stdout);
	put_string(rule->file);
	printf(", .line = %u, .priority = %d,\n\t  .text = ", rule->line,
	    rule->priority);
	put_string(rule->text);
	fputs(",\n\t  .from = ", stdout);
	put_list(rule->from);
	fputs(", .status = ", stdout);
	put_list(rule->status);
	fputs(", .code = ", stdout);
	put_codes(rule->code);
	fputs(", .system = ", stdout);
	put_string(rule->system);
	fputs(",\n\t  .cause = ", stdout);
	put_string(rule->cause);
	fputs(", .blocklist = ", stdout);
	put_string(rule->blocklist);
	fputs(",\n\t  .example = ", stdout);
	put_list(rule->example);
	fputs(", .server = ", stdout);
	put_string(rule->server);
	fputs(" },\n", stdout);
}

static void
put_book(const struct book *book)
{
	puts("static const struct cause causes[] = {");
	for (size_t i = 0; i < book->ncauses; i++) {
		const struct cause *cause = &book->causes[i];

		fputs("\t{ ", stdout);
		put_string(cause->id);
		printf(", %d, %d, %d, %d },\n", (int)cause->fix,
		    (int)cause->again, (int)cause->stop,
		    cause->names_sender);
	}
	puts("};\n\nstatic const struct rule rules[] = {");
	for (size_t i = 0; i < book->rules.nrules; i++)
		put_rule(&book->rules.rules[i]);
	puts("};\n\nstatic const struct blocklist blocklists[] = {");
	for (size_t i = 0; i < book->rules.nblocklists; i++) {
		const struct blocklist *list = &book->rules.blocklists[i];

		fputs("\t{ ", stdout);
		put_string(list->name);
		fputs(", ", stdout);
		put_list(list->match);
		fputs(", ", stdout);
		put_string(list->title);
		fputs(", ", stdout);
		put_string(list->url);
		fputs(" },\n", stdout);
	}
	printf("};\n\nconst struct rule_book default_book = {\n"
	    "\tcauses, %zu, rules, %zu, blocklists, %zu, &rule_index\n};\n\n",
	    book->ncauses, book->rules.nrules, book->rules.nblocklists);
}

/* Writes element i of an array whose numbers fill lines. */
static void
put_number(size_t i, unsigned long long number)
{
	printf(i % 12 == 0 ? "\n\t%lluU," : " %lluU,", number);
}

static void
put_prefilter(const struct prefilter *prefilter)
{
	puts("static const uint64_t always[] = {");
	for (size_t i = 0; i < PREFILTER_RUNS * prefilter->words; i++)
		put_number(i, prefilter->always[i]);
	puts("\n};\n\nstatic const uint64_t eight_bit[] = {");
	for (size_t i = 0; i < PREFILTER_RUNS * prefilter->words; i++)
		put_number(i, prefilter->eight_bit[i]);
	puts("\n};\n\nstatic const struct prefilter_branch starts[] = {");
	for (size_t i = 0; i < PREFILTER_PAIRS; i++)
		printf("\t{ %u, %#x },\n",
		    (unsigned)prefilter->starts[i].child,
		    (unsigned)prefilter->starts[i].symbols);
	puts("};\n\nstatic const struct prefilter_state states[] = {");
	for (size_t i = 0; i <= prefilter->nstates; i++)
		printf("\t{ { %u, %#x }, %#x, %u },\n",
		    (unsigned)prefilter->states[i].next.child,
		    (unsigned)prefilter->states[i].next.symbols,
		    (unsigned)prefilter->states[i].tail,
		    (unsigned)prefilter->states[i].bit);
	puts("};\n\nstatic const uint32_t bits[] = {");
	for (size_t i = 0; i < prefilter->nbits; i++)
		put_number(i, prefilter->bits[i]);
	printf("\n};\n\nstatic const struct prefilter prefilter = {\n"
	    "\t%zu, %zu, %zu,\n\talways, eight_bit, starts, states, bits\n"
	    "};\n\n", prefilter->words, prefilter->nstates,
	    prefilter->nbits);
}

static void
fault_in_rule(void *context, const struct rule *rule, const char *what)
{
	bool *faulty = context;

	*faulty = true;
	tell(NULL, rule->file, rule->line, what);
}

/* What is made of the patterns, so that no program need make it again. */
static bool
put_index(const struct book *book)
{
	bool faulty = false;
	struct ruleset *set = ruleset_new(&book->rules, book->causes,
	    book->ncauses, true, fault_in_rule, &faulty);

	if (set != NULL && !faulty) {
		put_prefilter(set->index->prefilter);
		puts("static const struct alternative alternatives[] = {");
		for (size_t i = 0; i < set->index->n; i++) {
			fputs("\t{ ", stdout);
			put_string(set->index->alternatives[i].pattern);
			printf(", %u },\n",
			    (unsigned)set->index->alternatives[i].rule);
		}
		printf("};\n\nstatic const struct rule_index rule_index = {\n"
		    "\talternatives, %zu, &prefilter\n};\n\n",
		    set->index->n);
	}
	ruleset_free(set);
	return set != NULL && !faulty;
}

/* One domain a line; what follows a '#' is a comment. */
static bool
put_domains(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[256];

	if (file == NULL) {
		perror(path);
		return false;
	}
	puts("const struct span default_domains[] = {");
	while (fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, " \t\r\n#")] = '\0';
		if (line[0] == '\0')
			continue;
		printf("\tSPAN_INIT(");
		put_string(line);
		puts("),");
	}
	puts("\t{ NULL, 0 }\n};\n");
	fclose(file);
	return true;
}

/* Writes one catalogue; returns its length, 0 on failure. */
static size_t
put_catalog(const char *path, int number)
{
	static char bytes[1 << 20];
	FILE *file = fopen(path, "rb");
	struct catalog catalog;
	const char *wrong;
	size_t len;

	if (file == NULL) {
		perror(path);
		return 0;
	}
	len = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	wrong = len == sizeof(bytes) ? "it is too long" :
	    catalog_open(&catalog, (struct span){ bytes, len }, true);
	if (wrong != NULL) {
		tell(NULL, path, 0, wrong);
		return 0;
	}
	printf("static const unsigned char catalog_%d[] = {", number);
	for (size_t i = 0; i < len; i++)
		printf(i % 20 == 0 ? "\n\t%d," : "%d,",
		    (unsigned char)bytes[i]);
	puts("\n};\n");
	return len;
}

static bool
put_languages(int n, char *const *names)
{
	size_t *sizes = calloc((size_t)n + 1, sizeof(*sizes));
	bool ok = sizes != NULL;

	for (int i = 0; ok && i < n; i++) {
		const char *equals = strchr(names[i], '=');

		ok = equals != NULL &&
		    (sizes[i] = put_catalog(equals + 1, i)) > 0;
	}
	if (ok)
		puts("const struct default_language default_languages[] = {");
	for (int i = 0; ok && i < n; i++)
		printf("\t{ \"%.*s\", catalog_%d, %zu },\n",
		    (int)strcspn(names[i], "="), names[i], i, sizes[i]);
	if (ok)
		printf("};\nconst size_t default_nlanguages = %d;\n", n);
	free(sizes);
	return ok;
}

int
main(int argc, char **argv)
{
	struct faults faults = { .tell = tell };
	struct book book;
	bool ok;

	if (argc < 5) {
		fputs("usage: mkdefaults CAUSES RULES DOMAINS TAG=FILE.mo...\n",
		    stderr);
		return 2;
	}
	book_init(&book);
	ok = book_read_causes(&book, argv[1], &faults) &&
	    book_read_rules(&book, argv[2], NULL, &faults);
	puts("/* Made by mkdefaults from conf/; do not edit. */\n"
	    "#include \"app/defaults.h\"\n"
	    "#include \"cause/prefilter.h\"\n");
	ok = ok && put_index(&book);
	if (ok)
		put_book(&book);
	ok = ok && put_domains(argv[3]) && put_languages(argc - 4, argv + 4) &&
	    fflush(stdout) == 0;
	book_release(&book);
	return ok ? 0 : 1;
}
