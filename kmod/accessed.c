// SPDX-License-Identifier: GPL-2.0
/*
 * Which pages has the migrant used lately? The processor marks each page that it
 * looks up, in the page table. The marks were taken off while the migrant was
 * prepared (MADV_COLD), so those that are there now tell what it has used since.
 *
 * Page tables are looked at with mmap_lock held for reading, within mappings only,
 * and with interrupts off, as the lockless get_user_pages() does (mm/gup.c, "Fast
 * GUP"): then they are not freed. Nothing is changed, and no other lock is taken.
 */
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/tern.h>
#include <linux/uaccess.h>

#include "accessed.h"
#include "memory.h"
#include "migration.h"

/**
 * struct marks - what has been found
 * @range: adjacent pages, ascending
 * @nr: how many ranges
 * @room: how many fit
 */
struct marks {
	struct tern_accessed_range *range;
	unsigned int nr;
	unsigned int room;
};

/* False: no room. */
static bool mark(struct marks *marks, unsigned long start, unsigned long end)
{
	struct tern_accessed_range *last = marks->range + marks->nr - 1;

	if (marks->nr && last->end == start) {
		last->end = end;
		return true;
	}
	if (marks->nr == marks->room)
		return false;
	marks->range[marks->nr++] = (struct tern_accessed_range) { start, end };
	return true;
}

/* Each of these returns how far it has come: to @end, or to where room has ended. */
static unsigned long look_at_ptes(struct marks *marks, pmd_t pmd,
				  unsigned long addr, unsigned long end)
{
	pte_t *ptep = pte_offset_kernel(&pmd, addr);

	for (; addr < end; addr += PAGE_SIZE, ptep++) {
		pte_t pte = ptep_get(ptep);

		if (pte_present(pte) && pte_young(pte) &&
		    !mark(marks, addr, addr + PAGE_SIZE))
			break;
	}
	return addr;
}

static unsigned long look_at_pmd(struct marks *marks, pud_t *pud,
				 unsigned long addr, unsigned long end)
{
	pmd_t pmd = READ_ONCE(*pmd_offset(pud, addr));

	end = pmd_addr_end(addr, end);
	if (pmd_none(pmd) || !pmd_present(pmd))
		return end;
	if (!pmd_leaf(pmd))
		return look_at_ptes(marks, pmd, addr, end);
	return !pmd_young(pmd) || mark(marks, addr, end) ? end : addr;
}

/* One page table, or as much as has none. With interrupts off. */
static unsigned long look(struct marks *marks, struct mm_struct *mm,
			  unsigned long addr, unsigned long end)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;
	pud_t *pud, now;

	if (pgd_none(*pgd) || pgd_bad(*pgd))
		return pgd_addr_end(addr, end);
	p4d = p4d_offset(pgd, addr);
	if (p4d_none(*p4d) || p4d_bad(*p4d))
		return p4d_addr_end(addr, end);
	pud = pud_offset(p4d, addr);
	now = READ_ONCE(*pud);
	if (pud_none(now) || !pud_present(now) || pud_leaf(now))
		return pud_addr_end(addr, end);
	return look_at_pmd(marks, pud, addr, end);
}

/* All that is mapped by @vma, up to @end. */
static unsigned long look_at_vma(struct marks *marks, struct vm_area_struct *vma,
				 unsigned long addr, unsigned long end)
{
	unsigned long next;

	addr = max(addr, vma->vm_start);
	end = min(end, vma->vm_end);
	/* pages of a file that are the file's own are on both hosts */
	if (vma->vm_file && !vma->anon_vma)
		return end;
	while (addr < end) {
		local_irq_disable();
		next = look(marks, vma->vm_mm, addr, end);
		local_irq_enable();
		if (next == addr || marks->nr == marks->room)
			return next;
		addr = next;
		/* whoever wants to write keeps the migrant's faults waiting, too */
		if (mmap_lock_is_contended(vma->vm_mm))
			break;
		cond_resched();
	}
	return addr;
}

static unsigned long look_at_all(struct marks *marks, struct mm_struct *mm,
				 unsigned long addr, unsigned long end)
{
	struct vm_area_struct *vma;

	mmap_read_lock(mm);
	for (;;) {
		vma = find_vma(mm, addr);
		if (!vma || vma->vm_start >= end) {
			addr = end;
			break;
		}
		addr = look_at_vma(marks, vma, addr, end);
		if (addr < vma->vm_end || addr == end || fatal_signal_pending(current))
			break;
	}
	mmap_read_unlock(mm);
	return addr;
}

static int find(struct tern_migration *m, struct tern_accessed *arg,
		struct marks *marks)
{
	struct mm_struct *mm = tern_memory_look(m);

	if (!mm)
		return -EBADFD;
	arg->start = look_at_all(marks, mm, arg->start, arg->end);
	arg->nr = marks->nr;
	mmput(mm);
	if (copy_to_user(u64_to_user_ptr(arg->ranges), marks->range,
			 marks->nr * sizeof(marks->range[0])))
		return -EFAULT;
	return 0;
}

/**
 * tern_accessed() - TERN_IOC_ACCESSED
 * @m: at the source, from the request on until it is independent
 * @arg: where to look, and where to put what was found
 */
int tern_accessed(struct tern_migration *m, struct tern_accessed *arg)
{
	struct marks marks = { .room = arg->nr };
	int err;

	if (!arg->nr || arg->nr > TERN_ACCESSED_MAX || arg->start >= arg->end ||
	    (arg->start | arg->end) & ~PAGE_MASK || arg->end > TASK_SIZE_MAX)
		return -EINVAL;
	marks.range = kvmalloc_array(marks.room, sizeof(marks.range[0]), GFP_KERNEL);
	if (!marks.range)
		return -ENOMEM;
	err = find(m, arg, &marks);
	kvfree(marks.range);
	return err;
}
