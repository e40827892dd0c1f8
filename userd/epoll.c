// SPDX-License-Identifier: GPL-2.0
/*
 * What a parked migrant has registered with its epoll descriptors. The kernel
 * shows it in /proc/PID/fdinfo and nowhere else, so ternd adds it to the image.
 *
 * Owns nothing, holds no locks.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "source.h"

/* A descriptor of the description, -1: none. */
static int fd_of(const struct tern_image *image, __u32 desc)
{
	const struct tern_obj *obj = NULL;

	while ((obj = tern_image_find(image, TERN_OBJ_FD, obj))) {
		const struct tern_obj_fd *fd = tern_obj_payload(obj);

		if (fd->desc == desc)
			return fd->fd;
	}
	return -1;
}

/* A registration outlives the descriptor that it was made with; such a one cannot move. */
static bool is_still(int pid, int fd, uint64_t ino)
{
	struct stat st;
	char name[64];

	snprintf(name, sizeof(name), "/proc/%d/fd/%d", pid, fd);
	return !stat(name, &st) && st.st_ino == ino;
}

static int add_line(struct tern_image *image, int pid, __u32 desc, const char *line,
		    struct tern_why *why)
{
	struct tern_obj_epoll e = { .desc = desc };
	uint64_t data, ino;
	unsigned int events;
	int fd;

	if (sscanf(line, "tfd: %d events: %x data: %" SCNx64 " pos:%*d ino:%" SCNx64,
		   &fd, &events, &data, &ino) != 4)
		return 0;
	if (!is_still(pid, fd, ino))
		return tern_why_set(why, -EOPNOTSUPP,
				    "an epoll instance watches a file by descriptor %d, which has been closed or reused since",
				    fd);
	e.fd = fd;
	e.events = events;
	e.data = data;
	return tern_image_add(image, TERN_OBJ_EPOLL, &e, sizeof(e), NULL, 0);
}

static int add_one(struct tern_image *image, int pid, __u32 desc, struct tern_why *why)
{
	char name[64], line[256];
	int fd = fd_of(image, desc), rc = 0;
	FILE *f;

	if (fd < 0)
		return 0;
	snprintf(name, sizeof(name), "/proc/%d/fdinfo/%d", pid, fd);
	f = fopen(name, "re");
	if (!f)
		return tern_why_set(why, -errno, "%s: %s", name, strerror(errno));
	while (!rc && fgets(line, sizeof(line), f))
		rc = add_line(image, pid, desc, line, why);
	fclose(f);
	return rc;
}

static unsigned int count(const struct tern_image *image, __u32 *ids)
{
	const struct tern_obj *obj = NULL;
	unsigned int nr = 0;

	while ((obj = tern_image_find(image, TERN_OBJ_DESC, obj))) {
		const struct tern_obj_desc *desc = tern_obj_payload(obj);

		if (desc->kind != TERN_DESC_EPOLL)
			continue;
		if (ids)
			ids[nr] = desc->id;
		nr++;
	}
	return nr;
}

/**
 * tern_epoll_add() - complete an image with the migrant's epoll registrations
 * @image: the capture, which grows
 * @pid: the parked migrant
 * @why: what cannot move
 */
int tern_epoll_add(struct tern_image *image, int pid, struct tern_why *why)
{
	unsigned int i, nr = count(image, NULL);
	__u32 *ids;
	int rc = 0;

	if (!nr)
		return 0;
	ids = calloc(nr, sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	/* first the list, for adding moves the image */
	count(image, ids);
	for (i = 0; i < nr && !rc; i++)
		rc = add_one(image, pid, ids[i], why);
	free(ids);
	return rc;
}
