/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Texts put into leaves of every encoding and charset: the whole message is
 * written, read again, and compared with what it was.
 */
#include "unittest.h"

#include "base/buf.h"
#include "edit/leaf.h"
#include "mail/charset.h"

static int
setup(void **state)
{
	static struct arena arena;

	arena_init(&arena, (size_t)1 << 24);
	*state = &arena;
	return 0;
}

static int
teardown(void **state)
{
	arena_release(*state);
	return 0;
}

/* The texts that are put in: ASCII, Polish, Japanese. */
static const char *const texts[] = {
	"Not delivered to anna@example.com\n\nWhat you can do\n"
	    "1. Tell the person = by phone.\n   Then wait.\n\n",
	"Nie dor\304\231czono: anna@example.com\n\nCo mo\305\274esz "
	    "zrobi\304\207\n1. Zadzwo\305\204.\n   Potem czekaj.\n\n",
	"\351\205\215\344\277\241\343\201\247\343\201\215\343\201\276\343\201"
	    "\233\343\202\223\343\201\247\343\201\227\343\201\237\343\200\202"
	    "\n\n1. \351\233\273\350\251\261\343\201\227\343\201\246\343\201"
	    "\217\343\201\240\343\201\225\343\201\204\n\n",
};

/* What becomes of the leaf. */
enum form {
	PURE,		/* the text stands in front; all else as it was */
	QP,		/* the same, but the text is quoted-printable */
	QP_UTF8,	/* the same, and the charset is UTF-8 now */
	ANEW,		/* all of it is UTF-8 in quoted-printable */
	REFUSED
};

#define PLAIN "Content-Type: text/plain"
#define AS(encoding) "Content-Transfer-Encoding: " encoding "\n"
#define WORDS "It failed.\n<a@example.com>: no"
#define WIADOMOSC "Wiadomo\305\233\304\207 nie dotar\305\202a.\nKoniec"
#define MESSAGE_JA "\343\203\241\343\203\203\343\202\273\343\203\274" \
	"\343\202\270\343\202\222\n\351\205\215\344\277\241\343\201\247" \
	"\343\201\215\343\201\276\343\201\233\343\202\223"

