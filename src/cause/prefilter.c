/* SPDX-License-Identifier: BSD-2-Clause */
#include "cause/prefilter.h"

#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"

/* A node of the trie as it grows; 0 is the root and means "none" in links. */
struct node {
	uint32_t child;		/* first of its children */
	uint32_t sibling;	/* next child of the same parent */
	uint32_t output;	/* first of its outputs, counted from 1 */
	char byte;
};

/*
 * A node, with the nodes behind it that have nothing beside them: first its
 * tail must follow. The children of each stand side by side, as do the bytes
 * that lead to them and the bits that each sets.
 */
struct state {
	uint32_t child, bit, tail;	/* the first of each */
	uint32_t bits;
	unsigned char children;		/* bytes of ASCII: 128 at most */
	unsigned char tail_len;
};

/* A bit that a literal sets. */
struct output {
	uint32_t bit;
	uint32_t next;		/* counted from 1 */
};

/*
 * Bits stand in two halves of words: whether a literal of the first set of a
 * pattern is there, and of the second. Candidates have both.
 */
struct prefilter {
	size_t patterns;
	uint64_t *always;	/* no literals: set for every text */
	uint64_t *eight_bit;	/* set for every text beyond ASCII */
	struct node *nodes;	/* until prefilter_finish(), as the outputs */
	size_t nnodes, node_capacity;
	struct output *outputs;
	size_t noutputs, output_capacity;
	struct state *states;
	char *bytes;		/* of each state: what leads to it */
	char *tails;
	uint32_t *bits;
	unsigned char class[256];	/* of the bytes that begin literals */
	size_t classes;
	uint32_t *pairs;	/* of two classes: the state of such bytes */
};

struct prefilter *
prefilter_new(size_t n)
{
	struct prefilter *prefilter = calloc(1, sizeof(*prefilter));

	if (prefilter == NULL)
		return NULL;
	prefilter->patterns = n;
	prefilter->always = calloc(2 * prefilter_words(prefilter) + 1,
	    sizeof(*prefilter->always));
	prefilter->eight_bit = calloc(2 * prefilter_words(prefilter) + 1,
	    sizeof(*prefilter->eight_bit));
	prefilter->node_capacity = 64;
	prefilter->nodes = calloc(prefilter->node_capacity,
	    sizeof(*prefilter->nodes));
	prefilter->nnodes = 1;
	if (prefilter->always == NULL || prefilter->eight_bit == NULL ||
	    prefilter->nodes == NULL) {
		prefilter_free(prefilter);
		return NULL;
	}
	return prefilter;
}

void
prefilter_free(struct prefilter *prefilter)
{
	if (prefilter == NULL)
		return;
	free(prefilter->always);
	free(prefilter->eight_bit);
	free(prefilter->nodes);
	free(prefilter->outputs);
	free(prefilter->states);
	free(prefilter->bytes);
	free(prefilter->tails);
	free(prefilter->bits);
	free(prefilter->pairs);
	free(prefilter);
}

size_t
prefilter_words(const struct prefilter *prefilter)
{
	return (prefilter->patterns + 63) / 64;
}

static void
set_bit(uint64_t *words, size_t number)
{
	words[number / 64] |= (uint64_t)1 << number % 64;
}

/* Doubles an array that is full; false without memory. */
static bool
make_room(void **array, size_t n, size_t *capacity, size_t size)
{
	size_t more = *capacity > 0 ? *capacity * 2 : 64;
	void *p;

	if (n < *capacity)
		return true;
	p = realloc(*array, more * size);
	if (p == NULL)
		return false;
	*array = p;
	*capacity = more;
	return true;
}

static uint32_t
find_child(const struct prefilter *prefilter, uint32_t node, char byte)
{
	uint32_t child = prefilter->nodes[node].child;

	while (child != 0 && prefilter->nodes[child].byte != byte)
		child = prefilter->nodes[child].sibling;
	return child;
}

