/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/settings.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "app/book.h"
#include "app/defaults.h"
#include "base/ascii.h"

#define MEMORY_LIMIT ((size_t)256 << 20)
#define MAX_LANGUAGES 64
#define LONGEST_HOST 256

struct settings_memory {
	struct arena arena;
	struct book book;		/* the administrator's rules */
	struct ruleset *sets[2];	/* those, and the built-in ones */
	const struct ruleset *tried[2];
	size_t nsets;
	char *catalogs[MAX_LANGUAGES];	/* contents of .mo files */
	size_t ncatalogs;
	struct language languages[MAX_LANGUAGES];
	size_t nlanguages;
};

/* What is being made, and from what. */
struct making {
	struct settings *settings;
	struct settings_memory *memory;
	cfg_t *cfg;		/* NULL: the defaults */
	const char *path;
	bool check;
	struct faults *faults;
};

/* Tells what is wrong with the value of an option. */
static void
fault(struct making *making, const char *option, const char *value,
    const char *what)
{
	fault_tell(making->faults, making->path,
	    conf_option_line(making->path, option), "%s: \"%s\" %s", option,
	    value, what);
}

static void
out_of_memory(struct making *making)
{
	fault_tell(making->faults, making->path, 0, "out of memory");
}

static const char *
keep(struct making *making, const char *string)
{
	size_t len = string == NULL ? 0 : strlen(string);
	char *copy = arena_alloc(&making->memory->arena, len + 1);

	if (copy == NULL)
		return "";
	if (len > 0)
		memcpy(copy, string, len);
	return copy;
}

/* An option's text; "" if libconfuse had no memory for it, told at the end. */
static const char *
text_of(struct making *making, const char *option)
{
	const char *text = cfg_getstr(making->cfg, option);

	if (text != NULL)
		return text;
	making->memory->arena.failed = true;
	return "";
}

/* An option's number, likewise. */
static double
number_of(struct making *making, const char *option)
{
	if (cfg_size(making->cfg, option) == 0)
		making->memory->arena.failed = true;
	return cfg_getfloat(making->cfg, option);
}

/* A list of texts, which ends with an absent span. */
static const struct span *
keep_list(struct making *making, const char *name)
{
	unsigned n = cfg_size(making->cfg, name);
	struct span *list = arena_alloc(&making->memory->arena,
	    (n + 1) * sizeof(*list));

	for (unsigned i = 0; list != NULL && i < n; i++)
		list[i] = span_of(keep(making, cfg_getnstr(making->cfg, name,
		    i)));
	return list;
}

static const struct {
	const char *name;
	int facility;
} facilities[] = {
	{ "mail", LOG_MAIL }, { "daemon", LOG_DAEMON }, { "user", LOG_USER },
	{ "local0", LOG_LOCAL0 }, { "local1", LOG_LOCAL1 },
	{ "local2", LOG_LOCAL2 }, { "local3", LOG_LOCAL3 },
	{ "local4", LOG_LOCAL4 }, { "local5", LOG_LOCAL5 },
	{ "local6", LOG_LOCAL6 }, { "local7", LOG_LOCAL7 },
};

/* Validators: libconfuse calls them with the line still known. */

static int
check_facility(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *value = cfg_opt_getstr(opt);

	for (size_t i = 0; i < sizeof(facilities) / sizeof(facilities[0]); i++)
		if (strcmp(facilities[i].name, value) == 0)
			return 0;
	cfg_error(cfg, "%s: \"%s\" is none of mail, daemon, user, local0 to "
	    "local7", cfg_opt_name(opt), value);
	return -1;
}

static int
check_umask(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *value = cfg_opt_getstr(opt);
	char *end;
	long number = strtol(value, &end, 8);

	if (*value != '\0' && *end == '\0' && number >= 0 && number <= 0777)
		return 0;
	cfg_error(cfg, "%s: \"%s\" is no octal number up to 0777",
	    cfg_opt_name(opt), value);
	return -1;
}

/* Reads "10M"; returns 0 if it is no size. */
static size_t
read_size(const char *text)
{
	char *end;
	unsigned long long number;

	if (*text < '0' || *text > '9')
		return 0;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno != 0 || number > SIZE_MAX >> 31)
		return 0;
	if (*end == 'k' || *end == 'K')
		number <<= 10;
	else if (*end == 'M')
		number <<= 20;
	else if (*end == 'G')
		number <<= 30;
	else if (*end != '\0')
		return 0;
	if (*end != '\0' && end[1] != '\0')
		return 0;
	return (size_t)number;
}

