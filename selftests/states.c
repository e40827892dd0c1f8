// SPDX-License-Identifier: GPL-2.0
/*
 * The states of a migration from outside: every state that can be reached
 * without a peer is reached, and there every call that would change it is made.
 * Those that the table allows succeed, all others fail with EBADFD (or what the
 * interface promises) and change nothing.
 *
 * The test is its own host, in a network namespace where no ternd runs.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#include "kselftest_harness.h"
#include "dev_calls.h"

#define IMAGE_MAX (4U << 20)

/* A migrant must not share what we have open. */
static pid_t start_migrant(void)
{
	pid_t pid = fork();
	int null;

	if (pid)
		return pid;
	null = open("/dev/null", O_RDWR);
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	syscall(SYS_close_range, 3, ~0U, 0);
	execl("/bin/sleep", "sleep", "1000", NULL);
	_exit(1);
}

/* Where its code of that name begins; 0: it has none. */
static unsigned long code_of(pid_t pid, const char *name)
{
	unsigned long start = 0;
	char path[64], line[512];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	file = fopen(path, "r");
	while (file && !start && fgets(line, sizeof(line), file))
		if (strstr(line, " r-xp ") && strstr(line, name))
			sscanf(line, "%lx", &start);
	if (file)
		fclose(file);
	return start;
}

/* From now on it goes round and round at @at, in a "jmp" that leads to itself. */
static int spin_at(pid_t pid, unsigned long at)
{
	struct user_regs_struct regs;
	long word;
	int err;

	if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) || waitpid(pid, NULL, 0) != pid)
		return -1;
	word = ptrace(PTRACE_PEEKTEXT, pid, at, NULL);
	err = ptrace(PTRACE_POKETEXT, pid, at, (word & ~0xffffL) | 0xfeeb);
	err = err ? err : ptrace(PTRACE_GETREGS, pid, NULL, &regs);
	regs.rip = at;
	regs.orig_rax = -1;
	err = err ? err : ptrace(PTRACE_SETREGS, pid, NULL, &regs);
	return ptrace(PTRACE_DETACH, pid, NULL, NULL) ? -1 : err;
}

/* It has come to sleep: what it touches is what it has touched. */
static bool sleeps(pid_t pid)
{
	struct timespec pause = { .tv_nsec = 10000000 };
	char path[64], line[32];
	long call = -1;
	int tries;

	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	for (tries = 0; call != SYS_clock_nanosleep && tries < 1000; tries++) {
		FILE *file = fopen(path, "r");

		nanosleep(&pause, NULL);
		call = file && fgets(line, sizeof(line), file) ? strtol(line, NULL, 10) : -1;
		if (file)
			fclose(file);
	}
	return call == SYS_clock_nanosleep;
}

/* The highest page of its stack, when it has become what it is to be; 0: never. */
static unsigned long stack_of(pid_t pid)
{
	struct timespec pause = { .tv_nsec = 10000000 };
	unsigned long end = 0;
	char path[64], line[512];
	int tries;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	for (tries = 0; !end && tries < 1000; tries++) {
		bool ready = false;

		nanosleep(&pause, NULL);
		file = fopen(path, "r");
		while (file && fgets(line, sizeof(line), file)) {
			ready |= strstr(line, "sleep") != NULL;
			if (ready && strstr(line, "[stack]"))
				sscanf(line, "%*x-%lx", &end);
		}
		if (file)
			fclose(file);
	}
	return end && sleeps(pid) ? end - 4096 : 0;
}

static int template_tid;

static void *template(void *arg)
{
	template_tid = syscall(SYS_gettid);
	for (;;)
		nanosleep(&(struct timespec){ .tv_sec = 1000 }, NULL);
	return arg;
}

/* The module must know how the kernel goes on with a sleep. */
static int learn(int dev)
{
	struct tern_learn arg = { .size = sizeof(arg) };
	pthread_t thread;
	int rc, tries;

	if (pthread_create(&thread, NULL, template, NULL))
		return -EAGAIN;
	for (tries = 0; tries < 100; tries++) {
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
		arg.tid = template_tid;
		rc = arg.tid ? call(dev, TERN_IOC_LEARN, &arg) : -EAGAIN;
		if (rc != -EAGAIN)
			break;
	}
	return rc;
}

