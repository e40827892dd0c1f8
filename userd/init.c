// SPDX-License-Identifier: GPL-2.0
/*
 * tern-init: the first process of a pod. It starts the program, reaps whoever ends and has
 * lost his parent, and ends when the program has: with it all that is left in the pod. If
 * there is a "tern run" that waits, it has the other ends of the program's pipes and the
 * master of its terminal, and speaks to it over a line (line.h). It moves like any other
 * process; that it has moved it learns from its line, which is cut.
 *
 *   tern-init LINE HOME TERMINALS REPORT PROGRAM [ARGUMENT…]
 *
 * LINE is its id in hex, 0: none, and the program keeps the standard descriptors that we
 * have; HOME the host of "tern run"; TERMINALS a digit, bit n: standard descriptor n is the
 * terminal, and ours at first is that of "tern run", whose settings are copied; REPORT a descriptor that takes an int, the errno when the program could not be
 * executed, and is closed when it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "line.h"

#define FAR_ROOM	LINE_ROOM	/* more is not sent before it has been used */
#define LAST_MS		60000	/* how long the line may be cut before the exit status is told */
#define SILENCE_MS	200	/* while nobody has the terminal open */

/**
 * struct init - what it has to do with
 * @line: to "tern run"
 * @lined: there is one
 * @program: the program, 0: has ended
 * @status: of it, when it has
 * @signals: signalfd
 * @master: of the terminal, -1: none
 * @in: where the program's input goes: a pipe or @master, -1: nobody reads it
 * @from: what it says, by LINE_OUT and LINE_ERR; -1: nothing more
 * @silent: nobody has the terminal open just now
 * @far: input that the program has not taken yet
 * @far_len: bytes of it
 * @far_ends: there will be no more
 */
struct init {
	struct line line;
	bool lined;
	pid_t program;
	int status;
	int signals;
	int master;
	int in;
	int from[2];
	bool silent;
	char far[FAR_ROOM];
	size_t far_len;
	bool far_ends;
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "tern-init: %s: %s\n", what, strerror(errno));
	exit(125);
}

/* ---- the program ------------------------------------------------------------------ */

/**
 * struct stdio - both sides of the program's standard descriptors
 * @theirs: its own, by number
 * @terminal: it has one among them
 */
struct stdio {
	int theirs[3];
	bool terminal;
};

static int open_terminal(struct init *init)
{
	struct termios settings;
	struct winsize size;
	char name[64];
	int slave, unlocked = 0;

	init->master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (init->master < 0 || ioctl(init->master, TIOCSPTLCK, &unlocked) ||
	    ptsname_r(init->master, name, sizeof(name)))
		die("no terminal can be had");
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	/* of our session, in which the program is, too */
	if (slave < 0 || ioctl(slave, TIOCSCTTY, 0))
		die(name);
	if (!tcgetattr(STDIN_FILENO, &settings))
		tcsetattr(slave, TCSANOW, &settings);
	if (!ioctl(STDIN_FILENO, TIOCGWINSZ, &size))
		ioctl(slave, TIOCSWINSZ, &size);
	return slave;
}

static void make_pipe(int *reads, int *writes)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		die("no pipe can be had");
	*reads = ends[0];
	*writes = ends[1];
}

static void make_stdio(struct init *init, struct stdio *stdio, unsigned int terminals)
{
	int slave = terminals ? open_terminal(init) : -1, n;

	stdio->terminal = terminals;
	for (n = 0; n < 3; n++) {
		if (terminals & 1U << n)
			stdio->theirs[n] = slave;
		else if (n)
			make_pipe(&init->from[n - 1], &stdio->theirs[n]);
		else
			make_pipe(&stdio->theirs[0], &init->in);
	}
	if (terminals & 1)
		init->in = init->master;
	/* whatever comes from the terminal comes once */
	if (terminals & 6)
		init->from[!(terminals & 2)] = init->master;
}

static _Noreturn void be_program(const struct stdio *stdio, const sigset_t *mask, int report,
				 char **argv)
{
	int n, err;

	for (n = 0; stdio && n < 3; n++)
		if (dup2(stdio->theirs[n], n) < 0)
			die("standard descriptors");
	/*
	 * A group of its own in our session: were it in one of its own, nobody could stop it
	 * (POSIX: an orphaned process group), and there was no ^Z.
	 */
	setpgid(0, 0);
	for (n = 0; stdio && stdio->terminal && n < 3; n++)
		if (!tcsetpgrp(n, getpid()))
			break;
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(argv[0], argv);
	err = errno;
	if (write(report, &err, sizeof(err)) != sizeof(err) || stdio)
		fprintf(stderr, "tern run: %s: %s\n", argv[0], strerror(err));
	_exit(err == ENOENT ? 127 : 126);
}