static int
check_size(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *value = cfg_opt_getstr(opt);

	if (read_size(value) > 0)
		return 0;
	cfg_error(cfg, "%s: \"%s\" is no size such as 500k, 10M or 1G",
	    cfg_opt_name(opt), value);
	return -1;
}

static int
check_seconds(cfg_t *cfg, cfg_opt_t *opt)
{
	double value = cfg_opt_getnfloat(opt, 0);

	if (value > 0 && value <= 300)
		return 0;
	cfg_error(cfg, "%s: it must be more than 0 and at most 300 seconds",
	    cfg_opt_name(opt));
	return -1;
}

static int
check_signed(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *value = cfg_opt_getstr(opt);

	if (strcmp(value, "header") == 0 || strcmp(value, "body") == 0)
		return 0;
	cfg_error(cfg, "%s: \"%s\" is neither header nor body",
	    cfg_opt_name(opt), value);
	return -1;
}

/* What stands behind "by=" has to be read back as it was written. */
static bool
is_host_name(const char *name)
{
	size_t len = 0;

	for (; ascii_is_alnum(name[len]) || name[len] == '_' ||
	    (len > 0 && (name[len] == '.' || name[len] == '-')); len++)
		;
	return len > 0 && len < LONGEST_HOST && name[len] == '\0';
}

static int
check_hostname(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *value = cfg_opt_getstr(opt);

	if (value[0] == '\0' || is_host_name(value))
		return 0;
	cfg_error(cfg, "%s: \"%s\" is no host name: letters, digits, '.' and "
	    "'-', at most 255 (xn--... for others)", cfg_opt_name(opt),
	    value);
	return -1;
}

static const struct {
	const char *name;
	unsigned flag;
} annotations[] = {
	{ "header", ANNOTATE_HEADER }, { "text", ANNOTATE_TEXT },
	{ "html", ANNOTATE_HTML },
};

static unsigned
annotation_flag(const char *name)
{
	for (size_t i = 0; i < sizeof(annotations) / sizeof(annotations[0]);
	    i++)
		if (strcmp(annotations[i].name, name) == 0)
			return annotations[i].flag;
	return 0;
}

static int
check_annotate(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *value = cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);

	if (annotation_flag(value) != 0)
		return 0;
	cfg_error(cfg, "%s: \"%s\" is none of header, text, html",
	    cfg_opt_name(opt), value);
	return -1;
}

/*
 * Does a number from least to most stand behind the prefix, before a host or
 * the end? libmilter takes any number, and listens on what is left of it.
 */
static bool
names_number(const char *value, const char *prefix, long least, long most)
{
	size_t len = strlen(prefix);
	char *end;
	long number;

	if (strncmp(value, prefix, len) != 0 || !ascii_is_digit(value[len]))
		return false;
	number = strtol(value + len, &end, 10);
	return number >= least && number <= most &&
	    (*end == '\0' || *end == '@');
}

/* Returns the path of a unix socket, NULL if it is another socket. */
static const char *
socket_path(const char *value)
{
	const char *colon = strchr(value, ':');

	if (strncmp(value, "unix:/", 6) != 0 &&
	    strncmp(value, "local:/", 7) != 0)
		return NULL;
	return colon[2] != '\0' ? colon + 1 : NULL;
}

static int
check_socket(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *value = cfg_opt_getstr(opt);
	const char *path = socket_path(value);
	const struct sockaddr_un *address = NULL;

	if (path != NULL && strlen(path) >= sizeof(address->sun_path)) {
		cfg_error(cfg, "%s: \"%s\" is too long for a socket: at "
		    "most %zu bytes", cfg_opt_name(opt), path,
		    sizeof(address->sun_path) - 1);
		return -1;
	}
	if (path != NULL || names_number(value, "inet:", 1, 65535) ||
	    names_number(value, "inet6:", 1, 65535) ||
	    names_number(value, "fd:", 0, INT_MAX))
		return 0;
	cfg_error(cfg, "%s: \"%s\" is neither unix:/path nor inet:port@host",
	    cfg_opt_name(opt), value);
	return -1;
}

/* libconfuse wants defaults of lists that it could write to. */
static char none[] = "{}";
static char all_annotations[] = "{\"header\", \"text\", \"html\"}";
static char programs[] = "{\"*-bounces@*\", \"*-bounce@*\", \"*-bounces+*@*\", "
    "\"bounce+*@*\", \"bounces+*@*\", \"*-return-*@*\", \"*-owner@*\", "
    "\"owner-*@*\", \"*=*@*\", \"srs0*@*\", \"srs1*@*\"}";

