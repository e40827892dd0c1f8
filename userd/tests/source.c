// SPDX-License-Identifier: GPL-2.0
/*
 * The source's half from request to independence, against a kernel and a
 * destination that this test plays: the ioctls of /dev/tern are answered here,
 * for a python process that is merely stopped, and a thread plays the other
 * host and compares every page that it is sent with the process's memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <search.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "changes.h"
#include "dev.h"
#include "grow.h"
#include "host.h"
#include "image.h"
#include "link.h"
#include "pack.h"
#include "prepare.h"
#include "test.h"

#define PAGE	4096ULL
#define ID	0x1234567890abcdefULL
#define ENOUGH	16	/* pages to come unasked, however slow the link seems (recent.c) */

/* ---- the migrant ---- */

static int pid, mem_fd, pagemap_fd;

static int start_migrant(void)
{
	static const char program[] =
		"import os,select,sys\n"
		"e=select.epoll(); r,w=os.pipe(); e.register(r,select.EPOLLIN)\n"
		"x=os.urandom(6<<20); y=bytes(3<<20)\n"
		"sys.stderr.write('r'); sys.stderr.flush()\n"
		"e.poll()\n";
	int ready[2], null;
	char name[64], c;

	if (access("/usr/bin/python3", X_OK) || pipe2(ready, O_CLOEXEC))
		return -1;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid = fork();
	if (!pid) {
		dup2(null, 0);
		dup2(null, 1);
		dup2(ready[1], 2);
		execl("/usr/bin/python3", "python3", "-S", "-c", program, NULL);
		_exit(127);
	}
	close(ready[1]);
	close(null);
	if (read(ready[0], &c, 1) != 1)
		return -1;
	close(ready[0]);
	usleep(100000);
	snprintf(name, sizeof(name), "/proc/%d/mem", pid);
	mem_fd = open(name, O_RDONLY | O_CLOEXEC);
	snprintf(name, sizeof(name), "/proc/%d/pagemap", pid);
	pagemap_fd = open(name, O_RDONLY | O_CLOEXEC);
	return mem_fd < 0 || pagemap_fd < 0 ? -1 : 0;
}

/* ---- the kernel ---- */

static struct kernel {
	unsigned int state;
	struct tern_fail fail;
	int keep[8];
	struct tern_report report;
	unsigned int parked;
	unsigned int write_backs;
	unsigned int drafts;
	bool notes;			/* which pages are used */
	unsigned int looks;		/* at that */
	unsigned int extra_tid;		/* captures that show a thread too many */
	struct tern_image image;
} kernel;

static int add_map(void *arg, const struct tern_proc_map *map)
{
	struct tern_image *image = arg;
	struct tern_obj_vma vma = { .start = map->start, .end = map->end, .prot = PROT_READ };
	bool file = map->path[0] == '/';
	struct stat st;

	if (!strcmp(map->path, "[vdso]"))
		vma.kind = TERN_VMA_VDSO;
	else if (!strncmp(map->path, "[vvar", 5))
		vma.kind = TERN_VMA_VVAR;
	else if (map->path[0] == '[' && !strcmp(map->path, "[vsyscall]"))
		return 0;
	else
		vma.kind = file && !map->write ? TERN_VMA_FILE : TERN_VMA_ANON;
	if (!strcmp(map->path, "[stack]"))
		vma.flags |= TERN_VMA_GROWSDOWN;
	if (file && !stat(map->path, &st)) {
		vma.size = st.st_size;
		vma.pgoff = map->offset / PAGE;
		if (vma.kind == TERN_VMA_ANON)
			vma.flags |= TERN_VMA_BACKED;
	}
	vma.path = vma.kind == TERN_VMA_FILE ? strlen(map->path) + 1 : 0;
	return tern_image_add(image, TERN_OBJ_VMA, &vma, sizeof(vma), map->path, vma.path);
}

static void add_thread(struct tern_image *image, int tid)
{
	struct tern_obj_thread t = { .tid = tid };
	unsigned long long nr, a[6], sp, ip;
	char name[64];
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/syscall", pid);
	f = fopen(name, "r");
	if (fscanf(f, "%lli %llx %llx %llx %llx %llx %llx %llx %llx", &nr, &a[0], &a[1], &a[2],
		   &a[3], &a[4], &a[5], &sp, &ip) == 9) {
		t.regs[15] = nr;
		t.regs[14] = a[0];
		t.regs[13] = a[1];
		t.regs[19] = sp;
		t.regs[16] = ip;
	}
	/* it counts something while it runs */
	t.regs[5] = kernel.drafts;
	fclose(f);
	tern_image_add(image, TERN_OBJ_THREAD, &t, sizeof(t), NULL, 0);
}

static void add_fds(struct tern_image *image)
{
	/* 3: epoll, 4 and 5: the pipe; what else there is is of no interest here */
	struct tern_obj_desc epoll = { .id = 1, .kind = TERN_DESC_EPOLL };
	struct tern_obj_desc end = { .id = 2, .kind = TERN_DESC_PIPE, .pipe = 1 };
	struct tern_obj_fd fd = { .fd = 3, .desc = 1 };

	tern_image_add(image, TERN_OBJ_DESC, &epoll, sizeof(epoll), NULL, 0);
	tern_image_add(image, TERN_OBJ_DESC, &end, sizeof(end), NULL, 0);
	tern_image_add(image, TERN_OBJ_FD, &fd, sizeof(fd), NULL, 0);
	fd.fd = 4;
	fd.desc = 2;
	tern_image_add(image, TERN_OBJ_FD, &fd, sizeof(fd), NULL, 0);
}

