/* SPDX-License-Identifier: BSD-2-Clause */
#include "cause/domains.h"

#include <stdbool.h>

#include "base/ascii.h"

static bool
same(char a, char b)
{
	return ascii_lower(a) == ascii_lower(b);
}

/* Is one string the other after a single slip of the fingers? */
static bool
is_one_slip(struct span a, struct span b)
{
	size_t i = 0, end = 0;

	if (a.len > b.len) {
		struct span longer = a;

		a = b;
		b = longer;
	}
	if (b.len - a.len > 1)
		return false;
	while (i < a.len && same(a.p[i], b.p[i]))
		i++;
	while (end < a.len - i &&
	    same(a.p[a.len - 1 - end], b.p[b.len - 1 - end]))
		end++;
	/* What is left in the middle differs. */
	if (a.len - i - end == 0)
		return b.len - i - end == 1;
	if (a.len != b.len)
		return false;
	if (a.len - i - end == 1)
		return true;
	return a.len - i - end == 2 && same(a.p[i], b.p[i + 1]) &&
	    same(a.p[i + 1], b.p[i]);
}

/*
 * Top-level domains that exist and are one slip from one in the lists: what
 * stands before them may be somebody's own domain (web.dev, seznam.ca).
 */
static const char top_level[] =
	" ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg"
	" bh bi bj bm bn bo br bs bt bw by bz ca cc cd cf cg ch ci ck cl cm cn"
	" co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj"
	" fk fm fo fr ga gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk"
	" hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki"
	" km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg"
	" mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni"
	" nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re"
	" ro rs ru rw sa sb sc sd se sg sh si sk sl sm sn so sr ss st su sv sx"
	" sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk us uy"
	" uz va vc ve vg vi vn vu wf ws ye yt za zm zw"
	" bar bet cab cal cam car cat cpa com dev eat esq eus fit frl ing ink"
	" int ist med men nec net new next now ong org pet pro run ski sky vet"
	" win ";

static struct span
last_label(struct span domain)
{
	size_t i = domain.len;

	while (i > 0 && domain.p[i - 1] != '.')
		i--;
	return span_from(domain, i);
}

static bool
is_top_level(struct span label)
{
	struct span list = span_of(top_level);

	for (size_t i = 0; i + 1 < list.len; i++) {
		struct span rest = span_from(list, i + 1);

		if (list.p[i] == ' ' && span_equal_nocase(span_first(rest,
		    span_find_char(rest, ' ')), label))
			return true;
	}
	return false;
}

/*
 * May the domain be one of its own, by its last label? Not where a letter of
 * "com" was left out: those are there for who mistypes (gmail.co).
 */
static bool
is_own_domain(struct span name, struct span domain)
{
	struct span meant = last_label(name), typed = last_label(domain);

	return !span_equal_nocase(meant, typed) && is_top_level(typed) &&
	    (!span_equal_nocase(meant, SPAN("com")) || typed.len != 2);
}

/*
 * A short name is near to many others that exist: there only a slip behind
 * its first dot, two swapped letters or a doubled one say something.
 */
#define SHORTEST_NAME 3
#define SHORT_NAME 4

static bool
is_clear_slip(struct span name, struct span domain, size_t dot)
{
	size_t i = 0;

	while (i < dot && i < domain.len && same(name.p[i], domain.p[i]))
		i++;
	if (i == dot)
		return span_find_char(domain, '.') == dot ||
		    span_find_char(domain, '.') == SPAN_NONE ||
		    same(domain.p[dot], name.p[dot - 1]);
	if (domain.len > name.len)
		return i > 0 && same(domain.p[i], domain.p[i - 1]);
	return domain.len == name.len && i + 1 < dot &&
	    same(domain.p[i], name.p[i + 1]);
}

static bool
is_likely_slip(struct span name, struct span domain)
{
	size_t dot;

	if (!is_one_slip(name, domain) || is_own_domain(name, domain))
		return false;
	dot = span_find_char(name, '.');
	return dot != SPAN_NONE && dot >= SHORTEST_NAME &&
	    (dot > SHORT_NAME || is_clear_slip(name, domain, dot));
}

static struct span
find_in(const struct span *list, struct span domain, bool *known)
{
	struct span found = SPAN_ABSENT;

	for (; list != NULL && list->p != NULL; list++) {
		if (span_equal_nocase(*list, domain)) {
			*known = true;
			return SPAN_ABSENT;
		}
		if (found.p == NULL && is_likely_slip(*list, domain))
			found = *list;
	}
	return found;
}

struct span
domains_meant(const struct known_domains *known, struct span domain)
{
	struct span own, common;
	bool is_known = false;

	while (domain.len > 0 && domain.p[domain.len - 1] == '.')
		domain.len--;
	own = find_in(known->own, domain, &is_known);
	common = find_in(known->common, domain, &is_known);
	if (is_known)
		return SPAN_ABSENT;
	return own.p != NULL ? own : common;
}
