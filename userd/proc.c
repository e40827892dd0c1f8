// SPDX-License-Identifier: GPL-2.0
/*
 * What /proc tells about the migrant, read while it runs: all of it may be out
 * of date at once, and is compared with the capture later.
 *
 * Owns nothing, holds no locks.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prepare.h"

#define PF_EXITING	0x4	/* include/linux/sched.h */
#define STAT_MAX	1024

/* /proc writes a newline in a path as \012, and nothing else. */
static void unescape(char *path)
{
	char *from = path, *to = path;

	while (*from) {
		if (!strncmp(from, "\\012", 4)) {
			*to++ = '\n';
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
}

static int parse_map(char *line, struct tern_proc_map *map)
{
	unsigned long start, end, offset, ino;
	char perms[8];
	int at = 0;

	if (sscanf(line, "%lx-%lx %7s %lx %*x:%*x %lu %n", &start, &end, perms,
		   &offset, &ino, &at) < 5 || !at)
		return -EPROTO;
	line[strcspn(line, "\n")] = '\0';
	unescape(line + at);
	*map = (struct tern_proc_map) {
		.start = start, .end = end, .offset = offset, .ino = ino,
		.write = perms[1] == 'w',
		.shared = perms[3] == 's',
		.special = line[at] == '[',
		.path = line + at,
	};
	return 0;
}

/**
 * tern_proc_maps() - walk /proc/PID/maps
 * @pid: the process
 * @each: called for each line, in ascending order; an error ends the walk
 * @arg: for it
 */
int tern_proc_maps(int pid, int (*each)(void *arg, const struct tern_proc_map *map), void *arg)
{
	struct tern_proc_map map;
	char name[64], *line = NULL;
	size_t size = 0;
	int rc = 0;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/maps", pid);
	f = fopen(name, "re");
	if (!f)
		return -errno;
	while (!rc && getline(&line, &size, f) > 0) {
		rc = parse_map(line, &map);
		if (!rc)
			rc = each(arg, &map);
	}
	free(line);
	fclose(f);
	return rc;
}

static int compare(const void *a, const void *b)
{
	const __s32 *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int append(__s32 **list, unsigned int *nr, __s32 number)
{
	__s32 *more;

	/* room doubles whenever the count reaches a power of two */
	if (!(*nr & (*nr - 1))) {
		more = realloc(*list, (*nr ? *nr * 2 : 1) * sizeof(**list));
		if (!more)
			return -ENOMEM;
		*list = more;
	}
	(*list)[(*nr)++] = number;
	return 0;
}

/**
 * tern_proc_numbers() - the numeric names in a directory, ascending
 * @pid: the process
 * @dir: "task" or "fd"
 * @list: to be freed by the caller, also after an error
 * @nr: how many
 */
int tern_proc_numbers(int pid, const char *dir, __s32 **list, unsigned int *nr)
{
	struct dirent *entry;
	char name[64];
	int rc = 0;
	DIR *d;

	*list = NULL;
	*nr = 0;
	snprintf(name, sizeof(name), "/proc/%d/%s", pid, dir);
	d = opendir(name);
	if (!d)
		return -errno;
	while (!rc && (errno = 0, entry = readdir(d))) {
		char *end;
		long number = strtol(entry->d_name, &end, 10);

		if (entry->d_name[0] != '.' && !*end)
			rc = append(list, nr, number);
	}
	if (!rc && errno)
		rc = -errno;
	closedir(d);
	if (*nr)
		qsort(*list, *nr, sizeof(**list), compare);
	return rc;
}

/**
 * tern_proc_link() - what a symbolic link below /proc/PID names
 * @pid: the process
 * @name: like "exe" or "fd/3"
 * @path: filled
 * @size: its size
 */
int tern_proc_link(int pid, const char *name, char *path, size_t size)
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/%s", pid, name);
	n = readlink(link, path, size - 1);
	if (n < 0)
		return -errno;
	path[n] = '\0';
	return 0;
}

/** tern_proc_pagemap() - open the pagemap of process @pid; a descriptor, or negative errno */
int tern_proc_pagemap(int pid)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "/proc/%d/pagemap", pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/**
 * tern_proc_fd_flags() - O_* of an open descriptor
 * @pid: the process
 * @fd: its descriptor
 * @flags: filled, O_CLOEXEC included
 */
int tern_proc_fd_flags(int pid, int fd, unsigned int *flags)
{
	char name[64], line[128];
	int rc = -ENODATA;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/fdinfo/%d", pid, fd);
	f = fopen(name, "re");
	if (!f)
		return -errno;
	while (rc && fgets(line, sizeof(line), f))
		if (sscanf(line, "flags: %o", flags) == 1)
			rc = 0;
	fclose(f);
	return rc;
}

/**
 * tern_proc_own() - a number of a process or thread in its own pid namespace
 * @pid: the process
 * @tid: a thread of it
 * @key: of proc_pid_status(5): "NSpid:", "NSpgid:", "NSsid:"
 * @depth: out: how many namespaces it is below ours; may be NULL
 *
 * Return: the number, or -ESRCH.
 */
int tern_proc_own(int pid, int tid, const char *key, unsigned int *depth)
{
	char name[64], line[512], *at, *end;
	int number = -ESRCH;
	unsigned int nr = 0;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/task/%d/status", pid, tid);
	f = fopen(name, "re");
	if (!f)
		return -ESRCH;
	while (!nr && fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, strlen(key)))
			continue;
		/* as each namespace has it, from ours down */
		for (at = line + strlen(key);; at = end, nr++) {
			long value = strtol(at, &end, 10);

			if (end == at)
				break;
			number = value;
		}
	}
	fclose(f);
	if (depth)
		*depth = nr ? nr - 1 : 0;
	return number;
}

