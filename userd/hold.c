// SPDX-License-Identifier: GPL-2.0
/*
 * A migration that is held: the destination has laid the migrant out, which
 * runs on here, with its descendants, until an operator or a scheduler lets it go.
 * Meanwhile the preparation is kept up to date, seldom while nothing changes, and the
 * destination hears of us now and then.
 *
 * Runs in the root's thread; owns nothing, no locks.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#include "unit.h"

#define REFRESH_MIN_MS	100
#define REFRESH_MAX_MS	3200
#define ALIVE_MS	30000

/* 1: go; 0: the time is over; -ECANCELED, or the destination has something to say. */
static int wait_go(struct tern_source *s, unsigned int ms)
{
	struct pollfd p[3] = {
		{ .fd = s->job->go, .events = POLLIN },
		{ .fd = s->job->cancel, .events = POLLIN },
		{ .fd = s->lanes.lane[0].fd, .events = POLLIN },
	};
	eventfd_t n;
	int rc;

	rc = poll(p, 3, ms);
	if (rc < 0)
		return errno == EINTR ? 0 : -errno;
	if (p[1].revents)
		return -ECANCELED;
	if (p[0].revents) {
		eventfd_read(s->job->go, &n);
		return 1;
	}
	if (!p[2].revents)
		return 0;
	/* nothing is expected: a refusal, or the end of the link */
	rc = tern_link_expect(&s->lanes.lane[0], TERN_MSG_CLOCK, NULL, 0, ALIVE_MS, &s->why);
	return rc ? rc : -EPROTO;
}

/** tern_source_held() - has the migrant not been asked for yet? */
bool tern_source_held(const struct tern_source *s)
{
	return s->job->flags & TERN_HOLD && !s->released;
}

/* What has changed of any of them since the last look; @ping: and that we are here. */
static int refresh(struct tern_unit *unit, bool ping, bool *changed)
{
	unsigned int i, drafts;
	int rc = tern_unit_same(unit);

	for (i = 0; i < unit->nr && !rc; i++) {
		struct tern_source *s = unit->member[i];

		drafts = s->drafts;
		rc = tern_source_draft(s);
		*changed |= s->drafts != drafts;
		if (!rc && ping)
			rc = tern_lanes_clock(&s->lanes);
		rc = tern_unit_blame(unit, i, rc);
	}
	return rc;
}

/**
 * tern_unit_hold() - keep what is prepared until it is asked for
 * @unit: all shells are dressed
 *
 * Return: 0: go; -EAGAIN: so much has changed that all must be prepared anew; another
 * error: it is over.
 */
int tern_unit_hold(struct tern_unit *unit)
{
	struct tern_source *root = unit->member[0];
	unsigned int ms = REFRESH_MIN_MS, quiet = 0;
	bool changed;
	int rc;

	rc = tern_dev_prepared(root->dev);
	/* prepared anew, it stays what it was */
	if (rc && rc != -EBADFD)
		return rc;
	for (;;) {
		rc = wait_go(root, ms);
		if (rc)
			return rc < 0 ? rc : 0;
		changed = false;
		quiet += ms;
		rc = refresh(unit, quiet >= ALIVE_MS, &changed);
		if (rc)
			return rc;
		if (quiet >= ALIVE_MS)
			quiet = 0;
		if (changed)
			ms = REFRESH_MIN_MS;
		else if (ms < REFRESH_MAX_MS)
			ms *= 2;
	}
}
