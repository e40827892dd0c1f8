/* SPDX-License-Identifier: GPL-2.0 */
/* The table of running jobs: one per migration and side, each with a thread. */
#ifndef TERN_JOBS_H
#define TERN_JOBS_H

#include "host.h"

#define TERN_JOBS_MAX	256	/* of either side */

/**
 * struct tern_jobs - the table
 * @host: this host
 * @done: eventfd, readable when a job has ended and wants to be reaped
 * @lock: guards @first and what hangs on it; taken before a job's own lock
 * @first: the jobs, unordered
 */
struct tern_jobs {
	const struct tern_host *host;
	int done;
	pthread_mutex_t lock;
	struct tern_job_entry *first;
};

int tern_jobs_init(struct tern_jobs *jobs, const struct tern_host *host);
int tern_jobs_start(struct tern_jobs *jobs, const struct tern_request *req);
void tern_jobs_abort(struct tern_jobs *jobs, const struct tern_request *req);
int tern_jobs_hand(struct tern_jobs *jobs, __u64 id, const struct tern_peer *peer,
		   unsigned int lane, int fd);
void tern_jobs_reap(struct tern_jobs *jobs);
bool tern_jobs_leaves(struct tern_jobs *jobs, int pid);
bool tern_jobs_left(int pid);
unsigned int tern_jobs_count(struct tern_jobs *jobs);

#endif
