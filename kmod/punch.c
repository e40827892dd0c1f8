// SPDX-License-Identifier: GPL-2.0
/*
 * UFFD_EVENT_REMOVE is told of MADV_DONTNEED and of MADV_REMOVE alike. For private
 * memory they are the same; of shared memory the first one gives up a view, and the
 * second one the contents. Which it is the thread knows that is in the call, and
 * that waits there until its event has been read. Those that were waiting before are
 * found by a look before the read, those that came since by one behind it.
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

static void look_at(struct task_struct *task, struct tern_punch *punch)
{
	struct pt_regs *regs = task_pt_regs(task);
	unsigned long args[6], end;

	/* registers of a thread that runs are not those of a call */
	if (READ_ONCE(task->__state) == TASK_RUNNING || !task->mm ||
	    syscall_get_nr(task, regs) != __NR_madvise)
		return;
	syscall_get_arguments(task, regs, args);
	if (args[2] != MADV_REMOVE)
		return;
	end = PAGE_ALIGN(args[0] + args[1]);
	punch->start = punch->end ? min(punch->start, args[0]) : args[0];
	punch->end = max(punch->end, end);
}

/**
 * tern_punch_look() - look at the migrant's threads, and at those of what it forked
 * @m: at the destination
 * @punch: filled
 */
void tern_punch_look(struct tern_migration *m, struct tern_punch *punch)
{
	struct task_struct *process, *task, *leader;

	*punch = (struct tern_punch) {};
	rcu_read_lock();
	leader = pid_task(m->pid, PIDTYPE_TGID);
	if (leader && m->nr_spaces == 1) {
		for_each_thread(leader, task)
			look_at(task, punch);
	} else {
		for_each_process_thread(process, task)
			look_at(task, punch);
	}
	rcu_read_unlock();
}
