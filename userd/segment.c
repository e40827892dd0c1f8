// SPDX-License-Identifier: GPL-2.0
/*
 * Segments of System V shared memory that move with the process: found at the source, made
 * with the same id at the destination, removed where it is no more. See shmget(2), shmctl(2).
 *
 * Who had made a segment and who used it last is not kept.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#include "segment.h"

#define PREFIX	"SYSV"
#define NEXT_ID	"/proc/sys/kernel/shm_next_id"
#define PAGE	4096UL

#ifndef SHM_HUGE_SHIFT
#define SHM_HUGE_SHIFT	26
#endif
#ifndef SHM_DEST
#define SHM_DEST	01000	/* linux/shm.h: removed, and goes with its last mapping */
#endif

/* The next id is one for all of the host. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/** tern_is_segment() - is it one? */
bool tern_is_segment(const struct tern_obj_carried *carried)
{
	return carried->kind == TERN_CARRIED_SYSV || carried->kind == TERN_CARRIED_SYSV_GONE;
}

/** tern_carried_room() - bytes that a file that moves has; a segment ends with a page */
__u64 tern_carried_room(const struct tern_obj_carried *carried)
{
	return tern_is_segment(carried) ? carried->room : carried->size;
}

static __u64 page_end(__u64 size)
{
	return (size + PAGE - 1) & -PAGE;
}

/**
 * tern_segment_tail() - what is in the last page behind the end, where no read(2) gets
 * @fd: open for reading
 * @buf: receives it
 * @len: bytes, less than a page
 * @offset: where they begin; up to the end of the page
 */
int tern_segment_tail(int fd, void *buf, size_t len, off_t offset)
{
	char *page;

	if (len > PAGE - offset % PAGE)
		return -EAGAIN;
	page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, offset & -PAGE);
	if (page == MAP_FAILED)
		return -errno;
	memcpy(buf, page + offset % PAGE, len);
	munmap(page, PAGE);
	return 0;
}

/**
 * tern_segment_look() - what only shmctl(2) tells of a segment of this host
 * @carried: as the kernel module has it; completed
 *
 * Return: 0, or -EAGAIN: it is there no more.
 */
int tern_segment_look(struct tern_obj_carried *carried)
{
	struct shmid_ds ds;

	if (shmctl(carried->ino, IPC_STAT, &ds))
		return -EAGAIN;
	carried->kind = ds.shm_perm.mode & SHM_DEST ? TERN_CARRIED_SYSV_GONE : TERN_CARRIED_SYSV;
	carried->mode = S_IFREG | (ds.shm_perm.mode & 0777);
	/* the file is as long as the last page, where it has moved before */
	carried->size = ds.shm_segsz;
	carried->uid = ds.shm_perm.uid;
	carried->gid = ds.shm_perm.gid;
	return 0;
}

static int set_next_id(int id)
{
	int fd = open(NEXT_ID, O_WRONLY | O_CLOEXEC);
	int err = fd < 0 || dprintf(fd, "%d", id) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

static int get(int id, key_t key, size_t size, int flags)
{
	int got, err;

	pthread_mutex_lock(&lock);
	err = set_next_id(id);
	got = err ? err : shmget(key, size, IPC_CREAT | IPC_EXCL | flags | 0600);
	if (!err && got < 0)
		got = -errno;
	pthread_mutex_unlock(&lock);
	if (got >= 0 && got != id) {
		shmctl(got, IPC_RMID, NULL);
		return -EEXIST;
	}
	return got;
}

/* By way of a mapping of ours: the link to what it maps can be opened. */
static int open_segment(int id, size_t size)
{
	void *at = shmat(id, NULL, 0);
	unsigned long start = (unsigned long)at, end = start + page_end(size);
	char path[96];
	int fd, err;

	if (at == (void *)-1)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", start, end);
	fd = open(path, O_RDWR | O_CLOEXEC);
	err = -errno;
	shmdt(at);
	return fd < 0 ? err : fd;
}

/**
 * tern_segment_make() - make a segment with the id and key that it is to have
 * @carried: checked
 * @huge: out: it has huge pages, as it had, and there is no way to write to it but to map it
 *
 * It is root's, and tern_segment_drop() takes it away again.
 * Return: a descriptor for reading and writing what is in it; -EEXIST: id or key are taken.
 */
int tern_segment_make(const struct tern_obj_carried *carried, bool *huge)
{
	const char *name = (const char *)(carried + 1);
	key_t key = carried->kind == TERN_CARRIED_SYSV_GONE ? IPC_PRIVATE :
		    (key_t)strtoul(name + strlen(PREFIX), NULL, 16);
	int id = -ENOMEM, fd, err;

	if (carried->huge)
		id = get(carried->ino, key, carried->size,
			 SHM_HUGETLB | carried->huge << SHM_HUGE_SHIFT);
	*huge = id >= 0;
	/* this host need not have as many of these pages */
	if (id < 0 && id != -EEXIST)
		id = get(carried->ino, key, carried->size, 0);
	if (id < 0)
		return id;
	fd = open_segment(id, *huge ? carried->room : carried->size);
	/* it had huge pages once, and so who attaches it has more memory than was asked for */
	if (fd >= 0 && !*huge && carried->room > page_end(carried->size) &&
	    ftruncate(fd, carried->room)) {
		err = -errno;
		close(fd);
		fd = err;
	}
	if (fd < 0)
		tern_segment_drop(id);
	return fd;
}

/** tern_segment_finish() - owner, mode, and that it has been removed, if it has */
int tern_segment_finish(const struct tern_obj_carried *carried)
{
	struct shmid_ds ds = {
		.shm_perm = {
			.uid = carried->uid, .gid = carried->gid, .mode = carried->mode & 0777,
		},
	};

	if (shmctl(carried->ino, IPC_SET, &ds))
		return -errno;
	if (carried->kind == TERN_CARRIED_SYSV_GONE && shmctl(carried->ino, IPC_RMID, NULL))
		return -errno;
	return 0;
}

/** tern_segment_drop() - the process stays where it is */
void tern_segment_drop(int id)
{
	shmctl(id, IPC_RMID, NULL);
}

/**
 * tern_segment_remove() - the process has gone: nobody needs it here
 * @carried: as it was
 *
 * Return: NULL, or why it is left.
 */
const char *tern_segment_remove(const struct tern_obj_carried *carried)
{
	struct shmid_ds ds;

	/* the last mapping has taken it along */
	if (shmctl(carried->ino, IPC_STAT, &ds))
		return errno == EINVAL || errno == EIDRM ? NULL : strerror(errno);
	if (ds.shm_nattch)
		return "somebody has it attached";
	return shmctl(carried->ino, IPC_RMID, NULL) ? strerror(errno) : NULL;
}
