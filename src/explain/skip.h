/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An explanation that stands in front of a notice already: added by a host
 * whose mark is not there or not believed. It is no part of what the mail
 * server wrote.
 */
#ifndef EXPLAIN_SKIP_H
#define EXPLAIN_SKIP_H

#include "base/span.h"
#include "explain/language.h"

/*
 * Returns what stands behind the explanations at the beginning of a text
 * (UTF-8, of a text leaf or made from HTML); the text itself if there are
 * none. They are known in each language by their first words and the whole
 * of their closing line, whoever added them and however lines are broken.
 */
struct span explanation_skip(const struct languages *languages,
    struct span text);

#endif
