/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#define LONGEST_LINE 2000

static bool to_stderr = true;
static const char *program = "whybounced";

void
log_open(const char *name, int facility, bool foreground)
{
	program = name;
	to_stderr = foreground;
	/* libmilter logs by syslog() itself, whatever we do. */
	openlog(name, LOG_PID, facility);
}

/* Does systemd's journal read our standard error? It knows who writes. */
static bool
is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream != NULL &&
	    sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	    fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device &&
	    st.st_ino == inode;
}

void
log_line(enum log_level level, const char *format, ...)
{
	static const int priorities[] = { LOG_ERR, LOG_WARNING, LOG_INFO };
	char line[LONGEST_LINE];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	for (char *p = line; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
	if (!to_stderr)
		syslog(priorities[level], "%s", line);
	else if (is_journal())
		fprintf(stderr, "<%d>%s\n", priorities[level], line);
	else
		fprintf(stderr, "%s[%ld]: %s\n", program, (long)getpid(),
		    line);
}
