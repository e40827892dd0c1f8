// SPDX-License-Identifier: GPL-2.0
/*
 * The control group of a pod, a directory of cgroups(7), version 2: it has the name of the
 * pod, so there is but one of each name on a host; and the limits that move with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "dev.h"
#include "pod.h"
#include "prepare.h"

#define CONTROL		"cgroup.subtree_control"
#define PATIENCE_MS	5000	/* for a pod of that name whose processes are ending */
#define YOUNG_S		3	/* no process has been seen in it yet, perhaps */
#define PAUSE_MS	20

/**
 * struct limit - a file that says what a group may have, see cgroup-v2.rst of Linux
 * @file: its name
 * @usual: what is in it if nobody has written to it
 */
static const struct limit {
	const char *file;
	const char *usual;
} limits[] = {
	{ "cpu.max", "max 100000" },
	{ "cpu.max.burst", "0" },
	{ "cpu.weight", "100" },
	{ "cpu.idle", "0" },
	{ "cpuset.cpus", "" },
	{ "cpuset.mems", "" },
	{ "io.weight", "default 100" },
	{ "memory.min", "0" },
	{ "memory.low", "0" },
	{ "memory.high", "max" },
	{ "memory.max", "max" },
	{ "memory.oom.group", "0" },
	{ "memory.swap.high", "max" },
	{ "memory.swap.max", "max" },
	{ "pids.max", "max" },
};

#define NR_LIMITS (sizeof(limits) / sizeof(limits[0]))

