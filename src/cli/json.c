/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/charset.h"

/* yajl does not look whether it got memory. */
static void *
need_memory(void *context, void *p, size_t size)
{
	(void)context;
	p = realloc(p, size);
	if (p == NULL) {
		fputs("whybounce: not enough memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	return p;
}

static void *
allocate(void *context, size_t size)
{
	return need_memory(context, NULL, size);
}

static void
release(void *context, void *p)
{
	(void)context;
	free(p);
}

yajl_gen
json_new(void)
{
	static const yajl_alloc_funcs functions = {
		allocate, need_memory, release, NULL
	};

	return yajl_gen_alloc(&functions);
}

void
json_begin(yajl_gen json)
{
	yajl_gen_map_open(json);
}

static void
write_string(yajl_gen json, struct span value)
{
	yajl_gen_string(json, (const unsigned char *)value.p, value.len);
}

void
json_key(yajl_gen json, const char *key)
{
	write_string(json, span_of(key));
}

void
json_span(yajl_gen json, const char *key, struct span value)
{
	json_key(json, key);
	if (value.len > 0 && charset_is_utf8(value))
		write_string(json, value);
	else
		yajl_gen_null(json);
}

void
json_string(yajl_gen json, const char *key, const char *value)
{
	json_span(json, key, span_of(value));
}

void
json_number(yajl_gen json, const char *key, int value)
{
	json_key(json, key);
	if (value != 0)
		yajl_gen_integer(json, value);
	else
		yajl_gen_null(json);
}

void
json_finding(yajl_gen json, const struct finding *finding)
{
	json_string(json, "cause", finding->cause->id);
	json_string(json, "decided_by",
	    decided_by_name(finding->decided_by));
	json_string(json, "rule", finding->rule != NULL ?
	    finding->rule->name : NULL);
	json_string(json, "fix", fix_names[finding->cause->fix]);
	json_key(json, "params");
	yajl_gen_map_open(json);
	for (size_t i = 0; i < finding->n; i++)
		json_span(json, finding->parameters[i].name,
		    finding->parameters[i].value);
	if (finding->suggestion.len > 0)
		json_span(json, "meant", finding->suggestion);
	yajl_gen_map_close(json);
}

void
json_print(yajl_gen json)
{
	const unsigned char *bytes;
	size_t len;

	yajl_gen_map_close(json);
	if (yajl_gen_get_buf(json, &bytes, &len) == yajl_gen_status_ok) {
		fwrite(bytes, 1, len, stdout);
		putchar('\n');
	}
	yajl_gen_clear(json);
	yajl_gen_reset(json, NULL);
}
