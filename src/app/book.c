/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/book.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"

#define BOOK_LIMIT ((size_t)256 << 20)
#define DEFAULT_PRIORITY 50

void
book_init(struct book *book)
{
	*book = (struct book){ .ncauses = 0 };
	arena_init(&book->arena, BOOK_LIMIT);
}

void
book_release(struct book *book)
{
	arena_release(&book->arena);
	book_init(book);
}

/* Returns a terminated copy of string in the book's memory. */
static const char *
keep(struct book *book, const char *string)
{
	size_t len;
	char *copy;

	if (string == NULL)
		return NULL;
	len = strlen(string);
	copy = arena_alloc(&book->arena, len + 1);
	if (copy != NULL)
		memcpy(copy, string, len);
	return copy;
}

/* Returns a list option's strings, ended with NULL; NULL if it has none. */
static const char *const *
keep_list(struct book *book, cfg_t *section, const char *name)
{
	unsigned n = cfg_size(section, name);
	const char **list;

	if (n == 0)
		return NULL;
	list = arena_alloc(&book->arena, (n + 1) * sizeof(*list));
	for (unsigned i = 0; list != NULL && i < n; i++)
		list[i] = keep(book, cfg_getnstr(section, name, i));
	return list;
}

static const int *
keep_codes(struct book *book, cfg_t *section)
{
	unsigned n = cfg_size(section, "code");
	int *list;

	if (n == 0)
		return NULL;
	list = arena_alloc(&book->arena, (n + 1) * sizeof(*list));
	for (unsigned i = 0; list != NULL && i < n; i++)
		list[i] = (int)cfg_getnint(section, "code", i);
	return list;
}

/* Returns the number of a name in a table, -1 after telling that it is none. */
static int
name_in(cfg_t *section, const char *option, const char *const *names, int n,
    struct faults *faults)
{
	const char *name = cfg_getstr(section, option);

	for (int i = 0; name != NULL && i < n; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	fault_tell(faults, section->filename, (unsigned)section->line,
	    "cause %s: %s is %s%s", cfg_title(section), option,
	    name == NULL ? "missing" : "not known: ",
	    name == NULL ? "" : name);
	return -1;
}

static bool
read_cause(struct book *book, struct cause *cause, cfg_t *section,
    struct faults *faults)
{
	int fix = name_in(section, "fix", fix_names, FIX_COUNT, faults);
	int again = name_in(section, "again", again_names, AGAIN_COUNT,
	    faults);
	int stop = name_in(section, "stop", stop_names, STOP_COUNT, faults);

