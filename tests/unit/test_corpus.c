/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every mail of corpus/: one test for each NAME.eml. What is read from it
 * must be what NAME.want says, a line a recipient:
 *
 *   address | original or - | action | status or - | code or - | cause
 *
 * or "none" for mail that is no bounce; an original that equals the address
 * counts as none. Where there is a NAME.annotated, the mail with the
 * explanation must be just that. REGEN=1 in the environment writes those
 * files anew; an empty one is how a new one begins. TESTS names the folder
 * that has corpus/, tests if it is not set.
 *
 * In each language, the mail with the explanation and without the two fields
 * is read as it was before.
 */
#include <dirent.h>
#include <stdlib.h>

#include "base/buf.h"
#include "builtin.h"
#include "edit/annotate.h"
#include "edit/fields.h"

#define MAILS 2000

static void *builtin_state;
static struct annotator annotator;

/*
 * The built-in rules and languages, and no setting but the host. The state
 * of a test is its mail, which a state of the group would hide.
 */
static int
open_defaults(void **state)
{
	const struct builtin *builtin;

	(void)state;
	if (builtin_setup(&builtin_state) != 0)
		return -1;
	builtin = builtin_state;
	annotator = (struct annotator){
		.host = SPAN("mail.example.org"),
		.annotate = ANNOTATE_HEADER | ANNOTATE_TEXT | ANNOTATE_HTML,
		.max_body = (size_t)10 << 20,
		.languages = builtin->languages,
		.language = builtin->languages.v,
		.causes = default_book.causes,
		.ncauses = default_book.ncauses,
		.rules = builtin->sets, .nrules = 1,
		.domains = { NULL, default_domains },
		.limits = LIMITS_DEFAULT,
	};
	return 0;
}

static int
close_defaults(void **state)
{
	(void)state;
	return builtin_teardown(&builtin_state);
}

static const char *
folder(void)
{
	const char *tests = getenv("TESTS");

	return tests != NULL ? tests : "tests";
}

/* Opens corpus/NAME with its last four letters, ".eml", replaced. */
static FILE *
open_file(const char *name, const char *suffix, const char *mode)
{
	char path[1000];

	snprintf(path, sizeof(path), "%s/corpus/%.*s%s", folder(),
	    (int)strlen(name) - 4, name, suffix);
	return fopen(path, mode);
}

/* Returns what a file holds; absent if there is none. */
static struct span
read_file(struct arena *arena, const char *name, const char *suffix)
{
	FILE *file = open_file(name, suffix, "rb");
	char bytes[4096];
	struct buf out;
	size_t n;

	if (file == NULL)
		return SPAN_ABSENT;
	buf_init(&out, arena);
	buf_reserve(&out, 1);
	while ((n = fread(bytes, 1, sizeof(bytes), file)) > 0)
		buf_add(&out, bytes, n);
	fclose(file);
	return buf_span(&out);
}

static const char *const actions[] = {
	"failed", "failed", "delayed", "delivered", "relayed", "expanded"
};

static void
add_recipient(struct buf *out, const struct recipient *recipient,
    const struct finding *finding)
{
	char status[STATUS_TEXT], code[16] = "-";
	bool passed_on = recipient->original.len > 0 && !span_equal_nocase(
	    recipient->original, recipient->address);

	if (recipient->code != 0)
		snprintf(code, sizeof(code), "%d", recipient->code);
	status_text(recipient->status, status);
	buf_add_span(out, recipient->address);
	buf_add_string(out, " | ");
	buf_add_span(out, passed_on ? recipient->original : SPAN("-"));
	buf_add_string(out, " | ");
	buf_add_string(out, actions[recipient->action]);
	buf_add_string(out, " | ");
	buf_add_string(out, status[0] != '\0' ? status : "-");
	buf_add_string(out, " | ");
	buf_add_string(out, code);
	buf_add_string(out, " | ");
	buf_add_string(out, finding->cause->id);
	buf_add_char(out, '\n');
}

