// SPDX-License-Identifier: GPL-2.0
/*
 * The pager's life and its loop: userfaultfds, lanes, mail and cancel in one
 * io_uring, faults before the flush, and a word to the kernel now and then about
 * how far things are.
 *
 * One thread, no locks but the job's for its mail. The loop never waits for the
 * source while the source may be waiting for it: what it sends is queued, and
 * leaves as the socket takes it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <poll.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "dev.h"
#include "pager.h"

#define RING		1024
#define REPORT_NS	100000000ULL
#define RETRY_NS	200000ULL
#define BYE_NS		2000000000ULL
#define WAITED_NS	100000000ULL	/* somebody waits now and then, if so recently */
#define STEP		32U		/* pages of the flush between two looks at faults */
#define STEP_WAITED	8U

static __u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/**
 * tern_pager_init() - make a pager for a migrant whose pages are all missing
 * @p: to be filled
 * @job: the migration
 * @dev: its handle; the shell has joined it
 * @memo: the source's memory and the figures; stays the caller's
 */
int tern_pager_init(struct tern_pager *p, struct tern_job *job, int dev,
		    struct tern_memo *memo)
{
	unsigned int i;
	int err;

	memset(p, 0, sizeof(*p));
	p->job = job;
	p->dev = dev;
	p->memo = memo;
	p->ring.ring_fd = -1;
	p->lane.fd = -1;
	p->lane.next = -1;
	err = tern_intake_init(&p->intake);
	if (err)
		return err;
	for (i = 0; i < memo->nr_seeds; i++)
		p->shared |= memo->seed[i].flags & TERN_SEED_SHARED;
	err = tern_layout_init(&p->layout, memo->seed, memo->nr_seeds);
	if (!err)
		err = tern_pageset_init(&p->asked, p->layout.pages, false);
	if (!err)
		err = tern_pageset_init(&p->ahead, p->layout.pages, false);
	if (!err)
		err = tern_pageset_init(&p->fresh, p->layout.pages, false);
	p->out = malloc(TERN_PAGER_OUT);
	if (!err && !p->out)
		err = -ENOMEM;
	if (!err)
		err = tern_pager_space_add(p, 0, NULL);
	if (!err)
		err = io_uring_queue_init(RING, &p->ring, 0);
	if (err)
		tern_pager_fini(p);
	return err;
}

/** tern_pager_adopt() - after tern_pager_init(): go on where another daemon ended */
int tern_pager_adopt(struct tern_pager *p)
{
	return tern_pager_space_replay(p);
}

/** tern_pager_fini() - let everything go; kept files are the kernel's */
void tern_pager_fini(struct tern_pager *p)
{
	unsigned int i;

	if (p->ring.ring_fd >= 0)
		io_uring_queue_exit(&p->ring);
	p->ring.ring_fd = -1;
	if (p->intake.event > 0)
		tern_intake_fini(&p->intake);
	if (p->lane.fd >= 0)
		close(p->lane.fd);
	if (p->lane.next >= 0)
		close(p->lane.next);
	free(p->lane.buf);
	for (i = 0; i < p->nr_spaces; i++) {
		if (p->space[i]->uffd >= 0)
			close(p->space[i]->uffd);
		tern_space_fini(p->space[i]);
		free(p->space[i]);
	}
	free(p->space);
	tern_waiters_fini(&p->waiters);
	free(p->out);
	free(p->staged);
	free(p->named);
	tern_pageset_fini(&p->map);
	tern_pageset_fini(&p->asked);
	tern_pageset_fini(&p->ahead);
	tern_pageset_fini(&p->fresh);
	tern_layout_fini(&p->layout);
	memset(p, 0, sizeof(*p));
	p->ring.ring_fd = -1;
	p->lane.fd = -1;
	p->lane.next = -1;
}

