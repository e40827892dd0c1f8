/* SPDX-License-Identifier: GPL-2.0 */
/* /dev/tern: one function per ioctl; negative errno everywhere. */
#ifndef TERN_DEV_H
#define TERN_DEV_H

#include <linux/tern.h>
#include <stddef.h>

/**
 * struct tern_why - a sentence that tells why a call failed
 * @text: NUL-terminated, empty when there is nothing to say
 */
struct tern_why {
	char text[TERN_WHY_LEN];
};

/** tern_why_set() - format @why; keeps what is there when it is not empty */
int tern_why_set(struct tern_why *why, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

int tern_dev_open(void);
int tern_dev_info(int dev, struct tern_info *info);

/**
 * struct tern_clocks - how far the clocks of a process are ahead of our own, ns: both may
 *	be those of a time namespace, in which a process stays
 * @monotonic: CLOCK_MONOTONIC
 * @boottime: CLOCK_BOOTTIME
 */
struct tern_clocks {
	__s64 monotonic;
	__s64 boottime;
};

int tern_dev_clocks(int dev, int pid, struct tern_clocks *clocks);
int tern_dev_serve(int dev, const char *self, const char *hosts, unsigned int nr);
int tern_dev_attach(int dev, struct tern_attach *attach);
/* @pids: room for TERN_PROCESSES_MAX; @nr: out */
int tern_dev_tree(int dev, __s32 *pids, unsigned int *nr);
int tern_dev_park(int dev, struct tern_park *park, struct tern_why *why);
/* @len: in: size of @buf; out: used */
int tern_dev_prepared(int dev);
int tern_dev_expect(int dev, unsigned int nr);
__u64 tern_dev_went(int dev);
int tern_dev_capture(int dev, unsigned int flags, void *buf, size_t *len,
		     struct tern_why *why);
int tern_dev_thaw(int dev);
int tern_dev_sent(int dev);
int tern_dev_commit(int dev, void *buf, size_t *len, struct tern_why *why);
int tern_dev_write_back(int dev);
int tern_dev_written(int dev, unsigned int err);
int tern_dev_sockets(int dev, const void *buf, size_t len, struct tern_why *why);
int tern_dev_load(int dev, const void *buf, size_t len, struct tern_why *why);
int tern_dev_resume(int dev);
int tern_dev_release(int dev);
int tern_dev_fail(int dev, unsigned int flags, int err, const struct tern_why *why);
__s64 tern_dev_next_data(int dev, int fd, __u64 offset);
__s64 tern_dev_next_pages(int dev, struct tern_next_pages *area, __u64 addr);
int tern_dev_accessed(int dev, __u64 *start, __u64 end, struct tern_accessed_range *ranges,
		      unsigned int room);
/* returns pages looked at; bit n of @present: page n was copied to @buf + n * 4096 */
int tern_dev_check(int dev, int pid, unsigned int flags, struct tern_why *why);
int tern_dev_read_pages(int dev, __u64 addr, unsigned int nr, void *buf,
			__u64 *present);
int tern_dev_report(int dev, const struct tern_report *report);
int tern_dev_keep(int dev, unsigned int key, int fd);
int tern_dev_kept(int dev, unsigned int key);	/* returns the descriptor */
int tern_dev_uffd_read(int dev, struct tern_uffd_read *read);
int tern_dev_hold(int dev, struct tern_why *why);	/* returns the descriptor */
int tern_dev_learn(int dev, int tid);

#endif
