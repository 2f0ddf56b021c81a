/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mkwords - write what the tables of bounce/words.c are looked up in
 *
 * usage: mkwords > word_tables.c
 *
 * Part of the build only. Words that cannot be looked up stop it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/ascii.h"
#include "bounce/words.h"

static void
stop(const char *table, struct span words, const char *what)
{
	fprintf(stderr, "src/bounce/words.c: %s: \"%.*s\": %s\n", table,
	    (int)words.len, words.p, what);
	exit(EXIT_FAILURE);
}

static void
check_words(const char *table, struct span words, size_t shortest)
{
	if (words.len < shortest)
		stop(table, words, "it is too short");
	for (size_t i = 0; i < words.len; i++)
		if (words.p[i] != ascii_lower(words.p[i]))
			stop(table, words, "it is not in lower case");
}

/* Sentences and subjects are compared with folded text. */
static void
check_folded(const char *table, struct span words)
{
	for (size_t i = 0; i < words.len; i++)
		if (words.p[i] >= '\xc3' && words.p[i] <= '\xc5')
			stop(table, words, "it has a letter with marks");
}

static void
put_numbers(const char *name, const uint32_t *numbers, size_t n)
{
	printf("\t.%s = {", name);
	for (size_t i = 0; i < n; i++) {
		printf("%s%uU,", i % 12 == 0 ? "\n\t\t" : " ",
		    (unsigned)numbers[i]);
	}
	puts("\n\t},");
}

/* A letter in upper case leads where it leads in lower case. */
static void
copy_case(uint32_t *by_byte)
{
	for (int c = 'a'; c <= 'z'; c++)
		by_byte[c ^ ('a' ^ 'A')] = by_byte[c];
}

static void
put_table(const char *table, const struct span *list, size_t n)
{
	uint32_t first[UCHAR_MAX + 1] = { 0 }, second[UCHAR_MAX + 1] = { 0 };
	uint32_t next[WORDS_MAX + 1] = { 0 };

	if (n > WORDS_MAX)
		stop(table, list[WORDS_MAX], "no room for it");
	for (size_t i = n; i > 0; i--) {
		struct span words = list[i - 1];
		unsigned char c;

		check_words(table, words, 1);
		c = (unsigned char)words.p[0];
		next[i] = first[c];
		first[c] = (uint32_t)i;
		second[c] |= words.len > 1 ? LOOKUP_BIT(words.p[1]) :
		    UINT32_MAX;
	}
	copy_case(first);
	copy_case(second);
	printf("const struct words %s = {\n\t.list = %s_list,\n", table, table);
	put_numbers("second", second, UCHAR_MAX + 1);
	put_numbers("first", first, UCHAR_MAX + 1);
	put_numbers("next", next, n + 1);
	puts("};");
}

/* Returns the bytes of a sentence that must stand at its beginning. */
static struct span
head_of(const struct sentence *sentence)
{
	return span_first(sentence->words,
	    span_find_char(sentence->words, '*'));
}

static void
check_sentences(void)
{
	if (nsentences > SENTENCES_MAX)
		stop("sentences", sentences[SENTENCES_MAX].words,
		    "no room for it");
	for (size_t i = 0; i < nsentences; i++) {
		struct span words = sentences[i].words;

		check_words("sentences", words, SENTENCE_KEY);
		check_folded("sentences", words);
		if (head_of(&sentences[i]).len < SENTENCE_KEY)
			stop("sentences", words,
			    "the first '*' stands too early");
		if (!ascii_is_alnum(words.p[0]) && !ascii_is_8bit(words.p[0]))
			stop("sentences", words, "it begins with no letter");
	}
	for (size_t i = 0; i < nsubjects; i++)
		check_folded("subjects", subjects[i].words);
}

static void
put_head(size_t i)
{
	struct span head = head_of(&sentences[i]);

	printf("\t\t{ %zu, %zu, %d },\n", i, head.len,
	    head.p[head.len - 1]);
}

static void
put_sentences(void)
{
	static uint32_t first[SENTENCE_CHAINS + 1];

	for (size_t i = 0; i < nsentences; i++)
		first[sentence_chain(sentences[i].words.p) + 1]++;
	for (size_t chain = 0; chain < SENTENCE_CHAINS; chain++)
		first[chain + 1] += first[chain];
	puts("const struct sentence_index sentence_index = {");
	put_numbers("first", first, SENTENCE_CHAINS + 1);
	puts("\t.heads = {");
	for (size_t chain = 0; chain < SENTENCE_CHAINS; chain++)
		for (size_t i = 0; i < nsentences && first[chain] <
		    first[chain + 1]; i++)
			if (sentence_chain(sentences[i].words.p) == chain)
				put_head(i);
	puts("\t},\n};");
}

#define PUT(table) put_table(#table, table##_list, table##_count)

int
main(void)
{
	puts("#include \"bounce/words.h\"");
	check_sentences();
	put_sentences();
	PUT(answer_marks);
	PUT(answers);
	PUT(closings);
	PUT(contact_words);
	PUT(empty_verdicts);
	PUT(endings);
	PUT(failure_words);
	PUT(first_fields);
	PUT(inner_fields);
	PUT(label_words);
	PUT(lead_ins);
	PUT(local_deliveries);
	PUT(machine_names);
	PUT(machine_titles);
	PUT(origin_marks);
	PUT(other_labels);
	PUT(quoted_fields);
	PUT(reason_marks);
	PUT(recipient_labels);
	PUT(robot_names);
	PUT(said_by_them);
	PUT(said_by_us);
	PUT(server_marks);
	PUT(trailers);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
