/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An image in memory, in user space. Nothing of an image is believed before
 * tern_image_check() has accepted it; after that the walk and the accessors may
 * trust lengths, counts, ids, references and address ranges.
 */
#ifndef TERN_USER_IMAGE_H
#define TERN_USER_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <tern/image.h>

struct tern_why;

/**
 * struct tern_image - a whole image
 * @data: objects, each aligned to 8
 * @len: bytes of them
 * @size: bytes allocated at @data
 */
struct tern_image {
	void *data;
	size_t len;
	size_t size;
};

/* Sets of types: a bit for each. */
#define TERN_TYPE(name)	(1ULL << TERN_OBJ_##name)
#define TERN_TYPES_ALL	(~0ULL)

/* What descriptors consist of. */
#define TERN_FILES_TYPES \
	(TERN_TYPE(DESC) | TERN_TYPE(FD) | TERN_TYPE(PIPE) | TERN_TYPE(EPOLL) | \
	 TERN_TYPE(EVENT) | TERN_TYPE(TIMERFD) | TERN_TYPE(WATCH) | \
	 TERN_TYPE(SOCKET) | TERN_TYPE(LOCK) | TERN_TYPE(CARRIED) | \
	 TERN_TYPE(DATA) | TERN_TYPE(TERMINAL) | TERN_TYPE(PEER) | \
	 TERN_TYPE(INET) | TERN_TYPE(OPTION) | TERN_TYPE(NETLINK))

int tern_image_check(const struct tern_image *image, struct tern_why *why);
int tern_image_check_sockets(const struct tern_image *image, struct tern_why *why);
/** tern_image_check_changes() - likewise, of one that has been a sound image before,
 * but for the objects of @types (bit per type), others having come or gone
 */
int tern_image_check_changes(const struct tern_image *image, __u64 types,
			     struct tern_why *why);

/** tern_image_next() - the object after @obj (NULL: the first), NULL at the end */
const struct tern_obj *tern_image_next(const struct tern_image *image,
				       const struct tern_obj *obj);
/** tern_image_find() - next object of @type after @after (NULL: from the start) */
const struct tern_obj *tern_image_find(const struct tern_image *image,
				       unsigned int type,
				       const struct tern_obj *after);
/** tern_image_count() - how many objects of @type there are */
unsigned int tern_image_count(const struct tern_image *image, unsigned int type);
/** tern_obj_payload() - what stands behind the header */
static inline const void *tern_obj_payload(const struct tern_obj *obj)
{
	return obj + 1;
}
/** tern_obj_tail() - what stands behind the fixed payload of the object's type */
const void *tern_obj_tail(const struct tern_obj *obj, size_t *len);

/** tern_socket_rights() - what is under way to a socket: ids of descriptions */
static inline const __u32 *tern_socket_rights(const struct tern_obj_socket *k)
{
	return (const __u32 *)((const struct tern_message *)(k + 1) + k->messages);
}

/** tern_socket_data() - what its messages say */
static inline const char *tern_socket_data(const struct tern_obj_socket *k)
{
	return (const char *)(tern_socket_rights(k) + k->rights);
}

/** tern_socket_path() - where a name in the file system is: its own, or that which it calls */
static inline const char *tern_socket_path(const struct tern_obj_socket *k)
{
	return tern_socket_data(k) + k->data + k->name;
}

/** tern_vma_is_special() - one of the kernel's own mappings? */
static inline bool tern_vma_is_special(const struct tern_obj_vma *v)
{
	return v->kind == TERN_VMA_VDSO || v->kind == TERN_VMA_VVAR;
}

/** tern_vma_is_paged() - do its pages come from the source? */
static inline bool tern_vma_is_paged(const struct tern_obj_vma *v)
{
	return v->kind == TERN_VMA_ANON || v->kind == TERN_VMA_MEMORY;
}

/** tern_image_add() - append an object before END (or at the end of an image that
 * has none yet); grows the buffer. Used for what only user space can capture.
 */
int tern_image_add(struct tern_image *image, unsigned int type,
		   const void *payload, size_t payload_len,
		   const void *tail, size_t tail_len);
int tern_image_append_bytes(struct tern_image *image, const void *bytes, size_t len);
int tern_image_append(struct tern_image *image, const struct tern_obj *obj);
int tern_image_reserve(struct tern_image *image, size_t more);
void tern_image_free(struct tern_image *image);

#endif
