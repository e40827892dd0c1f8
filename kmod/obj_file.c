// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptions of what has a path: regular files, directories, devices.
 */
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/major.h>
#include <tern/network.h>

#include "compat.h"
#include "desc.h"
#include "unwritten.h"

#define MQUEUE_MAGIC	0x19800202	/* private to ipc/mqueue.c */

/**
 * tern_path_has_name() - could another host find it by its path?
 * @path: of a file or directory
 *
 * Not when it has been deleted, nor if it never had a link (memfd, O_TMPFILE,
 * System V segments). NFS gives a file that is deleted while open another name
 * until it is closed.
 */
bool tern_path_has_name(const struct path *path)
{
	return d_inode(path->dentry)->i_nlink && !d_unlinked(path->dentry) &&
	       !(path->dentry->d_flags & DCACHE_NFSFS_RENAMED);
}

/**
 * tern_inode_is_kernels() - not to be found on another host, although it has a path?
 * @inode: of whatever kind
 */
bool tern_inode_is_kernels(const struct inode *inode)
{
	switch (inode->i_sb->s_magic) {
	case PROC_SUPER_MAGIC:
	case SYSFS_MAGIC:
	case DEBUGFS_MAGIC:
	case TRACEFS_MAGIC:
	case CGROUP_SUPER_MAGIC:
	case CGROUP2_SUPER_MAGIC:
	case SECURITYFS_MAGIC:
	case BPF_FS_MAGIC:
	case NSFS_MAGIC:
	case MQUEUE_MAGIC:
	case HUGETLBFS_MAGIC:
		return true;
	default:
		return inode->i_sb->s_flags & SB_NOUSER;
	}
}

/**
 * tern_is_network() - a file system on which two hosts may see one inode?
 * @sb: the file system
 */
bool tern_is_network(const struct super_block *sb)
{
	static const unsigned long magic[] = { TERN_NETWORK_MAGICS };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(magic); i++)
		if (sb->s_magic == magic[i])
			return true;
	return false;
}

static u32 file_kind(const struct tern_table *table, const struct tern_entry *entry,
		     const char **what)
{
	struct file *file = entry->file;
	struct inode *inode = file_inode(file);

	if (!tern_path_has_name(&file->f_path))
		return tern_carried_kind(table, entry, what);
	if (tern_is_huge(file) && S_ISREG(inode->i_mode))
		*what = "a file of hugetlbfs that has a name: delete it, and it can move";
	else if (tern_inode_is_kernels(inode))
		*what = "a file of the kernel";
	else if (S_ISDIR(inode->i_mode) && file->f_pos && !tern_is_network(inode->i_sb))
		*what = "a directory of a local file system that is being read";
	else if (tern_is_carried(table, entry))
		return tern_carried_named(table, entry, what);
	else if (S_ISREG(inode->i_mode) && file->f_mode & FMODE_WRITE &&
		 !tern_is_network(inode->i_sb))
		*what = "open for writing on a local file system; share it, or use --with-files";
	else
		*what = tern_lock_refused(table, entry, tern_is_network(inode->i_sb));
	return *what ? 0 : TERN_DESC_FILE;
}

/** tern_file_is_unwritten() - has a regular file data that is in memory alone? */
bool tern_file_is_unwritten(const struct file *file)
{
	struct address_space *mapping = file->f_mapping;

	return S_ISREG(file_inode(file)->i_mode) &&
	       (mapping_tagged(mapping, PAGECACHE_TAG_DIRTY) ||
		mapping_tagged(mapping, PAGECACHE_TAG_WRITEBACK));
}

/**
 * tern_file_write_back() - data that the migrant has written to where the destination
 *	can read it
 * @file: open file of its
 *
 * The daemon has written back most of it before the freeze.
 */
int tern_file_write_back(struct file *file)
{
	return tern_file_is_unwritten(file) ? vfs_fsync(file, 1) : 0;
}

