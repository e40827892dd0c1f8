/* SPDX-License-Identifier: GPL-2.0 */
/* A PAGES message in the making. */
#ifndef TERN_PAGES_H
#define TERN_PAGES_H

#include "link.h"
#include "pack.h"

/**
 * struct tern_pages - runs of pages
 * @head: fixed payload
 * @runs: the runs
 * @nr_runs: how many
 * @part: offsets of runs that are a page's end, and their padding
 * @iov: [0] for the header, [1] the payload's head, [2] the runs, then data
 * @nr_iov: how many
 * @pages: pages in all runs
 * @zero: of those, without data
 * @later: of those, with data that comes out of a pipe
 *
 * Data stays where it is until the message was sent, or comes out of a pipe then.
 */
struct tern_pages {
	struct tern_wire_pages head;
	struct tern_wire_run runs[TERN_WIRE_PAGES_MAX];
	unsigned int nr_runs;
	struct tern_pages_part {
		__u32 offset;
	} part[TERN_WIRE_PAGES_MAX];
	struct iovec iov[3 + 3 * TERN_WIRE_PAGES_MAX];
	unsigned int nr_iov;
	unsigned int pages;
	unsigned int zero;
	unsigned int later;
};

void tern_pages_reset(struct tern_pages *pages);
int tern_pages_add(struct tern_pages *pages, __u64 addr, const void *data);
int tern_pages_add_part(struct tern_pages *pages, __u64 addr, unsigned int offset,
			const void *data);
int tern_pages_read(struct tern_pages *pages, int dev, __u64 addr, unsigned int nr,
		    void *buf);
int tern_pages_look(struct tern_pages *pages, int dev, __u64 addr, unsigned int nr);
int tern_pages_pipe(const struct tern_pages *pages, int dev, int pipe);
int tern_pages_splice(struct tern_pages *pages, struct tern_link *link, int pipe);
int tern_pages_send(struct tern_pages *pages, struct tern_link *link);
int tern_pages_pack(struct tern_pages *pages, struct tern_packer *packer);
bool tern_page_is_zero(const void *page);

#endif