FIXTURE(source)
{
	int server;
	int dev;
	pid_t pid;
	unsigned long stack;
	uint64_t id;
	void *image;
};

static void to_state(struct __test_metadata *_metadata, FIXTURE_DATA(source) *self, int state);

FIXTURE_VARIANT(source)
{
	int state;
};

FIXTURE_VARIANT_ADD(source, requested) { .state = TERN_REQUESTED };
FIXTURE_VARIANT_ADD(source, prepared) { .state = TERN_PREPARED };
FIXTURE_VARIANT_ADD(source, parked) { .state = TERN_PARKED };
FIXTURE_VARIANT_ADD(source, doubt) { .state = TERN_DOUBT };
FIXTURE_VARIANT_ADD(source, committed) { .state = TERN_COMMITTED };
FIXTURE_VARIANT_ADD(source, independent) { .state = TERN_INDEPENDENT };
FIXTURE_VARIANT_ADD(source, failed) { .state = TERN_FAILED };
FIXTURE_VARIANT_ADD(source, lost) { .state = TERN_LOST };

static void to_state(struct __test_metadata *_metadata, FIXTURE_DATA(source) *self, int state)
{
	uint64_t len = IMAGE_MAX;

	if (state == TERN_REQUESTED)
		return;
	if (state == TERN_PREPARED) {
		ASSERT_EQ(0, call(self->dev, TERN_IOC_PREPARED, NULL));
		return;
	}
	if (state == TERN_FAILED) {
		ASSERT_EQ(0, fail_it(self->dev, 0));
		return;
	}
	ASSERT_EQ(0, park(self->dev));
	if (state == TERN_PARKED)
		return;
	ASSERT_EQ(0, image_call(self->dev, TERN_IOC_CAPTURE, self->image, &len));
	ASSERT_EQ(0, call(self->dev, TERN_IOC_SENT, NULL));
	if (state == TERN_DOUBT)
		return;
	len = IMAGE_MAX;
	ASSERT_EQ(0, image_call(self->dev, TERN_IOC_COMMIT, self->image, &len));
	if (state == TERN_INDEPENDENT)
		ASSERT_EQ(0, call(self->dev, TERN_IOC_RELEASE, NULL));
	if (state == TERN_LOST)
		ASSERT_EQ(0, fail_it(self->dev, TERN_FAIL_LOST));
}

FIXTURE_SETUP(source)
{
	struct tern_request request;

	if (geteuid() || access("/dev/tern", F_OK))
		SKIP(return, "needs root and /dev/tern");
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	self->image = malloc(IMAGE_MAX);
	self->server = dev_open();
	self->dev = dev_open();
	ASSERT_LE(0, self->server);
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, serve(self->server));
	ASSERT_EQ(0, learn(self->server));
	self->pid = start_migrant();
	ASSERT_LT(0, self->pid);
	self->stack = stack_of(self->pid);
	ASSERT_NE(0, self->stack);
	ASSERT_EQ(0, ask(self->server, self->pid, &self->id));
	ASSERT_EQ((ssize_t)sizeof(request), read(self->server, &request, sizeof(request)));
	EXPECT_EQ(TERN_REQUEST_MIGRATE, request.what);
	EXPECT_EQ(self->pid, request.pid);
	EXPECT_EQ(self->id, request.id);
	ASSERT_EQ(0, attach(self->dev, self->id, TERN_SOURCE));
	to_state(_metadata, self, variant->state);
}

FIXTURE_TEARDOWN(source)
{
	if (self->pid > 0) {
		kill(self->pid, SIGKILL);
		waitpid(self->pid, NULL, 0);
	}
	/* a migration that lives would keep the module for ever */
	fail_it(self->dev, TERN_FAIL_NOT_THERE);
	fail_it(self->dev, TERN_FAIL_LOST);
	close(self->dev);
	close(self->server);
	free(self->image);
}

static bool alive(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) == 0;
}

/* Nothing has been stopped yet. */
static bool runs_free(int state)
{
	return state == TERN_REQUESTED || state == TERN_PREPARED;
}

TEST_F(source, say_prepared)
{
	bool may = variant->state == TERN_REQUESTED;

	EXPECT_EQ(may ? 0 : -EBADFD, call(self->dev, TERN_IOC_PREPARED, NULL));
}

