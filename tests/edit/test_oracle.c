/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Annotated mails as another program reads them: GMime parses each before
 * and after, and nothing may differ but the explanation.
 *
 * The mails are those of corpus/ in the folder TESTS (tests if not set), those
 * in and below the folder CORPUS if it is set, and random MIME trees made
 * from numbered seeds: 6,000, or as many as SEEDS says. With SEED set, only
 * that seed is tried, and the mail is printed as it was and as it is. Prints
 * TAP.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gmime/gmime.h>

#include "app/defaults.h"
#include "base/buf.h"
#include "edit/annotate.h"
#include "edit/fields.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define SEEDS 6000
#define SEEDS_IN_A_TEST 500

/* What is wrong with a mail; empty: nothing. The first fault stays. */
static char fault[2000];

static bool
wrong(const char *format, ...)
{
	va_list values;

	if (fault[0] != '\0')
		return false;
	va_start(values, format);
	vsnprintf(fault, sizeof(fault), format, values);
	va_end(values);
	return false;
}

/* What was seen in all. */
static struct {
	unsigned long mails;
	unsigned long bounces;
	unsigned long edited;
	unsigned long left_alone;
	unsigned long not_for_gmime;
} seen;

/* ------------------------------------------------------- our own side -- */

static struct language languages[40];
static const struct ruleset *tried[1];
static struct annotator annotator;

static void
open_defaults(void)
{
	for (size_t i = 0; i < default_nlanguages && i < COUNT(languages);
	    i++) {
		languages[i].tag = default_languages[i].tag;
		if (catalog_open(&languages[i].catalog, (struct span){
		    (const char *)default_languages[i].bytes,
		    default_languages[i].len }, true) != NULL)
			abort();
	}
	tried[0] = ruleset_new(&default_book, default_book.causes,
	    default_book.ncauses, false, NULL, NULL);
	if (tried[0] == NULL)
		abort();
	annotator = (struct annotator){
		.host = SPAN("mail.example.org"),
		.annotate = ANNOTATE_HEADER | ANNOTATE_TEXT | ANNOTATE_HTML,
		.max_body = (size_t)10 << 20,
		.language = &languages[0],
		.causes = default_book.causes,
		.ncauses = default_book.ncauses,
		.rules = tried, .nrules = 1,
		.domains = { NULL, default_domains },
		.limits = LIMITS_DEFAULT,
	};
	languages_init(&annotator.languages, languages, default_nlanguages);
}

static bool
collect(void *context, struct span piece)
{
	buf_add_span(context, piece);
	return true;
}

/* ----------------------------------------------------- GMime's reading -- */

/* A mail as GMime reads it. */
struct reading {
	GMimeMessage *message;
	GMimeObject *root;
	size_t head;		/* bytes of its header with the empty line */
};

static struct reading
gmime_read(struct span bytes)
{
	GMimeStream *stream = g_mime_stream_mem_new_with_buffer(bytes.p,
	    bytes.len);
	GMimeParser *parser = g_mime_parser_new_with_stream(stream);
	struct reading reading = { NULL, NULL, 0 };

	reading.message = g_mime_parser_construct_message(parser, NULL);
	if (reading.message != NULL)
		reading.root = g_mime_message_get_mime_part(reading.message);
	reading.head = (size_t)g_mime_parser_get_headers_end(parser);
	g_object_unref(parser);
	g_object_unref(stream);
	return reading;
}

/* A leaf's bytes, as they stand or decoded; freed with g_byte_array_unref. */
static GByteArray *
content_of(GMimeObject *leaf, bool decoded)
{
	GMimeDataWrapper *content = g_mime_part_get_content(
	    GMIME_PART(leaf));
	GMimeStream *out = g_mime_stream_mem_new();
	GByteArray *bytes;

	g_mime_stream_mem_set_owner(GMIME_STREAM_MEM(out), FALSE);
	if (content != NULL && decoded) {
		g_mime_data_wrapper_write_to_stream(content, out);
	} else if (content != NULL) {
		GMimeStream *raw = g_mime_data_wrapper_get_stream(content);

		g_mime_stream_reset(raw);
		g_mime_stream_write_to_stream(raw, out);
	}
	bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(out));
	g_object_unref(out);
	return bytes;
}

static const char *
parameter(GMimeObject *object, const char *name)
{
	return g_mime_object_get_content_type_parameter(object, name);
}

static bool
is_type(GMimeObject *object, const char *type, const char *subtype)
{
	return object != NULL && g_mime_content_type_is_type(
	    g_mime_object_get_content_type(object), type, subtype);
}

