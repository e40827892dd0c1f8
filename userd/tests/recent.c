// SPDX-License-Identifier: GPL-2.0
/* What is wanted first of what has been used. */
#include <stdlib.h>
#include <string.h>

#include "recent.h"
#include "test.h"

#define RANGES(...)	{ .range = (struct tern_wire_range[]) { __VA_ARGS__ }, \
			  .nr = sizeof((struct tern_wire_range[]) { __VA_ARGS__ }) / \
				sizeof(struct tern_wire_range) }
#define PAGES(at, nr)	{ (at) * 4096ULL, ((at) + (nr)) * 4096ULL }

static struct tern_ranges order;

static bool comes(const struct tern_ranges *now, const struct tern_ranges *before,
		  const struct tern_ranges *want)
{
	if (tern_recent_order(&order, now, before) || order.nr != want->nr)
		return false;
	return !want->nr || !memcmp(order.range, want->range, want->nr * sizeof(want->range[0]));
}

int main(void)
{
	const struct tern_ranges none = { 0 };
	const struct tern_ranges before = RANGES(PAGES(10, 4), PAGES(20, 1), PAGES(40, 2));
	const struct tern_ranges now = RANGES(PAGES(12, 4), PAGES(30, 1), PAGES(41, 1));
	/* in both, only now, only before */
	const struct tern_ranges three = RANGES(PAGES(12, 2), PAGES(41, 1), PAGES(14, 2),
						PAGES(30, 1), PAGES(10, 2), PAGES(20, 1),
						PAGES(40, 1));
	const struct tern_ranges mixed = RANGES(PAGES(0, 1), PAGES(512, 512), PAGES(2000, 511),
						PAGES(4096, 1024), PAGES(9000, 2));
	const struct tern_ranges short_first = RANGES(PAGES(0, 1), PAGES(2000, 511),
						      PAGES(9000, 2), PAGES(512, 512),
						      PAGES(4096, 1024));
	const struct tern_ranges single = RANGES(PAGES(3000, 1));
	/* a long range that is used all the time comes before what was used once */
	const struct tern_ranges some = RANGES(PAGES(512, 512), PAGES(3000, 1));
	const struct tern_ranges large = RANGES(PAGES(512, 512));
	const struct tern_ranges larger = RANGES(PAGES(512, 512), PAGES(4096, 512));

	CHECK(comes(&none, &none, &none));
	CHECK(comes(&now, &before, &three));
	CHECK(comes(&mixed, &mixed, &short_first));
	CHECK(comes(&mixed, &none, &short_first));
	CHECK(comes(&none, &mixed, &short_first));
	CHECK(comes(&large, &some, &some));
	CHECK(comes(&larger, &none, &larger));
	CHECK(comes(&single, &none, &single));
	free(order.range);
	return done();
}
