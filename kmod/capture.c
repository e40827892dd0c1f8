// SPDX-License-Identifier: GPL-2.0
/*
 * The check, which walks a running process without stopping it and names
 * everything that cannot move, and the capture, which writes the image of a
 * parked one. Both go through the same kinds of objects in the same order.
 */
#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/pid_namespace.h>
#include <linux/sched/coredump.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "arch/arch.h"
#include "capture.h"
#include "connection.h"
#include "desc.h"
#include "fault.h"
#include "image.h"
#include "late.h"
#include "migration.h"
#include "obj.h"
#include "park.h"
#include "pod.h"
#include "restart.h"
#include "table.h"
#include "tree.h"
#include "unit.h"
#include "unwritten.h"

/* room for most images; only a large one is worth a second round */
#define USUAL	(64UL << 10)

/* how often the check looks before it says no, and how far apart */
#define LOOKS	3
#define LOOK_US	2000

static void check_threads(struct task_struct *leader,
			  struct tern_reasons *reasons)
{
	struct task_struct *task;

	rcu_read_lock();
	for_each_thread(leader, task)
		if (!(task->flags & PF_EXITING))
			tern_obj_thread_check(task, leader, reasons);
	rcu_read_unlock();
}

static int check_files(const struct tern_tree *tree, struct task_struct *leader,
		       struct mm_struct *mm, u32 flags, struct tern_reasons *reasons)
{
	struct tern_table table;
	int err = tern_table_init(&table, tree, leader, mm, flags, true);

	if (err)
		return err;
	err = tern_obj_vma_check(mm, &table, reasons);
	if (!err)
		tern_obj_desc_check(&table, reasons);
	if (!err && leader == tree->task[0])
		tern_pod_check_segments(&table, reasons);
	tern_table_fini(&table);
	return err;
}

/* Process @n of those that move together. */
static int check_one(const struct tern_tree *tree, unsigned int n, u32 flags,
		     struct tern_reasons *reasons)
{
	struct task_struct *leader = tree->task[n];
	struct mm_struct *mm;
	int err;

	if (leader->flags & PF_KTHREAD) {
		tern_reasons_add(reasons, "process %d is a kernel thread",
				 task_pid_vnr(leader));
		return 0;
	}
	mm = get_task_mm(leader);
	/* a descendant that has ended moves as what is left of it */
	if (!mm && !n)
		tern_reasons_add(reasons, "process %d has ended",
				 task_pid_vnr(leader));
	if (!mm)
		return 0;
	tern_obj_task_check(tree, n, reasons);
	if (n)
		tern_tree_check(tree, n, reasons);
	check_threads(leader, reasons);
	err = check_files(tree, leader, mm, flags, reasons);
	mmput(mm);
	return err;
}

/* Root may look at anything, others at what is theirs (compare ptrace(2)). */
static bool may_look(struct task_struct *leader)
{
	const struct cred *cred;
	bool may;

	if (capable(CAP_SYS_ADMIN))
		return true;
	cred = get_task_cred(leader);
	may = uid_eq(cred->uid, current_uid()) && uid_eq(cred->euid, current_uid()) &&
	      uid_eq(cred->suid, current_uid()) &&
	      cap_issubset(cred->cap_permitted, current_cred()->cap_permitted);
	put_cred(cred);
	task_lock(leader);
	may = may && (leader->exit_state || (leader->mm && get_dumpable(leader->mm) ==
					     SUID_DUMP_USER));
	task_unlock(leader);
	return may;
}

/* Of a whole tree: whose reason it is stands before it. */
static int check_each(const struct tern_tree *tree, u32 flags, struct tern_reasons *reasons)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < tree->nr && !err; i++) {
		reasons->pid = i ? task_pid_vnr(tree->task[i]) : 0;
		err = may_look(tree->task[i]) ? check_one(tree, i, flags, reasons) : -EPERM;
	}
	reasons->pid = 0;
	return err;
}

/* @root and all that is below it. */
static int check_all(struct task_struct *root, u32 flags, struct tern_reasons *reasons)
{
	struct tern_tree tree;
	int err = tern_tree_find(root, &tree);

	if (err == -E2BIG) {
		tern_reasons_add(reasons, "it and its descendants are more than %d processes",
				 TERN_PROCESSES_MAX);
		return 0;
	}
	if (err)
		return err;
	err = check_each(&tree, flags, reasons);
	tern_tree_fini(&tree);
	return err;
}

