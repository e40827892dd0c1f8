// SPDX-License-Identifier: GPL-2.0
/*
 * A migrant that, right after each move, touches the pages of its heap in
 * random order and takes the time of each touch that waited for its page.
 *
 * faults RECORD MIB MOST: at most MOST such touches after one move.
 *
 * Which touch has waited is asked of the kernel, not guessed from the time: a
 * fault that userfaultfd has served counts as a major one.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>

#include "beat.h"

#define PAGE	4096UL
#define MOST	100000

static int64_t waits[MOST];
static unsigned int nr_waits;
static unsigned long touches;

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static long major_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_majflt;
}

/* As many touches as there are pages, unless there were enough waits before. */
static void touch_all(volatile uint64_t *heap, unsigned long pages, unsigned int most)
{
	uint64_t random = 88172645463325252ULL;

	nr_waits = 0;
	for (touches = 0; touches < pages && nr_waits < most; touches++) {
		volatile uint64_t *page = heap + next_random(&random) % pages * (PAGE / 8);
		/* not between the two clocks: this page may be missing, too */
		int64_t *wait = &waits[nr_waits], begin, end;
		long faults;

		*(volatile int64_t *)wait = 0;
		faults = major_faults();
		begin = beat_clock(CLOCK_MONOTONIC);
		(void)*page;
		end = beat_clock(CLOCK_MONOTONIC);
		if (major_faults() == faults)
			continue;
		*wait = end - begin;
		nr_waits++;
	}
}

static void report(struct beat *heart)
{
	FILE *f = beat_report_begin(heart);
	unsigned int i;

	if (!f)
		return;
	fprintf(f, ",\"touches\":%lu,\"waits\":[", touches);
	for (i = 0; i < nr_waits; i++)
		fprintf(f, "%s%" PRId64, i ? "," : "", waits[i]);
	fputs("]", f);
	beat_report_end(f);
}

int main(int argc, char **argv)
{
	static struct beat heart;
	struct timespec pause = { .tv_nsec = 1000000 };
	uint64_t *heap, random = 1;
	unsigned long bytes;
	unsigned int most;
	char ready[256];
	size_t i;

	if (argc != 4)
		return 2;
	bytes = strtoul(argv[2], NULL, 0) << 20;
	most = strtoul(argv[3], NULL, 0);
	heap = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (heap == MAP_FAILED || most > MOST)
		return 1;
	for (i = 0; i < bytes / 8; i++)
		heap[i] = next_random(&random);
	snprintf(ready, sizeof(ready), "%s.ready", argv[1]);
	beat_start(&heart, argv[1]);
	close(creat(ready, 0644));
	for (;;) {
		nanosleep(&pause, NULL);
		if (beat_now(&heart))
			touch_all(heap, bytes / PAGE, most);
		report(&heart);
	}
}
