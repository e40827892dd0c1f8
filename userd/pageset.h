/* SPDX-License-Identifier: GPL-2.0 */
/* A set of pages, by number; cheap where it is full or empty. */
#ifndef TERN_PAGESET_H
#define TERN_PAGESET_H

#include <linux/types.h>
#include <stdbool.h>

#define TERN_PAGESET_USER	(1ULL << 35)	/* pages of user space: a set by address */

/**
 * struct tern_pageset - numbers from 0 to @nr - 1
 * @nr: pages that there could be
 * @count: pages in the set
 * @chunk: for every 32768 pages: their bits; NULL: none of them,
 *	tern_pageset_full: all of them
 * @weight: and how many of them there are
 * @group: for every 1024 chunks: pages in the set
 */
struct tern_pageset {
	__u64 nr;
	__u64 count;
	__u64 **chunk;
	__u32 *weight;
	__u64 *group;
};

int tern_pageset_init(struct tern_pageset *set, __u64 nr, bool full);
void tern_pageset_fini(struct tern_pageset *set);
int tern_pageset_copy(struct tern_pageset *to, const struct tern_pageset *from);
bool tern_pageset_has(const struct tern_pageset *set, __u64 page);
int tern_pageset_add(struct tern_pageset *set, __u64 first, __u64 nr);
int tern_pageset_del(struct tern_pageset *set, __u64 first, __u64 nr);
/* first page ≥ @page that is (or, with @in false, is not) in the set; nr: none */
__u64 tern_pageset_next(const struct tern_pageset *set, __u64 page, bool in);
/* pages of the set from @page on, that follow each other; at most @most */
__u64 tern_pageset_run(const struct tern_pageset *set, __u64 page, __u64 most);
/* keep only what is in @mask, too */
int tern_pageset_and(struct tern_pageset *set, const struct tern_pageset *mask);

#endif
