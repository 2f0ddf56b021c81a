/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the fuzz targets share: a check that stays in every build, and a few
 * ways of looking at bytes. Each target is a file fuzz_NAME.c with seeds in
 * seeds/NAME and perhaps words in NAME.dict; see fuzz.mk.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/span.h"
#include "bounce/report.h"
#include "mail/charset.h"

/* Called by libFuzzer for each input; returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the run, so that libFuzzer keeps the input, if condition is false. */
#define CHECK(condition) \
	((condition) ? (void)0 : fuzz_fail(#condition, __FILE__, __LINE__))

static inline void
fuzz_fail(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: CHECK(%s)\n", file, line, condition);
	abort();
}

/* The input as a span. */
static inline struct span
fuzz_input(const uint8_t *data, size_t size)
{
	return (struct span){ (const char *)data, size };
}

/* Does inner, if it is not absent, lie within outer? */
static inline bool
fuzz_inside(struct span inner, struct span outer)
{
	uintptr_t in = (uintptr_t)inner.p, out = (uintptr_t)outer.p;

	return inner.p == NULL || (in >= out && inner.len <= outer.len &&
	    in - out <= outer.len - inner.len);
}

/* Is s absent, or valid UTF-8? */
static inline bool
fuzz_is_text(struct span s)
{
	return s.p == NULL || charset_is_utf8(s);
}

static inline bool
fuzz_has_line_end(struct span s)
{
	return span_find_char(s, '\n') != SPAN_NONE ||
	    span_find_char(s, '\r') != SPAN_NONE;
}

/* Would a program take the line for something else than text? */
static inline bool
fuzz_is_risky(struct span line)
{
	return span_starts_nocase(line, SPAN("--")) ||
	    (line.len > 0 && (line.p[0] == '.' || line.p[0] == '>')) ||
	    (line.len >= 5 && memcmp(line.p, "From ", 5) == 0);
}

/* What every recipient that a reader gives must be. */
static inline void
fuzz_check_recipient(const struct recipient *recipient)
{
	CHECK(recipient->action <= ACTION_EXPANDED);
	CHECK(recipient->code == 0 ||
	    (recipient->code >= 200 && recipient->code <= 599));
	CHECK(recipient->status.class == 0 || recipient->status.class == 2 ||
	    recipient->status.class == 4 || recipient->status.class == 5);
	CHECK(recipient->status.subject <= 999);
	CHECK(recipient->status.detail <= 999);
	CHECK(fuzz_is_text(recipient->address));
	CHECK(fuzz_is_text(recipient->original));
	CHECK(fuzz_is_text(recipient->reply));
	CHECK(fuzz_is_text(recipient->remote));
	CHECK(recipient->reply.len <= REPLY_LENGTH);
	CHECK(!fuzz_has_line_end(recipient->reply));
	CHECK(span_find_char(recipient->address, '\n') == SPAN_NONE);
	CHECK(span_find_char(recipient->remote, '\n') == SPAN_NONE);
}

#endif
