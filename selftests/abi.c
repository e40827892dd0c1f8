// SPDX-License-Identifier: GPL-2.0
/*
 * Bad input to /dev/tern and to the netlink family: wrong sizes, flags, pids,
 * pointers, states and privileges, garbage instead of images. Each is refused
 * with its errno, nothing is leaked, and the kernel log stays clean (whoever
 * runs the test looks at that).
 *
 * The test is its own host, in a network namespace where no ternd runs.
 */
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <tern/image.h>

#include "kselftest_harness.h"
#include "dev_calls.h"

#define NOBODY	65534
#define BAD_PTR	0xffff800000001000ULL

FIXTURE(dev)
{
	int dev;
};

FIXTURE_SETUP(dev)
{
	if (geteuid() || access("/dev/tern", F_OK))
		SKIP(return, "needs root and /dev/tern");
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
}

FIXTURE_TEARDOWN(dev)
{
	close(self->dev);
}

/* Every ioctl that takes a struct, and the size that this test was built with. */
static const struct {
	const char *name;
	unsigned long nr;
	unsigned int size;
	bool anybody;		/* does not need a handle that stands for something */
} calls[] = {
	{ "INFO", TERN_IOC_INFO, sizeof(struct tern_info), true },
	{ "CHECK", TERN_IOC_CHECK, sizeof(struct tern_check), true },
	{ "ASK", TERN_IOC_ASK, sizeof(struct tern_ask), true },
	{ "SERVE", TERN_IOC_SERVE, sizeof(struct tern_serve), true },
	{ "ATTACH", TERN_IOC_ATTACH, sizeof(struct tern_attach), true },
	{ "SHELL", TERN_IOC_SHELL, sizeof(struct tern_shell), true },
	{ "LEARN", TERN_IOC_LEARN, sizeof(struct tern_learn), true },
	{ "TIMER", TERN_IOC_TIMER, sizeof(struct tern_timer_id), true },
	{ "NEXT_DATA", TERN_IOC_NEXT_DATA, sizeof(struct tern_next_data), true },
	{ "TREE", TERN_IOC_TREE, sizeof(struct tern_tree_io), false },
	{ "PARK", TERN_IOC_PARK, sizeof(struct tern_park), false },
	{ "CAPTURE", TERN_IOC_CAPTURE, sizeof(struct tern_image_io), false },
	{ "COMMIT", TERN_IOC_COMMIT, sizeof(struct tern_image_io), false },
	{ "LOAD", TERN_IOC_LOAD, sizeof(struct tern_image_io), false },
	{ "FAIL", TERN_IOC_FAIL, sizeof(struct tern_fail), false },
	{ "READ_PAGES", TERN_IOC_READ_PAGES, sizeof(struct tern_read_pages), false },
	{ "ACCESSED", TERN_IOC_ACCESSED, sizeof(struct tern_accessed), false },
	{ "NEXT_PAGES", TERN_IOC_NEXT_PAGES, sizeof(struct tern_next_pages), false },
	{ "REPORT", TERN_IOC_REPORT, sizeof(struct tern_report_io), false },
	{ "KEEP", TERN_IOC_KEEP, sizeof(struct tern_keep), false },
	{ "KEPT", TERN_IOC_KEPT, sizeof(struct tern_keep), false },
	{ "WENT", TERN_IOC_WENT, sizeof(struct tern_went), false },
	{ "EXPECT", TERN_IOC_EXPECT, sizeof(struct tern_expect), false },
	{ "UFFD_READ", TERN_IOC_UFFD_READ, sizeof(struct tern_uffd_read), false },
	{ "HOLD", TERN_IOC_HOLD, sizeof(struct tern_hold_io), false },
	{ "WRITTEN", TERN_IOC_WRITTEN, sizeof(struct tern_written), false },
	{ "SOCKETS", TERN_IOC_SOCKETS, sizeof(struct tern_image_io), false },
};

#define NR_CALLS (sizeof(calls) / sizeof(calls[0]))

/* A handle on which all of the calls reach their arguments. */
static int job(struct __test_metadata *_metadata, uint64_t id)
{
	int dev = dev_open();

	EXPECT_EQ(0, create(dev, id, 4000000));
	return dev;
}