static void start(struct init *init, unsigned int terminals, int report, char **argv)
{
	struct stdio stdio;
	sigset_t all, mask;
	int null, n;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &mask);
	init->signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (init->signals < 0)
		die("signals");
	if (init->lined)
		make_stdio(init, &stdio, terminals);
	fcntl(report, F_SETFD, FD_CLOEXEC);
	init->program = fork();
	if (init->program < 0)
		die("fork");
	if (!init->program)
		be_program(init->lined ? &stdio : NULL, &mask, report, argv);
	close(report);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (n = 0; n < 3; n++) {
		dup2(null, n);
		/* a terminal has one number here, and up to three there */
		if (init->lined && (!n || stdio.theirs[n] != stdio.theirs[0]) &&
		    (n < 2 || stdio.theirs[2] != stdio.theirs[1]))
			close(stdio.theirs[n]);
	}
	close(null);
}

static void tell(struct init *init, enum line_type type, int value)
{
	/* there is always room for what is that small, or the line has been dead for long */
	if (init->lined)
		line_put(&init->line, type, &value, sizeof(value));
}

/* Whoever has ended. @all: nobody is left. */
static void reap(struct init *init, bool *all)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
		if (pid != init->program)
			continue;
		if (WIFSTOPPED(status)) {
			tell(init, LINE_STOPPED, WSTOPSIG(status));
			continue;
		}
		init->program = 0;
		init->status = status;
	}
	*all = pid < 0 && errno == ECHILD;
}

