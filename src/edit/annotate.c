/* SPDX-License-Identifier: BSD-2-Clause */
#include "edit/annotate.h"

#include <string.h>

#include "edit/fields.h"
#include "edit/leaf.h"
#include "explain/explain.h"
#include "explain/html.h"
#include "explain/skip.h"
#include "explain/text.h"
#include "mail/address.h"

/* Causes in which a mistyped domain may be the reason. */
static const char *const domain_causes[] = {
	"domain-unknown", "domain-accepts-no-mail", "server-unreachable",
	"dns-failure"
};

static void
suggest_domain(struct finding *finding, const struct annotator *annotator,
    const struct recipient *recipient)
{
	struct span address = recipient->original.len > 0 ?
	    recipient->original : recipient->address;

	for (size_t i = 0; i < sizeof(domain_causes) /
	    sizeof(domain_causes[0]); i++)
		if (strcmp(finding->cause->id, domain_causes[i]) == 0)
			finding->suggestion = domains_meant(
			    &annotator->domains, address_domain(address));
}

static bool
find_causes(struct annotation *annotation, const struct annotator *annotator,
    struct arena *arena)
{
	const struct report *report = &annotation->report;
	struct matcher matcher = {
		.arena = arena, .sets = annotator->rules,
		.nsets = annotator->nrules, .causes = annotator->causes,
		.ncauses = annotator->ncauses
	};

	if (annotator->time_limit > 0)
		matcher.deadline = matcher_clock() + annotator->time_limit;
	annotation->findings = arena_alloc(arena,
	    report->n * sizeof(annotation->findings[0]));
	if (annotation->findings == NULL)
		return false;
	for (size_t i = 0; i < report->n; i++) {
		cause_find(&annotation->findings[i], &matcher,
		    &report->recipients[i], report);
		suggest_domain(&annotation->findings[i], annotator,
		    &report->recipients[i]);
	}
	matcher_release(&matcher);
	return !arena->failed;
}

static struct span
cut_explanation(const void *languages, struct span text)
{
	return explanation_skip(languages, text);
}

bool
annotate_read(struct annotation *annotation,
    const struct annotator *annotator, const struct message *message,
    const struct delivery *delivery)
{
	const struct preface preface = {
		cut_explanation, &annotator->languages
	};
	struct arena *arena = message->arena;

	*annotation = (struct annotation){ .why = NULL };
	if (!report_read(&annotation->report, message, &delivery->envelope,
	    &preface, &annotator->limits))
		return false;
	if (annotation->report.kind == REPORT_NONE)
		return true;
	annotation->foreign = returned_is_foreign(
	    &annotation->report.returned, arena,
	    annotation->report.reporting_mta, &annotator->site);
	return find_causes(annotation, annotator, arena);
}

const struct language *
annotate_language(const struct annotator *annotator, struct arena *arena,
    const struct report *report, const struct delivery *delivery)
{
	static const char *const fields[] = {
		"Content-Language", "Accept-Language"
	};
	const struct language *language = NULL;

	for (size_t i = 0; i < annotator->nchoices; i++)
		for (size_t k = 0; k < delivery->nreaders; k++)
			if (span_glob(span_of(annotator->choices[i].reader),
			    address_bare(delivery->readers[k])))
				return annotator->choices[i].language;
	for (size_t i = 0; i < 2 && language == NULL; i++)
		language = language_wanted(&annotator->languages,
		    header_unfold(arena, header_value(
		    &report->returned.headers, fields[i])));
	return language != NULL ? language : annotator->language;
}

/* Is the mail annotated already, by us or a host of ours? */
static bool
is_marked(const struct annotator *annotator, const struct message *message,
    const struct delivery *delivery)
{
	struct span host = field_cause_host(message->arena,
	    header_value(&message->root->headers, FIELD_CAUSE));

	if (!delivery->trusted || host.len == 0)
		return false;
	return span_equal_nocase(host, annotator->host) ||
	    name_is_listed(host, annotator->site.hosts);
}

/* Deletes every field of that name, the last one first. */
static void
delete_fields(struct edit_list *edits, const struct message *message,
    const char *name)
{
	unsigned n = header_count(&message->root->headers, name);

	for (; n > 0; n--)
		edit_add_header(edits, message->arena, (struct header_edit){
		    .operation = HEADER_DELETE, .name = name, .nth = n });
}

