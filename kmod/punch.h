/* SPDX-License-Identifier: GPL-2.0 */
/* Who is giving up shared memory for good? */
#ifndef TERN_PUNCH_H
#define TERN_PUNCH_H

#include <linux/types.h>

struct tern_migration;

/**
 * struct tern_punch - where madvise(2) with MADV_REMOVE is under way
 * @start: lowest address
 * @end: not included; 0: nowhere
 */
struct tern_punch {
	unsigned long start;
	unsigned long end;
};

void tern_punch_look(struct tern_migration *m, struct tern_punch *punch);
/** tern_punch_covers() - is [@start, @end) part of it? */
static inline bool tern_punch_covers(const struct tern_punch *punch, unsigned long start,
				     unsigned long end)
{
	return punch->start <= start && end <= punch->end;
}

#endif /* TERN_PUNCH_H */
