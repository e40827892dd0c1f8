// SPDX-License-Identifier: GPL-2.0
/*
 * Time that was used, and the interval timers of setitimer(2). Nothing of this can
 * be set by a call as it must be: the clocks of used time go on where they were, for
 * each thread, for those that have ended, and for child processes; VIRTUAL and PROF
 * timers expire by these clocks and are set to a value of theirs.
 *
 * Locks: sighand->siglock for the timers, signal->stats_lock within for what was
 * used. A thread's own figures are the scheduler's and have no lock that a module
 * could take; they are set by the daemon while the thread sleeps.
 */
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/posix-timers.h>
#include <linux/sched/cputime.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "migration.h"
#include "obj.h"
#include "restart.h"
#include "sighand.h"

#define BEHIND_MAX	(2LL * NSEC_PER_SEC)
#define SPIN_MAX	(20LL * NSEC_PER_USEC)

static void save_shown(struct prev_cputime *prev, struct tern_usage *usage)
{
	unsigned long irq;

	raw_spin_lock_irqsave(&prev->lock, irq);
	usage->shown_utime = prev->utime;
	usage->shown_stime = prev->stime;
	raw_spin_unlock_irqrestore(&prev->lock, irq);
}

static void load_shown(struct prev_cputime *prev, const struct tern_usage *usage)
{
	unsigned long irq;

	raw_spin_lock_irqsave(&prev->lock, irq);
	prev->utime = usage->shown_utime;
	prev->stime = usage->shown_stime;
	raw_spin_unlock_irqrestore(&prev->lock, irq);
}

/* ---- one thread ------------------------------------------------------------ */

/**
 * tern_usage_save() - what a thread has used
 * @task: stands, or is on its way to sleep
 * @usage: to be filled in
 */
void tern_usage_save(struct task_struct *task, struct tern_usage *usage)
{
	save_shown(&task->prev_cputime, usage);
	usage->utime = task->utime;
	usage->stime = task->stime;
	usage->runtime = task->se.sum_exec_runtime;
	usage->nvcsw = task->nvcsw;
	usage->nivcsw = task->nivcsw;
	usage->min_flt = task->min_flt;
	usage->maj_flt = task->maj_flt;
}

static bool add(u64 *sum, u64 more)
{
	return !check_add_overflow(*sum, more, sum) && *sum <= KTIME_MAX;
}

/**
 * tern_usage_valid() - may @usage be loaded?
 * @usage: of a thread, or of those that have ended
 * @sum: of all so far; zeroed before the first
 *
 * The kernel adds them up, and divides by what user and system time are together
 * (kernel/sched/cputime.c, cputime_adjust()): these sums must not wrap.
 */
bool tern_usage_valid(const struct tern_usage *usage, struct tern_usage_sum *sum)
{
	return add(&sum->used, usage->utime) && add(&sum->used, usage->stime) &&
	       add(&sum->runtime, usage->runtime) && usage->shown_utime <= KTIME_MAX &&
	       usage->shown_stime <= KTIME_MAX;
}

/**
 * tern_usage_load() - a thread of the shell has used what the migrant's had
 * @task: waits in BECOME
 * @usage: accepted by tern_usage_valid()
 */
void tern_usage_load(struct task_struct *task, const struct tern_usage *usage)
{
#ifdef CONFIG_SMP
	/*
	 * On its way to sleep it is still charged; pairs with finish_task(). One that was
	 * killed may spin for m->lock, which its owner must not do for it.
	 */
	while (smp_load_acquire(&task->on_cpu))
		usleep_range(20, 100);
#endif
	load_shown(&task->prev_cputime, usage);
	task->utime = usage->utime;
	task->stime = usage->stime;
	task->se.sum_exec_runtime = usage->runtime;
	task->nvcsw = usage->nvcsw;
	task->nivcsw = usage->nivcsw;
	task->min_flt = usage->min_flt;
	task->maj_flt = usage->maj_flt;
}

/* ---- the process ----------------------------------------------------------- */

static void save_usage(struct signal_struct *sig, struct mm_struct *mm,
		       struct tern_obj_times *obj)
{
	obj->ended = (struct tern_usage) {
		.utime = sig->utime,
		.stime = sig->stime,
		.runtime = sig->sum_sched_runtime,
		.nvcsw = sig->nvcsw,
		.nivcsw = sig->nivcsw,
		.min_flt = sig->min_flt,
		.maj_flt = sig->maj_flt,
	};
	obj->children = (struct tern_usage) {
		.utime = sig->cutime,
		.stime = sig->cstime,
		.nvcsw = sig->cnvcsw,
		.nivcsw = sig->cnivcsw,
		.min_flt = sig->cmin_flt,
		.maj_flt = sig->cmaj_flt,
	};
	save_shown(&sig->prev_cputime, &obj->ended);
	obj->maxrss = max(sig->maxrss, get_mm_hiwater_rss(mm));
	obj->cmaxrss = sig->cmaxrss;
}

