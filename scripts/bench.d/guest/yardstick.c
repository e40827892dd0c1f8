// SPDX-License-Identifier: GPL-2.0
/*
 * What the benchmark compares with. Times in ns, as a JSON array on stdout.
 *
 * yardstick serve ADDRESS                         answer all below, for ever
 * yardstick clock ADDRESS ROUNDS                  how far its clock is ahead of ours
 * yardstick pingpong ADDRESS ROUNDS REQUEST REPLY over one warm TCP connection
 * yardstick forkexec ROUNDS                       fork, exec and wait of /bin/true
 * yardstick set-clock NS                          put our own clock forward by NS
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <signal.h>

#define PORT	7838
#define WARM	10	/* rounds that do not count */

/* what a client sends first: the sizes of its messages and of their answers */
struct sizes {
	uint32_t request;
	uint32_t reply;
};

static void die(const char *what)
{
	fprintf(stderr, "yardstick: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t clock_ns(int clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static struct sockaddr_in address(const char *text)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT) };

	if (inet_pton(AF_INET, text, &to.sin_addr) != 1) {
		errno = EINVAL;
		die(text);
	}
	return to;
}

static bool read_all(int fd, void *buf, size_t size)
{
	return recv(fd, buf, size, MSG_WAITALL) == (ssize_t)size;
}

static bool write_all(int fd, const void *buf, size_t size)
{
	const char *at = buf;

	while (size) {
		ssize_t n = send(fd, at, size, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		at += n;
		size -= n;
	}
	return true;
}

static void no_delay(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

/* ---- the server ---- */

static void serve_pingpong(int fd)
{
	struct sizes sizes;
	char *buf;

	no_delay(fd);
	if (!read_all(fd, &sizes, sizeof(sizes)))
		return;
	buf = calloc(1, (size_t)sizes.request + sizes.reply);
	while (buf && read_all(fd, buf, sizes.request))
		if (!write_all(fd, buf, sizes.reply))
			break;
}

static void serve_tcp(int listener)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			continue;
		if (!fork()) {
			serve_pingpong(fd);
			_exit(0);
		}
		close(fd);
	}
}

static void serve_clock(int fd)
{
	struct sockaddr_in from;
	socklen_t size;
	int64_t now;

	for (;;) {
		size = sizeof(from);
		if (recvfrom(fd, &now, sizeof(now), 0, (void *)&from, &size) < 0)
			continue;
		now = clock_ns(CLOCK_REALTIME);
		sendto(fd, &now, sizeof(now), 0, (void *)&from, size);
	}
}

static void serve(const char *where)
{
	struct sockaddr_in self = address(where);
	int tcp = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);
	int one = 1;

	setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(tcp, (void *)&self, sizeof(self)) || listen(tcp, 8) ||
	    bind(udp, (void *)&self, sizeof(self)))
		die(where);
	signal(SIGCHLD, SIG_IGN);
	if (!fork()) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve_clock(udp);
	}
	serve_tcp(tcp);
}

/* ---- the clients ---- */

/* Of many rounds the quickest tells most: half of it each way, nearly. */
static void ask_clock(const char *where, int rounds)
{
	struct sockaddr_in to = address(where);
	struct timeval patience = { .tv_sec = 1 };
	int64_t best = INT64_MAX, offset = 0, begin, theirs, end;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (void *)&to, sizeof(to)))
		die(where);
	while (rounds-- > 0) {
		begin = clock_ns(CLOCK_REALTIME);
		send(fd, &begin, sizeof(begin), 0);
		if (recv(fd, &theirs, sizeof(theirs), 0) != sizeof(theirs))
			continue;
		end = clock_ns(CLOCK_REALTIME);
		if (end - begin < best) {
			best = end - begin;
			offset = theirs - begin - best / 2;
		}
	}
	if (best == INT64_MAX)
		die("no answer");
	printf("[%" PRId64 ",%" PRId64 "]\n", offset, best);
}

static void print_times(const int64_t *times, int nr)
{
	int i;

	for (i = 0; i < nr; i++)
		printf("%c%" PRId64, i ? ',' : '[', times[i]);
	printf("]\n");
}

static void pingpong(const char *where, int rounds, uint32_t request, uint32_t reply)
{
	struct sockaddr_in to = address(where);
	struct sizes sizes = { request, reply };
	int64_t *times = calloc(rounds, sizeof(*times)), begin;
	char *buf = calloc(1, (size_t)request + reply);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int i;

	if (!times || !buf || connect(fd, (void *)&to, sizeof(to)))
		die(where);
	no_delay(fd);
	if (!write_all(fd, &sizes, sizeof(sizes)))
		die(where);
	for (i = -WARM; i < rounds; i++) {
		begin = clock_ns(CLOCK_MONOTONIC);
		if (!write_all(fd, buf, request) || !read_all(fd, buf, reply))
			die(where);
		if (i >= 0)
			times[i] = clock_ns(CLOCK_MONOTONIC) - begin;
	}
	print_times(times, rounds);
}

static void forkexec(int rounds)
{
	int64_t *times = calloc(rounds, sizeof(*times)), begin;
	int i;

	for (i = -WARM; times && i < rounds; i++) {
		pid_t pid;

		begin = clock_ns(CLOCK_MONOTONIC);
		pid = fork();
		if (!pid) {
			execl("/bin/true", "true", (char *)NULL);
			_exit(127);
		}
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			die("fork");
		if (i >= 0)
			times[i] = clock_ns(CLOCK_MONOTONIC) - begin;
	}
	print_times(times, rounds);
}

static void set_clock(int64_t ahead)
{
	int64_t now = clock_ns(CLOCK_REALTIME) + ahead;
	struct timespec ts = { now / 1000000000, now % 1000000000 };

	if (clock_settime(CLOCK_REALTIME, &ts))
		die("clock");
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	if (!strcmp(what, "serve") && argc == 3)
		serve(argv[2]);
	else if (!strcmp(what, "clock") && argc == 4)
		ask_clock(argv[2], atoi(argv[3]));
	else if (!strcmp(what, "pingpong") && argc == 6)
		pingpong(argv[2], atoi(argv[3]), atoi(argv[4]), atoi(argv[5]));
	else if (!strcmp(what, "forkexec") && argc == 3)
		forkexec(atoi(argv[2]));
	else if (!strcmp(what, "set-clock") && argc == 3)
		set_clock(atoll(argv[2]));
	else
		return 2;
	return 0;
}