/* Returns the child of node for byte, made if need be; 0 without memory. */
static uint32_t
make_child(struct prefilter *prefilter, uint32_t node, char byte)
{
	uint32_t child = find_child(prefilter, node, byte);
	void *nodes = prefilter->nodes;

	if (child != 0)
		return child;
	if (!make_room(&nodes, prefilter->nnodes, &prefilter->node_capacity,
	    sizeof(*prefilter->nodes)))
		return 0;
	prefilter->nodes = nodes;
	child = (uint32_t)prefilter->nnodes++;
	prefilter->nodes[child] = (struct node){ .byte = byte,
	    .sibling = prefilter->nodes[node].child };
	prefilter->nodes[node].child = child;
	return child;
}

static bool
add_literal(struct prefilter *prefilter, size_t bit,
    const struct prefilter_literal *literal)
{
	void *outputs = prefilter->outputs;
	uint32_t node = 0;

	if (literal->bytes[0] == (char)0x80) {
		set_bit(prefilter->eight_bit, bit);
		return true;
	}
	for (size_t i = 0; i < literal->len; i++) {
		node = make_child(prefilter, node, literal->bytes[i]);
		if (node == 0)
			return false;
	}
	if (!make_room(&outputs, prefilter->noutputs,
	    &prefilter->output_capacity, sizeof(*prefilter->outputs)))
		return false;
	prefilter->outputs = outputs;
	prefilter->outputs[prefilter->noutputs] = (struct output){
	    (uint32_t)bit, prefilter->nodes[node].output };
	prefilter->nodes[node].output = (uint32_t)++prefilter->noutputs;
	return true;
}

bool
prefilter_add(struct prefilter *prefilter, size_t number, const char *pattern)
{
	size_t half = 64 * prefilter_words(prefilter);
	struct prefilter_set sets[2];

	prefilter_literals(pattern, sets);
	for (size_t k = 0; k < 2; k++) {
		if (sets[k].n == 0)
			set_bit(prefilter->always, number + k * half);
		for (size_t i = 0; i < sets[k].n; i++)
			if (!add_literal(prefilter, number + k * half,
			    &sets[k].v[i]))
				return false;
	}
	return true;
}

/* Moves the bits of a node to those of its state. */
static void
take_bits(struct prefilter *prefilter, struct state *state, uint32_t output,
    uint32_t *n)
{
	state->bit = *n;
	while (output != 0) {
		prefilter->bits[(*n)++] = prefilter->outputs[output - 1].bit;
		output = prefilter->outputs[output - 1].next;
	}
	state->bits = *n - state->bit;
}

/* Moves what must follow a node to the tail of its state; returns where that
 * ends. */
static uint32_t
take_tail(struct prefilter *prefilter, struct state *state, uint32_t node,
    uint32_t *n)
{
	const struct node *nodes = prefilter->nodes;

	state->tail = *n;
	while (nodes[node].output == 0 &&
	    nodes[nodes[node].child].sibling == 0) {
		node = nodes[node].child;
		prefilter->tails[(*n)++] = nodes[node].byte;
	}
	state->tail_len = (unsigned char)(*n - state->tail);
	return node;
}

/* Numbers the nodes level by level; order gets the node of each state. */
static void
make_states(struct prefilter *prefilter, uint32_t *order)
{
	const struct node *nodes = prefilter->nodes;
	struct state *states = prefilter->states;
	uint32_t n = 1, bits = 0, tails = 0;

	order[0] = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct state *state = &states[i];
		uint32_t node = order[i];

		/* The table of pairs needs the first two levels. */
		if (i > 0 && i >= states[0].child + states[0].children)
			node = take_tail(prefilter, state, node, &tails);
		take_bits(prefilter, state, nodes[node].output, &bits);
		state->child = n;
		for (uint32_t c = nodes[node].child; c != 0;
		    c = nodes[c].sibling) {
			prefilter->bytes[n] = nodes[c].byte;
			order[n++] = c;
			state->children++;
		}
	}
}

/* Returns the child of state for byte; 0: it has none. */
static uint32_t
next_state(const struct prefilter *prefilter, const struct state *state,
    char byte)
{
	const char *bytes = prefilter->bytes + state->child;

	for (uint32_t i = 0; i < state->children; i++)
		if (bytes[i] == byte)
			return state->child + i;
	return 0;
}

static void
classify(struct prefilter *prefilter, const struct state *state)
{
	for (uint32_t i = 0; i < state->children; i++) {
		unsigned char byte = (unsigned char)prefilter->bytes[
		    state->child + i];

		if (prefilter->class[byte] == 0)
			prefilter->class[byte] =
			    (unsigned char)prefilter->classes++;
	}
}

