// SPDX-License-Identifier: GPL-2.0
/*
 * Files without a name that are open and mapped at once, in several places: what is
 * written by one of them can be read by all others.
 *
 * usage: mapped DIR HOPS OWN	OWN: a directory, which each host has of its own
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

#define PAGE	4096
#define PAGES	64
#define HALF	(PAGES / 2)
#define HUGE	(2UL << 20)

/**
 * struct file - a file without a name, and where it is to be found
 * @fd: open for reading and writing
 * @all: mapped as a whole
 * @half: its second half once more
 * @look: for reading only
 * @own: a private mapping; its first page is the process's own
 * @key: what each page has, 0: zeros
 */
struct file {
	int fd;
	char *all, *half, *look, *own;
	unsigned int key[PAGES];
};

static struct file memfd, deleted;
static char *alone;	/* of one more memfd, shorter than a page */
static int alone_fd;

static char *map(int fd, int prot, int flags, unsigned int first, unsigned int nr)
{
	char *at = mmap(NULL, nr * PAGE, prot, flags, fd, (off_t)first * PAGE);

	check(at != MAP_FAILED, "mmap: %s", strerror(errno));
	return at;
}

static void set(struct file *f, unsigned int page, unsigned int what, unsigned int how)
{
	char buf[PAGE];

	page_fill(buf, what);
	f->key[page] = what;
	if (how == 0)
		check(pwrite(f->fd, buf, PAGE, (off_t)page * PAGE) == PAGE, "pwrite: %s",
		      strerror(errno));
	else if (how == 1 || page < HALF)
		memcpy(f->all + page * PAGE, buf, PAGE);
	else
		memcpy(f->half + (page - HALF) * PAGE, buf, PAGE);
}

static void check_file(const struct file *f, const char *name)
{
	char buf[PAGE];
	unsigned int i;

	for (i = 0; i < PAGES; i++) {
		check(page_is(f->all + i * PAGE, f->key[i]), "%s: page %u after %u hops", name, i,
		      migrant.hops);
		check(i < HALF || page_is(f->half + (i - HALF) * PAGE, f->key[i]),
		      "%s: page %u by its second half", name, i);
		check(page_is(f->look + i * PAGE, f->key[i]), "%s: page %u, for reading", name, i);
		check(pread(f->fd, buf, PAGE, (off_t)i * PAGE) == PAGE && page_is(buf, f->key[i]),
		      "%s: page %u by its descriptor", name, i);
	}
	check(page_is(f->own, 99) && page_is(f->own + PAGE, 0), "%s: what is the process's own", name);
}

static void open_file(struct file *f, int fd)
{
	int look;
	char path[64];

	check(fd >= 0 && !ftruncate(fd, (PAGES + 2) * PAGE), "file: %s", strerror(errno));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	look = open(path, O_RDONLY);
	check(look >= 0, "open: %s", strerror(errno));
	f->fd = fd;
	f->all = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED, 0, PAGES);
	f->half = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED, HALF, HALF);
	f->look = map(look, PROT_READ, MAP_SHARED, 0, PAGES);
	f->own = map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE, PAGES, 2);
	page_fill(f->own, 99);
	close(look);
}

static void change(struct file *f, unsigned int hop)
{
	unsigned int i;

	for (i = hop; i < PAGES; i += 3)
		set(f, i, 100 * hop + i + 1, i % 3);
	for (i = 0; i < PAGES; i += 7)
		set(f, i, 10000 * (hop + 1) + i, (i + hop) % 3);
}

/* A memfd in two huge pages, where there are any; the second one twice, a copy of the first. */
static int huge_fd = -1;
static char *huge, *huge_half, *huge_own;

static char *map_huge(int flags, unsigned int first, unsigned int nr)
{
	return mmap(NULL, nr * HUGE, PROT_READ | PROT_WRITE, flags, huge_fd, first * HUGE);
}