static void make_image(bool draft)
{
	struct tern_image *image = &kernel.image;
	struct tern_obj_task task = { .pid = pid, .nr_threads = 1, .exe = 10 };
	struct tern_obj_sigactions actions = { 0 };
	struct tern_obj_mm mm = { 0 };
	struct tern_obj_fs fs;
	char cwd[4096];

	tern_image_free(image);
	memset(image, 0, sizeof(*image));
	tern_image_add(image, TERN_OBJ_TASK, &task, sizeof(task), "/bin/true", 10);
	tern_image_add(image, TERN_OBJ_MM, &mm, sizeof(mm), NULL, 0);
	tern_image_add(image, TERN_OBJ_SIGACTIONS, &actions, sizeof(actions), NULL, 0);
	tern_proc_maps(pid, add_map, image);
	tern_proc_link(pid, "cwd", cwd, sizeof(cwd));
	fs = (struct tern_obj_fs) { .cwd = strlen(cwd) + 1 };
	tern_image_add(image, TERN_OBJ_FS, &fs, sizeof(fs), cwd, fs.cwd);
	add_fds(image);
	add_thread(image, pid);
	if (kernel.extra_tid && !draft) {
		kernel.extra_tid--;
		add_thread(image, pid + 1);
	}
}

static int do_capture(struct tern_image_io *io)
{
	struct tern_obj_end end = { 0 };
	bool draft = io->flags & TERN_CAPTURE_DRAFT;
	struct tern_obj *obj;
	size_t len;

	if (kernel.state != (draft ? TERN_REQUESTED : TERN_PARKED))
		return -EBADFD;
	kernel.drafts += draft;
	make_image(draft);
	len = kernel.image.len + sizeof(*obj) + sizeof(end);
	if (io->len < len)
		return -ENOSPC;
	memcpy((void *)io->buf, kernel.image.data, kernel.image.len);
	obj = (void *)(io->buf + kernel.image.len);
	*obj = (struct tern_obj) { TERN_OBJ_END, TERN_OBJ_VERSION, 0, sizeof(*obj) + sizeof(end), 0 };
	memcpy(obj + 1, &end, sizeof(end));
	io->len = len;
	return 0;
}

static const struct tern_obj_vma *vma_at(__u64 addr)
{
	const struct tern_obj *obj = NULL;

	while ((obj = tern_image_find(&kernel.image, TERN_OBJ_VMA, obj))) {
		const struct tern_obj_vma *vma = tern_obj_payload(obj);

		if (addr >= vma->start && addr < vma->end)
			return vma;
	}
	return NULL;
}

static bool exists(__u64 addr)
{
	const struct tern_obj_vma *vma = vma_at(addr);
	__u64 entry = 0;

	if (!vma)
		return false;
	if (pread(pagemap_fd, &entry, 8, addr / PAGE * 8) != 8)
		return false;
	if (entry >> 62)
		return true;
	return vma->kind == TERN_VMA_FILE || vma->flags & TERN_VMA_BACKED;
}

static int do_read_pages(struct tern_read_pages *io)
{
	static const char zeros[PAGE];
	char page[PAGE], *to;
	unsigned int i;

	if (kernel.state < TERN_PARKED || kernel.state > TERN_COMMITTED || io->addr % PAGE ||
	    !io->nr || io->nr > TERN_READ_MAX)
		return -EINVAL;
	io->present = 0;
	for (i = 0; i < io->nr; i++) {
		if (!vma_at(io->addr + i * PAGE))
			return -EFAULT;
		if (!exists(io->addr + i * PAGE))
			continue;
		to = io->buf ? (char *)(io->buf + i * PAGE) : page;
		if (pread(mem_fd, to, PAGE, io->addr + i * PAGE) != (ssize_t)PAGE)
			return -EFAULT;
		if (io->buf || memcmp(page, zeros, PAGE))
			io->present |= 1ULL << i;
	}
	return 0;
}

#define EVERY	7	/* of the pages that exist so many-th is said to have been used */

static int do_accessed(struct tern_accessed *io)
{
	struct tern_accessed_range *range = (void *)io->ranges;
	const struct tern_obj *obj = NULL;
	unsigned int nr = 0;

	kernel.looks++;
	if (!kernel.notes)
		return -ENOTTY;
	if (kernel.state != TERN_REQUESTED || io->start % PAGE || io->end % PAGE ||
	    io->start >= io->end)
		return -EINVAL;
	while (nr < io->nr && (obj = tern_image_find(&kernel.image, TERN_OBJ_VMA, obj))) {
		const struct tern_obj_vma *vma = tern_obj_payload(obj);
		__u64 addr = vma->start > io->start ? vma->start : io->start;

		for (; addr < vma->end && nr < io->nr; addr += EVERY * PAGE)
			if (exists(addr))
				range[nr++] = (struct tern_accessed_range) { addr, addr + PAGE };
	}
	/* what is left must be asked for again */
	io->start = obj ? range[nr - 1].end : io->end;
	io->nr = nr;
	return 0;
}

/* As if there were page tables for all that is mapped. */
static int do_next_pages(struct tern_next_pages *io)
{
	const struct tern_obj *obj = NULL;

	while ((obj = tern_image_find(&kernel.image, TERN_OBJ_VMA, obj))) {
		const struct tern_obj_vma *vma = tern_obj_payload(obj);

		if (vma->end <= io->start)
			continue;
		if (io->start < vma->start)
			io->start = vma->start;
		io->end = vma->end;
		return 0;
	}
	return -ENXIO;
}

static int to_state(unsigned int from, unsigned int to)
{
	if (kernel.state != from)
		return -EBADFD;
	kernel.state = to;
	return 0;
}

static int do_fail(const struct tern_fail *fail)
{
	if (kernel.state == TERN_DOUBT && !(fail->flags & TERN_FAIL_NOT_THERE))
		return -EBADFD;
	if (kernel.state == TERN_COMMITTED && !(fail->flags & TERN_FAIL_LOST))
		return -EBADFD;
	kernel.fail = *fail;
	kernel.state = fail->flags & TERN_FAIL_LOST ? TERN_LOST : TERN_FAILED;
	return 0;
}

