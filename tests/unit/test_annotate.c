/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole mails, from bytes to bytes: what is added where, what is left alone,
 * and why.
 */
#include "unittest.h"

#include "base/buf.h"
#include "builtin.h"
#include "edit/annotate.h"
#include "edit/fields.h"
#include "mail/charset.h"

static struct builtin *builtin;
static struct annotator annotator;

static int
open_defaults(void **state)
{
	int result = builtin_setup(state);

	builtin = *state;
	return result;
}

static int
setup(void **state)
{
	static struct arena arena;

	annotator = (struct annotator){
		.host = SPAN("mail.example.org"),
		.annotate = ANNOTATE_HEADER | ANNOTATE_TEXT | ANNOTATE_HTML,
		.max_body = (size_t)10 << 20,
		.languages = builtin->languages,
		.language = builtin->languages.v,
		.causes = default_book.causes,
		.ncauses = default_book.ncauses,
		.rules = builtin->sets, .nrules = 1,
		.domains = { NULL, default_domains },
		.limits = LIMITS_DEFAULT,
	};
	arena_init(&arena, (size_t)1 << 26);
	*state = &arena;
	return 0;
}

static int
teardown(void **state)
{
	arena_release(*state);
	return 0;
}

static const struct delivery nobody_trusted = { .trusted = false };
static const struct delivery trusted = { .trusted = true };

static bool
collect(void *context, struct span piece)
{
	buf_add_span(context, piece);
	return true;
}

/* A mail and what became of it. */
struct done {
	struct message old;
	struct message new;
	struct annotation annotation;
};

static void
run(struct done *done, struct arena *arena, struct span mail,
    const struct delivery *delivery)
{
	struct buf out;

	assert_true(message_parse(&done->old, arena, mail,
	    &annotator.limits));
	assert_true(annotate(&done->annotation, &annotator, &done->old,
	    delivery));
	buf_init(&out, arena);
	assert_true(edit_write(&done->annotation.edits, &done->old, collect,
	    &out));
	assert_true(message_parse(&done->new, arena, out.len > 0 ?
	    buf_span(&out) : SPAN(""), &annotator.limits));
}

static size_t
count_fields(const struct message *message, const char *name)
{
	const struct header *field = NULL;
	size_t n = 0;

	while ((field = header_next(&message->root->headers, name, field)) !=
	    NULL)
		n++;
	return n;
}

static struct span
body_of(const struct message *message)
{
	return span_from(message->bytes, message->root->head.len);
}

static struct span
text_of(const struct message *message, const char *type)
{
	const struct part *part = part_find(message->root, type);

	if (part == NULL && message->root->type.len == 0)
		part = message->root;
	assert_non_null(part);
	return part_text(message->arena, part, SIZE_MAX);
}

/* Fields on top, and the body as it was. */
static void
check_header_only(const struct done *done, const char *why)
{
	if (done->annotation.why == NULL)
		fail_msg("the body was edited");
	assert_string_equal(done->annotation.why, why);
	assert_int_equal(done->annotation.added, ANNOTATE_HEADER);
	assert_int_equal(done->annotation.edits.nbody, 0);
	assert_true(span_equal(body_of(&done->old), body_of(&done->new)));
	assert_true(span_ends_nocase(done->new.bytes, done->old.bytes));
	assert_int_equal(count_fields(&done->new, FIELD_EXPLANATION), 1);
	assert_int_equal(count_fields(&done->new, FIELD_CAUSE), 1);
}

#define SYSTEM "Return-Path: <>\nReceived: by mail.example.org; x\n" \
	"From: MAILER-DAEMON@mail.example.org (Mail Delivery System)\n" \
	"To: tom@example.org\nSubject: Undelivered Mail Returned to Sender\n"
#define REPORT "MIME-Version: 1.0\n" \
	"Content-Type: multipart/report; report-type=delivery-status;\n" \
	"\tboundary=\"b/1\"\n\n"
#define WORDS "This is the mail system at host mail.example.org.\n\n" \
	"<anna@example.com>: host mx.example.com[192.0.2.1] said: 552 5.2.2\n" \
	"    Mailbox full (in reply to RCPT TO command)\n"
#define NOTICE "--b/1\nContent-Description: Notification\n" \
	"Content-Type: text/plain; charset=us-ascii\n\n" WORDS "\n"
#define RECIPIENT(address) "Final-Recipient: rfc822; " address "\n" \
	"Action: failed\nStatus: 5.2.2\n" \
	"Diagnostic-Code: smtp; 552 5.2.2 Mailbox full\n\n"
#define STATUS "--b/1\nContent-Type: message/delivery-status\n\n" \
	"Reporting-MTA: dns; mail.example.org\n\n"
#define RETURNED "--b/1\nContent-Type: text/rfc822-headers\n\n" \
	"From: tom@example.org\nTo: anna@example.com\nSubject: Invoice\n\n"
#define END "--b/1--\n"
#define BOUNCE SYSTEM REPORT NOTICE STATUS RECIPIENT("anna@example.com") \
	RETURNED END
#define PROSE SYSTEM "\n" WORDS
#define ORDINARY "From: anna@example.com\nTo: tom@example.org\n" \
	"Subject: Sunday\n\nSee you.\n"

/* A file that is attached first is no place for our words. */
static void
test_attachment(void **state)
{
	struct done done;

	run(&done, *state, SPAN(SYSTEM REPORT "--b/1\n"
	    "Content-Type: text/plain; name=log.txt\n"
	    "Content-Disposition: attachment; filename=log.txt\n\n" WORDS
	    "\n" STATUS RECIPIENT("anna@example.com") RETURNED END),
	    &nobody_trusted);
	check_header_only(&done, "it has no text");
}

