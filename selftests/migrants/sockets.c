// SPDX-License-Identifier: GPL-2.0
/*
 * Pairs of unix sockets within the process: what is in their queues, who sent it, which
 * end is shut down or closed, options, and a thread that waits for a message.
 *
 * usage: sockets DIR HOPS
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

#define LARGE	150000	/* more than one buffer takes by default, of what both send */

#define NAME_LEN (offsetof(struct sockaddr_un, sun_path) + 8)

static const struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "\0sockets" };
static int server;
static int stream[2], dgram[2], seq[2], bereft, lone, creds[2], waiting[2], large[2], ep;
static char got[16];

static void pair(int type, int fds[2])
{
	check(!socketpair(AF_UNIX, type, 0, fds), "socketpair: %s", strerror(errno));
}

static void put(int fd, const char *text)
{
	check(send(fd, text, strlen(text), 0) == (ssize_t)strlen(text), "send: %s",
	      strerror(errno));
}

static void get(int fd, size_t room, const char *want)
{
	char buf[64];
	ssize_t n = recv(fd, buf, room, MSG_DONTWAIT);

	check(n == (ssize_t)strlen(want) && !memcmp(buf, want, n), "received \"%.*s\", not \"%s\"",
	      n > 0 ? (int)n : 0, buf, want);
}

static void *wait_for_message(void *arg)
{
	check(recv(waiting[0], got, sizeof(got) - 1, 0) == 5, "waiting: %s", strerror(errno));
	return arg;
}

/* What every hop must find, and leave. */
static void fill(void)
{
	static char bytes[LARGE];

	put(stream[1], "read already, not yet");
	get(stream[0], 14, "read already, ");
	put(stream[0], "the other way");
	put(dgram[1], "one");
	check(!send(dgram[1], "", 0, 0), "send: %s", strerror(errno));
	put(dgram[1], "three");
	put(dgram[0], "back");
	put(creds[1], "signed");
	check(send(large[0], bytes, LARGE, 0) == LARGE && send(large[1], bytes, LARGE, 0) == LARGE,
	      "send: %s", strerror(errno));
}

