// SPDX-License-Identifier: GPL-2.0
/*
 * What a migrant has used lately it will mostly use again at once. While it is
 * prepared the marks of use in its page tables are taken off; right before it is
 * parked those that are there again tell which pages it has used since. Some of them
 * follow the blast without being asked for, the others come first in the flush.
 *
 * Runs in the job's thread, owns its list; no locks. Only hints come from here:
 * the pages themselves are read like all others.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "grow.h"
#include "pages.h"
#include "recent.h"
#include "source.h"

#define PAGE		((__u64)TERN_WIRE_PAGE)
#define RESIDENT_MAX	262144ULL	/* pages; to take off the marks of more takes too long */
#define LONG		(512 * PAGE)	/* a huge page, or as many that are adjacent */
#define FOUND		1024U		/* ranges in one go */
#define USER_END	((TERN_PAGESET_USER - 1) * PAGE)	/* the kernel leaves out the last page */
#define WINDOW_MS	10		/* noted so long */
#define BUDGET_NS	10000000ULL	/* of the link's time */
#define BUDGET_MIN	16U		/* pages */
#define BUDGET_MAX	256U
#define LOOKS		1024U		/* pages looked at while others wait */
#define FOLLOW		4		/* pages between two looks for the destination's word */
#define FOLLOW_MS	2		/* until it may have memory again */
#define FOLLOW_BYTES	((FOLLOW + 1) * TERN_WIRE_PAGE)	/* with all that is around them */

/* What is of another kind the destination has by itself. */
static bool is_ours(const struct tern_obj *obj)
{
	const struct tern_obj_vma *vma = tern_obj_payload(obj);

	return vma->kind == TERN_VMA_ANON;
}

