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
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "source.h"

#define ATTEMPTS	10
#define HELD_PAUSE_MS	1000
#define ATTEMPTS_DRAFT	6	/* then without a draft: there is less to change in between */
#define ATTEMPTS_AHEAD	2	/* likewise, pages that are sent ahead take time */
#define HANDLERS	20	/* tries while somebody is in a handler; then all is prepared anew */
#define FOLLOW		4	/* pages between two looks for the destination's word */

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

static bool is_cold(const struct tern_source *s, unsigned int attempt)
{
	return s->job->flags & TERN_COLD || attempt >= ATTEMPTS_DRAFT;
}

/* All that costs time and can be had before anybody waits. */
static int make_room(struct tern_source *s)
{
	int rc;

	rc = tern_source_room(s, &s->image);
	if (!rc)
		rc = tern_source_room(s, &s->wire);
	if (!rc)
		rc = tern_source_keep_open(s);
	return rc;
}

/*
 * What only a capture finds is to be found before anybody stands. A draft has done
 * that already.
 */
static int rehearse(struct tern_source *s)
{
	return tern_source_capture(s, TERN_CAPTURE_DRAFT, &s->image);
}

/* Send pages ahead; that takes a while, after which the draft may be @stale. */
static int send_ahead(struct tern_source *s, unsigned int attempt, bool stale)
{
	int rc = attempt < ATTEMPTS_AHEAD ? tern_source_precopy(s) : 1;

	if (rc < 0)
		return rc;
	return stale || !rc ? tern_source_draft(s) : 0;
}

static int prepare(struct tern_source *s, unsigned int attempt)
{
	struct tern_prepared *p = &s->prepared;
	bool cold = is_cold(s, attempt);
	int rc;

	tern_recent_fini(&s->recent);
	rc = tern_dev_check(s->dev, s->job->pid, s->job->flags, &s->why);
	if (!rc)
		rc = tern_prepare(p, s->job->pid, s->job->flags, &s->why);
	if (!rc)
		rc = tern_prepared_send(p, &s->lanes.lane[0], s->dev, s->lanes.oneway_ns);
	/* while the destination makes its shell */
	if (!rc)
		rc = tern_prepared_write_back(p, &s->why);
	if (!rc)
		rc = tern_prepared_ready(p, &s->lanes.lane[0], &s->why);
	if (!rc)
		rc = tern_prepared_copy(p, &s->lanes.lane[0], &s->why);
	if (!rc && !cold)
		rc = tern_source_draft(s);
	if (!rc && !cold)
		rc = send_ahead(s, attempt, false);
	if (!rc && tern_source_held(s)) {
		rc = tern_source_hold(s);
		s->released = !rc;
		if (!rc)
			rc = send_ahead(s, attempt, true);
	}
	if (!rc)
		rc = tern_first_room(s->first, p->nr_tids);
	if (!rc && !cold)
		tern_first_prepare(s->first, &s->draft.image, s->job->pid, p->tids, p->nr_tids);
	if (!rc)
		rc = make_room(s);
	if (!rc && cold && (tern_source_crosses(s) || p->carried))
		rc = rehearse(s);
	if (!rc && !cold)
		rc = tern_recent_note(s);
	if (!rc && !cold)
		rc = tern_source_warm(s);
	if (!rc && !cold)
		tern_recent_find(s);
	return rc;
}

/* ---- the migrant stands ---- */

static int send_image(struct tern_source *s)
{
	int rc;

	rc = tern_changes_write(&s->draft, &s->image, &s->wire, NULL);
	return rc ? rc : tern_link_send(&s->lanes.lane[0], TERN_MSG_IMAGE, s->wire.data,
					s->wire.len);
}

static int send_first(struct tern_source *s)
{
	int rc = tern_first_send(s->first, s->dev, &s->image, &s->lanes.lane[0]);

	s->report.pages_first = tern_first_pages(s->first);
	return rc;
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
	/* in doubt: from here on only the destination's word counts */
	rc = tern_link_send(link, TERN_MSG_RESUME, &resume, sizeof(resume));
	if (rc)
		tern_log(LOG_WARNING, "migration %016" PRIx64 ": link lost under the blast: %s",
			 (uint64_t)s->job->id, strerror(-rc));
	return 0;
}

