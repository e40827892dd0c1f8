// SPDX-License-Identifier: GPL-2.0
/*
 * Images in memory: the walk, and adding objects. Pure logic: no system calls but
 * malloc, no locks, no state beside the image.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image_check.h"

const struct image_kind image_kinds[__TERN_OBJ_MAX] = {
#define X(obj, id, type, max) [id] = { #obj, sizeof(type), max },
	TERN_OBJECTS(X)
#undef X
};

/**
 * tern_obj_tail() - what stands behind the fixed payload of the object's type
 * @obj: an object of a checked image, of a known type
 * @len: out: bytes of it
 */
const void *tern_obj_tail(const struct tern_obj *obj, size_t *len)
{
	size_t head = sizeof(*obj) + image_kinds[obj->type].fixed;

	*len = obj->len - head;
	return (const char *)obj + head;
}

/** tern_image_next() - the object after @obj (NULL: the first), NULL at the end */
const struct tern_obj *tern_image_next(const struct tern_image *image,
				       const struct tern_obj *obj)
{
	const char *next = obj ? (const char *)obj + pad8(obj->len) : image->data;

	if (next >= (const char *)image->data + image->len)
		return NULL;
	return (const struct tern_obj *)next;
}

/** tern_image_find() - next object of @type after @after (NULL: from the start) */
const struct tern_obj *tern_image_find(const struct tern_image *image,
				       unsigned int type,
				       const struct tern_obj *after)
{
	const struct tern_obj *obj = after;

	while ((obj = tern_image_next(image, obj)))
		if (obj->type == type)
			return obj;
	return NULL;
}

/** tern_image_count() - how many objects of @type there are */
unsigned int tern_image_count(const struct tern_image *image, unsigned int type)
{
	const struct tern_obj *obj = NULL;
	unsigned int nr = 0;

	while ((obj = tern_image_find(image, type, obj)))
		nr++;
	return nr;
}

/* ---- adding ---------------------------------------------------------------- */

static int reserve(struct tern_image *image, size_t more)
{
	size_t size = image->size ? image->size : 65536;
	void *data;

	if (more > TERN_IMAGE_MAX || image->len + more > TERN_IMAGE_MAX)
		return -E2BIG;
	while (size < image->len + more)
		size *= 2;
	if (size == image->size)
		return 0;
	data = realloc(image->data, size);
	if (!data)
		return -ENOMEM;
	image->data = data;
	image->size = size;
	return 0;
}

/* The END object, if the image has one yet: it is always the last. */
static struct tern_obj *find_end(const struct tern_image *image)
{
	size_t len = sizeof(struct tern_obj) + sizeof(struct tern_obj_end);
	struct tern_obj *end;

	if (image->len < len)
		return NULL;
	end = (void *)((char *)image->data + image->len - len);
	return end->type == TERN_OBJ_END && end->len == len && !end->flags ? end : NULL;
}

/**
 * tern_image_add() - append an object before END, or at the end of an image
 * that has none yet
 * @image: its buffer grows when need be
 * @type: enum tern_obj_type
 * @payload: the fixed part
 * @payload_len: its size
 * @tail: what follows; may be NULL
 * @tail_len: its size
 *
 * Return: 0, -E2BIG, -ENOMEM.
 */
int tern_image_add(struct tern_image *image, unsigned int type,
		   const void *payload, size_t payload_len,
		   const void *tail, size_t tail_len)
{
	size_t len = sizeof(struct tern_obj) + payload_len + tail_len;
	struct tern_obj head = { .type = type, .version = TERN_OBJ_VERSION, .len = len };
	struct tern_obj *end;
	char *at;
	int err;

	if (payload_len > TERN_IMAGE_MAX || tail_len > TERN_IMAGE_MAX)
		return -E2BIG;
	err = reserve(image, pad8(len));
	if (err)
		return err;
	at = (char *)image->data + image->len;
	end = find_end(image);
	if (end) {
		((struct tern_obj_end *)(end + 1))->objects++;
		at = (char *)end;
		memmove(at + pad8(len), at, end->len);
	}
	memcpy(at, &head, sizeof(head));
	if (payload_len)
		memcpy(at + sizeof(head), payload, payload_len);
	if (tail_len)
		memcpy(at + sizeof(head) + payload_len, tail, tail_len);
	/* all else has been written: contents may be large, and somebody waits */
	memset(at + len, 0, pad8(len) - len);
	image->len += pad8(len);
	return 0;
}

/** tern_image_append_bytes() - append whole objects as they stand, END or no END */
int tern_image_append_bytes(struct tern_image *image, const void *bytes, size_t len)
{
	int err = reserve(image, len);

	if (err)
		return err;
	memcpy((char *)image->data + image->len, bytes, len);
	image->len += len;
	return 0;
}

/** tern_image_append() - append a copy of @obj as it stands, with its padding */
int tern_image_append(struct tern_image *image, const struct tern_obj *obj)
{
	return tern_image_append_bytes(image, obj, pad8(obj->len));
}

/** tern_image_reserve() - room for @more bytes, touched, so that none is made later */
int tern_image_reserve(struct tern_image *image, size_t more)
{
	int err = reserve(image, more);

	if (!err)
		memset((char *)image->data + image->len, 0, more);
	return err;
}

/** tern_image_free() - give the buffer back */
void tern_image_free(struct tern_image *image)
{
	free(image->data);
	memset(image, 0, sizeof(*image));
}
