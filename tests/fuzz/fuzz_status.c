/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Delivery-status parts: whatever they hold, recipients are sound. The last
 * byte says how the part is dressed; a line end means not at all.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "bounce/dsn.h"
#include "bounce/returned.h"

static const char *const heads[] = {
	"Content-Type: message/delivery-status\n\n",
	"Content-Type: message/global-delivery-status; charset=utf-8\n\n",
	"Content-Type: message/delivery-status\n"
	    "Content-Transfer-Encoding: quoted-printable\n\n",
	"Content-Type: message/delivery-status\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n"
};

static void
check_report(const struct report *report, const struct limits *limits)
{
	CHECK(report->n <= limits->recipients);
	CHECK(report->n <= report->capacity);
	CHECK(report->n == 0 || report->recipients != NULL);
	CHECK(fuzz_is_text(report->reporting_mta));
	for (size_t i = 0; i < report->n; i++)
		fuzz_check_recipient(&report->recipients[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct span hosts[] = {
		SPAN_INIT("*.example.org"), { NULL, 0 }
	};
	struct span bytes = fuzz_input(data, size), text, line;
	struct limits limits = LIMITS_DEFAULT;
	struct site_names site = { hosts, hosts };
	struct report report = { .n = 0 }, words = { .n = 0 };
	struct returned returned = { .headers = { NULL, 0 } };
	struct message message;
	struct arena arena;
	uint8_t choice;
	struct buf out;

	if (size < 1)
		return 0;
	choice = data[size - 1] ^ '\n';
	if (choice & 16)
		limits.recipients = 2;
	arena_init(&arena, size * 64 + (4 << 20));
	buf_init(&out, &arena);
	buf_add_string(&out, heads[choice & 3]);
	buf_add_span(&out, bytes);
	CHECK(message_parse(&message, &arena, buf_span(&out), &limits));
	dsn_read(&report, &arena, message.root, &limits);
	check_report(&report, &limits);
	text = charset_to_utf8(&arena, SPAN("utf-8"), bytes, NULL);
	dsn_read_text(&words, &arena, text, &limits);
	check_report(&words, &limits);
	while (span_next_line(&text, &line))
		CHECK(fuzz_is_text(dsn_address(&arena, line)));
	if (returned_read_text(&returned, &arena, bytes, &limits))
		CHECK(returned.headers.n > 0);
	returned_is_foreign(&returned, &arena, report.reporting_mta, &site);
	CHECK(!arena.failed && arena.used <= arena.limit);
	arena_release(&arena);
	return 0;
}