/**
 * tern_proc_own_tids() - the numbers of threads in their own pid namespace
 * @pid: the process
 * @tids: its threads, the leader first
 * @nr: how many
 * @own: filled; the leader first, the others ascending
 *
 * Return: 0, -ESRCH: it has ended, or -EAGAIN: one of the others has.
 */
int tern_proc_own_tids(int pid, const __s32 *tids, unsigned int nr, __s32 *own)
{
	unsigned int i, depth;

	own[0] = tern_proc_own(pid, tids[0], "NSpid:", &depth);
	if (own[0] < 0)
		return -ESRCH;
	/* most are in our namespace, and have the same numbers there */
	memcpy(own + 1, tids + 1, (nr - 1) * sizeof(*own));
	for (i = 1; i < nr && depth; i++) {
		own[i] = tern_proc_own(pid, tids[i], "NSpid:", NULL);
		if (own[i] < 0)
			return -EAGAIN;
	}
	qsort(own + 1, nr - 1, sizeof(*own), compare);
	return 0;
}

static int parse_mount(char *line, struct tern_proc_mount *mount)
{
	int root = 0, root_end = 0, place = 0, place_end = 0;
	char *type = strstr(line, " - ");

	/* id parent major:minor root place options… - type … */
	if (!type || sscanf(line, "%*d %*d %u:%u %n%*s%n %n%*s%n", &mount->major, &mount->minor,
			    &root, &root_end, &place, &place_end) != 2 || !place_end)
		return -EPROTO;
	type += strlen(" - ");
	type[strcspn(type, " ")] = '\0';
	line[root_end] = '\0';
	line[place_end] = '\0';
	mount->root = line + root;
	mount->place = line + place;
	mount->type = type;
	return 0;
}

/**
 * tern_proc_mounts() - walk /proc/PID/mountinfo
 * @pid: the process, 0: ourselves
 * @each: called for each line; what it returns, if it is not 0, ends the walk
 * @arg: for it
 */
int tern_proc_mounts(int pid, int (*each)(void *arg, const struct tern_proc_mount *mount),
		     void *arg)
{
	struct tern_proc_mount mount;
	char name[64], *line = NULL;
	size_t size = 0;
	int rc = 0;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/mountinfo", pid ? pid : getpid());
	f = fopen(name, "re");
	if (!f)
		return -errno;
	while (!rc && getline(&line, &size, f) > 0) {
		rc = parse_mount(line, &mount);
		if (!rc)
			rc = each(arg, &mount);
	}
	free(line);
	fclose(f);
	return rc;
}

/** tern_proc_mapped() - the link to what is mapped from @start to @end */
void tern_proc_mapped(int pid, __u64 start, __u64 end, char name[PROC_MAPPED_MAX])
{
	snprintf(name, PROC_MAPPED_MAX, "/proc/%d/map_files/%llx-%llx", pid,
		 (unsigned long long)start, (unsigned long long)end);
}

/* Field 3 of proc_pid_stat(5) and what follows, in @line; NULL: there is no such process. */
static char *read_stat(int pid, char line[STAT_MAX])
{
	char name[64], *at = NULL;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	f = fopen(name, "re");
	if (!f)
		return NULL;
	/* the name, which may have anything in it, ends with the last bracket */
	if (fgets(line, STAT_MAX, f))
		at = strrchr(line, ')');
	fclose(f);
	return at ? at + 1 : NULL;
}

/* Field @n of proc_pid_stat(5), from 3 on, which @at points to; 0: there are less. */
static long stat_field(const char *at, unsigned int n)
{
	for (; n > 3 && at; n--)
		at = strchr(at + 1, ' ');
	return at ? atol(at + 1) : 0;
}

/** tern_proc_ended() - is it no more, or about to be, or waits for its parent to see that? */
bool tern_proc_ended(int pid)
{
	char line[STAT_MAX];
	const char *at = read_stat(pid, line);

	/* before it is a zombie it has neither memory nor files any more */
	return !at || at[1] == 'Z' || at[1] == 'X' || stat_field(at, 9) & PF_EXITING;
}

/**
 * tern_proc_lineage() - who is its parent, and where does it belong?
 * @pid: the process
 * @lineage: of which @parent, @group and @session are filled, as they are here
 */
int tern_proc_lineage(int pid, struct tern_lineage *lineage)
{
	char line[STAT_MAX];
	const char *at = read_stat(pid, line);

	if (!at)
		return -ESRCH;
	lineage->parent = stat_field(at, 4);
	lineage->group = stat_field(at, 5);
	lineage->session = stat_field(at, 6);
	return 0;
}
