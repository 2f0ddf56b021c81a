/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounce/reply.h"
#include "cause/matcher.h"
#include "unittest.h"

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define CODES(...) ((const int[]){ __VA_ARGS__, 0 })

static const struct cause causes[] = {
	{ "full", FIX_RECIPIENT, AGAIN_AFTER_FIX, STOP_MAILBOX, false },
	{ "unknown", FIX_SENDER, AGAIN_USELESS, STOP_MAILBOX, false },
	{ "listed", FIX_SENDER_ADMIN, AGAIN_AFTER_FIX, STOP_THEIR_SERVER,
	  true },
	{ "late", FIX_ADMINS, AGAIN_LATER, STOP_WAY, false },
};

/* Rule sets and what a search in them needs. */
struct fixture {
	struct arena arena;
	struct rule_book books[2];
	struct ruleset *sets[2];
	const struct ruleset *in_order[2];
	struct matcher matcher;
	struct match match;
};

static void
add_set(struct fixture *f, const struct rule *rules, size_t n)
{
	size_t i = f->matcher.nsets++;

	f->books[i].rules = rules;
	f->books[i].nrules = n;
	f->sets[i] = ruleset_new(&f->books[i], causes, COUNT(causes), true,
	    NULL, NULL);
	assert_non_null(f->sets[i]);
	f->in_order[i] = f->sets[i];
}

static void
begin(struct fixture *f, const struct rule *rules, size_t n)
{
	*f = (struct fixture){ .matcher = { .nsets = 0 } };
	arena_init(&f->arena, (size_t)16 << 20);
	f->matcher.arena = &f->arena;
	f->matcher.sets = f->in_order;
	f->matcher.causes = causes;
	f->matcher.ncauses = COUNT(causes);
	add_set(f, rules, n);
}

static void
end(struct fixture *f)
{
	for (size_t i = 0; i < f->matcher.nsets; i++)
		ruleset_free(f->sets[i]);
	matcher_release(&f->matcher);
	arena_release(&f->arena);
}

/* A reply read into what a rule looks at. */
static struct evidence
evidence_of(struct fixture *f, const char *text)
{
	struct reply reply;

	reply_read(&f->arena, span_of(text), &reply);
	return (struct evidence){ .text = reply.text,
	    .status = reply.status, .code = reply.code };
}

/* The name of the rule that a search finds, "" for none. */
static const char *
found(struct fixture *f, const struct evidence *evidence,
    enum rule_level level)
{
	return matcher_find(&f->matcher, evidence, level, NULL, &f->match) ?
	    f->match.rule->name : "";
}

static const char *
found_by_text(struct fixture *f, const char *text)
{
	const struct evidence evidence = evidence_of(f, text);

	return found(f, &evidence, RULES_WITH_TEXT);
}

static void
test_first_match_wins(void **state)
{
	const struct rule rules[] = {
		{ .name = "first", .text = "mailbox", .cause = "full" },
		{ .name = "second", .text = "mailbox full", .cause = "full" },
		{ .name = "third", .text = "quota", .cause = "full" },
	};
	struct fixture f;

	(void)state;
	begin(&f, rules, COUNT(rules));
	assert_string_equal(found_by_text(&f, "550 Mailbox full"), "first");
	assert_ptr_equal(f.match.cause, &causes[0]);
	assert_ptr_equal(f.match.set, f.sets[0]);
	assert_string_equal(found_by_text(&f, "552 over QUOTA"), "third");
	assert_string_equal(found_by_text(&f, "550 No."), "");
	assert_string_equal(found_by_text(&f, ""), "");
	end(&f);
}

