// SPDX-License-Identifier: GPL-2.0
/*
 * One half of a migration: where it is in its life, who refers to it, and what
 * happens when somebody who should care for it goes away.
 *
 * Locks: host->lock, then m->lock. The state changes under m->lock only, in
 * tern_migration_set(). A migration is never freed in a live state: the host's
 * list holds it until it has ended and is old.
 */
#include <linux/module.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "barrier.h"
#include "become.h"
#include "connection.h"
#include "dev.h"
#include "hold.h"
#include "host.h"
#include "keep.h"
#include "late.h"
#include "migration.h"
#include "netlink.h"
#include "park.h"
#include "trace.h"
#include "unit.h"
#include "unwritten.h"

#define HISTORY_MAX	64	/* ended migrations that a host remembers */

static const char * const state_names[__TERN_STATE_MAX] = {
	[TERN_REQUESTED]	= "requested",
	[TERN_PARKING]		= "parking",
	[TERN_PARKED]		= "parked",
	[TERN_DOUBT]		= "in doubt",
	[TERN_COMMITTED]	= "committed",
	[TERN_SHELL]		= "shell",
	[TERN_LOADED]		= "loaded",
	[TERN_PAGING]		= "paging",
	[TERN_INDEPENDENT]	= "independent",
	[TERN_FAILED]		= "failed",
	[TERN_LOST]		= "lost",
	[TERN_PREPARED]		= "prepared",
};

#define TO(state)	BIT(TERN_##state)

static const u16 transitions[][__TERN_STATE_MAX] = {
	[TERN_SOURCE] = {
		[TERN_REQUESTED]	= TO(PREPARED) | TO(PARKING) | TO(FAILED),
		[TERN_PREPARED]		= TO(PARKING) | TO(FAILED),
		[TERN_PARKING]		= TO(PARKED) | TO(REQUESTED) | TO(FAILED),
		[TERN_PARKED]		= TO(DOUBT) | TO(REQUESTED) | TO(FAILED),
		[TERN_DOUBT]		= TO(COMMITTED) | TO(FAILED),
		[TERN_COMMITTED]	= TO(INDEPENDENT) | TO(LOST),
	},
	[TERN_DESTINATION] = {
		[TERN_SHELL]		= TO(LOADED) | TO(FAILED),
		[TERN_LOADED]		= TO(PAGING) | TO(FAILED),
		[TERN_PAGING]		= TO(INDEPENDENT) | TO(LOST),
	},
};

/** tern_state_name() - for people */
const char *tern_state_name(enum tern_state state)
{
	return state < __TERN_STATE_MAX && state_names[state] ?
	       state_names[state] : "unknown";
}

/** tern_state_final() - nothing follows */
bool tern_state_final(enum tern_state state)
{
	return state == TERN_INDEPENDENT || state == TERN_FAILED ||
	       state == TERN_LOST;
}

/** tern_state_may() - the transition table */
bool tern_state_may(enum tern_side side, enum tern_state from, enum tern_state to)
{
	return side >= TERN_SOURCE && side <= TERN_DESTINATION &&
	       from < __TERN_STATE_MAX && to < __TERN_STATE_MAX &&
	       (transitions[side][from] & BIT(to));
}

/**
 * tern_migration_set() - change the state: validate, trace, notify
 * @m: with its lock held
 * @to: the next state
 *
 * Return: 0 or -EBADFD when the table does not have the transition.
 */