static void open_all(void)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = 4 };
	struct timeval tv = { .tv_sec = 7, .tv_usec = 500000 };
	int fds[2], on = 1, size = 300000;

	pair(SOCK_STREAM | SOCK_CLOEXEC, stream);
	pair(SOCK_DGRAM, dgram);
	pair(SOCK_SEQPACKET | SOCK_NONBLOCK, seq);
	pair(SOCK_STREAM, fds);
	put(fds[1], "last words");
	close(fds[1]);
	bereft = fds[0];
	lone = socket(AF_UNIX, SOCK_DGRAM, 0);
	pair(SOCK_STREAM, creds);
	setsockopt(creds[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	pair(SOCK_SEQPACKET, waiting);
	pair(SOCK_STREAM, large);
	setsockopt(large[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(large[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(stream[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	server = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	check(!bind(server, (void *)&name, NAME_LEN) && !listen(server, 3), "listen: %s",
	      strerror(errno));
	put(seq[1], "no more of this");
	shutdown(seq[1], SHUT_WR);
	ep = epoll_create1(0);
	check(!epoll_ctl(ep, EPOLL_CTL_ADD, creds[0], &ev), "epoll: %s", strerror(errno));
}

static void check_creds(void)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	char buf[16];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct epoll_event ev;
	struct ucred cred;
	socklen_t len = sizeof(cred);

	check(epoll_wait(ep, &ev, 1, 0) == 1 && ev.data.u64 == 4, "epoll sees no message");
	check(recvmsg(creds[0], &msg, MSG_DONTWAIT) == 6 && !memcmp(buf, "signed", 6),
	      "credentials: %s", strerror(errno));
	check(msg.msg_controllen && control.head.cmsg_type == SCM_CREDENTIALS, "no credentials");
	memcpy(&cred, CMSG_DATA(&control.head), sizeof(cred));
	check(cred.pid == getpid() && cred.uid == geteuid() && cred.gid == getegid(),
	      "credentials of %d, %u, %u", cred.pid, cred.uid, cred.gid);
	check(!getsockopt(dgram[0], SOL_SOCKET, SO_PEERCRED, &cred, &len) &&
	      cred.pid == getpid() && cred.uid == geteuid() && cred.gid == getegid(),
	      "SO_PEERCRED is %d, %u, %u", cred.pid, cred.uid, cred.gid);
}

static void check_large(int fd)
{
	static char bytes[LARGE];
	ssize_t n, all = 0;

	while (all < LARGE && (n = recv(fd, bytes, LARGE - all, MSG_DONTWAIT)) > 0)
		all += n;
	check(all == LARGE, "%zd of %d bytes", all, LARGE);
	check(recv(fd, bytes, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN, "more than that");
}

static void check_server(void)
{
	int client = socket(AF_UNIX, SOCK_STREAM, 0), accepted;
	struct ucred cred;
	socklen_t len = sizeof(cred);

	check(accept(server, NULL, NULL) < 0 && errno == EAGAIN, "somebody has connected");
	check(!connect(client, (void *)&name, NAME_LEN), "connect: %s", strerror(errno));
	accepted = accept(server, NULL, NULL);
	check(accepted >= 0, "accept: %s", strerror(errno));
	put(client, "hello");
	get(accepted, 64, "hello");
	check(!getsockopt(client, SOL_SOCKET, SO_PEERCRED, &cred, &len) &&
	      cred.uid == geteuid(), "the server is of user %u", cred.uid);
	close(accepted);
	close(client);
}

static void check_all(unsigned int hop)
{
	struct timeval tv;
	socklen_t len = sizeof(tv);
	int size;

	get(stream[0], 64, "not yet");
	get(stream[1], 64, "the other way");
	get(dgram[0], 64, "one");
	get(dgram[0], 64, "");
	get(dgram[0], 64, "three");
	get(dgram[1], 64, "back");
	check_creds();
	check_large(large[0]);
	check_large(large[1]);
	if (hop == 1) {
		get(bereft, 64, "last words");
		get(seq[0], 64, "no more of this");
	}
	get(bereft, 64, "");
	check(send(bereft, "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE, "bereft: %s",
	      strerror(errno));
	get(seq[0], 64, "");
	check(send(seq[1], "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE, "shut down: %s",
	      strerror(errno));
	put(seq[0], "this way");
	get(seq[1], 64, "this way");
	check((fcntl(seq[0], F_GETFL) & O_NONBLOCK) && !(fcntl(dgram[0], F_GETFL) & O_NONBLOCK) &&
	      fcntl(stream[1], F_GETFD) == FD_CLOEXEC && !fcntl(dgram[0], F_GETFD),
	      "flags are not what they were");
	check(!getsockopt(stream[0], SOL_SOCKET, SO_RCVTIMEO, &tv, &len) && tv.tv_sec == 7 &&
	      tv.tv_usec == 500000, "SO_RCVTIMEO is %ld.%06ld", tv.tv_sec, tv.tv_usec);
	len = sizeof(size);
	check(!getsockopt(large[0], SOL_SOCKET, SO_SNDBUF, &size, &len) && size >= 400000,
	      "SO_SNDBUF is %d", size);
	check(!getsockopt(lone, SOL_SOCKET, SO_TYPE, &size, &len) && size == SOCK_DGRAM,
	      "the lone one is of type %d", size);
	check_server();
	check(send(lone, "x", 1, 0) < 0 && errno == ENOTCONN, "lone: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	unsigned int i, hops;
	pthread_t thread;

	migrant_start(argc, argv, 1, "HOPS");
	hops = atoi(argv[2]);
	check(!chown(migrant.dir, 1001, 2002) && !setresgid(2002, 2002, 2002) &&
	      !setresuid(1001, 1001, 1001), "setresuid: %s", strerror(errno));
	open_all();
	for (i = 1; i <= hops; i++) {
		fill();
		memset(got, 0, sizeof(got));
		pthread_create(&thread, NULL, wait_for_message, NULL);
		if (i == 1)
			migrant_tell("ready", "yes");
		migrant_wait_hop();
		check_all(i);
		check(!got[0], "the thread has received something");
		put(waiting[1], "now!!");
		pthread_join(thread, NULL);
		check(!strcmp(got, "now!!"), "the thread has received \"%s\"", got);
	}
	migrant_rest();
	migrant_ok("hops=%u", migrant.hops);
}
