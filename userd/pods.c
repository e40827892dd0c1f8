// SPDX-License-Identifier: GPL-2.0
/*
 * The control groups of pods, in ternd: when the last process of one has ended, or has
 * moved away, its group is removed. The kernel tells by cgroup.events, see cgroup-v2.rst.
 *
 * Owns the watches. Used by the main thread alone.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "dev.h"
#include "host.h"
#include "pod.h"
#include "pods.h"

#define OLD_S	10	/* a group without processes may be about to get some */

static void group_path(const struct tern_pods *pods, const char *name,
		       char path[TERN_POD_PATH_MAX])
{
	snprintf(path, TERN_POD_PATH_MAX, "%s/%s", pods->parent, name);
}

static bool is_empty(const char *group)
{
	char path[TERN_POD_PATH_MAX + 16], line[64];
	bool empty = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/cgroup.events", group);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		empty |= !strcmp(line, "populated 0\n");
	if (f)
		fclose(f);
	return empty;
}

/* The pod may have made others below it. */
static void remove_below(const char *group)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir = opendir(group);

	while (dir && (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' ||
		    snprintf(path, sizeof(path), "%s/%s", group, entry->d_name) >= PATH_MAX)
			continue;
		remove_below(path);
		rmdir(path);
	}
	if (dir)
		closedir(dir);
}

static void remove_group(const char *group)
{
	remove_below(group);
	if (rmdir(group) && errno != ENOENT && errno != EBUSY)
		tern_log(LOG_WARNING, "%s cannot be removed: %s", group, strerror(errno));
}

static void look_later(const struct tern_pods *pods)
{
	timerfd_settime(pods->timer, 0, &(struct itimerspec){ .it_value.tv_sec = OLD_S }, NULL);
}

/* Its events come from now on. */
static void add(struct tern_pods *pods, const char *name)
{
	char group[TERN_POD_PATH_MAX], path[TERN_POD_PATH_MAX + 16];
	struct tern_pod_watch *more;
	unsigned int i;
	struct stat st;
	int wd;

	if (!tern_pod_name_valid(name))
		return;
	group_path(pods, name, group);
	if (stat(group, &st))
		return;
	snprintf(path, sizeof(path), "%s/cgroup.events", group);
	wd = inotify_add_watch(pods->fd, path, IN_MODIFY);
	for (i = 0; i < pods->nr && pods->watch[i].wd != wd; i++)
		;
	if (wd < 0 || i < pods->nr)
		return;
	more = realloc(pods->watch, (pods->nr + 1) * sizeof(*more));
	if (!more) {
		inotify_rm_watch(pods->fd, wd);
		return;
	}
	pods->watch = more;
	more[pods->nr].wd = wd;
	more[pods->nr].ino = st.st_ino;
	snprintf(more[pods->nr].name, sizeof(more->name), "%s", name);
	pods->nr++;
	/* it may have ended before we have seen it, but not before it was about to begin */
	look_later(pods);
}

static void forget(struct tern_pods *pods, int wd)
{
	unsigned int i;

	for (i = 0; i < pods->nr && pods->watch[i].wd != wd; i++)
		;
	if (i < pods->nr)
		pods->watch[i] = pods->watch[--pods->nr];
}

/* @min_s: unless it is younger than that. */
static void look(const struct tern_pods *pods, const struct tern_pod_watch *watch, int min_s)
{
	char group[TERN_POD_PATH_MAX];
	struct stat st;

	group_path(pods, watch->name, group);
	if (stat(group, &st) || st.st_ino != watch->ino || !is_empty(group))
		return;
	if (time(NULL) - st.st_ctime >= min_s)
		remove_group(group);
	else
		look_later(pods);
}

static void look_at(const struct tern_pods *pods, int wd)
{
	unsigned int i;

	for (i = 0; i < pods->nr; i++)
		if (pods->watch[i].wd == wd)
			/* somebody has been in it */
			look(pods, &pods->watch[i], 0);
}

/* Those that are there. */
static void find(struct tern_pods *pods)
{
	DIR *dir = opendir(pods->parent);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_type == DT_DIR)
			add(pods, entry->d_name);
	if (dir)
		closedir(dir);
}

/**
 * tern_pods_init() - see to the pods of this host
 * @pods: filled
 * @parent: directory of their control groups, made if it is not there
 * @why: sentence
 *
 * Return: 0, or negative errno: there can be none here.
 */
int tern_pods_init(struct tern_pods *pods, const char *parent, struct tern_why *why)
{
	int err = tern_group_parent(parent, why);

	*pods = (struct tern_pods){ .parent = parent, .fd = -1, .timer = -1 };
	if (err)
		return err;
	pods->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	pods->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (pods->fd < 0 || pods->timer < 0 ||
	    inotify_add_watch(pods->fd, parent, IN_CREATE | IN_ONLYDIR) < 0) {
		err = tern_why_set(why, -errno, "%s cannot be watched: %s", parent,
				   strerror(errno));
		if (pods->fd >= 0)
			close(pods->fd);
		pods->fd = -1;
		return err;
	}
	find(pods);
	return 0;
}

/** tern_pods_read() - something has happened to them: pods->fd is readable */
void tern_pods_read(struct tern_pods *pods)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *event;
	ssize_t len, at;

	while ((len = read(pods->fd, buf, sizeof(buf))) > 0) {
		for (at = 0; at < len; at += sizeof(*event) + event->len) {
			event = (const void *)(buf + at);
			if (event->mask & IN_CREATE)
				add(pods, event->name);
			else if (event->mask & IN_IGNORED)
				forget(pods, event->wd);
			else if (event->mask & IN_MODIFY)
				look_at(pods, event->wd);
			else if (event->mask & IN_Q_OVERFLOW)
				find(pods);
		}
	}
}

/** tern_pods_look() - it is time: pods->timer is readable */
void tern_pods_look(struct tern_pods *pods)
{
	__u64 ticks;
	unsigned int i;

	if (read(pods->timer, &ticks, sizeof(ticks)) != sizeof(ticks))
		return;
	for (i = 0; i < pods->nr; i++)
		look(pods, &pods->watch[i], OLD_S / 2);
}
