// SPDX-License-Identifier: GPL-2.0
/*
 * Sets of pages. Address spaces are huge and mostly untouched, so chunks that
 * are full or empty have no bits of their own, and whole groups of empty ones are
 * passed over: a set may be as large as an address space. Pure logic, no locks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pageset.h"

#define CHUNK	32768ULL
#define WORDS	(CHUNK / 64)
#define GROUP	1024ULL		/* chunks */

/* Only its address counts. */
static __u64 full_mark;
#define FULL	(&full_mark)

static __u64 chunks(__u64 nr)
{
	return (nr + CHUNK - 1) / CHUNK;
}

static __u64 groups(__u64 nr)
{
	return chunks(nr) / GROUP + 1;
}

/* Pages of chunk @c that exist: the last one may be cut off. */
static __u64 chunk_size(const struct tern_pageset *set, __u64 c)
{
	__u64 left = set->nr - c * CHUNK;

	return left < CHUNK ? left : CHUNK;
}

/* How many of @nr bits from @first on are set. */
static unsigned int weigh(const __u64 *bits, unsigned int first, unsigned int nr)
{
	unsigned int i, sum = 0;

	for (i = first; i < first + nr;) {
		unsigned int n = 64 - i % 64;
		__u64 word = bits[i / 64] >> i % 64;

		if (n > first + nr - i)
			n = first + nr - i;
		sum += __builtin_popcountll(n == 64 ? word : word & ((1ULL << n) - 1));
		i += n;
	}
	return sum;
}

static void set_bits(__u64 *bits, unsigned int first, unsigned int nr, bool on)
{
	unsigned int i;

	for (i = first; i < first + nr;) {
		unsigned int n = 64 - i % 64;
		__u64 mask;

		if (n > first + nr - i)
			n = first + nr - i;
		mask = (n == 64 ? ~0ULL : (1ULL << n) - 1) << i % 64;
		if (on)
			bits[i / 64] |= mask;
		else
			bits[i / 64] &= ~mask;
		i += n;
	}
}

/**
 * tern_pageset_init() - a set that is full or empty
 * @set: to be filled
 * @nr: pages that there could be
 * @full: all of them are in it
 *
 * Return: 0 or -ENOMEM.
 */
int tern_pageset_init(struct tern_pageset *set, __u64 nr, bool full)
{
	__u64 i;

	set->nr = nr;
	set->count = full ? nr : 0;
	set->chunk = calloc(chunks(nr) + 1, sizeof(*set->chunk));
	set->weight = calloc(chunks(nr) + 1, sizeof(*set->weight));
	set->group = calloc(groups(nr), sizeof(*set->group));
	if (!set->chunk || !set->weight || !set->group) {
		tern_pageset_fini(set);
		return -ENOMEM;
	}
	for (i = 0; full && i < chunks(nr); i++) {
		set->chunk[i] = FULL;
		set->weight[i] = chunk_size(set, i);
		set->group[i / GROUP] += set->weight[i];
	}
	return 0;
}

/** tern_pageset_fini() - give its memory back; harmless on one that is zeroed */
void tern_pageset_fini(struct tern_pageset *set)
{
	__u64 i;

	for (i = 0; set->chunk && set->group && set->count && i < chunks(set->nr); i++) {
		if (!(i % GROUP) && !set->group[i / GROUP])
			i += GROUP - 1;
		else if (set->chunk[i] != FULL)
			free(set->chunk[i]);
	}
	free(set->chunk);
	free(set->weight);
	free(set->group);
	memset(set, 0, sizeof(*set));
}

/** tern_pageset_copy() - make @to, not yet initialised, equal to @from */
int tern_pageset_copy(struct tern_pageset *to, const struct tern_pageset *from)
{
	__u64 i;
	int err;

	err = tern_pageset_init(to, from->nr, false);
	if (err)
		return err;
	to->count = from->count;
	memcpy(to->weight, from->weight, chunks(from->nr) * sizeof(*to->weight));
	memcpy(to->group, from->group, groups(from->nr) * sizeof(*to->group));
	for (i = 0; i < chunks(from->nr); i++) {
		if (!from->chunk[i] || from->chunk[i] == FULL) {
			to->chunk[i] = from->chunk[i];
			continue;
		}
		to->chunk[i] = malloc(WORDS * sizeof(__u64));
		if (!to->chunk[i]) {
			tern_pageset_fini(to);
			return -ENOMEM;
		}
		memcpy(to->chunk[i], from->chunk[i], WORDS * sizeof(__u64));
	}
	return 0;
}

/** tern_pageset_has() - is @page in the set? */
bool tern_pageset_has(const struct tern_pageset *set, __u64 page)
{
	const __u64 *bits;

	if (page >= set->nr)
		return false;
	bits = set->chunk[page / CHUNK];
	if (!bits || bits == FULL)
		return bits;
	return bits[page % CHUNK / 64] >> page % 64 & 1;
}

