/* SPDX-License-Identifier: BSD-2-Clause */
#include "edit/leaf.h"

#include <stdint.h>
#include <stdio.h>
#include <unistr.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "mail/charset.h"
#include "mail/codec.h"
#include "mail/markup.h"

/* How a leaf takes a text. */
struct plan {
	/* The header fields that must change; absent: as they are. */
	struct span content_type;
	const char *encoding;
	/* The body: kept, with insert at an offset of it; or made anew. */
	bool keep_body;
	size_t offset;
	struct span insert;
	struct span body;
};

static size_t
offset_of(const struct message *message, const char *p)
{
	return (size_t)(p - message->bytes.p);
}

/* Returns text with the line ends of the message. */
static struct span
with_eol(const struct message *message, struct span text)
{
	struct span eol = span_of(message->eol), line;
	struct buf out;

	if (eol.len == 1)
		return text;
	buf_init(&out, message->arena);
	buf_reserve(&out, text.len + text.len / 16);
	while (span_next_line(&text, &line)) {
		buf_add_span(&out, line);
		if (line.p + line.len < text.p)
			buf_add_span(&out, eol);
	}
	return buf_span(&out);
}

static struct span
quoted_printable(const struct message *message, struct span text)
{
	struct buf out;

	buf_init(&out, message->arena);
	buf_reserve(&out, text.len + text.len / 4);
	quoted_printable_encode(&out, text, message->eol);
	return buf_span(&out);
}

/* Is the parameter that starts at s the given one? */
static bool
is_parameter(struct span s, struct span name)
{
	s = span_trim(s);
	if (!span_starts_nocase(s, name))
		return false;
	s = span_trim(span_from(s, name.len));
	return s.len > 0 && (s.p[0] == '=' || s.p[0] == '*');
}

/* A NUL would end the field: libmilter takes it as a string. */
static struct span
without_nul(const struct message *message, struct span value)
{
	struct buf out;

	if (span_find_char(value, '\0') == SPAN_NONE)
		return value;
	buf_init(&out, message->arena);
	for (size_t i = 0; i < value.len; i++)
		if (value.p[i] != '\0')
			buf_add_char(&out, value.p[i]);
	return buf_span(&out);
}

/*
 * Returns the Content-Type of a leaf with its charset made UTF-8 and every
 * other parameter as it is.
 */
static struct span
utf8_content_type(const struct message *message, const struct part *leaf)
{
	struct span old = without_nul(message, leaf->content_type);
	size_t start = 0, end;
	struct buf out;

	buf_init(&out, message->arena);
	if (span_trim(old).len == 0)
		old = SPAN("text/plain");
	while (start <= old.len) {
		struct span item;
		bool quoted = false;

		for (end = start; end < old.len &&
		    (quoted || old.p[end] != ';'); end++) {
			if (old.p[end] == '\\' && quoted)
				end++;
			else if (old.p[end] == '"')
				quoted = !quoted;
		}
		if (end > old.len)
			end = old.len;
		item = span_trim(span_first(span_from(old, start),
		    end - start));
		if (start == 0) {
			buf_add_span(&out, item);
			buf_add_string(&out, "; charset=utf-8");
		} else if (item.len > 0 && !is_parameter(item,
		    SPAN("charset"))) {
			buf_add_string(&out, ";\n\t");
			buf_add_span(&out, item);
		}
		start = end + 1;
	}
	return buf_span(&out);
}

/* Content that is decoded to UTF-8, and whether nothing was lost by it. */
struct decoded {
	struct span text;
	bool whole;
};

static struct decoded
decode(const struct message *message, const struct part *leaf)
{
	struct span charset = part_parameter(message->arena, leaf, "charset");
	struct decoded decoded;
	unsigned flags;

	decoded.text = charset_to_utf8_exact(message->arena, charset,
	    encoding_decode(message->arena, leaf->encoding, leaf->body),
	    &flags);
	decoded.whole = decoded.text.p != NULL &&
	    (!(flags & CHARSET_GUESSED) || charset.len == 0);
	return decoded;
}

