// SPDX-License-Identifier: GPL-2.0
/* Where a file is, or is to be. No locks. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <tern/image.h>

#include "parent.h"

int tern_parent_open(const char *path, const char **base)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS,
	};
	const char *slash = strrchr(path, '/');
	char dir[TERN_PATH_MAX + 1];
	int fd;

	if (!slash || slash - path >= TERN_PATH_MAX)
		return -EINVAL;
	snprintf(dir, sizeof(dir), "%.*s/", (int)(slash - path), path);
	*base = slash + 1;
	/* glibc has no function for it */
	fd = syscall(SYS_openat2, AT_FDCWD, dir, &how, sizeof(how));
	return fd < 0 ? -errno : fd;
}
