/* SPDX-License-Identifier: GPL-2.0 */
/* PACKED messages: PAGES as parts of one zstd stream per connection. */
#ifndef TERN_PACK_H
#define TERN_PACK_H

#include <zstd.h>

#include "link.h"

/**
 * struct tern_packer - the source's end of the stream; zeroed: not begun
 * @stream: what went before
 * @head: of the message
 * @buf: the part of the stream that follows
 * @len: bytes of it
 * @room: of @buf
 */
struct tern_packer {
	ZSTD_CCtx *stream;
	struct tern_wire_packed head;
	char *buf;
	size_t len;
	size_t room;
};

int tern_packer_pack(struct tern_packer *p, const struct iovec *iov, unsigned int nr);
int tern_packer_send(struct tern_packer *p, struct tern_link *link);
void tern_packer_fini(struct tern_packer *p);

/**
 * struct tern_unpacker - the destination's end; zeroed: not begun
 * @stream: what went before
 */
struct tern_unpacker {
	ZSTD_DCtx *stream;
};

int tern_unpack_len(const void *payload, size_t len);
int tern_unpack(struct tern_unpacker *u, const void *payload, size_t len, void *to);
void tern_unpacker_fini(struct tern_unpacker *u);

#endif
