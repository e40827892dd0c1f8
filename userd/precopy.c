// SPDX-License-Identifier: GPL-2.0
/*
 * Hybrid migration: pages are sent ahead while the migrant runs, and after the
 * resume, when nothing can change them any more, the destination is told which
 * of them are right (fresh). The latency period is none the longer, and what is
 * fresh costs no round trip when it is touched.
 *
 * What is right is decided by contents alone: a hash of each page as it was sent is
 * compared with one of the page as it is then. Nothing else would do. The kernel's
 * soft-dirty bits (Documentation/admin-guide/mm/soft-dirty.rst) do not tell when
 * mremap(2) has moved whole page tables, when pages were merged, given up and read
 * again, or written to by a device; and they cannot be read and cleared in one step.
 * But they spare most pages a second look while the migrant runs. They are cleared
 * once, before the first round, and cost the program one minor fault per page that it
 * writes to since.
 *
 * Owns hashes and sets; runs in the job's thread; no locks.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>
#include <xxhash.h>

#include "io.h"
#include "pages.h"
#include "source.h"

#define PAGE		((__u64)TERN_WIRE_PAGE)
#define LOOK		512U		/* entries of the pagemap that are read at once */
#define BATCH		TERN_READ_MAX	/* pages in one message */
#define STEP		32U		/* pages that are compared before faults have their turn */
#define ROUNDS		4
#define QUIET		64U		/* pages sent in a round: another one is not worth it */
#define PROBE		512U		/* pages after which "auto" looks at the rates */
#define AUTO_NS		10000000000ULL	/* how long "auto" sends ahead at most */
#define ANSWER_MS	60000

/* Documentation/admin-guide/mm/pagemap.rst */
#define PM_PRESENT	(1ULL << 63)
#define PM_FILE		(1ULL << 61)
#define PM_SOFT_DIRTY	(1ULL << 55)

/**
 * struct round - going through the migrant's memory
 * @s: the migration
 * @pagemap: of the migrant
 * @pages: the message
 * @data: its pages
 * @used: how many
 * @began: monotonic ns
 * @sent: pages sent in this round
 * @probed: the rates have been looked at
 * @enough: "auto" has seen that it is not worth it
 */
struct round {
	struct tern_source *s;
	int pagemap;
	struct tern_pages *pages;
	char *data;
	unsigned int used;
	__u64 began;
	__u64 sent;
	bool probed;
	bool enough;
};

/* ---- soft-dirty bits ----------------------------------------------------------- */

static int clear_bits(const char *pid)
{
	char name[64];
	int fd, rc;

	snprintf(name, sizeof(name), "/proc/%s/clear_refs", pid);
	fd = open(name, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = write(fd, "4", 1) == 1 ? 0 : -errno;
	close(fd);
	return rc;
}

/* -EIO: the process has ended, or executes another program. */
static int read_entries(int pagemap, __u64 page, unsigned int nr, __u64 *entries)
{
	return tern_read_all(pagemap, entries, nr * sizeof(*entries), page * sizeof(*entries));
}

/*
 * As many as are read at once, whatever is wanted of them: a read of one costs the
 * kernel as much, for it looks at all pages up to the end of their page table.
 */
static unsigned int read_block(__u64 page)
{
	return TERN_PAGESET_USER - 1 - page < LOOK ? TERN_PAGESET_USER - 1 - page : LOOK;
}

/* Does this kernel keep such bits (CONFIG_MEM_SOFT_DIRTY)? */
static bool keeps_bits(void)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	volatile char *page = aligned_alloc(PAGE, PAGE);
	__u64 before = PM_SOFT_DIRTY, after = 0;

	if (page && fd >= 0) {
		*page = 1;
		if (!clear_bits("self"))
			read_entries(fd, (unsigned long)page / PAGE, 1, &before);
		*page = 2;
		read_entries(fd, (unsigned long)page / PAGE, 1, &after);
	}
	if (fd >= 0)
		close(fd);
	free((void *)page);
	return !(before & PM_SOFT_DIRTY) && after & PM_SOFT_DIRTY;
}

static bool tracked;

static void find_out(void)
{
	tracked = keeps_bits();
}

static bool is_tracked(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, find_out);
	return tracked;
}

/* ---- a round ---------------------------------------------------------------------- */

static bool is_auto(const struct tern_source *s)
{
	return !(s->job->flags & TERN_HYBRID);
}

/* Has the destination anything to say? It should not. */
static int listen_for_refusal(struct tern_source *s)
{
	struct tern_link *link = &s->lanes.lane[0];
	int rc;

	if (!tern_link_readable(link))
		return 0;
	rc = tern_link_expect(link, TERN_MSG_CLOCK, NULL, 0, ANSWER_MS, &s->why);
	return rc ? rc : -EPROTO;
}