static int do_commit(struct tern_image_io *io)
{
	struct tern_obj *obj = (void *)io->buf;
	struct tern_obj_signal signal = { .signo = SIGUSR1 };

	if (to_state(TERN_DOUBT, TERN_COMMITTED))
		return -EBADFD;
	*obj = (struct tern_obj) {
		TERN_OBJ_SIGNAL, TERN_OBJ_VERSION, 0, sizeof(*obj) + sizeof(signal), 0
	};
	memcpy(obj + 1, &signal, sizeof(signal));
	io->len = (obj->len + 7) & ~7ULL;
	return 0;
}

static int do_keep(const struct tern_keep *keep)
{
	if (kernel.keep[keep->key] > 0)
		close(kernel.keep[keep->key]);
	kernel.keep[keep->key] = fcntl(keep->fd, F_DUPFD_CLOEXEC, 0);
	return 0;
}

static int do_ioctl(unsigned long nr, void *arg)
{
	switch (nr) {
	case TERN_IOC_CHECK:
		return 0;
	case TERN_IOC_INFO:
		return 0;
	case TERN_IOC_ATTACH:
		((struct tern_attach *)arg)->state = kernel.state;
		return 0;
	case TERN_IOC_TREE:
		((struct tern_tree_io *)arg)->nr = 1;
		return 0;
	case TERN_IOC_PARK:
		kernel.parked++;
		return to_state(TERN_REQUESTED, TERN_PARKED);
	case TERN_IOC_CAPTURE:
		return do_capture(arg);
	case TERN_IOC_THAW:
		return to_state(TERN_PARKED, TERN_REQUESTED);
	case TERN_IOC_SENT:
		return to_state(TERN_PARKED, TERN_DOUBT);
	case TERN_IOC_COMMIT:
		return do_commit(arg);
	case TERN_IOC_FAIL:
		return do_fail(arg);
	case TERN_IOC_READ_PAGES:
		return do_read_pages(arg);
	case TERN_IOC_ACCESSED:
		return do_accessed(arg);
	case TERN_IOC_NEXT_PAGES:
		return do_next_pages(arg);
	case TERN_IOC_WRITE_BACK:
		if (kernel.state != TERN_DOUBT && kernel.state != TERN_COMMITTED)
			return -EBADFD;
		return kernel.write_backs++ ? 0 : -EAGAIN;
	case TERN_IOC_RELEASE:
		return to_state(TERN_COMMITTED, TERN_INDEPENDENT);
	case TERN_IOC_REPORT:
		kernel.report = ((struct tern_report_io *)arg)->report;
		return 0;
	case TERN_IOC_KEEP:
		return do_keep(arg);
	case TERN_IOC_KEPT:
		((struct tern_keep *)arg)->fd =
			fcntl(kernel.keep[((struct tern_keep *)arg)->key], F_DUPFD_CLOEXEC, 0);
		return 0;
	default:
		return -ENOTTY;
	}
}

/* Stands before libc's: every ioctl of this program is one of /dev/tern. */
int ioctl(int fd, unsigned long nr, ...)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	va_list args;
	void *arg;
	int rc;

	(void)fd;
	va_start(args, nr);
	arg = va_arg(args, void *);
	va_end(args);
	pthread_mutex_lock(&lock);
	rc = do_ioctl(nr, arg);
	pthread_mutex_unlock(&lock);
	errno = -rc;
	return rc < 0 ? -1 : rc;
}

/*
 * Not every kernel that this runs on keeps soft-dirty bits, so they are played,
 * too: a page is dirty when the test has written to it since they were cleared.
 */
static void *dirty;		/* addresses */
static int self_pagemap = -1;
static unsigned int self_looks, cleared;

static int by_addr(const void *a, const void *b)
{
	__u64 x = (__u64)a, y = (__u64)b;

	return (x > y) - (x < y);
}

static void no_free(void *node)
{
	(void)node;
}

int open(const char *path, int flags, ...)
{
	int fd;

	if (!strcmp(path, "/dev/tern"))
		path = "/dev/null";
	if (strstr(path, "/clear_refs")) {
		cleared += !strstr(path, "self");
		path = "/dev/null";
		tdestroy(dirty, no_free);
		dirty = NULL;
	}
	fd = syscall(SYS_openat, AT_FDCWD, path, flags, 0600);
	if (fd == self_pagemap)
		self_pagemap = -1;
	if (!strcmp(path, "/proc/self/pagemap"))
		self_pagemap = fd;
	return fd;
}

static bool is_pagemap(int fd)
{
	char name[64], path[64];
	ssize_t n;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	n = readlink(name, path, sizeof(path) - 1);
	path[n < 0 ? 0 : n] = '\0';
	return strstr(path, "/pagemap");
}

ssize_t pread(int fd, void *buf, size_t len, off_t at)
{
	ssize_t n = syscall(SYS_pread64, fd, buf, len, at);
	__u64 *entry = buf;
	unsigned int i;

	if (n <= 0 || n % 8 || !is_pagemap(fd))
		return n;
	for (i = 0; i < n / 8; i++) {
		__u64 addr = (at / 8 + i) * PAGE;
		bool set = fd == self_pagemap ? self_looks++ & 1 :
			   tfind((void *)addr, &dirty, by_addr) != NULL;

		entry[i] &= ~(1ULL << 55);
		entry[i] |= (__u64)set << 55;
	}
	return n;
}