/* Give chunk @c bits of its own. */
static __u64 *own_bits(struct tern_pageset *set, __u64 c)
{
	__u64 *bits = set->chunk[c];

	if (bits && bits != FULL)
		return bits;
	bits = calloc(WORDS, sizeof(*bits));
	if (!bits)
		return NULL;
	if (set->chunk[c])
		set_bits(bits, 0, chunk_size(set, c), true);
	set->chunk[c] = bits;
	return bits;
}

static void drop_bits(struct tern_pageset *set, __u64 c, __u64 *mark)
{
	if (set->chunk[c] != FULL)
		free(set->chunk[c]);
	set->chunk[c] = mark;
}

/* Chunk @c has @weight pages now. */
static void settle(struct tern_pageset *set, __u64 c, __u32 weight)
{
	set->count += weight;
	set->count -= set->weight[c];
	set->group[c / GROUP] += weight;
	set->group[c / GROUP] -= set->weight[c];
	set->weight[c] = weight;
	if (!weight || weight == chunk_size(set, c))
		drop_bits(set, c, weight ? FULL : NULL);
}

/* @n pages of chunk @c, from @at on, come in or go out. */
static int change_chunk(struct tern_pageset *set, __u64 c, unsigned int at, unsigned int n,
			bool on)
{
	__u64 size = chunk_size(set, c), *bits;

	if (set->weight[c] == (on ? size : 0))
		return 0;
	if (n == size) {
		settle(set, c, on ? size : 0);
		return 0;
	}
	bits = own_bits(set, c);
	if (!bits)
		return -ENOMEM;
	size = set->weight[c] - weigh(bits, at, n) + (on ? n : 0);
	set_bits(bits, at, n, on);
	settle(set, c, size);
	return 0;
}

static int change(struct tern_pageset *set, __u64 first, __u64 nr, bool on)
{
	int err = 0;

	if (first >= set->nr)
		return 0;
	if (nr > set->nr - first)
		nr = set->nr - first;
	while (nr && !err) {
		__u64 c = first / CHUNK, at = first % CHUNK, size = chunk_size(set, c);
		__u64 n = nr < size - at ? nr : size - at;

		err = change_chunk(set, c, at, n, on);
		first += n;
		nr -= n;
	}
	return err;
}

/** tern_pageset_add() - put pages in; those beyond the end are ignored */
int tern_pageset_add(struct tern_pageset *set, __u64 first, __u64 nr)
{
	return change(set, first, nr, true);
}

/** tern_pageset_del() - take pages out */
int tern_pageset_del(struct tern_pageset *set, __u64 first, __u64 nr)
{
	return change(set, first, nr, false);
}

/* The first page from @page on, and before @end, that is in it, or not; else @end. */
static __u64 next(const struct tern_pageset *set, __u64 page, __u64 end, bool in)
{
	while (page < end) {
		const __u64 *bits = set->chunk[page / CHUNK];
		__u64 word;

		if (!bits || bits == FULL) {
			if (!!bits == in)
				return page;
			page = in && !set->group[page / CHUNK / GROUP] ?
			       (page / CHUNK / GROUP + 1) * GROUP * CHUNK :
			       (page / CHUNK + 1) * CHUNK;
			continue;
		}
		word = bits[page % CHUNK / 64];
		word = (in ? word : ~word) >> page % 64;
		if (word) {
			page += __builtin_ctzll(word);
			return page < end ? page : end;
		}
		page = (page / 64 + 1) * 64;
	}
	return end;
}

/**
 * tern_pageset_next() - look for a page
 * @set: the set
 * @page: where to start
 * @in: one that is in it; else one that is not
 *
 * Return: its number, or @set->nr.
 */
__u64 tern_pageset_next(const struct tern_pageset *set, __u64 page, bool in)
{
	return next(set, page, set->nr, in);
}

/**
 * tern_pageset_run() - how many pages that follow each other are in the set?
 * @set: the set
 * @page: the first one
 * @most: at most so many are of interest, and looked at
 */
__u64 tern_pageset_run(const struct tern_pageset *set, __u64 page, __u64 most)
{
	__u64 end = page + most < set->nr ? page + most : set->nr;

	return page < end ? next(set, page, end, false) - page : 0;
}

/**
 * tern_pageset_and() - keep only what is in @mask, too
 * @set: the set
 * @mask: of the same size
 */
int tern_pageset_and(struct tern_pageset *set, const struct tern_pageset *mask)
{
	__u64 c, i;

	for (c = 0; c < chunks(set->nr); c++) {
		__u64 *bits;

		if (!set->chunk[c] || mask->chunk[c] == FULL)
			continue;
		if (!mask->chunk[c]) {
			settle(set, c, 0);
			continue;
		}
		bits = own_bits(set, c);
		if (!bits)
			return -ENOMEM;
		for (i = 0; i < WORDS; i++)
			bits[i] &= mask->chunk[c][i];
		settle(set, c, weigh(bits, 0, chunk_size(set, c)));
	}
	return 0;
}
