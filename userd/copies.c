// SPDX-License-Identifier: GPL-2.0
/*
 * Files that migrants only read, and that were not at the destination, there: copied while
 * they still run at the source. And the directories that are needed. They belong to all
 * migrations that find them here, and are removed when the last one has failed and none has
 * come to pass.
 *
 * Parts come from a peer, for files that it was told to send. @lock guards the list of what
 * was made; a struct tern_copies is one job's.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copies.h"
#include "files.h"
#include "host.h"
#include "io.h"
#include "parent.h"

/**
 * struct tern_made - a file or directory that was made here
 * @next: in the list
 * @path: where
 * @id: which one that is
 * @users: migrations that need it
 * @stays: one of them has come to pass
 */
struct tern_made {
	struct tern_made *next;
	char *path;
	struct statx id;
	unsigned int users;
	bool stays;
};

static struct tern_made *all;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- what was made, under @lock ------------------------------------------------------ */

static struct tern_made *find(const char *path)
{
	struct tern_made *made;

	for (made = all; made && strcmp(made->path, path); made = made->next)
		;
	return made;
}

/* The number of an inode is soon another one's: then it is younger, where that is told. */
static int identify(int dir, const char *name, struct statx *id)
{
	int flags = AT_SYMLINK_NOFOLLOW | (name[0] ? 0 : AT_EMPTY_PATH);

	return statx(dir, name, flags, STATX_BASIC_STATS | STATX_BTIME, id) ? -errno : 0;
}

static bool is_written_to(const struct statx *a, const struct statx *b)
{
	return S_ISREG(a->stx_mode) &&
	       (a->stx_size != b->stx_size || a->stx_mtime.tv_sec != b->stx_mtime.tv_sec ||
		a->stx_mtime.tv_nsec != b->stx_mtime.tv_nsec);
}

static bool is_same(const struct statx *a, const struct statx *b)
{
	return a->stx_ino == b->stx_ino && a->stx_dev_major == b->stx_dev_major &&
	       a->stx_dev_minor == b->stx_dev_minor &&
	       (!(a->stx_mask & b->stx_mask & STATX_BTIME) ||
		(a->stx_btime.tv_sec == b->stx_btime.tv_sec &&
		 a->stx_btime.tv_nsec == b->stx_btime.tv_nsec));
}

/* If it is still what was made; a directory only if nothing is in it. */
static void remove_made(const struct tern_made *made)
{
	const char *base;
	struct statx id;
	int dir = tern_parent_open(made->path, &base);

	if (dir < 0)
		return;
	if (!identify(dir, base, &id) && is_same(&id, &made->id)) {
		if (is_written_to(&id, &made->id))
			tern_log(LOG_WARNING,
				 "%s was made for a process that has not come, and is left: somebody has changed it",
				 made->path);
		else
			unlinkat(dir, base, S_ISDIR(id.stx_mode) ? AT_REMOVEDIR : 0);
	}
	close(dir);
}

static void put_made(struct tern_made *made)
{
	struct tern_made **at;

	if (--made->users)
		return;
	if (!made->stays)
		remove_made(made);
	for (at = &all; *at != made; at = &(*at)->next)
		;
	*at = made->next;
	free(made->path);
	free(made);
}

static struct tern_made *add_made(const char *path, const struct statx *id)
{
	struct tern_made *made = calloc(1, sizeof(*made));

	if (made)
		made->path = strdup(path);
	if (!made || !made->path) {
		free(made);
		return NULL;
	}
	made->id = *id;
	made->next = all;
	all = made;
	return made;
}

/* ---- what one migration needs -------------------------------------------------------- */

static struct tern_copy_use *find_use(const struct tern_copies *copies,
				      const struct tern_made *made)
{
	unsigned int i;

	for (i = 0; i < copies->nr; i++)
		if (copies->use[i].made == made)
			return &copies->use[i];
	return NULL;
}

