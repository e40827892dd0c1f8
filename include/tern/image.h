/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The image: what a migrant is, but its pages. A sequence of objects, each of
 * them self-contained, typed and versioned, so that each can be captured, sent
 * and rebuilt on its own. tern.ko writes it (TERN_IOC_CAPTURE), ternd adds what
 * only user space can see, the destination's ternd turns it into a script for
 * the shell, and tern.ko takes back in what no call can set (TERN_IOC_LOAD).
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
#define TERN_MEMORY_NAME_MAX	250	/* a name as memfd_create(2) takes it, with its NUL */
#define TERN_CPUS_WORDS		16	/* of 64 processors each */
#define TERN_XSTATE_BLOCK	64	/* bytes of extended state */
#define TERN_XSTATE_WORDS	4	/* with a bit for each block */
#define TERN_XSTATE_MAX		(TERN_XSTATE_WORDS * 64 * TERN_XSTATE_BLOCK)
#define TERN_TIMERS_MAX		1024	/* POSIX timers of a process */
#define TERN_CARRIED_MAX	(16UL << 20)	/* bytes in files that move, all together */
#define TERN_ENDED_MAX		128	/* children that have ended */
#define TERN_TERMINALS_MAX	256	/* numbers of pseudo-terminals, from 0 */
#define TERN_TERMINAL_BYTES	65536U	/* under way in one direction, at most; and one more */
#define TERN_DATA_BLOCK		65536	/* of a file, in one DATA object */

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
	X(TIMES,	15, struct tern_obj_times,	1) \
	X(TIMER,	16, struct tern_obj_timer,	TERN_TIMERS_MAX) \
	X(EVENT,	18, struct tern_obj_event,	131072) \
	X(TIMERFD,	19, struct tern_obj_timerfd,	131072) \
	X(WATCH,	20, struct tern_obj_watch,	131072) \
	X(SOCKET,	21, struct tern_obj_socket,	131072) \
	X(LOCK,		22, struct tern_obj_lock,	131072) \
	X(MEMORY,	23, struct tern_obj_memory,	65536) \
	X(VDSO,		24, struct tern_obj_vdso,	1) \
	X(CARRIED,	25, struct tern_obj_carried,	131072) \
	X(DATA,		26, struct tern_obj_data,	131072) \
	X(ENDED,	27, struct tern_obj_ended,	TERN_ENDED_MAX) \
	X(NAMES,	28, struct tern_obj_names,	1) \
	X(TERMINAL,	29, struct tern_obj_terminal,	TERN_TERMINALS_MAX) \
	X(PEER,		30, struct tern_obj_peer,	131072) \
	X(INET,		31, struct tern_obj_inet,	131072) \
	X(OPTION,	32, struct tern_obj_option,	1048576) \
	X(DATAGRAM,	33, struct tern_obj_datagram,	1048576) \
	X(NETLINK,	34, struct tern_obj_netlink,	131072) \
	X(TCP,		35, struct tern_obj_tcp,	131072) \
	X(STREAM,	36, struct tern_obj_stream,	1048576) \
	X(LATE,		37, struct tern_obj_late,	131072) \
	X(BARRIER,	38, struct tern_obj_barrier,	131072) \
	X(INTERFACE,	39, struct tern_obj_interface,	131072)

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
 * @pid: in its own pid namespace, like all other numbers of processes
 * @nr_threads: THREAD objects that follow
 * @umask: file mode creation mask
 * @personality: personality(2)
 * @no_new_privs: 0 or 1
 * @dumpable: PR_SET_DUMPABLE, 0 to 2
 * @is_session_leader: 0 or 1
 * @is_group_leader: 0 or 1
 * @exit_signal: signal that its parent gets when it ends (clone(2)), 0: none
 * @child_subreaper: 0 or 1
 * @flags: TERN_TASK_*
 * @oom_score_adj: /proc/PID/oom_score_adj, -1000 to 1000
 * @oom_score_adj_min: the least that it may become without privilege
 * @coredump_filter: /proc/PID/coredump_filter
 * @membarrier: MEMBARRIER_CMD_REGISTER_* that have been called
 * @thp_disable: PR_SET_THP_DISABLE, 0 or 1
 * @mdwe: PR_SET_MDWE, 0: not set
 * @rlim_cur: soft limits by RLIMIT_*
 * @rlim_max: hard limits; all ones: unlimited
 * @comm: name of the leader
 * @exe: length of the path that follows (with NUL): what /proc/PID/exe names
 * @parent: process of the tree that moves with it, as a member of which it is this one's
 *	parent; 0: it is the root of the tree
 * @group: its process group, 0: the root's
 * @session: its session, 0: the root's
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
	__u32 flags;
	__s32 oom_score_adj;
	__s32 oom_score_adj_min;
	__u32 coredump_filter;
	__u32 membarrier;
	__u32 thp_disable;
	__u32 mdwe;
	__u64 rlim_cur[16];
	__u64 rlim_max[16];
	char comm[16];
	__u32 exe;
	__s32 parent;
	__s32 group;
	__s32 session;
};

#define TERN_TASK_POD		(1U << 0)	/* of a pod: in namespaces that move with it */
#define TERN_TASK_LEADERLESS	(1U << 1)	/* the leader of its group has ended */
#define TERN_TASK_FOUNDS	(1U << 2)	/* and it is the first of the tree in that group */
#define TERN_TASK_FLAGS_ALL	((1U << 3) - 1)

