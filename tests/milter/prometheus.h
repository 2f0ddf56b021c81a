/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A strict reader of Prometheus's text format (version 0.0.4): what a scraper
 * would refuse or take for something else is a fault here.
 */
#ifndef PROMETHEUS_H
#define PROMETHEUS_H

#include <stddef.h>

#define PROMETHEUS_SAMPLES 500

struct prometheus {
	char *text;		/* what all others point into */
	struct prometheus_sample {
		const char *name;
		const char *labels;	/* as written, without the braces */
		double value;
	} samples[PROMETHEUS_SAMPLES];
	size_t n;
	char fault[256];	/* "" if there is none */
};

/*
 * Reads a text; returns NULL if all is well, else what is not, with its line.
 * Released in both cases.
 */
const char *prometheus_read(struct prometheus *, const char *text);
void	prometheus_release(struct prometheus *);

/* The value of a sample, -1 if there is none. labels: `a="b",c="d"` or "". */
double	prometheus_value(const struct prometheus *, const char *name,
	    const char *labels);

#endif
