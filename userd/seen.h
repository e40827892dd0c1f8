/* SPDX-License-Identifier: GPL-2.0 */
/* What only /proc and calls show of a migrant's descriptors, for an image. */
#ifndef TERN_SEEN_H
#define TERN_SEEN_H

#include <stdbool.h>
#include <stdio.h>

#include "dev.h"
#include "image.h"

/**
 * struct tern_seen_fd - a descriptor of the image
 * @fd: its number
 * @desc: its description
 * @kind: enum tern_desc_kind
 * @pipe: number of the file that moves
 * @family: of a TCP or UDP socket its family, AF_NETLINK of one of that, of others 0
 * @type: of a TCP or UDP socket its type
 * @first: the first one of the description
 */
struct tern_seen_fd {
	int fd;
	__u32 desc;
	__u32 kind;
	__u32 pipe;
	__u32 family;
	__u32 type;
	bool first;
};

/**
 * struct tern_seen - what is looked at
 * @image: the capture, which grows
 * @dev: handle of /dev/tern
 * @pid: the migrant
 * @clocks: its clocks
 * @draft: it runs
 * @fds: copied from the image, in its order: ascending by number
 * @nr: how many
 * @carried_bytes: that have been read of all files that move with it
 * @why: what cannot move
 */
struct tern_seen {
	struct tern_image *image;
	int dev;
	int pid;
	const struct tern_clocks *clocks;
	bool draft;
	struct tern_seen_fd *fds;
	unsigned int nr;
	size_t carried_bytes;
	struct tern_why *why;
};

int tern_seen_add(struct tern_image *image, int dev, int pid, const struct tern_clocks *clocks,
		  bool draft, struct tern_why *why);
FILE *tern_seen_fdinfo(const struct tern_seen *seen, int fd);
int tern_seen_dup(const struct tern_seen *seen, int fd);

/* all of them, in the order of their numbers */
int tern_seen_carried(struct tern_seen *seen);
__u64 tern_seen_time(const struct timespec *ts);
/* one for each kind: @fd is the first descriptor of its description */
int tern_seen_epoll(struct tern_seen *seen, const struct tern_seen_fd *fd);
int tern_seen_socket(struct tern_seen *seen, const struct tern_seen_fd *fd);
int tern_seen_inotify(struct tern_seen *seen, const struct tern_seen_fd *fd);
int tern_seen_timerfd(struct tern_seen *seen, const struct tern_seen_fd *fd);

/* netlink.c: of a socket that tern_seen_socket() has here */
int tern_seen_netlink(struct tern_seen *seen, __u32 desc, int own, int fresh);

#endif
