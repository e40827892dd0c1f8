// SPDX-License-Identifier: GPL-2.0
/* sockfile.c: what gives way to a socket's name, and what is as it was if it fails. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sockfile.h"
#include "test.h"

#define ID	7

static char dir[] = "/tmp/tern-sockfile-XXXXXX";
static char place[64], beside[SOCKFILE_PATH_MAX];
static struct tern_image image;
static struct tern_sockfiles files;
static struct tern_why why;

static const struct tern_obj_socket *described(void)
{
	return tern_obj_payload(tern_image_find(&image, TERN_OBJ_SOCKET, NULL));
}

/* Of a server that was called "door" in its own directory, and is at @path. */
static void describe(const char *path)
{
	struct tern_obj_socket k = {
		.desc = 3, .type = SOCK_STREAM, .flags = TERN_SOCKET_LISTENS, .name = 5,
		.path = strlen(path) + 1, .mode = S_IFSOCK | 0610, .uid = getuid(), .gid = getgid(),
	};
	char tail[300];

	snprintf(tail, sizeof(tail), "door%c%s", 0, path);
	image.len = 0;
	CHECK(!tern_image_add(&image, TERN_OBJ_SOCKET, &k, sizeof(k), tail, k.name + k.path));
}

static void renumber(__u32 desc)
{
	((struct tern_obj_socket *)described())->desc = desc;
}

static int bind_to(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(addr.sun_path, path);
	CHECK(!bind(fd, (void *)&addr, sizeof(addr)) && !listen(fd, 100));
	return fd;
}

static bool answers(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), ret;

	strcpy(addr.sun_path, path);
	ret = connect(fd, (void *)&addr, sizeof(addr));
	close(fd);
	return !ret;
}

static unsigned int entries(void)
{
	char line[100];
	FILE *f;
	unsigned int n = 0;

	snprintf(line, sizeof(line), "ls -A %s", dir);
	f = popen(line, "r");
	while (fgets(line, sizeof(line), f))
		n++;
	pclose(f);
	return n;
}

static int look(void)
{
	why.text[0] = '\0';
	return tern_sockfiles_look(&files, &image, ID, "here", &why);
}

static int finish(void)
{
	return tern_sockfiles_finish(&files, &image, ID, "here", &why);
}

/* As the shell does it. */
static int start(void)
{
	look();
	CHECK(!tern_sockfile_beside(described(), ID, beside));
	return bind_to(beside);
}

static void test_name(void)
{
	struct stat st;
	int fd = start();

	CHECK(!look() && !finish() && entries() == 1 && answers(place));
	CHECK(!stat(place, &st) && (st.st_mode & 0777) == 0610);
	tern_sockfiles_leave(&files);
	tern_sockfiles_drop(&files);
	CHECK(entries() == 1 && answers(place));
	close(fd);
	unlink(place);

	/* a draft had another number for it */
	close(start());
	renumber(4);
	fd = start();
	CHECK(!finish() && entries() == 2);
	tern_sockfiles_leave(&files);
	CHECK(entries() == 1 && answers(place));
	close(fd);
	unlink(place);
	renumber(3);

	/* it fails before it has its name, and behind that */
	close(start());
	tern_sockfiles_drop(&files);
	CHECK(!entries());
	fd = start();
	CHECK(!finish());
	close(fd);
	tern_sockfiles_drop(&files);
	CHECK(!entries());
}

static void test_old(void)
{
	int fd, old = bind_to(place);
	struct stat was, is;

	CHECK(look() == -EADDRINUSE && strstr(why.text, "of another process"));
	fd = start();
	CHECK(finish() == -EADDRINUSE);
	tern_sockfiles_drop(&files);
	CHECK(entries() == 1 && answers(place));
	close(fd);

	/* what is dead gives way, and comes back */
	close(old);
	CHECK(!stat(place, &was) && !look());
	fd = start();
	CHECK(!finish() && answers(place) && entries() == 2);
	tern_sockfiles_drop(&files);
	CHECK(entries() == 1 && !stat(place, &is) && is.st_ino == was.st_ino);
	close(fd);
	fd = start();
	CHECK(!finish());
	tern_sockfiles_leave(&files);
	CHECK(entries() == 1 && answers(place));
	close(fd);
	unlink(place);

	CHECK(!close(creat(place, 0600)));
	CHECK(look() == -EEXIST && strstr(why.text, "is there already on here"));
	unlink(place);
}

