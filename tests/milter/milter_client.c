/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The protocol: what is negotiated, sent and answered.
 */
#include "milter_wire.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define BODY_CHUNK	65535			/* of Postfix and Sendmail */
#define FLUSH_AT	((size_t)256 * 1024)	/* do not gather more */
#define DEFAULT_TIMEOUT	60000

struct step {
	int command;
	const char *name;
	uint32_t not_sent;	/* SMFIP_ that rules it out */
	uint32_t not_answered;	/* SMFIP_ that saves the reply */
	uint32_t since;		/* protocol version */
	int symlist;		/* SMFIM_ of its macros; -1: has no list */
};

static const struct step steps[] = {
	{ SMFIC_CONNECT, "connect", SMFIP_NOCONNECT, SMFIP_NR_CONN, 2,
	    SMFIM_CONNECT },
	{ SMFIC_HELO, "helo", SMFIP_NOHELO, SMFIP_NR_HELO, 2, SMFIM_HELO },
	{ SMFIC_MAIL, "mail", SMFIP_NOMAIL, SMFIP_NR_MAIL, 2, SMFIM_ENVFROM },
	{ SMFIC_RCPT, "rcpt", SMFIP_NORCPT, SMFIP_NR_RCPT, 2, SMFIM_ENVRCPT },
	{ SMFIC_DATA, "data", SMFIP_NODATA, SMFIP_NR_DATA, 4, SMFIM_DATA },
	{ SMFIC_UNKNOWN, "unknown", SMFIP_NOUNKNOWN, SMFIP_NR_UNKN, 3, -1 },
	{ SMFIC_HEADER, "header", SMFIP_NOHDRS, SMFIP_NR_HDR, 2, SMFIM_EOH },
	{ SMFIC_EOH, "eoh", SMFIP_NOEOH, SMFIP_NR_EOH, 2, SMFIM_EOH },
	{ SMFIC_BODY, "body", SMFIP_NOBODY, SMFIP_NR_BODY, 2, SMFIM_EOM },
	{ SMFIC_BODYEOB, "eom", 0, 0, 2, SMFIM_EOM },
};

/* NULL if it is not one that is answered. */
static const struct step *
step_find(int command)
{
	size_t i;

	for (i = 0; i < sizeof steps / sizeof steps[0]; i++)
		if (steps[i].command == command)
			return &steps[i];
	return NULL;
}

struct edit {
	int kind;
	uint32_t action;	/* SMFIF_ that must have been agreed on */
	bool has_index;
	bool is_header;
	size_t least, most;	/* how many strings */
};

static const struct edit edits[] = {
	{ SMFIR_ADDHEADER, SMFIF_ADDHDRS, false, true, 2, 2 },
	{ SMFIR_INSHEADER, SMFIF_ADDHDRS, true, true, 2, 2 },
	{ SMFIR_CHGHEADER, SMFIF_CHGHDRS, true, true, 2, 2 },
	{ SMFIR_CHGFROM, SMFIF_CHGFROM, false, false, 1, 2 },
	{ SMFIR_ADDRCPT, SMFIF_ADDRCPT, false, false, 1, 1 },
	{ SMFIR_ADDRCPT_PAR, SMFIF_ADDRCPT_PAR, false, false, 1, 2 },
	{ SMFIR_DELRCPT, SMFIF_DELRCPT, false, false, 1, 1 },
	{ SMFIR_QUARANTINE, SMFIF_QUARANTINE, false, false, 1, 1 },
	{ SMFIR_REPLBODY, SMFIF_CHGBODY, false, false, 0, 0 },
};

/* NULL if it is no request to edit. */
static const struct edit *
edit_find(int kind)
{
	size_t i;

	for (i = 0; i < sizeof edits / sizeof edits[0]; i++)
		if (edits[i].kind == kind)
			return &edits[i];
	return NULL;
}

const char *
milter_command_name(int command)
{
	const struct step *step = step_find(command);

	return step == NULL ? "?" : step->name;
}

