// SPDX-License-Identifier: GPL-2.0
/*
 * How a process enters a new pod. It takes two: the first one makes the namespaces, and its
 * child is the first process in them, which sees to it that the file systems in which a
 * process finds itself and its like (proc(5), sysfs(5), cgroups(7), mq_overview(7)) are
 * those of the pod. All else is as the host has it, and what the host mounts later comes
 * along.
 *
 * Between fork and exec: system calls only, and nothing that could wait for a lock.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pod.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#define NEW	(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP | \
		 CLONE_NEWPID | CLONE_NEWTIME)
#define PLAIN	(MS_NOSUID | MS_NODEV | MS_NOEXEC)

/**
 * tern_pod_name_valid() - letters, digits, '_' and '-'; no number
 *
 * A name with a '.' might be that of a file of cgroups(7).
 */
bool tern_pod_name_valid(const char *name)
{
	bool number = true;
	const char *c;

	for (c = name; *c; c++) {
		if (!isalnum((unsigned char)*c) && !strchr("_-", *c))
			return false;
		number &= !!isdigit((unsigned char)*c);
	}
	return !number && c - name < TERN_POD_NAME_MAX;
}

/**
 * tern_pod_init() - a pod that is to be made
 * @pod: filled; its clocks are ours
 * @parent: directory in which its control group will be
 * @name: valid
 */
void tern_pod_init(struct tern_pod *pod, const char *parent, const char *name)
{
	memset(pod, 0, sizeof(*pod));
	snprintf(pod->name, sizeof(pod->name), "%s", name);
	snprintf(pod->group, sizeof(pod->group), "%s/%s", parent, name);
	snprintf(pod->procs, sizeof(pod->procs), "%s/cgroup.procs", pod->group);
}

/** tern_pod_write() - write to a file of the kernel; 0, or -1 and errno */
int tern_pod_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), rc, err;

	if (fd < 0)
		return -1;
	rc = write(fd, text, strlen(text)) < 0 ? -1 : 0;
	err = errno;
	close(fd);
	errno = err;
	return rc;
}

static int loopback_up(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;

	if (fd < 0)
		return -1;
	rc = ioctl(fd, SIOCSIFFLAGS, &lo);
	close(fd);
	return rc;
}

/**
 * tern_pod_enter() - be in the control group, and have children in new namespaces
 * @pod: whose group there is
 *
 * Return: 0, or -1 and errno.
 */
int tern_pod_enter(const struct tern_pod *pod)
{
	if (tern_pod_write(pod->procs, "0"))
		return -1;
	/* behind that: the group is the root of its namespace */
	if (unshare(NEW))
		return -1;
	if (pod->timens[0] && tern_pod_write("/proc/self/timens_offsets", pod->timens))
		return -1;
	if (sethostname(pod->name, strlen(pod->name)) || loopback_up())
		return -1;
	return mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL);
}

/* Where there is such a place at all. */
static int mount_on(const char *place, const char *type)
{
	if (!mount(type, place, type, PLAIN, NULL))
		return 0;
	return errno == ENOENT || errno == ENODEV ? 0 : -1;
}

/** tern_pod_settle() - the first process, before it executes a program; 0, or -1 and errno */
int tern_pod_settle(void)
{
	if (mount("proc", "/proc", "proc", PLAIN, NULL))
		return -1;
	/* it has /dev/ptmx speak of it, too: that looks for it beside itself */
	if (mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		  "newinstance,ptmxmode=0666,mode=620,gid=5") && errno != ENOENT)
		return -1;
	if (mount_on("/sys", "sysfs") || mount_on("/sys/fs/cgroup", "cgroup2"))
		return -1;
	return mount_on("/dev/mqueue", "mqueue");
}
