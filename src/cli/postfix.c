/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/postfix.h"

#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/endpoint.h"
#include "cli/milters.h"
#include "cli/probe.h"

/*
 * The lists of milters, and the services whose entry in master.cf may have one
 * of its own. Bounces of other servers pass the first, this Postfix's own the
 * second.
 */
static const struct list {
	const char *name;
	const char *services[3];
} lists[] = {
	{ "smtpd_milters", { "smtp/inet", "smtpd/pass", NULL } },
	{ "non_smtpd_milters", { "cleanup/unix", NULL, NULL } },
};
#define NLISTS (sizeof(lists) / sizeof(lists[0]))

/*
 * Runs postconf, without a shell, and reads the first line of what it writes
 * to stream (standard output or error; the other one is thrown away). Returns
 * its exit status; 127: there is no postconf.
 */
static int
run_postconf(const struct visit *visit, const char *flags, const char *name,
    int stream, char value[VISIT_TEXT])
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
	fflush(stdout);		/* or the child would write it once more */
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
	while ((got = read(ends[0], value + len, VISIT_TEXT - 1 - len)) > 0)
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
    char value[VISIT_TEXT])
{
	return run_postconf(visit, flags, name, STDOUT_FILENO, value) == 0;
}

/*
 * Gives the value of a list, and the name of what sets it: the list's own, or
 * "smtp/inet/smtpd_milters" where master.cf overrides main.cf.
 */
static void
read_list(const struct visit *visit, const struct list *list,
    char name[VISIT_TEXT], char value[VISIT_TEXT])
{
	for (size_t i = 0; list->services[i] != NULL; i++) {
		char line[VISIT_TEXT];
		const char *equals;

		snprintf(name, VISIT_TEXT, "%s/%s", list->services[i],
		    list->name);
		if (!postconf(visit, "-Px", name, line) ||
		    (equals = strchr(line, '=')) == NULL)
			continue;
		equals += 1 + strspn(equals + 1, " ");
		memmove(value, equals, strlen(equals) + 1);
		return;
	}
	snprintf(name, VISIT_TEXT, "%s", list->name);
	postconf(visit, "-xh", name, value);
}

static void
name_socket(struct visit *visit)
{
	endpoint_name(visit->endpoint, sizeof(visit->endpoint),
	    visit->settings->socket, visit->queue);
}

/* Is it the entry that explains bounces? */
static bool
is_ours(const struct visit *visit, struct span entry)
{
	struct span name = milter_address(entry);

	return span_equal(name, span_of(visit->endpoint)) ||
	    endpoint_is(name, visit->settings->socket, visit->queue);
}

/* Does Postfix name our socket in one of its lists? */
static bool
is_named(const struct visit *visit)
{
	for (size_t i = 0; i < NLISTS; i++) {
		char name[VISIT_TEXT], value[VISIT_TEXT];
		struct span rest, entry;

		read_list(visit, &lists[i], name, value);
		rest = span_of(value);
		while (milters_next(&rest, &entry))
			if (is_ours(visit, entry))
				return true;
	}
	return false;
}

/*
 * Where main.cf does not name our socket, it may name a proxy in front of
 * several daemons, or a daemon of another machine: one that explains a test
 * bounce. Then that is what the rest of main.cf is about.
 */
static void
look_elsewhere(struct visit *visit, const struct list *list)
{
	char name[VISIT_TEXT], value[VISIT_TEXT], socket[2 * VISIT_TEXT];
	struct span rest, entry, address;
	struct probe probe;

	read_list(visit, list, name, value);
	rest = span_of(value);
	while (!visit->elsewhere && milters_next(&rest, &entry)) {
		address = milter_address(entry);
		if (!span_starts_nocase(address, SPAN("inet:")) &&
		    !span_starts_nocase(address, SPAN("unix:")))
			continue;
		endpoint_socket(socket, sizeof(socket), address, visit->queue);
		probe_run(&probe, socket, VISIT_TIMEOUT);
		if (!probe.annotated)
			continue;
		visit->elsewhere = true;
		snprintf(visit->endpoint, VISIT_TEXT, "%.*s", (int)address.len,
		    address.p);
		visit_good("%s, which %s names, explained a test bounce "
		    "in %.0f ms", visit->endpoint, strchr(name, '/') != NULL ?
		    "master.cf" : "main.cf", probe.seconds * 1000);
	}
}

/* Writes a list without blanks, as master.cf wants it; commas part as well. */
static void
without_blanks(char *text, const char *value)
{
	char last = ',';

	for (; *value != '\0'; value++) {
		char next = value[strspn(value, " ")];

		if (*value != ' ')
			last = *text++ = *value;
		else if (strchr(",}=", next) == NULL &&	/* the end, too */
		    strchr(",{=", last) == NULL)
			last = *text++ = ',';
	}
	*text = '\0';
}