static const struct {
	const char *name;
	const char *fields;
	const char *body;
	const char *decoded;	/* its text in UTF-8 */
	enum form ascii;	/* with an ASCII text */
	enum form foreign;	/* with any other */
} leaves[] = {
	{ "nothing said", "", WORDS, WORDS, PURE, ANEW },
	{ "another field only", "Content-Description: Notification\n",
	    WORDS, WORDS, PURE, ANEW },
	{ "no charset, no encoding", PLAIN "\n", WORDS, WORDS, PURE, ANEW },
	{ "no charset, 7bit", PLAIN "\n" AS("7bit"), WORDS, WORDS, PURE,
	    ANEW },
	{ "no charset, 8bit, UTF-8", PLAIN "\n" AS("8bit"), WIADOMOSC,
	    WIADOMOSC, PURE, ANEW },
	{ "no charset, no encoding, bytes of windows-1252", PLAIN "\n",
	    "\311chec", "\303\211chec", PURE, ANEW },
	{ "no charset, quoted-printable",
	    PLAIN "\n" AS("quoted-printable"), "=3D no=\nw", "= now", QP,
	    QP_UTF8 },
	{ "us-ascii, no encoding", PLAIN "; charset=us-ascii\n", WORDS, WORDS,
	    PURE, ANEW },
	{ "us-ascii, 7bit", PLAIN "; charset=\"US-ASCII\"\n" AS("7Bit"),
	    WORDS, WORDS, PURE, ANEW },
	{ "us-ascii, 8bit", PLAIN "; charset=us-ascii\n" AS("8bit"), WORDS,
	    WORDS, PURE, ANEW },
	{ "us-ascii, quoted-printable",
	    PLAIN "; charset=us-ascii\n" AS("quoted-printable"),
	    "a =3D b", "a = b", QP, QP_UTF8 },
	{ "us-ascii, base64",
	    PLAIN "; charset=us-ascii\n" AS("base64"), "SXQgZmFpbGVkLgo=",
	    "It failed.\n", ANEW, ANEW },
	{ "us-ascii with bytes that are not",
	    PLAIN "; charset=us-ascii\n" AS("8bit"), "\311chec", NULL, PURE,
	    REFUSED },
	{ "utf-8, no encoding", PLAIN "; charset=utf-8\n", WORDS, WORDS, PURE,
	    ANEW },
	{ "utf-8, 7bit", PLAIN "; charset=utf-8\n" AS("7bit"), WORDS, WORDS,
	    PURE, ANEW },
	{ "utf-8, 8bit", PLAIN "; charset=utf-8\n" AS("8bit"), WIADOMOSC,
	    WIADOMOSC, PURE, PURE },
	{ "utf-8, binary", PLAIN "; charset=UTF8\n" AS("binary"), WIADOMOSC,
	    WIADOMOSC, PURE, PURE },
	{ "utf-8, no encoding, but 8-bit", PLAIN "; charset=utf-8\n",
	    WIADOMOSC, WIADOMOSC, PURE, ANEW },
	{ "utf-8, quoted-printable",
	    PLAIN "; charset=utf-8\n" AS("Quoted-Printable"),
	    "Wiadomo=C5=9B=C4=87 nie do=\ntar=C5=82a.\nKoniec", WIADOMOSC, QP,
	    QP },
	{ "utf-8, base64", PLAIN "; charset=utf-8\n" AS("BASE64"),
	    "V2lhZG9tb8WbxIcgbmllIGRv\ndGFyxYJhLgpLb25pZWM=", WIADOMOSC, ANEW,
	    ANEW },
	{ "utf-8, base64 of CRLF", PLAIN "; charset=utf-8\n" AS("base64"),
	    "YQ0KYg0K", "a\nb\n", ANEW, ANEW },
	{ "utf-8 with bytes that are not",
	    PLAIN "; charset=utf-8\n" AS("8bit"), "\311chec", NULL, PURE,
	    PURE },
	{ "utf-8 with bytes that are not, base64",
	    PLAIN "; charset=utf-8\n" AS("base64"), "yWNoZWM=", NULL, REFUSED,
	    REFUSED },
	{ "iso-8859-1, 8bit", PLAIN "; charset=iso-8859-1\n" AS("8bit"),
	    "\311chec d\351finitif", "\303\211chec d\303\251finitif", PURE,
	    ANEW },
	{ "iso-8859-2, 8bit", PLAIN "; charset=ISO-8859-2\n" AS("8bit"),
	    "Wiadomo\266\346 nie dotar\263a.\nKoniec", WIADOMOSC, PURE,
	    ANEW },
	{ "iso-8859-2, quoted-printable",
	    PLAIN "; charset=iso-8859-2\n" AS("quoted-printable"),
	    "Wiadomo=B6=E6 nie dotar=B3a.\nKoniec", WIADOMOSC, QP, ANEW },
	{ "iso-8859-2, quoted-printable, ASCII",
	    PLAIN "; charset=iso-8859-2\n" AS("quoted-printable"), WORDS,
	    WORDS, QP, QP_UTF8 },
	{ "iso-8859-2, 7bit, ASCII",
	    PLAIN "; charset=iso-8859-2\n" AS("7bit"), WORDS, WORDS, PURE,
	    ANEW },
	{ "iso-8859-15, 8bit", PLAIN "; charset=iso-8859-15\n" AS("8bit"),
	    "co\373t 3 \244", "co\303\273t 3 \342\202\254", PURE, ANEW },
	{ "windows-1250, quoted-printable",
	    PLAIN "; charset=windows-1250\n" AS("quoted-printable"),
	    "Wiadomo=9C=E6 nie dotar=B3a.\nKoniec", WIADOMOSC, QP, ANEW },
	{ "windows-1250, 8bit", PLAIN "; charset=windows-1250\n" AS("8bit"),
	    "Wiadomo\234\346 nie dotar\263a.\nKoniec", WIADOMOSC, PURE,
	    ANEW },
	{ "windows-1251, no encoding", PLAIN "; charset=windows-1251\n",
	    "\316\370\350\341\352\340",
	    "\320\236\321\210\320\270\320\261\320\272\320\260", PURE, ANEW },
	{ "windows-1252, 8bit", PLAIN "; charset=Windows-1252\n" AS("8bit"),
	    "\223non\224 3 \200",
	    "\342\200\234non\342\200\235 3 \342\202\254", PURE, ANEW },
	/* A last letter that a mark may follow must not be lost. */
	{ "windows-1255, 8bit", PLAIN "; charset=windows-1255\n" AS("8bit"),
	    "\371\354\345\355",
	    "\327\251\327\234\327\225\327\235", PURE, ANEW },
	{ "windows-1255, base64, a letter at the end",
	    PLAIN "; charset=windows-1255\n" AS("base64"), "+ezl",
	    "\327\251\327\234\327\225", ANEW, ANEW },
	{ "windows-1258, 8bit, a letter at the end",
	    PLAIN "; charset=windows-1258\n" AS("8bit"), "Toi la",
	    "Toi la", PURE, ANEW },
	{ "koi8-r, 8bit", PLAIN "; charset=koi8-r\n" AS("8bit"),
	    "\357\333\311\302\313\301",
	    "\320\236\321\210\320\270\320\261\320\272\320\260", PURE, ANEW },
	{ "iso-2022-jp, 7bit", PLAIN "; charset=iso-2022-jp\n" AS("7bit"),
	    "\033$B%a%C%;!<%8$r\033(B\n\033$BG[?.$G$-$^$;$s\033(B",
	    MESSAGE_JA, PURE, ANEW },
	{ "iso-2022-jp, no encoding", PLAIN "; charset=ISO-2022-JP\n",
	    "\033$B%a%C%;!<%8$r\033(B\n\033$BG[?.$G$-$^$;$s\033(B",
	    MESSAGE_JA, PURE, ANEW },
	{ "iso-2022-jp, base64", PLAIN "; charset=iso-2022-jp\n" AS("base64"),
	    "GyRCJWElQyU7ITwlOCRyGyhCChskQkdbPy4kRyQtJF4kOyRzGyhC",
	    MESSAGE_JA, ANEW, ANEW },
	{ "shift_jis, 8bit", PLAIN "; charset=Shift_JIS\n" AS("8bit"),
	    "\203\201\203b\203Z\201[\203W\202\360\n"
	    "\224z\220M\202\305\202\253\202\334\202\271\202\361",
	    MESSAGE_JA, PURE, ANEW },
	{ "unicode-1-1-utf-7, 7bit",
	    PLAIN "; charset=unicode-1-1-utf-7\n" AS("7bit"),
	    "Wiadomo+AVsBBw- nie dotar+AUI-a.\nKoniec", WIADOMOSC, ANEW,
	    ANEW },
	{ "unicode-1-1-utf-7, no encoding, ASCII and a plus",
	    PLAIN "; charset=unicode-1-1-utf-7\n", "1 +- 1", "1 + 1", ANEW,
	    ANEW },
	{ "utf-16le, base64", PLAIN "; charset=utf-16le\n" AS("base64"),
	    "VwBpAGEAZABvAG0AbwBbAQcBIABuAGkAZQAgAGQAbwB0AGEAcgBCAWEALgAKAE"
	    "sAbwBuAGkAZQBj\nAA==", WIADOMOSC, ANEW, ANEW },
	{ "gb2312, 8bit", PLAIN "; charset=gb2312\n" AS("8bit"),
	    "\315\313\320\305", "\351\200\200\344\277\241", PURE, ANEW },
	/* iconv() does not know it, though its bytes are all ASCII. */
	{ "hz-gb-2312, 7bit", PLAIN "; charset=hz-gb-2312\n" AS("7bit"),
	    "~{MKPE~}", NULL, PURE, REFUSED },
	{ "a charset nobody knows, ASCII", PLAIN "; charset=x-own\n", WORDS,
	    WORDS, PURE, ANEW },
	{ "a charset nobody knows, bytes that UTF-8 could be",
	    PLAIN "; charset=macintosh\n" AS("8bit"), "\303\251", NULL,
	    REFUSED, REFUSED },
	{ "a charset nobody knows, 8bit",
	    PLAIN "; charset=x-own\n" AS("8bit"), "\311chec", NULL, REFUSED,
	    REFUSED },
	{ "an encoding nobody knows", PLAIN "\n" AS("x-uuencode"), WORDS,
	    WORDS, REFUSED, REFUSED },
	{ "format=flowed", PLAIN "; charset=us-ascii; format=flowed\n",
	    "It failed. \nfor you.", "It failed. \nfor you.", PURE, ANEW },
	{ "format=flowed, delsp, quoted-printable",
	    PLAIN "; format=Flowed; delsp=yes;\n charset=\"utf-8\"\n"
	    AS("quoted-printable"), "Wiadomo=C5=9B=C4=87 =\n\nnie dotar=C5=82"
	    "a.\nKoniec", "Wiadomo\305\233\304\207 \nnie dotar\305\202a.\n"
	    "Koniec", QP, QP },
	{ "an empty text", PLAIN "; charset=us-ascii\n", "", "", PURE, ANEW },
	{ "a NUL-like text of control bytes", PLAIN "\n", "a\001b\177c",
	    "a\001b\177c", PURE, ANEW },
	{ "lines of blanks and dots",
	    PLAIN "; charset=us-ascii\n", ".\n..\n \nFrom x\n\tend \n\n",
	    ".\n..\n \nFrom x\n\tend \n\n", PURE, ANEW },
};

