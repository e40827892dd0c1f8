// SPDX-License-Identifier: GPL-2.0
/*
 * Address spaces that miss pages, against a model that has one entry per page:
 * random fork, mremap, munmap, madvise and arrival of pages must leave both with
 * the same idea of what is where and what is missing.
 */
#include <stdlib.h>
#include <string.h>

#include "space.h"
#include "test.h"

#define PAGE	4096ULL
#define VIRT	400		/* pages of address space, from BASE */
#define BASE	0x100000ULL
#define NONE	(~0ULL)
#define SPACES	6

struct model {
	__u64 at[VIRT];		/* number of the page there */
	bool *missing;		/* by number */
};

static unsigned int seed_state = 1;

static unsigned int rnd(unsigned int n)
{
	seed_state = seed_state * 1103515245 + 12345;
	return (seed_state >> 8) % n;
}

static __u64 addr_of(unsigned int virt)
{
	return BASE + virt * PAGE;
}

/* Everything that both know, compared; quiet when equal. */
static bool same(struct tern_space *space, const struct model *m, __u64 pages)
{
	__u64 page, left, addr, count = 0, seen = 0, at = 0, n;
	unsigned int i;

	for (i = 0; i < VIRT; i++) {
		bool found = tern_space_find(space, addr_of(i), &page, &left);

		if (found != (m->at[i] != NONE) || (found && page != m->at[i]))
			return false;
		if (found && m->missing[page] != tern_pageset_has(&space->missing, page))
			return false;
		count += found && m->missing[page];
	}
	while ((n = tern_space_wants(space, &at, pages, &addr))) {
		for (i = 0; i < n; i++)
			if (addr < BASE || m->at[(addr - BASE) / PAGE + i] != at + i ||
			    !m->missing[at + i])
				return false;
		seen += n;
		at += n;
	}
	return seen == count && space->missing.count == count;
}

static void model_remove(struct model *m, unsigned int from, unsigned int n, bool unmap)
{
	unsigned int i;

	for (i = from; i < from + n && i < VIRT; i++) {
		if (m->at[i] == NONE)
			continue;
		m->missing[m->at[i]] = false;
		if (unmap)
			m->at[i] = NONE;
	}
}

static void model_remap(struct model *m, unsigned int from, unsigned int to, unsigned int n)
{
	__u64 moved[VIRT];

	memcpy(moved, m->at + from, n * sizeof(moved[0]));
	memset(m->at + from, 0xff, n * sizeof(moved[0]));
	model_remove(m, to, n, true);
	memcpy(m->at + to, moved, n * sizeof(moved[0]));
}

static void step(struct tern_space *space, struct model *m, __u64 pages)
{
	unsigned int from = rnd(VIRT), n = 1 + rnd(rnd(4) ? 12 : 60), to = rnd(VIRT);
	__u64 page, addr;

	if (from + n > VIRT)
		n = VIRT - from;
	switch (rnd(8)) {
	case 0:
		tern_space_unmap(space, addr_of(from), addr_of(from + n));
		model_remove(m, from, n, true);
		break;
	case 1:
		tern_space_remove(space, addr_of(from), addr_of(from + n));
		model_remove(m, from, n, false);
		break;
	case 2:
	case 3:
		if (to + n > VIRT || (to < from + n && from < to + n))
			break;
		tern_space_remap(space, addr_of(from), addr_of(to), n * PAGE);
		model_remap(m, from, to, n);
		break;
	default:
		page = rnd(pages);
		n = tern_space_wants(space, &page, page + n < pages ? page + n : pages, &addr);
		tern_pageset_del(&space->missing, page, n);
		while (n--)
			m->missing[page + n] = false;
	}
}

