// SPDX-License-Identifier: GPL-2.0
/*
 * Can a shell that has been dressed by a draft follow to another image? Its
 * leader keeps root's power to the end, and can change nearly everything; its
 * other threads wait in the kernel already, and what is a thread's own in Linux
 * must stay as it is. The source asks before it sends, the destination before
 * it obeys.
 *
 * Pure logic over checked images; owns nothing, no locks.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "changes.h"
#include "dev.h"

static int changed(struct tern_why *why, const char *what)
{
	return tern_why_set(why, -EAGAIN,
			    "the process keeps changing its %s: try again when it is quieter", what);
}

static const struct tern_obj *next_special(const struct tern_image *image,
					   const struct tern_obj *obj)
{
	while ((obj = tern_image_find(image, TERN_OBJ_VMA, obj))) {
		if (tern_vma_is_special(tern_obj_payload(obj)))
			break;
	}
	return obj;
}

static bool same_special(const struct tern_image *a, const struct tern_image *b)
{
	const struct tern_obj *x = NULL, *y = NULL;

	do {
		x = next_special(a, x);
		y = next_special(b, y);
		if (!x != !y || (x && memcmp(tern_obj_payload(x), tern_obj_payload(y),
					     sizeof(struct tern_obj_vma))))
			return false;
	} while (x);
	return true;
}

static bool same_vdso(const struct tern_image *a, const struct tern_image *b)
{
	const struct tern_obj *x = tern_image_find(a, TERN_OBJ_VDSO, NULL);
	const struct tern_obj *y = tern_image_find(b, TERN_OBJ_VDSO, NULL);

	return x && y ? x->len == y->len && !memcmp(x, y, x->len) : x == y;
}

static int follow_threads(const struct tern_image *a, const struct tern_image *b,
			  struct tern_why *why)
{
	const struct tern_obj *x = NULL, *y = NULL;

	for (;;) {
		const struct tern_obj_thread *old, *new;

		x = tern_image_find(a, TERN_OBJ_THREAD, x);
		y = tern_image_find(b, TERN_OBJ_THREAD, y);
		if (!x && !y)
			return 0;
		if (!x || !y)
			return changed(why, "threads");
		old = tern_obj_payload(x);
		new = tern_obj_payload(y);
		if (old->tid != new->tid)
			return changed(why, "threads");
	}
}

/**
 * tern_image_follows() - from one image to another, with one shell
 * @a: the draft that it was dressed by
 * @b: what it is to become
 * @why: sentence
 *
 * Return: 0 or -EAGAIN: it has to be prepared anew.
 */
int tern_image_follows(const struct tern_image *a, const struct tern_image *b,
		       struct tern_why *why)
{
	const struct tern_obj *x = tern_image_find(a, TERN_OBJ_TASK, NULL);
	const struct tern_obj *y = tern_image_find(b, TERN_OBJ_TASK, NULL);
	const struct tern_obj_task *old = tern_obj_payload(x), *new = tern_obj_payload(y);
	const struct tern_obj *was, *is;

	if (old->exe != new->exe || memcmp(old + 1, new + 1, old->exe))
		return changed(why, "program");
	if (old->membarrier & ~new->membarrier)
		return changed(why, "registrations for membarrier");
	if (!same_special(a, b) || !same_vdso(a, b))
		return changed(why, "vDSO");
	if (old->nr_threads > 1) {
		was = tern_image_find(a, TERN_OBJ_CREDS, NULL);
		is = tern_image_find(b, TERN_OBJ_CREDS, NULL);
		if (was->len != is->len || memcmp(was, is, was->len) ||
		    old->personality != new->personality ||
		    old->no_new_privs != new->no_new_privs)
			return changed(why, "credentials");
	}
	return follow_threads(a, b, why);
}
