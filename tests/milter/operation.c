/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operation: starting, stopping, new settings, and what is said about the
 * work.
 */
#include "milter_tests.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "prometheus.h"

#define EXIT_SETTINGS 78

static void
need_root(void)
{
	if (geteuid() != 0)
		fail_msg("this test must be run as root");
}

/* The text of the log from an offset on, until the caller's next call. */
static const char *
log_from(const struct daemon *d, size_t from)
{
	static char *text;

	free(text);
	text = daemon_log(d, from);
	return text;
}

/*
 * The log
 */

/* Sends a mail and returns the one line about it. */
static const char *
line_about(const char *name, const char *queue_id)
{
	size_t from = daemon_logged(&suite.daemon);
	struct milter_client *c = client_open(NULL);
	struct milter_message mail, out;
	struct milter_envelope env;
	const char *line;

	envelope_init(&env);
	env.queue_id = queue_id;
	mail_read(&mail, name);
	deliver(c, &env, &mail, &out);
	milter_message_release(&mail);
	milter_message_release(&out);
	milter_client_free(c);
	daemon_expect(&suite.daemon, from, "\n");
	line = log_from(&suite.daemon, from);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	return line;
}

static void
assert_has(const char *line, const char *const *texts)
{
	for (; *texts != NULL; texts++)
		if (strstr(line, *texts) == NULL)
			fail_msg("no \"%s\" in: %s", *texts, line);
}

static void
log_lines(void)
{
	static const char *const unknown[] = {
		"4QzzzTEST: ", "recipient=<jan.kowalsky@example.com>",
		" recipients=1 ", " cause=mailbox-unknown ", " code=550 ",
		" status=5.1.1 ", " rule=", " language=en ",
		" added=header,text,html\n", NULL
	};
	static const char *const several[] = {
		"-: ", "recipient=<nobody.here@example.com>",
		" recipients=4 ", " added=header,text,html\n", NULL
	};
	static const char *const html[] = {
		" language=en ", " added=header,html\n", NULL
	};
	static const char *const dkim[] = {
		" cause=spam-content ", " added=header why=\"", "DKIM", NULL
	};
	const char *line = line_about("postfix-unknown", "4QzzzTEST");

	assert_has(line, unknown);
	assert_null(strstr(line, "rule=-"));
	assert_has(line_about("postfix-several", NULL), several);
	assert_has(line_about("html-only", "X"), html);
	assert_has(line_about("postfix-dkim-signed", "X"), dkim);
	with_settings("language = \"cs\"\n");
	assert_non_null(strstr(line_about("postfix-unknown", "X"),
	    " language=cs "));
}

/* Nothing in a mail can end our line, or add to what it says. */
static void
hostile_log(void)
{
	static const char *const recipients[] = {
		"a\033[31m\007\177b@example.com",
		"a@example.com> cause=delivered rule=x",
		"\"a b\r\tc\"@example.com",
		"a@example.com\n\t> recipients=9 added=nothing"
	};
	char text[2048];

	for (size_t i = 0; i < COUNT(recipients); i++) {
		size_t from = daemon_logged(&suite.daemon);
		struct milter_client *c = client_open(NULL);
		struct milter_message mail, out;
		struct milter_envelope env;
		const char *line;

		envelope_init(&env);
		snprintf(text, sizeof text,
		    "From: MAILER-DAEMON@mx.example.com\n"
		    "Subject: Undelivered Mail\nMIME-Version: 1.0\n"
		    "Content-Type: multipart/report; boundary=b;\n"
		    "\treport-type=delivery-status\n\n"
		    "--b\n\nNot delivered.\n"
		    "--b\nContent-Type: message/delivery-status\n\n"
		    "Reporting-MTA: dns; mx.example.com\n\n"
		    "Final-Recipient: rfc822; %s\n"
		    "Action: failed\nStatus: 5.1.1\n\n--b--\n",
		    recipients[i]);
		mail_make(&mail, text);
		deliver(c, &env, &mail, &out);
		line = log_from(&suite.daemon, from);
		assert_ptr_equal(strchr(line, '\n'),
		    line + strlen(line) - 1);
		for (const char *p = line; *p != '\n'; p++)
			assert_true(*p >= ' ' && *p != 0x7f);
		assert_null(strstr(line, " cause=delivered"));
		assert_null(strstr(line, " recipients=9"));
		milter_message_release(&mail);
		milter_message_release(&out);
		milter_client_free(c);
	}
}

