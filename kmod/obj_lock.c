// SPDX-License-Identifier: GPL-2.0
/*
 * File locks: flock(2), fcntl(2) of the process and of descriptions. The destination
 * takes them before the first instruction, and the source keeps its own until it knows
 * that the migrant runs there: so there is no moment without a lock. On one file system
 * that works for read locks only; a write lock would have to be given up first, and any
 * third host could take it then.
 */
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "compat.h"
#include "desc.h"

/* A lock that was set through @entry, by the process itself. */
static bool is_mine(const struct tern_table *table, const struct tern_entry *entry,
		    struct file_lock *lock)
{
	if (compat_lock(lock, file) != entry->file)
		return false;
	return !(compat_lock(lock, flags) & FL_POSIX) ||
	       compat_lock(lock, flags) & FL_OFDLCK ||
	       compat_lock(lock, owner) == table->files;
}

static struct file_lock_context *context(const struct tern_entry *entry)
{
	/* pairs with the cmpxchg() in locks_get_lock_context() */
	return smp_load_acquire(&file_inode(entry->file)->i_flctx);
}

/* Call @fn for each of them, with the list's lock held. */
static void walk(struct file_lock_context *ctx, const struct tern_table *table,
		 const struct tern_entry *entry,
		 void (*fn)(struct file_lock *lock, void *arg), void *arg)
{
	struct list_head *lists[] = { &ctx->flc_flock, &ctx->flc_posix };
	struct file_lock *lock;
	unsigned int i;

	lockdep_assert_held(&ctx->flc_lock);
	for (i = 0; i < ARRAY_SIZE(lists); i++)
		list_for_each_entry(lock, lists[i], compat_lock_list)
			if (is_mine(table, entry, lock))
				fn(lock, arg);
}

/**
 * struct found - what there is
 * @any: a lock
 * @writes: one for writing
 * @other: one that is none of flock(2)
 */
struct found {
	bool any;
	bool writes;
	bool other;
};

static void look(struct file_lock *lock, void *arg)
{
	struct found *found = arg;

	found->any = true;
	found->writes |= compat_lock(lock, type) == F_WRLCK;
	found->other |= !(compat_lock(lock, flags) & FL_FLOCK);
}

/* Of a description that is only mapped, not by one mapping alone? */
static bool is_mapped_twice(const struct tern_table *table, const struct tern_entry *entry)
{
	struct tern_entry **entries;
	unsigned int i, nr, same = 0;

	nr = tern_table_inode(table, file_inode(entry->file), &entries);
	for (i = 0; i < nr; i++)
		same += entries[i]->file == entry->file;
	return same > 1;
}

/**
 * tern_lock_of_mapping() - how is a file locked that is mapped, and not open any more?
 * @table: the table
 * @entry: the mapping's
 *
 * Return: TERN_VMA_FLOCK_EX, _SH, or 0.
 */
u32 tern_lock_of_mapping(const struct tern_table *table, const struct tern_entry *entry)
{
	struct file_lock_context *ctx = context(entry);
	struct found found = {};

	if (!ctx)
		return 0;
	spin_lock(&ctx->flc_lock);
	walk(ctx, table, entry, look, &found);
	spin_unlock(&ctx->flc_lock);
	return found.writes ? TERN_VMA_FLOCK_EX : found.any ? TERN_VMA_FLOCK_SH : 0;
}

/**
 * tern_lock_refused() - can the locks move that are set through a description?
 * @table: the table
 * @entry: of a file
 * @network: it is on a file system that the other host may see, too
 *
 * Return: NULL, or what the file is instead.
 */
const char *tern_lock_refused(const struct tern_table *table, const struct tern_entry *entry,
			      bool network)
{
	struct file_lock_context *ctx = context(entry);
	struct found found = {};
	bool lease;

	if (!ctx)
		return NULL;
	spin_lock(&ctx->flc_lock);
	walk(ctx, table, entry, look, &found);
	lease = !list_empty(&ctx->flc_lease);
	spin_unlock(&ctx->flc_lock);
	if (lease)
		return "a file with a lease (fcntl)";
	/* a mapping holds the description, too; then who has it has been judged there */
	if (found.any && !entry->same->is_ours && !entry->same_inode->is_mapped)
		return "a locked file (flock or fcntl) that another process has open, too";
	if (found.any && tern_entry_is_mapping(entry) &&
	    (found.other || is_mapped_twice(table, entry)))
		return "a file that it has mapped and locked (twice, or by fcntl), and not open";
	if (found.writes && network)
		return "a file that is locked for writing, on a network file system";
	return NULL;
}

/**
 * struct put - where LOCK objects go
 * @image: where to
 * @desc: id of the description
 */
struct put {
	struct tern_image *image;
	u32 desc;
};

static void put(struct file_lock *lock, void *arg)
{
	const struct put *to = arg;
	unsigned int flags = compat_lock(lock, flags);
	struct tern_obj_lock obj = {
		.desc = to->desc,
		.kind = flags & FL_FLOCK ? TERN_LOCK_FLOCK :
			flags & FL_OFDLCK ? TERN_LOCK_OFD : TERN_LOCK_POSIX,
		.write = compat_lock(lock, type) == F_WRLCK,
	};

	/* all of it, and to the end of the file, however long, are 0 */
	if (obj.kind != TERN_LOCK_FLOCK) {
		obj.start = lock->fl_start;
		obj.len = lock->fl_end == OFFSET_MAX ? 0 : lock->fl_end - lock->fl_start + 1;
	}
	tern_image_put(to->image, TERN_OBJ_LOCK, &obj, sizeof(obj), NULL, 0);
}

/**
 * tern_lock_save() - LOCK objects of the locks that were set through a description
 * @saver: where to
 * @entry: of a file
 * @desc: its id
 */
void tern_lock_save(struct tern_saver *saver, const struct tern_entry *entry, u32 desc)
{
	struct file_lock_context *ctx = context(entry);
	struct put to = { .image = saver->image, .desc = desc };

	if (!ctx)
		return;
	spin_lock(&ctx->flc_lock);
	walk(ctx, saver->table, entry, put, &to);
	spin_unlock(&ctx->flc_lock);
}
