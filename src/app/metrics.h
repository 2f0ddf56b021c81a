/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counters of the daemon, in Prometheus's text format in a file: for
 * node_exporter's textfile collector. No listener, no library.
 */
#ifndef APP_METRICS_H
#define APP_METRICS_H

#include <stdbool.h>

#include "edit/annotate.h"

/* Count; from any thread. Seconds: what one mail took at its end. */
void metrics_count_bounce(const struct annotation *annotation);
void metrics_count_failure(void);
void metrics_count_time(double seconds);
void metrics_count_reload(bool good);

/*
 * Writes the file if anything was counted since it was last written: to a
 * temporary name beside it, renamed when it is whole. Returns false, with
 * errno set, if that failed.
 */
bool metrics_write(const char *path);

#endif
