// SPDX-License-Identifier: GPL-2.0
/*
 * The latency period at the source: from the preparation over park and capture
 * to the last byte of the blast. Between PARK and RESUME nothing is received.
 *
 * What is done for a migrant is done for each process that moves with it, step by step:
 * nobody is captured before all of them stand, and no RESUME leaves before all else has.
 *
 * Runs in the root's thread; no locks. Until TERN_IOC_SENT every failure leaves
 * the migrant running here; SENT of all comes strictly before the RESUME of any can
 * leave, and nothing can go back afterwards.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net.h"
#include "pod.h"
#include "unit.h"

#define ATTEMPTS	10
#define HELD_PAUSE_MS	1000
#define ATTEMPTS_DRAFT	6	/* then without a draft: there is less to change in between; */
				/* and a tree from the beginning each time */
#define ATTEMPTS_AHEAD	2	/* likewise, pages that are sent ahead take time */
#define ATTEMPTS_RUNNING 2	/* a tree that has changed each time is stopped first, and what */
				/* has come to it is introduced while it stands */
#define FINDS		20	/* tries to find a tree while it changes */
#define HANDLERS	20	/* tries while somebody is in a handler; then all is prepared anew */
#define DOUBTS		2	/* times that a check that refuses is asked again */
#define DOUBT_MS	20

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

/*
 * Send pages ahead; that takes a while, after which the draft may be @stale. A tree is not
 * what it was after so long, so that must have been asked for.
 */
static int send_ahead(struct tern_source *s, unsigned int attempt, bool stale)
{
	bool ahead = attempt < ATTEMPTS_AHEAD &&
		     (!s->prepared.lineage.unit || s->job->flags & TERN_HYBRID);
	int rc = ahead ? tern_source_precopy(s) : 1;

	if (rc < 0)
		return rc;
	return stale || !rc ? tern_source_draft(s) : 0;
}

/* Look at it, and have the destination make a shell and all that it lacks. */
static int introduce(struct tern_unit *unit, unsigned int n)
{
	struct tern_source *s = unit->member[n];
	struct tern_prepared *p = &s->prepared;
	int rc;

	tern_recent_fini(&s->recent);
	tern_prepared_fini(p);
	rc = tern_prepare(p, s->job->pid, s->job->flags, &s->why);
	/* this thread is about to look at System V segments, of all of them */
	if (!rc && p->pod)
		rc = tern_pod_visit(s->job->pid);
	if (!rc)
		rc = tern_unit_lineage(unit, n, &p->lineage, &s->why);
	if (!rc)
		tern_unit_forget_dirty(unit, n);
	s->introduced = !rc;
	if (!rc)
		rc = tern_prepared_send(p, &s->lanes.lane[0], s->dev, s->lanes.oneway_ns);
	/* while the destination makes its shell */
	if (!rc)
		rc = tern_prepared_write_back(p, &s->why);
	if (!rc)
		rc = tern_prepared_ready(p, &s->lanes.lane[0], &s->why);
	if (!rc)
		rc = tern_prepared_copy(p, &s->lanes.lane[0], &s->why);
	s->stale = rc;
	return rc;
}

