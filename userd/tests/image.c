// SPDX-License-Identifier: GPL-2.0
/*
 * The check of images: a sound one passes; each way to spoil it is refused, with
 * a sentence; and none of many thousand random bit flips or cuts does harm.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>

#include "dev.h"
#include "image.h"
#include "test.h"

#define PATH "/usr/bin/true"

/* the CPU time clock of a thread, 0: the process; @which: 4 per thread, 2 by the scheduler */
#define CPU_CLOCK(tid, which) (~(tid) * 8 | (which))

static struct tern_image image;

static void put(unsigned int type, const void *payload, size_t len, const void *tail,
		size_t tail_len)
{
	tern_image_add(&image, type, payload, len, tail, tail_len);
}

#define PUT(type, object, tail, len) put(type, &(object), sizeof(object), tail, len)

static void build(void)
{
	struct tern_obj_task task = { .pid = 100, .nr_threads = 2, .comm = "true",
				      .exe = sizeof(PATH), .parent = 90, .group = 91 };
	struct tern_obj_mm mm = { .start_code = 0x1000, .end_code = 0x2000, .mmap_base = 0x7f000,
				  .auxv = 16 };
	struct tern_obj_vma vma = { .start = 0x1000, .end = 0x3000, .prot = PROT_READ,
				    .kind = TERN_VMA_FILE, .path = sizeof(PATH), .size = 8192 };
	struct tern_obj_vma anon = { .start = 0x3000, .end = 0x5000, .kind = TERN_VMA_ANON };
	struct tern_obj_vma shared = { .start = 0x5000, .end = 0x6000, .kind = TERN_VMA_MEMORY,
				       .flags = TERN_VMA_SHARED, .memory = 1 };
	struct tern_obj_vma vvar = { .start = 0x6000, .end = 0x7000, .kind = TERN_VMA_VVAR };
	struct tern_obj_vma code = { .start = 0x7000, .end = 0x8000, .kind = TERN_VMA_VDSO };
	struct tern_obj_vdso vdso = { .data = 0x6000, .text = 0x7000 };
	struct tern_obj_memory memory = { .id = 1, .kind = TERN_MEMORY_MEMFD, .size = 4096,
					  .name = 2 };
	/* of a file without a name */
	struct tern_obj_vma view = { .start = 0x9000, .end = 0xa000, .kind = TERN_VMA_CARRIED,
				     .flags = TERN_VMA_SHARED, .memory = 2 };
	/* what another process of its tree has: memory, a description, and a pipe */
	struct tern_obj_vma taken = { .start = 0xa000, .end = 0xb000, .kind = TERN_VMA_TAKEN,
				      .flags = TERN_VMA_SHARED | TERN_VMA_SYSV, .memory = 90 };
	struct tern_obj_desc his = { .id = 12, .kind = TERN_DESC_TAKEN, .dev = 90, .ino = 3 };
	struct tern_obj_desc end3 = { .id = 13, .kind = TERN_DESC_REOPENED, .dev = 90, .ino = 4 };
	struct tern_obj_desc master = { .id = 14, .kind = TERN_DESC_MASTER, .ino = 3 };
	struct tern_obj_desc slave = { .id = 15, .kind = TERN_DESC_SLAVE, .ino = 255 };
	struct tern_obj_desc s4 = { .id = 17, .kind = TERN_DESC_SOCKET };
	struct tern_obj_socket door = { .desc = 17, .type = SOCK_STREAM, .peek_off = -1,
					.flags = TERN_SOCKET_LISTENS, .name = 2, .path = 3,
					.mode = S_IFSOCK | 0600, .uid = 7, .ino = 8 };
	struct tern_obj_desc s5 = { .id = 18, .kind = TERN_DESC_SOCKET };
	struct tern_obj_socket caller = { .desc = 18, .type = SOCK_DGRAM, .peek_off = -1,
					  .flags = TERN_SOCKET_CALLS, .path = 9 };
	struct tern_obj_desc s6 = { .id = 19, .kind = TERN_DESC_INET };
	struct tern_obj_inet listener = { .desc = 19, .family = AF_INET6, .type = SOCK_STREAM,
					  .flags = TERN_INET_LISTENS, .backlog = 5, .port = 80 };
	struct tern_obj_option reno = { .desc = 19, .level = IPPROTO_TCP, .name = TCP_CONGESTION,
					.len = 4, .value = "reno" };
	struct tern_obj_desc s7 = { .id = 20, .kind = TERN_DESC_INET };
	struct tern_obj_inet udp = { .desc = 20, .family = AF_INET, .type = SOCK_DGRAM,
				     .flags = TERN_INET_CONNECTED, .port = 65535, .peer_port = 53,
				     .shutdown = 3, .local = { 127, 0, 0, 1 }, .peer = { 1, 1, 1, 1 } };
	struct tern_obj_interface group = { .desc = 20, .family = AF_INET, .include = 1,
					    .nr_sources = 1, .name = "eth0",
					    .address = { 239, 1, 2, 3 } };
	struct tern_obj_interface by = { .desc = 20, .family = AF_INET6,
					 .use = TERN_INTERFACE_UNICAST, .name = "lo" };
	struct tern_obj_option ttl = { .desc = 20, .level = IPPROTO_IP, .name = IP_TTL, .len = 4,
				       .value = { 7 } };
	struct tern_obj_datagram datagram = { .fd = 5, .version = 4, .port = 53, .own_port = 65535,
					      .len = 3, .segment = 2, .from = { 1, 1, 1, 1 } };
	struct tern_obj_late late = { .fd = 5 };
	struct tern_obj_barrier barrier = { .fd = 5, .flags = TERN_BARRIER_UNWRITTEN };
	struct tern_obj_desc s8 = { .id = 21, .kind = TERN_DESC_NETLINK };
	struct tern_obj_netlink route = { .desc = 21, .type = SOCK_RAW, .groups = ~0ULL };
	struct tern_obj_option ack = { .desc = 21, .level = SOL_NETLINK, .name = NETLINK_EXT_ACK,
				       .len = 4, .value = { 1 } };
	struct tern_obj_desc mate = { .id = 16, .kind = TERN_DESC_MATE, .dev = 90, .ino = 5 };
	struct tern_obj_peer peer = { .fd = 9, .pid = 90, .uid = 7, .name = 3 };
	struct tern_obj_terminal tty = { .desc = 14, .index = 3, .session = 1, .fd = 7,
					 .input = 2, .output = 3 };
	struct tern_obj_ended ended = { .pid = 95, .status = 0x86, .uid = 7 };
	struct tern_obj_names names = { .node = "pod", .domain = "(none)" };
	struct tern_obj_creds creds = { .nr_groups = 2 };
	struct tern_obj_sigactions actions = { 0 };
	struct tern_obj_signal sig = { .signo = SIGUSR1, .tid = 101 };
	struct tern_obj_fs fs = { .cwd = 2 };
	struct tern_obj_desc file = { .id = 1, .kind = TERN_DESC_FILE, .mode = S_IFREG,
				      .path = sizeof(PATH) };
	struct tern_obj_desc reader = { .id = 3, .kind = TERN_DESC_PIPE, .pipe = 9 };
	struct tern_obj_desc epoll = { .id = 2, .kind = TERN_DESC_EPOLL };
	struct tern_obj_fd fd0 = { .fd = 0, .desc = 1 }, fd5 = { .fd = 5, .desc = 2 };
	struct tern_obj_fd fd9 = { .fd = 1048575, .desc = 3, .cloexec = 1 };
	struct tern_obj_pipe pipe = { .pipe = 9, .capacity = 4096, .data = 3 };
	struct tern_obj_desc timed = { .id = 4, .kind = TERN_DESC_TIMERFD };
	struct tern_obj_desc event = { .id = 5, .kind = TERN_DESC_EVENTFD };
	struct tern_obj_desc s1 = { .id = 7, .kind = TERN_DESC_SOCKET };
	struct tern_obj_desc s2 = { .id = 8, .kind = TERN_DESC_SOCKET };
	struct tern_obj_socket end1 = { .desc = 7, .type = SOCK_STREAM, .flags = TERN_SOCKET_PAIR,
					.pair = 5, .peek_off = -1 };
	struct tern_obj_socket end2 = { .desc = 8, .type = SOCK_STREAM, .flags = TERN_SOCKET_PAIR,
					.pair = 5, .peek_off = -1, .messages = 2, .rights = 1, .data = 3 };
	struct { struct tern_message m[2]; __u32 right; char data[3]; } queue = {
		{ { .len = 1 }, { .len = 2, .pid = 100, .rights = 1 } }, 5, "abc"
	};
	struct tern_obj_desc s3 = { .id = 9, .kind = TERN_DESC_SOCKET };
	struct tern_obj_socket server = { .desc = 9, .type = SOCK_STREAM, .peek_off = -1,
					  .flags = TERN_SOCKET_LISTENS, .backlog = 5, .name = 2 };
	struct tern_obj_desc deleted = { .id = 10, .kind = TERN_DESC_CARRIED, .mode = S_IFREG,
					 .pipe = 1 };
	struct tern_obj_desc memfd = { .id = 11, .kind = TERN_DESC_CARRIED, .mode = S_IFREG,
				       .pipe = 2 };
	struct tern_obj_carried gone = { .id = 1, .kind = TERN_CARRIED_DELETED, .size = 70000,
					  .mode = S_IFREG | 0600, .name = sizeof(PATH) };
	struct tern_obj_carried mem = { .id = 2, .kind = TERN_CARRIED_MEMFD, .size = 5,
					 .mode = S_IFREG, .seals = 0x1f, .name = 1 };
	struct tern_obj_data block = { .carried = 1, .offset = TERN_DATA_BLOCK };
	struct tern_obj_data five = { .carried = 2 };
	struct tern_obj_lock lock = { .desc = 1, .kind = TERN_LOCK_OFD, .start = 5, .len = 9 };
	struct tern_obj_desc inotify = { .id = 6, .kind = TERN_DESC_INOTIFY };
	struct tern_obj_watch w1 = { .desc = 6, .wd = 3, .mask = 2, .path = sizeof(PATH) };
	struct tern_obj_watch w2 = { .desc = 6, .wd = 4, .mask = 0x80000002, .path = 2 };
	struct tern_obj_timerfd timerfd = { .desc = 4, .clock = 1, .expires = 7, .interval = 9 };
	struct tern_obj_event eventfd = { .desc = 5, .value = 3 };
	struct tern_obj_pipe packets = { .pipe = 11, .capacity = 8192, .data = 3, .pieces = 2 };
	struct { __u32 size[2]; char data[3]; } pieces = { { 1, 2 | TERN_PIPE_PACKET }, "abc" };
	struct tern_obj_epoll reg = { .desc = 2, .fd = 0, .target = 1 };
	struct tern_obj_thread t1 = { .tid = 100, .xstate = TERN_XSTATE_BLOCK, .cpus = { 1 },
				      .xstate_blocks = { 0, 1 } };
	struct tern_obj_thread t2 = { .tid = 101, .cpus = { ~0ULL } };
	struct tern_obj_times times = { .cpu_armed = 1U << ITIMER_PROF, .next_timer = 8 };
	struct tern_obj_timer timer = { .id = 3, .clock = CLOCK_REALTIME, .signo = SIGALRM,
					.notify = SIGEV_THREAD_ID, .tid = 101, .relative = 1 };
	struct tern_obj_timer cpu = { .id = 7, .clock = CPU_CLOCK(101, 4 | 2), .notify = SIGEV_NONE };
	struct tern_obj_end end = { .objects = 1 };

	__u32 groups[2] = { 1, 2 };
	__u64 zeros[512] = { 0 };
	static const char blocks[TERN_DATA_BLOCK];

	/* what is added goes before it, and is counted */
	PUT(TERN_OBJ_END, end, NULL, 0);
	PUT(TERN_OBJ_TASK, task, PATH, sizeof(PATH));
	PUT(TERN_OBJ_MM, mm, zeros, 16);
	PUT(TERN_OBJ_VMA, vma, PATH, sizeof(PATH));
	PUT(TERN_OBJ_VMA, anon, NULL, 0);
	PUT(TERN_OBJ_MEMORY, memory, "m", 2);
	PUT(TERN_OBJ_VMA, shared, NULL, 0);
	PUT(TERN_OBJ_VMA, vvar, NULL, 0);
	PUT(TERN_OBJ_VMA, code, NULL, 0);
	PUT(TERN_OBJ_VMA, view, NULL, 0);
	PUT(TERN_OBJ_VMA, taken, NULL, 0);
	PUT(TERN_OBJ_VDSO, vdso, zeros, sizeof(zeros));
	PUT(TERN_OBJ_CREDS, creds, groups, 8);
	PUT(TERN_OBJ_SIGACTIONS, actions, NULL, 0);
	PUT(TERN_OBJ_SIGNAL, sig, NULL, 0);
	PUT(TERN_OBJ_FS, fs, "/", 2);
	PUT(TERN_OBJ_DESC, file, PATH, sizeof(PATH));
	PUT(TERN_OBJ_DESC, reader, NULL, 0);
	PUT(TERN_OBJ_DESC, epoll, NULL, 0);
	PUT(TERN_OBJ_DESC, timed, NULL, 0);
	PUT(TERN_OBJ_DESC, event, NULL, 0);
	PUT(TERN_OBJ_DESC, inotify, NULL, 0);
	PUT(TERN_OBJ_DESC, s1, NULL, 0);
	PUT(TERN_OBJ_DESC, s2, NULL, 0);
	PUT(TERN_OBJ_DESC, s3, NULL, 0);
	PUT(TERN_OBJ_CARRIED, gone, PATH, sizeof(PATH));
	PUT(TERN_OBJ_DESC, deleted, NULL, 0);
	PUT(TERN_OBJ_CARRIED, mem, "", 1);
	PUT(TERN_OBJ_DESC, memfd, NULL, 0);
	PUT(TERN_OBJ_DESC, his, NULL, 0);
	PUT(TERN_OBJ_DESC, end3, NULL, 0);
	PUT(TERN_OBJ_DESC, master, NULL, 0);
	PUT(TERN_OBJ_DESC, slave, NULL, 0);
	PUT(TERN_OBJ_TERMINAL, tty, "abcde", 5);
	PUT(TERN_OBJ_DESC, mate, NULL, 0);
	PUT(TERN_OBJ_PEER, peer, "\0p1", 3);
	PUT(TERN_OBJ_DESC, s4, NULL, 0);
	PUT(TERN_OBJ_DESC, s5, NULL, 0);
	PUT(TERN_OBJ_SOCKET, end1, NULL, 0);
	PUT(TERN_OBJ_SOCKET, end2, &queue, 47);
	PUT(TERN_OBJ_SOCKET, server, "\0n", 2);
	PUT(TERN_OBJ_SOCKET, door, "d\0/d", 5);
	PUT(TERN_OBJ_SOCKET, caller, "/dev/log", 9);
	PUT(TERN_OBJ_DESC, s6, NULL, 0);
	PUT(TERN_OBJ_INET, listener, NULL, 0);
	PUT(TERN_OBJ_DESC, s7, NULL, 0);
	PUT(TERN_OBJ_INET, udp, NULL, 0);
	PUT(TERN_OBJ_INTERFACE, group, "\1\2\3\4\0\0\0\0\0\0\0\0\0\0\0", 16);
	PUT(TERN_OBJ_INTERFACE, by, NULL, 0);
	PUT(TERN_OBJ_OPTION, reno, NULL, 0);
	PUT(TERN_OBJ_OPTION, ttl, NULL, 0);
	PUT(TERN_OBJ_DESC, s8, NULL, 0);
	PUT(TERN_OBJ_NETLINK, route, NULL, 0);
	PUT(TERN_OBJ_OPTION, ack, NULL, 0);
	PUT(TERN_OBJ_DATAGRAM, datagram, "abc", 3);
	PUT(TERN_OBJ_LATE, late, NULL, 0);
	PUT(TERN_OBJ_BARRIER, barrier, NULL, 0);
	PUT(TERN_OBJ_LOCK, lock, NULL, 0);
	PUT(TERN_OBJ_WATCH, w1, PATH, sizeof(PATH));
	PUT(TERN_OBJ_WATCH, w2, "/", 2);
	PUT(TERN_OBJ_TIMERFD, timerfd, NULL, 0);
	PUT(TERN_OBJ_EVENT, eventfd, NULL, 0);
	PUT(TERN_OBJ_FD, fd0, NULL, 0);
	PUT(TERN_OBJ_FD, fd5, NULL, 0);
	PUT(TERN_OBJ_FD, fd9, NULL, 0);
	PUT(TERN_OBJ_PIPE, pipe, "abc", 3);
	PUT(TERN_OBJ_PIPE, packets, &pieces, 11);
	PUT(TERN_OBJ_THREAD, t1, zeros, TERN_XSTATE_BLOCK);
	PUT(TERN_OBJ_THREAD, t2, NULL, 0);
	PUT(TERN_OBJ_ENDED, ended, NULL, 0);
	PUT(TERN_OBJ_NAMES, names, NULL, 0);
	PUT(TERN_OBJ_TIMES, times, NULL, 0);
	PUT(TERN_OBJ_TIMER, timer, NULL, 0);
	PUT(TERN_OBJ_TIMER, cpu, NULL, 0);
	PUT(TERN_OBJ_DATA, block, blocks, 70000 - TERN_DATA_BLOCK);
	PUT(TERN_OBJ_DATA, five, blocks, 5);
	PUT(TERN_OBJ_EPOLL, reg, NULL, 0);
}

