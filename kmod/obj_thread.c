// SPDX-License-Identifier: GPL-2.0
/*
 * Threads. Saved and loaded by the thread itself, in task work: registers,
 * signal mask, the addresses that the kernel keeps for user space, and the call
 * that it is blocked in.
 */
#include <linux/cpumask.h>
#include <linux/iocontext.h>
#include <linux/key.h>
#include <linux/pid_namespace.h>
#include <linux/rseq.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sem.h>
#include <linux/uaccess.h>

#include "arch/arch.h"
#include "compat.h"
#include "obj.h"
#include "park.h"
#include "pod.h"
#include "restart.h"
#include "xstate.h"

/* Each thread has credentials of its own in Linux; nearly always they are equal. */
static bool same_creds(const struct cred *a, const struct cred *b)
{
	const struct group_info *ga = a->group_info, *gb = b->group_info;
	size_t len = offsetofend(struct cred, cap_ambient) - offsetof(struct cred, uid);

	return a == b ||
	       (a->user_ns == b->user_ns && !memcmp(&a->uid, &b->uid, len) &&
		ga->ngroups == gb->ngroups &&
		!memcmp(ga->gid, gb->gid, ga->ngroups * sizeof(ga->gid[0])));
}

static bool is_bound(const struct task_struct *task)
{
	return !cpumask_subset(cpu_online_mask, task->cpus_ptr);
}

static void check_sched(struct task_struct *task, int tid, struct tern_reasons *reasons)
{
	if (task->policy == SCHED_DEADLINE)
		tern_reasons_add(reasons,
				 "thread %d has a share of the processors reserved (SCHED_DEADLINE)",
				 tid);
	else if (task->policy > SCHED_DEADLINE)
		tern_reasons_add(reasons, "thread %d has scheduling policy %u", tid, task->policy);
	if (is_bound(task) && cpumask_last(task->cpus_ptr) >= TERN_CPUS_WORDS * 64)
		tern_reasons_add(reasons, "thread %d is bound to a processor above number %d", tid,
				 TERN_CPUS_WORDS * 64 - 1);
#ifdef CONFIG_UCLAMP_TASK
	if (task->uclamp_req[UCLAMP_MIN].user_defined ||
	    task->uclamp_req[UCLAMP_MAX].user_defined)
		tern_reasons_add(reasons, "thread %d has utilization clamps (sched_setattr)", tid);
#endif
}

/* It can be restricted for good, and by a call of the thread itself. */
static void check_speculation(struct task_struct *task, int tid, struct tern_reasons *reasons)
{
	if (task_spec_ssb_disable(task) || task_spec_ssb_noexec(task) ||
	    task_spec_ib_disable(task))
		tern_reasons_add(reasons,
				 "thread %d has speculation restricted (PR_SET_SPECULATION_CTRL)",
				 tid);
#ifdef CONFIG_SCHED_CORE
	if (task->core_cookie)
		tern_reasons_add(reasons,
				 "thread %d shares its core with some only (PR_SCHED_CORE)", tid);
#endif
}

/*
 * Every process with threads has a list of operations to undo, in nearly all of them
 * with nothing in it. What it looks like is private to ipc/sem.c. While a thread runs it
 * may end and free the list, so what is seen then is a hint; one that stands does not.
 */
static void check_undo(struct task_struct *task, int tid, struct tern_reasons *reasons)
{
#ifdef CONFIG_SYSVIPC
	struct undo_list {
		refcount_t refcnt;
		spinlock_t lock; /* there for the size of it */
		struct list_head list_proc;
	} *list = (void *)READ_ONCE(task->sysvsem.undo_list), seen;

	if (list && !copy_from_kernel_nofault(&seen, list, sizeof(seen)) &&
	    seen.list_proc.next != &list->list_proc)
		tern_reasons_add(reasons,
				 "thread %d undoes semaphore operations when it ends (SEM_UNDO)",
				 tid);
#endif
}

/*
 * A login's session keyring holds nothing but a link to the user's own keyring
 * (pam_keyinit(8)), which the other host has, too.
 */
static void check_keys(const struct cred *cred, int tid, struct tern_reasons *reasons)
{
#ifdef CONFIG_KEYS
	const struct key *session = cred->session_keyring;

	if (cred->thread_keyring || cred->process_keyring)
		tern_reasons_add(reasons, "thread %d has a keyring of its own (keyctl)", tid);
	if (session && session->keys.nr_leaves_on_tree > 1)
		tern_reasons_add(reasons,
				 "thread %d has keys in its session keyring (keyctl)", tid);
#endif
}

/** tern_obj_thread_check() - what of one thread cannot move; under rcu_read_lock() */
void tern_obj_thread_check(struct task_struct *task, struct task_struct *leader,
			   struct tern_reasons *reasons)
{
	int tid = task_pid_vnr(task);

