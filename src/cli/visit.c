/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/visit.h"

#include <stdarg.h>
#include <stdio.h>

const char *
visit_settings_file(const struct visit *visit)
{
	return visit->settings->path != NULL ? visit->settings->path :
	    SETTINGS_PATH;
}

const char *
visit_user(const struct visit *visit)
{
	const char *user = visit->settings->user;

	return user[0] != '\0' ? user : "whybounced";
}

static void __attribute__((format(printf, 2, 0)))
tell(const char *sign, const char *format, va_list ap)
{
	fputs(sign, stdout);
	vprintf(format, ap);
	putchar('\n');
}

void
visit_good(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	tell("ok     ", format, ap);
	va_end(ap);
}

void
visit_remark(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	tell("--     ", format, ap);
	va_end(ap);
}

void
visit_fault(struct visit *visit, const char *format, ...)
{
	va_list ap;

	visit->faults++;
	va_start(ap, format);
	tell("FAULT  ", format, ap);
	va_end(ap);
}

void
visit_mend(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	tell("       mend: ", format, ap);
	va_end(ap);
}