static void
test_report(void **state)
{
	struct done done;
	const struct part *both;
	struct span text;

	run(&done, *state, SPAN(BOUNCE), &nobody_trusted);
	assert_null(done.annotation.why);
	assert_int_equal(done.annotation.added,
	    ANNOTATE_HEADER | ANNOTATE_TEXT | ANNOTATE_HTML);
	assert_string_equal(done.annotation.findings[0].cause->id,
	    "mailbox-full");

	/* The two fields are on top, in this order. */
	assert_true(span_starts_nocase(done.new.bytes,
	    SPAN(FIELD_EXPLANATION ": ")));
	assert_span(done.new.root->headers.v[1].name, FIELD_CAUSE);
	assert_span(header_unfold(*state, header_value(
	    &done.new.root->headers, FIELD_CAUSE)),
	    "mailbox-full; recipient=\"anna@example.com\"; action=failed; "
	    "code=552; status=5.2.2; reply=\"552 5.2.2 Mailbox full\"; "
	    "fix=recipient; by=mail.example.org");
	assert_int_equal(done.new.root->headers.n,
	    done.old.root->headers.n + 2);

	/* A lone text leaf becomes two alternatives. */
	both = done.new.root->first_child;
	assert_true(part_is(both, "multipart/alternative"));
	assert_true(header_value(&both->headers,
	    "Content-Description").p != NULL);
	text = text_of(&done.new, "text/plain");
	assert_true(span_ends_nocase(text, SPAN(WORDS)));
	assert_true(span_starts_nocase(text,
	    SPAN("Not delivered to anna@example.com")));
	text = text_of(&done.new, "text/html");
	assert_true(span_find(text, SPAN("anna@example.com")) != SPAN_NONE);

	/* From the second part on every byte is what it was. */
	text = SPAN(STATUS RECIPIENT("anna@example.com") RETURNED END);
	assert_true(span_equal(text, span_from(done.new.bytes,
	    done.new.bytes.len - text.len)));
}

/* The settings choose what is added. */
static void
test_choices(void **state)
{
	static const unsigned choices[] = {
		ANNOTATE_HEADER, ANNOTATE_TEXT, ANNOTATE_HTML,
		ANNOTATE_HEADER | ANNOTATE_TEXT,
		ANNOTATE_HEADER | ANNOTATE_HTML,
		ANNOTATE_TEXT | ANNOTATE_HTML, 0,
	};

	for (size_t i = 0; i < COUNT(choices); i++) {
		bool fields = choices[i] != 0;
		struct done done;

		annotator.annotate = choices[i];
		run(&done, *state, SPAN(BOUNCE), &nobody_trusted);
		/* The header goes with whatever else is added. */
		assert_int_equal(done.annotation.added, choices[i] |
		    (fields ? ANNOTATE_HEADER : 0));
		if (choices[i] == 0)
			assert_true(edit_is_empty(&done.annotation.edits));
		assert_int_equal(count_fields(&done.new, FIELD_CAUSE),
		    fields);
		assert_int_equal(count_fields(&done.new, FIELD_EXPLANATION),
		    fields);
		assert_int_equal(part_find(done.new.root, "text/html") !=
		    NULL, (choices[i] & ANNOTATE_HTML) != 0);
		assert_int_equal(text_of(&done.new, "text/plain").len >
		    text_of(&done.old, "text/plain").len,
		    (choices[i] & ANNOTATE_TEXT) != 0);
		if (!(choices[i] & (ANNOTATE_TEXT | ANNOTATE_HTML)))
			assert_true(span_equal(body_of(&done.old),
			    body_of(&done.new)));
	}
}

/* A bounce that is text/plain at its top stays so. */
static void
test_top_text(void **state)
{
	struct done done;
	struct span text;

	run(&done, *state, SPAN(PROSE), &nobody_trusted);
	assert_null(done.annotation.why);
	assert_int_equal(done.annotation.report.kind, REPORT_PROSE);
	assert_int_equal(done.annotation.added,
	    ANNOTATE_HEADER | ANNOTATE_TEXT);
	assert_null(done.new.root->first_child);
	assert_true(span_ends_nocase(done.new.bytes, SPAN(WORDS)));
	/* Nothing a parser could take for a second recipient. */
	text = span_first(body_of(&done.new), body_of(&done.new).len -
	    sizeof(WORDS) + 1);
	assert_int_equal(span_find_char(text, '@'), SPAN_NONE);
	assert_true(span_find(text, SPAN("anna (at) example.com")) !=
	    SPAN_NONE);
}

/*
 * In a bounce without a status part other programs take for a recipient what
 * has an '@': none may be added, in no language and for no cause.
 */
static void
test_no_at(void **state)
{
	static const char *const replies[] = {
		"550 5.1.1 User unknown", "550 5.1.2 Bad domain",
		"501 5.1.3 Bad address syntax", "556 5.1.10 Null MX",
		"551 5.1.6 Moved, try b@example.net", "552 5.2.2 Full",
		"550 5.7.1 write to abuse@example.com", "421 4.4.1 Later",
	};
	struct done done;

	annotator.helpdesk = SPAN("helpdesk@example.org");
	for (size_t i = 0; i < COUNT(replies); i++)
		for (size_t k = 0; k < default_nlanguages; k++) {
			struct span old, new;
			char mail[1000];

			annotator.language = &builtin->languages.v[k];
			snprintf(mail, sizeof(mail), SYSTEM "\n"
			    "Your message could not be delivered.\n\n"
			    "<anna@example.com>: host mx.example.com said: "
			    "%s\n", replies[i]);
			run(&done, *state, span_of(mail), &nobody_trusted);
			assert_null(done.annotation.why);
			old = text_of(&done.old, "text/plain");
			new = text_of(&done.new, "text/plain");
			new = span_first(new, new.len - old.len);
			if (span_find_char(new, '@') != SPAN_NONE)
				fail_msg("%s in %s: %.*s", replies[i],
				    builtin->languages.v[k].tag,
				    (int)new.len, new.p);
		}
}

