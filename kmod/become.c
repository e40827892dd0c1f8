// SPDX-License-Identifier: GPL-2.0
/*
 * The destination's half: threads of a shell wait in BECOME, the daemon loads
 * each of them with a thread of the image, and at RESUME they leave the kernel
 * as the migrant's. User space has laid out everything that a system call can
 * lay out; here is what none can.
 *
 * Registers are set in task work and not in the call itself, whose return value
 * would go over them; the signal exit path, in which task work runs, then
 * restarts the call that the migrant was blocked in.
 *
 * Locks: m->lock guards the list of threads. A thread reads its verdict without.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include <linux/tern.h>
#include <linux/uaccess.h>

#include "arch/arch.h"
#include "barrier.h"
#include "become.h"
#include "compat.h"
#include "dev.h"
#include "fault.h"
#include "image.h"
#include "inet.h"
#include "keep.h"
#include "late.h"
#include "migration.h"
#include "obj.h"
#include "park.h"
#include "pod.h"
#include "restart.h"
#include "sighand.h"
#include "socket.h"
#include "terminal.h"
#include "trace.h"
#include "tree.h"
#include "unit.h"
#include "xstate.h"

#define LOAD_TIMEOUT	(10 * HZ)
#define ASIDE_TIMEOUT	msecs_to_jiffies(2)

/* ---- in the context of the shell ------------------------------------------- */

/**
 * tern_become_join() - a shell arrives (TERN_IOC_SHELL)
 * @handle: its handle, which has no role yet
 * @shell: which migration; its userfaultfd
 */
int tern_become_join(struct tern_handle *handle, const struct tern_shell *shell)
{
	struct tern_migration *m;
	struct file *uffd;
	int err;

	m = tern_migration_find(handle->host, shell->id, TERN_DESTINATION);
	if (!m)
		return -ENOENT;
	uffd = fget(shell->uffd);
	if (!uffd) {
		tern_migration_put(m);
		return -EBADF;
	}
	mutex_lock(&m->lock);
	err = -EINVAL;
	if (!tern_keep_is_uffd(uffd))
		goto out;
	err = -EBADFD;
	if (m->state != TERN_SHELL || m->shell)
		goto out;
	err = tern_fault(TERN_FAULT_SHELL) ? -EIO :
	      tern_keep_file(m, TERN_KEEP_UFFD, uffd);
	if (err)
		goto out;
	uffd = NULL;
	m->nr_spaces = 1;
	m->pid = get_pid(task_tgid(current));
	m->shell = handle;
	handle->migration = m;
out:
	mutex_unlock(&m->lock);
	if (uffd)
		fput(uffd);
	if (err)
		tern_migration_put(m);
	return err;
}

static void become_work(struct callback_head *work)
{
	struct tern_thread *thread = container_of(work, typeof(*thread), work);

	if (!(current->flags & PF_EXITING)) {
		tern_obj_thread_load(thread);
		WRITE_ONCE(thread->migration->went, ktime_get());
		atomic_inc(&thread->migration->nr_went);
		if (thread_group_leader(current))
			wake_up_all(&thread->migration->news);
		trace_tern_thread(thread->migration->id, current->pid, "goes");
	}
	tern_thread_put(thread);
	module_put(THIS_MODULE);
}

/* The highest descriptor below @end, any if that is 0; 0: there is none, or that one. */
static unsigned int highest(struct files_struct *files, unsigned int end)
{
	struct fdtable *fdt;
	unsigned int fd;

	spin_lock(&files->file_lock);
	fdt = files_fdtable(files);
	if (!end || end > fdt->max_fds)
		end = fdt->max_fds;
	fd = find_last_bit(fdt->open_fds, end);
	spin_unlock(&files->file_lock);
	return fd < end ? fd : 0;
}

/* The shell's own memory: of no use to threads that wait here, and in the migrant's way. */
static int shed_memory(const struct tern_become *become)
{
	int err = 0;

	if (become->unmap_end)
		err = vm_munmap(become->unmap_start,
				become->unmap_end - become->unmap_start);
	current->mm->mmap_base = become->mmap_base;
	return err;
}

/* And its descriptors, which are above all others. */
static void shed_files(const struct tern_become *become)
{
	unsigned int fd = 0;

	while ((fd = highest(current->files, fd)) >= become->own_fds && fd)
		close_fd(fd);
}

