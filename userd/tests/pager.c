// SPDX-License-Identifier: GPL-2.0
/*
 * The pager with real userfaultfds: a process whose memory is missing forks,
 * moves, unmaps and gives up parts of it, from several threads, while a source
 * that is played here answers its faults, flushes, loses its link, and while the
 * daemon dies and another one takes over. Every page must have the contents that
 * it should. The kernel's part (keeping userfaultfds, the log of events) is
 * played, too. Needs root; skips without.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pager.h"
#include "test.h"

#define PAGE	4096ULL
#define START	0x6a0000000000ULL
#define PAGES	3000U
#define PART	100U		/* pages per piece of the migrant's exercise */
#define STACK	(START + 0x100000000ULL)
#define STACK_PAGES 8U
#define TO	(START + 0x200000000ULL)
#define SPACES	1024

/* ---- the kernel --------------------------------------------------------------------- */

static int kept[SPACES];
static unsigned int nr_spaces;
static struct tern_uffd_event events[4096];
static unsigned int nr_events;
static int reads_to_live;	/* reads until the daemon "dies"; 0: for ever */
static bool released;

int tern_why_set(struct tern_why *why, int err, const char *fmt, ...)
{
	if (why && !why->text[0])
		snprintf(why->text, sizeof(why->text), "%s", fmt);
	return err;
}