/* Appends a C string, its line ends made CRLF if asked for. */
static void
add(struct buf *out, const char *string, bool crlf)
{
	for (; *string != '\0'; string++) {
		if (crlf && *string == '\n')
			buf_add_char(out, '\r');
		buf_add_char(out, *string);
	}
}

/* The same text with LF alone. */
static struct span
with_lf(struct arena *arena, struct span s)
{
	struct buf out;

	buf_init(&out, arena);
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] != '\r' || i + 1 == s.len || s.p[i + 1] != '\n')
			buf_add_char(&out, s.p[i]);
	return out.len > 0 ? buf_span(&out) : SPAN("");
}

static bool
collect(void *context, struct span piece)
{
	buf_add_span(context, piece);
	return true;
}

static struct message
parse(struct arena *arena, struct span bytes)
{
	const struct limits limits = LIMITS_DEFAULT;
	struct message message;

	assert_true(message_parse(&message, arena, bytes, &limits));
	return message;
}

static struct span
written(const struct edit_list *list, const struct message *message)
{
	struct buf out;

	buf_init(&out, message->arena);
	assert_true(edit_write(list, message, collect, &out));
	return buf_span(&out);
}

#define TOP "Received: by mail.example.org\nSubject: bounce\n" \
	"MIME-Version: 1.0\n"
#define REPORT_TOP "Subject: bounce\nMIME-Version: 1.0\n" \
	"Content-Type: multipart/report; report-type=delivery-status;\n" \
	"\tboundary=\"=_b\"\n\npreamble\n--=_b\n"
#define REPORT_END "\n--=_b\nContent-Type: message/delivery-status\n\n" \
	"Final-Recipient: rfc822; a@example.com\n\n--=_b--\nepilogue\n"

/* One leaf in a message of its own, at the top or in a report. */
static struct message
make_message(struct arena *arena, const char *fields, const char *body,
    bool top, bool crlf)
{
	struct buf out;

	buf_init(&out, arena);
	add(&out, top ? TOP : REPORT_TOP, crlf);
	add(&out, fields, crlf);
	add(&out, "\n", crlf);
	add(&out, body, crlf);
	if (!top)
		add(&out, REPORT_END, crlf);
	return parse(arena, buf_span(&out));
}

/* The leaf's text as its own fields tell, with LF. */
static struct span
text_of(const struct message *message, const struct part *leaf)
{
	return with_lf(message->arena, charset_to_utf8(message->arena,
	    part_parameter(message->arena, leaf, "charset"), encoding_decode(
	    message->arena, leaf->encoding, leaf->body), NULL));
}

/* No line of quoted-printable is longer than 76 (RFC 2045 section 6.7). */
static void
check_lines(struct span body)
{
	struct span line;

	while (span_next_line(&body, &line))
		assert_true(line.len <= 76);
}

/* Every line of the message ends as its first one does. */
static void
check_line_ends(struct span bytes, bool crlf)
{
	for (size_t i = 0; i < bytes.len; i++)
		if (bytes.p[i] == '\n')
			assert_int_equal(i > 0 && bytes.p[i - 1] == '\r',
			    crlf);
}

/* What stands outside the leaf is what it was. */
static void
check_surroundings(const struct message *old, const struct message *new,
    const struct part *old_leaf, const struct part *new_leaf)
{
	struct span before = { old->bytes.p,
	    (size_t)(old_leaf->head.p - old->bytes.p) };
	struct span after = span_from(old->bytes, (size_t)(old_leaf->body.p +
	    old_leaf->body.len - old->bytes.p));
	struct span kept = span_from(new->bytes, new->bytes.len - after.len);

	assert_true(span_equal(before, span_first(new->bytes, before.len)));
	assert_int_equal(new_leaf->head.p - new->bytes.p, before.len);
	assert_true(span_equal(after, kept));
	/* A multipart counts the line end before the delimiter as its own. */
	assert_in_range(new_leaf->body.p + new_leaf->body.len - kept.p, 0,
	    part_is_multipart(new_leaf) ? 2 : 0);
}