TEST_F(source, tree)
{
	__s32 pids[2] = { 0 };
	struct tern_tree_io io = { .size = sizeof(io), .nr = 2, .pids = (unsigned long)pids };
	int rc = call(self->dev, TERN_IOC_TREE, &io);

	/* what has been committed ends when it likes */
	if (!runs_free(variant->state))
		return;
	EXPECT_EQ(0, rc);
	EXPECT_EQ(1, io.nr);
	EXPECT_EQ(self->pid, pids[0]);
	io.nr = 0;
	EXPECT_EQ(-ENOSPC, call(self->dev, TERN_IOC_TREE, &io));
	io.nr = 2;
	io.pids = 0;
	EXPECT_EQ(-EFAULT, call(self->dev, TERN_IOC_TREE, &io));
}

TEST_F(source, member)
{
	bool may = runs_free(variant->state);
	int dev = dev_open(), other = start_migrant();

	ASSERT_LT(0, other);
	EXPECT_EQ(-ENOENT, create_member(dev, ~self->id, other));
	EXPECT_EQ(-ESRCH, create_member(dev, self->id, 4000000));
	EXPECT_EQ(may ? 0 : -EBADFD, create_member(dev, self->id, other));
	if (may) {
		int again = dev_open();

		EXPECT_EQ(-EALREADY, create_member(again, self->id, other));
		EXPECT_EQ(-EALREADY, create_member(again, self->id, self->pid));
		close(again);
		EXPECT_EQ(0, fail_it(dev, 0));
	}
	close(dev);
	EXPECT_TRUE(alive(other));
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
}

TEST_F(source, draft)
{
	struct tern_image_io io = {
		.size = sizeof(io), .flags = TERN_CAPTURE_DRAFT,
		.buf = (unsigned long)self->image, .len = IMAGE_MAX,
	};
	bool may = runs_free(variant->state);

	EXPECT_EQ(may ? 0 : -EBADFD, call(self->dev, TERN_IOC_CAPTURE, &io));
	if (may) {
		EXPECT_LT(1000, io.len);
		EXPECT_TRUE(alive(self->pid));
	}
	io.flags = 4;
	EXPECT_EQ(-EINVAL, call(self->dev, TERN_IOC_CAPTURE, &io));
	io.flags = TERN_CAPTURE_DRAFT | TERN_CAPTURE_SOCKETS;
	EXPECT_EQ(-EINVAL, call(self->dev, TERN_IOC_CAPTURE, &io));
	/* it is in no pod: nothing of it is left for later */
	io.flags = TERN_CAPTURE_SOCKETS;
	EXPECT_EQ(-EBADFD, call(self->dev, TERN_IOC_CAPTURE, &io));
}

TEST_F(source, park)
{
	struct tern_park unknown = { .size = sizeof(unknown), .reserved = 1 };
	bool may = runs_free(variant->state);

	EXPECT_EQ(-EINVAL, call(self->dev, TERN_IOC_PARK, &unknown));
	EXPECT_EQ(may ? 0 : -EBADFD, park(self->dev));
}

/* One that never leaves the vDSO is not stopped there, and runs on. */
TEST_F(source, park_in_vdso)
{
	unsigned long vdso = code_of(self->pid, "[vdso]");
	unsigned long text = code_of(self->pid, "/sleep");

	if (!runs_free(variant->state))
		SKIP(return, "is not to be parked");
	ASSERT_NE(0, vdso);
	ASSERT_EQ(0, spin_at(self->pid, vdso + 0x800));
	EXPECT_EQ(-EAGAIN, park(self->dev));
	EXPECT_TRUE(alive(self->pid));
	ASSERT_EQ(0, spin_at(self->pid, text));
	EXPECT_EQ(0, park(self->dev));
}

TEST_F(source, thaw)
{
	bool may = variant->state == TERN_PARKED;

	EXPECT_EQ(may ? 0 : -EBADFD, call(self->dev, TERN_IOC_THAW, NULL));
	if (may) {
		EXPECT_EQ(0, park(self->dev));
		EXPECT_TRUE(alive(self->pid));
	}
}

TEST_F(source, sent)
{
	bool may = variant->state == TERN_PARKED;

	EXPECT_EQ(may ? 0 : -EBADFD, call(self->dev, TERN_IOC_SENT, NULL));
}

