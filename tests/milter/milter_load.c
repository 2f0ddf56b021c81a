/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter_load - sends mails to a milter as an MTA would, checks what it does
 * with each, and prints one line of figures. usage_text below is the manual.
 */
#include "milter_client.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STACK_SIZE	((size_t)256 * 1024)	/* of a connection's thread */
#define MAX_COMPLAINTS	5			/* then only counted */
#define MAX_LISTED	64			/* recipients; macros */
#define KINDS		128			/* replies and edits: ASCII */

static const char usage_text[] =
"usage: milter_load -s SOCKET [option...] FILE...\n"
"Sends the mails in the files (LF or CRLF), in turn, to the milter at SOCKET\n"
"(unix:/path, inet:PORT@HOST).\n"
"\n"
"What is sent\n"
"  -n, --messages N        messages in all [1000]\n"
"  -c, --connections N     connections at a time, a thread each [1]\n"
"  -k, --per-connection N  messages in a connection, 0: all [1]\n"
"      --quit-nc           end sessions by QUIT_NC, reusing the connection\n"
"  -f, --sender ADDR       as it is sent: '<>', '', '<a@example.com>' [<>]\n"
"  -r, --recipient ADDR    can be repeated [<user@example.org>]\n"
"      --client ADDR       the SMTP client's address [192.0.2.25]\n"
"  -m, --macro NAME=VALUE  for every command, can be repeated\n"
"  -b, --chunk BYTES       of the body [65535]\n"
"      --offer V,ACTS,STEPS  protocol version, actions and steps, the latter\n"
"                          two in hexadecimal [6,1ff,1fffff]\n"
"\n"
"How\n"
"      --rate N            start N messages a second, ready or not; latency\n"
"                          counts from when a message was due\n"
"      --slow BYTES:MS     send BYTES at a time, MS milliseconds between\n"
"      --half-open N       hold N more connections that say nothing, or stop\n"
"                          after negotiation, in a length or in a packet\n"
"  -t, --timeout SECONDS   for a reply [60]\n"
"\n"
"What must come of each message (none of these: any outcome)\n"
"  -e, --expect REPLY      accept, continue, reject, tempfail, discard,\n"
"                          replycode: the reply that decided\n"
"  -a, --at COMMAND        connect, helo, mail, rcpt, data, header, eoh,\n"
"                          body, eom: the command it answered\n"
"      --headers WHAT      none or some: header edits\n"
"      --body WHAT         none: stays; same: replaced by equal bytes (an\n"
"                          empty one can stay); changed: replaced by others\n"
"      --expected DIR      the resulting mail equals DIR/NAME-OF-FILE\n"
"      --save DIR          write the resulting mails there, with CRLF\n"
"      --sendmail          apply edits as Sendmail does, not Postfix\n"
"\n"
"  -p, --pid PID           of the milter, for its CPU time and memory\n"
"\n"
"Prints key=value pairs: messages, errors (no outcome), unexpected, wall_s,\n"
"rate (messages/s), latency from connecting to the last reply (p50_us ...\n"
"max_us), then cpu_us (a message), rss_kb, rss_before_kb, hwm_kb and threads\n"
"of the milter, and how many replies and edits of each kind came.\n"
"Exit status: 0, 1 if a message had an error or was unexpected or the milter\n"
"is gone, 2 if nothing could be measured.\n";

enum body_rule { BODY_ANY, BODY_NONE, BODY_SAME, BODY_CHANGED };
enum header_rule { HEADERS_ANY, HEADERS_NONE, HEADERS_SOME };

struct options {
	const char *socket;
	long messages, connections, per_connection;
	bool quit_nc;
	struct milter_envelope envelope;
	const char *recipients[MAX_LISTED];
	struct milter_macro macros[MAX_LISTED];
	struct milter_options offer;
	long rate;			/* 0: as fast as it goes */
	long slow_bytes, slow_ms;	/* 0: no pauses */
	long half_open;
	long timeout_s;
	const char *expect, *at;	/* names; NULL: any */
	enum header_rule headers;
	enum body_rule body;
	const char *expected_dir, *save_dir;
	enum milter_mta mta;
	long pid;			/* 0: none */
};

struct mail {
	const char *path;
	struct milter_message message;
	struct milter_message expected;	/* empty without expected_dir */
};

