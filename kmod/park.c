// SPDX-License-Identifier: GPL-2.0
/*
 * Stopping a process, at the source. Every thread is asked by task work to save
 * itself in its own context, where registers and extended state are at hand,
 * and waits there killably for a verdict: go on, or end.
 *
 * The task work is queued with TWA_SIGNAL, so it runs within the kernel's signal
 * exit path (kernel/signal.c, get_signal()): a blocked call has been taken back
 * with a restart code by then, and the very same path restarts it afterwards.
 *
 * Locks: m->lock is held by whoever parks or decides; the threads themselves
 * never take it. A work item cannot be cancelled: once the verdict is given it
 * becomes a no-op. Each holds a reference on the module.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/pid_namespace.h>
#include <linux/sched/clock.h>
#include <linux/sched/coredump.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "arch/arch.h"
#include "capture.h"
#include "connection.h"
#include "fault.h"
#include "hold.h"
#include "image.h"
#include "late.h"
#include "migration.h"
#include "obj.h"
#include "park.h"
#include "restart.h"
#include "trace.h"
#include "unit.h"
#include "unwritten.h"
#include "xstate.h"

#define PARK_TIMEOUT_MS		1000
#define PARK_TIMEOUT_MAX_MS	60000
#define LATER_MAX		200	/* tries, while the others stand */

static void thread_free(struct kref *ref)
{
	struct tern_thread *thread = container_of(ref, typeof(*thread), ref);

	tern_migration_put(thread->migration);
	put_task_struct(thread->task);
	kvfree(thread->xstate);
	kfree(thread);
}

/** tern_thread_put() - one reference less */
void tern_thread_put(struct tern_thread *thread)
{
	kref_put(&thread->ref, thread_free);
}

/**
 * tern_thread_create() - room for one thread's state
 * @m: the migration
 * @task: the thread
 *
 * Return: with one reference, not in any list; or NULL.
 */
struct tern_thread *tern_thread_create(struct tern_migration *m,
				       struct task_struct *task)
{
	struct tern_thread *thread = kzalloc(sizeof(*thread), GFP_KERNEL);

	if (!thread)
		return NULL;
	thread->xstate = tern_xstate_alloc();
	if (!thread->xstate) {
		kfree(thread);
		return NULL;
	}
	kref_init(&thread->ref);
	INIT_LIST_HEAD(&thread->node);
	thread->migration = tern_migration_get(m);
	thread->task = get_task_struct(task);
	return thread;
}

/**
 * tern_thread_link() - make a thread one of its migration's
 * @thread: in no list; the reference is taken over
 *
 * With m->lock held, as for the two functions that follow. A thread is found by its
 * task, for its number changes when it executes another program (de_thread()).
 */
void tern_thread_link(struct tern_thread *thread)
{
	struct tern_migration *m = thread->migration;

	hash_add(m->by_task, &thread->by_task, (unsigned long)thread->task);
	list_add_tail(&thread->node, &m->threads);
}

/** tern_thread_unlink() - undo it */
void tern_thread_unlink(struct tern_thread *thread)
{
	hash_del(&thread->by_task);
	list_del_init(&thread->node);
	tern_thread_put(thread);
}

/** tern_thread_find() - what a migration has of @task, or NULL */
struct tern_thread *tern_thread_find(struct tern_migration *m,
				     const struct task_struct *task)
{
	struct tern_thread *thread;

	hash_for_each_possible(m->by_task, thread, by_task, (unsigned long)task)
		if (thread->task == task)
			return thread;
	return NULL;
}

/* ---- in the context of the thread -------------------------------------- */

/*
 * On its way out the thread would mark robust futexes and clear its tid in
 * memory that belongs to the migrant now.
 */
static void forget_user_memory(void)
{
	current->robust_list = NULL;
#ifdef CONFIG_COMPAT
	current->compat_robust_list = NULL;
#endif
	current->clear_child_tid = NULL;
}

/*
 * End the whole process, with an exit status and no signal: what do_group_exit()
 * would do, by way of get_signal(), which we return into.
 */
