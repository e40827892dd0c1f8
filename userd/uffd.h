/* SPDX-License-Identifier: GPL-2.0 */
/* The three things that one asks of a userfaultfd; negative errno. */
#ifndef TERN_UFFD_H
#define TERN_UFFD_H

#include <errno.h>
#include <linux/types.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>

/** tern_uffd_copy() - put pages in place and wake who waits; bytes done, or the
 * error of the very first page
 */
static inline __s64 tern_uffd_copy(int uffd, __u64 addr, const void *data, __u64 len)
{
	struct uffdio_copy arg = {
		.dst = addr,
		.src = (unsigned long)data,
		.len = len,
	};

	if (!ioctl(uffd, UFFDIO_COPY, &arg))
		return len;
	return arg.copy ? arg.copy : -errno;
}

/** tern_uffd_zero() - pages of zeros, which need no memory if it is private; else likewise */
static inline __s64 tern_uffd_zero(int uffd, __u64 addr, __u64 len)
{
	struct uffdio_zeropage arg = { .range = { .start = addr, .len = len } };

	if (!ioctl(uffd, UFFDIO_ZEROPAGE, &arg))
		return len;
	return arg.zeropage ? arg.zeropage : -errno;
}

/** tern_uffd_wake() - let those who wait in the range fault again */
static inline int tern_uffd_wake(int uffd, __u64 addr, __u64 len)
{
	struct uffdio_range arg = { .start = addr, .len = len };

	return ioctl(uffd, UFFDIO_WAKE, &arg) ? -errno : 0;
}

#endif
