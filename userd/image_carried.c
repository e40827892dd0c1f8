// SPDX-License-Identifier: GPL-2.0
/*
 * The check of images: files that move with the process, and what is in them.
 */
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "image_check.h"
#include "segment.h"

#define SEALS_ALL	0x3fU	/* linux/fcntl.h: F_SEAL_SEAL to F_SEAL_EXEC */
#define HUGE_MAX	34U	/* log2 of the largest pages there are; those of x86 have 2^30 bytes */

int check_carried(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_carried *n = tern_obj_payload(obj);
	bool memfd = n->kind == TERN_CARRIED_MEMFD, segment = tern_is_segment(n);
	size_t len;
	const char *name = tern_obj_tail(obj, &len);

	if (n->kind < TERN_CARRIED_MEMFD || n->kind > TERN_CARRIED_SYSV_GONE)
		return check_bad(c, obj, "a field is out of range");
	if (n->id != c->count[TERN_OBJ_CARRIED])
		return check_bad(c, obj, "files are out of order");
	if (!S_ISREG(n->mode) || n->mode & ~(S_IFMT | 07777) || n->size > LOW_BITS(62) ||
	    n->uid == ~0U || n->gid == ~0U || n->mtime > TIME_MAX)
		return check_bad(c, obj, "an impossible file");
	if (n->seals & ~SEALS_ALL || (n->seals && !memfd))
		return check_bad(c, obj, "an impossible seal");
	if (len != n->name || !(memfd || segment ? check_is_name(name, len) : check_is_path(name, len)))
		return check_bad(c, obj, "bad name");
	if (segment && (n->ino > INT32_MAX || strncmp(name, "SYSV", 4) || !n->size))
		return check_bad(c, obj, "an impossible segment");
	if (segment ? n->room % PAGE || n->room < n->size || n->room - n->size >= 1ULL << HUGE_MAX :
		      n->room)
		return check_bad(c, obj, "impossible room");
	if (n->reserved || (n->huge && (n->huge <= 12 || n->huge > HUGE_MAX || !(memfd || segment) ||
					tern_carried_room(n) % (1ULL << n->huge))))
		return check_bad(c, obj, "impossible pages");
	c->carried[n->id - 1] = n;
	return 0;
}

/* It stands behind all files. */
int check_data(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_data *d = tern_obj_payload(obj), *last = c->data;
	__u64 size, left;
	size_t len;

	tern_obj_tail(obj, &len);
	if (d->reserved || !d->carried || d->carried > c->count[TERN_OBJ_CARRIED])
		return check_bad(c, obj, "contents of no file");
	size = tern_carried_room(c->carried[d->carried - 1]);
	if (d->offset % TERN_DATA_BLOCK || d->offset >= size)
		return check_bad(c, obj, "contents where there can be none");
	left = size - d->offset;
	if (len != (left < TERN_DATA_BLOCK ? left : TERN_DATA_BLOCK))
		return check_bad(c, obj, "contents of impossible length");
	if (last && (d->carried < last->carried ||
		     (d->carried == last->carried && d->offset <= last->offset)))
		return check_bad(c, obj, "contents are out of order");
	c->data = d;
	c->data_bytes += len;
	if (c->data_bytes > TERN_CARRIED_MAX)
		return check_bad(c, obj, "more contents than there may be");
	return 0;
}

/* A segment is mapped as such, whole, and nothing else is. */
int relate_segment(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_vma *v = tern_obj_payload(obj);
	const struct tern_obj_carried *n = c->carried[v->memory - 1];
	bool segment = v->flags & TERN_VMA_SYSV;

	if (segment != tern_is_segment(n))
		return check_bad(c, obj, "a mapping of another kind than what is mapped");
	if (segment && (v->pgoff || v->ino != n->ino || v->end - v->start != n->room))
		return check_bad(c, obj, "a mapping of a part of a segment");
	return 0;
}

int relate_carried(struct image_check *c)
{
	unsigned int i;

	for (i = 0; i < c->nr_descs; i++) {
		const struct tern_obj_desc *d = c->descs[i];

		if (d->kind != TERN_DESC_CARRIED)
			continue;
		if (d->pipe > c->count[TERN_OBJ_CARRIED] || !S_ISREG(d->mode))
			return check_bad(c, NULL, "a description of no file");
		c->is_used[d->pipe - 1] = true;
	}
	for (i = 0; i < c->count[TERN_OBJ_CARRIED]; i++)
		if (!c->is_used[i])
			return check_bad(c, NULL, "a file that moves for nobody");
	return 0;
}