/**
 * struct tern_obj_names - of a pod's UTS namespace, in the image of its first process
 * @node: sethostname(2), NUL-terminated
 * @domain: setdomainname(2), NUL-terminated
 * @reserved: 0
 */
struct tern_obj_names {
	char node[65];
	char domain[65];
	__u8 reserved[6];
};

/**
 * struct tern_obj_ended - a child that has ended, and that it has not waited for
 * @pid: its pid
 * @status: what wait(2) tells
 * @uid: its user
 * @reserved: 0
 *
 * Not in drafts. What it has used is not told any more.
 */
struct tern_obj_ended {
	__s32 pid;
	__u32 status;
	__u32 uid;
	__u32 reserved;
};

/**
 * struct tern_obj_mm - fields of the address space (prctl(2), PR_SET_MM_MAP)
 * @auxv: bytes of the auxiliary vector that follows
 * @vdso: address of the vDSO (0: none)
 * @flags: TERN_MM_*
 * @pkeys: bit per protection key that is allocated (pkey_alloc(2)); key 0 always is
 * @reserved: 0
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
	__u32 flags;
	__u32 pkeys;
	__u32 reserved;
};

#define TERN_MM_LOCK		(1U << 0)	/* mappings to come are locked (mlockall(2)) */
#define TERN_MM_LOCK_ONFAULT	(1U << 1)	/* page by page, as they are touched */
#define TERN_MM_FLAGS_ALL	((1U << 2) - 1)
#define TERN_PKEYS		16		/* protection keys that a process can have */

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
 * @pkey: protection key (pkeys(7))
 * @memory: TERN_VMA_MEMORY: of which MEMORY object; TERN_VMA_CARRIED: of which CARRIED
 *	object; TERN_VMA_TAKEN: a process of the tree; else 0
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
	__u32 pkey;
	__u32 memory;
};

/**
 * enum tern_vma_kind - what is behind a mapping
 * @TERN_VMA_ANON: private memory; all pages come from the source
 * @TERN_VMA_FILE: file mapping of which no page was ever modified, or a shared
 *	one, whose modified pages have been written back: the destination's own
 *	file will do if it is provably the same; if it is not, the pages come
 *	from the source like any other, but for those that may be written to. A
 *	private mapping with modified pages is sent as ANON.
 * @TERN_VMA_VDSO: the vDSO
 * @TERN_VMA_VVAR: the kernel's data for the vDSO
 * @TERN_VMA_MEMORY: shared memory, @pgoff in a MEMORY object; pages come from the
 *	source
 * @TERN_VMA_CARRIED: shared, of a file that moves
 * @TERN_VMA_TAKEN: shared, of a file that moves with another process of the tree: @memory
 *	is that process, @dev and @ino are @fs and @ino of its CARRIED object
 */
enum tern_vma_kind {
	TERN_VMA_ANON = 1,
	TERN_VMA_FILE,
	TERN_VMA_VDSO,
	TERN_VMA_VVAR,
	TERN_VMA_MEMORY,
	TERN_VMA_CARRIED,
	TERN_VMA_TAKEN,
};

#define TERN_VMA_GROWSDOWN	(1U << 0)
#define TERN_VMA_NORESERVE	(1U << 1)
#define TERN_VMA_SHARED		(1U << 2)	/* MAP_SHARED */
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
#define TERN_VMA_LOCKED		(1U << 12)
#define TERN_VMA_LOCK_ONFAULT	(1U << 13)	/* with LOCKED: page by page, as they are touched */
#define TERN_VMA_MAYWRITE	(1U << 14)	/* SHARED, and may be written to if @prot allows it */
#define TERN_VMA_FLOCK_SH	(1U << 15)	/* CARRIED: not open any more, and flock(2)ed */
#define TERN_VMA_FLOCK_EX	(1U << 16)
#define TERN_VMA_SYSV		(1U << 17)	/* CARRIED, TAKEN: shmat(2) of all of it; @ino is its id */
#define TERN_VMA_FLAGS_ALL	((1U << 18) - 1)

/**
 * struct tern_obj_vdso - the vDSO that the process was started with, where the
 *	destination's kernel has another one; ternd adds it
 * @data: where the kernel's data begins, which ends at @text
 * @text: address of the code, which follows
 */
struct tern_obj_vdso {
	__u64 data;
	__u64 text;
};

/**
 * struct tern_obj_memory - memory that mappings share, and nothing else has
 * @id: from 1, one by one
 * @kind: enum tern_memory_kind
 * @size: bytes
 * @name: length of the name that follows (with NUL)
 * @reserved: 0
 */
struct tern_obj_memory {
	__u32 id;
	__u32 kind;
	__u64 size;
	__u32 name;
	__u32 reserved;
};

/**
 * enum tern_memory_kind - what made it
 * @TERN_MEMORY_ANON: mmap(2) with MAP_SHARED | MAP_ANONYMOUS
 * @TERN_MEMORY_MEMFD: memfd_create(2), or a file of tmpfs or hugetlbfs that was deleted
 */
