// SPDX-License-Identifier: GPL-2.0
/*
 * ferry.c: which frames of a peer are used, and that frames go from a hold to a connection,
 * and from there to an interface; these are sockets here.
 */
#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ferry.h"
#include "test.h"

#define LEN	100

static int checked(struct tern_wire_frame frame, size_t len)
{
	return tern_ferry_check(&frame, len);
}

#define FRAME(...)	((struct tern_wire_frame){ __VA_ARGS__ })

static void frames(void)
{
	const unsigned int partial = VIRTIO_NET_HDR_F_NEEDS_CSUM;

	CHECK(!checked(FRAME(.flags = 0), 14));
	CHECK(!checked(FRAME(.flags = 0), TERN_WIRE_FRAME_MAX));
	CHECK(checked(FRAME(.flags = 0), 13) == -EPROTO);
	CHECK(checked(FRAME(.flags = 0), 0) == -EPROTO);
	CHECK(checked(FRAME(.flags = 0), TERN_WIRE_FRAME_MAX + 1) == -EPROTO);
	CHECK(checked(FRAME(.flags = VIRTIO_NET_HDR_F_DATA_VALID), LEN) == -EPROTO);
	CHECK(checked(FRAME(.flags = 0x80), LEN) == -EPROTO);
	/* a checksum has its place within the frame, and not in its Ethernet header */
	CHECK(!checked(FRAME(.flags = partial, .csum_start = 34, .csum_offset = 16), LEN));
	CHECK(!checked(FRAME(.flags = partial, .csum_start = 34, .csum_offset = 64), LEN));
	CHECK(checked(FRAME(.flags = partial, .csum_start = 34, .csum_offset = 65), LEN) == -EPROTO);
	CHECK(checked(FRAME(.flags = partial, .csum_start = 13, .csum_offset = 16), LEN) == -EPROTO);
	CHECK(checked(FRAME(.flags = partial, .csum_start = 0xffff, .csum_offset = 0xffff), LEN) ==
	      -EPROTO);
	/* many in one */
	CHECK(!checked(FRAME(.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1448), LEN));
	CHECK(!checked(FRAME(.gso_type = VIRTIO_NET_HDR_GSO_TCPV6 | VIRTIO_NET_HDR_GSO_ECN,
			     .gso_size = 1), LEN));
	CHECK(checked(FRAME(.gso_type = VIRTIO_NET_HDR_GSO_TCPV4), LEN) == -EPROTO);
	CHECK(checked(FRAME(.gso_size = 1448), LEN) == -EPROTO);
	CHECK(checked(FRAME(.gso_type = VIRTIO_NET_HDR_GSO_ECN), LEN) == -EPROTO);
	CHECK(checked(FRAME(.gso_type = VIRTIO_NET_HDR_GSO_UDP, .gso_size = 8), LEN) == -EPROTO);
	CHECK(checked(FRAME(.gso_type = 0x7f, .gso_size = 8), LEN) == -EPROTO);
}

/* hold[1] is the kernel's end of a hold, end[1] the interface */
static struct tern_ferry from = { .end = -1 }, to = { .hold = -1 };
static int hold[2], end[2];

static void make(void)
{
	int pair[2];

	CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, hold));
	CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, end));
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	CHECK(!tern_link_init(&from.link, pair[0], -1) && !tern_link_init(&to.link, pair[1], -1));
	from.hold = hold[0];
	to.end = end[0];
}

static void end_all(void)
{
	tern_link_fini(&from.link);
	tern_link_fini(&to.link);
	close(hold[0]);
	close(hold[1]);
	close(end[0]);
	close(end[1]);
	from.sent = to.taken = to.lost = 0;
}

static void put(const void *frame, size_t len)
{
	CHECK(write(hold[1], frame, len) == (ssize_t)len);
}

static void way(void)
{
	char frame[LEN] = { 0 }, got[LEN + 1];
	unsigned int i;

	make();
	for (i = 0; i < 3; i++) {
		frame[LEN - 1] = i;
		put(frame, LEN - i);
	}
	CHECK(tern_ferry_send(&from) == 1 && from.sent == 3);
	/* the pod is here: there will be nothing */
	close(hold[1]);
	CHECK(tern_ferry_send(&from) == 0);
	CHECK(!tern_link_send(&from.link, TERN_MSG_FRAMES_END, NULL, 0));
	CHECK(!tern_ferry_take(&to, 1000) && to.taken == 3 && !to.lost);
	for (i = 0; i < 3; i++)
		CHECK(read(end[1], got, sizeof(got)) == LEN - (int)i);
	CHECK(read(end[1], got, sizeof(got)) < 0);
	hold[1] = -1;
	end_all();
}

static void bad(void)
{
	char frame[LEN] = { 0 };

	/* too short for what it is */
	make();
	CHECK(!tern_link_send(&from.link, TERN_MSG_FRAME, frame, sizeof(struct tern_wire_frame)));
	CHECK(tern_ferry_take(&to, 1000) == -EPROTO && !to.taken);
	end_all();
	/* not of this connection */
	make();
	CHECK(!tern_link_send(&from.link, TERN_MSG_FLUSHED, NULL, 0));
	CHECK(tern_ferry_take(&to, 1000) == -EPROTO);
	end_all();
	/* as long as may be */
	make();
	CHECK(!tern_link_send(&from.link, TERN_MSG_FRAME, to.buf, sizeof(to.buf)));
	CHECK(!tern_link_send(&from.link, TERN_MSG_FRAMES_END, NULL, 0));
	CHECK(!tern_ferry_take(&to, 1000) && to.taken == 1);
	end_all();
	/* an interface that has gone is no reason to stop */
	make();
	close(end[0]);
	end[0] = to.end = -1;
	CHECK(!tern_link_send(&from.link, TERN_MSG_FRAME, frame, LEN));
	CHECK(!tern_link_send(&from.link, TERN_MSG_FRAMES_END, NULL, 0));
	CHECK(!tern_ferry_take(&to, 1000) && to.taken == 1 && to.lost == 1);
	end_all();
	/* nor does anybody wait for ever */
	make();
	CHECK(tern_ferry_take(&to, 1) == -ETIMEDOUT);
	end_all();
}

int main(void)
{
	frames();
	way();
	bad();
	return done();
}