const char *
milter_reply_name(int reply)
{
	switch (reply) {
	case MILTER_FAILED:	return "failed";
	case MILTER_NO_REPLY:	return "none";
	case SMFIR_ACCEPT:	return "accept";
	case SMFIR_CONTINUE:	return "continue";
	case SMFIR_DISCARD:	return "discard";
	case SMFIR_REJECT:	return "reject";
	case SMFIR_TEMPFAIL:	return "tempfail";
	case SMFIR_REPLYCODE:	return "replycode";
	case SMFIR_SKIP:	return "skip";
	case SMFIR_CONN_FAIL:	return "connfail";
	case SMFIR_SHUTDOWN:	return "shutdown";
	default:		return "?";
	}
}

struct milter_client *
milter_client_new(void)
{
	struct milter_client *c = calloc(1, sizeof *c);

	if (c != NULL) {
		c->fd = -1;
		c->timeout_ms = DEFAULT_TIMEOUT;
	}
	return c;
}

static void
changes_clear(struct milter_client *c)
{
	struct milter_changes *ch = &c->changes;
	size_t i;

	for (i = 0; i < ch->n; i++) {
		free(ch->list[i].name);
		free(ch->list[i].value);
	}
	ch->n = 0;
	ch->body_len = 0;
	ch->body_chunks = 0;
	ch->body_split = false;
	ch->progress = 0;
	bytes_clear(&c->body);
	bytes_clear(&c->reply_text);
}

void
milter_client_free(struct milter_client *c)
{
	if (c == NULL)
		return;
	milter_client_close(c);
	changes_clear(c);
	free(c->changes.list);
	free(c->body.data);
	free(c->reply_text.data);
	free(c->out.data);
	free(c->packet.data);
	free(c->in.data);
	free(c);
}

const char *
milter_client_error(const struct milter_client *c)
{
	return c->error;
}
/*
 * Negotiation
 */

static uint32_t
number_at(const char *data)
{
	uint32_t n;

	memcpy(&n, data, sizeof n);
	return ntohl(n);
}

/* The string at *data, which moves behind it; NULL if there is none. */
static const char *
take_string(const char **data, const char *end)
{
	const char *string = *data;
	const char *nul = *data < end ?
	    memchr(string, '\0', (size_t)(end - string)) : NULL;

	if (nul == NULL)
		return NULL;
	*data = nul + 1;
	return string;
}

/* The macro lists that follow the options. */
static int
take_symlists(struct milter_client *c, const char *data, const char *end)
{
	const char *names;
	uint32_t stage;

	while (data < end) {
		if (end - data < 4)
			return wire_fail(c, "negotiate: half a macro list");
		stage = number_at(data);
		data += 4;
		names = take_string(&data, end);
		if (names == NULL || stage >= WIRE_SYMLISTS)
			return wire_fail(c, "negotiate: bad macro list %lu",
			    (unsigned long)stage);
		free(c->symlists[stage]);
		c->symlists[stage] = strdup(names);
		if (c->symlists[stage] == NULL)
			return wire_fail(c, "out of memory");
	}
	return 0;
}

static int
take_options(struct milter_client *c, const struct wire_packet *p,
    const struct milter_options *offer)
{
	struct milter_options *o = &c->agreed;

	if (p->kind != SMFIC_OPTNEG || p->len < MILTER_OPTLEN)
		return wire_fail(c, "negotiate: reply '%c', %zu bytes", p->kind,
		    p->len);
	o->version = number_at(p->data);
	o->actions = number_at(p->data + 4);
	o->steps = number_at(p->data + 8);
	if (o->version < 2 || o->version > offer->version)
		return wire_fail(c, "negotiate: version %lu, offered %lu",
		    (unsigned long)o->version, (unsigned long)offer->version);
	if (o->actions & ~offer->actions)
		return wire_fail(c, "negotiate: actions %lx were not offered",
		    (unsigned long)(o->actions & ~offer->actions));
	if (o->steps & ~offer->steps)
		return wire_fail(c, "negotiate: steps %lx were not offered",
		    (unsigned long)(o->steps & ~offer->steps));
	c->changes.leadspc = (o->steps & SMFIP_HDR_LEADSPC) != 0;
	return take_symlists(c, p->data + MILTER_OPTLEN, p->data + p->len);
}

