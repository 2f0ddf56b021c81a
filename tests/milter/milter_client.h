/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter_client - the MTA's side of the milter protocol, for tests and bench.
 *
 *	milter_message	a mail: headers and body
 *	milter_changes	what a milter asked to change in it
 *	milter_client	a connection to a milter, one function a command
 *	milter_transact	a whole mail, sent the way Postfix sends it
 *
 * Commands, replies and flags have libmilter's names (SMFIC_MAIL, SMFIR_ACCEPT,
 * SMFIP_NR_HDR, SMFIF_ADDHDRS). There is no global state; a struct belongs to
 * one thread at a time. Functions that return int give 0, or -1 on failure,
 * unless they say that they return a reply. What went wrong on a connection is
 * in milter_client_error(). All strings are copied.
 */
#ifndef MILTER_CLIENT_H
#define MILTER_CLIENT_H

#include <stdbool.h>	/* first: mfapi.h has a bool of its own */
#include <stddef.h>
#include <stdint.h>

#include <libmilter/mfapi.h>
#include <libmilter/mfdef.h>

/*
 * Messages
 */

struct milter_header {
	char *name;	/* without the colon */
	char *value;	/* all that follows the colon, leading space too; */
			/* a folded value has LF + blank, no last line end */
};

struct milter_message {
	struct milter_header *headers;
	size_t nheaders;
	char *body;	/* lines end in CRLF; may hold NUL; not terminated */
	size_t body_len;
};

/*
 * Reads a mail with LF or CRLF line ends. A first line "From ..." (mbox) is
 * skipped. The body starts after the empty line, or at the first line that is
 * no header. CR before LF and NUL are dropped in headers; in the body LF
 * becomes CRLF and all else stays. Never fails on content: -1 is out of memory
 * (or, for _read, errno from the file). Release what comes out; after a
 * failure there is nothing to release.
 */
int	milter_message_parse(struct milter_message *, const char *bytes,
	    size_t len);
int	milter_message_read(struct milter_message *, const char *path);
void	milter_message_release(struct milter_message *);

/*
 * The mail as bytes, with LF or CRLF line ends; the caller frees them. NULL
 * when out of memory. With CRLF, parsing them gives the same message again;
 * with LF, unless a line of the body ends in CR CRLF.
 */
char	*milter_message_format(const struct milter_message *, bool crlf,
	    size_t *len);

/* True if names, values and body are the same, byte for byte. */
bool	milter_message_equal(const struct milter_message *,
	    const struct milter_message *);

/*
 * Changes
 */

struct milter_change {
	int kind;	/* SMFIR_ADDHEADER, _INSHEADER, _CHGHEADER, _CHGFROM, */
			/* _ADDRCPT, _ADDRCPT_PAR, _DELRCPT, _QUARANTINE */
	uint32_t index;	/* as sent; 0 if the kind has none */
	char *name;	/* header name, address, or reason of quarantine */
	char *value;	/* header value ("" deletes), ESMTP arguments, or "" */
};

struct milter_changes {
	struct milter_change *list;	/* all but the body, in their order */
	size_t n;
	const char *body;	/* the new body exactly as it was sent */
	size_t body_len;
	size_t body_chunks;	/* 0: the body stays as it is */
	bool body_split;	/* another request came between two chunks: */
				/* Postfix defers such a mail */
	size_t progress;	/* how often "still at work" was said */
	bool leadspc;		/* values bring their own leading space */
};

enum milter_mta { MILTER_POSTFIX, MILTER_SENDMAIL };

/*
 * Makes `out` the message that the MTA would deliver of `in`; both are released
 * by the caller. The MTA's own Received header is no part of a message here
 * (no milter sees it), but it has its place when headers are inserted: index 0
 * is above it, 1 below it.
 *
 * Both MTAs: an index counts from 1 among the headers of that name, 0 is taken
 * for 1, and a change of a header that is not there adds it.
 *	Postfix	 deleting moves later ones up; new headers go to the end;
 *		 a last body line without a line end gets one.
 *	Sendmail deleting leaves an empty place that still counts and can be
 *		 changed back into a header; a new header goes before the first
 *		 of its name, else to the end. (Headers that Sendmail makes
 *		 itself are not modelled: insert at 0 or 1 only.)
 *
 * Changes of the envelope are not a message's and are left out.
 */
