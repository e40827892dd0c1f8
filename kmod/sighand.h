/* SPDX-License-Identifier: GPL-2.0 */
/* The lock around the signals of a process, which may end meanwhile. */
#ifndef TERN_SIGHAND_H
#define TERN_SIGHAND_H

#include <linux/sched/signal.h>

/**
 * tern_lock_sighand() - lock a task's signals, as lock_task_sighand() of the kernel does,
 *	which modules do not have
 * @task: referenced, or under rcu_read_lock()
 * @irq: for tern_unlock_sighand()
 *
 * Return: what is locked; NULL: it has none any more, for it has ended.
 */
static inline struct sighand_struct *tern_lock_sighand(struct task_struct *task,
						       unsigned long *irq)
{
	struct sighand_struct *sighand;

	/* its memory stays one under RCU, and it may get another one by execve(2) */
	rcu_read_lock();
	while ((sighand = rcu_dereference(task->sighand))) {
		spin_lock_irqsave(&sighand->siglock, *irq);
		if (likely(sighand == rcu_access_pointer(task->sighand))) {
			__release(&sighand->siglock);	/* sparse: see below */
			break;
		}
		spin_unlock_irqrestore(&sighand->siglock, *irq);
	}
	rcu_read_unlock();
	/* what sparse understands of a lock that is held only if something is returned */
	(void)__cond_lock(&sighand->siglock, sighand);
	return sighand;
}

/** tern_unlock_sighand() - let go of what tern_lock_sighand() has returned */
static inline void tern_unlock_sighand(struct sighand_struct *sighand, unsigned long irq)
{
	spin_unlock_irqrestore(&sighand->siglock, irq);
}

#endif /* TERN_SIGHAND_H */
