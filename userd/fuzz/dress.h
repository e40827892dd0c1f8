/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What targets do with an image: what the check lets through must be safe to walk, to turn
 * into a script, and to add to.
 */
#ifndef TERN_FUZZ_DRESS_H
#define TERN_FUZZ_DRESS_H

#include <stdlib.h>
#include <string.h>

#include "dev.h"
#include "image.h"
#include "script.h"
#include "space.h"

#define AREA	(1U << 20)

static inline void walk(const struct tern_image *image)
{
	const struct tern_obj *obj = NULL;
	volatile unsigned char sink = 0;

	while ((obj = tern_image_next(image, obj))) {
		const unsigned char *tail;
		size_t len, i;

		if (obj->type >= __TERN_OBJ_MAX)
			continue;
		tail = tern_obj_tail(obj, &len);
		for (i = 0; i < len; i++)
			sink ^= tail[i];
	}
}

static inline void dress(const struct tern_image *image)
{
	const struct tern_obj_task *task =
		tern_obj_payload(tern_image_find(image, TERN_OBJ_TASK, NULL));
	struct tern_dress d = { .image = image, .host = "fuzz", .caps = ~0ULL, .cap_last = 40,
				.nr_open = 1 << 20, .become = true };
	struct tern_why why = { "" };
	struct tern_layout layout;
	struct tern_space space;
	struct tern_script s;
	struct shell_run run;
	void *mem = calloc(1, AREA);

	if (mem && task->nr_threads < 100) {
		tern_script_init(&s, mem, 0x10000, AREA, task->nr_threads);
		if (!tern_script_dress(&s, &d, false, &run, &why) &&
		    !tern_layout_init(&layout, d.seeds.seed, d.seeds.nr)) {
			if (!tern_space_init(&space, &layout))
				tern_space_fini(&space);
			tern_layout_fini(&layout);
		}
	}
	tern_dress_fini(&d);
	free(mem);
}

/** fuzz_copy() - have @image be @size bytes of @data, at an address of their own; or -1 */
static inline int fuzz_copy(struct tern_image *image, const unsigned char *data, size_t size)
{
	image->data = malloc(size ? size : 1);
	if (!image->data)
		return -1;
	memcpy(image->data, data, size);
	image->len = image->size = size;
	return 0;
}

/** fuzz_image() - check @data, of which @size bytes are from anybody, and use it */
static inline void fuzz_image(const unsigned char *data, size_t size)
{
	struct tern_image image = { 0 };
	struct tern_why why = { "" };

	if (fuzz_copy(&image, data, size))
		return;
	if (!tern_image_check(&image, &why)) {
		walk(&image);
		dress(&image);
		tern_image_add(&image, TERN_OBJ_FD, &(struct tern_obj_fd){ .fd = 1 },
			       sizeof(struct tern_obj_fd), NULL, 0);
	} else if (!why.text[0]) {
		abort();
	}
	tern_image_free(&image);
}

#endif
