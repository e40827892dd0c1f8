// SPDX-License-Identifier: GPL-2.0
/*
 * Arrived pages into every address space that misses them, a few at a time, so
 * that faults are never kept waiting. While the layout of a space changes the
 * kernel refuses pages (-EAGAIN): then its events are read first, which may
 * move, remove or fork what was about to be filled. Every step therefore looks
 * anew at what is missing where.
 */
#include <string.h>

#include "pager.h"
#include "uffd.h"

#define PAGE		((__u64)TERN_WIRE_PAGE)
#define ADDR_MAX	0x7ffffffff000ULL

static size_t part_size(__u32 offset)
{
	return (sizeof(__u32) + PAGE - offset + 7) & ~7ULL;
}

/* Bytes of data that belong to @run, of which @left follow; -EPROTO. */
static __s64 run_data(const struct tern_wire_run *run, const char *data, size_t left)
{
	size_t need;
	__u32 offset;

	if (run->addr % PAGE || run->addr >= ADDR_MAX || !run->nr ||
	    run->nr > (ADDR_MAX - run->addr) / PAGE)
		return -EPROTO;
	switch (run->flags) {
	case TERN_WIRE_RUN_ZERO:
		return 0;
	case TERN_WIRE_RUN_PART:
		if (run->nr != 1 || left < sizeof(offset))
			return -EPROTO;
		memcpy(&offset, data, sizeof(offset));
		if (offset >= PAGE)
			return -EPROTO;
		need = part_size(offset);
		break;
	case 0:
		if (run->nr > TERN_WIRE_PAGES_MAX)
			return -EPROTO;
		need = run->nr * PAGE;
		break;
	default:
		return -EPROTO;
	}
	return need <= left ? (__s64)need : -EPROTO;
}

/**
 * tern_place_init() - check a PAGES message and start with it
 * @place: to be filled
 * @buf: its payload, aligned to 8; stays with the caller until all is in place
 * @len: bytes of it
 *
 * Return: 0, or -EPROTO.
 */
int tern_place_init(struct tern_place *place, const void *buf, size_t len)
{
	const struct tern_wire_pages *head = buf;
	const struct tern_wire_run *runs = (const void *)(head + 1);
	const char *data;
	size_t left;
	__u32 i;

	if (len < sizeof(*head) || head->reserved || head->nr_runs > TERN_WIRE_PAGES_MAX)
		return -EPROTO;
	left = len - sizeof(*head);
	if (left < head->nr_runs * sizeof(*runs))
		return -EPROTO;
	left -= head->nr_runs * sizeof(*runs);
	data = (const char *)(runs + head->nr_runs);
	memset(place, 0, sizeof(*place));
	place->runs = runs;
	place->nr = head->nr_runs;
	place->data = data;
	for (i = 0; i < head->nr_runs; i++) {
		__s64 need = run_data(&runs[i], data, left);

		if (need < 0)
			return need;
		data += need;
		left -= need;
	}
	return left ? -EPROTO : 0;
}

/* One page was refused: is it settled, or for later? 0: settled. */
static int refused(struct tern_pager *p, struct tern_space *space, __u64 page, __u64 addr,
		   int err)
{
	int n;

	switch (err) {
	case -EEXIST:
		tern_uffd_wake(space->uffd, addr, PAGE);
		tern_waiters_remove_range(&p->waiters, space, addr, addr + PAGE);
		return tern_pageset_del(&space->missing, page, 1);
	case -ENOENT:
	case -EINVAL:
	case -EFAULT:
		/* not there any more (a file may have been truncated), or something else is */
		tern_uffd_wake(space->uffd, addr, PAGE);
		tern_waiters_remove_range(&p->waiters, space, addr, addr + PAGE);
		return tern_pageset_del(&space->missing, page, 1);
	case -ESRCH:
		tern_pager_space_die(p, space);
		return 0;
	case -EAGAIN:
		n = tern_pager_space_drain(p, space);
		if (n < 0)
			return n;
		return n ? 0 : -EAGAIN;
	case -ENOMEM:
		return -EAGAIN;
	default:
		return err;
	}
}

static __s64 put(const struct tern_space *space, __u64 addr, const char *src, __u64 nr)
{
	return src ? tern_uffd_copy(space->uffd, addr, src, nr * PAGE) :
		     tern_uffd_zero(space->uffd, addr, nr * PAGE);
}

/*
 * Copy @nr pages, or just one where the mapping has been split since.
 *
 * That nothing is there the kernel must say twice. It looks for changes of the layout first,
 * and for the mapping after that, which may have moved in between (Linux 6.9, mm/userfaultfd.c:
 * uffd_mfill_lock()). But then the change waits for us to read it, and is seen the second time.
 */
static __s64 copy(const struct tern_space *space, __u64 addr, const char *src, __u64 nr)
{
	__s64 done = put(space, addr, src, nr);

	if (done == -ENOENT && nr > 1)
		done = put(space, addr, src, 1);
	if (done == -ENOENT)
		done = put(space, addr, src, 1);
	return done;
}

