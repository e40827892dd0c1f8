// SPDX-License-Identifier: GPL-2.0
/*
 * A shell, dressed from an image that is made up here, up to the point where it
 * would become the migrant; then /proc tells whether it looks the part. Needs
 * root, and tern-shell beside the Makefile; skips without.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shell_start.h"
#include "test.h"
#include "uffd.h"
#include "vdso.h"

#define PAGE	4096ULL
#define HEAP	0x555555600000ULL
#define ANON	0x7f0000000000ULL
#define STACK	0x7ffffff00000ULL
#define MM_BASE	0x7ffff7fff000ULL

static struct tern_host host = { .name = "here" };
static struct tern_shell_proc shell;
static struct tern_dress dress;
static struct tern_image image;
static char dir[] = "/tmp/tern-test-XXXXXX";
static char file[64];
static __s32 tids[3];
static unsigned int draft;	/* 0: the image; else one that it differs from */

/* ---- the image -------------------------------------------------------------------- */

static void add_vma(__u64 start, __u64 end, unsigned int prot, unsigned int kind,
		    unsigned int flags, const char *path, __u64 pgoff)
{
	struct tern_obj_vma v = {
		.start = start, .end = end, .prot = prot, .kind = kind, .flags = flags,
		.path = path ? strlen(path) + 1 : 0, .pgoff = pgoff,
	};
	struct stat st;

	if (path && !stat(path, &st)) {
		v.ino = st.st_ino;
		v.size = st.st_size;
	}
	tern_image_add(&image, TERN_OBJ_VMA, &v, sizeof(v), path, v.path);
}

static void add_vmas(void)
{
	unsigned int i;

	add_vma(0x555555554000, 0x555555556000, PROT_READ | PROT_EXEC, TERN_VMA_FILE, 0, file, 1);
	/* equal neighbours, which become one */
	add_vma(HEAP, HEAP + 8 * PAGE, PROT_READ | PROT_WRITE, TERN_VMA_ANON, 0, NULL, 0);
	if (!draft)
		add_vma(HEAP + 8 * PAGE, HEAP + 16 * PAGE, PROT_READ | PROT_WRITE, TERN_VMA_ANON,
			TERN_VMA_BACKED, NULL, 0);
	if (draft == 2)
		add_vma(0x6f0000000000, 0x6f0000003000, PROT_READ, TERN_VMA_FILE, 0, file, 0);
	add_vma(ANON, ANON + 4 * PAGE, PROT_NONE, TERN_VMA_ANON, TERN_VMA_NORESERVE, NULL, 0);
	add_vma(ANON + 4 * PAGE, ANON + 8 * PAGE, PROT_READ | PROT_WRITE, TERN_VMA_ANON,
		TERN_VMA_DONTFORK | TERN_VMA_DONTDUMP, NULL, 0);
	add_vma(ANON + 8 * PAGE, ANON + 9 * PAGE, PROT_READ | PROT_WRITE, TERN_VMA_ANON,
		TERN_VMA_WIPEONFORK, NULL, 0);
	add_vma(ANON + 9 * PAGE, ANON + 11 * PAGE, PROT_READ, TERN_VMA_FILE, TERN_VMA_SHARED,
		file, 0);
	add_vma(ANON + 11 * PAGE, ANON + 12 * PAGE,
		draft ? PROT_READ : PROT_READ | PROT_WRITE | PROT_EXEC, TERN_VMA_ANON, 0, NULL, 0);
	if (draft == 1)
		add_vma(ANON + 12 * PAGE, ANON + 20 * PAGE, PROT_READ, TERN_VMA_ANON, 0, NULL, 0);
	for (i = 0; i < dress.nr_special; i++) {
		const struct tern_special *s = &dress.special[i];
		__u64 base = 0x7ffff7fc0000 + s->start - dress.special[0].start;

		add_vma(base, base + s->end - s->start,
			s->kind == TERN_VMA_VDSO ? PROT_READ | PROT_EXEC : PROT_READ, s->kind, 0,
			NULL, 0);
	}
	add_vma(STACK, STACK + 33 * PAGE, PROT_READ | PROT_WRITE, TERN_VMA_ANON,
		TERN_VMA_GROWSDOWN, NULL, 0);
}

static void add_desc(unsigned int id, unsigned int kind, unsigned int flags, unsigned int mode,
		     __u64 pos, unsigned int pipe, const char *path)
{
	struct tern_obj_desc d = {
		.id = id, .kind = kind, .flags = flags, .mode = mode, .pos = pos, .pipe = pipe,
		.path = path ? strlen(path) + 1 : 0,
	};
	struct stat st;

	if (path && !stat(path, &st)) {
		d.ino = st.st_ino;
		d.dev = kind == TERN_DESC_DEVICE ? st.st_rdev : st.st_dev;
	}
	tern_image_add(&image, TERN_OBJ_DESC, &d, sizeof(d), path, d.path);
}

