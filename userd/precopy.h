/* SPDX-License-Identifier: GPL-2.0 */
/* Pages that are sent while the migrant still runs at the source. */
#ifndef TERN_PRECOPY_H
#define TERN_PRECOPY_H

#include <stdbool.h>
#include <tern/wire.h>

#include "map.h"
#include "pageset.h"

#define TERN_PRECOPY_RANGES	128

/**
 * struct tern_precopy - what has been sent, and what of it is right
 * @sent: pages that the destination keeps aside, by address / 4096
 * @hash: of their contents as they were sent, at the same index; sparse
 * @data: memory for pages that are compared
 * @fresh: those that were found to be right after the capture
 * @at: where to go on with finding out
 * @tracked: soft-dirty bits tell which pages were written to
 *
 * Zeroed: nothing has been sent.
 */
struct tern_precopy {
	struct tern_pageset sent;
	__u64 *hash;
	char *data;
	struct tern_pageset fresh;
	__u64 at;
	bool tracked;
};

struct tern_source;

int tern_source_precopy(struct tern_source *s);
bool tern_precopy_right(const struct tern_precopy *p, __u64 addr, const void *data);
int tern_precopy_fresh(struct tern_source *s, struct tern_wire_range *ranges, unsigned int *nr);
void tern_precopy_claim(const struct tern_precopy *p, struct tern_map *map);
void tern_precopy_fini(struct tern_precopy *p);

#endif
