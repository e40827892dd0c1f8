/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_RESTART_H
#define TERN_RESTART_H

#include <linux/types.h>

struct tern_obj_thread;

u32 tern_restart_learned(void);
int tern_restart_learn(pid_t tid);
u64 tern_time_shift(u64 time, s64 by);
int tern_restart_save(struct tern_obj_thread *obj);
bool tern_restart_valid(const struct tern_obj_thread *obj);
void tern_restart_timeout(const struct tern_obj_thread *obj);
void tern_restart_load(const struct tern_obj_thread *obj);

#endif /* TERN_RESTART_H */
