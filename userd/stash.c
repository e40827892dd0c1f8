// SPDX-License-Identifier: GPL-2.0
/*
 * Files that move with a process, at the destination: made as images say, and brought
 * from one image to the next by writing what differs. The shell opens them by way of
 * /proc/PID/fd of this process, once for each description. One that is to have a name
 * has another one in the same directory until the process is let go.
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

#include "host.h"
#include "io.h"
#include "segment.h"
#include "stash.h"

#ifndef MFD_HUGE_SHIFT
#define MFD_HUGE_SHIFT	26
#endif
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

/*
 * To write to hugetlbfs is to map it. This sets pages aside for all of the file, so that
 * whoever maps it has them, too.
 */
static int map_huge(struct tern_stash_file *stashed, size_t len)
{
	char *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, stashed->file.fd, 0);

	if (at == MAP_FAILED)
		return -errno;
	stashed->huge = at;
	stashed->len = len;
	return 0;
}

static void unmap_huge(struct tern_stash_file *stashed)
{
	if (stashed->huge)
		munmap(stashed->huge, stashed->len);
	stashed->huge = NULL;
}

/* Executable, whatever the sysctl vm.memfd_noexec says of those who do not ask. */
static int new_memfd(const char *name, unsigned int flags)
{
	int fd;

	flags |= MFD_CLOEXEC | MFD_ALLOW_SEALING;
	fd = memfd_create(name, flags | MFD_EXEC);
	return fd < 0 && errno == EINVAL ? memfd_create(name, flags) : fd;
}

/* False: this host does not have the pages; others will do. */
static bool make_huge(const struct tern_obj_carried *n, struct tern_stash_file *stashed)
{
	if (!n->huge || !n->size)
		return false;
	stashed->file.fd = new_memfd((const char *)(n + 1), MFD_HUGETLB | n->huge << MFD_HUGE_SHIFT);
	if (stashed->file.fd < 0)
		return false;
	if (!ftruncate(stashed->file.fd, n->size) && !map_huge(stashed, n->size))
		return true;
	close(stashed->file.fd);
	return false;
}

/* Seals are set at the end; whether this kernel has them all is to be known now. */
static int make_memfd(const struct tern_obj_carried *n, struct tern_stash_file *stashed)
{
	const char *name = (const char *)(n + 1);
	int trial = n->seals ? new_memfd(name, 0) : -1, err = 0;

	if (n->seals && (trial < 0 || fcntl(trial, F_ADD_SEALS, n->seals)))
		err = errno;
	if (trial >= 0)
		close(trial);
	errno = err;
	if (err)
		return -1;
	return make_huge(n, stashed) ? stashed->file.fd : new_memfd(name, 0);
}

static int make_nameless(const struct tern_obj_carried *n, struct tern_stash_file *stashed)
{
	const char *name = (const char *)(n + 1);
	int fd;

	if (n->kind == TERN_CARRIED_MEMFD)
		return make_memfd(n, stashed);
	fd = open(name, O_TMPFILE | O_RDWR | O_CLOEXEC |
		  (n->kind == TERN_CARRIED_TMPFILE ? 0 : O_EXCL), 0600);
	if (fd < 0 && errno == EOPNOTSUPP && n->kind == TERN_CARRIED_DELETED)
		fd = make_unlinked(name);
	return fd;
}

static int cannot_make(const struct tern_obj_carried *n, int err, const char *host,
		       struct tern_why *why)
{
	const char *name = (const char *)(n + 1);

	if (n->kind == TERN_CARRIED_NAMED && err == -EEXIST)
		return tern_why_set(why, err, "%.160s is there already on %s: move it out of the way",
				    name, host);
	if (tern_is_segment(n) && err == -EEXIST)
		return tern_why_set(why, err,
				    "System V segment %llu (%.64s) cannot be made on %s: its id or its key is taken (ipcs -m)",
				    (unsigned long long)n->ino, name, host);
	if (tern_is_segment(n))
		return tern_why_set(why, err, "System V segment %llu (%.64s) cannot be made on %s: %s",
				    (unsigned long long)n->ino, name, host, strerror(-err));
	/* it was there, or was made, when the migration was prepared */
	if (n->kind == TERN_CARRIED_NAMED && err == -ENOENT)
		return tern_why_set(why, -EAGAIN,
				    "%.160s cannot be made on %s: its directory is there no more; try again",
				    name, host);
	if (n->kind == TERN_CARRIED_NAMED)
		return tern_newfile_failed(name, host, err, why);
	return tern_why_set(why, err,
			    n->kind == TERN_CARRIED_MEMFD ?
			    "a memfd that the process has (%.64s) cannot be made on %s: %s" :
			    "a file without a name that the process has in %.160s cannot be made on %s: %s",
			    name, host, strerror(-err));
}