static bool
same_strings(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* ------------------------------------------------- comparing two trees -- */

/* What the two trees may differ in. */
struct comparison {
	GMimeObject *text;	/* the leaves of the old tree that may be */
	GMimeObject *html;	/* edited; NULL: none */
	bool alternative;	/* the text leaf may be made two */
	bool header_only;
	bool no_text;		/* the text leaf gets nothing in front */
	bool may_be_8bit;	/* a leaf that says 8bit was edited */
	size_t edits;		/* leaves that were edited */
};

/* Fields of two objects; those of MIME apart, if the leaf was edited. */
static bool
same_headers(GMimeObject *old, GMimeObject *new, bool edited)
{
	GMimeHeaderList *a = g_mime_object_get_header_list(old);
	GMimeHeaderList *b = g_mime_object_get_header_list(new);
	int n = g_mime_header_list_get_count(a);
	int m = g_mime_header_list_get_count(b), k = 0;

	for (int i = 0; i < n; i++) {
		GMimeHeader *wanted = g_mime_header_list_get_header_at(a, i);
		const char *name = g_mime_header_get_name(wanted);
		bool ours = edited && (g_ascii_strcasecmp(name,
		    "Content-Type") == 0 || g_ascii_strcasecmp(name,
		    "Content-Transfer-Encoding") == 0);

		if (ours)
			continue;
		for (; k < m; k++) {
			GMimeHeader *there =
			    g_mime_header_list_get_header_at(b, k);

			if (same_strings(name, g_mime_header_get_name(there)) &&
			    same_strings(g_mime_header_get_raw_value(wanted),
			    g_mime_header_get_raw_value(there)))
				break;
		}
		if (k++ >= m)
			return wrong("field %s changed", name);
	}
	return edited || n == m || wrong("%d fields became %d", n, m);
}

/* Every parameter of the old type but charset is in the new one. */
static bool
same_parameters(GMimeObject *old, GMimeObject *new)
{
	GMimeParamList *list = g_mime_content_type_get_parameters(
	    g_mime_object_get_content_type(old));

	for (int i = 0; i < g_mime_param_list_length(list); i++) {
		GMimeParam *param = g_mime_param_list_get_parameter_at(list,
		    i);
		const char *name = g_mime_param_get_name(param);

		if (g_ascii_strcasecmp(name, "charset") != 0 &&
		    !same_strings(g_mime_param_get_value(param),
		    parameter(new, name)))
			return wrong("parameter %s changed", name);
	}
	return true;
}

/* What mail programs take these names for (as browsers do). */
static const struct {
	const char *name;
	const char *iconv;
} charsets[] = {
	{ "us-ascii", NULL }, { "ascii", NULL }, { "utf-8", NULL },
	{ "utf8", NULL }, { "utf_8", NULL },
	{ "iso-8859-1", "WINDOWS-1252" }, { "latin1", "WINDOWS-1252" },
	{ "shift_jis", "CP932" }, { "x-sjis", "CP932" },
	{ "gb2312", "GB18030" }, { "gbk", "GB18030" },
	{ "ks_c_5601-1987", "CP949" }, { "euc-kr", "CP949" },
	{ "unicode-1-1-utf-7", "UTF-7" },
};

static bool
is_ascii(const char *bytes, gsize len)
{
	for (gsize i = 0; i < len; i++)
		if ((unsigned char)bytes[i] >= 0x80)
			return false;
	return true;
}

/* A copy of bytes, never NULL. */
static char *
copy_of(const void *bytes, gsize len)
{
	char *copy = g_malloc(len + 1);

	if (len > 0)
		memcpy(copy, bytes, len);
	copy[len] = '\0';
	return copy;
}

/* Text in UTF-8, by glib; NULL if it cannot be converted. */
static char *
to_utf8(const GByteArray *bytes, const char *charset, gsize *len)
{
	const char *data = bytes->len > 0 ? (const char *)bytes->data : "";
	const char *name = charset;
	char *text;

	for (size_t i = 0; charset != NULL && i < COUNT(charsets); i++)
		if (g_ascii_strcasecmp(charset, charsets[i].name) == 0) {
			name = charsets[i].iconv;
			break;
		}
	*len = bytes->len;
	if (name == NULL && g_utf8_validate_len(data, bytes->len, NULL))
		return copy_of(data, bytes->len);
	text = g_convert(data, (gssize)bytes->len, "UTF-8",
	    name != NULL ? name : "WINDOWS-1252", NULL, len, NULL);
	/* A charset that nobody knows does not matter in ASCII. */
	if (text == NULL && is_ascii(data, bytes->len)) {
		*len = bytes->len;
		text = copy_of(data, bytes->len);
	}
	return text;
}

/* Line ends become LF; blanks before them go if they are padding. */
static gsize
normalize(char *text, gsize len, bool padding)
{
	gsize out = 0;

	for (gsize i = 0; i < len; i++) {
		if (text[i] == '\r' && i + 1 < len && text[i + 1] == '\n')
			continue;
		while (padding && text[i] == '\n' && out > 0 &&
		    (text[out - 1] == ' ' || text[out - 1] == '\t'))
			out--;
		text[out++] = text[i];
	}
	while (padding && out > 0 &&
	    (text[out - 1] == ' ' || text[out - 1] == '\t'))
		out--;
	return out;
}

/* Is the old text the tail of the new; or, in HTML, around an insertion? */
static bool
is_kept(const char *old, gsize old_len, const char *new, gsize new_len,
    bool html)
{
	gsize front = 0, back = 0;

	if (new_len < old_len)
		return false;
	if (!html)
		return memcmp(new + new_len - old_len, old, old_len) == 0;
	while (front < old_len && old[front] == new[front])
		front++;
	while (back < old_len && old[old_len - 1 - back] ==
	    new[new_len - 1 - back])
		back++;
	return front + back >= old_len;
}

static bool
is_same_charset(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL &&
	    g_ascii_strcasecmp(a, b) == 0);
}

/* More was added than nothing, and the old text is there. */
static bool
text_is_kept(GMimeObject *old, GMimeObject *new, bool html, bool added)
{
	const char *charset = parameter(old, "charset");
	bool recoded = !is_same_charset(charset, parameter(new, "charset"));
	bool padding = g_mime_part_get_content_encoding(GMIME_PART(old)) ==
	    GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE;
	GByteArray *old_bytes = content_of(old, true);
	GByteArray *new_bytes = content_of(new, true);
	gsize old_len = old_bytes->len, new_len = new_bytes->len;
	char *old_text, *new_text;
	bool good;

	if (recoded) {
		old_text = to_utf8(old_bytes, charset, &old_len);
		new_text = to_utf8(new_bytes, "utf-8", &new_len);
	} else {
		old_text = copy_of(old_bytes->data, old_len);
		new_text = copy_of(new_bytes->data, new_len);
	}
	if (old_text == NULL || new_text == NULL) {
		good = wrong("recoded from %s, which cannot be done",
		    charset != NULL ? charset : "nothing");
	} else {
		old_len = normalize(old_text, old_len, padding);
		new_len = normalize(new_text, new_len, padding);
		good = (is_kept(old_text, old_len, new_text, new_len, html) &&
		    (new_len > old_len) == added) ||
		    wrong("the %s changed (%s to %s)", html ? "HTML" : "text",
		    charset != NULL ? charset : "-",
		    recoded ? "UTF-8" : "the same");
	}
	g_free(old_text);
	g_free(new_text);
	g_byte_array_unref(old_bytes);
	g_byte_array_unref(new_bytes);
	return good;
}

static bool
same_content(GMimeObject *old, GMimeObject *new)
{
	GByteArray *a = content_of(old, false), *b = content_of(new, false);
	bool same = a->len == b->len && (a->len == 0 ||
	    memcmp(a->data, b->data, a->len) == 0);

	g_byte_array_unref(a);
	g_byte_array_unref(b);
	return same;
}

/* An edited leaf that says it is 8-bit may get 8-bit text. */
static void
note_encoding(struct comparison *comparison, GMimeObject *leaf)
{
	GMimeContentEncoding encoding = g_mime_part_get_content_encoding(
	    GMIME_PART(leaf));

	if (encoding == GMIME_CONTENT_ENCODING_8BIT ||
	    encoding == GMIME_CONTENT_ENCODING_BINARY)
		comparison->may_be_8bit = true;
}

static bool
compare_leaves(struct comparison *comparison, GMimeObject *old,
    GMimeObject *new)
{
	bool text = old == comparison->text, html = old == comparison->html;

	if (!GMIME_IS_PART(new))
		return wrong("a leaf became something else");
	if (same_content(old, new) && fault[0] == '\0')
		return same_headers(old, new, false);
	if (!text && !html)
		return wrong("the content of another leaf changed");
	if (comparison->header_only)
		return wrong("the body was edited");
	comparison->edits++;
	note_encoding(comparison, old);
	return same_headers(old, new, true) && same_parameters(old, new) &&
	    text_is_kept(old, new, html, true);
}

static bool compare(struct comparison *comparison, GMimeObject *old,
    GMimeObject *new);