/* What is sent of connections later. */
static void build_sockets(void)
{
	struct tern_obj_tcp tcp = { .fd = 5, .family = AF_INET, .port = 65535, .peer_port = 1 };
	struct tern_obj_stream unread = { .queue = TERN_QUEUE_RECEIVED, .len = 3 };
	struct tern_obj_stream unsent = { .queue = TERN_QUEUE_UNSENT, .len = 1 };

	PUT(TERN_OBJ_TCP, tcp, NULL, 0);
	PUT(TERN_OBJ_STREAM, unread, "abc", 3);
	PUT(TERN_OBJ_STREAM, unsent, "d", 1);
}

static void *find(unsigned int type, unsigned int n)
{
	const struct tern_obj *obj = NULL;

	do {
		obj = tern_image_find(&image, type, obj);
	} while (n--);
	return (void *)tern_obj_payload(obj);
}

/* @image is no image, but sockets. */
static bool are_sockets;

static int check(void)
{
	struct tern_why why = { "" };
	int err = are_sockets ? tern_image_check_sockets(&image, &why) :
		  tern_image_check(&image, &why);

	return err && !why.text[0] ? 1 : err;
}

/* Changed for a moment, this must be refused. */
#define SPOILED(lvalue, value) \
	do { \
		typeof(lvalue) old = (lvalue); \
		(lvalue) = (value); \
		CHECK(check() == -EBADMSG); \
		(lvalue) = old; \
	} while (0)