/* The leaf becomes UTF-8 in quoted-printable, with text at an offset. */
static const char *
plan_anew(struct plan *plan, const struct message *message,
    const struct part *leaf, struct span text, bool at_body)
{
	struct decoded decoded = decode(message, leaf);
	size_t offset;
	struct buf out;

	if (!encoding_is_sound(leaf->encoding, leaf->body))
		return "its encoded text is damaged";
	if (!decoded.whole)
		return "its charset cannot be converted";
	if (text.len == 0) {
		plan->keep_body = true;
		return NULL;
	}
	offset = at_body ? markup_body_start(decoded.text) : 0;
	buf_init(&out, message->arena);
	buf_add_span(&out, span_first(decoded.text, offset));
	buf_add_span(&out, text);
	buf_add_span(&out, span_from(decoded.text, offset));
	plan->content_type = utf8_content_type(message, leaf);
	plan->encoding = "quoted-printable";
	plan->body = quoted_printable(message, buf_span(&out));
	return NULL;
}

/* Does the leaf hold bytes that only its charset explains? */
static bool
is_plain_ascii(const struct message *message, const struct part *leaf)
{
	struct span bytes = encoding_decode(message->arena, leaf->encoding,
	    leaf->body);

	return charset_is_ascii(bytes) &&
	    span_find_char(bytes, '\033') == SPAN_NONE;
}

static bool
is_named_utf8(struct span charset)
{
	return span_equal_nocase(charset, SPAN("utf-8")) ||
	    span_equal_nocase(charset, SPAN("utf8"));
}

/* ASCII lines of format=flowed are stuffed (RFC 3676 section 4.4). */
static struct span
stuffed(const struct message *message, const struct part *leaf,
    struct span text)
{
	struct span line;
	struct buf out;

	if (!span_equal_nocase(part_parameter(message->arena, leaf, "format"),
	    SPAN("flowed")))
		return text;
	buf_init(&out, message->arena);
	while (span_next_line(&text, &line)) {
		if (line.len > 0 && line.p[0] == ' ')
			buf_add_char(&out, ' ');
		buf_add_span(&out, line);
		buf_add_char(&out, '\n');
	}
	return buf_span(&out);
}

static const char *
plan_text(struct plan *plan, const struct message *message,
    const struct part *leaf, struct span text)
{
	struct span charset = part_parameter(message->arena, leaf, "charset");
	bool ascii = charset_is_ascii(text);
	bool extends = charset_extends_ascii(charset);
	bool eight_bit = leaf->encoding == ENCODING_8BIT ||
	    leaf->encoding == ENCODING_BINARY;

	*plan = (struct plan){ .keep_body = false };
	if (leaf->encoding == ENCODING_UNKNOWN)
		return "its transfer encoding is not known";
	text = stuffed(message, leaf, text);
	/* A charset nobody knows does no harm while the bytes are ASCII. */
	if (!extends && is_plain_ascii(message, leaf) &&
	    charset_to_utf8(message->arena, charset, SPAN("+AGE-"),
	    NULL).len == 5)
		extends = true;
	if (leaf->encoding == ENCODING_BASE64 || !extends)
		return plan_anew(plan, message, leaf, text, false);
	plan->keep_body = true;
	if (ascii || (eight_bit && is_named_utf8(charset))) {
		plan->insert = leaf->encoding == ENCODING_QUOTED_PRINTABLE ?
		    quoted_printable(message, text) : with_eol(message, text);
		return NULL;
	}
	if (leaf->encoding == ENCODING_QUOTED_PRINTABLE &&
	    (is_named_utf8(charset) || is_plain_ascii(message, leaf))) {
		plan->insert = quoted_printable(message, text);
		if (!is_named_utf8(charset))
			plan->content_type = utf8_content_type(message, leaf);
		return NULL;
	}
	plan->keep_body = false;
	return plan_anew(plan, message, leaf, text, false);
}

/* Returns HTML in ASCII: everything else as a character reference. */
static struct span
ascii_html(const struct message *message, struct span html)
{
	struct buf out;

	buf_init(&out, message->arena);
	while (html.len > 0) {
		ucs4_t c;
		int len = u8_mbtouc(&c, (const uint8_t *)html.p, html.len);

		if (c < 0x80) {
			buf_add_char(&out, (char)c);
		} else {
			buf_add_string(&out, "&#");
			buf_add_number(&out, c);
			buf_add_char(&out, ';');
		}
		html = span_from(html, (size_t)len);
	}
	return buf_span(&out);
}

static size_t
blanks_at(struct span s)
{
	size_t n = 0;

	while (n < s.len && ascii_is_blank(s.p[n]))
		n++;
	return n;
}

static bool
ends_line(struct span s)
{
	return s.len == 0 || s.p[0] == '\n' ||
	    (s.len > 1 && s.p[0] == '\r' && s.p[1] == '\n');
}

