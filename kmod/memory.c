// SPDX-License-Identifier: GPL-2.0
/*
 * Pages of a parked or committed migrant, whose tasks may be gone. The
 * migration holds the address space; nothing in it changes any more.
 */
#include <linux/highmem.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/pipe_fs_i.h>
#include <linux/sched/coredump.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/splice.h>
#include <linux/string.h>
#include <linux/tern.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "fault.h"
#include "memory.h"
#include "migration.h"
#include "obj.h"
#include "trace.h"

#define GROUP	16	/* pages that are looked up at once */

/*
 * FOLL_DUMP: a page that was never touched is an error and is not made;
 * FOLL_FORCE: read what the program itself may not. As a core dump does. With
 * mmap_lock held, as for all that get_present() asks. FOLL_HWPOISON: a page that is
 * broken is another error.
 */
static long get_pages(struct mm_struct *mm, unsigned long addr, long nr,
		      unsigned int flags, struct page **pages)
{
	long got;

	mmap_assert_locked(mm);
	got = compat_get_user_pages_remote(mm, addr, nr, FOLL_FORCE | FOLL_HWPOISON | flags, pages);
	return got == -EHWPOISON ? -EIO : got;
}

static bool is_zero(struct page *page)
{
	void *from = kmap_local_page(page);
	bool zero = !memchr_inv(from, 0, PAGE_SIZE);

	kunmap_local(from);
	return zero;
}

/*
 * Nothing there? 0: a page that was never touched, the end of a file, no mapping
 * at all; these read as zeros. A page that could not be read, from a file or
 * from swap, is none of these, and must never be taken for one: a page that
 * was never touched can be read when asked for in earnest. 1: this brings *@page to
 * light after all; a huge page on its way to another place is not to be seen for a moment
 * (follow_pmd_mask()). @nr: how many pages long a hole is at least.
 */
static long look_again(struct mm_struct *mm, unsigned long addr, struct page **page,
		       unsigned long *nr)
{
	struct vm_area_struct *vma;
	bool anon = false, hole = true;
	loff_t pos;

	vma = find_vma(mm, addr);
	/* of huge pages the kernel says so of these alone, be they shared or not */
	if (vma && vma->vm_start <= addr && is_vm_hugetlb_page(vma)) {
		*nr = (ALIGN(addr + 1, huge_page_size(hstate_vma(vma))) - addr) >> PAGE_SHIFT;
		return 0;
	}
	if (vma && vma->vm_start <= addr) {
		anon = vma_is_anonymous(vma);
		pos = ((loff_t)vma->vm_pgoff << PAGE_SHIFT) + (addr - vma->vm_start);
		if (!anon)
			hole = !vma->vm_file ||
			       pos >= i_size_read(file_inode(vma->vm_file));
	}
	if (!anon)
		return hole ? 0 : -EIO;
	if (get_pages(mm, addr, 1, 0, page) != 1)
		return -EIO;
	if (!is_zero(*page))
		return 1;
	put_page(*page);
	return 0;
}

/*
 * How many pages from @addr on are there, at most @nr, as far as that can be told
 * without making them: to touch a hole in shared memory fills it, which a core
 * dump's way of looking does not prevent. 0: *@hole pages are not.
 */
static long shared_present(struct mm_struct *mm, unsigned long addr, long nr,
			   unsigned long *hole)
{
	struct vm_area_struct *vma;
	unsigned long at, next, left;
	struct xarray *pages;
	long n = nr;

	vma = find_vma(mm, addr);
	if (vma && vma->vm_start <= addr && tern_vma_is_shared_memory(vma) &&
	    !is_vm_hugetlb_page(vma)) {
		pages = &vma->vm_file->f_mapping->i_pages;
		at = linear_page_index(vma, addr);
		left = (vma->vm_end - addr) >> PAGE_SHIFT;
		nr = min_t(unsigned long, nr, left);
		/* a page that has been swapped out has an entry, too */
		for (n = 0; n < nr && xa_load(pages, at + n); n++)
			;
		next = at;
		if (!n)
			*hole = xa_find(pages, &next, at + left - 1, XA_PRESENT) ?
				max(next - at, 1UL) : left;
	}
	return n;
}

static long get_present_locked(struct mm_struct *mm, unsigned long addr, long nr,
			       struct page **pages, unsigned long *hole)
{
	long got;

	nr = shared_present(mm, addr, nr, hole);
	if (!nr)
		return 0;
	got = get_pages(mm, addr, nr, FOLL_DUMP, pages);
	/* reaped for want of memory: what is gone would read as zeros */
	if (test_bit(MMF_UNSTABLE, &mm->flags)) {
		while (got > 0)
			put_page(pages[--got]);
		return -EIO;
	}
	if (got == -EFAULT || !got)
		got = look_again(mm, addr, pages, hole);
	return got;
}

/*
 * Pages that are there, at most @nr from @addr on, referenced; 0: the first *@hole
 * are not.
 */
static long get_present(struct mm_struct *mm, unsigned long addr, long nr,
			struct page **pages, unsigned long *hole)
{
	long got;

	*hole = 1;
	mmap_read_lock(mm);
	got = get_present_locked(mm, addr, nr, pages, hole);
	mmap_read_unlock(mm);
	return got;
}

/* 1: there is something on the page, and it is at @to, unless that is NULL. */
static int read_page(struct page *page, void __user *to)
{
	void *from;
	int ret = 1;

	if (!to) {
		ret = !is_zero(page);
	} else {
		from = kmap_local_page(page);
		if (copy_to_user(to, from, PAGE_SIZE))
			ret = -EFAULT;
		kunmap_local(from);
	}
	put_page(page);
	return ret;
}

