// SPDX-License-Identifier: GPL-2.0
/*
 * In a pod: a process whose parent has ended, and that has come to the pod's first process,
 * while the leader of its session runs on elsewhere in the tree; and a child of it.
 *
 *	first ─┬─ we ── leader (of a session)
 *	       └─ stray ── child (both in that session, in a group of their own)
 *
 * usage: strays DIR HOPS
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "migrant.h"

enum who { LEADER, STRAY, CHILD, NR };

static const char *const names[] = { "leader", "stray", "child" };

/**
 * struct place - where a process is
 */
struct place {
	pid_t pid, parent, session, group;
};

static struct place place[NR];
static int line[NR][2];	/* asked, and answered by a struct place */

static void live(enum who who)
{
	struct place is;
	char c;

	while (read(line[who][1], &c, 1) == 1) {
		is = (struct place){ getpid(), getppid(), getsid(0), getpgid(0) };
		if (write(line[who][1], &is, sizeof(is)) != sizeof(is))
			_exit(1);
	}
	_exit(0);
}

static void ask(enum who who, struct place *is)
{
	check(write(line[who][0], "?", 1) == 1 &&
	      read(line[who][0], is, sizeof(*is)) == sizeof(*is), "%s: %s after %u hops",
	      names[who], strerror(errno), migrant.hops);
}

static pid_t beget(void)
{
	pid_t pid = fork();

	check(pid >= 0, "fork: %s", strerror(errno));
	return pid;
}

static void be_stray(pid_t parent)
{
	while (getppid() == parent)
		usleep(1000);
	setpgid(0, 0);
	if (!beget())
		live(CHILD);
	live(STRAY);
}

static void be_leader(void)
{
	pid_t between;

	setsid();
	between = beget();
	if (!between) {
		between = getpid();
		if (!beget())
			be_stray(between);
		_exit(0);
	}
	check(waitpid(between, NULL, 0) == between, "waitpid");
	live(LEADER);
}

static void verify(enum who who)
{
	const struct place *was = &place[who];
	struct place is;

	ask(who, &is);
	check(!memcmp(&is, was, sizeof(is)),
	      "%s: pid %d, parent %d, session %d, group %d and not %d, %d, %d, %d after %u hops",
	      names[who], is.pid, is.parent, is.session, is.group, was->pid, was->parent,
	      was->session, was->group, migrant.hops);
}

int main(int argc, char **argv)
{
	unsigned int hops, who;
	char text[16];

	migrant_start(argc, argv, 1, "HOPS");
	hops = atoi(argv[2]);
	for (who = 0; who < NR; who++)
		check(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, line[who]), "socketpair");
	if (!beget())
		be_leader();
	for (who = 0; who < NR; who++)
		ask(who, &place[who]);
	check(place[STRAY].parent == 1 && place[CHILD].parent == place[STRAY].pid,
	      "the stray has come to %d: this is no pod", place[STRAY].parent);
	check(place[CHILD].session == place[LEADER].pid &&
	      place[STRAY].session == place[LEADER].pid, "sessions");
	migrant_tell("ready", "yes");
	while (migrant.hops < hops && migrant_wait_hop()) {
		for (who = 0; who < NR; who++)
			verify(who);
		snprintf(text, sizeof(text), "%u", migrant.hops);
		migrant_tell("verified", text);
	}
	migrant_rest();
	check(migrant.hops == hops, "%u hops and not %u", migrant.hops, hops);
	for (who = 0; who < NR; who++)
		kill(place[who].pid, SIGKILL);
	migrant_ok("hops=%u", migrant.hops);
}