/* The leader goes first: nothing of the shell may be left when others run. */
static void lead(const struct tern_become *become, struct tern_thread *leader)
{
	struct tern_migration *m = leader->migration;
	struct tern_thread *thread, *tmp;

	shed_files(become);
	mutex_lock(&m->lock);
	list_for_each_entry_safe(thread, tmp, &m->threads, node) {
		tern_thread_decide(thread, TERN_VERDICT_GO);
		tern_thread_unlink(thread);
	}
	mutex_unlock(&m->lock);
	wake_up_all(&m->wait);
}

static int go(struct tern_thread *thread)
{
	int err;

	init_task_work(&thread->work, become_work);
	kref_get(&thread->ref);
	__module_get(THIS_MODULE);
	err = task_work_add(current, &thread->work, TWA_SIGNAL);
	if (err) {
		module_put(THIS_MODULE);
		tern_thread_put(thread);
	}
	return err;
}

static bool all_here(const struct tern_migration *m)
{
	return READ_ONCE(m->nr_here) == m->nr_threads;
}

/* Of the threads that wait, NULL: it does not, or not yet. With m->lock held. */
static struct tern_thread *find_leader(struct tern_migration *m)
{
	struct tern_thread *thread;

	list_for_each_entry(thread, &m->threads, node)
		if (thread_group_leader(thread->task))
			return thread;
	return NULL;
}

/* With m->lock held, by the last that has come: now the leader can go on. */
static void wake_leader(struct tern_migration *m)
{
	struct tern_thread *leader = find_leader(m);

	if (leader)
		wake_up_process(leader->task);
}

/* None of the shell's threads executes there any more. */
static int shed(struct tern_migration *m, const struct tern_become *become)
{
	int err = tern_fault(TERN_FAULT_SHED) ? -ENOMEM : shed_memory(become);

	mutex_lock(&m->lock);
	WRITE_ONCE(m->shed, !err);
	wake_up_all(&m->news);
	mutex_unlock(&m->lock);
	return err;
}

/* The memory of the shell goes while the daemon waits for first pages. */
static int wait_verdict(struct tern_thread *thread, const struct tern_become *become)
{
	struct tern_migration *m = thread->migration;
	int err = 0;

	if (thread_group_leader(current)) {
		err = wait_event_killable(m->wait, all_here(m) || tern_thread_verdict(thread));
		if (!err && all_here(m))
			err = shed(m, become);
	}
	if (!err)
		err = wait_event_killable(m->wait, tern_thread_verdict(thread));
	if (!err && thread->verdict == TERN_VERDICT_GO)
		return 0;
	/* before it is decided that all of them go */
	if (m->unit && !READ_ONCE(m->leaves))
		tern_unit_fail(m->unit);
	mutex_lock(&m->lock);
	if (!list_empty(&thread->node)) {
		tern_thread_unlink(thread);
		WRITE_ONCE(m->nr_here, m->nr_here - 1);
	}
	mutex_unlock(&m->lock);
	return err ?: -ECANCELED;
}

static bool become_valid(const struct tern_become *become)
{
	return !become->flags && !become->reserved &&
	       PAGE_ALIGNED(become->unmap_start) && PAGE_ALIGNED(become->unmap_end) &&
	       become->unmap_start <= become->unmap_end &&
	       become->unmap_end < TASK_SIZE_MAX && become->mmap_base < TASK_SIZE_MAX;
}

/**
 * tern_become() - wait to be the migrant (TERN_IOC_BECOME)
 * @handle: the shell's
 * @become: what the leader takes away: memory once all have come, descriptors at the end
 *
 * Return: to user mode as the migrant; or an error, when it never will be: one that has waited
 * is killed then.
 */
int tern_become(struct tern_handle *handle, const struct tern_become *become)
{
	struct tern_migration *m = handle->migration;
	struct tern_thread *thread;
	bool waited = false;
	int err;

	if (!become_valid(become))
		return -EINVAL;
	if (task_tgid(current) != m->pid)
		return -EPERM;
	thread = tern_fault(TERN_FAULT_BECOME) ? NULL :
		 tern_thread_create(m, current);
	if (!thread)
		return -ENOMEM;
	thread->obj.tid = tern_tid_of(current);
	tern_arch_park_xstate();

	mutex_lock(&m->lock);
	err = m->state == TERN_SHELL && m->nr_here < m->nr_threads ? 0 : -EBADFD;
	if (!err) {
		tern_thread_link(thread);
		kref_get(&thread->ref);
		WRITE_ONCE(m->nr_here, m->nr_here + 1);
		if (all_here(m))
			wake_leader(m);
		wake_up_all(&m->news);
		waited = true;
	}
	mutex_unlock(&m->lock);
	if (!err)
		err = wait_verdict(thread, become);
	if (!err && thread_group_leader(current))
		lead(become, thread);
	if (!err)
		err = go(thread);
	/* half a migrant must not run, and there may be no shell any more */
	if (err && (waited || READ_ONCE(m->shed)))
		send_sig(SIGKILL, current, 1);
	tern_thread_put(thread);
	return err;
}

