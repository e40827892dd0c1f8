// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors under way (unix(7), SCM_RIGHTS): before each hop they are sent, after it they
 * are received, and must be what they were: in a process, and in its child.
 *
 * usage: rights DIR HOPS
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

#define MANY	100	/* descriptors with one message */
#define FAR	1000000	/* seconds */

static int stream[2];	/* of the process alone */
static int packet[2];
static int lone;	/* whose other end is closed when something is under way to it */
static int down[2];	/* from the process to its child, which does not have the other end */
static int kept;	/* a file that is open all the time, and under way */
static int held;	/* the same file, of which the process has a lock that it must not lose */
static int talk[2];	/* a pair of which an end is under way */
static int watch;	/* an epoll instance, likewise */
static int timer;	/* likewise */
static int named;	/* O_PATH of a socket's name, which is no socket; likewise */
static int done[2];	/* a pipe: the child has seen and done all of this hop */
static pid_t child;

/* ---- messages --------------------------------------------------------------------- */

union room {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(MANY * sizeof(int))];
};

static void give(int sock, const char *text, const int *fd, unsigned int nr)
{
	union room control;
	struct iovec iov = { (char *)text, strlen(text) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = CMSG_SPACE(nr * sizeof(int)),
	};

	memset(&control, 0, sizeof(control));
	control.head = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(nr * sizeof(int)), .cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
	};
	memcpy(CMSG_DATA(&control.head), fd, nr * sizeof(int));
	check(sendmsg(sock, &msg, MSG_DONTWAIT) == (ssize_t)strlen(text), "%s: %s", text,
	      strerror(errno));
}

static void give_one(int sock, const char *text, int fd)
{
	give(sock, text, &fd, 1);
}

/* And the sender has it no more. */
static void give_away(int sock, const char *text, int fd)
{
	give_one(sock, text, fd);
	close(fd);
}

static void take(int sock, const char *text, int *fd, unsigned int nr)
{
	char got[64];
	union room control;
	struct iovec iov = { got, strlen(text) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	check(recvmsg(sock, &msg, MSG_DONTWAIT) == (ssize_t)strlen(text), "%s: %s after %u hops",
	      text, strerror(errno), migrant.hops);
	check(!memcmp(got, text, strlen(text)), "%s: %.*s", text, (int)strlen(text), got);
	check(msg.msg_controllen && control.head.cmsg_type == SCM_RIGHTS &&
	      control.head.cmsg_len == CMSG_LEN(nr * sizeof(int)), "%s: not %u descriptors", text,
	      nr);
	memcpy(fd, CMSG_DATA(&control.head), nr * sizeof(int));
}

static int take_one(int sock, const char *text)
{
	int fd;

	take(sock, text, &fd, 1);
	return fd;
}

static void wrote(int fd, const char *text)
{
	check(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s: %s", text,
	      strerror(errno));
}

static void reads(int fd, const char *text)
{
	char got[64];
	ssize_t len = read(fd, got, sizeof(got));

	check(len == (ssize_t)strlen(text) && !memcmp(got, text, len), "%.*s, not %s after %u hops",
	      len < 0 ? 0 : (int)len, got, text, migrant.hops);
}

/* ---- what is sent before each hop, and what is found after it ---------------------- */

static void send_stream(void)
{
	int ends[2], fd[MANY], i;

	/* both ends of a pipe with something in it, that nobody has */
	check(!pipe(ends), "pipe");
	wrote(ends[1], "in a pipe");
	give_away(stream[0], "reader", ends[0]);
	check(send(stream[0], "plain", 5, 0) == 5, "send");
	give_away(stream[0], "writer", ends[1]);
	for (i = 0; i < MANY; i++)
		fd[i] = eventfd(i + 1, EFD_NONBLOCK);
	give(stream[0], "many", fd, MANY);
	for (i = 0; i < MANY; i++)
		close(fd[i]);
}

static void receive_stream(void)
{
	int reader = take_one(stream[1], "reader"), writer, fd[MANY];
	eventfd_t value;
	char plain[5];
	unsigned int i;

	check(recv(stream[1], plain, 5, 0) == 5 && !memcmp(plain, "plain", 5), "not plain");
	writer = take_one(stream[1], "writer");
	reads(reader, "in a pipe");
	wrote(writer, "again");
	reads(reader, "again");
	close(writer);
	reads(reader, "");
	close(reader);
	take(stream[1], "many", fd, MANY);
	for (i = 0; i < MANY; i++) {
		check(!eventfd_read(fd[i], &value) && value == i + 1, "eventfd %u", i);
		close(fd[i]);
	}
}

/* Whoever had it has ended; the name is there. */
static void open_named(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(name.sun_path, sizeof(name.sun_path), "%.90s/named", migrant.dir);
	check(!bind(fd, (void *)&name, sizeof(name)), "%s: %s", name.sun_path, strerror(errno));
	close(fd);
	named = migrant_open("named", O_PATH);
}

static void is_named(int fd)
{
	struct stat st;

	check(!fstat(fd, &st) && S_ISSOCK(st.st_mode), "%d is no socket's name", fd);
}

static void send_packets(void)
{
	struct itimerspec far = { .it_value.tv_sec = FAR };
	int fd = migrant_open("text", O_RDONLY);

	lseek(kept, migrant.hops, SEEK_SET);
	give_one(packet[0], "kept", kept);
	lseek(fd, 3, SEEK_SET);
	give_away(packet[0], "text", fd);
	check(!timerfd_settime(timer, 0, &far, NULL), "timerfd");
	give_one(packet[0], "timer", timer);
	/* an end of a pair that it has, too; and something to be watched */
	give_one(packet[0], "talk", talk[0]);
	give_one(packet[0], "watch", watch);
	give_one(packet[0], "named", named);
}

static void receive_packets(void)
{
	struct itimerspec left;
	struct epoll_event ev;
	int fd = take_one(packet[1], "kept");

	check(lseek(fd, 7, SEEK_CUR) == migrant.hops - 1 + 7 &&
	      lseek(kept, 0, SEEK_CUR) == migrant.hops - 1 + 7, "not the same description");
	close(fd);
	fd = take_one(packet[1], "text");
	reads(fd, "defg");
	close(fd);
	fd = take_one(packet[1], "timer");
	check(!timerfd_gettime(fd, &left) && left.it_value.tv_sec > FAR - 10000, "timer");
	close(fd);
	fd = take_one(packet[1], "talk");
	wrote(fd, "hello");
	reads(talk[1], "hello");
	close(fd);
	fd = take_one(packet[1], "watch");
	check(!epoll_wait(fd, &ev, 1, 0), "something to be read");
	wrote(talk[0], "event");
	check(epoll_wait(fd, &ev, 1, 0) == 1 && ev.data.fd == talk[1], "nothing to be read");
	reads(talk[1], "event");
	close(fd);
	fd = take_one(packet[1], "named");
	is_named(fd);
	is_named(named);
	close(fd);
}

static void send_lone(void)
{
	int ends[2], fd = eventfd(42, 0);

	check(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), "socketpair");
	give_away(ends[0], "lone", fd);
	close(ends[0]);
	lone = ends[1];
}

