// SPDX-License-Identifier: GPL-2.0
/*
 * A migrant of a given shape: so much memory, so many mappings, threads and
 * descriptors. Its first thread sleeps a millisecond between heartbeats.
 *
 * migrant RECORD [heap=MIB] [mappings=N] [threads=N] [fds=N]
 *
 * "RECORD.ready" appears when it has its shape.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "beat.h"

#define PAGE	4096UL
#define DUP_EVERY	16	/* one descriptor of so many is a dup of its neighbour */

/* touched by nobody but its thread, so that no line is shared */
struct worker {
	_Alignas(64) unsigned long beats;
};

static void die(const char *what)
{
	fprintf(stderr, "migrant: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void nap(long ns)
{
	struct timespec ts = { .tv_nsec = ns };

	nanosleep(&ts, NULL);
}

/* Random contents: what is zero need not travel, what repeats might be packed. */
static void add_heap(unsigned long mib)
{
	uint64_t *heap, random = 88172645463325252ULL;
	size_t i;

	heap = mmap(NULL, mib << 20, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (heap == MAP_FAILED)
		die("heap");
	for (i = 0; i < (mib << 20) / sizeof(*heap); i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		heap[i] = random;
	}
}

/* Every second page may not be written, so that no two mappings are one. */
static void add_mappings(unsigned long nr)
{
	char *base = mmap(NULL, nr * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned long i;

	if (base == MAP_FAILED)
		die("mappings");
	for (i = 0; i < nr; i++) {
		base[i * PAGE] = i + 1;
		if (i % 2 && mprotect(base + i * PAGE, PAGE, PROT_READ))
			die("mappings");
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (;;) {
		w->beats++;
		nap(100000000);
	}
	return NULL;
}

static void add_threads(unsigned long nr)
{
	struct worker *workers = aligned_alloc(64, nr * sizeof(*workers));
	pthread_attr_t attr;
	pthread_t thread;
	unsigned long i;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	for (i = 0; workers && i < nr; i++) {
		errno = pthread_create(&thread, &attr, work, &workers[i]);
		if (errno)
			die("threads");
	}
}

static void add_fds(unsigned long nr)
{
	struct rlimit limit = { nr + 100, nr + 100 };
	unsigned long i;
	int last = -1;

	if (setrlimit(RLIMIT_NOFILE, &limit))
		die("RLIMIT_NOFILE");
	for (i = 0; i < nr; i++) {
		last = i % DUP_EVERY == DUP_EVERY - 1 ? dup(last) :
			open(i % 2 ? "/dev/null" : "/dev/zero", i % 3 ? O_RDWR : O_RDONLY);
		if (last < 0)
			die("descriptors");
	}
}

static void take_shape(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*add)(unsigned long nr);
	} shapes[] = {
		{ "heap=", add_heap },
		{ "mappings=", add_mappings },
		{ "threads=", add_threads },
		{ "fds=", add_fds },
	};
	size_t k;
	int i;

	for (i = 2; i < argc; i++) {
		for (k = 0; k < sizeof(shapes) / sizeof(shapes[0]); k++) {
			size_t length = strlen(shapes[k].name);

			if (!strncmp(argv[i], shapes[k].name, length))
				shapes[k].add(strtoul(argv[i] + length, NULL, 0));
		}
	}
}

int main(int argc, char **argv)
{
	static struct beat heart;
	char ready[256];

	if (argc < 2)
		return 2;
	take_shape(argc, argv);
	snprintf(ready, sizeof(ready), "%s.ready", argv[1]);
	beat_start(&heart, argv[1]);
	close(creat(ready, 0644));
	for (;;) {
		nap(1000000);
		beat_now(&heart);
		beat_report(&heart);
	}
}