/* One run: what all threads share. */
struct run {
	const struct options *opt;
	struct mail *mails;
	size_t nmails;
	struct timespec start;
	float *latency_us;		/* for each message; negative: error */
	pthread_mutex_t lock;		/* of the following */
	long next;			/* message to send */
	long complaints;
};

struct tally {
	long errors, unexpected;
	long replies[KINDS], edits[KINDS];	/* by SMFIR_ */
	long skipped, progress, deleted, body_bytes;
};

/* One thread and its connection. */
struct worker {
	struct run *run;
	pthread_t thread;
	struct milter_client *client;
	struct milter_envelope envelope;
	bool open;
	long in_session;		/* messages so far; 0: not begun */
	struct tally tally;
};

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("milter_load: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(2);
}

static void *
allocate(size_t n, size_t size)
{
	void *p = calloc(n > 0 ? n : 1, size);

	if (p == NULL)
		die("out of memory");
	return p;
}

/*
 * Options
 */

enum {
	OPT_QUIT_NC = 256, OPT_CLIENT, OPT_OFFER, OPT_RATE, OPT_SLOW,
	OPT_HALF_OPEN, OPT_HEADERS, OPT_BODY, OPT_EXPECTED, OPT_SAVE,
	OPT_SENDMAIL
};

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, 's' },
	{ "messages", required_argument, NULL, 'n' },
	{ "connections", required_argument, NULL, 'c' },
	{ "per-connection", required_argument, NULL, 'k' },
	{ "quit-nc", no_argument, NULL, OPT_QUIT_NC },
	{ "sender", required_argument, NULL, 'f' },
	{ "recipient", required_argument, NULL, 'r' },
	{ "client", required_argument, NULL, OPT_CLIENT },
	{ "macro", required_argument, NULL, 'm' },
	{ "chunk", required_argument, NULL, 'b' },
	{ "offer", required_argument, NULL, OPT_OFFER },
	{ "rate", required_argument, NULL, OPT_RATE },
	{ "slow", required_argument, NULL, OPT_SLOW },
	{ "half-open", required_argument, NULL, OPT_HALF_OPEN },
	{ "timeout", required_argument, NULL, 't' },
	{ "expect", required_argument, NULL, 'e' },
	{ "at", required_argument, NULL, 'a' },
	{ "headers", required_argument, NULL, OPT_HEADERS },
	{ "body", required_argument, NULL, OPT_BODY },
	{ "expected", required_argument, NULL, OPT_EXPECTED },
	{ "save", required_argument, NULL, OPT_SAVE },
	{ "sendmail", no_argument, NULL, OPT_SENDMAIL },
	{ "pid", required_argument, NULL, 'p' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static void
options_init(struct options *opt)
{
	static const struct milter_options offer = MILTER_OFFER_ALL;

	memset(opt, 0, sizeof *opt);
	opt->messages = 1000;
	opt->connections = 1;
	opt->per_connection = 1;
	opt->timeout_s = 60;
	opt->offer = offer;
	milter_envelope_init(&opt->envelope);
}

static long
number(const char *text, long least, long most)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n < least || n > most)
		die("not a number from %ld to %ld: %s", least, most, text);
	return n;
}

/* The place of the word in a list that ends with NULL. */
static int
choice(const char *word, const char *const *words)
{
	int i;

	for (i = 0; words[i] != NULL; i++)
		if (strcmp(word, words[i]) == 0)
			return i;
	die("not known: %s", word);
}

static void
add_recipient(struct options *opt, const char *address)
{
	size_t n = opt->recipients[0] == NULL ? 0 : opt->envelope.nrecipients;

	if (n == MAX_LISTED)
		die("more than %d recipients", MAX_LISTED);
	opt->recipients[n] = address;
	opt->envelope.recipients = opt->recipients;
	opt->envelope.nrecipients = n + 1;
}

static void
add_macro(struct options *opt, char *text)
{
	char *equals = strchr(text, '=');
	size_t n = opt->envelope.nmacros;

	if (equals == NULL)
		die("not NAME=VALUE: %s", text);
	if (n == MAX_LISTED)
		die("more than %d macros", MAX_LISTED);
	*equals = '\0';
	opt->macros[n].name = text;
	opt->macros[n].value = equals + 1;
	opt->envelope.macros = opt->macros;
	opt->envelope.nmacros = n + 1;
}