/* ---- in the context of the daemon ---------------------------------------------- */

static struct tern_thread *find_tid(struct tern_migration *m, int tid)
{
	struct tern_thread *thread;
	struct task_struct *task;

	rcu_read_lock();
	task = pid_task(find_pid_ns(tid, ns_of_pid(m->pid)), PIDTYPE_PID);
	thread = task ? tern_thread_find(m, task) : NULL;
	rcu_read_unlock();
	return thread;
}

static bool thread_valid(const struct tern_obj *obj,
			 const struct tern_obj_thread *t,
			 struct tern_usage_sum *sum)
{
	return obj->len == sizeof(*obj) + sizeof(*t) + t->xstate &&
	       !t->reserved && t->restore_mask <= 1 && t->pdeath_signal <= _NSIG &&
	       !(t->attrs & ~TERN_THREAD_ATTRS) &&
	       t->robust_list < TASK_SIZE_MAX &&
	       t->clear_child_tid < TASK_SIZE_MAX &&
	       t->altstack_sp < TASK_SIZE_MAX && t->altstack_size < TASK_SIZE_MAX &&
	       !(t->altstack_flags & ~(SS_ONSTACK | SS_DISABLE | SS_AUTODISARM)) &&
	       (!t->rseq || (t->rseq < TASK_SIZE_MAX && IS_ALIGNED(t->rseq, 32) &&
			     compat_rseq_len_valid(t->rseq_len))) &&
	       tern_usage_valid(&t->usage, sum) && tern_xstate_valid(t) && tern_arch_valid(t) &&
	       tern_restart_valid(t);
}

static bool signal_valid(const struct tern_obj *obj,
			 const struct tern_obj_signal *s)
{
	return obj->len == sizeof(*obj) + sizeof(*s) && s->tid > 0 &&
	       s->signo > 0 && s->signo <= _NSIG && s->signo != SIGKILL &&
	       s->signo != SIGSTOP;
}

/* What is to be said against one object; NULL: nothing. */
static const char *objection(const struct tern_obj *obj, struct tern_usage_sum *sum)
{
	const void *payload = obj + 1;

	switch (obj->type) {
	case TERN_OBJ_THREAD:
		return thread_valid(obj, payload, sum) ? NULL :
		       "the state of a thread, which cannot be loaded here";
	case TERN_OBJ_SIGNAL:
		return signal_valid(obj, payload) ? NULL : "a signal that cannot wait";
	case TERN_OBJ_TASK:
		return tern_obj_task_valid(payload) ? NULL : "a process that cannot be";
	case TERN_OBJ_TIMES:
		return tern_obj_times_valid(obj, payload, sum) ? NULL : "times that cannot be";
	case TERN_OBJ_TIMER:
		return tern_obj_timer_valid(obj, payload) ? NULL : "a timer that cannot be";
	case TERN_OBJ_TERMINAL:
		return tern_terminal_valid(obj, payload) ? NULL : "a terminal that cannot be";
	case TERN_OBJ_PEER:
		return tern_socket_valid(obj, payload) ? NULL : "a socket that cannot be";
	case TERN_OBJ_DATAGRAM:
		return tern_datagram_valid(obj, payload) ? NULL : "a datagram that cannot be";
	case TERN_OBJ_LATE:
		return tern_late_valid(obj, payload) ? NULL : "a socket that cannot be";
	case TERN_OBJ_BARRIER:
		return tern_barrier_valid(obj, payload) ? NULL : "a file that cannot be";
	case TERN_OBJ_ENDED:
		return tern_tree_ended_valid(obj, payload) ? NULL : "a child that cannot be";
	default:
		return "nothing that LOAD takes";
	}
}

