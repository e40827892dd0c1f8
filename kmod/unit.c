// SPDX-License-Identifier: GPL-2.0
/*
 * Migrations of the processes of a tree. At the source a unit says which processes are
 * expected to move together; what happens to them is the daemon's to see to, until
 * they are in doubt. At the destination it is the one place where it is decided whether
 * all of them run or none.
 *
 * Locks: unit->lock is the innermost, inside of siglock, too, and so taken with interrupts
 * off.
 */
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "late.h"
#include "migration.h"
#include "unit.h"

#define GO_TIMEOUT	(150 * HZ)	/* the last of them may have to be laid out yet */

/**
 * tern_unit_create() - without members
 * @id: of the root's migration
 * @root: source: the root
 * @nr: destination: how many members there will be
 *
 * Return: with a reference for the caller, or NULL.
 */
struct tern_unit *tern_unit_create(u64 id, struct pid *root, unsigned int nr)
{
	struct tern_unit *unit = kzalloc(sizeof(*unit), GFP_KERNEL);

	if (!unit)
		return NULL;
	kref_init(&unit->ref);
	unit->id = id;
	unit->root = get_pid(root);
	unit->nr = nr;
	spin_lock_init(&unit->lock);
	INIT_LIST_HEAD(&unit->members);
	init_waitqueue_head(&unit->wait);
	return unit;
}

static void unit_free(struct kref *ref)
{
	struct tern_unit *unit = container_of(ref, typeof(*unit), ref);

	WARN_ON(!list_empty(&unit->members));
	tern_late_put(unit->late);
	put_pid(unit->root);
	kfree(unit);
}

/** tern_unit_put() - one reference less; NULL: nothing */
void tern_unit_put(struct tern_unit *unit)
{
	if (unit)
		kref_put(&unit->ref, unit_free);
}

/** tern_unit_add() - make a migration, which is in no unit, one of its members */
void tern_unit_add(struct tern_unit *unit, struct tern_migration *m)
{
	unsigned long irq;

	kref_get(&unit->ref);
	m->unit = unit;
	spin_lock_irqsave(&unit->lock, irq);
	list_add_tail(&m->unit_node, &unit->members);
	unit->nr_joined++;
	spin_unlock_irqrestore(&unit->lock, irq);
}

/** tern_unit_remove() - a migration has ended; it keeps its reference */
void tern_unit_remove(struct tern_migration *m)
{
	unsigned long irq;

	if (!m->unit)
		return;
	spin_lock_irqsave(&m->unit->lock, irq);
	list_del_init(&m->unit_node);
	spin_unlock_irqrestore(&m->unit->lock, irq);
}

/** tern_unit_has() - is process @pid one of those that move? */
bool tern_unit_has(struct tern_unit *unit, const struct pid *pid)
{
	struct tern_migration *m;
	bool has = false;
	unsigned long irq;

	spin_lock_irqsave(&unit->lock, irq);
	list_for_each_entry(m, &unit->members, unit_node)
		has |= m->pid == pid;
	spin_unlock_irqrestore(&unit->lock, irq);
	return has;
}

/**
 * tern_unit_pid() - a shell by its number, or a session or process group of shells
 * @m: destination: whose shell sees that number
 * @nr: the number, 0: nobody's
 * @type: PIDTYPE_TGID, PIDTYPE_SID or PIDTYPE_PGID
 *
 * Return: with a reference, if it is of @m, or of a migration that happens together with it;
 * else NULL.
 */
struct pid *tern_unit_pid(struct tern_migration *m, int nr, enum pid_type type)
{
	struct task_struct *task;
	struct pid *pid;

	rcu_read_lock();
	pid = find_pid_ns(nr, ns_of_pid(m->pid));
	/* whoever is in a session, or in a group, has it from a shell */
	task = pid ? pid_task(pid, type) : NULL;
	if (!task || (task_tgid(task) != m->pid &&
		      !(m->unit && tern_unit_has(m->unit, task_tgid(task)))))
		pid = NULL;
	get_pid(pid);
	rcu_read_unlock();
	return pid;
}

