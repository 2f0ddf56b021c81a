/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * whybounce - read, explain and annotate bounces; see whybounce(1).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/version.h"
#include "cli/cli.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *arguments;
	const char *what;
} commands[] = {
	{ "show", command_show, "[--json] [-c FILE] [MAIL...]",
	    "what a bounce says" },
	{ "explain", command_explain, "[-c FILE] [-l LANGUAGE] "
	    "[--html | --json] [--from SERVER] [REPLY...]",
	    "what a reply means" },
	{ "filter", command_filter, "[--strict] [-c FILE] [-f SENDER] "
	    "[-r RECIPIENT]...", "annotate a mail on its way" },
	{ "check", command_check, "[-c FILE]",
	    "check settings, rules and languages" },
	{ "doctor", command_doctor, "[-c FILE] [-p POSTFIX-FOLDER]",
	    "find what keeps it from working" },
};

#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

void
cli_tell_fault(void *context, const char *file, unsigned line,
    const char *what)
{
	(void)context;
	if (line > 0)
		fprintf(stderr, "whybounce: %s:%u: %s\n", file, line, what);
	else
		fprintf(stderr, "whybounce: %s: %s\n", file, what);
}

struct settings *
cli_settings(const char *path)
{
	struct faults faults = { .tell = cli_tell_fault };

	return settings_load_default(path, &faults);
}

char *
cli_read_descriptor(int descriptor, size_t limit, size_t *len, int *error)
{
	size_t capacity = 65536;
	char *bytes = NULL, *more;
	ssize_t n = 1;

	*len = 0;
	*error = 0;
	while (*error == 0 && n != 0) {
		if (bytes == NULL || *len == capacity) {
			capacity += capacity / 2;
			more = realloc(bytes, capacity);
			if (more == NULL) {
				*error = ENOMEM;
				break;
			}
			bytes = more;
		}
		n = read(descriptor, bytes + *len, capacity - *len);
		if (n > 0)
			*len += (size_t)n;
		else if (n < 0 && errno != EINTR)
			*error = errno;
		if (*len > limit)
			*error = EFBIG;
	}
	return bytes;
}

char *
cli_read(const char *path, size_t limit, size_t *len)
{
	bool given = strcmp(path, "-") == 0;
	int descriptor = given ? STDIN_FILENO : open(path, O_RDONLY);
	char *bytes;
	int error;

	*len = 0;
	if (descriptor < 0)
		return NULL;
	bytes = cli_read_descriptor(descriptor, limit, len, &error);
	if (!given)
		close(descriptor);
	if (error == 0)
		return bytes;
	free(bytes);
	errno = error;
	return NULL;
}

static void
print_usage(FILE *out, const char *command)
{
	for (size_t i = 0; i < NCOMMANDS; i++)
		if (strcmp(commands[i].name, command) == 0)
			fprintf(out, "usage: whybounce %s %s\n", command,
			    commands[i].arguments);
}

int
cli_usage(const char *command)
{
	print_usage(stderr, command);
	return EXIT_USAGE;
}

static int
usage(FILE *out)
{
	fputs("usage: whybounce COMMAND [ARGUMENT...]\n\n", out);
	for (size_t i = 0; i < NCOMMANDS; i++)
		fprintf(out, "  %-8s  %s\n", commands[i].name,
		    commands[i].what);
	fputs("\nSee whybounce(1).\n", out);
	return out == stdout ? EXIT_SUCCESS : EXIT_USAGE;
}

/* Ends a command: what it printed must have arrived. */
static int
finish(int result)
{
	bool lost = fflush(stdout) != 0;

	if (!lost && !ferror(stdout))
		return result;
	if (result != EXIT_SUCCESS)
		return result;
	cli_tell_fault(NULL, "standard output", 0, lost ? strerror(errno) :
	    "it could not be written");
	return EXIT_FAILURE;
}

static bool
asks_for_help(const char *argument)
{
	return strcmp(argument, "-h") == 0 || strcmp(argument, "--help") == 0;
}

/* Runs command i; filter passes its input on, whatever it is called with. */
static int
run_command(size_t i, int argc, char **argv)
{
	if (argc == 2 && asks_for_help(argv[1]) &&
	    commands[i].run != command_filter) {
		print_usage(stdout, commands[i].name);
		return EXIT_SUCCESS;
	}
	return commands[i].run(argc, argv);
}

int
main(int argc, char **argv)
{
	if (argc < 2)
		return usage(stderr);
	if (strcmp(argv[1], "-V") == 0 || strcmp(argv[1], "--version") == 0) {
		puts("whybounce " VERSION);
		return EXIT_SUCCESS;
	}
	if (asks_for_help(argv[1]))
		return usage(stdout);
	for (size_t i = 0; i < NCOMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return finish(run_command(i, argc - 1, argv + 1));
	fprintf(stderr, "whybounce: there is no command \"%s\"\n\n", argv[1]);
	return usage(stderr);
}
