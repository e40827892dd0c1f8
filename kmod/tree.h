/* SPDX-License-Identifier: GPL-2.0 */
/* A process and its descendants, which move together. */
#ifndef TERN_TREE_H
#define TERN_TREE_H

#include <linux/types.h>

struct pid;
struct task_struct;
struct tern_image;
struct tern_obj;
struct tern_obj_ended;
struct tern_reasons;

/**
 * struct tern_tree - a process and its descendants, as they were found
 * @task: leaders of their thread groups, referenced; the root first, each behind its
 *	parent. Some may have ended
 * @nr: how many
 */
struct tern_tree {
	struct task_struct **task;
	unsigned int nr;
};

int tern_tree_find(struct task_struct *root, struct tern_tree *tree);
int tern_tree_alone(struct task_struct *task, struct tern_tree *tree);
bool tern_tree_is_below(struct task_struct *root, struct task_struct *task);
void tern_tree_fini(struct tern_tree *tree);
unsigned int tern_tree_index(const struct tern_tree *tree, struct task_struct *task);
bool tern_tree_ended(struct task_struct *leader);
bool tern_tree_has(const struct tern_tree *tree, const struct pid *pid);
void tern_tree_save_ended(const struct tern_tree *tree, struct task_struct *leader,
			  struct tern_image *image);
bool tern_tree_ended_valid(const struct tern_obj *head, const struct tern_obj_ended *obj);
int tern_tree_load_ended(struct task_struct *leader, const struct tern_obj_ended *obj);
u32 tern_tree_group(const struct tern_tree *tree, struct task_struct *leader);
void tern_tree_check(const struct tern_tree *tree, unsigned int n,
		     struct tern_reasons *reasons);

#endif /* TERN_TREE_H */
