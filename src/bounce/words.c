/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounce/words.h"

#include <limits.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#define SURE(words, system, action) \
	{ SPAN_INIT(words), system, action, 3 }
#define ANYBODY(words, system, action) \
	{ SPAN_INIT(words), system, action, 4 }
#define OTHER(words) \
	{ SPAN_INIT(words), NULL, ACTION_NONE, SENTENCE_OTHER }
#define LIKELY(words, action) { SPAN_INIT(words), NULL, action, 1 }
#define FAILED ACTION_FAILED
#define DELAYED ACTION_DELAYED

const struct sentence sentences[] = {
	/* Mail systems, by sentences of their own. */
	SURE("this is the mail system at host", "postfix", ACTION_NONE),
	SURE("this is the postfix program at host", "postfix", ACTION_NONE),
	SURE("i'm sorry to have to inform you that your message could not be "
	    "delivered", "postfix", FAILED),
	SURE("i'm sorry to have to inform you that the message returned below",
	    "postfix", FAILED),
	SURE("your message could not be delivered for more than", "postfix",
	    DELAYED),
	SURE("this is a warning only. you do not need to resend", "postfix",
	    DELAYED),
	SURE("hi. this is the qmail-send program", "qmail", FAILED),
	SURE("this is the qmail-send program", "qmail", FAILED),
	SURE("i'm afraid i wasn't able to deliver your message to the "
	    "following", "qmail", FAILED),
	SURE("i'm not going to try again", "qmail", FAILED),
	SURE("this message was created automatically by mail delivery",
	    "exim", ACTION_NONE),
	SURE("this message was created automatically by the smtp relay",
	    "exim", ACTION_NONE),
	SURE("a message that you sent could not be delivered", "exim",
	    FAILED),
	SURE("a message that you sent has not yet been delivered", "exim",
	    DELAYED),
	SURE("the address to which the message has not yet been delivered",
	    "exim", DELAYED),
	SURE("a message that you have sent could not be delivered", "mxlogic",
	    FAILED),
	SURE("delivery attempts will continue to be made", NULL, DELAYED),
	SURE("transcript of session follows", "sendmail", ACTION_NONE),
	SURE("the following addresses had permanent fatal errors", "sendmail",
	    FAILED),
	SURE("the following addresses had transient non-fatal errors",
	    "sendmail", DELAYED),
	SURE("the following addresses have delivery notifications",
	    "sendmail", ACTION_NONE),
	SURE("the following addresses had", NULL, FAILED),
	SURE("delivery to the following recipient failed permanently",
	    "gmail", FAILED),
	SURE("delivery to the following recipient has been delayed", "gmail",
	    DELAYED),
	SURE("delivery to the following recipients failed", NULL, FAILED),
	SURE("delivery to the following recipients was aborted", NULL,
	    FAILED),
	SURE("technical details of permanent failure", "gmail", FAILED),
	SURE("technical details of temporary failure", "gmail", DELAYED),
	SURE("delivery has failed to these recipients", "exchange", FAILED),
	SURE("delivery is delayed to these recipients", "exchange", DELAYED),
	SURE("diagnostic information for administrators", "exchange",
	    ACTION_NONE),
	SURE("did not reach the following recipient", "exchange", FAILED),
	SURE("the following recipient(s) could not be reached", "exchange",
	    FAILED),
	SURE("did not reach some or all of the intended recipients",
	    "exchange", FAILED),
	SURE("the following recipients cannot be reached", "exchange",
	    FAILED),
	SURE("the following recipient(s) cannot be reached", "exchange",
	    FAILED),
	SURE("votre message n'a pas atteint", "exchange", FAILED),
	SURE("ihre nachricht hat einige oder alle", "exchange", FAILED),
	SURE("ihre nachricht hat folgende", "exchange", FAILED),
	SURE("fehler bei der nachrichtenzustellung an folgende empf",
	    "exchange", FAILED),
	SURE("not listed in domino directory", "domino", FAILED),
	SURE("not listed in public name & address book", "domino", FAILED),
	SURE("was not delivered to:", "domino", FAILED),
	SURE("the message you sent to", "groupwise", ACTION_NONE),
	SURE("this is the dragonfly mail agent", "dma", FAILED),
	SURE("there was an error delivering your mail to", "dma", FAILED),
	SURE("this is the mailer-daemon, please do not reply", "opensmtpd",
	    ACTION_NONE),
	SURE("an error has occurred while attempting to deliver", "opensmtpd",
	    FAILED),
	SURE("a message is delayed for more than", "opensmtpd", DELAYED),
	SURE("sorry, we were unable to deliver your message", "yahoo",
	    FAILED),
	SURE("hi. this is the deliver program", "courier", FAILED),
	SURE("this is a delivery status notification from", "courier",
	    ACTION_NONE),
	SURE("unable to deliver message to", NULL, FAILED),
	SURE("unable to deliver the message to", NULL, FAILED),
	SURE("an error occurred while trying to deliver the mail", "amazonses",
	    FAILED),
	SURE("hi. this is the james mail server", "james", FAILED),
	SURE("hi. this is the james", "james", FAILED),
	SURE("this report relates to a message you sent", "sun", ACTION_NONE),
	SURE("your message cannot be delivered to the following recipients",
	    "sun", FAILED),
	SURE("your message is being returned", NULL, FAILED),
	SURE("unknown user:", "imail", FAILED),
	SURE("user mailbox exceeds allowed size", "imail", FAILED),
	SURE("invalid final delivery userid", "imail", FAILED),
	SURE("delivery failed 20 attempts", "imail", FAILED),
	ANYBODY("could not be delivered to: <", "kddi", FAILED),
	SURE("each of the following", "kddi", ACTION_NONE),
	ANYBODY("the user(s) account is disabled", "ezweb", FAILED),
	ANYBODY("the user(s) account is temporarily limited", "ezweb", FAILED),
	ANYBODY("could not be delivered to mobile", "verizon", FAILED),
	ANYBODY("you are not a member of this mailing list", "fml", FAILED),
	ANYBODY("duplicated message-id in", "fml", FAILED),
	SURE("failure reasons", "notes", FAILED),
	SURE("no valid recipients were found for this message", "smail",
	    FAILED),
	SURE("failed addresses follow", "smail", FAILED),
	SURE("returned because it could not be delivered", NULL, FAILED),
	ANYBODY("error: invalid user address", "verizon", FAILED),
	SURE("user's mailbox is full: <", NULL, FAILED),
	SURE("we had trouble delivering your message", NULL, FAILED),
	SURE("your message could not be delivered", NULL, FAILED),
	SURE("could not be delivered to the following", NULL, FAILED),
	SURE("undeliverable to the following", NULL, FAILED),
	SURE("message could not be delivered to", NULL, FAILED),
	SURE("could not deliver your message", NULL, FAILED),
	SURE("could not deliver message to", NULL, FAILED),
	SURE("could not deliver mail to", NULL, FAILED),
	SURE("the group you tried to contact", "googlegroups", FAILED),
	SURE("google groups", "googlegroups", FAILED),
	SURE("wurde nicht zugestellt", NULL, FAILED),
	SURE("konnte nicht zugestellt werden", NULL, FAILED),
	SURE("konnte nicht an einen oder mehrere", NULL, FAILED),
	SURE("n'a pas pu \303\252tre", NULL, FAILED),
	SURE("n'a pu \303\252tre", NULL, FAILED),
	SURE("no se ha podido entregar", NULL, FAILED),
	SURE("no pudo ser entregado", NULL, FAILED),
	SURE("impossibile recapitare", NULL, FAILED),
	SURE("non \303\250 stato possibile recapitare", NULL, FAILED),
	SURE("n\303\243o p\303\264de ser entregue", NULL, FAILED),
	SURE("nie mo\305\274e zosta\304\207 dostarczon", NULL, FAILED),
	SURE("nie zosta\305\202a dostarczona", NULL, FAILED),
	SURE("nemohla b\303\275t doru\304\215ena", NULL, FAILED),
	SURE("nebylo mo\305\276n\303\251 doru\304\215it", NULL, FAILED),
	SURE("\320\275\320\265 \320\274\320\276\320\266\320\265\321\202 "
	    "\320\261\321\213\321\202\321\214 \320\264\320\276\321\201\321\202"
	    "\320\260\320\262\320\273\320\265\320\275\320\276", NULL, FAILED),
	SURE("\351\200\201\344\277\241\343\201\247\343\201\215\343\201\276"
	    "\343\201\233\343\202\223\343\201\247\343\201\227\343\201\237",
	    NULL, FAILED),
	SURE("\351\205\215\344\277\241\343\201\247\343\201\215\343\201\276"
	    "\343\201\233\343\202\223\343\201\247\343\201\227\343\201\237",
	    NULL, FAILED),
	SURE("\345\261\212\343\201\215\343\201\276\343\201\233"
	    "\343\202\223\343\201\247\343\201\227\343\201\237",
	    NULL, FAILED),
	SURE("\351\200\200\344\277\241", NULL, FAILED),
	/* Words that fit a bounce, and other mail too. */
	LIKELY("delivery status notification", ACTION_NONE),
	LIKELY("this is a permanent error", FAILED),
	LIKELY("permanent failure", FAILED),
	LIKELY("delivery failed", FAILED),
	LIKELY("delivery failure", FAILED),
	LIKELY("could not be delivered", FAILED),
	LIKELY("cannot be delivered", FAILED),
	LIKELY("not delivered", FAILED),
	LIKELY("unable to deliver", FAILED),
	LIKELY("could not deliver", FAILED),
	LIKELY("could not be reached", FAILED),
	LIKELY("was rejected", FAILED),
	LIKELY("undeliverable", FAILED),
	LIKELY("mailbox is full", FAILED),
	LIKELY("user unknown", FAILED),
	LIKELY("unknown user", FAILED),
	LIKELY("you do not need to resend", DELAYED),
	LIKELY("will be retried", DELAYED),
	LIKELY("delivery attempts will continue", DELAYED),
	LIKELY("will continue to try", DELAYED),
	LIKELY("warning message only", DELAYED),
};
const size_t nsentences = COUNT(sentences);
_Static_assert(COUNT(sentences) <= SENTENCES_MAX, "too many sentences");

