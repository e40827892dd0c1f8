// SPDX-License-Identifier: GPL-2.0
/*
 * Where may the migrant have pages? Allocators, garbage collectors and sanitizers map
 * far more than they ever use. A read of /proc/PID/pagemap costs as much for what is
 * empty as for what is not; here whole page tables are passed over that do not exist.
 *
 * Looked at are the upper levels only, down to 1 GiB, with mmap_lock held for reading
 * and within mappings: there such tables are made, but neither taken away nor emptied
 * for a moment, as entries of the lower levels are when pages are moved or swapped.
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/tern.h>

#include "memory.h"
#include "migration.h"
#include "next_pages.h"

/* True: @next is the end of what has a page table; false: of what has none. */
static bool has_table(struct mm_struct *mm, unsigned long addr, unsigned long *next)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;

	*next = pgd_addr_end(addr, TASK_SIZE_MAX);
	if (pgd_none(*pgd))
		return false;
	p4d = p4d_offset(pgd, addr);
	*next = p4d_addr_end(addr, TASK_SIZE_MAX);
	if (p4d_none(*p4d))
		return false;
	*next = pud_addr_end(addr, TASK_SIZE_MAX);
	return !pud_none(*pud_offset(p4d, addr));
}

/* False: nothing of @vma from @arg->start on has page tables. */
static bool find_in(struct vm_area_struct *vma, struct tern_next_pages *arg)
{
	unsigned long addr = max_t(unsigned long, arg->start, vma->vm_start), next;

	for (; addr < vma->vm_end; addr = next) {
		/* these share tables with other processes, and may lose them at any time */
		if (is_vm_hugetlb_page(vma) || has_table(vma->vm_mm, addr, &next)) {
			arg->start = addr;
			arg->end = pud_addr_end(addr, TASK_SIZE_MAX);
			return true;
		}
		cond_resched();
	}
	return false;
}

static int find(struct mm_struct *mm, struct tern_next_pages *arg)
{
	struct vm_area_struct *vma;
	int err = -ENXIO;

	mmap_read_lock(mm);
	for (vma = find_vma(mm, arg->start); vma && err; vma = find_vma(mm, vma->vm_end))
		if (find_in(vma, arg))
			err = 0;
	mmap_read_unlock(mm);
	return err;
}

/**
 * tern_next_pages() - TERN_IOC_NEXT_PAGES
 * @m: at the source, from the request on until it is independent
 * @arg: where to look, and what was found
 */
int tern_next_pages(struct tern_migration *m, struct tern_next_pages *arg)
{
	struct mm_struct *mm;
	int err;

	/* the end of the last area is no mistake */
	if (arg->pad || arg->start & ~PAGE_MASK || arg->start > TASK_SIZE_MAX)
		return -EINVAL;
	mm = tern_memory_look(m);
	if (!mm)
		return -EBADFD;
	err = find(mm, arg);
	mmput(mm);
	return err;
}