static void add_fd(int fd, unsigned int desc, unsigned int cloexec)
{
	struct tern_obj_fd f = { .fd = fd, .desc = desc, .cloexec = cloexec };

	tern_image_add(&image, TERN_OBJ_FD, &f, sizeof(f), NULL, 0);
}

static void add_files(void)
{
	struct tern_obj_pipe pipe1 = { .pipe = 7, .capacity = 8192, .data = 5 };
	struct tern_obj_pipe pipe2 = { .pipe = 8, .capacity = 65536 };
	struct tern_obj_pipe pipe3 = { .pipe = 9, .capacity = 65536, .data = 3, .pieces = 2 };
	struct {
		__u32 size[2];
		char data[3];
	} pieces = { { 2 | TERN_PIPE_PACKET, 1 }, "abc" };
	struct tern_obj_epoll epoll = { .desc = 5, .fd = 9, .events = EPOLLIN | EPOLLET,
					.target = 3, .data = 0x1122334455667788 };
	/* by a number that is closed, and by one that is something else's now */
	struct tern_obj_epoll closed = { .desc = 5, .fd = 77, .target = 9, .data = 77 };
	struct tern_obj_epoll reused = { .desc = 5, .fd = 100, .target = 10, .data = 100 };
	struct tern_obj_event event = { .desc = 9, .flags = TERN_EVENT_SEMAPHORE,
					.value = draft ? 9 : 6 };
	struct tern_obj_event mask = { .desc = 10, .value = draft ? 0x10 : 0x200 };
	struct tern_obj_timerfd timer = {
		.desc = 11, .clock = CLOCK_BOOTTIME, .expires = 5000000000000000, .interval = 77,
	};
	struct tern_obj_timerfd span = {
		.desc = 12, .clock = CLOCK_REALTIME, .expires = 1000, .interval = 5000000000000000,
	};
	const char *cwd = draft == 1 ? "/tmp" : dir;
	struct tern_obj_fs fs = { .cwd = strlen(cwd) + 1 };

	if (draft) {
		epoll.events = EPOLLIN;
		pipe1.data = 3;
	}

	add_desc(1, TERN_DESC_NULL, O_RDWR, 0, 0, 0, NULL);
	add_desc(2, TERN_DESC_FILE, O_RDONLY | (draft ? 0 : O_NONBLOCK), S_IFREG, draft ? 7 : 123,
		 0, file);
	add_desc(3, TERN_DESC_PIPE, O_RDONLY | O_NONBLOCK, S_IFIFO, 0, 7, NULL);
	add_desc(4, TERN_DESC_PIPE, O_WRONLY, S_IFIFO, 0, 7, NULL);
	add_desc(5, TERN_DESC_EPOLL, O_RDWR, 0, 0, 0, NULL);
	add_desc(6, TERN_DESC_DEVICE, O_WRONLY | O_APPEND, S_IFCHR, 0, 0, "/dev/zero");
	add_desc(7, TERN_DESC_FILE, O_RDONLY | O_DIRECTORY, S_IFDIR, 0, 0, dir);
	add_desc(8, TERN_DESC_PIPE, O_RDONLY, S_IFIFO, 0, 8, NULL);
	add_fd(0, 1, 0);
	add_fd(1, 1, 0);
	add_fd(2, 6, 0);
	add_fd(3, 2, 1);
	add_fd(4, 2, 0);
	add_fd(9, 3, 0);
	add_fd(5, 4, 1);
	add_fd(6, 5, 0);
	add_fd(200, 5, 0);
	add_fd(100, 7, 0);
	add_fd(10, 8, 0);
	add_desc(9, TERN_DESC_EVENTFD, O_RDWR | O_NONBLOCK, 0, 0, 0, NULL);
	add_desc(10, TERN_DESC_SIGNALFD, O_RDWR, 0, 0, 0, NULL);
	add_desc(11, TERN_DESC_TIMERFD, O_RDWR, 0, 0, 0, NULL);
	add_desc(12, TERN_DESC_TIMERFD, O_RDWR, 0, 0, 0, NULL);
	add_desc(13, TERN_DESC_PIPE, O_RDWR, S_IFIFO, 0, 9, NULL);
	add_desc(14, TERN_DESC_PIPE, O_RDONLY, S_IFIFO, 0, 9, NULL);
	add_desc(15, TERN_DESC_PIPE, O_RDONLY | O_NONBLOCK, S_IFIFO, 0, 9, NULL);
	add_fd(11, 9, 1);
	add_fd(12, 10, 0);
	add_fd(13, 11, 0);
	add_fd(14, 12, 0);
	add_fd(15, 13, 0);
	add_fd(16, 14, 0);
	add_fd(17, 15, 0);
	/* one that two descriptors have, and then two of the same file */
	add_desc(16, TERN_DESC_FILE, O_RDONLY, S_IFREG, 5, 0, file);
	add_fd(18, 16, 0);
	if (!draft)
		add_desc(17, TERN_DESC_FILE, O_RDONLY, S_IFREG, 6, 0, file);
	add_fd(19, draft ? 16 : 17, 0);
	/* other descriptors: all are made anew, higher up than the shell's own were */
	if (draft == 1)
		add_fd(300, 7, 0);
	tern_image_add(&image, TERN_OBJ_PIPE, &pipe1, sizeof(pipe1), draft ? "bye" : "hello",
		       pipe1.data);
	tern_image_add(&image, TERN_OBJ_PIPE, &pipe2, sizeof(pipe2), NULL, 0);
	tern_image_add(&image, TERN_OBJ_PIPE, &pipe3, sizeof(pipe3), &pieces, 8 + 3);
	tern_image_add(&image, TERN_OBJ_EPOLL, &epoll, sizeof(epoll), NULL, 0);
	tern_image_add(&image, TERN_OBJ_EPOLL, &closed, sizeof(closed), NULL, 0);
	tern_image_add(&image, TERN_OBJ_EPOLL, &reused, sizeof(reused), NULL, 0);
	tern_image_add(&image, TERN_OBJ_EVENT, &event, sizeof(event), NULL, 0);
	tern_image_add(&image, TERN_OBJ_EVENT, &mask, sizeof(mask), NULL, 0);
	tern_image_add(&image, TERN_OBJ_TIMERFD, &timer, sizeof(timer), NULL, 0);
	tern_image_add(&image, TERN_OBJ_TIMERFD, &span, sizeof(span), NULL, 0);
	tern_image_add(&image, TERN_OBJ_FS, &fs, sizeof(fs), cwd, fs.cwd);
}