static void load_usage(struct signal_struct *sig, const struct tern_obj_times *obj)
{
	const struct tern_usage *u = &obj->ended;

	write_seqlock(&sig->stats_lock);
	sig->utime = u->utime;
	sig->stime = u->stime;
	sig->sum_sched_runtime = u->runtime;
	sig->nvcsw = u->nvcsw;
	sig->nivcsw = u->nivcsw;
	sig->min_flt = u->min_flt;
	sig->maj_flt = u->maj_flt;
	u = &obj->children;
	sig->cutime = u->utime;
	sig->cstime = u->stime;
	sig->cnvcsw = u->nvcsw;
	sig->cnivcsw = u->nivcsw;
	sig->cmin_flt = u->min_flt;
	sig->cmaj_flt = u->maj_flt;
	sig->maxrss = obj->maxrss;
	sig->cmaxrss = obj->cmaxrss;
	write_sequnlock(&sig->stats_lock);
	load_shown(&sig->prev_cputime, &obj->ended);
}

/* While a timer counts the process's time, this is what it is compared with. */
static void load_counted(struct task_struct *leader)
{
	struct task_cputime_atomic *counted = &leader->signal->cputimer.cputime_atomic;
	struct signal_struct *sig = leader->signal;
	u64 utime = sig->utime, stime = sig->stime, runtime = sig->sum_sched_runtime;
	struct task_struct *task;

	rcu_read_lock();
	for_each_thread(leader, task) {
		utime += task->utime;
		stime += task->stime;
		runtime += task->se.sum_exec_runtime;
	}
	rcu_read_unlock();
	atomic64_set(&counted->utime, utime);
	atomic64_set(&counted->stime, stime);
	atomic64_set(&counted->sum_exec_runtime, runtime);
}

static const unsigned int cpu_itimers[] = {
	[CPUCLOCK_PROF] = ITIMER_PROF,
	[CPUCLOCK_VIRT] = ITIMER_VIRTUAL,
};

static u32 cpu_armed(const struct signal_struct *sig)
{
	u32 armed = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(cpu_itimers); i++)
		if (sig->it[i].expires)
			armed |= BIT(cpu_itimers[i]);
	return armed;
}

static void save_itimers(const struct signal_struct *sig, const struct tern_clocks *clocks,
			 struct tern_obj_times *obj)
{
	ktime_t real = hrtimer_get_expires(&sig->real_timer);
	int i;

	/* also one that expires right now, with its SIGALRM queued or not yet */
	obj->armed = hrtimer_active(&sig->real_timer);
	if (obj->armed || sig->it_real_incr)
		obj->itimer[ITIMER_REAL].expires = tern_time_shift(real, clocks->monotonic);
	obj->itimer[ITIMER_REAL].interval = sig->it_real_incr;
	for (i = 0; i < ARRAY_SIZE(cpu_itimers); i++) {
		obj->itimer[cpu_itimers[i]].expires = sig->it[i].expires;
		obj->itimer[cpu_itimers[i]].interval = sig->it[i].incr;
	}
}

static void load_itimers(struct signal_struct *sig, const struct tern_clocks *clocks,
			 const struct tern_obj_times *obj)
{
	u64 real = tern_time_shift(obj->itimer[ITIMER_REAL].expires, -clocks->monotonic);
	struct posix_cputimer_base *base;
	int i;

	sig->it_real_incr = obj->itimer[ITIMER_REAL].interval;
	/* an interval goes on when its SIGALRM is taken */
	hrtimer_try_to_cancel(&sig->real_timer);
	if (obj->armed)
		hrtimer_start(&sig->real_timer, real, HRTIMER_MODE_ABS);
	else
		hrtimer_set_expires(&sig->real_timer, real);
	for (i = 0; i < ARRAY_SIZE(cpu_itimers); i++) {
		/* the script has armed it, which is what makes the kernel look at it */
		base = &sig->posix_cputimers.bases[i];
		sig->it[i].expires = obj->itimer[cpu_itimers[i]].expires;
		sig->it[i].incr = obj->itimer[cpu_itimers[i]].interval;
		if (sig->it[i].expires)
			base->nextevt = min(base->nextevt, sig->it[i].expires);
	}
}

