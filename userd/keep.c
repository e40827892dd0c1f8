// SPDX-License-Identifier: GPL-2.0
/*
 * What outlives the daemon: image, pagemap and memo, left with the migration
 * before the blast can leave, and found again by the daemon that takes over.
 *
 * Owns nothing beyond a call; no locks.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source.h"

static int write_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		p += n;
		len -= n;
	}
	return 0;
}

static int keep_bytes(int dev, unsigned int key, const void *buf, size_t len)
{
	int fd, rc;

	fd = memfd_create("tern", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = write_all(fd, buf, len);
	if (!rc)
		rc = tern_dev_keep(dev, key, fd);
	close(fd);
	return rc;
}

/**
 * tern_source_keep() - leave with the migration what an heir must know
 * @s: captured; the image as tern_map_init() wants it
 */
int tern_source_keep(struct tern_source *s)
{
	struct tern_memo memo = { .magic = TERN_WIRE_MAGIC, .report = s->report };
	int rc;

	memcpy(memo.boot_id, s->lanes.boot_id, sizeof(memo.boot_id));
	rc = keep_bytes(s->dev, TERN_KEEP_IMAGE, s->image.data, s->image.len);
	if (!rc)
		rc = tern_dev_keep(s->dev, TERN_KEEP_PAGEMAP, s->pagemap);
	if (!rc)
		rc = keep_bytes(s->dev, TERN_KEEP_MEMO, &memo, sizeof(memo));
	return rc;
}

static int read_all(int fd, void *buf, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = pread(fd, (char *)buf + got, len - got, got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		got += n;
	}
	return 0;
}

static int kept_image(struct tern_source *s)
{
	struct stat st;
	int fd, rc;

	fd = tern_dev_kept(s->dev, TERN_KEEP_IMAGE);
	if (fd < 0)
		return fd;
	rc = -EBADMSG;
	if (fstat(fd, &st) || st.st_size <= 0 || st.st_size > (off_t)TERN_IMAGE_MAX)
		goto out;
	rc = -ENOMEM;
	s->image.data = malloc(st.st_size);
	if (!s->image.data)
		goto out;
	s->image.size = st.st_size;
	s->image.len = st.st_size;
	/*
	 * Not checked: a daemon of this host wrote it and only root could have
	 * changed it since, and refusing it now would lose the process.
	 */
	rc = read_all(fd, s->image.data, st.st_size);
out:
	close(fd);
	return rc;
}

static int kept_memo(struct tern_source *s)
{
	struct tern_memo memo;
	int fd, rc;

	fd = tern_dev_kept(s->dev, TERN_KEEP_MEMO);
	if (fd < 0)
		return fd;
	rc = read_all(fd, &memo, sizeof(memo));
	close(fd);
	if (rc)
		return rc;
	if (memo.magic != TERN_WIRE_MAGIC || memo.reserved)
		return -EBADMSG;
	s->report = memo.report;
	memcpy(s->lanes.boot_id, memo.boot_id, sizeof(memo.boot_id));
	s->lanes.known = true;
	return 0;
}

/**
 * tern_source_kept() - find what an earlier daemon has left
 * @s: attached
 */
int tern_source_kept(struct tern_source *s)
{
	int rc;

	rc = kept_memo(s);
	if (!rc)
		rc = kept_image(s);
	if (rc)
		return rc;
	s->pagemap = tern_dev_kept(s->dev, TERN_KEEP_PAGEMAP);
	return s->pagemap < 0 ? s->pagemap : 0;
}
