// SPDX-License-Identifier: GPL-2.0
/* How fast this machine's time stamp counter is, in kHz: the median of some short looks. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <x86intrin.h>

#define LOOKS	9
#define LOOK_MS	20

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int main(void)
{
	double khz[LOOKS];
	int i;

	for (i = 0; i < LOOKS; i++) {
		const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
		double begin = now_ms();
		unsigned long long tsc = __rdtsc();

		nanosleep(&pause, NULL);
		khz[i] = (__rdtsc() - tsc) / (now_ms() - begin);
	}
	qsort(khz, LOOKS, sizeof(khz[0]), compare);
	printf("%.0f\n", khz[LOOKS / 2]);
	return 0;
}
