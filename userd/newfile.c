// SPDX-License-Identifier: GPL-2.0
/*
 * A file that is being made beside the place where it is to be, with a name of its own
 * until it is right. Nothing is overwritten, and nobody else's file is removed.
 *
 * No locks. Paths come from a peer: symbolic links on the way are not followed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dev.h"
#include "newfile.h"
#include "parent.h"

#define WAY_TRIES	20
#define WAY_PAUSE_US	50000

static int rename_to(struct tern_newfile *file, const char *name)
{
	if (renameat2(file->dir, file->name, file->dir, name, RENAME_NOREPLACE))
		return -errno;
	snprintf(file->name, sizeof(file->name), "%s", name);
	return 0;
}

/* Is its temporary name still its own? Others may write to that directory, too. */
static bool is_there(const struct tern_newfile *file)
{
	struct stat open, named;

	return !fstat(file->fd, &open) && !fstatat(file->dir, file->name, &named,
						   AT_SYMLINK_NOFOLLOW) &&
	       open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

/* Not if a process has just left with it, and we are about to remove it (remains.c). */
static bool is_in_the_way(int dir, const char *name)
{
	unsigned int i;
	struct stat st;

	for (i = 0; i < WAY_TRIES && !fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW); i++)
		usleep(WAY_PAUSE_US);
	return i == WAY_TRIES;
}

static int make_beside(struct tern_newfile *file, const char *path)
{
	char temporary[64], *base;
	const char *name;

	file->dir = tern_parent_open(path, &name);
	if (file->dir < 0)
		return file->dir;
	if (is_in_the_way(file->dir, name))
		return -EEXIST;
	snprintf(temporary, sizeof(temporary), "/proc/self/fd/%d/.tern-XXXXXX-", file->dir);
	file->fd = mkostemps(temporary, 1, O_CLOEXEC);
	if (file->fd < 0)
		return -errno;
	base = strrchr(temporary, '/') + 1;
	snprintf(file->name, sizeof(file->name), "%s", base);
	base[strlen(base) - 1] = '\0';
	return rename_to(file, base);
}

/** tern_newfile_failed() - the sentence that goes with an error of what is to be at @path */
int tern_newfile_failed(const char *path, const char *host, int err, struct tern_why *why)
{
	if (err == -ELOOP)
		return tern_why_set(why, err,
				    "%.160s cannot be made on %s: one of its directories is a symbolic link there",
				    path, host);
	if (err == -ENOSPC || err == -EDQUOT)
		return tern_why_set(why, err, "%.160s cannot be made on %s: there is no room, make some",
				    path, host);
	return tern_why_set(why, err, "%.160s cannot be made on %s: %s", path, host, strerror(-err));
}

/**
 * tern_newfile_make() - make a file that nobody but root may open yet
 * @file: filled; tern_newfile_drop() it if it is not to stay
 * @path: where it is to be in the end, absolute
 *
 * It is called .tern-something in the same directory. That it can be renamed as is done
 * in the end is known then.
 * Return: 0, -EEXIST there is something already, or another negative errno.
 */
int tern_newfile_make(struct tern_newfile *file, const char *path)
{
	int err;

	*file = TERN_NEWFILE_NONE;
	err = make_beside(file, path);
	if (err)
		tern_newfile_drop(file);
	return err;
}

/** tern_newfile_owner() - whose a file or directory is, and who else may do what */
int tern_newfile_owner(int fd, uid_t uid, gid_t gid, mode_t mode)
{
	/* the owner first: to change it takes away bits of the mode */
	return fchown(fd, uid, gid) || fchmod(fd, mode & 07777) ? -errno : 0;
}

/** tern_newfile_time() - when it was written to, ns; nothing may be written afterwards */
int tern_newfile_time(const struct tern_newfile *file, __s64 mtime)
{
	struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = mtime / 1000000000, .tv_nsec = mtime % 1000000000 },
	};

	return futimens(file->fd, times) ? -errno : 0;
}

/** tern_newfile_reopen() - keep it open for reading only, which is in nobody's way */
int tern_newfile_reopen(struct tern_newfile *file)
{
	char path[NEWFILE_PATH_MAX];
	int own;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file->fd);
	own = open(path, O_RDONLY | O_CLOEXEC | O_NOATIME);
	if (own < 0)
		return -errno;
	close(file->fd);
	file->fd = own;
	return 0;
}

/**
 * tern_newfile_name() - put it in its place
 * @file: made
 * @path: the same again
 *
 * Whoever has it open sees that, too. tern_newfile_drop() still takes it away. -ENOENT:
 * somebody has removed it.
 */
int tern_newfile_name(struct tern_newfile *file, const char *path)
{
	return is_there(file) ? rename_to(file, strrchr(path, '/') + 1) : -ENOENT;
}

/** tern_newfile_sync_dir() - let the names in a directory (O_PATH) reach the disk */
int tern_newfile_sync_dir(int at)
{
	char path[NEWFILE_PATH_MAX];
	int dir, err;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", at);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = dir < 0 || fsync(dir) ? -errno : 0;
	if (dir >= 0)
		close(dir);
	return err;
}

/** tern_newfile_sync() - let it, and its name, reach the disk */
int tern_newfile_sync(const struct tern_newfile *file)
{
	return fsync(file->fd) ? -errno : tern_newfile_sync_dir(file->dir);
}

/** tern_newfile_path() - how a shell opens it: below the descriptors of ternd (SHELL_FD_FDS) */
void tern_newfile_path(const struct tern_newfile *file, char path[NEWFILE_PATH_MAX])
{
	snprintf(path, NEWFILE_PATH_MAX, "%d", file->fd);
}

/** tern_newfile_drop() - close it, and leave nothing behind that has a name to lose */
void tern_newfile_drop(struct tern_newfile *file)
{
	if (file->name[0] && is_there(file))
		unlinkat(file->dir, file->name, 0);
	if (file->fd >= 0)
		close(file->fd);
	if (file->dir >= 0)
		close(file->dir);
	*file = TERN_NEWFILE_NONE;
}
