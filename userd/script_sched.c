// SPDX-License-Identifier: GPL-2.0
/*
 * How a thread is scheduled: policy, priority, processors, I/O priority. All of it can
 * be set for another thread by its id. The leader has its own last of all, for an idle
 * or bound one would take its time over the script.
 */
#include <linux/ioprio.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "script.h"

/* What the leader is until its last steps, whatever the daemon is. */
static const struct tern_obj_thread plain = {
	.policy = SCHED_NORMAL,
	.cpus = { [0 ... TERN_CPUS_WORDS - 1] = ~0ULL },
};

/**
 * tern_cpus_left() - processors that a thread may use here
 * @dress: knows those that there are
 * @t: the thread
 * @cpus: out: those of its own that are here; if there are none, all
 *
 * Return: false if there are none.
 */
bool tern_cpus_left(const struct tern_dress *dress, const struct tern_obj_thread *t,
		    __u64 cpus[TERN_CPUS_WORDS])
{
	__u64 left = 0;
	unsigned int i;

	for (i = 0; i < TERN_CPUS_WORDS; i++) {
		cpus[i] = t->cpus[i] & dress->cpus[i];
		left |= cpus[i];
	}
	if (!left)
		memset(cpus, 0xff, sizeof(t->cpus));
	return left;
}

static void set_policy(struct tern_script *s, __s32 tid, const struct tern_obj_thread *t)
{
	struct sched_attr attr = {
		.size = sizeof(attr),
		.sched_policy = t->policy,
		.sched_flags = t->reset_on_fork ? SCHED_FLAG_RESET_ON_FORK : 0,
		.sched_nice = t->nice,
		.sched_priority = t->priority,
	};

	/* which the other call leaves alone where it has no meaning for now */
	SCRIPT(s, "a thread's nice value could not be set", SYS_setpriority, PRIO_PROCESS, tid,
	       (__u64)(__s64)t->nice);
	SCRIPT(s, "a thread's scheduling policy could not be set", SYS_sched_setattr, tid,
	       tern_script_data(s, &attr, sizeof(attr)), 0);
}

static void set_cpus(struct tern_script *s, const struct tern_dress *dress, __s32 tid,
		     const struct tern_obj_thread *t)
{
	__u64 cpus[TERN_CPUS_WORDS];

	tern_cpus_left(dress, t, cpus);
	SCRIPT(s, "a thread could not be bound to its processors", SYS_sched_setaffinity, tid,
	       sizeof(cpus), tern_script_data(s, cpus, sizeof(cpus)));
}

static bool same_policy(const struct tern_obj_thread *a, const struct tern_obj_thread *b)
{
	return a->nice == b->nice && a->policy == b->policy && a->priority == b->priority &&
	       a->reset_on_fork == b->reset_on_fork;
}

/**
 * tern_script_sched() - how a thread is scheduled
 * @s: the writer
 * @dress: knows this host's processors
 * @tid: the thread, 0: the one that runs the script
 * @old: how it is scheduled already, NULL: unknown
 * @new: how it is to be
 */
void tern_script_sched(struct tern_script *s, const struct tern_dress *dress, __s32 tid,
		       const struct tern_obj_thread *old, const struct tern_obj_thread *new)
{
	if (!old || memcmp(old->cpus, new->cpus, sizeof(new->cpus)))
		set_cpus(s, dress, tid, new);
	if (!old || old->ioprio != new->ioprio)
		SCRIPT(s, "a thread's I/O priority could not be set", SYS_ioprio_set,
		       IOPRIO_WHO_PROCESS, tid, new->ioprio);
	if (!old || !same_policy(old, new))
		set_policy(s, tid, new);
}

/**
 * tern_script_sched_plain() - the leader as it runs the script
 * @s: the writer
 * @dress: the rest
 */
void tern_script_sched_plain(struct tern_script *s, const struct tern_dress *dress)
{
	tern_script_sched(s, dress, 0, NULL, &plain);
}

/**
 * tern_script_sched_end() - the leader as it is to be, after tern_script_sched_plain()
 * @s: the writer
 * @dress: the rest
 * @leader: its THREAD object
 */
void tern_script_sched_end(struct tern_script *s, const struct tern_dress *dress,
			   const struct tern_obj_thread *leader)
{
	tern_script_sched(s, dress, 0, &plain, leader);
}