/*
 * Others hold for an instant what is the process's alone while they look at it (lsof, a
 * monitor that reads its /proc): what stands against a move still does so a moment later.
 * Likewise a child that has just ended.
 */
static int check_patiently(struct task_struct *root, u32 flags, struct tern_reasons *reasons)
{
	unsigned int i;
	int err;

	err = check_all(root, flags, reasons);
	reasons->nr += tern_fault(TERN_FAULT_LOOK);
	for (i = 1; i < LOOKS && !err && reasons->nr; i++) {
		usleep_range(LOOK_US, 2 * LOOK_US);
		tern_reasons_clear(reasons);
		err = check_all(root, flags, reasons);
	}
	return err;
}

/**
 * tern_check_pid() - TERN_IOC_CHECK
 * @pid: as the caller sees it
 * @flags: of TERN_FLAGS_CHECK
 * @reasons: receives what stands against it
 *
 * Return: -ESRCH, -EPERM, -ENOMEM; 0 when the check was made, whatever it found.
 */
int tern_check_pid(pid_t pid, u32 flags, struct tern_reasons *reasons)
{
	struct pid *ref = find_get_pid(pid);
	struct task_struct *leader = get_pid_task(ref, PIDTYPE_TGID);
	int err = -ESRCH;

	put_pid(ref);
	if (!leader)
		return err;
	err = check_patiently(leader, flags, reasons);
	put_task_struct(leader);
	return err;
}

/* The tree is as the daemon has found it: each of its processes has a migration. */
static int check_members(struct tern_migration *m, const struct tern_tree *tree,
			 struct task_struct *leader, struct tern_why *why)
{
	unsigned int i;

	if (!m->unit) {
		for (i = 1; i < tree->nr; i++)
			if (!tern_tree_ended(tree->task[i]))
				return tern_why(why, -EAGAIN,
						"the process has started another; try again");
		return 0;
	}
	for (i = 0; i < tree->nr; i++)
		if (!tern_tree_ended(tree->task[i]) &&
		    !tern_unit_has(m->unit, task_tgid(tree->task[i])))
			return tern_why(why, -EAGAIN,
					"the process keeps starting others: try again when it is quieter");
	if (tern_tree_index(tree, leader) == tree->nr)
		return tern_why(why, -EAGAIN, "process %d has lost its parent; try again",
				task_pid_vnr(leader));
	/* a parent that stands cannot wait for it: not the reason of an operator's check */
	if (leader != tree->task[0] && leader->flags & PF_EXITING)
		return tern_why(why, -EAGAIN, "process %d has ended; try again",
				task_pid_vnr(leader));
	return 0;
}

/*
 * The processes that move together with @leader, @m's. While they stand, or are about to:
 * what is found now is what will be.
 */
static int find_members(struct tern_migration *m, struct task_struct *leader,
			struct tern_tree *tree, struct tern_why *why)
{
	struct task_struct *root;
	int err;

	if (!m->unit) {
		err = tern_tree_find(leader, tree);
	} else {
		root = get_pid_task(m->unit->root, PIDTYPE_TGID);
		if (!root)
			return tern_why(why, -EAGAIN, "its first process has ended");
		err = tern_tree_find(root, tree);
		put_task_struct(root);
	}
	if (err == -E2BIG)
		return tern_why(why, -EOPNOTSUPP,
				"it and its descendants are more than %d processes",
				TERN_PROCESSES_MAX);
	if (err)
		return err;
	err = check_members(m, tree, leader, why);
	if (err)
		tern_tree_fini(tree);
	return err;
}

/**
 * tern_capture_tree() - the pids of a migrant and its descendants (TERN_IOC_TREE)
 * @m: at the source; at the destination the pid of its shell, once that has joined
 * @io: where to
 */