/* A top text that has to be made anew: its fields change with it. */
static void
test_top_text_anew(void **state)
{
	struct done done;

	annotator.language = language_find(&annotator.languages, SPAN("pl"));
	assert_non_null(annotator.language);
	run(&done, *state, SPAN(SYSTEM "MIME-Version: 1.0\n"
	    "Content-Type: text/plain; charset=us-ascii; format=fixed\n"
	    "Content-Transfer-Encoding: 7bit\n\n" WORDS), &nobody_trusted);
	assert_null(done.annotation.why);
	assert_int_equal(count_fields(&done.new, "Content-Type"), 1);
	assert_int_equal(count_fields(&done.new, "Content-Transfer-Encoding"),
	    1);
	assert_int_equal(count_fields(&done.new, "MIME-Version"), 1);
	assert_span(part_parameter(*state, done.new.root, "charset"),
	    "utf-8");
	assert_span(part_parameter(*state, done.new.root, "format"),
	    "fixed");
	assert_true(charset_is_ascii(done.new.bytes));
	assert_true(span_ends_nocase(text_of(&done.new, "text/plain"),
	    SPAN(WORDS)));
}

#define TEXT_PART "Content-Type: text/plain; charset=us-ascii\n\n" WORDS "\n"
#define HTML_PART "Content-Type: text/html; charset=us-ascii\n\n" \
	"<html><body><p>no</p></body></html>\n"

