/* SPDX-License-Identifier: GPL-2.0 */
/* Files that move with the process, as the destination has made them. */
#ifndef TERN_STASH_H
#define TERN_STASH_H

#include <limits.h>
#include <stdbool.h>

#include "dev.h"
#include "image.h"

#define STASH_PATH_MAX	48

/**
 * struct tern_stash_file - one of them
 * @fd: open for reading and writing
 * @dir: where it has a name; -1: nowhere
 * @name: its name there for now, which goes if the file is not left; "": it is left
 */
struct tern_stash_file {
	int fd;
	int dir;
	char name[NAME_MAX + 1];
};

/**
 * struct tern_stash - the files
 * @file: by their ids - 1
 * @nr: how many
 */
struct tern_stash {
	struct tern_stash_file *file;
	unsigned int nr;
};

int tern_stash_fill(struct tern_stash *stash, const struct tern_image *old,
		    const struct tern_image *new, const char *host, struct tern_why *why);
int tern_stash_finish(struct tern_stash *stash, const struct tern_image *image,
		      const char *host, struct tern_why *why);
void tern_stash_leave(struct tern_stash *stash);
int tern_stash_sync(struct tern_stash *stash);
void tern_stash_path(const struct tern_stash *stash, unsigned int i, char path[STASH_PATH_MAX]);
void tern_stash_fini(struct tern_stash *stash);

#endif
