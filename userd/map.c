// SPDX-License-Identifier: GPL-2.0
/*
 * The map of the migrant's pages: what /proc/PID/pagemap knows to exist, what
 * exists because a file is behind it, and what of shared memory has something on
 * it, which pagemap does not tell. It is built in steps, since faults
 * have to be answered meanwhile.
 *
 * Owns the ranges and the bitmap of pages sent. Built by the job's thread; the
 * flush thread reads it when it is complete; the bitmap alone is shared, and
 * atomic. Never reads a page.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dev.h"
#include "grow.h"
#include "io.h"
#include "map.h"

#define PAGE		((__u64)TERN_WIRE_PAGE)
#define STEP		32768U			/* pages looked at in one step */
#define SHARED_LOOKS	32U			/* at shared memory in one step */
#define NEAR		64U			/* pages between mappings that are read together */
#define RANGES_MAX	(TERN_WIRE_MAX / sizeof(struct tern_wire_range))
#define PM_PRESENT	(1ULL << 63)
#define PM_SWAPPED	(1ULL << 62)

static bool comes_from_source(const struct tern_obj *obj)
{
	const struct tern_obj_vma *vma = tern_obj_payload(obj);

	return tern_vma_is_paged(vma);
}

static struct tern_extent extent_of(const struct tern_obj *obj)
{
	const struct tern_obj_vma *vma = tern_obj_payload(obj);
	__u64 size = (vma->size + PAGE - 1) / PAGE, nr = (vma->end - vma->start) / PAGE;

	size = size > vma->pgoff ? size - vma->pgoff : 0;
	if (!(vma->flags & TERN_VMA_BACKED))
		size = 0;
	return (struct tern_extent) {
		.start = vma->start,
		.end = vma->end,
		.backed = vma->start + (size < nr ? size : nr) * PAGE,
		.shared = vma->kind == TERN_VMA_MEMORY,
	};
}

/**
 * tern_map_init() - start a map
 * @map: to be filled
 * @image: the capture; its FILE mappings are the same on both hosts, what is
 *	not has been turned into ANON mappings that are TERN_VMA_BACKED
 * @pagemap: of the parked migrant
 * @dev: handle that stands for the migration
 */
int tern_map_init(struct tern_map *map, const struct tern_image *image, int pagemap, int dev)
{
	const struct tern_obj *obj = NULL;

	memset(map, 0, sizeof(*map));
	map->pagemap = pagemap;
	map->dev = dev;
	map->extents = calloc(tern_image_count(image, TERN_OBJ_VMA) + 1, sizeof(map->extents[0]));
	map->entries = malloc(STEP * sizeof(map->entries[0]));
	if (!map->extents || !map->entries) {
		tern_map_fini(map);
		return -ENOMEM;
	}
	while ((obj = tern_image_find(image, TERN_OBJ_VMA, obj)))
		if (comes_from_source(obj))
			map->extents[map->nr_extents++] = extent_of(obj);
	return 0;
}

/**
 * tern_map_fini() - free a map
 * @map: zeroed, or started
 */
void tern_map_fini(struct tern_map *map)
{
	free(map->extents);
	free(map->ranges);
	free(map->first);
	free(map->sent);
	free(map->entries);
	memset(map, 0, sizeof(*map));
}

/* Pages in ascending order; @glue: the last range that may be made longer. */
static int add(struct tern_map *map, __u64 start, __u64 end, __u64 glue)
{
	struct tern_wire_range *last = map->nr ? &map->ranges[map->nr - 1] : NULL;
	void *ranges;

	/*
	 * Too scattered for one message: name pages in between, too, which are
	 * found to be empty when they are read.
	 */
	if (last && (last->end == start || (map->nr >= RANGES_MAX && last->start >= glue))) {
		last->end = end;
		return 0;
	}
	if (map->nr >= RANGES_MAX)
		return -E2BIG;
	ranges = tern_grow(map->ranges, map->nr, &map->room, sizeof(map->ranges[0]));
	if (!ranges)
		return -ENOMEM;
	map->ranges = ranges;
	map->ranges[map->nr++] = (struct tern_wire_range) { start, end };
	return 0;
}