static void
mend_list(const struct visit *visit, const char *name, const char *value)
{
	char packed[3 * VISIT_TEXT];

	if (strchr(name, '/') == NULL) {
		visit_mend("postconf%s -e '%s = %s' && postfix%s reload",
		    visit->of, name, value, visit->of);
		return;
	}
	without_blanks(packed, value);
	visit_mend("postconf%s -P '%s=%s' && postfix%s reload", visit->of,
	    name, packed, visit->of);
}

/* The list has no entry of ours: first where mail is signed, else last. */
static void
tell_missing(struct visit *visit, const char *name, const char *value,
    bool signing)
{
	char mended[2 * VISIT_TEXT];

	visit_fault(visit, "%s does not name whybounced: bounces of %s are "
	    "not explained", name, signing ? "this Postfix" : "other servers");
	if (value[0] == '\0')
		snprintf(mended, sizeof(mended), "{ %s, default_action=accept "
		    "}", visit->endpoint);
	else if (signing)
		snprintf(mended, sizeof(mended), "{ %s, default_action=accept "
		    "}, %s", visit->endpoint, value);
	else
		snprintf(mended, sizeof(mended), "%s, { %s, default_action="
		    "accept }", value, visit->endpoint);
	mend_list(visit, name, mended);
}

/* What becomes of mail when our entry's milter is not there? */
static void
check_action(struct visit *visit, const char *name, struct span list,
    struct span entry)
{
	char common[VISIT_TEXT] = "";
	char accepting[2 * VISIT_TEXT], mended[3 * VISIT_TEXT];
	struct span action = milter_action(entry);

	if (action.len == 0) {
		postconf(visit, "-xh", "milter_default_action", common);
		action = span_of(common);
	}
	if (span_equal(action, SPAN("accept"))) {
		visit_good("%s names %s", name, visit->elsewhere ?
		    visit->endpoint : "whybounced");
		return;
	}
	if (visit->elsewhere && span_equal(action, SPAN("tempfail"))) {
		visit_remark("%s: with default_action=tempfail mail waits "
		    "while nobody answers on %s", name, visit->endpoint);
		return;
	}
	visit_fault(visit, "%s: without default_action=accept mail is %s "
	    "when whybounced is not there", name,
	    span_equal(action, SPAN("tempfail")) ? "held up" :
	    span_equal(action, SPAN("quarantine")) ? "put on hold" :
	    "refused");
	milter_accepting(accepting, sizeof(accepting), entry);
	milters_replace(mended, sizeof(mended), list, entry, accepting);
	mend_list(visit, name, mended);
}

static void
check_list(struct visit *visit, const struct list *which)
{
	bool signing = strcmp(which->name, "non_smtpd_milters") == 0;
	bool signer_before = false;
	char name[VISIT_TEXT], value[VISIT_TEXT], mended[2 * VISIT_TEXT];
	struct span list, rest, entry, ours = SPAN_ABSENT;

	read_list(visit, which, name, value);
	list = rest = span_of(value);
	while (ours.len == 0 && milters_next(&rest, &entry)) {
		if (is_ours(visit, entry))
			ours = entry;
		else if (milter_is_signer(entry))
			signer_before = true;
	}
	if (ours.len == 0) {
		tell_missing(visit, name, value, signing);
		return;
	}
	check_action(visit, name, list, ours);
	if (!signing || !signer_before)
		return;
	visit_fault(visit, "%s: a DKIM signer stands before whybounced, so its "
	    "signatures of bounces break", name);
	milters_move_first(mended, sizeof(mended), list, ours);
	mend_list(visit, name, mended);
}

static void
check_classes(struct visit *visit)
{
	static const char name[] = "internal_mail_filter_classes";
	char value[VISIT_TEXT] = "";

	postconf(visit, "-xh", name, value);
	if (strstr(value, "bounce") != NULL) {
		visit_good("%s has bounce", name);
		return;
	}
	visit_fault(visit, "%s has no bounce: bounces of this Postfix pass no "
	    "milter", name);
	visit_mend("postconf%s -e '%s = %s%sbounce' && postfix%s reload",
	    visit->of, name, value, value[0] != '\0' ? ", " : "", visit->of);
}

/* Does the service run in a chroot? Where master.cf leaves that open, a
 * configuration made for Postfix 2 means yes. */
