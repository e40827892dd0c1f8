/* SPDX-License-Identifier: GPL-2.0 */
/* Files without a name, as the destination has made them. */
#ifndef TERN_STASH_H
#define TERN_STASH_H

#include <stdbool.h>

#include "dev.h"
#include "image.h"

#define STASH_PATH_MAX	48

/**
 * struct tern_stash - the files
 * @fd: of each, by its id - 1: open for reading and writing
 * @nr: how many
 */
struct tern_stash {
	int *fd;
	unsigned int nr;
};

int tern_stash_fill(struct tern_stash *stash, const struct tern_image *old,
		    const struct tern_image *new, const char *host, struct tern_why *why);
int tern_stash_finish(const struct tern_stash *stash, const struct tern_image *image,
		      struct tern_why *why);
void tern_stash_path(const struct tern_stash *stash, unsigned int i, char path[STASH_PATH_MAX]);
void tern_stash_fini(struct tern_stash *stash);

#endif
