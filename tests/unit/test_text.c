/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <uniwidth.h>

#include "base/buf.h"
#include "builtin.h"
#include "explain/explain.h"
#include "explain/text.h"
#include "mail/charset.h"

#define TEXTS(...) { .v = { __VA_ARGS__ }, \
    .n = COUNT(((const struct span[]){ __VA_ARGS__ })) }

/* Columns of a line; wide characters take two. */
static int
columns(struct span line)
{
	return u8_width((const uint8_t *)line.p, line.len, "UTF-8");
}

/* Could another program take the line for something else? */
static bool
is_risky(struct span line)
{
	return line.len > 0 && (line.p[0] == '.' || line.p[0] == '>' ||
	    span_find(line, SPAN("--")) == 0 ||
	    span_find(line, SPAN("From ")) == 0);
}

/* A word of that line, with what may not stand apart from it, is too long. */
static bool
has_long_word(struct span line)
{
	line = span_trim(line);
	while (line.len > 0) {
		size_t blank = span_find_char(line, ' ');
		struct span word = span_first(line, blank);

		if (columns(word) > TEXT_COLUMNS - 8)
			return true;
		line = span_trim(span_from(line, word.len));
	}
	return false;
}

/*
 * What holds for every text: UTF-8, LF, an empty line at its end and none
 * twice, no line too wide, none that is risky, none with blanks at its end.
 */
static void
check_text(struct span text, const char *what)
{
	struct span rest = text, line, previous = SPAN("");

	assert_non_null(text.p);
	assert_true(charset_is_utf8(text));
	assert_int_equal(span_find_char(text, '\r'), SPAN_NONE);
	assert_true(span_ends_nocase(text, SPAN("\n\n")));
	while (span_next_line(&rest, &line)) {
		/* The blank in front of a risky line does not count. */
		bool blank = line.len > 1 && line.p[0] == ' ' &&
		    line.p[1] != ' ';

		if (columns(line) > TEXT_COLUMNS + blank &&
		    !has_long_word(line))
			fail_msg("%s: %d columns: %.*s", what, columns(line),
			    (int)line.len, line.p);
		if (is_risky(line))
			fail_msg("%s: risky: %.*s", what, (int)line.len,
			    line.p);
		if (line.len > 0 && line.p[line.len - 1] == ' ')
			fail_msg("%s: blank at the end: %.*s", what,
			    (int)line.len, line.p);
		if (line.len == 0 && previous.len == 0)
			fail_msg("%s: empty lines", what);
		previous = line;
	}
}

/* The explanation of DESIGN.md, line by line. */
static void
test_shape(void **state)
{
	struct explained_address address = { .text =
	    SPAN("anna.novak@example.com") };
	struct explained_group group = {
		.action = ACTION_FAILED,
		.result = SPAN("Not delivered to anna.novak@example.com"),
		.addresses = &address, .naddresses = 1, .nfirst = 1,
		.happened = TEXTS(SPAN("The mailbox is full and cannot take "
		    "new messages. The address is correct and you did "
		    "nothing wrong.")),
		.steps = TEXTS(SPAN("Tell the person by phone or chat that "
		    "their mailbox is full."), SPAN("When they have made "
		    "room, send your message again. It was not kept for "
		    "them.")),
		.fix = SPAN("The recipient. Sending again now will not "
		    "help."),
	};
	const struct explanation explanation = {
		.groups = &group, .n = 1,
		.happened_heading = SPAN("What happened"),
		.steps_heading = SPAN("What you can do"),
		.fix_heading = SPAN("Who can fix it"),
		.about = SPAN("This is about your message \"Invoice "
		    "2024-117\" of 3 June 2025, 14:02."),
		.closing = SPAN("(Explanation added by mail.example.org. The "
		    "notice as it came, with the other server's own words "
		    "for technical staff, follows.)"),
	};
	struct builtin *b = *state;
	struct span text = text_render(&b->arena, &explanation);

	assert_span(text,
	    "Not delivered to anna.novak@example.com\n"
	    "\n"
	    "What happened\n"
	    "The mailbox is full and cannot take new messages. The address "
	    "is\n"
	    "correct and you did nothing wrong.\n"
	    "\n"
	    "What you can do\n"
	    "1. Tell the person by phone or chat that their mailbox is "
	    "full.\n"
	    "2. When they have made room, send your message again. It was "
	    "not kept\n"
	    "   for them.\n"
	    "\n"
	    "Who can fix it\n"
	    "The recipient. Sending again now will not help.\n"
	    "\n"
	    "This is about your message \"Invoice 2024-117\" of 3 June "
	    "2025, 14:02.\n"
	    "\n"
	    "(Explanation added by mail.example.org. The notice as it came, "
	    "with the\n"
	    "other server's own words for technical staff, follows.)\n"
	    "\n");
	check_text(text, "the shape");
	builtin_clear(b);
}

