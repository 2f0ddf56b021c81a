/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the commands that print JSON share: objects, written from the first
 * key to the last and printed on a line of their own each. Without memory the
 * process ends with a message.
 */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <yajl/yajl_gen.h>

#include "base/span.h"
#include "cause/cause.h"

/* Returns a generator for any number of objects, one behind the other; freed
 * with yajl_gen_free(). */
yajl_gen json_new(void);

/* Begins an object. */
void json_begin(yajl_gen json);

/* Writes a key alone; what comes next is its value. */
void json_key(yajl_gen json, const char *key);

/*
 * Write a key with a string, which is null where the span is absent, empty or
 * no UTF-8 (spans of reports are UTF-8), or with a number, null for 0.
 */
void json_span(yajl_gen json, const char *key, struct span value);
void json_string(yajl_gen json, const char *key, const char *value);
void json_number(yajl_gen json, const char *key, int value);

/* Writes cause, decided_by, rule, fix and params. */
void json_finding(yajl_gen json, const struct finding *finding);

/* Ends the object and prints it. */
void json_print(yajl_gen json);

#endif