int tern_migration_set(struct tern_migration *m, enum tern_state to)
{
	enum tern_state from = m->state;

	lockdep_assert_held(&m->lock);
	if (!tern_state_may(m->side, from, to))
		return -EBADFD;
	trace_tern_state(m->id, m->side, tern_state_name(from),
			 tern_state_name(to));
	WRITE_ONCE(m->state, to);
	if (tern_state_final(to)) {
		kvfree(m->image);
		m->image = NULL;
		m->image_size = 0;
		tern_connections_forget(&m->connections);
		tern_handover_end(m);
		tern_late_end(m);
		tern_unwritten_forget(&m->unwritten);
		tern_barrier_end(m);
		if (to == TERN_FAILED && m->side == TERN_DESTINATION)
			tern_hold_forward(m);
		tern_hold_end(m, to == TERN_FAILED && m->side == TERN_SOURCE);
		m->ended = ktime_get_boottime();
		tern_unit_remove(m);
		put_net(m->host->net);
		module_put(THIS_MODULE);
	}
	tern_netlink_event(m);
	wake_up_all(&m->news);
	return 0;
}

static void migration_free(struct kref *ref)
{
	struct tern_migration *m = container_of(ref, typeof(*m), ref);

	WARN_ON(!list_empty(&m->threads) || m->hold);
	tern_keep_drop(m);
	if (m->mm)
		mmput(m->mm);
	put_pid(m->pid);
	tern_late_put(m->late);
	tern_unit_put(m->unit);
	kvfree(m->log);
	kvfree(m->image);
	xa_destroy(&m->kept);
	mutex_destroy(&m->lock);
	kfree(m);
}

/** tern_migration_get() - one more reference */
struct tern_migration *tern_migration_get(struct tern_migration *m)
{
	kref_get(&m->ref);
	return m;
}

/** tern_migration_put() - one reference less */
void tern_migration_put(struct tern_migration *m)
{
	if (m)
		kref_put(&m->ref, migration_free);
}

static struct tern_migration *find_locked(struct tern_host *host, u64 id,
					  enum tern_side side)
{
	struct tern_migration *m;

	list_for_each_entry(m, &host->migrations, node)
		if (m->id == id && (!side || m->side == side))
			return m;
	return NULL;
}

/**
 * tern_migration_find() - look one up
 * @host: where
 * @id: which
 * @side: which half, 0: any
 *
 * Return: with a reference, or NULL.
 */
struct tern_migration *tern_migration_find(struct tern_host *host, u64 id,
					   enum tern_side side)
{
	struct tern_migration *m;

	mutex_lock(&host->lock);
	m = find_locked(host, id, side);
	if (m)
		tern_migration_get(m);
	mutex_unlock(&host->lock);
	return m;
}

/* Forget the oldest ended migrations beyond the limit; host->lock is held. */
static void prune(struct tern_host *host)
{
	struct tern_migration *m, *tmp;
	unsigned int ended = 0;

	list_for_each_entry(m, &host->migrations, node)
		ended += tern_state_final(READ_ONCE(m->state));
	list_for_each_entry_safe(m, tmp, &host->migrations, node) {
		if (ended <= HISTORY_MAX)
			break;
		/* what a lost migrant forked may still wait for its pages */
		if (!tern_state_final(READ_ONCE(m->state)) ||
		    m->state == TERN_LOST)
			continue;
		list_del_init(&m->node);
		tern_migration_put(m);
		ended--;
	}
}

/**
 * tern_migration_create() - a new half
 * @host: where; its lock is held
 * @side: which half
 * @id: its id; 0: choose one
 * @peer: the other host's name
 * @pid: the migrant; NULL: not known yet; the reference is taken over on success
 *
 * Return: a live migration with a reference for the caller, or ERR_PTR: -EEXIST.
 */
