// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that are scheduled in different ways; each looks at itself all the time. The
 * last one keeps changing what it is, so that a shell which has been dressed by a draft
 * must follow.
 *
 * usage: sched DIR
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

#define RESET	1	/* SCHED_FLAG_RESET_ON_FORK */
#define PROCESS	1	/* IOPRIO_WHO_PROCESS */
#define IOPRIO(class, level) ((class) << 13 | (level))

/* as sched_setattr(2) has it; glibc has none, and the kernel's header does not go with it */
struct attr {
	uint32_t size;
	uint32_t sched_policy;
	uint64_t sched_flags;
	int32_t sched_nice;
	uint32_t sched_priority;
	uint64_t deadline[3];
};

/**
 * struct how - how a thread is scheduled
 * @policy: SCHED_*
 * @priority: of FIFO and RR
 * @nice: -20 to 19
 * @flags: RESET
 * @cpu: the only one that it may run on, -1: any
 * @ioprio: ioprio_set(2)
 */
struct how {
	uint32_t policy;
	uint32_t priority;
	int nice;
	uint64_t flags;
	int cpu;
	int ioprio;
};

static const struct how hows[] = {
	{ SCHED_BATCH, 0, 3, 0, 0, IOPRIO(2, 6) },
	{ SCHED_OTHER, 0, -5, RESET, -1, 0 },
	{ SCHED_FIFO, 7, 0, 0, 1, IOPRIO(1, 2) },
	{ SCHED_RR, 3, 4, RESET, -1, 0 },
	{ SCHED_IDLE, 0, 0, 0, 0, IOPRIO(3, 0) },
	{ SCHED_OTHER, 0, 0, 0, -1, 0 },
};

/* asked once: to do so opens a file, which could not move */
static int processors;

#define NR (sizeof(hows) / sizeof(hows[0]))

static void be(const struct how *h)
{
	struct attr attr = { .size = sizeof(attr), .sched_policy = h->policy,
				   .sched_flags = h->flags, .sched_nice = h->nice,
				   .sched_priority = h->priority };
	cpu_set_t cpus;

	memset(&cpus, 0xff, sizeof(cpus));
	if (h->cpu >= 0) {
		CPU_ZERO(&cpus);
		CPU_SET(h->cpu, &cpus);
	}
	check(!sched_setaffinity(0, sizeof(cpus), &cpus), "sched_setaffinity: %s", strerror(errno));
	check(!syscall(SYS_ioprio_set, PROCESS, 0, h->ioprio), "ioprio_set: %s",
	      strerror(errno));
	check(!setpriority(PRIO_PROCESS, 0, h->nice), "setpriority: %s", strerror(errno));
	check(!syscall(SYS_sched_setattr, 0, &attr, 0), "sched_setattr: %s", strerror(errno));
}

static void look(const struct how *h, unsigned int n)
{
	struct attr attr = { 0 };
	cpu_set_t cpus;
	int ioprio, nice;

	check(!syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0), "sched_getattr: %s",
	      strerror(errno));
	check(attr.sched_policy == h->policy && attr.sched_priority == h->priority &&
	      (attr.sched_flags & RESET) == h->flags,
	      "thread %u: policy %u, priority %u, flags %llx at hop %u", n, attr.sched_policy,
	      attr.sched_priority, (unsigned long long)attr.sched_flags, migrant.hops);
	nice = getpriority(PRIO_PROCESS, 0);
	check(nice == h->nice, "thread %u: nice %d at hop %u", n, nice, migrant.hops);
	ioprio = syscall(SYS_ioprio_get, PROCESS, 0);
	/* if it is not set the kernel may tell what it follows from */
	check(ioprio == h->ioprio || !h->ioprio, "thread %u: I/O priority %x at hop %u", n, ioprio,
	      migrant.hops);
	check(!sched_getaffinity(0, sizeof(cpus), &cpus), "sched_getaffinity: %s", strerror(errno));
	if (h->cpu < 0)
		check(CPU_COUNT(&cpus) == processors,
		      "thread %u: bound to %d processors at hop %u", n, CPU_COUNT(&cpus), migrant.hops);
	else
		check(CPU_COUNT(&cpus) == 1 && CPU_ISSET(h->cpu, &cpus) && sched_getcpu() == h->cpu,
		      "thread %u: runs on %d at hop %u", n, sched_getcpu(), migrant.hops);
}

static void *thread_main(void *arg)
{
	const struct how *h = arg;
	struct timespec pause = { .tv_nsec = 5000000 };
	unsigned int n = h - hows;

	be(h);
	for (;;) {
		look(h, n);
		nanosleep(&pause, NULL);
		if (n != NR - 1)
			continue;
		/* another one every time */
		h = &hows[(h - hows + 1) % NR];
		be(h);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct timespec pause = { .tv_nsec = 5000000 };
	pthread_t thread;
	unsigned int i;

	migrant_start(argc, argv, 0, "");
	processors = sysconf(_SC_NPROCESSORS_ONLN);
	for (i = 1; i < NR; i++)
		check(!pthread_create(&thread, NULL, thread_main, (void *)&hows[i]), "pthread_create");
	be(&hows[0]);
	migrant_tell("ready", "yes");
	while (migrant_step()) {
		look(&hows[0], 0);
		nanosleep(&pause, NULL);
	}
	migrant_ok("hops=%u", migrant.hops);
}
