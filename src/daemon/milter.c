/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/milter.h"

#include <libmilter/mfapi.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "app/log.h"
#include "app/metrics.h"
#include "base/ascii.h"
#include "base/buf.h"
#include "bounce/detect.h"
#include "daemon/current.h"
#include "daemon/handover.h"
#include "edit/annotate.h"
#include "mail/address.h"

#define CHANGES (SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_CHGBODY)
#define READERS 50	/* envelope recipients that are looked at */

/* The mail that a connection is at. */
struct mail {
	char *bytes;		/* "Name: value" lines, an empty one, body */
	size_t len;
	size_t header_len;
	size_t capacity;
	char *sender;
	char *readers[READERS];
	size_t nreaders;
	unsigned ours[OUR_FIELDS];	/* fields of ours from elsewhere */
	bool truncated;		/* its end was not kept */
	const char *failure;	/* why it will pass untouched, NULL: not */
};

/* All that is kept for a connection, in libmilter's private pointer. */
struct connection {
	struct held_settings *held;	/* while a mail is worked on */
	unsigned long actions;		/* SMFIF_*: what we may do to mail */
	struct mail mail;
};

/*
 * Bytes held for all mails together, callbacks at the end of a mail that are
 * running, and those of them that have their memory and annotate.
 */
static atomic_size_t memory_used;
static atomic_int running;
static atomic_int annotating;

/* How long to wait for memory, and how long if nobody is seen to have what
 * will come back soon: in milliseconds. */
#define PATIENCE 10000
#define IDLE_PATIENCE 20

/*
 * Takes size bytes from the budget. Mails that are being annotated soon give
 * theirs back, so it waits for them; false if the bytes are not there.
 */
static bool
reserve(const struct settings *settings, size_t size)
{
	const struct timespec millisecond = { 0, 1000 * 1000 };
	int idle = 0;

	for (int i = 0; size <= settings->memory_limit && i < PATIENCE &&
	    idle < IDLE_PATIENCE; i++) {
		size_t used = atomic_fetch_add(&memory_used, size);

		if (used + size <= settings->memory_limit)
			return true;
		atomic_fetch_sub(&memory_used, size);
		idle = atomic_load(&annotating) > 0 ? 0 : idle + 1;
		nanosleep(&millisecond, NULL);
	}
	return false;
}

static void
mail_release(struct mail *mail)
{
	atomic_fetch_sub(&memory_used, mail->capacity);
	free(mail->bytes);
	free(mail->sender);
	for (size_t i = 0; i < mail->nreaders; i++)
		free(mail->readers[i]);
	*mail = (struct mail){ .len = 0 };
}

/* Ends work on a mail: its memory and the hold on the settings go. */
static void
connection_clear(struct connection *connection)
{
	if (connection == NULL)
		return;
	mail_release(&connection->mail);
	current_release(connection->held);
	connection->held = NULL;
}

/* Why mails pass untouched. */
static const char no_budget[] = "memory_limit is used up";
static const char no_memory[] = "out of memory";

/* Makes room for more bytes of the mail; marks it failed if there is none. */
static bool
mail_reserve(struct connection *connection, size_t more)
{
	struct mail *mail = &connection->mail;
	const struct settings *settings = connection->held->settings;
	size_t capacity = mail->capacity > 0 ? mail->capacity : 16384;
	char *bytes;

	if (mail->failure != NULL)
		return false;
	while (capacity - mail->len < more)
		capacity += capacity / 2;
	if (capacity == mail->capacity)
		return true;
	if (!reserve(settings, capacity - mail->capacity)) {
		mail->failure = no_budget;
		return false;
	}
	bytes = realloc(mail->bytes, capacity);
	if (bytes == NULL) {
		atomic_fetch_sub(&memory_used, capacity - mail->capacity);
		mail->failure = no_memory;
		return false;
	}
	mail->bytes = bytes;
	mail->capacity = capacity;
	return true;
}