/* What can be said of an image without looking at the shell. */
static int check_image(struct tern_migration *m, const void *buf, size_t len,
		       struct tern_why *why)
{
	struct tern_usage_sum sum = {};
	const struct tern_obj *obj;
	unsigned int nr = 0, threads = 0;
	size_t at = 0;

	for (; (obj = tern_image_next(buf, len, &at)); nr++) {
		const char *what;

		if (IS_ERR(obj))
			return tern_why(why, PTR_ERR(obj), "object %u is malformed", nr);
		what = objection(obj, &sum);
		if (what)
			return tern_why(why, -EBADMSG, "object %u (%s) is %s", nr,
					tern_obj_name(obj->type), what);
		threads += obj->type == TERN_OBJ_THREAD;
	}
	return threads == m->nr_threads ? 0 :
	       tern_why(why, -EBADMSG, "the image has %u threads, the shell %u",
			threads, m->nr_threads);
}

static int load_thread(struct tern_migration *m, const struct tern_obj_thread *t,
		       struct tern_why *why)
{
	struct tern_thread *thread = find_tid(m, t->tid);
	int err;

	if (!thread || thread->stand == TERN_STAND_HERE)
		return tern_why(why, -EBADMSG,
				"the shell has no thread %d, or the image has it twice",
				t->tid);
	thread->stand = TERN_STAND_HERE;
	thread->obj = *t;
	tern_usage_load(thread->task, &t->usage);
	tern_xstate_unpack(thread->xstate, t);
	err = tern_arch_load_xstate(thread->task, thread->xstate);
	return err ? tern_why(why, err,
			      "the extended state of thread %d is not valid here",
			      t->tid) : 0;
}

/*
 * In a pid namespace below ours nobody is told of a sender from above, which we are: the
 * entry at the end of the queue, for nobody else sends a shell anything that waits.
 */
static void name_sender(struct task_struct *task, const struct kernel_siginfo *info)
{
	struct sighand_struct *sighand;
	struct sigqueue *q;
	unsigned long irq;

	sighand = tern_lock_sighand(task, &irq);
	if (!sighand)
		return;
	list_for_each_entry_reverse(q, &task->pending.list, list) {
		if (q->info.si_signo == info->si_signo && q->info.si_code == info->si_code)
			memcpy(&q->info, info, sizeof(q->info));
		break;
	}
	tern_unlock_sighand(sighand, irq);
}

/* Only a thread itself could queue it, and all of them wait, with it blocked. */
static int load_signal(struct tern_migration *m, const struct tern_obj_signal *s,
		       struct tern_why *why)
{
	struct tern_thread *thread = find_tid(m, s->tid);
	struct kernel_siginfo info;
	int err;

	if (!thread)
		return tern_why(why, -EBADMSG, "a signal for thread %d, which is none",
				s->tid);
	BUILD_BUG_ON(sizeof(info) > sizeof(s->info));
	memcpy(&info, s->info, sizeof(info));
	info.si_signo = s->signo;
	err = send_sig_info(s->signo, &info, thread->task);
	if (!err)
		name_sender(thread->task, (const void *)s->info);
	return err ? tern_why(why, err, "signal %u could not be queued for thread %d",
			      s->signo, s->tid) : 0;
}

static int load_usage(struct task_struct *leader, const struct tern_clocks *clocks,
		      const struct tern_obj_times *t, struct tern_why *why)
{
	int err = tern_obj_times_wait(clocks, t, why);

	if (!err)
		tern_obj_times_load(leader, clocks, t);
	return err;
}

static int load_timer(struct task_struct *leader, const struct tern_clocks *clocks,
		      const struct tern_obj_timer *t, struct tern_why *why)
{
	int err = tern_obj_timer_load(leader, clocks, t);

	return err ? tern_why(why, err, "the shell has no such timer %d", t->id) : 0;
}

static int load_terminal(struct tern_migration *m, struct task_struct *leader,
			 const struct tern_obj_terminal *t, struct tern_why *why)
{
	int err = tern_terminal_load(m, leader, t);

	return err ? tern_why(why, err, "the shell has no terminal %u", t->index) : 0;
}

static int load_socket(struct tern_migration *m, struct task_struct *leader,
		       const struct tern_obj_peer *p, struct tern_why *why)
{
	int err = tern_socket_load(m, leader, p);

	return err ? tern_why(why, err, "the shell's socket %d could not be loaded", p->fd) : 0;
}

static int load_datagram(struct task_struct *leader, const struct tern_obj_datagram *d,
			 struct tern_why *why)
{
	int err = tern_datagram_load(leader, d);