enum tern_memory_kind {
	TERN_MEMORY_ANON = 1,
	TERN_MEMORY_MEMFD,
};

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
 * @dev: st_dev; character devices: st_rdev; TERN_DESC_TAKEN, _REOPENED and _MATE: a process
 *	of the tree
 * @ino: inode number; likewise: a descriptor that this process has
 * @magic: statfs(2) f_type of the file system
 * @pipe: TERN_DESC_PIPE: all ends of one pipe carry the same number;
 *	TERN_DESC_CARRIED: id of the CARRIED object
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
 * @TERN_DESC_PIPE: an end of a pipe that nobody outside the tree has open; with a path:
 *	of a named pipe
 * @TERN_DESC_EPOLL: epoll(7)
 * @TERN_DESC_NULL: a standard descriptor that becomes /dev/null (TERN_STDIO_NULL)
 * @TERN_DESC_EVENTFD: eventfd(2), with an EVENT object
 * @TERN_DESC_SIGNALFD: signalfd(2), with an EVENT object
 * @TERN_DESC_TIMERFD: timerfd_create(2), with a TIMERFD object
 * @TERN_DESC_INOTIFY: inotify(7)
 * @TERN_DESC_SOCKET: unix(7), with a SOCKET object
 * @TERN_DESC_PATH: what open(2) with O_PATH gives, by path
 * @TERN_DESC_CARRIED: a regular file that nobody else has open, with a CARRIED object
 * @TERN_DESC_TAKEN: the same that a process of the tree has, which comes before this one
 * @TERN_DESC_REOPENED: another end of a pipe of which such a process has one
 * @TERN_DESC_MASTER: of pseudo-terminal @ino, with a TERMINAL object
 * @TERN_DESC_SLAVE: of pseudo-terminal @ino, whose master is in the tree
 * @TERN_DESC_MATE: the other end of a unix socket that such a process has, and makes both
 *	ends of: here without a descriptor, with one there
 * @TERN_DESC_INET: tcp(7) or udp(7), over IPv4 or IPv6, with an INET object
 * @TERN_DESC_NETLINK: netlink(7), with a NETLINK object
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
	TERN_DESC_CARRIED,
	TERN_DESC_TAKEN,
	TERN_DESC_REOPENED,
	TERN_DESC_MASTER,
	TERN_DESC_SLAVE,
	TERN_DESC_MATE,
	TERN_DESC_INET,
	TERN_DESC_NETLINK,
};

/** tern_desc_is_elsewhere() - it comes from another process of the tree, @dev */
static inline int tern_desc_is_elsewhere(const struct tern_obj_desc *d)
{
	return d->kind == TERN_DESC_TAKEN || d->kind == TERN_DESC_REOPENED ||
	       d->kind == TERN_DESC_MATE;
}

/**
 * struct tern_obj_terminal - a pseudo-terminal, by its master
 * @desc: of the master
 * @index: its number
 * @flags: TERN_TERMINAL_*
 * @iflag: settings, as ktermios of linux/termios.h has them; likewise
 * @oflag: …
 * @cflag: …
 * @lflag: …
 * @ispeed: …
 * @ospeed: …
 * @cc: …
 * @reserved: 0
 * @rows: TIOCGWINSZ; likewise
 * @columns: …
 * @width: …
 * @height: …
 * @session: whose terminal it is, 0: nobody's
 * @group: process group in the foreground, 0: none
 * @fd: the first descriptor of the master
 * @input: bytes that follow, which the slave has not read; not in drafts
 * @output: bytes that follow these, which the master has not read
 *
 * What a line that is not complete, or the end of input, is made of is not told apart from
 * other input.
 */
struct tern_obj_terminal {
	__u32 desc;
	__u32 index;
	__u32 flags;
	__u32 iflag;
	__u32 oflag;
	__u32 cflag;
	__u32 lflag;
	__u32 ispeed;
	__u32 ospeed;
	__u8 cc[19];
	__u8 reserved;
	__u16 rows;
	__u16 columns;
	__u16 width;
	__u16 height;
	__s32 session;
	__s32 group;
	__s32 fd;
	__u32 input;
	__u32 output;
};

#define TERN_TERMINAL_LOCKED	(1U << 0)	/* TIOCSPTLCK */
#define TERN_TERMINAL_EXCLUSIVE	(1U << 1)	/* TIOCEXCL */
#define TERN_TERMINAL_PACKET	(1U << 2)	/* TIOCPKT */
#define TERN_TERMINAL_STOPPED	(1U << 3)	/* what the slave writes waits */
#define TERN_TERMINAL_CLOSED	(1U << 4)	/* the slave has been open, and is not any more */
#define TERN_TERMINAL_HALTED	(1U << 5)	/* by tcflow(3), TCOOFF */
#define TERN_TERMINAL_FLAGS_ALL	((1U << 6) - 1)

/**
 * struct tern_obj_carried - a regular file that moves, for nobody else has it
 * @id: from 1, one by one
 * @kind: enum tern_carried_kind
 * @dev: of the file system at the source, to tell one file from another; ternd adds it
 * @ino: inode number there
 * @size: bytes
 * @mtime: of the last change, ns; ternd adds it
 * @mode: st_mode
 * @uid: owner
 * @gid: its group
 * @seals: F_SEAL_* (fcntl(2)) of a memfd
 * @name: length of what follows (with NUL): a memfd's name as memfd_create(2) takes it,
 *	the path of a file that has one, else the path of the directory that it is in
 * @fs: device of the file system; with @ino it is found by TERN_VMA_TAKEN
 * @room: of a System V segment: bytes that are mapped by who attaches it, whole pages,
 *	which may be huge ones; else 0
 * @huge: log2 of the size of its pages, if they are huge ones (hugetlbfs); else 0
 * @reserved: 0
 */
