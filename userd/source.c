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

#include "net.h"
#include "unit.h"

#define ANSWER_MS	10000
#define REASON_MS	1000
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

/* A pod's interface, which has been kept from sending when its process was in doubt. */
static void return_to_segment(const struct tern_source *s)
{
	struct tern_why why = { "" };

	if (tern_net_unmute(s->job->pid, &why))
		say(s, LOG_ERR, "%s", why.text);
}

/* It did not happen: the migrant runs on here, and all that would have moved with it. */
static void fail(struct tern_unit *unit, unsigned int flags, int err)
{
	struct tern_source *s = unit->member[0];
	struct tern_why *why = &s->why;

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
	say(s, LOG_NOTICE, "failed, process %d runs on here: %s", s->job->pid,
	    why->text[0] ? why->text : strerror(-err));
	if (flags & TERN_FAIL_NOT_THERE)
		return_to_segment(s);
	tern_unit_fail(unit, flags, err, why);
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
		/* its connections would have to wait behind them */
		if (!s->owes)
			tern_recent_follow(s, true);
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
		/* what followed the blast has not arrived, perhaps */
		s->owes = s->hands_over;
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
		tern_job_leaves(s->job);
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
		tern_forward_over(&s->forward);
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

/* It is there, and has not said so: the link is made again by whoever serves. */
static void go_on_without(struct tern_source *s)
{
	tern_precopy_fini(&s->precopy);
	tern_recent_fini(&s->recent);
	tern_lanes_close(&s->lanes);
	s->report.reconnects++;
}

/* What it has to say is how long it took: that it runs is known by the root's word. */
static void serve_member(void *arg)
{
	struct tern_source *s = arg;
	enum verdict verdict = s->lanes.lane[0].fd < 0 ? UNKNOWN : hear(s);

	if (verdict == NOT_THERE)
		say(s, LOG_ERR, "host %s does not run process %d, but those that move with it",
		    s->job->peer->name, s->job->pid);
	if (verdict != THERE)
		go_on_without(s);
	serve(s);
	tern_source_destroy(s);
}

static void cannot_go_on(struct tern_source *s, const char *what, int rc)
{
	say(s, LOG_ERR, "cannot be %s: %s; restart ternd to go on", what,
	    s->why.text[0] ? s->why.text : strerror(-rc));
}

/* Each of the others is served by a thread of its own. */
static void serve_all(struct tern_unit *unit)
{
	struct tern_party *party = unit->nr > 1 ? tern_party_create() : NULL;
	unsigned int i;
	int rc;

	for (i = 0; i < unit->nr; i++)
		if (unit->member[i])
			tern_party_enter(party, unit->member[i]);
	tern_party_put(party);
	for (i = 1; i < unit->nr; i++) {
		struct tern_source *s = unit->member[i];

		rc = s ? tern_job_start(s->job, serve_member, s) : 0;
		if (!rc)
			continue;
		cannot_go_on(s, "served", rc);
		tern_unit_drop(unit, i);
	}
}

/* Children first: their parents' end would be told to them, and must not be. */
static void commit_all(struct tern_unit *unit)
{
	unsigned int i;
	int rc = 0;

	/* unless they have followed the blast */
	for (i = 0; i < unit->nr; i++)
		tern_source_hand_over(unit->member[i]);
	for (i = 0; i < unit->nr; i++)
		tern_source_write_back(unit->member[i]);
	for (i = unit->nr; i--;) {
		rc = commit(unit->member[i]);
		if (!rc)
			continue;
		cannot_go_on(unit->member[i], "committed", rc);
		if (i)
			tern_unit_drop(unit, i);
	}
	serve_all(unit);
	if (!rc)
		serve(unit->member[0]);
}

/*
 * Who was the reason that none of them runs? The others have been told no more than that
 * there is one.
 */
static void find_reason(struct tern_unit *unit)
{
	struct tern_source *root = unit->member[0];
	unsigned int i;

	for (i = 1; i < unit->nr; i++) {
		struct tern_source *s = unit->member[i];
		struct pollfd p = { .fd = s->lanes.lane[0].fd, .events = POLLIN };

		if (poll(&p, 1, REASON_MS) <= 0 || hear(s) != NOT_THERE ||
		    !strcmp(s->why.text, root->why.text))
			continue;
		root->why.text[0] = '\0';
		tern_why_set(&root->why, -EREMOTEIO, "process %d: %.220s", s->job->pid,
			     s->why.text);
		return;
	}
}

/*
 * Who runs the unit? The destination lets all of them run or none, so what is known of
 * the root is known of all.
 */
static enum verdict learn(struct tern_unit *unit, bool heard)
{
	struct tern_source *root = unit->member[0];
	enum verdict verdict = heard ? hear(root) : UNKNOWN;

	if (verdict == UNKNOWN)
		return resolve(root);
	if (verdict == NOT_THERE)
		find_reason(unit);
	return verdict;
}

static void decide(struct tern_unit *unit, bool heard)
{
	if (learn(unit, heard) == NOT_THERE)
		fail(unit, TERN_FAIL_NOT_THERE, -EREMOTEIO);
	else
		commit_all(unit);
}

static void fresh(struct tern_unit *unit)
{
	int rc = tern_source_move(unit);

	if (rc)
		fail(unit, unit->sent ? TERN_FAIL_NOT_THERE : 0, rc);
	else
		decide(unit, true);
}

/* A daemon before us has committed it. */
static void serve_again(struct tern_source *s)
{
	tern_source_hand_over(s);
	tern_source_write_back(s);
	serve(s);
}

/* Each by itself: the destination has decided for all, and will not say otherwise. */
static void adopt(struct tern_unit *unit, unsigned int state)
{
	struct tern_source *s = unit->member[0];
	int rc = tern_source_kept(s);

	if (rc) {
		say(s, LOG_ERR, "cannot be taken over: %s",
		    s->why.text[0] ? s->why.text : strerror(-rc));
		return;
	}
	if (state == TERN_DOUBT)
		decide(unit, false);
	else if (state == TERN_COMMITTED)
		serve_again(s);
	else
		say(s, LOG_ERR, "taken over in state %u, which ends with its daemon", state);
}

static void run(struct tern_source *s)
{
	struct tern_attach attach = { .side = TERN_SOURCE, .id = s->job->id };
	struct tern_unit unit = { .member = { s }, .nr = 1 };
	unsigned int state;
	int rc;

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
		fresh(&unit);
	} else {
		adopt(&unit, state);
	}
}

