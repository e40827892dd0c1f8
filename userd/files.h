/* SPDX-License-Identifier: GPL-2.0 */
/* Is a file here provably the same as one there? */
#ifndef TERN_FILES_H
#define TERN_FILES_H

#include <stdbool.h>
#include <tern/wire.h>

struct stat;

/** tern_file_digest() - xxh64 of the contents, cached by (dev, ino, size, mtime, ctime);
 * thread-safe
 */
int tern_file_digest(const char *path, __u64 *digest);
/** tern_file_describe() - fill @file (but @path) for the file at @path; a file on a
 * network file system gets TERN_WIRE_FILE_SHARED and no digest
 */
int tern_file_describe(const char *path, unsigned int flags, struct tern_wire_file *file,
		       struct stat *st);
/** tern_file_look() - an O_PATH descriptor, or negative errno */
int tern_file_look(const char *path, struct stat *st);
/** tern_magic_on_network() - is that the magic number of a network file system? */
bool tern_magic_on_network(__u32 magic);
/** tern_file_on_network() - is an open file on a network file system? 1, 0, or negative errno */
int tern_file_on_network(int fd);
/** tern_file_is_shared() - is @path on a network file system? 1, 0, or negative errno */
int tern_file_is_shared(const char *path);
/** tern_file_same() - does @path here satisfy @file? 1, 0, or negative errno */
int tern_file_same(const char *path, const struct tern_wire_file *file);
/** tern_file_unchanged() - is the file at @path still what @was says? */
bool tern_file_unchanged(const char *path, const struct stat *was);

#endif