/* The text leaf became the first of two alternatives. */
static bool
compare_alternative(struct comparison *comparison, GMimeObject *old,
    GMimeObject *new)
{
	GMimeMultipart *both = GMIME_MULTIPART(new);
	GMimeObject *text, *html;
	GByteArray *bytes;
	bool good;

	if (comparison->header_only || !comparison->alternative)
		return wrong("a leaf became a multipart");
	if (!is_type(new, "multipart", "alternative") ||
	    g_mime_multipart_get_count(both) != 2)
		return wrong("it is no pair of alternatives");
	text = g_mime_multipart_get_part(both, 0);
	html = g_mime_multipart_get_part(both, 1);
	if (!is_type(text, "text", "plain") || !is_type(html, "text", "html"))
		return wrong("the alternatives are not text and HTML");
	bytes = content_of(html, true);
	good = g_utf8_validate_len((const char *)bytes->data, bytes->len,
	    NULL) && is_same_charset(parameter(html, "charset"), "utf-8");
	g_byte_array_unref(bytes);
	comparison->edits++;
	note_encoding(comparison, old);
	if (comparison->no_text && (!same_content(old, text) ||
	    !is_same_charset(parameter(old, "charset"),
	    parameter(text, "charset"))))
		return wrong("the text changed, and nothing goes in");
	return (good || wrong("the HTML is no UTF-8")) &&
	    same_headers(old, new, true) && same_parameters(old, text) &&
	    text_is_kept(old, text, false, !comparison->no_text);
}

static bool
compare_multiparts(struct comparison *comparison, GMimeObject *old,
    GMimeObject *new)
{
	GMimeMultipart *a = GMIME_MULTIPART(old), *b;
	int n = g_mime_multipart_get_count(a);

	if (!GMIME_IS_MULTIPART(new))
		return wrong("a multipart became something else");
	b = GMIME_MULTIPART(new);
	if (n != g_mime_multipart_get_count(b))
		return wrong("%d parts became %d", n,
		    g_mime_multipart_get_count(b));
	if (!same_strings(parameter(old, "boundary"),
	    parameter(new, "boundary")))
		return wrong("a boundary changed");
	if (!same_strings(g_mime_multipart_get_prologue(a),
	    g_mime_multipart_get_prologue(b)) ||
	    !same_strings(g_mime_multipart_get_epilogue(a),
	    g_mime_multipart_get_epilogue(b)))
		return wrong("what stands around the parts changed");
	if (!same_headers(old, new, false))
		return false;
	for (int i = 0; i < n; i++)
		if (!compare(comparison, g_mime_multipart_get_part(a, i),
		    g_mime_multipart_get_part(b, i)))
			return false;
	return true;
}

static bool
compare(struct comparison *comparison, GMimeObject *old, GMimeObject *new)
{
	char *a = g_mime_content_type_get_mime_type(
	    g_mime_object_get_content_type(old));
	char *b = g_mime_content_type_get_mime_type(
	    g_mime_object_get_content_type(new));
	bool same = g_ascii_strcasecmp(a, b) == 0;

	if (!same && old == comparison->text && GMIME_IS_MULTIPART(new)) {
		same = compare_alternative(comparison, old, new);
	} else if (!same) {
		wrong("%s became %s", a, b);
	} else if (GMIME_IS_MULTIPART(old)) {
		same = compare_multiparts(comparison, old, new);
	} else if (GMIME_IS_MESSAGE_PART(old)) {
		GMimeMessage *c = g_mime_message_part_get_message(
		    GMIME_MESSAGE_PART(old));
		GMimeMessage *d = GMIME_IS_MESSAGE_PART(new) ?
		    g_mime_message_part_get_message(GMIME_MESSAGE_PART(new)) :
		    NULL;

		if ((c == NULL) != (d == NULL))
			same = wrong("a returned message went");
		else if (c != NULL)
			same = same_headers(GMIME_OBJECT(c), GMIME_OBJECT(d),
			    false) && compare(comparison,
			    g_mime_message_get_mime_part(c),
			    g_mime_message_get_mime_part(d));
	} else {
		same = compare_leaves(comparison, old, new);
	}
	g_free(a);
	g_free(b);
	return same;
}

/* The first text and HTML leaf below an object: those that people read. */
static void
find_readable(struct comparison *comparison, GMimeObject *object)
{
	if (GMIME_IS_MULTIPART_SIGNED(object) ||
	    GMIME_IS_MULTIPART_ENCRYPTED(object))
		return;
	if (GMIME_IS_MULTIPART(object)) {
		GMimeMultipart *multipart = GMIME_MULTIPART(object);

		for (int i = 0; i < g_mime_multipart_get_count(multipart);
		    i++)
			find_readable(comparison,
			    g_mime_multipart_get_part(multipart, i));
	} else if (comparison->text == NULL &&
	    is_type(object, "text", "plain")) {
		comparison->text = object;
	} else if (comparison->html == NULL &&
	    is_type(object, "text", "html")) {
		comparison->html = object;
	}
}

static void
find_editable(struct comparison *comparison, GMimeObject *root)
{
	GMimeObject *top = root;

	if (GMIME_IS_MULTIPART(root) &&
	    !is_type(root, "multipart", "alternative")) {
		if (g_mime_multipart_get_count(GMIME_MULTIPART(root)) == 0)
			return;
		top = g_mime_multipart_get_part(GMIME_MULTIPART(root), 0);
	}
	find_readable(comparison, top);
	comparison->alternative = comparison->text == top && top != root &&
	    is_type(root, "multipart", "report");
}

/* --------------------------------------------------- comparing two mails -- */

/* Returns where the second delimiter of the top multipart begins, counted
 * from the end; 0 if there is none. A line reader of its own. */
static size_t
behind_first_part(struct span bytes, GMimeObject *root)
{
	const char *boundary = GMIME_IS_MULTIPART(root) ?
	    parameter(root, "boundary") : NULL;
	size_t delimiters = 0;
	struct span rest = bytes, line;

	if (boundary == NULL || is_type(root, "multipart", "alternative"))
		return 0;
	while (span_next_line(&rest, &line)) {
		struct span bare = line;

		while (bare.len > 0 && (bare.p[bare.len - 1] == ' ' ||
		    bare.p[bare.len - 1] == '\t'))
			bare.len--;
		if (bare.len != strlen(boundary) + 2 ||
		    memcmp(bare.p, "--", 2) != 0 ||
		    memcmp(bare.p + 2, boundary, bare.len - 2) != 0)
			continue;
		if (++delimiters == 2)
			return bytes.len - (size_t)(line.p - bytes.p);
	}
	return 0;
}

/* Do all of these lines belong to fields of ours? */
static bool
are_our_fields(struct span lines, bool top_leaf_edited)
{
	static const char *const ours[] = { FIELD_EXPLANATION ": ",
		FIELD_CAUSE ": ", "Content-Type: ",
		"Content-Transfer-Encoding: ", "MIME-Version: " };
	size_t n = top_leaf_edited ? COUNT(ours) : 2;
	struct span line;

	while (span_next_line(&lines, &line)) {
		bool known = line.len > 0 && (line.p[0] == ' ' ||
		    line.p[0] == '\t');

		for (size_t i = 0; i < n && !known; i++)
			known = span_starts_nocase(line, span_of(ours[i]));
		if (!known)
			return false;
	}
	return true;
}

static bool
compare_heads(struct span old, struct span new, bool leaf_edited)
{
	if (leaf_edited)
		return true;	/* same_headers() saw to it */
	if (new.len < old.len || !span_equal(span_from(new,
	    new.len - old.len), old))
		return wrong("the old header changed");
	return are_our_fields(span_first(new, new.len - old.len), false) ||
	    wrong("another field was added");
}

