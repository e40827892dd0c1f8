// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of every kind beside plain private memory: locked, in huge pages, with a protection
 * key, shared in all ways that a process can have it to itself, of a file that it
 * writes to, reserved by the terabyte. After each hop all of it is verified and written anew, partly by a
 * child, and DIR/verified tells how many hops that was true for.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

#define PAGE	4096UL
#define GIB	(1UL << 30)
#define HUGE	(2UL << 20)

#ifndef SEGV_PKUERR
#define SEGV_PKUERR	4
#endif

/* Pages that are filled and verified. */
struct block {
	const char *name;
	unsigned char *mem;
	unsigned long pages;
	unsigned int generation;
};

static struct block locked = { .name = "locked" }, on_fault = { .name = "locked on fault" },
	shared = { .name = "shared" }, punched = { .name = "punched" }, pieces = { .name = "shared in pieces" },
	named = { .name = "memfd" }, keyed = { .name = "with a key" }, mapped = { .name = "mapped" },
	huge = { .name = "huge" }, huge_shared = { .name = "Huge and shared" },
	huge_named = { .name = "HUGE memfd" };

static unsigned char *sparse, *reserved;
static int key = -1;

static uint64_t page_key(const struct block *b, unsigned long page)
{
	return (uint64_t)b->generation << 40 ^ page << 8 ^ (unsigned char)b->name[0] ^
	       strlen(b->name) << 56;
}

static void block_fill(struct block *b)
{
	unsigned long i;

	b->generation++;
	for (i = 0; i < b->pages; i++)
		page_fill(b->mem + i * PAGE, page_key(b, i));
}

static void block_check(const struct block *b)
{
	unsigned long i, page;

	/* by no order that could be foreseen */
	for (i = 0; i < b->pages; i++) {
		page = i * 37 % b->pages;
		check(page_bad(b->mem + page * PAGE, page_key(b, page)) < 0,
		      "%s: page %lu of generation %u is wrong", b->name, page, b->generation);
	}
}

static void block_map(struct block *b, unsigned long pages, int prot, int flags, int fd, off_t at)
{
	b->pages = pages;
	b->mem = mmap(NULL, pages * PAGE, prot, flags, fd, at);
	check(b->mem != MAP_FAILED, "%s: %s", b->name, strerror(errno));
}

/* A line of /proc/self/smaps for the mapping that @addr is in. */
static void smaps(const void *addr, const char *what, char *value, size_t size)
{
	unsigned long start, end, want = (unsigned long)addr;
	bool here = false;
	char line[512];
	FILE *f = fopen("/proc/self/smaps", "re");

	check(f, "smaps: %s", strerror(errno));
	*value = '\0';
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = start <= want && want < end;
		else if (here && !strncmp(line, what, strlen(what)))
			snprintf(value, size, "%s", line + strlen(what));
	}
	fclose(f);
}

static void check_flag(const void *addr, const char *name, const char *flag)
{
	char flags[512];

	smaps(addr, "VmFlags:", flags, sizeof(flags));
	check(strstr(flags, flag), "%s: no flag%s in %s", name, flag, flags);
}

/* ---- locked ----------------------------------------------------------------------- */

