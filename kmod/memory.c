// SPDX-License-Identifier: GPL-2.0
/*
 * Pages of a parked or committed migrant, whose tasks may be gone. The
 * migration holds the address space; nothing in it changes any more.
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/sched/coredump.h>
#include <linux/sched/mm.h>
#include <linux/tern.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "fault.h"
#include "memory.h"
#include "migration.h"
#include "trace.h"

/*
 * FOLL_DUMP: a page that was never touched is an error and is not made;
 * FOLL_FORCE: read what the program itself may not. As a core dump does.
 */
static long get_pages(struct mm_struct *mm, unsigned long addr, long nr,
		      unsigned int flags, struct page **pages)
{
	long got;

	mmap_read_lock(mm);
	got = compat_get_user_pages_remote(mm, addr, nr, FOLL_FORCE | flags, pages);
	mmap_read_unlock(mm);
	return got;
}

/*
 * Nothing there: a page that was never touched, the end of a file, no mapping
 * at all; these read as zeros. A page that could not be read, from a file or
 * from swap, is none of these, and must never be taken for one: a page that
 * was never touched can be read when asked for in earnest.
 */
static bool is_hole(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma;
	bool anon = false, hole = true;
	struct page *page;
	loff_t pos;

	mmap_read_lock(mm);
	vma = find_vma(mm, addr);
	if (vma && vma->vm_start <= addr) {
		anon = vma_is_anonymous(vma);
		pos = ((loff_t)vma->vm_pgoff << PAGE_SHIFT) + (addr - vma->vm_start);
		if (!anon)
			hole = !vma->vm_file ||
			       pos >= i_size_read(file_inode(vma->vm_file));
	}
	mmap_read_unlock(mm);
	if (!anon)
		return hole;
	if (get_pages(mm, addr, 1, 0, &page) != 1)
		return false;
	put_page(page);
	return true;
}

static int copy_page_out(struct page *page, void __user *to)
{
	void *from = kmap_local_page(page);
	unsigned long left = copy_to_user(to, from, PAGE_SIZE);

	kunmap_local(from);
	put_page(page);
	return left ? -EFAULT : 0;
}

static int read_pages(struct mm_struct *mm, struct tern_read_pages *arg)
{
	struct page *pages[16];
	unsigned long addr;
	unsigned int i = 0;
	long got, n;
	int err = 0;

	arg->present = 0;
	while (i < arg->nr) {
		addr = arg->addr + i * PAGE_SIZE;
		got = get_pages(mm, addr, min_t(long, arg->nr - i, ARRAY_SIZE(pages)),
				FOLL_DUMP, pages);
		/* reaped for want of memory: what is gone would read as zeros */
		if (test_bit(MMF_UNSTABLE, &mm->flags)) {
			while (got > 0)
				put_page(pages[--got]);
			return -EIO;
		}
		if (got == -EFAULT || !got) {
			if (!is_hole(mm, addr))
				return -EIO;
			i++;
			continue;
		}
		if (got < 0)
			return got;
		for (n = 0; n < got; n++, i++) {
			if (err) {
				put_page(pages[n]);
				continue;
			}
			err = copy_page_out(pages[n], u64_to_user_ptr(arg->buf) +
					    i * PAGE_SIZE);
			arg->present |= BIT_ULL(i);
		}
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

/** tern_memory_read() - TERN_IOC_READ_PAGES */
int tern_memory_read(struct tern_migration *m, struct tern_read_pages *arg)
{
	struct mm_struct *mm = NULL;
	int err;

	if (!arg->nr || arg->nr > TERN_READ_MAX || arg->addr & ~PAGE_MASK ||
	    arg->addr >= TASK_SIZE_MAX)
		return -EINVAL;
	if (tern_fault(TERN_FAULT_READ_PAGES))
		return -EIO;
	/* not for the time of the copy: faults must not wait for the flush */
	mutex_lock(&m->lock);
	if (m->side == TERN_SOURCE && m->mm &&
	    (m->state == TERN_PARKED || m->state == TERN_DOUBT ||
	     m->state == TERN_COMMITTED)) {
		mm = m->mm;
		mmget(mm);
	}
	mutex_unlock(&m->lock);
	if (!mm)
		return -EBADFD;
	err = read_pages(mm, arg);
	mmput(mm);
	trace_tern_read_pages(m->id, arg->addr, arg->nr, arg->present);
	return err;
}