void tern_log(int level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

int tern_dev_kept(int dev, unsigned int key)
{
	(void)dev;
	return fcntl(kept[key - TERN_KEEP_UFFD], F_DUPFD_CLOEXEC, 3);
}

int tern_dev_report(int dev, const struct tern_report *report)
{
	(void)dev;
	(void)report;
	return 0;
}

int tern_dev_release(int dev)
{
	unsigned int i;

	(void)dev;
	released = true;
	for (i = 0; i < nr_spaces; i++)
		close(kept[i]);
	return 0;
}

int tern_dev_keep(int dev, unsigned int key, int fd)
{
	(void)dev;
	(void)key;
	(void)fd;
	return 0;
}

static unsigned int sockets_given, sockets_lost;

/* It takes them once, however often they come. */
int tern_dev_sockets(int dev, const void *buf, size_t len, struct tern_why *why)
{
	(void)dev;
	(void)buf;
	(void)why;
	if (!len)
		sockets_lost++;
	else
		sockets_given++;
	return len && sockets_given > 1 ? -EALREADY : 0;
}

static unsigned int written_told;

int tern_dev_written(int dev, unsigned int err)
{
	(void)dev;
	(void)err;
	return written_told++ ? -EALREADY : 0;
}

static void log_event(unsigned int space, struct uffd_msg *msg)
{
	struct tern_uffd_event *e = &events[nr_events];

	if (msg->event == UFFD_EVENT_PAGEFAULT)
		return;
	e->space = space;
	e->event = msg->event;
	switch (msg->event) {
	case UFFD_EVENT_FORK:
		kept[nr_spaces] = msg->arg.fork.ufd;
		msg->arg.fork.ufd = nr_spaces++;
		e->arg[0] = msg->arg.fork.ufd;
		break;
	case UFFD_EVENT_REMAP:
		e->arg[0] = msg->arg.remap.from;
		e->arg[1] = msg->arg.remap.to;
		e->arg[2] = msg->arg.remap.len;
		break;
	default:
		e->arg[0] = msg->arg.remove.start;
		e->arg[1] = msg->arg.remove.end;
	}
	nr_events++;
}

int tern_dev_uffd_read(int dev, struct tern_uffd_read *arg)
{
	struct uffd_msg *msg = (void *)(unsigned long)arg->buf;
	ssize_t n, i;

	(void)dev;
	if (arg->replay) {
		n = arg->len / sizeof(events[0]);
		if (n > (ssize_t)(nr_events - arg->from))
			n = nr_events - arg->from;
		memcpy(msg, &events[arg->from], n * sizeof(events[0]));
		arg->len = n * sizeof(events[0]);
		arg->logged = nr_events;
		return 0;
	}
	n = read(kept[arg->space], msg, arg->len);
	if (n < 0 && errno != EAGAIN)
		return -errno;
	arg->len = n < 0 ? 0 : n;
	for (i = 0; i < (ssize_t)(arg->len / sizeof(*msg)); i++)
		log_event(arg->space, &msg[i]);
	if (arg->len && reads_to_live && !--reads_to_live)
		return -EIO;
	return 0;
}

/* ---- what the pages are ---------------------------------------------------------------- */

enum what { DATA, ZERO, ABSENT };

static enum what what(__u64 addr)
{
	__u64 n = addr / PAGE;

	return n % 7 == 3 ? ABSENT : n % 5 == 1 ? ZERO : DATA;
}

static __u64 word(__u64 addr)
{
	return what(addr) == DATA ? (addr / PAGE) * 0x9e3779b97f4a7c15ULL | 1 : 0;
}

static void fill_page(__u64 *page, __u64 addr)
{
	unsigned int i;

	for (i = 0; i < 512; i++)
		page[i] = word(addr);
}

/* ---- the source --------------------------------------------------------------------------- */

static struct tern_job job = { .id = 42, .cancel = -1, .mail = -1, .lanes = { -1, -1 } };
static int lane[2];
static unsigned int answered, foreseen, link_cuts;
static bool complete;

static bool send_all(int fd, const void *buf, size_t len)
{
	while (len) {
		ssize_t n = send(fd, buf, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		buf = (const char *)buf + n;
		len -= n;
	}
	return true;
}

static bool send_msg(int fd, unsigned int type, const void *buf, size_t len)
{
	struct tern_wire head = { .type = type, .len = len };

	return send_all(fd, &head, sizeof(head)) && send_all(fd, buf, len);
}

static bool recv_msg(int fd, struct tern_wire *head, void *buf, size_t size)
{
	if (recv(fd, head, sizeof(*head), MSG_WAITALL) != sizeof(*head) || head->len > size)
		return false;
	return !head->len || recv(fd, buf, head->len, MSG_WAITALL) == head->len;
}

static bool send_map(int fd)
{
	static struct tern_wire_range r[PAGES + STACK_PAGES];
	unsigned int i, n = 0;

	for (i = 0; i < PAGES + STACK_PAGES; i++) {
		__u64 addr = i < PAGES ? START + i * PAGE : STACK + (i - PAGES) * PAGE;

		if (what(addr) == ABSENT)
			continue;
		if (n && r[n - 1].end == addr)
			r[n - 1].end += PAGE;
		else
			r[n++] = (struct tern_wire_range){ addr, addr + PAGE };
	}
	return send_msg(fd, TERN_MSG_MAP, r, n * sizeof(r[0]));
}

/* @nr pages from @addr on, each a run of its own. */
static bool send_pages(int fd, __u64 addr, unsigned int nr)
{
	static __thread struct {
		struct tern_wire_pages head;
		struct tern_wire_run run[64];
		__u64 data[64][512];
	} m;
	char *to;
	unsigned int i;

	m.head.nr_runs = nr;
	to = (char *)&m.run[nr];
	for (i = 0; i < nr; i++) {
		bool zero = what(addr + i * PAGE) != DATA;

		m.run[i] = (struct tern_wire_run){ addr + i * PAGE, 1,
						   zero ? TERN_WIRE_RUN_ZERO : 0 };
		if (zero)
			continue;
		fill_page((void *)to, addr + i * PAGE);
		to += PAGE;
	}
	return send_msg(fd, TERN_MSG_PAGES, &m, to - (char *)&m);
}

static struct tern_stage stage;
static bool ahead;		/* pages were sent ahead */

/* Every third piece was sent ahead; of one in two the source says that it is right. */
static void fill_stage(void)
{
	static struct {
		struct tern_wire_pages head;
		struct tern_wire_run run;
		__u64 data[512];
	} m = { .head.nr_runs = 1 };
	unsigned int i;

	stage.room = PAGES;
	for (i = 0; i < PAGES; i++) {
		bool right = i / PART % 6 == 0;

		if (i / PART % 3 || what(START + i * PAGE) != DATA)
			continue;
		m.run = (struct tern_wire_run){ START + i * PAGE, 1, 0 };
		fill_page(m.data, START + i * PAGE);
		m.data[7] += !right;
		if (tern_stage_put(&stage, &m, sizeof(m)))
			abort();
	}
}

static bool send_fresh(int fd)
{
	struct tern_wire_range r[PAGES / 12];
	unsigned int i, n = 0;

	for (i = 0; i < PAGES; i += 6 * PART) {
		r[n++] = (struct tern_wire_range){ START + i * PAGE, START + (i + PART) * PAGE };
	}
	/* what is wanted first need not be what comes first, and may be named twice */
	return send_msg(fd, TERN_MSG_FRESH, r + n / 2, (n - n / 2) * sizeof(r[0])) &&
	       send_msg(fd, TERN_MSG_FRESH, r, n * sizeof(r[0]));
}

/* Connections, and what is none. */
static bool send_sockets(int fd)
{
	struct {
		struct tern_obj head;
		struct tern_obj_tcp tcp;
	} one = {
		.head = {
			.type = TERN_OBJ_TCP, .version = TERN_OBJ_VERSION,
			.len = sizeof(one.head) + sizeof(one.tcp),
		},
		.tcp = { .fd = 5, .family = AF_INET, .port = 1, .peer_port = 2 },
	};
	const char nothing[sizeof(one)] = "";

	return send_msg(fd, TERN_MSG_SOCKETS, &one, sizeof(one)) &&
	       send_msg(fd, TERN_MSG_SOCKETS, nothing, sizeof(nothing));
}

static void *flush(void *arg)
{
	struct timespec pause = { .tv_nsec = 12000000 };
	unsigned int i;
	int fd = (long)arg;

	for (i = 0; i < PAGES; i += 40) {
		nanosleep(&pause, NULL);
		if (!send_pages(fd, START + i * PAGE, i + 40 <= PAGES ? 40 : PAGES - i))
			return NULL;
	}
	if (send_pages(fd, STACK, STACK_PAGES))
		send_msg(fd, TERN_MSG_FLUSHED, NULL, 0);
	return NULL;
}

static void connect_lanes(void)
{
	int s[2][2];
	unsigned int n;

	pthread_mutex_lock(&job.lock);
	for (n = 0; n < 2; n++) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s[n]))
			abort();
		lane[n] = s[n][0];
		job.lanes[n] = s[n][1];
	}
	pthread_mutex_unlock(&job.lock);
	eventfd_write(job.mail, 1);
}

