// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/tern from user space: every ioctl is one function here, so that sizes,
 * sentence buffers and the errno convention are handled once. Owns nothing;
 * handles belong to the callers. No locks; the kernel serialises what must be.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "dev.h"

/**
 * tern_why_set() - format a sentence into @why, unless one is there already
 * @why: may be NULL
 * @err: negative errno that the sentence explains
 * @fmt: printf(3)
 *
 * The first sentence is the one nearest to the cause, so it stays.
 *
 * Return: @err, so that a caller can say "return tern_why_set(…)".
 */
int tern_why_set(struct tern_why *why, int err, const char *fmt, ...)
{
	va_list args;

	if (!why || why->text[0])
		return err;
	va_start(args, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, args);
	va_end(args);
	return err;
}

static int call(int dev, unsigned long nr, void *arg)
{
	int ret;

	do {
		ret = ioctl(dev, nr, arg);
	} while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : ret;
}

/* The kernel writes into @text; the caller's sentence, if any, goes first. */
static void take_why(struct tern_why *why, const char *text, int err)
{
	if (err < 0 && text[0])
		tern_why_set(why, err, "%.*s", TERN_WHY_LEN - 1, text);
}

/**
 * tern_dev_open() - a new handle
 *
 * Return: the descriptor, close-on-exec, or negative errno (-ENOENT, -ENODEV:
 * the module is not loaded).
 */
