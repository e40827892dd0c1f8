// SPDX-License-Identifier: GPL-2.0
/*
 * Regular files that move with the process, if nobody else has them: those that have no
 * name any more, or never had one (deleted ones, O_TMPFILE, memfd_create(2), segments of
 * shmget(2)), and, with TERN_WITH_FILES, those of a local file system that it writes to.
 * They are made anew on the other host: CARRIED says what a file is, ternd adds what is in
 * it.
 */
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/magic.h>
#include <linux/minmax.h>
#include <linux/shmem_fs.h>
#include <linux/stat.h>
#include <linux/tern.h>

#include "compat.h"
#include "desc.h"

#define MEMFD_PREFIX	"memfd:"	/* mm/memfd.c */
#define ANON_NAME	"dev/zero"	/* mm/shmem.c, shmem_zero_setup() */
#define SYSV_PREFIX	"SYSV"		/* ipc/shm.c, newseg() */
#define NAME_ROOM	249		/* memfd_create(2) takes no longer one */

static const char *name_of(const struct file *file)
{
	return file->f_path.dentry->d_name.name;
}

/** tern_is_memory() - a file system whose files are nowhere but in memory, and mapped from it? */
bool tern_is_memory(const struct super_block *sb)
{
	return sb->s_magic == TMPFS_MAGIC || sb->s_magic == HUGETLBFS_MAGIC;
}

/** tern_is_huge() - of hugetlbfs, whose pages are huge ones? */
bool tern_is_huge(const struct file *file)
{
	return file_inode(file)->i_sb->s_magic == HUGETLBFS_MAGIC;
}

/* In the mount that the kernel has for itself; there by no other call than one. */
static bool is_made_by(const struct file *file, const char *prefix)
{
	const struct super_block *sb = file_inode(file)->i_sb;

	return tern_is_memory(sb) && sb->s_flags & SB_KERNMOUNT &&
	       !strncmp(name_of(file), prefix, strlen(prefix));
}

/** tern_is_anon() - mmap(2) with MAP_ANONYMOUS, as far as that has a file at all? */
bool tern_is_anon(const struct file *file)
{
	return is_made_by(file, tern_is_huge(file) ? HUGETLB_ANON_FILE : ANON_NAME);
}

/*
 * What is made anew as one. A host without huge pages has no hugetlbfs, and so a file that
 * was deleted there has no directory to go to.
 */
static bool is_memfd(const struct file *file)
{
	return is_made_by(file, MEMFD_PREFIX) || tern_is_anon(file) ||
	       (tern_is_huge(file) && !tern_is_sysv(file) && tern_is_nameless(file));
}

/** tern_memory_name() - the name that memfd_create(2) is given, or may be given, for it */
const char *tern_memory_name(const struct file *file)
{
	const char *name = name_of(file);
	size_t len;

	if (is_made_by(file, MEMFD_PREFIX))
		return name + strlen(MEMFD_PREFIX);
	len = strlen(name);
	return len > NAME_ROOM ? name + len - NAME_ROOM : name;
}

/** tern_is_sysv() - a segment of shmget(2)? */
bool tern_is_sysv(const struct file *file)
{
	return is_made_by(file, SYSV_PREFIX);
}

/** tern_is_nameless() - a regular file without a link? */
bool tern_is_nameless(const struct file *file)
{
	const struct inode *inode = file_inode(file);

	return S_ISREG(inode->i_mode) && !inode->i_nlink;
}

/**
 * tern_is_carried() - does it move with the process, if at all?
 * @table: the table
 * @entry: whatever it is
 *
 * What is not written to stays where it is: the destination is to have its own.
 */
bool tern_is_carried(const struct tern_table *table, const struct tern_entry *entry)
{
	const struct inode *inode = file_inode(entry->file);

	/* what only one of them maps is memory, and paged */
	if (tern_is_nameless(entry->file))
		return entry->same_inode->is_shared || tern_is_sysv(entry->file);
	return (table->flags & TERN_WITH_FILES && S_ISREG(inode->i_mode) &&
		entry->same_inode->is_written && tern_path_has_name(&entry->file->f_path) &&
		!tern_inode_is_kernels(inode) && !tern_is_network(inode->i_sb));
}

/* What is in memory only holds names that can be found there (mm/shmem.c, fs/ramfs, …). */
static bool pins_names(const struct super_block *sb)
{
	return tern_is_memory(sb) || sb->s_magic == RAMFS_MAGIC;
}

/**
 * tern_inode_references() - how often names of an inode are referenced by whoever uses it
 * @inode: of a regular file
 *
 * That is once for each open file, and for a moment by calls that look for it.
 */
