/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * whybounce doctor - what keeps an installation from working, each finding
 * with the command that mends it.
 */
#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/probe.h"

#define SYNOPSIS "doctor [-c FILE] [-p POSTFIX-CONFIGURATION-FOLDER]"
#define VALUE 4096
#define ANSWER_TIMEOUT 5	/* seconds for each answer of the daemon */
#define SLOW 1.0		/* seconds for one mail that are too many */

/* What is being looked at. */
struct visit {
	const struct settings *settings;
	const char *postfix;		/* configuration folder, NULL: default */
	char of[VALUE];			/* "-c FOLDER" for what is pasted */
	char queue[VALUE];		/* Postfix's queue directory */
	char endpoint[VALUE];		/* our socket as main.cf names it */
	size_t faults;
};

static void __attribute__((format(printf, 1, 2)))
good(const char *format, ...)
{
	va_list ap;

	fputs("ok     ", stdout);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
}

/* Tells a fault; the command that mends it follows by mend(). */
static void __attribute__((format(printf, 2, 3)))
fault(struct visit *visit, const char *format, ...)
{
	va_list ap;

	visit->faults++;
	fputs("FAULT  ", stdout);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
}

static void __attribute__((format(printf, 1, 2)))
mend(const char *format, ...)
{
	va_list ap;

	fputs("       mend: ", stdout);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
}

/*
 * Runs postconf, without a shell, and reads the first line of what it writes
 * to stream (standard output or error; the other one is thrown away). Returns
 * its exit status; 127: there is no postconf.
 */
static int
run_postconf(const struct visit *visit, const char *flags, const char *name,
    int stream, char value[VALUE])
{
	const char *arguments[8] = { "postconf" };
	size_t n = 1, len = 0;
	int ends[2], status;
	ssize_t got;
	pid_t pid;

	value[0] = '\0';
	if (visit->postfix != NULL) {
		arguments[n++] = "-c";
		arguments[n++] = visit->postfix;
	}
	arguments[n++] = flags;
	arguments[n] = name;
	if (pipe(ends) != 0 || (pid = fork()) < 0)
		return 127;
	if (pid == 0) {
		if (freopen("/dev/null", "w", stream == STDOUT_FILENO ?
		    stderr : stdout) == NULL)
			_exit(126);
		dup2(ends[1], stream);
		close(ends[0]);
		close(ends[1]);
		execvp(arguments[0], (char *const *)(uintptr_t)arguments);
		_exit(127);
	}
	close(ends[1]);
	while ((got = read(ends[0], value + len, VALUE - 1 - len)) > 0)
		len += (size_t)got;
	close(ends[0]);
	value[len] = '\0';
	value[strcspn(value, "\n")] = '\0';
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 126;
	return WEXITSTATUS(status);
}

static bool
postconf(const struct visit *visit, const char *flags, const char *name,
    char value[VALUE])
{
	return run_postconf(visit, flags, name, STDOUT_FILENO, value) == 0;
}

/* The path of a unix socket in the settings, NULL if it is none. */
static const char *
socket_path(const struct visit *visit)
{
	const char *socket = visit->settings->socket;
	const char *colon = strchr(socket, ':');

	return colon != NULL && (strncmp(socket, "unix:", 5) == 0 ||
	    strncmp(socket, "local:", 6) == 0) ? colon + 1 : NULL;
}

/* Returns what follows the queue directory in path, NULL if nothing does. */
static const char *
below_queue(const struct visit *visit, const char *path)
{
	size_t len = strlen(visit->queue);

	if (len == 0 || strncmp(path, visit->queue, len) != 0 ||
	    path[len] != '/')
		return NULL;
	return path + len + 1;
}

/* How main.cf names our socket: libmilter writes port@host, Postfix
 * host:port, and a path below the queue directory counts from there. */
static void
name_endpoint(struct visit *visit)
{
	const char *socket = visit->settings->socket;
	const char *path = socket_path(visit), *at, *below;

	if (path != NULL) {
		below = below_queue(visit, path);
		snprintf(visit->endpoint, VALUE, "unix:%s",
		    below != NULL ? below : path);
		return;
	}
	at = strchr(socket, '@');
	if (at == NULL)
		snprintf(visit->endpoint, VALUE, "inet:localhost:%s",
		    strchr(socket, ':') + 1);
	else
		snprintf(visit->endpoint, VALUE, "inet:%s:%.*s", at + 1,
		    (int)(at - strchr(socket, ':') - 1),
		    strchr(socket, ':') + 1);
}

