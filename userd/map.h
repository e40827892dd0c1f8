/* SPDX-License-Identifier: GPL-2.0 */
/* Which pages the source holds, and which of them have been sent. */
#ifndef TERN_MAP_H
#define TERN_MAP_H

#include <linux/tern.h>
#include <stdbool.h>
#include <tern/wire.h>

#include "image.h"

/**
 * struct tern_extent - a mapping of the migrant whose pages come from the source
 * @start: page-aligned
 * @end: page-aligned
 * @backed: end of the pages that exist whether touched or not; @start: none
 * @shared: of shared memory, of which pages may exist that are not mapped
 */
struct tern_extent {
	__u64 start;
	__u64 end;
	__u64 backed;
	bool shared;
};

/**
 * struct tern_map - the pages of a parked or committed migrant
 * @extents: mappings, ascending
 * @nr_extents: how many
 * @ranges: pages that exist, ascending; complete when @built
 * @first: number of the first page of each range
 * @nr: ranges
 * @room: ranges that fit
 * @pages: pages in all ranges
 * @sent: bit per page, atomic
 * @moved: bits that are set, atomic
 * @built: the map is complete
 * @pagemap: /proc/PID/pagemap of the migrant; not owned
 * @dev: handle that stands for the migration; not owned
 * @area: where there may be pages, as far as is known
 * @extent: the next extent to look at
 * @addr: the next address in it
 * @entries: what was read of @pagemap
 */
struct tern_map {
	struct tern_extent *extents;
	unsigned int nr_extents;
	struct tern_wire_range *ranges;
	__u64 *first;
	size_t nr;
	size_t room;
	__u64 pages;
	__u64 *sent;
	__u64 moved;
	bool built;
	int pagemap;
	int dev;
	struct tern_next_pages area;
	unsigned int extent;
	__u64 addr;
	__u64 *entries;
};

int tern_map_init(struct tern_map *map, const struct tern_image *image, int pagemap, int dev);
void tern_map_fini(struct tern_map *map);
int tern_map_step(struct tern_map *map);
void tern_map_forget(struct tern_map *map);
const struct tern_extent *tern_map_extent(const struct tern_map *map, __u64 addr);
bool tern_map_find(const struct tern_map *map, __u64 addr, __u64 *number);
bool tern_map_claim(struct tern_map *map, __u64 number);
__u64 tern_map_unsent(const struct tern_map *map, __u64 number);
__u64 tern_map_addr(const struct tern_map *map, __u64 number, __u64 *left);

#endif