static bool
is_chrooted(const struct visit *visit, const char *service)
{
	char name[100], value[VISIT_TEXT], level[VISIT_TEXT] = "";
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

/* The place for the socket that every Postfix sees, in a chroot or not. */
static void
mend_place(struct visit *visit)
{
	/* What is said about main.cf below is about the socket's new place. */
	snprintf(visit->endpoint, VISIT_TEXT,
	    "unix:whybounced/whybounced.sock");
	visit_mend("install -d -o %s -g postfix -m 2750 %s/whybounced, "
	    "set socket = \"unix:%s/whybounced/whybounced.sock\" in %s, "
	    "systemctl restart whybounced", visit_user(visit),
	    visit->queue, visit->queue, visit_settings_file(visit));
}

/* Can services in a chroot see the socket? False after telling that not. */
static bool
check_chroot(struct visit *visit)
{
	bool smtpd = is_chrooted(visit, "smtp/inet");
	bool cleanup = is_chrooted(visit, "cleanup/unix");
	const char *path = endpoint_path(visit->settings->socket);
	const char *who = smtpd && cleanup ? "smtpd and cleanup run" :
	    smtpd ? "smtpd runs" : "cleanup runs";
	const char *see = smtpd && cleanup ? "see" : "sees";

	if (path == NULL || (!smtpd && !cleanup))
		return true;
	if (endpoint_below(visit->queue, path) != NULL) {
		visit_good("%s in a chroot and %s the socket", who, see);
		return true;
	}
	visit_fault(visit, "%s in a chroot (%s) and cannot see %s", who,
	    visit->queue, path);
	mend_place(visit);
	return false;
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
is_shut(const char *path, const struct passwd *passwd, char folder[VISIT_TEXT])
{
	struct stat st;

	for (const char *p = strchr(path + 1, '/'); p != NULL;
	    p = strchr(p + 1, '/')) {
		snprintf(folder, VISIT_TEXT, "%.*s", (int)(p - path), path);
		if (stat(folder, &st) == 0 && !has_bits(&st, passwd, S_IXOTH))
			return true;
	}
	return false;
}

/* Lets Postfix's user into the socket's own folder, and at the socket. */
static void
mend_rights(struct visit *visit, const char *path, const char *owner)
{
	int len = (int)(strrchr(path, '/') - path);

	if (endpoint_below(visit->queue, path) == NULL) {
		mend_place(visit);
		return;
	}
	visit_mend("chown %s:%s %.*s && chmod 2750 %.*s%s && systemctl restart "
	    "whybounced", visit_user(visit), owner, len,
	    path, len, path, visit->settings->socket_umask & S_IWGRP ?
	    ", set socket_umask = \"0007\"" : "");
}

/* May Postfix's user connect to the socket? */
static void
check_rights(struct visit *visit)
{
	const char *path = endpoint_path(visit->settings->socket);
	char owner[VISIT_TEXT] = "postfix", folder[VISIT_TEXT];
	const struct passwd *passwd;
	struct stat st;

	if (path == NULL || stat(path, &st) != 0)
		return;		/* the probe tells what is wrong */
	if (!S_ISSOCK(st.st_mode)) {
		visit_fault(visit, "%s is no socket", path);
		visit_mend("rm %s && systemctl restart whybounced", path);
		return;
	}
	postconf(visit, "-xh", "mail_owner", owner);
	passwd = getpwnam(owner);
	if (passwd == NULL)
		return;
	if (is_shut(path, passwd, folder))
		visit_fault(visit, "the user %s may not connect to %s, "
		    "because it may not enter %s", owner, path, folder);
	else if (!has_bits(&st, passwd, S_IWOTH))
		visit_fault(visit, "the user %s may not connect to %s", owner,
		    path);
	else {
		visit_good("the user %s may connect to %s", owner, path);
		return;
	}
	mend_rights(visit, path, owner);
}

void
postfix_check(struct visit *visit)
{
	char version[VISIT_TEXT], problem[VISIT_TEXT];
	int status = run_postconf(visit, "-h", "mail_version", STDOUT_FILENO,
	    version);

	if (visit->postfix != NULL)
		snprintf(visit->of, VISIT_TEXT, " -c %s", visit->postfix);
	if (status != 0 && status != 127) {
		run_postconf(visit, "-h", "mail_version", STDERR_FILENO,
		    problem);
		visit_fault(visit, "Postfix cannot read its configuration: %s",
		    problem);
		visit_mend("correct that; `postfix%s check` tells more",
		    visit->of);
		name_socket(visit);
		return;
	}
	if (status != 0) {
		visit_remark("no Postfix was found (postconf); it is not "
		    "looked at");
		name_socket(visit);
		return;
	}
	postconf(visit, "-xh", "queue_directory", visit->queue);
	name_socket(visit);
	visit_good("Postfix %s", version);
	if (!is_named(visit))
		for (size_t i = 0; i < NLISTS && !visit->elsewhere; i++)
			look_elsewhere(visit, &lists[i]);
	if (!visit->elsewhere && check_chroot(visit))
		check_rights(visit);
	for (size_t i = 0; i < NLISTS; i++)
		check_list(visit, &lists[i]);
	check_classes(visit);
}
