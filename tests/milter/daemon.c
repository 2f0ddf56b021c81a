/* SPDX-License-Identifier: BSD-2-Clause */
#define _DEFAULT_SOURCE		/* setgroups() */

#include "daemon.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "milter_tests.h"

#define PATIENCE_MS	30000	/* for whatever does not come at all */
#define STEP_MS		5
#define MOST_DAEMONS	8

/*
 * Complaints of ThreadSanitizer that are about libmilter alone: when the
 * process ends, it has a thread that nobody waits for, and destroys mutexes
 * and conditions that its threads still use.
 */
static const char suppressions[] = "thread:mi_control_startup\n"
    "mutex:libmilter.so\n"
    "race:pthread_mutex_destroy\nrace:pthread_cond_destroy\n"
    "race:ld-linux\n";

/* What is there, for a test that fails before it destroys its own. */
static struct {
	char folder[64];	/* "": free */
	pid_t pid;
} known[MOST_DAEMONS];

/* Notes where a daemon is and which process it is now. */
static void
note(const struct daemon *d)
{
	size_t i = 0;

	while (i < MOST_DAEMONS && strcmp(known[i].folder, d->folder) != 0)
		i++;
	for (size_t k = 0; k < MOST_DAEMONS && i == MOST_DAEMONS; k++)
		if (known[k].folder[0] == '\0')
			i = k;
	assert_true(i < MOST_DAEMONS);
	strcpy(known[i].folder, d->folder);
	known[i].pid = d->pid;
}

void
pause_ms(int ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		;
}

static const struct passwd *
daemon_user(void)
{
	const struct passwd *user = getpwnam(DAEMON_USER);

	if (user == NULL)
		fail_msg("there is no user %s", DAEMON_USER);
	return user;
}

static void
copy_file(const char *from, const char *to)
{
	static char bytes[65536];
	FILE *in = fopen(from, "rb"), *out;
	size_t n;

	if (in == NULL)
		fail_msg("%s: %s", from, strerror(errno));
	out = fopen(to, "wb");
	assert_non_null(out);
	while ((n = fread(bytes, 1, sizeof bytes, in)) > 0)
		assert_int_equal(fwrite(bytes, 1, n, out), n);
	assert_int_equal(fclose(out), 0);
	fclose(in);
}

static void
write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

void
daemon_create(struct daemon *d, const char *program)
{
	char suppressed[96];

	*d = (struct daemon){ .user = "" };
	strcpy(d->folder, "/tmp/whybounced-test-XXXXXX");
	assert_non_null(mkdtemp(d->folder));
	note(d);
	assert_int_equal(chmod(d->folder, 0755), 0);
	snprintf(d->program, sizeof d->program, "%s/whybounced", d->folder);
	snprintf(d->settings, sizeof d->settings, "%s/whybounced.conf",
	    d->folder);
	snprintf(d->log, sizeof d->log, "%s/log", d->folder);
	snprintf(d->pid_file, sizeof d->pid_file, "%s/pid", d->folder);
	snprintf(d->socket, sizeof d->socket, "unix:%s/sock", d->folder);
	snprintf(suppressed, sizeof suppressed, "%s/tsan", d->folder);
	copy_file(program, d->program);
	write_file(suppressed, suppressions);
	assert_int_equal(chmod(d->program, 0755), 0);
	if (geteuid() == 0)
		assert_int_equal(chown(d->folder, daemon_user()->pw_uid,
		    daemon_user()->pw_gid), 0);
	daemon_set(d, "");
}

/* Removes a folder and all that is in it. */
static void
remove_folder(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char inside[512];

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
		if (unlink(inside) != 0)
			remove_folder(inside);
	}
	if (dir != NULL)
		closedir(dir);
	rmdir(path);
}

/* Ends the process, removes the folder, and forgets both. */
static void
destroy(size_t i)
{
	if (known[i].pid > 0) {
		kill(known[i].pid, SIGKILL);
		waitpid(known[i].pid, NULL, 0);
	}
	remove_folder(known[i].folder);
	known[i].folder[0] = '\0';
}

