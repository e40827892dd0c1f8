// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors. Each description is opened once, at a number above all of the
 * migrant's, duplicated to where the migrant has it, and closed there; so no
 * step ever stands on a number that a later one needs. The shell's own
 * descriptors move up there first.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "script.h"

#define OWN_MIN		64	/* above what the shell has open before */
#define OWN_ROOM	16	/* its own, and a few at a time in between */
#define SLOT_LOW	SHELL_SLOT_FREE
#define SLOT_LOW2	(SHELL_SLOT_FREE + 1)
#define SLOT_HIGH	(SHELL_SLOT_FREE + 2)
#define SLOT_HIGH2	(SHELL_SLOT_FREE + 3)
#define PIPE_DEFAULT	65536

/* What open(2) may be given of what F_GETFL shows; it keeps the rest itself. */
#define OPEN_FLAGS	(O_ACCMODE | O_APPEND | O_NONBLOCK | O_DSYNC | SYNC_BIT | O_DIRECT | \
			 LARGEFILE_BIT | O_DIRECTORY | O_NOATIME | O_PATH)
#define SYNC_BIT	04000000
#define LARGEFILE_BIT	0100000
#define SETFL_FLAGS	(O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME)

/**
 * struct fds - descriptors of the image, in the order of what they name
 * @fd: array
 * @nr: entries
 * @first: by description's id: index of its first one in @fd
 * @high: numbers from here on are free for the shell's own use
 */
struct fds {
	const struct tern_obj_fd **fd;
	unsigned int nr;
	unsigned int *first;
	unsigned int high;
};

static unsigned int count(const struct tern_image *image, unsigned int type)
{
	const struct tern_obj *obj = NULL;
	unsigned int n = 0;

	while ((obj = tern_image_find(image, type, obj)))
		n++;
	return n;
}

static int compare_desc(const void *a, const void *b)
{
	const struct tern_obj_fd *x = *(const struct tern_obj_fd *const *)a;
	const struct tern_obj_fd *y = *(const struct tern_obj_fd *const *)b;

	if (x->desc != y->desc)
		return x->desc < y->desc ? -1 : 1;
	return (x->fd > y->fd) - (x->fd < y->fd);
}

static int collect(struct fds *fds, const struct tern_image *image)
{
	unsigned int descs = count(image, TERN_OBJ_DESC);
	const struct tern_obj *obj = NULL;
	unsigned int i = 0, id;
	int max = -1;

	fds->nr = count(image, TERN_OBJ_FD);
	fds->fd = calloc(fds->nr + 1, sizeof(*fds->fd));
	fds->first = calloc(descs + 2, sizeof(*fds->first));
	if (!fds->fd || !fds->first)
		return -ENOMEM;
	while ((obj = tern_image_find(image, TERN_OBJ_FD, obj))) {
		fds->fd[i] = tern_obj_payload(obj);
		if (fds->fd[i]->fd > max)
			max = fds->fd[i]->fd;
		i++;
	}
	qsort(fds->fd, fds->nr, sizeof(*fds->fd), compare_desc);
	for (i = 0, id = 1; id <= descs + 1; id++) {
		fds->first[id] = i;
		while (i < fds->nr && fds->fd[i]->desc == id)
			i++;
	}
	fds->high = max + 1 > OWN_MIN ? max + 1 : OWN_MIN;
	return 0;
}

/* ---- steps that every kind needs ------------------------------------------- */

static void close_slot(struct tern_script *s, unsigned int slot)
{
	SCRIPT(s, NULL, SYS_close, slot)->slots = 1 << 0;
}

/* Out of the way of the numbers that the migrant has. */
static void lift(struct tern_script *s, const struct fds *fds, unsigned int low,
		 unsigned int high)
{
	struct shell_op *op;

	op = SCRIPT(s, "no free descriptor", SYS_fcntl, low, F_DUPFD_CLOEXEC, fds->high);
	op->slots = 1 << 0;
	op->out = high;
	close_slot(s, low);
}

