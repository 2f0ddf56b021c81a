/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/explain.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "explain/addresses.h"
#include "explain/phrase.h"
#include "explain/quantity.h"
#include "mail/codec.h"

static void
add_text(struct texts *texts, struct span text)
{
	if (text.len > 0 && texts->n < EXPLANATION_PARAGRAPHS)
		texts->v[texts->n++] = text;
}

/* Appends a sentence to the last paragraph, or begins the first one. */
static void
add_sentence(const struct teller *teller, struct texts *texts,
    struct span text)
{
	struct buf out;

	if (text.len == 0)
		return;
	if (texts->n == 0) {
		add_text(texts, text);
		return;
	}
	buf_init(&out, teller->phrases.arena);
	buf_add_span(&out, texts->v[texts->n - 1]);
	/* Japanese and Chinese sentences stand side by side. */
	if (!span_ends_nocase(texts->v[texts->n - 1], SPAN("\343\200\202")))
		buf_add_char(&out, ' ');
	buf_add_span(&out, text);
	texts->v[texts->n - 1] = buf_span(&out);
}

static const char *const action_keys[] = {
	"result.failed", "result.failed", "result.delayed",
	"result.delivered", "result.relayed", "result.expanded"
};

static struct span
parameter_text(const struct teller *teller, const struct cause *cause,
    const char *name)
{
	return phrase_of(&teller->phrases, cause->id, ".with.", name);
}

/* Are the values that are told the same? A list of ours is told for "list". */
static bool
same_parameters(const struct teller *teller, const struct finding *a,
    const struct finding *b)
{
	for (size_t i = a->blocklist != NULL; i < RULE_PARAMETERS; i++) {
		const char *name = rule_parameter_names[i];

		if (!span_equal(finding_parameter(a, name),
		    finding_parameter(b, name)) &&
		    parameter_text(teller, a->cause, name).len > 0)
			return false;
	}
	return true;
}

/* Is the same told of two recipients with the same action? */
static bool
same_texts(const struct teller *teller, size_t a, size_t b)
{
	const struct recipient *ra = &teller->report->recipients[a];
	const struct recipient *rb = &teller->report->recipients[b];
	const struct finding *fa = &teller->findings[a];
	const struct finding *fb = &teller->findings[b];

	if (teller->options->backscatter || ra->action >= ACTION_DELIVERED)
		return true;
	if (fa->cause != fb->cause || fa->decided_by != fb->decided_by ||
	    fa->timed_out != fb->timed_out ||
	    fa->blocklist != fb->blocklist ||
	    !span_equal(fa->suggestion, fb->suggestion))
		return false;
	if (fa->decided_by != DECIDED_BY_TEXT && (ra->code != rb->code ||
	    !status_equal(ra->status, rb->status)))
		return false;
	return same_parameters(teller, fa, fb);
}

static void
tell_result(const struct teller *teller, struct explained_group *group,
    const struct cause *cause)
{
	const char *key = action_keys[group->action];
	struct filler filler = { "address", SPAN_ABSENT };

	if (teller->options->reply_only) {
		group->result = phrase_of(&teller->phrases, cause->id,
		    ".title", "");
	} else if (group->naddresses == 0) {
		group->result = phrase_of(&teller->phrases, key, ".none", "");
	} else if (group->naddresses > 1) {
		group->result = phrase_of(&teller->phrases, key, ".many", "");
	} else {
		filler.value = group->addresses[0].text;
		group->result = phrase_fill(&teller->phrases,
		    phrase(&teller->phrases, key), &filler, 1);
	}
}

