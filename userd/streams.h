/* SPDX-License-Identifier: GPL-2.0 */
/* What a migrant that faults will touch next. */
#ifndef TERN_STREAMS_H
#define TERN_STREAMS_H

#include <linux/types.h>

#define TERN_STREAMS		16
#define TERN_STREAM_WINDOW	128U	/* pages ahead, at most */

/**
 * struct tern_stream - somebody walks through memory
 * @last: number of the page of the newest fault
 * @stride: pages from one step to the next, either way; 0: not known yet
 * @window: steps to be ahead by; doubles with every fault that was foreseen
 * @ahead: steps from @last on that have been asked for
 * @used: when it was last of use; 0: never
 */
struct tern_stream {
	__u64 last;
	__s64 stride;
	unsigned int window;
	unsigned int ahead;
	__u64 used;
};

/**
 * struct tern_streams - all that walk at the same time
 * @stream: one each; the one that was of no use for longest makes room
 * @clock: counts faults
 */
struct tern_streams {
	struct tern_stream stream[TERN_STREAMS];
	__u64 clock;
};

/**
 * struct tern_ahead - pages that will be wanted
 * @first: number of the first one
 * @stride: to the next one
 * @nr: how many; 0: nothing is known
 */
struct tern_ahead {
	__u64 first;
	__s64 stride;
	unsigned int nr;
};

struct tern_ahead tern_streams_fault(struct tern_streams *streams, __u64 page, __u64 pages);

#endif