static void vanish(void)
{
	struct sighand_struct *sighand = rcu_dereference_raw(current->sighand);
	struct signal_struct *signal = current->signal;

	spin_lock_irq(&sighand->siglock);
	if (!(signal->flags & SIGNAL_GROUP_EXIT)) {
		signal->flags = SIGNAL_GROUP_EXIT;
		signal->group_exit_code = TERN_EXIT_MOVED << 8;
		signal->group_stop_count = 0;
	}
	sigaddset(&current->pending.signal, SIGKILL);
	set_thread_flag(TIF_SIGPENDING);
	spin_unlock_irq(&sighand->siglock);
}

static bool decided(struct tern_thread *thread)
{
	return tern_thread_verdict(thread) != TERN_VERDICT_NONE;
}

static void stand(struct tern_thread *thread, enum tern_stand where)
{
	struct tern_migration *m = thread->migration;
	bool asked = thread->stand == TERN_STAND_ASKED;

	thread->stood = ktime_get();
	/* the state that it saved comes first */
	smp_store_release(&thread->stand, where);
	/* for each of them the daemon would look at all of them */
	if (asked && atomic_dec_return(&m->nr_asked) <= 0)
		wake_up_all(&m->news);
}

static void wait_here(struct tern_thread *thread)
{
	sigset_t all_but;
	bool killed;

	/*
	 * A signal without a handler would kill the process while it stands;
	 * all of them wait, but those that cannot be blocked.
	 */
	siginitsetinv(&all_but, sigmask(SIGKILL) | sigmask(SIGSTOP));
	sigprocmask(SIG_SETMASK, &all_but, &thread->blocked);

	thread->err = tern_fault(TERN_FAULT_PARK_SAVE) ? -EIO :
		      tern_obj_thread_save(thread);
	if (thread->err) {
		stand(thread, TERN_STAND_GONE);
		wait_event_killable(thread->migration->wait, decided(thread));
		tern_restart_timeout(&thread->obj);
		sigprocmask(SIG_SETMASK, &thread->blocked, NULL);
		return;
	}
	stand(thread, TERN_STAND_HERE);
	killed = wait_event_killable(thread->migration->wait, decided(thread));
	if (killed)
		stand(thread, TERN_STAND_GONE);
	if (thread->verdict == TERN_VERDICT_VANISH) {
		forget_user_memory();
		vanish();
	} else {
		if (killed)
			forget_user_memory();
		else
			tern_restart_timeout(&thread->obj);
		sigprocmask(SIG_SETMASK, &thread->blocked, NULL);
	}
}

static void park_work(struct callback_head *work)
{
	struct tern_thread *thread = container_of(work, typeof(*thread), work);
	u64 id = thread->migration->id;

	if (current->flags & PF_EXITING)
		stand(thread, TERN_STAND_GONE);
	else if (decided(thread))
		;	/* asked in vain, by an attempt that is over */
	else if (tern_arch_in_vdso())
		stand(thread, TERN_STAND_LATER);
	else
		wait_here(thread);
	trace_tern_thread(id, current->pid, "leaves");
	tern_thread_put(thread);
	module_put(THIS_MODULE);
}

/* ---- in the context of the daemon -------------------------------------- */

/*
 * How long @task has been asleep: the scheduler keeps the time at which it last
 * ran (update_curr()). The only way to learn how much of a time-out is left for
 * calls that the kernel does not restart itself.
 */
static u64 slept_ns(struct task_struct *task)
{
	u64 now = sched_clock_cpu(task_cpu(task));
	u64 then = READ_ONCE(task->se.exec_start);

	return task_is_running(task) || now < then ? 0 : now - then;
}

/* Let @thread stop. Return: 1, or 0 when it is exiting. */
static int ask_one(struct tern_thread *thread)
{
	struct tern_migration *m = thread->migration;
	int err;

	tern_thread_link(thread);
	thread->slept_ns = slept_ns(thread->task);
	init_task_work(&thread->work, park_work);
	kref_get(&thread->ref);
	__module_get(THIS_MODULE);
	atomic_inc(&m->nr_asked);
	err = task_work_add(thread->task, &thread->work, TWA_SIGNAL);
	if (!err)
		return 1;
	atomic_dec(&m->nr_asked);
	module_put(THIS_MODULE);
	tern_thread_put(thread);
	tern_thread_unlink(thread);
	return 0;
}

