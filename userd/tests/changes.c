// SPDX-License-Identifier: GPL-2.0
/*
 * Images as changes: whatever happens to an image from one draft to the next,
 * what is read is what was written; little travels; and the types that differ
 * are told. What a peer makes up is refused or harmless.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "changes.h"
#include "dev.h"
#include "test.h"

#define FDS	500

static struct tern_draft draft;

static void add_fd(struct tern_image *image, int fd, unsigned int desc)
{
	struct tern_obj_fd f = { .fd = fd, .desc = desc };

	tern_image_add(image, TERN_OBJ_FD, &f, sizeof(f), NULL, 0);
}

static void add_vma(struct tern_image *image, __u64 start, __u64 end)
{
	struct tern_obj_vma v = { .start = start, .end = end, .kind = TERN_VMA_ANON };

	tern_image_add(image, TERN_OBJ_VMA, &v, sizeof(v), NULL, 0);
}

enum { SAME, GROWN, NEW_FIRST, GONE, SWAPPED, OTHER_END };

static struct tern_image make(unsigned int how)
{
	struct tern_image image = { 0 };
	struct tern_obj_end end = { .objects = how == OTHER_END };
	int i;

	add_vma(&image, 0x1000, how == GROWN ? 0x9000 : 0x2000);
	add_vma(&image, 0xa000, 0xb000);
	if (how == NEW_FIRST)
		add_fd(&image, 9999, 1);
	for (i = 0; i < FDS; i++) {
		if (how == GONE && i == 100)
			continue;
		if (how == SWAPPED && (i == 7 || i == 8))
			add_fd(&image, 15 - i, 16 - i);
		else
			add_fd(&image, i, i + 1);
	}
	tern_image_add(&image, TERN_OBJ_END, &end, sizeof(end), NULL, 0);
	return image;
}

static void trip(unsigned int how, unsigned int changed, __u64 types, unsigned int most)
{
	struct tern_image image = make(how), wire = { 0 }, out = { 0 };
	struct tern_why why = { "" };
	unsigned int nr;
	__u64 told;

	CHECK(!tern_changes_write(&draft, &image, &wire, &nr));
	CHECK(nr == changed && wire.len <= most);
	CHECK(!tern_changes_read(&draft, &wire, &out, &told, &why));
	CHECK(out.len == image.len && !memcmp(out.data, image.data, image.len));
	CHECK(told == types);
	tern_image_free(&image);
	tern_image_free(&wire);
	tern_image_free(&out);
}

static void trips(void)
{
	struct tern_image first = make(SAME);
	const __u64 vma = TERN_TYPE(VMA), fd = TERN_TYPE(FD), end = TERN_TYPE(END);
	unsigned int all = FDS + 3;

	/* without a draft all of it travels */
	trip(SAME, all, vma | fd | end, 100000);
	CHECK(!tern_draft_set(&draft, &first) && !first.data && draft.nr == all);
	trip(SAME, 0, 0, 24);
	trip(GROWN, 1, vma, 200);
	trip(NEW_FIRST, 1, fd, 200);
	trip(GONE, 0, fd, 200);
	trip(SWAPPED, 0, TERN_TYPES_ALL, 200);
	trip(OTHER_END, 1, end, 200);
}

static int read_one(const void *obj, size_t len)
{
	struct tern_image in = { (void *)obj, len, len }, out = { 0 };
	struct tern_why why = { "" };
	__u64 types;
	int err = tern_changes_read(&draft, &in, &out, &types, &why);

	CHECK(!err == !why.text[0] || err == -E2BIG);
	tern_image_free(&out);
	return err;
}

static void made_up(void)
{
	struct { struct tern_obj head; struct tern_obj_same same; } o = {
		.head = { TERN_OBJ_SAME, TERN_OBJ_VERSION, 0, sizeof(o), 0 }, .same = { 0, 1 },
	};
	struct tern_image many = { 0 };
	unsigned int i;

	CHECK(!read_one(&o, sizeof(o)));
	o.same.nr = 0;
	CHECK(read_one(&o, sizeof(o)) == -EBADMSG);
	o.same.nr = ~0U;
	CHECK(read_one(&o, sizeof(o)) == -EBADMSG);
	o.same = (struct tern_obj_same){ draft.nr, 1 };
	CHECK(read_one(&o, sizeof(o)) == -EBADMSG);
	o.same = (struct tern_obj_same){ draft.nr - 1, 2 };
	CHECK(read_one(&o, sizeof(o)) == -EBADMSG);
	o.same = (struct tern_obj_same){ 0, 1 };
	o.head.version = 9;
	CHECK(read_one(&o, sizeof(o)) == -EBADMSG);
	o.head.version = TERN_OBJ_VERSION;
	CHECK(read_one(&o, sizeof(o) - 8) == -EBADMSG);
	o.head.len = 8;
	CHECK(read_one(&o, sizeof(o)) == -EBADMSG);
	o.head.len = ~0U;
	CHECK(read_one(&o, sizeof(o)) == -EBADMSG);
	/* a few bytes must not become gigabytes */
	o.same.nr = draft.nr;
	for (i = 0; i < 6000; i++)
		tern_image_add(&many, TERN_OBJ_SAME, &o.same, sizeof(o.same), NULL, 0);
	CHECK(read_one(many.data, many.len) == -E2BIG);
	tern_image_free(&many);
}

int main(void)
{
	trips();
	made_up();
	tern_draft_fini(&draft);
	return done();
}
