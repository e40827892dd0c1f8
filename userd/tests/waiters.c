// SPDX-License-Identifier: GPL-2.0
/* The set of those who wait, against a list of them; and that it does not slow down. */
#include <stdlib.h>
#include <string.h>

#include "test.h"
#include "waiters.h"

#define PAGE	4096ULL
#define SPACES	3
#define PAGES	200

static struct tern_space *const space[SPACES] = { (void *)0x1000, (void *)0x2040, (void *)0x3080 };
static unsigned char model[SPACES][PAGES];	/* 1: waits, 2: is settled */
static __u64 seed = 1;

static unsigned int some(unsigned int below)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (seed >> 33) % below;
}

static unsigned int space_of(const struct tern_waiter *w)
{
	unsigned int s;

	for (s = 0; s < SPACES - 1 && space[s] != w->space; s++)
		;
	return s;
}

static bool same(const struct tern_waiters *set)
{
	unsigned int i, s, n, nr = 0, settled = 0;

	for (s = 0; s < SPACES; s++) {
		for (n = 0; n < PAGES; n++) {
			nr += !!model[s][n];
			settled += model[s][n] == 2;
		}
	}
	if (set->nr != nr || set->settled != settled)
		return false;
	for (i = 0; i < set->nr; i++)
		if (model[space_of(&set->waiter[i])][set->waiter[i].addr / PAGE] !=
		    (i < set->settled ? 2 : 1))
			return false;
	return true;
}

static void remove_range(struct tern_waiters *set)
{
	unsigned int s = some(SPACES), from = some(PAGES), nr = some(some(4) ? 5 : PAGES);

	if (nr > PAGES - from)
		nr = PAGES - from;
	tern_waiters_remove_range(set, space[s], from * PAGE, (from + nr) * PAGE);
	memset(&model[s][from], 0, nr);
}

static void remove_one(struct tern_waiters *set)
{
	unsigned int i = some(set->nr);

	model[space_of(&set->waiter[i])][set->waiter[i].addr / PAGE] = 0;
	tern_waiters_remove(set, i);
}

static void settle_one(struct tern_waiters *set)
{
	unsigned int i = set->settled + some(set->nr - set->settled);

	model[space_of(&set->waiter[i])][set->waiter[i].addr / PAGE] = 2;
	tern_waiters_settle(set, i);
}

static void unsettle(struct tern_waiters *set)
{
	unsigned int s, n;

	tern_waiters_unsettle(set);
	for (s = 0; s < SPACES; s++)
		for (n = 0; n < PAGES; n++)
			model[s][n] = !!model[s][n];
}

static bool step(struct tern_waiters *set)
{
	unsigned int s = some(SPACES), n = some(PAGES), what = some(100);

	if (what < 50) {
		if (tern_waiters_add(set, space[s], n * PAGE))
			return false;
		if (!model[s][n])
			model[s][n] = 1;
	} else if (what < 60) {
		remove_range(set);
	} else if (what < 75 && set->nr) {
		remove_one(set);
	} else if (what < 99 && set->settled < set->nr) {
		settle_one(set);
	} else if (what == 99) {
		unsettle(set);
	}
	return same(set);
}

static void at_random(void)
{
	struct tern_waiters set = { 0 };
	unsigned int i;

	for (i = 0; i < 20000 && step(&set); i++)
		;
	CHECK(i == 20000);
	tern_waiters_remove_range(&set, space[0], 0, ~0ULL / PAGE * PAGE);
	memset(model[0], 0, sizeof(model[0]));
	CHECK(same(&set));
	tern_waiters_fini(&set);
	CHECK(!set.waiter && !set.nr);
	tern_waiters_remove_range(&set, space[0], 0, PAGE);
	CHECK(!set.nr);
}

/* Were each step to go over all the others, the test would not end. */
static void very_many(void)
{
	struct tern_waiters set = { 0 };
	unsigned int i, nr = 1000000;
	int err = 0;

	for (i = 0; i < nr && !err; i++)
		err = tern_waiters_add(&set, space[i % 2], i * PAGE);
	for (i = 0; i < nr && !err; i++)
		err = tern_waiters_add(&set, space[i % 2], i * PAGE);
	CHECK(!err && set.nr == nr);
	while (set.settled < set.nr)
		tern_waiters_settle(&set, set.settled);
	for (i = 0; i < nr; i += 2)
		tern_waiters_remove_range(&set, space[0], i * PAGE, (i + 2) * PAGE);
	CHECK(set.nr == nr / 2 && set.settled == set.nr);
	while (set.nr)
		tern_waiters_remove(&set, set.nr / 2);
	CHECK(!set.settled);
	tern_waiters_fini(&set);
}

int main(void)
{
	at_random();
	very_many();
	return done();
}
