// SPDX-License-Identifier: GPL-2.0
/* stash.c: files that move with a process, from image to image. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stash.h"
#include "test.h"

#define BLOCK	TERN_DATA_BLOCK
#define MIB	(1 << 20)

static char dir[] = "/tmp/tern-stash-XXXXXX";
static struct tern_stash stash;
static struct tern_image images[2];	/* the last one, the next one */
static struct tern_why why;

static struct tern_obj_carried plain(__u64 ino, __u64 size)
{
	return (struct tern_obj_carried){ .kind = TERN_CARRIED_DELETED, .ino = ino,
					   .size = size, .mode = S_IFREG | 0640 };
}

/* The next image is what has been added since the last fill(). */
static void add_file(struct tern_obj_carried n, const char *name)
{
	static __u32 id;
	const struct tern_obj *obj = NULL;

	for (id = 1; (obj = tern_image_find(&images[1], TERN_OBJ_CARRIED, obj)); id++)
		;
	n.id = id;
	n.name = strlen(name) + 1;
	CHECK(!tern_image_add(&images[1], TERN_OBJ_CARRIED, &n, sizeof(n), name, n.name));
}

static void add_data(__u32 id, __u64 offset, char byte, size_t len)
{
	struct tern_obj_data data = { .carried = id, .offset = offset };
	static char bytes[BLOCK];

	memset(bytes, byte, sizeof(bytes));
	CHECK(!tern_image_add(&images[1], TERN_OBJ_DATA, &data, sizeof(data), bytes, len));
}

static int fill(void)
{
	int err;

	why.text[0] = '\0';
	err = tern_stash_fill(&stash, &images[0], &images[1], "here", &why);
	tern_image_free(&images[0]);
	images[0] = images[1];
	memset(&images[1], 0, sizeof(images[1]));
	return err;
}

static off_t size_of(unsigned int i)
{
	struct stat st;

	return fstat(stash.file[i].file.fd, &st) ? -1 : st.st_size;
}

/* Is it @byte in all of that place? */
static bool holds(unsigned int i, off_t offset, char byte, size_t len)
{
	char c;

	for (; len; len--, offset++)
		if (pread(stash.file[i].file.fd, &c, 1, offset) != 1 || c != byte)
			return false;
	return true;
}

static void test_change(void)
{
	struct stat st;
	int fd;

	add_file(plain(1, 200000), dir);
	add_data(1, 0, 'a', BLOCK);
	add_data(1, 2 * BLOCK, 'b', BLOCK);
	CHECK(!fill() && stash.nr == 1 && size_of(0) == 200000);
	CHECK(holds(0, 0, 'a', BLOCK) && holds(0, BLOCK, 0, BLOCK) &&
	      holds(0, 2 * BLOCK, 'b', BLOCK) && holds(0, 3 * BLOCK, 0, 200000 - 3 * BLOCK));
	fd = stash.file[0].file.fd;
	/* a block is another, one is new, one has gone; it is longer */
	add_file(plain(1, MIB), dir);
	add_data(1, 0, 'A', BLOCK);
	add_data(1, BLOCK, 'c', BLOCK);
	CHECK(!fill() && stash.file[0].file.fd == fd && size_of(0) == MIB);
	CHECK(holds(0, 0, 'A', BLOCK) && holds(0, BLOCK, 'c', BLOCK) &&
	      holds(0, 2 * BLOCK, 0, MIB - 2 * BLOCK));
	/* shorter, and longer again: what was behind the end is gone */
	add_file(plain(1, 100), dir);
	add_data(1, 0, 'A', 100);
	CHECK(!fill() && size_of(0) == 100);
	add_file(plain(1, 2 * BLOCK), dir);
	add_data(1, 0, 'A', BLOCK);
	CHECK(!fill() && size_of(0) == 2 * BLOCK);
	CHECK(holds(0, 0, 'A', BLOCK) && holds(0, BLOCK, 0, BLOCK));
	/* the owner comes at the end, as it is then */
	add_file((struct tern_obj_carried){ .kind = TERN_CARRIED_DELETED, .ino = 1, .size = 7,
					     .mode = S_IFREG | 0604, .uid = 5, .gid = 6 }, dir);
	add_data(1, 0, 'A', 7);
	CHECK(!fill() && stash.file[0].file.fd == fd && !tern_stash_finish(&stash, &images[0], "here", &why));
	CHECK(!fstat(fd, &st) && st.st_uid == 5 && st.st_gid == 6 && st.st_mode == (S_IFREG | 0604));
	/* of the same inode number, but of another kind */
	add_file((struct tern_obj_carried){ .kind = TERN_CARRIED_TMPFILE, .ino = 1, .size = 7,
					     .mode = S_IFREG | 0604 }, dir);
	add_data(1, 0, 'A', 7);
	CHECK(!fill() && stash.file[0].file.fd != fd && holds(0, 0, 'A', 7));
	/* cut within a block that has gone */
	add_file(plain(1, 10), dir);
	CHECK(!fill() && size_of(0) == 10 && holds(0, 0, 0, 10));
}