TEST_F(source, capture)
{
	bool may = variant->state == TERN_PARKED;
	uint64_t len = IMAGE_MAX;

	EXPECT_EQ(may ? 0 : -EBADFD, image_call(self->dev, TERN_IOC_CAPTURE, self->image, &len));
}

TEST_F(source, commit)
{
	bool may = variant->state == TERN_DOUBT;
	uint64_t len = IMAGE_MAX;
	int status;

	EXPECT_EQ(may ? 0 : -EBADFD, image_call(self->dev, TERN_IOC_COMMIT, self->image, &len));
	if (!may)
		return;
	/* whoever waits for it hears that it has moved */
	EXPECT_EQ(self->pid, waitpid(self->pid, &status, 0));
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(TERN_EXIT_MOVED, WEXITSTATUS(status));
	self->pid = 0;
}

TEST_F(source, release)
{
	bool may = variant->state == TERN_COMMITTED;

	EXPECT_EQ(may ? 0 : -EBADFD, call(self->dev, TERN_IOC_RELEASE, NULL));
}

TEST_F(source, resume)
{
	EXPECT_EQ(-EBADFD, call(self->dev, TERN_IOC_RESUME, NULL));
}

TEST_F(source, fail_without_a_word)
{
	int want = -EBADFD;

	if (runs_free(variant->state) || variant->state == TERN_PARKED)
		want = 0;
	if (variant->state == TERN_DOUBT || variant->state == TERN_COMMITTED)
		want = -EBUSY;
	EXPECT_EQ(want, fail_it(self->dev, 0));
}

TEST_F(source, fail_not_there)
{
	int want = -EBADFD;

	if (runs_free(variant->state) || variant->state == TERN_PARKED ||
	    variant->state == TERN_DOUBT)
		want = 0;
	if (variant->state == TERN_COMMITTED)
		want = -EBUSY;
	EXPECT_EQ(want, fail_it(self->dev, TERN_FAIL_NOT_THERE));
	if (!want)
		EXPECT_TRUE(alive(self->pid));
}

TEST_F(source, second_handle)
{
	bool live = variant->state < TERN_INDEPENDENT || variant->state == TERN_PREPARED;
	int dev = dev_open();

	int rc = attach(dev, self->id, TERN_SOURCE);

	EXPECT_TRUE(rc == -EBUSY || (!live && rc == -ENOENT));
	close(dev);
}

TEST_F(source, ask_again)
{
	bool live = variant->state < TERN_INDEPENDENT || variant->state == TERN_PREPARED;
	uint64_t id;

	if (live && variant->state != TERN_COMMITTED)
		EXPECT_EQ(-EALREADY, ask(self->server, self->pid, &id));
}

/* The daemon dies: a merely parked process runs on, the others stay as they are. */
TEST_F(source, orphan)
{
	bool stays = variant->state == TERN_DOUBT || variant->state == TERN_COMMITTED;
	int dev = dev_open();

	close(self->dev);
	self->dev = dev;
	EXPECT_EQ(stays ? 0 : -ENOENT, attach(dev, self->id, TERN_SOURCE));
	if (runs_free(variant->state) || variant->state == TERN_PARKED)
		EXPECT_TRUE(alive(self->pid));
}

TEST_F(source, read_pages)
{
	bool may = variant->state == TERN_PARKED || variant->state == TERN_DOUBT ||
		   variant->state == TERN_COMMITTED;
	uint64_t present = 0;
	char buf[4096];

	EXPECT_EQ(may ? 0 : -EBADFD, read_page(self->dev, self->stack, buf, &present));
	if (may) {
		EXPECT_EQ(1, present);
		EXPECT_NE(NULL, memmem(buf, sizeof(buf), "/bin/sleep", 10));
	}
}

