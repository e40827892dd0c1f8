// SPDX-License-Identifier: GPL-2.0
/*
 * Huge pages. They come in small ones, because one that is missed is wanted at once. When
 * all are there, what was to be of huge pages is made of them again: the kernel would do so
 * by itself (khugepaged), but it takes its time.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pager.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25	/* since Linux 6.1 */
#endif

#define HUGE		(2ULL << 20)	/* of x86-64 */
#define HUGE_PAGES	(HUGE / TERN_WIRE_PAGE)
#define TRIES		3

/* How many from there on are all there? What was a hole stays one, and costs no memory. */
static __u64 whole(const struct tern_pager *p, const struct tern_range *r, __u64 at)
{
	__u64 first = r->first + (at - r->start) / TERN_WIRE_PAGE;

	return tern_pageset_run(&p->map, first, (r->end - at) / TERN_WIRE_PAGE) / HUGE_PAGES;
}

/* EAGAIN: somebody has to do with one of the pages right now. */
static void advise(int pidfd, __u64 at, __u64 nr)
{
	struct iovec whole = { (void *)(unsigned long)at, nr * HUGE };
	unsigned int tries = TRIES;
	long done;

	do
		done = syscall(SYS_process_madvise, pidfd, &whole, 1, MADV_COLLAPSE, 0);
	while (done < 0 && errno == EAGAIN && --tries);
}

/*
 * What cannot be is not, and is left to the kernel: there may be no memory in one piece,
 * other mappings by now, or pages that may not be written to since a fork(2).
 */
static void collapse(const struct tern_pager *p, const struct tern_range *r, int pidfd)
{
	__u64 at, nr;

	for (at = (r->start + HUGE - 1) & ~(HUGE - 1); at + HUGE <= r->end; at += (nr + 1) * HUGE) {
		nr = whole(p, r, at);
		if (nr)
			advise(pidfd, at, nr);
	}
}

/** tern_pager_collapse() - huge pages where the migrant has asked for them */
void tern_pager_collapse(const struct tern_pager *p)
{
	const struct tern_space *space = p->space[0];
	int pidfd = syscall(SYS_pidfd_open, p->job->pid, 0);
	unsigned int i;

	for (i = 0; pidfd >= 0 && p->mapped && i < space->nr_ranges; i++)
		if (space->range[i].flags & TERN_SEED_HUGE)
			collapse(p, &space->range[i], pidfd);
	if (pidfd >= 0)
		close(pidfd);
}
