// SPDX-License-Identifier: GPL-2.0
/*
 * tern: the tool. A table of commands, a file per command; what they share is
 * here: how usage is taught, how errors are told, how ids are found.
 *
 * Owns nothing. Never talks to the daemon but through the kernel.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "pod.h"
#include "tern.h"

static const struct command *const commands[] = {
	&cmd_run, &cmd_check, &cmd_prepare, &cmd_migrate, &cmd_status, &cmd_abort, &cmd_monitor,
	&cmd_hosts,
};

/**
 * usage() - say what is wrong with the command line
 * @command: the command, NULL: none was recognised
 * @fmt: what is wrong
 */
int usage(const struct command *command, const char *fmt, ...)
{
	va_list args;

	fputs("tern: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	if (command)
		fprintf(stderr, "\nusage: tern %s %s\n\"tern %s --help\" tells more\n",
			command->name, command->args, command->name);
	else
		fputs("\n\"tern --help\" tells what there is\n", stderr);
	return EXIT_USAGE;
}

static const char *advice(int err)
{
	switch (-err) {
	case ENOTCONN:
		return "no daemon serves this host: start ternd";
	case EPERM:
	case EACCES:
		return "not permitted: run it as root";
	case ESRCH:
		return "there is no such process: look with ps";
	case ENOENT:
		return "unknown; \"tern status\" lists migrations, \"tern hosts\" lists hosts";
	case EALREADY:
		return "the process is being moved already: see \"tern status\"";
	default:
		return strerror(-err);
	}
}

/**
 * complain() - tell an error and what to do next
 * @client: has the kernel's sentence, if there is one
 * @err: negative errno
 * @what: that was tried
 */
int complain(struct tern_client *client, int err, const char *what)
{
	const char *why = client ? tern_client_why(client) : "";

	fprintf(stderr, "tern: %s: %s\n", what, *why ? why : advice(err));
	return EXIT_USAGE;
}

/**
 * open_client() - begin, or tell why not
 * @client: set
 *
 * Returns 0 or an exit status.
 */
int open_client(struct tern_client **client)
{
	int rc = tern_client_open(client);

	if (rc == -ENOENT)
		fputs("tern: the module is not loaded: insmod tern.ko first\n", stderr);
	else if (rc)
		complain(NULL, rc, "/dev/tern");
	return rc ? EXIT_USAGE : 0;
}

static int parse_pid(const char *text, int *pid)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || *end || end == text || value <= 0 || value > 0x7fffffff)
		return -EINVAL;
	*pid = value;
	return 0;
}

/**
 * find_process() - what is to be moved
 * @command: whose argument it is
 * @text: a process id, or the name of a pod, which may not be a number
 * @pid: set; of a pod, its first process
 *
 * Returns 0 or an exit status, and has said what was wrong.
 */
int find_process(const struct command *command, const char *text, int *pid)
{
	if (!parse_pid(text, pid))
		return 0;
	if (!tern_pod_name_valid(text))
		return usage(command, "\"%s\" is neither a process id nor the name of a pod", text);
	*pid = tern_pod_find(text);
	if (*pid > 0)
		return 0;
	fprintf(stderr, "tern: there is no pod \"%s\" on this host\n", text);
	return EXIT_USAGE;
}

/**
 * parse_stdio() - the argument of --stdio
 * @command: whose option it is
 * @text: its value
 * @flags: TERN_STDIO_NULL is added
 */
int parse_stdio(const struct command *command, const char *text, unsigned int *flags)
{
	if (strcmp(text, "null"))
		return usage(command, "--stdio=%s: only --stdio=null is known", text);
	*flags |= TERN_STDIO_NULL;
	return 0;
}

/**
 * parse_mode() - the argument of --mode
 * @command: whose option it is
 * @text: its value
 * @flags: the flag that asks for it is added
 */
int parse_mode(const struct command *command, const char *text, unsigned int *flags)
{
	if (!strcmp(text, "lazy"))
		*flags |= TERN_LAZY;
	else if (!strcmp(text, "hybrid"))
		*flags |= TERN_HYBRID;
	else if (strcmp(text, "auto"))
		return usage(command, "--mode=%s: known are lazy, hybrid and auto", text);
	return 0;
}

/**
 * struct match - search for the migration that a prefix names
 * @prefix: hex digits
 * @len: how many
 * @id: what was found
 * @nr: how many were
 */
struct match {
	const char *prefix;
	size_t len;
	__u64 id;
	unsigned int nr;
};

static int match_one(void *arg, const struct tern_info_migration *m)
{
	struct match *match = arg;
	char text[20];

	snprintf(text, sizeof(text), ID_FMT, (unsigned long long)m->id);
	if (!strncasecmp(text, match->prefix, match->len)) {
		match->id = m->id;
		match->nr++;
	}
	return 0;
}

/**
 * find_id() - the migration that somebody means
 * @client: to ask
 * @text: its id in hex, or the beginning of it
 * @id: set
 *
 * Returns 0 or an exit status, and has said what was wrong.
 */
int find_id(struct tern_client *client, const char *text, __u64 *id)
{
	struct match match = { .prefix = text, .len = strlen(text) };
	int rc;

	if (!match.len || match.len > 16 || strspn(text, "0123456789abcdefABCDEF") != match.len)
		return usage(NULL, "\"%.32s\" is no id: ids are up to 16 hex digits, see \"tern status\"",
			     text);
	rc = tern_client_list(client, match_one, &match);
	if (rc)
		return complain(client, rc, "list of migrations");
	if (!match.nr) {
		fprintf(stderr, "tern: no migration %s: \"tern status\" lists them\n", text);
		return EXIT_USAGE;
	}
	if (match.nr > 1) {
		fprintf(stderr, "tern: %s is the beginning of %u ids: give more digits\n", text,
			match.nr);
		return EXIT_USAGE;
	}
	*id = match.id;
	return 0;
}

static void help(void)
{
	unsigned int i;

	puts("usage: tern COMMAND …\n"
	     "\n"
	     "Moves running processes from this host to another.\n");
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		printf("  %-8s  %s\n", commands[i]->name, commands[i]->help);
	puts("\n"
	     "Example:\n"
	     "  tern check 1234 && tern migrate 1234 b\n"
	     "\n"
	     "\"tern COMMAND --help\" tells more. The module tern.ko must be loaded and\n"
	     "ternd must run, on both hosts.");
}

static const struct command *find(const char *name)
{
	unsigned int i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static bool wants_help(const char *arg)
{
	return !strcmp(arg, "--help") || !strcmp(arg, "-h");
}

int main(int argc, char **argv)
{
	const struct command *command;
	int i;

	if (argc < 2)
		return usage(NULL, "what shall be done?");
	if (wants_help(argv[1]) || !strcmp(argv[1], "help")) {
		help();
		return EXIT_DONE;
	}
	command = find(argv[1]);
	if (!command)
		return usage(NULL, "unknown command \"%s\"", argv[1]);
	for (i = 2; i < argc; i++) {
		if (!wants_help(argv[i]))
			continue;
		printf("usage: tern %s %s\n\n%s", command->name, command->args, command->text);
		return EXIT_DONE;
	}
	return command->run(argc - 1, argv + 1);
}
