// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptions of what happens: eventfd(2), signalfd(2), timerfd_create(2). They are
 * made empty, and have their state set by the calls that set it later, too.
 *
 * A timer goes on by itself in the shell, and gathers the ticks that the migrant has
 * not read: so a draft's timer is right until the migrant reads it or sets it anew.
 */
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>

#include "script_fds.h"

#define READS_MAX		64
#define NS			1000000000ULL
#define SET_TICKS		_IOW('T', 0, __u64)	/* linux/timerfd.h: TFD_IOC_SET_TICKS */
#define COUNT_SENTENCE		"the count of an eventfd could not be set"

/* ---- eventfd ---------------------------------------------------------------------- */

static void add_count(struct tern_script *s, int fd, unsigned int slots, __u64 n)
{
	if (n)
		SCRIPT(s, COUNT_SENTENCE, SYS_write, fd, tern_script_data(s, &n, sizeof(n)),
		       sizeof(n))->slots = slots;
}

static int eventfd_open(struct tern_script *s, const struct script_fds *fds,
			const struct tern_obj *obj, struct tern_why *why)
{
	const struct tern_obj_desc *d = tern_obj_payload(obj);
	const struct tern_obj_event *e = script_extra(fds, d->id);

	(void)why;
	SCRIPT(s, "no eventfd could be made", SYS_eventfd2, 0,
	       EFD_CLOEXEC | (e->flags & TERN_EVENT_SEMAPHORE ? EFD_SEMAPHORE : 0))->out = SLOT_LOW;
	script_lift(s, fds, SLOT_LOW, SLOT_HIGH);
	add_count(s, SLOT_HIGH, 1 << 0, e->value);
	script_place(s, fds, d, SLOT_HIGH);
	return 0;
}

static int eventfd_alter(struct tern_script *s, const struct script_fds *was,
			 const struct script_fds *fds, const struct tern_obj *old,
			 const struct tern_obj *new)
{
	const struct tern_obj_desc *d = tern_obj_payload(new);
	const struct tern_obj_event *a = script_extra(was, d->id), *b = script_extra(fds, d->id);
	bool semaphore = b->flags & TERN_EVENT_SEMAPHORE;
	int fd = script_fd_of(fds, d->id);
	__u64 buf, left = a->value;

	(void)old;
	if (a->flags != b->flags || (semaphore && left > b->value + READS_MAX))
		return 0;
	buf = tern_script_data(s, NULL, sizeof(buf));
	while (left > b->value) {
		SCRIPT(s, COUNT_SENTENCE, SYS_read, fd, buf, sizeof(buf));
		left = semaphore ? left - 1 : 0;
	}
	add_count(s, fd, 0, b->value - left);
	return 1;
}

const struct script_kind script_eventfd = { .open = eventfd_open, .alter = eventfd_alter };

/* ---- signalfd --------------------------------------------------------------------- */

static struct shell_op *set_mask(struct tern_script *s, int fd, __u64 mask)
{
	return SCRIPT(s, "no signalfd could be made", SYS_signalfd4, fd,
		      tern_script_data(s, &mask, sizeof(mask)), sizeof(mask), SFD_CLOEXEC);
}

static int signalfd_open(struct tern_script *s, const struct script_fds *fds,
			 const struct tern_obj *obj, struct tern_why *why)
{
	const struct tern_obj_desc *d = tern_obj_payload(obj);
	const struct tern_obj_event *e = script_extra(fds, d->id);

	(void)why;
	set_mask(s, -1, e->value)->out = SLOT_LOW;
	script_lift(s, fds, SLOT_LOW, SLOT_HIGH);
	script_place(s, fds, d, SLOT_HIGH);
	return 0;
}

static int signalfd_alter(struct tern_script *s, const struct script_fds *was,
			  const struct script_fds *fds, const struct tern_obj *old,
			  const struct tern_obj *new)
{
	const struct tern_obj_desc *d = tern_obj_payload(new);
	const struct tern_obj_event *a = script_extra(was, d->id), *b = script_extra(fds, d->id);

	(void)old;
	if (a->value != b->value)
		set_mask(s, script_fd_of(fds, d->id), b->value);
	return 1;
}

const struct script_kind script_signalfd = { .open = signalfd_open, .alter = signalfd_alter };

/* ---- timerfd ---------------------------------------------------------------------- */

static struct timespec to_timespec(__u64 ns)
{
	return (struct timespec){ .tv_sec = ns / NS, .tv_nsec = ns % NS };
}

/*
 * A timer of the wall clock that was set by a span of time does not follow when that
 * clock is set: in the kernel it is one of CLOCK_MONOTONIC. It is set by a span again,
 * and since no span lies in the past, its ticks apart; there may be none.
 */
static void set_span(struct tern_script *s, int fd, unsigned int slots,
		     const struct tern_obj_timerfd *t)
{
	struct shell_span span = {
		.clock = CLOCK_MONOTONIC, .expires = t->expires,
		.interval = { t->interval / NS, t->interval % NS },
	};
	__u64 at = tern_script_data(s, &span, sizeof(span));
	struct shell_op *op;

	SCRIPT(s, NULL, SHELL_OP_SPAN, at);
	SCRIPT(s, "a timerfd could not be set", SYS_timerfd_settime, fd, 0,
	       at + offsetof(struct shell_span, interval), 0)->slots = slots;
	op = SCRIPT(s, NULL, SYS_ioctl, fd, SET_TICKS, at + offsetof(struct shell_span, ticks));
	op->slots = slots;
	op->flags = SHELL_MAY_FAIL;
}

static void set_timer(struct tern_script *s, int fd, unsigned int slots,
		      const struct tern_obj_timerfd *t)
{
	struct itimerspec its = {
		.it_value = to_timespec(t->expires), .it_interval = to_timespec(t->interval),
	};

	if (t->expires && tern_timerfd_by_span(t)) {
		set_span(s, fd, slots, t);
		return;
	}
	SCRIPT(s, "a timerfd could not be set", SYS_timerfd_settime, fd,
	       t->flags | TFD_TIMER_ABSTIME, tern_script_data(s, &its, sizeof(its)), 0)->slots =
		slots;
}

static int timerfd_open(struct tern_script *s, const struct script_fds *fds,
			const struct tern_obj *obj, struct tern_why *why)
{
	const struct tern_obj_desc *d = tern_obj_payload(obj);
	const struct tern_obj_timerfd *t = script_extra(fds, d->id);

	(void)why;
	SCRIPT(s, "no timerfd could be made", SYS_timerfd_create, t->clock, TFD_CLOEXEC)->out =
		SLOT_LOW;
	script_lift(s, fds, SLOT_LOW, SLOT_HIGH);
	if (t->expires || t->interval)
		set_timer(s, SLOT_HIGH, 1 << 0, t);
	script_place(s, fds, d, SLOT_HIGH);
	return 0;
}

static int timerfd_alter(struct tern_script *s, const struct script_fds *was,
			 const struct script_fds *fds, const struct tern_obj *old,
			 const struct tern_obj *new)
{
	const struct tern_obj_desc *d = tern_obj_payload(new);
	const struct tern_obj_timerfd *a = script_extra(was, d->id);
	const struct tern_obj_timerfd *b = script_extra(fds, d->id);

	(void)old;
	if (a->clock != b->clock)
		return 0;
	if (a->expires != b->expires || a->interval != b->interval || a->flags != b->flags)
		set_timer(s, script_fd_of(fds, d->id), 0, b);
	return 1;
}

const struct script_kind script_timerfd = { .open = timerfd_open, .alter = timerfd_alter };
