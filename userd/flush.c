// SPDX-License-Identifier: GPL-2.0
/*
 * The flush: pushes every page of the map that no demand fault has fetched, in
 * the order of order.c. The socket gets the pages themselves, by splice; where
 * that is not possible they are read and sent. Where the link is slower than
 * packing (gauge.c) they are read and packed.
 *
 * It shares the link with what somebody waits for, so it does not fill the queues
 * on the way further than the link needs to be busy, and hardly so far as long as
 * the migrant faults: pace().
 *
 * Owns its pipe, buffer and packer, and lane 1 as long as it runs. Shares the bitmap of
 * pages sent with the job's thread; takes no locks. Never waits for a fault.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "flush.h"
#include "gauge.h"
#include "pack.h"
#include "pages.h"

#define PAGE		((__u64)TERN_WIRE_PAGE)
#define BATCH		64U		/* pages in one message */
#define BATCH_SMALL	16U		/* while the migrant faults, and to try something */
#define WAITED_NS	50000000ULL	/* it does if it did so recently */
#define PACE_NS		20000000ULL	/* look at the link so often */
#define QUEUE_MS	8		/* of the link's time, that may queue on the way */
#define QUEUE_MAX	(512U << 10)	/* but not more bytes, if the link does not hold more */
#define QUEUE_MIN	(32U << 10)	/* and not less, or TCP sends in crumbs */
#define NICE		5

/**
 * struct pusher - a flush at work
 * @flush: the flush
 * @pages: the message
 * @copy: likewise, while pages are read for it that should have been spliced
 * @data: for pages that are read
 * @packer: for pages that are packed
 * @gauge: whether that is quicker
 * @packing: pages are packed, for the time being
 * @raw: bytes that have been packed
 * @packed: into so many
 * @pipe: from the kernel module to the socket; -1: pages must be read
 * @paced_ns: when pace() last looked
 * @waited: the migrant was faulting then
 * @rate: of the link, bytes per second
 */
struct pusher {
	struct tern_flush *flush;
	struct tern_pages *pages;
	struct tern_pages *copy;
	char *data;
	struct tern_packer packer;
	struct tern_gauge gauge;
	bool packing;
	__u64 raw;
	__u64 packed;
	int pipe[2];
	__u64 paced_ns;
	bool waited;
	__u64 rate;
};

static __u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* ---- pace ------------------------------------------------------------------- */

/* Bytes that keep the link busy for the time of a round trip. */
static __u64 link_holds(struct pusher *p)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(p->flush->link->fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return 0;
	/* held back by ourselves it seems slow: believe that only in the long run */
	p->rate -= p->rate / 512;
	if (info.tcpi_delivery_rate > p->rate)
		p->rate = info.tcpi_delivery_rate;
	return p->rate / 1000000 * info.tcpi_min_rtt;
}

/* Bytes that may be under way. */
static __u64 room_for(struct pusher *p, bool waited)
{
	__u64 holds = link_holds(p), queue = p->rate * QUEUE_MS / 1000;

	/* not measured yet, or fast */
	if (!queue || queue > QUEUE_MAX)
		queue = QUEUE_MAX;
	if (waited)
		queue /= 4;
	if (queue < QUEUE_MIN)
		queue = QUEUE_MIN;
	holds += waited ? holds / 4 : holds * 3;
	return holds > queue ? holds : queue;
}

/*
 * What is between the two ends of this lane delays what goes over the other one,
 * and TCP by itself lets it grow until something is lost. The size of the socket's
 * buffer bounds it. A hint only: a kernel that refuses it moves the process, too.
 */
static void pace(struct pusher *p)
{
	__u64 at = now(), last = __atomic_load_n(&p->flush->waited_ns, __ATOMIC_RELAXED);
	bool waited = last && at < last + WAITED_NS;
	__u64 room;
	int value;

	if (waited == p->waited && at < p->paced_ns + PACE_NS)
		return;
	p->waited = waited;
	p->paced_ns = at;
	room = room_for(p, waited);
	/* the kernel takes it twice, for its own needs */
	value = room < 64U << 20 ? room / 2 : 32U << 20;
	setsockopt(p->flush->link->fd, SOL_SOCKET, SO_SNDBUFFORCE, &value, sizeof(value));
}

/* ---- to pack or not to pack --------------------------------------------------- */