/* What was read from @start on, as far as it is of @e. */
static int look(struct tern_map *map, const struct tern_extent *e, __u64 start, __u64 end)
{
	__u64 from = map->addr, to = e->end < end ? e->end : end;
	const __u64 *entry = map->entries + (from - start) / PAGE;
	unsigned int i, j, nr = (to - from) / PAGE;
	int rc = 0;

	for (i = 0; i < nr && !rc; i = j) {
		bool there = entry[i] & (PM_PRESENT | PM_SWAPPED);

		for (j = i + 1; j < nr; j++)
			if (there != !!(entry[j] & (PM_PRESENT | PM_SWAPPED)))
				break;
		if (there)
			rc = add(map, from + i * PAGE, from + j * PAGE, e->start);
	}
	map->addr = to;
	return rc;
}

/*
 * Up to where to read in one go: mappings that follow closely are read with this
 * one. A read of a single entry costs the kernel as much as one of many, for it
 * looks at all pages up to the end of their page table.
 */
static __u64 window(const struct tern_map *map)
{
	const struct tern_extent *e = &map->extents[map->extent];
	const struct tern_extent *last = &map->extents[map->nr_extents - 1];
	__u64 most = map->addr + STEP * PAGE;

	if (most > map->area.end)
		most = map->area.end;
	while (e < last && e->end < most && !e[1].shared && e[1].backed == e[1].start &&
	       e[1].start - e->end <= NEAR * PAGE && e[1].start < most)
		e++;
	return e->end < most ? e->end : most;
}

static int step(struct tern_map *map)
{
	const struct tern_extent *extent = &map->extents[map->extent];
	__s64 next = tern_dev_next_pages(map->dev, &map->area, map->addr);
	__u64 start, end;
	int rc;

	if (next < 0)
		return next;
	map->addr = (__u64)next < extent->end ? (__u64)next : extent->end;
	if (map->addr == extent->end)
		return 0;
	start = map->addr;
	end = window(map);
	rc = tern_read_all(map->pagemap, map->entries, (end - start) / PAGE * sizeof(map->entries[0]),
			   start / PAGE * sizeof(map->entries[0]));
	while (!rc && map->addr < end) {
		const struct tern_extent *e = &map->extents[map->extent];

		if (map->addr < e->start)
			map->addr = e->start;
		rc = look(map, e, start, end);
		if (map->addr == e->end && map->addr < end)
			map->extent++;
	}
	return rc;
}

/* Holes of shared memory are found without being filled; what is all zero is one, too. */
static int step_shared(struct tern_map *map, const struct tern_extent *e)
{
	unsigned int looks = SHARED_LOOKS;

	while (map->addr < e->end && looks--) {
		__u64 nr = (e->end - map->addr) / PAGE, present = 0;
		unsigned int i;
		int n, rc = 0;

		n = tern_dev_read_pages(map->dev, map->addr, nr < TERN_READ_MAX ? nr : TERN_READ_MAX,
					NULL, &present);
		if (n <= 0)
			return n ? n : -EIO;
		for (i = 0; i < TERN_READ_MAX && !rc; i++)
			if (present >> i & 1)
				rc = add(map, map->addr + i * PAGE, map->addr + (i + 1) * PAGE,
					 e->start);
		if (rc)
			return rc;
		map->addr += ((__u64)n < nr ? (__u64)n : nr) * PAGE;
	}
	return 0;
}

static int finish(struct tern_map *map)
{
	size_t i;

	map->first = malloc((map->nr + 1) * sizeof(map->first[0]));
	if (!map->first)
		return -ENOMEM;
	for (i = 0; i < map->nr; i++) {
		map->first[i] = map->pages;
		map->pages += (map->ranges[i].end - map->ranges[i].start) / PAGE;
	}
	map->sent = calloc(map->pages / 64 + 1, sizeof(map->sent[0]));
	if (!map->sent)
		return -ENOMEM;
	free(map->entries);
	map->entries = NULL;
	map->built = true;
	return 0;
}

