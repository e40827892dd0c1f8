// SPDX-License-Identifier: GPL-2.0
/*
 * The jobs of this daemon.
 *
 * Owns the table, guarded by its lock, and the threads; the job's own lock
 * (inside the table's) guards the lanes that wait for it. Jobs are added by
 * the main thread and by greeters, ended by themselves, and reaped by the main
 * thread alone. Never waits for a job that has not said that it is done.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "jobs.h"

#define LEFT_MAX	1024

/* Processes that have left this host lately: a ring, which outlives their jobs. */
static pthread_mutex_t left_lock = PTHREAD_MUTEX_INITIALIZER;
static int left[LEFT_MAX];
static unsigned int nr_left;

/**
 * struct tern_job_entry - a job in the table
 * @job: what the job sees
 * @jobs: the table
 * @side: enum tern_side
 * @thread: runs the job, if @started
 * @started: it has one
 * @end: a member's job: what its thread does, with @arg
 * @arg: for @end
 * @done: its thread is about to end
 * @next: in the table
 */
struct tern_job_entry {
	struct tern_job job;
	struct tern_jobs *jobs;
	unsigned int side;
	pthread_t thread;
	bool started;
	void (*end)(void *arg);
	void *arg;
	bool done;
	struct tern_job_entry *next;
};

/**
 * tern_jobs_init() - make an empty table
 * @jobs: to be filled
 * @host: this host
 */
int tern_jobs_init(struct tern_jobs *jobs, const struct tern_host *host)
{
	memset(jobs, 0, sizeof(*jobs));
	jobs->host = host;
	pthread_mutex_init(&jobs->lock, NULL);
	jobs->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return jobs->done < 0 ? -errno : 0;
}

static void ring_bell(int fd)
{
	/* an eventfd that is full rings already */
	if (eventfd_write(fd, 1))
		return;
}

static void *run(void *arg)
{
	struct tern_job_entry *e = arg;
	struct tern_jobs *jobs = e->jobs;

	if (e->end)
		e->end(e->arg);
	else if (e->side == TERN_SOURCE)
		tern_source_run(&e->job);
	else
		tern_dest_run(&e->job);
	pthread_mutex_lock(&jobs->lock);
	e->done = true;
	pthread_mutex_unlock(&jobs->lock);
	ring_bell(jobs->done);
	return NULL;
}

static void destroy(struct tern_job_entry *e)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (e->job.lanes[i] >= 0)
			close(e->job.lanes[i]);
	if (e->job.cancel >= 0)
		close(e->job.cancel);
	if (e->job.go >= 0)
		close(e->job.go);
	if (e->job.mail >= 0)
		close(e->job.mail);
	pthread_mutex_destroy(&e->job.lock);
	free(e);
}

static struct tern_job_entry *create(struct tern_jobs *jobs, unsigned int side, __u64 id,
				     const struct tern_peer *peer)
{
	struct tern_job_entry *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->jobs = jobs;
	e->side = side;
	e->job.host = jobs->host;
	e->job.id = id;
	e->job.peer = peer;
	e->job.lanes[0] = -1;
	e->job.lanes[1] = -1;
	pthread_mutex_init(&e->job.lock, NULL);
	e->job.cancel = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	e->job.go = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	e->job.mail = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (e->job.cancel < 0 || e->job.go < 0 || e->job.mail < 0) {
		destroy(e);
		return NULL;
	}
	return e;
}

/* Under the table's lock. */
static struct tern_job_entry *find(struct tern_jobs *jobs, unsigned int side, __u64 id)
{
	struct tern_job_entry *e;

	for (e = jobs->first; e; e = e->next)
		if (e->side == side && e->job.id == id)
			return e;
	return NULL;
}

static unsigned int count(struct tern_jobs *jobs, unsigned int side)
{
	struct tern_job_entry *e;
	unsigned int n = 0;

	for (e = jobs->first; e; e = e->next)
		n += e->side == side;
	return n;
}

/* Under the table's lock: the thread may end before this returns. */
static int launch(struct tern_job_entry *e)
{
	int err = pthread_create(&e->thread, NULL, run, e);

	e->started = !err;
	return -err;
}

static void enter(struct tern_jobs *jobs, struct tern_job_entry *e)
{
	e->next = jobs->first;
	jobs->first = e;
}

static int start(struct tern_jobs *jobs, struct tern_job_entry *e)
{
	int err = launch(e);

	if (!err)
		enter(jobs, e);
	return err;
}

static int go(struct tern_job_entry *e, const struct tern_request *req)
{
	if (req->what != TERN_REQUEST_MIGRATE || !(e->job.flags & TERN_HOLD))
		return -EEXIST;
	ring_bell(e->job.go);
	return 0;
}

