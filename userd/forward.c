// SPDX-License-Identifier: GPL-2.0
/*
 * The source's end of a pod's frames. From the moment when the pod stands the kernel holds
 * what comes to it (kmod/hold.c), and gives it to us once the pod runs at the destination: by
 * a connection of its own it goes there, until nothing more comes.
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
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "dev.h"
#include "forward.h"
#include "host.h"
#include "lines.h"
#include "link.h"

#define QUIET_MS	1000	/* without a frame, and none is expected any more */
#define LONGEST_MS	60000	/* but not longer, if they do not end */
#define LINGER_MS	1000

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
 * @hold: descriptor of the kernel's hold
 * @link: to the destination
 * @frames: that were sent
 * @buf: one of them
 */
struct tern_forward {
	unsigned int refs;
	unsigned int phase;
	int bell;
	__u64 id;
	const char *peer;
	int hold;
	struct tern_link link;
	__u64 frames;
	char buf[TERN_WIRE_FRAME_LEN];
};

static void put(struct tern_forward *f)
{
	if (__atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL))
		return;
	tern_link_fini(&f->link);
	if (f->hold >= 0)
		close(f->hold);
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

/* All that there is. 1: so far; 0: the pod is here, and there will be nothing. */
static int send_frames(struct tern_forward *f)
{
	ssize_t n;
	int rc;

	for (;;) {
		n = read(f->hold, f->buf, sizeof(f->buf));
		if (!n)
			return 0;
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 1 : -errno;
		rc = tern_link_send(&f->link, TERN_MSG_FRAME, f->buf, n);
		if (rc)
			return rc;
		f->frames++;
	}
}

static void say_end(struct tern_forward *f)
{
	if (!tern_link_send(&f->link, TERN_MSG_FRAMES_END, NULL, 0))
		tern_link_linger(&f->link, LINGER_MS);
}

/* 0: all has been sent, or there is nothing to be sent. */
static int forward(struct tern_forward *f)
{
	struct pollfd p[3] = {
		{ .fd = f->hold, .events = POLLIN },
		{ .fd = f->bell, .events = POLLIN },
		{ .fd = f->link.fd, .events = POLLIN },
	};
	__u64 over = 0, now;
	eventfd_t nothing;
	unsigned int phase;
	int rc;

	for (;;) {
		phase = __atomic_load_n(&f->phase, __ATOMIC_ACQUIRE);
		if (phase == STOP)
			return 0;
		rc = poll(p, 3, phase == OVER ? QUIET_MS : -1);
		if (rc < 0 && errno != EINTR)
			return -errno;
		now = now_ms();
		if (phase == OVER && !over)
			over = now;
		if (!rc || (over && now - over > LONGEST_MS)) {
			say_end(f);
			return 0;
		}
		if (rc < 0)
			continue;
		if (p[1].revents)
			eventfd_read(f->bell, &nothing);
		/* the destination has nothing to say */
		if (p[2].revents)
			return -ECONNRESET;
		if (p[0].revents) {
			rc = send_frames(f);
			if (rc <= 0)
				return rc;
		}
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
	else if (f->frames)
		tern_log(LOG_INFO, "migration %016" PRIx64 ": %llu frames sent on to host %s",
			 (uint64_t)f->id, (unsigned long long)f->frames, f->peer);
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
	return tern_link_init(&f->link, fd, -1);
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
	f->link.fd = -1;
	f->id = job->id;
	f->peer = job->peer->name;
	f->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = f->bell < 0 ? -errno : 0;
	f->hold = rc ? rc : tern_dev_hold(dev, why);
	if (!rc && f->hold < 0)
		rc = f->hold;
	if (!rc && fcntl(f->hold, F_SETFL, O_NONBLOCK))
		rc = -errno;
	if (!rc)
		rc = connect_peer(f, job, why);
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

/** tern_forward_stop() - nothing is sent any more */
void tern_forward_stop(struct tern_forward **forward)
{
	leave(forward, STOP);
}