static void
test_first_set_wins(void **state)
{
	const struct rule own[] = {
		{ .name = "own", .text = "full", .cause = "late" },
	};
	const struct rule builtin[] = {
		{ .name = "builtin", .text = "mailbox", .cause = "full" },
	};
	struct fixture f;

	(void)state;
	begin(&f, own, COUNT(own));
	add_set(&f, builtin, COUNT(builtin));
	assert_string_equal(found_by_text(&f, "552 mailbox full"), "own");
	assert_string_equal(found_by_text(&f, "552 mailbox"), "builtin");
	assert_ptr_equal(f.match.set, f.sets[1]);
	assert_ptr_equal(ruleset_book(f.sets[1]), &f.books[1]);
	end(&f);
}

/* The set of candidates takes several words here. */
static void
test_many_rules_keep_their_order(void **state)
{
	static struct rule rules[300];
	static char names[300][16];
	static char texts[300][40];
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < COUNT(rules); i++) {
		snprintf(names[i], sizeof(names[i]), "rule-%zu", i);
		snprintf(texts[i], sizeof(texts[i]), "word%zu\\b|common",
		    i);
		rules[i] = (struct rule){ .name = names[i],
		    .text = texts[i], .cause = "full" };
	}
	begin(&f, rules, COUNT(rules));
	for (size_t i = 0; i < COUNT(rules); i++) {
		char text[40];

		snprintf(text, sizeof(text), "550 word%zu", i);
		assert_string_equal(found_by_text(&f, text), names[i]);
	}
	assert_string_equal(found_by_text(&f, "550 word299 word7"), "rule-7");
	assert_string_equal(found_by_text(&f, "550 common"), "rule-0");
	end(&f);
}

static void
test_levels(void **state)
{
	const struct rule rules[] = {
		{ .name = "code", .code = CODES(550), .cause = "full" },
		{ .name = "status", .status = LIST("5.1.1"),
		  .cause = "full" },
		{ .name = "own-status", .status = LIST("5.1.1"),
		  .from = LIST("*.example.org"), .cause = "full" },
		{ .name = "text", .text = "user", .status = LIST("5.1.1"),
		  .code = CODES(550), .cause = "full" },
		{ .name = "system", .system = "exim", .cause = "late" },
	};
	struct fixture f;
	struct evidence evidence;

	(void)state;
	begin(&f, rules, COUNT(rules));
	evidence = evidence_of(&f, "550 5.1.1 no such user");
	evidence.server = SPAN("mx.example.org");
	assert_string_equal(found(&f, &evidence, RULES_WITH_TEXT), "text");
	assert_string_equal(found(&f, &evidence,
	    RULES_WITH_STATUS_AND_SERVER), "own-status");
	assert_string_equal(found(&f, &evidence, RULES_WITH_STATUS),
	    "status");
	assert_string_equal(found(&f, &evidence, RULES_WITH_CODE), "code");
	evidence.code = 0;
	assert_string_equal(found(&f, &evidence, RULES_WITH_TEXT), "");
	assert_string_equal(found(&f, &evidence, RULES_WITH_CODE), "");
	evidence.system = "exim";
	assert_string_equal(found(&f, &evidence, RULES_WITH_CODE), "system");
	evidence.system = "postfix";
	assert_string_equal(found(&f, &evidence, RULES_WITH_CODE), "");
	end(&f);
}

static void
test_from_selects(void **state)
{
	const struct rule rules[] = {
		{ .name = "theirs", .text = "blocked",
		  .from = LIST("*.outlook.com", "mx?.example.net"),
		  .cause = "listed" },
	};
	static const struct {
		const char *server;
		bool matches;
	} cases[] = {
		{ "a.mail.protection.outlook.com", true },
		{ "A.MAIL.PROTECTION.OUTLOOK.COM", true },
		{ "mx1.example.net", true },
		{ "mx12.example.net", false },
		{ "outlook.com", false },
		{ "mx.outlook.com.example.org", false },
		{ "", false },
		{ NULL, false },
	};
	const struct rule anybody[] = {
		{ .name = "anybody", .text = "blocked", .from = LIST("*"),
		  .cause = "listed" },
	};
	struct fixture f;
	struct evidence evidence;

	(void)state;
	begin(&f, rules, COUNT(rules));
	evidence = evidence_of(&f, "550 blocked");
	for (size_t i = 0; i < COUNT(cases); i++) {
		evidence.server = span_of(cases[i].server);
		if (matcher_find(&f.matcher, &evidence, RULES_WITH_TEXT,
		    NULL, &f.match) != cases[i].matches)
			fail_msg("from %s", cases[i].server != NULL ?
			    cases[i].server : "(nobody)");
	}
	end(&f);

	/* Whoever it is, it must be known. */
	begin(&f, anybody, 1);
	evidence = evidence_of(&f, "550 blocked");
	assert_string_equal(found(&f, &evidence, RULES_WITH_TEXT), "");
	evidence.server = SPAN("mx.example.org");
	assert_string_equal(found(&f, &evidence, RULES_WITH_TEXT), "anybody");
	end(&f);
}