static void
mail_add(struct mail *mail, const void *bytes, size_t len)
{
	memcpy(mail->bytes + mail->len, bytes, len);
	mail->len += len;
}

static struct connection *
connection_of(SMFICTX *ctx)
{
	struct connection *connection = smfi_getpriv(ctx);

	if (connection != NULL)
		return connection;
	connection = calloc(1, sizeof(*connection));
	if (connection != NULL && smfi_setpriv(ctx, connection) !=
	    MI_SUCCESS) {
		free(connection);
		return NULL;
	}
	/* A connection that is used again (QUIT_NC) negotiates no more. */
	if (connection != NULL)
		connection->actions = CHANGES;
	return connection;
}

static sfsistat
on_negotiate(SMFICTX *ctx, unsigned long f0, unsigned long f1,
    unsigned long f2, unsigned long f3, unsigned long *pf0,
    unsigned long *pf1, unsigned long *pf2, unsigned long *pf3)
{
	static char at_end[] = "i {client_addr} {client_name}";
	unsigned long steps = SMFIP_NOHELO | SMFIP_NOUNKNOWN | SMFIP_NODATA |
	    SMFIP_NOEOH | SMFIP_NR_RCPT | SMFIP_NR_HDR | SMFIP_NR_BODY;
	struct connection *connection;

	(void)f2;
	(void)f3;
	*pf0 = f0 & CHANGES;
	if (*pf0 == 0)
		log_line(LOG_LEVEL_WARNING, "the mail server allows no "
		    "changes: nothing can be annotated");
	/*
	 * Who connected is asked for only at the end of a mail that is looked
	 * at: ordinary mail then costs one packet less.
	 */
	if ((f0 & SMFIF_SETSYMLIST) &&
	    smfi_setsymlist(ctx, SMFIM_EOM, at_end) == MI_SUCCESS) {
		*pf0 |= SMFIF_SETSYMLIST;
		steps |= SMFIP_NOCONNECT;
	}
	connection = connection_of(ctx);
	if (connection != NULL)
		connection->actions = *pf0;
	*pf1 = f1 & steps;
	*pf2 = *pf3 = 0;
	return SMFIS_CONTINUE;
}

static sfsistat
on_envfrom(SMFICTX *ctx, char **argv)
{
	struct span sender = span_of(argv[0]);
	struct connection *connection;

	/* After an earlier ACCEPT nobody told us that the mail was over. */
	connection_clear(smfi_getpriv(ctx));
	if (!detect_sender(sender))
		return SMFIS_ACCEPT;
	connection = connection_of(ctx);
	if (connection == NULL)
		return SMFIS_ACCEPT;
	connection->held = current_hold();
	connection->mail.sender = strdup(argv[0]);
	if (connection->held != NULL && connection->mail.sender != NULL)
		return SMFIS_CONTINUE;
	connection_clear(connection);
	return SMFIS_ACCEPT;
}

static sfsistat
on_envrcpt(SMFICTX *ctx, char **argv)
{
	struct connection *connection = smfi_getpriv(ctx);
	struct mail *mail;

	/* What was negotiated: never an answer here. */
	if (connection == NULL || connection->held == NULL)
		return SMFIS_NOREPLY;
	mail = &connection->mail;
	if (mail->nreaders < READERS) {
		mail->readers[mail->nreaders] = strdup(argv[0]);
		if (mail->readers[mail->nreaders] != NULL)
			mail->nreaders++;
		else
			mail->failure = no_memory;
	}
	return SMFIS_NOREPLY;
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	struct connection *connection = smfi_getpriv(ctx);
	size_t name_len = strlen(name), value_len = strlen(value);
	struct mail *mail;

	if (connection == NULL || connection->held == NULL ||
	    !mail_reserve(connection, name_len + value_len + 4))
		return SMFIS_NOREPLY;
	mail = &connection->mail;
	mail_add(mail, name, name_len);
	mail_add(mail, ": ", 2);
	mail_add(mail, value, value_len);
	mail_add(mail, "\r\n", 2);
	for (size_t i = 0; i < OUR_FIELDS; i++)
		if (strcasecmp(name, our_fields[i]) == 0)
			mail->ours[i]++;
	return SMFIS_NOREPLY;
}

