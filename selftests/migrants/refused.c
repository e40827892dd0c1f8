// SPDX-License-Identifier: GPL-2.0
/*
 * A process that cannot move, for a reason of the caller's choice. It waits for
 * "stop" and leaves nothing behind.
 *
 * usage: refused DIR WHAT
 */
#include <asm/ldt.h>
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/mempolicy.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/file.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

static pid_t child;
static int shm = -1, other = -1, sem = -1;
static char local[64];
static bool stays;

static void made(long rc)
{
	check(rc >= 0, "cannot make it: %s", strerror(errno));
}

/* A server on the loopback interface, and who has called it, not accepted yet. */
static int call_server(int *server)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	int client = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(addr);

	*server = socket(AF_INET, SOCK_STREAM, 0);
	made(bind(*server, (void *)&addr, sizeof(addr)));
	made(listen(*server, 1));
	made(getsockname(*server, (void *)&addr, &len));
	made(connect(client, (void *)&addr, sizeof(addr)));
	return client;
}

static void make_tcp(void)
{
	int server;

	call_server(&server);
	made(accept(server, NULL, NULL));
	close(server);
}

static void make_tcp_waiting(void)
{
	int server;

	close(call_server(&server));
}

/* Of a segment only a part. */
static void make_shm(void)
{
	char *at;

	made(shm = shmget(IPC_PRIVATE, 8192, 0600));
	at = shmat(shm, NULL, 0);
	check(at != (void *)-1, "shmat: %s", strerror(errno));
	made(munmap(at, 4096));
}

static void make_io_uring(void)
{
	struct io_uring_params params = { 0 };

	made(syscall(SYS_io_uring_setup, 4, &params));
}

static int begun[2];

