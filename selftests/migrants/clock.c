// SPDX-License-Identifier: GPL-2.0
/*
 * Watches the clocks that go on without a jump. Each is read by the vDSO and by
 * the system call, which must agree: in a moved process the two get the time
 * namespace's offset in different ways.
 *
 * usage: clock DIR        TERN_JUMP_MS (2000) bounds the jump that is accepted
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

static const struct {
	int id;
	const char *name;
} clocks[] = {
	{ CLOCK_MONOTONIC, "CLOCK_MONOTONIC" },
	{ CLOCK_BOOTTIME, "CLOCK_BOOTTIME" },
	{ CLOCK_MONOTONIC_COARSE, "CLOCK_MONOTONIC_COARSE" },
};

#define NR (sizeof(clocks) / sizeof(clocks[0]))

static uint64_t by_call(int clock)
{
	struct timespec ts;

	syscall(SYS_clock_gettime, clock, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

int main(int argc, char **argv)
{
	uint64_t last[NR], before, call, after, most[NR] = { 0 }, jump;
	const char *text = getenv("TERN_JUMP_MS");
	struct timespec pause = { .tv_nsec = 1000000 };
	unsigned int i;

	migrant_start(argc, argv, 0, "");
	jump = (text ? strtoul(text, NULL, 0) : 2000) * 1000000;
	for (i = 0; i < NR; i++)
		last[i] = now_ns(clocks[i].id);
	migrant_tell("ready", "yes");
	while (migrant_step()) {
		for (i = 0; i < NR; i++) {
			before = now_ns(clocks[i].id);
			call = by_call(clocks[i].id);
			after = now_ns(clocks[i].id);
			check(before >= last[i], "%s went back by %llu ns at hop %u", clocks[i].name,
			      (unsigned long long)(last[i] - before), migrant.hops);
			check(before - last[i] <= jump, "%s jumped by %llu ns at hop %u",
			      clocks[i].name, (unsigned long long)(before - last[i]), migrant.hops);
			check(before <= call && call <= after,
			      "%s: the system call says %llu, the vDSO %llu to %llu", clocks[i].name,
			      (unsigned long long)call, (unsigned long long)before,
			      (unsigned long long)after);
			if (before - last[i] > most[i])
				most[i] = before - last[i];
			last[i] = after;
		}
		nanosleep(&pause, NULL);
	}
	migrant_ok("hops=%u jump_ms=%.3f", migrant.hops, most[0] / 1e6);
}
