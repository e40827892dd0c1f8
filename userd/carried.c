// SPDX-License-Identifier: GPL-2.0
/*
 * What is in files that move with the process, at the source: DATA. Each file is read
 * once, however many descriptions it has, by way of the first of its descriptors, or if it
 * has none, of the first of its mappings; holes are not read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dev.h"
#include "prepare.h"
#include "seen.h"
#include "segment.h"

#define TIME_MAX	(1LL << 61)	/* ns */

/**
 * struct contents - of one file
 * @fd: open for reading
 * @id: its number in the image, which moves when it grows
 * @size: bytes
 * @segment: of System V shared memory
 * @huge: of hugetlbfs
 */
struct contents {
	int fd;
	__u32 id;
	__u64 size;
	bool segment;
	bool huge;
};

static bool is_zero(const char *buf, size_t len)
{
	return !buf[0] && !memcmp(buf, buf + 1, len - 1);
}

/*
 * Short: the file has become shorter since, and the next look finds that, too. Or it is a
 * @segment, and ends before its last page does.
 */
static int read_block(int fd, bool segment, char *buf, size_t len, off_t offset)
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
	if (segment && done < len)
		return tern_segment_tail(fd, buf + done, len - done, offset + done);
	memset(buf + done, 0, len - done);
	return 0;
}

/* Zeros are not sent, but they are read, and that takes time, too. */
static int add_block(struct tern_seen *seen, const struct contents *c, char *buf,
		     struct tern_obj_data *data)
{
	size_t left = c->size - data->offset, len = left < TERN_DATA_BLOCK ? left : TERN_DATA_BLOCK;
	int err;

	seen->carried_bytes += len;
	if (seen->carried_bytes > TERN_CARRIED_MAX)
		return tern_why_set(seen->why, -EFBIG,
				    "the process has more than %lu MiB in files that move with it (deleted, O_TMPFILE, memfd, System V, --with-files)",
				    TERN_CARRIED_MAX >> 20);
	err = read_block(c->fd, c->segment, buf, len, data->offset);
	if (err || is_zero(buf, len))
		return err;
	return tern_image_add(seen->image, TERN_OBJ_DATA, data, sizeof(*data), buf, len);
}

/* A file system that has no holes says where we are; hugetlbfs says that, too, and has some. */
static __s64 next_data(const struct tern_seen *seen, const struct contents *c, __u64 offset)
{
	off_t at;

	if (c->huge)
		return tern_dev_next_data(seen->dev, c->fd, offset);
	at = lseek(c->fd, offset, SEEK_DATA);
	return at < 0 ? -errno : at;
}

static int add_blocks(struct tern_seen *seen, const struct contents *c, char *buf)
{
	struct tern_obj_data data = { .carried = c->id };
	int rc = 0;

	while (!rc && data.offset < c->size) {
		__s64 at = next_data(seen, c, data.offset);

		/* nothing but a hole is left */
		if (at < 0)
			return at == -ENXIO ? 0 : at;
		data.offset = at / TERN_DATA_BLOCK * TERN_DATA_BLOCK;
		if (data.offset < c->size)
			rc = add_block(seen, c, buf, &data);
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

static int read_file(struct tern_seen *seen, const struct contents *c)
{
	char *buf = malloc(TERN_DATA_BLOCK);
	int rc = buf ? add_blocks(seen, c, buf) : -ENOMEM;

	free(buf);
	return rc;
}

/**
 * struct way - how a file can be reached
 * @fd: the first of its descriptors, NULL: none
 * @start: of its first mapping
 * @end: likewise; 0: none
 */
struct way {
	const struct tern_seen_fd *fd;
	__u64 start;
	__u64 end;
};

static struct way *find_ways(const struct tern_seen *seen)
{
	struct way *ways = calloc(tern_image_count(seen->image, TERN_OBJ_CARRIED) + 1,
				  sizeof(*ways));
	const struct tern_obj *obj = NULL;
	unsigned int i;

	for (i = seen->nr; ways && i--;) {
		const struct tern_seen_fd *fd = &seen->fds[i];

		if (fd->kind == TERN_DESC_CARRIED)
			ways[fd->pipe - 1].fd = fd;
	}
	while (ways && (obj = tern_image_find(seen->image, TERN_OBJ_VMA, obj))) {
		const struct tern_obj_vma *v = tern_obj_payload(obj);
		struct way *way = v->kind == TERN_VMA_CARRIED ? &ways[v->memory - 1] : NULL;

		if (way && !way->end) {
			way->start = v->start;
			way->end = v->end;
		}
	}
	return ways;
}

/* An O_PATH descriptor of what the migrant has mapped, and not open any more. */
static int open_mapped(const struct tern_seen *seen, const struct way *way)
{
	char name[PROC_MAPPED_MAX];
	int fd;

	/* by --stdio=null: the check of the image finds that */
	if (!way->end)
		return -ENOENT;
	tern_proc_mapped(seen->pid, way->start, way->end, name);
	fd = open(name, O_PATH | O_CLOEXEC);
	return fd < 0 ? tern_why_set(seen->why, -EAGAIN,
				     "what process %d has mapped at %llx cannot be opened (%s); try again",
				     seen->pid, (unsigned long long)way->start, strerror(errno)) : fd;
}

/*
 * Open for reading what the migrant has as @fd, or mapped: its own descriptor may be for
 * writing only. By then the number may be another file's, and to open that might do things.
 */
static int open_file(const struct tern_seen *seen, const struct way *way,
		     struct tern_obj_carried *carried)
{
	int theirs = way->fd ? tern_seen_dup(seen, way->fd->fd) : open_mapped(seen, way), own = -1;
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
			     "a file of process %d that moves with it (inode %llu) cannot be read any more; try again",
			     seen->pid, (unsigned long long)carried->ino);
	return own < 0 ? -EAGAIN : own;
}

static int open_and_read(struct tern_seen *seen, const struct way *way,
			 struct tern_obj_carried *carried)
{
	int own = open_file(seen, way, carried), rc;
	struct contents c;

	if (own < 0)
		return own == -ENOENT ? 0 : own;
	if (tern_is_segment(carried) && tern_segment_look(carried)) {
		close(own);
		return tern_why_set(seen->why, -EAGAIN,
				    "a System V segment of process %d has been removed; try again",
				    seen->pid);
	}
	c = (struct contents){
		.fd = own, .id = carried->id, .size = tern_carried_room(carried),
		.segment = tern_is_segment(carried), .huge = carried->huge,
	};
	rc = read_file(seen, &c);
	close(own);
	return rc;
}

/** tern_seen_carried() - files that move with the process: DATA */
int tern_seen_carried(struct tern_seen *seen)
{
	struct way *ways = find_ways(seen);
	const struct tern_obj *obj = NULL;
	unsigned int i;
	size_t at;
	int rc = 0;

	if (!ways)
		return -ENOMEM;
	/* in the order of their numbers; the image moves when it grows */
	for (i = 0; !rc && (obj = tern_image_find(seen->image, TERN_OBJ_CARRIED, obj)); i++) {
		at = (const char *)obj - (const char *)seen->image->data;
		rc = open_and_read(seen, &ways[i], (void *)tern_obj_payload(obj));
		obj = (const void *)((const char *)seen->image->data + at);
	}
	free(ways);
	return rc;
}
