// SPDX-License-Identifier: GPL-2.0
/* One end of a line (line.h). No locks, one thread. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "line.h"

#define HEAD		sizeof(struct line_frame)
#define REDIAL_MS	50	/* at first; twice as long each time, up to */
#define REDIAL_MOST_MS	1000

/**
 * line_init() - an end that has no connection yet
 * @line: filled
 * @role: which of the two
 * @id: of the line
 * @home: where "tern run" is, "": here
 */
void line_init(struct line *line, enum line_role role, __u64 id, const char *home)
{
	memset(line, 0, sizeof(*line));
	line->fd = -1;
	line->dial = (struct line_dial){ .magic = LINE_MAGIC, .role = role, .id = id };
	snprintf(line->dial.home, sizeof(line->dial.home), "%s", home);
}

/** line_begin() - go on over a new connection, @fd, which is the line's from now on */
void line_begin(struct line *line, int fd)
{
	line->fd = fd;
	line->connected = false;
	line->greeted = false;
	line->hello = true;
	line->ack = false;
	line->out_at = 0;
	line->now_len = 0;
	line->now_at = 0;
	line->in_len = 0;
}

/**
 * line_dial() - ask the ternd of the host where we are for a connection
 * @line: without one
 *
 * Does not wait for the other end. Return: 0, or negative errno: no ternd is there.
 */
int line_dial(struct line *line)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = TERN_LINES };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) ||
	    send(fd, &line->dial, sizeof(line->dial), MSG_NOSIGNAL) != sizeof(line->dial)) {
		err = -errno;
		close(fd);
		return err;
	}
	line_begin(line, fd);
	return 0;
}

static __s64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/** line_redial() - dial again, if it is time: at once when the last call has come through */
void line_redial(struct line *line)
{
	if (now_ms() < line->dial_at)
		return;
	line->dial_ms = line->dial_ms ? line->dial_ms * 2 : REDIAL_MS;
	if (line->dial_ms > REDIAL_MOST_MS)
		line->dial_ms = REDIAL_MOST_MS;
	line->dial_at = now_ms() + line->dial_ms;
	line_dial(line);
}

/** line_pause() - ms until it may be dialled again; -1: it is connected */
int line_pause(const struct line *line)
{
	__s64 left = line->dial_at - now_ms();

	return line->fd >= 0 ? -1 : left > 0 ? left : 0;
}

/** line_hang_up() - the connection is of no use any more */
void line_hang_up(struct line *line)
{
	if (line->fd >= 0)
		close(line->fd);
	line->fd = -1;
}

/** line_has_room() - can the largest frame of data be put? There is more room for others */
bool line_has_room(const struct line *line)
{
	return line->out_len + HEAD + LINE_DATA_MAX + LINE_RESERVE <= LINE_ROOM;
}

/** line_is_said() - has all that was put been acknowledged? */
bool line_is_said(const struct line *line)
{
	return !line->out_len;
}

/** line_put() - say something; -EAGAIN: there is no room for it now */
int line_put(struct line *line, enum line_type type, const void *data, size_t len)
{
	struct line_frame head = { .type = type, .len = len, .seq = line->seq + 1 };

	if (len > LINE_DATA_MAX || line->out_len + HEAD + len > LINE_ROOM)
		return -EAGAIN;
	line->seq++;
	memcpy(line->out + line->out_len, &head, HEAD);
	memcpy(line->out + line->out_len + HEAD, data, len);
	line->out_len += HEAD + len;
	return 0;
}

/**
 * line_events() - what to wait for on its connection
 * @line: the line
 * @ready: a frame could be taken
 */
short line_events(const struct line *line, bool ready)
{
	bool say = line->now_len || line->hello || line->ack ||
		   (line->greeted && line->out_at < line->out_len);

	return (ready ? POLLIN : 0) | (say ? POLLOUT : 0);
}

/* The next frame to be written; false: there is none. */
static bool choose(struct line *line)
{
	struct line_frame head = { .type = LINE_ACK, .seq = line->used };

	if (line->hello || line->ack) {
		if (line->hello)
			head = (struct line_frame){
				.type = LINE_HELLO, .len = sizeof(line->used), .seq = line->got };
		line->hello = false;
		line->ack = false;
		memcpy(line->now, &head, HEAD);
		memcpy(line->now + HEAD, &line->used, head.len);
		line->now_len = HEAD + head.len;
		return true;
	}
	if (!line->greeted || line->out_at == line->out_len)
		return false;
	memcpy(&head, line->out + line->out_at, HEAD);
	line->now_len = HEAD + head.len;
	memcpy(line->now, line->out + line->out_at, line->now_len);
	line->out_at += line->now_len;
	return true;
}

