// SPDX-License-Identifier: GPL-2.0
/*
 * First pages. A thread needs some pages at once wherever it goes on: its
 * code, the live end of its stack, its thread-local storage, what its blocked
 * call points to, and what its next instructions name (decode.c). They travel
 * in the blast; every other page is a fault or comes with the flush.
 *
 * Owns the pages it has read; no locks. What it picks is a guess that costs
 * bytes when it is wrong and a round trip when it is missing, never more: it
 * sends only pages that exist, and all of what is alive on them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "first.h"
#include "host.h"
#include "source.h"

#define PAGE		((__u64)TERN_WIRE_PAGE)
#define RED_ZONE	128	/* below the stack pointer, alive by the ABI */
#define NEAR_END	512	/* frames likely reach into the next page */
#define FEW		512	/* pages sent of a process with few threads */
#define EACH		3	/* and for each of many: stack, thread-local storage */
#define READ_ONLY	256	/* pages of code that are read and not sent */

enum { R_R10 = 7, R_R9 = 8, R_R8 = 9, R_AX = 10, R_DX = 12, R_SI, R_DI, R_ORIG_AX,
       R_IP, R_SP = 19 };

/* arguments of a call */
static const unsigned char args[] = { R_DI, R_SI, R_DX, R_R10, R_R8, R_R9 };

/**
 * tern_first_create() - memory for first pages, made before anybody waits
 * @first: set
 * @ahead: how many instructions to decode, or TERN_FIRST_NONE
 */
int tern_first_create(struct tern_first **first, int ahead)
{
	struct tern_first *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->decoded = tern_decoded_create();
	if (!f->decoded) {
		free(f);
		return -ENOMEM;
	}
	f->ahead = ahead;
	*first = f;
	return 0;
}

static void drop_room(struct tern_first *first)
{
	if (first->data)
		munmap(first->data, first->slots * PAGE);
	free(first->page);
	free(first->send);
	free(first->hash);
	first->data = NULL;
	first->page = NULL;
	first->send = NULL;
	first->hash = NULL;
	first->slots = 0;
}

/**
 * tern_first_room() - room for the first pages of so many threads
 * @first: from tern_first_create()
 * @nr_threads: how many the migrant has
 *
 * Each has pages of its own that it cannot do without: of many threads that wake up
 * at once each would wait for them, and behind those of all the others.
 */
