/* SPDX-License-Identifier: GPL-2.0 */
/* What a process that has moved leaves at the source. */
#ifndef TERN_REMAINS_H
#define TERN_REMAINS_H

#include <stdbool.h>

#include "image.h"

void tern_remains_remove(const struct tern_image *image, bool safe);

#endif
