// SPDX-License-Identifier: GPL-2.0
/*
 * All that can be done with a TCP connection while the process is somewhere and its connections
 * are not. There are those who look, again and again, at connections on which a byte waits that
 * nobody takes: DIR/looks tells what they find. Others wait for a byte that has not been sent,
 * each in another way: DIR/waits tells what has become of it, "-" is nothing yet.
 *
 * At the other end there is a client, which makes all the connections, and says which is which
 * by their first byte. When it finds DIR/say it sends what the others wait for, takes what was
 * sent to it, and calls once more.
 *
 * When it finds DIR/close the process closes a connection, and tells so by DIR/closed.
 *
 * usage: gates DIR PORT
 *        gates DIR PORT ADDRESS		the client
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "migrant.h"

#define BULK	(2U << 20)	/* more than there is room for on the way */
#define BUFFER	(64U << 10)
#define BEAT_US	20000

/* Connections, in the order in which the client makes them. */
enum {
	DONTWAIT, TIMEO, EINTRS, POLL0, SELECT0, LEVEL0,	/* those who look */
	NR_LOOKS,
	RECV = NR_LOOKS, SEND, POLL, SELECT, LEVEL, EDGE, ONESHOT, CHILD,
	ACCEPT,							/* that which is not made yet */
	NR_NAMES,
	CLOSE = ACCEPT,
	NR_CONNECTIONS,
};

static const char *const names[NR_NAMES] = {
	"dontwait", "timeo", "eintr", "poll", "select", "level",
	"recv", "send", "poll", "select", "level", "edge", "oneshot", "child", "accept",
};

/* What each has found last, as a string that never goes; shared with the child. */
static const char **found;
static int sock[NR_CONNECTIONS], listener;

static const char *error_name(int err)
{
	switch (err) {
	case EAGAIN:
		return "EAGAIN";
	case EINTR:
		return "EINTR";
	case ECONNRESET:
		return "ECONNRESET";
	default:
		return strerror(err);
	}
}

static void set(unsigned int n, const char *what)
{
	__atomic_store_n(&found[n], what, __ATOMIC_RELEASE);
}

static void tell(const char *name, unsigned int from, unsigned int to)
{
	char text[512] = "";
	unsigned int i;

	for (i = from; i < to; i++) {
		const char *what = __atomic_load_n(&found[i], __ATOMIC_ACQUIRE);

		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s=%s",
			 i > from ? " " : "", names[i], what);
	}
	migrant_tell(name, text);
}

static const char *result(ssize_t ret)
{
	return ret > 0 ? "there" : ret ? error_name(errno) : "end";
}

static bool exists(const char *name)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/%s", migrant.dir, name);
	return !access(path, F_OK);
}

/* ---- those who look ------------------------------------------------------------------- */

static const char *peek(unsigned int n, int flags)
{
	char c;

	return result(recv(sock[n], &c, 1, MSG_PEEK | flags));
}

static const char *look_poll(void)
{
	struct pollfd p = { .fd = sock[POLL0], .events = POLLIN };

	return poll(&p, 1, 0) == 1 ? p.revents & POLLERR ? "error" : "there" : "-";
}

