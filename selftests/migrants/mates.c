// SPDX-License-Identifier: GPL-2.0
/*
 * Unix sockets between processes that move together. Each process finds, after each hop,
 * what the other end sent before it, and sends again; then it tells the root so.
 *
 *	root ─┬─ near
 *	      ├─ left ── deep
 *	      └─ right
 *
 * usage: mates DIR HOPS
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

#define LARGE	90000	/* more than a buffer takes by default, both ways together */
#define ROUNDS	3	/* messages */

enum who { ROOT, NEAR, LEFT, DEEP, RIGHT, NR_WHO, CALLER = NR_WHO };

static const char *const names[] = { "root", "near", "left", "deep", "right" };

enum flag {
	BIG = 1,	/* a stream with much in it */
	HALF = 2,	/* the second end has no more to say */
	SIGNED = 4,	/* the first end wants to know from whom it is */
	LOOP = 8,	/* the first end waits by epoll(7) */
	BOTH = 16,	/* another process has these ends, too */
	CALLED = 32,	/* the second end has called the first one, which listens */
};

/* Who reads and writes at each of two ends; others have closed them, if not BOTH. */
static struct pair {
	const char *name;
	int type;
	enum who who[2];
	unsigned int flags;
	int fd[2];
	int epoll;
} pairs[] = {
	{ .name = "talk", .type = SOCK_STREAM, .who = { ROOT, NEAR }, .flags = LOOP },
	{ .name = "notes", .type = SOCK_DGRAM, .who = { ROOT, NEAR } },
	{ .name = "beside", .type = SOCK_SEQPACKET, .who = { LEFT, RIGHT }, .flags = LOOP },
	{ .name = "across", .type = SOCK_DGRAM, .who = { NEAR, DEEP }, .flags = SIGNED },
	{ .name = "large", .type = SOCK_STREAM, .who = { DEEP, ROOT }, .flags = BIG },
	{ .name = "half", .type = SOCK_STREAM, .who = { ROOT, RIGHT }, .flags = HALF },
	{ .name = "signed", .type = SOCK_SEQPACKET, .who = { ROOT, NEAR }, .flags = SIGNED },
	{ .name = "both", .type = SOCK_STREAM, .who = { LEFT, ROOT }, .flags = BOTH },
	{ .name = "called", .type = SOCK_STREAM, .who = { ROOT, RIGHT }, .flags = CALLED },
	{ .name = "called2", .type = SOCK_SEQPACKET, .who = { DEEP, NEAR }, .flags = CALLED },
	{ .name = "alone", .type = SOCK_STREAM, .who = { RIGHT, RIGHT }, .flags = BOTH },
};

#define NR_PAIRS (sizeof(pairs) / sizeof(pairs[0]))

static pid_t pid[NR_WHO + 1];
static int done[2];	/* a pipe: who has seen and said all of this hop */
static enum who self;

/* What is sent at @side of a pair before hop number @hop, as its message @n. */
static size_t message(const struct pair *p, int side, unsigned int hop, unsigned int n, char *buf)
{
	size_t len = snprintf(buf, 100, "%s %d: %u of hop %u;", p->name, side, n, hop);

	if (!(p->flags & BIG))
		return len;
	memset(buf + len, 'a' + n, LARGE - len);
	return LARGE;
}

static bool is_mute(const struct pair *p, int side)
{
	return p->flags & HALF && side == 1;
}

static void say(struct pair *p, int side)
{
	static char buf[LARGE];
	unsigned int n, rounds = p->flags & BIG ? 1 : ROUNDS;

	for (n = 0; n < rounds && !is_mute(p, side); n++) {
		size_t len = message(p, side, migrant.hops, n, buf);

		check(send(p->fd[side], buf, len, MSG_DONTWAIT) == (ssize_t)len,
		      "%s: send: %s after %u hops", p->name, strerror(errno), migrant.hops);
	}
}

static void check_sender(const struct pair *p, struct msghdr *msg)
{
	const struct cmsghdr *head = CMSG_FIRSTHDR(msg);
	struct ucred cred;

	check(head && head->cmsg_type == SCM_CREDENTIALS, "%s: no credentials", p->name);
	memcpy(&cred, CMSG_DATA(head), sizeof(cred));
	check(cred.pid == pid[p->who[1]] || !pid[p->who[1]], "%s: of %d, not of %d after %u hops",
	      p->name, cred.pid, pid[p->who[1]], migrant.hops);
	check(cred.uid == geteuid() && cred.gid == getegid(), "%s: of user %u", p->name, cred.uid);
}