	if (task->ptrace)
		tern_reasons_add(reasons, "thread %d is traced (by a debugger or strace)", tid);
	else if (READ_ONCE(task->__state) & (__TASK_STOPPED | __TASK_TRACED))
		tern_reasons_add(reasons, "thread %d is stopped; send it SIGCONT", tid);
	if (task->vfork_done)
		tern_reasons_add(reasons, "thread %d was made by vfork, its parent waits", tid);
	if (task->files != leader->files || task->fs != leader->fs)
		tern_reasons_add(reasons, "thread %d has descriptors of its own", tid);
	if (!same_creds(rcu_dereference(task->real_cred),
			rcu_dereference(leader->real_cred)))
		tern_reasons_add(reasons, "thread %d has credentials of its own", tid);
	check_sched(task, tid, reasons);
	check_speculation(task, tid, reasons);
	check_keys(rcu_dereference(task->real_cred), tid, reasons);
	check_undo(task, tid, reasons);
#ifdef CONFIG_NUMA
	if (task->mempolicy)
		tern_reasons_add(reasons, "thread %d has a NUMA memory policy", tid);
#endif
	if (task->seccomp.mode)
		tern_reasons_add(reasons, "thread %d has a seccomp filter", tid);
	if (task->io_uring)
		tern_reasons_add(reasons, "thread %d uses io_uring", tid);
	if (test_task_syscall_work(task, SYSCALL_USER_DISPATCH))
		tern_reasons_add(reasons, "thread %d has its system calls dispatched (prctl)", tid);
	tern_arch_check(task, reasons);
}

#define IO_FLUSHER	(PF_MEMALLOC_NOIO | PF_LOCAL_THROTTLE)

/* What prctl(2) sets of a thread, and of the caller alone. */
static void save_attrs(struct tern_obj_thread *obj)
{
	obj->pdeath_signal = current->pdeath_signal;
	obj->timer_slack_ns = current->timer_slack_ns;
	if ((current->flags & IO_FLUSHER) == IO_FLUSHER)
		obj->attrs |= TERN_THREAD_IO_FLUSHER;
	if (current->flags & PF_MCE_PROCESS)
		obj->attrs |= TERN_THREAD_MCE_SET;
	if (current->flags & PF_MCE_EARLY)
		obj->attrs |= TERN_THREAD_MCE_EARLY;
}

static void load_attrs(const struct tern_obj_thread *obj)
{
	current->pdeath_signal = obj->pdeath_signal;
	/* policies change it, too, which the script has set */
	current->timer_slack_ns = obj->timer_slack_ns;
	current->flags &= ~(IO_FLUSHER | PF_MCE_PROCESS | PF_MCE_EARLY);
	if (obj->attrs & TERN_THREAD_IO_FLUSHER)
		current->flags |= IO_FLUSHER;
	if (obj->attrs & TERN_THREAD_MCE_SET)
		current->flags |= PF_MCE_PROCESS;
	if (obj->attrs & TERN_THREAD_MCE_EARLY)
		current->flags |= PF_MCE_EARLY;
}

static void save_rseq(struct tern_obj_thread *obj)
{
#ifdef CONFIG_RSEQ
	obj->rseq = (__force u64)current->rseq;
	obj->rseq_len = current->rseq ? compat_rseq_len(current) : 0;
	obj->rseq_sig = current->rseq_sig;
#endif
}

static void load_rseq(const struct tern_obj_thread *obj)
{
#ifdef CONFIG_RSEQ
	current->rseq = (void __user *)obj->rseq;
	compat_rseq_set_len(current, obj->rseq_len);
	current->rseq_sig = obj->rseq_sig;
	/* it has changed its processor: abort a critical section, show the new cpu */
	preempt_disable();
	rseq_migrate(current);
	preempt_enable();
#endif
}

static u32 ioprio_of(struct task_struct *task)
{
	u32 ioprio = 0;

#ifdef CONFIG_BLOCK
	task_lock(task);
	if (task->io_context)
		ioprio = task->io_context->ioprio;
	task_unlock(task);
#endif
	return ioprio;
}

static void save_cpus(struct task_struct *task, struct tern_obj_thread *obj)
{
	unsigned int cpu;

	if (!is_bound(task)) {
		memset(obj->cpus, 0xff, sizeof(obj->cpus));
		return;
	}
	memset(obj->cpus, 0, sizeof(obj->cpus));
	for_each_cpu(cpu, task->cpus_ptr)
		if (cpu < TERN_CPUS_WORDS * 64)
			obj->cpus[cpu / 64] |= 1ULL << cpu % 64;
}