struct tern_migration *tern_migration_create(struct tern_host *host,
					     enum tern_side side, u64 id,
					     const char *peer, struct pid *pid)
{
	struct tern_migration *m;
	struct task_struct *task;

	lockdep_assert_held(&host->lock);
	while (!id)
		id = get_random_u64();
	m = find_locked(host, id, side);
	/* the source tries again with the same id; nothing came of the last try */
	if (m && READ_ONCE(m->state) == TERN_FAILED) {
		list_del_init(&m->node);
		tern_migration_put(m);
	} else if (m) {
		return ERR_PTR(-EEXIST);
	}
	m = kzalloc(sizeof(*m), GFP_KERNEL);
	if (!m)
		return ERR_PTR(-ENOMEM);
	kref_init(&m->ref);
	mutex_init(&m->lock);
	init_waitqueue_head(&m->wait);
	init_waitqueue_head(&m->news);
	INIT_LIST_HEAD(&m->threads);
	INIT_LIST_HEAD(&m->connections);
	INIT_LIST_HEAD(&m->unwritten);
	INIT_LIST_HEAD(&m->unit_node);
	hash_init(m->by_task);
	xa_init(&m->kept);
	m->host = host;
	m->id = id;
	m->side = side;
	m->state = side == TERN_SOURCE ? TERN_REQUESTED : TERN_SHELL;
	m->born = ktime_get_boottime();
	strscpy(m->peer, peer, sizeof(m->peer));
	m->pid = pid;
	rcu_read_lock();
	task = pid_task(pid, PIDTYPE_TGID);
	if (task)
		get_task_comm(m->comm, task);
	rcu_read_unlock();

	__module_get(THIS_MODULE);
	get_net(host->net);
	prune(host);
	list_add_tail(&m->node, &host->migrations);
	return tern_migration_get(m);
}

/*
 * The unit of the destination that is being made ready for @m's peer; host->lock is held,
 * under which units get members.
 */
static struct tern_unit *find_unit(struct tern_migration *m, u64 id)
{
	struct tern_migration *other;

	list_for_each_entry(other, &m->host->migrations, node)
		if (other->side == TERN_DESTINATION && other->unit && other->unit->id == id &&
		    !strcmp(other->peer, m->peer) && tern_unit_is_open(other->unit) &&
		    !tern_state_final(READ_ONCE(other->state)))
			return other->unit;
	return NULL;
}

/**
 * tern_migration_join() - make a destination one of a unit
 * @m: just created
 * @id: of the unit
 * @nr: how many members it will have
 *
 * With host->lock held. Return: 0, -ENOMEM, or -EINVAL: it has another number of them, or
 * all of them.
 */
int tern_migration_join(struct tern_migration *m, u64 id, unsigned int nr)
{
	struct tern_unit *unit;

	lockdep_assert_held(&m->host->lock);
	unit = find_unit(m, id);
	if (unit) {
		if (READ_ONCE(unit->nr) != nr || tern_unit_is_full(unit))
			return -EINVAL;
		tern_unit_add(unit, m);
		return 0;
	}
	unit = tern_unit_create(id, NULL, nr);
	if (!unit)
		return -ENOMEM;
	tern_unit_add(unit, m);
	tern_unit_put(unit);
	return 0;
}

/* The live migration that moves @pid away; host->lock is held. */
static struct tern_migration *find_source(struct tern_host *host, struct pid *pid)
{
	struct tern_migration *m;

	list_for_each_entry(m, &host->migrations, node)
		if (m->pid == pid && m->side == TERN_SOURCE &&
		    !tern_state_final(READ_ONCE(m->state)))
			return m;
	return NULL;
}

static int queue_migrate(struct tern_migration *m)
{
	struct tern_request request = {
		.what = TERN_REQUEST_MIGRATE,
		.side = TERN_SOURCE,
		.state = READ_ONCE(m->state),
		.flags = m->flags,
		.id = m->id,
	};

	strscpy(request.host, m->peer, sizeof(request.host));
	return tern_host_queue(m->host, &request, m->pid);
}

/* Asked for once more: what is held may go now, anything else is under way. */
static int ask_go(struct tern_migration *m, struct tern_ask *ask, struct tern_why *why)
{
	int err;

	if (!(m->flags & TERN_HOLD) || ask->flags & TERN_HOLD)
		return tern_why(why, -EALREADY,
				"process %d is being moved already, by %016llx",
				ask->pid, m->id);
	if (strcmp(m->peer, ask->host))
		return tern_why(why, -EALREADY,
				"process %d is prepared for host %s: move it there, or first abort %016llx",
				ask->pid, m->peer, m->id);
	mutex_lock(&m->lock);
	m->flags &= ~TERN_HOLD;
	mutex_unlock(&m->lock);
	err = queue_migrate(m);
	if (err) {
		mutex_lock(&m->lock);
		m->flags |= TERN_HOLD;
		mutex_unlock(&m->lock);
	}
	ask->id = m->id;
	return err;
}

