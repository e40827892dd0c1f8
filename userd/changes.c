// SPDX-License-Identifier: GPL-2.0
/*
 * Images as changes. Source and destination both have the last draft; of the
 * next image only those objects travel that are not in it, and SAME objects
 * stand for runs of the others. An object is looked for where the one before it
 * was found, and by a hash when it is not there, so that something new in the
 * middle costs no more than itself.
 *
 * Owns drafts; no locks, no system calls but malloc. What is read comes from a
 * peer: the result is an image only after tern_image_check().
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "changes.h"
#include "dev.h"

static unsigned int hash(const struct tern_obj *obj)
{
	return XXH3_64bits(obj, obj->len);
}

static unsigned int count(const struct tern_image *image)
{
	const struct tern_obj *obj = NULL;
	unsigned int nr = 0;

	while ((obj = tern_image_next(image, obj)))
		nr++;
	return nr;
}

static void fill(struct tern_draft *draft)
{
	const struct tern_obj *obj = NULL;
	unsigned int at;

	draft->nr = 0;
	while ((obj = tern_image_next(&draft->image, obj))) {
		draft->obj[draft->nr++] = obj;
		for (at = hash(obj) & draft->mask; draft->bucket[at]; at = (at + 1) & draft->mask)
			;
		draft->bucket[at] = draft->nr;
	}
}

/**
 * tern_draft_set() - this is the draft now
 * @draft: zeroed before the first time
 * @image: checked, or our own; taken over, also in case of an error, and emptied
 */
int tern_draft_set(struct tern_draft *draft, struct tern_image *image)
{
	unsigned int buckets = 64, nr = count(image);

	tern_draft_fini(draft);
	draft->image = *image;
	memset(image, 0, sizeof(*image));
	while (buckets < nr * 2)
		buckets *= 2;
	draft->mask = buckets - 1;
	draft->obj = calloc(nr + 1, sizeof(draft->obj[0]));
	draft->bucket = calloc(buckets, sizeof(draft->bucket[0]));
	if (!draft->obj || !draft->bucket) {
		tern_draft_fini(draft);
		return -ENOMEM;
	}
	fill(draft);
	return 0;
}

/** tern_draft_fini() - there is no draft any more */
void tern_draft_fini(struct tern_draft *draft)
{
	tern_image_free(&draft->image);
	free(draft->obj);
	free(draft->bucket);
	memset(draft, 0, sizeof(*draft));
}

/* ---- writing ---- */

static bool equal(const struct tern_obj *a, const struct tern_obj *b)
{
	return a->len == b->len && !memcmp(a, b, a->len);
}

/* Where in @draft @obj is; draft->nr: nowhere. @guess: where it may well be. */
static unsigned int find(const struct tern_draft *draft, const struct tern_obj *obj,
			 unsigned int guess)
{
	unsigned int at;

	if (guess < draft->nr && equal(draft->obj[guess], obj))
		return guess;
	if (!draft->nr)
		return 0;
	for (at = hash(obj) & draft->mask; draft->bucket[at]; at = (at + 1) & draft->mask)
		if (equal(draft->obj[draft->bucket[at] - 1], obj))
			return draft->bucket[at] - 1;
	return draft->nr;
}

static int put_same(struct tern_image *out, struct tern_obj_same *run)
{
	int err = 0;

	if (run->nr)
		err = tern_image_add(out, TERN_OBJ_SAME, run, sizeof(*run), NULL, 0);
	run->nr = 0;
	return err;
}

/**
 * tern_changes_write() - what must be sent of an image
 * @draft: what the reader has
 * @image: the image
 * @out: filled from its start
 * @changed: out, may be NULL: objects that are not in the draft
 */
int tern_changes_write(const struct tern_draft *draft, const struct tern_image *image,
		       struct tern_image *out, unsigned int *changed)
{
	const struct tern_obj *obj = NULL;
	struct tern_obj_same run = { 0 };
	unsigned int at, next = 0, new = 0;
	int err = 0;

	out->len = 0;
	while (!err && (obj = tern_image_next(image, obj))) {
		at = find(draft, obj, next);
		/* one that has changed mostly stands where it stood */
		next = at < draft->nr ? at + 1 : next + 1;
		if (at < draft->nr && run.nr && run.first + run.nr == at) {
			run.nr++;
			continue;
		}
		err = put_same(out, &run);
		if (at < draft->nr)
			run = (struct tern_obj_same){ .first = at, .nr = 1 };
		else if (!err && ++new)
			err = tern_image_append(out, obj);
	}
	if (!err)
		err = put_same(out, &run);
	if (changed)
		*changed = new;
	return err;
}

/* ---- reading ---- */

/**
 * struct reader - where reading stands
 * @draft: what the writer had
 * @out: receives the image
 * @next: the object of the draft behind the last one that was used
 * @types: bit per type: its objects are not just those of the draft
 */
struct reader {
	const struct tern_draft *draft;
	struct tern_image *out;
	unsigned int next;
	__u64 types;
};

static void mark(struct reader *r, unsigned int type)
{
	r->types |= type < __TERN_OBJ_MAX ? 1ULL << type : TERN_TYPES_ALL;
}

/* Objects of the draft up to @to are not in the image, or not in their place. */
static void leave_out(struct reader *r, unsigned int to)
{
	if (to < r->next)
		r->types = TERN_TYPES_ALL;
	for (; r->next < to; r->next++)
		mark(r, r->draft->obj[r->next]->type);
}

static int copy_same(struct reader *r, const struct tern_obj *obj)
{
	const struct tern_obj_same *same = tern_obj_payload(obj);
	const struct tern_draft *draft = r->draft;
	const char *from, *to;
	unsigned int last;

	if (obj->len != sizeof(*obj) + sizeof(*same) || obj->version != TERN_OBJ_VERSION ||
	    !same->nr || same->first >= draft->nr || same->nr > draft->nr - same->first)
		return -EBADMSG;
	leave_out(r, same->first);
	last = same->first + same->nr;
	r->next = last;
	from = (const char *)draft->obj[same->first];
	to = last < draft->nr ? (const char *)draft->obj[last] :
	     (const char *)draft->image.data + draft->image.len;
	return tern_image_append_bytes(r->out, from, to - from);
}

static int read_one(struct reader *r, const struct tern_obj *obj, size_t left, size_t *len)
{
	if (left < sizeof(*obj) || obj->len < sizeof(*obj) || obj->len > left)
		return -EBADMSG;
	*len = (obj->len + 7UL) & ~7UL;
	if (*len > left)
		return -EBADMSG;
	if (obj->type == TERN_OBJ_SAME)
		return copy_same(r, obj);
	mark(r, obj->type);
	return tern_image_append_bytes(r->out, obj, *len);
}

/**
 * tern_changes_read() - the image that was meant
 * @draft: what the writer had
 * @in: what came
 * @out: filled from its start; not checked
 * @types: out, may be NULL: bit per type of which the image does not have just
 *	what the draft has, in the same order
 * @why: sentence
 */
int tern_changes_read(const struct tern_draft *draft, const struct tern_image *in,
		      struct tern_image *out, __u64 *types, struct tern_why *why)
{
	struct reader r = { .draft = draft, .out = out };
	size_t at, len = 0;
	int err = 0;

	out->len = 0;
	for (at = 0; !err && at < in->len; at += len)
		err = read_one(&r, (const void *)((const char *)in->data + at), in->len - at, &len);
	leave_out(&r, draft->nr);
	if (types)
		*types = r.types;
	if (err == -EBADMSG)
		tern_why_set(why, err,
			     "the image is malformed; both hosts must run the same version of Tern");
	return err;
}