static void
set_offer(struct options *opt, const char *text)
{
	unsigned long version, actions, steps;
	char rest;

	if (sscanf(text, "%lu,%lx,%lx%c", &version, &actions, &steps,
	    &rest) != 3)
		die("not VERSION,ACTIONS,STEPS: %s", text);
	opt->offer.version = (uint32_t)version;
	opt->offer.actions = (uint32_t)actions;
	opt->offer.steps = (uint32_t)steps;
}

static void
set_slow(struct options *opt, const char *text)
{
	char rest;

	if (sscanf(text, "%ld:%ld%c", &opt->slow_bytes, &opt->slow_ms,
	    &rest) != 2 || opt->slow_bytes < 1 || opt->slow_ms < 0 ||
	    opt->slow_ms > 60000)
		die("not BYTES:MILLISECONDS: %s", text);
}

/* The options that say what is to come of a message. */
static void
set_expectation(struct options *opt, int option, const char *value)
{
	static const char *const header_rules[] = {
		"any", "none", "some", NULL
	};
	static const char *const body_rules[] = {
		"any", "none", "same", "changed", NULL
	};
	static const char *const replies[] = {
		"accept", "continue", "reject", "tempfail", "discard",
		"replycode", NULL
	};
	static const char *const commands[] = {
		"connect", "helo", "mail", "rcpt", "data", "header", "eoh",
		"body", "eom", NULL
	};

	switch (option) {
	case 'e': opt->expect = replies[choice(value, replies)]; break;
	case 'a': opt->at = commands[choice(value, commands)]; break;
	case OPT_HEADERS:
		opt->headers = (enum header_rule)choice(value, header_rules);
		break;
	case OPT_BODY:
		opt->body = (enum body_rule)choice(value, body_rules);
		break;
	case OPT_EXPECTED: opt->expected_dir = value; break;
	case OPT_SAVE: opt->save_dir = value; break;
	case OPT_SENDMAIL: opt->mta = MILTER_SENDMAIL; break;
	case 'h': fputs(usage_text, stdout); exit(0);
	default: fputs("try milter_load --help\n", stderr); exit(2);
	}
}

/* The file names start at argv[optind] afterwards. */
static void
options_parse(struct options *opt, int argc, char **argv)
{
	int o;

	while ((o = getopt_long(argc, argv, "s:n:c:k:f:r:m:b:t:e:a:p:h",
	    long_options, NULL)) != -1) {
		switch (o) {
		case 's': opt->socket = optarg; break;
		case 'n': opt->messages = number(optarg, 1, 100000000); break;
		case 'c': opt->connections = number(optarg, 1, 10000); break;
		case 'k':
			opt->per_connection = number(optarg, 0, LONG_MAX);
			break;
		case OPT_QUIT_NC: opt->quit_nc = true; break;
		case 'f': opt->envelope.sender = optarg; break;
		case 'r': add_recipient(opt, optarg); break;
		case OPT_CLIENT: opt->envelope.client_address = optarg; break;
		case 'm': add_macro(opt, optarg); break;
		case 'b':
			opt->envelope.chunk = (size_t)number(optarg, 1,
			    INT_MAX);
			break;
		case OPT_OFFER: set_offer(opt, optarg); break;
		case OPT_RATE: opt->rate = number(optarg, 1, 10000000); break;
		case OPT_SLOW: set_slow(opt, optarg); break;
		case OPT_HALF_OPEN:
			opt->half_open = number(optarg, 0, 100000);
			break;
		case 't': opt->timeout_s = number(optarg, 1, 86400); break;
		case 'p': opt->pid = number(optarg, 1, INT_MAX); break;
		default: set_expectation(opt, o, optarg);
		}
	}
	if (opt->socket == NULL || optind >= argc)
		die("a socket and a message are needed; see --help");
}

/*
 * Mails
 */

/* dir/NAME, with the NAME of the path; the caller frees it. */
static char *
path_in(const char *dir, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;
	size_t size = strlen(dir) + strlen(name) + 2;
	char *joined = allocate(size, 1);

	snprintf(joined, size, "%s/%s", dir, name);
	return joined;
}

static void
read_message(struct milter_message *msg, const char *path)
{
	if (milter_message_read(msg, path) != 0)
		die("%s: %s", path, strerror(errno));
}

