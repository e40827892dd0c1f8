// SPDX-License-Identifier: GPL-2.0
/*
 * PAGES messages, as the source writes them: runs of adjacent pages, pages of
 * zeros named and not sent.
 *
 * Owns no memory of pages and holds no locks.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "dev.h"
#include "pages.h"

#define PAGE	((unsigned int)TERN_WIRE_PAGE)

/**
 * tern_page_is_zero() - is there nothing on this page?
 * @page: 4096 bytes
 */
bool tern_page_is_zero(const void *page)
{
	const char *p = page;

	/* each byte equals its neighbour, and the first ones are 0 */
	return !*(const __u64 *)p && !memcmp(p, p + 8, PAGE - 8);
}

/**
 * tern_pages_reset() - begin a message
 * @pages: the message
 */
void tern_pages_reset(struct tern_pages *pages)
{
	memset(&pages->head, 0, sizeof(pages->head));
	pages->nr_runs = 0;
	pages->nr_iov = 3;
	pages->pages = 0;
	pages->zero = 0;
	pages->later = 0;
}

static void new_run(struct tern_pages *pages, __u64 addr, unsigned int flags)
{
	pages->runs[pages->nr_runs++] = (struct tern_wire_run) {
		.addr = addr, .nr = 1, .flags = flags,
	};
}

static void add_data(struct tern_pages *pages, const void *data, size_t len)
{
	struct iovec *last = &pages->iov[pages->nr_iov - 1];

	if (pages->nr_iov > 3 && (char *)last->iov_base + last->iov_len == data) {
		last->iov_len += len;
		return;
	}
	pages->iov[pages->nr_iov++] = (struct iovec) { (void *)data, len };
}

static bool is_full(const struct tern_pages *pages)
{
	return pages->pages == TERN_WIRE_PAGES_MAX;
}

static int add_page(struct tern_pages *pages, __u64 addr, unsigned int flags)
{
	struct tern_wire_run *last = NULL;

	if (is_full(pages))
		return -ENOSPC;
	if (pages->nr_runs)
		last = &pages->runs[pages->nr_runs - 1];
	if (last && last->flags == flags && last->addr + (__u64)last->nr * PAGE == addr)
		last->nr++;
	else
		new_run(pages, addr, flags);
	if (flags & TERN_WIRE_RUN_ZERO)
		pages->zero++;
	pages->pages++;
	return 0;
}

/**
 * tern_pages_add() - add a whole page
 * @pages: the message
 * @addr: not the address of one that was added before
 * @data: its contents, or NULL: all zero
 *
 * -ENOSPC: the message is full.
 */
int tern_pages_add(struct tern_pages *pages, __u64 addr, const void *data)
{
	int rc = add_page(pages, addr, data ? 0 : TERN_WIRE_RUN_ZERO);

	if (!rc && data)
		add_data(pages, data, PAGE);
	return rc;
}

/**
 * tern_pages_add_part() - add a page of which only the end is live
 * @pages: the message
 * @addr: above all that were added before
 * @offset: where the live part begins, less than a page
 * @data: the whole page
 */
int tern_pages_add_part(struct tern_pages *pages, __u64 addr, unsigned int offset,
			const void *data)
{
	static const char zeros[8];
	struct tern_pages_part *part = &pages->part[pages->nr_runs];
	size_t len = sizeof(part->offset) + PAGE - offset;

	/* no gain, and with its padding it would be more than a page */
	if (offset < 8)
		return tern_pages_add(pages, addr, data);
	if (is_full(pages))
		return -ENOSPC;
	new_run(pages, addr, TERN_WIRE_RUN_PART);
	part->offset = offset;
	add_data(pages, &part->offset, sizeof(part->offset));
	add_data(pages, (const char *)data + offset, PAGE - offset);
	if (len % 8)
		add_data(pages, zeros, 8 - len % 8);
	pages->pages++;
	return 0;
}

/**
 * tern_pages_read() - read pages of the migrant and add them
 * @pages: the message
 * @dev: handle that stands for the migration
 * @addr: of the first page
 * @nr: how many, adjacent, in one mapping
 * @buf: for them; must stay until the message was sent
 *
 * Returns how many were added, which may be fewer; an error if the first one
 * cannot be read.
 */