static int read_pages(struct mm_struct *mm, struct tern_read_pages *arg)
{
	void __user *to = u64_to_user_ptr(arg->buf);
	struct page *pages[GROUP];
	unsigned long i = 0, hole;
	long got, n;
	int ret = 0;

	arg->present = 0;
	while (i < arg->nr) {
		got = get_present(mm, arg->addr + i * PAGE_SIZE,
				  min_t(long, arg->nr - i, GROUP), pages, &hole);
		if (got < 0)
			return got;
		if (!got)
			i += hole;
		for (n = 0; n < got; n++, i++) {
			if (ret < 0) {
				put_page(pages[n]);
				continue;
			}
			ret = read_page(pages[n], to ? to + i * PAGE_SIZE : NULL);
			if (ret > 0)
				arg->present |= BIT_ULL(i);
		}
		if (ret < 0)
			return ret;
		cond_resched();
	}
	/* what is known of the pages behind is worth telling to who only looks */
	if (!to)
		arg->nr = min_t(unsigned long, i, S32_MAX);
	return 0;
}

/**
 * tern_memory_get() - the migrant's memory, for as long as somebody reads of it
 * @m: the migration; its lock is not held meanwhile: faults must not wait for the
 *	flush
 *
 * Return: to be given back with mmput(), or NULL: there is none here.
 */
struct mm_struct *tern_memory_get(struct tern_migration *m)
{
	struct mm_struct *mm = NULL;

	mutex_lock(&m->lock);
	if (m->side == TERN_SOURCE && m->mm &&
	    (m->state == TERN_PARKED || m->state == TERN_DOUBT ||
	     m->state == TERN_COMMITTED)) {
		mm = m->mm;
		mmget(mm);
	}
	mutex_unlock(&m->lock);
	return mm;
}

/**
 * tern_memory_look() - the migrant's memory, to look at what is there
 * @m: the migration
 *
 * Of one that is parked or gone the migration has it; a draft is of one that runs.
 *
 * Return: as tern_memory_get().
 */
struct mm_struct *tern_memory_look(struct tern_migration *m)
{
	struct mm_struct *mm = tern_memory_get(m);
	struct task_struct *leader;

	if (mm)
		return mm;
	mutex_lock(&m->lock);
	if (m->side == TERN_SOURCE &&
	    (m->state == TERN_REQUESTED || m->state == TERN_PREPARED)) {
		leader = get_pid_task(m->pid, PIDTYPE_TGID);
		if (leader) {
			mm = get_task_mm(leader);
			put_task_struct(leader);
		}
	}
	mutex_unlock(&m->lock);
	return mm;
}

/** tern_memory_read() - TERN_IOC_READ_PAGES */
int tern_memory_read(struct tern_migration *m, struct tern_read_pages *arg)
{
	struct mm_struct *mm;
	int err;

	if (!arg->nr || arg->nr > TERN_READ_MAX || arg->addr & ~PAGE_MASK ||
	    arg->addr >= TASK_SIZE_MAX)
		return -EINVAL;
	if (tern_fault(TERN_FAULT_READ_PAGES))
		return -EIO;
	mm = tern_memory_get(m);
	if (!mm)
		return -EBADFD;
	err = read_pages(mm, arg);
	mmput(mm);
	trace_tern_read_pages(m->id, arg->addr, arg->nr, arg->present);
	return err;
}

static void drop_page(struct splice_pipe_desc *spd, unsigned int i)
{
	put_page(spd->pages[i]);
}

/* Bytes that went into @pipe; 0: there is a hole at @addr. */
static ssize_t splice_some(struct mm_struct *mm, unsigned long addr,
			   unsigned long nr, struct pipe_inode_info *pipe)
{
	struct partial_page partial[GROUP];
	struct page *pages[GROUP];
	unsigned long hole;
	struct splice_pipe_desc spd = {
		.pages = pages,
		.partial = partial,
		.nr_pages_max = GROUP,
		.ops = &nosteal_pipe_buf_ops,
		.spd_release = drop_page,
	};
	long i, got;

	got = get_present(mm, addr, min_t(unsigned long, nr, GROUP), pages, &hole);
	if (got <= 0)
		return got;
	for (i = 0; i < got; i++)
		partial[i] = (struct partial_page) { .len = PAGE_SIZE };
	spd.nr_pages = got;
	return splice_to_pipe(pipe, &spd);
}

/**
 * tern_memory_splice() - splice(2) from a handle: pages themselves, not copies
 * @m: the migration
 * @pos: address of the first page, moved on
 * @pipe: locked, with room
 * @len: bytes, whole pages
 *
 * Stops before a page that has never been touched. Nothing writes to the pages
 * any more, whoever may hold them in the end: a socket does until the peer has
 * acknowledged them.
 *
 * Return: bytes, or negative errno: EINVAL, EBADFD, EIO, EAGAIN (no room).
 */
ssize_t tern_memory_splice(struct tern_migration *m, loff_t *pos,
			   struct pipe_inode_info *pipe, size_t len)
{
	unsigned long addr = *pos;
	struct mm_struct *mm;
	ssize_t n = 0, done = 0;

	if (*pos < 0 || *pos >= TASK_SIZE_MAX || (addr | len) & ~PAGE_MASK)
		return -EINVAL;
	if (tern_fault(TERN_FAULT_READ_PAGES))
		return -EIO;
	mm = tern_memory_get(m);
	if (!mm)
		return -EBADFD;
	while (done < len) {
		n = splice_some(mm, addr + done, (len - done) / PAGE_SIZE, pipe);
		if (n <= 0)
			break;
		done += n;
		cond_resched();
	}
	mmput(mm);
	*pos += done;
	return done ?: n;
}