struct tern_obj_carried {
	__u32 id;
	__u32 kind;
	__u64 dev;
	__u64 ino;
	__u64 size;
	__u64 mtime;
	__u32 mode;
	__u32 uid;
	__u32 gid;
	__u32 seals;
	__u32 name;
	__u32 fs;
	__u64 room;
	__u32 huge;
	__u32 reserved;
};

/**
 * enum tern_carried_kind - what it is, or what made it
 * @TERN_CARRIED_MEMFD: memfd_create(2), or a file of hugetlbfs that was deleted
 * @TERN_CARRIED_DELETED: unlink(2), or O_TMPFILE with O_EXCL
 * @TERN_CARRIED_TMPFILE: O_TMPFILE: linkat(2) may give it a name yet
 * @TERN_CARRIED_NAMED: on a local file system, and written to (TERN_WITH_FILES)
 * @TERN_CARRIED_SYSV: shmget(2), called SYSV and its key, eight hexadecimal digits; @ino is
 *	its id
 * @TERN_CARRIED_SYSV_GONE: likewise, and has been removed: nobody finds it by its key, and
 *	it goes with its last mapping; ternd tells
 */
enum tern_carried_kind {
	TERN_CARRIED_MEMFD = 1,
	TERN_CARRIED_DELETED,
	TERN_CARRIED_TMPFILE,
	TERN_CARRIED_NAMED,
	TERN_CARRIED_SYSV,
	TERN_CARRIED_SYSV_GONE,
};

/**
 * struct tern_obj_data - a block of a file that moves; ternd adds it
 * @carried: id of the file
 * @reserved: 0
 * @offset: in it, a multiple of TERN_DATA_BLOCK
 *
 * As many bytes follow as the file has there, TERN_DATA_BLOCK at most. Ascending; what
 * is in no block is zeros.
 */
struct tern_obj_data {
	__u32 carried;
	__u32 reserved;
	__u64 offset;
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
 * struct tern_obj_socket - of a unix socket
 * @desc: the description
 * @type: SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET
 * @flags: TERN_SOCKET_*
 * @pair: a number that both ends of a pair have, and nobody else; else 0
 * @shutdown: bit 0: nothing more is received, bit 1: nothing more is sent
 * @sndbuf: SO_SNDBUF as getsockopt(2) shows it; of others than unix sockets 0: never set
 * @rcvbuf: SO_RCVBUF likewise
 * @peek_off: SO_PEEK_OFF
 * @rcvtimeo: SO_RCVTIMEO, ns, 0: none
 * @sndtimeo: SO_SNDTIMEO, likewise
 * @messages: in its queue: so many struct tern_message follow
 * @data: and behind them and @rights their bytes, so many in all, up to
 *	TERN_SOCKET_DATA_MAX
 * @backlog: of one that listens
 * @name: bytes of its name, as sun_path has them, which follow; only of one that is not
 *	connected; 0: none
 * @path: of a name in the file system: where that is, absolute; bytes (with NUL) that follow
 *	at last; else 0, as are the following. TERN_SOCKET_CALLS: of the other end's, whose
 *	owner does not move; the following are 0
 * @mode: st_mode there
 * @uid: owner
 * @gid: its group
 * @ino: inode number
 * @rights: behind the messages: so many ids (__u32) of descriptions that are under way, in
 *	their order; such a description need not have a descriptor
 * @reserved: 0
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
	__u32 path;
	__u32 mode;
	__u32 uid;
	__u32 gid;
	__u64 ino;
	__u32 rights;
	__u32 reserved;
};

#define TERN_SOCKET_PASSCRED	(1U << 0)
#define TERN_SOCKET_PASSSEC	(1U << 1)
#define TERN_SOCKET_PAIR	(1U << 2)	/* both ends are in the image */
#define TERN_SOCKET_BEREFT	(1U << 3)	/* its other end has been closed */
#define TERN_SOCKET_LISTENS	(1U << 4)
#define TERN_SOCKET_CALLS	(1U << 5)	/* of datagrams: connected to @path, whoever that is */
#define TERN_SOCKET_FLAGS_ALL	((1U << 6) - 1)
#define TERN_SOCKET_NAME_MAX	108
#define TERN_SOCKET_DATA_MAX	(32U << 20)

/**
 * struct tern_message - a message in the queue of a socket, or a piece of a stream
 * @len: bytes
 * @pid: sender, 0: not known
 * @uid: its user
 * @gid: its group
 * @rights: how many descriptors are under way with it (SCM_RIGHTS), up to TERN_RIGHTS_MAX
 */
struct tern_message {
	__u32 len;
	__s32 pid;
	__u32 uid;
	__u32 gid;
	__u32 rights;
};

#define TERN_RIGHTS_MAX	253	/* SCM_MAX_FD (net/scm.h) */

/**
 * struct tern_obj_peer - of a unix socket that is connected, or listens: what no call can set
 * @fd: a descriptor of it
 * @pid: SO_PEERCRED: with whom it was connected, or who let it listen; 0: nobody who moves
 *	with the process
 * @uid: likewise, its user; all ones, as is @gid: SO_PEERCRED shows nobody
 * @gid: and group
 * @name: bytes of the name that it has itself, which follow as sun_path has them; 0: it has
 *	none, or has it already
 * @reserved: 0
 */
