// SPDX-License-Identifier: GPL-2.0
/*
 * What prctl(2), membarrier(2) and /proc set for a process or a thread. The leader and
 * another thread have different settings, and keep changing some of them.
 *
 * usage: attrs DIR
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER	57
#define PR_GET_IO_FLUSHER	58
#endif

#ifndef PR_SET_MDWE
#define PR_SET_MDWE		65
#define PR_GET_MDWE		66
#endif

#define OOM	"/proc/self/oom_score_adj"
#define FILTER	"/proc/self/coredump_filter"

/* Not while it may be moved: an open file of /proc stays where it is. */
static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	check(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s: %s", path,
	      strerror(errno));
	close(fd);
}

static long get(const char *path, int base)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY);

	check(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0, "%s: %s", path, strerror(errno));
	close(fd);
	return strtol(text, NULL, base);
}

static void barrier(int command)
{
	check(!syscall(SYS_membarrier, command, 0, 0), "membarrier %d at hop %u: %s", command,
	      migrant.hops, strerror(errno));
}

/**
 * struct attrs - of a thread
 * @pdeath: PR_SET_PDEATHSIG
 * @flusher: PR_SET_IO_FLUSHER
 * @mce: PR_MCE_KILL_*
 */
struct attrs {
	int pdeath, flusher, mce;
};

static void set(const struct attrs *a)
{
	int how = a->mce == PR_MCE_KILL_DEFAULT ? PR_MCE_KILL_CLEAR : PR_MCE_KILL_SET;

	check(!prctl(PR_SET_PDEATHSIG, a->pdeath) &&
	      !prctl(PR_SET_IO_FLUSHER, a->flusher, 0, 0, 0) &&
	      !prctl(PR_MCE_KILL, how, how == PR_MCE_KILL_SET ? a->mce : 0, 0, 0), "prctl: %s",
	      strerror(errno));
}

static void look(const struct attrs *a, const char *who)
{
	int pdeath = -1, flusher, mce;

	check(!prctl(PR_GET_PDEATHSIG, &pdeath), "prctl: %s", strerror(errno));
	flusher = prctl(PR_GET_IO_FLUSHER, 0, 0, 0, 0);
	mce = prctl(PR_MCE_KILL_GET, 0, 0, 0, 0);
	check(pdeath == a->pdeath && flusher == a->flusher && mce == a->mce,
	      "%s: signal %d, flusher %d, policy %d at hop %u", who, pdeath, flusher, mce,
	      migrant.hops);
}

static void *other(void *unused)
{
	static const struct attrs turns[] = {
		{ 0, 0, PR_MCE_KILL_DEFAULT }, { SIGUSR2, 1, PR_MCE_KILL_LATE },
	};
	struct timespec pause = { .tv_nsec = 3000000 };
	unsigned int i;

	for (i = 0;; i++) {
		set(&turns[i % 2]);
		nanosleep(&pause, NULL);
		look(&turns[i % 2], "other");
	}
	return unused;
}

int main(int argc, char **argv)
{
	struct attrs own = { SIGUSR1, 1, PR_MCE_KILL_EARLY };
	struct timespec pause = { .tv_nsec = 3000000 };
	pthread_t thread;
	unsigned int i;
	bool mdwe;

	migrant_start(argc, argv, 0, "");
	put(OOM, "321");
	put(FILTER, "0x7b");
	barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
	barrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED);
	/* from Linux 6.3 on */
	mdwe = !prctl(PR_SET_MDWE, 1, 0, 0, 0);
	set(&own);
	check(!pthread_create(&thread, NULL, other, NULL), "pthread_create");
	migrant_tell("ready", "yes");
	for (i = 0; migrant_step(); i++) {
		barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
		check(!prctl(PR_SET_THP_DISABLE, i % 2, 0, 0, 0), "prctl: %s", strerror(errno));
		nanosleep(&pause, NULL);
		look(&own, "leader");
		check(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == (int)(i % 2),
		      "huge pages are %s at hop %u", i % 2 ? "on" : "off", migrant.hops);
		check(!mdwe || prctl(PR_GET_MDWE, 0, 0, 0, 0) == 1, "mdwe: it is off at hop %u",
		      migrant.hops);
		/* while it moves, perhaps */
		if (migrant.hops == 1)
			barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE);
		if (migrant.hops >= 2)
			barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE);
	}
	check(get(OOM, 10) == 321, "%s: %ld", OOM, get(OOM, 10));
	check(get(FILTER, 16) == 0x7b, "%s: %lx", FILTER, get(FILTER, 16));
	migrant_ok("hops=%u", migrant.hops);
}
