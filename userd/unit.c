// SPDX-License-Identifier: GPL-2.0
/*
 * The processes that move together, at the source. The root's job has all of them in
 * hand until it is known where they run; from then on each has a thread of its own.
 *
 * Owns the sources of all members but the root. No locks: one thread uses it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

/* A migration of process @pid, which moves together with @root's. */
static int make_member(struct tern_source *root, int pid, struct tern_source **member)
{
	struct tern_attach attach = {
		.side = TERN_SOURCE, .flags = TERN_ATTACH_CREATE, .pid = pid,
		.unit = root->job->id,
	};
	struct tern_job *job;
	int dev, rc;

	dev = tern_dev_open();
	if (dev < 0)
		return dev;
	rc = tern_dev_attach(dev, &attach);
	job = rc ? NULL : tern_job_member(root->job, attach.id, pid);
	/* were it not ours to end, closing the handle would */
	*member = job ? tern_source_create(job, dev) : NULL;
	if (*member)
		return 0;
	if (job)
		tern_job_drop(job);
	close(dev);
	if (rc == -EALREADY)
		return tern_why_set(&root->why, rc,
				    "process %d, which would move with it, is being moved already",
				    pid);
	/* it has ended since it was found */
	return rc == -ESRCH ? -EAGAIN : rc ? rc : -ENOMEM;
}

static struct tern_source *take_old(struct tern_unit *unit, int pid)
{
	struct tern_source *found = NULL;
	unsigned int i;

	for (i = 0; i < unit->nr && !found; i++)
		if (unit->member[i] && unit->member[i]->job->pid == pid) {
			found = unit->member[i];
			unit->member[i] = NULL;
		}
	return found;
}

static void drop(struct tern_source *s)
{
	struct tern_job *job = s->job;

	tern_source_destroy(s);
	tern_job_drop(job);
}

/**
 * tern_unit_drop() - have nothing to do with a member any more
 * @unit: the unit
 * @n: which, not the root; its migration has ended, or does so now
 */
void tern_unit_drop(struct tern_unit *unit, unsigned int n)
{
	struct tern_source *s = unit->member[n];

	unit->member[n] = NULL;
	if (s)
		drop(s);
}

/** tern_unit_drop_gone() - likewise with those that do not move any more */
void tern_unit_drop_gone(struct tern_unit *unit)
{
	while (unit->nr_gone)
		drop(unit->gone[--unit->nr_gone]);
}

/* What is left of @old has ended, or is no descendant any more. */
static void let_go(struct tern_unit *unit, struct tern_unit *old)
{
	struct tern_why why = { "it does not move with the others any more" };
	unsigned int i;

	for (i = 0; i < old->nr; i++) {
		struct tern_source *s = old->member[i];

		if (!s)
			continue;
		tern_dev_fail(s->dev, 0, -ESRCH, &why);
		if (s->introduced && unit->nr_gone < TERN_PROCESSES_MAX) {
			unit->gone[unit->nr_gone++] = s;
			continue;
		}
		unit->spoilt |= s->introduced;
		drop(s);
	}
}

/**
 * tern_unit_find() - the root's descendants, as they are now
 * @unit: has the root; sources of those that it has still are kept
 *
 * What the destination knows of them is not changed: that is tern_unit_revise()'s. One that
 * ends while it is found is left out; the capture sees to it that there are no others.
 */
int tern_unit_find(struct tern_unit *unit)
{
	struct tern_source *root = unit->member[0], *s;
	__s32 pids[TERN_PROCESSES_MAX];
	struct tern_unit old = *unit;
	unsigned int nr, i;
	int rc;

	rc = tern_dev_tree(root->dev, pids, &nr);
	if (rc)
		return tern_why_set(&root->why, rc,
				    rc == -ESRCH ? "the process has ended" :
				    "its descendants cannot be found: %s", strerror(-rc));
	old.member[0] = NULL;
	unit->nr = 1;
	for (i = 1; i < nr && (!rc || rc == -EAGAIN); i++) {
		s = take_old(&old, pids[i]);
		rc = s ? 0 : make_member(root, pids[i], &s);
		if (!rc)
			unit->member[unit->nr++] = s;
	}
	let_go(unit, &old);
	return rc == -EAGAIN ? 0 : rc;
}

static bool is_member(const struct tern_unit *unit, int pid)
{
	unsigned int i;

	for (i = 0; i < unit->nr; i++)
		if (unit->member[i]->job->pid == pid)
			return true;
	return false;
}

/* Who can make it: only who is in its session, or led it, and only as a child of its parent. */
static int find_maker(const struct tern_unit *unit, unsigned int n, struct tern_lineage *lineage)
{
	struct tern_lineage other;
	unsigned int i;
	int rc;

	lineage->maker = lineage->parent;
	if (lineage->session == unit->member[n]->job->pid)
		return 0;
	rc = tern_proc_lineage(lineage->parent, &other);
	if (rc || other.session == lineage->session)
		return rc;
	for (i = 1; i < n; i++) {
		rc = tern_proc_lineage(unit->member[i]->job->pid, &other);
		if (rc)
			return rc;
		if (other.parent == lineage->parent && other.session == lineage->session) {
			lineage->maker = unit->member[i]->job->pid;
			return 0;
		}
	}
	lineage->led = TERN_WIRE_LED;
	/* it has come to the first process of a pod, and will again (kmod/tree.c) */
	if (is_member(unit, lineage->session)) {
		lineage->led = TERN_WIRE_STRAY;
		lineage->maker = lineage->session;
	}
	return 0;
}

