// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that wait for one another while they are moved: behind futexes with priority
 * inheritance, robust ones whose owner ends, shared ones, and in calls that wait without
 * a time-out. In each round all of them block; after a hop the leader lets them go, and
 * each finds what it must.
 *
 * usage: futexes DIR
 */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2	13
#endif

#define SEC	1000000000ULL
#define FAR	100000
#define NEVER	((struct timespec *)NULL)

/* Held by the leader while the others block. */
static pthread_mutex_t pi, pi_shared;
/* Held by a thread that ends. */
static pthread_mutex_t robust, robust_pi, robust_shared;
static _Atomic uint32_t word_pi, cond, target, cond_early, target_early, waitv[2], die;
static pthread_barrier_t begin, end;
static atomic_uint turns;

static long futex(_Atomic uint32_t *word, int op, uint32_t value, const void *timeout,
		  _Atomic uint32_t *word2, uint32_t value3)
{
	long rc = syscall(SYS_futex, word, op, value, timeout, word2, value3);

	return rc < 0 ? -errno : rc;
}

static uint32_t tid(void)
{
	return syscall(SYS_gettid);
}

static void owns(_Atomic uint32_t *word, const char *what)
{
	check((*word & FUTEX_TID_MASK) == tid(), "%s: thread %u has it and not %u at hop %u", what,
	      *word & FUTEX_TID_MASK, tid(), migrant.hops);
}

static void lock(_Atomic uint32_t *word, const char *what)
{
	uint32_t none = 0;
	long rc = 0;

	if (!atomic_compare_exchange_strong(word, &none, tid()))
		rc = futex(word, FUTEX_LOCK_PI_PRIVATE, 0, NEVER, NULL, 0);
	check(!rc, "%s: %s at hop %u", what, strerror(-rc), migrant.hops);
	owns(word, what);
}

static void unlock(_Atomic uint32_t *word, const char *what)
{
	uint32_t own = tid();
	long rc = 0;

	owns(word, what);
	if (!atomic_compare_exchange_strong(word, &own, 0))
		rc = futex(word, FUTEX_UNLOCK_PI_PRIVATE, 0, NEVER, NULL, 0);
	check(!rc, "%s: %s at hop %u", what, strerror(-rc), migrant.hops);
}

/* ---- what the threads do, once per round ------------------------------------------- */

static void take_pi(void)
{
	check(!pthread_mutex_lock(&pi), "pi");
	check(pthread_mutex_trylock(&pi) == EBUSY, "pi: it is free at hop %u", migrant.hops);
	turns++;
	check(!pthread_mutex_unlock(&pi), "pi");
}

static void take_pi_shared(void)
{
	struct timespec until;
	int rc;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += FAR;
	rc = pthread_mutex_timedlock(&pi_shared, &until);
	check(!rc, "pi_shared: %s at hop %u", strerror(rc), migrant.hops);
	check(!pthread_mutex_unlock(&pi_shared), "pi_shared");
}

/* By the migrant's own clock. */
static void take_pi2(void)
{
	struct timespec until;
	long rc;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += FAR;
	rc = futex(&word_pi, FUTEX_LOCK_PI2 | FUTEX_PRIVATE_FLAG, 0, &until, NULL, 0);
	check(!rc, "pi2: %s at hop %u", strerror(-rc), migrant.hops);
	unlock(&word_pi, "pi2");
}

static void inherit(pthread_mutex_t *mutex, const char *what)
{
	int rc = pthread_mutex_lock(mutex);

	check(rc == EOWNERDEAD, "%s: %s at hop %u", what, strerror(rc), migrant.hops);
	check(!pthread_mutex_consistent(mutex) && !pthread_mutex_unlock(mutex), "%s", what);
}

static void take_robust(void)
{
	inherit(&robust, "robust");
}

static void take_robust_pi(void)
{
	inherit(&robust_pi, "robust_pi");
}

static void take_robust_shared(void)
{
	inherit(&robust_shared, "robust_shared");
}

/* Nobody waits here in vain, and whoever was woken has the target. */
static void wait_requeue(void)
{
	long rc = futex(&cond, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, NEVER, &target, 0);

	check(!rc, "requeue: %s at hop %u", strerror(-rc), migrant.hops);
	unlock(&target, "requeue");
}

/* One that moves while it waits for the target is sent away, as by a signal. */
static void wait_requeue_early(void)
{
	long rc = futex(&cond_early, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, NEVER, &target_early, 0);

	check(!rc || rc == -EAGAIN, "requeue early: %s at hop %u", strerror(-rc), migrant.hops);
	if (rc)
		lock(&target_early, "requeue early");
	unlock(&target_early, "requeue early");
}

static void wait_any(void)
{
	struct futex_waitv v[2] = {
		{ .uaddr = (uintptr_t)&waitv[0], .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG },
		{ .uaddr = (uintptr_t)&waitv[1], .flags = FUTEX_32 },
	};
	struct timespec until;
	long rc;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += FAR;
	rc = syscall(SYS_futex_waitv, v, 2, 0, &until, CLOCK_MONOTONIC);
	check(rc == 1 || (rc < 0 && errno == EAGAIN && waitv[1]), "waitv: %ld, %s at hop %u", rc,
	      strerror(errno), migrant.hops);
}

static void sleep_until(void)
{
	uint64_t until = now_ns(CLOCK_BOOTTIME) + SEC;
	struct timespec ts = { .tv_sec = until / SEC, .tv_nsec = until % SEC };
	int rc = clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &ts, NULL);

	check(!rc && now_ns(CLOCK_BOOTTIME) >= until, "sleep: %s, %lld ns early at hop %u",
	      strerror(rc), (long long)(until - now_ns(CLOCK_BOOTTIME)), migrant.hops);
}