const struct sentence subjects[] = {
	LIKELY("undeliver", FAILED), LIKELY("unzustellbar", FAILED),
	LIKELY("undelivered", FAILED), LIKELY("returned mail", FAILED),
	LIKELY("delivery status notification", ACTION_NONE),
	LIKELY("failure notice", FAILED), LIKELY("delivery failure", FAILED),
	LIKELY("mail delivery fail", FAILED), LIKELY("delivery fail", FAILED),
	LIKELY("delivery has failed", FAILED),
	LIKELY("failure delivery", FAILED),
	LIKELY("delivery notification", ACTION_NONE),
	LIKELY("delivery report", ACTION_NONE),
	LIKELY("message status", ACTION_NONE),
	LIKELY("non-delivery", FAILED), LIKELY("nondeliverable", FAILED),
	LIKELY("could not send", FAILED), LIKELY("returned to sender", FAILED),
	LIKELY("mail system error", FAILED),
	LIKELY("error sending your mail", FAILED),
	LIKELY("delayed", DELAYED), LIKELY("delivery delay", DELAYED),
	LIKELY("warning: could not send", DELAYED),
	LIKELY("nicht zugestellt", FAILED), LIKELY("non remis", FAILED),
	LIKELY("no entregado", FAILED), LIKELY("mancato recapito", FAILED),
	LIKELY("niedostarcz", FAILED), LIKELY("nedoru\304\215", FAILED),
};
const size_t nsubjects = COUNT(subjects);

