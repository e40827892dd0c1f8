// SPDX-License-Identifier: GPL-2.0
/*
 * A process and its descendants. The lists of children are guarded by a lock that
 * modules cannot have (tasklist_lock), so the tree is found from below: by the parent
 * of every process there is, which RCU lets us read. What is found is of one moment or
 * another while they run, and right once all of them stand.
 */
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/tern.h>

#include "image.h"
#include "pod.h"
#include "reasons.h"
#include "tree.h"

#define DEPTH_MAX	4096	/* a chain that changes while it is walked must end, too */

static struct task_struct *parent_of(struct task_struct *task)
{
	return rcu_dereference(task->real_parent)->group_leader;
}

/* How far below @root is @task? -1: it is not. Under rcu_read_lock(). */
static int depth_below(struct task_struct *root, struct task_struct *task)
{
	int depth;

	for (depth = 0; depth < DEPTH_MAX && task->pid; depth++) {
		if (task == root)
			return depth;
		task = parent_of(task);
	}
	return -1;
}

/** tern_tree_is_below() - is a process @root, or a descendant of it? Under rcu_read_lock() */
bool tern_tree_is_below(struct task_struct *root, struct task_struct *task)
{
	return depth_below(root, task) >= 0;
}

/**
 * struct found - a process of the tree
 * @task: referenced
 * @rank: higher than that of its parent, and than that of the leader of its session: it is
 *	made after both
 */
struct found {
	struct task_struct *task;
	int rank;
};

static int by_rank(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->task->pid < y->task->pid ? -1 : 1;
}

/* Up to @max of them; one more than that: there are more. */
static unsigned int collect(struct task_struct *root, struct found *found, unsigned int max)
{
	struct task_struct *task;
	unsigned int nr = 0;
	int depth;

	rcu_read_lock();
	for_each_process(task) {
		depth = depth_below(root, task);
		if (depth < 0)
			continue;
		if (nr++ == max)
			break;
		found[nr - 1] = (struct found){ get_task_struct(task), depth };
	}
	rcu_read_unlock();
	return nr;
}

static int rank_of(const struct found *found, unsigned int nr, const struct task_struct *task)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (found[i].task == task)
			return found[i].rank;
	return -1;
}

/* True: it has a higher rank than before. */
static bool rise(const struct found *found, unsigned int nr, struct found *one)
{
	struct task_struct *leader = pid_task(task_session(one->task), PIDTYPE_TGID);
	int rank = max(rank_of(found, nr, parent_of(one->task)),
		       leader == one->task ? -1 : rank_of(found, nr, leader)) + 1;

	if (rank <= one->rank)
		return false;
	one->rank = rank;
	return true;
}

/*
 * Who has lost its parent may be nearer to the root than the leader of its session. Both
 * have made it, or who made it; so there is no circle, but for what changes meanwhile.
 */
static void rank(struct found *found, unsigned int nr)
{
	unsigned int i, rounds = 0;
	bool rose = true;

	rcu_read_lock();
	for (; rose && rounds < nr; rounds++)
		for (rose = false, i = 1; i < nr; i++)
			rose |= rise(found, nr, &found[i]);
	rcu_read_unlock();
}

/* Has any thread of @leader's children? */
static bool is_parent(struct task_struct *leader)
{
	struct task_struct *task;
	bool parent = false;

	rcu_read_lock();
	for_each_thread(leader, task)
		parent |= !list_empty(&task->children);
	rcu_read_unlock();
	return parent;
}

/** tern_tree_alone() - a process without its descendants; -ENOMEM */
int tern_tree_alone(struct task_struct *task, struct tern_tree *tree)
{
	*tree = (struct tern_tree) {};
	tree->task = kmalloc_array(1, sizeof(*tree->task), GFP_KERNEL);
	if (!tree->task)
		return -ENOMEM;
	tree->task[tree->nr++] = get_task_struct(task);
	return 0;
}

/**
 * tern_tree_find() - a process and its descendants
 * @root: the process
 * @tree: filled
 *
 * Return: 0, -ENOMEM, -E2BIG: more than TERN_PROCESSES_MAX.
 */
