/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/current.h"

#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct held_settings *current;

/* Gives up one hold; called without the lock. */
void
current_release(struct held_settings *held)
{
	bool last;

	if (held == NULL)
		return;
	pthread_mutex_lock(&lock);
	last = --held->holders == 0;
	pthread_mutex_unlock(&lock);
	if (!last)
		return;
	settings_free(held->settings);
	free(held);
}

bool
current_replace(struct settings *settings)
{
	struct held_settings *next = NULL, *old;

	if (settings != NULL) {
		next = calloc(1, sizeof(*next));
		if (next == NULL)
			return false;
		next->settings = settings;
		next->holders = 1;	/* by being in force */
	}
	pthread_mutex_lock(&lock);
	old = current;
	current = next;
	pthread_mutex_unlock(&lock);
	current_release(old);
	return true;
}

struct held_settings *
current_hold(void)
{
	struct held_settings *held;

	pthread_mutex_lock(&lock);
	held = current;
	if (held != NULL)
		held->holders++;
	pthread_mutex_unlock(&lock);
	return held;
}