/* The fields of the leaf that are not about its encoding are as they were. */
static void
check_other_fields(const struct part *old, const struct part *new)
{
	size_t k = 0;

	for (size_t i = 0; i < old->headers.n; i++) {
		const struct header *field = &old->headers.v[i];

		if (span_starts_nocase(field->name, SPAN("Content-T")))
			continue;
		while (k < new->headers.n && (!span_equal(new->headers.v[k].
		    name, field->name) || !span_equal(new->headers.v[k].value,
		    field->value)))
			k++;
		assert_true(k < new->headers.n);
		k++;
	}
}

static void
check_form(const struct message *old, const struct message *new,
    const struct part *old_leaf, const struct part *new_leaf, enum form form)
{
	struct arena *arena = new->arena;

	if (form == PURE || form == QP)
		assert_true(span_equal(old_leaf->head, new_leaf->head));
	if (form != ANEW)
		assert_true(span_ends_nocase(new_leaf->body, old_leaf->body));
	if (form == QP_UTF8 || form == ANEW) {
		assert_span(part_parameter(arena, new_leaf, "charset"),
		    "utf-8");
		assert_true(part_is(new_leaf, "text/plain"));
		assert_true(header_value(&new->root->headers,
		    "MIME-Version").p != NULL);
	}
	if (form != PURE) {
		assert_int_equal(new_leaf->encoding,
		    ENCODING_QUOTED_PRINTABLE);
		check_lines(new_leaf->body);
	}
	if (form == ANEW || !(old->flags & MESSAGE_8BIT))
		assert_true(charset_is_ascii(new_leaf->body) ||
		    form == PURE);
	if (!(old->flags & MESSAGE_8BIT) && form != PURE)
		assert_false(new->flags & MESSAGE_8BIT);
	check_other_fields(old_leaf, new_leaf);
}

/* In format=flowed a line that starts with a blank gets one more. */
static struct span
stuffed(struct arena *arena, const char *text)
{
	struct span rest = span_of(text), line;
	struct buf out;

	buf_init(&out, arena);
	while (span_next_line(&rest, &line)) {
		if (line.len > 0 && line.p[0] == ' ')
			buf_add_char(&out, ' ');
		buf_add_span(&out, line);
		buf_add_char(&out, '\n');
	}
	return buf_span(&out);
}

static void
check_text_leaf(struct arena *arena, size_t i, size_t text, bool top,
    bool crlf)
{
	enum form form = text == 0 ? leaves[i].ascii : leaves[i].foreign;
	struct message old = make_message(arena, leaves[i].fields,
	    leaves[i].body, top, crlf), new;
	const struct part *old_leaf = top ? old.root : old.root->first_child;
	const struct part *new_leaf;
	struct edit_list list = { .nheaders = 0 };
	const char *fault = leaf_insert_text(&list, &old, old_leaf,
	    span_of(texts[text]));
	bool flowed = strstr(leaves[i].name, "flowed") != NULL;
	struct buf wanted;

	if (form == REFUSED) {
		assert_non_null(fault);
		assert_true(edit_is_empty(&list));
		return;
	}
	if (fault != NULL)
		fail_msg("%s", fault);
	new = parse(arena, written(&list, &old));
	new_leaf = top ? new.root : new.root->first_child;
	if (!top)
		check_surroundings(&old, &new, old_leaf, new_leaf);
	check_form(&old, &new, old_leaf, new_leaf, form);
	check_line_ends(new.bytes, crlf);
	if (flowed)
		assert_true(span_equal_nocase(part_parameter(arena, new_leaf,
		    "format"), SPAN("flowed")));
	if (leaves[i].decoded == NULL)
		return;
	buf_init(&wanted, arena);
	buf_add_span(&wanted, flowed ? stuffed(arena, texts[text]) :
	    span_of(texts[text]));
	buf_add_string(&wanted, leaves[i].decoded);
	buf_add_char(&wanted, '\0');
	assert_span(text_of(&new, new_leaf), wanted.p);
}

/* One leaf, given by the state's number, with all texts in all places. */
static void
test_text_leaf(void **state)
{
	size_t i = *(const size_t *)*state;

	for (size_t text = 0; text < COUNT(texts); text++)
		for (int top = 0; top < 2; top++)
			for (int crlf = 0; crlf < 2; crlf++) {
				struct arena arena;

				arena_init(&arena, (size_t)1 << 22);
				check_text_leaf(&arena, i, text, top, crlf);
				assert_false(arena.failed);
				arena_release(&arena);
			}
}

/* The first part of a report becomes two alternatives. */
static void
check_alternative(struct arena *arena, size_t i, size_t text, bool crlf)
{
	const char *html = "<!DOCTYPE html><html><body><p>Nie dor\304\231czono"
	    "</p>\n<pre>--=_b</pre>\n</body></html>\n";
	enum form form = text == 0 ? leaves[i].ascii : leaves[i].foreign;
	struct message old = make_message(arena, leaves[i].fields,
	    leaves[i].body, false, crlf), new;
	const struct part *old_leaf = old.root->first_child;
	const struct part *both, *text_leaf, *html_leaf;
	struct edit_list list = { .nheaders = 0 };
	const char *fault = leaf_make_alternative(&list, &old, old_leaf,
	    span_of(texts[text]), span_of(html));
	struct buf wanted;

	if (form == REFUSED) {
		assert_non_null(fault);
		assert_true(edit_is_empty(&list));
		return;
	}
	if (fault != NULL)
		fail_msg("%s", fault);
	new = parse(arena, written(&list, &old));
	both = new.root->first_child;
	assert_true(part_is(both, "multipart/alternative"));
	assert_true(both->closed);
	check_surroundings(&old, &new, old_leaf, both);
	check_other_fields(old_leaf, both);
	check_line_ends(new.bytes, crlf);
	text_leaf = both->first_child;
	assert_non_null(text_leaf);
	/* Sisimai loses an alternative that does not name its type. */
	assert_true(part_is(text_leaf, "text/plain"));
	html_leaf = text_leaf->next;
	assert_non_null(html_leaf);
	assert_null(html_leaf->next);
	assert_true(part_is(html_leaf, "text/html"));
	/* Its last line end belongs to the delimiter. */
	assert_true(span_equal(span_trim(text_of(&new, html_leaf)),
	    span_trim(span_of(html))));
	check_lines(html_leaf->body);
	assert_true(charset_is_ascii(html_leaf->body));
	if (form == PURE || form == QP) {
		assert_true(span_equal(part_parameter(arena, old_leaf,
		    "charset"), part_parameter(arena, text_leaf, "charset")));
		assert_int_equal(text_leaf->encoding, old_leaf->encoding);
	}
	if (form != ANEW)
		assert_true(span_ends_nocase(text_leaf->body,
		    old_leaf->body));
	if (leaves[i].decoded == NULL ||
	    strstr(leaves[i].name, "flowed") != NULL)
		return;
	buf_init(&wanted, arena);
	buf_add_string(&wanted, texts[text]);
	buf_add_string(&wanted, leaves[i].decoded);
	buf_add_char(&wanted, '\0');
	assert_span(text_of(&new, text_leaf), wanted.p);
}

