// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings. Private memory moves; of a file mapping that was never modified the
 * destination may use its own copy of the file; the vDSO and its data are the
 * kernel's own and only keep their place. Runs under mmap_lock.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pkeys.h>
#include <linux/sched/mm.h>
#include <linux/userfaultfd_k.h>

#include "desc.h"
#include "name.h"
#include "obj.h"
#include "pod.h"
#include "tree.h"

static const char *special_name(struct vm_area_struct *vma)
{
	return vma->vm_ops && vma->vm_ops->name ? vma->vm_ops->name(vma) : NULL;
}

static u32 special_kind(struct vm_area_struct *vma)
{
	const char *name = special_name(vma);

	if (!name)
		return 0;
	if (!strcmp(name, "[vdso]"))
		return TERN_VMA_VDSO;
	if (!strcmp(name, "[vvar]"))
		return TERN_VMA_VVAR;
	return 0;
}

/* A regular file that still has its name: another host can find it by path. */
static bool has_path(struct vm_area_struct *vma)
{
	struct file *file = vma->vm_file;

	return file && S_ISREG(file_inode(file)->i_mode) &&
	       tern_path_has_name(&file->f_path);
}

/* May a file be written to by it that only this host sees? */
static bool writes_local(struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_MAYSHARE && vma->vm_flags & VM_MAYWRITE && has_path(vma) &&
	       !tern_is_network(file_inode(vma->vm_file)->i_sb);
}

static bool is_sysv(struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_MAYSHARE && vma->vm_file && tern_is_sysv(vma->vm_file);
}

/**
 * tern_vma_is_carried() - is it of a file that moves with the process, if at all, whether
 *	or not a descriptor leads to it?
 * @vma: the mapping
 * @flags: TERN_WITH_FILES
 * @tree: other processes move with it, which may have the same memory
 */
bool tern_vma_is_carried(struct vm_area_struct *vma, u32 flags, bool tree)
{
	return is_sysv(vma) || (flags & TERN_WITH_FILES && writes_local(vma)) ||
	       (tree && tern_vma_is_shared_memory(vma));
}

static bool is_whole(struct vm_area_struct *vma)
{
	return !vma->vm_pgoff &&
	       vma_pages(vma) == DIV_ROUND_UP(i_size_read(file_inode(vma->vm_file)), PAGE_SIZE);
}

/*
 * What is open, too, is judged by its descriptors, and what moves with another process
 * there; the entry of what is not, NULL: none.
 */
static const struct tern_entry *only_mapped(struct vm_area_struct *vma,
					    const struct tern_table *table,
					    const struct tern_shared_map *map)
{
	const struct tern_entry *entry;

	if (!map->open || !tern_table_is_own(table, map->open))
		return NULL;
	entry = tern_table_find(table, map->inode, vma->vm_file);
	return entry && tern_entry_is_mapping(entry) ? entry : NULL;
}

/*
 * mmap(2) with MAP_HUGETLB, but no file that somebody else may have; it goes on in pages of
 * the usual size, which the kernel may put together (MADV_HUGEPAGE).
 */
static bool is_private_huge(const struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_HUGETLB && !(vma->vm_flags & VM_MAYSHARE) &&
	       tern_is_anon(vma->vm_file);
}

/* What would have to be said against @vma, or NULL. */
static const char *objection(struct vm_area_struct *vma, const struct tern_table *table,
			     const struct tern_shared *shared)
{
	const struct tern_shared_map *map = tern_shared_at(shared, vma->vm_start);
	vm_flags_t flags = vma->vm_flags;

	if (special_kind(vma))
		return NULL;
	/* a host without huge pages cannot even have such a file */
	if (flags & VM_HUGETLB && flags & VM_MAYSHARE && flags & VM_MAYWRITE && has_path(vma))
		return "huge pages of a file that has a name: delete it, and they can move";
	if (flags & (VM_IO | VM_PFNMAP | VM_MIXEDMAP))
		return "device or kernel memory";
	if (flags & (VM_UFFD_MISSING | VM_UFFD_WP | VM_UFFD_MINOR))
		return "memory watched by a userfaultfd";
#ifdef VM_SEALED
	if (flags & VM_SEALED)
		return "sealed memory (mseal)";
#endif
	/* the kernel keeps the key for these to itself (arch/x86/mm/pkeys.c) */
	if (vma_pkey(vma) && !(flags & (VM_READ | VM_WRITE)))
		return "memory that may not be read, by a protection key";
	if (!(flags & VM_MAYSHARE))
		return NULL;
	if (map) {
		const struct tern_entry *entry = only_mapped(vma, table, map);
		const char *what = map->objection;

		if (!what && entry && (has_path(vma) || is_sysv(vma)))
			tern_carried_named(table, entry, &what);
		else if (!what && entry)
			tern_carried_kind(table, entry, &what);
		if (!what && is_sysv(vma) && !is_whole(vma))
			what = "a part of a System V segment";
		return what;
	}
	if (!has_path(vma))
		return "shared memory";
	/* shared for reading only, as glibc maps its caches: private in effect */
	if (writes_local(vma))
		return "a shared mapping of a local file; share it, or use --with-files";
	return NULL;
}

