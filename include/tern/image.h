/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The image: what a migrant is, but its pages. A sequence of objects, each of
 * them self-contained, typed and versioned, so that each can be captured, sent
 * and rebuilt on its own. tern.ko writes it (TERN_IOC_CAPTURE), ternd adds what
 * only user space can see, the destination's ternd turns it into a script for
 * the shell, and tern.ko takes the THREAD objects back in (TERN_IOC_LOAD).
 *
 * Little-endian, fixed-width, no pointers of either kernel, reserved fields
 * zero. Object ids are permanent. Every object is padded to 8 bytes; @len
 * counts the header and the payload without the padding.
 */
#ifndef _TERN_IMAGE_H
#define _TERN_IMAGE_H

#include <linux/types.h>

#ifdef __KERNEL__
#include <linux/build_bug.h>
#define TERN_ASSERT_SIZE(type, size) static_assert(sizeof(type) == (size))
#else
#include <assert.h>
#define TERN_ASSERT_SIZE(type, size) \
	static_assert(sizeof(type) == (size), #type)
#endif

#define TERN_PATH_MAX		4096	/* a path, with its NUL */

/* The registry: X(NAME, id, fixed payload, most of them in one image). */
#define TERN_OBJECTS(X) \
	X(TASK,		1, struct tern_obj_task,	1) \
	X(MM,		2, struct tern_obj_mm,		1) \
	X(VMA,		3, struct tern_obj_vma,		131072) \
	X(CREDS,	4, struct tern_obj_creds,	1) \
	X(SIGACTIONS,	5, struct tern_obj_sigactions,	1) \
	X(SIGNAL,	6, struct tern_obj_signal,	65536) \
	X(FS,		7, struct tern_obj_fs,		1) \
	X(DESC,		8, struct tern_obj_desc,	131072) \
	X(FD,		9, struct tern_obj_fd,		131072) \
	X(PIPE,		10, struct tern_obj_pipe,	65536) \
	X(EPOLL,	11, struct tern_obj_epoll,	131072) \
	X(THREAD,	12, struct tern_obj_thread,	4096) \
	X(END,		13, struct tern_obj_end,	1) \
	X(SAME,		14, struct tern_obj_same,	0) \
	X(EVENT,	18, struct tern_obj_event,	131072) \
	X(TIMERFD,	19, struct tern_obj_timerfd,	131072) \
	X(WATCH,	20, struct tern_obj_watch,	131072) \
	X(SOCKET,	21, struct tern_obj_socket,	131072) \
	X(LOCK,		22, struct tern_obj_lock,	131072)

enum tern_obj_type {
#define X(name, id, type, most) TERN_OBJ_##name = id,
	TERN_OBJECTS(X)
#undef X
	__TERN_OBJ_MAX,
};

#define TERN_OBJ_VERSION	1
#define TERN_OBJ_MAY_SKIP	(1U << 0)	/* a reader that does not know it goes on */

/**
 * struct tern_obj - header of every object
 * @type: enum tern_obj_type
 * @version: of this type's payload
 * @flags: TERN_OBJ_MAY_SKIP
 * @len: header and payload, without padding to 8
 */
struct tern_obj {
	__u16 type;
	__u16 version;
	__u32 flags;
	__u32 len;
	__u32 reserved;
};

/**
 * struct tern_obj_task - what the process is as a whole
 * @pid: in the pid namespace of the source's daemon
 * @nr_threads: THREAD objects that follow
 * @umask: file mode creation mask
 * @personality: personality(2)
 * @no_new_privs: 0 or 1
 * @dumpable: PR_SET_DUMPABLE, 0 to 2
 * @is_session_leader: 0 or 1
 * @is_group_leader: 0 or 1
 * @exit_signal: reserved for process trees, SIGCHLD now
 * @child_subreaper: 0 or 1
 * @rlim_cur: soft limits by RLIMIT_*
 * @rlim_max: hard limits; all ones: unlimited
 * @comm: name of the leader
 * @exe: length of the path that follows (with NUL): what /proc/PID/exe names
 */
struct tern_obj_task {
	__s32 pid;
	__u32 nr_threads;
	__u32 umask;
	__u32 personality;
	__u8 no_new_privs;
	__u8 dumpable;
	__u8 is_session_leader;
	__u8 is_group_leader;
	__u32 exit_signal;
	__u32 child_subreaper;
	__u32 reserved;
	__u64 rlim_cur[16];
	__u64 rlim_max[16];
	char comm[16];
	__u32 exe;
	__u32 reserved2;
};

/**
 * struct tern_obj_mm - fields of the address space (prctl(2), PR_SET_MM_MAP)
 * @auxv: bytes of the auxiliary vector that follows
 * @vdso: address of the vDSO (0: none)
 *
 * The other fields are those of proc(5), /proc/PID/stat.
 */
struct tern_obj_mm {
	__u64 start_code, end_code;
	__u64 start_data, end_data;
	__u64 start_brk, brk;
	__u64 start_stack;
	__u64 arg_start, arg_end;
	__u64 env_start, env_end;
	__u64 mmap_base;
	__u64 vdso;
	__u32 auxv;
	__u32 reserved;
};

/**
 * struct tern_obj_vma - one mapping, in ascending order of address
 * @start: page-aligned
 * @end: page-aligned, not included
 * @pgoff: offset in the file, in pages
 * @prot: PROT_READ | PROT_WRITE | PROT_EXEC
 * @kind: enum tern_vma_kind
 * @flags: TERN_VMA_*
 * @path: length of the path that follows (with NUL), for TERN_VMA_FILE; else 0
 * @dev: st_dev of the file as the source's stat(2) shows it
 * @ino: its inode number
 * @size: its size in bytes
 */
struct tern_obj_vma {
	__u64 start;
	__u64 end;
	__u64 pgoff;
	__u32 prot;
	__u32 kind;
	__u32 flags;
	__u32 path;
	__u64 dev;
	__u64 ino;
	__u64 size;
};

/**
 * enum tern_vma_kind - what is behind a mapping
 * @TERN_VMA_ANON: private memory; all pages come from the source
 * @TERN_VMA_FILE: file mapping of which no page was ever modified: the
 *	destination's own file will do if it is provably the same; if it is
 *	not, the pages come from the source like any other. A private
 *	mapping with modified pages is sent as ANON.
 * @TERN_VMA_VDSO: the vDSO
 * @TERN_VMA_VVAR: the kernel's data for the vDSO
 */
enum tern_vma_kind {
	TERN_VMA_ANON = 1,
	TERN_VMA_FILE,
	TERN_VMA_VDSO,
	TERN_VMA_VVAR,
};

#define TERN_VMA_GROWSDOWN	(1U << 0)
#define TERN_VMA_NORESERVE	(1U << 1)
#define TERN_VMA_SHARED		(1U << 2)	/* MAP_SHARED, of a file that cannot be written */
#define TERN_VMA_DONTFORK	(1U << 3)
#define TERN_VMA_WIPEONFORK	(1U << 4)
#define TERN_VMA_DONTDUMP	(1U << 5)
#define TERN_VMA_HUGEPAGE	(1U << 6)
#define TERN_VMA_NOHUGEPAGE	(1U << 7)
#define TERN_VMA_MERGEABLE	(1U << 8)
#define TERN_VMA_SEQUENTIAL	(1U << 9)
#define TERN_VMA_RANDOM		(1U << 10)
#define TERN_VMA_BACKED		(1U << 11)	/* ANON here, but of a file at the source: pages */
						/* up to @size exist, touched or not */
#define TERN_VMA_FLAGS_ALL	((1U << 12) - 1)

/**
 * struct tern_obj_creds - credentials, the same for every thread
 * @uid: real, effective, saved, file system
 * @gid: real, effective, saved, file system
 * @cap: inheritable, permitted, effective, bounding, ambient
 * @securebits: prctl(2), PR_SET_SECUREBITS
 * @nr_groups: supplementary groups that follow, __u32 each
 */
struct tern_obj_creds {
	__u32 uid[4];
	__u32 gid[4];
	__u64 cap[5];
	__u32 securebits;
	__u32 nr_groups;
};

/**
 * struct tern_obj_sigactions - what each signal does
 * @action: signal n at [n - 1], as rt_sigaction(2) takes it
 */
struct tern_obj_sigactions {
	struct {
		__u64 handler;
		__u64 flags;
		__u64 restorer;
		__u64 mask;
	} action[64];
};

/**
 * struct tern_obj_signal - a signal that waits, in the order of its queue
 * @tid: thread that it waits for; 0: the process
 * @signo: its number
 * @info: siginfo_t as rt_sigqueueinfo(2) takes it
 */
struct tern_obj_signal {
	__s32 tid;
	__u32 signo;
	__u8 info[128];
};

/**
 * struct tern_obj_fs - working directory
 * @cwd: length of the path that follows (with NUL)
 */
struct tern_obj_fs {
	__u32 cwd;
	__u32 reserved;
};

/**
 * struct tern_obj_desc - an open file description
 * @id: from 1; FD, PIPE and EPOLL objects refer to it
 * @kind: enum tern_desc_kind
 * @flags: O_* as fcntl(2) F_GETFL shows them
 * @mode: st_mode
 * @pos: file position
 * @size: size of a regular file
 * @dev: st_dev; character devices: st_rdev
 * @ino: inode number
 * @magic: statfs(2) f_type of the file system
 * @pipe: TERN_DESC_PIPE: all ends of one pipe carry the same number
 * @path: length of the path that follows (with NUL)
 * @owner: TERN_OWNER(): fcntl(2), F_SETOWN_EX and F_SETSIG
 */
struct tern_obj_desc {
	__u32 id;
	__u32 kind;
	__u32 flags;
	__u32 mode;
	__u64 pos;
	__u64 size;
	__u64 dev;
	__u64 ino;
	__u64 magic;
	__u32 pipe;
	__u32 path;
	__u64 owner;
};

/* @type: F_OWNER_TID or F_OWNER_PID; @pid: of the process, 0: nobody; @signal: 0: SIGIO */
#define TERN_OWNER(pid, type, signal) \
	((__u64)(__u32)(pid) | (__u64)(type) << 32 | (__u64)(signal) << 40)
#define TERN_OWNER_PID(owner)		((__s32)(__u32)(owner))
#define TERN_OWNER_TYPE(owner)		((__u32)((owner) >> 32 & 0xff))
#define TERN_OWNER_SIGNAL(owner)	((__u32)((owner) >> 40))

/**
 * enum tern_desc_kind - what an open file description is of
 * @TERN_DESC_FILE: regular file or directory, by path
 * @TERN_DESC_DEVICE: /dev/null, zero, full, random or urandom, by path
 * @TERN_DESC_PIPE: an end of a pipe that nobody else has open; with a path: of a
 *	named pipe
 * @TERN_DESC_EPOLL: epoll(7)
 * @TERN_DESC_NULL: a standard descriptor that becomes /dev/null (TERN_STDIO_NULL)
 * @TERN_DESC_EVENTFD: eventfd(2), with an EVENT object
 * @TERN_DESC_SIGNALFD: signalfd(2), with an EVENT object
 * @TERN_DESC_TIMERFD: timerfd_create(2), with a TIMERFD object
 * @TERN_DESC_INOTIFY: inotify(7)
 * @TERN_DESC_SOCKET: unix(7), with a SOCKET object
 * @TERN_DESC_PATH: what open(2) with O_PATH gives, by path
 */
enum tern_desc_kind {
	TERN_DESC_FILE = 1,
	TERN_DESC_DEVICE,
	TERN_DESC_PIPE,
	TERN_DESC_EPOLL,
	TERN_DESC_NULL,
	TERN_DESC_EVENTFD,
	TERN_DESC_SIGNALFD,
	TERN_DESC_TIMERFD,
	TERN_DESC_PATH,
	TERN_DESC_INOTIFY,
	TERN_DESC_SOCKET,
};

/**
 * struct tern_obj_fd - a descriptor
 * @fd: its number
 * @desc: the description that it names
 * @cloexec: 0 or 1
 */
struct tern_obj_fd {
	__s32 fd;
	__u32 desc;
	__u32 cloexec;
	__u32 reserved;
};

/**
 * struct tern_obj_pipe - a pipe and what is in it
 * @pipe: its number, as in the DESC objects of its ends
 * @capacity: fcntl(2) F_GETPIPE_SZ
 * @data: bytes that it holds; they follow
 * @pieces: 0: they are a stream; else how many pieces they are, whose lengths follow
 *	as __u32 each, before the data; with TERN_PIPE_PACKET: one that is read as a
 *	whole (pipe(2), O_DIRECT)
 */
struct tern_obj_pipe {
	__u32 pipe;
	__u32 capacity;
	__u32 data;
	__u32 pieces;
};

#define TERN_PIPE_PACKET	(1U << 31)

/**
 * struct tern_obj_epoll - one registration; added by ternd from /proc/PID/fdinfo
 * @desc: the epoll description
 * @fd: number by which it was registered; may be closed or reused by now
 * @events: EPOLL*
 * @target: the description that is watched
 * @data: epoll_data
 */
struct tern_obj_epoll {
	__u32 desc;
	__s32 fd;
	__u32 events;
	__u32 target;
	__u64 data;
};

/**
 * struct tern_obj_event - of an eventfd or signalfd
 * @desc: the description
 * @flags: TERN_EVENT_SEMAPHORE
 * @value: eventfd: its count; signalfd: its mask
 */
struct tern_obj_event {
	__u32 desc;
	__u32 flags;
	__u64 value;
};

#define TERN_EVENT_SEMAPHORE	(1U << 0)	/* EFD_SEMAPHORE */

/**
 * struct tern_obj_timerfd - of a timerfd; added by ternd, which may ask it for its time
 * @desc: the description
 * @clock: CLOCK_*
 * @flags: TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET
 * @reserved: 0
 * @expires: when it expired first since it was read, or will; in ns of @clock as the
 *	migrant sees it, but of CLOCK_MONOTONIC if tern_timerfd_by_span(). So it does
 *	not change while time goes by. 0: disarmed
 * @interval: ns, 0: once
 */
struct tern_obj_timerfd {
	__u32 desc;
	__u32 clock;
	__u32 flags;
	__u32 reserved;
	__u64 expires;
	__u64 interval;
};

/**
 * struct tern_obj_watch - a watch of an inotify instance; added by ternd. Those of one
 *	instance follow each other, in ascending order
 * @desc: the instance
 * @wd: number of the watch, 1 to TERN_WATCH_MAX
 * @mask: IN_*
 * @path: length of the path that follows (with NUL)
 */
struct tern_obj_watch {
	__u32 desc;
	__u32 wd;
	__u32 mask;
	__u32 path;
};

#define TERN_WATCH_MAX	1024	/* numbers below must be used up to get to it */

/**
 * struct tern_obj_socket - of a unix socket without a name in the file system
 * @desc: the description
 * @type: SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET
 * @flags: TERN_SOCKET_*
 * @pair: a number that both ends of a pair have, and nobody else; else 0
 * @shutdown: bit 0: nothing more is received, bit 1: nothing more is sent
 * @sndbuf: SO_SNDBUF as getsockopt(2) shows it, 0: never set
 * @rcvbuf: SO_RCVBUF likewise
 * @peek_off: SO_PEEK_OFF
 * @rcvtimeo: SO_RCVTIMEO, ns, 0: none
 * @sndtimeo: SO_SNDTIMEO, likewise
 * @messages: in its queue: so many struct tern_message follow
 * @data: and behind them their bytes, so many in all, up to TERN_SOCKET_DATA_MAX
 * @backlog: of one that listens
 * @name: bytes of its abstract name, with the NUL in front, which follow at last; only
 *	of one that is not connected; 0: none
 */
struct tern_obj_socket {
	__u32 desc;
	__u32 type;
	__u32 flags;
	__u32 pair;
	__u32 shutdown;
	__u32 sndbuf;
	__u32 rcvbuf;
	__s32 peek_off;
	__u32 messages;
	__u32 data;
	__u32 backlog;
	__u32 name;
	__u64 rcvtimeo;
	__u64 sndtimeo;
};

#define TERN_SOCKET_PASSCRED	(1U << 0)
#define TERN_SOCKET_PASSSEC	(1U << 1)
#define TERN_SOCKET_PAIR	(1U << 2)	/* the process has its other end, too */
#define TERN_SOCKET_BEREFT	(1U << 3)	/* its other end has been closed */
#define TERN_SOCKET_LISTENS	(1U << 4)
#define TERN_SOCKET_FLAGS_ALL	((1U << 5) - 1)
#define TERN_SOCKET_NAME_MAX	108
#define TERN_SOCKET_DATA_MAX	(32U << 20)

/**
 * struct tern_message - a message in the queue of a socket, or a piece of a stream
 * @len: bytes
 * @pid: sender, 0: not known
 * @uid: its user
 * @gid: its group
 */
struct tern_message {
	__u32 len;
	__s32 pid;
	__u32 uid;
	__u32 gid;
};

/**
 * struct tern_obj_lock - a lock on a file
 * @desc: the description by which it was set
 * @kind: enum tern_lock_kind
 * @write: 1: a write lock (LOCK_EX), 0: a read lock (LOCK_SH)
 * @reserved: 0
 * @start: first byte
 * @len: how many, 0: to the end
 */
struct tern_obj_lock {
	__u32 desc;
	__u32 kind;
	__u32 write;
	__u32 reserved;
	__u64 start;
	__u64 len;
};

/**
 * enum tern_lock_kind - whose lock it is
 * @TERN_LOCK_FLOCK: of a description, flock(2)
 * @TERN_LOCK_POSIX: of the process, fcntl(2) F_SETLK
 * @TERN_LOCK_OFD: of a description, fcntl(2) F_OFD_SETLK
 */
enum tern_lock_kind {
	TERN_LOCK_FLOCK = 1,
	TERN_LOCK_POSIX,
	TERN_LOCK_OFD,
};

/** tern_timerfd_by_span() - a span of time on the wall clock: does not follow its jumps */
static inline int tern_timerfd_by_span(const struct tern_obj_timerfd *t)
{
	/* CLOCK_REALTIME and CLOCK_REALTIME_ALARM; TFD_TIMER_ABSTIME */
	return (t->clock == 0 || t->clock == 8) && !(t->flags & 1);
}

/* The blocked call that a thread goes on with; times in the migrant's own clock. */
enum tern_restart {
	TERN_RESTART_NONE,
	TERN_RESTART_NANOSLEEP,
	TERN_RESTART_POLL,
	TERN_RESTART_FUTEX,
	TERN_RESTART_TIMEOUT,
	__TERN_RESTART_MAX,
};

/**
 * enum tern_timeout - where a call that is made anew finds its time-out
 * @TERN_TIMEOUT_MS: in the register of its fourth argument, in milliseconds
 * @TERN_TIMEOUT_TIMESPEC: in a struct timespec
 * @TERN_TIMEOUT_TIMEVAL: in a struct timeval
 */
enum tern_timeout {
	TERN_TIMEOUT_MS,
	TERN_TIMEOUT_TIMESPEC,
	TERN_TIMEOUT_TIMEVAL,
};

#define TERN_REGS_NR		21	/* r15 … ss, in the order of struct pt_regs of x86-64 */

/**
 * struct tern_obj_thread - one thread; its extended state follows
 * @tid: in the pid namespace of the source's daemon
 * @nice: -20 to 19
 * @regs: r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip cs
 *	flags sp ss; a call to be restarted has orig_ax >= 0 and its error in ax
 * @fs_base: base address of fs: thread-local storage
 * @gs_base: base address of gs
 * @blocked: signal mask
 * @saved_blocked: mask to go back to (sigsuspend(2)), if @restore_mask
 * @restore_mask: 0 or 1
 * @altstack_flags: sigaltstack(2)
 * @altstack_sp: its address
 * @altstack_size: its size
 * @robust_list: set_robust_list(2)
 * @clear_child_tid: set_tid_address(2)
 * @rseq: rseq(2) area, 0: none
 * @rseq_len: its length
 * @rseq_sig: signature before abort handlers
 * @restart: enum tern_restart
 * @restart_clock: CLOCK_* of the sleep
 * @restart_arg: NANOSLEEP: {type, rmtp, expires}; POLL: {ufds, nfds, has_timeout,
 *	end (ns)}; FUTEX: {uaddr, val, flags, bitset, expires}; TIMEOUT: {enum
 *	tern_timeout, address of the struct, expires}; expiry in ns of the
 *	migrant's CLOCK_MONOTONIC or CLOCK_BOOTTIME, or of CLOCK_REALTIME
 * @timer_slack_ns: prctl(2), PR_SET_TIMERSLACK
 * @comm: thread name
 * @xstate: bytes of extended state that follow, in the format of ptrace(2)
 *	NT_X86_XSTATE
 */
struct tern_obj_thread {
	__s32 tid;
	__s32 nice;
	__u64 regs[TERN_REGS_NR];
	__u64 fs_base;
	__u64 gs_base;
	__u64 blocked;
	__u64 saved_blocked;
	__u32 restore_mask;
	__u32 altstack_flags;
	__u64 altstack_sp;
	__u64 altstack_size;
	__u64 robust_list;
	__u64 clear_child_tid;
	__u64 rseq;
	__u32 rseq_len;
	__u32 rseq_sig;
	__u32 restart;
	__u32 restart_clock;
	__u64 restart_arg[5];
	__u64 timer_slack_ns;
	char comm[16];
	__u32 xstate;
	__u32 reserved;
};

/**
 * struct tern_obj_same - stands for objects that the reader has already
 * @first: index of the first one in the draft that it was sent before
 * @nr: how many
 *
 * On the wire only; no image has it.
 */
struct tern_obj_same {
	__u32 first;
	__u32 nr;
};

/**
 * struct tern_obj_end - closes an image
 * @objects: how many there were, this one included
 */
struct tern_obj_end {
	__u32 objects;
	__u32 reserved;
};

TERN_ASSERT_SIZE(struct tern_obj, 16);
TERN_ASSERT_SIZE(struct tern_obj_task, 312);
TERN_ASSERT_SIZE(struct tern_obj_mm, 112);
TERN_ASSERT_SIZE(struct tern_obj_vma, 64);
TERN_ASSERT_SIZE(struct tern_obj_creds, 80);
TERN_ASSERT_SIZE(struct tern_obj_sigactions, 2048);
TERN_ASSERT_SIZE(struct tern_obj_signal, 136);
TERN_ASSERT_SIZE(struct tern_obj_fs, 8);
TERN_ASSERT_SIZE(struct tern_obj_desc, 72);
TERN_ASSERT_SIZE(struct tern_obj_fd, 16);
TERN_ASSERT_SIZE(struct tern_obj_pipe, 16);
TERN_ASSERT_SIZE(struct tern_obj_epoll, 24);
TERN_ASSERT_SIZE(struct tern_obj_thread, 344);
TERN_ASSERT_SIZE(struct tern_obj_end, 8);
TERN_ASSERT_SIZE(struct tern_obj_same, 8);
TERN_ASSERT_SIZE(struct tern_obj_event, 16);
TERN_ASSERT_SIZE(struct tern_obj_timerfd, 32);
TERN_ASSERT_SIZE(struct tern_obj_watch, 16);
TERN_ASSERT_SIZE(struct tern_obj_socket, 64);
TERN_ASSERT_SIZE(struct tern_message, 16);
TERN_ASSERT_SIZE(struct tern_obj_lock, 32);

#endif /* _TERN_IMAGE_H */