const struct span endings[] = {
	SPAN_INIT("below this line is a copy of the message"),
	SPAN_INIT("enclosed is a copy of the message"),
	SPAN_INIT("this is a copy of the message"),
	SPAN_INIT("this is a copy of your message"),
	SPAN_INIT("this is the message, including all the headers"),
	SPAN_INIT("the body of the message is"),
	SPAN_INIT("original message follows"),
	SPAN_INIT("original message header"),
	SPAN_INIT("original message headers"),
	SPAN_INIT("original message -"),
	SPAN_INIT("original message:"),
	SPAN_INIT("original mail as follows"),
	SPAN_INIT("message headers follow"),
	SPAN_INIT("message header follows"),
	SPAN_INIT("headers of the original message"),
	SPAN_INIT("the header of the original message"),
	SPAN_INIT("included is a copy of the message header"),
	SPAN_INIT("below is a copy of the original message"),
	SPAN_INIT("below is a copy of the message"),
	SPAN_INIT("unsent message follows"),
	SPAN_INIT("unsent message below"),
	SPAN_INIT("message text follows"),
	SPAN_INIT("returned message"),
	SPAN_INIT("returned mail follows"),
	SPAN_INIT("the original message follows"),
	SPAN_INIT("your original message follows"),
	SPAN_INIT("your message is attached"),
	SPAN_INIT("undelivered message follows"),
	SPAN_INIT("returned header follows"),
	SPAN_INIT("header of the original"),
	SPAN_INIT("copy of your message follows"),
	SPAN_INIT("copy of the original message"),
	SPAN_INIT("begin of original message"),
	SPAN_INIT("end of message"),
	SPAN_INIT("the following is the original message"),
	SPAN_INIT("urspr\303\274ngliche nachricht"),
	SPAN_INIT("original mail info"),
	SPAN_INIT("if you know the general guide"),
};
const size_t nendings = COUNT(endings);

