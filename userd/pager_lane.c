// SPDX-License-Identifier: GPL-2.0
/*
 * Messages over the two lanes, while the migrant runs. Lane 0 goes through the
 * pager's ring: one receive and one send are under way at most, and its memory
 * and socket stay until both have ended. Lane 1 is received by a thread (intake.c),
 * and only looked at here. A lane that breaks is put aside, and the migrant's
 * faults wait until the source has come back with a new one. Nothing here waits.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "image.h"
#include "pager.h"
#include "signals.h"

#define HEAD		sizeof(struct tern_wire)
#define BUF		(256U << 10)	/* of lane 0, if it need not be larger */

/** tern_pager_data() - user_data of an operation in the ring */
__u64 tern_pager_data(unsigned int what, unsigned int n)
{
	return (__u64)what << 32 | n;
}

/* Payloads: at least, and at most. 0 at most: not a message for us. */
static bool length_ok(unsigned int lane, const struct tern_wire *head)
{
	static const struct {
		__u32 least, most;
	} sizes[2][__TERN_MSG_MAX] = {
		[0] = {
			[TERN_MSG_CLOCK] = { sizeof(struct tern_wire_clock),
					     sizeof(struct tern_wire_clock) },
			[TERN_MSG_PAGES] = { sizeof(struct tern_wire_pages), 5U << 20 },
			[TERN_MSG_MAP] = { 0, TERN_WIRE_MAX },
			[TERN_MSG_FRESH] = { 0, 1U << 20 },
			[TERN_MSG_SIGNALS] = { 0, 16U << 20 },
			[TERN_MSG_SOCKETS] = { 0, TERN_WIRE_MAX },
			[TERN_MSG_WRITTEN] = { sizeof(struct tern_wire_written),
					       sizeof(struct tern_wire_written) },
		},
		[1] = {
			[TERN_MSG_PAGES] = { sizeof(struct tern_wire_pages), 5U << 20 },
		},
	};
	__u32 least, most;

	if (head->reserved || !head->type || head->type >= __TERN_MSG_MAX)
		return false;
	if (head->type == TERN_MSG_QUERY || head->type == TERN_MSG_INDEPENDENT)
		return !lane && !head->len;
	if (head->type == TERN_MSG_FLUSHED)
		return lane && !head->len;
	least = sizes[lane][head->type].least;
	most = sizes[lane][head->type].most;
	return most && head->len >= least && head->len <= most;
}

static void sent(struct tern_pager *p, size_t n)
{
	p->memo->report.bytes += n;
	memmove(p->out, p->out + n, p->out_len - n);
	p->out_len -= n;
	p->out_busy = 0;
}

/* ---- life of a lane -------------------------------------------------------------- */

/* The socket may go when nothing of ours is in the ring any more. */
static void settle(struct tern_pager *p)
{
	struct tern_pager_lane *lane = &p->lane;

	if (!lane->lost || lane->receiving || lane->sending || lane->place.runs)
		return;
	close(lane->fd);
	lane->fd = lane->next;
	lane->next = -1;
	lane->lost = false;
	lane->at = 0;
	lane->have = 0;
	p->out_len = 0;
	p->out_busy = 0;
}

static void lose_control(struct tern_pager *p)
{
	p->lane.lost = true;
	p->lane.ready = false;
	shutdown(p->lane.fd, SHUT_RDWR);
	p->memo->report.reconnects++;
	/* what was asked for may be lost with it */
	tern_pageset_del(&p->asked, 0, p->asked.nr);
	tern_pageset_del(&p->ahead, 0, p->ahead.nr);
	tern_waiters_unsettle(&p->waiters);
	settle(p);
}

/**
 * tern_pager_lane_lose() - a lane is broken
 * @p: the pager
 * @n: 0 or 1
 * @why: for the log
 */
void tern_pager_lane_lose(struct tern_pager *p, unsigned int n, const char *why)
{
	if (n ? p->intake.fd < 0 : p->lane.fd < 0 || p->lane.lost)
		return;
	if (!p->bye)
		tern_log(LOG_NOTICE, "migration %016" PRIx64 ": lane %u is lost (%s)",
			 (uint64_t)p->job->id, n, why);
	/* the flush starts anew */
	p->flushed = false;
	if (!n) {
		lose_control(p);
		return;
	}
	p->flush.runs = NULL;
	tern_intake_stop(&p->intake);
}