struct tern_obj_peer {
	__s32 fd;
	__s32 pid;
	__u32 uid;
	__u32 gid;
	__u32 name;
	__u32 reserved;
};

/**
 * struct tern_obj_inet - of a TCP or UDP socket
 * @desc: the description
 * @family: AF_INET or AF_INET6
 * @type: SOCK_STREAM: TCP, SOCK_DGRAM: UDP
 * @flags: TERN_INET_*
 * @shutdown: as of a unix socket
 * @sndbuf: likewise
 * @rcvbuf: likewise
 * @backlog: of one that listens
 * @maxseg: TCP_MAXSEG as it was set, 0: it was not
 * @uid: whose it is
 * @gid: and which group's
 * @port: its own, in the host's byte order, 0: none
 * @peer_port: likewise, of whom it is connected to
 * @local: its own address, in network byte order; of IPv4 the first four bytes; all 0: any
 * @peer: whom it is connected to
 * @reserved: 0
 */
struct tern_obj_inet {
	__u32 desc;
	__u32 family;
	__u32 type;
	__u32 flags;
	__u32 shutdown;
	__u32 sndbuf;
	__u32 rcvbuf;
	__u32 backlog;
	__u32 maxseg;
	__u32 uid;
	__u32 gid;
	__u32 port;
	__u32 peer_port;
	__u32 reserved;
	__u8 local[16];
	__u8 peer[16];
};

#define TERN_INET_LISTENS	(1U << 0)
#define TERN_INET_CONNECTED	(1U << 1)	/* to @peer; of TCP the rest is LATE */
#define TERN_INET_FLAGS_ALL	((1U << 2) - 1)

#define TERN_INTERFACE_NAME	16	/* bytes of an interface's name, with its NUL */
#define TERN_SOURCES_MAX	128	/* addresses that a group may be heard from, or may not */

/**
 * struct tern_obj_interface - an interface that a UDP socket names, by a number, which another
 *	host has for another one: so here it has its name. Behind INET, or another one of the
 *	same socket. Addresses of sources follow, of 16 bytes each
 * @desc: the socket
 * @family: AF_INET or AF_INET6: for which version of IP
 * @use: TERN_INTERFACE_*: what for
 * @include: of a group: 1: it is heard from those sources only; 0: not from those
 * @nr_sources: how many follow
 * @own: address of IPv4 by which the interface was named (imr_address); 0: by its number
 * @name: of the interface, filled up with zeros
 * @address: of a group, the group's; in network byte order, of IPv4 the first four bytes
 */
struct tern_obj_interface {
	__u32 desc;
	__u32 family;
	__u32 use;
	__u32 include;
	__u32 nr_sources;
	__u8 own[4];
	char name[TERN_INTERFACE_NAME];
	__u8 address[16];
};

#define TERN_INTERFACE_GROUP		0	/* in a multicast group there */
#define TERN_INTERFACE_MULTICAST	1	/* what it sends to groups leaves there */
#define TERN_INTERFACE_UNICAST		2	/* what it sends to anybody else */

/**
 * struct tern_obj_option - what setsockopt(2) has set; added by ternd. Those of one socket
 *	follow each other
 * @desc: the socket, of kind TERN_DESC_INET or _NETLINK
 * @level: SOL_SOCKET, IPPROTO_TCP, …
 * @name: SO_REUSEADDR, TCP_NODELAY, …
 * @len: bytes of @value
 * @value: as getsockopt(2) shows it
 */
struct tern_obj_option {
	__u32 desc;
	__u32 level;
	__u32 name;
	__u32 len;
	__u8 value[16];
};

/**
 * struct tern_obj_datagram - a datagram that waits in the queue of a UDP socket; what it
 *	says follows. Those of one socket stand in the order in which they have come
 * @fd: a descriptor of the socket
 * @version: of IP, 4 or 6
 * @port: where it comes from, in the host's byte order
 * @own_port: where it was sent to, likewise
 * @segment: bytes of each of several that have been put together (UDP_GRO), 0: it is one
 * @len: bytes that follow
 * @ttl: with which it came; of IPv6 the hop limit
 * @tos: likewise, type of service or traffic class
 * @from: address that it comes from, as in INET
 * @to: address that it was sent to
 */
struct tern_obj_datagram {
	__s32 fd;
	__u32 version;
	__u32 port;
	__u32 own_port;
	__u32 segment;
	__u32 len;
	__u32 ttl;
	__u32 tos;
	__u8 from[16];
	__u8 to[16];
};

#define TERN_DATAGRAM_MAX	65535	/* bytes */