/* One message, or as much of a stream. */
static void hear_one(const struct pair *p, int side, const char *want, size_t len)
{
	static char buf[LARGE + 1];
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	size_t got = 0;

	do {
		struct iovec iov = { buf + got, p->type == SOCK_STREAM ? len - got : LARGE + 1 };
		struct msghdr msg = {
			.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			.msg_controllen = sizeof(control),
		};
		ssize_t n = recvmsg(p->fd[side], &msg, MSG_DONTWAIT);

		check(n > 0, "%s %d: %s, %zu of %zu bytes after %u hops", p->name, side,
		      n ? strerror(errno) : "the end", got, len, migrant.hops);
		if (p->flags & SIGNED && !side)
			check_sender(p, &msg);
		got += n;
	} while (got < len);
	check(got == len && !memcmp(buf, want, len), "%s %d: \"%.60s\", not \"%.60s\"", p->name,
	      side, buf, want);
}

/* If there is more than was sent, it is in the way after the next hop. */
static void hear(struct pair *p, int side)
{
	unsigned int n, rounds = p->flags & BIG ? 1 : ROUNDS;
	static char want[LARGE];
	struct epoll_event ev;
	char c;

	if (p->flags & LOOP && !side)
		check(epoll_wait(p->epoll, &ev, 1, 0) == 1, "%s: epoll sees nothing", p->name);
	for (n = 0; n < rounds && !is_mute(p, !side); n++) {
		size_t len = message(p, !side, migrant.hops - 1, n, want);

		hear_one(p, side, want, len);
	}
	if (is_mute(p, !side))
		check(!recv(p->fd[side], &c, 1, MSG_DONTWAIT), "%s: no end", p->name);
}

static socklen_t name_of(const struct pair *p, struct sockaddr_un *name)
{
	name->sun_family = AF_UNIX;
	name->sun_path[0] = '\0';
	return offsetof(struct sockaddr_un, sun_path) + 1 +
	       snprintf(name->sun_path + 1, 64, "mates/%s/%d", p->name, pid[ROOT]);
}

/* By two processes: each end says who was at the other one. */
static void call(struct pair *p)
{
	struct sockaddr_un name;
	socklen_t len = name_of(p, &name);
	int listener = socket(AF_UNIX, p->type, 0), status;

	check(!bind(listener, (void *)&name, len) && !listen(listener, 1), "listen: %s",
	      strerror(errno));
	p->fd[1] = socket(AF_UNIX, p->type, 0);
	pid[CALLER] = fork();
	if (!pid[CALLER])
		_exit(connect(p->fd[1], (void *)&name, len) ? 1 : 0);
	waitpid(pid[CALLER], &status, 0);
	p->fd[0] = accept(listener, NULL, NULL);
	check(!status && p->fd[0] >= 0, "accept: %s", strerror(errno));
	close(listener);
}

static void is_called(const struct sockaddr_un *is, socklen_t len, const struct pair *p)
{
	struct sockaddr_un name;
	socklen_t want = name_of(p, &name);

	check(len == want && !memcmp(is, &name, len), "%s is called %.*s", p->name, (int)len - 3,
	      is->sun_path + 1);
}

/* The caller has no name, and who was called is known by the one that he was called by. */
static void check_names(struct pair *p, int side)
{
	struct sockaddr_un name;
	struct ucred cred;
	socklen_t len = sizeof(name), none = sizeof(name), size = sizeof(cred);

	if (!(p->flags & CALLED))
		return;
	check(!getsockopt(p->fd[side], SOL_SOCKET, SO_PEERCRED, &cred, &size), "SO_PEERCRED");
	check(cred.uid == geteuid() && cred.pid == (side ? pid[ROOT] : migrant.hops ? 0 : pid[CALLER]),
	      "%s %d: the peer was %d of %u", p->name, side, cred.pid, cred.uid);
	if (side) {
		check(!getsockname(p->fd[1], (void *)&name, &none) &&
		      none == sizeof(sa_family_t), "%s: a caller's name", p->name);
		len = sizeof(name);
		check(!getpeername(p->fd[1], (void *)&name, &len), "getpeername");
	} else {
		check(!getsockname(p->fd[0], (void *)&name, &len), "getsockname");
	}
	is_called(&name, len, p);
}