/*
 * Room for the state of each of @nr tasks that has not been asked yet. The
 * references on the tasks are dropped.
 */
static int make_new(struct tern_migration *m, struct task_struct **tasks,
		    unsigned int nr, struct list_head *new, struct tern_why *why)
{
	struct tern_thread *thread;
	unsigned int i;
	int err = 0;

	for (i = 0; i < nr; i++) {
		if (!err && !tern_thread_find(m, tasks[i])) {
			thread = tern_fault(TERN_FAULT_PARK_ALLOC) ? NULL :
				 tern_thread_create(m, tasks[i]);
			if (thread)
				list_add_tail(&thread->node, new);
			else
				err = tern_why(why, -ENOMEM,
					       "no memory for the state of a thread");
		}
		put_task_struct(tasks[i]);
	}
	return err;
}

/*
 * Ask every thread of @leader that has not been asked yet; all memory is made
 * before the first of them stands.
 * Return: how many there were; 0 says that nobody is left to escape.
 */
static int ask_new(struct tern_migration *m, struct task_struct *leader,
		   struct tern_why *why)
{
	unsigned int max = get_nr_threads(leader) + 16, nr = 0;
	struct task_struct **tasks, *task;
	struct tern_thread *thread, *tmp;
	int asked = 0, ret;
	LIST_HEAD(new);

	if (get_nr_threads(leader) > TERN_THREADS_MAX)
		return tern_why(why, -E2BIG, "it has more than %d threads",
				TERN_THREADS_MAX);
	tasks = kvmalloc_array(max, sizeof(*tasks), GFP_KERNEL);
	if (!tasks)
		return -ENOMEM;
	/*
	 * Also those that exit: their task work runs when they have written to
	 * user memory for the last time (mm_release()), and not before.
	 */
	rcu_read_lock();
	for_each_thread(leader, task)
		if (nr < max)
			tasks[nr++] = get_task_struct(task);
	rcu_read_unlock();
	ret = make_new(m, tasks, nr, &new, why);
	kvfree(tasks);
	list_for_each_entry_safe(thread, tmp, &new, node) {
		list_del_init(&thread->node);
		if (ret < 0) {
			tern_thread_put(thread);
			continue;
		}
		ret = ask_one(thread);
		asked += ret > 0;
	}
	return ret < 0 ? ret : asked;
}

/* Have all that were asked come to stand, or gone? */
static bool all_stand(struct tern_migration *m)
{
	struct tern_thread *thread;

	list_for_each_entry(thread, &m->threads, node)
		if (tern_thread_stands(thread) == TERN_STAND_ASKED)
			return false;
	return true;
}

/* Forget those that do not stand; @later: how many of them are to be asked once more. */
static int asked_gone(struct tern_migration *m, unsigned int *later,
		      struct tern_why *why)
{
	struct tern_thread *thread, *tmp;

	*later = 0;
	list_for_each_entry_safe(thread, tmp, &m->threads, node) {
		if (thread->stand == TERN_STAND_HERE)
			continue;
		*later += thread->stand == TERN_STAND_LATER;
		if (thread->err)
			return tern_why(why, thread->err,
					thread->err == -EOPNOTSUPP ?
					"thread %d is blocked in a call that cannot be moved" :
					"thread %d cannot be saved",
					task_pid_vnr(thread->task));
		tern_thread_unlink(thread);
	}
	return 0;
}

/*
 * Let those run on that are in the vDSO: a call of it takes less than a microsecond.
 * It reads a clock and then the offset of the time namespace, and must not find this
 * host's for one and another's for the other; and that may have another vDSO.
 */
static int let_leave(unsigned int round, struct tern_why *why)
{
	if (round == LATER_MAX)
		return tern_why(why, -EAGAIN,
				"a thread does not leave the vDSO; try again");
	usleep_range(10, 50);
	return 0;
}