/**
 * struct tern_obj_tcp - a TCP connection, at the moment when it was dumped; in no image, but in
 *	what follows it (SOCKETS). What the peer must not see change, and what of its own
 *	measurements helps it to go on at the same speed. Numbers of bytes are those of RFC 9293
 *	(SND.UNA, …), which the two ends count in
 * @fd: a descriptor of it; of one that has not been accepted, of the socket that listens; of
 *	one that no process has any more -1
 * @family: AF_INET or AF_INET6
 * @state: TCP_ESTABLISHED, _FIN_WAIT1, _FIN_WAIT2, _CLOSE_WAIT, _LAST_ACK or _CLOSING
 *	(tcp_states.h); TCP_SYN_SENT: it is being made, and options and @rcv_wscale are those
 *	that its SYN offers; TCP_CLOSE: it has ended, and of what follows there are @flags,
 *	@shutdown, @copied_seq, @rcv_nxt, @local, both ports, and @err
 * @flags: TERN_TCP_*
 * @shutdown: 1: nothing is to be received any more, 2: nothing sent
 * @copied_seq: what the process has read
 * @rcv_nxt: what has been received, a FIN included
 * @rcv_wup: what has been acknowledged
 * @rcv_wnd: window that the peer has been offered then
 * @snd_una: what the peer has acknowledged
 * @snd_nxt: what has been sent
 * @write_seq: what the process has written, a FIN included
 * @snd_wnd: window that the peer offers
 * @snd_wl1: the segment that said so
 * @max_window: the largest one
 * @mss_clamp: longest segment that the peer takes
 * @snd_wscale: as agreed upon, 0 to 14
 * @rcv_wscale: likewise
 * @ts_now: what the next timestamp would be; counted on
 * @ts_recent: the peer's last one
 * @ts_age: seconds since that came
 * @rcv_ssthresh: window that may be offered
 * @window_clamp: and at most
 * @rcvbuf: bytes of its buffer, as it has grown
 * @sndbuf: likewise
 * @srtt_us: smoothed round trip, in eighths of a microsecond; 0: none has been measured
 * @mdev_us: its deviation, in quarters
 * @mdev_max_us: the largest one of late
 * @rttvar_us: smoothed
 * @rto_us: until something is sent again
 * @snd_cwnd: congestion window, in segments
 * @snd_ssthresh: where it grows slowly
 * @reordering: segments by which the network may change the order
 * @ecn: TCP_ECN_OK, _QUEUE_CWR, _DEMAND_CWR (net/tcp.h)
 * @local: address, in network byte order; of IPv4 the first four bytes
 * @peer: likewise
 * @port: in the host's byte order
 * @peer_port: likewise
 * @bound: SOCK_BINDADDR_LOCK and SOCK_BINDPORT_LOCK: asked for by bind(2)
 * @err: errno that whoever asks next is told, up to TERN_ERR_MAX; 0: none
 * @ts_first: timestamp of the first SYN, of one that is being made
 * @tries: how often that has been sent again
 */
struct tern_obj_tcp {
	__s32 fd;
	__u32 family;
	__u32 state;
	__u32 flags;
	__u32 shutdown;
	__u32 copied_seq;
	__u32 rcv_nxt;
	__u32 rcv_wup;
	__u32 rcv_wnd;
	__u32 snd_una;
	__u32 snd_nxt;
	__u32 write_seq;
	__u32 snd_wnd;
	__u32 snd_wl1;
	__u32 max_window;
	__u32 mss_clamp;
	__u32 snd_wscale;
	__u32 rcv_wscale;
	__u32 ts_now;
	__u32 ts_recent;
	__u32 ts_age;
	__u32 rcv_ssthresh;
	__u32 window_clamp;
	__u32 rcvbuf;
	__u32 sndbuf;
	__u32 srtt_us;
	__u32 mdev_us;
	__u32 mdev_max_us;
	__u32 rttvar_us;
	__u32 rto_us;
	__u32 snd_cwnd;
	__u32 snd_ssthresh;
	__u32 reordering;
	__u32 ecn;
	__u8 local[16];
	__u8 peer[16];
	__u32 port;
	__u32 peer_port;
	__u32 bound;
	__u32 err;
	__u32 ts_first;
	__u32 tries;
};

#define TERN_ERR_MAX		511	/* those above are the kernel's own (include/linux/errno.h) */

#define TERN_TCP_SACK		(1U << 0)	/* options that both ends have agreed upon */
#define TERN_TCP_WSCALE		(1U << 1)
#define TERN_TCP_TIMESTAMPS	(1U << 2)
#define TERN_TCP_INTERACTIVE	(1U << 3)	/* it waits with acknowledgements (TCP_QUICKACK is off) */
#define TERN_TCP_CALLER		(1U << 4)	/* it has not been accepted */
#define TERN_TCP_ORPHAN		(1U << 5)	/* it has been closed, and is not over */
#define TERN_TCP_HEARD_FIN	(1U << 6)	/* it has ended: the peer has said so, and not a reset */
#define TERN_TCP_CONNECTING	(1U << 7)	/* connect(2) has not said yet what has become of it */
#define TERN_TCP_FLAGS_ALL	((1U << 8) - 1)

/**
 * enum tern_queue - which bytes of a connection
 * @TERN_QUEUE_RECEIVED: the process has not read them
 * @TERN_QUEUE_SENT: the peer has not acknowledged them
 * @TERN_QUEUE_UNSENT: behind these
 * @TERN_QUEUE_APART: they have come out of order
 */
enum tern_queue {
	TERN_QUEUE_RECEIVED,
	TERN_QUEUE_SENT,
	TERN_QUEUE_UNSENT,
	TERN_QUEUE_APART,
	TERN_NR_QUEUES,
};

/**
 * struct tern_obj_stream - bytes in a queue of the connection of the TCP object before, in the
 *	order of enum tern_queue
 * @queue: enum tern_queue
 * @len: bytes, which follow, 1 to TERN_STREAM_MAX
 * @seq: number of the first of them
 */
struct tern_obj_stream {
	__u32 queue;
	__u32 len;
	__u32 seq;
};

#define TERN_STREAM_MAX	65536U

