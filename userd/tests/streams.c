// SPDX-License-Identifier: GPL-2.0
/* Foresight, as a table: a walk, and how many of its pages are waited for. */
#include <stdlib.h>
#include <string.h>

#include "streams.h"
#include "test.h"

#define PAGES	100000ULL

static unsigned char there[PAGES];
static unsigned int waits, asked, twice;

static void touch(struct tern_streams *t, __u64 page)
{
	struct tern_ahead a;
	unsigned int i;

	if (there[page])
		return;
	waits++;
	there[page] = 1;
	a = tern_streams_fault(t, page, PAGES);
	for (i = 0; i < a.nr; i++) {
		__u64 next = a.first + i * a.stride;

		if (next >= PAGES) {
			printf("not ok - beyond the end\n");
			exit(1);
		}
		twice += there[next] == 2;
		there[next] |= 2;
		asked++;
	}
}

static void begin(struct tern_streams *t)
{
	memset(t, 0, sizeof(*t));
	memset(there, 0, sizeof(there));
	waits = asked = twice = 0;
}

/* Walks that go on side by side, one step each in turn. */
static const struct {
	const char *name;
	unsigned int nr;		/* walks */
	long from, apart, stride;	/* of the first, between them, of all */
	unsigned int steps;
	unsigned int most;		/* waits */
	unsigned int waste;		/* pages asked for that nobody touches */
} walks[] = {
	{ "forwards",		1, 0, 0, 1, 1000, 16, 128 },
	{ "backwards",		1, 99999, 0, -1, 1000, 16, 128 },
	{ "every seventh",	1, 5, 0, 7, 1000, 16, 128 },
	{ "every third, down",	1, 50000, 0, -3, 1000, 16, 128 },
	{ "to the very end",	1, 99900, 0, 1, 100, 10, 0 },
	{ "to the beginning",	1, 99, 0, -1, 100, 10, 0 },
	{ "eight at once",	8, 1000, 10000, 1, 1000, 8 * 16, 8 * 128 },
	{ "eight, strided",	8, 90000, -10000, -5, 500, 8 * 16, 8 * 128 },
	{ "more than fit",	40, 0, 2000, 1, 100, 4000, 40 * 128 },
	{ "too far apart",	1, 0, 0, 500, 190, 190, 0 },
};

static void walk(unsigned int n)
{
	struct tern_streams t;
	unsigned int i, j;

	begin(&t);
	for (i = 0; i < walks[n].steps; i++)
		for (j = 0; j < walks[n].nr; j++)
			touch(&t, walks[n].from + j * walks[n].apart + i * walks[n].stride);
	printf("# %s: %u steps, %u waits, %u asked\n", walks[n].name,
	       walks[n].steps * walks[n].nr, waits, asked);
	CHECK(waits <= walks[n].most && !twice);
	CHECK(asked + waits <= walks[n].steps * walks[n].nr + walks[n].waste);
}

/* Faults elsewhere, near and far, do not disturb a walk. */
static void undisturbed(void)
{
	struct tern_streams t;
	unsigned int i, alone;

	begin(&t);
	for (i = 0; i < 2000; i++)
		touch(&t, 50000 + i);
	alone = waits;
	begin(&t);
	srand(1);
	for (i = 0; i < 2000; i++) {
		unsigned int before = waits;

		touch(&t, 50000 + i);
		if (waits == before)
			continue;
		for (unsigned int k = 0; k < 5; k++)
			touch(&t, rand() % 40000);
		touch(&t, 50000 - 2 - rand() % 60);
		waits = before + 1;
	}
	printf("# disturbed: %u waits, and %u alone\n", waits, alone);
	CHECK(waits <= alone * 2);
}

/* At random nothing is foreseen, and little is asked for in vain. */
static void at_random(void)
{
	struct tern_streams t;
	unsigned int i;

	begin(&t);
	for (i = 0; i < 5000; i++)
		touch(&t, rand() % PAGES);
	CHECK(asked < waits / 4);
}

/* A page that is on its way is waited for: go further ahead. */
static void late(void)
{
	struct tern_streams t = { 0 };
	struct tern_ahead a;

	tern_streams_fault(&t, 100, PAGES);
	tern_streams_fault(&t, 101, PAGES);
	a = tern_streams_fault(&t, 102, PAGES);
	CHECK(a.nr == 4 && a.first == 103 && a.stride == 1);
	a = tern_streams_fault(&t, 103, PAGES);
	CHECK(a.nr == 5 && a.first == 107);
	a = tern_streams_fault(&t, 112, PAGES);
	CHECK(a.nr == 16 && a.first == 113);
}

int main(void)
{
	unsigned int i;

	for (i = 0; i < sizeof(walks) / sizeof(walks[0]); i++)
		walk(i);
	undisturbed();
	at_random();
	late();
	return done();
}
