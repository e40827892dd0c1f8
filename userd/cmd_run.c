// SPDX-License-Identifier: GPL-2.0
/*
 * tern run: start a program in a pod, so that it can move anywhere.
 *
 * A helper enters the namespaces, makes the pod's first process, tern-init, and ends; so
 * the pod is nobody's child.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "console.h"
#include "dev.h"
#include "host.h"
#include "net.h"
#include "pod.h"
#include "tern.h"

#ifndef TERN_INIT
#define TERN_INIT	"/usr/local/lib/tern/tern-init"
#endif
#define EXIT_SELF	125	/* it is not the program that has failed, as in env(1) */

/**
 * struct start - what the pod's first process is made from
 * @pod: the pod
 * @parent: directory of its control group
 * @limits: of that
 * @net: its interface; without addresses: it has none
 * @bridge: to which that is attached
 * @line: id of the line to it, 0: none
 * @home: name of this host
 * @terminals: which standard descriptors are, bit per number
 * @output: of a program that is detached, -1: none
 * @argv: the program
 */
struct start {
	struct tern_pod pod;
	const char *parent;
	char limits[TERN_POD_TEXT_MAX];
	struct tern_wire_net net;
	char bridge[TERN_NET_NAME_LEN];
	__u64 line;
	char home[TERN_HOST_LEN];
	unsigned int terminals;
	int output;
	char **argv;
};

/**
 * struct cry - what the helper or its child say
 * @stage: what went wrong; 0: nothing
 * @err: errno; of stage 0: pid of the child, or 0: the namespaces are there, and the helper
 *	waits for the network
 */
struct cry {
	int stage;
	int err;
};

enum stage { STAGE_POD = 1, STAGE_CHILD, STAGE_EXEC };

static _Noreturn void cry(int fd, int stage)
{
	struct cry c = { stage, errno };

	if (write(fd, &c, sizeof(c)) != sizeof(c))
		_exit(2);
	_exit(1);
}

static const char *init_path(void)
{
	const char *path = getenv("TERN_INIT");

	return path ? path : TERN_INIT;
}

static int count(char **argv)
{
	int n = 0;

	while (argv[n])
		n++;
	return n;
}

/* What tern-init is given (init.c). */
static char **make_args(const struct start *s, int report)
{
	static char line[20], terminals[4], number[12];
	int n = count(s->argv);
	char **args = calloc(n + 6, sizeof(*args));

	if (!args)
		return NULL;
	snprintf(line, sizeof(line), "%llx", (unsigned long long)s->line);
	snprintf(terminals, sizeof(terminals), "%u", s->terminals);
	snprintf(number, sizeof(number), "%d", report);
	args[0] = "tern-init";
	args[1] = line;
	args[2] = (char *)s->home;
	args[3] = terminals;
	args[4] = number;
	memcpy(args + 5, s->argv, (n + 1) * sizeof(*args));
	return args;
}

/* Nothing of ours but what it has to have; errors are said on the standard error until it runs. */
static void sort_fds(const struct start *s, int *cries, int *report)
{
	int null = open("/dev/null", O_RDWR), n;

	*cries = fcntl(*cries, F_DUPFD_CLOEXEC, 16);
	*report = fcntl(*report, F_DUPFD, *cries + 1);
	for (n = 2; n >= 0 && !(s->terminals & 1U << n); n--)
		;
	/* the terminal, for its settings */
	if (n >= 0)
		dup2(n, STDIN_FILENO);
	for (n = s->terminals ? 1 : 0; n < (s->line ? 2 : 3); n++)
		dup2(n && s->output >= 0 ? s->output : null, n);
	syscall(SYS_close_range, 3, *cries - 1, 0);
	if (*report > *cries + 1)
		syscall(SYS_close_range, *cries + 1, *report - 1, 0);
	syscall(SYS_close_range, *report + 1, ~0U, 0);
}

/* Whoever has started us gives us a network, or ends. */
static bool get_net(const struct start *s, int cries)
{
	struct cry good = { 0 };
	char word;

	return !s->net.nr_addresses ||
	       (write(cries, &good, sizeof(good)) == sizeof(good) && read(cries, &word, 1) == 1);
}