/**
 * struct tern_obj_late - a TCP socket of which the rest comes when the process runs: its
 *	connection, or those that have called it
 * @fd: a descriptor of it; -1: connections that no process has any more
 * @reserved: 0
 */
struct tern_obj_late {
	__s32 fd;
	__u32 reserved;
};

/**
 * struct tern_obj_barrier - a file of a file server that the process has open: whoever looks at
 *	it waits until this host knows of it what the server does
 * @fd: a descriptor of it
 * @flags: TERN_BARRIER_*
 */
struct tern_obj_barrier {
	__s32 fd;
	__u32 flags;
};

#define TERN_BARRIER_UNWRITTEN	(1U << 0)	/* and until WRITTEN has come */

/**
 * struct tern_obj_netlink - of a netlink socket; added by ternd
 * @desc: the description
 * @type: SOCK_RAW or SOCK_DGRAM
 * @protocol: NETLINK_ROUTE, _SOCK_DIAG, _AUDIT or _KOBJECT_UEVENT
 * @port: its own number (nl_pid), 0: it has none yet
 * @peer_port: to whom it is connected, 0: the kernel
 * @peer_groups: likewise, to which groups
 * @sndbuf: as of a unix socket
 * @rcvbuf: likewise
 * @groups: which it hears, bit per number, from 1
 */
