/* SPDX-License-Identifier: GPL-2.0 */
/* What the next daemon must know if this one dies while pages are missing. */
#ifndef TERN_MEMO_H
#define TERN_MEMO_H

#include "script.h"

#define TERN_MEMO_KEY	0	/* of TERN_IOC_KEEP, at the destination */
#define TERN_MEMO_MAGIC	0x326f6d656d726574ULL

/**
 * struct tern_memo - lives in a memfd that the kernel keeps with the migration;
 * written in place, so it is up to date whenever the daemon dies
 * @magic: TERN_MEMO_MAGIC: its layout is this one
 * @size: of the whole
 * @resumed_ns: CLOCK_MONOTONIC of the resume
 * @report: the migration's figures
 * @nr_seeds: how many
 * @reserved: 0
 * @seed: the source's memory
 */
struct tern_memo {
	__u64 magic;
	__u64 size;
	__u64 resumed_ns;
	struct tern_report report;
	__u32 nr_seeds;
	__u32 reserved;
	struct tern_seed seed[];
};

struct tern_memo *tern_memo_create(int dev, const struct tern_seeds *seeds, int *err);
struct tern_memo *tern_memo_adopt(int dev, int *err);
void tern_memo_put(struct tern_memo *memo);

#endif
