// SPDX-License-Identifier: GPL-2.0
/*
 * A heap of N MiB in which every page can be told from every other: checked
 * page by page in random order, each page rewritten with its next generation.
 * A page that is missing, stale, doubled or in the wrong place is found.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "migrant.h"

#define PAGE 4096UL

static unsigned char *heap;
static unsigned int *generation;
static unsigned long pages;

static uint64_t key(unsigned long page)
{
	return (page << 32 | generation[page]) ^ 0x5eedULL << 48;
}

static void check_page(unsigned long page)
{
	int word = page_bad(heap + page * PAGE, key(page));

	check(word < 0, "page %lu of %lu, generation %u: word %d is wrong (at %p)", page,
	      pages, generation[page], word, heap + page * PAGE + 8 * word);
}

static void rewrite_page(unsigned long page)
{
	generation[page]++;
	page_fill(heap + page * PAGE, key(page));
}

int main(int argc, char **argv)
{
	struct timespec pause = { .tv_nsec = 0 };
	unsigned long i, checked = 0;
	uint64_t random = 1;

	migrant_start(argc, argv, 1, "MIB [PAUSE-MS [huge]]");
	pages = strtoul(argv[2], NULL, 0) << 8;
	if (argc > 3)
		pause.tv_nsec = strtoul(argv[3], NULL, 0) * 1000000;
	heap = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	generation = calloc(pages, sizeof(*generation));
	check(heap != MAP_FAILED && generation, "no memory for %lu pages", pages);
	if (argc > 4)
		check(!madvise(heap, pages * PAGE, MADV_HUGEPAGE), "no huge pages");
	for (i = 0; i < pages; i++) {
		page_fill(heap + i * PAGE, key(i));
		if (i % 1024 == 0 && !migrant_step())
			migrant_fail("stopped before the heap was filled");
	}
	migrant_tell("ready", "yes");

	while (migrant_step()) {
		for (i = 0; i < 64; i++, checked++) {
			random = mix(random + i);
			check_page(random % pages);
			rewrite_page(random % pages);
		}
		if (pause.tv_nsec)
			nanosleep(&pause, NULL);
	}
	for (i = 0; i < pages; i++)
		check_page(i);
	migrant_ok("hops=%u pages=%lu checked=%lu", migrant.hops, pages, checked);
}