/*
 * Metrics
 */

static void
read_metrics(struct prometheus *p, const char *path)
{
	char *text = calloc(1, 1 << 16);
	FILE *file = fopen(path, "r");
	const char *what;
	size_t n;

	assert_true(file != NULL && text != NULL);
	n = fread(text, 1, (1 << 16) - 1, file);
	fclose(file);
	what = prometheus_read(p, text);
	if (what != NULL)
		fail_msg("metrics of %zu bytes: %s", n, what);
	free(text);
}

/* Has metrics written to a new file, and waits until they are. */
static void
with_metrics(char path[128])
{
	static int files;
	char settings[160];

	snprintf(path, 128, "%s/metrics-%d.prom", suite.daemon.folder,
	    ++files);
	snprintf(settings, sizeof settings, "metrics_file = \"%s\"\n", path);
	with_settings(settings);
	for (int i = 0; i < 3000 && access(path, R_OK) != 0; i++)
		pause_ms(10);
}

/* How much a sample has grown; one that is not there is 0. */
static int
growth(const struct prometheus *before, const struct prometheus *after,
    const char *name, const char *labels)
{
	double a = prometheus_value(before, name, labels);
	double b = prometheus_value(after, name, labels);

	return (int)((b < 0 ? 0 : b) - (a < 0 ? 0 : a));
}

static void
send_named(const char *name, int times)
{
	struct milter_client *c = client_open(NULL);
	struct milter_message mail, out;
	struct milter_envelope env;

	envelope_init(&env);
	mail_read(&mail, name);
	while (times-- > 0) {
		deliver(c, &env, &mail, &out);
		milter_message_release(&out);
	}
	milter_message_release(&mail);
	milter_client_free(c);
}

static void
metrics(void)
{
	static const struct {
		const char *name, *labels;
		int growth;
	} wanted[] = {
		{ "whybounced_recipients_total",
		    "cause=\"mailbox-unknown\",action=\"failed\"", 3 },
		{ "whybounced_recipients_total",
		    "cause=\"spam-content\",action=\"failed\"", 2 },
		{ "whybounced_annotations_total", "added=\"header\"", 6 },
		{ "whybounced_annotations_total", "added=\"text\"", 3 },
		{ "whybounced_annotations_total", "added=\"html\"", 4 },
		{ "whybounced_bodies_left_total",
		    "reason=\"it has a DKIM signature\"", 2 },
		{ "whybounced_bodies_left_total",
		    "reason=\"it has no text\"", 0 },
		{ "whybounced_untouched_total", "", 0 },
		{ "whybounced_reloads_total", "result=\"good\"", 1 },
		{ "whybounced_reloads_total", "result=\"bad\"", 1 },
		{ "whybounced_mail_seconds_count", "", 7 }
	};
	static struct prometheus before, after;
	char path[128];

	with_metrics(path);
	read_metrics(&before, path);
	send_named("postfix-unknown", 3);
	send_named("postfix-dkim-signed", 2);
	send_named("html-only", 1);
	send_named("not-ordinary", 1);
	assert_false(daemon_reload(&suite.daemon, "max_body = 0\n"));
	with_metrics(path);
	read_metrics(&after, path);
	for (size_t i = 0; i < COUNT(wanted); i++) {
		int grown = growth(&before, &after, wanted[i].name,
		    wanted[i].labels);

		if (grown != wanted[i].growth)
			fail_msg("%s{%s} grew by %d, not %d", wanted[i].name,
			    wanted[i].labels, grown, wanted[i].growth);
	}
	prometheus_release(&before);
	prometheus_release(&after);
}

/* Whoever reads the file while it is written gets it whole. */
static void
metrics_whole(void)
{
	static struct prometheus p;
	struct stat st;
	char path[128];

	with_metrics(path);
	for (int i = 0; i < 300; i++) {
		if (i % 10 == 0)
			kill(suite.daemon.pid, SIGUSR1);
		read_metrics(&p, path);
		prometheus_release(&p);
		pause_ms(1);
	}
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_mode & S_IROTH);
}