/* To all descriptors of description @id; @high is closed. */
static void spread(struct tern_script *s, const struct fds *fds, __u32 id, unsigned int high)
{
	unsigned int i;

	for (i = fds->first[id]; i < fds->first[id + 1]; i++)
		SCRIPT(s, "a descriptor could not be put in place", SYS_dup3, high,
		       fds->fd[i]->fd, fds->fd[i]->cloexec ? O_CLOEXEC : 0)->slots = 1 << 0;
	close_slot(s, high);
}

static void set_flags(struct tern_script *s, unsigned int slot, __u32 flags)
{
	if (flags & SETFL_FLAGS)
		SCRIPT(s, "the flags of a descriptor could not be set", SYS_fcntl, slot, F_SETFL,
		       flags & SETFL_FLAGS)->slots = 1 << 0;
}

/* The shell's own, to @fds->high and above. */
static void move_own(struct tern_script *s, struct fds *fds, struct tern_dress *dress)
{
	bool become = dress->become;
	unsigned int slot;

	dress->own_fds = fds->high;
	for (slot = SHELL_SLOT_SOCKET; slot <= SHELL_SLOT_UFFD; slot++) {
		__s32 old = tern_script_value(s, slot);

		if (slot == SHELL_SLOT_DEV && !become)
			continue;
		SCRIPT(s, "no free descriptor", SYS_dup3, slot, fds->high, O_CLOEXEC)->slots = 1;
		SCRIPT(s, NULL, SHELL_OP_STORE, tern_script_slot(s, slot), fds->high);
		SCRIPT(s, NULL, SYS_close, old);
		fds->high++;
	}
}

/* ---- files and devices -------------------------------------------------------- */

/*
 * PREPARE has proven most files to be the same. One that was opened since is
 * taken only where both hosts see one file system: a directory, or the same
 * inode number.
 */
static int same_file(const struct tern_dress *dress, const struct tern_obj_desc *d,
		     const char *path, struct tern_why *why)
{
	const struct tern_known *known = tern_known_find(dress, path);
	struct stat st;

	if (known && known->same && known->file.ino == d->ino)
		return 0;
	if (stat(path, &st))
		return tern_why_set(why, -errno,
				    "%s, which the process has open, cannot be found on %s: %s",
				    path, dress->host, strerror(errno));
	if (S_ISDIR(d->mode) && S_ISDIR(st.st_mode))
		return 0;
	if (known && known->same)
		return tern_why_set(why, -EAGAIN,
				    "%s was replaced while the migration was prepared; try again",
				    path);
	if (!known)
		return tern_why_set(why, -EAGAIN,
				    "%s was opened while the migration was prepared; try again",
				    path);
	return tern_why_set(why, -ESTALE, "%s, which the process has open, is not the same on %s",
			    path, dress->host);
}

static int same_device(const struct tern_dress *dress, const struct tern_obj_desc *d,
		       const char *path, struct tern_why *why)
{
	struct stat st;

	if (!stat(path, &st) && S_ISCHR(st.st_mode) && st.st_rdev == d->dev)
		return 0;
	return tern_why_set(why, -ENODEV, "%s is not the same device on %s", path, dress->host);
}

static void open_desc(struct tern_script *s, const struct fds *fds,
		      const struct tern_obj_desc *d, const char *path)
{
	struct shell_op *op;

	op = SCRIPT(s, "a file that the process has open could not be opened:", SYS_openat,
		    AT_FDCWD, tern_script_data(s, path, strlen(path) + 1),
		    (d->flags & OPEN_FLAGS) | O_CLOEXEC | O_NOCTTY);
	op->out = SLOT_LOW;
	lift(s, fds, SLOT_LOW, SLOT_HIGH);
	if (d->pos && d->kind == TERN_DESC_FILE) {
		op = SCRIPT(s, "the position in a file could not be set", SYS_lseek, SLOT_HIGH,
			    d->pos, SEEK_SET);
		op->slots = 1 << 0;
	}
	spread(s, fds, d->id, SLOT_HIGH);
}

