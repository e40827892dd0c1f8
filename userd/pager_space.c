// SPDX-License-Identifier: GPL-2.0
/*
 * What the userfaultfds tell: threads that wait for a page, and changes of the
 * layout. A thread that changed the layout waits in the kernel until its event
 * has been read, and until then the kernel refuses pages; so events are read
 * before anything else, and what is known of a space when its event is read is
 * exactly how it was when the event happened.
 *
 * Faults are read ahead of older events. That is harmless: what such a fault
 * gets is refused until the event has been read.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "dev.h"
#include "pager.h"
#include "uffd.h"

#define PAGE		((__u64)TERN_WIRE_PAGE)
#define USER_START	0x10000ULL
#define USER_END	0x7ffffffff000ULL
#define EVENTS		32
#define SPACES_MAX	65536

/* ---- spaces ------------------------------------------------------------------ */

/**
 * tern_pager_space_add() - a space appears
 * @p: the pager
 * @nr: its number
 * @parent: whose fork it is; NULL: the migrant's own
 */
int tern_pager_space_add(struct tern_pager *p, unsigned int nr, struct tern_space *parent)
{
	struct tern_space **more, *space;
	int err;

	if (p->nr_spaces == SPACES_MAX)
		return -ENOSPC;
	more = realloc(p->space, (p->nr_spaces + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	p->space = more;
	space = malloc(sizeof(*space));
	if (!space)
		return -ENOMEM;
	err = parent ? tern_space_fork(space, parent) : tern_space_init(space, &p->layout);
	if (err) {
		free(space);
		return err;
	}
	space->nr = nr;
	p->space[p->nr_spaces++] = space;
	space->uffd = tern_dev_kept(p->dev, TERN_KEEP_UFFD + nr);
	return space->uffd < 0 ? space->uffd : 0;
}

/**
 * tern_pager_space_die() - everybody in @space has ended or executed another program
 * @p: the pager
 * @space: stays in the table for the moment, since somebody may be walking it
 */
void tern_pager_space_die(struct tern_pager *p, struct tern_space *space)
{
	unsigned int nr = space->nr;
	bool polled = space->polled;
	int uffd = space->uffd;

	tern_waiters_remove_range(&p->waiters, space, 0, USER_END);
	tern_space_fini(space);
	space->nr = nr;
	space->uffd = uffd;
	space->polled = polled;
	space->dead = true;
	p->deaths = true;
}

/** tern_pager_space_find() - the space of that number, or NULL */
struct tern_space *tern_pager_space_find(const struct tern_pager *p, unsigned int nr)
{
	unsigned int low = 0, high = p->nr_spaces;

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (p->space[mid]->nr < nr)
			low = mid + 1;
		else
			high = mid;
	}
	return low < p->nr_spaces && p->space[low]->nr == nr ? p->space[low] : NULL;
}

/* ---- threads that wait ---------------------------------------------------------- */

static __u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static int wait_for(struct tern_pager *p, struct tern_space *space, __u64 addr)
{
	p->retry = true;
	p->waited_ns = now();
	return tern_waiters_add(&p->waiters, space, addr);
}

/* The layout has changed: let all fault again, where they are now. */
static void wake_all(struct tern_pager *p, struct tern_space *space)
{
	struct tern_waiters *set = &p->waiters;
	unsigned int i;

	for (i = set->nr; i--;) {
		if (set->waiter[i].space != space)
			continue;
		tern_uffd_wake(space->uffd, set->waiter[i].addr, PAGE);
		tern_waiters_remove(set, i);
	}
}

/* Pages that nobody waits for yet, if they are missing. */
static int tell_ahead(struct tern_pager *p, const struct tern_space *space, __u64 page, __u64 nr)
{
	while (nr) {
		struct tern_wire_fault fault = { .flags = TERN_WIRE_FAULT_AHEAD };
		__u64 left, addr = tern_layout_addr(&p->layout, page);
		__u64 n = tern_layout_pages(&p->layout, addr, nr, &left);
		int err;

		if (!n)
			return 0;
		fault.addr = addr;
		fault.nr = n;
		if (tern_pageset_has(&space->missing, page) &&
		    tern_pager_send(p, TERN_MSG_FAULT, &fault, sizeof(fault))) {
			err = tern_pageset_add(&p->ahead, page, n);
			if (err)
				return err;
		}
		page += n;
		nr -= n;
	}
	return 0;
}

/* Somebody waits for a page of @space: what will be wanted next? */
static int foresee(struct tern_pager *p, const struct tern_space *space, __u64 page)
{
	struct tern_ahead a;
	unsigned int i;
	int err = 0;

	/* before the map there is no flush that could do it, after it no need */
	if (!p->mapped || p->flushed)
		return 0;
	a = tern_streams_fault(&p->streams, page, p->layout.pages);
	/* one message for adjacent pages, whichever way it goes */
	if (a.nr && a.stride == 1)
		return tell_ahead(p, space, a.first, a.nr);
	if (a.nr && a.stride == -1)
		return tell_ahead(p, space, a.first - (a.nr - 1), a.nr);
	for (i = 0; i < a.nr && !err; i++)
		err = tell_ahead(p, space, a.first + i * a.stride, 1);
	return err;
}

/* Ask for page number @page, unless that has been done. 1: it has; 0: later. */
static int ask(struct tern_pager *p, const struct tern_space *space, __u64 page)
{
	struct tern_wire_fault fault = {
		.addr = tern_layout_addr(&p->layout, page),
		.nr = 1,
	};
	int err;

	if (tern_pageset_has(&p->asked, page))
		return 1;
	if (!p->lane.ready)
		return 0;
	if (!tern_pager_send(p, TERN_MSG_FAULT, &fault, sizeof(fault))) {
		p->retry = true;
		return 0;
	}
	p->memo->report.faults++;
	err = tern_pageset_add(&p->asked, page, 1);
	if (!err)
		err = tern_pageset_del(&p->ahead, page, 1);
	if (!err)
		err = foresee(p, space, page);
	return err ? err : 1;
}

/* What becomes of somebody who waits, if there is no error. */
enum {
	LATER,
	ANSWERED,
	ASKED,
};

/* A page that nobody has to send. */
static int answer_zero(struct tern_pager *p, const struct tern_waiter *w)
{
	struct tern_space *space = w->space;
	__u64 addr = w->addr;
	__s64 err = tern_uffd_zero(space->uffd, addr, PAGE);

	switch (err) {
	case PAGE:
		p->memo->report.faults_local++;
		return ANSWERED;
	case -ESRCH:
		tern_pager_space_die(p, space);
		return ANSWERED;
	case -EAGAIN:
		err = tern_pager_space_drain(p, space);
		p->retry = true;
		return err < 0 ? err : LATER;
	case -ENOMEM:
		p->retry = true;
		return LATER;
	default:
		/* something is there, or nothing can be: the kernel will see */
		tern_uffd_wake(space->uffd, addr, PAGE);
		return ANSWERED;
	}
}

static int serve_one(struct tern_pager *p, const struct tern_waiter *w)
{
	__u64 page, left;
	bool known = tern_space_find(w->space, w->addr, &page, &left);
	int ret;

	/* it may be another view of a page that is on its way, and must not be made here */
	if (!known && p->viewed && w->space->missing.count) {
		p->retry = true;
		return LATER;
	}
	if (!known || !tern_pageset_has(&w->space->missing, page))
		return answer_zero(p, w);
	ret = tern_pager_stage_answer(p, w->space, page);
	if (ret)
		return ret == -EAGAIN ? LATER : ret < 0 ? ret : ANSWERED;
	ret = ask(p, w->space, page);
	return ret < 0 ? ret : ret ? ASKED : LATER;
}

/**
 * tern_pager_serve() - look at every thread that waits, and whose page is not on its way
 * @p: the pager
 *
 * Return: 0 or negative errno. Sets @p->retry when it must be called again soon.
 */
int tern_pager_serve(struct tern_pager *p)
{
	struct tern_waiters *set = &p->waiters;
	unsigned int i = set->settled;

	while (i < set->nr) {
		struct tern_waiter w = set->waiter[i];
		int ret = serve_one(p, &w);

		if (ret < 0)
			return ret;
		if (ret == ANSWERED)
			tern_waiters_remove_range(set, w.space, w.addr, w.addr + PAGE);
		/* events read meanwhile may have changed the table */
		if (ret == ANSWERED || i >= set->nr || set->waiter[i].space != w.space ||
		    set->waiter[i].addr != w.addr)
			continue;
		if (ret == ASKED)
			tern_waiters_settle(set, i);
		i++;
	}
	return 0;
}

/**
 * tern_pager_ask_rest() - the flush has ended: ask for what is still missing
 * @p: the pager
 *
 * There is nothing, but what is on its way on the other lane.
 */
void tern_pager_ask_rest(struct tern_pager *p)
{
	unsigned int i, n = 0;

	for (i = 0; i < p->nr_spaces && n < 64; i++) {
		struct tern_space *space = p->space[i];
		__u64 page = 0, addr;

		while (n < 64 && tern_space_wants(space, &page, p->layout.pages, &addr)) {
			if (ask(p, space, page) < 0)
				return;
			page++;
			n++;
		}
	}
}

/* ---- events ------------------------------------------------------------------------ */

/* Contents of shared memory have been given up: nobody may have them put back. */
static int punch(struct tern_pager *p, const struct tern_space *space, __u64 start, __u64 end)
{
	__u64 page, left, nr;
	unsigned int i;
	int err = 0;

	for (; start < end && !err; start += nr * PAGE) {
		nr = 1;
		if (!tern_space_find(space, start, &page, &left))
			continue;
		nr = left < (end - start) / PAGE ? left : (end - start) / PAGE;
		for (i = 0; i < p->nr_spaces && !err; i++)
			if (!p->space[i]->dead)
				err = tern_pageset_del(&p->space[i]->missing, page, nr);
	}
	return err;
}

static int change(struct tern_pager *p, struct tern_space *space, unsigned int event,
		  const __u64 arg[3])
{
	int err;

	switch (event) {
	case UFFD_EVENT_FORK:
		return tern_pager_space_add(p, arg[0], space);
	case UFFD_EVENT_REMAP:
		/* nothing has moved: shared memory has been mapped once more */
		p->viewed |= p->shared && !arg[2];
		err = tern_space_remap(space, arg[0], arg[1], arg[2]);
		break;
	case UFFD_EVENT_REMOVE:
		err = arg[2] ? punch(p, space, arg[0], arg[1]) :
			       tern_space_remove(space, arg[0], arg[1]);
		break;
	case UFFD_EVENT_UNMAP:
		err = tern_space_unmap(space, arg[0], arg[1]);
		break;
	default:
		return 0;
	}
	wake_all(p, space);
	return err;
}

static int take(struct tern_pager *p, struct tern_space *space, const struct uffd_msg *msg)
{
	__u64 arg[3] = { 0 };

	switch (msg->event) {
	case UFFD_EVENT_PAGEFAULT:
		return wait_for(p, space, msg->arg.pagefault.address & ~(PAGE - 1));
	case UFFD_EVENT_FORK:
		arg[0] = msg->arg.fork.ufd;
		break;
	case UFFD_EVENT_REMAP:
		arg[0] = msg->arg.remap.from;
		arg[1] = msg->arg.remap.to;
		arg[2] = msg->arg.remap.len;
		break;
	case UFFD_EVENT_REMOVE:
		arg[2] = msg->reserved3;
		/* fall through */
	case UFFD_EVENT_UNMAP:
		arg[0] = msg->arg.remove.start;
		arg[1] = msg->arg.remove.end;
		break;
	}
	return change(p, space, msg->event, arg);
}

/**
 * tern_pager_space_drain() - read all that @space has to tell
 * @p: the pager
 * @space: a living one
 *
 * Return: how many changes of layout there were, or negative errno.
 */
int tern_pager_space_drain(struct tern_pager *p, struct tern_space *space)
{
	struct uffd_msg msg[EVENTS];
	int changes = 0;

	while (!space->dead) {
		struct tern_uffd_read read = {
			.space = space->nr,
			.buf = (unsigned long)msg,
			.len = sizeof(msg),
			.shared = p->shared,
		};
		unsigned int i, n;
		int err = tern_dev_uffd_read(p->dev, &read);

		if (err == -EINTR)
			continue;
		if (err < 0)
			return err;
		n = read.len / sizeof(msg[0]);
		for (i = 0; i < n; i++) {
			err = take(p, space, &msg[i]);
			if (err)
				return err;
			changes += msg[i].event != UFFD_EVENT_PAGEFAULT;
		}
		if (n < EVENTS)
			break;
	}
	return changes;
}

/**
 * tern_pager_space_replay() - from the image's layout to that of now, by the log
 * @p: the pager, with the migrant's own space as it was at the resume
 *
 * Faults that the earlier daemon had read are not told again, so all that wait
 * are woken, to fault once more.
 */
int tern_pager_space_replay(struct tern_pager *p)
{
	struct tern_uffd_event log[EVENTS];
	struct tern_uffd_read read = { 0 };
	unsigned int i, n;
	int err = 0;

	do {
		__u64 from = read.from;

		read = (struct tern_uffd_read){
			.buf = (unsigned long)log, .len = sizeof(log), .replay = 1, .from = from,
		};
		err = tern_dev_uffd_read(p->dev, &read);
		n = read.len / sizeof(log[0]);
		for (i = 0; i < n && err >= 0; i++) {
			struct tern_space *space = tern_pager_space_find(p, log[i].space);

			if (space && !space->dead)
				err = change(p, space, log[i].event, log[i].arg);
		}
		read.from = from + n;
	} while (n && err >= 0 && read.from < read.logged);
	for (i = 0; i < p->nr_spaces && err >= 0; i++)
		if (!p->space[i]->dead)
			tern_uffd_wake(p->space[i]->uffd, USER_START, USER_END - USER_START);
	return err < 0 ? err : 0;
}