static void
test_alternative(void **state)
{
	size_t i = *(const size_t *)*state;

	for (size_t text = 0; text < COUNT(texts); text++)
		for (int crlf = 0; crlf < 2; crlf++) {
			struct arena arena;

			arena_init(&arena, (size_t)1 << 22);
			check_alternative(&arena, i, text, crlf);
			assert_false(arena.failed);
			arena_release(&arena);
		}
}

#define HTML "Content-Type: text/html"

/* The insertion stands where the '|' does; the other texts have none. */
static const struct {
	const char *name;
	const char *fields;
	const char *body;
	const char *decoded;
	bool anew;
} html_leaves[] = {
	{ "a body", HTML "\n", "<html><body><p>no</p></body></html>",
	    "<html><body>|<p>no</p></body></html>", false },
	{ "a body with attributes", HTML "; charset=us-ascii\n",
	    "<HTML>\n<BODY\n class=\"a>b\">\nno</BODY></HTML>\n",
	    "<HTML>\n<BODY\n class=\"a>b\">|\nno</BODY></HTML>\n", false },
	{ "a body in a comment, and a real one", HTML "\n",
	    "<!-- <body> --><html><head><title>x</title></head><body>no",
	    "<!-- <body> --><html><head><title>x</title></head><body>|no",
	    false },
	{ "no body", HTML "\n", "<html><p>no</p></html>",
	    "<html>|<p>no</p></html>", false },
	{ "a document type", HTML "\n", "<!DOCTYPE html>\n<p>no</p>\n",
	    "<!DOCTYPE html>|\n<p>no</p>\n", false },
	{ "a fragment", HTML "\n", "<p>no</p>\n", "|<p>no</p>\n", false },
	{ "words", HTML "\n", "no", "|no", false },
	{ "utf-8, 8bit", HTML "; charset=utf-8\n" AS("8bit"),
	    "<body>" WIADOMOSC "</body>", "<body>|" WIADOMOSC "</body>",
	    false },
	{ "iso-8859-2, 8bit", HTML "; charset=iso-8859-2\n" AS("8bit"),
	    "<body>Wiadomo\266\346", "<body>|Wiadomo\305\233\304\207",
	    false },
	{ "iso-2022-jp", HTML "; charset=iso-2022-jp\n",
	    "<body>\033$BG[?.\033(B", "<body>|\351\205\215\344\277\241",
	    false },
	{ "quoted-printable", HTML "; charset=utf-8\n" AS("quoted-printable"),
	    "<html><body class=3D\"a\">Wiadomo=C5=9B=C4=87</body>",
	    "<html><body class=\"a\">|Wiadomo\305\233\304\207</body>", false },
	{ "quoted-printable, a tag over two lines",
	    HTML "; charset=utf-8\n" AS("quoted-printable"),
	    "<ht=\nml><bo=\ndy class=3D=\n\"a\">no=\nw", "<html><body "
	    "class=\"a\">|now", false },
	{ "quoted-printable, all of it",
	    HTML "; charset=utf-8\n" AS("quoted-printable"),
	    "=3C=62=6F=64=79=3E=6E=6F", "<body>|no", false },
	{ "quoted-printable, blanks at line ends",
	    HTML "; charset=utf-8\n" AS("quoted-printable"),
	    "<html>   \n<head></head> \n<body>no", "<html>\n<head></head>\n"
	    "<body>|no", false },
	{ "base64", HTML "; charset=utf-8\n" AS("base64"),
	    "PGh0bWw+PGJvZHk+V2lhZG9t\nb8WbxIc8L2JvZHk+",
	    "<html><body>|Wiadomo\305\233\304\207</body>", true },
	{ "base64, iso-8859-2", HTML "; charset=iso-8859-2\n" AS("base64"),
	    "PGh0bWw+PGJvZHk+V2lhZG9tb7bmPC9ib2R5Pg==",
	    "<html><body>|Wiadomo\305\233\304\207</body>", true },
	{ "utf-7", HTML "; charset=utf-7\n",
	    "+ADw-body+AD4-Wiadomo+AVsBBw-",
	    "<body>|Wiadomo\305\233\304\207", true },
};

