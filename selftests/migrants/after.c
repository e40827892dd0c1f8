// SPDX-License-Identifier: GPL-2.0
/*
 * What a process may do at once when it has arrived and most of its pages have
 * not: fork, exec, move, unmap, drop and protect memory, grow stack and brk,
 * start threads. Every region is filled before, and touched for the first time
 * afterwards by the act itself.
 *
 * usage: after DIR ACT…|all
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

#define PAGE		4096UL
#define PAGES		512UL		/* per region: 2 MiB */
#define SIZE		(PAGES * PAGE)

/**
 * struct region - memory with known contents
 * @at: its address
 * @key: what its pages are made of
 */
struct region {
	unsigned char *at;
	uint64_t key;
};

static sigjmp_buf back;
static volatile sig_atomic_t faulted;
static void *volatile fault_addr;

static void on_segv(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	faulted = info->si_code;
	fault_addr = info->si_addr;
	siglongjmp(back, 1);
}

/* Does touching @at fault with @code (SEGV_MAPERR, SEGV_ACCERR)? */
static bool faults(volatile unsigned char *at, bool write, int code)
{
	faulted = 0;
	if (!sigsetjmp(back, 1)) {
		if (write)
			*at = 1;
		else
			(void)*at;
		return false;
	}
	return faulted == code && fault_addr == at;
}

static void region_fill(struct region *r, uint64_t key)
{
	unsigned long i;

	r->key = key;
	r->at = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(r->at != MAP_FAILED, "no memory");
	for (i = 0; i < PAGES; i++)
		page_fill(r->at + i * PAGE, key + i);
}

/* Pages [from, to) of @r, now at @at. */
static void region_check(const struct region *r, const unsigned char *at, unsigned long from,
			 unsigned long to, const char *who)
{
	unsigned long i;
	int word;

	for (i = from; i < to; i++) {
		word = page_bad(at + (i - from) * PAGE, r->key + i);
		check(word < 0, "%s: page %lu (at %p): word %d is wrong", who, i,
		      at + (i - from) * PAGE, word);
	}
}

static bool all_zero(const unsigned char *at, unsigned long len)
{
	return !at[0] && !memcmp(at, at + 1, len - 1);
}

static void child_ended(pid_t pid, const char *what)
{
	int status;

	check(waitpid(pid, &status, 0) == pid, "%s: no child: %s", what, strerror(errno));
	check(WIFEXITED(status) && !WEXITSTATUS(status), "%s: child's status %x", what, status);
}

/* Parent and child verify and change the same pages, in opposite order. */
static void act_fork(struct region *r)
{
	unsigned long i;
	pid_t pid = fork();

	check(pid >= 0, "fork: %s", strerror(errno));
	if (!pid) {
		for (i = PAGES; i-- > 0;) {
			region_check(r, r->at + i * PAGE, i, i + 1, "child");
			memset(r->at + i * PAGE, 0xcc, PAGE);
		}
		_exit(0);
	}
	region_check(r, r->at, 0, PAGES / 2, "parent");
	memset(r->at, 0xdd, SIZE / 2);
	child_ended(pid, "fork");
	region_check(r, r->at + SIZE / 2, PAGES / 2, PAGES, "parent, after the child");
}

/* A grandchild that the migrant's child forks. */
static void act_fork2(struct region *r)
{
	pid_t pid = fork();

	check(pid >= 0, "fork: %s", strerror(errno));
	if (!pid) {
		pid_t grandchild = fork();

		check(grandchild >= 0, "fork: %s", strerror(errno));
		if (!grandchild) {
			region_check(r, r->at, 0, PAGES, "grandchild");
			_exit(0);
		}
		munmap(r->at, SIZE / 2);
		region_check(r, r->at + SIZE / 2, PAGES / 2, PAGES, "child");
		child_ended(grandchild, "fork2");
		_exit(0);
	}
	child_ended(pid, "fork2");
	region_check(r, r->at, 0, PAGES, "parent");
}

