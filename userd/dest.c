// SPDX-License-Identifier: GPL-2.0
/*
 * The destination's job: states and messages.
 *
 * One thread, sequential. Until the migrant runs, whatever goes wrong ends the
 * attempt: the kernel is told (the shell dies), the source is told why. From
 * the RESUME ioctl on nothing here may end the migrant but an operator's word
 * that the source is lost; whatever goes wrong then leaves the migration to the
 * next daemon.
 *
 * A source that comes again under the same id, over fresh lanes, has given up
 * the attempt before: it is dropped for the new one.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "dest.h"
#include "net.h"

#define BODY_MS		10000
#define LINGER_MS	500
#define LANE_MS		10000	/* from the start of the job until lane 0 is there */
#define AGAIN_MS	5000	/* until a source that has given up an attempt comes again */
#define QUIET_MS	300000	/* a source that has prepared and says nothing more */
#define QUIET_UNIT_MS	3600000	/* and one that prepares others */

/** tern_dest_now() - a clock, in ns */
__u64 tern_dest_now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/**
 * tern_dest_room() - memory for one message
 * @d: the attempt
 * @len: bytes of it
 *
 * It is kept until the end, for memory that is new would be made page by page while
 * everybody waits. Return: NULL: there is none; else in use until the next call.
 */
void *tern_dest_room(struct tern_dest *d, size_t len)
{
	if (len <= d->room_size)
		return d->room;
	free(d->room);
	d->room = malloc(len);
	d->room_size = d->room ? len : 0;
	return d->room;
}

static void say(const struct tern_dest *d, int level, const char *what, const char *more)
{
	tern_log(level, "migration %016" PRIx64 ": %s%s%s", (uint64_t)d->job->id, what,
		 more ? ": " : "", more ? more : "");
}

/* ---- lane 0 ---------------------------------------------------------------------- */

/* The newest lane 0 that has come, or -1. Lane 1 stays for the pager. */
static int take_lane(struct tern_job *job)
{
	eventfd_t nothing;
	int fd;

	eventfd_read(job->mail, &nothing);
	pthread_mutex_lock(&job->lock);
	fd = job->lanes[0];
	job->lanes[0] = -1;
	pthread_mutex_unlock(&job->lock);
	return fd;
}

static bool lane_waits(struct tern_job *job)
{
	bool waits;

	pthread_mutex_lock(&job->lock);
	waits = job->lanes[0] >= 0;
	pthread_mutex_unlock(&job->lock);
	return waits;
}

/*
 * Until something comes on lane 0 (0), or a new lane 0 (-ESTALE), or an abort.
 * A shell that dies meanwhile is noticed, too.
 */
static int wait_input(struct tern_dest *d)
{
	struct pollfd p[5] = {
		{ .fd = d->link.fd, .events = POLLIN },
		{ .fd = d->job->mail, .events = POLLIN },
		{ .fd = d->job->cancel, .events = POLLIN },
		{ .fd = d->dressing ? -1 : d->shell.sock, .events = POLLIN },
		{ .fd = d->kin.unit ? d->kin.bell : -1, .events = POLLIN },
	};
	eventfd_t nothing;
	int ret;

	for (;;) {
		ret = poll(p, 5, d->kin.unit ? QUIET_UNIT_MS : QUIET_MS);
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret < 0)
			return -errno;
		if (!ret)
			return tern_why_set(&d->why, -ETIMEDOUT,
					    "the source says nothing any more");
		if (p[2].revents)
			return tern_why_set(&d->why, -ECANCELED, "aborted by an operator on %s",
					    d->job->host->name);
		if (lane_waits(d->job))
			return -ESTALE;
		if (p[0].revents)
			return 0;
		if (p[3].revents)
			return tern_why_set(&d->why, -ESRCH,
					    "the shell on %s has ended: was it killed, or out of memory?",
					    d->job->host->name);
		if (p[4].revents) {
			tern_dest_asked(d);
			continue;
		}
		/* lane 1 has come: it waits for the pager */
		eventfd_read(d->job->mail, &nothing);
	}
}

static int first_lane(struct tern_job *job)
{
	struct pollfd p[2] = {
		{ .fd = job->mail, .events = POLLIN },
		{ .fd = job->cancel, .events = POLLIN },
	};
	__u64 until = tern_dest_now(CLOCK_MONOTONIC) + LANE_MS * 1000000ULL;
	int fd;

	while ((fd = take_lane(job)) < 0) {
		if (poll(p, 2, LANE_MS) < 0 && errno != EINTR)
			return -errno;
		if (p[1].revents)
			return -ECANCELED;
		if (tern_dest_now(CLOCK_MONOTONIC) > until && !lane_waits(job))
			return -ETIMEDOUT;
	}
	return fd;
}

/* ---- messages before the resume ------------------------------------------------------ */

