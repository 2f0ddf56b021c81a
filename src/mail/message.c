/* SPDX-License-Identifier: BSD-2-Clause */
#include "mail/message.h"

#include <string.h>

#include "base/ascii.h"
#include "mail/charset.h"

/* The state of one pass over the bytes. */
struct parser {
	struct message *message;
	const struct limits *limits;
	struct span rest;	/* what is not read yet */
	size_t parts;
};

/* A delimiter line that was met: whose, and is it the closing one? */
struct delimiter {
	const struct part *owner;	/* NULL: the bytes ended */
	bool closing;
	const char *line;		/* where it starts */
};

/*
 * Is line the delimiter of some multipart from part upwards? A line that only
 * begins as one is none here, but RFC 2046 section 5.1.1 lets readers take it.
 */
static bool
is_delimiter(struct message *message, const struct part *part,
    struct span line, struct delimiter *delimiter)
{
	bool begins = false;

	while (line.len > 0 && ascii_is_blank(line.p[line.len - 1]))
		line.len--;
	line = span_from(line, 2);
	for (; part != NULL; part = part->parent) {
		struct span end;

		if (part->boundary.p == NULL ||
		    line.len < part->boundary.len ||
		    memcmp(line.p, part->boundary.p, part->boundary.len) != 0)
			continue;
		end = span_from(line, part->boundary.len);
		if (end.len > 0 && !span_equal(end, SPAN("--"))) {
			begins = true;
			continue;
		}
		delimiter->owner = part;
		delimiter->closing = end.len > 0;
		return true;
	}
	if (begins)
		message->flags |= MESSAGE_DOUBTFUL;
	return false;
}

/* Returns the bytes from start up to the line end in front of a delimiter. */
static struct span
content_before(const char *start, const char *delimiter)
{
	struct span content = { start, (size_t)(delimiter - start) };

	if (content.len > 0 && content.p[content.len - 1] == '\n')
		content.len--;
	if (content.len > 0 && content.p[content.len - 1] == '\r')
		content.len--;
	return content;
}

/* Returns where in s, which begins a line, the next line begins that starts
 * with "--"; SPAN_NONE if none does. Dashes are rarer than lines. */
static size_t
find_dashes(struct span s)
{
	size_t at = 0, next;

	while ((next = span_find_char(span_from(s, at), '-')) != SPAN_NONE) {
		at += next;
		if (at + 1 < s.len && s.p[at + 1] == '-' &&
		    (at == 0 || s.p[at - 1] == '\n'))
			return at;
		while (at < s.len && s.p[at] == '-')
			at++;
	}
	return SPAN_NONE;
}

/*
 * Reads lines up to a delimiter of part or of one above it, and past that
 * delimiter. Returns the bytes in front, without the line end that belongs
 * to the delimiter (RFC 2046 section 5.1.1).
 */
static struct span
read_until_delimiter(struct parser *parser, const struct part *part,
    struct delimiter *delimiter)
{
	const char *start = parser->rest.p;
	struct span line;
	size_t at;

	*delimiter = (struct delimiter){ NULL, false, NULL };
	while ((at = find_dashes(parser->rest)) != SPAN_NONE) {
		parser->rest = span_from(parser->rest, at);
		span_next_line(&parser->rest, &line);
		if (!is_delimiter(parser->message, part, line, delimiter))
			continue;
		delimiter->line = line.p;
		return content_before(start, line.p);
	}
	parser->rest = span_from(parser->rest, parser->rest.len);
	return (struct span){ start, (size_t)(parser->rest.p - start) };
}

static struct part *
new_part(struct parser *parser, struct part *parent)
{
	struct part *part = arena_alloc(parser->message->arena, sizeof(*part));

	if (part == NULL)
		return NULL;
	part->parent = parent;
	part->depth = parent == NULL ? 0 : parent->depth + 1;
	parser->parts++;
	return part;
}

/* The tspecials of RFC 2045 section 5.1. */
static bool
is_special(char c)
{
	switch (c) {
	case '(': case ')': case '<': case '>': case '@':
	case ',': case ';': case ':': case '\\': case '"':
	case '/': case '[': case ']': case '?': case '=':
		return true;
	}
	return false;
}