static void
check_html_leaf(struct arena *arena, size_t i, bool top, bool crlf)
{
	const char *html = "<div>Nie dor\304\231czono =</div>\n"
	    "<p>a@example.com \360\237\223\253</p>\n";
	const char *ascii = "<div>Nie dor&#281;czono =</div>\n"
	    "<p>a@example.com &#128235;</p>\n";
	struct message old = make_message(arena, html_leaves[i].fields,
	    html_leaves[i].body, top, crlf), new;
	const struct part *old_leaf = top ? old.root : old.root->first_child;
	const struct part *new_leaf;
	struct edit_list list = { .nheaders = 0 };
	struct span decoded = span_of(html_leaves[i].decoded), text, between;
	size_t mark = span_find_char(decoded, '|');
	struct span front = span_first(decoded, mark);
	struct span back = span_from(decoded, mark + 1);
	const char *fault = leaf_insert_html(&list, &old, old_leaf,
	    span_of(html));

	if (fault != NULL)
		fail_msg("%s: %s", html_leaves[i].name, fault);
	new = parse(arena, written(&list, &old));
	new_leaf = top ? new.root : new.root->first_child;
	if (!top)
		check_surroundings(&old, &new, old_leaf, new_leaf);
	check_line_ends(new.bytes, crlf);
	if (new_leaf->encoding == ENCODING_QUOTED_PRINTABLE)
		check_lines(new_leaf->body);
	if (!(old.flags & MESSAGE_8BIT))
		assert_false(new.flags & MESSAGE_8BIT);
	if (!html_leaves[i].anew)
		assert_true(span_equal(old_leaf->head, new_leaf->head));
	text = text_of(&new, new_leaf);
	if (text.len < decoded.len ||
	    !span_equal(span_first(text, front.len), front) ||
	    !span_equal(span_from(text, text.len - back.len), back))
		fail_msg("%s: \"%.*s\"", html_leaves[i].name, (int)text.len,
		    text.p);
	between = span_trim(span_first(span_from(text, front.len), text.len -
	    front.len - back.len));
	assert_true(span_equal(between, span_trim(span_of(
	    html_leaves[i].anew ? html : ascii))));
}

static void
test_html_leaves(void **state)
{
	for (size_t i = 0; i < COUNT(html_leaves); i++)
		for (int top = 0; top < 2; top++)
			for (int crlf = 0; crlf < 2; crlf++)
				check_html_leaf(*state, i, top, crlf);
}