static void spoil_process(void)
{
	struct tern_obj_task *task = find(TERN_OBJ_TASK, 0);
	struct tern_obj_mm *mm = find(TERN_OBJ_MM, 0);
	struct tern_obj_creds *creds = find(TERN_OBJ_CREDS, 0);
	struct tern_obj_signal *sig = find(TERN_OBJ_SIGNAL, 0);
	struct tern_obj_thread *thread = find(TERN_OBJ_THREAD, 1);

	SPOILED(task->pid, 1);
	SPOILED(task->pid, 102);
	SPOILED(task->nr_threads, 1);
	SPOILED(task->nr_threads, 3);
	SPOILED(task->exe, sizeof(PATH) - 1);
	SPOILED(task->rlim_cur[3], 1);
	SPOILED(task->flags, TERN_TASK_FLAGS_ALL + 1);
	SPOILED(task->dumpable, 3);
	SPOILED(task->oom_score_adj, 1001);
	SPOILED(task->oom_score_adj, -1);
	SPOILED(task->oom_score_adj_min, -1001);
	SPOILED(task->coredump_filter, 0x200);
	SPOILED(task->thp_disable, 2);
	SPOILED(task->mdwe, 2);
	SPOILED(task->membarrier, 1);
	SPOILED(mm->end_code, 0);
	SPOILED(mm->brk, 0x800000000000);
	SPOILED(mm->auxv, 8);
	SPOILED(mm->flags, TERN_MM_LOCK_ONFAULT);
	SPOILED(mm->flags, 4);
	SPOILED(mm->pkeys, 1);
	SPOILED(mm->pkeys, 0x10000);
	SPOILED(creds->nr_groups, 3);
	SPOILED(creds->nr_groups, 0x40000002);
	SPOILED(creds->uid[2], ~0U);
	SPOILED(creds->cap[2], 1);
	SPOILED(creds->cap[4], 1);
	SPOILED(sig->signo, 9);
	SPOILED(sig->signo, 65);
	SPOILED(sig->tid, 102);
	SPOILED(thread->tid, 100);
	SPOILED(thread->tid, -1);
	SPOILED(thread->xstate, 1);
	SPOILED(thread->xstate_blocks[0], 1);
	SPOILED(thread->nice, 20);
	SPOILED(thread->policy, 6);
	SPOILED(thread->policy, SCHED_FIFO);
	SPOILED(thread->priority, 1);
	SPOILED(thread->reset_on_fork, 2);
	SPOILED(thread->ioprio, 0x10000);
	SPOILED(thread->pdeath_signal, 65);
	SPOILED(thread->attrs, 8);
	SPOILED(thread->cpus[0], 0);
}