void
daemon_destroy(struct daemon *d)
{
	for (size_t i = 0; i < MOST_DAEMONS && d->folder[0] != '\0'; i++)
		if (strcmp(known[i].folder, d->folder) == 0)
			destroy(i);
	d->pid = 0;
}

void
daemon_destroy_others(const struct daemon *d)
{
	for (size_t i = 0; i < MOST_DAEMONS; i++)
		if (known[i].folder[0] != '\0' &&
		    strcmp(known[i].folder, d->folder) != 0)
			destroy(i);
}

void
daemon_set(struct daemon *d, const char *more)
{
	char new[112];
	FILE *file;

	/* A daemon that reads them just now finds the old ones or these. */
	snprintf(new, sizeof new, "%s.new", d->settings);
	file = fopen(new, "w");
	assert_non_null(file);
	fprintf(file, "socket = \"%s\"\nuser = \"%s\"\nhostname = \""
	    DAEMON_HOST "\"\n%s", d->socket, d->user, more);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(rename(new, d->settings), 0);
}

/* In the child: says that standard error is the journal. */
static void
claim_journal(void)
{
	struct stat st;
	char stream[64];

	if (fstat(2, &st) != 0)
		_exit(126);
	snprintf(stream, sizeof stream, "%llu:%llu",
	    (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
}

/* In the child: becomes the daemon. */
static void __attribute__((noreturn))
run(const struct daemon *d)
{
	const struct passwd *user = getpwnam(DAEMON_USER);
	char options[128];
	struct rlimit files;
	int null = open("/dev/null", O_RDWR);
	int log = open(d->log, O_WRONLY | O_CREAT | O_APPEND, 0644);

	if (null < 0 || log < 0)
		_exit(126);
	dup2(null, 0);
	dup2(log, 1);
	dup2(log, 2);
	umask(022);
	unsetenv("JOURNAL_STREAM");
	if (d->journal)
		claim_journal();
	snprintf(options, sizeof options, "suppressions=%s/tsan", d->folder);
	setenv("TSAN_OPTIONS", options, 1);
	if (d->files > 0 && getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = d->files;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (geteuid() == 0 && !d->as_root && (user == NULL ||
	    setgroups(0, NULL) != 0 || setgid(user->pw_gid) != 0 ||
	    setuid(user->pw_uid) != 0))
		_exit(126);
	if (chdir("/") == 0 && d->background)
		execl(d->program, d->program, "-c", d->settings, (char *)NULL);
	else
		execl(d->program, d->program, "-f", "-c", d->settings,
		    (char *)NULL);
	_exit(127);
}

static void
spawn(struct daemon *d)
{
	fflush(stdout);
	d->pid = fork();
	assert_true(d->pid >= 0);
	if (d->pid == 0)
		run(d);
	note(d);
}

/* Waits for the end and returns the exit status, -1 if it does not come. */
static int
await_end(struct daemon *d, int patience_ms)
{
	pid_t ended;
	int status;

	for (; (ended = waitpid(d->pid, &status, WNOHANG)) == 0;
	    patience_ms -= STEP_MS) {
		if (patience_ms <= 0)
			return -1;
		pause_ms(STEP_MS);
	}
	assert_int_equal(ended, d->pid);
	d->pid = 0;
	note(d);
	return WIFEXITED(status) ? WEXITSTATUS(status) :
	    128 + WTERMSIG(status);
}

/* Prints the end of the log and fails. */
static void
fail_with_log(const struct daemon *d, const char *what)
{
	char *log = daemon_log(d, 0);
	size_t len = strlen(log);

	print_error("%s", len > 4000 ? log + len - 4000 : log);
	free(log);
	fail_msg("%s", what);
}

static bool
answers(const struct daemon *d)
{
	struct milter_client *c = milter_client_new();
	bool open = c != NULL && milter_client_open(c, d->socket) == 0;

	milter_client_free(c);
	return open;
}

/* The parent ends; we inherit the daemon, and find it by its file. */
static void
follow(struct daemon *d)
{
	FILE *file;
	long pid;

	assert_int_equal(await_end(d, PATIENCE_MS), 0);
	for (int ms = 0; (file = fopen(d->pid_file, "r")) == NULL &&
	    ms < PATIENCE_MS; ms += STEP_MS)
		pause_ms(STEP_MS);
	assert_non_null(file);
	pause_ms(STEP_MS);
	assert_int_equal(fscanf(file, "%ld", &pid), 1);
	fclose(file);
	d->pid = (pid_t)pid;
	note(d);
}

void
daemon_start(struct daemon *d)
{
	int patience_ms = PATIENCE_MS;

	/* Before it can be gone: who goes into the background becomes ours. */
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	spawn(d);
	if (d->background)
		follow(d);
	while (!answers(d)) {
		if (!daemon_runs(d))
			fail_with_log(d, "the daemon ended at once");
		if (patience_ms <= 0)
			fail_with_log(d, "the daemon does not answer");
		patience_ms -= STEP_MS;
		pause_ms(STEP_MS);
	}
}

int
daemon_refuses(struct daemon *d)
{
	int status;

	spawn(d);
	status = await_end(d, PATIENCE_MS);
	if (status < 0)
		fail_with_log(d, "the daemon did start");
	return status;
}

int
daemon_end(struct daemon *d, int signal)
{
	int status;

	assert_true(d->pid > 0);
	kill(d->pid, signal);
	status = await_end(d, 2 * PATIENCE_MS);
	if (status < 0)
		fail_with_log(d, "the daemon does not end");
	return status;
}

bool
daemon_runs(struct daemon *d)
{
	return d->pid > 0 && await_end(d, 0) < 0;
}

size_t
daemon_logged(const struct daemon *d)
{
	struct stat st;

	return stat(d->log, &st) == 0 ? (size_t)st.st_size : 0;
}

char *
daemon_log(const struct daemon *d, size_t from)
{
	size_t len = daemon_logged(d), n = 0;
	FILE *file = fopen(d->log, "rb");
	char *text;

	if (len < from)
		len = from;
	text = malloc(len - from + 1);
	assert_non_null(text);
	if (file != NULL && fseek(file, (long)from, SEEK_SET) == 0)
		n = fread(text, 1, len - from, file);
	if (file != NULL)
		fclose(file);
	text[n] = '\0';
	return text;
}

/* Which of two texts stands first in the log, waiting: 0, 1, or -1. */
static int
await_log(const struct daemon *d, size_t from, const char *a, const char *b)
{
	for (int ms = 0; ms < PATIENCE_MS; ms += STEP_MS) {
		char *log = daemon_log(d, from);
		int found = strstr(log, a) != NULL ? 0 :
		    strstr(log, b) != NULL ? 1 : -1;

		free(log);
		if (found >= 0)
			return found;
		pause_ms(STEP_MS);
	}
	return -1;
}

void
daemon_expect(const struct daemon *d, size_t from, const char *text)
{
	if (await_log(d, from, text, text) == 0)
		return;
	print_error("not in the log: %s\n", text);
	fail_with_log(d, "something is missing in the log");
}

void
daemon_expect_clean(const struct daemon *d)
{
	static const char *const reports[] = {
		"Sanitizer", "runtime error:"
	};
	char *log = daemon_log(d, 0);

	for (size_t i = 0; i < COUNT(reports); i++) {
		const char *report = strstr(log, reports[i]);

		if (report == NULL)
			continue;
		while (report > log && report[-1] != '\n')
			report--;
		/* print_error() would cut it off early. */
		fprintf(stderr, "%.20000s\n", report);
		fail_msg("a sanitizer complains");
	}
	free(log);
}

bool
daemon_reload(struct daemon *d, const char *more)
{
	size_t from = daemon_logged(d);
	int result;

	daemon_set(d, more);
	kill(d->pid, SIGUSR1);
	result = await_log(d, from, "settings reloaded",
	    "the old ones stay in force");
	if (result < 0)
		fail_with_log(d, "no reload");
	return result == 0;
}