	return err ? tern_why(why, err, "the shell's socket %d did not take a datagram", d->fd) : 0;
}

static int load_late(struct tern_migration *m, struct task_struct *leader,
		     const struct tern_obj_late *l, struct tern_why *why)
{
	int err = tern_late_load(m, leader, l);

	return err ? tern_why(why, err, "the shell's socket %d cannot be made to wait (error %d)",
			      l->fd, err) : 0;
}

static int load_barrier(struct tern_migration *m, struct task_struct *leader,
			const struct tern_obj_barrier *b, struct tern_why *why)
{
	int err = tern_barrier_load(m, leader, b);

	return err ? tern_why(why, err, "the shell's file %d cannot be made to wait (error %d)",
			      b->fd, err) : 0;
}

static int load_ended(struct task_struct *leader, const struct tern_obj_ended *e,
		      struct tern_why *why)
{
	int err = tern_tree_load_ended(leader, e);

	return err ? tern_why(why, err, "the shell has no child %d that has ended", e->pid) : 0;
}

/* Give every thread of the shell, all of which wait, what check_image() accepted. */
static int load_threads(struct tern_migration *m, const void *buf, size_t len,
			struct tern_why *why)
{
	const struct tern_obj *obj;
	size_t at = 0;
	int err = 0;

	while (!err && (obj = tern_image_next(buf, len, &at))) {
		if (obj->type == TERN_OBJ_THREAD)
			err = load_thread(m, (const void *)(obj + 1), why);
		else if (obj->type == TERN_OBJ_SIGNAL)
			err = load_signal(m, (const void *)(obj + 1), why);
	}
	return err;
}

/* What all of them have together; some of it is the sum of what each has. */
static int load_process(struct tern_migration *m, const void *buf, size_t len,
			struct tern_why *why)
{
	struct task_struct *leader = get_pid_task(m->pid, PIDTYPE_TGID);
	const struct tern_obj *obj;
	struct tern_clocks clocks;
	size_t at = 0;
	int err = 0;

	if (!leader)
		return -ESRCH;
	tern_clocks_of(leader, &clocks);
	while (!err && (obj = tern_image_next(buf, len, &at))) {
		if (obj->type == TERN_OBJ_TASK)
			tern_obj_task_load(leader, (const void *)(obj + 1));
		else if (obj->type == TERN_OBJ_TIMES)
			err = load_usage(leader, &clocks, (const void *)(obj + 1), why);
		else if (obj->type == TERN_OBJ_TIMER)
			err = load_timer(leader, &clocks, (const void *)(obj + 1), why);
		else if (obj->type == TERN_OBJ_TERMINAL)
			err = load_terminal(m, leader, (const void *)(obj + 1), why);
		else if (obj->type == TERN_OBJ_PEER)
			err = load_socket(m, leader, (const void *)(obj + 1), why);
		else if (obj->type == TERN_OBJ_DATAGRAM)
			err = load_datagram(leader, (const void *)(obj + 1), why);
		else if (obj->type == TERN_OBJ_LATE)
			err = load_late(m, leader, (const void *)(obj + 1), why);
		else if (obj->type == TERN_OBJ_BARRIER)
			err = load_barrier(m, leader, (const void *)(obj + 1), why);
		else if (obj->type == TERN_OBJ_ENDED)
			err = load_ended(leader, (const void *)(obj + 1), why);
	}
	put_task_struct(leader);
	return err;
}

static int load_image(struct tern_migration *m, const void *buf, size_t len,
		      struct tern_why *why)
{
	int err = load_threads(m, buf, len, why);

	return err ?: load_process(m, buf, len, why);
}

/**
 * tern_become_load() - give the shell's threads their state (TERN_IOC_LOAD)
 * @m: in TERN_SHELL
 * @io: THREAD objects
 * @why: sentence
 */
int tern_become_load(struct tern_migration *m, struct tern_image_io *io,
		     struct tern_why *why)
{
	void *buf;
	long left;
	int err;