static int prepare(const struct tern_unit *unit, unsigned int n, unsigned int attempt)
{
	struct tern_source *s = unit->member[n];
	struct tern_prepared *p = &s->prepared;
	bool cold = unit->parked || is_cold(s, attempt);
	int rc = 0;

	/* of one that has been here for longer, when it still ran */
	if (cold)
		tern_recent_fini(&s->recent);
	if (!rc && !cold)
		rc = tern_source_draft(s);
	if (!rc && !cold)
		rc = send_ahead(s, attempt, false);
	if (!rc)
		rc = tern_first_room(s->first, p->nr_tids);
	if (!rc && !cold)
		tern_first_prepare(s->first, &s->draft.image, s->job->pid);
	if (!rc)
		rc = make_room(s);
	/* those that stand are captured soon, and nobody waits for others meanwhile */
	if (!rc && cold && !unit->parked &&
	    (tern_source_crosses(s) || p->carried || p->lineage.unit))
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

/* Nothing goes back from here on, once all of them have come here. */
static int let_leave(struct tern_source *s, __u64 captured, __u64 bytes_before,
		     struct tern_wire_resume *resume)
{
	struct tern_report *report = &s->report;
	int rc;

	report->blast_bytes = s->lanes.lane[0].bytes_out - bytes_before +
			      sizeof(struct tern_wire) + sizeof(*resume);
	*resume = (struct tern_wire_resume) {
		.park_ns = report->phase_ns[TERN_PHASE_PARK],
		.capture_ns = report->phase_ns[TERN_PHASE_CAPTURE],
		.monotonic = s->stood,
		.blast_bytes = report->blast_bytes,
	};
	rc = tern_dev_sent(s->dev);
	if (rc)
		return tern_why_set(&s->why, rc, "the process could not be let go: %s",
				    strerror(-rc));
	resume->send_ns = tern_source_now() - captured;
	report->phase_ns[TERN_PHASE_SEND] = resume->send_ns;
	return 0;
}

/*
 * A pod's address is on the segment once: from here on nobody speaks by it, until the pod does.
 * Its connections have gone, and what comes for it is held; this is for whatever else the kernel
 * may say. Whoever learns that the pod runs on here undoes this (fail() in source.c).
 */
static void leave_segment(struct tern_source *root)
{
	struct tern_prepared *p = &root->prepared;

	if (!p->net)
		return;
	/* it is to go with the pod */
	tern_prepared_unwatch(p);
	tern_source_mute(root);
}

/* In doubt: from here on only the destination's word counts. */
static void send_resume(struct tern_source *s, const struct tern_wire_resume *resume)
{
	int rc = tern_link_send(&s->lanes.lane[0], TERN_MSG_RESUME, resume, sizeof(*resume));

	if (rc)
		tern_log(LOG_WARNING, "migration %016" PRIx64 ": link lost under the blast: %s",
			 (uint64_t)s->job->id, strerror(-rc));
}

static int send_state(struct tern_source *s, __u64 captured)
{
	int rc;

	s->report.phase_ns[TERN_PHASE_CAPTURE] = captured - s->stood;
	rc = send_image(s);
	if (!rc)
		rc = send_first(s);
	/* what an heir must know, while the network and the destination work */
	return rc ? rc : tern_source_keep(s);
}

static int blast(struct tern_unit *unit)
{
	struct tern_wire_resume resume[TERN_PROCESSES_MAX];
	__u64 before[TERN_PROCESSES_MAX], captured = tern_source_now();
	unsigned int i;
	int rc;

	unit->spoilt = true;
	for (i = 0; i < unit->nr; i++) {
		before[i] = unit->member[i]->lanes.lane[0].bytes_out;
		rc = send_state(unit->member[i], captured);
		if (rc)
			return tern_unit_blame(unit, i, rc);
	}
	for (i = 0; i < unit->nr; i++) {
		rc = let_leave(unit->member[i], captured, before[i], &resume[i]);
		if (rc && i)
			tern_unit_blame(unit, i, rc);
		if (rc)
			return rc;
		unit->sent = true;
	}
	for (i = 0; i < unit->nr; i++)
		send_resume(unit->member[i], &resume[i]);
	for (i = 0; i < unit->nr; i++)
		tern_source_hand_over_ahead(unit->member[i]);
	leave_segment(unit->member[0]);
	for (i = 0; i < unit->nr; i++)
		tern_recent_follow(unit->member[i], false);
	return 0;
}

static int park(struct tern_source *s)
{
	struct tern_park park;
	int rc;

	rc = tern_dev_park(s->dev, &park, &s->why);
	s->stood = tern_source_now() - park.stood_ns;
	s->report.phase_ns[TERN_PHASE_PARK] = park.ns;
	return rc;
}

/* Those that stand run on, to be stopped once more. */
static int thaw(struct tern_unit *unit, int rc)
{
	int err, first = 0;

	while (unit->parked) {
		err = tern_dev_thaw(unit->member[--unit->parked]->dev);
		first = first ? first : err;
	}
	return first ? first : rc;
}

/* Parents first: one that waits for its child to execute a program (vfork) could not stop. */
static int park_all(struct tern_unit *unit)
{
	int rc;

	if (tern_source_cancelled(unit->member[0], NULL))
		return -ECANCELED;
	while (unit->parked < unit->nr) {
		struct tern_source *s = unit->member[unit->parked];

		rc = park(s);
		/* one that waits for another's exec is quicker the next time */
		if (rc == -ETIMEDOUT && unit->nr > 1)
			rc = -EAGAIN;
		if (rc)
			return thaw(unit, tern_unit_blame(unit, unit->parked, rc));
		unit->parked++;
	}
	return 0;
}

static int capture_all(struct tern_unit *unit)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; i < unit->nr && !rc; i++) {
		rc = tern_source_capture(unit->member[i], 0, &unit->member[i]->image);
		rc = tern_unit_blame(unit, i, rc);
	}
	return rc;
}

static void forget_reasons(struct tern_unit *unit)
{
	unsigned int i;

	for (i = 0; i < unit->nr; i++)
		unit->member[i]->why.text[0] = '\0';
}

/*
 * Park and capture. A handler that has interrupted the vDSO is over soon, and nothing that
 * was prepared is the worse for it; but if they were @standing before, all of it is known
 * of processes that do. -EAGAIN: the migrant runs.
 */
static int stop(struct tern_unit *unit, bool standing)
{
	unsigned int i;
	int rc;

	for (i = 1;; i++) {
		rc = park_all(unit);
		if (rc)
			return rc;
		rc = capture_all(unit);
		if (rc != -EAGAIN && rc != -EBUSY)
			return rc;
		rc = thaw(unit, rc);
		if (rc != -EBUSY)
			return rc;
		if (i == HANDLERS || standing)
			return -EAGAIN;
		/* whatever happens next has another reason */
		forget_reasons(unit);
		rc = tern_source_pause(unit->member[0], i);
		if (rc)
			return rc;
	}
}