static int send_batch(struct round *r)
{
	struct tern_source *s = r->s;
	int rc;

	if (!r->used)
		return 0;
	if (tern_source_cancelled(s, NULL))
		return -ECANCELED;
	rc = listen_for_refusal(s);
	if (!rc)
		rc = tern_pages_send(r->pages, &s->lanes.lane[0]);
	r->sent += r->used;
	r->used = 0;
	tern_pages_reset(r->pages);
	return rc;
}

/* Everything that was sent has arrived and been put aside. */
static int sync_peer(struct tern_source *s)
{
	struct tern_link *link = &s->lanes.lane[0];
	struct tern_wire_clock clock = { .origin = tern_source_now() };
	int rc;

	rc = tern_link_send(link, TERN_MSG_CLOCK, &clock, sizeof(clock));
	return rc ? rc : tern_link_expect(link, TERN_MSG_CLOCK, &clock, sizeof(clock), ANSWER_MS,
					  &s->why);
}

/* One that was read to the end of the message's data: is it to be sent? */
static int add_page(struct round *r, __u64 page, const char *data)
{
	struct tern_precopy *p = &r->s->precopy;
	bool sent = tern_pageset_has(&p->sent, page);
	__u64 hash;
	int rc;

	/* one that was sent before and is empty now will be found not to be fresh */
	if (tern_page_is_zero(data) || (!sent && p->sent.count >= r->s->prepared.room))
		return 0;
	hash = XXH3_64bits(data, PAGE);
	if (sent && p->hash[page] == hash)
		return 0;
	/* no room for @data at its place: others before it were not sent */
	if (data != r->data + r->used * PAGE)
		memmove(r->data + r->used * PAGE, data, PAGE);
	rc = tern_pages_add(r->pages, page * PAGE, r->data + r->used * PAGE);
	if (!rc)
		rc = tern_pageset_add(&p->sent, page, 1);
	if (rc)
		return rc;
	p->hash[page] = hash;
	r->used++;
	return 0;
}

/* Adjacent pages that seem to be worth sending; how many were looked at. */
static int add_run(struct round *r, __u64 page, unsigned int nr)
{
	struct iovec to, from = { .iov_base = (void *)(page * PAGE) };
	unsigned int i, used = r->used, left = BATCH - used;
	ssize_t n;
	int rc = 0;

	if (nr > left)
		nr = left;
	to.iov_base = r->data + used * PAGE;
	to.iov_len = nr * PAGE;
	from.iov_len = to.iov_len;
	n = process_vm_readv(r->s->job->pid, &to, 1, &from, 1, 0);
	/* gone, or not to be read: it will be found out later, if it is so */
	if (n < (ssize_t)PAGE)
		return nr;
	nr = n / PAGE;
	for (i = 0; i < nr && !rc; i++)
		rc = add_page(r, page + i, r->data + (used + i) * PAGE);
	if (!rc && r->used == BATCH)
		rc = send_batch(r);
	return rc ? rc : (int)nr;
}

static bool is_worth(const struct tern_precopy *p, __u64 page, __u64 entry)
{
	if (!(entry & PM_PRESENT) || entry & PM_FILE)
		return false;
	return !p->tracked || entry & PM_SOFT_DIRTY || !tern_pageset_has(&p->sent, page);
}

static int add_entries(struct round *r, __u64 page, unsigned int nr, const __u64 *entries)
{
	struct tern_precopy *p = &r->s->precopy;
	unsigned int i = 0, end;
	int n;

	while (i < nr) {
		for (end = i; end < nr && is_worth(p, page + end, entries[end]); end++)
			;
		if (end == i) {
			i++;
			continue;
		}
		n = add_run(r, page + i, end - i);
		if (n < 0)
			return n;
		i += n;
	}
	return 0;
}

/**
 * typedef look_fn - called with entries of the pagemap, in ascending order
 * @r: the round
 * @page: of the first one
 * @nr: how many
 * @entries: they
 */
typedef int look_fn(struct round *r, __u64 page, unsigned int nr, const __u64 *entries);