/* Nothing of a tree but from others in it. */
static void spoil_tree(void)
{
	struct tern_obj_task *task = find(TERN_OBJ_TASK, 0);
	struct tern_obj_vma *vma = find(TERN_OBJ_VMA, 6);
	struct tern_obj_ended *ended = find(TERN_OBJ_ENDED, 0);
	struct tern_obj_names *names = find(TERN_OBJ_NAMES, 0);
	struct tern_obj_desc *his = find(TERN_OBJ_DESC, 11), *end = find(TERN_OBJ_DESC, 12);

	SPOILED(ended->pid, 1);
	SPOILED(ended->pid, 101);
	SPOILED(ended->status, 0x10000);
	SPOILED(ended->uid, ~0U);
	SPOILED(ended->reserved, 1);
	SPOILED(names->reserved[5], 1);
	memset(names->node, 'x', sizeof(names->node) - 1);
	SPOILED(names->node[64], 'x');
	memset(names->domain, 'x', sizeof(names->domain) - 1);
	SPOILED(names->domain[64], 'x');
	SPOILED(task->parent, 0);
	SPOILED(task->parent, -1);
	SPOILED(task->parent, task->pid);
	SPOILED(task->group, -1);
	SPOILED(task->session, -1);
	SPOILED(vma->memory, 0);
	SPOILED(vma->memory, 100);
	SPOILED(vma->memory, 1U << 31);
	SPOILED(vma->flags, 0);
	SPOILED(vma->flags, TERN_VMA_SHARED | TERN_VMA_FLOCK_EX);
	SPOILED(vma->pgoff, 1);
	SPOILED(vma->ino, 1ULL << 31);
	SPOILED(his->dev, 100);
	SPOILED(his->dev, 0);
	SPOILED(his->dev, 1ULL << 32 | 90);
	SPOILED(his->ino, 1U << 31);
	SPOILED(his->pipe, 1);
	SPOILED(end->dev, 0);
	SPOILED(end->kind, TERN_DESC_MATE + 1);
}

static void spoil_terminals(void)
{
	struct tern_obj_desc *master = find(TERN_OBJ_DESC, 13), *slave = find(TERN_OBJ_DESC, 14);
	struct tern_obj_terminal *tty = find(TERN_OBJ_TERMINAL, 0);

	SPOILED(master->ino, TERN_TERMINALS_MAX);
	SPOILED(master->kind, TERN_DESC_SLAVE);
	SPOILED(slave->dev, 1);
	SPOILED(slave->kind, TERN_DESC_MASTER);
	SPOILED(slave->kind, TERN_DESC_MATE + 1);
	SPOILED(tty->desc, 15);
	SPOILED(tty->desc, 0);
	SPOILED(tty->index, TERN_TERMINALS_MAX);
	SPOILED(tty->flags, TERN_TERMINAL_FLAGS_ALL + 1);
	SPOILED(tty->session, -1);
	SPOILED(tty->group, -1);
	SPOILED(tty->fd, -1);
	SPOILED(tty->input, 3);
	SPOILED(tty->output, TERN_TERMINAL_BYTES);
	SPOILED(tty->reserved, 1);
}

static void spoil_mates(void)
{
	struct tern_obj_desc *mate = find(TERN_OBJ_DESC, 15);
	struct tern_obj_peer *peer = find(TERN_OBJ_PEER, 0);

	SPOILED(mate->dev, 0);
	SPOILED(mate->dev, 100);
	SPOILED(mate->ino, 1U << 31);
	SPOILED(mate->kind, TERN_DESC_SOCKET);
	SPOILED(peer->fd, -1);
	SPOILED(peer->pid, -1);
	SPOILED(peer->uid, ~0U);
	SPOILED(peer->gid, ~0U);
	SPOILED(peer->name, 2);
	SPOILED(peer->name, TERN_SOCKET_NAME_MAX + 1);
	SPOILED(peer->reserved, 1);
}

static void spoil_times(void)
{
	struct tern_obj_times *times = find(TERN_OBJ_TIMES, 0);
	struct tern_obj_timer *timer = find(TERN_OBJ_TIMER, 0), *cpu = find(TERN_OBJ_TIMER, 1);

	SPOILED(times->armed, 2);
	SPOILED(times->cpu_armed, 1);
	SPOILED(times->cpu_armed, 8);
	SPOILED(times->next_timer, 1U << 31);
	SPOILED(times->reserved, 1);
	SPOILED(times->monotonic, ~0ULL);
	SPOILED(times->boottime, ~0ULL);
	SPOILED(times->itimer[ITIMER_REAL].expires, 1ULL << 63);
	SPOILED(times->itimer[ITIMER_PROF].interval, ~0ULL);
	SPOILED(times->itimer[ITIMER_VIRTUAL].expires, 1);
	SPOILED(timer->id, -1);
	SPOILED(timer->id, 7);
	SPOILED(timer->clock, CLOCK_REALTIME_ALARM);
	SPOILED(timer->clock, CLOCK_MONOTONIC);
	SPOILED(timer->clock, 99);
	SPOILED(timer->notify, 3);
	SPOILED(timer->notify, SIGEV_SIGNAL);
	SPOILED(timer->signo, 0);
	SPOILED(timer->signo, 65);
	SPOILED(timer->tid, 102);
	SPOILED(timer->tid, 0);
	SPOILED(timer->relative, 2);
	SPOILED(timer->state, 4);
	SPOILED(timer->again, -1);
	SPOILED(timer->overrun, -2);
	SPOILED(timer->overrun_last, -2);
	SPOILED(timer->expires, 1ULL << 63);
	SPOILED(timer->interval, ~0ULL);
	SPOILED(cpu->clock, CPU_CLOCK(102, 4 | 2));
	SPOILED(cpu->clock, CPU_CLOCK(101, 2));
	SPOILED(cpu->clock, CPU_CLOCK(0, 4 | 2));
	SPOILED(cpu->clock, CPU_CLOCK(101, 4 | 3));
	SPOILED(cpu->tid, 101);
	SPOILED(cpu->state, TERN_TIMER_PENDING);
}

