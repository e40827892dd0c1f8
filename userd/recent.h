/* SPDX-License-Identifier: GPL-2.0 */
/* Pages that a migrant has used shortly before it was parked. */
#ifndef TERN_RECENT_H
#define TERN_RECENT_H

#include <stdbool.h>
#include <stddef.h>
#include <tern/wire.h>

#include "pages.h"

#define TERN_RECENT_BATCH	16U	/* pages in one message */

struct tern_source;
struct tern_map;

/**
 * struct tern_wave - pages on their way
 * @pages: the message
 * @data: of the message
 * @fresh: pages that were sent ahead, and are right
 * @nr_fresh: how many ranges
 */
struct tern_wave {
	struct tern_pages pages;
	_Alignas(8) char data[TERN_RECENT_BATCH * TERN_WIRE_PAGE];
	struct tern_wire_range fresh[TERN_RECENT_BATCH];
	unsigned int nr_fresh;
};

/**
 * struct tern_ranges - ranges of pages
 * @range: they
 * @nr: how many
 * @room: how many fit
 */
struct tern_ranges {
	struct tern_wire_range *range;
	size_t nr;
	size_t room;
};

/**
 * struct tern_recent - what is known of them
 * @begun: the marks of use were taken off, so that those of now tell something
 * @budget: how many may follow the blast at once
 * @looks: how many may be looked at for that
 * @before: pages used up to the last look but one, ascending
 * @pages: three lists, one behind the other: pages used before that look and since, only
 *	since, only before. Each ascends, and so do its long ranges, which come last
 * @nr_sent: of them, ranges that have been sent as a whole
 * @at: address of what is to be sent next
 * @wave: memory for messages, or NULL
 *
 * Zeroed: nothing is known.
 */
struct tern_recent {
	bool begun;
	unsigned int budget;
	unsigned int looks;
	struct tern_ranges before;
	struct tern_ranges pages;
	size_t nr_sent;
	__u64 at;
	struct tern_wave *wave;
};

void tern_recent_begin(struct tern_source *s);
int tern_recent_note(struct tern_source *s);
void tern_recent_budget(struct tern_recent *r, __u64 bytes, __u64 ns);
int tern_recent_order(struct tern_ranges *to, const struct tern_ranges *now,
		      const struct tern_ranges *before);
void tern_recent_find(struct tern_source *s);
int tern_recent_step(struct tern_source *s, unsigned int most);
void tern_recent_follow(struct tern_source *s, bool wait);
void tern_recent_claim(const struct tern_recent *r, struct tern_map *map);
void tern_recent_fini(struct tern_recent *r);

#endif
