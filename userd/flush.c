// SPDX-License-Identifier: GPL-2.0
/*
 * The flush: pushes every page of the map that no demand fault has fetched,
 * in ascending order, while one message leaves reading the next.
 *
 * Owns its two buffers, and lane 1 as long as it runs. Shares the bitmap of
 * pages sent with the job's thread; takes no locks. Never waits for a fault
 * and never changes its order for one.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "flush.h"
#include "host.h"
#include "pages.h"

#define PAGE	((__u64)TERN_WIRE_PAGE)
#define BATCH	256U		/* pages in one message */

/**
 * struct cursor - where the flush stands
 * @flush: the flush
 * @range: index of the range
 * @addr: the next page in it
 * @pages: the two messages
 * @data: their pages
 */
struct cursor {
	struct tern_flush *flush;
	size_t range;
	__u64 addr;
	struct tern_pages *pages[2];
	char *data;
};

/* The next adjacent pages that nobody has sent, claimed; 0: this range is done. */
static unsigned int claim(struct cursor *c, unsigned int most, __u64 *start)
{
	struct tern_map *map = c->flush->map;
	const struct tern_wire_range *r = &map->ranges[c->range];
	unsigned int nr = 0;

	if (c->addr < r->start)
		c->addr = r->start;
	for (; c->addr < r->end && nr < most; c->addr += PAGE) {
		if (tern_map_claim(map, map->first[c->range] + (c->addr - r->start) / PAGE)) {
			if (!nr++)
				*start = c->addr;
		} else if (nr) {
			break;
		}
	}
	return nr;
}

/* A page that cannot be read stays missing: whoever touches it waits. */
static void skip(struct cursor *c, __u64 addr, int err)
{
	tern_log(LOG_ERR, "migration %016" PRIx64 ": page %#" PRIx64 " cannot be read: %s; the process will wait where it touches it",
		 (uint64_t)c->flush->id, (uint64_t)addr, strerror(-err));
}

static unsigned int read_claimed(struct cursor *c, struct tern_pages *pages, __u64 addr,
				 unsigned int nr, char *buf)
{
	unsigned int done = 0;

	while (done < nr) {
		int n = tern_pages_read(pages, c->flush->dev, addr + done * PAGE, nr - done,
					buf + done * PAGE);

		/* one bad page fails the whole group: go page by page around it */
		if (n < 0 && nr - done > 1)
			n = tern_pages_read(pages, c->flush->dev, addr + done * PAGE, 1,
					    buf + done * PAGE);
		if (n < 0) {
			skip(c, addr + done * PAGE, n);
			n = 1;
		}
		done += n;
	}
	return done;
}

/* Returns false when there is nothing left to send. */
static bool fill(struct cursor *c, struct tern_pages *pages, char *buf)
{
	const struct tern_map *map = c->flush->map;
	unsigned int used = 0;

	tern_pages_reset(pages);
	while (c->range < map->nr) {
		__u64 start = 0;
		unsigned int nr = claim(c, BATCH - used, &start);

		if (nr)
			used += read_claimed(c, pages, start, nr, buf + used * PAGE);
		else if (c->addr >= map->ranges[c->range].end)
			c->range++;
		if (used < BATCH)
			continue;
		if (pages->nr_runs)
			break;
		used = 0;	/* not one of them could be read */
	}
	return pages->nr_runs;
}

static int push(struct cursor *c)
{
	struct tern_link *link = c->flush->link;
	bool under_way = false;
	unsigned int turn = 0;
	int rc;

	for (;; turn ^= 1) {
		struct tern_pages *pages = c->pages[turn];
		bool more = fill(c, pages, c->data + turn * BATCH * PAGE);

		rc = under_way ? tern_link_sendv_finish(link) : 0;
		if (rc || !more)
			return rc;
		__atomic_fetch_add(&c->flush->zero, pages->zero, __ATOMIC_RELAXED);
		rc = tern_pages_start(pages, link);
		if (rc)
			return rc;
		under_way = true;
	}
}

static void *run(void *arg)
{
	struct tern_flush *flush = arg;
	size_t size = 2 * BATCH * PAGE;
	struct cursor c = { .flush = flush };
	int rc = -ENOMEM;

	c.pages[0] = malloc(sizeof(*c.pages[0]));
	c.pages[1] = malloc(sizeof(*c.pages[1]));
	c.data = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (c.pages[0] && c.pages[1] && c.data != MAP_FAILED) {
		rc = push(&c);
		if (!rc)
			rc = tern_link_send(flush->link, TERN_MSG_FLUSHED, NULL, 0);
	}
	if (c.data != MAP_FAILED)
		munmap(c.data, size);
	free(c.pages[0]);
	free(c.pages[1]);
	if (rc && rc != -ECANCELED)
		tern_log(LOG_INFO, "migration %016" PRIx64 ": flush interrupted: %s",
			 (uint64_t)flush->id, strerror(-rc));
	__atomic_store_n(&flush->failed, !!rc, __ATOMIC_RELEASE);
	return NULL;
}

/**
 * tern_flush_start() - start to push pages
 * @flush: to be filled
 * @id: of the migration
 * @dev: handle that stands for it
 * @link: lane 1
 * @map: complete
 */
int tern_flush_start(struct tern_flush *flush, __u64 id, int dev, struct tern_link *link,
		     struct tern_map *map)
{
	flush->id = id;
	flush->dev = dev;
	flush->link = link;
	flush->map = map;
	flush->zero = 0;
	flush->failed = false;
	flush->running = !pthread_create(&flush->thread, NULL, run, flush);
	return flush->running ? 0 : -EAGAIN;
}

/**
 * tern_flush_stop() - stop pushing, and wait until lane 1 is free
 * @flush: started, or zeroed
 * @stop: eventfd that interrupts lane 1
 */
void tern_flush_stop(struct tern_flush *flush, int stop)
{
	if (!flush->running)
		return;
	if (eventfd_write(stop, 1))
		tern_log(LOG_ERR, "eventfd: %s", strerror(errno));
	pthread_join(flush->thread, NULL);
	flush->running = false;
}
