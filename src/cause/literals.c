/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The literals of a pattern: a reader of as much of PCRE2's syntax as is
 * needed to find bytes that every match must hold. Where it is in doubt it
 * finds none, which costs time and never a match.
 */
#include "cause/prefilter.h"

#include <string.h>

#include "base/ascii.h"

#define DEPTH 16	/* of groups */

/* The best sets that a sequence has, in the order in which they stand. */
struct sets {
	struct prefilter_set v[PREFILTER_SETS];
	size_t n;
};

struct reader {
	const char *p;
	unsigned depth;
	bool lost;		/* something was not understood */
	bool sets_options;	/* (?i) holds for what follows, too */
};

/* What a pattern's next atom is: its bytes, any character beyond ASCII, or
 * something else. */
enum atom { ATOM_BYTES, ATOM_8BIT, ATOM_OTHER };

/* Copies what is there only: a set has room for much more than most hold. */
static void
copy_set(struct prefilter_set *to, const struct prefilter_set *from)
{
	memcpy(to->v, from->v, from->n * sizeof(from->v[0]));
	to->n = from->n;
	to->shortest = from->shortest;
}

/* Returns the set that tells least, the first of such; there must be one. */
static size_t
worst_of(const struct sets *sets)
{
	size_t worst = 0;

	for (size_t i = 1; i < sets->n; i++)
		if (sets->v[i].shortest < sets->v[worst].shortest)
			worst = i;
	return worst;
}

/* Returns the set that tells most, the first of such; NULL if none. */
static const struct prefilter_set *
best_of(const struct sets *sets)
{
	const struct prefilter_set *best = NULL;

	for (size_t i = 0; i < sets->n; i++)
		if (best == NULL || sets->v[i].shortest > best->shortest)
			best = &sets->v[i];
	return best;
}

/* Adds a set that stands behind the others, if it tells more than one. */
static void
keep_better(struct sets *sets, const struct prefilter_set *set)
{
	size_t i;

	if (set->n == 0)
		return;
	if (sets->n < PREFILTER_SETS) {
		copy_set(&sets->v[sets->n++], set);
		return;
	}
	i = worst_of(sets);
	if (set->shortest <= sets->v[i].shortest)
		return;
	for (; i + 1 < PREFILTER_SETS; i++)
		copy_set(&sets->v[i], &sets->v[i + 1]);
	copy_set(&sets->v[i], set);
}

/* Adds a set of one literal. */
static void
keep_literal(struct sets *sets, const struct prefilter_literal *literal)
{
	struct prefilter_set set;

	set.n = 1;
	set.shortest = literal->len;
	set.v[0] = *literal;
	keep_better(sets, &set);
}

/* Ends a run of characters, which is a set of one if it is long enough. */
static void
end_run(struct sets *sets, struct prefilter_literal *run)
{
	if (run->len >= PREFILTER_SHORTEST)
		keep_literal(sets, run);
	run->len = 0;
}

static void
add_to_run(struct prefilter_literal *run, struct span bytes)
{
	for (size_t i = 0; i < bytes.len && run->len < PREFILTER_LITERAL; i++)
		run->bytes[run->len++] = ascii_lower(bytes.p[i]);
}

static void
keep_any_8bit(struct sets *sets)
{
	const struct prefilter_literal any = { 1, { (char)0x80 } };

	keep_literal(sets, &any);
}

/*
 * Returns the length of the character beyond ASCII at p if its bytes have the
 * same symbols in either case, else 0: what has no case (the scripts of China,
 * Japan and Korea), letters of Western Europe, a half of the Cyrillic ones.
 * Those that a third letter is a case of are left out (å is the Ångström).
 */
static size_t
fixed_length(const char *p)
{
	unsigned char first = (unsigned char)p[0];
	unsigned char lower = (unsigned char)p[1] | 0x20;

	if ((first >= 0xe3 && first <= 0xe9) ||
	    (first >= 0xeb && first <= 0xed))
		return 3;		/* U+3000 to 9FFF, B000 to D7FF */
	if (first == 0xea && (unsigned char)p[1] >= 0xb0)
		return 3;		/* U+AC00 to AFFF */
	/* U+0410 to 041F and 0430 to 043F, but those of U+1C80 to 1C82. */
	if (first == 0xd0 && (lower & 0xf0) == 0xb0 && lower != 0xb2 &&
	    lower != 0xb4 && lower != 0xbe)
		return 2;
	if (first == 0xc3 && lower != 0xbf && lower != 0xa5)
		return 2;
	return 0;
}

