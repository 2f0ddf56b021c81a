/* SPDX-License-Identifier: BSD-2-Clause */
#include "cause/trie.h"

#include <stdlib.h>
#include <string.h>

/* A node; 0 means "none" in links. */
struct node {
	uint32_t child;		/* first of its children, by symbol */
	uint32_t sibling;	/* next child of the same parent */
	uint32_t output;	/* first of its outputs, counted from 1 */
	unsigned char symbol;
};

/* A bit that a literal sets. */
struct output {
	uint32_t bit;
	uint32_t next;		/* counted from 1 */
};

struct trie {
	size_t words;		/* as in the prefilter, with these two */
	uint64_t *always;
	uint64_t *eight_bit;
	struct node *nodes;	/* from the second on those of the pairs */
	size_t nnodes, node_capacity;
	struct output *outputs;
	size_t noutputs, output_capacity;
};

struct trie *
trie_new(size_t n)
{
	struct trie *trie = calloc(1, sizeof(*trie));

	if (trie == NULL)
		return NULL;
	trie->words = (n + 63) / 64;
	trie->always = calloc(PREFILTER_RUNS * trie->words + 1,
	    sizeof(*trie->always));
	trie->eight_bit = calloc(PREFILTER_RUNS * trie->words + 1,
	    sizeof(*trie->eight_bit));
	trie->nnodes = trie->node_capacity = 1 + PREFILTER_PAIRS;
	trie->nodes = calloc(trie->node_capacity, sizeof(*trie->nodes));
	if (trie->always == NULL || trie->eight_bit == NULL ||
	    trie->nodes == NULL) {
		trie_free(trie);
		return NULL;
	}
	return trie;
}

