/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Crowds: many connections at once, some of them slow or silent. Every mail
 * gets its verdict, and the right one.
 */
#include "milter_tests.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CROWD 500

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/*
 * Connections that say nothing, or stop in a length, in a packet, in a mail.
 * (One that stops in a packet keeps a thread of libmilter. While it does so,
 * and only then, a command of another may wait for the next event; so all
 * negotiate first.)
 */
static void
half_open(void)
{
	static const char half[] = { 0, 0, 0, 100, SMFIC_HEADER, 'X', 0 };
	struct milter_client *crowd[200];
	double start;

	for (size_t i = 0; i < COUNT(crowd); i++) {
		crowd[i] = i % 5 < 2 ? milter_client_new() :
		    client_open(NULL);
		assert_non_null(crowd[i]);
		if (i % 5 < 2)
			assert_int_equal(milter_client_open(crowd[i],
			    suite.daemon.socket), 0);
		if (i % 5 == 4)
			assert_int_equal(milter_client_mail(crowd[i], "<>",
			    NULL), SMFIR_CONTINUE);
	}
	for (size_t i = 0; i < COUNT(crowd); i++) {
		milter_client_send_raw(crowd[i], half, i % 5 == 1 ? 3 :
		    i % 5 > 2 ? sizeof half : 0);
		milter_client_flush(crowd[i]);
	}
	pause_ms(500);
	start = now();
	for (int i = 0; i < 20; i++)
		assert_serves();
	assert_true(now() - start < 20);
	for (size_t i = 0; i < COUNT(crowd); i++)
		milter_client_free(crowd[i]);
}

/* All in the middle of a mail, command by command in turn. */
static void
interleaved(void)
{
	static struct milter_client *crowd[CROWD];
	struct milter_message mail, want, out;
	struct milter_envelope env;

	envelope_init(&env);
	mail_read(&mail, "postfix-unknown");
	filter_mail(&want, &mail, &env);
	for (size_t i = 0; i < CROWD; i++)
		crowd[i] = client_open(NULL);
	for (size_t i = 0; i < CROWD; i++)
		assert_int_equal(milter_client_mail(crowd[i], "<>", NULL),
		    SMFIR_CONTINUE);
	for (size_t i = 0; i < CROWD; i++)
		assert_int_equal(milter_client_rcpt(crowd[i],
		    env.recipients[0], NULL), MILTER_NO_REPLY);
	for (size_t k = 0; k < mail.nheaders; k++)
		for (size_t i = 0; i < CROWD; i++)
			assert_int_equal(milter_client_header(crowd[i],
			    &mail.headers[k]), MILTER_NO_REPLY);
	for (size_t i = 0; i < CROWD; i++)
		assert_int_equal(milter_client_body(crowd[i], mail.body,
		    mail.body_len, 0), MILTER_NO_REPLY);
	for (size_t i = 0; i < CROWD; i++) {
		assert_int_equal(milter_client_eom(crowd[i]), SMFIR_ACCEPT);
		assert_int_equal(milter_changes_apply(milter_client_changes(
		    crowd[i]), MILTER_POSTFIX, &mail, &out), 0);
		assert_same_mail(&out, &want);
		milter_message_release(&out);
		milter_client_free(crowd[i]);
	}
	milter_message_release(&mail);
	milter_message_release(&want);
}

/*
 * One thread a connection
 */

struct sender {
	pthread_t thread;
	pthread_barrier_t *start;
	const struct milter_message *mail, *want;
	int mails;
	size_t pace;		/* bytes at a time; 0: no pauses */
	char fault[256];	/* "" if all went well */
	double seconds;
};

static const char *
send_mails(struct milter_client *c, struct sender *sender)
{
	static const struct milter_options offer = MILTER_OFFER_ALL;
	struct milter_envelope env;
	struct milter_outcome outcome;
	const char *what = NULL;

	envelope_init(&env);
	milter_client_set_timeout(c, 120000);
	if (milter_client_open(c, suite.daemon.socket) != 0 ||
	    milter_client_negotiate(c, &offer) != 0 ||
	    milter_session(c, &env, &outcome) != 0)
		return milter_client_error(c);
	if (sender->pace > 0)
		milter_client_set_pace(c, sender->pace, 2000);
	for (int i = 0; i < sender->mails && what == NULL; i++)
		what = send_fault(c, &env, sender->mail, sender->want);
	return what;
}

static void *
run_sender(void *argument)
{
	struct sender *sender = argument;
	struct milter_client *c = milter_client_new();
	const char *what = "out of memory";
	double start;

	if (sender->start != NULL)
		pthread_barrier_wait(sender->start);
	start = now();
	if (c != NULL)
		what = send_mails(c, sender);
	sender->seconds = now() - start;
	if (what != NULL)
		snprintf(sender->fault, sizeof sender->fault, "%s", what);
	milter_client_free(c);
	return NULL;
}

