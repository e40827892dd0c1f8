// SPDX-License-Identifier: GPL-2.0
/* Lanes: framing, time-outs, cancellation, and peers that do not keep to it. */
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dev.h"
#include "link.h"
#include "test.h"

static struct tern_link a, b;
static int cancel_a, raw;

static void open_pair(void)
{
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd))
		exit(99);
	cancel_a = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (tern_link_init(&a, fd[0], cancel_a) || tern_link_init(&b, fd[1], -1))
		exit(99);
	raw = fd[1];
}

static void close_pair(void)
{
	tern_link_fini(&a);
	tern_link_fini(&b);
	close(cancel_a);
}

static __u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

static void plain(void)
{
	struct tern_wire_clock c = { .origin = 42 }, got = { 0 };
	struct tern_wire head;

	open_pair();
	CHECK(!tern_link_send(&b, TERN_MSG_CLOCK, &c, sizeof(c)));
	CHECK(!tern_link_expect(&a, TERN_MSG_CLOCK, &got, sizeof(got), 1000, NULL));
	CHECK(got.origin == 42);
	CHECK(!tern_link_send(&b, TERN_MSG_FLUSHED, NULL, 0));
	CHECK(!tern_link_recv_head(&a, &head, 1000));
	CHECK(head.type == TERN_MSG_FLUSHED && !head.len);
	CHECK(a.bytes_in == b.bytes_out && a.bytes_in == 8 + 24 + 8);
	/* a time-out takes nothing away */
	CHECK(tern_link_recv_head(&a, &head, 20) == -ETIMEDOUT);
	CHECK(!tern_link_send(&b, TERN_MSG_FLUSHED, NULL, 0));
	CHECK(!tern_link_recv_head(&a, &head, 20));
	close_pair();
}

static void *send_large(void *arg)
{
	struct iovec iov[4];
	char *data = arg;

	iov[1] = (struct iovec) { data, 1 << 20 };
	iov[2] = (struct iovec) { data, 0 };
	iov[3] = (struct iovec) { data + (1 << 20), 7 << 20 };
	return (void *)(long)tern_link_sendv(&b, TERN_MSG_IMAGE, iov, 4);
}

static void large(void)
{
	size_t size = 8 << 20, i;
	char *data = malloc(size), *got = malloc(size);
	struct tern_wire head;
	pthread_t thread;
	void *rc;

	for (i = 0; i < size; i++)
		data[i] = i * 2654435761U >> 13;
	open_pair();
	pthread_create(&thread, NULL, send_large, data);
	CHECK(!tern_link_recv_head(&a, &head, 5000));
	CHECK(head.type == TERN_MSG_IMAGE && head.len == size);
	CHECK(!tern_link_recv_body(&a, got, size, 5000));
	pthread_join(thread, &rc);
	CHECK(!rc && !memcmp(data, got, size));
	close_pair();
	free(data);
	free(got);
}

static void many_vectors(void)
{
	static struct iovec iov[3000];
	static char data[3000], got[2999];
	struct tern_wire head;
	unsigned int i;

	open_pair();
	for (i = 1; i < 3000; i++) {
		data[i] = i;
		iov[i] = (struct iovec) { &data[i], 1 };
	}
	CHECK(!tern_link_sendv(&b, TERN_MSG_IMAGE, iov, 3000));
	CHECK(!tern_link_recv_head(&a, &head, 1000) && head.len == 2999);
	CHECK(!tern_link_recv_body(&a, got, 2999, 1000) && !memcmp(got, data + 1, 2999));
	close_pair();
}

static void bad_frames(void)
{
	static const struct tern_wire bad[] = {
		{ 0, 0, 0 },
		{ __TERN_MSG_MAX, 0, 0 },
		{ 0xffff, 0xffff, 0xffffffff },
		{ TERN_MSG_FLUSHED, 1, 0 },
		{ TERN_MSG_FLUSHED, 0, 1 },
		{ TERN_MSG_CLOCK, 0, 23 },
		{ TERN_MSG_CLOCK, 0, 25 },
		{ TERN_MSG_PAGES, 0, 7 },
		{ TERN_MSG_PAGES, 0, 8 + 1024 * (16 + 4096) + 1 },
		{ TERN_MSG_IMAGE, 0, TERN_WIRE_MAX + 1 },
	};
	struct tern_wire_clock clock;
	struct tern_wire head;
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		open_pair();
		CHECK(send(raw, &bad[i], sizeof(bad[i]), 0) == sizeof(bad[i]));
		CHECK(tern_link_recv_head(&a, &head, 1000) == -EPROTO);
		close_pair();
	}
	open_pair();
	CHECK(!tern_link_send(&b, TERN_MSG_FLUSHED, NULL, 0));
	CHECK(tern_link_expect(&a, TERN_MSG_CLOCK, &clock, sizeof(clock), 100, NULL) == -EPROTO);
	CHECK(tern_link_send(&b, TERN_MSG_CLOCK, &clock, 3) == -EMSGSIZE);
	close_pair();
}

