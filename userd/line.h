/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The line between "tern run", which stays where it was started, and the first process of
 * its pod, which does not: terminal, pipes, signals and exit status go over it. It is cut
 * whenever the pod moves, and then both ends dial again, each its own ternd (lines.c), which
 * connects them. Nothing is lost by that: frames have numbers, and what the other end has
 * not acknowledged is sent again.
 *
 * Between processes of one version on hosts of one kind: native byte order.
 */
#ifndef TERN_LINE_H
#define TERN_LINE_H

#include <linux/tern.h>
#include <stdbool.h>
#include <stddef.h>

#define LINE_MAGIC	0x656e696cU
#define LINE_DATA_MAX	4096
#define LINE_ROOM	(64 << 10)	/* bytes that may be unacknowledged, headers included */
#define LINE_RESERVE	1024		/* of these not for data */

/**
 * struct line_dial - what is said first to ternd
 * @magic: LINE_MAGIC
 * @role: enum line_role
 * @id: of the line; who knows it may have it
 * @home: the host where "tern run" is, "": this one
 *
 * ternd answers with one enum line_word, and from then on connects.
 */
struct line_dial {
	__u32 magic;
	__u32 role;
	__u64 id;
	char home[TERN_HOST_LEN];
};

enum line_role {
	LINE_RUN = 1,	/* "tern run" */
	LINE_POD,	/* the first process of the pod */
};

enum line_word {
	LINE_CONNECTED = 'c',
	LINE_NOBODY = 'n',	/* "tern run" is not there any more */
	LINE_DEAD = 'd',	/* the pod has ended without a word */
};

/**
 * struct line_frame - header of all that goes over a line
 * @type: enum line_type
 * @len: bytes that follow, LINE_DATA_MAX at most
 * @seq: number of the frame; HELLO: of the last one that was received; ACK: of the last one
 *	that has been used, as in the __u32 that follows HELLO
 *
 * What has been used is not kept by the other end any more: there is room for more. So
 * neither end has to stop listening because it cannot use what it hears.
 */
struct line_frame {
	__u16 type;
	__u16 len;
	__u32 seq;
};

/**
 * enum line_type - what a frame says
 * @LINE_HELLO: first on each connection
 * @LINE_ACK: so much has been used
 * @LINE_IN: input of the program; nothing: there is no more
 * @LINE_OUT: output of it, to its standard output
 * @LINE_ERR: and to its standard error
 * @LINE_SIGNAL: a signal that "tern run" has got; int
 * @LINE_WINDOW: the terminal has another size; struct winsize
 * @LINE_CLOSED: nobody reads LINE_OUT, or LINE_ERR, any more; int, which
 * @LINE_STOPPED: the program has been stopped; int
 * @LINE_EXIT: the program has ended: int, as waitpid(2) has it
 */
enum line_type {
	LINE_HELLO = 1,
	LINE_ACK,
	LINE_IN,
	LINE_OUT,
	LINE_ERR,
	LINE_SIGNAL,
	LINE_WINDOW,
	LINE_CLOSED,
	LINE_STOPPED,
	LINE_EXIT,
	__LINE_TYPES,
};

/**
 * struct line - one end
 * @fd: the connection, -1: none
 * @dial: how to get one
 * @dial_ms: how long to wait when that has failed
 * @dial_at: CLOCK_MONOTONIC in ms, when it may be tried again
 * @connected: ternd has said so
 * @greeted: the other end has said what it has received
 * @hello: HELLO has yet to be said
 * @ack: and ACK
 * @seq: number of the last frame that was put
 * @got: number of the last frame that was received
 * @used: number of the last frame that was used
 * @out: frames that are not acknowledged
 * @out_len: bytes of them
 * @out_at: so many have been written to this connection; at the beginning of a frame when
 *	@now_len is 0
 * @now: a frame that is being written
 * @now_len: bytes of it
 * @now_at: so many have been written
 * @in: a frame that arrives
 * @in_len: bytes of it that have
 */
struct line {
	int fd;
	struct line_dial dial;
	unsigned int dial_ms;
	__s64 dial_at;
	bool connected;
	bool greeted;
	bool hello;
	bool ack;
	__u32 seq;
	__u32 got;
	__u32 used;
	unsigned char out[LINE_ROOM];
	size_t out_len;
	size_t out_at;
	unsigned char now[sizeof(struct line_frame) + LINE_DATA_MAX];
	size_t now_len;
	size_t now_at;
	unsigned char in[sizeof(struct line_frame) + LINE_DATA_MAX];
	size_t in_len;
};

void line_init(struct line *line, enum line_role role, __u64 id, const char *home);
void line_begin(struct line *line, int fd);
int line_dial(struct line *line);
void line_redial(struct line *line);
int line_pause(const struct line *line);
void line_hang_up(struct line *line);
bool line_has_room(const struct line *line);
bool line_is_said(const struct line *line);
int line_put(struct line *line, enum line_type type, const void *data, size_t len);
short line_events(const struct line *line, bool ready);
int line_write(struct line *line);
int line_next(struct line *line, struct line_frame *head, void *data);
void line_used(struct line *line);

#endif