static int write_file(const char *dir, const char *file, const char *text)
{
	char path[TERN_POD_PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return tern_pod_write(path, text) ? -errno : 0;
}

/* The first line of a file, without its end. */
static int read_file(const char *dir, const char *file, char *text, size_t size)
{
	char path[TERN_POD_PATH_MAX + 64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	if (!fgets(text, size, f))
		*text = '\0';
	text[strcspn(text, "\n")] = '\0';
	fclose(f);
	return 0;
}

/* As many as there are: which are wanted is known only when one is. */
static void enable_controllers(const char *dir)
{
	static const char *const names[] = { "+cpu", "+cpuset", "+io", "+memory", "+pids" };
	unsigned int i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		write_file(dir, CONTROL, names[i]);
}

/**
 * tern_group_parent() - have a directory for the groups of pods
 * @parent: made if it is not there; a directory of cgroup version 2 must be above it
 * @why: sentence
 */
int tern_group_parent(const char *parent, struct tern_why *why)
{
	char above[TERN_POD_PATH_MAX], *slash;
	struct statfs fs;

	snprintf(above, sizeof(above), "%s", parent);
	slash = strrchr(above, '/');
	if (!slash || slash == above)
		return tern_why_set(why, -EINVAL, "%s is no directory of control groups", parent);
	*slash = '\0';
	if (statfs(above, &fs) || fs.f_type != CGROUP2_SUPER_MAGIC)
		return tern_why_set(why, -ENODEV,
				    "%s is not of cgroup version 2: mount it there, or name another place (ternd.conf: cgroup = DIR; tern run --cgroup DIR)",
				    above);
	if (mkdir(parent, 0755) && errno != EEXIST)
		return tern_why_set(why, -errno, "%s cannot be made: %s", parent, strerror(errno));
	enable_controllers(above);
	enable_controllers(parent);
	return 0;
}

/* Somebody may have made it a moment ago, and is about to enter it. */
static bool is_young(const char *group)
{
	struct stat st;

	return stat(group, &st) || time(NULL) - st.st_ctime < YOUNG_S;
}

/* One that is left of a pod that has ended is of no use to anybody. */
static int make_dir(const char *group)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
	unsigned int waited;

	for (waited = 0;; waited += PAUSE_MS) {
		if (!mkdir(group, 0755))
			return 0;
		if (errno != EEXIST)
			return -errno;
		if (waited >= PATIENCE_MS)
			return -EEXIST;
		if (is_young(group) || rmdir(group))
			nanosleep(&pause, NULL);
	}
}

static const struct limit *find_limit(const char *file)
{
	unsigned int i;

	for (i = 0; i < NR_LIMITS; i++)
		if (!strcmp(limits[i].file, file))
			return &limits[i];
	return NULL;
}

/* A line "FILE VALUE" of @text, which is cut into pieces. */
static int set_limit(const char *group, char *line, struct tern_why *why)
{
	char *value = strchr(line, ' ');
	int err;

	if (value)
		*value++ = '\0';
	if (!value || !*value || !find_limit(line))
		return tern_why_set(why, -EINVAL,
				    "\"%.64s\" is no limit of a control group that Tern knows: see tern(1)",
				    line);
	err = write_file(group, line, value);
	if (!err)
		return 0;
	return tern_why_set(why, err,
			    err == -ENOENT || err == -EACCES ?
			    "%s cannot be limited here: the controller is not enabled above %s" :
			    "%s of %s cannot be set to \"%.64s\": %s", line, group, value,
			    strerror(-err));
}

static int set_limits(const char *group, const char *text, struct tern_why *why)
{
	char *copy = strdup(text), *line, *save;
	int err = 0;

	if (!copy)
		return -ENOMEM;
	for (line = strtok_r(copy, "\n", &save); line && !err; line = strtok_r(NULL, "\n", &save))
		err = set_limit(group, line, why);
	free(copy);
	return err;
}

/**
 * tern_group_make() - make the control group of a pod
 * @parent: directory in which it will be, made if need be
 * @pod: initialised
 * @text: its limits, lines "FILE VALUE"
 * @why: sentence
 *
 * -EEXIST: there is a pod of that name.
 */
int tern_group_make(const char *parent, const struct tern_pod *pod, const char *text,
		    struct tern_why *why)
{
	int err = tern_group_parent(parent, why);

	if (err)
		return err;
	err = make_dir(pod->group);
	if (err)
		return tern_why_set(why, err,
				    err == -EEXIST ?
				    "there is a pod \"%s\" already (%s)" : "%s: %s cannot be made: %s",
				    pod->name, pod->group, strerror(-err));
	err = set_limits(pod->group, text, why);
	if (err)
		rmdir(pod->group);
	return err;
}

/**
 * tern_group_limits() - the limits of a group that are not the usual ones
 * @group: its directory
 * @text: receives them, lines "FILE VALUE"
 * @size: its size
 */
int tern_group_limits(const char *group, char *text, size_t size)
{
	char value[256];
	size_t len = 0;
	unsigned int i;

	*text = '\0';
	for (i = 0; i < NR_LIMITS; i++) {
		if (read_file(group, limits[i].file, value, sizeof(value)) ||
		    !strcmp(value, limits[i].usual))
			continue;
		len += snprintf(text + len, size - len, "%s %s\n", limits[i].file, value);
		if (len >= size)
			return -E2BIG;
	}
	return 0;
}

/**
 * struct place - where cgroup version 2 is mounted
 * @path: receives it
 * @size: its size
 */
struct place {
	char *path;
	size_t size;
};

static int try_mount(void *arg, const struct tern_proc_mount *mount)
{
	struct place *p = arg;

	if (strcmp(mount->type, "cgroup2") || strcmp(mount->root, "/"))
		return 0;
	snprintf(p->path, p->size, "%s", mount->place);
	return 1;
}

static int find_mount(char *path, size_t size)
{
	struct place place = { path, size };
	int rc = tern_proc_mounts(0, try_mount, &place);

	return rc < 0 ? rc : rc ? 0 : -ENODEV;
}

/**
 * tern_group_of() - the control group that a process is in
 * @pid: the process
 * @group: receives its directory
 * @size: its size
 */
int tern_group_of(int pid, char *group, size_t size)
{
	char path[64], line[TERN_POD_PATH_MAX];
	size_t len;
	int err = find_mount(group, size);
	FILE *f;

	if (err)
		return err;
	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	err = -ENOENT;
	while (err && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "0::/", 4))
			continue;
		line[strcspn(line, "\n")] = '\0';
		len = strlen(group);
		err = snprintf(group + len, size - len, "%s", line + 3) < (int)(size - len) ?
		      0 : -ENAMETOOLONG;
	}
	fclose(f);
	return err;
}
