/* SPDX-License-Identifier: BSD-2-Clause */
/* The order of evidence, with the rules that are built in. */
#include "builtin.h"

#define OUTLOOK "example-com.mail.protection.outlook.com"

/* The cause of a reply, and what must have decided. */
struct expected {
	const char *reply;
	const char *server;
	const char *cause;
	enum decided_by decided_by;
};

static void
check_causes(struct builtin *b, const struct expected *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct finding finding;

		builtin_find(b, &finding, cases[i].reply, cases[i].server);
		if (strcmp(finding.cause->id, cases[i].cause) != 0 ||
		    finding.decided_by != cases[i].decided_by)
			fail_msg("\"%s\": got %s by %s (rule %s), want %s "
			    "by %s", cases[i].reply, finding.cause->id,
			    decided_by_name(finding.decided_by),
			    finding.rule != NULL ? finding.rule->name : "-",
			    cases[i].cause,
			    decided_by_name(cases[i].decided_by));
		builtin_clear(b);
	}
}

static void
test_text_beats_status_and_code(void **state)
{
	static const struct expected cases[] = {
		{ "550 5.1.1 mailbox full", NULL,
		  "mailbox-full", DECIDED_BY_TEXT },
		{ "550 5.2.1 mail from spam sites refused", NULL,
		  "blocked-by-recipient", DECIDED_BY_TEXT },
		{ "552 5.2.2 Message size exceeds fixed limit", NULL,
		  "message-too-large", DECIDED_BY_TEXT },
		{ "450 4.7.1 <bob@example.org>: Recipient address rejected: "
		  "Greylisted for 5 minutes", NULL,
		  "greylisted", DECIDED_BY_TEXT },
		{ "550 5.7.1 Unable to relay", NULL,
		  "relay-refused", DECIDED_BY_TEXT },
	};

	check_causes(*state, cases, COUNT(cases));
}

/* What a provider says stands before what anybody says. */
static void
test_provider_beats_general_text(void **state)
{
	static const struct expected cases[] = {
		{ "550 5.7.1 Unfortunately, messages from [192.0.2.1] "
		  "weren't sent. Please contact your Internet service "
		  "provider since part of their network is on our block "
		  "list (S3150).", OUTLOOK,
		  "server-blocked", DECIDED_BY_TEXT },
		{ "550 5.4.1 [bob@example.org]: Recipient address rejected: "
		  "Access denied. AS(201806281)", OUTLOOK,
		  "mailbox-unknown", DECIDED_BY_TEXT },
		{ "554 5.7.1 <bob@example.org>: Recipient address rejected: "
		  "Access denied", NULL,
		  "policy-refusal", DECIDED_BY_TEXT },
	};

	check_causes(*state, cases, COUNT(cases));
}

static void
test_status_beats_code(void **state)
{
	static const struct expected cases[] = {
		{ "550 5.1.1", NULL, "mailbox-unknown", DECIDED_BY_STATUS },
		{ "550 5.2.2", NULL, "mailbox-full", DECIDED_BY_STATUS },
		{ "554 5.3.4", NULL, "message-too-large",
		  DECIDED_BY_STATUS },
		{ "452 4.2.2", NULL, "mailbox-full", DECIDED_BY_STATUS },
		{ "5.7.25", NULL, "reverse-dns-missing", DECIDED_BY_STATUS },
		{ "550 5.1.1 Zut alors", NULL, "mailbox-unknown",
		  DECIDED_BY_STATUS },
	};

	check_causes(*state, cases, COUNT(cases));
}

/* A provider's own table of codes stands before IANA's. */
static void
test_provider_status_beats_iana(void **state)
{
	static const struct expected cases[] = {
		{ "550 5.4.1", NULL, "server-unreachable",
		  DECIDED_BY_STATUS },
		{ "550 5.4.1", "mx.example.org", "server-unreachable",
		  DECIDED_BY_STATUS },
		{ "550 5.4.1", OUTLOOK, "mailbox-unknown",
		  DECIDED_BY_STATUS },
		{ "450 4.2.1", "gmail-smtp-in.l.google.com",
		  "recipient-too-busy", DECIDED_BY_STATUS },
	};

	check_causes(*state, cases, COUNT(cases));
}