int tern_capture_tree(struct tern_migration *m, struct tern_tree_io *io)
{
	__s32 __user *pids = u64_to_user_ptr(io->pids);
	struct task_struct *leader;
	struct tern_tree tree;
	unsigned int i, nr = 0;
	int err;

	leader = get_pid_task(m->pid, PIDTYPE_TGID);
	if (!leader)
		return -ESRCH;
	err = m->side == TERN_SOURCE ? tern_tree_find(leader, &tree) :
	      tern_tree_alone(leader, &tree);
	put_task_struct(leader);
	if (err)
		return err;
	for (i = 0; i < tree.nr && !err; i++) {
		if (i && tern_tree_ended(tree.task[i]))
			continue;
		err = nr < io->nr ? put_user(task_tgid_vnr(tree.task[i]), pids + nr) : -ENOSPC;
		nr++;
	}
	io->nr = nr;
	tern_tree_fini(&tree);
	return err;
}

/* By the first reason, if there is any. */
static int refuse(struct tern_reasons *reasons, struct tern_why *why)
{
	if (!reasons->nr)
		return 0;
	strreplace(reasons->buf, '\n', '\0');
	return tern_why(why, -EOPNOTSUPP, "%s", reasons->buf);
}

static int check_member(struct tern_migration *m, struct task_struct *leader,
			struct tern_reasons *reasons, struct tern_why *why)
{
	struct tern_tree tree;
	int err = find_members(m, leader, &tree, why);

	if (err)
		return err;
	err = check_one(&tree, tern_tree_index(&tree, leader), m->flags, reasons);
	tern_tree_fini(&tree);
	return err;
}

/**
 * tern_check_migrant() - the check once more, right before parking
 * @m: with its lock held
 * @leader: its process; those that move with it are checked by their migrations
 * @why: receives the first reason
 *
 * Return: 0, -EOPNOTSUPP, or -EAGAIN: processes have come or gone.
 */
int tern_check_migrant(struct tern_migration *m, struct task_struct *leader,
		       struct tern_why *why)
{
	struct tern_why first = {};
	struct tern_reasons reasons = { .buf = first.text, .size = sizeof(first.text) };
	unsigned int i;
	int err;

	err = check_member(m, leader, &reasons, why);
	for (i = 1; i < LOOKS && !err && reasons.nr; i++) {
		usleep_range(LOOK_US, 2 * LOOK_US);
		tern_reasons_clear(&reasons);
		err = check_member(m, leader, &reasons, why);
	}
	return err ?: refuse(&reasons, why);
}

/**
 * tern_check_standing() - what may have changed until the last thread stood
 * @m: with its lock held
 * @leader: its process, parked
 * @why: receives the first reason
 *
 * Mappings and descriptors are checked when they are saved. As nobody who stands has
 * children that are not expected, and all that are expected will stand, none escapes.
 *
 * Return: as tern_check_migrant().
 */
int tern_check_standing(struct tern_migration *m, struct task_struct *leader,
			struct tern_why *why)
{
	struct tern_why first = {};
	struct tern_reasons reasons = { .buf = first.text, .size = sizeof(first.text) };
	struct tern_tree tree;
	unsigned int n;
	int err = find_members(m, leader, &tree, why);

	if (err)
		return err;
	n = tern_tree_index(&tree, leader);
	tern_obj_task_check(&tree, n, &reasons);
	if (n)
		tern_tree_check(&tree, n, &reasons);
	check_threads(leader, &reasons);
	tern_tree_fini(&tree);
	return refuse(&reasons, why);
}

/* The time namespace of @pid, or of the caller: how far are its clocks ahead? */
static int clocks(struct tern_info *info)
{
	struct task_struct *task;
	struct tern_clocks clocks;
	struct pid *ref;

	ref = info->pid ? find_get_pid(info->pid) : get_pid(task_tgid(current));
	task = get_pid_task(ref, PIDTYPE_TGID);
	put_pid(ref);
	if (!task)
		return -ESRCH;
	tern_clocks_of(task, &clocks);
	info->monotonic_off = clocks.monotonic;
	info->boottime_off = clocks.boottime;
	put_task_struct(task);
	return 0;
}

/** tern_capture_info() - TERN_IOC_INFO: what both hosts must agree on */
int tern_capture_info(struct tern_info *info)
{
	info->xstate_size = tern_arch_xstate_size();
	info->xfeatures = tern_arch_xfeatures();
	info->learned = tern_restart_learned();
	return clocks(info);
}

