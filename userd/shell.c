// SPDX-License-Identifier: GPL-2.0
/*
 * tern-shell: a process that waits to become a migrant.
 *
 * A freestanding interpreter of system calls (see shell.h). It moves itself
 * into the area, so that everything else of its address space can be replaced
 * by the scripts that it runs, and ends in the kernel's BECOME, or dies when
 * ternd closes the socket. It has no libc, no data, no thread-local storage,
 * and decides nothing.
 */
#include <asm/unistd.h>
#include <asm/ioctls.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/time.h>
#include <stddef.h>

#include "shell.h"

#define NS	1000000000LL

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

extern char shell_text_start[] __attribute__((visibility("hidden")));
extern char shell_text_end[] __attribute__((visibility("hidden")));
void shell_start(unsigned long *stack);
void shell_jump(void *stack, void *fn, void *arg) __attribute__((noreturn));
long shell_clone(void *args, unsigned long size, void *fn, void *arg);

static long syscall6(long nr, __u64 a, __u64 b, __u64 c, __u64 d, __u64 e, __u64 f)
{
	register __u64 r10 asm("r10") = d;
	register __u64 r8 asm("r8") = e;
	register __u64 r9 asm("r9") = f;
	long ret;

	asm volatile("syscall"
		     : "=a"(ret)
		     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
		     : "rcx", "r11", "memory");
	return ret;
}

static void copy(void *dst, const void *src, unsigned long len)
{
	asm volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(len) : : "memory");
}

static void quit(int code)
{
	for (;;)
		syscall6(__NR_exit_group, code, 0, 0, 0, 0, 0);
}

static void futex_wait(__u32 *word, __u32 value)
{
	syscall6(__NR_futex, (__u64)word, FUTEX_WAIT, value, 0, 0, 0);
}

static void futex_wake(__u32 *word)
{
	syscall6(__NR_futex, (__u64)word, FUTEX_WAKE, 0x7fffffff, 0, 0, 0);
}

static void arrive(struct shell_area *area)
{
	__atomic_add_fetch(&area->arrived, 1, __ATOMIC_RELEASE);
	futex_wake(&area->arrived);
}

/* All threads have run their scripts; what went wrong there goes wrong here. */
static long gather(struct shell_area *area, __u32 nr, __u64 *where)
{
	__u32 seen;

	while ((seen = __atomic_load_n(&area->arrived, __ATOMIC_ACQUIRE)) < nr)
		futex_wait(&area->arrived, seen);
	if (area->failed)
		*where = area->failed_op;
	return area->failed;
}

static void work_out(struct shell_span *span)
{
	__u64 interval = span->interval[0] * NS + span->interval[1];
	struct timespec now;
	__s64 left;

	syscall6(__NR_clock_gettime, span->clock, (__u64)&now, 0, 0, 0, 0);
	left = span->expires - (now.tv_sec * NS + now.tv_nsec);
	span->ticks = 0;
	if (left <= 0 && interval) {
		span->ticks = 1 + -left / interval;
		left += span->ticks * interval;
	}
	if (left < 1)
		left = 1;
	span->value[0] = left / NS;
	span->value[1] = left % NS;
}

/* Numbers are given out from the lowest on: those below are had for a moment. */
static long terminal(const char *path, __u64 wanted)
{
	int below[SHELL_TERMINALS];
	unsigned int nr = 0, number;
	long fd;

	for (;;) {
		fd = syscall6(__NR_openat, AT_FDCWD, (__u64)path, O_RDWR | O_NOCTTY | O_CLOEXEC, 0, 0, 0);
		if (fd < 0)
			break;
		syscall6(__NR_ioctl, fd, TIOCGPTN, (__u64)&number, 0, 0, 0);
		if (number == wanted)
			break;
		below[nr++] = fd;
		/* somebody has it; he may be an earlier shell that is about to end */
		fd = -EAGAIN;
		if (number > wanted || nr == SHELL_TERMINALS)
			break;
	}
	while (nr)
		syscall6(__NR_close, below[--nr], 0, 0, 0, 0, 0);
	return fd;
}

static void thread_main(struct shell_thread *thread);
static void spawn_main(struct shell_thread *thread);

/* A process; what went wrong before it executed anything is told, for it has our memory. */
static long spawn(void *args, unsigned long size, struct shell_thread *thread)
{
	long ret = shell_clone(args, size, spawn_main, thread);

	return ret > 0 && thread->tid ? thread->tid : ret;
}

