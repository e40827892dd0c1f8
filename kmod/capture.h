/* SPDX-License-Identifier: GPL-2.0 */
/* Can a process move, and what is it? */
#ifndef TERN_CAPTURE_H
#define TERN_CAPTURE_H

#include "reasons.h"

struct task_struct;
struct tern_image_io;
struct tern_migration;

int tern_check_pid(pid_t pid, u32 flags, struct tern_reasons *reasons);
int tern_check_migrant(struct tern_migration *m, struct task_struct *leader,
		       struct tern_why *why);
int tern_check_standing(struct tern_migration *m, struct task_struct *leader,
			struct tern_why *why);
int tern_capture_reserve(struct tern_migration *m, unsigned int nr_threads);
int tern_capture(struct tern_migration *m, struct tern_image_io *io,
		 struct tern_why *why);
int tern_capture_tree(struct tern_migration *m, struct tern_tree_io *io);
int tern_capture_info(struct tern_info *info);

#endif /* TERN_CAPTURE_H */