static void
test_status_and_code_select(void **state)
{
	const struct rule rules[] = {
		{ .name = "exact", .status = LIST("5.1.1"), .cause = "full" },
		{ .name = "any-class", .status = LIST("*.7.25"),
		  .cause = "full" },
		{ .name = "any-detail", .status = LIST("4.3.*", "5.3.*"),
		  .cause = "full" },
		{ .name = "with-code", .status = LIST("5.2.0"),
		  .code = CODES(550, 552), .cause = "full" },
		{ .name = "all", .status = LIST("*.*.*"), .cause = "full" },
	};
	static const struct {
		struct status status;
		int code;
		const char *rule;
	} cases[] = {
		{ { 5, 1, 1 }, 550, "exact" },
		{ { 4, 1, 1 }, 450, "all" },
		{ { 5, 1, 10 }, 550, "all" },
		{ { 4, 7, 25 }, 0, "any-class" },
		{ { 5, 7, 25 }, 550, "any-class" },
		{ { 5, 7, 251 }, 550, "all" },
		{ { 4, 3, 2 }, 0, "any-detail" },
		{ { 5, 3, 999 }, 0, "any-detail" },
		{ { 2, 3, 0 }, 0, "all" },
		{ { 5, 2, 0 }, 550, "with-code" },
		{ { 5, 2, 0 }, 552, "with-code" },
		{ { 5, 2, 0 }, 554, "all" },
		{ { 0, 0, 0 }, 550, "" },
	};
	struct fixture f;

	(void)state;
	begin(&f, rules, COUNT(rules));
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct evidence evidence = { .text = SPAN("x"),
		    .status = cases[i].status, .code = cases[i].code };
		const char *rule = found(&f, &evidence, RULES_WITH_STATUS);

		if (strcmp(rule, cases[i].rule) != 0)
			fail_msg("%u.%u.%u with %d: got \"%s\"",
			    cases[i].status.class, cases[i].status.subject,
			    cases[i].status.detail, cases[i].code, rule);
	}
	end(&f);
}

/* The value that a name caught, absent if it caught none. */
static struct span
caught(const struct match *match, const char *name)
{
	for (size_t i = 0; i < match->n; i++)
		if (strcmp(match->parameters[i].name, name) == 0)
			return match->parameters[i].value;
	return SPAN_ABSENT;
}

static void
test_captures(void **state)
{
	const struct rule rules[] = {
		{ .name = "listed", .cause = "listed",
		  .text = "\\[(?<ip>[\\d.]+)\\] blocked using (?<list>\\S+)"
		      "(?: for (?<time>\\d*))?" },
	};
	const struct evidence evidence = { .text = SPAN("554 5.7.1 Client host "
	    "[192.0.2.10] blocked using bl.example.net") };
	struct fixture f;
	struct span ip;

	(void)state;
	begin(&f, rules, COUNT(rules));
	assert_string_equal(found(&f, &evidence, RULES_WITH_TEXT), "listed");
	assert_int_equal(f.match.n, 2);
	ip = caught(&f.match, "ip");
	assert_span(ip, "192.0.2.10");
	assert_true(ip.p > evidence.text.p &&
	    ip.p < evidence.text.p + evidence.text.len);
	assert_span(caught(&f.match, "list"), "bl.example.net");
	assert_absent(caught(&f.match, "time"));

	/* A group that caught nothing is no parameter. */
	assert_string_equal(found_by_text(&f,
	    "554 [192.0.2.11] blocked using zen for now"), "listed");
	assert_span(caught(&f.match, "ip"), "192.0.2.11");
	assert_absent(caught(&f.match, "time"));
	end(&f);
}