/**
 * tern_source_create() - the source's half of a migration
 * @job: the migration
 * @dev: handle of /dev/tern, owned if this succeeds; negative: none
 *
 * Return: NULL: no memory.
 */
struct tern_source *tern_source_create(struct tern_job *job, int dev)
{
	struct tern_source *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->job = job;
	s->pagemap = -1;
	s->kept[0] = -1;
	s->kept[1] = -1;
	s->kept[2] = -1;
	if (tern_lanes_init(&s->lanes)) {
		free(s);
		return NULL;
	}
	s->dev = dev;
	return s;
}

/** tern_source_forget() - what was prepared is of no more use: the destination hears so */
void tern_source_forget(struct tern_source *s)
{
	tern_forward_stop(&s->forward);
	tern_lanes_close(&s->lanes);
	tern_draft_fini(&s->draft);
	tern_precopy_fini(&s->precopy);
	tern_prepared_fini(&s->prepared);
	s->introduced = false;
	s->stale = false;
}

/** tern_source_destroy() - give all of it back; the kernel does what the state demands */
void tern_source_destroy(struct tern_source *s)
{
	tern_party_leave(s);
	tern_forward_stop(&s->forward);
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
	free(s->sockets);
	if (s->dev >= 0)
		close(s->dev);
	free(s);
}

/**
 * tern_source_run() - the job of a migration's source
 * @job: the migration
 *
 * Returns when it has ended, or when it can only go on with another daemon.
 */
void tern_source_run(struct tern_job *job)
{
	int dev = tern_dev_open();
	struct tern_source *s = tern_source_create(job, dev);

	if (!s) {
		if (dev >= 0)
			close(dev);
		tern_log(LOG_ERR, "migration %016" PRIx64 ": out of memory", (uint64_t)job->id);
		return;
	}
	run(s);
	tern_source_destroy(s);
}
