// SPDX-License-Identifier: GPL-2.0
/* Descriptions of what has a path: files, directories, devices; or has had one. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "files.h"
#include "script_fds.h"

/* What open(2) may be given of what F_GETFL shows; it keeps the rest itself. */
#define OPEN_FLAGS	(O_ACCMODE | O_APPEND | O_NONBLOCK | O_DSYNC | SYNC_BIT | O_DIRECT | \
			 LARGEFILE_BIT | O_DIRECTORY | O_NOATIME | O_PATH | O_NOFOLLOW)
#define SYNC_BIT	04000000
#define LARGEFILE_BIT	0100000

/* A position in a directory is the file system's own, and means something there only. */
static int same_place(const struct tern_dress *dress, const struct tern_obj_desc *d,
		      const char *path, struct tern_why *why)
{
	const struct tern_known *known = tern_known_find(dress, path);
	struct stat st;

	if (known && known->file.flags & TERN_WIRE_FILE_SHARED && known->file.ino == d->ino &&
	    !stat(path, &st) && S_ISDIR(st.st_mode) && st.st_ino == d->ino &&
	    tern_file_is_shared(path) == 1)
		return 0;
	return tern_why_set(why, -EOPNOTSUPP,
			    "directory %s, which the process is reading, is not the same on %s",
			    path, dress->host);
}

/* The same inode of a file system that both hosts have? */
static bool is_found(const struct tern_obj_desc *d, const char *path, const struct stat *st)
{
	return S_ISREG(d->mode) && S_ISREG(st->st_mode) && st->st_ino == d->ino &&
	       tern_magic_on_network(d->magic) && tern_file_is_shared(path) == 1;
}

/*
 * PREPARE has proven most files to be the same. One that was opened since is
 * taken where both hosts see one file system: a directory, or the same inode
 * number.
 */
static int same_file(const struct tern_dress *dress, const struct tern_obj_desc *d,
		     const char *path, struct tern_why *why)
{
	const struct tern_known *known = tern_known_find(dress, path);
	struct stat st;

	if (S_ISDIR(d->mode) && d->pos)
		return same_place(dress, d, path, why);
	if (known && known->same && known->file.ino == d->ino)
		return 0;
	if (stat(path, &st))
		/* its name may be so new that this host does not know it yet */
		return tern_why_set(why, known ? -errno : -EAGAIN,
				    "%s, which the process has open, cannot be found on %s: %s",
				    path, dress->host, strerror(errno));
	if (S_ISDIR(d->mode) && S_ISDIR(st.st_mode))
		return 0;
	if (!known && is_found(d, path, &st))
		return 0;
	if (known && known->same)
		return tern_why_set(why, -EAGAIN,
				    "%s was replaced while the migration was prepared; try again",
				    path);
	if (!known)
		return tern_why_set(why, -EAGAIN,
				    "%s was opened while the migration was prepared; try again",
				    path);
	return tern_why_set(why, -ENOENT, "%s, which the process has open, is not the same on %s",
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

/**
 * script_open() - open what has a path
 * @s: the writer
 * @path: where; a relative one is below SHELL_SLOT_FDS
 * @flags: O_* as F_GETFL shows them
 * @slot: receives the descriptor
 */
void script_open(struct tern_script *s, const char *path, __u32 flags, unsigned int slot)
{
	struct shell_op *op;

	op = SCRIPT(s, "a file that the process has open could not be opened:", SYS_openat,
		    SHELL_SLOT_FDS, tern_script_data(s, path, strlen(path) + 1),
		    (flags & OPEN_FLAGS) | O_CLOEXEC | O_NOCTTY);
	op->slots = 1 << 0;
	op->out = slot;
}

static void open_path(struct tern_script *s, const struct script_fds *fds,
		      const struct tern_obj_desc *d, const char *path)
{
	script_open(s, path, d->flags, SLOT_LOW);
	script_lift(s, fds, SLOT_LOW, SLOT_HIGH);
	if (d->pos && (d->kind == TERN_DESC_FILE || d->kind == TERN_DESC_CARRIED))
		SCRIPT(s, "the position in a file could not be set", SYS_lseek, SLOT_HIGH, d->pos,
		       SEEK_SET)->slots = 1 << 0;
	script_spread(s, fds, d->id, SLOT_HIGH);
}

/* Of what kind it is must be the same; whether it is the same file, where that is known. */
static int same_named(const struct tern_dress *dress, const struct tern_obj_desc *d,
		      const char *path, struct tern_why *why)
{
	struct stat st;

	if (S_ISREG(d->mode) || S_ISDIR(d->mode))
		return same_file(dress, d, path, why);
	if (!lstat(path, &st) && (st.st_mode & S_IFMT) == (d->mode & S_IFMT))
		return 0;
	return tern_why_set(why, -ENOENT,
			    "%s, which the process has open (O_PATH), is not there or something else on %s",
			    path, dress->host);
}

/* Open what @same finds to be the same on this host. */
static int open_same(struct tern_script *s, const struct script_fds *fds,
		     const struct tern_obj *obj,
		     int (*same)(const struct tern_dress *dress, const struct tern_obj_desc *d,
				 const char *path, struct tern_why *why),
		     struct tern_why *why)
{
	const struct tern_obj_desc *d = tern_obj_payload(obj);
	size_t len;
	const char *path = tern_obj_tail(obj, &len);
	int err = same(fds->dress, d, path, why);

	if (!err)
		open_path(s, fds, d, path);
	return err;
}

static int file_open(struct tern_script *s, const struct script_fds *fds,
		     const struct tern_obj *obj, struct tern_why *why)
{
	return open_same(s, fds, obj, same_file, why);
}

static int file_alter(struct tern_script *s, const struct script_fds *was,
		      const struct script_fds *fds, const struct tern_obj *old,
		      const struct tern_obj *new)
{
	const struct tern_obj_desc *a = tern_obj_payload(old), *b = tern_obj_payload(new);

	(void)was;
	if (a->pos != b->pos)
		SCRIPT(s, "the position in a file could not be set", SYS_lseek,
		       script_fd_of(fds, b->id), b->pos, SEEK_SET);
	return 1;
}

static int device_open(struct tern_script *s, const struct script_fds *fds,
		       const struct tern_obj *obj, struct tern_why *why)
{
	return open_same(s, fds, obj, same_device, why);
}

static int named_open(struct tern_script *s, const struct script_fds *fds,
		      const struct tern_obj *obj, struct tern_why *why)
{
	return open_same(s, fds, obj, same_named, why);
}

static int null_open(struct tern_script *s, const struct script_fds *fds,
		     const struct tern_obj *obj, struct tern_why *why)
{
	(void)why;
	open_path(s, fds, tern_obj_payload(obj), "/dev/null");
	return 0;
}

/* Made already, and open here: each description opens it anew. */
static int carried_open(struct tern_script *s, const struct script_fds *fds,
			const struct tern_obj *obj, struct tern_why *why)
{
	const struct tern_obj_desc *d = tern_obj_payload(obj);
	struct tern_obj_desc plain = *d;

	(void)why;
	/* a part of O_TMPFILE, which fcntl(2) shows; and that path is a link */
	plain.flags &= ~(O_DIRECTORY | O_NOFOLLOW);
	open_path(s, fds, &plain, fds->dress->stash_path[d->pipe - 1]);
	return 0;
}

const struct script_kind script_carried = { .open = carried_open, .alter = file_alter };
const struct script_kind script_named = { .open = named_open };
const struct script_kind script_file = { .open = file_open, .alter = file_alter };
const struct script_kind script_device = { .open = device_open };
const struct script_kind script_null = { .open = null_open };