static void
test_all_parameters_at_once(void **state)
{
	const struct rule rules[] = {
		{ .name = "seven", .cause = "full",
		  .text = "(?<list>a1)(?<ip>b2)(?<limit>c3)(?<size>d4)"
		      "(?<domain>e5)(?<address>f6)(?<time>g7)" },
		/* The group's number is beyond what a match keeps. */
		{ .name = "far", .cause = "full",
		  .text = "far (1)(2)(3)(4)(5)(6)(7)(8)(9)(a)(b)(c)(d)(e)(f)"
		      "(g)(h)(i)(j)(k)(l)(m)(n)(o)(?<ip>p)" },
	};
	static const char *const values[] = {
		"a1", "b2", "c3", "d4", "e5", "f6", "g7"
	};
	struct fixture f;

	(void)state;
	begin(&f, rules, COUNT(rules));
	assert_string_equal(found_by_text(&f, "550 A1B2c3d4e5f6g7"), "seven");
	assert_int_equal(f.match.n, RULE_PARAMETERS);
	for (size_t i = 0; i < RULE_PARAMETERS; i++) {
		struct span value = caught(&f.match, rule_parameter_names[i]);

		assert_true(span_equal_nocase(value, span_of(values[i])));
	}
	assert_string_equal(found_by_text(&f,
	    "550 far 123456789abcdefghijklmnop"), "far");
	assert_int_equal(f.match.n, 0);
	end(&f);
}

/*
 * A pattern that would take ages stops at the limit, counts as no match, and
 * does not keep the rules behind it from being tried.
 */
static void
test_match_limit(void **state)
{
	const struct rule rules[] = {
		{ .name = "slow", .text = "(?:a+)+c", .cause = "full" },
		{ .name = "slow-too", .text = "(?:\\w+\\s?)*\\d$",
		  .cause = "full" },
		{ .name = "sane", .text = "aaaabc", .cause = "unknown" },
		/* Would match in the end, after a million steps. */
		{ .name = "dear", .text = "(?:(?:b+)+c|!)", .cause = "full" },
	};
	static const char text[] = "550 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabc!";
	struct fixture f;
	double start;

	(void)state;
	begin(&f, rules, COUNT(rules));
	start = matcher_clock();
	assert_string_equal(found_by_text(&f, text), "sane");
	assert_true(matcher_clock() - start < 2);
	assert_string_equal(found_by_text(&f, "550 aac"), "slow");
	assert_string_equal(found_by_text(&f, "550 bbb!"), "dear");
	assert_string_equal(found_by_text(&f, "550 bbbbbbbbbbbbbbbbbb!"), "");
	end(&f);
}

static void
test_deadline(void **state)
{
	const struct rule rules[] = {
		{ .name = "text", .text = "mailbox", .cause = "full" },
		{ .name = "status", .status = LIST("5.2.2"),
		  .cause = "full" },
	};
	struct fixture f;
	struct evidence evidence;

	(void)state;
	begin(&f, rules, COUNT(rules));
	evidence = evidence_of(&f, "552 5.2.2 mailbox full");
	f.matcher.deadline = matcher_clock() + 1000;
	assert_string_equal(found(&f, &evidence, RULES_WITH_TEXT), "text");
	assert_false(f.matcher.late);
	f.matcher.deadline = matcher_clock() - 1;
	assert_string_equal(found(&f, &evidence, RULES_WITH_TEXT), "");
	assert_true(f.matcher.late);
	assert_string_equal(found(&f, &evidence, RULES_WITH_STATUS),
	    "status");
	end(&f);
}

