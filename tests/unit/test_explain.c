/* SPDX-License-Identifier: BSD-2-Clause */
/* What is told, with the texts that are built in, in English. */
#include <stdlib.h>

#include "builtin.h"
#include "explain/explain.h"
#include "explain/phrase.h"

#define RECIPIENTS 60
#define DATE "Tue, 3 Jun 2025 14:02:11 +0200"
#define DATE_SHOWN "3 June 2025, 14:02"

/* A report in the making, and what is told of it. */
struct telling {
	struct builtin *builtin;
	struct report report;
	struct recipient recipients[RECIPIENTS];
	struct finding findings[RECIPIENTS];
	struct header headers[2];
	struct explain_options options;
	struct explanation explanation;
};

static struct telling *
begin(void **state)
{
	struct telling *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->builtin = *state;
	t->report.kind = REPORT_DSN;
	t->report.recipients = t->recipients;
	t->report.returned.headers.v = t->headers;
	t->options.languages = &t->builtin->languages;
	t->options.language = &t->builtin->languages.v[0];
	return t;
}

static void
end(struct telling *t)
{
	builtin_clear(t->builtin);
	free(t);
}

/* Adds a recipient that failed with a server's reply. */
static struct recipient *
add(struct telling *t, const char *address, const char *reply)
{
	struct recipient *recipient = &t->recipients[t->report.n];

	assert_true(t->report.n < RECIPIENTS);
	builtin_read(t->builtin, recipient, reply);
	recipient->action = ACTION_FAILED;
	recipient->address = span_of(address);
	t->report.n++;
	return recipient;
}

static void
find(struct telling *t)
{
	for (size_t i = 0; i < t->report.n; i++)
		cause_find(&t->findings[i], &t->builtin->matcher,
		    &t->recipients[i], &t->report);
}

static struct explained_group *
tell(struct telling *t)
{
	assert_true(explain(&t->explanation, &t->builtin->arena, &t->report,
	    t->findings, &t->options));
	return t->explanation.n > 0 ? &t->explanation.groups[0] : NULL;
}

static struct explained_group *
find_and_tell(struct telling *t)
{
	find(t);
	return tell(t);
}

/* A text of the language, with one place filled. */
static struct span
text(struct telling *t, const char *key, const char *name, const char *value)
{
	const struct phrases phrases = { .arena = &t->builtin->arena,
	    .languages = t->options.languages,
	    .language = t->options.language };
	const struct filler filler = { name, span_of(value) };
	struct span template = phrase(&phrases, key);

	if (template.p == NULL)
		fail_msg("there is no text %s", key);
	return name == NULL ? template : phrase_fill(&phrases, template,
	    &filler, 1);
}

/* Is it said somewhere among the texts? */
static bool
says(const struct texts *texts, struct span said)
{
	for (size_t i = 0; i < texts->n; i++)
		if (span_find(texts->v[i], said) != SPAN_NONE)
			return true;
	return false;
}

static void
show(const struct texts *texts)
{
	for (size_t i = 0; i < texts->n; i++)
		print_error("  %.*s\n", (int)texts->v[i].len, texts->v[i].p);
}

#define assert_says(texts, said) \
	assert_saying((texts), (said), true, __FILE__, __LINE__)
#define assert_silent(texts, said) \
	assert_saying((texts), (said), false, __FILE__, __LINE__)

static void
assert_saying(const struct texts *texts, struct span said, bool wanted,
    const char *file, int line)
{
	if (said.len > 0 && says(texts, said) == wanted)
		return;
	print_error("%s \"%.*s\" in\n", wanted ? "not said:" : "said:",
	    (int)said.len, said.p);
	show(texts);
	_fail(file, line);
}

static bool
fix_says(const struct explained_group *group, struct span said)
{
	return span_find(group->fix, said) != SPAN_NONE;
}

static void
test_failed(void **state)
{
	struct telling *t = begin(state);
	struct explained_group *group;

	add(t, "bob@example.org", "552 5.2.2 Mailbox full");
	group = find_and_tell(t);
	assert_int_equal(t->explanation.n, 1);
	assert_int_equal(group->naddresses, 1);
	assert_span(group->result, "Not delivered to bob@example.org");
	assert_span(t->explanation.happened_heading, "What happened");
	assert_span(t->explanation.steps_heading, "What you can do");
	assert_span(t->explanation.fix_heading, "Who can fix it");
	assert_says(&group->happened, text(t, "mailbox-full.why", NULL,
	    NULL));
	assert_says(&group->steps, text(t, "mailbox-full.step1", NULL, NULL));
	assert_true(fix_says(group, text(t, "fix.recipient", NULL, NULL)));
	assert_true(fix_says(group, text(t, "again.after-fix", NULL, NULL)));
	assert_true(span_equal(t->explanation.title, text(t,
	    "mailbox-full.title", NULL, NULL)));
	/* Nobody was named who speaks, no message came back. */
	assert_absent(t->explanation.closing);
	assert_absent(t->explanation.about);
	end(t);
}

/* Of a reply by itself nobody knows whose message it was. */
static void
test_reply_only(void **state)
{
	struct telling *t = begin(state);
	struct explained_group *group;

	add(t, NULL, "552 5.2.2 Mailbox full")->action = ACTION_NONE;
	t->options.reply_only = true;
	group = find_and_tell(t);
	assert_true(span_equal(group->result, text(t, "mailbox-full.title",
	    NULL, NULL)));
	assert_says(&group->happened, text(t, "mailbox-full.why", NULL,
	    NULL));
	end(t);
}

/* The other server's words are not repeated. */
static void
test_no_code_and_no_reply(void **state)
{
	static const char *const unsaid[] = { "550", "5.1.1", "Zaphod" };
	struct telling *t = begin(state);
	struct explained_group *group;

	add(t, "bob@example.org", "550 5.1.1 User unknown, says Zaphod");
	group = find_and_tell(t);
	for (size_t i = 0; i < COUNT(unsaid); i++) {
		assert_silent(&group->happened, span_of(unsaid[i]));
		assert_silent(&group->steps, span_of(unsaid[i]));
	}
	end(t);
}

static void
test_action_that_is_not_told(void **state)
{
	struct telling *t = begin(state);

	add(t, "bob@example.org", "552 5.2.2 Mailbox full")->action =
	    ACTION_NONE;
	assert_span(find_and_tell(t)->result,
	    "Not delivered to bob@example.org");
	end(t);
}