/* The migrant writes to a page: @with is not what was there, or it is. */
static void write_page(__u64 addr, bool same)
{
	char name[64], c;
	int fd;

	snprintf(name, sizeof(name), "/proc/%d/mem", pid);
	fd = open(name, O_RDWR | O_CLOEXEC);
	if (pread(fd, &c, 1, addr + 123) != 1)
		exit(98);
	c += !same;
	if (pwrite(fd, &c, 1, addr + 123) != 1)
		exit(98);
	close(fd);
	tsearch((void *)addr, &dirty, by_addr);
}

/* ---- the other host ---- */

enum scenario {
	GOOD, ODD_FILES, REFUSE, CHANGING, NOT_RESUMED, RESUMED_UNHEARD, REBOOTED,
	CUT_WHILE_PAGING, DAEMON_DIED, ABORT_EARLY, FORCED, COLD, DRAFT_REFUSED,
	HYBRID, HYBRID_REFUSED, RECENT, HYBRID_RECENT,
};

static struct other {
	enum scenario scenario;
	int listen;
	struct tern_host host;
	struct tern_wire_hello hello;
	struct tern_link lane[2];
	void *pages;			/* addresses that have arrived */
	unsigned int nr_pages, wrong, zero, first;
	unsigned int links;
	unsigned int faults;
	struct tern_unpacker unpacker;	/* of lane 1 */
	unsigned int packed;
	bool signals, epoll, flushed, independent;
	unsigned int written;
	struct tern_draft draft;
	unsigned int drafts;
	size_t warm;
	size_t image_len;		/* of the image, as it came */
	struct tern_wire_range *map;
	unsigned int nr_map;
	struct staged {			/* pages that were sent ahead */
		__u64 addr;
		char data[PAGE];
	} *staged;
	size_t staged_room;
	unsigned int nr_staged, rounds, room;
	bool resumed;
	unsigned int fresh;
	unsigned int unasked;
	__u64 changed[20];		/* pages that were written to since */
} other;

static void take_page(__u64 addr, const char *data, unsigned int live)
{
	char here[PAGE];
	__u64 **node;

	if (pread(mem_fd, here, PAGE, addr) != (ssize_t)PAGE)
		memset(here, 0, PAGE);
	if (memcmp(here + live, data + live, PAGE - live))
		other.wrong++;
	node = tsearch((void *)addr, &other.pages, by_addr);
	(void)node;
	other.nr_pages++;
}

static void put_aside(__u64 addr, const char *data)
{
	struct staged *page = NULL;
	unsigned int i;

	for (i = 0; i < other.nr_staged && !page; i++)
		if (other.staged[i].addr == addr)
			page = &other.staged[i];
	if (!page) {
		page = tern_grow(other.staged, other.nr_staged, &other.staged_room, sizeof(*page));
		if (!page)
			exit(99);
		other.staged = page;
		page = &other.staged[other.nr_staged++];
	}
	page->addr = addr;
	memcpy(page->data, data, PAGE);
}

static int take_fresh(const struct tern_wire *head)
{
	struct tern_wire_range *range = malloc(head->len + 1);
	unsigned int i, j;
	__u64 addr;

	if (!other.resumed || tern_link_recv_body(&other.lane[0], range, head->len, 5000))
		return -1;
	for (i = 0; i < head->len / sizeof(*range); i++) {
		for (addr = range[i].start; addr < range[i].end; addr += PAGE) {
			for (j = 0; j < other.nr_staged; j++)
				if (other.staged[j].addr == addr)
					break;
			if (j == other.nr_staged) {
				other.wrong++;
				continue;
			}
			take_page(addr, other.staged[j].data, 0);
			other.fresh++;
		}
	}
	free(range);
	return 0;
}

/* The migrant writes: to the same effect, or not; before the last round, or after. */
static int answer_round(void)
{
	struct tern_wire_clock clock;
	unsigned int i;

	if (tern_link_recv_body(&other.lane[0], &clock, sizeof(clock), 5000))
		return -1;
	if (!other.rounds++ && other.nr_staged > 100)
		for (i = 0; i < 20; i++)
			write_page(other.staged[i].addr, i % 2);
	return tern_link_send(&other.lane[0], TERN_MSG_CLOCK, &clock, sizeof(clock));
}

static void read_pages(char *buf, size_t len)
{
	static const char zeros[PAGE];
	struct tern_wire_pages *pages = (void *)buf;
	struct tern_wire_run *run = (void *)(pages + 1);
	char *data = (char *)(run + pages->nr_runs);
	unsigned int i, j;

	for (i = 0; i < pages->nr_runs; i++) {
		if (run[i].flags & TERN_WIRE_RUN_PART) {
			char page[PAGE] = { 0 };
			unsigned int off = *(__u32 *)data;

			memcpy(page + off, data + 4, PAGE - off);
			take_page(run[i].addr, page, off);
			data += (4 + PAGE - off + 7) & ~7ULL;
			continue;
		}
		for (j = 0; j < run[i].nr; j++) {
			bool zero = run[i].flags & TERN_WIRE_RUN_ZERO;

			if (kernel.state == TERN_REQUESTED) {
				put_aside(run[i].addr + j * PAGE, data);
				other.wrong += zero;
				data += PAGE;
				continue;
			}
			take_page(run[i].addr + j * PAGE, zero ? zeros : data, 0);
			other.zero += zero;
			data += zero ? 0 : PAGE;
		}
	}
	if (data != buf + len)
		other.wrong++;
}

static int take_pages(struct tern_link *link, const struct tern_wire *head)
{
	char *buf = malloc(head->len), *pages;
	int rc = tern_link_recv_body(link, buf, head->len, 5000), len;

	if (!rc && head->type == TERN_MSG_PACKED) {
		len = tern_unpack_len(buf, head->len);
		pages = malloc(len > 0 ? len : 1);
		rc = len < 0 ? len : tern_unpack(&other.unpacker, buf, head->len, pages);
		if (!rc)
			read_pages(pages, len);
		free(pages);
		other.packed++;
	} else if (!rc) {
		read_pages(buf, head->len);
	}
	free(buf);
	return rc;
}