static bool random_run(unsigned int seed)
{
	struct tern_seed seeds[8] = { 0 };
	struct tern_space space[SPACES];
	struct model m[SPACES];
	struct tern_layout layout;
	unsigned int i, j, at = 0, nr = 0, n = 1;
	bool ok = true;

	seed_state = seed;
	while (nr < 8 && at < VIRT - 60) {
		at += rnd(10);
		seeds[nr].start = addr_of(at);
		at += 1 + rnd(50);
		seeds[nr].end = addr_of(at);
		seeds[nr].flags = rnd(5) ? 0 : TERN_SEED_WIPEONFORK;
		nr++;
	}
	tern_layout_init(&layout, seeds, nr);
	memset(m[0].at, 0xff, sizeof(m[0].at));
	m[0].missing = malloc(layout.pages);
	memset(m[0].missing, true, layout.pages);
	for (i = 0; i < nr; i++)
		for (j = 0; j < (seeds[i].end - seeds[i].start) / PAGE; j++)
			m[0].at[(seeds[i].start - BASE) / PAGE + j] = layout.first[i] + j;
	tern_space_init(&space[0], &layout);
	ok = same(&space[0], &m[0], layout.pages);
	for (i = 0; i < 400 && ok; i++) {
		unsigned int who = rnd(n);

		if (n < SPACES && !rnd(60)) {
			tern_space_fork(&space[n], &space[who]);
			m[n] = m[who];
			m[n].missing = malloc(layout.pages);
			memcpy(m[n].missing, m[who].missing, layout.pages);
			for (j = 0; j < nr; j++)
				if (seeds[j].flags)
					memset(m[n].missing + layout.first[j], false,
					       (seeds[j].end - seeds[j].start) / PAGE);
			n++;
			ok = same(&space[n - 1], &m[n - 1], layout.pages);
			continue;
		}
		step(&space[who], &m[who], layout.pages);
		ok = same(&space[who], &m[who], layout.pages);
	}
	if (!ok)
		printf("# seed %u, step %u\n", seed, i);
	for (i = 0; i < n; i++) {
		tern_space_fini(&space[i]);
		free(m[i].missing);
	}
	tern_layout_fini(&layout);
	return ok;
}

static void layouts(void)
{
	struct tern_seed s[2] = {
		{ .start = 0x1000, .end = 0x3000 },
		{ .start = 0x7000, .end = 0x9000 },
	};
	struct tern_layout layout;
	__u64 page = 99;

	tern_layout_init(&layout, s, 2);
	CHECK(layout.pages == 4);
	CHECK(!tern_layout_pages(&layout, 0, 10, &page));
	CHECK(tern_layout_pages(&layout, 0x1000, 10, &page) == 2 && page == 0);
	CHECK(tern_layout_pages(&layout, 0x2000, 10, &page) == 1 && page == 1);
	CHECK(!tern_layout_pages(&layout, 0x3000, 10, &page));
	CHECK(tern_layout_pages(&layout, 0x7000, 1, &page) == 1 && page == 2);
	CHECK(!tern_layout_pages(&layout, 0x9000, 10, &page));
	CHECK(tern_layout_addr(&layout, 0) == 0x1000 && tern_layout_addr(&layout, 3) == 0x8000);
	CHECK(tern_layout_find(&layout, 0x3000) == 1 && tern_layout_find(&layout, 0x9000) == 2);
	tern_layout_fini(&layout);
	CHECK(!tern_layout_init(&layout, NULL, 0) && !layout.pages);
	tern_layout_fini(&layout);
}

/* A huge space costs little, and its edges are right. */
static void huge(void)
{
	struct tern_seed s = { .start = 0x10000, .end = 0x7ffffffff000 };
	__u64 page = 0, addr, pages = (s.end - s.start) / PAGE;
	struct tern_pageset map;
	struct tern_space space;
	struct tern_layout layout;

	tern_layout_init(&layout, &s, 1);
	CHECK(!tern_space_init(&space, &layout));
	CHECK(space.missing.count == pages);
	CHECK(!tern_space_unmap(&space, 0x20000, 0x30000));
	CHECK(space.missing.count == pages - 16);
	CHECK(tern_space_wants(&space, &page, pages, &addr) == 16 && addr == 0x10000);
	CHECK(!tern_pageset_init(&map, pages, false));
	CHECK(!tern_pageset_add(&map, pages - 5, 100) && map.count == 5);
	CHECK(!tern_pageset_and(&space.missing, &map) && space.missing.count == 5);
	page = 0;
	CHECK(tern_space_wants(&space, &page, pages, &addr) == 5 && addr == s.end - 5 * PAGE);
	tern_pageset_fini(&map);
	tern_space_fini(&space);
	tern_layout_fini(&layout);
}