/* The report as a NAME.want has it. */
static struct span
report_lines(struct arena *arena, const struct annotation *annotation)
{
	const struct report *report = &annotation->report;
	struct buf out;

	if (report->kind == REPORT_NONE)
		return SPAN("none\n");
	buf_init(&out, arena);
	for (size_t i = 0; i < report->n; i++)
		add_recipient(&out, &report->recipients[i],
		    &annotation->findings[i]);
	return buf_span(&out);
}

/* A NAME.want with every original that equals the address made "-". */
static struct span
wanted_lines(struct arena *arena, struct span want)
{
	struct span line;
	struct buf out;

	buf_init(&out, arena);
	while (span_next_line(&want, &line)) {
		size_t first = span_find(line, SPAN(" | ")), second;
		struct span address, rest, original;

		if (span_trim(line).len == 0)
			continue;
		if (first == SPAN_NONE) {
			buf_add_span(&out, span_trim(line));
			buf_add_char(&out, '\n');
			continue;
		}
		address = span_trim(span_first(line, first));
		rest = span_from(line, first + 3);
		second = span_find(rest, SPAN(" | "));
		original = span_trim(span_first(rest, second));
		if (span_equal_nocase(original, address))
			original = SPAN("-");
		buf_add_span(&out, address);
		buf_add_string(&out, " | ");
		buf_add_span(&out, original);
		buf_add_string(&out, " | ");
		buf_add_span(&out, span_trim(span_from(rest, second + 3)));
		buf_add_char(&out, '\n');
	}
	return buf_span(&out);
}

static bool
collect(void *context, struct span piece)
{
	buf_add_span(context, piece);
	return true;
}