/**
 * tern_desc_save_path() - a description is found by its path
 * @saver: gets the path
 * @entry: what has one
 * @obj: its length
 */
int tern_desc_save_path(struct tern_saver *saver, struct tern_entry *entry,
			struct tern_obj_desc *obj)
{
	char *path = tern_name_of(&saver->name, &entry->file->f_path);

	if (IS_ERR(path))
		return PTR_ERR(path);
	obj->path = strlen(path) + 1;
	return 0;
}

/* Whatever this host knows of the file, its own writes included, is news to the other one. */
static bool needs_barrier(const struct tern_entry *entry)
{
	struct inode *inode = file_inode(entry->file);

	return entry->fd >= 0 && S_ISREG(inode->i_mode) && tern_is_network(inode->i_sb);
}

/*
 * What is not with the server yet goes there when the process runs elsewhere, if it can. Of a
 * file that is only read somebody else sees to that, who writes to it; but what is under way
 * has nothing to wait at, however it is open.
 */
static int save_data(struct tern_saver *saver, const struct tern_entry *entry)
{
	struct tern_obj_barrier obj = { .fd = entry->fd };
	int err = 0;

	if (saver->table->draft) {
		/* the capture will see */
	} else if (tern_unwritten_is(entry)) {
		obj.flags = TERN_BARRIER_UNWRITTEN;
		err = tern_unwritten_add(saver->table->unwritten, entry);
	} else if (entry->fd < 0 || entry->file->f_mode & FMODE_WRITE) {
		err = tern_file_write_back(entry->file);
	}
	if (!err && needs_barrier(entry))
		tern_image_put(saver->image, TERN_OBJ_BARRIER, &obj, sizeof(obj), NULL, 0);
	return err;
}

static int file_save(struct tern_saver *saver, struct tern_entry *entry,
		     struct tern_obj_desc *obj)
{
	int err;

	obj->pos = entry->file->f_pos;
	obj->size = i_size_read(file_inode(entry->file));
	tern_lock_save(saver, entry, obj->id);
	if (obj->kind == TERN_DESC_CARRIED) {
		err = tern_carried_save(saver->table, entry->same_inode, &saver->name,
					saver->image);
		obj->pipe = entry->same_inode->pipe;
		return err;
	}
	err = save_data(saver, entry);
	return err ?: tern_desc_save_path(saver, entry, obj);
}

const struct tern_desc_family tern_desc_file = {
	.kind = file_kind,
	.save = file_save,
};

static u32 device_kind(const struct tern_table *table, const struct tern_entry *entry,
		       const char **what)
{
	struct inode *inode = file_inode(entry->file);

	if (imajor(inode) == MEM_MAJOR) {
		switch (iminor(inode)) {
		case 3: /* null */
		case 5: /* zero */
		case 7: /* full */
		case 8: /* random */
		case 9: /* urandom */
			return TERN_DESC_DEVICE;
		}
	}
	*what = imajor(inode) == TTY_MAJOR ? "a terminal" : "a device";
	return 0;
}

static int device_save(struct tern_saver *saver, struct tern_entry *entry,
		       struct tern_obj_desc *obj)
{
	obj->dev = new_encode_dev(file_inode(entry->file)->i_rdev);
	return tern_desc_save_path(saver, entry, obj);
}

const struct tern_desc_family tern_desc_device = {
	.kind = device_kind,
	.save = device_save,
};

/* O_PATH: it names something, of whatever kind. */
static u32 path_kind(const struct tern_table *table, const struct tern_entry *entry,
		     const char **what)
{
	if (!tern_path_has_name(&entry->file->f_path))
		*what = "a path to a file without a name (deleted, O_TMPFILE or memfd)";
	else if (tern_inode_is_kernels(file_inode(entry->file)))
		*what = "a path to a file of the kernel";
	else
		return TERN_DESC_PATH;
	return 0;
}

const struct tern_desc_family tern_desc_path = {
	.kind = path_kind,
	.save = tern_desc_save_path,
};
