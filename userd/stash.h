/* SPDX-License-Identifier: GPL-2.0 */
/* Files that move with the process, as the destination has made them. */
#ifndef TERN_STASH_H
#define TERN_STASH_H

#include "dev.h"
#include "image.h"
#include "newfile.h"

/**
 * struct tern_stash_file - one of them
 * @file: the file
 * @segment: its id, if it is one of System V that goes if it is not left; else -1
 * @huge: where it is mapped for us to write to it, if it has huge pages; else NULL
 * @len: bytes of that
 */
struct tern_stash_file {
	struct tern_newfile file;
	int segment;
	char *huge;
	size_t len;
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
void tern_stash_path(const struct tern_stash *stash, unsigned int i, char path[NEWFILE_PATH_MAX]);
void tern_stash_fini(struct tern_stash *stash);

#endif