/**
 * tern_map_step() - go on with building the map
 * @map: started
 *
 * Returns 1 when the map is complete, 0 when there is more to do.
 */
int tern_map_step(struct tern_map *map)
{
	const struct tern_extent *e = &map->extents[map->extent];
	int rc;

	if (map->built)
		return 1;
	if (map->extent == map->nr_extents) {
		rc = finish(map);
		return rc ? rc : 1;
	}
	if (map->addr < e->start) {
		map->addr = e->start;
		rc = e->backed > e->start ? add(map, e->start, e->backed, e->start) : 0;
		if (rc)
			return rc;
		map->addr = e->backed;
	}
	if (map->addr < e->end)
		return e->shared ? step_shared(map, e) : step(map);
	map->extent++;
	map->addr = 0;
	return 0;
}

/**
 * tern_map_forget() - as if no page had been sent
 * @map: nobody sends now
 */
void tern_map_forget(struct tern_map *map)
{
	if (map->sent)
		memset(map->sent, 0, (map->pages / 64 + 1) * sizeof(map->sent[0]));
	__atomic_store_n(&map->moved, 0, __ATOMIC_RELAXED);
}

/**
 * tern_map_extent() - the mapping around an address
 * @map: started
 * @addr: at the source
 *
 * NULL: none whose pages come from the source.
 */
const struct tern_extent *tern_map_extent(const struct tern_map *map, __u64 addr)
{
	unsigned int lo = 0, hi = map->nr_extents;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;
		const struct tern_extent *e = &map->extents[mid];

		if (addr < e->start)
			hi = mid;
		else if (addr >= e->end)
			lo = mid + 1;
		else
			return e;
	}
	return NULL;
}

/**
 * tern_map_find() - does a page exist?
 * @map: complete
 * @addr: page-aligned
 * @number: filled when it does
 */
bool tern_map_find(const struct tern_map *map, __u64 addr, __u64 *number)
{
	size_t lo = 0, hi = map->nr;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (addr < map->ranges[mid].start) {
			hi = mid;
		} else if (addr >= map->ranges[mid].end) {
			lo = mid + 1;
		} else {
			*number = map->first[mid] + (addr - map->ranges[mid].start) / PAGE;
			return true;
		}
	}
	return false;
}

/**
 * tern_map_claim() - mark a page as sent
 * @map: complete
 * @number: of the page
 *
 * Returns false when it had been sent before. Thread-safe.
 */
bool tern_map_claim(struct tern_map *map, __u64 number)
{
	__u64 bit = 1ULL << number % 64;

	if (__atomic_fetch_or(&map->sent[number / 64], bit, __ATOMIC_RELAXED) & bit)
		return false;
	__atomic_fetch_add(&map->moved, 1, __ATOMIC_RELAXED);
	return true;
}

/**
 * tern_map_unsent() - the next page that nobody has claimed
 * @map: complete
 * @number: where to start
 *
 * Returns its number, at least map->pages when there is none. Somebody else may
 * claim it meanwhile.
 */
__u64 tern_map_unsent(const struct tern_map *map, __u64 number)
{
	while (number < map->pages) {
		__u64 sent = __atomic_load_n(&map->sent[number / 64], __ATOMIC_RELAXED);
		__u64 unsent = ~sent >> number % 64;

		if (unsent)
			return number + __builtin_ctzll(unsent);
		number = (number / 64 + 1) * 64;
	}
	return number;
}

/**
 * tern_map_addr() - where a page is
 * @map: complete
 * @number: of the page, below map->pages
 * @left: out: pages from there on that are adjacent
 */
__u64 tern_map_addr(const struct tern_map *map, __u64 number, __u64 *left)
{
	size_t lo = 0, hi = map->nr;
	__u64 addr;

	while (hi - lo > 1) {
		size_t mid = (lo + hi) / 2;

		if (map->first[mid] <= number)
			lo = mid;
		else
			hi = mid;
	}
	addr = map->ranges[lo].start + (number - map->first[lo]) * PAGE;
	*left = (map->ranges[lo].end - addr) / PAGE;
	return addr;
}
