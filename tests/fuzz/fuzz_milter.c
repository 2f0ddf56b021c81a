/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The milter's callbacks, driven by events in any order that libmilter lets
 * through, over a libmilter that only records and checks: changes at the end
 * of a mail and nowhere else, header first, the body last and once; values
 * fit for a header; nothing asked for after a refusal; no memory kept.
 *
 * Input is lines, the first letter of each the event (see drive()). "W"
 * drops the order that libmilter keeps: then only memory is looked after.
 */
#include "fuzz_annotator.h"

#include <libmilter/mfapi.h>
#include <stdarg.h>

/* Settings come and go by the copy here; their memory stays. */
static void fuzz_settings_free(struct settings *settings);

#define settings_free fuzz_settings_free
#include "daemon/current.c"
#undef settings_free
#include "daemon/handover.c"
#include "daemon/milter.c"

/* Where in a mail a connection is, as libmilter sees it. */
enum stage {
	STAGE_NONE, STAGE_MAIL, STAGE_RCPT, STAGE_HEADER, STAGE_BODY
};

#define FIELDS 64

/* libmilter's own idea of a connection. */
struct smfi_str {
	void *priv;
	enum stage stage;
	bool encoded;		/* the transfer encoding was changed */
	char *body;		/* what the callbacks were given of it */
	size_t len;
	bool at_end;		/* the end-of-mail callback is running */
	bool replaced;		/* it has replaced the body */
	bool progressed;	/* and said something after that */
	bool doubted;		/* a call for the header failed once */
	bool refused;		/* a call failed: there must be no other */
	unsigned calls;		/* changes asked for */
	char *fields[FIELDS];	/* names that the callbacks were given */
	size_t nfields;
	char *deleted;		/* name in the last deletion, and which */
	int nth;
	const char *address;	/* {client_addr}, may be NULL */
};

static struct smfiDesc callbacks;
static struct smfi_str connections[2];
static size_t settings_alive;
static unsigned fail_at;	/* the call that fails, 0: none */
static bool fail_on;		/* and all that come after it */
static bool wild;		/* events in any order at all */
static size_t memory_limit;

static void
fuzz_settings_free(struct settings *settings)
{
	CHECK(settings_alive > 0);
	settings_alive--;
	free(settings);
}

static void
reload(void)
{
	struct settings *copy = malloc(sizeof(*copy));

	CHECK(copy != NULL);
	*copy = *fuzz_settings();
	copy->memory_limit = memory_limit;
	settings_alive++;
	CHECK(current_replace(copy));
}

/* The log: what is written must at least be writable. */
void
log_line(enum log_level level, const char *format, ...)
{
	char line[4096];
	va_list ap;

	CHECK(level <= LOG_LEVEL_INFO);
	va_start(ap, format);
	CHECK(vsnprintf(line, sizeof(line), format, ap) >= 0);
	va_end(ap);
	CHECK(line[0] != '\0');
}

/* What libmilter offers. */

int
smfi_register(struct smfiDesc description)
{
	callbacks = description;
	return MI_SUCCESS;
}

int
smfi_setconn(char *path)
{
	CHECK(path != NULL);
	return MI_SUCCESS;
}

int
smfi_opensocket(bool remove)
{
	CHECK(remove);
	return MI_SUCCESS;
}

size_t
smfi_setmaxdatasize(size_t size)
{
	return size;
}

int
smfi_main(void)
{
	return MI_SUCCESS;
}

int
smfi_setsymlist(SMFICTX *ctx, int stage, char *macros)
{
	CHECK(!ctx->at_end && stage == SMFIM_EOM && macros[0] != '\0');
	return MI_SUCCESS;
}

void *
smfi_getpriv(SMFICTX *ctx)
{
	return ctx->priv;
}

int
smfi_setpriv(SMFICTX *ctx, void *data)
{
	CHECK(ctx->priv == NULL || data == NULL);
	ctx->priv = data;
	return MI_SUCCESS;
}

