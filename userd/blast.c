// SPDX-License-Identifier: GPL-2.0
/*
 * The latency period at the source: from the preparation over park and capture
 * to the last byte of the blast. Between PARK and RESUME nothing is received.
 *
 * Runs in the job's thread; no locks. Until TERN_IOC_SENT every failure leaves
 * the migrant running here; SENT comes strictly before RESUME can leave, and
 * nothing can go back afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "source.h"

#define ATTEMPTS	10
#define IMAGE_FIRST	(512UL << 10)	/* room for an image without its mappings */
#define PER_MAPPING	256
#define PER_THREAD	12288

/* ---- before the migrant stands ---- */

static int connect_peer(struct tern_source *s)
{
	const struct tern_host *host = s->job->host;
	int rc;

	rc = tern_lanes_connect(&s->lanes, s->job, &s->why);
	if (rc)
		return rc;
	rc = tern_host_fits(&host->hello, &s->lanes.hello, &s->why);
	if (!rc)
		rc = tern_lanes_clock(&s->lanes);
	s->report.oneway_ns = s->lanes.oneway_ns;
	return rc;
}

/* Memory that is not there yet would be made page by page while everybody waits. */
static int make_room(struct tern_image *image, size_t size)
{
	if (image->size >= size)
		return 0;
	tern_image_free(image);
	image->data = malloc(size);
	if (!image->data)
		return -ENOMEM;
	memset(image->data, 0, size);
	image->size = size;
	return 0;
}

static int prepare(struct tern_source *s)
{
	struct tern_prepared *p = &s->prepared;
	int rc;

	rc = tern_prepare(p, s->job->pid, s->job->flags, &s->why);
	if (!rc)
		rc = make_room(&s->image, IMAGE_FIRST + p->nr_maps * PER_MAPPING +
			       p->nr_tids * PER_THREAD);
	if (!rc)
		rc = tern_prepared_send(p, &s->lanes.lane[0], s->dev, s->lanes.oneway_ns);
	/* while the destination makes its shell */
	if (!rc)
		rc = tern_prepared_write_back(p, &s->why);
	if (!rc)
		rc = tern_prepared_ready(p, &s->lanes.lane[0], &s->why);
	return rc;
}

/* ---- the migrant stands ---- */

static int capture(struct tern_source *s)
{
	int rc;

	for (;;) {
		size_t len = s->image.size;

		rc = tern_dev_capture(s->dev, s->image.data, &len, &s->why);
		s->image.len = len;
		if (rc != -ENOSPC)
			break;
		if (s->image.size >= TERN_IMAGE_MAX)
			return tern_why_set(&s->why, -E2BIG, "the process's state is larger than %lu MiB",
					    TERN_IMAGE_MAX >> 20);
		s->why.text[0] = '\0';
		rc = make_room(&s->image, s->image.size * 2 < TERN_IMAGE_MAX ?
			       s->image.size * 2 : TERN_IMAGE_MAX);
		if (rc)
			return rc;
	}
	if (rc)
		return rc;
	rc = tern_epoll_add(&s->image, s->job->pid, &s->why);
	if (rc)
		return rc;
	tern_prepared_apply(&s->prepared, &s->image);
	return tern_prepared_covers(&s->prepared, &s->image, &s->why);
}

/*
 * For ourselves and our heirs: a file mapping that the destination cannot map
 * by itself is memory like any other, all of which exists.
 */
static void mark_backed(struct tern_source *s)
{
	const struct tern_obj *obj = NULL;
	size_t len;

	while ((obj = tern_image_find(&s->image, TERN_OBJ_VMA, obj))) {
		struct tern_obj_vma *vma = (void *)tern_obj_payload(obj);

		if (vma->kind != TERN_VMA_FILE ||
		    tern_prepared_same(&s->prepared, tern_obj_tail(obj, &len)))
			continue;
		vma->kind = TERN_VMA_ANON;
		vma->flags |= TERN_VMA_BACKED;
		vma->flags &= ~TERN_VMA_SHARED;
	}
}

static int keep(struct tern_source *s)
{
	char name[64];

	if (s->pagemap >= 0)
		close(s->pagemap);
	snprintf(name, sizeof(name), "/proc/%d/pagemap", s->job->pid);
	s->pagemap = open(name, O_RDONLY | O_CLOEXEC);
	if (s->pagemap < 0)
		return tern_why_set(&s->why, -errno, "%s: %s", name, strerror(errno));
	return tern_source_keep(s);
}

/**
 * struct write_back - the rest of the files' dirty data, on its way to their
 *	server beside the blast
 * @prepared: knows the files
 * @thread: writes
 * @running: it must be joined
 * @rc: its result
 * @why: its sentence
 */
struct write_back {
	const struct tern_prepared *prepared;
	pthread_t thread;
	bool running;
	int rc;
	struct tern_why why;
};

static void *write_back(void *arg)
{
	struct write_back *w = arg;

	w->rc = tern_prepared_write_back(w->prepared, &w->why);
	return NULL;
}

