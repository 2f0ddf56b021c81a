/* SPDX-License-Identifier: BSD-2-Clause */
#include "hostile.h"

#include "mail/address.h"

static void
test_bare_at_the_start(void **state)
{
	static const struct {
		const char *text;
		const char *address;	/* "" where there is none */
	} cases[] = {
		{ "user@example.org", "user@example.org" },
		{ "user@example.org, other@example.org", "user@example.org" },
		{ "user@example.org.", "user@example.org" },
		{ "user@example.org...", "user@example.org" },
		{ "user@example.org-", "user@example.org" },
		{ "user@example.org: 550 No", "user@example.org" },
		{ "user@example.org>", "user@example.org" },
		{ "user@localhost", "user@localhost" },
		{ "u.s-e_r+tag@sub.ex-ample.org x",
		    "u.s-e_r+tag@sub.ex-ample.org" },
		{ "!#$%&*+-/=?^_`{|}~@example.org",
		    "!#$%&*+-/=?^_`{|}~@example.org" },
		{ "o'brien@example.org", "o'brien@example.org" },
		{ "jos\303\251@b\303\274cher.example",
		    "jos\303\251@b\303\274cher.example" },
		{ "\"a b\"@example.org", "\"a b\"@example.org" },
		{ "\"a@b\"@example.org", "\"a@b\"@example.org" },
		{ "\"a\\\"b\"@example.org", "\"a\\\"b\"@example.org" },
		{ "user@[192.0.2.1] x", "user@[192.0.2.1]" },
		{ "user@[IPv6:2001:db8::1]", "user@[IPv6:2001:db8::1]" },
		{ "", "" },
		{ "user", "" },
		{ "@example.org", "" },
		{ "user@", "" },
		{ "user@.example.org", "" },
		{ "user@-", "" },
		{ "user@ example.org", "" },
		{ "user @example.org", "" },
		{ " user@example.org", "" },
		{ "<user@example.org>", "" },
		{ "us:er@example.org", "" },
		{ "user@@example.org", "" },
		{ "user@[192.0.2.1", "" },
		{ "\"user@example.org", "" },
		{ "\"\"example.org", "" },
		{ "\"a\nb\"@example.org", "" },
		{ "\"a\\", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span s = span_of(cases[i].text);

		assert_span(span_first(s, address_at(s)), cases[i].address);
	}
	assert_int_equal(address_at(SPAN_ABSENT), 0);
	assert_int_equal(address_at(SPAN("us\0er@example.org")), 0);
}

static void
test_dressed_at_the_start(void **state)
{
	static const struct {
		const char *text;
		const char *whole;
		const char *address;
	} cases[] = {
		{ "user@example.org x", "user@example.org",
		    "user@example.org" },
		{ "<user@example.org> x", "<user@example.org>",
		    "user@example.org" },
		{ "< user@example.org > x", "< user@example.org >",
		    "user@example.org" },
		{ "\"user@example.org\" x", "\"user@example.org\"",
		    "user@example.org" },
		{ "(user@example.org) x", "(user@example.org)",
		    "user@example.org" },
		{ "[user@example.org] x", "[user@example.org]",
		    "user@example.org" },
		{ "<mailto:user@example.org>", "<mailto:user@example.org>",
		    "user@example.org" },
		{ "[MAILTO:user@example.org]", "[MAILTO:user@example.org]",
		    "user@example.org" },
		{ "<smtp:user@example.org>", "<smtp:user@example.org>",
		    "user@example.org" },
		{ "<rfc822;user@example.org>", "<rfc822;user@example.org>",
		    "user@example.org" },
		{ "<@a.example,@b.example:user@example.org>",
		    "<@a.example,@b.example:user@example.org>",
		    "user@example.org" },
		{ "<\"a b\"@example.org>", "<\"a b\"@example.org>",
		    "\"a b\"@example.org" },
		{ "<\"a>b\"@example.org>", "", "" },
		{ "<>", "", "" },
		{ "<user>", "", "" },
		{ "<user@example.org", "", "" },
		{ "<user@example.org x>", "", "" },
		{ "<a@example.org, b@example.org>", "", "" },
		{ "<@a.example>", "", "" },
		{ "<mailto:>", "", "" },
		{ "(see user@example.org)", "", "" },
		{ " <user@example.org>", "", "" },
		{ "{user@example.org", "{user@example.org",
		    "{user@example.org" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span s = span_of(cases[i].text), address = SPAN("");
		size_t len = address_dressed_at(s, &address);

		assert_span(span_first(s, len), cases[i].whole);
		if (len > 0)
			assert_span(address, cases[i].address);
	}
}

static void
test_find(void **state)
{
	static const struct {
		const char *text;
		const char *whole;
		const char *address;
	} cases[] = {
		{ "user@example.org", "user@example.org",
		    "user@example.org" },
		{ "Mail to user@example.org failed.", "user@example.org",
		    "user@example.org" },
		{ "Mail to user@example.org.", "user@example.org",
		    "user@example.org" },
		{ "\346\224\266\344\273\266\344\272\272\357\274\232"
		    "user@example.org\346\227\240\346\263\225",
		    "user@example.org", "user@example.org" },
		{ "\345\244\252\351\203\216@\346\227\245.example.org",
		    "\345\244\252\351\203\216@\346\227\245.example.org",
		    "\345\244\252\351\203\216@\346\227\245.example.org" },
		{ "http://x.example/?u=a@example.net or user@example.org",
		    "user@example.org", "user@example.org" },
		{ "to <user@example.org>: no", "<user@example.org>",
		    "user@example.org" },
		{ "to \"user@example.org\" no", "\"user@example.org\"",
		    "user@example.org" },
		{ "to (user@example.org) no", "(user@example.org)",
		    "user@example.org" },
		{ "to \"a b\"@example.org no", "\"a b\"@example.org",
		    "\"a b\"@example.org" },
		{ "to o'brien@example.org no", "o'brien@example.org",
		    "o'brien@example.org" },
		{ "user@example.org>", "user@example.org",
		    "user@example.org" },
		{ "<user@example.org", "user@example.org",
		    "user@example.org" },
		{ "a @ b @ user@example.org", "user@example.org",
		    "user@example.org" },
		{ "x@ y@. @z user@example.org", "user@example.org",
		    "user@example.org" },
		{ "@user@example.org", "user@example.org",
		    "user@example.org" },
		{ "...user@example.org", "user@example.org",
		    "user@example.org" },
		{ "o=Site;dda:SMTP=user@example.org; on", "user@example.org",
		    "user@example.org" },
		{ "to: =user@example.org", "user@example.org",
		    "user@example.org" },
		{ "a@example.org, b@example.org", "a@example.org",
		    "a@example.org" },
		{ "no address", NULL, NULL },
		{ "@", NULL, NULL },
		{ "@@@@", NULL, NULL },
		{ "<@>", NULL, NULL },
		{ "\"@", NULL, NULL },
		{ "user @ example.org", NULL, NULL },
		{ "", NULL, NULL },
	};
	struct span address;
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span s = span_of(cases[i].text);
		size_t at = address_find(s, &address, &len);

		if (cases[i].whole == NULL) {
			assert_int_equal(at, SPAN_NONE);
			continue;
		}
		assert_int_not_equal(at, SPAN_NONE);
		assert_span(span_first(span_from(s, at), len),
		    cases[i].whole);
		assert_span(address, cases[i].address);
	}
	assert_int_equal(address_find(SPAN_ABSENT, &address, &len),
	    SPAN_NONE);
}

/* A local part longer than any address is none, and hides no later one. */
static void
test_too_long(void **state)
{
	struct arena arena;
	struct span text, address;
	size_t len, at;
	char *p;

	(void)state;
	arena_init(&arena, (size_t)1 << 20);
	text = hostile_repeat(&arena, SPAN("a"), 4000);
	p = arena_alloc(&arena, text.len + 40);
	memcpy(p, text.p, text.len);
	memcpy(p + text.len, "@example.org <user@example.org>", 31);
	text = (struct span){ p, text.len + 31 };
	assert_int_equal(address_at(text), 0);
	at = address_find(text, &address, &len);
	assert_int_not_equal(at, SPAN_NONE);
	assert_span(address, "user@example.org");
	arena_release(&arena);
}

static void
test_bare_of_field(void **state)
{
	static const struct {
		const char *value;
		const char *address;
	} cases[] = {
		{ "user@example.org", "user@example.org" },
		{ " user@example.org\r\n", "user@example.org" },
		{ "<user@example.org>", "user@example.org" },
		{ "Some User <user@example.org>", "user@example.org" },
		{ "\"A > B\" < user@example.org > (x)", "user@example.org" },
		{ "<>", "" },
		{ "", "" },
		{ "<user@example.org", "<user@example.org" },
		{ "> <", "> <" },
		{ ">", ">" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_span(address_bare(span_of(cases[i].value)),
		    cases[i].address);
	assert_absent(address_bare(SPAN_ABSENT));
}

static void
test_domain(void **state)
{
	(void)state;
	assert_span(address_domain(SPAN("user@example.org")), "example.org");
	assert_span(address_domain(SPAN("\"a@b\"@example.org")),
	    "example.org");
	assert_span(address_domain(SPAN("user@")), "");
	assert_absent(address_domain(SPAN("user")));
	assert_absent(address_domain(SPAN("")));
	assert_absent(address_domain(SPAN_ABSENT));
}

/* All finds lie inside the text, come in order, and come to an end. */
static void
check_finds(struct arena *arena, struct span text)
{
	struct span address;
	size_t len, at;

	(void)arena;
	address_dressed_at(text, &address);
	address_domain(address_bare(text));
	while ((at = address_find(text, &address, &len)) != SPAN_NONE) {
		assert_true(len > 0 && at + len <= text.len);
		assert_true(address.p >= text.p + at);
		assert_true(address.p + address.len <= text.p + at + len);
		assert_int_not_equal(span_find_char(address, '@'),
		    SPAN_NONE);
		text = span_from(text, at + len);
	}
}

static void
test_hostile(void **state)
{
	static const struct span units[] = {
		SPAN_INIT("@"), SPAN_INIT("a@"), SPAN_INIT("a@b "),
		SPAN_INIT("<@"), SPAN_INIT("<a@"), SPAN_INIT("<@a:"),
		SPAN_INIT("\"@"), SPAN_INIT("\"\\\"@"), SPAN_INIT("'@"),
		SPAN_INIT("\"a\"@b"), SPAN_INIT("(a@["), SPAN_INIT("a@."),
		SPAN_INIT("\"'@a"), SPAN_INIT("\0@\377"),
	};
	struct arena arena;

	(void)state;
	hostile_text(SPAN("x <mailto:a@b.example> \"c\\\" d\"@[::1] 'e@f' "
	    "<@g,@h:i@j> \"k\"l@m. (n@o-) [p@q] <\"r\\"), check_finds);
	arena_init(&arena, (size_t)4 << 20);
	for (size_t i = 0; i < COUNT(units); i++)
		check_finds(&arena, hostile_repeat(&arena, units[i],
		    100000));
	arena_release(&arena);
}

static void
test_in_apostrophes(void **state)
{
	struct span address = SPAN("");
	size_t len;

	(void)state;
	assert_int_equal(address_dressed_at(SPAN("'user@example.org' x"),
	    &address), 18);
	assert_span(address, "user@example.org");
	assert_int_equal(address_find(SPAN("to 'user@example.org' x"),
	    &address, &len), 3);
	assert_span(address, "user@example.org");
}

static void
test_find_in_apostrophes(void **state)
{
	struct span address;
	size_t len;

	(void)state;
	address_find(SPAN("to 'user@example.org' x"), &address, &len);
	assert_span(address, "user@example.org");
}

static void
test_is_not_longer_than_its_bound(void **state)
{
	char text[1200];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[400] = '@';
	assert_true(address_at((struct span){ text, sizeof(text) }) <=
	    ADDRESS_LENGTH);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bare_at_the_start),
		cmocka_unit_test(test_dressed_at_the_start),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_bare_of_field),
		cmocka_unit_test(test_domain),
		cmocka_unit_test(test_in_apostrophes),
		cmocka_unit_test(test_find_in_apostrophes),
		cmocka_unit_test(test_is_not_longer_than_its_bound),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
