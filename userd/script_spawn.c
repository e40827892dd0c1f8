// SPDX-License-Identifier: GPL-2.0
/*
 * A shell makes another one, for only its own children are children of what it will be.
 * What the new one needs is taken from ternd, and it executes the shell's program: the
 * memory of ours is none that a fork should copy.
 */
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "script.h"

#define SLOT_SOCK	SHELL_SLOT_FREE
#define SLOT_AREA	(SHELL_SLOT_FREE + 1)
#define SLOT_DEV	(SHELL_SLOT_FREE + 2)
#define NR_TAKEN	3
#define SLOT_HIGH	(SHELL_SLOT_FREE + 3)	/* of each of them, and of what the shell has: */
#define NR_GIVEN	5			/* the child's; slots are common memory */
#define SLOT_CHILD	(SLOT_HIGH + NR_GIVEN)
#define SLOT_BETWEEN	(SLOT_CHILD + 1)
#define HIGH		16
#define LAST_PID	32767	/* by default, so the last one to be taken */
#define STACK		4096

/*
 * Descriptors that it is given, taken or from its parent, and where a shell has them; compare
 * sort_fds() of birth.c.
 */
static const struct {
	unsigned int slot;
	int place;
} given[NR_GIVEN] = {
	{ SLOT_SOCK, SHELL_FD_SOCKET }, { SLOT_AREA, SHELL_FD_AREA }, { SLOT_DEV, SHELL_FD_DEV },
	{ SHELL_SLOT_FDS, SHELL_FD_FDS }, { SHELL_SLOT_TERND, SHELL_FD_TERND },
};

static void lift(struct tern_script *s, unsigned int n)
{
	struct shell_op *op = SCRIPT(s, NULL, SYS_fcntl, given[n].slot, F_DUPFD, HIGH);

	op->slots = 1 << 0;
	op->out = SLOT_HIGH + n;
}

static const __u64 plain[4], ignore[4] = { 1 };	/* SIG_DFL, SIG_IGN */

static void act_on_child(struct tern_script *s, const void *action)
{
	SCRIPT(s, "a signal's action could not be set", SYS_rt_sigaction, SIGCHLD,
	       tern_script_data(s, action, 4 * sizeof(__u64)), 0, 8);
}

/* What a dressed shell ignores would stay ignored over the exec. */
static void ignore_nothing(struct tern_script *s)
{
	__u64 action = tern_script_data(s, plain, sizeof(plain));
	int signal;

	for (signal = 1; signal <= 64; signal++)
		if (signal != SIGKILL && signal != SIGSTOP)
			SCRIPT(s, NULL, SYS_rt_sigaction, signal, action, 0, 8);
}

static void child(struct tern_script *s, const struct tern_spawn *spawn)
{
	__u64 argv[2] = { tern_script_data(s, "tern-shell", 11), 0 }, env[1] = { 0 };
	unsigned int i;

	if (spawn->session)
		SCRIPT(s, NULL, SYS_setsid, 0);
	else if (spawn->group)
		SCRIPT(s, NULL, SYS_setpgid, 0, 0);
	ignore_nothing(s);
	for (i = 0; i < NR_GIVEN; i++)
		lift(s, i);
	for (i = 0; i < NR_GIVEN; i++)
		SCRIPT(s, NULL, SYS_dup2, SLOT_HIGH + i, given[i].place)->slots = 1 << 0;
	SCRIPT(s, NULL, SYS_close_range, 0, SHELL_FD_SOCKET - 1, 0);
	SCRIPT(s, NULL, SYS_close_range, SHELL_FD_END, ~0U, 0);
	SCRIPT(s, NULL, SYS_execve,
	       tern_script_data(s, spawn->path, strlen(spawn->path) + 1),
	       tern_script_data(s, argv, sizeof(argv)), tern_script_data(s, env, sizeof(env)));
}

static void take(struct tern_script *s, int fd, unsigned int slot)
{
	struct shell_op *op = SCRIPT(s, "a shell could not get what it is made from",
				     SYS_pidfd_getfd, SHELL_SLOT_TERND, fd, 0);

	op->slots = 1 << 0;
	op->out = slot;
}