/* One life of the link, cut after @faults faults; 0: never. */
static bool serve(unsigned int faults)
{
	struct timespec pause = { .tv_nsec = 20000000 };
	struct tern_wire head;
	union {
		struct tern_wire_fault fault;
		struct tern_wire_complete complete;
		struct tern_wire_answer answer;
	} m;
	struct tern_wire_written written = { 0 };
	pthread_t thread;
	bool ok = true;

	connect_lanes();
	if (!send_msg(lane[0], TERN_MSG_QUERY, NULL, 0) ||
	    !recv_msg(lane[0], &head, &m, sizeof(m)) || head.type != TERN_MSG_ANSWER ||
	    m.answer.state != TERN_PAGING)
		ok = false;
	nanosleep(&pause, NULL);
	if (ahead && !link_cuts)
		ok = ok && send_fresh(lane[0]);
	ok = ok && send_sockets(lane[0]);
	ok = ok && send_map(lane[0]);
	ok = ok && send_msg(lane[0], TERN_MSG_WRITTEN, &written, sizeof(written));
	pthread_create(&thread, NULL, flush, (void *)(long)lane[1]);
	while (ok && recv_msg(lane[0], &head, &m, sizeof(m))) {
		if (head.type == TERN_MSG_COMPLETE) {
			complete = true;
			send_msg(lane[0], TERN_MSG_INDEPENDENT, NULL, 0);
			break;
		}
		/* the flush here has its own order, and that must do no harm */
		if (head.type == TERN_MSG_FAULT && m.fault.flags == TERN_WIRE_FAULT_AHEAD) {
			foreseen += m.fault.nr;
			continue;
		}
		if (head.type != TERN_MSG_FAULT || m.fault.nr > 64 || m.fault.flags)
			break;
		if (!send_pages(lane[0], m.fault.addr, m.fault.nr))
			break;
		answered++;
		if (faults && !--faults)
			break;
	}
	shutdown(lane[0], SHUT_RDWR);
	shutdown(lane[1], SHUT_RDWR);
	pthread_join(thread, NULL);
	close(lane[0]);
	close(lane[1]);
	return complete;
}

