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
#include "base/ascii.h"

static void
tell(void *context, const char *file, unsigned line, const char *what)
{
	(void)context;
	fprintf(stderr, "%s:%u: %s\n", file, line, what);
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
		printf(", %d, %d, %d },\n", (int)cause->fix,
		    (int)cause->again, (int)cause->stop);
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
	    "\tcauses, %zu, rules, %zu, blocklists, %zu\n};\n\n",
	    book->ncauses, book->rules.nrules, book->rules.nblocklists);
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
	puts("const char *const default_domains[] = {");
	while (fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, " \t\r\n#")] = '\0';
		if (line[0] == '\0')
			continue;
		putchar('\t');
		put_string(line);
		puts(",");
	}
	puts("\tNULL\n};\n");
	fclose(file);
	return true;
}

/* Writes one catalogue; returns its length, 0 on failure. */
static size_t
put_catalog(const char *path, int number)
{
	FILE *file = fopen(path, "rb");
	size_t len = 0;
	int c;

	if (file == NULL) {
		perror(path);
		return 0;
	}
	printf("static const unsigned char catalog_%d[] = {", number);
	for (; (c = getc(file)) != EOF; len++)
		printf(len % 20 == 0 ? "\n\t%d," : "%d,", c);
	puts("\n};\n");
	fclose(file);
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
	    "#include \"app/defaults.h\"\n");
	if (ok)
		put_book(&book);
	ok = ok && put_domains(argv[3]) && put_languages(argc - 4, argv + 4) &&
	    fflush(stdout) == 0;
	book_release(&book);
	return ok ? 0 : 1;
}