/** tern_unit_has_child() - is a child of @m's process in doubt still? */
bool tern_unit_has_child(struct tern_unit *unit, const struct tern_migration *m)
{
	struct tern_migration *other;
	struct task_struct *task;
	bool has = false;
	unsigned long irq;

	rcu_read_lock();
	spin_lock_irqsave(&unit->lock, irq);
	list_for_each_entry(other, &unit->members, unit_node) {
		task = pid_task(other->pid, PIDTYPE_TGID);
		has |= task && READ_ONCE(other->state) == TERN_DOUBT &&
		       task_tgid(rcu_dereference(task->real_parent)) == m->pid;
	}
	spin_unlock_irqrestore(&unit->lock, irq);
	rcu_read_unlock();
	return has;
}

/** tern_unit_is_full() - has it all its members? */
bool tern_unit_is_full(struct tern_unit *unit)
{
	return READ_ONCE(unit->nr_joined) >= READ_ONCE(unit->nr);
}

/**
 * tern_unit_expect() - others have left, or will join
 * @unit: of the destination
 * @nr: how many there will be
 *
 * Return: 0; -EINVAL: it has more; -EBADFD: it is too late.
 */
int tern_unit_expect(struct tern_unit *unit, unsigned int nr)
{
	int err = 0;
	unsigned long irq;

	spin_lock_irqsave(&unit->lock, irq);
	if (unit->state != TERN_UNIT_OPEN || unit->nr_ready)
		err = -EBADFD;
	else if (unit->nr_joined > nr)
		err = -EINVAL;
	else
		WRITE_ONCE(unit->nr, nr);
	spin_unlock_irqrestore(&unit->lock, irq);
	return err;
}

/** tern_unit_is_open() - may it still go one way or the other? */
bool tern_unit_is_open(struct tern_unit *unit)
{
	return READ_ONCE(unit->state) == TERN_UNIT_OPEN;
}

/* The first word counts. Return: what it is. */
static enum tern_unit_state decide(struct tern_unit *unit, enum tern_unit_state to)
{
	unsigned long irq;

	spin_lock_irqsave(&unit->lock, irq);
	if (unit->state == TERN_UNIT_OPEN)
		WRITE_ONCE(unit->state, to);
	to = unit->state;
	spin_unlock_irqrestore(&unit->lock, irq);
	wake_up_all(&unit->wait);
	return to;
}

/**
 * tern_unit_fail() - one of them cannot run: none must
 * @unit: of the destination
 *
 * Return: false: they go already.
 */
bool tern_unit_fail(struct tern_unit *unit)
{
	return decide(unit, TERN_UNIT_FAILED) == TERN_UNIT_FAILED;
}

/**
 * tern_unit_leave() - one of them does not move with the others, who may go on
 * @unit: of the destination
 *
 * Return: false: it is too late for that.
 */
bool tern_unit_leave(struct tern_unit *unit)
{
	bool open;
	unsigned long irq;

	spin_lock_irqsave(&unit->lock, irq);
	open = unit->state == TERN_UNIT_OPEN && !unit->nr_ready;
	if (open)
		unit->nr_joined--;
	spin_unlock_irqrestore(&unit->lock, irq);
	return open;
}

/**
 * tern_unit_go() - one more is ready; wait for the others
 * @unit: of the destination; no lock held
 *
 * Each member calls it once, and does what is left to do without fail when it
 * returns 0: there is no moment in which some of them are decided and others not.
 *
 * Return: 0: it runs; -ECANCELED: another does not; -ETIMEDOUT, -EINTR: neither does
 * this one.
 */
int tern_unit_go(struct tern_unit *unit)
{
	enum tern_unit_state state;
	bool last;
	long left;
	unsigned long irq;

	spin_lock_irqsave(&unit->lock, irq);
	last = ++unit->nr_ready == unit->nr;
	spin_unlock_irqrestore(&unit->lock, irq);
	if (last)
		return decide(unit, TERN_UNIT_GOES) == TERN_UNIT_GOES ? 0 : -ECANCELED;
	left = wait_event_killable_timeout(unit->wait, !tern_unit_is_open(unit), GO_TIMEOUT);
	if (left > 0)
		return READ_ONCE(unit->state) == TERN_UNIT_GOES ? 0 : -ECANCELED;
	state = decide(unit, TERN_UNIT_FAILED);
	if (state == TERN_UNIT_GOES)
		return 0;
	return left < 0 ? -EINTR : -ETIMEDOUT;
}
