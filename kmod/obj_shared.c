// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that is shared by mappings and has no name that another host could find
 * it by: MAP_SHARED | MAP_ANONYMOUS, memfd_create(2), deleted files of tmpfs; in pages
 * of whatever size, so deleted files of hugetlbfs, too. It moves when nobody but the
 * process has it, and lazily, like private memory: then a missing page is noticed
 * wherever it is missed. By a descriptor it could be read without anybody noticing, so
 * with one it is a file that moves (obj_carried.c), of whatever file system, with a name
 * or without. So are System V segments, which have an id, and, with TERN_WITH_FILES,
 * local files.
 *
 * Runs under mmap_lock; a table of what was found holds references to nothing and
 * is of no use without it.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "obj.h"
#include "table.h"

/*
 * What @vma maps, if it is a file that moves: the first entry of the table, which may be
 * another process's; else NULL.
 */
static struct tern_entry *find_open(const struct vm_area_struct *vma,
				    const struct tern_table *table)
{
	struct tern_entry **entries, *first;

	if (!table->any_carried || !vma->vm_file ||
	    !tern_table_inode(table, file_inode(vma->vm_file), &entries))
		return NULL;
	first = entries[0]->same_inode;
	return tern_is_carried(table, first) ? first : NULL;
}

bool tern_vma_is_shared_memory(const struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_MAYSHARE && vma->vm_file &&
	       tern_is_memory(file_inode(vma->vm_file)->i_sb) &&
	       !tern_path_has_name(&vma->vm_file->f_path);
}

static int by_place(const void *a, const void *b)
{
	const struct tern_shared_map *x = a, *y = b;

	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	if (x->pgoff != y->pgoff)
		return x->pgoff < y->pgoff ? -1 : 1;
	return x->start < y->start ? -1 : x->start > y->start;
}

static int by_file(const void *a, const void *b)
{
	const struct tern_shared_map *x = a, *y = b;

	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	return x->file < y->file ? -1 : x->file > y->file;
}

static int by_address(const void *a, const void *b)
{
	const struct tern_shared_map *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static void object_all(struct tern_shared_map *map, unsigned int nr, const char *objection)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		map[i].objection = objection;
}

/* How many of @nr mappings are of @file? */
static unsigned int count_file(const struct tern_shared_map *map, unsigned int nr,
			       const struct file *file)
{
	unsigned int i, count = 0;

	for (i = 0; i < nr; i++)
		count += map[i].file == file;
	return count;
}

/* How many of @nr entries are mappings of other processes of the tree? */
static unsigned int count_theirs(struct tern_entry **entries, unsigned int nr,
				 const struct tern_table *table)
{
	unsigned int i, count = 0;

	for (i = 0; i < nr; i++)
		count += tern_entry_is_mapping(entries[i]) && !tern_table_is_own(table, entries[i]);
	return count;
}

/*
 * Somebody has it who is neither among @nr mappings of it nor in the table. Each mapping
 * holds a reference to its open file, as does what is in the table; each open file holds
 * one to the name. While the process runs, each of its threads may hold
 * one more for a call (msync(2)).
 */
static bool is_elsewhere(const struct tern_shared_map *map, unsigned int nr,
			 const struct tern_table *table)
{
	unsigned int threads = table->draft ? get_nr_threads(table->leader) : 0;
	/* one alone would have to be in such a call right now: rather try again */
	unsigned int slack = threads > 1 ? threads : 0, i, j, files = 0, nr_entries;
	struct tern_entry **entries;

	nr_entries = tern_table_inode(table, map->inode, &entries);
	if (nr_entries)
		slack = max(slack, tern_table_slack(table));
	for (i = 0; i < nr_entries; i = j) {
		const struct file *file = entries[i]->file;

		for (j = i; j < nr_entries && entries[j]->file == file; j++)
			;
		if (file_count(file) > tern_table_references(entries + i, j - i) +
				       count_theirs(entries + i, j - i, table) +
				       count_file(map, nr, file) + slack)
			return true;
		files++;
	}
	for (i = 0; i < nr; i = j) {
		for (j = i; j < nr && map[j].file == map[i].file; j++)
			;
		if (tern_table_find(table, map->inode, map[i].file))
			continue;
		if (file_count(map[i].file) > j - i + slack)
			return true;
		files++;
	}
	/* a segment has one that all others are made from */
	return tern_inode_references(map->inode) != files + tern_is_sysv(map->file);
}

/* @nr mappings of one memory, by open file. */
static void judge_owners(struct tern_shared_map *map, unsigned int nr,
			 const struct tern_table *table)
{
	if (is_elsewhere(map, nr, table))
		object_all(map, nr, map->inode->i_nlink ?
			   "a local file that others have open, too" :
			   "shared memory that another process has, too");
	else if (map->open)
		map->open->is_mapped = true;
}