static bool
has_forged_fields(const struct message *message)
{
	return header_value(&message->root->headers,
	    FIELD_CAUSE).p != NULL || header_value(&message->root->headers,
	    FIELD_EXPLANATION).p != NULL;
}

/* Two mails that GMime has read. */
static bool
compare_mails(const struct message *message,
    const struct annotation *annotation, const struct reading *old,
    const struct reading *new, struct span new_bytes)
{
	struct comparison comparison = {
		.header_only = annotation->why != NULL &&
		    (annotation->added & (ANNOTATE_TEXT | ANNOTATE_HTML)) == 0,
		.no_text = (annotator.annotate & ANNOTATE_TEXT) == 0
	};
	struct span old_bytes = message->bytes;
	size_t behind;
	bool leaf_edited;

	if (old->root == NULL || new->root == NULL)
		return old->root == new->root || wrong("GMime reads nothing");
	find_editable(&comparison, old->root);
	if (!compare(&comparison, old->root, new->root))
		return false;
	behind = behind_first_part(old_bytes, old->root);
	if (behind > 0 && !span_equal(span_from(old_bytes, old_bytes.len -
	    behind), span_from(new_bytes, new_bytes.len - behind)))
		return wrong("bytes behind the first part changed");
	leaf_edited = GMIME_IS_PART(old->root) && comparison.edits > 0;
	if (!has_forged_fields(message) && !compare_heads(
	    span_first(old_bytes, old->head), span_first(new_bytes,
	    new->head), leaf_edited))
		return false;
	if (comparison.header_only && !span_equal(span_from(old_bytes,
	    old->head), span_from(new_bytes, new->head)))
		return wrong("the body changed, and should not");
	if (annotation->why == NULL && comparison.edits == 0)
		return wrong("nothing tells why the body was not edited");
	if (!comparison.may_be_8bit && is_ascii(old_bytes.p,
	    old_bytes.len) && !is_ascii(new_bytes.p, new_bytes.len))
		return wrong("the mail is not 7-bit any more");
	if (comparison.edits > 0)
		seen.edited++;
	else
		seen.left_alone++;
	return true;
}

/* Annotated once more by the same host, nothing changes. */
static bool
check_again(struct arena *arena, struct span bytes)
{
	const struct delivery delivery = { .trusted = true };
	struct annotation annotation;
	struct message message;

	if (!message_parse(&message, arena, bytes, &annotator.limits) ||
	    !annotate(&annotation, &annotator, &message, &delivery))
		return wrong("out of memory");
	return edit_is_empty(&annotation.edits) ||
	    wrong("running twice changes it");
}

/*
 * GMime runs out of its stack on an address field of very many groups: such
 * a mail is not for it.
 */
static bool
is_for_gmime(struct span bytes)
{
	size_t colons = 0;
	struct span line;

	while (span_next_line(&bytes, &line)) {
		if (line.len == 0 || (line.p[0] != ' ' && line.p[0] != '\t'))
			colons = 0;
		for (size_t i = 0; i < line.len; i++)
			colons += line.p[i] == ':';
		if (colons > 200)
			return false;
	}
	return true;
}

/* Annotates a mail and compares; the new mail is left in *out. */
static bool
check_bytes(struct arena *arena, struct span bytes, struct span *out)
{
	const struct delivery delivery = { .trusted = false };
	struct annotation annotation;
	struct reading old, new;
	struct message message;
	struct buf written;
	bool good;

	seen.mails++;
	buf_init(&written, arena);
	buf_reserve(&written, bytes.len + 1);
	if (!message_parse(&message, arena, bytes, &annotator.limits) ||
	    !annotate(&annotation, &annotator, &message, &delivery) ||
	    !edit_write(&annotation.edits, &message, collect, &written))
		return wrong("out of memory");
	*out = buf_span(&written);
	if (annotation.report.kind == REPORT_NONE)
		return has_forged_fields(&message) ?
		    span_ends_nocase(*out, span_from(message.bytes,
		    message.root->head.len)) || wrong("its body changed") :
		    span_equal(*out, message.bytes) ||
		    wrong("it is no bounce, and changed");
	seen.bounces++;
	if (!is_for_gmime(bytes)) {
		seen.not_for_gmime++;
		return true;
	}
	old = gmime_read(message.bytes);
	new = gmime_read(*out);
	good = compare_mails(&message, &annotation, &old, &new, *out);
	if (old.message != NULL)
		g_object_unref(old.message);
	if (new.message != NULL)
		g_object_unref(new.message);
	return good && check_again(arena, *out);
}

/* ------------------------------------------------------------ the mails -- */

static unsigned tests, failed;

static void
report_test(const char *name)
{
	tests++;
	if (fault[0] != '\0') {
		failed++;
		printf("not ok %u - %s\n# %s\n", tests, name, fault);
	} else {
		printf("ok %u - %s\n", tests, name);
	}
	fault[0] = '\0';
}

static void
check_file(const char *path, const char *name)
{
	struct span out = SPAN_ABSENT;
	struct arena arena;
	gchar *bytes;
	gsize len;

	if (!g_file_get_contents(path, &bytes, &len, NULL)) {
		wrong("%s cannot be read", path);
		report_test(name);
		return;
	}
	arena_init(&arena, (size_t)1 << 30);
	check_bytes(&arena, (struct span){ bytes, len }, &out);
	report_test(name);
	arena_release(&arena);
	g_free(bytes);
}