static void
mails_read(struct run *run, char **paths, size_t n)
{
	char *expected;
	size_t i;

	run->mails = allocate(n, sizeof *run->mails);
	run->nmails = n;
	for (i = 0; i < n; i++) {
		run->mails[i].path = paths[i];
		read_message(&run->mails[i].message, paths[i]);
		if (run->opt->expected_dir == NULL)
			continue;
		expected = path_in(run->opt->expected_dir, paths[i]);
		read_message(&run->mails[i].expected, expected);
		free(expected);
	}
}

static void
mails_release(struct run *run)
{
	size_t i;

	for (i = 0; i < run->nmails; i++) {
		milter_message_release(&run->mails[i].message);
		milter_message_release(&run->mails[i].expected);
	}
	free(run->mails);
}

/*
 * What came of a message
 */

static void __attribute__((format(printf, 4, 5)))
complain(struct worker *w, long message, const struct mail *mail,
    const char *format, ...)
{
	va_list args;

	pthread_mutex_lock(&w->run->lock);
	if (w->run->complaints++ < MAX_COMPLAINTS) {
		fprintf(stderr, "message %ld (%s): ", message, mail->path);
		va_start(args, format);
		vfprintf(stderr, format, args);
		va_end(args);
		fputc('\n', stderr);
	}
	pthread_mutex_unlock(&w->run->lock);
}

static bool
is_header_edit(int kind)
{
	return kind == SMFIR_ADDHEADER || kind == SMFIR_INSHEADER ||
	    kind == SMFIR_CHGHEADER;
}

static void
count(struct tally *t, const struct milter_outcome *out,
    const struct milter_changes *ch)
{
	size_t i;

	if (out->reply >= 0 && out->reply < KINDS)
		t->replies[out->reply]++;
	t->skipped += out->skipped;
	t->progress += (long)ch->progress;
	t->body_bytes += (long)ch->body_len;
	t->edits[SMFIR_REPLBODY] += (long)ch->body_chunks;
	for (i = 0; i < ch->n; i++) {
		if (ch->list[i].kind == SMFIR_CHGHEADER &&
		    ch->list[i].value[0] == '\0')
			t->deleted++;
		else
			t->edits[ch->list[i].kind]++;
	}
}

/* What is wrong with the new body; NULL if nothing is. */
static const char *
check_body(const struct options *opt, const struct mail *mail,
    const struct milter_changes *ch)
{
	bool same = ch->body_len == mail->message.body_len &&
	    (ch->body_len == 0 ||
	    memcmp(ch->body, mail->message.body, ch->body_len) == 0);
	bool replaced = ch->body_chunks > 0;

	if (ch->body_split)
		return "another edit came between two body chunks";
	if (opt->body == BODY_NONE && replaced)
		return "body replaced";
	if (opt->body == BODY_SAME && !same)
		return replaced ? "body changed" : "body not replaced";
	if (opt->body == BODY_CHANGED && (same || !replaced))
		return replaced ? "body not changed" : "body not replaced";
	return NULL;
}

static const char *
check_headers(const struct options *opt, const struct milter_changes *ch)
{
	size_t i, n = 0;

	for (i = 0; i < ch->n; i++)
		n += is_header_edit(ch->list[i].kind);
	if (opt->headers == HEADERS_NONE && n > 0)
		return "headers edited";
	if (opt->headers == HEADERS_SOME && n == 0)
		return "no header edited";
	return NULL;
}

static const char *
write_message(const struct milter_message *msg, const char *path)
{
	size_t len;
	char *text = milter_message_format(msg, true, &len);
	FILE *f = fopen(path, "wb");
	bool ok = text != NULL && f != NULL && fwrite(text, 1, len, f) == len;

	if (f != NULL && fclose(f) != 0)
		ok = false;
	free(text);
	return ok ? NULL : "result not written";
}

/* Compares and saves the mail as it would be delivered. */
static const char *
check_result(struct worker *w, const struct mail *mail, bool save)
{
	const struct options *opt = w->run->opt;
	const char *wrong = NULL;
	struct milter_message result;
	char *path;

	if (opt->expected_dir == NULL && !save)
		return NULL;
	if (milter_changes_apply(milter_client_changes(w->client), opt->mta,
	    &mail->message, &result) != 0)
		return "out of memory";
	if (opt->expected_dir != NULL &&
	    !milter_message_equal(&result, &mail->expected))
		wrong = "not the expected result";
	if (save) {
		path = path_in(opt->save_dir, mail->path);
		if (wrong == NULL)
			wrong = write_message(&result, path);
		else
			write_message(&result, path);
		free(path);
	}
	milter_message_release(&result);
	return wrong;
}

