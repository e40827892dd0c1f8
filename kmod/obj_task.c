// SPDX-License-Identifier: GPL-2.0
/*
 * What belongs to the process as a whole: identity, limits, credentials, signal
 * actions, signals that wait, working directory, and the fields of its address
 * space that are not mappings.
 */
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs_struct.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/pid_namespace.h>
#include <linux/sched/coredump.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/linux/membarrier.h>
#include <uapi/linux/oom.h>

#include "arch/arch.h"
#include "compat.h"
#include "migration.h"
#include "obj.h"
#include "park.h"
#include "pod.h"
#include "sighand.h"
#include "tree.h"
#include "unit.h"

/* ---- check ----------------------------------------------------------------- */

/* A pod has mounts of its own, of the same file systems. */
static bool is_same_root(const struct path *a, const struct path *b, bool pod)
{
	return a->dentry == b->dentry && (pod || a->mnt == b->mnt);
}

static void check_fs(struct task_struct *leader, bool pod, struct tern_reasons *reasons)
{
	struct path ours, theirs = {}, pwd = {};

	get_fs_root(current->fs, &ours);
	task_lock(leader);
	if (leader->fs) {
		get_fs_root(leader->fs, &theirs);
		get_fs_pwd(leader->fs, &pwd);
	}
	task_unlock(leader);
	if (theirs.dentry && !is_same_root(&theirs, &ours, pod))
		tern_reasons_add(reasons, "its root directory is not this host's (chroot)");
	if (pwd.dentry && !tern_path_has_name(&pwd))
		tern_reasons_add(reasons, "its working directory has been deleted");
	path_put(&pwd);
	path_put(&theirs);
	path_put(&ours);
}

/* clone(2) with CLONE_VM and without CLONE_THREAD: two would go on with one memory. */
static bool is_mm_shared(struct task_struct *leader, struct mm_struct *mm)
{
	struct task_struct *other;
	bool shared = false;

	rcu_read_lock();
	for_each_process(other)
		shared |= !same_thread_group(other, leader) &&
			  !(other->flags & PF_KTHREAD) && READ_ONCE(other->mm) == mm;
	rcu_read_unlock();
	return shared;
}

static void check_mm(struct mm_struct *mm, struct tern_reasons *reasons)
{
#ifdef CONFIG_MODIFY_LDT_SYSCALL
	if (mm->context.ldt)
		tern_reasons_add(reasons, "it has a local descriptor table (modify_ldt)");
#endif
}

/**
 * tern_obj_task_check() - what of the process as a whole cannot move
 * @tree: the processes that move together
 * @n: which of them
 * @reasons: where to
 */
void tern_obj_task_check(const struct tern_tree *tree, unsigned int n,
			 struct tern_reasons *reasons)
{
	struct task_struct *leader = tree->task[n];
	struct mm_struct *mm;

	if (leader->flags & PF_EXITING)
		tern_reasons_add(reasons, "its first thread has ended");
	if (get_nr_threads(leader) > TERN_THREADS_MAX)
		tern_reasons_add(reasons, "it has more than %d threads", TERN_THREADS_MAX);
	task_lock(leader);
	mm = leader->mm;
	if (mm)
		check_mm(mm, reasons);
	task_unlock(leader);
	if (mm && is_mm_shared(leader, mm))
		tern_reasons_add(reasons, "another process shares its memory (CLONE_VM)");
	tern_pod_check(tree, n, reasons);
	tern_obj_timer_check(leader, reasons);
	check_fs(leader, tern_is_pod(tree), reasons);
}

/* ---- save ------------------------------------------------------------------ */

static int put_path(struct tern_image *image, enum tern_obj_type type,
		    const void *payload, size_t len, u32 *path_len,
		    const struct path *path)
{
	char *name = d_path(path, image->page, TERN_PATH_MAX);

	if (!IS_ERR(name)) {
		*path_len = strlen(name) + 1;
		tern_image_put(image, type, payload, len, name, *path_len);
	}
	return PTR_ERR_OR_ZERO(name);
}

/* What a process has registered for is there once it is ready (membarrier(2)). */
static u32 membarriers(const struct mm_struct *mm)
{
	u32 registered = 0;
#ifdef CONFIG_MEMBARRIER
	int state = atomic_read(&mm->membarrier_state);

	if (state & MEMBARRIER_STATE_PRIVATE_EXPEDITED_READY)
		registered |= MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
	if (state & MEMBARRIER_STATE_GLOBAL_EXPEDITED_READY)
		registered |= MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED;
	if (state & MEMBARRIER_STATE_PRIVATE_EXPEDITED_SYNC_CORE_READY)
		registered |= MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE;
	if (state & MEMBARRIER_STATE_PRIVATE_EXPEDITED_RSEQ_READY)
		registered |= MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ;
#endif
	return registered;
}