static void add_signal(__s32 tid, int signo, int code, int value)
{
	struct tern_obj_signal sig = { .tid = tid, .signo = signo };
	siginfo_t info = { .si_signo = signo, .si_code = code };

	info.si_pid = 4242;
	info.si_value.sival_int = value;
	memcpy(sig.info, &info, sizeof(info));
	tern_image_add(&image, TERN_OBJ_SIGNAL, &sig, sizeof(sig), NULL, 0);
}

/* Ids in the order in which the kernel gives them out: without tern.ko none can be chosen. */
static void add_times(void)
{
	struct tern_obj_times times = { .cpu_armed = draft ? 0 : 1U << ITIMER_PROF };
	struct tern_obj_timer expired = { .clock = CLOCK_MONOTONIC, .notify = SIGEV_SIGNAL,
					  .signo = SIGRTMIN + 4,
					  .state = draft ? 0 : TERN_TIMER_PENDING };
	struct tern_obj_timer silent = { .id = 1, .clock = ~tids[2] * 8 | 4 | 2,
					 .notify = SIGEV_NONE };

	tern_image_add(&image, TERN_OBJ_TIMES, &times, sizeof(times), NULL, 0);
	tern_image_add(&image, TERN_OBJ_TIMER, &expired, sizeof(expired), NULL, 0);
	if (draft < 2)
		tern_image_add(&image, TERN_OBJ_TIMER, &silent, sizeof(silent), NULL, 0);
}

