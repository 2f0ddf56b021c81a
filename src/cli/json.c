/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/json.h"

#include <stdio.h>

json_t *
json_span(struct span s)
{
	json_t *json = s.len > 0 ? json_stringn(s.p, s.len) : NULL;

	return json != NULL ? json : json_null();
}

void
json_set_finding(json_t *json, const struct finding *finding)
{
	json_t *params = json_object();

	for (size_t i = 0; i < finding->n; i++)
		json_object_set_new(params, finding->parameters[i].name,
		    json_span(finding->parameters[i].value));
	if (finding->suggestion.len > 0)
		json_object_set_new(params, "meant",
		    json_span(finding->suggestion));
	json_object_set_new(json, "cause", json_string(finding->cause->id));
	json_object_set_new(json, "decided_by",
	    json_string(decided_by_name(finding->decided_by)));
	json_object_set_new(json, "rule", finding->rule != NULL ?
	    json_string(finding->rule->name) : json_null());
	json_object_set_new(json, "fix",
	    json_string(fix_names[finding->cause->fix]));
	json_object_set_new(json, "params", params);
}

void
json_print(json_t *json)
{
	json_dumpf(json, stdout, 0);
	putchar('\n');
	json_decref(json);
}
