// SPDX-License-Identifier: GPL-2.0
/*
 * Timers. The shell makes each POSIX timer with its id, and arms it for a time that
 * never comes: that ties it to its clock, and it cannot expire in the shell. When
 * it expires, and how often, is set by LOAD, which costs no step; so are interval
 * timers, of which the script only lets those that count used time be counted.
 *
 * A timer whose signal waits already is made to expire in the last steps, while all
 * signals are blocked, so that it waits here, too, in the timer's own queue entry.
 */
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "script.h"

/* In seconds; far from what overflows when a time namespace's offset is taken off. */
#define NEVER	(1LL << 32)

/* As timer_create(2) and timer_settime(2) made it, whatever has become of it since. */
static bool same(const struct tern_obj_timer *a, const struct tern_obj_timer *b)
{
	return !memcmp(a, b, offsetof(struct tern_obj_timer, state));
}

static void set_time(struct tern_script *s, const struct tern_obj_timer *t, __s64 sec, __s64 ns)
{
	struct itimerspec spec = {
		.it_value = { .tv_sec = sec, .tv_nsec = ns },
		.it_interval = { .tv_nsec = t->interval != 0 },
	};

	SCRIPT(s, "a timer could not be set", SYS_timer_settime, t->id,
	       t->relative ? 0 : TIMER_ABSTIME, tern_script_data(s, &spec, sizeof(spec)), 0);
}

static void make(struct tern_script *s, const struct tern_dress *dress,
		 const struct tern_obj_timer *t)
{
	struct tern_timer_id next = { .size = sizeof(next), .id = t->id };
	struct sigevent event = {
		.sigev_value.sival_ptr = (void *)(unsigned long)t->value,
		.sigev_signo = t->signo,
		.sigev_notify = t->notify,
	};

	event._sigev_un._tid = t->tid;
	if (dress->become)
		SCRIPT(s, "a timer's id could not be chosen", SYS_ioctl, SHELL_SLOT_DEV,
		       TERN_IOC_TIMER, tern_script_data(s, &next, sizeof(next)))->slots = 1 << 0;
	SCRIPT(s, "a timer could not be made", SYS_timer_create, (__u64)(__s64)t->clock,
	       tern_script_data(s, &event, sizeof(event)),
	       tern_script_data(s, NULL, sizeof(t->id)));
	set_time(s, t, NEVER, 0);
}

static __u32 cpu_armed(const struct tern_dress *dress)
{
	const struct tern_obj_times *times =
		tern_obj_payload(tern_image_find(dress->image, TERN_OBJ_TIMES, NULL));

	return times->cpu_armed;
}

static void count_time(struct tern_script *s, __u32 itimers)
{
	struct itimerval never = { .it_value.tv_sec = NEVER };
	int which;

	for (which = ITIMER_VIRTUAL; which <= ITIMER_PROF; which++)
		if (itimers >> which & 1)
			SCRIPT(s, "an interval timer could not be set", SYS_setitimer, which,
			       tern_script_data(s, &never, sizeof(never)), 0);
}

static void delete(struct tern_script *s, const struct tern_obj_timer *t)
{
	SCRIPT(s, "a timer could not be deleted", SYS_timer_delete, t->id);
}

/* Both are in the order of their ids: what is in one alone goes, or comes. */
static void alter(struct tern_script *s, const struct tern_dress *worn,
		  const struct tern_dress *dress)
{
	unsigned int i = 0, j = 0;

	while (i < worn->nr_timers || j < dress->nr_timers) {
		const struct tern_obj_timer *old = i < worn->nr_timers ? worn->timer[i] : NULL;
		const struct tern_obj_timer *new = j < dress->nr_timers ? dress->timer[j] : NULL;
		bool has_old = old && (!new || old->id <= new->id);
		bool has_new = new && (!old || new->id <= old->id);

		i += has_old;
		j += has_new;
		if (has_old && has_new && same(old, new))
			continue;
		if (has_old)
			delete(s, old);
		if (has_new)
			make(s, dress, new);
	}
}

/**
 * tern_script_timers() - the timers that the process has, none of which expires yet
 * @s: the writer
 * @worn: what the shell has already, NULL: none
 * @dress: the rest
 */
void tern_script_timers(struct tern_script *s, const struct tern_dress *worn,
			const struct tern_dress *dress)
{
	static const struct tern_dress none;

	count_time(s, cpu_armed(dress) & ~(worn ? cpu_armed(worn) : 0));
	alter(s, worn ? worn : &none, dress);
}

/**
 * tern_script_timers_end() - those that have expired, with their signals waiting
 * @s: the writer
 * @dress: the rest
 *
 * Before signals that came later are queued, if any of them has the same number.
 */
void tern_script_timers_end(struct tern_script *s, const struct tern_dress *dress)
{
	unsigned int i;

	for (i = 0; i < dress->nr_timers; i++)
		if (dress->timer[i]->state & TERN_TIMER_PENDING)
			set_time(s, dress->timer[i], 0, 1);
}