/* Where it stands in its tree; a root's place is its own. */
static void save_place(const struct tern_tree *tree, struct task_struct *leader,
		       struct tern_obj_task *obj)
{
	struct task_struct *root = tree->task[0];

	rcu_read_lock();
	obj->is_group_leader = task_pgrp(leader) == task_tgid(leader);
	if (leader != root) {
		obj->parent = tern_pid_of(rcu_dereference(leader->real_parent));
		obj->exit_signal = leader->exit_signal;
		if (task_session(leader) != task_session(root))
			obj->session = tern_nr(task_session(leader));
		if (task_pgrp(leader) != task_pgrp(root))
			obj->group = tern_nr(task_pgrp(leader));
		obj->flags |= tern_tree_group(tree, leader);
	}
	rcu_read_unlock();
}

static int save_task(const struct tern_tree *tree, struct task_struct *leader,
		     struct mm_struct *mm, unsigned int nr_threads,
		     struct tern_image *image)
{
	struct tern_obj_task obj = {
		.pid = tern_pid_of(leader),
		.nr_threads = nr_threads,
		.personality = leader->personality,
		.no_new_privs = task_no_new_privs(leader),
		.is_session_leader = leader->signal->leader,
		.exit_signal = SIGCHLD,
		.flags = tern_is_pod(tree) ? TERN_TASK_POD : 0,
		.child_subreaper = leader->signal->is_child_subreaper,
		.oom_score_adj = leader->signal->oom_score_adj,
		.oom_score_adj_min = leader->signal->oom_score_adj_min,
		.coredump_filter = (mm->flags & MMF_DUMP_FILTER_MASK) >> MMF_DUMP_FILTER_SHIFT,
		.membarrier = membarriers(mm),
		.thp_disable = test_bit(MMF_DISABLE_THP, &mm->flags),
		.mdwe = compat_mdwe(mm),
	};
	struct file *exe;
	int i, err;

	save_place(tree, leader, &obj);
	rcu_read_lock();
	exe = compat_get_file_rcu(&mm->exe_file);
	rcu_read_unlock();
	if (!exe)
		return -ENOENT;
	get_task_comm(obj.comm, leader);
	task_lock(leader);
	obj.umask = leader->fs ? leader->fs->umask : 0;
	obj.dumpable = get_dumpable(mm);
	for (i = 0; i < RLIM_NLIMITS; i++) {
		obj.rlim_cur[i] = leader->signal->rlim[i].rlim_cur;
		obj.rlim_max[i] = leader->signal->rlim[i].rlim_max;
	}
	task_unlock(leader);
	err = put_path(image, TERN_OBJ_TASK, &obj, sizeof(obj), &obj.exe,
		       &exe->f_path);
	fput(exe);
	return err;
}

static u32 mm_flags(const struct mm_struct *mm)
{
	return (mm->def_flags & VM_LOCKED ? TERN_MM_LOCK : 0) |
	       (mm->def_flags & VM_LOCKONFAULT ? TERN_MM_LOCK_ONFAULT : 0);
}

static void save_mm(struct mm_struct *mm, struct tern_image *image)
{
	struct tern_obj_mm obj = {
		.start_code = mm->start_code,
		.end_code = mm->end_code,
		.start_data = mm->start_data,
		.end_data = mm->end_data,
		.start_brk = mm->start_brk,
		.brk = mm->brk,
		.start_stack = mm->start_stack,
		.arg_start = mm->arg_start,
		.arg_end = mm->arg_end,
		.env_start = mm->env_start,
		.env_end = mm->env_end,
		.mmap_base = mm->mmap_base,
		.vdso = (__force u64)mm->context.vdso,
		.flags = mm_flags(mm),
		.pkeys = tern_arch_pkeys(mm),
		.auxv = sizeof(mm->saved_auxv),
	};

	tern_image_put(image, TERN_OBJ_MM, &obj, sizeof(obj), mm->saved_auxv,
		       sizeof(mm->saved_auxv));
}

static u64 cap_bits(kernel_cap_t cap)
{
	u64 bits;

	BUILD_BUG_ON(sizeof(cap) != sizeof(bits));
	memcpy(&bits, &cap, sizeof(bits));
	return bits;
}

