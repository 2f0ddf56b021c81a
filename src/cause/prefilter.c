/* SPDX-License-Identifier: BSD-2-Clause */
#include "cause/prefilter.h"

#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"

/*
 * Bytes as the trie knows them: five bits of each, so that upper and lower
 * case are the same. What else it takes for the same costs a try of a pattern.
 */
#define SYMBOL(byte) ((unsigned char)(byte) & 31u)

/* Three symbols that follow in a text; each literal begins with such. */
#define TRIPLE 3
#define TRIPLES ((size_t)1 << 15)
#define TRIPLE_NEXT(triple, byte) (((triple) << 5 | SYMBOL(byte)) % TRIPLES)

/* A node of the trie as it grows; 0 means "none" in links. */
struct node {
	uint32_t child;		/* first of its children */
	uint32_t sibling;	/* next child of the same parent */
	uint32_t output;	/* first of its outputs, counted from 1 */
	unsigned char symbol;
};

/*
 * A node, with the nodes behind it that have nothing beside them: first its
 * tail must follow. The children of each stand side by side, in the order of
 * the symbols that lead to them. So do the bits that it sets, and the symbols
 * of its tail, up to those of the next state.
 */
struct state {
	uint32_t child, bit, tail;	/* the first of each */
	uint32_t symbols;	/* a bit for each that leads to a child */
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
	uint32_t *roots;	/* until then, too: the node of each triple */
	uint16_t *starts;	/* the state of each triple; 0: none */
	struct state *states;
	unsigned char *tails;
	uint32_t *bits;
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
	prefilter->roots = calloc(TRIPLES, sizeof(*prefilter->roots));
	if (prefilter->always == NULL || prefilter->eight_bit == NULL ||
	    prefilter->nodes == NULL || prefilter->roots == NULL) {
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
	free(prefilter->roots);
	free(prefilter->starts);
	free(prefilter->states);
	free(prefilter->tails);
	free(prefilter->bits);
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

/* Adds a node in front of the one in link; returns it, 0 without memory. */
static uint32_t
add_node(struct prefilter *prefilter, uint32_t sibling, unsigned char symbol)
{
	void *nodes = prefilter->nodes;

	if (!make_room(&nodes, prefilter->nnodes, &prefilter->node_capacity,
	    sizeof(*prefilter->nodes)))
		return 0;
	prefilter->nodes = nodes;
	prefilter->nodes[prefilter->nnodes] = (struct node){
	    .symbol = symbol, .sibling = sibling };
	return (uint32_t)prefilter->nnodes++;
}

/* Returns the child of node for symbol, made if need be; 0 without memory. */
static uint32_t
make_child(struct prefilter *prefilter, uint32_t node, unsigned char symbol)
{
	uint32_t before = 0, child = prefilter->nodes[node].child, made;

	while (child != 0 && prefilter->nodes[child].symbol < symbol) {
		before = child;
		child = prefilter->nodes[child].sibling;
	}
	if (child != 0 && prefilter->nodes[child].symbol == symbol)
		return child;
	made = add_node(prefilter, child, symbol);
	if (before != 0)
		prefilter->nodes[before].sibling = made;
	else
		prefilter->nodes[node].child = made;
	return made;
}

/* Returns the node that a literal ends at; 0 without memory. */
static uint32_t
make_path(struct prefilter *prefilter, const struct prefilter_literal *literal)
{
	size_t triple = 0;
	uint32_t node;

	for (size_t i = 0; i < TRIPLE; i++)
		triple = TRIPLE_NEXT(triple, literal->bytes[i]);
	if (prefilter->roots[triple] == 0)
		prefilter->roots[triple] = add_node(prefilter, 0, 0);
	node = prefilter->roots[triple];
	for (size_t i = TRIPLE; i < literal->len && node != 0; i++)
		node = make_child(prefilter, node, SYMBOL(literal->bytes[i]));
	return node;
}

static bool
add_literal(struct prefilter *prefilter, size_t bit,
    const struct prefilter_literal *literal)
{
	void *outputs = prefilter->outputs;
	uint32_t node;

	if (literal->bytes[0] == (char)0x80) {
		set_bit(prefilter->eight_bit, bit);
		return true;
	}
	node = make_path(prefilter, literal);
	if (node == 0 || !make_room(&outputs, prefilter->noutputs,
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

/* Moves what must follow a node to the tails; returns where that ends. */
static uint32_t
take_tail(struct prefilter *prefilter, uint32_t node, uint32_t *n)
{
	const struct node *nodes = prefilter->nodes;

	while (nodes[node].output == 0 &&
	    nodes[nodes[node].child].sibling == 0) {
		node = nodes[node].child;
		prefilter->tails[(*n)++] = nodes[node].symbol;
	}
	return node;
}

static void
take_bits(struct prefilter *prefilter, uint32_t output, uint32_t *n)
{
	for (; output != 0; output = prefilter->outputs[output - 1].next)
		prefilter->bits[(*n)++] = prefilter->outputs[output - 1].bit;
}

/* Numbers the nodes level by level; order gets the node of each state. */
static void
make_states(struct prefilter *prefilter, uint32_t *order)
{
	const struct node *nodes = prefilter->nodes;
	uint32_t n = 1, bits = 0, tails = 0, i;

	for (i = 0; i < TRIPLES; i++) {
		if (prefilter->roots[i] == 0)
			continue;
		order[n] = prefilter->roots[i];
		prefilter->starts[i] = (uint16_t)n++;
	}
	for (i = 1; i < n; i++) {
		struct state *state = &prefilter->states[i];
		uint32_t node;

		*state = (struct state){ n, bits, tails, 0 };
		node = take_tail(prefilter, order[i], &tails);
		take_bits(prefilter, nodes[node].output, &bits);
		for (uint32_t c = nodes[node].child; c != 0;
		    c = nodes[c].sibling) {
			state->symbols |= (uint32_t)1 << nodes[c].symbol;
			order[n++] = c;
		}
	}
	prefilter->states[i] = (struct state){ n, bits, tails, 0 };
}

bool
prefilter_finish(struct prefilter *prefilter)
{
	size_t n = prefilter->nnodes;
	uint32_t *order = calloc(n, sizeof(*order));
	bool ok;

	prefilter->starts = calloc(TRIPLES, sizeof(*prefilter->starts));
	prefilter->states = calloc(n + 1, sizeof(*prefilter->states));
	prefilter->tails = calloc(n, 1);
	prefilter->bits = calloc(prefilter->noutputs + 1,
	    sizeof(*prefilter->bits));
	ok = order != NULL && prefilter->starts != NULL &&
	    prefilter->states != NULL && prefilter->tails != NULL &&
	    prefilter->bits != NULL;
	if (ok)
		make_states(prefilter, order);
	free(order);
	free(prefilter->nodes);
	free(prefilter->outputs);
	free(prefilter->roots);
	prefilter->nodes = NULL;
	prefilter->outputs = NULL;
	prefilter->roots = NULL;
	return ok;
}

/* Returns the child of state for a symbol; 0: it has none. */
static uint32_t
next_state(const struct state *state, unsigned symbol)
{
	uint32_t bit = (uint32_t)1 << symbol;

	return (state->symbols & bit) == 0 ? 0 : state->child +
	    (uint32_t)__builtin_popcount(state->symbols & (bit - 1));
}

/* Sets the bits of each literal that goes on from state at with text. */
static void
search_here(const struct prefilter *prefilter, uint32_t at, struct span text,
    uint64_t *words)
{
	while (at != 0) {
		const struct state *state = &prefilter->states[at];

		for (uint32_t i = state->tail; i < state[1].tail; i++) {
			if (text.len == 0 ||
			    SYMBOL(text.p[0]) != prefilter->tails[i])
				return;
			text = span_from(text, 1);
		}
		for (uint32_t i = state->bit; i < state[1].bit; i++)
			set_bit(words, prefilter->bits[i]);
		if (text.len == 0)
			return;
		at = next_state(state, SYMBOL(text.p[0]));
		text = span_from(text, 1);
	}
}

void
prefilter_search(const struct prefilter *prefilter, struct span text,
    uint64_t *words)
{
	size_t n = prefilter_words(prefilter), triple = 0;
	bool eight_bit = false;

	memcpy(words, prefilter->always, 2 * n * sizeof(*words));
	for (size_t i = 0; i < text.len; i++) {
		eight_bit = eight_bit || ascii_is_8bit(text.p[i]);
		triple = TRIPLE_NEXT(triple, text.p[i]);
		if (i + 1 >= TRIPLE && prefilter->starts[triple] != 0)
			search_here(prefilter, prefilter->starts[triple],
			    span_from(text, i + 1), words);
	}
	for (size_t i = 0; eight_bit && i < 2 * n; i++)
		words[i] |= prefilter->eight_bit[i];
	for (size_t i = 0; i < n; i++)
		words[i] &= words[n + i];
}
