/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Causes and rules from files: conf/causes.conf, the files of conf/rules,
 * and an administrator's own. Fills the plain structs of cause/rules.h.
 */
#ifndef APP_BOOK_H
#define APP_BOOK_H

#include <stdbool.h>

#include "app/conf.h"
#include "base/arena.h"
#include "cause/rules.h"

/* A book with the memory that holds it; freed with book_release(). */
struct book {
	struct arena arena;
	struct rule_book rules;
	struct rule *sorted;	/* the same rules, for putting them in order */
	struct cause *causes;
	size_t ncauses;
};

void book_init(struct book *book);
void book_release(struct book *book);

/* Reads a causes.conf; false, after telling each fault, if it has any. */
bool book_read_causes(struct book *book, const char *path,
    struct faults *faults);

/*
 * Reads a rule file, or every *.conf of a folder, and puts the rules into
 * the order in which they are tried: priority, file name, place in the file.
 * Rules may name block lists of this book and of below (NULL: there is none).
 * A faulty rule is told and left out, the others are read; false if any
 * fault was told.
 */
bool book_read_rules(struct book *book, const char *path,
    const struct rule_book *below, struct faults *faults);

#endif