static void receive_lone(void)
{
	int fd = take_one(lone, "lone");
	eventfd_t value;

	check(!eventfd_read(fd, &value) && value == 42, "eventfd");
	check(!read(lone, &value, 1), "no end");
	close(fd);
	close(lone);
}

/* To the child, and what it has open, too. */
static void send_down(void)
{
	int ends[2];

	check(!pipe(ends), "pipe");
	wrote(ends[1], "for a child");
	close(ends[1]);
	give_away(down[0], "end", ends[0]);
	give_one(down[0], "kept", kept);
}

static void receive_down(void)
{
	int fd = take_one(down[1], "end");

	reads(fd, "for a child");
	close(fd);
	fd = take_one(down[1], "kept");
	close(fd);
}

/* ---- a lock, which ends when any descriptor of its file is closed -------------------- */

static void lock(void)
{
	struct flock whole = { .l_type = F_RDLCK, .l_whence = SEEK_SET };

	check(!fcntl(held, F_SETLK, &whole), "lock: %s", strerror(errno));
}

/* Only another process can see it. */
static void is_locked(void)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	pid_t other = fork();
	int status;

	check(other >= 0, "fork");
	if (!other)
		_exit(fcntl(held, F_GETLK, &whole) || whole.l_type != F_RDLCK ||
		      whole.l_pid != getppid());
	check(waitpid(other, &status, 0) == other && !status, "the lock is lost");
}

/* ---- the two processes ------------------------------------------------------------- */

static unsigned int count_open(void)
{
	unsigned int nr = 0;
	int fd;

	for (fd = 0; fd < 1024; fd++)
		nr += fcntl(fd, F_GETFD) >= 0;
	return nr;
}

static void live(void)
{
	struct timespec pause = { .tv_nsec = 1000000 };
	unsigned int nr = count_open();

	for (;;) {
		while (!migrant_hopped())
			nanosleep(&pause, NULL);
		check(count_open() == nr, "child: %u open", count_open());
		receive_down();
		check(write(done[1], "c", 1) == 1, "write");
	}
}

static void beget(void)
{
	check(!pipe(done), "pipe");
	child = fork();
	check(child >= 0, "fork");
	if (child) {
		close(down[1]);
		return;
	}
	close(down[0]);
	live();
}

static void start(void)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int fd = migrant_open("text", O_CREAT | O_WRONLY);

	wrote(fd, "abcdefg");
	close(fd);
	kept = migrant_open("text", O_RDONLY);
	held = migrant_open("text", O_RDONLY);
	check(!socketpair(AF_UNIX, SOCK_STREAM, 0, stream) &&
	      !socketpair(AF_UNIX, SOCK_SEQPACKET, 0, packet) &&
	      !socketpair(AF_UNIX, SOCK_STREAM, 0, talk) &&
	      !socketpair(AF_UNIX, SOCK_DGRAM, 0, down), "socketpair: %s", strerror(errno));
	open_named();
	timer = timerfd_create(CLOCK_MONOTONIC, 0);
	watch = epoll_create1(0);
	ev.data.fd = talk[1];
	check(!epoll_ctl(watch, EPOLL_CTL_ADD, talk[1], &ev), "epoll_ctl");
	beget();
}

static void send_all(void)
{
	send_stream();
	send_packets();
	send_lone();
	send_down();
	lock();
}

static void receive_all(void)
{
	char c;

	receive_stream();
	receive_packets();
	receive_lone();
	check(read(done[0], &c, 1) == 1, "the child has ended");
}

int main(int argc, char **argv)
{
	unsigned int hops, nr;
	char text[16];

	migrant_start(argc, argv, 1, "HOPS");
	hops = atoi(argv[2]);
	start();
	send_all();
	nr = count_open();
	migrant_tell("ready", "yes");
	while (migrant.hops < hops && migrant_wait_hop()) {
		check(count_open() == nr, "%u open, not %u", count_open(), nr);
		is_locked();
		receive_all();
		send_all();
		snprintf(text, sizeof(text), "%u", migrant.hops);
		migrant_tell("verified", text);
	}
	migrant_rest();
	check(!kill(child, SIGTERM) && waitpid(child, NULL, 0) == child, "the child has ended");
	check(migrant.hops == hops, "%u hops and not %u", migrant.hops, hops);
	migrant_ok("hops=%u", migrant.hops);
}