int tern_pages_read(struct tern_pages *pages, int dev, __u64 addr, unsigned int nr,
		    void *buf)
{
	unsigned int done = 0;

	while (done < nr) {
		unsigned int left = nr - done < TERN_READ_MAX ? nr - done : TERN_READ_MAX;
		char *to = (char *)buf + (size_t)done * PAGE;
		__u64 present = 0;
		int i, n;

		n = tern_dev_read_pages(dev, addr + (__u64)done * PAGE, left, to, &present);
		if (n <= 0)
			return done ? (int)done : n ? n : -EIO;
		for (i = 0; i < n; i++) {
			const char *data = to + (size_t)i * PAGE;

			if (!(present & 1ULL << i) || tern_page_is_zero(data))
				data = NULL;
			if (tern_pages_add(pages, addr + (__u64)(done + i) * PAGE, data))
				return done + i;
		}
		done += n;
	}
	return done;
}

/**
 * tern_pages_look() - add pages of the migrant whose data is read later
 * @pages: the message; no page in it may have data of its own
 * @dev: handle that stands for the migration
 * @addr: of the first page
 * @nr: how many, adjacent, in one mapping
 *
 * As tern_pages_read(), but for the data.
 */
int tern_pages_look(struct tern_pages *pages, int dev, __u64 addr, unsigned int nr)
{
	unsigned int done = 0;

	while (done < nr) {
		unsigned int left = nr - done < TERN_READ_MAX ? nr - done : TERN_READ_MAX;
		__u64 present = 0;
		int i, n;

		n = tern_dev_read_pages(dev, addr + (__u64)done * PAGE, left, NULL, &present);
		if (n <= 0)
			return done ? (int)done : n ? n : -EIO;
		if ((unsigned int)n > left)
			n = left;
		for (i = 0; i < n; i++) {
			bool zero = !(present & 1ULL << i);

			if (add_page(pages, addr + (__u64)(done + i) * PAGE,
				     zero ? TERN_WIRE_RUN_ZERO : 0))
				return done + i;
			pages->later += !zero;
		}
		done += n;
	}
	return done;
}

/**
 * tern_pages_pipe() - the pages themselves into a pipe
 * @pages: filled by tern_pages_look()
 * @dev: handle that stands for the migration
 * @pipe: empty, with room for all of them
 *
 * After an error nobody knows what is in the pipe.
 */
int tern_pages_pipe(const struct tern_pages *pages, int dev, int pipe)
{
	unsigned int i;

	for (i = 0; i < pages->nr_runs; i++) {
		const struct tern_wire_run *run = &pages->runs[i];
		off64_t addr = run->addr;
		size_t left = (size_t)run->nr * PAGE;

		while (left && !run->flags) {
			ssize_t n = splice(dev, &addr, pipe, NULL, left, SPLICE_F_NONBLOCK);

			if (n < 0 && errno == EINTR)
				continue;
			if (n <= 0)
				return n ? -errno : -EIO;
			left -= n;
		}
	}
	return 0;
}

static void set_head(struct tern_pages *pages)
{
	pages->head.nr_runs = pages->nr_runs;
	pages->iov[1] = (struct iovec) { &pages->head, sizeof(pages->head) };
	pages->iov[2] = (struct iovec) { pages->runs, pages->nr_runs * sizeof(pages->runs[0]) };
}

/**
 * tern_pages_splice() - send the message
 * @pages: filled by tern_pages_look()
 * @link: the lane
 * @pipe: its end to read from, after tern_pages_pipe()
 */
int tern_pages_splice(struct tern_pages *pages, struct tern_link *link, int pipe)
{
	if (!pages->later)
		return tern_pages_send(pages, link);
	set_head(pages);
	return tern_link_splice(link, TERN_MSG_PAGES, pages->iov, pages->nr_iov, pipe,
				(size_t)pages->later * PAGE);
}

/**
 * tern_pages_send() - send the message
 * @pages: the message
 * @link: the lane
 */
int tern_pages_send(struct tern_pages *pages, struct tern_link *link)
{
	set_head(pages);
	return tern_link_sendv(link, TERN_MSG_PAGES, pages->iov, pages->nr_iov);
}

/**
 * tern_pages_pack() - pack the message
 * @pages: the message, its data at hand
 * @packer: sends it; the message is not needed for that
 */
int tern_pages_pack(struct tern_pages *pages, struct tern_packer *packer)
{
	set_head(pages);
	return tern_packer_pack(packer, pages->iov + 1, pages->nr_iov - 1);
}