/* The unit of @root, which gets one with its first member. */
static int make_unit(struct tern_migration *root)
{
	struct tern_unit *unit;
	int err = 0;

	mutex_lock(&root->lock);
	if (root->state != TERN_REQUESTED && root->state != TERN_PREPARED) {
		err = -EBADFD;
	} else if (!root->unit) {
		unit = tern_unit_create(root->id, root->pid, 0);
		if (unit)
			tern_unit_add(unit, root);
		else
			err = -ENOMEM;
		tern_unit_put(unit);
	}
	mutex_unlock(&root->lock);
	return err;
}

/**
 * tern_migration_member() - the source of a descendant of a migrant
 * @host: where
 * @unit: migration of the root
 * @nr: pid of the descendant, as the caller sees it
 *
 * Return: a live migration with a reference for the caller, or ERR_PTR: -ENOENT,
 * -ESRCH, -EALREADY, -EBADFD, -ENOMEM.
 */
struct tern_migration *tern_migration_member(struct tern_host *host, u64 unit, pid_t nr)
{
	struct pid *pid = find_get_pid(nr);
	struct tern_migration *root, *m;
	int err = 0;

	mutex_lock(&host->lock);
	root = find_locked(host, unit, TERN_SOURCE);
	if (!root || (root->unit && root->unit->id != root->id))
		err = -ENOENT;
	else if (!pid || !pid_has_task(pid, PIDTYPE_TGID))
		err = -ESRCH;
	else if (find_source(host, pid))
		err = -EALREADY;
	if (!err)
		err = make_unit(root);
	m = err ? ERR_PTR(err) :
		  tern_migration_create(host, TERN_SOURCE, 0, root->peer, pid);
	if (IS_ERR(m)) {
		put_pid(pid);
	} else {
		m->flags = root->flags & ~TERN_HOLD;
		tern_unit_add(root->unit, m);
	}
	mutex_unlock(&host->lock);
	return m;
}

static int ask_migrate(struct tern_host *host, struct tern_ask *ask,
		       struct tern_why *why)
{
	struct tern_migration *m;
	struct pid *pid;
	int err;

	if (ask->flags & ~TERN_FLAGS_ALL)
		return tern_why(why, -EINVAL, "unknown flags %#x", ask->flags);
	if ((ask->flags & (TERN_HOLD | TERN_COLD)) == (TERN_HOLD | TERN_COLD))
		return tern_why(why, -EINVAL,
				"to prepare and not to prepare do not go together");
	if (ask->flags & TERN_HYBRID && ask->flags & (TERN_COLD | TERN_LAZY))
		return tern_why(why, -EINVAL,
				"pages cannot be sent ahead and not be: hybrid goes neither with lazy nor without a preparation");
	if (!tern_host_knows(host, ask->host))
		return tern_why(why, -ENOENT,
				"host '%s' is not in the daemon's configuration",
				ask->host);
	pid = find_get_pid(ask->pid);
	if (!pid || !pid_has_task(pid, PIDTYPE_TGID)) {
		put_pid(pid);
		return tern_why(why, -ESRCH, "no process %d", ask->pid);
	}
	m = find_source(host, pid);
	if (m) {
		put_pid(pid);
		return ask_go(m, ask, why);
	}
	m = tern_migration_create(host, TERN_SOURCE, 0, ask->host, pid);
	if (IS_ERR(m)) {
		put_pid(pid);
		return PTR_ERR(m);
	}
	m->flags = ask->flags;
	err = queue_migrate(m);
	mutex_lock(&m->lock);
	if (err)
		WARN_ON(tern_migration_set(m, TERN_FAILED));
	else
		tern_netlink_event(m);
	mutex_unlock(&m->lock);
	ask->id = m->id;
	tern_migration_put(m);
	return err;
}

