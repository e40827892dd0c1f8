// SPDX-License-Identifier: GPL-2.0
/*
 * A migration at its source, as a sequence: move, learn who runs the migrant,
 * commit, serve. Each step is a file of its own; this one decides what an
 * error means in which state, which is all that keeps a migrant from running
 * twice, or nowhere:
 *
 *   before SENT      any error: FAIL, it runs on here
 *   in doubt         only the destination's word, its reboot, or an operator's
 *                    "abort --force" decides; a lost link decides nothing
 *   committed        nothing goes back; a lost link is made again for ever
 *
 * Owns the job's handle of /dev/tern. When it closes, because the job ends or
 * the daemon dies, the kernel does what the state demands. No locks.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "source.h"

#define ANSWER_MS	10000
#define SIGNALS_FIRST	(64UL << 10)

#define say(s, level, fmt, ...) \
	tern_log(level, "migration %016" PRIx64 ": " fmt, (uint64_t)(s)->job->id, ##__VA_ARGS__)

/**
 * tern_source_now() - CLOCK_MONOTONIC of this host, in ns
 */
__u64 tern_source_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/**
 * tern_source_cancelled() - has an operator said "abort"?
 * @s: the migration
 * @flags: if not NULL: filled with TERN_ASK_FORCE or 0, and the word is taken:
 *	the next call returns false
 */
bool tern_source_cancelled(const struct tern_source *s, unsigned int *flags)
{
	struct pollfd p = { .fd = s->job->cancel, .events = POLLIN };
	eventfd_t n;

	if (poll(&p, 1, 0) <= 0)
		return false;
	if (!flags)
		return true;
	eventfd_read(s->job->cancel, &n);
	*flags = __atomic_load_n(&s->job->abort_flags, __ATOMIC_ACQUIRE);
	return true;
}

/**
 * tern_source_pause() - wait a while
 * @s: the migration
 * @ms: how long
 *
 * -ECANCELED: an operator said "abort".
 */
int tern_source_pause(const struct tern_source *s, unsigned int ms)
{
	struct pollfd p = { .fd = s->job->cancel, .events = POLLIN };

	return poll(&p, 1, ms) > 0 ? -ECANCELED : 0;
}

/* It did not happen: the migrant runs on here. */
static void fail(struct tern_source *s, unsigned int flags, int err)
{
	struct tern_why *why = &s->why;
	int rc;

	if (!(flags & TERN_FAIL_NOT_THERE) && tern_source_cancelled(s, NULL)) {
		why->text[0] = '\0';
		err = tern_why_set(why, -ECANCELED, "aborted by an operator");
	} else if (err == -ECONNRESET) {
		tern_why_set(why, err, "the connection to host %s broke before the process had left",
			     s->job->peer->name);
	} else if (err == -EPROTO) {
		tern_why_set(why, err, "host %s does not keep to the protocol: install the same release on both",
			     s->job->peer->name);
	}
	rc = tern_dev_fail(s->dev, flags, err, why);
	say(s, LOG_NOTICE, "failed, process %d runs on here: %s", s->job->pid,
	    why->text[0] ? why->text : strerror(-err));
	if (rc)
		say(s, LOG_ERR, "the kernel would not end it: %s", strerror(-rc));
}

/* ---- in doubt ---- */

enum verdict {
	THERE,		/* the destination runs it */
	NOT_THERE,	/* it does not and never will */
	UNKNOWN,	/* ask again */
};

/*
 * TERN_PHASE_TOTAL: from the last thread's stand until the destination's word was
 * here, less the time that a short word takes, and less how long the migrant had
 * been running when it was sent. So nothing is left out, wherever it was spent,
 * and no clock is compared with another.
 */
static void take_figures(struct tern_source *s, const struct tern_wire_resumed *resumed)
{
	__u64 *phase = s->report.phase_ns, gone, after = s->lanes.oneway_ns + resumed->since_ns;
	unsigned int i;

	_Static_assert(sizeof(resumed->phase_ns) == sizeof(s->report.phase_ns), "one enum");
	for (i = TERN_PHASE_RECEIVE; i <= TERN_PHASE_RESUME; i++)
		phase[i] = resumed->phase_ns[i];
	s->resumed = tern_source_now();
	gone = s->resumed - s->stood;
	phase[TERN_PHASE_TOTAL] = gone > after ? gone - after : gone;
}

