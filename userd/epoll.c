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

/**
 * struct instance - an epoll instance
 * @desc: id of its description
 * @fd: a descriptor of it, -1: none
 */
struct instance {
	__u32 desc;
	int fd;
};

static int compare(const void *a, const void *b)
{
	const struct instance *x = a, *y = b;

	return (x->desc > y->desc) - (x->desc < y->desc);
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

static int add_one(struct tern_image *image, int pid, const struct instance *e,
		   struct tern_why *why)
{
	char name[64], line[256];
	int rc = 0;
	FILE *f;

	if (e->fd < 0)
		return 0;
	snprintf(name, sizeof(name), "/proc/%d/fdinfo/%d", pid, e->fd);
	f = fopen(name, "re");
	if (!f)
		return tern_why_set(why, -errno, "%s: %s", name, strerror(errno));
	while (!rc && fgets(line, sizeof(line), f))
		rc = add_line(image, pid, e->desc, line, why);
	fclose(f);
	return rc;
}

static unsigned int count(const struct tern_image *image, struct instance *all)
{
	const struct tern_obj *obj = NULL;
	unsigned int nr = 0;

	while ((obj = tern_image_find(image, TERN_OBJ_DESC, obj))) {
		const struct tern_obj_desc *desc = tern_obj_payload(obj);

		if (desc->kind != TERN_DESC_EPOLL)
			continue;
		if (all)
			all[nr] = (struct instance){ desc->id, -1 };
		nr++;
	}
	return nr;
}

/* The first descriptor of each. */
static void find_fds(const struct tern_image *image, struct instance *all, unsigned int nr)
{
	const struct tern_obj *obj = NULL;

	qsort(all, nr, sizeof(*all), compare);
	while ((obj = tern_image_find(image, TERN_OBJ_FD, obj))) {
		const struct tern_obj_fd *fd = tern_obj_payload(obj);
		struct instance key = { .desc = fd->desc }, *e;

		e = bsearch(&key, all, nr, sizeof(*all), compare);
		if (e && e->fd < 0)
			e->fd = fd->fd;
	}
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
	struct instance *all;
	int rc = 0;

	if (!nr)
		return 0;
	all = calloc(nr, sizeof(*all));
	if (!all)
		return -ENOMEM;
	/* first the list, for adding moves the image */
	count(image, all);
	find_fds(image, all, nr);
	for (i = 0; i < nr && !rc; i++)
		rc = add_one(image, pid, &all[i], why);
	free(all);
	return rc;
}
