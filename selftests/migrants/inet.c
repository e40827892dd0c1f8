// SPDX-License-Identifier: GPL-2.0
/*
 * TCP and UDP sockets without a connection, all on the loopback interface: such as listen,
 * in one of which a child waits for who calls; such of which the connection has ended, with
 * bytes and errors that have not been read; and such of datagrams, in which datagrams wait from
 * one hop to the next.
 *
 * usage: inet DIR HOPS
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "migrant.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT	103
#define UDP_GRO		104
#endif

#define BACKLOG	7
#define MARK	0x7e57
#define SEGMENT	1000

/* Sizes of what waits; one of nothing, and one that no page holds. */
static const size_t sizes[] = { 1, 0, 1400, 60000, 7 };
#define NR	(sizeof(sizes) / sizeof(sizes[0]))

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static int plain, shared, both, bound, fresh, sender, four, six, left, right, put, watch;
static int ended, broken, rejected, again;
static pid_t child;
static char buf[65536];

/* At 127.0.0.1, ::1, or any address of both families. */
static int at(int family, int type, const char *address, int port)
{
	int fd = socket(family, type, 0);
	union address a = { .in6 = { .sin6_family = family, .sin6_port = htons(port) } };
	socklen_t len = family == AF_INET ? sizeof(a.in) : sizeof(a.in6);

	check(inet_pton(family, address, family == AF_INET ? (void *)&a.in.sin_addr :
			(void *)&a.in6.sin6_addr) == 1 && fd >= 0 && !bind(fd, &a.any, len),
	      "%s: %s", address, strerror(errno));
	return fd;
}

static union address name_of(int fd)
{
	union address a = { .in6.sin6_family = 0 };
	socklen_t len = sizeof(a);

	check(!getsockname(fd, &a.any, &len), "a socket has no name: %s", strerror(errno));
	return a;
}

static socklen_t size_of(const union address *a)
{
	return a->any.sa_family == AF_INET ? sizeof(a->in) : sizeof(a->in6);
}

static void connect_to(int fd, int to)
{
	union address a = name_of(to);

	check(!connect(fd, &a.any, size_of(&a)), "connect: %s", strerror(errno));
}

static void send_to(int from, int to, const void *data, size_t len)
{
	union address a = name_of(to);

	check(sendto(from, data, len, 0, &a.any, size_of(&a)) == (ssize_t)len, "sendto: %s",
	      strerror(errno));
}

/* ---- TCP ------------------------------------------------------------------------ */

static void be_child(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int fd = accept(shared, NULL, NULL);

		if (fd < 0 || write(fd, "child", 5) != 5)
			_exit(errno);
		close(fd);
	}
}