static void
check(struct worker *w, long message, const struct mail *mail,
    const struct milter_outcome *out)
{
	const struct options *opt = w->run->opt;
	const struct milter_changes *ch = milter_client_changes(w->client);
	const char *reply = milter_reply_name(out->reply);
	const char *at = milter_command_name(out->command);
	bool save = opt->save_dir != NULL && message < (long)w->run->nmails;
	const char *wrong = NULL;

	count(&w->tally, out, ch);
	if ((opt->expect != NULL && strcmp(opt->expect, reply) != 0) ||
	    (opt->at != NULL && strcmp(opt->at, at) != 0))
		wrong = "another outcome";
	if (wrong == NULL)
		wrong = check_headers(opt, ch);
	if (wrong == NULL)
		wrong = check_body(opt, mail, ch);
	if (wrong == NULL)
		wrong = check_result(w, mail, save);
	if (wrong != NULL) {
		w->tally.unexpected++;
		complain(w, message, mail, "%s: %s at %s, %zu header edits, "
		    "%zu body chunks", wrong, reply, at, ch->n,
		    ch->body_chunks);
	}
}

/*
 * Threads
 */

/* The next message to send, -1 if all are. */
static long
run_next(struct run *run)
{
	long n = -1;

	pthread_mutex_lock(&run->lock);
	if (run->next < run->opt->messages)
		n = run->next++;
	pthread_mutex_unlock(&run->lock);
	return n;
}

static double
seconds_since(const struct timespec *t)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - t->tv_sec) +
	    (double)(now.tv_nsec - t->tv_nsec) / 1e9;
}

/* With a rate, waits until the message is due. From then its latency counts. */
static struct timespec
wait_until_due(const struct run *run, long message)
{
	struct timespec due;
	long rate = run->opt->rate;

	if (rate == 0) {
		clock_gettime(CLOCK_MONOTONIC, &due);
		return due;
	}
	due = run->start;
	due.tv_sec += message / rate;
	due.tv_nsec += (long)((double)(message % rate) * 1e9 / (double)rate);
	if (due.tv_nsec >= 1000000000) {
		due.tv_sec++;
		due.tv_nsec -= 1000000000;
	}
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due,
	    NULL) == EINTR)
		;
	return due;
}

/* Opens a connection and a session, if there are none. */
static int
worker_begin(struct worker *w, struct milter_outcome *out)
{
	const struct options *opt = w->run->opt;

	if (!w->open) {
		if (milter_client_open(w->client, opt->socket) != 0 ||
		    milter_client_negotiate(w->client, &opt->offer) != 0)
			return -1;
		w->open = true;
		w->in_session = 0;
	}
	out->reply = SMFIR_CONTINUE;
	if (w->in_session > 0)
		return 0;
	return milter_session(w->client, &w->envelope, out);
}

static void
worker_end(struct worker *w, const struct milter_outcome *out)
{
	const struct options *opt = w->run->opt;

	w->in_session++;
	if (out->command != SMFIC_CONNECT && out->command != SMFIC_HELO &&
	    (opt->per_connection == 0 || w->in_session < opt->per_connection))
		return;
	w->in_session = 0;
	if (opt->quit_nc) {
		milter_client_quit_nc(w->client);
		return;
	}
	milter_client_quit(w->client);
	w->open = false;
}

static void
worker_send(struct worker *w, long message)
{
	struct run *run = w->run;
	const struct mail *mail = &run->mails[(size_t)message % run->nmails];
	struct timespec due = wait_until_due(run, message);
	struct milter_outcome out = { 0 };
	int r = worker_begin(w, &out);

	if (r == 0 && out.reply == SMFIR_CONTINUE)
		r = milter_transact(w->client, &w->envelope, &mail->message,
		    &out);
	if (r != 0) {
		run->latency_us[message] = -1;
		w->tally.errors++;
		complain(w, message, mail, "%s: %s", out.command == 0 ?
		    "opening" : milter_command_name(out.command),
		    milter_client_error(w->client));
		milter_client_close(w->client);
		w->open = false;
		return;
	}
	run->latency_us[message] = (float)(seconds_since(&due) * 1e6);
	check(w, message, mail, &out);
	worker_end(w, &out);
}

