/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The settings file: refused with its faults told, or sound in every option.
 * What an option names is read too: "FOLDER" stands for a folder with a rule
 * file own.conf and a catalogue pl.mo, which are what follows in the input
 * behind lines of "%%". The built-in rules are left out: they cost most and
 * never change.
 */
#include "fuzz.h"

#include <unistd.h>

#include "app/defaults.h"

/* The built-in causes, and no rule. */
static struct rule_book no_rules;

#define default_book no_rules
#include "app/settings.c"
#undef default_book

static char folder[200];
static struct {
	size_t n;
	unsigned last_line;
} told;

static const char *const names[] = { "whybounced.conf", "own.conf", "pl.mo" };
#define NAMES (sizeof(names) / sizeof(names[0]))

static void
path_of(char *path, size_t size, size_t name)
{
	snprintf(path, size, "%s/%s", folder, names[name]);
}

static void
remove_folder(void)
{
	char path[300];

	for (size_t i = 0; i < NAMES; i++) {
		path_of(path, sizeof(path), i);
		unlink(path);
	}
	rmdir(folder);
}

static void
make_folder(void)
{
	const char *below = getenv("TMPDIR");

	if (folder[0] != '\0')
		return;
	snprintf(folder, sizeof(folder), "%s/fuzz-settings.XXXXXX",
	    below != NULL ? below : "/tmp");
	CHECK(mkdtemp(folder) != NULL);
	atexit(remove_folder);
}

/* Writes a file, with the folder's path for "FOLDER". */
static void
write_file(size_t name, struct span text)
{
	static const struct span word = SPAN_INIT("FOLDER");
	char path[300];
	size_t at;
	FILE *file;

	path_of(path, sizeof(path), name);
	file = fopen(path, "w");
	CHECK(file != NULL);
	while ((at = span_find(text, word)) != SPAN_NONE) {
		fwrite(text.p, 1, at, file);
		fputs(folder, file);
		text = span_from(text, at + word.len);
	}
	fwrite(text.p, 1, text.len, file);
	CHECK(fclose(file) == 0);
}

/* Writes the pieces of the input into their files. */
static void
write_files(struct span input)
{
	static const struct span parting = SPAN_INIT("\n%%\n");

	for (size_t i = 0; i < NAMES; i++) {
		size_t at = i + 1 < NAMES ? span_find(input, parting) :
		    SPAN_NONE;

		write_file(i, at == SPAN_NONE ? input :
		    span_first(input, at + 1));
		input = at == SPAN_NONE ? SPAN("") :
		    span_from(input, at + parting.len);
	}
}

static void
take_fault(void *context, const char *file, unsigned line, const char *what)
{
	CHECK(context == &told);
	CHECK(file != NULL && what != NULL && what[0] != '\0');
	CHECK(line < 100000);
	told.n++;
}

static void
check_list(const struct span *list)
{
	CHECK(list != NULL);
	for (; list->p != NULL; list++)
		CHECK(list->len < 100000);
}

static void
check_languages(const struct annotator *annotator)
{
	CHECK(annotator->languages.n >= 1);
	CHECK(annotator->languages.n <= MAX_LANGUAGES);
	CHECK(annotator->language != NULL);
	CHECK(catalog_text(&annotator->language->catalog, "").len < 100000);
	for (size_t i = 0; i < annotator->nchoices; i++) {
		CHECK(annotator->choices[i].reader != NULL);
		CHECK(annotator->choices[i].language != NULL);
	}
}

static void
check_settings(const struct settings *settings)
{
	const struct annotator *annotator = &settings->annotator;

	CHECK(settings->path != NULL && settings->user != NULL);
	CHECK(settings->pid_file != NULL && settings->metrics_file != NULL);
	CHECK(strchr(settings->socket, ':') != NULL);
	CHECK(settings->socket_umask <= 0777);
	CHECK(settings->memory_limit > 0 && annotator->max_body > 0);
	CHECK(annotator->max_body < SIZE_MAX / 16);
	CHECK(annotator->host.len > 0);
	CHECK(annotator->time_limit > 0 && annotator->time_limit <= 300);
	CHECK(annotator->nrules >= 1 && annotator->nrules <= 2);
	check_list(annotator->site.hosts);
	check_list(annotator->site.domains);
	check_list(annotator->exempt);
	check_list(annotator->domains.own);
	check_languages(annotator);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings *settings;
	char path[300];
	size_t before = 0;

	make_folder();
	no_rules = default_book;
	no_rules.nrules = 0;
	write_files(fuzz_input(data, size));
	path_of(path, sizeof(path), 0);
	/* Twice, for what libconfuse keeps between two files. */
	for (int i = 0; i < 2; i++) {
		struct faults faults = { .tell = take_fault,
		    .context = &told };

		told.n = 0;
		settings = settings_load(path, i, &faults);
		CHECK(told.n == faults.n);
		CHECK((settings != NULL) == (faults.n == faults.skipped));
		CHECK(i == 0 || faults.n == before);
		before = faults.n;
		if (settings != NULL)
			check_settings(settings);
		settings_free(settings);
	}
	return 0;
}