static void attach_flush(struct tern_pager *p, int fd)
{
	int err;

	tern_pager_lane_lose(p, 1, "the source has connected again");
	err = tern_intake_start(&p->intake, fd);
	if (!err)
		return;
	/* the source will notice, and come again */
	tern_log(LOG_ERR, "migration %016" PRIx64 ": no thread to receive the flush: %s",
		 (uint64_t)p->job->id, strerror(-err));
	close(fd);
}

/** tern_pager_lane_attach() - the source has come (back) with a socket for lane @n */
void tern_pager_lane_attach(struct tern_pager *p, unsigned int n, int fd)
{
	struct tern_pager_lane *lane = &p->lane;

	if (n) {
		attach_flush(p, fd);
		return;
	}
	if (lane->fd < 0) {
		lane->fd = fd;
		lane->at = 0;
		lane->have = 0;
		return;
	}
	if (lane->next >= 0)
		close(lane->next);
	lane->next = fd;
	tern_pager_lane_lose(p, n, "the source has connected again");
}

static int make_room(struct tern_pager_lane *lane)
{
	size_t left = lane->have - lane->at, need = HEAD;
	const struct tern_wire *head;
	char *buf;

	if (left >= HEAD) {
		head = (const void *)(lane->buf + lane->at);
		need += head->len;
	}
	if (need < BUF)
		need = BUF;
	if (lane->at) {
		memmove(lane->buf, lane->buf + lane->at, left);
		lane->at = 0;
		lane->have = left;
	}
	/* a large one is not kept for small messages */
	if (lane->room == need || (lane->room > need && left))
		return 0;
	buf = realloc(lane->buf, need);
	if (!buf)
		return -ENOMEM;
	lane->buf = buf;
	lane->room = need;
	return 0;
}

static void arm_receive(struct tern_pager *p)
{
	struct tern_pager_lane *lane = &p->lane;
	struct io_uring_sqe *sqe;

	if (make_room(lane)) {
		p->retry = true;
		return;
	}
	sqe = io_uring_get_sqe(&p->ring);
	if (!sqe)
		return;
	io_uring_prep_recv(sqe, lane->fd, lane->buf + lane->have, lane->room - lane->have, 0);
	io_uring_sqe_set_data64(sqe, tern_pager_data(PAGER_RECV, 0));
	lane->receiving = true;
}

/* At once, as far as the socket takes it: somebody waits for the answer. */
static void send_now(struct tern_pager *p)
{
	ssize_t n = send(p->lane.fd, p->out, p->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n >= 0)
		sent(p, n);
	else if (errno != EAGAIN && errno != EINTR)
		tern_pager_lane_lose(p, 0, strerror(errno));
}

static void arm_send(struct tern_pager *p)
{
	struct io_uring_sqe *sqe;

	send_now(p);
	if (p->lane.lost || !p->out_len)
		return;
	sqe = io_uring_get_sqe(&p->ring);
	if (!sqe)
		return;
	p->out_busy = p->out_len;
	io_uring_prep_send(sqe, p->lane.fd, p->out, p->out_busy, MSG_NOSIGNAL);
	io_uring_sqe_set_data64(sqe, tern_pager_data(PAGER_SEND, 0));
	p->lane.sending = true;
}

/** tern_pager_lane_arm() - let lane 0 send and receive what it should */
void tern_pager_lane_arm(struct tern_pager *p)
{
	struct tern_pager_lane *lane = &p->lane;

	settle(p);
	if (lane->fd < 0 || lane->lost)
		return;
	if (!lane->sending && p->out_len)
		arm_send(p);
	if (!lane->lost && !lane->receiving && !lane->place.runs)
		arm_receive(p);
}

/* ---- sending ------------------------------------------------------------------------ */