	if (fix < 0 || again < 0 || stop < 0)
		return false;
	*cause = (struct cause){ keep(book, cfg_title(section)),
	    (enum fix)fix, (enum again)again, (enum stop)stop,
	    cfg_getbool(section, "names-sender") };
	return true;
}

bool
book_read_causes(struct book *book, const char *path, struct faults *faults)
{
	cfg_opt_t cause_opts[] = {
		CFG_STR("fix", NULL, CFGF_NODEFAULT),
		CFG_STR("again", NULL, CFGF_NODEFAULT),
		CFG_STR("stop", NULL, CFGF_NODEFAULT),
		CFG_BOOL("names-sender", cfg_false, CFGF_NONE),
		CFG_END()
	};
	cfg_opt_t opts[] = {
		CFG_SEC("cause", cause_opts, CFGF_MULTI | CFGF_TITLE |
		    CFGF_NO_TITLE_DUPES),
		CFG_END()
	};
	size_t before = faults->n;
	cfg_t *cfg = conf_parse(opts, path, NULL, faults);
	unsigned n;

	if (cfg == NULL)
		return false;
	n = cfg_size(cfg, "cause");
	book->causes = arena_alloc(&book->arena, n * sizeof(*book->causes));
	for (unsigned i = 0; book->causes != NULL && i < n; i++)
		if (read_cause(book, &book->causes[book->ncauses],
		    cfg_getnsec(cfg, "cause", i), faults))
			book->ncauses++;
	book->rules.causes = book->causes;
	book->rules.ncauses = book->ncauses;
	cfg_free(cfg);
	if (book->arena.failed)
		fault_tell(faults, path, 0, "out of memory");
	return faults->n == before;
}

/* Returns what is wrong with a rule as it is written, NULL if nothing. */
static const char *
rule_fault(const struct rule *rule)
{
	if (rule->cause == NULL)
		return "it names no cause";
	if (rule->text != NULL && rule->example == NULL)
		return "it has a text but no example";
	if (rule->from != NULL && rule->example != NULL &&
	    rule->server == NULL)
		return "it has from and examples but no server";
	for (size_t i = 0; rule->code != NULL && rule->code[i] != 0; i++)
		if (rule->code[i] < 200 || rule->code[i] > 599)
			return "a code is not from 200 to 599";
	return NULL;
}

static bool
read_rule(struct book *book, struct rule *rule, cfg_t *section,
    long priority, struct faults *faults)
{
	const char *fault;

	*rule = (struct rule){
		.name = keep(book, cfg_title(section)),
		.file = keep(book, section->filename),
		.line = (unsigned)section->line,
		.priority = (int)(cfg_size(section, "priority") > 0 ?
		    cfg_getint(section, "priority") : priority),
		.text = keep(book, cfg_getstr(section, "text")),
		.from = keep_list(book, section, "from"),
		.status = keep_list(book, section, "status"),
		.code = keep_codes(book, section),
		.system = keep(book, cfg_getstr(section, "system")),
		.cause = keep(book, cfg_getstr(section, "cause")),
		.blocklist = keep(book, cfg_getstr(section, "blocklist")),
		.example = keep_list(book, section, "example"),
		.server = keep(book, cfg_getstr(section, "server"))
	};
	if (book->arena.failed)
		return false;
	fault = rule_fault(rule);
	if (fault == NULL)
		return true;
	fault_tell(faults, rule->file, rule->line, "rule %s: %s", rule->name,
	    fault);
	faults->skipped++;
	return false;
}

/* Room for more elements behind those of an array of the book. */
static void *
extended(struct book *book, const void *old, size_t n, unsigned more,
    size_t size)
{
	char *v = arena_alloc(&book->arena, (n + more) * size);

	if (v != NULL && n > 0)
		memcpy(v, old, n * size);
	return v;
}

static void
take_rules(struct book *book, cfg_t *cfg, struct faults *faults)
{
	unsigned n = cfg_size(cfg, "rule");
	struct rule *rules = extended(book, book->rules.rules,
	    book->rules.nrules, n, sizeof(*rules));
	size_t count = book->rules.nrules;

	for (unsigned i = 0; rules != NULL && i < n; i++)
		if (read_rule(book, &rules[count], cfg_getnsec(cfg, "rule", i),
		    cfg_getint(cfg, "priority"), faults))
			count++;
	if (rules == NULL)
		return;
	book->rules.rules = book->sorted = rules;
	book->rules.nrules = count;
}

static void
take_blocklists(struct book *book, cfg_t *cfg, struct faults *faults)
{
	unsigned n = cfg_size(cfg, "blocklist");
	struct blocklist *lists = extended(book, book->rules.blocklists,
	    book->rules.nblocklists, n, sizeof(*lists));
	size_t count = book->rules.nblocklists;

	for (unsigned i = 0; lists != NULL && i < n; i++) {
		cfg_t *section = cfg_getnsec(cfg, "blocklist", i);

		lists[count] = (struct blocklist){
			.name = keep(book, cfg_title(section)),
			.match = keep_list(book, section, "match"),
			.title = keep(book, cfg_getstr(section, "name")),
			.url = keep(book, cfg_getstr(section, "url"))
		};
		if (lists[count].match == NULL || lists[count].title == NULL)
			fault_tell(faults, section->filename,
			    (unsigned)section->line,
			    "blocklist %s: it needs match and name",
			    cfg_title(section));
		else
			count++;
	}
	if (lists == NULL)
		return;
	book->rules.blocklists = lists;
	book->rules.nblocklists = count;
}

static void
read_rule_file(struct book *book, const char *path, struct faults *faults)
{
	cfg_opt_t rule_opts[] = {
		CFG_STR("text", NULL, CFGF_NODEFAULT),
		CFG_STR_LIST("from", NULL, CFGF_NODEFAULT),
		CFG_STR_LIST("status", NULL, CFGF_NODEFAULT),
		CFG_INT_LIST("code", NULL, CFGF_NODEFAULT),
		CFG_STR("system", NULL, CFGF_NODEFAULT),
		CFG_STR("cause", NULL, CFGF_NODEFAULT),
		CFG_STR("blocklist", NULL, CFGF_NODEFAULT),
		CFG_STR_LIST("example", NULL, CFGF_NODEFAULT),
		CFG_STR("server", NULL, CFGF_NODEFAULT),
		CFG_INT("priority", 0, CFGF_NODEFAULT),
		CFG_END()
	};
	cfg_opt_t blocklist_opts[] = {
		CFG_STR_LIST("match", NULL, CFGF_NODEFAULT),
		CFG_STR("name", NULL, CFGF_NODEFAULT),
		CFG_STR("url", NULL, CFGF_NODEFAULT),
		CFG_END()
	};
	cfg_opt_t opts[] = {
		CFG_INT("priority", DEFAULT_PRIORITY, CFGF_NONE),
		CFG_SEC("rule", rule_opts, CFGF_MULTI | CFGF_TITLE |
		    CFGF_NO_TITLE_DUPES),
		CFG_SEC("blocklist", blocklist_opts, CFGF_MULTI | CFGF_TITLE |
		    CFGF_NO_TITLE_DUPES),
		CFG_END()
	};
	cfg_t *cfg = conf_parse(opts, path, NULL, faults);

	if (cfg == NULL)
		return;
	take_rules(book, cfg, faults);
	take_blocklists(book, cfg, faults);
	cfg_free(cfg);
}

static int
is_conf(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 &&
	    strcmp(entry->d_name + len - 5, ".conf") == 0;
}

static void
read_rule_folder(struct book *book, const char *path, struct faults *faults)
{
	struct dirent **entries;
	int n = scandir(path, &entries, is_conf, alphasort);

	if (n < 0) {
		fault_tell(faults, path, 0, "%s", strerror(errno));
		return;
	}
	for (int i = 0; i < n; i++) {
		char file[4096];
		int len = snprintf(file, sizeof(file), "%s/%s", path,
		    entries[i]->d_name);

		if (len > 0 && (size_t)len < sizeof(file))
			read_rule_file(book, file, faults);
		free(entries[i]);
	}
	free(entries);
}

static int
compare_rules(const void *a, const void *b)
{
	const struct rule *one = a, *other = b;
	int order;

	if (one->priority != other->priority)
		return one->priority < other->priority ? -1 : 1;
	order = strcmp(one->file, other->file);
	if (order != 0)
		return order;
	return one->line < other->line ? -1 : one->line > other->line;
}

static int
compare_names(const void *a, const void *b)
{
	const struct rule *const *one = a, *const *other = b;

	return strcmp((*one)->name, (*other)->name);
}

/* libconfuse sees two rules of one name only inside one file. */
static void
check_names(struct book *book, struct faults *faults)
{
	size_t n = book->rules.nrules;
	const struct rule **v = arena_alloc(&book->arena, n * sizeof(*v));

	if (v == NULL)
		return;
	for (size_t i = 0; i < n; i++)
		v[i] = &book->rules.rules[i];
	qsort(v, n, sizeof(*v), compare_names);
	for (size_t i = 1; i < n; i++)
		if (strcmp(v[i - 1]->name, v[i]->name) == 0)
			fault_tell(faults, v[i]->file, v[i]->line,
			    "rule %s: there is one of that name in %s:%u",
			    v[i]->name, v[i - 1]->file, v[i - 1]->line);
}

static bool
has_blocklist(const struct rule_book *book, const char *name)
{
	for (size_t i = 0; book != NULL && i < book->nblocklists; i++)
		if (strcmp(book->blocklists[i].name, name) == 0)
			return true;
	return false;
}

/* Leaves out rules whose block list is in neither book. */
static void
check_blocklists(struct book *book, const struct rule_book *below,
    struct faults *faults)
{
	size_t n = 0;