static int
by_name(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Checks the files in and below a folder; with suffix, only those. */
static void
check_folder(const char *folder, const char *suffix)
{
	GDir *dir = g_dir_open(folder, 0, NULL);
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	const char *entry;

	while (dir != NULL && (entry = g_dir_read_name(dir)) != NULL)
		g_ptr_array_add(names, g_strdup(entry));
	g_ptr_array_sort(names, by_name);
	for (guint i = 0; i < names->len; i++) {
		const char *name = g_ptr_array_index(names, i);
		char *path = g_build_filename(folder, name, NULL);

		if (g_file_test(path, G_FILE_TEST_IS_DIR))
			check_folder(path, suffix);
		else if (suffix == NULL ? !g_str_has_suffix(name, ".tsv") :
		    g_str_has_suffix(name, suffix))
			check_file(path, name);
		g_free(path);
	}
	if (names->len == 0) {
		wrong("no mails");
		report_test(folder);
	}
	g_ptr_array_unref(names);
	if (dir != NULL)
		g_dir_close(dir);
}

/* ------------------------------------------------- random mails (seeds) -- */

/* A mail in the making. */
struct maker {
	uint64_t state;
	GString *out;
	const char *eol;
	unsigned depth;
	unsigned boundaries;
	bool odd;		/* what no standard allows is allowed */
};

/* SplitMix64: the same numbers everywhere. */
static uint64_t
next_number(struct maker *maker)
{
	uint64_t z = maker->state += 0x9e3779b97f4a7c15U;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
	return z ^ (z >> 31);
}

static size_t
below(struct maker *maker, size_t n)
{
	return (size_t)(next_number(maker) % n);
}

/* True so many times in a hundred. */
static bool
percent(struct maker *maker, unsigned n)
{
	return below(maker, 100) < n;
}

/* Adds text, its line ends as the mail has them. */
static void
put(struct maker *maker, const char *text)
{
	for (; *text != '\0'; text++)
		if (*text == '\n')
			g_string_append(maker->out, maker->eol);
		else
			g_string_append_c(maker->out, *text);
}

static void
putf(struct maker *maker, const char *format, ...)
{
	va_list values;
	char *text;

	va_start(values, format);
	text = g_strdup_vprintf(format, values);
	va_end(values);
	put(maker, text);
	g_free(text);
}

/* One of the strings of a table. */
#define ONE_OF(maker, table) ((table)[below((maker), COUNT(table))])

/* Writes a word with its letters' case left, upper or mixed. */
static void
put_cased(struct maker *maker, const char *word)
{
	size_t how = below(maker, 4);
	char *copy = g_strdup(word);

	for (size_t i = 0; copy[i] != '\0' && how < 2; i++)
		if (how == 0 || i % 2 == 0)
			copy[i] = g_ascii_toupper(copy[i]);
	put(maker, copy);
	g_free(copy);
}

/* Charsets with words that they can write. */
static const struct sample {
	const char *charset;	/* NULL: none is named */
	const char *words;	/* UTF-8 */
} samples[] = {
	{ NULL, "No such user." },
	{ NULL, "Nie ma takiego u\305\274ytkownika." },
	{ "us-ascii", "No such user. Sorry + bye = 1 ~{ \\ 2" },
	{ "us-ascii", "" },
	{ "utf-8", "Nie ma takiego u\305\274ytkownika \342\202\254 "
	    "\360\237\223\253" },
	{ "utf-8", "plain" },
	{ "iso-8859-1", "Utilisateur inconnu, d\303\251sol\303\251" },
	{ "iso-8859-2", "Nie ma u\305\274ytkownika, "
	    "\305\202\303\263\304\207" },
	{ "iso-8859-7", "\316\206\316\263\316\275\317\211\317\203\317\204"
	    "\316\277\317\202" },
	{ "iso-8859-15", "co\303\273t 3 \342\202\254" },
	{ "windows-1250", "\304\215\304\233\305\241\305\231\305\276" },
	{ "windows-1251", "\320\235\320\265\321\202 \321\202\320\260\320\272"
	    "\320\276\320\263\320\276" },
	{ "windows-1252", "\342\200\234na\303\257ve\342\200\235" },
	{ "windows-1255", "\327\251\327\234\327\225\327\235" },
	{ "windows-1256", "\331\204\330\247" },
	{ "windows-1258", "kh\303\264ng c\303\263 ai" },
	{ "koi8-r", "\320\235\320\265\321\202" },
	{ "iso-2022-jp", "\345\256\233\345\205\210 \343\201\214\343\201\202"
	    "\343\202\212\343\201\276\343\201\233\343\202\223" },
	{ "shift_jis", "\345\256\233\345\205\210 \343\203\241\343\203\274"
	    "\343\203\253" },
	{ "euc-jp", "\345\256\233\345\205\210" },
	{ "gb2312", "\351\200\200\344\277\241" },
	{ "big5", "\351\200\200\344\277\241" },
	{ "euc-kr", "\354\213\244\355\214\250" },
	{ "unicode-1-1-utf-7", "u\305\274ytkownik + 1" },
	{ "utf-7", "plain + text" },
	{ "utf-16le", "u\305\274ytkownik" },
	{ "x-unknown", "plain" },
};

static const char *const encodings[] = {
	NULL, NULL, NULL, "7bit", "8bit", "binary", "quoted-printable",
	"quoted-printable", "base64", "base64", "x-uuencode"
};

static void
put_quoted_printable(struct maker *maker, const char *bytes, size_t len)
{
	size_t column = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c == '\n') {
			if (percent(maker, 5))
				put(maker, "  ");
			put(maker, "\n");
			column = 0;
			continue;
		}
		if (column > 70 || percent(maker, 2)) {
			put(maker, "=\n");
			column = 0;
		}
		if (c == '=' || c >= 0x7f || (c < ' ' && c != '\t') ||
		    (c == ' ' && (i + 1 == len || bytes[i + 1] == '\n')) ||
		    percent(maker, 3)) {
			putf(maker, percent(maker, 20) ? "=%02x" : "=%02X",
			    c);
			column += 3;
		} else {
			g_string_append_c(maker->out, (char)c);
			column++;
		}
	}
}

static void
put_base64(struct maker *maker, const char *bytes, size_t len)
{
	char *text = g_base64_encode((const guchar *)bytes, len);
	size_t width = 4 * (1 + below(maker, 19)), i;

	for (i = 0; i < strlen(text); i += width)
		putf(maker, "%.*s%s", (int)width, text + i,
		    i + width < strlen(text) || percent(maker, 50) ? "\n" :
		    "");
	g_free(text);
}

/* Writes text (UTF-8, LF) as the bytes of a charset in an encoding. */
static void
put_content(struct maker *maker, const char *text, const char *charset,
    const char *encoding)
{
	bool known = charset != NULL && strcmp(charset, "x-unknown") != 0;
	gsize len = strlen(text);
	GError *error = NULL;
	char *bytes = known ? g_convert(text, -1, strcmp(charset,
	    "unicode-1-1-utf-7") == 0 ? "UTF-7" : charset, "UTF-8", NULL,
	    &len, &error) : NULL;

	g_clear_error(&error);
	if (bytes == NULL) {
		len = strlen(text);
		bytes = g_strdup(text);
	}
	if (encoding != NULL && strcmp(encoding, "quoted-printable") == 0)
		put_quoted_printable(maker, bytes, len);
	else if (encoding != NULL && strcmp(encoding, "base64") == 0)
		put_base64(maker, bytes, len);
	else
		for (gsize i = 0; i < len; i++)
			if (bytes[i] == '\n' && !(maker->odd &&
			    percent(maker, 10)))
				put(maker, "\n");
			else
				g_string_append_c(maker->out, bytes[i]);
	g_free(bytes);
}

static const char *const other_fields[] = {
	"Content-Description: Notification\n",
	"Content-Disposition: inline\n",
	"Content-ID: <1@example.org>\n",
	"Content-Language: en\n",
	"X-Note: a\n\tfolded\n value\n",
};

/* The charset parameter, in the ways that it is written. */
static void
put_charset(struct maker *maker, const char *charset)
{
	switch (below(maker, 5)) {
	case 0:
		put(maker, "; charset=");
		put_cased(maker, charset);
		break;
	case 1:
		putf(maker, ";\n charset=\"%s\"", charset);
		break;
	case 2:
		putf(maker, "; Charset=%s", charset);
		break;
	case 3:
		putf(maker, " ;\n\tcharset=\"%s\" ", charset);
		break;
	default:
		putf(maker, "; charset=%s", charset);
		break;
	}
}

