/* SPDX-License-Identifier: GPL-2.0 */
/* Files of a file server that nobody may look at before the source has written its data. */
#ifndef TERN_BARRIER_H
#define TERN_BARRIER_H

#include <tern/image.h>

struct task_struct;
struct tern_migration;

bool tern_barrier_valid(const struct tern_obj *head, const struct tern_obj_barrier *obj);
int tern_barrier_load(struct tern_migration *m, struct task_struct *leader,
		      const struct tern_obj_barrier *obj);
void tern_barrier_up(struct tern_migration *m);
void tern_barrier_resume(struct tern_migration *m);
int tern_barrier_written(struct tern_migration *m, int err);
void tern_barrier_end(struct tern_migration *m);

#endif /* TERN_BARRIER_H */
