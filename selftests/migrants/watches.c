// SPDX-License-Identifier: GPL-2.0
/*
 * inotify(7): watches with gaps in their numbers, and a thread that waits for events.
 * After each hop every watch reports what happens to its file, and nothing else.
 *
 * usage: watches DIR HOPS OWN    OWN: a directory that each host has of its own
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

#define MASK	(IN_CREATE | IN_MODIFY | IN_ATTRIB | IN_EXCL_UNLINK)

static const char *own;
static int instance, waiting, wd_dir, wd_file, wd_once, wd_waiting, got;

static const char *path_of(const char *name)
{
	static char path[600];

	snprintf(path, sizeof(path), "%s/%s", own, name);
	return path;
}

static int watch(int fd, const char *path, unsigned int mask)
{
	int wd = inotify_add_watch(fd, path, mask);

	check(wd > 0, "%s: %s", path, strerror(errno));
	return wd;
}

static void touch(const char *name)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT, 0600);

	check(fd >= 0 && write(fd, "x", 1) == 1, "%s: %s", name, strerror(errno));
	close(fd);
}

/* The next event of @instance is this one. */
static void expect(int wd, unsigned int mask, const char *name)
{
	char buf[sizeof(struct inotify_event) + 256];
	struct inotify_event e;
	/* room for one: the kernel pads a short name to 16 bytes */
	ssize_t n = read(instance, buf, sizeof(struct inotify_event) + (name ? 16 : 0));

	check(n > 0, "no event for watch %d: %s", wd, strerror(errno));
	memcpy(&e, buf, sizeof(e));
	check(e.wd == wd && e.mask == mask && (!name || !strcmp(buf + sizeof(e), name)),
	      "watch %d: %x, and not %d: %x", e.wd, e.mask, wd, mask);
	check(n == (ssize_t)(sizeof(e) + e.len), "more than one event");
}

static void *wait_for_event(void *arg)
{
	char buf[sizeof(struct inotify_event) + 256];
	struct inotify_event e;

	check(read(waiting, buf, sizeof(buf)) >= (ssize_t)sizeof(e), "waiting: %s",
	      strerror(errno));
	memcpy(&e, buf, sizeof(e));
	__atomic_store_n(&got, e.wd, __ATOMIC_RELEASE);
	return arg;
}

static void open_all(void)
{
	int wd;

	instance = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	wd = watch(instance, path_of("other"), IN_OPEN);
	inotify_rm_watch(instance, wd);
	wd_dir = watch(instance, own, MASK);
	wd = watch(instance, path_of("other"), IN_OPEN);
	inotify_rm_watch(instance, wd);
	wd_file = watch(instance, path_of("file"), IN_MODIFY);
	wd_once = watch(instance, path_of("other"), IN_ATTRIB | IN_ONESHOT);
	check(wd_dir == 2 && wd_file == 4 && wd_once == 5, "numbers are not as expected");
	expect(1, IN_IGNORED, NULL);
	expect(3, IN_IGNORED, NULL);
	waiting = inotify_init1(0);
	wd_waiting = watch(waiting, path_of("waiting"), IN_ATTRIB);
}

static void check_all(unsigned int hop)
{
	char byte[64], name[32];

	check(!__atomic_load_n(&got, __ATOMIC_ACQUIRE), "the thread has seen something");
	check(read(instance, byte, sizeof(byte)) < 0 && errno == EAGAIN, "an event from nowhere");
	check(fcntl(instance, F_GETFD) == FD_CLOEXEC && !(fcntl(waiting, F_GETFL) & O_NONBLOCK),
	      "flags are not what they were");
	snprintf(name, sizeof(name), "new%u", hop);
	close(open(path_of(name), O_WRONLY | O_CREAT, 0600));
	expect(wd_dir, IN_CREATE, name);
	chmod(path_of("waiting"), 0600);
	expect(wd_dir, IN_ATTRIB, "waiting");
	if (hop == 1) {
		inotify_rm_watch(instance, wd_file);
		expect(wd_file, IN_IGNORED, NULL);
		wd_file = 0;
	}
}

int main(int argc, char **argv)
{
	unsigned int i, hops;
	pthread_t thread;

	migrant_start(argc, argv, 2, "HOPS OWN");
	hops = atoi(argv[2]);
	own = argv[3];
	open_all();
	for (i = 1; i <= hops; i++) {
		got = 0;
		pthread_create(&thread, NULL, wait_for_event, NULL);
		if (i == 1)
			migrant_tell("ready", "yes");
		migrant_wait_hop();
		check_all(i);
		pthread_join(thread, NULL);
		check(got == wd_waiting, "the thread has seen watch %d", got);
	}
	touch("other");
	migrant_rest();
	migrant_ok("hops=%u", migrant.hops);
}
