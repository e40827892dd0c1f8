// SPDX-License-Identifier: GPL-2.0
/*
 * After the commit: the destination gets the map, the answers to its faults
 * and, by the flush, all the rest, until it is independent. A lost link is
 * made again for as long as it takes.
 *
 * Runs in the job's thread and owns lane 0; lane 1 belongs to the flush while
 * that runs. No locks. Never answers a fault with zeros unless the page is
 * known to be empty.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pages.h"
#include "remains.h"
#include "source.h"

#define PAGE		((__u64)TERN_WIRE_PAGE)
#define ADDR_MAX	(1ULL << 47)
#define TICK_MS		100
#define WRITING_MS	5	/* between two questions whether data has been written */
#define LINGER_MS	1000
#define ANSWERS		4	/* between two steps of other work */
#define ANSWERS_RECENT	1	/* likewise; most that wait do so for what this work brings */

/**
 * struct serve - what answering needs
 * @s: the migration
 * @pages: the answer
 * @data: its pages
 * @reported: when progress was last told, monotonic ns
 * @complete: the destination has everything
 * @files_safe: on its disk, too
 */
struct serve {
	struct tern_source *s;
	struct tern_pages *pages;
	char *data;
	__u64 reported;
	bool complete;
	bool files_safe;
};

static void tell_progress(struct serve *v, bool now)
{
	struct tern_source *s = v->s;
	__u64 time = tern_source_now();

	if (!now && time - v->reported < TICK_MS * 1000000ULL)
		return;
	v->reported = time;
	s->report.pages_total = s->map.pages;
	s->report.pages_moved = __atomic_load_n(&s->map.moved, __ATOMIC_RELAXED);
	s->report.pages_zero = __atomic_load_n(&s->flush.zero, __ATOMIC_RELAXED);
	s->report.bytes = tern_lanes_bytes(&s->lanes);
	tern_dev_report(s->dev, &s->report);
}

/* How many pages from @addr on go into one answer; 0: the first one is empty. */
static unsigned int extent_of_answer(struct serve *v, __u64 addr, unsigned int nr)
{
	struct tern_map *map = &v->s->map;
	const struct tern_extent *e = tern_map_extent(map, addr);
	unsigned int n;
	__u64 number;

	if (!e)
		return 0;
	if (nr > TERN_READ_MAX)
		nr = TERN_READ_MAX;
	if ((e->end - addr) / PAGE < nr)
		nr = (e->end - addr) / PAGE;
	if (!map->built)
		return nr;
	if (!tern_map_find(map, addr, &number))
		return 0;
	/* the first one is waited for even if it is on its way in the flush */
	tern_map_claim(map, number);
	tern_flush_hint(&v->s->flush, number);
	for (n = 1; n < nr; n++)
		if (!tern_map_find(map, addr + n * PAGE, &number) || !tern_map_claim(map, number))
			break;
	return n;
}

static int answer(struct serve *v, const struct tern_wire_fault *fault)
{
	struct tern_source *s = v->s;
	unsigned int nr;
	__u64 number;
	int n;

	if (fault->addr % PAGE || fault->addr >= ADDR_MAX ||
	    fault->flags & ~TERN_WIRE_FAULT_AHEAD ||
	    !fault->nr || fault->nr > TERN_WIRE_PAGES_MAX)
		return -EPROTO;
	if (fault->flags & TERN_WIRE_FAULT_AHEAD) {
		if (s->map.built && tern_map_find(&s->map, fault->addr, &number))
			tern_flush_ahead(&s->flush, number, fault->nr);
		return 0;
	}
	tern_pages_reset(v->pages);
	nr = extent_of_answer(v, fault->addr, fault->nr);
	if (!nr) {
		tern_pages_add(v->pages, fault->addr, NULL);
		return tern_pages_send(v->pages, &s->lanes.lane[0]);
	}
	n = tern_pages_read(v->pages, s->dev, fault->addr, nr, v->data);
	if (n < 0 && nr > 1)
		n = tern_pages_read(v->pages, s->dev, fault->addr, 1, v->data);
	if (n < 0) {
		tern_log(LOG_ERR, "migration %016" PRIx64 ": page %#" PRIx64 " cannot be read: %s; the process waits for it",
			 (uint64_t)s->job->id, (uint64_t)fault->addr, strerror(-n));
		return 0;
	}
	return tern_pages_send(v->pages, &s->lanes.lane[0]);
}

static int on_complete(struct serve *v)
{
	struct tern_report *report = &v->s->report;
	struct tern_wire_complete complete;
	int rc;

	rc = tern_link_recv_body(&v->s->lanes.lane[0], &complete, sizeof(complete), LINGER_MS);
	if (rc)
		return rc;
	report->faults = complete.faults;
	report->faults_local = complete.faults_local;
	report->pages_moved = complete.pages;
	report->pages_zero = complete.zero;
	report->pages_ahead = complete.ahead;
	report->pages_twice = complete.twice;
	report->pages_before = complete.before;
	v->files_safe = complete.flags & TERN_WIRE_FILES_SAFE;
	v->complete = true;
	return 0;
}

