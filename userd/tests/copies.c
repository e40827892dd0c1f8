// SPDX-License-Identifier: GPL-2.0
/* offer.c and copies.c: files that are not at the destination, from one end to the other. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copies.h"
#include "files.h"
#include "prepare.h"
#include "test.h"

#define MIB		(1 << 20)
#define WHOLE_MS	10000

static char there[] = "/tmp/tern-there-XXXXXX", here[] = "/tmp/tern-here-XXXXXX";
static struct tern_link source, destination;
static struct tern_prepared prepared;
static struct tern_prepared_file offered;
static struct tern_known known;
static struct tern_copies copies;
static struct tern_why why, source_why;
static char from[64], to[64];

static void open_links(void)
{
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) ||
	    tern_link_init(&source, fd[0], -1) || tern_link_init(&destination, fd[1], -1))
		exit(99);
}

static void close_links(void)
{
	tern_link_fini(&source);
	tern_link_fini(&destination);
}

/* How many files there are where copies go. */
static int count(void)
{
	DIR *dir = opendir(here);
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n - 2;
}

/* A file of @size bytes with @text at its start and its end, described and wanted. */
static void offer(const char *name, const char *text, off_t size)
{
	int fd;

	snprintf(from, sizeof(from), "%s/%s", there, name);
	snprintf(to, sizeof(to), "%s/%s", here, name);
	fd = open(from, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && !ftruncate(fd, size) && !fchmod(fd, 0640) && !fchown(fd, 12, 34));
	if (size)
		CHECK(pwrite(fd, text, strlen(text), 0) > 0 &&
		      pwrite(fd, text, strlen(text), size - strlen(text)) > 0);
	close(fd);
	memset(&offered, 0, sizeof(offered));
	CHECK(!tern_file_describe(from, TERN_WIRE_FILE_OPEN, &offered.wire, &offered.was));
	offered.path = from;
	offered.here = TERN_WIRE_WANTED;
	prepared = (struct tern_prepared){ .files = &offered, .nr_files = 1 };
	known = (struct tern_known){ .path = to, .file = offered.wire, .wanted = true };
	copies = (struct tern_copies){ .host = "here" };
	why.text[0] = source_why.text[0] = '\0';
}

static void *send_all(void *arg)
{
	*(int *)arg = tern_prepared_copy(&prepared, &source, &source_why);
	shutdown(source.fd, SHUT_WR);
	return NULL;
}

/* What has come, until the end or an error; answered as the destination does. */
static int receive_all(void)
{
	struct tern_wire head;
	int err;

	while (!(err = tern_link_recv_head(&destination, &head, WHOLE_MS))) {
		struct tern_wire_copy *part = malloc(head.len);

		CHECK(head.type == TERN_MSG_COPY && part);
		err = tern_link_recv_body(&destination, part, head.len, WHOLE_MS);
		if (!err)
			err = tern_copies_put(&copies, &known, part, head.len - sizeof(*part), &why);
		if (!err && part->flags & TERN_WIRE_COPY_LAST)
			err = tern_link_send(&destination, TERN_MSG_COPIED, NULL, 0);
		free(part);
		if (err)
			break;
	}
	return err == -ECONNRESET ? 0 : err;
}

static int copy(int *sent)
{
	pthread_t sender;
	int err;

	open_links();
	if (pthread_create(&sender, NULL, send_all, sent))
		exit(99);
	err = receive_all();
	/* a sender that is still at it finds nobody there */
	shutdown(destination.fd, SHUT_RDWR);
	pthread_join(sender, NULL);
	close_links();
	return err;
}

/* The same once more: by another attempt, or another migration. */
static void want_again(void)
{
	known.wanted = true;
	known.same = false;
	offered.here = TERN_WIRE_WANTED;
	why.text[0] = source_why.text[0] = '\0';
}

static void moves(const char *name, const char *text, off_t size)
{
	struct stat a, b;
	int sent;

	offer(name, text, size);
	CHECK(!copy(&sent) && !sent && offered.here == TERN_WIRE_SAME);
	CHECK(known.same && !known.wanted && count() == 1);
	tern_copies_leave(&copies);
	CHECK(count() == 1 && tern_file_same(to, &offered.wire) == 1);
	CHECK(!stat(from, &a) && !stat(to, &b) && a.st_mode == b.st_mode &&
	      a.st_uid == b.st_uid && a.st_gid == b.st_gid &&
	      a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec);
	CHECK(b.st_blocks <= a.st_blocks + 16);
	/* what is left is nobody's any more */
	CHECK(!tern_copies_use(&copies, to) && !copies.nr);
	unlink(to);
	unlink(from);
}

