// SPDX-License-Identifier: GPL-2.0
/*
 * Unix sockets that have a name in the file system. The shell binds one beside the place
 * where it is to be, and it gets its name when nothing else can fail. A dead one that is
 * there gives way, as it would to its own program; where both hosts have the same file
 * system, it is that of the source.
 *
 * Owns what it has named until the process is let go. No locks. Images have been checked.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "grow.h"
#include "host.h"
#include "parent.h"
#include "sockfile.h"

/** tern_sockfile_path() - where it is, absolute; NULL: it has no such name */
const char *tern_sockfile_path(const struct tern_obj_socket *k)
{
	return k->path && !(k->flags & TERN_SOCKET_CALLS) ? tern_socket_path(k) : NULL;
}

/* Not shorter than its own name: LOAD writes that over it. */
static void beside(const struct tern_obj_socket *k, __u64 id, const char *what,
		   char name[NAME_MAX + 1])
{
	const char *place = tern_sockfile_path(k);
	int dir = strrchr(place, '/') + 1 - place, least = (int)k->name - 1 - dir;

	snprintf(name, NAME_MAX + 1, ".tern-%016" PRIx64 "-%u%s", (uint64_t)id, k->desc, what);
	while ((int)strlen(name) < least && strlen(name) < NAME_MAX)
		strcat(name, "-");
}

/**
 * tern_sockfile_beside() - where it is until it gets its name
 * @k: has a path
 * @id: of the migration
 * @path: filled
 *
 * -ENAMETOOLONG: no socket can be bound there.
 */
