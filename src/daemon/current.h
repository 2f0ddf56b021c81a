/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The settings in force. Whoever works on a mail holds the ones it began
 * with; a reload puts new ones in their place without waiting.
 */
#ifndef DAEMON_CURRENT_H
#define DAEMON_CURRENT_H

#include "app/settings.h"

/* Settings with the number of those who hold them. */
struct held_settings {
	struct settings *settings;
	unsigned holders;
};

/* Puts settings in force, which are owned from here on; the old ones go when
 * nobody holds them any more. NULL: there are none from now on. Returns false,
 * and leaves all as it was, without memory. */
bool current_replace(struct settings *settings);

/* Returns the settings in force, held until current_release(). */
struct held_settings *current_hold(void);
void current_release(struct held_settings *held);

#endif
