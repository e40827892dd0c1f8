/* SPDX-License-Identifier: GPL-2.0 */
/* An image as what has changed since the draft before it. */
#ifndef TERN_CHANGES_H
#define TERN_CHANGES_H

#include "image.h"

struct tern_why;

/**
 * struct tern_draft - an image that both sides have, and an index of it
 * @image: objects; owned
 * @obj: each of them
 * @nr: how many; 0: there is no draft
 * @bucket: index into @obj + 1 by hash of the contents; 0: none
 * @mask: buckets - 1
 */
struct tern_draft {
	struct tern_image image;
	const struct tern_obj **obj;
	unsigned int nr;
	__u32 *bucket;
	unsigned int mask;
};

int tern_draft_set(struct tern_draft *draft, struct tern_image *image);
void tern_draft_fini(struct tern_draft *draft);

int tern_changes_write(const struct tern_draft *draft, const struct tern_image *image,
		       struct tern_image *out, unsigned int *changed);
int tern_image_follows(const struct tern_image *a, const struct tern_image *b,
		       struct tern_why *why);
int tern_changes_read(const struct tern_draft *draft, const struct tern_image *in,
		      struct tern_image *out, __u64 *types, struct tern_why *why);

#endif
