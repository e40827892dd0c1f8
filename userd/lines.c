// SPDX-License-Identifier: GPL-2.0
/*
 * The exchange. Both ends of a line (line.h) dial the ternd of the host that they are on.
 * "tern run" waits at the host where it was started; the ternd of the pod's host goes there
 * by a connection like that of a lane, and from then on bytes are handed on. Whichever end
 * is cut, the other is cut, too, and both dial again.
 *
 * Owns the table of those that have dialled, guarded by its lock, and all connections. Each
 * line has a thread of its own, which ends with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "dev.h"
#include "line.h"
#include "lines.h"
#include "link.h"

#define LINES_MAX	1024
#define DEAD_MAX	64		/* so many are remembered */
#define DIAL_S		5		/* to say what it wants */
#define UNKNOWN_S	30		/* until a "tern run" that has never dialled is gone */
#define WAIT_S		30		/* for one that has; then the pod dials once more */
#define CONNECT_MS	3000
#define END_MS		2000		/* from the end of the line to that of the process */
#define COMPLAIN_S	60
#define TELL_S		5		/* between tries to tell that a pod has ended */
#define TELL_MOST	60
#define BUFFER		(64 << 10)

/**
 * struct run - a "tern run" that has dialled
 * @id: of its line
 * @pidfd: its process; -1: unknown, and not known to have ended
 * @fd: its connection while it waits for its pod, or -1
 * @next: in the table
 */
struct run {
	__u64 id;
	int pidfd;
	int fd;
	struct run *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t news = PTHREAD_COND_INITIALIZER;	/* by CLOCK_MONOTONIC */
static struct run *runs;
static __u64 dead[DEAD_MAX];	/* a ring */
static unsigned int nr_dead;
static unsigned int nr_lines;	/* atomic */

static void say_word(int fd, char word)
{
	if (send(fd, &word, 1, MSG_NOSIGNAL) != 1)
		return;
}

/* ---- those that have dialled --------------------------------------------------------- */

static bool is_cut(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };

	return poll(&p, 1, 0) > 0;
}

/* Under the lock. */
static bool is_dead(__u64 id)
{
	unsigned int i;

	for (i = 0; i < DEAD_MAX; i++)
		if (dead[i] == id)
			return true;
	return false;
}

static bool has_ended(int pidfd, int ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return pidfd >= 0 && poll(&p, 1, ms) > 0;
}

static int process_of(int fd, pid_t *pid)
{
	socklen_t len = sizeof(struct ucred);
	struct ucred who = { 0 };

	*pid = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) ? 0 : who.pid;
	return *pid > 0 ? (int)syscall(SYS_pidfd_open, *pid, 0) : -1;
}