struct tern_obj_netlink {
	__u32 desc;
	__u32 type;
	__u32 protocol;
	__u32 port;
	__u32 peer_port;
	__u32 peer_groups;
	__u32 sndbuf;
	__u32 rcvbuf;
	__u64 groups;
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

/**
 * struct tern_usage - what somebody has used so far, as getrusage(2) counts it
 * @utime: ns in user mode, as ticks have found it
 * @stime: ns in the kernel, likewise
 * @shown_utime: the most that was ever shown as user time; it never goes back
 * @shown_stime: likewise in the kernel
 * @runtime: ns on a processor, by the scheduler
 * @nvcsw: voluntary context switches
 * @nivcsw: involuntary ones
 * @min_flt: page faults without input
 * @maj_flt: with input
 */
struct tern_usage {
	__u64 utime, stime;
	__u64 shown_utime, shown_stime;
	__u64 runtime;
	__u64 nvcsw, nivcsw;
	__u64 min_flt, maj_flt;
};

#define TERN_REGS_NR		21	/* r15 … ss, in the order of struct pt_regs of x86-64 */

/**
 * struct tern_obj_thread - one thread; its extended state follows
 * @tid: in the pid namespace of the source's daemon
 * @nice: -20 to 19
 * @regs: r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip cs
 *	flags sp ss; a call to be restarted has orig_ax >= 0 and its error in ax; in a
 *	draft of the kernel, where it will go on (a hint), or 0; not in one that travels
 * @fs_base: base address of fs: thread-local storage; in drafts as @regs
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
 * @timer_slack_ns: prctl(2), PR_SET_TIMERSLACK; 0 in a draft
 * @usage: what it has used; 0 in a draft
 * @policy: SCHED_NORMAL, FIFO, RR, BATCH or IDLE
 * @priority: of FIFO and RR, from 1; else 0
 * @reset_on_fork: 0 or 1: its children are scheduled as others are
 * @ioprio: ioprio_set(2), 0: by its nice value
 * @cpus: bit per processor that it may run on; all ones: any
 * @pdeath_signal: PR_SET_PDEATHSIG, 0: none; 0 in a draft
 * @attrs: TERN_THREAD_*; 0 in a draft
 * @comm: thread name
 * @xstate_blocks: bit per block of extended state, in the format of ptrace(2)
 *	NT_X86_XSTATE, that is not all zero; none in a draft
 * @xstate: bytes that follow: these blocks, the last one filled up with zeros
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
	struct tern_usage usage;
	__u32 policy;
	__u32 priority;
	__u32 reset_on_fork;
	__u32 ioprio;
	__u64 cpus[TERN_CPUS_WORDS];
	__u32 pdeath_signal;
	__u32 attrs;
	char comm[16];
	__u64 xstate_blocks[TERN_XSTATE_WORDS];
	__u32 xstate;
	__u32 reserved;
};

#define TERN_THREAD_IO_FLUSHER	(1U << 0)	/* PR_SET_IO_FLUSHER */
#define TERN_THREAD_MCE_SET	(1U << 1)	/* PR_MCE_KILL_SET, not _CLEAR */
#define TERN_THREAD_MCE_EARLY	(1U << 2)	/* PR_MCE_KILL_EARLY */
#define TERN_THREAD_ATTRS	((1U << 3) - 1)

/**
 * struct tern_obj_times - what the process has used, and its interval timers
 * @ended: threads of it that have ended; as shown: the process
 * @children: child processes that it has waited for; @shown_*, @runtime: 0
 * @maxrss: most pages that it had in memory
 * @cmaxrss: likewise the largest of those children
 * @itimer: by ITIMER_*, as setitimer(2) has it: when it expires (0: is not armed;
 *	REAL: ns of the migrant's CLOCK_MONOTONIC; VIRTUAL and PROF: ns of the time
 *	that the process has used), and its interval
 * @armed: ITIMER_REAL will expire; else its SIGALRM waits, or it is not armed
 * @cpu_armed: bit per ITIMER_VIRTUAL, ITIMER_PROF that is armed; in drafts, too
 * @next_timer: id that the next POSIX timer gets
 * @monotonic: the migrant's CLOCK_MONOTONIC when it stood, ns; it never goes back
 * @boottime: its CLOCK_BOOTTIME, likewise
 * @reserved: 0
 *
 * All but @cpu_armed is 0 in a draft, for it never stands still.
 */
struct tern_obj_times {
	struct tern_usage ended;
	struct tern_usage children;
	__u64 maxrss, cmaxrss;
	struct {
		__u64 expires;
		__u64 interval;
	} itimer[3];
	__u32 armed;
	__u32 cpu_armed;
	__u32 next_timer;
	__u32 reserved;
	__u64 monotonic;
	__u64 boottime;
};

/**
 * struct tern_obj_timer - a POSIX timer; see timer_create(2)
 * @id: its id
 * @clock: CLOCK_REALTIME, MONOTONIC, BOOTTIME or TAI; or a CPU time clock as
 *	pthread_getcpuclockid(3) makes it: of the process (0), or of one thread
 * @notify: SIGEV_SIGNAL, NONE, THREAD, or with a thread SIGEV_THREAD_ID
 * @signo: signal that it sends
 * @tid: thread that it sends it to, 0: the process
 * @relative: 1: on CLOCK_REALTIME, but last armed for a span of time, which no
 *	setting of that clock changes
 * @value: sigev_value
 * @state: TERN_TIMER_*
 * @again: expiries since its signal was queued for which nothing else was queued
 * @overrun: expiries that nobody has been told of, less one
 * @overrun_last: timer_getoverrun(2)
 * @expires: ns of the migrant's clock, 0: never was armed
 * @interval: ns, 0: once
 *
 * From @state on all is 0 in a draft.
 */
struct tern_obj_timer {
	__s32 id;
	__s32 clock;
	__u32 notify;
	__u32 signo;
	__s32 tid;
	__u32 relative;
	__u64 value;
	__u32 state;
	__s32 again;
	__s64 overrun;
	__s64 overrun_last;
	__u64 expires;
	__u64 interval;
};

#define TERN_TIMER_ARMED	(1U << 0)	/* it will expire */
#define TERN_TIMER_PENDING	(1U << 1)	/* it has, and its signal waits; no SIGNAL object */
#define TERN_TIMER_STATES	((1U << 2) - 1)

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
TERN_ASSERT_SIZE(struct tern_obj_task, 344);
TERN_ASSERT_SIZE(struct tern_obj_ended, 16);
TERN_ASSERT_SIZE(struct tern_obj_names, 136);
TERN_ASSERT_SIZE(struct tern_obj_terminal, 84);
TERN_ASSERT_SIZE(struct tern_obj_mm, 120);
TERN_ASSERT_SIZE(struct tern_obj_vma, 72);
TERN_ASSERT_SIZE(struct tern_obj_memory, 24);
TERN_ASSERT_SIZE(struct tern_obj_vdso, 16);
TERN_ASSERT_SIZE(struct tern_obj_creds, 80);
TERN_ASSERT_SIZE(struct tern_obj_sigactions, 2048);
TERN_ASSERT_SIZE(struct tern_obj_signal, 136);
TERN_ASSERT_SIZE(struct tern_obj_fs, 8);
TERN_ASSERT_SIZE(struct tern_obj_desc, 72);
TERN_ASSERT_SIZE(struct tern_obj_carried, 80);
TERN_ASSERT_SIZE(struct tern_obj_data, 16);
TERN_ASSERT_SIZE(struct tern_obj_fd, 16);
TERN_ASSERT_SIZE(struct tern_obj_pipe, 16);
TERN_ASSERT_SIZE(struct tern_obj_epoll, 24);
TERN_ASSERT_SIZE(struct tern_usage, 72);
TERN_ASSERT_SIZE(struct tern_obj_thread, 600);
TERN_ASSERT_SIZE(struct tern_obj_end, 8);
TERN_ASSERT_SIZE(struct tern_obj_same, 8);
TERN_ASSERT_SIZE(struct tern_obj_event, 16);
TERN_ASSERT_SIZE(struct tern_obj_timerfd, 32);
TERN_ASSERT_SIZE(struct tern_obj_times, 240);
TERN_ASSERT_SIZE(struct tern_obj_timer, 72);
TERN_ASSERT_SIZE(struct tern_obj_watch, 16);
TERN_ASSERT_SIZE(struct tern_obj_socket, 96);
TERN_ASSERT_SIZE(struct tern_message, 20);
TERN_ASSERT_SIZE(struct tern_obj_peer, 24);
TERN_ASSERT_SIZE(struct tern_obj_inet, 88);
TERN_ASSERT_SIZE(struct tern_obj_option, 32);
TERN_ASSERT_SIZE(struct tern_obj_datagram, 64);
TERN_ASSERT_SIZE(struct tern_obj_interface, 56);
TERN_ASSERT_SIZE(struct tern_obj_tcp, 192);
TERN_ASSERT_SIZE(struct tern_obj_stream, 12);
TERN_ASSERT_SIZE(struct tern_obj_late, 8);
TERN_ASSERT_SIZE(struct tern_obj_barrier, 8);
TERN_ASSERT_SIZE(struct tern_obj_netlink, 40);
TERN_ASSERT_SIZE(struct tern_obj_lock, 32);

#endif /* _TERN_IMAGE_H */