static void spoil_vdso(void)
{
	struct tern_obj_vdso *vdso = find(TERN_OBJ_VDSO, 0);
	struct tern_obj_vma *vvar = find(TERN_OBJ_VMA, 3), *code = find(TERN_OBJ_VMA, 4);
	struct tern_obj *obj = (struct tern_obj *)vdso - 1;

	SPOILED(vdso->text, 0x6000);
	SPOILED(vdso->text, 0x7001);
	SPOILED(vdso->text, 0x8000000000000000);
	SPOILED(vdso->data, 0x6001);
	SPOILED(vdso->data, 0x8000);
	SPOILED(vdso->data, 0);
	SPOILED(obj->len, obj->len - 8);
	SPOILED(obj->len, obj->len - 4096);
	SPOILED(code->kind, TERN_VMA_VVAR);
	SPOILED(vvar->kind, TERN_VMA_VDSO);
	SPOILED(code->end, 0x9000);
}

static void spoil_carried(void)
{
	struct tern_obj_carried *gone = find(TERN_OBJ_CARRIED, 0);
	struct tern_obj_carried *mem = find(TERN_OBJ_CARRIED, 1);
	struct tern_obj_data *block = find(TERN_OBJ_DATA, 0), *five = find(TERN_OBJ_DATA, 1);
	struct tern_obj *data = (struct tern_obj *)five - 1;
	struct tern_obj_desc *desc = find(TERN_OBJ_DESC, 9);
	struct tern_obj_vma *view = find(TERN_OBJ_VMA, 5);
	char *name = (char *)(mem + 1);

	SPOILED(gone->id, 0);
	SPOILED(gone->id, 2);
	SPOILED(mem->id, 3);
	SPOILED(gone->kind, 0);
	SPOILED(gone->kind, 7);
	/* a segment, but for its name and how it is mapped */
	SPOILED(gone->kind, TERN_CARRIED_SYSV);
	SPOILED(mem->kind, TERN_CARRIED_SYSV);
	SPOILED(view->flags, TERN_VMA_SHARED | TERN_VMA_SYSV);
	SPOILED(((struct tern_obj_vma *)find(TERN_OBJ_VMA, 0))->flags, TERN_VMA_SYSV);
	SPOILED(((struct tern_obj_vma *)find(TERN_OBJ_VMA, 0))->flags, TERN_VMA_FLOCK_EX);
	SPOILED(mem->kind, TERN_CARRIED_TMPFILE);
	SPOILED(mem->kind, TERN_CARRIED_NAMED);
	SPOILED(gone->size, 1ULL << 63);
	SPOILED(gone->size, 69999);
	SPOILED(gone->size, 70001);
	SPOILED(gone->size, TERN_DATA_BLOCK);
	SPOILED(gone->mode, S_IFDIR);
	SPOILED(gone->mode, S_IFREG | 0200000);
	SPOILED(gone->uid, ~0U);
	SPOILED(gone->gid, ~0U);
	SPOILED(gone->mtime, ~0ULL);
	SPOILED(gone->seals, 1);
	SPOILED(gone->room, 4096);
	SPOILED(mem->room, 4096);
	SPOILED(gone->huge, 21);
	SPOILED(mem->huge, 21);
	SPOILED(mem->huge, 64);
	SPOILED(mem->reserved, 1);
	SPOILED(mem->seals, 0x40);
	SPOILED(mem->name, 2);
	SPOILED(name[0], 'x');
	SPOILED(block->carried, 0);
	SPOILED(block->carried, 2);
	SPOILED(block->carried, 3);
	SPOILED(block->reserved, 1);
	SPOILED(block->offset, 1);
	SPOILED(block->offset, 0);
	SPOILED(block->offset, 2 * TERN_DATA_BLOCK);
	SPOILED(block->offset, ~0ULL - TERN_DATA_BLOCK + 1);
	SPOILED(five->carried, 1);
	SPOILED(five->offset, TERN_DATA_BLOCK);
	SPOILED(data->len, data->len - 1);
	SPOILED(data->len, data->len + 1);
	SPOILED(desc->pipe, 0);
	SPOILED(desc->pipe, 2);
	SPOILED(desc->pipe, 3);
	SPOILED(view->memory, 0);
	SPOILED(view->memory, 3);
	SPOILED(view->kind, TERN_VMA_MEMORY);
	SPOILED(view->flags, 0);
	SPOILED(view->flags, TERN_VMA_SHARED | TERN_VMA_BACKED);
	SPOILED(desc->mode, S_IFDIR);
}

static void spoil_memory(void)
{
	struct tern_obj_vma *file = find(TERN_OBJ_VMA, 0), *anon = find(TERN_OBJ_VMA, 1);
	struct tern_obj_vma *shared = find(TERN_OBJ_VMA, 2);
	struct tern_obj_memory *memory = find(TERN_OBJ_MEMORY, 0);
	char *path = (char *)(file + 1);

	SPOILED(file->start, 0);
	SPOILED(file->start, 0x1001);
	SPOILED(file->end, 0x1000);
	SPOILED(file->end, 0x4000);
	SPOILED(anon->end, 0x800000000000);
	SPOILED(anon->end, 0x8000000000000000);
	SPOILED(anon->start, 0x2000);
	SPOILED(anon->prot, 8);
	SPOILED(anon->flags, 0x80000000);
	SPOILED(anon->kind, 7);
	SPOILED(anon->kind, TERN_VMA_FILE);
	SPOILED(anon->flags, TERN_VMA_SHARED);
	SPOILED(anon->flags, TERN_VMA_LOCK_ONFAULT);
	SPOILED(anon->flags, TERN_VMA_MAYWRITE);
	SPOILED(shared->prot, PROT_WRITE);
	SPOILED(anon->pkey, 1);
	SPOILED(anon->pkey, TERN_PKEYS);
	SPOILED(file->pgoff, ~0ULL);
	SPOILED(anon->memory, 1);
	SPOILED(shared->memory, 0);
	SPOILED(shared->memory, 2);
	SPOILED(shared->flags, 0);
	SPOILED(shared->flags, TERN_VMA_SHARED | TERN_VMA_BACKED);
	SPOILED(memory->id, 0);
	SPOILED(memory->id, 2);
	SPOILED(memory->id, ~0U);
	SPOILED(memory->kind, 0);
	SPOILED(memory->kind, 3);
	SPOILED(memory->size, 1ULL << 63);
	SPOILED(memory->name, 1);
	SPOILED(memory->name, 3);
	SPOILED(memory->reserved, 1);
	SPOILED(file->path, 0);
	SPOILED(path[0], 'x');
	SPOILED(path[3], '\0');
	SPOILED(path[sizeof(PATH) - 1], 'x');
	SPOILED(path[sizeof(PATH)], 'x');
}

