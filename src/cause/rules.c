/* SPDX-License-Identifier: BSD-2-Clause */
#include "cause/rules.h"

#include <string.h>

const char *const fix_names[] = {
	"sender", "recipient", "sender-admin", "recipient-admin", "admins",
	"list-owner", "nobody"
};

const char *const again_names[] = {
	"useless", "after-fix", "later", "once", "automatic"
};

const char *const stop_names[] = {
	"you", "our-server", "way", "their-server", "mailbox"
};

const char *const rule_parameter_names[RULE_PARAMETERS] = {
	"list", "ip", "limit", "size", "domain", "address", "time"
};

const struct cause *
cause_by_id(const struct cause *causes, size_t ncauses, const char *id)
{
	for (size_t i = 0; i < ncauses; i++)
		if (causes[i].id[0] == id[0] && strcmp(causes[i].id, id) == 0)
			return &causes[i];
	return NULL;
}