/**
 * tern_pager_send() - queue a message for lane 0
 * @p: the pager
 * @type: enum tern_msg_type
 * @payload: its payload
 * @len: bytes of it
 *
 * Return: false when there is no lane, or no room for the moment.
 */
bool tern_pager_send(struct tern_pager *p, unsigned int type, const void *payload, size_t len)
{
	struct tern_wire head = { .type = type, .len = len };

	if (p->lane.fd < 0 || p->lane.lost || p->out_len + HEAD + len > TERN_PAGER_OUT)
		return false;
	memcpy(p->out + p->out_len, &head, HEAD);
	memcpy(p->out + p->out_len + HEAD, payload, len);
	p->out_len += HEAD + len;
	return true;
}

/** tern_pager_lane_sent() - a send has ended */
void tern_pager_lane_sent(struct tern_pager *p, int res)
{
	struct tern_pager_lane *lane = &p->lane;

	lane->sending = false;
	if (lane->lost) {
		settle(p);
		return;
	}
	if (res == -EINTR || res == -EAGAIN)
		return;
	if (res <= 0) {
		tern_pager_lane_lose(p, 0, strerror(res ? -res : EPIPE));
		return;
	}
	sent(p, res);
}

/* ---- messages --------------------------------------------------------------------------- */

static __u64 now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static int got_clock(struct tern_pager *p, const struct tern_wire_clock *clock)
{
	struct tern_wire_clock reply = {
		.origin = clock->origin,
		.monotonic = now(CLOCK_MONOTONIC),
		.boottime = now(CLOCK_BOOTTIME),
	};

	return tern_pager_send(p, TERN_MSG_CLOCK, &reply, sizeof(reply)) ? 0 : -EPROTO;
}

static int got_query(struct tern_pager *p)
{
	struct tern_wire_answer answer = {
		.state = p->bye ? TERN_INDEPENDENT : TERN_PAGING,
	};

	if (!tern_pager_send(p, TERN_MSG_ANSWER, &answer, sizeof(answer)))
		return -EPROTO;
	/* behind the answer the source is ready for whatever we ask */
	p->lane.ready = true;
	return 0;
}

/**
 * tern_pager_fill() - addresses at the source become numbers of pages
 * @p: the pager
 * @set: to which they are added
 * @range: ascending
 * @nr: how many
 *
 * Return: 0, -EPROTO, or -ENOMEM.
 */
int tern_pager_fill(const struct tern_pager *p, struct tern_pageset *set,
		    const struct tern_wire_range *range, size_t nr)
{
	__u64 end = 0;
	size_t i;

	for (i = 0; i < nr; i++) {
		unsigned int s = tern_layout_find(&p->layout, range[i].start);

		/* ascending, so that all of this is quick */
		if (range[i].start < end || range[i].start >= range[i].end ||
		    range[i].start % TERN_WIRE_PAGE || range[i].end % TERN_WIRE_PAGE)
			return -EPROTO;
		end = range[i].end;
		for (; s < p->layout.nr && p->layout.seed[s].start < end; s++) {
			__u64 at = p->layout.seed[s].start > range[i].start ?
				   p->layout.seed[s].start : range[i].start;
			__u64 n, page;

			n = tern_layout_pages(&p->layout, at, (end - at) / TERN_WIRE_PAGE, &page);
			if (tern_pageset_add(set, page, n))
				return -ENOMEM;
		}
	}
	return 0;
}

/* From here on it is known which pages have never been touched. */
static int got_map(struct tern_pager *p, const void *buf, size_t len)
{
	unsigned int i;
	int err;

	if (len % sizeof(struct tern_wire_range))
		return -EPROTO;
	/* a new link brings it again */
	tern_pageset_fini(&p->map);
	err = tern_pageset_init(&p->map, p->layout.pages, false);
	if (!err)
		err = tern_pager_fill(p, &p->map, buf, len / sizeof(struct tern_wire_range));
	for (i = 0; i < p->nr_spaces && !err; i++)
		if (!p->space[i]->dead)
			err = tern_pageset_and(&p->space[i]->missing, &p->map);
	if (!err) {
		p->memo->report.pages_total = p->map.count;
		p->mapped = true;
		tern_waiters_unsettle(&p->waiters);
		p->retry = true;
	}
	return err;
}

