// SPDX-License-Identifier: GPL-2.0
/*
 * When a timerfd expires, in terms that stay the same while time goes by. To ask for
 * that has the kernel count intervals that have passed already: the migrant sees no
 * difference. Ticks are shown in /proc alone.
 */
#include <errno.h>
#include <inttypes.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "dev.h"
#include "seen.h"

#define TRIES	16	/* a tick may fall in between */
#define NS	1000000000ULL

/**
 * struct reading - what a timer says
 * @now: of its clock, ns, as the migrant sees it
 * @left: ns, 0: it does not run
 * @interval: ns
 * @ticks: that have not been read
 * @clock: CLOCK_*
 * @flags: TFD_TIMER_*
 */
struct reading {
	__u64 now;
	__u64 left;
	__u64 interval;
	__u64 ticks;
	__u32 clock;
	__u32 flags;
};

static __u64 to_ns(const struct timespec *ts)
{
	return ts->tv_sec * NS + ts->tv_nsec;
}

static int read_fdinfo(const struct tern_seen *seen, int fd, struct reading *r)
{
	FILE *f = tern_seen_fdinfo(seen, fd);
	unsigned int found = 0;
	char line[128];

	if (!f)
		return -EAGAIN;
	while (fgets(line, sizeof(line), f)) {
		found += sscanf(line, "clockid: %u", &r->clock) == 1;
		found += sscanf(line, "ticks: %" SCNu64, (uint64_t *)&r->ticks) == 1;
		found += sscanf(line, "settime flags: %o", &r->flags) == 1;
	}
	fclose(f);
	return found == 3 ? 0 : tern_why_set(seen->why, -EAGAIN,
					     "descriptor %d is no timerfd any more", fd);
}

static __s64 ahead_of(const struct tern_clocks *clocks, clockid_t clock)
{
	switch (clock) {
	case CLOCK_MONOTONIC:
		return clocks->monotonic;
	case CLOCK_BOOTTIME:
		return clocks->boottime;
	default:
		return 0;
	}
}

/* The clock that it really runs by. */
static clockid_t base(const struct tern_obj_timerfd *t)
{
	if (tern_timerfd_by_span(t))
		return CLOCK_MONOTONIC;
	switch (t->clock) {
	case CLOCK_BOOTTIME_ALARM:
		return CLOCK_BOOTTIME;
	case CLOCK_REALTIME_ALARM:
		return CLOCK_REALTIME;
	default:
		return t->clock;
	}
}

/* Both at one moment: the time that is left does not grow unless it has expired. */
static int read_timer(const struct tern_seen *seen, int fd, int own, clockid_t clock,
		      struct reading *r)
{
	struct itimerspec before, after;
	struct timespec now;
	unsigned int i;
	int rc = 0;

	for (i = 0; i < TRIES && !rc; i++) {
		if (timerfd_gettime(own, &before) || clock_gettime(clock, &now))
			return -errno;
		rc = read_fdinfo(seen, fd, r);
		if (timerfd_gettime(own, &after))
			return -errno;
		r->now = to_ns(&now);
		r->left = to_ns(&before.it_value);
		r->interval = to_ns(&before.it_interval);
		if (to_ns(&after.it_value) <= r->left && !r->left == !to_ns(&after.it_value))
			break;
	}
	return rc;
}

static void describe(const struct reading *r, __s64 ahead, struct tern_obj_timerfd *t)
{
	__u64 next = r->now + ahead + r->left, past = r->ticks * r->interval;

	t->interval = r->interval;
	if (r->left)
		t->expires = past < next ? next - past : 1;
	else
		t->expires = r->ticks ? 1 : 0;
}

/** tern_seen_timerfd() - a timerfd: TIMERFD */
int tern_seen_timerfd(struct tern_seen *seen, const struct tern_seen_fd *fd)
{
	struct tern_obj_timerfd t = { .desc = fd->desc };
	int own = tern_seen_dup(seen, fd->fd), rc;
	struct reading r = { 0 };
	clockid_t clock;

	if (own < 0)
		return own;
	rc = read_fdinfo(seen, fd->fd, &r);
	t.clock = r.clock;
	t.flags = r.flags;
	clock = base(&t);
	if (!rc)
		rc = read_timer(seen, fd->fd, own, clock, &r);
	close(own);
	if (rc)
		return rc == -EINVAL ? -EAGAIN : rc;
	describe(&r, ahead_of(seen->clocks, clock), &t);
	return tern_image_add(seen->image, TERN_OBJ_TIMERFD, &t, sizeof(t), NULL, 0);
}
