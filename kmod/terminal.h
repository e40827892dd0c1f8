/* SPDX-License-Identifier: GPL-2.0 */
/* Pseudo-terminals. */
#ifndef TERN_TERMINAL_H
#define TERN_TERMINAL_H

#include "image.h"

struct file;
struct task_struct;
struct tern_migration;

/**
 * struct tern_bytes - some bytes
 * @data: they; not owned
 * @len: how many
 */
struct tern_bytes {
	u8 *data;
	u32 len;
};

bool tern_is_terminal(const struct file *file);
bool tern_terminal_valid(const struct tern_obj *head, const struct tern_obj_terminal *obj);
int tern_terminal_load(struct tern_migration *m, struct task_struct *leader,
		       const struct tern_obj_terminal *obj);

#endif /* TERN_TERMINAL_H */
