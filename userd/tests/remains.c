// SPDX-License-Identifier: GPL-2.0
/* remains.c: which files are removed at the source, and which are left. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "remains.h"
#include "seen.h"
#include "test.h"

static char dir[] = "/tmp/tern-remains-XXXXXX";
static char name[64], link_to_dir[64], by_link[80];
static struct tern_image image;

/* A file, and the image of a process that has moved with it. */
static void make(const char *path, __u32 kind)
{
	struct tern_obj_carried c = { .id = 1, .kind = kind, .name = strlen(path) + 1 };
	int fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0600);
	struct stat st;

	CHECK(fd >= 0 && write(fd, "moved", 5) == 5 && !fstat(fd, &st) && !close(fd));
	c.dev = st.st_dev;
	c.ino = st.st_ino;
	c.size = st.st_size;
	c.mtime = tern_seen_time(&st.st_mtim);
	image.len = 0;
	CHECK(!tern_image_add(&image, TERN_OBJ_CARRIED, &c, sizeof(c), path, c.name));
}

static bool is_left(void)
{
	return !access(name, F_OK) && !unlink(name);
}

int main(void)
{
	const struct timespec later[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = 7 } };
	int fd;

	CHECK(mkdtemp(dir) != NULL);
	snprintf(name, sizeof(name), "%s/file", dir);
	snprintf(link_to_dir, sizeof(link_to_dir), "%s.link", dir);
	snprintf(by_link, sizeof(by_link), "%s/file", link_to_dir);
	CHECK(!symlink(dir, link_to_dir));

	make(name, TERN_CARRIED_NAMED);
	tern_remains_remove(&image, true);
	CHECK(access(name, F_OK));
	/* gone already */
	tern_remains_remove(&image, true);

	make(name, TERN_CARRIED_NAMED);
	tern_remains_remove(&image, false);
	CHECK(is_left());
	make(by_link, TERN_CARRIED_NAMED);
	tern_remains_remove(&image, true);
	CHECK(is_left());
	/* a deleted file's name is that of a directory */
	make(name, TERN_CARRIED_DELETED);
	tern_remains_remove(&image, true);
	CHECK(is_left());

	make(name, TERN_CARRIED_NAMED);
	fd = open(name, O_RDONLY);
	tern_remains_remove(&image, true);
	CHECK(!close(fd) && is_left());
	make(name, TERN_CARRIED_NAMED);
	CHECK(!utimensat(AT_FDCWD, name, later, 0));
	tern_remains_remove(&image, true);
	CHECK(is_left());
	make(name, TERN_CARRIED_NAMED);
	CHECK(!truncate(name, 4));
	tern_remains_remove(&image, true);
	CHECK(is_left());
	/* another one in its place */
	make(name, TERN_CARRIED_NAMED);
	CHECK(!unlink(name) && !symlink("/etc/passwd", name));
	tern_remains_remove(&image, true);
	CHECK(!unlink(name) && !access("/etc/passwd", F_OK));

	tern_image_free(&image);
	CHECK(!unlink(link_to_dir) && !rmdir(dir));
	return done();
}