/* One entry of a list of milters: "unix:x" or "{ unix:x, name=value }". */
static bool
next_milter(const char **rest, struct span *entry)
{
	const char *p = *rest + strspn(*rest, " ,\t");
	size_t len;

	if (*p == '\0')
		return false;
	if (*p == '{') {
		size_t depth = 0;

		/* Options with blanks stand in braces of their own. */
		for (len = 0; p[len] != '\0'; len++) {
			depth += p[len] == '{';
			if (p[len] == '}' && --depth == 0) {
				len++;
				break;
			}
		}
	} else {
		len = strcspn(p, " ,\t");
	}
	*entry = (struct span){ p, len };
	*rest = p + len;
	return true;
}

static bool
is_loopback(struct span host)
{
	return span_equal_nocase(host, SPAN("localhost")) ||
	    span_equal(host, SPAN("127.0.0.1")) ||
	    span_equal(host, SPAN("::1")) || span_equal(host, SPAN("[::1]"));
}

/* Is "host:port" our "port@host"? A socket without host is on all of them. */
static bool
is_our_port(const struct visit *visit, struct span name)
{
	struct span ours = span_of(strchr(visit->settings->socket, ':') + 1);
	struct span port = ours, host = SPAN_ABSENT;
	size_t colon = name.len, at = 0;

	while (at < ours.len && ours.p[at] != '@')
		at++;
	if (at < ours.len) {
		port = span_first(ours, at);
		host = span_from(ours, at + 1);
	}
	while (colon > 0 && name.p[colon - 1] != ':')
		colon--;
	if (colon == 0 || !span_equal(span_from(name, colon), port))
		return false;
	name = span_first(name, colon - 1);
	return host.len == 0 || span_equal(host, SPAN("0.0.0.0")) ||
	    span_equal_nocase(host, name) ||
	    (is_loopback(host) && is_loopback(name));
}

/* Does the entry name our socket? */
static bool
is_ours(const struct visit *visit, struct span entry)
{
	const char *path = socket_path(visit);
	struct span name;
	size_t len = 0;
	char full[2 * VALUE];

	while (entry.len > 0 && strchr("{ \t", entry.p[0]) != NULL)
		entry = span_from(entry, 1);
	while (len < entry.len && strchr(" ,\t}", entry.p[len]) == NULL)
		len++;
	name = span_first(entry, len);
	if (span_equal(name, span_of(visit->endpoint)))
		return true;
	if (path == NULL)
		return span_starts_nocase(name, SPAN("inet:")) &&
		    is_our_port(visit, span_from(name, 5));
	if (!span_starts_nocase(name, SPAN("unix:")))
		return false;
	name = span_from(name, 5);
	if (span_equal(name, span_of(path)))
		return true;
	/* "/x" in a chroot is below the queue directory too. */
	snprintf(full, sizeof(full), "%s%s%.*s", visit->queue,
	    name.len > 0 && name.p[0] == '/' ? "" : "/", (int)name.len,
	    name.p);
	return strcmp(full, path) == 0;
}

/* Does the entry look like a DKIM signer's? */
static bool
is_signer(struct span entry)
{
	return span_find_nocase(entry, SPAN("dkim")) != SPAN_NONE ||
	    span_find_nocase(entry, SPAN(":8891")) != SPAN_NONE ||
	    span_find_nocase(entry, SPAN(":12301")) != SPAN_NONE;
}

/* What an entry of its own says about default_action; absent: nothing. */
static struct span
action_of(struct span entry)
{
	static const char blanks[] = " \t={";
	size_t at = span_find(entry, SPAN("default_action")), len = 0;

	if (at == SPAN_NONE)
		return SPAN_ABSENT;
	entry = span_from(entry, at + sizeof("default_action") - 1);
	while (entry.len > 0 && strchr(blanks, entry.p[0]) != NULL)
		entry = span_from(entry, 1);
	while (len < entry.len && strchr(" \t,}", entry.p[len]) == NULL)
		len++;
	return span_first(entry, len);
}

static void
mend_list(const struct visit *visit, const char *name, const char *value,
    bool first)
{
	if (first)
		mend("postconf%s -e '%s = { %s, default_action=accept }%s%s'"
		    " && postfix%s reload", visit->of, name, visit->endpoint,
		    value[0] != '\0' ? ", " : "", value, visit->of);
	else
		mend("postconf%s -e '%s = %s%s{ %s, default_action=accept }'"
		    " && postfix%s reload", visit->of, name, value,
		    value[0] != '\0' ? ", " : "", visit->endpoint,
		    visit->of);
}