/* Several addresses, a line each; parts that are missing leave no gap. */
static void
test_groups(void **state)
{
	struct explained_address addresses[] = {
		{ .text = SPAN("bob@example.org") },
		{ .text = SPAN("carol@example.org") }
	};
	struct explained_address one = { .text = SPAN("dave@example.org") };
	struct explained_group groups[] = {
		{ .result = SPAN("Not delivered to these addresses"),
		  .addresses = addresses, .naddresses = 2, .nfirst = 2,
		  .happened = TEXTS(SPAN("Why."), SPAN("Did you mean it?")),
		  .steps = TEXTS(SPAN("Do.")), .fix = SPAN("You.") },
		{ .result = SPAN("Delivered to dave@example.org"),
		  .addresses = &one, .naddresses = 1, .nfirst = 1,
		  .happened = TEXTS(SPAN("It arrived.")) },
	};
	const struct explanation explanation = {
		.groups = groups, .n = 2,
		.happened_heading = SPAN("What happened"),
		.steps_heading = SPAN("What you can do"),
		.fix_heading = SPAN("Who can fix it"),
	};
	struct builtin *b = *state;

	assert_span(text_render(&b->arena, &explanation),
	    "Not delivered to these addresses\n"
	    "  bob@example.org\n"
	    "  carol@example.org\n"
	    "\n"
	    "What happened\n"
	    "Why.\n"
	    "\n"
	    "Did you mean it?\n"
	    "\n"
	    "What you can do\n"
	    "1. Do.\n"
	    "\n"
	    "Who can fix it\n"
	    "You.\n"
	    "\n"
	    "Delivered to dave@example.org\n"
	    "\n"
	    "What happened\n"
	    "It arrived.\n"
	    "\n");
	builtin_clear(b);
}

/* A long list goes on at the end of its group; what is below is indented. */
static void
test_long_list(void **state)
{
	struct span below[] = { SPAN("passed on to bob@example.net"),
	    SPAN("passed on to the.other.address.of.bob@"
	    "a.very.long.name.of.a.server.example.net") };
	struct explained_address addresses[] = {
		{ SPAN("bob@example.org"), below, 2 },
		{ SPAN("carol@example.org"), NULL, 0 },
		{ SPAN("dave@example.org"), below, 1 },
	};
	struct explained_group group = {
		.result = SPAN("Not delivered to these addresses"),
		.addresses = addresses, .naddresses = 3, .nfirst = 1,
		.happened = TEXTS(SPAN("Why.")), .fix = SPAN("You."),
	};
	const struct explanation explanation = {
		.groups = &group, .n = 1,
		.happened_heading = SPAN("What happened"),
		.fix_heading = SPAN("Who can fix it"),
		.others_line = SPAN("and others, listed further down"),
		.others_heading = SPAN("The other addresses"),
		.unlisted = SPAN("There are more."),
		.about = SPAN("This is about your message."),
	};
	struct builtin *b = *state;

	assert_span(text_render(&b->arena, &explanation),
	    "Not delivered to these addresses\n"
	    "  bob@example.org\n"
	    "    passed on to bob@example.net\n"
	    "    passed on to\n"
	    "      the.other.address.of.bob@a.very.long.name.of.a.server."
	    "example.net\n"
	    "  and others, listed further down\n"
	    "\n"
	    "What happened\n"
	    "Why.\n"
	    "\n"
	    "Who can fix it\n"
	    "You.\n"
	    "\n"
	    "The other addresses\n"
	    "  carol@example.org\n"
	    "  dave@example.org\n"
	    "    passed on to bob@example.net\n"
	    "\n"
	    "There are more.\n"
	    "\n"
	    "This is about your message.\n"
	    "\n");
	builtin_clear(b);
}

/* Wraps a text behind what stands there, and returns the result. */
static struct span
wrapped(struct builtin *b, const char *text, size_t column, size_t indent)
{
	struct buf out;

	buf_init(&out, &b->arena);
	buf_add_chars(&out, '#', column);
	text_wrap(&out, span_of(text), column, indent);
	return buf_span(&out);
}

#define TEN "123456789 "
#define SIXTY TEN TEN TEN TEN TEN TEN

