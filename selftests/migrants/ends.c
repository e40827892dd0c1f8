// SPDX-License-Identifier: GPL-2.0
/*
 * Pipes in unusual ways: open for both at once, opened once more by way of /proc, by
 * name, with boundaries (O_DIRECT); descriptors that only name something (O_PATH),
 * that send signals (F_SETOWN), and a directory that is being read.
 *
 * usage: ends DIR HOPS FIFO [SHARED]    FIFO: a named pipe, which each host has of
 *	its own; SHARED: a directory on a network file system
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

#define ENTRIES	40

static int both, reopened, pair[2], fifo_in, fifo_out, packets[2], dir_path, link_path;
static int owned[2], async[2];
static DIR *shared;
static char large[600];	/* a directory that takes several calls to read */
static unsigned int seen;

static const char *path_of(const char *name)
{
	static char path[600];

	snprintf(path, sizeof(path), "%s/%s", migrant.dir, name);
	return path;
}

static int must_open(const char *path, int flags)
{
	int fd = open(path, flags, 0600);

	check(fd >= 0, "%s: %s", path, strerror(errno));
	return fd;
}

/* The same pipe once more, through /proc. */
static int reopen(int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return must_open(path, flags);
}

static void put(int fd, const char *text)
{
	check(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "write: %s",
	      strerror(errno));
}

static void get(int fd, const char *want)
{
	char buf[64];
	ssize_t n = read(fd, buf, sizeof(buf));

	check(n == (ssize_t)strlen(want) && !memcmp(buf, want, n), "read \"%.*s\", not \"%s\"",
	      n > 0 ? (int)n : 0, buf, want);
}

/* What every hop must find, and leave. */
static void fill(void)
{
	put(both, "both");
	put(pair[1], "twice");
	put(fifo_out, "by name");
	put(packets[1], "one");
	put(packets[1], "and two");
	fcntl(packets[1], F_SETFL, 0);
	put(packets[1], "stream");
	put(packets[1], "ing");
	fcntl(packets[1], F_SETFL, O_DIRECT);
	put(packets[1], "three");
}

