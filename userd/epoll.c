// SPDX-License-Identifier: GPL-2.0
/*
 * What a migrant has registered with its epoll descriptors. The kernel shows it in
 * /proc/PID/fdinfo and nowhere else, by the number that a descriptor had then.
 * kcmp(2) tells which description that was.
 *
 * Owns nothing, holds no locks.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dev.h"
#include "seen.h"

/**
 * struct reader - where reading one instance stands
 * @seen: the rest
 * @desc: id of its description
 * @efd: a descriptor of it
 * @times: by number: how often it was registered, as far as we have read
 * @room: numbers that there is room for
 */
struct reader {
	struct tern_seen *seen;
	__u32 desc;
	int efd;
	__u32 *times;
	unsigned int room;
};

static bool watches(const struct reader *r, int tfd, int fd)
{
	struct kcmp_epoll_slot slot = { .efd = r->efd, .tfd = tfd, .toff = r->times[tfd] };

	return !syscall(SYS_kcmp, r->seen->pid, r->seen->pid, KCMP_EPOLL_TFD, fd, &slot);
}

/* The description that is registered by number @tfd; 0: the process has it no more. */
static __u32 find_target(const struct reader *r, int tfd)
{
	const struct tern_seen_fd *fds = r->seen->fds;
	unsigned int lo = 0, hi = r->seen->nr, i;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;

		if (fds[mid].fd < tfd)
			lo = mid + 1;
		else
			hi = mid;
	}
	/* nearly always it still has that number */
	if (lo < r->seen->nr && fds[lo].fd == tfd && watches(r, tfd, tfd))
		return fds[lo].desc;
	for (i = 0; i < r->seen->nr; i++)
		if (fds[i].first && watches(r, tfd, fds[i].fd))
			return fds[i].desc;
	return 0;
}

/* One number may have been registered for several descriptions, in any order. */
static int make_room(struct reader *r, int tfd)
{
	unsigned int room = r->room ? r->room : 64;
	__u32 *more;

	while (room <= (unsigned int)tfd)
		room *= 2;
	if (room == r->room)
		return 0;
	more = realloc(r->times, room * sizeof(*more));
	if (!more)
		return -ENOMEM;
	memset(more + r->room, 0, (room - r->room) * sizeof(*more));
	r->times = more;
	r->room = room;
	return 0;
}

static int add_line(struct reader *r, const char *line)
{
	struct tern_obj_epoll e = { .desc = r->desc };
	unsigned int events;
	uint64_t data;
	int fd;

	if (sscanf(line, "tfd: %d events: %x data: %" SCNx64, &fd, &events, &data) != 3)
		return 0;
	if (fd < 0 || make_room(r, fd))
		return -ENOMEM;
	e.fd = fd;
	e.events = events;
	e.data = data;
	e.target = find_target(r, fd);
	r->times[fd]++;
	/* it has been registered since the capture, and will be in the next one */
	if (!e.target && r->seen->draft)
		return 0;
	if (!e.target)
		return tern_why_set(r->seen->why, -EOPNOTSUPP,
				    "an epoll instance (fd %d) watches what was descriptor %d, which the process has closed and only others have open",
				    r->efd, fd);
	return tern_image_add(r->seen->image, TERN_OBJ_EPOLL, &e, sizeof(e), NULL, 0);
}

/** tern_seen_epoll() - an epoll instance: EPOLL for each registration */
int tern_seen_epoll(struct tern_seen *seen, const struct tern_seen_fd *fd)
{
	struct reader r = { .seen = seen, .desc = fd->desc, .efd = fd->fd };
	FILE *f = tern_seen_fdinfo(seen, fd->fd);
	char line[256];
	int rc = 0;

	if (!f)
		return -EAGAIN;
	while (!rc && fgets(line, sizeof(line), f))
		rc = add_line(&r, line);
	fclose(f);
	free(r.times);
	return rc;
}