static void
test_wrap(void **state)
{
	static const struct {
		const char *text;
		size_t column;
		size_t indent;
		const char *wrapped;
	} cases[] = {
		{ "short", 0, 0, "short\n" },
		{ "short", 3, 3, "###short\n" },
		{ "two words", 0, 2, "two words\n" },

		/* Just 72 columns, and one more. */
		{ SIXTY "123456789012", 0, 0, SIXTY "123456789012\n" },
		{ SIXTY "1234567890123", 0, 0,
		  "123456789 123456789 123456789 123456789 123456789 "
		  "123456789\n1234567890123\n" },

		/* What stands in front, and the indent, count. */
		{ SIXTY "123456789", 3, 3, "###" SIXTY "123456789\n" },
		{ SIXTY "1234567890", 3, 3,
		  "###123456789 123456789 123456789 123456789 123456789 "
		  "123456789\n   1234567890\n" },
		{ SIXTY "x " SIXTY "x", 0, 2, SIXTY "x 123456789\n  "
		  TEN TEN TEN TEN TEN "x\n" },

		/* Addresses and links stay in one piece. */
		{ SIXTY "very-long-name@long-domain.example", 0, 0,
		  "123456789 123456789 123456789 123456789 123456789 "
		  "123456789\nvery-long-name@long-domain.example\n" },
		{ SIXTY "https://check.example/look-up?ip=192.0.2.10", 0, 0,
		  "123456789 123456789 123456789 123456789 123456789 "
		  "123456789\nhttps://check.example/look-up?ip=192.0.2.10\n" },
	};
	struct builtin *b = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span text = wrapped(b, cases[i].text, cases[i].column,
		    cases[i].indent);

		if (!span_equal(text, span_of(cases[i].wrapped)))
			fail_msg("case %zu: got\n%.*swant\n%s", i,
			    (int)text.len, text.p, cases[i].wrapped);
		builtin_clear(b);
	}
	assert_span(wrapped(b, "", 3, 3), "###");
	builtin_clear(b);
}

/* Japanese has no blanks, and each character takes two columns. */
static void
test_japanese_width(void **state)
{
	struct builtin *b = *state;
	char text[3 * 100 + 1] = "";
	struct span rest, line;
	size_t n = 0, lines = 0;

	for (size_t i = 0; i < 100; i++)
		memcpy(text + 3 * i, "\343\201\202", 4);
	rest = wrapped(b, text, 0, 0);
	while (span_next_line(&rest, &line)) {
		assert_true(columns(line) <= TEXT_COLUMNS);
		assert_int_equal(line.len % 3, 0);
		n += line.len / 3;
		lines++;
	}
	assert_int_equal(n, 100);
	assert_int_equal(lines, 3);
	builtin_clear(b);

	/* A full stop does not begin a line. */
	memcpy(text + 3 * 36, "\343\200\202", 3);
	rest = wrapped(b, text, 0, 0);
	while (span_next_line(&rest, &line))
		assert_false(span_starts_nocase(line,
		    SPAN("\343\200\202")));
	builtin_clear(b);
}

/* Nothing is lost by wrapping but the blanks at its breaks. */
static void
test_wrap_keeps_all(void **state)
{
	struct builtin *b = *state;

	for (size_t i = 0; i < default_nlanguages; i++)
		for (size_t k = 0; k < default_book.ncauses; k++) {
			char key[80], joined[4000];
			struct span text, rest, line;
			size_t len = 0;

			snprintf(key, sizeof(key), "%s.why",
			    default_book.causes[k].id);
			text = language_text(&b->languages,
			    &b->languages.v[i], key);
			assert_true(text.len > 0 && text.len < 3000);
			memcpy(joined, text.p, text.len);
			joined[text.len] = '\0';
			rest = wrapped(b, joined, 0, 0);
			while (span_next_line(&rest, &line)) {
				assert_true(len + line.len <
				    sizeof(joined));
				memcpy(joined + len, line.p, line.len);
				len += line.len;
			}
			/* Compare without blanks. */
			for (size_t a = 0, c = 0; a < text.len; a++) {
				if (text.p[a] == ' ')
					continue;
				while (c < len && joined[c] == ' ')
					c++;
				assert_true(c < len);
				assert_int_equal(joined[c], text.p[a]);
				joined[c] = ' ';
			}
			builtin_clear(b);
		}
}

