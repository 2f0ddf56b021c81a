/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Header fields: blocks of them, folds, comments, parameters with RFC 2231,
 * encoded words of RFC 2047, addresses, dates, languages.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "explain/language.h"
#include "mail/address.h"
#include "mail/codec.h"
#include "mail/date.h"
#include "mail/header.h"

static const char *const parameters[] = {
	"boundary", "charset", "format", "name", "by"
};

static void
check_date(struct span value)
{
	struct date date;

	if (!date_parse(value, &date))
		return;
	CHECK(date.year >= 1970 && date.year <= 9999);
	CHECK(date.month >= 1 && date.month <= 12);
	CHECK(date.day >= 1 && date.day <= 31);
	CHECK(date.hour <= 24 && date.minute <= 60);
}

static void
check_address(struct span value)
{
	struct span address = SPAN_ABSENT;
	size_t at, length = 0, from = 0;

	CHECK(address_at(value) <= value.len);
	while ((at = address_find(span_from(value, from), &address,
	    &length)) != SPAN_NONE) {
		struct span dressed = span_first(span_from(value, from + at),
		    length);

		CHECK(length > 0 && dressed.len == length);
		CHECK(fuzz_inside(address, dressed));
		CHECK(address.len > 0 && address_at(address) == address.len);
		CHECK(address_domain(address).len > 0);
		from += at + length;
	}
	CHECK(fuzz_inside(address_bare(value), value));
	CHECK(fuzz_inside(address_domain(value), value));
}

static void
check_value(struct arena *arena, struct span value)
{
	struct span unfolded = header_unfold(arena, value), plain, main;
	struct languages none = { NULL, 0 };

	CHECK(unfolded.p != NULL && unfolded.len <= value.len);
	CHECK(span_find_char(unfolded, '\n') == SPAN_NONE);
	CHECK(span_equal(header_unfold(arena, unfolded), unfolded));
	plain = header_uncomment(arena, value);
	CHECK(plain.p != NULL && plain.len <= unfolded.len);
	main = header_main_value(arena, value);
	CHECK(main.len <= plain.len);
	CHECK(span_find_char(main, ';') == SPAN_NONE);
	CHECK(encoding_of(arena, value) <= ENCODING_UNKNOWN);
	for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]);
	    i++) {
		struct span found = header_parameter(arena, value,
		    parameters[i]);

		CHECK(found.len <= value.len * 3);
		CHECK(span_find_char(unfolded, '*') == SPAN_NONE ||
		    found.p == NULL || found.len <= unfolded.len * 3);
	}
	CHECK(fuzz_is_text(encoded_words_decode(arena, value)));
	check_date(unfolded);
	check_address(unfolded);
	CHECK(language_wanted(&none, unfolded) == NULL);
}

/* Writes text as parameter "name" in the ways of RFC 2231 and reads it. */
static void
check_rfc2231(struct arena *arena, struct span text, unsigned chunk)
{
	static const char hex[] = "0123456789ABCDEF";
	struct span found;
	struct buf out;
	size_t section = 0, sections;

	text = charset_to_utf8(arena, SPAN("utf-8"), span_first(text, 200),
	    NULL);
	if (text.len == 0)
		return;
	chunk = chunk == 0 ? 1 : chunk;
	sections = (text.len + chunk - 1) / chunk;
	if (sections > 10)	/* the reader's limit */
		return;
	buf_init(&out, arena);
	buf_add_string(&out, "attachment");
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (i % chunk == 0) {
			buf_add_string(&out, "; name*");
			if (sections > 1) {
				buf_add_number(&out, section);
				buf_add_char(&out, '*');
			}
			buf_add_char(&out, '=');
			if (i == 0)
				buf_add_string(&out, "utf-8'en'");
			section++;
		}
		if (ascii_is_alnum((char)c)) {
			buf_add_char(&out, (char)c);
		} else {
			buf_add_char(&out, '%');
			buf_add_char(&out, hex[c >> 4]);
			buf_add_char(&out, hex[c & 15]);
		}
	}
	found = header_parameter(arena, buf_span(&out), "name");
	CHECK(span_equal(found, text));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = fuzz_input(data, size), rest = bytes;
	struct limits limits = LIMITS_DEFAULT;
	struct header_list list;
	struct header field;
	enum header_item item;
	struct arena arena;
	unsigned flags;
	size_t len;

	arena_init(&arena, size * 1024 + (1 << 20));
	len = header_parse(&arena, bytes, &limits, &list, &flags);
	CHECK(len <= size);
	for (size_t i = 0; i < list.n; i++) {
		CHECK(fuzz_inside(list.v[i].name, span_first(bytes, len)));
		CHECK(fuzz_inside(list.v[i].value, span_first(bytes, len)));
		CHECK(!fuzz_has_line_end(list.v[i].name));
		check_value(&arena, list.v[i].value);
	}
	for (;;) {
		size_t before = rest.len;

		item = header_read(&rest, &field);
		if (item == HEADER_END)
			break;
		CHECK(rest.len < before);
	}
	check_value(&arena, bytes);
	if (size > 0)
		check_rfc2231(&arena, bytes, data[size - 1] % 64);
	CHECK(!arena.failed && arena.used <= arena.limit);
	arena_release(&arena);
	return 0;
}