static void
metrics_periodic(void)
{
	static struct prometheus before, after;
	char path[128];
	int grown = 0;

	with_metrics(path);
	read_metrics(&before, path);
	send_named("postfix-unknown", 1);
	for (int i = 0; i < 300 && grown == 0; i++) {
		pause_ms(100);
		read_metrics(&after, path);
		grown = growth(&before, &after,
		    "whybounced_mail_seconds_count", "");
		prometheus_release(&after);
	}
	assert_int_equal(grown, 1);
	prometheus_release(&before);
}

static void
metrics_nowhere(void)
{
	size_t from = daemon_logged(&suite.daemon);

	with_settings("metrics_file = \"/nonexistent/metrics.prom\"\n");
	daemon_expect(&suite.daemon, from, "/nonexistent/metrics.prom: ");
	assert_serves();
}

/*
 * New settings
 */

/* Faulty settings, and the line of theirs that is at fault. */
static const struct {
	const char *text;
	int line;
} faulty[] = {
	{ "nonsense = 1\n", 1 },
	{ "\n# a comment\nmax_body = \"many\"\n", 3 },
	{ "helpdesk = \"us\"\nsigned = \"maybe\"\n", 2 },
	{ "annotate = {\"header\", \"footer\"}\n", 1 },
	{ "socket_umask = \"0888\"\n", 1 },
	{ "syslog_facility = \"nonsense\"\n", 1 },
	{ "\nlanguage = \"xx\"\n", 2 },
	{ "languages = {\"*@example.pl = xx\"}\n", 1 },
	{ "memory_limit = \"-1\"\n", 1 },
	{ "time_limit = \"soon\"\n", 1 },
	{ "\n\nhelpdesk = \"us\n", 3 },
	{ "helpdesk \"us\"\n", 1 },
	{ "rules = \"/nonexistent/rules\"\n", 0 },
	{ "texts = \"/nonexistent/texts\"\n", 0 }
};

#define LINES_BEFORE 3	/* of daemon_set() */

/* What the log says of such settings: "FILE:LINE: ". */
static void
expect_line(const struct daemon *d, size_t from, int line)
{
	char text[160];

	if (line == 0)
		strcpy(text, "/nonexistent/");
	else
		snprintf(text, sizeof text, "%s:%d: ", d->settings,
		    line + LINES_BEFORE);
	daemon_expect(d, from, text);
}

static void
bad_reloads(void)
{
	for (size_t i = 0; i < COUNT(faulty); i++) {
		size_t from = daemon_logged(&suite.daemon);

		if (daemon_reload(&suite.daemon, faulty[i].text))
			fail_msg("accepted: %s", faulty[i].text);
		expect_line(&suite.daemon, from, faulty[i].line);
		assert_serves();
	}
}

static void
bad_starts(void)
{
	struct daemon d;

	daemon_create(&d, suite.program);
	for (size_t i = 0; i < COUNT(faulty); i++) {
		size_t from = daemon_logged(&d);

		daemon_set(&d, faulty[i].text);
		assert_int_equal(daemon_refuses(&d), EXIT_SETTINGS);
		expect_line(&d, from, faulty[i].line);
	}
	assert_int_equal(unlink(d.settings), 0);
	assert_int_equal(daemon_refuses(&d), EXIT_SETTINGS);
	daemon_destroy(&d);
}

static void
expect_refusal(void)
{
	size_t from = daemon_logged(&suite.daemon);

	kill(suite.daemon.pid, SIGUSR1);
	daemon_expect(&suite.daemon, from, suite.daemon.settings);
	daemon_expect(&suite.daemon, from, "the old ones stay in force");
	assert_serves();
}

/* No file, one that may not be read, a folder. */
static void
lost_settings(void)
{
	const char *path = suite.daemon.settings;

	assert_int_equal(unlink(path), 0);
	expect_refusal();
	assert_int_equal(mkdir(path, 0755), 0);
	expect_refusal();
	assert_int_equal(rmdir(path), 0);
	daemon_set(&suite.daemon, "");
	assert_int_equal(chmod(path, 0), 0);
	expect_refusal();
	assert_int_equal(chmod(path, 0644), 0);
	assert_true(daemon_reload(&suite.daemon, ""));
}

