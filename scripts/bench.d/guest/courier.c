// SPDX-License-Identifier: GPL-2.0
/*
 * Moves a process with CRIU as fast as CRIU allows: both ends wait in this
 * program with the connection warm, the images go from tmpfs to tmpfs, and in
 * the time that the migrant stands still no process starts but CRIU's own.
 *
 * courier receive ADDRESS DIR stop|lazy SOURCE
 * courier send    ADDRESS DIR stop|lazy SOURCE PID
 *
 * DIR must be empty. SOURCE is the address of the sender, where CRIU's page
 * server waits if pages follow lazily. Either end prints a JSON object of the
 * times, ns, that its steps took.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PORT		7839
#define PAGES_PORT	"7840"
#define BUFFER		(1 << 20)

extern char **environ;

/* before each file; a name of length 0 is the end */
struct header {
	uint64_t size;
	char name[256];
};

static int64_t begun;
static pid_t children[2];	/* that may outlive their use */
static const char *separator = "{";

static void die(const char *what)
{
	fprintf(stderr, "courier: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/* A step has been done: how long did it take? */
static void step(const char *name)
{
	int64_t now = now_ns();

	printf("%s\"%s\":%" PRId64, separator, name, now - begun);
	separator = ",";
	begun = now;
}

/* CRIU's servers hold their port until they end. */
static void end_children(void)
{
	size_t i;

	for (i = 0; i < sizeof(children) / sizeof(children[0]); i++)
		if (children[i])
			kill(children[i], SIGKILL);
}

static pid_t start(char *const argv[])
{
	pid_t pid;

	errno = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
	if (errno)
		die(argv[0]);
	children[!!children[0]] = pid;
	return pid;
}

static void finish(pid_t pid, const char *what)
{
	int status;
	bool ended = waitpid(pid, &status, 0) == pid;

	children[children[0] != pid] = 0;
	if (!ended || status) {
		fprintf(stderr, "courier: criu %s failed\n", what);
		exit(3);
	}
}

/* CRIU writes a byte when it serves; the end of file means that it died. */
static void wait_status(const int status[2], const char *what)
{
	char byte;

	close(status[1]);
	if (read(status[0], &byte, 1) != 1) {
		fprintf(stderr, "courier: criu %s failed\n", what);
		exit(3);
	}
	close(status[0]);
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

/* ---- images ---- */

static void send_all(int sock, const void *buf, size_t size)
{
	if (send(sock, buf, size, MSG_NOSIGNAL | MSG_MORE) != (ssize_t)size)
		die("send");
}

static void send_file(int sock, const char *name)
{
	struct header header = { 0 };
	int fd = open(name, O_RDONLY);
	struct stat st;
	off_t at = 0;

	if (fd < 0 || fstat(fd, &st))
		die(name);
	header.size = st.st_size;
	snprintf(header.name, sizeof(header.name), "%s", name);
	send_all(sock, &header, sizeof(header));
	while (at < st.st_size)
		if (sendfile(sock, fd, &at, st.st_size - at) <= 0)
			die(name);
	close(fd);
}

static void send_images(int sock)
{
	struct header end = { 0 };
	struct dirent *entry;
	DIR *dir = opendir(".");
	int one = 1;

	if (!dir)
		die("images");
	while ((entry = readdir(dir)))
		if (strstr(entry->d_name, ".img"))
			send_file(sock, entry->d_name);
	closedir(dir);
	send_all(sock, &end, sizeof(end));
	setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void receive_file(int sock, const struct header *header, char *buf)
{
	uint64_t left = header->size;
	int fd = open(header->name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0)
		die(header->name);
	while (left) {
		ssize_t n = recv(sock, buf, left < BUFFER ? left : BUFFER, 0);

		if (n <= 0 || write(fd, buf, n) != n)
			die(header->name);
		left -= n;
	}
	close(fd);
}

static void receive_images(int sock)
{
	char *buf = malloc(BUFFER);
	struct header header;

	/* the pages of this buffer are there before anybody waits for them */
	memset(buf, 1, BUFFER);
	if (recv(sock, &header, 1, MSG_PEEK) != 1)
		exit(3);	/* the sender has said why */
	begun = now_ns();
	for (;;) {
		if (recv(sock, &header, sizeof(header), MSG_WAITALL) != sizeof(header))
			exit(3);
		if (!header.name[0])
			break;
		receive_file(sock, &header, buf);
	}
	free(buf);
}

/* ---- the two ends ---- */

static void restore(bool lazy, char *source)
{
	char *restore[] = { "criu", "restore", "-d", "-v1", "-o", "restore.log", "-D", ".",
		"--manage-cgroups=ignore", "--file-validation=filesize",
		lazy ? "--lazy-pages" : NULL, NULL };
	int status[2];
	char fd[16];
	char *lazies[] = { "criu", "lazy-pages", "-v1", "-o", "lazy.log", "-D", ".",
		"--page-server", "--address", source, "--port", PAGES_PORT,
		"--status-fd", fd, NULL };
	pid_t pages = 0;

	if (lazy) {
		if (pipe(status))
			die("pipe");
		snprintf(fd, sizeof(fd), "%d", status[1]);
		pages = start(lazies);
		wait_status(status, "lazy-pages");
		step("pages_ready");
	}
	finish(start(restore), "restore");
	step("restore");
	if (lazy) {
		finish(pages, "lazy-pages");
		step("all_pages");
	}
}

static void receive(const char *where, bool lazy, char *source)
{
	struct sockaddr_in self = address(where);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), sock;
	int one = 1;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (void *)&self, sizeof(self)) || listen(listener, 1))
		die(where);
	sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (sock < 0)
		die("accept");
	receive_images(sock);
	step("receive");
	restore(lazy, source);
}

static int connect_to(const char *where)
{
	struct sockaddr_in to = address(where);
	struct timespec pause = { .tv_nsec = 20000000 };
	int tries, sock;

	for (tries = 0; tries < 1000; tries++) {
		sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (!connect(sock, (void *)&to, sizeof(to)))
			return sock;
		close(sock);
		nanosleep(&pause, NULL);
	}
	die(where);
	return -1;
}

static void deliver(const char *where, bool lazy, char *source, char *pid)
{
	char *stop[] = { "criu", "dump", "-v1", "-o", "dump.log", "-D", ".", "-t", pid,
		"--manage-cgroups=ignore", "--file-validation=filesize", NULL };
	int status[2], sock = connect_to(where);
	char fd[16];
	char *lazies[] = { "criu", "dump", "-v1", "-o", "dump.log", "-D", ".", "-t", pid,
		"--manage-cgroups=ignore", "--file-validation=filesize",
		"--lazy-pages", "--address", source, "--port", PAGES_PORT,
		"--status-fd", fd, NULL };
	pid_t dump;

	if (pipe(status))
		die("pipe");
	snprintf(fd, sizeof(fd), "%d", status[1]);
	begun = now_ns();
	dump = start(lazy ? lazies : stop);
	if (lazy)
		wait_status(status, "dump");
	else
		finish(dump, "dump");
	step("dump");
	send_images(sock);
	step("send");
	if (lazy) {
		finish(dump, "dump");
		step("all_pages");
	}
}

int main(int argc, char **argv)
{
	bool lazy = argc > 4 && !strcmp(argv[4], "lazy");

	if (argc < 6 || chdir(argv[3]))
		return 2;
	atexit(end_children);
	if (!strcmp(argv[1], "receive") && argc == 6)
		receive(argv[2], lazy, argv[5]);
	else if (!strcmp(argv[1], "send") && argc == 7)
		deliver(argv[2], lazy, argv[5], argv[6]);
	else
		return 2;
	puts("}");
	return 0;
}
