// SPDX-License-Identifier: GPL-2.0
/*
 * Children that stand in signal handlers: is it seen what these have interrupted, also
 * from another stack, and behind a second handler? And are those not looked at that are
 * in no handler?
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dev.h"
#include "frames.h"
#include "prepare.h"
#include "test.h"

#define STACK	65536

static int to_parent[2];
static bool nested;
static volatile unsigned long *turns;	/* shared with the child */
static struct tern_image image;

static void __attribute__((noinline, aligned(64))) spin(void)
{
	for (;;)
		asm volatile("lock incq %0" : "+m"(*turns));
}

static void stand(void)
{
	void *sp = __builtin_frame_address(0);

	if (write(to_parent[1], &sp, sizeof(sp)) != sizeof(sp))
		_exit(1);
	for (;;)
		pause();
}

static void on_second(int signo)
{
	(void)signo;
	stand();
}

static void on_first(int signo)
{
	(void)signo;
	if (nested)
		raise(SIGUSR2);
	stand();
}

static void child(int flags)
{
	struct sigaction first = { .sa_handler = on_first, .sa_flags = flags };
	struct sigaction second = { .sa_handler = on_second };
	stack_t alt = { .ss_size = STACK };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alt.ss_sp = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaltstack(&alt, NULL);
	sigaction(SIGUSR1, &first, NULL);
	sigaction(SIGUSR2, &second, NULL);
	spin();
}

static int add_map(void *arg, const struct tern_proc_map *map)
{
	struct tern_obj_vma v = { .start = map->start, .end = map->end };

	(void)arg;
	return tern_image_add(&image, TERN_OBJ_VMA, &v, sizeof(v), NULL, 0);
}

/* The actions are the same in parent and child but for their handlers. */
static void make_image(int pid, __u64 sp, int flags)
{
	struct tern_obj_sigactions actions = { 0 };
	struct tern_obj_thread t = { .tid = pid, .blocked = 1ULL << (SIGUSR1 - 1) };
	struct {
		__u64 handler, flags, restorer, mask;
	} action;

	signal(SIGUSR1, on_first);
	syscall(SYS_rt_sigaction, SIGUSR1, NULL, &action, 8);
	if (flags & SA_NODEFER)
		t.blocked = 0;
	actions.action[SIGUSR1 - 1].flags = flags;
	actions.action[SIGUSR1 - 1].restorer = action.restorer;
	actions.action[SIGUSR2 - 1].restorer = action.restorer;
	t.regs[19] = sp;
	image.len = 0;
	tern_image_add(&image, TERN_OBJ_SIGACTIONS, &actions, sizeof(actions), NULL, 0);
	tern_image_add(&image, TERN_OBJ_THREAD, &t, sizeof(t), NULL, 0);
	tern_proc_maps(pid, add_map, NULL);
}

static int outside(int pid, void *start, size_t len, bool all)
{
	struct tern_why why = { "" };

	return tern_frames_outside(&image, pid, (unsigned long)start, (unsigned long)start + len,
				   all, &why);
}

static struct tern_obj_thread *thread(void)
{
	return (void *)tern_obj_payload(tern_image_find(&image, TERN_OBJ_THREAD, NULL));
}

/* What the thread says of its signals decides whether its stack is looked at. */
static void by_mask(int pid, int flags)
{
	struct tern_obj_thread *t = thread();

	t->saved_blocked = t->blocked;
	t->blocked = 0;
	CHECK(outside(pid, spin, 64, false) == (flags & SA_NODEFER ? -EBUSY : 0));
	t->restore_mask = 1;
	CHECK(outside(pid, spin, 64, false) == -EBUSY);
	t->restore_mask = 0;
	CHECK(outside(pid, spin, 64, true) == -EBUSY);
}

static void stands(int flags, bool within_another)
{
	void *sp;
	int pid;

	nested = within_another;
	if (pipe(to_parent))
		exit(1);
	*turns = 0;
	pid = fork();
	if (!pid)
		child(flags);
	while (!*turns)
		usleep(1000);
	kill(pid, SIGUSR1);
	CHECK(read(to_parent[0], &sp, sizeof(sp)) == sizeof(sp));
	make_image(pid, (unsigned long)sp, flags);
	CHECK(outside(pid, spin, 64, false) == -EBUSY);
	CHECK(!outside(pid, (char *)spin + 64, 4096, true));
	CHECK(!outside(pid, (char *)spin - 4096, 4096, true));
	by_mask(pid, flags);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	/* nobody is there any more, or nothing: nothing to come back to */
	CHECK(!outside(pid, spin, 64, true));
	close(to_parent[0]);
	close(to_parent[1]);
}

int main(void)
{
	turns = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	stands(0, false);
	stands(SA_ONSTACK, false);
	stands(0, true);
	stands(SA_ONSTACK, true);
	stands(SA_NODEFER, false);
	tern_image_free(&image);
	return done();
}