int tern_tree_find(struct task_struct *root, struct tern_tree *tree)
{
	struct found *found;
	unsigned int i, nr;
	int err = 0;

	/* most are; then there is no need to look at every process */
	if (!is_parent(root))
		return tern_tree_alone(root, tree);
	*tree = (struct tern_tree) {};
	found = kvmalloc_array(TERN_PROCESSES_MAX, sizeof(*found), GFP_KERNEL);
	if (!found)
		return -ENOMEM;
	nr = collect(root, found, TERN_PROCESSES_MAX);
	if (nr > TERN_PROCESSES_MAX) {
		nr = TERN_PROCESSES_MAX;
		err = -E2BIG;
	}
	rank(found, nr);
	sort(found, nr, sizeof(*found), by_rank, NULL);
	tree->task = kvmalloc_array(nr + 1, sizeof(*tree->task), GFP_KERNEL);
	if (!tree->task)
		err = -ENOMEM;
	for (i = 0; i < nr; i++) {
		if (err)
			put_task_struct(found[i].task);
		else
			tree->task[tree->nr++] = found[i].task;
	}
	kvfree(found);
	if (!err && tree->nr && tree->task[0] == root)
		return 0;
	tern_tree_fini(tree);
	/* it may have been reaped just now; whoever asks finds out that it has ended */
	return err ?: tern_tree_alone(root, tree);
}

/** tern_tree_fini() - let go of them */
void tern_tree_fini(struct tern_tree *tree)
{
	unsigned int i;

	for (i = 0; i < tree->nr; i++)
		put_task_struct(tree->task[i]);
	kvfree(tree->task);
	*tree = (struct tern_tree) {};
}

/** tern_tree_index() - which of them is the process of @task; its nr: none */
unsigned int tern_tree_index(const struct tern_tree *tree, struct task_struct *task)
{
	unsigned int i;

	/* the leader may be another thread by now (execve(2)) */
	for (i = 0; i < tree->nr && !same_thread_group(tree->task[i], task); i++)
		;
	return i;
}

/** tern_tree_ended() - has the process of @leader ended, and waits for its parent to see it? */
bool tern_tree_ended(struct task_struct *leader)
{
	return READ_ONCE(leader->exit_state) && thread_group_empty(leader);
}

/* As wait_task_zombie() of kernel/exit.c has it. */
static u32 status_of(struct task_struct *task)
{
	return task->signal->flags & SIGNAL_GROUP_EXIT ? task->signal->group_exit_code :
	       task->exit_code;
}

/**
 * tern_tree_save_ended() - ENDED, of all children of a process that wait to be waited for
 * @tree: the tree
 * @leader: the process, which stands: nobody takes them away
 * @image: where to
 */
void tern_tree_save_ended(const struct tern_tree *tree, struct task_struct *leader,
			  struct tern_image *image)
{
	struct tern_obj_ended obj = {};
	unsigned int i;

	for (i = 1; i < tree->nr; i++) {
		struct task_struct *task = tree->task[i];
		bool mine;

		rcu_read_lock();
		mine = same_thread_group(parent_of(task), leader);
		rcu_read_unlock();
		if (!mine || !tern_tree_ended(task) || task->exit_state != EXIT_ZOMBIE)
			continue;
		obj.pid = tern_pid_of(task);
		obj.status = status_of(task);
		obj.uid = from_kuid_munged(&init_user_ns, task_uid(task));
		tern_image_put(image, TERN_OBJ_ENDED, &obj, sizeof(obj), NULL, 0);
	}
}

/** tern_tree_ended_valid() - may LOAD take @obj? */
bool tern_tree_ended_valid(const struct tern_obj *head, const struct tern_obj_ended *obj)
{
	return head->len == sizeof(*head) + sizeof(*obj) && obj->pid > 0 &&
	       obj->status <= 0xffff && !obj->reserved;
}

/**
 * tern_tree_load_ended() - let a child of a shell have ended as @obj says
 * @leader: the shell, whose threads wait
 * @obj: accepted by tern_tree_ended_valid()
 *
 * The script has made it, and it has ended; no call could make it end by a signal that
 * dumps core, for the shell's memory was its own.
 *
 * Return: -ESRCH: there is no such child.
 */
int tern_tree_load_ended(struct task_struct *leader, const struct tern_obj_ended *obj)
{
	struct task_struct *task;
	int err = -ESRCH;

	rcu_read_lock();
	task = pid_task(find_pid_ns(obj->pid, task_active_pid_ns(leader)), PIDTYPE_TGID);
	if (task && task->exit_state == EXIT_ZOMBIE && thread_group_empty(task) &&
	    same_thread_group(parent_of(task), leader)) {
		task->signal->group_exit_code = obj->status;
		task->exit_code = obj->status;
		err = 0;
	}
	rcu_read_unlock();
	return err;
}

