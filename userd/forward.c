// SPDX-License-Identifier: GPL-2.0
/*
 * The source's end of a pod's frames. From the moment when the pod stands the kernel holds
 * what comes to it, and gives it to us once the pod runs at the destination: by a connection
 * of its own it goes there, until nothing more comes. If it does not run there, what has come
 * there for it comes back.
 *
 * A thread for each pod that is prepared, which ends by itself, if need be later than the
 * migration. The connection is made while the pod runs, so that it is there when it is
 * needed. A daemon that dies takes it along, and the next one does not make another: what has
 * not been sent by then is lost.
 *
 * Shared by the thread and the job, and freed by the last of them; all that both change is
 * atomic.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "dev.h"
#include "ferry.h"
#include "forward.h"
#include "host.h"
#include "lines.h"

#define QUIET_MS	1000	/* without a frame, and none is expected any more */
#define LONGEST_MS	60000	/* but not longer, if they do not end */
#define BACK_MS		3000	/* for the first that comes back */

enum phase {
	ON,	/* the migration is under way */
	OVER,	/* it is independent, or there */
	STOP,	/* it will not happen, or not go on */
};

/**
 * struct tern_forward - a pod's frames
 * @refs: the job and the thread
 * @phase: enum phase
 * @bell: eventfd: @phase is another one
 * @id: of the migration
 * @peer: the destination's name
 * @ferry: with all but the bell
 */
struct tern_forward {
	unsigned int refs;
	unsigned int phase;
	int bell;
	__u64 id;
	const char *peer;
	struct tern_ferry ferry;
};

static void put(struct tern_forward *f)
{
	if (__atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL))
		return;
	tern_link_fini(&f->ferry.link);
	if (f->ferry.hold >= 0)
		close(f->ferry.hold);
	if (f->ferry.end >= 0)
		close(f->ferry.end);
	if (f->bell >= 0)
		close(f->bell);
	free(f);
}

static __u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

/* All that there is. 1: so far; 0: the pod is here, and what came back has, too. */
static int ferry(struct tern_forward *f)
{
	int rc = tern_ferry_send(&f->ferry);

	/* a destination that has given up an attempt, or has died, says nothing */
	if (!rc)
		tern_ferry_take(&f->ferry, BACK_MS);
	return rc;
}

static bool is_cut(const struct tern_forward *f)
{
	char byte;

	return recv(f->ferry.link.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

/* 0: all has been sent, or there is nothing to be sent. */
static int forward(struct tern_forward *f)
{
	struct pollfd p[3] = {
		{ .fd = f->ferry.hold, .events = POLLIN },
		{ .fd = f->bell, .events = POLLIN },
		{ .fd = f->ferry.link.fd, .events = POLLIN },
	};
	__u64 over = 0, now;
	eventfd_t nothing;
	unsigned int phase;
	int rc;

	for (;;) {
		phase = __atomic_load_n(&f->phase, __ATOMIC_ACQUIRE);
		rc = poll(p, 3, phase == OVER ? QUIET_MS : phase == STOP ? 0 : -1);
		if (rc < 0 && errno != EINTR)
			return -errno;
		now = now_ms();
		if (phase == OVER && !over)
			over = now;
		if (phase == OVER && (!rc || now - over > LONGEST_MS)) {
			tern_ferry_send_end(&f->ferry);
			return 0;
		}
		if (rc > 0 && p[0].revents) {
			rc = ferry(f);
			if (rc <= 0)
				return rc;
		}
		if (phase == STOP)
			return 0;
		if (rc > 0 && p[2].revents) {
			if (is_cut(f))
				return -ECONNRESET;
			/* it knows already that the pod is here, and we shall soon */
			p[2].fd = -1;
		}
		if (rc > 0 && p[1].revents)
			eventfd_read(f->bell, &nothing);
	}
}

static void *run(void *arg)
{
	struct tern_forward *f = arg;
	int rc = forward(f);

	if (rc && __atomic_load_n(&f->phase, __ATOMIC_ACQUIRE) != STOP)
		tern_log(LOG_WARNING,
			 "migration %016" PRIx64 ": what still comes for the pod is not sent on to host %s: %s",
			 (uint64_t)f->id, f->peer, strerror(-rc));
	else if (f->ferry.sent || f->ferry.taken)
		tern_log(LOG_INFO,
			 "migration %016" PRIx64 ": %llu frames sent on to host %s, %llu have come back",
			 (uint64_t)f->id, (unsigned long long)f->ferry.sent, f->peer,
			 (unsigned long long)f->ferry.taken);
	put(f);
	return NULL;
}

static int connect_peer(struct tern_forward *f, const struct tern_job *job, struct tern_why *why)
{
	int fd = tern_lines_call(job->host, job->peer, job->id, TERN_LANE_FRAMES);

	if (fd < 0)
		return tern_why_set(why, -ECONNRESET,
				    "host %s cannot be reached by a connection for what comes to the pod's address",
				    job->peer->name);
	return tern_link_init(&f->ferry.link, fd, -1);
}

static int open_end(struct tern_forward *f, int pid)
{
	int index = tern_net_index(pid);

	if (index > 0)
		f->ferry.end = tern_ferry_open(index);
	return index <= 0 ? (index ? index : -ENODEV) : f->ferry.end < 0 ? f->ferry.end : 0;
}

static int start_thread(struct tern_forward *f)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	f->refs = 2;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rc = -pthread_create(&thread, &attr, run, f);
	pthread_attr_destroy(&attr);
	if (rc)
		f->refs = 1;
	return rc;
}

/**
 * tern_forward_start() - have frames held from the moment when the migrant stands
 * @forward: receives it; tern_forward_over() or tern_forward_stop() it
 * @job: of a pod whose interface the destination has made
 * @dev: handle of it
 * @why: sentence
 */
int tern_forward_start(struct tern_forward **forward, const struct tern_job *job, int dev,
		       struct tern_why *why)
{
	struct tern_forward *f = calloc(1, sizeof(*f));
	int rc;

	*forward = NULL;
	if (!f)
		return -ENOMEM;
	f->refs = 1;
	f->ferry.link.fd = f->ferry.hold = f->ferry.end = -1;
	f->id = job->id;
	f->peer = job->peer->name;
	f->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = f->bell < 0 ? -errno : open_end(f, job->pid);
	if (!rc) {
		f->ferry.hold = tern_dev_hold(dev, why);
		rc = f->ferry.hold < 0 ? f->ferry.hold : connect_peer(f, job, why);
	}
	if (!rc)
		rc = start_thread(f);
	if (rc)
		put(f);
	else
		*forward = f;
	return rc ? tern_why_set(why, rc, "what comes to the pod's address cannot be held: %s",
				 strerror(-rc)) : 0;
}

static void leave(struct tern_forward **forward, enum phase phase)
{
	struct tern_forward *f = *forward;

	*forward = NULL;
	if (!f)
		return;
	__atomic_store_n(&f->phase, phase, __ATOMIC_RELEASE);
	eventfd_write(f->bell, 1);
	put(f);
}

/** tern_forward_over() - the migration is: what still comes is sent, until nothing does */
void tern_forward_over(struct tern_forward **forward)
{
	leave(forward, OVER);
}

/** tern_forward_stop() - nothing is sent any more; if the pod is here, what comes back is taken */
void tern_forward_stop(struct tern_forward **forward)
{
	leave(forward, STOP);
}
