// SPDX-License-Identifier: GPL-2.0
/*
 * The destination's end of a pod's frames. What the source sends (forward.c) waits in the
 * connection until the pod runs here. If it will never run here, what has come here for it
 * goes back, and by then the source has told the segment where it is.
 *
 * Owns the table of the pods that are expected, guarded by its lock, and a thread for each
 * connection.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ferry.h"
#include "host.h"
#include "inject.h"

#define QUIET_MS	1000	/* without a frame that has to go back */
#define LONGEST_S	20

enum state {
	WAITS,	/* the pod is being made */
	GOES,	/* it runs here */
	GONE,	/* it does not, and will not */
};

/**
 * struct tern_inject - a pod that is expected
 * @refs: the job, and the thread if there is one
 * @id: of the migration
 * @peer: whence it comes
 * @end: packet socket of this host's end of its interface
 * @hold: what has come to it here; -1: it has been let in
 * @state: enum state
 * @busy: it has a thread
 * @next: in the table
 */
struct tern_inject {
	unsigned int refs;
	__u64 id;
	const struct tern_peer *peer;
	int end;
	int hold;
	enum state state;
	bool busy;
	struct tern_inject *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t news = PTHREAD_COND_INITIALIZER;
static struct tern_inject *table;

/* Under the lock. */
static void put(struct tern_inject *inject)
{
	if (--inject->refs)
		return;
	close(inject->end);
	if (inject->hold >= 0)
		close(inject->hold);
	free(inject);
}

/**
 * tern_inject_create() - a pod is expected
 * @inject: receives it; tern_inject_drop() it
 * @id: of the migration
 * @peer: whence it comes
 * @index: of this host's end of its interface
 * @hold: what comes to it here; ours from now on
 */
int tern_inject_create(struct tern_inject **inject, __u64 id, const struct tern_peer *peer,
		       int index, int hold)
{
	struct tern_inject *new = calloc(1, sizeof(*new));
	int end = new ? tern_ferry_open(index) : -ENOMEM;

	*inject = NULL;
	if (end < 0) {
		close(hold);
		free(new);
		return end;
	}
	*new = (struct tern_inject){
		.refs = 1, .id = id, .peer = peer, .end = end, .hold = hold,
	};
	pthread_mutex_lock(&lock);
	new->next = table;
	table = new;
	pthread_mutex_unlock(&lock);
	*inject = new;
	return 0;
}

/** tern_inject_go() - it runs here; NULL: nothing */
void tern_inject_go(struct tern_inject *inject)
{
	if (!inject)
		return;
	pthread_mutex_lock(&lock);
	inject->state = GOES;
	/* it is over, and would keep the namespace */
	close(inject->hold);
	inject->hold = -1;
	pthread_cond_broadcast(&news);
	pthread_mutex_unlock(&lock);
}

/** tern_inject_drop() - it is not expected any more; if it runs here, what comes is handed on */
void tern_inject_drop(struct tern_inject **inject)
{
	struct tern_inject *old = *inject, **p;

	*inject = NULL;
	if (!old)
		return;
	pthread_mutex_lock(&lock);
	for (p = &table; *p != old; p = &(*p)->next)
		;
	*p = old->next;
	if (old->state == WAITS)
		old->state = GONE;
	pthread_cond_broadcast(&news);
	put(old);
	pthread_mutex_unlock(&lock);
}

/* ---- connections ------------------------------------------------------------------------ */

/**
 * struct catcher - a connection's thread
 * @inject: the pod
 * @ferry: its end is @inject's
 */
struct catcher {
	struct tern_inject *inject;
	struct tern_ferry ferry;
};

static bool goes(struct tern_inject *inject)
{
	bool goes;

	pthread_mutex_lock(&lock);
	while (inject->state == WAITS)
		pthread_cond_wait(&news, &lock);
	goes = inject->state == GOES;
	pthread_mutex_unlock(&lock);
	return goes;
}

static void take_all(struct catcher *c)
{
	struct tern_ferry *ferry = &c->ferry;
	int rc = tern_ferry_take(ferry, 0);

	if (rc || ferry->lost)
		tern_log(LOG_WARNING,
			 "migration %016" PRIx64 ": not all that has come for the pod to host %s was handed to it: %s",
			 (uint64_t)c->inject->id, c->inject->peer->name,
			 rc ? strerror(-rc) : "its interface did not take it");
}

/* Until nothing more comes, or the source does not want it. */
static void give_back(struct catcher *c)
{
	struct pollfd p[2] = {
		{ .fd = c->ferry.hold, .events = POLLIN },
		{ .fd = c->ferry.link.fd, .events = POLLIN },
	};
	time_t until = time(NULL) + LONGEST_S;

	do {
		if (tern_ferry_send(&c->ferry) < 0)
			return;
	} while (poll(p, 2, QUIET_MS) > 0 && !p[1].revents && time(NULL) < until);
	if (!p[1].revents)
		tern_ferry_send_end(&c->ferry);
}

static void *run(void *arg)
{
	struct catcher *c = arg;

	c->ferry.end = c->inject->end;
	if (goes(c->inject)) {
		take_all(c);
	} else {
		c->ferry.hold = c->inject->hold;
		give_back(c);
	}
	tern_link_fini(&c->ferry.link);
	pthread_mutex_lock(&lock);
	c->inject->busy = false;
	put(c->inject);
	pthread_mutex_unlock(&lock);
	free(c);
	return NULL;
}

static struct tern_inject *find(__u64 id, const struct tern_peer *peer)
{
	struct tern_inject *inject;

	pthread_mutex_lock(&lock);
	for (inject = table; inject; inject = inject->next)
		if (inject->id == id && inject->peer == peer)
			break;
	if (inject && inject->busy)
		inject = NULL;
	if (inject) {
		inject->busy = true;
		inject->refs++;
	}
	pthread_mutex_unlock(&lock);
	return inject;
}

static int start(struct catcher *c, int fd)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc = tern_link_init(&c->ferry.link, fd, -1);

	if (rc)
		return rc;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rc = -pthread_create(&thread, &attr, run, c);
	pthread_attr_destroy(&attr);
	if (rc)
		tern_link_fini(&c->ferry.link);
	return rc;
}

/**
 * tern_inject_hand() - a connection for a pod's frames
 * @id: of its migration
 * @peer: whose it is
 * @fd: greeted; ours from now on
 */
void tern_inject_hand(__u64 id, const struct tern_peer *peer, int fd)
{
	struct tern_inject *inject = find(id, peer);
	struct catcher *c = inject ? calloc(1, sizeof(*c)) : NULL;

	if (!c) {
		close(fd);
	} else {
		c->inject = inject;
		if (!start(c, fd))
			return;
		free(c);
	}
	if (!inject)
		return;
	pthread_mutex_lock(&lock);
	inject->busy = false;
	put(inject);
	pthread_mutex_unlock(&lock);
}