static void *source(void *arg)
{
	struct timespec pause = { .tv_nsec = 30000000 };

	(void)arg;
	while (!serve(20 + 10 * link_cuts) && link_cuts < 50) {
		link_cuts++;
		nanosleep(&pause, NULL);
	}
	return NULL;
}

/* ---- the migrant ------------------------------------------------------------------------------ */

static volatile bool wrong;

static void expect(__u64 addr, __u64 value)
{
	__u64 got = *(volatile __u64 *)addr;

	if (got != value || *(volatile __u64 *)(addr + 8 * 300) != value) {
		fprintf(stderr, "# at %llx: %llx, not %llx\n", addr, got, value);
		wrong = true;
	}
}

static __u64 piece(unsigned int n)
{
	return START + n * PART * PAGE;
}

/* @nr pages of source address @src are at @at. */
static void expect_all(__u64 at, __u64 src, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		expect(at + i * PAGE, word(src + i * PAGE));
}

static void expect_zeros(__u64 at, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		expect(at + i * PAGE, 0);
}

/*
 * After MADV_FREE: what was there before stays until the memory is needed (madvise(2)), and
 * on a busy machine the flush has been there before.
 */
static void expect_freed(__u64 at, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		expect(at + i * PAGE, *(volatile __u64 *)(at + i * PAGE) ? word(at + i * PAGE) : 0);
}

static int fork_and_look(unsigned int depth)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		if (depth)
			wrong |= fork_and_look(depth - 1);
		*(volatile __u64 *)(piece(12) + 5 * PAGE + 800) = 77;
		expect_all(piece(12), piece(12), PART);
		expect_all(piece(13 + depth), piece(13 + depth), PART);
		_exit(wrong);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 1;
	return status;
}

/* As a shell script does: many children, each gone at once. */
static void fork_often(void)
{
	unsigned int i;

	for (i = 0; i < 150; i++) {
		int status = -1;
		pid_t pid = fork();

		if (!pid) {
			expect(piece(14) + i % PART * PAGE, word(piece(14) + i % PART * PAGE));
			_exit(wrong);
		}
		wrong |= waitpid(pid, &status, 0) != pid || status;
	}
}

static void *look(void *arg)
{
	unsigned int n = (long)arg, i;

	/* backwards, so that the flush does not come first */
	for (i = PART; i--;)
		expect(piece(n) + i * PAGE, word(piece(n) + i * PAGE));
	return NULL;
}

/* Move the same pages to and fro, while they arrive and are looked at. */
static void *shuffle(void *arg)
{
	__u64 at = piece(20), i;

	(void)arg;
	for (i = 0; i < 20; i++) {
		__u64 to = TO + (i + 1) * 0x1000000;

		if (mremap((void *)at, PART * PAGE, PART * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			   (void *)to) == MAP_FAILED)
			wrong = true;
		at = to;
		expect(at + i * PAGE, word(piece(20) + i * PAGE));
		expect(at + (PART - 1 - i) * PAGE, word(piece(20) + (PART - 1 - i) * PAGE));
	}
	expect_all(at, piece(20), PART);
	return NULL;
}

static void *give_up(void *arg)
{
	unsigned int i;

	(void)arg;
	for (i = 0; i < PART; i += 10) {
		madvise((void *)(piece(21) + i * PAGE), 5 * PAGE, MADV_DONTNEED);
		expect_zeros(piece(21) + i * PAGE, 5);
		expect_all(piece(21) + (i + 5) * PAGE, piece(21) + (i + 5) * PAGE, 5);
	}
	return NULL;
}