/* Which statuses say nothing is data; then the code may say something. */
static void
test_vague_status_gives_way(void **state)
{
	static const struct expected cases[] = {
		{ "552 5.0.0", NULL, "mailbox-full", DECIDED_BY_CODE },
		{ "552 5.0.0 Refused here", NULL, "reason-not-given",
		    DECIDED_BY_TEXT },
		{ "552 5.3.4 Refused here", NULL, "message-too-large",
		    DECIDED_BY_STATUS },
		{ "452 4.0.0", NULL, "server-full", DECIDED_BY_CODE },
		{ "421 4.7.0", NULL, "server-busy", DECIDED_BY_CODE },
		{ "535 5.0.0", NULL, "sign-in-required", DECIDED_BY_CODE },
		{ "550 5.7.1", NULL, "reason-not-given", DECIDED_BY_STATUS },
		{ "554 5.0.0", NULL, "reason-not-given", DECIDED_BY_STATUS },
		{ "5.0.0", NULL, "reason-not-given", DECIDED_BY_STATUS },
	};

	check_causes(*state, cases, COUNT(cases));
}

static void
test_code_alone(void **state)
{
	static const struct expected cases[] = {
		{ "452", NULL, "server-full", DECIDED_BY_CODE },
		{ "552", NULL, "mailbox-full", DECIDED_BY_CODE },
		{ "421", NULL, "server-busy", DECIDED_BY_CODE },
		{ "550", NULL, "reason-not-given", DECIDED_BY_CODE },
		{ "554", NULL, "reason-not-given", DECIDED_BY_CODE },
		{ "250", NULL, "delivered", DECIDED_BY_CODE },
	};

	check_causes(*state, cases, COUNT(cases));
}

static void
test_nothing_decides(void **state)
{
	static const struct expected cases[] = {
		{ "", NULL, "reason-not-given", DECIDED_BY_NONE },
		{ "Zut alors", NULL, "reason-not-given", DECIDED_BY_NONE },
		{ "599", NULL, "reason-not-given", DECIDED_BY_NONE },
		{ "\377\376", NULL, "reason-not-given", DECIDED_BY_NONE },
	};
	struct finding finding;

	check_causes(*state, cases, COUNT(cases));
	builtin_find(*state, &finding, "Zut alors", NULL);
	assert_null(finding.rule);
	assert_null(finding.blocklist);
	assert_int_equal(finding.n, 0);
	assert_false(finding.timed_out);
	assert_absent(finding.suggestion);
	builtin_clear(*state);
}

/* A code that is in nobody's table is told by its class. */
static void
test_unknown_status(void **state)
{
	struct builtin *b = *state;
	struct finding finding;

	builtin_find(b, &finding, "550 5.9.9", NULL);
	assert_string_equal(finding.cause->id, "reason-not-given");
	assert_non_null(finding.rule);
	builtin_clear(b);
}

static void
test_each_status_and_code_finds_some_cause(void **state)
{
	struct builtin *b = *state;

	for (unsigned class = 2; class <= 5; class++)
		for (unsigned subject = 0; subject <= 8; subject++)
			for (unsigned detail = 0; detail <= 40; detail++) {
				const struct report report = { .n = 0 };
				const struct recipient recipient = {
					.status = { (unsigned short)class,
					    (unsigned short)subject,
					    (unsigned short)detail } };
				struct finding finding;

				cause_find(&finding, &b->matcher, &recipient,
				    &report);
				assert_non_null(finding.cause);
			}
	for (int code = 200; code < 600; code++) {
		const struct report report = { .n = 0 };
		const struct recipient recipient = { .code = code };
		struct finding finding;

		cause_find(&finding, &b->matcher, &recipient, &report);
		assert_non_null(finding.cause);
	}
	builtin_clear(b);
}