static int save_creds(struct task_struct *leader, struct tern_image *image)
{
	const struct cred *cred = get_task_cred(leader);
	struct user_namespace *ns = &init_user_ns;
	struct tern_obj_creds obj = {
		.uid = { from_kuid(ns, cred->uid), from_kuid(ns, cred->euid),
			 from_kuid(ns, cred->suid), from_kuid(ns, cred->fsuid) },
		.gid = { from_kgid(ns, cred->gid), from_kgid(ns, cred->egid),
			 from_kgid(ns, cred->sgid), from_kgid(ns, cred->fsgid) },
		.cap = { cap_bits(cred->cap_inheritable),
			 cap_bits(cred->cap_permitted),
			 cap_bits(cred->cap_effective),
			 cap_bits(cred->cap_bset), cap_bits(cred->cap_ambient) },
		.securebits = cred->securebits,
		.nr_groups = cred->group_info->ngroups,
	};
	u32 *groups = kvmalloc_array(obj.nr_groups + 1, sizeof(*groups), GFP_KERNEL);
	unsigned int i;

	if (groups) {
		for (i = 0; i < obj.nr_groups; i++)
			groups[i] = from_kgid(ns, cred->group_info->gid[i]);
		tern_image_put(image, TERN_OBJ_CREDS, &obj, sizeof(obj), groups,
			       obj.nr_groups * sizeof(*groups));
	}
	put_cred(cred);
	kvfree(groups);
	return groups ? 0 : -ENOMEM;
}

static void save_sigaction(const struct sigaction *sa,
			   struct tern_obj_sigactions *obj, int i)
{
	obj->action[i].handler = (__force u64)sa->sa_handler;
	obj->action[i].flags = sa->sa_flags;
	obj->action[i].restorer = (__force u64)sa->sa_restorer;
	obj->action[i].mask = sa->sa_mask.sig[0];
}

static int save_sigactions(struct task_struct *leader, struct tern_image *image)
{
	struct tern_obj_sigactions *obj = kzalloc(sizeof(*obj), GFP_KERNEL);
	struct sighand_struct *sighand;
	unsigned long irq;
	int i;

	if (!obj)
		return -ENOMEM;
	/* a killed migrant has none any more */
	sighand = tern_lock_sighand(leader, &irq);
	if (sighand) {
		for (i = 0; i < _NSIG; i++)
			save_sigaction(&sighand->action[i].sa, obj, i);
		tern_unlock_sighand(sighand, irq);
		tern_image_put(image, TERN_OBJ_SIGACTIONS, obj, sizeof(*obj), NULL, 0);
	}
	kfree(obj);
	return sighand ? 0 : -ESRCH;
}

static int save_fs(struct task_struct *leader, struct tern_image *image)
{
	struct tern_obj_fs obj = {};
	struct path pwd = {};
	int err;

	task_lock(leader);
	if (leader->fs)
		get_fs_pwd(leader->fs, &pwd);
	task_unlock(leader);
	if (!pwd.dentry)
		return -ESRCH;
	err = put_path(image, TERN_OBJ_FS, &obj, sizeof(obj), &obj.cwd, &pwd);
	path_put(&pwd);
	return err;
}

/**
 * tern_obj_task_save() - TASK, MM, CREDS, SIGACTIONS, FS
 * @tree: the processes that move together
 * @leader: the process, parked or, for a draft, running
 * @mm: its address space, referenced
 * @nr_threads: THREAD objects that the image will have
 * @image: where to
 */
int tern_obj_task_save(const struct tern_tree *tree, struct task_struct *leader,
		       struct mm_struct *mm, unsigned int nr_threads,
		       struct tern_image *image)
{
	int err;

	err = save_task(tree, leader, mm, nr_threads, image);
	if (err)
		return err;
	save_mm(mm, image);
	err = save_creds(leader, image);
	if (!err)
		err = save_sigactions(leader, image);
	if (!err)
		err = save_fs(leader, image);
	return err;
}

/** tern_obj_task_valid() - may what LOAD takes of @obj be loaded? */
bool tern_obj_task_valid(const struct tern_obj_task *obj)
{
	return obj->exit_signal <= _NSIG && obj->oom_score_adj_min >= OOM_SCORE_ADJ_MIN &&
	       obj->oom_score_adj_min <= obj->oom_score_adj &&
	       obj->oom_score_adj <= OOM_SCORE_ADJ_MAX;
}

/**
 * tern_obj_task_load() - what of the process as a whole no call can set
 * @leader: the shell
 * @obj: accepted by tern_obj_task_valid()
 *
 * Who writes to /proc/PID/oom_score_adj meanwhile loses, as if he had been earlier.
 */
void tern_obj_task_load(struct task_struct *leader, const struct tern_obj_task *obj)
{
	/* the shell, which has executed a program, has SIGCHLD (de_thread()) */
	if (obj->parent)
		WRITE_ONCE(leader->exit_signal, obj->exit_signal);
	leader->signal->oom_score_adj = obj->oom_score_adj;
	leader->signal->oom_score_adj_min = obj->oom_score_adj_min;
}

/* ---- signals that wait ------------------------------------------------------- */

