/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * whybounce show - what a bounce says, for people or as JSON.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "edit/annotate.h"
#include "explain/sanitize.h"
#include "mail/address.h"
#include "mail/charset.h"
#include "mail/codec.h"

static const char *const actions[] = {
	"failed", "failed", "delayed", "delivered", "relayed", "expanded"
};

/* One message that was read, with all that was made from it. */
struct shown {
	const char *file;
	const struct annotator *annotator;
	struct arena *arena;
	struct message message;
	struct annotation annotation;
	yajl_gen json;		/* NULL: it is printed for people */
};

static void
recipient_json(yajl_gen json, const struct shown *shown, size_t i)
{
	const struct recipient *recipient =
	    &shown->annotation.report.recipients[i];
	char status[STATUS_TEXT];

	yajl_gen_map_open(json);
	json_span(json, "address", recipient->address);
	json_span(json, "original", recipient->original);
	json_string(json, "action", actions[recipient->action]);
	json_string(json, "status", status_text(recipient->status, status));
	json_number(json, "code", recipient->code);
	json_span(json, "reply", recipient->reply);
	json_span(json, "remote", recipient->remote);
	json_span(json, "retry_until", recipient->retry_until);
	json_finding(json, &shown->annotation.findings[i]);
	yajl_gen_map_close(json);
}

/* What the returned message says of itself. */
static void
message_json(yajl_gen json, const struct shown *shown)
{
	const struct header_list *headers =
	    &shown->annotation.report.returned.headers;
	struct arena *arena = shown->arena;
	const struct language *language = language_wanted(
	    &shown->annotator->languages, header_unfold(arena,
	    header_value(headers, "Content-Language")));

	if (language == NULL)
		language = language_wanted(&shown->annotator->languages,
		    header_unfold(arena, header_value(headers,
		    "Accept-Language")));
	json_key(json, "message");
	yajl_gen_map_open(json);
	json_span(json, "subject", encoded_words_decode(arena,
	    header_value(headers, "Subject")));
	json_span(json, "message_id", charset_to_utf8(arena, SPAN_ABSENT,
	    address_bare(header_unfold(arena, header_value(headers,
	    "Message-ID"))), NULL));
	json_span(json, "date", charset_to_utf8(arena, SPAN_ABSENT,
	    header_unfold(arena, header_value(headers, "Date")), NULL));
	json_string(json, "language", language != NULL ? language->tag :
	    NULL);
	yajl_gen_map_close(json);
}

static void
print_json(const struct shown *shown)
{
	const struct report *report = &shown->annotation.report;
	yajl_gen json = shown->json;

	json_begin(json);
	json_span(json, "file", charset_to_utf8(shown->arena, SPAN_ABSENT,
	    span_of(shown->file), NULL));
	json_key(json, "bounce");
	yajl_gen_bool(json, report->kind != REPORT_NONE);
	if (report->kind != REPORT_NONE) {
		json_string(json, "kind",
		    report->kind == REPORT_DSN ? "dsn" : "prose");
		json_string(json, "system", report->system);
		json_span(json, "reporting_mta", report->reporting_mta);
		json_key(json, "recipients");
		yajl_gen_array_open(json);
		for (size_t i = 0; i < report->n; i++)
			recipient_json(json, shown, i);
		yajl_gen_array_close(json);
		message_json(json, shown);
	}
	json_print(json);
}

/* What a mail says must not steer the terminal. */
static void
print_line(const struct shown *shown, const char *name, struct span value)
{
	value = sanitize_value(shown->arena, value, REPLY_LENGTH, false);
	if (value.len > 0)
		printf("  %-10s %.*s\n", name, (int)value.len, value.p);
}