static int on_message(struct serve *v, const struct tern_wire *head)
{
	struct tern_link *link = &v->s->lanes.lane[0];
	struct tern_wire_fault fault;
	int rc;

	switch (head->type) {
	case TERN_MSG_FAULT:
		rc = tern_link_recv_body(link, &fault, sizeof(fault), LINGER_MS);
		return rc ? rc : answer(v, &fault);
	case TERN_MSG_COMPLETE:
		return on_complete(v);
	default:
		return -EPROTO;
	}
}

/*
 * An operator's "abort" comes too late, for the process runs elsewhere; by
 * force it says that the other host is gone for good.
 */
static int on_abort(struct tern_source *s)
{
	unsigned int flags;

	if (!tern_source_cancelled(s, &flags))
		return 0;
	if (flags & TERN_ASK_FORCE)
		return tern_why_set(&s->why, -EOWNERDEAD,
				    "given up by force while host %s still wanted pages",
				    s->job->peer->name);
	tern_log(LOG_NOTICE, "migration %016" PRIx64 ": cannot be aborted, the process runs on host %s",
		 (uint64_t)s->job->id, s->job->peer->name);
	return 0;
}

static int receive(struct serve *v, unsigned int timeout_ms)
{
	struct tern_wire head;
	int rc;

	rc = tern_link_recv_head(&v->s->lanes.lane[0], &head, timeout_ms);
	if (rc == -ETIMEDOUT)
		return 0;
	if (rc == -ECANCELED)
		return on_abort(v->s);
	return rc ? rc : on_message(v, &head);
}

/*
 * Answer some of those that wait by now. Not all: whoever is answered asks for the
 * next page at once, which may be among those that the other work brings.
 */
static int receive_some(struct serve *v, unsigned int most)
{
	int rc = tern_source_send_written(v->s);
	unsigned int i;

	for (i = 0; i < most && !rc && !v->complete; i++) {
		if (!tern_link_readable(&v->s->lanes.lane[0]))
			break;
		rc = receive(v, LINGER_MS);
	}
	return rc;
}

/* Between faults go on with what the migrant will want next. */
static int send_recent(struct serve *v)
{
	int rc, left;

	do {
		left = tern_recent_step(v->s, TERN_RECENT_BATCH);
		rc = left < 0 ? left : receive_some(v, ANSWERS_RECENT);
	} while (!rc && left && !v->complete);
	return rc;
}

/* Between faults find out which of the pages that were sent ahead are right. */
static int send_fresh(struct serve *v)
{
	struct tern_source *s = v->s;
	struct tern_wire_range ranges[TERN_PRECOPY_RANGES];
	unsigned int nr;
	int rc, done;

	do {
		done = tern_precopy_fresh(s, ranges, &nr);
		rc = nr ? tern_link_send(&s->lanes.lane[0], TERN_MSG_FRESH, ranges,
					 nr * sizeof(ranges[0])) : 0;
		if (!rc)
			rc = receive_some(v, ANSWERS);
	} while (!rc && !done);
	/* what has not been found out is sent again */
	if (done < 0)
		tern_log(LOG_NOTICE, "migration %016" PRIx64 ": not all that was sent ahead could be compared: %s",
			 (uint64_t)s->job->id, strerror(-done));
	return rc;
}

/* Build the map between faults, then send it. */
static int send_map(struct serve *v)
{
	struct tern_source *s = v->s;
	int rc;

	for (;;) {
		rc = tern_map_step(&s->map);
		if (rc)
			break;
		rc = receive_some(v, ANSWERS);
		if (rc)
			return rc;
	}
	if (rc < 0) {
		tern_log(LOG_ERR, "migration %016" PRIx64 ": /proc/%d/pagemap: %s; trying again",
			 (uint64_t)s->job->id, s->job->pid, strerror(-rc));
		tern_source_pause(s, 1000);
		return rc;
	}
	tern_precopy_claim(&s->precopy, &s->map);
	tern_recent_claim(&s->recent, &s->map);
	return tern_link_send(&s->lanes.lane[0], TERN_MSG_MAP, s->map.ranges,
			      s->map.nr * sizeof(s->map.ranges[0]));
}

static int send_signals(struct tern_source *s)
{
	int rc;

	if (!s->signals_len)
		return 0;
	rc = tern_link_send(&s->lanes.lane[0], TERN_MSG_SIGNALS, s->signals, s->signals_len);
	if (!rc)
		s->signals_len = 0;
	return rc;
}

/* One life of the link. 0: complete; an error: the link, or -EOWNERDEAD. */
static int serve_link(struct serve *v)
{
	struct tern_source *s = v->s;
	int rc;

	rc = tern_source_send_sockets(s);
	if (!rc)
		rc = send_signals(s);
	if (!rc)
		rc = send_recent(v);
	if (!rc)
		rc = send_fresh(v);
	if (!rc)
		rc = send_map(v);
	if (!rc && !v->complete)
		rc = tern_flush_start(&s->flush, s->job, s->dev, &s->lanes.lane[1], &s->map,
				      &s->recent);
	while (!rc && !v->complete) {
		rc = tern_source_send_written(s);
		if (!rc)
			rc = receive(v, s->owes_written ? WRITING_MS : TICK_MS);
		if (!rc && __atomic_load_n(&s->flush.failed, __ATOMIC_ACQUIRE) && !v->complete)
			rc = -ECONNRESET;
		if (!v->complete)
			tell_progress(v, false);
	}
	tern_flush_stop(&s->flush);
	return rc;
}

