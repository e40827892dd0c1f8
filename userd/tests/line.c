// SPDX-License-Identifier: GPL-2.0
/* Both ends of a line that is cut again and again: nothing is lost, doubled or out of order. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "line.h"
#include "test.h"

#define FRAMES	3000
#define CUTS	200

/**
 * struct end - one of the two
 * @line: its line
 * @said: numbers that it has said
 * @heard: and heard
 */
struct end {
	struct line line;
	unsigned int said;
	unsigned int heard;
};

static struct end ends[2];

static size_t length(unsigned int n)
{
	return sizeof(n) + n * 37 % (LINE_DATA_MAX - sizeof(n));
}

static void say(struct end *e)
{
	char data[LINE_DATA_MAX];

	while (e->said < FRAMES && line_has_room(&e->line)) {
		memset(data, e->said, sizeof(data));
		memcpy(data, &e->said, sizeof(e->said));
		if (line_put(&e->line, LINE_OUT, data, length(e->said)))
			break;
		e->said++;
	}
}

/* As ternd does it. */
static void connect_both(void)
{
	int fds[2];

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	CHECK(write(fds[0], "c", 1) == 1 && write(fds[1], "c", 1) == 1);
	line_begin(&ends[0].line, fds[0]);
	line_begin(&ends[1].line, fds[1]);
}

static void cut_both(void)
{
	line_hang_up(&ends[0].line);
	line_hang_up(&ends[1].line);
}

/* 0, or an error of the line. */
static int hear(struct end *e)
{
	char data[LINE_DATA_MAX];
	struct line_frame head;
	unsigned int n;
	int rc;

	while ((rc = line_next(&e->line, &head, data)) > 0) {
		memcpy(&n, data, sizeof(n));
		if (head.type != LINE_OUT || n != e->heard || head.len != length(n) ||
		    (head.len > sizeof(n) && (unsigned char)data[head.len - 1] != n % 256))
			return -EILSEQ;
		e->heard++;
		/* sometimes later, and then all at once */
		if (rand() % 3)
			line_used(&e->line);
	}
	line_used(&e->line);
	return rc;
}

static bool all_said(void)
{
	return ends[0].heard == FRAMES && ends[1].heard == FRAMES &&
	       line_is_said(&ends[0].line) && line_is_said(&ends[1].line);
}

/* So many steps, each by one end, or until all is said. */
static int talk(unsigned int steps)
{
	int rc = 0;

	while (steps-- && !rc && !all_said()) {
		struct end *e = &ends[rand() % 2];

		say(e);
		if (rand() % 2)
			rc = line_write(&e->line);
		else
			rc = hear(e);
	}
	return rc;
}

/* An end that has just dialled; what ternd has of it is returned. */
static int dialled(struct line *line)
{
	int fds[2];

	line_init(line, LINE_RUN, 1, "");
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	line_begin(line, fds[0]);
	return fds[1];
}

static void word(char text, int expected)
{
	char data[LINE_DATA_MAX];
	struct line_frame head;
	struct line line;
	int ternd = dialled(&line);

	CHECK(!line_next(&line, &head, data));
	CHECK(write(ternd, &text, 1) == 1);
	CHECK(line_next(&line, &head, data) == expected);
	close(ternd);
	CHECK(line_next(&line, &head, data) < 0);
	line_hang_up(&line);
}

/* What is no line is no reason to believe it. */
static void nonsense(const struct line_frame *said)
{
	char data[LINE_DATA_MAX];
	struct line_frame head;
	struct line line;
	int ternd = dialled(&line);

	CHECK(write(ternd, "c", 1) == 1);
	CHECK(write(ternd, said, sizeof(*said)) == sizeof(*said));
	CHECK(line_next(&line, &head, data) == -EPROTO);
	close(ternd);
	line_hang_up(&line);
}

int main(void)
{
	unsigned int i;
	int rc = 0;

	line_init(&ends[0].line, LINE_RUN, 7, "");
	line_init(&ends[1].line, LINE_POD, 7, "a");
	for (i = 0; i < CUTS && !rc; i++) {
		connect_both();
		rc = talk(rand() % 60);
		cut_both();
	}
	CHECK(!rc);
	CHECK(ends[0].said && ends[0].heard && ends[1].heard);
	connect_both();
	CHECK(!talk(~0U));
	CHECK(all_said());
	cut_both();
	CHECK(line_put(&ends[0].line, LINE_OUT, &rc, LINE_DATA_MAX + 1) == -EAGAIN);
	word('c', 0);
	word('n', -ENOTCONN);
	word('d', -EOWNERDEAD);
	word('x', -EPROTO);
	nonsense(&(struct line_frame){ 0, 0, 1 });
	nonsense(&(struct line_frame){ __LINE_TYPES, 0, 1 });
	nonsense(&(struct line_frame){ LINE_OUT, LINE_DATA_MAX + 1, 1 });
	nonsense(&(struct line_frame){ LINE_OUT, 0, 2 });
	return done();
}