static void open_epoll(struct tern_script *s, const struct fds *fds,
		       const struct tern_obj_desc *d)
{
	SCRIPT(s, "no epoll could be made", SYS_epoll_create1, EPOLL_CLOEXEC)->out = SLOT_LOW;
	lift(s, fds, SLOT_LOW, SLOT_HIGH);
	set_flags(s, SLOT_HIGH, d->flags);
	spread(s, fds, d->id, SLOT_HIGH);
}

static int open_one(struct tern_script *s, const struct tern_dress *dress,
		    const struct fds *fds, const struct tern_obj *obj, struct tern_why *why)
{
	const struct tern_obj_desc *d = tern_obj_payload(obj);
	const char *path;
	size_t len;
	int err = 0;

	path = tern_obj_tail(obj, &len);
	switch (d->kind) {
	case TERN_DESC_FILE:
		err = same_file(dress, d, path, why);
		break;
	case TERN_DESC_DEVICE:
		err = same_device(dress, d, path, why);
		break;
	case TERN_DESC_NULL:
		path = "/dev/null";
		break;
	case TERN_DESC_EPOLL:
		open_epoll(s, fds, d);
		return 0;
	default:
		return 0;	/* pipes go in pairs, by themselves */
	}
	if (!err)
		open_desc(s, fds, d, path);
	return err;
}

/* ---- pipes ---------------------------------------------------------------------- */

/**
 * struct pipe_end - an end of a pipe
 * @pipe: its number
 * @writes: which end
 * @d: the description
 */
struct pipe_end {
	__u32 pipe;
	bool writes;
	const struct tern_obj_desc *d;
};

static int compare_end(const void *a, const void *b)
{
	const struct pipe_end *x = a, *y = b;

	if (x->pipe != y->pipe)
		return x->pipe < y->pipe ? -1 : 1;
	return x->writes - y->writes;
}

