// SPDX-License-Identifier: GPL-2.0
/*
 * The files of a process: its descriptor table, and what it has mapped of files that move
 * with it; and the descriptors of the other processes that move with it. They are copied
 * first, with a reference on each file; everything else happens without a lock.
 */
#include <linux/bitmap.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/unistd.h>

#include "arch/arch.h"
#include "compat.h"
#include "obj.h"
#include "rights.h"
#include "table.h"
#include "tree.h"

/* Of a table that may be far larger than what is open, so by its bits. */
static unsigned int table_count(struct files_struct *files)
{
	struct fdtable *fdt;
	unsigned int nr;

	spin_lock(&files->file_lock);
	fdt = files_fdtable(files);
	nr = bitmap_weight(fdt->open_fds, fdt->max_fds);
	spin_unlock(&files->file_lock);
	return nr;
}

static int table_fill(struct files_struct *files, unsigned int member,
		      struct tern_table *table)
{
	struct fdtable *fdt;
	unsigned int fd;
	int err = 0;

	spin_lock(&files->file_lock);
	fdt = files_fdtable(files);
	for_each_set_bit(fd, fdt->open_fds, fdt->max_fds) {
		struct file *file = rcu_dereference_check_fdtable(files, fdt->fd[fd]);
		struct tern_entry *entry = &table->all[table->nr_tree];

		/* a number that is taken already for what is being opened */
		if (!file)
			continue;
		if (table->nr_tree == table->max) {
			err = -EAGAIN;
			break;
		}
		entry->file = get_file(file);
		entry->member = member;
		entry->fd = fd;
		entry->cloexec = compat_close_on_exec(fd, files);
		table->nr_tree++;
	}
	spin_unlock(&files->file_lock);
	return err;
}

/** tern_table_fini() - let go of the files */
void tern_table_fini(struct tern_table *table)
{
	unsigned int i;

	for (i = 0; i < table->nr_tree; i++)
		fput(table->all[i].file);
	kvfree(table->order);
	kvfree(table->all);
}

/* Of what it has mapped that a descriptor need not lead to. */
static bool is_carried(struct vm_area_struct *vma, const struct tern_table *table)
{
	return tern_vma_is_carried(vma, table->flags, table->tree->nr > 1);
}

static unsigned int count_mapped(struct mm_struct *mm, const struct tern_table *table)
{
	VMA_ITERATOR(vmi, mm, 0);
	struct vm_area_struct *vma;
	unsigned int nr = 0;

	mmap_read_lock(mm);
	for_each_vma(vmi, vma)
		nr += is_carried(vma, table);
	mmap_read_unlock(mm);
	return nr;
}

static int fill_mapped(struct mm_struct *mm, unsigned int member, struct tern_table *table)
{
	VMA_ITERATOR(vmi, mm, 0);
	struct vm_area_struct *vma;
	int err = 0;

	mmap_read_lock(mm);
	for_each_vma(vmi, vma) {
		if (!is_carried(vma, table))
			continue;
		if (table->nr_tree == table->max) {
			err = -EAGAIN;
			break;
		}
		table->all[table->nr_tree++] = (struct tern_entry) {
			.file = get_file(vma->vm_file), .member = member, .fd = -1,
		};
	}
	mmap_read_unlock(mm);
	return err;
}

/* Of a process whose leader may be another thread by now (execve(2)). */
static bool is_own(struct task_struct *task, const struct tern_table *table)
{
	return same_thread_group(task, table->leader);
}

/* Its address space, referenced; NULL: it has none. @own is that of the table's process. */
static struct mm_struct *get_mm(struct task_struct *task, struct mm_struct *own,
				const struct tern_table *table)
{
	if (!is_own(task, table))
		return get_task_mm(task);
	mmget(own);
	return own;
}