/* Which leaves get what, in every tree that is met. */
static void
test_trees(void **state)
{
	static const struct {
		const char *name;
		const char *mail;
		unsigned added;
	} cases[] = {
		{ "HTML only",
		    SYSTEM "MIME-Version: 1.0\nContent-Type: text/html\n\n"
		    "<html><body><p>Your message could not be delivered.</p>"
		    "<p>&lt;anna@example.com&gt;: 552 5.2.2 full</p></body>"
		    "</html>\n", ANNOTATE_HTML },
		{ "alternative",
		    SYSTEM "MIME-Version: 1.0\nContent-Type: "
		    "multipart/alternative; boundary=a\n\n--a\n" TEXT_PART
		    "--a\n" HTML_PART "--a--\n",
		    ANNOTATE_TEXT | ANNOTATE_HTML },
		{ "alternative in a report",
		    SYSTEM REPORT "--b/1\nContent-Type: "
		    "multipart/alternative; boundary=a\n\n--a\n" TEXT_PART
		    "--a\n" HTML_PART "--a--\n\n" STATUS
		    RECIPIENT("anna@example.com") END,
		    ANNOTATE_TEXT | ANNOTATE_HTML },
		{ "related around alternative in a report",
		    SYSTEM REPORT "--b/1\nContent-Type: multipart/related; "
		    "boundary=r\n\n--r\nContent-Type: multipart/alternative;"
		    " boundary=a\n\n--a\n" TEXT_PART "--a\n" HTML_PART
		    "--a--\n--r\nContent-Type: image/png\n"
		    "Content-Transfer-Encoding: base64\n\niVBORw0K\n--r--\n"
		    STATUS RECIPIENT("anna@example.com") END,
		    ANNOTATE_TEXT | ANNOTATE_HTML },
		{ "mixed with the text first",
		    SYSTEM "MIME-Version: 1.0\nContent-Type: multipart/mixed;"
		    " boundary=m\n\n--m\n" TEXT_PART "--m\nContent-Type: "
		    "message/rfc822\n\nSubject: x\n\nbody\n--m--\n",
		    ANNOTATE_TEXT },
		{ "mixed with an HTML part second",
		    SYSTEM "MIME-Version: 1.0\nContent-Type: multipart/mixed;"
		    " boundary=m\n\n--m\n" TEXT_PART "--m\n" HTML_PART
		    "--m--\n", ANNOTATE_TEXT },
		{ "HTML alone in a report",
		    SYSTEM REPORT "--b/1\n" HTML_PART STATUS
		    RECIPIENT("anna@example.com") END, ANNOTATE_HTML },
		{ "a report whose first part has no Content-Type",
		    SYSTEM REPORT "--b/1\n\n" WORDS "\n" STATUS
		    RECIPIENT("anna@example.com") END,
		    ANNOTATE_TEXT | ANNOTATE_HTML },
		{ "a report without words",
		    SYSTEM REPORT STATUS RECIPIENT("anna@example.com")
		    RETURNED END, 0 },
		{ "a report that starts with a picture",
		    SYSTEM REPORT "--b/1\nContent-Type: image/png\n"
		    "Content-Transfer-Encoding: base64\n\niVBORw0K\n" NOTICE
		    STATUS RECIPIENT("anna@example.com") END, 0 },
		{ "a report whose first part is signed",
		    SYSTEM REPORT "--b/1\nContent-Type: multipart/signed; "
		    "boundary=s; protocol=\"application/pgp-signature\"\n\n"
		    "--s\n" TEXT_PART "--s\nContent-Type: "
		    "application/pgp-signature\n\nx\n--s--\n" STATUS
		    RECIPIENT("anna@example.com") END, 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct part *a, *b;
		struct done done;
		size_t parts = 0;

		run(&done, *state, span_of(cases[i].mail), &nobody_trusted);
		if (done.annotation.added !=
		    (cases[i].added | ANNOTATE_HEADER))
			fail_msg("%s: added %u", cases[i].name,
			    done.annotation.added);
		if (cases[i].added == 0)
			assert_string_equal(done.annotation.why,
			    "it has no text");
		assert_int_equal(done.new.flags, done.old.flags);
		/* The same parts, but for a new alternative. */
		a = done.old.root;
		b = done.new.root;
		for (; a != NULL; a = part_after(a), b = part_after(b)) {
			assert_non_null(b);
			if (span_equal(a->type, b->type))
				continue;
			assert_int_equal(parts++, 0);
			assert_true(part_is(b, "multipart/alternative"));
			assert_non_null(b->first_child->next);
			assert_null(b->first_child->next->next);
			b = b->first_child->next;
		}
		assert_null(b);
	}
}

/* A leaf is edited only in the first part: the others are the machines'. */
static void
test_second_part(void **state)
{
	struct done done;
	size_t second;

	run(&done, *state, SPAN(SYSTEM "MIME-Version: 1.0\n"
	    "Content-Type: multipart/mixed; boundary=m\n\n"
	    "--m\nContent-Type: multipart/alternative; boundary=a\n\n"
	    "--a\n" TEXT_PART "--a--\n"
	    "--m\n" HTML_PART "--m\n" TEXT_PART "--m--\n"), &nobody_trusted);
	assert_int_equal(done.annotation.added,
	    ANNOTATE_HEADER | ANNOTATE_TEXT);
	second = span_find(done.old.bytes, SPAN("--m\nContent-Type: text/h"));
	assert_true(span_equal(span_from(done.old.bytes, second),
	    span_from(done.new.bytes, done.new.bytes.len -
	    done.old.bytes.len + second)));
}

#define SIGNED(type) SYSTEM "MIME-Version: 1.0\nContent-Type: " type "\n\n" \
	"--s\nContent-Type: multipart/report; boundary=\"b/1\"\n\n" NOTICE \
	STATUS RECIPIENT("anna@example.com") END \
	"--s\nContent-Type: application/pgp-signature\n\nx\n--s--\n"

#define FAILED SYSTEM "X-Failed-Recipients: anna@example.com\n" \
	"MIME-Version: 1.0\n"

/* What gets the header only, and what the log says of it. */
static void
test_header_only(void **state)
{
	static const struct {
		const char *mail;
		const char *why;
	} cases[] = {
		{ SIGNED("multipart/signed; boundary=s"),
		    "it is signed or encrypted" },
		{ SIGNED("Multipart/Signed; boundary=s; micalg=pgp-sha256"),
		    "it is signed or encrypted" },
		{ SIGNED("multipart/encrypted; boundary=s"),
		    "it is signed or encrypted" },
		{ FAILED "Content-Type: application/pkcs7-mime; "
		    "smime-type=enveloped-data\n\n" WORDS,
		    "it is signed or encrypted" },
		{ FAILED "Content-Type: application/x-pkcs7-mime\n\n" WORDS,
		    "it is signed or encrypted" },
		{ "DKIM-Signature: v=1; a=rsa-sha256; d=example.org\n" BOUNCE,
		    "it has a DKIM signature" },
		{ SYSTEM REPORT "--b/1\nContent-Type: application/json\n\n{}\n"
		    STATUS RECIPIENT("anna@example.com") END,
		    "it has no text" },
		{ SYSTEM REPORT "--b/1\nContent-Type: text/plain\n"
		    "Content-Transfer-Encoding: x-uuencode\n\n" WORDS "\n"
		    STATUS RECIPIENT("anna@example.com") END,
		    "its transfer encoding is not known" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct done done;

		run(&done, *state, span_of(cases[i].mail), &nobody_trusted);
		check_header_only(&done, cases[i].why);
	}
}

/* With `signed = body` a DKIM signature does not count, a real one does. */
static void
test_edit_signed(void **state)
{
	struct done done;

	annotator.edit_signed = true;
	run(&done, *state, SPAN("DKIM-Signature: v=1; d=example.org\n"
	    BOUNCE), &nobody_trusted);
	assert_null(done.annotation.why);
	assert_true(done.annotation.edits.nbody > 0);
	run(&done, *state, SPAN(SIGNED("multipart/signed; boundary=s")),
	    &nobody_trusted);
	check_header_only(&done, "it is signed or encrypted");
}

static void
test_max_body(void **state)
{
	const struct message message = { .bytes = SPAN(BOUNCE) };
	size_t body = sizeof(BOUNCE) - 1 - span_find(message.bytes,
	    SPAN("\n\n")) - 2;
	struct done done;

	annotator.max_body = body;
	run(&done, *state, SPAN(BOUNCE), &nobody_trusted);
	assert_null(done.annotation.why);
	annotator.max_body = body - 1;
	run(&done, *state, SPAN(BOUNCE), &nobody_trusted);
	check_header_only(&done, "it is larger than max_body");
}

static void
test_exempt_readers(void **state)
{
	static const struct span exempt[] = {
		SPAN_INIT("*-bounces@*"), SPAN_INIT("srs0*@*"), { NULL, 0 }
	};
	static const struct {
		const char *reader;
		bool exempt;
	} cases[] = {
		{ "<list-bounces@example.org>", true },
		{ "List-Bounces@example.org", true },
		{ "<SRS0=a=b=example.net=tom@example.org>", true },
		{ "<tom@example.org>", false },
		{ "<>", false },
		{ "", false },
	};

	annotator.exempt = exempt;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct span readers[] = {
			SPAN("<tom@example.org>"), span_of(cases[i].reader)
		};
		const struct delivery delivery = {
			.readers = readers, .nreaders = 2
		};
		struct done done;

		run(&done, *state, SPAN(BOUNCE), &delivery);
		if (cases[i].exempt)
			check_header_only(&done, "the recipient is exempt");
		else
			assert_null(done.annotation.why);
	}
}

#define BROKEN "Return-Path: <>\nFrom: MAILER-DAEMON@mail.example.org\n" \
	"what is this\nSubject: failure notice\n\n" WORDS

/*
 * A line in the header that is no field: what stands in front of it is a
 * header as any other. At its beginning it would be taken for the end of the
 * last field of ours.
 */
static void
test_broken_header(void **state)
{
	struct done done, twice;

	run(&done, *state, SPAN(BROKEN), &nobody_trusted);
	check_header_only(&done, "its structure is not understood");
	run(&twice, *state, done.new.bytes, &trusted);
	assert_true(twice.annotation.marked);
	assert_true(edit_is_empty(&twice.annotation.edits));
	run(&done, *state, SPAN("Bounce-Cause: forged\n" BROKEN),
	    &nobody_trusted);
	assert_int_equal(span_find(done.new.bytes, SPAN("forged")),
	    SPAN_NONE);
	assert_true(span_ends_nocase(done.new.bytes, SPAN(BROKEN)));
	run(&done, *state, SPAN("what is this\n" BROKEN), &nobody_trusted);
	assert_true(edit_is_empty(&done.annotation.edits));
}

/* Structures that are not understood get no guessed edit. */
static void
test_not_understood(void **state)
{
	static const char *const mails[] = {
		BROKEN,
		/* A multipart without parts, and without a boundary. */
		SYSTEM "MIME-Version: 1.0\n"
		    "Content-Type: multipart/mixed; boundary=b\n\n" WORDS,
		SYSTEM "MIME-Version: 1.0\n"
		    "Content-Type: multipart/mixed\n\n" WORDS,
		/* JSON is for programs, whatever its type says. */
		SYSTEM "Content-Type: text/plain\n\n"
		    "{\n  \"event\": \"Your message could not be delivered\","
		    "\n  \"failed recipient\": \"anna@example.com\",\n"
		    "  \"reply\": \"550 5.1.1 unknown\"\n}\n",
	};

	for (size_t i = 0; i < COUNT(mails); i++) {
		struct done done;

		run(&done, *state, span_of(mails[i]), &nobody_trusted);
		if (done.annotation.report.kind == REPORT_NONE)
			fail_msg("mail %zu is no bounce", i);
		if (done.annotation.edits.nbody != 0)
			fail_msg("mail %zu: its body was edited", i);
		assert_non_null(done.annotation.why);
	}
}

#define TYPE(type) "Content-Type: " type "\n"
#define FIRST(fields) SYSTEM REPORT "--b/1\n" \
	TYPE("multipart/alternative; boundary=a") "\n--a\n" fields \
	"\n<p>no</p>\n--a\n" TEXT_PART "--a\n" HTML_PART "--a--\n" STATUS \
	RECIPIENT("anna@example.com") END

/*
 * Where a leaf in front could be another than it seems, other readers may
 * take it, and not the one behind it, for the text: neither is edited.
 */
static void
test_doubtful_leaves(void **state)
{
	static const char *const mails[] = {
		FIRST(TYPE("text/html") TYPE("text/plain")),
		FIRST(TYPE("text/html") "no field\n"),
		FIRST(TYPE("text/html") "Content-Transfer-Encoding: 8bit\n"
		    "Content-Transfer-Encoding: base64\n"),
		FIRST(TYPE("text/html") "Content-Transfer-Encoding: base64; "
		    "x=y\n"),
		FIRST(TYPE("text")), FIRST(TYPE("")), FIRST(TYPE("text/")),
		FIRST(TYPE("text plain")), FIRST(TYPE("text/plain/x")),
		FIRST(TYPE("multipart/alternative; boundary=\"\"")),
		FIRST(TYPE("text/html; charset=\"utf-8")),
		/* The multiparts around the leaves. */
		SYSTEM "MIME-Version: 1.0\n"
		    TYPE("multipart/mixed; boundary=m")
		    TYPE("multipart/mixed; boundary=a")
		    "\n--m\n" TEXT_PART "--m--\n",
		SYSTEM "MIME-Version: 1.0\n"
		    TYPE("multipart/mixed; boundary=m") "\n--m\n"
		    TYPE("multipart/alternative; boundary=a")
		    TYPE("multipart/alternative; boundary=b")
		    "\n--a\n" TEXT_PART "--a\n" HTML_PART "--a--\n--m--\n",
	};
	struct done done;

	for (size_t i = 0; i < COUNT(mails); i++) {
		run(&done, *state, span_of(mails[i]), &nobody_trusted);
		if (done.annotation.report.kind == REPORT_NONE)
			fail_msg("mail %zu is no bounce", i);
		check_header_only(&done, "its structure is not understood");
	}
	run(&done, *state, SPAN(FIRST(TYPE("text/html"))), &nobody_trusted);
	assert_null(done.annotation.why);
}

/* Limits that were reached: what was not read is not edited. */
static void
test_limits(void **state)
{
	struct done done;

	annotator.limits.parts = 2;
	run(&done, *state, SPAN(BOUNCE), &nobody_trusted);
	if (done.annotation.report.kind != REPORT_NONE)
		check_header_only(&done, "its structure is not understood");
	annotator.limits = LIMITS_DEFAULT;
	annotator.limits.message = sizeof(BOUNCE) - 60;
	run(&done, *state, SPAN(BOUNCE), &nobody_trusted);
	check_header_only(&done, "its end was not read");
}

#define MARK(host) "Bounce-Explanation: Read me\n" \
	"Bounce-Cause: mailbox-full; recipient=\"anna@example.com\";\n" \
	"\taction=failed; by=" host "\n"

/* Whose mark is believed, and what happens to the others. */
static void
test_marks(void **state)
{
	static const struct span hosts[] = {
		SPAN_INIT("*.mx.example.org"), { NULL, 0 }
	};
	static const struct {
		const char *mail;
		bool trusted;
		bool marked;
	} cases[] = {
		{ MARK("mail.example.org") BOUNCE, true, true },
		{ MARK("MAIL.example.org") BOUNCE, true, true },
		{ MARK("a.mx.example.org") BOUNCE, true, true },
		{ MARK("evil.example.net") BOUNCE, true, false },
		{ MARK("mail.example.org") BOUNCE, false, false },
		{ MARK("a.mx.example.org") BOUNCE, false, false },
		{ "Bounce-Cause: mailbox-full\n" BOUNCE, true, false },
		{ "Bounce-Cause: x; reply=\"; by=mail.example.org\"\n" BOUNCE,
		    true, false },
		{ BOUNCE, true, false },
	};

	annotator.site.hosts = hosts;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct done done;

		run(&done, *state, span_of(cases[i].mail),
		    cases[i].trusted ? &trusted : &nobody_trusted);
		if (done.annotation.marked != cases[i].marked)
			fail_msg("case %zu", i);
		if (cases[i].marked) {
			assert_true(edit_is_empty(&done.annotation.edits));
			assert_string_equal(done.annotation.why,
			    "it has been annotated before");
			continue;
		}
		/* Forged ones are gone, ours are there. */
		assert_int_equal(count_fields(&done.new, FIELD_EXPLANATION),
		    1);
		assert_int_equal(count_fields(&done.new, FIELD_CAUSE), 1);
		assert_int_equal(span_find(done.new.bytes, SPAN("Read me")),
		    SPAN_NONE);
		assert_span(field_cause_host(*state, header_value(
		    &done.new.root->headers, FIELD_CAUSE)),
		    "mail.example.org");
	}
}