static void *
worker_main(void *arg)
{
	struct worker *w = arg;
	const struct options *opt = w->run->opt;
	char queue_id[32];
	long message;

	w->envelope = opt->envelope;
	w->envelope.queue_id = queue_id;
	milter_client_set_timeout(w->client, (int)opt->timeout_s * 1000);
	milter_client_set_pace(w->client, (size_t)opt->slow_bytes,
	    (int)opt->slow_ms * 1000);
	while ((message = run_next(w->run)) >= 0) {
		snprintf(queue_id, sizeof queue_id, "4L%lX", message + 1);
		worker_send(w, message);
	}
	if (w->open)
		milter_client_quit(w->client);
	return NULL;
}

static void
tally_add(struct tally *sum, const struct tally *t)
{
	int i;

	sum->errors += t->errors;
	sum->unexpected += t->unexpected;
	sum->skipped += t->skipped;
	sum->progress += t->progress;
	sum->deleted += t->deleted;
	sum->body_bytes += t->body_bytes;
	for (i = 0; i < KINDS; i++) {
		sum->replies[i] += t->replies[i];
		sum->edits[i] += t->edits[i];
	}
}

/* Sends all messages; returns the seconds that it took. */
static double
run_all(struct run *run, struct tally *sum)
{
	size_t n = (size_t)run->opt->connections, i;
	struct worker *workers = allocate(n, sizeof *workers);
	pthread_attr_t attr;
	double wall;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	clock_gettime(CLOCK_MONOTONIC, &run->start);
	for (i = 0; i < n; i++) {
		workers[i].run = run;
		workers[i].client = milter_client_new();
		if (workers[i].client == NULL ||
		    pthread_create(&workers[i].thread, &attr, worker_main,
		    &workers[i]) != 0)
			die("cannot start thread %zu", i + 1);
	}
	for (i = 0; i < n; i++)
		pthread_join(workers[i].thread, NULL);
	wall = seconds_since(&run->start);
	for (i = 0; i < n; i++) {
		tally_add(sum, &workers[i].tally);
		milter_client_free(workers[i].client);
	}
	pthread_attr_destroy(&attr);
	free(workers);
	return wall;
}

/*
 * Connections that never come to anything
 */

/* The i-th stops at one of four points. */
static int
half_open_start(struct milter_client *c, const struct options *opt, long i)
{
	static const char half_length[] = { 0, 0 };
	static const char half_packet[] = { 0, 0, 0, 40, SMFIC_CONNECT, 'x' };

	if (milter_client_open(c, opt->socket) != 0)
		return -1;
	switch (i % 4) {
	case 1:
		return milter_client_negotiate(c, &opt->offer);
	case 2:
		milter_client_send_raw(c, half_length, sizeof half_length);
		return milter_client_flush(c);
	case 3:
		if (milter_client_negotiate(c, &opt->offer) != 0)
			return -1;
		milter_client_send_raw(c, half_packet, sizeof half_packet);
		return milter_client_flush(c);
	default:
		return 0;
	}
}

static struct milter_client **
half_open_all(const struct options *opt)
{
	struct milter_client **clients = allocate((size_t)opt->half_open,
	    sizeof *clients);
	long i;

	for (i = 0; i < opt->half_open; i++) {
		clients[i] = milter_client_new();
		if (clients[i] == NULL)
			die("out of memory");
		if (half_open_start(clients[i], opt, i) != 0)
			die("half-open connection %ld: %s", i + 1,
			    milter_client_error(clients[i]));
	}
	return clients;
}

static void
half_open_end(struct milter_client **clients, long n)
{
	while (n-- > 0)
		milter_client_free(clients[n]);
	free(clients);
}

/*
 * The milter's process, and the figures
 */

struct process {
	bool alive;
	double cpu_s;
	long rss_kb, hwm_kb, threads;
};

/*
 * /proc/PID/stat counts CPU time in ticks of 10 ms; the process's CPU clock is
 * the same figure in nanoseconds. Memory is there on Linux only, else 0.
 */
static void
process_read(struct process *p, long pid)
{
	char path[64], line[256];
	struct timespec t;
	clockid_t clock;
	FILE *f;

	memset(p, 0, sizeof *p);
	if (pid == 0 || kill((pid_t)pid, 0) != 0 ||
	    clock_getcpuclockid((pid_t)pid, &clock) != 0 ||
	    clock_gettime(clock, &t) != 0)
		return;
	p->alive = true;
	p->cpu_s = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
	snprintf(path, sizeof path, "/proc/%ld/status", pid);
	f = fopen(path, "r");
	if (f == NULL)
		return;
	while (fgets(line, sizeof line, f) != NULL) {
		(void)sscanf(line, "VmRSS: %ld", &p->rss_kb);
		(void)sscanf(line, "VmHWM: %ld", &p->hwm_kb);
		(void)sscanf(line, "Threads: %ld", &p->threads);
	}
	fclose(f);
}

