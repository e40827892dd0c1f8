// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks in one system call for some seconds, to be moved meanwhile, and looks
 * afterwards whether anything was to be noticed: a result that the call would
 * not have had, or a wait that was too short or too long by its own clock.
 *
 * usage: calls DIR CALL [SECONDS]
 *
 * TERN_EARLY_MS (1) and TERN_LATE_MS (1000) bound the deviation; the verdict
 * tells it, so that a test on an idle lab can ask for less.
 */
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

#define NS 1000000000LL

static int pipefd[2];
static struct timespec wait_for;	/* how long it is to block */
static volatile sig_atomic_t handled;

static void on_signal(int signo)
{
	handled = signo;
}

static struct timespec at(int clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	ts.tv_sec += wait_for.tv_sec;
	return ts;
}

static int wait_ms(void)
{
	return wait_for.tv_sec * 1000;
}

/* Each call returns 0, or what was wrong about its result. */

static const char *call_nanosleep(void)
{
	struct timespec left;

	if (nanosleep(&wait_for, &left))
		return strerror(errno);
	/* the kernel writes @left whenever a sleep is interrupted, and then restarts it */
	return NULL;
}

static const char *sleep_until(int clock)
{
	struct timespec ts = at(clock);
	int rc = clock_nanosleep(clock, TIMER_ABSTIME, &ts, NULL);

	return rc ? strerror(rc) : NULL;
}

static const char *call_clock_monotonic(void)
{
	return sleep_until(CLOCK_MONOTONIC);
}

static const char *call_clock_boottime(void)
{
	return sleep_until(CLOCK_BOOTTIME);
}

static const char *call_clock_realtime(void)
{
	return sleep_until(CLOCK_REALTIME);
}

static const char *timed_out(int rc)
{
	return rc < 0 ? strerror(errno) : rc ? "something was ready" : NULL;
}

static const char *call_poll(void)
{
	struct pollfd pfd = { .fd = pipefd[0], .events = POLLIN };

	return timed_out(poll(&pfd, 1, wait_ms()));
}

static const char *call_ppoll(void)
{
	struct pollfd pfd = { .fd = pipefd[0], .events = POLLIN };
	sigset_t mask;

	sigemptyset(&mask);
	return timed_out(ppoll(&pfd, 1, &wait_for, &mask));
}

static const char *call_select(void)
{
	struct timeval tv = { .tv_sec = wait_for.tv_sec };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(pipefd[0], &set);
	return timed_out(select(pipefd[0] + 1, &set, NULL, NULL, &tv));
}

static const char *call_pselect(void)
{
	sigset_t mask;
	fd_set set;

	sigemptyset(&mask);
	FD_ZERO(&set);
	FD_SET(pipefd[0], &set);
	return timed_out(pselect(pipefd[0] + 1, &set, NULL, NULL, &wait_for, &mask));
}

static int make_epoll(void)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = 0xdeadbeefcafeULL };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	check(ep >= 0 && !epoll_ctl(ep, EPOLL_CTL_ADD, pipefd[0], &ev), "no epoll: %s",
	      strerror(errno));
	return ep;
}

static const char *call_epoll_wait(void)
{
	struct epoll_event ev;

	return timed_out(epoll_wait(make_epoll(), &ev, 1, wait_ms()));
}

static const char *call_epoll_pwait(void)
{
	struct epoll_event ev;
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	return timed_out(epoll_pwait(make_epoll(), &ev, 1, wait_ms(), &mask));
}

static const char *call_futex(void)
{
	static uint32_t word = 5;
	long rc = syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 5, &wait_for);

	if (!rc)
		return "woken by nobody";
	return errno == ETIMEDOUT ? NULL : strerror(errno);
}

static const char *call_cond_timedwait(void)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct timespec until = at(CLOCK_MONOTONIC);
	pthread_condattr_t attr;
	pthread_cond_t cond;
	int rc;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&cond, &attr);
	pthread_mutex_lock(&lock);
	do {
		rc = pthread_cond_timedwait(&cond, &lock, &until);
	} while (!rc);
	return rc == ETIMEDOUT ? NULL : strerror(rc);
}

static const char *call_sigtimedwait(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	if (sigtimedwait(&set, NULL, &wait_for) >= 0)
		return "a signal that nobody sent";
	return errno == EAGAIN ? NULL : strerror(errno);
}

/* Calls that another thread ends: it sleeps and then does @wake. */
static pthread_t main_thread;

