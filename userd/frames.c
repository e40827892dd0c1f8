// SPDX-License-Identifier: GPL-2.0
/*
 * Will a thread come back to code that is not going to be there, or that it must run on one
 * host from beginning to end? One that stands outside may be in a signal handler, which has
 * interrupted that code: the kernel has put a frame on its stack (struct rt_sigframe,
 * arch/x86/include/asm/sigframe.h) that says where to go on. Frames are found by what the
 * handler returns to, the restorer of its sigaction, and by what stands at fixed places
 * behind it.
 *
 * Reads memory of the migrant, changes nothing, no locks.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <ucontext.h>

#include "dev.h"
#include "frames.h"
#include "vmas.h"

#define WINDOW		(256UL << 10)	/* of a stack: a handler does not use more */
#define DEPTH		64		/* handlers that interrupt handlers */
#define UC_FLAGS	7UL		/* all that the kernel sets */
#define USER_CS		0x33
#define SIGNALS		64
#define R_SP		(offsetof(struct user_regs_struct, rsp) / 8)

/**
 * struct rt_frame - what the kernel puts on the stack
 * @restorer: where the handler returns to
 * @uc: what it has interrupted
 */
struct rt_frame {
	__u64 restorer;
	ucontext_t uc;
};

/* As far as it is looked at: behind that there is room for a mask of the C library's. */
#define FRAME_SIZE	offsetof(struct rt_frame, uc.uc_mcontext.fpregs)

/**
 * struct stacks - what the search needs
 * @pid: the migrant
 * @vmas: its mappings
 * @restorer: of all signals, each once
 * @nr_restorers: how many
 * @unblocked: a handler may run with no signal blocked
 * @window: room for a part of a stack
 */
struct stacks {
	int pid;
	struct tern_vmas vmas;
	__u64 restorer[SIGNALS];
	unsigned int nr_restorers;
	bool unblocked;
	char *window;
};

static bool is_restorer(const struct stacks *s, __u64 at)
{
	unsigned int i;

	for (i = 0; i < s->nr_restorers; i++)
		if (s->restorer[i] == at)
			return true;
	return false;
}

static void find_handlers(struct stacks *s, const struct tern_image *image)
{
	const struct tern_obj_sigactions *all =
		tern_obj_payload(tern_image_find(image, TERN_OBJ_SIGACTIONS, NULL));
	unsigned int i;

	for (i = 0; i < SIGNALS; i++) {
		if (!all->action[i].restorer)
			continue;
		if (all->action[i].flags & SA_NODEFER && !all->action[i].mask)
			s->unblocked = true;
		if (!is_restorer(s, all->action[i].restorer))
			s->restorer[s->nr_restorers++] = all->action[i].restorer;
	}
}

/* The kernel blocks the signal while its handler runs, if it is not told otherwise. */
static bool in_handler(const struct stacks *s, const struct tern_obj_thread *t)
{
	return s->unblocked || t->blocked || (t->restore_mask && t->saved_blocked);
}

static bool is_frame(const struct stacks *s, const struct rt_frame *f)
{
	return is_restorer(s, f->restorer) && !(f->uc.uc_flags & ~UC_FLAGS) && !f->uc.uc_link &&
	       (f->uc.uc_mcontext.gregs[REG_CSGSFS] & 0xffff) == USER_CS;
}

/* The next frame from @sp upwards; false: there is none. */
static bool find_frame(const struct stacks *s, __u64 sp, struct rt_frame *f)
{
	const struct tern_obj_vma *stack = tern_vmas_find(&s->vmas, sp);
	__u64 at = (sp + 7) & ~7ULL;
	struct iovec local = { s->window, 0 }, remote = { (void *)at, 0 };
	ssize_t left, n;

	if (!stack || stack->end == at)
		return false;
	local.iov_len = stack->end - at < WINDOW ? stack->end - at : WINDOW;
	remote.iov_len = local.iov_len;
	left = process_vm_readv(s->pid, &local, 1, &remote, 1, 0);
	for (n = 0; n + (ssize_t)FRAME_SIZE <= left; n += 8) {
		__u64 word;

		memcpy(&word, s->window + n, sizeof(word));
		if (!is_restorer(s, word))
			continue;
		memcpy(f, s->window + n, FRAME_SIZE);
		if (is_frame(s, f))
			return true;
	}
	return false;
}

/* From handler to what it has interrupted, which may have been on another stack. */
static bool comes_back(const struct stacks *s, __u64 sp, __u64 start, __u64 end)
{
	struct rt_frame f;
	unsigned int i;

	for (i = 0; i < DEPTH && find_frame(s, sp, &f); i++) {
		const greg_t *regs = f.uc.uc_mcontext.gregs;

		if ((__u64)regs[REG_RIP] - start < end - start)
			return true;
		sp = regs[REG_RSP];
	}
	return false;
}

static int make_room(struct stacks *s, const struct tern_image *image)
{
	s->window = malloc(WINDOW);
	return s->window ? tern_vmas_list(&s->vmas, image) : -ENOMEM;
}

/**
 * tern_frames_outside() - does no thread come back to some code out of a handler?
 * @image: the capture of a migrant that stands
 * @pid: the migrant
 * @start: of the code
 * @end: not included
 * @all: look also at threads that block no signal, which are in a handler only if that
 *	has unblocked them itself
 * @why: sentence
 *
 * Return: 0, or -EBUSY: some thread does, for now.
 */
int tern_frames_outside(const struct tern_image *image, int pid, __u64 start, __u64 end,
			bool all, struct tern_why *why)
{
	struct stacks s = { .pid = pid };
	const struct tern_obj *obj = NULL;
	int rc = 0;

	find_handlers(&s, image);
	s.unblocked |= all;
	while (!rc && s.nr_restorers && (obj = tern_image_find(image, TERN_OBJ_THREAD, obj))) {
		const struct tern_obj_thread *t = tern_obj_payload(obj);

		if (!in_handler(&s, t))
			continue;
		if (!s.window)
			rc = make_room(&s, image);
		if (!rc && comes_back(&s, t->regs[R_SP], start, end))
			rc = tern_why_set(why, -EBUSY,
					  "thread %d is in a signal handler that has interrupted the vDSO; try again",
					  t->tid);
	}
	free(s.window);
	tern_vmas_fini(&s.vmas);
	return rc;
}
