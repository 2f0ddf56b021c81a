/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IP addresses in what a server answered.
 */
#ifndef CAUSE_IP_H
#define CAUSE_IP_H

#include "base/span.h"

/*
 * Returns the one IP address that stands in a text, IPv4 or IPv6, as it is
 * written there; absent if there is none, or several. Addresses inside a name
 * do not count, nor those of the host itself: block lists answer with them.
 */
struct span ip_alone(struct span text);

#endif
