/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_MEMORY_H
#define TERN_MEMORY_H

#include <linux/types.h>

struct mm_struct;
struct pipe_inode_info;
struct tern_migration;
struct tern_read_pages;

struct mm_struct *tern_memory_get(struct tern_migration *m);
struct mm_struct *tern_memory_look(struct tern_migration *m);
int tern_memory_read(struct tern_migration *m, struct tern_read_pages *arg);
ssize_t tern_memory_splice(struct tern_migration *m, loff_t *pos,
			   struct pipe_inode_info *pipe, size_t len);

#endif /* TERN_MEMORY_H */