#define BASE64 SYSTEM REPORT "--b/1\nContent-Type: text/plain; " \
	"charset=utf-8\nContent-Transfer-Encoding: base64\n\n" \
	"WW91ciBtZXNzYWdlIGNvdWxkIG5vdCBiZSBkZWxpdmVyZWQuCg==\n" STATUS \
	RECIPIENT("anna@example.com") RETURNED END

static void
check_twice(struct arena *arena, const char *mail)
{
	struct done once, twice;

	run(&once, arena, span_of(mail), &trusted);
	assert_int_equal(once.new.bytes.len > once.old.bytes.len,
	    annotator.annotate != 0);
	run(&twice, arena, once.new.bytes, &trusted);
	assert_int_equal(twice.annotation.marked, annotator.annotate != 0);
	assert_true(edit_is_empty(&twice.annotation.edits));
	assert_true(span_equal(twice.new.bytes, once.new.bytes));
}

/* Running twice changes nothing, whatever the settings ask for. */
static void
test_twice(void **state)
{
	static const char *const mails[] = { BOUNCE, PROSE, BASE64,
		SIGNED("multipart/signed; boundary=s"),
		"DKIM-Signature: v=1; a=rsa-sha256; d=example.org\n" BOUNCE,
		SYSTEM "MIME-Version: 1.0\nContent-Type: text/html\n\n"
		    "<p>Your message could not be delivered.</p>"
		    "<p>&lt;anna@example.com&gt;: 552 5.2.2 full</p>\n",
		SYSTEM "MIME-Version: 1.0\nContent-Type: multipart/alternative"
		    "; boundary=a\n\n--a\n" TEXT_PART "--a\n" HTML_PART
		    "--a--\n" };

	for (unsigned choice = 0; choice < 8; choice++)
		for (unsigned body = 0; body < 2; body++)
			for (size_t i = 0; i < COUNT(mails); i++) {
				annotator.annotate = choice;
				annotator.edit_signed = body;
				check_twice(*state, mails[i]);
			}
}

