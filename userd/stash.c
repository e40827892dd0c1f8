// SPDX-License-Identifier: GPL-2.0
/*
 * Files without a name, at the destination: made as images say, and brought from one
 * image to the next by writing what differs. The shell opens them by way of
 * /proc/PID/fd of this process, once for each description.
 *
 * Owns the files until the migrant has them open. No locks. Images have been checked.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "stash.h"

#ifndef MFD_EXEC
#define MFD_EXEC	0x10U	/* Linux 6.3 */
#endif

/* ---- making ---------------------------------------------------------------------- */

/* Where O_TMPFILE does not exist; the name is there for a moment only. */
static int make_unlinked(const char *place)
{
	char name[TERN_PATH_MAX + 16];
	int fd;

	snprintf(name, sizeof(name), "%s/.tern-XXXXXX", place);
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0 || !unlink(name))
		return fd;
	close(fd);
	return -1;
}

/* The owner first: to change it takes away bits of the mode. */
static int set_owner(int fd, const struct tern_obj_carried *n)
{
	return fchown(fd, n->uid, n->gid) ? -1 : fchmod(fd, n->mode & 07777);
}

/* Executable, whatever the sysctl vm.memfd_noexec says of those who do not ask. */
static int new_memfd(const char *name)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create(name, flags | MFD_EXEC);

	return fd < 0 && errno == EINVAL ? memfd_create(name, flags) : fd;
}

/* Seals are set at the end; whether this kernel has them all is to be known now. */
static int make_memfd(const struct tern_obj_carried *n)
{
	const char *name = (const char *)(n + 1);
	int trial = n->seals ? new_memfd(name) : -1, err = 0;

	if (n->seals && (trial < 0 || fcntl(trial, F_ADD_SEALS, n->seals)))
		err = errno;
	if (trial >= 0)
		close(trial);
	errno = err;
	return err ? -1 : new_memfd(name);
}

static int make(const struct tern_obj_carried *n, const char *host, struct tern_why *why)
{
	const char *name = (const char *)(n + 1);
	int fd, err;

	if (n->kind == TERN_CARRIED_MEMFD)
		fd = make_memfd(n);
	else
		fd = open(name, O_TMPFILE | O_RDWR | O_CLOEXEC |
			  (n->kind == TERN_CARRIED_TMPFILE ? 0 : O_EXCL), 0600);
	if (fd < 0 && errno == EOPNOTSUPP && n->kind == TERN_CARRIED_DELETED)
		fd = make_unlinked(name);
	if (fd >= 0 && !set_owner(fd, n))
		return fd;
	err = -errno;
	tern_why_set(why, err,
		     n->kind == TERN_CARRIED_MEMFD ?
		     "a memfd that the process has (%.64s) cannot be made on %s: %s" :
		     "a file without a name that the process has in %.160s cannot be made on %s: %s",
		     name, host, strerror(-err));
	if (fd >= 0)
		close(fd);
	return err;
}

/* Another one with the same inode number, perhaps, but then nobody can tell. */
static bool is_same(const struct tern_obj_carried *a, const struct tern_obj_carried *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->kind == b->kind &&
	       a->name == b->name && !memcmp(a + 1, b + 1, a->name);
}

static int set_size(int fd, __u64 size)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	return (__u64)st.st_size == size || !ftruncate(fd, size) ? 0 : -errno;
}

static int make_room(struct tern_stash *stash, unsigned int nr)
{
	int *fd;

	while (stash->nr > nr)
		close(stash->fd[--stash->nr]);
	fd = realloc(stash->fd, (nr + 1) * sizeof(*fd));
	if (!fd)
		return -ENOMEM;
	stash->fd = fd;
	return 0;
}

/* @kept: out, by id: what was in it is in it still. */
static int make_all(struct tern_stash *stash, const struct tern_image *old,
		    const struct tern_image *new, bool *kept, const char *host,
		    struct tern_why *why)
{
	const struct tern_obj *x = NULL, *y = NULL;
	unsigned int i;

	for (i = 0; (y = tern_image_find(new, TERN_OBJ_CARRIED, y)); i++) {
		const struct tern_obj_carried *n = tern_obj_payload(y);
		int fd, err;

		if (i < stash->nr)
			x = tern_image_find(old, TERN_OBJ_CARRIED, x);
		kept[n->id] = i < stash->nr && is_same(tern_obj_payload(x), n);
		if (!kept[n->id]) {
			/* before the old one is closed: its path is another one then */
			fd = make(n, host, why);
			if (fd < 0)
				return fd;
			if (i < stash->nr)
				close(stash->fd[i]);
			else
				stash->nr++;
			stash->fd[i] = fd;
		}
		err = set_size(stash->fd[i], n->size);
		if (err)
			return err;
	}
	return 0;
}

/* ---- contents -------------------------------------------------------------------- */

static int write_block(int fd, const struct tern_obj *obj)
{
	const struct tern_obj_data *data = tern_obj_payload(obj);
	size_t len;
	const char *bytes = tern_obj_tail(obj, &len);

	return tern_write_all(fd, bytes, len, data->offset);
}