static void add_process(void)
{
	struct tern_obj_task task = {
		.pid = tids[0], .nr_threads = 3, .umask = 027, .personality = 0x0040000,
		.no_new_privs = 1, .dumpable = 1, .is_session_leader = 1, .is_group_leader = 1,
		.exit_signal = SIGCHLD, .comm = "made-up", .exe = strlen(file) + 1,
	};
	struct tern_obj_mm mm = {
		.start_code = 0x555555554000, .end_code = 0x555555555000,
		.start_data = 0x555555556000, .end_data = 0x555555557000,
		.start_brk = HEAP, .brk = HEAP + 16 * PAGE, .start_stack = STACK + 32 * PAGE,
		.arg_start = STACK + 32 * PAGE, .arg_end = STACK + 32 * PAGE + 8,
		.env_start = STACK + 32 * PAGE + 8, .env_end = STACK + 32 * PAGE + 16,
		.mmap_base = MM_BASE, .auxv = 48,
	};
	__u64 auxv[6] = { 6, 4096, 25, 0x7fffffff1234, 0, 0 };
	struct tern_obj_creds creds = {
		.uid = { 1001, 1002, 1003, 1002 }, .gid = { 2001, 2002, 2003, 2002 },
		.cap = { 1 << CAP_NET_RAW | 1 << CAP_KILL, 1 << CAP_NET_RAW | 1 << CAP_KILL,
			 1 << CAP_KILL, 1 << CAP_NET_RAW | 1 << CAP_KILL | 1 << CAP_CHOWN,
			 1 << CAP_NET_RAW },
		.securebits = 0x10, .nr_groups = 2,
	};
	struct tern_obj_sigactions actions = { 0 };
	__u32 groups[2] = { 3001, 3002 };
	unsigned int i;

	for (i = 0; i < 16; i++) {
		struct rlimit own;

		/* even without CAP_SYS_RESOURCE */
		getrlimit(i, &own);
		task.rlim_cur[i] = own.rlim_cur;
		task.rlim_max[i] = own.rlim_max;
	}
	if (draft) {
		task.umask = 0;
		mm.brk = HEAP + 8 * PAGE;
	}
	task.rlim_cur[7] = 256;
	task.rlim_max[7] = 512;
	actions.action[SIGUSR1 - 1].handler = 0x555555554100;
	actions.action[SIGUSR1 - 1].flags = 0x14000000;
	actions.action[SIGUSR1 - 1].restorer = 0x555555554200;
	actions.action[SIGPIPE - 1].handler = !draft;
	actions.action[SIGHUP - 1].handler = !!draft;
	tern_image_add(&image, TERN_OBJ_TASK, &task, sizeof(task), file, task.exe);
	tern_image_add(&image, TERN_OBJ_MM, &mm, sizeof(mm), auxv, sizeof(auxv));
	tern_image_add(&image, TERN_OBJ_CREDS, &creds, sizeof(creds), groups, sizeof(groups));
	tern_image_add(&image, TERN_OBJ_SIGACTIONS, &actions, sizeof(actions), NULL, 0);
	if (!draft) {
		add_signal(0, SIGUSR1, SI_USER, 0);
		add_signal(0, SIGRTMIN + 3, SI_QUEUE, 7);
		add_signal(tids[2], SIGUSR2, SI_TKILL, 0);
	}
	for (i = 0; i < 3; i++) {
		struct tern_obj_thread t = { .tid = tids[i], .nice = draft ? 0 : i * 3 - 3 };

		memset(t.cpus, 0xff, sizeof(t.cpus));
		if (!draft && i != 1) {
			t.policy = SCHED_BATCH;
			t.reset_on_fork = 1;
			t.ioprio = 2 << 13 | 7;
			memset(t.cpus, 0, sizeof(t.cpus));
			t.cpus[0] = 1;
		}
		snprintf(t.comm, sizeof(t.comm), draft ? "draft%u" : "made-up%u", i);
		tern_image_add(&image, TERN_OBJ_THREAD, &t, sizeof(t), NULL, 0);
	}
}

/* ---- looking ------------------------------------------------------------------------- */

static bool slurp(const char *name, int tid, char *buf, size_t size)
{
	char path[128];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", tids[0], tid ? tid : tids[0], name);
	fd = open(path, O_RDONLY);
	n = fd < 0 ? -1 : 0;
	size--;
	while (n >= 0 && size) {
		ssize_t got = read(fd, buf + n, size);

		if (got <= 0)
			break;
		n += got;
		size -= got;
	}
	if (fd >= 0)
		close(fd);
	buf[n < 0 ? 0 : n] = '\0';
	return n > 0;
}

static bool has(const char *name, int tid, const char *text)
{
	static char buf[65536];

	if (slurp(name, tid, buf, sizeof(buf)) && strstr(buf, text))
		return true;
	printf("# %s of %d: no \"%s\" in:\n%s\n", name, tid, text, buf);
	return false;
}

/* VmFlags of the mapping that starts at @addr. */
static bool vm_flag(__u64 addr, const char *flag)
{
	static char buf[262144];
	char start[32], *line, *end;
	bool found;

	snprintf(start, sizeof(start), "%llx-", addr);
	if (!slurp("smaps", 0, buf, sizeof(buf)))
		return false;
	line = strstr(buf, start);
	line = line ? strstr(line, "VmFlags:") : NULL;
	end = line ? strchr(line, '\n') : NULL;
	if (!end)
		return false;
	*end = '\0';
	found = strstr(line, flag);
	return found;
}

static unsigned int count_maps(void)
{
	static char buf[65536];
	unsigned int n = 0;
	char *p;

	slurp("maps", 0, buf, sizeof(buf));
	for (p = buf; (p = strchr(p, '\n')); p++)
		n++;
	return n;
}

static bool link_is(const char *name, const char *want)
{
	char path[64], to[512] = "";

	snprintf(path, sizeof(path), "/proc/%d/%s", tids[0], name);
	if (readlink(path, to, sizeof(to) - 1) > 0 && !strcmp(to, want))
		return true;
	printf("# %s is %s\n", name, to);
	return false;
}

