// SPDX-License-Identifier: GPL-2.0
/*
 * Files on a local disk that it writes to, and that move with it (--with-files): written
 * to all the time, mapped, mapped and closed, locked, renamed, removed and made between
 * moves. And one that it only reads, which every host has.
 *
 * usage: local DIR HOPS OWN	OWN: a directory, which each host has of its own, with a
 *	file "config"
 */
#include <dirent.h>
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
#define PAGES	50
#define UID	1234
#define MODE	0640

static const char *own;
static int journal, reader, table, config, scratch, deep;
static char journal_name[64] = "journal";
static char *map;
static char *ring, *ring_again;	/* a file that is mapped twice, and not open any more */
static char *pidfile;		/* another one, which is locked against all others */
static unsigned int key[PAGES];
static uint64_t counted;

static int must(int fd, const char *what)
{
	check(fd >= 0, "%s: %s after %u hops", what, strerror(errno), migrant.hops);
	return fd;
}

static const char *path_of(const char *name)
{
	static char path[2][600];
	static int next;

	next = !next;
	snprintf(path[next], sizeof(path[next]), "%s/%s", own, name);
	return path[next];
}

static int open_own(const char *name, int flags)
{
	return must(open(path_of(name), flags, 0600), name);
}

static void set(unsigned int page, unsigned int what)
{
	char buf[PAGE];

	page_fill(buf, what);
	if (page & 1)
		memcpy(map + page * PAGE, buf, PAGE);
	else
		check(pwrite(table, buf, PAGE, page * PAGE) == PAGE, "pwrite: %s", strerror(errno));
	if (page < PAGES / 2)
		memcpy(ring + page * PAGE, buf, PAGE);
	else
		memcpy(ring_again + (page - PAGES / 2) * PAGE, buf, PAGE);
	key[page] = what;
}

/* The file that is found by that name is the one that is open. */
static void check_name(int fd, const char *name)
{
	char link[64], path[600];
	struct stat open, named;
	ssize_t len;

	must(fstat(fd, &open), "fstat");
	must(stat(path_of(name), &named), name);
	check(open.st_ino == named.st_ino && open.st_dev == named.st_dev && open.st_nlink == 1,
	      "%s is another file after %u hops", name, migrant.hops);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	path[len > 0 ? len : 0] = '\0';
	check(!strcmp(path, path_of(name)), "%s is called %s", name, path);
}

static void check_journal(void)
{
	int fd = open_own(journal_name, O_RDONLY);
	uint64_t i, n;

	for (i = 0; i < counted; i++)
		check(read(fd, &n, sizeof(n)) == sizeof(n) && n == i, "count %llu is %llu",
		      (unsigned long long)i, (unsigned long long)n);
	check(read(fd, &n, 1) == 0, "there is more in the journal");
	close(fd);
	check(read(reader, &n, sizeof(n)) == sizeof(n) && n == migrant.hops - 1,
	      "read count %llu after %u hops", (unsigned long long)n, migrant.hops);
}

static void check_table(void)
{
	char buf[PAGE];
	struct stat st;
	unsigned int i;
	int fd;

	for (i = 0; i < PAGES; i++) {
		check(pread(table, buf, PAGE, i * PAGE) == PAGE, "pread: %s", strerror(errno));
		check(page_is(buf, key[i]) && page_is(map + i * PAGE, key[i]),
		      "page %u is not %u after %u hops", i, key[i], migrant.hops);
	}
	must(fstat(table, &st), "fstat");
	check(st.st_uid == UID && (st.st_mode & 07777) == MODE && st.st_size == PAGES * PAGE,
	      "owner, mode or size");
	fd = open_own("table", O_RDONLY);
	check(flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK, "not locked");
	close(fd);
}

static char *map_closed(const char *name, int flags, int lock, off_t offset, size_t len)
{
	int fd = open_own(name, O_RDWR | flags);
	char *at;

	must(ftruncate(fd, PAGES * PAGE), "ftruncate");
	at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	check(at != MAP_FAILED, "mmap: %s", strerror(errno));
	must(flock(fd, lock), "flock");
	close(fd);
	return at;
}