int tern_first_room(struct tern_first *first, unsigned int nr_threads)
{
	unsigned int most = FEW + nr_threads * EACH, slots, buckets = 1024;

	if (most > TERN_FIRST_MAX)
		most = TERN_FIRST_MAX;
	if (first->slots >= most + READ_ONLY)
		return 0;
	drop_room(first);
	slots = most + READ_ONLY;
	while (buckets < slots * 2)
		buckets *= 2;
	first->page = calloc(slots, sizeof(first->page[0]));
	first->send = calloc(most, sizeof(first->send[0]));
	first->hash = calloc(buckets, sizeof(first->hash[0]));
	first->data = mmap(NULL, slots * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (first->data == MAP_FAILED)
		first->data = NULL;
	first->slots = slots;
	first->most = most;
	first->hash_mask = buckets - 1;
	if (first->page && first->send && first->hash && first->data)
		return 0;
	drop_room(first);
	return -ENOMEM;
}

/**
 * tern_first_destroy() - free it
 * @first: from tern_first_create()
 */
void tern_first_destroy(struct tern_first *first)
{
	drop_room(first);
	tern_decoded_destroy(first->decoded);
	tern_texts_close(&first->texts);
	tern_vmas_fini(&first->vmas);
	free(first);
}

static unsigned short *bucket(struct tern_first *first, __u64 addr)
{
	unsigned int i = (addr / PAGE * 0x9e3779b97f4a7c15ULL >> 32) & first->hash_mask;

	while (first->hash[i] && first->page[first->hash[i] - 1].addr != addr)
		i = (i + 1) & first->hash_mask;
	return &first->hash[i];
}

/* A whole page into @to; false: there is none. */
static bool read_page(const struct tern_first *first, __u64 addr, char *to)
{
	struct iovec local = { to, PAGE }, remote = { (void *)addr, PAGE };
	__u64 present = 0;

	if (first->pid)
		return process_vm_readv(first->pid, &local, 1, &remote, 1, 0) == (ssize_t)PAGE;
	return tern_dev_read_pages(first->dev, addr, 1, to, &present) == 1 && present & 1;
}

/* The page around @addr, read if it was not yet; NULL: not to be had. */
static struct tern_first_page *get(struct tern_first *first, __u64 addr)
{
	unsigned short *b;
	struct tern_first_page *page;

	addr &= ~(PAGE - 1);
	b = bucket(first, addr);
	if (*b)
		return &first->page[*b - 1];
	if (first->nr == first->slots || !tern_vmas_find(&first->vmas, addr))
		return NULL;
	page = &first->page[first->nr];
	*page = (struct tern_first_page) { .addr = addr };
	page->present = read_page(first, addr, first->data + first->nr * PAGE);
	*b = ++first->nr;
	return page;
}

static char *data_of(struct tern_first *first, const struct tern_first_page *page)
{
	return first->data + (page - first->page) * PAGE;
}

/**
 * tern_first_look() - read memory of the migrant
 * @first: being collected
 * @addr: any
 *
 * Returns the byte at @addr, and what follows up to the page's end; NULL if
 * the page does not exist.
 */
const char *tern_first_look(struct tern_first *first, __u64 addr)
{
	struct tern_first_page *page = get(first, addr);

	return page && page->present ? data_of(first, page) + addr % PAGE : NULL;
}

/* Text of a file, of which a line is kept; false: this is none. */
static bool fetch_text(struct tern_first *first, __u64 addr, void *to, unsigned int len)
{
	const struct tern_obj_vma *vma;
	int n;

	if (addr < first->line_addr || addr + len > first->line_addr + first->line_len) {
		vma = tern_vmas_find(&first->vmas, addr);
		if (!vma || vma->kind != TERN_VMA_FILE)
			return false;
		n = tern_texts_read(&first->texts, vma, addr, first->line, TERN_FIRST_LINE);
		if (n <= 0)
			return false;
		first->line_addr = addr;
		first->line_len = n;
		if ((unsigned int)n < len)
			return false;
	}
	memcpy(to, first->line + (addr - first->line_addr), len);
	return true;
}

/**
 * tern_first_fetch() - read code of the migrant
 * @first: being collected
 * @addr: of an instruction
 * @to: receives it and what follows
 * @len: bytes of both, less than a page
 *
 * Returns how many bytes could be read.
 */
unsigned int tern_first_fetch(struct tern_first *first, __u64 addr, void *to, unsigned int len)
{
	unsigned int here = PAGE - addr % PAGE;
	const char *p;

	if (fetch_text(first, addr, to, len))
		return len;
	if (here > len)
		here = len;
	p = tern_first_look(first, addr);
	if (!p)
		return 0;
	memcpy(to, p, here);
	if (here == len)
		return len;
	p = tern_first_look(first, addr + here);
	if (!p)
		return here;
	memcpy((char *)to + here, p, len - here);
	return len;
}

static void touch(struct tern_first *first, __u64 addr, unsigned int live)
{
	const struct tern_obj_vma *vma = tern_vmas_find(&first->vmas, addr);
	struct tern_first_page *page;

	/* what the destination maps by itself need not travel, and a rehearsal nothing */
	if (!vma || !tern_vma_is_paged(vma) || first->pid)
		return;
	page = get(first, addr);
	if (!page || !page->present)
		return;
	if (page->send) {
		if (addr % PAGE < page->live)
			page->live = live;
		return;
	}
	if (!first->budget || first->nr_send == first->most)
		return;
	first->budget--;
	first->send[first->nr_send++] = page;
	page->send = true;
	page->live = live;
}

/**
 * tern_first_touch() - the thread will want the page around an address
 * @first: being collected
 * @addr: any; addresses that are none of the migrant's are ignored
 */
void tern_first_touch(struct tern_first *first, __u64 addr)
{
	touch(first, addr, 0);
}

/*
 * Below the red zone a stack is dead, but only the stack that the kernel grows
 * is known to be a stack: others share their pages with data (coroutines,
 * stacks on the heap), and are sent whole.
 */
static void touch_stack(struct tern_first *first, __u64 sp)
{
	const struct tern_obj_vma *vma = tern_vmas_find(&first->vmas, sp);
	__u64 live = sp - RED_ZONE;

	if (!vma || sp < RED_ZONE)
		return;
	touch(first, live, vma->flags & TERN_VMA_GROWSDOWN ? live % PAGE & ~7ULL : 0);
	if (live / PAGE != sp / PAGE)
		touch(first, sp, 0);
	if (PAGE - sp % PAGE <= NEAR_END)
		touch(first, (sp | (PAGE - 1)) + 1, 0);
}

static void touch_call(struct tern_first *first, const struct tern_obj_thread *t)
{
	__s64 nr = t->regs[R_ORIG_AX];
	unsigned int i;

	if (nr < 0)
		return;
	/* a number that is no pointer hardly ever falls into a mapping */
	for (i = 0; i < sizeof(args); i++)
		touch(first, t->regs[args[i]], 0);
}

static void collect_thread(struct tern_first *first, const struct tern_obj_thread *t)
{
	__u64 sp = t->regs[R_SP];

	first->budget = TERN_FIRST_THREAD;
	touch(first, t->regs[R_IP], 0);
	touch_stack(first, sp);
	touch(first, t->fs_base, 0);
	/* the nearest thread-local variables stand below the base */
	if (t->fs_base >= 64)
		touch(first, t->fs_base - 64, 0);
	if (t->rseq)
		touch(first, t->rseq, 0);
	if (t->robust_list)
		touch(first, t->robust_list, 0);
	if (t->clear_child_tid)
		touch(first, t->clear_child_tid, 0);
	touch_call(first, t);
	tern_decode_ahead(first, t);
}

static int by_addr(const void *a, const void *b)
{
	const struct tern_first_page *x = *(void *const *)a, *y = *(void *const *)b;

	return (x->addr > y->addr) - (x->addr < y->addr);
}

/*
 * Pages that were found since the last message; but those of which only a part is
 * alive wait for the @last one, for another thread may want more of them.
 */
static void write_message(struct tern_first *first, bool last)
{
	struct tern_first_page **send = first->send, **from = send + first->nr_sent, **to = from;
	unsigned int i;

	for (i = first->nr_sent; i < first->nr_send && to - from < TERN_WIRE_PAGES_MAX; i++) {
		struct tern_first_page *page = send[i];

		if (page->live && !last)
			continue;
		send[i] = *to;
		*to++ = page;
	}
	qsort(from, to - from, sizeof(*from), by_addr);
	tern_pages_reset(&first->message);
	for (; from < to; from++) {
		const char *data = data_of(first, *from);

		if (tern_page_is_zero(data))
			tern_pages_add(&first->message, (*from)->addr, NULL);
		else
			tern_pages_add_part(&first->message, (*from)->addr, (*from)->live, data);
	}
	first->nr_sent = to - send;
}

static int send_some(struct tern_first *first, struct tern_link *link, bool last)
{
	int rc = 0;

	do {
		write_message(first, last);
		if (first->message.nr_runs)
			rc = tern_pages_send(&first->message, link);
	} while (!rc && last && first->nr_sent < first->nr_send);
	return rc;
}

static void reset(struct tern_first *first)
{
	first->nr = 0;
	first->nr_send = 0;
	first->nr_sent = 0;
	first->line_len = 0;
	memset(first->hash, 0, (first->hash_mask + 1) * sizeof(first->hash[0]));
}

/**
 * tern_first_note() - remember where threads will go on
 * @first: of the migrant
 * @image: a draft; that is taken out of it, for it changes all the time, and only matters here
 */
void tern_first_note(struct tern_first *first, struct tern_image *image)
{
	const struct tern_obj *obj = NULL;

	first->nr_noted = 0;
	while ((obj = tern_image_find(image, TERN_OBJ_THREAD, obj))) {
		struct tern_obj_thread *thread = (void *)tern_obj_payload(obj);

		/* of one that ran nothing is known */
		if (thread->regs[R_IP] && first->nr_noted < TERN_FIRST_NOTED)
			first->noted[first->nr_noted++] = *thread;
		memset(thread->regs, 0, sizeof(thread->regs));
		thread->fs_base = 0;
		thread->gs_base = 0;
	}
}

/**
 * tern_first_prepare() - make ready what a draft tells beforehand
 * @first: with room; tern_first_note() has seen the draft
 * @image: the draft
 * @pid: the migrant, which runs
 *
 * Threads that waited will mostly still do so when they are parked: what they will do
 * next is decoded now, so that the instructions are known then.
 */
void tern_first_prepare(struct tern_first *first, const struct tern_image *image, int pid)
{
	unsigned int i;

	if (first->ahead == TERN_FIRST_NONE)
		return;
	tern_texts_open(&first->texts, image);
	reset(first);
	if (tern_vmas_list(&first->vmas, image))
		return;
	first->pid = pid;
	for (i = 0; i < first->nr_noted; i++) {
		first->budget = TERN_FIRST_THREAD;
		tern_decode_ahead(first, &first->noted[i]);
	}
	first->pid = 0;
}

/**
 * tern_first_send() - choose, read and send the first pages of every thread
 * @first: with room; may be used again
 * @dev: handle that stands for the migration
 * @image: the capture; its FILE mappings are the same on both hosts
 * @link: lane 0
 *
 * With many threads in several messages, so that the destination puts the ones
 * in place while the others are looked for.
 */
int tern_first_send(struct tern_first *first, int dev, const struct tern_image *image,
		    struct tern_link *link)
{
	const struct tern_obj *obj = NULL;
	int rc;

	first->dev = dev;
	reset(first);
	if (first->ahead == TERN_FIRST_NONE)
		return 0;
	rc = tern_vmas_list(&first->vmas, image);
	while (!rc && first->nr_send < first->most &&
	       (obj = tern_image_find(image, TERN_OBJ_THREAD, obj))) {
		collect_thread(first, tern_obj_payload(obj));
		if (first->nr_send - first->nr_sent >= TERN_FIRST_BATCH)
			rc = send_some(first, link, false);
	}
	return rc ? rc : send_some(first, link, true);
}

/**
 * tern_first_has() - has a page been sent?
 * @first: of which tern_first_send() has been called
 * @addr: page-aligned
 */
bool tern_first_has(struct tern_first *first, __u64 addr)
{
	unsigned short *b = bucket(first, addr);

	return *b && first->page[*b - 1].send;
}

/**
 * tern_first_pages() - how many there are
 * @first: collected
 */
unsigned int tern_first_pages(const struct tern_first *first)
{
	return first->nr_send;
}