static void look_memory(void)
{
	char line[128];

	snprintf(line, sizeof(line), "%llx-%llx rw-p", HEAP, HEAP + 16 * PAGE);
	CHECK(has("maps", 0, line));
	CHECK(has("maps", 0, "555555554000-555555556000 r-xp 00001000"));
	CHECK(has("maps", 0, "7f0000000000-7f0000004000 ---p"));
	CHECK(has("maps", 0, "7f0000009000-7f000000b000 r--s 00000000"));
	CHECK(has("maps", 0, "7f000000b000-7f000000c000 rwxp"));
	snprintf(line, sizeof(line), "%llx-%llx rw-p 00000000 00:00 0                          [stack]",
		 STACK, STACK + 33 * PAGE);
	CHECK(has("maps", 0, line));
	CHECK(has("maps", 0, "[heap]"));
	CHECK(has("maps", 0, "7ffff7fc0000-"));
	CHECK(has("maps", 0, "[vdso]"));
	/* ours, the area (text and the rest), the special ones, and vsyscall perhaps */
	CHECK(count_maps() <= 9 + 2 + dress.nr_special + 1);
	CHECK(vm_flag(HEAP, " um") && vm_flag(STACK, " um") && vm_flag(STACK, " gd"));
	CHECK(vm_flag(ANON, " um") && vm_flag(ANON, " nr"));
	CHECK(vm_flag(ANON + 4 * PAGE, " dc") && vm_flag(ANON + 4 * PAGE, " dd"));
	CHECK(vm_flag(ANON + 8 * PAGE, " wf"));
	CHECK(!vm_flag(ANON + 9 * PAGE, " um"));
	CHECK(!vm_flag(ANON + 9 * PAGE, " mw"));
	CHECK(dress.seeds.nr == 6);
	CHECK(link_is("exe", file));
}

static void look_files(void)
{
	char path[64], buf[64];
	DIR *d;
	int fd, n = 0;

	CHECK(link_is("cwd", dir));
	CHECK(link_is("fd/0", "/dev/null") && link_is("fd/1", "/dev/null"));
	CHECK(link_is("fd/2", "/dev/zero") && link_is("fd/3", file) && link_is("fd/4", file));
	CHECK(link_is("fd/100", dir) && link_is("fd/6", "anon_inode:[eventpoll]"));
	CHECK(has("fdinfo/3", 0, "pos:\t123\n") && has("fdinfo/3", 0, "flags:\t02104000\n"));
	CHECK(has("fdinfo/4", 0, "flags:\t0104000\n"));
	CHECK(has("fdinfo/2", 0, "flags:\t0102001\n"));
	CHECK(has("fdinfo/9", 0, "flags:\t04000\n"));
	CHECK(has("fdinfo/5", 0, "flags:\t02000001\n"));
	CHECK(has("fdinfo/10", 0, "flags:\t00\n"));
	CHECK(has("fdinfo/200", 0, "tfd:        9 events: 80000019 data: 1122334455667788"));
	CHECK(has("fdinfo/200", 0, "tfd:       77 events:       18 data:               4d"));
	CHECK(has("fdinfo/200", 0, "tfd:      100 events:       18 data:               64"));
	CHECK(has("fdinfo/11", 0, "flags:\t02004002\n") &&
	      has("fdinfo/11", 0, "eventfd-count:                6\n"));
	CHECK(has("fdinfo/12", 0, "sigmask:\t0000000000000200\n"));
	CHECK(has("fdinfo/13", 0, "clockid: 7\nticks: 0\n") &&
	      has("fdinfo/13", 0, "it_interval: (0, 77)\n"));
	CHECK(has("fdinfo/14", 0, "clockid: 0\nticks: 1\n") &&
	      has("fdinfo/14", 0, "it_interval: (5000000, 0)\n"));
	CHECK(has("fdinfo/18", 0, "pos:\t5\n") && has("fdinfo/19", 0, "pos:\t6\n"));
	CHECK(has("fdinfo/15", 0, "flags:\t0100002\n") && has("fdinfo/16", 0, "flags:\t00\n"));
	snprintf(path, sizeof(path), "/proc/%d/fd/17", tids[0]);
	fd = open(path, O_RDONLY | O_NONBLOCK);
	CHECK(read(fd, buf, sizeof(buf)) == 2 && !memcmp(buf, "ab", 2));
	CHECK(read(fd, buf, sizeof(buf)) == 1 && !memcmp(buf, "c", 1));
	close(fd);
	snprintf(path, sizeof(path), "/proc/%d/fd/9", tids[0]);
	fd = open(path, O_RDONLY | O_NONBLOCK);
	CHECK(fcntl(fd, F_GETPIPE_SZ) == 8192);
	CHECK(read(fd, buf, sizeof(buf)) == 5 && !memcmp(buf, "hello", 5));
	close(fd);
	snprintf(path, sizeof(path), "/proc/%d/fd", tids[0]);
	d = opendir(path);
	while (d && readdir(d))
		n++;
	closedir(d);
	/* all of the migrant's, the socket, the userfaultfd, both that lead to ternd, . and .. */
	CHECK(n == 20 + 4 + 2);
}

static void look_sched(void)
{
	cpu_set_t cpus;
	int i;

	for (i = 0; i < 3; i++) {
		CHECK(getpriority(PRIO_PROCESS, tids[i]) == i * 3 - 3);
		CHECK(sched_getscheduler(tids[i]) ==
		      (i == 1 ? SCHED_OTHER : SCHED_BATCH | SCHED_RESET_ON_FORK));
		CHECK(syscall(SYS_ioprio_get, 1, tids[i]) == (i == 1 ? 0 : 2 << 13 | 7));
		CHECK(!sched_getaffinity(tids[i], sizeof(cpus), &cpus));
		CHECK(CPU_COUNT(&cpus) == (i == 1 ? sysconf(_SC_NPROCESSORS_ONLN) : 1));
	}
}