/*
 * Returns where in quoted-printable text the byte stands that becomes byte
 * number wanted when it is decoded; SPAN_NONE if it cannot be told.
 */
static size_t
quoted_printable_offset(struct span encoded, size_t wanted)
{
	size_t at = 0, decoded = 0;

	while (decoded < wanted && at < encoded.len) {
		struct span rest = span_from(encoded, at);
		size_t blanks = blanks_at(rest);

		if (blanks > 0 && ends_line(span_from(rest, blanks))) {
			at += blanks;	/* decoding drops them */
		} else if (rest.p[0] != '=') {
			size_t n = blanks > 0 ? blanks : 1;

			if (n > wanted - decoded)
				n = wanted - decoded;
			at += n;
			decoded += n;
		} else if (rest.len > 2 && ascii_hex_value(rest.p[1]) >= 0 &&
		    ascii_hex_value(rest.p[2]) >= 0) {
			at += 3;
			decoded++;
		} else if (ends_line(span_from(rest, 1 +
		    blanks_at(span_from(rest, 1))))) {
			size_t newline = span_find_char(rest, '\n');

			at += newline == SPAN_NONE ? rest.len : newline + 1;
		} else {
			return SPAN_NONE;
		}
	}
	return decoded == wanted ? at : SPAN_NONE;
}

static const char *
plan_html(struct plan *plan, const struct message *message,
    const struct part *leaf, struct span html)
{
	struct span charset = part_parameter(message->arena, leaf, "charset");
	struct buf out;

	*plan = (struct plan){ .keep_body = true };
	if (leaf->encoding == ENCODING_UNKNOWN)
		return "its transfer encoding is not known";
	if (leaf->encoding == ENCODING_BASE64 ||
	    !charset_extends_ascii(charset)) {
		plan->keep_body = false;
		return plan_anew(plan, message, leaf, html, true);
	}
	html = ascii_html(message, html);
	buf_init(&out, message->arena);
	if (leaf->encoding == ENCODING_QUOTED_PRINTABLE) {
		plan->offset = quoted_printable_offset(leaf->body,
		    markup_body_start(quoted_printable_decode(message->arena,
		    leaf->body)));
		if (plan->offset == SPAN_NONE)
			return "its encoded text is damaged";
		/* Soft breaks keep the lines on both sides as they are. */
		buf_add_char(&out, '=');
		buf_add_string(&out, message->eol);
		quoted_printable_encode(&out, html, message->eol);
	} else {
		plan->offset = markup_body_start(leaf->body);
		buf_add_string(&out, message->eol);
		buf_add_span(&out, with_eol(message, html));
	}
	plan->insert = buf_span(&out);
	return NULL;
}

/* Replaces a field of the message's own header, or adds it. */
static void
edit_root_field(struct edit_list *list, const struct message *message,
    const char *name, struct span value)
{
	bool there = header_value(&message->root->headers, name).p != NULL;

	edit_add_header(list, message->arena, (struct header_edit){
	    .operation = there ? HEADER_REPLACE : HEADER_INSERT,
	    .name = name, .nth = there ? 1 : 0, .value = value });
}

/* The bytes of a field with its line end, in a part's head. */
static struct span
field_bytes(const struct part *part, const struct header *field)
{
	const char *end = field->value.p + field->value.len;
	const char *head_end = part->head.p + part->head.len;

	if (end < head_end && *end == '\r')
		end++;
	if (end < head_end && *end == '\n')
		end++;
	return (struct span){ field->name.p, (size_t)(end - field->name.p) };
}

static void
add_field(const struct message *message, struct buf *out, const char *name,
    struct span value)
{
	buf_add_string(out, name);
	buf_add_string(out, ": ");
	buf_add_span(out, with_eol(message, value));
	buf_add_string(out, message->eol);
}

/* The leaf's two fields as the plan wants them. */
static struct span
new_fields(const struct message *message, const struct part *leaf,
    const struct plan *plan)
{
	const struct header *field;
	struct buf out;

	buf_init(&out, message->arena);
	field = header_next(&leaf->headers, "Content-Type", NULL);
	if (plan->content_type.p != NULL)
		add_field(message, &out, "Content-Type", plan->content_type);
	else if (field != NULL)
		buf_add_span(&out, field_bytes(leaf, field));
	field = header_next(&leaf->headers, "Content-Transfer-Encoding", NULL);
	if (plan->encoding != NULL)
		add_field(message, &out, "Content-Transfer-Encoding",
		    span_of(plan->encoding));
	else if (field != NULL)
		buf_add_span(&out, field_bytes(leaf, field));
	return buf_span(&out);
}