int	milter_changes_apply(const struct milter_changes *, enum milter_mta,
	    const struct milter_message *in, struct milter_message *out);

/*
 * Connections
 */

/* Besides the SMFIR_ replies, a command may give: */
enum {
	MILTER_FAILED = -1,	/* see milter_client_error() */
	MILTER_NO_REPLY = 0	/* not sent, or sent and not to be answered */
};

struct milter_client;

/* Not connected yet. NULL when out of memory. Free(NULL) does nothing. */
struct milter_client *milter_client_new(void);
void	milter_client_free(struct milter_client *);

/* What failed last, for people; "" if nothing. Valid until the next call. */
const char *milter_client_error(const struct milter_client *);

/*
 * How long to wait for a connection, for a reply, or for a send to go forward.
 * 60,000 ms at first. "Still at work" starts the wait for a reply anew.
 */
void	milter_client_set_timeout(struct milter_client *, int ms);

/* Send that many bytes at a time with a pause after each; 0 bytes: at once. */
void	milter_client_set_pace(struct milter_client *, size_t bytes,
	    int pause_us);

/*
 * Connects to "unix:/path", "local:/path", "inet:PORT@HOST", "inet6:PORT@HOST"
 * or "inet:PORT" (127.0.0.1). A connection that was open is closed first.
 * Close drops the connection without a word (see milter_client_quit); closing
 * what is closed does nothing.
 */
int	milter_client_open(struct milter_client *, const char *socket);
void	milter_client_close(struct milter_client *);

struct milter_options {
	uint32_t version;	/* 2 to 6 */
	uint32_t actions;	/* SMFIF_ */
	uint32_t steps;		/* SMFIP_ */
};

/* What today's MTA offers, in braces. */
#define MILTER_OFFER_ALL { SMFI_PROT_VERSION, SMFI_CURR_ACTS, SMFI_CURR_PROT }

/*
 * Offers these options. Fails if the milter's answer is not within them. The
 * commands below keep to what was agreed: a step that the milter or the version
 * rules out is not sent (MILTER_NO_REPLY), one with SMFIP_NR_ is not waited
 * for, header values keep their first space only with SMFIP_HDR_LEADSPC.
 */
int	milter_client_negotiate(struct milter_client *,
	    const struct milter_options *offer);
const struct milter_options *milter_client_agreed(
	    const struct milter_client *);

/* The macros that the milter wants at SMFIM_...; NULL if it did not say. */
const char *milter_client_symlist(const struct milter_client *, int stage);

struct milter_macro {
	const char *name;	/* "i", "{client_addr}" */
	const char *value;
};

/*
 * Defines macros for a command (SMFIC_), replacing those defined for it before.
 * Of a stage with a symlist only its names are sent. Nothing is sent if none is
 * left. Like Postfix, also sends those of a step that the milter ruled out.
 */
int	milter_client_macros(struct milter_client *, int command,
	    const struct milter_macro *, size_t n);

/*
 * The commands. Each returns the final reply to it (SMFIR_), MILTER_NO_REPLY or
 * MILTER_FAILED. What needs no reply is sent together with the next that does.
 *
 * A reply fails if Postfix or Sendmail would call it a fault: unknown, not
 * allowed at that point, not negotiated, wrongly put together, a header with
 * lines that do not belong to it; also bytes that nothing asked for.
 *
 * connect: the address is IPv4, IPv6 (has ':'), a path (has '/') or NULL for
 * unknown. mail and rcpt: the address is sent as it stands, with or without
 * angle brackets; args are ESMTP arguments up to a NULL, or NULL.
 */
int	milter_client_connect(struct milter_client *, const char *name,
	    const char *address, uint16_t port);