static int accept_lane(unsigned int lane)
{
	struct tern_wire_hello hello, own = other.hello;
	int fd = accept4(other.listen, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0 || tern_link_init(&other.lane[lane], fd, -1) ||
	    tern_link_expect(&other.lane[lane], TERN_MSG_HELLO, &hello, sizeof(hello), 5000, NULL) ||
	    hello.lane != lane || hello.id != ID || strcmp(hello.host, "a"))
		return -1;
	own.id = ID;
	own.lane = lane;
	return tern_link_send(&other.lane[lane], TERN_MSG_HELLO, &own, sizeof(own));
}

static int accept_link(void)
{
	other.lane[0].fd = -1;
	other.lane[1].fd = -1;
	other.links++;
	return accept_lane(0) ? -1 : accept_lane(1);
}

static void drop_link(void)
{
	tern_unpacker_fini(&other.unpacker);
	tern_link_fini(&other.lane[0]);
	tern_link_fini(&other.lane[1]);
}

static int answer_clock(void)
{
	struct tern_wire_clock clock;
	unsigned int i;

	for (i = 0; i < 5; i++)
		if (tern_link_expect(&other.lane[0], TERN_MSG_CLOCK, &clock, sizeof(clock), 5000, NULL) ||
		    tern_link_send(&other.lane[0], TERN_MSG_CLOCK, &clock, sizeof(clock)))
			return -1;
	return 0;
}

static int refuse(const char *why)
{
	struct tern_wire_refused r = { .err = EBUSY };

	strcpy(r.why, why);
	return tern_link_send(&other.lane[0], TERN_MSG_REFUSED, &r, sizeof(r));
}

static int answer_prepare(void)
{
	struct tern_wire head;
	struct tern_wire_prepare *p;
	struct { struct tern_wire_ready ready; char same[65536]; } reply = { 0 };
	char *buf;
	int rc;

	if (tern_link_recv_head(&other.lane[0], &head, 5000) || head.type != TERN_MSG_PREPARE)
		return -1;
	buf = malloc(head.len);
	if (tern_link_recv_body(&other.lane[0], buf, head.len, 5000))
		return -1;
	tern_draft_fini(&other.draft);
	p = (void *)buf;
	if (p->pid != pid || p->nr_threads != 1 || !p->nr_holes || !p->nr_files || !p->monotonic)
		other.wrong++;
	reply.ready.nr_files = p->nr_files;
	reply.ready.room = other.room;
	memset(reply.same, other.scenario != ODD_FILES, p->nr_files);
	if (other.scenario == REFUSE)
		rc = refuse("the pid is taken");
	else
		rc = tern_link_send(&other.lane[0], TERN_MSG_READY, &reply,
				    sizeof(reply.ready) + p->nr_files);
	free(buf);
	return rc ? rc : other.scenario == REFUSE;
}

/* The image that was meant by what came. */
static int take_image(const struct tern_wire *head, struct tern_image *image)
{
	struct tern_image in = { malloc(head->len), head->len, head->len };
	int rc;

	rc = tern_link_recv_body(&other.lane[0], in.data, head->len, 5000);
	if (!rc)
		rc = tern_changes_read(&other.draft, &in, image, NULL, NULL);
	tern_image_free(&in);
	return rc;
}

static int take_draft(const struct tern_wire *head)
{
	struct tern_image image = { 0 };
	int rc = take_image(head, &image);

	other.drafts++;
	if (!rc)
		rc = tern_draft_set(&other.draft, &image);
	if (!rc && other.scenario == DRAFT_REFUSED)
		rc = refuse("the memory is full") ?: 1;
	return rc ? rc : tern_link_send(&other.lane[0], TERN_MSG_DRESSED, NULL, 0);
}

static int answer_warm(const struct tern_wire *head)
{
	struct tern_wire_clock *clock = malloc(head->len);
	int rc;

	other.warm = head->len;
	rc = tern_link_recv_body(&other.lane[0], clock, head->len, 5000);
	if (!rc)
		rc = tern_link_send(&other.lane[0], TERN_MSG_CLOCK, clock, sizeof(*clock));
	free(clock);
	return rc;
}

static int take_blast(void)
{
	struct tern_link *link = &other.lane[0];
	struct tern_image image = { 0 };
	struct tern_wire_resume resume;
	struct tern_wire head;
	unsigned int i;

	while (!tern_link_recv_head(link, &head, 10000)) {
		switch (head.type) {
		case TERN_MSG_DRAFT:
			if (take_draft(&head))
				return -1;
			break;
		case TERN_MSG_CLOCK:
			if (other.scenario == HYBRID_REFUSED)
				return refuse("there is no memory") ?: 1;
			if (answer_round())
				return -1;
			break;
		case TERN_MSG_WARM:
			/* after the last round */
			for (i = 0; i < 20 && other.nr_staged > 100; i++) {
				other.changed[i] = other.staged[50 + i].addr;
				write_page(other.changed[i], i % 2);
			}
			if (answer_warm(&head))
				return -1;
			break;
		case TERN_MSG_IMAGE:
			other.image_len = head.len;
			if (take_image(&head, &image))
				return -1;
			other.epoll = tern_image_find(&image, TERN_OBJ_EPOLL, NULL);
			tern_image_free(&image);
			break;
		case TERN_MSG_PAGES:
			if (take_pages(link, &head))
				return -1;
			other.first = other.nr_pages;
			break;
		case TERN_MSG_RESUME:
			if (kernel.state != TERN_DOUBT)
				other.wrong++;
			return tern_link_recv_body(link, &resume, sizeof(resume), 5000);
		default:
			return -1;
		}
	}
	return -1;
}