static void wrong_sizes(struct __test_metadata *_metadata, int dev, unsigned int i)
{
	unsigned char arg[8192];
	uint32_t *size = (uint32_t *)arg;
	int rc;

	memset(arg, 0, sizeof(arg));
	EXPECT_EQ(-EFAULT, call(dev, calls[i].nr, (void *)BAD_PTR)) {
		TH_LOG("%s", calls[i].name);
	}
	EXPECT_EQ(-EFAULT, call(dev, calls[i].nr, NULL)) {
		TH_LOG("%s", calls[i].name);
	}
	for (*size = 0; *size < 4; ++*size) {
		EXPECT_EQ(-EINVAL, call(dev, calls[i].nr, arg)) {
			TH_LOG("%s of %u bytes", calls[i].name, *size);
		}
	}
	*size = 1U << 31;
	EXPECT_EQ(-E2BIG, call(dev, calls[i].nr, arg)) {
		TH_LOG("%s of 2 GiB", calls[i].name);
	}
	*size = 4097;
	EXPECT_EQ(-E2BIG, call(dev, calls[i].nr, arg)) {
		TH_LOG("%s of 4097 bytes", calls[i].name);
	}
	/* longer than known, and not zero there */
	*size = calls[i].size + 8;
	arg[calls[i].size + 7] = 1;
	EXPECT_EQ(-E2BIG, call(dev, calls[i].nr, arg)) {
		TH_LOG("%s with an unknown tail", calls[i].name);
	}
	/* longer, but nothing there: not a reason to refuse */
	arg[calls[i].size + 7] = 0;
	rc = call(dev, calls[i].nr, arg);
	EXPECT_NE(-E2BIG, rc) {
		TH_LOG("%s with a tail of zeros", calls[i].name);
	}
}

TEST_F(dev, sizes)
{
	unsigned int i;
	int dev;

	for (i = 0; i < NR_CALLS; i++) {
		dev = calls[i].anybody ? dev_open() : job(_metadata, 1000 + i);
		wrong_sizes(_metadata, dev, i);
		close(dev);
	}
}

/* Room after the struct that the caller knows must not be written to. */
TEST_F(dev, shorter)
{
	unsigned char arg[sizeof(struct tern_info)];
	uint32_t *size = (uint32_t *)arg;
	unsigned int i;

	memset(arg, 0xee, sizeof(arg));
	memset(arg, 0, 16);
	*size = 16;
	EXPECT_EQ(0, call(self->dev, TERN_IOC_INFO, arg));
	EXPECT_EQ(16, *size);
	EXPECT_EQ(TERN_ABI_VERSION, *(uint32_t *)(arg + 4));
	for (i = 16; i < sizeof(arg); i++)
		EXPECT_EQ(0xee, arg[i]);
}

TEST_F(dev, unknown_numbers)
{
	int dev = job(_metadata, 99);
	unsigned int nr;

	for (nr = 34; nr < 256; nr++)
		EXPECT_EQ(-ENOTTY, call(dev, _IO(TERN_IOC_MAGIC, nr), NULL));
	EXPECT_EQ(-ENOTTY, call(dev, _IO('T', 1), NULL));
	close(dev);
}

TEST_F(dev, role_missing)
{
	unsigned char arg[4096];
	unsigned int i;
	char buf[256];

	for (i = 0; i < NR_CALLS; i++) {
		if (calls[i].anybody)
			continue;
		memset(arg, 0, sizeof(arg));
		*(uint32_t *)arg = calls[i].size;
		EXPECT_EQ(-EBADFD, call(self->dev, calls[i].nr, arg)) {
			TH_LOG("%s", calls[i].name);
		}
	}
	*(uint32_t *)arg = sizeof(struct tern_timer_id);
	EXPECT_EQ(-EBADFD, call(self->dev, TERN_IOC_TIMER, arg)) {
		TH_LOG("TIMER, and this is no shell");
	}
	EXPECT_EQ(-EBADFD, call(self->dev, TERN_IOC_SENT, NULL));
	EXPECT_EQ(-EBADFD, call(self->dev, TERN_IOC_THAW, NULL));
	EXPECT_EQ(-EBADFD, call(self->dev, TERN_IOC_RELEASE, NULL));
	EXPECT_EQ(-EBADFD, call(self->dev, TERN_IOC_RESUME, NULL));
	EXPECT_EQ(-1, read(self->dev, buf, sizeof(buf)));
	EXPECT_EQ(EBADFD, errno);
}

