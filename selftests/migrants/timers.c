// SPDX-License-Identifier: GPL-2.0
/*
 * Timers of all kinds, and the clocks of used time. All signals are blocked and
 * taken one by one, so that each expiry is accounted for: none may be lost, none may
 * come twice or too early, however the move falls between arming and taking.
 *
 * usage: timers DIR
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

#define SEC		1000000000LL
#define FAR		(100000 * SEC)
#define SHORT		(3 * SEC / 1000)
#define PATIENCE	(60 * SEC)

enum {
	SIG_PERIOD = 40, SIG_CHURN, SIG_CPU, SIG_KEPT, SIG_NEVER,
};

static atomic_ulong periods, churned, alarms, cpu_expiries;

static struct timespec spec(int64_t ns)
{
	return (struct timespec) { .tv_sec = ns / SEC, .tv_nsec = ns % SEC };
}

static int64_t ns(const struct timespec *ts)
{
	return ts->tv_sec * SEC + ts->tv_nsec;
}

/* By the system call: what glibc makes of it has timers of its own. */
static int make(clockid_t clock, int notify, int signo, int value)
{
	struct sigevent event = { .sigev_notify = notify, .sigev_signo = signo };
	int id = -1;

	event.sigev_value.sival_int = value;
	if (notify & SIGEV_THREAD_ID)
		event._sigev_un._tid = syscall(SYS_gettid);
	check(!syscall(SYS_timer_create, clock, &event, &id), "timer_create: %s", strerror(errno));
	return id;
}

static void set(int id, int flags, int64_t value, int64_t interval)
{
	struct itimerspec its = { .it_value = spec(value), .it_interval = spec(interval) };

	check(!syscall(SYS_timer_settime, id, flags, &its, NULL), "timer_settime(%d): %s", id,
	      strerror(errno));
}

static bool take(int signo, int64_t patience, siginfo_t *info)
{
	struct timespec ts = spec(patience);
	sigset_t one;
	int got;

	sigemptyset(&one);
	sigaddset(&one, signo);
	got = sigtimedwait(&one, info, &ts);
	check(got == signo || errno == EAGAIN, "sigtimedwait: %s", strerror(errno));
	return got == signo;
}

/* A timer of @id has expired, as it says; not before its time; and once. */
static void taken(const char *what, int signo, int id, int64_t now, int64_t expires)
{
	siginfo_t info = { 0 };

	check(take(signo, PATIENCE, &info), "%s: it has not expired at hop %u", what, migrant.hops);
	check(id < 0 || (info.si_code == SI_TIMER && info.si_timerid == id),
	      "%s: code %d, timer %d and not %d", what, info.si_code, info.si_timerid, id);
	check(now_ns(now) >= (uint64_t)expires, "%s: too early by %lld ns at hop %u", what,
	      (long long)(expires - now_ns(now)), migrant.hops);
	check(!take(signo, 0, &info), "%s: twice at hop %u", what, migrant.hops);
}

/* Expiries, those that are only counted included, are as many as there were periods. */
static void *period(void *unused)
{
	const int64_t each = SEC / 500;
	int id = make(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIG_PERIOD, 4711);
	int64_t start = now_ns(CLOCK_MONOTONIC) + each, before, after, counted = 0;
	siginfo_t info;

	set(id, TIMER_ABSTIME, start, each);
	for (;; periods++) {
		check(take(SIG_PERIOD, PATIENCE, &info), "period: it has stopped at hop %u",
		      migrant.hops);
		after = now_ns(CLOCK_MONOTONIC);
		counted += 1 + info.si_overrun;
		check(info.si_value.sival_int == 4711, "period: value %d", info.si_value.sival_int);
		check(counted <= (after - start) / each + 1, "period: %lld expiries of %lld at hop %u",
		      (long long)counted, (long long)((after - start) / each + 1), migrant.hops);
		check(syscall(SYS_timer_getoverrun, id) == info.si_overrun, "period: overrun %ld of %d",
		      syscall(SYS_timer_getoverrun, id), info.si_overrun);
		/* what is pending now is counted when it is taken */
		before = now_ns(CLOCK_MONOTONIC);
		check(take(SIG_PERIOD, PATIENCE, &info), "period: it has stopped at hop %u",
		      migrant.hops);
		counted += 1 + info.si_overrun;
		check(counted >= (before - start) / each, "period: %lld expiries of %lld at hop %u",
		      (long long)counted, (long long)((before - start) / each), migrant.hops);
	}
	return unused;
}