/**
 * tern_pager_done() - has every page arrived that anybody could want?
 *
 * Not before WRITTEN, for whose sake somebody may wait for a file; and not before MAP, even if
 * the migrant has ended: the source sends it when it has committed, and until then may ask whether
 * the migrant ever ran here.
 */
bool tern_pager_done(const struct tern_pager *p)
{
	bool alive = false;
	unsigned int i;

	for (i = 0; i < p->nr_spaces; i++) {
		alive |= !p->space[i]->dead;
		if (!p->space[i]->dead && p->space[i]->missing.count)
			return false;
	}
	return p->mapped && p->written && (p->flushed || !alive);
}

/* ---- the ring ------------------------------------------------------------------- */

static struct io_uring_sqe *get_sqe(struct tern_pager *p)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&p->ring);

	if (sqe)
		return sqe;
	io_uring_submit(&p->ring);
	return io_uring_get_sqe(&p->ring);
}

static bool poll_for(struct tern_pager *p, int fd, unsigned int what, unsigned int n)
{
	struct io_uring_sqe *sqe = get_sqe(p);

	if (!sqe)
		return false;
	io_uring_prep_poll_add(sqe, fd, POLLIN);
	io_uring_sqe_set_data64(sqe, tern_pager_data(what, n));
	return true;
}

static void arm_watch(struct tern_pager *p, unsigned int what, int fd)
{
	if (!(p->armed & 1U << what) && poll_for(p, fd, what, 0))
		p->armed |= 1U << what;
}

static void arm_spaces(struct tern_pager *p)
{
	unsigned int i;

	for (i = 0; i < p->nr_spaces; i++) {
		struct tern_space *space = p->space[i];

		if (!space->polled && !space->dead)
			space->polled = poll_for(p, space->uffd, PAGER_UFFD, space->nr);
	}
}

/* Our descriptor, and what the ring has of it: either would keep it alive. */
static void drop_uffd(struct tern_pager *p, struct tern_space *space)
{
	struct io_uring_sqe *sqe;

	if (space->uffd < 0)
		return;
	if (space->polled) {
		sqe = get_sqe(p);
		if (!sqe)
			return;
		io_uring_prep_poll_remove(sqe, tern_pager_data(PAGER_UFFD, space->nr));
		io_uring_sqe_set_data64(sqe, tern_pager_data(PAGER_NOTHING, 0));
	}
	close(space->uffd);
	space->uffd = -1;
}

/* Put the dead away; the migrant's own space stays, it is what is reported of. */
static void bury(struct tern_pager *p)
{
	unsigned int i, n = 1;

	if (!p->deaths)
		return;
	p->deaths = false;
	for (i = 0; i < p->nr_spaces; i++) {
		struct tern_space *space = p->space[i];

		if (space->dead)
			drop_uffd(p, space);
		if (!i)
			continue;
		if (space->dead && !space->polled && space->uffd < 0) {
			tern_space_fini(space);
			free(space);
			continue;
		}
		p->deaths |= space->dead;
		p->space[n++] = space;
	}
	p->nr_spaces = n;
}

static void arm(struct tern_pager *p)
{
	arm_watch(p, PAGER_MAIL, p->job->mail);
	arm_watch(p, PAGER_CANCEL, p->job->cancel);
	arm_watch(p, PAGER_FLUSH, p->intake.event);
	tern_pager_lane_arm(p);
	bury(p);
	arm_spaces(p);
}

static void take_mail(struct tern_pager *p)
{
	struct tern_job *job = p->job;
	unsigned int n;
	eventfd_t nothing;
	int fd[2];

	eventfd_read(job->mail, &nothing);
	pthread_mutex_lock(&job->lock);
	for (n = 0; n < 2; n++) {
		fd[n] = job->lanes[n];
		job->lanes[n] = -1;
	}
	pthread_mutex_unlock(&job->lock);
	for (n = 0; n < 2; n++)
		if (fd[n] >= 0)
			tern_pager_lane_attach(p, n, fd[n]);
}

