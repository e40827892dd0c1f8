/* SPDX-License-Identifier: GPL-2.0 */
/* The mappings of an image, by address. */
#ifndef TERN_VMAS_H
#define TERN_VMAS_H

#include "image.h"

/**
 * struct tern_vmas - all mappings of an image
 * @vma: ascending; they are the image's
 * @nr: how many
 * @room: for how many there is room
 */
struct tern_vmas {
	const struct tern_obj_vma **vma;
	unsigned int nr;
	size_t room;
};

int tern_vmas_list(struct tern_vmas *vmas, const struct tern_image *image);
const struct tern_obj_vma *tern_vmas_find(const struct tern_vmas *vmas, __u64 addr);
void tern_vmas_fini(struct tern_vmas *vmas);

#endif
