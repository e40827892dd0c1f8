// SPDX-License-Identifier: GPL-2.0
/*
 * Files without a name: deleted, O_TMPFILE, memfd; with holes, opened several times,
 * locked, sealed, changed between and during moves.
 *
 * usage: nameless DIR HOPS OWN [MIB]	OWN: a directory, which each host has of its own;
 *	MIB: size of one more file, which does not change
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

#define PAGE	4096
#define PAGES	300	/* of the deleted file; some are written */
#define MODE	0640
#define ID	1234
#define CHANGED	1500000000	/* a date */
#define SEALS	(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define HUGE	(2UL << 20)
#define HUGE_PAGES	3	/* of which the second one is never touched */

static const char *own;
static int huge = -1, deleted_huge = -1;	/* in huge pages, if there are any */
static int deleted, again, adder, tmpfile_fd, excl, memfd, sealed, empty, counts, large;
static unsigned int key[PAGES];	/* what is in each page, 0: zeros */
static unsigned int added;	/* pages at the end */
static uint64_t counted;

static int must(int fd, const char *what)
{
	check(fd >= 0, "%s: %s", what, strerror(errno));
	return fd;
}

static const char *path_of(const char *name)
{
	static char path[600];

	snprintf(path, sizeof(path), "%s/%s", own, name);
	return path;
}

static int make_deleted(const char *name)
{
	int fd = must(open(path_of(name), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600),
		      name);

	must(unlink(path_of(name)), "unlink");
	return fd;
}

static int reopen(int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return must(open(path, flags), "reopen");
}

static void put_page(int fd, unsigned int page, unsigned int what)
{
	char buf[PAGE] = { 0 };

	if (what)
		page_fill(buf, what);
	check(pwrite(fd, buf, PAGE, (off_t)page * PAGE) == PAGE, "pwrite: %s", strerror(errno));
}

static void check_page(int fd, unsigned int page, unsigned int what)
{
	char buf[PAGE];

	check(pread(fd, buf, PAGE, (off_t)page * PAGE) == PAGE, "page %u: %s", page,
	      strerror(errno));
	check(page_is(buf, what), "page %u is not %u after %u hops", page, what, migrant.hops);
}

static void set(unsigned int page, unsigned int what)
{
	put_page(deleted, page, what);
	key[page] = what;
}

static void add(void)
{
	char buf[PAGE];

	page_fill(buf, 5000 + added);
	check(write(adder, buf, PAGE) == PAGE, "append: %s", strerror(errno));
	added++;
}

static void open_all(int mib)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = CHANGED } };
	int i;

	deleted = make_deleted("deleted");
	again = reopen(deleted, O_RDONLY | O_CLOEXEC);
	adder = reopen(deleted, O_WRONLY | O_APPEND);
	check(!ftruncate(deleted, PAGES * PAGE), "ftruncate: %s", strerror(errno));
	set(0, 1);
	set(PAGES - 1, 2);
	add();
	must(lseek(again, 12345, SEEK_SET), "lseek");
	must(flock(again, LOCK_EX | LOCK_NB), "flock");
	tmpfile_fd = must(open(own, O_TMPFILE | O_WRONLY, 0600), "O_TMPFILE");
	must(write(tmpfile_fd, "to be linked", 12), "write");
	excl = must(open(own, O_TMPFILE | O_EXCL | O_RDWR, 0600), "O_EXCL");
	must(write(excl, "x", 1), "write");
	must(futimens(excl, times), "futimens");
	memfd = must(memfd_create("a name", 0), "memfd");
	sealed = must(memfd_create("sealed", MFD_ALLOW_SEALING | MFD_CLOEXEC), "memfd");
	put_page(sealed, 3, 77);
	must(fcntl(sealed, F_ADD_SEALS, SEALS), "seals");
	empty = make_deleted("empty");
	counts = make_deleted("counts");
	large = make_deleted("large");
	for (i = 0; i < mib * 256; i++)
		put_page(large, i, i + 1);
}