static void spoil_files(void)
{
	struct tern_obj_desc *file = find(TERN_OBJ_DESC, 0), *epoll = find(TERN_OBJ_DESC, 2);
	struct tern_obj_desc *reader = find(TERN_OBJ_DESC, 1);
	struct tern_obj_fd *fd = find(TERN_OBJ_FD, 0);
	struct tern_obj_pipe *pipe = find(TERN_OBJ_PIPE, 0);
	struct tern_obj_epoll *reg = find(TERN_OBJ_EPOLL, 0);
	struct tern_obj_fs *fs = find(TERN_OBJ_FS, 0);

	SPOILED(file->id, 0);
	SPOILED(file->id, 2);
	SPOILED(file->id, 10);
	SPOILED(file->id, ~0U);
	SPOILED(file->kind, 0);
	SPOILED(file->mode, S_IFSOCK);
	SPOILED(file->pos, 1ULL << 63);
	SPOILED(file->owner, 1);
	SPOILED(file->owner, TERN_OWNER(100, 0, 65));
	SPOILED(file->owner, TERN_OWNER(101, 1, 0));
	SPOILED(file->owner, TERN_OWNER(-5, 0, 0));
	SPOILED(file->owner, TERN_OWNER(100, 2, 0));
	SPOILED(file->kind, TERN_DESC_PATH);
	SPOILED(file->pipe, 9);
	SPOILED(reader->pipe, 0);
	SPOILED(reader->pipe, 8);
	SPOILED(epoll->kind, TERN_DESC_NULL);
	SPOILED(fd->fd, -1);
	SPOILED(fd->fd, 5);
	SPOILED(fd->fd, 1048576);
	SPOILED(fd->desc, 0);
	SPOILED(fd->desc, 22);
	SPOILED(fd->cloexec, 2);
	SPOILED(pipe->data, 5000);
	SPOILED(pipe->capacity, 0);
	SPOILED(pipe->capacity, 0x80000000);
	SPOILED(reg->fd, -1);
	SPOILED(reg->desc, 1);
	SPOILED(reg->target, 0);
	SPOILED(reg->target, 2);
	SPOILED(reg->target, 22);
	SPOILED(fs->cwd, 3);
}

static void spoil_pieces(void)
{
	struct tern_obj_pipe *pipe = find(TERN_OBJ_PIPE, 1);
	__u32 *size = (__u32 *)(pipe + 1);

	SPOILED(pipe->pieces, 0);
	SPOILED(pipe->pieces, 1);
	SPOILED(pipe->pieces, 3);
	SPOILED(pipe->pieces, 0x40000002);
	SPOILED(pipe->data, 4);
	SPOILED(size[0], 0);
	SPOILED(size[0], 2);
	SPOILED(size[1], 1);
	SPOILED(size[1], TERN_PIPE_PACKET);
	SPOILED(size[1], ~0U);
}

static void spoil_events(void)
{
	struct tern_obj_desc *timer = find(TERN_OBJ_DESC, 3), *event = find(TERN_OBJ_DESC, 4);
	struct tern_obj_timerfd *t = find(TERN_OBJ_TIMERFD, 0);
	struct tern_obj_event *e = find(TERN_OBJ_EVENT, 0);

	SPOILED(timer->kind, TERN_DESC_EPOLL);
	SPOILED(timer->kind, TERN_DESC_SIGNALFD);
	SPOILED(event->kind, TERN_DESC_TIMERFD);
	SPOILED(t->desc, 0);
	SPOILED(t->desc, 1);
	SPOILED(t->desc, 5);
	SPOILED(t->desc, 9);
	SPOILED(t->clock, 2);
	SPOILED(t->flags, 4);
	SPOILED(t->reserved, 1);
	SPOILED(t->expires, 1ULL << 63);
	SPOILED(t->interval, ~0ULL);
	SPOILED(e->desc, 4);
	SPOILED(e->flags, 2);
}

static void spoil_watches(void)
{
	struct tern_obj_watch *w = find(TERN_OBJ_WATCH, 1);

	SPOILED(w->desc, 5);
	SPOILED(w->desc, 7);
	SPOILED(w->wd, 3);
	SPOILED(w->wd, 0);
	SPOILED(w->wd, TERN_WATCH_MAX + 1);
	SPOILED(w->mask, 0);
	SPOILED(w->mask, 0x01000002);
	SPOILED(w->path, 3);
	SPOILED(*(char *)(w + 1), 'x');
}