/* Close it, and leave nothing behind. */
static void drop(struct tern_stash_file *stashed)
{
	unmap_huge(stashed);
	tern_newfile_drop(&stashed->file);
	if (stashed->segment >= 0)
		tern_segment_drop(stashed->segment);
	stashed->segment = -1;
}

static int make_segment(const struct tern_obj_carried *n, struct tern_stash_file *stashed)
{
	bool huge;
	int fd = tern_segment_make(n, &huge);

	if (fd < 0)
		return fd;
	stashed->file.fd = fd;
	stashed->segment = n->ino;
	return huge ? map_huge(stashed, n->room) : 0;
}

static int make_file(const struct tern_obj_carried *n, struct tern_stash_file *stashed)
{
	struct tern_newfile *file = &stashed->file;
	int err = 0;

	if (n->kind == TERN_CARRIED_NAMED)
		err = tern_newfile_make(file, (const char *)(n + 1));
	else
		file->fd = make_nameless(n, stashed);
	if (!err && file->fd < 0)
		err = -errno;
	return err ? err : tern_newfile_owner(file->fd, n->uid, n->gid, n->mode);
}

static int make(const struct tern_obj_carried *n, struct tern_stash_file *stashed,
		const char *host, struct tern_why *why)
{
	int err;

	*stashed = (struct tern_stash_file){ .file = TERN_NEWFILE_NONE, .segment = -1 };
	err = tern_is_segment(n) ? make_segment(n, stashed) : make_file(n, stashed);
	if (!err)
		return 0;
	drop(stashed);
	return cannot_make(n, err, host, why);
}

/* Another one with the same inode number, perhaps, but then nobody can tell. */
static bool is_same(const struct tern_obj_carried *a, const struct tern_obj_carried *b)
{
	return a->dev == b->dev && a->ino == b->ino &&
	       /* pages have been set aside for what it was */
	       a->huge == b->huge && (!a->huge || (a->size == b->size && a->room == b->room)) &&
	       (a->kind == b->kind || (tern_is_segment(a) && tern_is_segment(b))) &&
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
	struct tern_stash_file *file;

	while (stash->nr > nr)
		drop(&stash->file[--stash->nr]);
	file = realloc(stash->file, (nr + 1) * sizeof(*file));
	if (!file)
		return -ENOMEM;
	stash->file = file;
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
		struct tern_stash_file file;
		int err;

		if (i < stash->nr)
			x = tern_image_find(old, TERN_OBJ_CARRIED, x);
		kept[n->id] = i < stash->nr && is_same(tern_obj_payload(x), n);
		if (!kept[n->id]) {
			/* before the old one is closed: its path is another one then */
			err = make(n, &file, host, why);
			if (err)
				return err;
			if (i < stash->nr)
				drop(&stash->file[i]);
			else
				stash->nr++;
			stash->file[i] = file;
		}
		/* one of a segment ends where its last page does, or before: both will do */
		err = tern_is_segment(n) ? 0 : set_size(stash->file[i].file.fd, n->size);
		if (err)
			return err;
	}
	return 0;
}

/* ---- contents -------------------------------------------------------------------- */

static int write_at(const struct tern_stash_file *stashed, const char *bytes, size_t len,
		    __u64 offset)
{
	if (!stashed->huge)
		return tern_write_all(stashed->file.fd, bytes, len, offset);
	if (offset > stashed->len || len > stashed->len - offset)
		return -EBADMSG;
	/* a page that a control group does not grant is an error here, and a signal below */
	if (fallocate(stashed->file.fd, 0, offset, len))
		return -errno;
	memcpy(stashed->huge + offset, bytes, len);
	return 0;
}

static int write_block(const struct tern_stash_file *stashed, const struct tern_obj *obj)
{
	const struct tern_obj_data *data = tern_obj_payload(obj);
	size_t len;
	const char *bytes = tern_obj_tail(obj, &len);

	return write_at(stashed, bytes, len, data->offset);
}