/* Its descriptors. */
static int copy_files(unsigned int n, struct tern_table *table)
{
	struct task_struct *task = table->tree->task[n];
	int err = 0;

	task_lock(task);
	if (is_own(task, table))
		table->files = task->files;
	if (task->files)
		err = table_fill(task->files, n, table);
	task_unlock(task);
	return err;
}

/* Most have none; one that comes just now is seen when the process stands. */
static int copy_mapped(unsigned int n, struct mm_struct *own, struct tern_table *table)
{
	struct mm_struct *mm;
	int err;

	if (!table->any_mapped)
		return 0;
	mm = get_mm(table->tree->task[n], own, table);
	if (!mm)
		return 0;
	err = fill_mapped(mm, n, table);
	mmput(mm);
	return err;
}

/* Entries of process @n of the tree. */
static int copy_member(unsigned int n, struct mm_struct *mm, struct tern_table *table)
{
	bool own = is_own(table->tree->task[n], table);
	int err;

	if (own) {
		table->own = n;
		table->entries = table->all + table->nr_tree;
	}
	err = copy_files(n, table);
	if (own)
		table->nr = table->all + table->nr_tree - table->entries;
	if (!err)
		err = copy_mapped(n, mm, table);
	if (own)
		table->nr_all = table->all + table->nr_tree - table->entries;
	return err;
}

static unsigned int count_member(unsigned int n, struct mm_struct *own,
				 struct tern_table *table)
{
	struct task_struct *task = table->tree->task[n];
	struct mm_struct *mm = get_mm(task, own, table);
	unsigned int nr, mapped;

	task_lock(task);
	nr = task->files ? table_count(task->files) : 0;
	task_unlock(task);
	if (!mm)
		return nr;
	mapped = count_mapped(mm, table);
	mmput(mm);
	table->any_mapped |= mapped > 0;
	return nr + mapped;
}

/* How many entries there may be, and whether any is of a mapping. */
static unsigned int count_all(struct mm_struct *mm, struct tern_table *table)
{
	unsigned int i, nr = 16;

	for (i = 0; i < table->tree->nr; i++)
		nr += count_member(i, mm, table);
	return nr;
}

static int table_copy(struct mm_struct *mm, struct tern_table *table)
{
	const struct tern_table empty = *table;
	unsigned int i, room = 0;
	int err;

	do {
		*table = empty;
		table->max = count_all(mm, table) + room;
		table->all = kvcalloc(table->max, sizeof(*table->all), GFP_KERNEL);
		if (!table->all)
			return -ENOMEM;
		for (i = 0, err = 0; i < table->tree->nr && !err; i++)
			err = copy_member(i, mm, table);
		if (!err)
			err = tern_rights_collect(table, &room);
		if (err)
			tern_table_fini(table);
	} while (err == -EAGAIN);
	return err;
}

static int by_inode_and_file(const void *a, const void *b)
{
	const struct tern_entry *x = *(const struct tern_entry **)a;
	const struct tern_entry *y = *(const struct tern_entry **)b;

	if (file_inode(x->file) != file_inode(y->file))
		return file_inode(x->file) < file_inode(y->file) ? -1 : 1;
	return x->file < y->file ? -1 : x->file > y->file;
}

/* Of @nr entries, those of one description follow each other: who is the first? */
static void link_same(struct tern_entry **order, unsigned int nr, bool ours)
{
	struct tern_entry *first = order[0];
	unsigned int i;

	for (i = 1; i < nr; i++)
		first = min(first, order[i]);
	for (i = 0; i < nr; i++) {
		order[i]->same = first;
		order[i]->is_ours = ours;
	}
}

/**
 * tern_table_references() - how often an open file is referenced that nobody else has
 * @entries: all entries of it
 * @nr: how many
 *
 * Each holds our reference, and a descriptor one of its own, be it under way. Mappings come
 * on top.
 */
unsigned int tern_table_references(struct tern_entry **entries, unsigned int nr)
{
	unsigned int i, references = nr;

	for (i = 0; i < nr; i++)
		references += !tern_entry_is_mapping(entries[i]);
	return references;
}