static int add_use(struct tern_copies *copies, struct tern_made *made)
{
	struct tern_copy_use *use = find_use(copies, made), *more;

	if (!use) {
		more = realloc(copies->use, (copies->nr + 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		copies->use = more;
		use = &more[copies->nr++];
		use->made = made;
		made->users++;
	}
	use->fresh = true;
	return 0;
}

static void drop_use(struct tern_copies *copies, unsigned int i)
{
	struct tern_copy_use *use = &copies->use[i];

	pthread_mutex_lock(&lock);
	put_made(use->made);
	pthread_mutex_unlock(&lock);
	memmove(use, use + 1, (--copies->nr - i) * sizeof(*use));
}

static void drop_file(struct tern_copies *copies)
{
	if (copies->known)
		tern_newfile_drop(&copies->file);
	copies->known = NULL;
}

/** tern_copies_begin() - a PREPARE has come: another one, perhaps */
void tern_copies_begin(struct tern_copies *copies)
{
	unsigned int i;

	drop_file(copies);
	for (i = 0; i < copies->nr; i++)
		copies->use[i].fresh = false;
}

/**
 * tern_copies_use() - the migration needs @path
 * @copies: whose
 * @path: perhaps nothing that was made here
 *
 * From now on nobody else's failure takes it away.
 */
int tern_copies_use(struct tern_copies *copies, const char *path)
{
	struct tern_made *made;
	int err = 0;

	pthread_mutex_lock(&lock);
	made = find(path);
	if (made)
		err = add_use(copies, made);
	pthread_mutex_unlock(&lock);
	return err;
}

/**
 * tern_copies_forget() - what is here is not what it is to be
 * @copies: whose
 * @path: perhaps nothing that was made here
 *
 * It goes, if nobody else needs it: the original has changed since.
 */
void tern_copies_forget(struct tern_copies *copies, const char *path)
{
	unsigned int i;

	for (i = copies->nr; i--;)
		if (!strcmp(copies->use[i].made->path, path))
			drop_use(copies, i);
}

/**
 * tern_copies_prune() - all that is needed has been named: the rest goes
 *
 * The last ones first, for they may be in others.
 */
void tern_copies_prune(struct tern_copies *copies)
{
	unsigned int i;

	for (i = copies->nr; i--;)
		if (!copies->use[i].fresh)
			drop_use(copies, i);
}

/* ---- parts --------------------------------------------------------------------------- */

static int cannot_make(const struct tern_copies *copies, const struct tern_known *known, int err,
		       struct tern_why *why)
{
	/* somebody has made one meanwhile; the next attempt compares it */
	if (err == -EEXIST)
		return tern_why_set(why, -EAGAIN, "%.160s has come to be on %s; try again",
				    known->path, copies->host);
	if (err == -EAGAIN)
		return tern_why_set(why, err, "%.160s changed while it was copied to %s; try again",
				    known->path, copies->host);
	return tern_newfile_failed(known->path, copies->host, err, why);
}

/* It is whole, and has its name. */
static int add(struct tern_copies *copies, const char *path, int fd)
{
	struct tern_made *made;
	struct statx id;
	int err = identify(fd, "", &id);

	if (err)
		return err;
	pthread_mutex_lock(&lock);
	made = add_made(path, &id);
	err = made ? add_use(copies, made) : -ENOMEM;
	if (err && made) {
		made->users = 1;
		put_made(made);
	}
	pthread_mutex_unlock(&lock);
	return err;
}

static int make_dir(struct tern_copies *copies, const struct tern_known *known,
		    const struct tern_wire_copy *part)
{
	const char *base;
	int parent, fd, err;

	parent = tern_parent_open(known->path, &base);
	if (parent < 0)
		return parent;
	if (mkdirat(parent, base, 0700)) {
		err = -errno;
		close(parent);
		return err;
	}
	fd = openat(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	err = fd < 0 ? -errno :
	      tern_newfile_owner(fd, part->uid, part->gid, part->mode);
	/* what will be in it may be somebody's only copy */
	if (!err)
		err = tern_newfile_sync_dir(parent);
	if (!err)
		err = add(copies, known->path, fd);
	if (err)
		unlinkat(parent, base, AT_REMOVEDIR);
	if (fd >= 0)
		close(fd);
	close(parent);
	return err;
}

/* All of it has come: is it what it should be? Then it gets its name. */
static int complete(struct tern_copies *copies, const struct tern_wire_copy *part)
{
	const struct tern_known *known = copies->known;
	struct tern_newfile *file = &copies->file;
	char path[64];
	int err, same;

	err = ftruncate(file->fd, known->file.size) ? -errno : 0;
	if (!err)
		err = tern_newfile_owner(file->fd, part->uid, part->gid, part->mode);
	if (!err)
		err = tern_newfile_time(file, part->mtime);
	if (err)
		return err;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file->fd);
	same = tern_file_same(path, &known->file);
	if (same <= 0)
		return same ? same : -EAGAIN;
	err = tern_newfile_name(file, known->path);
	if (!err)
		err = tern_newfile_sync(file);
	if (!err)
		err = add(copies, known->path, file->fd);
	if (!err)
		file->name[0] = '\0';
	return err;
}

static int put_part(struct tern_copies *copies, struct tern_known *known,
		    const struct tern_wire_copy *part, size_t len)
{
	int err = 0;

	if (!copies->known) {
		err = tern_newfile_make(&copies->file, known->path);
		copies->known = err ? NULL : known;
	}
	if (!err)
		err = tern_write_all(copies->file.fd, part + 1, len, part->offset);
	if (!err && part->flags & TERN_WIRE_COPY_LAST)
		err = complete(copies, part);
	if (err || part->flags & TERN_WIRE_COPY_LAST)
		drop_file(copies);
	return err;
}

/**
 * tern_copies_put() - a part of a file has come
 * @copies: whose
 * @known: which, of the last PREPARE
 * @part: where in it; the bytes follow
 * @len: how many bytes
 * @why: sentence
 *
 * The last part makes @known the same. -EAGAIN: it has changed while it was copied, or
 * something of that name has come to be here.
 */
int tern_copies_put(struct tern_copies *copies, struct tern_known *known,
		    const struct tern_wire_copy *part, size_t len, struct tern_why *why)
{
	bool dir = known->file.flags & TERN_WIRE_FILE_DIR, last = part->flags & TERN_WIRE_COPY_LAST;
	__u64 size = dir ? 0 : known->file.size;
	int err;

	if (!known->wanted || (copies->known && copies->known != known) || part->reserved ||
	    part->flags & ~TERN_WIRE_COPY_LAST || part->offset > size ||
	    len > size - part->offset || (dir && !last))
		return -EPROTO;
	err = dir ? make_dir(copies, known, part) : put_part(copies, known, part, len);
	if (!err && last && stat(known->path, &known->was))
		err = -errno;
	if (err)
		return cannot_make(copies, known, err, why);
	known->wanted = !last;
	known->same = last;
	return 0;
}

/** tern_copies_leave() - the process runs: they stay */
void tern_copies_leave(struct tern_copies *copies)
{
	unsigned int i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < copies->nr; i++)
		copies->use[i].made->stays = true;
	pthread_mutex_unlock(&lock);
	tern_copies_fini(copies);
}

/** tern_copies_fini() - this migration needs them no more */
void tern_copies_fini(struct tern_copies *copies)
{
	drop_file(copies);
	while (copies->nr)
		drop_use(copies, copies->nr - 1);
	free(copies->use);
	copies->use = NULL;
}