/* What follows is about a child, which does @be and waits to be ended. */
static void make_child(void (*be)(void))
{
	char byte;

	made(pipe2(begun, O_CLOEXEC));
	made(child = fork());
	if (!child) {
		close(begun[0]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		be();
		close(begun[1]);
		for (;;)
			pause();
	}
	close(begun[1]);
	check(!read(begun[0], &byte, 1), "the child has failed");
	close(begun[0]);
}

/* A child of the child. */
static void idle(void)
{
	close(begun[1]);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

/* Its own child is in the session that it has left. */
static void leave_session(void)
{
	pid_t inner;

	made(inner = fork());
	if (!inner)
		idle();
	made(setsid());
}

static void make_other_session(void)
{
	make_child(leave_session);
}

/* Its group has the number of a child that has ended, and is not waited for. */
static void join_group(void)
{
	siginfo_t info;
	pid_t leader;

	made(leader = fork());
	if (!leader)
		idle();
	made(setpgid(leader, leader));
	made(setpgid(0, leader));
	made(kill(leader, SIGKILL));
	made(waitid(P_PID, leader, &info, WEXITED | WNOWAIT));
}

static void make_other_group(void)
{
	make_child(join_group);
}

static int nameless;

static void open_again(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", nameless);
	made(open(path, O_RDWR));
}

static void make_memfd_with_child(void)
{
	made(nameless = memfd_create("nameless", 0));
	make_child(open_again);
}

static char fifo[600];

static void open_fifo(void)
{
	made(open(fifo, O_RDWR));
}

static void make_fifo_with_child(void)
{
	snprintf(fifo, sizeof(fifo), "%s/fifo", migrant.dir);
	made(mkfifo(fifo, 0600));
	open_fifo();
	make_child(open_fifo);
}

/* Its child looks at it, as a debugger does. */
static void make_traced(void)
{
	pid_t self = getpid();
	int status, ready[2];
	char byte;

	made(pipe(ready));
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	made(child = fork());
	if (!child) {
		/* twice: the debugger is not the child of whom it debugs */
		if (fork())
			_exit(0);
		made(ptrace(PTRACE_SEIZE, self, 0, 0));
		check(write(ready[1], "x", 1) == 1, "write");
		for (;;)
			if (waitpid(self, &status, __WALL) < 0 || WIFEXITED(status))
				_exit(0);
			else
				ptrace(PTRACE_CONT, self, 0, WSTOPSIG(status));
	}
	made(waitpid(child, NULL, 0));
	child = 0;
	made(read(ready[0], &byte, 1) - 1);
	close(ready[0]);
	close(ready[1]);
}

/* Somebody else, whose child we are not, has it, too, until it is told to end. */
static void make_eventfd_out(void)
{
	int fd = eventfd(0, 0);

	made(fd);
	made(child = fork());
	if (!child) {
		if (fork())
			_exit(0);
		eventfd_read(fd, &(eventfd_t){ 0 });
		_exit(0);
	}
	waitpid(child, NULL, 0);
	child = 0;
	other = fd;
}

static void make_fanotify(void)
{
	made(fanotify_init(FAN_CLASS_NOTIF, O_RDONLY));
}

/* Whoever has the eventfd has this, too. */
static void make_deleted_out(void)
{
	made(memfd_create("refused", 0));
	make_eventfd_out();
}

static void make_unix(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	/* a name that the kernel chooses */
	made(bind(fd, (void *)&addr, sizeof(addr.sun_family)));
}

static void send_right(int sock, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {
		.head = {
			.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		},
	};
	struct iovec iov = { "x", 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	made(sendmsg(sock, &msg, 0));
}

static void make_rights(void)
{
	int fds[2], fd = epoll_create1(0);

	made(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	send_right(fds[0], fd);
	close(fd);
}

/* A socket, to its own other end. */
static void make_rights_in_rights(void)
{
	int fds[2];

	made(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	send_right(fds[0], fds[0]);
}

/* To its parent, which is made first. */
static void make_rights_of_child(void)
{
	int fds[2];

	made(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	made(child = fork());
	if (!child) {
		send_right(fds[0], eventfd(0, 0));
		for (;;)
			pause();
	}
}

static void *make_dead_timer(void *unused)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	timer_t timer;

	event._sigev_un._tid = syscall(SYS_gettid);
	made(timer_create(CLOCK_MONOTONIC, &event, &timer));
	return unused;
}

/* It tells a thread that has ended. */
static void make_timer(void)
{
	pthread_t thread;

	made(-pthread_create(&thread, NULL, make_dead_timer, NULL));
	made(-pthread_join(thread, NULL));
}

static void make_deadline(void)
{
	/* as sched_setattr(2) takes it; half of every second */
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} attr = { .size = 48, .policy = SCHED_DEADLINE, .runtime = 500000000,
		   .deadline = 1000000000, .period = 1000000000 };

	made(syscall(SYS_sched_setattr, 0, &attr, 0));
}

static void make_keyring(void)
{
	made(syscall(SYS_add_key, "user", "tern", "x", 1, KEY_SPEC_PROCESS_KEYRING));
}

static void make_keys(void)
{
	made(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL));
	made(syscall(SYS_add_key, "user", "one", "x", 1, KEY_SPEC_SESSION_KEYRING));
	made(syscall(SYS_add_key, "user", "two", "x", 1, KEY_SPEC_SESSION_KEYRING));
}

static void make_undo(void)
{
	struct sembuf up = { .sem_op = 1, .sem_flg = SEM_UNDO };

	made(sem = semget(IPC_PRIVATE, 1, 0600));
	made(semop(sem, &up, 1));
}

static void make_lease(void)
{
	char path[600];
	int fd;

	snprintf(path, sizeof(path), "%s/leased", migrant.dir);
	made(fd = open(path, O_RDONLY | O_CREAT, 0600));
	made(fcntl(fd, F_SETLEASE, F_RDLCK));
}

/* Its directory is on a network file system. */
static void make_lock(void)
{
	char path[600];
	int fd;

	snprintf(path, sizeof(path), "%s/locked", migrant.dir);
	made(fd = open(path, O_RDWR | O_CREAT, 0600));
	made(lockf(fd, F_LOCK, 0));
}

static void make_flock(void)
{
	char path[600];
	int fd;

	snprintf(path, sizeof(path), "%s/locked", migrant.dir);
	made(fd = open(path, O_RDWR | O_CREAT, 0600));
	made(flock(fd, LOCK_EX));
}

static void make_deleted(void)
{
	char path[600];
	int fd;

	snprintf(path, sizeof(path), "%s/deleted", migrant.dir);
	made(fd = open(path, O_RDONLY | O_CREAT, 0600));
	made(unlink(path));
}

/* Somebody else, whose parent we are not, has the other end, until ours is closed. */
static void give_away(int fds[2])
{
	made(child = fork());
	if (!child) {
		if (fork())
			_exit(0);
		close(fds[1]);
		while (read(fds[0], &(char){ 0 }, 1) > 0)
			;
		_exit(0);
	}
	waitpid(child, NULL, 0);
	child = 0;
	close(fds[0]);
}

static void make_pipe_out(void)
{
	int fds[2];

	made(pipe(fds));
	give_away(fds);
}

static void make_unix_out(void)
{
	int fds[2];

	made(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	give_away(fds);
}

/* ---- memory ------------------------------------------------------------------------ */

/* Of a file of its own on a local file system, which goes when it ends. */
static int open_local(void)
{
	int fd;

	snprintf(local, sizeof(local), "/tmp/refused.%d", getpid());
	made(fd = open(local, O_RDWR | O_CREAT | O_EXCL, 0600));
	made(ftruncate(fd, 8192));
	return fd;
}

static void map(int fd, int prot, off_t at)
{
	check(mmap(NULL, 4096, prot, MAP_SHARED, fd, at) != MAP_FAILED, "mmap: %s",
	      strerror(errno));
}

static void make_mapped(void)
{
	int fd = open_local();

	map(fd, PROT_READ | PROT_WRITE, 0);
	close(fd);
}

static void make_local(void)
{
	open_local();
}

/* Opened once more by the other, who has closed what it has inherited. */
static void make_deleted_again(void)
{
	int fd = memfd_create("refused", 0);
	char path[64];

	made(fd);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), fd);
	made(other = eventfd(0, 0));
	made(child = fork());
	if (!child) {
		int again = open(path, O_PATH);

		close(fd);
		if (again < 0 || fork())
			_exit(again < 0);
		eventfd_read(other, &(eventfd_t){ 0 });
		_exit(0);
	}
	waitpid(child, NULL, 0);
	child = 0;
}

static void make_deleted_place(void)
{
	char dir[64], path[96];

	snprintf(dir, sizeof(dir), "/tmp/refused.%d", getpid());
	snprintf(path, sizeof(path), "%s/file", dir);
	made(mkdir(dir, 0700));
	made(open(path, O_RDWR | O_CREAT, 0600));
	made(unlink(path));
	made(rmdir(dir));
}

static void make_deleted_large(void)
{
	int fd = memfd_create("refused", 0);

	made(fd);
	made(fallocate(fd, 0, 0, 20 << 20));
}

/* The name by which it was opened has gone, another is there. */
static void make_linked(void)
{
	char other_name[sizeof(local) + 8];

	open_local();
	snprintf(other_name, sizeof(other_name), "%s.link", local);
	made(link(local, other_name));
	made(unlink(local));
	strcpy(local, other_name);
}

static int make_memory(void)
{
	int fd = memfd_create("refused", 0);

	made(fd);
	made(ftruncate(fd, 8192));
	map(fd, PROT_READ | PROT_WRITE, 0);
	return fd;
}

/* Whoever has the eventfd has it open, too. */
static void make_memory_out(void)
{
	int fd = make_memory();

	make_eventfd_out();
	close(fd);
}

/* Two views of one memory: a missing page would be noticed in one of them only. */
static void make_views(void)
{
	int fd = make_memory();

	map(fd, PROT_READ | PROT_WRITE, 0);
	close(fd);
}

/* A file that has a name, in a file system that goes with it. */
static int open_huge(void)
{
	int dir = migrant_hugetlbfs(), fd;

	made(dir);
	made(fd = openat(dir, "huge", O_RDWR | O_CREAT, 0600));
	close(dir);
	return fd;
}

static void make_huge(void)
{
	open_huge();
}

/* It need not have any pages for that. */
static void make_huge_mapped(void)
{
	int fd = open_huge();

	check(mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0) !=
	      MAP_FAILED, "mmap: %s", strerror(errno));
	close(fd);
}

static void make_view(void)
{
	int fd = make_memory(), ro;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	made(ro = open(path, O_RDONLY));
	map(ro, PROT_READ, 4096);
	close(ro);
	close(fd);
}

static void make_uffd(void)
{
	static char pages[8192] __attribute__((aligned(4096)));
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { .start = (unsigned long)pages, .len = sizeof(pages) },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	made(fd);
	made(ioctl(fd, UFFDIO_API, &api));
	made(ioctl(fd, UFFDIO_REGISTER, &reg));
}

static void make_ldt(void)
{
	struct user_desc desc = { .entry_number = 0, .limit = 1, .seg_32bit = 1 };

	made(syscall(SYS_modify_ldt, 1, &desc, sizeof(desc)));
}

/* A byte of the ELF header that nobody looks at. */
static void make_vdso(void)
{
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);

	made(pwrite(fd, "x", 1, getauxval(AT_SYSINFO_EHDR) + EI_NIDENT - 1));
	close(fd);
}