/* Ends the header, once something else comes: the step for it is left out. */
static void
end_header(struct connection *connection)
{
	struct mail *mail = &connection->mail;

	if (mail->header_len > 0 || !mail_reserve(connection, 2))
		return;			/* said at the end of the mail */
	mail_add(mail, "\r\n", 2);
	mail->header_len = mail->len;
}

static sfsistat
on_body(SMFICTX *ctx, unsigned char *bytes, size_t len)
{
	struct connection *connection = smfi_getpriv(ctx);
	const struct annotator *annotator;
	struct mail *mail;
	size_t room;

	if (connection == NULL || connection->held == NULL)
		return SMFIS_NOREPLY;
	end_header(connection);
	annotator = &connection->held->settings->annotator;
	mail = &connection->mail;
	if (mail->truncated)
		return SMFIS_NOREPLY;
	/* One byte more than max_body shows that it is too large. */
	room = annotator->max_body + 1 - (mail->len - mail->header_len);
	if (len > room) {
		len = room;
		mail->truncated = true;
	}
	if (mail_reserve(connection, len)) {
		mail_add(mail, bytes, len);
	} else if (mail->failure == no_budget && mail->header_len > 0) {
		/* What has come tells enough for the header. */
		mail->failure = NULL;
		mail->truncated = true;
	}
	return SMFIS_NOREPLY;
}

/* Is the mail handed in by this machine or by a host of ours? */
static bool
is_trusted(SMFICTX *ctx, const struct annotator *annotator)
{
	static char address_macro[] = "{client_addr}";
	static char name_macro[] = "{client_name}";
	struct span address = span_of(smfi_getsymval(ctx, address_macro));
	struct span name = span_of(smfi_getsymval(ctx, name_macro));

	if (span_starts_nocase(address, SPAN("IPv6:")))
		address = span_from(address, 5);
	return span_starts_nocase(address, SPAN("127.")) ||
	    span_equal(address, SPAN("::1")) ||
	    name_is_listed(name, annotator->site.hosts);
}

/* An address in a log line can neither end it nor say more. */
static struct span
address_for_log(struct arena *arena, struct span address)
{
	struct buf out;

	address = span_first(address, 200);
	buf_init(&out, arena);
	for (size_t i = 0; i < address.len; i++)
		buf_add_char(&out, ascii_is_control(address.p[i]) ||
		    ascii_is_blank(address.p[i]) || address.p[i] == '<' ||
		    address.p[i] == '>' ? '?' : address.p[i]);
	return out.failed ? SPAN("") : buf_span(&out);
}

static void
log_bounce(const char *queue_id, struct arena *arena,
    const struct annotation *annotation)
{
	const struct recipient *recipient = &annotation->report.recipients[0];
	struct span address = address_for_log(arena, recipient->address);
	const struct finding *finding = &annotation->findings[0];
	char status[STATUS_TEXT], code[16] = "-";
	unsigned added = annotation->added;

	if (recipient->code != 0)
		snprintf(code, sizeof(code), "%d", recipient->code);
	status_text(recipient->status, status);
	log_line(LOG_LEVEL_INFO, "%s: recipient=<%.*s> recipients=%zu "
	    "cause=%s code=%s status=%s rule=%s language=%s added=%s%s%s%s%s%s",
	    queue_id, (int)address.len, address.p, annotation->report.n,
	    finding->cause->id, code,
	    status[0] != '\0' ? status : "-",
	    finding->rule != NULL ? finding->rule->name : "-",
	    annotation->language != NULL ? annotation->language->tag : "-",
	    added & ANNOTATE_HEADER ? "header" : "nothing",
	    added & ANNOTATE_TEXT ? ",text" : "",
	    added & ANNOTATE_HTML ? ",html" : "",
	    annotation->why != NULL ? " why=\"" : "",
	    annotation->why != NULL ? annotation->why : "",
	    annotation->why != NULL ? "\"" : "");
}

