/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is linked in: causes, rules, languages and domains of conf/, made into
 * tables by mkdefaults when the project is built. Both programs work with no
 * file installed.
 */
#ifndef APP_DEFAULTS_H
#define APP_DEFAULTS_H

#include "cause/rules.h"

struct default_language {
	const char *tag;
	const unsigned char *bytes;	/* of its .mo file */
	size_t len;
};

extern const struct rule_book default_book;	/* with the causes */
extern const struct default_language default_languages[];	/* en first */
extern const size_t default_nlanguages;
extern const struct span default_domains[];	/* ends with an absent one */

#endif