/* ---- process and threads ------------------------------------------------------------- */

static void *stay(void *make)
{
	((void (*)(void))make)();
	__atomic_store_n(&stays, true, __ATOMIC_RELEASE);
	for (;;)
		pause();
	return NULL;
}

/* In a thread that stays. */
static void in_thread(void (*make)(void))
{
	pthread_t thread;

	made(-pthread_create(&thread, NULL, stay, (void *)make));
	while (!__atomic_load_n(&stays, __ATOMIC_ACQUIRE))
		usleep(1000);
}

static void other_user(void)
{
	/* the call alone: the library would tell all threads */
	made(syscall(SYS_setresuid, 4242, 4242, 4242));
}

static void make_thread_creds(void)
{
	in_thread(other_user);
}

static void other_files(void)
{
	made(unshare(CLONE_FILES));
}

static void make_thread_files(void)
{
	in_thread(other_files);
}

static void make_cwd(void)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/gone", migrant.dir);
	made(mkdir(path, 0700));
	made(chdir(path));
	made(rmdir(path));
}

static void make_timer_other(void)
{
	clockid_t clock;
	timer_t timer;

	made(-clock_getcpuclockid(1, &clock));
	made(timer_create(clock, NULL, &timer));
}

static void make_mount_ns(void)
{
	made(unshare(CLONE_NEWNS));
}