/*
 * Its TCP connections, for which it may wait already. What cannot be used is as good as
 * nothing: those who wait find their connections reset.
 */
static int got_sockets(struct tern_pager *p, const void *payload, size_t len)
{
	const struct tern_image sockets = { .data = (void *)payload, .len = len };
	struct tern_why why = { "" };
	int err = tern_image_check_sockets(&sockets, &why);

	if (!err)
		err = tern_dev_sockets(p->dev, payload, len, &why);
	if (!err || err == -EALREADY)
		return 0;
	tern_log(LOG_ERR, "migration %016" PRIx64 ": the connections of the process cannot be made, and are reset: %s",
		 (uint64_t)p->job->id, why.text[0] ? why.text : strerror(-err));
	tern_dev_sockets(p->dev, NULL, 0, NULL);
	return 0;
}

/* What the migrant has written is where its files are; or never will be, which fsync(2) tells. */
static int got_written(struct tern_pager *p, const struct tern_wire_written *written)
{
	int err;

	if (written->err > TERN_ERR_MAX || written->reserved)
		return -EPROTO;
	if (written->err)
		tern_log(LOG_ERR, "migration %016" PRIx64 ": data that the process has written could not be brought to the file server: %s",
			 (uint64_t)p->job->id, strerror(written->err));
	err = tern_dev_written(p->dev, written->err);
	p->written = !err || err == -EALREADY;
	return p->written ? 0 : err;
}

/* A message of lane 0, the oldest that has been received. */
static int got(struct tern_pager *p, const struct tern_wire *head)
{
	const void *payload = head + 1;
	int err;

	switch (head->type) {
	case TERN_MSG_PAGES:
		err = tern_place_init(&p->lane.place, payload, head->len);
		if (err)
			p->lane.place.runs = NULL;
		p->lane.place.soon = true;
		return err;
	case TERN_MSG_MAP:
		return got_map(p, payload, head->len);
	case TERN_MSG_FRESH:
		if (head->len % sizeof(struct tern_wire_range))
			return -EPROTO;
		return tern_pager_got_fresh(p, payload,
					    head->len / sizeof(struct tern_wire_range));
	case TERN_MSG_CLOCK:
		return got_clock(p, payload);
	case TERN_MSG_QUERY:
		return got_query(p);
	case TERN_MSG_SIGNALS:
		return tern_signals_deliver(p->job->pid, payload, head->len);
	case TERN_MSG_SOCKETS:
		return got_sockets(p, payload, head->len);
	case TERN_MSG_WRITTEN:
		return got_written(p, payload);
	case TERN_MSG_INDEPENDENT:
		p->independent = true;
		return 0;
	default:
		return -EPROTO;
	}
}

/* The oldest message, if it is whole; -EPROTO. */
static int whole(const struct tern_pager_lane *lane, const struct tern_wire **head)
{
	size_t left = lane->have - lane->at;

	*head = NULL;
	if (left < HEAD)
		return 0;
	*head = (const void *)(lane->buf + lane->at);
	/* all payloads keep what follows them aligned */
	if (!length_ok(0, *head) || (*head)->len % 8)
		return -EPROTO;
	if (left < HEAD + (*head)->len)
		*head = NULL;
	return 0;
}

/* Everything that is whole, up to PAGES that have to be put in place first. */
static int take_messages(struct tern_pager *p)
{
	struct tern_pager_lane *lane = &p->lane;
	const struct tern_wire *head;
	int err;

	while (!lane->lost && !lane->place.runs) {
		err = whole(lane, &head);
		if (!err && head)
			err = got(p, head);
		/* after good-bye pages that were asked for twice may still come */
		if (p->bye)
			lane->place.runs = NULL;
		if (err == -EPROTO) {
			/* what it has brought is forgotten, and there may be another one already */
			tern_pager_lane_lose(p, 0, "not what belongs here");
			break;
		}
		if (err)
			return err;
		if (!head)
			break;
		if (!lane->place.runs)
			lane->at += HEAD + head->len;
	}
	return 0;
}