static int send_resumed(void)
{
	struct tern_wire_resumed resumed = { .phase_ns = { 0, 0, 0, 1, 2, 3, 4, 10, 0 }, .since_ns = 1 };

	other.resumed = true;
	return tern_link_send(&other.lane[0], TERN_MSG_RESUMED, &resumed, sizeof(resumed));
}

static void take_map(const struct tern_wire *head)
{
	free(other.map);
	other.map = malloc(head->len + 1);
	other.nr_map = head->len / sizeof(other.map[0]);
	if (tern_link_recv_body(&other.lane[0], other.map, head->len, 5000))
		other.wrong++;
}

static void *take_flush(void *arg)
{
	struct tern_wire head;

	(void)arg;
	while (!tern_link_recv_head(&other.lane[1], &head, 10000)) {
		if (head.type == TERN_MSG_FLUSHED) {
			other.flushed = true;
			break;
		}
		if ((head.type != TERN_MSG_PAGES && head.type != TERN_MSG_PACKED) ||
		    take_pages(&other.lane[1], &head))
			break;
		if (other.scenario == CUT_WHILE_PAGING && other.links == 1)
			break;
	}
	return NULL;
}

static int fault(__u64 addr, unsigned int nr)
{
	struct tern_wire_fault f = { .addr = addr, .nr = nr };
	struct tern_wire head;

	if (tern_link_send(&other.lane[0], TERN_MSG_FAULT, &f, sizeof(f)) ||
	    tern_link_recv_head(&other.lane[0], &head, 5000) || head.type != TERN_MSG_PAGES)
		return -1;
	other.faults++;
	return take_pages(&other.lane[0], &head);
}

static unsigned int missing(void)
{
	unsigned int i, n = 0;
	__u64 addr;

	for (i = 0; i < other.nr_map; i++)
		for (addr = other.map[i].start; addr < other.map[i].end; addr += PAGE)
			n += !tfind((void *)addr, &other.pages, by_addr);
	return n;
}

/* On each link, with or without anything that had to be written. */
static int take_written(void)
{
	struct tern_wire_written written;

	other.written++;
	return tern_link_recv_body(&other.lane[0], &written, sizeof(written), 5000) ||
	       written.err;
}

/* What comes without being asked for. 1: that was it; 0: it is something else. */
static int take_unasked(const struct tern_wire *head)
{
	unsigned int before = other.nr_pages;

	if (head->type == TERN_MSG_FRESH)
		return take_fresh(head) ? -1 : 1;
	if (head->type == TERN_MSG_WRITTEN)
		return take_written() ? -1 : 1;
	if (head->type != TERN_MSG_PAGES)
		return 0;
	if (take_pages(&other.lane[0], head))
		return -1;
	other.unasked += other.nr_pages - before;
	return 1;
}

/* The source sends it until it hears from us, so that is not before there is enough. */
static int hear_enough(void)
{
	unsigned int fresh = other.fresh;
	struct tern_wire head;

	while (other.fresh - fresh + other.unasked < ENOUGH)
		if (tern_link_recv_head(&other.lane[0], &head, 10000) || take_unasked(&head) != 1)
			return -1;
	return 0;
}

static int page_in(void)
{
	struct tern_wire_complete complete = { .faults = 7 };
	struct tern_wire head;
	unsigned int i;
	pthread_t thread;

	while (!tern_link_recv_head(&other.lane[0], &head, 10000) && head.type != TERN_MSG_MAP) {
		char buf[1024];
		int taken = take_unasked(&head);

		if (taken < 0)
			return -1;
		if (taken)
			continue;
		if (head.type != TERN_MSG_SIGNALS || head.len > sizeof(buf) ||
		    tern_link_recv_body(&other.lane[0], buf, head.len, 5000))
			return -1;
		other.signals = true;
	}
	take_map(&head);
	for (i = 0; i < other.nr_map && i < 20; i++)
		if (fault(other.map[other.nr_map - 1 - i].start, i + 1))
			return -1;
	/* nothing was ever there */
	if (fault(0x10000, 4))
		return -1;
	pthread_create(&thread, NULL, take_flush, NULL);
	pthread_join(thread, NULL);
	if (!other.flushed)
		return -1;
	complete.pages = other.nr_pages;
	if (tern_link_send(&other.lane[0], TERN_MSG_COMPLETE, &complete, sizeof(complete)) ||
	    tern_link_recv_head(&other.lane[0], &head, 10000))
		return -1;
	other.independent = head.type == TERN_MSG_INDEPENDENT;
	return 0;
}

static int answer_query(unsigned int state)
{
	struct tern_wire_answer answer = { .state = state };
	struct tern_wire head;

	if (tern_link_recv_head(&other.lane[0], &head, 5000) || head.type != TERN_MSG_QUERY)
		return -1;
	return tern_link_send(&other.lane[0], TERN_MSG_ANSWER, &answer, sizeof(answer));
}

static int up_to_blast(void)
{
	int rc = accept_link();

	if (!rc)
		rc = answer_clock();
	if (!rc)
		rc = answer_prepare();
	return rc ? rc : take_blast();
}

