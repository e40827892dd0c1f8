/* SPDX-License-Identifier: GPL-2.0 */
/* Threads that wait for a page; there may be thousands of them. */
#ifndef TERN_WAITERS_H
#define TERN_WAITERS_H

#include <linux/types.h>
#include <stdbool.h>

struct tern_space;

/**
 * struct tern_waiter - a thread that waits for a page
 * @space: where
 * @addr: page-aligned
 * @next: index of the next one in its bucket, plus 1; 0: none
 */
struct tern_waiter {
	struct tern_space *space;
	__u64 addr;
	unsigned int next;
};

/**
 * struct tern_waiters - all of them
 * @waiter: array; first those that are settled
 * @nr: how many
 * @settled: of them, that need not be looked at: their page is on its way
 * @room: for how many there is room: a power of two, or 0
 * @bucket: @room of them; index of the first one, plus 1
 */
struct tern_waiters {
	struct tern_waiter *waiter;
	unsigned int nr;
	unsigned int settled;
	unsigned int room;
	unsigned int *bucket;
};

void tern_waiters_fini(struct tern_waiters *set);
int tern_waiters_add(struct tern_waiters *set, struct tern_space *space, __u64 addr);
void tern_waiters_remove(struct tern_waiters *set, unsigned int i);
void tern_waiters_remove_range(struct tern_waiters *set, const struct tern_space *space,
			       __u64 addr, __u64 end);
void tern_waiters_settle(struct tern_waiters *set, unsigned int i);
void tern_waiters_unsettle(struct tern_waiters *set);

#endif