/*
 * Signals queue while a migrant is parked and stay queued, so that it can run
 * on as if nothing had happened. What the capture has seen is counted per
 * signal; the queue of one signal keeps its order, so what came later is what
 * lies behind that count.
 *
 * Signals of timers do not travel: the timers do, and expire where they then are.
 */
static void put_signal(struct tern_image *image, int tid, int signo,
		       const kernel_siginfo_t *info)
{
	struct tern_obj_signal obj = { .tid = tid, .signo = signo };
	siginfo_t *out = (siginfo_t *)obj.info;

	BUILD_BUG_ON(sizeof(obj.info) != sizeof(*out));
	if (info) {
		copy_siginfo_to_external(out, info);
	} else {
		out->si_signo = signo;
		out->si_code = SI_KERNEL;
	}
	tern_image_put(image, TERN_OBJ_SIGNAL, &obj, sizeof(obj), NULL, 0);
}

/* A SIGSTOP would stop the shell, which cannot block it: it comes late. */
static bool travels(int signo, bool late)
{
	return signo > 0 && signo <= _NSIG && signo != SIGKILL &&
	       (late || signo != SIGSTOP);
}

/* The SIGALRM of ITIMER_REAL, which was armed at CAPTURE and has expired since? */
static bool is_alarm(struct tern_migration *m, const struct sigqueue *q)
{
	struct signal_struct *sig = list_first_entry(&m->threads, struct tern_thread,
						     node)->task->signal;

	return m->alarm_travels && q->info.si_signo == SIGALRM &&
	       q->info.si_code == SI_KERNEL && !hrtimer_is_queued(&sig->real_timer);
}

/*
 * Of a process that moves with it, and is not to have ended: when its own parent did, it
 * became a child of this one, a subreaper, who was told.
 */
static bool is_of_member(struct tern_migration *m, const struct sigqueue *q)
{
	struct pid *pid;

	if (!m->unit || q->info.si_signo != SIGCHLD || q->info.si_code != CLD_EXITED)
		return false;
	pid = find_pid_ns(q->info.si_pid, ns_of_pid(m->pid));
	return pid && tern_unit_has(m->unit, pid);
}

static void save_pending(struct tern_migration *m, struct sigpending *pending, int tid,
			 u32 *seen, bool late, struct tern_image *image)
{
	sigset_t timers = {};
	u32 nr[_NSIG] = {};
	struct sigqueue *q;
	int i, signo;

	if (!late)
		memset(seen, 0, sizeof(nr));
	/* what is queued is also in the set; mostly there is nothing */
	if (sigisemptyset(&pending->signal))
		return;
	list_for_each_entry(q, &pending->list, list) {
		signo = q->info.si_signo;
		if (q->flags & SIGQUEUE_PREALLOC || is_alarm(m, q) ||
		    (late && is_of_member(m, q))) {
			sigaddset(&timers, signo);
			continue;
		}
		if (travels(signo, late) && nr[signo - 1]++ >= seen[signo - 1])
			put_signal(image, tid, signo, &q->info);
	}
	for (i = 0; i < _NSIG; i++) {
		/* sent without a queue entry, for want of memory or need */
		if (!nr[i] && travels(i + 1, late) && !sigismember(&timers, i + 1) &&
		    sigismember(&pending->signal, i + 1) && nr[i]++ >= seen[i])
			put_signal(image, tid, i + 1, NULL);
		/* a late call may have to be made again, with more room */
		if (!late)
			seen[i] = nr[i];
	}
}

/* With those of the process, if @shared; false: the thread has ended. */
static bool save_queues(struct tern_migration *m, struct tern_thread *thread, bool shared,
			bool late, struct tern_image *image)
{
	struct task_struct *task = thread->task;
	struct sighand_struct *sighand;
	unsigned long irq;

	sighand = tern_lock_sighand(task, &irq);
	if (!sighand)
		return false;
	if (shared)
		save_pending(m, &task->signal->shared_pending, 0, m->nr_signals, late, image);
	save_pending(m, &task->pending, tern_tid_of(task), thread->nr_signals, late, image);
	tern_unlock_sighand(sighand, irq);
	return true;
}

/**
 * tern_obj_signals_save() - signals that wait for the process or one of its threads
 * @m: parked or in doubt
 * @image: where to
 * @late: only those that came after the last call with @late == false; if the
 *	migrant was killed meanwhile, that is one of them
 */
void tern_obj_signals_save(struct tern_migration *m, struct tern_image *image,
			   bool late)
{
	struct tern_thread *thread;
	bool shared = true, killed = false;

	rcu_read_lock();
	list_for_each_entry(thread, &m->threads, node) {
		killed |= tern_thread_stands(thread) == TERN_STAND_GONE;
		if (save_queues(m, thread, shared, late, image))
			shared = false;
	}
	rcu_read_unlock();
	if (late && killed)
		put_signal(image, 0, SIGKILL, NULL);
}
