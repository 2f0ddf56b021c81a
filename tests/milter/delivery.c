/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What becomes of mails: by the command line, and by the daemon with either
 * MTA.
 */
#include "milter_tests.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONGEST_LINE 998	/* RFC 5322 */

/*
 * The command line, whose word counts
 */

/* In the child: becomes `whybounce filter`. */
static void __attribute__((noreturn))
run_filter(const struct milter_envelope *env, FILE *in, FILE *out)
{
	const char *args[16] = {
		suite.filter, "filter", "--strict", "-c",
		suite.daemon.settings, "-f", ""
	};
	size_t n = 7;

	for (size_t i = 0; i < env->nrecipients && n < COUNT(args) - 2; i++) {
		args[n++] = "-r";
		args[n++] = env->recipients[i];
	}
	dup2(fileno(in), 0);
	dup2(fileno(out), 1);
	/* execv() does not write to the strings. */
	execv(suite.filter, (char *const *)(uintptr_t)args);
	_exit(127);
}

void
filter_mail(struct milter_message *mail, const struct milter_message *from,
    const struct milter_envelope *env)
{
	FILE *in = tmpfile(), *out = tmpfile();
	char *text, *made;
	size_t len;
	int status;
	pid_t pid;

	text = milter_message_format(from, true, &len);
	assert_true(text != NULL && in != NULL && out != NULL);
	assert_int_equal(fwrite(text, 1, len, in), len);
	free(text);
	assert_int_equal(fflush(in), 0);
	rewind(in);
	fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		run_filter(env, in, out);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(fseek(out, 0, SEEK_END), 0);
	len = (size_t)ftell(out);
	rewind(out);
	made = malloc(len + 1);
	assert_non_null(made);
	assert_int_equal(fread(made, 1, len, out), len);
	fclose(in);
	fclose(out);
	assert_int_equal(milter_message_parse(mail, made, len), 0);
	free(made);
}

/*
 * Sending mails
 */

void
envelope_init(struct milter_envelope *env)
{
	static const struct milter_macro macros[] = {
		{ "{client_addr}", "192.0.2.25" },
		{ "{client_name}", "client.example.net" }
	};

	milter_envelope_init(env);
	env->macros = macros;
	env->nmacros = COUNT(macros);
}

struct milter_client *
client_open_to(const struct daemon *d, const struct milter_options *offer)
{
	static const struct milter_options all = MILTER_OFFER_ALL;
	struct milter_client *c = milter_client_new();
	struct milter_envelope env;
	struct milter_outcome outcome;

	assert_non_null(c);
	envelope_init(&env);
	if (milter_client_open(c, d->socket) != 0 ||
	    milter_client_negotiate(c, offer != NULL ? offer : &all) != 0 ||
	    milter_session(c, &env, &outcome) != 0)
		fail_msg("%s", milter_client_error(c));
	assert_int_equal(outcome.reply, SMFIR_CONTINUE);
	return c;
}

struct milter_client *
client_open(const struct milter_options *offer)
{
	return client_open_to(&suite.daemon, offer);
}

/* What no MTA would take in a field that is added, or make of it. */
static const char *
value_fault(const struct milter_change *change)
{
	const char *line = change->value;
	size_t len;

	for (const char *p = change->value; *p != '\0'; p++)
		if ((unsigned char)*p > 126 || (*p < ' ' && *p != '\n' &&
		    *p != '\t'))
			return fault("%s: byte %d in its value", change->name,
			    (unsigned char)*p);
	for (; *line != '\0'; line += len + (line[len] == '\n')) {
		len = strcspn(line, "\n");
		if (len > LONGEST_LINE)
			return fault("%s: line of %zu bytes", change->name,
			    len);
	}
	return NULL;
}

