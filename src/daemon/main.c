/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * whybounced - the milter that explains bounces; see whybounced(8).
 */
#define _DEFAULT_SOURCE		/* initgroups() */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "app/log.h"
#include "app/metrics.h"
#include "app/settings.h"
#include "app/version.h"
#include "daemon/current.h"
#include "daemon/milter.h"
#include "mail/charset.h"

/* Exit statuses of sysexits.h, which systemd and inetd scripts know. */
#define EXIT_USAGE 64
#define EXIT_SETTINGS 78

static const char *settings_path;

static void
tell_fault(void *context, const char *file, unsigned line, const char *what)
{
	(void)context;
	if (line > 0)
		log_line(LOG_LEVEL_ERROR, "%s:%u: %s", file, line, what);
	else
		log_line(LOG_LEVEL_ERROR, "%s: %s", file, what);
}

static struct settings *
load(void)
{
	struct faults faults = { .tell = tell_fault };

	return settings_load(settings_path, false, &faults);
}

/*
 * Can the settings be loaded? Tried in a process of its own, as what reads
 * them (libconfuse, flex) ends its process when memory is used up.
 */
static bool
rehearse(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	/* Their allocators stay locked in a child if a thread was in them. */
	return true;
#else
	int status;
	pid_t child = fork();

	if (child == 0) {
		sigset_t alarms;

		signal(SIGALRM, SIG_DFL);
		sigemptyset(&alarms);
		sigaddset(&alarms, SIGALRM);
		sigprocmask(SIG_UNBLOCK, &alarms, NULL);
		alarm(30);	/* a lock may be held that nobody frees here */
		_exit(load() != NULL ? EXIT_SUCCESS : EXIT_FAILURE);
	}
	return child > 0 && waitpid(child, &status, 0) == child &&
	    WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
#endif
}

static void
reload(void)
{
	struct settings *settings = rehearse() ? load() : NULL;
	bool good = settings != NULL;

	if (good && !current_replace(settings)) {
		settings_free(settings);
		good = false;
	}
	metrics_count_reload(good);
	if (good)
		log_line(LOG_LEVEL_INFO, "settings reloaded");
	else
		log_line(LOG_LEVEL_ERROR, "the new settings are faulty; the "
		    "old ones stay in force");
}

static void
write_metrics(void)
{
	static bool failed;
	struct held_settings *held = current_hold();
	bool written = true;

	if (held == NULL)
		return;
	if (held->settings->metrics_file[0] != '\0')
		written = metrics_write(held->settings->metrics_file);
	if (!written && !failed)
		log_line(LOG_LEVEL_WARNING, "%s: %s",
		    held->settings->metrics_file, strerror(errno));
	failed = !written;
	current_release(held);
}

/* Seconds between two looks at the metrics. */
#define METRICS_PERIOD 5

