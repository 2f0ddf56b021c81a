/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_rules - what naming the cause of a reply costs
 *
 * usage: bench_rules [ROUNDS]
 *
 * Classifies every example of the built-in rules with those rules, and again
 * with ten times as many: nine copies of each text rule that differ from it
 * by a word at the end, so that they are looked at and do not match. Prints
 * the microseconds a reply of each, the median of the rounds, and the ratio.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/defaults.h"
#include "bounce/reply.h"
#include "cause/cause.h"

#define TIMES 10

/* The examples, as they look to the rules. */
struct replies {
	struct arena arena;
	struct recipient *v;
	size_t n;
};

static int
compare(const void *a, const void *b)
{
	double one = *(const double *)a, other = *(const double *)b;

	return one < other ? -1 : one > other;
}

static void
read_replies(struct replies *replies)
{
	size_t capacity = 0;

	arena_init(&replies->arena, (size_t)1 << 30);
	for (size_t i = 0; i < default_book.nrules; i++) {
		const struct rule *rule = &default_book.rules[i];

		for (size_t k = 0; rule->example != NULL &&
		    rule->example[k] != NULL; k++) {
			struct reply reply;

			replies->v = arena_array(&replies->arena, replies->v,
			    replies->n, &capacity, sizeof(*replies->v));
			reply_read(&replies->arena, span_of(rule->example[k]),
			    &reply);
			replies->v[replies->n++] = (struct recipient){
			    .action = ACTION_FAILED, .reply = reply.text,
			    .code = reply.code, .status = reply.status,
			    .remote = span_of(rule->server) };
		}
	}
}

/* Every rule, and nine like it right in front of it. */
static struct rule_book
multiplied(struct arena *arena)
{
	struct rule_book book = default_book;
	struct rule *rules = arena_alloc(arena,
	    default_book.nrules * TIMES * sizeof(*rules));
	size_t n = 0;

	for (size_t i = 0; i < default_book.nrules; i++) {
		const struct rule *rule = &default_book.rules[i];

		for (int k = 1; k < TIMES && rule->text != NULL; k++) {
			size_t size = strlen(rule->text) + 40;
			char *text = arena_alloc(arena, size);

			snprintf(text, size, "(?:%s) unheard-of %d",
			    rule->text, k);
			rules[n] = *rule;
			rules[n++].text = text;
		}
		rules[n++] = *rule;
	}
	book.rules = rules;
	book.nrules = n;
	book.index = NULL;
	return book;
}

/* Returns the microseconds that one reply takes with a set. */
static double
measure(const struct replies *replies, const struct ruleset *set)
{
	const struct report report = { .kind = REPORT_DSN };
	double start = matcher_clock();

	for (size_t i = 0; i < replies->n; i++) {
		struct arena arena;
		struct matcher matcher = { .arena = &arena, .sets = &set,
		    .nsets = 1, .causes = default_book.causes,
		    .ncauses = default_book.ncauses };
		struct finding finding;

		arena_init(&arena, (size_t)1 << 20);
		cause_find(&finding, &matcher, &replies->v[i], &report);
		matcher_release(&matcher);
		arena_release(&arena);
	}
	return (matcher_clock() - start) * 1e6 / (double)replies->n;
}

int
main(int argc, char **argv)
{
	size_t rounds = argc > 1 ? (size_t)atoi(argv[1]) : 5;
	double *one = calloc(rounds, sizeof(*one));
	double *ten = calloc(rounds, sizeof(*ten));
	struct replies replies = { .n = 0 };
	struct rule_book book;
	struct ruleset *shipped, *many;
	struct arena arena;

	arena_init(&arena, (size_t)1 << 30);
	read_replies(&replies);
	book = multiplied(&arena);
	shipped = ruleset_new(&default_book, default_book.causes,
	    default_book.ncauses, false, NULL, NULL);
	many = ruleset_new(&book, default_book.causes, default_book.ncauses,
	    false, NULL, NULL);
	if (rounds == 0 || one == NULL || ten == NULL || shipped == NULL ||
	    many == NULL)
		return 1;
	/* Once for the patterns, which are compiled when first needed. */
	measure(&replies, shipped);
	measure(&replies, many);
	for (size_t i = 0; i < rounds; i++) {
		one[i] = measure(&replies, shipped);
		ten[i] = measure(&replies, many);
	}
	qsort(one, rounds, sizeof(*one), compare);
	qsort(ten, rounds, sizeof(*ten), compare);
	printf("rules=%zu us=%.2f rules_x10=%zu us_x10=%.2f ratio=%.2f\n",
	    default_book.nrules, one[rounds / 2], book.nrules,
	    ten[rounds / 2], ten[rounds / 2] / one[rounds / 2]);
	ruleset_free(shipped);
	ruleset_free(many);
	arena_release(&replies.arena);
	arena_release(&arena);
	free(one);
	free(ten);
	return 0;
}