static void
test_html_refused(void **state)
{
	static const struct {
		const char *fields;
		const char *body;
	} cases[] = {
		{ HTML "\n" AS("x-uuencode"), "<body>no" },
		{ HTML "; charset=utf-8\n" AS("base64"), "PGJvZHk+yQ==" },
		{ HTML "; charset=x-own\n", "<body>\311" },
		{ HTML "; charset=macintosh\n", "<body>\303\251" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct message message = make_message(*state,
		    cases[i].fields, cases[i].body, false, false);
		struct edit_list list = { .nheaders = 0 };

		assert_non_null(leaf_insert_html(&list, &message,
		    message.root->first_child, SPAN("<p>x</p>\n")));
		assert_true(edit_is_empty(&list));
	}
}

/* Where the leaf must be made anew its other parameters stay. */
static void
test_parameters_stay(void **state)
{
	static const struct {
		const char *type;
		const char *name;
		const char *value;
	} cases[] = {
		{ "text/plain; charset=us-ascii; name=\"a;b.txt\"", "name",
		    "a;b.txt" },
		{ "text/plain; name=x.txt; charset=us-ascii", "name",
		    "x.txt" },
		{ "text/plain; charset=\"us-ascii\";\n\tdelsp=yes;\n"
		    "\tformat=flowed", "delsp", "yes" },
		{ "Text/Plain (words; here) ; Charset = us-ascii ; "
		    "x=\"a\\\"b\"", "x", "a\"b" },
		{ "text/plain; charset*=us-ascii''us-ascii; x=y", "x", "y" },
		{ "text/plain; charset*0=us-; charset*1=ascii; x=y", "x",
		    "y" },
		{ "text/plain; x*0*=utf-8''%C5%82; x*1=b", "x",
		    "\305\202b" },
		{ "text/plain;;; charset=us-ascii; x=y;", "x", "y" },
		{ "text/plain; charsetx=z; charset=us-ascii", "charsetx",
		    "z" },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		for (int top = 0; top < 2; top++) {
			struct edit_list list = { .nheaders = 0 };
			struct message old, new;
			const struct part *leaf;
			char fields[200];

			snprintf(fields, sizeof(fields), "Content-Type: %s\n",
			    cases[i].type);
			old = make_message(*state, fields, WORDS, top, false);
			leaf = top ? old.root : old.root->first_child;
			assert_null(leaf_insert_text(&list, &old, leaf,
			    span_of(texts[1])));
			new = parse(*state, written(&list, &old));
			leaf = top ? new.root : new.root->first_child;
			assert_true(part_is(leaf, "text/plain"));
			assert_span(part_parameter(*state, leaf, "charset"),
			    "utf-8");
			assert_span(part_parameter(*state, leaf,
			    cases[i].name), cases[i].value);
			assert_true(span_ends_nocase(text_of(&new, leaf),
			    SPAN(WORDS)));
		}
}

/* A message without MIME fields at all gets those that it needs. */
static void
test_no_mime_fields(void **state)
{
	struct message old = parse(*state, SPAN("Subject: x\n\nno\n")), new;
	struct edit_list list = { .nheaders = 0 };

	assert_null(leaf_insert_text(&list, &old, old.root,
	    span_of(texts[0])));
	assert_int_equal(list.nheaders, 0);
	list = (struct edit_list){ .nheaders = 0 };
	assert_null(leaf_insert_text(&list, &old, old.root,
	    span_of(texts[1])));
	new = parse(*state, written(&list, &old));
	assert_span(span_trim(header_value(&new.root->headers,
	    "MIME-Version")), "1.0");
	assert_span(part_parameter(*state, new.root, "charset"), "utf-8");
	assert_int_equal(new.root->encoding, ENCODING_QUOTED_PRINTABLE);
	assert_span(span_trim(header_value(&new.root->headers, "Subject")),
	    "x");
}

/* The same field twice: the leaf must not end up with two opinions. */
static void
test_doubled_fields(void **state)
{
	static const char fields[] = PLAIN "; charset=us-ascii\n" PLAIN
	    "; charset=iso-8859-2\n" AS("7bit") AS("7bit");

	for (int top = 0; top < 2; top++) {
		struct message old = make_message(*state, fields, WORDS, top,
		    false), new;
		const struct part *leaf = top ? old.root :
		    old.root->first_child;
		const struct header *field = NULL;
		struct edit_list list = { .nheaders = 0 };

		/* Refused, or clear afterwards. */
		if (leaf_insert_text(&list, &old, leaf, span_of(texts[1])) !=
		    NULL) {
			assert_true(edit_is_empty(&list));
			continue;
		}
		new = parse(*state, written(&list, &old));
		leaf = top ? new.root : new.root->first_child;
		while ((field = header_next(&leaf->headers, "Content-Type",
		    field)) != NULL)
			assert_true(span_find_nocase(field->value,
			    SPAN("utf-8")) != SPAN_NONE);
		while ((field = header_next(&leaf->headers,
		    "Content-Transfer-Encoding", field)) != NULL)
			assert_true(span_find_nocase(field->value,
			    SPAN("quoted-printable")) != SPAN_NONE);
	}
}

/*
 * Parts whose header is odd: refused, or the text stands where people read
 * it. Each mail's first part is the leaf.
 */
static void
test_odd_heads(void **state)
{
	static const char *const mails[] = {
		REPORT_TOP "\nno" REPORT_END,		/* no field */
		REPORT_TOP "\n" REPORT_END,		/* nothing */
		REPORT_TOP PLAIN "\n" REPORT_END,	/* no body */
		REPORT_TOP PLAIN REPORT_END,		/* no empty line */
		REPORT_TOP "--=_b--\n",			/* no line at all */
		REPORT_TOP "no field at all" REPORT_END,
		REPORT_TOP PLAIN "\nno field\n\nno" REPORT_END,
		REPORT_TOP PLAIN "\n\nunclosed",
		REPORT_TOP PLAIN "\n",
		REPORT_TOP PLAIN,
		REPORT_TOP,
	};

	for (size_t i = 0; i < COUNT(mails); i++)
		for (size_t text = 0; text < 2; text++) {
			struct message old = parse(*state, span_of(mails[i]));
			const struct part *leaf = old.root->first_child;
			struct edit_list list = { .nheaders = 0 };
			struct message new;
			struct buf wanted;

			if (leaf == NULL)
				continue;
			if (leaf_insert_text(&list, &old, leaf,
			    span_of(texts[text])) != NULL) {
				assert_true(edit_is_empty(&list));
				continue;
			}
			buf_init(&wanted, *state);
			buf_add_string(&wanted, texts[text]);
			buf_add_span(&wanted, text_of(&old, leaf));
			new = parse(*state, written(&list, &old));
			leaf = new.root->first_child;
			if (leaf == NULL || leaf->broken ||
			    !span_equal(span_trim(
			    text_of(&new, leaf)),
			    span_trim(buf_span(&wanted))))
				fail_msg("mail %zu: %.*s", i,
				    (int)new.bytes.len, new.bytes.p);
		}
}

/* The top of a message without an empty line: there is no body yet. */
static void
test_top_without_body(void **state)
{
	static const char *const mails[] = {
		"Subject: x\n\n", "Subject: x\n", "Subject: x", "",
		"Subject: x\r\n\r\n", "Subject: x\r\n",
	};

	for (size_t i = 0; i < COUNT(mails); i++)
		for (size_t text = 0; text < 2; text++) {
			struct message old = parse(*state, span_of(mails[i]));
			struct edit_list list = { .nheaders = 0 };
			struct message new;

			if (leaf_insert_text(&list, &old, old.root,
			    span_of(texts[text])) != NULL) {
				assert_true(edit_is_empty(&list));
				continue;
			}
			new = parse(*state, written(&list, &old));
			if (new.root->broken || !span_equal(text_of(&new,
			    new.root), span_of(texts[text])))
				fail_msg("mail %zu: %.*s", i,
				    (int)new.bytes.len, new.bytes.p);
		}
}

/* The boundary that is made is not begun or held by anything there. */
static void
test_boundaries(void **state)
{
	static const char *const boundaries[] = {
		"b", "=_", "=_why", "=_why_", "a b", "=", "_", "x",
	};

	for (size_t i = 0; i < COUNT(boundaries); i++) {
		struct edit_list list = { .nheaders = 0 };
		struct message old, new;
		const struct part *both;
		struct buf mail;

		buf_init(&mail, *state);
		buf_add_string(&mail, "MIME-Version: 1.0\nContent-Type: "
		    "multipart/report; boundary=\"");
		buf_add_string(&mail, boundaries[i]);
		buf_add_string(&mail, "\"\n\n--");
		buf_add_string(&mail, boundaries[i]);
		buf_add_string(&mail, "\n\nno\n--");
		buf_add_string(&mail, boundaries[i]);
		buf_add_string(&mail, "--\n");
		old = parse(*state, buf_span(&mail));
		assert_non_null(old.root->first_child);
		/* No boundary may be found: then nothing is changed. */
		if (leaf_make_alternative(&list, &old, old.root->first_child,
		    span_of(texts[0]), SPAN("<p>x</p>\n")) != NULL) {
			assert_true(edit_is_empty(&list));
			continue;
		}
		new = parse(*state, written(&list, &old));
		both = new.root->first_child;
		assert_true(part_is(both, "multipart/alternative"));
		assert_true(both->boundary.len <= 70);
		assert_int_equal(span_find(old.bytes, both->boundary),
		    SPAN_NONE);
		assert_false(span_starts_nocase(both->boundary,
		    span_of(boundaries[i])));
		assert_null(both->next);
		assert_non_null(both->first_child->next);
		assert_null(both->first_child->next->next);
	}
}

/* The same mail gets the same edits: nothing in them is random. */
static void
test_sameness(void **state)
{
	struct span first = SPAN_ABSENT;

	for (int i = 0; i < 2; i++) {
		struct message message = make_message(*state, PLAIN "\n",
		    WORDS, false, false);
		struct edit_list list = { .nheaders = 0 };
		struct span bytes;

		assert_null(leaf_make_alternative(&list, &message,
		    message.root->first_child, span_of(texts[0]),
		    SPAN("<p>x</p>\n")));
		bytes = written(&list, &message);
		if (i > 0)
			assert_true(span_equal(bytes, first));
		first = bytes;
	}
}

/*
 * The trees of the issue: text and HTML in an alternative, a related around
 * it, a mixed with the text first. Both leaves are edited, nothing else.
 */
static void
test_trees(void **state)
{
#define TEXT_PART PLAIN "; charset=us-ascii\n\n" WORDS "\n"
#define HTML_PART HTML "; charset=us-ascii\n\n<body>no</body>\n"
	static const char *const mails[] = {
		"MIME-Version: 1.0\nContent-Type: multipart/alternative; "
		    "boundary=a\n\n--a\n" TEXT_PART "--a\n" HTML_PART
		    "--a--\n",
		"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=m"
		    "\n\n--m\nContent-Type: multipart/related; boundary=r\n\n"
		    "--r\nContent-Type: multipart/alternative; boundary=a\n\n"
		    "--a\n" TEXT_PART "--a\n" HTML_PART "--a--\n--r\n"
		    "Content-Type: image/png\nContent-ID: <1@example.org>\n"
		    "Content-Transfer-Encoding: base64\n\niVBORw0KGgo=\n"
		    "--r--\n--m\nContent-Type: message/rfc822\n\nSubject: x\n"
		    "\nbody\n--m--\n",
		"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=m"
		    "\n\n--m\n" TEXT_PART "--m\n" HTML_PART "--m\n"
		    "Content-Type: text/plain\n\nmore\n--m--\n",
		"MIME-Version: 1.0\nContent-Type: multipart/report; "
		    "boundary=m\n\n--m\nContent-Type: multipart/alternative; "
		    "boundary=mm\n\n--mm\n" TEXT_PART "--mm\n" HTML_PART
		    "--mm--\n\n--m\nContent-Type: message/delivery-status\n\n"
		    "Final-Recipient: rfc822; a@example.com\n\n--m--\n",
	};

	for (size_t i = 0; i < COUNT(mails); i++)
		for (size_t text = 0; text < COUNT(texts); text++)
			for (int crlf = 0; crlf < 2; crlf++) {
				struct edit_list list = { .nheaders = 0 };
				const struct part *a, *b;
				struct message old, new;
				struct span both;
				struct buf mail;

				buf_init(&mail, *state);
				add(&mail, mails[i], crlf);
				old = parse(*state, buf_span(&mail));
				assert_null(leaf_insert_text(&list, &old,
				    part_find(old.root, "text/plain"),
				    span_of(texts[text])));
				assert_null(leaf_insert_html(&list, &old,
				    part_find(old.root, "text/html"),
				    SPAN("<p>\304\231</p>\n")));
				new = parse(*state, written(&list, &old));
				check_line_ends(new.bytes, crlf);
				b = new.root;
				for (a = old.root; a != NULL;
				    a = part_after(a)) {
					assert_non_null(b);
					assert_true(span_equal(a->type,
					    b->type));
					assert_int_equal(a->depth, b->depth);
					if (!part_is_multipart(a) &&
					    a != part_find(old.root,
					    "text/plain") &&
					    a != part_find(old.root,
					    "text/html"))
						assert_true(span_equal(
						    a->body, b->body));
					b = part_after(b);
				}
				assert_null(b);
				both = text_of(&new, part_find(new.root,
				    "text/plain"));
				assert_true(span_starts_nocase(both,
				    span_of(texts[text])));
				assert_true(span_ends_nocase(both,
				    SPAN(WORDS)));
				both = text_of(&new, part_find(new.root,
				    "text/html"));
				assert_true(span_find(both,
				    SPAN("<p>&#281;</p>")) != SPAN_NONE);
			}
}

/* However little memory there is: no crash, and it shows. */
static void
test_little_memory(void **state)
{
	const struct limits limits = LIMITS_DEFAULT;
	struct message whole = make_message(*state, PLAIN
	    "; charset=iso-8859-2\n" AS("quoted-printable"),
	    "Wiadomo=B6=E6", false, true);
	size_t edited = 0;

	for (size_t limit = 0; limit < 100000; limit += 509) {
		struct edit_list list = { .nheaders = 0 };
		struct message message;
		struct arena arena;

		arena_init(&arena, limit);
		if (message_parse(&message, &arena, whole.bytes, &limits) &&
		    leaf_make_alternative(&list, &message,
		    message.root->first_child, span_of(texts[1]),
		    SPAN("<p>x</p>\n")) == NULL && !arena.failed)
			edited++;
		arena_release(&arena);
	}
	assert_true(edited > 0);
}

#define LEAVES COUNT(leaves)
static size_t numbers[LEAVES];
static char names[2 * LEAVES][120];

int
main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test_setup_teardown(test_html_leaves, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_html_refused, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_parameters_stay, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_no_mime_fields, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_doubled_fields, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_odd_heads, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_top_without_body, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_boundaries, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_sameness, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_trees, setup, teardown),
		cmocka_unit_test_setup_teardown(test_little_memory, setup,
		    teardown),
	};
	struct CMUnitTest tests[2 * LEAVES + COUNT(others)];

	memset(tests, 0, sizeof(tests));
	for (size_t i = 0; i < LEAVES; i++) {
		numbers[i] = i;
		snprintf(names[2 * i], sizeof(names[0]), "text: %s",
		    leaves[i].name);
		snprintf(names[2 * i + 1], sizeof(names[0]),
		    "alternative: %s", leaves[i].name);
		for (size_t k = 0; k < 2; k++) {
			tests[2 * i + k].name = names[2 * i + k];
			tests[2 * i + k].initial_state = &numbers[i];
			tests[2 * i + k].test_func = k == 0 ? test_text_leaf :
			    test_alternative;
		}
	}
	memcpy(tests + 2 * LEAVES, others, sizeof(others));
	return cmocka_run_group_tests_name("leaf", tests, NULL, NULL);
}