static void wait_signal(void)
{
	siginfo_t info;
	sigset_t set;
	int rc;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	rc = sigwaitinfo(&set, &info);
	check(rc == SIGUSR1 && info.si_code == SI_QUEUE && info.si_value.sival_int == 4711,
	      "signal: %d, %s, code %d at hop %u", rc, strerror(errno), info.si_code, migrant.hops);
}

static void (*const roles[])(void) = {
	take_pi, take_pi, take_pi, take_pi_shared, take_pi2, take_robust, take_robust_pi,
	take_robust_shared, wait_requeue, wait_requeue, wait_requeue_early, wait_any, sleep_until,
	wait_signal,
};

#define NR (sizeof(roles) / sizeof(roles[0]))

static pthread_t threads[NR];

static void *thread_main(void *arg)
{
	unsigned int n = (uintptr_t)arg;

	for (;;) {
		pthread_barrier_wait(&begin);
		roles[n]();
		pthread_barrier_wait(&end);
	}
	return NULL;
}

/* It ends with all three, as soon as it is told to. */
static void *owner_main(void *ready)
{
	check(!pthread_mutex_lock(&robust) && !pthread_mutex_lock(&robust_pi) &&
	      !pthread_mutex_lock(&robust_shared), "the owner");
	pthread_barrier_wait(ready);
	while (!die)
		futex(&die, FUTEX_WAIT_PRIVATE, 0, NEVER, NULL, 0);
	return NULL;
}

/* ---- the leader ---------------------------------------------------------------------- */

static pthread_t hold_all(void)
{
	pthread_barrier_t ready;
	pthread_t owner;

	die = cond = cond_early = waitv[0] = waitv[1] = 0;
	check(!pthread_mutex_lock(&pi) && !pthread_mutex_lock(&pi_shared), "the leader");
	lock(&word_pi, "pi2");
	lock(&target_early, "requeue early");
	pthread_barrier_init(&ready, NULL, 2);
	check(!pthread_create(&owner, NULL, owner_main, &ready), "pthread_create");
	pthread_barrier_wait(&ready);
	return owner;
}

/* Move all who wait at @from to @to, which we have; they may be on their way there. */
static void requeue(_Atomic uint32_t *from, _Atomic uint32_t *to, long nr)
{
	struct timespec pause = { .tv_nsec = 1000000 };
	long rc, moved = 0;

	for (; moved < nr; moved += rc, nanosleep(&pause, NULL)) {
		rc = futex(from, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)10UL, to, *from);
		check(rc >= 0, "requeue: %s at hop %u", strerror(-rc), migrant.hops);
	}
	check(moved == nr, "requeue: %ld of %ld at hop %u", moved, nr, migrant.hops);
}

static void release_all(pthread_t owner)
{
	union sigval value = { .sival_int = 4711 };

	die = 1;
	futex(&die, FUTEX_WAKE_PRIVATE, 1, NEVER, NULL, 0);
	pthread_join(owner, NULL);
	check(!pthread_mutex_unlock(&pi) && !pthread_mutex_unlock(&pi_shared), "the leader");
	unlock(&word_pi, "pi2");
	unlock(&target_early, "requeue early");
	lock(&target, "requeue");
	requeue(&cond, &target, 2);
	unlock(&target, "requeue");
	waitv[1] = 1;
	futex(&waitv[1], FUTEX_WAKE, 1, NEVER, NULL, 0);
	check(!pthread_sigqueue(threads[NR - 1], SIGUSR1, value), "pthread_sigqueue");
}

static void make_mutex(pthread_mutex_t *mutex, int robustness, int protocol, int shared)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, robustness);
	pthread_mutexattr_setprotocol(&attr, protocol);
	pthread_mutexattr_setpshared(&attr, shared);
	check(!pthread_mutex_init(mutex, &attr), "pthread_mutex_init");
}

static void make_all(void)
{
	sigset_t set;
	uintptr_t i;

	make_mutex(&pi, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_INHERIT, PTHREAD_PROCESS_PRIVATE);
	make_mutex(&pi_shared, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_INHERIT, PTHREAD_PROCESS_SHARED);
	make_mutex(&robust, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE, PTHREAD_PROCESS_PRIVATE);
	make_mutex(&robust_pi, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_INHERIT, PTHREAD_PROCESS_PRIVATE);
	make_mutex(&robust_shared, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&begin, NULL, NR + 1);
	pthread_barrier_init(&end, NULL, NR + 1);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	for (i = 0; i < NR; i++)
		check(!pthread_create(&threads[i], NULL, thread_main, (void *)i), "pthread_create");
}

int main(int argc, char **argv)
{
	struct timespec pause = { .tv_nsec = 100000000 };
	unsigned int rounds = 0;
	bool goes_on = true;
	pthread_t owner;

	migrant_start(argc, argv, 0, "");
	make_all();
	for (; goes_on; rounds++) {
		owner = hold_all();
		pthread_barrier_wait(&begin);
		requeue(&cond_early, &target_early, 1);
		/* so that most of them are blocked: all must be right, blocked or not */
		nanosleep(&pause, NULL);
		if (!rounds)
			migrant_tell("ready", "yes");
		goes_on = migrant_wait_hop();
		release_all(owner);
		pthread_barrier_wait(&end);
		check(turns == (rounds + 1) * 3, "pi: %u turns in %u rounds", turns, rounds + 1);
	}
	migrant_ok("hops=%u rounds=%u", migrant.hops, rounds);
}
