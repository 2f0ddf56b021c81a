/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every unit test includes: cmocka with what it needs before it, and
 * comparisons of spans that print both sides when they differ.
 */
#ifndef UNITTEST_H
#define UNITTEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/span.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Fails, showing both, unless the span holds just the bytes of the string. */
#define assert_span(span, string) \
	unittest_assert_span((span), (string), __FILE__, __LINE__)

static inline void
unittest_assert_span(struct span actual, const char *expected,
    const char *file, int line)
{
	if (actual.p != NULL && actual.len == strlen(expected) &&
	    memcmp(actual.p, expected, actual.len) == 0)
		return;
	print_error("got  \"%.*s\"\nwant \"%s\"\n", (int)actual.len,
	    actual.p != NULL ? actual.p : "(absent)", expected);
	_fail(file, line);
}

/* Fails unless the span is absent. */
#define assert_absent(span) assert_null((span).p)

#endif
