/* SPDX-License-Identifier: GPL-2.0 */
/* /dev/tern and what an open file of it stands for. */
#ifndef TERN_DEV_H
#define TERN_DEV_H

#include <linux/mutex.h>

struct file;
struct tern_host;
struct tern_migration;

/**
 * enum tern_role - what a handle has become; decided once
 * @TERN_ROLE_NONE: nothing yet; may check and ask
 * @TERN_ROLE_SERVER: of the daemon as a whole
 * @TERN_ROLE_JOB: of the daemon, for one migration
 * @TERN_ROLE_SHELL: of a shell
 */
enum tern_role {
	TERN_ROLE_NONE,
	TERN_ROLE_SERVER,
	TERN_ROLE_JOB,
	TERN_ROLE_SHELL,
};

/**
 * struct tern_handle - an open file of /dev/tern
 * @host: the namespace it was opened in, referenced
 * @file: itself
 * @lock: guards the role
 * @role: enum tern_role
 * @migration: for JOB and SHELL, referenced
 */
struct tern_handle {
	struct tern_host *host;
	struct file *file;
	struct mutex lock;	/* the role */
	enum tern_role role;
	struct tern_migration *migration;
};

int tern_dev_init(void);
void tern_dev_exit(void);

#endif /* TERN_DEV_H */