static void
skip_class(struct reader *r)
{
	r->p++;
	if (*r->p == '^')
		r->p++;
	if (*r->p == ']')
		r->p++;
	while (*r->p != '\0' && *r->p != ']') {
		if (r->p[0] == '[' && r->p[1] == ':') {
			const char *end = strstr(r->p + 2, ":]");

			r->p = end != NULL ? end + 2 : r->p + 1;
			continue;
		}
		if (r->p[0] == '\\' && r->p[1] != '\0') {
			r->p++;
			if (*r->p == 'Q')
				r->lost = true;
		}
		r->p++;
	}
	if (*r->p == ']')
		r->p++;
}

/* Reads an escape; gives its character if it stands for one. */
static enum atom
read_escape(struct reader *r, char *c)
{
	int high, low;

	if (*r->p == '\0')
		return ATOM_OTHER;
	*c = *r->p++;
	/* Octal numbers, references, quoted runs, \cX: not followed. */
	if (ascii_is_digit(*c) || strchr("QEkgco", *c) != NULL)
		r->lost = true;
	if (*c == 'x' && (high = ascii_hex_value(r->p[0])) >= 0 && high < 8 &&
	    (low = ascii_hex_value(r->p[1])) >= 0) {
		r->p += 2;
		*c = (char)(high << 4 | low);
		return ATOM_BYTES;
	}
	if ((*c == 'p' || *c == 'P' || *c == 'x' || *c == 'N' || *c == 'k' ||
	    *c == 'g') && *r->p == '{') {
		while (*r->p != '\0' && *r->p != '}')
			r->p++;
		if (*r->p == '}')
			r->p++;
	}
	return ascii_is_alnum(*c) ? ATOM_OTHER : ATOM_BYTES;
}

/* Reads a quantifier, if there is one; returns the least count, 1 if none.
 * *repeats says that what follows need not stand right behind. */
static unsigned
read_quantifier(struct reader *r, bool *repeats)
{
	unsigned least = 1;

	*repeats = true;
	if (*r->p == '?' || *r->p == '*') {
		least = 0;
		r->p++;
	} else if (*r->p == '+') {
		r->p++;
	} else if (*r->p == '{' && (ascii_is_digit(r->p[1]) ||
	    r->p[1] == ',')) {
		least = 0;
		for (r->p++; ascii_is_digit(*r->p); r->p++)
			least = least * 10 + (unsigned)(*r->p - '0');
		while (*r->p != '\0' && *r->p != '}')
			r->p++;
		if (*r->p == '}')
			r->p++;
	} else {
		*repeats = false;
		return 1;
	}
	if (*r->p == '?' || *r->p == '+')	/* lazy, possessive */
		r->p++;
	return least;
}

static void read_alternatives(struct reader *r, struct prefilter_set *set);

/* Reads a group; set gets its literals if it takes part in every match. */
static void
read_group(struct reader *r, struct prefilter_set *set)
{
	bool looks = false;	/* looks around: takes no part */

	r->p++;
	if (*r->p == '*')	/* (*VERB) */
		r->lost = true;
	if (*r->p == '?') {
		r->p++;
		/* A comment, a reference, recursion, a condition. */
		if (*r->p != '\0' && (strchr("#R&(+", *r->p) != NULL ||
		    ascii_is_digit(*r->p) || (r->p[0] == 'P' &&
		    r->p[1] != '<')))
			r->lost = true;
		if (*r->p == '=' || *r->p == '!') {
			looks = true;
			r->p++;
		} else if (r->p[0] == '<' && (r->p[1] == '=' ||
		    r->p[1] == '!')) {
			looks = true;
			r->p += 2;
		} else {
			/* (?:  (?>  (?<name>  (?P<name>  (?i)  (?i: */
			bool flags = ascii_is_alpha(*r->p) && *r->p != 'P';

			for (; *r->p != '\0' && strchr(":>)|", *r->p) == NULL;
			    r->p++)
				if (*r->p == '(' || (flags && *r->p == 'x'))
					r->lost = true;
			if (flags && *r->p == ')')
				r->sets_options = true;
			if (*r->p != '\0' && *r->p != ')')
				r->p++;
		}
	}
	read_alternatives(r, set);
	if (*r->p == ')')
		r->p++;
	if (looks)
		set->n = 0;
}

