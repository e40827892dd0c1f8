/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_MEMORY_H
#define TERN_MEMORY_H

#include <linux/types.h>

struct pipe_inode_info;
struct tern_migration;
struct tern_read_pages;

int tern_memory_read(struct tern_migration *m, struct tern_read_pages *arg);
ssize_t tern_memory_splice(struct tern_migration *m, loff_t *pos,
			   struct pipe_inode_info *pipe, size_t len);

#endif /* TERN_MEMORY_H */