/* A leaf into which nothing goes keeps its bytes, whatever its encoding. */
static void
test_html_beside_base64(void **state)
{
	const struct part *old, *new;
	struct done done;

	annotator.annotate = ANNOTATE_HEADER | ANNOTATE_HTML;
	run(&done, *state, SPAN(BASE64), &nobody_trusted);
	assert_null(done.annotation.why);
	old = part_find(done.old.root, "text/plain");
	new = part_find(done.new.root, "text/plain");
	assert_true(span_equal(old->body, new->body));
	assert_int_equal(new->encoding, ENCODING_BASE64);
	assert_span(header_value(&new->headers, "Content-Type"),
	    " text/plain; charset=utf-8");
	assert_non_null(part_find(done.new.root, "text/html"));
}

/* Forged fields go, the last one first, in mail of every kind. */
static void
test_forged_fields(void **state)
{
	static const char *const mails[] = {
		"Bounce-Cause: 1\nbounce-cause: 2\n"
		    "Bounce-Explanation: 3\n\tmore\nBOUNCE-CAUSE: 4\n"
		    ORDINARY,
		"Bounce-Cause: 1; by=mail.example.org\nBounce-Cause: 2\n"
		    "Bounce-Explanation: 3\nBounce-Cause: 4\n" ORDINARY,
	};

	for (size_t i = 0; i < COUNT(mails); i++) {
		const struct edit_list *edits;
		struct done done;

		/* Ordinary mail has no mark to believe. */
		run(&done, *state, span_of(mails[i]),
		    i > 0 ? &trusted : &nobody_trusted);
		edits = &done.annotation.edits;
		assert_int_equal(done.annotation.report.kind, REPORT_NONE);
		assert_int_equal(edits->nheaders, 4);
		for (size_t k = 0; k < edits->nheaders; k++) {
			const struct header_edit *edit = &edits->headers[k];

			assert_int_equal(edit->operation, HEADER_DELETE);
			for (size_t l = 0; l < k; l++)
				if (strcmp(edit->name,
				    edits->headers[l].name) == 0)
					assert_true(edit->nth <
					    edits->headers[l].nth);
		}
		assert_true(span_equal(done.new.bytes, SPAN(ORDINARY)));
	}
}

