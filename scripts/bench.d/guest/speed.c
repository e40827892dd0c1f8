// SPDX-License-Identifier: GPL-2.0
/*
 * A migrant that works on its memory all the time and counts how much it gets
 * done in each slot of 10 ms: how long after a move is it as fast as before?
 *
 * speed RECORD MIB
 *
 * The slots are a ring, which wraps every 40 s. Slots are those of the host's
 * clock, and begin anew with the first beat after a move.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "beat.h"

#define SLOT_NS	10000000
#define SLOTS	4096
#define BEFORE	200	/* slots to report from before the move */
#define CHUNK	32	/* iterations between two looks at the clock */

static uint32_t ring[SLOTS];

static void work(uint64_t *heap, unsigned long words, uint64_t *random)
{
	unsigned int i;

	for (i = 0; i < CHUNK; i++) {
		*random ^= *random << 13;
		*random ^= *random >> 7;
		*random ^= *random << 17;
		heap[*random % words] += *random;
	}
}

static void print_slots(FILE *f, const char *name, uint64_t first, uint64_t end)
{
	uint64_t i;

	fprintf(f, ",\"%s\":[", name);
	for (i = first; i < end; i++)
		fprintf(f, "%s%u", i > first ? "," : "", ring[i % SLOTS]);
	fputs("]", f);
}

int main(int argc, char **argv)
{
	static struct beat heart;
	uint64_t *heap, random = 88172645463325252ULL;
	uint64_t slot = 0, moved = 0;
	unsigned long bytes, i;
	int64_t begin;
	char ready[256];
	FILE *f;

	if (argc != 3)
		return 2;
	bytes = strtoul(argv[2], NULL, 0) << 20;
	heap = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (heap == MAP_FAILED)
		return 1;
	for (i = 0; i < bytes / 8; i++)
		heap[i] = i;
	snprintf(ready, sizeof(ready), "%s.ready", argv[1]);
	beat_start(&heart, argv[1]);
	close(creat(ready, 0644));
	for (begin = heart.last;;) {
		uint64_t now;

		work(heap, bytes / 8, &random);
		if (beat_now(&heart)) {
			begin = heart.after;
			moved = ++slot;
			ring[slot % SLOTS] = 0;
		}
		/* slots in which it did nothing at all are zero */
		for (now = moved + (heart.last - begin) / SLOT_NS; slot < now;)
			ring[++slot % SLOTS] = 0;
		ring[slot % SLOTS] += CHUNK;
		f = beat_report_begin(&heart);
		if (!f)
			continue;
		/* the slot of the move itself is cut short, and left out */
		print_slots(f, "slots_before", moved > BEFORE ? moved - BEFORE : 0,
			    moved ? moved - 1 : 0);
		print_slots(f, "slots_after", moved, slot);
		beat_report_end(f);
	}
}