static void look_process(void)
{
	int i;

	CHECK(has("comm", tids[0], "made-up0\n") && has("comm", tids[2], "made-up2\n"));
	for (i = 0; i < 3; i++) {
		CHECK(has("status", tids[i], "Uid:\t1001\t1002\t1003\t1002\n"));
		CHECK(has("status", tids[i], "Gid:\t2001\t2002\t2003\t2002\n"));
		CHECK(has("status", tids[i], "Groups:\t3001 3002 \n"));
		CHECK(has("status", tids[i], "CapInh:\t0000000000002020\n"));
		CHECK(has("status", tids[i], "CapPrm:\t0000000000002020\n"));
		CHECK(has("status", tids[i], "CapEff:\t0000000000000020\n"));
		CHECK(has("status", tids[i], "CapBnd:\t0000000000002021\n"));
		CHECK(has("status", tids[i], "CapAmb:\t0000000000002000\n"));
		CHECK(has("status", tids[i], "NoNewPrivs:\t1\n"));
		CHECK(has("status", tids[i], "SigBlk:\tfffffffffffbfeff\n"));
	}
	CHECK(has("status", 0, "Umask:\t0027\n") && has("status", 0, "Threads:\t3\n"));
	CHECK(has("status", 0, "ShdPnd:\t0000003000000200\n"));
	CHECK(has("status", 0, "SigCgt:\t0000000000000200\n"));
	CHECK(has("status", 0, "SigIgn:\t0000000000001000\n"));
	CHECK(has("limits", 0, "Max open files            256                  512"));
	CHECK(has("personality", 0, "00040000\n"));
}

static void look_clock(void)
{
	CHECK(has("../../timens_offsets", 0, "monotonic        1000         5\n"));
	CHECK(has("../../timens_offsets", 0, "boottime         2000         0\n"));
}

/* Its pages are asked for here, and it gets what we say. */
static void look_pages(void)
{
	int pidfd = syscall(SYS_pidfd_open, tids[0], 0);
	int uffd = syscall(SYS_pidfd_getfd, pidfd,
			   tern_script_value(&shell.script, SHELL_SLOT_UFFD), 0);
	static char page[4096] __attribute__((aligned(4096)));
	char buf[16] = "";
	struct iovec local = { buf, 16 }, remote = { (void *)(HEAP + PAGE), 16 };

	CHECK(uffd >= 0);
	memset(page, 'x', sizeof(page));
	CHECK(tern_uffd_copy(uffd, HEAP + PAGE, page, PAGE) == (__s64)PAGE);
	CHECK(tern_uffd_copy(uffd, STACK + 5 * PAGE, page, PAGE) == (__s64)PAGE);
	CHECK(tern_uffd_copy(uffd, ANON, page, PAGE) == (__s64)PAGE);
	CHECK(tern_uffd_zero(uffd, HEAP, PAGE) == PAGE);
	CHECK(tern_uffd_zero(uffd, HEAP, PAGE) == -EEXIST);
	CHECK(tern_uffd_zero(uffd, ANON + 9 * PAGE, PAGE) == -ENOENT);
	CHECK(process_vm_readv(tids[0], &local, 1, &remote, 1, 0) == 16 && buf[3] == 'x');
	close(uffd);
	close(pidfd);
}

/* ---- making it ------------------------------------------------------------------------ */

static void make_file(void)
{
	static char text[4 * 4096];
	int fd;

	if (!mkdtemp(dir))
		return;
	chmod(dir, 0755);
	snprintf(file, sizeof(file), "%s/file", dir);
	fd = open(file, O_CREAT | O_RDWR, 0755);
	if (write(fd, text, sizeof(text)) != sizeof(text))
		printf("# no file\n");
	close(fd);
}

static int run(const struct shell_run *cmd, struct tern_why *why)
{
	int err = tern_shell_run(&shell, cmd);

	return err ? err : tern_shell_wait(&shell, 10000, why);
}

static struct tern_birth birth(void)
{
	static const struct tern_wire_range holes[] = {
		{ 0x10000, 0x555555554000 },
	};
	struct tern_birth b = {
		.host = &host, .tids = tids, .nr_threads = 3, .holes = holes, .nr_holes = 1,
		.monotonic_off = 1000 * 1000000000LL + 5, .boottime_off = 2000 * 1000000000LL,
		.cancel = -1,
	};

	return b;
}

