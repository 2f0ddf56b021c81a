/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/conf.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/ascii.h"
#include "base/span.h"

#define LARGEST_FILE ((size_t)16 << 20)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* libconfuse's error function has no context; guarded by the lock. */
static struct faults *parse_faults;

void
conf_lock(void)
{
	pthread_mutex_lock(&lock);
}

void
conf_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

void
fault_tell(struct faults *faults, const char *file, unsigned line,
    const char *format, ...)
{
	char what[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(what, sizeof(what), format, ap);
	va_end(ap);
	faults->n++;
	if (faults->tell != NULL)
		faults->tell(faults->context, file, line, what);
}

__attribute__((format(printf, 2, 0)))
static void
confuse_error(cfg_t *cfg, const char *format, va_list ap)
{
	char what[400];

	vsnprintf(what, sizeof(what), format, ap);
	fault_tell(parse_faults, cfg->filename != NULL ? cfg->filename : "-",
	    cfg->line > 0 ? (unsigned)cfg->line : 0, "%s", what);
}

/* Reads a whole file, with a NUL behind it; NULL after telling why not. */
static char *
read_file(const char *path, size_t *len, struct faults *faults)
{
	FILE *file = fopen(path, "r");
	struct stat st;
	char *text = NULL;

	if (file == NULL) {
		fault_tell(faults, path, 0, "%s", strerror(errno));
		return NULL;
	}
	if (fstat(fileno(file), &st) != 0 || !S_ISREG(st.st_mode) ||
	    (size_t)st.st_size > LARGEST_FILE) {
		fault_tell(faults, path, 0, "it is no file, or too large");
	} else if ((text = malloc((size_t)st.st_size + 1)) == NULL) {
		fault_tell(faults, path, 0, "out of memory");
	} else {
		*len = fread(text, 1, (size_t)st.st_size, file);
		text[*len] = '\0';
	}
	fclose(file);
	return text;
}

#define DEPTH 4		/* sections inside each other */
#define OPTIONS 64	/* options in one section */

/* What the checking pass knows. */
struct scan {
	const char *path;
	struct faults *faults;
	char *end;			/* of the text */
	struct span rest;
	unsigned line;
	unsigned opened;		/* line of the innermost '{' */
	unsigned *sections;		/* lines on which sections begin */
	size_t nsections;
	size_t depth;
	bool list[DEPTH + 1];		/* is this '{' a list's? */
	struct span options[DEPTH + 1][OPTIONS];
	size_t noptions[DEPTH + 1];
};

static void
tell_environment(struct scan *scan)
{
	fault_tell(scan->faults, scan->path, scan->line, "\"${\" would be "
	    "taken from the environment; write it in single quotes");
}

/* Passes over a quoted string, told at its opening quote. */
static bool
scan_string(struct scan *scan)
{
	char quote = scan->rest.p[0];
	unsigned line = scan->line;
	size_t i = 1;

	for (; i < scan->rest.len && scan->rest.p[i] != quote; i++) {
		if (scan->rest.p[i] == '\n')
			scan->line++;
		if (quote == '"' && scan->rest.p[i] == '$' &&
		    i + 1 < scan->rest.len && scan->rest.p[i + 1] == '{') {
			tell_environment(scan);
			return false;
		}
		if (scan->rest.p[i] == '\\')
			i++;
	}
	if (i >= scan->rest.len) {
		fault_tell(scan->faults, scan->path, line,
		    "a quote is not closed");
		return false;
	}
	scan->rest = span_from(scan->rest, i + 1);
	return true;
}

/* Makes blanks of a comment: libconfuse counts its lines more than once. */
static void
blank_comment(struct scan *scan, size_t len)
{
	char *text = scan->end - scan->rest.len;

	for (size_t i = 0; i < len; i++)
		if (text[i] == '\n')
			scan->line++;
		else
			text[i] = ' ';
	scan->rest = span_from(scan->rest, len);
}

/* Passes over a comment if there is one here; *ok: it has an end. */
static bool
scan_comment(struct scan *scan, bool *ok)
{
	struct span rest = scan->rest;
	size_t end;

	if (rest.p[0] == '#' || span_starts_nocase(rest, SPAN("//"))) {
		end = span_find_char(rest, '\n');
		blank_comment(scan, end == SPAN_NONE ? rest.len : end);
		return true;
	}
	if (!span_starts_nocase(rest, SPAN("/*")))
		return false;
	end = span_find(rest, SPAN("*/"));
	if (end == SPAN_NONE) {
		fault_tell(scan->faults, scan->path, scan->line,
		    "the comment that begins here is not closed");
		*ok = false;
		return true;
	}
	blank_comment(scan, end + 2);
	return true;
}

/* Remembers an option; false if the section has it already. */
static bool
scan_option(struct scan *scan, struct span name)
{
	size_t *n = &scan->noptions[scan->depth];

	for (size_t i = 0; i < *n; i++)
		if (span_equal(scan->options[scan->depth][i], name)) {
			fault_tell(scan->faults, scan->path, scan->line,
			    "\"%.*s\" is given twice", (int)name.len, name.p);
			return false;
		}
	if (*n < OPTIONS)
		scan->options[scan->depth][(*n)++] = name;
	return true;
}

/* A word: if '=' or "+=" follows, it names an option. */
static bool
scan_word(struct scan *scan, char before)
{
	struct span word = scan->rest, after;
	size_t len = 0;

	while (len < word.len && !ascii_is_space(word.p[len]) &&
	    strchr("{}=,\"'#", word.p[len]) == NULL)
		len++;
	if (len == 0)
		len = 1;
	if (word.p[len - 1] == '$' && len < word.len && word.p[len] == '{') {
		tell_environment(scan);
		return false;
	}
	word = span_first(word, len);
	scan->rest = span_from(scan->rest, len);
	after = span_trim(scan->rest);
	if (before == '=' || scan->list[scan->depth] || after.len == 0 ||
	    after.p[0] != '=')
		return true;
	return scan_option(scan, word);
}

static bool
scan_brace(struct scan *scan, char before)
{
	bool opens = scan->rest.p[0] == '{';

	scan->rest = span_from(scan->rest, 1);
	if (opens && scan->depth == DEPTH) {
		fault_tell(scan->faults, scan->path, scan->line,
		    "sections are nested too deeply");
		return false;
	}
	if (opens) {
		scan->depth++;
		scan->list[scan->depth] = before == '=';
		scan->noptions[scan->depth] = 0;
		scan->opened = scan->line;
		if (scan->depth == 1 && !scan->list[1])
			scan->sections[scan->nsections++] = scan->line;
		return true;
	}
	if (scan->depth == 0) {
		fault_tell(scan->faults, scan->path, scan->line,
		    "there is nothing to close here");
		return false;
	}
	scan->depth--;
	return true;
}

/* Finds what libconfuse would let pass. */
static bool
scan_text(struct scan *scan)
{
	bool ok = true;
	char before = '\0';

	while (ok && scan->rest.len > 0) {
		char c = scan->rest.p[0];

		if (ascii_is_space(c)) {
			scan->line += c == '\n';
			scan->rest = span_from(scan->rest, 1);
			continue;
		}
		if (scan_comment(scan, &ok))
			continue;
		if (c == '"' || c == '\'')
			ok = scan_string(scan);
		else if (c == '{' || c == '}')
			ok = scan_brace(scan, before);
		else if (c == '=' || c == ',')
			scan->rest = span_from(scan->rest, 1);
		else
			ok = scan_word(scan, before);
		before = c;
	}
	if (ok && scan->depth > 0) {
		fault_tell(scan->faults, scan->path, scan->opened,
		    "the section that begins here is not closed");
		ok = false;
	}
	return ok;
}

/* Returns a scan of the text, which scan_free() frees; NULL without memory. */
static struct scan *
scan_new(const char *path, char *text, size_t len, struct faults *faults)
{
	struct scan *scan = calloc(1, sizeof(*scan));
	size_t braces = 0;

	if (scan == NULL)
		return NULL;
	for (size_t i = 0; i < len; i++)
		braces += text[i] == '{';
	*scan = (struct scan){ .path = path, .faults = faults,
	    .end = text + len, .rest = { text, len }, .line = 1,
	    .sections = calloc(braces + 1, sizeof(*scan->sections)) };
	if (scan->sections != NULL)
		return scan;
	free(scan);
	return NULL;
}

static void
scan_free(struct scan *scan)
{
	free(scan->sections);
	free(scan);
}

/* libconfuse gives a section the line on which it ends. */
static void
correct_lines(cfg_t *cfg, const struct scan *scan)
{
	for (cfg_opt_t *opt = cfg->opts; opt->name != NULL; opt++) {
		size_t at = 0;

		for (unsigned i = 0; opt->type == CFGT_SEC &&
		    i < cfg_opt_size(opt); i++) {
			cfg_t *section = cfg_opt_getnsec(opt, i);

			while (at + 1 < scan->nsections &&
			    scan->sections[at + 1] <= (unsigned)section->line)
				at++;
			if (at < scan->nsections)
				section->line = (int)scan->sections[at];
		}
	}
}

static cfg_t *
parse_text(cfg_opt_t *opts, const char *path, char *text, size_t len,
    void (*prepare)(cfg_t *cfg), struct faults *faults)
{
	cfg_t *cfg = cfg_init(opts, CFGF_NONE);
	char empty[] = " ";
	FILE *file;
	int result;

	if (cfg == NULL)
		return NULL;
	/* An empty file is in order, but fmemopen() refuses it. */
	file = fmemopen(len > 0 ? text : empty, len > 0 ? len : 1, "r");
	if (file == NULL) {
		cfg_free(cfg);
		return NULL;
	}
	cfg->filename = strdup(path);
	parse_faults = faults;
	cfg_set_error_function(cfg, confuse_error);
	if (prepare != NULL)
		prepare(cfg);
	result = cfg_parse_fp(cfg, file);
	fclose(file);
	if (result == CFG_SUCCESS)
		return cfg;
	cfg_free(cfg);
	return NULL;
}

/* Parses a text that has neither NUL bytes nor a byte order mark. */
static cfg_t *
parse_checked(cfg_opt_t *opts, const char *path, char *text, size_t len,
    void (*prepare)(cfg_t *cfg), struct faults *faults)
{
	struct scan *scan = scan_new(path, text, len, faults);
	cfg_t *cfg = NULL;

	if (scan == NULL) {
		fault_tell(faults, path, 0, "out of memory");
		return NULL;
	}
	if (scan_text(scan))
		cfg = parse_text(opts, path, text, len, prepare, faults);
	if (cfg != NULL)
		correct_lines(cfg, scan);
	scan_free(scan);
	return cfg;
}

static unsigned
line_of(const char *text, const char *at)
{
	unsigned line = 1;

	for (; text < at; text++)
		line += *text == '\n';
	return line;
}

cfg_t *
conf_parse(cfg_opt_t *opts, const char *path, void (*prepare)(cfg_t *cfg),
    struct faults *faults)
{
	size_t len = 0, before = faults->n;
	char *text = read_file(path, &len, faults), *nul;
	cfg_t *cfg = NULL;

	if (text == NULL)
		return NULL;
	nul = memchr(text, '\0', len);
	if (nul != NULL)
		fault_tell(faults, path, line_of(text, nul),
		    "it holds a NUL byte");
	else if (len >= 3 && memcmp(text, "\357\273\277", 3) == 0)
		fault_tell(faults, path, 1, "it begins with a byte order "
		    "mark; save it as UTF-8 without one");
	else
		cfg = parse_checked(opts, path, text, len, prepare, faults);
	free(text);
	if (cfg == NULL && faults->n == before)
		fault_tell(faults, path, 0, "it cannot be read");
	return cfg;
}

unsigned
conf_option_line(const char *path, const char *option)
{
	struct faults nobody = { .tell = NULL };
	struct span rest, line, name = span_of(option);
	unsigned number = 0;
	bool found = false;
	size_t len = 0;
	char *text = read_file(path, &len, &nobody);

	rest = (struct span){ text, len };
	while (text != NULL && !found && span_next_line(&rest, &line)) {
		number++;
		line = span_trim(line);
		found = span_starts_nocase(line, name) && span_starts_nocase(
		    span_trim(span_from(line, name.len)), SPAN("="));
	}
	free(text);
	return found ? number : 0;
}