static void
start_sender(struct sender *sender)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, (size_t)256 * 1024);
	assert_int_equal(pthread_create(&sender->thread, &attr, run_sender,
	    sender), 0);
	pthread_attr_destroy(&attr);
}

/* Waits for all of them before it fails the test, for they share mails. */
static void
join_senders(const struct sender *senders, size_t n)
{
	const char *what = "";

	for (size_t i = 0; i < n; i++) {
		pthread_join(senders[i].thread, NULL);
		if (senders[i].fault[0] != '\0')
			what = senders[i].fault;
	}
	if (what[0] != '\0')
		fail_msg("%s", what);
}

/* So many senders begin at once, with five mails each. */
static void
send_at_once(size_t n)
{
	static struct sender senders[CROWD];
	struct milter_message mail, want;
	struct milter_envelope env;
	pthread_barrier_t start;

	assert_true(n <= CROWD);
	envelope_init(&env);
	mail_read(&mail, "postfix-unknown");
	filter_mail(&want, &mail, &env);
	pthread_barrier_init(&start, NULL, (unsigned)n);
	for (size_t i = 0; i < n; i++) {
		senders[i] = (struct sender){ .start = &start, .mail = &mail,
		    .want = &want, .mails = 5 };
		start_sender(&senders[i]);
	}
	join_senders(senders, n);
	pthread_barrier_destroy(&start);
	milter_message_release(&mail);
	milter_message_release(&want);
}

static void
at_once(void)
{
	send_at_once(CROWD);
}

/* Room for one or two mails that are annotated: the others wait for it. */
static void
little_memory(void)
{
	assert_true(daemon_reload(&suite.daemon, "memory_limit = \"2500K\"\n"));
	send_at_once(40);
	assert_true(daemon_reload(&suite.daemon, ""));
}

static void
slow(void)
{
	/* Threads still use all this when a test fails at once. */
	static struct sender senders[20];
	static struct milter_message mail, want;
	struct milter_envelope env;
	double start;

	envelope_init(&env);
	mail_read(&mail, "postfix-unknown");
	filter_mail(&want, &mail, &env);
	for (size_t i = 0; i < COUNT(senders); i++) {
		senders[i] = (struct sender){ .mail = &mail, .want = &want,
		    .mails = 1, .pace = 3 };
		start_sender(&senders[i]);
	}
	start = now();
	for (int i = 0; i < 10; i++)
		assert_serves();
	start = now() - start;
	join_senders(senders, COUNT(senders));
	/* The others did not wait for them. */
	for (size_t i = 0; i < COUNT(senders); i++)
		assert_true(senders[i].seconds > start);
	milter_message_release(&mail);
	milter_message_release(&want);
}

/*
 * More than are taken
 */

/* Connects as Postfix does: once, without waiting. Returns -1 if refused. */
static int
connect_once(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Postfix takes a full queue of connections for a failure of the milter. */
static void
queued(void)
{
	int fds[CROWD], refused = 0;

	kill(suite.daemon.pid, SIGSTOP);
	for (size_t i = 0; i < CROWD; i++) {
		fds[i] = connect_once(suite.daemon.socket + strlen("unix:"));
		refused += fds[i] < 0;
	}
	kill(suite.daemon.pid, SIGCONT);
	assert_serves();
	for (size_t i = 0; i < CROWD; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (refused > 0)
		fail_msg("%d of %d connections refused while the daemon was "
		    "busy", refused, CROWD);
}

/* More connections than it may have files: when they go, it goes on. */
static void
few_files(void)
{
	static const struct milter_options offer = MILTER_OFFER_ALL;
	struct milter_client *c = milter_client_new();
	int fds[CROWD];
	struct daemon d;
	bool answered;

	assert_non_null(c);
	daemon_create(&d, suite.program);
	d.files = CROWD / 2;
	daemon_start(&d);
	for (size_t i = 0; i < CROWD; i++)
		fds[i] = connect_once(d.socket + strlen("unix:"));
	pause_ms(2000);
	for (size_t i = 0; i < CROWD; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	answered = milter_client_open(c, d.socket) == 0 &&
	    milter_client_negotiate(c, &offer) == 0;
	milter_client_free(c);
	daemon_expect_clean(&d);
	daemon_destroy(&d);
	assert_true(answered);
}

const struct test crowd_tests[] = {
	{ "200 half-open connections", half_open },
	{ "500 mails at once, command by command", interleaved },
	{ "500 connections at once, 5 mails each", at_once },
	{ "40 connections that wait for memory", little_memory },
	{ "slow senders do not hold up others", slow },
	{ "500 connections are queued while it is busy", queued },
	{ "more connections than files", few_files },
	{ .name = NULL }
};