static void
test_without_an_address(void **state)
{
	struct telling *t = begin(state);
	struct explained_group *group;

	add(t, NULL, "552 5.2.2 Mailbox full");
	group = find_and_tell(t);
	assert_int_equal(group->naddresses, 0);
	assert_true(span_equal(group->result, text(t, "result.failed.none",
	    NULL, NULL)));
	end(t);
}

/* Nothing is known at all: still a whole explanation. */
static void
test_nothing_known(void **state)
{
	struct telling *t = begin(state);
	struct explained_group *group;

	t->report.n = 1;
	group = find_and_tell(t);
	assert_says(&group->happened, text(t, "unknown.why", NULL, NULL));
	assert_true(group->result.len > 0);
	assert_true(group->steps.n > 0);
	assert_true(t->explanation.title.len > 0);
	end(t);

	/* Not even a recipient. */
	t = begin(state);
	assert_null(find_and_tell(t));
	assert_int_equal(t->explanation.n, 0);
	end(t);
}

static void
test_same_cause_is_one_group(void **state)
{
	struct telling *t = begin(state);
	struct explained_group *group;

	add(t, "bob@example.org", "550 5.1.1 User unknown");
	add(t, "carol@example.org", "552 5.2.2 Mailbox full");
	add(t, "dave@example.org", "550 5.1.1 User unknown");
	add(t, "erin@example.org", "452 4.2.2 Mailbox full");
	add(t, "frank@example.org", "550 5.1.1 User unknown");
	group = find_and_tell(t);
	assert_int_equal(t->explanation.n, 2);
	assert_int_equal(group[0].naddresses, 3);
	assert_span(group[0].addresses[0].text, "bob@example.org");
	assert_span(group[0].addresses[1].text, "dave@example.org");
	assert_span(group[0].addresses[2].text, "frank@example.org");
	assert_true(span_equal(group[0].result, text(t, "result.failed.many",
	    NULL, NULL)));
	assert_int_equal(group[1].naddresses, 2);
	assert_span(group[1].addresses[0].text, "carol@example.org");
	assert_says(&group[0].happened, text(t, "mailbox-unknown.why", NULL,
	    NULL));
	assert_says(&group[1].happened, text(t, "mailbox-full.why", NULL,
	    NULL));
	/* The first recipient's cause is the title's. */
	assert_true(span_equal(t->explanation.title, text(t,
	    "mailbox-unknown.title", NULL, NULL)));
	end(t);
}

