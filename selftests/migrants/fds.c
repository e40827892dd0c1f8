// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors: positions, flags, sharing, close-on-exec, pipes and what is in
 * them, epoll. Made before the move, compared and used after it.
 *
 * usage: fds DIR [local]    local: nothing that is open for writing in DIR
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "migrant.h"

#define HIGH	900	/* a descriptor far above the others */

static bool local;

static off_t pos(int fd)
{
	return lseek(fd, 0, SEEK_CUR);
}

/**
 * struct fds - everything that is open
 * @rw: written 1000 bytes, at 123
 * @append: O_APPEND, O_CLOEXEC
 * @ro: at 4096 of a file
 * @dup: of @ro; shares the position
 * @other: of the same file, with its own position
 * @dir: a directory
 */
struct fds {
	int rw, append, ro, dup, other, dir;
	int null, zero, random;
	int pipe[2], full[2];
	int ep, ep_dup;
};

static void make_file(const char *name)
{
	static unsigned char page[4096];
	unsigned int i;
	int fd = migrant_open(name, O_WRONLY | O_CREAT | O_TRUNC);

	for (i = 0; i < 4; i++) {
		page_fill(page, i);
		check(write(fd, page, sizeof(page)) == sizeof(page), "write: %s", strerror(errno));
	}
	close(fd);
}

static void open_all(struct fds *f)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.u64 = 0x1234567890abcdefULL };
	char bytes[1000];

	memset(bytes, 'x', sizeof(bytes));
	make_file("ro");
	f->ro = migrant_open("ro", O_RDONLY);
	f->dup = fcntl(f->ro, F_DUPFD, HIGH);
	f->other = migrant_open("ro", O_RDONLY | O_CLOEXEC);
	lseek(f->ro, 4096, SEEK_SET);
	lseek(f->other, 7, SEEK_SET);
	f->dir = migrant_open(".", O_RDONLY | O_DIRECTORY);
	f->null = open("/dev/null", O_RDWR);
	f->zero = open("/dev/zero", O_RDONLY);
	f->random = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	check(!pipe2(f->pipe, O_NONBLOCK) && !pipe(f->full), "pipe: %s", strerror(errno));
	check(write(f->pipe[1], "in the pipe", 11) == 11, "write: %s", strerror(errno));
	check(fcntl(f->full[1], F_SETPIPE_SZ, 16384) == 16384, "F_SETPIPE_SZ: %s",
	      strerror(errno));
	for (int i = 0; i < 16; i++)
		check(write(f->full[1], bytes, 1000) == 1000, "write: %s", strerror(errno));
	f->ep = epoll_create1(EPOLL_CLOEXEC);
	check(!epoll_ctl(f->ep, EPOLL_CTL_ADD, f->pipe[0], &ev), "epoll: %s", strerror(errno));
	f->ep_dup = dup(f->ep);
	if (local)
		return;
	f->rw = migrant_open("rw", O_RDWR | O_CREAT | O_TRUNC);
	f->append = migrant_open("append", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC);
	check(write(f->rw, bytes, 1000) == 1000 && write(f->append, "before ", 7) == 7,
	      "write: %s", strerror(errno));
	lseek(f->rw, 123, SEEK_SET);
}

static void check_written(struct fds *f)
{
	char buf[64] = "";
	struct stat st;
	int fd;

	check(pos(f->rw) == 123, "rw: at %ld instead of 123", (long)pos(f->rw));
	check(write(f->rw, "after", 5) == 5, "rw: %s", strerror(errno));
	check(pread(f->rw, buf, 7, 122) == 7 && !memcmp(buf, "xafterx", 7),
	      "rw: \"%.7s\" at 122", buf);
	check(!fstat(f->rw, &st) && st.st_size == 1000, "rw: its size is %ld", (long)st.st_size);
	check((fcntl(f->append, F_GETFL) & (O_APPEND | O_ACCMODE)) == (O_APPEND | O_WRONLY),
	      "append: flags %o", fcntl(f->append, F_GETFL));
	check(fcntl(f->append, F_GETFD) == FD_CLOEXEC, "append: not close-on-exec");
	lseek(f->append, 0, SEEK_SET);
	check(write(f->append, "after", 5) == 5, "append: %s", strerror(errno));
	fd = migrant_open("append", O_RDONLY);
	memset(buf, 0, sizeof(buf));
	check(read(fd, buf, sizeof(buf)) == 12 && !strcmp(buf, "before after"),
	      "append: \"%s\"", buf);
	close(fd);
}

