/* SPDX-License-Identifier: GPL-2.0 */
/* All bytes of a file's part, however many calls that takes. */
#ifndef TERN_IO_H
#define TERN_IO_H

#include <linux/types.h>
#include <stddef.h>

int tern_read_all(int fd, void *buf, size_t len, __u64 at);
int tern_write_all(int fd, const void *buf, size_t len, __u64 at);

#endif
