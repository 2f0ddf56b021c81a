/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole mails, sent command after command as Postfix sends them.
 */
#include "milter_client.h"

#include <stdlib.h>
#include <string.h>

#define BODY_CHUNK	65535			/* of Postfix and Sendmail */

void
milter_envelope_init(struct milter_envelope *env)
{
	static const char *const recipients[] = { "<user@example.org>" };

	memset(env, 0, sizeof *env);
	env->client_name = "client.example.net";
	env->client_address = "192.0.2.25";
	env->client_port = 25025;
	env->helo = "client.example.net";
	env->sender = "<>";
	env->recipients = recipients;
	env->nrecipients = 1;
	env->queue_id = "4XyZ1";
}

static bool
goes_on(int reply)
{
	return reply == MILTER_NO_REPLY || reply == SMFIR_CONTINUE ||
	    reply == SMFIR_SKIP;
}

/* Enters a stage of the outcome, with its macros. */
static int
begin(struct milter_client *c, const struct milter_envelope *env, int code,
    bool with_id, struct milter_outcome *out)
{
	struct milter_macro *macros;
	size_t n = 0;
	int r;

	out->command = code;
	macros = malloc((env->nmacros + 1) * sizeof *macros);
	if (macros == NULL)
		return MILTER_FAILED;
	if (with_id && env->queue_id != NULL)
		macros[n++] = (struct milter_macro){ "i", env->queue_id };
	if (env->nmacros > 0)
		memcpy(macros + n, env->macros, env->nmacros *
		    sizeof *macros);
	r = milter_client_macros(c, code, macros, n + env->nmacros);
	free(macros);
	return r;
}

/* Turns the last reply into the outcome. */
static int
decide(struct milter_outcome *out, int reply)
{
	out->reply = goes_on(reply) ? SMFIR_CONTINUE : reply;
	return reply == MILTER_FAILED ? -1 : 0;
}

int
milter_session(struct milter_client *c, const struct milter_envelope *env,
    struct milter_outcome *out)
{
	int reply;

	out->skipped = false;
	if (begin(c, env, SMFIC_CONNECT, false, out) != 0)
		return decide(out, MILTER_FAILED);
	reply = milter_client_connect(c, env->client_name, env->client_address,
	    env->client_port);
	if (!goes_on(reply))
		return decide(out, reply);
	if (begin(c, env, SMFIC_HELO, false, out) != 0)
		return decide(out, MILTER_FAILED);
	return decide(out, milter_client_helo(c, env->helo));
}

static int
transact_recipients(struct milter_client *c, const struct milter_envelope *env,
    struct milter_outcome *out)
{
	int reply, refusal = MILTER_NO_REPLY;
	size_t i, accepted = 0;

	for (i = 0; i < env->nrecipients; i++) {
		if (begin(c, env, SMFIC_RCPT, accepted > 0, out) != 0)
			return MILTER_FAILED;
		reply = milter_client_rcpt(c, env->recipients[i], NULL);
		if (goes_on(reply))
			accepted++;
		else if (reply == SMFIR_REJECT || reply == SMFIR_TEMPFAIL ||
		    reply == SMFIR_REPLYCODE)
			refusal = reply;
		else
			return reply;
	}
	return accepted > 0 ? MILTER_NO_REPLY : refusal;
}

static int
transact_envelope(struct milter_client *c, const struct milter_envelope *env,
    struct milter_outcome *out)
{
	int reply;

	if (begin(c, env, SMFIC_MAIL, false, out) != 0)
		return MILTER_FAILED;
	reply = milter_client_mail(c, env->sender, NULL);
	if (goes_on(reply))
		reply = transact_recipients(c, env, out);
	if (!goes_on(reply))
		return reply;
	if (begin(c, env, SMFIC_DATA, true, out) != 0)
		return MILTER_FAILED;
	return milter_client_data(c);
}

static int
transact_headers(struct milter_client *c, const struct milter_envelope *env,
    const struct milter_message *msg, struct milter_outcome *out)
{
	int reply = MILTER_NO_REPLY;
	size_t i, n = msg->nheaders;

	if (milter_client_agreed(c)->steps & SMFIP_NOHDRS)
		n = 0;
	for (i = 0; i < n && goes_on(reply); i++) {
		if (begin(c, env, SMFIC_HEADER, true, out) != 0)
			return MILTER_FAILED;
		reply = milter_client_header(c, &msg->headers[i]);
	}
	if (!goes_on(reply) ||
	    (milter_client_agreed(c)->steps & SMFIP_NOEOH))
		return reply;
	if (begin(c, env, SMFIC_EOH, true, out) != 0)
		return MILTER_FAILED;
	return milter_client_eoh(c);
}

static int
transact_body(struct milter_client *c, const struct milter_envelope *env,
    const struct milter_message *msg, struct milter_outcome *out)
{
	size_t chunk = env->chunk > 0 ? env->chunk : BODY_CHUNK;
	size_t pos, n, len = msg->body_len;
	int reply = MILTER_NO_REPLY;

	if (milter_client_agreed(c)->steps & SMFIP_NOBODY)
		len = 0;
	for (pos = 0; pos < len && goes_on(reply) && !out->skipped; pos += n) {
		n = len - pos < chunk ? len - pos : chunk;
		if (begin(c, env, SMFIC_BODY, true, out) != 0)
			return MILTER_FAILED;
		reply = milter_client_body(c, msg->body + pos, n, n);
		out->skipped = reply == SMFIR_SKIP;
	}
	if (!goes_on(reply))
		return reply;
	if (begin(c, env, SMFIC_BODYEOB, true, out) != 0)
		return MILTER_FAILED;
	return milter_client_eom(c);
}

int
milter_transact(struct milter_client *c, const struct milter_envelope *env,
    const struct milter_message *msg, struct milter_outcome *out)
{
	int reply;

	out->skipped = false;
	reply = transact_envelope(c, env, out);
	if (goes_on(reply))
		reply = transact_headers(c, env, msg, out);
	if (goes_on(reply))
		reply = transact_body(c, env, msg, out);
	if (reply != MILTER_FAILED && out->command != SMFIC_BODYEOB)
		milter_client_abort(c);
	return decide(out, reply);
}
