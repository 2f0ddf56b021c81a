/* SPDX-License-Identifier: BSD-2-Clause */
#include "mail/charset.h"

#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include "base/ascii.h"
#include "base/buf.h"

/* Is plain ASCII text in this charset the same bytes as in ASCII? */
enum plain { EXTENDS_ASCII, OTHER_ASCII };

/* UTF-8 itself, which needs no iconv. */
static const char utf_8[] = "UTF-8";

/* Names that mails use, and what iconv calls them; NULL: ASCII, which is
 * often said and not meant. */
static const struct charset {
	struct span name;
	const char *iconv_name;
	enum plain plain;
} charsets[] = {
	{ SPAN_INIT("us-ascii"), NULL, EXTENDS_ASCII },
	{ SPAN_INIT("ascii"), NULL, EXTENDS_ASCII },
	{ SPAN_INIT("ansi_x3.4-1968"), NULL, EXTENDS_ASCII },
	{ SPAN_INIT("utf-8"), utf_8, EXTENDS_ASCII },
	{ SPAN_INIT("utf8"), utf_8, EXTENDS_ASCII },
	{ SPAN_INIT("utf_8"), utf_8, EXTENDS_ASCII },
	{ SPAN_INIT("unicode-1-1-utf-7"), "UTF-7", OTHER_ASCII },
	{ SPAN_INIT("utf-7"), "UTF-7", OTHER_ASCII },
	{ SPAN_INIT("iso-8859-1"), "WINDOWS-1252", EXTENDS_ASCII },
	{ SPAN_INIT("latin1"), "WINDOWS-1252", EXTENDS_ASCII },
	{ SPAN_INIT("iso-8859-2"), "ISO-8859-2", EXTENDS_ASCII },
	{ SPAN_INIT("latin2"), "ISO-8859-2", EXTENDS_ASCII },
	{ SPAN_INIT("iso-8859-3"), "ISO-8859-3", EXTENDS_ASCII },
	{ SPAN_INIT("iso-8859-4"), "ISO-8859-4", EXTENDS_ASCII },
	{ SPAN_INIT("iso-8859-5"), "ISO-8859-5", EXTENDS_ASCII },
	{ SPAN_INIT("iso-8859-6"), "ISO-8859-6", EXTENDS_ASCII },
	{ SPAN_INIT("iso-8859-7"), "ISO-8859-7", EXTENDS_ASCII },
	{ SPAN_INIT("iso-8859-8"), "ISO-8859-8", EXTENDS_ASCII },
	{ SPAN_INIT("iso-8859-8-i"), "ISO-8859-8", EXTENDS_ASCII },
	{ SPAN_INIT("iso-8859-9"), "ISO-8859-9", EXTENDS_ASCII },
	{ SPAN_INIT("iso-8859-10"), "ISO-8859-10", EXTENDS_ASCII },
	{ SPAN_INIT("iso-8859-13"), "ISO-8859-13", EXTENDS_ASCII },
	{ SPAN_INIT("iso-8859-14"), "ISO-8859-14", EXTENDS_ASCII },
	{ SPAN_INIT("iso-8859-15"), "ISO-8859-15", EXTENDS_ASCII },
	{ SPAN_INIT("iso-8859-16"), "ISO-8859-16", EXTENDS_ASCII },
	{ SPAN_INIT("windows-1250"), "WINDOWS-1250", EXTENDS_ASCII },
	{ SPAN_INIT("cp1250"), "WINDOWS-1250", EXTENDS_ASCII },
	{ SPAN_INIT("windows-1251"), "WINDOWS-1251", EXTENDS_ASCII },
	{ SPAN_INIT("cp1251"), "WINDOWS-1251", EXTENDS_ASCII },
	{ SPAN_INIT("windows-1252"), "WINDOWS-1252", EXTENDS_ASCII },
	{ SPAN_INIT("cp1252"), "WINDOWS-1252", EXTENDS_ASCII },
	{ SPAN_INIT("windows-1253"), "WINDOWS-1253", EXTENDS_ASCII },
	{ SPAN_INIT("windows-1254"), "WINDOWS-1254", EXTENDS_ASCII },
	{ SPAN_INIT("windows-1255"), "WINDOWS-1255", EXTENDS_ASCII },
	{ SPAN_INIT("windows-1256"), "WINDOWS-1256", EXTENDS_ASCII },
	{ SPAN_INIT("windows-1257"), "WINDOWS-1257", EXTENDS_ASCII },
	{ SPAN_INIT("windows-1258"), "WINDOWS-1258", EXTENDS_ASCII },
	{ SPAN_INIT("windows-874"), "CP874", EXTENDS_ASCII },
	{ SPAN_INIT("tis-620"), "TIS-620", EXTENDS_ASCII },
	{ SPAN_INIT("koi8-r"), "KOI8-R", EXTENDS_ASCII },
	{ SPAN_INIT("koi8-u"), "KOI8-U", EXTENDS_ASCII },
	{ SPAN_INIT("cp850"), "CP850", EXTENDS_ASCII },
	{ SPAN_INIT("cp-850"), "CP850", EXTENDS_ASCII },
	{ SPAN_INIT("ibm850"), "CP850", EXTENDS_ASCII },
	{ SPAN_INIT("cp852"), "CP852", EXTENDS_ASCII },
	{ SPAN_INIT("cp866"), "CP866", EXTENDS_ASCII },
	{ SPAN_INIT("iso-2022-jp"), "ISO-2022-JP", EXTENDS_ASCII },
	{ SPAN_INIT("iso-2022-jp-2"), "ISO-2022-JP-2", EXTENDS_ASCII },
	{ SPAN_INIT("iso-2022-kr"), "ISO-2022-KR", OTHER_ASCII },
	{ SPAN_INIT("iso-2022-cn"), "ISO-2022-CN", OTHER_ASCII },
	{ SPAN_INIT("shift_jis"), "CP932", EXTENDS_ASCII },
	{ SPAN_INIT("shift-jis"), "CP932", EXTENDS_ASCII },
	{ SPAN_INIT("x-sjis"), "CP932", EXTENDS_ASCII },
	{ SPAN_INIT("sjis"), "CP932", EXTENDS_ASCII },
	{ SPAN_INIT("windows-31j"), "CP932", EXTENDS_ASCII },
	{ SPAN_INIT("cp932"), "CP932", EXTENDS_ASCII },
	{ SPAN_INIT("euc-jp"), "EUC-JP", EXTENDS_ASCII },
	{ SPAN_INIT("x-euc-jp"), "EUC-JP", EXTENDS_ASCII },
	{ SPAN_INIT("euc-kr"), "CP949", EXTENDS_ASCII },
	{ SPAN_INIT("ks_c_5601-1987"), "CP949", EXTENDS_ASCII },
	{ SPAN_INIT("gb2312"), "GB18030", EXTENDS_ASCII },
	{ SPAN_INIT("gbk"), "GB18030", EXTENDS_ASCII },
	{ SPAN_INIT("x-gbk"), "GB18030", EXTENDS_ASCII },
	{ SPAN_INIT("cp936"), "GB18030", EXTENDS_ASCII },
	{ SPAN_INIT("gb18030"), "GB18030", EXTENDS_ASCII },
	{ SPAN_INIT("hz-gb-2312"), "HZ", OTHER_ASCII },	/* not in glibc */
	{ SPAN_INIT("big5"), "BIG5-HKSCS", EXTENDS_ASCII },
	{ SPAN_INIT("big5-hkscs"), "BIG5-HKSCS", EXTENDS_ASCII },
	{ SPAN_INIT("utf-16"), "UTF-16", OTHER_ASCII },
	{ SPAN_INIT("utf-16le"), "UTF-16LE", OTHER_ASCII },
	{ SPAN_INIT("utf-16be"), "UTF-16BE", OTHER_ASCII },
};

