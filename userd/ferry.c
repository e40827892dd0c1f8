// SPDX-License-Identifier: GPL-2.0
/*
 * What comes for a pod where it is not is read from the kernel's hold (kmod/hold.c), sent to
 * the other host, and put into that one's end of the pod's interface there. So it comes to
 * the pod as if it had been sent to it there.
 *
 * Owns nothing; no locks: each ferry is one thread's. A frame of a peer is checked before it
 * is used, and by the kernel once more.
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ferry.h"

#define BODY_MS		10000
#define LINGER_MS	1000

_Static_assert(sizeof(struct tern_wire_frame) == sizeof(struct virtio_net_hdr), "one header");

/** tern_ferry_open() - a way into interface number @index; a descriptor, or negative errno */
int tern_ferry_open(int index)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_ifindex = index };
	int fd, err, one = 1;

	/* it hears nothing: no protocol */
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (!setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) &&
	    !bind(fd, (struct sockaddr *)&at, sizeof(at)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/**
 * tern_ferry_check() - can this be a frame?
 * @frame: from a peer
 * @len: bytes that follow it
 *
 * Return: 0 or -EPROTO.
 */
int tern_ferry_check(const struct tern_wire_frame *frame, size_t len)
{
	bool partial = frame->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;

	if (len < ETH_HLEN || len > TERN_WIRE_FRAME_MAX ||
	    frame->flags & ~VIRTIO_NET_HDR_F_NEEDS_CSUM)
		return -EPROTO;
	if (partial && (frame->csum_start < ETH_HLEN ||
			(size_t)frame->csum_start + frame->csum_offset + 2 > len))
		return -EPROTO;
	switch (frame->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		return frame->gso_type || frame->gso_size ? -EPROTO : 0;
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return frame->gso_size ? 0 : -EPROTO;
	default:
		return -EPROTO;
	}
}

/**
 * tern_ferry_send() - send all that is held now
 * @ferry: has a hold
 *
 * Return: 1; 0: the pod is here, and nothing will be there to be sent; or negative errno.
 */
int tern_ferry_send(struct tern_ferry *ferry)
{
	ssize_t n;
	int rc;

	for (;;) {
		n = read(ferry->hold, ferry->buf, sizeof(ferry->buf));
		if (!n)
			return 0;
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 1 : -errno;
		rc = tern_link_send(&ferry->link, TERN_MSG_FRAME, ferry->buf, n);
		if (rc)
			return rc;
		ferry->sent++;
	}
}

/** tern_ferry_send_end() - nothing else will come, and the connection is of no more use */
void tern_ferry_send_end(struct tern_ferry *ferry)
{
	if (!tern_link_send(&ferry->link, TERN_MSG_FRAMES_END, NULL, 0))
		tern_link_linger(&ferry->link, LINGER_MS);
}

/* An error is the connection's: an interface that has gone has gone with the pod. */
static int take_one(struct tern_ferry *ferry, size_t len)
{
	const struct tern_wire_frame *frame = (const void *)ferry->buf;
	int rc = tern_link_recv_body(&ferry->link, ferry->buf, len, BODY_MS);

	if (!rc)
		rc = tern_ferry_check(frame, len - sizeof(*frame));
	if (rc)
		return rc;
	ferry->taken++;
	if (send(ferry->end, ferry->buf, len, 0) < 0)
		ferry->lost++;
	return 0;
}

/**
 * tern_ferry_take() - take what the other host sends, to the end
 * @ferry: has an end
 * @ms: longest time without a word, 0: there is none
 */
int tern_ferry_take(struct tern_ferry *ferry, unsigned int ms)
{
	struct tern_wire head;
	int rc;

	do {
		rc = tern_link_recv_head(&ferry->link, &head, ms);
		if (!rc && head.type == TERN_MSG_FRAMES_END)
			return 0;
		if (!rc)
			rc = head.type == TERN_MSG_FRAME ? take_one(ferry, head.len) : -EPROTO;
	} while (!rc);
	return rc;
}