/* All memory of which pages may be sent; -EIO: it is not there any more. */
static int walk(struct round *r, look_fn *look)
{
	const struct tern_obj *obj = NULL;
	struct tern_next_pages area = { 0 };
	__u64 entries[LOOK], page, end, from = 0, to = 0;
	__s64 next;
	int rc = 0;

	while (!rc && (obj = tern_image_find(&r->s->draft.image, TERN_OBJ_VMA, obj))) {
		const struct tern_obj_vma *v = tern_obj_payload(obj);

		if (!tern_vma_is_paged(v) || !(v->prot & PROT_READ))
			continue;
		end = v->end / PAGE;
		for (page = v->start / PAGE; page < end && !rc && !r->enough; page += LOOK) {
			unsigned int nr;

			next = tern_dev_next_pages(r->s->dev, &area, page * PAGE);
			if (next < 0)
				return next == -EBADFD ? -EIO : next;
			page = next / PAGE;
			if (page >= end)
				break;
			nr = end - page < LOOK ? end - page : LOOK;
			/* neighbours have been read together */
			if (page < from || page + nr > to) {
				from = page;
				to = page + read_block(page);
				rc = read_entries(r->pagemap, from, to - from, entries);
			}
			if (!rc)
				rc = look(r, page, nr, entries + (page - from));
		}
	}
	return rc;
}

/* ---- is it worth it? --------------------------------------------------------------- */

static int count_dirty(struct round *r, __u64 page, unsigned int nr, const __u64 *entries)
{
	unsigned int i;

	(void)page;
	for (i = 0; i < nr; i++)
		r->sent += (entries[i] & (PM_PRESENT | PM_SOFT_DIRTY)) ==
			   (PM_PRESENT | PM_SOFT_DIRTY);
	return 0;
}

/*
 * "auto": a program that writes to its pages half as fast as the link takes them
 * would be sent twice over, and much of it in vain.
 */
static int probe(struct round *r)
{
	struct round dirty = { .s = r->s, .pagemap = r->pagemap };
	int rc;

	r->probed = true;
	rc = sync_peer(r->s);
	if (!rc)
		rc = walk(&dirty, count_dirty);
	if (rc || dirty.sent * 2 <= r->sent)
		return rc;
	r->enough = true;
	tern_log(LOG_INFO, "migration %016" PRIx64 ": %" PRIu64 " pages written to while %" PRIu64 " were sent ahead: the rest follows after the move",
		 (uint64_t)r->s->job->id, (uint64_t)dirty.sent, (uint64_t)r->sent);
	return 0;
}

static int send_entries(struct round *r, __u64 page, unsigned int nr, const __u64 *entries)
{
	int rc = add_entries(r, page, nr, entries);

	if (rc || !is_auto(r->s))
		return rc;
	if (!r->probed && r->sent >= PROBE)
		rc = probe(r);
	if (tern_source_now() - r->began > AUTO_NS)
		r->enough = true;
	return rc;
}

/* ---- rounds -------------------------------------------------------------------------- */

static int begin(struct tern_source *s)
{
	struct tern_precopy *p = &s->precopy;
	char pid[16];
	int rc;

	if (p->sent.nr)
		return 0;
	rc = tern_pageset_init(&p->sent, TERN_PAGESET_USER, false);
	if (!rc)
		rc = tern_pageset_init(&p->fresh, TERN_PAGESET_USER, false);
	if (!rc)
		p->hash = mmap(NULL, TERN_PAGESET_USER * sizeof(p->hash[0]), PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!rc && p->hash == MAP_FAILED) {
		p->hash = NULL;
		rc = -ENOMEM;
	}
	if (!rc)
		p->data = malloc(STEP * PAGE);
	if (!rc && !p->data)
		rc = -ENOMEM;
	snprintf(pid, sizeof(pid), "%d", s->job->pid);
	p->tracked = !rc && is_tracked() && !clear_bits(pid);
	return rc;
}

static int run_round(struct round *r)
{
	struct tern_source *s = r->s;
	int rc, err;

	r->sent = 0;
	rc = walk(r, send_entries);
	/* whatever is said to have been sent is sent, even if the process has gone */
	err = send_batch(r);
	if (!err)
		err = sync_peer(s);
	return err ? err : rc;
}

static int run_rounds(struct round *r)
{
	__u64 last = ~0ULL;
	unsigned int i;
	int rc = 0;

	r->began = tern_source_now();
	for (i = 0; i < ROUNDS && !rc && !r->enough; i++) {
		rc = run_round(r);
		/* nearly as much as in the round before: that will not end */
		if (r->sent <= QUIET || r->sent > last / 4 * 3)
			break;
		last = r->sent;
	}
	return rc;
}

static int precopy(struct tern_source *s)
{
	struct round r = { .s = s };
	int rc;

	r.pagemap = tern_proc_pagemap(s->job->pid);
	r.pages = malloc(sizeof(*r.pages));
	r.data = aligned_alloc(PAGE, BATCH * PAGE);
	rc = r.pagemap < 0 ? r.pagemap : r.pages && r.data ? 0 : -ENOMEM;
	if (!rc) {
		tern_pages_reset(r.pages);
		rc = run_rounds(&r);
	}
	if (r.pagemap >= 0)
		close(r.pagemap);
	free(r.pages);
	free(r.data);
	return rc;
}

