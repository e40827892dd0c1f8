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

struct mm_struct;
struct path;
struct task_struct;
struct tern_migration;
struct tern_thread;

/* obj_task.c: TASK, MM, CREDS, SIGACTIONS, SIGNAL, FS */
void tern_obj_task_check(struct task_struct *leader, struct tern_reasons *reasons);
int tern_obj_task_save(struct task_struct *leader, struct mm_struct *mm,
		       unsigned int nr_threads, struct tern_image *image);
void tern_obj_signals_save(struct tern_migration *m, struct tern_image *image,
			   bool late);

/* obj_vma.c: VMA */
void tern_obj_vma_check(struct mm_struct *mm, struct tern_reasons *reasons);
int tern_obj_vma_save(struct mm_struct *mm, struct tern_image *image);

/* obj_file.c */
bool tern_path_has_name(const struct path *path);

/* obj_desc.c: DESC, FD, and what belongs to descriptions (desc.h) */
int tern_obj_desc_check(struct task_struct *leader, u32 flags,
			struct tern_reasons *reasons);
int tern_obj_desc_save(struct task_struct *leader, u32 flags, bool draft,
		       struct tern_image *image, struct tern_why *why);

/* obj_thread.c: THREAD */
void tern_obj_thread_check(struct task_struct *task, struct task_struct *leader,
			   struct tern_reasons *reasons);
unsigned int tern_obj_thread_draft(struct task_struct *leader,
				   struct tern_image *image);
int tern_obj_thread_save(struct tern_thread *thread);
void tern_obj_thread_put(struct tern_thread *thread, struct tern_image *image);
void tern_obj_thread_load(struct tern_thread *thread);

#endif /* TERN_OBJ_H */