static unsigned int count_threads(struct tern_migration *m)
{
	struct tern_thread *thread;
	unsigned int nr = 0;

	list_for_each_entry(thread, &m->threads, node)
		nr++;
	return nr;
}

static int save_threads(struct tern_migration *m, struct tern_image *image,
			struct tern_why *why)
{
	struct tern_thread *thread;

	list_for_each_entry(thread, &m->threads, node) {
		if (tern_thread_stands(thread) != TERN_STAND_HERE)
			return tern_why(why, -ESRCH, "the process was killed meanwhile");
		tern_obj_thread_put(thread, image);
	}
	return 0;
}

/* What it maps, and what it has open: one depends on the other. */
static int save_memory_and_files(struct tern_migration *m, const struct tern_tree *tree,
				 struct task_struct *leader, struct mm_struct *mm, bool draft,
				 struct tern_image *image, struct tern_why *why)
{
	struct tern_table table;
	int err = tern_table_init(&table, tree, leader, mm, m->flags, draft);

	if (err)
		return err;
	table.connections = &m->connections;
	table.unwritten = &m->unwritten;
	err = tern_obj_vma_save(mm, &table, image);
	if (!err)
		err = tern_obj_desc_save(&table, image, why);
	tern_table_fini(&table);
	return err;
}

/* Connections that no process has go with the first one of their pod. */
static void save_orphans(struct tern_migration *m, struct tern_image *image)
{
	struct tern_obj_late obj = { .fd = -1 };

	m->has_orphans = true;
	tern_image_put(image, TERN_OBJ_LATE, &obj, sizeof(obj), NULL, 0);
}

/* Of a migrant that is parked, its m->mm is held; of one that runs it is a draft. */
static int save_all(struct tern_migration *m, const struct tern_tree *tree,
		    struct task_struct *leader, struct mm_struct *mm,
		    struct tern_image *image, struct tern_why *why)
{
	bool draft = mm != m->mm;
	unsigned int nr_threads = draft ? tern_obj_thread_draft(leader, NULL) :
				  count_threads(m);
	struct tern_obj_end end = {};
	struct tern_clocks clocks;
	int err;

	err = tern_obj_task_save(tree, leader, mm, nr_threads, image);
	if (!err && leader == tree->task[0])
		tern_pod_save(tree, image);
	if (!err)
		err = save_memory_and_files(m, tree, leader, mm, draft, image, why);
	if (!err && draft && tern_obj_thread_draft(leader, image) != nr_threads)
		err = tern_why(why, -EAGAIN, "the process has started or ended a thread");
	if (!err && !draft)
		err = save_threads(m, image, why);
	if (err)
		return err;
	if (!draft)
		tern_tree_save_ended(tree, leader, image);
	if (!draft && leader == tree->task[0] && tern_is_pod(tree))
		save_orphans(m, image);
	tern_clocks_of(leader, &clocks);
	tern_obj_times_save(m, leader, &clocks, mm, draft, image);
	tern_obj_timer_save(leader, &clocks, draft, image);
	/* behind the timers: what expires between is not saved twice, nor forgotten */
	if (!draft)
		tern_obj_signals_save(m, image, false);
	end.objects = image->objects + 1;
	tern_image_put(image, TERN_OBJ_END, &end, sizeof(end), NULL, 0);
	return 0;
}

/*
 * Have memory for @size bytes, and for a path behind them. It is kept from one capture to
 * the next, so that the one that counts finds it: to make it costs more than to fill it.
 */
static int make_room(struct tern_migration *m, size_t size)
{
	if (m->image_size >= size)
		return 0;
	if (size > TERN_IMAGE_MAX)
		return -E2BIG;
	kvfree(m->image);
	m->image_size = 0;
	m->image = kvmalloc(size + TERN_PATH_MAX, GFP_KERNEL);
	if (!m->image)
		return -ENOMEM;
	m->image_size = size;
	return 0;
}

/**
 * tern_capture_reserve() - have memory for the capture before anybody stands
 * @m: with its lock held
 * @nr_threads: how many the migrant has
 *
 * As much as the last draft took, and the extended state of each thread, which a
 * draft does not have.
 */
