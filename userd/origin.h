/* SPDX-License-Identifier: GPL-2.0 */
/* The vDSO that a migrant was started with, for a host with another one. */
#ifndef TERN_ORIGIN_H
#define TERN_ORIGIN_H

#include "image.h"
#include "vdso.h"

int tern_origin_apply(struct tern_image *image, int pid, const struct tern_vdso *ours,
		      __u64 peer, struct tern_why *why);

#endif
