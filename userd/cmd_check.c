// SPDX-License-Identifier: GPL-2.0
/* tern check: can this process move? */
#include <errno.h>
#include <getopt.h>
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

static int check(struct tern_client *client, int pid, unsigned int flags)
{
	static char reasons[REASONS];
	unsigned int nr, shown;
	int rc;

	rc = tern_client_check(client, pid, flags, &nr, reasons, sizeof(reasons));
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
	static const struct option options[] = {
		{ "stdio", required_argument, NULL, 's' },
		{ "with-files", no_argument, NULL, 'f' },
		{ "tcp-close", no_argument, NULL, 't' },
		{ },
	};
	struct tern_client *client;
	unsigned int flags = 0;
	int opt, pid, rc = 0;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 's':
			rc = parse_stdio(&cmd_check, optarg, &flags);
			break;
		case 'f':
			flags |= TERN_WITH_FILES;
			break;
		case 't':
			flags |= TERN_TCP_CLOSE;
			break;
		default:
			rc = EXIT_USAGE;
		}
		if (rc)
			return rc;
	}
	if (argc - optind != 1)
		return usage(&cmd_check, "check takes one process or pod");
	rc = find_process(&cmd_check, argv[optind], &pid);
	if (rc)
		return rc;
	rc = open_client(&client);
	if (rc)
		return rc;
	rc = check(client, pid, flags);
	tern_client_close(client);
	return rc;
}

const struct command cmd_check = {
	.name = "check",
	.args = "PID|POD [--stdio=null] [--with-files] [--tcp-close]",
	.help = "tell whether a process can move, and what is in the way",
	.text = "Walks the process without stopping it and prints one line per thing that\n"
		"cannot move, with the descriptor, address or thread that it concerns; so for\n"
		"all its descendants, which would move with it.\n"
		"\n"
		"  --stdio=null, --with-files, --tcp-close   as if it were moved so: see\n"
		"                 \"tern help migrate\"\n"
		"\n"
		"Exit status: 0 it can move, 1 it cannot, 2 it could not be checked.\n"
		"\n"
		"Example:\n"
		"  tern check $(pidof xz)\n",
	.run = run,
};
