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
 * A state of the automaton: a node, numbered so that the children of each
 * stand side by side, as do the bytes that lead to them.
 */
struct state {
	uint32_t child;		/* the first of them */
	uint32_t fail;		/* the longest proper suffix in the trie */
	uint32_t more;		/* next state on the way of fail with outputs */
	uint32_t output;
	uint16_t children;
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
	struct node *nodes;	/* until prefilter_finish() */
	size_t nnodes, node_capacity;
	struct state *states;
	char *bytes;		/* of each state: what leads to it */
	struct output *outputs;
	size_t noutputs, output_capacity;
	uint32_t root[256];	/* children of the root */
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
	free(prefilter->states);
	free(prefilter->bytes);
	free(prefilter->outputs);
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
	uint32_t child;

	if (node == 0)
		return prefilter->root[(unsigned char)byte];
	child = prefilter->nodes[node].child;
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
	if (node == 0)
		prefilter->root[(unsigned char)byte] = child;
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

/* Returns the next state of the automaton. */
static uint32_t
step(const struct prefilter *prefilter, uint32_t at, char byte)
{
	for (; at != 0; at = prefilter->states[at].fail) {
		const struct state *state = &prefilter->states[at];
		const char *bytes = prefilter->bytes + state->child;

		for (uint32_t i = 0; i < state->children; i++)
			if (bytes[i] == byte)
				return state->child + i;
	}
	return prefilter->root[(unsigned char)byte];
}

/* Numbers the nodes level by level; order gets the node of each state. */
static void
make_states(struct prefilter *prefilter, uint32_t *order)
{
	const struct node *nodes = prefilter->nodes;
	uint32_t n = 1;

	order[0] = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct state *state = &prefilter->states[i];

		state->child = n;
		state->output = nodes[order[i]].output;
		for (uint32_t c = nodes[order[i]].child; c != 0;
		    c = nodes[c].sibling) {
			if (i == 0)
				prefilter->root[(unsigned char)nodes[c].byte] =
				    n;
			prefilter->bytes[n] = nodes[c].byte;
			order[n++] = c;
			state->children++;
		}
	}
}

/* Links each state to its longest suffix, which is of an earlier level. */
static void
link_states(struct prefilter *prefilter)
{
	struct state *states = prefilter->states;

	for (uint32_t i = 0; i < prefilter->nnodes; i++)
		for (uint32_t k = 0; k < states[i].children; k++) {
			uint32_t child = states[i].child + k;
			uint32_t fail = i == 0 ? 0 : step(prefilter,
			    states[i].fail, prefilter->bytes[child]);

			states[child].fail = fail;
			states[child].more = states[fail].output != 0 ? fail :
			    states[fail].more;
		}
}

bool
prefilter_finish(struct prefilter *prefilter)
{
	size_t n = prefilter->nnodes;
	uint32_t *order = calloc(n, sizeof(*order));
	bool ok;

	prefilter->states = calloc(n, sizeof(*prefilter->states));
	prefilter->bytes = calloc(n, 1);
	ok = order != NULL && prefilter->states != NULL &&
	    prefilter->bytes != NULL;
	if (ok) {
		make_states(prefilter, order);
		link_states(prefilter);
		free(prefilter->nodes);
		prefilter->nodes = NULL;
	}
	free(order);
	return ok;
}

static void
nominate(const struct prefilter *prefilter, uint32_t at, uint64_t *words)
{
	for (; at != 0; at = prefilter->states[at].more)
		for (uint32_t o = prefilter->states[at].output; o != 0;
		    o = prefilter->outputs[o - 1].next)
			set_bit(words, prefilter->outputs[o - 1].bit);
}

void
prefilter_search(const struct prefilter *prefilter, struct span text,
    uint64_t *words)
{
	size_t n = prefilter_words(prefilter);
	bool eight_bit = false;
	uint32_t at = 0;

	memcpy(words, prefilter->always, 2 * n * sizeof(*words));
	for (size_t i = 0; i < text.len; i++) {
		eight_bit = eight_bit || ascii_is_8bit(text.p[i]);
		at = step(prefilter, at, ascii_lower(text.p[i]));
		nominate(prefilter, at, words);
	}
	for (size_t i = 0; eight_bit && i < 2 * n; i++)
		words[i] |= prefilter->eight_bit[i];
	for (size_t i = 0; i < n; i++)
		words[i] &= words[n + i];
}
