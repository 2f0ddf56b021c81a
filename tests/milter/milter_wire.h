/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of a milter client: its connection, and packets on it. For the
 * milter_*.c only.
 */
#ifndef MILTER_WIRE_H
#define MILTER_WIRE_H

#include "milter_client.h"

#include "bytes.h"

#define WIRE_SYMLISTS (SMFIM_EOH + 1)

struct milter_client {
	int fd;				/* -1: closed */
	int timeout_ms;
	size_t pace_bytes;		/* 0: no pauses */
	int pace_us;
	struct milter_options agreed;
	char *symlists[WIRE_SYMLISTS];
	struct bytes out;		/* waits to be sent */
	struct bytes packet;		/* the one that is being made */
	struct bytes in;		/* has come, read up to in_pos */
	size_t in_pos;
	struct milter_changes changes;
	size_t changes_size;
	struct bytes body;		/* changes.body */
	struct bytes reply_text;
	char error[256];
};

struct wire_packet {
	int kind;		/* SMFIR_ or SMFIC_OPTNEG */
	const char *data;	/* in c->in, valid until more is read */
	size_t len;
};

/* Waits for the next packet. */
int	wire_read(struct milter_client *, struct wire_packet *);

/* Notes what went wrong; returns MILTER_FAILED. */
int	wire_fail(struct milter_client *, const char *format, ...)
	    __attribute__((format(printf, 2, 3)));

#endif