static void
test_skipped_cause(void **state)
{
	const struct rule rules[] = {
		{ .name = "late", .text = "too long", .cause = "late" },
		{ .name = "full", .text = "queue", .cause = "full" },
		{ .name = "code-late", .code = CODES(451), .cause = "late" },
		{ .name = "code-full", .code = CODES(451), .cause = "full" },
	};
	struct fixture f;
	struct evidence evidence;

	(void)state;
	begin(&f, rules, COUNT(rules));
	evidence = evidence_of(&f, "451 in the queue too long");
	assert_true(matcher_find(&f.matcher, &evidence, RULES_WITH_CODE,
	    &causes[3], &f.match));
	assert_string_equal(f.match.rule->name, "code-full");
	end(&f);
}

/* The cause aside gives way, unless nothing else matches. */
static void
test_cause_aside(void **state)
{
	const struct rule rules[] = {
		{ .name = "late", .text = "nothing|too long|in the",
		  .cause = "late" },
		{ .name = "full", .text = "queue|mailbox", .cause = "full" },
		{ .name = "later", .text = "queue", .cause = "full" },
	};
	const struct cause *late = &causes[3];
	struct fixture f;
	struct evidence evidence;
	bool both;

	(void)state;
	begin(&f, rules, COUNT(rules));
	evidence = evidence_of(&f, "451 in the queue too long");
	assert_true(matcher_find_text(&f.matcher, &evidence, late, &f.match,
	    &both));
	assert_string_equal(f.match.rule->name, "full");
	assert_true(both);
	assert_true(matcher_find_text(&f.matcher, &evidence, NULL, &f.match,
	    &both));
	assert_string_equal(f.match.rule->name, "late");
	assert_false(both);

	evidence = evidence_of(&f, "451 held too long");
	assert_true(matcher_find_text(&f.matcher, &evidence, late, &f.match,
	    &both));
	assert_string_equal(f.match.rule->name, "late");
	assert_false(both);
	evidence = evidence_of(&f, "552 mailbox");
	assert_true(matcher_find_text(&f.matcher, &evidence, late, &f.match,
	    &both));
	assert_string_equal(f.match.rule->name, "full");
	assert_false(both);
	evidence = evidence_of(&f, "550 go away");
	assert_false(matcher_find_text(&f.matcher, &evidence, late, &f.match,
	    &both));
	assert_false(both);
	end(&f);
}

static void
test_one_rule_by_itself(void **state)
{
	const struct rule rules[] = {
		{ .name = "first", .text = "mailbox", .cause = "full" },
		{ .name = "second", .text = "full", .code = CODES(552),
		  .cause = "full" },
	};
	struct fixture f;
	struct evidence evidence;

	(void)state;
	begin(&f, rules, COUNT(rules));
	evidence = evidence_of(&f, "552 mailbox full");
	assert_true(matcher_rule_matches(&f.matcher, f.sets[0], &rules[1],
	    &evidence));
	evidence.code = 550;
	assert_false(matcher_rule_matches(&f.matcher, f.sets[0], &rules[1],
	    &evidence));
	end(&f);
}

/* Counts what it is told, and keeps the names. */
struct faults {
	const char *names[16];
	size_t n;
};

static void
take_fault(void *context, const struct rule *rule, const char *what)
{
	struct faults *faults = context;

	assert_non_null(what);
	assert_true(what[0] != '\0');
	assert_true(faults->n < COUNT(faults->names));
	faults->names[faults->n++] = rule->name;
}