static void test_not_left(void)
{
	int sent, fd;

	offer("gone", "text", 10);
	CHECK(!copy(&sent) && !sent && count() == 1);
	tern_copies_fini(&copies);
	CHECK(!count());
	/* what somebody has written to it is his */
	want_again();
	CHECK(!copy(&sent) && !sent);
	fd = open(to, O_WRONLY | O_APPEND | O_CLOEXEC);
	CHECK(write(fd, "mine", 4) == 4 && !close(fd));
	tern_copies_fini(&copies);
	CHECK(count() == 1 && !unlink(to));
	/* another one of that name, which is not ours */
	want_again();
	CHECK(!copy(&sent) && !unlink(to));
	close(open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	tern_copies_fini(&copies);
	CHECK(count() == 1 && !unlink(to));
	unlink(from);
}

/* Not all of it has come, and nobody sees that. */
static void test_parts(void)
{
	struct tern_wire_copy part = { .offset = 0 };

	offer("parts", "text", 10);
	CHECK(!tern_copies_put(&copies, &known, &part, 0, &why) && count() == 1 && access(to, F_OK));
	tern_copies_begin(&copies);
	CHECK(!count());
	CHECK(!tern_copies_put(&copies, &known, &part, 0, &why) && count() == 1);
	tern_copies_fini(&copies);
	CHECK(!count());
	unlink(from);
}

/* It stays while anybody needs it, and for good when one has moved. */
static void test_users(void)
{
	struct tern_copies other = { .host = "here" };
	int sent;

	offer("shared", "text", 10);
	CHECK(!copy(&sent) && !tern_copies_use(&other, to) && other.nr == 1);
	CHECK(!tern_copies_use(&other, to) && other.nr == 1);
	CHECK(!tern_copies_use(&other, from) && other.nr == 1);
	tern_copies_fini(&copies);
	CHECK(count() == 1);
	tern_copies_fini(&other);
	CHECK(!count());

	want_again();
	CHECK(!copy(&sent) && !tern_copies_use(&other, to));
	tern_copies_leave(&copies);
	tern_copies_fini(&other);
	CHECK(count() == 1 && !unlink(to));

	/* the next attempt names it again, or does not, or it is to be another one */
	want_again();
	CHECK(!copy(&sent));
	tern_copies_begin(&copies);
	CHECK(!tern_copies_use(&copies, to));
	tern_copies_prune(&copies);
	CHECK(count() == 1 && copies.nr == 1);
	tern_copies_begin(&copies);
	tern_copies_prune(&copies);
	CHECK(!count() && !copies.nr);
	want_again();
	CHECK(!copy(&sent) && count() == 1);
	tern_copies_forget(&copies, to);
	CHECK(!count() && !copies.nr);
	tern_copies_fini(&copies);
	unlink(from);
}

static void test_changed(void)
{
	int sent, fd;

	offer("changes", "text", 3 * MIB);
	fd = open(from, O_WRONLY | O_CLOEXEC);
	CHECK(pwrite(fd, "next", 4, 0) == 4);
	CHECK(!copy(&sent) && sent == -EBUSY && strstr(source_why.text, "for writing"));
	close(fd);
	want_again();
	CHECK(copy(&sent) == -EAGAIN && !known.same && strstr(why.text, "changed while") && !count());
	CHECK(!truncate(from, MIB));
	/* shorter, so that it ends early */
	want_again();
	CHECK(copy(&sent) == -EAGAIN && !known.same && !count());
	/* replaced by another one, and gone */
	unlink(from);
	close(open(from, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	want_again();
	offered.was.st_ino++;
	CHECK(!copy(&sent) && sent == -EAGAIN && strstr(source_why.text, from));
	unlink(from);
	want_again();
	CHECK(!copy(&sent) && sent == -EAGAIN && strstr(source_why.text, from));
	tern_copies_fini(&copies);
}

static void test_in_the_way(void)
{
	struct tern_wire_copy part = { .offset = 0 };
	int sent;

	offer("taken", "text", 10);
	CHECK(!tern_copies_put(&copies, &known, &part, 0, &why));
	close(open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	want_again();
	CHECK(copy(&sent) == -EAGAIN && strstr(why.text, "has come to be"));
	tern_copies_fini(&copies);
	CHECK(count() == 1 && !unlink(to));
	unlink(from);

	offer("far", "text", 10);
	snprintf(to, sizeof(to), "%s/no/far", here);
	CHECK(copy(&sent) == -ENOENT && strstr(why.text, "cannot be made"));
	tern_copies_fini(&copies);
	unlink(from);
}

/* A directory, and one in it, which goes only if nothing is in it. */
static void test_directories(void)
{
	static struct tern_known inner;
	char path[80];
	struct stat st;
	int sent;

	offer("dir", "", 0);
	unlink(from);
	CHECK(!mkdir(from, 0700) && !chmod(from, 01750) && !chown(from, 12, 34));
	CHECK(!tern_file_describe(from, TERN_WIRE_FILE_OPEN, &offered.wire, &offered.was));
	CHECK(offered.wire.flags & TERN_WIRE_FILE_DIR);
	known.file = offered.wire;
	CHECK(!copy(&sent) && !sent && known.same && count() == 1);
	CHECK(!stat(to, &st) && S_ISDIR(st.st_mode) && (st.st_mode & 07777) == 01750 &&
	      st.st_uid == 12 && st.st_gid == 34);
	snprintf(path, sizeof(path), "%s/in", to);
	inner = (struct tern_known){ .path = path, .file = known.file, .wanted = true };
	CHECK(tern_copies_put(&copies, &inner, &(struct tern_wire_copy){ .mode = 0700 }, 0,
			      &why) == -EPROTO);
	CHECK(!tern_copies_put(&copies, &inner, &(struct tern_wire_copy){ .mode = 0700, .flags =
			       TERN_WIRE_COPY_LAST }, 0, &why) && !access(path, F_OK));
	tern_copies_fini(&copies);
	CHECK(!count());

	/* what others have put there stays, and what is left */
	want_again();
	CHECK(!copy(&sent) && !mkdir(path, 0700));
	tern_copies_fini(&copies);
	CHECK(!access(path, F_OK) && !rmdir(path));
	want_again();
	CHECK(copy(&sent) == -EAGAIN && !rmdir(to));
	want_again();
	CHECK(!copy(&sent));
	tern_copies_leave(&copies);
	CHECK(count() == 1 && !rmdir(to));
	rmdir(from);
}

static int put(struct tern_wire_copy part, size_t len)
{
	char buf[sizeof(part) + 16] = { 0 };

	memcpy(buf, &part, sizeof(part));
	return tern_copies_put(&copies, &known, (void *)buf, len, &why);
}

static void test_hostile(void)
{
	struct tern_known other;

	offer("bad", "text", 10);
	other = known;
	known.wanted = false;
	CHECK(put((struct tern_wire_copy){ .offset = 0 }, 1) == -EPROTO);
	known.wanted = true;
	CHECK(put((struct tern_wire_copy){ .offset = 8 }, 3) == -EPROTO);
	CHECK(put((struct tern_wire_copy){ .offset = ~0ULL }, 2) == -EPROTO);
	CHECK(put((struct tern_wire_copy){ .flags = 2 }, 2) == -EPROTO);
	CHECK(put((struct tern_wire_copy){ .reserved = 1 }, 2) == -EPROTO);
	CHECK(!put((struct tern_wire_copy){ .offset = 0 }, 1));
	/* one after the other */
	CHECK(tern_copies_put(&copies, &other, &(struct tern_wire_copy){ .offset = 0 }, 0,
			      &why) == -EPROTO);
	CHECK(put((struct tern_wire_copy){ .flags = TERN_WIRE_COPY_LAST }, 0) == -EAGAIN);
	tern_copies_fini(&copies);
	CHECK(!count());
	unlink(from);
}

/* What the destination says while parts are on their way is heard. */
static void test_refused(void)
{
	struct tern_wire_refused refused = { .err = ENOSPC, .why = "no room" };

	offer("refused", "text", MIB);
	open_links();
	CHECK(!tern_link_send(&destination, TERN_MSG_REFUSED, &refused, sizeof(refused)));
	CHECK(tern_prepared_copy(&prepared, &source, &source_why) == -ENOSPC);
	CHECK(!strcmp(source_why.text, "no room"));
	close_links();
	unlink(from);
}

int main(void)
{
	if (geteuid()) {
		printf("1..0 # SKIP to give files away takes root\n");
		return 0;
	}
	if (!mkdtemp(there) || !mkdtemp(here))
		return 99;
	moves("small", "text", 10);
	moves("empty", "", 0);
	moves("large", "text", 3 * MIB + 5);
	moves("sparse", "text", 100 * MIB);
	test_not_left();
	test_parts();
	test_users();
	test_changed();
	test_in_the_way();
	test_directories();
	test_hostile();
	test_refused();
	rmdir(there);
	rmdir(here);
	return done();
}