static cfg_opt_t options[] = {
	CFG_STR("socket", "unix:/run/whybounced/whybounced.sock", CFGF_NONE),
	CFG_STR("socket_umask", "0007", CFGF_NONE),
	CFG_STR("user", "whybounced", CFGF_NONE),
	CFG_STR("pid_file", "", CFGF_NONE),
	CFG_STR("syslog_facility", "mail", CFGF_NONE),
	CFG_STR("hostname", "", CFGF_NONE),
	CFG_STR_LIST("our_hosts", none, CFGF_NONE),
	CFG_STR_LIST("our_domains", none, CFGF_NONE),
	CFG_STR("helpdesk", "", CFGF_NONE),
	CFG_STR("language", "en", CFGF_NONE),
	CFG_STR_LIST("languages", none, CFGF_NONE),
	CFG_STR("texts", "", CFGF_NONE),
	CFG_STR_LIST("annotate", all_annotations, CFGF_NONE),
	CFG_STR("signed", "header", CFGF_NONE),
	CFG_STR_LIST("exempt", programs, CFGF_NONE),
	CFG_STR_LIST("typo_domains", none, CFGF_NONE),
	CFG_STR("rules", "", CFGF_NONE),
	CFG_STR("max_body", "10M", CFGF_NONE),
	CFG_STR("memory_limit", "256M", CFGF_NONE),
	CFG_FLOAT("time_limit", 2.0, CFGF_NONE),
	CFG_STR("metrics_file", "", CFGF_NONE),
	CFG_END()
};

static const struct {
	const char *option;
	cfg_validate_callback_t check;
} checks[] = {
	{ "socket", check_socket }, { "socket_umask", check_umask },
	{ "syslog_facility", check_facility }, { "signed", check_signed },
	{ "annotate", check_annotate }, { "hostname", check_hostname },
	{ "max_body", check_size },
	{ "memory_limit", check_size }, { "time_limit", check_seconds },
};

static int
compare_languages(const void *a, const void *b)
{
	const struct language *one = a, *other = b;

	return strcmp(one->tag, other->tag);
}

static void
add_language(struct making *making, const char *tag, struct span bytes,
    const char *file, bool own)
{
	struct settings_memory *memory = making->memory;
	struct language *language;
	struct catalog catalog;
	const char *wrong;

	wrong = catalog_open(&catalog, bytes, own);
	if (wrong != NULL) {
		fault_tell(making->faults, file, 0, "%s", wrong);
		return;
	}
	for (size_t i = 0; i < memory->nlanguages; i++) {
		language = &memory->languages[i];
		if (strcmp(language->tag, tag) != 0)
			continue;
		/* The administrator's texts lie over the built-in ones. */
		language->below = own ? language->catalog : catalog;
		if (own)
			language->catalog = catalog;
		return;
	}
	if (memory->nlanguages == MAX_LANGUAGES)
		return;
	memory->languages[memory->nlanguages++] = (struct language){
	    .tag = tag, .catalog = catalog };
}

/* Reads a catalogue of the administrator's, DIR/TAG.mo. */
static void
read_catalog(struct making *making, const char *folder, const char *name)
{
	struct settings_memory *memory = making->memory;
	size_t len = strlen(name);
	char path[4096];
	struct stat st;
	FILE *file;
	char *bytes, *tag;

	if (len < 4 || strcmp(name + len - 3, ".mo") != 0 ||
	    memory->ncatalogs == MAX_LANGUAGES)
		return;
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "rb");
	if (file == NULL || fstat(fileno(file), &st) != 0 ||
	    (bytes = malloc((size_t)st.st_size + 1)) == NULL) {
		fault_tell(making->faults, path, 0, "%s", strerror(errno));
		if (file != NULL)
			fclose(file);
		return;
	}
	memory->catalogs[memory->ncatalogs++] = bytes;
	tag = arena_alloc(&memory->arena, len);
	if (tag != NULL) {
		memcpy(tag, name, len - 3);
		add_language(making, tag, (struct span){ bytes,
		    fread(bytes, 1, (size_t)st.st_size, file) }, path, true);
	}
	fclose(file);
}