/* To write to such a file is to map it. */
static bool put_huge(int fd, unsigned int page, unsigned int what)
{
	char *at = mmap(NULL, HUGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, page * HUGE);
	unsigned int i;

	if (at == MAP_FAILED)
		return false;
	for (i = 0; i < HUGE / PAGE; i += 3)
		page_fill(at + i * PAGE, what + i);
	munmap(at, HUGE);
	return true;
}

static void check_huge(int fd, unsigned int page, unsigned int what)
{
	unsigned int i;

	for (i = 0; i < HUGE / PAGE; i++)
		check_page(fd, page * (HUGE / PAGE) + i, what && i % 3 == 0 ? what + i : 0);
}

static void open_huge(void)
{
	int dir = migrant_hugetlbfs();

	huge = memfd_create("huge", MFD_HUGETLB | MFD_ALLOW_SEALING);
	if (huge < 0 || ftruncate(huge, HUGE_PAGES * HUGE) || !put_huge(huge, 0, 1)) {
		migrant_tell("huge", "none");
		close(huge);
		huge = -1;
	} else {
		must(fcntl(huge, F_ADD_SEALS, F_SEAL_SHRINK), "seals");
		deleted_huge = must(openat(dir, "deleted", O_RDWR | O_CREAT, 0600), "hugetlbfs");
		must(unlinkat(dir, "deleted", 0), "unlinkat");
		must(ftruncate(deleted_huge, HUGE), "ftruncate");
	}
	close(dir);
}

static void change_huge(unsigned int hop)
{
	if (huge < 0)
		return;
	check(put_huge(huge, 0, 10 * hop + 1) && put_huge(huge, 2, 10 * hop + 2) &&
	      put_huge(deleted_huge, 0, 10 * hop + 3), "huge: %s", strerror(errno));
}

static void check_all_huge(unsigned int hops)
{
	struct stat st;

	if (huge < 0)
		return;
	check_huge(huge, 0, 10 * hops + 1);
	check_huge(huge, 1, 0);
	check_huge(huge, 2, 10 * hops + 2);
	check_huge(deleted_huge, 0, 10 * hops + 3);
	must(fstat(huge, &st), "fstat");
	check(st.st_size == (off_t)(HUGE_PAGES * HUGE) &&
	      fcntl(huge, F_GET_SEALS) == F_SEAL_SHRINK,
	      "huge: %ld bytes, seals %x", (long)st.st_size, fcntl(huge, F_GET_SEALS));
}

static void check_links(void)
{
	char name[64], linked[64];
	char buf[16];
	int fd;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", excl);
	check(linkat(AT_FDCWD, name, AT_FDCWD, path_of("never"), AT_SYMLINK_FOLLOW) &&
	      errno == ENOENT, "O_EXCL has been linked: %s", strerror(errno));
	snprintf(linked, sizeof(linked), "linked.%u", migrant.hops);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", tmpfile_fd);
	must(linkat(AT_FDCWD, name, AT_FDCWD, path_of(linked), AT_SYMLINK_FOLLOW), "linkat");
	fd = must(open(path_of(linked), O_RDONLY), linked);
	check(read(fd, buf, sizeof(buf)) == 12 && !memcmp(buf, "to be linked", 12),
	      "what has been linked is another file");
	close(fd);
	must(unlink(path_of(linked)), "unlink");
}

/* @hops: how often owner and mode have changed */
static void check_stat(unsigned int hops)
{
	struct stat st;

	must(fstat(tmpfile_fd, &st), "fstat");
	check(st.st_uid == ID + hops && st.st_gid == ID && (st.st_mode & 07777) == MODE + hops &&
	      S_ISREG(st.st_mode), "owner or mode");
	must(fstat(excl, &st), "fstat");
	check(st.st_mtim.tv_sec == CHANGED && !st.st_mtim.tv_nsec && !st.st_nlink,
	      "changed at %ld", (long)st.st_mtim.tv_sec);
	must(fstat(deleted, &st), "fstat");
	check(st.st_size == (off_t)(PAGES + added) * PAGE, "size %ld", (long)st.st_size);
	must(fstat(empty, &st), "fstat");
	check(!st.st_size, "something is in the empty file");
}