static void *play(void *arg)
{
	int rc = 0;

	(void)arg;
	switch (other.scenario) {
	case CHANGING:
		if (!up_to_blast())
			other.wrong++;
		drop_link();
		/* the next attempt is a good one */
		/* fall through */
	case GOOD:
	case COLD:
	case ODD_FILES:
	case HYBRID:
		rc = up_to_blast() || send_resumed() || page_in();
		break;
	case RECENT:
	case HYBRID_RECENT:
		rc = up_to_blast() || hear_enough() || send_resumed() || page_in();
		break;
	case REFUSE:
	case DRAFT_REFUSED:
	case HYBRID_REFUSED:
	case ABORT_EARLY:
		up_to_blast();
		break;
	case NOT_RESUMED:
		rc = up_to_blast();
		drop_link();
		rc = rc || accept_link() || answer_query(0);
		break;
	case RESUMED_UNHEARD:
		rc = up_to_blast();
		drop_link();
		rc = rc || accept_link() || answer_query(TERN_PAGING) || page_in();
		break;
	case REBOOTED:
		rc = up_to_blast();
		drop_link();
		other.hello.boot_id[0] ^= 1;
		rc = rc || accept_link();
		rc = 0;
		break;
	case CUT_WHILE_PAGING:
		rc = up_to_blast() || send_resumed() || page_in() != -1;
		drop_link();
		rc = rc || accept_link() || answer_query(TERN_PAGING) || page_in();
		break;
	case DAEMON_DIED:
		rc = accept_link() || answer_query(TERN_PAGING) || page_in();
		break;
	case FORCED:
		rc = up_to_blast();
		drop_link();
		close(other.listen);
		other.listen = -1;
		break;
	}
	drop_link();
	if (rc) {
		/* the source would ask for ever */
		printf("not ok - scenario %u: the destination's part has failed\n", other.scenario);
		exit(1);
	}
	return NULL;
}

/* ---- the cases ---- */

static struct tern_host host;

static void set_up(enum scenario scenario, unsigned int state)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	unsigned int i;

	for (i = 0; i < 8 && !state; i++) {
		if (kernel.keep[i] > 0)
			close(kernel.keep[i]);
		kernel.keep[i] = 0;
	}
	if (!state) {
		tern_image_free(&kernel.image);
		memset(&kernel, 0, sizeof(kernel));
	}
	kernel.state = state ? state : TERN_REQUESTED;
	free(other.map);
	free(other.staged);
	tern_draft_fini(&other.draft);
	tdestroy(other.pages, no_free);
	memset(&other, 0, sizeof(other));
	cleared = 0;
	other.scenario = scenario;
	other.room = 1 << 20;
	other.lane[0].fd = -1;
	other.lane[1].fd = -1;
	other.listen = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(other.listen, (struct sockaddr *)&in, len) || listen(other.listen, 8) ||
	    getsockname(other.listen, (struct sockaddr *)&in, &len))
		exit(99);
	strcpy(host.name, "a");
	host.first = TERN_FIRST_USUAL;
	host.recent = true;
	host.nr_peers = 1;
	strcpy(host.peers[0].name, "b");
	strcpy(host.peers[0].addr, "127.0.0.1");
	host.peers[0].port = ntohs(in.sin_port);
	host.hello = (struct tern_wire_hello) {
		.magic = TERN_WIRE_MAGIC, .version = TERN_WIRE_VERSION,
		.host = "a", .cpu = "fpu sse",
	};
	other.hello = host.hello;
	strcpy(other.hello.host, "b");
	strcpy(other.hello.cpu, "fpu sse avx");
}

static void run_case(unsigned int adopt, int cancel)
{
	struct tern_job job = {
		.host = &host, .id = ID, .peer = &host.peers[0], .pid = pid, .state = adopt,
		.flags = TERN_LAZY, .cancel = cancel, .mail = -1, .lanes = { -1, -1 },
	};
	pthread_t thread;

	if (other.scenario == COLD)
		job.flags = TERN_COLD;
	else if (other.scenario == HYBRID || other.scenario == HYBRID_REFUSED ||
		 other.scenario == HYBRID_RECENT)
		job.flags = TERN_HYBRID;
	pthread_create(&thread, NULL, play, NULL);
	tern_source_run(&job);
	if (other.listen >= 0)
		shutdown(other.listen, SHUT_RDWR);
	pthread_join(thread, NULL);
	if (other.listen >= 0)
		close(other.listen);
}

static void run_scenario(enum scenario scenario, unsigned int adopt)
{
	int cancel = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	printf("# scenario %u\n", scenario);
	set_up(scenario, adopt);
	kernel.extra_tid = scenario == CHANGING;
	kernel.notes = scenario == RECENT || scenario == HYBRID_RECENT;
	run_case(adopt, cancel);
	close(cancel);
}

static void all_arrived(void)
{
	CHECK(kernel.state == TERN_INDEPENDENT);
	CHECK(!other.wrong && other.nr_map && other.nr_pages > 1000 && other.zero);
	CHECK(!missing());
	CHECK(other.flushed && other.independent && other.written);
	CHECK(kernel.report.faults == 7 && kernel.report.pages_total);
}

static void packed(void)
{
	host.pack = TERN_PACK_ALWAYS;
	run_scenario(GOOD, 0);
	all_arrived();
	CHECK(other.packed > 10);
	/* a stream of its own for each link */
	run_scenario(CUT_WHILE_PAGING, 0);
	all_arrived();
	CHECK(other.packed > 10 && other.links == 2);
	host.pack = TERN_PACK_NEVER;
	run_scenario(GOOD, 0);
	all_arrived();
	CHECK(!other.packed);
	host.pack = TERN_PACK_AUTO;
}

static void moves(void)
{
	run_scenario(GOOD, 0);
	all_arrived();
	CHECK(other.signals && other.epoll && other.first && other.links == 1);
	CHECK(kernel.report.phase_ns[TERN_PHASE_REBUILD] == 2);
	CHECK(kernel.report.phase_ns[TERN_PHASE_TOTAL] > 10);
	CHECK(kernel.report.oneway_ns && kernel.report.blast_bytes > 4096);

	run_scenario(ODD_FILES, 0);
	all_arrived();
	run_scenario(CHANGING, 0);
	all_arrived();
	CHECK(kernel.parked == 2 && other.links == 2);
	/* what was drafted does not travel again */
	run_scenario(GOOD, 0);
	CHECK(other.drafts == 1 && kernel.drafts == 2);
	CHECK(other.image_len < other.draft.image.len / 2);
	CHECK(other.warm > 8192 && kernel.report.floor_ns);
	run_scenario(COLD, 0);
	all_arrived();
	CHECK(!kernel.drafts && !other.drafts && !other.warm && other.image_len > 1024);
}

