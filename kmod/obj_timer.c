// SPDX-License-Identifier: GPL-2.0
/*
 * POSIX timers. The shell has made them by then, with the ids that they had, and
 * armed each for a time that never comes, which is what ties it to its clock.
 * LOAD sets them to what they were.
 *
 * A timer that expires while the migrant is parked, or that has expired with its
 * signal still waiting, expires once more at the destination, where it will have
 * its own signal to queue; so the signals of timers do not travel themselves (see
 * obj_task.c), and none is lost or comes twice.
 *
 * Locks: a timer's it_lock, and sighand->siglock within. The list of timers is
 * guarded by the latter, and so cannot be walked with the former held: a walk goes
 * from one to the next by pointers that RCU keeps valid (k_itimer.rcu), and looks
 * with both locks whether it is still there.
 */
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/posix-timers.h>
#include <linux/sched/signal.h>
#include <linux/time_namespace.h>

#include "compat.h"
#include "obj.h"
#include "pod.h"
#include "restart.h"

#define EXPIRE_MAX_MS	1000
#define CANCEL_TRIES	1000		/* of a timer whose function is about to return */

typedef void (*timer_fn)(struct k_itimer *timer, void *arg);

/* With siglock held, as the memory of a task's sighand stays one under RCU. */
static bool is_its_sighand(struct task_struct *task, struct sighand_struct *sighand)
{
	return sighand == rcu_access_pointer(task->sighand);
}

/*
 * Call @fn for @timer with both locks held, unless it is gone. Under rcu_read_lock().
 * Return: the next one.
 */
static struct k_itimer *visit(struct task_struct *leader, struct sighand_struct *sighand,
			      struct k_itimer *timer, timer_fn fn, void *arg)
{
	struct signal_struct *sig = leader->signal;
	struct k_itimer *next = NULL;
	unsigned long irq;

	spin_lock_irqsave(&timer->it_lock, irq);
	spin_lock(&sighand->siglock);
	/* when the process ends the list is emptied before any of them is freed */
	if (is_its_sighand(leader, sighand) && compat_first_timer(sig) &&
	    READ_ONCE(timer->it_signal) == sig) {
		fn(timer, arg);
		next = compat_next_timer(sig, timer);
	}
	spin_unlock(&sighand->siglock);
	spin_unlock_irqrestore(&timer->it_lock, irq);
	return next;
}

/* The timer of that @id; a negative one: the first. */
static struct k_itimer *find_timer(struct task_struct *leader, struct sighand_struct *sighand,
				   int id)
{
	struct k_itimer *timer = NULL;
	unsigned long irq;

	spin_lock_irqsave(&sighand->siglock, irq);
	if (is_its_sighand(leader, sighand))
		timer = compat_first_timer(leader->signal);
	while (timer && id >= 0 && timer->it_id != id)
		timer = compat_next_timer(leader->signal, timer);
	spin_unlock_irqrestore(&sighand->siglock, irq);
	return timer;
}

/* A process that runs may delete one meanwhile; then the rest is not seen. */
static void walk_timers(struct task_struct *leader, timer_fn fn, void *arg)
{
	struct sighand_struct *sighand;
	struct k_itimer *timer;

	rcu_read_lock();
	sighand = rcu_dereference(leader->sighand);
	timer = sighand ? find_timer(leader, sighand, -1) : NULL;
	while (timer)
		timer = visit(leader, sighand, timer, fn, arg);
	rcu_read_unlock();
}

/* CPU time clocks have negative numbers, also when they were asked for by another. */
static bool counts_cpu(const struct k_itimer *timer)
{
	return timer->it_clock < 0;
}

static struct task_struct *counted_task(const struct k_itimer *timer)
{
	return pid_task(timer->it.cpu.pid,
			CPUCLOCK_PERTHREAD(timer->it_clock) ? PIDTYPE_PID : PIDTYPE_TGID);
}

static bool is_silent(const struct k_itimer *timer)
{
	return (timer->it_sigev_notify & ~SIGEV_THREAD_ID) == SIGEV_NONE;
}

static bool is_relative(const struct k_itimer *timer)
{
	return timer->it_clock == CLOCK_REALTIME &&
	       timer->it.real.timer.base->clockid == CLOCK_MONOTONIC;
}

/* ---- check ----------------------------------------------------------------- */

struct look {
	struct task_struct *leader;
	struct tern_reasons *reasons;
	unsigned int nr;
};

static bool is_thread_of(struct task_struct *task, struct task_struct *leader)
{
	return task && same_thread_group(task, leader) && !(task->flags & PF_EXITING);
}

