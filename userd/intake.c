// SPDX-License-Identifier: GPL-2.0
/*
 * The flush comes in faster than it can be put in place: placing a page costs
 * about as much as receiving it. So a thread receives, and the pager places what
 * is whole already; when it does not keep up the thread waits, and in the end
 * TCP makes the source wait.
 *
 * The thread owns the slot that it fills; those that wait belong to the pager.
 * One lock, for the counters between the two. Unpacks what is packed, which the
 * pager has no time for; never looks into a message otherwise.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "intake.h"

#define PAYLOAD_MAX	TERN_WIRE_PACKED_MAX	/* of whatever comes here */
#define PART		(128U << 10)	/* wake up for no less, if so much will come */
#define NICE		5

/**
 * tern_intake_init() - nothing comes yet
 * @in: zeroed
 */
int tern_intake_init(struct tern_intake *in)
{
	in->fd = -1;
	in->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (in->event < 0)
		return -errno;
	pthread_mutex_init(&in->lock, NULL);
	pthread_cond_init(&in->freed, NULL);
	return 0;
}

/**
 * tern_intake_fini() - stop, and give everything back
 * @in: after a successful tern_intake_init()
 */
void tern_intake_fini(struct tern_intake *in)
{
	unsigned int i;

	tern_intake_stop(in);
	for (i = 0; i < TERN_INTAKE_SLOTS; i++)
		free(in->slot[i].buf);
	free(in->packed);
	pthread_cond_destroy(&in->freed);
	pthread_mutex_destroy(&in->lock);
	close(in->event);
	in->event = -1;
}

/*
 * Exactly @len bytes, and few wake-ups on the way. The low-water mark counts what
 * has not been read, so nothing may be read before it is reached: MSG_WAITALL
 * would take a part of it, and then wait for more than there will be.
 */
static int receive(int fd, char *buf, size_t len)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (len) {
		int part = len < PART ? len : PART;
		ssize_t n;

		setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &part, sizeof(part));
		poll(&p, 1, -1);
		n = recv(fd, buf, part, MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return n ? -errno : -ECONNRESET;
		buf += n;
		len -= n;
	}
	return 0;
}

static int make_room(char **buf, size_t *room, size_t len)
{
	if (len <= *room)
		return 0;
	free(*buf);
	*buf = malloc(len);
	*room = *buf ? len : 0;
	return *buf ? 0 : -ENOMEM;
}

/* The payload of a PACKED, as the PAGES that the pager expects. */
static int fill_packed(struct tern_intake *in, struct tern_intake_slot *slot)
{
	size_t len = slot->head.len;
	int err, pages;

	err = make_room(&in->packed, &in->packed_room, len);
	if (!err)
		err = receive(in->fd, in->packed, len);
	if (err)
		return err;
	pages = tern_unpack_len(in->packed, len);
	if (pages < 0)
		return pages;
	err = make_room(&slot->buf, &slot->room, pages);
	if (err)
		return err;
	slot->head = (struct tern_wire){ .type = TERN_MSG_PAGES, .len = pages };
	return tern_unpack(&in->unpacker, in->packed, len, slot->buf);
}

static int fill(struct tern_intake *in, struct tern_intake_slot *slot)
{
	int err = receive(in->fd, (char *)&slot->head, sizeof(slot->head));

	if (err)
		return err;
	if (slot->head.len > PAYLOAD_MAX)
		return -EPROTO;
	slot->wire = sizeof(slot->head) + slot->head.len;
	if (slot->head.type == TERN_MSG_PACKED)
		return fill_packed(in, slot);
	err = make_room(&slot->buf, &slot->room, slot->head.len);
	return err ? err : receive(in->fd, slot->buf, slot->head.len);
}

/* The slot to fill, or NULL: stop. */
static struct tern_intake_slot *wait_free(struct tern_intake *in)
{
	struct tern_intake_slot *slot = NULL;

	pthread_mutex_lock(&in->lock);
	while (in->put - in->taken == TERN_INTAKE_SLOTS && !in->stop)
		pthread_cond_wait(&in->freed, &in->lock);
	if (!in->stop)
		slot = &in->slot[in->put % TERN_INTAKE_SLOTS];
	pthread_mutex_unlock(&in->lock);
	return slot;
}

static void tell(struct tern_intake *in, int err)
{
	bool news;

	pthread_mutex_lock(&in->lock);
	news = err || in->put == in->taken;
	in->put += !err;
	in->err = err;
	pthread_mutex_unlock(&in->lock);
	if (news)
		eventfd_write(in->event, 1);
}

static void *run(void *arg)
{
	struct tern_intake *in = arg;
	struct tern_intake_slot *slot;
	int err;

	/* of this thread alone */
	setpriority(PRIO_PROCESS, 0, NICE);
	do {
		slot = wait_free(in);
		err = slot ? fill(in, slot) : -ECANCELED;
		tell(in, err);
	} while (!err);
	return NULL;
}

/**
 * tern_intake_start() - receive from a socket
 * @in: stopped
 * @fd: connected, blocking; taken over on success
 */
int tern_intake_start(struct tern_intake *in, int fd)
{
	int err;

	in->put = 0;
	in->taken = 0;
	in->stop = false;
	in->err = 0;
	in->fd = fd;
	err = pthread_create(&in->thread, NULL, run, in);
	if (err)
		in->fd = -1;
	return -err;
}

/**
 * tern_intake_stop() - close the socket, and forget what waits
 * @in: started or not
 */
void tern_intake_stop(struct tern_intake *in)
{
	if (in->fd < 0)
		return;
	pthread_mutex_lock(&in->lock);
	in->stop = true;
	pthread_cond_signal(&in->freed);
	pthread_mutex_unlock(&in->lock);
	shutdown(in->fd, SHUT_RDWR);
	pthread_join(in->thread, NULL);
	close(in->fd);
	in->fd = -1;
	/* the next connection has a stream of its own */
	tern_unpacker_fini(&in->unpacker);
}

/**
 * tern_intake_look() - the oldest message that waits
 * @in: started
 * @err: out, when there is none: 0: none yet, else why none will come
 *
 * Return: a message, the caller's until tern_intake_done(), or NULL.
 */
const struct tern_intake_slot *tern_intake_look(struct tern_intake *in, int *err)
{
	const struct tern_intake_slot *slot = NULL;

	pthread_mutex_lock(&in->lock);
	if (in->put != in->taken)
		slot = &in->slot[in->taken % TERN_INTAKE_SLOTS];
	*err = in->err;
	pthread_mutex_unlock(&in->lock);
	return slot;
}

/**
 * tern_intake_done() - with the message that tern_intake_look() has returned
 * @in: started
 */
void tern_intake_done(struct tern_intake *in)
{
	pthread_mutex_lock(&in->lock);
	in->taken++;
	pthread_cond_signal(&in->freed);
	pthread_mutex_unlock(&in->lock);
}