int tern_dev_open(void)
{
	int fd = open("/dev/tern", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/** tern_dev_info() - what the module and this processor can do */
int tern_dev_info(int dev, struct tern_info *info)
{
	info->size = sizeof(*info);
	return call(dev, TERN_IOC_INFO, info);
}

/** tern_dev_clocks() - compare the clocks of process @pid with our own */
int tern_dev_clocks(int dev, int pid, struct tern_clocks *clocks)
{
	struct tern_info info = { .pid = pid }, self = { .pid = 0 };
	int err;

	err = tern_dev_info(dev, &info);
	if (!err)
		err = tern_dev_info(dev, &self);
	if (err)
		return err;
	clocks->monotonic = info.monotonic_off - self.monotonic_off;
	clocks->boottime = info.boottime_off - self.boottime_off;
	return 0;
}

/** tern_dev_serve() - be this host's daemon; @hosts is an array of names */
int tern_dev_serve(int dev, const char *self, const char *hosts, unsigned int nr)
{
	struct tern_serve serve = {
		.size = sizeof(serve),
		.nr_hosts = nr,
		.hosts = (unsigned long)hosts,
	};

	snprintf(serve.self, sizeof(serve.self), "%s", self);
	return call(dev, TERN_IOC_SERVE, &serve);
}

/** tern_dev_attach() - let @dev stand for a migration */
int tern_dev_attach(int dev, struct tern_attach *attach)
{
	attach->size = sizeof(*attach);
	return call(dev, TERN_IOC_ATTACH, attach);
}

/** tern_dev_tree() - the migrant and its descendants, each behind its parent */
int tern_dev_tree(int dev, __s32 *pids, unsigned int *nr)
{
	struct tern_tree_io io = {
		.size = sizeof(io), .nr = TERN_PROCESSES_MAX, .pids = (unsigned long)pids,
	};
	int err = call(dev, TERN_IOC_TREE, &io);

	*nr = err ? 0 : io.nr;
	return err;
}

/** tern_dev_park() - stop the migrant's threads; @park receives count and time */
int tern_dev_park(int dev, struct tern_park *park, struct tern_why *why)
{
	char text[TERN_WHY_LEN] = "";
	int err;

	memset(park, 0, sizeof(*park));
	park->size = sizeof(*park);
	park->why = (unsigned long)text;
	park->why_len = sizeof(text);
	err = call(dev, TERN_IOC_PARK, park);
	take_why(why, text, err);
	return err;
}

static int image_io(int dev, unsigned long nr, unsigned int flags, void *buf, size_t *len,
		    struct tern_why *why)
{
	char text[TERN_WHY_LEN] = "";
	struct tern_image_io io = {
		.size = sizeof(io),
		.flags = flags,
		.buf = (unsigned long)buf,
		.len = *len,
		.why = (unsigned long)text,
		.why_len = sizeof(text),
	};
	int err = call(dev, nr, &io);

	take_why(why, text, err);
	if (err >= 0)
		*len = io.len;
	return err;
}

/** tern_dev_expect() - so many migrants will resume together here */
int tern_dev_expect(int dev, unsigned int nr)
{
	struct tern_expect expect = { .size = sizeof(expect), .nr_members = nr };

	return call(dev, TERN_IOC_EXPECT, &expect);
}

/** tern_dev_went() - ns since the migrant's last thread went; 0: not yet, or not known */
__u64 tern_dev_went(int dev)
{
	struct tern_went went = { .size = sizeof(went) };

	return call(dev, TERN_IOC_WENT, &went) ? 0 : went.ns;
}

/** tern_dev_prepared() - the destination has laid the migrant out, which runs on */
int tern_dev_prepared(int dev)
{
	return call(dev, TERN_IOC_PREPARED, NULL);
}

/** tern_dev_capture() - the migrant's image; -ENOSPC: larger buffer; @flags: TERN_CAPTURE_* */
int tern_dev_capture(int dev, unsigned int flags, void *buf, size_t *len,
		     struct tern_why *why)
{
	return image_io(dev, TERN_IOC_CAPTURE, flags, buf, len, why);
}

/** tern_dev_sent() - PARKED to DOUBT, just before the blast can leave */
int tern_dev_sent(int dev)
{
	return call(dev, TERN_IOC_SENT, NULL);
}

/** tern_dev_thaw() - PARKED to REQUESTED: threads run on, to be parked again */
int tern_dev_thaw(int dev)
{
	return call(dev, TERN_IOC_THAW, NULL);
}

/** tern_dev_commit() - end the parked tasks; late signals come back in @buf */
int tern_dev_commit(int dev, void *buf, size_t *len, struct tern_why *why)
{
	return image_io(dev, TERN_IOC_COMMIT, 0, buf, len, why);
}

/** tern_dev_load() - THREAD objects for the waiting shell */
int tern_dev_load(int dev, const void *buf, size_t len, struct tern_why *why)
{
	return image_io(dev, TERN_IOC_LOAD, 0, (void *)buf, &len, why);
}

/** tern_dev_sockets() - TCP and STREAM objects for the process that runs; -EALREADY: again */
int tern_dev_sockets(int dev, const void *buf, size_t len, struct tern_why *why)
{
	return image_io(dev, TERN_IOC_SOCKETS, 0, (void *)buf, &len, why);
}

/** tern_dev_write_back() - what the migrant has written, to its file servers; -EAGAIN: not yet */
int tern_dev_write_back(int dev)
{
	return call(dev, TERN_IOC_WRITE_BACK, NULL);
}

/** tern_dev_written() - the source has done so; @err: positive errno, or 0; -EALREADY: again */
int tern_dev_written(int dev, unsigned int err)
{
	struct tern_written arg = { .size = sizeof(arg), .err = err };

	return call(dev, TERN_IOC_WRITTEN, &arg);
}

/** tern_dev_resume() - LOADED to PAGING: the migrant runs */
int tern_dev_resume(int dev)
{
	return call(dev, TERN_IOC_RESUME, NULL);
}

/** tern_dev_release() - to INDEPENDENT, on either side */
int tern_dev_release(int dev)
{
	return call(dev, TERN_IOC_RELEASE, NULL);
}

/**
 * tern_dev_fail() - end a migration that has not happened, or is lost
 * @dev: handle
 * @flags: TERN_FAIL_*
 * @err: negative errno that told so
 * @why: sentence for status and events; may be NULL or empty
 */
int tern_dev_fail(int dev, unsigned int flags, int err, const struct tern_why *why)
{
	struct tern_fail fail = {
		.size = sizeof(fail),
		.flags = flags,
		.err = err < 0 ? -err : err,
	};

	snprintf(fail.why, sizeof(fail.why), "%s",
		 why && why->text[0] ? why->text : strerror(fail.err));
	return call(dev, TERN_IOC_FAIL, &fail);
}

/**
 * tern_dev_check() - can a process move?
 * @dev: handle
 * @pid: the process
 * @flags: of the migration
 * @why: the first thing that cannot
 *
 * Return: 0, -EOPNOTSUPP, or another negative errno.
 */
int tern_dev_check(int dev, int pid, unsigned int flags, struct tern_why *why)
{
	char reasons[sizeof(why->text)];
	struct tern_check check = {
		.size = sizeof(check),
		.flags = flags & TERN_FLAGS_CHECK,
		.pid = pid,
		.buf = (unsigned long)reasons,
		.buf_len = sizeof(reasons),
	};
	int err = call(dev, TERN_IOC_CHECK, &check);

	if (err || !check.nr_reasons)
		return err;
	reasons[strcspn(reasons, "\n")] = '\0';
	return tern_why_set(why, -EOPNOTSUPP, "%s", reasons);
}

/** tern_dev_read_pages() - pages of the parked or committed migrant */
int tern_dev_read_pages(int dev, __u64 addr, unsigned int nr, void *buf,
			__u64 *present)
{
	struct tern_read_pages read = {
		.size = sizeof(read),
		.nr = nr,
		.addr = addr,
		.buf = (unsigned long)buf,
	};
	int err = call(dev, TERN_IOC_READ_PAGES, &read);

	if (err < 0)
		return err;
	*present = read.present;
	return read.nr;
}

/**
 * tern_dev_next_data() - the next page of a file of hugetlbfs that is not a hole
 * @dev: handle
 * @fd: of the file
 * @offset: where to look
 *
 * Return: where it is, or negative errno; ENXIO: there is none.
 */
__s64 tern_dev_next_data(int dev, int fd, __u64 offset)
{
	struct tern_next_data next = { .size = sizeof(next), .fd = fd, .offset = offset };
	int err = call(dev, TERN_IOC_NEXT_DATA, &next);

	return err < 0 ? err : (__s64)next.offset;
}

/**
 * tern_dev_accessed() - pages that the migrant has used lately
 * @dev: handle
 * @start: where to look; out: how far it has come
 * @end: where to stop
 * @ranges: out
 * @room: how many fit, at most TERN_ACCESSED_MAX
 *
 * Return: how many there are, or negative errno.
 */
int tern_dev_accessed(int dev, __u64 *start, __u64 end, struct tern_accessed_range *ranges,
		      unsigned int room)
{
	struct tern_accessed accessed = {
		.size = sizeof(accessed),
		.nr = room,
		.start = *start,
		.end = end,
		.ranges = (unsigned long)ranges,
	};
	int err = call(dev, TERN_IOC_ACCESSED, &accessed);

	if (err < 0)
		return err;
	*start = accessed.start;
	return accessed.nr;
}

/**
 * tern_dev_next_pages() - where the migrant may have pages
 * @dev: handle
 * @area: zeroed, or what was found last
 * @addr: where to look; not less than last time
 *
 * The kernel is asked only when @addr is behind @area.
 *
 * Return: @addr, or the next address that may have a page; INT64_MAX: there is none; or
 * negative errno.
 */
__s64 tern_dev_next_pages(int dev, struct tern_next_pages *area, __u64 addr)
{
	int err = 0;

	if (addr >= area->end) {
		*area = (struct tern_next_pages) { .size = sizeof(*area), .start = addr };
		err = call(dev, TERN_IOC_NEXT_PAGES, area);
	}
	if (err == -ENXIO)
		area->start = area->end = INT64_MAX;
	else if (err < 0)
		return err;
	return addr < area->start ? area->start : addr;
}

/** tern_dev_report() - put the migration's figures where everybody sees them */
int tern_dev_report(int dev, const struct tern_report *report)
{
	struct tern_report_io io = {
		.size = sizeof(io),
		.report = *report,
	};

	return call(dev, TERN_IOC_REPORT, &io);
}

/** tern_dev_keep() - leave @fd with the migration under @key */
int tern_dev_keep(int dev, unsigned int key, int fd)
{
	struct tern_keep keep = { .size = sizeof(keep), .key = key, .fd = fd };

	return call(dev, TERN_IOC_KEEP, &keep);
}

/** tern_dev_kept() - get back what was left under @key; a new descriptor */
int tern_dev_kept(int dev, unsigned int key)
{
	struct tern_keep keep = { .size = sizeof(keep), .key = key, .fd = -1 };
	int err = call(dev, TERN_IOC_KEPT, &keep);

	return err < 0 ? err : keep.fd;
}

/** tern_dev_uffd_read() - events of one address space, or of the log */
int tern_dev_uffd_read(int dev, struct tern_uffd_read *read)
{
	read->size = sizeof(*read);
	return call(dev, TERN_IOC_UFFD_READ, read);
}

/** tern_dev_hold() - hold frames back; returns where they are read, which does not block */
int tern_dev_hold(int dev, struct tern_why *why)
{
	char text[TERN_WHY_LEN] = "";
	struct tern_hold_io io = {
		.size = sizeof(io), .why = (unsigned long)text, .why_len = sizeof(text),
	};
	int err = call(dev, TERN_IOC_HOLD, &io);

	take_why(why, text, err);
	if (!err && fcntl(io.fd, F_SETFL, O_NONBLOCK)) {
		err = -errno;
		close(io.fd);
	}
	return err ? err : io.fd;
}

/** tern_dev_learn() - show the module a blocked template thread */
int tern_dev_learn(int dev, int tid)
{
	struct tern_learn learn = { .size = sizeof(learn), .tid = tid };

	return call(dev, TERN_IOC_LEARN, &learn);
}