static void
check_list(struct visit *visit, const char *name)
{
	bool signing = strcmp(name, "non_smtpd_milters") == 0;
	bool found = false, signer_before = false;
	char value[VALUE] = "", action[VALUE] = "";
	const char *rest = value;
	struct span entry, own_action = SPAN_ABSENT;

	postconf(visit, "-xh", name, value);
	while (next_milter(&rest, &entry)) {
		if (is_ours(visit, entry)) {
			found = true;
			own_action = action_of(entry);
		} else if (!found && is_signer(entry)) {
			signer_before = true;
		}
	}
	if (!found) {
		fault(visit, "%s does not name whybounced%s", name, signing ?
		    ": bounces of this Postfix are not explained" :
		    ": bounces of other servers are not explained");
		mend_list(visit, name, value, signing);
		return;
	}
	postconf(visit, "-xh", "milter_default_action", action);
	if (own_action.len > 0 && !span_equal(own_action, SPAN("accept"))) {
		fault(visit, "%s: with default_action=%.*s mail is held up "
		    "when whybounced is not there", name,
		    (int)own_action.len, own_action.p);
		mend("write default_action=accept into its entry in %s",
		    name);
	} else if (own_action.len == 0 && strcmp(action, "accept") != 0) {
		fault(visit, "%s: without default_action=accept mail waits "
		    "when whybounced is not there", name);
		mend("postconf%s -e 'milter_default_action = accept' && "
		    "postfix%s reload", visit->of, visit->of);
	} else {
		good("%s names whybounced", name);
	}
	if (signing && signer_before) {
		fault(visit, "%s: a DKIM signer stands before whybounced, so "
		    "its signatures of bounces break", name);
		mend("put { %s, default_action=accept } first in %s",
		    visit->endpoint, name);
	}
}

static void
check_classes(struct visit *visit)
{
	static const char name[] = "internal_mail_filter_classes";
	char value[VALUE] = "";

	postconf(visit, "-xh", name, value);
	if (strstr(value, "bounce") != NULL) {
		good("%s has bounce", name);
		return;
	}
	fault(visit, "%s has no bounce: bounces of this Postfix pass no "
	    "milter", name);
	mend("postconf%s -e '%s = %s%sbounce' && postfix%s reload", visit->of,
	    name, value, value[0] != '\0' ? ", " : "", visit->of);
}

/* Does the service run in a chroot? Where master.cf leaves that open, a
 * configuration made for Postfix 2 means yes. */
static bool
is_chrooted(const struct visit *visit, const char *service)
{
	char name[100], value[VALUE], level[VALUE] = "";
	size_t len;

	snprintf(name, sizeof(name), "%s/chroot", service);
	if (!postconf(visit, "-F", name, value))
		return false;
	len = strlen(value);
	if (len > 0 && value[len - 1] == '-') {
		postconf(visit, "-xh", "compatibility_level", level);
		return strtod(level, NULL) < 1;
	}
	return len > 0 && value[len - 1] == 'y';
}

/* Can a chrooted service see the socket? */
static void
check_chroot(struct visit *visit, const char *service)
{
	const char *path = socket_path(visit);

	if (path == NULL || !is_chrooted(visit, service))
		return;
	if (below_queue(visit, path) != NULL) {
		good("%s runs in a chroot and sees the socket", service);
		return;
	}
	/* What is said about main.cf below is about the socket's new place. */
	snprintf(visit->endpoint, VALUE, "unix:whybounced/whybounced.sock");
	fault(visit, "%s runs in a chroot (%s) and cannot see %s", service,
	    visit->queue, path);
	mend("install -d -o whybounced -g postfix -m 2750 %s/whybounced, "
	    "set socket = \"unix:%s/whybounced/whybounced.sock\" in %s, "
	    "restart whybounced", visit->queue, visit->queue,
	    visit->settings->path != NULL ? visit->settings->path :
	    SETTINGS_PATH);
}

/* Returns whether the bits (of S_IRWXO) are set for a user, as the kernel
 * asks: the owner's bits count for the owner, the group's for the group. */
static bool
has_bits(const struct stat *st, const struct passwd *passwd, mode_t bits)
{
	if (st->st_uid == passwd->pw_uid)
		bits <<= 6;
	else if (st->st_gid == passwd->pw_gid)
		bits <<= 3;
	return (st->st_mode & bits) == bits;
}

/* Writes into folder the first one above path that a user may not enter. */
static bool
is_shut(const char *path, const struct passwd *passwd, char folder[VALUE])
{
	struct stat st;

	for (const char *p = strchr(path + 1, '/'); p != NULL;
	    p = strchr(p + 1, '/')) {
		snprintf(folder, VALUE, "%.*s", (int)(p - path), path);
		if (stat(folder, &st) == 0 && !has_bits(&st, passwd, S_IXOTH))
			return true;
	}
	return false;
}