/* Lay all of them out, and keep that until they are asked for. */
static int hold(struct tern_unit *unit, unsigned int attempt)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; i < unit->nr && !rc; i++) {
		rc = tern_source_draft(unit->member[i]);
		if (!rc)
			rc = send_ahead(unit->member[i], attempt, false);
		rc = tern_unit_blame(unit, i, rc);
	}
	if (!rc)
		rc = tern_unit_hold(unit);
	unit->member[0]->released = !rc;
	return rc;
}

/* What comes for a pod while it stands; without an interface, what it says to itself. */
static int hold_frames(struct tern_source *s)
{
	int hold;

	if (s->prepared.net)
		return tern_forward_start(&s->forward, s->job, s->dev, &s->why);
	/* the migration keeps it, and there is nothing to be read */
	hold = tern_dev_hold(s->dev, &s->why);
	if (hold >= 0)
		close(hold);
	return hold < 0 ? hold : 0;
}

static int reach(struct tern_source *s)
{
	return s->lanes.lane[0].fd < 0 ? connect_peer(s) : 0;
}

/*
 * All shells first, for they are each other's parents; then what they wear. Of a tree that
 * has changed those that the destination does not have.
 */
static int prepare_all(struct tern_unit *unit, unsigned int attempt)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; i < unit->nr && !rc; i++) {
		struct tern_source *s = unit->member[i];

		if (s->introduced)
			continue;
		rc = reach(s);
		if (!rc && !s->first)
			rc = tern_first_create(&s->first, s->job->host->first);
		if (!rc)
			rc = introduce(unit, i);
		if (!rc && s->prepared.pod)
			rc = hold_frames(s);
		rc = tern_unit_blame(unit, i, rc);
	}
	if (!rc && tern_source_held(unit->member[0]))
		rc = hold(unit, attempt);
	for (i = 0; i < unit->nr && !rc; i++) {
		rc = prepare(unit, i, attempt);
		rc = tern_unit_blame(unit, i, rc);
	}
	return rc;
}

/* Who starts others all the time holds still before anybody looks at him. */
static int find_standing(struct tern_unit *unit)
{
	unsigned int i;
	int rc = -EAGAIN;

	for (i = 0; i < FINDS && rc == -EAGAIN; i++) {
		forget_reasons(unit);
		rc = tern_unit_find(unit);
		if (!rc)
			rc = park_all(unit);
	}
	return rc;
}

/*
 * The check looks at what runs: processes that pass descriptors to each other all the time
 * may look as if others had them. What it says again and again is true.
 */
static int check(struct tern_source *root)
{
	unsigned int i;
	int rc;

	for (i = 0;; i++) {
		rc = tern_dev_check(root->dev, root->job->pid, root->job->flags, &root->why);
		if (rc != -EOPNOTSUPP || i == DOUBTS || tern_source_pause(root, DOUBT_MS))
			return rc;
		root->why.text[0] = '\0';
	}
}

/* One attempt. -EAGAIN: the migrant runs again and has changed, try once more. */
static int attempt(struct tern_unit *unit, unsigned int n)
{
	struct tern_source *root = unit->member[0];
	/* little is left to do for a tree that has been laid out before */
	bool last = n >= ATTEMPTS_DRAFT;
	bool standing = unit->nr > 1 && n >= ATTEMPTS_RUNNING && (root->introduced || last);
	int rc;

	rc = reach(root);
	if (!rc)
		rc = check(root);
	if (!rc)
		rc = standing ? find_standing(unit) : tern_unit_find(unit);
	/* and if nothing is left of that, it need not stand for the rest */
	if (!rc && !tern_unit_revise(unit) && standing && !last)
		rc = -EAGAIN;
	if (!rc)
		rc = prepare_all(unit, n);
	if (!rc)
		rc = stop(unit, standing);
	if (!rc)
		rc = blast(unit);
	return rc == -EAGAIN ? thaw(unit, rc) : rc;
}

/**
 * tern_source_move() - do all up to the last byte of the blast
 * @unit: has the root, which is attached and in TERN_REQUESTED; gets its descendants
 *
 * Returns 0 in TERN_DOUBT: the blast has left, and the destination may or may
 * not run them. After an error nothing has happened: the caller calls
 * tern_unit_fail() and all of them run on.
 */
int tern_source_move(struct tern_unit *unit)
{
	struct tern_source *s = unit->member[0];
	unsigned int i;
	bool held;
	int rc = -EAGAIN;

	for (i = 0; i < ATTEMPTS; i++) {
		rc = attempt(unit, i);
		if (rc && tern_proc_ended(s->job->pid)) {
			/* whatever else is wrong is so because of that */
			s->why.text[0] = '\0';
			rc = tern_why_set(&s->why, -ESRCH, "the process has ended");
		}
		if (rc != -EAGAIN)
			break;
		tern_log(LOG_INFO, "migration %016" PRIx64 ": %s", (uint64_t)s->job->id,
			 s->why.text[0] ? s->why.text : "its tree has changed; trying again");
		/* of a tree much may be of use still; of one process there is nothing else */
		if (unit->nr == 1 || i + 1 >= ATTEMPTS_DRAFT)
			tern_unit_anew(unit);
		if (i + 1 < ATTEMPTS)
			forget_reasons(unit);
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