/* A queue whose time ran out is a cause only where no other is said. */
static void
test_time_out_gives_way(void **state)
{
	static const struct {
		const char *reply;
		const char *cause;
		bool timed_out;
	} cases[] = {
		{ "I'm not going to try again; this message has been in the "
		  "queue too long.", "delivery-timed-out", false },
		{ "4.4.7", "delivery-timed-out", false },
		{ "550 4.4.7 QUEUE.Expired; message expired",
		  "delivery-timed-out", false },
		{ "451 Sorry, I wasn't able to establish an SMTP connection. "
		  "I'm not going to try again; this message has been in the "
		  "queue too long.", "server-unreachable", true },
		{ "connect to mx.example.org[192.0.2.25]:25: Connection "
		  "refused. Message has been in the queue too long",
		  "server-unreachable", true },
		{ "552 Mailbox full. Message has been in the queue too long",
		  "mailbox-full", true },
		{ "554 5.4.7 Mailbox full", "mailbox-full", true },
		{ "552 5.2.2 Mailbox full", "mailbox-full", false },
	};
	struct builtin *b = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct finding finding;

		builtin_find(b, &finding, cases[i].reply, NULL);
		if (strcmp(finding.cause->id, cases[i].cause) != 0 ||
		    finding.timed_out != cases[i].timed_out)
			fail_msg("\"%s\": got %s%s", cases[i].reply,
			    finding.cause->id,
			    finding.timed_out ? ", timed out" : "");
		builtin_clear(b);
	}
}

/* Where the cause is about the sending server, its address is taken. */
static void
test_address_of_the_sender(void **state)
{
	static const struct {
		const char *reply;
		const char *cause;
		const char *ip;		/* NULL: none */
	} cases[] = {
		{ "554 5.7.1 Your network 192.0.2.10 has no good name here: "
		  "poor reputation", "poor-reputation", "192.0.2.10" },
		{ "550 5.7.1 Access denied, banned sending IP [2001:db8::25]",
		  "server-blocked", "2001:db8::25" },
		{ "550 5.1.1 User unknown (from 192.0.2.10)",
		  "mailbox-unknown", NULL },
		{ "554 5.7.1 poor reputation: 192.0.2.10 and 192.0.2.11",
		  "poor-reputation", NULL },
	};
	struct builtin *b = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct finding finding;

		builtin_find(b, &finding, cases[i].reply, NULL);
		assert_string_equal(finding.cause->id, cases[i].cause);
		if (cases[i].ip == NULL)
			assert_absent(finding_parameter(&finding, "ip"));
		else
			assert_span(finding_parameter(&finding, "ip"),
			    cases[i].ip);
		builtin_clear(b);
	}
}

/* It does so too where the rule of the time-out is tried first. */
static void
test_time_out_gives_way_to_any_rule(void **state)
{
	static const struct rule rules[] = {
		{ .name = "late", .text = "too long",
		  .cause = "delivery-timed-out" },
		{ .name = "full", .text = "(?<size>\\d+) full",
		  .cause = "mailbox-full" },
	};
	static const struct rule_book book = { .rules = rules, .nrules = 2 };
	struct builtin *b = *state;
	struct ruleset *own = ruleset_new(&book, default_book.causes,
	    default_book.ncauses, true, NULL, NULL);
	const struct ruleset *sets[] = { own };
	struct finding finding;

	assert_non_null(own);
	b->matcher.sets = sets;
	builtin_find(b, &finding, "in the queue too long: 99 full", NULL);
	assert_ptr_equal(finding.rule, &rules[1]);
	assert_true(finding.timed_out);
	assert_span(finding_parameter(&finding, "size"), "99");
	builtin_find(b, &finding, "in the queue too long", NULL);
	assert_ptr_equal(finding.rule, &rules[0]);
	assert_false(finding.timed_out);
	b->matcher.sets = b->sets;
	ruleset_free(own);
	builtin_clear(b);
}

/* Good news needs no reply, and bad words do not spoil it. */
static void
test_success(void **state)
{
	static const enum action actions[] = {
		ACTION_DELIVERED, ACTION_RELAYED, ACTION_EXPANDED
	};
	struct builtin *b = *state;
	const struct report report = { .n = 0 };

	for (size_t i = 0; i < COUNT(actions); i++) {
		struct recipient recipient;
		struct finding finding;

		builtin_read(b, &recipient, "550 5.2.2 mailbox full");
		recipient.action = actions[i];
		cause_find(&finding, &b->matcher, &recipient, &report);
		assert_string_equal(finding.cause->id, "delivered");
		assert_null(finding.rule);
	}
	builtin_clear(b);
}

