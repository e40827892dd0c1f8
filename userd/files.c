// SPDX-License-Identifier: GPL-2.0
/*
 * Files that both hosts have. A file is the same here and there when its
 * contents have the same digest, or when both hosts see the same inode of a
 * network file system; names and dates prove nothing.
 *
 * Owns the cache of digests, guarded by @cache_lock, which is never held while
 * a file is read. Never opens anything but regular files and directories: a
 * path may come from a peer, and opening a device or a FIFO does things.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <tern/network.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "files.h"

#define CACHE_SLOTS	4096
#define READ_SIZE	(1U << 20)
/* a change within this long after a digest might not change the file's times */
#define RACY_NS		2000000000LL

struct entry {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
	__u64 digest;
};

static struct entry cache[CACHE_SLOTS];
static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;

static struct entry *slot(const struct stat *st)
{
	__u64 key[2] = { st->st_dev, st->st_ino };

	return &cache[XXH64(key, sizeof(key), 0) % CACHE_SLOTS];
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_stat(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && same_time(&a->st_mtim, &b->st_mtim) &&
	       same_time(&a->st_ctim, &b->st_ctim);
}

/**
 * tern_file_unchanged() - is what @path names still the file that it was?
 * @path: absolute
 * @was: as stat(2) had it
 *
 * As far as size and time of change tell. Thread-safe.
 */
bool tern_file_unchanged(const char *path, const struct stat *was)
{
	struct stat st;

	return !stat(path, &st) && st.st_ino == was->st_ino && st.st_size == was->st_size &&
	       same_time(&st.st_mtim, &was->st_mtim);
}

static bool cache_get(const struct stat *st, __u64 *digest)
{
	const struct entry *e = slot(st);
	bool hit;

	pthread_mutex_lock(&cache_lock);
	hit = e->dev == st->st_dev && e->ino == st->st_ino &&
	      e->size == st->st_size && same_time(&e->mtime, &st->st_mtim) &&
	      same_time(&e->ctime, &st->st_ctim) && e->ino;
	if (hit)
		*digest = e->digest;
	pthread_mutex_unlock(&cache_lock);
	return hit;
}

static bool is_recent(const struct timespec *t)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (now.tv_sec - t->tv_sec) * 1000000000LL +
	       (now.tv_nsec - t->tv_nsec) < RACY_NS;
}

static void cache_put(const struct stat *st, __u64 digest)
{
	struct entry *e = slot(st);

	if (is_recent(&st->st_mtim) || is_recent(&st->st_ctim))
		return;
	pthread_mutex_lock(&cache_lock);
	*e = (struct entry) {
		.dev = st->st_dev, .ino = st->st_ino, .size = st->st_size,
		.mtime = st->st_mtim, .ctime = st->st_ctim, .digest = digest,
	};
	pthread_mutex_unlock(&cache_lock);
}

static int digest_contents(int fd, __u64 *digest)
{
	XXH64_state_t *state = XXH64_createState();
	void *buf = malloc(READ_SIZE);
	int rc = -ENOMEM;
	ssize_t n;

	if (!state || !buf)
		goto out;
	XXH64_reset(state, 0);
	while ((n = read(fd, buf, READ_SIZE)) > 0)
		XXH64_update(state, buf, n);
	rc = n < 0 ? -errno : 0;
	*digest = XXH64_digest(state);
out:
	free(buf);
	XXH64_freeState(state);
	return rc;
}

/**
 * tern_file_look() - look at a file, and touch nothing
 * @path: absolute
 * @st: filled
 *
 * Returns an O_PATH descriptor, the caller's to close, or negative errno. On a network file
 * system each look at a path is a question for each of its parts.
 */
int tern_file_look(const char *path, struct stat *st)
{
	int fd, rc;

	if (path[0] != '/')
		return -EINVAL;
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, st)) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

