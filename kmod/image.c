// SPDX-License-Identifier: GPL-2.0
/*
 * The framing of objects, both ways. A writer never fails half-way: what does
 * not fit is only counted, and tern_image_give() says so in the end. A reader
 * gets nothing but whole, aligned objects of known type and version.
 */
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/tern.h>
#include <linux/uaccess.h>

#include "image.h"
#include "trace.h"

#define OBJ_ALIGN	8

static const char * const names[] = {
#define X(name, id, type, most) [id] = #name,
	TERN_OBJECTS(X)
#undef X
};

static const u32 payloads[] = {
#define X(name, id, type, most) [id] = sizeof(type),
	TERN_OBJECTS(X)
#undef X
};

/**
 * tern_obj_name() - a type's name in messages and traces
 * @type: enum tern_obj_type, or anything else
 */
const char *tern_obj_name(unsigned int type)
{
	return type < ARRAY_SIZE(names) && names[type] ? names[type] : "unknown";
}

/**
 * tern_image_alloc() - memory for an image of up to @size bytes
 * @image: to be filled in
 * @size: bytes, at most TERN_IMAGE_MAX
 */
int tern_image_alloc(struct tern_image *image, size_t size)
{
	if (size > TERN_IMAGE_MAX)
		return -E2BIG;
	*image = (struct tern_image) { .size = size };
	image->buf = kvmalloc(max_t(size_t, size, 1), GFP_KERNEL);
	return image->buf ? 0 : -ENOMEM;
}

/** tern_image_free() - undo tern_image_alloc() */
void tern_image_free(struct tern_image *image)
{
	kvfree(image->buf);
	image->buf = NULL;
}

static void put_bytes(struct tern_image *image, const void *data, size_t len)
{
	if (image->len + len <= image->size)
		memcpy(image->buf + image->len, data, len);
	image->len += len;
}

/**
 * tern_image_put() - append an object
 * @image: where to
 * @type: what it is
 * @payload: its fixed part
 * @payload_len: bytes of that, as the registry has it
 * @tail: what follows, or NULL
 * @tail_len: bytes of that
 *
 * Does not sleep.
 */
void tern_image_put(struct tern_image *image, enum tern_obj_type type,
		    const void *payload, size_t payload_len,
		    const void *tail, size_t tail_len)
{
	static const u8 zeros[OBJ_ALIGN];
	struct tern_obj head = {
		.type = type,
		.version = TERN_OBJ_VERSION,
		.len = sizeof(head) + payload_len + tail_len,
	};

	WARN_ON_ONCE(payload_len != payloads[type]);
	put_bytes(image, &head, sizeof(head));
	put_bytes(image, payload, payload_len);
	put_bytes(image, tail, tail_len);
	put_bytes(image, zeros, ALIGN(head.len, OBJ_ALIGN) - head.len);
	image->objects++;
	trace_tern_object(tern_obj_name(type), head.len);
}

/**
 * tern_image_give() - copy a finished image to user space
 * @image: a finished one
 * @io: where to; @io->len is set to the bytes that it takes
 *
 * Return: 0; -ENOSPC when it does not fit; -EFAULT.
 */
int tern_image_give(struct tern_image *image, struct tern_image_io *io)
{
	u64 room = io->len;

	io->len = image->len;
	if (image->len > image->size || image->len > room)
		return -ENOSPC;
	if (copy_to_user(u64_to_user_ptr(io->buf), image->buf, image->len))
		return -EFAULT;
	return 0;
}

/**
 * tern_image_next() - the next object of an image that came from outside
 * @buf: the image
 * @len: its bytes
 * @at: where to look; moved behind the object
 *
 * Return: an object whose length, type and version are sound and which lies
 * within the image; NULL at its end; ERR_PTR(-EBADMSG) for anything else.
 */
const struct tern_obj *tern_image_next(const void *buf, size_t len, size_t *at)
{
	const struct tern_obj *obj = buf + *at;
	size_t left = len - *at;

	if (!left)
		return NULL;
	if (left < sizeof(*obj) || obj->len > left || obj->reserved ||
	    obj->flags || obj->type >= ARRAY_SIZE(payloads) ||
	    !payloads[obj->type] || obj->version != TERN_OBJ_VERSION ||
	    obj->len < sizeof(*obj) + payloads[obj->type] ||
	    ALIGN((size_t)obj->len, OBJ_ALIGN) > left)
		return ERR_PTR(-EBADMSG);
	*at += ALIGN((size_t)obj->len, OBJ_ALIGN);
	return obj;
}