/* Mail that is no bounce is not touched at all. */
static void
test_ordinary_mail(void **state)
{
	static const char *const mails[] = {
		ORDINARY, "", "\n", "\r\n", "x", "Subject: x",
		"From x Tue Jun  3 14:02:00 2025\nSubject: x\n\nbody\n",
		"From: MAILER-DAEMON@example.org\nSubject: Out of office\n\n"
		    WORDS,
	};

	for (size_t i = 0; i < COUNT(mails); i++) {
		struct done done;

		run(&done, *state, span_of(mails[i]), &trusted);
		assert_int_equal(done.annotation.report.kind, REPORT_NONE);
		assert_true(edit_is_empty(&done.annotation.edits));
		assert_int_equal(done.annotation.added, 0);
	}
}

/* At most so many Bounce-Cause fields, in the order of the report. */
static void
check_recipients(struct arena *arena, int n)
{
	int wanted = n < FIELD_CAUSES ? n : FIELD_CAUSES;
	const struct header *field = NULL;
	struct done done, twice;
	struct buf mail;
	char address[200];

	buf_init(&mail, arena);
	buf_add_string(&mail, SYSTEM REPORT NOTICE STATUS);
	for (int i = 0; i < n; i++) {
		snprintf(address, sizeof(address),
		    "Final-Recipient: rfc822; a%d@example.com\n"
		    "Action: failed\nStatus: 5.2.2\n\n", i);
		buf_add_string(&mail, address);
	}
	buf_add_string(&mail, END);
	run(&done, arena, buf_span(&mail), &nobody_trusted);
	assert_int_equal(done.annotation.report.n, n);
	assert_int_equal(count_fields(&done.new, FIELD_CAUSE), wanted);
	assert_int_equal(count_fields(&done.new, FIELD_EXPLANATION), 1);
	for (int i = 0; i < wanted; i++) {
		field = header_next(&done.new.root->headers, FIELD_CAUSE,
		    field);
		snprintf(address, sizeof(address), "a%d@example.com", i);
		assert_span(header_parameter(arena, field->value,
		    "recipient"), address);
	}
	run(&twice, arena, done.new.bytes, &trusted);
	assert_true(edit_is_empty(&twice.annotation.edits));
}

static void
test_many_recipients(void **state)
{
	for (int n = FIELD_CAUSES - 1; n <= FIELD_CAUSES + 1; n++)
		check_recipients(*state, n);
	check_recipients(*state, FIELD_CAUSES + 100);
}

/* By reader, by the returned message's fields, by the settings. */
static void
test_languages(void **state)
{
	static const struct {
		const char *fields;	/* of the returned message */
		const char *reader;
		const char *tag;
	} cases[] = {
		{ "", "tom@example.org", "en" },
		{ "Content-Language: de\n", "tom@example.org", "de" },
		{ "Accept-Language: xx, cs;q=0.8, de;q=0.9\n",
		    "tom@example.org", "de" },
		{ "Accept-Language: de\nContent-Language: pl-PL\n",
		    "tom@example.org", "pl" },
		{ "Content-Language: xx\n", "tom@example.org", "en" },
		{ "Content-Language: de\n", "<jan@example.pl>", "pl" },
		{ "Content-Language: de\n", "<Jana@Example.CZ>", "cs" },
	};
	const struct language_choice choices[] = {
		{ "*@example.pl", language_find(&annotator.languages,
		    SPAN("pl")) },
		{ "jana@*", language_find(&annotator.languages,
		    SPAN("cs")) },
	};

	annotator.choices = choices;
	annotator.nchoices = COUNT(choices);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct span readers[] = { span_of(cases[i].reader) };
		const struct delivery delivery = {
			.readers = readers, .nreaders = 1
		};
		struct done done;
		struct buf mail;

		buf_init(&mail, *state);
		buf_add_string(&mail, SYSTEM REPORT NOTICE STATUS
		    RECIPIENT("anna@example.com")
		    "--b/1\nContent-Type: message/rfc822\n\n");
		buf_add_string(&mail, cases[i].fields);
		buf_add_string(&mail, "From: tom@example.org\nSubject: x\n\n"
		    "body\n" END);
		run(&done, *state, buf_span(&mail), &delivery);
		assert_string_equal(done.annotation.language->tag,
		    cases[i].tag);
		assert_true(charset_is_ascii(done.new.bytes));
	}
}

