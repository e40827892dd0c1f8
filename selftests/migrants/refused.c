// SPDX-License-Identifier: GPL-2.0
/*
 * A process that cannot move, for a reason of the caller's choice. It waits for
 * "stop" and leaves nothing behind.
 *
 * usage: refused DIR WHAT
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

static pid_t child;
static int shm = -1, other = -1;

static void made(long rc)
{
	check(rc >= 0, "cannot make it: %s", strerror(errno));
}

static void make_tcp(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(addr);

	made(bind(server, (void *)&addr, sizeof(addr)));
	made(listen(server, 1));
	made(getsockname(server, (void *)&addr, &len));
	made(connect(client, (void *)&addr, sizeof(addr)));
	made(accept(server, NULL, NULL));
	close(server);
}

static void make_shm(void)
{
	made(shm = shmget(IPC_PRIVATE, 4096, 0600));
	check(shmat(shm, NULL, 0) != (void *)-1, "shmat: %s", strerror(errno));
}

static void make_io_uring(void)
{
	struct io_uring_params params = { 0 };

	made(syscall(SYS_io_uring_setup, 4, &params));
}

static void make_child(void)
{
	made(child = fork());
	if (!child)
		for (;;)
			pause();
}

static void make_zombie(void)
{
	made(child = fork());
	if (!child)
		_exit(0);
	/* dead, and still not waited for */
	waitid(P_PID, child, NULL, WEXITED | WNOWAIT);
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

static void make_memfd(void)
{
	made(memfd_create("refused", 0));
}

static void make_unix(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	/* a name that the kernel chooses */
	made(bind(fd, (void *)&addr, sizeof(addr.sun_family)));
}

static void make_rights(void)
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
	int fds[2];

	/* descriptor 0 */
	made(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	made(sendmsg(fds[0], &msg, 0));
}

static void make_shared(void)
{
	check(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) !=
	      MAP_FAILED, "mmap: %s", strerror(errno));
}

static void make_timer(void)
{
	timer_t timer;

	made(timer_create(CLOCK_MONOTONIC, NULL, &timer));
}

static void make_itimer(void)
{
	alarm(100000);
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

static void make_pipe_out(void)
{
	int fds[2];

	/* somebody else, whose child we are not, has the other end */
	made(pipe(fds));
	made(child = fork());
	if (!child) {
		if (fork())
			_exit(0);
		prctl(PR_SET_PDEATHSIG, 0);
		close(fds[1]);
		while (read(fds[0], &(char){ 0 }, 1) > 0)
			;
		_exit(0);
	}
	waitpid(child, NULL, 0);
	child = 0;
	close(fds[0]);
}

static void make_mlock(void)
{
	static char page[8192];

	made(mlock(page, sizeof(page)));
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
	{ "child", make_child },
	{ "zombie", make_zombie },
	{ "traced", make_traced },
	{ "eventfd_out", make_eventfd_out },
	{ "fanotify", make_fanotify },
	{ "memfd", make_memfd },
	{ "unix", make_unix },
	{ "rights", make_rights },
	{ "shared", make_shared },
	{ "timer", make_timer },
	{ "itimer", make_itimer },
	{ "lease", make_lease },
	{ "lock", make_lock },
	{ "flock", make_flock },
	{ "deleted", make_deleted },
	{ "pipe_out", make_pipe_out },
	{ "mlock", make_mlock },
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
	if (child > 0)
		kill(child, SIGKILL);
	migrant_ok("hops=%u", migrant.hops);
}