/* The place of the state that two bytes lead to; 0: none. */
static uint32_t *
pair(const struct prefilter *prefilter, char first, char second)
{
	return &prefilter->pairs[prefilter->class[(unsigned char)first] *
	    prefilter->classes + prefilter->class[(unsigned char)second]];
}

/* Most bytes of a text end at the first or second step: a table has those. */
static bool
make_pairs(struct prefilter *prefilter)
{
	const struct state *states = prefilter->states;
	const char *bytes = prefilter->bytes;
	uint32_t first = states[0].child, seconds = first + states[0].children;

	prefilter->classes = 1;		/* 0: no literal begins so */
	for (uint32_t i = 0; i < seconds; i++)
		classify(prefilter, &states[i]);
	prefilter->pairs = calloc(prefilter->classes * prefilter->classes,
	    sizeof(*prefilter->pairs));
	if (prefilter->pairs == NULL)
		return false;
	for (uint32_t i = first; i < seconds; i++)
		for (uint32_t k = 0; k < states[i].children; k++)
			*pair(prefilter, bytes[i], bytes[states[i].child + k]) =
			    states[i].child + k;
	for (int c = 'a'; c <= 'z'; c++)
		prefilter->class[c ^ ('a' ^ 'A')] = prefilter->class[c];
	return true;
}

bool
prefilter_finish(struct prefilter *prefilter)
{
	size_t n = prefilter->nnodes;
	uint32_t *order = calloc(n, sizeof(*order));
	bool ok;

	prefilter->states = calloc(n, sizeof(*prefilter->states));
	prefilter->bytes = calloc(n, 1);
	prefilter->tails = calloc(n, 1);
	prefilter->bits = calloc(prefilter->noutputs + 1,
	    sizeof(*prefilter->bits));
	ok = order != NULL && prefilter->states != NULL &&
	    prefilter->bytes != NULL && prefilter->tails != NULL &&
	    prefilter->bits != NULL;
	if (ok) {
		make_states(prefilter, order);
		ok = make_pairs(prefilter);
	}
	free(order);
	free(prefilter->nodes);
	free(prefilter->outputs);
	prefilter->nodes = NULL;
	prefilter->outputs = NULL;
	return ok;
}

/* Does text begin with the tail of a state? */
static bool
begins_with_tail(const struct prefilter *prefilter, const struct state *state,
    struct span text)
{
	const char *tail = prefilter->tails + state->tail;
	size_t i = 0;

	if (text.len < state->tail_len)
		return false;
	while (i < state->tail_len && ascii_lower(text.p[i]) == tail[i])
		i++;
	return i == state->tail_len;
}

/* Sets the bits of each literal that text begins with. */
static void
search_here(const struct prefilter *prefilter, struct span text,
    uint64_t *words)
{
	uint32_t at = *pair(prefilter, text.p[0], text.p[1]);

	text = span_from(text, 2);
	while (at != 0) {
		const struct state *state = &prefilter->states[at];

		if (!begins_with_tail(prefilter, state, text))
			return;
		for (uint32_t i = 0; i < state->bits; i++)
			set_bit(words, prefilter->bits[state->bit + i]);
		text = span_from(text, state->tail_len);
		if (text.len == 0)
			return;
		at = next_state(prefilter, state, ascii_lower(text.p[0]));
		text = span_from(text, 1);
	}
}

void
prefilter_search(const struct prefilter *prefilter, struct span text,
    uint64_t *words)
{
	size_t n = prefilter_words(prefilter);
	bool eight_bit = text.len > 0 && ascii_is_8bit(text.p[text.len - 1]);

	memcpy(words, prefilter->always, 2 * n * sizeof(*words));
	for (; text.len >= 2; text = span_from(text, 1)) {
		eight_bit = eight_bit || ascii_is_8bit(text.p[0]);
		search_here(prefilter, text, words);
	}
	for (size_t i = 0; eight_bit && i < 2 * n; i++)
		words[i] |= prefilter->eight_bit[i];
	for (size_t i = 0; i < n; i++)
		words[i] &= words[n + i];
}
