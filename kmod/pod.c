// SPDX-License-Identifier: GPL-2.0
/*
 * Namespaces. A process that moves is in those of this host, or it is the first process of
 * a pod: one that "tern run" has started in namespaces of its own. All that is in these
 * belongs to the pod and moves with it, so nobody else may be in them, and there must be
 * nothing in them that does not move. (The word is that of Zap, Osman et al., OSDI 2002.)
 */
#include <linux/cgroup.h>
#include <linux/ipc_namespace.h>
#include <linux/netdevice.h>
#include <linux/nsproxy.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/utsname.h>
#include <net/net_namespace.h>
#include <net/rtnetlink.h>

#include "image.h"
#include "obj.h"
#include "pod.h"
#include "reasons.h"
#include "table.h"
#include "tree.h"

enum space {
	SPACE_MOUNT,
	SPACE_NETWORK,
	SPACE_UTS,
	SPACE_IPC,
	SPACE_CGROUP,
	SPACE_PID,
	NR_SPACES,
};

static const char *const names[NR_SPACES] = {
	"mount", "network", "UTS", "IPC", "cgroup", "pid",
};

/**
 * struct spaces - the namespaces of a process
 * @ns: to be compared, and not to be looked at
 * @any: it has some: it has not ended
 */
struct spaces {
	const void *ns[NR_SPACES];
	bool any;
};

static struct spaces spaces_of(struct task_struct *task)
{
	struct spaces spaces = {};
	const struct nsproxy *proxy;

	task_lock(task);
	proxy = task->nsproxy;
	if (proxy)
		spaces = (struct spaces) {
			.ns = { proxy->mnt_ns, proxy->net_ns, proxy->uts_ns, proxy->ipc_ns,
				proxy->cgroup_ns, proxy->pid_ns_for_children },
			.any = true,
		};
	task_unlock(task);
	return spaces;
}

/* Has it, or what is to become of its children, any that are not @ours? */
static void check_same(const struct spaces *theirs, const struct spaces *ours,
		       struct tern_reasons *reasons)
{
	unsigned int i;

	for (i = 0; i < NR_SPACES; i++)
		if (theirs->ns[i] != ours->ns[i])
			tern_reasons_add(reasons, "it has a %s namespace of its own", names[i]);
}

/* And none of @ours. */
static void check_other(const struct spaces *theirs, const struct spaces *ours,
			struct tern_reasons *reasons)
{
	unsigned int i;

	for (i = 0; i < NR_SPACES; i++)
		if (theirs->ns[i] == ours->ns[i])
			tern_reasons_add(reasons,
					 "it is the first process of a pid namespace, and in this host's %s namespace: start it by tern run",
					 names[i]);
}

/* The control group may be common: a namespace of it has nothing in it. */
static bool shares(struct task_struct *task, const struct spaces *pod)
{
	struct spaces theirs = spaces_of(task);
	bool shares = false;
	unsigned int i;

	for (i = 0; i < NR_SPACES; i++)
		shares |= i != SPACE_CGROUP && theirs.ns[i] == pod->ns[i];
	return shares;
}

/* Whoever has entered them, by setns(2), is no descendant of the first process. */
static void check_others(struct task_struct *root, const struct spaces *pod,
			 struct tern_reasons *reasons)
{
	struct task_struct *task;
	int other = 0;

	rcu_read_lock();
	for_each_process(task)
		if (!other && !tern_tree_is_below(root, task) && shares(task, pod))
			other = task_pid_vnr(task);
	rcu_read_unlock();
	if (other)
		tern_reasons_add(reasons,
				 "process %d, which does not move with it, is in its namespaces",
				 other);
}

/* Other than loopback, and the interface that "tern run" makes (userd/net_make.c). */
static bool is_foreign(const struct net_device *dev)
{
	const struct rtnl_link_ops *ops = dev->rtnl_link_ops;

	return !(dev->flags & IFF_LOOPBACK) &&
	       (strcmp(dev->name, "eth0") || !ops || strcmp(ops->kind, "veth"));
}

/** tern_net_of() - network namespace of a process, referenced; NULL: it has ended */
struct net *tern_net_of(struct task_struct *task)
{
	struct net *net = NULL;

	task_lock(task);
	if (task->nsproxy)
		net = get_net(task->nsproxy->net_ns);
	task_unlock(task);
	return net;
}

static void check_network(struct task_struct *root, struct tern_reasons *reasons)
{
	struct net *net = tern_net_of(root);
	struct net_device *dev;

	if (!net)
		return;
	rcu_read_lock();
	for_each_netdev_rcu(net, dev)
		if (is_foreign(dev))
			tern_reasons_add(reasons, "its network namespace has an interface, %s",
					 dev->name);
	rcu_read_unlock();
	put_net(net);
}