unsigned int tern_inode_references(struct inode *inode)
{
	bool pins = pins_names(inode->i_sb);
	unsigned int references = 0;
	struct dentry *dentry;

	spin_lock(&inode->i_lock);
	hlist_for_each_entry(dentry, &inode->i_dentry, d_u.d_alias)
		references += d_count(dentry) - (pins && !d_unhashed(dentry));
	spin_unlock(&inode->i_lock);
	return references;
}

/* Bytes that it has, as far as can be told before it is read: ternd counts, too. */
static u64 bytes_of(const struct file *file)
{
	struct kstat stat;

	if (vfs_getattr_nosec(&file->f_path, &stat, STATX_BLOCKS, AT_STATX_SYNC_AS_STAT))
		return 0;
	/* what has been allocated behind the end is not read */
	return min_t(u64, stat.blocks << SECTOR_SHIFT, i_size_read(file_inode(file)));
}

/**
 * tern_carried_check() - are there more contents than may travel?
 * @table: the table
 * @reasons: where to
 */
void tern_carried_check(const struct tern_table *table, struct tern_reasons *reasons)
{
	unsigned int i;
	u64 sum = 0;

	if (!table->any_carried)
		return;
	for (i = 0; i < table->nr_all; i++) {
		const struct tern_entry *entry = &table->entries[i];

		if (entry->same_inode == entry && tern_is_carried(table, entry))
			sum += bytes_of(entry->file);
	}
	if (sum > TERN_CARRIED_MAX)
		tern_reasons_add(reasons,
				 "it has more than %lu MiB in files that move with it (deleted, O_TMPFILE, memfd, System V, --with-files)",
				 TERN_CARRIED_MAX >> 20);
}

/* Does the directory have a name in which it has been opened, or made? */
static bool has_place(const struct file *file)
{
	struct path place = {
		.mnt = file->f_path.mnt, .dentry = dget_parent(file->f_path.dentry),
	};
	bool has = tern_path_has_name(&place);

	dput(place.dentry);
	return has;
}

/*
 * Somebody has it who is not in the table. Each open file holds one reference to the
 * name by which it was opened, and nobody else does for long. What is mapped has been
 * judged with its mappings (obj_shared.c).
 */
static bool is_elsewhere(const struct tern_entry *entry)
{
	struct inode *inode = file_inode(entry->file);

	if (mapping_mapped(inode->i_mapping))
		return !entry->same_inode->is_mapped;
	return !entry->is_whole || tern_inode_references(inode) != entry->files;
}

/* Is it there by its path alone, too? */
static bool is_named_alone(const struct tern_table *table, const struct tern_entry *entry)
{
	struct tern_entry **entries;
	unsigned int i, nr = tern_table_inode(table, file_inode(entry->file), &entries);

	for (i = 0; i < nr; i++)
		if (entries[i]->file->f_mode & FMODE_PATH)
			return true;
	return false;
}

/**
 * tern_carried_named() - can a local file that it writes to move?
 * @table: the table, with TERN_WITH_FILES, after mappings have been looked at
 * @entry: of a file that has a name
 * @what: out: what it is, if it cannot
 *
 * Return: TERN_DESC_CARRIED, or 0.
 */
u32 tern_carried_named(const struct tern_table *table, const struct tern_entry *entry,
		       const char **what)
{
	if (file_inode(entry->file)->i_nlink > 1)
		*what = "a local file that has other names, too (hard links)";
	else if (is_named_alone(table, entry))
		*what = "a local file that it names by O_PATH, too";
	else if (is_elsewhere(entry))
		*what = "a local file that others have open, too";
	else if (tern_table_is_split(table, entry))
		*what = "a local file that a process of its tree has opened, too";
	else
		*what = tern_lock_refused(table, entry, false);
	return *what ? 0 : TERN_DESC_CARRIED;
}

/**
 * tern_carried_kind() - can what has no name move?
 * @table: the table, after mappings have been looked at
 * @entry: of a file or directory that has no name
 * @what: out: what it is, if it cannot
 *
 * Return: TERN_DESC_CARRIED, or 0.
 */