/* A mail is worked on to its end with the settings that it began with. */
static void
reload_in_mail(void)
{
	struct milter_client *c = client_open(NULL);
	struct milter_message mail, out;
	struct milter_envelope env;

	envelope_init(&env);
	mail_read(&mail, "postfix-unknown");
	assert_int_equal(milter_client_mail(c, "<>", NULL), SMFIR_CONTINUE);
	with_settings("language = \"cs\"\n");
	assert_int_equal(milter_client_rcpt(c, env.recipients[0], NULL),
	    MILTER_NO_REPLY);
	for (size_t i = 0; i < mail.nheaders; i++)
		milter_client_header(c, &mail.headers[i]);
	assert_int_equal(milter_client_body(c, mail.body, mail.body_len, 0),
	    MILTER_NO_REPLY);
	assert_int_equal(milter_client_eom(c), SMFIR_ACCEPT);
	assert_int_equal(milter_changes_apply(milter_client_changes(c),
	    MILTER_POSTFIX, &mail, &out), 0);
	assert_true(mail_says(&out, "What happened"));
	milter_message_release(&out);
	/* The next one on the connection gets the new ones. */
	deliver(c, &env, &mail, &out);
	assert_false(mail_says(&out, "What happened"));
	milter_message_release(&out);
	milter_message_release(&mail);
	milter_client_free(c);
}

#define BUSY 64
#define BUSY_MAILS 8

/* A mail that threads send, and the two ways in which it may come out. */
struct busy_mail {
	struct milter_message mail, wants[2];
};

/* A thread that sends one mail over and over. */
struct busy {
	pthread_t thread;
	atomic_bool *stop;
	const struct busy_mail *mail;
	int seen[2];
	char fault[256];
};

static const char *
send_busily(struct busy *busy, struct milter_client *c)
{
	static const struct milter_options offer = MILTER_OFFER_ALL;
	struct milter_envelope env;
	const char *what = NULL;

	envelope_init(&env);
	if (milter_client_open(c, suite.daemon.socket) != 0 ||
	    milter_client_negotiate(c, &offer) != 0)
		return milter_client_error(c);
	while (!atomic_load(busy->stop) && what == NULL) {
		struct milter_message out;
		int which = 0;

		what = deliver_fault(c, &env, &busy->mail->mail, &out);
		if (what != NULL)
			break;
		if (mail_fault(&out, &busy->mail->wants[0]) != NULL) {
			which = 1;
			what = mail_fault(&out, &busy->mail->wants[1]);
		}
		busy->seen[which]++;
		milter_message_release(&out);
	}
	return what;
}

static void *
run_busy(void *argument)
{
	struct busy *busy = argument;
	struct milter_client *c = milter_client_new();
	const char *what = c == NULL ? "out of memory" :
	    send_busily(busy, c);

	if (what != NULL)
		snprintf(busy->fault, sizeof busy->fault, "%s", what);
	milter_client_free(c);
	return NULL;
}

/* Reads the mails, and asks what they become with either settings. */
static void
busy_mails_read(struct busy_mail *mails, char settings[2][400])
{
	static const char *const names[BUSY_MAILS] = {
		"postfix-unknown", "postfix-several", "yahoo", "html-only",
		"exchange-2016", "exim-delayed", "not-ordinary",
		"encoded-iso-2022-jp"
	};
	struct milter_envelope env;

	envelope_init(&env);
	for (size_t i = 0; i < BUSY_MAILS; i++)
		mail_read(&mails[i].mail, names[i]);
	for (size_t k = 0; k < 2; k++) {
		with_settings(settings[k]);
		for (size_t i = 0; i < BUSY_MAILS; i++)
			filter_mail(&mails[i].wants[k], &mails[i].mail, &env);
	}
}

static void
busy_mails_release(struct busy_mail *mails)
{
	for (size_t i = 0; i < BUSY_MAILS; i++) {
		milter_message_release(&mails[i].mail);
		milter_message_release(&mails[i].wants[0]);
		milter_message_release(&mails[i].wants[1]);
	}
}

