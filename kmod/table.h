/* SPDX-License-Identifier: GPL-2.0 */
/* The files of a process, copied, and who else has them. */
#ifndef TERN_TABLE_H
#define TERN_TABLE_H

#include <linux/types.h>

struct file;
struct inode;
struct mm_struct;
struct task_struct;

/**
 * struct tern_entry - one descriptor, or one mapping
 * @file: referenced
 * @fd: its number; -1: of a file that is mapped, for which there need not be any
 * @cloexec: closed on exec
 * @desc: id of the description, once known
 * @pipe: for a pipe, or a file that moves with the process, its number, once known
 * @is_ours: a description that nobody outside the table has
 * @is_whole: of one inode: nobody outside has any of these descriptions
 * @is_written: of one inode: some description is for writing; set on the first entry
 * @is_mapped: of one inode: the process maps it, and nobody outside has it at all; set
 *	on the first entry, when mappings are looked at
 * @files: of one inode: how many descriptions the table has, but for O_PATH
 * @same: the first entry of the same description; itself, if it is the first
 * @same_inode: the first entry of the same inode
 */
struct tern_entry {
	struct file *file;
	int fd;
	bool cloexec;
	bool is_ours;
	bool is_whole;
	bool is_written;
	bool is_mapped;
	u32 desc;
	u32 pipe;
	unsigned int files;
	struct tern_entry *same;
	struct tern_entry *same_inode;
};

/**
 * struct tern_table - the files of a process
 * @entries: in ascending order; behind the descriptors there are files that are mapped
 * @nr: how many descriptors there are
 * @nr_all: how many entries
 * @max: how many there is room for
 * @order: those that may be shared, or have ends, by inode and description
 * @nr_order: how many
 * @leader: whose it is; the caller holds it
 * @files: its descriptor table, for comparison only
 * @flags: of the request
 * @any_carried: it has a regular file that moves with it, if at all
 * @nr_carried: such files that have a number
 * @draft: the process runs
 */
struct tern_table {
	struct tern_entry *entries;
	unsigned int nr;
	unsigned int nr_all;
	unsigned int max;
	struct tern_entry **order;
	unsigned int nr_order;
	struct task_struct *leader;
	const void *files;
	u32 flags;
	bool any_carried;
	u32 nr_carried;
	bool draft;
};

int tern_table_init(struct tern_table *table, struct task_struct *leader,
		    struct mm_struct *mm, u32 flags, bool draft);
void tern_table_fini(struct tern_table *table);
unsigned int tern_table_references(struct tern_entry **entries, unsigned int nr);
unsigned int tern_table_slack(const struct tern_table *table);
unsigned int tern_table_inode(const struct tern_table *table, const struct inode *inode,
			      struct tern_entry ***entries);
struct tern_entry *tern_table_find(const struct tern_table *table, const struct inode *inode,
				   const struct file *file);

#endif /* TERN_TABLE_H */