/* All that this process is to do. */
static void each_end(void (*act)(struct pair *p, int side))
{
	unsigned int i;
	int side;

	for (i = 0; i < NR_PAIRS; i++)
		for (side = 0; side < 2; side++)
			if (pairs[i].who[side] == self)
				act(&pairs[i], side);
}

static void tell_done(void)
{
	char c = '0' + self;

	check(write(done[1], &c, 1) == 1, "%s: %s", names[self], strerror(errno));
}

static void wait_done(void)
{
	char c[NR_WHO];
	unsigned int n;

	for (n = 0; n < NR_WHO - 1; n++)
		check(read(done[0], &c[n], 1) == 1, "read: %s", strerror(errno));
}

/* What it does not use it closes, but for those that it merely has, too. */
static void keep_own(void)
{
	unsigned int i;
	int side;

	for (i = 0; i < NR_PAIRS; i++) {
		struct pair *p = &pairs[i];

		for (side = 0; side < 2; side++)
			if (p->who[side] != self && !(p->flags & BOTH))
				close(p->fd[side]);
		if (p->flags & HALF && p->who[1] == self)
			shutdown(p->fd[1], SHUT_WR);
	}
}

static void start_loops(void)
{
	struct epoll_event ev = { .events = EPOLLIN };
	unsigned int i;

	for (i = 0; i < NR_PAIRS; i++) {
		struct pair *p = &pairs[i];

		if (!(p->flags & LOOP) || p->who[0] != self)
			continue;
		p->epoll = epoll_create1(0);
		check(!epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->fd[0], &ev), "epoll: %s",
		      strerror(errno));
	}
}

static void settle(void)
{
	keep_own();
	start_loops();
	each_end(say);
}

static void end(int signo)
{
	(void)signo;
	if (self == LEFT)
		kill(pid[DEEP], SIGKILL);
	_exit(0);
}

/* The root alone has a heartbeat. */
static void live(void)
{
	struct timespec pause = { .tv_nsec = 1000000 };

	signal(SIGTERM, end);
	settle();
	tell_done();
	for (;;) {
		while (!migrant_hopped())
			nanosleep(&pause, NULL);
		each_end(hear);
		each_end(check_names);
		each_end(say);
		tell_done();
	}
}

static void beget(enum who who)
{
	pid[who] = fork();
	check(pid[who] >= 0, "fork: %s", strerror(errno));
	if (pid[who])
		return;
	self = who;
	pid[who] = getpid();
	/* while it has everything */
	if (who == LEFT)
		beget(DEEP);
	live();
}

static void make_pairs(void)
{
	int on = 1, size = 4 * LARGE;
	unsigned int i;

	for (i = 0; i < NR_PAIRS; i++) {
		struct pair *p = &pairs[i];

		if (p->flags & CALLED)
			call(p);
		else
			check(!socketpair(AF_UNIX, p->type, 0, p->fd), "socketpair: %s",
			      strerror(errno));
		if (p->flags & BIG) {
			setsockopt(p->fd[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
			setsockopt(p->fd[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		}
		if (p->flags & SIGNED)
			setsockopt(p->fd[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	}
}

int main(int argc, char **argv)
{
	unsigned int hops, i;
	char text[16];

	migrant_start(argc, argv, 1, "HOPS");
	hops = atoi(argv[2]);
	pid[ROOT] = getpid();
	check(!pipe(done), "pipe: %s", strerror(errno));
	make_pairs();
	beget(NEAR);
	beget(LEFT);
	beget(RIGHT);
	settle();
	wait_done();
	migrant_tell("ready", "yes");
	while (migrant.hops < hops && migrant_wait_hop()) {
		each_end(hear);
		each_end(check_names);
		each_end(say);
		wait_done();
		snprintf(text, sizeof(text), "%u", migrant.hops);
		migrant_tell("verified", text);
	}
	migrant_rest();
	for (i = NEAR; i < NR_WHO; i++)
		if (pid[i] && (kill(pid[i], SIGTERM) || waitpid(pid[i], NULL, 0) != pid[i]))
			migrant_fail("%s has ended", names[i]);
	if (migrant.hops != hops)
		migrant_fail("%u hops and not %u", migrant.hops, hops);
	migrant_ok("hops=%u", migrant.hops);
}