/* Memory for what is made from a mail: part of the budget too. */
#define ARENA_LIMIT(len) ((len) * 3 + ((size_t)1 << 20))

/* Reads the mail and changes it; returns why it passes untouched, or NULL. */
static const char *
annotate_mail(SMFICTX *ctx, struct connection *connection,
    const char *queue_id, struct arena *arena)
{
	const struct annotator *annotator =
	    &connection->held->settings->annotator;
	struct annotator less = *annotator;
	struct mail *mail = &connection->mail;
	struct span *readers = arena_alloc(arena,
	    (mail->nreaders + 1) * sizeof(*readers));
	struct delivery delivery = {
		.envelope = { address_bare(span_of(mail->sender)), true },
		.readers = readers, .nreaders = mail->nreaders,
		.trusted = is_trusted(ctx, annotator)
	};
	struct annotation annotation;
	struct message message;
	const char *failure;

	for (size_t i = 0; readers != NULL && i < mail->nreaders; i++)
		readers[i] = span_of(mail->readers[i]);
	if (readers == NULL || !message_parse(&message, arena,
	    (struct span){ mail->bytes, mail->len }, &annotator->limits))
		return no_memory;
	if (mail->truncated)
		message.flags |= MESSAGE_TRUNCATED;
	if (!annotate(&annotation, annotator, &message, &delivery))
		return no_memory;
	if (less.annotate != 0)
		less.annotate = ANNOTATE_HEADER;
	if (!handover_may_change_body(&annotation.edits,
	    connection->actions) &&
	    !annotate(&annotation, &less, &message, &delivery))
		return no_memory;
	failure = hand_over(ctx, connection->actions, mail->ours, &message,
	    &annotation);
	if (failure == NULL && annotation.report.kind != REPORT_NONE) {
		log_bounce(queue_id, arena, &annotation);
		metrics_count_bounce(&annotation);
	}
	return failure;
}

/* Bytes of a body that are enough to say what it is about. */
#define BODY_START ((size_t)64 << 10)

/*
 * Takes memory for what is made from the mail; where there is not enough, for
 * the beginning of it. Returns 0 if there is none.
 */
static size_t
reserve_arena(const struct settings *settings, struct mail *mail)
{
	size_t limit = ARENA_LIMIT(mail->len);
	size_t start = mail->header_len + BODY_START;
	char *bytes;

	if (reserve(settings, limit))
		return limit;
	if (mail->len <= start)
		return 0;
	bytes = realloc(mail->bytes, start);
	if (bytes == NULL)
		return 0;
	atomic_fetch_sub(&memory_used, mail->capacity - start);
	mail->bytes = bytes;
	mail->len = mail->capacity = start;
	mail->truncated = true;
	limit = ARENA_LIMIT(start);
	return reserve(settings, limit) ? limit : 0;
}

