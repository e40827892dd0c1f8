// SPDX-License-Identifier: GPL-2.0
/*
 * Pipes and named pipes. One description for reading and one for writing are the
 * two that pipe2(2) makes; all others are opened through /proc/self/fd, as they were,
 * or by their name. Contents go in while nothing but the shell can see them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "script_fds.h"

#define PIPE_DEFAULT	65536
#define FLAGS_SENTENCE	"the flags of a pipe could not be set"

/* Descriptions of pipe @pipe: index of the first one in @fds->end. */
static unsigned int find_ends(const struct script_fds *fds, __u32 pipe)
{
	unsigned int lo = 0, hi = fds->nr_ends;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;
		const struct tern_obj_desc *d = tern_obj_payload(fds->end[mid]);

		if (d->pipe < pipe)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static const struct tern_obj_desc *end_at(const struct script_fds *fds, unsigned int i,
					  __u32 pipe)
{
	const struct tern_obj_desc *d = i < fds->nr_ends ? tern_obj_payload(fds->end[i]) : NULL;

	return d && d->pipe == pipe ? d : NULL;
}

/* An end by which @pipe can be read or written, NULL: none. */
static const struct tern_obj_desc *end_for(const struct script_fds *fds, __u32 pipe, __u32 mode)
{
	const struct tern_obj_desc *d;
	unsigned int i;

	for (i = find_ends(fds, pipe); (d = end_at(fds, i, pipe)); i++) {
		__u32 has = d->flags & O_ACCMODE;

		if ((has == mode || has == O_RDWR) && script_fd_of(fds, d->id) >= 0)
			return d;
	}
	return NULL;
}

/* @slots: 1: @fd is a slot. */
static void set_flags(struct tern_script *s, int fd, unsigned int slots, __u32 flags)
{
	SCRIPT(s, FLAGS_SENTENCE, SYS_fcntl, fd, F_SETFL, flags & SETFL_FLAGS)->slots = slots;
}

/* ---- contents: one write each, for a pipe may keep their boundaries ------------- */

/**
 * struct piece - a piece of what is in a pipe
 * @data: its bytes
 * @len: how many
 * @packet: it is read as a whole (O_DIRECT)
 */
struct piece {
	const char *data;
	__u32 len;
	bool packet;
};

/* Piece @n; false: there is none. @data is where it starts, and moves on. */
static bool next_piece(const struct tern_obj *obj, unsigned int n, const char **data,
		       struct piece *piece)
{
	const struct tern_obj_pipe *p = tern_obj_payload(obj);
	const __u32 *sizes;
	size_t len;

	sizes = tern_obj_tail(obj, &len);
	if (!n)
		*data = (const char *)(sizes + p->pieces);
	if (!p->pieces) {
		*piece = (struct piece){ .data = *data, .len = p->data };
		return !n && p->data;
	}
	if (n >= p->pieces)
		return false;
	*piece = (struct piece){
		.data = *data, .len = sizes[n] & ~TERN_PIPE_PACKET,
		.packet = sizes[n] & TERN_PIPE_PACKET,
	};
	*data += piece->len;
	return true;
}

/* By @fd, which does not wait, and leaves no packets unless it is told to. */
static void fill(struct tern_script *s, const struct tern_obj *obj, int fd, unsigned int slots)
{
	bool packet = false;
	const char *data = NULL;
	struct shell_op *op;
	struct piece piece;
	unsigned int n;

	for (n = 0; next_piece(obj, n, &data, &piece); n++) {
		if (piece.packet != packet) {
			packet = piece.packet;
			set_flags(s, fd, slots, O_NONBLOCK | (packet ? O_DIRECT : 0));
		}
		op = SCRIPT(s, "a pipe did not take its contents", SYS_write, fd,
			    tern_script_data(s, piece.data, piece.len), piece.len, 0, 0,
			    piece.len);
		op->slots = slots;
		op->flags = SHELL_EXPECT;
	}
	if (packet)
		set_flags(s, fd, slots, 0);
}

/* ---- making them ---------------------------------------------------------------- */

/* Both ends, at @SLOT_HIGH and @SLOT_HIGH2, with all that is in it. */
static void make_pair(struct tern_script *s, const struct script_fds *fds,
		      const struct tern_obj *obj, const char *path)
{
	const struct tern_obj_pipe *p = tern_obj_payload(obj);

	if (path) {
		struct shell_op *op;

		/* for both, so that nobody has to be waited for */
		script_open(s, path, O_RDWR | O_NONBLOCK, SLOT_LOW);
		op = SCRIPT(s, "no free descriptor", SYS_dup, SLOT_LOW);
		op->slots = 1 << 0;
		op->out = SLOT_LOW2;
	} else {
		SCRIPT(s, "no pipe could be made", SYS_pipe2, tern_script_slot(s, SLOT_LOW),
		       O_CLOEXEC | O_NONBLOCK);
	}
	script_lift(s, fds, SLOT_LOW, SLOT_HIGH);
	script_lift(s, fds, SLOT_LOW2, SLOT_HIGH2);
	if (p->capacity != PIPE_DEFAULT)
		SCRIPT(s, "a pipe could not be made as large as it was", SYS_fcntl, SLOT_HIGH,
		       F_SETPIPE_SZ, p->capacity)->slots = 1 << 0;
	fill(s, obj, SLOT_HIGH2, 1 << 0);
}

/* An end that pipe2(2) has made: it has O_NONBLOCK, which goes where it was clear. */
static void finish_end(struct tern_script *s, const struct script_fds *fds,
		       const struct tern_obj_desc *d, unsigned int slot)
{
	set_flags(s, slot, 1 << 0, d->flags);
	script_spread(s, fds, d->id, slot);
}

/* Another one, while both ends stand above all numbers. */
static void open_end(struct tern_script *s, const struct script_fds *fds,
		     const struct tern_obj_desc *d, const char *path)
{
	char proc[32];

	/* which end that is does not matter */
	snprintf(proc, sizeof(proc), "/proc/self/fd/%u", fds->high);
	script_open(s, path ? path : proc, d->flags & ~O_DIRECT, SLOT_LOW);
	script_lift(s, fds, SLOT_LOW, SLOT_LOW2);
	if (d->flags & O_DIRECT)
		script_set_flags(s, SLOT_LOW2, d->flags);
	script_spread(s, fds, d->id, SLOT_LOW2);
}

/**
 * script_pipe() - a pipe, what is in it, and all its ends
 * @s: the writer
 * @fds: descriptions
 * @obj: PIPE
 * @why: sentence
 */
int script_pipe(struct tern_script *s, const struct script_fds *fds, const struct tern_obj *obj,
		struct tern_why *why)
{
	const struct tern_obj_pipe *p = tern_obj_payload(obj);
	const struct tern_obj_desc *d, *reader = NULL, *writer = NULL;
	unsigned int i, first = find_ends(fds, p->pipe);
	const char *path = NULL;
	struct stat st;
	size_t len;

	if (end_at(fds, first, p->pipe)) {
		path = tern_obj_tail(fds->end[first], &len);
		path = len ? path : NULL;
	}
	if (path && (stat(path, &st) || !S_ISFIFO(st.st_mode)))
		return tern_why_set(why, -ENOENT,
				    "%s, which the process has open, is no named pipe on %s: make it there",
				    path, fds->dress->host);
	make_pair(s, fds, obj, path);
	for (i = first; (d = end_at(fds, i, p->pipe)); i++) {
		if (!path && !reader && (d->flags & O_ACCMODE) == O_RDONLY)
			reader = d;
		else if (!path && !writer && (d->flags & O_ACCMODE) == O_WRONLY)
			writer = d;
		else
			open_end(s, fds, d, path);
	}
	if (reader)
		finish_end(s, fds, reader, SLOT_HIGH);
	else
		script_close(s, SLOT_HIGH);
	if (writer)
		finish_end(s, fds, writer, SLOT_HIGH2);
	else
		script_close(s, SLOT_HIGH2);
	return 0;
}

/** script_pipe_same() - the same pipe, but for what is in it? */
bool script_pipe_same(const struct tern_obj *x, const struct tern_obj *y)
{
	const struct tern_obj_pipe *a = tern_obj_payload(x), *b = tern_obj_payload(y);

	return a->pipe == b->pipe && a->capacity == b->capacity;
}

/**
 * struct way - how a pipe is reached for reading, or for writing
 * @fd: a descriptor of the process, or a slot
 * @slots: 1: it is a slot, with an end that is there for the moment only
 */
struct way {
	int fd;
	unsigned int slots;
};

/* The other end may be another process's, which has it not yet, or not any more. */
static struct way reach(struct tern_script *s, const struct script_fds *fds,
			const struct tern_obj_desc *end, const struct tern_obj_desc *other,
			int mode, unsigned int slot)
{
	char proc[32];

	if (end)
		return (struct way){ script_fd_of(fds, end->id), 0 };
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", script_fd_of(fds, other->id));
	script_open(s, proc, mode | O_NONBLOCK, slot);
	return (struct way){ slot, 1 << 0 };
}

static void empty(struct tern_script *s, const struct tern_obj_pipe *pipe, const struct way *way)
{
	struct shell_op *op;

	op = SCRIPT(s, "a pipe could not be emptied", SYS_read, way->fd,
		    tern_script_data(s, NULL, pipe->data), pipe->data, 0, 0, pipe->data);
	op->slots = way->slots;
	op->flags = SHELL_EXPECT;
}

/**
 * script_pipe_alter() - empty a pipe and fill it again
 * @s: the writer
 * @fds: of @new; before common flags are set
 * @old: PIPE as it is
 * @new: PIPE as it is to be
 *
 * Return: as for struct script_kind: 0 without an end that it takes, or where a call
 * might wait.
 */
int script_pipe_alter(struct tern_script *s, const struct script_fds *fds,
		      const struct tern_obj *old, const struct tern_obj *new)
{
	const struct tern_obj_pipe *a = tern_obj_payload(old), *b = tern_obj_payload(new);
	const struct tern_obj_desc *reader = end_for(fds, b->pipe, O_RDONLY);
	const struct tern_obj_desc *writer = end_for(fds, b->pipe, O_WRONLY);
	struct way in, out;

	if (old->len == new->len && !memcmp(a, b, old->len - sizeof(*old)))
		return 1;
	/* what has boundaries is rare */
	if ((!reader && !writer) || a->pieces || b->pieces)
		return 0;
	/* there must be a reader for whoever writes, too */
	in = reach(s, fds, reader, writer, O_RDONLY, SLOT_LOW);
	out = reach(s, fds, writer, reader, O_WRONLY, SLOT_LOW2);
	if (a->data)
		empty(s, a, &in);
	if (b->data) {
		/* whatever it is or was, this is no packet */
		set_flags(s, out.fd, out.slots, O_NONBLOCK);
		fill(s, new, out.fd, out.slots);
		set_flags(s, out.fd, out.slots, writer ? writer->flags : 0);
	}
	if (in.slots)
		script_close(s, in.fd);
	if (out.slots)
		script_close(s, out.fd);
	return 1;
}