/* What is told differently is no group. */
static void
test_what_parts_groups(void **state)
{
	static const struct {
		const char *one;
		const char *other;
		size_t groups;
	} cases[] = {
		{ "552 5.2.2 Mailbox full", "452 4.2.2 Mailbox full", 1 },
		{ "552 5.2.2 Mailbox full", "550 5.1.1 User unknown", 2 },
		/* Bare codes have texts of their own. */
		{ "550 5.1.1", "550 5.1.1", 1 },
		{ "550 5.1.1", "550 5.1.10", 2 },
		{ "450", "451", 2 },
		/* Values that are told. */
		{ "554 5.7.1 Service unavailable; Client host [192.0.2.10] "
		  "blocked using zen.spamhaus.org",
		  "554 5.7.1 Service unavailable; Client host [192.0.2.10] "
		  "blocked using zen.spamhaus.org", 1 },
		{ "554 5.7.1 Service unavailable; Client host [192.0.2.10] "
		  "blocked using zen.spamhaus.org",
		  "554 5.7.1 Service unavailable; Client host [192.0.2.11] "
		  "blocked using zen.spamhaus.org", 2 },
		{ "554 5.7.1 Service unavailable; Client host [192.0.2.10] "
		  "blocked using zen.spamhaus.org",
		  "554 5.7.1 Service unavailable; Client host [192.0.2.10] "
		  "blocked using bl.spamcop.net", 2 },
		/* One of them ran out of time. */
		{ "552 5.2.2 Mailbox full",
		  "552 5.2.2 Mailbox full; message has been in the queue "
		  "too long", 2 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct telling *t = begin(state);

		add(t, "bob@example.org", cases[i].one);
		add(t, "carol@example.org", cases[i].other);
		find_and_tell(t);
		if (t->explanation.n != cases[i].groups)
			fail_msg("\"%s\" and \"%s\": %zu groups",
			    cases[i].one, cases[i].other, t->explanation.n);
		end(t);
	}
}

static void
test_actions_part_groups(void **state)
{
	struct telling *t = begin(state);
	struct explained_group *group;

	add(t, "bob@example.org", "452 4.2.2 Mailbox full")->action =
	    ACTION_FAILED;
	add(t, "carol@example.org", "452 4.2.2 Mailbox full")->action =
	    ACTION_DELAYED;
	add(t, "dave@example.org", "250 2.0.0 OK")->action =
	    ACTION_DELIVERED;
	group = find_and_tell(t);
	assert_int_equal(t->explanation.n, 3);
	assert_int_equal(group[0].action, ACTION_FAILED);
	assert_int_equal(group[1].action, ACTION_DELAYED);
	assert_int_equal(group[2].action, ACTION_DELIVERED);
	end(t);
}

/* Values that no text has a place for are no reason to part. */
static void
test_untold_values_do_not_part_groups(void **state)
{
	struct telling *t = begin(state);

	add(t, "bob@example.org", "550 5.1.1 User unknown");
	add(t, "carol@example.org", "550 5.1.1 User unknown");
	find(t);
	t->findings[0].n = 1;
	t->findings[0].parameters[0] = (struct parameter){ "ip",
	    SPAN("192.0.2.10") };
	tell(t);
	assert_int_equal(t->explanation.n, 1);
	end(t);
}

/* The address that a group names at place i, "" if it names none there. */
static struct span
named(const struct explained_group *group, size_t i)
{
	return i < group->naddresses ? group->addresses[i].text : SPAN("");
}

/* Adds recipients that are refused for a server of their own each. */
static void
add_many(struct telling *t, size_t n, enum action action)
{
	static char addresses[RECIPIENTS][32];
	char reply[120];

	while (n-- > 0) {
		size_t i = t->report.n;

		snprintf(addresses[i], sizeof(addresses[i]),
		    "user%zu@example.org", i);
		snprintf(reply, sizeof(reply), "554 5.7.1 Service "
		    "unavailable; Client host [192.0.2.%zu] blocked using "
		    "zen.spamhaus.org", i);
		add(t, addresses[i], reply)->action = action;
	}
}

/* However many there are, the explanation stays bounded, and names all. */
static void
test_many_groups(void **state)
{
	struct telling *t = begin(state);
	struct explained_group *group, *last;

	add_many(t, RECIPIENTS, ACTION_FAILED);
	group = find_and_tell(t);
	assert_int_equal(t->explanation.n, EXPLANATION_GROUPS + 1);
	for (size_t i = 0; i < EXPLANATION_GROUPS; i++) {
		assert_int_equal(group[i].naddresses, 1);
		assert_true(span_equal(named(&group[i], 0),
		    t->recipients[i].address));
		assert_true(group[i].has_stations);
	}
	last = &group[EXPLANATION_GROUPS];
	assert_int_equal(last->naddresses, RECIPIENTS - EXPLANATION_GROUPS);
	for (size_t i = 0; i < last->naddresses; i++)
		assert_true(span_equal(named(last, i),
		    t->recipients[EXPLANATION_GROUPS + i].address));
	assert_true(span_equal(last->result, text(t, "result.failed.many",
	    NULL, NULL)));
	assert_int_equal(last->happened.n, 1);
	assert_says(&last->happened, text(t, "others.why", NULL, NULL));
	assert_int_equal(last->steps.n, 1);
	assert_says(&last->steps, text(t, "others.step1", NULL, NULL));
	/* Nothing is said of them all that is true of some. */
	assert_absent(last->fix);
	assert_false(last->has_stations);
	end(t);
}

/* What became of the last ones is told apart. */
static void
test_many_groups_of_every_kind(void **state)
{
	struct telling *t = begin(state);
	struct explained_group *group;

	add_many(t, EXPLANATION_GROUPS, ACTION_FAILED);
	add_many(t, 3, ACTION_DELAYED);
	add_many(t, 2, ACTION_DELIVERED);
	add_many(t, 2, ACTION_FAILED);
	add_many(t, 1, ACTION_RELAYED);
	t->recipients[EXPLANATION_GROUPS].retry_until = SPAN(DATE);
	group = find_and_tell(t);
	assert_int_equal(t->explanation.n, EXPLANATION_GROUPS + 4);
	group += EXPLANATION_GROUPS;

	assert_true(span_equal(group[0].result, text(t,
	    "result.delayed.many", NULL, NULL)));
	assert_int_equal(group[0].naddresses, 3);
	assert_says(&group[0].happened, text(t, "late.wait", NULL, NULL));
	assert_says(&group[0].happened, text(t, "others.why", NULL, NULL));
	assert_silent(&group[0].happened, SPAN(DATE_SHOWN));
	assert_says(&group[0].steps, text(t, "late.step", NULL, NULL));
	assert_silent(&group[0].steps, text(t, "others.step1", NULL, NULL));

	assert_true(span_equal(group[1].result, text(t,
	    "result.delivered.many", NULL, NULL)));
	assert_says(&group[1].happened, text(t, "delivered.why", NULL,
	    NULL));
	assert_silent(&group[1].happened, text(t, "others.why", NULL, NULL));
	assert_int_equal(group[1].steps.n, 0);
	assert_true(group[1].has_stations);

	assert_int_equal(group[2].action, ACTION_FAILED);
	assert_int_equal(group[2].naddresses, 2);
	assert_says(&group[2].happened, text(t, "others.why", NULL, NULL));
	assert_span(group[3].result,
	    "Handed on to the next mail server for user17@example.org");
	end(t);
}

/* Where the last ones share a cause, it is told. */
static void
test_last_group_with_one_cause(void **state)
{
	struct telling *t = begin(state);
	struct explained_group *last;

	add_many(t, EXPLANATION_GROUPS, ACTION_FAILED);
	add(t, "bob@example.org", "552 5.2.2 Mailbox full");
	add(t, "carol@example.org", "552 5.2.2 Mailbox full");
	last = find_and_tell(t) + EXPLANATION_GROUPS;
	assert_int_equal(t->explanation.n, EXPLANATION_GROUPS + 1);
	assert_int_equal(last->naddresses, 2);
	assert_says(&last->happened, text(t, "mailbox-full.why", NULL,
	    NULL));
	assert_silent(&last->happened, text(t, "others.why", NULL, NULL));
	assert_true(last->fix.len > 0);
	end(t);
}

/* A long list goes on below the explanation. */
static void
test_long_lists(void **state)
{
	static const struct {
		size_t n;
		bool forwarded;
		size_t first;
	} cases[] = {
		{ 1, false, 1 }, { 2, false, 2 }, { 12, false, 12 },
		{ 13, false, 6 }, { RECIPIENTS, false, 6 },
		{ 1, true, 1 }, { 6, true, 6 }, { 7, true, 3 },
	};
	static char typed[RECIPIENTS][40], behind[RECIPIENTS][40];

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct telling *t = begin(state);
		struct explained_group *group;

		for (size_t k = 0; k < cases[i].n; k++) {
			struct recipient *recipient;

			snprintf(typed[k], sizeof(typed[k]),
			    "user%zu@example.org", k);
			snprintf(behind[k], sizeof(behind[k]),
			    "user%zu@example.net", k);
			recipient = add(t, behind[k],
			    "552 5.2.2 Mailbox full");
			if (cases[i].forwarded)
				recipient->original = span_of(typed[k]);
		}
		group = find_and_tell(t);
		assert_int_equal(t->explanation.n, 1);
		assert_int_equal(group->naddresses, cases[i].n);
		assert_int_equal(group->nfirst, cases[i].first);
		end(t);
	}
}

/* The same address again is no other one, but it may be in two groups. */
static void
test_each_address_once(void **state)
{
	struct telling *t = begin(state);
	struct explained_group *group;

	add(t, "bob@example.org", "550 5.1.1 User unknown");
	add(t, "carol@example.org", "550 5.1.1 User unknown");
	add(t, "Bob@Example.org", "550 5.1.1 User unknown");
	add(t, "bob@example.org", "552 5.2.2 Mailbox full");
	group = find_and_tell(t);
	assert_int_equal(t->explanation.n, 2);
	assert_int_equal(group[0].naddresses, 2);
	assert_span(named(&group[0], 0), "bob@example.org");
	assert_span(named(&group[0], 1), "carol@example.org");
	assert_span(group[1].result, "Not delivered to bob@example.org");
	end(t);
}

