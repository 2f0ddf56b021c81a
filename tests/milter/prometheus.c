/* SPDX-License-Identifier: BSD-2-Clause */
#include "prometheus.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
#define DIGITS "0123456789"
#define METRICS 100

/* While reading: the metrics so far, the last one being read now. */
struct reading {
	struct prometheus *p;
	struct {
		char name[100], type[16];
		bool helped;
	} metrics[METRICS];
	size_t nmetrics;
	unsigned line;
};

static bool
fail(struct reading *r, const char *what, const char *where)
{
	snprintf(r->p->fault, sizeof r->p->fault, "line %u: %s: %.100s",
	    r->line, what, where);
	return false;
}

/* The length of the name at the text's start; 0: none. */
static size_t
name_length(const char *text, bool colons)
{
	if (strspn(text, colons ? LETTERS ":" : LETTERS) == 0)
		return 0;
	return strspn(text, colons ? LETTERS DIGITS ":" : LETTERS DIGITS);
}

/* Makes the metric of that name the one that is read. */
static bool
enter_metric(struct reading *r, const char *name, size_t len)
{
	for (size_t i = 0; i < r->nmetrics; i++) {
		const char *known = r->metrics[i].name;

		if (strlen(known) == len && strncmp(known, name, len) == 0)
			return i + 1 == r->nmetrics ||
			    fail(r, "its lines do not stand together", name);
	}
	if (r->nmetrics == METRICS || len >= sizeof r->metrics[0].name)
		return fail(r, "too many metrics, or too long a name", name);
	memcpy(r->metrics[r->nmetrics].name, name, len);
	r->nmetrics++;
	return true;
}

/* "# HELP name text" or "# TYPE name type"; other comments are ignored. */
static bool
read_comment(struct reading *r, const char *line)
{
	static const char *const types[] = {
		"counter", "gauge", "histogram", "summary", "untyped"
	};
	bool help = strncmp(line, "# HELP ", 7) == 0;
	size_t len, i = 0;
	char *type;

	if (!help && strncmp(line, "# TYPE ", 7) != 0)
		return true;
	len = name_length(line + 7, true);
	if (len == 0 || line[7 + len] != ' ')
		return fail(r, "no name, or nothing behind it", line);
	if (!enter_metric(r, line + 7, len))
		return false;
	if (help) {
		if (r->metrics[r->nmetrics - 1].helped)
			return fail(r, "a second HELP", line);
		r->metrics[r->nmetrics - 1].helped = true;
		return true;
	}
	type = r->metrics[r->nmetrics - 1].type;
	if (type[0] != '\0')
		return fail(r, "a second TYPE", line);
	while (i < 5 && strcmp(types[i], line + 8 + len) != 0)
		i++;
	if (i == 5)
		return fail(r, "no type", line);
	strcpy(type, types[i]);
	return true;
}

/* Reads `name="value",...}`; returns what follows, NULL on a fault. */
static char *
read_labels(struct reading *r, char *text)
{
	while (*text != '}') {
		size_t len = name_length(text, false);

		if (len == 0 || strncmp(text + len, "=\"", 2) != 0) {
			fail(r, "no label", text);
			return NULL;
		}
		for (text += len + 2; *text != '"'; text++) {
			if (*text == '\\' && strchr("\\\"n", text[1]) != NULL)
				text++;
			else if (*text == '\\' || *text == '\0') {
				fail(r, "a label's value", text);
				return NULL;
			}
		}
		if (*++text == ',')
			text++;
		else if (*text != '}') {
			fail(r, "behind a label", text);
			return NULL;
		}
	}
	return text + 1;
}

/* Does a sample of that name belong to the metric that is being read? */
static bool
belongs(const struct reading *r, const char *name)
{
	static const char *const suffixes[] = { "_bucket", "_sum", "_count" };
	const char *metric, *type;
	size_t len;

	if (r->nmetrics == 0)
		return false;
	metric = r->metrics[r->nmetrics - 1].name;
	type = r->metrics[r->nmetrics - 1].type;
	len = strlen(metric);
	if (strcmp(type, "histogram") != 0)
		return type[0] != '\0' && strcmp(metric, name) == 0;
	for (size_t i = 0; i < 3; i++)
		if (strncmp(name, metric, len) == 0 &&
		    strcmp(name + len, suffixes[i]) == 0)
			return true;
	return false;
}