/* What should not stand in a header, and does. */
static const char *const odd_fields[] = {
	"this is no field\n", "Content-Type: text/plain; charset=koi8-r\n",
	"Content-Transfer-Encoding: 8bit\n", "content-type : text/plain\n",
	": no name\n", "X-Odd: a\rb\n", "Content-Type:\n",
	"Content-Type: text/plain (comment; charset=utf-16)\n",
	"X-Blank:\n \n more\n", "Content-Transfer-Encoding: 8bit (or so)\n",
	"Content-Type: text\n", "Content-Type: /plain\n",
	"Content-Type: text/\n", "Content-Type: text/plain/x\n",
	"Content-Type: text plain\n", "Content-Type: text/pl@in\n",
	"Content-Type: \"text/plain\"\n", "Content-Type: text / plain\n",
	"Content-Type: multipart/mixed; boundary=x\n",
	"Content-Type: message/rfc822\n", "Content-Type: text/html,\n",
	"Content-Transfer-Encoding: base64\n",
	"Content-Transfer-Encoding:\n",
	"Content-Transfer-Encoding: base64; x=y\n",
	"Content-Transfer-Encoding: \"base64\"\n",
	"Content-Transfer-Encoding: quoted-printable quoted-printable\n",
};

static void
put_leaf_header(struct maker *maker, const char *type, const char *charset,
    const char *encoding)
{
	bool type_first = percent(maker, 70);

	if (percent(maker, 30))
		put(maker, ONE_OF(maker, other_fields));
	if (maker->odd && percent(maker, 30))
		put(maker, ONE_OF(maker, odd_fields));
	for (int i = 0; i < 2; i++) {
		if (type_first == (i == 0) && (charset != NULL ||
		    strcmp(type, "text/plain") != 0 || percent(maker, 50))) {
			put_cased(maker, "Content-Type");
			put(maker, percent(maker, 90) ? ": " : ":\n\t");
			put_cased(maker, type);
			if (percent(maker, 15))
				put(maker, "; format=flowed; delsp=yes");
			if (charset != NULL)
				put_charset(maker, charset);
			if (percent(maker, 10))
				put(maker, ";\n\tname=\"a;b \\\"c\\\".txt\"");
			if (percent(maker, 5))
				put(maker, "; x*0*=utf-8''%C5%82; x*1=b");
			put(maker, "\n");
		}
		if (type_first == (i != 0) && encoding != NULL) {
			put(maker, "Content-Transfer-Encoding: ");
			put_cased(maker, encoding);
			put(maker, "\n");
		}
	}
	if (percent(maker, 10))
		put(maker, ONE_OF(maker, other_fields));
	if (maker->odd && percent(maker, 30))
		put(maker, ONE_OF(maker, odd_fields));
}

static const char *const notices[] = {
	"Your message could not be delivered.\n\n"
	    "<anna@example.com>: 550 5.1.1 No such user\n",
	"This is the mail system at host mail.example.org.\n\n"
	    "<anna@example.com>: host mx.example.com[192.0.2.1] said: 452 "
	    "4.2.2\n    Mailbox full (in reply to RCPT TO command)\n\n"
	    "<b@example.com>: 554 5.7.1 Denied\n",
	"Hi. This is the qmail-send program at example.org.\n\n"
	    "<anna@example.com>:\n192.0.2.1 does not like recipient.\n"
	    "Remote host said: 550 no\nGiving up on 192.0.2.1.\n",
};

static const char *const lines[] = {
	"", "\n", "--\n", "-- \n", "--x\n", ".\n", "From here on\n",
	"> quoted\n", " indented\n", "trailing blank \n", "tab\tand more\n",
	"=3D and = and =\n", "<b>not HTML</b>\n", "no line end",
	"x-header: like a field\n", "\n\n\n",
	"a line that is longer than the others are, and much longer than it "
	    "should be, as some mail systems write them without any break, "
	    "so that quoted-printable has to fold it at least twice or "
	    "three times\n",
};

static const char *const html_fronts[] = {
	"<html><head><title>x</title></head><body>\n", "<HTML><BODY "
	    "class=\"a>b\"\n>", "<!DOCTYPE html>\n<html>\n", "<html>",
	"<!-- <body> --><body bgcolor='white'>", "", "<p>x</p>",
	"<head><style>body > p { color: red }</style></head><body>"
};

static void
put_leaf(struct maker *maker, bool html)
{
	const struct sample *sample = &ONE_OF(maker, samples);
	const char *encoding = ONE_OF(maker, encodings);
	GString *text = g_string_new(html ? ONE_OF(maker, html_fronts) : "");

	/* UTF-16 needs an encoding, or it is no text at all. */
	if (sample->charset != NULL && strcmp(sample->charset, "utf-16le") ==
	    0)
		encoding = "base64";
	if (html)
		g_string_append(text, "<p>Your message could not be "
		    "delivered.</p><p>&lt;anna@example.com&gt;: 550 5.1.1 "
		    "no</p>\n");
	else
		g_string_append(text, ONE_OF(maker, notices));
	for (size_t i = below(maker, 4); i > 0; i--)
		g_string_append(text, ONE_OF(maker, lines));
	if (percent(maker, 80))
		g_string_append(text, sample->words);
	if (percent(maker, 3))
		g_string_truncate(text, 0);
	put_leaf_header(maker, html ? "text/html" : "text/plain",
	    sample->charset, encoding);
	/* A header may end without its empty line. */
	if (maker->odd && percent(maker, 10))
		return;
	put(maker, "\n");
	put_content(maker, text->str, sample->charset, encoding);
	g_string_free(text, TRUE);
}

static void
put_status(struct maker *maker)
{
	put(maker, percent(maker, 80) ? "Content-Type: "
	    "message/delivery-status\n\n" : "Content-Type: "
	    "message/global-delivery-status\nContent-Description: x\n\n");
	put(maker, "Reporting-MTA: dns; mail.example.org\n\n"
	    "Final-Recipient: rfc822; anna@example.com\nAction: failed\n"
	    "Status: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 No such user\n");
	if (percent(maker, 50))
		put(maker, "\n");
}

static void
put_picture(struct maker *maker)
{
	put(maker, "Content-Type: image/png; name=x.png\n"
	    "Content-Transfer-Encoding: base64\n\niVBORw0KGgo=\n");
}

static const char *const multipart_fields[] = {
	"", "", "", "; charset=us-ascii", "; type=\"text/plain\"",
	"; differences=Content-Type", ";\n x=\"a;b\""
};

/* Ways to write a boundary that not all readers take alike. */
static const char *const odd_boundaries[] = {
	"; boundary=\"%s\"; boundary=other\n",
	"; boundary=other; boundary=\"%s\"\n",
	"; boundary=\"%s\"; boundary=\"%s\"\n",
	"; boundary=\"%s \"\n", "; boundary=%s\n", "; boundary='%s'\n",
	"; boundary = \"%s\"\n", ";\n boundary=\n \"%s\"\n",
	"; boundary*=us-ascii''%s\n", "; boundary*0=\"%s\"; boundary*1=\"\"\n",
	"; boundary*0=\"%s\"; boundary*1=x\n",
	"; boundary*0=\"%s\"; boundary=other\n",
	" boundary=\"%s\"\n", "; boundary=\"%s\n", "; boundary=%s; x\n",
	"; boundary=(a comment)\"%s\"\n", "; boundary=\"%s\"(x)\n",
	"; x=\"; boundary=other\"; boundary=\"%s\"\n",
	"; boundary=\"%s\"x\n", "; boundary=\"\\%s\"\n",
	"; boundary%%=x; boundary=\"%s\"\n",
};