/* The page itself, through a pipe; and what a look at it says. */
TEST_F(source, splice_pages)
{
	bool may = variant->state == TERN_PARKED || variant->state == TERN_DOUBT ||
		   variant->state == TERN_COMMITTED;
	loff_t addr = self->stack, odd = self->stack + 1;
	char buf[4096], copy[4096];
	uint64_t present = 0;
	int p[2];

	ASSERT_EQ(0, pipe(p));
	EXPECT_EQ(may ? 4096 : -1, splice(self->dev, &addr, p[1], NULL, 4096, 0));
	EXPECT_EQ(-1, splice(self->dev, &odd, p[1], NULL, 4096, SPLICE_F_NONBLOCK));
	if (!may)
		return;
	EXPECT_EQ(self->stack + 4096, addr);
	EXPECT_EQ(4096, read(p[0], buf, sizeof(buf)));
	EXPECT_EQ(0, read_page(self->dev, self->stack, copy, &present));
	EXPECT_EQ(0, memcmp(buf, copy, sizeof(buf)));
	EXPECT_EQ(0, read_page(self->dev, self->stack, NULL, &present));
	EXPECT_EQ(1, present);
	/* where nothing is */
	addr = 0x10000;
	EXPECT_GE(0, splice(self->dev, &addr, p[1], NULL, 4096, SPLICE_F_NONBLOCK));
	EXPECT_EQ(0, read_page(self->dev, 0x10000, NULL, &present));
	EXPECT_EQ(0, present);
	close(p[0]);
	close(p[1]);
}

static int accessed(int dev, uint64_t start, uint64_t end, struct tern_accessed_range *ranges,
		    unsigned int *nr, uint64_t *came)
{
	struct tern_accessed arg = {
		.size = sizeof(arg), .nr = *nr, .start = start, .end = end,
		.ranges = (uintptr_t)ranges,
	};
	int rc = call(dev, TERN_IOC_ACCESSED, &arg);

	*nr = arg.nr;
	*came = arg.start;
	return rc;
}

static int next_pages(int dev, uint64_t start, uint32_t pad, uint64_t *from, uint64_t *to)
{
	struct tern_next_pages arg = { .size = sizeof(arg), .pad = pad, .start = start };
	int rc = call(dev, TERN_IOC_NEXT_PAGES, &arg);

	*from = arg.start;
	*to = arg.end;
	return rc;
}

/* There are few areas with page tables, in order, and the stack is in one of them. */
TEST_F(source, next_pages)
{
	bool may = runs_free(variant->state) || variant->state == TERN_PARKED ||
		   variant->state == TERN_DOUBT || variant->state == TERN_COMMITTED;
	uint64_t from = 0, to = 0, at = 0;
	bool found = false;
	unsigned int nr;
	int rc;

	EXPECT_EQ(may ? 0 : -EBADFD, next_pages(self->dev, 0, 0, &from, &to));
	if (!may)
		return;
	for (nr = 0; nr < 64; nr++) {
		rc = next_pages(self->dev, at, 0, &from, &to);
		if (rc)
			break;
		ASSERT_LE(at, from);
		ASSERT_LT(from, to);
		found |= from <= self->stack && self->stack < to;
		at = to;
	}
	EXPECT_EQ(-ENXIO, rc);
	EXPECT_LT(1, nr);
	EXPECT_TRUE(found);
	/* within one, and on no boundary */
	EXPECT_EQ(0, next_pages(self->dev, self->stack & ~4095ULL, 0, &from, &to));
	EXPECT_EQ(self->stack & ~4095ULL, from);
	EXPECT_EQ(-ENXIO, next_pages(self->dev, (1ULL << 47) - 4096 * 2, 0, &from, &to));
	EXPECT_EQ(-ENXIO, next_pages(self->dev, (1ULL << 47) - 4096, 0, &from, &to));
	EXPECT_EQ(-EINVAL, next_pages(self->dev, 1, 0, &from, &to));
	EXPECT_EQ(-EINVAL, next_pages(self->dev, 0, 1, &from, &to));
	EXPECT_EQ(-EINVAL, next_pages(self->dev, ~0xfffULL, 0, &from, &to));
}