/* From the numbers that we know to those that it knows; 0 remains. */
static int own_numbers(int pid, struct tern_lineage *lineage)
{
	if (lineage->parent)
		lineage->parent = tern_proc_own(lineage->parent, lineage->parent, "NSpid:",
						NULL);
	if (lineage->maker)
		lineage->maker = tern_proc_own(lineage->maker, lineage->maker, "NSpid:", NULL);
	if (lineage->group)
		lineage->group = tern_proc_own(pid, pid, "NSpgid:", NULL);
	if (lineage->session)
		lineage->session = tern_proc_own(pid, pid, "NSsid:", NULL);
	return lineage->parent < 0 || lineage->maker < 0 || lineage->group < 0 ||
	       lineage->session < 0 ? -ESRCH : 0;
}

/**
 * tern_unit_lineage() - where a member stands
 * @unit: the unit
 * @n: which
 * @lineage: filled; zero, if the root has no descendants
 * @why: what has changed
 */
int tern_unit_lineage(const struct tern_unit *unit, unsigned int n, struct tern_lineage *lineage,
		    struct tern_why *why)
{
	const struct tern_job *root = unit->member[0]->job;
	struct tern_lineage of_root;
	int rc;

	memset(lineage, 0, sizeof(*lineage));
	if (unit->nr == 1)
		return 0;
	rc = tern_proc_lineage(unit->member[n]->job->pid, lineage);
	if (!rc)
		rc = tern_proc_lineage(root->pid, &of_root);
	if (rc)
		return tern_why_set(why, -EAGAIN, "one of its descendants has ended; try again");
	lineage->unit = root->id;
	lineage->nr = unit->nr;
	lineage->attempt = unit->attempt;
	lineage->member = n;
	if (n && !is_member(unit, lineage->parent))
		return tern_why_set(why, -EAGAIN, "process %d has lost its parent; try again",
				    unit->member[n]->job->pid);
	rc = n ? find_maker(unit, n, lineage) : 0;
	if (!n)
		lineage->parent = 0;
	if (!n || lineage->group == of_root.group)
		lineage->group = 0;
	if (!n || lineage->session == of_root.session)
		lineage->session = 0;
	lineage->root = tern_proc_own(root->pid, root->pid, "NSpid:", NULL);
	if (!rc)
		rc = own_numbers(unit->member[n]->job->pid, lineage);
	return rc || lineage->root < 0 ?
	       tern_why_set(why, -EAGAIN, "one of its descendants has ended; try again") : 0;
}

/**
 * tern_unit_same() - is the tree what it was when it was found?
 * @unit: the unit
 *
 * -EAGAIN: no.
 */
int tern_unit_same(const struct tern_unit *unit)
{
	__s32 pids[TERN_PROCESSES_MAX];
	unsigned int nr, i;
	int rc = tern_dev_tree(unit->member[0]->dev, pids, &nr);

	if (rc || nr != unit->nr)
		return -EAGAIN;
	for (i = 1; i < nr && !rc; i++)
		rc = pids[i] == unit->member[i]->job->pid ? 0 : -EAGAIN;
	return rc;
}

/**
 * tern_unit_blame() - what went wrong with one of them
 * @unit: the unit
 * @n: which
 * @rc: what; its sentence is looked for with the root
 *
 * Return: @rc; -EAGAIN if it has ended: then it moves no more.
 */
int tern_unit_blame(struct tern_unit *unit, unsigned int n, int rc)
{
	const struct tern_source *s = unit->member[n];
	struct tern_source *root = unit->member[0];

	if (!rc || s == root)
		return rc;
	if (s->why.text[0])
		tern_why_set(&root->why, rc, "process %d: %.200s", s->job->pid, s->why.text);
	return tern_proc_ended(s->job->pid) ? -EAGAIN : rc;
}

static bool is_same_file(int a, int b)
{
	struct stat x, y;

	return !fstat(a, &x) && !fstat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static bool has_dirty(const struct tern_prepared *p, int fd)
{
	unsigned int i;

	for (i = 0; i < p->nr_dirty; i++)
		if (is_same_file(p->dirty[i], fd))
			return true;
	return false;
}

/**
 * tern_unit_forget_dirty() - what is written back for one of them is for all
 * @unit: the unit
 * @n: a member, prepared: it keeps the files that those before it do not have
 */
void tern_unit_forget_dirty(struct tern_unit *unit, unsigned int n)
{
	struct tern_prepared *p = &unit->member[n]->prepared;
	unsigned int i, other, to = 0;

	for (i = 0; i < p->nr_dirty; i++) {
		for (other = 0; other < n; other++)
			if (has_dirty(&unit->member[other]->prepared, p->dirty[i]))
				break;
		if (other < n)
			close(p->dirty[i]);
		else
			p->dirty[to++] = p->dirty[i];
	}
	p->nr_dirty = to;
}

/**
 * tern_unit_fail() - none of them moves
 * @unit: the unit
 * @flags: TERN_FAIL_NOT_THERE: some of them are in doubt, and do not run elsewhere
 * @err: negative errno
 * @why: its sentence
 */
void tern_unit_fail(struct tern_unit *unit, unsigned int flags, int err,
		    const struct tern_why *why)
{
	unsigned int i;
	int rc;

	tern_unit_drop_gone(unit);
	for (i = unit->nr; i--;) {
		const struct tern_source *s = unit->member[i];

		rc = tern_dev_fail(s->dev, flags, err, why);
		if (rc)
			tern_log(LOG_ERR,
				 "migration %016" PRIx64 ": the kernel would not end it: %s",
				 (uint64_t)s->job->id, strerror(-rc));
		if (i)
			tern_unit_drop(unit, i);
	}
	unit->nr = 1;
}
