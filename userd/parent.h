/* SPDX-License-Identifier: GPL-2.0 */
/* Where a file is, or is to be. */
#ifndef TERN_PARENT_H
#define TERN_PARENT_H

/**
 * tern_parent_open() - the directory that a file is in
 * @path: of the file, absolute
 * @base: out: its name there, a part of @path
 *
 * Symbolic links are not followed: whoever may make one would lead us, who may do
 * anything, to where he may not.
 *
 * Return: a descriptor (O_PATH), or negative errno.
 */
int tern_parent_open(const char *path, const char **base);

#endif
