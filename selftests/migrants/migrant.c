// SPDX-License-Identifier: GPL-2.0
/*
 * Heartbeat and verdict of a migrant; see migrant.h. One thread of a migrant
 * steps and tells, the others may call check(). No locks.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

#define BEAT_NS		200000000ULL
#define PAGE		4096
#define STEP		0x9e3779b97f4a7c15ULL

struct migrant migrant;

void migrant_set_option(int fd, int level, int name, int value)
{
	check(!setsockopt(fd, level, name, &value, sizeof(value)), "option %d: %s", name,
	      strerror(errno));
}

void migrant_is_option(int fd, int level, int name, int want)
{
	int value = -1;
	socklen_t len = sizeof(value);

	check(!getsockopt(fd, level, name, &value, &len) && value == want,
	      "option %d of level %d is %d and not %d after %u hops", name, level, value, want,
	      migrant.hops);
}

uint64_t now_ns(int clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

void page_fill(void *page, uint64_t key)
{
	uint64_t *word = page, x = mix(key);
	unsigned int i;

	for (i = 0; i < PAGE / sizeof(*word); i++, x += STEP)
		word[i] = x;
}

int page_bad(const void *page, uint64_t key)
{
	const uint64_t *word = page;
	uint64_t x = mix(key);
	unsigned int i;

	for (i = 0; i < PAGE / sizeof(*word); i++, x += STEP)
		if (word[i] != x)
			return i;
	return -1;
}

bool page_is(const void *page, uint64_t key)
{
	static const char zeros[PAGE];

	return key ? page_bad(page, key) < 0 : !memcmp(page, zeros, PAGE);
}

/* Atomic for readers: a new link takes the old one's place. */
void migrant_tell(const char *name, const char *text)
{
	char path[PATH_MAX], tmp[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", migrant.dir, name);
	snprintf(tmp, sizeof(tmp), "%s/.%s.%d", migrant.dir, name,
		 (int)syscall(SYS_gettid));
	if (symlink(text, tmp) && errno == EEXIST) {
		unlink(tmp);
		if (symlink(text, tmp))
			return;
	}
	rename(tmp, path);
}

static void verdict(const char *word, const char *fmt, va_list args)
{
	char text[1024], line[1200];

	vsnprintf(text, sizeof(text), fmt, args);
	snprintf(line, sizeof(line), "%s %s", word, text);
	migrant_tell("verdict", line);
	puts(line);
	fflush(stdout);
}

void migrant_ok(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	verdict("ok", fmt, args);
	va_end(args);
	_exit(0);
}

void migrant_fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	verdict("FAIL", fmt, args);
	va_end(args);
	_exit(1);
}

/* A pod has one name wherever it is: there somebody has to say where that is. */
static void look_host(char host[65])
{
	ssize_t len = readlink("/run/tern/host", host, 64);
	struct utsname uts;

	if (len > 0) {
		host[len] = '\0';
		return;
	}
	uname(&uts);
	strcpy(host, uts.nodename);
}

bool migrant_hopped(void)
{
	char host[65];

	look_host(host);
	if (!strcmp(host, migrant.host))
		return false;
	strcpy(migrant.host, host);
	migrant.hops++;
	return true;
}

static bool told_to_stop(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/stop", migrant.dir);
	return !access(path, F_OK);
}

bool migrant_step(void)
{
	uint64_t now = now_ns(CLOCK_MONOTONIC);
	bool due = now - migrant.told >= BEAT_NS, stop;
	char text[256];

	migrant.beats++;
	/* Before the host is looked at: who is told to end has counted all its hops. */
	stop = due && told_to_stop();
	migrant_hopped();
	if (!due)
		return true;
	migrant.told = now;
	snprintf(text, sizeof(text), "beats=%llu host=%s hops=%u",
		 (unsigned long long)migrant.beats, migrant.host, migrant.hops);
	migrant_tell("progress", text);
	return !stop;
}

void migrant_rest(void)
{
	struct timespec pause = { .tv_nsec = 10000000 };

	while (migrant_step())
		nanosleep(&pause, NULL);
}

bool migrant_wait_hop(void)
{
	struct timespec pause = { .tv_nsec = 1000000 };
	unsigned int hops = migrant.hops;

	for (;;) {
		migrant_hopped();
		if (migrant.hops != hops)
			return true;
		if (!migrant_step())
			return false;
		nanosleep(&pause, NULL);
	}
}

bool migrant_count_until_hop(int fd, uint64_t *counted)
{
	struct timespec pause = { .tv_nsec = 200000 };
	unsigned int hops = migrant.hops;

	while (migrant.hops == hops) {
		if (!migrant_step())
			return false;
		check(write(fd, counted, sizeof(*counted)) == sizeof(*counted), "write: %s",
		      strerror(errno));
		(*counted)++;
		nanosleep(&pause, NULL);
	}
	return true;
}

int migrant_open(const char *name, int flags)
{
	char path[sizeof(migrant.dir) + 64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", migrant.dir, name);
	fd = open(path, flags, 0600);
	check(fd >= 0, "%s: %s", path, strerror(errno));
	return fd;
}

int migrant_hugetlbfs(void)
{
	int fs = fsopen("hugetlbfs", FSOPEN_CLOEXEC), dir = -1;

	if (fs >= 0 && !fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		dir = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (fs >= 0)
		close(fs);
	return dir;
}

void migrant_start(int argc, char **argv, int least, const char *usage)
{
	char text[32];

	if (argc < least + 2 || argv[1][0] != '/' || strlen(argv[1]) >= sizeof(migrant.dir)) {
		fprintf(stderr, "usage: %s /DIR %s\n", argv[0], usage);
		_exit(2);
	}
	strcpy(migrant.dir, argv[1]);
	look_host(migrant.host);
	snprintf(text, sizeof(text), "%d", getpid());
	migrant_tell("pid", text);
}
