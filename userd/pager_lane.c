// SPDX-License-Identifier: GPL-2.0
/*
 * Messages over the two lanes, while the migrant runs. Everything goes through
 * the pager's ring: one receive per lane and one send are under way at most,
 * and a lane's memory and socket stay until both have ended. A lane that breaks
 * is put aside, and the migrant's faults wait until the source has come back
 * with a new one. Nothing here waits.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "pager.h"
#include "signals.h"

#define HEAD		sizeof(struct tern_wire)
#define BUF_KEEP	(8U << 20)	/* a larger buffer is not kept for the next message */

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
			[TERN_MSG_SIGNALS] = { 0, 16U << 20 },
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

/* ---- life of a lane -------------------------------------------------------------- */

/* The socket may go when nothing of ours is in the ring any more. */
static void settle(struct tern_pager *p, unsigned int n)
{
	struct tern_pager_lane *lane = &p->lane[n];

	if (!lane->lost || lane->receiving || lane->sending || lane->place.runs)
		return;
	close(lane->fd);
	lane->fd = lane->next;
	lane->next = -1;
	lane->lost = false;
	lane->have = 0;
	if (!n) {
		p->out_len = 0;
		p->out_busy = 0;
	}
}

/**
 * tern_pager_lane_lose() - a lane is broken
 * @p: the pager
 * @n: 0 or 1
 * @why: for the log
 */
void tern_pager_lane_lose(struct tern_pager *p, unsigned int n, const char *why)
{
	struct tern_pager_lane *lane = &p->lane[n];

	if (lane->fd < 0 || lane->lost)
		return;
	if (!p->bye)
		tern_log(LOG_NOTICE, "migration %016" PRIx64 ": lane %u is lost (%s)",
			 (uint64_t)p->job->id, n, why);
	lane->lost = true;
	lane->ready = false;
	shutdown(lane->fd, SHUT_RDWR);
	/* what was asked for may be lost with it, and the flush starts anew */
	p->flushed = false;
	if (!n) {
		__u64 nr = p->asked.nr;

		p->memo->report.reconnects++;
		tern_pageset_del(&p->asked, 0, nr);
	}
	settle(p, n);
}

/** tern_pager_lane_attach() - the source has come (back) with a socket for lane @n */
void tern_pager_lane_attach(struct tern_pager *p, unsigned int n, int fd)
{
	struct tern_pager_lane *lane = &p->lane[n];

	if (lane->fd < 0) {
		lane->fd = fd;
		lane->have = 0;
		return;
	}
	if (lane->next >= 0)
		close(lane->next);
	lane->next = fd;
	tern_pager_lane_lose(p, n, "the source has connected again");
}

/** tern_pager_lane_arm() - put into the ring what lane @n should be doing */
void tern_pager_lane_arm(struct tern_pager *p, unsigned int n)
{
	struct tern_pager_lane *lane = &p->lane[n];
	struct io_uring_sqe *sqe;

	settle(p, n);
	if (lane->fd < 0 || lane->lost)
		return;
	if (!lane->receiving && !lane->place.runs) {
		bool head = lane->have < HEAD;
		char *to = head ? (char *)&lane->head + lane->have : lane->buf + lane->have - HEAD;
		size_t len = head ? HEAD - lane->have : HEAD + lane->head.len - lane->have;

		sqe = io_uring_get_sqe(&p->ring);
		if (!sqe)
			return;
		io_uring_prep_recv(sqe, lane->fd, to, len, 0);
		io_uring_sqe_set_data64(sqe, tern_pager_data(PAGER_RECV, n));
		lane->receiving = true;
	}
	if (!n && !lane->sending && p->out_len) {
		sqe = io_uring_get_sqe(&p->ring);
		if (!sqe)
			return;
		p->out_busy = p->out_len;
		io_uring_prep_send(sqe, lane->fd, p->out, p->out_busy, MSG_NOSIGNAL);
		io_uring_sqe_set_data64(sqe, tern_pager_data(PAGER_SEND, n));
		lane->sending = true;
	}
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

	if (p->lane[0].fd < 0 || p->lane[0].lost || p->out_len + HEAD + len > TERN_PAGER_OUT)
		return false;
	memcpy(p->out + p->out_len, &head, HEAD);
	memcpy(p->out + p->out_len + HEAD, payload, len);
	p->out_len += HEAD + len;
	return true;
}