static bool
add_sample(struct reading *r, const char *name, const char *labels,
    double value)
{
	struct prometheus *p = r->p;

	if (!belongs(r, name))
		return fail(r, "no TYPE before it", name);
	if (prometheus_value(p, name, labels) >= 0)
		return fail(r, "a second time", name);
	if (value < 0 || isnan(value) || isinf(value))
		return fail(r, "its value", name);
	if (p->n == PROMETHEUS_SAMPLES)
		return fail(r, "too many samples", name);
	p->samples[p->n].name = name;
	p->samples[p->n].labels = labels;
	p->samples[p->n++].value = value;
	return true;
}

/* `name{labels} value` */
static bool
read_sample(struct reading *r, char *line)
{
	size_t len = name_length(line, true);
	char *labels = line + strlen(line), *text = line + len, *end;
	double value;

	if (len == 0)
		return fail(r, "no name", line);
	if (*text == '{') {
		labels = text + 1;
		text = read_labels(r, labels);
		if (text == NULL)
			return false;
		text[-1] = '\0';
	}
	if (*text != ' ')
		return fail(r, "no value", line);
	value = strtod(text + 1, &end);
	if (end == text + 1 || *end != '\0')
		return fail(r, "its value", line);
	line[len] = '\0';
	return add_sample(r, line, labels, value);
}

/* The buckets grow, the last one holds all. */
static bool
check_histogram(struct reading *r, const char *metric)
{
	double last_bound = -1, last = 0;
	char name[128];
	size_t buckets = 0;

	snprintf(name, sizeof name, "%s_bucket", metric);
	for (size_t i = 0; i < r->p->n; i++) {
		const struct prometheus_sample *s = &r->p->samples[i];
		double bound;

		if (strcmp(s->name, name) != 0)
			continue;
		if (strncmp(s->labels, "le=\"", 4) != 0)
			return fail(r, "a bucket without le", metric);
		bound = strtod(s->labels + 4, NULL);
		if (bound <= last_bound || s->value < last)
			return fail(r, "buckets do not grow", metric);
		last_bound = bound;
		last = s->value;
		buckets++;
	}
	snprintf(name, sizeof name, "%s_count", metric);
	if (buckets == 0 || !isinf(last_bound) ||
	    prometheus_value(r->p, name, "") != last)
		return fail(r, "the last bucket does not hold all", metric);
	snprintf(name, sizeof name, "%s_sum", metric);
	return prometheus_value(r->p, name, "") >= 0 ||
	    fail(r, "no sum", metric);
}

static bool
check_metrics(struct reading *r)
{
	for (size_t i = 0; i < r->nmetrics; i++) {
		const char *name = r->metrics[i].name;
		size_t len = strlen(name);

		if (!r->metrics[i].helped || r->metrics[i].type[0] == '\0')
			return fail(r, "HELP or TYPE is missing", name);
		if (strcmp(r->metrics[i].type, "counter") == 0 &&
		    (len < 6 || strcmp(name + len - 6, "_total") != 0))
			return fail(r, "a counter without _total", name);
		if (strcmp(r->metrics[i].type, "histogram") == 0 &&
		    !check_histogram(r, name))
			return false;
	}
	return r->nmetrics > 0 || fail(r, "nothing", "");
}

const char *
prometheus_read(struct prometheus *p, const char *text)
{
	static struct reading r;	/* large; one thread reads */
	char *line, *end;
	bool good = true;

	memset(p, 0, sizeof *p);
	memset(&r, 0, sizeof r);
	r.p = p;
	p->text = strdup(text);
	if (p->text == NULL)
		return "out of memory";
	for (line = p->text; *line != '\0' && good; line = end + 1) {
		r.line++;
		end = strchr(line, '\n');
		if (end == NULL) {
			fail(&r, "a line without end", line);
			break;
		}
		*end = '\0';
		if (*line == '#')
			good = read_comment(&r, line);
		else if (*line != '\0')
			good = read_sample(&r, line);
	}
	if (p->fault[0] == '\0')
		check_metrics(&r);
	return p->fault[0] != '\0' ? p->fault : NULL;
}

void
prometheus_release(struct prometheus *p)
{
	free(p->text);
	p->text = NULL;
}

double
prometheus_value(const struct prometheus *p, const char *name,
    const char *labels)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->samples[i].name, name) == 0 &&
		    strcmp(p->samples[i].labels, labels) == 0)
			return p->samples[i].value;
	return -1;
}
