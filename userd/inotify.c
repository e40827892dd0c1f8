// SPDX-License-Identifier: GPL-2.0
/*
 * What a migrant watches with inotify(7). The kernel shows a handle of each file, by
 * which its path is found; the other host watches what has that path there. Events
 * that have not been read cannot be seen without taking them, nor be put there.
 *
 * Owns nothing, holds no locks.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "dev.h"
#include "grow.h"
#include "prepare.h"
#include "seen.h"

#define HANDLE_MAX	128	/* bytes; MAX_HANDLE_SZ */

/**
 * struct watch - a line of fdinfo
 * @wd: its number
 * @mask: IN_*
 * @ino: inode number
 * @dev: of its file system, as stat(2) has it
 * @handle: for open_by_handle_at(2)
 * @bytes: of the handle
 */
struct watch {
	unsigned int wd;
	unsigned int mask;
	uint64_t ino;
	dev_t dev;
	struct {
		struct file_handle head;
		unsigned char bytes[HANDLE_MAX];
	} handle;
};

static bool parse(const char *line, struct watch *w)
{
	unsigned int bytes, type, dev, byte, i;
	int at = 0;

	if (sscanf(line, "inotify wd:%x ino:%" SCNx64 " sdev:%x mask:%x ignored_mask:%*x "
			 "fhandle-bytes:%x fhandle-type:%x f_handle:%n", &w->wd, &w->ino, &dev,
		   &w->mask, &bytes, &type, &at) != 6 || !at || bytes > HANDLE_MAX)
		return false;
	w->dev = makedev(dev >> 20, dev & 0xfffff);
	w->handle.head.handle_bytes = bytes;
	w->handle.head.handle_type = type;
	for (i = 0; i < bytes; i++) {
		if (sscanf(line + at + 2 * i, "%2x", &byte) != 1)
			return false;
		w->handle.bytes[i] = byte;
	}
	return true;
}

/**
 * struct search - for a directory of a file system
 * @dev: which
 * @fd: open, once it has been found
 */
struct search {
	dev_t dev;
	int fd;
};

static int try_mount(void *arg, const struct tern_proc_mount *mount)
{
	struct search *s = arg;

	if (makedev(mount->major, mount->minor) == s->dev)
		s->fd = open(mount->place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return s->fd >= 0;
}

/* A directory of the file system with @dev, as the migrant has it mounted. */
static int open_mount(int pid, dev_t dev)
{
	struct search s = { dev, -ENOENT };
	int rc = tern_proc_mounts(pid, try_mount, &s);

	return rc < 0 ? rc : s.fd;
}

/* The path must name the very file. */
static int find_path(int pid, struct watch *w, char path[PATH_MAX])
{
	int mount = open_mount(pid, w->dev), fd;
	char name[64];
	struct stat st;
	ssize_t n;

	if (mount < 0)
		return mount;
	fd = open_by_handle_at(mount, &w->handle.head, O_PATH | O_CLOEXEC);
	close(mount);
	if (fd < 0)
		return -errno;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	n = readlink(name, path, PATH_MAX - 1);
	close(fd);
	if (n <= 0)
		return -ENOENT;
	path[n] = '\0';
	return !lstat(path, &st) && st.st_ino == w->ino && st.st_dev == w->dev ? 0 : -ENOENT;
}

static int add(struct tern_seen *seen, const struct tern_seen_fd *fd, struct watch *w)
{
	struct tern_obj_watch obj = { .desc = fd->desc, .wd = w->wd, .mask = w->mask };
	char path[PATH_MAX];

	if (w->wd > TERN_WATCH_MAX)
		return tern_why_set(seen->why, -EOPNOTSUPP,
				    "an inotify instance (fd %d) has made more than %d watches in its life",
				    fd->fd, TERN_WATCH_MAX);
	if (find_path(seen->pid, w, path))
		return tern_why_set(seen->why, -EOPNOTSUPP,
				    "an inotify instance (fd %d) watches a file that cannot be found by a path (inode %" PRIu64 ")",
				    fd->fd, w->ino);
	obj.path = strlen(path) + 1;
	return tern_image_add(seen->image, TERN_OBJ_WATCH, &obj, sizeof(obj), path, obj.path);
}

/* Of one that is parked: the migrant may read them if it goes on. */
static int check_queue(const struct tern_seen *seen, int fd)
{
	int own, bytes = 0;

	if (seen->draft)
		return 0;
	own = tern_seen_dup(seen, fd);
	if (own < 0)
		return own;
	if (ioctl(own, FIONREAD, &bytes))
		bytes = -1;
	close(own);
	return bytes ? tern_why_set(seen->why, -EAGAIN,
				    "an inotify instance (fd %d) has events that the process has not read; try again",
				    fd) : 0;
}

static int compare(const void *a, const void *b)
{
	const struct watch *x = a, *y = b;

	return (x->wd > y->wd) - (x->wd < y->wd);
}

static int read_watches(struct tern_seen *seen, const struct tern_seen_fd *fd,
			struct watch **all, unsigned int *nr)
{
	size_t room = 0;
	FILE *f = tern_seen_fdinfo(seen, fd->fd);
	char line[1024];
	int rc = f ? 0 : -EAGAIN;

	while (!rc && fgets(line, sizeof(line), f)) {
		struct watch *more;

		if (strncmp(line, "inotify ", 8))
			continue;
		more = tern_grow(*all, *nr, &room, sizeof(**all));
		if (!more) {
			rc = -ENOMEM;
			break;
		}
		*all = more;
		memset(&more[*nr], 0, sizeof(*more));
		if (!parse(line, &more[(*nr)++]))
			rc = tern_why_set(seen->why, -EOPNOTSUPP,
					  "an inotify instance (fd %d) watches a file of a kind that cannot be found again",
					  fd->fd);
	}
	if (f)
		fclose(f);
	return rc;
}

/** tern_seen_inotify() - an inotify instance: WATCH for each watch, ascending */
int tern_seen_inotify(struct tern_seen *seen, const struct tern_seen_fd *fd)
{
	struct watch *all = NULL;
	unsigned int nr = 0, i;
	int rc = check_queue(seen, fd->fd);

	if (!rc)
		rc = read_watches(seen, fd, &all, &nr);
	if (nr)
		qsort(all, nr, sizeof(*all), compare);
	for (i = 0; i < nr && !rc; i++)
		rc = add(seen, fd, &all[i]);
	free(all);
	return rc;
}