	if (m->side != TERN_DESTINATION)
		return -EBADFD;
	if (!io->len || io->len > TERN_IMAGE_MAX)
		return -EINVAL;
	buf = kvmalloc(io->len, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	err = -EFAULT;
	if (copy_from_user(buf, u64_to_user_ptr(io->buf), io->len))
		goto out;
	err = check_image(m, buf, io->len, why);
	if (err)
		goto out;
	left = wait_event_interruptible_timeout(m->news, READ_ONCE(m->shed) ||
						READ_ONCE(m->state) != TERN_SHELL, LOAD_TIMEOUT);
	if (left <= 0) {
		err = left < 0 ? -EINTR :
		      tern_why(why, -ETIMEDOUT, "the shell's threads do not arrive");
		goto out;
	}
	mutex_lock(&m->lock);
	err = -EBADFD;
	if (m->state == TERN_SHELL && m->shed && all_here(m))
		err = tern_fault(TERN_FAULT_LOAD) ?
		      tern_why(why, -EIO, "the threads could not be loaded") :
		      load_image(m, buf, io->len, why);
	if (!err)
		err = tern_migration_set(m, TERN_LOADED);
	mutex_unlock(&m->lock);
out:
	kvfree(buf);
	return err;
}

/* May it run? With m->lock held. */
static int may_resume(struct tern_migration *m)
{
	if (m->side != TERN_DESTINATION || m->state != TERN_LOADED)
		return -EBADFD;
	if (tern_fault(TERN_FAULT_RESUME))
		return -EIO;
	/* one of them killed meanwhile: what is left is not the migrant */
	return all_here(m) ? 0 : -ESRCH;
}

/* With m->lock held. */
static void let_go(struct tern_migration *m)
{
	struct tern_thread *leader = find_leader(m);

	get_task_comm(m->comm, list_first_entry(&m->threads, struct tern_thread,
						node)->task->group_leader);
	if (leader) {
		tern_thread_decide(leader, TERN_VERDICT_GO);
		/* and nobody else: they would be in its way */
		wake_up_process(leader->task);
	}
}

/*
 * Where there is one processor it runs when the daemon does not: now, and not once the daemon
 * has nothing left to do. Unless it misses a page on its way, which the daemon would have to fetch.
 */
static void step_aside(struct tern_migration *m)
{
	if (num_online_cpus() == 1)
		wait_event_killable_timeout(m->news, atomic_read(&m->nr_went), ASIDE_TIMEOUT);
}

/**
 * tern_become_resume() - the migrant runs (TERN_IOC_RESUME)
 * @m: in TERN_LOADED
 *
 * With those that move with it, or not at all. One that is killed between that
 * decision and its own first instruction has been killed on this host. With one processor
 * this sleeps until it runs, or for two ticks.
 */
int tern_become_resume(struct tern_migration *m)
{
	int err;

	mutex_lock(&m->lock);
	err = may_resume(m);
	/* who is counted is counted once */
	if (!err && m->unit)
		err = m->goes ? -EBUSY : 0;
	if (!err)
		m->goes = true;
	mutex_unlock(&m->lock);
	if (!err && m->unit)
		err = tern_unit_go(m->unit);
	if (err)
		return err;
	mutex_lock(&m->lock);
	if (!m->unit)
		err = may_resume(m);
	if (!err)
		err = tern_migration_set(m, TERN_PAGING);
	if (!err)
		tern_barrier_up(m);
	if (!err && !list_empty(&m->threads))
		let_go(m);
	/* those that move with it are loaded, too: every socket but those of TCP is open */
	if (!err)
		tern_late_resume(m);
	if (!err)
		tern_barrier_resume(m);
	mutex_unlock(&m->lock);
	if (!err)
		step_aside(m);
	return err;
}

/** tern_become_went() - since when has it been running? (TERN_IOC_WENT) */
int tern_become_went(struct tern_migration *m, struct tern_went *arg)
{
	if (m->side != TERN_DESTINATION || READ_ONCE(m->state) != TERN_PAGING)
		return -EBADFD;
	arg->nr_threads = atomic_read(&m->nr_went);
	arg->ns = arg->nr_threads == m->nr_threads ?
		  ktime_to_ns(ktime_sub(ktime_get(), READ_ONCE(m->went))) : 0;
	return 0;
}

/**
 * tern_become_end() - the shell is not needed, or its migrant is lost
 * @m: with its lock held
 */
void tern_become_end(struct tern_migration *m)
{
	struct tern_thread *thread;

	list_for_each_entry(thread, &m->threads, node)
		tern_thread_decide(thread, TERN_VERDICT_DIE);
	wake_up_all(&m->wait);
	/* by its own reference: the number may be somebody else's by now */
	if (m->pid)
		kill_pid(m->pid, SIGKILL, 1);
}