/* What we get is meant for the program. */
static bool read_signals(struct init *init)
{
	struct signalfd_siginfo info;
	bool all = false;

	while (read(init->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap(init, &all);
		else if (info.ssi_signo != SIGPIPE && init->program)
			kill(init->program, info.ssi_signo);
	}
	return all;
}

/* ---- the line ---------------------------------------------------------------------- */

/* Nobody listens any more: as when a terminal is hung up. */
static void hang_up(struct init *init)
{
	int n;

	line_hang_up(&init->line);
	init->lined = false;
	if (init->in >= 0 && init->in != init->master)
		close(init->in);
	for (n = 0; n < 2; n++)
		if (init->from[n] >= 0 && init->from[n] != init->master)
			close(init->from[n]);
	if (init->master >= 0)
		close(init->master);
	init->in = init->from[0] = init->from[1] = init->master = -1;
	if (init->program)
		kill(init->program, SIGHUP);
}

static void end_input(struct init *init)
{
	char eof = 4;	/* as the terminal is at first */

	if (init->in < 0)
		return;
	if (init->in != init->master)
		close(init->in);
	else if (write(init->master, &eof, 1) != 1)
		return;
	init->in = -1;
}

static void give_input(struct init *init)
{
	ssize_t n = init->in < 0 ? (ssize_t)init->far_len :
		    write(init->in, init->far, init->far_len);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* nobody reads it any more */
	if (n < 0)
		n = init->far_len;
	memmove(init->far, init->far + n, init->far_len - n);
	init->far_len -= n;
	if (init->far_len)
		return;
	line_used(&init->line);
	if (init->far_ends)
		end_input(init);
}

static void take_input(struct init *init, const struct line_frame *head, const void *data)
{
	if (head->len > FAR_ROOM - init->far_len)
		return;
	memcpy(init->far + init->far_len, data, head->len);
	init->far_len += head->len;
	init->far_ends |= !head->len;
	give_input(init);
}

/* Who writes to it is told. A terminal has no such thing. */
static void close_output(struct init *init, int n)
{
	if (init->from[n] >= 0 && init->from[n] != init->master)
		close(init->from[n]);
	if (init->from[n] != init->master)
		init->from[n] = -1;
}

/* What comes from a terminal is for all of the program's group, as there. */
static void signal_program(const struct init *init, int signo)
{
	static const int of_terminal[] = { SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGCONT };
	pid_t whom = init->program;
	unsigned int i;

	for (i = 0; i < sizeof(of_terminal) / sizeof(of_terminal[0]); i++)
		if (of_terminal[i] == signo)
			whom = -init->program;
	if (init->program && signo > 0)
		kill(whom, signo);
}

static void take(struct init *init, const struct line_frame *head, const void *data)
{
	int value = 0;

	if (head->len >= sizeof(value))
		memcpy(&value, data, sizeof(value));
	switch (head->type) {
	case LINE_IN:
		take_input(init, head, data);
		break;
	case LINE_SIGNAL:
		signal_program(init, value);
		break;
	case LINE_CLOSED:
		if (value == LINE_OUT || value == LINE_ERR)
			close_output(init, value - LINE_OUT);
		break;
	case LINE_WINDOW:
		if (init->master >= 0 && head->len == sizeof(struct winsize))
			ioctl(init->master, TIOCSWINSZ, data);
		break;
	}
}

static void hear(struct init *init)
{
	char data[LINE_DATA_MAX];
	struct line_frame head;
	int rc = 1;

	while (rc > 0) {
		rc = line_next(&init->line, &head, data);
		if (rc > 0)
			take(init, &head, data);
	}
	if (!init->far_len)
		line_used(&init->line);
	if (rc == -ENOTCONN)
		hang_up(init);
	else if (rc < 0)
		line_hang_up(&init->line);
}

/* Return: was there anything? */
static bool say(struct init *init, int n)
{
	char data[LINE_DATA_MAX];
	ssize_t len;

	if (init->from[n] < 0 || !line_has_room(&init->line))
		return false;
	len = read(init->from[n], data, sizeof(data));
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (len > 0) {
		line_put(&init->line, LINE_OUT + n, data, len);
		return true;
	}
	/* EIO: nobody has the terminal open just now; somebody may open it yet */
	if (init->from[n] == init->master && init->program) {
		init->silent = true;
		return false;
	}
	if (init->from[n] != init->master)
		close(init->from[n]);
	init->from[n] = -1;
	return false;
}

/* ---- all of it -------------------------------------------------------------------- */

enum { P_SIGNALS, P_LINE, P_IN, P_OUT, P_ERR, NR_POLL };

static bool may_say(const struct init *init, int n, bool room)
{
	return room && !(init->silent && init->from[n] == init->master);
}

static void wait_events(struct init *init, struct pollfd p[NR_POLL])
{
	bool room = init->lined && line_has_room(&init->line);
	int ms = init->lined ? line_pause(&init->line) : -1;

	p[P_SIGNALS] = (struct pollfd){ init->signals, POLLIN, 0 };
	p[P_LINE] = (struct pollfd){
		init->lined ? init->line.fd : -1, line_events(&init->line, true), 0 };
	p[P_IN] = (struct pollfd){ init->far_len || init->far_ends ? init->in : -1, POLLOUT, 0 };
	p[P_OUT] = (struct pollfd){ may_say(init, 0, room) ? init->from[0] : -1, POLLIN, 0 };
	p[P_ERR] = (struct pollfd){ may_say(init, 1, room) ? init->from[1] : -1, POLLIN, 0 };
	if (init->silent && (ms < 0 || ms > SILENCE_MS))
		ms = SILENCE_MS;
	/* then it is asked again */
	init->silent = false;
	poll(p, NR_POLL, ms);
}

static void step(struct init *init, bool *all)
{
	struct pollfd p[NR_POLL];

	if (init->lined && init->line.fd < 0)
		line_redial(&init->line);
	wait_events(init, p);
	if (p[P_SIGNALS].revents)
		*all |= read_signals(init);
	if (p[P_IN].revents)
		give_input(init);
	if (p[P_OUT].revents)
		say(init, 0);
	if (p[P_ERR].revents)
		say(init, 1);
	if (init->line.fd >= 0 && p[P_LINE].revents)
		hear(init);
	if (init->line.fd >= 0 && line_write(&init->line))
		line_hang_up(&init->line);
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* All that the program has said, and how it has ended; false: there is no room for it yet. */
static bool say_all(struct init *init)
{
	while (line_has_room(&init->line)) {
		if (say(init, 0) || say(init, 1))
			continue;
		tell(init, LINE_EXIT, init->status);
		return true;
	}
	return false;
}

/* As long as somebody listens, be he slow; but not for ever when the line is cut. */
static void say_the_rest(struct init *init)
{
	long until = now_ms() + LAST_MS;
	bool said = false;

	while (init->lined && now_ms() < until) {
		struct pollfd p;

		if (!said)
			said = say_all(init);
		if (said && line_is_said(&init->line))
			return;
		if (init->line.fd < 0)
			line_redial(&init->line);
		if (init->line.fd >= 0 && line_write(&init->line))
			line_hang_up(&init->line);
		if (init->line.greeted && init->line.fd >= 0)
			until = now_ms() + LAST_MS;
		/* input has nobody to go to any more */
		init->far_len = 0;
		p = (struct pollfd){ init->line.fd, line_events(&init->line, true), 0 };
		if (poll(&p, 1, line_pause(&init->line)) > 0 && p.revents & ~POLLOUT)
			hear(init);
	}
}

static void set_nonblocking(int fd)
{
	if (fd >= 0)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

int main(int argc, char **argv)
{
	static struct init init = { .master = -1, .in = -1, .from = { -1, -1 } };
	bool all = false;
	__u64 id;

	if (argc < 6) {
		fputs("tern-init is what \"tern run\" starts\n", stderr);
		return 125;
	}
	id = strtoull(argv[1], NULL, 16);
	init.lined = id;
	init.line.fd = -1;
	if (init.lined)
		line_init(&init.line, LINE_POD, id, argv[2]);
	setsid();
	start(&init, atoi(argv[3]), atoi(argv[4]), argv + 5);
	set_nonblocking(init.in);
	set_nonblocking(init.from[0]);
	set_nonblocking(init.from[1]);
	/* a program that has gone to the background is still one */
	while (init.program || (!init.lined && !all))
		step(&init, &all);
	say_the_rest(&init);
	return WIFSIGNALED(init.status) ? 128 + WTERMSIG(init.status) : WEXITSTATUS(init.status);
}