static enum verdict on_abort(struct tern_source *s)
{
	unsigned int flags;

	if (!tern_source_cancelled(s, &flags))
		return UNKNOWN;
	if (flags & TERN_ASK_FORCE) {
		s->why.text[0] = '\0';
		tern_why_set(&s->why, -ECANCELED, "an operator's word: host %s does not run it",
			     s->job->peer->name);
		return NOT_THERE;
	}
	say(s, LOG_NOTICE, "in doubt, cannot be aborted: host %s may run the process; \"tern abort --force\" says that it does not",
	    s->job->peer->name);
	return UNKNOWN;
}

/* The answer to the blast. UNKNOWN: the link is of no more use. */
static enum verdict hear(struct tern_source *s)
{
	struct tern_link *link = &s->lanes.lane[0];
	struct tern_wire_resumed resumed;
	struct tern_wire head;
	enum verdict verdict;
	int rc;

	for (;;) {
		rc = tern_link_recv_head(link, &head, 0);
		if (rc != -ECANCELED)
			break;
		verdict = on_abort(s);
		if (verdict != UNKNOWN)
			return verdict;
	}
	if (rc)
		return UNKNOWN;
	switch (head.type) {
	case TERN_MSG_RESUMED:
		rc = tern_link_recv_body(link, &resumed, sizeof(resumed), ANSWER_MS);
		if (rc)
			return UNKNOWN;
		take_figures(s, &resumed);
		return THERE;
	case TERN_MSG_REFUSED:
		s->why.text[0] = '\0';
		tern_link_recv_refused(link, &s->why);
		return s->why.text[0] ? NOT_THERE : UNKNOWN;
	default:
		return UNKNOWN;
	}
}

static enum verdict ask(struct tern_source *s)
{
	struct tern_wire_answer answer;
	struct tern_link *link = &s->lanes.lane[0];
	int rc;

	s->why.text[0] = '\0';
	rc = tern_lanes_connect(&s->lanes, s->job, &s->why);
	if (rc == -ESTALE)
		return NOT_THERE;
	if (!rc)
		rc = tern_link_send(link, TERN_MSG_QUERY, NULL, 0);
	if (!rc)
		rc = tern_link_expect(link, TERN_MSG_ANSWER, &answer, sizeof(answer), ANSWER_MS,
				      &s->why);
	if (rc)
		return UNKNOWN;
	if (answer.state == TERN_PAGING || answer.state == TERN_INDEPENDENT)
		return THERE;
	s->why.text[0] = '\0';
	tern_why_set(&s->why, -EREMOTEIO, "the link broke, and host %s does not run it",
		     s->job->peer->name);
	return NOT_THERE;
}

static enum verdict resolve(struct tern_source *s)
{
	unsigned int pause = 100;
	enum verdict verdict;

	say(s, LOG_WARNING, "in doubt: link to host %s lost after the blast had left; asking until it answers",
	    s->job->peer->name);
	tern_precopy_fini(&s->precopy);
	tern_recent_fini(&s->recent);
	for (;;) {
		tern_lanes_close(&s->lanes);
		verdict = on_abort(s);
		if (verdict == UNKNOWN)
			verdict = ask(s);
		if (verdict != UNKNOWN)
			break;
		tern_source_pause(s, pause);
		pause = pause < 500 ? pause * 2 : 1000;
	}
	s->report.reconnects++;
	return verdict;
}

/* ---- committed ---- */

static int try_commit(struct tern_source *s)
{
	size_t room = SIGNALS_FIRST;

	for (;;) {
		size_t len = room;
		int rc;

		free(s->signals);
		s->signals = malloc(room);
		if (!s->signals)
			return -ENOMEM;
		rc = tern_dev_commit(s->dev, s->signals, &len, &s->why);
		if (!rc)
			s->signals_len = len;
		if (rc != -ENOSPC || room >= TERN_IMAGE_MAX)
			return rc;
		room *= 8;
	}
}

/*
 * The destination runs the migrant, so it must be committed, if not now then
 * later: only -EBADFD, from a state that allows no commit, is final.
 */
static int commit(struct tern_source *s)
{
	unsigned int pause = 100;
	int rc;

	while ((rc = try_commit(s)) && rc != -EBADFD) {
		say(s, LOG_ERR, "cannot be committed yet: %s", strerror(-rc));
		tern_source_pause(s, pause);
		pause = pause < 500 ? pause * 2 : 1000;
	}
	return rc;
}

