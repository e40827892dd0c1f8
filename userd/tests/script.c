// SPDX-License-Identifier: GPL-2.0
/* What scripts are made of for threads and timers: which steps, and how few. */
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "script.h"
#include "test.h"

#define AREA	(1U << 18)

static struct tern_script s;
static void *area;

static void begin(void)
{
	memset(area, 0, AREA);
	tern_script_init(&s, area, 0x10000, AREA, 1);
	tern_script_begin(&s);
}

static unsigned int count(void)
{
	return (s.ops - s.begin) / sizeof(struct shell_op);
}

static const struct shell_op *step(unsigned int n)
{
	return (const struct shell_op *)((char *)area + s.begin) + n;
}

static const void *data(__u64 address)
{
	return (char *)area + (address - s.base);
}

/* ---- how a thread is scheduled ------------------------------------------------------- */

static void cpus(void)
{
	struct tern_dress dress = { .cpus = { 0xf } };
	struct tern_obj_thread t = { .cpus = { 0x3c } };
	__u64 left[TERN_CPUS_WORDS];

	CHECK(tern_cpus_left(&dress, &t, left) && left[0] == 0xc && !left[1]);
	/* none of them is here */
	t.cpus[0] = 0;
	t.cpus[15] = 1ULL << 63;
	CHECK(!tern_cpus_left(&dress, &t, left) && left[0] == ~0ULL && left[15] == ~0ULL);
	memset(t.cpus, 0xff, sizeof(t.cpus));
	CHECK(tern_cpus_left(&dress, &t, left) && left[0] == 0xf);
}

static void sched(void)
{
	struct tern_dress dress = { .cpus = { 3 } };
	struct tern_obj_thread old = { .tid = 7, .cpus = { ~0ULL } }, new = old;

	begin();
	tern_script_sched(&s, &dress, 7, &old, &new);
	CHECK(!count());
	new.ioprio = 5;
	tern_script_sched(&s, &dress, 7, &old, &new);
	CHECK(count() == 1 && step(0)->nr == SYS_ioprio_set && step(0)->args[1] == 7);
	begin();
	new = old;
	new.policy = SCHED_RR;
	new.priority = 3;
	tern_script_sched(&s, &dress, 7, &old, &new);
	CHECK(count() == 2 && step(1)->nr == SYS_sched_setattr && step(1)->args[0] == 7);
	/* of a thread of which nothing is known all is set */
	begin();
	tern_script_sched(&s, &dress, 0, NULL, &new);
	CHECK(count() == 4 && step(0)->nr == SYS_sched_setaffinity);
	CHECK(*(const __u64 *)data(step(0)->args[2]) == 3);
}

/* ---- timers ---------------------------------------------------------------------------- */

static struct tern_image was, is;

/* An image, and its timers as tern_script_dress() finds them in it. */
static void add(struct tern_image *image, struct tern_dress *dress, __u32 cpu_armed,
		const struct tern_obj_timer *timers, unsigned int nr)
{
	struct tern_obj_times times = { .cpu_armed = cpu_armed };
	const struct tern_obj *obj = NULL;
	unsigned int i;

	tern_image_free(image);
	tern_image_add(image, TERN_OBJ_TIMES, &times, sizeof(times), NULL, 0);
	for (i = 0; i < nr; i++)
		tern_image_add(image, TERN_OBJ_TIMER, &timers[i], sizeof(timers[i]), NULL, 0);
	dress->nr_timers = 0;
	while ((obj = tern_image_find(image, TERN_OBJ_TIMER, obj)))
		dress->timer[dress->nr_timers++] = tern_obj_payload(obj);
}

static void timers(void)
{
	const struct tern_obj_timer *old[2], *new[2];
	struct tern_dress worn = { .image = &was, .become = true, .timer = old };
	struct tern_dress dress = { .image = &is, .become = true, .timer = new };
	struct tern_obj_timer t[2] = {
		{ .id = 3, .clock = CLOCK_MONOTONIC, .signo = SIGALRM },
		{ .id = 9, .clock = CLOCK_REALTIME, .notify = SIGEV_NONE, .relative = 1 },
	};
	const struct tern_timer_id *id;

	/* each is given its id, made, and armed for never */
	add(&was, &worn, 0, t, 2);
	begin();
	tern_script_timers(&s, NULL, &worn);
	CHECK(count() == 6 && step(0)->nr == SYS_ioctl && step(1)->nr == SYS_timer_create &&
	      step(2)->nr == SYS_timer_settime && step(2)->args[1] == TIMER_ABSTIME &&
	      step(5)->args[0] == 9 && !step(5)->args[1]);
	id = data(step(3)->args[2]);
	CHECK(id->size == sizeof(*id) && id->id == 9);
	/* when it expires is none of the script's business */
	t[0].expires = 1000;
	t[0].interval = 1;
	t[0].state = TERN_TIMER_ARMED;
	add(&is, &dress, 0, t, 2);
	begin();
	tern_script_timers(&s, &worn, &dress);
	tern_script_timers_end(&s, &dress);
	CHECK(!count());
	/* but that its signal waits */
	t[0].state = TERN_TIMER_PENDING;
	add(&is, &dress, 0, t, 2);
	tern_script_timers_end(&s, &dress);
	CHECK(count() == 1 && step(0)->nr == SYS_timer_settime && step(0)->args[0] == 3);
	/* one has gone, one is another by the same id, and used time is counted */
	t[1].signo = SIGUSR1;
	add(&is, &dress, 1 << ITIMER_PROF, &t[1], 1);
	begin();
	tern_script_timers(&s, &worn, &dress);
	CHECK(count() == 6 && step(0)->nr == SYS_setitimer && step(0)->args[0] == ITIMER_PROF &&
	      step(1)->nr == SYS_timer_delete && step(1)->args[0] == 3 &&
	      step(2)->nr == SYS_timer_delete && step(2)->args[0] == 9 &&
	      step(4)->nr == SYS_timer_create);
	tern_image_free(&was);
	tern_image_free(&is);
}

int main(void)
{
	area = aligned_alloc(4096, AREA);
	cpus();
	sched();
	timers();
	free(area);
	return done();
}
