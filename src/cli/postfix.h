/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What keeps a Postfix from handing bounces to whybounced.
 */
#ifndef CLI_POSTFIX_H
#define CLI_POSTFIX_H

#include "cli/visit.h"

/* Looks at main.cf, master.cf, the chroot and the socket's rights. */
void postfix_check(struct visit *visit);

#endif