/* Reads an atom; buffer has room for the bytes of one that is such. */
static enum atom
read_atom(struct reader *r, char *buffer, struct span *bytes)
{
	const char *start = r->p;
	size_t fixed;

	*bytes = (struct span){ buffer, 1 };
	switch (*r->p) {
	case '\\':
		r->p++;
		return read_escape(r, buffer);
	case '[':
		skip_class(r);
		return ATOM_OTHER;
	case '.':
	case '^':
	case '$':
		r->p++;
		return ATOM_OTHER;
	}
	fixed = ascii_is_8bit(*start) ? fixed_length(start) : 1;
	r->p++;
	while (((unsigned char)*r->p & 0xc0) == 0x80)
		r->p++;
	*bytes = (struct span){ start, (size_t)(r->p - start) };
	return fixed == bytes->len ? ATOM_BYTES : ATOM_8BIT;
}

static void
read_sequence(struct reader *r, struct sets *sets)
{
	struct prefilter_literal run;
	struct prefilter_set group;
	struct span bytes;
	bool repeats;
	char c;

	run.len = 0;
	sets->n = 0;
	while (*r->p != '\0' && *r->p != '|' && *r->p != ')') {
		enum atom atom;

		if (*r->p == '(') {
			end_run(sets, &run);
			read_group(r, &group);
			if (read_quantifier(r, &repeats) > 0)
				keep_better(sets, &group);
			continue;
		}
		atom = read_atom(r, &c, &bytes);
		if (read_quantifier(r, &repeats) == 0 || atom == ATOM_OTHER) {
			end_run(sets, &run);
			continue;
		}
		if (atom == ATOM_8BIT) {
			end_run(sets, &run);
			keep_any_8bit(sets);
			continue;
		}
		add_to_run(&run, bytes);
		if (repeats)
			end_run(sets, &run);
	}
	end_run(sets, &run);
}

static void
read_alternatives(struct reader *r, struct prefilter_set *set)
{
	struct sets sequence;
	const struct prefilter_set *one;
	bool known = true;

	set->n = set->shortest = 0;
	if (++r->depth > DEPTH) {
		r->lost = true;
		r->p += strlen(r->p);
		r->depth--;
		return;
	}
	for (bool first = true; first || *r->p == '|'; first = false) {
		if (!first)
			r->p++;
		read_sequence(r, &sequence);
		one = best_of(&sequence);
		if (one == NULL || set->n + one->n > PREFILTER_LITERALS) {
			known = false;
			continue;
		}
		memcpy(set->v + set->n, one->v, one->n * sizeof(one->v[0]));
		if (set->n == 0 || one->shortest < set->shortest)
			set->shortest = one->shortest;
		set->n += one->n;
	}
	if (!known)
		set->n = set->shortest = 0;
	r->depth--;
}

void
prefilter_literals(const char *pattern,
    struct prefilter_set sets[PREFILTER_SETS])
{
	struct reader reader = { .p = pattern };
	struct sets sequence;

	read_sequence(&reader, &sequence);
	if (*reader.p == '|') {
		reader.p = pattern;
		read_alternatives(&reader, &sequence.v[0]);
		sequence.n = sequence.v[0].n > 0;
	}
	if (reader.lost || *reader.p != '\0')
		sequence.n = 0;
	for (size_t i = 0; i < PREFILTER_SETS - sequence.n; i++)
		sets[i].n = 0;
	for (size_t i = 0; i < sequence.n; i++)
		copy_set(&sets[PREFILTER_SETS - sequence.n + i],
		    &sequence.v[i]);
}

/* Takes back n - 1 cuts. */
static void
mend(char *pattern, size_t n)
{
	for (; n > 1; n--) {
		pattern += strlen(pattern);
		*pattern++ = '|';
	}
}

size_t
prefilter_split(char *pattern)
{
	struct reader reader = { .p = pattern, .depth = 1 };
	struct sets ignored;
	size_t n = 1;

	for (;; n++) {
		read_sequence(&reader, &ignored);
		if (*reader.p != '|')
			break;
		pattern[reader.p++ - pattern] = '\0';
	}
	if (*reader.p == '\0' && !reader.lost && !reader.sets_options)
		return n;
	mend(pattern, n);
	return 1;
}
