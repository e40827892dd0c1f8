/* SPDX-License-Identifier: GPL-2.0 */
/* The push of all remaining pages, in a thread of its own. */
#ifndef TERN_FLUSH_H
#define TERN_FLUSH_H

#include <pthread.h>

#include "link.h"
#include "map.h"

/**
 * struct tern_flush - a running flush
 * @dev: handle that stands for the migration
 * @link: lane 1, the thread's alone until it was stopped
 * @map: complete
 * @id: for the log
 * @thread: the thread
 * @running: it must be joined
 * @zero: pages named and not sent, atomic
 * @failed: it has ended before its work was done, atomic
 */
struct tern_flush {
	int dev;
	struct tern_link *link;
	struct tern_map *map;
	__u64 id;
	pthread_t thread;
	bool running;
	__u64 zero;
	bool failed;
};

int tern_flush_start(struct tern_flush *flush, __u64 id, int dev, struct tern_link *link,
		     struct tern_map *map);
void tern_flush_stop(struct tern_flush *flush, int stop);

#endif