/* @nr mappings of one memory, by place in it. A file that moves is there as a whole. */
static void judge_views(struct tern_shared_map *map, unsigned int nr,
			const struct tern_table *table)
{
	unsigned int i, writable = 0;

	if (map->open)
		return;
	for (i = 0; i < nr; i++)
		writable += map[i].writable;
	for (i = 0; i < nr; i++) {
		if (i && map[i].pgoff < map[i - 1].pgoff + map[i - 1].nr && writable)
			map[i].objection = "a second view of shared memory";
		else if (writable && !map[i].writable)
			map[i].objection = "a view of shared memory for reading only";
		/* nobody can change it any more: private in effect */
		map[i].private = !writable;
	}
}

static void judge(struct tern_shared *shared, const struct tern_table *table,
		  void (*one)(struct tern_shared_map *map, unsigned int nr,
			      const struct tern_table *table))
{
	unsigned int i, j;

	for (i = 0; i < shared->nr; i = j) {
		for (j = i; j < shared->nr && shared->map[j].inode == shared->map[i].inode; j++)
			;
		one(shared->map + i, j - i, table);
	}
}

/* From 1, in the order of what was found; private ones have none. */
static void number(struct tern_shared *shared)
{
	struct inode *last = NULL;
	unsigned int i;

	for (i = 0; i < shared->nr; i++) {
		struct tern_shared_map *map = &shared->map[i];

		if (map->private || map->open)
			continue;
		map->first = map->inode != last;
		shared->nr_memories += map->first;
		map->id = shared->nr_memories;
		last = map->inode;
	}
}

static unsigned int count(struct mm_struct *mm, const struct tern_table *table)
{
	VMA_ITERATOR(vmi, mm, 0);
	struct vm_area_struct *vma;
	unsigned int nr = 0;

	for_each_vma(vmi, vma)
		nr += tern_vma_is_shared_memory(vma) || find_open(vma, table);
	return nr;
}

static void fill(struct mm_struct *mm, const struct tern_table *table,
		 struct tern_shared *shared)
{
	VMA_ITERATOR(vmi, mm, 0);
	struct vm_area_struct *vma;

	for_each_vma(vmi, vma) {
		struct tern_entry *open = find_open(vma, table);

		if (open || tern_vma_is_shared_memory(vma))
			shared->map[shared->nr++] = (struct tern_shared_map) {
				.start = vma->vm_start,
				.pgoff = vma->vm_pgoff,
				.nr = vma_pages(vma),
				.inode = file_inode(vma->vm_file),
				.file = vma->vm_file,
				.writable = vma->vm_flags & VM_MAYWRITE,
				.open = open,
			};
	}
}

/**
 * tern_shared_find() - all shared memory without a name
 * @mm: its mmap_lock is held until tern_shared_fini()
 * @table: descriptors of the process; the first one of what is mapped, too, learns so
 * @shared: filled, mappings in ascending order
 *
 * Private mappings of what is open, too, are among them: they have it, as well.
 *
 * Return: 0 or -ENOMEM.
 */
int tern_shared_find(struct mm_struct *mm, const struct tern_table *table,
		     struct tern_shared *shared)
{
	unsigned int nr = count(mm, table);

	*shared = (struct tern_shared) {};
	if (!nr)
		return 0;
	shared->map = kvcalloc(nr, sizeof(*shared->map), GFP_KERNEL);
	if (!shared->map)
		return -ENOMEM;
	fill(mm, table, shared);
	sort(shared->map, nr, sizeof(*shared->map), by_place, NULL);
	judge(shared, table, judge_views);
	number(shared);
	sort(shared->map, nr, sizeof(*shared->map), by_file, NULL);
	judge(shared, table, judge_owners);
	sort(shared->map, nr, sizeof(*shared->map), by_address, NULL);
	return 0;
}

/** tern_shared_fini() - the table is not needed any more */
void tern_shared_fini(struct tern_shared *shared)
{
	kvfree(shared->map);
}

/** tern_shared_at() - the entry of the mapping at @start, NULL: it is none of these */
const struct tern_shared_map *tern_shared_at(const struct tern_shared *shared,
					     unsigned long start)
{
	unsigned int low = 0, high = shared->nr;

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (shared->map[mid].start < start)
			low = mid + 1;
		else
			high = mid;
	}
	return low < shared->nr && shared->map[low].start == start ? &shared->map[low] : NULL;
}

/** tern_shared_save() - MEMORY, of which @map is the first mapping */
void tern_shared_save(const struct tern_shared_map *map, struct tern_image *image)
{
	struct tern_obj_memory obj = {
		.id = map->id,
		.kind = tern_is_anon(map->file) ? TERN_MEMORY_ANON : TERN_MEMORY_MEMFD,
		.size = i_size_read(map->inode),
	};
	const char *name = obj.kind == TERN_MEMORY_ANON ? "" : tern_memory_name(map->file);

	obj.name = strlen(name) + 1;
	tern_image_put(image, TERN_OBJ_MEMORY, &obj, sizeof(obj), name, obj.name);
}