/* LOAD writes the socket's own name over that which it was bound to. */
static void test_long(void)
{
	struct tern_obj_socket k = {
		.desc = 1, .type = SOCK_STREAM, .name = 101, .path = 12, .mode = S_IFSOCK,
	};
	char tail[113];

	snprintf(tail, sizeof(tail), "%0100d%c/door-of-it", 0, 0);
	image.len = 0;
	CHECK(!tern_image_add(&image, TERN_OBJ_SOCKET, &k, sizeof(k), tail, sizeof(tail)));
	CHECK(!tern_sockfile_beside(described(), ID, beside) && strlen(beside) + 1 >= k.name);
	describe(place);
}

static void test_places(void)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/none/door", dir);
	describe(path);
	CHECK(look() == -ENOENT && strstr(why.text, "make it"));
	snprintf(path, sizeof(path), "%s/%0100d/door", dir, 0);
	describe(path);
	CHECK(look() == -ENAMETOOLONG && why.text[0]);
	snprintf(path, sizeof(path), "%s.link", dir);
	CHECK(!symlink(dir, path));
	strcat(path, "/door");
	describe(path);
	CHECK(look() == -ELOOP && why.text[0]);
	path[strlen(path) - 5] = '\0';
	unlink(path);
	describe(place);
}

/* Of whom it calls only that somebody is there. */
static void test_call(void)
{
	struct tern_obj_socket k = {
		.desc = 1, .type = SOCK_DGRAM, .flags = TERN_SOCKET_CALLS, .path = strlen(place) + 1,
	};
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char far[SOCKFILE_PATH_MAX + 1] = "/";
	int fd;

	image.len = 0;
	CHECK(!tern_image_add(&image, TERN_OBJ_SOCKET, &k, sizeof(k), place, k.path));
	CHECK(!tern_sockfile_path(described()) && !strcmp(tern_socket_path(described()), place));
	CHECK(look() == -ENOENT && strstr(why.text, "nobody listens on here"));
	fd = bind_to(place);
	CHECK(look() == -EPROTOTYPE && strstr(why.text, "of another type on"));
	close(fd);
	CHECK(look() == -ECONNREFUSED && strstr(why.text, "nobody listens on here"));
	unlink(place);
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	strcpy(addr.sun_path, place);
	CHECK(!bind(fd, (void *)&addr, sizeof(addr)) && !look() && !finish());
	tern_sockfiles_leave(&files);
	close(fd);
	/* it is not ours to remove, either */
	tern_sockfile_remove(described());
	CHECK(entries() == 1);
	unlink(place);

	memset(far + 1, 'x', sizeof(far) - 2);
	k.path = sizeof(far);
	image.len = 0;
	CHECK(!tern_image_add(&image, TERN_OBJ_SOCKET, &k, sizeof(k), far, k.path));
	CHECK(look() == -ENAMETOOLONG && why.text[0]);
	describe(place);
}

/* At the source nothing is removed but what it was, and is dead. */
static void test_remove(void)
{
	struct tern_obj_socket *k = (void *)described();
	int fd = bind_to(place);
	struct stat st;

	CHECK(!stat(place, &st));
	k->ino = st.st_ino;
	tern_sockfile_remove(k);
	CHECK(entries() == 1);
	close(fd);
	k->ino++;
	tern_sockfile_remove(k);
	CHECK(entries() == 1);
	k->ino--;
	tern_sockfile_remove(k);
	CHECK(!entries());
	tern_sockfile_remove(k);
	k->ino = 0;
}

int main(void)
{
	CHECK(mkdtemp(dir) != NULL);
	snprintf(place, sizeof(place), "%s/door", dir);
	describe(place);
	test_name();
	test_old();
	test_places();
	test_long();
	test_call();
	test_remove();
	CHECK(!rmdir(dir));
	tern_image_free(&image);
	return done();
}
