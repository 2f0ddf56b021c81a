/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A catalogue of texts: a compiled gettext file (.mo), read in place. Checked
 * whole before it is used, so that looking up needs no checks. One catalogue
 * may be read by many threads; gettext's own reader is bound to the process's
 * locale and cannot.
 */
#ifndef EXPLAIN_CATALOG_H
#define EXPLAIN_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct catalog {
	struct span bytes;
	bool swapped;		/* written in the other byte order */
	uint32_t n;
	uint32_t keys;		/* offsets of the two tables */
	uint32_t texts;
};

/*
 * Opens a catalogue in bytes, which must outlive it. Returns NULL if it is
 * sound, else what is wrong with it; then it holds no texts. Without check
 * its strings are believed: only for one that was opened with it before, as
 * mkdefaults opens the built-in ones.
 */
const char *catalog_open(struct catalog *catalog, struct span bytes,
    bool check);

/* Returns the text of a key, absent if there is none or it is empty. */
struct span catalog_text(const struct catalog *catalog, const char *key);

#endif
