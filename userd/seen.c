// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel shows of descriptors to user space alone: ternd adds it to an image.
 * The migrant may run, and the image be a draft: what has changed meanwhile is an
 * error that is worth another try.
 *
 * Owns nothing, holds no locks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dev.h"
#include "seen.h"

static int (*const kinds[])(struct tern_seen *seen, const struct tern_seen_fd *fd) = {
	[TERN_DESC_EPOLL] = tern_seen_epoll,
	[TERN_DESC_TIMERFD] = tern_seen_timerfd,
	[TERN_DESC_INOTIFY] = tern_seen_inotify,
	[TERN_DESC_INET] = tern_seen_socket,
	[TERN_DESC_NETLINK] = tern_seen_socket,
};

static bool is_each(__u32 kind)
{
	return kind < sizeof(kinds) / sizeof(kinds[0]) && kinds[kind];
}

/**
 * tern_seen_fdinfo() - open /proc/PID/fdinfo/@fd; NULL and a sentence
 */
FILE *tern_seen_fdinfo(const struct tern_seen *seen, int fd)
{
	char name[64];
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/fdinfo/%d", seen->pid, fd);
	f = fopen(name, "re");
	if (!f)
		tern_why_set(seen->why, -errno, "%s: %s", name, strerror(errno));
	return f;
}

/**
 * tern_seen_dup() - have descriptor @fd of the migrant here; negative errno and a
 *	sentence
 */
int tern_seen_dup(const struct tern_seen *seen, int fd)
{
	int pidfd = syscall(SYS_pidfd_open, seen->pid, 0), own = -1, err = errno;

	if (pidfd >= 0) {
		own = syscall(SYS_pidfd_getfd, pidfd, fd, 0);
		err = errno;
		close(pidfd);
	}
	if (own >= 0)
		return own;
	return tern_why_set(seen->why, err == EBADF ? -EAGAIN : -err,
			    "descriptor %d of process %d: %s", fd, seen->pid, strerror(err));
}

/* Anything of interest? Otherwise nothing is copied. */
static unsigned int count(const struct tern_image *image, unsigned int *descs)
{
	const struct tern_obj *obj = NULL;
	unsigned int nr = 0;

	*descs = 0;
	while ((obj = tern_image_find(image, TERN_OBJ_DESC, obj))) {
		const struct tern_obj_desc *desc = tern_obj_payload(obj);

		nr += is_each(desc->kind);
		++*descs;
	}
	return nr;
}

static int copy(struct tern_seen *seen, unsigned int descs)
{
	struct {
		__u32 kind;
		__u32 pipe;
		__u32 family;
		__u32 type;
		bool met;
	} *desc_of = calloc(descs + 1, sizeof(*desc_of));
	const struct tern_obj *obj = NULL;

	seen->fds = calloc(tern_image_count(seen->image, TERN_OBJ_FD) + 1, sizeof(*seen->fds));
	if (!desc_of || !seen->fds) {
		free(desc_of);
		return -ENOMEM;
	}
	while ((obj = tern_image_find(seen->image, TERN_OBJ_DESC, obj))) {
		const struct tern_obj_desc *desc = tern_obj_payload(obj);

		desc_of[desc->id].kind = desc->kind;
		desc_of[desc->id].pipe = desc->pipe;
		if (desc->kind == TERN_DESC_NETLINK)
			desc_of[desc->id].family = AF_NETLINK;
	}
	while ((obj = tern_image_find(seen->image, TERN_OBJ_INET, obj))) {
		const struct tern_obj_inet *inet = tern_obj_payload(obj);

		desc_of[inet->desc].family = inet->family;
		desc_of[inet->desc].type = inet->type;
	}
	while ((obj = tern_image_find(seen->image, TERN_OBJ_FD, obj))) {
		const struct tern_obj_fd *fd = tern_obj_payload(obj);

		seen->fds[seen->nr++] = (struct tern_seen_fd){
			.fd = fd->fd, .desc = fd->desc, .kind = desc_of[fd->desc].kind,
			.pipe = desc_of[fd->desc].pipe,
			.family = desc_of[fd->desc].family,
			.type = desc_of[fd->desc].type,
			.first = !desc_of[fd->desc].met,
		};
		desc_of[fd->desc].met = true;
	}
	free(desc_of);
	return 0;
}

/**
 * tern_seen_add() - complete an image with what only user space can see
 * @image: the capture, our own kernel's, which grows
 * @dev: handle of /dev/tern
 * @pid: the migrant
 * @clocks: its clocks
 * @draft: it runs
 * @why: what cannot move
 */
int tern_seen_add(struct tern_image *image, int dev, int pid, const struct tern_clocks *clocks,
		  bool draft, struct tern_why *why)
{
	struct tern_seen seen = {
		.image = image, .dev = dev, .pid = pid, .clocks = clocks, .draft = draft,
		.why = why,
	};
	unsigned int descs, i;
	int rc;

	if (!count(image, &descs) && !tern_image_find(image, TERN_OBJ_CARRIED, NULL))
		return 0;
	rc = copy(&seen, descs);
	for (i = 0; i < seen.nr && !rc; i++)
		if (seen.fds[i].first && is_each(seen.fds[i].kind))
			rc = kinds[seen.fds[i].kind](&seen, &seen.fds[i]);
	if (!rc)
		rc = tern_seen_carried(&seen);
	free(seen.fds);
	return rc;
}
