// SPDX-License-Identifier: GPL-2.0
/* Descriptions that have no inode of their own: the kernel knows them by a name. */
#include <linux/fs.h>

#include "desc.h"

static u32 anon_kind(const struct tern_table *table, const struct tern_entry *entry,
		     const char **what)
{
	const char *name = entry->file->f_path.dentry->d_name.name;

	*what = name;
	if (!strcmp(name, "[eventpoll]"))
		return TERN_DESC_EPOLL;
	if (!strcmp(name, "[io_uring]"))
		*what = "an io_uring";
	return 0;
}

const struct tern_desc_family tern_desc_anon = {
	.kind = anon_kind,
};
