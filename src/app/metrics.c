/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/metrics.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/defaults.h"
#include "app/version.h"

#define CAUSES 128
#define ACTIONS (ACTION_EXPANDED + 1)
#define REASONS 16

/* Upper bounds of the time histogram, in seconds. */
static const double bounds[] = {
	0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2
};
#define BOUNDS (sizeof(bounds) / sizeof(bounds[0]))

static struct {
	unsigned long bounces[CAUSES][ACTIONS];
	unsigned long added[3];			/* header, text, html */
	const char *reasons[REASONS];		/* why a body was left */
	unsigned long left[REASONS];
	unsigned long failures;
	unsigned long reloads[2];		/* bad, good */
	unsigned long times[BOUNDS + 1];
	double seconds;
	bool changed;
} counters = { .changed = true };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void
count_reason(const char *why)
{
	size_t i = 0;

	while (i < REASONS - 1 && counters.reasons[i] != NULL &&
	    strcmp(counters.reasons[i], why) != 0)
		i++;
	if (counters.reasons[i] == NULL)
		counters.reasons[i] = why;
	counters.left[i]++;
}

void
metrics_count_bounce(const struct annotation *annotation)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < annotation->report.n; i++) {
		size_t cause = (size_t)(annotation->findings[i].cause -
		    default_book.causes);

		if (cause < CAUSES)
			counters.bounces[cause][
			    annotation->report.recipients[i].action]++;
	}
	for (unsigned i = 0; i < 3; i++)
		if (annotation->added & 1U << i)
			counters.added[i]++;
	if (annotation->why != NULL)
		count_reason(annotation->why);
	counters.changed = true;
	pthread_mutex_unlock(&lock);
}

void
metrics_count_failure(void)
{
	pthread_mutex_lock(&lock);
	counters.failures++;
	counters.changed = true;
	pthread_mutex_unlock(&lock);
}

void
metrics_count_time(double seconds)
{
	size_t i = 0;

	while (i < BOUNDS && seconds > bounds[i])
		i++;
	pthread_mutex_lock(&lock);
	counters.times[i]++;
	counters.seconds += seconds;
	counters.changed = true;
	pthread_mutex_unlock(&lock);
}

void
metrics_count_reload(bool good)
{
	pthread_mutex_lock(&lock);
	counters.reloads[good]++;
	counters.changed = true;
	pthread_mutex_unlock(&lock);
}

static void
put_head(FILE *file, const char *name, const char *type, const char *help)
{
	fprintf(file, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
put_bounces(FILE *file)
{
	static const char *const actions[] = {
		"failed", "failed", "delayed", "delivered", "relayed",
		"expanded"
	};

	put_head(file, "whybounced_recipients_total", "counter",
	    "Recipients of bounces, by cause and action.");
	for (size_t i = 0; i < default_book.ncauses && i < CAUSES; i++) {
		counters.bounces[i][ACTION_FAILED] +=
		    counters.bounces[i][ACTION_NONE];
		counters.bounces[i][ACTION_NONE] = 0;
		for (int k = ACTION_FAILED; k < ACTIONS; k++)
			if (counters.bounces[i][k] > 0)
				fprintf(file, "whybounced_recipients_total{"
				    "cause=\"%s\",action=\"%s\"} %lu\n",
				    default_book.causes[i].id, actions[k],
				    counters.bounces[i][k]);
	}
}

static void
put_annotations(FILE *file)
{
	static const char *const names[] = { "header", "text", "html" };

	put_head(file, "whybounced_annotations_total", "counter",
	    "Bounces that got a header, a text, an HTML text.");
	for (int i = 0; i < 3; i++)
		fprintf(file, "whybounced_annotations_total{added=\"%s\"} "
		    "%lu\n", names[i], counters.added[i]);
	put_head(file, "whybounced_bodies_left_total", "counter",
	    "Bounces whose body was left alone, by reason.");
	for (int i = 0; i < REASONS && counters.reasons[i] != NULL; i++)
		fprintf(file, "whybounced_bodies_left_total{reason=\"%s\"} "
		    "%lu\n", counters.reasons[i], counters.left[i]);
	put_head(file, "whybounced_untouched_total", "counter",
	    "Mails that passed untouched because something failed.");
	fprintf(file, "whybounced_untouched_total %lu\n", counters.failures);
}

static void
put_times(FILE *file)
{
	unsigned long sum = 0;

	put_head(file, "whybounced_mail_seconds", "histogram",
	    "Time that a mail with the null sender took at its end.");
	for (size_t i = 0; i < BOUNDS; i++) {
		sum += counters.times[i];
		fprintf(file, "whybounced_mail_seconds_bucket{le=\"%g\"} "
		    "%lu\n", bounds[i], sum);
	}
	sum += counters.times[BOUNDS];
	fprintf(file, "whybounced_mail_seconds_bucket{le=\"+Inf\"} %lu\n"
	    "whybounced_mail_seconds_sum %.6f\n"
	    "whybounced_mail_seconds_count %lu\n", sum, counters.seconds,
	    sum);
}

static void
put_all(FILE *file)
{
	put_head(file, "whybounced_info", "gauge", "The running version.");
	fprintf(file, "whybounced_info{version=\"%s\"} 1\n", VERSION);
	put_bounces(file);
	put_annotations(file);
	put_times(file);
	put_head(file, "whybounced_reloads_total", "counter",
	    "Reloads of the settings, by result.");
	fprintf(file, "whybounced_reloads_total{result=\"good\"} %lu\n"
	    "whybounced_reloads_total{result=\"bad\"} %lu\n",
	    counters.reloads[1], counters.reloads[0]);
}

bool
metrics_write(const char *path)
{
	char temporary[4096];
	FILE *file;
	bool written;

	pthread_mutex_lock(&lock);
	if (!counters.changed) {
		pthread_mutex_unlock(&lock);
		return true;
	}
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	file = fopen(temporary, "w");
	if (file == NULL) {
		pthread_mutex_unlock(&lock);
		return false;
	}
	put_all(file);
	counters.changed = false;
	pthread_mutex_unlock(&lock);
	written = fflush(file) == 0 && !ferror(file);
	if (fclose(file) != 0 || !written ||
	    rename(temporary, path) != 0) {
		int error = errno;

		unlink(temporary);
		pthread_mutex_lock(&lock);
		counters.changed = true;	/* to be tried again */
		pthread_mutex_unlock(&lock);
		errno = error;
		return false;
	}
	return true;
}