/** tern_pager_lane_sent() - a send has ended */
void tern_pager_lane_sent(struct tern_pager *p, int res)
{
	struct tern_pager_lane *lane = &p->lane[0];

	lane->sending = false;
	if (lane->lost) {
		settle(p, 0);
		return;
	}
	if (res == -EINTR || res == -EAGAIN)
		return;
	if (res <= 0) {
		tern_pager_lane_lose(p, 0, strerror(res ? -res : EPIPE));
		return;
	}
	p->memo->report.bytes += res;
	memmove(p->out, p->out + res, p->out_len - res);
	p->out_len -= res;
	p->out_busy = 0;
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
	p->lane[0].ready = true;
	return 0;
}

static int fill_map(struct tern_pager *p, struct tern_pageset *map,
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
			if (tern_pageset_add(map, page, n))
				return -ENOMEM;
		}
	}
	return 0;
}

/* From here on it is known which pages have never been touched. */
static int got_map(struct tern_pager *p, const void *buf, size_t len)
{
	struct tern_pageset map;
	unsigned int i;
	int err;

	if (len % sizeof(struct tern_wire_range))
		return -EPROTO;
	err = tern_pageset_init(&map, p->layout.pages, false);
	if (!err)
		err = fill_map(p, &map, buf, len / sizeof(struct tern_wire_range));
	for (i = 0; i < p->nr_spaces && !err; i++)
		if (!p->space[i]->dead)
			err = tern_pageset_and(&p->space[i]->missing, &map);
	if (!err) {
		p->memo->report.pages_total = map.count;
		p->mapped = true;
		p->retry = true;
	}
	tern_pageset_fini(&map);
	return err;
}

static int got_pages(struct tern_pager *p, struct tern_pager_lane *lane)
{
	int err = tern_place_init(&lane->place, lane->buf, lane->head.len);

	(void)p;
	if (err)
		lane->place.runs = NULL;
	return err;
}

static int got(struct tern_pager *p, unsigned int n)
{
	struct tern_pager_lane *lane = &p->lane[n];

	switch (lane->head.type) {
	case TERN_MSG_PAGES:
		return got_pages(p, lane);
	case TERN_MSG_MAP:
		return got_map(p, lane->buf, lane->head.len);
	case TERN_MSG_CLOCK:
		return got_clock(p, (const void *)lane->buf);
	case TERN_MSG_QUERY:
		return got_query(p);
	case TERN_MSG_SIGNALS:
		return tern_signals_deliver(p->job->pid, lane->buf, lane->head.len);
	case TERN_MSG_FLUSHED:
		p->flushed = true;
		return 0;
	case TERN_MSG_INDEPENDENT:
		p->independent = true;
		return 0;
	default:
		return -EPROTO;
	}
}

static int make_room(struct tern_pager_lane *lane, size_t len)
{
	char *buf;

	if (len <= lane->room && (lane->room <= BUF_KEEP || len > BUF_KEEP))
		return 0;
	buf = malloc(len ? len : 1);
	if (!buf)
		return -ENOMEM;
	free(lane->buf);
	lane->buf = buf;
	lane->room = len;
	return 0;
}

/**
 * tern_pager_lane_received() - a receive has ended
 * @p: the pager
 * @n: lane
 * @res: bytes, or negative errno
 *
 * Return: negative errno only when the pager itself cannot go on.
 */
int tern_pager_lane_received(struct tern_pager *p, unsigned int n, int res)
{
	struct tern_pager_lane *lane = &p->lane[n];
	int err = 0;

	lane->receiving = false;
	if (lane->lost || res == -EINTR || res == -EAGAIN) {
		settle(p, n);
		return 0;
	}
	if (res <= 0) {
		tern_pager_lane_lose(p, n, res ? strerror(-res) : "closed by the source");
		return 0;
	}
	p->memo->report.bytes += res;
	lane->have += res;
	if (lane->have == HEAD)
		err = length_ok(n, &lane->head) ? make_room(lane, lane->head.len) : -EPROTO;
	if (!err && lane->have >= HEAD && lane->have == HEAD + lane->head.len) {
		lane->have = 0;
		err = got(p, n);
	}
	if (err == -EPROTO) {
		tern_pager_lane_lose(p, n, "not what belongs here");
		return 0;
	}
	return err;
}

/**
 * tern_pager_lane_place() - put a part of what lane @n has brought in place
 * @p: the pager
 * @n: lane
 *
 * Return: 1: there is more, 0: nothing to do, or negative errno.
 */
int tern_pager_lane_place(struct tern_pager *p, unsigned int n)
{
	struct tern_pager_lane *lane = &p->lane[n];
	int ret;

	if (!lane->place.runs)
		return 0;
	ret = tern_place_step(p, &lane->place, n ? 64 : TERN_WIRE_PAGES_MAX);
	if (ret == -EAGAIN) {
		p->retry = true;
		return 0;
	}
	return ret < 0 ? ret : !ret;
}
