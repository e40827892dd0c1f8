// SPDX-License-Identifier: GPL-2.0
/*
 * A tree that has changed since it was laid out at the destination. Those that have ended
 * leave, those that have changed too much leave to be introduced once more, and the others
 * stay as they are and hear of their new places: what has been done for them is not done
 * again. A tree that starts others all the time would never be ready else.
 *
 * Where that cannot be, all of them are forgotten, and begin anew. Runs in the root's thread;
 * no locks.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#define SETTLED_MS	30000
#define SKIPPED		4	/* messages that may come before it */

/**
 * tern_unit_anew() - all of them are prepared from the beginning
 * @unit: the unit; nothing of it is at the destination afterwards
 */
void tern_unit_anew(struct tern_unit *unit)
{
	unsigned int i;

	for (i = 0; i < unit->nr; i++)
		if (unit->member[i]->introduced)
			tern_source_forget(unit->member[i]);
	tern_unit_drop_gone(unit);
	unit->spoilt = false;
	unit->attempt++;
}

/* ---- who can stay ------------------------------------------------------------------ */

static bool stays(const struct tern_source *s)
{
	return s->introduced && !s->stale;
}

/* Its shell is a child, or in a session or group, of one that does not stay. */
static bool depends_on_stale(const struct tern_unit *unit, const struct tern_lineage *lineage)
{
	unsigned int i;

	for (i = 1; i < unit->nr; i++) {
		const struct tern_source *s = unit->member[i];
		int pid;

		if (!s->introduced || !s->stale || !s->prepared.own_tids)
			continue;
		pid = s->prepared.own_tids[0];
		if (pid == lineage->parent || pid == lineage->session || pid == lineage->group)
			return true;
	}
	return false;
}

/* A shell cannot get another parent or session. */
static bool is_in_place(const struct tern_unit *unit, unsigned int n, struct tern_lineage *now)
{
	const struct tern_lineage *was = &unit->member[n]->prepared.lineage;
	struct tern_why why = { "" };

	return !tern_unit_lineage(unit, n, now, &why) && now->parent == was->parent &&
	       now->session == was->session;
}

/* One may lead the group of another that comes before it: until nobody is found any more. */
static void find_stale(const struct tern_unit *unit)
{
	struct tern_lineage now[TERN_PROCESSES_MAX];
	bool found = true;
	unsigned int i;

	for (i = 1; i < unit->nr; i++)
		if (stays(unit->member[i]) && !is_in_place(unit, i, &now[i]))
			unit->member[i]->stale = true;
	while (found) {
		found = false;
		for (i = 1; i < unit->nr; i++) {
			struct tern_source *s = unit->member[i];

			if (!stays(s) || !depends_on_stale(unit, &now[i]))
				continue;
			s->stale = true;
			found = true;
		}
	}
}

/* ---- and what the destination hears -------------------------------------------------- */

/* Past whatever it had to say when it was asked. */
static int hear_settled(struct tern_link *link)
{
	struct tern_wire head;
	unsigned int i;
	void *body;
	int rc;

	for (i = 0; i <= SKIPPED; i++) {
		rc = tern_link_recv_head(link, &head, SETTLED_MS);
		if (rc || head.type == TERN_MSG_SETTLED)
			return rc;
		body = malloc(head.len + 1);
		if (!body)
			return -ENOMEM;
		rc = head.len ? tern_link_recv_body(link, body, head.len, SETTLED_MS) : 0;
		free(body);
		if (rc)
			return rc;
	}
	return -EPROTO;
}

static int leave(struct tern_source *s)
{
	int rc = tern_link_send(&s->lanes.lane[0], TERN_MSG_LEAVE, NULL, 0);

	return rc ? rc : hear_settled(&s->lanes.lane[0]);
}

static int compare_place(const void *a, const void *b)
{
	const struct tern_source *const *x = a, *const *y = b;
	unsigned int m = (*x)->prepared.lineage.member, n = (*y)->prepared.lineage.member;

	return (m < n) - (m > n);
}

/* Children first: the shell of its parent reaps each. */
static int leave_all(struct tern_unit *unit, unsigned int *left)
{
	struct tern_source *leaving[2 * TERN_PROCESSES_MAX];
	unsigned int i, nr = 0;
	int rc = 0;

	for (i = 1; i < unit->nr; i++)
		if (unit->member[i]->introduced && unit->member[i]->stale)
			leaving[nr++] = unit->member[i];
	for (i = 0; i < unit->nr_gone; i++)
		leaving[nr++] = unit->gone[i];
	qsort(leaving, nr, sizeof(leaving[0]), compare_place);
	for (i = 0; i < nr && !rc; i++) {
		rc = tern_source_cancelled(unit->member[0], NULL) ? -ECANCELED : leave(leaving[i]);
		tern_source_forget(leaving[i]);
	}
	tern_unit_drop_gone(unit);
	*left = nr;
	return rc;
}

/* The root is told in any case: how many there are it hears from nobody else. */
static bool is_placed(const struct tern_unit *unit, unsigned int n)
{
	return n && unit->member[n]->prepared.lineage.member == n;
}

/* All are told before any is heard. */
static int place_all(struct tern_unit *unit)
{
	bool told[TERN_PROCESSES_MAX] = { false };
	unsigned int i;
	int rc = 0;

	for (i = 0; i < unit->nr && !rc; i++) {
		const struct tern_wire_place place = { .nr_members = unit->nr, .member = i };
		struct tern_source *s = unit->member[i];

		if (!s->introduced || is_placed(unit, i))
			continue;
		rc = tern_link_send(&s->lanes.lane[0], TERN_MSG_PLACE, &place, sizeof(place));
		s->prepared.lineage.nr = place.nr_members;
		s->prepared.lineage.member = place.member;
		told[i] = true;
	}
	for (i = 0; i < unit->nr && !rc; i++)
		if (told[i])
			rc = hear_settled(&unit->member[i]->lanes.lane[0]);
	return rc;
}

static void say_who_stays(const struct tern_unit *unit, unsigned int left)
{
	unsigned int i, stay = 0;

	for (i = 0; i < unit->nr; i++)
		stay += unit->member[i]->introduced;
	tern_log(LOG_INFO, "migration %016" PRIx64 ": its tree has changed: %u of %u processes are prepared, %u have left",
		 (uint64_t)unit->member[0]->job->id, stay, unit->nr, left);
}

/* A shell that was made for one alone is in no unit; and the root is all others' parent. */
static bool can_stay(const struct tern_unit *unit)
{
	const struct tern_source *root = unit->member[0];

	return stays(root) && !unit->spoilt && root->prepared.lineage.unit;
}

/**
 * tern_unit_revise() - the destination forgets those that do not move any more
 * @unit: found anew
 *
 * Those that have not been introduced afterwards are to be. Return: false: that is all of them.
 */
bool tern_unit_revise(struct tern_unit *unit)
{
	unsigned int left;
	int rc;

	if (can_stay(unit)) {
		find_stale(unit);
		rc = leave_all(unit, &left);
		if (!rc)
			rc = place_all(unit);
		if (!rc) {
			say_who_stays(unit, left);
			return true;
		}
	}
	tern_unit_anew(unit);
	return false;
}