/**
 * tern_source_precopy() - send pages ahead, if that is wanted
 * @s: the destination has a draft
 *
 * May be called again, to bring what has been sent up to date. Returns 1 when
 * nothing was done, 0, or an error.
 */
int tern_source_precopy(struct tern_source *s)
{
	int rc;

	if (s->job->flags & TERN_LAZY)
		return 1;
	rc = begin(s);
	if (rc) {
		tern_precopy_fini(&s->precopy);
		return is_auto(s) ? 1 :
		       tern_why_set(&s->why, rc, "pages cannot be sent ahead, there is no memory for it: use --mode=lazy");
	}
	rc = precopy(s);
	/* there is no such memory any more: the next draft tells what there is */
	return rc == -EIO ? 0 : rc;
}

/* ---- after the capture -------------------------------------------------------------- */

/**
 * tern_precopy_right() - was a page sent ahead as it is now?
 * @p: zeroed, or used
 * @addr: at the source
 * @data: what it holds
 */
bool tern_precopy_right(const struct tern_precopy *p, __u64 addr, const void *data)
{
	return tern_pageset_has(&p->sent, addr / PAGE) &&
	       p->hash[addr / PAGE] == XXH3_64bits(data, PAGE);
}

/* Adjacent pages that were sent, at most STEP: are they the same? Returns how many were looked at. */
static int compare(struct tern_source *s, __u64 page, unsigned int nr)
{
	struct tern_precopy *p = &s->precopy;
	__u64 present = 0;
	int i, n, rc;

	n = tern_dev_read_pages(s->dev, page * PAGE, nr, p->data, &present);
	/* one of them cannot be read: perhaps its mapping is gone */
	if (n <= 0)
		return 1;
	for (i = 0; i < n; i++) {
		if (!(present & 1ULL << i) ||
		    !tern_precopy_right(p, (page + i) * PAGE, p->data + i * PAGE))
			continue;
		rc = tern_pageset_add(&p->fresh, page + i, 1);
		if (rc)
			return rc;
	}
	return n;
}

/* What has been found from page @first on, and before the next one to be looked at. */
static unsigned int take_ranges(const struct tern_precopy *p, __u64 first,
				struct tern_wire_range *ranges)
{
	unsigned int nr = 0;

	for (;;) {
		__u64 page = tern_pageset_next(&p->fresh, first, true), end;

		if (page >= p->at)
			return nr;
		end = tern_pageset_next(&p->fresh, page, false);
		ranges[nr++] = (struct tern_wire_range) { page * PAGE, end * PAGE };
		first = end;
	}
}

/**
 * tern_precopy_fresh() - find out which pages are right
 * @s: captured, so that no page changes any more
 * @ranges: out: some of them, ascending; room for TERN_PRECOPY_RANGES
 * @nr: out: how many
 *
 * Does a part of the work, since others may wait. Returns 1 when that was the last
 * one, 0 when there is more to do, or negative errno.
 */
int tern_precopy_fresh(struct tern_source *s, struct tern_wire_range *ranges, unsigned int *nr)
{
	struct tern_precopy *p = &s->precopy;
	__u64 first = tern_pageset_next(&p->sent, p->at, true), page = first, end;
	unsigned int left = STEP;
	int n = 0;

	*nr = 0;
	while (page < p->sent.nr && left && n >= 0) {
		end = page + tern_pageset_run(&p->sent, page, left);
		while (page < end && (n = compare(s, page, end - page)) >= 0) {
			page += n;
			left -= n;
		}
		p->at = page;
		page = tern_pageset_next(&p->sent, page, true);
	}
	if (first < p->sent.nr)
		*nr = take_ranges(p, first, ranges);
	return n < 0 ? n : page >= p->sent.nr;
}

/**
 * tern_precopy_claim() - the flush need not send what is fresh
 * @p: zeroed, or tern_precopy_fresh() has come to its end
 * @map: complete
 */
void tern_precopy_claim(const struct tern_precopy *p, struct tern_map *map)
{
	__u64 page = 0, number;

	while ((page = tern_pageset_next(&p->fresh, page, true)) < p->fresh.nr) {
		if (tern_map_find(map, page * PAGE, &number))
			tern_map_claim(map, number);
		page++;
	}
}

/**
 * tern_precopy_fini() - nothing has been sent, or nobody keeps it any more
 * @p: zeroed, or used
 */
void tern_precopy_fini(struct tern_precopy *p)
{
	tern_pageset_fini(&p->sent);
	tern_pageset_fini(&p->fresh);
	if (p->hash)
		munmap(p->hash, TERN_PAGESET_USER * sizeof(p->hash[0]));
	free(p->data);
	memset(p, 0, sizeof(*p));
}