static void make_net_ns(void)
{
	made(unshare(CLONE_NEWNET));
}

static void make_uts_ns(void)
{
	made(unshare(CLONE_NEWUTS));
}

static void make_ipc_ns(void)
{
	made(unshare(CLONE_NEWIPC));
}

static void make_cgroup_ns(void)
{
	made(unshare(CLONE_NEWCGROUP));
}

static void make_pid_ns(void)
{
	made(unshare(CLONE_NEWPID));
}

static void make_user_ns(void)
{
	made(unshare(CLONE_NEWUSER));
}

static void make_numa(void)
{
	unsigned long nodes = 1;

	made(syscall(SYS_set_mempolicy, MPOL_PREFERRED, &nodes, 8 * sizeof(nodes)));
}

static void make_seccomp(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog filter = { .len = 1, .filter = &allow };

	made(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter));
}

static void make_dispatch(void)
{
	static char selector = SYSCALL_DISPATCH_FILTER_ALLOW;

	made(prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, &selector));
}

static void make_ioperm(void)
{
	made(ioperm(0x80, 1, 1));
}

/* ---- descriptors --------------------------------------------------------------------- */

static void make_proc(void)
{
	made(open("/proc/self/stat", O_RDONLY));
}

static void make_dir(void)
{
	DIR *dir = opendir("/usr");

	check(dir && readdir(dir), "opendir: %s", strerror(errno));
}

/* Its other end is somebody else's, who ends when this one is closed. */
static void make_tty(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	char byte;

	made(master);
	made(unlockpt(master));
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	made(slave);
	made(child = fork());
	if (!child) {
		if (fork())
			_exit(0);
		close(slave);
		_exit(read(master, &byte, 1) < 0);
	}
	waitpid(child, NULL, 0);
	child = 0;
	close(master);
}

static void make_device(void)
{
	made(open("/dev/kmsg", O_RDONLY));
}

static const struct sockaddr_in nobody = {
	.sin_family = AF_INET, .sin_addr.s_addr = 0x0100007f, .sin_port = 0x0100,
};

static int to_nobody(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	made(connect(fd, (void *)&nobody, sizeof(nobody)));
	return fd;
}

static void make_udp_more(void)
{
	made(send(to_nobody(), "a", 1, MSG_MORE));
}

/* Nobody is there. */
static void make_udp_error(void)
{
	int fd = to_nobody();
	struct pollfd ready = { .fd = fd };

	made(send(fd, "a", 1, 0));
	made(poll(&ready, 1, 10000) - 1);
}

static void make_udp_filter(void)
{
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, ~0U);
	struct sock_fprog program = { .len = 1, .filter = &all };

	made(setsockopt(to_nobody(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)));
}

static void make_udp_out(void)
{
	to_nobody();
	make_eventfd_out();
}