static bool arrived(__u64 addr)
{
	return tfind((void *)addr, &other.pages, by_addr);
}

/* What has been written to since it was sent ahead is not taken for right. */
static void sends_ahead(void)
{
	unsigned int i;

	run_scenario(HYBRID, 0);
	all_arrived();
	printf("# %u pages sent ahead in %u rounds, %u of them right, %u wrong\n", other.nr_staged,
	       other.rounds, other.fresh, other.wrong);
	CHECK(other.nr_staged > 1000 && other.rounds == 2 && cleared == 1);
	/* ten of those that were written to at the end have changed, and none of the others */
	CHECK(other.fresh == other.nr_staged - 10);
	for (i = 0; i < 20; i++)
		if (!arrived(other.changed[i]))
			other.wrong++;
	CHECK(!other.wrong);
	/* where there is no room for more, no more are sent */
	set_up(HYBRID, 0);
	other.room = 200;
	run_case(0, -1);
	all_arrived();
	CHECK(other.nr_staged == 200);
	run_scenario(HYBRID_REFUSED, 0);
	CHECK(kernel.state == TERN_FAILED && !strcmp(kernel.fail.why, "there is no memory"));
	CHECK(!kernel.parked);
}

/* What was used shortly before comes without being asked for. */
static void follows(void)
{
	unsigned int fresh;

	run_scenario(GOOD, 0);
	CHECK(kernel.looks && !other.unasked);
	run_scenario(RECENT, 0);
	all_arrived();
	printf("# %u pages came unasked\n", other.unasked);
	CHECK(kernel.looks > 1 && other.unasked >= ENOUGH);
	run_scenario(HYBRID, 0);
	fresh = other.fresh;
	/* those that were sent ahead are only named */
	run_scenario(HYBRID_RECENT, 0);
	all_arrived();
	printf("# %u pages came unasked, %u were named\n", other.unasked, other.fresh - fresh);
	CHECK(other.fresh - fresh + other.unasked >= ENOUGH);
	run_scenario(COLD, 0);
	CHECK(!kernel.looks && !other.unasked);
}

static void stays(void)
{
	run_scenario(REFUSE, 0);
	CHECK(kernel.state == TERN_FAILED && !strcmp(kernel.fail.why, "the pid is taken"));
	CHECK(!kernel.parked && kernel.fail.err == EBUSY);
	run_scenario(DRAFT_REFUSED, 0);
	CHECK(kernel.state == TERN_FAILED && !strcmp(kernel.fail.why, "the memory is full"));
	CHECK(!kernel.parked && kernel.drafts == 1);

	run_scenario(NOT_RESUMED, 0);
	CHECK(kernel.state == TERN_FAILED && kernel.fail.flags == TERN_FAIL_NOT_THERE);
	run_scenario(REBOOTED, 0);
	CHECK(kernel.state == TERN_FAILED && kernel.fail.flags == TERN_FAIL_NOT_THERE);
}

static void goes_on(void)
{
	run_scenario(RESUMED_UNHEARD, 0);
	all_arrived();
	CHECK(other.links == 2 && kernel.report.reconnects == 1 && other.signals);

	run_scenario(CUT_WHILE_PAGING, 0);
	all_arrived();
	CHECK(other.links == 2 && kernel.report.reconnects == 1 && other.written == 2);

	/* what was kept there serves for the next daemon, too */
	run_scenario(DAEMON_DIED, TERN_COMMITTED);
	all_arrived();
	run_scenario(DAEMON_DIED, TERN_DOUBT);
	all_arrived();
}

static void *say_abort(void *arg)
{
	struct tern_job *job = arg;
	unsigned int i;

	/* first without force, which must change nothing while in doubt */
	for (i = 0; i < 200 && kernel.state != TERN_DOUBT; i++)
		usleep(10000);
	usleep(300000);
	eventfd_write(job->cancel, 1);
	usleep(500000);
	if (kernel.state != TERN_DOUBT)
		other.wrong++;
	job->abort_flags = TERN_ASK_FORCE;
	eventfd_write(job->cancel, 1);
	return NULL;
}

static void operators(void)
{
	int cancel = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	struct tern_job job = { .host = &host, .id = ID, .peer = &host.peers[0], .pid = pid,
				.cancel = cancel, .flags = TERN_LAZY };
	pthread_t abort_thread, play_thread;

	printf("# operators\n");
	set_up(ABORT_EARLY, 0);
	run_case(0, cancel);
	CHECK(kernel.state == TERN_FAILED && kernel.fail.err == ECANCELED);
	CHECK(!strcmp(kernel.fail.why, "aborted by an operator"));
	close(cancel);

	set_up(FORCED, 0);
	job.cancel = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_create(&play_thread, NULL, play, NULL);
	pthread_create(&abort_thread, NULL, say_abort, &job);
	tern_source_run(&job);
	pthread_join(abort_thread, NULL);
	pthread_join(play_thread, NULL);
	CHECK(kernel.state == TERN_FAILED && kernel.fail.flags == TERN_FAIL_NOT_THERE);
	CHECK(!other.wrong);
	close(job.cancel);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	if (start_migrant()) {
		printf("1..0 # SKIP python3 is needed, and root\n");
		return 0;
	}
	moves();
	sends_ahead();
	follows();
	packed();
	stays();
	goes_on();
	operators();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	tern_image_free(&kernel.image);
	free(other.map);
	free(other.staged);
	tdestroy(other.pages, no_free);
	tdestroy(dirty, no_free);
	return done();
}
