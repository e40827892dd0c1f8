// SPDX-License-Identifier: GPL-2.0
/*
 * The order of the flush: ascending, but for the surroundings of pages that the
 * migrant has waited for, which go first. Whatever goes first is not sent again
 * when the flush comes to it, so nothing is ever begun anew, and a migrant that
 * faults all the time delays nothing: every page sent is one page less.
 *
 * Hints come from the thread that answers faults, all else is the flush's own.
 * No locks: a hint that is lost or taken late costs nothing but a better order.
 */
#include <string.h>

#include "order.h"

#define PAGE	((__u64)TERN_WIRE_PAGE)
#define BEFORE	16U	/* pages that go first because of one that was waited for */
#define BEHIND	48U

/**
 * tern_order_init() - begin at the first page
 * @order: to be filled
 * @map: complete
 */
void tern_order_init(struct tern_order *order, struct tern_map *map)
{
	memset(order, 0, sizeof(*order));
	order->map = map;
}

/**
 * tern_order_hint() - a page has been waited for
 * @order: may be in use by the flush
 * @number: of the page
 *
 * To be called by one thread.
 */
void tern_order_hint(struct tern_order *order, __u64 number)
{
	__u64 *hint = &order->hint[order->turn++ % TERN_ORDER_HINTS];

	__atomic_store_n(hint, number + 1, __ATOMIC_RELAXED);
}

/* Go to where the migrant has been waiting, if it has. */
static void take_hint(struct tern_order *order)
{
	unsigned int i;
	__u64 number;

	for (i = 0; i < TERN_ORDER_HINTS; i++) {
		number = __atomic_exchange_n(&order->hint[i], 0, __ATOMIC_RELAXED);
		if (!number || number > order->map->pages)
			continue;
		number--;
		order->at = number > BEFORE ? number - BEFORE : 0;
		order->end = number + BEHIND;
		if (order->end > order->map->pages)
			order->end = order->map->pages;
		return;
	}
}

/* Adjacent pages from *@at on that nobody has sent, claimed; 0: none before @end. */
static unsigned int claim(struct tern_order *order, __u64 *at, __u64 end, unsigned int most,
			  __u64 *addr)
{
	struct tern_map *map = order->map;
	unsigned int nr = 0;
	__u64 left;

	*at = tern_map_unsent(map, *at);
	if (*at >= end)
		return 0;
	*addr = tern_map_addr(map, *at, &left);
	if (most > left)
		most = left;
	if (most > end - *at)
		most = end - *at;
	while (nr < most && tern_map_claim(map, *at + nr))
		nr++;
	*at += nr;
	return nr;
}

/**
 * tern_order_next() - claim the next adjacent pages
 * @order: the order
 * @most: at most so many
 * @addr: out: of the first one
 *
 * Return: how many; 0: every page has been sent.
 */
unsigned int tern_order_next(struct tern_order *order, unsigned int most, __u64 *addr)
{
	unsigned int nr;

	for (;;) {
		if (order->at >= order->end)
			take_hint(order);
		if (order->at >= order->end)
			break;
		nr = claim(order, &order->at, order->end, most, addr);
		if (nr)
			return nr;
	}
	while (order->next < order->map->pages) {
		nr = claim(order, &order->next, order->map->pages, most, addr);
		if (nr)
			return nr;
	}
	return 0;
}
