// SPDX-License-Identifier: GPL-2.0
/*
 * Calls that the kernel restarts through current->restart_block, because their
 * arguments alone do not tell how much time is left: sleeps, poll, futex waits.
 *
 * The functions behind it are private to the kernel. The daemon therefore blocks
 * a template thread in each kind of call and asks us to look at what the kernel
 * has put into its restart block (tern_restart_learn()). They never change while
 * the kernel runs.
 *
 * Times travel in the migrant's own clocks (its time namespace's), which go on
 * without a jump on the other side.
 */
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/overflow.h>
#include <linux/pid_namespace.h>
#include <linux/restart_block.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include <linux/time_namespace.h>
#include <linux/unistd.h>
#include <uapi/linux/futex.h>

#include "arch/arch.h"
#include "restart.h"

#define LEARN_TIMEOUT	(HZ / 2)

typedef long (*restart_fn)(struct restart_block *block);

static restart_fn known[__TERN_RESTART_MAX];

/** tern_restart_learned() - a bit per kind that is known */
u32 tern_restart_learned(void)
{
	u32 mask = 0;
	int kind;

	for (kind = 1; kind < __TERN_RESTART_MAX; kind++)
		if (READ_ONCE(known[kind]))
			mask |= BIT(kind);
	return mask;
}

/* ---- learning ------------------------------------------------------------ */

struct lesson {
	struct callback_head work;
	struct completion done;
	refcount_t ref;
	int err;
};

static void lesson_put(struct lesson *lesson)
{
	if (refcount_dec_and_test(&lesson->ref))
		kfree(lesson);
}

static enum tern_restart kind_of_call(void)
{
	switch (tern_arch_call()) {
	case __NR_nanosleep:
	case __NR_clock_nanosleep:
		return TERN_RESTART_NANOSLEEP;
	case __NR_poll:
		return TERN_RESTART_POLL;
	case __NR_futex:
		return TERN_RESTART_FUTEX;
	default:
		return TERN_RESTART_NONE;
	}
}

static void lesson_work(struct callback_head *work)
{
	struct lesson *lesson = container_of(work, typeof(*lesson), work);
	enum tern_restart kind = TERN_RESTART_NONE;

	if (!(current->flags & PF_EXITING) && tern_arch_call_restarts())
		kind = kind_of_call();
	if (kind)
		WRITE_ONCE(known[kind], current->restart_block.fn);
	lesson->err = kind ? 0 : -EAGAIN;
	complete(&lesson->done);
	lesson_put(lesson);
	module_put(THIS_MODULE);
}

/**
 * tern_restart_learn() - see how the call is restarted that @tid is blocked in
 * @tid: a thread of the caller's own process
 *
 * Return: 0; -ESRCH; -EAGAIN when it was not blocked in a call of a known kind.
 */
int tern_restart_learn(pid_t tid)
{
	struct task_struct *task;
	struct lesson *lesson;
	struct pid *pid;
	int err;

	pid = find_get_pid(tid);
	task = get_pid_task(pid, PIDTYPE_PID);
	put_pid(pid);
	if (!task)
		return -ESRCH;
	err = -EINVAL;
	if (!same_thread_group(task, current) || task == current)
		goto out;
	err = -ENOMEM;
	lesson = kzalloc(sizeof(*lesson), GFP_KERNEL);
	if (!lesson)
		goto out;
	init_completion(&lesson->done);
	refcount_set(&lesson->ref, 2);
	init_task_work(&lesson->work, lesson_work);
	__module_get(THIS_MODULE);
	err = task_work_add(task, &lesson->work, TWA_SIGNAL);
	if (err) {
		module_put(THIS_MODULE);
		lesson_put(lesson);
	} else {
		long left = wait_for_completion_killable_timeout(&lesson->done,
								 LEARN_TIMEOUT);

		err = left > 0 ? lesson->err : left < 0 ? -EINTR : -EAGAIN;
	}
	lesson_put(lesson);
out:
	put_task_struct(task);
	return err;
}

/* ---- saving and loading ---------------------------------------------------- */

/**
 * tern_clocks_of() - how far are a process's clocks ahead of the host's?
 * @task: one of its threads
 * @clocks: to be filled in; 0 if the process has ended
 */
void tern_clocks_of(struct task_struct *task, struct tern_clocks *clocks)
{
	const struct timens_offsets *off;

	*clocks = (struct tern_clocks) {};
	task_lock(task);
	if (task->nsproxy) {
		off = &task->nsproxy->time_ns->offsets;
		clocks->monotonic = timespec64_to_ns(&off->monotonic);
		clocks->boottime = timespec64_to_ns(&off->boottime);
	}
	task_unlock(task);
}

/**
 * tern_clock_offset() - how far is one of them ahead?
 * @clocks: of a process
 * @clock: CLOCK_*
 */
s64 tern_clock_offset(const struct tern_clocks *clocks, clockid_t clock)
{
	switch (clock) {
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
		return clocks->monotonic;
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		return clocks->boottime;
	default:
		return 0;
	}
}

/* How far current's @clock is ahead of the host's. */
static s64 clock_offset(clockid_t clock)
{
	struct tern_clocks clocks;

	tern_clocks_of(current, &clocks);
	return tern_clock_offset(&clocks, clock);
}

/**
 * tern_time_shift() - a time @by ns later, as another clock counts it
 * @time: ns; as good as never if it is centuries away, and stays so
 * @by: ns, of either sign
 */
u64 tern_time_shift(u64 time, s64 by)
{
	s64 shifted;

	if (time >= KTIME_MAX / 2 || check_add_overflow((s64)time, by, &shifted))
		return KTIME_MAX;
	return max_t(s64, shifted, 0);
}

