/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replies: codes and text out of them, a cause by the built-in rules, and
 * what is told about it: fields, text and HTML. The last byte chooses the
 * language, the answering server and the action.
 */
#include "fuzz_annotator.h"

#include "explain/explain.h"
#include "explain/html.h"
#include "explain/text.h"

static const char *const servers[] = {
	NULL, "mx.example.com", "gmail-smtp-in.l.google.com",
	"mail.protection.outlook.com", "mx.yahoo.com", "mx.mail.ru",
	"mx01.t-online.de", "hosting.qq.com"
};

static void
check_codes(struct span text)
{
	struct status status;
	int code = 0;
	size_t at;

	at = reply_find(text, &code);
	CHECK(at == SPAN_NONE || (at + 3 <= text.len && code >= 400 &&
	    code <= 599));
	CHECK(reply_code_at(text, &code) <= text.len);
	CHECK(status_at(text, &status) <= text.len);
	status = status_find(text);
	if (status.class != 0) {
		char written[STATUS_TEXT];
		struct status again;

		status_text(status, written);
		CHECK(status_at(span_of(written), &again) ==
		    strlen(written));
		CHECK(status_equal(status, again));
	}
}

static void
check_told(const struct annotator *annotator, struct arena *arena,
    const struct report *report, const struct finding *finding,
    uint8_t choice)
{
	struct explain_options options = {
		.languages = &annotator->languages,
		.language = &annotator->languages.v[choice %
		    annotator->languages.n],
		.host = annotator->host, .spell_at = choice & 1,
		.helpdesk = span_of("tel. 1234"), .backscatter = choice & 2
	};
	struct explanation explanation;
	struct span value;

	value = field_cause(arena, &report->recipients[0], finding,
	    annotator->host);
	fuzz_check_field(value, true);
	CHECK(span_equal(field_cause_host(arena, value), annotator->host));
	CHECK(explain(&explanation, arena, report, finding, &options));
	CHECK(explanation.n == 1);
	fuzz_check_field(field_explanation(arena, explanation.title), true);
	fuzz_check_plain(text_render(arena, &explanation));
	fuzz_check_html(html_render(arena, &explanation));
	fuzz_check_html(html_document(arena, &explanation,
	    report->recipients[0].reply));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct annotator *annotator = &fuzz_settings()->annotator;
	struct span bytes = fuzz_input(data, size);
	struct recipient recipient = { .action = ACTION_FAILED };
	struct report report = { .kind = REPORT_DSN, .n = 1,
	    .recipients = &recipient };
	struct finding finding;
	struct matcher matcher;
	struct reply reply;
	struct arena arena;
	uint8_t choice;

	if (size < 1)
		return 0;
	choice = data[size - 1] ^ '\n';
	arena_init(&arena, size * 64 + (4 << 20));
	bytes = charset_to_utf8(&arena, SPAN("utf-8"), bytes, NULL);
	check_codes(bytes);
	reply_read(&arena, bytes, &reply);
	CHECK(reply.text.p != NULL);
	recipient.reply = reply.text;
	recipient.code = reply.code;
	recipient.status = reply.status;
	recipient.action = (enum action)(choice / 8 % (ACTION_EXPANDED + 1));
	recipient.remote = span_of(servers[choice & 7]);
	recipient.address = charset_to_utf8(&arena, SPAN("utf-8"),
	    span_first(reply.text, 400), NULL);
	fuzz_check_recipient(&recipient);
	matcher = (struct matcher){
		.arena = &arena, .sets = annotator->rules,
		.nsets = annotator->nrules, .causes = annotator->causes,
		.ncauses = annotator->ncauses
	};
	cause_find(&finding, &matcher, &recipient, &report);
	matcher_release(&matcher);
	CHECK(finding.cause != NULL && finding.n <= RULE_PARAMETERS);
	for (size_t i = 0; i < finding.n; i++)
		CHECK(fuzz_inside(finding.parameters[i].value, reply.text));
	check_told(annotator, &arena, &report, &finding, choice);
	CHECK(!arena.failed && arena.used <= arena.limit);
	arena_release(&arena);
	return 0;
}
