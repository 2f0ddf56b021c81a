/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the commands that print JSON share.
 */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <jansson.h>

#include "base/span.h"
#include "cause/cause.h"

/* Returns a string, null where the span is absent or empty. Bytes that are no
 * UTF-8 give null: spans of reports are UTF-8. */
json_t *json_span(struct span s);

/* Sets cause, decided_by, rule, fix and params of an object. */
void json_set_finding(json_t *json, const struct finding *finding);

/* Prints one object on a line of its own, and frees it. */
void json_print(json_t *json);

#endif