/* May Postfix's user connect to the socket? */
static void
check_rights(struct visit *visit)
{
	const char *path = socket_path(visit);
	char owner[VALUE] = "postfix", folder[VALUE];
	const struct passwd *passwd;
	struct stat st;

	if (path == NULL || stat(path, &st) != 0)
		return;		/* the probe tells what is wrong */
	if (!S_ISSOCK(st.st_mode)) {
		fault(visit, "%s is no socket", path);
		mend("rm %s, restart whybounced", path);
		return;
	}
	postconf(visit, "-xh", "mail_owner", owner);
	passwd = getpwnam(owner);
	if (passwd == NULL)
		return;
	if (is_shut(path, passwd, folder)) {
		fault(visit, "%s may not connect to %s, because it may not "
		    "enter %s", owner, path, folder);
		mend("chgrp %s %s && chmod g+x %s", owner, folder, folder);
		return;
	}
	if (has_bits(&st, passwd, S_IWOTH)) {
		good("%s may connect to %s", owner, path);
		return;
	}
	fault(visit, "%s may not connect to %s", owner, path);
	mend("chgrp %s on its folder with mode 2750 and socket_umask = "
	    "\"0007\", or socket_umask = \"0000\"; restart whybounced",
	    owner);
}

static void
check_daemon(struct visit *visit)
{
	const char *socket = visit->settings->socket;
	struct probe probe;

	probe_run(&probe, socket, ANSWER_TIMEOUT);
	if (!probe.connected) {
		fault(visit, "whybounced does not listen on %s: %s", socket,
		    probe.error);
		mend("systemctl start whybounced, or: whybounced -c %s",
		    visit->settings->path != NULL ? visit->settings->path :
		    SETTINGS_PATH);
	} else if (!probe.answered) {
		fault(visit, "whybounced on %s does not answer: %s", socket,
		    probe.error);
		mend("systemctl restart whybounced");
	} else if (!probe.annotated) {
		fault(visit, "whybounced on %s left a test bounce alone",
		    socket);
		mend("see `annotate` in its settings, and its log");
	} else if (probe.seconds > SLOW) {
		fault(visit, "whybounced took %.1f seconds for a test bounce",
		    probe.seconds);
		mend("look at the load of the machine, and at its log");
	} else {
		good("whybounced explained a test bounce in %.0f ms",
		    probe.seconds * 1000);
	}
}

static void
check_postfix(struct visit *visit)
{
	char version[VALUE], problem[VALUE];
	int status = run_postconf(visit, "-h", "mail_version", STDOUT_FILENO,
	    version);

	if (visit->postfix != NULL)
		snprintf(visit->of, VALUE, " -c %s", visit->postfix);
	if (status != 0 && status != 127) {
		run_postconf(visit, "-h", "mail_version", STDERR_FILENO,
		    problem);
		fault(visit, "Postfix cannot read its configuration: %s",
		    problem);
		mend("correct that; `postfix%s check` tells more", visit->of);
		name_endpoint(visit);
		return;
	}
	if (status != 0) {
		printf("--     no Postfix was found (postconf); it is not "
		    "looked at\n");
		name_endpoint(visit);
		return;
	}
	postconf(visit, "-xh", "queue_directory", visit->queue);
	name_endpoint(visit);
	good("Postfix %s", version);
	check_chroot(visit, "smtp/inet");
	check_chroot(visit, "cleanup/unix");
	check_rights(visit);
	check_list(visit, "smtpd_milters");
	check_list(visit, "non_smtpd_milters");
	check_classes(visit);
}

int
command_doctor(int argc, char **argv)
{
	struct visit visit = { .faults = 0 };
	const char *path = NULL;
	struct settings *settings;

	for (int i = 1; i < argc; i++) {
		if (i + 1 == argc)
			return cli_usage(SYNOPSIS);
		if (strcmp(argv[i], "-c") == 0)
			path = argv[++i];
		else if (strcmp(argv[i], "-p") == 0)
			visit.postfix = argv[++i];
		else
			return cli_usage(SYNOPSIS);
	}
	settings = cli_settings(path);
	if (settings == NULL)
		return EXIT_FAILURE;
	visit.settings = settings;
	good("settings %s", settings->path != NULL ? settings->path :
	    "(built-in)");
	check_postfix(&visit);
	check_daemon(&visit);
	printf("%s\n", visit.faults == 0 ? "nothing is wrong" :
	    "mend what is marked FAULT, then run this again");
	settings_free(settings);
	return visit.faults == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