static void
write_file(const char *name, struct span bytes)
{
	FILE *file = open_file(name, ".annotated", "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes.p, 1, bytes.len, file), bytes.len);
	assert_int_equal(fclose(file), 0);
}

/* Shows the first line in which two texts differ. */
static void
assert_same(struct span actual, struct span wanted)
{
	struct span a = SPAN(""), w = SPAN("");
	unsigned line = 0;

	if (span_equal(actual, wanted))
		return;
	while (span_equal(a, w)) {
		line++;
		if (!span_next_line(&actual, &a))
			a = SPAN("(end)");
		if (!span_next_line(&wanted, &w))
			w = SPAN("(end)");
		if (actual.len == 0 && wanted.len == 0)
			break;
	}
	fail_msg("line %u:\ngot  \"%.*s\"\nwant \"%.*s\"", line, (int)a.len,
	    a.p, (int)w.len, w.p);
}

/* The report with the other server's words, the system and the rules. */
static struct span
whole_report(struct arena *arena, const struct annotation *annotation)
{
	const struct report *report = &annotation->report;
	struct buf out;

	buf_init(&out, arena);
	buf_add_span(&out, report_lines(arena, annotation));
	if (report->system != NULL)
		buf_add_string(&out, report->system);
	for (size_t i = 0; i < report->n; i++) {
		const struct rule *rule = annotation->findings[i].rule;

		buf_add_char(&out, '\n');
		buf_add_span(&out, report->recipients[i].reply);
		buf_add_char(&out, '\n');
		buf_add_string(&out, rule != NULL ? rule->name : "-");
	}
	return buf_span(&out);
}

/* The bytes behind our fields at the top of a mail. */
static struct span
without_fields(const struct message *message)
{
	const struct header_list *headers = &message->root->headers;
	size_t i = 0;

	while (i < headers->n && (span_equal_nocase(headers->v[i].name,
	    SPAN(FIELD_EXPLANATION)) || span_equal_nocase(
	    headers->v[i].name, SPAN(FIELD_CAUSE))))
		i++;
	assert_true(i > 0 && i < headers->n);
	return span_from(message->bytes,
	    (size_t)(headers->v[i].name.p - message->bytes.p));
}

/*
 * Explained in a language, and its mark lost: another host that explains it
 * must find in it what the first one found.
 */
static void
check_again(struct span mail, const struct language *language,
    unsigned choice)
{
	const struct delivery delivery = { .trusted = false };
	struct annotator settings = annotator;
	struct annotation first, second;
	struct message message, again;
	struct arena arena;
	struct buf out;

	settings.language = language;
	settings.annotate = choice;
	settings.edit_signed = true;
	arena_init(&arena, (size_t)1 << 28);
	buf_init(&out, &arena);
	assert_true(message_parse(&message, &arena, mail, &settings.limits));
	assert_true(annotate(&first, &settings, &message, &delivery));
	assert_true(edit_write(&first.edits, &message, collect, &out));
	if (first.added != 0) {
		assert_true(message_parse(&again, &arena, buf_span(&out),
		    &settings.limits));
		assert_true(message_parse(&again, &arena,
		    without_fields(&again), &settings.limits));
		assert_true(annotate_read(&second, &settings, &again,
		    &delivery));
		assert_same(whole_report(&arena, &second),
		    whole_report(&arena, &first));
	}
	arena_release(&arena);
}

static void
test_mail(void **state)
{
	const char *name = *state;
	const struct delivery delivery = { .trusted = false };
	struct annotation annotation;
	struct span mail, want, annotated;
	struct message message;
	struct arena arena;
	struct buf out;

	arena_init(&arena, (size_t)1 << 28);
	mail = read_file(&arena, name, ".eml");
	want = read_file(&arena, name, ".want");
	assert_non_null(mail.p);
	assert_non_null(want.p);
	assert_true(message_parse(&message, &arena, mail,
	    &annotator.limits));
	assert_true(annotate(&annotation, &annotator, &message, &delivery));
	assert_same(report_lines(&arena, &annotation),
	    wanted_lines(&arena, want));

	annotated = read_file(&arena, name, ".annotated");
	if (annotated.p != NULL) {
		buf_init(&out, &arena);
		assert_true(edit_write(&annotation.edits, &message, collect,
		    &out));
		if (getenv("REGEN") != NULL)
			write_file(name, buf_span(&out));
		else
			assert_same(buf_span(&out), annotated);
	}
	for (size_t i = 0; i < annotator.languages.n; i++) {
		const struct language *language = &annotator.languages.v[i];

		check_again(mail, language, ANNOTATE_TEXT);
		check_again(mail, language, ANNOTATE_HTML);
	}
	arena_release(&arena);
}

static int
order(const void *a, const void *b)
{
	return strcmp(((const struct CMUnitTest *)a)->name,
	    ((const struct CMUnitTest *)b)->name);
}

/* Makes a test of each mail; returns how many there are. */
static size_t
find_mails(struct CMUnitTest *tests, struct arena *arena)
{
	const struct dirent *entry;
	char path[1000];
	size_t n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/corpus", folder());
	dir = opendir(path);
	if (dir == NULL) {
		perror(path);
		return 0;
	}
	while ((entry = readdir(dir)) != NULL && n < MAILS) {
		struct span name = span_of(entry->d_name);
		char *copy;

		if (!span_ends_nocase(name, SPAN(".eml")))
			continue;
		copy = arena_alloc(arena, name.len + 1);
		if (copy == NULL)
			break;
		memcpy(copy, name.p, name.len);
		tests[n].name = copy;
		tests[n].test_func = test_mail;
		tests[n].initial_state = copy;
		n++;
	}
	closedir(dir);
	qsort(tests, n, sizeof(tests[0]), order);
	return n;
}

int
main(void)
{
	static struct CMUnitTest tests[MAILS];
	struct arena arena;
	size_t n;
	int failed;

	arena_init(&arena, (size_t)1 << 24);
	n = find_mails(tests, &arena);
	if (n == 0) {
		fprintf(stderr, "no mails in %s/corpus\n", folder());
		return 1;
	}
	failed = _cmocka_run_group_tests("corpus", tests, n, open_defaults,
	    close_defaults);
	arena_release(&arena);
	return failed;
}