/* Digits of a code that has no text of its own. */
static void
tell_digits(const struct teller *teller, struct texts *texts,
    const struct recipient *recipient)
{
	char key[32];

	bool refused = recipient->action == ACTION_NONE ||
	    recipient->code >= 400;

	if (recipient->code != 0 && refused) {
		snprintf(key, sizeof(key), "digit.first.%d",
		    recipient->code / 100);
		add_sentence(teller, texts, phrase(&teller->phrases, key));
		snprintf(key, sizeof(key), "digit.second.%d",
		    recipient->code / 10 % 10);
		add_sentence(teller, texts, phrase(&teller->phrases, key));
	} else if (recipient->status.class != 0) {
		snprintf(key, sizeof(key), "digit.first.%u",
		    recipient->status.class);
		add_sentence(teller, texts, phrase(&teller->phrases, key));
		/* Subjects are about what failed. */
		snprintf(key, sizeof(key), "status.subject.%u",
		    recipient->status.subject);
		if (recipient->status.class != 2)
			add_sentence(teller, texts,
			    phrase(&teller->phrases, key));
	}
	if (texts->n == 0)
		add_text(texts, phrase(&teller->phrases, "unknown.why"));
}

/*
 * Has the status a text of its own? X.2.2 and the like say what failed, and
 * with class 2 nothing did; only X.1.5 ("address valid") is about success.
 */
static bool
has_status_text(struct status status)
{
	return status.class != 2 || (status.subject == 1 && status.detail == 5);
}

/*
 * Why: the cause's own words where text decided, or a provider's table; else
 * what the bare code means.
 */
static void
tell_why(const struct teller *teller, struct texts *texts,
    const struct recipient *recipient, const struct finding *finding)
{
	bool by_status = finding->decided_by == DECIDED_BY_STATUS &&
	    finding->rule != NULL && finding->rule->from == NULL;
	bool by_code = finding->decided_by == DECIDED_BY_CODE;
	struct texts why = { .n = 0 };
	char key[32] = "";

	if (by_status && has_status_text(recipient->status))
		snprintf(key, sizeof(key), "status.%u.%u",
		    recipient->status.subject, recipient->status.detail);
	else if (by_code || (by_status && recipient->code != 0))
		snprintf(key, sizeof(key), "code.%d", recipient->code);
	if (key[0] != '\0')
		add_text(&why, phrase(&teller->phrases, key));
	if (why.n == 0 && (by_status || by_code ||
	    finding->decided_by == DECIDED_BY_NONE))
		tell_digits(teller, &why, recipient);
	if (why.n == 0)
		add_text(&why, phrase_of(&teller->phrases, finding->cause->id,
		    ".why", ""));
	add_text(texts, why.v[0]);
}

/* The value of a parameter as the reader sees it. */
static struct span
shown_parameter(const struct teller *teller, const char *name,
    struct span value)
{
	/* Cleaned first: a unit may stand behind a no-break space. */
	value = teller_clean(teller, value, EXPLAIN_VALUE);
	if (strcmp(name, "limit") == 0 || strcmp(name, "size") == 0)
		return quantity_size(&teller->phrases, value);
	if (strcmp(name, "time") == 0)
		return quantity_time(&teller->phrases, value);
	return value;
}

static void
tell_parameter(const struct teller *teller, struct texts *texts,
    const struct cause *cause, const char *name, struct span value)
{
	struct filler filler = { name, value };

	if (value.len > 0)
		add_sentence(teller, texts, phrase_fill(&teller->phrases,
		    parameter_text(teller, cause, name), &filler, 1));
}

/* The block list and its page, by the rule or by what it caught. */
static void
tell_blocklist(const struct teller *teller, struct texts *texts,
    const struct finding *finding)
{
	const struct blocklist *list = finding->blocklist;

	if (list == NULL)
		return;
	tell_parameter(teller, texts, finding->cause, "list",
	    span_of(list->title));
	tell_parameter(teller, texts, finding->cause, "url",
	    span_of(list->url));
}

/* In the order of rule_parameter_names, whatever the pattern's is. */
static void
tell_parameters(const struct teller *teller, struct texts *texts,
    const struct finding *finding)
{
	tell_blocklist(teller, texts, finding);
	for (size_t i = 0; i < RULE_PARAMETERS; i++) {
		const char *name = rule_parameter_names[i];
		struct span value = finding_parameter(finding, name);

		if (value.len > 0 && (i > 0 || finding->blocklist == NULL))
			tell_parameter(teller, texts, finding->cause, name,
			    shown_parameter(teller, name, value));
	}
}