static void open_tcp(void)
{
	plain = at(AF_INET, SOCK_STREAM, "127.0.0.1", 0);
	migrant_set_option(plain, SOL_SOCKET, SO_REUSEADDR, 1);
	migrant_set_option(plain, SOL_SOCKET, SO_KEEPALIVE, 1);
	migrant_set_option(plain, IPPROTO_TCP, TCP_KEEPIDLE, 1234);
	migrant_set_option(plain, IPPROTO_TCP, TCP_NODELAY, 1);
	migrant_set_option(plain, IPPROTO_IP, IP_TTL, 77);
	migrant_set_option(plain, SOL_SOCKET, SO_RCVBUF, 30000);
	check(!setsockopt(plain, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), "reno");
	check(!listen(plain, BACKLOG), "listen");
	shared = at(AF_INET, SOCK_STREAM, "127.0.0.1", 0);
	migrant_set_option(shared, SOL_SOCKET, SO_REUSEADDR, 1);
	check(!listen(shared, 5), "listen");
	both = at(AF_INET6, SOCK_STREAM, "::", 0);
	migrant_set_option(both, SOL_SOCKET, SO_REUSEADDR, 1);
	check(!listen(both, 5), "listen");
	bound = at(AF_INET, SOCK_STREAM, "127.0.0.1", 0);
	fresh = socket(AF_INET6, SOCK_STREAM, 0);
	migrant_set_option(fresh, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	child = fork();
	if (!child)
		be_child();
}

/* Whoever connects is heard, and his connection ends. */
static void call(int server, const union address *a, int accepts)
{
	int fd = socket(a->any.sa_family, SOCK_STREAM, 0), got;
	char text[8] = "";

	check(!connect(fd, &a->any, size_of(a)), "connect after %u hops: %s", migrant.hops,
	      strerror(errno));
	if (accepts) {
		got = accept(server, NULL, NULL);
		migrant_is_option(got, IPPROTO_TCP, TCP_NODELAY, server == plain);
		check(got >= 0 && write(got, "child", 5) == 5 && !close(got), "accept");
	}
	check(read(fd, text, sizeof(text)) == 5 && !strcmp(text, "child"), "\"%s\" after %u hops",
	      text, migrant.hops);
	check(!read(fd, text, 1) && !close(fd), "a connection did not end");
}

static void verify_tcp(void)
{
	static union address name[4];
	const int fds[4] = { plain, shared, both, bound };
	char text[16] = "";
	socklen_t len = sizeof(text);
	struct tcp_info info;
	union address four_of_both;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		union address now = name_of(fds[i]);

		if (!migrant.hops)
			name[i] = now;
		check(!memcmp(&now, &name[i], sizeof(now)), "socket %u has another name", i);
	}
	migrant_is_option(plain, SOL_SOCKET, SO_KEEPALIVE, 1);
	migrant_is_option(plain, IPPROTO_TCP, TCP_KEEPIDLE, 1234);
	migrant_is_option(plain, IPPROTO_TCP, TCP_NODELAY, 1);
	migrant_is_option(plain, IPPROTO_IP, IP_TTL, 77);
	migrant_is_option(plain, SOL_SOCKET, SO_RCVBUF, 60000);
	migrant_is_option(plain, SOL_SOCKET, SO_ACCEPTCONN, 1);
	migrant_is_option(bound, SOL_SOCKET, SO_ACCEPTCONN, 0);
	migrant_is_option(both, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	migrant_is_option(fresh, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	check(!getsockopt(plain, IPPROTO_TCP, TCP_CONGESTION, text, &len) && !strcmp(text, "reno"),
	      "congestion control %s after %u hops", text, migrant.hops);
	len = sizeof(info);
	check(!getsockopt(plain, IPPROTO_TCP, TCP_INFO, &info, &len) &&
	      info.tcpi_sacked == BACKLOG, "backlog %u after %u hops", info.tcpi_sacked,
	      migrant.hops);
	call(plain, &name[0], 1);
	call(shared, &name[1], 0);
	four_of_both.in = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = name[2].in6.sin6_port,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	call(both, &four_of_both, 1);
	check(!waitpid(child, NULL, WNOHANG), "the child has ended");
}

/* A connection with a socket of our own, at its other end. */
static int connected(int *peer)
{
	union address a = name_of(plain);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	check(!connect(fd, &a.any, sizeof(a.in)), "connect: %s", strerror(errno));
	*peer = accept(plain, NULL, NULL);
	check(*peer >= 0 && write(*peer, "rest", 4) == 4, "accept");
	return fd;
}

static void wait_for_end(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	do {
		usleep(1000);
		check(!getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), "TCP_INFO");
	} while (info.tcpi_state != TCP_CLOSE);
}

/* By both ends; by a reset, for the other end has not read all; and before it began. */
static void end_connections(void)
{
	union address nobody = name_of(bound);
	int peer;

	ended = connected(&peer);
	close(peer);
	shutdown(ended, SHUT_WR);
	broken = connected(&peer);
	check(write(broken, "x", 1) == 1, "write");
	close(peer);
	again = socket(AF_INET, SOCK_STREAM, 0);
	check(connect(again, &nobody.any, sizeof(nobody.in)) < 0 && errno == ECONNREFUSED,
	      "connect: %s", strerror(errno));
	rejected = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	check(connect(rejected, &nobody.any, sizeof(nobody.in)) < 0 && errno == EINPROGRESS,
	      "connect: %s", strerror(errno));
	wait_for_end(ended);
	wait_for_end(broken);
	wait_for_end(rejected);
}

static void reads_rest(int fd)
{
	check(recv(fd, buf, sizeof(buf), 0) == 4 && !memcmp(buf, "rest", 4),
	      "another rest after %u hops", migrant.hops);
}

static void verify_ended(void)
{
	union address name = name_of(plain);
	union address own = name_of(ended);
	struct pollfd p = { .fd = rejected, .events = POLLOUT };
	socklen_t len = sizeof(name);
	int waiting = 0;

	check(own.in.sin_addr.s_addr == name.in.sin_addr.s_addr && own.in.sin_port,
	      "it has another name after %u hops", migrant.hops);
	check(getpeername(ended, &name.any, &len) && errno == ENOTCONN, "it has a peer");
	check(!ioctl(ended, FIONREAD, &waiting) && waiting == 4, "%d bytes wait after %u hops",
	      waiting, migrant.hops);
	reads_rest(ended);
	check(!recv(ended, buf, 1, 0), "a connection did not end");
	check(send(ended, "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE, "it sends again");
	reads_rest(broken);
	check(recv(broken, buf, 1, 0) < 0 && errno == ECONNRESET, "not reset after %u hops",
	      migrant.hops);
	check(!recv(broken, buf, 1, 0), "a connection did not end");
	check(poll(&p, 1, 0) == 1 && p.revents == (POLLOUT | POLLERR | POLLHUP),
	      "poll finds %#x after %u hops", p.revents, migrant.hops);
	/* whoever asks so is told, and may try again */
	check(connect(rejected, &name.any, sizeof(name.in)) < 0 && errno == ECONNREFUSED,
	      "connect after %u hops: %s", migrant.hops, strerror(errno));
	check(!migrant.hops || !name_of(again).in.sin_port, "it has a port after %u hops", migrant.hops);
	close(again);
	close(ended);
	close(broken);
	close(rejected);
}

/* ---- UDP ------------------------------------------------------------------------ */

static void open_udp(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u32 = 42 };

	sender = at(AF_INET, SOCK_DGRAM, "127.0.0.1", 0);
	four = at(AF_INET, SOCK_DGRAM, "127.0.0.1", 0);
	migrant_set_option(four, IPPROTO_IP, IP_PKTINFO, 1);
	migrant_set_option(four, SOL_SOCKET, SO_MARK, MARK);
	six = at(AF_INET6, SOCK_DGRAM, "::", 0);
	migrant_set_option(six, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	left = at(AF_INET6, SOCK_DGRAM, "::1", 0);
	right = socket(AF_INET6, SOCK_DGRAM, 0);
	connect_to(right, left);
	connect_to(left, right);
	shutdown(left, SHUT_WR);
	put = at(AF_INET, SOCK_DGRAM, "127.0.0.1", 0);
	migrant_set_option(put, IPPROTO_UDP, UDP_GRO, 1);
	watch = epoll_create1(0);
	check(!epoll_ctl(watch, EPOLL_CTL_ADD, four, &event), "epoll");
}

static void fill(char *data, size_t len, unsigned int n)
{
	size_t i;

	for (i = 0; i < len; i++)
		data[i] = mix(n * 65536 + i);
}

/* What waits until after the next hop. */
static void send_all(void)
{
	static const int segment = SEGMENT;
	union address to_six = name_of(six);
	unsigned int i;

	for (i = 0; i < NR; i++) {
		fill(buf, sizes[i], migrant.hops * NR + i);
		send_to(sender, four, buf, sizes[i]);
	}
	to_six.in = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = to_six.in6.sin6_port,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	check(sendto(sender, "four", 4, 0, &to_six.any, sizeof(to_six.in)) == 4, "sendto");
	to_six = name_of(six);
	to_six.in6.sin6_addr = in6addr_loopback;
	check(sendto(six, "six", 3, 0, &to_six.any, sizeof(to_six.in6)) == 3, "sendto");
	check(send(right, "right", 5, 0) == 5, "send");
	fill(buf, 3 * SEGMENT - 1, migrant.hops);
	migrant_set_option(sender, IPPROTO_UDP, UDP_SEGMENT, segment);
	send_to(sender, put, buf, 3 * SEGMENT - 1);
	migrant_set_option(sender, IPPROTO_UDP, UDP_SEGMENT, 0);
}

/* The next datagram, from whom, and the first thing that is said beside it, of @type. */
static size_t receive(int fd, union address *from, int type, void *aside, size_t size)
{
	static char control[512];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr msg = {
		.msg_name = from, .msg_namelen = sizeof(*from), .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	ssize_t len = recvmsg(fd, &msg, MSG_DONTWAIT);
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	check(len >= 0, "nothing waits after %u hops: %s", migrant.hops, strerror(errno));
	check(!type || (c && c->cmsg_type == type), "nothing is said beside it");
	if (type)
		memcpy(aside, CMSG_DATA(c), size);
	return len;
}

static void is_from(const union address *from, int fd, const char *address)
{
	char text[INET6_ADDRSTRLEN] = "";
	union address want = name_of(fd);

	inet_ntop(from->any.sa_family, from->any.sa_family == AF_INET ?
		  (void *)&from->in.sin_addr : (void *)&from->in6.sin6_addr, text, sizeof(text));
	check(!strcmp(text, address) && from->in.sin_port == want.in.sin_port,
	      "from %s port %u after %u hops", text, ntohs(from->in.sin_port), migrant.hops);
}

static void is_filled(size_t got, size_t len, unsigned int n)
{
	static char want[65536];

	fill(want, len, n);
	check(got == len && !memcmp(buf, want, len), "%zu bytes and not %zu, or others, after %u hops",
	      got, len, migrant.hops);
}

static void is_empty(int fd)
{
	check(recv(fd, buf, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN, "too much waits");
}

/* All that was sent before the hop. */
static void receive_all(void)
{
	struct epoll_event event;
	struct in6_pktinfo to6;
	struct in_pktinfo to;
	union address from;
	unsigned int i, last = migrant.hops - 1;
	int segment;

	check(epoll_wait(watch, &event, 1, 0) == 1 && event.data.u32 == 42, "epoll sees nothing");
	for (i = 0; i < NR; i++) {
		is_filled(receive(four, &from, IP_PKTINFO, &to, sizeof(to)), sizes[i], last * NR + i);
		is_from(&from, sender, "127.0.0.1");
		check(to.ipi_addr.s_addr == htonl(INADDR_LOOPBACK), "sent to somebody else");
	}
	is_empty(four);
	check(receive(six, &from, IPV6_PKTINFO, &to6, sizeof(to6)) == 4 && !memcmp(buf, "four", 4),
	      "not what was sent by IPv4");
	is_from(&from, sender, "::ffff:127.0.0.1");
	check(receive(six, &from, IPV6_PKTINFO, &to6, sizeof(to6)) == 3 && !memcmp(buf, "six", 3),
	      "not what was sent by IPv6");
	is_from(&from, six, "::1");
	check(!memcmp(&to6.ipi6_addr, &in6addr_loopback, 16), "sent to somebody else");
	is_empty(six);
	check(receive(left, &from, 0, NULL, 0) == 5 && !memcmp(buf, "right", 5), "not what was sent");
	is_from(&from, right, "::1");
	check(send(left, "", 0, MSG_NOSIGNAL) < 0 && errno == EPIPE, "it sends again");
	is_empty(left);
	is_filled(receive(put, &from, UDP_GRO, &segment, sizeof(segment)), 3 * SEGMENT - 1, last);
	check(segment == SEGMENT, "%d bytes of each, after %u hops", segment, migrant.hops);
	is_empty(put);
	migrant_is_option(four, SOL_SOCKET, SO_MARK, MARK);
}

int main(int argc, char **argv)
{
	unsigned int hops;
	char text[16];

	migrant_start(argc, argv, 1, "HOPS");
	hops = atoi(argv[2]);
	open_tcp();
	open_udp();
	verify_tcp();
	/* as it is without a hop */
	end_connections();
	verify_ended();
	end_connections();
	send_all();
	migrant_tell("ready", "yes");
	while (migrant.hops < hops && migrant_wait_hop()) {
		verify_tcp();
		verify_ended();
		end_connections();
		receive_all();
		send_all();
		snprintf(text, sizeof(text), "%u", migrant.hops);
		migrant_tell("verified", text);
	}
	migrant_rest();
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	if (migrant.hops != hops)
		migrant_fail("%u hops and not %u", migrant.hops, hops);
	migrant_ok("hops=%u", migrant.hops);
}
