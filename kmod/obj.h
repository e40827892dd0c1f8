/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kinds of objects: for each a check, which names what cannot move while
 * the process runs, and a save, which runs when it is parked. What a check lets
 * through a save must be able to save.
 */
#ifndef TERN_OBJ_H
#define TERN_OBJ_H

#include "image.h"
#include "reasons.h"

struct file;
struct inode;
struct mm_struct;
struct path;
struct super_block;
struct task_struct;
struct tern_clocks;
struct tern_entry;
struct tern_table;
struct tern_tree;
struct vm_area_struct;
struct tern_migration;
struct tern_thread;

/* obj_task.c: TASK, MM, CREDS, SIGACTIONS, SIGNAL, FS */
void tern_obj_task_check(const struct tern_tree *tree, unsigned int n,
			 struct tern_reasons *reasons);
int tern_obj_task_save(const struct tern_tree *tree, struct task_struct *leader,
		       struct mm_struct *mm, unsigned int nr_threads,
		       struct tern_image *image);
bool tern_obj_task_valid(const struct tern_obj_task *obj);
void tern_obj_task_load(struct task_struct *leader, const struct tern_obj_task *obj);
void tern_obj_signals_save(struct tern_migration *m, struct tern_image *image,
			   bool late);

/* obj_vma.c: VMA */
int tern_obj_vma_check(struct mm_struct *mm, const struct tern_table *table,
		       struct tern_reasons *reasons);
int tern_obj_vma_save(struct mm_struct *mm, struct tern_table *table, struct tern_image *image);
bool tern_vma_is_carried(struct vm_area_struct *vma, u32 flags, bool tree);

/* obj_shared.c: MEMORY */

/**
 * struct tern_shared_map - a mapping of shared memory without a name
 * @start: its address
 * @pgoff: first page of the memory
 * @nr: pages
 * @inode: the memory
 * @file: open file that was mapped
 * @writable: may be made so
 * @private: nobody can write to the memory any more
 * @first: the first mapping that has this @id
 * @id: of the MEMORY object, from 1; 0: @private, or a file that moves
 * @open: the first entry of the table for it, NULL: none
 * @objection: why it cannot move, or NULL
 */
struct tern_shared_map {
	unsigned long start;
	unsigned long pgoff;
	unsigned long nr;
	struct inode *inode;
	struct file *file;
	bool writable;
	bool private;
	bool first;
	u32 id;
	struct tern_entry *open;
	const char *objection;
};

/**
 * struct tern_shared - all of them, by address
 * @map: array
 * @nr: entries
 * @nr_memories: MEMORY objects that belong to them
 */
struct tern_shared {
	struct tern_shared_map *map;
	unsigned int nr;
	unsigned int nr_memories;
};

bool tern_vma_is_shared_memory(const struct vm_area_struct *vma);
int tern_shared_find(struct mm_struct *mm, const struct tern_table *table,
		     struct tern_shared *shared);
void tern_shared_fini(struct tern_shared *shared);
const struct tern_shared_map *tern_shared_at(const struct tern_shared *shared,
					     unsigned long start);
void tern_shared_save(const struct tern_shared_map *map, struct tern_image *image);

/* obj_carried.c: CARRIED (desc.h) */
bool tern_is_memory(const struct super_block *sb);
bool tern_is_huge(const struct file *file);
bool tern_is_anon(const struct file *file);
const char *tern_memory_name(const struct file *file);
bool tern_is_nameless(const struct file *file);
bool tern_is_sysv(const struct file *file);
bool tern_is_carried(const struct tern_table *table, const struct tern_entry *entry);
unsigned int tern_inode_references(struct inode *inode);
int tern_carried_next(struct tern_next_data *arg);

/* obj_file.c */
bool tern_path_has_name(const struct path *path);
bool tern_is_network(const struct super_block *sb);
bool tern_file_is_unwritten(const struct file *file);
int tern_file_write_back(struct file *file);

/* obj_desc.c: DESC, FD, and what belongs to descriptions (desc.h) */
void tern_obj_desc_check(const struct tern_table *table,
			 struct tern_reasons *reasons);
int tern_obj_desc_save(struct tern_table *table, struct tern_image *image,
		       struct tern_why *why);

/* obj_thread.c: THREAD */
void tern_obj_thread_check(struct task_struct *task, struct task_struct *leader,
			   struct tern_reasons *reasons);
unsigned int tern_obj_thread_draft(struct task_struct *leader,
				   struct tern_image *image);
int tern_obj_thread_save(struct tern_thread *thread);
void tern_obj_thread_put(struct tern_thread *thread, struct tern_image *image);
void tern_obj_thread_load(struct tern_thread *thread);

/* obj_times.c: TIMES, and what a THREAD has used */

/**
 * struct tern_usage_sum - what threads have used together, ns
 * @used: user and system time
 * @runtime: time on a processor, as the scheduler counts it
 */
struct tern_usage_sum {
	u64 used;
	u64 runtime;
};

void tern_usage_save(struct task_struct *task, struct tern_usage *usage);
bool tern_usage_valid(const struct tern_usage *usage, struct tern_usage_sum *sum);
void tern_usage_load(struct task_struct *task, const struct tern_usage *usage);
void tern_obj_times_save(struct tern_migration *m, struct task_struct *leader,
			 const struct tern_clocks *clocks, struct mm_struct *mm, bool draft,
			 struct tern_image *image);
bool tern_obj_times_valid(const struct tern_obj *head, const struct tern_obj_times *obj,
			  struct tern_usage_sum *sum);
int tern_obj_times_wait(const struct tern_clocks *clocks, const struct tern_obj_times *obj,
			struct tern_why *why);
void tern_obj_times_load(struct task_struct *leader, const struct tern_clocks *clocks,
			 const struct tern_obj_times *obj);

/* obj_timer.c: TIMER */
void tern_obj_timer_check(struct task_struct *leader, struct tern_reasons *reasons);
void tern_obj_timer_save(struct task_struct *leader, const struct tern_clocks *clocks,
			 bool draft, struct tern_image *image);
bool tern_obj_timer_valid(const struct tern_obj *head, const struct tern_obj_timer *obj);
int tern_obj_timer_load(struct task_struct *leader, const struct tern_clocks *clocks,
			const struct tern_obj_timer *obj);
int tern_timer_next_id(int id);

#endif /* TERN_OBJ_H */