/* Timers that come and go, each with the next id, and tell this thread alone. */
static void *churn(void *unused)
{
	int id, last = -1;
	int64_t expires;

	/* nobody else makes timers from here on */
	while (!periods || !cpu_expiries)
		nanosleep(&(struct timespec){ .tv_nsec = SHORT }, NULL);
	for (;; churned++) {
		id = make(CLOCK_BOOTTIME, SIGEV_THREAD_ID, SIG_CHURN, 0);
		check(last < 0 || id == last + 1, "churn: id %d after %d at hop %u", id, last,
		      migrant.hops);
		last = id;
		expires = now_ns(CLOCK_BOOTTIME) + SHORT;
		set(id, TIMER_ABSTIME, expires, 0);
		taken("churn", SIG_CHURN, id, CLOCK_BOOTTIME, expires);
		check(!syscall(SYS_timer_delete, id), "timer_delete: %s", strerror(errno));
	}
	return unused;
}

static void *alarm_clock(void *unused)
{
	struct itimerval it = { .it_value.tv_usec = SHORT / 1000 }, left;
	int64_t expires;

	for (;; alarms++) {
		expires = now_ns(CLOCK_MONOTONIC) + SHORT;
		check(!setitimer(ITIMER_REAL, &it, NULL), "setitimer: %s", strerror(errno));
		taken("alarm", SIGALRM, -1, CLOCK_MONOTONIC, expires);
		/* a microsecond is left as long as the kernel has not quite done with it */
		check(!getitimer(ITIMER_REAL, &left) && !left.it_value.tv_sec &&
		      left.it_value.tv_usec <= 1,
		      "alarm: it is armed again at hop %u", migrant.hops);
	}
	return unused;
}

static void *cpu_clock(void *unused)
{
	int id = make(CLOCK_THREAD_CPUTIME_ID, SIGEV_THREAD_ID, SIG_CPU, 0);
	struct timespec pause = { .tv_nsec = 1000000 };
	sigset_t pending;
	int64_t expires;

	for (;; cpu_expiries++) {
		expires = now_ns(CLOCK_THREAD_CPUTIME_ID) + SHORT;
		set(id, TIMER_ABSTIME, expires, 0);
		do {
			sigpending(&pending);
		} while (!sigismember(&pending, SIG_CPU));
		/* it waits for a while, so that it is moved while it waits, too */
		nanosleep(&pause, NULL);
		taken("cpu", SIG_CPU, id, CLOCK_THREAD_CPUTIME_ID, expires);
	}
	return unused;
}

/* ---- what stands still ---------------------------------------------------------- */

/* Timers that will not expire: their clocks, and when they would. */
static struct {
	clockid_t clock;
	clockid_t counts;	/* the clock that tells the time that is left */
	int flags;
	int notify;
	int64_t interval;
	int64_t expires;
	int id;
} kept[] = {
	{ CLOCK_MONOTONIC, CLOCK_MONOTONIC, TIMER_ABSTIME, SIGEV_SIGNAL, 7 * SEC, 0, 0 },
	{ CLOCK_MONOTONIC, CLOCK_MONOTONIC, 0, SIGEV_NONE, 0, 0, 0 },
	{ CLOCK_BOOTTIME, CLOCK_BOOTTIME, TIMER_ABSTIME, SIGEV_SIGNAL, 0, 0, 0 },
	{ CLOCK_REALTIME, CLOCK_REALTIME, TIMER_ABSTIME, SIGEV_SIGNAL, 0, 0, 0 },
	{ CLOCK_REALTIME, CLOCK_MONOTONIC, 0, SIGEV_SIGNAL, 0, 0, 0 },
	{ CLOCK_TAI, CLOCK_TAI, TIMER_ABSTIME, SIGEV_SIGNAL, 11 * SEC, 0, 0 },
	{ CLOCK_PROCESS_CPUTIME_ID, CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, SIGEV_SIGNAL, SEC, 0, 0 },
	{ CLOCK_THREAD_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, TIMER_ABSTIME, SIGEV_NONE, 0, 0, 0 },
};