static void write_back_start(struct write_back *w, const struct tern_prepared *prepared)
{
	memset(w, 0, sizeof(*w));
	w->prepared = prepared;
	if (!prepared->nr_dirty)
		return;
	w->running = !pthread_create(&w->thread, NULL, write_back, w);
	if (!w->running)
		write_back(w);
}

static int write_back_join(struct write_back *w, struct tern_why *why)
{
	if (w->running)
		pthread_join(w->thread, NULL);
	return w->rc ? tern_why_set(why, w->rc, "%s", w->why.text) : 0;
}

static int send_image(struct tern_source *s)
{
	struct tern_link *link = &s->lanes.lane[0];
	int rc;

	rc = tern_link_send(link, TERN_MSG_IMAGE, s->image.data, s->image.len);
	if (rc)
		return rc;
	/* the destination has its copy: from here on it is our own */
	mark_backed(s);
	return keep(s);
}

static int send_first(struct tern_source *s, struct tern_first *first)
{
	int rc;

	rc = tern_first_collect(first, s->dev, &s->image);
	if (rc)
		return rc;
	tern_link_cork(&s->lanes.lane[0], true);
	s->report.pages_first = tern_first_pages(first);
	return tern_first_send(first, &s->lanes.lane[0]);
}

static int send_resume(struct tern_source *s, __u64 captured, __u64 bytes_before)
{
	struct tern_link *link = &s->lanes.lane[0];
	struct tern_report *report = &s->report;
	struct tern_wire_resume resume = {
		.park_ns = report->phase_ns[TERN_PHASE_PARK],
		.capture_ns = report->phase_ns[TERN_PHASE_CAPTURE],
		.monotonic = s->stood,
	};
	__u64 now;
	int rc;

	report->blast_bytes = link->bytes_out - bytes_before + sizeof(struct tern_wire) +
			      sizeof(resume);
	resume.blast_bytes = report->blast_bytes;
	rc = tern_dev_sent(s->dev);
	if (rc)
		return tern_why_set(&s->why, rc, "the process could not be let go: %s",
				    strerror(-rc));
	now = tern_source_now();
	resume.send_ns = now - captured;
	report->phase_ns[TERN_PHASE_SEND] = resume.send_ns;
	s->blast_ns = now - s->stood;
	/* in doubt: from here on only the destination's word counts */
	rc = tern_link_send(link, TERN_MSG_RESUME, &resume, sizeof(resume));
	tern_link_cork(link, false);
	if (rc)
		tern_log(LOG_WARNING, "migration %016" PRIx64 ": link lost under the blast: %s",
			 (uint64_t)s->job->id, strerror(-rc));
	return 0;
}

static int blast(struct tern_source *s, struct tern_first *first)
{
	__u64 before = s->lanes.lane[0].bytes_out, captured;
	struct write_back w;
	int rc, err;

	rc = capture(s);
	captured = tern_source_now();
	s->report.phase_ns[TERN_PHASE_CAPTURE] = captured - s->stood;
	if (rc)
		return rc;
	write_back_start(&w, &s->prepared);
	rc = send_image(s);
	if (!rc)
		rc = send_first(s, first);
	err = write_back_join(&w, &s->why);
	if (rc || err)
		return rc ? rc : err;
	return send_resume(s, captured, before);
}

static int park(struct tern_source *s)
{
	struct tern_park park;
	int rc;

	if (tern_source_cancelled(s, NULL))
		return -ECANCELED;
	rc = tern_dev_park(s->dev, 0, &park, &s->why);
	s->stood = tern_source_now();
	s->report.phase_ns[TERN_PHASE_PARK] = park.ns;
	return rc;
}

/* One attempt. -EAGAIN: the migrant runs again and has changed, try once more. */
static int attempt(struct tern_source *s, struct tern_first *first)
{
	int rc;

	rc = connect_peer(s);
	if (!rc)
		rc = prepare(s);
	if (!rc)
		rc = park(s);
	if (rc)
		return rc == -EAGAIN ? -EBUSY : rc;
	rc = blast(s, first);
	if (rc != -EAGAIN)
		return rc;
	rc = tern_dev_thaw(s->dev);
	return rc ? rc : -EAGAIN;
}

/**
 * tern_source_move() - do all up to the last byte of the blast
 * @s: attached, in TERN_REQUESTED
 *
 * Returns 0 in TERN_DOUBT: the blast has left, and the destination may or may
 * not run the migrant. After an error nothing has happened: the caller calls
 * tern_dev_fail() and the migrant runs on.
 */
int tern_source_move(struct tern_source *s)
{
	struct tern_first *first;
	unsigned int i;
	int rc;

	rc = tern_first_create(&first);
	if (rc)
		return rc;
	for (i = 0; i < ATTEMPTS; i++) {
		rc = attempt(s, first);
		if (rc != -EAGAIN)
			break;
		tern_log(LOG_INFO, "migration %016" PRIx64 ": %s", (uint64_t)s->job->id, s->why.text);
		tern_lanes_close(&s->lanes);
		tern_prepared_fini(&s->prepared);
		if (i + 1 < ATTEMPTS)
			s->why.text[0] = '\0';
		rc = tern_source_pause(s, 20U << i);
		if (rc)
			break;
		rc = -EAGAIN;
	}
	tern_first_destroy(first);
	return rc;
}