/* There are zeros now, or nothing, for the file ends before. */
static int clear_block(const struct tern_stash_file *stashed, const struct tern_obj *obj)
{
	static const char zeros[TERN_DATA_BLOCK];
	const struct tern_obj_data *data = tern_obj_payload(obj);
	struct stat st;
	size_t len;

	tern_obj_tail(obj, &len);
	if (fstat(stashed->file.fd, &st))
		return -errno;
	if ((__u64)st.st_size <= data->offset)
		return 0;
	if (len > st.st_size - data->offset)
		len = st.st_size - data->offset;
	return write_at(stashed, zeros, len, data->offset);
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
		const struct tern_stash_file *stashed = &stash->file[data->carried - 1];

		if (order < 0)
			err = clear_block(stashed, x);
		else if (order > 0 || x->len != y->len || memcmp(x, y, x->len))
			err = write_block(stashed, y);
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
	if (err == -ENOSPC || err == -EDQUOT)
		return tern_why_set(why, err,
				    "there is no room on %s for the files that move with the process: make some",
				    host);
	return err ? tern_why_set(why, err,
				  "files that move with the process cannot be written on %s: %s",
				  host, strerror(-err)) : 0;
}

static int finish(struct tern_newfile *file, const struct tern_obj_carried *n)
{
	int err = tern_newfile_owner(file->fd, n->uid, n->gid, n->mode);

	if (!err)
		err = tern_newfile_time(file, n->mtime);
	if (!err && n->seals && fcntl(file->fd, F_ADD_SEALS, n->seals))
		err = -errno;
	if (!err && n->kind == TERN_CARRIED_NAMED)
		err = tern_newfile_name(file, (const char *)(n + 1));
	return err;
}

/**
 * tern_stash_finish() - what must wait until nothing is written, opened or mapped any
 *	more: owner and mode, the time of the last change, seals, names
 * @stash: filled
 * @image: by which
 * @host: name of this host
 * @why: sentence
 */
int tern_stash_finish(struct tern_stash *stash, const struct tern_image *image,
		      const char *host, struct tern_why *why)
{
	const struct tern_obj *obj = NULL;

	while ((obj = tern_image_find(image, TERN_OBJ_CARRIED, obj))) {
		const struct tern_obj_carried *n = tern_obj_payload(obj);
		struct tern_stash_file *stashed = &stash->file[n->id - 1];
		int err;

		unmap_huge(stashed);
		err = tern_is_segment(n) ? tern_segment_finish(n) : finish(&stashed->file, n);
		if (err)
			return cannot_make(n, err, host, why);
	}
	return 0;
}

/**
 * tern_stash_leave() - the process runs: those that have names stay where they are
 * @stash: finished
 *
 * The others are closed; with these the process is alone from now on.
 */
void tern_stash_leave(struct tern_stash *stash)
{
	unsigned int i, to = 0;

	for (i = 0; i < stash->nr; i++) {
		struct tern_stash_file *stashed = &stash->file[i];

		stashed->segment = -1;
		if (stashed->file.dir < 0) {
			drop(stashed);
			continue;
		}
		stashed->file.name[0] = '\0';
		tern_newfile_reopen(&stashed->file);
		stash->file[to++] = *stashed;
	}
	stash->nr = to;
}

/**
 * tern_stash_sync() - let those that were left, and their names, reach the disk
 * @stash: after tern_stash_leave(); empty afterwards
 *
 * Return: 0, or an error of one of them.
 */
int tern_stash_sync(struct tern_stash *stash)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < stash->nr && !err; i++)
		err = tern_newfile_sync(&stash->file[i].file);
	if (err)
		tern_log(LOG_WARNING, "files that have moved here cannot be written to disk: %s",
			 strerror(-err));
	tern_stash_fini(stash);
	return err;
}

/** tern_stash_path() - how another process opens the file with id @i + 1 */
void tern_stash_path(const struct tern_stash *stash, unsigned int i, char path[NEWFILE_PATH_MAX])
{
	tern_newfile_path(&stash->file[i].file, path);
}

/** tern_stash_fini() - close them, and remove those that were to have a name */
void tern_stash_fini(struct tern_stash *stash)
{
	while (stash->nr)
		drop(&stash->file[--stash->nr]);
	free(stash->file);
	stash->file = NULL;
}