int tern_capture_reserve(struct tern_migration *m, unsigned int nr_threads)
{
	size_t each = sizeof(struct tern_obj) + sizeof(struct tern_obj_thread) +
		      tern_arch_xstate_size();
	size_t size = max_t(size_t, m->image_len + m->image_len / 8, USUAL) +
		      nr_threads * each;

	return make_room(m, min_t(size_t, size, TERN_IMAGE_MAX));
}

static int capture_mm(struct tern_migration *m, const struct tern_tree *tree,
		      struct task_struct *leader, struct mm_struct *mm,
		      struct tern_image_io *io, struct tern_why *why)
{
	struct tern_image image;
	size_t size = USUAL;
	int err;

	for (;;) {
		tern_connections_forget(&m->connections);
		tern_unwritten_forget(&m->unwritten);
		m->has_orphans = false;
		err = make_room(m, size);
		if (err)
			return err;
		image = (struct tern_image) {
			.buf = m->image, .size = m->image_size,
			.page = m->image + m->image_size,
		};
		err = save_all(m, tree, leader, mm, &image, why);
		if (err || image.len <= image.size)
			break;
		size = image.len + image.len / 8;
	}
	m->image_len = image.len;
	m->hands_over = m->has_orphans || !list_empty(&m->connections);
	if (!err)
		err = tern_handover_fits(m, why);
	return err ?: tern_image_give(&image, io);
}

/* One that runs. What cannot move is refused with its reason, and before anything else. */
static int capture_draft(struct tern_migration *m, const struct tern_tree *tree,
			 struct task_struct *leader, struct tern_image_io *io,
			 struct tern_why *why)
{
	struct mm_struct *mm;
	int err = tern_check_migrant(m, leader, why);

	if (err)
		return err;
	mm = get_task_mm(leader);
	if (!mm)
		return tern_why(why, -ESRCH, "the process has ended");
	err = capture_mm(m, tree, leader, mm, io, why);
	mmput(mm);
	return err;
}

static int capture_locked(struct tern_migration *m, struct task_struct *leader,
			  struct tern_image_io *io, struct tern_why *why)
{
	struct tern_tree tree;
	int err = find_members(m, leader, &tree, why);

	if (err)
		return err;
	if (io->flags & TERN_CAPTURE_DRAFT)
		err = capture_draft(m, &tree, leader, io, why);
	else
		err = capture_mm(m, &tree, leader, m->mm, io, why);
	tern_tree_fini(&tree);
	return err;
}

static bool may_capture(enum tern_state state, bool draft)
{
	return draft ? state == TERN_REQUESTED || state == TERN_PREPARED :
		       state == TERN_PARKED;
}

/**
 * tern_capture() - the whole state of a parked migrant (TERN_IOC_CAPTURE)
 * @m: in TERN_PARKED; for a draft in TERN_REQUESTED or TERN_PREPARED; for its sockets in
 *	TERN_DOUBT or TERN_COMMITTED
 * @io: where to
 * @why: sentence
 *
 * May be called again when the buffer was too small.
 */
int tern_capture(struct tern_migration *m, struct tern_image_io *io,
		 struct tern_why *why)
{
	bool draft = io->flags & TERN_CAPTURE_DRAFT;
	struct task_struct *leader;
	int err;

	if (io->flags & ~TERN_CAPTURE_DRAFT && io->flags != TERN_CAPTURE_SOCKETS)
		return -EINVAL;
	mutex_lock(&m->lock);
	if (io->flags == TERN_CAPTURE_SOCKETS) {
		err = tern_handover_save(m, io, why);
		mutex_unlock(&m->lock);
		return err;
	}
	leader = get_pid_task(m->pid, PIDTYPE_TGID);
	if (m->side != TERN_SOURCE || !may_capture(m->state, draft))
		err = -EBADFD;
	else if (tern_fault(TERN_FAULT_CAPTURE))
		err = tern_why(why, -EIO, "the state could not be captured");
	else if (tern_fault(TERN_FAULT_REFUSE))
		err = tern_why(why, -EOPNOTSUPP, "somebody looks at it");
	else if (!leader)
		err = tern_why(why, -ESRCH, "the process has ended");
	else
		err = capture_locked(m, leader, io, why);
	if (leader)
		put_task_struct(leader);
	mutex_unlock(&m->lock);
	return err;
}