/** tern_tree_has() - is it the number of a process of the tree that has not ended? */
bool tern_tree_has(const struct tern_tree *tree, const struct pid *pid)
{
	unsigned int i;

	for (i = 0; i < tree->nr; i++)
		if (task_tgid(tree->task[i]) == pid && !tern_tree_ended(tree->task[i]))
			return true;
	return false;
}

/* Of a session or group: does its leader run, and does not move? */
static bool is_led_by_other(const struct tern_tree *tree, struct pid *pid)
{
	struct task_struct *leader = pid_task(pid, PIDTYPE_TGID);

	return leader && !tern_tree_has(tree, pid);
}

/* Is somebody in its session who comes before it, and with @sibling has its parent? */
static bool has_fellow(const struct tern_tree *tree, unsigned int n, bool sibling)
{
	struct task_struct *task = tree->task[n];
	unsigned int i;

	for (i = 1; i < n; i++) {
		struct task_struct *other = tree->task[i];

		if (task_session(other) == task_session(task) && !tern_tree_ended(other) &&
		    (!sibling || parent_of(other) == parent_of(task)))
			return true;
	}
	return false;
}

/*
 * Has it come to the first process of a pod, and does the leader of its session still run?
 * Who has lost its parent comes there on the other host, too (kernel/exit.c,
 * find_new_reaper()).
 */
static bool is_stray(const struct tern_tree *tree, struct task_struct *task,
		     const struct task_struct *parent)
{
	return tern_is_pod(tree) && parent == tree->task[0] &&
	       !task->signal->has_child_subreaper && tern_tree_has(tree, task_session(task));
}

/*
 * Its parent can make it, in its own session, in a new one, or as the first in one that had
 * a leader; or a sibling can, which is in its session; or who leads that.
 */
static bool has_session(const struct tern_tree *tree, unsigned int n)
{
	struct task_struct *task = tree->task[n];
	struct pid *session = task_session(task);

	return session == task_tgid(task) || session == task_session(parent_of(task)) ||
	       has_fellow(tree, n, true) || is_stray(tree, task, parent_of(task)) ||
	       (session != task_session(tree->task[0]) && !pid_task(session, PIDTYPE_TGID) &&
		!has_fellow(tree, n, false));
}

/**
 * tern_tree_check() - what of where a process stands in its tree cannot move
 * @tree: the tree
 * @n: which of its processes, not the root, and has not ended
 * @reasons: where to
 *
 * The root leads a session and a group of its own on the other host. Who was in its own
 * is in these; others are made anew, with their leader's number.
 */
void tern_tree_check(const struct tern_tree *tree, unsigned int n,
		     struct tern_reasons *reasons)
{
	struct task_struct *task = tree->task[n], *root = tree->task[0];
	struct pid *group;

	rcu_read_lock();
	group = task_pgrp(task);
	if (!has_session(tree, n))
		tern_reasons_add(reasons,
				 "it is in a session of another branch of its tree");
	if (group != task_pgrp(root) && is_led_by_other(tree, group))
		tern_reasons_add(reasons,
				 "it is in a process group whose leader does not move, or waits to be reaped");
	rcu_read_unlock();
}

/**
 * tern_tree_group() - TERN_TASK_* of the process group of a process whose leader has ended
 * @tree: the tree
 * @leader: the process, not the root
 *
 * Under rcu_read_lock(). One that is in a session of that number is in its first group, which
 * comes with the session.
 */
u32 tern_tree_group(const struct tern_tree *tree, struct task_struct *leader)
{
	struct pid *group = task_pgrp(leader);
	unsigned int i;

	if (group == task_pgrp(tree->task[0]) || tern_tree_has(tree, group))
		return 0;
	if (group == task_session(leader) && group != task_session(tree->task[0]))
		return TERN_TASK_LEADERLESS;
	for (i = 1; i < tree->nr; i++)
		if (task_pgrp(tree->task[i]) == group && !tern_tree_ended(tree->task[i]))
			break;
	return TERN_TASK_LEADERLESS |
	       (i < tree->nr && same_thread_group(tree->task[i], leader) ? TERN_TASK_FOUNDS : 0);
}