/*
 * Replaces the Content-Type and Content-Transfer-Encoding fields in the head
 * of a part below the top by fields.
 */
static void
edit_part_fields(struct edit_list *list, const struct message *message,
    const struct part *leaf, struct span fields)
{
	bool placed = false;

	for (size_t i = 0; i < leaf->headers.n; i++) {
		const struct header *field = &leaf->headers.v[i];
		struct span bytes = field_bytes(leaf, field);
		size_t from = offset_of(message, bytes.p);

		if (!span_equal_nocase(field->name, SPAN("Content-Type")) &&
		    !span_equal_nocase(field->name,
		    SPAN("Content-Transfer-Encoding")))
			continue;
		edit_add_body(list, message->arena, from, from + bytes.len,
		    placed ? SPAN("") : fields);
		placed = true;
	}
	if (!placed) {
		size_t at = offset_of(message, leaf->head.p);

		edit_add_body(list, message->arena, at, at, fields);
	}
}

static void
edit_fields(struct edit_list *list, const struct message *message,
    const struct part *leaf, const struct plan *plan)
{
	if (plan->content_type.p == NULL && plan->encoding == NULL)
		return;
	if (leaf->parent != NULL) {
		edit_part_fields(list, message, leaf, new_fields(message,
		    leaf, plan));
		return;
	}
	if (plan->content_type.p != NULL)
		edit_root_field(list, message, "Content-Type",
		    plan->content_type);
	if (plan->encoding != NULL)
		edit_root_field(list, message, "Content-Transfer-Encoding",
		    span_of(plan->encoding));
	if (header_value(&leaf->headers, "MIME-Version").p == NULL)
		edit_root_field(list, message, "MIME-Version", SPAN("1.0"));
}

static void
edit_body(struct edit_list *list, const struct message *message,
    const struct part *leaf, const struct plan *plan)
{
	size_t at = offset_of(message, leaf->body.p);

	if (plan->keep_body)
		edit_add_body(list, message->arena, at + plan->offset,
		    at + plan->offset, plan->insert);
	else
		edit_add_body(list, message->arena, at, at + leaf->body.len,
		    plan->body);
}

/* Does an empty line end the head, so that a body can follow? */
static bool
head_is_ended(struct span head)
{
	if (head.len == 0 || head.p[head.len - 1] != '\n')
		return false;
	head.len--;
	if (head.len > 0 && head.p[head.len - 1] == '\r')
		head.len--;
	return head.len == 0 || head.p[head.len - 1] == '\n';
}

/* Returns why a leaf cannot be edited at all, NULL if it can. */
static const char *
leaf_fault(const struct part *leaf)
{
	if (leaf->broken)
		return "its header is broken";
	if (!head_is_ended(leaf->head))
		return "no empty line ends its header";
	if (leaf->doubtful)
		return "its type or encoding is in doubt";
	return NULL;
}

const char *
leaf_insert_text(struct edit_list *list, const struct message *message,
    const struct part *leaf, struct span text)
{
	struct plan plan;
	const char *fault = leaf_fault(leaf);

	if (fault == NULL)
		fault = plan_text(&plan, message, leaf, text);
	if (fault != NULL)
		return fault;
	edit_fields(list, message, leaf, &plan);
	edit_body(list, message, leaf, &plan);
	return NULL;
}

const char *
leaf_insert_html(struct edit_list *list, const struct message *message,
    const struct part *leaf, struct span html)
{
	struct plan plan;
	const char *fault = leaf_fault(leaf);

	if (fault == NULL)
		fault = plan_html(&plan, message, leaf, html);
	if (fault != NULL)
		return fault;
	edit_fields(list, message, leaf, &plan);
	edit_body(list, message, leaf, &plan);
	return NULL;
}

/* Does one boundary begin the other, or stand in the bytes? */
static bool
boundary_clashes(const struct message *message, const struct part *leaf,
    struct span boundary)
{
	const struct part *part;

	for (part = leaf->parent; part != NULL; part = part->parent)
		if (span_starts_nocase(boundary, part->boundary) ||
		    span_starts_nocase(part->boundary, boundary))
			return true;
	return span_find(message->bytes, boundary) != SPAN_NONE;
}

/* FNV-1a over some of the message: the same mail gets the same boundary. */
static uint64_t
hash(struct span s)
{
	uint64_t h = 0xcbf29ce484222325U;

	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3U;
	return h;
}