static int
compare_floats(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static void
print_latencies(float *us, size_t n)
{
	static const struct { const char *name; double share; } points[] = {
		{ "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 },
		{ "p999", 0.999 }, { "max", 1 }
	};
	size_t i, at, errors = 0;

	qsort(us, n, sizeof *us, compare_floats);
	while (errors < n && us[errors] < 0)
		errors++;
	us += errors;
	n -= errors;
	for (i = 0; i < sizeof points / sizeof points[0]; i++) {
		at = n == 0 ? 0 : (size_t)((double)(n - 1) * points[i].share);
		printf(" %s_us=%.0f", points[i].name, n == 0 ? 0 : us[at]);
	}
}

static void
print_process(const struct process *before, const struct process *after,
    long messages)
{
	printf(" cpu_us=%.2f rss_before_kb=%ld rss_kb=%ld hwm_kb=%ld"
	    " threads=%ld",
	    (after->cpu_s - before->cpu_s) * 1e6 / (double)messages,
	    before->rss_kb, after->rss_kb, after->hwm_kb, after->threads);
}

static void
print_tally(const struct tally *t)
{
	const long *r = t->replies, *e = t->edits;

	printf(" accept=%ld continue=%ld reject=%ld tempfail=%ld discard=%ld"
	    " replycode=%ld skip=%ld progress=%ld",
	    r[SMFIR_ACCEPT], r[SMFIR_CONTINUE], r[SMFIR_REJECT],
	    r[SMFIR_TEMPFAIL], r[SMFIR_DISCARD], r[SMFIR_REPLYCODE],
	    t->skipped, t->progress);
	printf(" addheader=%ld insheader=%ld chgheader=%ld delheader=%ld"
	    " replbody=%ld replbody_bytes=%ld chgfrom=%ld addrcpt=%ld"
	    " delrcpt=%ld quarantine=%ld",
	    e[SMFIR_ADDHEADER], e[SMFIR_INSHEADER], e[SMFIR_CHGHEADER],
	    t->deleted, e[SMFIR_REPLBODY], t->body_bytes, e[SMFIR_CHGFROM],
	    e[SMFIR_ADDRCPT] + e[SMFIR_ADDRCPT_PAR], e[SMFIR_DELRCPT],
	    e[SMFIR_QUARANTINE]);
}

static void
run_init(struct run *run, const struct options *opt)
{
	memset(run, 0, sizeof *run);
	run->opt = opt;
	run->latency_us = allocate((size_t)opt->messages,
	    sizeof *run->latency_us);
	pthread_mutex_init(&run->lock, NULL);
}

int
main(int argc, char **argv)
{
	struct options opt;
	struct run run;
	struct tally sum = { 0 };
	struct process before, after;
	struct milter_client **half_open;
	double wall;

	options_init(&opt);
	options_parse(&opt, argc, argv);
	run_init(&run, &opt);
	mails_read(&run, argv + optind, (size_t)(argc - optind));
	half_open = half_open_all(&opt);
	process_read(&before, opt.pid);
	if (opt.pid != 0 && !before.alive)
		die("no process %ld", opt.pid);
	wall = run_all(&run, &sum);
	process_read(&after, opt.pid);
	half_open_end(half_open, opt.half_open);

	printf("messages=%ld errors=%ld unexpected=%ld wall_s=%.6f rate=%.1f",
	    opt.messages, sum.errors, sum.unexpected, wall,
	    (double)opt.messages / wall);
	print_latencies(run.latency_us, (size_t)opt.messages);
	if (after.alive)
		print_process(&before, &after, opt.messages);
	print_tally(&sum);
	putchar('\n');

	mails_release(&run);
	free(run.latency_us);
	pthread_mutex_destroy(&run.lock);
	if (opt.pid != 0 && !after.alive)
		fprintf(stderr, "milter_load: process %ld is gone\n", opt.pid);
	return sum.errors > 0 || sum.unexpected > 0 ||
	    (opt.pid != 0 && !after.alive);
}
