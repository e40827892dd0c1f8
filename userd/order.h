/* SPDX-License-Identifier: GPL-2.0 */
/* Which pages the flush sends next. */
#ifndef TERN_ORDER_H
#define TERN_ORDER_H

#include <linux/types.h>

#include "map.h"
#include "recent.h"

#define TERN_ORDER_AHEAD	256U	/* a power of two */

/**
 * struct tern_order - where the flush stands
 * @map: complete
 * @next: every page below this number has been sent, or is being sent
 * @at: page that goes first
 * @end: of those that go first; @at: none
 * @recent: what the migrant has used lately
 * @nr_recent: ranges of it that have had their turn
 * @at_recent: page of the present one
 * @end_recent: of that; @at_recent: none
 * @near: number of the page that was waited for last, plus one; 0: none; atomic
 * @ahead: pages that will be waited for: number << 16 | how many
 * @put: entries that were ever put there; the writer's, atomic
 * @taken: entries that were ever taken; the flush's, atomic
 */
struct tern_order {
	struct tern_map *map;
	__u64 next;
	__u64 at;
	__u64 end;
	const struct tern_recent *recent;
	size_t nr_recent;
	__u64 at_recent;
	__u64 end_recent;
	__u64 near;
	__u64 ahead[TERN_ORDER_AHEAD];
	unsigned int put;
	unsigned int taken;
};

void tern_order_init(struct tern_order *order, struct tern_map *map,
		     const struct tern_recent *recent);
void tern_order_hint(struct tern_order *order, __u64 number);
void tern_order_ahead(struct tern_order *order, __u64 number, unsigned int nr);
unsigned int tern_order_next(struct tern_order *order, unsigned int most, __u64 *addr);

#endif