static struct span
make_boundary(const struct message *message, const struct part *leaf)
{
	uint64_t h = hash(span_first(message->root->head, 4096));

	for (unsigned try = 0; try < 8; try++) {
		char text[48];
		struct span boundary;

		snprintf(text, sizeof(text), "=_why_%016llx_%u",
		    (unsigned long long)h, try);
		boundary = arena_copy(message->arena, span_of(text));
		if (boundary.p == NULL ||
		    !boundary_clashes(message, leaf, boundary))
			return boundary;
	}
	return SPAN_ABSENT;
}

/* Everything that stands in front of the leaf's old body. */
static struct span
alternative_front(const struct message *message, const struct part *leaf,
    const struct plan *plan, struct span boundary)
{
	struct span fields;
	struct buf out;

	buf_init(&out, message->arena);
	buf_add_string(&out, "--");
	buf_add_span(&out, boundary);
	buf_add_string(&out, message->eol);
	fields = new_fields(message, leaf, plan);
	/* Without a type, some programs lose a part of an alternative. */
	if (!part_is(leaf, "text/plain") && plan->content_type.p == NULL)
		add_field(message, &out, "Content-Type", SPAN("text/plain"));
	buf_add_span(&out, fields);
	buf_add_string(&out, message->eol);
	buf_add_span(&out, plan->keep_body ? plan->insert : plan->body);
	return buf_span(&out);
}

/* RFC 5322 section 2.1.1: without the line end. */
#define LONGEST_LINE 998

/* May text stand in a mail as it is, in 7bit (RFC 2045 section 2.7)? */
static bool
is_seven_bit(struct span text)
{
	struct span line;

	if (!charset_is_ascii(text) ||
	    span_find_char(text, '\r') != SPAN_NONE ||
	    span_find_char(text, '\0') != SPAN_NONE)
		return false;
	while (span_next_line(&text, &line))
		if (line.len > LONGEST_LINE)
			return false;
	return true;
}

/* Everything that stands behind it. */
static struct span
alternative_back(const struct message *message, struct span html,
    struct span boundary)
{
	bool plain = is_seven_bit(html);
	struct buf out;

	buf_init(&out, message->arena);
	buf_reserve(&out, html.len + html.len / 8 + 400);
	buf_add_string(&out, message->eol);
	buf_add_string(&out, "--");
	buf_add_span(&out, boundary);
	buf_add_string(&out, message->eol);
	add_field(message, &out, "Content-Type",
	    SPAN("text/html; charset=utf-8"));
	add_field(message, &out, "Content-Transfer-Encoding",
	    plain ? SPAN("7bit") : SPAN("quoted-printable"));
	buf_add_string(&out, message->eol);
	if (plain)
		buf_add_span(&out, with_eol(message, html));
	else
		quoted_printable_encode(&out, html, message->eol);
	buf_add_string(&out, "--");
	buf_add_span(&out, boundary);
	buf_add_string(&out, "--");
	buf_add_string(&out, message->eol);
	return buf_span(&out);
}

const char *
leaf_make_alternative(struct edit_list *list, const struct message *message,
    const struct part *leaf, struct span text, struct span html)
{
	struct span boundary = make_boundary(message, leaf);
	size_t at = offset_of(message, leaf->body.p);
	struct plan plan;
	struct buf type, fields;
	const char *fault = leaf_fault(leaf);

	if (fault == NULL && boundary.p == NULL)
		fault = "no boundary can be found for it";
	/* The HTML repeats the old text, which an escape makes unreadable:
	 * iconv does not know the charset. */
	if (fault == NULL && span_find_char(decode(message, leaf).text,
	    '\033') != SPAN_NONE)
		fault = "its charset cannot be converted";
	if (fault == NULL)
		fault = plan_text(&plan, message, leaf, text);
	if (fault != NULL)
		return fault;
	buf_init(&type, message->arena);
	buf_add_string(&type, "multipart/alternative;\n\tboundary=\"");
	buf_add_span(&type, boundary);
	buf_add_char(&type, '"');
	buf_init(&fields, message->arena);
	add_field(message, &fields, "Content-Type", buf_span(&type));
	edit_part_fields(list, message, leaf, buf_span(&fields));
	edit_add_body(list, message->arena, at, plan.keep_body ? at :
	    at + leaf->body.len, alternative_front(message, leaf, &plan,
	    boundary));
	edit_add_body(list, message->arena, at + leaf->body.len,
	    at + leaf->body.len, alternative_back(message, html, boundary));
	return NULL;
}