/* The reference comes first; the administrator's before the built-in. */
static void
make_languages(struct making *making)
{
	struct settings_memory *memory = making->memory;
	const char *folder = text_of(making, "texts");
	struct dirent *entry;
	DIR *dir;

	for (size_t i = 0; i < default_nlanguages; i++) {
		add_language(making, default_languages[i].tag, (struct span){
		    (const char *)default_languages[i].bytes,
		    default_languages[i].len }, default_languages[i].tag,
		    false);
		if (i > 0 || folder[0] == '\0')
			continue;
		dir = opendir(folder);
		if (dir == NULL) {
			fault_tell(making->faults, folder, 0, "%s",
			    strerror(errno));
			continue;
		}
		while ((entry = readdir(dir)) != NULL)
			read_catalog(making, folder, entry->d_name);
		closedir(dir);
		qsort(memory->languages + 1, memory->nlanguages - 1,
		    sizeof(memory->languages[0]), compare_languages);
	}
	languages_init(&making->settings->annotator.languages,
	    memory->languages, memory->nlanguages);
}

const struct language *
settings_language(const struct settings *settings, const char *tag)
{
	return language_find(&settings->annotator.languages, span_of(tag));
}

void
settings_language_tags(const struct settings *settings, char *text,
    size_t size)
{
	const struct languages *languages = &settings->annotator.languages;
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < languages->n && len < size; i++)
		len += (size_t)snprintf(text + len, size - len, "%s%s",
		    i > 0 ? " " : "", languages->v[i].tag);
}

static const struct language *
need_language(struct making *making, const char *option, const char *tag)
{
	const struct language *language = settings_language(making->settings,
	    tag);
	char tags[300], what[400];

	if (language != NULL)
		return language;
	settings_language_tags(making->settings, tags, sizeof(tags));
	snprintf(what, sizeof(what), "is no known language; known are %s",
	    tags);
	fault(making, option, tag, what);
	return NULL;
}

/* Reads "GLOB = LANGUAGE" items. */
static void
make_choices(struct making *making)
{
	struct annotator *annotator = &making->settings->annotator;
	unsigned n = cfg_size(making->cfg, "languages");
	struct language_choice *choices = arena_alloc(&making->memory->arena,
	    n * sizeof(*choices));

	for (unsigned i = 0; choices != NULL && i < n; i++) {
		const char *item = cfg_getnstr(making->cfg, "languages", i);
		const char *equals = strrchr(item, '=');
		char tag[32], *reader;

		if (equals == NULL ||
		    sscanf(equals + 1, " %31s", tag) != 1) {
			fault(making, "languages", item,
			    "is not of the form GLOB = LANGUAGE");
			continue;
		}
		reader = arena_alloc(&making->memory->arena,
		    (size_t)(equals - item) + 1);
		if (reader == NULL)
			return;
		memcpy(reader, item, (size_t)(equals - item));
		for (char *end = reader + strlen(reader); end > reader &&
		    end[-1] == ' '; end--)
			end[-1] = '\0';
		choices[i].reader = reader;
		choices[i].language = need_language(making, "languages", tag);
	}
	annotator->choices = choices;
	annotator->nchoices = n;
}

static void
rule_fault(void *context, const struct rule *rule, const char *what)
{
	struct making *making = context;

	fault_tell(making->faults, rule->file, rule->line, "rule %s: %s",
	    rule->name, what);
	making->faults->skipped++;
}

static void
add_rules(struct making *making, const struct rule_book *book, bool check)
{
	struct settings_memory *memory = making->memory;
	struct ruleset *set = ruleset_new(book, default_book.causes,
	    default_book.ncauses, check, rule_fault, making);

	if (set == NULL) {
		out_of_memory(making);
		return;
	}
	memory->sets[memory->nsets] = set;
	memory->tried[memory->nsets++] = set;
}

static void
make_rules(struct making *making)
{
	struct settings_memory *memory = making->memory;
	const char *path = making->settings->rules;

	if (path[0] != '\0') {
		book_read_rules(&memory->book, path, &default_book,
		    making->faults);
		add_rules(making, &memory->book.rules, true);
	}
	add_rules(making, &default_book, making->check);
	making->settings->annotator.rules = memory->tried;
	making->settings->annotator.nrules = memory->nsets;
	making->settings->annotator.causes = default_book.causes;
	making->settings->annotator.ncauses = default_book.ncauses;
}

static void
make_host(struct making *making)
{
	const char *name = text_of(making, "hostname");
	char host[LONGEST_HOST] = "";

	if (name[0] == '\0') {
		if (gethostname(host, sizeof(host) - 1) != 0)
			host[0] = '\0';
		name = is_host_name(host) ? host : "localhost";
	}
	making->settings->annotator.host = span_of(keep(making, name));
}