/*
 * Who has what, of @nr entries sorted by inode and file. Nobody else has a
 * description when it is referenced no more often than the table says. While the
 * process runs there may be @slack more.
 */
static void mark_ours(struct tern_entry **order, unsigned int nr, unsigned int slack)
{
	unsigned int i, j, k;

	for (i = 0; i < nr; i = j) {
		struct inode *inode = file_inode(order[i]->file);
		struct tern_entry *first = order[i];
		unsigned int files = 0;
		bool whole = true, written = false, shared = false;

		for (j = i; j < nr && file_inode(order[j]->file) == inode; j = k) {
			bool ours;

			for (k = j; k < nr && order[k]->file == order[j]->file; k++)
				;
			ours = file_count(order[j]->file) <=
			       tern_table_references(order + j, k - j) + slack;
			link_same(order + j, k - j, ours);
			first = min(first, order[j]->same);
			whole &= ours;
			files += !(order[j]->file->f_mode & FMODE_PATH);
			written |= !!(order[j]->file->f_mode & FMODE_WRITE);
		}
		for (k = i; k < j; k++)
			shared |= !tern_entry_is_mapping(order[k]) ||
				  order[k]->member != first->member;
		for (k = i; k < j; k++) {
			order[k]->is_whole = whole;
			order[k]->files = files;
			order[k]->same_inode = first;
		}
		first->is_written = written;
		first->is_shared = shared;
		cond_resched();
	}
}

/* Does it matter who has the other descriptions of the inode? */
static bool needs_whole(const struct tern_table *table, const struct file *file)
{
	umode_t mode = file_inode(file)->i_mode;

	return S_ISFIFO(mode) || S_ISSOCK(mode) || tern_is_nameless(file) ||
	       (table->flags & TERN_WITH_FILES && S_ISREG(mode));
}

/* Wait in a call that has a reference to each file that it waits for (fs/select.c)? */
static bool polls(struct task_struct *task)
{
	switch (tern_arch_call_of(task)) {
	case __NR_poll:
	case __NR_ppoll:
	case __NR_select:
	case __NR_pselect6:
	/* any of these, perhaps, that has been interrupted by a stop */
	case __NR_restart_syscall:
		return true;
	default:
		return false;
	}
}

static unsigned int slack_of(struct task_struct *leader)
{
	unsigned int threads = get_nr_threads(leader);

	return threads > 1 ? threads + 1 : polls(leader) ? 2 : 0;
}

/**
 * tern_table_slack() - how much more often a file may be referenced than the table says
 * @table: the table
 *
 * While the process runs, each of its threads may hold another reference for a call. One
 * that is alone needs none, but for what it polls; twice, perhaps, for either direction.
 * So may the threads of the other processes.
 */
unsigned int tern_table_slack(const struct tern_table *table)
{
	unsigned int i, slack = 0;

	if (!table->draft)
		return 0;
	for (i = 0; i < table->tree->nr; i++)
		slack += slack_of(table->tree->task[i]);
	return slack;
}

/*
 * What is referenced by its one entry and by us alone is not shared, and that is
 * most of what there is.
 */
static int find_ours(struct tern_table *table)
{
	unsigned int i, nr = 0, before = tern_table_slack(table), after;
	struct tern_entry **order;

	order = kvmalloc_array(table->nr_tree + 1, sizeof(*order), GFP_KERNEL);
	if (!order)
		return -ENOMEM;
	table->order = order;
	for (i = 0; i < table->nr_tree; i++) {
		struct tern_entry *entry = &table->all[i];

		entry->same = entry;
		entry->same_inode = entry;
		entry->is_ours = true;
		if (file_count(entry->file) > 2 || needs_whole(table, entry->file))
			order[nr++] = entry;
	}
	sort(order, nr, sizeof(*order), by_inode_and_file, NULL);
	mark_ours(order, nr, before);
	/* it may have begun to poll since */
	after = tern_table_slack(table);
	if (after > before)
		mark_ours(order, nr, after);
	table->nr_order = nr;
	for (i = 0; i < nr && !table->any_carried; i++)
		table->any_carried = tern_is_carried(table, order[i]);
	return 0;
}

