/* SPDX-License-Identifier: GPL-2.0 */
/* Which pages the flush sends next. */
#ifndef TERN_ORDER_H
#define TERN_ORDER_H

#include <linux/types.h>

#include "map.h"

#define TERN_ORDER_HINTS	8

/**
 * struct tern_order - where the flush stands
 * @map: complete
 * @next: every page below this number has been sent, or is being sent
 * @at: page around a fault that is looked at next
 * @end: of the pages around that fault; @at: none
 * @hint: numbers of pages that were waited for lately, plus one; 0: none; atomic
 * @turn: the next hint to be written; the writer's alone
 */
struct tern_order {
	struct tern_map *map;
	__u64 next;
	__u64 at;
	__u64 end;
	__u64 hint[TERN_ORDER_HINTS];
	unsigned int turn;
};

void tern_order_init(struct tern_order *order, struct tern_map *map);
void tern_order_hint(struct tern_order *order, __u64 number);
unsigned int tern_order_next(struct tern_order *order, unsigned int most, __u64 *addr);

#endif