/* Two settings with a rule of their own and metrics: all that is shared. */
static void
busy_settings(char settings[2][400])
{
	static const char *const languages[] = { "en", "cs" };
	char rules[128];
	FILE *file;

	snprintf(rules, sizeof rules, "%s/own.conf", suite.daemon.folder);
	file = fopen(rules, "w");
	assert_non_null(file);
	fputs("rule own {\n    text = 'badge (has )?expired'\n"
	    "    cause = policy-refusal\n"
	    "    example = \"550 Your badge has expired\"\n}\n", file);
	assert_int_equal(fclose(file), 0);
	for (size_t i = 0; i < 2; i++)
		snprintf(settings[i], 400, "language = \"%s\"\n"
		    "rules = \"%s\"\nmetrics_file = \"%s/metrics\"\n",
		    languages[i], rules, suite.daemon.folder);
}

static void
reload_often(char settings[2][400])
{
	for (int i = 0; i < 30; i++) {
		if (i % 3 == 2)
			assert_false(daemon_reload(&suite.daemon,
			    faulty[(size_t)i % COUNT(faulty)].text));
		else
			with_settings(settings[i % 3]);
	}
	/* More at once than can be taken one by one. */
	daemon_set(&suite.daemon, "");
	for (int i = 0; i < 200; i++)
		kill(suite.daemon.pid, SIGUSR1);
	pause_ms(200);
}

static void
reload_under_load(void)
{
	/* Threads still use all this when the test fails at once. */
	static struct busy_mail mails[BUSY_MAILS];
	static struct busy busy[BUSY];
	static atomic_bool stop;
	char settings[2][400];
	const char *what = "";
	int seen[2] = { 0, 0 };

	busy_settings(settings);
	busy_mails_read(mails, settings);
	for (size_t i = 0; i < BUSY; i++) {
		busy[i] = (struct busy){ .stop = &stop,
		    .mail = &mails[i % BUSY_MAILS] };
		assert_int_equal(pthread_create(&busy[i].thread, NULL,
		    run_busy, &busy[i]), 0);
	}
	reload_often(settings);
	atomic_store(&stop, true);
	for (size_t i = 0; i < BUSY; i++) {
		pthread_join(busy[i].thread, NULL);
		if (busy[i].fault[0] != '\0')
			what = busy[i].fault;
		seen[0] += busy[i].seen[0];
		seen[1] += busy[i].seen[1];
	}
	if (what[0] != '\0')
		fail_msg("%s", what);
	assert_true(seen[0] > 0 && seen[1] > 0);
	busy_mails_release(mails);
}

/*
 * Start and end
 */

/* Ends in good order, with mails being sent, and leaves nothing behind. */
static void
end_by(const int *signals, size_t n)
{
	struct daemon d[3];
	struct milter_client *c[3];

	assert_true(n <= COUNT(d));
	for (size_t i = 0; i < n; i++) {
		char settings[160];

		daemon_create(&d[i], suite.program);
		snprintf(settings, sizeof settings, "pid_file = \"%s\"\n",
		    d[i].pid_file);
		daemon_set(&d[i], settings);
		daemon_start(&d[i]);
		assert_daemon_serves(&d[i]);
		assert_int_equal(access(d[i].pid_file, F_OK), 0);
		c[i] = client_open_to(&d[i], NULL);
		assert_int_equal(milter_client_mail(c[i], "<>", NULL),
		    SMFIR_CONTINUE);
	}
	for (size_t i = 0; i < n; i++)
		kill(d[i].pid, signals[i]);
	for (size_t i = 0; i < n; i++) {
		/* It ends without a second signal; 0 asks nothing. */
		int status = daemon_end(&d[i], 0);

		daemon_expect_clean(&d[i]);
		assert_int_equal(status, 0);
		assert_int_equal(milter_client_wait_close(c[i]), 0);
		milter_client_free(c[i]);
		daemon_expect(&d[i], 0, "whybounced ends");
		assert_int_not_equal(access(d[i].pid_file, F_OK), 0);
		assert_int_not_equal(access(d[i].socket + strlen("unix:"),
		    F_OK), 0);
		daemon_destroy(&d[i]);
	}
}