/**
 * tern_table_init() - the files of a process
 * @table: to be filled
 * @tree: the processes that move together
 * @leader: one of them, whose files are wanted
 * @mm: its address space, mmap_lock not held
 * @flags: TERN_WITH_FILES: its local files move with it
 * @draft: they run
 *
 * Return: 0 or -ENOMEM.
 */
int tern_table_init(struct tern_table *table, const struct tern_tree *tree,
		    struct task_struct *leader, struct mm_struct *mm, u32 flags, bool draft)
{
	int err;

	*table = (struct tern_table) {
		.tree = tree, .leader = leader, .flags = flags, .draft = draft,
	};
	err = table_copy(mm, table);
	if (err)
		return err;
	err = find_ours(table);
	if (err)
		tern_table_fini(table);
	return err;
}

/** tern_table_is_own() - is an entry that of the process itself? */
bool tern_table_is_own(const struct tern_table *table, const struct tern_entry *entry)
{
	return (entry >= table->entries && entry < table->entries + table->nr_all) ||
	       tern_rights_are_own(table, entry);
}

/**
 * tern_table_is_split() - has another process of the tree opened the inode by itself?
 * @table: the table
 * @entry: of a description that is made in this process
 */
bool tern_table_is_split(const struct tern_table *table, const struct tern_entry *entry)
{
	struct tern_entry **entries;
	unsigned int i, nr;

	if (table->tree->nr == 1)
		return false;
	nr = tern_table_inode(table, file_inode(entry->file), &entries);
	for (i = 0; i < nr; i++)
		if (!tern_entry_is_mapping(entries[i]) &&
		    !tern_table_is_own(table, entries[i]->same))
			return true;
	return false;
}

/**
 * tern_table_inode() - all entries of an inode of which it matters who has it
 * @table: the table
 * @inode: the inode
 * @entries: out: the first of them, those of one description together
 *
 * Return: how many.
 */
unsigned int tern_table_inode(const struct tern_table *table, const struct inode *inode,
			      struct tern_entry ***entries)
{
	unsigned int lo = 0, hi = table->nr_order, nr = 0;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;

		if (file_inode(table->order[mid]->file) < inode)
			lo = mid + 1;
		else
			hi = mid;
	}
	*entries = table->order + lo;
	while (lo + nr < table->nr_order && file_inode((*entries)[nr]->file) == inode)
		nr++;
	return nr;
}

/**
 * tern_table_find() - the first entry of a description that has other ends
 * @table: the table
 * @inode: its inode; not looked at
 * @file: the description; not looked at
 *
 * Return: NULL if the process does not have it.
 */
struct tern_entry *tern_table_find(const struct tern_table *table, const struct inode *inode,
				   const struct file *file)
{
	unsigned int lo = 0, hi = table->nr_order;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;
		const struct file *at = table->order[mid]->file;

		if (at == file)
			return table->order[mid]->same;
		if (file_inode(at) < inode || (file_inode(at) == inode && at < file))
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/**
 * tern_table_file() - what is open at a descriptor of another process
 * @leader: the process, which stands
 * @fd: the descriptor
 *
 * Return: with a reference; NULL: there is nothing.
 */
struct file *tern_table_file(struct task_struct *leader, int fd)
{
	struct file *file = NULL;
	struct fdtable *fdt;

	task_lock(leader);
	if (leader->files) {
		spin_lock(&leader->files->file_lock);
		fdt = files_fdtable(leader->files);
		if (fd < fdt->max_fds)
			file = rcu_dereference_check_fdtable(leader->files, fdt->fd[fd]);
		if (file)
			get_file(file);
		spin_unlock(&leader->files->file_lock);
	}
	task_unlock(leader);
	return file;
}
