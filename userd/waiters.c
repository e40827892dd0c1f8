// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that wait for a page, by space and address. Those whose page has been
 * asked for are settled and stand first, so that a look at the others does not
 * go over all of them each time a page arrives.
 *
 * Pure logic: no system calls but malloc, no locks, one thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "waiters.h"

#define PAGE	4096ULL
#define FEW	64U

/** tern_waiters_fini() - give its memory back */
void tern_waiters_fini(struct tern_waiters *set)
{
	free(set->waiter);
	free(set->bucket);
	memset(set, 0, sizeof(*set));
}

static unsigned int *bucket_of(const struct tern_waiters *set, const struct tern_space *space,
			       __u64 addr)
{
	__u64 key = addr / PAGE ^ (unsigned long)space;

	return &set->bucket[(key * 0x9e3779b97f4a7c15ULL >> 32) & (set->room - 1)];
}

/* What refers to waiter @i: a bucket, or the one before it there. */
static unsigned int *link_to(const struct tern_waiters *set, unsigned int i)
{
	const struct tern_waiter *w = &set->waiter[i];
	unsigned int *link = bucket_of(set, w->space, w->addr);

	while (*link != i + 1)
		link = &set->waiter[*link - 1].next;
	return link;
}

static void put_in(struct tern_waiters *set, unsigned int i)
{
	struct tern_waiter *w = &set->waiter[i];
	unsigned int *link = bucket_of(set, w->space, w->addr);

	w->next = *link;
	*link = i + 1;
}

/* Index of a waiter; @set->nr: there is no such one. */
static unsigned int find(const struct tern_waiters *set, const struct tern_space *space,
			 __u64 addr)
{
	unsigned int i;

	if (!set->nr)
		return 0;
	for (i = *bucket_of(set, space, addr); i; i = set->waiter[i - 1].next)
		if (set->waiter[i - 1].space == space && set->waiter[i - 1].addr == addr)
			return i - 1;
	return set->nr;
}

static int grow(struct tern_waiters *set)
{
	unsigned int i, room = set->room ? set->room * 2 : FEW, *bucket;
	struct tern_waiter *more;

	more = realloc(set->waiter, room * sizeof(*more));
	if (!more)
		return -ENOMEM;
	set->waiter = more;
	bucket = calloc(room, sizeof(*bucket));
	if (!bucket)
		return -ENOMEM;
	free(set->bucket);
	set->bucket = bucket;
	set->room = room;
	for (i = 0; i < set->nr; i++)
		put_in(set, i);
	return 0;
}

/**
 * tern_waiters_add() - somebody waits
 * @set: zeroed before the first time
 * @space: where
 * @addr: page-aligned
 *
 * Return: 0, also when somebody does so already; -ENOMEM.
 */
int tern_waiters_add(struct tern_waiters *set, struct tern_space *space, __u64 addr)
{
	if (find(set, space, addr) < set->nr)
		return 0;
	if (set->nr == set->room && grow(set))
		return -ENOMEM;
	set->waiter[set->nr] = (struct tern_waiter){ .space = space, .addr = addr };
	put_in(set, set->nr++);
	return 0;
}

/* The place @to is free, and @from gets free. */
static void move(struct tern_waiters *set, unsigned int from, unsigned int to)
{
	if (from == to)
		return;
	*link_to(set, from) = to + 1;
	set->waiter[to] = set->waiter[from];
}

/**
 * tern_waiters_remove() - somebody waits no more
 * @set: the set
 * @i: index of it; only waiters behind it change their places
 */
void tern_waiters_remove(struct tern_waiters *set, unsigned int i)
{
	*link_to(set, i) = set->waiter[i].next;
	if (i < set->settled) {
		move(set, --set->settled, i);
		i = set->settled;
	}
	move(set, --set->nr, i);
}

/**
 * tern_waiters_remove_range() - nobody waits any more in [@addr, @end) of @space
 * @set: the set
 * @space: where
 * @addr: page-aligned
 * @end: likewise
 */
void tern_waiters_remove_range(struct tern_waiters *set, const struct tern_space *space,
			       __u64 addr, __u64 end)
{
	unsigned int i;

	if ((end - addr) / PAGE < set->nr) {
		for (; addr < end && set->nr; addr += PAGE) {
			i = find(set, space, addr);
			if (i < set->nr)
				tern_waiters_remove(set, i);
		}
		return;
	}
	for (i = set->nr; i--;)
		if (set->waiter[i].space == space && set->waiter[i].addr >= addr &&
		    set->waiter[i].addr < end)
			tern_waiters_remove(set, i);
}

/**
 * tern_waiters_settle() - a waiter need not be looked at for the moment
 * @set: the set
 * @i: index of one that is not settled; changes places with the first such one
 */
void tern_waiters_settle(struct tern_waiters *set, unsigned int i)
{
	unsigned int first = set->settled++, *a, *b;
	struct tern_waiter w;

	if (i == first)
		return;
	a = link_to(set, i);
	b = link_to(set, first);
	*a = first + 1;
	*b = i + 1;
	w = set->waiter[i];
	set->waiter[i] = set->waiter[first];
	set->waiter[first] = w;
}

/** tern_waiters_unsettle() - all must be looked at once more */
void tern_waiters_unsettle(struct tern_waiters *set)
{
	set->settled = 0;
}