static void *write_later(void *arg)
{
	(void)arg;
	clock_nanosleep(CLOCK_MONOTONIC, 0, &wait_for, NULL);
	check(write(pipefd[1], "hello", 5) == 5, "cannot write to the pipe");
	return NULL;
}

static void *signal_later(void *arg)
{
	(void)arg;
	clock_nanosleep(CLOCK_MONOTONIC, 0, &wait_for, NULL);
	pthread_kill(main_thread, SIGUSR1);
	return NULL;
}

static void later(void *(*wake)(void *))
{
	pthread_t thread;

	main_thread = pthread_self();
	check(!pthread_create(&thread, NULL, wake, NULL), "no thread");
}

static const char *call_read_pipe(void)
{
	char buf[16];
	ssize_t len;

	later(write_later);
	len = read(pipefd[0], buf, sizeof(buf));
	if (len < 0)
		return strerror(errno);
	return len == 5 && !memcmp(buf, "hello", 5) ? NULL : "wrong bytes";
}

static const char *call_pause(void)
{
	later(signal_later);
	if (pause() != -1 || errno != EINTR)
		return "pause returned without a signal";
	return handled == SIGUSR1 ? NULL : "EINTR without the handler";
}

static const char *call_sigsuspend(void)
{
	sigset_t block, old, now;

	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigprocmask(SIG_BLOCK, &block, &old);
	later(signal_later);
	if (sigsuspend(&old) != -1 || errno != EINTR)
		return "sigsuspend returned without a signal";
	sigprocmask(SIG_BLOCK, NULL, &now);
	if (!sigismember(&now, SIGUSR1))
		return "the mask was not put back";
	return handled == SIGUSR1 ? NULL : "EINTR without the handler";
}

/* SA_RESTART must not be what makes these look right. */
static const char *call_join(void)
{
	pthread_t thread;
	int rc;

	main_thread = pthread_self();
	check(!pthread_create(&thread, NULL, write_later, NULL), "no thread");
	rc = pthread_join(thread, NULL);
	return rc ? strerror(rc) : NULL;
}

static const struct {
	const char *name;
	const char *(*call)(void);
} calls[] = {
	{ "nanosleep", call_nanosleep },
	{ "clock_monotonic", call_clock_monotonic },
	{ "clock_boottime", call_clock_boottime },
	{ "clock_realtime", call_clock_realtime },
	{ "poll", call_poll },
	{ "ppoll", call_ppoll },
	{ "select", call_select },
	{ "pselect", call_pselect },
	{ "epoll_wait", call_epoll_wait },
	{ "epoll_pwait", call_epoll_pwait },
	{ "futex", call_futex },
	{ "cond_timedwait", call_cond_timedwait },
	{ "sigtimedwait", call_sigtimedwait },
	{ "read_pipe", call_read_pipe },
	{ "pause", call_pause },
	{ "sigsuspend", call_sigsuspend },
	{ "join", call_join },
};

static long limit_ms(const char *name, long otherwise)
{
	const char *text = getenv(name);

	return text ? atol(text) : otherwise;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	long long begin, late;
	const char *wrong;
	unsigned int i;
	int clock;

	migrant_start(argc, argv, 1, "CALL [SECONDS]");
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (!strcmp(calls[i].name, argv[2]))
			break;
	if (i == sizeof(calls) / sizeof(calls[0]))
		migrant_fail("no call %s", argv[2]);
	wait_for.tv_sec = argc > 3 ? atol(argv[3]) : 12;
	sigaction(SIGUSR1, &action, NULL);
	check(!pipe(pipefd), "no pipe");
	migrant_step();
	migrant_tell("ready", "yes");

	/* the time of day is the host's, and hosts may disagree about it */
	clock = strcmp(argv[2], "clock_realtime") ? CLOCK_MONOTONIC : CLOCK_REALTIME;
	begin = now_ns(clock);
	wrong = calls[i].call();
	late = (long long)now_ns(clock) - begin - wait_for.tv_sec * NS;
	migrant_hopped();
	check(!wrong, "%s: %s, after %.3f s", argv[2], wrong, (late + wait_for.tv_sec * NS) / 1e9);
	check(late >= -1000000 * limit_ms("TERN_EARLY_MS", 1), "%s: %.3f ms too early", argv[2],
	      -late / 1e6);
	check(late <= 1000000 * limit_ms("TERN_LATE_MS", 1000), "%s: %.3f ms late", argv[2],
	      late / 1e6);
	migrant_ok("hops=%u call=%s late_ms=%.3f", migrant.hops, argv[2], late / 1e6);
}