u32 tern_carried_kind(const struct tern_table *table, const struct tern_entry *entry,
		      const char **what)
{
	struct inode *inode = file_inode(entry->file);

	if (!S_ISREG(inode->i_mode))
		*what = "a directory that has been deleted";
	else if (tern_is_network(inode->i_sb))
		*what = "a deleted file of a network file system";
	else if (inode->i_nlink)
		*what = "a file whose name is not the one it was opened by";
	else if (tern_inode_is_kernels(inode) && !is_memfd(entry->file))
		*what = "a file of the kernel";
	else if (is_elsewhere(entry))
		*what = "a nameless file (deleted, O_TMPFILE or memfd) that others have, too";
	else if (tern_table_is_split(table, entry))
		*what = "a nameless file that a process of its tree has opened, too";
	else if (!is_memfd(entry->file) && !has_place(entry->file))
		*what = "a deleted file of a directory that has been deleted, too";
	else
		*what = tern_lock_refused(table, entry, false);
	return *what ? 0 : TERN_DESC_CARRIED;
}

static u32 kind_of(const struct file *file)
{
	if (is_memfd(file))
		return TERN_CARRIED_MEMFD;
	if (tern_is_sysv(file))
		return TERN_CARRIED_SYSV;
	if (tern_path_has_name(&file->f_path))
		return TERN_CARRIED_NAMED;
	return file_inode(file)->i_state & I_LINKABLE ? TERN_CARRIED_TMPFILE :
	       TERN_CARRIED_DELETED;
}

static const char *place_of(struct tern_name *name, const struct file *file)
{
	struct path place = { .mnt = file->f_path.mnt };
	const char *text;

	if (is_memfd(file) || tern_is_sysv(file))
		return tern_memory_name(file);
	if (tern_path_has_name(&file->f_path))
		return tern_name_of(name, &file->f_path);
	place.dentry = dget_parent(file->f_path.dentry);
	text = tern_name_of(name, &place);
	/* nothing holds it from now on: whoever asks next must not compare with it */
	name->text = NULL;
	dput(place.dentry);
	return text;
}

static u32 seals_of(struct inode *inode)
{
#ifdef CONFIG_HUGETLBFS
	if (inode->i_sb->s_magic == HUGETLBFS_MAGIC)
		return READ_ONCE(HUGETLBFS_I(inode)->seals);
#endif
	return READ_ONCE(SHMEM_I(inode)->seals);
}

static int put(const struct tern_entry *entry, struct tern_name *name, struct tern_image *image)
{
	struct inode *inode = file_inode(entry->file);
	struct tern_obj_carried obj = {
		.id = entry->pipe,
		.kind = kind_of(entry->file),
		.ino = inode->i_ino,
		.fs = new_encode_dev(inode->i_sb->s_dev),
		.size = i_size_read(inode),
		.mode = inode->i_mode,
		.uid = from_kuid_munged(&init_user_ns, inode->i_uid),
		.gid = from_kgid_munged(&init_user_ns, inode->i_gid),
		.room = tern_is_sysv(entry->file) ? PAGE_ALIGN(i_size_read(inode)) : 0,
		.huge = tern_is_huge(entry->file) ? huge_page_shift(hstate_inode(inode)) : 0,
	};
	const char *place = place_of(name, entry->file);

	if (IS_ERR(place))
		return PTR_ERR(place);
	if (obj.kind == TERN_CARRIED_MEMFD)
		obj.seals = seals_of(inode);
	obj.name = strlen(place) + 1;
	tern_image_put(image, TERN_OBJ_CARRIED, &obj, sizeof(obj), place, obj.name);
	return 0;
}

/**
 * tern_carried_save() - CARRIED, before whatever refers to it first
 * @table: counts them
 * @first: the first entry of a file that can move; learns its number
 * @name: for a path
 * @image: where to
 */
int tern_carried_save(struct tern_table *table, struct tern_entry *first,
		      struct tern_name *name, struct tern_image *image)
{
	if (first->pipe)
		return 0;
	first->pipe = ++table->nr_carried;
	return put(first, name, image);
}

/** tern_carried_next() - TERN_IOC_NEXT_DATA */
int tern_carried_next(struct tern_next_data *arg)
{
	struct file *file = fget(arg->fd);
	unsigned long index;
	unsigned int shift;
	int err = 0;

	if (!file)
		return -EBADF;
	shift = tern_is_huge(file) ? compat_hugetlb_index_shift(file_inode(file)) : 0;
	/* of a directory, which may be open, there are none */
	if (!shift || !S_ISREG(file_inode(file)->i_mode) || arg->offset > MAX_LFS_FILESIZE) {
		err = -EINVAL;
		goto out;
	}
	index = arg->offset >> shift;
	if (xa_find(&file->f_mapping->i_pages, &index, ULONG_MAX, XA_PRESENT))
		arg->offset = max(arg->offset, (u64)index << shift);
	else
		err = -ENXIO;
out:
	fput(file);
	return err;
}