static void check_one(struct k_itimer *timer, void *arg)
{
	struct look *look = arg;
	struct tern_reasons *reasons = look->reasons;

	look->nr++;
	if (timer->it_sigev_notify & SIGEV_THREAD_ID &&
	    !is_thread_of(pid_task(timer->it_pid, PIDTYPE_PID), look->leader))
		tern_reasons_add(reasons, "timer %d sends its signal to a thread that has ended",
				 timer->it_id);
	if (counts_cpu(timer)) {
		if (!is_thread_of(counted_task(timer), look->leader))
			tern_reasons_add(reasons,
					 "timer %d counts the processor time of another process, or of a thread that has ended",
					 timer->it_id);
		return;
	}
	switch (timer->it_clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_TAI:
		return;
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
		tern_reasons_add(reasons,
				 "timer %d would wake this host from sleep (CLOCK_*_ALARM)",
				 timer->it_id);
		return;
	default:
		tern_reasons_add(reasons, "timer %d counts on clock %d", timer->it_id,
				 timer->it_clock);
	}
}

/** tern_obj_timer_check() - which of its POSIX timers cannot move */
void tern_obj_timer_check(struct task_struct *leader, struct tern_reasons *reasons)
{
	struct look look = { .leader = leader, .reasons = reasons };

	walk_timers(leader, check_one, &look);
	if (look.nr > TERN_TIMERS_MAX)
		tern_reasons_add(reasons, "it has more than %d POSIX timers", TERN_TIMERS_MAX);
}

/* ---- save ------------------------------------------------------------------ */

struct save {
	const struct tern_clocks *clocks;
	struct tern_image *image;
	bool draft;
};

/* As timer_create(2) takes it. */
static clockid_t clock_of(const struct k_itimer *timer)
{
	struct task_struct *task;

	if (!counts_cpu(timer))
		return timer->it_clock;
	if (!CPUCLOCK_PERTHREAD(timer->it_clock))
		return make_process_cpuclock(0, CPUCLOCK_WHICH(timer->it_clock));
	task = counted_task(timer);
	return make_thread_cpuclock(task ? tern_tid_of(task) : 0,
				    CPUCLOCK_WHICH(timer->it_clock));
}

static void save_real(const struct k_itimer *timer, const struct tern_clocks *clocks,
		      struct tern_obj_timer *obj)
{
	const struct hrtimer *real = &timer->it.real.timer;
	ktime_t expires = hrtimer_get_expires(real);

	if (expires)
		obj->expires = tern_time_shift(expires,
					       tern_clock_offset(clocks, real->base->clockid));
	if (is_silent(timer) ? expires : timer->it_active)
		obj->state |= TERN_TIMER_ARMED;
}

static void save_cpu(struct k_itimer *timer, struct tern_obj_timer *obj)
{
	obj->expires = cpu_timer_getexpires(&timer->it.cpu);
	if (cpu_timer_queued(&timer->it.cpu))
		obj->state |= TERN_TIMER_ARMED;
}

static void save_state(struct k_itimer *timer, const struct tern_clocks *clocks,
		       struct tern_obj_timer *obj)
{
	obj->overrun = timer->it_overrun;
	obj->overrun_last = timer->it_overrun_last;
	obj->interval = timer->it_interval;
	if (!list_empty(&timer->sigq->list)) {
		obj->state |= TERN_TIMER_PENDING;
		obj->again = timer->sigq->info.si_overrun;
	}
	if (counts_cpu(timer))
		save_cpu(timer, obj);
	else
		save_real(timer, clocks, obj);
}

static void save_one(struct k_itimer *timer, void *arg)
{
	const kernel_siginfo_t *info = &timer->sigq->info;
	const struct save *save = arg;
	struct tern_obj_timer obj = {
		.id = timer->it_id,
		.clock = clock_of(timer),
		.notify = timer->it_sigev_notify,
		.signo = info->si_signo,
		.relative = !counts_cpu(timer) && is_relative(timer),
		.value = (__force u64)info->si_value.sival_ptr,
	};

	if (timer->it_sigev_notify & SIGEV_THREAD_ID)
		obj.tid = tern_nr(timer->it_pid);
	if (!save->draft)
		save_state(timer, save->clocks, &obj);
	tern_image_put(save->image, TERN_OBJ_TIMER, &obj, sizeof(obj), NULL, 0);
}

/**
 * tern_obj_timer_save() - TIMER
 * @leader: the process, parked or, for a draft, running
 * @clocks: its clocks
 * @draft: leave out what never stands still
 * @image: where to
 */
void tern_obj_timer_save(struct task_struct *leader, const struct tern_clocks *clocks,
			 bool draft, struct tern_image *image)
{
	struct save save = { .clocks = clocks, .image = image, .draft = draft };

	walk_timers(leader, save_one, &save);
}

/* ---- load ------------------------------------------------------------------ */

struct load {
	const struct tern_obj_timer *obj;
	const struct tern_clocks *clocks;
	int err;
};