TEST_F(dev, flags)
{
	struct tern_check check = { .size = sizeof(check), .pid = getpid(), .flags = 1U << 8 };
	struct tern_ask ask = { .size = sizeof(ask), .what = TERN_ASK_MIGRATE, .pid = 1,
				.host = "peer", .flags = 1U << 20 };
	struct tern_attach attach = { .size = sizeof(attach), .side = TERN_DESTINATION,
				      .id = 5, .pid = 5, .nr_threads = 1, .host = "peer" };
	struct tern_info info = { .size = sizeof(info), .fault = 100000 };
	int server = dev_open();

	ASSERT_EQ(0, serve(server));
	EXPECT_EQ(-EINVAL, call(self->dev, TERN_IOC_CHECK, &check));
	check.flags = 0;
	check.reserved = 1;
	EXPECT_EQ(-EINVAL, call(self->dev, TERN_IOC_CHECK, &check));
	EXPECT_EQ(-EINVAL, call(self->dev, TERN_IOC_ASK, &ask));
	ask.flags = 0;
	ask.what = 77;
	EXPECT_EQ(-EINVAL, call(self->dev, TERN_IOC_ASK, &ask));
	ask.what = TERN_ASK_MIGRATE;
	ask.reserved = 1;
	EXPECT_EQ(-EINVAL, call(self->dev, TERN_IOC_ASK, &ask));
	EXPECT_EQ(-EINVAL, call(self->dev, TERN_IOC_INFO, &info));
	attach.flags = TERN_ATTACH_CREATE | 1;
	EXPECT_EQ(-EINVAL, call(self->dev, TERN_IOC_ATTACH, &attach));
	attach.flags = TERN_ATTACH_CREATE;
	attach.side = TERN_SOURCE;
	EXPECT_EQ(-EINVAL, call(self->dev, TERN_IOC_ATTACH, &attach));
	attach.side = TERN_DESTINATION;
	attach.nr_threads = TERN_THREADS_MAX + 1;
	EXPECT_EQ(-EINVAL, call(self->dev, TERN_IOC_ATTACH, &attach));
	attach.nr_threads = 1;
	attach.id = 0;
	EXPECT_EQ(-EINVAL, call(self->dev, TERN_IOC_ATTACH, &attach));
	attach.id = 5;
	attach.nr_members = 2;
	EXPECT_EQ(-EINVAL, call(self->dev, TERN_IOC_ATTACH, &attach));
	attach.unit = 5;
	attach.nr_members = 0;
	EXPECT_EQ(-EINVAL, call(self->dev, TERN_IOC_ATTACH, &attach));
	attach.nr_members = TERN_PROCESSES_MAX + 1;
	EXPECT_EQ(-EINVAL, call(self->dev, TERN_IOC_ATTACH, &attach));
	attach.nr_members = 2;
	attach.reserved = 1;
	EXPECT_EQ(-EINVAL, call(self->dev, TERN_IOC_ATTACH, &attach));
	attach.reserved = 0;
	memset(attach.host, 'x', sizeof(attach.host));
	EXPECT_EQ(-EINVAL, call(self->dev, TERN_IOC_ATTACH, &attach));
	close(server);
}

static pid_t in_own_network(void)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!unshare(CLONE_NEWNET))
			raise(SIGSTOP);
		for (;;)
			pause();
	}
	waitpid(pid, NULL, WUNTRACED);
	kill(pid, SIGCONT);
	return pid;
}

/* The source of a migration of @pid. */
static int source(struct __test_metadata *_metadata, int dev, pid_t pid)
{
	struct tern_ask ask = { .size = sizeof(ask), .what = TERN_ASK_MIGRATE, .pid = pid,
				.host = "peer" };
	struct tern_attach attach = { .size = sizeof(attach), .side = TERN_SOURCE };
	int handle = dev_open();

	EXPECT_EQ(0, call(dev, TERN_IOC_ASK, &ask));
	attach.id = ask.id;
	EXPECT_EQ(0, call(handle, TERN_IOC_ATTACH, &attach));
	return handle;
}

