// SPDX-License-Identifier: GPL-2.0
/* The order of the flush: everything once, and first what lies near a fault. */
#include <string.h>

#include "order.h"
#include "test.h"

#define PAGE	4096ULL

static struct tern_wire_range ranges[] = {
	{ 0x10000, 0x10000 + 100 * PAGE },
	{ 0x400000, 0x400000 + 1 * PAGE },
	{ 0x800000, 0x800000 + 1000 * PAGE },
};

static __u64 first[] = { 0, 100, 101 };
static __u64 sent[1101 / 64 + 1];
static unsigned int seen[1101];

static struct tern_map map = {
	.ranges = ranges, .first = first, .nr = 3, .pages = 1101, .sent = sent, .built = true,
};

static void begin_with(struct tern_order *order, const struct tern_recent *recent)
{
	memset(sent, 0, sizeof(sent));
	memset(seen, 0, sizeof(seen));
	map.moved = 0;
	tern_order_init(order, &map, recent);
}

static void begin(struct tern_order *order)
{
	begin_with(order, NULL);
}

/* The next claim; number of its first page, or ~0. */
static __u64 next(struct tern_order *order, unsigned int most, unsigned int *nr)
{
	__u64 addr, number;
	unsigned int i;

	*nr = tern_order_next(order, most, &addr);
	if (!*nr)
		return ~0ULL;
	if (!tern_map_find(&map, addr, &number))
		return ~0ULL;
	for (i = 0; i < *nr; i++)
		seen[number + i]++;
	return number;
}

static bool all_once(void)
{
	unsigned int i;

	for (i = 0; i < map.pages; i++)
		if (seen[i] != 1)
			return false;
	return map.moved == map.pages;
}

static void straight_on(void)
{
	struct tern_order order;
	unsigned int nr;

	begin(&order);
	CHECK(next(&order, 64, &nr) == 0 && nr == 64);
	/* up to the end of the range, then the single page */
	CHECK(next(&order, 64, &nr) == 64 && nr == 36);
	CHECK(next(&order, 64, &nr) == 100 && nr == 1);
	/* a fault has taken some of them */
	tern_map_claim(&map, 105);
	seen[105]++;
	CHECK(next(&order, 64, &nr) == 101 && nr == 4);
	CHECK(next(&order, 64, &nr) == 106 && nr == 64);
	while (next(&order, 64, &nr) != ~0ULL)
		;
	CHECK(!nr && all_once());
}

static void near_faults(void)
{
	struct tern_order order;
	unsigned int nr, i;
	__u64 at;

	begin(&order);
	next(&order, 16, &nr);
	tern_order_hint(&order, 600);
	at = next(&order, 16, &nr);
	CHECK(at < 600 && at + nr >= 600 && nr == 16);
	CHECK(next(&order, 16, &nr) == at + 16);
	for (i = 0; i < 8 && at > 16; i++)
		at = next(&order, 16, &nr);
	CHECK(at == 16);
	/* at both ends, and beyond */
	tern_order_hint(&order, 1100);
	CHECK(next(&order, 64, &nr) > 1000);
	tern_order_hint(&order, 5000);
	tern_order_ahead(&order, 9000, 10);
	CHECK(next(&order, 16, &nr) != ~0ULL);
	/* with a fault between any two messages it still comes to an end */
	for (i = 0; next(&order, 16, &nr) != ~0ULL && i < 5000; i++)
		tern_order_hint(&order, (i * 7919) % 1101);
	CHECK(i < 200 && all_once());
}

/* What will be touched goes before what lies around. */
static void foreseen(void)
{
	struct tern_order order;
	unsigned int nr, i;

	begin(&order);
	tern_order_hint(&order, 700);
	tern_order_ahead(&order, 300, 4);
	tern_order_ahead(&order, 310, 1);
	CHECK(next(&order, 16, &nr) == 300 && nr == 4);
	CHECK(next(&order, 16, &nr) == 310 && nr == 1);
	CHECK(next(&order, 16, &nr) == 684 && nr == 16);
	/* once is enough, and too much is forgotten */
	tern_order_ahead(&order, 300, 4);
	for (i = 0; i < 2 * TERN_ORDER_AHEAD; i++)
		tern_order_ahead(&order, 1000 - i, 1);
	CHECK(next(&order, 16, &nr) == 700);
	while (next(&order, 16, &nr) != ~0ULL)
		;
	CHECK(all_once());
}

/* What was used lately goes before the rest, and behind what is waited for. */
static void used_lately(void)
{
	struct tern_wire_range used[] = {
		{ 0x10000 + 5 * PAGE, 0x10000 + 6 * PAGE },	/* has been sent already */
		{ 0x10000 + 50 * PAGE, 0x10000 + 53 * PAGE },
		{ 0x700000, 0x700000 + PAGE },			/* does not exist */
		{ 0x800000 + 899 * PAGE, 0x800000 + 900 * PAGE },
	};
	struct tern_recent recent = { .pages = { used, 4, 4 }, .nr_sent = 1 };
	struct tern_order order;
	unsigned int nr;

	begin_with(&order, &recent);
	tern_order_ahead(&order, 300, 4);
	CHECK(next(&order, 16, &nr) == 300 && nr == 4);
	CHECK(next(&order, 2, &nr) == 50 && nr == 2);
	/* whose surroundings may wait, but not what is foreseen, in the middle of a range */
	tern_order_hint(&order, 700);
	tern_order_ahead(&order, 310, 1);
	CHECK(next(&order, 2, &nr) == 310 && nr == 1);
	CHECK(next(&order, 16, &nr) == 52 && nr == 1);
	CHECK(next(&order, 16, &nr) == 1000 && nr == 1);
	CHECK(next(&order, 16, &nr) == 684 && nr == 16);
	while (next(&order, 16, &nr) > 600)
		;
	CHECK(nr == 16 && seen[0] == 1);
	while (next(&order, 16, &nr) != ~0ULL)
		;
	CHECK(all_once());
}

int main(void)
{
	straight_on();
	foreseen();
	used_lately();
	near_faults();
	return done();
}