/* A process in our memory, which runs @of_child while we wait. @sibling: and not our child. */
static struct shell_op *make_process(struct tern_script *s, const char *what, __s32 pid,
				     bool sibling, const struct shell_run *of_child)
{
	struct shell_thread thread = {
		.area = s->base + SHELL_HEAD, .ops = of_child->ops, .nr = of_child->nr,
	};
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_VFORK | (sibling ? CLONE_PARENT : 0),
		/* a sibling has that of its maker, which is the same */
		.exit_signal = sibling ? 0 : SIGCHLD,
		.stack = tern_script_data(s, NULL, STACK),
		.stack_size = STACK,
		.set_tid = tern_script_data(s, &pid, sizeof(pid)),
		.set_tid_size = 1,
	};
	struct shell_op *op;

	args.stack = (args.stack + 15) & ~15ULL;
	args.stack_size -= 16;
	op = SCRIPT(s, what, SHELL_OP_SPAWN, tern_script_data(s, &args, sizeof(args)),
		    sizeof(args), tern_script_data(s, &thread, sizeof(thread)));
	op->flags = SHELL_EXPECT;
	op->args[5] = pid;
	return op;
}

/* What comes of it is in @slot. */
static void make(struct tern_script *s, int pid, bool sibling, const struct shell_run *of_child,
		 unsigned int slot)
{
	struct shell_op *op = make_process(s, NULL, pid, sibling, of_child);

	op->flags = SHELL_MAY_FAIL;
	op->out = slot;
}

/*
 * The script of who makes the child, and ends: as the leader of a session, in which a child
 * of ours is to be; or as the parent that a stray has lost.
 */
static int write_between(struct tern_script *s, const struct tern_spawn *spawn,
			 struct shell_run *run, const struct shell_run *of_child,
			 struct tern_why *why)
{
	tern_script_begin(s);
	if (spawn->led)
		SCRIPT(s, NULL, SYS_setsid, 0);
	make(s, spawn->pid, spawn->led, of_child, SLOT_CHILD);
	SCRIPT(s, NULL, SYS_exit_group, 0);
	return tern_script_end(s, run, why);
}

/* A child of ours that has ended, and nobody is told of: to ignore it drops what is told. */
static void reap(struct tern_script *s, int pid)
{
	SCRIPT(s, NULL, SYS_waitid, P_PID, pid, 0, WEXITED, 0)->flags = SHELL_MAY_FAIL;
	act_on_child(s, ignore);
	act_on_child(s, plain);
}

static const struct tern_obj_sigactions *sigactions(const struct tern_image *image)
{
	return tern_obj_payload(tern_image_find(image, TERN_OBJ_SIGACTIONS, NULL));
}

/* Likewise, and what it does about them otherwise is what it was: @worn may be NULL. */
static void reap_as(struct tern_script *s, int pid, const struct tern_image *worn)
{
	/* where the migrant ignores them its children are gone at once */
	reap(s, pid);
	if (worn)
		act_on_child(s, &sigactions(worn)->action[SIGCHLD - 1]);
}

/* When nothing is left of what it was made from, for it may be tried again. */
static void result(struct tern_script *s, int pid, unsigned int slot)
{
	struct shell_op *op = SCRIPT(s, NULL, SHELL_OP_RESULT, slot);

	op->slots = 1 << 0;
	op->flags = SHELL_EXPECT;
	op->args[5] = pid;
}

/**
 * tern_script_spawn() - the script by which a shell makes another one
 * @s: its writer, before its last script
 * @spawn: what the child is made from
 * @worn: the image that it is dressed by, NULL: none yet
 * @run: filled
 * @why: sentence
 */
int tern_script_spawn(struct tern_script *s, const struct tern_spawn *spawn,
		      const struct tern_image *worn, struct shell_run *run,
		      struct tern_why *why)
{
	int err, between = spawn->stray ? LAST_PID - (spawn->pid == LAST_PID) : spawn->led;
	struct shell_run of_child, of_between;
	unsigned int i;

	tern_script_begin(s);
	child(s, spawn);
	err = tern_script_end(s, &of_child, why);
	if (!err && between)
		err = write_between(s, spawn, &of_between, &of_child, why);
	if (err)
		return err;
	tern_script_begin(s);
	take(s, spawn->given->sock, SLOT_SOCK);
	take(s, spawn->given->area, SLOT_AREA);
	take(s, spawn->given->dev, SLOT_DEV);
	if (between)
		make(s, between, false, &of_between, SLOT_BETWEEN);
	else
		make(s, spawn->pid, spawn->sibling, &of_child, SLOT_CHILD);
	for (i = 0; i < NR_TAKEN; i++)
		SCRIPT(s, NULL, SYS_close, SLOT_SOCK + i)->slots = 1 << 0;
	if (between) {
		reap_as(s, between, worn);
		result(s, between, SLOT_BETWEEN);
	}
	result(s, spawn->pid, SLOT_CHILD);
	return tern_script_end(s, run, why);
}

