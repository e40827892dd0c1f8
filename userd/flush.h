/* SPDX-License-Identifier: GPL-2.0 */
/* The push of all remaining pages, in a thread of its own. */
#ifndef TERN_FLUSH_H
#define TERN_FLUSH_H

#include <pthread.h>

#include "host.h"
#include "link.h"
#include "map.h"
#include "order.h"

/**
 * struct tern_flush - a running flush
 * @dev: handle that stands for the migration
 * @link: lane 1, the thread's alone until it was stopped
 * @map: complete
 * @order: what comes next
 * @id: for the log
 * @pack: whether to pack pages
 * @thread: the thread
 * @running: it must be joined
 * @waited_ns: monotonic time at which a page was last waited for, atomic
 * @zero: pages named and not sent, atomic
 * @failed: it has ended before its work was done, atomic
 */
struct tern_flush {
	int dev;
	struct tern_link *link;
	struct tern_map *map;
	struct tern_order order;
	__u64 id;
	enum tern_pack pack;
	pthread_t thread;
	bool running;
	__u64 waited_ns;
	__u64 zero;
	bool failed;
};

int tern_flush_start(struct tern_flush *flush, const struct tern_job *job, int dev,
		     struct tern_link *link, struct tern_map *map,
		     const struct tern_recent *recent);
void tern_flush_hint(struct tern_flush *flush, __u64 number);
void tern_flush_ahead(struct tern_flush *flush, __u64 number, unsigned int nr);
void tern_flush_stop(struct tern_flush *flush);

#endif