/* One forwarding is told in words; of several the list says where to. */
static void
tell_forwarded(const struct teller *teller, struct explained_group *group,
    const struct members *members)
{
	const struct recipient *recipients = teller->report->recipients;
	bool late = group->action == ACTION_DELAYED;
	struct filler fillers[] = {
		{ "original", SPAN_ABSENT }, { "address", SPAN_ABSENT }
	};
	size_t i = 0;

	while (i < members->n && addresses_behind(teller,
	    &recipients[members->v[i]]).len == 0)
		i++;
	if (i == members->n)
		return;
	if (group->naddresses > 1) {
		add_text(&group->happened, phrase(&teller->phrases, late ?
		    "forwarded.many.late" : "forwarded.many"));
		return;
	}
	fillers[0].value = teller_clean(teller,
	    recipients[members->v[i]].original, EXPLAIN_ADDRESS);
	fillers[1].value = teller_clean(teller,
	    recipients[members->v[i]].address, EXPLAIN_ADDRESS);
	add_text(&group->happened, phrase_fill(&teller->phrases,
	    phrase(&teller->phrases, late ? "forwarded.late" : "forwarded"),
	    fillers, 2));
}

/* Why, as far as it can be said of all of them at once. */
static void
tell_reason(const struct teller *teller, struct explained_group *group,
    const struct members *members)
{
	const struct finding *finding = &teller->findings[members->v[0]];

	tell_forwarded(teller, group, members);
	if (!members->alike) {
		add_text(&group->happened, phrase(&teller->phrases,
		    "others.why"));
		return;
	}
	tell_why(teller, &group->happened,
	    &teller->report->recipients[members->v[0]], finding);
	tell_parameters(teller, &group->happened, finding);
}

static void
tell_failed(const struct teller *teller, struct explained_group *group,
    const struct members *members)
{
	const struct finding *finding = &teller->findings[members->v[0]];
	struct filler domain = { "domain", teller_clean(teller,
	    finding->suggestion, EXPLAIN_VALUE) };
	static const char *const steps[] = {
		".step1", ".step2", ".step3", ".tell"
	};

	tell_reason(teller, group, members);
	if (!members->alike) {
		add_text(&group->steps, phrase(&teller->phrases,
		    "others.step1"));
		return;
	}
	if (finding->timed_out)
		add_sentence(teller, &group->happened,
		    phrase(&teller->phrases, "timed-out"));
	if (domain.value.len > 0)
		add_text(&group->happened, phrase_fill(&teller->phrases,
		    phrase(&teller->phrases, "did-you-mean"), &domain, 1));
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		add_text(&group->steps, phrase_of(&teller->phrases,
		    finding->cause->id, steps[i], ""));
}

/* Until when they try, as far as it is the same for all of them. */
static struct span
date_of_all(const struct teller *teller, const struct members *members)
{
	const struct recipient *recipients = teller->report->recipients;
	struct span first = recipients[members->v[0]].retry_until;
	struct span date = phrase_date(&teller->phrases, first);

	for (size_t i = 1; i < members->n; i++) {
		struct span other = recipients[members->v[i]].retry_until;

		if (!span_equal(other, first) && !span_equal(date,
		    phrase_date(&teller->phrases, other)))
			return SPAN_ABSENT;
	}
	return date;
}

static void
tell_delayed(const struct teller *teller, struct explained_group *group,
    const struct members *members)
{
	struct filler date = { "date", date_of_all(teller, members) };

	add_text(&group->happened, phrase(&teller->phrases, "late.wait"));
	if (date.value.len > 0)
		add_sentence(teller, &group->happened,
		    phrase_fill(&teller->phrases,
		    phrase(&teller->phrases, "late.until"), &date, 1));
	tell_reason(teller, group, members);
	add_text(&group->steps, phrase(&teller->phrases, "late.step"));
}