/**
 * tern_pager_lane_received() - a receive on lane 0 has ended
 * @p: the pager
 * @res: bytes, or negative errno
 *
 * Return: negative errno only when the pager itself cannot go on.
 */
int tern_pager_lane_received(struct tern_pager *p, int res)
{
	struct tern_pager_lane *lane = &p->lane;

	lane->receiving = false;
	if (lane->lost || res == -EINTR || res == -EAGAIN) {
		settle(p);
		return 0;
	}
	if (res <= 0) {
		tern_pager_lane_lose(p, 0, res ? strerror(-res) : "closed by the source");
		return 0;
	}
	p->memo->report.bytes += res;
	lane->have += res;
	return take_messages(p);
}

static int place_some(struct tern_pager *p, struct tern_place *place, unsigned int budget)
{
	int ret = tern_place_step(p, place, budget);

	if (ret == -EAGAIN) {
		p->retry = true;
		return 0;
	}
	return ret < 0 ? ret : !ret;
}

/**
 * tern_pager_lane_place() - put what lane 0 has brought in place
 * @p: the pager
 *
 * Return: 1: there is more, 0: nothing to do, or negative errno.
 */
int tern_pager_lane_place(struct tern_pager *p)
{
	struct tern_pager_lane *lane = &p->lane;
	int ret = 0;

	while (lane->place.runs && !ret) {
		const struct tern_wire *head = (const void *)(lane->buf + lane->at);

		ret = place_some(p, &lane->place, TERN_WIRE_PAGES_MAX);
		if (ret < 0 || lane->place.runs)
			break;
		lane->at += HEAD + head->len;
		ret = take_messages(p);
	}
	return ret;
}

/**
 * tern_pager_lane_skip() - no page is wanted any more
 * @p: the pager, after @p->bye was set
 *
 * Return: 0 or negative errno.
 */
int tern_pager_lane_skip(struct tern_pager *p)
{
	struct tern_pager_lane *lane = &p->lane;
	const struct tern_wire *head = (const void *)(lane->buf + lane->at);

	if (!lane->place.runs)
		return 0;
	lane->place.runs = NULL;
	lane->at += HEAD + head->len;
	return take_messages(p);
}

static const char *why_lost(int err)
{
	switch (err) {
	case -ECONNRESET:
		return "closed by the source";
	case -EBADMSG:
		return "pages that cannot be unpacked";
	default:
		return strerror(-err);
	}
}

/* The next message of lane 1. 1: there was one. */
static int take_flush(struct tern_pager *p)
{
	const struct tern_intake_slot *slot;
	int err;

	if (p->intake.fd < 0)
		return 0;
	slot = tern_intake_look(&p->intake, &err);
	if (!slot) {
		if (err)
			tern_pager_lane_lose(p, 1, why_lost(err));
		return 0;
	}
	p->memo->report.bytes += slot->wire;
	err = length_ok(1, &slot->head) ? 0 : -EPROTO;
	if (!err && slot->head.type == TERN_MSG_FLUSHED)
		p->flushed = true;
	else if (!err)
		err = tern_place_init(&p->flush, slot->buf, slot->head.len);
	if (err) {
		p->flush.runs = NULL;
		tern_pager_lane_lose(p, 1, "not what belongs here");
		return 0;
	}
	if (!p->flush.runs)
		tern_intake_done(&p->intake);
	return 1;
}

/**
 * tern_pager_flush_place() - put a part of what lane 1 has brought in place
 * @p: the pager
 * @budget: about so many pages
 *
 * Return: 1: there is more, 0: nothing to do, or negative errno.
 */
int tern_pager_flush_place(struct tern_pager *p, unsigned int budget)
{
	int ret;

	if (!p->flush.runs)
		ret = take_flush(p);
	else
		ret = 1;
	if (ret <= 0 || !p->flush.runs)
		return ret;
	ret = place_some(p, &p->flush, budget);
	if (ret < 0 || p->flush.runs)
		return ret;
	tern_intake_done(&p->intake);
	return 1;
}
