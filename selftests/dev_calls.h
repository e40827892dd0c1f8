/* SPDX-License-Identifier: GPL-2.0 */
/* What tests of /dev/tern share: the calls, with the struct's size filled in. */
#ifndef DEV_CALLS_H
#define DEV_CALLS_H

#include <errno.h>
#include <fcntl.h>
#include <linux/tern.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/** call() - an ioctl of ours: 0 or negative errno */
static inline int call(int dev, unsigned long nr, void *arg)
{
	return ioctl(dev, nr, arg) < 0 ? -errno : 0;
}

static inline int dev_open(void)
{
	int dev = open("/dev/tern", O_RDWR | O_CLOEXEC);

	return dev < 0 ? -errno : dev;
}

/** serve() - be the daemon of a host "self" that knows a host "peer" */
static inline int serve(int dev)
{
	static const char hosts[1][TERN_HOST_LEN] = { "peer" };
	struct tern_serve arg = {
		.size = sizeof(arg), .nr_hosts = 1, .hosts = (uintptr_t)hosts, .self = "self",
	};

	return call(dev, TERN_IOC_SERVE, &arg);
}

/** ask() - ask for a migration of @pid to "peer"; its id goes to @id */
static inline int ask(int dev, int pid, uint64_t *id)
{
	struct tern_ask arg = {
		.size = sizeof(arg), .what = TERN_ASK_MIGRATE, .pid = pid, .host = "peer",
	};
	int rc = call(dev, TERN_IOC_ASK, &arg);

	*id = arg.id;
	return rc;
}

static inline int attach(int dev, uint64_t id, int side)
{
	struct tern_attach arg = { .size = sizeof(arg), .side = side, .id = id };

	return call(dev, TERN_IOC_ATTACH, &arg);
}

/** create() - the destination's half of a migration */
static inline int create(int dev, uint64_t id, int pid)
{
	struct tern_attach arg = {
		.size = sizeof(arg), .side = TERN_DESTINATION, .id = id, .pid = pid,
		.flags = TERN_ATTACH_CREATE, .nr_threads = 1, .host = "peer",
	};

	return call(dev, TERN_IOC_ATTACH, &arg);
}

/** create_in() - likewise, of a unit that will have @nr */
static inline int create_in(int dev, uint64_t id, int pid, uint64_t unit, unsigned int nr)
{
	struct tern_attach arg = {
		.size = sizeof(arg), .side = TERN_DESTINATION, .id = id, .pid = pid,
		.flags = TERN_ATTACH_CREATE, .nr_threads = 1, .host = "peer",
		.unit = unit, .nr_members = nr,
	};

	return call(dev, TERN_IOC_ATTACH, &arg);
}

/** create_member() - the source's half of process @pid, which moves with @unit's root */
static inline int create_member(int dev, uint64_t unit, int pid)
{
	struct tern_attach arg = {
		.size = sizeof(arg), .side = TERN_SOURCE, .pid = pid,
		.flags = TERN_ATTACH_CREATE, .unit = unit,
	};

	return call(dev, TERN_IOC_ATTACH, &arg);
}

static inline int park(int dev)
{
	char why[TERN_WHY_LEN] = "";
	struct tern_park arg = {
		.size = sizeof(arg), .timeout_ms = 10000,
		.why = (uintptr_t)why, .why_len = sizeof(why),
	};
	int rc = call(dev, TERN_IOC_PARK, &arg);

	if (why[0])
		fprintf(stderr, "# park: %s\n", why);
	return rc;
}

static inline int image_call(int dev, unsigned long nr, void *buf, uint64_t *len)
{
	struct tern_image_io arg = {
		.size = sizeof(arg), .buf = (uintptr_t)buf, .len = *len,
	};
	int rc = call(dev, nr, &arg);

	*len = arg.len;
	return rc;
}

static inline int fail_it(int dev, unsigned int flags)
{
	struct tern_fail arg = { .size = sizeof(arg), .flags = flags, .err = ECANCELED,
				 .why = "the test says so" };

	return call(dev, TERN_IOC_FAIL, &arg);
}

static inline int read_page(int dev, uint64_t addr, void *buf, uint64_t *present)
{
	struct tern_read_pages arg = {
		.size = sizeof(arg), .nr = 1, .addr = addr, .buf = (uintptr_t)buf,
	};
	int rc = call(dev, TERN_IOC_READ_PAGES, &arg);

	*present = arg.present;
	return rc;
}

#endif