static void serve(struct tern_source *s)
{
	int rc;

	say(s, LOG_INFO, "process %d runs on host %s", s->job->pid, s->job->peer->name);
	tern_dev_report(s->dev, &s->report);
	rc = tern_source_serve(s);
	if (!rc) {
		say(s, LOG_INFO, "independent: nothing of process %d is left here", s->job->pid);
		return;
	}
	if (rc == -ESTALE || rc == -EOWNERDEAD) {
		rc = tern_dev_fail(s->dev, TERN_FAIL_LOST, -rc, &s->why);
		say(s, LOG_ERR, "lost: %s", s->why.text);
	}
	if (rc)
		say(s, LOG_ERR, "stopped serving: %s; restart ternd to go on", strerror(-rc));
}

static void decide(struct tern_source *s, enum verdict verdict)
{
	int rc;

	if (verdict == UNKNOWN)
		verdict = resolve(s);
	if (verdict == NOT_THERE) {
		fail(s, TERN_FAIL_NOT_THERE, -EREMOTEIO);
		return;
	}
	rc = commit(s);
	if (rc)
		say(s, LOG_ERR, "cannot be committed: %s; restart ternd to go on",
		    s->why.text[0] ? s->why.text : strerror(-rc));
	else
		serve(s);
}

static void fresh(struct tern_source *s)
{
	int rc = tern_source_move(s);

	if (rc)
		fail(s, 0, rc);
	else
		decide(s, hear(s));
}

static void adopt(struct tern_source *s, unsigned int state)
{
	int rc = tern_source_kept(s);

	if (rc) {
		say(s, LOG_ERR, "cannot be taken over: %s",
		    s->why.text[0] ? s->why.text : strerror(-rc));
		return;
	}
	if (state == TERN_DOUBT)
		decide(s, UNKNOWN);
	else if (state == TERN_COMMITTED)
		serve(s);
	else
		say(s, LOG_ERR, "taken over in state %u, which ends with its daemon", state);
}

static void run(struct tern_source *s)
{
	struct tern_attach attach = { .side = TERN_SOURCE, .id = s->job->id };
	unsigned int state;
	int rc;

	s->dev = tern_dev_open();
	rc = s->dev < 0 ? s->dev : tern_dev_attach(s->dev, &attach);
	if (rc) {
		say(s, LOG_ERR, "cannot be attached to: %s", strerror(-rc));
		return;
	}
	state = s->job->state ? attach.state : TERN_REQUESTED;
	if (!s->job->peer) {
		tern_why_set(&s->why, -ENOENT,
			     "host %.63s is not in the configuration of this host: add a \"peer\" line and restart ternd",
			     attach.host);
		say(s, LOG_ERR, "%s", s->why.text);
		if (state == TERN_REQUESTED)
			tern_dev_fail(s->dev, 0, -ENOENT, &s->why);
	} else if (state == TERN_REQUESTED) {
		fresh(s);
	} else {
		adopt(s, state);
	}
}

/**
 * tern_source_run() - the job of a migration's source
 * @job: the migration
 *
 * Returns when it has ended, or when it can only go on with another daemon.
 */
void tern_source_run(struct tern_job *job)
{
	struct tern_source *s = calloc(1, sizeof(*s));

	if (!s) {
		tern_log(LOG_ERR, "migration %016" PRIx64 ": out of memory", (uint64_t)job->id);
		return;
	}
	s->job = job;
	s->pagemap = -1;
	s->kept[0] = -1;
	s->kept[1] = -1;
	s->kept[2] = -1;
	s->dev = -1;
	if (!tern_lanes_init(&s->lanes))
		run(s);
	tern_lanes_fini(&s->lanes);
	tern_prepared_fini(&s->prepared);
	tern_map_fini(&s->map);
	tern_draft_fini(&s->draft);
	tern_image_free(&s->image);
	tern_image_free(&s->wire);
	tern_precopy_fini(&s->precopy);
	tern_recent_fini(&s->recent);
	tern_source_keep_fini(s);
	if (s->first)
		tern_first_destroy(s->first);
	free(s->signals);
	if (s->dev >= 0)
		close(s->dev);
	free(s);
}
