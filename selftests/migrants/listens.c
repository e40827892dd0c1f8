// SPDX-License-Identifier: GPL-2.0
/*
 * A server with a unix socket in the file system, and a child that calls it: over a
 * connection that stays, and over a new one after each hop.
 *
 * usage: listens DIR PLACE HOPS
 *	PLACE	directory of the socket, which gets the name PLACE/door
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

#define MODE	0640
#define GROUP	1234

static struct sockaddr_un name = { .sun_family = AF_UNIX };
static int server, stays;
static pid_t child;

static int call(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	return connect(fd, (void *)&name, sizeof(name)) ? -errno : fd;
}

/* What is wrong here is told by the exit status. */
static void be_child(void)
{
	struct timespec pause = { .tv_nsec = 1000000 };
	unsigned int hops;
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		fd = call();
		if (fd < 0)
			_exit(-fd);
		/* one that stays, over which it says so, and one that does not */
		if (write(fd, "new", 3) != 3 || write(stays, "old", 3) != 3)
			_exit(100);
		close(fd);
		for (hops = migrant.hops; migrant.hops == hops;) {
			migrant_hopped();
			nanosleep(&pause, NULL);
		}
	}
}

static void is_door(int (*ask)(int, struct sockaddr *, socklen_t *), int fd, const char *what)
{
	struct sockaddr_un is;
	socklen_t len = sizeof(is);

	check(!ask(fd, (void *)&is, &len) && !strcmp(is.sun_path, name.sun_path),
	      "%s is %.*s after %u hops", what, (int)len - 2, is.sun_path, migrant.hops);
}

static void peer_is(int fd, pid_t pid)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	check(!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) && cred.pid == pid &&
	      cred.uid == geteuid(), "the peer is %d after %u hops", cred.pid, migrant.hops);
}

static void hear(int fd, const char *want)
{
	char buf[8] = "";
	int status;

	check(read(fd, buf, sizeof(buf)) == 3 && !strcmp(buf, want), "\"%s\", not \"%s\" after %u hops",
	      buf, want, migrant.hops);
	check(!waitpid(child, &status, WNOHANG), "the child has ended: %#x", status);
}

static void verify(int connection)
{
	int fd = accept(server, NULL, NULL);
	struct stat st;
	char text[16];

	check(fd >= 0, "accept: %s after %u hops", strerror(errno), migrant.hops);
	peer_is(fd, child);
	hear(fd, "new");
	hear(connection, "old");
	peer_is(connection, child);
	is_door(getsockname, server, "the door");
	is_door(getsockname, fd, "the name of a connection");
	is_door(getsockname, connection, "the name of the connection that stays");
	close(fd);
	check(!stat(name.sun_path, &st) && S_ISSOCK(st.st_mode) && (st.st_mode & 0777) == MODE &&
	      st.st_gid == GROUP, "the door has mode %o, group %u", st.st_mode, st.st_gid);
	snprintf(text, sizeof(text), "%u", migrant.hops);
	migrant_tell("verified", text);
}

static void open_door(const char *place)
{
	snprintf(name.sun_path, sizeof(name.sun_path), "%s/door", place);
	server = socket(AF_UNIX, SOCK_STREAM, 0);
	check(!bind(server, (void *)&name, sizeof(name)) && !listen(server, 5) &&
	      !chmod(name.sun_path, MODE) && !chown(name.sun_path, -1, GROUP), "%s: %s",
	      name.sun_path, strerror(errno));
}

int main(int argc, char **argv)
{
	unsigned int hops;
	int connection;

	migrant_start(argc, argv, 2, "PLACE HOPS");
	hops = atoi(argv[3]);
	open_door(argv[2]);
	child = fork();
	if (!child) {
		stays = call();
		be_child();
	}
	connection = accept(server, NULL, NULL);
	verify(connection);
	migrant_tell("ready", "yes");
	while (migrant.hops < hops && migrant_wait_hop())
		verify(connection);
	migrant_rest();
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	unlink(name.sun_path);
	if (migrant.hops != hops)
		migrant_fail("%u hops and not %u", migrant.hops, hops);
	migrant_ok("hops=%u", migrant.hops);
}
