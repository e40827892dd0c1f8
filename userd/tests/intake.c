// SPDX-License-Identifier: GPL-2.0
/* Lane 1 at the destination, over TCP: whole messages, however they come. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "intake.h"
#include "pack.h"
#include "test.h"

static struct tern_intake in;
static int ours;	/* the source's end */
static unsigned int pause_us;	/* between pieces */

static int connect_pair(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd;

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ours = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (void *)&addr, len) || listen(listener, 1) ||
	    getsockname(listener, (void *)&addr, &len) ||
	    connect(ours, (void *)&addr, len))
		return -1;
	fd = accept(listener, NULL, NULL);
	close(listener);
	return fd;
}

static void begin(void)
{
	int fd = connect_pair();

	CHECK(fd >= 0 && !tern_intake_start(&in, fd));
}

/* A message of @len bytes, in pieces of @piece. */
static void send_message(size_t len, size_t piece)
{
	struct tern_wire head = { .type = TERN_MSG_PAGES, .len = len };
	char *buf = malloc(sizeof(head) + len), *at = buf;
	size_t left = sizeof(head) + len;

	memcpy(buf, &head, sizeof(head));
	memset(buf + sizeof(head), len % 251, len);
	while (left) {
		size_t n = left < piece ? left : piece;

		if (send(ours, at, n, MSG_NOSIGNAL) != (ssize_t)n)
			break;
		at += n;
		left -= n;
		usleep(pause_us);
	}
	free(buf);
}

/* The next message, or why there is none; NULL and 0: nothing for three seconds. */
static const struct tern_intake_slot *next(int *err)
{
	struct pollfd p = { .fd = in.event, .events = POLLIN };
	const struct tern_intake_slot *slot;
	eventfd_t n;

	for (;;) {
		slot = tern_intake_look(&in, err);
		if (slot || *err || poll(&p, 1, 3000) <= 0)
			return slot;
		eventfd_read(in.event, &n);
	}
}

static bool take(size_t len)
{
	const struct tern_intake_slot *slot;
	bool ok;
	int err;

	slot = next(&err);
	ok = slot && slot->head.len == len &&
	     (!len || (slot->buf[0] == (char)(len % 251) && slot->buf[len - 1] == slot->buf[0]));
	if (slot)
		tern_intake_done(&in);
	return ok;
}

/* The last one is as long as it is, and nothing comes after it. */
static void sizes(void)
{
	static const size_t len[] = { 0, 8, 4096, 131072, 131080, 262184, 400000, 5 << 20 };
	static const size_t piece[] = { 8 << 20, 100000, 1448 };
	unsigned int i, j;

	begin();
	for (i = 0; i < sizeof(len) / sizeof(len[0]); i++) {
		for (j = 0; j < sizeof(piece) / sizeof(piece[0]); j++) {
			send_message(len[i], piece[j]);
			CHECK(take(len[i]));
		}
	}
	/* a part is read before the rest is sent, and nothing follows */
	pause_us = 20000;
	send_message(200000, 100000);
	CHECK(take(200000));
	pause_us = 0;
	tern_intake_stop(&in);
	close(ours);
}

static void ends(void)
{
	static const struct tern_wire endless = { .type = TERN_MSG_PAGES, .len = (5 << 20) + 8 };
	const struct tern_intake_slot *slot;
	int err, i;

	/* what was whole before the end can be had */
	begin();
	for (i = 0; i < TERN_INTAKE_SLOTS; i++)
		send_message(1000, 5000);
	close(ours);
	for (i = 0; i < TERN_INTAKE_SLOTS; i++)
		CHECK(take(1000));
	slot = next(&err);
	CHECK(!slot && err == -ECONNRESET);
	tern_intake_stop(&in);

	begin();
	if (send(ours, &endless, sizeof(endless), MSG_NOSIGNAL) != sizeof(endless))
		CHECK(!"sent");
	slot = next(&err);
	CHECK(!slot && err == -EPROTO);
	tern_intake_stop(&in);
	close(ours);

	/* stopped while it waits for a free slot, and in the middle of a message */
	begin();
	for (i = 0; i < TERN_INTAKE_SLOTS + 2; i++)
		send_message(1000, 500);
	usleep(100000);
	tern_intake_stop(&in);
	close(ours);
	begin();
	send_message(100000, 200000);
	CHECK(take(100000));
	if (send(ours, "half", 4, MSG_NOSIGNAL) != 4)
		CHECK(!"sent");
	usleep(20000);
	tern_intake_stop(&in);
	close(ours);
}

/* A PACKED that stands for @len bytes. */
static void send_packed(struct tern_packer *packer, size_t len, size_t *wire)
{
	struct tern_wire head = { .type = TERN_MSG_PACKED };
	char *buf = malloc(len), *msg;
	struct iovec iov = { buf, len };

	memset(buf, len % 251, len);
	CHECK(!tern_packer_pack(packer, &iov, 1));
	head.len = sizeof(packer->head) + packer->len;
	*wire = sizeof(head) + head.len;
	msg = malloc(*wire);
	memcpy(msg, &head, sizeof(head));
	memcpy(msg + sizeof(head), &packer->head, sizeof(packer->head));
	memcpy(msg + sizeof(head) + sizeof(packer->head), packer->buf, packer->len);
	CHECK(send(ours, msg, *wire, MSG_NOSIGNAL) == (ssize_t)*wire);
	free(msg);
	free(buf);
}

static void packed(void)
{
	static const size_t len[] = { 8, 4120, 300000, 270000, 4120 };
	struct tern_packer packer = { 0 };
	const struct tern_intake_slot *slot;
	unsigned int i, round;
	size_t wire;
	int err;

	/* a stream of its own for each connection, and plain messages in between */
	for (round = 0; round < 2; round++) {
		begin();
		for (i = 0; i < sizeof(len) / sizeof(len[0]); i++) {
			send_packed(&packer, len[i], &wire);
			slot = next(&err);
			CHECK(slot && slot->head.type == TERN_MSG_PAGES && slot->wire == wire);
			CHECK(take(len[i]));
			send_message(8192, 10000);
			CHECK(take(8192));
		}
		tern_intake_stop(&in);
		close(ours);
		tern_packer_fini(&packer);
	}
	/* the middle of a stream */
	begin();
	send_packed(&packer, 5000, &wire);
	CHECK(take(5000));
	tern_intake_stop(&in);
	close(ours);
	begin();
	send_packed(&packer, 5000, &wire);
	slot = next(&err);
	CHECK(!slot && err == -EBADMSG);
	tern_intake_stop(&in);
	close(ours);
	tern_packer_fini(&packer);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	alarm(60);
	CHECK(!tern_intake_init(&in));
	sizes();
	ends();
	packed();
	tern_intake_fini(&in);
	return done();
}
