/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text of any charset to UTF-8. Only charsets of a fixed list are handed to
 * iconv; nothing is ever converted into a charset that a mail names.
 */
#ifndef MAIL_CHARSET_H
#define MAIL_CHARSET_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/span.h"

/* What charset_to_utf8() had to do besides converting. */
enum {
	CHARSET_REPLACED = 1,	/* bytes that are no text became U+FFFD */
	CHARSET_GUESSED = 2	/* unknown, or none and not UTF-8 */
};

/*
 * Returns text as valid UTF-8. An absent or unknown charset is taken for
 * UTF-8 where the bytes are valid, else for windows-1252. Costs no copy where
 * the text is ASCII or valid UTF-8 already. *flags, if not NULL, gets the
 * flags above. Absent if the arena failed. Where there are very many bytes
 * that are no text in the charset, only the first of them are replaced one by
 * one; what follows is taken for UTF-8.
 */
struct span charset_to_utf8(struct arena *arena, struct span charset,
    struct span text, unsigned *flags);

/*
 * The same, but absent with CHARSET_REPLACED where any byte is no text.
 */
struct span charset_to_utf8_exact(struct arena *arena, struct span charset,
    struct span text, unsigned *flags);

/*
 * Opens a converter for each of the charsets that are met most often, and
 * holds them: glibc loads each from a file when it is needed, and unloads it
 * soon after its last use, mail by mail. Returns NULL without memory; given
 * back with charset_release().
 */
struct charset_converters *charset_hold(void);
void charset_release(struct charset_converters *held);

/* True if every byte of text is ASCII. */
bool charset_is_ascii(struct span text);

/* True if text is valid UTF-8 (RFC 3629). */
bool charset_is_utf8(struct span text);

/*
 * Returns the first max bytes of UTF-8 text at most, whole characters only.
 */
struct span charset_cut(struct span text, size_t max);

/*
 * Returns text without the beginning of a UTF-8 character at its end, which
 * is left over where encoded text was cut.
 */
struct span charset_whole(struct span text);

/*
 * True if bytes of 7-bit text in that charset mean what they mean in ASCII:
 * ASCII can be put in front of such text without touching it. Not so in
 * UTF-7, or in charsets that are not on the list.
 */
bool charset_extends_ascii(struct span charset);

#endif
