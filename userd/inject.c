// SPDX-License-Identifier: GPL-2.0
/*
 * The destination's end of a pod's frames. What the source sends (forward.c) waits in the
 * connection until the pod runs here; then it is put into this host's end of the pod's
 * interface, and so comes to the pod as if it had been sent to it here.
 *
 * Owns the table of the pods that are expected, guarded by its lock, and a thread for each
 * connection. A frame is checked before it is used, and by the kernel once more.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dev.h"
#include "host.h"
#include "inject.h"
#include "link.h"

#define BODY_MS		10000

enum state {
	WAITS,	/* the pod is being made */
	GOES,	/* it runs here */
	GONE,	/* it does not, and will not */
};

/**
 * struct tern_inject - a pod that is expected
 * @refs: the job, and the thread if there is one
 * @id: of the migration
 * @peer: whence it comes
 * @fd: packet socket of this host's end of its interface
 * @state: enum state
 * @busy: it has a thread
 * @next: in the table
 */
struct tern_inject {
	unsigned int refs;
	__u64 id;
	const struct tern_peer *peer;
	int fd;
	enum state state;
	bool busy;
	struct tern_inject *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t news = PTHREAD_COND_INITIALIZER;
static struct tern_inject *table;

/* Under the lock. */
static void put(struct tern_inject *inject)
{
	if (--inject->refs)
		return;
	close(inject->fd);
	free(inject);
}

static int open_end(int index)
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
 * tern_inject_create() - a pod is expected
 * @inject: receives it; tern_inject_drop() it
 * @id: of the migration
 * @peer: whence it comes
 * @index: of this host's end of its interface
 */
int tern_inject_create(struct tern_inject **inject, __u64 id, const struct tern_peer *peer,
		       int index)
{
	struct tern_inject *new = calloc(1, sizeof(*new));
	int fd;

	*inject = NULL;
	if (!new)
		return -ENOMEM;
	fd = open_end(index);
	if (fd < 0) {
		free(new);
		return fd;
	}
	*new = (struct tern_inject){ .refs = 1, .id = id, .peer = peer, .fd = fd };
	pthread_mutex_lock(&lock);
	new->next = table;
	table = new;
	pthread_mutex_unlock(&lock);
	*inject = new;
	return 0;
}

/** tern_inject_go() - it runs here; NULL: nothing */
void tern_inject_go(struct tern_inject *inject)
{
	if (!inject)
		return;
	pthread_mutex_lock(&lock);
	inject->state = GOES;
	pthread_cond_broadcast(&news);
	pthread_mutex_unlock(&lock);
}

/** tern_inject_drop() - it is not expected any more; if it runs here, what comes is handed on */
void tern_inject_drop(struct tern_inject **inject)
{
	struct tern_inject *old = *inject, **p;

	*inject = NULL;
	if (!old)
		return;
	pthread_mutex_lock(&lock);
	for (p = &table; *p != old; p = &(*p)->next)
		;
	*p = old->next;
	if (old->state == WAITS)
		old->state = GONE;
	pthread_cond_broadcast(&news);
	put(old);
	pthread_mutex_unlock(&lock);
}

/* ---- frames ----------------------------------------------------------------------------- */

/**
 * tern_inject_check() - can this be a frame?
 * @frame: from a peer
 * @len: bytes that follow it
 *
 * Return: 0 or -EPROTO.
 */
int tern_inject_check(const struct tern_wire_frame *frame, size_t len)
{
	unsigned int kind = frame->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
	bool partial = frame->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;

	if (len < ETH_HLEN || len > TERN_WIRE_FRAME_MAX ||
	    frame->flags & ~VIRTIO_NET_HDR_F_NEEDS_CSUM)
		return -EPROTO;
	if (partial && (frame->csum_start < ETH_HLEN ||
			(size_t)frame->csum_start + frame->csum_offset + 2 > len))
		return -EPROTO;
	switch (kind) {
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
 * struct catcher - a connection's thread
 * @inject: the pod
 * @link: the connection
 * @lost: frames that could not be handed on
 * @buf: one of them
 */
struct catcher {
	struct tern_inject *inject;
	struct tern_link link;
	__u64 lost;
	char buf[TERN_WIRE_FRAME_LEN];
};

/* An error is the link's; an interface that has gone is the pod's affair. */
static int catch_one(struct catcher *c, size_t len)
{
	const struct tern_wire_frame *frame = (const void *)c->buf;
	int rc = tern_link_recv_body(&c->link, c->buf, len, BODY_MS);

	if (!rc)
		rc = tern_inject_check(frame, len - sizeof(*frame));
	if (!rc && send(c->inject->fd, c->buf, len, 0) < 0)
		c->lost++;
	return rc;
}

static bool goes(struct tern_inject *inject)
{
	bool goes;

	pthread_mutex_lock(&lock);
	while (inject->state == WAITS)
		pthread_cond_wait(&news, &lock);
	goes = inject->state == GOES;
	pthread_mutex_unlock(&lock);
	return goes;
}

static void catch_all(struct catcher *c)
{
	struct tern_wire head;
	int rc;

	do {
		rc = tern_link_recv_head(&c->link, &head, 0);
		if (!rc && head.type == TERN_MSG_FRAMES_END)
			break;
		if (!rc)
			rc = head.type == TERN_MSG_FRAME ? catch_one(c, head.len) : -EPROTO;
	} while (!rc);
	if (rc || c->lost)
		tern_log(LOG_WARNING,
			 "migration %016" PRIx64 ": not all that came for the pod to host %s was handed on: %s",
			 (uint64_t)c->inject->id, c->inject->peer->name,
			 rc ? strerror(-rc) : "its interface did not take it");
}

static void *run(void *arg)
{
	struct catcher *c = arg;

	if (goes(c->inject))
		catch_all(c);
	tern_link_fini(&c->link);
	pthread_mutex_lock(&lock);
	c->inject->busy = false;
	put(c->inject);
	pthread_mutex_unlock(&lock);
	free(c);
	return NULL;
}

static struct tern_inject *find(__u64 id, const struct tern_peer *peer)
{
	struct tern_inject *inject;

	pthread_mutex_lock(&lock);
	for (inject = table; inject; inject = inject->next)
		if (inject->id == id && inject->peer == peer)
			break;
	if (inject && inject->busy)
		inject = NULL;
	if (inject) {
		inject->busy = true;
		inject->refs++;
	}
	pthread_mutex_unlock(&lock);
	return inject;
}

static int start(struct catcher *c, int fd)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc = tern_link_init(&c->link, fd, -1);

	if (rc)
		return rc;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rc = -pthread_create(&thread, &attr, run, c);
	pthread_attr_destroy(&attr);
	if (rc)
		tern_link_fini(&c->link);
	return rc;
}

/**
 * tern_inject_hand() - a connection for a pod's frames
 * @id: of its migration
 * @peer: whose it is
 * @fd: greeted; ours from now on
 */
void tern_inject_hand(__u64 id, const struct tern_peer *peer, int fd)
{
	struct tern_inject *inject = find(id, peer);
	struct catcher *c = inject ? calloc(1, sizeof(*c)) : NULL;

	if (!c) {
		close(fd);
	} else {
		c->inject = inject;
		if (!start(c, fd))
			return;
		free(c);
	}
	if (!inject)
		return;
	pthread_mutex_lock(&lock);
	inject->busy = false;
	put(inject);
	pthread_mutex_unlock(&lock);
}