/* Anybody could ask for this, and set it. */
static void save_sched(struct task_struct *task, struct tern_obj_thread *obj)
{
	obj->nice = task_nice(task);
	obj->policy = task->policy;
	obj->priority = task->rt_priority;
	obj->reset_on_fork = task->sched_reset_on_fork;
	obj->ioprio = ioprio_of(task);
	save_cpus(task, obj);
}

/*
 * Where one that is on no processor will go on, for those who look ahead. One that has ended
 * meanwhile may have had its stack taken by somebody else.
 */
static void glimpse(struct task_struct *task, struct tern_obj_thread *obj)
{
	if (READ_ONCE(task->on_cpu) || !tern_arch_glimpse(task, obj) ||
	    READ_ONCE(task->flags) & PF_EXITING) {
		memset(obj->regs, 0, sizeof(obj->regs));
		obj->fs_base = 0;
		obj->gs_base = 0;
	}
}

/**
 * tern_obj_thread_draft() - what can be seen of running threads from outside
 * @leader: the process
 * @image: where to; NULL: only count
 *
 * Return: how many threads there were.
 */
unsigned int tern_obj_thread_draft(struct task_struct *leader,
				   struct tern_image *image)
{
	struct tern_obj_thread obj = {};
	struct task_struct *task;
	unsigned int nr = 0;

	rcu_read_lock();
	for_each_thread(leader, task) {
		if (task->flags & PF_EXITING)
			continue;
		nr++;
		if (!image)
			continue;
		obj.tid = tern_tid_of(task);
		save_sched(task, &obj);
		glimpse(task, &obj);
		get_task_comm(obj.comm, task);
		tern_image_put(image, TERN_OBJ_THREAD, &obj, sizeof(obj), NULL, 0);
	}
	rcu_read_unlock();
	return nr;
}

/**
 * tern_obj_thread_save() - current saves itself; its mask is blocked already
 * @thread: current's
 */
int tern_obj_thread_save(struct tern_thread *thread)
{
	struct tern_obj_thread *obj = &thread->obj;
	int err;

	if (!tern_arch_is_native())
		return -EOPNOTSUPP;
	tern_arch_resume_call(obj, thread->slept_ns);
	err = tern_restart_save(obj);
	if (err)
		return err;
	obj->blocked = thread->blocked.sig[0];
	obj->saved_blocked = current->saved_sigmask.sig[0];
	obj->restore_mask = test_restore_sigmask();
	obj->altstack_sp = current->sas_ss_sp;
	obj->altstack_size = current->sas_ss_size;
	obj->altstack_flags = current->sas_ss_flags;
	obj->robust_list = (__force u64)current->robust_list;
	obj->clear_child_tid = (__force u64)current->clear_child_tid;
	save_attrs(obj);
	save_rseq(obj);
	get_task_comm(obj->comm, current);
	err = tern_arch_save(thread);
	if (!err)
		tern_xstate_pack(thread->xstate, obj);
	return err;
}

/**
 * tern_obj_thread_put() - into the image; by the daemon, while the thread stands
 * @thread: saved
 * @image: where to
 */
void tern_obj_thread_put(struct tern_thread *thread, struct tern_image *image)
{
	thread->obj.tid = tern_tid_of(thread->task);
	tern_usage_save(thread->task, &thread->obj.usage);
	save_sched(thread->task, &thread->obj);
	tern_image_put(image, TERN_OBJ_THREAD, &thread->obj, sizeof(thread->obj),
		       thread->xstate, thread->obj.xstate);
}

/**
 * tern_obj_thread_load() - current becomes what @thread says
 * @thread: checked by tern_become_load(), its extended state is loaded
 *
 * In task work: the kernel's signal exit path goes on with these registers as
 * if they had always been current's, and restarts the call that they are in.
 */
void tern_obj_thread_load(struct tern_thread *thread)
{
	const struct tern_obj_thread *obj = &thread->obj;
	sigset_t blocked = { .sig = { obj->blocked } };

	current->saved_sigmask.sig[0] = obj->saved_blocked;
	if (obj->restore_mask)
		set_restore_sigmask();
	current->sas_ss_sp = obj->altstack_sp;
	current->sas_ss_size = obj->altstack_size;
	current->sas_ss_flags = obj->altstack_flags;
	current->robust_list = (void __user *)obj->robust_list;
	current->clear_child_tid = (int __user *)obj->clear_child_tid;
	load_attrs(obj);
	load_rseq(obj);
	tern_restart_load(obj);
	tern_arch_load(obj);
	tern_restart_timeout(obj);
	sigdelsetmask(&blocked, sigmask(SIGKILL) | sigmask(SIGSTOP));
	sigprocmask(SIG_SETMASK, &blocked, NULL);
}