static void end_turn(struct pusher *p)
{
	struct tcp_info info = { 0 };
	struct tern_gauge_line line;
	socklen_t len = sizeof(info);

	if (getsockopt(p->flush->link->fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return;
	line.acked = info.tcpi_bytes_acked;
	line.shut_ns = info.tcpi_rwnd_limited * 1000;
	line.trip_ns = info.tcpi_min_rtt * 1000ULL;
	tern_gauge_turn(&p->gauge, &line, now());
	p->packing = p->gauge.packing;
}

/* A message is made, and not yet sent: is the link still busy with those before? */
static void weigh(struct pusher *p, struct tern_gauge_batch *batch)
{
	struct pollfd room = { .fd = p->flush->link->fd, .events = POLLOUT };

	if (p->flush->pack != TERN_PACK_AUTO)
		return;
	batch->full = !poll(&room, 1, 0);
	if (tern_gauge_add(&p->gauge, batch, now()))
		end_turn(p);
}

/* ---- messages ----------------------------------------------------------------- */

/* A page that cannot be read stays missing: whoever touches it waits. */
static void skip(struct pusher *p, __u64 addr, int err)
{
	tern_log(LOG_ERR, "migration %016" PRIx64 ": page %#" PRIx64 " cannot be read: %s; the process will wait where it touches it",
		 (uint64_t)p->flush->id, (uint64_t)addr, strerror(-err));
}

/* Adjacent pages into a message, with their data if there is room at @buf. */
static unsigned int add(struct pusher *p, struct tern_pages *pages, __u64 addr,
			unsigned int nr, char *buf)
{
	int dev = p->flush->dev;
	unsigned int done = 0;

	while (done < nr) {
		__u64 at = addr + done * PAGE;
		char *to = buf ? buf + done * PAGE : NULL;
		unsigned int left = nr - done;
		int n;

		n = to ? tern_pages_read(pages, dev, at, left, to) :
			 tern_pages_look(pages, dev, at, left);
		/* one bad page fails the whole group: go page by page around it */
		if (n < 0 && left > 1)
			n = to ? tern_pages_read(pages, dev, at, 1, to) :
				 tern_pages_look(pages, dev, at, 1);
		if (n < 0) {
			skip(p, at, n);
			n = 1;
		}
		done += n;
	}
	return done;
}

/* With their data if they are to be packed. Returns false when there is nothing left to send. */
static bool fill(struct pusher *p)
{
	unsigned int most = BATCH, used = 0, nr;
	__u64 addr;

	if (p->waited || (p->gauge.trying && !p->gauge.tried))
		most = BATCH_SMALL;
	tern_pages_reset(p->pages);
	while (used < most) {
		nr = tern_order_next(&p->flush->order, most - used, &addr);
		if (!nr)
			return p->pages->nr_runs;
		used += add(p, p->pages, addr, nr, p->packing ? p->data + used * PAGE : NULL);
		if (used >= most && !p->pages->nr_runs)
			used = 0;	/* not one of them could be read */
	}
	return true;
}

static void close_pipe(struct pusher *p)
{
	if (p->pipe[0] < 0)
		return;
	close(p->pipe[0]);
	close(p->pipe[1]);
	p->pipe[0] = -1;
}

static void open_pipe(struct pusher *p)
{
	if (pipe2(p->pipe, O_CLOEXEC)) {
		p->pipe[0] = -1;
		return;
	}
	if (fcntl(p->pipe[1], F_SETPIPE_SZ, BATCH * PAGE) < (int)(BATCH * PAGE))
		close_pipe(p);
}

static int send_copies(struct pusher *p)
{
	unsigned int i, used = 0;

	tern_pages_reset(p->copy);
	for (i = 0; i < p->pages->nr_runs; i++) {
		const struct tern_wire_run *run = &p->pages->runs[i];

		used += add(p, p->copy, run->addr, run->nr, p->data + used * PAGE);
	}
	return p->copy->nr_runs ? tern_pages_send(p->copy, p->flush->link) : 0;
}

static int send_plain(struct pusher *p)
{
	struct tern_gauge_batch batch = { 0 };
	int rc = -EINVAL;

	if (p->pipe[0] >= 0)
		rc = tern_pages_pipe(p->pages, p->flush->dev, p->pipe[1]);
	weigh(p, &batch);
	if (!rc)
		return tern_pages_splice(p->pages, p->flush->link, p->pipe[0]);
	close_pipe(p);
	/* a bad page, and not a kernel that cannot do it */
	if (rc != -EINVAL)
		open_pipe(p);
	return send_copies(p);
}

static int send_packed(struct pusher *p)
{
	struct tern_gauge_batch batch = { 0 };
	__u64 since = now();
	int rc = tern_pages_pack(p->pages, &p->packer);

	if (rc) {
		tern_log(LOG_WARNING, "migration %016" PRIx64 ": pages cannot be packed (%s), and go as they are",
			 (uint64_t)p->flush->id, strerror(-rc));
		p->flush->pack = TERN_PACK_NEVER;
		p->packing = false;
		return tern_pages_send(p->pages, p->flush->link);
	}
	batch.raw = p->packer.head.len;
	batch.wire = p->packer.len;
	batch.pack_ns = now() - since;
	/* the first one pays for the stream's tables */
	if (p->raw)
		weigh(p, &batch);
	p->raw += batch.raw;
	p->packed += batch.wire;
	return tern_packer_send(&p->packer, p->flush->link);
}

static int push(struct pusher *p)
{
	int rc = 0;

	while (!rc) {
		pace(p);
		if (!fill(p))
			return tern_link_send(p->flush->link, TERN_MSG_FLUSHED, NULL, 0);
		__atomic_fetch_add(&p->flush->zero, p->pages->zero, __ATOMIC_RELAXED);
		rc = p->packing ? send_packed(p) : send_plain(p);
	}
	return rc;
}

static void *run(void *arg)
{
	struct tern_flush *flush = arg;
	struct pusher p = { .flush = flush, .packing = flush->pack == TERN_PACK_ALWAYS };
	int rc = -ENOMEM;

	/* of this thread alone */
	setpriority(PRIO_PROCESS, 0, NICE);
	p.pages = malloc(sizeof(*p.pages));
	p.copy = malloc(sizeof(*p.copy));
	p.data = aligned_alloc(PAGE, BATCH * PAGE);
	open_pipe(&p);
	if (p.pages && p.copy && p.data)
		rc = push(&p);
	close_pipe(&p);
	tern_packer_fini(&p.packer);
	free(p.pages);
	free(p.copy);
	free(p.data);
	if (p.raw)
		tern_log(LOG_INFO, "migration %016" PRIx64 ": %" PRIu64 " KiB of pages were packed into %" PRIu64 " KiB",
			 (uint64_t)flush->id, (uint64_t)p.raw >> 10, (uint64_t)p.packed >> 10);
	if (rc && rc != -ECANCELED)
		tern_log(LOG_INFO, "migration %016" PRIx64 ": flush interrupted: %s",
			 (uint64_t)flush->id, strerror(-rc));
	__atomic_store_n(&flush->failed, !!rc, __ATOMIC_RELEASE);
	return NULL;
}

/**
 * tern_flush_start() - start to push pages
 * @flush: to be filled
 * @job: the migration
 * @dev: handle that stands for it
 * @link: lane 1
 * @map: complete
 * @recent: pages that go first; must stay
 */
int tern_flush_start(struct tern_flush *flush, const struct tern_job *job, int dev,
		     struct tern_link *link, struct tern_map *map,
		     const struct tern_recent *recent)
{
	flush->id = job->id;
	flush->pack = job->host->pack;
	flush->dev = dev;
	flush->link = link;
	flush->map = map;
	tern_order_init(&flush->order, map, recent);
	flush->waited_ns = 0;
	flush->zero = 0;
	flush->failed = false;
	flush->running = !pthread_create(&flush->thread, NULL, run, flush);
	return flush->running ? 0 : -EAGAIN;
}

/**
 * tern_flush_hint() - a page has been waited for
 * @flush: started, or zeroed
 * @number: of the page in the map
 *
 * From one thread only.
 */
void tern_flush_hint(struct tern_flush *flush, __u64 number)
{
	if (!flush->running)
		return;
	tern_order_hint(&flush->order, number);
	__atomic_store_n(&flush->waited_ns, now(), __ATOMIC_RELAXED);
}

/**
 * tern_flush_ahead() - pages will be waited for
 * @flush: started, or zeroed
 * @number: of the first one in the map
 * @nr: how many
 *
 * From the thread that calls tern_flush_hint().
 */
void tern_flush_ahead(struct tern_flush *flush, __u64 number, unsigned int nr)
{
	if (flush->running)
		tern_order_ahead(&flush->order, number, nr);
}

/**
 * tern_flush_stop() - stop pushing, and wait until lane 1 is free
 * @flush: started, or zeroed
 *
 * The lane is of no more use then.
 */
void tern_flush_stop(struct tern_flush *flush)
{
	if (!flush->running)
		return;
	shutdown(flush->link->fd, SHUT_RDWR);
	pthread_join(flush->thread, NULL);
	flush->running = false;
}