int
milter_client_negotiate(struct milter_client *c,
    const struct milter_options *offer)
{
	uint32_t words[3];
	struct wire_packet p = { 0 };

	words[0] = htonl(offer->version);
	words[1] = htonl(offer->actions);
	words[2] = htonl(offer->steps);
	milter_client_send(c, SMFIC_OPTNEG, words, sizeof words);
	if (milter_client_flush(c) != 0 || wire_read(c, &p) != 0)
		return -1;
	return take_options(c, &p, offer);
}

const struct milter_options *
milter_client_agreed(const struct milter_client *c)
{
	return &c->agreed;
}

const char *
milter_client_symlist(const struct milter_client *c, int stage)
{
	return stage >= 0 && stage < WIRE_SYMLISTS ? c->symlists[stage] : NULL;
}

/*
 * Replies
 */

/* Every line after the first must be a folded one, or it is a header's own. */
static bool
is_one_header(const char *name, const char *value)
{
	const char *p;

	if (*name == '\0' || name[strcspn(name, ": \t\r\n")] != '\0')
		return false;
	for (p = value; *p != '\0'; p++)
		if (*p == '\r' || (*p == '\n' && p[1] != ' ' && p[1] != '\t'))
			return false;
	return true;
}

static int
changes_add(struct milter_client *c, const struct edit *edit, uint32_t index,
    const char *name, const char *value)
{
	struct milter_changes *ch = &c->changes;
	struct milter_change *list, *change;

	list = array_grow(ch->list, &c->changes_size, ch->n, 1, sizeof *list);
	if (list == NULL)
		return wire_fail(c, "out of memory");
	ch->list = list;
	change = &list[ch->n++];
	change->kind = edit->kind;
	change->index = index;
	change->name = strdup(name);
	change->value = strdup(value);
	if (change->name == NULL || change->value == NULL)
		return wire_fail(c, "out of memory");
	return 0;
}

static int
take_change(struct milter_client *c, const struct edit *edit,
    const struct wire_packet *p)
{
	const char *data = p->data, *end = p->data + p->len;
	const char *name, *value = NULL;
	uint32_t index = 0;

	if (edit->has_index) {
		if (p->len < sizeof index)
			return wire_fail(c, "edit '%c' has no index",
			    edit->kind);
		index = number_at(data);
		data += sizeof index;
	}
	name = take_string(&data, end);
	if (name != NULL && edit->most > 1)
		value = take_string(&data, end);
	if (name == NULL || (value == NULL && edit->least > 1) || data != end)
		return wire_fail(c, "edit '%c' is wrongly put together",
		    edit->kind);
	if (value == NULL)
		value = "";
	if (edit->is_header && !is_one_header(name, value))
		return wire_fail(c, "edit '%c' is not one header: %s:%s",
		    edit->kind, name, value);
	return changes_add(c, edit, index, name, value);
}

static int
take_body(struct milter_client *c, const struct wire_packet *p, int last_kind)
{
	struct milter_changes *ch = &c->changes;

	if (ch->body_chunks > 0 && last_kind != SMFIR_REPLBODY)
		ch->body_split = true;
	ch->body_chunks++;
	bytes_add(&c->body, p->data, p->len);
	ch->body = c->body.data;
	ch->body_len = c->body.len;
	return c->body.failed ? wire_fail(c, "out of memory") : 0;
}

static int
take_edit(struct milter_client *c, int command, const struct edit *edit,
    const struct wire_packet *p, int last_kind)
{
	if (command != SMFIC_BODYEOB)
		return wire_fail(c, "%s: edit '%c' before the end of the "
		    "message", milter_command_name(command), p->kind);
	if (!(c->agreed.actions & edit->action))
		return wire_fail(c, "edit '%c' was not negotiated", p->kind);
	if (p->kind == SMFIR_REPLBODY)
		return take_body(c, p, last_kind);
	return take_change(c, edit, p);
}

/* The text of a reply: "550 ..." or "550-...", NUL at its end. */
static int
take_reply_text(struct milter_client *c, const struct wire_packet *p)
{
	const char *t = p->data;

	if (p->len < 5 || t[p->len - 1] != '\0' ||
	    strspn(t, "0123456789") != 3 || (t[0] != '4' && t[0] != '5') ||
	    (t[3] != ' ' && t[3] != '-'))
		return wire_fail(c, "malformed reply text");
	bytes_clear(&c->reply_text);
	bytes_add(&c->reply_text, t, p->len);
	return c->reply_text.failed ? wire_fail(c, "out of memory") : 0;
}