/* Explains one recipient in a language. */
static struct span
explained(struct builtin *b, const struct language *language,
    const struct cause *cause, struct recipient *recipient,
    const struct explain_options *more)
{
	const struct report report = { .kind = REPORT_DSN,
	    .recipients = recipient, .n = 1 };
	struct explain_options options = *more;
	struct explanation explanation;
	struct finding finding;

	options.languages = &b->languages;
	options.language = language;
	cause_find(&finding, &b->matcher, recipient, &report);
	if (cause != NULL) {
		finding.cause = cause;
		finding.decided_by = DECIDED_BY_TEXT;
		finding.timed_out = true;
	}
	assert_true(explain(&explanation, &b->arena, &report, &finding,
	    &options));
	return text_render(&b->arena, &explanation);
}

/* Every cause in every language, failed and late, with all that is said. */
static void
test_all_causes_in_all_languages(void **state)
{
	static const enum action actions[] = {
		ACTION_FAILED, ACTION_DELAYED, ACTION_DELIVERED,
		ACTION_RELAYED, ACTION_EXPANDED
	};
	const struct explain_options options = {
		.host = SPAN("mail.example.org"),
		.helpdesk = SPAN("https://help.example.com/mail"),
	};
	struct builtin *b = *state;

	for (size_t i = 0; i < b->languages.n; i++)
		for (size_t k = 0; k < default_book.ncauses; k++)
			for (size_t a = 0; a < COUNT(actions); a++) {
				const struct cause *cause =
				    &default_book.causes[k];
				char what[120];
				struct recipient recipient;

				builtin_read(b, &recipient, "550 5.0.0 no");
				recipient.address = SPAN("bob@example.org");
				recipient.original =
				    SPAN("robert.longname@example.net");
				recipient.action = actions[a];
				recipient.retry_until =
				    SPAN("3 Jun 2025 14:02:00 +0200");
				snprintf(what, sizeof(what), "%s in %s",
				    cause->id, b->languages.v[i].tag);
				check_text(explained(b, &b->languages.v[i],
				    cause, &recipient, &options), what);
				builtin_clear(b);
			}
}

/* An address that no line can hold stands whole on a line of its own. */
static void
test_long_address(void **state)
{
	static const char address[] =
	    "a.person.with.a.very.long.name.indeed.and.more.of.it.besides"
	    "@a-long-name.of-a-department.of-some-company.example.org";
	const struct explain_options options = { .host = SPAN_ABSENT };
	struct builtin *b = *state;
	struct recipient recipient;
	struct span text, rest, line;
	bool whole = false;

	builtin_read(b, &recipient, "552 5.2.2 Mailbox full");
	recipient.address = span_of(address);
	text = explained(b, builtin_language(b, "en"), NULL, &recipient,
	    &options);
	check_text(text, "a long address");
	rest = text;
	while (span_next_line(&rest, &line))
		whole = whole || span_equal(span_trim(line),
		    span_of(address));
	if (!whole)
		fail_msg("%.*s", (int)text.len, text.p);
	builtin_clear(b);
}

/* Whatever an address or subject says, no line of it is risky. */
static void
test_no_risky_line(void **state)
{
	static const char *const values[] = {
		"--boundary", "--", ".", "..", "From bob Tue Jun  3 2025",
		"> quoted", ">", "-- ", "a\n--boundary\n.\n>x\nFrom y",
		"bob\r\nContent-Type: text/html\r\n\r\n--b",
		"bob@example.org\n.\nQUIT",
	};
	const struct explain_options options = {
		.host = SPAN("--host"), .helpdesk = SPAN(".desk"),
	};
	struct builtin *b = *state;

	for (size_t i = 0; i < COUNT(values); i++)
		for (size_t pad = 0; pad < 80; pad++) {
			char address[200];
			struct recipient recipient;

			/* The value comes to stand anywhere in a line. */
			memset(address, 'x', pad);
			if (pad > 0)
				address[pad - 1] = ' ';
			snprintf(address + pad, sizeof(address) - pad, "%s",
			    values[i]);
			builtin_read(b, &recipient, "550 5.7.1 no relaying");
			recipient.address = span_of(address);
			recipient.original = span_of(values[i]);
			check_text(explained(b, builtin_language(b, "en"),
			    NULL, &recipient, &options), values[i]);
			builtin_clear(b);
		}
}