char *
smfi_getsymval(SMFICTX *ctx, char *name)
{
	static char value[64];
	const char *found = NULL;

	if (strcmp(name, "{client_addr}") == 0)
		found = ctx->address;
	else if (strcmp(name, "{client_name}") == 0)
		found = ctx->address == NULL ? NULL : "localhost";
	else if (strcmp(name, "i") == 0)
		found = ctx->stage >= STAGE_RCPT ? "4RzX1q0VbQz1m" : NULL;
	if (found == NULL)
		return NULL;
	snprintf(value, sizeof(value), "%s", found);
	return value;
}

/* Counts a change, and refuses it if the input asks for that. One of the
 * header may be asked for once more. */
static int
change(SMFICTX *ctx, bool header)
{
	bool fails = fail_at == 1;

	CHECK(ctx->at_end && !ctx->refused);
	ctx->calls++;
	if (fail_at > 1 || (fails && !fail_on))
		fail_at--;
	ctx->refused = fails && (!header || ctx->doubted);
	ctx->doubted = fails;
	return fails ? MI_FAILURE : MI_SUCCESS;
}

static void
check_value(const char *name, char *value)
{
	CHECK(name != NULL && name[0] != '\0');
	for (const char *p = name; *p != '\0'; p++)
		CHECK(*p > ' ' && *p < 0x7f && *p != ':');
	fuzz_check_field(span_of(value), strncmp(name, "Bounce-", 7) == 0);
	CHECK(strlen(value) < 65000);
}

int
smfi_insheader(SMFICTX *ctx, int at, char *name, char *value)
{
	CHECK(!ctx->replaced && at == 1);
	check_value(name, value);
	ctx->encoded |= strcmp(name, "Content-Transfer-Encoding") == 0;
	return change(ctx, true);
}

int
smfi_chgheader(SMFICTX *ctx, char *name, int nth, char *value)
{
	int there = 0;

	CHECK(!ctx->replaced);
	for (size_t i = 0; i < ctx->nfields; i++)
		there += span_equal_nocase(span_of(ctx->fields[i]),
		    span_of(name));
	CHECK(wild || (nth >= 1 && (nth <= there ||
	    ctx->nfields == FIELDS)));
	if (value != NULL)
		check_value(name, value);
	/* The highest goes first: one MTA counts on, another does not. */
	CHECK(ctx->deleted == NULL || strcmp(ctx->deleted, name) != 0 ||
	    nth < ctx->nth);
	if (change(ctx, true) != MI_SUCCESS)
		return MI_FAILURE;
	free(ctx->deleted);
	ctx->deleted = strdup(name);
	ctx->nth = nth;
	return MI_SUCCESS;
}

int
smfi_replacebody(SMFICTX *ctx, unsigned char *body, int len)
{
	CHECK(!ctx->replaced && body != NULL && len > 0);
	ctx->replaced = true;
	/* Without a header, all of the body is text. */
	if (!wild && ctx->nfields == 0 && !ctx->encoded)
		CHECK((size_t)len >= ctx->len && memcmp(body + len -
		    ctx->len, ctx->body, ctx->len) == 0);
	return change(ctx, false);
}

int
smfi_progress(SMFICTX *ctx)
{
	CHECK(ctx->replaced && !ctx->progressed);
	ctx->progressed = true;
	return change(ctx, false);
}

/* What libmilter does, event by event. */

static void
mail_over(SMFICTX *ctx)
{
	for (size_t i = 0; i < ctx->nfields; i++)
		free(ctx->fields[i]);
	free(ctx->deleted);
	free(ctx->body);
	*ctx = (struct smfi_str){ .priv = ctx->priv,
	    .address = ctx->address };
}

/* Takes the verdict of a callback before the end. */
static void
take(SMFICTX *ctx, sfsistat verdict, enum stage next)
{
	CHECK(verdict == SMFIS_CONTINUE || verdict == SMFIS_ACCEPT);
	CHECK(ctx->calls == 0);
	if (verdict == SMFIS_CONTINUE)
		ctx->stage = next;
	else
		mail_over(ctx);
}

/* A callback that never answers. */
static void
take_nothing(SMFICTX *ctx, sfsistat verdict, enum stage next)
{
	CHECK(verdict == SMFIS_NOREPLY);
	CHECK(ctx->calls == 0);
	ctx->stage = next;
}