/* A message that failed was not refused by a code of success. */
static void
test_failed_with_a_code_of_success(void **state)
{
	static const char *const replies[] = { "250", "250 2.0.0", "2.0.0",
	    "354" };
	struct builtin *b = *state;
	const struct report report = { .n = 0 };

	for (size_t i = 0; i < COUNT(replies); i++) {
		struct recipient recipient;
		struct finding finding;

		builtin_read(b, &recipient, replies[i]);
		for (int late = 0; late < 2; late++) {
			recipient.action = late ? ACTION_DELAYED :
			    ACTION_FAILED;
			cause_find(&finding, &b->matcher, &recipient,
			    &report);
			if (strcmp(finding.cause->id, "reason-not-given") !=
			    0)
				fail_msg("%s: got %s", replies[i],
				    finding.cause->id);
		}
		recipient.action = ACTION_NONE;
		cause_find(&finding, &b->matcher, &recipient, &report);
		assert_string_equal(finding.cause->id, "delivered");
	}
	builtin_clear(b);
}

/* Late and failed, and a report that does not say, find the same cause. */
static void
test_action_does_not_matter_otherwise(void **state)
{
	static const enum action actions[] = {
		ACTION_NONE, ACTION_FAILED, ACTION_DELAYED
	};
	struct builtin *b = *state;
	const struct report report = { .n = 0 };

	for (size_t i = 0; i < COUNT(actions); i++) {
		struct recipient recipient;
		struct finding finding;

		builtin_read(b, &recipient, "550 5.2.2 mailbox full");
		recipient.action = actions[i];
		cause_find(&finding, &b->matcher, &recipient, &report);
		assert_string_equal(finding.cause->id, "mailbox-full");
	}
	builtin_clear(b);
}

/* Where the answering server is not named, the report's own may be it. */
static void
test_reporting_server(void **state)
{
	const struct report outlook = { .reporting_mta = SPAN(OUTLOOK) };
	struct builtin *b = *state;
	struct recipient recipient;
	struct finding finding;

	builtin_read(b, &recipient, "550 5.4.1");
	cause_find(&finding, &b->matcher, &recipient, &outlook);
	assert_string_equal(finding.cause->id, "mailbox-unknown");
	recipient.remote = SPAN("mx.example.org");
	cause_find(&finding, &b->matcher, &recipient, &outlook);
	assert_string_equal(finding.cause->id, "server-unreachable");
	builtin_clear(b);
}

static void
test_parameters(void **state)
{
	struct builtin *b = *state;
	struct finding finding;

	builtin_find(b, &finding, "554 5.7.1 Service unavailable; Client "
	    "host [192.0.2.10] blocked using zen.spamhaus.org; "
	    "https://www.spamhaus.org/query/ip/192.0.2.10", NULL);
	assert_string_equal(finding.cause->id, "server-blocklisted");
	assert_span(finding_parameter(&finding, "list"), "zen.spamhaus.org");
	assert_span(finding_parameter(&finding, "ip"), "192.0.2.10");
	assert_absent(finding_parameter(&finding, "size"));
	assert_absent(finding_parameter(&finding, "weather"));
	assert_non_null(finding.blocklist);
	assert_string_equal(finding.blocklist->name, "spamhaus");

	/* A list that is in no table of ours is none that we can name. */
	builtin_find(b, &finding, "554 5.7.1 Service unavailable; Client "
	    "host [192.0.2.10] blocked using bl.example.net", NULL);
	assert_string_equal(finding.cause->id, "server-blocklisted");
	assert_null(finding.blocklist);
	builtin_clear(b);
}