static void open_all(const char *fifo)
{
	int fds[2];

	check(!pipe(fds), "pipe: %s", strerror(errno));
	both = reopen(fds[0], O_RDWR);
	close(fds[0]);
	close(fds[1]);
	check(!pipe(pair), "pipe: %s", strerror(errno));
	reopened = reopen(pair[0], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	fifo_in = must_open(fifo, O_RDONLY | O_NONBLOCK);
	fifo_out = must_open(fifo, O_WRONLY);
	check(!pipe2(packets, O_DIRECT | O_CLOEXEC), "pipe2: %s", strerror(errno));
	check(!symlink("nowhere", path_of("link")), "symlink: %s", strerror(errno));
	dir_path = must_open(migrant.dir, O_PATH | O_DIRECTORY);
	link_path = must_open(path_of("link"), O_PATH | O_NOFOLLOW | O_CLOEXEC);
	check(!pipe(owned) && !pipe(async), "pipe: %s", strerror(errno));
	check(!fcntl(owned[0], F_SETOWN_EX,
		     &(struct f_owner_ex){ F_OWNER_TID, syscall(SYS_gettid) }) &&
	      !fcntl(async[0], F_SETOWN, getpid()) && !fcntl(async[0], F_SETSIG, SIGRTMIN + 3) &&
	      !fcntl(async[0], F_SETFL, O_ASYNC | O_NONBLOCK), "owner: %s", strerror(errno));
}

static void check_pipes(void)
{
	struct pollfd p = { .fd = reopened, .events = POLLIN };

	get(both, "both");
	check(poll(&p, 1, 0) == 1, "the end that was opened twice sees nothing");
	get(reopened, "twice");
	check(read(reopened, &(char){ 0 }, 1) < 0 && errno == EAGAIN, "twice: more than that");
	check(!(fcntl(pair[0], F_GETFL) & O_NONBLOCK) &&
	      (fcntl(reopened, F_GETFL) & O_NONBLOCK) && fcntl(reopened, F_GETFD) == FD_CLOEXEC,
	      "both have the flags of one");
	get(fifo_in, "by name");
	get(packets[0], "one");
	get(packets[0], "and two");
	/* a packet ends a read, but does not begin one */
	get(packets[0], "streamingthree");
	check(fcntl(packets[1], F_GETFL) & O_DIRECT, "no more O_DIRECT");
}

static void check_paths(void)
{
	struct stat st;
	char buf[16];

	check(read(dir_path, buf, 1) < 0 && errno == EBADF, "O_PATH: can be read");
	check(!faccessat(dir_path, "pid", F_OK, AT_SYMLINK_NOFOLLOW), "O_PATH: %s", strerror(errno));
	check(!fstat(link_path, &st) && S_ISLNK(st.st_mode), "O_PATH: no symbolic link");
	check(readlinkat(link_path, "", buf, sizeof(buf)) == 7 && !memcmp(buf, "nowhere", 7),
	      "O_PATH: another link");
	check(fcntl(link_path, F_GETFD) == FD_CLOEXEC, "O_PATH: not close-on-exec");
}

/* Nobody has sent a signal but we, now. */
static void check_owner(void)
{
	struct timespec none = { 0 };
	struct f_owner_ex owner;
	siginfo_t info;
	sigset_t set;
	char byte;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigaddset(&set, SIGRTMIN + 3);
	check(sigtimedwait(&set, &info, &none) < 0, "signal %d from nowhere", info.si_signo);
	check(!fcntl(owned[0], F_GETOWN_EX, &owner) && owner.type == F_OWNER_TID &&
	      owner.pid == getpid(), "the owner is not what it was");
	check(!fcntl(owned[0], F_GETSIG) && fcntl(async[0], F_GETSIG) == SIGRTMIN + 3 &&
	      fcntl(async[0], F_GETOWN) == getpid() && (fcntl(async[0], F_GETFL) & O_ASYNC),
	      "the signal is not what it was");
	put(async[1], "x");
	check(sigtimedwait(&set, &info, &none) == SIGRTMIN + 3 && info.si_fd == async[0],
	      "no signal of what can be read");
	check(read(async[0], &byte, 1) == 1, "read: %s", strerror(errno));
}

static void start_reading(const char *path)
{
	char name[700];
	unsigned int i;

	snprintf(large, sizeof(large), "%s/ends.XXXXXX", path);
	check(mkdtemp(large), "%s: %s", large, strerror(errno));
	for (i = 0; i < ENTRIES; i++) {
		snprintf(name, sizeof(name), "%s/%u", large, i);
		close(must_open(name, O_WRONLY | O_CREAT));
	}
	shared = opendir(large);
	check(shared, "%s: %s", large, strerror(errno));
}

/* Some entries, without what the library keeps: so that the position matters. */
static void read_some(void)
{
	unsigned short len;
	char buf[256];
	long n, at;

	if (!shared)
		return;
	n = syscall(SYS_getdents64, dirfd(shared), buf, sizeof(buf));
	check(n >= 0, "directory: %s", strerror(errno));
	for (at = 0; at < n; at += len) {
		memcpy(&len, buf + at + offsetof(struct dirent64, d_reclen), sizeof(len));
		seen++;
	}
}

static void end_reading(void)
{
	char name[700];
	unsigned int i, before;

	if (!shared)
		return;
	do {
		before = seen;
		read_some();
	} while (seen != before);
	check(seen == ENTRIES + 2, "directory: %u entries", seen);
	for (i = 0; i < ENTRIES; i++) {
		snprintf(name, sizeof(name), "%s/%u", large, i);
		unlink(name);
	}
	rmdir(large);
}

int main(int argc, char **argv)
{
	unsigned int i, hops;
	sigset_t set;

	migrant_start(argc, argv, 2, "HOPS FIFO [SHARED]");
	hops = atoi(argv[2]);
	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	open_all(argv[3]);
	fill();
	if (argc > 4)
		start_reading(argv[4]);
	read_some();
	migrant_tell("ready", "yes");
	for (i = 1; i <= hops; i++) {
		migrant_wait_hop();
		check_pipes();
		check_paths();
		check_owner();
		read_some();
		fill();
	}
	migrant_rest();
	end_reading();
	migrant_ok("hops=%u", migrant.hops);
}
