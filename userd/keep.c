// SPDX-License-Identifier: GPL-2.0
/*
 * What outlives the daemon: image, pagemap and memo, left with the migration
 * before the blast can leave, and found again by the daemon that takes over. The
 * image is left as it travels: the draft, which has been there for long, and what
 * differs from it, so that little has to be written while the migrant stands.
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

#include "io.h"
#include "source.h"

enum { DRAFT, CHANGES, MEMO, KEPT };

/* It gives up for whatever io_uring(7) has to tell this thread, which is no signal. */
static int allocate(int fd, size_t room)
{
	int rc;

	do {
		rc = fallocate(fd, 0, 0, room);
	} while (rc && errno == EINTR);
	return rc;
}

/* A memfd of which @room bytes are there already. */
static int open_one(struct tern_source *s, unsigned int n, unsigned int key, size_t room)
{
	if (s->kept[n] < 0)
		s->kept[n] = memfd_create("tern", MFD_CLOEXEC);
	if (s->kept[n] < 0 || allocate(s->kept[n], room))
		return tern_why_set(&s->why, -errno,
				    "there is no room for what a daemon that takes over must know: %s",
				    strerror(errno));
	return tern_dev_keep(s->dev, key, s->kept[n]);
}

static int open_pagemap(struct tern_source *s)
{
	if (s->pagemap >= 0)
		close(s->pagemap);
	s->pagemap = tern_proc_pagemap(s->job->pid);
	if (s->pagemap < 0)
		return tern_why_set(&s->why, s->pagemap, "/proc/%d/pagemap: %s", s->job->pid,
				    strerror(-s->pagemap));
	return tern_dev_keep(s->dev, TERN_KEEP_PAGEMAP, s->pagemap);
}

/**
 * tern_source_keep_open() - keep the draft, and make what tern_source_keep() will write
 * @s: prepared
 */
int tern_source_keep_open(struct tern_source *s)
{
	int rc;

	rc = open_one(s, DRAFT, TERN_KEEP_DRAFT, s->draft.image.len + 1);
	if (!rc)
		rc = tern_write_all(s->kept[DRAFT], s->draft.image.data, s->draft.image.len, 0);
	if (!rc)
		rc = open_one(s, CHANGES, TERN_KEEP_CHANGES, s->wire.size);
	if (!rc)
		rc = open_pagemap(s);
	return rc ? rc : open_one(s, MEMO, TERN_KEEP_MEMO, sizeof(struct tern_memo));
}

/** tern_source_keep_fini() - the kernel has its own references */
void tern_source_keep_fini(struct tern_source *s)
{
	unsigned int i;

	for (i = 0; i < KEPT; i++)
		if (s->kept[i] >= 0)
			close(s->kept[i]);
	if (s->pagemap >= 0)
		close(s->pagemap);
}

/*
 * It is of the memory that the process had when it was opened. After an exec
 * that memory is gone, and nothing can be read any more.
 */
static int check_pagemap(const struct tern_source *s)
{
	__u64 entry;

	return pread(s->pagemap, &entry, sizeof(entry), 0) == sizeof(entry) ? 0 : -EAGAIN;
}

/**
 * tern_source_keep() - leave with the migration what an heir must know
 * @s: captured, after tern_source_keep_open()
 */
int tern_source_keep(struct tern_source *s)
{
	struct tern_memo memo = {
		.magic = TERN_WIRE_MAGIC, .report = s->report,
		.draft = s->draft.image.len, .changes = s->wire.len,
	};
	int rc;

	memcpy(memo.boot_id, s->lanes.boot_id, sizeof(memo.boot_id));
	rc = check_pagemap(s);
	if (!rc)
		rc = tern_write_all(s->kept[CHANGES], s->wire.data, s->wire.len, 0);
	if (!rc)
		rc = tern_write_all(s->kept[MEMO], &memo, sizeof(memo), 0);
	return rc;
}

/*
 * Not checked: a daemon of this host wrote it and only root could have changed
 * it since, and refusing it now would lose the process.
 */
static int kept_part(struct tern_source *s, unsigned int key, __u64 len, struct tern_image *image)
{
	int fd, rc;

	if (len > TERN_IMAGE_MAX)
		return -EBADMSG;
	fd = tern_dev_kept(s->dev, key);
	if (fd < 0)
		return fd;
	rc = tern_image_reserve(image, len);
	if (!rc)
		rc = tern_read_all(fd, image->data, len, 0);
	if (!rc)
		image->len = len;
	close(fd);
	return rc;
}

static int kept_image(struct tern_source *s, __u64 draft, __u64 changes)
{
	struct tern_image image = { 0 };
	int rc;

	rc = kept_part(s, TERN_KEEP_DRAFT, draft, &image);
	if (!rc)
		rc = tern_draft_set(&s->draft, &image);
	if (!rc)
		rc = kept_part(s, TERN_KEEP_CHANGES, changes, &s->wire);
	if (!rc)
		rc = tern_changes_read(&s->draft, &s->wire, &s->image, NULL, &s->why);
	tern_image_free(&image);
	return rc;
}

static int kept_memo(struct tern_source *s, __u64 *draft, __u64 *changes)
{
	struct tern_memo memo;
	int fd, rc;

	fd = tern_dev_kept(s->dev, TERN_KEEP_MEMO);
	if (fd < 0)
		return fd;
	rc = tern_read_all(fd, &memo, sizeof(memo), 0);
	close(fd);
	if (rc)
		return rc;
	if (memo.magic != TERN_WIRE_MAGIC || memo.reserved)
		return -EBADMSG;
	s->report = memo.report;
	*draft = memo.draft;
	*changes = memo.changes;
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
	__u64 draft = 0, changes = 0;
	int rc;

	rc = kept_memo(s, &draft, &changes);
	if (!rc)
		rc = kept_image(s, draft, changes);
	if (rc)
		return rc;
	s->pagemap = tern_dev_kept(s->dev, TERN_KEEP_PAGEMAP);
	return s->pagemap < 0 ? s->pagemap : 0;
}