/* A program that sleeps has used its stack, and nothing since the marks were taken off. */
TEST_F(source, accessed)
{
	bool may = runs_free(variant->state) || variant->state == TERN_PARKED ||
		   variant->state == TERN_DOUBT || variant->state == TERN_COMMITTED;
	uint64_t end = (1ULL << 47) - 4096, came = 0, at = 0;
	struct tern_accessed_range range[64];
	unsigned int nr = 64, i, pages = 0;
	char path[64];
	int fd;

	EXPECT_EQ(may ? 0 : -EBADFD, accessed(self->dev, 0, end, range, &nr, &came));
	if (!may)
		return;
	EXPECT_EQ(end, came);
	EXPECT_LT(1, nr);
	for (i = 0; i < nr; i++) {
		EXPECT_LE(at, range[i].start);
		EXPECT_LT(range[i].start, range[i].end);
		at = range[i].end;
		pages += (range[i].end - range[i].start) / 4096;
	}
	/* one by one it is the same */
	for (at = 0; at < end; at = came, pages -= nr) {
		nr = 1;
		ASSERT_EQ(0, accessed(self->dev, at, end, range, &nr, &came));
		ASSERT_LT(at, came);
		if (nr)
			nr = (range[0].end - range[0].start) / 4096;
	}
	EXPECT_EQ(0, pages);
	nr = 1;
	EXPECT_EQ(0, accessed(self->dev, self->stack - 4096, self->stack + 4096, range, &nr, &came));
	EXPECT_EQ(1, nr);
	EXPECT_EQ(self->stack + 4096, range[0].end);
	EXPECT_EQ(-EINVAL, accessed(self->dev, 4096, 4096, range, &nr, &came));
	EXPECT_EQ(-EINVAL, accessed(self->dev, 1, 4096, range, &nr, &came));
	EXPECT_EQ(-EINVAL, accessed(self->dev, 0, ~0xfffULL, range, &nr, &came));
	nr = 0;
	EXPECT_EQ(-EINVAL, accessed(self->dev, 0, end, range, &nr, &came));
	nr = TERN_ACCESSED_MAX + 1;
	EXPECT_EQ(-EINVAL, accessed(self->dev, 0, end, range, &nr, &came));
	nr = 64;
	EXPECT_EQ(-EFAULT, accessed(self->dev, 0, end, (void *)0x1000, &nr, &came));
	/* whose task is gone, nobody can take its marks off */
	if (variant->state == TERN_COMMITTED)
		return;
	snprintf(path, sizeof(path), "/proc/%d/clear_refs", self->pid);
	fd = open(path, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, write(fd, "1", 1));
	close(fd);
	nr = 64;
	EXPECT_EQ(0, accessed(self->dev, 0, end, range, &nr, &came));
	EXPECT_EQ(0, nr);
}

FIXTURE(destination)
{
	int server;
	int dev;
};

FIXTURE_SETUP(destination)
{
	if (geteuid() || access("/dev/tern", F_OK))
		SKIP(return, "needs root and /dev/tern");
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	self->server = dev_open();
	self->dev = dev_open();
	ASSERT_EQ(0, serve(self->server));
	ASSERT_EQ(0, create(self->dev, 0x1234, 12345));
}

FIXTURE_TEARDOWN(destination)
{
	fail_it(self->dev, 0);
	close(self->dev);
	close(self->server);
}

TEST_F(destination, wrong_side)
{
	uint64_t len = 4096;
	char buf[4096];

	EXPECT_EQ(-EBADFD, park(self->dev));
	EXPECT_EQ(-EBADFD, call(self->dev, TERN_IOC_THAW, NULL));
	EXPECT_EQ(-EBADFD, call(self->dev, TERN_IOC_SENT, NULL));
	EXPECT_EQ(-EBADFD, image_call(self->dev, TERN_IOC_CAPTURE, buf, &len));
	len = 4096;
	EXPECT_EQ(-EBADFD, image_call(self->dev, TERN_IOC_COMMIT, buf, &len));
	EXPECT_EQ(-EBADFD, call(self->dev, TERN_IOC_RELEASE, NULL));
	EXPECT_EQ(-EBADFD, call(self->dev, TERN_IOC_WRITE_BACK, NULL));
}

/* Nor is there anything that could have been written elsewhere. */
TEST_F(destination, written)
{
	struct tern_written arg = { .size = sizeof(arg) };

	EXPECT_EQ(-EBADFD, call(self->dev, TERN_IOC_WRITTEN, &arg));
	arg.err = 4096;
	EXPECT_EQ(-EINVAL, call(self->dev, TERN_IOC_WRITTEN, &arg));
}

