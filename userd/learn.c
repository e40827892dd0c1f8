// SPDX-License-Identifier: GPL-2.0
/*
 * The functions that restart a blocked call are private to the kernel. Three
 * template threads block in one such call each, and the module looks at them.
 *
 * The threads are detached and end with their time-outs; they own nothing and
 * touch nothing but their own static variables.
 */
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "dev.h"
#include "learn.h"

#define BLOCK_S		10	/* how long the templates stay blocked */
#define TRY_NS		5000000
#define TRIES		200	/* one second in all */

static void block_nanosleep(void)
{
	struct timespec ts = { .tv_sec = BLOCK_S };

	nanosleep(&ts, NULL);
}

static void block_poll(void)
{
	poll(NULL, 0, BLOCK_S * 1000);
}

static void block_futex(void)
{
	static int word;
	struct timespec ts = { .tv_sec = BLOCK_S };

	syscall(SYS_futex, &word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, &ts, NULL, 0);
}

static struct template {
	const char *call;
	void (*block)(void);
	int tid;
} templates[] = {
	{ "nanosleep", block_nanosleep, 0 },
	{ "poll", block_poll, 0 },
	{ "futex", block_futex, 0 },
};

static void *run(void *arg)
{
	struct template *t = arg;

	__atomic_store_n(&t->tid, gettid(), __ATOMIC_RELEASE);
	t->block();
	return NULL;
}

static int learn_one(int dev, struct template *t)
{
	struct timespec pause = { .tv_nsec = TRY_NS };
	unsigned int i;
	pthread_t thread;
	int rc;

	rc = -pthread_create(&thread, NULL, run, t);
	if (rc)
		return rc;
	pthread_detach(thread);
	for (i = 0; i < TRIES; i++) {
		int tid = __atomic_load_n(&t->tid, __ATOMIC_ACQUIRE);

		/* it says its tid before it blocks, and needs a moment for that */
		rc = tid ? tern_dev_learn(dev, tid) : -EAGAIN;
		if (rc != -EAGAIN)
			return rc;
		nanosleep(&pause, NULL);
	}
	return rc;
}

/**
 * tern_learn() - show the module one thread blocked in each call with a restart
 * @dev: handle of /dev/tern
 * @why: which one failed
 */
int tern_learn(int dev, struct tern_why *why)
{
	unsigned int i;

	for (i = 0; i < sizeof(templates) / sizeof(templates[0]); i++) {
		int rc = learn_one(dev, &templates[i]);

		if (rc)
			return tern_why_set(why, rc,
					    "the module could not learn how %s is restarted: %s; a migrant blocked in such a call will be refused",
					    templates[i].call, strerror(-rc));
	}
	return 0;
}