/* The administrator's own rules are tried first; the others stay. */
static void
test_own_rules_first(void **state)
{
	static const struct rule rules[] = {
		{ .name = "own", .text = "mailbox full",
		  .cause = "suppressed" },
	};
	static const struct rule_book book = { .rules = rules, .nrules = 1 };
	struct builtin *b = *state;
	struct ruleset *own = ruleset_new(&book, default_book.causes,
	    default_book.ncauses, true, NULL, NULL);
	const struct ruleset *sets[] = { own, b->set };
	struct finding finding;

	assert_non_null(own);
	b->matcher.sets = sets;
	b->matcher.nsets = 2;
	builtin_find(b, &finding, "552 5.2.2 mailbox full", NULL);
	assert_string_equal(finding.cause->id, "suppressed");
	assert_ptr_equal(finding.rule, &rules[0]);
	builtin_find(b, &finding, "550 5.1.1 user unknown", NULL);
	assert_string_equal(finding.cause->id, "mailbox-unknown");
	b->matcher.sets = b->sets;
	b->matcher.nsets = 1;
	ruleset_free(own);
	builtin_clear(b);
}

/* Rules that ask for the system that wrote the notice. */
static void
test_system(void **state)
{
	static const struct rule rules[] = {
		{ .name = "googlegroups", .system = "googlegroups",
		  .cause = "list-refusal" },
	};
	static const struct rule_book book = { .rules = rules, .nrules = 1 };
	struct report report = { .system = "googlegroups" };
	struct builtin *b = *state;
	struct ruleset *own = ruleset_new(&book, default_book.causes,
	    default_book.ncauses, true, NULL, NULL);
	const struct ruleset *sets[] = { own };
	const struct recipient recipient = { .reply = SPAN("Zut alors") };
	struct finding finding;

	assert_non_null(own);
	b->matcher.sets = sets;
	cause_find(&finding, &b->matcher, &recipient, &report);
	assert_string_equal(finding.cause->id, "list-refusal");
	assert_int_equal(finding.decided_by, DECIDED_BY_TEXT);
	report.system = "postfix";
	cause_find(&finding, &b->matcher, &recipient, &report);
	assert_string_equal(finding.cause->id, "reason-not-given");
	report.system = NULL;
	cause_find(&finding, &b->matcher, &recipient, &report);
	assert_string_equal(finding.cause->id, "reason-not-given");
	b->matcher.sets = b->sets;
	ruleset_free(own);
	builtin_clear(b);
}

/* Past the deadline codes still decide, and the matcher says so. */
static void
test_deadline(void **state)
{
	struct builtin *b = *state;
	struct finding finding;

	b->matcher.deadline = matcher_clock() - 1;
	builtin_find(b, &finding, "550 5.1.1 mailbox full", NULL);
	assert_string_equal(finding.cause->id, "mailbox-unknown");
	assert_int_equal(finding.decided_by, DECIDED_BY_STATUS);
	assert_true(b->matcher.late);
	b->matcher.deadline = 0;
	b->matcher.late = false;
	builtin_clear(b);
}

static void
test_decided_by_names(void **state)
{
	(void)state;
	assert_string_equal(decided_by_name(DECIDED_BY_NONE), "none");
	assert_string_equal(decided_by_name(DECIDED_BY_CODE), "code");
	assert_string_equal(decided_by_name(DECIDED_BY_STATUS), "status");
	assert_string_equal(decided_by_name(DECIDED_BY_TEXT), "text");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_beats_status_and_code),
		cmocka_unit_test(test_provider_beats_general_text),
		cmocka_unit_test(test_status_beats_code),
		cmocka_unit_test(test_provider_status_beats_iana),
		cmocka_unit_test(test_vague_status_gives_way),
		cmocka_unit_test(test_code_alone),
		cmocka_unit_test(test_nothing_decides),
		cmocka_unit_test(test_unknown_status),
		cmocka_unit_test(test_each_status_and_code_finds_some_cause),
		cmocka_unit_test(test_time_out_gives_way),
		cmocka_unit_test(test_success),
		cmocka_unit_test(test_failed_with_a_code_of_success),
		cmocka_unit_test(test_address_of_the_sender),
		cmocka_unit_test(test_time_out_gives_way_to_any_rule),
		cmocka_unit_test(test_action_does_not_matter_otherwise),
		cmocka_unit_test(test_reporting_server),
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_own_rules_first),
		cmocka_unit_test(test_system),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_decided_by_names),
	};

	return cmocka_run_group_tests(tests, builtin_setup,
	    builtin_teardown);
}
