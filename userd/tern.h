/* SPDX-License-Identifier: GPL-2.0 */
/* The tool: its table of commands, and what they print with. */
#ifndef TERN_TOOL_H
#define TERN_TOOL_H

#include <stdio.h>

#include "libtern.h"

/* exit status */
enum {
	EXIT_DONE = 0,		/* moved, movable, shown */
	EXIT_NOT = 1,		/* failed, not movable; the process runs on where it was */
	EXIT_USAGE = 2,		/* usage, or nothing could be asked */
	EXIT_DOUBT = 3,		/* in doubt, or lost */
};

/**
 * struct command - a word after "tern"
 * @name: the word
 * @args: its arguments, for the usage line
 * @help: one line
 * @text: what "tern NAME --help" teaches, with an example
 * @run: does it; argv[0] is the name; returns the exit status
 */
struct command {
	const char *name;
	const char *args;
	const char *help;
	const char *text;
	int (*run)(int argc, char **argv);
};

extern const struct command cmd_check, cmd_prepare, cmd_migrate, cmd_status, cmd_abort, cmd_monitor,
	cmd_hosts, cmd_run;

/* tern.c */
int usage(const struct command *command, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int complain(struct tern_client *client, int err, const char *what);
int open_client(struct tern_client **client);
int find_process(const struct command *command, const char *text, int *pid);
int parse_stdio(const struct command *command, const char *text, unsigned int *flags);
int parse_mode(const struct command *command, const char *text, unsigned int *flags);
int find_id(struct tern_client *client, const char *text, __u64 *id);

/* print.c */
#define ID_FMT	"%016llx"
const char *show_ns(char *buf, size_t size, __u64 ns);
const char *show_bytes(char *buf, size_t size, __u64 bytes);
const char *side_name(unsigned int side);
void print_string(FILE *f, const char *text);
void print_json(FILE *f, const struct tern_info_migration *m);
void print_report(FILE *f, const struct tern_info_migration *m);

#endif
