/* SPDX-License-Identifier: GPL-2.0 */
/* The pods of this host, as far as something is left to do when they have ended. */
#ifndef TERN_PODS_H
#define TERN_PODS_H

#include <sys/types.h>

#include "pod.h"

/**
 * struct tern_pod_watch - one pod
 * @wd: of its cgroup.events
 * @ino: of its control group: there may be another pod of that name already
 * @name: its name
 */
struct tern_pod_watch {
	int wd;
	ino_t ino;
	char name[TERN_POD_NAME_MAX];
};

/**
 * struct tern_pods - all of them
 * @parent: directory of their control groups; not ours
 * @fd: inotify(7) instance, -1: none
 * @timer: timerfd, for a look at those that are new
 * @watch: array, from malloc
 * @nr: entries
 */
struct tern_pods {
	const char *parent;
	int fd;
	int timer;
	struct tern_pod_watch *watch;
	unsigned int nr;
};

int tern_pods_init(struct tern_pods *pods, const char *parent, struct tern_why *why);
void tern_pods_read(struct tern_pods *pods);
void tern_pods_look(struct tern_pods *pods);

#endif
