/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the daemon share: cmocka with what it needs before it, the
 * daemon that serves most of them, and mails with what is to come of them.
 * Unless they say otherwise, functions fail the test when something does not
 * work.
 */
#ifndef MILTER_TESTS_H
#define MILTER_TESTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon.h"
#include "milter_client.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/*
 * Tests come in lists that end with a NULL name. After each, the shared daemon
 * must still run, with its first settings again, and annotate a bounce.
 */
struct test {
	const char *name;
	void (*run)(void);
};

extern const struct test negotiation_tests[];
extern const struct test session_tests[];
extern const struct test annotation_tests[];
extern const struct test limit_tests[];
extern const struct test crowd_tests[];
extern const struct test operation_tests[];

struct suite {
	struct daemon daemon;
	const char *program;	/* whybounced */
	char filter[512];	/* whybounce, which lies beside it */
	const char *corpus;	/* folder of test mails */
};

extern struct suite suite;

/* The shared daemon goes on with these settings until the test is over. */
void	with_settings(const char *more);

/*
 * What is wrong, as text until the thread's next fault; NULL is nothing.
 */
const char *fault(const char *format, ...)
	    __attribute__((format(printf, 1, 2)));
void	assert_no_fault(const char *fault, const char *file, int line);

/*
 * Mails. All are released by milter_message_release().
 */

/* CORPUS/NAME.eml; or from a text with LF. */
void	mail_read(struct milter_message *, const char *name);
void	mail_make(struct milter_message *, const char *text);
void	mail_copy(struct milter_message *, const struct milter_message *);

/* Adds a field before the at-th. The value brings its leading space. */
void	mail_add_field(struct milter_message *, size_t at, const char *name,
	    const char *value);

/* Is it a field that only we add? Removes all of them. */
bool	is_ours(const struct milter_header *);
void	mail_strip(struct milter_message *);

/* Lengthens the body by lines of text to that length. */
void	mail_pad(struct milter_message *, size_t body_len);

/* How many fields have that name; the value of the n-th, from 1 on, or NULL. */
size_t	mail_fields(const struct milter_message *, const char *name);
const char *mail_field(const struct milter_message *, const char *name,
	    size_t n);

/* True if the body has that text. */
bool	mail_says(const struct milter_message *, const char *text);

/* An envelope as milter_envelope_init() makes it, with macros for the
 * client's name and address. */
void	envelope_init(struct milter_envelope *);

/* What `whybounce filter` makes of the mail with the daemon's settings. */
void	filter_mail(struct milter_message *out,
	    const struct milter_message *in, const struct milter_envelope *);

/*
 * Connections to the shared daemon
 */

/* Connects, negotiates and begins a session; an offer of NULL is today's. */
struct milter_client *client_open(const struct milter_options *offer);
struct milter_client *client_open_to(const struct daemon *,
	    const struct milter_options *offer);

/*
 * Sends the mail. All is well if a Postfix and a Sendmail would both deliver
 * `want` (NULL: `in`, and the milter asked for no change), and nothing was
 * asked for that RFC 5322 or the MTAs do not allow. The first does not fail
 * the test, and may be called by any thread.
 */
const char *send_fault(struct milter_client *, const struct milter_envelope *,
	    const struct milter_message *in,
	    const struct milter_message *want);

#define assert_sends(c, env, in, want) \
	assert_no_fault(send_fault((c), (env), (in), (want)), __FILE__, \
	    __LINE__)

/* The same, wanting what `whybounce filter` makes of the mail. */
#define assert_like_filter(c, env, in) \
	assert_no_fault(filter_fault((c), (env), (in)), __FILE__, __LINE__)
const char *filter_fault(struct milter_client *,
	    const struct milter_envelope *, const struct milter_message *in);

/* Sends the mail; `out` becomes what is delivered. The first does not fail the
 * test, and returns what is wrong: then there is no `out`. */
const char *deliver_fault(struct milter_client *,
	    const struct milter_envelope *, const struct milter_message *in,
	    struct milter_message *out);
void	deliver(struct milter_client *, const struct milter_envelope *,
	    const struct milter_message *in, struct milter_message *out);

/* Fails, showing where they differ first. */
#define assert_same_mail(mail, want) \
	assert_no_fault(mail_fault((mail), (want)), __FILE__, __LINE__)
const char *mail_fault(const struct milter_message *mail,
	    const struct milter_message *want);

/* A new connection, an ordinary bounce: annotated as it should be with the
 * first settings. */
void	assert_serves(void);
void	assert_daemon_serves(const struct daemon *);

#endif