/* Is it a token of the same section? */
static bool
is_token(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_graph(s.p[i]) || is_special(s.p[i]))
			return false;
	return s.len > 0;
}

/* Does a quoted string in it never end? */
static bool
has_open_quote(struct span value)
{
	bool quoted = false;

	for (size_t i = 0; i < value.len; i++) {
		if (value.p[i] == '\\' && quoted)
			i++;
		else if (value.p[i] == '"')
			quoted = !quoted;
	}
	return quoted;
}

/*
 * Do readers differ on how a part is to be read? They do where a field that
 * tells it stands twice, or is not written as RFC 2045 has it.
 */
static bool
is_doubtful(const struct part *part)
{
	static const char encoding[] = "Content-Transfer-Encoding";
	struct span type = header_value(&part->headers, "Content-Type");
	struct span coded = span_trim(header_value(&part->headers, encoding));
	size_t slash = span_find_char(part->type, '/');

	if (header_count(&part->headers, "Content-Type") > 1 ||
	    header_count(&part->headers, encoding) > 1 ||
	    (coded.len > 0 && !is_token(coded)))
		return true;
	return type.p != NULL && (slash == SPAN_NONE ||
	    !is_token(span_first(part->type, slash)) ||
	    !is_token(span_from(part->type, slash + 1)) ||
	    has_open_quote(type));
}

/* Reads the part's header block and what it says of the body. */
static void
read_header(struct parser *parser, struct part *part)
{
	struct arena *arena = parser->message->arena;
	struct span type, boundary;
	unsigned flags;
	size_t len;

	len = header_parse(arena, parser->rest, parser->limits,
	    &part->headers, &flags);
	part->head = span_first(parser->rest, len);
	parser->rest = span_from(parser->rest, len);
	/* A part may end with its header: a delimiter follows. */
	part->broken = flags & HEADER_BAD_LINE && (part->parent == NULL ||
	    !span_starts_nocase(parser->rest, SPAN("--")));
	if (part->broken)
		parser->message->flags |= MESSAGE_BAD_HEADER;
	if (flags & HEADER_OVERFLOW)
		parser->message->flags |= MESSAGE_OVERFLOW;
	type = header_value(&part->headers, "Content-Type");
	if (type.len > parser->limits->type) {
		parser->message->flags |= MESSAGE_OVERFLOW;
		type = SPAN_ABSENT;
	}
	part->content_type = header_uncomment(arena, type);
	part->type = value_main(part->content_type);
	part->doubtful = is_doubtful(part);
	part->encoding = encoding_of(arena, header_value(&part->headers,
	    "Content-Transfer-Encoding"));
	if (!part_is_multipart(part))
		return;
	boundary = value_parameter(arena, part->content_type, "boundary");
	/* RFC 2046 allows 70 characters; an empty one delimits nothing. */
	if (boundary.len == 0 || boundary.len > 998)
		return;
	if (part->depth >= parser->limits->depth)
		parser->message->flags |= MESSAGE_OVERFLOW;
	else
		part->boundary = boundary;
	for (const struct part *up = part->parent; up != NULL; up = up->parent)
		if (span_equal(up->boundary, boundary))
			parser->message->flags |= MESSAGE_DOUBTFUL;
}

static struct delimiter read_part(struct parser *parser, struct part *part);

/* Reads the children of a multipart; returns the delimiter after it. */
static struct delimiter
read_children(struct parser *parser, struct part *part)
{
	struct delimiter delimiter;
	struct part **link = &part->first_child;

	read_until_delimiter(parser, part, &delimiter);	/* the preamble */
	while (delimiter.owner == part && !delimiter.closing) {
		struct part *child = parser->parts < parser->limits->parts ?
		    new_part(parser, part) : NULL;

		if (child == NULL) {	/* what follows is not looked at */
			parser->message->flags |= MESSAGE_OVERFLOW;
			parser->rest = span_from(parser->rest,
			    parser->rest.len);
			delimiter.owner = NULL;
			break;
		}
		*link = child;
		link = &child->next;
		delimiter = read_part(parser, child);
	}
	if (delimiter.owner == part) {
		part->closed = true;
		if (part->parent != NULL)	/* the epilogue */
			read_until_delimiter(parser, part->parent, &delimiter);
	}
	return delimiter;
}

