// SPDX-License-Identifier: GPL-2.0
/* A pod that there is: what it is called, what it may have, and where it lives. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dev.h"
#include "grow.h"
#include "pod.h"
#include "prepare.h"

/**
 * tern_pod_look() - what the destination must know to make a pod
 * @pid: its first process
 * @text: receives its name, and its limits as tern_group_limits() has them; a line each
 * @why: sentence
 */
int tern_pod_look(int pid, char text[TERN_POD_TEXT_MAX], struct tern_why *why)
{
	char group[TERN_POD_PATH_MAX], *name;
	size_t len;
	int err = tern_group_of(pid, group, sizeof(group));

	if (err)
		return tern_why_set(why, err, "the control group of process %d cannot be found: %s",
				    pid, strerror(-err));
	name = strrchr(group, '/') + 1;
	if (!tern_pod_name_valid(name))
		return tern_why_set(why, -EOPNOTSUPP,
				    "process %d is the first one of a pid namespace and in control group \"%.64s\", whose name is that of no pod: start it by tern run",
				    pid, name);
	len = snprintf(text, TERN_POD_TEXT_MAX, "%s\n", name);
	err = tern_group_limits(group, text + len, TERN_POD_TEXT_MAX - len);
	return err ? tern_why_set(why, err, "the limits of %s cannot be read: %s", group,
				  strerror(-err)) : 0;
}

/* ---- mounts ----------------------------------------------------------------------- */

/* What a pod has of its own, as tern_pod_settle() makes it. */
static const struct {
	const char *place;
	const char *type;
} own[] = {
	{ "/proc", "proc" },
	{ "/dev/pts", "devpts" },
	{ "/sys", "sysfs" },
	{ "/sys/fs/cgroup", "cgroup2" },
	{ "/dev/mqueue", "mqueue" },
};

/**
 * struct mounts - what this host has mounted
 * @key: of each: file system, directory of it, and where that is mounted; array, and they,
 *	from malloc
 * @nr: how many
 * @room: that fit
 */
struct mounts {
	char **key;
	size_t nr;
	size_t room;
};

static char *key_of(const struct tern_proc_mount *mount)
{
	char *key;

	return asprintf(&key, "%u:%u %s %s", mount->major, mount->minor, mount->root,
			mount->place) < 0 ? NULL : key;
}

static int add_mount(void *arg, const struct tern_proc_mount *mount)
{
	struct mounts *m = arg;
	char **more = tern_grow(m->key, m->nr, &m->room, sizeof(*more));

	if (!more)
		return -ENOMEM;
	m->key = more;
	m->key[m->nr] = key_of(mount);
	if (!m->key[m->nr])
		return -ENOMEM;
	m->nr++;
	return 0;
}

static void free_mounts(struct mounts *m)
{
	while (m->nr)
		free(m->key[--m->nr]);
	free(m->key);
}

static bool is_own(const struct tern_proc_mount *mount)
{
	unsigned int i;

	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (!strcmp(mount->place, own[i].place) && !strcmp(mount->type, own[i].type))
			return true;
	return false;
}

/**
 * struct comparison - of a pod's mounts with those of this host
 * @ours: those of this host
 * @why: sentence
 */
struct comparison {
	struct mounts ours;
	struct tern_why *why;
};

static int compare_mount(void *arg, const struct tern_proc_mount *mount)
{
	struct comparison *c = arg;
	bool known = is_own(mount);
	char *key;
	size_t i;

	if (known)
		return 0;
	key = key_of(mount);
	if (!key)
		return -ENOMEM;
	for (i = 0; i < c->ours.nr && !known; i++)
		known = !strcmp(c->ours.key[i], key);
	free(key);
	return known ? 0 :
	       tern_why_set(c->why, -EOPNOTSUPP,
			    "it has mounted %.128s in its mount namespace: unmount it, or mount it on the host",
			    mount->place);
}

/**
 * tern_pod_mounts() - has a pod mounted anything that this host has not?
 * @pid: its first process
 * @why: sentence
 */
int tern_pod_mounts(int pid, struct tern_why *why)
{
	struct comparison c = { .why = why };
	int err = tern_proc_mounts(0, add_mount, &c.ours);

	if (!err)
		err = tern_proc_mounts(pid, compare_mount, &c);
	free_mounts(&c.ours);
	return err;
}

/* ---- who it is ------------------------------------------------------------------------ */

/**
 * tern_pod_visit() - let the calling thread see the System V objects of a pod
 * @pid: a process of it; or one that is in the namespace of this host
 */
int tern_pod_visit(int pid)
{
	char path[64];
	int fd, err = 0;

	snprintf(path, sizeof(path), "/proc/%d/ns/ipc", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (setns(fd, CLONE_NEWIPC))
		err = -errno;
	close(fd);
	return err;
}

static bool is_pod(int pid, const char *name)
{
	char group[TERN_POD_PATH_MAX];
	unsigned int depth;

	return tern_proc_own(pid, pid, "NSpid:", &depth) == 1 && depth == 1 &&
	       !tern_group_of(pid, group, sizeof(group)) &&
	       !strcmp(strrchr(group, '/') + 1, name);
}

/** tern_pod_find() - the first process of the pod @name; -ENOENT: there is none here */
int tern_pod_find(const char *name)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int found = -ENOENT;

	if (!dir)
		return -errno;
	while (found < 0 && (entry = readdir(dir))) {
		int pid = atoi(entry->d_name);

		if (pid > 0 && is_pod(pid, name))
			found = pid;
	}
	closedir(dir);
	return found;
}