static int
take_reply(struct milter_client *c, int command, const struct wire_packet *p)
{
	bool connecting = command == SMFIC_CONNECT || command == SMFIC_HELO;
	bool allowed;

	if (p->kind == SMFIR_REPLYCODE)
		return take_reply_text(c, p) == 0 ? p->kind : MILTER_FAILED;
	switch (p->kind) {
	case SMFIR_ACCEPT:
	case SMFIR_CONTINUE:
	case SMFIR_REJECT:
	case SMFIR_TEMPFAIL:
	case SMFIR_CONN_FAIL:
	case SMFIR_SHUTDOWN:
		allowed = true;
		break;
	case SMFIR_DISCARD:
		allowed = !connecting;
		break;
	case SMFIR_SKIP:
		allowed = command == SMFIC_BODY &&
		    (c->agreed.steps & SMFIP_SKIP);
		break;
	default:
		allowed = false;
	}
	if (!allowed || p->len > 0)
		return wire_fail(c, "%s: reply '%c' with %zu bytes",
		    milter_command_name(command), p->kind, p->len);
	return p->kind;
}

int
milter_client_reply(struct milter_client *c, int command)
{
	const struct edit *edit;
	struct wire_packet p = { 0 };
	int last_kind;

	if (milter_client_flush(c) != 0)
		return MILTER_FAILED;
	for (;;) {
		last_kind = p.kind;
		if (wire_read(c, &p) != 0)
			return MILTER_FAILED;
		edit = edit_find(p.kind);
		if (p.kind == SMFIR_PROGRESS && p.len == 0)
			c->changes.progress++;
		else if (edit == NULL)
			return take_reply(c, command, &p);
		else if (take_edit(c, command, edit, &p, last_kind) != 0)
			return MILTER_FAILED;
	}
}

const struct milter_changes *
milter_client_changes(const struct milter_client *c)
{
	return &c->changes;
}

const char *
milter_client_reply_text(const struct milter_client *c)
{
	return c->reply_text.len > 0 ? c->reply_text.data : "";
}

/*
 * Commands
 */

/* Sends a command as it was agreed on; see milter_client.h for the result. */
static int
command(struct milter_client *c, int code, const void *bytes, size_t len)
{
	const struct step *step = step_find(code);

	if (c->agreed.version < step->since ||
	    (c->agreed.steps & step->not_sent))
		return MILTER_NO_REPLY;
	if (c->in_pos < c->in.len)
		return wire_fail(c, "%s: %zu bytes came unasked", step->name,
		    c->in.len - c->in_pos);
	milter_client_send(c, code, bytes, len);
	if (!(c->agreed.steps & step->not_answered))
		return milter_client_reply(c, code);
	if (c->out.len >= FLUSH_AT && milter_client_flush(c) != 0)
		return MILTER_FAILED;
	return MILTER_NO_REPLY;
}

/* Sends a command with c->packet as its data. */
static int
command_packet(struct milter_client *c, int code)
{
	if (c->packet.failed)
		return wire_fail(c, "out of memory");
	return command(c, code, c->packet.data, c->packet.len);
}

/* True if the list has the name; {i} and i are the same. */
static bool
symlist_has(const char *list, const char *name)
{
	size_t n, want = strlen(name);

	if (*name == '{' && want > 2) {
		name++;
		want -= 2;
	}
	for (; *list != '\0'; list += n) {
		list += strspn(list, " ,{}");
		n = strcspn(list, " ,{}");
		if (n == want && n > 0 && memcmp(list, name, n) == 0)
			return true;
	}
	return false;
}