static unsigned long long resident(int pid)
{
	unsigned long long pages = 0;
	char name[32];
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/statm", pid);
	f = fopen(name, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%*u %llu", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages;
}

/*
 * Take off the marks of some mappings. Those that have gone, or are locked, end a call,
 * and so do 2 GiB. False: nothing was done.
 */
static bool forget(int pidfd, struct iovec *iov, unsigned int nr)
{
	unsigned int at = 0;
	bool some = false;
	ssize_t done;

	while (at < nr) {
		done = syscall(SYS_process_madvise, pidfd, iov + at, nr - at, MADV_COLD, 0);
		some |= done > 0;
		if (done <= 0)
			at++;
		while (at < nr && done >= (ssize_t)iov[at].iov_len)
			done -= iov[at++].iov_len;
		if (done > 0) {
			iov[at].iov_base = (char *)iov[at].iov_base + done;
			iov[at].iov_len -= done;
		}
	}
	return some;
}

/* False: it cannot be, or for too many mappings, each of which flushes the TLBs. */
static bool forget_all(struct tern_source *s, int pidfd)
{
	const struct tern_obj *obj = NULL;
	struct iovec iov[IOV_MAX];
	unsigned int nr = 0;

	while ((obj = tern_image_find(&s->draft.image, TERN_OBJ_VMA, obj))) {
		const struct tern_obj_vma *vma = tern_obj_payload(obj);

		if (!is_ours(obj))
			continue;
		if (nr == IOV_MAX)
			return false;
		iov[nr++] = (struct iovec) { (void *)vma->start, vma->end - vma->start };
	}
	return forget(pidfd, iov, nr);
}

/**
 * tern_recent_begin() - from now on note what is used
 * @s: the migrant runs, and there is a draft
 *
 * May be called again. Takes some ms per 100 MiB, so large ones are left alone.
 */
void tern_recent_begin(struct tern_source *s)
{
	unsigned long long pages;
	int pidfd;

	s->recent.begun = false;
	/* of what is held it would be noted all the time, and for nothing */
	if (!s->job->host->recent || tern_source_held(s))
		return;
	pages = resident(s->job->pid);
	if (!pages || pages > RESIDENT_MAX)
		return;
	pidfd = syscall(SYS_pidfd_open, s->job->pid, 0);
	if (pidfd < 0)
		return;
	if (forget_all(s, pidfd))
		s->recent.begun = true;
	close(pidfd);
}

/**
 * tern_recent_budget() - how many pages may follow the blast
 * @r: of the migration
 * @bytes: that the link has just carried
 * @ns: the time that it took
 *
 * What is asked for in earnest would wait behind them.
 */
void tern_recent_budget(struct tern_recent *r, __u64 bytes, __u64 ns)
{
	__u64 pages = ns ? bytes * BUDGET_NS / ns / PAGE : BUDGET_MAX;

	r->looks = LOOKS;
	r->budget = pages < BUDGET_MIN ? BUDGET_MIN : pages > BUDGET_MAX ? BUDGET_MAX : pages;
}

/* ---- which ---- */

static int add(struct tern_ranges *r, __u64 start, __u64 end)
{
	void *range;

	if (r->nr && r->range[r->nr - 1].end == start) {
		r->range[r->nr - 1].end = end;
		return 0;
	}
	range = tern_grow(r->range, r->nr, &r->room, sizeof(r->range[0]));
	if (!range)
		return -ENOMEM;
	r->range = range;
	r->range[r->nr++] = (struct tern_wire_range) { start, end };
	return 0;
}

/* What of a range comes from here; both ascend. */
static int add_range(struct tern_source *s, struct tern_ranges *to,
		     const struct tern_accessed_range *range, const struct tern_obj **obj)
{
	int rc = 0;

	while (*obj && !rc) {
		const struct tern_obj_vma *vma = tern_obj_payload(*obj);
		__u64 start = range->start > vma->start ? range->start : vma->start;
		__u64 end = range->end < vma->end ? range->end : vma->end;

		if (start < end && is_ours(*obj))
			rc = add(to, start, end);
		if (range->end <= vma->end)
			break;
		*obj = tern_image_find(&s->draft.image, TERN_OBJ_VMA, *obj);
	}
	return rc;
}

static int find(struct tern_source *s, struct tern_ranges *to)
{
	const struct tern_obj *obj = tern_image_find(&s->draft.image, TERN_OBJ_VMA, NULL);
	struct tern_accessed_range *ranges = malloc(FOUND * sizeof(*ranges));
	__u64 start = 0;
	int i, n, rc = 0;

	to->nr = 0;
	if (!ranges)
		return -ENOMEM;
	while (!rc && start < USER_END) {
		n = tern_dev_accessed(s->dev, &start, USER_END, ranges, FOUND);
		for (i = 0; i < n && !rc; i++)
			rc = add_range(s, to, &ranges[i], &obj);
		if (n < 0)
			rc = n;
	}
	free(ranges);
	return rc;
}

/* Add the part of @from that is in @other, too, or the other part. All ascend. */
static int part(struct tern_ranges *to, const struct tern_ranges *from,
		const struct tern_ranges *other, bool in)
{
	const struct tern_wire_range *b = other->range, *end = other->range + other->nr;
	size_t i;
	int rc = 0;

	for (i = 0; i < from->nr; i++) {
		__u64 at = from->range[i].start, stop = from->range[i].end;

		while (at < stop && !rc) {
			__u64 next = stop;
			bool is_in;

			while (b < end && b->end <= at)
				b++;
			is_in = b < end && b->start <= at;
			if (b < end)
				next = is_in ? b->end : b->start;
			if (next > stop)
				next = stop;
			if (is_in == in)
				rc = add(to, at, next);
			at = next;
		}
	}
	return rc;
}

/*
 * A huge page has one mark, which does not tell what of it is used. A long range from
 * number @first on may be one, so shorter ones come before.
 */
static int put_long_last(struct tern_ranges *r, size_t first)
{
	struct tern_ranges late = { 0 };
	size_t i, nr = first;
	int rc = 0;

	for (i = first; i < r->nr && !rc; i++) {
		const struct tern_wire_range *range = &r->range[i];

		if (range->end - range->start >= LONG)
			rc = add(&late, range->start, range->end);
		else
			r->range[nr++] = *range;
	}
	if (late.nr)
		memcpy(r->range + nr, late.range, late.nr * sizeof(late.range[0]));
	r->nr = nr + late.nr;
	free(late.range);
	return rc;
}

static int add_list(struct tern_ranges *to, const struct tern_ranges *from,
		    const struct tern_ranges *other, bool in)
{
	size_t first = to->nr;
	int rc = part(to, from, other, in);

	return rc ? rc : put_long_last(to, first);
}

/**
 * tern_recent_order() - what will be wanted first?
 * @to: zeroed, or used: three lists, see struct tern_recent
 * @now: used since the last look but one; ascending, as @before is
 * @before: used up to that
 *
 * Return: 0 or -ENOMEM.
 */
int tern_recent_order(struct tern_ranges *to, const struct tern_ranges *now,
		      const struct tern_ranges *before)
{
	int rc;

	to->nr = 0;
	rc = add_list(to, now, before, true);
	if (!rc)
		rc = add_list(to, now, before, false);
	if (!rc)
		rc = add_list(to, before, now, false);
	return rc;
}

/**
 * tern_recent_note() - what has been used up to now?
 * @s: the migrant runs
 *
 * Begins anew, for at least some ms: what is used again in these will be used again.
 */
int tern_recent_note(struct tern_source *s)
{
	struct tern_recent *r = &s->recent;

	if (!r->begun)
		return 0;
	if (find(s, &r->before))
		r->before.nr = 0;
	tern_recent_begin(s);
	return tern_source_pause(s, WINDOW_MS);
}

/**
 * tern_recent_find() - which pages has the migrant used lately?
 * @s: all but parked
 *
 * First those that it has used all the time, then what it has used last. What cannot
 * be found out costs no more than hints.
 */
void tern_recent_find(struct tern_source *s)
{
	struct tern_ranges now = { 0 };
	struct tern_recent *r = &s->recent;

	if (!r->begun)
		return;
	if (!r->wave)
		r->wave = malloc(sizeof(*r->wave));
	if (!r->wave)
		return;
	r->wave->nr_fresh = 0;
	tern_pages_reset(&r->wave->pages);
	r->nr_sent = 0;
	if (find(s, &now) || tern_recent_order(&r->pages, &now, &r->before))
		r->pages.nr = 0;
	else if (r->pages.nr)
		r->at = r->pages.range[0].start;
	free(now.range);
}

/* ---- sending ---- */

static int send_wave(struct tern_source *s)
{
	struct tern_link *link = &s->lanes.lane[0];
	struct tern_wave *w = s->recent.wave;
	int rc = 0;

	if (w->nr_fresh)
		rc = tern_link_send(link, TERN_MSG_FRESH, w->fresh,
				    w->nr_fresh * sizeof(w->fresh[0]));
	if (!rc && w->pages.nr_runs)
		rc = tern_pages_send(&w->pages, link);
	tern_pages_reset(&w->pages);
	w->nr_fresh = 0;
	return rc;
}

static void add_page(struct tern_source *s, __u64 addr, const char *data)
{
	struct tern_wave *w = s->recent.wave;

	if (tern_first_has(s->first, addr))
		return;
	if (!tern_precopy_right(&s->precopy, addr, data))
		tern_pages_add(&w->pages, addr, tern_page_is_zero(data) ? NULL : data);
	else if (w->nr_fresh && w->fresh[w->nr_fresh - 1].end == addr)
		w->fresh[w->nr_fresh - 1].end += PAGE;
	else
		w->fresh[w->nr_fresh++] = (struct tern_wire_range) { addr, addr + PAGE };
}

/* Read @nr adjacent pages, which become the @n-th of the message. */
static int read_run(struct tern_source *s, __u64 addr, unsigned int nr, unsigned int n)
{
	char *data = s->recent.wave->data + n * PAGE;
	__u64 present = 0;
	unsigned int i;
	int rc;

	rc = tern_dev_read_pages(s->dev, addr, nr, data, &present);
	if (rc < 0)
		return rc;
	for (i = 0; i < nr; i++)
		if (present >> i & 1)
			add_page(s, addr + i * PAGE, data + i * PAGE);
		else
			tern_pages_add(&s->recent.wave->pages, addr + i * PAGE, NULL);
	return 0;
}

/* May more of them leave without being asked for? */
static bool is_left(const struct tern_recent *r)
{
	return r->budget && r->looks && r->nr_sent < r->pages.nr;
}

/**
 * tern_recent_step() - send some of them without being asked
 * @s: in doubt or committed
 * @most: pages, at most TERN_RECENT_BATCH
 *
 * Return: 1: there are more to be sent; 0: there are not, what is left comes first in
 * the flush; or negative errno of the link.
 */
int tern_recent_step(struct tern_source *s, unsigned int most)
{
	struct tern_recent *r = &s->recent;
	unsigned int n = 0;
	__u64 last = 0;
	int rc = 0;

	/* within a message pages ascend */
	while (n < most && is_left(r) && r->at >= last) {
		const struct tern_wire_range *range = &r->pages.range[r->nr_sent];
		__u64 nr = (range->end - r->at) / PAGE;

		nr = nr < most - n ? nr : most - n;
		nr = nr < r->looks ? nr : r->looks;
		/* whoever comes to it next will say what is wrong */
		if (read_run(s, r->at, nr, n)) {
			r->budget = 0;
			break;
		}
		n += nr;
		r->looks -= nr;
		r->at += nr * PAGE;
		last = r->at;
		if (r->at == range->end && ++r->nr_sent < r->pages.nr)
			r->at = r->pages.range[r->nr_sent].start;
	}
	if (n) {
		unsigned int pages = r->wave->pages.pages - r->wave->pages.zero;

		/* what is only named costs the link nothing */
		r->budget -= pages < r->budget ? pages : r->budget;
		rc = send_wave(s);
	}
	return rc ? rc : is_left(r);
}

/* 1: the other end has memory for more; 0: not yet; -1: it, or an operator, has a word to say. */
static int look(const struct tern_source *s, bool wait)
{
	const struct tern_link *link = &s->lanes.lane[0];
	bool fits = tern_link_fits(link, FOLLOW_BYTES);
	struct pollfd p[2] = {
		{ .fd = link->fd, .events = POLLIN | (fits ? POLLOUT : 0) },
		{ .fd = s->job->cancel, .events = POLLIN },
	};
	int n = link->broken ? -1 : poll(p, 2, !wait ? 0 : fits ? -1 : FOLLOW_MS);

	return n < 0 || link->fd < 0 || p[0].revents & ~POLLOUT || p[1].revents ? -1 : n;
}

/**
 * tern_recent_follow() - send them behind the blast, until the destination has its say
 * @s: in doubt or committed
 * @wait: for room in the socket, too
 *
 * No more of them than the other end has memory for: it does not read before it has resumed,
 * which may take long, and TCP gives up a link on which something waits for that
 * (TCP_USER_TIMEOUT). A link that is lost, or a cancellation, is noticed by whoever waits for
 * the word.
 */
void tern_recent_follow(struct tern_source *s, bool wait)
{
	while (is_left(&s->recent)) {
		int room = look(s, wait);

		if (room < 0 || (!room && !wait))
			break;
		if (room && tern_recent_step(s, FOLLOW) < 0)
			break;
	}
}

/**
 * tern_recent_claim() - the flush need not send what has been sent
 * @r: zeroed, or used
 * @map: complete
 */
void tern_recent_claim(const struct tern_recent *r, struct tern_map *map)
{
	__u64 addr, end, number;
	size_t i;

	/* the last one perhaps in part */
	for (i = 0; i < r->pages.nr && i <= r->nr_sent; i++) {
		end = i < r->nr_sent ? r->pages.range[i].end : r->at;
		for (addr = r->pages.range[i].start; addr < end; addr += PAGE)
			if (tern_map_find(map, addr, &number))
				tern_map_claim(map, number);
	}
}

/** tern_recent_fini() - nothing is known any more */
void tern_recent_fini(struct tern_recent *r)
{
	free(r->before.range);
	free(r->pages.range);
	free(r->wave);
	memset(r, 0, sizeof(*r));
}