static int queue_abort(struct tern_host *host, struct tern_migration *m,
		       struct tern_request *request)
{
	request->id = m->id;
	request->side = m->side;
	request->state = m->state;
	strscpy(request->host, m->peer, sizeof(request->host));
	return tern_host_queue(host, request, m->pid);
}

/*
 * All or none: until they are in doubt the root's job has them in hand; then what is said
 * of one is said of all that are; and each that is committed stands for itself.
 */
static int abort_unit(struct tern_host *host, struct tern_migration *m,
		      struct tern_request *request)
{
	struct tern_migration *other;
	int err = 0;

	if (m->state == TERN_COMMITTED)
		return queue_abort(host, m, request);
	if (m->state != TERN_DOUBT) {
		other = find_locked(host, m->unit->id, TERN_SOURCE);
		return queue_abort(host, other ?: m, request);
	}
	list_for_each_entry(other, &host->migrations, node)
		if (other->side == TERN_SOURCE && other->unit == m->unit &&
		    READ_ONCE(other->state) == TERN_DOUBT)
			err = queue_abort(host, other, request) ?: err;
	return err;
}

static int ask_abort(struct tern_host *host, struct tern_ask *ask,
		     struct tern_why *why)
{
	struct tern_request request = {
		.what = TERN_REQUEST_ABORT,
		.flags = ask->flags,
		.id = ask->id,
	};
	struct tern_migration *m;

	if (ask->flags & ~TERN_ASK_FORCE)
		return tern_why(why, -EINVAL, "unknown flags %#x", ask->flags);
	m = find_locked(host, ask->id, 0);
	if (!m)
		return tern_why(why, -ENOENT, "no migration %016llx", ask->id);
	if (tern_state_final(READ_ONCE(m->state)))
		return tern_why(why, -EALREADY, "migration %016llx has ended: %s",
				ask->id, tern_state_name(m->state));
	if (m->side == TERN_SOURCE && m->unit)
		return abort_unit(host, m, &request);
	return queue_abort(host, m, &request);
}

/**
 * tern_migration_ask() - the one way in for tool and scheduler
 * @host: where
 * @ask: what; its id is set
 * @why: sentence
 *
 * The caller has checked that whoever asks may.
 */
int tern_migration_ask(struct tern_host *host, struct tern_ask *ask,
		       struct tern_why *why)
{
	int err;

	if (strnlen(ask->host, TERN_HOST_LEN) == TERN_HOST_LEN)
		return tern_why(why, -EINVAL, "the host's name is too long");
	mutex_lock(&host->lock);
	if (!host->daemon)
		err = tern_why(why, -ENOTCONN, "no daemon runs here: start ternd");
	else if (ask->what == TERN_ASK_MIGRATE)
		err = ask_migrate(host, ask, why);
	else if (ask->what == TERN_ASK_ABORT)
		err = ask_abort(host, ask, why);
	else
		err = tern_why(why, -EINVAL, "unknown request %u", ask->what);
	mutex_unlock(&host->lock);
	return err;
}

/** tern_migration_prepared() - the destination has laid it out (TERN_IOC_PREPARED) */
int tern_migration_prepared(struct tern_migration *m)
{
	int err;

	mutex_lock(&m->lock);
	err = tern_migration_set(m, TERN_PREPARED);
	mutex_unlock(&m->lock);
	return err;
}

/*
 * Of a unit that has not moved its root tells; a tree may have had many others meanwhile.
 * The caller has a reference.
 */
static void forget_member(struct tern_migration *m)
{
	bool known;

	if (!m->unit || m->id == m->unit->id)
		return;
	mutex_lock(&m->host->lock);
	known = !list_empty(&m->node);
	list_del_init(&m->node);
	mutex_unlock(&m->host->lock);
	if (known)
		tern_migration_put(m);
}