/* Puts a boundary in such a way. */
static void
put_odd_boundary(struct maker *maker, const char *boundary)
{
	GString *text = g_string_new(ONE_OF(maker, odd_boundaries));

	g_string_replace(text, "%s", boundary, 0);
	g_string_replace(text, "%%", "%", 0);
	put(maker, text->str);
	g_string_free(text, TRUE);
}

/* Makes a boundary and writes the Content-Type with it. */
static char *
put_multipart_type(struct maker *maker, const char *type, const char *outer)
{
	unsigned number = ++maker->boundaries;
	char *boundary;

	switch (below(maker, 9)) {
	case 0:
		boundary = g_strdup_printf("=_%u_()+,-./:=?'", number);
		break;
	case 1:
		boundary = g_strdup_printf("a b %u", number);
		break;
	case 2:	/* begins like the one around it */
		boundary = g_strdup_printf("%s-%u", outer != NULL ? outer :
		    "--", number);
		break;
	case 3:	/* as long as it may be */
		boundary = g_strdup_printf("%070u", number);
		break;
	case 4:
		boundary = g_strdup_printf("=_why_%u", number);
		break;
	default:
		boundary = g_strdup_printf("b%u", number);
		break;
	}
	if (strlen(boundary) > 70) {
		g_free(boundary);
		boundary = g_strdup_printf("b%u", number);
	}
	if (maker->odd && outer != NULL && percent(maker, 10)) {
		g_free(boundary);
		boundary = g_strdup(outer);
	}
	if (percent(maker, 10))
		put(maker, ONE_OF(maker, other_fields));
	if (maker->odd && percent(maker, 5))
		put(maker, ONE_OF(maker, odd_fields));
	put_cased(maker, "Content-Type");
	put(maker, ": ");
	put_cased(maker, type);
	put(maker, ONE_OF(maker, multipart_fields));
	if (maker->odd && percent(maker, 10))
		put(maker, percent(maker, 50) ? "\n" : "; boundary=\"\"\n");
	else if (maker->odd && percent(maker, 10))
		put_odd_boundary(maker, boundary);
	else if (strpbrk(boundary, " ()<>@,;:\\\"/[]?=") == NULL &&
	    percent(maker, 60))
		putf(maker, ";\n\tboundary=%s\n", boundary);
	else
		putf(maker, "; boundary=\"%s\"\n", boundary);
	if (maker->odd && percent(maker, 5))
		put(maker, ONE_OF(maker, odd_fields));
	return boundary;
}

static void
put_delimiter(struct maker *maker, const char *boundary)
{
	put(maker, "\n--");
	put(maker, boundary);
	put(maker, percent(maker, 5) ? "  \n" : "\n");
	/* A line that only looks like a delimiter. */
	if (maker->odd && percent(maker, 10))
		putf(maker, "X-Y: z\n\n--%sx\n", boundary);
}

/* The kinds of parts. */
enum kind {
	KIND_TEXT, KIND_HTML, KIND_PICTURE, KIND_STATUS, KIND_HEADERS,
	KIND_MESSAGE, KIND_EMPTY, KIND_REPORT, KIND_MIXED, KIND_ALTERNATIVE,
	KIND_RELATED, KIND_SIGNED, KIND_ENCRYPTED
};

static void put_part(struct maker *maker, enum kind kind, const char *outer);

static void
put_children(struct maker *maker, const char *type, const char *outer,
    const enum kind *kinds, size_t n)
{
	char *boundary = put_multipart_type(maker, type, outer);

	put(maker, "\n");
	if (percent(maker, 30))
		put(maker, "This is a MIME message.\n");
	maker->depth++;
	for (size_t i = 0; i < n; i++) {
		put_delimiter(maker, boundary);
		put_part(maker, kinds[i], boundary);
	}
	maker->depth--;
	if (!percent(maker, 4)) {
		put(maker, "\n--");
		put(maker, boundary);
		put(maker, "--\n");
		if (percent(maker, 15))
			put(maker, "epilogue\n");
	}
	g_free(boundary);
}

/* What may stand first in a notice. */
static enum kind
first_kind(struct maker *maker)
{
	static const enum kind kinds[] = {
		KIND_TEXT, KIND_TEXT, KIND_TEXT, KIND_TEXT, KIND_HTML,
		KIND_ALTERNATIVE, KIND_ALTERNATIVE, KIND_RELATED, KIND_MIXED,
		KIND_PICTURE, KIND_EMPTY, KIND_SIGNED
	};

	return maker->depth > 4 ? KIND_TEXT : ONE_OF(maker, kinds);
}

static enum kind
other_kind(struct maker *maker)
{
	static const enum kind kinds[] = {
		KIND_TEXT, KIND_HTML, KIND_PICTURE, KIND_HEADERS,
		KIND_MESSAGE, KIND_MESSAGE, KIND_MIXED, KIND_EMPTY
	};

	return maker->depth > 4 ? KIND_HEADERS : ONE_OF(maker, kinds);
}

static void
put_message(struct maker *maker, const char *outer)
{
	put(maker, "Content-Type: message/rfc822\n\n"
	    "From: tom@example.org\nTo: anna@example.com\n"
	    "Subject: =?utf-8?B?xYLDs2TFug==?=\nMIME-Version: 1.0\n");
	maker->depth++;
	put_part(maker, percent(maker, 50) ? KIND_TEXT : first_kind(maker),
	    outer);
	maker->depth--;
}

static void
put_part(struct maker *maker, enum kind kind, const char *outer)
{
	enum kind kinds[3];
	size_t n = 2;

	switch (kind) {
	case KIND_TEXT:
	case KIND_HTML:
		put_leaf(maker, kind == KIND_HTML);
		return;
	case KIND_PICTURE:
		put_picture(maker);
		return;
	case KIND_STATUS:
		put_status(maker);
		return;
	case KIND_HEADERS:
		put(maker, "Content-Type: text/rfc822-headers\n\n"
		    "From: tom@example.org\nTo: anna@example.com\n"
		    "Subject: Invoice\n");
		return;
	case KIND_MESSAGE:
		put_message(maker, outer);
		return;
	case KIND_EMPTY:
		put(maker, percent(maker, 50) ? "\n" : "Content-Type: "
		    "text/plain\n\n");
		return;
	case KIND_REPORT:
		kinds[0] = first_kind(maker);
		kinds[1] = percent(maker, 80) ? KIND_STATUS :
		    other_kind(maker);
		kinds[2] = other_kind(maker);
		put_children(maker, "multipart/report; "
		    "report-type=delivery-status", outer, kinds,
		    2 + below(maker, 2));
		return;
	case KIND_MIXED:
		kinds[0] = first_kind(maker);
		kinds[1] = other_kind(maker);
		kinds[2] = percent(maker, 50) ? KIND_STATUS :
		    other_kind(maker);
		put_children(maker, "multipart/mixed", outer, kinds,
		    1 + below(maker, 3));
		return;
	case KIND_ALTERNATIVE:
		kinds[0] = percent(maker, 85) ? KIND_TEXT : KIND_HTML;
		kinds[1] = percent(maker, 85) ? KIND_HTML : KIND_TEXT;
		if (maker->depth < 4 && percent(maker, 15))
			kinds[1] = KIND_RELATED;
		put_children(maker, "multipart/alternative", outer, kinds, n);
		return;
	case KIND_RELATED:
		kinds[0] = maker->depth < 4 && percent(maker, 50) ?
		    KIND_ALTERNATIVE : KIND_HTML;
		kinds[1] = KIND_PICTURE;
		put_children(maker, "multipart/related", outer, kinds, n);
		return;
	case KIND_SIGNED:
		kinds[0] = KIND_TEXT;
		kinds[1] = KIND_PICTURE;
		put_children(maker, "multipart/signed; micalg=pgp-sha256; "
		    "protocol=\"application/pgp-signature\"", outer, kinds,
		    n);
		return;
	case KIND_ENCRYPTED:
		kinds[0] = KIND_EMPTY;
		kinds[1] = KIND_PICTURE;
		put_children(maker, "multipart/encrypted; "
		    "protocol=\"application/pgp-encrypted\"", outer, kinds,
		    n);
		return;
	}
}

