// SPDX-License-Identifier: GPL-2.0
/* The mappings of an image, by address. Pure logic, no locks. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "vmas.h"

/**
 * tern_vmas_list() - list the mappings of @image, which must outlive the list
 * @vmas: zeroed, or of another image: its room is used again
 * @image: checked
 */
int tern_vmas_list(struct tern_vmas *vmas, const struct tern_image *image)
{
	const struct tern_obj *obj = NULL;
	void *more;

	vmas->nr = 0;
	while ((obj = tern_image_find(image, TERN_OBJ_VMA, obj))) {
		more = tern_grow(vmas->vma, vmas->nr, &vmas->room, sizeof(vmas->vma[0]));
		if (!more)
			return -ENOMEM;
		vmas->vma = more;
		vmas->vma[vmas->nr++] = tern_obj_payload(obj);
	}
	return 0;
}

/** tern_vmas_find() - the mapping that @addr is in, NULL: none */
const struct tern_obj_vma *tern_vmas_find(const struct tern_vmas *vmas, __u64 addr)
{
	unsigned int lo = 0, hi = vmas->nr;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;

		if (addr < vmas->vma[mid]->start)
			hi = mid;
		else if (addr >= vmas->vma[mid]->end)
			lo = mid + 1;
		else
			return vmas->vma[mid];
	}
	return NULL;
}

/** tern_vmas_fini() - free the list */
void tern_vmas_fini(struct tern_vmas *vmas)
{
	free(vmas->vma);
	memset(vmas, 0, sizeof(*vmas));
}
