// SPDX-License-Identifier: GPL-2.0
/*
 * Address spaces that still miss pages: where the source's pages are now, after
 * all that fork, mremap, munmap and madvise did. Pure logic: no system calls but
 * malloc, no locks, one thread.
 *
 * A page is missing or it is not; "not" covers both a page that is there and one
 * that the migrant has given up (REMOVE) or that never existed at the source,
 * for the answer to a fault is the same: zeros, or nothing where one is there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "space.h"

#define PAGE	4096ULL

/* ---- the source's memory ----------------------------------------------------- */

/**
 * tern_layout_init() - number the pages of @seed
 * @layout: to be filled
 * @seed: ascending, page-aligned, not overlapping; copied
 * @nr: entries
 *
 * Return: 0 or -ENOMEM.
 */
int tern_layout_init(struct tern_layout *layout, const struct tern_seed *seed, unsigned int nr)
{
	unsigned int i;

	memset(layout, 0, sizeof(*layout));
	layout->seed = calloc(nr + 1, sizeof(*seed));
	layout->first = calloc(nr + 1, sizeof(*layout->first));
	if (!layout->seed || !layout->first) {
		tern_layout_fini(layout);
		return -ENOMEM;
	}
	if (nr)
		memcpy(layout->seed, seed, nr * sizeof(*seed));
	layout->nr = nr;
	for (i = 0; i < nr; i++) {
		layout->first[i] = layout->pages;
		layout->pages += (seed[i].end - seed[i].start) / PAGE;
	}
	return 0;
}

/** tern_layout_fini() - give its memory back */
void tern_layout_fini(struct tern_layout *layout)
{
	free(layout->seed);
	free(layout->first);
	memset(layout, 0, sizeof(*layout));
}