static const char *look_select(void)
{
	struct timeval now = { 0 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(sock[SELECT0], &set);
	return select(sock[SELECT0] + 1, &set, NULL, NULL, &now) == 1 ? "there" : "-";
}

static int watch(unsigned int n, unsigned int events)
{
	struct epoll_event event = { .events = events };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	check(epoll >= 0 && !epoll_ctl(epoll, EPOLL_CTL_ADD, sock[n], &event), "epoll: %s",
	      strerror(errno));
	return epoll;
}

static const char *look_level(void)
{
	static int epoll;
	struct epoll_event event;

	if (!epoll)
		epoll = watch(LEVEL0, EPOLLIN);
	return epoll_wait(epoll, &event, 1, 0) == 1 ?
	       event.events & EPOLLERR ? "error" : "there" : "-";
}

/* As often as it likes, so that it is there when the signal comes. */
static void *be_interrupted(void *arg)
{
	for (;;) {
		set(EINTRS, peek(EINTRS, 0));
		usleep(BEAT_US / 4);
	}
	return arg;
}

static void *time_out(void *arg)
{
	const struct timeval some = { .tv_usec = 50000 };

	check(!setsockopt(sock[TIMEO], SOL_SOCKET, SO_RCVTIMEO, &some, sizeof(some)),
	      "SO_RCVTIMEO: %s", strerror(errno));
	for (;;) {
		set(TIMEO, peek(TIMEO, 0));
		usleep(BEAT_US / 4);
	}
	return arg;
}

static void look(void)
{
	set(DONTWAIT, peek(DONTWAIT, MSG_DONTWAIT));
	set(POLL0, look_poll());
	set(SELECT0, look_select());
	set(LEVEL0, look_level());
	tell("looks", 0, NR_LOOKS);
}

/* ---- those who wait ------------------------------------------------------------------- */

/* The byte that the client says. false: there is none yet, and it is not waited for. */
static bool take(unsigned int n, int flags)
{
	char c = 0;
	ssize_t ret = recv(sock[n], &c, 1, flags);

	if (ret < 0 && flags && errno == EAGAIN)
		return false;
	set(n, ret == 1 && c != 's' ? "wrong" : result(ret));
	return true;
}

static void *wait_recv(void *arg)
{
	take((unsigned long)arg, 0);
	return NULL;
}

static void *wait_poll(void *arg)
{
	struct pollfd p = { .fd = sock[POLL], .events = POLLIN };

	do
		poll(&p, 1, -1);
	while (!take(POLL, MSG_DONTWAIT));
	return arg;
}

static void *wait_select(void *arg)
{
	fd_set set;

	do {
		FD_ZERO(&set);
		FD_SET(sock[SELECT], &set);
		select(sock[SELECT] + 1, &set, NULL, NULL, NULL);
	} while (!take(SELECT, MSG_DONTWAIT));
	return arg;
}

/* One that fires once, and without the byte, is never heard of again. */
static void *wait_epoll(void *arg)
{
	unsigned int n = (unsigned long)arg;
	int epoll = watch(n, n == EDGE ? EPOLLIN | EPOLLET :
			     n == ONESHOT ? EPOLLIN | EPOLLONESHOT : EPOLLIN);
	struct epoll_event event;

	do
		epoll_wait(epoll, &event, 1, -1);
	while (!take(n, MSG_DONTWAIT));
	return NULL;
}

static uint8_t byte_at(unsigned int at)
{
	return mix(at / 8) >> at % 8 * 8;
}

/* Whoever is interrupted has sent a part of it; nearly all the time it waits. */
static void *wait_send(void *arg)
{
	static uint8_t bulk[BULK];
	unsigned int i, at = 0;
	ssize_t ret;

	for (i = 0; i < BULK; i++)
		bulk[i] = byte_at(i);
	do {
		ret = send(sock[SEND], bulk + at, BULK - at, MSG_NOSIGNAL);
		at += ret > 0 ? ret : 0;
	} while (ret > 0 && at < BULK);
	set(SEND, result(ret));
	return arg;
}

static void *wait_accept(void *arg)
{
	char c = 0;
	int fd = accept(listener, NULL, NULL);

	set(ACCEPT, fd < 0 ? error_name(errno) :
	    recv(fd, &c, 1, 0) == 1 && c == 's' ? "there" : "wrong");
	return arg;
}

static void start(void *(*fn)(void *), unsigned int n, pthread_t *thread)
{
	pthread_t any;

	check(!pthread_create(thread ? thread : &any, NULL, fn, (void *)(unsigned long)n),
	      "pthread_create: %s", strerror(errno));
}

/* Another process, which has the same socket. */
static void start_child(void)
{
	pid_t pid = fork();

	check(pid >= 0, "fork: %s", strerror(errno));
	if (pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(sock[CLOSE]);
	take(CHILD, 0);
	for (;;)
		pause();
}

/* ---- the process ---------------------------------------------------------------------- */

static void listen_on(unsigned int port)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(listener >= 0, "socket: %s", strerror(errno));
	migrant_set_option(listener, SOL_SOCKET, SO_REUSEADDR, 1);
	migrant_set_option(listener, SOL_SOCKET, SO_SNDBUF, BUFFER);
	check(!bind(listener, (struct sockaddr *)&at, sizeof(at)) && !listen(listener, 64),
	      "bind: %s", strerror(errno));
}

static void accept_all(void)
{
	unsigned int i;
	char c;

	for (i = 0; i < NR_CONNECTIONS; i++) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		check(fd >= 0 && recv(fd, &c, 1, 0) == 1 && c < NR_CONNECTIONS, "accept: %s",
		      strerror(errno));
		sock[(int)c] = fd;
	}
}

