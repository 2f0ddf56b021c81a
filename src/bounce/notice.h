/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The notice in the text of a bounce: where it ends and the returned message,
 * or what an answer quotes, begins.
 */
#ifndef BOUNCE_NOTICE_H
#define BOUNCE_NOTICE_H

#include "base/span.h"

/*
 * Splits text (UTF-8) into the notice, which text becomes, and the returned
 * message at its end, which is returned: absent if there is none. Quoted
 * lines end the notice as well: what an answer quotes is not its own.
 */
struct span notice_cut(struct span *text);

#endif