static void refused(void)
{
	struct tern_wire_refused r = { .err = ENOSPC, .why = "no\033room" };
	struct tern_wire_clock clock;
	struct tern_why why = { "" };

	open_pair();
	CHECK(!tern_link_send(&b, TERN_MSG_REFUSED, &r, sizeof(r)));
	CHECK(tern_link_expect(&a, TERN_MSG_CLOCK, &clock, sizeof(clock), 100, &why) == -ENOSPC);
	CHECK(!strcmp(why.text, "no?room"));
	/* an errno that would look like the lane's own, and a sentence without end */
	r.err = ECANCELED;
	memset(r.why, 'x', sizeof(r.why));
	CHECK(!tern_link_send(&b, TERN_MSG_REFUSED, &r, sizeof(r)));
	why.text[0] = '\0';
	CHECK(tern_link_expect(&a, TERN_MSG_CLOCK, &clock, sizeof(clock), 100, &why) == -EREMOTEIO);
	CHECK(strlen(why.text) == sizeof(why.text) - 1);
	close_pair();
}

static void broken(void)
{
	struct tern_wire_clock clock;
	struct tern_wire head;

	open_pair();
	CHECK(send(raw, "abc", 3, 0) == 3);
	tern_link_fini(&b);
	CHECK(tern_link_recv_head(&a, &head, 1000) == -ECONNRESET);
	CHECK(tern_link_recv_head(&a, &head, 1000) == -ECONNRESET);
	CHECK(tern_link_send(&a, TERN_MSG_CLOCK, &clock, sizeof(clock)) == -ECONNRESET);
	close_pair();
}

static void *cancel_soon(void *arg)
{
	struct timespec ts = { .tv_nsec = 50000000 };

	nanosleep(&ts, NULL);
	eventfd_write(*(int *)arg, 1);
	return NULL;
}

static void cancelled(void)
{
	struct tern_wire head;
	eventfd_t n;
	pthread_t thread;
	__u64 t = now_ms();

	open_pair();
	pthread_create(&thread, NULL, cancel_soon, &cancel_a);
	CHECK(tern_link_recv_head(&a, &head, 5000) == -ECANCELED);
	CHECK(now_ms() - t < 2000);
	pthread_join(thread, NULL);
	CHECK(tern_link_recv_head(&a, &head, 5000) == -ECANCELED);
	/* somebody has taken the word: the lane is as good as before */
	eventfd_read(cancel_a, &n);
	CHECK(tern_link_recv_head(&a, &head, 20) == -ETIMEDOUT);
	CHECK(!tern_link_send(&b, TERN_MSG_FLUSHED, NULL, 0));
	CHECK(!tern_link_recv_head(&a, &head, 1000));
	close_pair();
}

static void release(void)
{
	int fd;

	open_pair();
	fd = tern_link_release(&a);
	CHECK(fd >= 0 && send(fd, "x", 1, 0) == 1);
	close(fd);
	close_pair();
}

/* Two ends of a TCP connection; -1: there is none. */
static int connect_pair(int fd[2])
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (void *)&in, len) || listen(listener, 1) ||
	    getsockname(listener, (void *)&in, &len) || connect(fd[0], (void *)&in, len))
		return -1;
	fd[1] = accept(listener, NULL, NULL);
	close(listener);
	return fd[1];
}

/* What fits is acknowledged, though nobody reads; and again when somebody has. */
static void fits(void)
{
	static char data[4096];
	unsigned int sent, all = 0, i;
	int fd[2], queued = 1;

	CHECK(connect_pair(fd) >= 0 && !tern_link_init(&a, fd[0], -1));
	for (i = 0; i < 3; i++) {
		for (sent = 0; sent < 10000 && tern_link_fits(&a, sizeof(data)); sent++)
			if (write(fd[0], data, sizeof(data)) != sizeof(data))
				exit(99);
		CHECK(sent > 2 && sent < 10000);
		all += sent;
		while (!ioctl(fd[0], SIOCOUTQ, &queued) && queued)
			usleep(1000);
		CHECK(!tern_link_fits(&a, 64 << 20));
		for (; all; all--)
			if (recv(fd[1], data, sizeof(data), MSG_WAITALL) != sizeof(data))
				exit(99);
		/* the window that the peer has again comes with a segment, if it must be asked for it */
		for (sent = 0; sent < 10000 && !tern_link_fits(&a, sizeof(data)); sent++)
			usleep(1000);
	}
	tern_link_fini(&a);
	close(fd[1]);
}

int main(void)
{
	plain();
	large();
	many_vectors();
	bad_frames();
	refused();
	broken();
	cancelled();
	release();
	fits();
	return done();
}
