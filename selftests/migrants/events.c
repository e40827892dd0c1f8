// SPDX-License-Identifier: GPL-2.0
/*
 * eventfd, signalfd and timerfd, and threads that are blocked in reading them. Every
 * hop finds what the one before has left; counts, masks, and no tick lost or doubled.
 *
 * usage: events DIR HOPS
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

#define NS		1000000000ULL
#define PERIOD		(20 * NS / 1000)
#define LATE		(PERIOD / 2)
#define TIMERS		4

/**
 * struct timer - a periodic one
 * @clock: CLOCK_*
 * @absolute: set by a point in time
 * @fd: the timerfd
 * @start: when it expires first, of its clock; of CLOCK_MONOTONIC for a span
 * @ticks: that have been read
 */
static struct timer {
	int clock;
	bool absolute;
	int fd;
	uint64_t start;
	uint64_t ticks;
} timers[TIMERS] = {
	{ .clock = CLOCK_MONOTONIC, .absolute = true }, { .clock = CLOCK_BOOTTIME },
	{ .clock = CLOCK_REALTIME, .absolute = true }, { .clock = CLOCK_REALTIME },
};

static int count, semaphore, signals, once, far, off;
static int blocked[3];	/* eventfd, signalfd, timerfd that a thread waits for */
static uint64_t got[3];

static struct itimerspec spec(uint64_t value, uint64_t interval)
{
	return (struct itimerspec){
		.it_value = { value / NS, value % NS },
		.it_interval = { interval / NS, interval % NS },
	};
}

static uint64_t left(int fd)
{
	struct itimerspec its;

	check(!timerfd_gettime(fd, &its), "timerfd_gettime: %s", strerror(errno));
	return its.it_value.tv_sec * NS + its.it_value.tv_nsec;
}

/* The clock by which a timer really runs. */
static int base(const struct timer *t)
{
	return t->clock == CLOCK_REALTIME && !t->absolute ? CLOCK_MONOTONIC : t->clock;
}

static void start_timer(struct timer *t)
{
	struct itimerspec its;

	t->fd = timerfd_create(t->clock, TFD_NONBLOCK);
	t->start = now_ns(base(t)) + PERIOD;
	its = spec(t->absolute ? t->start : PERIOD, PERIOD);
	check(!timerfd_settime(t->fd, t->absolute ? TFD_TIMER_ABSTIME : 0, &its, NULL),
	      "timerfd_settime: %s", strerror(errno));
}

/*
 * As many as there were periods: not one more, and not one less than those that were
 * over some time ago, for a timer may be late.
 */
static void check_timer(struct timer *t)
{
	uint64_t n = 0, most, least, before = now_ns(base(t)) - LATE, now;

	check(read(t->fd, &n, sizeof(n)) == sizeof(n) || errno == EAGAIN, "timerfd: %s",
	      strerror(errno));
	now = now_ns(base(t));
	t->ticks += n;
	most = now < t->start ? 0 : (now - t->start) / PERIOD + 1;
	least = before < t->start ? 0 : (before - t->start) / PERIOD + 1;
	check(t->ticks <= most && t->ticks >= least,
	      "timer %d of clock %d: %llu ticks and not %llu to %llu", (int)(t - timers), t->clock,
	      (unsigned long long)t->ticks, (unsigned long long)least, (unsigned long long)most);
}

static void *reader(void *arg)
{
	int i = (long)arg;
	struct signalfd_siginfo info;
	uint64_t n = 0;

	if (i == 1) {
		check(read(blocked[1], &info, sizeof(info)) == sizeof(info), "signalfd: %s",
		      strerror(errno));
		n = info.ssi_signo;
	} else {
		check(read(blocked[i], &n, sizeof(n)) == sizeof(n), "blocked read: %s",
		      strerror(errno));
	}
	__atomic_store_n(&got[i], n, __ATOMIC_RELEASE);
	return NULL;
}

static void start_readers(pthread_t *threads)
{
	sigset_t set;
	long i;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	blocked[0] = eventfd(0, 0);
	blocked[1] = signalfd(-1, &set, SFD_CLOEXEC);
	blocked[2] = timerfd_create(CLOCK_MONOTONIC, 0);
	for (i = 0; i < 3; i++) {
		got[i] = 0;
		pthread_create(&threads[i], NULL, reader, (void *)i);
	}
}

