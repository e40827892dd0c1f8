// SPDX-License-Identifier: GPL-2.0
/*
 * Send numbered datagrams, each 2 ms two to ADDRESS4 and two to ADDRESS6, until there is a
 * file STOP; those to ADDRESS4 in one piece (UDP_SEGMENT), which stays one as long as the
 * devices on the way can do that. Who gets them (migrants/counts.c) sends them back. In the end says which number
 * would be the next one, and how many have not come back, from both.
 *
 * usage: numbers STOP PORT ADDRESS4 ADDRESS6 FIRST
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT	103
#endif

#define PERIOD_NS	2000000
#define STOP_EVERY	50
#define REST_MS		3000	/* for those that are on their way back */

static unsigned int back;

static int open_to(int family, const char *address, unsigned int port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(family, SOCK_DGRAM, 0), size = 8 << 20, segment = sizeof(uint32_t), err;

	if (family == AF_INET)
		err = inet_pton(family, address, &in.sin_addr) != 1 ||
		      connect(fd, (struct sockaddr *)&in, sizeof(in));
	else
		err = inet_pton(family, address, &in6.sin6_addr) != 1 ||
		      connect(fd, (struct sockaddr *)&in6, sizeof(in6));
	if (family == AF_INET)
		err |= setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	if (fd < 0 || err || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size))) {
		perror(address);
		exit(1);
	}
	return fd;
}

static void say(int fd, const void *numbers, size_t len)
{
	ssize_t n;

	/* a port that was unreachable once is reported instead, and fails the test later */
	do {
		n = send(fd, numbers, len, 0);
	} while (n < 0 && errno == ECONNREFUSED);
	if (n == (ssize_t)len)
		return;
	perror("send");
	exit(1);
}

static void say_two(const struct pollfd *p, uint32_t first)
{
	const uint32_t numbers[2] = { first, first + 1 };

	say(p[1].fd, numbers, sizeof(numbers));
	say(p[2].fd, &numbers[0], sizeof(numbers[0]));
	say(p[2].fd, &numbers[1], sizeof(numbers[1]));
}

static void hear(int fd)
{
	uint32_t number;

	while (recv(fd, &number, sizeof(number), MSG_DONTWAIT) == sizeof(number))
		back++;
}

int main(int argc, char **argv)
{
	struct itimerspec each = { { 0, PERIOD_NS }, { 0, PERIOD_NS } };
	uint64_t ticks, first, number;
	struct pollfd p[3];

	if (argc != 6) {
		fprintf(stderr, "usage: numbers STOP PORT ADDRESS4 ADDRESS6 FIRST\n");
		return 2;
	}
	first = number = atoi(argv[5]);
	p[0] = (struct pollfd){ timerfd_create(CLOCK_MONOTONIC, 0), POLLIN, 0 };
	p[1] = (struct pollfd){ open_to(AF_INET, argv[3], atoi(argv[2])), POLLIN, 0 };
	p[2] = (struct pollfd){ open_to(AF_INET6, argv[4], atoi(argv[2])), POLLIN, 0 };
	timerfd_settime(p[0].fd, 0, &each, NULL);
	while (number % STOP_EVERY || access(argv[1], F_OK)) {
		poll(p, 3, -1);
		hear(p[1].fd);
		hear(p[2].fd);
		if (!(p[0].revents & POLLIN) || read(p[0].fd, &ticks, sizeof(ticks)) < 0)
			continue;
		say_two(p, number);
		number += 2;
	}
	while (back < 2 * (number - first) && poll(p + 1, 2, REST_MS) > 0) {
		hear(p[1].fd);
		hear(p[2].fd);
	}
	printf("next=%u lost=%d\n", (unsigned int)number, (int)(2 * (number - first) - back));
	return 0;
}
