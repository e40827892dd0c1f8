// SPDX-License-Identifier: GPL-2.0
/*
 * epoll(7) in all its ways: nested, edge-triggered, one-shot, exclusive; watching what
 * has been closed under its number, or replaced there. Each hop compares with what
 * /proc showed before, and then makes events come.
 *
 * usage: epolls DIR HOPS
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

#define CLOSED	200	/* numbers that were registered and then closed, or reused */
#define REUSED	201
#define TWICE	202	/* one number, registered for two descriptions */

enum { LEVEL, EDGE, ARMED, FIRED, EXCLUSIVE, GONE, SECOND, FIRST, LATER, NR };

static int outer, inner, watched[NR];

static void add(int ep, int fd, unsigned int events, uint64_t data)
{
	struct epoll_event ev = { .events = events, .data.u64 = data };

	check(!epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), "epoll_ctl: %s", strerror(errno));
}

/* Everything that is ready, as bits. */
static unsigned int ready(void)
{
	struct epoll_event ev[NR + 1];
	unsigned int bits = 0;
	int i, n = epoll_wait(inner, ev, NR + 1, 0);

	check(n >= 0, "epoll_wait: %s", strerror(errno));
	for (i = 0; i < n; i++)
		bits |= 1U << ev[i].data.u64;
	return bits;
}

static void open_all(void)
{
	unsigned int i;

	outer = epoll_create1(0);
	inner = epoll_create1(EPOLL_CLOEXEC);
	for (i = 0; i < NR; i++)
		watched[i] = eventfd(0, EFD_NONBLOCK);
	add(outer, inner, EPOLLIN, 1000);
	add(inner, watched[LEVEL], EPOLLIN, LEVEL);
	add(inner, watched[EDGE], EPOLLIN | EPOLLET, EDGE);
	add(inner, watched[ARMED], EPOLLIN | EPOLLONESHOT, ARMED);
	add(inner, watched[FIRED], EPOLLIN | EPOLLONESHOT, FIRED);
	add(inner, watched[EXCLUSIVE], EPOLLIN | EPOLLEXCLUSIVE, EXCLUSIVE);
	dup2(watched[GONE], CLOSED);
	add(inner, CLOSED, EPOLLIN, GONE);
	close(CLOSED);
	dup2(watched[FIRST], TWICE);
	add(inner, TWICE, EPOLLIN, FIRST);
	dup2(watched[SECOND], TWICE);
	add(inner, TWICE, EPOLLIN, SECOND);
	fcntl(TWICE, F_SETFD, FD_CLOEXEC);
	eventfd_write(watched[FIRED], 1);
	check(ready() == 1U << FIRED, "only the one-shot should be ready");
}

/* Registrations as the kernel shows them, but for errors and hang-ups, in any order. */
static unsigned int count_lines(const char *like)
{
	char name[64], line[256];
	unsigned int n = 0;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", inner);
	f = fopen(name, "re");
	check(f, "%s: %s", name, strerror(errno));
	while (fgets(line, sizeof(line), f))
		n += !!strstr(line, like);
	fclose(f);
	return n;
}

static void check_all(unsigned int hop)
{
	struct epoll_event ev;
	unsigned int i, bits, all = (1U << LATER) - 1 - (1U << FIRED);
	char line[64];

	check(count_lines("tfd:") == 8 + (hop > 1), "%u registrations", count_lines("tfd:"));
	snprintf(line, sizeof(line), "tfd: %8d events: 40000018", watched[FIRED]);
	check(hop > 1 || count_lines(line) == 1, "the one-shot is not what it was");
	check(!ready(), "something is ready");
	check(!epoll_wait(outer, &ev, 1, 0), "the outer one sees something");
	for (i = 0; i < NR; i++)
		eventfd_write(watched[i], 1);
	check(epoll_wait(outer, &ev, 1, 1000) == 1 && ev.data.u64 == 1000,
	      "the outer one sees nothing");
	bits = ready() & ~(1U << LATER);
	check(bits == all, "ready are %x and not %x", bits, all);
	check(!(ready() & (1U << EDGE | 1U << ARMED)), "an edge twice");
	check(fcntl(TWICE, F_GETFD) == FD_CLOEXEC && fcntl(CLOSED, F_GETFD) < 0,
	      "descriptors are not what they were");
	for (i = 0; i < NR; i++)
		eventfd_read(watched[i], &(eventfd_t){ 0 });
	ev = (struct epoll_event){ .events = EPOLLIN | EPOLLONESHOT, .data.u64 = ARMED };
	check(!epoll_ctl(inner, EPOLL_CTL_MOD, watched[ARMED], &ev), "MOD: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	unsigned int i, hops;

	migrant_start(argc, argv, 1, "HOPS");
	hops = atoi(argv[2]);
	open_all();
	eventfd_read(watched[FIRED], &(eventfd_t){ 0 });
	migrant_tell("ready", "yes");
	for (i = 1; i <= hops; i++) {
		migrant_wait_hop();
		check_all(i);
		if (i == 1)
			add(inner, watched[LATER], EPOLLIN | EPOLLET, LATER);
	}
	migrant_rest();
	migrant_ok("hops=%u", migrant.hops);
}