static void
insert_field(struct edit_list *edits, struct arena *arena, const char *name,
    struct span value)
{
	if (value.len > 0)
		edit_add_header(edits, arena, (struct header_edit){
		    .operation = HEADER_INSERT, .name = name,
		    .value = value });
}

static void
add_fields(struct annotation *annotation, const struct annotator *annotator,
    struct arena *arena, struct span title)
{
	const struct report *report = &annotation->report;

	insert_field(&annotation->edits, arena, FIELD_EXPLANATION,
	    field_explanation(arena, title));
	for (size_t i = 0; i < report->n && i < FIELD_CAUSES; i++)
		insert_field(&annotation->edits, arena, FIELD_CAUSE,
		    field_cause(arena, &report->recipients[i],
		    &annotation->findings[i], annotator->host));
	annotation->added |= ANNOTATE_HEADER;
}

static bool
is_signed(const struct part *part)
{
	return part_is(part, "multipart/signed") ||
	    part_is(part, "multipart/encrypted") ||
	    part_is(part, "application/pkcs7-mime") ||
	    part_is(part, "application/x-pkcs7-mime");
}

static const char not_understood[] = "its structure is not understood";

/* Returns why the body must stay as it is, NULL if it may be edited. */
static const char *
body_fault(const struct annotator *annotator, const struct message *message,
    const struct delivery *delivery)
{
	const struct part *root = message->root;

	for (size_t i = 0; i < delivery->nreaders; i++)
		if (name_is_listed(address_bare(delivery->readers[i]),
		    annotator->exempt))
			return "the recipient is exempt";
	if (is_signed(root))
		return "it is signed or encrypted";
	if (!annotator->edit_signed && header_value(&root->headers,
	    "DKIM-Signature").p != NULL)
		return "it has a DKIM signature";
	if (message->bytes.len - root->head.len > annotator->max_body)
		return "it is larger than max_body";
	if (message->flags & MESSAGE_TRUNCATED)
		return "its end was not read";
	if (message->flags & (MESSAGE_OVERFLOW | MESSAGE_DOUBTFUL) ||
	    root->broken || root->doubtful ||
	    (part_is_multipart(root) && root->first_child == NULL))
		return not_understood;
	return NULL;
}

/* The leaves that people read: in the first part, whatever it is. */
struct leaves {
	const struct part *text;
	const struct part *html;
	bool doubtful;		/* other readers may find others */
};

static struct leaves
find_leaves(const struct message *message)
{
	const struct part *top = message->root, *part;
	struct leaves leaves = { NULL, NULL, false };

	/* The parts of an alternative are all of the same text. */
	if (top->first_child != NULL && !part_is(top, "multipart/alternative")
	    && !part_is(top, "multipart/related"))
		top = top->first_child;
	for (part = top; part != NULL; part = part_after(part)) {
		const struct part *up = part;

		while (up != NULL && up != top)
			up = up->parent;
		if (up == NULL)
			break;		/* behind the first part */
		leaves.doubtful = leaves.doubtful || part->broken ||
		    part->doubtful || (part_is_multipart(part) &&
		    part->first_child == NULL);
		if (is_signed(part))
			break;
		if (part->first_child != NULL || part_is_multipart(part) ||
		    part_is_attachment(part))
			continue;
		if (leaves.text == NULL && (part->type.len == 0 ||
		    part_is(part, "text/plain")))
			leaves.text = part;
		if (leaves.html == NULL && part_is(part, "text/html"))
			leaves.html = part;
	}
	return leaves;
}

/* May the first part become an alternative? RFC 6522 allows it there. */
static bool
may_be_alternative(const struct message *message, const struct leaves *leaves)
{
	return leaves->text != NULL && leaves->html == NULL &&
	    leaves->text == message->root->first_child &&
	    part_is(message->root, "multipart/report");
}

/* JSON is read by programs, whatever its type says. */
static bool
is_json(struct arena *arena, const struct part *leaf)
{
	struct span text = span_trim(encoding_decode(arena, leaf->encoding,
	    span_first(leaf->body, 64)));

	return text.len > 1 && text.p[0] == '{' && (text.p[1] == '"' ||
	    span_trim(span_from(text, 1)).len == 0 ||
	    span_trim(span_from(text, 1)).p[0] == '"');
}