/* It has to be gone, and soon, when we let go of it. */
static bool gone(void)
{
	struct timespec pause = { .tv_nsec = 10000000 };
	int i;

	tern_shell_end(&shell);
	for (i = 0; i < 200; i++) {
		if (waitpid(tids[0], NULL, WNOHANG) == tids[0])
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

/* A number that nobody has now. */
static pid_t free_pid(void)
{
	pid_t pid = 31000;

	do
		pid++;
	while (!kill(pid, 0) || errno != ESRCH);
	return pid;
}

static void taken(void)
{
	struct tern_birth b = birth();
	struct tern_why why = { "" };

	tids[0] = getpid();
	CHECK(tern_shell_start(&shell, &b, &why) == -EEXIST);
	CHECK(strstr(why.text, "is taken on here, by \""));
	tids[0] = free_pid();
	tids[1] = getpid();
	why.text[0] = '\0';
	CHECK(tern_shell_start(&shell, &b, &why) == -EEXIST);
	CHECK(strstr(why.text, "thread id ") && strstr(why.text, "is taken on here"));
	CHECK(gone());
}

/* The shell of an attempt before may need a moment to end: that is no refusal. */
static void taken_for_a_while(void)
{
	/* longer than what shows no sign of ending is waited for */
	const struct timespec a_while = { .tv_sec = 1, .tv_nsec = 500000000 };
	struct tern_birth b = birth();
	struct tern_why why = { "" };

	signal(SIGCHLD, SIG_IGN);
	tids[0] = fork();
	if (!tids[0]) {
		prctl(PR_SET_NAME, "tern-shell");
		nanosleep(&a_while, NULL);
		_exit(0);
	}
	b.nr_threads = 1;
	CHECK(!tern_shell_start(&shell, &b, &why));
	signal(SIGCHLD, SIG_DFL);
	CHECK(gone());
}

static void count_objects(void)
{
	const struct tern_obj *obj = NULL;
	struct tern_obj_end *end = NULL;
	unsigned int n = 0;

	while ((obj = tern_image_next(&image, obj))) {
		n++;
		end = (void *)(obj + 1);
	}
	end->objects = n;
}

static void make_image(void)
{
	struct tern_why why = { "" };

	tern_image_free(&image);
	add_process();
	add_times();
	add_vmas();
	add_files();
	tern_image_add(&image, TERN_OBJ_END, &(struct tern_obj_end){ .objects = 0 },
		       sizeof(struct tern_obj_end), NULL, 0);
	count_objects();
	CHECK(!tern_image_check(&image, &why));
}

/* A shell, and what a script must know of it. */
static bool new_shell(__s32 first)
{
	static struct tern_known known[1];
	struct tern_why why = { "" };
	struct tern_birth b = birth();
	unsigned int tries;
	struct stat st;
	int err = -EEXIST;

	/* whoever runs beside us has numbers, too */
	for (tries = 0; tries < 10 && err == -EEXIST; tries++, first += 20) {
		tids[0] = first;
		tids[1] = first + 1;
		tids[2] = first + 6;
		err = tern_shell_start(&shell, &b, &why);
	}
	CHECK(!err);
	if (err) {
		printf("# %s\n", why.text);
		return false;
	}
	memset(&dress, 0, sizeof(dress));
	dress.types = TERN_TYPES_ALL;
	CHECK(!tern_shell_look(&shell, &dress, &why) && dress.nr_special >= 2);
	stat(file, &st);
	known[0].path = file;
	known[0].same = true;
	known[0].file.ino = st.st_ino;
	known[0].file.size = st.st_size;
	dress.image = &image;
	dress.known = known;
	dress.nr_known = 1;
	return true;
}

static void look(void)
{
	look_memory();
	look_files();
	look_process();
	look_sched();
	look_clock();
	look_pages();
}

/* Dress the shell by the image. */
static bool wear(void)
{
	struct tern_why why = { "" };
	struct shell_run cmd;
	int err;

	err = tern_script_dress(&shell.script, &dress, false, &cmd, &why);
	if (!err)
		err = run(&cmd, &why);
	CHECK(!err);
	if (err)
		printf("# %d %s\n", err, why.text);
	return !err;
}

static void put_away(void)
{
	CHECK(gone());
	tern_image_free(&image);
	tern_dress_fini(&dress);
}

static void dressed(void)
{
	if (!new_shell(31234))
		return;
	draft = 0;
	make_image();
	if (wear())
		look();
	put_away();
}

/* A descriptor of the shell, for us, too. */
static int share(int number)
{
	int pidfd = syscall(SYS_pidfd_open, tids[0], 0), fd;

	fd = syscall(SYS_pidfd_getfd, pidfd, number, 0);
	close(pidfd);
	return fd;
}

/* By way of two drafts, to the same end. */
static void altered(void)
{
	struct tern_image was = { 0 };
	struct tern_dress worn = { 0 };
	struct tern_why why = { "" };
	struct shell_run cmd;
	int err = 0, fd = -1;

	if (!new_shell(32234))
		return;
	for (draft = 2; !err; draft--) {
		struct tern_dress base = dress;

		make_image();
		if (draft == 2)
			err = tern_script_dress(&shell.script, &dress, true, &cmd, &why);
		else
			err = tern_script_alter(&shell.script, &worn, &dress, draft, &cmd, &why);
		/* each of them changes mappings */
		CHECK(err == (draft < 2));
		if (err >= 0)
			err = run(&cmd, &why);
		if (err || !draft)
			break;
		if (draft == 2)
			fd = share(3);
		tern_dress_fini(&worn);
		tern_image_free(&was);
		was = image;
		memset(&image, 0, sizeof(image));
		worn = dress;
		worn.image = &was;
		dress = base;
	}
	CHECK(!err);
	if (err)
		printf("# %s\n", why.text);
	else
		look();
	/* it is where the image says, and has not been opened again */
	CHECK(lseek(fd, 0, SEEK_CUR) == 123);
	close(fd);
	CHECK(gone());
	tern_dress_fini(&worn);
	tern_dress_fini(&dress);
	tern_image_free(&image);
	tern_image_free(&was);
	draft = 0;
}

/* ---- a vDSO that is another one ------------------------------------------------------- */

static bool peek(__u64 at, void *buf, size_t len)
{
	struct iovec local = { buf, len }, remote = { (void *)at, len };

	return process_vm_readv(tids[0], &local, 1, &remote, 1, 0) == (ssize_t)len;
}

/* Jumps in @text, all of which lead to [start, end). */
static unsigned int jumps(const char *text, size_t size, __u64 start, __u64 end)
{
	const unsigned char jump[] = { 0xff, 0x25, 0, 0, 0, 0 };
	const char *at = text;
	unsigned int n = 0;
	__u64 to;

	while ((at = memmem(at, text + size - at - sizeof(to), jump, sizeof(jump)))) {
		at += sizeof(jump);
		memcpy(&to, at, sizeof(to));
		if (to < start || to >= end)
			return 0;
		n++;
	}
	return n;
}

static void look_foreign(const struct tern_obj_vdso *obj, const struct tern_vdso *own)
{
	const struct tern_special *last = &dress.special[dress.nr_special - 1];
	__u64 end = shell.script.base + shell.script.size + last->end - dress.special[0].start;
	struct tern_vdso_note note;
	char *text = malloc(own->size), *data = calloc(1, own->size);

	CHECK(last->kind == TERN_VMA_VDSO);
	CHECK(peek(end - own->size, text, own->size) && !memcmp(text, own->text, own->size));
	CHECK(peek(obj->text, text, own->size) && memcmp(text, own->text, own->size));
	CHECK(jumps(text, own->size, end - own->size, end) >= 4);
	CHECK(peek(obj->data, text, own->size) && !memcmp(text, data, own->size));
	CHECK(peek(end, &note, sizeof(note)) && note.magic == TERN_VDSO_NOTE);
	CHECK(note.data == obj->data && note.text == obj->text && note.size == own->size);
	CHECK(peek(end + PAGE, text, own->size) && !memcmp(text, own->text, own->size));
	CHECK(vm_flag(obj->data, " dd") && vm_flag(end, " dd") && !vm_flag(obj->text, " dd"));
	CHECK(!vm_flag(obj->text, " wr") && !vm_flag(end, " wr") && !vm_flag(obj->data, " wr"));
	free(text);
	free(data);
}

/* Ours, as if it were that of another kernel. */
static void foreign(void)
{
	struct tern_obj_vdso obj = { 0 };
	const struct tern_obj *o = NULL;
	struct tern_why why = { "" };
	struct tern_vdso own;

	if (!new_shell(31534))
		return;
	draft = 0;
	make_image();
	while ((o = tern_image_find(&image, TERN_OBJ_VMA, o))) {
		const struct tern_obj_vma *v = tern_obj_payload(o);

		if (tern_vma_is_special(v) && !obj.data)
			obj.data = v->start;
		if (v->kind == TERN_VMA_VDSO)
			obj.text = v->start;
	}
	CHECK(!tern_vdso_own(&own));
	tern_image_add(&image, TERN_OBJ_VDSO, &obj, sizeof(obj), own.text, own.size);
	count_objects();
	CHECK(!tern_image_check(&image, &why));
	if (wear())
		look_foreign(&obj, &own);
	put_away();
}

int main(void)
{
	char cwd[200] = "";

	if (geteuid() || !getcwd(cwd, sizeof(cwd)) ||
	    snprintf(host.shell, sizeof(host.shell), "%s/tern-shell", cwd) < 0 ||
	    access(host.shell, X_OK)) {
		printf("1..0 # SKIP needs root and tern-shell\n");
		return 0;
	}
	/* shells belong to init: here, to us */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	/* what a test runner may have left us with */
	signal(SIGPIPE, SIG_IGN);
	make_file();
	taken();
	taken_for_a_while();
	dressed();
	altered();
	foreign();
	unlink(file);
	rmdir(dir);
	return done();
}