static void on_signal(int signo)
{
	(void)signo;
}

static void close_one(void)
{
	static bool closed;

	if (closed || !exists("close"))
		return;
	closed = !close(sock[CLOSE]);
	migrant_tell("closed", closed ? "yes" : strerror(errno));
}

static void be_server(unsigned int port)
{
	/* no SA_RESTART */
	const struct sigaction action = { .sa_handler = on_signal };
	pthread_t interrupted;
	unsigned int i;

	found = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	check(found != MAP_FAILED, "mmap: %s", strerror(errno));
	for (i = 0; i < NR_NAMES; i++)
		found[i] = "-";
	sigaction(SIGUSR1, &action, NULL);
	listen_on(port);
	migrant_tell("ready", "yes");
	accept_all();
	start_child();
	start(time_out, TIMEO, NULL);
	start(be_interrupted, EINTRS, &interrupted);
	start(wait_recv, RECV, NULL);
	start(wait_send, SEND, NULL);
	start(wait_poll, POLL, NULL);
	start(wait_select, SELECT, NULL);
	for (i = LEVEL; i <= ONESHOT; i++)
		start(wait_epoll, i, NULL);
	start(wait_accept, ACCEPT, NULL);
	while (migrant_step()) {
		pthread_kill(interrupted, SIGUSR1);
		look();
		tell("waits", NR_LOOKS, NR_NAMES);
		close_one();
		usleep(BEAT_US);
	}
	migrant_ok("hops=%u", migrant.hops);
}

/* ---- the client ----------------------------------------------------------------------- */

static int dial(const char *address, unsigned int port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	bool six = inet_pton(AF_INET6, address, &in6.sin6_addr) == 1;
	int fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	check(fd >= 0 && (six || inet_pton(AF_INET, address, &in.sin_addr) == 1), "socket");
	migrant_set_option(fd, SOL_SOCKET, SO_RCVBUF, BUFFER);
	migrant_set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	check(!connect(fd, six ? (void *)&in6 : (void *)&in, six ? sizeof(in6) : sizeof(in)),
	      "connect: %s", strerror(errno));
	return fd;
}

static void say(int fd, char c)
{
	check(send(fd, &c, 1, MSG_NOSIGNAL) == 1, "send: %s", strerror(errno));
}

static void drain(int fd)
{
	static uint8_t buf[BUFFER];
	unsigned int at = 0;
	ssize_t n, i;

	while (at < BULK) {
		n = recv(fd, buf, sizeof(buf), 0);
		check(n > 0, "%u bytes have come, then: %s", at, n ? strerror(errno) : "end");
		for (i = 0; i < n; i++, at++)
			check(buf[i] == byte_at(at), "byte %u is wrong", at);
	}
}

static void be_client(unsigned int port, const char *address)
{
	unsigned int i;
	char c;

	for (i = 0; i < NR_CONNECTIONS; i++) {
		sock[i] = dial(address, port);
		say(sock[i], i);
		if (i < NR_LOOKS)
			say(sock[i], 'l');
	}
	migrant_tell("ready", "yes");
	while (!exists("say"))
		if (!migrant_step())
			migrant_ok("told to end");
		else
			usleep(BEAT_US);
	for (i = NR_LOOKS; i < NR_NAMES; i++)
		if (i != SEND && i != ACCEPT)
			say(sock[i], 's');
	migrant_tell("said", "yes");
	say(dial(address, port), 's');
	drain(sock[SEND]);
	check(!recv(sock[CLOSE], &c, 1, 0), "the connection that was closed: %s", strerror(errno));
	migrant_tell("had", "all");
	migrant_rest();
	migrant_ok("had all");
}

int main(int argc, char **argv)
{
	migrant_start(argc, argv, 1, "PORT [ADDRESS]");
	if (argc > 3)
		be_client(atoi(argv[2]), argv[3]);
	else
		be_server(atoi(argv[2]));
}