/* Sets of an odd size, against an array. */
static bool set_run(unsigned int seed)
{
	static bool model[100000];
	__u64 nr = 65536 + 333, first, n, i, count = 0;
	struct tern_pageset set, copy, mask;
	bool ok, full = seed & 1;
	unsigned int k;

	seed_state = seed;
	tern_pageset_init(&set, nr, full);
	tern_pageset_init(&mask, nr, false);
	memset(model, full, nr);
	for (k = 0; k < 40; k++) {
		bool on = rnd(2);

		first = rnd(nr);
		n = rnd(rnd(2) ? 100 : 40000);
		if (on)
			tern_pageset_add(&set, first, n);
		else
			tern_pageset_del(&set, first, n);
		for (i = first; i < first + n && i < nr; i++)
			model[i] = on;
	}
	first = rnd(nr);
	tern_pageset_add(&mask, first, 33000);
	tern_pageset_and(&set, &mask);
	for (i = 0; i < nr; i++) {
		model[i] &= i >= first && i < first + 33000;
		count += model[i];
	}
	tern_pageset_copy(&copy, &set);
	ok = copy.count == count && set.count == count;
	for (i = 0; i < nr && ok; i++)
		ok = tern_pageset_has(&copy, i) == model[i];
	for (i = 0; i < nr && ok; i = n + 1) {
		n = tern_pageset_next(&copy, i, true);
		for (; i < n && ok; i++)
			ok = !model[i];
		ok &= n == nr || model[n];
		if (n < nr && ok) {
			first = tern_pageset_next(&copy, n, false);
			ok = first > n && (first == nr || !model[first]) &&
			     tern_pageset_run(&copy, n, nr) == first - n &&
			     tern_pageset_run(&copy, n, 1) == 1 &&
			     tern_pageset_run(&copy, n, first - n + 1) == first - n &&
			     !tern_pageset_run(&copy, first, 1);
		}
	}
	tern_pageset_fini(&set);
	tern_pageset_fini(&copy);
	tern_pageset_fini(&mask);
	return ok;
}

/* A set over all of user space: few pages, far from one another. */
static void sparse(void)
{
	static const __u64 pages[] = { 16, 0x555555554ULL, 0x7f0000000ULL, (1ULL << 35) - 1 };
	struct tern_pageset set, copy;
	__u64 at = 0;
	unsigned int i;

	CHECK(!tern_pageset_init(&set, 1ULL << 35, false));
	CHECK(tern_pageset_next(&set, 0, true) == set.nr);
	for (i = 0; i < 4; i++)
		tern_pageset_add(&set, pages[i], 1);
	CHECK(!tern_pageset_copy(&copy, &set));
	for (i = 0; i < 4; i++) {
		at = tern_pageset_next(&copy, at, true);
		CHECK(at == pages[i]);
		at = tern_pageset_next(&copy, at, false);
		CHECK(at == pages[i] + 1);
	}
	tern_pageset_del(&copy, pages[2], 1);
	CHECK(tern_pageset_next(&copy, pages[1] + 1, true) == pages[3] && copy.count == 3);
	tern_pageset_fini(&set);
	tern_pageset_fini(&copy);
}

int main(void)
{
	unsigned int seed;
	bool ok = true;

	layouts();
	huge();
	sparse();
	for (seed = 1; seed <= 300 && ok; seed++)
		ok = random_run(seed);
	CHECK(ok);
	for (seed = 1; seed <= 60 && ok; seed++)
		ok = set_run(seed);
	CHECK(ok);
	return done();
}
