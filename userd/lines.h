/* SPDX-License-Identifier: GPL-2.0 */
/* The exchange: it connects "tern run" with its pod, on whichever host that is. */
#ifndef TERN_LINES_H
#define TERN_LINES_H

#include "jobs.h"

struct tern_why;

int tern_lines_listen(struct tern_why *why);
void tern_lines_start(struct tern_jobs *jobs, int fd);
int tern_lines_call(const struct tern_host *host, const struct tern_peer *peer, __u64 id,
		    unsigned int lane);
void tern_lines_hand(__u64 id, unsigned int lane, int fd);

#endif