/**
 * tern_obj_vma_check() - name every mapping that cannot move
 * @mm: the address space
 * @table: of the process, learns what is mapped
 * @reasons: where to
 */
int tern_obj_vma_check(struct mm_struct *mm, const struct tern_table *table,
		       struct tern_reasons *reasons)
{
	VMA_ITERATOR(vmi, mm, 0);
	struct vm_area_struct *vma;
	struct tern_shared shared;
	int err;

	mmap_read_lock(mm);
	err = tern_shared_find(mm, table, &shared);
	if (err)
		goto out;
	for_each_vma(vmi, vma) {
		const char *what = objection(vma, table, &shared);

		if (what && vma->vm_file)
			tern_reasons_add(reasons, "mapping %lx-%lx is %s: %pD4",
					 vma->vm_start, vma->vm_end, what,
					 vma->vm_file);
		else if (what)
			tern_reasons_add(reasons, "mapping %lx-%lx is %s",
					 vma->vm_start, vma->vm_end, what);
	}
	tern_shared_fini(&shared);
out:
	mmap_read_unlock(mm);
	return err;
}

static u32 flags_of(const struct vm_area_struct *vma)
{
	const vm_flags_t vm = vma->vm_flags;

	return (vm & VM_GROWSDOWN ? TERN_VMA_GROWSDOWN : 0) |
	       (vm & VM_NORESERVE ? TERN_VMA_NORESERVE : 0) |
	       (vm & VM_MAYSHARE ? TERN_VMA_SHARED : 0) |
	       (vm & VM_MAYSHARE && vm & VM_MAYWRITE ? TERN_VMA_MAYWRITE : 0) |
	       (vm & VM_DONTCOPY ? TERN_VMA_DONTFORK : 0) |
	       (vm & VM_WIPEONFORK ? TERN_VMA_WIPEONFORK : 0) |
	       (vm & VM_DONTDUMP ? TERN_VMA_DONTDUMP : 0) |
	       (vm & (VM_HUGEPAGE | VM_HUGETLB) ? TERN_VMA_HUGEPAGE : 0) |
	       (vm & VM_NOHUGEPAGE ? TERN_VMA_NOHUGEPAGE : 0) |
	       (vm & VM_MERGEABLE ? TERN_VMA_MERGEABLE : 0) |
	       (vm & VM_SEQ_READ ? TERN_VMA_SEQUENTIAL : 0) |
	       (vm & VM_RAND_READ ? TERN_VMA_RANDOM : 0) |
	       (vm & VM_LOCKED ? TERN_VMA_LOCKED : 0) |
	       (vm & VM_LOCKONFAULT ? TERN_VMA_LOCK_ONFAULT : 0);
}

static void save_file(struct vm_area_struct *vma, struct tern_obj_vma *obj)
{
	struct inode *inode = file_inode(vma->vm_file);

	obj->pgoff = vma->vm_pgoff;
	obj->dev = new_encode_dev(inode->i_sb->s_dev);
	obj->ino = inode->i_ino;
	obj->size = i_size_read(inode);
}

static int save_one(struct vm_area_struct *vma, const struct tern_shared_map *map,
		    struct tern_table *table, struct tern_image *image, struct tern_name *name)
{
	struct tern_obj_vma obj = {
		.start = vma->vm_start,
		.end = vma->vm_end,
		.prot = (vma->vm_flags & VM_READ ? PROT_READ : 0) |
			(vma->vm_flags & VM_WRITE ? PROT_WRITE : 0) |
			(vma->vm_flags & VM_EXEC ? PROT_EXEC : 0),
		.flags = flags_of(vma),
		.pkey = vma_pkey(vma),
	};
	const struct tern_entry *entry;
	char *path = NULL;
	int err;

