/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A pod: processes in namespaces and a control group of their own.
 *
 * pod.c	how a process enters a new one
 * pod_group.c	its control group, with its limits
 * pod_look.c	one that there is
 * pods.c	in ternd: those that have ended (pods.h)
 */
#ifndef TERN_POD_H
#define TERN_POD_H

#include <stdbool.h>
#include <stddef.h>
#include <tern/wire.h>

struct tern_why;

#define TERN_POD_NAME_MAX	64		/* with its NUL */
#define TERN_POD_PATH_MAX	384
#define TERN_PODS		"/sys/fs/cgroup/tern"	/* where the groups usually are */

/**
 * struct tern_pod - a pod that is to be made
 * @name: its name, of the host at first, too
 * @group: directory of its control group
 * @procs: the file there by which a process enters it
 * @timens: text for /proc/self/timens_offsets, "": the clocks are ours
 */
struct tern_pod {
	char name[TERN_POD_NAME_MAX];
	char group[TERN_POD_PATH_MAX];
	char procs[TERN_POD_PATH_MAX + 16];
	char timens[128];
};

bool tern_pod_name_valid(const char *name);
void tern_pod_init(struct tern_pod *pod, const char *parent, const char *name);

/* between fork and exec */
int tern_pod_write(const char *path, const char *text);
int tern_pod_enter(const struct tern_pod *pod);
int tern_pod_settle(void);

/* pod_group.c */
int tern_group_parent(const char *parent, struct tern_why *why);
int tern_group_make(const char *parent, const struct tern_pod *pod, const char *limits,
		    struct tern_why *why);
int tern_group_limits(const char *group, char *text, size_t size);
int tern_group_of(int pid, char *group, size_t size);

/* pod_look.c */
int tern_pod_look(int pid, char text[TERN_POD_TEXT_MAX], struct tern_why *why);
int tern_pod_mounts(int pid, struct tern_why *why);
int tern_pod_visit(int pid);
int tern_pod_find(const char *name);

#endif
