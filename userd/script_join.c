// SPDX-License-Identifier: GPL-2.0
/*
 * The first script: the shell joins its migration, and makes its threads. It
 * runs while the migrant still runs at the source, so it costs no latency, and
 * finds out whether the thread ids are free.
 */
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/syscall.h>

#include "script.h"

#define UFFD_FEATURES	(UFFD_FEATURE_EVENT_FORK | UFFD_FEATURE_EVENT_REMAP | \
			 UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURE_EVENT_UNMAP)

static void open_uffd(struct tern_script *s)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURES };
	struct shell_op *op;

	op = SCRIPT(s, "no userfaultfd can be made: the kernel needs CONFIG_USERFAULTFD",
		    SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	op->out = SHELL_SLOT_UFFD;
	op = SCRIPT(s, "the kernel's userfaultfd does not know the fork, remap, remove and unmap events",
		    SYS_ioctl, SHELL_SLOT_UFFD, UFFDIO_API,
		    tern_script_data(s, &api, sizeof(api)));
	op->slots = 1 << 0;
}

static void join(struct tern_script *s, __u64 id)
{
	struct tern_shell shell = { .size = sizeof(shell), .id = id };
	struct shell_op *op;
	__u64 arg;

	arg = tern_script_data(s, &shell, sizeof(shell));
	/* the descriptor's number is known only there */
	op = SCRIPT(s, NULL, SHELL_OP_STORE, arg + offsetof(struct tern_shell, uffd),
		    SHELL_SLOT_UFFD);
	op->slots = 1 << 1;
	op = SCRIPT(s, "the shell could not join the migration", SYS_ioctl,
		    SHELL_SLOT_DEV, TERN_IOC_SHELL, arg);
	op->slots = 1 << 0;
}

static void make_thread(struct tern_script *s, unsigned int n, __s32 tid)
{
	struct shell_thread *thread = tern_script_thread(s, n);
	__u64 addr = s->base + ((char *)thread - s->mem);
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
			 CLONE_SYSVSEM,
		.stack = addr + sizeof(*thread),
		.stack_size = (SHELL_PAGE - sizeof(*thread)) & ~15UL,
		.set_tid_size = 1,
	};
	struct shell_op *op;

	thread->area = s->base + SHELL_HEAD;
	thread->tid = tid;
	args.set_tid = tern_script_data(s, &tid, sizeof(tid));
	op = SCRIPT(s, "a thread id is taken", SHELL_OP_THREAD,
		    tern_script_data(s, &args, sizeof(args)), sizeof(args), addr);
	op->flags = SHELL_EXPECT;
	op->args[5] = tid;
}

/**
 * tern_script_join() - the script that the shell runs first
 * @s: the writer
 * @id: the migration
 * @tids: s->nr_threads of them, the leader's first
 * @with_dev: false only in tests: do not touch /dev/tern
 * @run: filled
 * @why: sentence
 */
int tern_script_join(struct tern_script *s, __u64 id, const __s32 *tids, bool with_dev,
		     struct shell_run *run, struct tern_why *why)
{
	unsigned int i;

	tern_script_begin(s);
	/* the daemon's is nothing that a migrant should possess; with no keys in the kernel, too */
	SCRIPT(s, NULL, SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0)->flags = SHELL_MAY_FAIL;
	open_uffd(s);
	if (with_dev)
		join(s, id);
	for (i = 1; i < s->nr_threads && !s->full; i++)
		make_thread(s, i, tids[i]);
	return tern_script_end(s, run, why);
}