const struct span lead_ins[] = {
	SPAN_INIT("error delivering your mail to"),
	SPAN_INIT("deliver your message to"),
	SPAN_INIT("deliver the message to"),
	SPAN_INIT("deliver message to"),
	SPAN_INIT("deliver mail to"),
	SPAN_INIT("could not deliver to"),
	SPAN_INIT("deliver to"),
	SPAN_INIT("delivered to"),
	SPAN_INIT("delivery to"),
	SPAN_INIT("following recipient"),
	SPAN_INIT("following address"),
	SPAN_INIT("unknown user"),
	SPAN_INIT("user unknown"),
	SPAN_INIT("no such user"),
	SPAN_INIT("exceeds allowed size"),
	SPAN_INIT("final delivery userid"),
	SPAN_INIT("failed 20 attempts"),
	SPAN_INIT("mailbox is full"),
	SPAN_INIT("rejected recipient"),
	SPAN_INIT("failed recipient"),
	SPAN_INIT("recipient address"),
	SPAN_INIT("recipient:"),
	SPAN_INIT("recipients:"),
	SPAN_INIT("mailing list <"),
	SPAN_INIT("message-id in <"),
	SPAN_INIT("rcpt to:"),
	SPAN_INIT("address: <"),
	SPAN_INIT("your message to"),
	SPAN_INIT("message you sent to"),
	SPAN_INIT("mail to"),
	SPAN_INIT("zugestellt an"),
	SPAN_INIT("empf\303\244nger"),
	SPAN_INIT("destinataire"),
	SPAN_INIT("destinatario"),
};
const size_t nlead_ins = COUNT(lead_ins);

const struct span reason_marks[] = {
	SPAN_INIT("the error that the other server returned was:"),
	SPAN_INIT("technical details of permanent failure:"),
	SPAN_INIT("technical details of temporary failure:"),
	SPAN_INIT("failed for the following reason:"),
	SPAN_INIT("error message below:"),
	SPAN_INIT("diagnostic code:"),
	SPAN_INIT("remote host said:"),
	SPAN_INIT("server message"),
	SPAN_INIT("delay reason:"),
	SPAN_INIT("because:"),
	SPAN_INIT("reason:"),
};
const size_t nreason_marks = COUNT(reason_marks);

const struct span trailers[] = {
	SPAN_INIT("giving up on "),
	SPAN_INIT("i'm not going to try again"),
	SPAN_INIT("[rcpt_to]"), SPAN_INIT("[data]"), SPAN_INIT("[mail_from]"),
	SPAN_INIT("no action is required on your part"),
	SPAN_INIT("message will be retried for"),
	SPAN_INIT("this has been a permanent failure"),
	SPAN_INIT("for other details, see the local mail logfile"),
	SPAN_INIT("the mail system"),
	SPAN_INIT("--"), SPAN_INIT("**"), SPAN_INIT("__"),
};
const size_t ntrailers = COUNT(trailers);