/* What was asked for in a form that one MTA or the other does not take. */
static const char *
changes_fault(const struct milter_changes *changes)
{
	const char *what = NULL;

	for (size_t i = 0; i < changes->n && what == NULL; i++) {
		const struct milter_change *change = &changes->list[i];

		if (change->kind != SMFIR_INSHEADER &&
		    change->kind != SMFIR_CHGHEADER)
			return fault("a change of kind '%c'", change->kind);
		if (change->kind == SMFIR_INSHEADER && change->index != 1)
			return fault("%s: inserted at %lu", change->name,
			    (unsigned long)change->index);
		if (change->kind == SMFIR_CHGHEADER && change->index == 0)
			return fault("%s: changed at 0", change->name);
		what = value_fault(change);
	}
	if (changes->body_split)
		return fault("the new body is not sent in one go");
	return what;
}

/* Bodies that are replaced have CRLF line ends, as libmilter says. */
static const char *
body_fault(const struct milter_changes *changes)
{
	const char *end = changes->body + changes->body_len;
	const char *lf = changes->body;

	if (changes->body_chunks == 0)
		return NULL;
	while ((lf = memchr(lf, '\n', (size_t)(end - lf))) != NULL) {
		if (lf == changes->body || lf[-1] != '\r')
			return fault("a bare LF at %td in the new body: "
			    "\"%.*s\"", lf - changes->body,
			    (int)(lf - changes->body > 60 ? 60 :
			    lf - changes->body),
			    lf - (lf - changes->body > 60 ? 60 :
			    lf - changes->body));
		lf++;
	}
	return NULL;
}

/* What the MTAs would deliver; a fault if they would differ. */
static const char *
delivered(const struct milter_changes *changes, const struct milter_message *in,
    struct milter_message *out)
{
	struct milter_message postfix;
	const char *what;

	if (milter_changes_apply(changes, MILTER_SENDMAIL, in, out) != 0)
		return fault("out of memory");
	if (milter_changes_apply(changes, MILTER_POSTFIX, in, &postfix) != 0) {
		milter_message_release(out);
		return fault("out of memory");
	}
	/* Postfix ends a last line that has no end. */
	if (changes->body_chunks > 0 && postfix.body_len == out->body_len + 2)
		postfix.body_len -= 2;
	what = mail_fault(&postfix, out);
	milter_message_release(&postfix);
	if (what == NULL)
		return NULL;
	milter_message_release(out);
	return fault("Postfix delivers what Sendmail does not");
}

const char *
deliver_fault(struct milter_client *c, const struct milter_envelope *env,
    const struct milter_message *in, struct milter_message *out)
{
	const struct milter_changes *changes = milter_client_changes(c);
	struct milter_outcome outcome;
	const char *what;

	if (milter_transact(c, env, in, &outcome) != 0)
		return fault("%s: %s", milter_command_name(outcome.command),
		    milter_client_error(c));
	if (outcome.reply != SMFIR_ACCEPT)
		return fault("%s at %s", milter_reply_name(outcome.reply),
		    milter_command_name(outcome.command));
	what = changes_fault(changes);
	if (what == NULL)
		what = body_fault(changes);
	return what != NULL ? what : delivered(changes, in, out);
}

const char *
send_fault(struct milter_client *c, const struct milter_envelope *env,
    const struct milter_message *in, const struct milter_message *want)
{
	struct milter_message out;
	const char *what = deliver_fault(c, env, in, &out);

	if (what != NULL)
		return what;
	what = mail_fault(&out, want != NULL ? want : in);
	milter_message_release(&out);
	if (what == NULL && want == NULL &&
	    (milter_client_changes(c)->n > 0 ||
	    milter_client_changes(c)->body_chunks > 0))
		return fault("changes that change nothing");
	return what;
}

void
deliver(struct milter_client *c, const struct milter_envelope *env,
    const struct milter_message *in, struct milter_message *out)
{
	assert_no_fault(deliver_fault(c, env, in, out), __FILE__, __LINE__);
}

const char *
filter_fault(struct milter_client *c, const struct milter_envelope *env,
    const struct milter_message *mail)
{
	struct milter_message want;
	const char *what;

	filter_mail(&want, mail, env);
	what = send_fault(c, env, mail, &want);
	milter_message_release(&want);
	return what;
}
