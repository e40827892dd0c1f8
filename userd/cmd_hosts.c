// SPDX-License-Identifier: GPL-2.0
/* tern hosts: where can processes go to? */
#include <getopt.h>

#include "tern.h"

/**
 * struct listing - what has been printed
 * @json: as JSON
 * @nr: hosts so far
 */
struct listing {
	bool json;
	unsigned int nr;
};

static int show(void *arg, const struct tern_info_host *h)
{
	struct listing *l = arg;

	if (!l->json) {
		printf("%s%s\n", h->name, h->self ? "   (this host)" : "");
	} else {
		printf("%s{\"name\":", l->nr ? "," : "");
		print_string(stdout, h->name);
		printf(",\"self\":%s}", h->self ? "true" : "false");
	}
	l->nr++;
	return 0;
}

static int list(struct tern_client *client, bool json)
{
	struct listing l = { .json = json };
	int rc;

	if (json)
		fputs("[", stdout);
	rc = tern_client_hosts(client, show, &l);
	if (json)
		puts("]");
	if (rc)
		return complain(client, rc, "list of hosts");
	if (!l.nr) {
		fputs("tern: no daemon serves this host: start ternd\n", stderr);
		return EXIT_NOT;
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
	if (optind != argc)
		return usage(&cmd_hosts, "hosts takes no arguments");
	rc = open_client(&client);
	if (rc)
		return rc;
	rc = list(client, json);
	tern_client_close(client);
	return rc;
}

const struct command cmd_hosts = {
	.name = "hosts",
	.args = "[--json]",
	.help = "list the hosts that processes can move to",
	.text = "Prints the names that the daemon's configuration gives its peers, this host\n"
		"first. Whether they are up is found out when something moves.\n"
		"\n"
		"Example:\n"
		"  tern hosts\n",
	.run = run,
};
