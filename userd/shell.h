/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between ternd and its shell. The shell is an interpreter of system calls: all
 * that is decided is decided in ternd, which writes scripts into memory that
 * both have mapped (the area), and tells the shell over a socket to run them.
 *
 * The area lies where the migrant has a hole in its address space, and is all
 * that is left of the shell's own memory in the end:
 *
 *   0              the shell's text, copied there by itself
 *   SHELL_HEAD     struct shell_area
 *   SHELL_STACK    the leader's stack, growing down to SHELL_HEAD's page
 *   SHELL_THREADS  struct shell_thread, a page each with its stack, for every
 *                  thread but the leader
 *   …              scripts, and what they point to
 *   size           room to move special mappings through, not mapped at first; if
 *                  the migrant has another vDSO, they stay there, with what
 *                  script_vdso.c puts behind them
 */
#ifndef TERN_SHELL_H
#define TERN_SHELL_H

#include <linux/types.h>

#define SHELL_MAGIC	0x6c6c656853ULL
#define SHELL_TEXT	8192UL
#define SHELL_HEAD	SHELL_TEXT
#define SHELL_STACK	(SHELL_HEAD + 12288UL)	/* its end; grows down */
#define SHELL_THREADS	SHELL_STACK
#define SHELL_PAGE	4096UL
#define SHELL_SCRATCH	(256UL << 10)		/* behind the area */
#define SHELL_SLOTS	16
#define SHELL_TERMINALS	256

/*
 * Descriptors that the shell is started with. It may live in namespaces where it would find
 * neither /dev/tern of this host nor ternd, so it is given what leads to them.
 */
#define SHELL_FD_SOCKET	3
#define SHELL_FD_AREA	4
#define SHELL_FD_DEV	5	/* /dev/tern */
#define SHELL_FD_FDS	6	/* /proc/PID/fd of ternd */
#define SHELL_FD_TERND	7	/* pidfd of ternd */
#define SHELL_FD_END	8

/* Slots: descriptors that scripts know by name; the rest is theirs to use. */
#define SHELL_SLOT_SOCKET	0
#define SHELL_SLOT_DEV		1
#define SHELL_SLOT_UFFD		2
#define SHELL_SLOT_FDS		3
#define SHELL_SLOT_TERND	4
#define SHELL_SLOT_OWN		5	/* those before it stay until the end */
#define SHELL_SLOT_FREE		5
#define SHELL_SLOT_NONE		0xff

/* What is not a system call. */
#define SHELL_OP_THREAD	0x10001	/* args: struct clone_args, its size, struct shell_thread */
#define SHELL_OP_GO	0x10002	/* let the threads run their scripts */
#define SHELL_OP_GATHER	0x10003	/* args: threads; wait until so many have arrived */
#define SHELL_OP_ARRIVE	0x10004	/* a thread's last words before it becomes */

#define SHELL_MAY_FAIL	(1U << 0)	/* go on after an error, which is a result, too */
#define SHELL_EXPECT	(1U << 1)	/* the result must be args[5] */
#define SHELL_DIE	(1U << 2)	/* an error cannot be told any more: die */

#define SHELL_OP_STORE	0x10005	/* args: address, value: a __s32 is written there */
#define SHELL_OP_SPAN	0x10006	/* args: struct shell_span; it is worked out */
#define SHELL_OP_COPY	0x10007	/* args: to, from, bytes */
#define SHELL_OP_SPAWN	0x10008	/* args: as of THREAD; a process, which runs its script in our */
				/* memory while we wait, and must execute a program or end */
#define SHELL_OP_SKIP	0x1000a	/* args: so many steps that follow are not ours */
#define SHELL_OP_TERMINAL	0x1000b	/* args: path of a multiplexer, a number below SHELL_TERMINALS: a */
				/* master with it */
#define SHELL_OP_RESULT	0x10009	/* args: a result, kept in a slot, that counts only now */

/**
 * struct shell_span - a timer by a span of time, which is known only when it is set
 * @clock: CLOCK_*
 * @expires: ns of the clock, when it expires first
 * @ticks: out: how often it has expired, but for the next time
 * @interval: s and ns between its expiries, 0: it expires once
 * @value: out: s and ns until it expires next, 1 ns if it should have; with @interval
 *	before it a struct itimerspec
 */
struct shell_span {
	__u64 clock;
	__u64 expires;
	__u64 ticks;
	__u64 interval[2];
	__u64 value[2];
};

/**
 * struct shell_op - one step of a script
 * @nr: system call, or SHELL_OP_*
 * @flags: SHELL_MAY_FAIL, SHELL_EXPECT, SHELL_DIE
 * @slots: bit n: args[n] is the number of a slot, whose value is meant
 * @out: slot that receives the result, or SHELL_SLOT_NONE
 * @args: arguments
 * @note: for ternd's sentences, not looked at by the shell
 */
struct shell_op {
	__u32 nr;
	__u16 flags;
	__u8 slots;
	__u8 out;
	__u64 args[6];
	__u64 note;
};

/**
 * struct shell_run - ternd to shell: run a script
 * @ops: address of its first step
 * @nr: number of steps
 * @reserved: 0
 */
struct shell_run {
	__u64 ops;
	__u32 nr;
	__u32 reserved;
};

/**
 * struct shell_reply - shell to ternd: it has run
 * @err: 0 or negative errno
 * @reserved: 0
 * @op: address of the step that failed
 */
struct shell_reply {
	__s32 err;
	__u32 reserved;
	__u64 op;
};

/**
 * struct shell_thread - a thread of the shell, at the start of its own page;
 * its stack grows down from that page's end
 * @area: address of the struct shell_area
 * @ops: its script
 * @nr: steps of it
 * @tid: of SPAWN: out: negative errno, if its script has failed; else unused by the shell
 */
struct shell_thread {
	__u64 area;
	__u64 ops;
	__u32 nr;
	__s32 tid;
};

/**
 * struct shell_area - head of the area
 * @magic: SHELL_MAGIC
 * @base: address of the area
 * @size: bytes of it that are mapped
 * @text: out: bytes of the shell's text
 * @go: futex: threads may run their scripts
 * @arrived: futex: threads that have run them
 * @failed: first error of a thread's script
 * @reserved: 0
 * @failed_op: and the step that it happened in
 * @slots: descriptors
 */
struct shell_area {
	__u64 magic;
	__u64 base;
	__u64 size;
	__u64 text;
	__u32 go;
	__u32 arrived;
	__s32 failed;
	__u32 reserved;
	__u64 failed_op;
	__s32 slots[SHELL_SLOTS];
};

#endif