static const struct rule faulty_rules[] = {
	{ .name = "no-such-cause", .text = "mailbox", .cause = "weather" },
	{ .name = "nothing-to-match", .cause = "full" },
	{ .name = "only-from", .from = LIST("*"), .cause = "full" },
	{ .name = "short-status", .status = LIST("5.1"), .cause = "full" },
	{ .name = "odd-status", .status = LIST("5.1.1", "5.x.1"),
	  .cause = "full" },
	{ .name = "gap-in-status", .status = LIST("5..1"), .cause = "full" },
	{ .name = "no-class", .status = LIST(".1.1"), .cause = "full" },
	{ .name = "no-detail", .status = LIST("5.1."), .cause = "full" },
	{ .name = "bad-pattern", .text = "mailbox (full", .cause = "full" },
	{ .name = "odd-group", .text = "mailbox (?<colour>full)",
	  .cause = "full" },
	{ .name = "single-byte", .text = "mailbox\\C", .cause = "full" },
	{ .name = "good", .text = "mailbox", .cause = "full" },
	{ .name = "good-status", .status = LIST("5.1.1"), .cause = "full" },
};

static void
test_bad_rules_are_told_and_skipped(void **state)
{
	const struct rule_book book = { .rules = faulty_rules,
	    .nrules = COUNT(faulty_rules) };
	struct faults faults = { .n = 0 };
	struct fixture f;
	struct evidence evidence;
	struct ruleset *set;

	(void)state;
	begin(&f, faulty_rules, 0);
	set = ruleset_new(&book, causes, COUNT(causes), true, take_fault,
	    &faults);
	assert_non_null(set);
	assert_int_equal(faults.n, 11);
	for (size_t i = 0; i < faults.n; i++)
		assert_string_equal(faults.names[i], faulty_rules[i].name);
	f.in_order[0] = set;
	evidence = evidence_of(&f, "550 5.1.1 mailbox full");
	evidence.server = SPAN("mx.example.org");
	assert_string_equal(found(&f, &evidence, RULES_WITH_TEXT), "good");
	assert_string_equal(found(&f, &evidence, RULES_WITH_STATUS),
	    "good-status");
	assert_false(matcher_rule_matches(&f.matcher, set, &faulty_rules[0],
	    &evidence));
	assert_false(f.arena.failed);
	ruleset_free(set);
	end(&f);
}

static void
test_empty_book(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, NULL, 0);
	for (int level = 0; level < RULE_LEVELS; level++) {
		const struct evidence evidence = evidence_of(&f,
		    "550 5.1.1 user unknown");

		assert_string_equal(found(&f, &evidence,
		    (enum rule_level)level), "");
	}
	ruleset_free(NULL);
	end(&f);
}

static void
test_blocklists(void **state)
{
	const struct blocklist lists[] = {
		{ "house", LIST("house.example", "house2.example"), "House",
		  "https://house.example/look-up" },
		{ "other", LIST("other.example"), "Other", NULL },
	};
	const struct rule rules[] = {
		{ .name = "zone", .text = "using (?<list>\\S+)",
		  .cause = "listed" },
		{ .name = "named", .text = "outhouse", .blocklist = "house",
		  .cause = "listed" },
		{ .name = "not-there", .text = "nowhere",
		  .blocklist = "elsewhere", .cause = "listed" },
	};
	const struct {
		const char *text;
		const struct blocklist *list;
	} cases[] = {
		{ "blocked using house.example", &lists[0] },
		{ "blocked using zen.HOUSE2.example", &lists[0] },
		{ "blocked using a.b.other.example", &lists[1] },
		{ "blocked using madhouse.example", NULL },
		{ "blocked using house.example.org", NULL },
		{ "blocked using example", NULL },
		{ "outhouse", &lists[0] },
		{ "nowhere", NULL },
	};
	struct fixture f;

	(void)state;
	begin(&f, rules, COUNT(rules));
	f.books[0].blocklists = lists;
	f.books[0].nblocklists = COUNT(lists);
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_string_not_equal(found_by_text(&f, cases[i].text),
		    "");
		if (matcher_blocklist(&f.matcher, &f.match,
		    caught(&f.match, "list")) != cases[i].list)
			fail_msg("%s", cases[i].text);
	}
	end(&f);
}