static int on_clock(struct tern_dest *d)
{
	struct tern_wire_clock clock;
	int err;

	err = tern_link_recv_body(&d->link, &clock, sizeof(clock), BODY_MS);
	if (err)
		return err;
	clock.monotonic = tern_dest_now(CLOCK_MONOTONIC);
	clock.boottime = tern_dest_now(CLOCK_BOOTTIME);
	return tern_link_send(&d->link, TERN_MSG_CLOCK, &clock, sizeof(clock));
}

/* What comes with the question has no other purpose than to come, and to where the blast will. */
static int on_warm(struct tern_dest *d, size_t len)
{
	char *warm = tern_dest_room(d, len);
	int err;

	if (!warm)
		return -ENOMEM;
	err = tern_link_recv_body(&d->link, warm, len, BODY_MS);
	return err ? err : tern_link_send(&d->link, TERN_MSG_CLOCK, warm,
					  sizeof(struct tern_wire_clock));
}

/*
 * The source asks what has become of a migration of which this job knows
 * nothing: does the kernel? -EBUSY: somebody else stands for it just now, let
 * the source ask again.
 */
static int ask_kernel(struct tern_dest *d, __u32 *state)
{
	struct tern_attach attach = { .side = TERN_DESTINATION, .id = d->job->id };
	int err;

	*state = 0;
	d->dev = tern_dev_open();
	if (d->dev < 0)
		return d->dev;
	err = tern_dev_attach(d->dev, &attach);
	if (err == -ENOENT)
		err = 0;
	else if (!err)
		*state = attach.state;
	if (!err && *state == TERN_PAGING) {
		d->job->pid = attach.pid;
		return 0;
	}
	close(d->dev);
	d->dev = -1;
	return err;
}

/*
 * The answer is final. A shell that is still here has not resumed; it is ended
 * before the answer leaves, so that it never will.
 */
static int on_query(struct tern_dest *d)
{
	struct tern_wire_answer answer = { 0 };
	int err = 0;

	if (d->prepare) {
		if (d->dev >= 0)
			err = tern_dev_fail(d->dev, 0, -ECANCELED, NULL);
		tern_dest_prepare_fini(d);
		tern_dest_drop_files(d);
		answer.state = TERN_FAILED;
	} else {
		err = ask_kernel(d, &answer.state);
	}
	if (!err)
		err = tern_link_send(&d->link, TERN_MSG_ANSWER, &answer, sizeof(answer));
	/* nothing that could go on: the source will close */
	return err ? err : answer.state == TERN_PAGING ? 1 : -ENOMSG;
}

/* 0: go on; 1: the migrant runs; negative errno: it does not. */
static int on_message(struct tern_dest *d, const struct tern_wire *head)
{
	int err;

	switch (head->type) {
	case TERN_MSG_CLOCK:
		return on_clock(d);
	case TERN_MSG_WARM:
		return on_warm(d, head->len);
	case TERN_MSG_QUERY:
		return on_query(d);
	case TERN_MSG_PREPARE:
		return tern_dest_prepare(d, head->len);
	case TERN_MSG_COPY:
		return tern_dest_copy(d, head->len);
	case TERN_MSG_LEAVE:
		return tern_dest_leave(d, head->len);
	case TERN_MSG_PLACE:
		return tern_dest_place(d, head->len);
	case TERN_MSG_DRAFT:
		return tern_dest_draft(d, head->len);
	case TERN_MSG_IMAGE:
		return tern_dest_image(d, head->len);
	case TERN_MSG_PAGES:
		return tern_dest_pages(d, head->len);
	case TERN_MSG_RESUME:
		err = tern_dest_resume(d);
		return err ? err : 1;
	default:
		return tern_why_set(&d->why, -EPROTO, "message %u does not belong here",
				    head->type);
	}
}

static int until_resume(struct tern_dest *d)
{
	struct tern_wire head;
	int err;

	do {
		err = wait_input(d);
		if (!err)
			err = tern_link_recv_head(&d->link, &head, BODY_MS);
		if (!err)
			err = on_message(d, &head);
	} while (!err);
	return err;
}

/* ---- the end of an attempt -------------------------------------------------------------- */

static void refuse(struct tern_dest *d, int err)
{
	struct tern_wire_refused refused = { .err = -err };
	eventfd_t nothing;

	if (err == -ECONNRESET || err == -ESTALE || err == -ENOMSG)
		return;
	snprintf(refused.why, sizeof(refused.why), "%s",
		 d->why.text[0] ? d->why.text : strerror(-err));
	/* an abort has been heard, it need not interrupt this, too */
	eventfd_read(d->job->cancel, &nothing);
	if (!tern_link_send(&d->link, TERN_MSG_REFUSED, &refused, sizeof(refused)))
		tern_link_linger(&d->link, LINGER_MS);
}

/*
 * Nothing runs here, and never will: first that is made true, then it is said.
 * Had the kernel refused to fail it, closing the handle would do the same.
 */