static void test_files(void)
{
	struct stat st;

	/* another one in the place of the first, and one more */
	add_file(plain(7, 5), dir);
	add_file((struct tern_obj_carried){ .kind = TERN_CARRIED_MEMFD, .ino = 8, .size = 6,
					     .mode = S_IFREG | 0777, .seals = F_SEAL_WRITE,
					     .mtime = 5000000001 }, "a/name");
	add_data(1, 0, 'x', 5);
	add_data(2, 0, 'y', 6);
	CHECK(!fill() && stash.nr == 2);
	CHECK(holds(0, 0, 'x', 5) && holds(1, 0, 'y', 6));
	CHECK(!fstat(stash.file[0].file.fd, &st) && st.st_mode == (S_IFREG | 0640) && !st.st_nlink);
	CHECK(!tern_stash_finish(&stash, &images[0], "here", &why));
	CHECK(fcntl(stash.file[1].file.fd, F_GET_SEALS) == F_SEAL_WRITE);
	CHECK(!fstat(stash.file[1].file.fd, &st) && st.st_mtim.tv_sec == 5 && st.st_mtim.tv_nsec == 1);
	/* the first one has gone: the second is the first now, and is made anew */
	add_file((struct tern_obj_carried){ .kind = TERN_CARRIED_TMPFILE, .ino = 9, .size = 3,
					     .mode = S_IFREG }, dir);
	add_data(1, 0, 'z', 3);
	CHECK(!fill() && stash.nr == 1 && holds(0, 0, 'z', 3) && size_of(0) == 3);
	CHECK(!fill() && !stash.nr);
}

static unsigned int files_in_dir(void)
{
	struct dirent *entry;
	unsigned int nr = 0;
	DIR *d = opendir(dir);

	while (d && (entry = readdir(d)))
		nr += entry->d_name[0] != '.' || entry->d_name[1] == 't';
	closedir(d);
	return nr;
}

/* It has another name until the end, and none if that never comes. */
static void test_named(void)
{
	struct tern_obj_carried n = plain(3, 4);
	char name[64], link[64], path[512];
	ssize_t len;

	n.kind = TERN_CARRIED_NAMED;
	snprintf(name, sizeof(name), "%s/name", dir);
	add_file(n, name);
	add_data(1, 0, 'n', 4);
	CHECK(!fill() && access(name, F_OK) && files_in_dir() == 1);
	tern_stash_fini(&stash);
	CHECK(files_in_dir() == 0);
	tern_image_free(&images[0]);
	/* its name, when all is as it should be; gone if the process does not come after all */
	add_file(n, name);
	add_file(plain(4, 0), dir);
	add_data(1, 0, 'n', 4);
	CHECK(!fill() && !tern_stash_finish(&stash, &images[0], "here", &why));
	CHECK(!access(name, F_OK) && files_in_dir() == 1);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", stash.file[0].file.fd);
	len = readlink(link, path, sizeof(path));
	CHECK(len == (ssize_t)strlen(name) && !memcmp(path, name, len));
	tern_stash_fini(&stash);
	CHECK(files_in_dir() == 0);
	tern_image_free(&images[0]);
	/* left, beside one without a name; then it is in the way of another one */
	add_file(plain(4, 0), dir);
	add_file(n, name);
	CHECK(!fill() && !tern_stash_finish(&stash, &images[0], "here", &why));
	tern_stash_leave(&stash);
	CHECK(stash.nr == 1);
	tern_stash_sync(&stash);
	CHECK(!stash.nr && files_in_dir() == 1 && !access(name, F_OK));
	tern_image_free(&images[0]);
	add_file(n, name);
	CHECK(fill() == -EEXIST && strstr(why.text, name) && files_in_dir() == 1);
	tern_stash_fini(&stash);
	tern_image_free(&images[0]);
	CHECK(!unlink(name));
	/* one comes there while it is prepared */
	add_file(n, name);
	CHECK(!fill() && close(creat(name, 0600)) == 0);
	CHECK(tern_stash_finish(&stash, &images[0], "here", &why) == -EEXIST);
	tern_stash_fini(&stash);
	tern_image_free(&images[0]);
	CHECK(files_in_dir() == 1 && !unlink(name));
	/* not by way of a link; and what has taken its temporary name is not removed */
	CHECK(!symlink(".", name));
	snprintf(path, sizeof(path), "%s/name/other", dir);
	add_file(n, path);
	CHECK(fill() == -ELOOP && files_in_dir() == 1 && !unlink(name));
	tern_stash_fini(&stash);
	tern_image_free(&images[0]);
	add_file(n, name);
	CHECK(!fill());
	snprintf(path, sizeof(path), "%s/%s", dir, stash.file[0].file.name);
	CHECK(!rename(path, name) && !mkdir(path, 0700));
	CHECK(tern_stash_finish(&stash, &images[0], "here", &why) < 0);
	tern_stash_fini(&stash);
	tern_image_free(&images[0]);
	CHECK(!rmdir(path) && !unlink(name) && !files_in_dir());
}