static void end_readers(pthread_t *threads)
{
	struct itimerspec soon = spec(1, 0);
	unsigned int i;

	for (i = 0; i < 3; i++)
		check(!__atomic_load_n(&got[i], __ATOMIC_ACQUIRE), "reader %u: woken up", i);
	eventfd_write(blocked[0], 77);
	kill(getpid(), SIGRTMIN + 1);
	timerfd_settime(blocked[2], 0, &soon, NULL);
	for (i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		close(blocked[i]);
	}
	check(got[0] == 77 && got[1] == (uint64_t)SIGRTMIN + 1 && got[2] == 1,
	      "blocked readers got %llu, %llu, %llu", (unsigned long long)got[0],
	      (unsigned long long)got[1], (unsigned long long)got[2]);
}

static void open_all(void)
{
	struct itimerspec its = spec(1, 0);
	sigset_t set;
	unsigned int i;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 5);
	count = eventfd(5, EFD_NONBLOCK);
	semaphore = eventfd(3, EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK);
	signals = signalfd(-1, &set, SFD_NONBLOCK);
	once = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	timerfd_settime(once, 0, &its, NULL);
	far = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	its = spec(100000 * NS, 7 * NS);
	timerfd_settime(far, 0, &its, NULL);
	off = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	for (i = 0; i < TIMERS; i++)
		start_timer(&timers[i]);
}

static void check_counts(void)
{
	uint64_t n, i;

	check((fcntl(count, F_GETFL) & O_NONBLOCK) && !fcntl(count, F_GETFD) &&
	      fcntl(semaphore, F_GETFD) == FD_CLOEXEC, "eventfd: flags");
	check(!eventfd_read(count, &n) && n == 5, "eventfd: %llu", (unsigned long long)n);
	check(eventfd_read(count, &n) && errno == EAGAIN, "eventfd: still something there");
	for (i = 0; i < 3; i++)
		check(!eventfd_read(semaphore, &n) && n == 1, "semaphore: %llu",
		      (unsigned long long)n);
	check(eventfd_read(semaphore, &n) && errno == EAGAIN, "semaphore: more than 3");
	eventfd_write(count, 5);
	eventfd_write(semaphore, 3);
}

static void check_signals(void)
{
	struct signalfd_siginfo info;

	check(read(signals, &info, sizeof(info)) < 0 && errno == EAGAIN, "signalfd: %s",
	      strerror(errno));
	kill(getpid(), SIGUSR2);
	kill(getpid(), SIGUSR1);
	check(read(signals, &info, sizeof(info)) == sizeof(info) && info.ssi_signo == SIGUSR1,
	      "signalfd: no SIGUSR1");
	check(read(signals, &info, sizeof(info)) < 0, "signalfd: another signal than it asked for");
}

static void check_timers(unsigned int hop)
{
	struct pollfd p = { .fd = once, .events = POLLIN };
	uint64_t n, was;
	unsigned int i;

	for (i = 0; i < TIMERS; i++)
		check_timer(&timers[i]);
	if (hop == 1) {
		check(poll(&p, 1, 0) == 1 && read(once, &n, sizeof(n)) == sizeof(n) && n == 1,
		      "a tick that was not read is lost");
	}
	check(read(once, &n, sizeof(n)) < 0 && errno == EAGAIN, "a timer has gone off twice");
	was = left(far);
	check(was < 100000 * NS && was > 99000 * NS, "far: %llu ns left", (unsigned long long)was);
	check(!left(off), "a timer runs that was never set");
	check(fcntl(far, F_GETFD) == FD_CLOEXEC, "far: not close-on-exec");
}

int main(int argc, char **argv)
{
	pthread_t threads[3];
	unsigned int i, hops;

	migrant_start(argc, argv, 1, "HOPS");
	hops = atoi(argv[2]);
	open_all();
	start_readers(threads);
	migrant_tell("ready", "yes");
	for (i = 1; i <= hops; i++) {
		migrant_wait_hop();
		end_readers(threads);
		check_counts();
		check_signals();
		check_timers(i);
		start_readers(threads);
	}
	migrant_rest();
	check_timers(0);
	migrant_ok("hops=%u", migrant.hops);
}