/* The same in the texts themselves, which anybody may translate. */
static void
test_no_risky_line_of_a_paragraph(void **state)
{
	static const char *const words[] = {
		"--b", ".", ".x", "From y", ">", ">z"
	};
	struct builtin *b = *state;

	for (size_t i = 0; i < COUNT(words); i++)
		for (size_t pad = 0; pad < 80; pad++) {
			char text[300];
			size_t len = 0;
			struct explained_group group = {
				.result = SPAN("Result") };
			const struct explanation explanation = {
				.groups = &group, .n = 1,
				.happened_heading = SPAN("What happened") };

			for (; len < pad; len++)
				text[len] = len % 6 == 5 || len + 1 == pad ?
				    ' ' : 'x';
			snprintf(text + len, sizeof(text) - len,
			    "%s and %s and the rest of a sentence that goes "
			    "on for a while, %s", words[i], words[i],
			    words[i]);
			group.happened.v[0] = span_of(text);
			group.happened.n = 1;
			check_text(text_render(&b->arena, &explanation),
			    words[i]);
			builtin_clear(b);
		}
}

/* A line that only looks a little like a risky one stays as it is. */
static void
test_harmless_lines(void **state)
{
	struct explained_group group = {
		.result = SPAN("Result"),
		.happened = TEXTS(SPAN("from there to here"), SPAN("FROM all"),
		    SPAN("Fromage"), SPAN("- a dash"), SPAN("<b>")) };
	const struct explanation explanation = { .groups = &group, .n = 1,
	    .happened_heading = SPAN("What happened") };
	struct builtin *b = *state;

	assert_span(text_render(&b->arena, &explanation),
	    "Result\n\nWhat happened\nfrom there to here\n\nFROM all\n\n"
	    "Fromage\n\n- a dash\n\n<b>\n\n");
	builtin_clear(b);
}

/* A megabyte of explanation is no explanation, but costs no ages either. */
static void
test_long_paragraph(void **state)
{
	struct builtin *b = *state;
	size_t size = 1000000;
	char *text = malloc(size + 1);
	double start = matcher_clock();

	assert_non_null(text);
	for (size_t i = 0; i < size; i++)
		text[i] = i % 7 == 6 ? ' ' : 'x';
	text[size] = '\0';
	assert_true(wrapped(b, text, 0, 0).len >= size - 1);
	memset(text, 'x', size);
	assert_int_equal(wrapped(b, text, 0, 0).len, size + 1);
	assert_true(matcher_clock() - start < 5);
	free(text);
	builtin_clear(b);
}

/* With memory for only a part: absent, and no crash. */
static void
test_without_memory(void **state)
{
	struct explained_group group = { .result = SPAN("Result"),
	    .happened = TEXTS(SPAN(SIXTY SIXTY SIXTY SIXTY)) };
	const struct explanation explanation = { .groups = &group, .n = 1,
	    .happened_heading = SPAN("What happened") };
	bool done = false;

	(void)state;
	for (size_t limit = 0; !done && limit < 200000; limit += 97) {
		struct arena arena;
		struct span text;

		arena_init(&arena, limit);
		text = text_render(&arena, &explanation);
		done = !arena.failed;
		if (done != (text.p != NULL))
			fail_msg("with %zu bytes: %s", limit, done ?
			    "absent" : "a text, though memory ran out");
		arena_release(&arena);
	}
	assert_true(done);
}

/* "E-Mail" is one word wherever the line ends; a longer word may break. */
static void
test_letter_and_hyphen(void **state)
{
	static const char words[] =
	    " E-Mail-Dienst e-mailadres, (e-mail) 中e-mail";
	struct builtin *b = *state;
	bool broken = false;

	for (size_t n = 1; n < TEXT_COLUMNS; n++) {
		struct span rest, line, text;
		struct buf in, out;

		buf_init(&in, &b->arena);
		buf_add_chars(&in, 'x', n);
		buf_add_string(&in, "\303\244");
		buf_add_string(&in, words);
		buf_init(&out, &b->arena);
		text_wrap(&out, buf_span(&in), 0, 0);
		rest = text = buf_span(&out);
		while (span_next_line(&rest, &line)) {
			if (span_ends_nocase(line, SPAN("-Mail-")))
				broken = true;
			else if (span_ends_nocase(line, SPAN("-")))
				fail_msg("%.*s", (int)text.len, text.p);
		}
		builtin_clear(b);
	}
	assert_true(broken);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shape),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_long_list),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_japanese_width),
		cmocka_unit_test(test_wrap_keeps_all),
		cmocka_unit_test(test_all_causes_in_all_languages),
		cmocka_unit_test(test_long_address),
		cmocka_unit_test(test_no_risky_line),
		cmocka_unit_test(test_no_risky_line_of_a_paragraph),
		cmocka_unit_test(test_harmless_lines),
		cmocka_unit_test(test_long_paragraph),
		cmocka_unit_test(test_letter_and_hyphen),
		cmocka_unit_test(test_without_memory),
	};

	return cmocka_run_group_tests(tests, builtin_setup,
	    builtin_teardown);
}
