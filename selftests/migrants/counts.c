// SPDX-License-Identifier: GPL-2.0
/*
 * A server of datagrams that counts what comes, and sends it back. Those of IPv4 and those
 * of IPv6 are numbered, from 0 on, by whoever sends them (tools/numbers.c); none may be
 * missing, and none come twice.
 *
 * usage: counts DIR PORT
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "migrant.h"

#define MOST	(1U << 20)
#define TELL_NS	100000000ULL
#define BALLAST	(4U << 20)	/* it takes a while until all of it has moved */

/**
 * struct count - of one version of IP
 * @seen: a bit for each number
 * @nr: how many have come
 * @twice: how many of them more than once
 */
static struct count {
	uint8_t seen[MOST / 8];
	unsigned int nr;
	unsigned int twice;
} counts[2];

static void take_ballast(void)
{
	static char ballast[BALLAST];
	unsigned int i;

	for (i = 0; i < BALLAST; i += 4096)
		page_fill(ballast + i, i + 1);
}

static int open_socket(unsigned int port)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	check(fd >= 0, "socket: %s", strerror(errno));
	migrant_set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	/* all that comes while it is nowhere comes at once, and that may be for half a minute */
	migrant_set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20);
	check(!bind(fd, (struct sockaddr *)&at, sizeof(at)), "bind: %s", strerror(errno));
	return fd;
}

static void count(const struct sockaddr_in6 *from, uint32_t number)
{
	struct count *c = &counts[!IN6_IS_ADDR_V4MAPPED(&from->sin6_addr)];
	uint8_t bit = 1 << number % 8;

	check(number < MOST, "number %u", number);
	if (c->seen[number / 8] & bit)
		c->twice++;
	else
		c->nr++;
	c->seen[number / 8] |= bit;
}

static void receive(int fd)
{
	struct sockaddr_in6 from;
	socklen_t len;
	uint32_t number;

	for (;;) {
		len = sizeof(from);
		if (recvfrom(fd, &number, sizeof(number), MSG_DONTWAIT, (struct sockaddr *)&from,
			     &len) != sizeof(number))
			return;
		count(&from, number);
		check(sendto(fd, &number, sizeof(number), 0, (struct sockaddr *)&from, len) ==
		      sizeof(number), "sendto: %s", strerror(errno));
	}
}

static void tell(void)
{
	static uint64_t told;
	uint64_t now = now_ns(CLOCK_MONOTONIC);
	char text[64];

	if (now - told < TELL_NS)
		return;
	told = now;
	snprintf(text, sizeof(text), "v4=%u v6=%u twice=%u", counts[0].nr, counts[1].nr,
		 counts[0].twice + counts[1].twice);
	migrant_tell("counted", text);
}

int main(int argc, char **argv)
{
	struct pollfd p = { .events = POLLIN };

	migrant_start(argc, argv, 1, "PORT");
	take_ballast();
	p.fd = open_socket(atoi(argv[2]));
	migrant_tell("ready", "yes");
	while (migrant_step()) {
		poll(&p, 1, 50);
		receive(p.fd);
		tell();
	}
	migrant_ok("hops=%u", migrant.hops);
}