/* More were named than were read: said, whatever became of them. */
static void
test_unlisted(void **state)
{
	struct telling *t = begin(state);

	add(t, "bob@example.org", "550 5.1.1 User unknown");
	find_and_tell(t);
	assert_absent(t->explanation.unlisted);
	t->report.flags = REPORT_OVERFLOW;
	tell(t);
	assert_true(span_equal(t->explanation.unlisted, text(t,
	    "others.unlisted", NULL, NULL)));
	end(t);
}

static void
test_late(void **state)
{
	struct telling *t = begin(state);
	struct explained_group *group;
	struct recipient *recipient = add(t, "bob@example.org",
	    "450 4.7.1 Greylisted for 5 minutes");

	recipient->action = ACTION_DELAYED;
	recipient->retry_until = SPAN(DATE);
	t->options.helpdesk = SPAN("help@example.com");
	group = find_and_tell(t);
	assert_span(group->result, "Not delivered yet to bob@example.org");
	assert_says(&group->happened, text(t, "late.wait", NULL, NULL));
	assert_says(&group->happened, text(t, "late.until", "date",
	    DATE_SHOWN));
	assert_says(&group->happened, text(t, "greylisted.why", NULL, NULL));
	assert_int_equal(group->steps.n, 1);
	assert_says(&group->steps, text(t, "late.step", NULL, NULL));
	/* Nobody need do anything. */
	assert_absent(group->fix);
	assert_int_equal(group->stations[STOP_THEIR_SERVER],
	    STATION_WAITING);
	/* The title does not speak of a failure. */
	assert_true(span_equal(t->explanation.title, text(t,
	    "result.delayed.none", NULL, NULL)));
	end(t);
}

/* 5xx words in a notice that it is late: late all the same. */
static void
test_late_with_a_final_reply(void **state)
{
	struct telling *t = begin(state);
	struct explained_group *group;

	add(t, "bob@example.org", "550 5.1.1 User unknown")->action =
	    ACTION_DELAYED;
	group = find_and_tell(t);
	assert_span(group->result, "Not delivered yet to bob@example.org");
	assert_says(&group->happened, text(t, "late.wait", NULL, NULL));
	assert_silent(&group->steps, text(t, "mailbox-unknown.step1", NULL,
	    NULL));
	assert_absent(group->fix);
	end(t);
}

static void
test_late_without_a_date(void **state)
{
	static const char *const dates[] = { NULL, "", "soon", "<b>" };

	for (size_t i = 0; i < COUNT(dates); i++) {
		struct telling *t = begin(state);
		struct explained_group *group;
		struct recipient *recipient = add(t, "bob@example.org",
		    "450 4.7.1 Greylisted for 5 minutes");

		recipient->action = ACTION_DELAYED;
		recipient->retry_until = span_of(dates[i]);
		group = find_and_tell(t);
		assert_says(&group->happened, text(t, "late.wait", NULL,
		    NULL));
		assert_silent(&group->happened, SPAN("{date}"));
		assert_silent(&group->happened, SPAN("keeps trying until"));
		end(t);
	}
}

