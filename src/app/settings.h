/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The settings (whybounced.conf) and all that is made from them: languages,
 * rules, the annotator. Made whole or not at all, and only read from then on.
 */
#ifndef APP_SETTINGS_H
#define APP_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "app/conf.h"
#include "edit/annotate.h"

/* Where the settings are looked for; the build may say otherwise. */
#ifndef SETTINGS_PATH
#define SETTINGS_PATH "/etc/whybounced/whybounced.conf"
#endif

struct settings {
	const char *path;	/* of the file, NULL: built-in defaults */
	const char *socket;
	unsigned socket_umask;
	const char *user;	/* "" means none, as in all of these */
	const char *pid_file;
	int syslog_facility;
	const char *metrics_file;
	const char *rules;
	size_t memory_limit;
	struct annotator annotator;
	struct settings_memory *memory;	/* all that the above points to */
};

/*
 * Reads the settings in path; NULL: the defaults. Returns NULL after telling
 * every fault in them, or in a file they name. With check, all rules are
 * compiled now, the built-in ones too; otherwise only the administrator's.
 * Freed with settings_free().
 */
struct settings *settings_load(const char *path, bool check,
    struct faults *faults);
void settings_free(struct settings *settings);

/*
 * Settings for the command line: those of path if it is given, else those of
 * SETTINGS_PATH if that file can be read, else the defaults.
 */
struct settings *settings_load_default(const char *path,
    struct faults *faults);

/* The same, with check. */
struct settings *settings_load_checked(const char *path,
    struct faults *faults);

/* Returns the language of that tag, NULL if there is none. */
const struct language *settings_language(const struct settings *settings,
    const char *tag);

/* Writes the tags of all languages into text, a blank between them. */
void settings_language_tags(const struct settings *settings, char *text,
    size_t size);

#endif
