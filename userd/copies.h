/* SPDX-License-Identifier: GPL-2.0 */
/* Files that the migrant only reads, and directories, that were not here: made beforehand. */
#ifndef TERN_COPIES_H
#define TERN_COPIES_H

#include <stdbool.h>

#include "dev.h"
#include "newfile.h"
#include "script.h"

struct tern_made;

/**
 * struct tern_copy_use - what was made here, and this migration needs
 * @made: it
 * @fresh: the last PREPARE has named it
 */
struct tern_copy_use {
	struct tern_made *made;
	bool fresh;
};

/**
 * struct tern_copies - those of one migration, over all its attempts
 * @host: this host's name, for sentences
 * @use: what it needs, in the order in which it has come
 * @nr: how many
 * @file: a file of which not all parts have come
 * @known: what it is to be, NULL: there is none
 */
struct tern_copies {
	const char *host;
	struct tern_copy_use *use;
	unsigned int nr;
	struct tern_newfile file;
	const struct tern_known *known;
};

void tern_copies_begin(struct tern_copies *copies);
int tern_copies_use(struct tern_copies *copies, const char *path);
void tern_copies_forget(struct tern_copies *copies, const char *path);
void tern_copies_prune(struct tern_copies *copies);
int tern_copies_put(struct tern_copies *copies, struct tern_known *known,
		    const struct tern_wire_copy *part, size_t len, struct tern_why *why);
void tern_copies_leave(struct tern_copies *copies);
void tern_copies_fini(struct tern_copies *copies);

#endif