static void make_ping(void)
{
	FILE *range = fopen("/proc/sys/net/ipv4/ping_group_range", "w");

	made(range ? fputs("0 0", range) : -1);
	fclose(range);
	made(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP));
}

static void make_raw(void)
{
	made(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

static void make_packet(void)
{
	made(socket(AF_PACKET, SOCK_DGRAM, 0));
}

static void make_netlink(void)
{
	made(socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC));
}

static void make_owner(void)
{
	int fds[2];

	made(pipe(fds));
	made(fcntl(fds[0], F_SETOWN, 1));
}

static void make_nothing(void)
{
}

static const struct {
	const char *name;
	void (*make)(void);
} whats[] = {
	{ "nothing", make_nothing },
	{ "tcp", make_tcp },
	{ "shm", make_shm },
	{ "io_uring", make_io_uring },
	{ "other_session", make_other_session },
	{ "other_group", make_other_group },
	{ "memfd_with_child", make_memfd_with_child },
	{ "fifo_with_child", make_fifo_with_child },
	{ "traced", make_traced },
	{ "eventfd_out", make_eventfd_out },
	{ "fanotify", make_fanotify },
	{ "deleted_out", make_deleted_out },
	{ "deleted_again", make_deleted_again },
	{ "deleted_place", make_deleted_place },
	{ "deleted_large", make_deleted_large },
	{ "linked", make_linked },
	{ "unix", make_unix },
	{ "views", make_views },
	{ "mapped", make_mapped },
	{ "local", make_local },
	{ "memory_out", make_memory_out },
	{ "view", make_view },
	{ "huge", make_huge },
	{ "huge_mapped", make_huge_mapped },
	{ "uffd", make_uffd },
	{ "ldt", make_ldt },
	{ "vdso", make_vdso },
	{ "thread_creds", make_thread_creds },
	{ "thread_files", make_thread_files },
	{ "cwd", make_cwd },
	{ "timer_other", make_timer_other },
	{ "mount_ns", make_mount_ns },
	{ "net_ns", make_net_ns },
	{ "uts_ns", make_uts_ns },
	{ "ipc_ns", make_ipc_ns },
	{ "cgroup_ns", make_cgroup_ns },
	{ "pid_ns", make_pid_ns },
	{ "user_ns", make_user_ns },
	{ "numa", make_numa },
	{ "seccomp", make_seccomp },
	{ "dispatch", make_dispatch },
	{ "ioperm", make_ioperm },
	{ "proc", make_proc },
	{ "dir", make_dir },
	{ "tty", make_tty },
	{ "device", make_device },
	{ "tcp_waiting", make_tcp_waiting },
	{ "udp_more", make_udp_more },
	{ "udp_error", make_udp_error },
	{ "udp_filter", make_udp_filter },
	{ "udp_out", make_udp_out },
	{ "ping", make_ping },
	{ "raw", make_raw },
	{ "packet", make_packet },
	{ "netlink", make_netlink },
	{ "owner", make_owner },
	{ "unix_out", make_unix_out },
	{ "timer", make_timer },
	{ "deadline", make_deadline },
	{ "keyring", make_keyring },
	{ "keys", make_keys },
	{ "undo", make_undo },
	{ "rights", make_rights },
	{ "rights_in_rights", make_rights_in_rights },
	{ "rights_of_child", make_rights_of_child },
	{ "lease", make_lease },
	{ "lock", make_lock },
	{ "flock", make_flock },
	{ "deleted", make_deleted },
	{ "pipe_out", make_pipe_out },
};

int main(int argc, char **argv)
{
	struct timespec pause = { .tv_nsec = 50000000 };
	unsigned int i, n = sizeof(whats) / sizeof(whats[0]);

	migrant_start(argc, argv, 1, "WHAT");
	for (i = 0; i < n && strcmp(whats[i].name, argv[2]); i++)
		;
	if (i == n)
		migrant_fail("no such thing: %s", argv[2]);
	whats[i].make();
	migrant_tell("ready", "yes");
	while (migrant_step())
		nanosleep(&pause, NULL);
	if (shm >= 0)
		shmctl(shm, IPC_RMID, NULL);
	if (other >= 0)
		eventfd_write(other, 1);
	if (sem >= 0)
		semctl(sem, 0, IPC_RMID);
	if (local[0])
		unlink(local);
	if (child > 0)
		kill(child, SIGKILL);
	migrant_ok("hops=%u", migrant.hops);
}
