// SPDX-License-Identifier: GPL-2.0
/*
 * A long deterministic computation in which every step depends on all before it
 * and on the whole memory. At its end it is done again from the beginning, on
 * one host, in fresh memory: were a step lost, doubled or run with a wrong byte,
 * the two would differ.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "migrant.h"

struct chain {
	uint64_t *mem;
	unsigned long words;
	uint64_t state;
};

static void chain_init(struct chain *c, unsigned long mib)
{
	unsigned long i;

	c->words = mib << 17;
	c->mem = mmap(NULL, c->words * 8, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(c->mem != MAP_FAILED, "no memory for %lu MiB", mib);
	c->state = mib;
	for (i = 0; i < c->words; i++)
		c->mem[i] = mix(i);
}

/* Reads one word and changes another, both chosen by all that was before. */
static void chain_step(struct chain *c)
{
	uint64_t s = mix(c->state + c->mem[c->state % c->words]);

	c->mem[s % c->words] += s;
	c->state = s;
}

static uint64_t chain_sum(const struct chain *c)
{
	uint64_t sum = c->state;
	unsigned long i;

	for (i = 0; i < c->words; i++)
		sum = mix(sum ^ c->mem[i]);
	return sum;
}

int main(int argc, char **argv)
{
	struct timespec pause = { .tv_nsec = 2000000 };
	struct chain moved, still;
	uint64_t steps = 0, end, i, sum;
	unsigned long mib;

	migrant_start(argc, argv, 1, "MIB");
	mib = strtoul(argv[2], NULL, 0);
	chain_init(&moved, mib);
	migrant_tell("ready", "yes");
	while (migrant_step()) {
		for (end = steps + 2000; steps < end; steps++)
			chain_step(&moved);
		/* leaves room for the other processes of an emulated host */
		nanosleep(&pause, NULL);
	}
	sum = chain_sum(&moved);
	munmap(moved.mem, moved.words * 8);

	chain_init(&still, mib);
	for (i = 0; i < steps; i++)
		chain_step(&still);
	check(chain_sum(&still) == sum, "after %llu steps and %u hops: %llx instead of %llx",
	      (unsigned long long)steps, migrant.hops, (unsigned long long)sum,
	      (unsigned long long)chain_sum(&still));
	migrant_ok("hops=%u steps=%llu sum=%llx", migrant.hops, (unsigned long long)steps,
		   (unsigned long long)sum);
}
