// SPDX-License-Identifier: GPL-2.0
/*
 * "tern run" in the foreground: it stands for the program where it was started, wherever
 * that runs. Its standard descriptors, its terminal and the signals that it gets are the
 * program's, by way of the line to the pod (line.h).
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "console.h"
#include "tern.h"

#define LOOK_MS		300	/* whether we have come to the foreground */

/**
 * struct console - what stands for the program
 * @line: to its pod
 * @name: of the pod
 * @terminal: standard descriptor that is one, -1: none
 * @was: how that was
 * @raw: and it is not now
 * @signals: signalfd
 * @input: standard input has not ended
 * @status: of the program, once it has ended
 * @ended: it has
 */
struct console {
	struct line *line;
	const char *name;
	int terminal;
	struct termios was;
	bool raw;
	int signals;
	bool input;
	int status;
	bool ended;
};

static const int forwarded[] = {
	SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGTSTP,
};

/* ---- the terminal ------------------------------------------------------------------ */

/* Who is not must neither read from the terminal nor set it. */
static bool in_foreground(const struct console *c)
{
	return c->terminal < 0 || tcgetpgrp(c->terminal) == getpgrp();
}

/* Without input from it, others may be in its foreground. */
static void make_raw(struct console *c)
{
	struct termios raw;

	if (c->terminal < 0 || c->raw || !isatty(STDIN_FILENO) || !in_foreground(c) ||
	    tcgetattr(c->terminal, &c->was))
		return;
	raw = c->was;
	cfmakeraw(&raw);
	c->raw = !tcsetattr(c->terminal, TCSANOW, &raw);
}

static void make_plain(struct console *c)
{
	if (c->raw)
		tcsetattr(c->terminal, TCSADRAIN, &c->was);
	c->raw = false;
}

static void tell_window(struct console *c)
{
	struct winsize size;

	if (c->terminal >= 0 && !ioctl(c->terminal, TIOCGWINSZ, &size))
		line_put(c->line, LINE_WINDOW, &size, sizeof(size));
}

/* ---- from here to there ------------------------------------------------------------ */

static int open_signals(void)
{
	sigset_t set;
	unsigned int i;

	sigemptyset(&set);
	for (i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
		sigaddset(&set, forwarded[i]);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void read_signals(struct console *c)
{
	struct signalfd_siginfo info;

	while (read(c->signals, &info, sizeof(info)) == sizeof(info)) {
		int signo = info.ssi_signo;

		if (signo == SIGWINCH)
			tell_window(c);
		else if (signo != SIGPIPE)
			line_put(c->line, LINE_SIGNAL, &signo, sizeof(signo));
	}
}

static void read_input(struct console *c)
{
	char data[LINE_DATA_MAX];
	ssize_t n = read(STDIN_FILENO, data, sizeof(data));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0)
		c->input = false;
	line_put(c->line, LINE_IN, data, n > 0 ? n : 0);
}

/* ---- from there to here ------------------------------------------------------------ */

/* Until there is room in @fd, and meanwhile whoever signals us is heard. */
static void wait_room(struct console *c, int fd)
{
	struct pollfd p[2] = { { fd, POLLOUT, 0 }, { c->signals, POLLIN, 0 } };

	for (;;) {
		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents) {
			read_signals(c);
			if (c->line->fd >= 0 && line_write(c->line))
				return;
		}
		if (p[0].revents)
			return;
	}
}

/* @len: no more than a pipe takes at once (PIPE_BUF). */
static void write_output(struct console *c, int fd, int type, const char *data, size_t len)
{
	while (len) {
		ssize_t n;

		wait_room(c, fd);
		n = write(fd, data, len);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		/* so that the program finds out as it would have here */
		if (n < 0) {
			line_put(c->line, LINE_CLOSED, &type, sizeof(type));
			return;
		}
		data += n;
		len -= n;
	}
}

/* Whoever continues us continues the program. */
static void stop(struct console *c)
{
	int signo = SIGCONT;

	make_plain(c);
	raise(SIGSTOP);
	make_raw(c);
	tell_window(c);
	line_put(c->line, LINE_SIGNAL, &signo, sizeof(signo));
}

static void take(struct console *c, const struct line_frame *head, const char *data)
{
	switch (head->type) {
	case LINE_OUT:
	case LINE_ERR:
		write_output(c, head->type == LINE_OUT ? STDOUT_FILENO : STDERR_FILENO,
			     head->type, data, head->len);
		break;
	case LINE_STOPPED:
		stop(c);
		break;
	case LINE_EXIT:
		if (head->len != sizeof(c->status))
			break;
		memcpy(&c->status, data, sizeof(c->status));
		c->ended = true;
		break;
	}
}

static void hear(struct console *c)
{
	char data[LINE_DATA_MAX];
	struct line_frame head;
	int rc = 1;

	while (rc > 0 && !c->ended) {
		rc = line_next(c->line, &head, data);
		if (rc > 0) {
			take(c, &head, data);
			line_used(c->line);
		}
	}
	if (rc == -EOWNERDEAD) {
		make_plain(c);
		fprintf(stderr, "tern run: pod %s was killed\n", c->name);
		c->status = SIGKILL;
		c->ended = true;
	} else if (rc < 0) {
		line_hang_up(c->line);
	}
}

/* ---- all of it --------------------------------------------------------------------- */

static void step(struct console *c)
{
	bool room = line_has_room(c->line), ours = !isatty(STDIN_FILENO) || in_foreground(c);
	struct pollfd p[3];
	int ms;

	if (c->line->fd < 0)
		line_redial(c->line);
	make_raw(c);
	ms = line_pause(c->line);
	if (!ours && (ms < 0 || ms > LOOK_MS))
		ms = LOOK_MS;
	p[0] = (struct pollfd){ c->signals, POLLIN, 0 };
	p[1] = (struct pollfd){ c->line->fd, line_events(c->line, true), 0 };
	p[2] = (struct pollfd){ c->input && room && ours ? STDIN_FILENO : -1, POLLIN, 0 };
	poll(p, 3, ms);
	if (p[0].revents)
		read_signals(c);
	if (p[2].revents)
		read_input(c);
	if (p[1].revents & ~POLLOUT)
		hear(c);
	if (c->line->fd >= 0 && line_write(c->line))
		line_hang_up(c->line);
}

/** console_terminals() - which standard descriptors are terminals: bit per number */
unsigned int console_terminals(void)
{
	return isatty(0) | isatty(1) << 1 | isatty(2) << 2;
}

/**
 * console_run() - stand for the program until it has ended
 * @line: dialled, or not
 * @name: of its pod
 *
 * Return: its exit status; what ends by a signal ends us by the same one.
 */
int console_run(struct line *line, const char *name)
{
	struct console c = { .line = line, .name = name, .input = true };

	for (c.terminal = 2; c.terminal >= 0 && !isatty(c.terminal); c.terminal--)
		;
	c.signals = open_signals();
	tell_window(&c);
	while (!c.ended)
		step(&c);
	make_plain(&c);
	/* so that it need not wait */
	if (line->fd >= 0)
		line_write(line);
	line_hang_up(line);
	if (WIFSIGNALED(c.status)) {
		const struct rlimit none = { 0, 0 };
		sigset_t set;

		setrlimit(RLIMIT_CORE, &none);
		signal(WTERMSIG(c.status), SIG_DFL);
		sigemptyset(&set);
		sigprocmask(SIG_SETMASK, &set, NULL);
		raise(WTERMSIG(c.status));
		return 128 + WTERMSIG(c.status);
	}
	return WEXITSTATUS(c.status);
}
