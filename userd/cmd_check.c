// SPDX-License-Identifier: GPL-2.0
/* tern check: can this process move? */
#include <errno.h>
#include <string.h>

#include "tern.h"

#define REASONS	(256 << 10)

static unsigned int count_lines(const char *text)
{
	unsigned int n = 0;

	while ((text = strchr(text, '\n'))) {
		text++;
		n++;
	}
	return n;
}

static int check(struct tern_client *client, int pid)
{
	static char reasons[REASONS];
	unsigned int nr, shown;
	int rc;

	rc = tern_client_check(client, pid, &nr, reasons, sizeof(reasons));
	if (rc) {
		char what[32];

		snprintf(what, sizeof(what), "process %d", pid);
		return complain(client, rc, what);
	}
	if (!nr) {
		printf("process %d can move\n", pid);
		return EXIT_DONE;
	}
	fputs(reasons, stdout);
	shown = count_lines(reasons);
	if (shown < nr)
		printf("… and %u more\n", nr - shown);
	return EXIT_NOT;
}

static int run(int argc, char **argv)
{
	struct tern_client *client;
	int pid, rc;

	if (argc != 2)
		return usage(&cmd_check, "check takes one process id");
	if (parse_pid(argv[1], &pid))
		return usage(&cmd_check, "\"%s\" is no process id", argv[1]);
	rc = open_client(&client);
	if (rc)
		return rc;
	rc = check(client, pid);
	tern_client_close(client);
	return rc;
}

const struct command cmd_check = {
	.name = "check",
	.args = "PID",
	.help = "tell whether a process can move, and what is in the way",
	.text = "Walks the process without stopping it and prints one line per thing that\n"
		"cannot move, with the descriptor, address or thread that it concerns.\n"
		"\n"
		"Exit status: 0 it can move, 1 it cannot, 2 it could not be checked.\n"
		"\n"
		"Example:\n"
		"  tern check $(pidof xz)\n",
	.run = run,
};
