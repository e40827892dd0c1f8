// SPDX-License-Identifier: GPL-2.0
/*
 * Holes: address space of the migrant that is free, and likely to stay free
 * until it is parked, for the shell's own code and stacks.
 *
 * Pure logic over mappings in ascending order; no locks, no system calls.
 */
#include <string.h>

#include "prepare.h"

#define LOWEST		0x10000ULL		/* vm.mmap_min_addr */
#define HIGHEST		0x7ffffffff000ULL	/* 47 bits, less the guard page */
#define MIB		(1ULL << 20)
#define GIB		(1ULL << 30)
#define LEAST		(1 * MIB)		/* smaller ones are no use to a shell */
#define STACK_ROOM	(8 * MIB)		/* a stack may grow downwards by that much */

/* Of a vast gap take a part far from both ends: heap and mappings grow into it. */
static void add_gap(struct tern_holes *holes, __u64 start, __u64 end)
{
	struct tern_wire_range *last;

	if (end - start >= 8 * GIB && start > LOWEST) {
		start = (start + (end - start) / 4) & ~(2 * MIB - 1);
		end = start + GIB;
	}
	/* too many: the table's last place keeps the largest of what remains */
	if (holes->nr == sizeof(holes->found) / sizeof(holes->found[0])) {
		last = &holes->found[holes->nr - 1];
		if (end - start > last->end - last->start)
			*last = (struct tern_wire_range) { start, end };
		return;
	}
	holes->found[holes->nr++] = (struct tern_wire_range) { start, end };
}

/**
 * tern_holes_add() - see the next mapping
 * @holes: zeroed before the first
 * @start: of the mapping; not below the end of the one before
 * @end: of the mapping
 * @grows: it may grow downwards
 */
void tern_holes_add(struct tern_holes *holes, __u64 start, __u64 end, bool grows)
{
	__u64 from = holes->end < LOWEST ? LOWEST : holes->end;
	__u64 to = start < HIGHEST ? start : HIGHEST;

	if (grows)
		to = to > STACK_ROOM ? to - STACK_ROOM : 0;
	if (to > from && to - from >= LEAST)
		add_gap(holes, from, to);
	if (end > holes->end)
		holes->end = end;
}

/**
 * tern_holes_pick() - choose what to offer
 * @holes: after the last mapping was seen
 * @picked: filled in ascending order
 * @max: room in @picked, at least 1
 *
 * The lowest ones, and in any case the largest. Returns how many.
 */
unsigned int tern_holes_pick(struct tern_holes *holes, struct tern_wire_range *picked,
			     unsigned int max)
{
	unsigned int i, nr, best = 0;

	tern_holes_add(holes, HIGHEST, HIGHEST, false);
	for (i = 1; i < holes->nr; i++)
		if (holes->found[i].end - holes->found[i].start >
		    holes->found[best].end - holes->found[best].start)
			best = i;
	nr = holes->nr < max ? holes->nr : max;
	memcpy(picked, holes->found, nr * sizeof(picked[0]));
	if (nr && best >= nr)
		picked[nr - 1] = holes->found[best];
	return nr;
}