/* An operator's word. Only force ends a process that runs. */
static int take_cancel(struct tern_pager *p, struct tern_why *why)
{
	unsigned int flags = __atomic_load_n(&p->job->abort_flags, __ATOMIC_ACQUIRE);
	eventfd_t nothing;

	eventfd_read(p->job->cancel, &nothing);
	if (flags & TERN_ASK_FORCE)
		return tern_why_set(why, -ECANCELED,
				    "an operator said that the source is lost, and %lu pages with it",
				    (unsigned long)p->space[0]->missing.count);
	tern_log(LOG_NOTICE,
		 "migration %016" PRIx64 ": not aborted, the process runs here; with force it would be killed",
		 (uint64_t)p->job->id);
	return 0;
}

static int handle(struct tern_pager *p, __u64 data, int res, struct tern_why *why)
{
	struct tern_space *space;
	unsigned int n = data;
	eventfd_t nothing;
	int err;

	switch (data >> 32) {
	case PAGER_MAIL:
		p->armed &= ~(1U << PAGER_MAIL);
		take_mail(p);
		return 0;
	case PAGER_CANCEL:
		p->armed &= ~(1U << PAGER_CANCEL);
		return take_cancel(p, why);
	case PAGER_UFFD:
		space = tern_pager_space_find(p, n);
		if (!space)
			return 0;
		space->polled = false;
		err = tern_pager_space_drain(p, space);
		return err < 0 ? err : 0;
	case PAGER_FLUSH:
		p->armed &= ~(1U << PAGER_FLUSH);
		eventfd_read(p->intake.event, &nothing);
		return 0;
	case PAGER_RECV:
		return tern_pager_lane_received(p, res);
	case PAGER_SEND:
		tern_pager_lane_sent(p, res);
		return 0;
	default:
		return 0;
	}
}

static int handle_all(struct tern_pager *p, struct tern_why *why)
{
	struct io_uring_cqe *cqe;
	int err = 0;

	while (!err && !io_uring_peek_cqe(&p->ring, &cqe)) {
		__u64 data = io_uring_cqe_get_data64(cqe);
		int res = cqe->res;

		io_uring_cqe_seen(&p->ring, cqe);
		err = handle(p, data, res, why);
	}
	return err;
}

/* Send off what is armed; wait if there is nothing else to do. */
static int enter(struct tern_pager *p, __u64 wait_ns)
{
	struct __kernel_timespec ts = {
		.tv_sec = wait_ns / 1000000000ULL,
		.tv_nsec = wait_ns % 1000000000ULL,
	};
	struct io_uring_cqe *cqe;
	int err;

	if (!wait_ns) {
		if (!io_uring_sq_ready(&p->ring))
			return 0;
		err = io_uring_submit(&p->ring);
		return err < 0 && err != -EINTR && err != -EBUSY ? err : 0;
	}
	err = io_uring_submit_and_wait_timeout(&p->ring, &cqe, 1, &ts, NULL);
	if (err == -ETIME || err == -EINTR || err == -EBUSY || err == -EAGAIN)
		return 0;
	return err < 0 ? err : 0;
}

static void report(struct tern_pager *p, bool force)
{
	__u64 at = now();

	if (!force && at - p->reported_ns < REPORT_NS)
		return;
	p->reported_ns = at;
	if (p->memo->resumed_ns)
		p->memo->report.phase_ns[TERN_PHASE_PAGING] = at - p->memo->resumed_ns;
	tern_dev_report(p->dev, &p->memo->report);
}

/* ---- the end ------------------------------------------------------------------------ */

/*
 * The kernel first: from then on it needs us no more, and a daemon that dies
 * now leaves nothing undone here. The source learns by COMPLETE, or else by
 * asking again. Our own descriptors of the userfaultfds, and what the ring has
 * of them, would keep them alive: they go, too.
 */
