/* SPDX-License-Identifier: BSD-2-Clause */
#include "cause/ip.h"
#include "unittest.h"

static void
test_alone(void **state)
{
	static const struct {
		const char *text;
		const char *ip;		/* NULL: none, or several */
	} cases[] = {
		{ "Client host [192.0.2.10] blocked", "192.0.2.10" },
		{ "192.0.2.10", "192.0.2.10" },
		{ "your IP 192.0.2.10.", "192.0.2.10" },
		{ "ip:192.0.2.10, sorry", "192.0.2.10" },
		{ "from 192.0.2.10:51212", "192.0.2.10" },
		{ "https://www.example.org/?ip=192.0.2.10", "192.0.2.10" },
		{ "mail.example.com[192.0.2.10]: no", "192.0.2.10" },
		{ "(192.0.2.10)", "192.0.2.10" },
		{ "192.0.2.10 and again 192.0.2.10", "192.0.2.10" },
		{ "[2001:db8::25] is throttled", "2001:db8::25" },
		{ "[IPv6:2001:db8::25]", "2001:db8::25" },
		{ "IP 2001:DB8::25.", "2001:DB8::25" },
		{ "2001:db8::25 is 2001:db8:0::25", "2001:db8::25" },
		{ "::ffff:192.0.2.10", "::ffff:192.0.2.10" },
		{ "192.0.2.10 is listed: 127.0.0.2", "192.0.2.10" },
		{ "5.7.1 at 12:34:56 on 192.0.2.10", "192.0.2.10" },

		{ "192.0.2.10 and 192.0.2.11", NULL },
		{ "192.0.2.10 and 2001:db8::25", NULL },
		{ "127.0.0.2", NULL },
		{ "::1 and ::", NULL },
		{ "550 5.7.1 denied", NULL },
		{ "dead:beef at 12:34:56", NULL },
		{ "version 1.2.3.4.5", NULL },
		{ "version 1.2.3.4-beta", NULL },
		{ "300.1.2.3", NULL },
		{ "10.2.0.192.in-addr.arpa", NULL },
		{ "192.0.2.10.bl.example.org", NULL },
		{ "mx-192.0.2.10.example.org", NULL },
		{ "mx192.0.2.10", NULL },
		{ "anna@192.0.2.10", NULL },
		{ "192.0.2.10_x", NULL },
		{ "1:2:3:4:5:6:7:8:9", NULL },
		{ "11111:22222:33333:44444:55555:66666:77777:88888", NULL },
		{ "IPv6:", NULL },
		{ ":", NULL },
		{ "...:::...", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span ip = ip_alone(span_of(cases[i].text));

		if (!span_equal(ip, span_of(cases[i].ip)))
			fail_msg("\"%s\": got \"%.*s\"", cases[i].text,
			    (int)ip.len, ip.p != NULL ? ip.p : "");
	}
	assert_null(ip_alone(SPAN_ABSENT).p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