static void
abort_mail(SMFICTX *ctx)
{
	CHECK(callbacks.xxfi_abort(ctx) == SMFIS_CONTINUE);
	CHECK(ctx->calls == 0);
	mail_over(ctx);
}

static void
drive_mail(SMFICTX *ctx, char *sender)
{
	char *argv[] = { sender, NULL };

	if (!wild && ctx->stage != STAGE_NONE)
		abort_mail(ctx);
	take(ctx, callbacks.xxfi_envfrom(ctx, argv), STAGE_MAIL);
}

static void
drive_recipient(SMFICTX *ctx, char *address)
{
	char *argv[] = { address, NULL };

	if (wild || ctx->stage == STAGE_MAIL || ctx->stage == STAGE_RCPT)
		take_nothing(ctx, callbacks.xxfi_envrcpt(ctx, argv),
		    STAGE_RCPT);
}

static void
drive_header(SMFICTX *ctx, char *name, char *value)
{
	if (!wild && ctx->stage != STAGE_RCPT && ctx->stage != STAGE_HEADER)
		return;
	if (ctx->nfields < FIELDS)
		ctx->fields[ctx->nfields++] = strdup(name);
	take_nothing(ctx, callbacks.xxfi_header(ctx, name, value),
	    STAGE_HEADER);
}

static void
drive_body(SMFICTX *ctx, struct span bytes)
{
	unsigned char *copy;

	/* From the envelope straight to the body: libmilter allows that. */
	if (!wild && ctx->stage < STAGE_RCPT)
		return;
	ctx->body = realloc(ctx->body, ctx->len + bytes.len + 1);
	copy = malloc(bytes.len + 1);
	CHECK(copy != NULL && ctx->body != NULL);
	if (bytes.len > 0) {
		memcpy(copy, bytes.p, bytes.len);
		memcpy(ctx->body + ctx->len, bytes.p, bytes.len);
		ctx->len += bytes.len;
	}
	take_nothing(ctx, callbacks.xxfi_body(ctx, copy, bytes.len),
	    STAGE_BODY);
	free(copy);
}

static void
drive_end(SMFICTX *ctx)
{
	if (!wild && ctx->stage < STAGE_RCPT)
		return;
	ctx->at_end = true;
	CHECK(callbacks.xxfi_eom(ctx) == SMFIS_ACCEPT);
	ctx->at_end = false;
	CHECK(ctx->refused || ctx->replaced == ctx->progressed);
	mail_over(ctx);
}

static void
drive_close(SMFICTX *ctx)
{
	if (!wild && ctx->stage != STAGE_NONE)
		abort_mail(ctx);
	CHECK(callbacks.xxfi_close(ctx) == SMFIS_CONTINUE);
	CHECK(ctx->priv == NULL);
	mail_over(ctx);
}

static void
drive_negotiation(SMFICTX *ctx, struct span argument)
{
	unsigned long offered = SMFIF_ADDHDRS | SMFIF_CHGHDRS |
	    SMFIF_CHGBODY | SMFIF_SETSYMLIST, steps = 0x7fffff;
	unsigned long out[4] = { 99, 99, 99, 99 };

	if (argument.len > 0)
		offered &= (unsigned char)argument.p[0];
	if (argument.len > 1)
		steps &= (unsigned long)(unsigned char)argument.p[1] << 4;
	CHECK(callbacks.xxfi_negotiate(ctx, offered, steps, 0, 0, &out[0],
	    &out[1], &out[2], &out[3]) == SMFIS_CONTINUE);
	CHECK((out[0] & ~offered) == 0 && (out[1] & ~steps) == 0);
	CHECK(out[2] == 0 && out[3] == 0);
}

/* A terminated copy without NULs, as libmilter gives it. */
static char *
string_of(struct span s)
{
	char *copy = malloc(s.len + 1);
	size_t n = 0;

	CHECK(copy != NULL);
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] != '\0')
			copy[n++] = s.p[i];
	copy[n] = '\0';
	return copy;
}