int tern_sockfile_beside(const struct tern_obj_socket *k, __u64 id, char path[SOCKFILE_PATH_MAX])
{
	const char *place = tern_sockfile_path(k), *base = strrchr(place, '/') + 1;
	char name[NAME_MAX + 1];
	int len;

	beside(k, id, "", name);
	len = snprintf(path, SOCKFILE_PATH_MAX, "%.*s%s", (int)(base - place), place, name);
	return len < SOCKFILE_PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* The next that has a name in the file system. */
static const struct tern_obj *next(const struct tern_image *image, const struct tern_obj *obj)
{
	do
		obj = tern_image_find(image, TERN_OBJ_SOCKET, obj);
	while (obj && !tern_sockfile_path(tern_obj_payload(obj)));
	return obj;
}

/* 0: somebody answers; who does so does not notice but for a caller who has gone. */
static int knock(int dir, const char *base, int type)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, len, err;

	len = snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/%s", dir, base);
	if (len >= (int)sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	err = fd < 0 || connect(fd, (void *)&addr, sizeof(addr)) ? -errno : 0;
	if (fd >= 0)
		close(fd);
	return err;
}

static bool is_dead(int dir, const char *base, int type)
{
	return knock(dir, base, type) == -ECONNREFUSED;
}

/* ---- at the destination ------------------------------------------------------------- */

static int cannot_name(const char *path, const char *host, int err, struct tern_why *why)
{
	if (err == -ENOENT)
		return tern_why_set(why, err,
				    "the unix socket %.160s cannot be made on %s: its directory does not exist there, make it",
				    path, host);
	if (err == -EEXIST)
		return tern_why_set(why, err, "%.160s is there already on %s: move it out of the way",
				    path, host);
	if (err == -EADDRINUSE)
		return tern_why_set(why, err,
				    "%.160s on %s is the socket of another process: end that, or move it out of the way",
				    path, host);
	if (err == -ENAMETOOLONG)
		return tern_why_set(why, err,
				    "the unix socket %.160s has too long a path to be made on another host",
				    path);
	return tern_newfile_failed(path, host, err, why);
}

/* Of a file system that others have, too, one of theirs seems dead here. */
static bool is_network(int dir)
{
	struct statfs fs;

	return !fstatfs(dir, &fs) && fs.f_type == NFS_SUPER_MAGIC;
}

/* 0: there is nothing; 1: what gives way. */
static int look_place(int dir, const char *base, const struct tern_obj_socket *k)
{
	struct stat st;

	if (fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	return is_dead(dir, base, k->type) && (!is_network(dir) || st.st_ino == k->ino) ? 1 :
	       -EADDRINUSE;
}

/* The shell is about to bind one there. */
static int note(struct tern_sockfiles *files, const char path[SOCKFILE_PATH_MAX])
{
	char (*more)[SOCKFILE_PATH_MAX];
	size_t i;

	for (i = 0; i < files->nr_bound; i++)
		if (!strcmp(files->bound[i], path))
			return 0;
	more = tern_grow(files->bound, files->nr_bound, &files->room, sizeof(*more));
	if (!more)
		return -ENOMEM;
	files->bound = more;
	strcpy(files->bound[files->nr_bound++], path);
	return 0;
}

static int look(struct tern_sockfiles *files, const struct tern_obj_socket *k, __u64 id)
{
	char path[SOCKFILE_PATH_MAX];
	const char *base;
	int dir, ret;

	ret = tern_sockfile_beside(k, id, path);
	if (ret)
		return ret;
	dir = tern_parent_open(tern_sockfile_path(k), &base);
	if (dir < 0)
		return dir;
	ret = look_place(dir, base, k);
	close(dir);
	return ret < 0 ? ret : note(files, path);
}

/* Does anybody take what is sent there? */
static int look_call(const struct tern_obj_socket *k)
{
	const char *base;
	int dir, ret;

	if (k->path > SOCKFILE_PATH_MAX)
		return -ENAMETOOLONG;
	dir = tern_parent_open(tern_socket_path(k), &base);
	if (dir < 0)
		return dir;
	ret = knock(dir, base, k->type);
	close(dir);
	return ret;
}

static int cannot_call(const char *path, const char *host, int err, struct tern_why *why)
{
	if (err == -ENOENT || err == -ECONNREFUSED)
		return tern_why_set(why, err,
				    "the process sends to the unix socket %.160s, at which nobody listens on %s: start there what does",
				    path, host);
	if (err == -EPROTOTYPE)
		return tern_why_set(why, err,
				    "the process sends to the unix socket %.160s, which is of another type on %s: start there what listens here",
				    path, host);
	if (err == -ENAMETOOLONG)
		return tern_why_set(why, err,
				    "the process sends to the unix socket %.160s, whose path is too long to be called on another host",
				    path);
	return tern_why_set(why, err,
			    "the process sends to the unix socket %.160s, which cannot be connected to on %s: %s; see that it can be",
			    path, host, strerror(-err));
}

/**
 * tern_sockfiles_look() - can they be made here?
 * @files: zeroed before the first time
 * @image: whose they are, which a shell is about to wear
 * @id: of the migration
 * @host: name of this host
 * @why: sentence
 */
int tern_sockfiles_look(struct tern_sockfiles *files, const struct tern_image *image, __u64 id,
			const char *host, struct tern_why *why)
{
	const struct tern_obj *obj = NULL;

	while ((obj = tern_image_find(image, TERN_OBJ_SOCKET, obj))) {
		const struct tern_obj_socket *k = tern_obj_payload(obj);
		int err;

		if (k->flags & TERN_SOCKET_CALLS) {
			err = look_call(k);
			if (err)
				return cannot_call(tern_socket_path(k), host, err, why);
		} else if (k->path) {
			err = look(files, k, id);
			if (err)
				return cannot_name(tern_socket_path(k), host, err, why);
		}
	}
	return 0;
}

/* By a descriptor that is good for names only. */
static int own(int fd, const struct tern_obj_socket *k)
{
	char path[NEWFILE_PATH_MAX + 16];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return fchownat(fd, "", k->uid, k->gid, AT_EMPTY_PATH) ||
	       chmod(path, k->mode & 07777) ? -errno : 0;
}

/* Nothing is overwritten; NFS cannot promise that of a new name in one step. */
static int move(int dir, const char *from, const char *to)
{
	if (!renameat2(dir, from, dir, to, RENAME_NOREPLACE))
		return 0;
	return errno == EINVAL && !linkat(dir, from, dir, to, 0) && !unlinkat(dir, from, 0) ?
	       0 : -errno;
}

static int give_name(struct tern_sockfile *f, const struct tern_obj_socket *k, __u64 id)
{
	const char *base;
	int err;

	f->file.dir = tern_parent_open(tern_sockfile_path(k), &base);
	if (f->file.dir < 0)
		return f->file.dir;
	snprintf(f->base, sizeof(f->base), "%s", base);
	beside(k, id, "", f->file.name);
	f->file.fd = openat(f->file.dir, f->file.name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	err = f->file.fd < 0 ? -errno : own(f->file.fd, k);
	if (!err)
		err = look_place(f->file.dir, base, k);
	if (err == 1) {
		beside(k, id, "-old", f->old);
		err = move(f->file.dir, base, f->old);
		if (err)
			f->old[0] = '\0';
	}
	if (!err)
		err = move(f->file.dir, f->file.name, base);
	if (!err)
		snprintf(f->file.name, sizeof(f->file.name), "%s", base);
	return err;
}

/**
 * tern_sockfiles_finish() - their names, owners and modes
 * @files: after tern_sockfiles_look()
 * @image: the shell wears it
 * @id: of the migration
 * @host: name of this host
 * @why: sentence
 */
int tern_sockfiles_finish(struct tern_sockfiles *files, const struct tern_image *image, __u64 id,
			  const char *host, struct tern_why *why)
{
	const struct tern_obj *obj = next(image, NULL);

	if (!obj)
		return 0;
	files->file = calloc(tern_image_count(image, TERN_OBJ_SOCKET), sizeof(*files->file));
	if (!files->file)
		return -ENOMEM;
	for (; obj; obj = next(image, obj)) {
		struct tern_sockfile *f = &files->file[files->nr++];
		int err;

		f->file = TERN_NEWFILE_NONE;
		err = give_name(f, tern_obj_payload(obj), id);
		if (err)
			return cannot_name(tern_sockfile_path(tern_obj_payload(obj)), host, err,
					   why);
	}
	return 0;
}

/* What drafts have left, under other names. */
static void drop_bound(struct tern_sockfiles *files)
{
	while (files->nr_bound)
		unlink(files->bound[--files->nr_bound]);
	free(files->bound);
	free(files->file);
	*files = (struct tern_sockfiles){ 0 };
}

/** tern_sockfiles_leave() - the process runs: they stay, and what gave way to them goes */
void tern_sockfiles_leave(struct tern_sockfiles *files)
{
	while (files->nr) {
		struct tern_sockfile *f = &files->file[--files->nr];

		if (f->old[0])
			unlinkat(f->file.dir, f->old, 0);
		f->file.name[0] = '\0';
		tern_newfile_drop(&f->file);
	}
	drop_bound(files);
}

static void drop(struct tern_sockfile *f)
{
	int dir = f->old[0] ? dup(f->file.dir) : -1;

	tern_newfile_drop(&f->file);
	if (dir < 0)
		return;
	move(dir, f->old, f->base);
	close(dir);
}

/**
 * tern_sockfiles_drop() - the process does not run here: all is as it was
 * @files: zeroed, or as tern_sockfiles_look() or tern_sockfiles_finish() has left it
 */
void tern_sockfiles_drop(struct tern_sockfiles *files)
{
	while (files->nr)
		drop(&files->file[--files->nr]);
	drop_bound(files);
}

/* ---- at the source ---------------------------------------------------------------- */

/** tern_sockfile_remove() - the process is elsewhere, and what is left here is dead */
void tern_sockfile_remove(const struct tern_obj_socket *k)
{
	const char *path = tern_sockfile_path(k), *base;
	int dir = path ? tern_parent_open(path, &base) : -1;
	struct stat st;

	if (dir < 0)
		return;
	if (!fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) && S_ISSOCK(st.st_mode) &&
	    st.st_ino == k->ino && is_dead(dir, base, k->type))
		unlinkat(dir, base, 0);
	close(dir);
}