#define NCHARSETS (sizeof(charsets) / sizeof(charsets[0]))

static const struct charset *
find_charset(struct span name)
{
	name = span_trim(name);
	for (size_t i = 0; name.len > 0 && i < NCHARSETS; i++)
		if (name.len == charsets[i].name.len &&
		    span_equal_nocase(name, charsets[i].name))
			return &charsets[i];
	return NULL;
}

/* What bounces come in most often; all of the list would take 2 MB. */
static const char *const common[] = {
	"WINDOWS-1252", "UTF-7", "ISO-2022-JP", "CP932", "ISO-8859-2",
	"WINDOWS-1250", "WINDOWS-1251", "KOI8-R", "GB18030"
};

#define NCOMMON (sizeof(common) / sizeof(common[0]))

struct charset_converters {
	iconv_t v[NCOMMON];
};

struct charset_converters *
charset_hold(void)
{
	struct charset_converters *held = malloc(sizeof(*held));

	for (size_t i = 0; held != NULL && i < NCOMMON; i++)
		held->v[i] = iconv_open("UTF-8", common[i]);
	return held;
}

void
charset_release(struct charset_converters *held)
{
	for (size_t i = 0; held != NULL && i < NCOMMON; i++)
		if (held->v[i] != (iconv_t)-1)
			iconv_close(held->v[i]);
	free(held);
}

