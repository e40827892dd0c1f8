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
#include <unistd.h>

#include "source.h"

static int write_all(int fd, const void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pwrite(fd, (const char *)buf + done, len - done, done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		done += n;
	}
	return 0;
}

/* A memfd of which @room bytes are there already. */
static int open_one(struct tern_source *s, unsigned int n, unsigned int key, size_t room)
{
	if (s->kept[n] < 0)
		s->kept[n] = memfd_create("tern", MFD_CLOEXEC);
	if (s->kept[n] < 0 || fallocate(s->kept[n], 0, 0, room))
		return -errno;
	return tern_dev_keep(s->dev, key, s->kept[n]);
}

/**
 * tern_source_keep_open() - make what tern_source_keep() will write
 * @s: prepared
 */
int tern_source_keep_open(struct tern_source *s)
{
	int rc = open_one(s, 0, TERN_KEEP_IMAGE, s->image.size);

	return rc ? rc : open_one(s, 1, TERN_KEEP_MEMO, sizeof(struct tern_memo));
}

/** tern_source_keep_fini() - the kernel has its own references */
void tern_source_keep_fini(struct tern_source *s)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (s->kept[i] >= 0)
			close(s->kept[i]);
	if (s->pagemap >= 0)
		close(s->pagemap);
}

/* Only now, for it is of the program that runs when it is opened. */
static int open_pagemap(struct tern_source *s)
{
	char name[64];

	if (s->pagemap >= 0)
		close(s->pagemap);
	snprintf(name, sizeof(name), "/proc/%d/pagemap", s->job->pid);
	s->pagemap = open(name, O_RDONLY | O_CLOEXEC);
	return s->pagemap < 0 ? tern_why_set(&s->why, -errno, "%s: %s", name, strerror(errno)) : 0;
}

/**
 * tern_source_keep() - leave with the migration what an heir must know
 * @s: captured, after tern_source_keep_open()
 */
int tern_source_keep(struct tern_source *s)
{
	struct tern_memo memo = {
		.magic = TERN_WIRE_MAGIC, .report = s->report, .image = s->image.len,
	};
	int rc;

	memcpy(memo.boot_id, s->lanes.boot_id, sizeof(memo.boot_id));
	rc = open_pagemap(s);
	if (!rc)
		rc = tern_dev_keep(s->dev, TERN_KEEP_PAGEMAP, s->pagemap);
	if (!rc)
		rc = write_all(s->kept[0], s->image.data, s->image.len);
	if (!rc)
		rc = write_all(s->kept[1], &memo, sizeof(memo));
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

static int kept_image(struct tern_source *s, __u64 len)
{
	int fd, rc;

	fd = tern_dev_kept(s->dev, TERN_KEEP_IMAGE);
	if (fd < 0)
		return fd;
	rc = -EBADMSG;
	if (!len || len > TERN_IMAGE_MAX)
		goto out;
	rc = -ENOMEM;
	s->image.data = malloc(len);
	if (!s->image.data)
		goto out;
	s->image.size = len;
	s->image.len = len;
	/*
	 * Not checked: a daemon of this host wrote it and only root could have
	 * changed it since, and refusing it now would lose the process.
	 */
	rc = read_all(fd, s->image.data, len);
out:
	close(fd);
	return rc;
}

static int kept_memo(struct tern_source *s, __u64 *image)
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
	*image = memo.image;
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
	__u64 image = 0;
	int rc;

	rc = kept_memo(s, &image);
	if (!rc)
		rc = kept_image(s, image);
	if (rc)
		return rc;
	s->pagemap = tern_dev_kept(s->dev, TERN_KEEP_PAGEMAP);
	return s->pagemap < 0 ? s->pagemap : 0;
}