/* The others need not, and so nothing that ends with its shell speaks for them any more. */
static bool leave_unit(struct tern_migration *m)
{
	if (m->side == TERN_DESTINATION && m->state == TERN_SHELL && m->unit)
		m->leaves = tern_unit_leave(m->unit);
	return m->leaves;
}

/**
 * tern_migration_fail() - end a migration without success
 * @m: unlocked
 * @flags: TERN_FAIL_*
 * @err: positive errno
 * @why: sentence
 *
 * Return: 0; -EBUSY when the state needs a word that @flags does not give.
 */
int tern_migration_fail(struct tern_migration *m, u32 flags, int err,
			const char *why)
{
	enum tern_state to = TERN_FAILED;
	int ret = -EBUSY;

	mutex_lock(&m->lock);
	if (flags & TERN_FAIL_LEAVES && !leave_unit(m)) {
		ret = -EBADFD;
		goto out;
	}
	switch (m->state) {
	case TERN_SHELL:
	case TERN_LOADED:
		if (flags & TERN_FAIL_LEAVES)
			break;
		/* none of them will run, unless all do already */
		if (m->unit && !tern_unit_fail(m->unit) && m->goes)
			goto out;
		break;
	case TERN_DOUBT:
		if (!(flags & TERN_FAIL_NOT_THERE))
			goto out;
		break;
	case TERN_COMMITTED:
	case TERN_PAGING:
		if (!(flags & TERN_FAIL_LOST))
			goto out;
		to = TERN_LOST;
		break;
	default:
		break;
	}
	if (!tern_state_may(m->side, m->state, to)) {
		ret = -EBADFD;
		goto out;
	}
	m->err = err;
	strscpy(m->why.text, why, sizeof(m->why.text));
	if (m->side == TERN_SOURCE) {
		if (to == TERN_FAILED)
			tern_hold_release(m);
		tern_park_end(m, TERN_VERDICT_THAW);
	} else {
		tern_become_end(m);
	}
	/*
	 * What a lost migrant forked would read zeros if the userfaultfds were
	 * closed; they stay for ever. Otherwise nobody waits any more.
	 */
	if (to == TERN_FAILED)
		tern_keep_drop(m);
	tern_park_put_mm(m);
	ret = tern_migration_set(m, to);
out:
	mutex_unlock(&m->lock);
	if (!ret && to == TERN_FAILED)
		forget_member(m);
	return ret;
}

/**
 * tern_migration_release() - everything has arrived; free what this side holds
 * @m: unlocked
 *
 * At the source this drops the memory, at the destination the userfaultfds.
 */
int tern_migration_release(struct tern_migration *m)
{
	struct mm_struct *mm = NULL;
	int err;

	mutex_lock(&m->lock);
	err = tern_state_may(m->side, m->state, TERN_INDEPENDENT) ? 0 : -EBADFD;
	if (!err) {
		swap(mm, m->mm);
		tern_keep_drop(m);
		/* the event promises that the memory is free: free it first */
		if (mm)
			mmput(mm);
		err = tern_migration_set(m, TERN_INDEPENDENT);
	}
	mutex_unlock(&m->lock);
	return err;
}

/**
 * tern_migration_orphan() - a handle that stands for it has closed
 * @m: unlocked
 * @handle: the daemon's or the shell's
 *
 * What is not decided fails: a parked migrant runs on, a shell dies. What is in
 * doubt, committed or paging stays for the next daemon.
 */
void tern_migration_orphan(struct tern_migration *m, struct tern_handle *handle)
{
	bool shell;

	mutex_lock(&m->lock);
	shell = m->shell == handle;
	if (shell)
		m->shell = NULL;
	if (m->handle == handle)
		m->handle = NULL;
	mutex_unlock(&m->lock);
	tern_migration_fail(m, 0, shell ? ECHILD : ECONNABORTED,
			    shell ? "the shell has died" :
			    "the daemon has gone: start ternd again");
}
