// SPDX-License-Identifier: GPL-2.0
/*
 * File locks: of descriptions and of the process, on a file that each host has of its
 * own, and for reading on one that both see. After each hop the locks are looked at as
 * somebody else would see them.
 *
 * usage: locks DIR HOPS OWN [SHARED]    OWN: a file; SHARED: a directory on a network
 *	file system
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

static int exclusive, process, description, shared = -1;
static char path[600];	/* of what both hosts see */

static int must_open(const char *name)
{
	int fd = open(name, O_RDONLY);

	check(fd >= 0, "%s: %s", name, strerror(errno));
	return fd;
}

static void lock(int fd, int cmd, off_t start, off_t len)
{
	struct flock l = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = start,
			   .l_len = len };

	check(!fcntl(fd, cmd, &l), "lock: %s", strerror(errno));
}

static void open_all(const char *own, const char *dir)
{
	exclusive = must_open(own);
	process = must_open(own);
	description = must_open(own);
	check(!flock(exclusive, LOCK_EX | LOCK_NB), "flock: %s", strerror(errno));
	lock(process, F_SETLK, 10, 5);
	lock(process, F_SETLK, 100, 0);
	lock(description, F_OFD_SETLK, 30, 4);
	if (!dir)
		return;
	snprintf(path, sizeof(path), "%s/locks.XXXXXX", dir);
	close(mkstemp(path));
	shared = must_open(path);
	lock(shared, F_SETLK, 7, 7);
}

/**
 * struct seen - a lock that stands in the way
 * @at: of a write lock there
 * @start: where it starts, -1: there is none
 * @len: bytes
 * @mine: of the process, not of a description
 */
struct seen {
	off_t at, start, len;
	bool mine;
};

/* In a child: to close a file there does not end what this process has locked. */
static void look(const char *name, const struct seen *want, unsigned int nr)
{
	int fd = must_open(name);
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
				   .l_start = want[i].at, .l_len = 1 };

		if (fcntl(fd, F_OFD_GETLK, &l))
			_exit(100);
		if (want[i].start < 0 ? l.l_type != F_UNLCK :
		    l.l_type != F_RDLCK || l.l_start != want[i].start || l.l_len != want[i].len ||
		    l.l_pid != (want[i].mine ? getppid() : -1))
			_exit(i + 1);
	}
	_exit(flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK ? 0 : 101);
}

static void check_locks(const char *name, const struct seen *want, unsigned int nr, bool flocked)
{
	int status;
	pid_t child = fork();

	if (!child)
		look(name, want, nr);
	check(waitpid(child, &status, 0) == child && WIFEXITED(status), "no child");
	check(WEXITSTATUS(status) == (flocked ? 0 : 101), "%s: lock %d is not what it was", name,
	      WEXITSTATUS(status));
}

static void check_all(const char *own)
{
	static const struct seen here[] = {
		{ 9, -1, 0, false }, { 10, 10, 5, true }, { 14, 10, 5, true },
		{ 15, -1, 0, false }, { 30, 30, 4, false }, { 99, -1, 0, false },
		{ 5000, 100, 0, true },
	};
	static const struct seen there[] = {
		{ 6, -1, 0, false }, { 7, 7, 7, true }, { 14, -1, 0, false },
	};

	check_locks(own, here, sizeof(here) / sizeof(here[0]), true);
	if (shared >= 0)
		check_locks(path, there, sizeof(there) / sizeof(there[0]), false);
}

int main(int argc, char **argv)
{
	unsigned int i, hops;

	migrant_start(argc, argv, 2, "HOPS OWN [SHARED]");
	hops = atoi(argv[2]);
	open_all(argv[3], argc > 4 ? argv[4] : NULL);
	check_all(argv[3]);
	migrant_tell("ready", "yes");
	for (i = 1; i <= hops; i++) {
		migrant_wait_hop();
		check_all(argv[3]);
	}
	migrant_rest();
	if (shared >= 0)
		unlink(path);
	migrant_ok("hops=%u", migrant.hops);
}
