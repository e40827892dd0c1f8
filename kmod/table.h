/* SPDX-License-Identifier: GPL-2.0 */
/* The files of a process, copied, and who else has them. */
#ifndef TERN_TABLE_H
#define TERN_TABLE_H

#include <linux/types.h>

struct file;
struct inode;
struct mm_struct;
struct task_struct;
struct tern_tree;

/**
 * struct tern_entry - one descriptor, or one mapping
 * @file: referenced
 * @member: which process of the tree has it
 * @fd: its number; -1: of a file that is mapped, or under way, for which there need not be
 *	any
 * @carrier: of one that is under way (rights.c): of the socket in whose queue; NULL
 * @cloexec: closed on exec
 * @desc: id of the description, once known
 * @is_saved: it is in the image
 * @pipe: for a pipe, or a file that moves with the process, its number, once known
 * @is_ours: a description that nobody outside the table has
 * @is_whole: of one inode: nobody outside has any of these descriptions
 * @is_written: of one inode: some description is for writing; set on the first entry
 * @is_shared: of one inode: there is a descriptor of it, or several processes map it; set
 *	on the first entry
 * @is_mapped: of one inode: the process maps it, and nobody outside has it at all; set
 *	on the first entry, when mappings are looked at
 * @files: of one inode: how many descriptions the table has, but for O_PATH
 * @same: the first entry of the same description; itself, if it is the first
 * @same_inode: the first entry of the same inode
 */
struct tern_entry {
	struct file *file;
	unsigned int member;
	int fd;
	const struct tern_entry *carrier;
	bool cloexec;
	bool is_ours;
	bool is_whole;
	bool is_written;
	bool is_shared;
	bool is_mapped;
	bool is_saved;
	u32 desc;
	u32 pipe;
	unsigned int files;
	struct tern_entry *same;
	struct tern_entry *same_inode;
};

/**
 * struct tern_table - the files of a process, and those of its tree
 * @all: entries of all processes, in their order; at last what is under way
 * @nr_tree: how many
 * @max: how many there is room for
 * @entries: of @all those of the process itself, in ascending order; behind the
 *	descriptors there are files that are mapped
 * @nr: how many descriptors it has
 * @nr_all: how many entries
 * @rights: of @all those that are under way, of all processes
 * @nr_rights: how many
 * @own: number of the process in @tree
 * @order: of @all those that may be shared, or have ends, by inode and description
 * @nr_order: how many
 * @tree: the processes; the caller holds it
 * @leader: whose it is
 * @files: its descriptor table, for comparison only
 * @flags: of the request
 * @any_mapped: some process maps what a descriptor need not lead to
 * @any_carried: it has a regular file that moves with it, if at all
 * @nr_carried: such files that have a number
 * @draft: the process runs
 * @connections: of a process that stands: receives the TCP connections that are saved
 * @unwritten: likewise: receives files whose data stays here for the moment
 */
struct tern_table {
	struct tern_entry *all;
	unsigned int nr_tree;
	unsigned int max;
	struct tern_entry *entries;
	unsigned int nr;
	unsigned int nr_all;
	struct tern_entry *rights;
	unsigned int nr_rights;
	unsigned int own;
	struct tern_entry **order;
	unsigned int nr_order;
	const struct tern_tree *tree;
	struct task_struct *leader;
	const void *files;
	u32 flags;
	bool any_mapped;
	bool any_carried;
	u32 nr_carried;
	bool draft;
	struct list_head *connections;
	struct list_head *unwritten;
};

/* Of a file that is mapped, and not of a descriptor. */
static inline bool tern_entry_is_mapping(const struct tern_entry *entry)
{
	return entry->fd < 0 && !entry->carrier;
}

int tern_table_init(struct tern_table *table, const struct tern_tree *tree,
		    struct task_struct *leader, struct mm_struct *mm, u32 flags, bool draft);
void tern_table_fini(struct tern_table *table);
bool tern_table_is_own(const struct tern_table *table, const struct tern_entry *entry);
bool tern_table_is_split(const struct tern_table *table, const struct tern_entry *entry);
unsigned int tern_table_references(struct tern_entry **entries, unsigned int nr);
unsigned int tern_table_slack(const struct tern_table *table);
unsigned int tern_table_inode(const struct tern_table *table, const struct inode *inode,
			      struct tern_entry ***entries);
struct file *tern_table_file(struct task_struct *leader, int fd);
struct tern_entry *tern_table_find(const struct tern_table *table, const struct inode *inode,
				   const struct file *file);

#endif /* TERN_TABLE_H */
