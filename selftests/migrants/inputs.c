// SPDX-License-Identifier: GPL-2.0
/*
 * Files on a local disk that it only reads, and that go where it goes (--with-files), with
 * the directories that they are in, and in which it is itself: by two descriptors, each at
 * a place of its own, by a mapping, and by its path alone.
 *
 * usage: inputs DIR HOPS OWN	OWN: a directory, which each host has of its own
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

#define PAGE	4096
#define PAGES	700		/* some parts, and a hole behind them */
#define SIZE	((off_t)1 << 30)
#define UID	1234
#define MODE	0640
#define TIME	1000000000	/* when it was written */

static char input_name[600], table_name[600];
static int first, second, path, table;
static const char *map;

static int must(int fd, const char *what)
{
	check(fd >= 0, "%s: %s after %u hops", what, strerror(errno), migrant.hops);
	return fd;
}

static char dir_name[2][600];
static mode_t dir_mode[2];

static void make_dir(const char *own, const char *name, mode_t mode)
{
	unsigned int i = !!dir_mode[0];

	snprintf(dir_name[i], sizeof(dir_name[i]), "%s/%s", own, name);
	dir_mode[i] = mode;
	must(mkdir(dir_name[i], 0700), name);
	must(chown(dir_name[i], UID, 0), name);
	must(chmod(dir_name[i], mode), name);
}

static void check_dirs(void)
{
	char cwd[600];
	unsigned int i;
	struct stat st;

	check(getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, dir_name[1]), "it is in %s", cwd);

	for (i = 0; i < 2; i++) {
		must(stat(dir_name[i], &st), dir_name[i]);
		check(S_ISDIR(st.st_mode) && (st.st_mode & 07777) == dir_mode[i] &&
		      st.st_uid == UID && st.st_gid == 0, "owner or mode of %s", dir_name[i]);
	}
}

/* Pages of a key each, and nothing from there on up to @size. */
static void write_file(const char *name, off_t size)
{
	struct timespec times[2] = { { .tv_sec = TIME }, { .tv_sec = TIME, .tv_nsec = 42 } };
	int fd = must(open(name, O_WRONLY | O_CREAT | O_EXCL, 0600), name);
	char page[PAGE];
	unsigned int i;

	for (i = 0; i < PAGES; i++) {
		page_fill(page, i + 1);
		check(write(fd, page, PAGE) == PAGE, "write: %s", strerror(errno));
	}
	must(ftruncate(fd, size), "ftruncate");
	must(fchown(fd, UID, UID), "fchown");
	must(fchmod(fd, MODE), "fchmod");
	must(futimens(fd, times), "futimens");
	close(fd);
}

static void check_file(int fd, const char *name, off_t size)
{
	char link[64], is[600];
	struct stat open, named;
	ssize_t len;

	must(fstat(fd, &open), "fstat");
	must(stat(name, &named), name);
	check(open.st_ino == named.st_ino && open.st_dev == named.st_dev && open.st_nlink == 1,
	      "%s is another file after %u hops", name, migrant.hops);
	check(open.st_size == size && open.st_uid == UID && open.st_gid == UID &&
	      (open.st_mode & 07777) == MODE, "size, owner or mode of %s", name);
	check(open.st_mtim.tv_sec == TIME && open.st_mtim.tv_nsec == 42, "time of %s", name);
	check(open.st_blocks < 2 * PAGES * PAGE / 512, "%s has no hole any more", name);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, is, sizeof(is) - 1);
	is[len > 0 ? len : 0] = '\0';
	check(!strcmp(is, name), "%s is called %s", name, is);
}

/* The next page of it, wherever the process is. */
static void read_on(int fd, unsigned int page)
{
	char buf[PAGE];

	check(read(fd, buf, PAGE) == PAGE && page_is(buf, page + 1), "page %u after %u hops", page,
	      migrant.hops);
}

static void check_all(void)
{
	struct stat st;
	char buf[PAGE];
	unsigned int i;

	check_file(first, input_name, SIZE);
	check_file(second, input_name, SIZE);
	check_file(path, input_name, SIZE);
	check_file(table, table_name, PAGES * PAGE);
	check_dirs();
	check(fcntl(path, F_GETFL) & O_PATH, "not O_PATH any more");
	read_on(first, migrant.hops);
	read_on(second, PAGES / 2 + migrant.hops);
	for (i = 0; i < PAGES; i++)
		check(pread(first, buf, PAGE, i * PAGE) == PAGE && page_is(buf, i + 1) &&
		      page_is(map + i * PAGE, i + 1), "page %u after %u hops", i, migrant.hops);
	check(pread(first, buf, PAGE, SIZE - PAGE) == PAGE && page_is(buf, 0), "not all zeros");
	must(fstatat(path, "", &st, AT_EMPTY_PATH), "fstatat");
}

int main(int argc, char **argv)
{
	unsigned int hops;

	migrant_start(argc, argv, 2, "HOPS OWN");
	hops = strtoul(argv[2], NULL, 10);
	snprintf(input_name, sizeof(input_name), "%s/input", argv[3]);
	make_dir(argv[3], "deep", 0710);
	make_dir(argv[3], "deep/er", 01755);
	snprintf(table_name, sizeof(table_name), "%s/deep/er/table", argv[3]);
	write_file(input_name, SIZE);
	write_file(table_name, PAGES * PAGE);
	first = must(open(input_name, O_RDONLY), input_name);
	second = must(open(input_name, O_RDONLY | O_NOFOLLOW), input_name);
	path = must(open(input_name, O_PATH | O_NOFOLLOW), input_name);
	table = must(open(table_name, O_RDONLY), table_name);
	must(chdir(dir_name[1]), "chdir");
	map = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_SHARED, table, 0);
	check(map != MAP_FAILED, "mmap: %s", strerror(errno));
	lseek(second, PAGES / 2 * PAGE, SEEK_SET);
	check_all();
	migrant_tell("ready", "yes");
	while (migrant.hops < hops && migrant_wait_hop())
		check_all();
	migrant_rest();
	migrant_ok("hops=%u", migrant.hops);
}
