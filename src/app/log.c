/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/log.h"

#include <stdarg.h>
#include <stdio.h>
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
	if (to_stderr)
		fprintf(stderr, "%s[%ld]: %s\n", program, (long)getpid(),
		    line);
	else
		syslog(priorities[level], "%s", line);
}