static void hang_up(struct run *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

/* Under the lock. Those that have ended are forgotten, but for that of @keep. */
static struct run *find_run(__u64 keep)
{
	struct run **p = &runs, *r, *found = NULL;

	while ((r = *p)) {
		/* it has gone, or is about to dial anew */
		if (r->fd >= 0 && is_cut(r->fd))
			hang_up(r);
		if (r->id == keep) {
			found = r;
		} else if (has_ended(r->pidfd, 0)) {
			*p = r->next;
			hang_up(r);
			close(r->pidfd);
			free(r);
			continue;
		}
		p = &r->next;
	}
	return found;
}

/* Under the lock. It may be slow to dial again, if it is stopped; it is gone when it has ended. */
static struct run *add_run(__u64 id, int fd)
{
	struct run *r = calloc(1, sizeof(*r));
	pid_t pid;

	if (!r)
		return NULL;
	*r = (struct run){ id, process_of(fd, &pid), -1, runs };
	runs = r;
	return r;
}

static void offer(__u64 id, int fd)
{
	struct run *r;

	pthread_mutex_lock(&lock);
	r = find_run(id);
	if (!r)
		r = add_run(id, fd);
	if (is_dead(id)) {
		say_word(fd, LINE_DEAD);
		close(fd);
	} else if (!r) {
		close(fd);
	} else {
		/* it has dialled anew: of its last call nothing is to be expected */
		hang_up(r);
		r->fd = fd;
		pthread_cond_broadcast(&news);
	}
	pthread_mutex_unlock(&lock);
}

/* The pod has ended, and will not say so. */
static void bury(__u64 id)
{
	struct run *r;

	pthread_mutex_lock(&lock);
	dead[nr_dead++ % DEAD_MAX] = id;
	r = find_run(id);
	if (r && r->fd >= 0) {
		say_word(r->fd, LINE_DEAD);
		hang_up(r);
	}
	pthread_mutex_unlock(&lock);
}

/* Under the lock. -EINPROGRESS: whoever waits at @id may come yet. */
static int look_for(__u64 id, unsigned int waited)
{
	struct run *r = find_run(id);
	int fd = r ? r->fd : -1;

	if (fd >= 0) {
		r->fd = -1;
		return fd;
	}
	if (r ? has_ended(r->pidfd, 0) : waited >= UNKNOWN_S)
		return -ESRCH;
	return r && waited >= WAIT_S ? -EAGAIN : -EINPROGRESS;
}

static time_t now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

/* Under the lock, until something changes, or it is time to look. */
static void wait_news(void)
{
	struct timespec until = { .tv_sec = now_s() + 1 };

	pthread_cond_clockwait(&news, &lock, CLOCK_MONOTONIC, &until);
}

/*
 * The connection of who waits at @id, for the pod at @pod; -ESRCH: he is gone for good;
 * -EAGAIN: not there now.
 */
static int wait_for(__u64 id, int pod)
{
	time_t start = now_s();
	int fd;

	pthread_mutex_lock(&lock);
	while ((fd = look_for(id, now_s() - start)) == -EINPROGRESS && !is_cut(pod))
		wait_news();
	pthread_mutex_unlock(&lock);
	return fd;
}

/* ---- bytes ----------------------------------------------------------------------------- */

/**
 * struct flow - bytes on their way from one end to the other
 * @from: where they come from
 * @to: where they go
 * @len: how many are here
 * @buf: they
 */
struct flow {
	int from;
	int to;
	size_t len;
	char buf[BUFFER];
};

/* Negative errno: one end is cut. */
static int pump(struct flow *f)
{
	ssize_t n = recv(f->from, f->buf + f->len, BUFFER - f->len, MSG_DONTWAIT);

	if (!n && f->len < BUFFER)
		return -EPIPE;
	if (n < 0 && errno != EAGAIN && errno != EINTR && f->len < BUFFER)
		return -errno;
	f->len += n > 0 ? n : 0;
	n = f->len ? send(f->to, f->buf, f->len, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return -errno;
	if (n > 0) {
		memmove(f->buf, f->buf + n, f->len - n);
		f->len -= n;
	}
	return 0;
}

static void hand_on(struct flow *there, struct flow *back)
{
	struct pollfd p[2];

	for (;;) {
		p[0] = (struct pollfd){ there->from, (there->len < BUFFER ? POLLIN : 0) |
					(back->len ? POLLOUT : 0), 0 };
		p[1] = (struct pollfd){ back->from, (back->len < BUFFER ? POLLIN : 0) |
					(there->len ? POLLOUT : 0), 0 };
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return;
		if (pump(there) || pump(back))
			return;
	}
}

/* Until either end is cut. */
static void connect_ends(int a, int b)
{
	struct flow *flow = calloc(2, sizeof(*flow));

	if (!flow)
		return;
	flow[0].from = flow[1].to = a;
	flow[0].to = flow[1].from = b;
	hand_on(&flow[0], &flow[1]);
	free(flow);
}

/* ---- the pod's end --------------------------------------------------------------------- */

/* Its "tern run" is here. */
static void connect_home(__u64 id, int fd)
{
	int run = wait_for(id, fd);

	if (run == -ESRCH)
		say_word(fd, LINE_NOBODY);
	if (run < 0)
		return;
	say_word(run, LINE_CONNECTED);
	say_word(fd, LINE_CONNECTED);
	connect_ends(fd, run);
	close(run);
}

/**
 * tern_lines_call() - a connection that is no lane
 * @host: this one
 * @peer: to whom
 * @id: what @lane is about
 * @lane: what is wanted
 *
 * Return: it, greeted; -1: it cannot be had now.
 */
int tern_lines_call(const struct tern_host *host, const struct tern_peer *peer, __u64 id,
		    unsigned int lane)
{
	struct tern_wire_hello hello = host->hello;
	struct tern_why why = { "" };
	struct tern_link link;
	int fd = tern_link_connect(peer->addr, peer->port, -1, CONNECT_MS);

	if (fd < 0 || tern_link_init(&link, fd, -1))
		return -1;
	hello.id = id;
	hello.lane = lane;
	if (!tern_link_send(&link, TERN_MSG_HELLO, &hello, sizeof(hello)) &&
	    !tern_link_expect(&link, TERN_MSG_HELLO, &hello, sizeof(hello), CONNECT_MS, &why))
		fd = tern_link_release(&link);
	else
		fd = -1;
	tern_link_fini(&link);
	return fd;
}

static void connect_away(const struct tern_host *host, const struct tern_peer *home, __u64 id,
			 int fd)
{
	int far = tern_lines_call(host, home, id, TERN_LANE_LINE);

	/* its first word comes from there */
	if (far < 0)
		return;
	connect_ends(fd, far);
	close(far);
}

static void tell_dead(const struct tern_host *host, const struct tern_peer *home, __u64 id)
{
	unsigned int i;
	int far = -1;

	if (!home)
		bury(id);
	for (i = 0; home && far < 0 && i < TELL_MOST; i++) {
		if (i)
			sleep(TELL_S);
		far = tern_lines_call(host, home, id, TERN_LANE_DEAD);
	}
	if (far >= 0)
		close(far);
}

/* While it is being moved away nobody knows yet whether it has ended or left. */
static bool has_left(struct tern_jobs *jobs, pid_t pid)
{
	while (!tern_jobs_left(pid)) {
		if (!tern_jobs_leaves(jobs, pid))
			return tern_jobs_left(pid);
		sleep(1);
	}
	return true;
}

/* Once in a while: it dials again and again, until somebody mends it. */
static void complain_home(const char *home)
{
	static time_t last;
	time_t now = time(NULL), then = __atomic_exchange_n(&last, now, __ATOMIC_RELAXED);

	if (now - then >= COMPLAIN_S)
		tern_log(LOG_WARNING,
			 "a pod was started on %s, which is not in the configuration: add a \"peer\" line for it",
			 home);
	else
		__atomic_store_n(&last, then, __ATOMIC_RELAXED);
}

/* Who dials is cut when it ends; it has moved if it ends because it has. */
static void serve_pod(struct tern_jobs *jobs, const struct line_dial *dial, int fd)
{
	const struct tern_host *host = jobs->host;
	const struct tern_peer *home = tern_host_peer(host, dial->home);
	pid_t pid;
	int pidfd;

	if (!home && strcmp(dial->home, host->name)) {
		complain_home(dial->home);
		return;
	}
	pidfd = process_of(fd, &pid);
	if (home)
		connect_away(host, home, dial->id, fd);
	else
		connect_home(dial->id, fd);
	/* its descriptors are closed before it has ended */
	if (has_ended(pidfd, END_MS) && !has_left(jobs, pid))
		tell_dead(host, home, dial->id);
	if (pidfd >= 0)
		close(pidfd);
}

/* ---- threads --------------------------------------------------------------------------- */

/**
 * struct caller - what a line's thread is given
 * @jobs: of this daemon
 * @fd: its connection
 * @id: of the line, and
 * @lane: what a peer wants with it; 0: it is one on this host
 */
struct caller {
	struct tern_jobs *jobs;
	int fd;
	__u64 id;
	unsigned int lane;
};

static void answer(struct caller *c)
{
	const struct timeval patience = { .tv_sec = DIAL_S };
	struct line_dial dial;

	if (c->lane) {
		if (c->lane == TERN_LANE_DEAD)
			bury(c->id);
		else
			connect_home(c->id, c->fd);
		return;
	}
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (recv(c->fd, &dial, sizeof(dial), MSG_WAITALL) != sizeof(dial) ||
	    dial.magic != LINE_MAGIC || !memchr(dial.home, '\0', sizeof(dial.home)))
		return;
	if (dial.role == LINE_POD) {
		serve_pod(c->jobs, &dial, c->fd);
	} else if (dial.role == LINE_RUN) {
		offer(dial.id, c->fd);
		c->fd = -1;
	}
}

static void *run(void *arg)
{
	struct caller *c = arg;

	answer(c);
	if (c->fd >= 0)
		close(c->fd);
	free(c);
	__atomic_fetch_sub(&nr_lines, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void start(struct tern_jobs *jobs, int fd, __u64 id, unsigned int lane)
{
	struct caller *c = calloc(1, sizeof(*c));
	pthread_attr_t attr;
	pthread_t thread;
	int err = -ENOMEM;

	if (c && __atomic_fetch_add(&nr_lines, 1, __ATOMIC_RELAXED) < LINES_MAX) {
		*c = (struct caller){ jobs, fd, id, lane };
		pthread_attr_init(&attr);
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
		err = pthread_create(&thread, &attr, run, c);
		pthread_attr_destroy(&attr);
	}
	if (!err)
		return;
	if (c)
		__atomic_fetch_sub(&nr_lines, 1, __ATOMIC_RELAXED);
	free(c);
	close(fd);
}

/** tern_lines_listen() - where the ends on this host dial; a descriptor, or negative errno */
int tern_lines_listen(struct tern_why *why)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = TERN_LINES };
	char dir[] = TERN_LINES;
	int fd, err;

	*strrchr(dir, '/') = '\0';
	if (mkdir(dir, 0755) && errno != EEXIST)
		return tern_why_set(why, -errno, "%s: %s", dir, strerror(errno));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return tern_why_set(why, -errno, "%s: %s", TERN_LINES, strerror(errno));
	/* that of the last one, who did not take it away */
	unlink(TERN_LINES);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) || chmod(TERN_LINES, 0600) ||
	    listen(fd, LINES_MAX)) {
		err = tern_why_set(why, -errno, "%s: %s", TERN_LINES, strerror(errno));
		close(fd);
		return err;
	}
	return fd;
}

/** tern_lines_start() - somebody on this host has dialled; @fd is ours from now on */
void tern_lines_start(struct tern_jobs *jobs, int fd)
{
	start(jobs, fd, 0, 0);
}

/** tern_lines_hand() - a peer has; @fd, greeted, is ours from now on */
void tern_lines_hand(__u64 id, unsigned int lane, int fd)
{
	start(NULL, fd, id, lane);
}
