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
 * struct mount - a line of /proc/PID/mountinfo
 * @key: file system, directory of it, and where that is mounted
 * @place: where, in @key
 * @type: of the file system
 */
struct mount {
	char *key;
	char *place;
	char type[32];
};

/**
 * struct mounts - all of them
 * @mount: array
 * @nr: entries
 */
struct mounts {
	struct mount *mount;
	unsigned int nr;
};

static int add_mount(struct mounts *m, const char *line)
{
	const char *dash = strstr(line, " - "), *end;
	int at = 0, place = 0, len = 0;
	struct mount *more, *new;

	/* id parent major:minor root place options… - type … */
	if (!dash || sscanf(line, "%*d %*d %n%*s %*s %n%*s%n", &at, &place, &len) < 0 || !len)
		return -EPROTO;
	more = realloc(m->mount, (m->nr + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	m->mount = more;
	new = &more[m->nr];
	new->key = strndup(line + at, len - at);
	if (!new->key)
		return -ENOMEM;
	m->nr++;
	new->place = new->key + place - at;
	dash += 3;
	end = strchrnul(dash, ' ');
	snprintf(new->type, sizeof(new->type), "%.*s", (int)(end - dash), dash);
	return 0;
}

static int read_mounts(const char *who, struct mounts *m)
{
	char path[64], *line = NULL;
	size_t size = 0;
	int err = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/mountinfo", who);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (!err && getline(&line, &size, f) > 0)
		err = add_mount(m, line);
	free(line);
	fclose(f);
	return err;
}

static void free_mounts(struct mounts *m)
{
	while (m->nr)
		free(m->mount[--m->nr].key);
	free(m->mount);
}

static bool has_mount(const struct mounts *m, const char *key)
{
	unsigned int i;

	for (i = 0; i < m->nr; i++)
		if (!strcmp(m->mount[i].key, key))
			return true;
	return false;
}

static bool is_own(const struct mount *mount)
{
	unsigned int i;

	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (!strcmp(mount->place, own[i].place) && !strcmp(mount->type, own[i].type))
			return true;
	return false;
}

/**
 * tern_pod_mounts() - has a pod mounted anything that this host has not?
 * @pid: its first process
 * @why: sentence
 */
int tern_pod_mounts(int pid, struct tern_why *why)
{
	struct mounts ours = { 0 }, theirs = { 0 };
	unsigned int i;
	char who[16];
	int err;

	snprintf(who, sizeof(who), "%d", pid);
	err = read_mounts("self", &ours);
	if (!err)
		err = read_mounts(who, &theirs);
	for (i = 0; i < theirs.nr && !err; i++)
		if (!is_own(&theirs.mount[i]) && !has_mount(&ours, theirs.mount[i].key))
			err = tern_why_set(why, -EOPNOTSUPP,
					   "it has mounted %.128s in its mount namespace: unmount it, or mount it on the host",
					   theirs.mount[i].place);
	free_mounts(&ours);
	free_mounts(&theirs);
	return err;
}

/* ---- --------------------------------------------------------------------------------- */

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
	char group[TERN_POD_PATH_MAX], who[16];
	unsigned int depth;

	snprintf(who, sizeof(who), "%d", pid);
	return tern_proc_own(who, "NSpid:", &depth) == 1 && depth == 1 &&
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
