/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Address spaces that still miss pages. Pages have numbers that never change:
 * the n-th page of what the migrant had at the source. A space knows where in
 * itself each of them is now, and which are missing.
 */
#ifndef TERN_SPACE_H
#define TERN_SPACE_H

#include <linux/types.h>
#include <stdbool.h>

#include "pageset.h"
#include "script.h"

/**
 * struct tern_layout - the source's memory, as numbers
 * @seed: its ranges, ascending
 * @first: number of each range's first page
 * @nr: ranges
 * @pages: of all ranges
 */
struct tern_layout {
	struct tern_seed *seed;
	__u64 *first;
	unsigned int nr;
	__u64 pages;
};

int tern_layout_init(struct tern_layout *layout, const struct tern_seed *seed, unsigned int nr);
void tern_layout_fini(struct tern_layout *layout);
/* pages of one range from @addr on, at most @nr; number of the first in @page; 0: none */
__u64 tern_layout_pages(const struct tern_layout *layout, __u64 addr, __u64 nr, __u64 *page);
__u64 tern_layout_number(const struct tern_layout *layout, __u64 addr);
__u64 tern_layout_addr(const struct tern_layout *layout, __u64 page);
/* first range that ends above @addr, or layout->nr */
unsigned int tern_layout_find(const struct tern_layout *layout, __u64 addr);

/**
 * struct tern_range - some of the source's pages, where they are now
 * @start: page-aligned
 * @end: not included
 * @first: number of the page at @start
 * @flags: TERN_SEED_*
 */
struct tern_range {
	__u64 start;
	__u64 end;
	__u64 first;
	__u32 flags;
};

/**
 * struct tern_space - an address space
 * @nr: its number, as the kernel counts
 * @uffd: its userfaultfd, owned; -1: none
 * @dead: nobody lives in it any more
 * @polled: a poll of @uffd is in the pager's ring
 * @range: ascending, not overlapping
 * @nr_ranges: how many
 * @room: for how many there is room
 * @order: indices of @range by number of page; NULL: @range is in that order
 * @missing: pages that are not there yet, and whose contents the source has
 */
struct tern_space {
	unsigned int nr;
	int uffd;
	bool dead;
	bool polled;
	struct tern_range *range;
	unsigned int nr_ranges;
	unsigned int room;
	unsigned int *order;
	struct tern_pageset missing;
};

int tern_space_init(struct tern_space *space, const struct tern_layout *layout);
int tern_space_fork(struct tern_space *child, const struct tern_space *parent);
void tern_space_fini(struct tern_space *space);

int tern_space_remap(struct tern_space *space, __u64 from, __u64 to, __u64 len);
int tern_space_remove(struct tern_space *space, __u64 start, __u64 end);
int tern_space_unmap(struct tern_space *space, __u64 start, __u64 end);

bool tern_space_find(const struct tern_space *space, __u64 addr, __u64 *page, __u64 *left);
__u64 tern_space_wants(struct tern_space *space, __u64 *page, __u64 end, __u64 *addr);

#endif
