// SPDX-License-Identifier: GPL-2.0
/*
 * pread(2) and pwrite(2) to the end. Owns nothing, holds no locks.
 */
#include <errno.h>
#include <unistd.h>

#include "io.h"

/**
 * tern_read_all() - read @len bytes
 * @fd: a file
 * @buf: receives them
 * @len: how many
 * @at: where they are in the file
 *
 * Return: 0; -EIO: the file ends before that; or another negative errno.
 */
int tern_read_all(int fd, void *buf, size_t len, __u64 at)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = pread(fd, (char *)buf + got, len - got, at + got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		got += n;
	}
	return 0;
}

/** tern_write_all() - write @len bytes; as tern_read_all() */
int tern_write_all(int fd, const void *buf, size_t len, __u64 at)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pwrite(fd, (const char *)buf + done, len - done, at + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		done += n;
	}
	return 0;
}