static int release(struct tern_pager *p)
{
	struct tern_wire_complete complete = {
		.faults = p->memo->report.faults,
		.faults_local = p->memo->report.faults_local,
		.pages = p->memo->report.pages_moved,
		.zero = p->memo->report.pages_zero,
		.bytes = p->memo->report.bytes,
		.ahead = p->memo->report.pages_ahead,
		.twice = p->memo->report.pages_twice,
		.before = p->memo->report.pages_before,
	};
	unsigned int i;
	int err;

	/* the source removes what it has of these; whoever moves the migrant on finds it alone */
	if (p->stash && !tern_stash_sync(p->stash))
		complete.flags = TERN_WIRE_FILES_SAFE;
	report(p, true);
	err = tern_dev_release(p->dev);
	if (err < 0)
		return err;
	p->bye = true;
	for (i = 0; i < p->nr_spaces; i++) {
		drop_uffd(p, p->space[i]);
		p->space[i]->dead = true;
	}
	tern_pager_send(p, TERN_MSG_COMPLETE, &complete, sizeof(complete));
	return 0;
}

/* The source's last word, if it comes soon. */
static int say_bye(struct tern_pager *p, struct tern_why *why)
{
	__u64 until = now() + BYE_NS;
	int err = tern_pager_lane_skip(p);

	while (!err && !p->independent && p->lane.fd >= 0 && now() < until) {
		tern_pager_lane_arm(p);
		err = enter(p, REPORT_NS);
		if (!err)
			err = handle_all(p, why);
	}
	return 0;
}

/* ---- the loop --------------------------------------------------------------------------- */

/* What is here already, and what the flush has brought, but not much of either. */
static int place_some(struct tern_pager *p)
{
	unsigned int budget = now() < p->waited_ns + WAITED_NS ? STEP_WAITED : STEP;
	int staged = tern_pager_stage_place(p, budget), flush;

	if (staged < 0)
		return staged;
	flush = tern_pager_flush_place(p, budget);
	return flush < 0 ? flush : flush || staged;
}

static int work(struct tern_pager *p, bool *more)
{
	int err, flush;

	p->retry = false;
	err = tern_pager_lane_place(p);
	if (err >= 0 && p->waiters.nr)
		flush = tern_pager_serve(p);
	else
		flush = err;
	/* what has been asked for leaves before the flush takes its turn */
	tern_pager_lane_arm(p);
	if (flush >= 0)
		flush = place_some(p);
	if (flush < 0)
		return flush;
	*more = err > 0 || flush > 0;
	if (p->flushed && p->mapped && p->lane.ready && !*more)
		tern_pager_ask_rest(p);
	return 0;
}

/**
 * tern_pager_run() - until every page is here
 * @p: the pager; the migrant runs
 * @lane0: its connection to the source, owned; -1: wait for one
 * @why: sentence
 *
 * Huge pages are made in the end, when nobody waits.
 *
 * Return: 0 when the migrant is independent of the source, -ECANCELED when an
 * operator said that the source is lost, or another negative errno: then the
 * migration stays as it is, for another daemon.
 */
int tern_pager_run(struct tern_pager *p, int lane0, struct tern_why *why)
{
	bool more = false;
	int err;

	if (lane0 >= 0) {
		tern_pager_lane_attach(p, 0, lane0);
		p->lane.ready = true;
	}
	take_mail(p);
	err = tern_pager_space_drain(p, p->space[0]);
	if (err > 0)
		err = 0;
	while (!err && !tern_pager_done(p)) {
		__u64 wait = more ? 0 : p->retry ? RETRY_NS : REPORT_NS;

		arm(p);
		err = enter(p, wait);
		if (!err)
			err = handle_all(p, why);
		if (!err)
			err = work(p, &more);
		report(p, false);
	}
	if (!err)
		err = release(p);
	if (!err)
		err = say_bye(p, why);
	if (!err)
		tern_pager_collapse(p);
	return err;
}