	for (size_t i = 0; i < book->rules.nrules; i++) {
		const struct rule *rule = &book->sorted[i];

		if (rule->blocklist == NULL ||
		    has_blocklist(&book->rules, rule->blocklist) ||
		    has_blocklist(below, rule->blocklist)) {
			book->sorted[n++] = *rule;
			continue;
		}
		fault_tell(faults, rule->file, rule->line,
		    "rule %s: there is no blocklist %s", rule->name,
		    rule->blocklist);
		faults->skipped++;
	}
	book->rules.nrules = n;
}

bool
book_read_rules(struct book *book, const char *path,
    const struct rule_book *below, struct faults *faults)
{
	size_t before = faults->n;
	struct stat st;

	if (stat(path, &st) != 0) {
		fault_tell(faults, path, 0, "%s", strerror(errno));
		return false;
	}
	if (S_ISDIR(st.st_mode))
		read_rule_folder(book, path, faults);
	else
		read_rule_file(book, path, faults);
	if (book->rules.nrules > 0) {
		qsort(book->sorted, book->rules.nrules,
		    sizeof(*book->sorted), compare_rules);
		check_names(book, faults);
		check_blocklists(book, below, faults);
	}
	if (book->arena.failed)
		fault_tell(faults, path, 0, "out of memory");
	return faults->n == before;
}