static void
print_recipient(const struct shown *shown, size_t i)
{
	const struct recipient *recipient =
	    &shown->annotation.report.recipients[i];
	const struct finding *finding = &shown->annotation.findings[i];
	char status[STATUS_TEXT], code[16] = "", cause[160];

	if (recipient->code != 0)
		snprintf(code, sizeof(code), "%d", recipient->code);
	snprintf(cause, sizeof(cause), "%s (by %s%s%s)", finding->cause->id,
	    decided_by_name(finding->decided_by),
	    finding->rule != NULL ? ", rule " : "",
	    finding->rule != NULL ? finding->rule->name : "");
	putchar('\n');
	print_line(shown, "recipient", recipient->address.len > 0 ?
	    recipient->address : SPAN("(not named)"));
	print_line(shown, "original", recipient->original);
	print_line(shown, "action", span_of(actions[recipient->action]));
	print_line(shown, "status", span_of(status_text(recipient->status,
	    status)));
	print_line(shown, "code", span_of(code));
	print_line(shown, "reply", recipient->reply);
	print_line(shown, "remote", recipient->remote);
	print_line(shown, "until", recipient->retry_until);
	print_line(shown, "cause", span_of(cause));
	print_line(shown, "fix", span_of(fix_names[finding->cause->fix]));
	for (size_t k = 0; k < finding->n; k++)
		print_line(shown, finding->parameters[k].name,
		    finding->parameters[k].value);
	print_line(shown, "meant", finding->suggestion);
}

static void
print_text(const struct shown *shown)
{
	const struct report *report = &shown->annotation.report;

	if (report->kind == REPORT_NONE) {
		printf("%s: no bounce\n", shown->file);
		return;
	}
	printf("%s: a bounce, %s%s%s\n", shown->file,
	    report->kind == REPORT_DSN ? "with a status part" : "in words",
	    report->system != NULL ? ", by " : "",
	    report->system != NULL ? report->system : "");
	print_line(shown, "reporter", report->reporting_mta);
	if (shown->annotation.foreign)
		print_line(shown, "note",
		    SPAN("the message never passed our hosts"));
	for (size_t i = 0; i < report->n; i++)
		print_recipient(shown, i);
}

/* Reads one message and prints it; false after telling what went wrong. */
static bool
show_file(const struct settings *settings, const char *file,
    yajl_gen json)
{
	const struct annotator *annotator = &settings->annotator;
	struct delivery delivery = { .trusted = true };
	struct shown shown = { .file = file, .annotator = annotator,
	    .json = json };
	struct arena arena;
	size_t len;
	char *bytes = cli_read(file, annotator->limits.message, &len);
	bool ok;

	if (bytes == NULL) {
		cli_tell_fault(NULL, file, 0, strerror(errno));
		return false;
	}
	arena_init(&arena, len * 4 + ((size_t)16 << 20));
	shown.arena = &arena;
	ok = message_parse(&shown.message, &arena,
	    (struct span){ bytes, len }, &annotator->limits) &&
	    annotate_read(&shown.annotation, annotator, &shown.message,
	    &delivery);
	if (ok && json != NULL)
		print_json(&shown);
	else if (ok)
		print_text(&shown);
	else
		cli_tell_fault(NULL, file, 0, strerror(ENOMEM));
	arena_release(&arena);
	free(bytes);
	return ok;
}

/* From so many mails on it pays to load all converters of charsets once. */
#define MANY_MAILS 50

int
command_show(int argc, char **argv)
{
	static char dash[] = "-";
	static char *standard_input[] = { dash, NULL };
	char **files = standard_input;
	const char *path = NULL;
	struct charset_converters *converters = NULL;
	struct settings *settings;
	yajl_gen json = NULL;
	bool as_json = false;
	int result = EXIT_SUCCESS, i = 1;

	for (; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
		if (strcmp(argv[i], "--json") == 0)
			as_json = true;
		else if (strcmp(argv[i], "-c") == 0 && i + 1 < argc)
			path = argv[++i];
		else if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		} else
			return cli_usage("show");
	}
	settings = cli_settings(path);
	if (settings == NULL)
		return EXIT_FAILURE;
	if (i < argc)
		files = argv + i;
	if (argc - i >= MANY_MAILS)
		converters = charset_hold();
	if (as_json)
		json = json_new();
	for (; *files != NULL; files++)
		if (!show_file(settings, *files, json))
			result = EXIT_FAILURE;
	if (as_json)
		yajl_gen_free(json);
	charset_release(converters);
	settings_free(settings);
	return result;
}
