// SPDX-License-Identifier: GPL-2.0
/*
 * Becomes another program at once when it has arrived, with pages missing: its
 * old memory is gone, nobody must wait for it.
 *
 * usage: exec DIR
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "migrant.h"

#define PAGE	4096UL
#define PAGES	4096UL

int main(int argc, char **argv)
{
	unsigned char *heap;
	unsigned long i;

	migrant_start(argc, argv, 0, "");
	if (argc > 2)
		migrant_ok("hops=1 pid %d is another program now", getpid());
	heap = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	check(heap != MAP_FAILED, "no memory");
	for (i = 0; i < PAGES; i++)
		page_fill(heap + i * PAGE, i);
	migrant_tell("ready", "yes");
	if (!migrant_wait_hop())
		migrant_fail("never moved");
	execl("/proc/self/exe", argv[0], argv[1], "again", NULL);
	migrant_fail("exec failed");
}
