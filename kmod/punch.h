/* SPDX-License-Identifier: GPL-2.0 */
/* Who is giving up shared memory for good? */
#ifndef TERN_PUNCH_H
#define TERN_PUNCH_H

#include <linux/types.h>

struct tern_migration;

#define TERN_PUNCHES	8	/* calls at a time that a look can note */

/**
 * struct tern_punches - where madvise(2) with MADV_REMOVE is under way
 * @range: start, and end, which is not included
 * @nr: how many
 */
struct tern_punches {
	struct {
		unsigned long start;
		unsigned long end;
	} range[TERN_PUNCHES];
	unsigned int nr;
};

void tern_punches_look(struct tern_migration *m, struct tern_punches *punches);
bool tern_punches_has(struct tern_migration *m, const struct tern_punches *before,
		      unsigned long start, unsigned long end);

#endif /* TERN_PUNCH_H */
