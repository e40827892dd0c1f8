// SPDX-License-Identifier: GPL-2.0
/*
 * tern prepare: have the other host lay a process out, and leave it at that
 * until "tern migrate" asks for the rest.
 */
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "tern.h"

#define ASK_MS	500

static int conclude(const struct tern_info_migration *m, bool json)
{
	if (json) {
		print_json(stdout, m);
		putchar('\n');
	}
	if (m->state != TERN_PREPARED) {
		fprintf(stderr, "tern: process %d cannot be prepared, it runs on: %s\n", m->pid,
			m->reason[0] ? m->reason : strerror(m->error));
		return EXIT_NOT;
	}
	if (!json)
		printf("process %d is laid out on host %s, and runs on here: \"tern migrate\" moves it,\n"
		       "\"tern abort " ID_FMT "\" forgets it\n",
		       m->pid, m->host, (unsigned long long)m->id);
	return EXIT_DONE;
}

static int follow(struct tern_client *client, __u64 id, bool json)
{
	struct tern_info_migration m = { .state = TERN_REQUESTED };

	for (;;) {
		int rc = tern_client_next(client, &m, ASK_MS);

		if (rc == -ETIMEDOUT || rc == -ENOBUFS)
			rc = tern_client_get(client, id, &m);
		if (rc == -EINTR)
			continue;
		if (rc)
			return complain(client, rc, "following the preparation");
		if (m.id == id && (m.state == TERN_PREPARED || tern_state_is_final(m.state)))
			return conclude(&m, json);
	}
}

static int prepare(struct tern_client *client, int pid, const char *host, unsigned int flags,
		   bool json)
{
	char what[32];
	__u64 id;
	int rc;

	snprintf(what, sizeof(what), "process %d", pid);
	rc = tern_client_subscribe(client);
	if (rc)
		return complain(client, rc, "events");
	rc = tern_client_migrate(client, pid, host, flags | TERN_HOLD, &id);
	if (rc) {
		complain(client, rc, what);
		return rc == -EALREADY || rc == -ENOTCONN ? EXIT_NOT : EXIT_USAGE;
	}
	return follow(client, id, json);
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "stdio", required_argument, NULL, 's' },
		{ "with-files", no_argument, NULL, 'f' },
		{ "tcp-close", no_argument, NULL, 't' },
		{ "mode", required_argument, NULL, 'm' },
		{ "json", no_argument, NULL, 'j' },
		{ },
	};
	struct tern_client *client;
	unsigned int flags = 0;
	bool json = false;
	int opt, pid, rc = 0;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 's':
			rc = parse_stdio(&cmd_prepare, optarg, &flags);
			break;
		case 'f':
			flags |= TERN_WITH_FILES;
			break;
		case 't':
			flags |= TERN_TCP_CLOSE;
			break;
		case 'm':
			rc = parse_mode(&cmd_prepare, optarg, &flags);
			break;
		case 'j':
			json = true;
			break;
		default:
			rc = EXIT_USAGE;
		}
		if (rc)
			return rc;
	}
	if ((flags & TERN_LAZY) && (flags & TERN_HYBRID))
		return usage(&cmd_prepare, "--mode=lazy and --mode=hybrid exclude each other");
	if (argc - optind != 2)
		return usage(&cmd_prepare, "prepare takes a process or pod, and a host");
	rc = find_process(&cmd_prepare, argv[optind], &pid);
	if (rc)
		return rc;
	rc = open_client(&client);
	if (rc)
		return rc;
	rc = prepare(client, pid, argv[optind + 1], flags, json);
	tern_client_close(client);
	return rc;
}

const struct command cmd_prepare = {
	.name = "prepare",
	.args = "PID|POD HOST [--stdio=null] [--with-files] [--tcp-close] [--mode=MODE] [--json]",
	.help = "have another host lay a process out, to move it later",
	.text = "The other host makes the process's memory map, opens its files and reserves its\n"
		"ids; the process runs on here, and what it changes is followed. A \"tern migrate\"\n"
		"of the same process to the same host then begins with that. \"tern migrate\"\n"
		"prepares by itself, too, so this pays where the moment matters and is known\n"
		"beforehand. Ends when all is ready; \"tern abort\" forgets it.\n"
		"\n"
		"  --stdio=null   standard descriptors that cannot move become /dev/null\n"
		"  --with-files   local files that it has open go with it: as for \"tern migrate\"\n"
		"  --tcp-close    its TCP connections on the host's own address are reset then\n"
		"  --mode=MODE    lazy, hybrid or auto: as for \"tern migrate\"\n"
		"  --json         print one JSON object at the end, and nothing else\n"
		"\n"
		"Exit status: 0 prepared, 1 it cannot be, 2 usage, or nothing could be asked.\n"
		"\n"
		"Example:\n"
		"  tern prepare 1234 b && sleep 60 && tern migrate 1234 b\n",
	.run = run,
};