static _Noreturn void be_helper(struct start *s, int cries, int report)
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	struct cry good = { 0 };
	char **argv;
	long pid;

	sort_fds(s, &cries, &report);
	argv = make_args(s, report);
	if (!argv || tern_pod_enter(&s->pod))
		cry(cries, STAGE_POD);
	if (!get_net(s, cries))
		_exit(1);
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		cry(cries, STAGE_CHILD);
	if (pid) {
		good.err = pid;
		if (write(cries, &good, sizeof(good)) != sizeof(good))
			_exit(2);
		_exit(0);
	}
	if (setsid() < 0 || tern_pod_settle())
		cry(cries, STAGE_POD);
	execv(init_path(), argv);
	cry(cries, STAGE_EXEC);
}

static int explain(const struct cry *c)
{
	switch (c->stage) {
	case STAGE_EXEC:
		fprintf(stderr, "tern run: %s: %s\n", init_path(), strerror(c->err));
		break;
	case STAGE_CHILD:
		fprintf(stderr, "tern run: no process can be made: %s\n", strerror(c->err));
		break;
	default:
		fprintf(stderr,
			"tern run: the namespaces of a pod cannot be made: %s; the kernel needs all kinds of them, and you must be root\n",
			strerror(c->err));
	}
	return EXIT_SELF;
}

/* To the namespaces that the helper has made. */
static int give_net(const struct start *s, pid_t helper, int cries)
{
	struct tern_why why = { "" };
	int rc = tern_net_make(helper, s->pod.name, s->bridge, "this host", &s->net, &why);

	if (!rc)
		rc = tern_net_attach(helper, s->bridge, "this host", &why);
	if (!rc && send(cries, "", 1, MSG_NOSIGNAL) == 1)
		return 0;
	fprintf(stderr, "tern run: %s\n", why.text[0] ? why.text : strerror(rc ? -rc : errno));
	return EXIT_SELF;
}

/* What the helper and its child have to say, until both have nothing more. */
static int hear(const struct start *s, pid_t helper, int cries, pid_t *pid)
{
	struct cry c;
	int rc = 0;

	*pid = 0;
	while (read(cries, &c, sizeof(c)) == sizeof(c)) {
		if (c.stage)
			rc = explain(&c);
		else if (c.err)
			*pid = c.err;
		else if (give_net(s, helper, cries))
			return EXIT_SELF;
	}
	if (!rc && !*pid) {
		fprintf(stderr, "tern run: the pod has ended before it began: are its limits too low?\n");
		rc = EXIT_SELF;
	}
	return rc;
}

/* Could the program be executed? */
static int hear_exec(const struct start *s, int report)
{
	int err;

	if (read(report, &err, sizeof(err)) != sizeof(err))
		return 0;
	/* with a line it says so itself, and ends */
	if (s->line)
		return 0;
	fprintf(stderr, "tern run: %s: %s\n", s->argv[0], strerror(err));
	return err == ENOENT ? 127 : 126;
}

static int start(struct start *s, pid_t *pid)
{
	int cries[2], report[2], status, rc;
	struct tern_why why = { "" };
	pid_t helper;

	rc = tern_group_make(s->parent, &s->pod, s->limits, &why);
	if (rc) {
		fprintf(stderr, "tern run: %s\n", why.text[0] ? why.text : strerror(-rc));
		return EXIT_SELF;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, cries) ||
	    pipe2(report, O_CLOEXEC)) {
		perror("tern run");
		return EXIT_SELF;
	}
	helper = fork();
	if (!helper)
		be_helper(s, cries[1], report[1]);
	close(cries[1]);
	close(report[1]);
	rc = helper < 0 ? EXIT_SELF : hear(s, helper, cries[0], pid);
	if (!rc)
		rc = hear_exec(s, report[0]);
	close(cries[0]);
	close(report[0]);
	while (helper > 0 && waitpid(helper, &status, 0) < 0 && errno == EINTR)
		;
	if (rc)
		rmdir(s->pod.group);
	return rc;
}

/* ---- in the foreground -------------------------------------------------------------- */

static int note_self(void *arg, const struct tern_info_host *h)
{
	if (h->self)
		snprintf(arg, TERN_HOST_LEN, "%s", h->name);
	return 0;
}

/* The program may come back from anywhere only if somebody here waits for it. */
static int open_line(struct start *s, struct line *line)
{
	struct tern_client *client;
	int rc = open_client(&client);

	if (rc)
		return EXIT_SELF;
	rc = tern_client_hosts(client, note_self, s->home);
	tern_client_close(client);
	if (!rc && getrandom(&s->line, sizeof(s->line), 0) != sizeof(s->line))
		rc = -errno;
	line_init(line, LINE_RUN, s->line, "");
	if (!rc)
		rc = line_dial(line);
	if (!rc && s->home[0])
		return 0;
	fprintf(stderr, "tern run: no daemon serves this host: start ternd, or use --detach\n");
	return EXIT_SELF;
}