/**
 * tern_jobs_start() - start the job that a request of the kernel asks for
 * @jobs: the table
 * @req: TERN_REQUEST_MIGRATE or TERN_REQUEST_ADOPT
 *
 * A job that there is already is told to go, if it was held. -EBUSY: too many at
 * once; -EEXIST: there is one that cannot be meant.
 */
int tern_jobs_start(struct tern_jobs *jobs, const struct tern_request *req)
{
	unsigned int side = req->what == TERN_REQUEST_ADOPT ? req->side : TERN_SOURCE;
	struct tern_job_entry *e, *held;
	int rc;

	e = create(jobs, side, req->id, tern_host_peer(jobs->host, req->host));
	if (!e)
		return -ENOMEM;
	e->job.flags = req->flags;
	e->job.pid = req->pid;
	e->job.state = req->what == TERN_REQUEST_ADOPT ? req->state : 0;
	pthread_mutex_lock(&jobs->lock);
	held = find(jobs, side, req->id);
	if (held)
		rc = go(held, req);
	else if (req->what != TERN_REQUEST_ADOPT && count(jobs, side) >= TERN_JOBS_MAX)
		rc = -EBUSY;
	else
		rc = start(jobs, e);
	pthread_mutex_unlock(&jobs->lock);
	if (rc || held)
		destroy(e);
	return rc;
}

/* ---- the members of a unit ------------------------------------------------------ */

/**
 * tern_job_member() - a job for a process that moves together with another one
 * @root: job of that one's source
 * @id: the migration
 * @pid: the process
 *
 * Return: a job without a thread, for the root's to use until tern_job_start() or
 * tern_job_drop(); or NULL.
 */
struct tern_job *tern_job_member(struct tern_job *root, __u64 id, int pid)
{
	struct tern_jobs *jobs = ((struct tern_job_entry *)root)->jobs;
	struct tern_job_entry *e = create(jobs, TERN_SOURCE, id, root->peer);

	if (!e)
		return NULL;
	/* what is held has been let go, or has no members */
	e->job.flags = root->flags & ~TERN_HOLD;
	e->job.pid = pid;
	pthread_mutex_lock(&jobs->lock);
	enter(jobs, e);
	pthread_mutex_unlock(&jobs->lock);
	return &e->job;
}

/** tern_job_start() - a thread of its own for a member's job, which ends with @end */
int tern_job_start(struct tern_job *job, void (*end)(void *arg), void *arg)
{
	struct tern_job_entry *e = (struct tern_job_entry *)job;
	int err;

	e->end = end;
	e->arg = arg;
	pthread_mutex_lock(&e->jobs->lock);
	err = launch(e);
	pthread_mutex_unlock(&e->jobs->lock);
	return err;
}

/** tern_job_drop() - a member's job has ended without a thread */
void tern_job_drop(struct tern_job *job)
{
	struct tern_job_entry *e = (struct tern_job_entry *)job;
	int done = e->jobs->done;

	pthread_mutex_lock(&e->jobs->lock);
	e->done = true;
	pthread_mutex_unlock(&e->jobs->lock);
	ring_bell(done);
}

/**
 * tern_jobs_abort() - pass an operator's "abort" to the job
 * @jobs: the table
 * @req: TERN_REQUEST_ABORT
 */
void tern_jobs_abort(struct tern_jobs *jobs, const struct tern_request *req)
{
	struct tern_job_entry *e;
	bool found = false;

	pthread_mutex_lock(&jobs->lock);
	for (e = jobs->first; e; e = e->next) {
		if (e->job.id != req->id || (req->side && e->side != req->side))
			continue;
		found = true;
		/* a member's: the root, who is told, too, has it in hand */
		if (!e->started)
			continue;
		__atomic_store_n(&e->job.abort_flags, req->flags & TERN_ASK_FORCE,
				 __ATOMIC_RELEASE);
		ring_bell(e->job.cancel);
	}
	pthread_mutex_unlock(&jobs->lock);
	if (!found)
		tern_log(LOG_NOTICE, "migration %016" PRIx64 ": nothing to abort, it has ended",
			 (uint64_t)req->id);
}

/* Under the table's lock. A lane that was not taken yet has been given up by the peer. */
static void put_lane(struct tern_job_entry *e, unsigned int lane, int fd)
{
	pthread_mutex_lock(&e->job.lock);
	if (e->job.lanes[lane] >= 0)
		close(e->job.lanes[lane]);
	e->job.lanes[lane] = fd;
	pthread_mutex_unlock(&e->job.lock);
	ring_bell(e->job.mail);
}