/* An administrator's rule may name a list that is built in. */
static void
test_blocklist_of_another_set(void **state)
{
	const struct blocklist lists[] = {
		{ "house", LIST("house.example"), "House", NULL },
	};
	const struct rule own[] = {
		{ .name = "own", .text = "own", .blocklist = "house",
		  .cause = "listed" },
	};
	struct fixture f;

	(void)state;
	begin(&f, own, COUNT(own));
	add_set(&f, NULL, 0);
	f.books[1].blocklists = lists;
	f.books[1].nblocklists = COUNT(lists);
	assert_string_equal(found_by_text(&f, "own"), "own");
	assert_ptr_equal(matcher_blocklist(&f.matcher, &f.match,
	    SPAN_ABSENT), &lists[0]);
	end(&f);
}

/*
 * A text longer than what is matched is cut, also in the middle of a
 * character, and what stands in front of the cut is still found.
 */
static void
test_long_text(void **state)
{
	const struct rule rules[] = {
		{ .name = "full", .text = "mailbox full", .cause = "full" },
		{ .name = "late", .text = "far away", .cause = "late" },
	};
	static char text[20000];
	const struct evidence evidence = { .text = { text, sizeof(text) } };
	struct fixture f;

	(void)state;
	begin(&f, rules, COUNT(rules));
	for (size_t shift = 0; shift < 2; shift++) {
		memset(text, ' ', sizeof(text));
		memcpy(text, "mailbox full", 12);
		for (size_t i = 12 + shift; i + 2 <= sizeof(text); i += 2)
			memcpy(text + i, "\303\251", 2);
		assert_string_equal(found(&f, &evidence, RULES_WITH_TEXT),
		    "full");
	}
	end(&f);
}

/* A matcher whose arena is used up finds nothing and does not crash. */
static void
test_without_memory(void **state)
{
	const struct rule rules[] = {
		{ .name = "full", .text = "mailbox full", .cause = "full" },
	};
	const struct evidence evidence = { .text = SPAN("mailbox full") };
	struct fixture f;

	(void)state;
	begin(&f, rules, COUNT(rules));
	arena_release(&f.arena);
	arena_init(&f.arena, 0);
	assert_string_equal(found(&f, &evidence, RULES_WITH_TEXT), "");
	assert_true(f.arena.failed);
	end(&f);
}

static void
test_names(void **state)
{
	(void)state;
	assert_string_equal(fix_names[FIX_SENDER], "sender");
	assert_string_equal(fix_names[FIX_COUNT - 1], "nobody");
	assert_string_equal(again_names[AGAIN_COUNT - 1], "automatic");
	assert_string_equal(stop_names[STOP_COUNT - 1], "mailbox");
	assert_ptr_equal(cause_by_id(causes, COUNT(causes), "listed"),
	    &causes[2]);
	assert_null(cause_by_id(causes, COUNT(causes), "list"));
	assert_null(cause_by_id(NULL, 0, "full"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_match_wins),
		cmocka_unit_test(test_first_set_wins),
		cmocka_unit_test(test_many_rules_keep_their_order),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_from_selects),
		cmocka_unit_test(test_status_and_code_select),
		cmocka_unit_test(test_captures),
		cmocka_unit_test(test_all_parameters_at_once),
		cmocka_unit_test(test_match_limit),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_skipped_cause),
		cmocka_unit_test(test_cause_aside),
		cmocka_unit_test(test_one_rule_by_itself),
		cmocka_unit_test(test_bad_rules_are_told_and_skipped),
		cmocka_unit_test(test_empty_book),
		cmocka_unit_test(test_blocklists),
		cmocka_unit_test(test_blocklist_of_another_set),
		cmocka_unit_test(test_long_text),
		cmocka_unit_test(test_without_memory),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