/** tern_layout_find() - first range that ends above @addr, or layout->nr */
unsigned int tern_layout_find(const struct tern_layout *layout, __u64 addr)
{
	unsigned int low = 0, high = layout->nr;

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (layout->seed[mid].end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/**
 * tern_layout_pages() - numbers of adjacent pages
 * @layout: the source's memory
 * @addr: page-aligned, at the source
 * @nr: at most so many
 * @page: out: number of the page at @addr
 *
 * Return: how many pages from @addr on are in the same range; 0: none of ours.
 */
__u64 tern_layout_pages(const struct tern_layout *layout, __u64 addr, __u64 nr, __u64 *page)
{
	unsigned int i = tern_layout_find(layout, addr);
	__u64 left;

	if (i == layout->nr || addr < layout->seed[i].start)
		return 0;
	*page = layout->first[i] + (addr - layout->seed[i].start) / PAGE;
	left = (layout->seed[i].end - addr) / PAGE;
	return nr < left ? nr : left;
}

/** tern_layout_number() - number of the first page at or behind @addr, or layout->pages */
__u64 tern_layout_number(const struct tern_layout *layout, __u64 addr)
{
	unsigned int i = tern_layout_find(layout, addr);

	if (i == layout->nr)
		return layout->pages;
	if (addr < layout->seed[i].start)
		addr = layout->seed[i].start;
	return layout->first[i] + (addr - layout->seed[i].start) / PAGE;
}

/** tern_layout_addr() - address at the source of page number @page */
__u64 tern_layout_addr(const struct tern_layout *layout, __u64 page)
{
	unsigned int low = 0, high = layout->nr;

	while (high - low > 1) {
		unsigned int mid = (low + high) / 2;

		if (layout->first[mid] <= page)
			low = mid;
		else
			high = mid;
	}
	return layout->seed[low].start + (page - layout->first[low]) * PAGE;
}

/* ---- a space -------------------------------------------------------------------- */

/**
 * tern_space_init() - the migrant's own space: everything where it was, and missing
 * @space: to be filled; @nr and @uffd are the caller's
 * @layout: the source's memory
 */
int tern_space_init(struct tern_space *space, const struct tern_layout *layout)
{
	unsigned int i;

	memset(space, 0, sizeof(*space));
	space->uffd = -1;
	space->range = calloc(layout->nr + 1, sizeof(*space->range));
	if (!space->range || tern_pageset_init(&space->missing, layout->pages, true)) {
		tern_space_fini(space);
		return -ENOMEM;
	}
	space->room = layout->nr + 1;
	for (i = 0; i < layout->nr; i++)
		space->range[i] = (struct tern_range){
			.start = layout->seed[i].start,
			.end = layout->seed[i].end,
			.first = layout->first[i],
			.flags = layout->seed[i].flags,
		};
	space->nr_ranges = layout->nr;
	return 0;
}

/**
 * tern_space_fork() - a child's space is its parent's, but for what forks empty
 * @child: to be filled; @nr and @uffd are the caller's
 * @parent: as it was at the fork
 *
 * Mappings that do not fork (MADV_DONTFORK) are kept here: the advice may have
 * been taken back since, and where it was not, the first copy will tell.
 */
int tern_space_fork(struct tern_space *child, const struct tern_space *parent)
{
	unsigned int i;
	int err = 0;

	memset(child, 0, sizeof(*child));
	child->uffd = -1;
	child->range = calloc(parent->nr_ranges + 1, sizeof(*child->range));
	if (!child->range || tern_pageset_copy(&child->missing, &parent->missing)) {
		tern_space_fini(child);
		return -ENOMEM;
	}
	child->room = parent->nr_ranges + 1;
	child->nr_ranges = parent->nr_ranges;
	memcpy(child->range, parent->range, parent->nr_ranges * sizeof(*child->range));
	if (parent->order) {
		child->order = malloc((parent->nr_ranges + 1) * sizeof(*child->order));
		if (!child->order) {
			tern_space_fini(child);
			return -ENOMEM;
		}
		memcpy(child->order, parent->order, parent->nr_ranges * sizeof(*child->order));
	}
	for (i = 0; i < child->nr_ranges && !err; i++) {
		const struct tern_range *r = &child->range[i];

		if (r->flags & TERN_SEED_WIPEONFORK)
			err = tern_pageset_del(&child->missing, r->first,
					       (r->end - r->start) / PAGE);
	}
	if (err)
		tern_space_fini(child);
	return err;
}

/** tern_space_fini() - give its memory back; @uffd is the caller's to close */
void tern_space_fini(struct tern_space *space)
{
	free(space->range);
	free(space->order);
	tern_pageset_fini(&space->missing);
	memset(space, 0, sizeof(*space));
	space->uffd = -1;
}

/* First range that ends above @addr. */
static unsigned int find_range(const struct tern_space *space, __u64 addr)
{
	unsigned int low = 0, high = space->nr_ranges;

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (space->range[mid].end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int make_room(struct tern_space *space, unsigned int more)
{
	unsigned int room = space->room;
	struct tern_range *range;

	if (space->nr_ranges + more <= room)
		return 0;
	while (room < space->nr_ranges + more)
		room = room * 2 + 8;
	range = realloc(space->range, room * sizeof(*range));
	if (!range)
		return -ENOMEM;
	space->range = range;
	space->room = room;
	return 0;
}

static void insert_at(struct tern_space *space, unsigned int i, const struct tern_range *r)
{
	memmove(&space->range[i + 1], &space->range[i],
		(space->nr_ranges - i) * sizeof(*space->range));
	space->range[i] = *r;
	space->nr_ranges++;
}

/* Let a range begin or end at @addr, if one goes across it. Needs room for one. */
static void split(struct tern_space *space, __u64 addr)
{
	unsigned int i = find_range(space, addr);
	struct tern_range *r = &space->range[i], rest;

	if (i == space->nr_ranges || r->start >= addr)
		return;
	rest = *r;
	rest.first += (addr - r->start) / PAGE;
	rest.start = addr;
	r->end = addr;
	insert_at(space, i + 1, &rest);
}

static int compare_first(const void *a, const void *b, void *arg)
{
	const struct tern_range *range = arg;
	__u64 x = range[*(const unsigned int *)a].first;
	__u64 y = range[*(const unsigned int *)b].first;

	return (x > y) - (x < y);
}

/* Ranges have changed: bring @order up to date, if it is needed at all. */
static int reorder(struct tern_space *space)
{
	unsigned int i, *order;

	for (i = 1; i < space->nr_ranges; i++)
		if (space->range[i].first < space->range[i - 1].first)
			break;
	if (i >= space->nr_ranges) {
		free(space->order);
		space->order = NULL;
		return 0;
	}
	order = realloc(space->order, space->nr_ranges * sizeof(*order));
	if (!order)
		return -ENOMEM;
	space->order = order;
	for (i = 0; i < space->nr_ranges; i++)
		order[i] = i;
	qsort_r(order, space->nr_ranges, sizeof(*order), compare_first, space->range);
	return 0;
}

/* Cut the ranges at both ends, so that [*@i, *@j) lie exactly within. */
static int carve(struct tern_space *space, __u64 start, __u64 end, unsigned int *i,
		 unsigned int *j)
{
	int err = make_room(space, 2);

	if (err)
		return err;
	split(space, start);
	split(space, end);
	*i = find_range(space, start);
	for (*j = *i; *j < space->nr_ranges && space->range[*j].start < end;)
		(*j)++;
	return 0;
}

static void take_out(struct tern_space *space, unsigned int i, unsigned int j)
{
	memmove(&space->range[i], &space->range[j],
		(space->nr_ranges - j) * sizeof(*space->range));
	space->nr_ranges -= j - i;
}

static int remove_pages(struct tern_space *space, __u64 start, __u64 end, bool shared)
{
	unsigned int i;
	int err = 0;

	for (i = find_range(space, start); !err && i < space->nr_ranges; i++) {
		const struct tern_range *r = &space->range[i];
		__u64 from = r->start > start ? r->start : start;
		__u64 to = r->end < end ? r->end : end;

		if (r->start >= end)
			break;
		if (r->flags & TERN_SEED_SHARED && !shared)
			continue;
		err = tern_pageset_del(&space->missing, r->first + (from - r->start) / PAGE,
				       (to - from) / PAGE);
	}
	return err;
}

/**
 * tern_space_remove() - a view of pages has been given up; the mapping stays
 * @space: the space
 * @start: page-aligned
 * @end: not included
 *
 * With private memory its contents are, with shared memory they are not.
 *
 * Return: 0 or -ENOMEM.
 */
int tern_space_remove(struct tern_space *space, __u64 start, __u64 end)
{
	return remove_pages(space, start, end, false);
}

/** tern_space_unmap() - a mapping is gone; as tern_space_remove() */
int tern_space_unmap(struct tern_space *space, __u64 start, __u64 end)
{
	unsigned int i, j;
	int err;

	if (start >= end)
		return 0;
	err = remove_pages(space, start, end, true);
	if (!err)
		err = carve(space, start, end, &i, &j);
	if (err)
		return err;
	take_out(space, i, j);
	/* what is left of ranges in order is in order */
	return space->order ? reorder(space) : 0;
}

/**
 * tern_space_remap() - mappings have moved
 * @space: the space
 * @from: page-aligned, old address
 * @to: page-aligned, new address
 * @len: bytes
 *
 * Return: 0 or -ENOMEM.
 */
int tern_space_remap(struct tern_space *space, __u64 from, __u64 to, __u64 len)
{
	struct tern_range *moved;
	unsigned int i, j, n, at;
	int err;

	if (!len || from == to)
		return 0;
	err = carve(space, from, from + len, &i, &j);
	if (err)
		return err;
	n = j - i;
	moved = malloc((n + 1) * sizeof(*moved));
	if (!moved)
		return -ENOMEM;
	memcpy(moved, &space->range[i], n * sizeof(*moved));
	take_out(space, i, j);
	err = tern_space_unmap(space, to, to + len);
	if (!err)
		err = make_room(space, n);
	at = err ? 0 : find_range(space, to);
	for (i = 0; i < n && !err; i++) {
		moved[i].start += to - from;
		moved[i].end += to - from;
		insert_at(space, at + i, &moved[i]);
	}
	free(moved);
	return err ? err : reorder(space);
}

/**
 * tern_space_find() - which page is at @addr?
 * @space: the space
 * @addr: page-aligned
 * @page: out: its number
 * @left: out: pages from there to the end of its range
 *
 * Return: false when no page of the source's is there.
 */
bool tern_space_find(const struct tern_space *space, __u64 addr, __u64 *page, __u64 *left)
{
	unsigned int i = find_range(space, addr);
	const struct tern_range *r = &space->range[i];

	if (i == space->nr_ranges || addr < r->start)
		return false;
	*page = r->first + (addr - r->start) / PAGE;
	*left = (r->end - addr) / PAGE;
	return true;
}

static const struct tern_range *by_number(const struct tern_space *space, unsigned int i)
{
	return &space->range[space->order ? space->order[i] : i];
}

/* The range that has page number @page, or the next one by number; NULL: none. */
static const struct tern_range *find_number(const struct tern_space *space, __u64 page)
{
	unsigned int low = 0, high = space->nr_ranges;

	while (low < high) {
		unsigned int mid = (low + high) / 2;
		const struct tern_range *r = by_number(space, mid);

		if (r->first + (r->end - r->start) / PAGE <= page)
			low = mid + 1;
		else
			high = mid;
	}
	return low < space->nr_ranges ? by_number(space, low) : NULL;
}

/**
 * tern_space_wants() - the next missing pages
 * @space: the space
 * @page: in: number to start from; out: of the first one that is missing
 * @end: number to stop at
 * @addr: out: where it belongs
 *
 * Return: how many missing pages follow each other there; 0: none before @end.
 */
__u64 tern_space_wants(struct tern_space *space, __u64 *page, __u64 end, __u64 *addr)
{
	while (!space->dead && *page < end) {
		const struct tern_range *r;
		__u64 stop;

		*page = tern_pageset_next(&space->missing, *page, true);
		if (*page >= end)
			return 0;
		r = find_number(space, *page);
		stop = r ? r->first + (r->end - r->start) / PAGE : end;
		if (!r || r->first > *page) {
			/* missing, but nowhere: cannot be, and needs nothing */
			stop = r && r->first < end ? r->first : end;
			if (tern_pageset_del(&space->missing, *page, stop - *page))
				return 0;
			continue;
		}
		if (stop > end)
			stop = end;
		*addr = r->start + (*page - r->first) * PAGE;
		return tern_pageset_run(&space->missing, *page, stop - *page);
	}
	return 0;
}