/**
 * tern_jobs_hand() - hand an accepted lane to its destination job
 * @jobs: the table
 * @id: the migration
 * @peer: who is at the other end
 * @lane: 0 or 1
 * @fd: the socket, owned by the job if this succeeds
 *
 * Starts the job if there is none. -EACCES: the migration belongs to another
 * peer; -EBUSY: too many at once.
 */
int tern_jobs_hand(struct tern_jobs *jobs, __u64 id, const struct tern_peer *peer,
		   unsigned int lane, int fd)
{
	struct tern_job_entry *e, *fresh = create(jobs, TERN_DESTINATION, id, peer);
	int rc = 0;

	if (!fresh)
		return -ENOMEM;
	pthread_mutex_lock(&jobs->lock);
	e = find(jobs, TERN_DESTINATION, id);
	if (e) {
		if (e->job.peer != peer)
			rc = -EACCES;
		else
			put_lane(e, lane, fd);
	} else if (count(jobs, TERN_DESTINATION) >= TERN_JOBS_MAX) {
		rc = -EBUSY;
	} else {
		put_lane(fresh, lane, fd);
		rc = start(jobs, fresh);
		if (rc)
			fresh->job.lanes[lane] = -1;
		else
			fresh = NULL;
	}
	pthread_mutex_unlock(&jobs->lock);
	if (fresh)
		destroy(fresh);
	return rc;
}

/*
 * Lanes that came while the job was ending belong to a new one: the source
 * tries again under the same id, lane 0 first. A lane 1 alone is what was left of the
 * attempt that has ended. Under the table's lock.
 */
static void succeed(struct tern_jobs *jobs, struct tern_job_entry *old)
{
	struct tern_job_entry *e;

	if (old->job.lanes[0] < 0)
		return;
	e = create(jobs, TERN_DESTINATION, old->job.id, old->job.peer);
	if (!e)
		return;
	memcpy(e->job.lanes, old->job.lanes, sizeof(e->job.lanes));
	old->job.lanes[0] = -1;
	old->job.lanes[1] = -1;
	ring_bell(e->job.mail);
	if (start(jobs, e))
		destroy(e);
}

/** tern_job_leaves() - a source: its process is about to end here, for it runs elsewhere */
void tern_job_leaves(const struct tern_job *job)
{
	pthread_mutex_lock(&left_lock);
	left[nr_left++ % LEFT_MAX] = job->pid;
	pthread_mutex_unlock(&left_lock);
}

/** tern_jobs_left() - has process @pid, which has ended, left this host? */
bool tern_jobs_left(int pid)
{
	bool has = false;
	unsigned int i;

	pthread_mutex_lock(&left_lock);
	for (i = 0; i < LEFT_MAX; i++)
		has |= left[i] == pid;
	pthread_mutex_unlock(&left_lock);
	return has;
}

/** tern_jobs_leaves() - is process @pid being moved away? */
bool tern_jobs_leaves(struct tern_jobs *jobs, int pid)
{
	struct tern_job_entry *e;
	bool leaves = false;

	pthread_mutex_lock(&jobs->lock);
	for (e = jobs->first; e; e = e->next)
		leaves |= e->side == TERN_SOURCE && e->job.pid == pid;
	pthread_mutex_unlock(&jobs->lock);
	return leaves;
}

/**
 * tern_jobs_reap() - join the threads of jobs that have ended
 * @jobs: the table
 */
void tern_jobs_reap(struct tern_jobs *jobs)
{
	struct tern_job_entry **p, *e, *dead = NULL;
	eventfd_t n;

	eventfd_read(jobs->done, &n);
	pthread_mutex_lock(&jobs->lock);
	for (p = &jobs->first; (e = *p);) {
		if (!e->done) {
			p = &e->next;
			continue;
		}
		*p = e->next;
		e->next = dead;
		dead = e;
	}
	for (e = dead; e; e = e->next)
		if (e->side == TERN_DESTINATION)
			succeed(jobs, e);
	pthread_mutex_unlock(&jobs->lock);
	while ((e = dead)) {
		dead = e->next;
		if (e->started)
			pthread_join(e->thread, NULL);
		destroy(e);
	}
}

/**
 * tern_jobs_count() - how many jobs there are
 * @jobs: the table
 */
unsigned int tern_jobs_count(struct tern_jobs *jobs)
{
	unsigned int n;

	pthread_mutex_lock(&jobs->lock);
	n = count(jobs, TERN_SOURCE) + count(jobs, TERN_DESTINATION);
	pthread_mutex_unlock(&jobs->lock);
	return n;
}