static void spoil_sockets(void)
{
	struct tern_obj_socket *a = find(TERN_OBJ_SOCKET, 0), *b = find(TERN_OBJ_SOCKET, 1);
	struct tern_obj_socket *l = find(TERN_OBJ_SOCKET, 2), *door = find(TERN_OBJ_SOCKET, 3);
	struct tern_obj_socket *caller = find(TERN_OBJ_SOCKET, 4);
	struct tern_message *m = (struct tern_message *)(b + 1);
	__u32 *right = (__u32 *)(m + 2);

	SPOILED(a->desc, 8);
	SPOILED(a->desc, 10);
	SPOILED(a->type, SOCK_RAW);
	SPOILED(a->type, SOCK_DGRAM);
	SPOILED(a->flags, 0);
	SPOILED(a->flags, TERN_SOCKET_BEREFT);
	SPOILED(a->flags, TERN_SOCKET_PAIR | TERN_SOCKET_BEREFT);
	SPOILED(a->flags, TERN_SOCKET_PAIR | (TERN_SOCKET_FLAGS_ALL + 1));
	SPOILED(a->pair, 0);
	SPOILED(a->pair, 6);
	SPOILED(a->shutdown, 4);
	SPOILED(a->peek_off, -2);
	SPOILED(a->sndbuf, ~0U);
	SPOILED(a->rcvtimeo, ~0ULL);
	SPOILED(a->name, 1);
	SPOILED(a->flags, TERN_SOCKET_LISTENS);
	SPOILED(l->name, 0);
	SPOILED(l->name, 3);
	SPOILED(l->messages, 1);
	SPOILED(l->flags, TERN_SOCKET_BEREFT);
	SPOILED(*(char *)(l + 1), 'x');
	SPOILED(l->mode, S_IFSOCK);
	SPOILED(l->ino, 1);
	SPOILED(*(char *)(door + 1), 0);
	SPOILED(((char *)(door + 1))[2], 'd');
	SPOILED(((char *)(door + 1))[3], '/');
	SPOILED(((char *)(door + 1))[4], 'd');
	SPOILED(door->path, 0);
	SPOILED(door->name, 3);
	SPOILED(door->mode, S_IFREG | 0600);
	SPOILED(door->uid, ~0U);
	SPOILED(door->gid, ~0U);
	SPOILED(caller->type, SOCK_STREAM);
	SPOILED(caller->flags, 0);
	SPOILED(caller->flags, TERN_SOCKET_CALLS | TERN_SOCKET_BEREFT);
	SPOILED(caller->flags, TERN_SOCKET_CALLS | TERN_SOCKET_LISTENS);
	SPOILED(caller->path, 0);
	SPOILED(caller->path, 8);
	SPOILED(caller->name, 1);
	SPOILED(caller->ino, 1);
	SPOILED(caller->uid, 1);
	SPOILED(*(char *)(caller + 1), 'd');
	SPOILED(((char *)(caller + 1))[7], '/');
	SPOILED(a->data, 1);
	SPOILED(a->messages, 1);
	SPOILED(b->data, 4);
	SPOILED(b->messages, 0x10000002);
	SPOILED(m[0].len, 0);
	SPOILED(m[0].len, 2);
	SPOILED(m[1].len, ~0U);
	SPOILED(m[1].pid, -1);
	SPOILED(m[1].uid, ~0U);
	SPOILED(m[0].rights, 1);
	SPOILED(m[1].rights, 0);
	SPOILED(m[1].rights, TERN_RIGHTS_MAX + 1);
	SPOILED(b->rights, 0);
	SPOILED(b->rights, 2);
	SPOILED(b->rights, 0x40000001);
	SPOILED(b->reserved, 1);
	SPOILED(*right, 0);
	SPOILED(*right, 1000);
	/* its own ends */
	SPOILED(*right, 7);
	SPOILED(*right, 8);
}

static void spoil_inet(void)
{
	struct tern_obj_inet *tcp = find(TERN_OBJ_INET, 0), *udp = find(TERN_OBJ_INET, 1);
	struct tern_obj_option *text = find(TERN_OBJ_OPTION, 0), *ttl = find(TERN_OBJ_OPTION, 1);
	struct tern_obj_interface *group = find(TERN_OBJ_INTERFACE, 0);
	struct tern_obj_interface *by = find(TERN_OBJ_INTERFACE, 1);
	struct tern_obj_datagram *d = find(TERN_OBJ_DATAGRAM, 0);
	struct tern_obj_netlink *route = find(TERN_OBJ_NETLINK, 0);

	SPOILED(tcp->desc, 18);
	SPOILED(tcp->desc, 20);
	SPOILED(tcp->family, AF_UNIX);
	SPOILED(tcp->type, SOCK_RAW);
	SPOILED(tcp->type, SOCK_DGRAM);
	SPOILED(tcp->flags, 0);
	SPOILED(tcp->flags, TERN_INET_LISTENS | TERN_INET_CONNECTED);
	SPOILED(tcp->flags, TERN_INET_FLAGS_ALL + 1);
	SPOILED(tcp->shutdown, 1);
	SPOILED(tcp->backlog, ~0U);
	SPOILED(tcp->port, 0);
	SPOILED(tcp->port, 65536);
	SPOILED(tcp->peer_port, 1);
	SPOILED(tcp->peer[15], 1);
	SPOILED(udp->type, SOCK_STREAM);
	SPOILED(udp->flags, 0);
	SPOILED(udp->shutdown, 4);
	SPOILED(udp->sndbuf, ~0U);
	SPOILED(udp->rcvbuf, ~0U);
	SPOILED(udp->backlog, 1);
	SPOILED(udp->peer_port, 65536);
	SPOILED(udp->local[4], 1);
	SPOILED(udp->peer[15], 1);
	SPOILED(group->desc, 19);
	SPOILED(group->family, AF_UNIX);
	SPOILED(group->use, TERN_INTERFACE_UNICAST);
	SPOILED(group->use, TERN_INTERFACE_UNICAST + 1);
	SPOILED(group->include, 2);
	SPOILED(group->nr_sources, 0);
	SPOILED(group->nr_sources, 2);
	SPOILED(group->nr_sources, ~0U);
	SPOILED(group->name[0], 0);
	SPOILED(group->name[15], 'x');
	SPOILED(group->address[4], 1);
	SPOILED(((__u8 *)(group + 1))[4], 1);
	SPOILED(by->desc, 19);
	SPOILED(by->include, 1);
	SPOILED(text->desc, 18);
	SPOILED(text->desc, 0);
	SPOILED(text->desc, 1000);
	SPOILED(text->name, TCP_REPAIR);
	SPOILED(text->level, SOL_SOCKET);
	SPOILED(text->len, 3);
	SPOILED(text->len, 17);
	SPOILED(text->value[15], 1);
	SPOILED(ttl->desc, 18);
	SPOILED(ttl->len, 3);
	SPOILED(ttl->len, 8);
	SPOILED(ttl->value[4], 1);
	SPOILED(route->desc, 20);
	SPOILED(route->type, SOCK_STREAM);
	SPOILED(route->protocol, NETLINK_GENERIC);
	SPOILED(route->sndbuf, ~0U);
	SPOILED(route->rcvbuf, ~0U);
	SPOILED(d->fd, -1);
	SPOILED(d->fd, 1048576);
	SPOILED(d->version, 5);
	SPOILED(d->port, 65536);
	SPOILED(d->own_port, 65536);
	SPOILED(d->segment, 4);
	SPOILED(d->len, 2);
	SPOILED(d->len, 4);
	SPOILED(d->from[4], 1);
	SPOILED(d->to[15], 1);
}

static void spoil_late(void)
{
	struct tern_obj_late *late = find(TERN_OBJ_LATE, 0);

	SPOILED(late->fd, -2);
	SPOILED(late->fd, 1048576);
	SPOILED(late->reserved, 1);
	/* which does not belong into an image */
	SPOILED(((struct tern_obj *)late)[-1].type, TERN_OBJ_TCP);
}

static void spoil_barrier(void)
{
	struct tern_obj_barrier *barrier = find(TERN_OBJ_BARRIER, 0);

	SPOILED(barrier->fd, -1);
	SPOILED(barrier->fd, 1048576);
	SPOILED(barrier->flags, TERN_BARRIER_UNWRITTEN << 1);
}

