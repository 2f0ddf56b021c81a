/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The built-in rules and languages, ready for use: the state of a group of
 * tests that want them.
 */
#ifndef BUILTIN_H
#define BUILTIN_H

#include <stdlib.h>

#include "app/defaults.h"
#include "bounce/reply.h"
#include "bounce/report.h"
#include "cause/cause.h"
#include "cause/matcher.h"
#include "explain/language.h"
#include "explain/phrase.h"
#include "unittest.h"

#define BUILTIN_LANGUAGES 40
#define BUILTIN_MEMORY ((size_t)64 << 20)

struct builtin {
	struct arena arena;
	struct ruleset *set;
	const struct ruleset *sets[1];
	struct matcher matcher;
	struct language tongues[BUILTIN_LANGUAGES];
	struct languages languages;
};

/* Gives back what one case made; what is built in stays. */
static inline void
builtin_clear(struct builtin *b)
{
	arena_release(&b->arena);
	arena_init(&b->arena, BUILTIN_MEMORY);
}

static inline int
builtin_setup(void **state)
{
	struct builtin *b = calloc(1, sizeof(*b));

	if (b == NULL || default_nlanguages > BUILTIN_LANGUAGES)
		return -1;
	arena_init(&b->arena, BUILTIN_MEMORY);
	b->set = ruleset_new(&default_book, default_book.causes,
	    default_book.ncauses, false, NULL, NULL);
	if (b->set == NULL)
		return -1;
	b->sets[0] = b->set;
	b->matcher = (struct matcher){ .arena = &b->arena, .sets = b->sets,
	    .nsets = 1, .causes = default_book.causes,
	    .ncauses = default_book.ncauses };
	for (size_t i = 0; i < default_nlanguages; i++) {
		b->tongues[i].tag = default_languages[i].tag;
		if (catalog_open(&b->tongues[i].catalog, (struct span){
		    (const char *)default_languages[i].bytes,
		    default_languages[i].len }, true) != NULL)
			return -1;
	}
	languages_init(&b->languages, b->tongues, default_nlanguages);
	*state = b;
	return 0;
}

static inline int
builtin_teardown(void **state)
{
	struct builtin *b = *state;

	if (b == NULL)		/* setting up failed */
		return 0;
	matcher_release(&b->matcher);
	ruleset_free(b->set);
	arena_release(&b->arena);
	free(b);
	return 0;
}

/* Reads a reply into a recipient of which no more is known. */
static inline void
builtin_read(struct builtin *b, struct recipient *recipient,
    const char *text)
{
	struct reply reply;

	reply_read(&b->arena, span_of(text), &reply);
	*recipient = (struct recipient){ .action = ACTION_NONE,
	    .reply = reply.text, .code = reply.code, .status = reply.status };
}

/* Finds the cause of a reply by itself, from a server (NULL: not known). */
static inline void
builtin_find(struct builtin *b, struct finding *finding, const char *text,
    const char *server)
{
	const struct report report = { .kind = REPORT_DSN };
	struct recipient recipient;

	builtin_read(b, &recipient, text);
	recipient.remote = span_of(server);
	cause_find(finding, &b->matcher, &recipient, &report);
}

/* Returns a language that is built in. */
static inline const struct language *
builtin_language(const struct builtin *b, const char *tag)
{
	const struct language *language = language_find(&b->languages,
	    span_of(tag));

	assert_non_null(language);
	return language;
}

/* Returns the phrases of a language that is built in. */
static inline struct phrases
builtin_phrases(struct builtin *b, const char *tag)
{
	return (struct phrases){ .arena = &b->arena,
	    .languages = &b->languages,
	    .language = builtin_language(b, tag) };
}

#endif