static void check_files(struct fds *f)
{
	static unsigned char page[4096];

	check(f->dup == HIGH && pos(f->dup) == 4096, "dup: at %ld", (long)pos(f->dup));
	check(read(f->dup, page, 4096) == 4096 && page_bad(page, 1) < 0, "dup: wrong contents");
	check(pos(f->ro) == 8192, "ro and its dup no longer share a position: %ld",
	      (long)pos(f->ro));
	check(pos(f->other) == 7, "other: at %ld", (long)pos(f->other));
	check(fcntl(f->other, F_GETFD) == FD_CLOEXEC && !fcntl(f->ro, F_GETFD) &&
	      !fcntl(f->dup, F_GETFD), "close-on-exec is not what it was");
	check(!faccessat(f->dir, "ro", R_OK, 0), "dir: %s", strerror(errno));
	check(write(f->null, "x", 1) == 1 && !read(f->null, page, 1), "/dev/null: %s",
	      strerror(errno));
	page[0] = 1;
	check(read(f->zero, page, 1) == 1 && !page[0], "/dev/zero");
	check(read(f->random, page, 16) == 16, "/dev/urandom: %s", strerror(errno));
}

static void check_pipes(struct fds *f)
{
	static char bytes[16384];
	struct epoll_event ev;
	int i, n = 0;

	check(fcntl(f->pipe[0], F_GETFL) & O_NONBLOCK, "pipe: no longer O_NONBLOCK");
	check(!(fcntl(f->full[0], F_GETFL) & O_NONBLOCK), "full pipe: O_NONBLOCK");
	check(epoll_wait(f->ep_dup, &ev, 1, 5000) == 1 && ev.data.u64 == 0x1234567890abcdefULL &&
	      ev.events == EPOLLIN, "epoll: no event for what is in the pipe");
	check(!epoll_wait(f->ep, &ev, 1, 0), "epoll: edge-triggered, and an edge twice");
	check(fcntl(f->ep, F_GETFD) == FD_CLOEXEC, "epoll: not close-on-exec");
	check(read(f->pipe[0], bytes, 64) == 11 && !memcmp(bytes, "in the pipe", 11),
	      "pipe: wrong contents");
	check(read(f->pipe[0], bytes, 64) == -1 && errno == EAGAIN, "pipe: more than was in it");
	check(write(f->pipe[1], "more", 4) == 4 && epoll_wait(f->ep, &ev, 1, 1000) == 1,
	      "epoll: does not see what is written now");
	check(fcntl(f->full[0], F_GETPIPE_SZ) == 16384, "full pipe: %d bytes large",
	      fcntl(f->full[0], F_GETPIPE_SZ));
	while (n < 16000) {
		i = read(f->full[0], bytes + n, 16000 - n);
		check(i > 0, "full pipe: %s after %d bytes", i ? strerror(errno) : "end", n);
		n += i;
	}
	for (i = 0; i < 16000; i++)
		check(bytes[i] == 'x', "full pipe: byte %d", i);
	close(f->full[1]);
	check(!read(f->full[0], bytes, 1), "full pipe: somebody else holds its other end");
}

int main(int argc, char **argv)
{
	struct fds f = { 0 };
	unsigned int i, open_before = 0, open_after = 0;

	migrant_start(argc, argv, 0, "[local]");
	local = argc > 2 && !strcmp(argv[2], "local");
	open_all(&f);
	for (i = 0; i < 1024; i++)
		open_before += fcntl(i, F_GETFD) >= 0;
	migrant_tell("ready", "yes");
	migrant_wait_hop();
	for (i = 0; i < 1024; i++)
		open_after += fcntl(i, F_GETFD) >= 0;
	check(open_before == open_after, "%u descriptors instead of %u", open_after, open_before);
	if (!local)
		check_written(&f);
	check_files(&f);
	check_pipes(&f);
	migrant_ok("hops=%u descriptors=%u", migrant.hops, open_after);
}