int
milter_client_macros(struct milter_client *c, int code,
    const struct milter_macro *macros, size_t n)
{
	const struct step *step = step_find(code);
	const char *list = step == NULL ? NULL :
	    milter_client_symlist(c, step->symlist);
	size_t i;

	bytes_clear(&c->packet);
	bytes_add_byte(&c->packet, (char)code);
	for (i = 0; i < n; i++) {
		if (list != NULL && !symlist_has(list, macros[i].name))
			continue;
		bytes_add_string(&c->packet, macros[i].name);
		bytes_add_string(&c->packet, macros[i].value);
	}
	if (c->packet.failed)
		return wire_fail(c, "out of memory");
	if (c->packet.len > 1 &&
	    (step == NULL || c->agreed.version >= step->since))
		milter_client_send(c, SMFIC_MACRO, c->packet.data,
		    c->packet.len);
	return 0;
}

int
milter_client_connect(struct milter_client *c, const char *name,
    const char *address, uint16_t port)
{
	uint16_t wire_port = htons(port);
	char family = SMFIA_INET;

	changes_clear(c);
	if (address == NULL)
		family = SMFIA_UNKNOWN;
	else if (strchr(address, '/') != NULL)
		family = SMFIA_UNIX;
	else if (strchr(address, ':') != NULL)
		family = SMFIA_INET6;
	bytes_clear(&c->packet);
	bytes_add_string(&c->packet, name);
	bytes_add_byte(&c->packet, family);
	if (address != NULL) {
		bytes_add(&c->packet, &wire_port, sizeof wire_port);
		bytes_add_string(&c->packet, address);
	}
	return command_packet(c, SMFIC_CONNECT);
}

int
milter_client_helo(struct milter_client *c, const char *name)
{
	return command(c, SMFIC_HELO, name, strlen(name) + 1);
}

static int
address_command(struct milter_client *c, int code, const char *address,
    const char *const *args)
{
	bytes_clear(&c->packet);
	bytes_add_string(&c->packet, address);
	for (; args != NULL && *args != NULL; args++)
		bytes_add_string(&c->packet, *args);
	return command_packet(c, code);
}

int
milter_client_mail(struct milter_client *c, const char *sender,
    const char *const *args)
{
	changes_clear(c);
	return address_command(c, SMFIC_MAIL, sender, args);
}

int
milter_client_rcpt(struct milter_client *c, const char *recipient,
    const char *const *args)
{
	return address_command(c, SMFIC_RCPT, recipient, args);
}

int
milter_client_data(struct milter_client *c)
{
	return command(c, SMFIC_DATA, NULL, 0);
}

int
milter_client_unknown(struct milter_client *c, const char *line)
{
	return command(c, SMFIC_UNKNOWN, line, strlen(line) + 1);
}

int
milter_client_header(struct milter_client *c, const struct milter_header *h)
{
	const char *value = h->value;

	/* MTAs eat the first space, but not a tab */
	if (*value == ' ' && !c->changes.leadspc)
		value++;
	bytes_clear(&c->packet);
	bytes_add_string(&c->packet, h->name);
	bytes_add_string(&c->packet, value);
	return command_packet(c, SMFIC_HEADER);
}

int
milter_client_eoh(struct milter_client *c)
{
	return command(c, SMFIC_EOH, NULL, 0);
}

int
milter_client_body(struct milter_client *c, const char *bytes, size_t len,
    size_t chunk)
{
	int reply = MILTER_NO_REPLY;
	size_t n;

	if (chunk == 0)
		chunk = BODY_CHUNK;
	for (; len > 0; bytes += n, len -= n) {
		n = len < chunk ? len : chunk;
		reply = command(c, SMFIC_BODY, bytes, n);
		if (reply != MILTER_NO_REPLY && reply != SMFIR_CONTINUE)
			break;
	}
	return reply;
}

int
milter_client_eom(struct milter_client *c)
{
	return command(c, SMFIC_BODYEOB, NULL, 0);
}

int
milter_client_abort(struct milter_client *c)
{
	milter_client_send(c, SMFIC_ABORT, NULL, 0);
	return 0;
}

int
milter_client_quit(struct milter_client *c)
{
	int r;

	milter_client_send(c, SMFIC_QUIT, NULL, 0);
	r = milter_client_flush(c);
	milter_client_close(c);
	return r;
}

int
milter_client_quit_nc(struct milter_client *c)
{
	milter_client_send(c, SMFIC_QUIT_NC, NULL, 0);
	return 0;
}