#define NR_KEPT (sizeof(kept) / sizeof(kept[0]))

static int disarmed, deleted, expired, again;

static void make_kept(void)
{
	struct itimerval virt = { { 7, 0 }, { 1000, 0 } }, prof = { { 9, 0 }, { 2000, 0 } };
	unsigned int i;

	for (i = 0; i < NR_KEPT; i++) {
		/* ids with gaps */
		deleted = make(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0);
		kept[i].id = make(kept[i].clock, kept[i].notify, SIG_NEVER, 0);
		check(!syscall(SYS_timer_delete, deleted), "timer_delete: %s", strerror(errno));
		kept[i].expires = now_ns(kept[i].counts) + FAR;
		set(kept[i].id, kept[i].flags, kept[i].flags ? kept[i].expires : FAR, kept[i].interval);
	}
	disarmed = make(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIG_NEVER, 0);
	check(!setitimer(ITIMER_VIRTUAL, &virt, NULL) && !setitimer(ITIMER_PROF, &prof, NULL),
	      "setitimer: %s", strerror(errno));
	expired = make(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIG_KEPT, 0);
	set(expired, 0, 1, 0);
	/* its signal waits, and it has been armed anew since */
	again = make(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIG_KEPT + 10, 0);
	set(again, 0, 1, 5 * SEC);
	nanosleep(&(struct timespec){ .tv_nsec = SHORT }, NULL);
	set(again, 0, FAR, 5 * SEC);
}

static int64_t left(int id, int64_t *interval)
{
	struct itimerspec its;

	check(!syscall(SYS_timer_gettime, id, &its), "timer %d at hop %u: %s", id, migrant.hops,
	      strerror(errno));
	*interval = ns(&its.it_interval);
	return ns(&its.it_value);
}

static bool is_cpu(clockid_t clock)
{
	return clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
}

/*
 * Relative ones were set a little after their time was noted; clocks of used time
 * are read without what the current tick has used.
 */
static void check_kept(void)
{
	int64_t slack, before, after, rest, interval;
	unsigned int i;

	for (i = 0; i < NR_KEPT; i++) {
		slack = kept[i].flags && !is_cpu(kept[i].counts) ? 0 : 10 * SEC;
		before = kept[i].expires - now_ns(kept[i].counts);
		rest = left(kept[i].id, &interval);
		after = kept[i].expires - now_ns(kept[i].counts);
		check(rest <= before + slack && rest >= after - slack,
		      "kept %u: %lld left and not %lld to %lld at hop %u", i, (long long)rest,
		      (long long)after, (long long)before, migrant.hops);
		check(interval == kept[i].interval, "kept %u: interval %lld at hop %u", i,
		      (long long)interval, migrant.hops);
	}
	check(!left(disarmed, &interval) && !interval, "disarmed: it is armed");
	check(!left(expired, &interval) && !interval, "expired: it is armed");
	rest = left(again, &interval);
	check(rest > FAR / 2 && interval == 5 * SEC, "again: %lld left, interval %lld at hop %u",
	      (long long)rest, (long long)interval, migrant.hops);
	check(syscall(SYS_timer_gettime, deleted, &(struct itimerspec){ 0 }) < 0,
	      "a timer that was deleted");
}