static void check_all(int mib, unsigned int hops)
{
	char byte = 0;
	int i;

	for (i = 0; i < PAGES; i++)
		check_page(i & 1 ? deleted : again, i, key[i]);
	for (i = 0; i < (int)added; i++)
		check_page(again, PAGES + i, 5000 + i);
	check(lseek(again, 0, SEEK_CUR) == 12345, "position %ld",
	      (long)lseek(again, 0, SEEK_CUR));
	check(read(adder, &byte, 1) < 0 && errno == EBADF &&
	      (fcntl(adder, F_GETFL) & (O_ACCMODE | O_APPEND)) == (O_WRONLY | O_APPEND) &&
	      fcntl(again, F_GETFD) == FD_CLOEXEC && !fcntl(deleted, F_GETFD), "flags");
	check(flock(deleted, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK, "not locked");
	check(fcntl(sealed, F_GET_SEALS) == SEALS && fcntl(memfd, F_GET_SEALS) == F_SEAL_SEAL,
	      "seals %x", fcntl(sealed, F_GET_SEALS));
	check_page(sealed, 2, 0);
	check_page(sealed, 3, 77);
	check(pwrite(sealed, &byte, 1, 0) < 0 && errno == EPERM, "sealed, and yet written to");
	check_stat(hops);
	check_all_huge(hops);
	for (i = 0; i < mib * 256; i++)
		check_page(large, i, i + 1);
}

static void check_counts(void)
{
	uint64_t i, n;

	for (i = 0; i < counted; i++)
		check(pread(counts, &n, sizeof(n), i * sizeof(n)) == sizeof(n) && n == i,
		      "count %llu of %llu is %llu", (unsigned long long)i,
		      (unsigned long long)counted, (unsigned long long)n);
	check(lseek(counts, 0, SEEK_CUR) == (off_t)(counted * sizeof(n)), "position of counts");
}

/* Different ones each time: new ones, others, zeros, nothing. */
static void change(unsigned int hop)
{
	unsigned int i;

	for (i = hop; i < PAGES; i += 17)
		set(i, i + 1000 * hop);
	set(PAGES - 1, 0);
	for (i = 64; i < 96; i++)
		set(i, hop & 1 ? i : 0);
	add();
	must(fchown(tmpfile_fd, ID + hop, ID), "fchown");
	must(fchmod(tmpfile_fd, MODE + hop), "fchmod");
	check(!ftruncate(memfd, hop & 1 ? 100000 : 10), "ftruncate: %s", strerror(errno));
	check(pwrite(memfd, &hop, sizeof(hop), 0) == sizeof(hop), "pwrite: %s", strerror(errno));
	change_huge(hop);
}

static void check_memfd(unsigned int hop)
{
	struct stat st;
	unsigned int n;

	must(fstat(memfd, &st), "fstat");
	check(st.st_size == (hop & 1 ? 100000 : 10), "memfd has %ld bytes", (long)st.st_size);
	check(pread(memfd, &n, sizeof(n), 0) == sizeof(n) && n == hop, "memfd has %u", n);
}

int main(int argc, char **argv)
{
	unsigned int i, hops;
	int mib;

	migrant_start(argc, argv, 2, "HOPS OWN [MIB]");
	hops = atoi(argv[2]);
	own = argv[3];
	mib = argc > 4 ? atoi(argv[4]) : 0;
	open_all(mib);
	open_huge();
	change(0);
	check_all(mib, 0);
	migrant_tell("ready", "yes");
	for (i = 1; i <= hops && migrant_count_until_hop(counts, &counted); i++) {
		check_all(mib, i - 1);
		check_memfd(i - 1);
		check_counts();
		change(i);
		check_all(mib, i);
	}
	check_links();
	migrant_rest();
	check_all(mib, migrant.hops);
	migrant_ok("hops=%u counted=%llu", migrant.hops, (unsigned long long)counted);
}