/* 0: the destination wants pages; 1: it has all it needs. */
static int query(struct tern_source *s)
{
	struct tern_wire_answer answer;
	int rc;

	rc = tern_link_send(&s->lanes.lane[0], TERN_MSG_QUERY, NULL, 0);
	if (!rc)
		rc = tern_link_expect(&s->lanes.lane[0], TERN_MSG_ANSWER, &answer, sizeof(answer),
				      10000, &s->why);
	if (rc)
		return rc;
	switch (answer.state) {
	case TERN_PAGING:
		return 0;
	case TERN_LOST:
	case TERN_FAILED:
		return tern_why_set(&s->why, -EOWNERDEAD, "host %s gave the process up",
				    s->job->peer->name);
	default:
		/* independent, and perhaps so long ago that nobody remembers */
		return 1;
	}
}

/* Make the link again. 0: go on serving, 1: no need to, else the migration is lost. */
static int reconnect(struct tern_source *s)
{
	unsigned int pause = 100;
	int rc;

	tern_lanes_close(&s->lanes);
	/* what the last one has taken need not have arrived */
	s->owes = s->hands_over;
	s->owes_written = true;
	tern_map_forget(&s->map);
	/* who receives now may not be who kept it */
	tern_precopy_fini(&s->precopy);
	tern_recent_fini(&s->recent);
	tern_source_pause(s, pause);
	for (;;) {
		s->why.text[0] = '\0';
		rc = on_abort(s);
		if (!rc)
			rc = tern_lanes_connect(&s->lanes, s->job, &s->why);
		if (!rc)
			rc = query(s);
		if (rc == -ESTALE || rc == -EOWNERDEAD)
			return rc;
		if (rc >= 0)
			break;
		tern_lanes_close(&s->lanes);
		tern_source_pause(s, pause);
		pause = pause < 500 ? pause * 2 : 1000;
	}
	s->report.reconnects++;
	tern_log(LOG_NOTICE, "migration %016" PRIx64 ": connected to host %s again",
		 (uint64_t)s->job->id, s->job->peer->name);
	return rc;
}

/* Say good-bye, and let the peer hear it before the socket is gone. */
static void say_independent(struct tern_source *s)
{
	struct tern_link *link = &s->lanes.lane[0];

	if (!tern_link_send(link, TERN_MSG_INDEPENDENT, NULL, 0))
		tern_link_linger(link, LINGER_MS);
}

static int serve(struct serve *v)
{
	struct tern_source *s = v->s;
	int rc = 0;

	/* a daemon that takes over has no link yet */
	if (s->lanes.lane[0].fd < 0)
		rc = -ECONNRESET;
	while (!v->complete) {
		if (!rc)
			rc = serve_link(v);
		if (v->complete)
			break;
		if (rc == -EOWNERDEAD)
			return rc;
		tern_log(LOG_WARNING, "migration %016" PRIx64 ": link to host %s lost (%s); faults wait",
			 (uint64_t)s->job->id, s->job->peer->name, strerror(-rc));
		rc = reconnect(s);
		if (rc < 0)
			return rc;
		v->complete = rc;
	}
	return 0;
}

/**
 * tern_source_serve() - serve a committed migrant's pages to the end
 * @s: committed, its image and pagemap known
 *
 * Returns 0 when it is independent, and has told everybody. -ESTALE and
 * -EOWNERDEAD: the other half is gone for good; nothing has been released.
 */
int tern_source_serve(struct tern_source *s)
{
	struct serve v = { .s = s };
	int rc = -ENOMEM;

	v.pages = malloc(sizeof(*v.pages));
	v.data = aligned_alloc(PAGE, TERN_READ_MAX * PAGE);
	if (!v.pages || !v.data)
		goto out;
	rc = tern_map_init(&s->map, &s->image, s->pagemap, s->dev);
	if (rc)
		goto out;
	rc = serve(&v);
	if (rc)
		goto out;
	s->report.bytes = tern_lanes_bytes(&s->lanes);
	if (s->map.built)
		s->report.pages_total = s->map.pages;
	if (s->resumed)
		s->report.phase_ns[TERN_PHASE_PAGING] = tern_source_now() - s->resumed;
	tern_dev_report(s->dev, &s->report);
	rc = tern_dev_release(s->dev);
	if (rc)
		goto out;
	/* the migrant's memory, which is gone now, may have held them open; others' may still */
	if (tern_image_find(&s->image, TERN_OBJ_CARRIED, NULL))
		tern_party_wait(s);
	tern_remains_remove(&s->image, v.files_safe);
	say_independent(s);
out:
	free(v.pages);
	free(v.data);
	return rc;
}