void
trie_free(struct trie *trie)
{
	if (trie == NULL)
		return;
	free(trie->always);
	free(trie->eight_bit);
	free(trie->nodes);
	free(trie->outputs);
	free(trie);
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

/* Adds a node in front of its sibling; returns it, 0 without memory. */
static uint32_t
add_node(struct trie *trie, uint32_t sibling, unsigned char symbol)
{
	void *nodes = trie->nodes;

	if (!make_room(&nodes, trie->nnodes, &trie->node_capacity,
	    sizeof(*trie->nodes)))
		return 0;
	trie->nodes = nodes;
	trie->nodes[trie->nnodes] = (struct node){
	    .symbol = symbol, .sibling = sibling };
	return (uint32_t)trie->nnodes++;
}

/* Returns the child of node for symbol, made if need be; 0 without memory. */
static uint32_t
make_child(struct trie *trie, uint32_t node, unsigned char symbol)
{
	uint32_t before = 0, child = trie->nodes[node].child, made;

	while (child != 0 && trie->nodes[child].symbol < symbol) {
		before = child;
		child = trie->nodes[child].sibling;
	}
	if (child != 0 && trie->nodes[child].symbol == symbol)
		return child;
	made = add_node(trie, child, symbol);
	if (before != 0)
		trie->nodes[before].sibling = made;
	else
		trie->nodes[node].child = made;
	return made;
}

/* Returns the node that a literal ends at; 0 without memory. */
static uint32_t
make_path(struct trie *trie, const struct prefilter_literal *literal)
{
	uint32_t node = 1 + (uint32_t)prefilter_pair(literal->bytes);

	for (size_t i = 2; i < literal->len && node != 0; i++)
		node = make_child(trie, node,
		    PREFILTER_SYMBOL(literal->bytes[i]));
	return node;
}

static void
set_bit(uint64_t *words, size_t number)
{
	words[number / 64] |= (uint64_t)1 << number % 64;
}

static bool
add_literal(struct trie *trie, size_t bit,
    const struct prefilter_literal *literal)
{
	void *outputs = trie->outputs;
	uint32_t node;

	if (literal->bytes[0] == (char)0x80) {
		set_bit(trie->eight_bit, bit);
		return true;
	}
	node = make_path(trie, literal);
	if (node == 0 || !make_room(&outputs, trie->noutputs,
	    &trie->output_capacity, sizeof(*trie->outputs)))
		return false;
	trie->outputs = outputs;
	trie->outputs[trie->noutputs] = (struct output){
	    (uint32_t)bit, trie->nodes[node].output };
	trie->nodes[node].output = (uint32_t)++trie->noutputs;
	return true;
}

bool
trie_add(struct trie *trie, size_t number, const char *pattern)
{
	struct prefilter_set sets[PREFILTER_SETS];
	size_t run = 64 * trie->words, bit = number;

	prefilter_literals(pattern, sets);
	set_bit(trie->always, bit);
	for (size_t k = 0; k < PREFILTER_SETS; k++) {
		bit += run;
		if (sets[k].n == 0)
			set_bit(trie->always, bit);
		for (size_t i = 0; i < sets[k].n; i++)
			if (!add_literal(trie, bit, &sets[k].v[i]))
				return false;
	}
	return true;
}

/* The tables of a prefilter as they are made. */
struct tables {
	struct prefilter_branch *starts;
	struct prefilter_state *states;
	uint32_t *bits;
	uint32_t *order;	/* the node of each state */
	uint32_t nstates, nbits;
};

/* Makes states of a node's children. */
static struct prefilter_branch
make_branch(const struct trie *trie, struct tables *tables, uint32_t node)
{
	struct prefilter_branch branch = { .child = tables->nstates };
	const struct node *nodes = trie->nodes;

	for (node = nodes[node].child; node != 0; node = nodes[node].sibling) {
		branch.symbols |= (uint32_t)1 << nodes[node].symbol;
		tables->order[tables->nstates++] = node;
	}
	return branch;
}

/*
 * Gives what must follow a node, as long as it has nothing beside it, as a
 * state's tail; returns the node where that ends.
 */
static uint32_t
take_tail(const struct trie *trie, uint32_t node, uint32_t *tail)
{
	const struct node *nodes = trie->nodes;
	unsigned shift = 0;

	*tail = 0;
	while (shift < 5 * PREFILTER_TAIL && nodes[node].output == 0 &&
	    nodes[nodes[node].child].sibling == 0) {
		node = nodes[node].child;
		*tail |= (uint32_t)nodes[node].symbol << shift;
		shift += 5;
	}
	*tail |= (uint32_t)1 << shift;
	return node;
}

static void
make_state(const struct trie *trie, struct tables *tables, uint32_t number)
{
	struct prefilter_state *state = &tables->states[number];
	uint32_t node = take_tail(trie, tables->order[number], &state->tail);

	state->bit = tables->nbits;
	for (uint32_t next = trie->nodes[node].output; next != 0;
	    next = trie->outputs[next - 1].next)
		tables->bits[tables->nbits++] = trie->outputs[next - 1].bit;
	state->next = make_branch(trie, tables, node);
}

/* Numbers the nodes from 1; those behind a pair stand together, for a search
 * that follows one soon needs the next. */
static void
make_states(const struct trie *trie, struct tables *tables)
{
	uint32_t made = 1;

	tables->nstates = 1;
	for (uint32_t i = 0; i < PREFILTER_PAIRS; i++) {
		tables->starts[i] = make_branch(trie, tables, 1 + i);
		for (; made < tables->nstates; made++)
			make_state(trie, tables, made);
	}
	tables->states[made].bit = tables->nbits;
}

static const void *
keep(struct arena *arena, const void *array, size_t n, size_t size)
{
	return arena_copy(arena, (struct span){ array, n * size }).p;
}

bool
trie_finish(const struct trie *trie, struct prefilter *prefilter,
    struct arena *arena)
{
	struct tables tables = {
		.starts = calloc(PREFILTER_PAIRS, sizeof(*tables.starts)),
		.states = calloc(trie->nnodes + 1, sizeof(*tables.states)),
		.bits = calloc(trie->noutputs + 1, sizeof(*tables.bits)),
		.order = calloc(trie->nnodes, sizeof(*tables.order))
	};
	bool ok = tables.starts != NULL && tables.states != NULL &&
	    tables.bits != NULL && tables.order != NULL;

	if (ok) {
		make_states(trie, &tables);
		*prefilter = (struct prefilter){
			.words = trie->words, .nstates = tables.nstates,
			.nbits = tables.nbits,
			.always = keep(arena, trie->always,
			    PREFILTER_RUNS * trie->words,
			    sizeof(*trie->always)),
			.eight_bit = keep(arena, trie->eight_bit,
			    PREFILTER_RUNS * trie->words,
			    sizeof(*trie->eight_bit)),
			.starts = keep(arena, tables.starts,
			    PREFILTER_PAIRS, sizeof(*tables.starts)),
			.states = keep(arena, tables.states,
			    (size_t)tables.nstates + 1,
			    sizeof(*tables.states)),
			.bits = keep(arena, tables.bits, tables.nbits,
			    sizeof(*tables.bits))
		};
	}
	free(tables.starts);
	free(tables.states);
	free(tables.bits);
	free(tables.order);
	return ok && !arena->failed;
}
