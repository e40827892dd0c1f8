// SPDX-License-Identifier: GPL-2.0
/*
 * Pseudo-terminals: the root has the masters, a child each the slave of one, which is its
 * controlling terminal. While they move, bytes are under way in both directions. After each
 * hop the root verifies that the terminals are what they were, and asks the children; what a
 * child finds wrong it says by its exit status.
 *
 * usage: terminals DIR HOPS
 */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

#define OUTPUT	2000	/* bytes that nobody has read when they move */

enum { LINES, RAW, NR };

static struct terminal {
	int master;
	int number;
	pid_t child;
	struct termios termios;
	struct winsize size;
} terminal[NR];

#define child_check(cond) do { \
	if (!(cond)) \
		_exit(__LINE__ & 0x7f); \
} while (0)

static volatile sig_atomic_t interrupted;

static void on_signal(int signo)
{
	(void)signo;
	interrupted++;
}

/* When the master is closed a read ends first, and then comes SIGHUP. */
static ssize_t read_some(int fd, void *buf, size_t len)
{
	ssize_t n;

	do {
		n = read(fd, buf, len);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		sleep(60);
	child_check(n > 0);
	return n;
}

static void read_exactly(int fd, void *buf, size_t len)
{
	size_t done;

	for (done = 0; done < len;)
		done += read_some(fd, (char *)buf + done, len - done);
}

/* It is still its controlling terminal, and it is in the foreground of it. */
static void check_own(void)
{
	int fd = open("/dev/tty", O_RDWR);

	child_check(fd >= 0);
	child_check(tcgetpgrp(fd) == getpid() && tcgetsid(0) == getpid());
	child_check(isatty(0) && isatty(2));
	close(fd);
}

/* Until then it reads nothing: what comes is under way when it moves. */
static void wait_hop(void)
{
	struct timespec pause = { .tv_nsec = 1000000 };

	while (!migrant_hopped())
		nanosleep(&pause, NULL);
}

static void obey_lines(void)
{
	char line[64];
	ssize_t n;

	for (;;) {
		n = read_some(0, line, sizeof(line));
		/* whole lines, however they have come */
		child_check(line[n - 1] == '\n');
		check_own();
		line[n - 1] = '\0';
		if (!strcmp(line, "interrupted?"))
			n = snprintf(line, sizeof(line), "%d times\n", (int)interrupted);
		else if (!strcmp(line, "talk"))
			n = -1;
		else
			n = strlen(strcat(line, "!\n"));
		if (n > 0)
			child_check(write(1, line, n) == n);
		if (n > 0)
			continue;
		for (n = OUTPUT; n; n--)
			child_check(write(1, n % 50 ? "x" : "\n", 1) == 1);
		wait_hop();
	}
}

static void obey_raw(void)
{
	char byte;

	for (;;) {
		read_exactly(0, &byte, 1);
		check_own();
		if (byte == 1)
			wait_hop();
		byte ^= 0x80;
		child_check(write(1, &byte, 1) == 1);
	}
}

static void start(unsigned int n)
{
	struct terminal *t = &terminal[n];
	struct sigaction action = { .sa_handler = on_signal };

	t->size = (struct winsize){ 33 + n, 77, 640, 480 };
	t->child = forkpty(&t->master, NULL, NULL, &t->size);
	check(t->child >= 0, "forkpty: %s", strerror(errno));
	if (!t->child) {
		unsigned int i;

		for (i = 0; i < n; i++)
			close(terminal[i].master);
		sigaction(SIGINT, &action, NULL);
		if (n == LINES)
			obey_lines();
		else
			obey_raw();
	}
	check(!ioctl(t->master, TIOCGPTN, &t->number), "TIOCGPTN: %s", strerror(errno));
	check(!tcgetattr(t->master, &t->termios), "tcgetattr: %s", strerror(errno));
	if (n == RAW)
		cfmakeraw(&t->termios);
	/* no echo: what comes back is the child's */
	t->termios.c_lflag &= ~ECHO;
	t->termios.c_cc[VINTR] = 'Z' - '@';
	t->termios.c_cc[VEOF] = 'E' - '@';
	check(!tcsetattr(t->master, TCSANOW, &t->termios), "tcsetattr: %s", strerror(errno));
}

static void put(unsigned int n, const char *text, size_t len)
{
	check(write(terminal[n].master, text, len) == (ssize_t)len, "write: %s", strerror(errno));
}

static void say(const char *text)
{
	put(LINES, text, strlen(text));
}

/* The terminal turns a newline that is written into two characters. */
static void hear(const char *expected)
{
	size_t len = strlen(expected);
	char buf[128];

	read_exactly(terminal[LINES].master, buf, len);
	check(!memcmp(buf, expected, len), "\"%.*s\" and not \"%s\" after %u hops", (int)len, buf,
	      expected, migrant.hops);
}

static void hear_output(void)
{
	char byte;
	int n;

	for (n = OUTPUT; n; n--) {
		read_exactly(terminal[LINES].master, &byte, 1);
		if (n % 50) {
			check(byte == 'x', "byte %d is %d", n, byte);
			continue;
		}
		check(byte == '\r', "byte %d is %d", n, byte);
		read_exactly(terminal[LINES].master, &byte, 1);
		check(byte == '\n', "byte %d is %d", n, byte);
	}
}

static void check_terminal(unsigned int n)
{
	struct terminal *t = &terminal[n];
	struct termios termios;
	struct winsize size;
	int number, status;
	pid_t group;

	check(!ioctl(t->master, TIOCGPTN, &number) && number == t->number, "number %d was %d",
	      number, t->number);
	check(!tcgetattr(t->master, &termios) && !memcmp(&termios, &t->termios, sizeof(termios)),
	      "the settings of terminal %u have changed", n);
	check(!ioctl(t->master, TIOCGWINSZ, &size) && !memcmp(&size, &t->size, sizeof(size)),
	      "the size of terminal %u has changed", n);
	check(!ioctl(t->master, TIOCGPGRP, &group) && group == t->child,
	      "process group %d is in the foreground of terminal %u", group, n);
	check(!waitpid(t->child, &status, WNOHANG), "child %u has ended: line %d", n,
	      WEXITSTATUS(status));
}

static void settle(void)
{
	struct timespec pause = { .tv_nsec = 200000000 };

	nanosleep(&pause, NULL);
}

/* What is under way when they move; half a line is. */
static void fill(void)
{
	say("talk\n");
	put(RAW, "\001", 1);
	settle();
	say("first\nsecond\nhalf");
	put(RAW, "\003\004\n\0a", 5);
	settle();
}

static void verify(unsigned int hop)
{
	static const char raw[6] = { 1, 3, 4, '\n', 0, 'a' };
	char buf[6], text[32];
	unsigned int i;

	for (i = 0; i < NR; i++)
		check_terminal(i);
	hear_output();
	hear("first!\r\n");
	hear("second!\r\n");
	say("way\n");
	hear("halfway!\r\n");
	read_exactly(terminal[RAW].master, buf, sizeof(buf));
	for (i = 0; i < sizeof(buf); i++)
		check((char)(buf[i] ^ 0x80) == raw[i], "byte %u is %d", i, buf[i]);
	say("\032");
	say("interrupted?\n");
	snprintf(text, sizeof(text), "%u times\r\n", hop);
	hear(text);
	/* another size is told to whoever is in the foreground */
	terminal[LINES].size.ws_row++;
	check(!ioctl(terminal[LINES].master, TIOCSWINSZ, &terminal[LINES].size), "TIOCSWINSZ");
}

static void end(void)
{
	unsigned int i;
	int status;

	for (i = 0; i < NR; i++) {
		close(terminal[i].master);
		check(waitpid(terminal[i].child, &status, 0) == terminal[i].child &&
		      WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP,
		      "child %u was not hung up: %#x", i, status);
	}
}

int main(int argc, char **argv)
{
	unsigned int i, hops;

	migrant_start(argc, argv, 1, "HOPS");
	hops = atoi(argv[2]);
	for (i = 0; i < NR; i++)
		start(i);
	for (i = 1; i <= hops; i++) {
		fill();
		if (i == 1)
			migrant_tell("ready", "yes");
		migrant_wait_hop();
		verify(i);
	}
	migrant_rest();
	end();
	migrant_ok("hops=%u", migrant.hops);
}