/* An id that nobody is likely to have. */
#define SEGMENT	((31 << 15) + 1234)

static bool is_there(void)
{
	struct shmid_ds ds;

	return !shmctl(SEGMENT, IPC_STAT, &ds);
}

static void add_segment(__u32 kind, const char *name)
{
	struct tern_obj_carried n = plain(SEGMENT, 5000);

	n.kind = kind;
	n.uid = 12;
	n.room = 8192;
	add_file(n, name);
}

static void test_segment(void)
{
	const char *name = "SYSV7e490002";
	struct shmid_ds ds;
	char *at;

	add_segment(TERN_CARRIED_SYSV, name);
	add_data(1, 0, 'a', 8192);
	CHECK(!fill() && is_there() && shmget(0x7e490002, 0, 0) == SEGMENT);
	at = shmat(SEGMENT, NULL, 0);
	CHECK(at != (void *)-1 && at[0] == 'a' && at[4999] == 'a' && at[8191] == 'a');
	/* the next draft: removed meanwhile, and some of it has changed */
	add_segment(TERN_CARRIED_SYSV_GONE, name);
	add_data(1, 0, 'b', 8192);
	CHECK(!fill() && is_there() && at[8191] == 'b');
	CHECK(!tern_stash_finish(&stash, &images[0], "here", &why));
	CHECK(!shmctl(SEGMENT, IPC_STAT, &ds) && ds.shm_segsz == 5000 && ds.shm_perm.uid == 12 &&
	      (ds.shm_perm.mode & 0777) == 0640 && shmget(0x7e490002, 0, 0) < 0);
	tern_stash_leave(&stash);
	CHECK(is_there() && !shmdt(at) && !is_there());
	tern_stash_fini(&stash);
	tern_image_free(&images[0]);

	/* it stays where it is; and what is taken here is not ours */
	add_segment(TERN_CARRIED_SYSV, name);
	CHECK(!fill() && is_there());
	tern_stash_fini(&stash);
	tern_image_free(&images[0]);
	CHECK(!is_there());
	add_segment(TERN_CARRIED_SYSV, name);
	CHECK(!fill());
	tern_stash_leave(&stash);
	tern_stash_fini(&stash);
	tern_image_free(&images[0]);
	add_segment(TERN_CARRIED_SYSV, "SYSV00000000");
	CHECK(fill() == -EEXIST && strstr(why.text, "is taken") && is_there());
	tern_stash_fini(&stash);
	tern_image_free(&images[0]);
	CHECK(!shmctl(SEGMENT, IPC_RMID, NULL));
}

