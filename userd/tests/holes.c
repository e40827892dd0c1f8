// SPDX-License-Identifier: GPL-2.0
/* Where a shell may work in another process's address space. */
#include <string.h>

#include "prepare.h"
#include "test.h"

#define MIB	(1ULL << 20)
#define GIB	(1ULL << 30)

static void pie(void)
{
	struct tern_holes holes = { 0 };
	struct tern_wire_range r[8];
	unsigned int i, nr;

	tern_holes_add(&holes, 0x555555554000, 0x555555558000, false);
	tern_holes_add(&holes, 0x555555580000, 0x5555555a1000, false);
	tern_holes_add(&holes, 0x7ffff7d00000, 0x7ffff7ffe000, false);
	tern_holes_add(&holes, 0x7ffffffde000, 0x7ffffffff000, true);
	tern_holes_add(&holes, 0xffffffffff600000, 0xffffffffff601000, false);
	nr = tern_holes_pick(&holes, r, 8);
	CHECK(nr >= 2);
	CHECK(r[0].start == 0x10000 && r[0].end == 0x555555554000);
	for (i = 1; i < nr; i++)
		CHECK(r[i].start >= r[i - 1].end && r[i].start < r[i].end);
	/* far from the heap's end and from the lowest library */
	CHECK(r[1].start > 0x5555555a1000 + GIB && r[1].end < 0x7ffff7d00000 - GIB);
	CHECK(r[1].end - r[1].start == GIB);
	for (i = 0; i < nr; i++)
		CHECK(r[i].end <= 0x7ffffffde000 - 8 * MIB);
}

static void low(void)
{
	struct tern_holes holes = { 0 };
	struct tern_wire_range r[1];

	/* mapped from the very bottom, everything full but 2 MiB */
	tern_holes_add(&holes, 0, 0x400000, false);
	tern_holes_add(&holes, 0x600000, 0x7ffffffff000, false);
	CHECK(tern_holes_pick(&holes, r, 1) == 1);
	CHECK(r[0].start == 0x400000 && r[0].end == 0x600000);
}

static void full(void)
{
	struct tern_holes holes = { 0 };
	struct tern_wire_range r[8];

	tern_holes_add(&holes, 0x10000, 0x7ffffffff000, false);
	CHECK(!tern_holes_pick(&holes, r, 8));
}

static void many(void)
{
	struct tern_holes holes = { 0 };
	struct tern_wire_range r[8];
	unsigned int i, nr, large = 0;
	__u64 at = 0x400000;

	/* hundreds of small gaps, then a large one at the top */
	for (i = 0; i < 500; i++) {
		tern_holes_add(&holes, at, at + 0x1000, false);
		at += 0x1000 + 2 * MIB;
	}
	at += 4 * GIB;
	tern_holes_add(&holes, at, 0x7ffffffff000, false);
	nr = tern_holes_pick(&holes, r, 8);
	CHECK(nr == 8);
	for (i = 0; i < nr; i++)
		large += r[i].end - r[i].start >= GIB;
	CHECK(large == 1);
	for (i = 1; i < nr; i++)
		CHECK(r[i].start >= r[i - 1].end);
}

static void stack(void)
{
	struct tern_holes holes = { 0 };
	struct tern_wire_range r[8];

	/* between two mappings there is just what the stack may still take */
	tern_holes_add(&holes, 0x10000, 0x700000000000, false);
	tern_holes_add(&holes, 0x700000000000 + 8 * MIB, 0x7ffffffff000, true);
	CHECK(!tern_holes_pick(&holes, r, 8));
}

int main(void)
{
	pie();
	low();
	full();
	many();
	stack();
	return done();
}