/* Before anything runs no connections are taken, and never what is none. */
TEST_F(destination, sockets)
{
	struct tern_image_io io = { .size = sizeof(io), .flags = TERN_CAPTURE_SOCKETS };
	uint64_t len = 0;
	char buf[64];

	EXPECT_EQ(-EBADFD, image_call(self->dev, TERN_IOC_SOCKETS, buf, &len));
	memset(buf, 0xff, sizeof(buf));
	len = sizeof(buf);
	EXPECT_EQ(-EBADMSG, image_call(self->dev, TERN_IOC_SOCKETS, buf, &len));
	len = TERN_IMAGE_MAX + 1;
	EXPECT_EQ(-EINVAL, image_call(self->dev, TERN_IOC_SOCKETS, buf, &len));
	EXPECT_EQ(-EINVAL, call(self->dev, TERN_IOC_SOCKETS, &io));
}

TEST_F(destination, resume_without_shell)
{
	EXPECT_NE(0, call(self->dev, TERN_IOC_RESUME, NULL));
}

TEST_F(destination, same_id_twice)
{
	int dev = dev_open();

	EXPECT_EQ(-EEXIST, create(dev, 0x1234, 12346));
	close(dev);
}

TEST_F(destination, orphan)
{
	int dev = dev_open();

	close(self->dev);
	self->dev = dev;
	EXPECT_EQ(-ENOENT, attach(dev, 0x1234, TERN_DESTINATION));
}

/* As many as were said, and all of them said the same. */
TEST_F(destination, unit)
{
	int a = dev_open(), b = dev_open(), c = dev_open();

	EXPECT_EQ(0, create_in(a, 0x51, 51, 0x51, 2));
	EXPECT_EQ(-EINVAL, create_in(b, 0x52, 52, 0x51, 3));
	EXPECT_EQ(0, create_in(b, 0x52, 52, 0x51, 2));
	EXPECT_EQ(-EINVAL, create_in(c, 0x53, 53, 0x51, 2));
	EXPECT_EQ(-EBADFD, call(a, TERN_IOC_RESUME, NULL));
	/* one that fails is the end of the unit, and another may be made */
	EXPECT_EQ(0, fail_it(a, 0));
	EXPECT_EQ(0, create_in(c, 0x53, 53, 0x51, 2));
	close(b);
	close(c);
	close(a);
}

static int expect(int dev, unsigned int nr)
{
	struct tern_expect arg = { .size = sizeof(arg), .nr_members = nr };

	return call(dev, TERN_IOC_EXPECT, &arg);
}

/* One leaves, and another one comes: the others do not notice. */
TEST_F(destination, leave)
{
	int a = dev_open(), b = dev_open(), c = dev_open(), d = dev_open();

	EXPECT_EQ(0, create_in(a, 0x51, 51, 0x51, 2));
	EXPECT_EQ(0, create_in(b, 0x52, 52, 0x51, 2));
	EXPECT_EQ(0, expect(b, 3));
	EXPECT_EQ(0, create_in(c, 0x53, 53, 0x51, 3));
	EXPECT_EQ(-EINVAL, expect(a, 2));
	EXPECT_EQ(-EINVAL, expect(a, 0));
	EXPECT_EQ(-EINVAL, expect(a, TERN_PROCESSES_MAX + 1));
	EXPECT_EQ(0, fail_it(b, TERN_FAIL_LEAVES));
	EXPECT_EQ(-EBADFD, fail_it(b, TERN_FAIL_LEAVES));
	EXPECT_EQ(0, expect(a, 2));
	/* it is still the same unit, which is full */
	EXPECT_EQ(-EINVAL, create_in(d, 0x54, 54, 0x51, 2));
	EXPECT_EQ(0, expect(c, 3));
	EXPECT_EQ(0, create_in(d, 0x54, 54, 0x51, 3));
	EXPECT_EQ(0, fail_it(a, 0));
	EXPECT_EQ(-EBADFD, expect(c, 4));
	EXPECT_EQ(-EBADFD, fail_it(c, TERN_FAIL_LEAVES));
	EXPECT_EQ(0, fail_it(c, 0));
	/* who is alone has nothing to leave */
	EXPECT_EQ(-EBADFD, expect(self->dev, 2));
	EXPECT_EQ(-EBADFD, fail_it(self->dev, TERN_FAIL_LEAVES));
	close(d);
	close(c);
	close(b);
	close(a);
}

TEST_F(destination, fail)
{
	EXPECT_EQ(0, fail_it(self->dev, 0));
	EXPECT_EQ(-EBADFD, fail_it(self->dev, 0));
}

TEST_HARNESS_MAIN