/* Waits for SIGUSR1, the reload, and writes the metrics meanwhile. */
static void *
housekeeping(void *argument)
{
	const struct timespec period = { METRICS_PERIOD, 0 };
	const sigset_t *signals = argument;
	sigset_t all;

	/* The signals that end the daemon are libmilter's to take. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	for (;;) {
		if (sigtimedwait(signals, NULL, &period) == SIGUSR1)
			reload();
		write_metrics();
	}
	return NULL;
}

/*
 * Becomes the user of the settings where we are root, for nothing here needs
 * root's rights; false after saying why that is not possible.
 */
static bool
leave_root(const char *user)
{
	const struct passwd *passwd;

	if (geteuid() != 0)
		return true;
	if (user[0] == '\0') {
		log_line(LOG_LEVEL_ERROR, "whybounced does not run as root; "
		    "set `user`, or start it as another user");
		return false;
	}
	passwd = getpwnam(user);
	if (passwd == NULL || passwd->pw_uid == 0) {
		log_line(LOG_LEVEL_ERROR, "user \"%s\" %s", user,
		    passwd == NULL ? "does not exist" :
		    "is root, and whybounced does not run as root");
		return false;
	}
	if (initgroups(user, passwd->pw_gid) == 0 &&
	    setgid(passwd->pw_gid) == 0 && setuid(passwd->pw_uid) == 0 &&
	    setuid(0) != 0)
		return true;
	log_line(LOG_LEVEL_ERROR, "cannot become user \"%s\"", user);
	return false;
}

/* Tells systemd that we are ready: sd_notify(3) without its library. */
static void
notify_ready(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len;
	int fd;

	if (path == NULL || (path[0] != '/' && path[0] != '@'))
		return;
	len = strlen(path);
	if (len >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, len);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (fd < 0)
		return;
	sendto(fd, "READY=1", 7, 0, (struct sockaddr *)&address,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

/* Goes into the background; the parent ends here. */
static bool
detach(void)
{
	pid_t pid = fork();
	int null;

	if (pid < 0)
		return false;
	if (pid > 0)
		_exit(EXIT_SUCCESS);
	null = open("/dev/null", O_RDWR);
	if (setsid() < 0 || chdir("/") != 0 || null < 0)
		return false;
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
	return true;
}

static void
write_pid_file(const char *path)
{
	FILE *file;

	if (path[0] == '\0')
		return;
	file = fopen(path, "w");
	if (file == NULL) {
		log_line(LOG_LEVEL_WARNING, "%s: %s", path, strerror(errno));
		return;
	}
	fprintf(file, "%ld\n", (long)getpid());
	fclose(file);
}

/* Serves until told to end. The settings are in force already. */
static int
serve(const struct settings *settings)
{
	static sigset_t signals;
	pthread_t thread;
	bool idle;
	int result;

	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	/* Before any thread is there, so that all of them inherit it. */
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	if (pthread_create(&thread, NULL, housekeeping, &signals) != 0) {
		log_line(LOG_LEVEL_ERROR, "cannot make a thread");
		return EXIT_FAILURE;
	}
	write_pid_file(settings->pid_file);
	notify_ready();
	log_line(LOG_LEVEL_INFO, "whybounced %s listens on %s", VERSION,
	    settings->socket);
	result = milter_serve(&idle);
	log_line(LOG_LEVEL_INFO, "whybounced ends");
	if (settings->pid_file[0] != '\0')
		unlink(settings->pid_file);
	/* A worker that is still in a callback must not lose the settings. */
	if (!idle)
		_exit(result);
	pthread_cancel(thread);
	pthread_join(thread, NULL);
	return result;
}

static int
usage(void)
{
	fputs("usage: whybounced [-f] [-c FILE]\n"
	    "       whybounced -V\n", stderr);
	return EXIT_USAGE;
}

int
main(int argc, char **argv)
{
	struct settings *settings;
	struct held_settings *held;
	struct charset_converters *converters;
	bool foreground = false;
	int option, result;

	while ((option = getopt(argc, argv, "c:fV")) != -1) {
		if (option == 'c') {
			settings_path = optarg;
		} else if (option == 'f') {
			foreground = true;
		} else if (option == 'V') {
			puts("whybounced " VERSION);
			return EXIT_SUCCESS;
		} else {
			return usage();
		}
	}
	if (optind != argc)
		return usage();
	if (settings_path == NULL && access(SETTINGS_PATH, F_OK) == 0)
		settings_path = SETTINGS_PATH;
	log_open("whybounced", LOG_MAIL, true);
	settings = load();
	if (settings == NULL)
		return EXIT_SETTINGS;
	log_open("whybounced", settings->syslog_facility, foreground);
	if (!leave_root(settings->user) || !current_replace(settings)) {
		settings_free(settings);
		return EXIT_SETTINGS;
	}
	held = current_hold();
	converters = charset_hold();
	umask((mode_t)settings->socket_umask);
	if (!milter_open(settings->socket))
		return EXIT_FAILURE;
	umask(022);
	if (!foreground && !detach())
		return EXIT_FAILURE;
	result = serve(settings);
	current_release(held);
	current_replace(NULL);
	charset_release(converters);
	return result;
}