bool
charset_is_ascii(struct span text)
{
	const uint64_t high = UINT64_C(0x8080808080808080);
	uint64_t word;

	/* Every text goes through here, hence eight bytes at once. */
	for (; text.len >= sizeof(word); text = span_from(text, sizeof(word))) {
		memcpy(&word, text.p, sizeof(word));
		if (word & high)
			return false;
	}
	for (size_t i = 0; i < text.len; i++)
		if (ascii_is_8bit(text.p[i]))
			return false;
	return true;
}

bool
charset_is_utf8(struct span text)
{
	return charset_is_ascii(text) ||
	    u8_check((const uint8_t *)text.p, text.len) == NULL;
}

struct span
charset_whole(struct span text)
{
	for (size_t back = 1; back <= 3 && back <= text.len; back++) {
		unsigned char c = (unsigned char)text.p[text.len - back];
		size_t need = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;

		if (c < 0x80)
			break;
		if (c < 0xc0)
			continue;
		if (need > back)
			text.len -= back;
		break;
	}
	return text;
}

struct span
charset_cut(struct span text, size_t max)
{
	if (text.len <= max)
		return text;
	while (max > 0 && ((unsigned char)text.p[max] & 0xc0) == 0x80)
		max--;
	return span_first(text, max);
}

/* No name at all is taken for ASCII, too. */
static bool
extends_ascii(struct span name, const struct charset *known)
{
	return known != NULL ? known->plain == EXTENDS_ASCII :
	    span_trim(name).len == 0;
}

bool
charset_extends_ascii(struct span charset)
{
	return extends_ascii(charset, find_charset(charset));
}

#define REPLACEMENT "\357\277\275"	/* U+FFFD */
#define ESCAPE '\033'		/* begins other characters in ISO-2022 */

/* How a conversion is to be done, and what it had to do. */
struct conversion {
	struct arena *arena;
	unsigned flags;
	bool exact;		/* give up where something would be replaced */
};

/* Returns the length of the valid UTF-8 at the beginning of text. */
static size_t
valid_length(struct span text)
{
	unsigned char first = text.len > 0 ? (unsigned char)text.p[0] : 0;
	const uint8_t *bad;

	/* No character begins so: seen at once, where many such bytes stand. */
	if ((first >= 0x80 && first < 0xc2) || first > 0xf4)
		return 0;
	bad = u8_check((const uint8_t *)text.p, text.len);
	return bad == NULL ? text.len : (size_t)((const char *)bad - text.p);
}

static size_t
count_invalid(struct span text)
{
	size_t n = 0;

	while (text.len > 0) {
		text = span_from(text, valid_length(text));
		if (text.len > 0) {
			text = span_from(text, 1);
			n++;
		}
	}
	return n;
}

/* Text that claims to be UTF-8: what is not becomes U+FFFD. */
static struct span
repair_utf8(struct conversion *conversion, struct span text)
{
	size_t good, invalid = count_invalid(text);
	struct buf out;

	if (invalid == 0)
		return text;
	conversion->flags |= CHARSET_REPLACED;
	if (conversion->exact)
		return SPAN_ABSENT;
	buf_init(&out, conversion->arena);
	buf_reserve(&out, text.len + invalid * (sizeof(REPLACEMENT) - 2));
	if (out.failed)
		return SPAN_ABSENT;
	/* In a room that is just large enough. */
	while (text.len > 0) {
		good = valid_length(text);
		memcpy(out.p + out.len, text.p, good);
		out.len += good;
		text = span_from(text, good);
		if (text.len > 0) {
			memcpy(out.p + out.len, REPLACEMENT,
			    sizeof(REPLACEMENT) - 1);
			out.len += sizeof(REPLACEMENT) - 1;
			text = span_from(text, 1);
		}
	}
	return buf_span(&out);
}

