// SPDX-License-Identifier: GPL-2.0
/*
 * Watches the clocks that go on without a jump. Each is read by the vDSO and by
 * the system call, which must agree: in a moved process the two get the time
 * namespace's offset in different ways. Other threads read them again and again,
 * so that they are mostly within the vDSO when they are asked to stop; or they are in a
 * handler that has interrupted the vDSO.
 *
 * usage: clock DIR [READERS]
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

static const struct {
	int id;
	const char *name;
} clocks[] = {
	{ CLOCK_MONOTONIC, "CLOCK_MONOTONIC" },
	{ CLOCK_BOOTTIME, "CLOCK_BOOTTIME" },
	{ CLOCK_MONOTONIC_COARSE, "CLOCK_MONOTONIC_COARSE" },
};

#define APART	3000000000ULL	/* ns that hosts' dates may differ, and more */
#define NR (sizeof(clocks) / sizeof(clocks[0]))

static uint64_t by_call(int clock)
{
	struct timespec ts;

	syscall(SYS_clock_gettime, clock, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static const struct itimerspec every = {
	.it_value = { .tv_nsec = 20000000 }, .it_interval = { .tv_nsec = 20000000 },
};

static void handle(int signo)
{
	const struct timespec a_while = { .tv_nsec = 2000000 };

	(void)signo;
	nanosleep(&a_while, NULL);
}

/* A timer that sends a signal to this very thread. */
static timer_t interrupt_me(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN };
	struct sigaction action = { .sa_handler = handle, .sa_flags = SA_RESTART };
	timer_t timer;

	event._sigev_un._tid = gettid();
	sigaction(SIGRTMIN, &action, NULL);
	check(!timer_create(CLOCK_MONOTONIC, &event, &timer), "no timer");
	return timer;
}

/* A coarse clock: nothing but memory of the kernel's, which code of another kernel lacks. */
static void *read_on(void *arg)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	uint64_t last[NR] = { 0 }, now;
	unsigned int i, n = 0;

	check(!timer_settime(interrupt_me(), 0, &every, NULL), "no timer");
	for (;;) {
		/* others want to run, too */
		if (!(++n % 10000))
			nanosleep(&pause, NULL);
		for (i = 0; i < NR; i++) {
			now = now_ns(clocks[i].id);
			check(now >= last[i], "%s went back by %llu ns, between two calls",
			      clocks[i].name, (unsigned long long)(last[i] - now));
			last[i] = now;
		}
	}
	return arg;
}

int main(int argc, char **argv)
{
	uint64_t last[NR], before, call, after, most[NR] = { 0 }, date = now_ns(CLOCK_REALTIME);
	struct timespec pause = { .tv_nsec = 1000000 };
	unsigned int i, readers;
	pthread_t reader;

	migrant_start(argc, argv, 0, "[READERS]");
	readers = argc > 2 ? atoi(argv[2]) : 1;
	for (i = 0; i < NR; i++)
		last[i] = now_ns(clocks[i].id);
	for (i = 0; i < readers; i++)
		check(!pthread_create(&reader, NULL, read_on, NULL), "no thread %u", i);
	migrant_tell("ready", "yes");
	while (migrant_step()) {
		uint64_t then = date;

		date = now_ns(CLOCK_REALTIME);
		for (i = 0; i < NR; i++) {
			before = now_ns(clocks[i].id);
			call = by_call(clocks[i].id);
			after = now_ns(clocks[i].id);
			check(before >= last[i], "%s went back by %llu ns at hop %u", clocks[i].name,
			      (unsigned long long)(last[i] - before), migrant.hops);
			check(before - last[i] <= now_ns(CLOCK_REALTIME) - then + APART,
			      "%s jumped by %llu ns at hop %u", clocks[i].name,
			      (unsigned long long)(before - last[i]), migrant.hops);
			check(before <= call && call <= after,
			      "%s: the system call says %llu, the vDSO %llu to %llu", clocks[i].name,
			      (unsigned long long)call, (unsigned long long)before,
			      (unsigned long long)after);
			if (before - last[i] > most[i])
				most[i] = before - last[i];
			last[i] = after;
		}
		nanosleep(&pause, NULL);
	}
	migrant_ok("hops=%u jump_ms=%.3f", migrant.hops, most[0] / 1e6);
}