static void check_itimers(void)
{
	struct itimerval virt, prof;

	check(!getitimer(ITIMER_VIRTUAL, &virt) && !getitimer(ITIMER_PROF, &prof), "getitimer: %s",
	      strerror(errno));
	check(virt.it_interval.tv_sec == 7 && virt.it_value.tv_sec > 500 &&
	      virt.it_value.tv_sec <= 1000,
	      "virtual: %ld s of %ld s at hop %u", virt.it_value.tv_sec, virt.it_interval.tv_sec,
	      migrant.hops);
	check(prof.it_interval.tv_sec == 9 && prof.it_value.tv_sec > 500 &&
	      prof.it_value.tv_sec <= 2000,
	      "prof: %ld s of %ld s at hop %u", prof.it_value.tv_sec, prof.it_interval.tv_sec,
	      migrant.hops);
}

/* What expired before the first move waits through all of them, once each. */
static void check_pending(void)
{
	siginfo_t info;

	check(take(SIG_KEPT, 0, &info) && info.si_timerid == expired, "expired: no signal waits");
	check(!take(SIG_KEPT, 0, &info), "expired: twice");
	check(take(SIG_KEPT + 10, 0, &info) && info.si_timerid == again, "again: no signal waits");
	check(!take(SIG_KEPT + 10, 0, &info), "again: twice");
	check(!take(SIG_NEVER, 0, &info), "timer %d has expired", info.si_timerid);
	check_kept();
}

/* ---- what was used ---------------------------------------------------------------- */

struct used {
	int64_t process, thread, user, system, ticks, switches, faults, rss;
};

static int64_t us(const struct timeval *tv)
{
	return tv->tv_sec * 1000000LL + tv->tv_usec;
}

static void look_used(struct used *u)
{
	struct rusage ru;
	struct tms tms;

	u->process = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	u->thread = now_ns(CLOCK_THREAD_CPUTIME_ID);
	getrusage(RUSAGE_SELF, &ru);
	times(&tms);
	u->user = us(&ru.ru_utime);
	u->system = us(&ru.ru_stime);
	u->ticks = tms.tms_utime + tms.tms_stime;
	u->switches = ru.ru_nvcsw + ru.ru_nivcsw;
	u->faults = ru.ru_minflt + ru.ru_majflt;
	u->rss = ru.ru_maxrss;
}

/* None of them ever goes back. */
static void check_used(struct used *last)
{
	static const char *const names[] = {
		"process clock", "thread clock", "user time", "system time", "ticks",
		"context switches", "page faults", "resident size",
	};
	struct used now;
	int64_t *a = (int64_t *)last, *b = (int64_t *)&now;
	unsigned int i;

	look_used(&now);
	for (i = 0; i < sizeof(now) / sizeof(*b); i++)
		check(b[i] >= a[i], "%s: %lld after %lld at hop %u", names[i], (long long)b[i],
		      (long long)a[i], migrant.hops);
	*last = now;
}

int main(int argc, char **argv)
{
	static void *(*const threads[])(void *) = { period, churn, alarm_clock, cpu_clock };
	struct timespec pause = { .tv_nsec = 1000000 };
	struct used used = { 0 };
	pthread_t thread;
	sigset_t all;
	unsigned int i;

	migrant_start(argc, argv, 0, "");
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	make_kept();
	/* more than a shell uses */
	while (now_ns(CLOCK_PROCESS_CPUTIME_ID) < SEC / 2)
		;
	for (i = 0; i < sizeof(threads) / sizeof(threads[0]); i++)
		check(!pthread_create(&thread, NULL, threads[i], NULL), "pthread_create");
	migrant_tell("ready", "yes");
	while (migrant_step()) {
		check_kept();
		check_itimers();
		check_used(&used);
		nanosleep(&pause, NULL);
	}
	check_pending();
	check(periods && churned && alarms && cpu_expiries,
	      "%lu periods, %lu timers, %lu alarms, %lu of used time", periods, churned, alarms, cpu_expiries);
	migrant_ok("hops=%u periods=%lu churned=%lu alarms=%lu cpu=%lu", migrant.hops, periods,
		   churned, alarms, cpu_expiries);
}
