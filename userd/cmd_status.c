// SPDX-License-Identifier: GPL-2.0
/* tern status: what is moving, and what has moved? */
#include <getopt.h>
#include <string.h>

#include "tern.h"

/**
 * struct listing - what has been printed
 * @json: as JSON
 * @nr: migrations so far
 */
struct listing {
	bool json;
	unsigned int nr;
};

static void show_row(const struct tern_info_migration *m)
{
	char age[32], moved[48] = "-";

	if (m->report.pages_total)
		snprintf(moved, sizeof(moved), "%llu/%llu",
			 (unsigned long long)m->report.pages_moved,
			 (unsigned long long)m->report.pages_total);
	printf(ID_FMT "  %-11s  %-11s  %8d  %-15s  %-12s  %10s  %s\n", (unsigned long long)m->id,
	       side_name(m->side), tern_state_name(m->state), m->pid, m->comm, m->host,
	       show_ns(age, sizeof(age), m->age_ns), moved);
	if (m->reason[0])
		printf("%18s%s\n", "", m->reason);
	if (m->late)
		printf("%18s%u TCP sockets wait for their connections\n", "", m->late);
	if (m->reset)
		printf("%18s%u TCP connections were lost with the move\n", "", m->reset);
}

static int show(void *arg, const struct tern_info_migration *m)
{
	struct listing *l = arg;

	if (l->json) {
		if (l->nr)
			putchar(',');
		print_json(stdout, m);
	} else {
		if (!l->nr)
			printf("%-16s  %-11s  %-11s  %8s  %-15s  %-12s  %10s  %s\n", "ID", "SIDE",
			       "STATE", "PID", "NAME", "PEER", "AGE", "PAGES");
		show_row(m);
	}
	l->nr++;
	return 0;
}

static int show_all(struct tern_client *client, bool json)
{
	struct listing l = { .json = json };
	int rc;

	if (json)
		fputs("[", stdout);
	rc = tern_client_list(client, show, &l);
	if (json)
		puts("]");
	if (rc)
		return complain(client, rc, "list of migrations");
	if (!l.nr && !json)
		puts("no migrations");
	return EXIT_DONE;
}

static void show_details(const struct tern_info_migration *m)
{
	char age[32];

	printf("migration " ID_FMT "\n", (unsigned long long)m->id);
	printf("  %-24s %14s\n", "state", tern_state_name(m->state));
	printf("  %-24s %14s\n", "this host is its", side_name(m->side));
	printf("  %-24s %14s\n", "other host", m->host);
	printf("  %-24s %14d   %s\n", "process", m->pid, m->comm);
	if (m->unit)
		printf("  %-24s %14s " ID_FMT "\n", "moves with", "", (unsigned long long)m->unit);
	printf("  %-24s %14s\n", "asked for, ago", show_ns(age, sizeof(age), m->age_ns));
	if (m->reason[0])
		printf("  %-24s %s\n", "reason", m->reason);
	if (m->late)
		printf("  %-24s %14u\n", "TCP sockets that wait", m->late);
	if (m->reset)
		printf("  %-24s %14u   reset (ECONNRESET)\n", "TCP connections lost", m->reset);
	if (m->state == TERN_DOUBT)
		printf("  the blast has left, and only host %s knows whether the process runs there;\n"
		       "  ternd asks until it answers. If you know that it does not run there:\n"
		       "  tern abort " ID_FMT " --force\n", m->host, (unsigned long long)m->id);
	print_report(stdout, m);
}

static int show_one(struct tern_client *client, const char *text, bool json)
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
	if (json) {
		print_json(stdout, &m);
		putchar('\n');
	} else {
		show_details(&m);
	}
	return EXIT_DONE;
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
	if (argc - optind > 1)
		return usage(&cmd_status, "status takes one id at most");
	rc = open_client(&client);
	if (rc)
		return rc;
	rc = optind < argc ? show_one(client, argv[optind], json) : show_all(client, json);
	tern_client_close(client);
	return rc;
}

const struct command cmd_status = {
	.name = "status",
	.args = "[ID] [--json]",
	.help = "show migrations, or all about one of them",
	.text = "Without ID, lists the migrations that this host is source or destination of.\n"
		"With ID, or a beginning of it that is unique, shows all figures of that one.\n"
		"\n"
		"Example:\n"
		"  tern status\n"
		"  tern status 7f3a\n",
	.run = run,
};
