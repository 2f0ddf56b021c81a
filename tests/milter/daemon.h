/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whybounced of the tests' own: in a folder of its own below /tmp, as the
 * user nobody where the tests run as root, with its log in a file. What does
 * not work here fails the test that called.
 */
#ifndef DAEMON_H
#define DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define DAEMON_USER	"nobody"
#define DAEMON_HOST	"mail.example.org"	/* its name in explanations */

struct daemon {
	char folder[64];	/* belongs to DAEMON_USER */
	char program[96];	/* the copy in it: others may not see ours */
	char settings[96];	/* path of the settings file */
	char log[96];		/* path of its standard error */
	char pid_file[96];	/* a path that can be set; not set at first */
	char socket[96];	/* as set; "unix:FOLDER/sock" at first */
	const char *user;	/* as set; "" at first */
	bool as_root;		/* start it with root's rights */
	bool background;	/* start it without -f; needs the pid_file */
	bool journal;		/* its log is as systemd's journal would be */
	unsigned files;		/* that it may have open; 0: as we */
	pid_t pid;		/* 0: it does not run */
};

/* Makes the folder with a copy of the program, and settings as they are
 * above. */
void	daemon_create(struct daemon *, const char *program);

/* Ends it at once if it runs; removes the folder. */
void	daemon_destroy(struct daemon *);

/* All but this one, as after a test that failed. */
void	daemon_destroy_others(const struct daemon *);

/* Writes the settings file: socket, user, name, and then these. */
void	daemon_set(struct daemon *, const char *more);

/* Starts it; when this returns it takes connections. */
void	daemon_start(struct daemon *);

/* Starts it and waits for its end. Returns the exit status. */
int	daemon_refuses(struct daemon *);

/* Sends a signal and waits for its end. Returns the exit status. */
int	daemon_end(struct daemon *, int signal);

/* True if it has not ended by itself. */
bool	daemon_runs(struct daemon *);

/* Writes the settings, has them read again and waits until that is done;
 * false if they were refused. */
bool	daemon_reload(struct daemon *, const char *more);

/* All that it has logged from an offset on; the caller frees it. */
char	*daemon_log(const struct daemon *, size_t from);

/* How much it has logged: an offset for the others. */
size_t	daemon_logged(const struct daemon *);

/* Waits for a text in the log behind an offset; fails if it does not come. */
void	daemon_expect(const struct daemon *, size_t from, const char *text);

/* Fails if the log has a report of a sanitizer. */
void	daemon_expect_clean(const struct daemon *);

/* Sleeps so many milliseconds. */
void	pause_ms(int ms);

#endif