static void
ends(void)
{
	static const int signals[] = { SIGTERM, SIGHUP, SIGINT };

	end_by(signals, COUNT(signals));
}

static void
in_background(void)
{
	struct daemon d;
	char settings[160];

	daemon_create(&d, suite.program);
	snprintf(settings, sizeof settings, "pid_file = \"%s\"\n",
	    d.pid_file);
	daemon_set(&d, settings);
	d.background = true;
	daemon_start(&d);
	assert_daemon_serves(&d);
	assert_int_equal(daemon_end(&d, SIGTERM), 0);
	daemon_destroy(&d);
}

/* The journal adds the name, the process and the time by itself. */
static void
journal_lines(void)
{
	struct daemon d;
	char *log;

	daemon_create(&d, suite.program);
	daemon_set(&d, "nonsense = 1\n");
	d.journal = true;
	assert_int_equal(daemon_refuses(&d), EXIT_SETTINGS);
	daemon_set(&d, "");
	daemon_start(&d);
	assert_daemon_serves(&d);
	assert_int_equal(daemon_end(&d, SIGTERM), 0);
	log = daemon_log(&d, 0);
	assert_ptr_equal(strstr(log, "<3>"), log);
	assert_non_null(strstr(log, "\n<6>whybounced "));
	assert_non_null(strstr(log, "\n<6>whybounced ends\n"));
	assert_null(strstr(log, "whybounced["));
	free(log);
	daemon_destroy(&d);
}

/* After a crash the socket is still there. */
static void
stale_socket(void)
{
	struct daemon d;
	struct stat st;

	daemon_create(&d, suite.program);
	daemon_start(&d);
	assert_int_equal(daemon_end(&d, SIGKILL), 128 + SIGKILL);
	assert_int_equal(stat(d.socket + strlen("unix:"), &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	daemon_start(&d);
	assert_daemon_serves(&d);
	daemon_destroy(&d);
}

static void
no_socket(void)
{
	struct daemon d;
	char text[16] = "";
	size_t from;
	FILE *file;

	daemon_create(&d, suite.program);
	file = fopen(d.socket + strlen("unix:"), "w");
	assert_non_null(file);
	fputs("precious", file);
	fclose(file);
	assert_int_equal(chmod(d.socket + strlen("unix:"), 0666), 0);
	assert_int_equal(daemon_refuses(&d), 1);
	file = fopen(d.socket + strlen("unix:"), "r");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof text, file));
	fclose(file);
	assert_string_equal(text, "precious");
	from = daemon_logged(&d);
	strcpy(d.socket, "unix:/nonexistent/sock");
	daemon_set(&d, "");
	assert_int_equal(daemon_refuses(&d), 1);
	daemon_expect(&d, from, "/nonexistent/sock");
	daemon_destroy(&d);
}

static void
socket_umask(void)
{
	static const struct {
		const char *umask;
		mode_t mode;
	} cases[] = {
		{ "0000", 0777 }, { "0007", 0770 }, { "0117", 0660 },
		{ "0177", 0600 }
	};
	struct daemon d;
	struct stat st;
	char settings[64];

	daemon_create(&d, suite.program);
	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(settings, sizeof settings, "socket_umask = \"%s\"\n",
		    cases[i].umask);
		daemon_set(&d, settings);
		need_root();	/* to connect all the same */
		daemon_start(&d);
		assert_int_equal(stat(d.socket + strlen("unix:"), &st), 0);
		assert_int_equal(st.st_mode & 0777, cases[i].mode);
		daemon_end(&d, SIGKILL);
	}
	daemon_destroy(&d);
}

static void
refuses_root(void)
{
	static const char *const users[] = { "", "nosuchuser", "root" };
	static const char *const says[] = {
		"does not run as root", "does not exist", "is root"
	};
	struct daemon d;

	need_root();
	daemon_create(&d, suite.program);
	d.as_root = true;
	for (size_t i = 0; i < COUNT(users); i++) {
		size_t from = daemon_logged(&d);

		d.user = users[i];
		daemon_set(&d, "");
		assert_int_equal(daemon_refuses(&d), EXIT_SETTINGS);
		daemon_expect(&d, from, says[i]);
		assert_int_not_equal(access(d.socket + strlen("unix:"),
		    F_OK), 0);
	}
	daemon_destroy(&d);
}

