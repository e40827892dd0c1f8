// SPDX-License-Identifier: GPL-2.0
/*
 * The map of this very process, in which there are many small mappings: with pages
 * and without, next to each other, close by and far away; and how many steps it
 * takes, for each reads what it needs at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "map.h"
#include "test.h"

#define PAGE	4096UL
#define NR	3000U
#define GIB	(1UL << 30)
#define LARGE	(4096 * GIB)

static char *base;
static unsigned char there[NR * 4];	/* by page from @base: 1 exists, 2 is backed by a file */
static struct tern_image image;
static char *large;		/* a mapping that is hardly used */

static int add(unsigned int first, unsigned int nr, unsigned int backed)
{
	struct tern_obj_vma vma = {
		.start = (unsigned long)base + first * PAGE,
		.end = (unsigned long)base + (first + nr) * PAGE,
		.prot = PROT_READ, .kind = TERN_VMA_ANON,
		.flags = backed ? TERN_VMA_BACKED : 0, .size = backed * PAGE,
	};

	memset(there + first, 2, backed);
	return tern_image_add(&image, TERN_OBJ_VMA, &vma, sizeof(vma), NULL, 0);
}

static int add_large(void)
{
	struct tern_obj_vma vma = {
		.start = (unsigned long)large, .end = (unsigned long)large + LARGE,
		.prot = PROT_READ, .kind = TERN_VMA_ANON,
	};

	return tern_image_add(&image, TERN_OBJ_VMA, &vma, sizeof(vma), NULL, 0);
}

/* One mapping, of which the image says that they are many; some pages are in none. */
static int build(void)
{
	unsigned int i, at = 0;
	int err = 0;

	base = mmap(NULL, NR * 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	if (base == MAP_FAILED)
		return -1;
	madvise(base, NR * 4 * PAGE, MADV_NOHUGEPAGE);
	for (i = 0; i < NR && !err; i++) {
		unsigned int nr = 1 + i % 3, page;

		for (page = at; page < at + nr; page++) {
			if ((page * 7 + i) % 5 == 0)
				continue;
			base[page * PAGE] = 1;
			there[page] = 1;
		}
		err = add(at, nr, i % 100 == 99 ? 1 : 0);
		at += nr + (i % 7 == 6);
		/* of no mapping */
		if (i % 7 == 6)
			base[(at - 1) * PAGE] = 1;
	}
	return err;
}

static unsigned int looks;

/* Stands before libc's: of the large one there is a page table where it is used. */
int ioctl(int fd, unsigned long nr, ...)
{
	struct tern_next_pages *io;
	va_list args;
	__u64 used = (unsigned long)large + LARGE / 2;

	(void)fd;
	va_start(args, nr);
	io = va_arg(args, struct tern_next_pages *);
	va_end(args);
	looks++;
	if (nr != TERN_IOC_NEXT_PAGES || io->start % PAGE) {
		errno = EINVAL;
		return -1;
	}
	if (large && io->start >= (used & -GIB) + GIB) {
		errno = ENXIO;
		return -1;
	}
	if (large && io->start < (used & -GIB))
		io->start = used & -GIB;
	io->end = (io->start & -GIB) + GIB;
	return 0;
}

static unsigned int steps(struct tern_map *map)
{
	unsigned int nr = 1;
	int rc;

	while (!(rc = tern_map_step(map)))
		nr++;
	return rc == 1 ? nr : 0;
}

static bool right(const struct tern_map *map)
{
	__u64 number, next = 0;
	unsigned int i;

	for (i = 0; i < NR * 4; i++) {
		bool found = tern_map_find(map, (unsigned long)base + i * PAGE, &number);

		if (found != !!there[i] || (found && number != next++))
			return false;
	}
	return next == map->pages;
}

int main(void)
{
	int pagemap = open("/proc/self/pagemap", O_RDONLY);
	struct tern_map map;
	unsigned int nr;

	CHECK(pagemap >= 0 && !build());
	CHECK(!tern_map_init(&map, &image, pagemap, -1));
	nr = steps(&map);
	/* files begin anew, and nothing else does */
	CHECK(nr && nr <= NR / 100 * 6 + 10);
	CHECK(right(&map));
	tern_map_fini(&map);
	tern_image_free(&image);

	/* two, far from each other, and something between them */
	madvise(base, NR * 4 * PAGE, MADV_DONTNEED);
	memset(there, 0, sizeof(there));
	base[0] = base[PAGE] = base[NR * 2 * PAGE] = 1;
	there[0] = there[NR * 2] = 1;
	CHECK(!add(0, 1, 0) && !add(NR * 2, 2, 0));
	CHECK(!tern_map_init(&map, &image, pagemap, -1));
	CHECK(steps(&map) && right(&map));
	tern_map_fini(&map);
	tern_image_free(&image);

	/* what is not used is not read */
	large = mmap(NULL, LARGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(large != MAP_FAILED && !add_large());
	madvise(large, LARGE, MADV_NOHUGEPAGE);
	large[LARGE / 2] = 1;
	CHECK(!tern_map_init(&map, &image, pagemap, -1));
	looks = 0;
	nr = steps(&map);
	CHECK(nr && nr < 32 && looks <= 2);
	CHECK(map.nr == 1 && map.ranges[0].start == (unsigned long)large + LARGE / 2);
	CHECK(map.pages == 1);
	tern_map_fini(&map);
	tern_image_free(&image);
	close(pagemap);
	return done();
}
