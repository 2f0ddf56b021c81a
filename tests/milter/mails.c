/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mails of the tests: made, looked into, compared.
 */
#include "milter_tests.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

const char *
fault(const char *format, ...)
{
	static _Thread_local char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return text;
}

void
assert_no_fault(const char *what, const char *file, int line)
{
	if (what == NULL)
		return;
	print_error("%s\n", what);
	_fail(file, line);
}

/*
 * Making mails
 */

void
mail_read(struct milter_message *mail, const char *name)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%s.eml", suite.corpus, name);
	if (milter_message_read(mail, path) != 0)
		fail_msg("%s: %s", path, strerror(errno));
}

void
mail_make(struct milter_message *mail, const char *text)
{
	assert_int_equal(milter_message_parse(mail, text, strlen(text)), 0);
}

void
mail_copy(struct milter_message *mail, const struct milter_message *from)
{
	size_t len;
	char *text = milter_message_format(from, true, &len);

	assert_non_null(text);
	assert_int_equal(milter_message_parse(mail, text, len), 0);
	free(text);
}

void
mail_add_field(struct milter_message *mail, size_t at, const char *name,
    const char *value)
{
	struct milter_header *headers = realloc(mail->headers,
	    (mail->nheaders + 1) * sizeof *headers);

	assert_non_null(headers);
	mail->headers = headers;
	memmove(&headers[at + 1], &headers[at],
	    (mail->nheaders - at) * sizeof *headers);
	headers[at] = (struct milter_header){ strdup(name), strdup(value) };
	assert_non_null(headers[at].name);
	assert_non_null(headers[at].value);
	mail->nheaders++;
}

bool
is_ours(const struct milter_header *field)
{
	return strcasecmp(field->name, "Bounce-Cause") == 0 ||
	    strcasecmp(field->name, "Bounce-Explanation") == 0;
}

void
mail_strip(struct milter_message *mail)
{
	size_t n = 0;

	for (size_t i = 0; i < mail->nheaders; i++) {
		if (is_ours(&mail->headers[i])) {
			free(mail->headers[i].name);
			free(mail->headers[i].value);
		} else {
			mail->headers[n++] = mail->headers[i];
		}
	}
	mail->nheaders = n;
}

void
mail_pad(struct milter_message *mail, size_t body_len)
{
	static const char line[] = "All work makes a dull mail.\r\n";
	char *body = realloc(mail->body, body_len);
	size_t len = mail->body_len;

	assert_true(body_len >= len + 2);
	assert_non_null(body);
	while (body_len - len >= 2 * sizeof line) {
		memcpy(body + len, line, sizeof line - 1);
		len += sizeof line - 1;
	}
	memset(body + len, 'x', body_len - len - 2);
	memcpy(body + body_len - 2, "\r\n", 2);
	mail->body = body;
	mail->body_len = body_len;
}

/*
 * Looking into mails
 */

size_t
mail_fields(const struct milter_message *mail, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < mail->nheaders; i++)
		n += strcasecmp(mail->headers[i].name, name) == 0;
	return n;
}

const char *
mail_field(const struct milter_message *mail, const char *name, size_t n)
{
	for (size_t i = 0; i < mail->nheaders; i++)
		if (strcasecmp(mail->headers[i].name, name) == 0 && --n == 0)
			return mail->headers[i].value;
	return NULL;
}

bool
mail_says(const struct milter_message *mail, const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i + len <= mail->body_len; i++)
		if (memcmp(mail->body + i, text, len) == 0)
			return true;
	return false;
}

/*
 * Is the byte one of a boundary of ours? Those are made from the header's
 * bytes, and MTAs hand on the blanks in it each in their way. The name is
 * "=_why_", 16 digits, "_" and a digit.
 */
static bool
in_boundary(const struct milter_message *mail, size_t at)
{
	static const char mark[] = "=_why_";
	const size_t len = sizeof mark - 1, digits = 16;

	for (size_t k = len; k < len + digits && k <= at; k++)
		if (memcmp(mail->body + at - k, mark, len) == 0)
			return true;
	return false;
}

/* Where the bodies differ first; the shorter one's length if nowhere. */
static size_t
body_difference(const struct milter_message *a, const struct milter_message *b)
{
	size_t at = 0;

	while (at < a->body_len && at < b->body_len &&
	    (a->body[at] == b->body[at] ||
	    (in_boundary(a, at) && in_boundary(b, at))))
		at++;
	return at;
}

const char *
mail_fault(const struct milter_message *mail, const struct milter_message *want)
{
	size_t least = mail->nheaders < want->nheaders ? mail->nheaders :
	    want->nheaders, at;

	for (size_t i = 0; i < least; i++) {
		const struct milter_header *a = &mail->headers[i];
		const struct milter_header *b = &want->headers[i];

		if (strcmp(a->name, b->name) != 0 ||
		    strcmp(a->value, b->value) != 0)
			return fault("field %zu\ngot  %.200s:%.200s\n"
			    "want %.200s:%.200s", i + 1, a->name, a->value,
			    b->name, b->value);
	}
	if (mail->nheaders != want->nheaders)
		return fault("%zu fields instead of %zu", mail->nheaders,
		    want->nheaders);
	at = body_difference(mail, want);
	if (at < mail->body_len || at < want->body_len)
		return fault("body of %zu bytes instead of %zu; at %zu\n"
		    "got  \"%.*s\"\nwant \"%.*s\"", mail->body_len,
		    want->body_len, at,
		    (int)(mail->body_len - at > 80 ? 80 :
		    mail->body_len - at), mail->body + at,
		    (int)(want->body_len - at > 80 ? 80 :
		    want->body_len - at), want->body + at);
	return NULL;
}