static void spoil_connections(void)
{
	struct tern_obj_tcp *tcp = find(TERN_OBJ_TCP, 0);
	struct tern_obj_stream *first = find(TERN_OBJ_STREAM, 0), *last = find(TERN_OBJ_STREAM, 1);

	/* nor anything else into this, nor bytes of nobody */
	SPOILED(((struct tern_obj *)tcp)[-1].type, TERN_OBJ_LATE);
	SPOILED(((struct tern_obj *)tcp)[-1].type, TERN_OBJ_STREAM);
	SPOILED(tcp->fd, -2);
	SPOILED(tcp->fd, 1048576);
	SPOILED(tcp->family, AF_UNIX);
	SPOILED(tcp->flags, TERN_TCP_FLAGS_ALL + 1);
	SPOILED(tcp->shutdown, 4);
	SPOILED(tcp->port, 0);
	SPOILED(tcp->port, 65536);
	SPOILED(tcp->peer_port, 0);
	SPOILED(tcp->peer_port, 65536);
	SPOILED(tcp->local[4], 1);
	SPOILED(tcp->peer[15], 1);
	SPOILED(first->queue, TERN_NR_QUEUES);
	SPOILED(first->len, 0);
	SPOILED(first->len, 2);
	SPOILED(first->len, 4);
	SPOILED(first->len, TERN_STREAM_MAX + 1);
	SPOILED(last->queue, TERN_NR_QUEUES);
	/* not in their order */
	first->queue = TERN_QUEUE_UNSENT;
	SPOILED(last->queue, TERN_QUEUE_SENT);
	first->queue = TERN_QUEUE_RECEIVED;
}

static void sockets(void)
{
	struct tern_image whole = image;

	image = (struct tern_image) { 0 };
	are_sockets = true;
	CHECK(!check());
	build_sockets();
	CHECK(!check());
	spoil_connections();
	image.len--;
	CHECK(check() == -EBADMSG);
	tern_image_free(&image);
	image = whole;
	are_sockets = false;
}

static void spoil_locks(void)
{
	struct tern_obj_lock *l = find(TERN_OBJ_LOCK, 0);

	SPOILED(l->desc, 0);
	SPOILED(l->desc, 2);
	SPOILED(l->desc, 9);
	SPOILED(l->kind, 0);
	SPOILED(l->kind, 4);
	SPOILED(l->kind, TERN_LOCK_FLOCK);
	SPOILED(l->write, 2);
	SPOILED(l->reserved, 1);
	SPOILED(l->start, 1ULL << 63);
	SPOILED(l->len, (1ULL << 63) - 1);
}

static void spoil_frame(void)
{
	struct tern_obj *first = image.data;
	struct tern_obj *anon = (struct tern_obj *)find(TERN_OBJ_VMA, 1) - 1;
	struct tern_obj_end *end = find(TERN_OBJ_END, 0);
	size_t len;

	SPOILED(first->len, 0);
	SPOILED(first->len, 15);
	SPOILED(first->len, ~0U);
	SPOILED(first->version, 2);
	SPOILED(first->reserved, 1);
	SPOILED(first->flags, 2);
	SPOILED(first->type, TERN_OBJ_FS);
	SPOILED(anon->type, 0);
	SPOILED(anon->type, 99);
	SPOILED(anon->type, TERN_OBJ_CREDS);
	SPOILED(end->objects, end->objects - 1);
	SPOILED(image.len, 0);
	SPOILED(image.len, image.len - 4);
	SPOILED(image.len, image.len - 8);
	for (len = 8; len < image.len; len += 8)
		SPOILED(image.len, len);
	anon->type = 99;
	anon->flags = TERN_OBJ_MAY_SKIP;
	CHECK(!check());
	anon->type = TERN_OBJ_VMA;
	anon->flags = 0;
}

static unsigned int rnd(void)
{
	static unsigned int state = 12345;

	state = state * 1103515245 + 12345;
	return state >> 8;
}

/* Harmless is all that is asked for: some flips are of bits that may be anything. */
static void flip(void)
{
	unsigned int i, j, refused = 0;
	unsigned char *old = malloc(image.len);

	memcpy(old, image.data, image.len);
	for (i = 0; i < 3000; i++) {
		for (j = 0; j <= i % 5; j++)
			((unsigned char *)image.data)[rnd() % image.len] ^= 1U << rnd() % 8;
		refused += check() < 0;
		memcpy(image.data, old, image.len);
	}
	free(old);
	CHECK(refused > 300);
	CHECK(!check());
}

static int write_seed(const char *path)
{
	FILE *f = fopen(path, "we");
	bool ok = f && fwrite(image.data, image.len, 1, f) == 1;

	return f && !fclose(f) && ok ? 0 : 1;
}

/* With two arguments: write there what is sound, for the fuzzers to start with. */
static int write_seeds(const char *whole, const char *sockets)
{
	int rc = write_seed(whole);

	tern_image_free(&image);
	build_sockets();
	return rc ? rc : write_seed(sockets);
}

/* Sound already: what has not changed is not looked at again, and harms nobody. */
static void changes(void)
{
	const __u64 types[] = {
		0, TERN_TYPE(VMA), TERN_TYPE(FD), TERN_TYPE(PIPE), TERN_TYPE(EPOLL),
		TERN_TYPE(THREAD), TERN_TYPES_ALL,
	};
	struct tern_obj_pipe pipe = { .pipe = 10, .capacity = 4096 };
	struct tern_obj_vma *vma = find(TERN_OBJ_VMA, 0);
	struct tern_obj_pipe *first = find(TERN_OBJ_PIPE, 0);
	struct tern_why why = { "" };
	unsigned int i;

	PUT(TERN_OBJ_PIPE, pipe, NULL, 0);
	CHECK(!check());
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		CHECK(!tern_image_check_changes(&image, types[i], &why));
	/* and what has changed is, with all that it is related to */
	vma->end = vma->start;
	CHECK(tern_image_check_changes(&image, TERN_TYPE(VMA), &why) == -EBADMSG);
	vma->end = 0x3000;
	first->pipe = 10;
	CHECK(tern_image_check_changes(&image, TERN_TYPE(FD), &why) == -EBADMSG);
	first->pipe = 9;
	CHECK(!check());
}

int main(int argc, char **argv)
{
	build();
	if (argc > 1)
		return argc == 3 ? write_seeds(argv[1], argv[2]) : 2;
	CHECK(!check());
	if (check()) {
		struct tern_why why = { "" };

		tern_image_check(&image, &why);
		printf("# %s\n", why.text);
	}
	spoil_process();
	spoil_tree();
	spoil_terminals();
	spoil_mates();
	spoil_times();
	spoil_memory();
	spoil_carried();
	spoil_vdso();
	spoil_files();
	spoil_pieces();
	spoil_events();
	spoil_watches();
	spoil_sockets();
	spoil_inet();
	spoil_late();
	spoil_barrier();
	sockets();
	spoil_locks();
	spoil_frame();
	changes();
	flip();
	tern_image_free(&image);
	return done();
}