static void remap(void)
{
	void *p;

	/* in two halves, one grown, over something that is there */
	p = mremap((void *)piece(1), PART / 2 * PAGE, PART * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		   (void *)TO);
	wrong |= p == MAP_FAILED;
	expect_all(TO, piece(1), PART / 2);
	expect_zeros(TO + PART / 2 * PAGE, PART / 2);
	p = mremap((void *)(piece(1) + PART / 2 * PAGE), PART / 2 * PAGE, PART / 2 * PAGE,
		   MREMAP_MAYMOVE | MREMAP_FIXED, (void *)piece(2));
	wrong |= p == MAP_FAILED;
	expect_all(piece(2), piece(1) + PART / 2 * PAGE, PART / 2);
	expect_all(piece(2) + PART / 2 * PAGE, piece(2) + PART / 2 * PAGE, PART / 2);
}

static void unmap(void)
{
	munmap((void *)piece(3), PART * PAGE);
	if (mmap((void *)piece(3), PART * PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED)
		wrong = true;
	expect_zeros(piece(3), PART);
	madvise((void *)piece(4), PART * PAGE, MADV_FREE);
	*(volatile __u64 *)piece(4) = 5;
	expect_freed(piece(4) + PAGE, 3);
	/* cut up into many mappings, whose pages come in one piece */
	mprotect((void *)(piece(5) + PAGE), PAGE, PROT_READ);
	mprotect((void *)(piece(5) + 7 * PAGE), 20 * PAGE, PROT_READ);
	madvise((void *)(piece(5) + 50 * PAGE), PAGE, MADV_DONTFORK);
}

static int exercise(void)
{
	pthread_t t[6];
	unsigned int i;

	/* below what there was: it grows */
	expect(STACK, word(STACK));
	for (i = 1; i <= 20; i++)
		expect(STACK - i * PAGE, 0);
	expect_all(piece(0), piece(0), PART);
	remap();
	unmap();
	wrong |= fork_and_look(2);
	fork_often();
	for (i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, look, (void *)(long)(22 + i / 2));
	pthread_create(&t[4], NULL, shuffle, NULL);
	pthread_create(&t[5], NULL, give_up, NULL);
	wrong |= fork_and_look(1);
	for (i = 0; i < 6; i++)
		pthread_join(t[i], NULL);
	expect_all(piece(5), piece(5), PART);
	expect_all(piece(24), piece(24), 6 * PART);
	expect_freed(piece(4) + PAGE, 3);
	return wrong;
}

static int make_uffd(void)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = UFFD_FEATURE_EVENT_FORK | UFFD_FEATURE_EVENT_REMAP |
			    UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURE_EVENT_UNMAP,
	};
	struct uffdio_register reg = {
		.range = { START, STACK + STACK_PAGES * PAGE - START },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api))
		return -1;
	if (mmap((void *)START, PAGES * PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED ||
	    mmap((void *)STACK, STACK_PAGES * PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_GROWSDOWN, -1, 0) ==
	    MAP_FAILED || ioctl(uffd, UFFDIO_REGISTER, &reg))
		return -1;
	return uffd;
}

/* The migrant: tells the number of its userfaultfd, waits for the word, goes. */
static pid_t start_migrant(int word_to[2])
{
	pid_t pid = fork();
	int uffd;
	char c;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	uffd = make_uffd();
	if (write(word_to[1], &uffd, sizeof(uffd)) != sizeof(uffd) ||
	    read(word_to[1], &c, 1) != 1)
		_exit(3);
	close(uffd);
	_exit(exercise());
}

/* ---- all together --------------------------------------------------------------------------------- */

static struct tern_memo *make_memo(void)
{
	struct tern_memo *memo = calloc(1, sizeof(*memo) + 2 * sizeof(struct tern_seed));

	memo->nr_seeds = 2;
	memo->seed[0] = (struct tern_seed){ START, START + PAGES * PAGE, 0, 0 };
	memo->seed[1] = (struct tern_seed){ STACK, STACK + STACK_PAGES * PAGE, 0, 0 };
	return memo;
}

static int page(struct tern_memo *memo, bool deaths)
{
	struct tern_pager p;
	struct tern_why why = { "" };
	unsigned int lives = 0;
	int err;

	do {
		reads_to_live = deaths && lives < 12 ? 5 + 4 * lives : 0;
		err = tern_pager_init(&p, &job, -1, memo);
		if (!err && lives)
			err = tern_pager_adopt(&p);
		if (ahead && !lives)
			p.stage = &stage;
		if (!err)
			err = tern_pager_run(&p, -1, &why);
		tern_pager_fini(&p);
		lives++;
	} while (err == -EIO && lives < 20);
	printf("# %u daemons, %u cuts of the link, %u events, %u spaces, %llu faults, %llu local\n",
	       lives, link_cuts, nr_events, nr_spaces, memo->report.faults,
	       memo->report.faults_local);
	return err;
}