static void make_locked(void)
{
	block_map(&locked, 32, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(!mlock(locked.mem, locked.pages * PAGE), "mlock: %s", strerror(errno));
	block_map(&on_fault, 32, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(!mlock2(on_fault.mem, on_fault.pages * PAGE, MLOCK_ONFAULT), "mlock2: %s",
	      strerror(errno));
	check(!mlockall(MCL_FUTURE | MCL_ONFAULT), "mlockall: %s", strerror(errno));
}

static void check_locked(void)
{
	void *fresh = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check_flag(locked.mem, locked.name, " lo");
	check_flag(on_fault.mem, on_fault.name, " lo");
	check_flag(fresh, "mapped after mlockall", " lo");
	munmap(fresh, PAGE);
}

/* ---- in huge pages ---------------------------------------------------------------- */

/* The first one of @nr is never touched. */
static bool map_huge(struct block *b, unsigned int nr, int flags, int fd)
{
	unsigned char *mem = mmap(NULL, nr * HUGE, PROT_READ | PROT_WRITE, flags, fd,
				  fd < 0 ? 0 : HUGE);

	if (mem == MAP_FAILED) {
		migrant_tell("huge", "none");
		return false;
	}
	b->mem = mem + HUGE;
	b->pages = (nr - 1) * HUGE / PAGE;
	return true;
}

static void make_huge(void)
{
	int fd = memfd_create("a huge memory", MFD_HUGETLB);

	if (!map_huge(&huge, 4, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1))
		return;
	check(fd >= 0 && !ftruncate(fd, 4 * HUGE), "memfd: %s", strerror(errno));
	map_huge(&huge_shared, 3, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1);
	/* less than all of it, not from its beginning */
	map_huge(&huge_named, 2, MAP_SHARED, fd);
	close(fd);
}

static void check_huge_block(const struct block *b)
{
	unsigned long i;

	block_check(b);
	check_flag(b->mem, b->name, " hg");
	for (i = 0; i < HUGE; i += PAGE)
		check(!b->mem[i - HUGE], "%s: something on page %lu", b->name, i / PAGE);
}

/* ---- protection keys --------------------------------------------------------------- */

static sigjmp_buf fault;
static volatile sig_atomic_t fault_code;

static void on_segv(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	fault_code = info->si_code;
	siglongjmp(fault, 1);
}

static void make_keyed(void)
{
	struct sigaction action = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO };
	int low = pkey_alloc(0, 0);

	if (low < 0) {
		migrant_tell("pkeys", "none");
		return;
	}
	/* one that is not the lowest, so that the others must be right, too */
	key = pkey_alloc(0, 0);
	check(key > low && !pkey_free(low), "pkey_alloc: %d behind %d", key, low);
	block_map(&keyed, 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(!pkey_mprotect(keyed.mem, keyed.pages * PAGE, PROT_READ | PROT_WRITE, key),
	      "pkey_mprotect: %s", strerror(errno));
	sigaction(SIGSEGV, &action, NULL);
}

static void check_keyed(void)
{
	int low;

	check(pkey_get(key) == PKEY_DISABLE_ACCESS, "rights of key %d: %d", key, pkey_get(key));
	fault_code = 0;
	if (!sigsetjmp(fault, 1))
		(void)*(volatile unsigned char *)keyed.mem;
	check(fault_code == SEGV_PKUERR, "a look at locked memory: code %d", fault_code);
	low = pkey_alloc(0, 0);
	check(low > 0 && low < key && !pkey_free(low), "the next key is %d", low);
	pkey_set(key, 0);
	block_check(&keyed);
}

/* ---- shared ------------------------------------------------------------------------ */

static void make_shared(void)
{
	int fd = memfd_create("a memory", MFD_CLOEXEC);

	block_map(&shared, 512, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	block_map(&punched, 256, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	block_map(&pieces, 96, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	check(fd >= 0 && !ftruncate(fd, 200 * PAGE), "memfd: %s", strerror(errno));
	/* less than all of it, not from its beginning */
	block_map(&named, 64, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 100 * PAGE);
	close(fd);
}

/* What a child writes its parent reads, and the other way round. */
static void share(struct block *b)
{
	int status;
	pid_t child = fork();

	check(child >= 0, "fork: %s", strerror(errno));
	if (!child) {
		block_check(b);
		block_fill(b);
		_exit(0);
	}
	check(waitpid(child, &status, 0) == child && !status, "%s: the child ended with %x",
	      b->name, status);
	b->generation++;
	block_check(b);
}

/* The first half loses its pages, and nothing else; the second half its contents. */
static void punch(void)
{
	unsigned long half = punched.pages / 2, i;

	check(!madvise(punched.mem, half * PAGE, MADV_DONTNEED), "MADV_DONTNEED: %s",
	      strerror(errno));
	check(!madvise(punched.mem + half * PAGE, half * PAGE, MADV_REMOVE), "MADV_REMOVE: %s",
	      strerror(errno));
	for (i = punched.pages; i--;)
		check(i < half ? page_bad(punched.mem + i * PAGE, page_key(&punched, i)) < 0 :
				 !*(uint64_t *)(punched.mem + i * PAGE),
		      "%s: page %lu of %lu is wrong", punched.name, i, punched.pages);
}

static void protect_pieces(int prot)
{
	check(!mprotect(pieces.mem + 32 * PAGE, 32 * PAGE, prot), "mprotect: %s", strerror(errno));
}

static void check_huge(void)
{
	check_huge_block(&huge);
	check_huge_block(&huge_shared);
	share(&huge_shared);
	check_huge_block(&huge_named);
}

/* ---- a file that all hosts see ------------------------------------------------------ */

static char path[600];

static void make_mapped(void)
{
	struct statfs fs;
	int fd;

	if (statfs(migrant.dir, &fs) || fs.f_type != NFS_SUPER_MAGIC)
		return;
	snprintf(path, sizeof(path), "%s/mapped", migrant.dir);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	check(fd >= 0 && !ftruncate(fd, 64 * PAGE), "%s: %s", path, strerror(errno));
	block_map(&mapped, 64, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
}

/* What was written by the mapping is in the file, and the other way round. */
static void check_mapped(void)
{
	unsigned char page[PAGE];
	int fd = open(path, O_RDWR | O_CLOEXEC);
	unsigned long i;

	block_check(&mapped);
	for (i = 0; i < mapped.pages; i++)
		check(pread(fd, page, PAGE, i * PAGE) == PAGE &&
		      page_bad(page, page_key(&mapped, i)) < 0, "page %lu of the file is wrong", i);
	mapped.generation++;
	page_fill(page, page_key(&mapped, 5));
	check(pwrite(fd, page, PAGE, 5 * PAGE) == PAGE, "pwrite: %s", strerror(errno));
	close(fd);
	check(page_bad(mapped.mem + 5 * PAGE, page_key(&mapped, 5)) < 0,
	      "what was written to the file is not in memory");
}

/* ---- reserved ---------------------------------------------------------------------- */

static void make_reserved(void)
{
	/* what mlockall(MCL_FUTURE) would refuse */
	sparse = mmap(NULL, 8 * GIB, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	reserved = mmap(NULL, 4096 * GIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			-1, 0);
	check(sparse != MAP_FAILED && reserved != MAP_FAILED, "reservations: %s", strerror(errno));
	sparse[5 * GIB] = 5;
	sparse[7 * GIB + 1] = 7;
}

static void check_reserved(void)
{
	char rss[512];

	check(sparse[5 * GIB] == 5 && sparse[7 * GIB + 1] == 7 && !sparse[6 * GIB],
	      "sparse: %d %d %d", sparse[5 * GIB], sparse[7 * GIB + 1], sparse[6 * GIB]);
	smaps(sparse, "Rss:", rss, sizeof(rss));
	check(strtoul(rss, NULL, 10) < 1024, "8 GiB with three pages: %s", rss);
	smaps(reserved, "Rss:", rss, sizeof(rss));
	check(!strtoul(rss, NULL, 10), "reserved, and now there is something: %s", rss);
}

/* ---------------------------------------------------------------------------------- */

static void fill_all(void)
{
	block_fill(&locked);
	block_fill(&on_fault);
	block_fill(&shared);
	block_fill(&punched);
	block_fill(&named);
	protect_pieces(PROT_READ | PROT_WRITE);
	block_fill(&pieces);
	protect_pieces(PROT_READ);
	if (mapped.mem)
		block_fill(&mapped);
	if (huge.mem) {
		block_fill(&huge);
		block_fill(&huge_shared);
		block_fill(&huge_named);
	}
	if (key < 0)
		return;
	block_fill(&keyed);
	pkey_set(key, PKEY_DISABLE_ACCESS);
}

static void check_all(void)
{
	punch();
	share(&shared);
	block_check(&pieces);
	block_check(&named);
	share(&named);
	block_check(&locked);
	block_check(&on_fault);
	check_locked();
	check_reserved();
	if (mapped.mem)
		check_mapped();
	if (huge.mem)
		check_huge();
	if (key >= 0)
		check_keyed();
}

int main(int argc, char **argv)
{
	char text[32];

	migrant_start(argc, argv, 0, "");
	make_reserved();
	make_shared();
	make_mapped();
	make_huge();
	make_keyed();
	make_locked();
	fill_all();
	migrant_tell("ready", "yes");
	while (migrant_wait_hop()) {
		check_all();
		fill_all();
		snprintf(text, sizeof(text), "%u", migrant.hops);
		migrant_tell("verified", text);
	}
	migrant_ok("hops=%u", migrant.hops);
}
