/* SPDX-License-Identifier: GPL-2.0 */
/* Incoming lanes, until their job has them. */
#ifndef TERN_GREET_H
#define TERN_GREET_H

#include <sys/socket.h>

#include "jobs.h"

int tern_greet_listen(const struct tern_host *host, struct tern_why *why);
void tern_greet_start(struct tern_jobs *jobs, int fd, const struct sockaddr_storage *from);

#endif