static void
make_daemon(struct making *making)
{
	struct settings *settings = making->settings;
	const char *facility = text_of(making, "syslog_facility");

	settings->socket = keep(making, text_of(making, "socket"));
	settings->socket_umask = (unsigned)strtoul(text_of(making,
	    "socket_umask"), NULL, 8);
	settings->user = keep(making, text_of(making, "user"));
	settings->pid_file = keep(making, text_of(making, "pid_file"));
	settings->metrics_file = keep(making, text_of(making,
	    "metrics_file"));
	settings->rules = keep(making, text_of(making, "rules"));
	settings->memory_limit = read_size(text_of(making, "memory_limit"));
	for (size_t i = 0; i < sizeof(facilities) / sizeof(facilities[0]); i++)
		if (strcmp(facilities[i].name, facility) == 0)
			settings->syslog_facility = facilities[i].facility;
}

static void
make_annotator(struct making *making)
{
	struct annotator *annotator = &making->settings->annotator;
	cfg_t *cfg = making->cfg;

	make_host(making);
	annotator->helpdesk = span_of(keep(making, text_of(making,
	    "helpdesk")));
	annotator->site.hosts = keep_list(making, "our_hosts");
	annotator->site.domains = keep_list(making, "our_domains");
	for (unsigned i = 0; i < cfg_size(cfg, "annotate"); i++)
		annotator->annotate |= annotation_flag(cfg_getnstr(cfg,
		    "annotate", i));
	annotator->edit_signed = strcmp(text_of(making, "signed"),
	    "body") == 0;
	annotator->max_body = read_size(text_of(making, "max_body"));
	annotator->exempt = keep_list(making, "exempt");
	annotator->domains.own = keep_list(making, "typo_domains");
	annotator->domains.common = default_domains;
	annotator->limits = LIMITS_DEFAULT;
	annotator->time_limit = number_of(making, "time_limit");
	make_languages(making);
	annotator->language = need_language(making, "language",
	    text_of(making, "language"));
	make_choices(making);
	make_rules(making);
}

static void
set_checks(cfg_t *cfg)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		cfg_set_validate_func(cfg, checks[i].option, checks[i].check);
}

static cfg_t *
parse(struct making *making)
{
	cfg_t *cfg;

	if (making->settings->path == NULL) {
		cfg = cfg_init(options, CFGF_NONE);
		if (cfg == NULL)
			out_of_memory(making);
		return cfg;
	}
	return conf_parse(options, making->settings->path, set_checks,
	    making->faults);
}

struct settings *
settings_load(const char *path, bool check, struct faults *faults)
{
	struct settings *settings = calloc(1, sizeof(*settings));
	struct settings_memory *memory = calloc(1, sizeof(*memory));
	struct making making = { .settings = settings, .memory = memory,
	    .path = path != NULL ? path : "defaults", .check = check,
	    .faults = faults };
	size_t before = faults->n - faults->skipped;

	if (settings == NULL || memory == NULL) {
		free(settings);
		free(memory);
		out_of_memory(&making);
		return NULL;
	}
	settings->memory = memory;
	arena_init(&memory->arena, MEMORY_LIMIT);
	book_init(&memory->book);
	conf_lock();
	if (path != NULL)
		settings->path = keep(&making, path);
	making.cfg = parse(&making);
	if (making.cfg != NULL) {
		make_daemon(&making);
		make_annotator(&making);
		cfg_free(making.cfg);
		if (memory->arena.failed)
			out_of_memory(&making);
	}
	conf_unlock();
	/* A rule that is left out does not keep the others from use. */
	if (faults->n - faults->skipped == before)
		return settings;
	settings_free(settings);
	return NULL;
}

static const char *
default_path(const char *path)
{
	return path == NULL && access(SETTINGS_PATH, R_OK) == 0 ?
	    SETTINGS_PATH : path;
}

struct settings *
settings_load_default(const char *path, struct faults *faults)
{
	return settings_load(default_path(path), false, faults);
}

struct settings *
settings_load_checked(const char *path, struct faults *faults)
{
	return settings_load(default_path(path), true, faults);
}

void
settings_free(struct settings *settings)
{
	struct settings_memory *memory;

	if (settings == NULL)
		return;
	memory = settings->memory;
	for (size_t i = 0; i < memory->nsets; i++)
		ruleset_free(memory->sets[i]);
	for (size_t i = 0; i < memory->ncatalogs; i++)
		free(memory->catalogs[i]);
	book_release(&memory->book);
	arena_release(&memory->arena);
	free(memory);
	free(settings);
}