/* Reads one part, header and body; returns the delimiter that ended it. */
static struct delimiter
read_part(struct parser *parser, struct part *part)
{
	struct delimiter delimiter = { NULL, false, NULL };
	const char *start;

	read_header(parser, part);
	start = parser->rest.p;
	if (part->boundary.p == NULL) {
		part->body = read_until_delimiter(parser, part->parent,
		    &delimiter);
		return delimiter;
	}
	delimiter = read_children(parser, part);
	if (delimiter.owner == NULL || part->parent == NULL)
		part->body = (struct span){ start, (size_t)(parser->rest.p +
		    parser->rest.len - start) };
	else if (part->closed)
		part->body = content_before(start, delimiter.line);
	else
		part->body = (struct span){ start, (size_t)(delimiter.line -
		    start) };
	if (!part->closed)
		parser->message->flags |= MESSAGE_UNCLOSED;
	return delimiter;
}

static struct span
skip_mbox_line(struct span bytes)
{
	struct span line;

	/* "From :" is a field (RFC 5322 section 4.5.8). */
	if (bytes.len >= 5 && memcmp(bytes.p, "From ", 5) == 0 &&
	    (bytes.len == 5 || bytes.p[5] != ':'))
		span_next_line(&bytes, &line);
	return bytes;
}

/*
 * How lines end: as the one that ends the header, since a milter gets folds
 * with LF alone; else as the first.
 */
static const char *
line_end(struct span head, struct span bytes)
{
	size_t newline = head.len > 0 ? span_find_last_char(head, '\n') :
	    span_find_char(bytes, '\n');

	if (newline != SPAN_NONE && newline > 0 && bytes.p[newline - 1] == '\r')
		return "\r\n";
	return "\n";
}

bool
message_parse(struct message *message, struct arena *arena,
    struct span bytes, const struct limits *limits)
{
	struct parser parser = { .message = message, .limits = limits };

	*message = (struct message){ .arena = arena };
	message->bytes = skip_mbox_line(bytes);
	parser.rest = message->bytes;
	if (parser.rest.len > limits->message) {
		parser.rest.len = limits->message;
		message->flags |= MESSAGE_TRUNCATED;
	}
	if (span_find_char(parser.rest, '\0') != SPAN_NONE)
		message->flags |= MESSAGE_NULS;
	if (!charset_is_ascii(parser.rest))
		message->flags |= MESSAGE_8BIT;
	message->root = new_part(&parser, NULL);
	if (message->root == NULL)
		return false;
	read_part(&parser, message->root);
	message->eol = line_end(message->root->head, message->bytes);
	return !arena->failed;
}

bool
part_is(const struct part *part, const char *type)
{
	return span_equal_nocase(part->type, span_of(type));
}

bool
part_is_multipart(const struct part *part)
{
	return span_starts_nocase(part->type, SPAN("multipart/"));
}

bool
part_is_attachment(const struct part *part)
{
	return span_starts_nocase(span_trim(header_value(&part->headers,
	    "Content-Disposition")), SPAN("attachment"));
}

const struct part *
part_after(const struct part *part)
{
	if (part->first_child != NULL)
		return part->first_child;
	while (part != NULL && part->next == NULL)
		part = part->parent;
	return part == NULL ? NULL : part->next;
}

const struct part *
part_find(const struct part *part, const char *type)
{
	while (part != NULL && !part_is(part, type))
		part = part_after(part);
	return part;
}

struct span
part_parameter(struct arena *arena, const struct part *part, const char *name)
{
	return value_parameter(arena, part->content_type, name);
}

struct span
part_text(struct arena *arena, const struct part *part, size_t limit)
{
	struct span text = encoding_decode(arena, part->encoding,
	    span_first(part->body, limit));

	/* Cut inside a character, all of it would not be taken for UTF-8. */
	if (part->body.len > limit)
		text = charset_whole(text);
	return charset_cut(charset_to_utf8(arena, part_parameter(arena, part,
	    "charset"), text, NULL), limit);
}
