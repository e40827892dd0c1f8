// SPDX-License-Identifier: GPL-2.0
/* tern abort: the process shall stay where it is. */
#include <getopt.h>

#include "tern.h"

/* What cannot be aborted is told here, for the daemon can only ignore it. */
static int refuse(const struct tern_info_migration *m, bool force)
{
	if (tern_state_is_final(m->state)) {
		fprintf(stderr, "tern: migration " ID_FMT " has ended (%s)\n",
			(unsigned long long)m->id, tern_state_name(m->state));
		return EXIT_NOT;
	}
	if (force)
		return 0;
	if (m->state == TERN_DOUBT) {
		fprintf(stderr, "tern: in doubt: host %s may be running the process, and ternd asks until it answers.\n"
			"If you know that it does not run there: tern abort " ID_FMT " --force\n",
			m->host, (unsigned long long)m->id);
		return EXIT_DOUBT;
	}
	if (m->state == TERN_COMMITTED || m->state == TERN_PAGING) {
		fprintf(stderr, "tern: too late: the process has moved, it can only be moved back\n");
		return EXIT_NOT;
	}
	return 0;
}

static int stop(struct tern_client *client, const char *text, bool force)
{
	struct tern_info_migration m;
	__u64 id;
	int rc;

	rc = find_id(client, text, &id);
	if (rc)
		return rc;
	rc = tern_client_get(client, id, &m);
	if (rc)
		return complain(client, rc, text);
	rc = refuse(&m, force);
	if (rc)
		return rc;
	rc = tern_client_abort(client, id, force);
	if (rc)
		return complain(client, rc, text);
	printf("asked to stop; \"tern status " ID_FMT "\" shows what became of it\n",
	       (unsigned long long)id);
	return EXIT_DONE;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "force", no_argument, NULL, 'f' },
		{ },
	};
	struct tern_client *client;
	bool force = false;
	int opt, rc;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt != 'f')
			return EXIT_USAGE;
		force = true;
	}
	if (argc - optind != 1)
		return usage(&cmd_abort, "abort takes one id");
	rc = open_client(&client);
	if (rc)
		return rc;
	rc = stop(client, argv[optind], force);
	tern_client_close(client);
	return rc;
}

const struct command cmd_abort = {
	.name = "abort",
	.args = "ID [--force]",
	.help = "stop a migration; the process runs on where it is",
	.text = "Works until the blast has left. Then the migration is in doubt for a moment, or,\n"
		"if the link broke in that moment, until the other host answers.\n"
		"\n"
		"  --force   your word that the other host does not run the process, and never\n"
		"            will. If it does, the process runs twice. On a migration that still\n"
		"            moves pages: your word that the other host is gone for good.\n"
		"\n"
		"Exit status: 0 asked, 1 too late, 2 usage, 3 in doubt and no --force.\n"
		"\n"
		"Example:\n"
		"  tern abort 7f3a\n",
	.run = run,
};