static void
tell_delivered(const struct teller *teller, struct explained_group *group)
{
	const char *key = group->action == ACTION_RELAYED ? "relayed.why" :
	    group->action == ACTION_EXPANDED ? "expanded.why" :
	    "delivered.why";

	add_text(&group->happened, phrase(&teller->phrases, key));
}

static void
tell_fix(const struct teller *teller, struct explained_group *group,
    const struct cause *cause)
{
	const struct phrases *phrases = &teller->phrases;
	struct filler helpdesk = { "helpdesk",
	    teller_clean(teller, teller->options->helpdesk, EXPLAIN_ADDRESS) };
	struct texts texts = { .n = 0 };

	add_sentence(teller, &texts, phrase_of(phrases, "fix.",
	    fix_names[cause->fix], ""));
	add_sentence(teller, &texts, phrase_of(phrases, "again.",
	    again_names[cause->again], ""));
	if (helpdesk.value.len > 0 && (cause->fix == FIX_SENDER_ADMIN ||
	    cause->fix == FIX_ADMINS))
		add_sentence(teller, &texts, phrase_fill(phrases,
		    phrase(phrases, "helpdesk"), &helpdesk, 1));
	if (texts.n > 0)
		group->fix = texts.v[0];
}

static void
set_stations(struct explained_group *group, const struct cause *cause)
{
	enum stop stop = cause->stop;
	enum station_state at_stop = STATION_STOPPED;

	if (group->action == ACTION_DELAYED)
		at_stop = STATION_WAITING;
	if (group->action >= ACTION_DELIVERED) {
		stop = STOP_MAILBOX;
		at_stop = group->action == ACTION_RELAYED ?
		    STATION_NOT_REACHED : STATION_PASSED;
	}
	group->has_stations = true;
	for (int i = 0; i < STATIONS; i++)
		group->stations[i] = i < (int)stop ? STATION_PASSED :
		    i == (int)stop ? at_stop : STATION_NOT_REACHED;
	if (stop != STOP_WAY)
		group->stations[STOP_WAY] = STATION_OMITTED;
}

/* The first one and those that share its group; with rest, all that remain. */
static bool
collect_members(const struct teller *teller, struct members *members,
    size_t first, bool rest, bool *done)
{
	const struct report *report = teller->report;

	*members = (struct members){ .alike = true };
	members->v = arena_alloc(teller->phrases.arena,
	    (report->n - first) * sizeof(members->v[0]));
	if (members->v == NULL)
		return false;
	for (size_t i = first; i < report->n; i++) {
		bool alike;

		if (done[i] || report->recipients[i].action !=
		    report->recipients[first].action)
			continue;
		alike = i == first || same_texts(teller, first, i);
		if (!alike && !rest)
			continue;
		members->alike = members->alike && alike;
		members->v[members->n++] = i;
		done[i] = true;
	}
	return true;
}

/* Tells of the first recipient and those that share its group. */
static bool
tell_group(const struct teller *teller, struct explained_group *group,
    size_t first, bool rest, bool *done)
{
	const struct cause *cause = teller->findings[first].cause;
	struct members members;

	group->action = teller->report->recipients[first].action;
	if (!collect_members(teller, &members, first, rest, done) ||
	    !addresses_list(teller, group, &members))
		return false;
	tell_result(teller, group, cause);
	if (!addresses_divide(teller, group))
		return false;
	if (teller->options->backscatter) {
		add_text(&group->happened,
		    phrase(&teller->phrases, "backscatter.why"));
		add_text(&group->steps,
		    phrase(&teller->phrases, "backscatter.step1"));
		return true;
	}
	if (group->action >= ACTION_DELIVERED)
		tell_delivered(teller, group);
	else if (group->action == ACTION_DELAYED)
		tell_delayed(teller, group, &members);
	else
		tell_failed(teller, group, &members);
	if (!members.alike)
		return true;
	if (group->action < ACTION_DELAYED &&
	    strcmp(cause->id, "delivered") != 0)
		tell_fix(teller, group, cause);
	set_stations(group, cause);
	return true;
}

