/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * whybounce filter - annotate a mail from standard input to standard output,
 * for procmail, Sieve, maildrop, Exim and others. Whatever goes wrong, the
 * mail comes out whole.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "edit/annotate.h"

#define READERS 20
#define TEMPORARY_FILE "temporary file"

struct filter_call {
	bool strict;
	const char *settings;
	const char *sender;
	struct span readers[READERS];
	size_t nreaders;
};

static bool
write_piece(void *context, struct span piece)
{
	return fwrite(piece.p, 1, piece.len, context) == piece.len;
}

/* Copies the rest of standard input, for when there is no memory to hold it;
 * false if it cannot be read. */
static bool
copy_rest(void)
{
	char bytes[16384];
	ssize_t n;

	while ((n = read(STDIN_FILENO, bytes, sizeof(bytes))) > 0 ||
	    (n < 0 && errno == EINTR))
		if (n > 0)
			fwrite(bytes, 1, (size_t)n, stdout);
	return n == 0;
}

/* Who gets the mail, if the caller did not say: the fields of delivery. */
static void
find_readers(struct filter_call *call, const struct message *message)
{
	static const char *const fields[] = {
		"Delivered-To", "X-Original-To", "Envelope-To", "To"
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]) &&
	    call->nreaders == 0; i++) {
		struct span value = header_unfold(message->arena,
		    header_value(&message->root->headers, fields[i]));

		if (value.len > 0)
			call->readers[call->nreaders++] = value;
	}
}

/* Annotates bytes to standard output; false if nothing was written. */
static bool
annotate_bytes(const struct settings *settings, struct filter_call *call,
    struct span bytes)
{
	struct delivery delivery = { .trusted = true };
	struct annotation annotation;
	struct message message;
	struct arena arena;
	bool ok;

	arena_init(&arena, bytes.len * 4 + ((size_t)16 << 20));
	if (call->sender != NULL)
		delivery.envelope = (struct envelope){
		    span_of(call->sender), true };
	ok = message_parse(&message, &arena, bytes,
	    &settings->annotator.limits);
	if (ok) {
		find_readers(call, &message);
		delivery.readers = call->readers;
		delivery.nreaders = call->nreaders;
		ok = annotate(&annotation, &settings->annotator, &message,
		    &delivery);
	}
	if (ok) {
		/* An mbox "From " line stays in front. */
		fwrite(bytes.p, 1, (size_t)(message.bytes.p - bytes.p),
		    stdout);
		edit_write(&annotation.edits, &message, write_piece, stdout);
	}
	arena_release(&arena);
	return ok;
}

/* Annotates into a file; false after saying why the mail stays as it is. */
static bool
annotate_into(int made, struct filter_call *call, struct span bytes)
{
	struct settings *settings = cli_settings(call->settings);
	bool ok = false;

	if (settings == NULL)
		return false;
	if (dup2(made, STDOUT_FILENO) == -1)
		cli_tell_fault(NULL, TEMPORARY_FILE, 0, strerror(errno));
	else if (!annotate_bytes(settings, call, bytes))
		cli_tell_fault(NULL, "filter", 0, strerror(ENOMEM));
	else if (fflush(stdout) != 0 || ferror(stdout))
		cli_tell_fault(NULL, TEMPORARY_FILE, 0, strerror(errno));
	else
		ok = true;
	settings_free(settings);
	return ok;
}

/*
 * Annotates in a process of its own into a file that has no name: what reads
 * the settings (libconfuse, flex) ends the process when memory is used up,
 * and then the mail must still come out. False if nothing was written.
 */
static bool
annotate_apart(struct filter_call *call, struct span bytes)
{
	FILE *made = tmpfile();
	char piece[16384];
	bool ok = false;
	int status = 0;
	pid_t child;
	ssize_t n;
	off_t at = 0;

	if (made == NULL) {
		cli_tell_fault(NULL, TEMPORARY_FILE, 0, strerror(errno));
		return false;
	}
	/* Whoever called with standard output closed must not get it there. */
	if (fileno(made) <= STDERR_FILENO) {
		fclose(made);
		return false;
	}
	child = fork();
	if (child == 0)
		_exit(annotate_into(fileno(made), call, bytes) ?
		    EXIT_SUCCESS : EXIT_FAILURE);
	if (child > 0)
		ok = waitpid(child, &status, 0) == child &&
		    WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
	else
		cli_tell_fault(NULL, "filter", 0, strerror(errno));
	if (WIFSIGNALED(status))
		cli_tell_fault(NULL, "filter", 0, strsignal(WTERMSIG(status)));
	while (ok && (n = pread(fileno(made), piece, sizeof(piece), at)) > 0) {
		fwrite(piece, 1, (size_t)n, stdout);
		at += n;
	}
	fclose(made);
	return ok && at > 0;
}

static bool
read_call(struct filter_call *call, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--strict") == 0)
			call->strict = true;
		else if (i + 1 == argc)
			return false;
		else if (strcmp(argv[i], "-c") == 0)
			call->settings = argv[++i];
		else if (strcmp(argv[i], "-f") == 0)
			call->sender = argv[++i];
		else if (strcmp(argv[i], "-r") != 0)
			return false;
		else if (call->nreaders < READERS)
			call->readers[call->nreaders++] = span_of(argv[++i]);
		else
			i++;	/* the first ones choose the language */
	}
	return true;
}

int
command_filter(int argc, char **argv)
{
	struct filter_call call = { .strict = false };
	bool understood = read_call(&call, argc, argv);
	bool ok = false, lost;
	size_t len = 0;
	char *bytes;
	int error;

	if (!understood)
		cli_usage("filter");
	bytes = cli_read_descriptor(STDIN_FILENO, SIZE_MAX / 8, &len,
	    &error);
	if (error != 0)
		cli_tell_fault(NULL, "standard input", 0, strerror(error));
	else
		ok = understood && annotate_apart(&call,
		    (struct span){ bytes, len });
	if (!ok && len > 0)
		fwrite(bytes, 1, len, stdout);
	/* If that fails, only the caller has the whole mail. */
	lost = error != 0 && !copy_rest();
	if (fflush(stdout) != 0 || ferror(stdout)) {
		cli_tell_fault(NULL, "standard output", 0, strerror(errno));
		lost = true;
	}
	free(bytes);
	return lost || (!ok && call.strict) ? EXIT_TEMPORARY : EXIT_SUCCESS;
}
