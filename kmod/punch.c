// SPDX-License-Identifier: GPL-2.0
/*
 * UFFD_EVENT_REMOVE is told of MADV_DONTNEED and of MADV_REMOVE alike. For private
 * memory they are the same; of shared memory the first one gives up a view, and the
 * second one the contents. Which it is the thread knows that is in the call, and
 * that waits there until its event is read. One look is before the read, at those that
 * wait; one that came between the two is found by a look behind it, in which a thread
 * that has been woken still stands in the registers of its call. They may be those of a
 * call that is over; but then the contents of that range have been given up already.
 */
#include <linux/mman.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/unistd.h>
#include <asm/syscall.h>

#include "migration.h"
#include "punch.h"

/* Is @task in such a call, or was it its last one? */
static bool punches(struct task_struct *task, unsigned long *start, unsigned long *end)
{
	struct pt_regs *regs = task_pt_regs(task);
	unsigned long args[6];

	if (!task->mm || syscall_get_nr(task, regs) != __NR_madvise)
		return false;
	syscall_get_arguments(task, regs, args);
	*start = args[0];
	*end = PAGE_ALIGN(args[0] + args[1]);
	return args[2] == MADV_REMOVE;
}

/* The first thread for which @look says so, of the migrant and of what it forked. */
static bool find(struct tern_migration *m,
		 bool (*look)(struct task_struct *task, void *arg), void *arg)
{
	struct task_struct *process, *task, *leader;
	bool found = false;

	rcu_read_lock();
	leader = pid_task(m->pid, PIDTYPE_TGID);
	if (leader && m->nr_spaces == 1) {
		for_each_thread(leader, task)
			if (!found)
				found = look(task, arg);
	} else {
		for_each_process_thread(process, task)
			if (!found)
				found = look(task, arg);
	}
	rcu_read_unlock();
	return found;
}

static bool note(struct task_struct *task, void *arg)
{
	struct tern_punches *all = arg;
	unsigned long start, end;

	if (READ_ONCE(task->__state) == TASK_RUNNING || !punches(task, &start, &end))
		return false;
	all->range[all->nr].start = start;
	all->range[all->nr].end = end;
	return ++all->nr == TERN_PUNCHES;
}

/**
 * tern_punches_look() - before an event is read: who waits in such a call?
 * @m: at the destination
 * @punches: filled
 */
void tern_punches_look(struct tern_migration *m, struct tern_punches *punches)
{
	punches->nr = 0;
	find(m, note, punches);
}

static bool covers(struct task_struct *task, void *arg)
{
	const unsigned long *want = arg;
	unsigned long start, end;

	return punches(task, &start, &end) && start <= want[0] && want[1] <= end;
}

/**
 * tern_punches_has() - behind the read: is it such a call that the event tells of?
 * @m: at the destination
 * @before: what was seen before the read
 * @start: of the event
 * @end: of the event
 */
bool tern_punches_has(struct tern_migration *m, const struct tern_punches *before,
		      unsigned long start, unsigned long end)
{
	unsigned long want[] = { start, end };
	unsigned int i;

	for (i = 0; i < before->nr; i++)
		if (before->range[i].start <= start && end <= before->range[i].end)
			return true;
	return find(m, covers, want);
}