/**
 * tern_obj_times_save() - TIMES
 * @m: its migration
 * @leader: the process, parked or, for a draft, running
 * @clocks: its clocks
 * @mm: its address space
 * @draft: leave out what never stands still
 * @image: where to
 */
void tern_obj_times_save(struct tern_migration *m, struct task_struct *leader,
			 const struct tern_clocks *clocks, struct mm_struct *mm, bool draft,
			 struct tern_image *image)
{
	struct signal_struct *sig = leader->signal;
	struct tern_obj_times obj = { .cpu_armed = cpu_armed(sig) };
	struct sighand_struct *sighand;
	unsigned long irq;

	/* none left when it has been killed */
	sighand = draft ? NULL : tern_lock_sighand(leader, &irq);
	if (sighand) {
		save_usage(sig, mm, &obj);
		save_itimers(sig, clocks, &obj);
		obj.next_timer = sig->next_posix_timer_id;
		obj.monotonic = ktime_get_ns() + clocks->monotonic;
		obj.boottime = ktime_get_boottime_ns() + clocks->boottime;
		/* it may expire here later; over there it does so, too */
		m->alarm_travels = obj.armed;
		tern_unlock_sighand(sighand, irq);
	}
	tern_image_put(image, TERN_OBJ_TIMES, &obj, sizeof(obj), NULL, 0);
}

/** tern_obj_times_valid() - may @obj be loaded? */
bool tern_obj_times_valid(const struct tern_obj *head, const struct tern_obj_times *obj,
			  struct tern_usage_sum *sum)
{
	struct tern_usage_sum children = {};
	int i;

	if (head->len != sizeof(*head) + sizeof(*obj) || !tern_usage_valid(&obj->ended, sum) ||
	    !tern_usage_valid(&obj->children, &children))
		return false;
	for (i = 0; i < ARRAY_SIZE(obj->itimer); i++)
		if (obj->itimer[i].expires > KTIME_MAX || obj->itimer[i].interval > KTIME_MAX)
			return false;
	return obj->monotonic <= KTIME_MAX && obj->boottime <= KTIME_MAX && obj->armed <= 1 &&
	       obj->next_timer <= INT_MAX && !obj->reserved;
}

/*
 * The clocks of the two hosts were compared over a network; the estimate is off by what
 * delayed one message. Clocks that would go back are waited for.
 * Return: ns that they are behind.
 */
static s64 behind(const struct tern_clocks *clocks, const struct tern_obj_times *obj)
{
	s64 monotonic = obj->monotonic - (ktime_get_ns() + clocks->monotonic);
	s64 boottime = obj->boottime - (ktime_get_boottime_ns() + clocks->boottime);

	return max3(monotonic, boottime, 0LL);
}

/**
 * tern_obj_times_wait() - until the migrant's clocks are as late as they were
 * @clocks: of the shell
 * @obj: accepted by tern_obj_times_valid()
 * @why: sentence
 *
 * Nearly always it is much later. Return: -ERANGE when it takes too long.
 */
int tern_obj_times_wait(const struct tern_clocks *clocks, const struct tern_obj_times *obj,
			struct tern_why *why)
{
	s64 ns = behind(clocks, obj);

	if (ns > BEHIND_MAX)
		return tern_why(why, -ERANGE, "the process's clocks would go back by %lld ms",
				ns / NSEC_PER_MSEC);
	/* everybody waits for this: what is short is not worth a sleep */
	for (; ns; ns = behind(clocks, obj)) {
		if (ns < SPIN_MAX)
			ndelay(ns);
		else
			usleep_range(ns / NSEC_PER_USEC, ns / NSEC_PER_USEC + 5);
	}
	return 0;
}

/**
 * tern_obj_times_load() - what tern_obj_times_valid() has accepted, into the shell
 * @leader: the shell, all of whose threads wait and have been loaded
 * @clocks: its clocks
 * @obj: what the migrant has used
 */
void tern_obj_times_load(struct task_struct *leader, const struct tern_clocks *clocks,
			 const struct tern_obj_times *obj)
{
	struct signal_struct *sig = leader->signal;
	struct sighand_struct *sighand;
	unsigned long irq;

	sighand = tern_lock_sighand(leader, &irq);
	if (sighand) {
		load_usage(sig, obj);
		load_counted(leader);
		load_itimers(sig, clocks, obj);
		sig->next_posix_timer_id = obj->next_timer;
		tern_unlock_sighand(sighand, irq);
	}
}
