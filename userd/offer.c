// SPDX-License-Identifier: GPL-2.0
/*
 * Files that the migrant only reads, and directories, at the source: what the destination
 * wants of them is sent while it still runs. No locks.
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

#define REFUSED_MS	1000

/* Where there is something again from @at on, and how much of it goes into one part. */
static size_t next_part(int fd, __u64 *at, __u64 size)
{
	off_t data = lseek(fd, *at, SEEK_DATA), hole;

	if (data < 0 && errno == ENXIO)
		data = size;
	if (data >= 0 && (__u64)data > *at)
		*at = data;
	if (*at >= size)
		return 0;
	hole = data < 0 ? -1 : lseek(fd, *at, SEEK_HOLE);
	if (hole > 0 && (__u64)hole < size)
		size = hole;
	return size - *at < TERN_WIRE_COPY_MAX ? size - *at : TERN_WIRE_COPY_MAX;
}

static int send_part(struct tern_link *link, struct tern_wire_copy *part, const void *buf,
		     size_t len, struct tern_why *why)
{
	struct iovec iov[3] = {
		[1] = { part, sizeof(*part) }, [2] = { (void *)buf, len },
	};

	/* it may have no room: it says nothing else now */
	if (tern_link_readable(link))
		return tern_link_expect(link, TERN_MSG_COPIED, NULL, 0, REFUSED_MS, why) ?: -EPROTO;
	return tern_link_sendv(link, TERN_MSG_COPY, iov, 3);
}

/*
 * Of a file that becomes shorter meanwhile the other host finds that it is not right. It
 * answers when it has it on its disk, for which it may take as long as it needs.
 */
static int send_contents(struct tern_link *link, int fd, __u64 size, struct tern_wire_copy *part,
			 char *buf, struct tern_why *why)
{
	__u64 at = 0;
	ssize_t n;
	int rc;

	do {
		size_t len = next_part(fd, &at, size);

		n = len ? pread(fd, buf, len, at) : 0;
		if (n < 0)
			return tern_why_set(why, -errno, "a file that the process has open cannot be read: %s",
					    strerror(errno));
		part->offset = at;
		part->flags = n ? 0 : TERN_WIRE_COPY_LAST;
		rc = send_part(link, part, buf, n, why);
		at += n;
	} while (!rc && n);
	return rc ? rc : tern_link_expect(link, TERN_MSG_COPIED, NULL, 0, 0, why);
}

/*
 * To a copy nobody would write. A lease for reading is given to nobody while somebody has
 * the file open for writing.
 */
static int nobody_writes(const struct tern_prepared_file *f, int fd, struct tern_why *why)
{
	bool alone = !fcntl(fd, F_SETLEASE, F_RDLCK) || errno != EAGAIN;

	fcntl(fd, F_SETLEASE, F_UNLCK);
	return alone ? 0 : tern_why_set(why, -EBUSY,
					"%.160s, which the process only reads, cannot be copied: others have it open for writing; share it",
					f->path);
}

/* What was described, if that is what it still is. */
static int open_original(const struct tern_prepared_file *f, struct stat *st, struct tern_why *why)
{
	int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK |
			       O_NOATIME);

	if (fd >= 0 && !fstat(fd, st) && st->st_ino == f->was.st_ino &&
	    st->st_mode == f->was.st_mode)
		return fd;
	if (fd >= 0)
		close(fd);
	return tern_why_set(why, -EAGAIN,
			    "%.160s was replaced while the migration was prepared; try again",
			    f->path);
}

static int send_one(const struct tern_prepared *p, unsigned int i, struct tern_link *link,
		    char *buf, struct tern_why *why)
{
	const struct tern_prepared_file *f = &p->files[i];
	bool is_dir = f->wire.flags & TERN_WIRE_FILE_DIR;
	struct tern_wire_copy part = { .file = i };
	struct stat st;
	int fd, rc;

	fd = open_original(f, &st, why);
	if (fd < 0)
		return fd;
	part.mode = st.st_mode & 07777;
	part.uid = st.st_uid;
	part.gid = st.st_gid;
	part.mtime = tern_seen_time(&st.st_mtim);
	rc = is_dir ? 0 : nobody_writes(f, fd, why);
	if (!rc)
		rc = send_contents(link, fd, is_dir ? 0 : f->wire.size, &part, buf, why);
	close(fd);
	return rc;
}

/**
 * tern_prepared_copy() - send what READY wants
 * @p: after READY; they are the same there afterwards
 * @link: lane 0
 * @why: sentence
 *
 * -EAGAIN: one of them has changed.
 */
int tern_prepared_copy(struct tern_prepared *p, struct tern_link *link, struct tern_why *why)
{
	unsigned int i;
	char *buf = NULL;
	int rc = 0;

	for (i = 0; i < p->nr_files && !rc; i++) {
		struct tern_prepared_file *f = &p->files[i];

		if (f->here != TERN_WIRE_WANTED)
			continue;
		if (!buf)
			buf = malloc(TERN_WIRE_COPY_MAX);
		rc = buf ? send_one(p, i, link, buf, why) : -ENOMEM;
		f->here = TERN_WIRE_SAME;
	}
	free(buf);
	return rc;
}