/* What is closed would be ours to use, and somebody would write there. */
static void open_stdio(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

static int run_foreground(struct start *s)
{
	static struct line line;
	pid_t pid;
	int rc;

	open_stdio();
	rc = open_line(s, &line);
	s->terminals = console_terminals();
	if (!rc)
		rc = start(s, &pid);
	return rc ? rc : console_run(&line, s->pod.name);
}

static int run_detached(struct start *s, bool json)
{
	pid_t pid;
	int rc = start(s, &pid);

	if (rc)
		return rc;
	if (json)
		printf("{\"pod\": \"%s\", \"pid\": %d}\n", s->pod.name, pid);
	else
		printf("pod %s runs, its first process is %d: \"tern migrate %s HOST\" moves it\n",
		       s->pod.name, pid, s->pod.name);
	return 0;
}

/* ---- the command line --------------------------------------------------------------- */

static int add_limit(struct start *s, const char *text)
{
	const char *value = strchr(text, '=');
	size_t len = strlen(s->limits);

	if (!value || value == text || strchr(text, '\n'))
		return usage(&cmd_run, "--limit wants FILE=VALUE, and not \"%s\"", text);
	if (len + strlen(text) + 2 > sizeof(s->limits))
		return usage(&cmd_run, "too many limits");
	sprintf(s->limits + len, "%.*s %s\n", (int)(value - text), text, value + 1);
	return 0;
}

static int add_net(struct start *s, int opt, const char *text)
{
	struct tern_why why = { "" };
	int rc;

	if (opt == 'N')
		rc = tern_net_add(&s->net, text, &why);
	else
		rc = tern_net_gateway(&s->net, text, &why);
	return rc ? usage(&cmd_run, "%s", why.text) : 0;
}

/* As the daemon of this host has it, if we have not been told. */
static int find_bridge(struct start *s, struct tern_why *why)
{
	static struct tern_host host;
	int rc;

	if (s->bridge[0])
		return 0;
	rc = tern_config_load(&host, TERN_CONFIG, why);
	if (!rc && !host.bridge[0])
		rc = tern_why_set(why, -ENODEV, "%s names no bridge for --net", TERN_CONFIG);
	if (!rc)
		strcpy(s->bridge, host.bridge);
	return rc;
}

/* All that can be known before anything is made. */
static int settle_net(struct start *s)
{
	struct tern_why why = { "" };
	int rc;

	if (!s->net.nr_addresses)
		return s->net.nr_routes || s->bridge[0] ?
		       usage(&cmd_run, "--gateway and --bridge go with --net only") : 0;
	rc = tern_net_complete(&s->net, &why);
	if (rc)
		return usage(&cmd_run, "%s", why.text);
	rc = find_bridge(s, &why);
	if (rc) {
		fprintf(stderr, "tern run: %s; name one by --bridge\n", why.text);
		return EXIT_SELF;
	}
	rc = tern_net_bridge(s->bridge, "this host", &why);
	if (rc > 0) {
		s->net.mtu = rc;
		rc = tern_net_check(&s->net) ?
		     tern_why_set(&why, -EINVAL, "bridge \"%s\" has an MTU of %d, which is too small",
				  s->bridge, rc) : 0;
	}
	if (!rc)
		return 0;
	fprintf(stderr, "tern run: %s\n", why.text[0] ? why.text : strerror(-rc));
	return EXIT_SELF;
}

static void default_name(const char *program, char name[TERN_POD_NAME_MAX])
{
	const char *base = strrchr(program, '/');
	char *c;

	snprintf(name, TERN_POD_NAME_MAX, "%.32s-%d", base ? base + 1 : program, getpid());
	for (c = name; *c; c++)
		if (!strchr("_-", *c) && (*c < '0' || *c > '9') && (*c < 'A' || *c > 'Z') &&
		    (*c < 'a' || *c > 'z'))
			*c = '_';
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "name", required_argument, NULL, 'n' },
		{ "detach", no_argument, NULL, 'd' },
		{ "output", required_argument, NULL, 'o' },
		{ "limit", required_argument, NULL, 'l' },
		{ "cgroup", required_argument, NULL, 'c' },
		{ "net", required_argument, NULL, 'N' },
		{ "gateway", required_argument, NULL, 'g' },
		{ "bridge", required_argument, NULL, 'b' },
		{ "json", no_argument, NULL, 'j' },
		{ },
	};
	static struct start s = { .parent = TERN_PODS, .output = -1 };
	char name[TERN_POD_NAME_MAX] = "";
	bool detach = false, json = false;
	int opt, rc = 0;

	while ((opt = getopt_long(argc, argv, "+d", options, NULL)) != -1) {
		switch (opt) {
		case 'n':
			if (!tern_pod_name_valid(optarg))
				return usage(&cmd_run,
					     "\"%s\" is no name: use up to %d letters, digits, '_' and '-', and not digits alone",
					     optarg, TERN_POD_NAME_MAX - 1);
			strcpy(name, optarg);
			break;
		case 'd':
			detach = true;
			break;
		case 'o':
			s.output = open(optarg, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
			if (s.output < 0)
				return usage(&cmd_run, "--output=%s: %s", optarg, strerror(errno));
			break;
		case 'l':
			rc = add_limit(&s, optarg);
			break;
		case 'c':
			if (*optarg != '/' || strlen(optarg) > 255)
				return usage(&cmd_run, "--cgroup wants an absolute path");
			s.parent = optarg;
			break;
		case 'N':
		case 'g':
			rc = add_net(&s, opt, optarg);
			break;
		case 'b':
			if (!tern_net_name_valid(optarg))
				return usage(&cmd_run, "\"%s\" is no name of a bridge", optarg);
			strcpy(s.bridge, optarg);
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
	if (optind == argc)
		return usage(&cmd_run, "run takes a program");
	if (!detach && (s.output >= 0 || json))
		return usage(&cmd_run, "--output and --json go with --detach only");
	rc = settle_net(&s);
	if (rc)
		return rc;
	s.argv = argv + optind;
	if (!*name)
		default_name(s.argv[0], name);
	tern_pod_init(&s.pod, s.parent, name);
	return detach ? run_detached(&s, json) : run_foreground(&s);
}

const struct command cmd_run = {
	.name = "run",
	.args = "[--name NAME] [--detach [--output FILE] [--json]] [--net ADDRESS/PREFIX[,…] [--gateway ADDRESS]… [--bridge NAME]] [--limit FILE=VALUE]… [--cgroup DIR] PROGRAM [ARGUMENT…]",
	.help = "start a program so that it can move anywhere",
	.text = "Starts PROGRAM in a pod: pid, mount, IPC, UTS, network, time and cgroup namespaces\n"
		"and a control group of its own, so that no number or name that it has is taken\n"
		"elsewhere. \"tern migrate NAME HOST\" moves the pod, with all that is in it.\n"
		"\n"
		"In the foreground tern run stands for the program, wherever that runs: standard\n"
		"descriptors, terminal and signals are the program's, and so is the exit status.\n"
		"When the program ends so does its pod.\n"
		"\n"
		"  --name NAME          of the pod, at first its host name, too; the program's name\n"
		"                       and a number if it is not given\n"
		"  --detach, -d         in the background, without input; ends when it runs\n"
		"  --output FILE        what it says is appended there, and not thrown away\n"
		"  --json               print one JSON object, with the name and the first process\n"
		"  --limit FILE=VALUE   what the pod may have, in words of cgroups(7), version 2:\n"
		"                       memory.max=1G, pids.max=100, cpu.max='50000 100000', …\n"
		"  --net LIST           an interface, eth0, with these addresses, ADDRESS/PREFIX, IPv4 or\n"
		"                       IPv6, separated by commas; it moves with the pod\n"
		"  --gateway ADDRESS    a default route, one of each version of IP\n"
		"  --bridge NAME        of this host, to which the interface is attached; else that\n"
		"                       of " TERN_CONFIG "\n"
		"  --cgroup DIR         where its control group is, instead of " TERN_PODS "\n"
		"\n"
		"Without --net its network has nothing but a loopback interface. Files are those of the host.\n"
		"\n"
		"Exit status: that of the program; 125: tern run itself has failed, 126, 127: the\n"
		"program could not be executed, or was not found.\n"
		"\n"
		"Example:\n"
		"  tern run --name sum --detach --output /srv/sum python3 /srv/sum.py\n"
		"  tern migrate sum b\n"
		"  tern run --net 10.0.0.5/24 --gateway 10.0.0.1 --name web python3 -m http.server\n",
	.run = run,
};
