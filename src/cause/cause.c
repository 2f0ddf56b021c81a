/* SPDX-License-Identifier: BSD-2-Clause */
#include "cause/cause.h"

#include <string.h>

#include "cause/ip.h"

/* Causes that this file itself must know. */
#define UNNAMED "reason-not-given"
#define TIMED_OUT "delivery-timed-out"
#define DELIVERED "delivered"

static const char *const decided_by_names[] = {
	"none", "code", "status", "text"
};

const char *
decided_by_name(enum decided_by decided_by)
{
	return decided_by_names[decided_by];
}

struct span
finding_parameter(const struct finding *finding, const char *name)
{
	for (size_t i = 0; i < finding->n; i++)
		if (strcmp(finding->parameters[i].name, name) == 0)
			return finding->parameters[i].value;
	return SPAN_ABSENT;
}

static void
take_match(struct finding *finding, const struct matcher *matcher,
    const struct match *match, enum decided_by decided_by)
{
	finding->cause = match->cause;
	finding->rule = match->rule;
	finding->decided_by = decided_by;
	finding->n = match->n;
	memcpy(finding->parameters, match->parameters,
	    match->n * sizeof(match->parameters[0]));
	finding->blocklist = matcher_blocklist(matcher, match,
	    finding_parameter(finding, "list"));
}

/* Decides by text; a queue that ran out of time gives way to a reason. */
static bool
find_by_text(struct finding *finding, struct matcher *matcher,
    const struct evidence *evidence, const struct cause *timed_out)
{
	struct match match;

	if (evidence->text.len == 0 || !matcher_find_text(matcher, evidence,
	    timed_out, &match, &finding->timed_out))
		return false;
	take_match(finding, matcher, &match, DECIDED_BY_TEXT);
	return true;
}

/*
 * Decides by status, or by the code where the status is vague. After a text
 * of which it is known that it names no reason, a status may still name one,
 * the code may not: it says less than the words.
 */
static void
find_by_codes(struct finding *finding, struct matcher *matcher,
    const struct evidence *evidence, const struct cause *unnamed)
{
	bool by_text = finding->rule != NULL;
	const struct cause *aside = by_text ? unnamed : NULL;
	struct match match;

	if (matcher_find(matcher, evidence, RULES_WITH_STATUS_AND_SERVER,
	    aside, &match) || matcher_find(matcher, evidence,
	    RULES_WITH_STATUS, aside, &match))
		take_match(finding, matcher, &match, DECIDED_BY_STATUS);
	if (finding->cause != unnamed || by_text)
		return;
	if (finding->rule == NULL && evidence->code >= 200 &&
	    evidence->code < 400) {
		/* No rule need know each code of success. */
		finding->cause = cause_by_id(matcher->causes, matcher->ncauses,
		    DELIVERED);
		finding->decided_by = DECIDED_BY_CODE;
	}
	if (matcher_find(matcher, evidence, RULES_WITH_CODE,
	    finding->rule == NULL ? NULL : unnamed, &match))
		take_match(finding, matcher, &match, match.rule->code != NULL ?
		    DECIDED_BY_CODE : DECIDED_BY_TEXT);
}

/* The rule need not catch the sending server's address: where there is only
 * one in the text, it is that. */
static void
take_address(struct finding *finding, struct span text)
{
	struct span ip;

	if (!finding->cause->names_sender || finding->n == RULE_PARAMETERS ||
	    finding_parameter(finding, "ip").len > 0)
		return;
	ip = ip_alone(text);
	if (ip.len > 0)
		finding->parameters[finding->n++] = (struct parameter){
		    "ip", ip };
}

void
cause_find(struct finding *finding, struct matcher *matcher,
    const struct recipient *recipient, const struct report *report)
{
	const struct cause *unnamed = cause_by_id(matcher->causes,
	    matcher->ncauses, UNNAMED);
	const struct cause *timed_out = cause_by_id(matcher->causes,
	    matcher->ncauses, TIMED_OUT);
	struct evidence evidence = {
		.text = recipient->reply,
		.server = recipient->remote.len > 0 ? recipient->remote :
		    report->reporting_mta,
		.status = recipient->status,
		.code = recipient->code,
		.system = report->system
	};

	*finding = (struct finding){ .cause = unnamed };
	/* What failed was not refused by a code of success. */
	if (recipient->action != ACTION_NONE && evidence.code < 400)
		evidence.code = 0;
	if ((recipient->action != ACTION_NONE || evidence.code >= 400) &&
	    evidence.status.class == 2)
		evidence.status = (struct status){ 0, 0, 0 };
	if (recipient->action >= ACTION_DELIVERED) {
		finding->cause = cause_by_id(matcher->causes,
		    matcher->ncauses, DELIVERED);
		finding->decided_by = DECIDED_BY_STATUS;
		return;
	}
	if (!find_by_text(finding, matcher, &evidence, timed_out) ||
	    finding->cause == unnamed)
		find_by_codes(finding, matcher, &evidence, unnamed);
	if (recipient->status.subject == 4 && recipient->status.detail == 7 &&
	    finding->cause != timed_out && finding->cause != unnamed)
		finding->timed_out = true;
	take_address(finding, span_first(evidence.text, TEXT_LIMIT));
}
