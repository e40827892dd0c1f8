/* SPDX-License-Identifier: GPL-2.0 */
/* Threads that stand still in the kernel. */
#ifndef TERN_PARK_H
#define TERN_PARK_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/signal_types.h>
#include <linux/task_work.h>
#include <linux/tern.h>
#include <tern/image.h>

#include "reasons.h"

struct tern_migration;
struct tern_image_io;

/**
 * enum tern_verdict - what a waiting thread is told
 * @TERN_VERDICT_NONE: wait
 * @TERN_VERDICT_THAW: go on as if nothing had happened
 * @TERN_VERDICT_VANISH: end; you live elsewhere
 * @TERN_VERDICT_GO: be the migrant
 * @TERN_VERDICT_DIE: the shell is not needed
 */
enum tern_verdict {
	TERN_VERDICT_NONE,
	TERN_VERDICT_THAW,
	TERN_VERDICT_VANISH,
	TERN_VERDICT_GO,
	TERN_VERDICT_DIE,
};

/**
 * enum tern_stand - how far a thread has come
 * @TERN_STAND_ASKED: its task work is queued
 * @TERN_STAND_HERE: it waits for its verdict, @obj and @xstate are complete
 * @TERN_STAND_LATER: it runs on, for it was in the vDSO; ask it once more
 * @TERN_STAND_GONE: it exited, was killed, or could not be saved (see @err)
 */
enum tern_stand {
	TERN_STAND_ASKED,
	TERN_STAND_HERE,
	TERN_STAND_LATER,
	TERN_STAND_GONE,
};

/**
 * struct tern_thread - a thread parked at the source, or about to become one
 * @work: its task work
 * @ref: the migration's list holds one, the thread itself another
 * @node: in m->threads, under m->lock
 * @by_task: in m->by_task, likewise
 * @migration: referenced
 * @task: referenced
 * @stood: when it came to stand
 * @slept_ns: how long it had been asleep when it was asked to stop
 * @verdict: written once by whoever decides, read by the thread
 * @stand: written by the thread alone
 * @err: why it could not be saved
 * @nr_signals: signals for it that CAPTURE has seen, per signal number
 * @blocked: its signal mask before it was parked
 * @obj: its state
 * @xstate: its extended state, from tern_xstate_alloc(); of one that stands, packed
 */
struct tern_thread {
	struct callback_head work;
	struct kref ref;
	struct list_head node;
	struct hlist_node by_task;
	struct tern_migration *migration;
	struct task_struct *task;
	ktime_t stood;
	u64 slept_ns;
	enum tern_verdict verdict;
	enum tern_stand stand;
	int err;
	u32 nr_signals[64];
	sigset_t blocked;
	struct tern_obj_thread obj;
	void *xstate;
};

/** tern_thread_decide() - tell a thread its verdict; the caller wakes it */
static inline void tern_thread_decide(struct tern_thread *thread,
				      enum tern_verdict verdict)
{
	/* what was written for the thread to read comes first */
	smp_store_release(&thread->verdict, verdict);
}

/** tern_thread_verdict() - what a thread has been told */
static inline enum tern_verdict tern_thread_verdict(const struct tern_thread *thread)
{
	/* pairs with tern_thread_decide() */
	return smp_load_acquire(&thread->verdict);
}

/** tern_thread_stands() - how far a thread has come; if HERE, its state is complete */
static inline enum tern_stand tern_thread_stands(const struct tern_thread *thread)
{
	/* pairs with stand() in park.c */
	return smp_load_acquire(&thread->stand);
}

struct tern_thread *tern_thread_create(struct tern_migration *m,
				       struct task_struct *task);
void tern_thread_put(struct tern_thread *thread);
void tern_thread_link(struct tern_thread *thread);
void tern_thread_unlink(struct tern_thread *thread);
struct tern_thread *tern_thread_find(struct tern_migration *m,
				     const struct task_struct *task);

int tern_park(struct tern_migration *m, struct tern_park *park,
	      struct tern_why *why);
int tern_park_thaw(struct tern_migration *m);
int tern_park_sent(struct tern_migration *m);
int tern_park_commit(struct tern_migration *m, struct tern_image_io *io,
		     struct tern_why *why);
void tern_park_put_mm(struct tern_migration *m);
void tern_park_end(struct tern_migration *m, enum tern_verdict verdict);

#endif /* TERN_PARK_H */