/* Until the destination has its say: what the migrant will want next. */
static void follow(struct tern_source *s)
{
	struct pollfd p = { .fd = s->lanes.lane[0].fd, .events = POLLIN | POLLOUT };

	/*
	 * Only what the socket takes at once: a destination that is busy does not read.
	 * A link that is lost is noticed by whoever waits for the word.
	 */
	while (poll(&p, 1, 0) > 0 && p.revents == POLLOUT && tern_recent_step(s, FOLLOW) > 0)
		;
}

static int blast(struct tern_source *s)
{
	__u64 before = s->lanes.lane[0].bytes_out, captured = tern_source_now();
	int rc;

	s->report.phase_ns[TERN_PHASE_CAPTURE] = captured - s->stood;
	rc = send_image(s);
	if (!rc)
		rc = send_first(s);
	/* what an heir must know, while the network and the destination work */
	if (!rc)
		rc = tern_source_keep(s);
	if (!rc)
		rc = send_resume(s, captured, before);
	if (!rc)
		follow(s);
	return rc;
}

static int park(struct tern_source *s)
{
	struct tern_park park;
	int rc;

	if (tern_source_cancelled(s, NULL))
		return -ECANCELED;
	rc = tern_dev_park(s->dev, &park, &s->why);
	s->stood = tern_source_now() - park.stood_ns;
	s->report.phase_ns[TERN_PHASE_PARK] = park.ns;
	return rc;
}

/* It runs on, to be stopped once more. */
static int thaw(struct tern_source *s, int rc)
{
	int err = tern_dev_thaw(s->dev);

	return err ? err : rc;
}

/*
 * Park and capture. A handler that has interrupted the vDSO is over soon, and nothing that
 * was prepared is the worse for it. -EAGAIN: the migrant runs.
 */
static int stop(struct tern_source *s)
{
	unsigned int i;
	int rc;

	for (i = 1;; i++) {
		rc = park(s);
		if (rc)
			return rc;
		rc = tern_source_capture(s, 0, &s->image);
		if (rc != -EAGAIN && rc != -EBUSY)
			return rc;
		rc = thaw(s, rc);
		if (rc != -EBUSY)
			return rc;
		if (i == HANDLERS)
			return -EAGAIN;
		/* whatever happens next has another reason */
		s->why.text[0] = '\0';
		rc = tern_source_pause(s, i);
		if (rc)
			return rc;
	}
}

/* One attempt. -EAGAIN: the migrant runs again and has changed, try once more. */
static int attempt(struct tern_source *s, unsigned int n)
{
	int rc;

	rc = connect_peer(s);
	if (!rc)
		rc = prepare(s, n);
	if (!rc)
		rc = stop(s);
	if (rc)
		return rc;
	rc = blast(s);
	return rc == -EAGAIN ? thaw(s, rc) : rc;
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
	unsigned int i;
	bool held;
	int rc;

	rc = tern_first_create(&s->first, s->job->host->first);
	if (rc)
		return rc;
	for (i = 0; i < ATTEMPTS; i++) {
		rc = attempt(s, i);
		if (rc != -EAGAIN)
			break;
		tern_log(LOG_INFO, "migration %016" PRIx64 ": %s", (uint64_t)s->job->id, s->why.text);
		tern_lanes_close(&s->lanes);
		tern_draft_fini(&s->draft);
		tern_precopy_fini(&s->precopy);
		tern_prepared_fini(&s->prepared);
		if (i + 1 < ATTEMPTS)
			s->why.text[0] = '\0';
		/* what is held is in no hurry, and may change as often as it likes */
		held = tern_source_held(s);
		rc = tern_source_pause(s, held ? HELD_PAUSE_MS : 20U << i);
		if (rc)
			break;
		rc = -EAGAIN;
		i -= held;
	}
	return rc;
}