static void open_huge(void)
{
	huge_fd = memfd_create("huge", MFD_HUGETLB);
	if (huge_fd < 0 || ftruncate(huge_fd, 2 * HUGE)) {
		migrant_tell("huge", "none");
		return;
	}
	huge = map_huge(MAP_SHARED, 0, 2);
	huge_half = map_huge(MAP_SHARED, 1, 1);
	huge_own = map_huge(MAP_PRIVATE, 0, 1);
	if (huge == MAP_FAILED || huge_half == MAP_FAILED || huge_own == MAP_FAILED) {
		migrant_tell("huge", "none");
		huge = NULL;
		return;
	}
	page_fill(huge_own + 5 * PAGE, 99);
}

static void change_huge(unsigned int hop)
{
	if (!huge)
		return;
	page_fill(huge + 5 * PAGE, 100 * hop + 1);
	page_fill(huge_half + 7 * PAGE, 100 * hop + 2);
}

static void check_huge(unsigned int hop)
{
	char buf[PAGE];

	if (!huge)
		return;
	check(page_is(huge + 5 * PAGE, 100 * hop + 1) &&
	      page_is(huge + HUGE + 7 * PAGE, 100 * hop + 2) &&
	      page_is(huge_half + 7 * PAGE, 100 * hop + 2), "huge after %u hops", migrant.hops);
	check(pread(huge_fd, buf, PAGE, HUGE + 7 * PAGE) == PAGE && page_is(buf, 100 * hop + 2),
	      "huge by its descriptor after %u hops", migrant.hops);
	check(page_is(huge_own + 5 * PAGE, 99) && page_is(huge_own + 7 * PAGE, 0),
	      "huge: what is the process's own after %u hops", migrant.hops);
}

/* By the mapping, all the time; nothing but the memory knows how often. */
static bool count_until_hop(uint64_t *counted)
{
	struct timespec pause = { .tv_nsec = 200000 };
	unsigned int hops = migrant.hops;
	uint64_t n;

	while (migrant.hops == hops) {
		if (!migrant_step())
			return false;
		memcpy(&n, alone, sizeof(n));
		check(n == *counted, "counted %llu and found %llu", (unsigned long long)*counted,
		      (unsigned long long)n);
		n = ++*counted;
		memcpy(alone, &n, sizeof(n));
		nanosleep(&pause, NULL);
	}
	return true;
}

int main(int argc, char **argv)
{
	unsigned int i, hops;
	uint64_t counted = 0;
	char path[600];

	migrant_start(argc, argv, 2, "HOPS OWN");
	hops = atoi(argv[2]);
	open_file(&memfd, memfd_create("mapped", 0));
	snprintf(path, sizeof(path), "%s/mapped.file", argv[3]);
	open_file(&deleted, open(path, O_RDWR | O_CREAT | O_EXCL, 0600));
	check(!unlink(path), "unlink: %s", strerror(errno));
	alone_fd = memfd_create("alone", 0);
	check(!ftruncate(alone_fd, 100), "ftruncate: %s", strerror(errno));
	alone = map(alone_fd, PROT_READ | PROT_WRITE, MAP_SHARED, 0, 1);
	change(&memfd, 0);
	change(&deleted, 1);
	open_huge();
	change_huge(0);
	migrant_tell("ready", "yes");
	for (i = 1; i <= hops && count_until_hop(&counted); i++) {
		uint64_t n;

		check_file(&memfd, "memfd");
		check_file(&deleted, "deleted");
		check_huge(i - 1);
		change_huge(i);
		check_huge(i);
		change(&memfd, i);
		change(&deleted, i + 1);
		check_file(&memfd, "memfd");
		check_file(&deleted, "deleted");
		check(pread(alone_fd, &n, sizeof(n), 0) == sizeof(n) && n == counted,
		      "read %llu and not %llu", (unsigned long long)n,
		      (unsigned long long)counted);
	}
	migrant_rest();
	check_file(&memfd, "memfd");
	check_file(&deleted, "deleted");
	check_huge(hops);
	migrant_ok("hops=%u counted=%llu", migrant.hops, (unsigned long long)counted);
}
