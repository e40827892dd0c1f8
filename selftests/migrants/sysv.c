// SPDX-License-Identifier: GPL-2.0
/*
 * System V shared memory: a segment with a key, attached twice, once for reading only; a
 * private one that has been removed already, and goes with its last mapping; one that is
 * attached and detached between moves; one in huge pages, where there are any.
 *
 * usage: sysv DIR HOPS
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>

#include "migrant.h"

#define PAGE	4096
#define PAGES	300
#define KEY	0x7e490001
#define UID	1234
#define MODE	0640
#define DEST	01000		/* SHM_DEST of linux/shm.h */
#define AT	((char *)0x10000000)
#define MIB	(1UL << 20)
#define LARGE	(3 * MIB)	/* and with huge pages, 4 MiB are mapped */

static int keyed, gone, loose, huge;
static char *first, *private, *large;
static size_t large_end;	/* of what is mapped */
static const char *second;

static char *attach(int id, const void *at, int flags)
{
	char *p = shmat(id, at, flags);

	check(p != (void *)-1, "shmat: %s after %u hops", strerror(errno), migrant.hops);
	return p;
}

static int make(key_t key, size_t size)
{
	int id = shmget(key, size, IPC_CREAT | IPC_EXCL | 0600);

	check(id >= 0, "shmget: %s", strerror(errno));
	return id;
}

/* How often it is attached, and what is known of it. */
static struct shmid_ds look(int id, unsigned int attached)
{
	struct shmid_ds ds;

	check(!shmctl(id, IPC_STAT, &ds), "shmctl %d: %s after %u hops", id, strerror(errno),
	      migrant.hops);
	check(ds.shm_nattch == attached, "%d is attached %lu times after %u hops", id,
	      (unsigned long)ds.shm_nattch, migrant.hops);
	return ds;
}

static void fill(unsigned int salt)
{
	unsigned int i;

	for (i = !(salt % 3); i < PAGES; i += 2) {
		page_fill(first + i * PAGE, salt + i + 1);
		page_fill(private + i * PAGE, salt + 2 * i + 1);
	}
	page_fill(large, salt + 1);
	page_fill(large + large_end - PAGE, salt + 2);
}

static void check_all(unsigned int salt)
{
	struct shmid_ds ds = look(keyed, 2);
	unsigned int i;

	check(ds.shm_segsz == PAGES * PAGE - 5 && ds.shm_perm.uid == UID &&
	      (ds.shm_perm.mode & 01777) == MODE && ds.shm_perm.__key == KEY,
	      "size, owner, mode or key after %u hops", migrant.hops);
	check(shmget(KEY, 0, 0) == keyed, "not found by its key after %u hops", migrant.hops);
	ds = look(gone, 1);
	check((ds.shm_perm.mode & 01777) == (DEST | 0600) && ds.shm_perm.__key == IPC_PRIVATE,
	      "it has not been removed after %u hops", migrant.hops);
	look(loose, 1);
	ds = look(huge, 1);
	check(ds.shm_segsz == LARGE && page_is(large, salt + 1) &&
	      page_is(large + large_end - PAGE, salt + 2) && page_is(large + 2 * MIB, 0),
	      "the large one after %u hops", migrant.hops);
	/* the last page is there as a whole, and the last of it is behind the end */
	for (i = !(salt % 3); i < PAGES; i += 2)
		check(page_is(first + i * PAGE, salt + i + 1) &&
		      page_is(second + i * PAGE, salt + i + 1) &&
		      page_is(private + i * PAGE, salt + 2 * i + 1), "page %u after %u hops", i,
		      migrant.hops);
	check(mprotect((void *)second, PAGE, PROT_READ | PROT_WRITE) < 0 && errno == EACCES,
	      "the second one can be written to");
}

/* Detached and attached again, at other places: it is the same segment. */
static void change(void)
{
	struct shmid_ds ds;

	check(!shmdt(second), "shmdt: %s", strerror(errno));
	second = attach(keyed, NULL, SHM_RDONLY);
	check(!shmdt(AT), "shmdt: %s", strerror(errno));
	check(!shmctl(loose, IPC_RMID, NULL), "shmctl: %s", strerror(errno));
	check(shmctl(loose, IPC_STAT, &ds) < 0 && (errno == EINVAL || errno == EIDRM),
	      "it is there still");
	loose = make(IPC_PRIVATE, 1);
	attach(loose, AT, SHM_EXEC);
	fill(migrant.hops);
}

static void make_large(void)
{
	huge = shmget(IPC_PRIVATE, LARGE, IPC_CREAT | SHM_HUGETLB | 0600);
	large_end = LARGE + MIB;
	if (huge < 0) {
		migrant_tell("huge", "none");
		huge = make(IPC_PRIVATE, LARGE);
		large_end = LARGE;
	}
	large = attach(huge, NULL, 0);
}

int main(int argc, char **argv)
{
	struct shmid_ds ds = { .shm_perm = { .uid = UID, .gid = UID, .mode = MODE } };
	unsigned int hops;

	migrant_start(argc, argv, 1, "HOPS");
	hops = atoi(argv[2]);
	keyed = make(KEY, PAGES * PAGE - 5);
	check(!shmctl(keyed, IPC_SET, &ds), "shmctl: %s", strerror(errno));
	first = attach(keyed, NULL, 0);
	second = attach(keyed, NULL, SHM_RDONLY);
	gone = make(IPC_PRIVATE, PAGES * PAGE);
	private = attach(gone, NULL, 0);
	check(!shmctl(gone, IPC_RMID, NULL), "shmctl: %s", strerror(errno));
	loose = make(IPC_PRIVATE, 1);
	attach(loose, AT, 0);
	make_large();
	fill(0);
	migrant_tell("ready", "yes");
	while (migrant.hops < hops && migrant_wait_hop()) {
		check_all(migrant.hops - 1);
		change();
	}
	migrant_rest();
	check_all(hops);
	check(!shmctl(keyed, IPC_RMID, NULL) && !shmctl(loose, IPC_RMID, NULL) &&
	      !shmctl(huge, IPC_RMID, NULL), "shmctl: %s", strerror(errno));
	migrant_ok("hops=%u", migrant.hops);
}