/** line_write() - write as much as the connection takes; negative errno: it is cut */
int line_write(struct line *line)
{
	while (line->now_len || choose(line)) {
		ssize_t n = send(line->fd, line->now + line->now_at, line->now_len - line->now_at,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		line->now_at += n;
		if (line->now_at == line->now_len) {
			line->now_at = 0;
			line->now_len = 0;
		}
	}
	return 0;
}

/* Bytes of frames that are kept, up to number @seq. */
static size_t bytes_to(const struct line *line, __u32 seq)
{
	struct line_frame head;
	size_t done = 0;

	while (done < line->out_len) {
		memcpy(&head, line->out + done, HEAD);
		if ((__s32)(head.seq - seq) > 0)
			break;
		done += HEAD + head.len;
	}
	return done;
}

/* The other end has used everything up to @seq. */
static void acknowledge(struct line *line, __u32 seq)
{
	size_t done = bytes_to(line, seq);

	memmove(line->out, line->out + done, line->out_len - done);
	line->out_len -= done;
	line->out_at = line->out_at > done ? line->out_at - done : 0;
}

/* It has received more than it has used, and need not be told that again. */
static int greet(struct line *line, const struct line_frame *head)
{
	__u32 used;

	if (head->len != sizeof(used) || line->greeted)
		return -EPROTO;
	memcpy(&used, line->in + HEAD, sizeof(used));
	acknowledge(line, used);
	line->out_at = bytes_to(line, head->seq);
	line->greeted = true;
	line->dial_ms = 0;
	line->dial_at = 0;
	return 0;
}

static int fill(struct line *line, size_t want)
{
	while (line->in_len < want) {
		ssize_t n = recv(line->fd, line->in + line->in_len, want - line->in_len,
				 MSG_DONTWAIT);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		if (!n)
			return -EPIPE;
		line->in_len += n;
	}
	return 1;
}

static int hear_word(struct line *line)
{
	char word;
	ssize_t n = recv(line->fd, &word, 1, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (!n)
		return -EPIPE;
	line->connected = word == LINE_CONNECTED;
	return line->connected ? 1 : word == LINE_NOBODY ? -ENOTCONN :
	       word == LINE_DEAD ? -EOWNERDEAD : -EPROTO;
}

/**
 * line_next() - the next frame that concerns the caller
 * @line: connected
 * @head: receives its header
 * @data: receives what follows, LINE_DATA_MAX at most
 *
 * Return: 1; 0: there is none yet; -ENOTCONN, -EOWNERDEAD: ternd has said that the other
 * end is gone for good; another negative errno: the connection is cut.
 */
int line_next(struct line *line, struct line_frame *head, void *data)
{
	int rc = line->connected ? 1 : hear_word(line);

	if (rc <= 0)
		return rc;
	for (;;) {
		rc = fill(line, HEAD);
		if (rc <= 0)
			return rc;
		memcpy(head, line->in, HEAD);
		if (!head->type || head->type >= __LINE_TYPES || head->len > LINE_DATA_MAX)
			return -EPROTO;
		rc = fill(line, HEAD + head->len);
		if (rc <= 0)
			return rc;
		line->in_len = 0;
		if (head->type == LINE_HELLO) {
			rc = greet(line, head);
			if (rc)
				return rc;
			continue;
		}
		if (head->type == LINE_ACK) {
			acknowledge(line, head->seq);
			continue;
		}
		/* sent again, for our word had not arrived */
		if ((__s32)(head->seq - line->got) <= 0)
			continue;
		if (head->seq != line->got + 1)
			return -EPROTO;
		line->got = head->seq;
		memcpy(data, line->in + HEAD, head->len);
		return 1;
	}
}

/** line_used() - all that line_next() has given is used: the other end may send more */
void line_used(struct line *line)
{
	line->ack |= line->used != line->got;
	line->used = line->got;
}