static void give_up(struct tern_dest *d, int err)
{
	if (err == -ECONNRESET)
		tern_why_set(&d->why, err, "%s gave up, or the link to it broke; nothing runs here",
			     d->job->peer->name);
	else if (err == -ESTALE)
		tern_why_set(&d->why, err, "%s has started anew", d->job->peer->name);
	if (d->prepare && err != -ENOMSG)
		say(d, LOG_NOTICE, "not moved here",
		    d->why.text[0] ? d->why.text : strerror(-err));
	if (d->dev >= 0) {
		tern_dev_fail(d->dev, 0, err, &d->why);
		close(d->dev);
		d->dev = -1;
	}
	tern_dest_drop_files(d);
	refuse(d, err);
}

static void fini(struct tern_dest *d)
{
	tern_inject_drop(&d->inject);
	tern_dest_build_fini(d);
	tern_dest_prepare_fini(d);
	tern_link_fini(&d->link);
	free(d->room);
	if (d->dev >= 0)
		close(d->dev);
}

/* ---- while it runs ------------------------------------------------------------------------ */

static void page(struct tern_dest *d, int lane)
{
	struct tern_why why = { "" };
	int err = tern_pager_run(&d->pager, lane, &why);

	if (!err) {
		say(d, LOG_INFO, "independent of its source", NULL);
		return;
	}
	if (err == -ECANCELED) {
		say(d, LOG_ERR, "lost", why.text);
		tern_dev_fail(d->dev, TERN_FAIL_LOST, err, &why);
		return;
	}
	say(d, LOG_ERR, "the pager has stopped, faults wait; restart ternd to go on",
	    why.text[0] ? why.text : strerror(-err));
}

static void run_on(struct tern_dest *d)
{
	say(d, LOG_INFO, "resumed", NULL);
	d->memo->report.bytes += d->link.bytes_in + d->link.bytes_out;
	d->pager.stage = &d->stage;
	d->pager.stash = &d->stash;
	/* what is of no more use is torn down in the end, when nobody waits */
	page(d, tern_link_release(&d->link));
}

/* Another daemon's migrant: it runs already, and waits for its pages. */
static void adopt(struct tern_dest *d, int lane)
{
	struct tern_why why = { "" };
	int err;

	d->memo = tern_memo_adopt(d->dev, &err);
	if (d->memo) {
		err = tern_pager_init(&d->pager, d->job, d->dev, d->memo);
		d->paging = !err;
	}
	if (!err)
		err = tern_pager_adopt(&d->pager);
	if (err) {
		say(d, LOG_ERR, "cannot be taken over, faults wait; restart ternd to try again",
		    strerror(-err));
		if (lane >= 0)
			close(lane);
		return;
	}
	say(d, LOG_INFO, "taken over; waiting for its source", NULL);
	/* had the daemon ended before it did that */
	if (tern_net_attach(d->job->pid, d->job->host->bridge, d->job->host->name, &why))
		say(d, LOG_ERR, why.text, NULL);
	page(d, lane);
}

static void adopt_at_start(struct tern_job *job)
{
	struct tern_attach attach = { .side = TERN_DESTINATION, .id = job->id };
	struct tern_dest d = { .job = job, .dev = -1, .link.fd = -1, .shell.sock = -1 };
	int err;

	d.dev = tern_dev_open();
	err = d.dev < 0 ? d.dev : tern_dev_attach(d.dev, &attach);
	if (err) {
		say(&d, LOG_ERR, "cannot be taken over", strerror(-err));
	} else if (attach.state == TERN_PAGING) {
		job->pid = attach.pid;
		adopt(&d, -1);
	}
	fini(&d);
}

/* One attempt, on the lane @fd. -ECONNRESET, -EAGAIN: the source may come again. */
static int attempt(struct tern_job *job, int fd, struct tern_copies *copies)
{
	struct tern_dest d = {
		.job = job, .dev = -1, .link.fd = -1, .shell.sock = -1, .copies = copies,
	};
	int err;

	err = tern_link_init(&d.link, fd, job->cancel);
	if (err)
		return err;
	err = until_resume(&d);
	if (err < 0)
		give_up(&d, err);
	else if (d.paging)
		run_on(&d);
	else
		adopt(&d, tern_link_release(&d.link));
	fini(&d);
	return err;
}

/* What was copied is kept for a moment: a source that prepares anew need not send it again. */
static int next_lane(struct tern_job *job, const struct tern_copies *copies, int err)
{
	struct pollfd p[2] = {
		{ .fd = job->mail, .events = POLLIN },
		{ .fd = job->cancel, .events = POLLIN },
	};
	int fd = take_lane(job);

	if (fd >= 0 || !copies->nr || (err != -ECONNRESET && err != -EAGAIN))
		return fd;
	poll(p, 2, AGAIN_MS);
	return take_lane(job);
}

/**
 * tern_dest_run() - a migration to this host
 * @job: with a lane, or adopted
 */
void tern_dest_run(struct tern_job *job)
{
	struct tern_copies copies = { .host = job->host->name };
	int fd;

	if (job->state) {
		adopt_at_start(job);
		return;
	}
	fd = first_lane(job);
	while (fd >= 0) {
		int err = attempt(job, fd, &copies);

		fd = next_lane(job, &copies, err);
	}
	tern_copies_fini(&copies);
}
