/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole mails through report_read(), as mail systems and people send them,
 * and their text through the reader of words by itself.
 */
#include "fuzz.h"

#include "bounce/detect.h"
#include "bounce/dsn.h"
#include "bounce/prose.h"

static const struct envelope envelopes[] = {
	{ SPAN_INIT(""), true },
	{ SPAN_INIT("MAILER-DAEMON@mail.example.org"), true },
	{ SPAN_INIT("anna@example.com"), true },
	{ { NULL, 0 }, false },
};

static void
check_report(const struct report *report, const struct limits *limits)
{
	CHECK(report->kind <= REPORT_PROSE);
	CHECK(report->n <= limits->recipients + 1);
	if (report->kind == REPORT_NONE)
		return;
	CHECK(report->n > 0);
	CHECK(fuzz_is_text(report->reporting_mta));
	for (size_t i = 0; i < report->n; i++)
		fuzz_check_recipient(&report->recipients[i]);
}

static void
check_prose(struct arena *arena, struct span text,
    const struct limits *limits)
{
	struct report report = { .n = 0 };
	struct prose prose = { .system = NULL };

	text = charset_to_utf8(arena, SPAN("utf-8"), text, NULL);
	prose_read(&prose, &report, arena, text, SPAN_ABSENT, limits);
	CHECK(report.n <= limits->recipients);
	for (size_t i = 0; i < report.n; i++)
		fuzz_check_recipient(&report.recipients[i]);
	CHECK(fuzz_is_text(prose.notice) || arena->failed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = fuzz_input(data, size);
	struct limits limits = LIMITS_DEFAULT;
	struct message message;
	struct report report;
	struct arena arena;
	uint8_t choice;

	if (size < 1)
		return 0;
	choice = data[size - 1] ^ '\n';
	if (choice & 16)
		limits.recipients = 2;
	arena_init(&arena, size * 64 + (8 << 20));
	CHECK(message_parse(&message, &arena, bytes, &limits));
	CHECK(report_read(&report, &message, &envelopes[choice & 3],
	    NULL, &limits));
	check_report(&report, &limits);
	check_prose(&arena, message.root->body, &limits);
	CHECK(detect_origin(&message, &envelopes[choice & 3]) <=
	    ORIGIN_DAEMON);
	CHECK(!arena.failed && arena.used <= arena.limit);
	arena_release(&arena);
	/* With memory that ends somewhere on the way. */
	arena_init(&arena, 2048 + size % 509 * 64);
	if (message_parse(&message, &arena, bytes, &limits))
		CHECK(report_read(&report, &message, &envelopes[choice & 3],
		    NULL, &limits) != arena.failed);
	arena_release(&arena);
	return 0;
}
