/* SPDX-License-Identifier: GPL-2.0 */
/* Unix sockets that have a name in the file system. */
#ifndef TERN_SOCKFILE_H
#define TERN_SOCKFILE_H

#include "dev.h"
#include "image.h"
#include "newfile.h"

#define SOCKFILE_PATH_MAX	TERN_SOCKET_NAME_MAX	/* as long as bind(2) takes it, with its NUL */

/**
 * struct tern_sockfile - one that has been given its name
 * @file: where it is; not the socket, for which the shell has a descriptor
 * @base: its name there, when it has got it
 * @old: what a dead one that had that name is called until the process is let go; "": none
 */
struct tern_sockfile {
	struct tern_newfile file;
	char base[NAME_MAX + 1];
	char old[NAME_MAX + 1];
};

/**
 * struct tern_sockfiles - those of a process, at the destination
 * @file: from malloc
 * @nr: how many
 * @bound: names that its shell may have bound one to; from malloc
 * @nr_bound: how many
 * @room: that fit
 */
struct tern_sockfiles {
	struct tern_sockfile *file;
	unsigned int nr;
	char (*bound)[SOCKFILE_PATH_MAX];
	size_t nr_bound;
	size_t room;
};

const char *tern_sockfile_path(const struct tern_obj_socket *k);
int tern_sockfile_beside(const struct tern_obj_socket *k, __u64 id, char path[SOCKFILE_PATH_MAX]);

int tern_sockfiles_look(struct tern_sockfiles *files, const struct tern_image *image, __u64 id,
			const char *host, struct tern_why *why);
int tern_sockfiles_finish(struct tern_sockfiles *files, const struct tern_image *image, __u64 id,
			  const char *host, struct tern_why *why);
void tern_sockfiles_leave(struct tern_sockfiles *files);
void tern_sockfiles_drop(struct tern_sockfiles *files);

void tern_sockfile_remove(const struct tern_obj_socket *k);

#endif
