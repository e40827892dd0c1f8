// SPDX-License-Identifier: GPL-2.0
/*
 * Processes whose parents have ended, with the leaders of their sessions and groups. The
 * root, to whom they come, checks after each hop that all of them are where they were.
 *
 *	first, second	of a session whose leader has ended, as daemons are; first leads a group
 *	third, fourth	of a process group whose leader has ended, in the root's session
 *	leader		leads a session
 *	fifth		of that session, but no child of its leader; and as a group without one
 *
 * usage: orphans DIR HOPS
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "migrant.h"

enum who { FIRST, SECOND, THIRD, FOURTH, LEADER, FIFTH, NR };

/**
 * struct place - where a process is, and who it is
 */
struct place {
	enum who who;
	pid_t pid, session, group;
};

static struct place place[NR];
static int told[2];
static enum who self;
static pid_t root;

static void on_signal(int signo)
{
	char c = getppid() == root ? '0' + self : 'x';

	(void)signo;
	if (write(told[1], &c, 1) != 1)
		_exit(1);
}

static void must(int ret, const char *what)
{
	check(ret >= 0, "%s: %s after %u hops", what, strerror(errno), migrant.hops);
}

/* Once its parent has ended. */
static void live(enum who who)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct place is = { .who = who };

	self = who;
	sigaction(SIGUSR1, &action, NULL);
	while (getppid() != root)
		usleep(1000);
	is.pid = getpid();
	is.session = getsid(0);
	is.group = getpgid(0);
	if (write(told[1], &is, sizeof(is)) != sizeof(is))
		_exit(1);
	for (;;)
		pause();
}

static void beget(enum who who)
{
	pid_t pid = fork();

	must(pid, "fork");
	if (pid)
		return;
	if (who == FIRST)
		setpgid(0, 0);
	live(who);
}

static void be_daemons(void)
{
	setsid();
	beget(FIRST);
	beget(SECOND);
	_exit(0);
}

static void be_job(void)
{
	setpgid(0, 0);
	beget(THIRD);
	beget(FOURTH);
	_exit(0);
}

static void be_leader(void)
{
	pid_t pid;

	setsid();
	pid = fork();
	must(pid, "fork");
	if (!pid) {
		setpgid(0, 0);
		beget(FIFTH);
		_exit(0);
	}
	must(waitpid(pid, NULL, 0), "waitpid");
	live(LEADER);
}

static void begin(void (*what)(void), bool ends, unsigned int nr)
{
	struct place is;
	pid_t pid = fork();

	must(pid, "fork");
	if (!pid)
		what();
	if (ends)
		must(waitpid(pid, NULL, 0), "waitpid");
	while (nr--) {
		check(read(told[0], &is, sizeof(is)) == sizeof(is), "read: %s", strerror(errno));
		place[is.who] = is;
	}
}

static void hear(unsigned int nr, const char *whom)
{
	char c[NR];
	unsigned int i, sum = 0, want = 0;

	for (i = 0; i < nr; i++) {
		check(read(told[0], &c[i], 1) == 1, "read: %s", strerror(errno));
		sum += 1 << (c[i] - '0');
		want += 1 << (whom[i] - '0');
	}
	check(sum == want, "not from %s after %u hops", whom, migrant.hops);
}

static void verify(void)
{
	char text[16], who[2] = "";
	unsigned int i;

	for (i = 0; i < NR; i++) {
		const struct place *p = &place[i];

		check(getsid(p->pid) == p->session && getpgid(p->pid) == p->group,
		      "%u: session %d, not %d, group %d, not %d after %u hops", i, getsid(p->pid),
		      p->session, getpgid(p->pid), p->group, migrant.hops);
		must(kill(p->pid, SIGUSR1), "kill");
		who[0] = '0' + i;
		hear(1, who);
	}
	must(kill(-place[FIRST].group, SIGUSR1), "kill");
	hear(1, "0");
	must(kill(-place[SECOND].group, SIGUSR1), "kill");
	hear(1, "1");
	must(kill(-place[THIRD].group, SIGUSR1), "kill");
	hear(2, "23");
	must(kill(-place[FIFTH].group, SIGUSR1), "kill");
	hear(1, "5");
	check(waitpid(-1, NULL, WNOHANG) == 0, "somebody has ended after %u hops", migrant.hops);
	snprintf(text, sizeof(text), "%u", migrant.hops);
	migrant_tell("verified", text);
}

int main(int argc, char **argv)
{
	unsigned int hops, i;

	migrant_start(argc, argv, 1, "HOPS");
	hops = atoi(argv[2]);
	root = getpid();
	must(pipe(told), "pipe");
	must(prctl(PR_SET_CHILD_SUBREAPER, 1), "prctl");
	begin(be_daemons, true, 2);
	begin(be_job, true, 2);
	begin(be_leader, false, 2);
	check(place[FIRST].session != place[FIRST].pid && place[FIFTH].session == place[LEADER].pid &&
	      place[THIRD].session == getsid(0), "places");
	migrant_tell("ready", "yes");
	while (migrant.hops < hops && migrant_wait_hop())
		verify();
	migrant_rest();
	for (i = 0; i < NR; i++)
		kill(place[i].pid, SIGKILL);
	if (migrant.hops != hops)
		migrant_fail("%u hops and not %u", migrant.hops, hops);
	migrant_ok("hops=%u", migrant.hops);
}
