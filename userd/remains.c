// SPDX-License-Identifier: GPL-2.0
/*
 * The end of local files that have moved with their process (--with-files), of System V
 * segments and of sockets' names, at the source.
 * Their names were there for anybody meanwhile: a file is removed only if it is still what
 * has moved, and nobody has it open. Else it is left, and that is said.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"
#include "parent.h"
#include "remains.h"
#include "seen.h"
#include "segment.h"
#include "sockfile.h"

static bool is_what_moved(int fd, const struct tern_obj_carried *c)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
	       st.st_dev == c->dev && st.st_ino == c->ino && (__u64)st.st_size == c->size &&
	       tern_seen_time(&st.st_mtim) == c->mtime;
}

/*
 * A lease for writing is given to nobody while somebody else has it open. Who opens it now
 * waits until we have closed it; the signal that tells us of him, SIGIO else, is ignored.
 */
static int have_alone(int fd)
{
	return fcntl(fd, F_SETSIG, SIGURG) || fcntl(fd, F_SETLEASE, F_WRLCK) ? -errno : 0;
}

static const char *remove_file(int dir, const char *base, const struct tern_obj_carried *c)
{
	int fd = openat(dir, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME | O_CLOEXEC);
	const char *why = NULL;
	int err;

	if (fd < 0)
		return errno == ENOENT ? NULL : strerror(errno);
	err = have_alone(fd);
	if (err)
		why = err == -EAGAIN ? "somebody has it open" : strerror(-err);
	else if (!is_what_moved(fd, c))
		why = "it has changed since";
	else if (unlinkat(dir, base, 0))
		why = strerror(errno);
	close(fd);
	return why;
}

static const char *remove_named(const struct tern_obj_carried *c, const char *path, bool safe)
{
	const char *base, *why;
	int dir;

	if (!safe)
		return "the other host has not said that it is on its disk";
	dir = tern_parent_open(path, &base);
	if (dir < 0)
		return strerror(-dir);
	why = remove_file(dir, base, c);
	close(dir);
	return why;
}

/**
 * tern_remains_remove() - the process is independent, and its files are where it is
 * @image: its last one
 * @safe: the destination has them on its disk
 */
void tern_remains_remove(const struct tern_image *image, bool safe)
{
	const struct tern_obj *head = tern_image_find(image, TERN_OBJ_TASK, NULL);
	const struct tern_obj_task *task = head ? tern_obj_payload(head) : NULL;
	/* those of a pod have ended with its IPC namespace */
	bool pod = task && task->flags & TERN_TASK_POD;
	const struct tern_obj *obj = NULL;

	while ((obj = tern_image_find(image, TERN_OBJ_SOCKET, obj)))
		tern_sockfile_remove(tern_obj_payload(obj));
	while ((obj = tern_image_find(image, TERN_OBJ_CARRIED, obj))) {
		const struct tern_obj_carried *c = tern_obj_payload(obj);
		const char *path = (const char *)(c + 1);
		const char *why = c->kind == TERN_CARRIED_NAMED ? remove_named(c, path, safe) :
				  tern_is_segment(c) && !pod ? tern_segment_remove(c) : NULL;

		if (why)
			tern_log(LOG_WARNING, "%s has moved with its process and is left here, too: %s",
				 path, why);
	}
}