int	milter_client_helo(struct milter_client *, const char *name);
int	milter_client_mail(struct milter_client *, const char *sender,
	    const char *const *args);
int	milter_client_rcpt(struct milter_client *, const char *recipient,
	    const char *const *args);
int	milter_client_data(struct milter_client *);
int	milter_client_unknown(struct milter_client *, const char *line);
int	milter_client_header(struct milter_client *,
	    const struct milter_header *);
int	milter_client_eoh(struct milter_client *);

/*
 * Sends the body in chunks of that many bytes (0: 65,535, as MTAs do) until all
 * is sent or the milter answers anything but SMFIR_CONTINUE, SMFIR_SKIP too.
 */
int	milter_client_body(struct milter_client *, const char *bytes,
	    size_t len, size_t chunk);

/* After it, milter_client_changes() is what the milter asked for. */
int	milter_client_eom(struct milter_client *);

/*
 * Abort the message; end the connection; end the SMTP session but keep the
 * connection for the next. Not answered; abort and quit_nc are sent together
 * with what follows, quit is sent and the connection closed.
 */
int	milter_client_abort(struct milter_client *);
int	milter_client_quit(struct milter_client *);
int	milter_client_quit_nc(struct milter_client *);

/*
 * Changes to the message since milter_client_mail() (or _connect) was called
 * last. Belongs to the client, valid until its next command.
 */
const struct milter_changes *milter_client_changes(
	    const struct milter_client *);

/* The text of the last SMFIR_REPLYCODE, "550 5.7.1 ..."; else "". */
const char *milter_client_reply_text(const struct milter_client *);

/*
 * For breaking the protocol. send: a packet, whatever was agreed. send_raw:
 * bytes as they are. Both wait for the next flush or reply to go out.
 * reply: waits for the final reply as to that command. wait_close: sends what
 * waits, drops what comes, 0 when the milter closed or reset the connection,
 * -1 if it had not within the timeout.
 */
void	milter_client_send(struct milter_client *, int command,
	    const void *bytes, size_t len);
void	milter_client_send_raw(struct milter_client *, const void *bytes,
	    size_t len);
int	milter_client_flush(struct milter_client *);
int	milter_client_reply(struct milter_client *, int command);
int	milter_client_wait_close(struct milter_client *);

/*
 * Whole mails
 */

struct milter_envelope {
	const char *client_name;
	const char *client_address;	/* as for milter_client_connect */
	uint16_t client_port;
	const char *helo;
	const char *sender;
	const char *const *recipients;
	size_t nrecipients;
	const char *queue_id;		/* macro i; NULL: none */
	const struct milter_macro *macros;	/* sent with every command */
	size_t nmacros;
	size_t chunk;			/* of the body; 0: 65,535 bytes */
};

/* A bounce ("<>") from 192.0.2.25 to <user@example.org>, queue id 4XyZ1. */
void	milter_envelope_init(struct milter_envelope *);

struct milter_outcome {
	int reply;	/* what decided; SMFIR_CONTINUE: passed to the end */
	int command;	/* the one that it answered; SMFIC_BODYEOB at the end */
	bool skipped;	/* the rest of the body was skipped */
};

/*
 * Connect and helo, with macros. The outcome's command is SMFIC_HELO if both
 * passed. 0 if there is an outcome, -1 if not.
 */
int	milter_session(struct milter_client *, const struct milter_envelope *,
	    struct milter_outcome *);

/*
 * Mail to end of message the way Postfix sends them: macros before each header
 * and body chunk too, macro i only after a recipient was accepted. A refused
 * recipient is left out; if none is left, that is the outcome. A message that
 * is decided before its end is aborted, so that the next can follow. 0 if there
 * is an outcome, -1 if not.
 */
int	milter_transact(struct milter_client *, const struct milter_envelope *,
	    const struct milter_message *, struct milter_outcome *);

/* "accept" for SMFIR_ACCEPT; "eom" for SMFIC_BODYEOB; "?" if unknown. */
const char *milter_reply_name(int reply);
const char *milter_command_name(int command);

#endif