/* There are zeros now, or nothing, for the file ends before. */
static int clear_block(int fd, const struct tern_obj *obj)
{
	static const char zeros[TERN_DATA_BLOCK];
	const struct tern_obj_data *data = tern_obj_payload(obj);
	struct stat st;
	size_t len;

	tern_obj_tail(obj, &len);
	if (fstat(fd, &st))
		return -errno;
	if ((__u64)st.st_size <= data->offset)
		return 0;
	if (len > st.st_size - data->offset)
		len = st.st_size - data->offset;
	return tern_write_all(fd, zeros, len, data->offset);
}

static int compare(const struct tern_obj *x, const struct tern_obj *y)
{
	const struct tern_obj_data *a = tern_obj_payload(x), *b = tern_obj_payload(y);

	if (a->carried != b->carried)
		return a->carried < b->carried ? -1 : 1;
	return (a->offset > b->offset) - (a->offset < b->offset);
}

static bool is_kept(const struct tern_obj *obj, const bool *kept, unsigned int nr)
{
	const struct tern_obj_data *data = tern_obj_payload(obj);

	return data->carried <= nr && kept[data->carried];
}

/* The next block of a file that is still there, NULL: none. */
static const struct tern_obj *next_kept(const struct tern_image *old, const struct tern_obj *obj,
					const bool *kept, unsigned int nr)
{
	do
		obj = tern_image_find(old, TERN_OBJ_DATA, obj);
	while (obj && !is_kept(obj, kept, nr));
	return obj;
}

/* Both are in order. */
static int write_changes(const struct tern_stash *stash, const struct tern_image *old,
			 const struct tern_image *new, const bool *kept)
{
	const struct tern_obj *x = next_kept(old, NULL, kept, stash->nr);
	const struct tern_obj *y = tern_image_find(new, TERN_OBJ_DATA, NULL);
	int err = 0;

	while (!err && (x || y)) {
		int order = !x ? 1 : !y ? -1 : compare(x, y);
		const struct tern_obj_data *data = tern_obj_payload(order < 0 ? x : y);
		int fd = stash->fd[data->carried - 1];

		if (order < 0)
			err = clear_block(fd, x);
		else if (order > 0 || x->len != y->len || memcmp(x, y, x->len))
			err = write_block(fd, y);
		if (order <= 0)
			x = next_kept(old, x, kept, stash->nr);
		if (order >= 0)
			y = tern_image_find(new, TERN_OBJ_DATA, y);
	}
	return err;
}

/**
 * tern_stash_fill() - the files, as an image has them
 * @stash: zeroed before the first time; tern_stash_fini() it in any case
 * @old: the image by which it was filled the last time; one without objects: none
 * @new: the image
 * @host: name of this host
 * @why: sentence
 */
int tern_stash_fill(struct tern_stash *stash, const struct tern_image *old,
		    const struct tern_image *new, const char *host, struct tern_why *why)
{
	unsigned int nr = tern_image_count(new, TERN_OBJ_CARRIED);
	bool *kept;
	int err;

	if (!nr && !stash->nr)
		return 0;
	err = make_room(stash, nr);
	kept = calloc(nr + 1, sizeof(*kept));
	if (!err)
		err = kept ? make_all(stash, old, new, kept, host, why) : -ENOMEM;
	if (!err)
		err = write_changes(stash, old, new, kept);
	free(kept);
	return err ? tern_why_set(why, err, "files without a name cannot be written on %s: %s",
				  host, strerror(-err)) : 0;
}

/**
 * tern_stash_finish() - what must wait until nothing is written, opened or mapped any
 *	more: owner and mode, the time of the last change, seals
 * @stash: filled
 * @image: by which
 * @why: sentence
 */
int tern_stash_finish(const struct tern_stash *stash, const struct tern_image *image,
		      struct tern_why *why)
{
	const struct tern_obj *obj = NULL;

	while ((obj = tern_image_find(image, TERN_OBJ_CARRIED, obj))) {
		const struct tern_obj_carried *n = tern_obj_payload(obj);
		struct timespec times[2] = {
			{ .tv_nsec = UTIME_OMIT },
			{ .tv_sec = n->mtime / 1000000000, .tv_nsec = n->mtime % 1000000000 },
		};
		int fd = stash->fd[n->id - 1];

		if (set_owner(fd, n) || futimens(fd, times) ||
		    (n->seals && fcntl(fd, F_ADD_SEALS, n->seals)))
			return tern_why_set(why, -errno,
					    "a file without a name cannot be given its owner, time and seals: %s",
					    strerror(errno));
	}
	return 0;
}

/** tern_stash_path() - how another process opens the file with id @i + 1 */
void tern_stash_path(const struct tern_stash *stash, unsigned int i, char path[STASH_PATH_MAX])
{
	snprintf(path, STASH_PATH_MAX, "/proc/%d/fd/%d", getpid(), stash->fd[i]);
}

/** tern_stash_fini() - close them */
void tern_stash_fini(struct tern_stash *stash)
{
	while (stash->nr)
		close(stash->fd[--stash->nr]);
	free(stash->fd);
	stash->fd = NULL;
}