static int stop_all(struct tern_migration *m, struct task_struct *leader,
		    unsigned long timeout, struct tern_why *why)
{
	unsigned int later, rounds = 0;
	int err;

	atomic_set(&m->nr_asked, 0);
	/* threads that were created meanwhile must not escape */
	while ((err = ask_new(m, leader, why)) > 0) {
		timeout = wait_event_killable_timeout(m->news, all_stand(m),
						      timeout);
		if ((long)timeout < 0)
			return -EINTR;
		if (!timeout)
			return tern_why(why, -ETIMEDOUT,
					"a thread does not stop: it waits for a device or file server; try again");
		err = asked_gone(m, &later, why);
		if (!err && later)
			err = let_leave(++rounds, why);
		if (err)
			return err;
	}
	if (err)
		return err;
	if (list_empty(&m->threads))
		return tern_why(why, -ESRCH, "the process has ended");
	return 0;
}

/**
 * tern_park_end() - tell every thread the verdict and forget them
 * @m: with its lock held
 * @verdict: THAW or VANISH
 */
void tern_park_end(struct tern_migration *m, enum tern_verdict verdict)
{
	struct tern_thread *thread, *tmp;

	list_for_each_entry(thread, &m->threads, node)
		tern_thread_decide(thread, verdict);
	wake_up_all(&m->wait);
	list_for_each_entry_safe(thread, tmp, &m->threads, node)
		tern_thread_unlink(thread);
	tern_connections_forget(&m->connections);
}

/** tern_park_put_mm() - give the address space back to a migrant that runs on */
void tern_park_put_mm(struct tern_migration *m)
{
	if (!m->mm)
		return;
	clear_bit(MMF_OOM_SKIP, &m->mm->flags);
	mmput(m->mm);
	m->mm = NULL;
}

static void unpark(struct tern_migration *m)
{
	tern_hold_release(m);
	tern_park_end(m, TERN_VERDICT_THAW);
	tern_park_put_mm(m);
	WARN_ON(tern_migration_set(m, TERN_REQUESTED));
}

static unsigned int count_standing(struct tern_migration *m, ktime_t *last)
{
	struct tern_thread *thread;
	unsigned int nr = 0;

	*last = 0;
	list_for_each_entry(thread, &m->threads, node) {
		*last = max(*last, thread->stood);
		nr++;
	}
	return nr;
}

static int park_locked(struct tern_migration *m, struct tern_park *park,
		       struct tern_why *why)
{
	unsigned int ms = clamp_t(unsigned int, park->timeout_ms ?: PARK_TIMEOUT_MS,
				  1, PARK_TIMEOUT_MAX_MS);
	struct task_struct *leader;
	ktime_t start, stood;
	int err;

	leader = get_pid_task(m->pid, PIDTYPE_TGID);
	if (!leader)
		return tern_why(why, -ESRCH, "the process has ended");
	err = tern_migration_set(m, TERN_PARKING);
	if (err)
		goto out;
	/* where the root stands already all of them have been checked, and it waits */
	if (!m->unit || m->pid == m->unit->root)
		err = tern_check_migrant(m, leader, why);
	if (err)
		goto undo;
	err = -ESRCH;
	m->mm = get_task_mm(leader);
	if (!m->mm || test_bit(MMF_UNSTABLE, &m->mm->flags))
		goto undo;
	err = tern_capture_reserve(m, get_nr_threads(leader));
	if (err)
		goto undo;
	/* were it reaped for want of memory, its pages would read as zeros */
	set_bit(MMF_OOM_SKIP, &m->mm->flags);
	start = ktime_get();
	err = stop_all(m, leader, msecs_to_jiffies(ms), why);
	if (!err && leader->mm != m->mm)
		err = tern_why(why, -EAGAIN, "the process has called exec meanwhile");
	/* what it may have done until its last thread stood */
	if (!err)
		err = tern_check_standing(m, leader, why);
	park->nr_threads = count_standing(m, &stood);
	if (!err)
		err = tern_migration_set(m, TERN_PARKED);
	if (!err)
		tern_hold_cut(m);
undo:
	if (err) {
		unpark(m);
		goto out;
	}
	park->ns = ktime_to_ns(ktime_sub(stood, start));
	park->stood_ns = ktime_to_ns(ktime_sub(ktime_get(), stood));
out:
	put_task_struct(leader);
	return err;
}

