/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files in libconfuse's syntax, read strictly: what libconfuse would take
 * without a word (an end of file inside a section, an option given twice,
 * "${NAME}" from the environment, NUL bytes) is a fault here.
 */
#ifndef APP_CONF_H
#define APP_CONF_H

#include <confuse.h>
#include <stdbool.h>

/* Told of each fault; line 0: the file as a whole. */
typedef void fault_fn(void *context, const char *file, unsigned line,
    const char *what);

struct faults {
	fault_fn *tell;		/* NULL: nobody listens */
	void *context;
	size_t n;		/* how many were told */
	size_t skipped;		/* of these: cost only one rule */
};

/* Tells a fault; format and what follows as for printf(). */
void fault_tell(struct faults *faults, const char *file, unsigned line,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/*
 * Parses a file by opts, after prepare (may be NULL) set its validators,
 * into a cfg_t that the caller frees with cfg_free(); NULL after telling what
 * is wrong. The line of a section is the one on which it begins. One call at
 * a time in a process, since libconfuse's scanner is global: callers hold
 * conf_lock().
 */
cfg_t *conf_parse(cfg_opt_t *opts, const char *path,
    void (*prepare)(cfg_t *cfg), struct faults *faults);

/* Returns the line on which an option is set in a file, 0 if nowhere. */
unsigned conf_option_line(const char *path, const char *option);

/* The lock around all use of libconfuse. */
void conf_lock(void);
void conf_unlock(void);

#endif