static int load_real(struct k_itimer *timer, const struct load *load)
{
	const struct tern_obj_timer *obj = load->obj;
	struct hrtimer *real = &timer->it.real.timer;
	unsigned int tries;
	u64 expires = 0;

	if (is_relative(timer) != obj->relative || !real->function)
		return -EBADMSG;
	/*
	 * Armed by the script for a time that never comes, or for one that has; then its
	 * function is about to return, without a lock that is held here.
	 */
	for (tries = 0; hrtimer_try_to_cancel(real) < 0; tries++) {
		if (tries == CANCEL_TRIES)
			return -EAGAIN;
		cpu_relax();
	}
	if (obj->expires)
		expires = tern_time_shift(obj->expires,
					  -tern_clock_offset(load->clocks, real->base->clockid));
	timer->it_active = obj->state & TERN_TIMER_ARMED && !is_silent(timer);
	if (timer->it_active)
		hrtimer_start(real, expires, HRTIMER_MODE_ABS);
	else
		hrtimer_set_expires(real, expires);
	return 0;
}

static int load_cpu(struct k_itimer *timer, const struct load *load)
{
	const struct tern_obj_timer *obj = load->obj;
	struct task_struct *task = counted_task(timer);
	unsigned int which = CPUCLOCK_WHICH(timer->it_clock);
	struct posix_cputimer_base *base;

	if (!task || timer->it.cpu.firing || which >= CPUCLOCK_MAX)
		return -EBADMSG;
	base = CPUCLOCK_PERTHREAD(timer->it_clock) ? &task->posix_cputimers.bases[which] :
	       &task->signal->posix_cputimers.bases[which];
	cpu_timer_dequeue(&timer->it.cpu);
	cpu_timer_setexpires(&timer->it.cpu, obj->expires);
	/* the earliest expiry is a hint: it may be too early, but not too late */
	if (obj->state & TERN_TIMER_ARMED &&
	    cpu_timer_enqueue(&base->tqhead, &timer->it.cpu))
		base->nextevt = min(base->nextevt, obj->expires);
	return 0;
}

static void load_one(struct k_itimer *timer, void *arg)
{
	struct load *load = arg;
	const struct tern_obj_timer *obj = load->obj;

	if (clock_of(timer) != obj->clock || timer->it_sigev_notify != obj->notify)
		return;
	/* the script has let it expire, and the interrupt is to come yet */
	if (obj->state & TERN_TIMER_PENDING && list_empty(&timer->sigq->list)) {
		load->err = -EAGAIN;
		return;
	}
	load->err = counts_cpu(timer) ? load_cpu(timer, load) : load_real(timer, load);
	timer->it_interval = obj->interval;
	timer->it_overrun = obj->overrun;
	timer->it_overrun_last = obj->overrun_last;
	if (!(obj->state & TERN_TIMER_PENDING))
		return;
	timer->sigq->info.si_overrun = obj->again;
	/* set anew while its signal waited: that arms it no more (posixtimer_rearm()) */
	if (obj->state & TERN_TIMER_ARMED)
		timer->it_requeue_pending = (timer->it_requeue_pending + 2) & ~REQUEUE_PENDING;
}

/** tern_obj_timer_valid() - may @obj be loaded, as far as can be seen without a timer? */
bool tern_obj_timer_valid(const struct tern_obj *head, const struct tern_obj_timer *obj)
{
	return head->len == sizeof(*head) + sizeof(*obj) && obj->id >= 0 &&
	       obj->relative <= 1 && !(obj->state & ~TERN_TIMER_STATES) &&
	       obj->overrun >= -1 && obj->overrun_last >= -1 && obj->again >= 0 &&
	       obj->expires <= KTIME_MAX && obj->interval <= KTIME_MAX;
}

static int try_load(struct task_struct *leader, const struct tern_clocks *clocks,
		    const struct tern_obj_timer *obj)
{
	struct load load = { .obj = obj, .clocks = clocks, .err = -EBADMSG };
	struct sighand_struct *sighand;
	struct k_itimer *timer;

	rcu_read_lock();
	sighand = rcu_dereference(leader->sighand);
	timer = sighand ? find_timer(leader, sighand, obj->id) : NULL;
	if (timer)
		visit(leader, sighand, timer, load_one, &load);
	rcu_read_unlock();
	return load.err;
}

/**
 * tern_obj_timer_load() - what tern_obj_timer_valid() has accepted, into a timer
 * @leader: the shell, all of whose threads wait
 * @clocks: its clocks
 * @obj: the timer, which the shell has made
 *
 * Return: -EBADMSG when it has no such timer; -EAGAIN when its signal does not come.
 */
int tern_obj_timer_load(struct task_struct *leader, const struct tern_clocks *clocks,
			const struct tern_obj_timer *obj)
{
	ktime_t end = ktime_add_ms(ktime_get(), EXPIRE_MAX_MS);
	int err;

	for (;;) {
		err = try_load(leader, clocks, obj);
		if (err != -EAGAIN || ktime_after(ktime_get(), end))
			return err;
		usleep_range(20, 100);
	}
}

/**
 * tern_timer_next_id() - the id that current's next POSIX timer gets (TERN_IOC_TIMER)
 * @id: from 0
 *
 * By a shell that has nothing else to do: its counter is guarded by a lock that is
 * private to the kernel (posix_timer_add()), against other threads of the process.
 */
int tern_timer_next_id(int id)
{
	if (id < 0)
		return -EINVAL;
	WRITE_ONCE(current->signal->next_posix_timer_id, id);
	return 0;
}
