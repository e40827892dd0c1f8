/* SPDX-License-Identifier: GPL-2.0 */
/* Unit tests in TAP: CHECK() counts, done() sums up. */
#ifndef TERN_TEST_H
#define TERN_TEST_H

#include <stdio.h>

static int checks, failures;

#define CHECK(cond) \
	do { \
		checks++; \
		if (!(cond)) { \
			failures++; \
			printf("not ok %d - %s:%d: %s\n", checks, __FILE__, __LINE__, #cond); \
		} else { \
			printf("ok %d - %s\n", checks, #cond); \
		} \
	} while (0)

static int done(void)
{
	printf("1..%d\n", checks);
	return failures ? 1 : 0;
}

#endif