/* A date is told of several if it is the same for each. */
static void
test_late_with_several_dates(void **state)
{
	static const struct {
		const char *other;
		bool told;
	} cases[] = {
		{ DATE, true },
		{ "3 Jun 2025 14:02:59 +0200", true },
		{ "Wed, 4 Jun 2025 14:02:11 +0200", false },
		{ NULL, false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct telling *t = begin(state);
		struct explained_group *group;

		add(t, "bob@example.org", "450 4.7.1 Greylisted");
		add(t, "carol@example.org", "450 4.7.1 Greylisted");
		for (int k = 0; k < 2; k++)
			t->recipients[k].action = ACTION_DELAYED;
		t->recipients[0].retry_until = SPAN(DATE);
		t->recipients[1].retry_until = span_of(cases[i].other);
		group = find_and_tell(t);
		assert_int_equal(t->explanation.n, 1);
		if (cases[i].told)
			assert_says(&group->happened, text(t, "late.until",
			    "date", DATE_SHOWN));
		else
			assert_silent(&group->happened,
			    SPAN("keeps trying until"));
		end(t);
	}
}

static void
test_success(void **state)
{
	static const struct {
		enum action action;
		const char *result;
		const char *why;
		enum station_state mailbox;
	} cases[] = {
		{ ACTION_DELIVERED, "result.delivered", "delivered.why",
		  STATION_PASSED },
		{ ACTION_RELAYED, "result.relayed", "relayed.why",
		  STATION_NOT_REACHED },
		{ ACTION_EXPANDED, "result.expanded", "expanded.why",
		  STATION_PASSED },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct telling *t = begin(state);
		struct explained_group *group;
		char none[40];

		add(t, "bob@example.org", "250 2.0.0 OK")->action =
		    cases[i].action;
		t->options.helpdesk = SPAN("help@example.com");
		group = find_and_tell(t);
		assert_true(span_equal(group->result, text(t,
		    cases[i].result, "address", "bob@example.org")));
		assert_int_equal(group->happened.n, 1);
		assert_says(&group->happened, text(t, cases[i].why, NULL,
		    NULL));
		assert_int_equal(group->steps.n, 0);
		assert_absent(group->fix);
		assert_int_equal(group->stations[STOP_MAILBOX],
		    cases[i].mailbox);
		for (int k = 0; k < STOP_MAILBOX; k++)
			assert_true(group->stations[k] == STATION_PASSED ||
			    k == STOP_WAY);
		snprintf(none, sizeof(none), "%s.none", cases[i].result);
		assert_true(span_equal(t->explanation.title, text(t, none,
		    NULL, NULL)));
		end(t);
	}
}

/* The address that was typed comes first; what was behind it is told. */
static void
test_forwarded(void **state)
{
	struct telling *t = begin(state);
	struct explained_group *group;
	struct span forwarded;

	add(t, "bob@new.example", "552 5.2.2 Mailbox full")->original =
	    SPAN("bob@example.org");
	group = find_and_tell(t);
	assert_span(group->result, "Not delivered to bob@example.org");
	assert_says(&group->happened, SPAN("bob@new.example"));
	forwarded = text(t, "forwarded", "original", "bob@example.org");
	assert_says(&group->happened, span_first(forwarded,
	    span_find_char(forwarded, '{')));
	assert_says(&group->happened, text(t, "mailbox-full.why", NULL,
	    NULL));
	end(t);
}

static void
test_forwarded_and_late(void **state)
{
	struct telling *t = begin(state);
	struct explained_group *group;
	struct recipient *recipient = add(t, "bob@new.example",
	    "452 4.2.2 Mailbox full");
	struct span late;

	recipient->original = SPAN("bob@example.org");
	recipient->action = ACTION_DELAYED;
	group = find_and_tell(t);
	assert_span(group->result, "Not delivered yet to bob@example.org");
	late = text(t, "forwarded.late", "address", "bob@new.example");
	assert_says(&group->happened, span_from(late,
	    span_find_last_char(late, '}') + 1));
	end(t);
}

/* Each typed address has the one behind it below it in the list. */
static void
test_forwarded_recipients_share(void **state)
{
	static const struct {
		enum action action;
		const char *reply;
		const char *said;	/* NULL: nothing */
	} cases[] = {
		{ ACTION_FAILED, "552 5.2.2 Mailbox full",
		  "forwarded.many" },
		{ ACTION_DELAYED, "452 4.2.2 Mailbox full",
		  "forwarded.many.late" },
		{ ACTION_DELIVERED, "250 2.0.0 OK", NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct telling *t = begin(state);
		struct explained_group *group;

		add(t, "bob@new.example", cases[i].reply)->original =
		    SPAN("bob@example.org");
		add(t, "dave@example.org", cases[i].reply);
		add(t, "carol@new.example", cases[i].reply)->original =
		    SPAN("carol@example.org");
		for (int k = 0; k < 3; k++)
			t->recipients[k].action = cases[i].action;
		group = find_and_tell(t);
		assert_int_equal(t->explanation.n, 1);
		assert_int_equal(group->naddresses, 3);
		assert_span(named(group, 0), "bob@example.org");
		assert_int_equal(group->addresses[0].nbelow, 1);
		assert_span(group->addresses[0].below[0],
		    "passed on to bob@new.example");
		assert_span(named(group, 1), "dave@example.org");
		assert_int_equal(group->addresses[1].nbelow, 0);
		assert_span(named(group, 2), "carol@example.org");
		assert_int_equal(group->addresses[2].nbelow, 1);
		if (cases[i].said != NULL)
			assert_says(&group->happened, text(t, cases[i].said,
			    NULL, NULL));
		else
			assert_int_equal(group->happened.n, 1);
		end(t);
	}
}

/* One address that stands for several: named once, they are below it. */
static void
test_forwarded_to_several(void **state)
{
	struct telling *t = begin(state);
	struct explained_group *group;

	add(t, "bob@example.net", "552 5.2.2 Mailbox full");
	add(t, "carol@example.net", "552 5.2.2 Mailbox full");
	add(t, "bob@example.net", "552 5.2.2 Mailbox full");
	for (int k = 0; k < 3; k++)
		t->recipients[k].original = SPAN("team@example.org");
	group = find_and_tell(t);
	assert_int_equal(t->explanation.n, 1);
	assert_span(group->result, "Not delivered to team@example.org");
	assert_int_equal(group->naddresses, 2);
	assert_span(named(group, 0), "passed on to bob@example.net");
	assert_span(named(group, 1), "passed on to carol@example.net");
	assert_says(&group->happened, text(t, "forwarded.many", NULL, NULL));
	end(t);

	/* Beside another address it has them in the list. */
	t = begin(state);
	add(t, "bob@example.net", "552 5.2.2 Mailbox full")->original =
	    SPAN("team@example.org");
	add(t, "dave@example.net", "552 5.2.2 Mailbox full");
	add(t, "carol@example.net", "552 5.2.2 Mailbox full")->original =
	    SPAN("Team@example.org");
	group = find_and_tell(t);
	assert_int_equal(group->naddresses, 2);
	assert_int_equal(group->addresses[0].nbelow, 2);
	assert_span(group->addresses[0].below[1],
	    "passed on to carol@example.net");
	assert_int_equal(group->addresses[1].nbelow, 0);
	end(t);

	/* The same one twice is one forwarding, told in words. */
	t = begin(state);
	for (int k = 0; k < 2; k++)
		add(t, "bob@example.net", "552 5.2.2 Mailbox full")->original
		    = SPAN("team@example.org");
	group = find_and_tell(t);
	assert_int_equal(group->naddresses, 1);
	assert_says(&group->happened, SPAN("Your message reached "
	    "team@example.org and was passed on from there to "
	    "bob@example.net."));
	end(t);
}

/* The help desk is named where an administrator of ours must act. */
static void
test_helpdesk(void **state)
{
	struct builtin *b = *state;

	for (size_t i = 0; i < default_book.ncauses; i++) {
		const struct cause *cause = &default_book.causes[i];
		struct telling *t;
		struct explained_group *group;
		bool wanted = cause->fix == FIX_SENDER_ADMIN ||
		    cause->fix == FIX_ADMINS;
		bool shown;

		if (strcmp(cause->id, "delivered") == 0)
			continue;
		t = begin(state);
		add(t, "bob@example.org", "550 5.0.0 no");
		find(t);
		t->findings[0].cause = cause;
		t->options.helpdesk = SPAN("help@example.com");
		group = tell(t);
		shown = fix_says(group, SPAN("help@example.com"));
		if (shown != wanted)
			fail_msg("%s: %s", cause->id, shown ? "shown" :
			    "not shown");
		if (wanted)
			assert_true(fix_says(group, text(t, "helpdesk",
			    "helpdesk", "help@example.com")));
		assert_silent(&group->happened, SPAN("help@example.com"));
		assert_silent(&group->steps, SPAN("help@example.com"));

		/* Without a help desk there is no word of one. */
		t->options.helpdesk = SPAN_ABSENT;
		group = tell(t);
		assert_false(fix_says(group, SPAN("{helpdesk}")));
		assert_false(fix_says(group, SPAN("for help")));
		end(t);
	}
	assert_true(b->languages.n > 0);
}

/* Somebody else used the address: only that, and no advice about mail. */
static void
test_backscatter(void **state)
{
	struct telling *t = begin(state);
	struct explained_group *group;

	add(t, "bob@example.org", "550 5.1.1 User unknown");
	t->headers[0] = (struct header){ SPAN("Subject"), SPAN("Pills") };
	t->report.returned.headers.n = 1;
	t->options.backscatter = true;
	t->options.helpdesk = SPAN("help@example.com");
	group = find_and_tell(t);
	assert_int_equal(group->happened.n, 1);
	assert_says(&group->happened, text(t, "backscatter.why", NULL, NULL));
	assert_int_equal(group->steps.n, 1);
	assert_says(&group->steps, text(t, "backscatter.step1", NULL, NULL));
	assert_absent(group->fix);
	assert_false(group->has_stations);
	/* It is not "your message". */
	assert_absent(t->explanation.about);
	end(t);

	/* The same is told of all, and nothing of forwarding. */
	t = begin(state);
	add(t, "bob@example.net", "550 5.1.1 User unknown")->original =
	    SPAN("bob@example.org");
	add(t, "carol@example.org", "552 5.2.2 Mailbox full");
	t->options.backscatter = true;
	group = find_and_tell(t);
	assert_int_equal(t->explanation.n, 1);
	assert_int_equal(group->naddresses, 2);
	assert_int_equal(group->addresses[0].nbelow, 0);
	assert_int_equal(group->happened.n, 1);
	end(t);
}

static void
test_did_you_mean(void **state)
{
	struct telling *t = begin(state);
	struct explained_group *group;
	struct span question;

	add(t, "bob@gmial.com", "550 5.1.2 Host unknown");
	add(t, "carol@gmal.com", "550 5.1.2 Host unknown");
	add(t, "dave@example.org", "550 5.1.2 Host unknown");
	find(t);
	t->findings[0].suggestion = SPAN("gmail.com");
	t->findings[1].suggestion = SPAN("gmail.com");
	group = tell(t);
	question = text(t, "did-you-mean", "domain", "gmail.com");
	assert_int_equal(t->explanation.n, 2);
	assert_int_equal(group[0].naddresses, 2);
	/* A paragraph of its own. */
	assert_true(span_equal(group[0].happened.v[group[0].happened.n - 1],
	    question));
	assert_silent(&group[1].happened, question);
	end(t);
}

static void
test_time_ran_out(void **state)
{
	struct telling *t = begin(state);
	struct explained_group *group;

	add(t, "bob@example.org",
	    "552 Mailbox full. Message has been in the queue too long");
	group = find_and_tell(t);
	assert_says(&group->happened, text(t, "mailbox-full.why", NULL,
	    NULL));
	assert_says(&group->happened, text(t, "timed-out", NULL, NULL));
	end(t);

	/* Where it is the cause itself, it is said once. */
	t = begin(state);
	add(t, "bob@example.org",
	    "This message has been in the queue too long");
	group = find_and_tell(t);
	assert_silent(&group->happened, text(t, "timed-out", NULL, NULL));
	end(t);
}

/* Lists are named by our own table; links never come from the reply. */
static void
test_blocklist(void **state)
{
	static const char *const replies[] = {
		("554 5.7.1 Service unavailable; Client host [192.0.2.10] "
		    "blocked using zen.spamhaus.org; see "
		    "https://evil.example/pay?ip=192.0.2.10"),
		("554 5.7.1 Client host [192.0.2.10] blocked using "
		    "zen.spamhaus.org; visit evil.example to be delisted"),
	};

	for (size_t i = 0; i < COUNT(replies); i++) {
		struct telling *t = begin(state);
		struct explained_group *group;
		const struct blocklist *list;

		add(t, "bob@example.org", replies[i]);
		group = find_and_tell(t);
		list = t->findings[0].blocklist;
		assert_non_null(list);
		assert_says(&group->happened, text(t,
		    "server-blocklisted.with.list", "list", list->title));
		assert_says(&group->happened, text(t,
		    "server-blocklisted.with.url", "url", list->url));
		assert_says(&group->happened, text(t,
		    "server-blocklisted.with.ip", "ip", "192.0.2.10"));
		assert_silent(&group->happened, SPAN("evil"));
		assert_silent(&group->steps, SPAN("evil"));
		end(t);
	}
}

/* Values are told in one order, whatever the pattern's was. */
static void
test_order_of_values(void **state)
{
	struct telling *t = begin(state);
	struct explained_group *group;
	struct span told;
	size_t list, ip;

	add(t, "bob@example.org", "554 5.7.1 Service unavailable; Client "
	    "host [192.0.2.10] blocked using bl.example.net");
	find(t);
	for (int turn = 0; turn < 2; turn++) {
		t->findings[0].n = 2;
		t->findings[0].parameters[turn] = (struct parameter){
		    rule_parameter_names[0], SPAN("bl.example.net") };
		t->findings[0].parameters[1 - turn] = (struct parameter){
		    rule_parameter_names[1], SPAN("192.0.2.10") };
		group = tell(t);
		told = group->happened.v[0];
		list = span_find(told, SPAN("bl.example.net"));
		ip = span_find(told, SPAN("192.0.2.10"));
		assert_true(list != SPAN_NONE && ip != SPAN_NONE);
		assert_true(list < ip);
	}
	end(t);
}

/* A list that is not in our table is named as the reply names it. */
static void
test_unknown_blocklist(void **state)
{
	struct telling *t = begin(state);
	struct explained_group *group;

	add(t, "bob@example.org", "554 5.7.1 Service unavailable; Client "
	    "host [192.0.2.10] blocked using bl.example.net; "
	    "https://evil.example/");
	group = find_and_tell(t);
	assert_says(&group->happened, text(t, "server-blocklisted.with.list",
	    "list", "bl.example.net"));
	assert_silent(&group->happened, SPAN("://"));
	end(t);
}

/* Where nothing but a code is known, the code's own words are said. */
static void
test_bare_codes(void **state)
{
	static const struct {
		const char *reply;
		const char *key;
	} cases[] = {
		{ "452", "code.452" },
		{ "421", "code.421" },
		{ "550", "code.550" },
		{ "5.2.2", "status.2.2" },
		{ "550 5.1.1", "status.1.1" },
		{ "450 4.3.2", "status.3.2" },
		/* No text of its own: its digits. */
		{ "598", "digit.first.5" },
		{ "448", "digit.first.4" },
		{ "448", "digit.second.4" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct telling *t = begin(state);
		struct explained_group *group;

		add(t, "bob@example.org", cases[i].reply);
		group = find_and_tell(t);
		if (!says(&group->happened, text(t, cases[i].key, NULL,
		    NULL))) {
			show(&group->happened);
			fail_msg("%s: not %s", cases[i].reply, cases[i].key);
		}
		end(t);
	}
}

/* Every code and status has something to say, and says it whole. */
static void
test_every_code_is_told(void **state)
{
	char reply[32];

	for (int code = 200; code < 600; code++) {
		struct telling *t = begin(state);

		snprintf(reply, sizeof(reply), "%d", code);
		add(t, "bob@example.org", reply);
		assert_true(find_and_tell(t)->happened.v[0].len > 0);
		end(t);
	}
	for (int subject = 0; subject <= 9; subject++)
		for (int detail = 0; detail <= 60; detail++) {
			struct telling *t = begin(state);

			snprintf(reply, sizeof(reply), "5.%d.%d", subject,
			    detail);
			add(t, "bob@example.org", reply);
			assert_true(find_and_tell(t)->happened.v[0].len > 0);
			end(t);
		}
}

static void
test_about(void **state)
{
	static const struct {
		const char *subject;
		const char *date;
		const char *about;	/* NULL: nothing */
	} cases[] = {
		{ "Invoice 2024-117", DATE, "This is about your message "
		  "\"Invoice 2024-117\" of " DATE_SHOWN "." },
		{ "Invoice 2024-117", NULL,
		  "This is about your message \"Invoice 2024-117\"." },
		{ NULL, DATE, "This is about your message of " DATE_SHOWN
		  "." },
		{ "", DATE, "This is about your message of " DATE_SHOWN
		  "." },
		{ "Invoice", "some day",
		  "This is about your message \"Invoice\"." },
		{ "=?UTF-8?Q?Caf=C3=A9?=", NULL,
		  "This is about your message \"Caf\303\251\"." },
		{ "folded\r\n subject", NULL,
		  "This is about your message \"folded subject\"." },
		{ NULL, NULL, NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct telling *t = begin(state);
		size_t n = 0;

		if (cases[i].subject != NULL)
			t->headers[n++] = (struct header){ SPAN("subject"),
			    span_of(cases[i].subject) };
		if (cases[i].date != NULL)
			t->headers[n++] = (struct header){ SPAN("Date"),
			    span_of(cases[i].date) };
		t->report.returned.headers.n = n;
		add(t, "bob@example.org", "552 5.2.2 Mailbox full");
		find_and_tell(t);
		if (cases[i].about == NULL)
			assert_absent(t->explanation.about);
		else
			assert_span(t->explanation.about, cases[i].about);
		end(t);
	}
}

static void
test_closing(void **state)
{
	struct telling *t = begin(state);

	add(t, "bob@example.org", "552 5.2.2 Mailbox full");
	t->options.host = SPAN("mail.example.org");
	find_and_tell(t);
	assert_true(span_equal(t->explanation.closing, text(t, "closing",
	    "host", "mail.example.org")));
	end(t);
}

/* In a bounce without a status part no address stands as one. */
static void
test_spelled_addresses(void **state)
{
	struct telling *t = begin(state);
	struct explained_group *group;

	add(t, "bob@new.example", "552 5.2.2 Mailbox full")->original =
	    SPAN("bob@example.org");
	t->headers[0] = (struct header){ SPAN("Subject"),
	    SPAN("for carol@example.org") };
	t->report.returned.headers.n = 1;
	t->options.spell_at = true;
	group = find_and_tell(t);
	assert_span(group->result, "Not delivered to bob (at) example.org");
	assert_says(&group->happened, SPAN("bob (at) new.example"));
	for (size_t i = 0; i < group->happened.n; i++)
		assert_int_equal(span_find_char(group->happened.v[i], '@'),
		    SPAN_NONE);
	assert_int_equal(span_find_char(t->explanation.about, '@'),
	    SPAN_NONE);
	end(t);
}

/* Nothing that a mail says gets through with controls or line ends. */
static void
test_hostile_values(void **state)
{
#define HOSTILE "a\r\n--boundary\r\nX: \342\200\256y\001\033[31m{address}"
	struct telling *t = begin(state);
	struct explained_group *group;
	struct recipient *recipient = add(t, HOSTILE "@example.org",
	    "550 5.1.6 Recipient no longer here, now at <" HOSTILE
	    "@example.net>");

	recipient->original = SPAN(HOSTILE "@example.com");
	t->headers[0] = (struct header){ SPAN("Subject"), SPAN(HOSTILE) };
	t->report.returned.headers.n = 1;
	t->options.host = SPAN(HOSTILE);
	t->options.helpdesk = SPAN(HOSTILE);
	group = find_and_tell(t);
	{
		const struct span spans[] = { group->result,
		    group->addresses[0].text, group->fix, t->explanation.title,
		    t->explanation.about, t->explanation.closing,
		    group->happened.v[0], group->happened.v[1] };

		for (size_t i = 0; i < COUNT(spans); i++)
			for (size_t k = 0; k < spans[i].len; k++)
				assert_true((unsigned char)spans[i].p[k] >=
				    0x20);
	}
	/* A placeholder in a value stays what it is. */
	assert_int_equal(span_find(t->explanation.about,
	    SPAN("example.org")), SPAN_NONE);
	end(t);
#undef HOSTILE
}

/* Long values are cut to what a text can hold. */
static void
test_long_values(void **state)
{
	static char address[5000];
	struct telling *t = begin(state);
	struct explained_group *group;

	memset(address, 'x', sizeof(address) - 1);
	memcpy(address + 2000, "@", 1);
	t->headers[0] = (struct header){ SPAN("Subject"), span_of(address) };
	t->report.returned.headers.n = 1;
	add(t, address, "552 5.2.2 Mailbox full");
	group = find_and_tell(t);
	assert_true(group->addresses[0].text.len <= EXPLAIN_ADDRESS + 3);
	assert_true(t->explanation.about.len <= EXPLAIN_SUBJECT + 3 + 60);
	end(t);
}

/*
 * Every cause in every language: texts for all that is told, and no place
 * left unfilled.
 */
static void
test_all_causes_in_all_languages(void **state)
{
	struct builtin *b = *state;

	for (size_t i = 0; i < default_book.ncauses * b->languages.n; i++) {
		struct telling *t = begin(state);
		const struct cause *cause = &default_book.causes[i /
		    b->languages.n];
		struct explained_group *group;
		struct finding *finding = &t->findings[0];
		/* Good news has no steps, and nobody to mend it. */
		bool good = strcmp(cause->id, "delivered") == 0;

		t->options.language = &b->languages.v[i % b->languages.n];
		t->options.host = SPAN("mail.example.org");
		t->options.helpdesk = SPAN("help@example.com");
		add(t, "bob@example.org", "550 5.0.0 no")->original =
		    SPAN("bob@example.net");
		find(t);
		finding->cause = cause;
		finding->decided_by = DECIDED_BY_TEXT;
		finding->timed_out = true;
		finding->n = RULE_PARAMETERS;
		for (size_t k = 0; k < RULE_PARAMETERS; k++)
			finding->parameters[k] = (struct parameter){
			    rule_parameter_names[k], SPAN("25MB") };
		for (int late = 0; late < 2; late++) {
			t->recipients[0].action = late ? ACTION_DELAYED :
			    ACTION_FAILED;
			group = tell(t);
			if (group->happened.n == 0)
				fail_msg("%s: no reason", cause->id);
			if (group->steps.n == 0 && !good)
				fail_msg("%s: no steps", cause->id);
			if (group->fix.len == 0 && late == 0 && !good)
				fail_msg("%s: nobody to mend it", cause->id);
			assert_true(t->explanation.title.len > 0);
			assert_true(t->explanation.closing.len > 0);
			for (size_t k = 0; k < group->happened.n; k++)
				assert_int_equal(span_find_char(
				    group->happened.v[k], '{'), SPAN_NONE);
			for (size_t k = 0; k < group->steps.n; k++)
				assert_int_equal(span_find_char(
				    group->steps.v[k], '{'), SPAN_NONE);
			assert_int_equal(span_find_char(group->fix, '{'),
			    SPAN_NONE);
		}
		end(t);
	}
}

static void
test_stations(void **state)
{
	static const struct {
		const char *reply;
		enum station_state states[STATIONS];
	} cases[] = {
		{ "552 5.2.2 Mailbox full",
		  { STATION_PASSED, STATION_PASSED, STATION_OMITTED,
		    STATION_PASSED, STATION_STOPPED } },
		{ "550 5.7.1 Unable to relay",
		  { STATION_PASSED, STATION_PASSED, STATION_OMITTED,
		    STATION_STOPPED, STATION_NOT_REACHED } },
		{ "connect to mx.example.org[192.0.2.25]:25: Connection "
		  "refused",
		  { STATION_PASSED, STATION_PASSED, STATION_STOPPED,
		    STATION_NOT_REACHED, STATION_NOT_REACHED } },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct telling *t = begin(state);
		struct explained_group *group;

		add(t, "bob@example.org", cases[i].reply);
		group = find_and_tell(t);
		assert_true(group->has_stations);
		assert_memory_equal(group->stations, cases[i].states,
		    sizeof(cases[i].states));
		for (int k = 0; k < STATIONS; k++)
			assert_true(t->explanation.station_names[k].len > 0);
		for (int k = 0; k < STATION_OMITTED; k++)
			assert_true(t->explanation.state_names[k].len > 0);
		end(t);
	}
}

/* With memory for only a part: false, and no crash, wherever it ends. */
static void
test_without_memory(void **state)
{
	struct telling *t = begin(state);
	bool done = false;

	add(t, "bob@new.example", "552 5.2.2 Mailbox full")->original =
	    SPAN("bob@example.org");
	add(t, "carol@new.example", "552 5.2.2 Mailbox full")->original =
	    SPAN("bob@example.org");
	add_many(t, 12, ACTION_FAILED);
	find(t);
	t->options.host = SPAN("mail.example.org");
	for (size_t limit = 0; !done && limit < 200000; limit += 97) {
		struct arena arena;

		arena_init(&arena, limit);
		done = explain(&t->explanation, &arena, &t->report,
		    t->findings, &t->options);
		assert_true(done != arena.failed);
		arena_release(&arena);
	}
	assert_true(done);
	end(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failed),
		cmocka_unit_test(test_reply_only),
		cmocka_unit_test(test_no_code_and_no_reply),
		cmocka_unit_test(test_action_that_is_not_told),
		cmocka_unit_test(test_without_an_address),
		cmocka_unit_test(test_nothing_known),
		cmocka_unit_test(test_same_cause_is_one_group),
		cmocka_unit_test(test_what_parts_groups),
		cmocka_unit_test(test_actions_part_groups),
		cmocka_unit_test(test_untold_values_do_not_part_groups),
		cmocka_unit_test(test_many_groups),
		cmocka_unit_test(test_many_groups_of_every_kind),
		cmocka_unit_test(test_last_group_with_one_cause),
		cmocka_unit_test(test_long_lists),
		cmocka_unit_test(test_each_address_once),
		cmocka_unit_test(test_unlisted),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_late_with_a_final_reply),
		cmocka_unit_test(test_late_without_a_date),
		cmocka_unit_test(test_late_with_several_dates),
		cmocka_unit_test(test_success),
		cmocka_unit_test(test_forwarded),
		cmocka_unit_test(test_forwarded_and_late),
		cmocka_unit_test(test_forwarded_recipients_share),
		cmocka_unit_test(test_forwarded_to_several),
		cmocka_unit_test(test_helpdesk),
		cmocka_unit_test(test_backscatter),
		cmocka_unit_test(test_did_you_mean),
		cmocka_unit_test(test_time_ran_out),
		cmocka_unit_test(test_blocklist),
		cmocka_unit_test(test_order_of_values),
		cmocka_unit_test(test_unknown_blocklist),
		cmocka_unit_test(test_bare_codes),
		cmocka_unit_test(test_every_code_is_told),
		cmocka_unit_test(test_about),
		cmocka_unit_test(test_closing),
		cmocka_unit_test(test_spelled_addresses),
		cmocka_unit_test(test_hostile_values),
		cmocka_unit_test(test_long_values),
		cmocka_unit_test(test_all_causes_in_all_languages),
		cmocka_unit_test(test_stations),
		cmocka_unit_test(test_without_memory),
	};

	return cmocka_run_group_tests(tests, builtin_setup,
	    builtin_teardown);
}
