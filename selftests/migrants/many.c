// SPDX-License-Identifier: GPL-2.0
/*
 * Very many descriptors, with gaps between their numbers.
 *
 * usage: many DIR COUNT STEP
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

#define FIRST	10

int main(int argc, char **argv)
{
	unsigned int i, count, step;
	struct rlimit limit;
	int fd;

	migrant_start(argc, argv, 2, "COUNT STEP");
	count = atoi(argv[2]);
	step = atoi(argv[3]);
	limit.rlim_cur = FIRST + count * step;
	limit.rlim_max = limit.rlim_cur;
	check(!setrlimit(RLIMIT_NOFILE, &limit), "setrlimit: %s", strerror(errno));
	fd = open("/dev/null", O_RDONLY);
	for (i = 0; i < count; i++)
		check(dup3(fd, FIRST + i * step, i % 2 ? O_CLOEXEC : 0) >= 0, "dup3: %s",
		      strerror(errno));
	migrant_tell("ready", "yes");
	migrant_rest();
	for (i = 0; i < count * step; i++) {
		int flags = fcntl(FIRST + i, F_GETFD);

		check(i % step ? flags < 0 : flags == (i / step % 2 ? FD_CLOEXEC : 0),
		      "descriptor %u is not what it was", FIRST + i);
	}
	migrant_ok("hops=%u", migrant.hops);
}
