/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * whybounce explain - what a reply means.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "edit/annotate.h"
#include "explain/explain.h"
#include "explain/html.h"
#include "explain/text.h"
#include "mail/charset.h"

enum format { FORMAT_TEXT, FORMAT_HTML, FORMAT_JSON };

struct explain_call {
	const char *settings_path;
	const char *language_tag;
	const char *server;
	enum format format;
	const struct settings *settings;
	const struct language *language;
	size_t printed;
};

/* What is known of one reply. */
struct explained {
	struct arena *arena;
	struct report report;
	struct recipient recipient;
	struct finding finding;
	struct explanation explanation;
};

/* "5.2.2" or "4.2.2" alone, or a code alone, is a reply too. */
static void
read_reply(struct recipient *recipient, struct arena *arena, struct span text)
{
	struct reply reply;

	reply_read(arena, charset_to_utf8(arena, SPAN_ABSENT, text, NULL),
	    &reply);
	recipient->reply = reply.text;
	recipient->code = reply.code;
	recipient->status = reply.status;
	recipient->action = ACTION_NONE;	/* of a reply alone */
}

static void
name_cause(const struct explain_call *call, struct explained *e)
{
	const struct annotator *annotator = &call->settings->annotator;
	struct matcher matcher = {
		.arena = e->arena, .sets = annotator->rules,
		.nsets = annotator->nrules, .causes = annotator->causes,
		.ncauses = annotator->ncauses,
		.deadline = matcher_clock() + annotator->time_limit
	};

	cause_find(&e->finding, &matcher, &e->recipient, &e->report);
	matcher_release(&matcher);
}

static bool
make_explanation(const struct explain_call *call, struct explained *e,
    struct span text, struct span server)
{
	const struct annotator *annotator = &call->settings->annotator;
	const struct explain_options options = {
		.languages = &annotator->languages,
		.language = call->language, .helpdesk = annotator->helpdesk,
		.reply_only = true
	};

	read_reply(&e->recipient, e->arena, text);
	e->recipient.remote = server;
	name_cause(call, e);
	e->report.recipients = &e->recipient;
	e->report.n = 1;
	return explain(&e->explanation, e->arena, &e->report, &e->finding,
	    &options);
}

static void
print_json(struct explained *e)
{
	char status[STATUS_TEXT];
	yajl_gen json = json_new();

	json_begin(json);
	json_span(json, "reply", e->recipient.reply);
	json_number(json, "code", e->recipient.code);
	json_string(json, "status", status_text(e->recipient.status, status));
	json_finding(json, &e->finding);
	json_span(json, "text", text_render(e->arena, &e->explanation));
	json_print(json);
	yajl_gen_free(json);
}

static void
print_span(struct span span)
{
	fwrite(span.p, 1, span.len, stdout);
}

static void
print_explained(struct explain_call *call, struct explained *e)
{
	bool first = call->printed++ == 0;

	switch (call->format) {
	case FORMAT_JSON:
		print_json(e);
		break;
	case FORMAT_HTML:
		if (first)
			print_span(html_head(e->arena, &e->explanation));
		print_span(html_entry(e->arena, &e->explanation,
		    e->recipient.reply));
		break;
	case FORMAT_TEXT:
		if (!first)
			putchar('\n');
		print_span(text_render(e->arena, &e->explanation));
	}
}

static bool
explain_one(struct explain_call *call, struct span text, struct span server)
{
	struct explained e = { .finding = { .n = 0 } };
	struct arena arena;
	bool ok;

	arena_init(&arena, (size_t)16 << 20);
	e.arena = &arena;
	ok = make_explanation(call, &e, text, server);
	if (ok)
		print_explained(call, &e);
	else
		cli_tell_fault(NULL, "explain", 0, strerror(ENOMEM));
	arena_release(&arena);
	return ok;
}

/* A reply a line; a tab sets the server off in front of it. */
static bool
explain_lines(struct explain_call *call)
{
	size_t len;
	char *bytes = cli_read("-", (size_t)64 << 20, &len);
	struct span rest = { bytes, len }, line;
	bool ok = true;

	if (bytes == NULL) {
		cli_tell_fault(NULL, "standard input", 0, strerror(errno));
		return false;
	}
	while (ok && span_next_line(&rest, &line)) {
		struct span server = span_of(call->server);
		size_t tab = span_find_char(line, '\t');

		if (tab != SPAN_NONE) {
			server = span_trim(span_first(line, tab));
			line = span_from(line, tab + 1);
		}
		if (span_trim(line).len > 0)
			ok = explain_one(call, line, server);
	}
	free(bytes);
	return ok;
}

static int
read_call(struct explain_call *call, int argc, char **argv)
{
	int i = 1;

	for (; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
		if (strcmp(argv[i], "--") == 0)
			return i + 1;
		if (strcmp(argv[i], "--html") == 0)
			call->format = FORMAT_HTML;
		else if (strcmp(argv[i], "--json") == 0)
			call->format = FORMAT_JSON;
		else if (i + 1 == argc)
			return -1;
		else if (strcmp(argv[i], "-l") == 0)
			call->language_tag = argv[++i];
		else if (strcmp(argv[i], "--from") == 0)
			call->server = argv[++i];
		else if (strcmp(argv[i], "-c") == 0)
			call->settings_path = argv[++i];
		else
			return -1;
	}
	return i;
}

static bool
choose_language(struct explain_call *call)
{
	char tags[300];

	call->language = call->settings->annotator.language;
	if (call->language_tag == NULL)
		return true;
	call->language = settings_language(call->settings, call->language_tag);
	if (call->language != NULL)
		return true;
	settings_language_tags(call->settings, tags, sizeof(tags));
	fprintf(stderr, "whybounce: there is no language \"%s\"; the known "
	    "ones are %s\n", call->language_tag, tags);
	return false;
}

int
command_explain(int argc, char **argv)
{
	struct explain_call call = { .format = FORMAT_TEXT };
	int first = read_call(&call, argc, argv);
	struct settings *settings;
	bool ok;

	if (first < 0)
		return cli_usage("explain");
	settings = cli_settings(call.settings_path);
	if (settings == NULL)
		return EXIT_FAILURE;
	call.settings = settings;
	ok = choose_language(&call);
	if (ok && first == argc)
		ok = explain_lines(&call);
	for (int i = first; ok && i < argc; i++)
		ok = explain_one(&call, span_of(argv[i]),
		    span_of(call.server));
	if (call.format == FORMAT_HTML && call.printed > 0)
		fputs(HTML_END, stdout);
	settings_free(settings);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
