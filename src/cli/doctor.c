/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * whybounce doctor - what keeps an installation from working, each finding
 * with the command that mends it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/postfix.h"
#include "cli/probe.h"
#include "cli/visit.h"

#define SLOW 1.0		/* seconds for one mail that are too many */

static void
check_daemon(struct visit *visit)
{
	const char *socket = visit->settings->socket;
	struct probe probe;

	probe_run(&probe, socket, VISIT_TIMEOUT);
	if (!probe.connected && visit->elsewhere) {
		visit_remark("no whybounced listens on %s, but Postfix does "
		    "not ask there", socket);
	} else if (probe.denied) {
		visit_fault(visit, "you may not connect to %s", socket);
		visit_mend("run whybounce doctor as root");
	} else if (!probe.connected) {
		visit_fault(visit, "whybounced does not listen on %s: %s",
		    socket, probe.error);
		visit_mend("systemctl start whybounced, or: whybounced -c %s",
		    visit_settings_file(visit));
	} else if (!probe.answered) {
		visit_fault(visit, "whybounced on %s does not answer: %s",
		    socket, probe.error);
		visit_mend("systemctl restart whybounced");
	} else if (!probe.annotated) {
		visit_fault(visit, "whybounced on %s left a test bounce alone",
		    socket);
		visit_mend("see `annotate` in its settings, and its log");
	} else if (probe.seconds > SLOW) {
		visit_fault(visit, "whybounced took %.1f seconds for a test "
		    "bounce", probe.seconds);
		visit_mend("look at the load of the machine, and at its log");
	} else {
		visit_good("whybounced on %s explained a test bounce in "
		    "%.0f ms", socket, probe.seconds * 1000);
	}
}

int
command_doctor(int argc, char **argv)
{
	struct visit visit = { .faults = 0 };
	const char *path = NULL;
	struct settings *settings;

	for (int i = 1; i < argc; i++) {
		if (i + 1 == argc)
			return cli_usage("doctor");
		if (strcmp(argv[i], "-c") == 0)
			path = argv[++i];
		else if (strcmp(argv[i], "-p") == 0)
			visit.postfix = argv[++i];
		else
			return cli_usage("doctor");
	}
	settings = cli_settings(path);
	if (settings == NULL)
		return EXIT_FAILURE;
	visit.settings = settings;
	visit_good("settings %s", settings->path != NULL ? settings->path :
	    "(built-in)");
	postfix_check(&visit);
	check_daemon(&visit);
	printf("%s\n", visit.faults == 0 ? "nothing is wrong" :
	    "mend what is marked FAULT, then run this again");
	settings_free(settings);
	return visit.faults == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
