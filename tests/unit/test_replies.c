/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replies of real servers and the cause that a postmaster would name:
 * replies.tsv of the folder that the environment variable TESTS names.
 */
#include <errno.h>

#include "builtin.h"

#define REPLY_FILE "replies.tsv"
#define LINES 5000

struct table {
	struct builtin *builtin;
	char path[4096];
	char *bytes;
	struct line {
		char *reply;
		char *cause;
	} lines[LINES];
	size_t n;
	size_t faults;		/* lines that are no row */
};

static char *
read_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	size_t size = 0, room = (size_t)4 << 20;
	char *bytes;

	if (file == NULL)
		return NULL;
	bytes = malloc(room);
	if (bytes != NULL) {
		size = fread(bytes, 1, room - 1, file);
		bytes[size] = '\0';
	}
	fclose(file);
	return bytes;
}

/* Cuts the bytes into rows; tells each line that is none. */
static void
cut_rows(struct table *table)
{
	char *line = table->bytes;

	for (unsigned number = 1; *line != '\0' && table->n < LINES;
	    number++) {
		size_t len = strcspn(line, "\n");
		bool last = line[len] == '\0';
		char *tab;

		line[len] = '\0';
		tab = strchr(line, '\t');
		if (tab == NULL || tab == line || tab[1] == '\0' ||
		    strchr(tab + 1, '\t') != NULL) {
			print_error("%s:%u: no row of two columns\n",
			    table->path, number);
			table->faults++;
		} else {
			*tab = '\0';
			table->lines[table->n++] = (struct line){ line,
			    tab + 1 };
		}
		line += len + (last ? 0 : 1);
	}
}

static int
setup(void **state)
{
	static struct table table;
	const char *folder = getenv("TESTS");
	void *builtin;

	snprintf(table.path, sizeof(table.path), "%s/" REPLY_FILE,
	    folder != NULL ? folder : "tests");
	table.bytes = read_file(table.path);
	if (table.bytes == NULL) {
		print_error("%s: %s\n", table.path, strerror(errno));
		return -1;
	}
	cut_rows(&table);
	if (builtin_setup(&builtin) != 0)
		return -1;
	table.builtin = builtin;
	*state = &table;
	return 0;
}

static int
teardown(void **state)
{
	struct table *table = *state;
	void *builtin;

	if (table == NULL)	/* setting up failed */
		return 0;
	builtin = table->builtin;
	free(table->bytes);
	return builtin_teardown(&builtin);
}

/* The table itself: whole rows, known causes, no reply twice. */
static void
test_table_is_sound(void **state)
{
	struct table *table = *state;

	for (size_t i = 0; i < table->n; i++) {
		const struct line *line = &table->lines[i];

		if (cause_by_id(default_book.causes, default_book.ncauses,
		    line->cause) == NULL) {
			print_error("no such cause: %s\n", line->cause);
			table->faults++;
		}
		for (size_t k = 0; k < i; k++)
			if (strcmp(table->lines[k].reply, line->reply) == 0) {
				print_error("twice: %s\n", line->reply);
				table->faults++;
			}
	}
	assert_true(table->n > 800);
	assert_int_equal(table->faults, 0);
}

static void
test_each_reply(void **state)
{
	struct table *table = *state;
	size_t wrong = 0;

	for (size_t i = 0; i < table->n; i++) {
		const struct line *line = &table->lines[i];
		struct finding finding;

		builtin_find(table->builtin, &finding, line->reply, NULL);
		if (strcmp(finding.cause->id, line->cause) != 0) {
			print_error("want %s, got %s (%s, rule %s): %s\n",
			    line->cause, finding.cause->id,
			    decided_by_name(finding.decided_by),
			    finding.rule != NULL ? finding.rule->name : "-",
			    line->reply);
			wrong++;
		}
		builtin_clear(table->builtin);
	}
	if (wrong > 0)
		fail_msg("%zu of %zu replies got another cause", wrong,
		    table->n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_is_sound),
		cmocka_unit_test(test_each_reply),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
