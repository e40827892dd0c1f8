// SPDX-License-Identifier: GPL-2.0
/* tern monitor: events as they happen. */
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <time.h>

#include "tern.h"

#define REMEMBERED	64

/**
 * struct seen - what was last told of a migration
 * @id: which
 * @side: of which host
 * @state: enum tern_state
 */
struct seen {
	__u64 id;
	__u32 side;
	__u32 state;
};

/* An event that is mere progress: only programs want to read those. */
static bool is_news(const struct tern_info_migration *m)
{
	static struct seen seen[REMEMBERED];
	static unsigned int next;
	unsigned int i;

	for (i = 0; i < REMEMBERED; i++) {
		if (seen[i].id != m->id || seen[i].side != m->side)
			continue;
		if (seen[i].state == m->state)
			return false;
		seen[i].state = m->state;
		return true;
	}
	seen[next] = (struct seen) { m->id, m->side, m->state };
	next = (next + 1) % REMEMBERED;
	return true;
}

static void show(const struct tern_info_migration *m)
{
	char clock[16] = "";
	struct tm tm;
	time_t now;

	time(&now);
	if (localtime_r(&now, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	printf("%s  " ID_FMT "  %-11s  pid %d %s %s %s%s%s\n", clock, (unsigned long long)m->id,
	       tern_state_name(m->state), m->pid, m->comm,
	       m->side == TERN_SOURCE ? "to" : "from", m->host,
	       m->reason[0] ? ": " : "", m->reason);
}

static int follow(struct tern_client *client, bool json)
{
	int rc;

	rc = tern_client_subscribe(client);
	if (rc)
		return complain(client, rc, "events");
	for (;;) {
		struct tern_info_migration m;

		rc = tern_client_next(client, &m, -1);
		if (rc == -ENOBUFS) {
			fputs("tern: some events were lost; \"tern status\" tells how things stand\n",
			      stderr);
			continue;
		}
		if (rc == -EINTR)
			continue;
		if (rc)
			return complain(client, rc, "events");
		if (json) {
			print_json(stdout, &m);
			putchar('\n');
		} else if (is_news(&m)) {
			show(&m);
		}
		if (fflush(stdout))
			return EXIT_DONE;
	}
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ },
	};
	struct tern_client *client;
	bool json = false;
	int opt, rc;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt != 'j')
			return EXIT_USAGE;
		json = true;
	}
	if (optind != argc)
		return usage(&cmd_monitor, "monitor takes no arguments");
	rc = open_client(&client);
	if (rc)
		return rc;
	rc = follow(client, json);
	tern_client_close(client);
	return rc;
}

const struct command cmd_monitor = {
	.name = "monitor",
	.args = "[--json]",
	.help = "print what happens, as it happens",
	.text = "Prints a line for every change of state of any migration of this host, until\n"
		"interrupted.\n"
		"\n"
		"  --json   one object per line, with all figures, and progress events, too\n"
		"\n"
		"Example:\n"
		"  tern monitor\n",
	.run = run,
};