/* Of the second half there are two mappings. */
static void check_ring(void)
{
	int fd = open_own("pid", O_RDWR);
	char buf[PAGE];
	unsigned int i;

	check(flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK, "pid is not locked");
	check(read(fd, buf, 4) == 4 && !strcmp(buf, "pid"), "pid");
	check(pwrite(fd, "PID", 3, 0) == 3 && !strcmp(pidfile, "PID"), "pid is another file");
	strcpy(pidfile, "pid");
	close(fd);
	fd = open_own("ring", O_RDONLY);
	check(flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK, "ring is not locked");
	for (i = 0; i < PAGES; i++) {
		check(pread(fd, buf, PAGE, i * PAGE) == PAGE, "pread: %s", strerror(errno));
		check(page_is(buf, key[i]) && page_is(ring + i * PAGE, key[i]) &&
		      (i < PAGES / 2 || page_is(ring_again + (i - PAGES / 2) * PAGE, key[i])),
		      "page %u of ring is not %u after %u hops", i, key[i], migrant.hops);
	}
	close(fd);
}

/* Nothing else is there. */
static void check_directory(void)
{
	unsigned int nr = 0;
	struct dirent *e;
	DIR *d = opendir(own);

	check(d != NULL, "%s: %s", own, strerror(errno));
	while ((e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		nr++;
		check(!strcmp(e->d_name, "config") || !strcmp(e->d_name, "table") ||
		      !strcmp(e->d_name, "pid") || !strcmp(e->d_name, "sub") ||
		      !strcmp(e->d_name, "ring") || !strcmp(e->d_name, "scratch") ||
		      !strcmp(e->d_name, journal_name),
		      "%s is there after %u hops", e->d_name, migrant.hops);
	}
	closedir(d);
	check(nr == 7, "%u files are there after %u hops", nr, migrant.hops);
}

static void check_all(void)
{
	char text[8] = "";

	check_name(journal, journal_name);
	check_name(reader, journal_name);
	check_name(table, "table");
	check_name(scratch, "scratch");
	check_name(config, "config");
	check_name(deep, "sub/dir/file");
	check(pread(deep, text, sizeof(text), 0) == migrant.hops - 1, "a file in a directory");
	check(write(deep, "x", 1) == 1, "write: %s", strerror(errno));
	check_journal();
	check_table();
	check_ring();
	check(pread(config, text, sizeof(text), 0) == 5 && !strcmp(text, "same\n"), "config");
	check_directory();
}

static void change(unsigned int hop)
{
	unsigned int i;
	char name[64];

	for (i = hop; i < PAGES; i += 7)
		set(i, i + 1000 * hop);
	snprintf(name, sizeof(name), "journal.%u", hop);
	must(rename(path_of(journal_name), path_of(name)), "rename");
	strcpy(journal_name, name);
	close(scratch);
	must(unlink(path_of("scratch")), "unlink");
	scratch = open_own("scratch", O_WRONLY | O_CREAT | O_EXCL);
}

int main(int argc, char **argv)
{
	unsigned int i, hops;

	migrant_start(argc, argv, 2, "HOPS OWN");
	hops = atoi(argv[2]);
	own = argv[3];
	config = open_own("config", O_RDONLY);
	must(mkdir(path_of("sub"), 0700), "sub");
	must(mkdir(path_of("sub/dir"), 0700), "sub/dir");
	deep = open_own("sub/dir/file", O_RDWR | O_APPEND | O_CREAT | O_EXCL);
	journal = open_own(journal_name, O_WRONLY | O_APPEND | O_CREAT | O_EXCL);
	reader = open_own(journal_name, O_RDONLY);
	scratch = open_own("scratch", O_WRONLY | O_CREAT | O_EXCL);
	table = open_own("table", O_RDWR | O_CREAT | O_EXCL);
	must(ftruncate(table, PAGES * PAGE), "ftruncate");
	must(fchown(table, UID, UID), "fchown");
	must(fchmod(table, MODE), "fchmod");
	must(flock(table, LOCK_EX), "flock");
	map = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, table, 0);
	check(map != MAP_FAILED, "mmap: %s", strerror(errno));
	ring = map_closed("ring", O_CREAT | O_EXCL, LOCK_SH, 0, PAGES * PAGE);
	ring_again = map_closed("ring", 0, LOCK_SH, PAGES / 2 * PAGE, PAGES / 2 * PAGE);
	pidfile = map_closed("pid", O_CREAT | O_EXCL, LOCK_EX, 0, PAGE);
	strcpy(pidfile, "pid");
	for (i = 0; i < PAGES; i++)
		set(i, i + 1);
	migrant_tell("ready", "yes");
	for (i = 1; i <= hops && migrant_count_until_hop(journal, &counted); i++) {
		check_all();
		change(i);
	}
	migrant_rest();
	migrant_ok("hops=%u counted=%llu", migrant.hops, (unsigned long long)counted);
}