static const char *const top_fields[] = {
	"Received: from mx.example.com by mail.example.org\n"
	    "\twith ESMTP; Tue, 3 Jun 2025 14:02:00 +0200\n",
	"Date: Tue, 3 Jun 2025 14:02:00 +0200\n",
	"Message-ID: <1.2@mail.example.org>\n",
	"Auto-Submitted: auto-replied\n",
	"X-Failed-Recipients: anna@example.com\n",
	"Subject: Undelivered Mail Returned to Sender\n",
	"subject:Delivery Status Notification\n (Failure)\n",
	"Subject: =?iso-8859-2?Q?Nie_dor=EAczono?=\n",
	"X-Empty:\n",
};

static void
put_top(struct maker *maker)
{
	static const enum kind kinds[] = {
		KIND_TEXT, KIND_TEXT, KIND_HTML, KIND_REPORT, KIND_REPORT,
		KIND_REPORT, KIND_REPORT, KIND_MIXED, KIND_MIXED,
		KIND_ALTERNATIVE, KIND_RELATED, KIND_SIGNED, KIND_ENCRYPTED
	};

	if (percent(maker, 3))
		put(maker, "From MAILER-DAEMON Tue Jun  3 14:02:00 2025\n");
	if (percent(maker, 8))
		put(maker, "Bounce-Cause: forged; by=mail.example.org\n"
		    "bounce-explanation: forged\n\tfolded\n");
	if (percent(maker, 5))
		put(maker, "DKIM-Signature: v=1; a=rsa-sha256;\n\td=x; b=y\n");
	put(maker, "Return-Path: <>\n"
	    "From: Mail Delivery System <MAILER-DAEMON@mail.example.org>\n");
	for (size_t i = below(maker, 4); i > 0; i--)
		put(maker, ONE_OF(maker, top_fields));
	if (percent(maker, 5))
		put(maker, "Bounce-Cause: another\n");
	put(maker, "To: tom@example.org\n");
	if (percent(maker, 85))
		put(maker, "MIME-Version: 1.0\n");
	put_part(maker, ONE_OF(maker, kinds), NULL);
}

/* What the settings may say. */
static void
choose_settings(struct maker *maker)
{
	annotator.language = &languages[percent(maker, 40) ? 0 :
	    below(maker, default_nlanguages)];
	annotator.annotate = ANNOTATE_HEADER | ANNOTATE_TEXT | ANNOTATE_HTML;
	if (percent(maker, 30))
		annotator.annotate = (unsigned)below(maker, 8);
	annotator.edit_signed = percent(maker, 50);
}

static bool
check_seed(uint64_t seed, bool shown)
{
	struct maker maker = { .state = seed, .out = g_string_new(NULL) };
	struct span out = SPAN_ABSENT;
	struct arena arena;
	bool good;

	maker.eol = percent(&maker, 50) ? "\n" : "\r\n";
	maker.odd = percent(&maker, 25);
	choose_settings(&maker);
	put_top(&maker);
	arena_init(&arena, (size_t)1 << 28);
	good = check_bytes(&arena, (struct span){ maker.out->str,
	    maker.out->len }, &out);
	if (shown) {
		fwrite(maker.out->str, 1, maker.out->len, stdout);
		printf("\n=============== annotated:\n");
		fwrite(out.p, 1, out.len, stdout);
		printf("\n");
	}
	arena_release(&arena);
	g_string_free(maker.out, TRUE);
	return good;
}

static void
check_seeds(void)
{
	const char *only = getenv("SEED"), *more = getenv("SEEDS");
	uint64_t seeds = more != NULL ? strtoull(more, NULL, 10) : SEEDS;
	char name[80];

	if (only != NULL) {
		check_seed(strtoull(only, NULL, 10), true);
		report_test("the seed");
		return;
	}
	for (uint64_t first = 1; first <= seeds; first += SEEDS_IN_A_TEST) {
		char faults[2000] = "";
		unsigned bad = 0;

		for (uint64_t seed = first; seed < first + SEEDS_IN_A_TEST;
		    seed++) {
			if (check_seed(seed, false))
				continue;
			if (bad++ < 20)
				snprintf(faults + strlen(faults),
				    sizeof(faults) - strlen(faults),
				    "seed %" PRIu64 ": %.80s\n# ", seed,
				    fault);
			fault[0] = '\0';
		}
		snprintf(name, sizeof(name), "seeds %" PRIu64 " to %" PRIu64,
		    first, first + SEEDS_IN_A_TEST - 1);
		if (bad > 0)
			wrong("%s%u in all", faults, bad);
		report_test(name);
	}
}

/* A proof over mails that are not edited proves nothing. */
static void
check_weight(void)
{
	if (seen.edited * 3 < seen.mails)
		wrong("only %lu mails were edited", seen.edited);
	report_test("most of the random mails are edited bounces");
}

static void
print_counts(const char *what)
{
	printf("# %s: %lu mails, %lu bounces, %lu edited, %lu with their "
	    "header only, %lu not for GMime\n", what, seen.mails,
	    seen.bounces, seen.edited, seen.left_alone, seen.not_for_gmime);
	memset(&seen, 0, sizeof(seen));
}

int
main(void)
{
	const char *folder = getenv("TESTS"), *corpus = getenv("CORPUS");
	char *own = g_build_filename(folder != NULL ? folder : "tests",
	    "corpus", NULL);

	g_mime_init();
	open_defaults();
	if (getenv("SEED") == NULL) {
		check_folder(own, ".eml");
		print_counts(own);
		if (corpus != NULL && corpus[0] != '\0') {
			check_folder(corpus, NULL);
			print_counts("CORPUS");
		}
	}
	check_seeds();
	if (getenv("SEED") == NULL) {
		check_weight();
		print_counts("seeds");
	}
	printf("1..%u\n", tests);
	g_free(own);
	return failed > 0;
}