const struct span other_labels[] = {
	SPAN_INIT("to:"), SPAN_INIT("from:"), SPAN_INIT("cc:"),
	SPAN_INIT("bcc:"), SPAN_INIT("reply-to:"), SPAN_INIT("sender:"),
	SPAN_INIT("subject:"), SPAN_INIT("sent:"), SPAN_INIT("date:"),
	SPAN_INIT("message-id:"), SPAN_INIT("message id:"),
	SPAN_INIT("return-path:"), SPAN_INIT("mail from:"),
	SPAN_INIT("in-reply-to:"), SPAN_INIT("received:"),
	SPAN_INIT("from "), SPAN_INIT("for further assistance"),
	SPAN_INIT("original-envelope-id:"), SPAN_INIT("von:"),
	SPAN_INIT("an:"), SPAN_INIT("betreff:"), SPAN_INIT("de :"),
	SPAN_INIT("http://"), SPAN_INIT("https://"),
};
const size_t nother_labels = COUNT(other_labels);

const struct span server_marks[] = {
	SPAN_INIT("while talking to "),
	SPAN_INIT("remote server at "),
	SPAN_INIT("receiving server: "),
	SPAN_INIT("remote system: dns; "),
	SPAN_INIT("connected to "),
	SPAN_INIT("connect to "),
	SPAN_INIT("smtp server <"),
	SPAN_INIT("host: "),
	SPAN_INIT("host "),
	SPAN_INIT("server "),
	SPAN_INIT(" by "),
};
const size_t nserver_marks = COUNT(server_marks);

const struct span machine_names[] = {
	SPAN_INIT("mailer-daemon"), SPAN_INIT("mailerdaemon"),
	SPAN_INIT("mailer_daemon"), SPAN_INIT("mail-daemon"),
	SPAN_INIT("maildaemon"), SPAN_INIT("postmaster"),
	SPAN_INIT("post_master"), SPAN_INIT("mail.delivery.system"),
	SPAN_INIT("mdaemon"), SPAN_INIT("mmdf"), SPAN_INIT("smtp-daemon"),
	SPAN_INIT("double-bounce"), SPAN_INIT("bounce-daemon"),
	SPAN_INIT("maildelivery"), SPAN_INIT("microsoftexchange"),
};
const size_t nmachine_names = COUNT(machine_names);

const struct span robot_names[] = {
	SPAN_INIT("no-reply"), SPAN_INIT("noreply"), SPAN_INIT("no_reply"),
	SPAN_INIT("donotreply"), SPAN_INIT("do-not-reply"), SPAN_INIT("root"),
	SPAN_INIT("mailer"), SPAN_INIT("bounce"), SPAN_INIT("sysadmin"),
};
const size_t nrobot_names = COUNT(robot_names);

const struct span recipient_labels[] = {
	SPAN_INIT("recipient address:"), SPAN_INIT("recipient:"),
	SPAN_INIT("failed recipient:"), SPAN_INIT("final-recipient:"),
	SPAN_INIT("rcpt to:"), SPAN_INIT("could not be delivered to:"),
	SPAN_INIT("unknown user:"), SPAN_INIT("empf\303\244nger:"),
	SPAN_INIT("\345\256\233\345\205\210:"),	/* atesaki */
	SPAN_INIT("\345\256\233\345\205\210\357\274\232"),
};
const size_t nrecipient_labels = COUNT(recipient_labels);

/* Can a begin like b, which is not empty? Tells most of them apart. */
static bool
may_begin(const char *a, struct span b)
{
	return ((*a ^ *b.p) & ~('a' ^ 'A')) == 0;
}

const struct span *
words_at_start(struct span s, const struct span *words, size_t n)
{
	if (s.len == 0)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (may_begin(s.p, words[i]) &&
		    span_starts_nocase(s, words[i]))
			return &words[i];
	return NULL;
}

const struct span *
words_inside(struct span s, const struct span *words, size_t n, size_t *at)
{
	bool begins[UCHAR_MAX + 1] = { false };
	size_t best = n;

	for (size_t i = 0; i < n; i++) {
		begins[(unsigned char)words[i].p[0]] = true;
		begins[(unsigned char)words[i].p[0] ^ ('a' ^ 'A')] = true;
	}
	/* What stands first in the table wins, wherever it stands in s. */
	for (size_t from = 0; from < s.len && best > 0; from++) {
		if (!begins[(unsigned char)s.p[from]])
			continue;
		for (size_t i = 0; i < best; i++)
			if (may_begin(s.p + from, words[i]) &&
			    span_starts_nocase(span_from(s, from), words[i])) {
				best = i;
				*at = from;
			}
	}
	return best < n ? &words[best] : NULL;
}