/**
 * tern_script_reap() - the script by which a shell reaps another one that ends
 * @s: its writer, before its last script
 * @pid: the child
 * @worn: the image that it is dressed by, NULL: none yet
 * @run: filled
 * @why: sentence
 */
int tern_script_reap(struct tern_script *s, int pid, const struct tern_image *worn,
		     struct shell_run *run, struct tern_why *why)
{
	tern_script_begin(s);
	reap_as(s, pid, worn);
	return tern_script_end(s, run, why);
}

/* ---- children that have ended ----------------------------------------------------- */

/* A child with number @pid, which runs @write, and of which is left what waits to be reaped. */
static int make_ended(struct tern_script *s, const char *what, int pid,
		      void (*write)(struct tern_script *s, const void *arg), const void *arg,
		      struct tern_why *why)
{
	size_t begin = s->begin;
	struct shell_run of_child;
	int err;

	/* its script is in the middle of ours, which goes around it */
	SCRIPT(s, NULL, SHELL_OP_SKIP, 2);
	tern_script_begin(s);
	write(s, arg);
	SCRIPT(s, NULL, SYS_exit_group, 0);
	err = tern_script_end(s, &of_child, why);
	s->begin = begin;
	if (err)
		return err;
	make_process(s, what, pid, false, &of_child);
	/* until all is told of it that will be */
	SCRIPT(s, "a child did not end", SYS_waitid, P_PID, pid, 0, WEXITED | WNOWAIT, 0);
	return 0;
}

static void be_user(struct tern_script *s, const void *arg)
{
	const struct tern_obj_ended *e = arg;

	SCRIPT(s, NULL, SYS_setresuid, e->uid, e->uid, e->uid);
}

static void lead_group(struct tern_script *s, const void *arg)
{
	(void)arg;
	SCRIPT(s, NULL, SYS_setpgid, 0, 0);
}

static int end_child(struct tern_script *s, const struct tern_obj_ended *e, struct tern_why *why)
{
	return make_ended(s, "a child that has ended could not be made: is its pid taken", e->pid,
			  be_user, e, why);
}

/**
 * tern_script_group() - into a process group whose leader has ended
 * @s: the writer
 * @dress: the rest
 * @why: sentence
 *
 * The first one of the tree that was in it makes a leader, which ends; those that come after
 * it find the group there.
 */
int tern_script_group(struct tern_script *s, const struct tern_dress *dress,
		      struct tern_why *why)
{
	const struct tern_obj_task *task = dress->task;
	int err = 0;

	if (!(task->flags & TERN_TASK_LEADERLESS))
		return 0;
	if (task->flags & TERN_TASK_FOUNDS) {
		act_on_child(s, plain);
		err = make_ended(s, "its process group could not be made: is the number of its leader, who has ended, taken",
				 task->group, lead_group, NULL, why);
	}
	SCRIPT(s, "its process group could not be entered", SYS_setpgid, 0, task->group);
	if (task->flags & TERN_TASK_FOUNDS) {
		reap(s, task->group);
		act_on_child(s, &sigactions(dress->image)->action[SIGCHLD - 1]);
	}
	return err;
}

/**
 * tern_script_ended() - children that have ended and are not waited for
 * @s: the writer
 * @dress: the rest; signals' actions are those of the migrant
 * @why: sentence
 *
 * How they have ended is LOAD's. That they have was told at the source.
 */
int tern_script_ended(struct tern_script *s, const struct tern_dress *dress, struct tern_why *why)
{
	const struct tern_obj *obj = NULL;
	int err = 0;

	if (!tern_image_find(dress->image, TERN_OBJ_ENDED, NULL))
		return 0;
	/* if it were ignored they would be gone at once; to ignore it drops what is told */
	act_on_child(s, plain);
	while (!err && (obj = tern_image_find(dress->image, TERN_OBJ_ENDED, obj)))
		err = end_child(s, tern_obj_payload(obj), why);
	act_on_child(s, ignore);
	act_on_child(s, &sigactions(dress->image)->action[SIGCHLD - 1]);
	return err;
}
