// SPDX-License-Identifier: GPL-2.0
/*
 * The order of the flush: ascending, but what the migrant is expected to touch
 * goes first, after that what it used shortly before it left, and after that the
 * surroundings of the page that it has waited for last. Whatever goes first is not sent
 * again when the flush comes to it, so nothing is ever begun anew, and a migrant that
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
 * @recent: what it has used lately; NULL: nothing is known
 */
void tern_order_init(struct tern_order *order, struct tern_map *map,
		     const struct tern_recent *recent)
{
	memset(order, 0, sizeof(*order));
	order->map = map;
	order->recent = recent;
	order->nr_recent = recent ? recent->nr_sent : 0;
}

/**
 * tern_order_hint() - a page has been waited for
 * @order: may be in use by the flush
 * @number: of the page
 */
void tern_order_hint(struct tern_order *order, __u64 number)
{
	__atomic_store_n(&order->near, number + 1, __ATOMIC_RELAXED);
}

/**
 * tern_order_ahead() - pages will be waited for
 * @order: may be in use by the flush
 * @number: of the first one
 * @nr: how many, less than 65536
 *
 * To be called by one thread. When the flush does not keep up with this it will
 * send them later.
 */
void tern_order_ahead(struct tern_order *order, __u64 number, unsigned int nr)
{
	if (order->put - __atomic_load_n(&order->taken, __ATOMIC_ACQUIRE) == TERN_ORDER_AHEAD)
		return;
	order->ahead[order->put % TERN_ORDER_AHEAD] = number << 16 | nr;
	__atomic_store_n(&order->put, order->put + 1, __ATOMIC_RELEASE);
}

static __u64 up_to(const struct tern_order *order, __u64 end)
{
	return end < order->map->pages ? end : order->map->pages;
}

static void go_to(struct tern_order *order, __u64 number, __u64 end)
{
	order->at = number;
	order->end = up_to(order, end);
}

/* The next range of what the migrant has used lately; false: there is none. */
static bool take_recent(struct tern_order *order)
{
	const struct tern_recent *recent = order->recent;
	const struct tern_wire_range *range;
	__u64 number;

	if (!recent || order->nr_recent == recent->pages.nr)
		return false;
	range = &recent->pages.range[order->nr_recent++];
	if (!tern_map_find(order->map, range->start, &number))
		return true;
	order->at_recent = number;
	order->end_recent = up_to(order, number + (range->end - range->start) / PAGE);
	return true;
}

/* Go to where the migrant will be; false: nothing is known of that. */
static bool take_ahead(struct tern_order *order)
{
	__u64 ahead;

	if (order->taken == __atomic_load_n(&order->put, __ATOMIC_ACQUIRE))
		return false;
	ahead = order->ahead[order->taken % TERN_ORDER_AHEAD];
	__atomic_store_n(&order->taken, order->taken + 1, __ATOMIC_RELEASE);
	go_to(order, ahead >> 16, (ahead >> 16) + (ahead & 0xffff));
	return true;
}

/* Go to where it has waited last. */
static bool take_near(struct tern_order *order)
{
	__u64 number = __atomic_exchange_n(&order->near, 0, __ATOMIC_RELAXED);

	if (!number--)
		return false;
	go_to(order, number > BEFORE ? number - BEFORE : 0, number + BEHIND);
	return true;
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

static unsigned int claim_recent(struct tern_order *order, unsigned int most, __u64 *addr)
{
	unsigned int nr;

	while (order->at_recent < order->end_recent || take_recent(order)) {
		nr = claim(order, &order->at_recent, order->end_recent, most, addr);
		if (nr)
			return nr;
	}
	return 0;
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
		if (order->at >= order->end && !take_ahead(order)) {
			nr = claim_recent(order, most, addr);
			if (nr)
				return nr;
			if (!take_near(order))
				break;
		}
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