/* futex(2): a wait with FUTEX_CLOCK_REALTIME counts on that clock. */
static u32 futex_clock(u64 op)
{
	return op & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC;
}

static enum tern_restart kind_of_block(const struct restart_block *block)
{
	int kind;

	for (kind = 1; kind < __TERN_RESTART_MAX; kind++)
		if (block->fn == READ_ONCE(known[kind]))
			return kind;
	return TERN_RESTART_NONE;
}

/**
 * tern_restart_save() - the call that current goes on with
 * @obj: to be filled in; tern_arch_resume_call() has seen it
 *
 * Return: -EOPNOTSUPP when it is of a kind that cannot move (a sleep on a CPU
 * time clock, say).
 */
int tern_restart_save(struct tern_obj_thread *obj)
{
	struct restart_block *block = &current->restart_block;
	u64 *arg = obj->restart_arg;

	if (obj->restart == TERN_RESTART_TIMEOUT)
		arg[2] = tern_time_shift(arg[2], clock_offset(obj->restart_clock));
	if (!tern_arch_call_restarts())
		return 0;
	obj->restart = kind_of_block(block);
	switch (obj->restart) {
	case TERN_RESTART_NANOSLEEP:
		obj->restart_clock = block->nanosleep.clockid;
		arg[0] = block->nanosleep.type;
		arg[1] = (__force u64)block->nanosleep.rmtp;
		arg[2] = tern_time_shift(block->nanosleep.expires,
					 clock_offset(obj->restart_clock));
		return 0;
	case TERN_RESTART_POLL:
		obj->restart_clock = CLOCK_MONOTONIC;
		arg[0] = (__force u64)block->poll.ufds;
		arg[1] = block->poll.nfds;
		arg[2] = block->poll.has_timeout;
		arg[3] = ktime_set(block->poll.tv_sec, block->poll.tv_nsec);
		arg[3] = tern_time_shift(arg[3], clock_offset(CLOCK_MONOTONIC));
		return 0;
	case TERN_RESTART_FUTEX:
		obj->restart_clock = futex_clock(tern_arch_call_arg(1));
		arg[0] = (__force u64)block->futex.uaddr;
		arg[1] = block->futex.val;
		arg[2] = block->futex.flags;
		arg[3] = block->futex.bitset;
		arg[4] = tern_time_shift(block->futex.time,
					 clock_offset(obj->restart_clock));
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

/** tern_restart_valid() - may @obj's restart be loaded? */
bool tern_restart_valid(const struct tern_obj_thread *obj)
{
	const u64 *arg = obj->restart_arg;

	if (obj->restart >= __TERN_RESTART_MAX)
		return false;
	if (!obj->restart)
		return true;
	if (obj->restart == TERN_RESTART_TIMEOUT)
		return arg[0] <= TERN_TIMEOUT_TIMEVAL && arg[1] < TASK_SIZE_MAX;
	if (!READ_ONCE(known[obj->restart]))
		return false;
	switch (obj->restart) {
	case TERN_RESTART_NANOSLEEP:
		return (obj->restart_clock == CLOCK_REALTIME ||
			obj->restart_clock == CLOCK_MONOTONIC ||
			obj->restart_clock == CLOCK_BOOTTIME ||
			obj->restart_clock == CLOCK_TAI) &&
		       arg[0] <= TT_NATIVE && arg[1] < TASK_SIZE_MAX;
	case TERN_RESTART_POLL:
		return arg[0] < TASK_SIZE_MAX && arg[1] <= INT_MAX && arg[2] <= 1;
	default:
		return arg[0] < TASK_SIZE_MAX && arg[1] <= U32_MAX &&
		       arg[2] <= 0xff && arg[3] <= U32_MAX;
	}
}

/* A time of current's clock as the host counts it; never before its start. */
static u64 host_time(const struct tern_obj_thread *obj, u64 time)
{
	return tern_time_shift(time, -clock_offset(obj->restart_clock));
}

/**
 * tern_restart_timeout() - let current's call wait for as long as is left by now
 * @obj: current's, with its registers loaded
 */
void tern_restart_timeout(const struct tern_obj_thread *obj)
{
	u64 end, now = ktime_get_ns();

	if (obj->restart != TERN_RESTART_TIMEOUT)
		return;
	end = host_time(obj, obj->restart_arg[2]);
	tern_arch_set_timeout(obj, end > now ? end - now : 0);
}

/** tern_restart_load() - what tern_restart_valid() has accepted, into current */
void tern_restart_load(const struct tern_obj_thread *obj)
{
	struct restart_block *block = &current->restart_block;
	const u64 *arg = obj->restart_arg;
	u64 end;

	if (!obj->restart || obj->restart == TERN_RESTART_TIMEOUT)
		return;
	switch (obj->restart) {
	case TERN_RESTART_NANOSLEEP:
		block->nanosleep.clockid = obj->restart_clock;
		block->nanosleep.type = arg[0];
		block->nanosleep.rmtp = (void __user *)arg[1];
		block->nanosleep.expires = host_time(obj, arg[2]);
		break;
	case TERN_RESTART_POLL:
		end = host_time(obj, arg[3]);
		block->poll.ufds = (void __user *)arg[0];
		block->poll.nfds = arg[1];
		block->poll.has_timeout = arg[2];
		block->poll.tv_sec = end / NSEC_PER_SEC;
		block->poll.tv_nsec = end % NSEC_PER_SEC;
		break;
	default:
		block->futex.uaddr = (void __user *)arg[0];
		block->futex.val = arg[1];
		block->futex.flags = arg[2];
		block->futex.bitset = arg[3];
		block->futex.time = host_time(obj, arg[4]);
		break;
	}
	block->arch_data = 0;
	block->fn = known[obj->restart];
}
