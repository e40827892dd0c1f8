/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets of processes that run here, while their connections are still at the source. */
#ifndef TERN_LATE_H
#define TERN_LATE_H

#include <tern/image.h>

#include "reasons.h"

struct task_struct;
struct tern_image_io;
struct tern_late;
struct tern_migration;

void tern_late_put(struct tern_late *late);

bool tern_late_valid(const struct tern_obj *head, const struct tern_obj_late *obj);
int tern_late_load(struct tern_migration *m, struct task_struct *leader,
		   const struct tern_obj_late *obj);
void tern_late_resume(struct tern_migration *m);
int tern_late_take(struct tern_migration *m, struct tern_image_io *io, struct tern_why *why);
void tern_late_end(struct tern_migration *m);

/* handover.c */
int tern_handover_fits(const struct tern_migration *m, struct tern_why *why);
int tern_handover_note(struct tern_migration *m);
int tern_handover_save(struct tern_migration *m, struct tern_image_io *io, struct tern_why *why);
void tern_handover_end(struct tern_migration *m);

#endif /* TERN_LATE_H */
