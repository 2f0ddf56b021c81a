/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Explanations in front of a notice: known whoever added them, and nothing
 * else taken for one. tests/unit/test_corpus.c does it to whole mails.
 */
#include "builtin.h"

#include "base/buf.h"
#include "explain/explain.h"
#include "explain/html.h"
#include "explain/skip.h"
#include "explain/text.h"
#include "mail/markup.h"

#define NOTICE "    The mail system\n\n<anna@example.com>: 550 no\n"
#define FIRST "Not delivered to anna@example.com\n\n"
#define CLOSING(host) "(Explanation added by " host ". The notice as it " \
	"came, with the other\nserver's own words for technical staff, " \
	"follows.)\n\n"

static struct builtin *builtin;

static int
setup(void **state)
{
	builtin = *state;
	return 0;
}

static int
clear(void **state)
{
	builtin_clear(*state);
	return 0;
}

static struct span
behind(const char *text)
{
	return explanation_skip(&builtin->languages, span_of(text));
}

/* An explanation of so many recipients. */
static void
make(struct explanation *explanation, size_t language, enum action action,
    size_t n, struct span host)
{
	static struct recipient recipients[3];
	static struct finding findings[3];
	const struct report report = { .kind = REPORT_DSN,
	    .recipients = recipients, .n = n };
	const struct explain_options options = {
		.languages = &builtin->languages,
		.language = &builtin->languages.v[language], .host = host
	};

	for (size_t i = 0; i < 3; i++) {
		builtin_read(builtin, &recipients[i],
		    "550 5.1.1 User unknown");
		recipients[i].action = action;
		recipients[i].address = n == 1 ? SPAN("anna@example.com") :
		    i == 0 ? SPAN("b@example.com") : SPAN("c@example.com");
		if (n == 3)
			recipients[i].address = SPAN_ABSENT;
		cause_find(&findings[i], &builtin->matcher, &recipients[i],
		    &report);
	}
	assert_true(explain(explanation, &builtin->arena, &report, findings,
	    &options));
}

/* In every language, for every action, as text and as HTML, also twice. */
static void
test_own(void **state)
{
	struct arena *arena = &builtin->arena;

	(void)state;
	for (size_t i = 0; i < builtin->languages.n; i++)
		for (int action = ACTION_FAILED; action <= ACTION_EXPANDED;
		    action++)
			for (size_t n = 1; n <= 3; n++) {
				struct explanation explanation;
				struct span text;
				struct buf out;

				make(&explanation, i, (enum action)action, n,
				    SPAN("mail-2.example.org"));
				text = text_render(arena, &explanation);
				buf_init(&out, arena);
				buf_add_span(&out, text);
				buf_add_span(&out, text);
				buf_add_string(&out, NOTICE);
				assert_span(explanation_skip(
				    &builtin->languages, buf_span(&out)),
				    NOTICE);
				buf_init(&out, arena);
				buf_add_string(&out, "<html><head><title>No"
				    "</title></head>\n<body>");
				buf_add_span(&out, html_render(arena,
				    &explanation));
				buf_add_string(&out, "<p>The mail system</p>");
				text = explanation_skip(&builtin->languages,
				    markup_to_text(arena, buf_span(&out)));
				assert_span(span_trim(text),
				    "The mail system");
			}
}

/* Lines may be broken elsewhere, by CRLF, or not at all. */
static void
test_lines(void **state)
{
	static const char *const texts[] = {
		FIRST CLOSING("a.example.org") NOTICE,
		"\n \n" FIRST CLOSING("a") NOTICE,
		"Not\r\ndelivered\r\n to x\r\n(Explanation added\r\nby a."
		    "\r\nThe notice as it came, with the other server's own "
		    "words for technical staff, follows.)\r\n\r\n" NOTICE,
		"  Not delivered to x\n  (Explanation added by a. The "
		    "notice as it came, with the other server's own words "
		    "for technical staff, follows.) \n \n" NOTICE,
		"Your message was not delivered\n" CLOSING("a") FIRST
		    CLOSING("b") NOTICE,
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct span left = behind(texts[i]);

		if (!span_equal(left, SPAN(NOTICE)))
			fail_msg("text %zu: %.*s", i, (int)left.len, left.p);
	}
	assert_span(behind(FIRST CLOSING("a")), "");
}

/* What is no explanation, or does not stand in front, stays. */
static void
test_others(void **state)
{
	static const char *const texts[] = {
		"", "\n", "(", "(Explanation added by", NOTICE,
		FIRST NOTICE,
		CLOSING("a") NOTICE,
		NOTICE FIRST CLOSING("a"),
		"Hello,\n" FIRST CLOSING("a") NOTICE,
		"> " FIRST CLOSING("a") NOTICE,
		/* Not the whole line, or another host's name than one. */
		FIRST "(Explanation added by a. The notice\n" NOTICE,
		FIRST "(Explanation added by a. The notice as it came, with "
		    "the other server's own words for technical staff, "
		    "follows. " NOTICE,
		FIRST "x " CLOSING("a") NOTICE,
		/* First words and closing line of two languages. */
		"Nicht angekommen bei x\n\n" CLOSING("a") NOTICE,
	};
	char far[1000];

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct span left = behind(texts[i]);

		if (left.len != strlen(texts[i]))
			fail_msg("text %zu: %.*s", i, (int)left.len, left.p);
	}
	snprintf(far, sizeof(far), FIRST CLOSING("%0400d") NOTICE, 1);
	assert_int_equal(behind(far).len, strlen(far));
	assert_null(explanation_skip(&builtin->languages, SPAN_ABSENT).p);
}

/* Explanations end somewhere; and none takes long to look for. */
static void
test_long(void **state)
{
	struct arena *arena = &builtin->arena;
	struct span text, left;
	struct buf out;
	double start = matcher_clock();

	(void)state;
	for (int kind = 0; kind < 3; kind++) {
		buf_init(&out, arena);
		buf_add_string(&out, FIRST);
		while (out.len < 200000)
			buf_add_string(&out, kind == 0 ? "(\n" : kind == 1 ?
			    "(Explanation added by a.\n" : "x\n");
		buf_add_string(&out, CLOSING("a") NOTICE);
		text = buf_span(&out);
		left = explanation_skip(&builtin->languages, text);
		assert_int_equal(left.len, text.len);
	}
	assert_true(matcher_clock() - start < 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, clear)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_own), TEST(test_lines), TEST(test_others),
		TEST(test_long),
	};

	return cmocka_run_group_tests_name("skip", tests, builtin_setup,
	    builtin_teardown);
}
