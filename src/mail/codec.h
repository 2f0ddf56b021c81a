/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transfer encodings of bodies (RFC 2045 section 6) and encoded words of
 * header fields (RFC 2047). Decoders take anything: what is not encoded
 * rightly stays as it stands.
 */
#ifndef MAIL_CODEC_H
#define MAIL_CODEC_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/span.h"

enum encoding {
	ENCODING_7BIT,		/* also where none is named */
	ENCODING_8BIT,
	ENCODING_BINARY,
	ENCODING_QUOTED_PRINTABLE,
	ENCODING_BASE64,
	ENCODING_UNKNOWN
};

/* Returns the encoding that a Content-Transfer-Encoding value names. */
enum encoding encoding_of(struct arena *arena, struct span value);

/* Returns the decoded bytes; the input itself where nothing is encoded. */
struct span encoding_decode(struct arena *arena, enum encoding encoding,
    struct span body);

/*
 * True if nothing in the body is foreign to its encoding, so that all readers
 * decode it to the same bytes.
 */
bool encoding_is_sound(enum encoding encoding, struct span body);

struct span base64_decode(struct arena *arena, struct span text);
struct span quoted_printable_decode(struct arena *arena, struct span text);

/*
 * Appends text as quoted-printable, lines of 76 characters at most, line
 * ends written as eol. Only bytes that must be encoded are: 8-bit, controls,
 * '=', blanks at a line's end, and a '.' or "From " at its start.
 */
void quoted_printable_encode(struct buf *out, struct span text,
    const char *eol);

/*
 * Returns an unstructured header value unfolded, with its encoded words
 * decoded to UTF-8. Blanks between two encoded words go (RFC 2047 6.2).
 */
struct span encoded_words_decode(struct arena *arena, struct span value);

/*
 * Appends UTF-8 text as a header value of ASCII: plain where it is ASCII
 * and holds no "=?", else encoded words of UTF-8 in B encoding, each 75
 * characters at most, folded with LF and a space. column is where the value
 * begins on its line.
 */
void encoded_words_encode(struct buf *out, struct span text, size_t column);

#endif