static long step(struct shell_area *area, const struct shell_op *op, __u64 *where)
{
	__u64 args[6];
	int i;

	for (i = 0; i < 6; i++)
		args[i] = op->slots & 1 << i ? (__u64)area->slots[op->args[i]] : op->args[i];
	switch (op->nr) {
	case SHELL_OP_THREAD:
		return shell_clone((void *)args[0], args[1], thread_main, (void *)args[2]);
	case SHELL_OP_SPAWN:
		return spawn((void *)args[0], args[1], (struct shell_thread *)args[2]);
	case SHELL_OP_RESULT:
		return args[0];
	case SHELL_OP_GO:
		__atomic_store_n(&area->go, 1, __ATOMIC_RELEASE);
		futex_wake(&area->go);
		return 0;
	case SHELL_OP_GATHER:
		return gather(area, args[0], where);
	case SHELL_OP_ARRIVE:
		arrive(area);
		return 0;
	case SHELL_OP_STORE:
		*(__s32 *)args[0] = args[1];
		return 0;
	case SHELL_OP_COPY:
		copy((void *)args[0], (const void *)args[1], args[2]);
		return 0;
	case SHELL_OP_TERMINAL:
		return terminal((const char *)args[0], args[1]);
	case SHELL_OP_SPAN:
		work_out((struct shell_span *)args[0]);
		return 0;
	default:
		return syscall6(op->nr, args[0], args[1], args[2], args[3], args[4], args[5]);
	}
}

/* Run @nr steps. On error @where is the address of the step that failed. */
static long run(struct shell_area *area, __u64 ops, __u32 nr, __u64 *where)
{
	const struct shell_op *op = (const struct shell_op *)ops;

	for (; nr; nr--, op++) {
		long ret;

		if (op->nr == SHELL_OP_SKIP) {
			nr -= op->args[0];
			op += op->args[0];
			continue;
		}
		*where = (__u64)op;
		ret = step(area, op, where);
		if (op->flags & SHELL_MAY_FAIL) {
			if (op->out < SHELL_SLOTS)
				area->slots[op->out] = ret;
			continue;
		}
		if (ret < 0 && ret >= -4095) {
			if (op->flags & SHELL_DIE)
				quit(6);
			return ret;
		}
		if (op->flags & SHELL_EXPECT && (__u64)ret != op->args[5])
			return -EIO;
		if (op->out < SHELL_SLOTS)
			area->slots[op->out] = ret;
	}
	return 0;
}

/* A failed thread waits to be killed with the rest; the leader reports. */
static void thread_main(struct shell_thread *thread)
{
	struct shell_area *area = (struct shell_area *)thread->area;
	__u64 where = 0;
	__s32 none = 0;
	long err;

	while (!__atomic_load_n(&area->go, __ATOMIC_ACQUIRE))
		futex_wait(&area->go, 0);
	err = run(area, thread->ops, thread->nr, &where);
	if (err) {
		if (__atomic_compare_exchange_n(&area->failed, &none, err, 0, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			area->failed_op = where;
		arrive(area);
	}
	for (;;)
		syscall6(__NR_pause, 0, 0, 0, 0, 0, 0);
}

static void spawn_main(struct shell_thread *thread)
{
	__u64 where;

	thread->tid = run((struct shell_area *)thread->area, thread->ops, thread->nr, &where);
	quit(7);
}

/* From here on nothing outside the area is used. */
static void leader_main(struct shell_area *area)
{
	for (;;) {
		struct shell_reply reply = { 0 };
		struct shell_run cmd;
		__u64 sock = area->slots[SHELL_SLOT_SOCKET];

		if (syscall6(__NR_read, sock, (__u64)&cmd, sizeof(cmd), 0, 0, 0) != sizeof(cmd))
			quit(1);
		reply.err = run(area, cmd.ops, cmd.nr, &reply.op);
		sock = area->slots[SHELL_SLOT_SOCKET];
		if (syscall6(__NR_write, sock, (__u64)&reply, sizeof(reply), 0, 0, 0) !=
		    sizeof(reply))
			quit(2);
	}
}

void shell_start(unsigned long *stack)
{
	unsigned long text = shell_text_end - shell_text_start;
	struct shell_area head, *area;
	char *base;
	long ret;

	(void)stack;
	ret = syscall6(__NR_pread64, SHELL_FD_AREA, (__u64)&head, sizeof(head), SHELL_HEAD, 0, 0);
	if (ret != sizeof(head) || head.magic != SHELL_MAGIC)
		quit(3);
	ret = syscall6(__NR_mmap, head.base, head.size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED_NOREPLACE, SHELL_FD_AREA, 0);
	if (ret != (long)head.base)
		quit(4);
	syscall6(__NR_close, SHELL_FD_AREA, 0, 0, 0, 0, 0);
	base = (char *)head.base;
	area = (struct shell_area *)(base + SHELL_HEAD);
	copy(base, shell_text_start, text);
	area->text = text;
	if (syscall6(__NR_mprotect, head.base, SHELL_TEXT, PROT_READ | PROT_EXEC, 0, 0, 0))
		quit(5);
	area->slots[SHELL_SLOT_SOCKET] = SHELL_FD_SOCKET;
	area->slots[SHELL_SLOT_DEV] = SHELL_FD_DEV;
	area->slots[SHELL_SLOT_FDS] = SHELL_FD_FDS;
	area->slots[SHELL_SLOT_TERND] = SHELL_FD_TERND;
	shell_jump(base + SHELL_STACK, base + ((char *)leader_main - shell_text_start), area);
}