static int collect_ends(const struct tern_image *image, struct pipe_end **ends,
			unsigned int *nr, struct tern_why *why)
{
	const struct tern_obj *obj = NULL;
	unsigned int i, n = 0;
	struct pipe_end *e;

	e = calloc(count(image, TERN_OBJ_DESC) + 1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	while ((obj = tern_image_find(image, TERN_OBJ_DESC, obj))) {
		const struct tern_obj_desc *d = tern_obj_payload(obj);

		if (d->kind == TERN_DESC_PIPE)
			e[n++] = (struct pipe_end){
				d->pipe, (d->flags & O_ACCMODE) == O_WRONLY, d
			};
	}
	qsort(e, n, sizeof(*e), compare_end);
	*ends = e;
	*nr = n;
	for (i = 1; i < n; i++)
		if (!compare_end(&e[i], &e[i - 1]))
			return tern_why_set(why, -EOPNOTSUPP,
					    "an end of a pipe has been opened twice (through /proc/PID/fd): this cannot move yet");
	return 0;
}

static const struct tern_obj_desc *find_end(const struct pipe_end *ends, unsigned int nr,
					    __u32 pipe, bool writes)
{
	struct pipe_end key = { .pipe = pipe, .writes = writes };
	const struct pipe_end *e = bsearch(&key, ends, nr, sizeof(*ends), compare_end);

	return e ? e->d : NULL;
}

static void finish_end(struct tern_script *s, const struct fds *fds,
		       const struct tern_obj_desc *d, unsigned int slot)
{
	if (!d) {
		close_slot(s, slot);
		return;
	}
	/* pipe2() has set O_NONBLOCK: clear it where it was clear */
	SCRIPT(s, "the flags of a pipe could not be set", SYS_fcntl, slot, F_SETFL,
	       d->flags & SETFL_FLAGS)->slots = 1 << 0;
	spread(s, fds, d->id, slot);
}

static void make_pipe(struct tern_script *s, const struct fds *fds,
		      const struct tern_obj *obj, const struct pipe_end *ends, unsigned int nr)
{
	const struct tern_obj_pipe *p = tern_obj_payload(obj);
	const struct tern_obj_desc *reader = find_end(ends, nr, p->pipe, false);
	const struct tern_obj_desc *writer = find_end(ends, nr, p->pipe, true);
	struct shell_op *op;
	const void *data;
	size_t len;

	data = tern_obj_tail(obj, &len);
	SCRIPT(s, "no pipe could be made", SYS_pipe2, tern_script_slot(s, SLOT_LOW),
	       O_CLOEXEC | O_NONBLOCK);
	lift(s, fds, SLOT_LOW, SLOT_HIGH);
	lift(s, fds, SLOT_LOW2, SLOT_HIGH2);
	if (p->capacity != PIPE_DEFAULT)
		SCRIPT(s, "a pipe could not be made as large as it was", SYS_fcntl, SLOT_HIGH,
		       F_SETPIPE_SZ, p->capacity)->slots = 1 << 0;
	if (len) {
		op = SCRIPT(s, "a pipe did not take its contents", SYS_write, SLOT_HIGH2,
			    tern_script_data(s, data, len), len, 0, 0, len);
		op->slots = 1 << 0;
		op->flags = SHELL_EXPECT;
	}
	finish_end(s, fds, reader, SLOT_HIGH);
	finish_end(s, fds, writer, SLOT_HIGH2);
}

/* ---- registrations -------------------------------------------------------------- */

static void add_epoll(struct tern_script *s, const struct fds *fds,
		      const struct tern_obj_epoll *e)
{
	struct epoll_event event = { .events = e->events, .data.u64 = e->data };
	unsigned int first = fds->first[e->desc];

	/* an epoll without a descriptor of its own lives in another's set only */
	if (first == fds->first[e->desc + 1])
		return;
	SCRIPT(s, "a descriptor could not be registered with an epoll", SYS_epoll_ctl,
	       fds->fd[first]->fd, EPOLL_CTL_ADD, e->fd,
	       tern_script_data(s, &event, sizeof(event)));
}

static int build(struct tern_script *s, const struct tern_dress *dress, const struct fds *fds,
		 struct tern_why *why)
{
	const struct tern_image *image = dress->image;
	const struct tern_obj *obj = NULL;
	struct pipe_end *ends = NULL;
	unsigned int nr = 0;
	int err = 0;

	while (!err && (obj = tern_image_find(image, TERN_OBJ_DESC, obj)))
		err = open_one(s, dress, fds, obj, why);
	if (!err)
		err = collect_ends(image, &ends, &nr, why);
	while (!err && (obj = tern_image_find(image, TERN_OBJ_PIPE, obj)))
		make_pipe(s, fds, obj, ends, nr);
	while (!err && (obj = tern_image_find(image, TERN_OBJ_EPOLL, obj)))
		add_epoll(s, fds, tern_obj_payload(obj));
	free(ends);
	return err;
}

static void drop(struct fds *fds)
{
	free(fds->first);
	free(fds->fd);
}

static int too_high(const struct fds *fds, const struct tern_dress *dress, struct tern_why *why)
{
	if (fds->high + OWN_ROOM <= dress->nr_open)
		return 0;
	return tern_why_set(why, -EMFILE,
			    "the process has a descriptor %u, above what fs.nr_open of %s leaves room for",
			    fds->high - 1, dress->host);
}

/**
 * tern_script_files() - all descriptors of the migrant
 * @s: the writer
 * @dress: the rest
 * @why: sentence
 */
int tern_script_files(struct tern_script *s, struct tern_dress *dress, struct tern_why *why)
{
	struct fds fds = { 0 };
	int err;

	err = collect(&fds, dress->image);
	if (!err)
		err = too_high(&fds, dress, why);
	if (!err) {
		tern_script_limits_open(s, dress, fds.high + OWN_ROOM);
		move_own(s, &fds, dress);
		err = build(s, dress, &fds, why);
	}
	drop(&fds);
	return err;
}

/* ---- from one image to the next -------------------------------------------------- */

/* Objects of one type in two images, in step. False: one has more of them. */
static bool next_pair(const struct tern_image *a, const struct tern_image *b, unsigned int type,
		      const struct tern_obj **x, const struct tern_obj **y)
{
	*x = tern_image_find(a, type, *x);
	*y = tern_image_find(b, type, *y);
	return !*x == !*y;
}

/* The same description, but for where it stands and what fcntl(2) can set? */
static bool same_desc(const struct tern_obj *x, const struct tern_obj *y)
{
	struct tern_obj_desc a = *(const struct tern_obj_desc *)tern_obj_payload(x);
	struct tern_obj_desc b = *(const struct tern_obj_desc *)tern_obj_payload(y);
	size_t len, other;
	const char *path = tern_obj_tail(x, &len), *name = tern_obj_tail(y, &other);

	a.pos = b.pos;
	a.size = b.size;
	a.flags = (a.flags & ~SETFL_FLAGS) | (b.flags & SETFL_FLAGS);
	return len == other && !memcmp(path, name, len) && !memcmp(&a, &b, sizeof(a));
}

static bool same_pipe(const struct tern_obj *x, const struct tern_obj *y)
{
	const struct tern_obj_pipe *a = tern_obj_payload(x), *b = tern_obj_payload(y);

	return a->pipe == b->pipe && a->capacity == b->capacity;
}

/* Can every descriptor stay where it is? */
static bool same_shape(const struct tern_image *a, const struct tern_image *b)
{
	const struct tern_obj *x = NULL, *y = NULL;

	do {
		if (!next_pair(a, b, TERN_OBJ_FD, &x, &y) ||
		    (x && memcmp(tern_obj_payload(x), tern_obj_payload(y),
				 sizeof(struct tern_obj_fd))))
			return false;
	} while (x);
	do {
		if (!next_pair(a, b, TERN_OBJ_DESC, &x, &y) || (x && !same_desc(x, y)))
			return false;
	} while (x);
	do {
		if (!next_pair(a, b, TERN_OBJ_PIPE, &x, &y) || (x && !same_pipe(x, y)))
			return false;
	} while (x);
	return true;
}

static int fd_of(const struct fds *fds, const struct tern_obj_desc *d)
{
	return d && fds->first[d->id] < fds->first[d->id + 1] ? fds->fd[fds->first[d->id]]->fd : -1;
}

static void alter_desc(struct tern_script *s, const struct fds *fds,
		       const struct tern_obj_desc *old, const struct tern_obj_desc *new)
{
	int fd = fd_of(fds, new);

	if (fd < 0)
		return;
	if (new->kind == TERN_DESC_FILE && old->pos != new->pos)
		SCRIPT(s, "the position in a file could not be set", SYS_lseek, fd, new->pos,
		       SEEK_SET);
	if ((old->flags ^ new->flags) & SETFL_FLAGS)
		SCRIPT(s, "the flags of a descriptor could not be set", SYS_fcntl, fd, F_SETFL,
		       new->flags & SETFL_FLAGS);
}

/* Empty the pipe and fill it again. False: not without the other end. */
static bool alter_pipe(struct tern_script *s, const struct fds *fds, const struct tern_obj *old,
		       const struct tern_obj *new, const struct pipe_end *ends, unsigned int nr)
{
	const struct tern_obj_pipe *p = tern_obj_payload(new);
	int reader = fd_of(fds, find_end(ends, nr, p->pipe, false));
	int writer = fd_of(fds, find_end(ends, nr, p->pipe, true));
	const void *data, *was;
	size_t len, before;
	struct shell_op *op;

	was = tern_obj_tail(old, &before);
	data = tern_obj_tail(new, &len);
	if (len == before && !memcmp(was, data, len))
		return true;
	if ((before && reader < 0) || (len && writer < 0))
		return false;
	if (before) {
		op = SCRIPT(s, "a pipe could not be emptied", SYS_read, reader,
			    tern_script_data(s, NULL, before), before, 0, 0, before);
		op->flags = SHELL_EXPECT;
	}
	if (len) {
		op = SCRIPT(s, "a pipe did not take its contents", SYS_write, writer,
			    tern_script_data(s, data, len), len, 0, 0, len);
		op->flags = SHELL_EXPECT;
	}
	return true;
}

static bool same_epolls(const struct tern_image *a, const struct tern_image *b)
{
	const struct tern_obj *x = NULL, *y = NULL;

	do {
		if (!next_pair(a, b, TERN_OBJ_EPOLL, &x, &y) ||
		    (x && memcmp(tern_obj_payload(x), tern_obj_payload(y),
				 sizeof(struct tern_obj_epoll))))
			return false;
	} while (x);
	return true;
}

/* All anew: what changes often is an instance with a few registrations. */
static void alter_epolls(struct tern_script *s, const struct fds *fds,
			 const struct tern_image *old, const struct tern_image *new)
{
	const struct tern_obj *obj = NULL;

	if (same_epolls(old, new))
		return;
	while ((obj = tern_image_find(old, TERN_OBJ_EPOLL, obj))) {
		const struct tern_obj_epoll *e = tern_obj_payload(obj);
		unsigned int first = fds->first[e->desc];

		if (first < fds->first[e->desc + 1])
			SCRIPT(s, "a registration with an epoll could not be removed",
			       SYS_epoll_ctl, fds->fd[first]->fd, EPOLL_CTL_DEL, e->fd, 0);
	}
	while ((obj = tern_image_find(new, TERN_OBJ_EPOLL, obj)))
		add_epoll(s, fds, tern_obj_payload(obj));
}

/* In place. 1: done; 0: it cannot be done like this, and what is written is harmless. */
static int alter(struct tern_script *s, const struct tern_image *old,
		 const struct tern_image *new, const struct fds *fds, struct tern_why *why)
{
	const struct tern_obj *x = NULL, *y = NULL;
	struct pipe_end *ends = NULL;
	unsigned int nr = 0;
	int ret;

	ret = collect_ends(new, &ends, &nr, why);
	if (!ret)
		ret = 1;
	while (ret == 1 && next_pair(old, new, TERN_OBJ_PIPE, &x, &y) && x)
		ret = alter_pipe(s, fds, x, y, ends, nr);
	if (ret == 1) {
		x = NULL;
		y = NULL;
		while (next_pair(old, new, TERN_OBJ_DESC, &x, &y) && x)
			alter_desc(s, fds, tern_obj_payload(x), tern_obj_payload(y));
		alter_epolls(s, fds, old, new);
	}
	free(ends);
	return ret;
}

/* From nothing, above whatever the shell has had until now. */
static int rebuild(struct tern_script *s, const struct tern_dress *worn,
		   struct tern_dress *dress, struct fds *fds, struct tern_why *why)
{
	unsigned int own_end = worn->own_fds + SHELL_SLOT_FREE;
	bool stay = fds->high <= worn->own_fds;
	int err;

	SCRIPT(s, "descriptors could not be closed", SYS_close_range, 0, worn->own_fds - 1, 0);
	if (fds->high < own_end)
		fds->high = own_end;
	err = too_high(fds, dress, why);
	if (err)
		return err;
	tern_script_limits_open(s, dress, fds->high + OWN_ROOM);
	if (!stay)
		move_own(s, fds, dress);
	return build(s, dress, fds, why);
}

/**
 * tern_script_alter_files() - from one image's descriptors to another's
 * @s: the writer
 * @worn: how the shell looks
 * @dress: how it is to look
 * @why: sentence
 *
 * What merely stands elsewhere is set in place; where descriptors have come or
 * gone, all of them are made anew.
 */
int tern_script_alter_files(struct tern_script *s, const struct tern_dress *worn,
			    struct tern_dress *dress, struct tern_why *why)
{
	const __u32 types = 1U << TERN_OBJ_DESC | 1U << TERN_OBJ_FD | 1U << TERN_OBJ_PIPE |
			    1U << TERN_OBJ_EPOLL;
	struct fds fds = { 0 };
	int err, done = 0;

	dress->own_fds = worn->own_fds;
	if (!(dress->types & types))
		return 0;
	err = collect(&fds, dress->image);
	if (!err && same_shape(worn->image, dress->image))
		done = alter(s, worn->image, dress->image, &fds, why);
	if (done < 0)
		err = done;
	if (!err && !done)
		err = rebuild(s, worn, dress, &fds, why);
	drop(&fds);
	return err;
}