static int digest_of(int at, const struct stat *st, __u64 *digest)
{
	struct stat after;
	char proc[32];
	int fd, rc;

	if (!S_ISREG(st->st_mode))
		return -EINVAL;
	if (cache_get(st, digest))
		return 0;
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", at);
	fd = open(proc, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = digest_contents(fd, digest);
	if (!rc && fstat(fd, &after))
		rc = -errno;
	if (!rc && !same_stat(st, &after))
		rc = -EAGAIN;
	if (!rc)
		cache_put(st, *digest);
	close(fd);
	return rc;
}

/**
 * tern_file_digest() - xxh64 of a regular file's contents
 * @path: absolute
 * @digest: filled
 *
 * Thread-safe. -EAGAIN: the file changed while it was read; -EINVAL: not a
 * regular file.
 */
int tern_file_digest(const char *path, __u64 *digest)
{
	struct stat st;
	int fd, rc;

	fd = tern_file_look(path, &st);
	if (fd < 0)
		return fd;
	rc = digest_of(fd, &st, digest);
	close(fd);
	return rc;
}

/** tern_magic_on_network() - of statfs(2): is it a file system of which hosts see one inode? */
bool tern_magic_on_network(__u32 magic)
{
	static const __u32 magics[] = { TERN_NETWORK_MAGICS };
	unsigned int i;

	for (i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (magic == magics[i])
			return true;
	return false;
}

/**
 * tern_file_on_network() - is an open file on a file system on which two hosts may see one
 *	inode? 1, 0, or negative errno
 */
int tern_file_on_network(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) ? -errno : tern_magic_on_network(fs.f_type);
}

/**
 * tern_file_is_shared() - is a file on a network file system?
 * @path: absolute
 *
 * Returns 1, 0, or an error.
 */
int tern_file_is_shared(const char *path)
{
	struct stat st;
	int fd, rc;

	fd = tern_file_look(path, &st);
	if (fd < 0)
		return fd;
	rc = tern_file_on_network(fd);
	close(fd);
	return rc;
}

/**
 * tern_file_describe() - describe a file to the other host
 * @path: absolute
 * @flags: TERN_WIRE_FILE_MAPPED, _OPEN or both
 * @file: filled, but for @path, with _SHARED and _DIR added where they hold
 * @st: what it was before it was read: what happens from then on counts
 */
int tern_file_describe(const char *path, unsigned int flags,
		       struct tern_wire_file *file, struct stat *st)
{
	int fd, rc;

	memset(file, 0, sizeof(*file));
	fd = tern_file_look(path, st);
	if (fd < 0)
		return fd;
	file->flags = flags;
	file->ino = st->st_ino;
	rc = tern_file_on_network(fd);
	if (rc > 0)
		file->flags |= TERN_WIRE_FILE_SHARED;
	if (rc < 0)
		goto out;
	rc = 0;
	if (S_ISDIR(st->st_mode)) {
		file->flags |= TERN_WIRE_FILE_DIR;
		goto out;
	}
	if (!S_ISREG(st->st_mode)) {
		rc = -EINVAL;
		goto out;
	}
	file->size = st->st_size;
	if (!(file->flags & TERN_WIRE_FILE_SHARED))
		rc = digest_of(fd, st, &file->digest);
out:
	close(fd);
	return rc;
}

static int same(int fd, const struct stat *st, const struct tern_wire_file *file)
{
	__u64 digest;
	int rc;

	if (file->flags & TERN_WIRE_FILE_DIR)
		return S_ISDIR(st->st_mode);
	if (!S_ISREG(st->st_mode))
		return 0;
	if (file->flags & TERN_WIRE_FILE_SHARED) {
		rc = tern_file_on_network(fd);
		return rc <= 0 ? rc : st->st_ino == file->ino;
	}
	if ((__u64)st->st_size != file->size)
		return 0;
	rc = digest_of(fd, st, &digest);
	return rc ? rc : digest == file->digest;
}

/**
 * tern_file_same() - is the file here the one that the other host described?
 * @path: absolute; comes from the peer
 * @file: the peer's description
 *
 * Returns 1, 0, or an error; a path that does not exist is not the same.
 */
int tern_file_same(const char *path, const struct tern_wire_file *file)
{
	struct stat st;
	int fd, rc;

	fd = tern_file_look(path, &st);
	if (fd == -ENOENT || fd == -ENOTDIR)
		return 0;
	if (fd < 0)
		return fd;
	rc = same(fd, &st, file);
	close(fd);
	return rc;
}