/* Every language can be put into every kind of bounce. */
static void
test_all_languages(void **state)
{
	static const char *const mails[] = { BOUNCE, PROSE,
		SYSTEM "MIME-Version: 1.0\nContent-Type: multipart/alternative"
		    "; boundary=a\n\n--a\n" TEXT_PART "--a\n" HTML_PART
		    "--a--\n" };

	for (size_t i = 0; i < default_nlanguages; i++)
		for (size_t k = 0; k < COUNT(mails); k++) {
			struct done done;
			struct span text;

			annotator.language = &builtin->languages.v[i];
			run(&done, *state, span_of(mails[k]),
			    &nobody_trusted);
			assert_null(done.annotation.why);
			text = text_of(&done.new, "text/plain");
			assert_true(span_ends_nocase(text, SPAN(WORDS)));
			assert_true(text.len > sizeof(WORDS) + 100);
			assert_true(charset_is_utf8(text));
			assert_true(charset_is_ascii(done.new.bytes));
		}
}

/* A slip in the domain is seen; another site's mail is known. */
static void
test_hints(void **state)
{
	static const struct span hosts[] = {
		SPAN_INIT("mail.example.org"), { NULL, 0 }
	};
	struct done done;

	run(&done, *state, SPAN(SYSTEM REPORT "--b/1\n\n"
	    "This is the mail system at host mail.example.org.\n\n"
	    "<anna@gmial.com>: Host or domain name not found.\n\n" STATUS
	    "Final-Recipient: rfc822; anna@gmial.com\nAction: failed\n"
	    "Status: 5.1.2\nDiagnostic-Code: X-Postfix; Host or domain name "
	    "not found. Name service\n    error for name=gmial.com type=A: "
	    "Host not found\n\n" RETURNED END), &nobody_trusted);
	assert_span(done.annotation.findings[0].suggestion, "gmail.com");
	assert_false(done.annotation.foreign);

	annotator.site.hosts = hosts;
	run(&done, *state, SPAN(SYSTEM REPORT NOTICE
	    "--b/1\nContent-Type: message/delivery-status\n\n"
	    "Reporting-MTA: dns; mx.example.net\n\n"
	    RECIPIENT("anna@example.com")
	    "--b/1\nContent-Type: text/rfc822-headers\n\n"
	    "Received: from x by mx.example.net; Tue, 3 Jun 2025 14:02:00 "
	    "+0200\nFrom: tom@example.org\nMessage-ID: <1@example.com>\n\n"
	    END), &nobody_trusted);
	assert_true(done.annotation.foreign);
}

/* annotate_read() tells the same and edits nothing. */
static void
test_reading_only(void **state)
{
	struct annotation annotation;
	struct message message;

	assert_true(message_parse(&message, *state, SPAN(MARK("x") BOUNCE),
	    &annotator.limits));
	assert_true(annotate_read(&annotation, &annotator, &message,
	    &trusted));
	assert_int_equal(annotation.report.n, 1);
	assert_string_equal(annotation.findings[0].cause->id,
	    "mailbox-full");
	assert_true(edit_is_empty(&annotation.edits));
}

/* With too little memory it says so; what it says is then not used. */
static void
test_little_memory(void **state)
{
	static const char *const mails[] = { BOUNCE, PROSE, ORDINARY };
	size_t done = 0, refused = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(mails); i++)
		for (size_t limit = 0; limit < 400000; limit += 3001) {
			struct annotation annotation;
			struct message message;
			struct arena arena;

			arena_init(&arena, limit);
			if (message_parse(&message, &arena, span_of(mails[i]),
			    &annotator.limits) && annotate(&annotation,
			    &annotator, &message, &nobody_trusted)) {
				assert_false(arena.failed);
				done++;
			} else {
				refused++;
			}
			arena_release(&arena);
		}
	assert_true(done > 0);
	assert_true(refused > 0);
}

/* Edits stand in the order of the bytes and do not overlap. */
static void
test_order(void **state)
{
	struct done done;
	const struct edit_list *edits = &done.annotation.edits;

	run(&done, *state, SPAN(SYSTEM "MIME-Version: 1.0\n"
	    "Content-Type: multipart/alternative; boundary=a\n\n--a\n"
	    HTML_PART "--a\nContent-Type: text/plain\n"
	    "Content-Transfer-Encoding: base64\n\n"
	    "PGFubmFAZXhhbXBsZS5jb20+OiA1NTAgbm8K\n--a--\n"),
	    &nobody_trusted);
	assert_true(edits->nbody > 2);
	for (size_t i = 0; i < edits->nbody; i++) {
		assert_true(edits->body[i].from <= edits->body[i].to);
		assert_true(edits->body[i].from >= (i == 0 ?
		    done.old.root->head.len : edits->body[i - 1].to));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_report), TEST(test_attachment),
		TEST(test_choices), TEST(test_top_text),
		TEST(test_no_at), TEST(test_top_text_anew), TEST(test_trees),
		TEST(test_second_part), TEST(test_header_only),
		TEST(test_edit_signed), TEST(test_max_body),
		TEST(test_exempt_readers), TEST(test_broken_header),
		TEST(test_not_understood),
		TEST(test_limits), TEST(test_doubtful_leaves),
		TEST(test_marks), TEST(test_twice),
		TEST(test_html_beside_base64),
		TEST(test_forged_fields), TEST(test_ordinary_mail),
		TEST(test_many_recipients), TEST(test_languages),
		TEST(test_all_languages), TEST(test_hints),
		TEST(test_reading_only), TEST(test_little_memory),
		TEST(test_order),
	};

	return cmocka_run_group_tests_name("annotate", tests, open_defaults,
	    builtin_teardown);
}