static sfsistat
on_eom(SMFICTX *ctx)
{
	static char queue_macro[] = "i";
	struct connection *connection = smfi_getpriv(ctx);
	const char *queue_id = smfi_getsymval(ctx, queue_macro);
	double start = matcher_clock();
	const char *failure;
	struct arena arena;
	size_t limit;

	if (connection == NULL || connection->held == NULL)
		return SMFIS_ACCEPT;
	end_header(connection);
	atomic_fetch_add(&running, 1);
	if (queue_id == NULL)
		queue_id = "-";
	failure = connection->mail.failure;
	limit = failure != NULL ? 0 : reserve_arena(
	    connection->held->settings, &connection->mail);
	if (failure == NULL && limit == 0) {
		failure = no_budget;
	} else if (failure == NULL) {
		atomic_fetch_add(&annotating, 1);
		arena_init(&arena, limit);
		failure = annotate_mail(ctx, connection, queue_id, &arena);
		arena_release(&arena);
		atomic_fetch_sub(&memory_used, limit);
		atomic_fetch_sub(&annotating, 1);
	}
	if (failure != NULL) {
		log_line(LOG_LEVEL_WARNING, "%s: passes untouched: %s",
		    queue_id, failure);
		metrics_count_failure();
	}
	metrics_count_time(matcher_clock() - start);
	connection_clear(connection);
	atomic_fetch_sub(&running, 1);
	return SMFIS_ACCEPT;
}

static sfsistat
on_abort(SMFICTX *ctx)
{
	connection_clear(smfi_getpriv(ctx));
	return SMFIS_CONTINUE;
}

static sfsistat
on_close(SMFICTX *ctx)
{
	struct connection *connection = smfi_getpriv(ctx);

	connection_clear(connection);
	free(connection);
	smfi_setpriv(ctx, NULL);
	return SMFIS_CONTINUE;
}

/*
 * libmilter leaves Nagle's algorithm on, which costs 40 ms for each changed
 * mail on an inet socket. Linux lets accepted sockets inherit the option from
 * the listening one, which can only be found by looking for it.
 */
static void
set_nodelay(void)
{
	for (int fd = 3; fd < 64; fd++) {
		int listening = 0, on = 1;
		socklen_t len = sizeof(listening);

		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening,
		    &len) == 0 && listening)
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
			    sizeof(on));
	}
}

/* Packets up to here: a header of Postfix may be over libmilter's 64 kB. */
#define LARGEST_PACKET ((size_t)1 << 20)

bool
milter_open(const char *socket)
{
	static char name[] = "whybounced";
	struct smfiDesc description = {
		.xxfi_name = name, .xxfi_version = SMFI_VERSION,
		.xxfi_flags = SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_CHGBODY |
		    SMFIF_SETSYMLIST,
		.xxfi_envfrom = on_envfrom, .xxfi_envrcpt = on_envrcpt,
		.xxfi_header = on_header, .xxfi_body = on_body,
		.xxfi_eom = on_eom, .xxfi_abort = on_abort,
		.xxfi_close = on_close, .xxfi_negotiate = on_negotiate
	};
	char *copy = strdup(socket);
	bool opened;

	if (copy == NULL)
		return false;
	opened = smfi_setconn(copy) == MI_SUCCESS &&
	    smfi_register(description) == MI_SUCCESS &&
	    smfi_opensocket(1) == MI_SUCCESS;
	free(copy);
	if (!opened) {
		log_line(LOG_LEVEL_ERROR, "the socket %s cannot be opened; %s",
		    socket, strncmp(socket, "inet", 4) == 0 ?
		    "is the port taken, or the host not this one?" :
		    "is its folder there, may this user write to it, and is "
		    "nothing else in its place?");
		return false;
	}
	smfi_setmaxdatasize(LARGEST_PACKET);
	set_nodelay();
	return true;
}

/* How long mails may take to end when the daemon does: in 10 ms. */
#define DRAIN 3000

int
milter_serve(bool *idle)
{
	const struct timespec moment = { 0, 10 * 1000 * 1000 };
	const struct timespec verdict = { 0, 100 * 1000 * 1000 };
	int result = smfi_main();

	for (int i = 0; i < DRAIN && atomic_load(&running) > 0; i++)
		nanosleep(&moment, NULL);
	/* libmilter writes its verdict after the callback has returned. */
	nanosleep(&verdict, NULL);
	*idle = atomic_load(&running) == 0;
	return result == MI_SUCCESS ? 0 : 1;
}