static void run(bool deaths, bool staged)
{
	struct tern_memo *memo = make_memo();
	int sp[2], uffd = -1, pidfd, status = -1;
	pthread_t thread;
	pid_t pid;

	nr_spaces = nr_events = answered = foreseen = link_cuts = 0;
	sockets_given = sockets_lost = written_told = 0;
	complete = released = false;
	ahead = staged;
	if (ahead)
		fill_stage();
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sp))
		abort();
	pid = start_migrant(sp);
	if (read(sp[0], &uffd, sizeof(uffd)) != sizeof(uffd) || uffd < 0) {
		CHECK(!"a userfaultfd");
		return;
	}
	pidfd = syscall(SYS_pidfd_open, pid, 0);
	kept[nr_spaces++] = syscall(SYS_pidfd_getfd, pidfd, uffd, 0);
	close(pidfd);
	job.pid = pid;
	pthread_create(&thread, NULL, source, NULL);
	if (write(sp[0], "g", 1) != 1)
		abort();
	CHECK(!page(memo, deaths));
	CHECK(released);
	pthread_join(thread, NULL);
	CHECK(complete);
	CHECK(waitpid(pid, &status, 0) == pid && !status);
	CHECK(answered > 50 && link_cuts > 2 && foreseen > 20);
	/* on each link */
	CHECK(written_told > 2);
	CHECK(sockets_given > 2 && sockets_given == sockets_lost);
	/* an heir knows nothing of what was kept aside */
	CHECK(ahead || !memo->report.pages_before);
	CHECK(!ahead || deaths || memo->report.pages_before > 100);
	tern_stage_fini(&stage);
	CHECK(memo->report.pages_total == (PAGES + STACK_PAGES) - (PAGES + STACK_PAGES) / 7 - 1 ||
	      memo->report.pages_total > PAGES / 2);
	close(sp[0]);
	close(sp[1]);
	free(memo);
}

/* ---- a page that goes away under the kernel's hands ---------------------------------- */

#define HIDEOUT	(START + 0x300000000ULL)	/* where it goes */

static int register_missing(int uffd, void *pages, unsigned int nr, __u64 features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	struct uffdio_register reg = {
		.range = { (unsigned long)pages, nr * PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	return ioctl(uffd, UFFDIO_API, &api) || ioctl(uffd, UFFDIO_REGISTER, &reg);
}

static void *map_pages(__u64 addr, unsigned int nr)
{
	return mmap((void *)addr, nr * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | (addr ? MAP_FIXED_NOREPLACE : 0), -1, 0);
}

static void *hide(void *arg)
{
	(void)arg;
	/* waits until the event has been read */
	return mremap((void *)START, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)HIDEOUT);
}

struct courier {
	int uffd;	/* of the contents that the kernel is to copy */
	void *contents;
};

/* The kernel has come for the contents: it gets them when the page has moved. */
static void *deliver(void *arg)
{
	static char contents[PAGE];
	const struct courier *c = arg;
	struct uffdio_copy copy = {
		.dst = (unsigned long)c->contents, .src = (unsigned long)contents, .len = PAGE,
	};
	struct pollfd p = { .fd = c->uffd, .events = POLLIN };
	struct uffd_msg msg;
	pthread_t thread;

	memset(contents, 7, sizeof(contents));
	poll(&p, 1, -1);
	if (read(c->uffd, &msg, sizeof(msg)) != sizeof(msg))
		abort();
	pthread_create(&thread, NULL, hide, NULL);
	p.fd = kept[0];
	poll(&p, 1, -1);
	if (ioctl(c->uffd, UFFDIO_COPY, &copy))
		abort();
	pthread_join(thread, NULL);
	return NULL;
}

/*
 * The kernel is about to place a page when the migrant moves it. It has looked for events
 * before that, and from Linux 6.9 on says that nothing is there.
 */
static void hidden_meanwhile(void)
{
	struct tern_memo *memo = calloc(1, sizeof(*memo) + sizeof(struct tern_seed));
	struct courier c = { .uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK) };
	struct tern_pager p;
	pthread_t thread;
	unsigned char there = 0;
	int err;

	nr_spaces = nr_events = 0;
	memo->nr_seeds = 1;
	memo->seed[0] = (struct tern_seed){ START, START + PAGE, 0, 0 };
	kept[nr_spaces++] = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	c.contents = map_pages(0, 1);
	CHECK(map_pages(START, 1) == (void *)START &&
	      !register_missing(kept[0], (void *)START, 1, UFFD_FEATURE_EVENT_REMAP) &&
	      !register_missing(c.uffd, c.contents, 1, 0));
	CHECK(!tern_pager_init(&p, &job, -1, memo));
	pthread_create(&thread, NULL, deliver, &c);
	do
		err = tern_place_pages(&p, 0, 1, c.contents, false);
	while (err == -EAGAIN);
	CHECK(!err);
	/* so that who moves it can go on in any case */
	tern_pager_space_drain(&p, p.space[0]);
	pthread_join(thread, NULL);
	CHECK(nr_events == 1 && events[0].event == UFFD_EVENT_REMAP);
	CHECK(!p.space[0]->missing.count);
	CHECK(!mincore((void *)HIDEOUT, PAGE, &there) && there & 1);
	tern_pager_fini(&p);
	close(kept[0]);
	close(c.uffd);
	munmap((void *)HIDEOUT, PAGE);
	munmap(c.contents, PAGE);
	free(memo);
}