static void
drive_field(SMFICTX *ctx, struct span name, struct span value)
{
	char *name_copy, *value_copy;

	/* Mail servers leave out blanks before the colon. */
	name = span_trim(name);
	if (name.len == 0)
		return;
	if (value.len > 0 && value.p[0] == ' ')
		value = span_from(value, 1);
	name_copy = string_of(name);
	value_copy = string_of(value);
	drive_header(ctx, name_copy, value_copy);
	free(name_copy);
	free(value_copy);
}

/* A whole mail as a mail server hands it over, the body in two pieces. */
static void
drive_whole(SMFICTX *ctx, struct span bytes)
{
	struct header field;
	enum header_item item;
	struct buf body;
	struct arena arena;
	struct span line;

	while ((item = header_read(&bytes, &field)) == HEADER_FIELD)
		drive_field(ctx, field.name, field.value);
	arena_init(&arena, bytes.len * 8 + 65536);
	buf_init(&body, &arena);
	while (span_next_line(&bytes, &line)) {
		buf_add_span(&body, line);
		buf_add_string(&body, "\r\n");
	}
	drive_body(ctx, span_first(buf_span(&body), body.len / 3));
	drive_body(ctx, span_from(buf_span(&body), body.len / 3));
	arena_release(&arena);
	drive_end(ctx);
}

static void
drive_word(SMFICTX *ctx, char event, struct span argument)
{
	static const char *const addresses[] = {
		NULL, "127.0.0.1", "192.0.2.1", "IPv6:::1", "::1", ""
	};
	char *word = string_of(argument);
	size_t colon;

	switch (event) {
	case 'N':
		drive_negotiation(ctx, argument);
		break;
	case 'M':
		drive_mail(ctx, word);
		break;
	case 'R':
		drive_recipient(ctx, word);
		break;
	case 'H':
		colon = span_find_char(argument, ':');
		if (colon != SPAN_NONE)
			drive_field(ctx, span_first(argument, colon),
			    span_from(argument, colon + 1));
		break;
	case 'F':
		fail_at = argument.len > 0 ? argument.p[0] & 15 : 0;
		fail_on = argument.len > 0 && (argument.p[0] & 16) != 0;
		break;
	case 'T':
		ctx->address = addresses[argument.len % 6];
		break;
	case 'S':
		memory_limit = argument.len * 5000;
		break;
	default:
		break;
	}
	free(word);
}

/* Does what a line says; returns false if it has taken all the rest. */
static bool
drive(SMFICTX *ctx, struct span line, struct span rest)
{
	struct span argument = span_from(line, 1);

	switch (line.p[0]) {
	case 'B':
		/* With the line end that was cut off. */
		drive_body(ctx, (struct span){ argument.p,
		    (size_t)(rest.p - argument.p) });
		break;
	case '.':
		drive_end(ctx);
		break;
	case 'A':
		if (wild || ctx->stage != STAGE_NONE)
			abort_mail(ctx);
		break;
	case 'C':
		drive_close(ctx);
		break;
	case 'L':
		reload();
		break;
	case 'W':
		wild = true;
		break;
	case 'X':
		drive_whole(ctx, rest);
		return false;
	default:
		drive_word(ctx, line.p[0], argument);
		break;
	}
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = fuzz_input(data, size), line;
	SMFICTX *ctx = &connections[0];

	if (callbacks.xxfi_eom == NULL)
		CHECK(milter_open("unix:/nowhere"));
	wild = false;
	fail_at = 0;
	fail_on = false;
	memory_limit = (size_t)64 << 20;
	memset(connections, 0, sizeof(connections));
	reload();
	while (span_next_line(&rest, &line)) {
		if (line.len > 0 && line.p[0] == 'K')
			ctx = ctx == connections ? ctx + 1 : connections;
		else if (line.len > 0 && !drive(ctx, line, rest))
			break;
	}
	drive_close(&connections[0]);
	drive_close(&connections[1]);
	CHECK(atomic_load(&memory_used) == 0);
	CHECK(atomic_load(&running) == 0);
	CHECK(settings_alive == 1);
	CHECK(current_replace(NULL));
	CHECK(settings_alive == 0);
	return 0;
}
