/* SPDX-License-Identifier: GPL-2.0 */
/* Objects into and out of a buffer. */
#ifndef TERN_KMOD_IMAGE_H
#define TERN_KMOD_IMAGE_H

#include <linux/types.h>
#include <tern/image.h>

struct tern_image_io;

/**
 * struct tern_image - an image that is being written
 * @buf: objects
 * @size: bytes at @buf
 * @len: bytes written; larger than @size when it did not fit
 * @objects: how many
 * @page: TERN_PATH_MAX bytes, for one path at a time; NULL: no object will have one
 */
struct tern_image {
	void *buf;
	size_t size;
	size_t len;
	u32 objects;
	char *page;
};

int tern_image_alloc(struct tern_image *image, size_t size);
void tern_image_free(struct tern_image *image);
void tern_image_put(struct tern_image *image, enum tern_obj_type type,
		    const void *payload, size_t payload_len,
		    const void *tail, size_t tail_len);
int tern_image_give(struct tern_image *image, struct tern_image_io *io);
const struct tern_obj *tern_image_next(const void *buf, size_t len, size_t *at);
const char *tern_obj_name(unsigned int type);

#endif /* TERN_KMOD_IMAGE_H */