static unsigned int there(unsigned int pages)
{
	unsigned char in[PAGES] = { 0 };
	unsigned int i, n = 0;

	if (mincore((void *)START, pages * PAGE, in))
		abort();
	for (i = 0; i < pages; i++)
		n += in[i] & 1;
	return n;
}

/* Zeros are put in place if they are wanted soon, as many as there is time for; else noted. */
static void zeros(void)
{
	static const struct {
		struct tern_wire_pages head;
		struct tern_wire_run run;
	} later = {
		{ .nr_runs = 1 }, { .addr = START, .nr = 4, .flags = TERN_WIRE_RUN_ZERO },
	}, soon = {
		{ .nr_runs = 1 }, { .addr = START + 4 * PAGE, .nr = 4, .flags = TERN_WIRE_RUN_ZERO },
	};
	struct tern_memo *memo = calloc(1, sizeof(*memo) + sizeof(struct tern_seed));
	struct tern_place place;
	struct tern_pager p;

	nr_spaces = nr_events = 0;
	memo->nr_seeds = 1;
	memo->seed[0] = (struct tern_seed){ START, START + 9 * PAGE, 0, 0 };
	kept[nr_spaces++] = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	CHECK(map_pages(START, 9) == (void *)START &&
	      !register_missing(kept[0], (void *)START, 9, 0));
	CHECK(!tern_pager_init(&p, &job, -1, memo));
	CHECK(!tern_place_init(&place, &later, sizeof(later)));
	CHECK(tern_place_step(&p, &place, 3) == 1);
	CHECK(there(9) == 0 && p.space[0]->missing.count == 5);
	CHECK(!tern_place_init(&place, &soon, sizeof(soon)));
	place.soon = true;
	CHECK(tern_place_step(&p, &place, 3) == 0);
	CHECK(there(9) == 3 && p.space[0]->missing.count == 2);
	CHECK(tern_place_step(&p, &place, 3) == 1);
	CHECK(there(9) == 4 && p.space[0]->missing.count == 1);
	CHECK(memo->report.pages_zero == 8 && !*(char *)(START + 7 * PAGE));
	tern_pager_fini(&p);
	close(kept[0]);
	munmap((void *)START, 9 * PAGE);
	free(memo);
}

int main(void)
{
	unsigned int i;

	if (geteuid()) {
		printf("1..0 # SKIP needs root\n");
		return 0;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	alarm(100);
	pthread_mutex_init(&job.lock, NULL);
	job.mail = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	job.cancel = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	hidden_meanwhile();
	zeros();
	for (i = 0; i < 4; i++)
		run(i & 1, i & 2);
	return done();
}
