// SPDX-License-Identifier: GPL-2.0
/*
 * The memo: see memo.h. Owns a mapping of a memfd that the kernel keeps. One
 * thread writes. Another daemon, perhaps of another version, may have written
 * what is adopted, so that is checked.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memo.h"

static struct tern_memo *map(int fd, size_t size, int *err)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (mem == MAP_FAILED) {
		*err = -errno;
		return NULL;
	}
	*err = 0;
	return mem;
}

/**
 * tern_memo_create() - start a memo and let the kernel keep it
 * @dev: the migration's handle
 * @seeds: the source's memory
 * @err: out
 */
struct tern_memo *tern_memo_create(int dev, const struct tern_seeds *seeds, int *err)
{
	size_t size = sizeof(struct tern_memo) + seeds->nr * sizeof(struct tern_seed);
	int fd = memfd_create("tern-memo", MFD_CLOEXEC);
	struct tern_memo *memo = NULL;

	*err = fd < 0 ? -errno : 0;
	if (fd < 0)
		return NULL;
	if (ftruncate(fd, size))
		*err = -errno;
	else
		memo = map(fd, size, err);
	if (memo) {
		memo->magic = TERN_MEMO_MAGIC;
		memo->size = size;
		memo->nr_seeds = seeds->nr;
		if (seeds->nr)
			memcpy(memo->seed, seeds->seed, seeds->nr * sizeof(*seeds->seed));
		*err = tern_dev_keep(dev, TERN_MEMO_KEY, fd);
	}
	close(fd);
	if (memo && *err < 0) {
		tern_memo_put(memo);
		return NULL;
	}
	return memo;
}

static bool sound(const struct tern_memo *memo, size_t size)
{
	__u64 end = 0;
	__u32 i;

	if (memo->magic != TERN_MEMO_MAGIC || memo->size != size || memo->reserved ||
	    size != sizeof(*memo) + memo->nr_seeds * sizeof(struct tern_seed))
		return false;
	for (i = 0; i < memo->nr_seeds; i++) {
		const struct tern_seed *s = &memo->seed[i];

		if (s->start < end || s->start >= s->end || s->start % 4096 || s->end % 4096)
			return false;
		end = s->end;
	}
	return true;
}

/**
 * tern_memo_adopt() - the memo of an earlier daemon
 * @dev: the migration's handle
 * @err: out; -EBADMSG: not a memo that this version understands
 */
struct tern_memo *tern_memo_adopt(int dev, int *err)
{
	int fd = tern_dev_kept(dev, TERN_MEMO_KEY);
	struct tern_memo *memo = NULL;
	struct stat st;

	*err = fd < 0 ? fd : 0;
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) || st.st_size < (off_t)sizeof(*memo))
		*err = -EBADMSG;
	else
		memo = map(fd, st.st_size, err);
	close(fd);
	if (memo && !sound(memo, st.st_size)) {
		munmap(memo, st.st_size);
		memo = NULL;
		*err = -EBADMSG;
	}
	return memo;
}

/** tern_memo_put() - unmap it; the kernel still keeps it */
void tern_memo_put(struct tern_memo *memo)
{
	if (memo)
		munmap(memo, memo->size);
}
