/* SPDX-License-Identifier: GPL-2.0 */
/* What must outlive the daemon. */
#ifndef TERN_KEEP_H
#define TERN_KEEP_H

#include <linux/types.h>

struct file;
struct tern_keep;
struct tern_migration;
struct tern_uffd_read;

int tern_keep(struct tern_migration *m, struct tern_keep *arg);
int tern_kept(struct tern_migration *m, struct tern_keep *arg);
int tern_keep_file(struct tern_migration *m, u32 key, struct file *file);
bool tern_keep_is_uffd(struct file *file);
int tern_keep_uffd_read(struct tern_migration *m, struct tern_uffd_read *arg);
int tern_keep_replay(struct tern_migration *m, struct tern_uffd_read *arg);
void tern_keep_drop(struct tern_migration *m);

#endif /* TERN_KEEP_H */
