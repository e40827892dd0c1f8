// SPDX-License-Identifier: GPL-2.0
/*
 * What is in files that move with the process, at the source: DATA. Each file is read
 * once, however many descriptions it has, by way of the first of its descriptors; holes are
 * not read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "seen.h"

#define TIME_MAX	(1LL << 61)	/* ns */

static bool is_zero(const char *buf, size_t len)
{
	return !buf[0] && !memcmp(buf, buf + 1, len - 1);
}

/* Short: the file has become shorter since, and the next look finds that, too. */
static int read_block(int fd, char *buf, size_t len, off_t offset)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, buf + done, len - done, offset + done);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (!n)
			break;
		done += n > 0 ? n : 0;
	}
	memset(buf + done, 0, len - done);
	return 0;
}

/* Zeros are not sent, but they are read, and that takes time, too. */
static int add_block(struct tern_seen *seen, int fd, char *buf, struct tern_obj_data *data,
		     __u64 size)
{
	size_t len = size - data->offset < TERN_DATA_BLOCK ? size - data->offset : TERN_DATA_BLOCK;
	int err;

	seen->carried_bytes += len;
	if (seen->carried_bytes > TERN_CARRIED_MAX)
		return tern_why_set(seen->why, -EFBIG,
				    "the process has more than %lu MiB in files that move with it (deleted, O_TMPFILE, memfd, --with-files)",
				    TERN_CARRIED_MAX >> 20);
	err = read_block(fd, buf, len, data->offset);
	if (err || is_zero(buf, len))
		return err;
	return tern_image_add(seen->image, TERN_OBJ_DATA, data, sizeof(*data), buf, len);
}

static int add_blocks(struct tern_seen *seen, int fd, char *buf, __u32 id, __u64 size)
{
	struct tern_obj_data data = { .carried = id };
	int rc = 0;

	while (!rc && data.offset < size) {
		off_t at = lseek(fd, data.offset, SEEK_DATA);

		/* nothing but a hole is left; a file system that has no holes says where we are */
		if (at < 0)
			return errno == ENXIO ? 0 : -errno;
		data.offset = at / TERN_DATA_BLOCK * TERN_DATA_BLOCK;
		if (data.offset < size)
			rc = add_block(seen, fd, buf, &data, size);
		data.offset += TERN_DATA_BLOCK;
	}
	return rc;
}

/** tern_seen_time() - as an image has it, ns: a file may have any */
__u64 tern_seen_time(const struct timespec *ts)
{
	if (ts->tv_sec < 0 || ts->tv_sec > TIME_MAX / 1000000000LL)
		return 0;
	return ts->tv_sec * 1000000000ULL + ts->tv_nsec;
}

static int read_file(struct tern_seen *seen, int fd, __u32 id, __u64 size)
{
	char *buf = malloc(TERN_DATA_BLOCK);
	int rc = buf ? add_blocks(seen, fd, buf, id, size) : -ENOMEM;

	free(buf);
	return rc;
}

/*
 * Open for reading what the migrant has as @fd: its own descriptor may be for writing
 * only. By then the number may be another file's, and to open that might do things.
 */
static int open_file(const struct tern_seen *seen, int fd, struct tern_obj_carried *carried)
{
	int theirs = tern_seen_dup(seen, fd), own = -1;
	struct stat st;
	char name[64];

	if (theirs < 0)
		return theirs;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", theirs);
	if (!fstat(theirs, &st) && S_ISREG(st.st_mode) && st.st_ino == carried->ino) {
		own = open(name, O_RDONLY | O_CLOEXEC | O_NOATIME | O_NOCTTY);
		/* as stat(2) will have it again (remains.c): btrfs makes it up */
		carried->dev = st.st_dev;
		/* while the migrant runs it changes all the time */
		if (!seen->draft)
			carried->mtime = tern_seen_time(&st.st_mtim);
	}
	close(theirs);
	if (own < 0)
		tern_why_set(seen->why, -EAGAIN,
			     "descriptor %d of process %d cannot be read any more; try again", fd,
			     seen->pid);
	return own < 0 ? -EAGAIN : own;
}

static int open_and_read(struct tern_seen *seen, int fd, struct tern_obj_carried *carried)
{
	int own = open_file(seen, fd, carried), rc;

	if (own < 0)
		return own;
	rc = read_file(seen, own, carried->id, carried->size);
	close(own);
	return rc;
}

/** tern_seen_carried() - files that move with the process: DATA */
int tern_seen_carried(struct tern_seen *seen)
{
	/* there are no more of them than descriptors */
	const struct tern_seen_fd **first = calloc(seen->nr + 1, sizeof(*first));
	const struct tern_obj *obj = NULL;
	unsigned int i;
	size_t at;
	int rc = 0;

	if (!first)
		return -ENOMEM;
	for (i = seen->nr; i--;) {
		const struct tern_seen_fd *fd = &seen->fds[i];

		if (fd->kind == TERN_DESC_CARRIED)
			first[fd->pipe - 1] = fd;
	}
	/* in the order of their numbers; the image moves when it grows */
	for (i = 0; !rc && (obj = tern_image_find(seen->image, TERN_OBJ_CARRIED, obj)); i++) {
		at = (const char *)obj - (const char *)seen->image->data;
		/* one without a descriptor, by --stdio=null, the check of the image finds */
		if (first[i])
			rc = open_and_read(seen, first[i]->fd, (void *)tern_obj_payload(obj));
		obj = (const void *)((const char *)seen->image->data + at);
	}
	free(first);
	return rc;
}