static void
tell_about(const struct teller *teller, struct explanation *explanation)
{
	const struct phrases *phrases = &teller->phrases;
	const struct header_list *headers = &teller->report->returned.headers;
	struct filler fillers[] = {
		{ "subject", teller_clean(teller, encoded_words_decode(
		    phrases->arena, span_first(header_value(headers,
		    "Subject"), 16 * EXPLAIN_SUBJECT)), EXPLAIN_SUBJECT) },
		{ "date", phrase_date(phrases, header_value(headers,
		    "Date")) },
	};
	const char *key = NULL;

	if (teller->options->backscatter)
		return;
	if (fillers[0].value.len > 0)
		key = fillers[1].value.len > 0 ? "about.both" :
		    "about.subject";
	else if (fillers[1].value.len > 0)
		key = "about.date";
	if (key != NULL)
		explanation->about = phrase_fill(phrases, phrase(phrases, key),
		    fillers, 2);
}

/* One sentence that stands alone, for a header field. */
static struct span
title_of(const struct teller *teller)
{
	const struct recipient *first = &teller->report->recipients[0];

	if (first->action == ACTION_FAILED || first->action == ACTION_NONE)
		return phrase_of(&teller->phrases,
		    teller->findings[0].cause->id, ".title", "");
	return phrase_of(&teller->phrases, action_keys[first->action],
	    ".none", "");
}

static void
tell_frame(const struct teller *teller, struct explanation *explanation)
{
	static const char *const stations[] = {
		"row.you", "row.our-server", "row.way", "row.their-server",
		"row.mailbox"
	};
	static const char *const states[] = {
		"row.passed", "row.stopped", "row.waiting", "row.not-reached"
	};
	const struct phrases *phrases = &teller->phrases;
	struct filler host = { "host", teller_clean(teller,
	    teller->options->host, EXPLAIN_VALUE) };

	explanation->happened_heading = phrase(phrases, "heading.happened");
	explanation->steps_heading = phrase(phrases, "heading.steps");
	explanation->fix_heading = phrase(phrases, "heading.fix");
	explanation->others_line = phrase(phrases, "others.line");
	explanation->others_heading = phrase(phrases, "heading.others");
	if (teller->report->flags & REPORT_OVERFLOW)
		explanation->unlisted = phrase(phrases, "others.unlisted");
	if (host.value.len > 0)
		explanation->closing = phrase_fill(phrases,
		    phrase(phrases, "closing"), &host, 1);
	for (int i = 0; i < STATIONS; i++)
		explanation->station_names[i] = phrase(phrases, stations[i]);
	for (int i = 0; i < STATION_OMITTED; i++)
		explanation->state_names[i] = phrase(phrases, states[i]);
	tell_about(teller, explanation);
}

bool
explain(struct explanation *explanation, struct arena *arena,
    const struct report *report, const struct finding *findings,
    const struct explain_options *options)
{
	const struct teller teller = {
		.phrases = { arena, options->languages, options->language,
		    options->spell_at },
		.options = options, .report = report, .findings = findings
	};
	size_t most = EXPLANATION_GROUPS + ACTION_EXPANDED + 1;
	bool *done = arena_alloc(arena, report->n * sizeof(*done));

	*explanation = (struct explanation){ .language = options->language };
	explanation->groups = arena_alloc(arena, (report->n < most ?
	    report->n : most) * sizeof(*explanation->groups));
	if (done == NULL || explanation->groups == NULL)
		return false;
	for (size_t i = 0; i < report->n; i++) {
		bool rest = explanation->n >= EXPLANATION_GROUPS;

		if (!done[i] && !tell_group(&teller,
		    &explanation->groups[explanation->n++], i, rest, done))
			return false;
	}
	if (report->n > 0)
		explanation->title = title_of(&teller);
	tell_frame(&teller, explanation);
	return !arena->failed;
}
