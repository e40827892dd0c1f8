/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_RESTART_H
#define TERN_RESTART_H

#include <linux/types.h>

struct task_struct;
struct tern_obj_thread;

/**
 * struct tern_clocks - how far a process's clocks are ahead of the host's
 * @monotonic: ns of CLOCK_MONOTONIC
 * @boottime: ns of CLOCK_BOOTTIME
 */
struct tern_clocks {
	s64 monotonic;
	s64 boottime;
};

void tern_clocks_of(struct task_struct *task, struct tern_clocks *clocks);
s64 tern_clock_offset(const struct tern_clocks *clocks, clockid_t clock);

u32 tern_restart_learned(void);
int tern_restart_learn(pid_t tid);
u64 tern_time_shift(u64 time, s64 by);
int tern_restart_save(struct tern_obj_thread *obj);
bool tern_restart_valid(const struct tern_obj_thread *obj);
void tern_restart_timeout(const struct tern_obj_thread *obj);
void tern_restart_load(const struct tern_obj_thread *obj);

#endif /* TERN_RESTART_H */
