/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * whybounce check - what is wrong with settings, rules and languages, each
 * with file and line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/defaults.h"
#include "cli/cli.h"
#include "edit/annotate.h"

/* What has been gone through. */
struct checking {
	const struct settings *settings;
	struct arena arena;
	struct faults faults;
	size_t rules;
	size_t examples;
};

static bool
evidence_of(struct checking *checking, const struct rule *rule,
    const char *example, struct evidence *evidence)
{
	struct reply reply;

	reply_read(&checking->arena, span_of(example), &reply);
	*evidence = (struct evidence){ reply.text, span_of(rule->server),
	    reply.status, reply.code, rule->system };
	return reply.text.p != NULL;
}

/* The rule that an engine with this set alone would choose. */
static const struct rule *
chosen(struct matcher *matcher, const struct evidence *evidence)
{
	struct match match;

	for (int level = 0; level < RULE_LEVELS; level++)
		if (matcher_find(matcher, evidence, (enum rule_level)level,
		    NULL, &match))
			return match.rule;
	return NULL;
}

static void
check_example(struct checking *checking, const struct ruleset *set,
    const struct rule *rule, const char *example)
{
	const struct annotator *annotator = &checking->settings->annotator;
	struct matcher matcher = { .arena = &checking->arena, .sets = &set,
	    .nsets = 1, .causes = annotator->causes,
	    .ncauses = annotator->ncauses };
	struct evidence evidence;
	const struct rule *other;

	checking->examples++;
	if (!evidence_of(checking, rule, example, &evidence))
		return;
	other = chosen(&matcher, &evidence);
	if (!matcher_rule_matches(&matcher, set, rule, &evidence))
		fault_tell(&checking->faults, rule->file, rule->line,
		    "rule %s does not match its example \"%s\"", rule->name,
		    example);
	else if (other != NULL && other != rule)
		fault_tell(&checking->faults, rule->file, rule->line,
		    "rule %s (%s:%u) takes the example \"%s\" of rule %s",
		    other->name, other->file, other->line, example,
		    rule->name);
	matcher_release(&matcher);
}

static void
check_rules(struct checking *checking, const struct ruleset *set)
{
	const struct rule_book *book = ruleset_book(set);

	for (size_t i = 0; i < book->nrules; i++) {
		const struct rule *rule = &book->rules[i];

		checking->rules++;
		for (size_t k = 0; rule->example != NULL &&
		    rule->example[k] != NULL; k++)
			check_example(checking, set, rule, rule->example[k]);
		arena_release(&checking->arena);
	}
}

/* Texts that each cause has in each language. */
static const char *const needed[] = { "title", "why" };
#define NAMED 3		/* so many missing texts are named */

/* Tells in one line what texts a language lacks. */
static void
check_language(struct checking *checking, const struct language *language)
{
	const struct annotator *annotator = &checking->settings->annotator;
	char key[100], names[300] = "";
	size_t missing = 0, len = 0;

	for (size_t i = 0; i < annotator->ncauses; i++)
		for (size_t k = 0; k < sizeof(needed) / sizeof(needed[0]);
		    k++) {
			snprintf(key, sizeof(key), "%s.%s",
			    annotator->causes[i].id, needed[k]);
			if (language_own_text(language, key).p != NULL)
				continue;
			if (missing++ < NAMED && len < sizeof(names))
				len += (size_t)snprintf(names + len,
				    sizeof(names) - len, "%s%s",
				    len > 0 ? ", " : "", key);
		}
	if (missing > 0)
		fault_tell(&checking->faults, language->tag, 0,
		    "%zu text%s missing: %s%s", missing,
		    missing == 1 ? " is" : "s are", names,
		    missing > NAMED ? ", ..." : "");
}

/* Does some rule of the cause catch the parameter, or name a list? */
static bool
is_caught(const struct rule_book *book, const struct cause *cause,
    const char *parameter)
{
	char group[32];

	snprintf(group, sizeof(group), "(?<%s>", parameter);
	for (size_t i = 0; i < book->nrules; i++) {
		const struct rule *rule = &book->rules[i];

		if (strcmp(rule->cause, cause->id) != 0)
			continue;
		if (rule->text != NULL && strstr(rule->text, group) != NULL)
			return true;
		if (strcmp(parameter, "list") == 0 && rule->blocklist != NULL)
			return true;
	}
	return false;
}

/* A sentence about a parameter that no rule catches is never said. */
static void
check_parameters(struct checking *checking, const struct cause *cause)
{
	const struct languages *languages =
	    &checking->settings->annotator.languages;
	const struct language *reference = &languages->v[0];
	char key[100];

	for (size_t i = 0; i < RULE_PARAMETERS; i++) {
		snprintf(key, sizeof(key), "%s.with.%s", cause->id,
		    rule_parameter_names[i]);
		if (language_own_text(reference, key).p != NULL &&
		    !is_caught(&default_book, cause, rule_parameter_names[i]))
			fault_tell(&checking->faults, languages->v[0].tag, 0,
			    "no rule fills {%s} of the text %s",
			    rule_parameter_names[i], key);
	}
}

static void
check_all(struct checking *checking)
{
	const struct annotator *annotator = &checking->settings->annotator;

	for (size_t i = 0; i < annotator->nrules; i++)
		check_rules(checking, annotator->rules[i]);
	for (size_t i = 0; i < annotator->languages.n; i++)
		check_language(checking, &annotator->languages.v[i]);
	for (size_t i = 0; i < annotator->ncauses; i++)
		check_parameters(checking, &annotator->causes[i]);
}

int
command_check(int argc, char **argv)
{
	struct checking checking = { .faults = { .tell = cli_tell_fault } };
	const char *path = NULL;
	struct settings *settings;

	if (argc == 3 && strcmp(argv[1], "-c") == 0)
		path = argv[2];
	else if (argc != 1)
		return cli_usage("check");
	settings = settings_load_checked(path, &checking.faults);
	if (settings == NULL)
		return EXIT_FAILURE;
	checking.settings = settings;
	arena_init(&checking.arena, (size_t)64 << 20);
	check_all(&checking);
	printf("settings %s, %zu rules, %zu examples, %zu languages: ",
	    settings->path != NULL ? settings->path : "(built-in)",
	    checking.rules, checking.examples,
	    settings->annotator.languages.n);
	if (checking.faults.n == 0)
		puts("no faults");
	else
		printf("%zu fault%s\n", checking.faults.n,
		    checking.faults.n == 1 ? "" : "s");
	settings_free(settings);
	return checking.faults.n == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