/* Whose the process is: four user ids, four groups, and no others. */
static void
assert_owned(pid_t pid, uid_t uid, gid_t gid)
{
	char path[64], line[256], want[128];
	int found = 0;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof line, file) != NULL) {
		want[0] = '\0';
		if (strncmp(line, "Uid:", 4) == 0)
			snprintf(want, sizeof want, "Uid:\t%u\t%u\t%u\t%u\n",
			    uid, uid, uid, uid);
		else if (strncmp(line, "Gid:", 4) == 0)
			snprintf(want, sizeof want, "Gid:\t%u\t%u\t%u\t%u\n",
			    gid, gid, gid, gid);
		else if (strncmp(line, "Groups:", 7) == 0)
			snprintf(want, sizeof want, "Groups:\t%u \n", gid);
		else if (strncmp(line, "CapEff:", 7) == 0)
			strcpy(want, "CapEff:\t0000000000000000\n");
		else
			continue;
		assert_string_equal(line, want);
		found++;
	}
	fclose(file);
	assert_int_equal(found, 4);
}

static void
leaves_root(void)
{
	const struct passwd *user = getpwnam(DAEMON_USER);
	struct daemon d;

	need_root();
	assert_non_null(user);
	daemon_create(&d, suite.program);
	d.as_root = true;
	d.user = DAEMON_USER;
	daemon_set(&d, "");
	daemon_start(&d);
	assert_owned(d.pid, user->pw_uid, user->pw_gid);
	assert_daemon_serves(&d);
	daemon_destroy(&d);
}

static unsigned
free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len),
	    0);
	close(fd);
	return ntohs(address.sin_port);
}

/* Nagle's algorithm would make each mail wait 40 ms; the fastest counts. */
static void
inet_socket(void)
{
	struct daemon d;
	double least = 60;

	daemon_create(&d, suite.program);
	snprintf(d.socket, sizeof d.socket, "inet:%u@127.0.0.1",
	    free_port());
	daemon_set(&d, "");
	daemon_start(&d);
	for (int i = 0; i < 50; i++) {
		struct timespec a, b;
		double seconds;

		clock_gettime(CLOCK_MONOTONIC, &a);
		assert_daemon_serves(&d);
		clock_gettime(CLOCK_MONOTONIC, &b);
		seconds = (double)(b.tv_sec - a.tv_sec) +
		    (double)(b.tv_nsec - a.tv_nsec) / 1e9;
		if (seconds < least)
			least = seconds;
	}
	daemon_destroy(&d);
	assert_true(least < 0.035);
}

const struct test operation_tests[] = {
	{ "log: what became of a bounce, in one line", log_lines },
	{ "log: without our name where the journal reads it", journal_lines },
	{ "log: nothing in a mail can add to it", hostile_log },
	{ "metrics: well-formed, and they count", metrics },
	{ "metrics: the file is whole at any time", metrics_whole },
	{ "metrics: written every few seconds", metrics_periodic },
	{ "metrics: a file that cannot be written", metrics_nowhere },
	{ "reload: faulty settings are named, the old ones stay",
	    bad_reloads },
	{ "reload: settings that cannot be read", lost_settings },
	{ "reload: a mail keeps the settings it began with",
	    reload_in_mail },
	{ "reload: good and bad settings under 64 connections",
	    reload_under_load },
	{ "start: not with faulty settings", bad_starts },
	{ "start: not as root without a user", refuses_root },
	{ "start: becomes the user", leaves_root },
	{ "start: over the socket of one that crashed", stale_socket },
	{ "start: not over a file, nor without the folder", no_socket },
	{ "start: who may use the socket", socket_umask },
	{ "start: in the background", in_background },
	{ "start: on an inet socket, without delay", inet_socket },
	{ "end: SIGTERM, SIGHUP and SIGINT, in the middle of mails", ends },
	{ .name = NULL }
};
