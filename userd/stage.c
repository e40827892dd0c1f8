// SPDX-License-Identifier: GPL-2.0
/*
 * Pages that were sent ahead, while the migrant ran on: each may have been
 * written to since, so none of them is anywhere in the migrant's memory before
 * the source has said, after the resume, which are right. They wait in a sparse
 * file in memory, at their own addresses: the kernel's page cache is the index.
 *
 * There is room for half of the memory that is free, which the source knows. What
 * comes beyond it all the same is dropped, and costs a fault later.
 *
 * Owns the file. One thread, no locks.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io.h"
#include "pager.h"
#include "stage.h"

#define PAGE	((__u64)TERN_WIRE_PAGE)

/** tern_stage_room() - half of the memory that this host could give, in pages */
__u64 tern_stage_room(void)
{
	unsigned long long kib = 0;
	FILE *f = fopen("/proc/meminfo", "re");
	char line[128];

	while (f && !kib && fgets(line, sizeof(line), f))
		sscanf(line, "MemAvailable: %llu kB", &kib);
	if (f)
		fclose(f);
	return kib / (PAGE / 1024) / 2;
}

static int open_stage(struct tern_stage *stage)
{
	int err;

	stage->fd = memfd_create("tern-stage", MFD_CLOEXEC);
	if (stage->fd < 0)
		return -errno;
	err = tern_pageset_init(&stage->have, TERN_PAGESET_USER, false);
	if (err)
		close(stage->fd);
	return err;
}

static bool has_room(const struct tern_stage *stage, const struct tern_wire_run *run)
{
	__u64 need = stage->have.count;
	unsigned int i;

	for (i = 0; i < run->nr; i++)
		need += !tern_pageset_has(&stage->have, run->addr / PAGE + i);
	return need <= stage->room;
}

static int put_run(struct tern_stage *stage, const struct tern_wire_run *run, const char *data)
{
	/* what has been there before must not be taken for this */
	if (!has_room(stage, run) ||
	    tern_write_all(stage->fd, data, run->nr * PAGE, run->addr))
		return tern_stage_drop(stage, run->addr, run->nr);
	return tern_pageset_add(&stage->have, run->addr / PAGE, run->nr);
}

/**
 * tern_stage_put() - keep what a PAGES message brings
 * @stage: the stage
 * @payload: of the message, aligned to 8
 * @len: bytes of it
 *
 * Return: 0, -EPROTO, or another negative errno.
 */
int tern_stage_put(struct tern_stage *stage, const void *payload, size_t len)
{
	struct tern_place place;
	unsigned int i;
	int err;

	err = tern_place_init(&place, payload, len);
	if (!err && !stage->have.nr)
		err = open_stage(stage);
	for (i = 0; i < place.nr && !err; i++) {
		const struct tern_wire_run *run = &place.runs[i];

		/* zeros are not worth it, parts belong to the blast */
		if (run->flags)
			return -EPROTO;
		err = put_run(stage, run, place.data);
		place.data += run->nr * PAGE;
	}
	return err;
}

/** tern_stage_run() - how many pages from @addr on are here, at most @nr */
__u64 tern_stage_run(const struct tern_stage *stage, __u64 addr, __u64 nr)
{
	return tern_pageset_run(&stage->have, addr / PAGE, nr);
}

/** tern_stage_read() - the contents of pages that are here */
int tern_stage_read(const struct tern_stage *stage, __u64 addr, __u64 nr, void *buf)
{
	return tern_read_all(stage->fd, buf, nr * PAGE, addr);
}

/** tern_stage_drop() - these are not needed (any more) */
int tern_stage_drop(struct tern_stage *stage, __u64 addr, __u64 nr)
{
	int err = tern_pageset_del(&stage->have, addr / PAGE, nr);

	/* if this fails memory stays taken for longer than it had to be */
	if (!err)
		fallocate(stage->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, addr, nr * PAGE);
	return err;
}

/** tern_stage_fini() - drop them all; harmless on one that is zeroed */
void tern_stage_fini(struct tern_stage *stage)
{
	if (stage->have.nr)
		close(stage->fd);
	tern_pageset_fini(&stage->have);
}