TEST_F(dev, held)
{
	struct tern_hold_io hold = { .size = sizeof(hold) }, again = { .size = sizeof(again) };
	struct tern_fail fail = { .size = sizeof(fail), .err = ECANCELED };
	char why[TERN_WHY_LEN] = "", frame[256];
	int server = dev_open(), handle;
	pid_t pid;

	ASSERT_EQ(0, serve(server));
	hold.why = (uintptr_t)why;
	hold.why_len = sizeof(why);
	/* a destination without a shell */
	handle = job(_metadata, 77);
	EXPECT_EQ(-EBADFD, call(handle, TERN_IOC_HOLD, &hold));
	hold.reserved = 1;
	EXPECT_EQ(-EINVAL, call(handle, TERN_IOC_HOLD, &hold));
	hold.reserved = 0;
	close(handle);
	/* whose network is the host's */
	handle = source(_metadata, self->dev, getpid());
	EXPECT_EQ(-EINVAL, call(handle, TERN_IOC_HOLD, &hold));
	EXPECT_NE('\0', why[0]);
	close(handle);
	pid = in_own_network();
	handle = source(_metadata, self->dev, pid);
	ASSERT_EQ(0, call(handle, TERN_IOC_HOLD, &hold));
	ASSERT_EQ(0, call(handle, TERN_IOC_HOLD, &again));
	EXPECT_NE(hold.fd, again.fd);
	close(again.fd);
	EXPECT_EQ(0, fcntl(hold.fd, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(-1, read(hold.fd, frame, sizeof(frame)));
	EXPECT_EQ(EAGAIN, errno);
	/* it stays: nothing will come */
	EXPECT_EQ(0, call(handle, TERN_IOC_FAIL, &fail));
	EXPECT_EQ(0, read(hold.fd, frame, sizeof(frame)));
	EXPECT_EQ(-EBADFD, call(handle, TERN_IOC_HOLD, &again));
	close(handle);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(hold.fd);
	close(server);
}

TEST_F(dev, asked)
{
	struct tern_ask arg = { .size = sizeof(arg), .what = TERN_ASK_MIGRATE, .host = "peer" };
	char why[TERN_WHY_LEN] = "";
	int server;

	arg.why = (uintptr_t)why;
	arg.why_len = sizeof(why);
	arg.pid = getpid();
	EXPECT_EQ(-ENOTCONN, call(self->dev, TERN_IOC_ASK, &arg));
	EXPECT_NE('\0', why[0]);
	server = dev_open();
	ASSERT_EQ(0, serve(server));
	arg.pid = 4000000;
	why[0] = '\0';
	EXPECT_EQ(-ESRCH, call(self->dev, TERN_IOC_ASK, &arg));
	EXPECT_NE('\0', why[0]);
	arg.pid = -1;
	EXPECT_EQ(-ESRCH, call(self->dev, TERN_IOC_ASK, &arg));
	arg.pid = 0;
	EXPECT_EQ(-ESRCH, call(self->dev, TERN_IOC_ASK, &arg));
	arg.pid = getpid();
	strcpy(arg.host, "nowhere");
	EXPECT_EQ(-ENOENT, call(self->dev, TERN_IOC_ASK, &arg));
	memset(arg.host, 'x', sizeof(arg.host));
	EXPECT_EQ(-EINVAL, call(self->dev, TERN_IOC_ASK, &arg));
	memset(arg.host, 0, sizeof(arg.host));
	arg.what = TERN_ASK_ABORT;
	arg.id = 0x123456;
	EXPECT_EQ(-ENOENT, call(self->dev, TERN_IOC_ASK, &arg));
	/* a buffer for the sentence that is none does not change the answer */
	arg.why = BAD_PTR;
	EXPECT_EQ(-ENOENT, call(self->dev, TERN_IOC_ASK, &arg));
	arg.why = (uintptr_t)why;
	arg.why_len = 4;
	memset(why, 'x', sizeof(why));
	EXPECT_EQ(-ENOENT, call(self->dev, TERN_IOC_ASK, &arg));
	EXPECT_EQ('\0', why[3]);
	EXPECT_EQ('x', why[4]);
	close(server);
}

TEST_F(dev, checked)
{
	char buf[4096] = "";
	struct tern_check arg = { .size = sizeof(arg), .buf = (uintptr_t)buf,
				  .buf_len = sizeof(buf) };

	arg.pid = 4000000;
	EXPECT_EQ(-ESRCH, call(self->dev, TERN_IOC_CHECK, &arg));
	arg.pid = -5;
	EXPECT_EQ(-ESRCH, call(self->dev, TERN_IOC_CHECK, &arg));
	/* we have /dev/tern open, at the least */
	arg.pid = getpid();
	EXPECT_EQ(0, call(self->dev, TERN_IOC_CHECK, &arg));
	EXPECT_LT(0, arg.nr_reasons);
	EXPECT_EQ('\n', buf[strlen(buf) - 1]);
	arg.buf_len = 10;
	memset(buf, 'x', sizeof(buf));
	EXPECT_EQ(0, call(self->dev, TERN_IOC_CHECK, &arg));
	EXPECT_LT(0, arg.nr_reasons);
	EXPECT_NE(NULL, memchr(buf, 0, 10));
	EXPECT_EQ('x', buf[10]);
	arg.buf = BAD_PTR;
	arg.buf_len = 4096;
	EXPECT_EQ(-EFAULT, call(self->dev, TERN_IOC_CHECK, &arg));
	arg.buf = 0;
	arg.buf_len = 0;
	EXPECT_EQ(0, call(self->dev, TERN_IOC_CHECK, &arg));
	EXPECT_LT(0, arg.nr_reasons);
}

TEST_F(dev, served)
{
	struct tern_serve arg = { .size = sizeof(arg), .self = "self" };
	int dev = dev_open();

	arg.nr_hosts = TERN_HOSTS_MAX + 1;
	EXPECT_EQ(-EINVAL, call(self->dev, TERN_IOC_SERVE, &arg));
	arg.nr_hosts = 1;
	arg.hosts = BAD_PTR;
	EXPECT_EQ(-EFAULT, call(self->dev, TERN_IOC_SERVE, &arg));
	arg.nr_hosts = 0;
	memset(arg.self, 'x', sizeof(arg.self));
	EXPECT_EQ(-EINVAL, call(self->dev, TERN_IOC_SERVE, &arg));
	EXPECT_EQ(0, serve(self->dev));
	EXPECT_EQ(-EBUSY, serve(self->dev));
	EXPECT_EQ(-EBUSY, serve(dev));
	close(dev);
}

/* A child gives up its privileges and does @what; its result is ours. */
static int as_nobody(int (*what)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		/* no longer dumpable either, which would be a reason of its own */
		if (setgid(NOBODY) || setuid(NOBODY) || prctl(PR_SET_DUMPABLE, 1))
			_exit(255);
		_exit(-what());
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -255;
}

static int nobody_asks(void)
{
	uint64_t id;

	return ask(dev_open(), getpid(), &id);
}

static int nobody_serves(void)
{
	return serve(dev_open());
}

static int nobody_attaches(void)
{
	return create(dev_open(), 6, 4000000);
}

static int nobody_joins(void)
{
	struct tern_shell arg = { .size = sizeof(arg), .id = 6, .uffd = 0 };

	return call(dev_open(), TERN_IOC_SHELL, &arg);
}

static int nobody_learns(void)
{
	struct tern_learn arg = { .size = sizeof(arg), .tid = getpid() };

	return call(dev_open(), TERN_IOC_LEARN, &arg);
}

static int nobody_arms(void)
{
	struct tern_info arg = { .size = sizeof(arg), .fault = 1 };

	return call(dev_open(), TERN_IOC_INFO, &arg);
}

static int nobody_checks_init(void)
{
	struct tern_check arg = { .size = sizeof(arg), .pid = 1 };

	return call(dev_open(), TERN_IOC_CHECK, &arg);
}

static int nobody_checks_self(void)
{
	struct tern_check arg = { .size = sizeof(arg), .pid = getpid() };

	return call(dev_open(), TERN_IOC_CHECK, &arg);
}

/* root in a user namespace of one's own is nobody here */
static int stranger_serves(void)
{
	return unshare(CLONE_NEWUSER | CLONE_NEWNET) ? -EPERM : serve(dev_open());
}

TEST_F(dev, unprivileged)
{
	EXPECT_EQ(-EPERM, as_nobody(nobody_asks));
	EXPECT_EQ(-EPERM, as_nobody(nobody_serves));
	EXPECT_EQ(-EPERM, as_nobody(nobody_attaches));
	EXPECT_EQ(-EPERM, as_nobody(nobody_joins));
	EXPECT_EQ(-EPERM, as_nobody(nobody_learns));
	EXPECT_EQ(-EPERM, as_nobody(nobody_arms));
	EXPECT_EQ(-EPERM, as_nobody(nobody_checks_init));
	EXPECT_EQ(-EPERM, as_nobody(stranger_serves));
	EXPECT_EQ(0, as_nobody(nobody_checks_self));
}

TEST_F(dev, shell_not_wanted)
{
	struct tern_shell arg = { .size = sizeof(arg), .uffd = -1, .id = 7 };
	struct tern_become become = { .size = sizeof(become) };
	int dev = job(_metadata, 7);

	EXPECT_EQ(-EBADFD, call(self->dev, TERN_IOC_BECOME, &become));
	EXPECT_NE(0, call(self->dev, TERN_IOC_SHELL, &arg));
	arg.uffd = open("/dev/null", O_RDWR);
	EXPECT_NE(0, call(self->dev, TERN_IOC_SHELL, &arg));
	arg.id = 8;
	EXPECT_NE(0, call(self->dev, TERN_IOC_SHELL, &arg));
	close(arg.uffd);
	close(dev);
}

/* ---- images ------------------------------------------------------------ */

#define IMAGE	8192

static int load(int dev, void *buf, uint64_t len)
{
	return image_call(dev, TERN_IOC_LOAD, buf, &len);
}

/* One thread that looks right, as far as its outside goes. */
static size_t thread_image(unsigned char *buf)
{
	struct tern_obj head = {
		.type = TERN_OBJ_THREAD, .version = TERN_OBJ_VERSION,
		.len = sizeof(struct tern_obj) + sizeof(struct tern_obj_thread) +
		       TERN_XSTATE_BLOCK,
	};
	struct tern_obj_thread thread = { .tid = 4000000, .xstate = TERN_XSTATE_BLOCK,
					  .xstate_blocks = { 1 } };

	memset(buf, 0, IMAGE);
	memcpy(buf, &head, sizeof(head));
	memcpy(buf + sizeof(head), &thread, sizeof(thread));
	return (head.len + 7) & ~7U;
}

TEST_F(dev, load_garbage)
{
	unsigned char *buf = malloc(IMAGE);
	int dev = job(_metadata, 20), i;
	size_t j;

	srandom(1);
	for (i = 0; i < 500; i++) {
		for (j = 0; j < IMAGE; j++)
			buf[j] = random();
		EXPECT_GT(0, load(dev, buf, random() % IMAGE));
	}
	EXPECT_GT(0, load(dev, buf, 0));
	EXPECT_GT(0, load(dev, (void *)BAD_PTR, IMAGE));
	EXPECT_GT(0, load(dev, buf, TERN_IMAGE_MAX + 1));
	EXPECT_GT(0, load(dev, buf, ~0ULL));
	close(dev);
	free(buf);
}

TEST_F(dev, load_truncated)
{
	unsigned char *buf = malloc(IMAGE);
	size_t size = thread_image(buf), len;
	int dev = job(_metadata, 21);

	for (len = 0; len < size; len++) {
		EXPECT_GT(0, load(dev, buf, len)) {
			TH_LOG("%zu of %zu bytes", len, size);
		}
	}
	close(dev);
	free(buf);
}

TEST_F(dev, load_flipped)
{
	unsigned char *buf = malloc(IMAGE), *flipped = malloc(IMAGE);
	size_t size = thread_image(buf), bit;
	int dev = job(_metadata, 22);

	/* no shell is there, so even a right one cannot be taken; but it may be looked at */
	for (bit = 0; bit < size * 8; bit++) {
		memcpy(flipped, buf, IMAGE);
		flipped[bit / 8] ^= 1 << bit % 8;
		EXPECT_GT(0, load(dev, flipped, size));
		/* the outside in full, of the inside every 7th bit */
		if (bit > 400 * 8)
			bit += 6;
	}
	close(dev);
	free(buf);
	free(flipped);
}

/* What else is taken, of the right size and with anything in it, and no thread. */
TEST_F(dev, load_garbled)
{
	static const struct {
		unsigned int type;
		size_t size;
	} kinds[] = {
		{ TERN_OBJ_TASK, sizeof(struct tern_obj_task) },
		{ TERN_OBJ_TIMES, sizeof(struct tern_obj_times) },
		{ TERN_OBJ_TIMER, sizeof(struct tern_obj_timer) },
		{ TERN_OBJ_TERMINAL, sizeof(struct tern_obj_terminal) },
		{ TERN_OBJ_ENDED, sizeof(struct tern_obj_ended) },
		{ TERN_OBJ_PEER, sizeof(struct tern_obj_peer) },
		{ TERN_OBJ_DATAGRAM, sizeof(struct tern_obj_datagram) + 8 },
	};
	const unsigned int nr = sizeof(kinds) / sizeof(kinds[0]);
	unsigned char buf[IMAGE];
	int dev = job(_metadata, 24);
	unsigned int i, j;

	srandom(2);
	for (i = 0; i < 3500; i++) {
		struct tern_obj head = { .type = kinds[i % nr].type, .version = TERN_OBJ_VERSION,
					 .len = sizeof(head) + kinds[i % nr].size };

		for (j = 0; j < head.len; j++)
			buf[j] = i / nr % 2 ? random() : 0;
		memcpy(buf, &head, sizeof(head));
		EXPECT_GT(0, load(dev, buf, head.len));
	}
	close(dev);
}

TEST_F(dev, load_other_objects)
{
	unsigned char buf[IMAGE];
	int dev = job(_metadata, 23), type;

	for (type = 0; type < 40; type++) {
		struct tern_obj head = { .type = type, .version = 1, .len = 512 };

		if (type == TERN_OBJ_THREAD)
			continue;
		memset(buf, 0, sizeof(buf));
		memcpy(buf, &head, sizeof(head));
		EXPECT_GT(0, load(dev, buf, 512));
	}
	close(dev);
}

/* ---- netlink ----------------------------------------------------------- */

struct message {
	struct nlmsghdr nl;
	struct genlmsghdr ge;
	unsigned char attrs[2048];
};

static void put(struct message *m, unsigned int type, const void *data, unsigned int len)
{
	struct nlattr *at = (void *)((char *)m + NLMSG_ALIGN(m->nl.nlmsg_len));

	at->nla_type = type;
	at->nla_len = NLA_HDRLEN + len;
	memcpy((char *)at + NLA_HDRLEN, data, len);
	m->nl.nlmsg_len = NLMSG_ALIGN(m->nl.nlmsg_len) + NLA_ALIGN(at->nla_len);
}

static void begin(struct message *m, unsigned int family, unsigned int cmd)
{
	memset(m, 0, sizeof(*m));
	m->nl.nlmsg_len = NLMSG_HDRLEN + GENL_HDRLEN;
	m->nl.nlmsg_type = family;
	m->nl.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	m->ge.cmd = cmd;
	m->ge.version = TERN_GENL_VERSION;
}

/* Sends, returns the errno of the answer; for CTRL the family's id goes to @family. */
static int talk(int fd, struct message *m, unsigned int *family)
{
	char buf[8192];
	ssize_t len;

	if (send(fd, m, m->nl.nlmsg_len, 0) < 0)
		return -errno;
	for (;;) {
		struct nlmsghdr *nl = (void *)buf;

		len = recv(fd, buf, sizeof(buf), 0);
		if (len < 0)
			return -errno;
		for (; NLMSG_OK(nl, len); nl = NLMSG_NEXT(nl, len)) {
			if (nl->nlmsg_type == NLMSG_ERROR)
				return ((struct nlmsgerr *)NLMSG_DATA(nl))->error;
			if (nl->nlmsg_type == NLMSG_DONE)
				return 0;
			if (family) {
				struct nlattr *at = (void *)((char *)NLMSG_DATA(nl) + GENL_HDRLEN);
				int left = NLMSG_PAYLOAD(nl, GENL_HDRLEN);

				for (; left > NLA_HDRLEN && at->nla_len >= NLA_HDRLEN;
				     left -= NLA_ALIGN(at->nla_len),
				     at = (void *)((char *)at + NLA_ALIGN(at->nla_len)))
					if (at->nla_type == CTRL_ATTR_FAMILY_ID)
						*family = *(uint16_t *)(at + 1);
			}
		}
	}
}

static int genl_open(unsigned int *family)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK };
	struct timeval limit = { .tv_sec = 20 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	struct message m;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	bind(fd, (void *)&addr, sizeof(addr));
	begin(&m, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	put(&m, CTRL_ATTR_FAMILY_NAME, TERN_GENL_NAME, sizeof(TERN_GENL_NAME));
	*family = 0;
	talk(fd, &m, family);
	return fd;
}

static int netlink_migrate(void)
{
	unsigned int family;
	int fd = genl_open(&family), pid = getpid();
	struct message m;

	begin(&m, family, TERN_CMD_MIGRATE);
	put(&m, TERN_A_PID, &pid, 4);
	put(&m, TERN_A_HOST, "peer", 5);
	return talk(fd, &m, NULL);
}

static int netlink_abort(void)
{
	unsigned int family;
	int fd = genl_open(&family);
	uint64_t id = 1;
	struct message m;

	begin(&m, family, TERN_CMD_ABORT);
	put(&m, TERN_A_ID, &id, 8);
	return talk(fd, &m, NULL);
}

TEST_F(dev, netlink)
{
	unsigned int family;
	int fd = genl_open(&family), pid = getpid(), server, cmd;
	char name[2000];
	struct message m;
	uint64_t id = 9;

	ASSERT_NE(0, family);
	EXPECT_EQ(-EPERM, as_nobody(netlink_migrate));
	EXPECT_EQ(-EPERM, as_nobody(netlink_abort));
	EXPECT_EQ(-ENOTCONN, netlink_migrate());
	server = dev_open();
	ASSERT_EQ(0, serve(server));

	/* nothing where something is needed */
	for (cmd = TERN_CMD_MIGRATE; cmd <= TERN_CMD_ABORT; cmd++) {
		begin(&m, family, cmd);
		EXPECT_EQ(-EINVAL, talk(fd, &m, NULL));
	}
	begin(&m, family, TERN_CMD_MIGRATION_GET);
	EXPECT_EQ(-EINVAL, talk(fd, &m, NULL));
	/* attributes of the wrong size, unknown ones, unknown commands */
	begin(&m, family, TERN_CMD_MIGRATION_GET);
	put(&m, TERN_A_ID, &id, 4);
	EXPECT_GT(0, talk(fd, &m, NULL));
	begin(&m, family, TERN_CMD_MIGRATION_GET);
	put(&m, TERN_A_ID, &id, 8);
	EXPECT_EQ(-ENOENT, talk(fd, &m, NULL));
	put(&m, TERN_A_MAX + 7, &id, 8);
	EXPECT_GT(0, talk(fd, &m, NULL));
	begin(&m, family, TERN_CMD_MIGRATE);
	put(&m, TERN_A_PID, &pid, 2);
	put(&m, TERN_A_HOST, "peer", 5);
	EXPECT_GT(0, talk(fd, &m, NULL));
	memset(name, 'x', sizeof(name));
	begin(&m, family, TERN_CMD_MIGRATE);
	put(&m, TERN_A_PID, &pid, 4);
	put(&m, TERN_A_HOST, name, sizeof(name));
	EXPECT_GT(0, talk(fd, &m, NULL));
	begin(&m, family, TERN_CMD_MIGRATE);
	pid = 4000000;
	put(&m, TERN_A_PID, &pid, 4);
	put(&m, TERN_A_HOST, "peer", 5);
	EXPECT_EQ(-ESRCH, talk(fd, &m, NULL));
	for (cmd = TERN_CMD_MAX + 1; cmd < 256; cmd++) {
		begin(&m, family, cmd);
		EXPECT_EQ(-EOPNOTSUPP, talk(fd, &m, NULL));
	}
	begin(&m, family, TERN_CMD_EVENT);
	EXPECT_EQ(-EOPNOTSUPP, talk(fd, &m, NULL));
	/* garbage instead of attributes, of every length */
	srandom(2);
	for (cmd = 0; cmd < 2000; cmd++) {
		unsigned int i, len = random() % 64;

		begin(&m, family, 1 + random() % 4);
		for (i = 0; i < len; i++)
			m.attrs[i] = random();
		m.nl.nlmsg_len += len;
		talk(fd, &m, NULL);
	}
	close(server);
	close(fd);
}

/* ---- leaks --------------------------------------------------------------- */

static long unreclaimable_kb(void)
{
	FILE *file = fopen("/proc/meminfo", "r");
	char line[256];
	long kb = 0;

	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "SUnreclaim: %ld kB", &kb);
	if (file)
		fclose(file);
	return kb;
}

/* Whatever is refused, half made, or left by a handle that closes. */
static void wear(struct __test_metadata *_metadata, unsigned int rounds)
{
	unsigned char *image = malloc(IMAGE);
	char why[TERN_WHY_LEN];

	while (rounds--) {
		size_t size = thread_image(image);
		struct tern_check check = { .size = sizeof(check), .pid = getpid(),
					    .buf = (uintptr_t)why, .buf_len = sizeof(why) };
		int dev = dev_open(), server = dev_open();
		struct tern_keep keep = { .size = sizeof(keep), .fd = dev };
		uint64_t id, len = IMAGE;

		serve(server);
		create(dev, 50, 4000000);
		load(dev, image, size);
		load(dev, image, size / 2);
		keep.fd = open("/dev/null", O_RDONLY);
		call(dev, TERN_IOC_KEEP, &keep);
		close(keep.fd);
		call(dev, TERN_IOC_KEPT, &keep);
		close(keep.fd);
		close(dev);
		dev = dev_open();
		ask(server, getpid(), &id);
		attach(dev, id, TERN_SOURCE);
		park(dev);
		image_call(dev, TERN_IOC_CAPTURE, image, &len);
		call(dev, TERN_IOC_CHECK, &check);
		close(dev);
		close(server);
	}
	free(image);
}

/* every refusal takes three looks */
TEST_F_TIMEOUT(dev, leaks, 120)
{
	long before, after;

	close(self->dev);
	wear(_metadata, 300);
	before = unreclaimable_kb();
	wear(_metadata, 1000);
	after = unreclaimable_kb();
	self->dev = dev_open();
	TH_LOG("unreclaimable slab: %ld KiB before, %ld KiB after", before, after);
	/* one lost object per round, even of 256 bytes, would be more */
	EXPECT_GT(256, after - before);
}

TEST_HARNESS_MAIN