/* Some charsets hold a character back, in case an accent follows. */
static void
flush(iconv_t cd, struct buf *out)
{
	for (int i = 0; i < 2 && !out->failed; i++) {
		char *next = out->p + out->len;
		size_t room = out->capacity - out->len;
		size_t result = iconv(cd, NULL, NULL, &next, &room);

		out->len = (size_t)(next - out->p);
		if (result != (size_t)-1 || errno != E2BIG)
			break;
		buf_reserve(out, 16);
	}
}

/* Text with more than so many bytes that its charset has not is in another:
 * for each of them iconv() must be called anew, so the rest stays. */
#define MOST_REPLACED 1000

static struct span
convert(struct conversion *conversion, iconv_t cd, struct span text)
{
	char *in = (char *)(uintptr_t)text.p;	/* iconv() wants no const */
	size_t in_left = text.len, replaced = 0;
	struct buf out;

	buf_init(&out, conversion->arena);
	buf_reserve(&out, text.len + text.len / 2 + 4);
	while (in_left > 0 && !out.failed) {
		char *next = out.p + out.len;
		size_t room = out.capacity - out.len;
		size_t result = iconv(cd, &in, &in_left, &next, &room);

		out.len = (size_t)(next - out.p);
		if (result != (size_t)-1) {
			flush(cd, &out);
			break;
		}
		if (errno == E2BIG) {
			buf_reserve(&out, out.capacity);
			continue;
		}
		conversion->flags |= CHARSET_REPLACED;
		if (conversion->exact)
			return SPAN_ABSENT;
		if (replaced++ == MOST_REPLACED) {
			buf_add(&out, in, in_left);
			break;
		}
		buf_add_string(&out, REPLACEMENT);
		in++;
		in_left--;
		iconv(cd, NULL, NULL, NULL, NULL);
	}
	return buf_span(&out);
}

/* iconv's UTF-7 passes surrogates of its own making: check what it wrote. */
static struct span
convert_named(struct conversion *conversion, const char *name,
    struct span text)
{
	iconv_t cd = iconv_open("UTF-8", name);
	struct span out;

	if (cd == (iconv_t)-1) {
		conversion->flags |= CHARSET_GUESSED;
		return repair_utf8(conversion, text);
	}
	out = convert(conversion, cd, text);
	iconv_close(cd);
	if (out.p == NULL)
		return out;
	return repair_utf8(conversion, out);
}

static struct span
to_utf8(struct conversion *conversion, struct span charset, struct span text)
{
	const struct charset *known = find_charset(charset);

	if (text.p == NULL || (extends_ascii(charset, known) &&
	    charset_is_ascii(text) &&
	    span_find_char(text, ESCAPE) == SPAN_NONE))
		return text;
	if (known != NULL && known->iconv_name == utf_8)
		return repair_utf8(conversion, text);
	if (known != NULL && known->iconv_name != NULL)
		return convert_named(conversion, known->iconv_name, text);
	if (known == NULL && charset.len > 0 && (!charset_is_ascii(text) ||
	    span_find_char(text, ESCAPE) != SPAN_NONE))
		conversion->flags |= CHARSET_GUESSED;
	if (charset_is_utf8(text))
		return text;
	conversion->flags |= CHARSET_GUESSED;
	return convert_named(conversion, "WINDOWS-1252", text);
}

struct span
charset_to_utf8(struct arena *arena, struct span charset, struct span text,
    unsigned *flags)
{
	struct conversion conversion = { .arena = arena };

	text = to_utf8(&conversion, charset, text);
	if (flags != NULL)
		*flags = conversion.flags;
	return text;
}

struct span
charset_to_utf8_exact(struct arena *arena, struct span charset,
    struct span text, unsigned *flags)
{
	struct conversion conversion = { .arena = arena, .exact = true };

	text = to_utf8(&conversion, charset, text);
	*flags = conversion.flags;
	return text;
}