/* What is in an IPC namespace belongs to no process. */
static void check_ipc(struct task_struct *root, struct tern_reasons *reasons)
{
	int semaphores = 0, queues = 0;

	task_lock(root);
	if (root->nsproxy) {
		const struct ipc_namespace *ns = root->nsproxy->ipc_ns;

		semaphores = ns->ids[0].in_use;
		queues = ns->ids[1].in_use + ns->mq_queues_count;
	}
	task_unlock(root);
	if (semaphores)
		tern_reasons_add(reasons, "its IPC namespace has semaphores (semget)");
	if (queues)
		tern_reasons_add(reasons,
				 "its IPC namespace has message queues (msgget, mq_open)");
}

static bool in_group_of(struct task_struct *task, struct task_struct *root)
{
	bool same;

	rcu_read_lock();
	same = task_dfl_cgroup(task) == task_dfl_cgroup(root);
	rcu_read_unlock();
	return same;
}

/** tern_is_pod() - is the root of a tree the first process of a namespace below the caller's? */
bool tern_is_pod(const struct tern_tree *tree)
{
	struct pid_namespace *ns;
	struct pid *pid;
	bool pod;

	rcu_read_lock();
	/* one that is reaped just now has none */
	pid = task_tgid(tree->task[0]);
	ns = ns_of_pid(pid);
	pod = ns && ns->parent == task_active_pid_ns(current) && is_child_reaper(pid);
	rcu_read_unlock();
	return pod;
}

static bool is_init(struct task_struct *leader)
{
	struct pid *pid;
	bool init;

	rcu_read_lock();
	pid = task_tgid(leader);
	init = is_global_init(leader) || (pid && is_child_reaper(pid));
	rcu_read_unlock();
	return init;
}

static void check_pod(const struct tern_tree *tree, unsigned int n,
		      const struct spaces *theirs, const struct spaces *ours,
		      struct tern_reasons *reasons)
{
	struct task_struct *root = tree->task[0];
	struct spaces pod = spaces_of(root);

	check_same(theirs, &pod, reasons);
	if (!in_group_of(tree->task[n], root))
		tern_reasons_add(reasons,
				 "it is in another control group than the first process of its pod");
	if (n)
		return;
	check_other(&pod, ours, reasons);
	check_others(root, &pod, reasons);
	check_network(root, reasons);
	check_ipc(root, reasons);
}

/**
 * tern_pod_check() - what of the namespaces of a process cannot move
 * @tree: the processes that move together
 * @n: which of them
 * @reasons: where to
 *
 * "This host" are the namespaces of the caller's process; a thread of the daemon may visit
 * others.
 */
void tern_pod_check(const struct tern_tree *tree, unsigned int n, struct tern_reasons *reasons)
{
	struct task_struct *task = tree->task[n];
	struct spaces theirs = spaces_of(task), ours = spaces_of(current->group_leader);
	bool pod = tern_is_pod(tree);

	if (!theirs.any)
		return;
	/* a thread may have another one in mind for its children than it is in itself */
	ours.ns[SPACE_PID] = task_active_pid_ns(current);
	if (pod)
		check_pod(tree, n, &theirs, &ours, reasons);
	else
		check_same(&theirs, &ours, reasons);
	if (is_init(task) && !(pod && !n))
		tern_reasons_add(reasons, "process %d is the init of its namespace",
				 task_pid_vnr(task));
	if (task_cred_xxx(task, user_ns) != &init_user_ns)
		tern_reasons_add(reasons, "it has a user namespace of its own");
}

/* Of all processes of the tree. */
static unsigned int count_segments(const struct tern_table *table)
{
	unsigned int i, j, nr = 0;

	for (i = 0; i < table->nr_tree; i++) {
		const struct inode *inode = file_inode(table->all[i].file);

		if (!tern_is_sysv(table->all[i].file))
			continue;
		for (j = 0; j < i && file_inode(table->all[j].file) != inode; j++)
			;
		nr += j == i;
	}
	return nr;
}

/**
 * tern_pod_check_segments() - System V segments that nobody would take along
 * @table: of the root
 * @reasons: where to
 */
void tern_pod_check_segments(const struct tern_table *table, struct tern_reasons *reasons)
{
	struct task_struct *root = table->tree->task[0];
	unsigned int nr = 0;

	if (!tern_is_pod(table->tree))
		return;
	task_lock(root);
	if (root->nsproxy)
		nr = root->nsproxy->ipc_ns->ids[2].in_use;
	task_unlock(root);
	if (nr > count_segments(table))
		tern_reasons_add(reasons,
				 "its IPC namespace has a System V segment that no process has attached");
}

/** tern_pod_save() - NAMES, of a pod */
void tern_pod_save(const struct tern_tree *tree, struct tern_image *image)
{
	struct task_struct *root = tree->task[0];
	struct tern_obj_names obj = {};
	bool any;

	if (!tern_is_pod(tree))
		return;
	task_lock(root);
	any = root->nsproxy;
	if (any) {
		const struct new_utsname *names = &root->nsproxy->uts_ns->name;

		strscpy(obj.node, names->nodename, sizeof(obj.node));
		strscpy(obj.domain, names->domainname, sizeof(obj.domain));
	}
	task_unlock(root);
	if (any)
		tern_image_put(image, TERN_OBJ_NAMES, &obj, sizeof(obj), NULL, 0);
}
