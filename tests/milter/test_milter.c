/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_milter - the tests of the daemon, through the milter client. It starts
 * the daemon itself, most tests on one that they share.
 */
#include "milter_tests.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define MOST_TESTS 200

struct suite suite;

/* What a bounce becomes; made before the first test. */
static struct milter_message bounce, explained;

static bool other_settings;

void
with_settings(const char *more)
{
	other_settings = true;
	if (!daemon_reload(&suite.daemon, more))
		fail_msg("the daemon refused the settings:\n%s", more);
}

void
assert_daemon_serves(const struct daemon *d)
{
	struct milter_client *c = client_open_to(d, NULL);
	struct milter_envelope env;

	envelope_init(&env);
	assert_sends(c, &env, &bounce, &explained);
	milter_client_free(c);
}

void
assert_serves(void)
{
	assert_daemon_serves(&suite.daemon);
}

/* Sees to it that the next test finds the daemon as this one did. */
static int
clean_up(void **state)
{
	(void)state;
	daemon_destroy_others(&suite.daemon);
	if (!daemon_runs(&suite.daemon))
		daemon_start(&suite.daemon);
	if (other_settings)
		daemon_reload(&suite.daemon, "");
	other_settings = false;
	return 0;
}

static void
run_one(void **state)
{
	const struct test *test = *state;

	test->run();
	clean_up(state);
	assert_serves();
	daemon_expect_clean(&suite.daemon);
}

static int
set_up(void **state)
{
	struct milter_envelope env;

	(void)state;
	daemon_create(&suite.daemon, suite.program);
	daemon_start(&suite.daemon);
	envelope_init(&env);
	mail_read(&bounce, "postfix-unknown");
	filter_mail(&explained, &bounce, &env);
	assert_int_equal(mail_fields(&explained, "Bounce-Cause"), 1);
	assert_true(mail_says(&explained, "Not delivered to"));
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	milter_message_release(&bounce);
	milter_message_release(&explained);
	daemon_destroy(&suite.daemon);
	return 0;
}

static size_t
add_tests(struct CMUnitTest *tests, size_t n, const struct test *list)
{
	for (; list->name != NULL; list++) {
		if (n == MOST_TESTS)
			abort();
		/* cmocka hands the state on without looking at it. */
		tests[n++] = (struct CMUnitTest){ .name = list->name,
		    .test_func = run_one, .teardown_func = clean_up,
		    .initial_state = (void *)(uintptr_t)list };
	}
	return n;
}

static size_t
add_all(struct CMUnitTest *tests)
{
	static const struct test *const lists[] = {
		negotiation_tests, session_tests, annotation_tests,
		limit_tests, crowd_tests, operation_tests
	};
	size_t n = 0;

	for (size_t i = 0; i < COUNT(lists); i++)
		n = add_tests(tests, n, lists[i]);
	return n;
}

static void
usage(void)
{
	fputs("usage: test_milter [-t PATTERN] WHYBOUNCED [CORPUS]\n"
	    "Tests the daemon WHYBOUNCED, with whybounce beside it, on the\n"
	    "mails in CORPUS (tests/corpus). -t: only tests whose names match\n"
	    "the pattern, with * and ?.\n", stderr);
	exit(2);
}

int
main(int argc, char **argv)
{
	static struct CMUnitTest tests[MOST_TESTS];
	int option, length;

	while ((option = getopt(argc, argv, "t:")) != -1) {
		if (option != 't')
			usage();
		cmocka_set_test_filter(optarg);
	}
	if (argc - optind < 1 || argc - optind > 2)
		usage();
	suite.program = argv[optind];
	suite.corpus = argc - optind == 2 ? argv[optind + 1] : "tests/corpus";
	length = (int)(strlen(suite.program) - strlen("whybounced"));
	if (length < 0 || strcmp(suite.program + length, "whybounced") != 0)
		usage();
	snprintf(suite.filter, sizeof suite.filter, "%.*swhybounce", length,
	    suite.program);
	/* A daemon that ends shows in what we read. */
	signal(SIGPIPE, SIG_IGN);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return _cmocka_run_group_tests("milter", tests, add_all(tests),
	    set_up, tear_down) == 0 ? 0 : 1;
}