/* A segment, and a memfd of @size bytes. */
static void add_huge(__u32 kind, __u64 size, __u32 seals)
{
	struct tern_obj_carried segment = plain(SEGMENT, 5000), memfd = plain(SEGMENT, size);

	segment.kind = kind;
	segment.room = 2 * MIB;
	segment.huge = 21;
	add_file(segment, "SYSV7e490002");
	memfd.kind = TERN_CARRIED_MEMFD;
	memfd.huge = 21;
	memfd.seals = seals;
	add_file(memfd, "huge");
}

static void add_room(__u64 room)
{
	struct tern_obj_carried segment = plain(SEGMENT, 5000);

	segment.kind = TERN_CARRIED_SYSV_GONE;
	segment.room = room;
	segment.huge = 21;
	add_file(segment, "SYSV7e490003");
}

/* In huge pages, or if this host has none, in others: nobody can tell by what is in it. */
static void test_huge(void)
{
	struct shmid_ds ds;
	char *at, last;

	add_huge(TERN_CARRIED_SYSV, 4 * MIB, 0);
	add_data(1, 2 * MIB - TERN_DATA_BLOCK, 'a', TERN_DATA_BLOCK);
	add_data(2, 4 * MIB - TERN_DATA_BLOCK, 'b', TERN_DATA_BLOCK);
	CHECK(!fill() && is_there());
	at = shmat(SEGMENT, NULL, 0);
	CHECK(at != (void *)-1 && !at[0] && at[2 * MIB - 1] == 'a');
	CHECK(!shmctl(SEGMENT, IPC_STAT, &ds) && ds.shm_segsz == 5000);
	CHECK(pread(stash.file[1].file.fd, &last, 1, 4 * MIB - 1) == 1 && last == 'b');
	/* what was there is gone, and the memfd is larger */
	add_huge(TERN_CARRIED_SYSV_GONE, 6 * MIB, F_SEAL_WRITE);
	add_data(2, 4 * MIB, 'c', TERN_DATA_BLOCK);
	CHECK(!fill() && !at[2 * MIB - 1]);
	CHECK(!tern_stash_finish(&stash, &images[0], "here", &why));
	CHECK(pread(stash.file[1].file.fd, &last, 1, 4 * MIB) == 1 && last == 'c');
	CHECK(pread(stash.file[1].file.fd, &last, 1, 4 * MIB - 1) == 1 && !last);
	CHECK(fcntl(stash.file[1].file.fd, F_GET_SEALS) == F_SEAL_WRITE);
	tern_stash_fini(&stash);
	tern_image_free(&images[0]);
	CHECK(!shmdt(at));

	/* the same size, but more room: nothing is written behind what was mapped for it */
	add_room(2 * MIB);
	CHECK(!fill());
	add_room(4 * MIB);
	add_data(1, 4 * MIB - TERN_DATA_BLOCK, 'd', TERN_DATA_BLOCK);
	CHECK(fill() || !stash.file[0].huge || stash.file[0].len >= 4 * MIB);
	tern_stash_fini(&stash);
	tern_image_free(&images[0]);
}

static void test_errors(void)
{
	add_file(plain(1, 5), "/nowhere/at/all");
	CHECK(fill() == -ENOENT);
	CHECK(strstr(why.text, "/nowhere/at/all") && strstr(why.text, "on here"));
	CHECK(!fill() && !stash.nr);
	add_file(plain(1, 5), "/dev/null");
	CHECK(fill() == -ENOTDIR);
	CHECK(!fill());
	signal(SIGXFSZ, SIG_IGN);
	CHECK(!setrlimit(RLIMIT_FSIZE, &(struct rlimit){ MIB, RLIM_INFINITY }));
	add_file(plain(1, 2 * MIB), dir);
	CHECK(fill() == -EFBIG);
	CHECK(!setrlimit(RLIMIT_FSIZE, &(struct rlimit){ RLIM_INFINITY, RLIM_INFINITY }));
	tern_stash_fini(&stash);
	tern_image_free(&images[0]);
	CHECK(!fill() && !stash.nr);
}

int main(void)
{
	if (geteuid()) {
		printf("1..0 # SKIP needs root\n");
		return 0;
	}
	CHECK(mkdtemp(dir));
	test_change();
	test_files();
	test_named();
	test_segment();
	test_huge();
	test_errors();
	tern_stash_fini(&stash);
	CHECK(!rmdir(dir));
	return done();
}
