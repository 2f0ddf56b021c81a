/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/defaults.h"
#include "cause/domains.h"
#include "unittest.h"

static const struct span own[] = {
	SPAN_INIT("example.org"), SPAN_INIT("our-company.example"),
	SPAN_INIT("gmeil.com"), { NULL, 0 }
};
static const struct span common[] = {
	SPAN_INIT("gmail.com"), SPAN_INIT("hotmail.co.uk"),
	SPAN_INIT("aol.com"), SPAN_INIT("wp.pl"), SPAN_INIT("seznam.cz"),
	SPAN_INIT("webb.de"),
	SPAN_INIT("example.com"), { NULL, 0 }
};
static const struct known_domains known = { own, common };

static void
test_slips(void **state)
{
	static const struct {
		const char *domain;
		const char *meant;	/* NULL: nothing known */
	} cases[] = {
		/* A letter dropped, added, wrong, two swapped. */
		{ "gmal.com", "gmail.com" },
		{ "mail.com", "gmail.com" },
		{ "gmail.co", "gmail.com" },
		{ "gmaill.com", "gmail.com" },
		{ "ggmail.com", "gmail.com" },
		{ "gmail.comm", "gmail.com" },
		{ "gmaul.com", "gmail.com" },
		{ "gmial.com", "gmail.com" },
		{ "mgail.com", "gmail.com" },
		{ "sezanm.cz", "seznam.cz" },

		/* The dot, too. */
		{ "gmailcom", "gmail.com" },
		{ "gmail..com", "gmail.com" },
		{ "gmail,com", "gmail.com" },
		{ "hotmail.couk", "hotmail.co.uk" },

		/* The last label. */
		{ "gmail.con", "gmail.com" },
		{ "gmail.cmo", "gmail.com" },
		{ "gmail.ocm", "gmail.com" },
		{ "hotmail.co.uj", "hotmail.co.uk" },

		/* Another top-level domain that exists. */
		{ "gmail.cm", "gmail.com" },
		{ "gmail.cam", NULL },
		{ "seznam.ca", NULL },
		{ "seznam.zc", "seznam.cz" },
		{ "webb.de", NULL },
		{ "webb.dev", NULL },
		{ "webb.d", "webb.de" },
		{ "weeb.de", NULL },
		{ "hotmail.co.us", NULL },

		/* Case and a final dot say nothing. */
		{ "GMAL.COM", "gmail.com" },
		{ "gmal.com.", "gmail.com" },
		{ "Gmail.Com", NULL },
		{ "gmail.com.", NULL },

		/* Known ones are no slip of another one. */
		{ "gmail.com", NULL },
		{ "gmeil.com", NULL },
		{ "example.com", NULL },
		{ "example.org", NULL },

		/* Two slips are none. */
		{ "gmall.con", NULL },
		{ "gm.com", NULL },
		{ "gmailll.com", NULL },
		{ "liamg.com", NULL },
		{ "gmail.net", NULL },
		{ "unrelated.example", NULL },

		/* A very short name is near to too many others. */
		{ "wo.pl", NULL },
		{ "wpp.pl", NULL },
		{ "aoll.com", "aol.com" },
		{ "aaol.com", "aol.com" },
		{ "alo.com", "aol.com" },
		{ "aol.con", "aol.com" },
		{ "aolcom", "aol.com" },
		{ "aon.com", NULL },
		{ "aola.com", NULL },
		{ "ao.com", NULL },
		{ "sol.com", NULL },

		{ "", NULL },
		{ ".", NULL },
		{ "...", NULL },
		{ "com", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span meant = domains_meant(&known,
		    span_of(cases[i].domain));

		if (!span_equal(meant, span_of(cases[i].meant)) ||
		    (meant.p == NULL) != (cases[i].meant == NULL))
			fail_msg("%s: got %.*s", cases[i].domain,
			    (int)meant.len,
			    meant.p != NULL ? meant.p : "");
	}
}

/* The administrator's list comes first, and knows domains of its own. */
static void
test_own_list_first(void **state)
{
	static const struct span near[] = {
		SPAN_INIT("gmal.net"), SPAN_INIT("gmbil.com"), { NULL, 0 }
	};
	const struct known_domains both = { near, common };
	struct span meant;

	(void)state;
	meant = domains_meant(&both, SPAN("gmil.com"));
	assert_ptr_equal(meant.p, near[1].p);
	meant = domains_meant(&both, SPAN("gmaik.com"));
	assert_ptr_equal(meant.p, common[0].p);
	assert_absent(domains_meant(&both, SPAN("gmbil.com")));
}

static void
test_lists_may_be_missing(void **state)
{
	const struct known_domains none = { NULL, NULL };
	const struct known_domains only_own = { own, NULL };
	const struct known_domains only_common = { NULL, common };

	(void)state;
	assert_absent(domains_meant(&none, SPAN("gmal.com")));
	assert_span(domains_meant(&only_own, SPAN("exmaple.org")),
	    "example.org");
	assert_span(domains_meant(&only_common, SPAN("gmal.com")),
	    "gmail.com");
	assert_absent(domains_meant(&known, SPAN_ABSENT));
}

/* None of the domains that are built in is taken for a slip of another. */
static void
test_builtin_domains(void **state)
{
	const struct known_domains builtin = { NULL, default_domains };
	size_t n = 0;

	(void)state;
	for (; default_domains[n].p != NULL; n++) {
		struct span domain = default_domains[n];

		assert_absent(domains_meant(&builtin, domain));
		assert_int_equal(strcspn(domain.p,
		    "ABCDEFGHIJKLMNOPQRSTUVWXYZ @"), domain.len);
	}
	assert_true(n > 50);
	assert_span(domains_meant(&builtin, SPAN("gmial.com")), "gmail.com");
	assert_span(domains_meant(&builtin, SPAN("hotmial.com")),
	    "hotmail.com");
	assert_span(domains_meant(&builtin, SPAN("yaho.com")), "yahoo.com");
}

/* What is meant is indeed one slip away: tried on every slip of a name. */
static void
test_every_slip_of_one_name(void **state)
{
	static const char name[] = "hotmail.co.uk";
	const size_t len = sizeof(name) - 1;
	char text[sizeof(name) + 2];

	(void)state;
	for (size_t i = 0; i < len; i++) {
		/* A letter dropped. */
		memcpy(text, name, i);
		memcpy(text + i, name + i + 1, len - i);
		assert_span(domains_meant(&known, span_of(text)), name);
		/* Wrong. */
		memcpy(text, name, sizeof(name));
		text[i] = 'x';
		assert_span(domains_meant(&known, span_of(text)), name);
		/* Added. */
		memcpy(text, name, i);
		text[i] = 'x';
		memcpy(text + i + 1, name + i, len - i + 1);
		assert_span(domains_meant(&known, span_of(text)), name);
		/* Swapped. */
		memcpy(text, name, sizeof(name));
		if (i + 1 < len) {
			text[i] = name[i + 1];
			text[i + 1] = name[i];
		}
		if (strcmp(text, name) != 0)
			assert_span(domains_meant(&known, span_of(text)),
			    name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slips),
		cmocka_unit_test(test_own_list_first),
		cmocka_unit_test(test_lists_may_be_missing),
		cmocka_unit_test(test_builtin_domains),
		cmocka_unit_test(test_every_slip_of_one_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
