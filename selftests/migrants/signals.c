// SPDX-License-Identifier: GPL-2.0
/*
 * Counts what arrives: SIGRTMIN with the values 1, 2, 3 … each exactly once and
 * in order, SIGUSR1 (of which pending ones become one) at least once and not
 * more often than sent, SIGRTMIN+1 to one certain thread.
 *
 * usage: signals DIR VALUES USR1-MOST     (how many were sent, at the end)
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

#define VALUES_MAX 4096

static int values[VALUES_MAX];
static _Atomic int nr_values, nr_usr1, nr_thread, wrong_thread;
static int waiter;

static void on_value(int signo, siginfo_t *info, void *context)
{
	int n = atomic_fetch_add(&nr_values, 1);

	(void)signo;
	(void)context;
	if (n < VALUES_MAX)
		values[n] = info->si_code == SI_QUEUE ? info->si_value.sival_int : -1;
}

static void on_usr1(int signo)
{
	(void)signo;
	nr_usr1++;
}

static void on_thread(int signo)
{
	(void)signo;
	nr_thread++;
	if (syscall(SYS_gettid) != waiter)
		wrong_thread++;
}

/* Takes only the signals that are sent to it; blocks the process's. */
static void *wait_thread(void *arg)
{
	struct timespec pause = { .tv_sec = 1 };
	sigset_t set;

	(void)arg;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	waiter = syscall(SYS_gettid);
	for (;;)
		nanosleep(&pause, NULL);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sigaction value = { .sa_sigaction = on_value, .sa_flags = SA_SIGINFO };
	struct sigaction usr1 = { .sa_handler = on_usr1 };
	struct sigaction to_thread = { .sa_handler = on_thread, .sa_flags = SA_RESTART };
	struct timespec pause = { .tv_nsec = 20000000 };
	int sent, most, i;
	pthread_t thread;

	migrant_start(argc, argv, 2, "VALUES USR1-MOST");
	sent = atoi(argv[2]);
	most = atoi(argv[3]);
	sigaction(SIGRTMIN, &value, NULL);
	sigaction(SIGRTMIN + 1, &to_thread, NULL);
	sigaction(SIGUSR1, &usr1, NULL);
	check(!pthread_create(&thread, NULL, wait_thread, NULL), "no thread");
	migrant_tell("ready", "yes");
	while (migrant_step())
		nanosleep(&pause, NULL);

	check(nr_values == sent, "%d values instead of %d, last %d", nr_values, sent,
	      nr_values ? values[nr_values - 1] : 0);
	for (i = 0; i < sent; i++)
		check(values[i] == i + 1, "value %d came as number %d", values[i], i + 1);
	check(!!most <= nr_usr1 && nr_usr1 <= most, "SIGUSR1 %d times, 1 to %d were sent",
	      nr_usr1, most);
	check(!wrong_thread, "%d signals to a thread came to another", wrong_thread);
	migrant_ok("hops=%u values=%d usr1=%d thread=%d", migrant.hops, nr_values, nr_usr1,
		   nr_thread);
}
