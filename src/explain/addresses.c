/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/addresses.h"

/* A list of more lines is cut in two, so that what happened stays in view. */
#define LIST_LINES 12
#define LIST_LINES_FIRST 6

struct span
addresses_typed(const struct recipient *recipient)
{
	return recipient->original.len > 0 ? recipient->original :
	    recipient->address;
}

struct span
addresses_behind(const struct teller *teller,
    const struct recipient *recipient)
{
	if (recipient->original.len == 0 || teller->options->backscatter ||
	    span_equal_nocase(recipient->original, recipient->address))
		return SPAN_ABSENT;
	return recipient->address;
}

/* The typed address of a member. */
static struct span
member_address(const struct teller *teller, const struct members *members,
    size_t i)
{
	return addresses_typed(&teller->report->recipients[members->v[i]]);
}

/* Lists where the message went from the address of a member. */
static bool
list_below(const struct teller *teller, struct explained_address *line,
    const struct members *members, size_t first)
{
	struct span typed = member_address(teller, members, first);
	size_t most = 0, k;

	for (size_t i = first; i < members->n; i++)
		most += span_equal_nocase(member_address(teller, members, i),
		    typed);
	line->below = arena_alloc(teller->phrases.arena,
	    most * sizeof(line->below[0]));
	if (line->below == NULL)
		return false;
	for (size_t i = first; i < members->n; i++) {
		struct filler filler = { "address", teller_clean(teller,
		    addresses_behind(teller,
		    &teller->report->recipients[members->v[i]]),
		    EXPLAIN_ADDRESS) };
		struct span text;

		if (filler.value.len == 0 || !span_equal_nocase(
		    member_address(teller, members, i), typed))
			continue;
		text = phrase_fill(&teller->phrases, phrase(&teller->phrases,
		    "forwarded.to"), &filler, 1);
		for (k = 0; k < line->nbelow &&
		    !span_equal(line->below[k], text); k++)
			;
		if (k == line->nbelow && text.len > 0)
			line->below[line->nbelow++] = text;
	}
	return true;
}

bool
addresses_list(const struct teller *teller, struct explained_group *group,
    const struct members *members)
{
	group->addresses = arena_alloc(teller->phrases.arena,
	    members->n * sizeof(group->addresses[0]));
	if (group->addresses == NULL)
		return false;
	for (size_t i = 0, k; i < members->n; i++) {
		struct span typed = member_address(teller, members, i);
		struct explained_address line = {
			teller_clean(teller, typed, EXPLAIN_ADDRESS), NULL, 0
		};

		for (k = 0; k < i && !span_equal_nocase(typed,
		    member_address(teller, members, k)); k++)
			;
		if (line.text.len == 0 || k < i)
			continue;
		if (!list_below(teller, &line, members, i))
			return false;
		group->addresses[group->naddresses++] = line;
	}
	return true;
}

/* Of an address that the result names, the list has only what is below. */
static bool
list_lone_below(const struct teller *teller, struct explained_group *group)
{
	struct explained_address lone;

	if (group->naddresses != 1 || group->addresses[0].nbelow < 2)
		return true;
	lone = group->addresses[0];
	group->addresses = arena_alloc(teller->phrases.arena,
	    lone.nbelow * sizeof(group->addresses[0]));
	if (group->addresses == NULL)
		return false;
	group->naddresses = lone.nbelow;
	for (size_t i = 0; i < lone.nbelow; i++)
		group->addresses[i] = (struct explained_address){
		    .text = lone.below[i] };
	return true;
}

bool
addresses_divide(const struct teller *teller, struct explained_group *group)
{
	size_t lines = 0;

	if (!list_lone_below(teller, group))
		return false;
	for (size_t i = 0; i < group->naddresses; i++) {
		lines += 1 + group->addresses[i].nbelow;
		if (i == 0 || lines <= LIST_LINES_FIRST)
			group->nfirst = i + 1;
	}
	if (lines <= LIST_LINES)
		group->nfirst = group->naddresses;
	return true;
}
