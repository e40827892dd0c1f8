/* SPDX-License-Identifier: GPL-2.0 */
/* A file that is being made beside the place where it is to be. */
#ifndef TERN_NEWFILE_H
#define TERN_NEWFILE_H

#include <limits.h>
#include <linux/types.h>
#include <sys/types.h>

struct tern_why;

#define NEWFILE_PATH_MAX	48

/**
 * struct tern_newfile - a file
 * @fd: open, -1: there is none
 * @dir: where it has a name; -1: nowhere
 * @name: its name there for now, which goes with tern_newfile_drop(); "": it stays
 */
struct tern_newfile {
	int fd;
	int dir;
	char name[NAME_MAX + 1];
};

#define TERN_NEWFILE_NONE	((struct tern_newfile){ .fd = -1, .dir = -1 })

int tern_newfile_failed(const char *path, const char *host, int err, struct tern_why *why);
int tern_newfile_make(struct tern_newfile *file, const char *path);
int tern_newfile_owner(int fd, uid_t uid, gid_t gid, mode_t mode);
int tern_newfile_time(const struct tern_newfile *file, __s64 mtime);
int tern_newfile_reopen(struct tern_newfile *file);
int tern_newfile_name(struct tern_newfile *file, const char *path);
int tern_newfile_sync_dir(int at);
int tern_newfile_sync(const struct tern_newfile *file);
void tern_newfile_path(const struct tern_newfile *file, char path[NEWFILE_PATH_MAX]);
void tern_newfile_drop(struct tern_newfile *file);

#endif