static void act_exec(struct region *r)
{
	pid_t pid = fork();

	check(pid >= 0, "fork: %s", strerror(errno));
	if (!pid) {
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	child_ended(pid, "exec");
	region_check(r, r->at, 0, PAGES, "parent, after the child's exec");
}

static void act_mremap(struct region *r)
{
	unsigned char *to = mmap(NULL, 2 * SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char *at;

	at = mremap(r->at, SIZE, 2 * SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	check(at == to, "mremap: %s", strerror(errno));
	region_check(r, at, 0, PAGES, "moved");
	check(all_zero(at + SIZE, SIZE), "mremap: the new half is not zero");
	check(faults(r->at, false, SEGV_MAPERR), "mremap: the old place is still there");
}

static void act_munmap(struct region *r)
{
	check(!munmap(r->at + SIZE / 4, SIZE / 4), "munmap: %s", strerror(errno));
	check(faults(r->at + SIZE / 4, false, SEGV_MAPERR), "munmap: still there");
	region_check(r, r->at, 0, PAGES / 4, "below");
	region_check(r, r->at + SIZE / 2, PAGES / 2, PAGES, "above");
}

static void act_dontneed(struct region *r)
{
	check(!madvise(r->at + SIZE / 4, SIZE / 4, MADV_DONTNEED), "madvise: %s",
	      strerror(errno));
	check(all_zero(r->at + SIZE / 4, SIZE / 4), "MADV_DONTNEED: not zero");
	region_check(r, r->at, 0, PAGES / 4, "below");
	region_check(r, r->at + SIZE / 2, PAGES / 2, PAGES, "above");
}

static void act_mprotect(struct region *r)
{
	check(!mprotect(r->at, SIZE / 2, PROT_READ), "mprotect: %s", strerror(errno));
	check(faults(r->at, true, SEGV_ACCERR), "mprotect: may still be written");
	region_check(r, r->at, 0, PAGES / 2, "read-only half");
	check(!mprotect(r->at, SIZE, PROT_NONE), "mprotect: %s", strerror(errno));
	check(faults(r->at + SIZE - 1, false, SEGV_ACCERR), "mprotect: may still be read");
	check(!mprotect(r->at, SIZE, PROT_READ | PROT_WRITE), "mprotect: %s", strerror(errno));
	region_check(r, r->at, 0, PAGES, "open again");
}

/* A guard page and a read-only page that were made before the move. */
static void prepare_guard(struct region *r)
{
	check(!mprotect(r->at + 10 * PAGE, PAGE, PROT_NONE) &&
	      !mprotect(r->at + 20 * PAGE, PAGE, PROT_READ), "mprotect: %s", strerror(errno));
}

static void act_guard(struct region *r)
{
	check(faults(r->at + 10 * PAGE, false, SEGV_ACCERR), "the guard page may be read");
	check(faults(r->at + 10 * PAGE + 5, true, SEGV_ACCERR), "the guard page may be written");
	check(faults(r->at + 20 * PAGE, true, SEGV_ACCERR), "the read-only page may be written");
	check(!mprotect(r->at + 10 * PAGE, PAGE, PROT_READ | PROT_WRITE), "mprotect: %s",
	      strerror(errno));
	/* what is behind the guard has moved too */
	region_check(r, r->at, 0, PAGES, "with the guard open");
}

static unsigned long deep(unsigned int depth)
{
	volatile unsigned char frame[16384];
	unsigned long sum;

	memset((void *)frame, depth, sizeof(frame));
	sum = depth ? deep(depth - 1) : 0;
	return sum + frame[depth % sizeof(frame)];
}

static void act_stack(struct region *r)
{
	/* 4 MiB below what the stack ever was */
	check(deep(255) == 255 * 256 / 2, "the stack does not hold what was put there");
	region_check(r, r->at, 0, PAGES, "after the stack has grown");
}

static void act_brk(struct region *r)
{
	unsigned char *old = sbrk(0), *top;

	check(sbrk(SIZE) == old, "brk: %s", strerror(errno));
	check(all_zero(old, SIZE), "brk: new memory is not zero");
	memset(old, 0x11, SIZE);
	top = sbrk(-(long)SIZE);
	check(top == old + SIZE, "brk: cannot shrink: %s", strerror(errno));
	region_check(r, r->at, 0, PAGES, "after brk");
}

static void *thread_check(void *arg)
{
	struct region *r = arg;

	region_check(r, r->at, 0, PAGES, "new thread");
	return NULL;
}

static void act_threads(struct region *r)
{
	pthread_t threads[8];
	unsigned int i;

	/* all of them want the same pages at the same time */
	for (i = 0; i < 8; i++)
		check(!pthread_create(&threads[i], NULL, thread_check, r), "no thread");
	for (i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
}

static void act_mapover(struct region *r)
{
	unsigned char *at = mmap(r->at + SIZE / 4, SIZE / 4, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	check(at == r->at + SIZE / 4, "mmap: %s", strerror(errno));
	check(all_zero(at, SIZE / 4), "mapped over: not zero");
	region_check(r, r->at, 0, PAGES / 4, "below");
	region_check(r, r->at + SIZE / 2, PAGES / 2, PAGES, "above");
}

/* Memory that only the kernel reads. */
static void act_syscall(struct region *r)
{
	static unsigned char buf[PAGE];
	unsigned long i;
	int fd[2];

	check(!pipe(fd), "pipe: %s", strerror(errno));
	for (i = 0; i < PAGES; i++) {
		check(write(fd[1], r->at + i * PAGE, PAGE) == (ssize_t)PAGE, "write: %s",
		      strerror(errno));
		check(read(fd[0], buf, PAGE) == (ssize_t)PAGE && page_bad(buf, r->key + i) < 0,
		      "page %lu, as the kernel read it, is wrong", i);
	}
	close(fd[0]);
	close(fd[1]);
}

static const struct {
	const char *name;
	void (*act)(struct region *r);
	void (*prepare)(struct region *r);
} acts[] = {
	{ "fork", act_fork, NULL },
	{ "fork2", act_fork2, NULL },
	{ "exec", act_exec, NULL },
	{ "mremap", act_mremap, NULL },
	{ "munmap", act_munmap, NULL },
	{ "dontneed", act_dontneed, NULL },
	{ "mprotect", act_mprotect, NULL },
	{ "guard", act_guard, prepare_guard },
	{ "stack", act_stack, NULL },
	{ "brk", act_brk, NULL },
	{ "threads", act_threads, NULL },
	{ "mapover", act_mapover, NULL },
	{ "syscall", act_syscall, NULL },
};

#define NR_ACTS (sizeof(acts) / sizeof(acts[0]))

static bool wanted(int argc, char **argv, const char *name)
{
	int i;

	for (i = 2; i < argc; i++)
		if (!strcmp(argv[i], name) || !strcmp(argv[i], "all"))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO };
	struct region regions[NR_ACTS];
	unsigned int i, done = 0;

	migrant_start(argc, argv, 1, "ACT…|all");
	sigaction(SIGSEGV, &action, NULL);
	for (i = 0; i < NR_ACTS; i++) {
		if (!wanted(argc, argv, acts[i].name))
			continue;
		region_fill(&regions[i], (uint64_t)(i + 1) << 32);
		if (acts[i].prepare)
			acts[i].prepare(&regions[i]);
	}
	migrant_tell("ready", "yes");
	/* without a move it does its acts when it is told to stop */
	migrant_wait_hop();
	for (i = 0; i < NR_ACTS; i++) {
		if (!wanted(argc, argv, acts[i].name))
			continue;
		acts[i].act(&regions[i]);
		done++;
	}
	check(done, "no act is known by that name");
	migrant_ok("hops=%u acts=%u", migrant.hops, done);
}
