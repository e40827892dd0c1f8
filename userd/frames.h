/* SPDX-License-Identifier: GPL-2.0 */
/* Signal frames on the stacks of a migrant that stands. */
#ifndef TERN_FRAMES_H
#define TERN_FRAMES_H

#include <stdbool.h>

#include "image.h"

int tern_frames_outside(const struct tern_image *image, int pid, __u64 start, __u64 end,
			bool all, struct tern_why *why);

#endif
