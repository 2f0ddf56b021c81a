/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#define LONGEST_LINE 2000

/* Where lines go to. */
static enum { TO_TERMINAL, TO_JOURNAL, TO_SYSLOG } target = TO_TERMINAL;

/* What a line on the terminal begins with. */
static char prefix[64];

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
log_open(const char *name, int facility, bool foreground)
{
	target = !foreground ? TO_SYSLOG : is_journal() ? TO_JOURNAL :
	    TO_TERMINAL;
	snprintf(prefix, sizeof(prefix), "%s[%ld]: ", name, (long)getpid());
	/* libmilter logs by syslog() itself, whatever we do. */
	openlog(name, LOG_PID, facility);
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
	switch (target) {
	case TO_SYSLOG:
		syslog(priorities[level], "%s", line);
		break;
	case TO_JOURNAL:
		fprintf(stderr, "<%d>%s\n", priorities[level], line);
		break;
	case TO_TERMINAL:
		fprintf(stderr, "%s%s\n", prefix, line);
	}
}
