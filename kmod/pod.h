/* SPDX-License-Identifier: GPL-2.0 */
/* A pod: processes that have namespaces of their own, and nobody else in them. */
#ifndef TERN_POD_H
#define TERN_POD_H

#include <linux/pid_namespace.h>
#include <linux/sched.h>

struct net;
struct tern_image;
struct tern_reasons;
struct tern_table;
struct tern_tree;

/**
 * tern_nr() - the number of a process or thread in its own pid namespace
 * @pid: of it, stable; NULL: none, 0
 *
 * What a process that moves knows, and its image. Whoever moves it may be in another one.
 */
static inline int tern_nr(struct pid *pid)
{
	return pid_nr_ns(pid, ns_of_pid(pid));
}

/** tern_tid_of() - thread id of @task as it knows it itself */
static inline int tern_tid_of(struct task_struct *task)
{
	int nr;

	rcu_read_lock();
	nr = tern_nr(task_pid(task));
	rcu_read_unlock();
	return nr;
}

/** tern_pid_of() - process id of @task as it knows it itself */
static inline int tern_pid_of(struct task_struct *task)
{
	int nr;

	rcu_read_lock();
	nr = tern_nr(task_tgid(task));
	rcu_read_unlock();
	return nr;
}

struct net *tern_net_of(struct task_struct *task);
bool tern_is_pod(const struct tern_tree *tree);
void tern_pod_check(const struct tern_tree *tree, unsigned int n,
		    struct tern_reasons *reasons);
void tern_pod_check_segments(const struct tern_table *table, struct tern_reasons *reasons);
void tern_pod_save(const struct tern_tree *tree, struct tern_image *image);

#endif /* TERN_POD_H */