/* Pages @page… of @space, from @data; NULL: zeros. */
static int fill(struct tern_pager *p, struct tern_space *space, __u64 page, __u64 nr,
		const char *data)
{
	__u64 first = page, end = page + nr, addr;

	for (;;) {
		__u64 n = tern_space_wants(space, &page, end, &addr);
		const char *src = data ? data + (page - first) * PAGE : NULL;
		__s64 done;
		int err;

		if (!n)
			return 0;
		done = copy(space, addr, src, n);
		if (done > 0) {
			tern_waiters_remove_range(&p->waiters, space, addr, addr + done);
			err = tern_pageset_del(&space->missing, page, done / PAGE);
		} else {
			err = refused(p, space, page, addr, done);
		}
		if (err)
			return err;
	}
}

/*
 * Pages that are all zero need no memory, and these are many: whoever touches one is told
 * then.
 */
static int forget(struct tern_pager *p, struct tern_space *space, __u64 page, __u64 nr)
{
	if (!space->dead && p->waiters.nr) {
		tern_waiters_unsettle(&p->waiters);
		p->retry = true;
	}
	return space->dead ? 0 : tern_pageset_del(&space->missing, page, nr);
}

/**
 * tern_place_pages() - put pages in place, wherever they are missing
 * @p: the pager
 * @page: number of the first one
 * @nr: how many
 * @data: their contents, NULL: zeros
 * @soon: somebody will want them soon; else zeros are only noted
 *
 * Return: 0; -EAGAIN: a space refuses them for the moment, some may be in place;
 * or another negative errno.
 */
int tern_place_pages(struct tern_pager *p, __u64 page, __u64 nr, const char *data, bool soon)
{
	bool zero = !data;
	__u64 before = p->space[0]->missing.count, moved = nr;
	unsigned int i;
	int err = 0;

	/* a fork seen on the way adds a space at the end */
	for (i = 0; i < p->nr_spaces && !err; i++)
		err = zero && !soon ? forget(p, p->space[i], page, nr) :
				      fill(p, p->space[i], page, nr, data);
	if (!p->space[0]->dead)
		moved = before - p->space[0]->missing.count;
	else if (err)
		moved = 0;
	p->memo->report.pages_moved += moved;
	p->memo->report.pages_zero += zero ? moved : 0;
	if (err)
		return err;
	/* some come twice: for a fault and with the flush, or over two lanes */
	p->memo->report.pages_twice += zero ? 0 : nr - moved;
	if (p->ahead.count) {
		__u64 ahead = p->ahead.count;

		err = tern_pageset_del(&p->ahead, page, nr);
		p->memo->report.pages_ahead += ahead - p->ahead.count;
		if (err)
			return err;
	}
	return tern_pageset_del(&p->asked, page, nr);
}

/* Of the current run from @at on: how far to go, and what is there. */
static __u64 next_pages(const struct tern_layout *layout, __u64 at, __u64 left, __u64 *page)
{
	unsigned int i;
	__u64 gap;

	if (tern_layout_pages(layout, at, 1, page))
		return tern_layout_pages(layout, at, left, page);
	*page = layout->pages;
	i = tern_layout_find(layout, at);
	gap = i < layout->nr ? (layout->seed[i].start - at) / PAGE : left;
	return gap < left ? gap : left;
}

static const char *part_page(struct tern_pager *p, const char *data)
{
	__u32 offset;

	memcpy(&offset, data, sizeof(offset));
	memset(p->page, 0, offset);
	memcpy(p->page + offset, data + sizeof(offset), PAGE - offset);
	return p->page;
}

static void next_run(struct tern_place *place)
{
	const struct tern_wire_run *run = &place->runs[place->run];
	__u32 offset;

	if (run->flags & TERN_WIRE_RUN_PART) {
		memcpy(&offset, place->data, sizeof(offset));
		place->data += part_size(offset);
	} else if (!run->flags) {
		place->data += run->nr * PAGE;
	}
	place->run++;
	place->done = 0;
}

/**
 * tern_place_step() - put some more pages in place
 * @p: the pager
 * @place: the message
 * @budget: about how many
 *
 * Return: 1 when all are in place, 0 when there are more, -EAGAIN when a space
 * refuses them for the moment, or another negative errno.
 */
int tern_place_step(struct tern_pager *p, struct tern_place *place, unsigned int budget)
{
	while (place->run < place->nr && budget) {
		const struct tern_wire_run *run = &place->runs[place->run];
		__u64 page, nr, left = run->nr - place->done;
		const char *data = place->data + place->done * PAGE;
		/* nobody wants so many of them that one message could not have them as data */
		bool noted = run->flags & TERN_WIRE_RUN_ZERO &&
			     (!place->soon || run->nr > TERN_WIRE_PAGES_MAX);
		int err = 0;

		nr = next_pages(&p->layout, run->addr + place->done * PAGE, left, &page);
		if (page < p->layout.pages) {
			if (!noted && nr > budget)
				nr = budget;
			if (run->flags & TERN_WIRE_RUN_PART)
				data = part_page(p, place->data);
			else if (run->flags & TERN_WIRE_RUN_ZERO)
				data = NULL;
			err = tern_place_pages(p, page, nr, data, !noted);
		}
		if (err)
			return err;
		budget -= noted ? 1 : nr < budget ? nr : budget;
		place->done += nr;
		if (place->done == run->nr)
			next_run(place);
	}
	if (place->run < place->nr)
		return 0;
	place->runs = NULL;
	return 1;
}
