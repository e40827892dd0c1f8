/* SPDX-License-Identifier: GPL-2.0 */
/* Pages that came while the migrant still ran at the source, kept aside. */
#ifndef TERN_STAGE_H
#define TERN_STAGE_H

#include <stddef.h>

#include "pageset.h"

/**
 * struct tern_stage - pages by their address at the source
 * @fd: memfd, in which a page stands at its address; holes are none. Valid when
 *	@have is not empty
 * @have: which are there, by address / 4096
 * @room: how many may be; tern_stage_room(), as the source has been told
 *
 * Zeroed: an empty one.
 */
struct tern_stage {
	int fd;
	struct tern_pageset have;
	__u64 room;
};

__u64 tern_stage_room(void);
int tern_stage_put(struct tern_stage *stage, const void *payload, size_t len);
__u64 tern_stage_run(const struct tern_stage *stage, __u64 addr, __u64 nr);
int tern_stage_read(const struct tern_stage *stage, __u64 addr, __u64 nr, void *buf);
int tern_stage_drop(struct tern_stage *stage, __u64 addr, __u64 nr);
void tern_stage_fini(struct tern_stage *stage);

#endif