static const char *
add_to_leaves(struct annotation *annotation,
    const struct annotator *annotator, const struct message *message,
    const struct explanation *explanation, unsigned wanted)
{
	struct leaves leaves = find_leaves(message);
	struct arena *arena = message->arena;
	struct edit_list *edits = &annotation->edits;
	struct span text = SPAN("");
	const char *fault = "it has no text";

	if (leaves.doubtful)
		return not_understood;
	if (leaves.text != NULL && is_json(arena, leaves.text))
		return "it is JSON";
	if (wanted & ANNOTATE_TEXT)
		text = text_render(arena, explanation);
	if ((wanted & ANNOTATE_HTML) &&
	    may_be_alternative(message, &leaves)) {
		fault = leaf_make_alternative(edits, message, leaves.text,
		    text, html_document(arena, explanation, part_text(arena,
		    leaves.text, annotator->limits.text)));
		if (fault == NULL) {
			annotation->added |= wanted &
			    (ANNOTATE_TEXT | ANNOTATE_HTML);
			return NULL;
		}
	}
	if (leaves.text != NULL && text.len > 0) {
		fault = leaf_insert_text(edits, message, leaves.text, text);
		if (fault == NULL)
			annotation->added |= ANNOTATE_TEXT;
	}
	if (leaves.html != NULL && (wanted & ANNOTATE_HTML)) {
		const char *html_fault = leaf_insert_html(edits, message,
		    leaves.html, html_render(arena, explanation));

		if (html_fault == NULL)
			annotation->added |= ANNOTATE_HTML;
		if (html_fault != NULL || leaves.text == NULL)
			fault = html_fault;
	}
	return fault;
}

static int
body_edit_order(const struct body_edit *a, const struct body_edit *b)
{
	return a->from < b->from ? -1 : a->from > b->from;
}

/* Puts the few body edits into the order of the bytes; equal ones stay. */
static void
sort_body_edits(struct edit_list *edits)
{
	for (size_t i = 1; i < edits->nbody; i++) {
		struct body_edit edit = edits->body[i];
		size_t k = i;

		for (; k > 0 && body_edit_order(&edits->body[k - 1],
		    &edit) > 0; k--)
			edits->body[k] = edits->body[k - 1];
		edits->body[k] = edit;
	}
}

static bool
decide_edits(struct annotation *annotation,
    const struct annotator *annotator, const struct message *message,
    const struct delivery *delivery)
{
	struct explain_options options = {
		.languages = &annotator->languages,
		.language = annotation->language, .host = annotator->host,
		.helpdesk = annotator->helpdesk,
		/* Where others read no recipient, they must not find ours. */
		.spell_at = annotation->report.kind == REPORT_PROSE ||
		    annotation->report.flags & REPORT_DAMAGED,
		.backscatter = annotation->foreign
	};
	struct explanation explanation;

	if (!explain(&explanation, message->arena, &annotation->report,
	    annotation->findings, &options))
		return false;
	if (annotator->annotate == 0) {
		annotation->why = "the settings ask for nothing";
		return !message->arena->failed;
	}
	add_fields(annotation, annotator, message->arena, explanation.title);
	if (!(annotator->annotate & (ANNOTATE_TEXT | ANNOTATE_HTML))) {
		annotation->why = "the settings ask for the header only";
		return !message->arena->failed;
	}
	annotation->why = body_fault(annotator, message, delivery);
	if (annotation->why == NULL)
		annotation->why = add_to_leaves(annotation, annotator,
		    message, &explanation, annotator->annotate);
	sort_body_edits(&annotation->edits);
	return !message->arena->failed;
}

bool
annotate(struct annotation *annotation, const struct annotator *annotator,
    const struct message *message, const struct delivery *delivery)
{
	bool marked = is_marked(annotator, message, delivery);

	if (!annotate_read(annotation, annotator, message, delivery))
		return false;
	/* A line that is none would be read as a part of a field before it. */
	if (message->root->broken && message->root->headers.n == 0) {
		annotation->why = "its header is broken";
		return true;
	}
	if (marked && annotation->report.kind != REPORT_NONE) {
		annotation->marked = true;
		annotation->why = "it has been annotated before";
		return true;
	}
	delete_fields(&annotation->edits, message, FIELD_EXPLANATION);
	delete_fields(&annotation->edits, message, FIELD_CAUSE);
	if (annotation->report.kind == REPORT_NONE)
		return !message->arena->failed;
	annotation->language = annotate_language(annotator, message->arena,
	    &annotation->report, delivery);
	return decide_edits(annotation, annotator, message, delivery);
}