/**
 * tern_park() - stop every thread (TERN_IOC_PARK)
 * @m: in TERN_REQUESTED or TERN_PREPARED
 * @park: time limit in, figures out
 * @why: sentence
 *
 * On error every thread runs on.
 */
int tern_park(struct tern_migration *m, struct tern_park *park,
	      struct tern_why *why)
{
	int err;

	mutex_lock(&m->lock);
	if (m->side != TERN_SOURCE ||
	    (m->state != TERN_REQUESTED && m->state != TERN_PREPARED))
		err = -EBADFD;
	else
		err = park_locked(m, park, why);
	mutex_unlock(&m->lock);
	return err;
}

/** tern_park_thaw() - let a parked migrant run on; it may be parked again */
int tern_park_thaw(struct tern_migration *m)
{
	int err = -EBADFD;

	mutex_lock(&m->lock);
	if (m->side == TERN_SOURCE && m->state == TERN_PARKED) {
		unpark(m);
		err = 0;
	}
	mutex_unlock(&m->lock);
	return err;
}

/**
 * tern_park_sent() - the last item of the blast is about to leave
 * @m: in TERN_PARKED
 *
 * Return: -ESRCH if the migrant has been killed while it stood.
 */
int tern_park_sent(struct tern_migration *m)
{
	struct tern_thread *thread;
	int err = 0;

	mutex_lock(&m->lock);
	if (m->side != TERN_SOURCE || m->state != TERN_PARKED)
		err = -EBADFD;
	if (tern_fault(TERN_FAULT_SENT))
		err = -EIO;
	list_for_each_entry(thread, &m->threads, node)
		if (!err && tern_thread_stands(thread) != TERN_STAND_HERE)
			err = -ESRCH;
	if (!err)
		err = tern_handover_note(m);
	if (!err)
		err = tern_unwritten_note(m);
	if (!err)
		err = tern_migration_set(m, TERN_DOUBT);
	mutex_unlock(&m->lock);
	return err;
}

/*
 * A parent that moves with it is not to be told that it has ended, for it has not. What
 * is left of it waits until the parent ends, too, and init, whose child it is then, is
 * told (kernel/exit.c, reparent_leader()). So it is set before that can happen, and never
 * afterwards.
 */
static void leave_parent(struct tern_migration *m)
{
	struct task_struct *leader;

	if (!m->unit || m->pid == m->unit->root)
		return;
	rcu_read_lock();
	leader = pid_task(m->pid, PIDTYPE_TGID);
	if (leader && tern_unit_has(m->unit, task_tgid(rcu_dereference(leader->real_parent))))
		WRITE_ONCE(leader->exit_signal, 0);
	rcu_read_unlock();
}

/**
 * tern_park_commit() - the migrant runs elsewhere: end its tasks
 * @m: in TERN_DOUBT
 * @io: receives the signals that came after the capture
 * @why: sentence
 *
 * Return: -ENOSPC when the signals do not fit: nothing has been done, call
 * again with io->len bytes. -EAGAIN: a child of it is in doubt, and would be told of its
 * end.
 */
int tern_park_commit(struct tern_migration *m, struct tern_image_io *io,
		     struct tern_why *why)
{
	struct tern_image image;
	int err;

	err = tern_image_alloc(&image, min_t(u64, io->len, TERN_IMAGE_MAX));
	if (err)
		return err;
	mutex_lock(&m->lock);
	err = -EBADFD;
	if (m->side != TERN_SOURCE || m->state != TERN_DOUBT)
		goto out;
	err = -EIO;
	if (tern_fault(TERN_FAULT_COMMIT))
		goto out;
	err = -EAGAIN;
	if (m->unit && tern_unit_has_child(m->unit, m))
		goto out;
	tern_obj_signals_save(m, &image, true);
	err = tern_image_give(&image, io);
	if (err)
		goto out;
	leave_parent(m);
	tern_connections_silence(&m->connections);
	tern_park_end(m, TERN_VERDICT_VANISH);
	err = tern_migration_set(m, TERN_COMMITTED);
	tern_hold_forward(m);
out:
	mutex_unlock(&m->lock);
	tern_image_free(&image);
	return err;
}