	obj.kind = special_kind(vma);
	if (obj.kind) {
		obj.flags = 0;
	} else if (vma_is_anonymous(vma) || is_private_huge(vma)) {
		obj.kind = TERN_VMA_ANON;
	} else {
		save_file(vma, &obj);
		if (map && map->open && vma->vm_flags & VM_MAYSHARE &&
		    !tern_table_is_own(table, map->open)) {
			obj.kind = TERN_VMA_TAKEN;
			obj.memory = tern_pid_of(table->tree->task[map->open->member]);
			obj.flags |= is_sysv(vma) ? TERN_VMA_SYSV : 0;
			goto put;
		}
		if (map && map->open && vma->vm_flags & VM_MAYSHARE) {
			err = tern_carried_save(table, map->open, name, image);
			if (err)
				return err;
			entry = only_mapped(vma, table, map);
			if (entry)
				obj.flags |= tern_lock_of_mapping(table, entry);
			obj.flags |= is_sysv(vma) ? TERN_VMA_SYSV : 0;
			obj.kind = TERN_VMA_CARRIED;
			obj.memory = map->open->pipe;
			goto put;
		}
		if (map && map->id) {
			obj.kind = TERN_VMA_MEMORY;
			obj.memory = map->id;
			if (map->first)
				tern_shared_save(map, image);
			goto put;
		}
		/* without an anon_vma no page was ever copied on write */
		if (has_path(vma) && !vma->anon_vma && !tern_is_huge(vma->vm_file)) {
			obj.kind = TERN_VMA_FILE;
			path = tern_name_of(name, &vma->vm_file->f_path);
			if (IS_ERR(path))
				return PTR_ERR(path);
			obj.path = strlen(path) + 1;
		} else {
			obj.kind = TERN_VMA_ANON;
			obj.flags |= TERN_VMA_BACKED;
			obj.flags &= ~(TERN_VMA_SHARED | TERN_VMA_MAYWRITE);
		}
	}
put:
	tern_image_put(image, TERN_OBJ_VMA, &obj, sizeof(obj), path, obj.path);
	return 0;
}

/*
 * Of a file that may be written to by it, or has been by a descriptor, for the destination to see?
 * Its pages cannot wait for that there.
 */
static bool is_written(struct vm_area_struct *vma)
{
	return has_path(vma) && tern_is_network(file_inode(vma->vm_file)->i_sb) &&
	       ((vma->vm_flags & VM_SHARED && vma->vm_flags & VM_MAYWRITE) ||
		tern_file_is_unwritten(vma->vm_file));
}

/* The next file from *@addr on that may have been written to by its mapping, referenced. */
static struct file *next_written(struct mm_struct *mm, unsigned long *addr)
{
	VMA_ITERATOR(vmi, mm, *addr);
	struct vm_area_struct *vma;
	struct file *file = NULL;

	mmap_read_lock(mm);
	for_each_vma(vmi, vma) {
		*addr = vma->vm_end;
		if (is_written(vma)) {
			file = get_file(vma->vm_file);
			break;
		}
	}
	mmap_read_unlock(mm);
	return file;
}

/* To write may take long and take locks: outside of mmap_lock; nothing runs that maps. */
static int write_back(struct mm_struct *mm)
{
	unsigned long addr = 0;
	struct file *file;
	int err = 0;

	while (!err && (file = next_written(mm, &addr))) {
		err = tern_file_write_back(file);
		fput(file);
	}
	return err;
}

/**
 * tern_obj_vma_save() - every mapping, in order
 * @mm: the address space
 * @table: of the process, learns what is mapped; of one that runs: what it writes to
 *	files is of no interest yet
 * @image: where to
 */
int tern_obj_vma_save(struct mm_struct *mm, struct tern_table *table, struct tern_image *image)
{
	VMA_ITERATOR(vmi, mm, 0);
	struct vm_area_struct *vma;
	struct tern_shared shared = {};
	bool any_written = false, looked = false;
	struct tern_name name = { .page = image->page };
	int err = 0;

	mmap_read_lock(mm);
	for_each_vma(vmi, vma) {
		/* most processes have none, and are spared the look */
		if (!looked && (table->any_carried || tern_vma_is_shared_memory(vma))) {
			looked = true;
			err = tern_shared_find(mm, table, &shared);
			if (err)
				break;
		}
		any_written |= is_written(vma);
		err = objection(vma, table, &shared) ? -EOPNOTSUPP :
		      save_one(vma, tern_shared_at(&shared, vma->vm_start), table, image,
			       &name);
		if (err)
			break;
	}
	tern_shared_fini(&shared);
	mmap_read_unlock(mm);
	return err || table->draft || !any_written ? err : write_back(mm);
}
